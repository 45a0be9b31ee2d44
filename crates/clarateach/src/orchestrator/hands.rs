//! The orchestrator's hands: every outward call, each with a deadline, none with a decision.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use clarateach_protocol::id::{Generation, SeatKey, SeatNumber, WorkshopId};
use clarateach_protocol::seat::{BindRequest, Binding};
use clarateach_protocol::token::SigningKey;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::boot::Step;
use super::probe::{self, ProbeError};
use super::seat_client::SeatClient;
use super::settings::Settings;
use crate::model::{Capacity, DesiredWorkshop, Seat, Workshop, WorkshopKind, WorkshopSpec};
use crate::provider::{
    BrowserState, ImageReport, Instance, Progress, Provider, ProviderError, ProviderReport,
    SeatSpec,
};
use crate::store::{Store, StoreError};

/// What outward calls need.
#[derive(Clone)]
pub(super) struct Hands {
    pub(super) provider: Arc<dyn Provider>,
    pub(super) store: Store,
    pub(super) key: Arc<SigningKey>,
    pub(super) settings: Arc<Settings>,
    /// One for each action on a seat that may be under way.
    pub(super) permits: Arc<Semaphore>,
    /// The same for workshops that nobody waits for.
    pub(super) patient_permits: Arc<Semaphore>,
}

/// What came of an outward call.
pub(super) enum Outcome {
    Looked(Result<Look, LookError>),
    Prepared(Result<(), ProviderError>),
    Acted(SeatNumber, Generation, Acted),
    Asked(SeatNumber, String, Result<Option<String>, ProbeError>),
    WorkshopDestroyed(Result<(), RemovalError>),
}

/// What came of an action on a seat.
pub(super) enum Acted {
    Created(Result<Instance, ProviderError>),
    Stopped(Result<(), ProviderError>),
    BrowserSet(Result<Instance, ProviderError>),
    Probed(Answer),
    Bound(Answer),
    Destroyed(Result<(), ProviderError>),
    Discarded(Result<(), ProviderError>),
}

/// What a seat answered to a probe or a binding.
pub(super) struct Answer {
    pub(super) incarnation: String,
    pub(super) digest: String,
    pub(super) result: Result<(), ProbeError>,
}

/// What should be, what is, and what was said of it before, at one time.
pub(super) struct Look {
    pub(super) desired: Option<DesiredWorkshop>,
    pub(super) instances: Vec<Instance>,
    pub(super) told: Told,
}

/// What the store says of a workshop and its seats: this process or one before it told it so.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) workshop: Option<Workshop>,
    pub(super) seats: Vec<Seat>,
}

/// Whose word counts for what was before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Memory {
    /// The loop's own.
    Own,
    /// The store's: the loop has none yet.
    Stored,
}

