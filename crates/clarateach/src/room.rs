//! The address by which a class in the same room reaches this machine.
//!
//! [`RoomChoice`] is what the operator asked for, [`Machine`] what the kernel says, and [`Room::choose`]
//! the decision, which is pure. Listening and printing are done elsewhere.

mod machine;

pub use machine::{Interface, Kind, Machine};

use std::convert::Infallible;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use serde::Deserialize;

use crate::model::Cidr;

/// What `--room[=ADDRESS]` asks for.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "Written")]
pub enum RoomChoice {
    /// Nothing: `false` in a nearer place takes back what a farther one switched on.
    Off,
    /// Whichever address others most likely reach.
    Best,
    /// This address or host name.
    Named(String),
}

/// As in `clarateach.toml`: `room = true`, or `room = "192.168.1.5"`.
#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Switch(bool),
    Text(String),
}

impl From<Written> for RoomChoice {
    fn from(written: Written) -> Self {
        match written {
            Written::Switch(true) => Self::Best,
            Written::Switch(false) => Self::Off,
            Written::Text(text) => Self::from_text(&text),
        }
    }
}

impl FromStr for RoomChoice {
    type Err = Infallible;
    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self::from_text(text))
    }
}

impl RoomChoice {
    fn from_text(text: &str) -> Self {
        match text.trim() {
            "" | "false" | "0" => Self::Off,
            "true" | "1" => Self::Best,
            name => Self::Named(name.to_owned()),
        }
    }
}

/// Why no address can be given to a class.
#[derive(Debug, thiserror::Error)]
pub enum RoomError {
    /// The system doesn't tell its interfaces.
    #[error(
        "cannot list this machine's addresses: {source}. Hint: name one, as in --room=192.168.1.5"
    )]
    Interfaces {
        /// What it said instead.
        source: std::io::Error,
    },
    /// The named address is somebody else's.
    #[error(
        "{address} is no address of this machine, which has {known}. Hint: choose one of these; for one that is forwarded to this machine, use --public-url with --listen"
    )]
    NotOfThisMachine {
        /// What was named.
        address: IpAddr,
        /// What could have been.
        known: Candidates,
    },
    /// Nobody else can come by this name.
    #[error(
        "{name} leads every device to itself. Hint: leave the address out, and one that others reach is chosen"
    )]
    Loopback {
        /// What was named.
        name: String,
    },
    /// The address means something else on each interface.
    #[error(
        "{address} needs the interface beside it, which URLs can't name. Hint: choose an IPv4 address, or leave it out"
    )]
    LinkLocal {
        /// What was named.
        address: Ipv6Addr,
    },
    /// It is neither address nor name.
    #[error(
        "{text:?} is neither an address nor a host name. Hint: write it as in --room=192.168.1.5, without scheme and port; the port is that of --listen"
    )]
    NotAName {
        /// What was named.
        text: String,
    },
    /// The machine is on no network.
    #[error(
        "this machine has no address that others could reach: it is on no network. Hint: join the room's Wi-Fi, plug in a cable or open a hotspot, then start again; without --room the server is at http://localhost only"
    )]
    Offline,
}

/// An address that others may reach.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The interface that has it.
    pub interface: String,
    /// The address.
    pub address: IpAddr,
}

impl fmt::Display for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.address, self.interface)
    }
}

/// Addresses that others may reach, the likeliest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Candidates(pub Vec<Candidate>);

impl fmt::Display for Candidates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("none that others reach");
        }
        let texts: Vec<_> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&texts.join(", "))
    }
}

/// Where the class finds this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Room {
    /// As in a URL: an address, IPv6 in brackets, or a host name in lower case. `None`: wherever the
    /// public URL leads.
    pub host: Option<String>,
    /// What else it could have been.
    pub others: Candidates,
}

impl Room {
    /// The address called `name`, or without one the address that others most likely reach.
    ///
    /// # Errors
    /// When the named address isn't this machine's, or it has none that others reach.
    pub fn choose(
        name: Option<&str>,
        machine: &Machine,
        seat_networks: Cidr,
    ) -> Result<Self, RoomError> {
        let mut candidates = candidates(machine, seat_networks);
        let host = match name {
            Some(name) => named(name, machine, &candidates)?,
            None => {
                let best = candidates.0.first().ok_or(RoomError::Offline)?;
                in_url(best.address)
            }
        };
        candidates.0.retain(|other| in_url(other.address) != host);
        Ok(Self {
            host: Some(host),
            others: candidates,
        })
    }

