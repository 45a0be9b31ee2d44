//! How far a workshop is, for whoever waits; and a call to look again whenever anything changed.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use clarateach_protocol::id::WorkshopId;
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

/// The progress of every workshop that is on its way.
pub(super) struct Board {
    views: Mutex<HashMap<WorkshopId, ProgressView>>,
    changes: broadcast::Sender<WorkshopId>,
}

impl Board {
    pub(super) fn new() -> Self {
        Self {
            views: Mutex::new(HashMap::new()),
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

    /// Sets the phase of a workshop that is on its way; others have none.
    pub(super) fn set_phase(&self, workshop: WorkshopId, phase: ProgressPhase) {
        if let Some(view) = self.view(&workshop) {
            self.set(workshop, Some(ProgressView { phase, ..view }));
        }
    }
}
