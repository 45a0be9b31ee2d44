//! What benches are told on their command lines, each what it can use of it.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

/// For every bench.
#[derive(Args)]
pub(crate) struct Common {
    /// Folder with the peers, as xtask installs them; without it only ours and the raw baseline run. One without peers takes
    /// it, too: all are called alike.
    #[arg(long)]
    pub(crate) peers: Option<PathBuf>,
    /// Folder for the results; they are not kept without it, nor when this is quick or only a part.
    #[arg(long)]
    results: Option<PathBuf>,
    /// Only whether everything works: few samples, figures that mean nothing.
    #[arg(long)]
    pub(crate) quick: bool,
}

impl Common {
    /// Where the results of a whole run are kept.
    pub(crate) fn results(&self) -> Option<&Path> {
        let is_whole = !self.quick && self.peers.is_some();
        self.results.as_deref().filter(|_| is_whole)
    }
}

/// For one that has parts.
#[derive(Args)]
pub(crate) struct Parts<P: ValueEnum + Send + Sync + 'static> {
    /// Only these parts.
    #[arg(long, value_delimiter = ',')]
    only: Vec<P>,
}

impl<P: ValueEnum + PartialEq + Send + Sync + 'static> Parts<P> {
    pub(crate) fn has(&self, part: P) -> bool {
        self.are_all() || self.only.contains(&part)
    }

    pub(crate) fn are_all(&self) -> bool {
        self.only.is_empty()
    }
}

/// For one that measures in turns.
#[derive(Args)]
pub(crate) struct Rounds {
    /// How often every contender has its turn.
    #[arg(long)]
    rounds: Option<usize>,
}

impl Rounds {
    /// As many as were asked for; otherwise 1 of a quick run, 5 of any other.
    pub(crate) fn count(&self, common: &Common) -> usize {
        self.rounds.unwrap_or(if common.quick { 1 } else { 5 })
    }
}
