//! What somebody changed on a running seat by hand, brought back: its limits, and the networks it is in.
//!
//! What can't be changed on a container that runs (system call filter, capabilities, mounts, log limits,
//! sysctls) can't drift either; bridge ports, firewall and name servers are asserted whole by the caller.

use bollard::models::{
    ContainerInspectResponse, ContainerUpdateBody, HostConfig, NetworkDisconnectRequest,
};

use super::DockerProvider;
use super::connect::{Engine, WRITE};
use super::container::{self, Limits};
use super::names;
use super::observe;
use crate::model::WorkshopSpec;
use crate::provider::ProviderError;

impl DockerProvider {
    /// Brings every running seat of a workshop back to what it was made with.
    pub(super) async fn mend_drift(&self, workshop: &WorkshopSpec) -> Result<(), ProviderError> {
        let engine = self.engine().await?;
        let labels = vec![
            names::filter(names::INSTANCE, &self.config.instance),
            names::filter(names::WORKSHOP, workshop.id),
            names::filter(names::TYPE, names::TYPE_WORKSPACE),
        ];
        let wanted = Limits::of(workshop.resources, engine.cpus());
        let network = names::network(&workshop.id);
        for id in container::ids(engine, labels).await? {
            let Some(seat) = observe::inspect(engine, &id).await? else {
                continue;
            };
            let runs = seat.state.as_ref().and_then(|state| state.running);
            if runs != Some(true) {
                continue;
            }
            if Limits::in_force(&seat) != Some(wanted) {
                tracing::warn!(
                    container = id,
                    "a seat's limits were changed by hand and are set again"
                );
                set_limits(engine, &id, wanted).await?;
            }
            for other in networks(&seat).filter(|name| **name != network) {
                tracing::warn!(
                    container = id,
                    network = other,
                    "a seat was put into another network by hand and is taken out"
                );
                leave(engine, &id, other).await?;
            }
        }
        Ok(())
    }
}

impl Limits {
    fn in_force(seat: &ContainerInspectResponse) -> Option<Self> {
        let HostConfig {
            memory,
            memory_swap,
            nano_cpus,
            pids_limit,
            ..
        } = seat.host_config.as_ref()?;
        // Swap beside memory is memory that nobody counted.
        (memory == memory_swap).then_some(())?;
        Some(Self {
            memory: (*memory)?,
            nano_cpus: (*nano_cpus)?,
            pids: (*pids_limit)?,
        })
    }
}

fn networks(seat: &ContainerInspectResponse) -> impl Iterator<Item = &String> {
    let networks = seat.network_settings.as_ref();
    let networks = networks.and_then(|settings| settings.networks.as_ref());
    networks.into_iter().flat_map(|networks| networks.keys())
}

async fn set_limits(engine: &Engine, container: &str, limits: Limits) -> Result<(), ProviderError> {
    let body = ContainerUpdateBody {
        memory: Some(limits.memory),
        memory_swap: Some(limits.memory),
        nano_cpus: Some(limits.nano_cpus),
        pids_limit: Some(limits.pids),
        ..ContainerUpdateBody::default()
    };
    engine
        .find(
            "set the limits of",
            container,
            WRITE,
            engine.docker().update_container(container, body),
        )
        .await
        .map(drop)
}

async fn leave(engine: &Engine, container: &str, network: &str) -> Result<(), ProviderError> {
    let request = NetworkDisconnectRequest {
        container: container.to_owned(),
        force: Some(true),
    };
    engine
        .find(
            "take a seat out of the network",
            network,
            WRITE,
            engine.docker().disconnect_network(network, request),
        )
        .await
        .map(drop)
}
