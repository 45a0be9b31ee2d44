//! Seats as Docker containers on this machine: the provider that classes use.
//!
//! Labels are the records; this process remembers nothing that it could not read back from the engine,
//! the kernel and the data directory. Nothing without our label and our installation's id is touched.
//! Start at [`DockerProvider`]; what a seat is made of is in `docker/container.rs`.

mod accounts;
mod browser;
mod capacity;
mod changes;
mod check;
mod command;
mod config;
mod connect;
mod container;
mod disk;
mod drift;
mod endpoint;
mod files;
mod firewall;
mod ground;
mod helper;
mod image;
mod image_report;
mod inspections;
mod keeper;
mod locks;
mod make;
mod names;
mod network;
mod observe;
mod published;
mod pull;
mod reach;
mod recall;
mod removal;
mod replug;
mod residue;
mod resolvers;
mod seal;
mod seccomp;
mod sidecar;
mod tar;
mod trial;
mod versions;

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use clarateach_protocol::id::{Generation, SeatKey, WorkshopId};
use futures_util::stream::BoxStream;

pub use self::config::{BrowserConfig, DockerConfig, ReachChoice, WeakIsolation};
use self::connect::{Connector, Engine};
use self::disk::Disks;
use self::image::Images;
use self::inspections::Inspections;
use self::keeper::Keeper;
use self::locks::{SeatLocks, WorkshopLocks};
pub use self::names::{InstanceId, InstanceIdError};
use self::network::Subnet;
use self::observe::Phase as ContainerPhase;
use self::reach::Ground;
pub use self::residue::residue;
use super::{
    BrowserState, Change, ImageReport, Instance, Phase, Progress, Provider, ProviderError,
    ProviderReport, Removal, SeatSpec,
};
use crate::browser::BrowserDoor;
use crate::model::{Capacity, WorkshopSpec};

/// Tries at a container's name that a cut-off call is about to use, and the pause between two.
const NAME_ATTEMPTS: usize = 10;
const NAME_PAUSE: Duration = Duration::from_millis(300);

/// Makes seats with a Docker engine.
#[derive(Debug)]
pub struct DockerProvider {
    config: DockerConfig,
    connector: Arc<Connector>,
    disks: Disks,
    images: Images,
    inspections: Arc<Inspections>,
    /// Held while a subnet is chosen and taken.
    choosing_network: tokio::sync::Mutex<()>,
    /// Workshops whose network was asked for, and no answer came yet: who asked may have been cut off.
    networks_begun: Mutex<BTreeSet<WorkshopId>>,
    /// Workshops that are over and whose empty network the engine keeps.
    kept_networks: Mutex<BTreeSet<WorkshopId>>,
    /// Networks asserted by this process.
    subnets: Mutex<HashMap<WorkshopId, Subnet>>,
    seats: SeatLocks,
    /// Held while a seat leaves its network.
    leaving: WorkshopLocks,
    /// The engine's machine's, MiB.
    memory: tokio::sync::OnceCell<u64>,
    /// Where the engine's bridges are, and how seats are reached.
    ground: tokio::sync::OnceCell<(Ground, Keeper)>,
    /// Set once published ports were reached.
    ports_proven: tokio::sync::OnceCell<()>,
}

impl DockerProvider {
    /// A provider on the engine of `DOCKER_HOST`, or at the standard socket; it is connected to when it
    /// is first needed, and may come up later.
    #[must_use]
    pub fn new(config: DockerConfig) -> Self {
        let config = config.absolute();
        Self {
            connector: Arc::default(),
            disks: Disks::new(&config.data_dir),
            images: Images::new(&config.data_dir),
            inspections: Arc::new(Inspections::new(config.instance.clone())),
            config,
            choosing_network: tokio::sync::Mutex::default(),
            networks_begun: Mutex::default(),
            kept_networks: Mutex::default(),
            subnets: Mutex::default(),
            seats: SeatLocks::default(),
            leaving: WorkshopLocks::default(),
            memory: tokio::sync::OnceCell::new(),
            ground: tokio::sync::OnceCell::new(),
            ports_proven: tokio::sync::OnceCell::new(),
        }
    }

