//! Services at addresses that seats must not reach, or may: in a network namespace of the test's own.
//!
//! Each address answers TCP on port 80 and, as a name server, UDP on port 53; but only to the host's
//! own address, since the internet doesn't know the way to seats either.

use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::os::fd::AsFd;
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use super::fixture::host;

/// Where clouds answer with an instance's credentials.
pub(super) const METADATA: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 254);
/// Somebody's printer.
pub(super) const PRIVATE: Ipv4Addr = Ipv4Addr::new(10, 231, 17, 5);
/// Behind a carrier's address translation.
pub(super) const CARRIER: Ipv4Addr = Ipv4Addr::new(100, 99, 17, 5);
/// An address for documentation (RFC 5737), which no list of private ranges has.
pub(super) const PUBLIC: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 17);
pub(super) const PORT: u16 = 80;
/// An address of the host's own, where it runs a name server on TCP port 53.
pub(super) const OWN_RESOLVER: Ipv4Addr = OUTER_IP;
/// The name that the decoys' name servers know, as [`PUBLIC`].
pub(super) const NAME: &str = "registry.example";

const ALL: [Ipv4Addr; 4] = [METADATA, PRIVATE, CARRIER, PUBLIC];
const NAMESPACE: &str = "clarateach-decoys";
/// The two ends of the cable, and their addresses.
const OUTER: &str = "ct-decoy0";
const INNER: &str = "ct-decoy1";
const OUTER_IP: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 129);
const INNER_IP: &str = "198.51.100.130";

/// There is one metadata address, so only one test has decoys at a time.
static ONE: Mutex<()> = Mutex::new(());

/// Decoys that listen until this is dropped.
pub(super) struct Decoys {
    _one: MutexGuard<'static, ()>,
    /// Nobody accepts: the kernel takes connections all the same.
    _listeners: Vec<TcpListener>,
}

impl Decoys {
    pub(super) fn start() -> Self {
        let one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
        remove();
        let outside = |line: &str| host("ip", &line.split(' ').collect::<Vec<_>>());
        let inside = |line: &str| outside(&format!("-n {NAMESPACE} {line}"));
        outside(&format!("netns add {NAMESPACE}"));
        outside(&format!(
            "link add {OUTER} type veth peer name {INNER} netns {NAMESPACE}"
        ));
        outside(&format!("addr add {OUTER_IP}/30 dev {OUTER}"));
        outside(&format!("link set {OUTER} up"));
        inside("link set lo up");
        inside(&format!("addr add {INNER_IP}/30 dev {INNER}"));
        inside(&format!("link set {INNER} up"));
        for address in ALL {
            inside(&format!("addr add {address}/32 dev lo"));
            outside(&format!(
                "route replace {address}/32 via {INNER_IP} dev {OUTER}"
            ));
        }
        let opened = std::thread::spawn(listen).join();
        let mut listeners = opened.expect("the decoys listen in their namespace");
        listeners.push(TcpListener::bind((OWN_RESOLVER, 53)).unwrap());
        Self {
            _one: one,
            _listeners: listeners,
        }
    }
}

impl Drop for Decoys {
    fn drop(&mut self) {
        remove();
    }
}

/// Removes cable and namespace; the routes go with the cable.
fn remove() {
    for arguments in [&["link", "del", OUTER][..], &["netns", "del", NAMESPACE]] {
        // Absent unless a killed test left them.
        let _ = Command::new("ip").args(arguments).output();
    }
}

/// Moves this thread into the namespace and opens the services there; threads that it starts stay in it.
fn listen() -> Vec<TcpListener> {
    let namespace = std::fs::File::open(format!("/run/netns/{NAMESPACE}")).unwrap();
    move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
    for address in ALL {
        let udp = UdpSocket::bind((address, 53)).unwrap();
        std::thread::spawn(move || {
            let mut buffer = [0; 512];
            while let Ok((length, from)) = udp.recv_from(&mut buffer) {
                // Whoever asked may be gone.
                let _ = udp.send_to(&answer(&buffer[..length]), from);
            }
        });
    }
    ALL.map(|address| TcpListener::bind((address, PORT)).unwrap())
        .into()
}

/// [`PUBLIC`] as the answer to any question about an IPv4 address (RFC 1035).
fn answer(query: &[u8]) -> Vec<u8> {
    let end = query.len().min(12 + NAME.len() + 2 + 4);
    let asks_for_ipv4 = query[end - 4..end] == [0, 1, 0, 1];
    let answers = u8::from(asks_for_ipv4);
    let mut answer = query[..end].to_vec();
    answer[2..12].copy_from_slice(&[0x81, 0x80, 0, 1, 0, answers, 0, 0, 0, 0]);
    if asks_for_ipv4 {
        answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4]);
        answer.extend(PUBLIC.octets());
    }
    answer
}
