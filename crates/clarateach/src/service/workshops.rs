//! Workshops: watched until they stand, shown, removed. Making one is in `workshops/create.rs`.

mod create;

use clarateach_protocol::id::WorkshopId;
use time::OffsetDateTime;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::Instant;

use super::{Error, IdleView, Overcommit, Service};
use crate::browsers::Standing;
use crate::model::{EndWarning, MAX_SEATS, Presence, Seat, Workshop, WorkshopStatus};
use crate::orchestrator::ProgressView;
pub use create::{CreateWorkshop, Idempotency, IdleWish};

/// A seat as shown: the row, and whether its learner is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeatView {
    /// The seat.
    pub seat: Seat,
    /// Whether its learner is there now.
    pub presence: Presence,
    /// Since when; `None` before they ever were.
    pub presence_since: Option<OffsetDateTime>,
    /// What its browser is; `None`: nobody looked yet.
    pub browser: Option<Standing>,
}

/// A workshop as shown: the row, its seats, and what is being done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkshopView {
    /// The workshop.
    pub workshop: Workshop,
    /// Its seats by number.
    pub seats: Vec<SeatView>,
    /// How far it is, while it is being made or removed.
    pub progress: Option<ProgressView>,
    /// Its end is near.
    pub warning: Option<EndWarning>,
    /// It ends when nobody uses it.
    pub idle: Option<IdleView>,
}

impl Service {
    /// Waits until a workshop is being made no longer; dropping the wait changes nothing.
    ///
    /// # Errors
    /// [`Error::Ended`] when it is removed meanwhile.
    pub async fn wait_until_made(&self, id: WorkshopId) -> Result<WorkshopView, Error> {
        let mut changes = self.inner.orchestrator.subscribe();
        loop {
            let view = match self.workshop(id).await {
                Err(Error::NotFound(_)) => return Err(Error::Ended),
                view => view?,
            };
            match view.workshop.status {
                WorkshopStatus::Provisioning => next_change(&mut changes, id).await,
                WorkshopStatus::Ending | WorkshopStatus::Ended => return Err(Error::Ended),
                _ => return Ok(view),
            }
        }
    }

    /// Workshops of which something changed, from now on. Who lags looks at all of them.
    #[must_use]
    pub fn changes(&self) -> broadcast::Receiver<WorkshopId> {
        self.inner.orchestrator.subscribe()
    }

    /// The same for whether learners are there; see [`Service::presence_changes_at`], too.
    #[must_use]
    pub fn presence_changes(&self) -> broadcast::Receiver<WorkshopId> {
        self.inner.directory.presence_changes()
    }

    /// When somebody's presence in a workshop will be another although nothing happens.
    #[must_use]
    pub fn presence_changes_at(&self, id: WorkshopId) -> Option<Instant> {
        self.inner.directory.presence_due(id)
    }

