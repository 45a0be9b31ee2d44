//! Images: what one brings and lacks, and one seat made of it to try.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use clarateach_protocol::code::JoinCode;
use clarateach_protocol::id::WorkshopId;
use time::OffsetDateTime;
use tokio::time::{Instant, timeout};

use super::workshops::next_change;
use super::{Error, Overcommit, Service, input, tenancy};
use crate::auth::secret::random_bytes;
use crate::model::{
    BrowserPolicy, EgressPolicy, Reason, Resources, SeatCondition, Secrets, Workshop, WorkshopKind,
    WorkshopSpec, WorkshopStatus,
};
use crate::provider::ImageReport;
use crate::store::NewWorkshop;

/// For the one seat to be ready or given up.
const MAKING_DEADLINE: Duration = Duration::from_secs(180);
/// For it to go again; the orchestrator goes on after that.
const REMOVAL_DEADLINE: Duration = Duration::from_secs(60);

/// What an image is, and what came of a seat that was made of it.
#[derive(Debug, Clone)]
pub struct ImageView {
    /// What it brings and lacks.
    pub report: ImageReport,
    /// Where one was asked for and could be made at all.
    pub tried: Option<TriedSeat>,
}

/// A seat that was made, probed and removed.
#[derive(Debug, Clone)]
pub struct TriedSeat {
    /// From nothing to its end in either way.
    pub took: Duration,
    /// Why it was not ready; `None`: it was, its terminal echoed and its files kept what was written.
    pub failed: Option<Reason>,
}

/// Whether a seat is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Try {
    /// The image is only looked into.
    No,
    /// One seat is made, probed and removed.
    OneSeat,
}

/// Workshops of one seat that somebody tries an image with. They are stored as made ahead: nobody sees
/// them, and the next start removes what a crash left.
#[derive(Default)]
pub(super) struct Trials(Mutex<HashSet<WorkshopId>>);

impl Trials {
    fn lock(&self) -> MutexGuard<'_, HashSet<WorkshopId>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn has(&self, id: &WorkshopId) -> bool {
        self.lock().contains(id)
    }
}

impl Service {
    /// Looks into an image, pulled where it is missing, and makes one seat of it where that is asked for.
    ///
    /// # Errors
    /// [`Error::Invalid`] for what is no image's name, [`Error::Unavailable`] where it can't be had,
    /// [`Error::Conflict`] where not even one seat fits.
    pub async fn check_image(&self, image: &str, wanted: Try) -> Result<ImageView, Error> {
        let image = input::image(image)?;
        let service = self.clone();
        // To its end, so that no seat stays when whoever asked hangs up.
        self.to_the_end(async move {
            let checked = service.inner.orchestrator.check_image(&image).await;
            let report = checked.map_err(|error| Error::Unavailable(error.reason()))?;
            let tried = match wanted {
                Try::OneSeat if report.is_usable() => Some(service.try_one_seat(image).await?),
                Try::OneSeat | Try::No => None,
            };
            Ok(ImageView { report, tried })
        })
        .await
    }

    async fn try_one_seat(&self, image: String) -> Result<TriedSeat, Error> {
        let begin = Instant::now();
        let id = WorkshopId::from_random(random_bytes());
        let workshop = Workshop {
            spec: WorkshopSpec {
                id,
                image,
                resources: Resources::default(),
                egress: EgressPolicy::default(),
                browser: BrowserPolicy::Off,
            },
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
        self.inner.trials.lock().insert(id);
        let outcome = self.make_and_remove(workshop, begin).await;
        self.inner.trials.lock().remove(&id);
        outcome
    }

    async fn make_and_remove(
        &self,
        workshop: Workshop,
        begin: Instant,
    ) -> Result<TriedSeat, Error> {
        let id = workshop.spec.id;
        let store = &self.inner.store;
        let mut changes = self.inner.orchestrator.subscribe();
        {
            let _until_stored = self.inner.admitting.lock().await;
            let each = (workshop.spec.resources, workshop.spec.browser);
            self.admit(1, each, Overcommit::Refuse).await?;
            let new = NewWorkshop { workshop, seats: 1 };
            if !store.insert_workshop(new).await? {
                return Err(Error::Unavailable(Reason::new(
                    "id_taken",
                    "a workshop of that id exists: try again",
                )));
            }
        }
        for seat in store.seats(id).await? {
            let nobodys = tenancy(&seat, None);
            self.inner.directory.set_tenancy(seat.key, nobodys);
        }
        self.inner.orchestrator.wake(id);
        tracing::info!(workshop = %id, "trying one seat of an image");
        let settled = timeout(MAKING_DEADLINE, async {
            loop {
                let status = store.workshop(id).await?.map(|workshop| workshop.status);
                if status != Some(WorkshopStatus::Provisioning) {
                    return Ok::<_, Error>(());
                }
                next_change(&mut changes, id).await;
            }
        });
        let settled = settled.await;
        let seats = store.seats(id).await?;
        let observed = seats.into_iter().next().map(|seat| seat.observed);
        let took = begin.elapsed();
        self.end_standby(id).await?;
        let gone = timeout(REMOVAL_DEADLINE, async {
            while store.workshop(id).await?.is_some_and(|it| {
                it.kind == WorkshopKind::Standby && it.status != WorkshopStatus::Ended
            }) {
                next_change(&mut changes, id).await;
            }
            Ok::<_, Error>(())
        });
        match gone.await {
            Ok(removed) => removed?,
            Err(_) => tracing::warn!(workshop = %id, "a tried seat is still being removed"),
        }
        let failed = match (settled, observed) {
            (Err(_), _) => Some(Reason::new(
                "deadline",
                format!(
                    "the seat was not ready within {} s",
                    MAKING_DEADLINE.as_secs()
                ),
            )),
            (Ok(Err(error)), _) => return Err(error),
            (Ok(Ok(())), Some(seat)) if seat.condition == SeatCondition::Ready => None,
            (Ok(Ok(())), seat) => Some(
                seat.and_then(|seat| seat.reason)
                    .unwrap_or_else(|| Reason::new("no_seat", "the seat could not be made")),
            ),
        };
        Ok(TriedSeat { took, failed })
    }
}
