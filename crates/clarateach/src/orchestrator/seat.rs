//! What the orchestrator remembers of one seat between two plans: a state machine without I/O.
//!
//! Outcomes go in (`created`, `proven`, here and in `seat/health.rs`), [`SeatTrack::observation`] and
//! [`SeatTrack::condition`] come out (`seat/shown.rs`). Knows neither provider calls nor the store.

mod health;
mod shown;

use std::collections::VecDeque;

use clarateach_protocol::id::Generation;
use tokio::time::Instant;

use super::reconcile::Liveness;
use super::seat_browser::BrowserTrack;
use super::settings::Settings;
use super::sight::{Silence, Since};
use crate::model::{Reason, SeatCondition};
use crate::provider::{BrowserStatus, Instance, InstanceStatus};

/// One seat, as remembered.
#[derive(Debug)]
pub(super) struct SeatTrack {
    generation: Generation,
    instance: Option<Instance>,
    liveness: Liveness,
    busy: bool,
    not_before: Option<Instant>,
    failed: Option<Reason>,
    /// Why it isn't ready, where something went wrong.
    trouble: Option<Reason>,
    /// Failures in a row, since it was ready last.
    failures: u32,
    removal_failures: u32,
    history: History,
    deaths: VecDeque<Instant>,
    misses: Option<Misses>,
    patience: Patience,
    next_question: Option<Instant>,
    browser: BrowserTrack,
}

/// Wrong answers in a row to the questions after its health.
#[derive(Debug, Clone, Copy)]
struct Misses {
    count: u32,
    /// When the first of them was asked for.
    since: Since,
}

/// What a silence of its own is met with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Patience {
    /// Its provider was there ever since it was started or answered: a silence is its end.
    None,
    /// Its provider was away since then, or nobody knows, and needs a moment: so many silences were forgiven.
    Forgave(u32),
}

/// What is known of this generation's past.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum History {
    /// Nobody looked yet, or it ran when first seen: the store's word stands until it was probed.
    Unproven(Past),
    /// Never ready.
    New,
    /// Was ready: learners' files may be in it.
    WasReady,
}

/// What the store says of a seat that this process has not seen yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Past {
    /// It was never ready, as far as is known.
    New,
    /// It was ready.
    Ready,
}

impl Past {
    pub(super) fn of(condition: SeatCondition) -> Self {
        match condition {
            SeatCondition::Ready | SeatCondition::Recovering => Self::Ready,
            SeatCondition::Provisioning | SeatCondition::Failed | SeatCondition::Terminating => {
                Self::New
            }
        }
    }

    fn history(self) -> History {
        match self {
            Self::New => History::New,
            Self::Ready => History::WasReady,
        }
    }
}

/// How a failure is to be met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Retry {
    /// The same may go through later.
    Later,
    /// Trying again is of no use.
    Useless,
}

impl SeatTrack {
    pub(super) fn new(generation: Generation, past: Past) -> Self {
        Self {
            generation,
            instance: None,
            liveness: Liveness::Unproven,
            busy: false,
            not_before: None,
            failed: None,
            trouble: None,
            failures: 0,
            removal_failures: 0,
            history: History::Unproven(past),
            deaths: VecDeque::new(),
            misses: None,
            patience: Patience::Forgave(0),
            next_question: None,
            browser: BrowserTrack::new(past),
        }
    }

    /// The same seat in another generation: what was is forgotten, what is there stays to be removed.
    pub(super) fn regenerated(&mut self, generation: Generation) {
        *self = Self {
            instance: self.instance.take(),
            busy: self.busy,
            history: History::New,
            ..Self::new(generation, Past::New)
        };
    }

    pub(super) fn generation(&self) -> Generation {
        self.generation
    }

    pub(super) fn instance(&self) -> Option<&Instance> {
        self.instance.as_ref()
    }

    pub(super) fn is_busy(&self) -> bool {
        self.busy
    }

    pub(super) fn begin(&mut self) {
        self.busy = true;
    }

    pub(super) fn end(&mut self) {
        self.busy = false;
    }

    /// Forgets a pause that is over.
    pub(super) fn wake(&mut self, now: Instant) {
        self.not_before.take_if(|at| *at <= now);
        self.browser.wake(now);
    }

    /// What the provider has of it now.
    pub(super) fn seen(&mut self, instance: Option<Instance>, now: Instant, settings: &Settings) {
        let was_live = self.is_live();
        self.instance = instance;
        self.browser
            .seen(self.instance.as_ref().map(|it| &it.browser), now, settings);
        if let History::Unproven(past) = self.history {
            self.history = self.first_impression(past);
        }
        if was_live && !self.is_live() {
            let reason = self.death_reason();
            self.died(reason, now, settings);
        }
    }

