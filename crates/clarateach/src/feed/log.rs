//! The last events, numbered: bounded, and served from any number that is still in it.

use std::collections::VecDeque;
use std::sync::Arc;

use clarateach_protocol::id::WorkshopId;
use time::OffsetDateTime;

use super::{Change, Scope};

/// Events kept at the most.
pub(super) const EVENTS_KEPT: usize = 4096;
/// Seats in kept events at the most: one event holds up to 200 of them.
pub(super) const SEATS_KEPT: usize = 20_000;
/// Events that a subscriber takes at a time.
const BATCH: usize = 64;

/// Something that changed.
#[derive(Debug)]
pub struct Event {
    /// Higher than that of every event before, also of earlier runs of the server; below 2^53, so
    /// that JavaScript reads it.
    pub id: u64,
    /// What.
    pub change: Change,
}

/// Where a subscriber stands after taking events.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) events: Vec<Arc<Event>>,
    /// Everything up to here was looked at.
    pub(super) cursor: u64,
}

/// Numbers are given without gaps, so a number says by itself whether all after it is kept.
#[derive(Debug)]
pub(super) struct Log {
    events: VecDeque<Arc<Event>>,
    seats: usize,
    /// The number that was given last.
    head: u64,
    /// Everything above it is kept.
    floor: u64,
}

impl Log {
    /// An empty log whose numbers begin at the clock's microseconds: above those of earlier runs.
    pub(super) fn starting_at(now: OffsetDateTime) -> Self {
        let micros = u64::try_from(now.unix_timestamp_nanos() / 1000).unwrap_or(0);
        Self {
            events: VecDeque::new(),
            seats: 0,
            head: micros,
            floor: micros,
        }
    }

    pub(super) fn head(&self) -> u64 {
        self.head
    }

    pub(super) fn append(&mut self, change: Change) {
        self.head += 1;
        self.seats += change.seats();
        self.events.push_back(Arc::new(Event {
            id: self.head,
            change,
        }));
        while self.events.len() > EVENTS_KEPT || (self.seats > SEATS_KEPT && self.events.len() > 1)
        {
            if let Some(dropped) = self.events.pop_front() {
                self.seats -= dropped.change.seats();
                self.floor = dropped.id;
            }
        }
    }

    /// Forgets all: changes will go unseen, so no number given before leads anywhere after this.
    pub(super) fn break_off(&mut self) {
        self.events.clear();
        self.seats = 0;
        self.head += 1;
        self.floor = self.head;
    }

    /// The next events of `scope` after `cursor`; `None` when they are not all kept, or `cursor` was
    /// never given.
    pub(super) fn after(&self, cursor: u64, scope: Scope) -> Option<Taken> {
        if cursor < self.floor || cursor > self.head {
            return None;
        }
        let skipped = usize::try_from(cursor - self.floor).unwrap_or(usize::MAX);
        let mut events = Vec::new();
        for event in self.events.range(skipped.min(self.events.len())..) {
            if events.len() == BATCH {
                let cursor = event.id - 1;
                return Some(Taken { events, cursor });
            }
            if scope.holds(&event.change) {
                events.push(Arc::clone(event));
            }
        }
        Some(Taken {
            events,
            cursor: self.head,
        })
    }
}

impl Scope {
    fn holds(self, change: &Change) -> bool {
        match (self, change.workshop()) {
            (Self::All, _) | (_, None) => true,
            (Self::One(id), Some(of)) => id == of,
        }
    }
}

impl Change {
    /// The workshop that changed; `None`: something of all.
    #[must_use]
    pub fn workshop(&self) -> Option<WorkshopId> {
        match self {
            Self::Workshop(view) => Some(view.workshop.spec.id),
            Self::Seat { workshop, .. }
            | Self::Progress { workshop, .. }
            | Self::Warning { workshop, .. }
            | Self::Ended(workshop) => Some(*workshop),
            Self::Reach(_) => None,
        }
    }

    fn seats(&self) -> usize {
        match self {
            Self::Workshop(view) => view.seats.len(),
            Self::Seat { .. } => 1,
            Self::Progress { .. } | Self::Warning { .. } | Self::Ended(_) | Self::Reach(_) => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: usize) -> WorkshopId {
        format!("ws-{number:08}").parse().unwrap()
    }

    fn log(events: usize) -> Log {
        let mut log = Log::starting_at(OffsetDateTime::UNIX_EPOCH);
        for number in 0..events {
            log.append(Change::Ended(id(number % 2)));
        }
        log
    }

    /// Every number from `cursor` on, as a subscriber gets them batch by batch.
    fn numbers(log: &Log, mut cursor: u64, scope: Scope) -> Vec<u64> {
        let mut numbers = Vec::new();
        while cursor < log.head() {
            let taken = log.after(cursor, scope).unwrap();
            numbers.extend(taken.events.iter().map(|event| event.id));
            assert!(taken.cursor > cursor);
            cursor = taken.cursor;
        }
        numbers
    }

    #[test]
    fn every_event_after_a_number_comes_once_and_in_order() {
        let log = log(500);
        for start in [0, 1, 63, 64, 65, 499, 500] {
            let all: Vec<u64> = (start + 1..=500).collect();
            assert_eq!(numbers(&log, start, Scope::All), all, "{start}");
            let even: Vec<u64> = all.into_iter().filter(|number| number % 2 == 0).collect();
            assert_eq!(numbers(&log, start, Scope::One(id(1))), even, "{start}");
        }
    }

    #[test]
    fn numbers_that_were_never_given_lead_nowhere() {
        let mut log = log(3);
        assert!(log.after(4, Scope::All).is_none());
        assert!(log.after(3, Scope::All).is_some());
        log.break_off();
        for number in 0..=3 {
            assert!(log.after(number, Scope::All).is_none(), "{number}");
        }
        assert!(log.after(log.head(), Scope::All).is_some());
    }

    #[test]
    fn what_is_dropped_is_known_to_be() {
        let log = log(EVENTS_KEPT + 10);
        assert_eq!(log.events.len(), EVENTS_KEPT);
        assert!(log.after(9, Scope::All).is_none());
        assert_eq!(numbers(&log, 10, Scope::All).len(), EVENTS_KEPT);
    }

    #[test]
    fn a_later_run_gives_higher_numbers_that_javascript_can_hold() {
        let now = OffsetDateTime::now_utc();
        let mut first = Log::starting_at(now);
        for _ in 0..EVENTS_KEPT {
            first.append(Change::Ended(id(1)));
        }
        let second = Log::starting_at(now + time::Duration::milliseconds(5));
        assert!(second.head() > first.head());
        assert!(second.after(first.head(), Scope::All).is_none());
        let in_a_century = Log::starting_at(now + time::Duration::days(36_500));
        assert!(in_a_century.head() < 1 << 53);
    }
}
