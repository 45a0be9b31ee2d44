//! Much output: CPU time of the server a MB, and MB a second. Everything that arrives is hashed.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::json;

use super::{Bench, check, progress};
use crate::contender::{Contender, Servers};
use crate::process::own_thread_cpu;
use crate::report::{Report, Table};
use crate::statistics::{median, percentile, rounded};
use crate::terminal::Terminal;
use crate::work::{Recorded, Recorder, Work};

/// Of each kind of work and contender in all: this much, in so many rounds.
const ROUNDS: usize = 20;
const ROUND_BYTES: u64 = 10_000_000;
const QUICK_ROUNDS: usize = 2;
const QUICK_ROUND_BYTES: u64 = 1_000_000;

/// What one round took.
struct Took {
    cpu: Duration,
    wall: Duration,
    megabytes: f64,
}

struct Lane {
    contender: Contender,
    terminal: Terminal,
    rounds: Vec<Took>,
}

pub(crate) async fn measure(bench: &Bench, report: &mut Report) -> Result<()> {
    let servers = Servers::start(&bench.programs, &bench.contenders)?;
    let bytes = bench.extent.choose(ROUND_BYTES, QUICK_ROUND_BYTES);
    let mut table = Table::new(
        "bulk output",
        &[
            "",
            "work",
            "CPU of raw",
            "quartiles",
            "CPU ms/MB",
            "rate of raw",
            "quartiles, %",
            "MB/s",
        ],
    );
    let mut figures = Vec::new();
    for work in Work::ALL {
        let lanes = rounds_of(bench, &servers, work, bytes).await?;
        let raw = lanes.first().context("the baseline")?;
        for lane in &lanes {
            let cpu = Ratio::of(lane, raw, Took::cpu_ms_per_mb);
            let rate = Ratio::of(lane, raw, Took::mb_per_second);
            table.row(&[
                lane.contender.name().to_owned(),
                work.name().to_owned(),
                format!("{:.2} ×", cpu.median),
                format!("{:.1}–{:.1}", cpu.quartiles[0], cpu.quartiles[1]),
                format!("{:.2}", cpu.absolute),
                format!("{:.0} %", 100.0 * rate.median),
                format!(
                    "{:.0}–{:.0}",
                    100.0 * rate.quartiles[0],
                    100.0 * rate.quartiles[1]
                ),
                format!("{:.0}", rate.absolute),
            ]);
            figures.push(json!({
                "contender": lane.contender.name(),
                "work": work.name(),
                "cpu_of_raw": rounded(cpu.median, 2),
                "cpu_of_raw_quartiles": cpu.quartiles.map(|value| rounded(value, 2)),
                "cpu_ms_per_mb": rounded(cpu.absolute, 2),
                "rate_of_raw": rounded(rate.median, 2),
                "rate_of_raw_quartiles": rate.quartiles.map(|value| rounded(value, 2)),
                "mb_per_second": rounded(rate.absolute, 1),
                "rounds": lane.rounds.len(),
                "bytes_per_round": bytes,
            }));
        }
    }
    report.add(table);
    report.set("bulk", json!(figures));
    Ok(())
}

async fn rounds_of(bench: &Bench, servers: &Servers, work: Work, bytes: u64) -> Result<Vec<Lane>> {
    let expected = work.expected(bytes);
    let program = vec![
        "print".to_owned(),
        work.name().to_owned(),
        bytes.to_string(),
    ];
    let mut lanes = Vec::new();
    for contender in bench.contenders.iter().copied() {
        let mut terminal = Terminal::open(&servers.ports(), contender, &program).await?;
        terminal.rest().await;
        lanes.push(Lane {
            contender,
            terminal,
            rounds: Vec::new(),
        });
    }
    let rounds = bench.extent.choose(ROUNDS, QUICK_ROUNDS);
    for round in 0..=rounds {
        progress(&format!("bulk, {}: round {round} of {rounds}", work.name()));
        for lane in &mut lanes {
            lane.terminal.go_on().await;
            let took = one_round(servers, lane, &expected, round == 0).await?;
            // The first only warms up.
            if round > 0 {
                lane.rounds.push(took);
            }
            lane.terminal.rest().await;
        }
    }
    Ok(lanes)
}

/// The baseline is hashed in the first round only: the others' servers don't hash either.
async fn one_round(
    servers: &Servers,
    lane: &mut Lane,
    expected: &Recorded,
    is_first: bool,
) -> Result<Took> {
    let is_raw = lane.contender == Contender::Raw;
    let begun = Instant::now();
    let cpu = || {
        if is_raw {
            Ok(own_thread_cpu())
        } else {
            servers.cpu(lane.contender)
        }
    };
    let before = cpu()?;
    lane.terminal.send(b"g").await?;
    if is_raw && !is_first {
        let mut count = 0;
        while count < expected.bytes {
            lane.terminal
                .receive(|bytes| count += bytes.len() as u64)
                .await?;
        }
        check("bytes", &count, &expected.bytes)?;
    } else {
        let mut recorder = Recorder::default();
        while recorder.bytes < expected.bytes {
            lane.terminal.receive(|bytes| recorder.take(bytes)).await?;
        }
        check(lane.contender.name(), &recorder.finish(), expected)?;
    }
    Ok(Took {
        wall: begun.elapsed(),
        cpu: cpu()?.saturating_sub(before),
        megabytes: megabytes(expected.bytes),
    })
}

impl Took {
    fn cpu_ms_per_mb(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e3 / self.megabytes
    }

    fn mb_per_second(&self) -> f64 {
        self.megabytes / self.wall.as_secs_f64()
    }
}

/// A contender beside the baseline, round by round: what else the machine does changes more slowly.
struct Ratio {
    median: f64,
    quartiles: [f64; 2],
    /// The contender's own median.
    absolute: f64,
}

impl Ratio {
    fn of(lane: &Lane, raw: &Lane, figure: impl Fn(&Took) -> f64) -> Self {
        let rounds = lane.rounds.iter().zip(&raw.rounds);
        let ratios: Vec<f64> = rounds.map(|(own, raw)| figure(own) / figure(raw)).collect();
        let own: Vec<f64> = lane.rounds.iter().map(&figure).collect();
        Self {
            median: median(&ratios),
            quartiles: [0.25, 0.75].map(|part| percentile(&ratios, part)),
            absolute: median(&own),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}
