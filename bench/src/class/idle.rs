//! What a class costs while nobody types, its pages open.

use std::collections::HashMap;
use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clarateach_client::{Attach, TerminalClient};
use serde_json::json;
use tokio::task::JoinSet;

use super::Class;
use crate::process::cpu_of;
use crate::report::{Report, Table};
use crate::statistics::rounded;

const OVER: Duration = Duration::from_secs(60);
const QUICK_OVER: Duration = Duration::from_secs(1);
/// Shells have started and said their first prompt by then.
const SETTLE: Duration = Duration::from_secs(10);

pub(super) async fn measure(class: &Class, quick: bool, report: &mut Report) -> Result<()> {
    let (over, settle) = if quick {
        (QUICK_OVER, QUICK_OVER)
    } else {
        (OVER, SETTLE)
    };
    let seats = class.learners.len();
    eprintln!("  {seats} idle seats, for {} s twice", over.as_secs());
    let mut values = serde_json::Map::new();
    let mut table = Table::new(
        &format!("{seats} idle seats: CPU, % of one core"),
        &["", "server", "in-seat servers and shells", "engine"],
    );
    tokio::time::sleep(settle).await;
    let mut row = |name: &str, key: &str, shares: [f64; 3]| {
        let shares = shares.map(|share| rounded(share, 2));
        let cells = shares.map(|share| format!("{share:.2}"));
        table.row(&[&[name.to_owned()], cells.as_slice()].concat());
        values.insert(
            key.to_owned(),
            json!({"server": shares[0], "seats": shares[1], "engine": shares[2]}),
        );
    };
    row("no page open", "no_page", shares(class, over).await?);
    let mut pages = JoinSet::new();
    for learner in &class.learners {
        let endpoint = learner.endpoint.clone();
        pages.spawn(async move {
            let mut terminal = TerminalClient::attach(&endpoint, Attach::default()).await;
            terminal.patience = Duration::from_secs(3600);
            // Takes what comes, and answers pings.
            terminal.wait_for_close().await
        });
    }
    tokio::time::sleep(settle).await;
    row(
        "a terminal's page open in each",
        "pages",
        shares(class, over).await?,
    );
    pages.shutdown().await;
    report.add(table);
    report.set("idle_percent_of_a_core", values.into());
    report.set("idle_seats", json!(seats));
    Ok(())
}

/// Of the server, of all that runs in seats, and of the engine.
async fn shares(class: &Class, over: Duration) -> Result<[f64; 3]> {
    let before = used(class)?;
    let began = Instant::now();
    tokio::time::sleep(over).await;
    let after = used(class)?;
    let took = began.elapsed().as_secs_f64();
    Ok([0, 1, 2].map(|who| (after[who].saturating_sub(before[who])).as_secs_f64() / took * 100.0))
}

fn used(class: &Class) -> Result<[Duration; 3]> {
    let server = class.served.process.as_ref().context("it runs")?.cpu()?;
    let id = class.workshop["id"].as_str().context("an id")?;
    let label = format!("label=clarateach.workshop={id}");
    let mut ask = Command::new("docker");
    ask.args(["ps", "--quiet", "--no-trunc", "--filter", &label]);
    let containers = String::from_utf8(ask.output()?.stdout)?;
    let (mut seats, mut engine) = (Duration::ZERO, Duration::ZERO);
    let groups = groups();
    for (process, group) in &groups {
        let own = cpu_of(&format!("/proc/{process}/task")).unwrap_or_default();
        if containers
            .lines()
            .any(|container| group.contains(container))
        {
            seats += own;
        }
        let name = fs::read_to_string(format!("/proc/{process}/comm")).unwrap_or_default();
        if matches!(name.trim(), "dockerd" | "containerd" | "containerd-shim") {
            engine += own;
        }
    }
    Ok([server, seats, engine])
}

/// Every process and the control groups that it is in (cgroups(7)).
fn groups() -> HashMap<u32, String> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let ids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    ids.filter_map(|id: u32| Some((id, fs::read_to_string(format!("/proc/{id}/cgroup")).ok()?)))
        .collect()
}
