//! The way to a seat that is reached by published ports, made anew: an engine that was away finds them taken by somebody
//! else, say, and forwards nothing then.

use std::net::IpAddr;

use bollard::models::{EndpointIpamConfig, EndpointSettings, NetworkConnectRequest};
use clarateach_protocol::id::{SeatKey, WorkshopId};

use super::connect::{Engine, WRITE};
use super::observe::{self, Phase};
use super::reach::Reach;
use super::{DockerProvider, names, network};
use crate::provider::{Instance, ProviderError};

impl DockerProvider {
    /// Unplugs a running seat from its network and plugs it in again, which publishes its ports at other numbers. The
    /// caller holds its lock.
    pub(super) async fn replug(&self, seat: &SeatKey) -> Result<Instance, ProviderError> {
        let engine = self.engine().await?;
        let find = async || {
            let found = observe::seat(engine, &self.config.instance, seat).await?;
            found.ok_or(ProviderError::NoSeat(*seat))
        };
        let mut found = find().await?;
        if found.reach == Reach::Published && found.phase == Phase::Running {
            let (id, workshop) = (&found.instance.id, &seat.workshop);
            tracing::warn!(%seat, "the engine may have lost a seat's ports; they are published anew");
            let leaving = self.leaving.lock(workshop).await;
            network::unplug(engine, workshop, id).await?;
            drop(leaving);
            plug(engine, workshop, id, found.instance.ip).await?;
            self.inspections.forget(id);
            self.isolate_ports(workshop).await?;
            found = find().await?;
        }
        Ok(self.with_files(found.instance))
    }
}

/// Puts a container into its workshop's network at its own address.
async fn plug(
    engine: &Engine,
    workshop: &WorkshopId,
    container: &str,
    address: IpAddr,
) -> Result<(), ProviderError> {
    let request = NetworkConnectRequest {
        container: container.to_owned(),
        endpoint_config: Some(EndpointSettings {
            ipam_config: Some(EndpointIpamConfig {
                ipv4_address: Some(address.to_string()),
                ..EndpointIpamConfig::default()
            }),
            ..EndpointSettings::default()
        }),
    };
    let name = names::network(workshop);
    let plugging = engine.docker().connect_network(&name, request);
    engine
        .call("plug a seat into", &name, WRITE, plugging)
        .await
}
