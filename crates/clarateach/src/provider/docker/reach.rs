//! How seats are reached: at their own addresses, or by ports published on 127.0.0.1; decided here, once a connection.
//!
//! In a virtual machine (Docker Desktop, Colima) or a network namespace (rootless) the engine's bridges are not this
//! machine's: seats' addresses lead nowhere from here, and firewall rules that this process sets hold nobody.

use std::fmt;
use std::os::unix::fs::MetadataExt;

use bollard::models::SystemInfo;
use tokio::net::UnixStream;

use super::config::ReachChoice;
use super::connect::{Engine, READ};

/// How seats are reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// At their own addresses.
    Bridge,
    /// By ports published on 127.0.0.1.
    Published,
}

impl fmt::Display for Reach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bridge => "bridge",
            Self::Published => "published",
        })
    }
}

/// Where the engine's bridges are, as far as it can be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// In this process' network.
    Here,
    /// In another network of this kernel, which has the same files and processes.
    Beside(String),
    /// On a machine, or in namespaces, whose files and processes are not these.
    Elsewhere(String),
}

impl Place {
    /// Why they are not here.
    pub(super) fn why(&self) -> Option<&str> {
        match self {
            Self::Here => None,
            Self::Beside(why) | Self::Elsewhere(why) => Some(why),
        }
    }
}

/// The engine's place, and how its seats are reached.
#[derive(Debug)]
pub(super) struct Ground {
    pub(super) place: Place,
    pub(super) reach: Reach,
}

impl Ground {
    /// Looks, and decides.
    pub(super) async fn find(
        engine: &Engine,
        choice: ReachChoice,
    ) -> Result<Self, crate::provider::ProviderError> {
        let mut place = place(&engine.info().await?, &kernel());
        if place == Place::Here && is_in_another_network(engine.endpoint()).await {
            place = Place::Beside("the engine runs in a network namespace of its own".to_owned());
        }
        let reach = decide(choice, &place);
        let why = place
            .why()
            .unwrap_or("the engine's bridges are this machine's");
        tracing::info!(%reach, ?choice, why, "how seats are reached");
        Ok(Self { place, reach })
    }
}

fn decide(choice: ReachChoice, place: &Place) -> Reach {
    match (choice, place) {
        (ReachChoice::Bridge, _) | (ReachChoice::Auto, Place::Here) => Reach::Bridge,
        (ReachChoice::Published, _) | (ReachChoice::Auto, _) => Reach::Published,
    }
}

/// What the engine's own words say of where it is, beside a machine whose kernel is `kernel`.
fn place(info: &SystemInfo, kernel: &str) -> Place {
    let system = info.operating_system.as_deref().unwrap_or_default();
    let its_kernel = info.kernel_version.as_deref().unwrap_or_default();
    let mut options = info.security_options.iter().flatten();
    if system.contains("Docker Desktop") {
        Place::Elsewhere("Docker Desktop runs its engine in a virtual machine".to_owned())
    } else if options.any(|option| option == "name=rootless") {
        Place::Elsewhere("the engine is rootless and has a network of its own".to_owned())
    } else if !its_kernel.is_empty() && its_kernel != kernel {
        Place::Elsewhere(format!(
            "the engine runs on another machine, perhaps a virtual one (its kernel is {its_kernel})"
        ))
    } else {
        Place::Here
    }
}

/// This machine's, as `uname -r` says; empty where it isn't Linux.
fn kernel() -> String {
    let text = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    text.trim().to_owned()
}

/// Whether the process behind the engine's socket (or systemd, which listens for it) is known to have another network
/// than this one. Where that can't be told, seats' networks tell: their bridges are missing here.
async fn is_in_another_network(endpoint: &str) -> bool {
    let look = async {
        let socket = UnixStream::connect(endpoint.strip_prefix("unix://")?).await;
        let pid = socket.ok()?.peer_cred().ok()?.pid()?;
        let network = |process: &str| {
            let network = std::fs::metadata(format!("/proc/{process}/ns/net")).ok()?;
            Some((network.dev(), network.ino()))
        };
        Some(network(&pid.to_string())? != network("self")?)
    };
    let looked = tokio::time::timeout(READ, look).await;
    looked.ok().flatten().unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(system: &str, kernel: &str, options: &[&str]) -> SystemInfo {
        SystemInfo {
            operating_system: Some(system.to_owned()),
            kernel_version: Some(kernel.to_owned()),
            security_options: Some(options.iter().map(ToString::to_string).collect()),
            ..SystemInfo::default()
        }
    }

    #[test]
    fn an_engine_on_this_kernel_is_here() {
        let here = info(
            "Debian GNU/Linux 12 (bookworm)",
            "6.1.0-18-amd64",
            &["name=seccomp"],
        );
        assert_eq!(place(&here, "6.1.0-18-amd64"), Place::Here);
        assert_eq!(place(&SystemInfo::default(), "6.1.0-18-amd64"), Place::Here);
    }

    #[test]
    fn engines_in_virtual_machines_and_namespaces_are_elsewhere() {
        let desktop = info("Docker Desktop", "6.6.12-linuxkit", &[]);
        let same_kernel = place(&desktop, "6.6.12-linuxkit");
        assert!(same_kernel.why().unwrap().contains("Docker Desktop"));

        let colima = info("Ubuntu 24.04 LTS", "6.8.0-31-generic", &["name=seccomp"]);
        for kernel in ["", "6.1.0-18-amd64"] {
            let place = place(&colima, kernel);
            assert!(place.why().unwrap().contains("6.8.0-31-generic"));
        }

        let rootless = info("Debian GNU/Linux 12", "6.1.0-18-amd64", &["name=rootless"]);
        let rootless = place(&rootless, "6.1.0-18-amd64");
        assert!(rootless.why().unwrap().contains("rootless"));
    }

    #[test]
    fn where_bridges_are_not_here_ports_are_published_unless_told_otherwise() {
        let away = Place::Elsewhere("a virtual machine".to_owned());
        let beside = Place::Beside("a namespace".to_owned());
        let auto = |place| decide(ReachChoice::Auto, place);
        assert_eq!(auto(&Place::Here), Reach::Bridge);
        assert_eq!(auto(&away), Reach::Published);
        assert_eq!(auto(&beside), Reach::Published);
        assert_eq!(
            decide(ReachChoice::Published, &Place::Here),
            Reach::Published
        );
        assert_eq!(decide(ReachChoice::Bridge, &away), Reach::Bridge);
    }

    #[tokio::test]
    async fn a_socket_of_this_network_is_here() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("engine.sock");
        let _listener = tokio::net::UnixListener::bind(&path).unwrap();
        let endpoint = format!("unix://{}", path.display());
        assert!(!is_in_another_network(&endpoint).await);
        assert!(!is_in_another_network("tcp://127.0.0.1:1").await);
    }
}
