//! Memory of the server: idle, with one terminal of 1,000 lines at 120×30, with ten. A page is attached to each.

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::json;
use tokio::time::sleep;

use super::{Bench, progress};
use crate::contender::{Contender, Servers};
use crate::process::Memory;
use crate::report::{Report, Table};
use crate::statistics::{median, rounded};
use crate::terminal::Terminal;
use crate::work::Work;

/// This much of [`Work::Colours`] has 1,000 lines.
pub(crate) const THOUSAND_LINES_BYTES: u64 = 80_000;
pub(crate) const SCREEN: (u16, u16) = (120, 30);
/// What a server does after its last answer is done by then.
const SETTLE: Duration = Duration::from_millis(300);
/// Numbers of terminals with which it is measured.
const TERMINALS: [usize; 3] = [0, 1, 10];
/// Seats of a class: their servers share the pages of one program.
const CLASS: usize = 20;

pub(crate) async fn measure(bench: &Bench, report: &mut Report) -> Result<()> {
    let contenders: Vec<Contender> = bench
        .contenders
        .iter()
        .copied()
        .filter(|contender| !matches!(contender, Contender::Raw | Contender::Gateway))
        .collect();
    let rounds = bench.extent.choose(5, 1);
    let mut seen: Vec<Vec<Vec<Memory>>> = vec![Vec::new(); contenders.len()];
    for round in 0..rounds {
        progress(&format!("memory: round {} of {rounds}", round + 1));
        for (contender, seen) in contenders.iter().zip(&mut seen) {
            seen.push(one_round(bench, *contender).await?);
        }
    }
    let mut table = Table::new(
        "memory of the server process",
        &[
            "",
            "idle, MB",
            "one terminal, MB",
            "ten, MB",
            "each further, MB",
            "ten, of ours",
        ],
    );
    let mut figures = Vec::new();
    let ours = seen.first().map_or(0.0, |ours| pss(ours, 2));
    for (contender, seen) in contenders.iter().zip(&seen) {
        let [idle, one, ten] = [0, 1, 2].map(|state| pss(seen, state));
        let further = (ten - one) / 9.0;
        table.row(&[
            contender.name().to_owned(),
            format!("{idle:.1}"),
            format!("{one:.1}"),
            format!("{ten:.1}"),
            format!("{further:.2}"),
            format!("{:.1} ×", ten / ours),
        ]);
        let rss = |state: usize| median_of(seen, state, |memory| memory.rss);
        figures.push(json!({
            "contender": contender.name(),
            "pss_mb": {"idle": rounded(idle, 2), "one": rounded(one, 2), "ten": rounded(ten, 2)},
            "rss_mb": {
                "idle": rounded(rss(0), 2), "one": rounded(rss(1), 2), "ten": rounded(rss(2), 2),
            },
            "each_further_mb": rounded(further, 2),
            "rounds": rounds,
        }));
    }
    report.add(table);
    report.set("memory", json!(figures));
    if contenders.contains(&Contender::Seat) {
        measure_class(bench, report).await?;
    }
    Ok(())
}

/// As seats have it: many servers of one program, each with one terminal of 1,000 lines.
async fn measure_class(bench: &Bench, report: &mut Report) -> Result<()> {
    let seats = bench.extent.choose(CLASS, 2);
    progress(&format!("memory: {seats} in-seat servers"));
    let mut class = Vec::new();
    for _ in 0..seats {
        let servers = Servers::start(&bench.programs, &[Contender::Seat])?;
        let terminal = filled(&servers, Contender::Seat).await?;
        class.push((servers, terminal));
    }
    sleep(SETTLE).await;
    let mut seen = Vec::new();
    for (servers, _) in &class {
        let server = servers.of(Contender::Seat);
        seen.push(vec![server.first().context("a server")?.memory()?]);
    }
    let each = pss(&seen, 0);
    let mut table = Table::new(
        "memory of a class of in-seat servers",
        &["seats", "each, MB"],
    );
    table.row(&[seats.to_string(), format!("{each:.1}")]);
    report.add(table);
    report.set(
        "memory_of_a_class",
        json!({"seats": seats, "pss_mb_each": rounded(each, 2)}),
    );
    Ok(())
}

/// A fresh server with more and more terminals.
async fn one_round(bench: &Bench, contender: Contender) -> Result<Vec<Memory>> {
    let servers = Servers::start(&bench.programs, &[contender])?;
    let mut terminals = Vec::new();
    let mut seen = Vec::new();
    for count in TERMINALS {
        while terminals.len() < count {
            terminals.push(filled(&servers, contender).await?);
        }
        sleep(SETTLE).await;
        let all = servers.of(contender);
        seen.push(all.first().context("a server")?.memory()?);
    }
    Ok(seen)
}

/// A terminal with 1,000 lines that has been drawn.
pub(crate) async fn filled(servers: &Servers, contender: Contender) -> Result<Terminal> {
    let work = Work::Colours;
    let program = vec![
        "print".to_owned(),
        work.name().to_owned(),
        THOUSAND_LINES_BYTES.to_string(),
    ];
    let mut terminal = Terminal::sized(&servers.ports(), contender, &program, SCREEN).await?;
    terminal.send(b"g").await?;
    let (mut count, expected) = (0, work.expected(THOUSAND_LINES_BYTES).bytes);
    while count < expected {
        terminal
            .receive(|bytes| count += bytes.len() as u64)
            .await?;
    }
    terminal.ack().await?;
    Ok(terminal)
}

/// Median MB.
fn pss(rounds: &[Vec<Memory>], state: usize) -> f64 {
    median_of(rounds, state, |memory| memory.pss)
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn median_of(rounds: &[Vec<Memory>], state: usize, of: impl Fn(&Memory) -> u64) -> f64 {
    let values: Vec<f64> = rounds
        .iter()
        .filter_map(|round| round.get(state))
        .map(|memory| of(memory) as f64 / 1e6)
        .collect();
    median(&values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thousand_lines_are_about_a_thousand() {
        let text = Work::Colours.text(THOUSAND_LINES_BYTES);
        let lines = text.iter().filter(|byte| **byte == b'\n').count();
        assert!((950..1050).contains(&lines), "{lines}");
    }
}
