//! A live seat's health: what its answers and its deaths lead to.

use tokio::time::Instant;

use super::super::reconcile::Liveness;
use super::super::settings::Settings;
use super::SeatTrack;
use crate::model::Reason;
use crate::provider::InstanceStatus;

impl SeatTrack {
    pub(super) fn death_reason(&self) -> Reason {
        let told = match self.instance.as_ref().map(|instance| &instance.status) {
            None => Some(Reason::new(
                "seat_removed",
                "the seat was removed from outside",
            )),
            Some(InstanceStatus::Stopped { reason }) => reason.clone(),
            Some(InstanceStatus::Error { reason }) => Some(reason.clone()),
            Some(InstanceStatus::Running) => Some(Reason::new(
                "seat_restarted",
                "the seat was restarted from outside",
            )),
        };
        told.unwrap_or_else(|| Reason::new("seat_died", "the seat stopped"))
    }

    pub(super) fn died(&mut self, reason: Reason, now: Instant, settings: &Settings) {
        while self
            .deaths
            .front()
            .is_some_and(|at| now.duration_since(*at) > settings.crash_window)
        {
            self.deaths.pop_front();
        }
        self.deaths.push_back(now);
        if self.deaths.len() > settings.crash_limit {
            self.failed = Some(Reason::new(
                reason.code,
                format!(
                    "{}. It failed {} times in {} minutes and is left as it is; Retry starts it again",
                    reason.message,
                    self.deaths.len(),
                    settings.crash_window.as_secs().div_ceil(60),
                ),
            ));
            return;
        }
        // The first one is mended at once: most deaths are single.
        let earlier = u32::try_from(self.deaths.len() - 1).unwrap_or(u32::MAX);
        self.not_before = (earlier > 0).then(|| now + settings.backoff.pause(earlier));
        self.trouble = Some(reason);
    }

    /// Whether its health is to be asked by then.
    pub(in crate::orchestrator) fn is_question_due(&self, by: Instant) -> bool {
        !self.busy && self.is_live() && self.next_question.is_some_and(|at| at <= by)
    }

    /// The same; the caller asks then.
    pub(in crate::orchestrator) fn take_question(&mut self, by: Instant) -> bool {
        let due = self.is_question_due(by);
        if due {
            // Nobody asks again before this one is answered.
            self.next_question = None;
        }
        due
    }

    /// It answered as it should.
    pub(in crate::orchestrator) fn answered(&mut self, now: Instant, settings: &Settings) {
        self.misses = 0;
        self.next_question = Some(now + settings.health.every);
    }

    /// It answers, but is bound to something else: it is bound again.
    pub(in crate::orchestrator) fn bound_to(&mut self, digest: Option<String>) {
        if let Liveness::Proven { bound, .. } = &mut self.liveness {
            *bound = digest.unwrap_or_default();
        }
    }

    /// It did not take its binding; asked again a little later, like any other miss.
    pub(in crate::orchestrator) fn not_bound(
        &mut self,
        reason: Reason,
        now: Instant,
        settings: &Settings,
    ) {
        self.not_before = Some(now + settings.health.again);
        self.missed(reason, now, settings);
    }

    /// It gave no answer or a wrong one; several in a row count as its death.
    pub(in crate::orchestrator) fn missed(
        &mut self,
        reason: Reason,
        now: Instant,
        settings: &Settings,
    ) {
        if !self.is_live() {
            return;
        }
        self.misses += 1;
        if self.misses < settings.health.misses {
            self.next_question = Some(now + settings.health.again);
            return;
        }
        self.liveness = Liveness::Silent;
        self.died(reason, now, settings);
    }

    /// Its silence may have been its engine's, which was away: the way to published ports goes through it, and its
    /// programs go on. It is probed before it is taken for dead.
    pub(in crate::orchestrator) fn doubt_silence(&mut self) {
        if self.liveness == Liveness::Silent {
            self.liveness = Liveness::Unproven;
            self.not_before = None;
        }
    }
}
