//! Memory of idle WebSockets: 1,000 to 8,000 of them, spread over 1,000 seats, each after one echo.

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::json;
use tokio::time::sleep;

use super::load::Socket;
use super::proxies::{Proxy, Routes, Running};
use super::{Bench, progress};
use crate::report::{Report, Table};
use crate::statistics::rounded;

const SEATS: usize = 1000;
const COUNTS: [usize; 5] = [0, 1000, 2000, 4000, 8000];
const QUICK_COUNTS: [usize; 5] = [0, 10, 20, 40, 80];
/// Handshakes at a time.
const AT_A_TIME: usize = 50;
/// What a proxy does after its last answer is done by then.
const SETTLE: Duration = Duration::from_millis(500);

pub(super) async fn measure(bench: &Bench, descriptors: u64, report: &mut Report) -> Result<()> {
    let counts = if bench.quick { QUICK_COUNTS } else { COUNTS };
    // The client has one for each, the proxy two.
    let fits = counts.map(|count| count as u64 * 2 + 500 < descriptors);
    if fits.contains(&false) {
        report.note(&format!(
            "{descriptors} open files at the most: fewer WebSockets are measured"
        ));
    }
    let mut table = Table::new(
        "idle WebSockets: resident memory of the proxy, MB",
        &["", "none", "1,000", "2,000", "4,000", "8,000", "each, KB"],
    );
    let mut figures = Vec::new();
    let proxies = bench
        .proxies
        .iter()
        .filter(|proxy| **proxy != Proxy::Direct);
    for proxy in proxies {
        progress(&format!("memory: {}", proxy.name()));
        let seen = one(bench, *proxy, &counts, &fits).await?;
        let megabytes: Vec<f64> = seen.iter().map(|bytes| rounded(bytes / 1e6, 1)).collect();
        let each = each(&counts, &seen).map(|bytes| rounded(bytes / 1e3, 1));
        let mut row = vec![proxy.name().to_owned()];
        row.extend((0..counts.len()).map(|at| {
            let seen = megabytes.get(at);
            seen.map_or_else(String::new, ToString::to_string)
        }));
        row.push(each.map_or_else(String::new, |each| each.to_string()));
        table.row(&row);
        figures.push(json!({
            "proxy": proxy.name(), "sockets": counts, "rss_mb": megabytes, "each_kb": each,
        }));
    }
    report.add(table);
    report.set("memory", json!(figures));
    Ok(())
}

/// From the first thousand to the last: what a first connection brings along is counted in neither.
fn each(counts: &[usize], seen: &[f64]) -> Option<f64> {
    let last = seen.len().checked_sub(1).filter(|last| *last > 1)?;
    #[expect(clippy::cast_precision_loss, reason = "thousands")]
    let more = (counts[last] - counts[1]) as f64;
    Some((seen[last] - seen[1]) / more)
}

/// Resident bytes at each count.
async fn one(bench: &Bench, proxy: Proxy, counts: &[usize], fits: &[bool]) -> Result<Vec<f64>> {
    // Routes of peers are one: it is sockets that are counted.
    let routes = match proxy {
        Proxy::Ours => Routes {
            seats: if bench.quick { 10 } else { SEATS },
            churn: 0,
        },
        _ => Routes::ONE,
    };
    let running = Running::start(&bench.installed, proxy, bench.upstream.address, routes)?;
    let mut open: Vec<Socket> = Vec::new();
    let mut seen = Vec::new();
    for (&count, _) in counts.iter().zip(fits).filter(|(_, fits)| **fits) {
        while open.len() < count {
            let from = open.len();
            let until = count.min(from + AT_A_TIME);
            let door = &running.door;
            let opening = (from..until).map(|seat| async move {
                let mut socket = Socket::open(door, seat, "echo").await?;
                socket.echo().await?;
                anyhow::Ok(socket)
            });
            let opened = futures_util::future::try_join_all(opening).await;
            let opened = opened.with_context(|| {
                format!("WebSockets {from} to {until} through {}", proxy.name())
            })?;
            open.extend(opened);
        }
        sleep(SETTLE).await;
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
        seen.push(running.resident()? as f64);
    }
    Ok(seen)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_each_takes_is_told_from_what_the_first_bring_along() {
        let seen = [1e6, 3e6, 4e6, 6e6, 10e6];
        assert_eq!(each(&COUNTS, &seen), Some(1000.0));
        assert_eq!(each(&COUNTS, &seen[..2]), None);
    }
}
