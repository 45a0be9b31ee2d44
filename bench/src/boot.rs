//! `./x bench boot`: from `POST /api/workshops` until every seat has echoed a typed byte through the proxy.
//!
//! Start at `cold`. `bare` is what the engine does without us, `hub` is JupyterHub with DockerSpawner beside it.

mod bare;
mod cold;
mod hub;
mod many;
mod standby;

use std::time::{Duration, Instant};

use anyhow::Result;
use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use crate::arguments::{Common, Parts, Rounds};
use crate::machine::Machine;
use crate::report::{self, Report};
use crate::served::{self, Api, Programs, Served, milliseconds};

/// Nothing hangs longer than this; it ends the whole process.
const LIMIT: Duration = Duration::from_secs(3600);
const QUICK_LIMIT: Duration = Duration::from_secs(300);

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    programs: Programs,
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    parts: Parts<Part>,
    #[command(flatten)]
    rounds: Rounds,
}

/// One thing that is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Ten seats, cold, beside the engine's own work and JupyterHub.
    Cold,
    /// 1, 3, 10, 30 and 50 seats, cold.
    Seats,
    /// 1, 3, 10, 30 and 50 seats of a standby workshop.
    Standby,
    /// 60 workshops at once.
    Many,
}

/// What every part needs.
struct Bench<'a> {
    programs: &'a Programs,
    peers: Option<hub::Installed>,
    rounds: usize,
    quick: bool,
}

impl Bench<'_> {
    /// Numbers of seats that are tried.
    fn sizes(&self) -> &'static [u16] {
        if self.quick {
            &[1, 2]
        } else {
            &[1, 3, 10, 30, 50]
        }
    }
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    report::end_after(if arguments.common.quick {
        QUICK_LIMIT
    } else {
        LIMIT
    });
    let mut report = Report::new("boot");
    let machine = Machine::look();
    let mut missing = None;
    let peers = arguments
        .common
        .peers
        .as_deref()
        .map(hub::Installed::in_folder);
    let peers = peers.and_then(|found| match found {
        Ok(found) => Some(found),
        Err(error) => {
            missing = Some(format!("{error:#}"));
            None
        }
    });
    let bench = Bench {
        programs: &arguments.programs,
        peers,
        rounds: arguments.rounds.count(&arguments.common),
        quick: arguments.common.quick,
    };
    let wanted = |part: Part| arguments.parts.has(part);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let measured = runtime.block_on(async {
        if wanted(Part::Cold) {
            cold::measure(&bench, &mut report).await?;
        }
        if wanted(Part::Seats) {
            cold::measure_sizes(&bench, &mut report).await?;
        }
        if wanted(Part::Standby) {
            standby::measure(&bench, &mut report).await?;
        }
        if wanted(Part::Many) {
            many::measure(&bench, &mut report).await?;
        }
        anyhow::Ok(())
    });
    measured?;
    if let Some(missing) = &missing {
        report.note(&format!("missing: JupyterHub: {missing}"));
    }
    report.set("machine", machine.finish());
    let mut versions = json!({
        "clarateach": arguments.programs.version(),
        "engine": served::engine_version(),
    });
    if let Some(peers) = &bench.peers {
        peers.add_versions(&mut versions);
    }
    report.set("versions", versions);
    report.set("missing", json!(missing));
    report.set("rounds", json!(bench.rounds));
    let results = arguments.common.results();
    report.finish(results.filter(|_| arguments.parts.are_all()))
}

/// What one workshop took, in milliseconds.
struct Boot {
    /// Until `POST /api/workshops` was answered.
    answered: f64,
    /// Until the last seat had echoed.
    echoed: f64,
    workshop: Value,
}

/// Asks for a workshop and uses every seat of it.
async fn boot(api: &Api, seats: u16) -> Result<Boot> {
    let began = Instant::now();
    let body = json!({"name": format!("A class of {seats}"), "seats": seats});
    let workshop = api.create(body).await?;
    let answered = milliseconds(began.elapsed());
    served::all_echo(api, &workshop, usize::from(seats)).await?;
    Ok(Boot {
        answered,
        echoed: milliseconds(began.elapsed()),
        workshop,
    })
}

/// Says what is going on: a run takes minutes.
fn progress(what: &str) {
    eprintln!("  {what}");
}

/// A server with the image looked at once, so that no round pays for that.
async fn warm(bench: &Bench<'_>, arguments: &[&str]) -> Result<Served> {
    let served = Served::start(bench.programs, arguments).await?;
    let first = boot(&served.api, 1).await?;
    served.api.delete(&first.workshop).await?;
    Ok(served)
}
