//! Who has a place: connections are counted, all together and by the client's address.
//!
//! Beyond a limit a connection is *shed*: it gets one of a few extra places, in which only health and
//! readiness are answered and everything else is told to come back. Beyond these it is closed.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::ServerLimits;

/// Extra places, in which clients are told to come back.
const SHED_PLACES: usize = 64;
/// For so long after it has turned somebody away, the server says that it is overloaded.
const REMEMBERED: Duration = Duration::from_secs(5);

/// How the server is, in the extensions of the platform's requests: readiness tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// It takes what comes.
    Serving,
    /// It has just turned somebody away.
    Shedding,
    /// It was told to stop.
    Draining,
}

/// Why a client is told to come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Full {
    /// All places, or all requests, are taken.
    Server,
    /// This address has as many connections as one may.
    Address,
}

/// All places of a server.
pub(super) struct Places {
    limits: ServerLimits,
    taken: AtomicUsize,
    shed: AtomicUsize,
    asking: AtomicUsize,
    by_address: Mutex<HashMap<IpAddr, usize>>,
    draining: AtomicBool,
    began: Instant,
    /// Milliseconds after `began`, plus one; 0: never.
    turned_away: AtomicU64,
}

/// What a new connection gets.
pub(super) enum Admission {
    /// A place.
    Served(Place),
    /// An extra place, and why it is no other.
    Shed(Place, Full),
    /// Nothing: it is closed.
    Closed,
}

impl Places {
    pub(super) fn new(limits: ServerLimits) -> Arc<Self> {
        Arc::new(Self {
            limits,
            taken: AtomicUsize::new(0),
            shed: AtomicUsize::new(0),
            asking: AtomicUsize::new(0),
            by_address: Mutex::default(),
            draining: AtomicBool::new(false),
            began: Instant::now(),
            turned_away: AtomicU64::new(0),
        })
    }

    /// A place for a connection from `address`; `None` for a trusted proxy's, whose clients are
    /// counted one by one as they are known ([`Places::share`]).
    pub(super) fn admit(self: &Arc<Self>, address: Option<IpAddr>) -> Admission {
        if self.draining.load(Ordering::Relaxed) {
            return self.shed(Full::Server);
        }
        let why = match self.enter(&self.taken, self.limits.connections, Kind::Served) {
            None => Full::Server,
            Some(mut place) => match address.map(|address| self.share(address)) {
                None => return Admission::Served(place),
                Some(Ok(share)) => {
                    place.share = Some(share);
                    return Admission::Served(place);
                }
                Some(Err(why)) => why,
            },
        };
        self.note_turned_away();
        self.shed(why)
    }

    fn shed(self: &Arc<Self>, why: Full) -> Admission {
        match self.enter(&self.shed, SHED_PLACES, Kind::Shed) {
            Some(place) => Admission::Shed(place, why),
            None => Admission::Closed,
        }
    }

    /// One connection more of an address.
    pub(super) fn share(self: &Arc<Self>, address: IpAddr) -> Result<Share, Full> {
        let address = network_of(address);
        let mut by_address = self.addresses();
        let count = by_address.entry(address).or_insert(0);
        if *count >= self.limits.connections_per_address {
            drop(by_address);
            self.note_turned_away();
            return Err(Full::Address);
        }
        *count += 1;
        drop(by_address);
        Ok(Share {
            places: Arc::clone(self),
            address,
        })
    }

    /// A request that waits for its answer.
    pub(super) fn ask(&self) -> Result<Asking<'_>, Full> {
        if self.asking.fetch_add(1, Ordering::Relaxed) < self.limits.requests {
            return Ok(Asking(self));
        }
        self.asking.fetch_sub(1, Ordering::Relaxed);
        self.note_turned_away();
        Err(Full::Server)
    }

    pub(super) fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    pub(super) fn condition(&self) -> Condition {
        let turned_away = self.turned_away.load(Ordering::Relaxed);
        let since = Duration::from_millis(turned_away);
        if self.draining.load(Ordering::Relaxed) {
            Condition::Draining
        } else if turned_away > 0 && self.began.elapsed() < since + REMEMBERED {
            Condition::Shedding
        } else {
            Condition::Serving
        }
    }

    fn enter(self: &Arc<Self>, counter: &AtomicUsize, limit: usize, kind: Kind) -> Option<Place> {
        if counter.fetch_add(1, Ordering::Relaxed) >= limit {
            counter.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        Some(Place {
            places: Arc::clone(self),
            kind,
            share: None,
        })
    }

    fn note_turned_away(&self) {
        let elapsed = self.began.elapsed().as_millis();
        let elapsed = u64::try_from(elapsed).unwrap_or(u64::MAX - 1);
        self.turned_away.store(elapsed + 1, Ordering::Relaxed);
    }

    fn addresses(&self) -> std::sync::MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.by_address
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Served,
    Shed,
}

