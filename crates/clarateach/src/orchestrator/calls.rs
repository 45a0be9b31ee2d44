//! Every call to a provider or a seat, each with a deadline, none with a decision. Knows no store.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use clarateach_protocol::id::{Generation, SeatKey, WorkshopId};
use clarateach_protocol::seat::{BindRequest, Binding};
use clarateach_protocol::token::SigningKey;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::boot::Step;
use super::hands::{Answer, RemovalError};
use super::probe::browser::{self, BrowserError};
use super::probe::{self, ProbeError};
use super::seat_client::SeatClient;
use super::settings::Settings;
use crate::browser::BrowserDoor;
use crate::model::{Capacity, WorkshopSpec};
use crate::provider::{
    BrowserState, ImageReport, Instance, Progress, Provider, ProviderError, ProviderReport,
    Removal, SeatSpec,
};

/// What calls to a provider and its seats need.
#[derive(Clone)]
pub(super) struct Calls {
    pub(super) provider: Arc<dyn Provider>,
    pub(super) key: Arc<SigningKey>,
    pub(super) settings: Arc<Settings>,
    /// One for each action on a seat that may be under way.
    pub(super) permits: Arc<Semaphore>,
}

impl Calls {
    pub(super) fn new(
        provider: Arc<dyn Provider>,
        key: Arc<SigningKey>,
        settings: Settings,
    ) -> Self {
        Self {
            provider,
            key,
            permits: Arc::new(Semaphore::new(settings.parallel)),
            settings: Arc::new(settings),
        }
    }

    /// Workshops that have anything left.
    pub(super) async fn list_workshops(&self) -> Result<Vec<WorkshopId>, ProviderError> {
        let after = self.settings.deadlines.look;
        within("listing workshops", after, self.provider.list_workshops()).await
    }

    /// What is there of one workshop.
    pub(super) async fn list(&self, workshop: &WorkshopId) -> Result<Vec<Instance>, ProviderError> {
        let after = self.settings.deadlines.look;
        within("listing seats", after, self.provider.list(Some(workshop))).await
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

    pub(super) async fn prepare(
        &self,
        spec: &WorkshopSpec,
        progress: &Progress,
    ) -> Result<(), ProviderError> {
        let after = self.settings.deadlines.prepare;
        let call = self.provider.prepare(spec, progress);
        within("preparing the workshop", after, call).await
    }

    pub(super) async fn create(
        &self,
        spec: &SeatSpec,
        progress: &Progress,
    ) -> Result<Instance, ProviderError> {
        let _permit = self.permits.acquire().await;
        let after = self.settings.deadlines.create;
        let call = self.provider.create_telling(spec, progress);
        within("creating the seat", after, call).await
    }

    pub(super) async fn stop(&self, seat: &SeatKey) -> Result<(), ProviderError> {
        let _permit = self.permits.acquire().await;
        let after = self.settings.deadlines.stop;
        within("stopping the seat", after, self.provider.stop(seat)).await
    }

    pub(super) async fn reconnect(&self, seat: &SeatKey) -> Result<Instance, ProviderError> {
        let _permit = self.permits.acquire().await;
        let after = self.settings.deadlines.create;
        within(
            "reconnecting the seat",
            after,
            self.provider.reconnect(seat),
        )
        .await
    }

    pub(super) async fn set_browser(
        &self,
        seat: &SeatKey,
        want: BrowserState,
    ) -> Result<Instance, ProviderError> {
        let _permit = self.permits.acquire().await;
        let after = self.settings.deadlines.create;
        let call = self.provider.set_browser(seat, want);
        within("changing the browser", after, call).await
    }

    /// Waits until the browser beside this start of a seat proved itself, twice.
    pub(super) async fn probe_browser(
        &self,
        seat: &SeatKey,
        incarnation: &str,
    ) -> Result<Arc<BrowserDoor>, BrowserError> {
        let after = self.settings.deadlines.look;
        let door = self.provider.browser_door(seat);
        let door = within("finding the browser", after, door).await?;
        let door = door.filter(|door| door.incarnation == incarnation);
        let door = door.ok_or(BrowserError::Gone)?;
        browser::probe(&door, self.settings.deadlines.first_picture).await?;
        Ok(Arc::new(door))
    }

    pub(super) async fn destroy(&self, seat: &SeatKey) -> Result<(), ProviderError> {
        let _permit = self.permits.acquire().await;
        let after = self.settings.deadlines.destroy;
        within("removing the seat", after, self.provider.destroy(seat)).await
    }

    pub(super) async fn retire(
        &self,
        seat: &SeatKey,
        keep: &BTreeSet<Generation>,
    ) -> Result<(), ProviderError> {
        let _permit = self.permits.acquire().await;
        let after = self.settings.deadlines.destroy;
        let call = self.provider.retire(seat, keep);
        within("removing the seat", after, call).await
    }

    pub(super) async fn discard(
        &self,
        seat: &SeatKey,
        keep: &BTreeSet<Generation>,
    ) -> Result<(), ProviderError> {
        let after = self.settings.deadlines.destroy;
        let call = self.provider.discard(seat, keep);
        within("removing what was kept of the seat", after, call).await
    }

    pub(super) async fn probe(
        &self,
        instance: Instance,
        binding: Binding,
        step: impl Fn(Step) + Send,
    ) -> Answer {
        let _permit = self.permits.acquire().await;
        step(Step::Probe);
        let deadlines = &self.settings.deadlines;
        let client = SeatClient::new(Arc::clone(&self.key), &instance, deadlines.probe_step);
        let request = bind_request(binding);
        let answered = || step(Step::Bind);
        let mut result = probe::probe(&client, &request, deadlines.first_answer, answered).await;
        if result.is_ok() {
            let key = instance.key();
            let sealed = self.provider.seal(&key);
            let sealed = within("isolating the seat", deadlines.look, sealed).await;
            result = sealed.map_err(|error| ProbeError::Open(Box::new(error)));
        }
        Answer {
            incarnation: instance.incarnation,
            digest: request.digest,
            result,
        }
    }

    pub(super) async fn bind(&self, instance: Instance, binding: Binding) -> Answer {
        let after = self.settings.deadlines.probe_step;
        let client = SeatClient::new(Arc::clone(&self.key), &instance, after);
        let request = bind_request(binding);
        let result = probe::bind(&client, &request).await;
        Answer {
            incarnation: instance.incarnation,
            digest: request.digest,
            result,
        }
    }

    /// Asks a ready seat for its health.
    pub(super) async fn ask(&self, instance: &Instance) -> Result<Option<String>, ProbeError> {
        let after = self.settings.health.deadline;
        probe::ask(&SeatClient::new(Arc::clone(&self.key), instance, after)).await
    }

    /// Removes a workshop and makes sure that nothing of its seats is left.
    pub(super) async fn destroy_workshop(&self, workshop: WorkshopId) -> Result<(), RemovalError> {
        let deadlines = &self.settings.deadlines;
        let call = self.provider.destroy_workshop(&workshop);
        let removal = within("removing the workshop", deadlines.destroy_workshop, call).await?;
        match removal {
            Removal::Whole if self.list_workshops().await?.contains(&workshop) => {
                Err(RemovalError::Leftover)
            }
            // No reason to keep anybody waiting: a sweep comes back to it.
            Removal::Whole | Removal::EmptyNetwork => Ok(()),
        }
    }
}

fn bind_request(binding: Binding) -> BindRequest {
    BindRequest {
        digest: binding.digest(),
        binding,
    }
}

pub(super) async fn within<T>(
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
