//! The clock: workshops that begin to be made before they start, are warned of their end, and end when
//! they should; disks that are kept no longer. What is decided about ends is in `schedule/ends.rs`.

mod ends;

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use clarateach_protocol::id::WorkshopId;
use time::OffsetDateTime;
use tokio_util::sync::CancellationToken;

use self::ends::{Deed, Ends};
use super::{Error, Overcommit, Service, WorkshopView};
use crate::model::{EndCause, EndWarning, Reason, Workshop, WorkshopStatus};

/// How often the clock is looked at.
const TICK: Duration = Duration::from_secs(1);

/// What the schedule says of a workshop beside its stored times.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Scheduled {
    /// It ends then, and not when is stored: the clock jumped.
    pub(super) postponed_to: Option<OffsetDateTime>,
    /// Its end is near.
    pub(super) warning: Option<EndWarning>,
}

/// [`Scheduled`] by workshop.
#[derive(Default)]
pub(super) struct Table(Mutex<HashMap<WorkshopId, Scheduled>>);

impl Table {
    fn lock(&self) -> MutexGuard<'_, HashMap<WorkshopId, Scheduled>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A new end of a workshop.
#[derive(Debug, Clone, Copy)]
pub enum NewEnd {
    /// Then.
    At(OffsetDateTime),
    /// So much later than it would; from now on where it has no end.
    Later(Duration),
}

impl Service {
    /// Starts, warns of and ends workshops when they are due, until `stop`.
    pub async fn keep_schedule(self, stop: CancellationToken) {
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut ends = Ends::new(self.inner.schedule);
        let mut undone = Vec::new();
        while stop.run_until_cancelled(ticks.tick()).await.is_some() {
            if let Err(error) = self.look_at_the_clock(&mut ends, &mut undone).await {
                tracing::error!(%error, "cannot look for workshops that start or end");
            }
        }
    }

    /// What can't be done for one workshop keeps no other waiting, and is tried again.
    async fn look_at_the_clock(
        &self,
        ends: &mut Ends,
        undone: &mut Vec<Deed>,
    ) -> Result<(), Error> {
        let (wall, now) = (OffsetDateTime::now_utc(), Instant::now());
        let store = &self.inner.store;
        for (id, overcommit) in store
            .workshops_to_start(wall + self.inner.schedule.lead)
            .await?
        {
            let overcommit = if overcommit {
                Overcommit::Allow
            } else {
                Overcommit::Refuse
            };
            if let Err(error) = self.start_scheduled(id, overcommit).await {
                tracing::error!(workshop = %id, %error, "cannot start a scheduled workshop; trying again");
            }
        }
        let stored = store.ends().await?;
        let idle = self.inner.idle.ends(now);
        let called_for = ends.look((wall, now), &stored, &idle);
        let deeds: Vec<_> = undone.drain(..).chain(called_for).collect();
        for deed in deeds {
            if let Err(error) = self.follow(&deed).await {
                tracing::error!(?deed, %error, "cannot do what the schedule calls for; trying again");
                // An end is called for at every look.
                undone.extend(Some(deed).filter(|it| !matches!(it, Deed::End(..))));
            }
        }
        if !ends.is_doubtful(now) {
            for id in store.forget_kept(wall).await? {
                self.inner.orchestrator.wake(id);
            }
        }
        Ok(())
    }

    /// Has a scheduled workshop made, if it fits now; else says why not, and it is tried again.
    async fn start_scheduled(&self, id: WorkshopId, overcommit: Overcommit) -> Result<(), Error> {
        let store = &self.inner.store;
        let Some(workshop) = store.workshop(id).await? else {
            return Ok(());
        };
        let seats = u16::try_from(store.seats(id).await?.len()).unwrap_or(u16::MAX);
        let _until_stored = self.inner.admitting.lock().await;
        let each = (workshop.spec.resources, workshop.spec.browser);
        let reason = match self.admit(seats, each, overcommit).await {
            Ok(()) => None,
            Err(Error::Conflict { code, message }) => Some(Reason::new(
                code,
                format!("its seats can't be made yet, and are as soon as they fit: {message}"),
            )),
            Err(Error::Unavailable(reason)) => Some(reason),
            Err(error) => return Err(error),
        };
        let status = match &reason {
            None => WorkshopStatus::Provisioning,
            Some(_) => WorkshopStatus::Scheduled,
        };
        if (status, &reason) == (workshop.status, &workshop.reason) {
            return Ok(());
        }
        if let Some(reason) = &reason {
            tracing::warn!(workshop = %id, reason = reason.message, "a scheduled workshop has to wait");
        }
        store.set_workshop_status(id, status, reason).await?;
        self.inner.orchestrator.wake(id);
        Ok(())
    }

