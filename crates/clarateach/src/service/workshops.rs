//! Workshops: made, watched until they stand, shown, removed.

use std::collections::BTreeMap;

use clarateach_protocol::code::JoinCode;
use clarateach_protocol::id::WorkshopId;
use time::OffsetDateTime;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::Instant;

use super::{Error, Overcommit, Service, input};
use crate::auth::secret::random_bytes;
use crate::browsers::Standing;
use crate::model::{
    BrowserPolicy, EgressPolicy, EndWarning, Instructor, MAX_SEATS, Presence, Resources, Seat,
    Workshop, WorkshopKind, WorkshopSpec, WorkshopStatus,
};
use crate::orchestrator::ProgressView;
use crate::store::{Claimed, Inserted, NewWorkshop, RequestKey};

/// What an instructor asks for.
#[derive(Debug, Clone)]
pub struct CreateWorkshop {
    /// Its title.
    pub name: String,
    /// How many seats.
    pub seats: u16,
    /// Root filesystem of the seats; the configured one when it isn't said.
    pub image: Option<String>,
    /// When browsers run.
    pub browser: BrowserPolicy,
    /// A key for an AI service, put into every shell's environment.
    pub api_key: Option<String>,
    /// The variable's name for it.
    pub api_key_name: Option<String>,
    /// More environment.
    pub env: BTreeMap<String, String>,
    /// Limits of each seat.
    pub resources: Resources,
    /// Where seats may send packets.
    pub egress: EgressPolicy,
    /// When it should be there.
    pub starts_at: Option<OffsetDateTime>,
    /// When it ends by itself.
    pub ends_at: Option<OffsetDateTime>,
    /// What to do where it doesn't fit.
    pub overcommit: Overcommit,
}

/// What tells a repeat of a request from a second one.
#[derive(Debug, Clone)]
pub struct Idempotency {
    /// Made by the client; each instructor's keys are their own.
    pub key: String,
    /// SHA-256 of the body.
    pub body_hash: [u8; 32],
}

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
}

impl Service {
    /// Stores a workshop and has it made; answers at once. A repeat of a request gets the workshop
    /// that the first one made.
    ///
    /// # Errors
    /// [`Error::Invalid`] for wrong input, [`Error::Unavailable`] when seats can't be made here at
    /// all; nothing is left of it then. [`Error::Conflict`] when the key came with another body,
    /// [`Error::Ended`] when its workshop is over.
    pub async fn create_workshop(
        &self,
        owner: Instructor,
        request: CreateWorkshop,
        idempotency: Option<Idempotency>,
    ) -> Result<WorkshopView, Error> {
        let service = self.clone();
        self.to_the_end(async move {
            let key = idempotency.map(|idempotency| RequestKey {
                instructor: owner.id.clone(),
                key: idempotency.key,
                body_hash: idempotency.body_hash,
            });
            if let Some(key) = &key
                && let Some((id, body_hash)) = service
                    .inner
                    .store
                    .made_by(key.clone(), OffsetDateTime::now_utc())
                    .await?
            {
                return service.repeated(key, id, body_hash).await;
            }
            service.create(&owner, request, key).await
        })
        .await
    }

    /// The workshop that an earlier request of this key made.
    async fn repeated(
        &self,
        key: &RequestKey,
        id: WorkshopId,
        body_hash: [u8; 32],
    ) -> Result<WorkshopView, Error> {
        if body_hash != key.body_hash {
            return Err(Error::Conflict {
                code: "idempotency_conflict",
                message: "this Idempotency-Key was used with another body: take a new key for a new workshop".to_owned(),
            });
        }
        match self.workshop(id).await {
            Err(Error::NotFound(_)) => Err(Error::Ended),
            answer => answer,
        }
    }

