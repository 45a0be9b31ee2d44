//! Admission: what this machine can hold, as the API, `doctor` and creating workshops know it.
//!
//! Every seat counts with all that its limits allow, used or not ([`Amounts::of`]): nothing inside its own
//! limits is ended for another. More than fits needs an explicit yes.

use clarateach_protocol::id::WorkshopId;

use super::{Error, Service, StandbyView, WorkshopView};
use crate::model::{Amounts, BrowserPolicy, Capacity, Resources, WorkshopKind, WorkshopStatus};

/// What to do with seats that don't fit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Overcommit {
    /// Refuse them, with the arithmetic.
    #[default]
    Refuse,
    /// Make them all the same.
    Allow,
}

/// What the machine holds and could hold.
#[derive(Debug, Clone)]
pub struct CapacityView {
    /// For seats in all; `None` where nothing limits them.
    pub machine: Option<Capacity>,
    /// Taken by workshops.
    pub taken: Amounts,
    /// How many seats of the default size fit beside those.
    pub seats_left: Option<u64>,
    /// How many more work as long as no class uses more than a quarter of its limits.
    pub seats_left_sharing: Option<u64>,
    /// What workshops may take of the machine, in percent; above 100 their seats share.
    pub promised_percent: Option<u64>,
    /// Workshops made ahead: they make room when it is asked for.
    pub standby: Vec<StandbyView>,
}

impl Service {
    /// What the machine holds and could hold.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the provider can't tell.
    pub async fn capacity(&self) -> Result<CapacityView, Error> {
        let machine = self.machine().await?;
        let taken = self.inner.store.taken(WorkshopKind::Class).await?;
        let left = |machine: Capacity| machine.seats_left(taken, Resources::default());
        let each = (Resources::default(), BrowserPolicy::Off);
        Ok(CapacityView {
            seats_left: machine.map(left),
            seats_left_sharing: machine.map(|it| it.seats_left_sharing(taken, each)),
            promised_percent: machine.map(|it| it.promised_percent(taken)),
            machine,
            taken,
            standby: self.standby().await?,
        })
    }

    /// Whether so many seats more fit, or were asked for although they don't.
    pub(super) async fn admit(
        &self,
        seats: u16,
        (each, browser): (Resources, BrowserPolicy),
        overcommit: Overcommit,
    ) -> Result<(), Error> {
        let allowed = [overcommit, self.inner.overcommit].contains(&Overcommit::Allow);
        if allowed {
            return Ok(());
        }
        let Some(machine) = self.machine().await? else {
            return Ok(());
        };
        let taken = self.inner.store.taken(WorkshopKind::Class).await?;
        let more = Amounts::with_browsers(u64::from(seats), each, browser);
        if machine.admits(taken, more) {
            return Ok(());
        }
        let left = machine.seats_left_with(taken, (each, browser));
        let sharing = machine.seats_left_sharing(taken, (each, browser));
        Err(Error::Conflict {
            code: "overcommit",
            message: format!(
                "{seats} more seats need {more}; this machine has {} for seats, and those that are there need {taken}: {left} more fit for certain. Take fewer seats or smaller limits, end a workshop, or say that it may be overcommitted: as long as seats use a quarter of their limits {sharing} more fit, and when memory runs out the kernel ends programs in the seats that use most",
                machine.for_seats
            ),
        })
    }

    /// Has a scheduled workshop made although it doesn't fit, or didn't when its time came. Of one that is
    /// made already there is nothing left to allow.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Ended`].
    pub async fn allow_overcommit(&self, id: WorkshopId) -> Result<WorkshopView, Error> {
        let service = self.clone();
        self.to_the_end(async move {
            let workshop = service.workshop(id).await?.workshop;
            match workshop.status {
                WorkshopStatus::Ending | WorkshopStatus::Ended => return Err(Error::Ended),
                WorkshopStatus::Scheduled => {}
                _ => return service.workshop(id).await,
            }
            service.inner.store.allow_overcommit(id).await?;
            tracing::info!(workshop = %id, "the workshop may be overcommitted");
            // The schedule sees it at its next look, in a second.
            service.workshop(id).await
        })
        .await
    }

    /// Whether a workshop for later could be made on this machine if it had nothing else to do.
    pub(super) async fn admit_later(
        &self,
        seats: u16,
        (each, browser): (Resources, BrowserPolicy),
        overcommit: Overcommit,
    ) -> Result<(), Error> {
        if [overcommit, self.inner.overcommit].contains(&Overcommit::Allow) {
            return Ok(());
        }
        let Some(machine) = self.machine().await? else {
            return Ok(());
        };
        let more = Amounts::with_browsers(u64::from(seats), each, browser);
        if machine.admits(Amounts::default(), more) {
            return Ok(());
        }
        let fit = machine.seats_left_with(Amounts::default(), (each, browser));
        Err(Error::Conflict {
            code: "overcommit",
            message: format!(
                "{seats} seats need {more}; this machine has {} for seats: {fit} fit for certain, even with nothing else on it. Take fewer seats or smaller limits, or say that it may be overcommitted",
                machine.for_seats
            ),
        })
    }

    /// Whether a workshop made ahead fits beside everything else.
    pub(super) async fn has_room_ahead(&self, seats: u16) -> Result<bool, Error> {
        let Some(machine) = self.machine().await? else {
            return Ok(true);
        };
        let store = &self.inner.store;
        let taken = [
            store.taken(WorkshopKind::Class).await?,
            store.taken(WorkshopKind::Standby).await?,
        ];
        let more = Amounts::of(u64::from(seats), Resources::default());
        Ok(machine.admits(taken.into_iter().sum(), more))
    }

    pub(super) async fn machine(&self) -> Result<Option<Capacity>, Error> {
        let machine = self.inner.orchestrator.capacity().await;
        machine.map_err(|error| Error::Unavailable(error.reason()))
    }
}