    async fn follow(&self, deed: &Deed) -> Result<(), Error> {
        let id = match *deed {
            Deed::End(id, cause) => {
                if cause == EndCause::Idle {
                    tracing::info!(workshop = %id, "nobody used the workshop for as long as it allows: it ends");
                }
                self.end_workshop(id).await?;
                self.forget_schedule(id);
                return Ok(());
            }
            Deed::Forget(id) => {
                self.forget_schedule(id);
                return Ok(());
            }
            Deed::Postpone(id, at) => {
                self.note(id, |it| it.postponed_to = Some(at));
                self.inner.directory.set_ends_at(id, Some(at));
                id
            }
            Deed::Restore(id) => {
                self.note(id, |it| it.postponed_to = None);
                let _in_order = self.inner.locking.lock().await;
                if let Some(workshop) = self.inner.store.workshop(id).await? {
                    self.inner.directory.set_ends_at(id, workshop.ends_at);
                }
                id
            }
            Deed::Warn(id, warning) => {
                self.note(id, |it| it.warning = warning);
                let idle = warning.filter(|it| it.cause == EndCause::Idle);
                let idle_ends_at = idle.map(|it| it.ends_at);
                self.inner.directory.set_idle_ends_at(id, idle_ends_at);
                id
            }
        };
        self.inner.orchestrator.wake(id);
        Ok(())
    }

    fn note(&self, id: WorkshopId, change: impl FnOnce(&mut Scheduled)) {
        change(self.inner.scheduled.lock().entry(id).or_default());
    }

    fn forget_schedule(&self, id: WorkshopId) {
        self.inner.scheduled.lock().remove(&id);
    }

    /// What the schedule says of a workshop beside its stored times.
    pub(super) fn scheduled(&self, id: &WorkshopId) -> Scheduled {
        self.inner
            .scheduled
            .lock()
            .get(id)
            .copied()
            .unwrap_or_default()
    }

    /// When a workshop ends by itself, as people are told: sooner than it would where it is about to end
    /// because nobody uses it.
    pub(super) fn shown_end(&self, workshop: &Workshop) -> Option<OffsetDateTime> {
        let warning = self.scheduled(&workshop.spec.id).warning;
        let idle = warning.filter(|it| it.cause == EndCause::Idle);
        let ends = [self.ends_at(workshop), idle.map(|it| it.ends_at)];
        ends.into_iter().flatten().min()
    }

    /// When a workshop ends by its time.
    pub(super) fn ends_at(&self, workshop: &Workshop) -> Option<OffsetDateTime> {
        let postponed_to = self.scheduled(&workshop.spec.id).postponed_to;
        postponed_to.or(workshop.ends_at)
    }

    /// Sets when a workshop ends, sooner or later than it would. Until then it is kept, used or not. One
    /// that is about to end because nobody uses it is kept for so much longer, and its own end stays
    /// unless that is later.
    ///
    /// # Errors
    /// [`Error::Invalid`] for an end that is past or before the start, [`Error::Ended`],
    /// [`Error::NotFound`].
    pub async fn set_end(&self, id: WorkshopId, end: NewEnd) -> Result<WorkshopView, Error> {
        let service = self.clone();
        self.to_the_end(async move {
            let inner = &service.inner;
            let _in_order = inner.locking.lock().await;
            let stored = service.class(id).await?;
            let stored = stored.filter(|it| it.status != WorkshopStatus::Ended);
            let workshop = stored.ok_or(Error::NotFound("workshop"))?;
            let now = OffsetDateTime::now_utc();
            let idle = inner.idle.view(&workshop).and_then(|it| it.ends_at);
            let own = service.ends_at(&workshop);
            let idle = idle.filter(|idle| own.is_none_or(|own| *idle < own));
            let kept_until = match end {
                NewEnd::At(at) => at,
                NewEnd::Later(by) => idle.or(own).unwrap_or(now).max(now) + by,
            };
            let is_own = match end {
                NewEnd::At(_) => true,
                NewEnd::Later(_) => idle.is_none() || own.is_some_and(|own| own < kept_until),
            };
            if kept_until <= workshop.starts_at.unwrap_or(now).max(now) {
                return Err(Error::invalid(
                    "ends_at",
                    "the end must be in the future, and after the start",
                ));
            }
            let ends_at = is_own.then_some(kept_until);
            if !inner.store.set_end(id, ends_at, kept_until).await? {
                return Err(Error::Ended);
            }
            inner.idle.use_now(&id);
            service.note(id, |it| {
                it.warning.take_if(|it| it.cause == EndCause::Idle);
                if is_own {
                    it.postponed_to = None;
                }
            });
            inner.directory.set_idle_ends_at(id, None);
            if is_own {
                inner.directory.set_ends_at(id, ends_at);
            }
            inner.orchestrator.wake(id);
            tracing::info!(workshop = %id, %kept_until, "workshop's end set");
            service.workshop(id).await
        })
        .await
    }

    /// Ends every workshop; waits until nothing of them is left.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn delete_all(&self) -> Result<(), Error> {
        let ids = self.end_all().await?;
        for id in ids {
            self.delete_workshop(id).await?;
        }
        Ok(())
    }

    /// Marks every workshop for removal, and answers at once.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn end_all(&self) -> Result<BTreeSet<WorkshopId>, Error> {
        let mut ended = BTreeSet::new();
        for view in self.workshops().await? {
            let id = view.workshop.spec.id;
            self.end_workshop(id).await?;
            ended.insert(id);
        }
        Ok(ended)
    }
}
