//! `./x bench gateway`: our proxy against nginx, HAProxy, Caddy and configurable-http-proxy, all in front of the same
//! upstream.
//!
//! Start at `requests`. `proxies` starts the contenders, `upstream` is what stands behind them, `load` is the client.

mod configurations;
mod load;
mod memory;
mod proxies;
mod requests;
mod routes;
mod sockets;
pub(crate) mod upstream;

use std::time::Duration;

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::json;

use crate::arguments::{Common, Parts, Rounds};
use crate::machine::Machine;
use crate::report::{self, Report};
use proxies::{Installed, Proxy};

/// Nothing hangs longer than this; it ends the whole process.
const LIMIT: Duration = Duration::from_secs(1800);
const QUICK_LIMIT: Duration = Duration::from_secs(120);
/// File descriptors for 8,000 WebSockets: a proxy needs two for each.
const DESCRIPTORS: u64 = 20_000;

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    parts: Parts<Part>,
    /// Only these contenders, by their names.
    #[arg(long, value_delimiter = ',')]
    proxies: Vec<String>,
    #[command(flatten)]
    rounds: Rounds,
}

/// One thing that is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// 100 B, 10 KB and 1 MB at 1, 32 and 256 connections.
    Requests,
    /// WebSockets: echo, and much in one direction.
    Sockets,
    /// Memory of idle WebSockets.
    Memory,
    /// 1 and 1,000 routes, and routes that come and go.
    Routes,
}

/// What every part needs.
struct Bench {
    installed: Installed,
    proxies: Vec<Proxy>,
    upstream: upstream::Upstream,
    rounds: usize,
    /// So long one contender has its turn.
    turn: Duration,
    quick: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    report::end_after(if arguments.common.quick {
        QUICK_LIMIT
    } else {
        LIMIT
    });
    let descriptors = raise_descriptors()?;
    let installed = Installed::in_folder(arguments.common.peers.as_deref())?;
    let mut report = Report::new("gateway");
    let machine = Machine::look();
    let is_wanted = |proxy: &Proxy| {
        arguments.proxies.is_empty() || arguments.proxies.iter().any(|name| name == proxy.name())
    };
    let (mut proxies, mut missing) = (Vec::new(), Vec::new());
    for proxy in Proxy::ALL.into_iter().filter(is_wanted) {
        match installed.why_missing(proxy) {
            None => proxies.push(proxy),
            Some(why) => missing.push(format!("{}: {why}", proxy.name())),
        }
    }
    for one in &missing {
        report.note(&format!("missing: {one}"));
    }
    let bench = Bench {
        installed,
        proxies,
        upstream: upstream::Upstream::start()?,
        rounds: arguments.rounds.count(&arguments.common),
        turn: Duration::from_millis(if arguments.common.quick { 50 } else { 400 }),
        quick: arguments.common.quick,
    };
    let wanted = |part: Part| arguments.parts.has(part);
    // One thread for the client: two cores are for client, upstream and proxy together.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        if wanted(Part::Requests) {
            requests::measure(&bench, &mut report).await?;
        }
        if wanted(Part::Sockets) {
            sockets::measure(&bench, &mut report).await?;
        }
        if wanted(Part::Routes) {
            routes::measure(&bench, &mut report).await?;
        }
        if wanted(Part::Memory) {
            memory::measure(&bench, descriptors, &mut report).await?;
        }
        anyhow::Ok(())
    })?;
    report.set("machine", machine.finish());
    report.set("versions", bench.installed.versions());
    report.set("missing", json!(missing));
    report.set("rounds", json!(bench.rounds));
    let is_whole = arguments.parts.are_all() && arguments.proxies.is_empty();
    report.finish(arguments.common.results().filter(|_| is_whole))
}

/// As many file descriptors as wanted, or as the machine gives; children get the same.
pub(crate) fn raise_descriptors() -> Result<u64> {
    let now = getrlimit(Resource::Nofile);
    let most = now.maximum.unwrap_or(u64::MAX);
    let wanted = DESCRIPTORS.max(now.current.unwrap_or(u64::MAX));
    let raised = |maximum: u64| {
        let limit = Rlimit {
            current: Some(wanted.min(maximum)),
            maximum: Some(maximum),
        };
        setrlimit(Resource::Nofile, limit)
    };
    // Root may have more than the limit of the shell that it came from.
    if wanted > most && raised(wanted).is_ok() {
        return Ok(wanted);
    }
    raised(most).context("raising the limit of open files")?;
    Ok(wanted.min(most))
}

/// Says what is going on: a run takes minutes.
fn progress(what: &str) {
    eprintln!("  {what}");
}
