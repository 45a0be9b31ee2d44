//! Workshops that nobody made ahead.

use anyhow::Result;
use serde_json::json;

use super::bare::Bare;
use super::hub::Hub;
use super::{Bench, boot, progress, warm};
use crate::report::{Report, Table};
use crate::statistics::{median, rounded};

const SEATS: u16 = 10;
const QUICK_SEATS: u16 = 2;
/// Each size takes its time; fewer rounds than the headline has.
const SIZE_ROUNDS: usize = 3;

/// Ten seats beside the same containers without us, and JupyterHub's servers, in turns.
pub(super) async fn measure(bench: &Bench<'_>, report: &mut Report) -> Result<()> {
    let seats = if bench.quick { QUICK_SEATS } else { SEATS };
    let served = warm(bench, &[]).await?;
    let mut hub = match &bench.peers {
        Some(peers) => Some(Hub::start(peers).await?),
        None => None,
    };
    let (mut ours, mut posts, mut bares, mut hubs, mut ratios) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for round in 1..=bench.rounds {
        progress(&format!(
            "{seats} seats, cold: round {round} of {}",
            bench.rounds
        ));
        let one = boot(&served.api, seats).await?;
        let bare = Bare::like(&one.workshop).await?;
        served.api.delete(&one.workshop).await?;
        let took = bare.start_all().await?;
        ratios.push(one.echoed / took);
        ours.push(one.echoed);
        posts.push(one.answered);
        bares.push(took);
        if let Some(hub) = &mut hub {
            hubs.push(hub.boot(seats).await?);
        }
    }
    let title = format!("{seats} seats, cold: until the last has echoed a typed byte");
    let mut table = Table::new(&title, &["", "ms", "× the engine alone"]);
    let bare = median(&bares);
    let mut row = |name: &str, values: &[f64], ratio: f64| {
        table.row(&[
            name.to_owned(),
            format!("{:.0}", median(values)),
            format!("{ratio:.2}"),
        ]);
    };
    row("the engine alone: created and started", &bares, 1.0);
    row(
        "ClaraTeach, until it answers",
        &posts,
        median(&posts) / bare,
    );
    row("ClaraTeach, until the last echo", &ours, median(&ratios));
    if !hubs.is_empty() {
        row(
            "JupyterHub and DockerSpawner, until the last echo",
            &hubs,
            median(&hubs) / bare,
        );
    }
    report.add(table);
    report.set(
        "cold",
        json!({
            "seats": seats, "ratio": rounded(median(&ratios), 3), "ratios": all(&ratios, 3),
            "echoed_ms": all(&ours, 0), "answered_ms": all(&posts, 0), "bare_ms": all(&bares, 0),
            "jupyterhub_ms": all(&hubs, 0),
        }),
    );
    Ok(())
}

/// How the time grows with the class.
pub(super) async fn measure_sizes(bench: &Bench<'_>, report: &mut Report) -> Result<()> {
    let served = warm(bench, &[]).await?;
    let rounds = bench.rounds.min(SIZE_ROUNDS);
    let mut took = vec![Vec::new(); bench.sizes().len()];
    for round in 1..=rounds {
        for (seats, took) in bench.sizes().iter().zip(&mut took) {
            progress(&format!("{seats} seats, cold: round {round} of {rounds}"));
            let one = boot(&served.api, *seats).await?;
            served.api.delete(&one.workshop).await?;
            took.push(one.echoed);
        }
    }
    let mut table = Table::new(
        "seats, cold: until the last echo",
        &["seats", "ms", "ms a seat"],
    );
    let mut values = serde_json::Map::new();
    for (seats, took) in bench.sizes().iter().zip(&took) {
        let middle = median(took);
        table.row(&[
            seats.to_string(),
            format!("{middle:.0}"),
            format!("{:.0}", middle / f64::from(*seats)),
        ]);
        values.insert(seats.to_string(), json!(all(took, 0)));
    }
    report.add(table);
    if let [.., of_10, _, of_50] = took.as_slice() {
        let ratio = median(of_50) / median(of_10);
        if !bench.quick {
            report.note(&format!("t(50)/t(10) = {ratio:.2}"));
            values.insert("t50_to_t10".to_owned(), json!(rounded(ratio, 2)));
        }
    }
    report.set("seats_ms", values.into());
    Ok(())
}

pub(super) fn all(values: &[f64], digits: i32) -> Vec<f64> {
    values.iter().map(|value| rounded(*value, digits)).collect()
}
