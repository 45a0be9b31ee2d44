//! The text of a terminal's screen, 60 times a second, as the console asks for it.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clarateach_bench::workspace_token;
use serde_json::{Value, json};
use tokio::time::{MissedTickBehavior, interval};

use super::{Bench, memory, progress};
use crate::contender::{Contender, Servers};
use crate::http::Http;
use crate::report::{Report, Table};
use crate::statistics::{median, rounded};

const PER_SECOND: u32 = 60;

pub(crate) async fn measure(bench: &Bench, report: &mut Report) -> Result<()> {
    let servers = Servers::start(&bench.programs, &[Contender::Seat])?;
    let _terminal = memory::filled(&servers, Contender::Seat).await?;
    let mut http = Http::connect(servers.ports().seat.context("an in-seat server")?).await?;
    let (_, list) = get(&mut http, "/terminals").await?;
    let list: Value = serde_json::from_str(&list)?;
    let name = list["terminals"][0]["name"]
        .as_str()
        .context("a terminal")?;
    let screen = format!("/terminals/{name}/screen");
    let (status, text) = get(&mut http, &screen).await?;
    if status == 404 || status == 405 {
        report.note("screens: this in-seat server has no /terminals/{name}/screen");
        report.set("screen", Value::Null);
        return Ok(());
    }
    ensure!(status == 200, "{screen} answers {status}");
    ensure!(
        text.contains("exercise-"),
        "the screen shows no line of the work: {text}"
    );
    let rounds = bench.extent.choose(8, 1);
    let requests = bench.extent.choose(PER_SECOND * 2, PER_SECOND / 4);
    let (mut plain, mut screens) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        progress(&format!("screens: round {} of {rounds}", round + 1));
        plain.push(cpu_of(&servers, &mut http, "/terminals", requests).await?);
        screens.push(cpu_of(&servers, &mut http, &screen, requests).await?);
    }
    let (plain, screens) = (median(&plain), median(&screens));
    let share = screens * f64::from(PER_SECOND) / 1e6 * 100.0;
    let mut table = Table::new(
        "screens, 60 a second",
        &[
            "",
            "CPU of a GET /terminals",
            "CPU µs a request",
            "of a core at 60/s",
        ],
    );
    table.row(&[
        "in-seat server".to_owned(),
        format!("{:.1} ×", screens / plain),
        format!("{screens:.0}"),
        format!("{share:.2} %"),
    ]);
    report.add(table);
    report.set(
        "screen",
        json!({
            "cpu_of_plain_get": rounded(screens / plain, 2),
            "cpu_us_per_request": rounded(screens, 1),
            "percent_of_a_core": rounded(share, 2),
            "bytes": text.len(),
            "rounds": rounds,
        }),
    );
    Ok(())
}

/// CPU microseconds of the in-seat server for one request, at the console's pace.
async fn cpu_of(servers: &Servers, http: &mut Http, target: &str, requests: u32) -> Result<f64> {
    let mut ticks = interval(Duration::from_secs(1) / PER_SECOND);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let before = servers.cpu(Contender::Seat)?;
    for _ in 0..requests {
        ticks.tick().await;
        let (status, _) = get(http, target).await?;
        ensure!(status == 200, "{target} answers {status}");
    }
    let used = servers.cpu(Contender::Seat)?.saturating_sub(before);
    Ok(used.as_secs_f64() * 1e6 / f64::from(requests))
}

async fn get(http: &mut Http, target: &str) -> Result<(u16, String)> {
    http.call("GET", target, &workspace_token(), String::new())
        .await
}
