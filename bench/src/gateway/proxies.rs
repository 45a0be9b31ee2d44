//! The contenders: each a process of its own in front of the upstream.

use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, Result};
use clarateach_bench::{seat_keys, seat_token_of};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::configurations::{self, Place};
use super::load::Door;
use crate::contender::first_line;
use crate::process::{Server, Speaks};

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Proxy {
    /// Nothing between client and upstream.
    Direct,
    Ours,
    /// The baseline of ratios.
    Nginx,
    NginxAuth,
    Haproxy,
    Caddy,
    Chp,
}

impl Proxy {
    pub(super) const ALL: [Self; 7] = [
        Self::Direct,
        Self::Nginx,
        Self::Ours,
        Self::NginxAuth,
        Self::Haproxy,
        Self::Caddy,
        Self::Chp,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Ours => "gateway",
            Self::Nginx => "nginx",
            Self::NginxAuth => "nginx-auth",
            Self::Haproxy => "haproxy",
            Self::Caddy => "caddy",
            Self::Chp => "chp",
        }
    }
}

/// What xtask installed; without a folder only ours can be started.
pub(super) struct Installed(Option<PathBuf>);

impl Installed {
    pub(super) fn in_folder(folder: Option<&Path>) -> Result<Self> {
        Ok(Self(folder.map(std::path::absolute).transpose()?))
    }

    /// `None`: it can be started.
    pub(super) fn why_missing(&self, proxy: Proxy) -> Option<String> {
        if matches!(proxy, Proxy::Direct | Proxy::Ours) {
            return None;
        }
        let Some(program) = self.program(proxy) else {
            return Some("this run is without peers".to_owned());
        };
        let why = format!("not installed as {}", program.file_name()?.display());
        (!program.exists()).then_some(why)
    }

    fn program(&self, proxy: Proxy) -> Option<PathBuf> {
        let below = match proxy {
            Proxy::Direct | Proxy::Ours => return None,
            Proxy::Nginx | Proxy::NginxAuth => "debian/usr/sbin/nginx",
            Proxy::Haproxy => "debian/usr/sbin/haproxy",
            Proxy::Caddy => "proxies/bin/caddy",
            Proxy::Chp => "node-proxies/node_modules/.bin/configurable-http-proxy",
        };
        Some(self.0.as_ref()?.join(below))
    }

    fn command(&self, proxy: Proxy) -> Result<Command> {
        let program = self.program(proxy).context("a peer")?;
        let mut command = Command::new(program);
        // Unpacked, not installed: its libraries are beside it.
        if let (Proxy::Nginx | Proxy::NginxAuth | Proxy::Haproxy, Some(folder)) = (proxy, &self.0) {
            let libraries = folder.join("debian/usr/lib");
            let triple = format!("{}-linux-gnu", std::env::consts::ARCH);
            command.env("LD_LIBRARY_PATH", libraries.join(triple));
        }
        Ok(command)
    }

    pub(super) fn versions(&self) -> Value {
        let mut versions = json!({"clarateach": env!("CARGO_PKG_VERSION")});
        for (proxy, argument) in [
            (Proxy::Nginx, "-v"),
            (Proxy::Haproxy, "-v"),
            (Proxy::Caddy, "version"),
            (Proxy::Chp, "--version"),
        ] {
            if self.why_missing(proxy).is_none()
                && let Ok(mut command) = self.command(proxy)
            {
                versions[proxy.name()] = first_line(command.arg(argument));
            }
        }
        versions["node"] = first_line(Command::new("node").arg("--version"));
        versions
    }
}

/// Seats that are routed, and how many routes come and go in a second beside them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Routes {
    pub(super) seats: usize,
    pub(super) churn: u32,
}

impl Routes {
    pub(super) const ONE: Self = Self { seats: 1, churn: 0 };
}

/// A contender that answers.
pub(super) struct Running {
    pub(super) proxy: Proxy,
    pub(super) door: Door,
    /// Of the proxy's interface for routes, where it has one.
    pub(super) control: Option<SocketAddr>,
    server: Option<Server>,
    _folder: TempDir,
}

impl Running {
    pub(super) fn start(
        installed: &Installed,
        proxy: Proxy,
        upstream: SocketAddr,
        routes: Routes,
    ) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let keys = seat_keys(routes.seats);
        let seats = keys.iter().map(|key| {
            let base = format!("/debug/proxy/{}/vm/{}/", key.workshop, key.seat.get());
            (base, seat_token_of(key))
        });
        let seats: Rc<Vec<(String, String)>> = Rc::new(seats.collect());
        let mut running = Self {
            proxy,
            door: Door {
                address: upstream,
                seats,
            },
            control: None,
            server: None,
            _folder: folder,
        };
        match proxy {
            Proxy::Direct => {}
            Proxy::Ours => running.start_ours(upstream, routes)?,
            _ => running.start_peer(installed, upstream, routes)?,
        }
        Ok(running)
    }

    fn start_ours(&mut self, upstream: SocketAddr, routes: Routes) -> Result<()> {
        // Cargo builds it beside this one.
        let own = std::env::current_exe()?;
        let mut command = Command::new(own.with_file_name("clarateach-bench-gateway"));
        command
            .arg(upstream.to_string())
            .arg(routes.seats.to_string())
            .arg(routes.churn.to_string());
        let (server, line) = Server::start("the gateway", &mut command, Speaks::Out)?;
        self.door.address = line.parse().context("the gateway's address")?;
        self.server = Some(server);
        Ok(())
    }

    fn start_peer(
        &mut self,
        installed: &Installed,
        upstream: SocketAddr,
        routes: Routes,
    ) -> Result<()> {
        let place = Place {
            folder: self._folder.path(),
            listen: free_address()?,
            upstream,
            bases: self.door.seats.iter().map(|(base, _)| base.as_str()),
        };
        let mut command = installed.command(self.proxy)?;
        let listen = place.listen;
        match self.proxy {
            Proxy::Direct | Proxy::Ours => {}
            Proxy::Nginx => configurations::nginx(place, false, &mut command)?,
            Proxy::NginxAuth => configurations::nginx(place, true, &mut command)?,
            Proxy::Haproxy => configurations::haproxy(place, &mut command)?,
            Proxy::Caddy => configurations::caddy(&place, &mut command)?,
            Proxy::Chp => {
                let control = free_address()?;
                configurations::chp(&place, control, &mut command, routes.seats == 1);
                self.control = Some(control);
            }
        }
        let log = self._folder.path().join("log");
        command
            .stdout(File::create(&log)?)
            .stderr(File::options().append(true).open(&log)?);
        let server = Server::start_listening(self.proxy.name(), &mut command, listen);
        let server = server.with_context(|| fs::read_to_string(&log).unwrap_or_default())?;
        self.door.address = listen;
        self.server = Some(server);
        Ok(())
    }

    /// What all its processes have used so far; of nothing, nothing.
    pub(super) fn cpu(&self) -> Result<Duration> {
        self.server
            .as_ref()
            .map_or(Ok(Duration::ZERO), Server::family_cpu)
    }

    /// Resident bytes of all its processes.
    pub(super) fn resident(&self) -> Result<u64> {
        self.server.as_ref().map_or(Ok(0), Server::family_resident)
    }
}

/// One that nobody has at the moment.
fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}
