//! Plain domain types: workshops, seats, assignments, and what each is wanted to be.
//!
//! Knows nothing of HTTP, SQL or any provider. Ids and codes come from `clarateach_protocol`.
//! Start at [`WorkshopSpec`] (what is made) and [`DesiredWorkshop`] (what should exist).

mod capacity;
mod cidr;
mod schedule;
mod seat;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use clarateach_protocol::code::JoinCode;
use clarateach_protocol::id::{Generation, SeatNumber, WorkshopId};
use clarateach_protocol::seat::Binding;
use time::OffsetDateTime;

pub use capacity::{Amounts, Capacity};
pub use cidr::{Cidr, CidrError};
pub use schedule::{
    AtStop, EndCause, EndWarning, LONGEST_IDLE, SHORTEST_IDLE, ScheduleTimes, Standby, StandbyPlan,
};
pub use seat::{
    Assignment, ObservedSeat, Presence, PresenceTimes, Seat, SeatCondition, SeatLock, SeatStatus,
};

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
            memory_mib: 512,
            cpu_millis: 1000,
            pids: 512,
            disk_mib: 2048,
        }
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
    /// Whether somebody waits for it.
    pub kind: WorkshopKind,
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
    /// The generation whose files it has.
    pub disk: Generation,
    /// Generations whose files are kept beside, for an undo.
    pub kept: BTreeSet<Generation>,
    /// What it should be bound to.
    pub binding: Binding,
}

/// Whose a workshop is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorkshopKind {
    /// Somebody's who asked for it.
    Class,
    /// Nobody's yet: made ahead, for whoever asks next. Nobody sees or joins it.
    Standby,
}

/// A workshop as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workshop {
    /// What its seats have in common.
    pub spec: WorkshopSpec,
    /// Its title.
    pub name: String,
    /// Whose it is.
    pub kind: WorkshopKind,
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
    /// For how long nobody must have used it until it ends; `None`: that ends nothing.
    pub idle_after: Option<Duration>,
    /// Until then a class is on, used or not: its start, or an end that somebody named.
    pub kept_until: Option<OffsetDateTime>,
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
    fn debug_shows_no_secret() {
        let env = Secrets(BTreeMap::from([("KEY".to_owned(), "s3cret".to_owned())]));
        assert_eq!(format!("{env:?}"), r#"{"KEY"}"#);
    }
}
