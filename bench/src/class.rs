//! `./x bench class`: a hundred seats at work. How fast a killed server is back under 200 terminals, what the class costs
//! while nobody types, and the server's memory with a thousand seats.

mod idle;
mod memory;
mod restart;

use std::time::Duration;

use anyhow::Result;
use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::arguments::{Common, Parts};
use crate::gateway::raise_descriptors;
use crate::machine::Machine;
use crate::report::{self, Report};
use crate::served::{self, Api, Learner, Programs, Served};

/// Nothing hangs longer than this; it ends the whole process.
const LIMIT: Duration = Duration::from_secs(1800);
const SEATS: u16 = 100;
const QUICK_SEATS: u16 = 2;

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    programs: Programs,
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    parts: Parts<Part>,
}

/// One thing that is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// `kill -9` under terminals that speak.
    Restart,
    /// CPU time while nobody types.
    Idle,
    /// The server's memory with 1,000 simulated seats and idle WebSockets.
    Memory,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    report::end_after(LIMIT);
    raise_descriptors()?;
    let mut report = Report::new("class");
    let machine = Machine::look();
    let wanted = |part: Part| arguments.parts.has(part);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let measured = runtime.block_on(async {
        if wanted(Part::Restart) || wanted(Part::Idle) {
            let mut class = Class::open(arguments).await?;
            if wanted(Part::Idle) {
                idle::measure(&class, arguments.common.quick, &mut report).await?;
            }
            if wanted(Part::Restart) {
                restart::measure(&mut class, &mut report).await?;
            }
        }
        if wanted(Part::Memory) {
            memory::measure(&arguments.programs, arguments.common.quick, &mut report).await?;
        }
        anyhow::Ok(())
    });
    measured?;
    report.set("machine", machine.finish());
    report.set(
        "versions",
        json!({"clarateach": arguments.programs.version(), "engine": served::engine_version()}),
    );
    let results = arguments.common.results();
    report.finish(results.filter(|_| arguments.parts.are_all()))
}

/// A class of real seats with a learner in each.
struct Class {
    served: Served,
    workshop: Value,
    learners: Vec<Learner>,
}

impl Class {
    async fn open(arguments: &Arguments) -> Result<Self> {
        let seats = if arguments.common.quick {
            QUICK_SEATS
        } else {
            SEATS
        };
        eprintln!("  making {seats} seats");
        let served = Served::start(&arguments.programs, &[]).await?;
        let body = json!({"name": "A large class", "seats": seats});
        let workshop = served.api.create(body).await?;
        let learners = all_join(&served.api, &workshop, usize::from(seats)).await?;
        Ok(Self {
            served,
            workshop,
            learners,
        })
    }
}

async fn all_join(api: &Api, workshop: &Value, learners: usize) -> Result<Vec<Learner>> {
    let mut joining = JoinSet::new();
    for number in 0..learners {
        let (api, workshop) = (api.clone(), workshop.clone());
        joining.spawn(
            async move { Learner::join(&api, &workshop, &format!("Learner {number}")).await },
        );
    }
    let mut all = Vec::new();
    while let Some(joined) = joining.join_next().await {
        all.push(joined??);
    }
    Ok(all)
}
