//! Seats' browsers, between those who want one and those who make it: who asked, whose turn it is, who
//! watches, and what there is of it.
//!
//! The proxy asks and watches ([`Browsers::ask`], [`Browsers::watch`]), `service` gives places away as
//! the machine has room ([`Browsers::admit`]), the orchestrator does what follows from it
//! ([`Browsers::wanted`]) and tells what came of it ([`Browsers::tell`]). All of it can be lost: what
//! runs when the server starts was wanted, and is taken over. Knows no provider, no HTTP and no SQL.

mod proof;
mod turns;

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use clarateach_protocol::id::{SeatKey, SeatNumber, WorkshopId};
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use crate::browser::BrowserDoor;
use crate::model::{BrowserPolicy, Reason};
use crate::provider::{BrowserState, BrowserStatus};

pub use proof::{ProofError, prove};

/// Code of the reason that a learner's program has the browser's port.
pub const PORT_TAKEN: &str = "port_taken";

/// Every seat's browser, wanted or not.
pub struct Browsers {
    table: Mutex<Table>,
    pause_after: Option<Duration>,
    /// Told when the orchestrator has something to do.
    stirred: Notify,
    /// Told when somebody waits for a place, or one is free.
    turn: Notify,
    /// Counts changes, for whoever waits for one.
    changes: watch::Sender<u64>,
}

#[derive(Default)]
struct Table {
    seats: HashMap<SeatKey, Entry>,
    next_turn: u64,
    stirred: BTreeSet<WorkshopId>,
}

struct Entry {
    policy: BrowserPolicy,
    demand: Demand,
    /// Live connections to it.
    watchers: usize,
    /// When somebody asked for it or stopped watching it.
    used_at: Instant,
    progress: BrowserProgress,
    trying: Trying,
}

/// Who tries a browser again that could not be started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trying {
    /// The orchestrator, ever less often.
    ByItself,
    /// The same, and somebody was told of the failure: who asks from now on wants it tried now.
    Told,
    /// Somebody asked, and the orchestrator doesn't know yet.
    Asked,
}

/// Whether somebody wants a browser that runs on demand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Demand {
    /// Nobody, or it had to make room.
    None,
    /// It waits for its turn: lower ones come first.
    Queued(u64),
    /// It has a place.
    Granted,
}

/// What there is of a browser, as the orchestrator knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BrowserProgress {
    /// Nothing, yet or any more.
    Absent,
    /// It is being made.
    Starting(BrowserPhase),
    /// It proved itself.
    Running(Arc<BrowserDoor>),
    /// It is frozen.
    Paused,
    /// It could not be started; it is tried again.
    Failed(Reason),
}

/// How far a browser is that is being started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BrowserPhase {
    /// Its container is being made.
    Container,
    /// Its screen and Firefox are starting.
    Firefox,
    /// It was frozen, and is let go on.
    Resuming,
}

/// What a seat's browser is to whoever asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// The workshop has none.
    Off,
    /// Nobody asked for it.
    Absent,
    /// It waits until the machine has room.
    Queued {
        /// 1 for whoever is next.
        position: usize,
    },
    /// It is being started.
    Starting(BrowserPhase),
    /// It is there.
    Running(Arc<BrowserDoor>),
    /// It is frozen until somebody comes.
    Paused,
    /// It could not be started; it is tried again.
    Failed(Reason),
}

/// A live connection to a browser; it ends when this is dropped.
pub struct Watching {
    browsers: Arc<Browsers>,
    seat: SeatKey,
}

impl Drop for Watching {
    fn drop(&mut self) {
        let browsers = Arc::clone(&self.browsers);
        browsers.change(self.seat, |entry, _| {
            entry.watchers = entry.watchers.saturating_sub(1);
            entry.used_at = Instant::now();
        });
    }
}

impl Browsers {
    /// No browsers; unwatched ones are frozen after `pause_after`, where that is said.
    #[must_use]
    pub fn new(pause_after: Option<Duration>) -> Self {
        Self {
            table: Mutex::default(),
            pause_after,
            stirred: Notify::new(),
            turn: Notify::new(),
            changes: watch::Sender::new(0),
        }
    }

