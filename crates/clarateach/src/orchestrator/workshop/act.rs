//! Acting: begins what was planned, and takes over what came of it.

use clarateach_protocol::id::{Generation, SeatNumber};
use tokio::task::{Id, JoinError};
use tokio::time::Instant;

use super::super::boot::Step;
use super::super::hands::{Acted, Answer, Hands, LookError, Outcome, RemovalError};
use super::super::probe::ProbeError;
use super::super::reconcile::{self, Action, Groundwork};
use super::super::seat::{Retry, SeatTrack};
use super::{Attempts, Goal, Work, WorkshopLoop};
use crate::model::{DesiredSeat, Reason, Wanted, WorkshopKind};
use crate::provider::{Instance, Phase, Progress, ProviderError, Told};

impl WorkshopLoop {
    pub(super) fn begin(&mut self, action: Action) {
        match action {
            Action::Prepare => self.begin_prepare(),
            Action::DestroyWorkshop => self.begin_destroy_workshop(),
            Action::Create { seat } => self.begin_create(seat),
            Action::Probe { seat } => self.begin_asking(seat, Asking::Probe),
            Action::Bind { seat } => self.begin_asking(seat, Asking::Bind),
            Action::Stop { seat } => {
                let key = self.key(seat);
                self.begin_on_seat(seat, move |hands| async move {
                    Acted::Stopped(hands.calls.stop(&key).await)
                });
            }
            Action::SetBrowser { seat, want } => {
                let key = self.key(seat);
                // What is being asked is not what will be there.
                self.abort(|work| work == Work::Browser(seat));
                self.begin_on_seat(seat, move |hands| async move {
                    Acted::BrowserSet(hands.calls.set_browser(&key, want).await)
                });
            }
            Action::Destroy { seat, why } => {
                tracing::info!(workshop = %self.id, %seat, ?why, "removing a seat");
                let key = self.key(seat);
                // A surplus seat has nobody to keep anything for.
                match self.wanted_seat(seat).map(reconcile::files_kept) {
                    Some(keep) => {
                        self.begin_on_seat(seat, move |hands| async move {
                            Acted::Destroyed(hands.calls.retire(&key, &keep).await)
                        });
                    }
                    None => {
                        self.begin_on_seat(seat, move |hands| async move {
                            Acted::Destroyed(hands.calls.destroy(&key).await)
                        });
                    }
                }
            }
            Action::Discard { seat } => {
                let key = self.key(seat);
                if let Some(keep) = self.wanted_seat(seat).map(reconcile::files_kept) {
                    self.begin_on_seat(seat, move |hands| async move {
                        Acted::Discarded(hands.calls.discard(&key, &keep).await)
                    });
                }
            }
        }
    }

    fn begin_prepare(&mut self) {
        let Some(desired) = self.present() else {
            return;
        };
        let spec = desired.spec.clone();
        let (hands, board, id) = (self.hands.clone(), self.board.clone(), self.id);
        let progress = Progress::new(move |told| board.told(id, told));
        self.groundwork = Groundwork::Busy;
        self.spawn(Work::Prepare, async move {
            Outcome::Prepared(hands.calls.prepare(&spec, &progress).await)
        });
    }

    fn begin_destroy_workshop(&mut self) {
        self.groundwork = Groundwork::Busy;
        let (hands, id) = (self.hands.clone(), self.id);
        self.spawn(Work::DestroyWorkshop, async move {
            Outcome::WorkshopDestroyed(hands.calls.destroy_workshop(id).await)
        });
    }

    fn begin_create(&mut self, seat: SeatNumber) {
        let wanted = self.wanted_seat(seat).zip(self.present());
        let Some(spec) = wanted.map(|(seat, desired)| reconcile::seat_spec(desired, seat)) else {
            return;
        };
        let (board, id) = (self.board.clone(), self.id);
        let progress = Progress::new(move |told| match told {
            Told::Begins(Phase::Create) => board.step(id, seat, Step::Create),
            Told::Begins(Phase::Start) => board.step(id, seat, Step::Start),
            Told::Begins(Phase::Image | Phase::Network) | Told::Pulled(_) => {}
        });
        self.begin_on_seat(seat, move |hands| async move {
            Acted::Created(hands.calls.create(&spec, &progress).await)
        });
    }

