//! What a browser is to be and what came of it: the orchestrator's side.

use std::collections::BTreeSet;
use std::time::Duration;

use clarateach_protocol::id::{SeatKey, SeatNumber, WorkshopId};
use tokio::time::Instant;

use super::{BrowserProgress, Browsers, Demand, Entry, Trying};
use crate::model::BrowserPolicy;
use crate::provider::{BrowserState, BrowserStatus};

impl Browsers {
    /// Whether the seat's browser is to be tried again now, whatever happened before; true once.
    pub(crate) fn take_try(&self, seat: SeatKey) -> bool {
        let mut table = self.lock();
        let entry = table.seats.get_mut(&seat);
        entry.is_some_and(|entry| {
            let asked = entry.trying == Trying::Asked;
            if asked {
                entry.trying = Trying::ByItself;
            }
            asked
        })
    }

    /// Whether somebody watches the seat's browser.
    pub(crate) fn is_watched(&self, seat: SeatKey) -> bool {
        let table = self.lock();
        table.seats.get(&seat).is_some_and(|it| it.watchers > 0)
    }

    /// Whether anybody is to see the seat's browser soon.
    pub(crate) fn is_wanted(&self, seat: SeatKey) -> bool {
        let table = self.lock();
        let now = Instant::now();
        table
            .seats
            .get(&seat)
            .is_some_and(|entry| match entry.policy {
                BrowserPolicy::Off => false,
                BrowserPolicy::Always => true,
                BrowserPolicy::OnDemand => {
                    entry.demand == Demand::Granted && self.is_in_use(entry, now)
                }
            })
    }

    /// The workshop has no other seats than these.
    pub(crate) fn keep_seats(&self, workshop: WorkshopId, keep: impl Fn(SeatNumber) -> bool) {
        let mut table = self.lock();
        let before = table.seats.len();
        table
            .seats
            .retain(|key, _| key.workshop != workshop || keep(key.seat));
        let fewer = table.seats.len() < before;
        drop(table);
        if fewer {
            self.turn.notify_one();
        }
    }

    /// What the browser of a seat should be, of which there is `status`. One that nobody here asked for
    /// was wanted by whoever made it, before this server started.
    pub fn wanted(
        &self,
        seat: SeatKey,
        policy: BrowserPolicy,
        status: Option<&BrowserStatus>,
    ) -> BrowserState {
        let now = Instant::now();
        let mut table = self.lock();
        let Some(entry) = table.seats.get_mut(&seat) else {
            let entry = Entry::taken_over(policy, status, now, self.pause_after);
            let state = self.state_of(&entry, status, now);
            table.seats.insert(seat, entry);
            return state;
        };
        entry.policy = policy;
        self.state_of(entry, status, now)
    }

    /// When the seat's browser will be wanted otherwise although nothing happens.
    pub(crate) fn due(&self, seat: SeatKey) -> Option<Instant> {
        let table = self.lock();
        let entry = table.seats.get(&seat)?;
        let pauses = entry.policy == BrowserPolicy::OnDemand
            && entry.demand == Demand::Granted
            && entry.watchers == 0;
        let at = entry.used_at + self.pause_after.filter(|_| pauses)?;
        (at > Instant::now()).then_some(at)
    }

    /// Says what there is of a seat's browser; whether that is news.
    pub fn tell(&self, seat: SeatKey, progress: BrowserProgress) -> bool {
        let mut table = self.lock();
        let Some(entry) = table.seats.get_mut(&seat) else {
            return false;
        };
        // What failed before somebody asked for another try is no answer to them.
        let is_old =
            entry.trying == Trying::Asked && matches!(progress, BrowserProgress::Failed(_));
        if is_old || entry.progress == progress {
            return false;
        }
        if !matches!(progress, BrowserProgress::Failed(_)) && entry.trying == Trying::Told {
            entry.trying = Trying::ByItself;
        }
        let gone = progress == BrowserProgress::Absent;
        entry.progress = progress;
        let in_use = self.is_in_use(entry, Instant::now());
        if gone && entry.demand == Demand::Granted && !in_use {
            entry.demand = Demand::None;
        }
        drop(table);
        if gone {
            self.turn.notify_one();
        }
        self.tell_everybody();
        true
    }

    /// Workshops in which a browser may be wanted otherwise, as soon as there are any; for one taker.
    pub(crate) async fn stirred(&self) -> BTreeSet<WorkshopId> {
        loop {
            let stirred = std::mem::take(&mut self.lock().stirred);
            if !stirred.is_empty() {
                return stirred;
            }
            self.stirred.notified().await;
        }
    }

    fn state_of(
        &self,
        entry: &Entry,
        status: Option<&BrowserStatus>,
        now: Instant,
    ) -> BrowserState {
        let there = matches!(status, Some(BrowserStatus::Running | BrowserStatus::Paused));
        match (entry.policy, entry.demand) {
            (BrowserPolicy::Always, _) => BrowserState::Running,
            (BrowserPolicy::Off, _) | (_, Demand::None | Demand::Queued(_)) => BrowserState::Absent,
            (_, Demand::Granted) if self.is_in_use(entry, now) => BrowserState::Running,
            (_, Demand::Granted) if there => BrowserState::Paused,
            // Nobody would see it.
            (_, Demand::Granted) => BrowserState::Absent,
        }
    }
}

impl Entry {
    fn taken_over(
        policy: BrowserPolicy,
        status: Option<&BrowserStatus>,
        now: Instant,
        pause_after: Option<Duration>,
    ) -> Self {
        let was_wanted = !matches!(status, None | Some(BrowserStatus::Absent));
        // One that was frozen stays so until somebody comes.
        let used_at = match (status, pause_after) {
            (Some(BrowserStatus::Paused), Some(after)) => now.checked_sub(after).unwrap_or(now),
            _ => now,
        };
        Self {
            policy,
            demand: if was_wanted {
                Demand::Granted
            } else {
                Demand::None
            },
            watchers: 0,
            used_at,
            progress: BrowserProgress::Absent,
            trying: Trying::ByItself,
        }
    }
}