/// A connection's place, free again when dropped.
pub(super) struct Place {
    places: Arc<Places>,
    kind: Kind,
    share: Option<Share>,
}

impl Place {
    /// Counts it as that client's from now on: what a trusted proxy's connection is used for.
    pub(super) fn lend(&mut self, client: IpAddr) -> Result<(), Full> {
        let is_theirs = |share: &Share| share.address == network_of(client);
        if !self.share.as_ref().is_some_and(is_theirs) {
            self.share = None;
            self.share = Some(self.places.share(client)?);
        }
        Ok(())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let counter = match self.kind {
            Kind::Served => &self.places.taken,
            Kind::Shed => &self.places.shed,
        };
        counter.fetch_sub(1, Ordering::Relaxed);
    }
}

/// One of an address's connections.
pub(super) struct Share {
    places: Arc<Places>,
    address: IpAddr,
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut by_address = self.places.addresses();
        if let Some(count) = by_address.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                by_address.remove(&self.address);
            }
        }
    }
}

/// A request that waits for its answer.
pub(super) struct Asking<'a>(&'a Places);

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        self.0.asking.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Who is counted as one: an IPv4 address, or what one subscriber has of IPv6 (RFC 6177).
fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            let mut segments = address.segments();
            segments[4..].fill(0);
            IpAddr::V6(Ipv6Addr::from(segments))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(connections: usize, connections_per_address: usize) -> Arc<Places> {
        Places::new(ServerLimits {
            connections,
            connections_per_address,
            requests: 1,
            ..ServerLimits::default()
        })
    }

    fn from(text: &str) -> Option<IpAddr> {
        Some(text.parse().unwrap())
    }

    #[test]
    fn an_address_takes_no_more_than_its_share() {
        let places = places(10, 2);
        let first = places.admit(from("192.0.2.1"));
        let _second = places.admit(from("::ffff:192.0.2.1"));
        let third = places.admit(from("192.0.2.1"));
        assert!(matches!(third, Admission::Shed(_, Full::Address)));
        assert_eq!(places.condition(), Condition::Shedding);
        assert!(matches!(
            places.admit(from("192.0.2.2")),
            Admission::Served(_)
        ));
        drop(first);
        assert!(matches!(
            places.admit(from("192.0.2.1")),
            Admission::Served(_)
        ));
        drop(third);
        assert_eq!(places.shed.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn one_subscribers_ipv6_addresses_are_one() {
        let places = places(10, 1);
        let _first = places.admit(from("2001:db8::1"));
        let second = places.admit(from("2001:db8::ffff:2"));
        assert!(matches!(second, Admission::Shed(_, Full::Address)));
        let other = places.admit(from("2001:db8:0:1::1"));
        assert!(matches!(other, Admission::Served(_)));
    }

    #[test]
    fn a_few_are_told_and_the_rest_closed_and_all_are_free_again() {
        let places = places(1, 100);
        let mut held = vec![places.admit(from("192.0.2.1"))];
        for _ in 0..SHED_PLACES {
            let shed = places.admit(from("192.0.2.1"));
            assert!(matches!(shed, Admission::Shed(_, Full::Server)));
            held.push(shed);
        }
        assert!(matches!(places.admit(from("192.0.2.1")), Admission::Closed));
        held.clear();
        assert!(matches!(
            places.admit(from("192.0.2.1")),
            Admission::Served(_)
        ));
        assert!(places.addresses().is_empty());
    }

    #[test]
    fn a_proxys_connection_counts_for_whom_it_is_used() {
        let places = places(10, 1);
        let [one, other] = ["192.0.2.1", "192.0.2.2"].map(|text| text.parse().unwrap());
        let Admission::Served(mut first) = places.admit(None) else {
            panic!("no place");
        };
        let Admission::Served(mut second) = places.admit(None) else {
            panic!("no place");
        };
        assert!(first.lend(one).is_ok() && first.lend(one).is_ok());
        assert_eq!(second.lend(one), Err(Full::Address));
        assert!(second.lend(other).is_ok());
        assert!(first.lend(other).is_err());
        drop(second);
        assert!(first.lend(other).is_ok());
    }

    #[test]
    fn requests_have_a_limit() {
        let places = places(1, 1);
        let asking = places.ask().ok();
        assert!(asking.is_some() && places.ask().is_err());
        drop(asking);
        assert!(places.ask().is_ok());
    }
}
