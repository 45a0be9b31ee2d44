//! Telling: the directory what is reachable, the store what was observed, and whoever waits how far
//! it is. Only what changed is told; what could not be stored is told again.

use clarateach_protocol::id::{Generation, SeatNumber};
use futures_util::future::join_all;
use tokio::time::Instant;

use super::super::boot::Seats;
use super::super::hands::LookError;
use super::super::progress::Counts;
use super::super::stage::settled;
use super::{Attempts, Goal, WorkshopLoop};
use crate::directory::Reach;
use crate::model::{ObservedSeat, SeatCondition, Wanted, WorkshopKind};

/// A seat's observation that the store doesn't have yet.
struct News {
    number: SeatNumber,
    generation: Generation,
    observed: ObservedSeat,
}

impl WorkshopLoop {
    pub(super) async fn tell(&mut self) {
        self.tell_directory();
        self.tell_bindings();
        if self.tell_browsers() {
            self.board.announce(self.id);
        }
        self.show_progress();
        if self.present().is_none() || self.telling.is_waiting(Instant::now()) {
            return;
        }
        match self.tell_store().await {
            Ok(()) => self.telling = Attempts::default(),
            Err(error) => {
                self.telling.failures = self.telling.failures.saturating_add(1);
                let pause = self
                    .hands
                    .calls
                    .settings
                    .backoff
                    .pause(self.telling.failures);
                self.telling.not_before = Some(Instant::now() + pause);
                tracing::error!(workshop = %self.id, %error, "cannot store what was observed; trying again");
            }
        }
    }

    fn tell_directory(&mut self) {
        let wanted = self.present().is_some();
        let workshop = self.id;
        for (number, entry) in &mut self.seats {
            let reach = if wanted {
                entry.track.reach()
            } else {
                Reach::Silent
            };
            if entry.reach.as_ref() == Some(&reach) {
                continue;
            }
            let key = clarateach_protocol::id::SeatKey {
                workshop,
                seat: *number,
            };
            let generation = entry.track.generation();
            self.directory.set_reach(key, generation, &reach);
            entry.reach = Some(reach);
        }
    }

    fn tell_bindings(&self) {
        let bound = |(number, entry): (&SeatNumber, &super::SeatEntry)| {
            entry
                .track
                .bound()
                .map(|digest| (*number, digest.to_owned()))
        };
        let bound = self.seats.iter().filter_map(bound);
        let bound = bound.filter(|_| self.present().is_some()).collect();
        self.board.set_bindings(self.id, bound);
    }

    /// Seats first, then the workshop: who sees it ready finds its seats as they are.
    async fn tell_store(&mut self) -> Result<(), LookError> {
        let news = self.news();
        let changed = !news.is_empty();
        let writes = news.iter().map(|it| {
            let observed = it.observed.clone();
            let write = self
                .hands
                .store
                .observe_seat(self.key(it.number), it.generation, observed);
            self.hands.read(write)
        });
        let mut outcomes = join_all(writes).await.into_iter();
        outcomes.try_for_each(|outcome| outcome)?;
        for it in news {
            if let Some(entry) = self.seats.get_mut(&it.number) {
                entry.told = Some(it.observed);
            }
        }
        let stage_changed = self.tell_stage().await?;
        if changed || stage_changed {
            self.show_progress();
            self.board.announce(self.id);
        }
        Ok(())
    }

    fn news(&self) -> Vec<News> {
        let wanted = |number: &SeatNumber| {
            self.present()
                .is_some_and(|desired| desired.seat(*number).is_some())
        };
        let seats = self.seats.iter().filter(|(number, _)| wanted(number));
        seats
            .filter_map(|(number, entry)| {
                let observed = entry.track.condition()?;
                (entry.told.as_ref() != Some(&observed)).then_some(News {
                    number: *number,
                    generation: entry.track.generation(),
                    observed,
                })
            })
            .collect()
    }

    async fn tell_stage(&mut self) -> Result<bool, LookError> {
        let conditions = self.conditions();
        self.stage = self.stage.clone().next(&conditions);
        if self.stage == self.told_stage {
            return Ok(false);
        }
        if let Some((status, reason)) = self.stage.status() {
            let write = self
                .hands
                .store
                .set_workshop_status(self.id, status, reason);
            let taken = self.hands.read(write).await?;
            // The store refuses where the workshop is ending meanwhile: look what is wanted now.
            self.look_wanted |= !taken;
        }
        self.told_stage = self.stage.clone();
        Ok(true)
    }

    /// Every wanted seat's condition; `None`: not known yet.
    fn conditions(&self) -> Vec<Option<ObservedSeat>> {
        let Some(desired) = self.present() else {
            return Vec::new();
        };
        let condition = |number| self.seats.get(number)?.track.condition();
        let seats = desired.seats.iter();
        seats.map(|seat| condition(&seat.number)).collect()
    }

    fn show_progress(&self) {
        use super::Stage;
        if self.finished {
            return;
        }
        match (&self.goal, &self.stage) {
            (Goal::Desired(desired), _) if desired.wanted == Wanted::Absent => {
                let total = u16::try_from(self.seats.len()).unwrap_or(u16::MAX);
                self.board.ending(self.id, Some(total));
            }
            (Goal::Desired(_), Stage::Unknown | Stage::Provisioning) => {
                let conditions = self.conditions();
                let count = |seats| u16::try_from(seats).unwrap_or(u16::MAX);
                let is_held_up = conditions.iter().flatten().any(|seat| {
                    seat.condition == SeatCondition::Provisioning && seat.reason.is_some()
                });
                let seats = Seats {
                    done: count(settled(&conditions)),
                    total: count(conditions.len()),
                    is_held_up,
                };
                self.board.making(self.id, seats);
            }
            (Goal::Desired(desired), Stage::Ready) => {
                let counts = match desired.kind {
                    WorkshopKind::Class => Counts::Yes,
                    WorkshopKind::Standby => Counts::No,
                };
                self.board.made(self.id, counts);
            }
            (Goal::Desired(_), Stage::Failed(_)) | (Goal::Orphaned | Goal::Unseen, _) => {
                self.board.made(self.id, Counts::No);
            }
        }
    }
}