    async fn engine(&self) -> Result<&Engine, ProviderError> {
        self.connector.engine().await
    }

    /// A seat as it is wanted, from whatever is there; the caller holds its lock.
    async fn bring(&self, seat: &SeatSpec, progress: &Progress) -> Result<Instance, ProviderError> {
        let engine = self.engine().await?;
        let key = seat.key();
        let found = observe::seat(engine, &self.config.instance, &key).await?;
        let Some(found) = found else {
            return self.make(seat, progress).await;
        };
        let instance = &found.instance;
        let same = instance.generation == seat.generation && instance.spec_digest == seat.digest();
        if !same {
            return Err(ProviderError::Conflict(Box::new(
                self.with_files(found.instance),
            )));
        }
        match found.phase {
            ContainerPhase::Running => {
                self.subnet(&seat.workshop).await?;
                self.isolate_ports(&key.workshop).await?;
                Ok(found.instance)
            }
            ContainerPhase::Paused => {
                container::unpause(engine, &instance.id).await?;
                self.started(seat).await
            }
            // Made when seats were reached in another way.
            ContainerPhase::Exited if found.reach != self.ground().await?.reach => {
                self.remake(seat, &found, progress).await
            }
            ContainerPhase::Exited => self.restart(seat, &found, progress).await,
            ContainerPhase::Unusable | ContainerPhase::Removing => {
                self.remake(seat, &found, progress).await
            }
            ContainerPhase::Detached => {
                lock(&self.subnets).remove(&key.workshop);
                self.remake(seat, &found, progress).await
            }
        }
    }

