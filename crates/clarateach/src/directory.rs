//! What the proxy knows of each seat: who it belongs to, and where it answers.
//!
//! Two writers, one reader: `service` sets tenancies after each commit, `orchestrator` sets what is
//! live, `proxy` looks up. An entry never changes; writers swap it for another, and what ended is
//! cancelled, which closes its connections. Knows no SQL and no provider, only the model's types.

mod entry;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use clarateach_protocol::id::{Generation, SeatKey, WorkshopId};
use clarateach_protocol::origin::SeatPort;
use time::OffsetDateTime;
use tokio::sync::broadcast;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::attendance::{Attendance, Seen};
use crate::model::{Presence, PresenceTimes, SeatLock};

pub(crate) use entry::ExchangePlace;
pub use entry::{Incarnation, Live, Reach, SeatEntry, Tenancy};

/// Workshops of which a presence changed that a slow subscriber can be behind.
const BEHIND_AT_MOST: usize = 256;

/// Every seat that exists, by its key.
pub struct Directory {
    seats: ArcSwap<Seats>,
    times: PresenceTimes,
    presence_changes: broadcast::Sender<WorkshopId>,
    /// Held by whoever writes: workshops that were removed, whose seats no late call brings back.
    removed: Mutex<HashSet<WorkshopId>>,
}

impl Default for Directory {
    fn default() -> Self {
        Self::new()
    }
}

impl Directory {
    /// A directory without seats.
    #[must_use]
    pub fn new() -> Self {
        Self::with_times(PresenceTimes::default())
    }

    /// A directory without seats, whose learners are idle and gone after these times.
    #[must_use]
    pub fn with_times(times: PresenceTimes) -> Self {
        Self {
            seats: ArcSwap::default(),
            times,
            presence_changes: broadcast::Sender::new(BEHIND_AT_MOST),
            removed: Mutex::default(),
        }
    }

    /// The seat, if it exists.
    #[must_use]
    pub fn lookup(&self, key: &SeatKey) -> Option<Arc<SeatEntry>> {
        self.seats.load().get(key).cloned()
    }

    /// Whether the seat's learner is there now.
    #[must_use]
    pub fn presence(&self, key: &SeatKey) -> Seen {
        let nobody = Seen {
            presence: Presence::Never,
            since: None,
            until: None,
        };
        self.lookup(key)
            .map_or(nobody, |entry| entry.attendance.seen_at(Instant::now()))
    }

    /// When a presence in this workshop will be another although nothing happens.
    #[must_use]
    pub fn presence_due(&self, workshop: WorkshopId) -> Option<Instant> {
        let (seats, now) = (self.seats.load(), Instant::now());
        seats
            .iter()
            .filter(|(key, _)| key.workshop == workshop)
            .filter_map(|(_, entry)| entry.attendance.seen_at(now).until)
            .min()
    }

    /// Workshops in which a learner came, went or stirred, from now on. Who lags looks at all.
    /// That somebody became idle or stayed away is not told: [`Seen::until`] says when it will be so.
    #[must_use]
    pub fn presence_changes(&self) -> broadcast::Receiver<WorkshopId> {
        self.presence_changes.subscribe()
    }

    fn attendance(&self, workshop: WorkshopId) -> Attendance {
        let changes = self.presence_changes.clone();
        Attendance::new(self.times, move || {
            // An error says that nobody listens.
            let _ = changes.send(workshop);
        })
    }

    /// [`Directory::set_tenancy`] for somebody who sat down or got up: when the workshop ends stays as
    /// the directory knows it, for what they know of it may be older.
    pub fn set_tenant(&self, key: SeatKey, tenancy: Tenancy) {
        self.place(key, |before| Tenancy {
            ends_at: before.map_or(tenancy.ends_at, |before| before.ends_at),
            idle_ends_at: before.and_then(|before| before.idle_ends_at),
            ..tenancy
        });
    }

    /// Says when a workshop ends by itself.
    pub fn set_ends_at(&self, workshop: WorkshopId, ends_at: Option<OffsetDateTime>) {
        self.change_tenancies(workshop, |tenancy| tenancy.ends_at = ends_at);
    }

    /// Says when a workshop ends if nobody uses it until then.
    pub fn set_idle_ends_at(&self, workshop: WorkshopId, ends_at: Option<OffsetDateTime>) {
        self.change_tenancies(workshop, |tenancy| tenancy.idle_ends_at = ends_at);
    }

    fn change_tenancies(&self, workshop: WorkshopId, change: impl Fn(&mut Tenancy)) {
        self.update(|seats, _| {
            for (key, entry) in seats.iter_mut() {
                if key.workshop == workshop {
                    change(&mut Arc::make_mut(entry).tenancy);
                }
            }
            Ended::default()
        });
    }

    /// Says whose a seat is, and that it exists. Another generation or assignment than before
    /// closes the connections of the one before; an older generation is a late call and ignored.
    pub fn set_tenancy(&self, key: SeatKey, tenancy: Tenancy) {
        self.place(key, |_| tenancy);
    }

