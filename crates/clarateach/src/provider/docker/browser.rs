//! Bringing a seat's browser to a state: making, pausing, resuming and removing its container.

use std::time::Duration;

use bollard::models::ContainerCreateBody;
use clarateach_protocol::id::SeatKey;

use super::config::BrowserConfig;
use super::connect::Engine;
use super::observe::{self, Found};
use super::sidecar::{Plan, Sidecar};
use super::{DockerProvider, container, names};
use crate::browser::{BrowserDoor, BrowserStart, Screen};
use crate::provider::{BrowserState, BrowserStatus, Instance, InstanceStatus, ProviderError};

/// Tries at a state that a cut-off call works against, and the pause between two.
const ATTEMPTS: usize = 5;
const PAUSE: Duration = Duration::from_millis(300);

impl DockerProvider {
    /// A seat's browser as it is wanted, from whatever is there; the caller holds the seat's lock.
    pub(super) async fn bring_browser(
        &self,
        key: &SeatKey,
        want: BrowserState,
    ) -> Result<Instance, ProviderError> {
        let engine = self.engine().await?;
        for _ in 0..ATTEMPTS {
            let found = self.found(key).await?;
            if found.instance.browser.is(want) {
                return Ok(found.instance);
            }
            self.change_browser(engine, &found, want).await?;
            let after = self.found(key).await?.instance;
            match &after.browser {
                status if status.is(want) => return Ok(after),
                BrowserStatus::Stale { reason } => return Err(failed(key, reason.message.clone())),
                // A call that was cut off is still under way in the engine.
                _ => tokio::time::sleep(PAUSE).await,
            }
        }
        Err(failed(key, "something else changes it again and again"))
    }

    async fn found(&self, key: &SeatKey) -> Result<Found, ProviderError> {
        let engine = self.engine().await?;
        observe::seat(engine, &self.config.instance, key)
            .await?
            .ok_or(ProviderError::NoSeat(*key))
    }

    /// The way to a seat's browser: its secrets are in its container's variables, and nowhere else.
    pub(super) async fn door(&self, key: &SeatKey) -> Result<Option<BrowserDoor>, ProviderError> {
        let engine = self.engine().await?;
        let Some(found) = observe::seat(engine, &self.config.instance, key).await? else {
            return Ok(None);
        };
        let (Some(sidecar), Some(address)) = (&found.sidecar, found.instance.endpoints.browser)
        else {
            return Ok(None);
        };
        let Some(inspect) = observe::inspect(engine, &sidecar.id).await? else {
            return Ok(None);
        };
        let variables = inspect.config.and_then(|config| config.env);
        let variables = variables.unwrap_or_default();
        let pairs = variables.iter().filter_map(|line| line.split_once('='));
        let access = self.config.browser.engine.access(&pairs.collect());
        Ok(access.map(|access| BrowserDoor {
            engine: self.config.browser.engine,
            address,
            incarnation: found.instance.incarnation,
            access,
        }))
    }

    async fn change_browser(
        &self,
        engine: &Engine,
        found: &Found,
        want: BrowserState,
    ) -> Result<(), ProviderError> {
        let seat = &found.instance;
        match (&found.sidecar, &seat.browser, want) {
            (None, _, BrowserState::Absent) => Ok(()),
            (Some(sidecar), _, BrowserState::Absent) => {
                container::remove(engine, &sidecar.id).await
            }
            (Some(sidecar), BrowserStatus::Running, BrowserState::Paused) => {
                container::pause(engine, &sidecar.id).await
            }
            (Some(sidecar), BrowserStatus::Paused, BrowserState::Running) => {
                container::unpause(engine, &sidecar.id).await
            }
            (there, _, BrowserState::Running | BrowserState::Paused) => {
                if seat.status != InstanceStatus::Running {
                    return Err(ProviderError::NotRunning(seat.key()));
                }
                if let Some(Sidecar { id, .. }) = there {
                    container::remove(engine, id).await?;
                }
                let id = self.start_browser(engine, seat).await?;
                if want == BrowserState::Paused {
                    container::pause(engine, &id).await?;
                }
                Ok(())
            }
        }
    }

    /// A browser beside a seat that has none; its container's id.
    async fn start_browser(
        &self,
        engine: &Engine,
        seat: &Instance,
    ) -> Result<String, ProviderError> {
        let key = seat.key();
        let BrowserConfig {
            engine: kind,
            image,
        } = &self.config.browser;
        self.images.there(engine, image).await?;
        let ca_bundle = container::ca_bundle(&self.config.runtime_dir);
        let plan = Plan {
            instance: &self.config.instance,
            seat,
            engine: kind,
            image,
            start: &BrowserStart::new(Screen::default()),
            resolv_conf: &self.resolv_conf(&key.workshop),
            ca_bundle: ca_bundle.as_deref(),
            cpus: engine.cpus(),
        };
        let body: ContainerCreateBody = plan.body();
        let id = container::create_as(engine, &names::browser(&key), body).await?;
        if let Err(refusal) = container::start(engine, &id).await? {
            container::remove(engine, &id).await?;
            // Not the refusal itself: its status would be taken for that of a name in use.
            return Err(failed(&key, refusal.to_string()));
        }
        Ok(id)
    }
}

fn failed(key: &SeatKey, why: impl Into<String>) -> ProviderError {
    ProviderError::Engine {
        operation: "change the browser",
        subject: format!("of {key}"),
        source: why.into().into(),
    }
}
