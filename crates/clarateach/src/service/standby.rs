//! Workshops made ahead, with exactly the configured defaults, so that one is there when it is asked for.
//!
//! What should be ready is configured; what is ready is in the store. [`Service::keep_standby`] makes
//! the difference, one at a time and only while nobody waits for a workshop of their own.

use std::collections::HashMap;
use std::time::Duration;

use clarateach_protocol::code::JoinCode;
use clarateach_protocol::id::{SeatKey, SeatNumber, WorkshopId};
use clarateach_protocol::seat::Binding;
use time::OffsetDateTime;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use super::workshops::next_change;
use super::{Error, Overcommit, Service, tenancy};
use crate::auth::secret::random_bytes;
use crate::model::{
    AtStop, BrowserPolicy, EgressPolicy, Resources, Secrets, StandbyPlan, Workshop, WorkshopKind,
    WorkshopSpec, WorkshopStatus,
};
use crate::store::{Claimed, NewWorkshop, RequestKey};

/// Between two looks that nothing called for.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// From a change to the look that it calls for.
const GATHER_FOR: Duration = Duration::from_millis(250);
/// Before another is made after one failed.
const AFTER_FAILURE: Duration = Duration::from_secs(60);
/// For a claimed workshop's seats to get their environment; after that they get it when they can.
const BINDING_DEADLINE: Duration = Duration::from_secs(3);
/// For all of them to go when the server stops.
const DRAIN_DEADLINE: Duration = Duration::from_secs(120);

/// A workshop made ahead, as shown to operators.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StandbyView {
    /// Which.
    pub id: WorkshopId,
    /// How many seats it has.
    pub seats: u16,
    /// Where it is in its life.
    pub status: WorkshopStatus,
}

impl Service {
    /// Gives out a standby workshop that is like `new`, if there is one and it fits.
    pub(super) async fn claim(
        &self,
        new: NewWorkshop,
        key: Option<RequestKey>,
        overcommit: Overcommit,
    ) -> Result<Claimed, Error> {
        let (seats, env) = (new.seats, new.workshop.env.clone());
        let ends_at = new.workshop.ends_at;
        let in_order = self.inner.admitting.lock().await;
        self.admit(
            seats,
            (new.workshop.spec.resources, new.workshop.spec.browser),
            overcommit,
        )
        .await?;
        let claimed = self.inner.store.claim_standby(new, key).await?;
        drop(in_order);
        if let Claimed::Taken {
            workshop: id,
            seats_before,
        } = claimed
        {
            self.inner.directory.set_ends_at(id, ends_at);
            for number in (seats + 1..=seats_before).filter_map(|it| SeatNumber::new(it).ok()) {
                let key = SeatKey {
                    workshop: id,
                    seat: number,
                };
                self.inner.directory.remove_seat(&key);
            }
            self.until_bound(id, seats, env).await;
            tracing::info!(workshop = %id, seats, "standby workshop claimed");
        }
        Ok(claimed)
    }

    /// Has the seats bound to what their workshop wants, and waits for it.
    async fn until_bound(&self, id: WorkshopId, seats: u16, env: Secrets) {
        let binding = Binding {
            learner: None,
            env: env.0,
            files: Vec::new(),
        };
        let digest = binding.digest();
        let orchestrator = &self.inner.orchestrator;
        let mut changes = orchestrator.subscribe();
        orchestrator.wake(id);
        let bound = async {
            while !orchestrator.is_bound(id, seats, &digest) {
                next_change(&mut changes, id).await;
            }
        };
        if timeout(BINDING_DEADLINE, bound).await.is_err() {
            tracing::warn!(workshop = %id, "seats of a claimed workshop were not bound in time");
        }
    }

    /// Keeps as many workshops ready as are configured, until `stop`.
    pub async fn keep_standby(self, stop: CancellationToken) {
        let mut changes = self.inner.orchestrator.subscribe();
        let mut not_before = Instant::now();
        loop {
            match self.refill(&mut not_before).await {
                Ok(()) => {}
                Err(error) => tracing::error!(%error, "cannot make workshops ahead; trying again"),
            }
            let none_wanted = self.inner.standby.plans.is_empty();
            if none_wanted && self.standby().await.is_ok_and(|left| left.is_empty()) {
                return stop.cancelled().await;
            }
            let next = async {
                let changed = timeout(LOOK_EVERY, changes.recv()).await;
                if matches!(changed, Ok(Err(RecvError::Closed))) {
                    std::future::pending::<()>().await;
                }
                // Changes come in bursts, and nobody waits for this.
                tokio::time::sleep(GATHER_FOR).await;
            };
            if stop.run_until_cancelled(next).await.is_none() {
                break;
            }
        }
        if self.inner.standby.at_stop == AtStop::Drain {
            self.drain().await;
        }
    }

