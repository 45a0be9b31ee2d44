//! One route, a thousand, and a thousand beside which others come and go.
//!
//! nginx learns routes by a reload of everything, so it has no churn here; Caddy would, too.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{MissedTickBehavior, interval};

use super::configurations::CHP_TOKEN;
use super::proxies::{Proxy, Routes, Running};
use super::requests::{tell, turn};
use super::{Bench, progress};
use crate::report::Report;

const MANY: usize = 1000;
/// Routes that come or go in a second.
const CHURN: u32 = 100;
const CONNECTIONS: usize = 32;
const BELOW: &str = "files/100";

pub(super) async fn measure(bench: &Bench, report: &mut Report) -> Result<()> {
    let many = if bench.quick { 20 } else { MANY };
    let cases = [
        ("1 route", Routes::ONE),
        (
            "1,000 routes",
            Routes {
                seats: many,
                churn: 0,
            },
        ),
        (
            "1,000 routes, 100 changes a second",
            Routes {
                seats: many,
                churn: CHURN,
            },
        ),
    ];
    let mut figures = Vec::new();
    for (name, routes) in cases {
        progress(&format!("routes: {name}"));
        let can = |proxy: &&Proxy| match proxy {
            Proxy::Ours | Proxy::Chp => true,
            Proxy::Nginx | Proxy::Haproxy => routes.churn == 0,
            Proxy::Direct | Proxy::NginxAuth | Proxy::Caddy => false,
        };
        let proxies: Vec<Proxy> = bench.proxies.iter().filter(can).copied().collect();
        let mut running = Vec::new();
        for proxy in &proxies {
            let one = Running::start(&bench.installed, *proxy, bench.upstream.address, routes)?;
            if let (Some(control), true) = (one.control, routes.seats > 1) {
                let mut control = Control::connect(control, bench.upstream.address).await?;
                for (base, _) in one.door.seats.iter() {
                    control.add(base).await?;
                }
            }
            running.push(one);
        }
        let mut seen = vec![Vec::new(); running.len()];
        for _ in 0..bench.rounds {
            for (one, seen) in running.iter().zip(&mut seen) {
                let churned = async {
                    match one.control.filter(|_| routes.churn > 0) {
                        Some(control) => churn(control, bench.upstream.address).await,
                        None => std::future::pending().await,
                    }
                };
                tokio::select! {
                    turned = turn(bench, one, BELOW, CONNECTIONS) => seen.push(turned?),
                    failed = churned => failed?,
                }
            }
        }
        let name = format!("100 B, {CONNECTIONS} connections, {name}");
        figures.push(tell(&name, &proxies, &seen, report));
    }
    report.set("routes", json!(figures));
    Ok(())
}

/// Ours does the same in its own process.
async fn churn(control: SocketAddr, upstream: SocketAddr) -> Result<()> {
    let mut control = Control::connect(control, upstream).await?;
    let mut ticks = interval(Duration::from_secs(1) / CHURN);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let base = "/debug/proxy/ws-zzzzzzzz/vm/1/";
    loop {
        ticks.tick().await;
        control.add(base).await?;
        ticks.tick().await;
        control.remove(base).await?;
    }
}

/// configurable-http-proxy's interface for routes.
struct Control {
    stream: TcpStream,
    upstream: SocketAddr,
}

impl Control {
    async fn connect(address: SocketAddr, upstream: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address)
            .await
            .context("the routes' interface")?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, upstream })
    }

    async fn add(&mut self, base: &str) -> Result<()> {
        let body = json!({"target": format!("http://{}", self.upstream)}).to_string();
        self.call("POST", base, &body, "201").await
    }

    async fn remove(&mut self, base: &str) -> Result<()> {
        self.call("DELETE", base, "", "204").await
    }

    async fn call(&mut self, method: &str, base: &str, body: &str, wanted: &str) -> Result<()> {
        let base = base.trim_end_matches('/');
        let request = format!(
            "{method} /api/routes{base} HTTP/1.1\r\nHost: routes\r\nAuthorization: token {CHP_TOKEN}\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        self.stream.write_all(request.as_bytes()).await?;
        // Its answers have no body, and come in one piece.
        let mut answer = vec![0; 4096];
        let read = self.stream.read(&mut answer).await?;
        let answer = String::from_utf8_lossy(&answer[..read]).into_owned();
        let status = answer.split(' ').nth(1).unwrap_or_default();
        ensure!(
            status == wanted,
            "{method} of a route was answered {answer}"
        );
        Ok(())
    }
}
