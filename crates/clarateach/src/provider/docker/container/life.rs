//! A container's life: making, starting, stopping and removing it, whatever is inside.

use std::collections::HashMap;
use std::convert::Infallible;
use std::time::Duration;

use bollard::models::{ContainerCreateBody, ContainerSummary};
use bollard::query_parameters::{
    CreateContainerOptionsBuilder, InspectContainerOptions, ListContainersOptionsBuilder,
    RemoveContainerOptionsBuilder, StartContainerOptions, StopContainerOptionsBuilder,
};

use super::super::connect::{Engine, READ, Refusal, WRITE, refused};
use super::super::names;
use super::{Plan, STOP_SECONDS};
use crate::provider::ProviderError;

/// Pause before looking again for what the engine is removing.
const UNDER_WAY: Duration = Duration::from_millis(50);
/// Starts of a container whose ports the engine chose badly.
const PORT_ATTEMPTS: usize = 8;

/// Makes a seat's container without starting it; its id.
pub(in crate::provider::docker) async fn create(
    engine: &Engine,
    plan: &Plan<'_>,
) -> Result<String, ProviderError> {
    create_as(engine, &names::container(&plan.seat.key()), plan.body()).await
}

/// Makes a container of that name without starting it; its id.
pub(in crate::provider::docker) async fn create_as(
    engine: &Engine,
    name: &str,
    body: ContainerCreateBody,
) -> Result<String, ProviderError> {
    let options = CreateContainerOptionsBuilder::new().name(name).build();
    let created = engine
        .call(
            "create the container",
            name,
            WRITE,
            engine.docker().create_container(Some(options), body),
        )
        .await?;
    Ok(created.id)
}

/// Starts a container; one that runs is fine. The inner error is the engine's refusal.
pub(in crate::provider::docker) async fn start(
    engine: &Engine,
    container: &str,
) -> Result<Result<(), Refusal>, ProviderError> {
    let start = || {
        let options = None::<StartContainerOptions>;
        let call = engine.docker().start_container(container, options);
        engine.attempt("start the container", container, WRITE, call)
    };
    for _ in 1..PORT_ATTEMPTS {
        match start().await? {
            // The engine chose a number that somebody else had; the next time it chooses another.
            Err(refusal) if is_about_a_port(&refusal) => {
                tracing::debug!(container, %refusal, "a published port was taken");
            }
            answer => return Ok(answer),
        }
    }
    start().await
}

fn is_about_a_port(refusal: &Refusal) -> bool {
    let words = ["address already in use", "port is already allocated"];
    words.iter().any(|words| refusal.message.contains(words))
}

/// Stops a container; a stopped or absent one is fine.
pub(in crate::provider::docker) async fn stop(
    engine: &Engine,
    container: &str,
) -> Result<(), ProviderError> {
    let options = StopContainerOptionsBuilder::new().t(STOP_SECONDS).build();
    engine
        .find(
            "stop the container",
            container,
            WRITE,
            engine.docker().stop_container(container, Some(options)),
        )
        .await
        .map(drop)
}

/// Freezes a container; one that is frozen already, or doesn't run, is fine.
pub(in crate::provider::docker) async fn pause(
    engine: &Engine,
    container: &str,
) -> Result<(), ProviderError> {
    let call = engine.docker().pause_container(container);
    let operation = "pause the container";
    let paused = engine.attempt(operation, container, READ, call).await?;
    told(operation, container, paused);
    Ok(())
}

/// Lets a frozen container go on; one that isn't is fine.
pub(in crate::provider::docker) async fn unpause(
    engine: &Engine,
    container: &str,
) -> Result<(), ProviderError> {
    let call = engine.docker().unpause_container(container);
    let operation = "unpause the container";
    let unpaused = engine.attempt(operation, container, READ, call).await?;
    told(operation, container, unpaused);
    Ok(())
}

/// A refusal of what may have been done already: whoever asked looks again.
fn told(operation: &str, container: &str, answer: Result<(), Refusal>) {
    if let Err(refusal) = answer {
        tracing::debug!(container, %refusal, "cannot {operation}");
    }
}

/// Kills and removes a container with its anonymous volumes; an absent one is fine.
pub(in crate::provider::docker) async fn remove(
    engine: &Engine,
    container: &str,
) -> Result<(), ProviderError> {
    let options = RemoveContainerOptionsBuilder::new()
        .force(true)
        .v(true)
        .build();
    let operation = "remove the container";
    let removed = engine
        .attempt(
            operation,
            container,
            WRITE,
            engine.docker().remove_container(container, Some(options)),
        )
        .await?;
    match removed {
        Ok(()) | Err(Refusal { status: 404, .. }) => Ok(()),
        // Somebody else's removal of it is under way.
        Err(Refusal { status: 409, .. }) => wait_until_removed(engine, container).await,
        Err(refusal) => Err(refused(operation, container, refusal)),
    }
}

/// The engine's own wait for a removal never ends when it begins a moment after it.
async fn wait_until_removed(engine: &Engine, container: &str) -> Result<(), ProviderError> {
    engine
        .find(
            "remove the container",
            container,
            WRITE,
            look_until_absent(engine, container),
        )
        .await
        .map(drop)
}

async fn look_until_absent(
    engine: &Engine,
    container: &str,
) -> Result<Infallible, bollard::errors::Error> {
    loop {
        let look = None::<InspectContainerOptions>;
        engine.docker().inspect_container(container, look).await?;
        tokio::time::sleep(UNDER_WAY).await;
    }
}

/// Ids of all containers with these labels, running or not.
pub(in crate::provider::docker) async fn ids(
    engine: &Engine,
    labels: Vec<String>,
) -> Result<Vec<String>, ProviderError> {
    let containers = list(engine, labels).await?;
    Ok(containers
        .into_iter()
        .filter_map(|found| found.id)
        .collect())
}

/// All containers with these labels, running or not.
pub(in crate::provider::docker) async fn list(
    engine: &Engine,
    labels: Vec<String>,
) -> Result<Vec<ContainerSummary>, ProviderError> {
    let options = ListContainersOptionsBuilder::new()
        .all(true)
        .filters(&HashMap::from([("label", labels)]))
        .build();
    engine
        .call(
            "list",
            "containers",
            READ,
            engine.docker().list_containers(Some(options)),
        )
        .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_is_told_apart() {
        let refusal = |message: &str| Refusal {
            status: 500,
            message: message.to_owned(),
        };
        let taken = "driver failed programming external connectivity on endpoint x: Error starting userland proxy: listen tcp4 127.0.0.1:32777: bind: address already in use";
        assert!(is_about_a_port(&refusal(taken)));
        assert!(is_about_a_port(&refusal(
            "Bind for 127.0.0.1:32768 failed: port is already allocated"
        )));
        assert!(!is_about_a_port(&refusal("network clarateach-x not found")));
    }
}
