//! What the orchestrator remembers of one seat's browser: a seat without one is a seat, so nothing that
//! goes wrong with it touches the rest. Without I/O, like the seat's own track.

use std::sync::Arc;

use tokio::time::Instant;

use super::reconcile::BrowserHold;
use super::seat::Past;
use super::settings::Settings;
use crate::browser::BrowserDoor;
use crate::browsers::{BrowserPhase, BrowserProgress};
use crate::model::Reason;
use crate::provider::BrowserStatus;

/// One seat's browser, as remembered.
#[derive(Debug)]
pub(super) struct BrowserTrack {
    /// Where it answers, since it proved itself.
    door: Option<Arc<BrowserDoor>>,
    /// It is being probed.
    probing: bool,
    /// It was frozen, and is let go on.
    resuming: bool,
    /// Why the last try failed.
    trouble: Option<Reason>,
    /// Failures in a row, since it proved itself last.
    failures: u32,
    not_before: Option<Instant>,
    /// The seat counts as made once its browser was there, or failed once.
    awaited: bool,
    /// Whether the seat is new: only then its browser is waited for.
    new: bool,
}

impl BrowserTrack {
    pub(super) fn new(past: Past) -> Self {
        Self {
            door: None,
            probing: false,
            resuming: false,
            trouble: None,
            failures: 0,
            not_before: None,
            awaited: false,
            new: past == Past::New,
        }
    }

    /// Every seat of the workshop is to have one from the start.
    pub(super) fn is_always_wanted(&mut self) {
        self.awaited |= self.new;
        self.new = false;
    }

    pub(super) fn is_awaited(&self) -> bool {
        self.awaited
    }

    pub(super) fn due(&self) -> Option<Instant> {
        self.not_before
    }

    pub(super) fn wake(&mut self, now: Instant) {
        self.not_before.take_if(|at| *at <= now);
    }

    /// Somebody wants it tried now: a pause that grew while nobody looked is not theirs to wait for.
    pub(super) fn try_now(&mut self) {
        self.trouble = None;
        self.failures = 0;
        self.not_before = None;
    }

    pub(super) fn hold(&self, now: Instant) -> BrowserHold {
        if self.not_before.is_some_and(|at| at > now) {
            BrowserHold::Waiting
        } else {
            BrowserHold::Free
        }
    }

    pub(super) fn is_unproven(&self, now: Instant) -> bool {
        self.door.is_none() && !self.probing && self.hold(now) == BrowserHold::Free
    }

    /// It is being brought to a state: what it proved before counts no more.
    pub(super) fn made_anew(&mut self) {
        self.door = None;
    }

    /// What the provider has of it now.
    pub(super) fn seen(
        &mut self,
        status: Option<&BrowserStatus>,
        now: Instant,
        settings: &Settings,
    ) {
        match status {
            Some(BrowserStatus::Running) => {}
            Some(BrowserStatus::Stale { reason }) => {
                let ran = self.door.take().is_some() || self.probing;
                self.probing = false;
                self.resuming = false;
                // What was made for another start of the seat is no failure.
                let by_itself = !matches!(reason.code.as_str(), "seat_restarted" | "seat_stopped");
                if ran && by_itself {
                    self.failed(reason.clone(), now, settings);
                }
            }
            Some(BrowserStatus::Paused) => {
                self.door = None;
                self.resuming = true;
            }
            None | Some(BrowserStatus::Absent) => {
                self.door = None;
                self.resuming = false;
            }
        }
    }

    pub(super) fn probing(&mut self) {
        self.probing = true;
    }

    /// It proved itself.
    pub(super) fn proven(&mut self, door: Arc<BrowserDoor>) {
        self.door = Some(door);
        self.probing = false;
        self.resuming = false;
        self.trouble = None;
        self.failures = 0;
        self.awaited = false;
    }

    /// Nothing was found out.
    pub(super) fn probe_over(&mut self) {
        self.probing = false;
    }

    /// It could not be brought to a state, or didn't prove itself. It is tried for ever, ever less
    /// often: nobody's files depend on it, and the seat does without.
    pub(super) fn failed(&mut self, reason: Reason, now: Instant, settings: &Settings) {
        self.probing = false;
        self.awaited = false;
        self.trouble = Some(reason);
        self.failures = self.failures.saturating_add(1);
        self.not_before = Some(now + settings.backoff.pause(self.failures));
    }

    /// What there is of it, while the seat runs; `None`: it doesn't.
    pub(super) fn progress(&self, status: Option<&BrowserStatus>, wanted: bool) -> BrowserProgress {
        match (status, &self.door, &self.trouble) {
            (Some(BrowserStatus::Running), Some(door), _) => {
                BrowserProgress::Running(Arc::clone(door))
            }
            (Some(BrowserStatus::Paused), _, _) => BrowserProgress::Paused,
            (Some(_), _, Some(trouble)) if wanted => BrowserProgress::Failed(trouble.clone()),
            (Some(BrowserStatus::Running), None, _) if self.resuming => {
                BrowserProgress::Starting(BrowserPhase::Resuming)
            }
            (Some(BrowserStatus::Running), None, _) => {
                BrowserProgress::Starting(BrowserPhase::Firefox)
            }
            (Some(BrowserStatus::Stale { .. }), _, _) if wanted => {
                BrowserProgress::Starting(BrowserPhase::Container)
            }
            _ => BrowserProgress::Absent,
        }
    }
}
