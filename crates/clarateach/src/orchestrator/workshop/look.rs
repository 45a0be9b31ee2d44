//! Looking: what should be and what is, taken over into what the loop knows.

use std::collections::BTreeMap;
use std::time::Duration;

use clarateach_protocol::id::SeatNumber;
use tokio::time::Instant;

use super::super::hands::{Look, LookError, Memory, Outcome, Told};
use super::super::reconcile::{Desired, Groundwork};
use super::super::seat::{Past, SeatTrack};
use super::super::stage::Stage;
use super::{Attempts, Goal, SeatEntry, Work, WorkshopLoop};
use crate::model::{DesiredWorkshop, Reason, Wanted};
use crate::provider::{Instance, InstanceStatus};

/// Between two looks because something is wanted otherwise: the first is at once, and a class that joins in one burst has
/// its answers before its seats are bound.
const NOT_SOONER_THAN: Duration = Duration::from_millis(100);
/// How long hints are gathered before one look at what they are about.
const GATHER_FOR: Duration = Duration::from_millis(100);

impl WorkshopLoop {
    /// Begins a look where one is wanted; one at a time.
    pub(super) fn begin_look(&mut self, now: Instant) {
        self.look_wanted |= self.look_at.take_if(|at| *at <= now).is_some();
        let held = self.look_attempts.is_waiting(now) || self.is_under_way(Work::Look);
        if !self.look_wanted || held {
            return;
        }
        self.look_wanted = false;
        self.looked_at = Some(now);
        self.look_began = self.tick();
        let memory = match self.stage {
            Stage::Unknown => Memory::Stored,
            Stage::Provisioning | Stage::Ready | Stage::Failed(_) => Memory::Own,
        };
        let (hands, id) = (self.hands.clone(), self.id);
        self.spawn(Work::Look, async move {
            Outcome::Looked(hands.look(id, memory).await)
        });
    }

    /// When a look begins that is wanted already.
    pub(super) fn look_due(&self) -> Option<Instant> {
        let begins = self.look_wanted && !self.is_under_way(Work::Look);
        begins.then(|| self.look_attempts.not_before.unwrap_or_else(Instant::now))
    }

    /// Whether what was seen last is about to be seen anew.
    pub(super) fn is_look_ahead(&self) -> bool {
        self.look_wanted || self.look_at.is_some() || self.is_under_way(Work::Look)
    }

    /// Looks in a moment, once for all that happens until then.
    pub(super) fn look_soon(&mut self) {
        self.look_at
            .get_or_insert_with(|| Instant::now() + GATHER_FOR);
    }

    /// Looks at once, unless a look began just now: then once for all that happens until the next.
    pub(super) fn look_again(&mut self) {
        let earliest = self.looked_at.map(|at| at + NOT_SOONER_THAN);
        match earliest.filter(|at| *at > Instant::now()) {
            Some(at) => self.look_at = Some(self.look_at.map_or(at, |soon| soon.min(at))),
            None => self.look_wanted = true,
        }
    }

    pub(super) fn looked(&mut self, look: Result<Look, LookError>) {
        let look = match look {
            Ok(look) => look,
            Err(error) => return self.look_failed(error),
        };
        self.look_attempts = Attempts::default();
        match look.desired {
            None => self.unwanted(Goal::Orphaned),
            Some(desired) if desired.wanted == Wanted::Absent => {
                self.unwanted(Goal::Desired(Box::new(Desired::new(desired))));
            }
            Some(desired) => self.wanted(desired, &look.told),
        }
        self.take_over(look.instances);
    }

    /// Nothing is known, so nothing is done, until it can be seen again.
    pub(super) fn look_failed(&mut self, error: LookError) {
        let attempts = &mut self.look_attempts;
        attempts.failures = attempts.failures.saturating_add(1);
        let pause = self.hands.calls.settings.backoff.pause(attempts.failures);
        attempts.not_before = Some(Instant::now() + pause);
        self.look_wanted = true;
        tracing::warn!(workshop = %self.id, %error, "cannot look at the workshop; trying again");
        if let LookError::Blind(error, stored) = error {
            self.lose_sight();
            // Once may be chance; from then on it is what stands in the seats' way.
            if self.look_attempts.failures > 1 {
                self.held_up(&error.reason(), *stored);
            }
        }
    }

    /// The provider was away, if only for a moment.
    pub(super) fn lose_sight(&mut self) {
        self.sight.lost();
        let tracks = self.seats.values_mut().map(|entry| &mut entry.track);
        tracks.for_each(SeatTrack::provider_was_away);
    }

