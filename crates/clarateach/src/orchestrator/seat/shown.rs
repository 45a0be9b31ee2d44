//! What a seat's track shows: to the plan, to the directory, to the store, and when it wants attention.

use tokio::time::Instant;

use super::super::reconcile::{Hold, Liveness, SeatObservation};
use super::{History, SeatTrack};
use crate::browsers::BrowserProgress;
use crate::directory::{Live, Reach};
use crate::model::{ObservedSeat, SeatCondition};
use crate::provider::{BrowserStatus, Instance, InstanceStatus};

impl SeatTrack {
    /// When it wants attention by itself: a pause is over, or a health question is due. Never while
    /// something is being done to it: that comes to an end by itself.
    pub(in crate::orchestrator) fn due(&self) -> Option<Instant> {
        if self.busy {
            return None;
        }
        let live = [self.next_question, self.browser.due()];
        let live = live.into_iter().filter(|_| self.is_live());
        live.chain([self.not_before]).flatten().min()
    }

    pub(in crate::orchestrator) fn observation(&self, now: Instant) -> SeatObservation {
        let hold = if self.busy {
            Hold::Busy
        } else if self.failed.is_some() {
            Hold::Failed
        } else if self.not_before.is_some_and(|at| at > now) {
            Hold::Waiting
        } else {
            Hold::Free
        };
        SeatObservation {
            instance: self.instance.clone(),
            liveness: self.liveness.clone(),
            hold,
            browser_hold: self.browser.hold(now),
            browser_asked: None,
        }
    }

    /// Whether learners can be let in: probed in this incarnation of the wanted generation.
    pub(in crate::orchestrator) fn is_live(&self) -> bool {
        let Some(instance) = &self.instance else {
            return false;
        };
        let proven = matches!(&self.liveness, Liveness::Proven { incarnation, .. }
            if *incarnation == instance.incarnation);
        proven
            && instance.generation == self.generation
            && instance.status == InstanceStatus::Running
    }

    /// Digest of what it is bound to, while it is live.
    pub(in crate::orchestrator) fn bound(&self) -> Option<&str> {
        match &self.liveness {
            Liveness::Proven { bound, .. } if self.is_live() => Some(bound),
            _ => None,
        }
    }

    /// Whether the gateway can reach it.
    pub(in crate::orchestrator) fn reach(&self) -> Reach {
        let ours = |instance: &&Instance| instance.generation == self.generation;
        match self.instance.as_ref().filter(ours) {
            Some(instance) if self.is_live() => Reach::Live(Live {
                incarnation: instance.incarnation.clone(),
                endpoints: instance.endpoints,
            }),
            Some(instance) if instance.status == InstanceStatus::Running => Reach::Silent,
            // Before the first look nothing is known of it.
            None if matches!(self.history, History::Unproven(_)) => Reach::Silent,
            Some(_) | None => Reach::Gone,
        }
    }

    /// What the store should say; `None` while its word stands.
    pub(in crate::orchestrator) fn condition(&self) -> Option<ObservedSeat> {
        let (condition, reason) = if let Some(reason) = &self.failed {
            (SeatCondition::Failed, Some(reason.clone()))
        } else if self.is_live() && self.browser.is_awaited() {
            (SeatCondition::Provisioning, None)
        } else if self.is_live() {
            (SeatCondition::Ready, None)
        } else {
            let condition = match self.history {
                History::Unproven(_) => return None,
                History::New => SeatCondition::Provisioning,
                History::WasReady => SeatCondition::Recovering,
            };
            (condition, self.trouble.clone())
        };
        Some(ObservedSeat { condition, reason })
    }

    /// The start of the seat whose browser runs and nobody probed yet, if its time has come.
    pub(in crate::orchestrator) fn browser_probe_due(&self, now: Instant) -> Option<String> {
        let instance = self
            .instance
            .as_ref()
            .filter(|_| self.is_live() && !self.busy)?;
        let due = instance.browser == BrowserStatus::Running && self.browser.is_unproven(now);
        due.then(|| instance.incarnation.clone())
    }

    /// What there is of its browser, for whoever wants it.
    pub(in crate::orchestrator) fn browser_progress(&self, wanted: bool) -> BrowserProgress {
        let status = self.instance.as_ref().filter(|_| self.is_live());
        self.browser.progress(status.map(|it| &it.browser), wanted)
    }
}