    fn first_impression(&self, past: Past) -> History {
        let ours = self
            .instance
            .as_ref()
            .filter(|instance| instance.generation == self.generation);
        match ours.map(|instance| &instance.status) {
            Some(InstanceStatus::Running) => History::Unproven(past),
            Some(InstanceStatus::Stopped { .. }) => History::WasReady,
            Some(InstanceStatus::Error { .. }) | None => past.history(),
        }
    }

    /// The store's word stands no longer.
    fn proved_otherwise(&mut self) {
        if let History::Unproven(past) = self.history {
            self.history = past.history();
        }
    }

    /// It was made or started; it may have ended again already.
    pub(super) fn created(&mut self, instance: Instance, now: Instant, settings: &Settings) {
        let ended =
            instance.generation == self.generation && instance.status != InstanceStatus::Running;
        self.instance = Some(instance);
        self.liveness = Liveness::Unproven;
        self.patience = Patience::None;
        self.proved_otherwise();
        if ended {
            self.broke(self.death_reason(), now, settings);
        }
    }

    /// It is gone, or another start of it, while it was being probed.
    pub(super) fn ended_in_probe(
        &mut self,
        instance: Option<Instance>,
        now: Instant,
        settings: &Settings,
    ) {
        self.instance = instance;
        self.liveness = Liveness::Unproven;
        self.proved_otherwise();
        self.broke(self.death_reason(), now, settings);
    }

    /// Its terminal, files and binding answered.
    pub(super) fn proven(&mut self, incarnation: String, bound: String, next_question: Instant) {
        self.liveness = Liveness::Proven { incarnation, bound };
        self.history = History::WasReady;
        self.trouble = None;
        self.failures = 0;
        self.misses = None;
        self.patience = Patience::None;
        self.next_question = Some(next_question);
    }

    /// It was stopped on our word.
    pub(super) fn stopped(&mut self) {
        self.liveness = Liveness::Unproven;
        if let Some(instance) = &mut self.instance {
            instance.status = InstanceStatus::Stopped { reason: None };
            instance.browser = BrowserStatus::Absent;
            instance.endpoints.browser = None;
        }
    }

    /// Its browser is as it was asked to be.
    pub(super) fn browser_set(&mut self, instance: Instance, now: Instant, settings: &Settings) {
        self.browser.made_anew();
        self.seen(Some(instance), now, settings);
    }

    /// What is known of its browser.
    pub(super) fn browser(&mut self) -> &mut BrowserTrack {
        &mut self.browser
    }

    pub(super) fn destroyed(&mut self) {
        self.instance = None;
        self.liveness = Liveness::Unproven;
        self.removal_failures = 0;
    }

    /// What it had of earlier generations is gone; the next look tells what is left.
    pub(super) fn discarded(&mut self) {
        if let Some(instance) = &mut self.instance {
            instance.files.clear();
        }
        self.removal_failures = 0;
    }

    /// Removing is tried for ever: nothing of ours may stay.
    pub(super) fn not_destroyed(&mut self, reason: Reason, now: Instant, settings: &Settings) {
        self.removal_failures = self.removal_failures.saturating_add(1);
        self.not_before = Some(now + settings.backoff.pause(self.removal_failures));
        self.trouble = Some(reason);
    }

    /// Making, starting or stopping it failed. What was ready once is tried for ever: that an engine
    /// is away for a while must not cost a class its seats.
    pub(super) fn attempt_failed(
        &mut self,
        reason: Reason,
        retry: Retry,
        now: Instant,
        settings: &Settings,
    ) {
        self.proved_otherwise();
        self.failures = self.failures.saturating_add(1);
        let used_up = self.history != History::WasReady && self.failures >= settings.attempts;
        if retry == Retry::Useless || used_up {
            self.failed = Some(reason);
        } else {
            self.trouble = Some(reason);
            self.not_before = Some(now + settings.backoff.pause(self.failures));
        }
    }

    /// What it waits for can't be had: it fails, unless it was ready once, when it goes on waiting.
    pub(super) fn groundwork_failed(&mut self, reason: &Reason) {
        let there = self.instance.is_some();
        if self.history == History::WasReady || there {
            self.trouble.get_or_insert_with(|| reason.clone());
        } else {
            self.failed.get_or_insert_with(|| reason.clone());
        }
    }

    /// Nothing can be done for it before the provider answers again: that is what stands in its way.
    pub(super) fn held_up(&mut self, reason: &Reason) {
        if !self.is_live() {
            self.proved_otherwise();
            self.trouble = Some(reason.clone());
        }
    }

    /// Tries again what was given up.
    pub(super) fn retry(&mut self) {
        if self.failed.take().is_none() {
            return;
        }
        self.trouble = None;
        self.failures = 0;
        self.deaths.clear();
        self.not_before = None;
        if !self.is_live() {
            // Where it runs, it didn't answer: begin with a fresh start.
            self.liveness = Liveness::Silent(Silence::on_order());
        }
    }
}

#[cfg(test)]
mod tests;
