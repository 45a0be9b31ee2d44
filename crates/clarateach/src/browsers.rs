//! Seats' browsers, between those who want one and those who make it: who asked, whose turn it is, who
//! watches, and what there is of it.
//!
//! The proxy asks and watches ([`Browsers::ask`], [`Browsers::watch`]), `service` gives places away as
//! the machine has room ([`Browsers::admit`]), the orchestrator does what follows from it
//! ([`Browsers::wanted`]) and tells what came of it ([`Browsers::tell`]). All of it can be lost: what
//! runs when the server starts was wanted, and is taken over. Knows no provider, no HTTP and no SQL.

mod asking;
mod making;
mod proof;
mod turns;

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use clarateach_protocol::id::{SeatKey, WorkshopId};
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use crate::browser::BrowserDoor;
use crate::model::{BrowserPolicy, Reason};

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

    /// Whoever sat there is gone, and with them what they wanted.
    pub fn forget(&self, seat: SeatKey) {
        self.change(seat, |entry, _| entry.demand = Demand::None);
        self.turn.notify_one();
    }

    /// The workshop's seats are no more.
    pub fn forget_workshop(&self, workshop: WorkshopId) {
        self.keep_seats(workshop, |_| false);
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

#[cfg(test)]
mod tests;