    fn place(&self, key: SeatKey, tenancy: impl FnOnce(Option<&Tenancy>) -> Tenancy) {
        self.update(|seats, removed| {
            if removed.contains(&key.workshop) {
                return Ended::default();
            }
            let before = seats.get(&key).cloned();
            let tenancy = tenancy(before.as_ref().map(|before| &before.tenancy));
            let Some(before) = before else {
                let attendance = self.attendance(key.workshop);
                seats.insert(key, Arc::new(SeatEntry::new(tenancy, attendance)));
                return Ended::default();
            };
            if tenancy.generation < before.tenancy.generation {
                return Ended::default();
            }
            let mut after = SeatEntry {
                tenancy,
                ..SeatEntry::clone(&before)
            };
            let mut ended = Ended::default();
            if !after.tenancy.continues(&before.tenancy) {
                ended.tokens.push(std::mem::take(&mut after.tenancy_ended));
                after.learners_out = after.tenancy_ended.child_token();
            }
            if after.tenancy.assignment != before.tenancy.assignment {
                after.attendance = self.attendance(key.workshop);
            }
            if after.tenancy.generation != before.tenancy.generation {
                let closed = std::mem::take(&mut after.open_ports);
                ended.tokens.extend(closed.into_values());
                ended.incarnation(after.incarnation.take());
                after.endpoints = None;
            }
            seats.insert(key, Arc::new(after));
            ended
        });
    }

    /// Says where a seat of that generation answers, or that it doesn't. A seat that is gone, or
    /// another incarnation than before, closes the connections to the one before; a seat that merely
    /// stopped answering keeps them. Ignored when the generation isn't the tenancy's.
    pub fn set_reach(&self, key: SeatKey, generation: Generation, reach: &Reach) {
        self.update(|seats, _| {
            let Some(before) = seats
                .get(&key)
                .filter(|entry| entry.tenancy.generation == generation)
            else {
                return Ended::default();
            };
            let mut after = SeatEntry::clone(before);
            let mut ended = Ended::default();
            after.endpoints = None;
            match reach {
                Reach::Silent => {}
                Reach::Gone => ended.incarnation(after.incarnation.take()),
                Reach::Live(live) => {
                    after.endpoints = Some(live.endpoints);
                    let known = after.incarnation.as_ref();
                    if known.is_none_or(|known| known.name != live.incarnation) {
                        let next = Incarnation::new(live.incarnation.clone(), generation);
                        ended.incarnation(after.incarnation.replace(next));
                    }
                }
            }
            seats.insert(key, Arc::new(after));
            ended
        });
    }

    /// Shuts a seat's learners out, and ends their connections, or lets them in again.
    pub fn set_lock(&self, key: SeatKey, lock: SeatLock) {
        self.update(|seats, _| {
            let Some(before) = seats.get(&key).filter(|entry| entry.lock != lock) else {
                return Ended::default();
            };
            let mut after = SeatEntry::clone(before);
            after.lock = lock;
            let next = after.tenancy_ended.child_token();
            let tokens = match lock {
                SeatLock::Locked => vec![std::mem::replace(&mut after.learners_out, next)],
                SeatLock::Open => Vec::new(),
            };
            seats.insert(key, Arc::new(after));
            Ended { tokens }
        });
    }

    /// Says which ports of a seat are open to the class; connections of guests to those that aren't
    /// any more end. Ignored when the generation isn't the tenancy's.
    pub fn set_open_ports(&self, key: SeatKey, generation: Generation, open: &[SeatPort]) {
        self.update(|seats, _| {
            let Some(before) = seats
                .get(&key)
                .filter(|entry| entry.tenancy.generation == generation)
            else {
                return Ended::default();
            };
            let mut after = SeatEntry::clone(before);
            let mut was_open = std::mem::take(&mut after.open_ports);
            after.open_ports = open
                .iter()
                .map(|port| (*port, was_open.remove(port).unwrap_or_default()))
                .collect();
            seats.insert(key, Arc::new(after));
            Ended {
                tokens: was_open.into_values().collect(),
            }
        });
    }

    /// Forgets one seat and closes its connections; its tokens are answered `410 ended`.
    pub fn remove_seat(&self, key: &SeatKey) {
        self.update(|seats, _| remove(seats, |candidate| candidate == key));
    }

    /// Forgets a workshop's seats for good and closes their connections; their tokens are answered
    /// `410 ended`.
    pub fn remove_workshop(&self, workshop: &WorkshopId) {
        self.update(|seats, removed| {
            removed.insert(*workshop);
            remove(seats, |key| key.workshop == *workshop)
        });
    }

    /// Swaps the map first and cancels then: who connects in between finds the new entry.
    fn update(&self, change: impl FnOnce(&mut Seats, &mut HashSet<WorkshopId>) -> Ended) {
        let mut one_writer = self.removed.lock().unwrap_or_else(PoisonError::into_inner);
        let mut seats = HashMap::clone(&self.seats.load());
        let ended = change(&mut seats, &mut one_writer);
        self.seats.store(Arc::new(seats));
        drop(one_writer);
        for token in ended.tokens {
            token.cancel();
        }
    }
}

type Seats = HashMap<SeatKey, Arc<SeatEntry>>;

fn remove(seats: &mut Seats, goes: impl Fn(&SeatKey) -> bool) -> Ended {
    let mut ended = Ended::default();
    seats.retain(|key, entry| {
        if goes(key) {
            ended.tokens.push(entry.tenancy_ended.clone());
            ended.tokens.extend(entry.open_ports.values().cloned());
            ended.incarnation(entry.incarnation.clone());
            return false;
        }
        true
    });
    ended
}

/// What a change put an end to.
#[derive(Default)]
struct Ended {
    tokens: Vec<CancellationToken>,
}

impl Ended {
    fn incarnation(&mut self, incarnation: Option<Arc<Incarnation>>) {
        self.tokens
            .extend(incarnation.map(|incarnation| incarnation.ended.clone()));
    }
}

#[cfg(test)]
mod tests;
