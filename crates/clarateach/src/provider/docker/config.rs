//! What the provider is told when it is made.

use std::net::Ipv4Addr;
use std::path::PathBuf;

use super::names::InstanceId;
use crate::browser::BrowserEngine;
use crate::model::Cidr;

/// How seats are made here.
#[derive(Debug, Clone)]
pub struct DockerConfig {
    /// Holds the seats' disks, among others; made 0700.
    pub data_dir: PathBuf,
    /// Which installation this is.
    pub instance: InstanceId,
    /// The pool that workshops' subnets are carved from.
    pub seat_networks: Cidr,
    /// Holds `clarateach-workspace` and `keys.json`; mounted into seats read-only.
    pub runtime_dir: PathBuf,
    /// What to do where seats can't be isolated.
    pub weak_isolation: WeakIsolation,
    /// How seats are reached.
    pub reach: ReachChoice,
    /// What seats' browsers are made of.
    pub browser: BrowserConfig,
    /// Name servers for seats; none: the host's, read again by each prepare.
    pub resolvers: Vec<Ipv4Addr>,
}

impl DockerConfig {
    /// The same with folders that the engine understands, whose working directory is another.
    pub(super) fn absolute(self) -> Self {
        // It fails for an empty path only; then the engine says what is wrong with it.
        let absolute = |path: PathBuf| std::path::absolute(&path).unwrap_or(path);
        Self {
            data_dir: absolute(self.data_dir),
            runtime_dir: absolute(self.runtime_dir),
            ..self
        }
    }
}

/// What seats' browsers are made of.
#[derive(Debug, Clone)]
pub struct BrowserConfig {
    /// The engine.
    pub engine: &'static BrowserEngine,
    /// An image of that engine.
    pub image: String,
}

/// What to do where seats can't be isolated from host and neighbours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WeakIsolation {
    /// Make no seats.
    Refuse,
    /// Make them all the same, as the operator said.
    Allow,
}

/// How seats are to be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ReachChoice {
    /// As it has to be: at their own addresses where the engine's bridges are this machine's.
    #[default]
    Auto,
    /// At their own addresses.
    Bridge,
    /// By ports published on 127.0.0.1, with a helper container that sets the firewall.
    Published,
}
