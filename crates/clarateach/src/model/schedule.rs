//! When workshops are made and end by themselves, and those that are made ahead for nobody yet.

use std::time::Duration;

use time::OffsetDateTime;

/// The shortest time for which nobody must have used a workshop until it ends: the first warning comes
/// fifteen minutes before.
pub const SHORTEST_IDLE: Duration = Duration::from_secs(30 * 60);
/// The longest.
pub const LONGEST_IDLE: Duration = Duration::from_secs(30 * 24 * 60 * 60);
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
