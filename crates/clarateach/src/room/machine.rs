//! What the kernel says about this machine's interfaces.

use std::net::IpAddr;
use std::path::Path;

use if_addrs::IfOperStatus;

use super::RoomError;

/// Names that container engines and hypervisors give to the inner ends of their networks.
const INNER: [&str; 13] = [
    "ct-", "docker", "br-", "veth", "virbr", "vnet", "vmnet", "vboxnet", "cni", "cali", "flannel",
    "lxc", "podman",
];
/// Names that drivers of tunnels use, for those that don't say that they are point-to-point.
const TUNNELS: [&str; 5] = ["tun", "tap", "wg", "ppp", "tailscale"];

/// Its interfaces, as far as the choice of an address needs them.
#[derive(Debug, Clone, Default)]
pub struct Machine {
    /// One entry an address.
    pub interfaces: Vec<Interface>,
    /// Interfaces of default routes.
    pub default_route: Vec<String>,
}

/// An interface with one of its addresses.
#[derive(Debug, Clone)]
pub struct Interface {
    /// As `ip link` shows it.
    pub name: String,
    /// One of its addresses.
    pub address: IpAddr,
    /// What it leads to.
    pub kind: Kind,
}

/// What an interface leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A network with other machines.
    Network,
    /// A bridge that the operator made: the way to the network, or to virtual machines.
    Bridge,
    /// The other end of a VPN.
    Tunnel,
    /// This machine's own containers and virtual machines.
    Inner,
    /// Nothing: no cable, no Wi-Fi.
    Down,
}

impl Machine {
    /// Asks the kernel.
    ///
    /// # Errors
    /// When it doesn't tell.
    pub fn read() -> Result<Self, RoomError> {
        let found = if_addrs::get_if_addrs().map_err(|source| RoomError::Interfaces { source })?;
        let interfaces = found
            .into_iter()
            .map(|found| Interface {
                address: found.ip(),
                kind: kind(&found),
                name: found.name,
            })
            .collect();
        let table = std::fs::read_to_string("/proc/net/route").unwrap_or_default();
        Ok(Self {
            interfaces,
            default_route: default_routes(&table),
        })
    }

    /// Whether the address is one of its own.
    #[must_use]
    pub fn has(&self, address: IpAddr) -> bool {
        self.interfaces
            .iter()
            .any(|interface| interface.address == address)
    }
}

fn kind(found: &if_addrs::Interface) -> Kind {
    let is_named = |prefixes: &[&str]| prefixes.iter().any(|prefix| found.name.starts_with(prefix));
    if is_named(&INNER) {
        Kind::Inner
    } else if matches!(
        found.oper_status,
        IfOperStatus::Down | IfOperStatus::NotPresent | IfOperStatus::LowerLayerDown
    ) {
        Kind::Down
    } else if found.is_p2p() || is_named(&TUNNELS) {
        Kind::Tunnel
    } else if Path::new("/sys/class/net")
        .join(&found.name)
        .join("bridge")
        .exists()
    {
        Kind::Bridge
    } else {
        Kind::Network
    }
}

/// Interfaces whose route has no destination, as `/proc/net/route` writes it.
fn default_routes(table: &str) -> Vec<String> {
    table
        .lines()
        .skip(1)
        .filter_map(|route| {
            let mut fields = route.split_whitespace();
            let (interface, destination) = (fields.next()?, fields.next()?);
            let mask = fields.nth(5)?;
            (destination == "00000000" && mask == "00000000").then(|| interface.to_owned())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_routes_interfaces_are_read() {
        let table = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\n\
            tun0\t00000000\t0100000A\t0003\t0\t0\t0\t00000080\t0\t0\t0\n\
            wlan0\t00000000\t010200C0\t0003\t0\t0\t600\t00000000\t0\t0\t0\n\
            docker0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0\n";
        assert_eq!(default_routes(table), ["wlan0"]);
    }

    #[test]
    fn this_machine_has_its_loopback_address() {
        let machine = Machine::read().unwrap();
        assert!(machine.has("127.0.0.1".parse().unwrap()), "{machine:?}");
        assert!(!machine.has("203.0.113.9".parse().unwrap()));
    }
}