    /// The provider says nothing: seats that aren't known to be live are told to wait for it.
    fn held_up(&mut self, reason: &Reason, (desired, told): (Option<DesiredWorkshop>, Told)) {
        if let Some(desired) = desired.filter(|desired| desired.wanted == Wanted::Present)
            && matches!(self.goal, Goal::Unseen)
        {
            self.wanted(desired, &told);
        }
        let tracks = self.seats.values_mut().map(|entry| &mut entry.track);
        tracks.for_each(|track| track.held_up(reason));
    }

    fn wanted(&mut self, desired: DesiredWorkshop, told: &Told) {
        if let Some(workshop) = told
            .workshop
            .as_ref()
            .filter(|_| self.stage == Stage::Unknown)
        {
            self.stage = Stage::of(workshop);
            self.told_stage = self.stage.clone();
        }
        for seat in &desired.seats {
            let Some(entry) = self.seats.get_mut(&seat.number) else {
                let mut before = told.seats.iter();
                let past = before
                    .find(|it| it.key.seat == seat.number && it.generation == seat.generation)
                    .map_or(Past::New, |it| Past::of(it.observed.condition));
                let entry = SeatEntry::new(SeatTrack::new(seat.generation, past));
                self.seats.insert(seat.number, entry);
                continue;
            };
            if entry.track.generation() != seat.generation {
                entry.track.regenerated(seat.generation);
                entry.told = None;
                entry.reach = None;
                entry.probing = None;
                self.abort(|work| {
                    [Work::Seat(seat.number), Work::Browser(seat.number)].contains(&work)
                });
            }
        }
        self.goal = Goal::Desired(Box::new(Desired::new(desired)));
    }

    /// Cuts off everything that makes anything.
    fn unwanted(&mut self, goal: Goal) {
        let was_wanted = self.present().is_some();
        self.goal = goal;
        self.stage = Stage::Unknown;
        self.abort(|work| {
            matches!(
                work,
                Work::Prepare | Work::Seat(_) | Work::Ask(_) | Work::Browser(_)
            )
        });
        if was_wanted && self.groundwork == Groundwork::Waiting {
            // It waited to prepare; removing need not wait.
            self.groundwork = Groundwork::Missing;
            self.groundwork_attempts = Attempts::default();
        }
    }

    pub(super) fn abort(&self, which: impl Fn(Work) -> bool) {
        let chosen = self.works.values().filter(|(work, _)| which(*work));
        chosen.for_each(|(_, handle)| handle.abort());
    }

    fn take_over(&mut self, instances: Vec<Instance>) {
        let now = Instant::now();
        let wanted: Vec<SeatNumber> = self
            .present()
            .map(|desired| desired.seats.iter().map(|seat| seat.number).collect())
            .unwrap_or_default();
        let mut there: BTreeMap<_, _> = instances.into_iter().map(|it| (it.seat, it)).collect();
        for instance in there.values() {
            self.seats
                .entry(instance.seat)
                .or_insert_with(|| SeatEntry::new(SeatTrack::new(instance.generation, Past::New)));
        }
        let (mut died, mut overlooked) = (false, false);
        let mut ended = Vec::new();
        for (number, entry) in &mut self.seats {
            if entry.touched < self.look_began && entry.ended_in_probe(there.get(number)) {
                let instance = there.remove(number);
                entry
                    .track
                    .ended_in_probe(instance, now, &self.hands.calls.settings);
                entry.probing = None;
                ended.push(*number);
                died = true;
                continue;
            }
            if entry.track.is_busy() || entry.touched > self.look_began {
                // It was seen before or while something was done to it: look again afterwards.
                entry.overlooked = entry.track.is_busy();
                overlooked |= !entry.overlooked;
                continue;
            }
            let was_live = entry.track.is_live();
            let instance = there.remove(number);
            let settings = &self.hands.calls.settings;
            entry.track.seen(instance, now, settings);
            entry
                .track
                .judge(&self.sight, self.look_began, now, settings);
            died |= was_live && !entry.track.is_live();
        }
        if died {
            self.groundwork_is_stale();
            self.groundwork_doubted = true;
        }
        self.abort(|work| matches!(work, Work::Seat(number) if ended.contains(&number)));
        if overlooked {
            self.look_soon();
        }
        self.seats.retain(|number, entry| {
            wanted.contains(number) || entry.track.is_busy() || entry.track.instance().is_some()
        });
    }
}

impl SeatEntry {
    /// Whether what is being probed is gone, so that there is no use in waiting for its answer.
    fn ended_in_probe(&self, there: Option<&Instance>) -> bool {
        let Some(probed) = &self.probing else {
            return false;
        };
        !there.is_some_and(|instance| {
            instance.status == InstanceStatus::Running && instance.incarnation == *probed
        })
    }

    fn new(track: SeatTrack) -> Self {
        Self {
            track,
            touched: 0,
            overlooked: false,
            probing: None,
            told: None,
            reach: None,
        }
    }
}
