//! Requests: CPU time of the proxy for each, and how many a second, by size of the answer and number of connections.

use anyhow::Result;
use serde_json::json;

use super::load::{Turn, ask};
use super::proxies::{Proxy, Routes, Running};
use super::{Bench, progress};
use crate::report::{Report, Table};
use crate::statistics::{median, rounded};

const SIZES: [(&str, &str); 3] = [("100", "100 B"), ("10000", "10 KB"), ("1000000", "1 MB")];
const CONNECTIONS: [usize; 3] = [1, 32, 256];

/// One turn of one contender.
#[derive(Clone, Copy)]
pub(super) struct Seen {
    /// Microseconds of the proxy's CPU time a request.
    pub(super) cpu: f64,
    /// Requests a second.
    pub(super) rate: f64,
}

pub(super) async fn measure(bench: &Bench, report: &mut Report) -> Result<()> {
    let mut running = Vec::new();
    for proxy in &bench.proxies {
        let upstream = bench.upstream.address;
        running.push(Running::start(
            &bench.installed,
            *proxy,
            upstream,
            Routes::ONE,
        )?);
    }
    let cells: Vec<(usize, usize)> = (0..SIZES.len())
        .flat_map(|size| CONNECTIONS.map(|connections| (size, connections)))
        .collect();
    // By cell, then by contender, then by round.
    let mut seen = vec![vec![Vec::new(); running.len()]; cells.len()];
    for round in 0..bench.rounds {
        progress(&format!(
            "requests: round {} of {}",
            round + 1,
            bench.rounds
        ));
        for (&(size, connections), seen) in cells.iter().zip(&mut seen) {
            let below = format!("files/{}", SIZES[size].0);
            for (one, seen) in running.iter().zip(seen) {
                seen.push(turn(bench, one, &below, connections).await?);
            }
        }
    }
    let mut figures = Vec::new();
    for (&(size, connections), seen) in cells.iter().zip(&seen) {
        let name = format!("{}, {connections} connections", SIZES[size].1);
        figures.push(tell(&name, &bench.proxies, seen, report));
    }
    report.set("requests", json!(figures));
    Ok(())
}

/// After a moment that doesn't count: connections to the upstream are there then.
pub(super) async fn turn(
    bench: &Bench,
    running: &Running,
    below: &str,
    connections: usize,
) -> Result<Seen> {
    use anyhow::Context;
    let ask = async |duration| {
        let asked = ask(&running.door, below, connections, duration).await;
        asked.with_context(|| format!("{} was asked for {below}", running.proxy.name()))
    };
    ask(bench.turn / 8).await?;
    let before = running.cpu()?;
    let Turn { requests, elapsed } = ask(bench.turn).await?;
    let used = running.cpu()?.saturating_sub(before);
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let requests = requests as f64;
    Ok(Seen {
        cpu: used.as_secs_f64() * 1e6 / requests,
        rate: requests / elapsed.as_secs_f64(),
    })
}

/// Medians, and medians of the ratios within a round to nginx, where it ran.
pub(super) fn tell(
    name: &str,
    proxies: &[Proxy],
    seen: &[Vec<Seen>],
    report: &mut Report,
) -> serde_json::Value {
    let mut table = Table::new(
        name,
        &[
            "",
            "CPU of the proxy, µs",
            "of nginx",
            "requests/s",
            "of nginx",
        ],
    );
    let baseline = proxies.iter().position(|proxy| *proxy == Proxy::Nginx);
    let baseline = baseline.and_then(|at| seen.get(at));
    let mut figures = Vec::new();
    for (proxy, seen) in proxies.iter().zip(seen) {
        let of = |what: fn(&Seen) -> f64| median(&seen.iter().map(what).collect::<Vec<_>>());
        let ratio = |what: fn(&Seen) -> f64| {
            let pairs = seen.iter().zip(baseline?);
            let ratios: Vec<f64> = pairs.map(|(one, base)| what(one) / what(base)).collect();
            Some(rounded(median(&ratios), 2))
        };
        let (cpu, rate) = (of(|seen| seen.cpu), of(|seen| seen.rate));
        let has_cpu = *proxy != Proxy::Direct;
        let cpu_ratio = ratio(|seen| seen.cpu).filter(|_| has_cpu);
        let rate_ratio = ratio(|seen| seen.rate);
        let shown =
            |ratio: Option<f64>| ratio.map_or_else(String::new, |ratio| format!("{ratio:.2} ×"));
        table.row(&[
            proxy.name().to_owned(),
            format!("{cpu:.1}"),
            shown(cpu_ratio),
            format!("{rate:.0}"),
            shown(rate_ratio),
        ]);
        figures.push(json!({
            "proxy": proxy.name(),
            "cpu_us": rounded(cpu, 2),
            "cpu_of_nginx": cpu_ratio,
            "rate": rounded(rate, 0),
            "rate_of_nginx": rate_ratio,
        }));
    }
    report.add(table);
    json!({"what": name, "seen": figures})
}
