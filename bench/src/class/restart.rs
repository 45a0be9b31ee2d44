//! `kill -9` of the server under two speaking terminals a seat: what the next start takes, and whether anything is lost.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clarateach_client::{Attach, Endpoint, Event, TerminalClient};
use serde_json::json;
use tokio::task::JoinSet;

use super::Class;
use crate::report::{Report, Table};
use crate::served::milliseconds;
use crate::statistics::{percentile, rounded};

const TERMINALS: [&str; 2] = ["main", "second"];
/// What each says: a number, twice a second.
const COUNT: &str = "n=0; while true; do n=$((n + 1)); echo \"<$n>\"; sleep 0.5; done\r";
/// A page asks again after a while; this one hurries.
const ASK_EVERY: Duration = Duration::from_millis(25);
/// Until all of them speak, at the most.
const OPEN_LIMIT: Duration = Duration::from_secs(180);
/// Until they are all back, at the most.
const BACK_LIMIT: Duration = Duration::from_secs(60);
/// So many numbers before the kill, and after the last terminal is back.
const BEFORE: &str = "<3>";
const MORE: usize = 3;

pub(super) async fn measure(class: &mut Class, report: &mut Report) -> Result<()> {
    let heard = Arc::new(AtomicUsize::new(0));
    let killed = Arc::new(OnceLock::new());
    let mut back = JoinSet::new();
    for learner in &class.learners {
        for name in TERMINALS {
            let endpoint = learner.endpoint.clone();
            let (heard, killed) = (Arc::clone(&heard), Arc::clone(&killed));
            back.spawn(async move {
                let speaking = Speaking::begin(&endpoint, name).await;
                speaking.comes_back(&heard, &killed).await
            });
        }
    }
    let count = class.learners.len() * TERMINALS.len();
    let until = Instant::now() + OPEN_LIMIT;
    while heard.load(Ordering::Relaxed) < count {
        ensure!(Instant::now() < until, "not all terminals speak");
        tokio::time::sleep(ASK_EVERY).await;
    }
    eprintln!("  killing the server under {count} terminals");
    class.served.kill()?;
    let began = Instant::now();
    class.served.start_again().await?;
    let listening = began.elapsed();
    // Nobody knocks before it listens.
    killed.get_or_init(|| began);
    let first = class
        .learners
        .first()
        .context("a learner")?
        .endpoint
        .clone();
    let proxied = until_served(&first, began).await?;
    let (mut took, mut counted) = (Vec::new(), JoinSet::new());
    while let Some(terminal) = back.join_next().await {
        let (terminal, after) = terminal??;
        took.push(milliseconds(after));
        counted.spawn(terminal.has_counted());
    }
    while let Some(whole) = counted.join_next().await {
        whole??;
    }
    let values = [
        milliseconds(listening),
        milliseconds(proxied),
        percentile(&took, 0.5),
        percentile(&took, 1.0),
    ];
    let title = format!(
        "kill -9 under {} seats and {count} terminals: ms from the next start",
        class.learners.len()
    );
    let mut table = Table::new(
        &title,
        &[
            "listens",
            "first proxied request",
            "half of the terminals",
            "all of them",
        ],
    );
    table.row(&values.map(|value| format!("{value:.0}")));
    report.add(table);
    report.note("no terminal lost or repeated a byte");
    let [listens, proxied, half, all] = values.map(|value| rounded(value, 0));
    report.set(
        "restart_ms",
        json!({"seats": class.learners.len(), "terminals": count, "listens": listens, "first_proxied_request": proxied, "half_of_the_terminals": half, "all_terminals": all}),
    );
    Ok(())
}

/// Until the seat's list of terminals is answered.
async fn until_served(endpoint: &Endpoint, began: Instant) -> Result<Duration> {
    loop {
        // An upgrade is a proxied request that needs the seat's own answer.
        if endpoint
            .open(
                "/terminal?name=main&cols=80&rows=24&mode=view",
                Some("clarateach.terminal.v1"),
            )
            .await
            .is_ok()
        {
            return Ok(began.elapsed());
        }
        ensure!(began.elapsed() < BACK_LIMIT, "no request is proxied");
        tokio::time::sleep(ASK_EVERY).await;
    }
}

struct Speaking {
    endpoint: Endpoint,
    client: TerminalClient,
    said: Vec<u8>,
    name: &'static str,
}

impl Speaking {
    async fn begin(endpoint: &Endpoint, name: &'static str) -> Self {
        let attach = Attach::to(name);
        if name != "main" {
            make_terminal(endpoint, name).await;
        }
        let mut client = TerminalClient::attach(endpoint, attach).await;
        client.patience = Duration::from_secs(60);
        client.wait_for_replay().await;
        client.run("true").await;
        client.forget();
        client.type_text(COUNT).await;
        Self {
            endpoint: endpoint.clone(),
            client,
            said: Vec::new(),
            name,
        }
    }

    /// As a page: from where it was, as soon as it is let in.
    async fn comes_back(
        mut self,
        heard: &AtomicUsize,
        killed: &OnceLock<Instant>,
    ) -> Result<(Self, Duration)> {
        self.client.wait_for(BEFORE).await;
        heard.fetch_add(1, Ordering::Relaxed);
        while !matches!(self.client.receive().await, Event::Closed(_)) {}
        let began = loop {
            if let Some(began) = killed.get() {
                break *began;
            }
            tokio::time::sleep(ASK_EVERY).await;
        };
        self.said.append(&mut self.client.output);
        let (epoch, position) = (self.client.attached.epoch.clone(), self.client.position());
        let name = self.name;
        let target = format!("/terminal?name={name}&cols=80&rows=24&mode=view");
        while self
            .endpoint
            .open(&target, Some("clarateach.terminal.v1"))
            .await
            .is_err()
        {
            ensure!(began.elapsed() < BACK_LIMIT, "a terminal isn't back");
            tokio::time::sleep(ASK_EVERY).await;
        }
        let client = self.client.resume().await;
        let took = began.elapsed();
        ensure!(
            client.attached.resumed
                && client.attached.epoch == epoch
                && client.attached.offset == position,
            "it didn't resume: {:?}",
            client.attached
        );
        Ok((Self { client, ..self }, took))
    }

    /// Every number once and in order, some of them of after the restart.
    async fn has_counted(mut self) -> Result<()> {
        for _ in 0..MORE {
            self.client.wait_for(">\r\n").await;
        }
        self.said.append(&mut self.client.output);
        let said = String::from_utf8_lossy(&self.said).into_owned();
        let numbers = said
            .split('<')
            .skip(1)
            .filter_map(|rest| rest.split_once('>'));
        // The typed line has one that is none.
        let numbers = numbers.filter_map(|(number, _)| number.parse::<usize>().ok());
        let numbers: Vec<_> = numbers.collect();
        let wanted: Vec<_> = (1..=numbers.len()).collect();
        ensure!(
            numbers == wanted,
            "a terminal lost or repeated something: {numbers:?}"
        );
        Ok(())
    }
}

/// As a page's "new terminal" does.
async fn make_terminal(endpoint: &Endpoint, name: &str) {
    let made =
        crate::served::seat_call(endpoint, "POST", "/terminals", &json!({"name": name})).await;
    if let Err(error) = made {
        panic!("no terminal {name}: {error:#}");
    }
}