    /// One step towards what is configured.
    async fn refill(&self, not_before: &mut Instant) -> Result<(), Error> {
        let store = &self.inner.store;
        let all = store.all_workshops().await?;
        let is_busy = |it: &&Workshop| it.status == WorkshopStatus::Provisioning;
        let (there, classes): (Vec<_>, Vec<_>) = all
            .iter()
            .partition(|workshop| workshop.kind == WorkshopKind::Standby);
        let mut missing: HashMap<u16, u16> = HashMap::new();
        for StandbyPlan { seats, workshops } in &self.inner.standby.plans {
            *missing.entry(*seats).or_default() += workshops;
        }
        let mut making = false;
        for workshop in there
            .iter()
            .filter(|it| it.status != WorkshopStatus::Ending && !self.inner.trials.has(&it.spec.id))
        {
            let id = workshop.spec.id;
            let seats = u16::try_from(store.seats(id).await?.len()).unwrap_or(0);
            let wanted = missing.get_mut(&seats).filter(|count| **count > 0);
            let is_good =
                workshop.spec == self.standby_spec(id) && workshop.status != WorkshopStatus::Failed;
            match wanted.filter(|_| is_good) {
                Some(count) => *count -= 1,
                None => {
                    if workshop.status == WorkshopStatus::Failed {
                        *not_before = Instant::now() + AFTER_FAILURE;
                    }
                    self.end_standby(id).await?;
                }
            }
            making |= is_busy(workshop);
        }
        let next = missing.into_iter().filter(|(_, count)| *count > 0);
        let Some((seats, _)) = next.min() else {
            return Ok(());
        };
        if making || classes.iter().any(is_busy) || Instant::now() < *not_before {
            return Ok(());
        }
        if !self.has_room_ahead(seats).await? {
            tracing::debug!(seats, "no room for a workshop made ahead");
            return Ok(());
        }
        self.make_standby(seats).await
    }

    /// What a workshop is like that says nothing but its name and how many seats.
    fn standby_spec(&self, id: WorkshopId) -> WorkshopSpec {
        WorkshopSpec {
            id,
            image: self.inner.default_image.clone(),
            resources: Resources::default(),
            egress: EgressPolicy::default(),
            browser: BrowserPolicy::default(),
        }
    }

    async fn make_standby(&self, seats: u16) -> Result<(), Error> {
        let id = WorkshopId::from_random(random_bytes());
        let workshop = Workshop {
            spec: self.standby_spec(id),
            name: String::new(),
            kind: WorkshopKind::Standby,
            code: JoinCode::from_random(random_bytes()),
            owner: String::new(),
            status: WorkshopStatus::Provisioning,
            reason: None,
            env: Secrets::default(),
            created_at: OffsetDateTime::now_utc(),
            starts_at: None,
            ends_at: None,
            idle_after: None,
            kept_until: None,
        };
        let new = NewWorkshop { workshop, seats };
        // An id that is taken: another is drawn at the next look.
        if self.inner.store.insert_workshop(new).await? {
            for seat in self.inner.store.seats(id).await? {
                let nobodys = tenancy(&seat, None);
                self.inner.directory.set_tenancy(seat.key, nobodys);
            }
            self.inner.orchestrator.wake(id);
            tracing::info!(workshop = %id, seats, "making a workshop ahead");
        }
        Ok(())
    }

    pub(super) async fn end_standby(&self, id: WorkshopId) -> Result<(), Error> {
        if self.inner.store.end_standby(id).await? {
            self.inner.directory.remove_workshop(&id);
            self.inner.orchestrator.wake(id);
        }
        Ok(())
    }

    /// Removes every workshop that nobody claimed, and waits for it.
    async fn drain(&self) {
        let drained = timeout(DRAIN_DEADLINE, async {
            let mut changes = self.inner.orchestrator.subscribe();
            loop {
                let left = self.standby().await?;
                let Some(next) = left.first() else {
                    return Ok::<_, Error>(());
                };
                for it in &left {
                    self.end_standby(it.id).await?;
                }
                next_change(&mut changes, next.id).await;
            }
        });
        match drained.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(%error, "cannot remove the workshops made ahead"),
            Err(_) => tracing::warn!("workshops made ahead are left; the next start removes them"),
        }
    }

    /// Workshops that nobody claimed yet.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn standby(&self) -> Result<Vec<StandbyView>, Error> {
        let mut all = self.inner.store.all_workshops().await?;
        all.retain(|workshop| {
            workshop.kind == WorkshopKind::Standby && !self.inner.trials.has(&workshop.spec.id)
        });
        let mut views = Vec::new();
        for workshop in all {
            let seats = self.inner.store.seats(workshop.spec.id).await?.len();
            views.push(StandbyView {
                id: workshop.spec.id,
                seats: u16::try_from(seats).unwrap_or(u16::MAX),
                status: workshop.status,
            });
        }
        Ok(views)
    }
}
