//! Seats as stored and observed, their learners, and whether those are there.

use std::collections::BTreeSet;
use std::time::Duration;

use clarateach_protocol::id::{Generation, SeatKey};
use time::OffsetDateTime;

use super::Reason;

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
