//! Removing: a seat's containers, and all that there is of a workshop.

use clarateach_protocol::id::{SeatKey, WorkshopId};
use futures_util::StreamExt;
use futures_util::stream;

use super::connect::Engine;
use super::network::{self, Making};
use super::{DockerProvider, container, lock, names, observe};
use crate::provider::{ProviderError, Removal};

/// Containers removed at once when a workshop ends.
const REMOVALS: usize = 8;

impl DockerProvider {
    /// Removes all that there is of a workshop: containers, network, firewall and disks.
    pub(super) async fn remove_workshop(
        &self,
        workshop: &WorkshopId,
    ) -> Result<Removal, ProviderError> {
        let engine = self.engine().await?;
        let instance = &self.config.instance;
        let labels = [
            names::filter(names::INSTANCE, instance),
            names::filter(names::WORKSHOP, workshop),
        ];
        let (browsers, others) = observe::apart(engine, labels.to_vec()).await?;
        // All of one kind are tried before the first error counts.
        let removals: Vec<_> = stream::iter(browsers)
            .map(|id| async move { container::remove(engine, &id).await })
            .buffer_unordered(REMOVALS)
            .collect()
            .await;
        removals.into_iter().collect::<Result<(), _>>()?;
        let removals: Vec<_> = stream::iter(others)
            .map(|id| async move { self.remove_container(engine, workshop, &id).await })
            .buffer_unordered(REMOVALS)
            .collect()
            .await;
        removals.into_iter().collect::<Result<(), _>>()?;
        let begun = lock(&self.networks_begun).remove(workshop);
        let making = if begun { Making::Perhaps } else { Making::No };
        let removal = network::remove(engine, instance, workshop, making).await?;
        self.remove_firewall(workshop).await?;
        lock(&self.subnets).remove(workshop);
        self.disks.remove_workshop(workshop).await?;
        self.note(workshop, removal);
        Ok(removal)
    }

    /// Removes a seat's containers, its browser's first.
    pub(super) async fn remove_containers(&self, seat: &SeatKey) -> Result<(), ProviderError> {
        let engine = self.engine().await?;
        let labels = [
            names::filter(names::INSTANCE, &self.config.instance),
            names::filter(names::WORKSHOP, seat.workshop),
            names::filter(names::SEAT, seat.seat),
        ];
        let (browsers, others) = observe::apart(engine, labels.to_vec()).await?;
        for id in browsers {
            container::remove(engine, &id).await?;
        }
        for id in others {
            self.remove_container(engine, &seat.workshop, &id).await?;
        }
        Ok(())
    }

    /// Removes a seat's container, which leaves its network first, one after the other: of those that leave
    /// together an engine loses count now and then (moby 20.10), and keeps the network for good.
    pub(super) async fn remove_container(
        &self,
        engine: &Engine,
        workshop: &WorkshopId,
        id: &str,
    ) -> Result<(), ProviderError> {
        let leaving = self.leaving.lock(workshop).await;
        Box::pin(network::unplug(engine, workshop, id)).await?;
        drop(leaving);
        container::remove(engine, id).await
    }

    /// Says once that the engine keeps a workshop's network, and once that it went.
    fn note(&self, workshop: &WorkshopId, removal: Removal) {
        let kept = &mut *lock(&self.kept_networks);
        let network = names::network(workshop);
        match removal {
            Removal::EmptyNetwork if kept.insert(*workshop) => tracing::warn!(
                network,
                "the workshop is over, but the engine keeps its network: it calls it in use, and names nobody. \
                 Hint: restart the engine; the network is removed then"
            ),
            Removal::Whole if kept.remove(workshop) => {
                tracing::info!(network, "the engine let go of a network that it kept");
            }
            Removal::EmptyNetwork | Removal::Whole => {}
        }
    }
}
