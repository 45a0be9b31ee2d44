//! What is measured, and the servers behind it.

use std::fmt::Display;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use clarateach_bench::{
    GENERATION, WORKSHOP, seat_key, seat_number, seat_token, signing_key, workspace_token,
};
use clarateach_client::Endpoint;
use tempfile::TempDir;

use crate::process::{Server, Speaks};

/// One way to a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Contender {
    /// A PTY that is read directly: the baseline.
    Raw,
    /// Straight to the in-seat server.
    Seat,
    /// To the in-seat server through our proxy.
    Gateway,
    Terminado,
    NodePty,
}

impl Contender {
    const ALL: [Self; 5] = [
        Self::Raw,
        Self::Seat,
        Self::Gateway,
        Self::Terminado,
        Self::NodePty,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Raw => "raw PTY",
            Self::Seat => "in-seat server",
            Self::Gateway => "in-seat server + gateway",
            Self::Terminado => "terminado",
            Self::NodePty => "node-pty + ws",
        }
    }
}

impl Display for Contender {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.name())
    }
}

/// Programs that are started for a measurement.
pub(crate) struct Programs {
    pub(crate) in_seat_server: PathBuf,
    pub(crate) peers: Option<Peers>,
}

/// Where xtask installed the peers.
pub(crate) struct Peers {
    pub(crate) python: PathBuf,
    pub(crate) node_packages: PathBuf,
    /// Servers made of them.
    pub(crate) servers: PathBuf,
}

impl Peers {
    /// As xtask lays it out, called in the repository's root.
    pub(crate) fn in_folder(folder: &Path) -> Result<Self> {
        let folder = std::path::absolute(folder)?;
        Ok(Self {
            python: folder.join("python/bin/python"),
            node_packages: folder.join("node"),
            servers: std::path::absolute("bench/peers")?,
        })
    }
}

impl Programs {
    /// Of everything that was measured.
    pub(crate) fn versions(&self) -> serde_json::Value {
        let mut versions = serde_json::json!({
            "clarateach": first_line(Command::new(&self.in_seat_server).arg("--version")),
        });
        if let Some(peers) = &self.peers {
            let packages = "import importlib.metadata as m\n\
                            print(*(p + ' ' + m.version(p) for p in ('terminado', 'tornado')))";
            versions["python"] = first_line(Command::new(&peers.python).arg("--version"));
            versions["terminado"] = first_line(Command::new(&peers.python).args(["-c", packages]));
            versions["node"] = first_line(Command::new("node").arg("--version"));
            for package in ["node-pty", "ws"] {
                let manifest = peers.node_packages.join("node_modules").join(package);
                let manifest = std::fs::read(manifest.join("package.json")).unwrap_or_default();
                let manifest: serde_json::Value =
                    serde_json::from_slice(&manifest).unwrap_or_default();
                versions[package] = manifest["version"].clone();
            }
        }
        versions
    }

    pub(crate) fn contenders(&self) -> Vec<Contender> {
        let wanted = |contender: &Contender| {
            self.peers.is_some() || !matches!(contender, Contender::Terminado | Contender::NodePty)
        };
        Contender::ALL.into_iter().filter(wanted).collect()
    }
}

/// The first line that a program says, on whichever output.
pub(crate) fn first_line(command: &mut Command) -> serde_json::Value {
    let output = command.output();
    let said = output.map(|output| [output.stdout, output.stderr].concat());
    let text = String::from_utf8_lossy(&said.unwrap_or_default()).into_owned();
    text.lines().next().map(str::to_owned).into()
}

/// How a client reaches ours.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Door {
    Seat(u16),
    Gateway(SocketAddr),
}

impl Door {
    /// With a credential that was made just now.
    pub(crate) fn endpoint(self) -> Endpoint {
        match self {
            Self::Seat(port) => Endpoint::seat(port, workspace_token()),
            Self::Gateway(address) => {
                let endpoint = format!("http://{address}/debug/proxy/{WORKSHOP}");
                Endpoint::gateway(&endpoint, seat_number(), seat_token())
            }
        }
    }
}

/// Where the servers listen.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ports {
    pub(crate) seat: Option<u16>,
    pub(crate) gateway: Option<SocketAddr>,
    pub(crate) terminado: Option<u16>,
    pub(crate) node_pty: Option<u16>,
}

/// The servers that some contenders need, started together and ended together.
pub(crate) struct Servers {
    seat: Option<(Server, u16)>,
    gateway: Option<(Server, SocketAddr)>,
    terminado: Option<(Server, u16)>,
    node_pty: Option<(Server, u16)>,
    _folder: TempDir,
}

