//! Who sets firewall rules and isolates bridge ports: this process, where the engine's bridges are in its network;
//! elsewhere a helper container in the engine's. The rules are the same.

use std::io;
use std::path::Path;

use clarateach_protocol::id::WorkshopId;

use super::command::{self, CommandError};
use super::helper::{Helper, HelperError};
use super::names;
use crate::provider::ProviderError;

/// Isolates every port of the bridge `$1`. One that went meanwhile took its seat with it.
const ISOLATE: &str = r#"
links=$(ip -o link show master "$1") || exit
for port in $(printf '%s\n' "$links" | sed -n 's/^[0-9]*: \([^@: ]*\).*/\1/p'); do
  bridge link set dev "$port" isolated on || ! ip link show dev "$port" >/dev/null 2>&1 || exit 1
done
"#;
/// Firewall rules as nft takes them, without a way in for a container's standard input.
const SET_RULES: &str = r#"printf %s "$INPUT" | nft -f -"#;

/// What can touch the network of the engine's bridges.
#[derive(Debug)]
pub(super) enum Keeper {
    /// This process.
    Own,
    /// A container in the engine's network.
    Helper(Helper),
}

/// Why firewall or bridge are not as they should be.
#[derive(Debug, thiserror::Error)]
pub(super) enum KeeperError {
    #[error(transparent)]
    Command(#[from] CommandError),
    #[error(transparent)]
    Port(#[from] io::Error),
    #[error(transparent)]
    Helper(#[from] HelperError),
}

impl KeeperError {
    /// What to do about it.
    pub(super) fn hint(&self) -> &'static str {
        match self {
            Self::Command(_) | Self::Port(_) => {
                "run as root with nftables installed, or pass --allow-weak-isolation"
            }
            Self::Helper(HelperError::NoImage) => {
                "build it with `./x images --only firewall`, or pass --allow-weak-isolation"
            }
            Self::Helper(_) => {
                "the engine must allow a container in its own network with CAP_NET_ADMIN; otherwise pass --allow-weak-isolation"
            }
        }
    }

    /// The engine's own trouble, which may pass, as opposed to a firewall that can't be set.
    pub(super) fn of_the_engine(self) -> Result<ProviderError, Self> {
        match self {
            Self::Helper(HelperError::Engine(error)) => Ok(error),
            other => Err(other),
        }
    }
}

impl Keeper {
    /// Puts rules in force, as one transaction.
    pub(super) async fn set_rules(&self, rules: &str) -> Result<(), KeeperError> {
        match self {
            Self::Own => nft(&["-f", "-"], rules).await?,
            Self::Helper(helper) => Box::pin(helper.run(&["sh", "-c", SET_RULES], rules)).await?,
        };
        Ok(())
    }

    /// The names of all tables of the family `inet`, as nft lists them.
    pub(super) async fn list_tables(&self) -> Result<String, KeeperError> {
        let arguments = ["list", "tables", "inet"];
        Ok(match self {
            Self::Own => nft(&arguments, "").await?,
            // It goes after the last table, and not before.
            Self::Helper(helper) => {
                let words = [&["nft"][..], &arguments].concat();
                Box::pin(helper.run_if_there(&words))
                    .await?
                    .unwrap_or_default()
            }
        })
    }

    /// Keeps the ports of a workshop's bridge from seeing each other, ARP included.
    pub(super) async fn isolate_ports(&self, workshop: &WorkshopId) -> Result<(), KeeperError> {
        let bridge = names::bridge(workshop);
        match self {
            Self::Own => isolate_ports(&bridge)?,
            Self::Helper(helper) => {
                let words = ["sh", "-c", ISOLATE, "sh", &bridge];
                Box::pin(helper.run(&words, "")).await?;
            }
        }
        Ok(())
    }
}

/// One at a time: each reads the whole rule set first, and begins again whenever another changed it meanwhile. Sixty at
/// once took each other's time until they ran out of it (seen).
async fn nft(arguments: &[&str], input: &str) -> Result<String, CommandError> {
    static ONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
    let _alone = ONE.lock().await;
    command::run_with_input("nft", arguments, input).await
}

fn isolate_ports(bridge: &str) -> io::Result<()> {
    let ports = Path::new("/sys/class/net").join(bridge).join("brif");
    let ports = std::fs::read_dir(ports).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => io::Error::new(
            error.kind(),
            format!(
                "the engine's bridge {bridge} is not on this machine; `clarateach doctor` tells whether the engine is, and --docker-reach published reaches seats there by ports"
            ),
        ),
        _ => error,
    })?;
    for port in ports {
        match std::fs::write(port?.path().join("isolated"), "1") {
            // A seat that stopped just now took its port with it.
            Err(error) if !is_gone(&error) => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

fn is_gone(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound
        || error.raw_os_error() == Some(rustix::io::Errno::NODEV.raw_os_error())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_bridge_on_another_machine_is_said_to_be_there() {
        let nowhere = "ws-00000000".parse().unwrap();
        let error = Keeper::Own.isolate_ports(&nowhere).await.unwrap_err();
        let said = error.to_string();
        assert!(
            said.contains("ct-00000000 is not on this machine"),
            "{said}"
        );
        assert!(said.contains("--docker-reach published"), "{said}");
    }
}
