//! How far a workshop is, for whoever waits; and a call to look again whenever anything changed.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use clarateach_protocol::id::{SeatNumber, WorkshopId};
use tokio::sync::broadcast;
use tokio::time::Instant;

use super::boot::{Boot, Pace, Seats, Step};
use crate::provider::{Phase, Pulled, Told};

/// Changes that a slow subscriber can be behind before it is told that it missed some.
const BEHIND_AT_MOST: usize = 256;
/// Between two announcements of a pull whose size nobody told, in bytes.
const WORTH_TELLING: u64 = 4 << 20;

/// What is being done for a workshop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProgressPhase {
    /// Getting the image.
    Image,
    /// Making network and firewall.
    Network,
    /// Making seats' disks and containers.
    Create,
    /// Starting them.
    Start,
    /// Waiting for their first answer.
    Probe,
    /// Giving them their environment, and trying their terminals and files.
    Bind,
    /// Removing everything.
    Ending,
}

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProgressView {
    /// What is being done; of seats, to the one that is least far.
    pub phase: ProgressPhase,
    /// Seats that are done with it.
    pub done: u16,
    /// Seats in all.
    pub total: u16,
    /// How much of the work is done, 0 to 99; it never falls. `None` while it ends.
    pub percent: Option<u8>,
    /// Where that can be known.
    pub seconds_left: Option<u32>,
    /// While the image is pulled.
    pub pulled: Option<Pulled>,
}

impl ProgressView {
    /// Whether somebody who was told `before` is to be told this.
    fn is_news_after(&self, before: &Self) -> bool {
        let bytes = |view: &Self| view.pulled.filter(|it| it.of.is_none()).map(|it| it.bytes);
        let fetched = match (bytes(before), bytes(self)) {
            (Some(before), Some(now)) => now.saturating_sub(before) >= WORTH_TELLING,
            (before, now) => before.is_some() != now.is_some(),
        };
        let rough = |view: &Self| (view.phase, view.done, view.total, view.percent);
        fetched || rough(before) != rough(self)
    }
}

/// What each live seat is bound to, by digest.
pub(super) type Bindings = BTreeMap<SeatNumber, String>;

/// Something that workshops are on the way to.
enum Way {
    /// Being ready, and what was announced last.
    Made(Box<Boot>, ProgressView),
    Ended(ProgressView),
}

#[derive(Default)]
struct Ways {
    ways: HashMap<WorkshopId, Way>,
    pace: Pace,
}

/// The progress of every workshop that is on its way.
pub(super) struct Board {
    ways: Mutex<Ways>,
    bindings: Mutex<HashMap<WorkshopId, Bindings>>,
    changes: broadcast::Sender<WorkshopId>,
}

impl Board {
    pub(super) fn new() -> Self {
        Self {
            ways: Mutex::default(),
            bindings: Mutex::new(HashMap::new()),
            changes: broadcast::Sender::new(BEHIND_AT_MOST),
        }
    }

    pub(super) fn view(&self, workshop: &WorkshopId) -> Option<ProgressView> {
        let ways = self.lock();
        Some(match ways.ways.get(workshop)? {
            Way::Made(boot, _) => boot.view(&ways.pace, Instant::now()),
            Way::Ended(view) => *view,
        })
    }

    pub(super) fn subscribe(&self) -> broadcast::Receiver<WorkshopId> {
        self.changes.subscribe()
    }

    /// Something that can be observed of `workshop` changed.
    pub(super) fn announce(&self, workshop: WorkshopId) {
        // An error says that nobody listens.
        let _ = self.changes.send(workshop);
    }

    /// Its seats are being made.
    pub(super) fn making(&self, workshop: WorkshopId, seats: Seats) {
        {
            let mut ways = self.lock();
            let Ways { ways, pace } = &mut *ways;
            if !matches!(ways.get(&workshop), Some(Way::Made(..))) {
                let boot = Boot::new(seats);
                let view = boot.view(pace, Instant::now());
                ways.insert(workshop, Way::Made(Box::new(boot), view));
            }
        }
        self.change(workshop, |boot, pace, _| boot.seen(seats, pace));
    }

