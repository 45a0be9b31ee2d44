//! `./x bench`: benchmarks against peers, which are installed below `target/x/bench` and nowhere else.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::{Args, ValueEnum};

use crate::process::{Run, cargo, command, target_directory};
use crate::stamp::{Inputs, step_when_changed};
use crate::step::step;
use crate::{build, build::Profile};

const PEERS: &str = "target/x/bench";
const RESULTS: &str = "bench/results";
/// The newest that the registries have when they are installed; results tell which.
const PYTHON_PEERS: [&str; 1] = ["terminado"];
const NODE_PEERS: [&str; 2] = ["node-pty", "ws"];

#[derive(Args)]
pub(crate) struct Options {
    /// Which one; all of them when none is named.
    name: Option<Name>,
    /// Only whether everything works: figures mean nothing and are not kept.
    #[arg(long)]
    quick: bool,
    /// Without the peers: only ours and the raw baseline; the results are not kept.
    #[arg(long)]
    without_peers: bool,
    /// Peers' newest versions, even if others are installed.
    #[arg(long)]
    update_peers: bool,
    /// Passed on, like `--only echo,bulk`.
    #[arg(last = true)]
    more: Vec<String>,
}

/// Those that exist.
#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Name {
    /// Terminals of one seat: echo, bulk output, memory, screens.
    Seat,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    build::pages()?;
    let in_seat_server = build::in_seat_server()?;
    let binary = binary(Profile::Release, &in_seat_server)?;
    let peers = if options.without_peers {
        None
    } else {
        Some(peers(options.update_peers)?)
    };
    let all = Name::value_variants().iter();
    for name in all.filter(|name| options.name.is_none_or(|wanted| wanted == **name)) {
        let Name::Seat = name;
        step("bench: seat", || {
            let mut bench = command(&binary.to_string_lossy(), ["seat"]);
            bench.arg("--in-seat-server").arg(&in_seat_server);
            if let Some(peers) = &peers {
                bench.arg("--peers").arg(peers);
                bench.args(["--results", RESULTS]);
            }
            if options.quick {
                bench.arg("--quick");
            }
            bench.args(&options.more).shown()
        })?;
    }
    Ok(())
}

/// Every benchmark for a moment, in the dev profile and without peers: whether it runs, and whether every byte
/// arrives.
pub(crate) fn smoke(in_seat_server: &Path) -> Result<()> {
    let binary = binary(Profile::Dev, in_seat_server)?;
    step("bench: seat, for a moment, without peers", || {
        command(&binary.to_string_lossy(), ["seat", "--quick"])
            .arg("--in-seat-server")
            .arg(in_seat_server)
            .logged("bench-seat")
    })
}

/// The benchmarks, with our gateway beside them.
fn binary(profile: Profile, in_seat_server: &Path) -> Result<PathBuf> {
    step("build: benchmarks", || {
        let mut cargo = cargo("build", ["--locked", "--package", "clarateach-bench"]);
        if let Profile::Release = profile {
            cargo.arg("--release");
        }
        build::embed(&mut cargo, in_seat_server).shown()
    })?;
    let folder = match profile {
        Profile::Dev => "debug",
        Profile::Release => "release",
    };
    Ok(target_directory()?.join(folder).join("clarateach-bench"))
}

fn peers(update: bool) -> Result<PathBuf> {
    let peers = std::path::absolute(PEERS)?;
    if update && peers.exists() {
        fs::remove_dir_all(&peers)?;
    }
    python_peers(&peers.join("python"))?;
    node_peers(&peers.join("node"))?;
    Ok(peers)
}

fn python_peers(folder: &Path) -> Result<()> {
    let inputs = Inputs::new()
        .text(&PYTHON_PEERS.join(" "))
        .text(&command("python3", ["--version"]).read()?);
    let product = folder.join("bin/pip");
    step_when_changed("bench: peers from PyPI", inputs, &product, || {
        command("python3", ["-m", "venv", "--clear"])
            .arg(folder)
            .logged("bench-venv")?;
        command(&product.to_string_lossy(), ["install", "--quiet"])
            .args(PYTHON_PEERS)
            .logged("bench-pip")
    })
}

fn node_peers(folder: &Path) -> Result<()> {
    let inputs = Inputs::new()
        .text(&NODE_PEERS.join(" "))
        .text(&command("node", ["--version"]).read()?);
    let product = folder.join("node_modules");
    step_when_changed("bench: peers from npm", inputs, &product, || {
        fs::create_dir_all(folder)?;
        command("npm", ["install", "--no-fund", "--no-audit", "--prefix"])
            .arg(folder)
            .args(NODE_PEERS.map(|package| format!("{package}@latest")))
            .logged("bench-npm")
    })
}
