//! Plain domain types: workshops, seats, assignments, and what each is wanted to be.
//!
//! Knows nothing of HTTP, SQL or any provider. Ids and codes come from `clarateach_protocol`.
//! Start at [`WorkshopSpec`] (what is made) and [`DesiredWorkshop`] (what should exist).

mod capacity;
mod cidr;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use clarateach_protocol::code::JoinCode;
use clarateach_protocol::id::{Generation, SeatKey, SeatNumber, WorkshopId};
use clarateach_protocol::seat::Binding;
use time::OffsetDateTime;

pub use capacity::{Amounts, Capacity};
pub use cidr::{Cidr, CidrError};

/// The shortest time for which nobody must have used a workshop until it ends: the first warning comes
/// fifteen minutes before.
pub const SHORTEST_IDLE: Duration = Duration::from_secs(30 * 60);
/// The longest.
pub const LONGEST_IDLE: Duration = Duration::from_secs(30 * 24 * 60 * 60);
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
    /// Has the seat open, and did something lately.
    Active,
    /// Has the seat open, and did nothing for a while.
    Idle,
    /// Had it open until lately.
    Away,
    /// Said so, or stayed away.
    Left,
}

/// From when on silence means something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PresenceTimes {
    /// Connected and doing nothing for this long: idle.
    pub idle_after: Duration,
    /// Not connected for this long: left.
    pub left_after: Duration,
}

impl Default for PresenceTimes {
    fn default() -> Self {
        Self {
            idle_after: Duration::from_secs(2 * 60),
            left_after: Duration::from_secs(15 * 60),
        }
    }
}

/// Why a workshop ends by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndCause {
    /// Its time is over.
    Time,
    /// Nobody used it for as long as it allows.
    Idle,
}

/// An end that is near.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EndWarning {
    /// Why it ends then.
    pub cause: EndCause,
    /// No more than so many minutes are left: 15, 5 or 1.
    pub minutes: u16,
    /// When it ends.
    pub ends_at: OffsetDateTime,
}

/// How far the schedule looks ahead, and how much it forgives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScheduleTimes {
    /// Seats are made this long before their workshop starts.
    pub lead: Duration,
    /// After a jump of the clock nothing ends for this long.
    pub grace: Duration,
    /// A difference between wall and monotonic clock that is a jump.
    pub jump: Duration,
    /// Between two looks whether anybody uses a workshop that ends when nobody does.
    pub idle_look: Duration,
}

impl Default for ScheduleTimes {
    fn default() -> Self {
        Self {
            lead: Duration::from_secs(10 * 60),
            grace: Duration::from_secs(5 * 60),
            jump: Duration::from_secs(30),
            idle_look: Duration::from_secs(30),
        }
    }
}

/// So many workshops of so many seats each, made ahead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StandbyPlan {
    /// Seats of each.
    pub seats: u16,
    /// How many.
    pub workshops: u16,
}

/// What becomes of workshops that nobody claimed when the server stops.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum AtStop {
    /// They stay, and the next start adopts them.
    #[default]
    Keep,
    /// They are removed first.
    Drain,
}

/// Workshops made ahead.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standby {
    /// How many of which size.
    pub plans: Vec<StandbyPlan>,
    /// What becomes of them when the server stops.
    pub at_stop: AtStop,
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

/// A seat as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seat {
    /// Which seat.
    pub key: SeatKey,
    /// The generation that should run.
    pub generation: Generation,
    /// The generation whose files it has: an earlier one after an undone reset.
    pub disk: Generation,
    /// Generations whose files are kept beside.
    pub kept: BTreeSet<Generation>,
    /// Until when its last reset can be undone.
    pub undo_until: Option<OffsetDateTime>,
    /// What was last observed of it.
    pub observed: ObservedSeat,
    /// Since when nobody gets in.
    pub locked_at: Option<OffsetDateTime>,
    /// Who sits there.
    pub assignment: Option<Assignment>,
}

/// Whether a seat lets learners in; instructors it always does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SeatLock {
    /// Whoever sits there is let in, and it is given to who joins.
    Open,
    /// Its learner is shut out and nobody is seated there; files and processes stay.
    Locked,
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
    fn debug_shows_no_secret() {
        let env = Secrets(BTreeMap::from([("KEY".to_owned(), "s3cret".to_owned())]));
        assert_eq!(format!("{env:?}"), r#"{"KEY"}"#);
    }
}
