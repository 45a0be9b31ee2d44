//! WebSockets: a typed byte and back, and much in one direction.

use std::time::Instant;

use anyhow::{Context, Result};
use serde_json::json;

use super::load::Socket;
use super::proxies::{Proxy, Routes, Running};
use super::{Bench, progress};
use crate::report::{Report, Table};
use crate::statistics::{median, percentile, rounded};

/// Echoes of one contender before the next one's turn.
const BLOCK: usize = 500;
const WARM_UP: usize = 20;
/// Bytes of one turn.
const BULK: u64 = 50_000_000;
/// More than all buffers on the way hold: what lies there has been paid for.
const BULK_WARM_UP: u64 = 30_000_000;

struct Lane {
    running: Running,
    echo: Socket,
    flood: Socket,
    /// Microseconds: a median and a 99th percentile a round.
    p50: Vec<f64>,
    p99: Vec<f64>,
    /// CPU time of the proxy an echo, in microseconds.
    echo_cpu: Vec<f64>,
    /// CPU time of the proxy a MB, in microseconds.
    bulk_cpu: Vec<f64>,
    /// MB a second.
    bulk_rate: Vec<f64>,
}

pub(super) async fn measure(bench: &Bench, report: &mut Report) -> Result<()> {
    let mut lanes = Vec::new();
    for proxy in &bench.proxies {
        let running = Running::start(
            &bench.installed,
            *proxy,
            bench.upstream.address,
            Routes::ONE,
        )?;
        let open = async |what| {
            let opened = Socket::open(&running.door, 0, what).await;
            opened.with_context(|| format!("a WebSocket through {}", proxy.name()))
        };
        let (echo, flood) = (open("echo").await?, open("flood").await?);
        lanes.push(Lane {
            running,
            echo,
            flood,
            p50: Vec::new(),
            p99: Vec::new(),
            echo_cpu: Vec::new(),
            bulk_cpu: Vec::new(),
            bulk_rate: Vec::new(),
        });
    }
    let rounds = if bench.quick { 1 } else { bench.rounds * 2 };
    for round in 0..rounds {
        progress(&format!("WebSockets: round {} of {rounds}", round + 1));
        for lane in &mut lanes {
            lane.echoes(if bench.quick { 50 } else { BLOCK }).await?;
        }
    }
    for _ in 0..bench.rounds {
        for lane in &mut lanes {
            lane.bulk(if bench.quick { BULK / 20 } else { BULK })
                .await?;
        }
    }
    tell(&lanes, report);
    Ok(())
}

impl Lane {
    async fn echoes(&mut self, count: usize) -> Result<()> {
        for _ in 0..WARM_UP {
            self.echo.echo().await?;
        }
        let before = self.running.cpu()?;
        let mut taken = Vec::with_capacity(count);
        for _ in 0..count {
            taken.push(self.echo.echo().await?.as_secs_f64() * 1e6);
        }
        let used = self.running.cpu()?.saturating_sub(before);
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
        self.echo_cpu.push(used.as_secs_f64() * 1e6 / count as f64);
        self.p50.push(median(&taken));
        self.p99.push(percentile(&taken, 0.99));
        Ok(())
    }

    /// A flood that nobody takes stands still in its buffers, so all lanes can have theirs open.
    async fn bulk(&mut self, bytes: u64) -> Result<()> {
        self.flood.take(BULK_WARM_UP).await?;
        let (before, begun) = (self.running.cpu()?, Instant::now());
        self.flood.take(bytes).await?;
        let elapsed = begun.elapsed().as_secs_f64();
        let used = self.running.cpu()?.saturating_sub(before);
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
        let megabytes = bytes as f64 / 1e6;
        self.bulk_cpu.push(used.as_secs_f64() * 1e6 / megabytes);
        self.bulk_rate.push(megabytes / elapsed);
        Ok(())
    }
}

fn tell(lanes: &[Lane], report: &mut Report) {
    let mut table = Table::new(
        "WebSockets",
        &[
            "",
            "echo p50, µs",
            "adds to direct, µs",
            "p99, µs",
            "CPU an echo, µs",
            "CPU a MB, µs",
            "of nginx",
            "MB/s",
        ],
    );
    let lane_of = |proxy: Proxy| lanes.iter().find(|lane| lane.running.proxy == proxy);
    let paired = |one: &[f64], base: &[f64], of: fn(f64, f64) -> f64| {
        let pairs: Vec<f64> = one
            .iter()
            .zip(base)
            .map(|(one, base)| of(*one, *base))
            .collect();
        median(&pairs)
    };
    let mut figures = Vec::new();
    for lane in lanes {
        let adds =
            lane_of(Proxy::Direct).map(|direct| paired(&lane.p50, &direct.p50, |a, b| a - b));
        let of_nginx = lane_of(Proxy::Nginx)
            .map(|nginx| paired(&lane.bulk_cpu, &nginx.bulk_cpu, |a, b| a / b));
        let [p50, p99, echo_cpu, bulk_cpu, rate] = [
            &lane.p50,
            &lane.p99,
            &lane.echo_cpu,
            &lane.bulk_cpu,
            &lane.bulk_rate,
        ]
        .map(|values| rounded(median(values), 1));
        let shown =
            |value: Option<f64>| value.map_or_else(String::new, |value| format!("{value:.2}"));
        table.row(&[
            lane.running.proxy.name().to_owned(),
            p50.to_string(),
            shown(adds),
            p99.to_string(),
            echo_cpu.to_string(),
            bulk_cpu.to_string(),
            shown(of_nginx),
            format!("{rate:.0}"),
        ]);
        figures.push(json!({
            "proxy": lane.running.proxy.name(),
            "echo_p50_us": p50,
            "echo_adds_us": adds.map(|adds| rounded(adds, 1)),
            "echo_p99_us": p99,
            "echo_cpu_us": echo_cpu,
            "bulk_cpu_us_a_mb": bulk_cpu,
            "bulk_cpu_of_nginx": of_nginx.map(|ratio| rounded(ratio, 2)),
            "bulk_mb_a_second": rate,
        }));
    }
    report.add(table);
    report.set("sockets", json!(figures));
}
