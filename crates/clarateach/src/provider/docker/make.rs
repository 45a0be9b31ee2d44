//! Making one seat run: disk, container, start, isolation, in this order.
//!
//! The disk is a seat's, not its container's: where the container can't be used again, another one is
//! made on the same disk.

use std::path::PathBuf;
use std::sync::Arc;

use super::connect::{Engine, refused};
use super::container::{self, Plan};
use super::image::Image;
use super::observe::{self, Found};
use super::reach::Place;
use super::{DockerProvider, lock};
use crate::provider::{Instance, Phase, Progress, ProviderError, SeatSpec};

impl DockerProvider {
    /// Makes a seat whose container isn't there; its disk may be.
    pub(super) async fn make(
        &self,
        seat: &SeatSpec,
        progress: &Progress,
    ) -> Result<Instance, ProviderError> {
        let engine = self.engine().await?;
        let key = seat.key();
        let subnet = self.subnet(&seat.workshop).await?;
        let address = subnet.seat(seat.number).ok_or(ProviderError::Unsupported {
            what: "a seat number above 245",
        })?;
        let image = self.image(seat).await?;
        let workspace = self.attach(seat).await?;
        let plan = Plan {
            instance: &self.config.instance,
            seat,
            image: &image,
            address,
            workspace: &workspace,
            runtime: &self.config.runtime_dir,
            resolv_conf: &self.resolv_conf(&key.workshop),
            cpus: engine.cpus(),
            reach: self.ground().await?.reach,
        };
        let container = container::create(engine, &plan).await?;
        progress.begin(Phase::Start);
        if let Err(refusal) = container::start(engine, &container).await? {
            // Its network may be gone; asserting it again is the next call's first step.
            lock(&self.subnets).remove(&key.workshop);
            container::remove(engine, &container).await?;
            return Err(refused("start the container", key, refusal));
        }
        self.started(seat).await
    }

    /// Starts a stopped seat of the wanted generation on the disk that it had.
    pub(super) async fn restart(
        &self,
        seat: &SeatSpec,
        stopped: &Found,
        progress: &Progress,
    ) -> Result<Instance, ProviderError> {
        let engine = self.engine().await?;
        self.subnet(&seat.workshop).await?;
        self.attach(seat).await?;
        // It was this start's, which is over.
        remove_sidecar(engine, stopped).await?;
        progress.begin(Phase::Start);
        match container::start(engine, &stopped.instance.id).await? {
            Ok(()) => self.started(seat).await,
            // The network that it was made for is another one now, say: its files are not in it.
            Err(refusal) => {
                tracing::warn!(seat = %stopped.instance.key(), %refusal, "a stopped seat cannot start and is made anew");
                lock(&self.subnets).remove(&seat.workshop.id);
                self.remake(seat, stopped, progress).await
            }
        }
    }

    pub(super) async fn remake(
        &self,
        seat: &SeatSpec,
        useless: &Found,
        progress: &Progress,
    ) -> Result<Instance, ProviderError> {
        let engine = self.engine().await?;
        remove_sidecar(engine, useless).await?;
        self.remove_container(engine, &seat.workshop.id, &useless.instance.id)
            .await?;
        self.make(seat, progress).await
    }

    /// Isolates a seat that started just now, and reads what became of it.
    pub(super) async fn started(&self, seat: &SeatSpec) -> Result<Instance, ProviderError> {
        let engine = self.engine().await?;
        let key = seat.key();
        self.isolate_ports(&key.workshop).await?;
        let Found { instance, pid, .. } = observe::seat(engine, &self.config.instance, &key)
            .await?
            .ok_or_else(|| ProviderError::Engine {
                operation: "start",
                subject: key.to_string(),
                source: "its container was removed meanwhile".into(),
            })?;
        // On another machine it is the number of some other process.
        let is_elsewhere = matches!(self.ground().await?.place, Place::Elsewhere(_));
        if let Some(pid) = pid.filter(|_| !is_elsewhere) {
            self.disks.assert_seen_by(&key, seat.disk, pid)?;
        }
        Ok(instance)
    }

    async fn image(&self, seat: &SeatSpec) -> Result<Arc<Image>, ProviderError> {
        let engine = self.engine().await?;
        self.images
            .get(engine, &self.config.instance, &seat.workshop.image)
            .await
    }

    async fn attach(&self, seat: &SeatSpec) -> Result<PathBuf, ProviderError> {
        let size = seat.workshop.resources.disk_mib;
        self.disks.attach(&seat.key(), seat.disk, size).await
    }
}

/// Removes a seat's browser; none is fine.
pub(super) async fn remove_sidecar(engine: &Engine, seat: &Found) -> Result<(), ProviderError> {
    match &seat.sidecar {
        Some(sidecar) => container::remove(engine, &sidecar.id).await,
        None => Ok(()),
    }
}
