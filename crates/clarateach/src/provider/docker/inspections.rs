//! What inspections told, kept for as long as it is true: a look at a hundred idle seats costs the engine one listing, not a
//! hundred inspections.
//!
//! There is one way to what is kept, [`Inspections::of`], and it begins with a fresh listing. An inspection counts again
//! only for a container that is listed in the very state and at the very network endpoints that were inspected (each start
//! makes new endpoints), while the engine's events are listened to and told nothing of it since (limits are not listed), and
//! not for long: an engine drops the events of whoever is slow to take them.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bollard::models::{
    ContainerInspectResponse, ContainerSummary, EndpointSettings, EventMessage,
    EventMessageTypeEnum,
};
use futures_util::stream::{self, StreamExt, TryStreamExt};
use tokio::time::Instant;

use super::connect::Engine;
use super::container::{self, Limits};
use super::names::InstanceId;
use super::observe::{self, Found};
use super::sidecar::Sidecar;
use crate::provider::ProviderError;

/// Inspections at once: more only queue up inside the engine.
const AT_ONCE: usize = 16;
/// A container is inspected again after this time, whatever was heard of it.
const OLDEST: Duration = Duration::from_secs(300);

/// One of this installation's containers, as it is.
#[derive(Debug)]
pub(super) struct Inspected {
    pub(super) id: String,
    /// Where it is a seat.
    pub(super) seat: Option<Found>,
    /// Where it is a seat's browser.
    pub(super) sidecar: Option<Sidecar>,
    /// It has processes, frozen ones counted.
    pub(super) runs: bool,
    /// What it is held to, where that can be read.
    pub(super) limits: Option<Limits>,
    /// The networks that it is in.
    pub(super) networks: Vec<String>,
}

/// Inspections of this installation's containers.
#[derive(Debug)]
pub(super) struct Inspections {
    instance: InstanceId,
    /// Held while it is looked: who looks at the same moment finds what was inspected.
    looking: tokio::sync::Mutex<()>,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    listeners: usize,
    containers: HashMap<String, Entry>,
}

#[derive(Debug)]
enum Entry {
    /// It is being inspected.
    Asked,
    Told {
        shape: Shape,
        at: Instant,
        inspected: Arc<Inspected>,
    },
}

/// What listings and inspections both show, and every start, stop, pause and change of networks changes.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Shape {
    state: String,
    /// Each network's name and the id of the endpoint in it.
    endpoints: BTreeMap<String, String>,
}

impl Shape {
    fn new(state: Option<String>, networks: Option<&HashMap<String, EndpointSettings>>) -> Self {
        let endpoints = networks.into_iter().flatten();
        let endpoints = endpoints.map(|(network, endpoint)| {
            let id = endpoint.endpoint_id.clone().unwrap_or_default();
            (network.clone(), id)
        });
        Self {
            state: state.unwrap_or_default(),
            endpoints: endpoints.collect(),
        }
    }

    fn listed(container: &ContainerSummary) -> Self {
        let state = container.state.as_ref().map(ToString::to_string);
        let networks = container.network_settings.as_ref();
        Self::new(state, networks.and_then(|it| it.networks.as_ref()))
    }

    fn inspected(container: &ContainerInspectResponse) -> Self {
        let state = container.state.as_ref().and_then(|it| it.status.as_ref());
        let networks = container.network_settings.as_ref();
        let networks = networks.and_then(|it| it.networks.as_ref());
        Self::new(state.map(ToString::to_string), networks)
    }
}

/// The engine's events are heard, from the moment at which this is made until it is dropped.
#[derive(Debug)]
pub(super) struct Listening(Arc<Inspections>);

impl Drop for Listening {
    fn drop(&mut self) {
        let mut kept = self.0.lock();
        kept.listeners = kept.listeners.saturating_sub(1);
        kept.containers.clear();
    }
}

