//! Plain domain types: workshops, seats, assignments, and what each is wanted to be.
//!
//! Knows nothing of HTTP, SQL or any provider. Ids and codes come from `clarateach_protocol`.
//! Start at [`WorkshopSpec`] (what is made) and [`DesiredWorkshop`] (what should exist).

use std::collections::BTreeMap;
use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

use clarateach_protocol::code::JoinCode;
use clarateach_protocol::id::{Generation, SeatKey, SeatNumber, WorkshopId};
use clarateach_protocol::seat::Binding;
use time::OffsetDateTime;

/// Seats of one workshop at the most.
pub const MAX_SEATS: u16 = 200;

/// What one seat may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resources {
    /// Memory without swap, MiB.
    pub memory_mib: u32,
    /// Thousandths of a CPU.
    pub cpu_millis: u32,
    /// Processes and threads.
    pub pids: u32,
    /// Size of `/workspace`, MiB.
    pub disk_mib: u32,
}

impl Default for Resources {
    fn default() -> Self {
        Self {
            memory_mib: 1024,
            cpu_millis: 1000,
            pids: 512,
            disk_mib: 2048,
        }
    }
}

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

/// Where a seat's packets may go. Other seats, the host and metadata addresses are shut under each.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum EgressPolicy {
    /// The public internet and name resolution.
    #[default]
    Open,
    /// Nowhere; no name resolution either.
    None,
    /// Name resolution and these networks only, private ones included.
    Allow(Vec<Cidr>),
}

/// When a seat's browser runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum BrowserPolicy {
    /// From its first use.
    #[default]
    OnDemand,
    /// From the start.
    Always,
    /// Never.
    Off,
}

/// What all seats of a workshop have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkshopSpec {
    /// Which workshop.
    pub id: WorkshopId,
    /// OCI image reference of the seats' root filesystem.
    pub image: String,
    /// Limits of each seat.
    pub resources: Resources,
    /// Where seats may send packets.
    pub egress: EgressPolicy,
    /// When browsers run.
    pub browser: BrowserPolicy,
}

/// A workshop's life, as its instructor sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorkshopStatus {
    /// Its seats are made some time before it starts.
    Scheduled,
    /// Seats are being made.
    Provisioning,
    /// At least one seat can be used; the others too, or they show why not.
    Ready,
    /// Everything of it is being removed.
    Ending,
    /// Nothing of it is left.
    Ended,
    /// No seat at all could be made.
    Failed,
}

/// A seat's state, as its instructor sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SeatStatus {
    /// Being made, or made anew.
    Provisioning,
    /// Probed and free.
    Ready,
    /// Probed and somebody's.
    Occupied,
    /// It died or went silent, and is being brought back.
    Recovering,
    /// It could not be made; the reason says why.
    Failed,
    /// Being removed.
    Terminating,
}

/// Why something is as it is: a stable code, and a sentence with the remedy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// Stable, snake_case.
    pub code: String,
    /// A sentence for the instructor.
    pub message: String,
}

impl Reason {
    /// A reason of a code and a message.
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            code: code.into(),
            message: message.into(),
        }
    }
}

/// What should exist of one workshop.
#[derive(Debug, Clone)]
pub struct DesiredWorkshop {
    /// What its seats have in common.
    pub spec: WorkshopSpec,
    /// Whether it should exist at all.
    pub wanted: Wanted,
    /// Its seats, ordered by number.
    pub seats: Vec<DesiredSeat>,
}

/// Whether a workshop should exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// Its network and seats should be there.
    Present,
    /// Nothing of it should be left.
    Absent,
}

/// What should exist of one seat.
#[derive(Debug, Clone)]
pub struct DesiredSeat {
    /// Its number.
    pub number: SeatNumber,
    /// The generation that should run.
    pub generation: Generation,
    /// What it should be bound to.
    pub binding: Binding,
}

/// One seat as last observed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObservedSeat {
    /// Usable or not, and how.
    pub condition: SeatCondition,
    /// What is or went wrong.
    pub reason: Option<Reason>,
}

/// What the orchestrator knows of a seat; with its assignment it becomes a [`SeatStatus`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SeatCondition {
    /// Being made.
    Provisioning,
    /// Terminal, files and binding answered a probe.
    Ready,
    /// Was ready, isn't now, and is being brought back.
    Recovering,
    /// Could not be made or brought back; waits for Retry.
    Failed,
    /// Being removed.
    Terminating,
}

impl SeatCondition {
    /// The status that an instructor sees.
    #[must_use]
    pub fn status(self, assigned: bool) -> SeatStatus {
        match (self, assigned) {
            (Self::Provisioning, _) => SeatStatus::Provisioning,
            (Self::Ready, false) => SeatStatus::Ready,
            (Self::Ready, true) => SeatStatus::Occupied,
            (Self::Recovering, _) => SeatStatus::Recovering,
            (Self::Failed, _) => SeatStatus::Failed,
            (Self::Terminating, _) => SeatStatus::Terminating,
        }
    }
}

/// Whether a learner is there now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// Joined, and never opened the seat.
    Never,
    /// Has the seat open.
    Active,
    /// Had it open before.
    Away,
}

/// A learner on a seat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    /// Random, stable over resets.
    pub id: String,
    /// Which seat.
    pub seat: SeatKey,
    /// The name that they joined with.
    pub name: String,
    /// When.
    pub joined_at: OffsetDateTime,
}

/// A workshop as stored.
#[derive(Debug, Clone)]
pub struct Workshop {
    /// What its seats have in common.
    pub spec: WorkshopSpec,
    /// Its title.
    pub name: String,
    /// What learners type to join.
    pub code: JoinCode,
    /// The instructor who made it.
    pub owner: String,
    /// Where it is in its life.
    pub status: WorkshopStatus,
    /// Why, where it failed.
    pub reason: Option<Reason>,
    /// Environment of every shell; values are secrets.
    pub env: Secrets,
    /// When it was made.
    pub created_at: OffsetDateTime,
    /// When its seats should be there.
    pub starts_at: Option<OffsetDateTime>,
    /// When it ends by itself.
    pub ends_at: Option<OffsetDateTime>,
}

/// A seat as stored.
#[derive(Debug, Clone)]
pub struct Seat {
    /// Which seat.
    pub key: SeatKey,
    /// The generation that should run.
    pub generation: Generation,
    /// What was last observed of it.
    pub observed: ObservedSeat,
    /// Who sits there.
    pub assignment: Option<Assignment>,
}

impl Seat {
    /// The status that an instructor sees.
    #[must_use]
    pub fn status(&self) -> SeatStatus {
        self.observed.condition.status(self.assignment.is_some())
    }
}

/// Someone who may create workshops.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instructor {
    /// Random, stable.
    pub id: String,
    /// Signs in with it where there are several.
    pub name: String,
}

/// An API token as its instructor sees it: everything but the token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiToken {
    /// Random, stable; not secret.
    pub id: String,
    /// What it is for.
    pub name: String,
    /// When it was made.
    pub created_at: OffsetDateTime,
    /// When it was last used, to about a minute.
    pub last_used_at: Option<OffsetDateTime>,
}

/// Environment variables whose values never reach a log.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secrets(pub BTreeMap<String, String>);

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
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

    #[test]
    fn debug_shows_no_secret() {
        let env = Secrets(BTreeMap::from([("KEY".to_owned(), "s3cret".to_owned())]));
        assert_eq!(format!("{env:?}"), r#"{"KEY"}"#);
    }
}
