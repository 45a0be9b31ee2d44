//! Single seats: reset, release, lock, retry, and an instructor's way in.

use clarateach_protocol::id::SeatKey;
use clarateach_protocol::token::{Mode, Role};
use time::OffsetDateTime;

use super::{Error, SeatView, Service};
use crate::model::{Instructor, Seat, SeatCondition, SeatLock, Workshop, WorkshopStatus};
use crate::store::Occupancy;

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
        let Some(seat) = self.inner.store.renew_seat(key, occupancy).await? else {
            let ending =
                |it: &Workshop| matches!(it.status, WorkshopStatus::Ending | WorkshopStatus::Ended);
            let over = ending(&self.workshop_of(key).await?);
            return Err(if over {
                Error::Ended
            } else {
                Error::NotFound("seat")
            });
        };
        self.announce(&seat, workshop.ends_at);
        self.inner.orchestrator.wake(key.workshop);
        tracing::info!(workshop = %key.workshop, seat = %key.seat, generation = %seat.generation, ?occupancy, "seat renewed");
        Ok(self.seat_view(seat))
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
