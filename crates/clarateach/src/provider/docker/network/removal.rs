//! A workshop's network goes, whatever its engine thinks is in it.

use std::path::Path;

use bollard::models::NetworkDisconnectRequest;
use clarateach_protocol::id::WorkshopId;

use super::super::connect::{Engine, READ, Refusal, WRITE, refused};
use super::super::names::{self, InstanceId};
use super::{UNDER_WAY, list};
use crate::provider::{ProviderError, Removal};

/// After so many looks nothing is being made: the call never arrived, or the engine crashed in it.
const LOOKS: usize = 5;

/// Whether the engine may be making a network for whoever asked before and was cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Making {
    No,
    Perhaps,
}

/// What came of one try.
enum Tried {
    Gone,
    /// Something was in it, and is unplugged now.
    InUse(Refusal),
    /// The engine calls it in use and names nobody.
    Miscounted,
}

/// Removes a workshop's network; an absent one is fine, and one that is being made is waited for.
///
/// Its seats are gone by then: whatever else was plugged into it by hand is unplugged and goes on without it.
pub(in super::super) async fn remove(
    engine: &Engine,
    instance: &InstanceId,
    workshop: &WorkshopId,
    making: Making,
) -> Result<Removal, ProviderError> {
    let bridge = Path::new("/sys/class/net").join(names::bridge(workshop));
    let mut awaited = making == Making::Perhaps;
    let mut last = Tried::Gone;
    for _ in 0..LOOKS {
        last = Tried::Gone;
        for network in list(engine, Some((instance, Some(workshop)))).await? {
            awaited = false;
            let Some(id) = network.id else { continue };
            last = attempt(engine, workshop, &id).await?;
        }
        // The bridge is there before the network is listed.
        if !awaited && !bridge.exists() {
            break;
        }
        tokio::time::sleep(UNDER_WAY).await;
    }
    match last {
        Tried::Gone => Ok(Removal::Whole),
        Tried::Miscounted => Ok(Removal::EmptyNetwork),
        Tried::InUse(refusal) => Err(refused(OPERATION, names::network(workshop), refusal)),
    }
}

const OPERATION: &str = "remove the network";

async fn attempt(engine: &Engine, workshop: &WorkshopId, id: &str) -> Result<Tried, ProviderError> {
    let name = names::network(workshop);
    let removing = engine.docker().remove_network(id);
    let refusal = match engine.attempt(OPERATION, &name, WRITE, removing).await? {
        Ok(()) | Err(Refusal { status: 404, .. }) => return Ok(Tried::Gone),
        Err(refusal) if refusal.message.contains("active endpoints") => refusal,
        Err(refusal) => return Err(refused(OPERATION, name, refusal)),
    };
    let looking = engine.docker().inspect_network(id, None);
    let Some(network) = engine.find("look at", &name, READ, looking).await? else {
        return Ok(Tried::Gone);
    };
    let plugged = network.containers.unwrap_or_default();
    if plugged.is_empty() {
        return Ok(Tried::Miscounted);
    }
    for container in plugged.into_keys() {
        tracing::warn!(network = %name, %container, "a container is unplugged from a network that goes");
        unplug(engine, workshop, &container).await?;
    }
    Ok(Tried::InUse(refusal))
}

/// Takes a container out of a workshop's network; one that isn't in it, or isn't there, is fine.
///
/// A refusal is no error: removing the container, or the network, tells whether it matters.
pub(in super::super) async fn unplug(
    engine: &Engine,
    workshop: &WorkshopId,
    container: &str,
) -> Result<(), ProviderError> {
    let name = names::network(workshop);
    let request = NetworkDisconnectRequest {
        container: container.to_owned(),
        force: Some(true),
    };
    let unplugging = engine.docker().disconnect_network(&name, request);
    let unplugged = engine
        .attempt("unplug", container, WRITE, unplugging)
        .await?;
    if let Err(refusal) = unplugged {
        tracing::debug!(network = %name, container, %refusal, "not unplugged");
    }
    Ok(())
}
