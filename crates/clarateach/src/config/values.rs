//! Settings whose text has a form of its own.

use std::str::FromStr;
use std::time::Duration;

use crate::model::{AtStop, LONGEST_IDLE, MAX_SEATS, SHORTEST_IDLE, StandbyPlan};

/// How long a workshop lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Length {
    /// So long from its start.
    For(Duration),
    /// Until somebody deletes it.
    UntilDeleted,
}

impl Default for Length {
    fn default() -> Self {
        Self::For(Duration::from_secs(7 * 24 * 60 * 60))
    }
}

impl Length {
    /// The time; `None` without an end.
    #[must_use]
    pub fn limit(self) -> Option<Duration> {
        match self {
            Self::For(time) => Some(time),
            Self::UntilDeleted => None,
        }
    }
}

impl FromStr for Length {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "none" {
            return Ok(Self::UntilDeleted);
        }
        let wrong = || format!("{text:?} is no length: write 90m, 12h, 7d or none");
        let time = time(text, &['m', 'h', 'd']).ok_or_else(wrong)?;
        if time.is_zero() || time > LONGEST {
            return Err(format!("{text:?} is out of range: 1m to 365d, or none"));
        }
        Ok(Self::For(time))
    }
}

/// For how long nobody must have used a workshop until it ends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum IdleAfter {
    /// So long.
    For(Duration),
    /// That ends nothing.
    #[default]
    Never,
}

impl IdleAfter {
    /// The time; `None` where it ends nothing.
    #[must_use]
    pub fn limit(self) -> Option<Duration> {
        match self {
            Self::For(time) => Some(time),
            Self::Never => None,
        }
    }
}

impl FromStr for IdleAfter {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let time: Length = text.parse()?;
        match time.limit() {
            None => Ok(Self::Never),
            Some(time) if (SHORTEST_IDLE..=LONGEST_IDLE).contains(&time) => Ok(Self::For(time)),
            Some(_) => Err(format!("{text:?} is out of range: 30m to 30d, or none")),
        }
    }
}

/// How long nobody looks at a seat's browser before it is frozen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PauseAfter {
    /// So long.
    For(Duration),
    /// It never is.
    Never,
}

impl Default for PauseAfter {
    fn default() -> Self {
        Self::For(Duration::from_secs(5 * 60))
    }
}

impl PauseAfter {
    /// The time; `None` where it never is.
    #[must_use]
    pub fn limit(self) -> Option<Duration> {
        match self {
            Self::For(time) => Some(time),
            Self::Never => None,
        }
    }
}

impl FromStr for PauseAfter {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "none" {
            return Ok(Self::Never);
        }
        let wrong = || format!("{text:?} is no time: write 90s, 5m, 1h or none");
        let time = time(text, &['s', 'm', 'h']).ok_or_else(wrong)?;
        if time.is_zero() || time > Duration::from_secs(24 * 60 * 60) {
            return Err(format!("{text:?} is out of range: 1s to 24h, or none"));
        }
        Ok(Self::For(time))
    }
}

/// A number and one of these units; no overflow, for the number has 32 bits.
fn time(text: &str, units: &[char]) -> Option<Duration> {
    let unit = text
        .chars()
        .next_back()
        .filter(|unit| units.contains(unit))?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 60 * 60,
        'd' => 24 * 60 * 60,
        _ => return None,
    };
    let number: u32 = text[..text.len() - unit.len_utf8()].parse().ok()?;
    Some(Duration::from_secs(u64::from(number) * seconds))
}

/// The longest default length of a workshop.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// Workshops made ahead, as written: `10x1,30x2`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StandbyPlans(pub Vec<StandbyPlan>);

impl FromStr for StandbyPlans {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.is_empty() || text == "none" {
            return Ok(Self::default());
        }
        text.split(',')
            .map(plan)
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

fn plan(text: &str) -> Result<StandbyPlan, String> {
    let wrong = || {
        format!(
            "{text:?} is no plan: write SEATSxWORKSHOPS, as in 10x1; 1 to {MAX_SEATS} seats, 1 to {MOST} workshops"
        )
    };
    let (seats, workshops) = text.trim().split_once('x').ok_or_else(wrong)?;
    let number = |text: &str, most: u16| {
        let number = text.parse().ok();
        number
            .filter(|it| (1..=most).contains(it))
            .ok_or_else(wrong)
    };
    Ok(StandbyPlan {
        seats: number(seats, MAX_SEATS)?,
        workshops: number(workshops, MOST)?,
    })
}

/// Workshops of one size that are made ahead, at the most.
const MOST: u16 = 20;

/// What becomes of them when the server stops.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StandbyAtStop {
    /// They stay, and the next start adopts them.
    #[default]
    Keep,
    /// They are removed first.
    Drain,
}

impl From<StandbyAtStop> for AtStop {
    fn from(word: StandbyAtStop) -> Self {
        match word {
            StandbyAtStop::Keep => Self::Keep,
            StandbyAtStop::Drain => Self::Drain,
        }
    }
}