impl Listening {
    /// An event, which may be of anybody's container or network.
    pub(super) fn heard(&self, event: &EventMessage) {
        let actor = event.actor.as_ref();
        let container = match event.typ {
            Some(EventMessageTypeEnum::CONTAINER) => actor.and_then(|it| it.id.as_ref()),
            _ => actor
                .and_then(|it| it.attributes.as_ref())
                .and_then(|it| it.get("container")),
        };
        match container {
            Some(id) => self.0.forget(id),
            None => self.0.lock().containers.clear(),
        }
    }
}

impl Inspections {
    pub(super) fn new(instance: InstanceId) -> Self {
        Self {
            instance,
            looking: tokio::sync::Mutex::default(),
            kept: Mutex::default(),
        }
    }

    /// From here on [`Listening::heard`] is told of every event; nothing is kept while nobody listens.
    pub(super) fn listen(self: &Arc<Self>) -> Listening {
        self.lock().listeners += 1;
        Listening(Arc::clone(self))
    }

    /// All containers with these labels, running or not.
    pub(super) async fn of(
        &self,
        engine: &Engine,
        labels: Vec<String>,
    ) -> Result<Vec<Arc<Inspected>>, ProviderError> {
        let _alone = self.looking.lock().await;
        let listed = container::list(engine, labels).await?;
        stream::iter(listed)
            .map(|container| self.one(engine, container))
            .buffer_unordered(AT_ONCE)
            // One that was removed meanwhile is none.
            .try_filter_map(|inspected| async move { Ok(inspected) })
            .try_collect()
            .await
    }

    async fn one(
        &self,
        engine: &Engine,
        listed: ContainerSummary,
    ) -> Result<Option<Arc<Inspected>>, ProviderError> {
        let shape = Shape::listed(&listed);
        let Some(id) = listed.id else {
            return Ok(None);
        };
        if let Some(known) = self.find(&id, &shape, Instant::now()) {
            return Ok(Some(known));
        }
        self.ask(&id);
        let Some(inspect) = observe::inspect(engine, &id).await? else {
            self.forget(&id);
            return Ok(None);
        };
        let inspected = Arc::new(self.read(id, &inspect));
        self.keep(Shape::inspected(&inspect), Instant::now(), &inspected);
        Ok(Some(inspected))
    }

    fn read(&self, id: String, inspect: &ContainerInspectResponse) -> Inspected {
        let networks = inspect.network_settings.as_ref();
        let networks = networks.and_then(|settings| settings.networks.as_ref());
        Inspected {
            id,
            seat: observe::read(inspect, &self.instance),
            sidecar: Sidecar::read(inspect, &self.instance),
            runs: inspect.state.as_ref().and_then(|it| it.running) == Some(true),
            limits: Limits::in_force(inspect),
            networks: networks.map_or_else(Vec::new, |it| it.keys().cloned().collect()),
        }
    }

    /// What was told of it is no longer so.
    pub(super) fn forget(&self, id: &str) {
        self.lock().containers.remove(id);
    }

    fn find(&self, id: &str, listed: &Shape, now: Instant) -> Option<Arc<Inspected>> {
        match self.lock().containers.get(id)? {
            Entry::Told {
                shape,
                at,
                inspected,
            } if shape == listed && now.duration_since(*at) < OLDEST => Some(Arc::clone(inspected)),
            Entry::Told { .. } | Entry::Asked => None,
        }
    }

    fn ask(&self, id: &str) {
        let mut kept = self.lock();
        if kept.listeners > 0 {
            kept.containers.insert(id.to_owned(), Entry::Asked);
        }
    }

    /// Keeps what was told, unless something was heard of the container since it was asked about.
    fn keep(&self, shape: Shape, at: Instant, inspected: &Arc<Inspected>) {
        if let Some(entry) = self.lock().containers.get_mut(&inspected.id)
            && matches!(entry, Entry::Asked)
        {
            let inspected = Arc::clone(inspected);
            *entry = Entry::Told {
                shape,
                at,
                inspected,
            };
        }
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
