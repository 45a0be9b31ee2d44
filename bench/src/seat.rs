//! `./x bench seat`: terminals of one seat against a raw PTY, terminado, and node-pty with ws.

mod bulk;
mod echo;
mod flood;
mod memory;
mod screen;

use std::time::Duration;

use anyhow::{Result, bail};
use clap::ValueEnum;

use crate::SeatArguments;
use crate::contender::{Contender, Peers, Programs};
use crate::machine::Machine;
use crate::report::{self, Report};

/// Nothing hangs longer than this; it ends the whole process.
const LIMIT: Duration = Duration::from_secs(3600);
const QUICK_LIMIT: Duration = Duration::from_secs(120);

/// One thing that is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// A typed byte and back.
    Echo,
    /// Much output: CPU time a MB, and rate.
    Bulk,
    /// Memory of the server with no, one and ten terminals.
    Memory,
    /// The text of a terminal's screen, as the console asks for it.
    Screen,
}

/// How much is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    Full,
    Quick,
}

impl Extent {
    fn of(arguments: &SeatArguments) -> Self {
        if arguments.common.quick {
            Self::Quick
        } else {
            Self::Full
        }
    }

    pub(crate) fn choose<T>(self, full: T, quick: T) -> T {
        match self {
            Self::Full => full,
            Self::Quick => quick,
        }
    }
}

pub(crate) fn run(arguments: &SeatArguments) -> Result<()> {
    let extent = Extent::of(arguments);
    report::end_after(extent.choose(LIMIT, QUICK_LIMIT));
    let programs = Programs {
        in_seat_server: arguments.in_seat_server.clone(),
        peers: arguments
            .common
            .peers
            .as_deref()
            .map(Peers::in_folder)
            .transpose()?,
    };
    let contenders = programs.contenders();
    let machine = Machine::look();
    let mut report = Report::new("seat");
    // One thread for all clients: the two cores are for what is measured.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let wanted = |part: Part| arguments.parts.has(part);
    let bench = Bench {
        programs,
        contenders,
        extent,
    };
    runtime.block_on(async {
        if wanted(Part::Echo) {
            echo::measure(&bench, &mut report).await?;
        }
        if wanted(Part::Bulk) {
            bulk::measure(&bench, &mut report).await?;
        }
        if wanted(Part::Memory) {
            memory::measure(&bench, &mut report).await?;
        }
        if wanted(Part::Screen) {
            screen::measure(&bench, &mut report).await?;
        }
        anyhow::Ok(())
    })?;
    let versions = bench.programs.versions();
    report.set("machine", machine.finish());
    report.set("versions", versions);
    let results = arguments.common.results();
    report.finish(results.filter(|_| arguments.parts.are_all()))
}

/// What every part needs.
pub(crate) struct Bench {
    pub(crate) programs: Programs,
    pub(crate) contenders: Vec<Contender>,
    pub(crate) extent: Extent,
}

/// Says what is going on: a run takes minutes.
pub(crate) fn progress(what: &str) {
    eprintln!("  {what}");
}

/// A value that must be what it is for figures to mean anything.
pub(crate) fn check<T: PartialEq + std::fmt::Debug>(
    what: &str,
    found: &T,
    expected: &T,
) -> Result<()> {
    if found != expected {
        bail!("{what}: {found:?}, not {expected:?}");
    }
    Ok(())
}
