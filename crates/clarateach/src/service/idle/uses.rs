//! Since when nobody uses a workshop, by looks at its seats: a state machine without I/O.
//!
//! Looks are compared with the look before: keys, files or processor time that moved on are a use, and
//! so is whatever can't be known. Time is counted between looks, so a clock that jumps, a machine that
//! slept and a server that starts count as a use, too.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use clarateach_protocol::id::{SeatNumber, WorkshopId};
use time::OffsetDateTime;

use crate::model::ScheduleTimes;
use crate::store::IdleRule;

/// Processor time, as a share of one core, below which a seat does nothing: its own server and a
/// program that merely waits stay far below.
const CPU_FLOOR: f64 = 0.01;
/// Looks further apart than so many intervals leave a gap in which anything may have been.
const LATE: u32 = 4;
/// Nobody calls a workshop idle after less, or after less than a quarter of its own time.
const SHOWN_AFTER: Duration = Duration::from_secs(2 * 60);

/// A seat, as a look found it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Seen {
    /// Something in it is or may be under way.
    Used,
    /// It can't be used, and nothing runs there.
    Dead,
    /// It answered.
    Told(Sample),
}

/// What a seat told. Its counters mean something beside others of the same start only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sample {
    /// Which start of which learner's seat.
    pub(super) start: (String, Option<String>),
    pub(super) inputs: u64,
    pub(super) file_changes: u64,
    pub(super) cpu: Duration,
}

/// When a workshop ends if nobody uses it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::service) struct IdleEnd {
    /// What the clock will show.
    pub(in crate::service) wall: OffsetDateTime,
    /// What is left; nothing only once a look after the end found that still nobody uses it.
    pub(in crate::service) left: Duration,
}

struct Watched {
    rule: IdleRule,
    seats: BTreeMap<SeatNumber, Seen>,
    /// When its last use was noticed.
    used: (OffsetDateTime, Instant),
    /// When the last look began; `None`: nobody looked since something was done here.
    looked: Option<Instant>,
}

/// Every workshop that ends when nobody uses it.
pub(super) struct Uses {
    times: ScheduleTimes,
    last: Option<(OffsetDateTime, Instant)>,
    watched: HashMap<WorkshopId, Watched>,
}

impl Uses {
    pub(super) fn new(times: ScheduleTimes) -> Self {
        Self {
            times,
            last: None,
            watched: HashMap::new(),
        }
    }

    /// Takes a round of looks that began at `began`; workshops without a rule any more are forgotten.
    /// Those of which another end is shown than before.
    pub(super) fn look(
        &mut self,
        (wall, began): (OffsetDateTime, Instant),
        found: Vec<(IdleRule, BTreeMap<SeatNumber, Seen>)>,
    ) -> Vec<WorkshopId> {
        let passed = self.passed(wall, began);
        self.last = Some((wall, began));
        let mut before = std::mem::take(&mut self.watched);
        let mut changed = Vec::new();
        for (rule, seats) in found {
            let known = before.remove(&rule.workshop);
            let shown = known.as_ref().and_then(|it| it.shown(began));
            let used = match &known {
                Some(known)
                    if rule.after == known.rule.after
                        && rule.kept_until.is_none_or(|until| wall >= until)
                        && passed.is_some_and(|passed| !is_used(known, &seats, passed)) =>
                {
                    known.used
                }
                _ => (wall, began),
            };
            let watched = Watched {
                rule,
                seats,
                used,
                looked: Some(began),
            };
            if watched.shown(began) != shown {
                changed.push(rule.workshop);
            }
            self.watched.insert(rule.workshop, watched);
        }
        changed
    }

    /// Somebody did something there that no look has to find.
    pub(super) fn use_now(&mut self, id: &WorkshopId, (wall, now): (OffsetDateTime, Instant)) {
        if let Some(watched) = self.watched.get_mut(id) {
            watched.used = (wall, now);
            watched.looked = None;
        }
    }

    /// When each workshop ends if nobody uses it; `None` while that isn't near enough to be said.
    pub(super) fn ends(&self, now: Instant) -> HashMap<WorkshopId, Option<IdleEnd>> {
        let ends = self.watched.iter();
        ends.map(|(id, watched)| (*id, watched.end(now))).collect()
    }

    /// The same for one workshop, for people to see.
    pub(super) fn shown(&self, id: &WorkshopId, now: Instant) -> Option<OffsetDateTime> {
        self.watched.get(id)?.shown(now)
    }

    /// The time since the last look; `None` where it isn't known, or too long to be sure.
    fn passed(&self, wall: OffsetDateTime, began: Instant) -> Option<Duration> {
        let (last_wall, last) = self.last?;
        let passed = began.saturating_duration_since(last);
        let jumped = (wall - (last_wall + passed)).unsigned_abs() > self.times.jump;
        let late = passed > (self.times.idle_look * LATE).max(self.times.jump);
        (!jumped && !late).then_some(passed)
    }
}

impl Watched {
    fn end(&self, now: Instant) -> Option<IdleEnd> {
        let at = self.used.1 + self.rule.after;
        self.shown(now)?;
        let is_sure = self.looked.is_some_and(|looked| looked >= at);
        let left = match at.saturating_duration_since(now) {
            Duration::ZERO if !is_sure => Duration::from_millis(1),
            left => left,
        };
        Some(IdleEnd {
            wall: self.used.0 + self.rule.after,
            left,
        })
    }

    fn shown(&self, now: Instant) -> Option<OffsetDateTime> {
        let idle = now.saturating_duration_since(self.used.1);
        let is_shown = idle >= SHOWN_AFTER.min(self.rule.after / 4);
        is_shown.then_some(self.used.0 + self.rule.after)
    }
}

/// Whether anything was done between two looks.
fn is_used(before: &Watched, now: &BTreeMap<SeatNumber, Seen>, passed: Duration) -> bool {
    before.looked.is_none()
        || before.seats.len() != now.len()
        || now.iter().any(|(number, seen)| {
            let known = before.seats.get(number);
            known.is_none_or(|known| is_seat_used(known, seen, passed))
        })
}

fn is_seat_used(before: &Seen, now: &Seen, passed: Duration) -> bool {
    match (before, now) {
        (Seen::Dead, Seen::Dead) => false,
        (Seen::Told(before), Seen::Told(now)) => {
            let worked = now.cpu.saturating_sub(before.cpu);
            before.start != now.start
                || before.inputs != now.inputs
                || before.file_changes != now.file_changes
                || now.cpu < before.cpu
                || worked > passed.mul_f64(CPU_FLOOR)
        }
        _ => true,
    }
}

#[cfg(test)]
mod tests;
