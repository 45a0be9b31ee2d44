//! Acting: begins what was planned.

use clarateach_protocol::id::SeatNumber;
use tokio::time::Instant;

use super::super::boot::Step;
use super::super::hands::{Acted, Asked, Begun, Hands, Outcome};
use super::super::reconcile::{self, Action, Groundwork};
use super::{Work, WorkshopLoop};
use crate::model::{DesiredSeat, WorkshopKind};
use crate::provider::{Instance, Phase, Progress, Told};

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
            Action::Reconnect { seat } => {
                let key = self.key(seat);
                self.begin_on_seat(seat, move |hands| async move {
                    Acted::Reconnected(hands.calls.reconnect(&key).await)
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
        self.groundwork_doubted = false;
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
        let begun = Begun {
            generation: entry.track.generation(),
            since: self.sight.now(),
        };
        let kind = self.present().map_or(WorkshopKind::Class, |it| it.kind);
        let acting = act(self.hands.of(kind));
        self.spawn(Work::Seat(number), async move {
            Outcome::Acted(number, begun, acting.await)
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
            let (hands, since) = (self.hands.clone(), self.sight.now());
            self.spawn(Work::Ask(number), async move {
                let answer = hands.calls.ask(&instance).await;
                let incarnation = instance.incarnation;
                Outcome::Asked(number, Asked { incarnation, since }, answer)
            });
        }
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