    /// A room whose address the operator knows better than this machine.
    #[must_use]
    pub fn at_public_url() -> Self {
        Self {
            host: None,
            others: Candidates::default(),
        }
    }

    /// The URL of a server on `port`.
    #[must_use]
    pub fn url(&self, port: u16) -> Option<String> {
        let host = self.host.as_ref()?;
        Some(format!("http://{host}:{port}"))
    }

    /// Every interface at `port`, loopback among them, so that this machine's own browser needs no
    /// network.
    #[must_use]
    pub fn listen(&self, port: u16) -> SocketAddr {
        let is_v6 = self.host.as_ref().is_some_and(|host| host.starts_with('['));
        // Linux takes IPv4 on it too (ipv6(7), IPV6_V6ONLY).
        let any: IpAddr = if is_v6 {
            Ipv6Addr::UNSPECIFIED.into()
        } else {
            Ipv4Addr::UNSPECIFIED.into()
        };
        SocketAddr::new(any, port)
    }
}

fn named(name: &str, machine: &Machine, known: &Candidates) -> Result<String, RoomError> {
    let bare = name
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(name);
    let Ok(address) = bare.parse::<IpAddr>() else {
        return host_name(name);
    };
    let address = address.to_canonical();
    if address.is_loopback() {
        return Err(RoomError::Loopback {
            name: name.to_owned(),
        });
    }
    if let IpAddr::V6(address) = address
        && address.is_unicast_link_local()
    {
        return Err(RoomError::LinkLocal { address });
    }
    if machine.has(address) {
        return Ok(in_url(address));
    }
    Err(RoomError::NotOfThisMachine {
        address,
        known: known.clone(),
    })
}

/// A name is taken as it is: where it leads is decided by the room's DNS, which may know more than ours.
fn host_name(text: &str) -> Result<String, RoomError> {
    let name = text.to_ascii_lowercase();
    let is_label = |label: &str| {
        matches!(label.len(), 1..=63)
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    let ends_in_letters = name
        .rsplit('.')
        .next()
        .is_some_and(|last| last.bytes().any(|byte| byte.is_ascii_alphabetic()));
    if name == "localhost" || name.ends_with(".localhost") {
        return Err(RoomError::Loopback { name });
    }
    if name.split('.').all(is_label) && ends_in_letters {
        Ok(name)
    } else {
        Err(RoomError::NotAName {
            text: text.to_owned(),
        })
    }
}

/// What others may reach, the likeliest first. IPv6 only where there is nothing else: each interface has
/// several of those, and nobody types one.
fn candidates(machine: &Machine, seat_networks: Cidr) -> Candidates {
    let is_default = |interface: &Interface| machine.default_route.contains(&interface.name);
    let mut found: Vec<&Interface> = machine
        .interfaces
        .iter()
        .filter(|interface| match interface.address {
            IpAddr::V4(ip) => {
                !ip.is_loopback() && !ip.is_unspecified() && !seat_networks.contains(ip)
            }
            // A link-local one needs a zone, which URLs don't have (RFC 6874, withdrawn by browsers).
            IpAddr::V6(ip) => !ip.is_loopback() && !ip.is_unicast_link_local(),
        })
        .filter(|interface| match interface.kind {
            Kind::Network | Kind::Tunnel => true,
            Kind::Bridge => is_default(interface),
            Kind::Inner | Kind::Down => false,
        })
        .collect();
    if found.iter().any(|interface| interface.address.is_ipv4()) {
        found.retain(|interface| interface.address.is_ipv4());
    }
    // A tunnel may be the way out, but the room isn't at its other end.
    found.sort_by_key(|interface| {
        (
            interface.kind == Kind::Tunnel,
            matches!(interface.address, IpAddr::V4(ip) if ip.is_link_local()),
            !is_default(interface),
        )
    });
    let candidate = |interface: &Interface| Candidate {
        interface: interface.name.clone(),
        address: interface.address,
    };
    Candidates(found.into_iter().map(candidate).collect())
}

fn in_url(address: IpAddr) -> String {
    match address {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    }
}

#[cfg(test)]
mod tests;
