//! Installations as operators make them, and own origins there.

use std::net::{IpAddr, Ipv4Addr};

use clarateach_protocol::id::SeatKey;
use clarateach_protocol::origin::{SeatPort, Target};

use crate::addresses::{Addresses, HostKind, OwnHost};

/// Who asks.
pub(crate) const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7));
/// The domain of the one that has one.
pub(crate) const DOMAIN: &str = "class.test";
const NUMBER: u16 = 20007;

/// On a laptop, in a room by address, behind a name, and with a domain for its seats.
pub(crate) fn all() -> [Addresses; 4] {
    [
        (None, None, "127.0.0.1:8080"),
        (Some("http://192.0.2.1:8080"), None, "0.0.0.0:8080"),
        (Some("https://teach.test"), None, "127.0.0.1:8080"),
        (None, Some(DOMAIN), "127.0.0.1:8080"),
    ]
    .map(|(url, domain, listen)| {
        let listen = listen.parse().expect("an address");
        Addresses::new(url, domain, listen).expect("names of ours")
    })
}

/// A port of a seat by name, by name below a domain, and by number.
pub(crate) fn own_origins() -> [(OwnHost, SeatPort); 3] {
    let seat = SeatKey {
        workshop: "ws-abcdefgh".parse().expect("a workshop"),
        seat: "3".parse().expect("a seat"),
    };
    let port = SeatPort::new(5173).expect("a port");
    let [laptop, room, _, domain] = all();
    let named = |addresses: &Addresses| {
        let host = HostKind::Platform(addresses.public().clone());
        addresses.own_by_name(seat, Target::Port(port), &host)
    };
    [
        (named(&laptop), port),
        (named(&domain), port),
        (room.own_by_number(seat, Target::Port(port), NUMBER), port),
    ]
}
