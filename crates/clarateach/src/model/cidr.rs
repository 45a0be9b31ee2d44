//! IPv4 networks: seats' subnets, egress policies, trusted proxies.

use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

/// An IPv4 network, `a.b.c.d/n`, host bits zero.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Cidr {
    network: Ipv4Addr,
    prefix: u8,
}

/// The text is no IPv4 network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not an IPv4 network: expected a.b.c.d/n with n from 0 to 32")]
pub struct CidrError {
    text: String,
}

impl Cidr {
    /// The network of `prefix` bits that `address` lies in.
    ///
    /// # Errors
    /// When `prefix` is above 32.
    pub fn new(address: Ipv4Addr, prefix: u8) -> Result<Self, CidrError> {
        if prefix > 32 {
            return Err(CidrError {
                text: format!("{address}/{prefix}"),
            });
        }
        let mask = u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0);
        Ok(Self {
            network: Ipv4Addr::from_bits(address.to_bits() & mask),
            prefix,
        })
    }

    /// The network's first address.
    #[must_use]
    pub fn network(self) -> Ipv4Addr {
        self.network
    }

    /// Its prefix length, 0 to 32.
    #[must_use]
    pub fn prefix(self) -> u8 {
        self.prefix
    }

    /// Whether `address` lies in it.
    #[must_use]
    pub fn contains(self, address: Ipv4Addr) -> bool {
        Self::new(address, self.prefix).is_ok_and(|of_address| of_address == self)
    }

    /// Whether the two share an address.
    #[must_use]
    pub fn overlaps(self, other: Self) -> bool {
        self.contains(other.network) || other.contains(self.network)
    }
}

impl FromStr for Cidr {
    type Err = CidrError;
    fn from_str(text: &str) -> Result<Self, CidrError> {
        let error = || CidrError {
            text: text.to_owned(),
        };
        let (address, prefix) = text.split_once('/').ok_or_else(error)?;
        let address = address.parse().map_err(|_| error())?;
        let prefix = prefix.parse().map_err(|_| error())?;
        Self::new(address, prefix).map_err(|_| error())
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.network, self.prefix)
    }
}

impl fmt::Debug for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_know_their_addresses() {
        let net: Cidr = "198.18.5.77/24".parse().unwrap();
        assert_eq!(net.to_string(), "198.18.5.0/24");
        assert!(net.contains(Ipv4Addr::new(198, 18, 5, 255)));
        assert!(!net.contains(Ipv4Addr::new(198, 18, 6, 0)));
        assert!(net.overlaps("198.18.0.0/15".parse().unwrap()));
        assert!(
            "0.0.0.0/0"
                .parse::<Cidr>()
                .unwrap()
                .contains(Ipv4Addr::BROADCAST)
        );
        for wrong in ["", "10.0.0.0", "10.0.0.0/33", "10.0.0/8", "::/0", "a/8"] {
            assert!(wrong.parse::<Cidr>().is_err(), "{wrong:?} was taken");
        }
    }
}