    /// What the engine doesn't know: which disks there are.
    fn with_files(&self, instance: Instance) -> Instance {
        Instance {
            files: self.disks.generations(&instance.key()),
            ..instance
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[async_trait]
impl Provider for DockerProvider {
    async fn preflight(&self, workshop: &WorkshopSpec) -> Result<(), ProviderError> {
        let engine = self.engine().await?;
        engine.ping().await?;
        self.images
            .find(engine, &self.config.instance, &workshop.image)
            .await?;
        let allowed = firewall::probe(self.keeper().await?, &self.config.instance).await;
        self.or_weak("set the firewall", allowed)?;
        self.ports_answer().await
    }

    async fn check_image(
        &self,
        image: &str,
        progress: &Progress,
    ) -> Result<ImageReport, ProviderError> {
        let engine = self.engine().await?;
        let DockerConfig {
            instance,
            runtime_dir,
            ..
        } = &self.config;
        let report = self
            .images
            .report(engine, instance, image, runtime_dir, progress);
        report.await
    }

    async fn prepare(
        &self,
        workshop: &WorkshopSpec,
        progress: &Progress,
    ) -> Result<(), ProviderError> {
        let engine = self.engine().await?;
        progress.begin(Phase::Image);
        let image = self
            .images
            .ensure(engine, &self.config.instance, &workshop.image, progress)
            .await?;
        image.is_usable(&workshop.image)?;
        progress.begin(Phase::Network);
        self.assert_network(workshop).await?;
        self.mend_drift(workshop).await
    }

    async fn create_telling(
        &self,
        seat: &SeatSpec,
        progress: &Progress,
    ) -> Result<Instance, ProviderError> {
        progress.begin(Phase::Create);
        let _alone = self.seats.lock(&seat.key()).await;
        for _ in 1..NAME_ATTEMPTS {
            match self.bring(seat, progress).await {
                // Whoever asked before and was cut off: the engine goes on, and has it in a moment.
                Err(error) if connect::is_taken(&error) => tokio::time::sleep(NAME_PAUSE).await,
                result => return result.map(|made| self.with_files(made)),
            }
        }
        let brought = self.bring(seat, progress).await;
        brought.map(|made| self.with_files(made))
    }

    async fn set_browser(
        &self,
        seat: &SeatKey,
        want: BrowserState,
    ) -> Result<Instance, ProviderError> {
        let _alone = self.seats.lock(seat).await;
        for _ in 1..NAME_ATTEMPTS {
            match self.bring_browser(seat, want).await {
                // As in `create`.
                Err(error) if connect::is_taken(&error) => tokio::time::sleep(NAME_PAUSE).await,
                result => return result.map(|seat| self.with_files(seat)),
            }
        }
        let brought = self.bring_browser(seat, want).await;
        brought.map(|seat| self.with_files(seat))
    }

    async fn browser_door(&self, seat: &SeatKey) -> Result<Option<BrowserDoor>, ProviderError> {
        self.door(seat).await
    }

    async fn stop(&self, seat: &SeatKey) -> Result<(), ProviderError> {
        let engine = self.engine().await?;
        let _alone = self.seats.lock(seat).await;
        match observe::seat(engine, &self.config.instance, seat).await? {
            Some(found) => {
                make::remove_sidecar(engine, &found).await?;
                container::stop(engine, &found.instance.id).await
            }
            None => Ok(()),
        }
    }

    async fn reconnect(&self, seat: &SeatKey) -> Result<Instance, ProviderError> {
        let _alone = self.seats.lock(seat).await;
        self.replug(seat).await
    }

    async fn destroy(&self, seat: &SeatKey) -> Result<(), ProviderError> {
        let _alone = self.seats.lock(seat).await;
        self.remove_containers(seat).await?;
        self.disks.remove(seat).await
    }

    async fn retire(
        &self,
        seat: &SeatKey,
        keep: &BTreeSet<Generation>,
    ) -> Result<(), ProviderError> {
        let _alone = self.seats.lock(seat).await;
        self.remove_containers(seat).await?;
        self.disks.detach(seat).await?;
        self.disks.keep_only(seat, keep).await
    }

    async fn discard(
        &self,
        seat: &SeatKey,
        keep: &BTreeSet<Generation>,
    ) -> Result<(), ProviderError> {
        let _alone = self.seats.lock(seat).await;
        self.disks.keep_only(seat, keep).await
    }

    async fn destroy_workshop(&self, workshop: &WorkshopId) -> Result<Removal, ProviderError> {
        self.remove_workshop(workshop).await
    }

    async fn list(&self, workshop: Option<&WorkshopId>) -> Result<Vec<Instance>, ProviderError> {
        let engine = self.engine().await?;
        let seats =
            observe::seats(engine, &self.inspections, &self.config.instance, workshop).await?;
        Ok(seats.into_iter().map(|it| self.with_files(it)).collect())
    }

    async fn seal(&self, seat: &SeatKey) -> Result<(), ProviderError> {
        self.isolate_ports(&seat.workshop).await
    }

    async fn list_workshops(&self) -> Result<Vec<WorkshopId>, ProviderError> {
        let engine = self.engine().await?;
        let instance = &self.config.instance;
        self.images.sweep(engine, instance).await?;
        let mut found: BTreeSet<WorkshopId> = self.disks.workshops().into_iter().collect();
        found.extend(observe::workshops(engine, instance).await?);
        found.extend(network::workshops(engine, instance).await?);
        // Where the firewall can't be read, none was set.
        let tables = firewall::workshops(self.keeper().await?, instance).await;
        found.extend(tables.unwrap_or_default());
        if found.is_empty() {
            // A workshop that was refused, or a report that was cut off, left it.
            self.rest_helper().await?;
        }
        Ok(found.into_iter().collect())
    }

    async fn recall(&self, workshop: &WorkshopId) -> Result<Vec<SeatSpec>, ProviderError> {
        let engine = self.engine().await?;
        recall::seats(engine, &self.config.instance, workshop, &self.disks).await
    }

    fn changes(&self) -> BoxStream<'static, Change> {
        let instance = self.config.instance.clone();
        changes::changes(self.connector.clone(), self.inspections.clone(), instance)
    }

    async fn capacity(&self) -> Result<Option<Capacity>, ProviderError> {
        self.machine().await.map(Some)
    }

    async fn check(&self) -> Result<ProviderReport, ProviderError> {
        Ok(self.report().await)
    }
}