    fn begin_asking(&mut self, seat: SeatNumber, asking: Asking) {
        let entry = self.seats.get(&seat);
        let instance = entry.and_then(|entry| entry.track.instance()).cloned();
        let binding = self.wanted_seat(seat).map(|wanted| wanted.binding.clone());
        let Some((instance, binding)) = instance.zip(binding) else {
            return;
        };
        if asking == Asking::Probe
            && let Some(entry) = self.seats.get_mut(&seat)
        {
            entry.probing = Some(instance.incarnation.clone());
        }
        let (board, id) = (self.board.clone(), self.id);
        self.begin_on_seat(seat, move |hands| async move {
            match asking {
                Asking::Probe => {
                    let step = move |step| board.step(id, seat, step);
                    Acted::Probed(hands.calls.probe(instance, binding, step).await)
                }
                Asking::Bind => Acted::Bound(hands.calls.bind(instance, binding).await),
            }
        });
    }

    fn wanted_seat(&self, number: SeatNumber) -> Option<&DesiredSeat> {
        self.present()?.seat(number)
    }

    fn begin_on_seat<F>(&mut self, number: SeatNumber, act: impl FnOnce(Hands) -> F)
    where
        F: Future<Output = Acted> + Send + 'static,
    {
        let now = self.tick();
        let Some(entry) = self.seats.get_mut(&number) else {
            return;
        };
        entry.track.begin();
        entry.touched = now;
        let generation = entry.track.generation();
        let kind = self.present().map_or(WorkshopKind::Class, |it| it.kind);
        let acting = act(self.hands.of(kind));
        self.spawn(Work::Seat(number), async move {
            Outcome::Acted(number, generation, acting.await)
        });
    }

    /// Asks the ready seats whose time has come for their health, and those with them whose time comes soon: a loop that
    /// wakes for each looks at all of them each time.
    pub(super) fn begin_questions(&mut self, now: Instant) {
        let mut tracks = self.seats.values().map(|entry| &entry.track);
        if self.present().is_none() || !tracks.any(|track| track.is_question_due(now)) {
            return;
        }
        let soon = now + self.hands.calls.settings.health.every / TOGETHER;
        let due = |(number, entry): (&SeatNumber, &mut super::SeatEntry)| {
            let due = entry.track.take_question(soon);
            due.then(|| Some((*number, entry.track.instance()?.clone())))?
        };
        let due: Vec<(SeatNumber, Instance)> = self.seats.iter_mut().filter_map(due).collect();
        for (number, instance) in due {
            let hands = self.hands.clone();
            self.spawn(Work::Ask(number), async move {
                let answer = hands.calls.ask(&instance).await;
                Outcome::Asked(number, instance.incarnation, answer)
            });
        }
    }

    pub(super) async fn done(&mut self, id: Id, outcome: Result<Box<Outcome>, JoinError>) {
        let Some((work, _)) = self.works.remove(&id) else {
            return;
        };
        if let Work::Seat(number) = work {
            let now = self.tick();
            if let Some(entry) = self.seats.get_mut(&number) {
                entry.track.end();
                entry.touched = now;
                entry.probing = None;
                if std::mem::take(&mut entry.overlooked) {
                    self.look_soon();
                }
            }
        }
        match outcome {
            Ok(outcome) => self.take_outcome(*outcome).await,
            Err(error) => self.cut_off(work, &error),
        }
    }

