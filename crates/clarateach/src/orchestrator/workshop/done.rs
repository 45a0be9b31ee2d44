//! Taking over what came of what was begun. It may come late, and in one burst with what makes it void.

use clarateach_protocol::id::SeatNumber;
use tokio::task::{Id, JoinError};
use tokio::time::Instant;

use super::super::hands::{Acted, Answer, Asked, Begun, LookError, Outcome, RemovalError};
use super::super::probe::ProbeError;
use super::super::reconcile::Groundwork;
use super::super::seat::Retry;
use super::super::sight::Unanswered;
use super::{Attempts, Goal, Work, WorkshopLoop};
use crate::model::{Reason, Wanted};
use crate::provider::ProviderError;

impl WorkshopLoop {
    pub(super) async fn done(&mut self, id: Id, outcome: Result<Box<Outcome>, JoinError>) {
        let Some((work, _)) = self.works.remove(&id) else {
            return;
        };
        if let Work::Seat(number) = work {
            let now = self.tick();
            if let Some(entry) = self.seats.get_mut(&number) {
                entry.track.end();
                entry.touched = now;
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
            Outcome::Acted(seat, begun, acted) => self.acted(seat, begun, acted),
            Outcome::Asked(seat, asked, answer) => self.asked(seat, &asked, answer),
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
                if matches!(work, Work::Ask(_)) {
                    return entry.track.asked_for_nothing(now, settings);
                }
                entry.probing = None;
                if error.is_panic() {
                    let reason = Reason::new("internal", "an internal error; see the log");
                    let track = &mut entry.track;
                    track.attempt_failed(reason, Retry::Later, now, settings);
                }
            }
        }
    }

    fn prepared(&mut self, result: Result<(), ProviderError>) {
        let Err(error) = result else {
            self.groundwork = if self.groundwork_doubted {
                Groundwork::Missing
            } else {
                Groundwork::Ready
            };
            self.groundwork_attempts = Attempts::default();
            self.board.prepared(self.id);
            return;
        };
        tracing::warn!(workshop = %self.id, %error, "cannot prepare the workshop");
        let settings = &self.hands.calls.settings;
        if self.present().is_none() {
            // Nobody waits for it any more, and its removal need not wait.
            self.groundwork = Groundwork::Missing;
            return;
        }
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

    fn acted(&mut self, number: SeatNumber, begun: Begun, acted: Acted) {
        let (now, until) = (Instant::now(), self.clock);
        let settings = self.hands.calls.settings.clone();
        let key = self.key(number);
        if acted.found_nobody() {
            self.lose_sight();
        }
        let Some(entry) = self.seats.get_mut(&number) else {
            return;
        };
        let probed = entry.probing.take();
        let track = &mut entry.track;
        // What was tried for another generation says nothing of this one but what it left behind.
        let stale = track.generation() != begun.generation;
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
            Acted::Reconnected(Ok(instance)) => track.reconnected(instance, now, &settings),
            Acted::Reconnected(Err(error)) => {
                tracing::warn!(seat = %key, %error, "cannot make the way to a seat anew");
                self.look_wanted = true;
                track.not_reconnected(now, &settings);
            }
            // A look found that start of it ended, just when it answered or was given up.
            Acted::Probed(_) if probed.is_none() => self.look_wanted = true,
            Acted::Probed(Answer {
                result: Err(error),
                incarnation,
                ..
            }) => {
                tracing::warn!(seat = %key, %error, "a seat does not work");
                // It may have died meanwhile: then the provider knows why.
                self.look_wanted = true;
                let reason = error.reason();
                track.not_proven(Unanswered::new(incarnation, reason, begun.since, until));
            }
            Acted::Probed(answer) => {
                // Spread over the whole period, so that forty seats aren't asked at one moment.
                let share = f64::from(getrandom::u32().unwrap_or(0)) / f64::from(u32::MAX);
                let first = now + settings.health.every.mul_f64(share);
                track.proven(answer.incarnation, answer.digest, first);
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
                self.look_wanted = true;
                track.not_bound(error.reason(), (begun.since, until), now, &settings);
            }
        }
    }

    fn asked(
        &mut self,
        number: SeatNumber,
        asked: &Asked,
        answer: Result<Option<String>, ProbeError>,
    ) {
        let (now, until) = (Instant::now(), self.clock);
        let settings = &self.hands.calls.settings;
        let Some(entry) = self.seats.get_mut(&number) else {
            return;
        };
        let track = &mut entry.track;
        let of_this_start = track
            .instance()
            .is_some_and(|instance| instance.incarnation == asked.incarnation);
        if !of_this_start || track.is_busy() {
            // A restart or a binding overtook the question.
            return track.asked_for_nothing(now, settings);
        }
        match answer {
            Ok(bound) => {
                track.bound_to(bound);
                track.answered(now, settings);
            }
            Err(error) => {
                // Where it died, the provider knows sooner than the third question.
                self.look_wanted = true;
                track.missed(error.reason(), (asked.since, until), now, settings);
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

fn retry(error: &ProviderError) -> Retry {
    if error.is_retryable() {
        Retry::Later
    } else {
        Retry::Useless
    }
}
