//! What somebody changed on a running seat by hand, brought back: its limits, and the networks it is in.
//!
//! What can't be changed on a container that runs (system call filter, capabilities, mounts, log limits,
//! sysctls) can't drift either; bridge ports, firewall and name servers are asserted whole by the caller.

use std::collections::BTreeSet;

use bollard::models::{
    ContainerInspectResponse, ContainerUpdateBody, HostConfig, NetworkDisconnectRequest,
};

use super::DockerProvider;
use super::connect::{Engine, WRITE};
use super::container::{self, Limits};
use super::inspections::Inspected;
use super::names;
use crate::model::WorkshopSpec;
use crate::provider::ProviderError;

impl DockerProvider {
    /// Brings every running seat of a workshop back to what it was made with, and removes browsers whose seat is gone:
    /// somebody removed its container.
    pub(super) async fn mend_drift(&self, workshop: &WorkshopSpec) -> Result<(), ProviderError> {
        let engine = self.engine().await?;
        let labels = vec![
            names::filter(names::INSTANCE, &self.config.instance),
            names::filter(names::WORKSHOP, workshop.id),
        ];
        // One answer tells of seats and browsers, so that a seat made meanwhile is not missed.
        let containers = self.inspections.of(engine, labels).await?;
        let wanted = Limits::of(workshop.resources, engine.cpus());
        let network = names::network(&workshop.id);
        let mut seats = BTreeSet::new();
        for container in &containers {
            let Some(found) = &container.seat else {
                continue;
            };
            seats.insert(found.instance.key());
            if container.runs {
                self.mend(engine, container, wanted, &network).await?;
            }
        }
        let sidecars = containers.iter().filter_map(|it| it.sidecar.as_ref());
        for orphan in sidecars.filter(|it| !seats.contains(&it.seat)) {
            container::remove(engine, &orphan.id).await?;
        }
        Ok(())
    }

    async fn mend(
        &self,
        engine: &Engine,
        seat: &Inspected,
        wanted: Limits,
        network: &str,
    ) -> Result<(), ProviderError> {
        let id = &seat.id;
        if seat.limits != Some(wanted) {
            tracing::warn!(
                container = id,
                "a seat's limits were changed by hand and are set again"
            );
            self.inspections.forget(id);
            set_limits(engine, id, wanted).await?;
        }
        for other in seat.networks.iter().filter(|name| *name != network) {
            tracing::warn!(
                container = id,
                network = other,
                "a seat was put into another network by hand and is taken out"
            );
            self.inspections.forget(id);
            leave(engine, id, other).await?;
        }
        Ok(())
    }
}

impl Limits {
    /// Those that the kernel holds a container to.
    pub(super) fn in_force(seat: &ContainerInspectResponse) -> Option<Self> {
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