    /// One workshop that has not ended.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn workshop(&self, id: WorkshopId) -> Result<WorkshopView, Error> {
        let workshop = self.class(id).await?;
        match workshop.filter(|workshop| workshop.status != WorkshopStatus::Ended) {
            Some(workshop) => self.view(workshop).await,
            None => Err(Error::NotFound("workshop")),
        }
    }

    /// Every workshop that has not ended, newest first.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn workshops(&self) -> Result<Vec<WorkshopView>, Error> {
        let mut views = Vec::new();
        for workshop in self.inner.store.workshops().await? {
            views.push(self.view(workshop).await?);
        }
        Ok(views)
    }

    async fn view(&self, mut workshop: Workshop) -> Result<WorkshopView, Error> {
        workshop.ends_at = self.shown_end(&workshop);
        let idle = self.inner.idle.view(&workshop);
        let warning = self.scheduled(&workshop.spec.id).warning;
        let seats = self.inner.store.seats(workshop.spec.id).await?;
        let seats = seats.into_iter().map(|seat| self.seat_view(seat)).collect();
        let progress = self.inner.orchestrator.progress(workshop.spec.id);
        Ok(WorkshopView {
            workshop,
            seats,
            progress,
            warning,
            idle,
        })
    }

    pub(super) fn seat_view(&self, seat: Seat) -> SeatView {
        let seen = self.inner.directory.presence(&seat.key);
        let browser = self.inner.browsers.standing(seat.key);
        SeatView {
            seat,
            presence: seen.presence,
            presence_since: seen.since,
            browser,
        }
    }

    /// Ends a workshop and waits until nothing of it is left. Twice is fine.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there never was one of that id.
    pub async fn delete_workshop(&self, id: WorkshopId) -> Result<(), Error> {
        let mut changes = self.inner.orchestrator.subscribe();
        self.end_workshop(id).await?;
        loop {
            match self.inner.store.workshop(id).await? {
                Some(workshop) if workshop.status != WorkshopStatus::Ended => {
                    next_change(&mut changes, id).await
                }
                _ => return Ok(()),
            }
        }
    }

    /// Marks a workshop for removal, and answers at once: nobody gets in from here on.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there never was one of that id.
    pub async fn end_workshop(&self, id: WorkshopId) -> Result<(), Error> {
        let service = self.clone();
        self.to_the_end(async move { service.end(id).await }).await
    }

    async fn end(&self, id: WorkshopId) -> Result<(), Error> {
        if self.class(id).await?.is_none() {
            return Err(Error::NotFound("workshop"));
        }
        match self.inner.store.end_workshop(id).await? {
            None => Err(Error::NotFound("workshop")),
            Some(false) => Ok(()),
            Some(true) => {
                self.inner.directory.remove_workshop(&id);
                self.inner.orchestrator.wake(id);
                tracing::info!(workshop = %id, "workshop ending");
                Ok(())
            }
        }
    }

    /// Adds seats to a workshop; they are made in the background.
    ///
    /// # Errors
    /// [`Error::Invalid`] when there would be more than [`MAX_SEATS`], [`Error::Conflict`] when they
    /// don't fit, [`Error::Ended`].
    pub async fn add_seats(
        &self,
        id: WorkshopId,
        count: u16,
        overcommit: Overcommit,
    ) -> Result<WorkshopView, Error> {
        let service = self.clone();
        self.to_the_end(async move { service.add(id, count, overcommit).await })
            .await
    }

    async fn add(
        &self,
        id: WorkshopId,
        count: u16,
        overcommit: Overcommit,
    ) -> Result<WorkshopView, Error> {
        if !(1..=MAX_SEATS).contains(&count) {
            return Err(Error::invalid(
                "count",
                format!(
                    "say how many seats to add: 1 to {MAX_SEATS}, and no more than {MAX_SEATS} with those that are there"
                ),
            ));
        }
        let _in_order = self.inner.locking.lock().await;
        let before = self.workshop(id).await?;
        if before.workshop.status == WorkshopStatus::Ending {
            return Err(Error::Ended);
        }
        let _until_stored = self.inner.admitting.lock().await;
        let spec = &before.workshop.spec;
        self.admit(count, (spec.resources, spec.browser), overcommit)
            .await?;
        if self
            .inner
            .store
            .add_seats(id, count, MAX_SEATS)
            .await?
            .is_none()
        {
            let now = self.workshop(id).await?;
            if now.workshop.status == WorkshopStatus::Ending {
                return Err(Error::Ended);
            }
            let message = format!(
                "a workshop has at most {MAX_SEATS} seats; this one has {}",
                now.seats.len()
            );
            return Err(Error::invalid("count", message));
        }
        let view = self.workshop(id).await?;
        // Only the new ones: what was read of the others may be older than a join meanwhile.
        for shown in view.seats.iter().skip(before.seats.len()) {
            self.announce(&shown.seat, view.workshop.ends_at);
        }
        self.inner.orchestrator.wake(id);
        Ok(view)
    }
}

fn check_seats(field: &'static str, count: u16) -> Result<(), Error> {
    if (1..=MAX_SEATS).contains(&count) {
        Ok(())
    } else {
        Err(Error::invalid(
            field,
            format!("a workshop has 1 to {MAX_SEATS} seats"),
        ))
    }
}

/// Waits for a change of this workshop, or for any when some were missed.
pub(super) async fn next_change(changes: &mut broadcast::Receiver<WorkshopId>, id: WorkshopId) {
    loop {
        match changes.recv().await {
            Ok(changed) if changed != id => {}
            Ok(_) | Err(RecvError::Lagged(_)) => return,
            // The orchestrator is gone: the server stops, and this wait with it.
            Err(RecvError::Closed) => std::future::pending().await,
        }
    }
}