    /// What its provider says while it prepares it.
    pub(super) fn told(&self, workshop: WorkshopId, told: Told) {
        self.change(workshop, |boot, pace, now| match told {
            Told::Pulled(pulled) => boot.pulled(pulled, pace, now),
            Told::Begins(Phase::Network) => boot.network(pace, now),
            Told::Begins(Phase::Image | Phase::Create | Phase::Start) => {}
        });
    }

    /// What all its seats need is there.
    pub(super) fn prepared(&self, workshop: WorkshopId) {
        self.change(workshop, Boot::prepared);
    }

    /// A step of one of its seats begins.
    pub(super) fn step(&self, workshop: WorkshopId, seat: SeatNumber, step: Step) {
        self.change(workshop, |boot, pace, now| boot.step(seat, step, pace, now));
    }

    fn change(&self, workshop: WorkshopId, change: impl FnOnce(&mut Boot, &mut Pace, Instant)) {
        let is_news = {
            let mut ways = self.lock();
            let Ways { ways, pace } = &mut *ways;
            let Some(Way::Made(boot, told)) = ways.get_mut(&workshop) else {
                return;
            };
            let now = Instant::now();
            change(boot, pace, now);
            let view = boot.view(pace, now);
            let is_news = view.is_news_after(told);
            if is_news {
                *told = view;
            }
            is_news
        };
        if is_news {
            self.announce(workshop);
        }
    }

    /// It is being removed, or (`None`) on its way nowhere; announces it when that is new.
    pub(super) fn ending(&self, workshop: WorkshopId, seats: Option<u16>) {
        let view = seats.map(|total| ProgressView {
            phase: ProgressPhase::Ending,
            done: 0,
            total,
            percent: None,
            seconds_left: None,
            pulled: None,
        });
        let is_news = {
            let mut ways = self.lock();
            match view {
                Some(view) => match ways.ways.insert(workshop, Way::Ended(view)) {
                    Some(Way::Ended(before)) => before != view,
                    Some(Way::Made(..)) | None => true,
                },
                None => ways.ways.remove(&workshop).is_some(),
            }
        };
        if is_news {
            self.announce(workshop);
        }
    }

    /// It was made: how long that took is remembered, where it can be compared with others.
    pub(super) fn made(&self, workshop: WorkshopId, counts: Counts) {
        let is_news = {
            let mut ways = self.lock();
            let way = ways.ways.remove(&workshop);
            let is_news = way.is_some();
            if let (Some(Way::Made(boot, _)), Counts::Yes) = (way, counts) {
                boot.finish(&mut ways.pace, Instant::now());
            }
            is_news
        };
        if is_news {
            self.announce(workshop);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Ways> {
        self.ways.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says what a workshop's live seats are bound to; announces it when that changed. Without any it
    /// is forgotten.
    pub(super) fn set_bindings(&self, workshop: WorkshopId, bound: Bindings) {
        let changed = {
            let mut all = self.bindings.lock().unwrap_or_else(PoisonError::into_inner);
            if bound.is_empty() {
                all.remove(&workshop).is_some()
            } else if all.get(&workshop) == Some(&bound) {
                false
            } else {
                all.insert(workshop, bound);
                true
            }
        };
        if changed {
            self.announce(workshop);
        }
    }

    pub(super) fn is_bound(&self, workshop: &WorkshopId, seats: u16, digest: &str) -> bool {
        let all = self.bindings.lock().unwrap_or_else(PoisonError::into_inner);
        let bound = all.get(workshop).into_iter().flatten();
        let right = bound.filter(|(number, bound)| number.get() <= seats && *bound == digest);
        right.count() == usize::from(seats)
    }
}

/// Whether a boot says anything of those after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Counts {
    Yes,
    /// It failed, or was made at low priority.
    No,
}
