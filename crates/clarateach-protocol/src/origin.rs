//! What an origin of a seat's own shows: its browser, or one port of it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::id::{IdError, serde_as_text};

/// What the in-seat server upgrades to at `GET /tunnel?port=N`: the raw bytes of a TCP connection to
/// that port of the seat's loopback.
pub const TUNNEL_PROTOCOL: &str = "clarateach-tcp";

/// Ports below are the system's.
const FIRST_PORT: u16 = 1024;
/// The seat's own services: terminals, files, browser.
const SERVICE_PORTS: std::ops::RangeInclusive<u16> = 3001..=3003;
const ERROR: IdError = IdError::new(
    "port of a learner's server",
    "a number from 1024 to 65535 but 3001 to 3003, without leading zeros",
);

/// A port of a learner's own server: 1024 to 65535, and none of the seat's services (3001 to 3003).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u16", into = "u16")]
pub struct SeatPort(u16);

impl SeatPort {
    /// A port from its number.
    ///
    /// # Errors
    /// When it is the system's or one of the seat's services.
    pub fn new(port: u16) -> Result<Self, IdError> {
        if port >= FIRST_PORT && !SERVICE_PORTS.contains(&port) {
            Ok(Self(port))
        } else {
            Err(ERROR)
        }
    }

    /// The number.
    #[must_use]
    pub fn get(self) -> u16 {
        self.0
    }
}

impl TryFrom<u16> for SeatPort {
    type Error = IdError;

    fn try_from(port: u16) -> Result<Self, IdError> {
        Self::new(port)
    }
}

impl From<SeatPort> for u16 {
    fn from(port: SeatPort) -> Self {
        port.get()
    }
}

impl FromStr for SeatPort {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let plain = !text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit());
        let number = plain.then(|| text.parse().ok()).flatten().ok_or(ERROR)?;
        Self::new(number)
    }
}

impl fmt::Display for SeatPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for SeatPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SeatPort({})", self.0)
    }
}

/// What an own origin shows; as text `browser` or the port's digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Target {
    /// The seat's browser.
    Browser,
    /// A learner's server.
    Port(SeatPort),
}

impl FromStr for Target {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        match text {
            "browser" => Ok(Self::Browser),
            digits => digits.parse().map(Self::Port),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Browser => f.write_str("browser"),
            Self::Port(port) => port.fmt(f),
        }
    }
}
serde_as_text!(Target);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_has_one_spelling_and_is_never_a_service_of_the_seat() {
        for right in ["1024", "3000", "3004", "5173", "65535", "browser"] {
            assert_eq!(right.parse::<Target>().unwrap().to_string(), right);
        }
        for wrong in [
            "",
            "0",
            "80",
            "1023",
            "3001",
            "3002",
            "3003",
            "05173",
            "+5173",
            "5173 ",
            "５１７３",
            "65536",
            "Browser",
            "-1",
            "5173.0",
        ] {
            assert!(wrong.parse::<Target>().is_err(), "{wrong:?} was taken");
        }
        assert!(serde_json::from_str::<SeatPort>("3002").is_err());
        assert!(serde_json::from_str::<Target>("\"5173\"").is_ok());
    }
}