    async fn take_outcome(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Looked(look) => self.looked(look),
            Outcome::Prepared(result) => self.prepared(result),
            Outcome::Acted(seat, generation, acted) => self.acted(seat, generation, acted),
            Outcome::Asked(seat, incarnation, answer) => self.asked(seat, &incarnation, answer),
            Outcome::BrowserProbed(seat, incarnation, probed) => {
                self.browser_probed(seat, &incarnation, probed);
            }
            Outcome::WorkshopDestroyed(result) => self.workshop_destroyed(result).await,
        }
    }

    /// A task was aborted by us, or panicked.
    fn cut_off(&mut self, work: Work, error: &JoinError) {
        if error.is_panic() {
            tracing::error!(workshop = %self.id, ?work, %error, "a task of the orchestrator panicked");
        }
        let now = Instant::now();
        match work {
            Work::Look => self.look_wanted = true,
            Work::Prepare | Work::DestroyWorkshop => self.groundwork = Groundwork::Missing,
            Work::Browser(number) => {
                if let Some(entry) = self.seats.get_mut(&number) {
                    entry.track.browser().probe_over();
                }
            }
            Work::Seat(number) | Work::Ask(number) => {
                // What it did before it ended is not known.
                self.look_wanted = true;
                let settings = &self.hands.calls.settings;
                let Some(entry) = self.seats.get_mut(&number) else {
                    return;
                };
                match work {
                    Work::Ask(_) => entry.track.answered(now, settings),
                    _ if error.is_panic() => {
                        let reason = Reason::new("internal", "an internal error; see the log");
                        let track = &mut entry.track;
                        track.attempt_failed(reason, Retry::Later, now, settings);
                    }
                    _ => {}
                }
            }
        }
    }

    fn prepared(&mut self, result: Result<(), ProviderError>) {
        let Err(error) = result else {
            self.groundwork = Groundwork::Ready;
            self.groundwork_attempts = Attempts::default();
            self.board.prepared(self.id);
            return;
        };
        tracing::warn!(workshop = %self.id, %error, "cannot prepare the workshop");
        let settings = &self.hands.calls.settings;
        let attempts = &mut self.groundwork_attempts;
        attempts.failures = attempts.failures.saturating_add(1);
        let pause = settings.backoff.pause(attempts.failures);
        attempts.not_before = Some(Instant::now() + pause);
        self.groundwork = Groundwork::Waiting;
        if attempts.failures >= settings.attempts || !error.is_retryable() {
            let reason = error.reason();
            for entry in self.seats.values_mut() {
                entry.track.groundwork_failed(&reason);
            }
        }
    }

    fn acted(&mut self, number: SeatNumber, generation: Generation, acted: Acted) {
        let now = Instant::now();
        let settings = self.hands.calls.settings.clone();
        let key = self.key(number);
        let Some(entry) = self.seats.get_mut(&number) else {
            return;
        };
        let track = &mut entry.track;
        // What was tried for another generation says nothing of this one but what it left behind.
        let stale = track.generation() != generation;
        match acted {
            Acted::Created(Ok(instance)) => track.created(instance, now, &settings),
            Acted::Destroyed(Ok(())) => track.destroyed(),
            Acted::Stopped(Ok(())) => track.stopped(),
            Acted::BrowserSet(Ok(instance)) => track.browser_set(instance, now, &settings),
            Acted::Discarded(Ok(())) => {
                track.discarded();
                self.look_wanted = true;
            }
            _ if stale => self.look_wanted = true,
            Acted::Created(Err(error)) | Acted::Stopped(Err(error)) => {
                tracing::warn!(seat = %key, %error, "cannot start or stop a seat");
                self.look_wanted = true;
                track.attempt_failed(error.reason(), retry(&error), now, &settings);
            }
            Acted::Destroyed(Err(error)) | Acted::Discarded(Err(error)) => {
                tracing::warn!(seat = %key, %error, "cannot remove a seat");
                self.look_wanted = true;
                track.not_destroyed(error.reason(), now, &settings);
            }
            Acted::BrowserSet(Err(error)) => {
                tracing::warn!(seat = %key, %error, "cannot change the browser of a seat");
                self.look_wanted = true;
                track.browser().failed(error.reason(), now, &settings);
            }
            Acted::Probed(answer) => {
                if let Err(error) = &answer.result {
                    tracing::warn!(seat = %key, %error, "a seat does not work");
                    // It may have died meanwhile: then the provider knows why.
                    self.look_wanted = true;
                }
                probed(track, answer, now, &settings);
            }
            Acted::Bound(Answer {
                digest,
                result: Ok(()),
                ..
            }) => track.bound_to(Some(digest)),
            Acted::Bound(Answer {
                result: Err(error), ..
            }) => {
                tracing::warn!(seat = %key, %error, "a seat was not bound");
                track.not_bound(error.reason(), now, &settings);
            }
        }
    }

    fn asked(
        &mut self,
        number: SeatNumber,
        incarnation: &str,
        answer: Result<Option<String>, ProbeError>,
    ) {
        let now = Instant::now();
        let settings = &self.hands.calls.settings;
        let Some(entry) = self.seats.get_mut(&number) else {
            return;
        };
        let track = &mut entry.track;
        let of_this_start = track
            .instance()
            .is_some_and(|instance| instance.incarnation == incarnation);
        if !of_this_start || track.is_busy() {
            // A restart or a binding overtook the question.
            return track.answered(now, settings);
        }
        match answer {
            Ok(bound) => {
                track.bound_to(bound);
                track.answered(now, settings);
            }
            Err(error) => {
                // Where it died, the provider knows sooner than the third question.
                self.look_wanted = true;
                track.missed(error.reason(), now, settings);
            }
        }
    }

    async fn workshop_destroyed(&mut self, result: Result<(), RemovalError>) {
        self.groundwork = Groundwork::Missing;
        if matches!(self.goal, Goal::Orphaned) && self.is_look_ahead() {
            // A letter came meanwhile, and is read: what is wanted by now is in the look to come.
            self.goal = Goal::Unseen;
        }
        let forgotten = match (&self.goal, result) {
            (_, Err(error)) => Err(error),
            (Goal::Desired(desired), Ok(())) if desired.wanted == Wanted::Absent => {
                self.forget().await.map_err(RemovalError::from)
            }
            (Goal::Desired(_) | Goal::Unseen, Ok(())) => {
                // It is wanted after all: a scheduled workshop whose time came.
                self.seats.clear();
                self.look_wanted = true;
                return;
            }
            (Goal::Orphaned, Ok(())) => Ok(()),
        };
        match forgotten {
            Ok(()) => self.finished = true,
            Err(error) => {
                let attempts = &mut self.groundwork_attempts;
                attempts.failures = attempts.failures.saturating_add(1);
                let pause = self.hands.calls.settings.backoff.pause(attempts.failures);
                attempts.not_before = Some(Instant::now() + pause);
                self.groundwork = Groundwork::Waiting;
                tracing::warn!(workshop = %self.id, %error, "cannot remove the workshop; trying again");
            }
        }
    }

    /// Tells everybody that nothing is left.
    async fn forget(&mut self) -> Result<(), LookError> {
        let gone = self.hands.store.workshop_gone(self.id);
        self.hands.read(gone).await?;
        self.directory.remove_workshop(&self.id);
        self.hands.browsers.forget_workshop(self.id);
        self.board.ending(self.id, None);
        self.board.announce(self.id);
        Ok(())
    }
}

/// This share of the time between two questions is one moment.
const TOGETHER: u32 = 10;

/// How a seat is asked.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asking {
    Probe,
    Bind,
}

fn probed(
    track: &mut SeatTrack,
    answer: Answer,
    now: Instant,
    settings: &super::super::settings::Settings,
) {
    match answer.result {
        Ok(()) => {
            // Spread over the whole period, so that forty seats aren't asked at one moment.
            let share = f64::from(getrandom::u32().unwrap_or(0)) / f64::from(u32::MAX);
            let first = now + settings.health.every.mul_f64(share);
            track.proven(answer.incarnation, answer.digest, first);
        }
        Err(error) => track.not_proven(error.reason(), now, settings),
    }
}

fn retry(error: &ProviderError) -> Retry {
    if error.is_retryable() {
        Retry::Later
    } else {
        Retry::Useless
    }
}
