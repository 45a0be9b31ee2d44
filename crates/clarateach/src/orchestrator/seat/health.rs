//! A live seat's health: what its answers and its deaths lead to.

use tokio::time::Instant;

use super::super::reconcile::Liveness;
use super::super::settings::Settings;
use super::super::sight::{Judgement, Sight, Since, Unanswered};
use super::{History, Misses, Patience, Retry, SeatTrack};
use crate::model::Reason;
use crate::provider::{Instance, InstanceStatus};

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
        self.patience = Patience::None;
        self.asked_for_nothing(now, settings);
    }

    /// Whatever it answered says nothing of it as it is now.
    pub(in crate::orchestrator) fn asked_for_nothing(&mut self, now: Instant, settings: &Settings) {
        self.misses = None;
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
        (since, until): (Since, u64),
        now: Instant,
        settings: &Settings,
    ) {
        self.not_before = Some(now + settings.health.again);
        self.missed(reason, (since, until), now, settings);
    }

    /// It gave no answer or a wrong one, asked since then until now; after several in a row the next look tells whether
    /// that is its own doing.
    pub(in crate::orchestrator) fn missed(
        &mut self,
        reason: Reason,
        (since, until): (Since, u64),
        now: Instant,
        settings: &Settings,
    ) {
        if !self.is_live() {
            return;
        }
        let misses = self.misses.get_or_insert(Misses { count: 0, since });
        misses.count += 1;
        if misses.count < settings.health.misses {
            self.next_question = Some(now + settings.health.again);
            return;
        }
        let since = misses.since;
        if let Liveness::Proven { incarnation, .. } = &self.liveness {
            let incarnation = incarnation.clone();
            self.not_proven(Unanswered::new(incarnation, reason, since, until));
        }
    }

    /// It was asked or probed in vain: the next look tells what that means.
    pub(in crate::orchestrator) fn not_proven(&mut self, question: Unanswered) {
        self.misses = None;
        self.proved_otherwise();
        self.trouble = Some(question.reason().clone());
        self.liveness = Liveness::Unanswered(question);
    }

    /// The way to it was made anew.
    pub(in crate::orchestrator) fn reconnected(
        &mut self,
        instance: Instance,
        now: Instant,
        settings: &Settings,
    ) {
        self.liveness = Liveness::Unproven;
        self.not_before = Some(now + settings.health.again);
        self.browser.made_anew();
        self.seen(Some(instance), now, settings);
    }

    /// The way to it is what it was.
    pub(in crate::orchestrator) fn not_reconnected(&mut self, now: Instant, settings: &Settings) {
        self.liveness = Liveness::Unproven;
        self.not_before = Some(now + settings.health.again);
    }

    /// What its silence was, by the look that began at `began` and found it as it is now: its own, and it is stopped to
    /// be started again; its end; or nobody knows, and it is probed once more, perhaps on another way.
    pub(in crate::orchestrator) fn judge(
        &mut self,
        sight: &Sight,
        began: u64,
        now: Instant,
        settings: &Settings,
    ) {
        let Liveness::Unanswered(question) = &self.liveness else {
            return;
        };
        let judgement = sight.judge(question, began);
        if judgement == Judgement::NotYet {
            return;
        }
        let runs = self.instance.as_ref().is_some_and(|instance| {
            instance.status == InstanceStatus::Running
                && instance.incarnation == question.incarnation()
        });
        if !runs {
            // The provider knows why it said nothing.
            self.liveness = Liveness::Unproven;
            return self.broke(self.death_reason(), now, settings);
        }
        let reason = question.reason().clone();
        match (judgement, self.patience) {
            (Judgement::Silent(_), Patience::Forgave(times))
                if times + 1 < settings.health.misses =>
            {
                self.patience = Patience::Forgave(times + 1);
                self.liveness = Liveness::Unreached;
                self.not_before = None;
            }
            (Judgement::Silent(silence), _) => {
                self.liveness = Liveness::Silent(silence);
                self.broke(reason, now, settings);
            }
            (Judgement::Doubtful | Judgement::NotYet, _) => {
                self.liveness = Liveness::Unproven;
                self.not_before = None;
            }
        }
    }

    /// It does not work: what was ready once died, what never was is another failed attempt.
    pub(super) fn broke(&mut self, reason: Reason, now: Instant, settings: &Settings) {
        match self.history {
            History::WasReady => self.died(reason, now, settings),
            History::New | History::Unproven(_) => {
                self.attempt_failed(reason, Retry::Later, now, settings);
            }
        }
    }

    /// Its provider was lost from sight, and the way to it may go through there: what it says from here on is met with
    /// patience, and a silence before may have been the provider's.
    pub(in crate::orchestrator) fn provider_was_away(&mut self) {
        if self.patience == Patience::None {
            self.patience = Patience::Forgave(0);
        }
        if matches!(self.liveness, Liveness::Silent(_)) {
            self.liveness = Liveness::Unproven;
            self.not_before = None;
        }
    }
}