    /// Somebody wants the seat's browser now. What it is then; `None`: nobody knows the seat yet.
    pub fn ask(&self, seat: SeatKey) -> Option<Standing> {
        let now = Instant::now();
        let mut table = self.lock();
        let turn = table.next_turn;
        let entry = table.seats.get_mut(&seat)?;
        let was_in_use = self.is_in_use(entry, now);
        entry.used_at = now;
        let queues = entry.policy == BrowserPolicy::OnDemand && entry.demand == Demand::None;
        if queues {
            entry.demand = Demand::Queued(turn);
            table.next_turn += 1;
        }
        if queues || !was_in_use {
            table.stirred.insert(seat.workshop);
        }
        let standing = self.standing_in(&table, seat, now);
        drop(table);
        if queues {
            self.turn.notify_one();
            self.tell_everybody();
        } else if !was_in_use {
            self.tell_everybody();
        }
        standing
    }

    /// Somebody asks by hand, as with [`Browsers::ask`]. A browser that could not be started is tried
    /// again at once where somebody was told so already: whoever reads of it asks again on purpose.
    pub fn ask_by_hand(&self, seat: SeatKey) -> Option<Standing> {
        let mut table = self.lock();
        let entry = table.seats.get_mut(&seat)?;
        let failed = matches!(entry.progress, BrowserProgress::Failed(_));
        let tries = failed && entry.trying == Trying::Told;
        if tries {
            entry.trying = Trying::Asked;
            entry.progress = BrowserProgress::Starting(BrowserPhase::Container);
            table.stirred.insert(seat.workshop);
        }
        drop(table);
        if tries {
            self.tell_everybody();
        }
        self.ask(seat)
    }

    /// Somebody who asked was told that it could not be started.
    pub fn failure_was_told(&self, seat: SeatKey) {
        if let Some(entry) = self.lock().seats.get_mut(&seat)
            && entry.trying == Trying::ByItself
        {
            entry.trying = Trying::Told;
        }
    }

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

    /// What the seat's browser is; `None`: nobody knows the seat yet.
    #[must_use]
    pub fn standing(&self, seat: SeatKey) -> Option<Standing> {
        self.standing_in(&self.lock(), seat, Instant::now())
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

    /// Counts changes of anything, from now on.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// A live connection to the seat's browser begins.
    #[must_use]
    pub fn watch(self: &Arc<Self>, seat: SeatKey) -> Watching {
        self.change(seat, |entry, _| entry.watchers += 1);
        Watching {
            browsers: Arc::clone(self),
            seat,
        }
    }

    /// Whoever sat there is gone, and with them what they wanted.
    pub fn forget(&self, seat: SeatKey) {
        self.change(seat, |entry, _| entry.demand = Demand::None);
        self.turn.notify_one();
    }

    /// The workshop's seats are no more.
    pub fn forget_workshop(&self, workshop: WorkshopId) {
        self.keep_seats(workshop, |_| false);
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

    fn is_in_use(&self, entry: &Entry, now: Instant) -> bool {
        entry.watchers > 0
            || self
                .pause_after
                .is_none_or(|after| now.duration_since(entry.used_at) < after)
    }

    fn standing_in(&self, table: &Table, seat: SeatKey, now: Instant) -> Option<Standing> {
        let entry = table.seats.get(&seat)?;
        let on_demand = entry.policy == BrowserPolicy::OnDemand;
        if entry.policy == BrowserPolicy::Off {
            return Some(Standing::Off);
        }
        if let (true, Demand::Queued(turn)) = (on_demand, entry.demand) {
            let position = table.position(turn);
            return Some(Standing::Queued { position });
        }
        let wanted = !on_demand || entry.demand == Demand::Granted && self.is_in_use(entry, now);
        Some(match &entry.progress {
            BrowserProgress::Absent if wanted => Standing::Starting(BrowserPhase::Container),
            BrowserProgress::Absent => Standing::Absent,
            BrowserProgress::Starting(phase) => Standing::Starting(*phase),
            BrowserProgress::Running(door) => Standing::Running(Arc::clone(door)),
            BrowserProgress::Paused if wanted => Standing::Starting(BrowserPhase::Resuming),
            BrowserProgress::Paused => Standing::Paused,
            BrowserProgress::Failed(reason) => Standing::Failed(reason.clone()),
        })
    }

    fn change(&self, seat: SeatKey, change: impl FnOnce(&mut Entry, Instant)) {
        let mut table = self.lock();
        let Some(entry) = table.seats.get_mut(&seat) else {
            return;
        };
        change(entry, Instant::now());
        table.stirred.insert(seat.workshop);
        drop(table);
        self.tell_everybody();
    }

    fn tell_everybody(&self) {
        self.stirred.notify_one();
        self.changes
            .send_modify(|count| *count = count.wrapping_add(1));
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
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

#[cfg(test)]
mod tests;