impl Servers {
    pub(crate) fn start(programs: &Programs, contenders: &[Contender]) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let wants = |one: Contender| contenders.contains(&one);
        let mut servers = Self {
            seat: None,
            gateway: None,
            terminado: None,
            node_pty: None,
            _folder: folder,
        };
        let folder = servers._folder.path();
        if wants(Contender::Seat) || wants(Contender::Gateway) {
            servers.seat = Some(start_seat(&programs.in_seat_server, folder)?);
        }
        if let (true, Some((_, port))) = (wants(Contender::Gateway), &servers.seat) {
            servers.gateway = Some(start_gateway(*port)?);
        }
        if let Some(peers) = &programs.peers {
            if wants(Contender::Terminado) {
                let mut command = Command::new(&peers.python);
                command.arg(peers.servers.join("terminado_server.py"));
                servers.terminado = Some(start_peer("terminado", &mut command, folder)?);
            }
            if wants(Contender::NodePty) {
                let mut command = Command::new("node");
                command
                    .arg(peers.servers.join("node_pty_server.mjs"))
                    .arg(&peers.node_packages);
                servers.node_pty = Some(start_peer("node-pty", &mut command, folder)?);
            }
        }
        Ok(servers)
    }

    pub(crate) fn ports(&self) -> Ports {
        let port = |server: &Option<(Server, u16)>| server.as_ref().map(|(_, port)| *port);
        Ports {
            seat: port(&self.seat),
            gateway: self.gateway.as_ref().map(|(_, address)| *address),
            terminado: port(&self.terminado),
            node_pty: port(&self.node_pty),
        }
    }

    /// The processes that a contender consists of, the in-seat server first.
    pub(crate) fn of(&self, contender: Contender) -> Vec<&Server> {
        let seat = self.seat.as_ref().map(|(server, _)| server);
        let all = match contender {
            Contender::Raw => vec![],
            Contender::Seat => vec![seat],
            Contender::Gateway => vec![seat, self.gateway.as_ref().map(|(server, _)| server)],
            Contender::Terminado => vec![self.terminado.as_ref().map(|(server, _)| server)],
            Contender::NodePty => vec![self.node_pty.as_ref().map(|(server, _)| server)],
        };
        all.into_iter().flatten().collect()
    }

    /// CPU time of all of [`Self::of`].
    pub(crate) fn cpu(&self, contender: Contender) -> Result<Duration> {
        self.of(contender).into_iter().map(Server::cpu).sum()
    }
}

fn start_seat(binary: &Path, folder: &Path) -> Result<(Server, u16)> {
    let (root, home, keys) = (
        folder.join("root"),
        folder.join("home"),
        folder.join("keys.json"),
    );
    std::fs::create_dir(&root)?;
    std::fs::create_dir(&home)?;
    std::fs::write(&keys, signing_key().verifying_keys().to_jwks())?;
    let seat = seat_key();
    let mut command = Command::new(binary);
    command
        .arg("serve")
        .args(["--workshop", &seat.workshop.to_string()])
        .args(["--seat", &seat.seat.to_string()])
        .args(["--generation", &GENERATION.0.to_string()])
        .args([
            "--listen",
            "127.0.0.1",
            "--terminal-port",
            "0",
            "--files-port",
            "0",
        ])
        .arg("--keys")
        .arg(&keys)
        .arg("--root")
        .arg(&root)
        .arg("--home")
        .arg(&home);
    let (server, line) = Server::start("the in-seat server", &mut command, Speaks::Err)?;
    let said: serde_json::Value =
        serde_json::from_str(&line).with_context(|| format!("the in-seat server said {line}"))?;
    let port = said["fields"]["terminal_port"]
        .as_u64()
        .and_then(|port| u16::try_from(port).ok())
        .with_context(|| format!("the in-seat server said {line}"))?;
    Ok((server, port))
}

fn start_gateway(seat: u16) -> Result<(Server, SocketAddr)> {
    // Cargo builds it beside this one.
    let own = std::env::current_exe()?;
    let mut command = Command::new(own.with_file_name("clarateach-bench-gateway"));
    command.arg(format!("127.0.0.1:{seat}"));
    let (server, line) = Server::start("the gateway", &mut command, Speaks::Out)?;
    Ok((server, line.parse().context("the gateway's address")?))
}

fn start_peer(name: &'static str, command: &mut Command, folder: &Path) -> Result<(Server, u16)> {
    // The same empty home as our seat's: a shell that starts fast and prints little.
    let home = folder.join("peers");
    std::fs::create_dir_all(&home)?;
    command.env("HOME", &home).current_dir(&home);
    let (server, line) = Server::start(name, command, Speaks::Out)?;
    let port = line
        .parse()
        .with_context(|| format!("{name} said {line}"))?;
    Ok((server, port))
}
