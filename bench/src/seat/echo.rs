//! A typed byte and back, alone and beside a flooding neighbour.

use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::json;

use super::flood::Flood;
use super::{Bench, progress};
use crate::contender::{Contender, Servers};
use crate::report::{Report, Table};
use crate::statistics::{median, percentile, rounded};
use crate::terminal::Terminal;

/// Samples of one contender before the next one's turn.
const BLOCK: usize = 200;
const QUICK_BLOCK: usize = 10;
/// Not counted at a block's begin: caches belong to somebody else.
const WARM_UP: usize = 3;
/// Beside a flood a block may take long.
const BLOCK_LIMIT: Duration = Duration::from_secs(1);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Neighbour {
    Idle,
    Flooding,
}

struct Lane {
    contender: Contender,
    terminal: Terminal,
    flood: Flood,
    /// Microseconds, a vector a block.
    idle: Vec<Vec<f64>>,
    flooding: Vec<Vec<f64>>,
    flooded: u64,
}

pub(crate) async fn measure(bench: &Bench, report: &mut Report) -> Result<()> {
    let servers = Servers::start(&bench.programs, &bench.contenders)?;
    let ports = servers.ports();
    let mut lanes = Vec::new();
    for contender in bench.contenders.iter().copied() {
        lanes.push(Lane {
            contender,
            terminal: Terminal::open(&ports, contender, &vec!["echo".to_owned()]).await?,
            flood: Flood::start(ports, contender).await?,
            idle: Vec::new(),
            flooding: Vec::new(),
            flooded: 0,
        });
    }
    let block = bench.extent.choose(BLOCK, QUICK_BLOCK);
    let rounds = bench.extent.choose(50, 2);
    for round in 0..rounds {
        if round % 10 == 0 {
            progress(&format!("echo: round {} of {rounds}", round + 1));
        }
        for lane in &mut lanes {
            lane.idle.push(samples(&mut lane.terminal, block).await?);
        }
        for lane in &mut lanes {
            let before = lane.flood.received();
            lane.flood.go().await?;
            let taken = samples(&mut lane.terminal, block).await?;
            lane.flooding.push(taken);
            lane.flood.stop().await?;
            lane.flooded += lane.flood.received() - before;
        }
    }
    tell(&lanes, report);
    Ok(())
}

async fn samples(terminal: &mut Terminal, count: usize) -> Result<Vec<f64>> {
    let begun = Instant::now();
    let mut taken = Vec::with_capacity(count);
    for sample in 0..count + WARM_UP {
        let sent = Instant::now();
        terminal.send(b"x").await?;
        let mut got = 0;
        while got == 0 {
            terminal.receive(|bytes| got += bytes.len()).await?;
        }
        anyhow::ensure!(got == 1, "one byte was typed, {got} came back");
        if sample >= WARM_UP {
            taken.push(sent.elapsed().as_secs_f64() * 1e6);
        }
        if begun.elapsed() > BLOCK_LIMIT {
            break;
        }
    }
    Ok(taken)
}

fn tell(lanes: &[Lane], report: &mut Report) {
    let mut table = Table::new(
        "echo of one byte",
        &[
            "",
            "neighbour",
            "p50 of raw",
            "p50 µs",
            "p99 µs",
            "adds at p50, µs",
            "to",
            "samples",
        ],
    );
    let mut figures = Vec::new();
    for neighbour in [Neighbour::Idle, Neighbour::Flooding] {
        let raw = lanes.first().map(|lane| p(lane, neighbour, 0.5));
        for lane in lanes {
            let base = base_of(lanes, lane.contender);
            let added = base.map(|base| paired(blocks(base, neighbour), blocks(lane, neighbour)));
            let name = match neighbour {
                Neighbour::Idle => "idle",
                Neighbour::Flooding => "flooding",
            };
            let (p50, p99) = (p(lane, neighbour, 0.5), p(lane, neighbour, 0.99));
            let ratio = p50 / raw.unwrap_or(p50);
            let count: usize = blocks(lane, neighbour).iter().map(Vec::len).sum();
            table.row(&[
                lane.contender.name().to_owned(),
                name.to_owned(),
                format!("{ratio:.1} ×"),
                format!("{p50:.1}"),
                format!("{p99:.0}"),
                added.map_or(String::new(), |added| format!("{added:.1}")),
                base.map_or(String::new(), |base| base.contender.name().to_owned()),
                count.to_string(),
            ]);
            figures.push(json!({
                "contender": lane.contender.name(),
                "neighbour": name,
                "p50_of_raw": rounded(ratio, 2),
                "p50_us": rounded(p50, 1),
                "p99_us": rounded(p99, 1),
                "adds_p50_us": added.map(|added| rounded(added, 1)),
                "adds_to": base.map(|base| base.contender.name()),
                "samples": count,
                "neighbour_bytes": match neighbour {
                    Neighbour::Idle => 0,
                    Neighbour::Flooding => lane.flooded,
                },
            }));
        }
    }
    report.add(table);
    report.set("echo", json!(figures));
}

/// What a contender's figure is compared with, block by block.
fn base_of(lanes: &[Lane], contender: Contender) -> Option<&Lane> {
    let base = match contender {
        Contender::Raw => return None,
        Contender::Gateway => Contender::Seat,
        Contender::Seat | Contender::Terminado | Contender::NodePty => Contender::Raw,
    };
    lanes.iter().find(|lane| lane.contender == base)
}

fn blocks(lane: &Lane, neighbour: Neighbour) -> &[Vec<f64>] {
    match neighbour {
        Neighbour::Idle => &lane.idle,
        Neighbour::Flooding => &lane.flooding,
    }
}

fn p(lane: &Lane, neighbour: Neighbour, part: f64) -> f64 {
    percentile(&blocks(lane, neighbour).concat(), part)
}

/// Median over the rounds of how much a block's median is above the other's of the same round.
fn paired(base: &[Vec<f64>], other: &[Vec<f64>]) -> f64 {
    let differences: Vec<f64> = base
        .iter()
        .zip(other)
        .map(|(base, other)| median(other) - median(base))
        .collect();
    median(&differences)
}
