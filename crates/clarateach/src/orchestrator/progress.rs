//! How far a workshop is, for whoever waits; and a call to look again whenever anything changed.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};

use clarateach_protocol::id::{SeatNumber, WorkshopId};
use tokio::sync::broadcast;

/// Changes that a slow subscriber can be behind before it is told that it missed some.
const BEHIND_AT_MOST: usize = 256;

/// What is being done for a workshop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProgressPhase {
    /// Getting the image.
    Image,
    /// Making network and firewall.
    Network,
    /// Making seats.
    Seats,
    /// Removing everything.
    Ending,
}

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProgressView {
    /// What is being done.
    pub phase: ProgressPhase,
    /// Seats that are done with it.
    pub done: u16,
    /// Seats in all.
    pub total: u16,
}

/// What each live seat is bound to, by digest.
pub(super) type Bindings = BTreeMap<SeatNumber, String>;

/// The progress of every workshop that is on its way.
pub(super) struct Board {
    views: Mutex<HashMap<WorkshopId, ProgressView>>,
    bindings: Mutex<HashMap<WorkshopId, Bindings>>,
    changes: broadcast::Sender<WorkshopId>,
}

impl Board {
    pub(super) fn new() -> Self {
        Self {
            views: Mutex::new(HashMap::new()),
            bindings: Mutex::new(HashMap::new()),
            changes: broadcast::Sender::new(BEHIND_AT_MOST),
        }
    }

    pub(super) fn view(&self, workshop: &WorkshopId) -> Option<ProgressView> {
        self.views
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(workshop)
            .copied()
    }

    pub(super) fn subscribe(&self) -> broadcast::Receiver<WorkshopId> {
        self.changes.subscribe()
    }

    /// Something that can be observed of `workshop` changed.
    pub(super) fn announce(&self, workshop: WorkshopId) {
        // An error says that nobody listens.
        let _ = self.changes.send(workshop);
    }

    /// Sets or clears a workshop's progress; announces it when that changed anything.
    pub(super) fn set(&self, workshop: WorkshopId, view: Option<ProgressView>) {
        let before = {
            let mut views = self.views.lock().unwrap_or_else(PoisonError::into_inner);
            match view {
                Some(view) => views.insert(workshop, view),
                None => views.remove(&workshop),
            }
        };
        if before != view {
            self.announce(workshop);
        }
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

    /// Sets the phase of a workshop that is on its way; others have none.
    pub(super) fn set_phase(&self, workshop: WorkshopId, phase: ProgressPhase) {
        if let Some(view) = self.view(&workshop) {
            self.set(workshop, Some(ProgressView { phase, ..view }));
        }
    }
}