    async fn create(
        &self,
        owner: &Instructor,
        request: CreateWorkshop,
        key: Option<RequestKey>,
    ) -> Result<WorkshopView, Error> {
        let workshop = self.new_workshop(owner, &request)?;
        if workshop.status == WorkshopStatus::Provisioning {
            let new = NewWorkshop {
                workshop: workshop.clone(),
                seats: request.seats,
            };
            match self.claim(new, key.clone(), request.overcommit).await? {
                Claimed::Taken { workshop: id, .. } => return self.workshop(id).await,
                Claimed::Repeat {
                    workshop: id,
                    body_hash,
                } => {
                    let key = key.expect("only a request with a key is a repeat");
                    return self.repeated(&key, id, body_hash).await;
                }
                Claimed::None => {}
            }
        }
        self.inner
            .orchestrator
            .preflight(&workshop.spec)
            .await
            .map_err(|error| Error::Unavailable(error.reason()))?;
        let in_order = self.inner.admitting.lock().await;
        if workshop.status == WorkshopStatus::Provisioning {
            let each = (workshop.spec.resources, workshop.spec.browser);
            self.admit(request.seats, each, request.overcommit).await?;
        }
        let inserted = self.insert(workshop, request.seats, key.clone()).await?;
        drop(in_order);
        let id = match inserted {
            Ok(id) => id,
            // The same request came twice at once, and the other one was first.
            Err((id, body_hash)) => {
                let key = key.expect("only a request with a key is a repeat");
                return self.repeated(&key, id, body_hash).await;
            }
        };
        let view = self.workshop(id).await?;
        for shown in &view.seats {
            self.announce(&shown.seat, view.workshop.ends_at);
        }
        self.inner.orchestrator.wake(id);
        tracing::info!(workshop = %id, seats = request.seats, "workshop created");
        Ok(view)
    }

    fn new_workshop(
        &self,
        owner: &Instructor,
        request: &CreateWorkshop,
    ) -> Result<Workshop, Error> {
        let now = OffsetDateTime::now_utc();
        check_seats("seats", request.seats)?;
        if request
            .ends_at
            .is_some_and(|ends_at| ends_at <= request.starts_at.unwrap_or(now).max(now))
        {
            return Err(Error::invalid(
                "ends_at",
                "the end must be in the future, and after the start",
            ));
        }
        let scheduled = request
            .starts_at
            .is_some_and(|starts_at| starts_at > now + self.inner.schedule.lead);
        let begins = request.starts_at.unwrap_or(now).max(now);
        let ends_by_default = self.inner.default_length.map(|length| begins + length);
        Ok(Workshop {
            spec: WorkshopSpec {
                id: WorkshopId::from_random(random_bytes()),
                image: request
                    .image
                    .as_deref()
                    .map_or(Ok(self.inner.default_image.clone()), input::image)?,
                resources: input::resources(request.resources)?,
                egress: request.egress.clone(),
                browser: request.browser,
            },
            name: input::name("name", &request.name)?,
            kind: WorkshopKind::Class,
            code: JoinCode::from_random(random_bytes()),
            owner: owner.id.clone(),
            status: if scheduled {
                WorkshopStatus::Scheduled
            } else {
                WorkshopStatus::Provisioning
            },
            reason: None,
            env: input::environment(
                request.env.clone(),
                request.api_key.clone(),
                request.api_key_name.clone(),
            )?,
            created_at: now,
            starts_at: request.starts_at,
            ends_at: request.ends_at.or(ends_by_default),
        })
    }

    /// Inserts under the drawn id and code, drawing again while they are taken. The inner error: a
    /// request of this key made that workshop already, of that body.
    async fn insert(
        &self,
        mut workshop: Workshop,
        seats: u16,
        key: Option<RequestKey>,
    ) -> Result<Result<WorkshopId, (WorkshopId, [u8; 32])>, Error> {
        loop {
            let new = NewWorkshop {
                workshop: workshop.clone(),
                seats,
            };
            match self
                .inner
                .store
                .insert_workshop_once(new, key.clone())
                .await?
            {
                Inserted::Stored => return Ok(Ok(workshop.spec.id)),
                Inserted::Repeat {
                    workshop,
                    body_hash,
                } => return Ok(Err((workshop, body_hash))),
                Inserted::Taken => {}
            }
            workshop.spec.id = WorkshopId::from_random(random_bytes());
            workshop.code = JoinCode::from_random(random_bytes());
        }
    }

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
        workshop.ends_at = self.ends_at(&workshop);
        let warning = self.scheduled(&workshop.spec.id).warning;
        let seats = self.inner.store.seats(workshop.spec.id).await?;
        let seats = seats.into_iter().map(|seat| self.seat_view(seat)).collect();
        let progress = self.inner.orchestrator.progress(workshop.spec.id);
        Ok(WorkshopView {
            workshop,
            seats,
            progress,
            warning,
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
        check_seats("count", count)?;
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
