//! Making a workshop: what may be asked for, stored once however often it is asked.

use std::collections::BTreeMap;
use std::time::Duration;

use clarateach_protocol::code::JoinCode;
use clarateach_protocol::id::WorkshopId;
use time::OffsetDateTime;

use super::super::{Error, Overcommit, Service, input};
use super::{WorkshopView, check_seats};
use crate::auth::secret::random_bytes;
use crate::model::{
    BrowserPolicy, EgressPolicy, Instructor, LONGEST_IDLE, Resources, SHORTEST_IDLE, Workshop,
    WorkshopKind, WorkshopSpec, WorkshopStatus,
};
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
    /// What to do when nobody uses it.
    pub idle: IdleWish,
    /// What to do where it doesn't fit.
    pub overcommit: Overcommit,
}

/// What an instructor says of a workshop that nobody uses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum IdleWish {
    /// As it is configured.
    #[default]
    Default,
    /// It ends after this.
    EndAfter(Duration),
    /// Nothing.
    Keep,
}

/// What tells a repeat of a request from a second one.
#[derive(Debug, Clone)]
pub struct Idempotency {
    /// Made by the client; each instructor's keys are their own.
    pub key: String,
    /// SHA-256 of the body.
    pub body_hash: [u8; 32],
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
        let each = (workshop.spec.resources, workshop.spec.browser);
        let is_later = workshop.status == WorkshopStatus::Scheduled;
        if is_later {
            // It is admitted when it is made.
            self.admit_later(request.seats, each, request.overcommit)
                .await?;
        } else {
            self.admit(request.seats, each, request.overcommit).await?;
        }
        let inserted = self.insert(workshop, request.seats, key.clone()).await?;
        if let (Ok(id), true, Overcommit::Allow) = (&inserted, is_later, request.overcommit) {
            self.inner.store.allow_overcommit(*id).await?;
        }
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
            idle_after: self.idle_after(request.idle)?,
            kept_until: request.ends_at.or(request.starts_at),
        })
    }

    fn idle_after(&self, wish: IdleWish) -> Result<Option<Duration>, Error> {
        match wish {
            IdleWish::Default => Ok(self.inner.default_idle_after),
            IdleWish::Keep => Ok(None),
            IdleWish::EndAfter(time) if (SHORTEST_IDLE..=LONGEST_IDLE).contains(&time) => {
                Ok(Some(time))
            }
            IdleWish::EndAfter(_) => Err(Error::invalid(
                "idle_after_minutes",
                format!(
                    "nobody may use a workshop for {} to {} minutes until it ends; 0: it never ends for that",
                    SHORTEST_IDLE.as_secs() / 60,
                    LONGEST_IDLE.as_secs() / 60
                ),
            )),
        }
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
}