/// Why nothing could be seen.
#[derive(Debug, thiserror::Error)]
pub(super) enum LookError {
    #[error(transparent)]
    Store(#[from] StoreError),
    /// With what the store says all the same.
    #[error("{0}")]
    Blind(ProviderError, Box<(Option<DesiredWorkshop>, Told)>),
    #[error("the store took longer than {} s", .0.as_secs())]
    StoreDeadline(Duration),
}

/// Why a workshop could not be removed.
#[derive(Debug, thiserror::Error)]
pub(super) enum RemovalError {
    #[error(transparent)]
    Provider(#[from] ProviderError),
    #[error("something of the workshop is left after its removal")]
    Leftover,
    #[error(transparent)]
    Store(#[from] LookError),
}

impl Hands {
    /// Hands that leave the others room, where nobody waits for the workshop.
    pub(super) fn of(&self, kind: WorkshopKind) -> Self {
        let mut hands = self.clone();
        if kind == WorkshopKind::Standby {
            hands.permits = Arc::clone(&self.patient_permits);
        }
        hands
    }

    /// Everything that the store or the provider know of.
    ///
    /// The provider is asked first: what it has by then, the store knew before.
    pub(super) async fn sweep(&self) -> Result<Vec<WorkshopId>, LookError> {
        let after = self.settings.deadlines.look;
        let there = within("listing workshops", after, self.provider.list_workshops()).await;
        let desired = self.read(self.store.desired_all()).await?;
        let mut found: Vec<_> = desired.iter().map(|workshop| workshop.spec.id).collect();
        match there {
            Ok(there) => found.extend(there),
            // What should exist can still be worked on, once the engine answers.
            Err(error) => tracing::warn!(%error, "cannot look for workshops left behind"),
        }
        found.sort_unstable();
        found.dedup();
        Ok(found)
    }

    pub(super) async fn preflight(&self, workshop: &WorkshopSpec) -> Result<(), ProviderError> {
        let after = self.settings.deadlines.check;
        within(
            "checking the workshop",
            after,
            self.provider.preflight(workshop),
        )
        .await
    }

    pub(super) async fn check_image(&self, image: &str) -> Result<ImageReport, ProviderError> {
        let after = self.settings.deadlines.prepare;
        let silent = Progress::silent();
        let call = self.provider.check_image(image, &silent);
        within("looking into the image", after, call).await
    }

    pub(super) async fn check(&self) -> Result<ProviderReport, ProviderError> {
        let after = self.settings.deadlines.check;
        within("checking the provider", after, self.provider.check()).await
    }

    pub(super) async fn capacity(&self) -> Result<Option<Capacity>, ProviderError> {
        let after = self.settings.deadlines.check;
        within("looking how much fits", after, self.provider.capacity()).await
    }

    /// What should be and what is of one workshop; what was told of it where that is asked for.
    pub(super) async fn look(
        &self,
        workshop: WorkshopId,
        memory: Memory,
    ) -> Result<Look, LookError> {
        let after = self.settings.deadlines.look;
        let instances = within("listing seats", after, self.provider.list(Some(&workshop)));
        let instances = instances.await;
        let desired = self.read(self.store.desired(&workshop)).await?;
        let told = match memory {
            Memory::Own => Told::default(),
            Memory::Stored => Told {
                workshop: self.read(self.store.workshop(workshop)).await?,
                seats: self.read(self.store.seats(workshop)).await?,
            },
        };
        match instances {
            Ok(instances) => Ok(Look {
                desired,
                instances,
                told,
            }),
            Err(error) => Err(LookError::Blind(error, Box::new((desired, told)))),
        }
    }

    pub(super) async fn prepare(
        &self,
        spec: &WorkshopSpec,
        progress: &Progress,
    ) -> Result<(), ProviderError> {
        let after = self.settings.deadlines.prepare;
        let call = self.provider.prepare(spec, progress);
        within("preparing the workshop", after, call).await
    }

    pub(super) async fn create(&self, spec: &SeatSpec, progress: &Progress) -> Acted {
        let _permit = self.permits.acquire().await;
        let after = self.settings.deadlines.create;
        let call = self.provider.create_telling(spec, progress);
        Acted::Created(within("creating the seat", after, call).await)
    }

    pub(super) async fn stop(&self, seat: &SeatKey) -> Acted {
        let _permit = self.permits.acquire().await;
        let after = self.settings.deadlines.stop;
        Acted::Stopped(within("stopping the seat", after, self.provider.stop(seat)).await)
    }

    pub(super) async fn set_browser(&self, seat: &SeatKey, want: BrowserState) -> Acted {
        let _permit = self.permits.acquire().await;
        let after = self.settings.deadlines.create;
        let call = self.provider.set_browser(seat, want);
        Acted::BrowserSet(within("changing the browser", after, call).await)
    }

    pub(super) async fn destroy(&self, seat: &SeatKey) -> Acted {
        let _permit = self.permits.acquire().await;
        let after = self.settings.deadlines.destroy;
        Acted::Destroyed(within("removing the seat", after, self.provider.destroy(seat)).await)
    }

    pub(super) async fn retire(&self, seat: &SeatKey, keep: &BTreeSet<Generation>) -> Acted {
        let _permit = self.permits.acquire().await;
        let after = self.settings.deadlines.destroy;
        let call = self.provider.retire(seat, keep);
        Acted::Destroyed(within("removing the seat", after, call).await)
    }

    pub(super) async fn discard(&self, seat: &SeatKey, keep: &BTreeSet<Generation>) -> Acted {
        let after = self.settings.deadlines.destroy;
        let call = self.provider.discard(seat, keep);
        Acted::Discarded(within("removing what was kept of the seat", after, call).await)
    }

    pub(super) async fn probe(
        &self,
        instance: Instance,
        binding: Binding,
        step: impl Fn(Step) + Send,
    ) -> Acted {
        let _permit = self.permits.acquire().await;
        step(Step::Probe);
        let deadlines = &self.settings.deadlines;
        let client = SeatClient::new(Arc::clone(&self.key), &instance, deadlines.probe_step);
        let request = bind_request(binding);
        let answered = || step(Step::Bind);
        let result = probe::probe(&client, &request, deadlines.first_answer, answered).await;
        Acted::Probed(Answer {
            incarnation: instance.incarnation,
            digest: request.digest,
            result,
        })
    }

    pub(super) async fn bind(&self, instance: Instance, binding: Binding) -> Acted {
        let after = self.settings.deadlines.probe_step;
        let client = SeatClient::new(Arc::clone(&self.key), &instance, after);
        let request = bind_request(binding);
        let result = probe::bind(&client, &request).await;
        Acted::Bound(Answer {
            incarnation: instance.incarnation,
            digest: request.digest,
            result,
        })
    }

    /// Asks a ready seat for its health.
    pub(super) async fn ask(&self, instance: &Instance) -> Result<Option<String>, ProbeError> {
        let after = self.settings.health.deadline;
        probe::ask(&SeatClient::new(Arc::clone(&self.key), instance, after)).await
    }

    /// Removes a workshop and makes sure that nothing is left.
    pub(super) async fn destroy_workshop(&self, workshop: WorkshopId) -> Result<(), RemovalError> {
        let deadlines = &self.settings.deadlines;
        let call = self.provider.destroy_workshop(&workshop);
        within("removing the workshop", deadlines.destroy_workshop, call).await?;
        let left = self.provider.list_workshops();
        let left = within("listing workshops", deadlines.look, left).await?;
        if left.contains(&workshop) {
            return Err(RemovalError::Leftover);
        }
        Ok(())
    }

    /// A call to the store, with a deadline.
    pub(super) async fn read<T>(
        &self,
        call: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, LookError> {
        let after = self.settings.deadlines.look;
        let answer = timeout(after, call).await;
        Ok(answer.map_err(|_| LookError::StoreDeadline(after))??)
    }
}

fn bind_request(binding: Binding) -> BindRequest {
    BindRequest {
        digest: binding.digest(),
        binding,
    }
}

async fn within<T>(
    operation: &'static str,
    after: Duration,
    call: impl Future<Output = Result<T, ProviderError>>,
) -> Result<T, ProviderError> {
    timeout(after, call).await.unwrap_or_else(|_| {
        Err(ProviderError::Deadline {
            operation: operation.to_owned(),
            after,
        })
    })
}
