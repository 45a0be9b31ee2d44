//! Workshops that were made ahead.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::json;
use time::OffsetDateTime;

use super::cold::all;
use super::{Bench, boot, progress};
use crate::report::{Report, Table};
use crate::served::{Api, Served, milliseconds};
use crate::statistics::{median, rounded};

/// Until the next one is ready: they are made at low priority.
const REFILL_LIMIT: Duration = Duration::from_secs(180);
/// Beside it: requests that write a row and make nothing.
const ROWS: usize = 20;

pub(super) async fn measure(bench: &Bench<'_>, report: &mut Report) -> Result<()> {
    let mut table = Table::new(
        "seats of a standby workshop",
        &[
            "seats",
            "ms until it answers",
            "ms until the last echo",
            "ms a row",
        ],
    );
    let mut values = serde_json::Map::new();
    let room = room(bench).await?;
    for seats in bench.sizes() {
        // Nothing is made ahead that the machine can't hold; a cold class is made there by an explicit yes.
        if *seats > room {
            let why = format!("does not fit: this machine holds {room}");
            table.row(&[seats.to_string(), why, String::new(), String::new()]);
            continue;
        }
        let plan = format!("{seats}x1");
        let arguments = ["--standby", &plan, "--standby-at-stop", "drain"];
        let served = Served::start(bench.programs, &arguments).await?;
        let rows = rows(&served.api).await?;
        let (mut answered, mut echoed) = (Vec::new(), Vec::new());
        for round in 1..=bench.rounds {
            progress(&format!(
                "{seats} seats, standby: round {round} of {}",
                bench.rounds
            ));
            ready(&served.api).await?;
            let one = boot(&served.api, *seats).await?;
            served.api.delete(&one.workshop).await?;
            answered.push(one.answered);
            echoed.push(one.echoed);
        }
        // Otherwise one might be made while the next server's is measured.
        ready(&served.api).await?;
        table.row(&[
            seats.to_string(),
            format!("{:.0}", median(&answered)),
            format!("{:.0}", median(&echoed)),
            format!("{rows:.1}"),
        ]);
        values.insert(
            seats.to_string(),
            json!({"answered_ms": all(&answered, 1), "echoed_ms": all(&echoed, 1), "row_ms": rounded(rows, 2)}),
        );
    }
    report.add(table);
    report.set("standby", values.into());
    Ok(())
}

/// How many seats the machine holds.
async fn room(bench: &Bench<'_>) -> Result<u16> {
    let served = Served::start(bench.programs, &[]).await?;
    let capacity = served.api.get("/api/capacity").await?.expect(200)?;
    let left = capacity["seats_left"].as_u64().context("seats_left")?;
    Ok(u16::try_from(left).unwrap_or(u16::MAX))
}

/// Waits for a standby workshop that nobody has.
async fn ready(api: &Api) -> Result<()> {
    let is_ready = |capacity: &serde_json::Value| {
        let all = capacity["standby"].as_array();
        all.is_some_and(|all| all.iter().any(|one| one["status"] == "ready"))
    };
    api.until("/api/capacity", REFILL_LIMIT, is_ready).await?;
    Ok(())
}

/// A workshop of tomorrow, which holds no container yet: the median of several.
async fn rows(api: &Api) -> Result<f64> {
    let tomorrow = OffsetDateTime::now_utc() + Duration::from_secs(24 * 3600);
    let starts_at = tomorrow.format(&time::format_description::well_known::Rfc3339)?;
    let mut took = Vec::new();
    for _ in 0..ROWS {
        let body = json!({"name": "Tomorrow", "seats": 1, "starts_at": starts_at});
        let began = Instant::now();
        let answer = api.post("/api/workshops", body).await?;
        took.push(milliseconds(began.elapsed()));
        anyhow::ensure!(answer.status < 300, "{}: {}", answer.status, answer.body);
        api.delete(&answer.body).await?;
    }
    Ok(median(&took))
}
