//! A loopback network for each workshop: addresses fixed per seat, as on a bridge.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};

use clarateach_protocol::id::SeatNumber;

/// Networks tried before giving up.
const TRIES: usize = 64;
/// A seat's address is its network's base, this, and its number.
const FIRST_SEAT: u16 = 9;

/// 127.x.y.0/24, claimed by a listener on its first address, against other processes too.
pub(super) struct Network {
    base: Ipv4Addr,
    _claim: TcpListener,
}

impl Network {
    pub(super) fn claim() -> io::Result<Self> {
        let mut last = io::Error::other("no loopback network is free");
        for _ in 0..TRIES {
            let random = getrandom::u32().map_err(io::Error::other)?.to_be_bytes();
            // Not 127.0.x.y: others live there.
            let base = Ipv4Addr::new(127, random[0].clamp(1, 254), random[1], 0);
            let gateway = Ipv4Addr::from_bits(base.to_bits() + 1);
            match TcpListener::bind(SocketAddr::new(gateway.into(), 3000)) {
                Ok(claim) => {
                    return Ok(Self {
                        base,
                        _claim: claim,
                    });
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    pub(super) fn address(&self, seat: SeatNumber) -> IpAddr {
        // Wider than a /24 only beyond the seats that a workshop can have.
        let host = u32::from(FIRST_SEAT) + u32::from(seat.get());
        Ipv4Addr::from_bits(self.base.to_bits() + host).into()
    }
}
