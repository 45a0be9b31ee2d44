//! What the seats of a workshop share, and what keeps them from everything else: network, firewall, isolated ports and
//! resolvers.

use std::net::Ipv4Addr;
use std::path::PathBuf;

use clarateach_protocol::id::WorkshopId;

use super::config::DockerConfig;
use super::network::{self, Subnet};
use super::{DockerProvider, files, firewall, lock, names, resolvers};
use crate::model::WorkshopSpec;
use crate::provider::ProviderError;

impl DockerProvider {
    /// Network, firewall, isolated ports and resolvers of a workshop, all asserted anew.
    pub(super) async fn assert_network(
        &self,
        workshop: &WorkshopSpec,
    ) -> Result<Subnet, ProviderError> {
        let engine = self.engine().await?;
        let DockerConfig {
            instance,
            seat_networks,
            ..
        } = &self.config;
        let subnet = {
            let _choosing = self.choosing_network.lock().await;
            lock(&self.networks_begun).insert(workshop.id);
            let made = network::ensure(engine, instance, &workshop.id, *seat_networks).await;
            lock(&self.networks_begun).remove(&workshop.id);
            made?
        };
        let resolvers = self.resolvers();
        let rules = firewall::Rules {
            table: names::table(instance, &workshop.id),
            bridge: names::bridge(&workshop.id),
            subnet: subnet.cidr(),
            egress: &workshop.egress,
            resolvers: &resolvers,
            seat_networks: *seat_networks,
        };
        let asserted = rules.assert(self.keeper().await?).await;
        self.or_weak("set the firewall", asserted)?;
        self.isolate_ports(&workshop.id).await?;
        self.write_resolv_conf(&workshop.id, &resolvers)?;
        lock(&self.subnets).insert(workshop.id, subnet);
        Ok(subnet)
    }

    fn write_resolv_conf(
        &self,
        workshop: &WorkshopId,
        resolvers: &[Ipv4Addr],
    ) -> Result<(), ProviderError> {
        let path = self.resolv_conf(workshop);
        files::write_mounted(&path, &resolvers::resolv_conf(resolvers)).map_err(|source| {
            ProviderError::Engine {
                operation: "write",
                subject: path.display().to_string(),
                source: Box::new(source),
            }
        })
    }

    /// The subnet that this process asserted, or asserts now: no seat starts without rules.
    pub(super) async fn subnet(&self, workshop: &WorkshopSpec) -> Result<Subnet, ProviderError> {
        let known = lock(&self.subnets).get(&workshop.id).copied();
        match known {
            Some(subnet) => Ok(subnet),
            None => self.assert_network(workshop).await,
        }
    }

    pub(super) fn resolvers(&self) -> Vec<Ipv4Addr> {
        match &self.config.resolvers[..] {
            [] => resolvers::of_host(),
            configured => configured.to_vec(),
        }
    }

    pub(super) fn resolv_conf(&self, workshop: &WorkshopId) -> PathBuf {
        self.disks.workshop_folder(workshop).join("resolv.conf")
    }
}
