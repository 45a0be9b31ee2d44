//! Whose turn it is: first come, first served, while the machine has room.

use tokio::time::Instant;

use clarateach_protocol::id::SeatKey;

use super::{BrowserProgress, Browsers, Demand, Table};
use crate::model::BrowserPolicy;

impl Table {
    /// 1 for the turn that is next.
    pub(super) fn position(&self, turn: u64) -> usize {
        let turns = self.seats.values().filter_map(|entry| match entry.demand {
            Demand::Queued(other) => Some(other),
            Demand::None | Demand::Granted => None,
        });
        turns.filter(|other| *other <= turn).count()
    }

    /// Browsers that take a place now, or did until they are gone. Those of workshops that have one for
    /// every seat are counted with their seats.
    fn places(&self) -> u64 {
        let takes = self.seats.values().filter(|entry| {
            entry.policy == BrowserPolicy::OnDemand
                && (entry.demand == Demand::Granted || entry.progress != BrowserProgress::Absent)
        });
        takes.count() as u64
    }

    /// Those of them that will be free in a moment.
    fn leaving(&self) -> u64 {
        let leaves = self.seats.values().filter(|entry| {
            entry.policy == BrowserPolicy::OnDemand
                && entry.demand != Demand::Granted
                && entry.progress != BrowserProgress::Absent
        });
        leaves.count() as u64
    }

    fn next(&self) -> Option<SeatKey> {
        let queued = self
            .seats
            .iter()
            .filter_map(|(key, entry)| match entry.demand {
                Demand::Queued(turn) => Some((turn, *key)),
                Demand::None | Demand::Granted => None,
            });
        queued.min_by_key(|(turn, _)| *turn).map(|(_, key)| key)
    }
}

impl Browsers {
    /// Comes back when somebody may wait for a place, or one may be free.
    pub async fn turn(&self) {
        self.turn.notified().await;
    }

    /// Whether anybody waits for a place.
    #[must_use]
    pub fn is_queue_empty(&self) -> bool {
        self.lock().next().is_none()
    }

    /// Gives places away in the order of asking, as long as so many fit. When no more do, the browser
    /// that was frozen first makes room: nobody has looked at it for the longest time.
    pub fn admit(&self, fits: impl Fn(u64) -> bool) {
        let mut changed = false;
        let mut table = self.lock();
        while let Some(key) = table.next() {
            if !fits(table.places() + 1) {
                // It has its place until it is gone, and the turn comes again then.
                if !fits(table.places() + 1 - table.leaving())
                    && let Some(key) = self.frozen_for_longest(&table)
                    && let Some(entry) = table.seats.get_mut(&key)
                {
                    entry.demand = Demand::None;
                    table.stirred.insert(key.workshop);
                    changed = true;
                }
                break;
            }
            if let Some(entry) = table.seats.get_mut(&key) {
                entry.demand = Demand::Granted;
                entry.used_at = Instant::now();
            }
            table.stirred.insert(key.workshop);
            changed = true;
        }
        drop(table);
        if changed {
            self.tell_everybody();
        }
    }

    fn frozen_for_longest(&self, table: &Table) -> Option<SeatKey> {
        let now = Instant::now();
        let frozen = table.seats.iter().filter(|(_, entry)| {
            entry.policy == BrowserPolicy::OnDemand
                && entry.demand == Demand::Granted
                && entry.progress == BrowserProgress::Paused
                && !self.is_in_use(entry, now)
        });
        let longest = frozen.min_by_key(|(_, entry)| entry.used_at);
        longest.map(|(key, _)| *key)
    }
}
