//! What the operator sets: flags, then `CLARATEACH_*`, then `clarateach.toml`. Read once.

mod limits;
mod read;
mod settings;
mod values;

use std::collections::BTreeSet;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::ValueEnum;
use serde::Deserialize;

use crate::browser::BrowserEngine;
use crate::feed::FeedTimes;
use crate::limits::{SeatLimits, ServerLimits};
use crate::model::{Cidr, PresenceTimes, ScheduleTimes, Standby};
use crate::origins::PreviewPorts;
use crate::room::{Room, RoomError};
pub use settings::Settings;
pub use values::{IdleAfter, Length, PauseAfter, StandbyAtStop, StandbyPlans};

/// Why the configuration can't be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file can't be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file's content is wrong.
    #[error(
        "{path} is not a configuration: {source}. Hint: `clarateach serve --help` lists the settings"
    )]
    Parse {
        /// Which file.
        path: PathBuf,
        /// Where and what.
        source: Box<toml::de::Error>,
    },
    /// There is no such room.
    #[error("room: {0}")]
    Room(#[from] RoomError),
    /// Two settings don't go together, or one is out of range.
    #[error("{setting}: {problem}")]
    Setting {
        /// Which one.
        setting: &'static str,
        /// What is wrong, and what would be right.
        problem: String,
    },
}

/// What makes the seats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProviderKind {
    /// Containers of a Docker engine.
    Docker,
    /// In-process seats with scripted content and no isolation: tests and page development only.
    Simulated,
}

/// How the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// Lines for people.
    Text,
    /// One JSON object a line.
    Json,
}

/// The configuration in force.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where to listen.
    pub listen: SocketAddr,
    /// By what URL people come, where it was set.
    pub public_url: Option<String>,
    /// Where a class finds this machine, where it was asked for.
    pub room: Option<Room>,
    /// The domain of seats' hosts, where there is one.
    pub domain: Option<String>,
    /// Database, keys, disks.
    pub data_dir: PathBuf,
    /// What makes seats.
    pub provider: ProviderKind,
    /// The default image.
    pub image: String,
    /// How long a workshop lasts that names no end.
    pub default_length: Length,
    /// For how long nobody must have used a workshop until it ends.
    pub idle_after: IdleAfter,
    /// What is made ahead.
    pub standby: Standby,
    /// Whether seats that don't fit may be made without a word each time.
    pub allow_overcommit: bool,
    /// When the schedule acts; nobody sets it but tests.
    pub schedule: ScheduleTimes,
    /// How seats' browsers are streamed.
    pub browser_engine: &'static BrowserEngine,
    /// Image of seats' browsers.
    pub browser_image: String,
    /// How long nobody looks at a seat's browser before it is frozen.
    pub browser_pause_after: PauseAfter,
    /// Browsers on demand at once, where that is limited.
    pub browsers_max: Option<u64>,
    /// The operator's password file.
    pub instructor_password_file: Option<PathBuf>,
    /// Pool of the seats' subnets.
    pub seat_networks: Cidr,
    /// Whether seats may be made without a firewall.
    pub isolation: Isolation,
    /// How Docker seats are reached.
    pub docker_reach: DockerReach,
    /// What seats trust, where it isn't this machine's own bundle.
    pub seat_ca_file: Option<PathBuf>,
    /// Ports of this machine for own origins where the class comes by address.
    pub preview_ports: PreviewPorts,
    /// Proxies whose word on the client's address is believed.
    pub trusted_proxies: Vec<Cidr>,
    /// What clients may take.
    pub server_limits: ServerLimits,
    /// What one seat may take, and how long it may take.
    pub seat_limits: SeatLimits,
    /// An in-seat server from outside this binary.
    pub workspace_binary: Option<PathBuf>,
    /// From when on a learner's silence means something; nobody sets it but tests.
    pub presence: PresenceTimes,
    /// How long the event streams wait; nobody sets it but tests.
    pub feed: FeedTimes,
}

/// What to do where seats can't be isolated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Isolation {
    /// Refuse to make any.
    Required,
    /// Make them all the same, and say so.
    Weak,
}

/// How Docker seats are reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DockerReach {
    /// At their own addresses where those lead to them, otherwise by published ports.
    #[default]
    Auto,
    /// At their own addresses.
    Bridge,
    /// By ports published on 127.0.0.1.
    Published,
}

/// Names that are read elsewhere than in [`Settings`]: by the build, or by clap itself.
const OTHER_NAMES: &[&str] = &[
    "CLARATEACH_CONFIG",
    "CLARATEACH_WORKSPACE_BINARY",
    "CLARATEACH_BINARY",
    "CLARATEACH_CHROMIUM",
    "CLARATEACH_ORCHESTRATOR_SECRET",
];

/// `CLARATEACH_*` variables that are set and that nobody here reads: typing errors, or another version's.
#[must_use]
pub fn unknown_variables(known: &BTreeSet<String>) -> Vec<String> {
    std::env::vars_os()
        .filter_map(|(name, _)| name.into_string().ok())
        .filter(|name| name.starts_with("CLARATEACH_"))
        .filter(|name| !known.contains(name) && !OTHER_NAMES.contains(&name.as_str()))
        .collect()
}

impl fmt::Display for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let none = || "-".to_owned();
        writeln!(f, "listen          {}", self.listen)?;
        writeln!(
            f,
            "public_url      {}",
            self.public_url.clone().unwrap_or_else(none)
        )?;
        if let Some(room) = &self.room {
            writeln!(
                f,
                "room            {}",
                room.host.as_deref().unwrap_or("at the public URL")
            )?;
        }
        writeln!(
            f,
            "domain          {}",
            self.domain.clone().unwrap_or_else(none)
        )?;
        writeln!(f, "data_dir        {}", self.data_dir.display())?;
        writeln!(f, "provider        {:?}", self.provider)?;
        writeln!(f, "image           {}", self.image)?;
        writeln!(f, "browser_image   {}", self.browser_image)?;
        writeln!(f, "seat_networks   {}", self.seat_networks)?;
        writeln!(f, "docker_reach    {:?}", self.docker_reach)?;
        writeln!(f, "preview_ports   {}", self.preview_ports)?;
        let (server, seat) = (&self.server_limits, &self.seat_limits);
        writeln!(
            f,
            "connections     {}, {} an address, {} a seat; {} requests",
            server.connections, server.connections_per_address, seat.exchanges, server.requests
        )?;
        write!(f, "isolation       {:?}", self.isolation)
    }
}

#[cfg(test)]
mod tests;
