//! Single seats: reset and its undo, release, lock, retry, and an instructor's way in.

use std::time::Duration;

use clarateach_protocol::id::SeatKey;
use clarateach_protocol::token::{Mode, Role};
use time::OffsetDateTime;

use super::{Error, SeatView, Service};
use crate::model::{Instructor, Seat, SeatCondition, SeatLock, WorkshopStatus};
use crate::store::{Occupancy, Undone};

/// How long a seat's files are kept after a reset.
const RESET_KEPT: Duration = Duration::from_secs(30 * 60);

impl Service {
    /// Makes a seat anew: reset keeps its learner, release doesn't. Connections end at once; the new
    /// generation is made in the background.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such seat, [`Error::Ended`] when its workshop is over.
    pub async fn renew_seat(&self, key: SeatKey, occupancy: Occupancy) -> Result<SeatView, Error> {
        let service = self.clone();
        self.to_the_end(async move { service.renew(key, occupancy).await })
            .await
    }

    async fn renew(&self, key: SeatKey, occupancy: Occupancy) -> Result<SeatView, Error> {
        let workshop = self.workshop_of(key).await?;
        let until = OffsetDateTime::now_utc() + RESET_KEPT;
        let renewed = self.inner.store.renew_seat(key, occupancy, until).await?;
        let Some(seat) = renewed else {
            return Err(self.no_seat(key).await?);
        };
        self.announce(&seat, workshop.ends_at);
        if occupancy == Occupancy::End {
            self.inner.browsers.forget(key);
        }
        self.inner.orchestrator.wake(key.workshop);
        tracing::info!(workshop = %key.workshop, seat = %key.seat, generation = %seat.generation, ?occupancy, "seat renewed");
        Ok(self.seat_view(seat))
    }

    /// Gives a seat back the files that it had before its last reset; what was made since goes. Its
    /// learner keeps the seat. Nobody gets what was another's: a release can't be undone.
    ///
    /// # Errors
    /// [`Error::Conflict`] when no reset of this learner's can be undone, [`Error::NotFound`],
    /// [`Error::Ended`].
    pub async fn undo_reset(&self, key: SeatKey) -> Result<SeatView, Error> {
        let service = self.clone();
        self.to_the_end(async move {
            let workshop = service.workshop_of(key).await?;
            let now = OffsetDateTime::now_utc();
            let seat = match service.inner.store.undo_reset(key, now).await? {
                Undone::To(seat) => *seat,
                Undone::Nothing => {
                    return Err(Error::Conflict {
                        code: "nothing_to_undo",
                        message: format!(
                            "no reset of seat {} can be undone: its files are kept for {} minutes, for the same learner",
                            key.seat,
                            RESET_KEPT.as_secs() / 60
                        ),
                    });
                }
                Undone::NoSeat => return Err(service.no_seat(key).await?),
            };
            service.announce(&seat, workshop.ends_at);
            service.inner.orchestrator.wake(key.workshop);
            tracing::info!(workshop = %key.workshop, seat = %key.seat, generation = %seat.generation, "reset undone");
            Ok(service.seat_view(seat))
        })
        .await
    }

    /// Why there is no such seat.
    async fn no_seat(&self, key: SeatKey) -> Result<Error, Error> {
        let status = self.workshop_of(key).await?.status;
        let is_over = matches!(status, WorkshopStatus::Ending | WorkshopStatus::Ended);
        Ok(if is_over {
            Error::Ended
        } else {
            Error::NotFound("seat")
        })
    }

    /// Locks a seat or opens it. A locked one is given to nobody, and its learner is shut out: their
    /// connections end at once, their files and processes stay. Instructors still get in.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such seat.
    pub async fn lock_seat(&self, key: SeatKey, lock: SeatLock) -> Result<SeatView, Error> {
        let service = self.clone();
        self.to_the_end(async move {
            let inner = &service.inner;
            let _in_order = inner.locking.lock().await;
            service.workshop_of(key).await?;
            let seat = inner.store.lock_seat(key, lock).await?;
            let seat = seat.ok_or(Error::NotFound("seat"))?;
            inner.directory.set_lock(key, lock);
            inner.orchestrator.wake(key.workshop);
            tracing::info!(target: "audit", workshop = %key.workshop, seat = %key.seat, ?lock, "seat locked or opened");
            Ok(service.seat_view(seat))
        })
        .await
    }

    /// Tries again to make a failed seat; any other is left as it is.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such seat.
    pub async fn retry_seat(&self, key: SeatKey) -> Result<SeatView, Error> {
        let seat = self.seat(key).await?;
        if seat.observed.condition == SeatCondition::Failed {
            self.inner.orchestrator.retry(key);
        }
        Ok(self.seat_view(seat))
    }

    /// A token with which an instructor opens a seat; told to the audit log.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such seat.
    pub async fn instructor_token(
        &self,
        instructor: &Instructor,
        key: SeatKey,
        mode: Mode,
    ) -> Result<(String, OffsetDateTime), Error> {
        let workshop = self.workshop_of(key).await?;
        let seat = self.seat(key).await?;
        tracing::info!(target: "audit", workshop = %key.workshop, seat = %key.seat, instructor = %instructor.id, ?mode,
            "instructor opens a seat");
        Ok(self.mint(
            &workshop,
            &seat,
            instructor.id.clone(),
            Role::Instructor,
            mode,
        ))
    }

    async fn seat(&self, key: SeatKey) -> Result<Seat, Error> {
        self.inner
            .store
            .seat(key)
            .await?
            .ok_or(Error::NotFound("seat"))
    }
}
