//! What an installation has on this machine, looked at without its server: for `clarateach status`.

use std::path::PathBuf;

/// Everything of one installation that is there now, and what could not be looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Residue {
    /// Names of containers, running or not.
    pub containers: Vec<String>,
    /// Names of the engine's networks.
    pub networks: Vec<String>,
    /// Names of nftables tables.
    pub firewall_tables: Vec<String>,
    /// Mount points of seats' disks.
    pub mounts: Vec<PathBuf>,
    /// Loop devices of seats' disks.
    pub loop_devices: Vec<PathBuf>,
    /// Folders with workshops' disks.
    pub disks: Vec<PathBuf>,
    /// What could not be looked at, and why: something may be left there.
    pub unknown: Vec<String>,
}

impl Residue {
    /// Whether everything was looked at and nothing was found.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}
