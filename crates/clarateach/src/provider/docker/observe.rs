//! What exists, read from the engine's records alone: seats and workshops.

use std::collections::{BTreeSet, HashMap};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use bollard::models::{
    ContainerInspectResponse, ContainerState, ContainerStateStatusEnum as State, ContainerSummary,
};
use bollard::query_parameters::InspectContainerOptions;
use clarateach_protocol::id::{SeatKey, WorkshopId};

use super::connect::{Engine, READ};
use super::container;
use super::inspections::Inspections;
use super::names::{self, InstanceId, SeatLabels};
use super::published;
use super::reach::Reach;
use super::sidecar::Sidecar;
use crate::model::Reason;
use crate::provider::{BrowserStatus, Endpoints, Instance, InstanceStatus, ProviderError};

/// Exit code of a process that was killed (128 + SIGKILL).
const KILLED: i64 = 137;
/// Exit codes of a seat that was asked to stop: its server obeys, or SIGTERM (128 + 15) ended it.
const STOPPED: [i64; 2] = [0, 143];
/// Exit code of a container that an engine found dead when it started.
const FOUND_DEAD: i64 = 255;

/// A seat's container, and how far it got.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub(super) instance: Instance,
    pub(super) phase: Phase,
    /// Its first process, where the engine's machine is this one.
    pub(super) pid: Option<u32>,
    /// Its browser's container, of use or not.
    pub(super) sidecar: Option<Sidecar>,
    /// How it was made to be reached.
    pub(super) reach: Reach,
    /// Where its browser would answer.
    browser: Option<SocketAddr>,
}

impl Found {
    fn with(mut self, sidecar: Option<Sidecar>) -> Self {
        if let Some(sidecar) = &sidecar {
            let instance = &mut self.instance;
            instance.browser = sidecar.status(&instance.incarnation, self.phase);
            let runs = instance.browser == BrowserStatus::Running;
            instance.endpoints.browser = self.browser.filter(|_| runs);
        }
        self.sidecar = sidecar;
        self
    }
}

/// Where a container is in its life, as far as making a seat minds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Its processes run.
    Running,
    /// Its processes are frozen.
    Paused,
    /// It ran, and can be started again.
    Exited,
    /// It never ran: only good for removing.
    Unusable,
    /// It is being removed, or the engine failed to: only good for removing.
    Removing,
    /// Its network was taken from it, and with it its address or its ports: only good for removing.
    Detached,
}

/// The container of a seat, and its browser's.
pub(super) async fn seat(
    engine: &Engine,
    instance: &InstanceId,
    key: &SeatKey,
) -> Result<Option<Found>, ProviderError> {
    let name = names::container(key);
    let browser = names::browser(key);
    let (seat, sidecar) = tokio::try_join!(inspect(engine, &name), inspect(engine, &browser))?;
    let Some(inspect) = seat else {
        return Ok(None);
    };
    let sidecar = sidecar.and_then(|inspect| Sidecar::read(&inspect, instance));
    let sidecar = sidecar.filter(|sidecar| sidecar.seat == *key);
    match read(&inspect, instance) {
        Some(found) if found.instance.key() == *key => Ok(Some(found.with(sidecar))),
        _ => Err(ProviderError::Engine {
            operation: "use the name",
            subject: name.clone(),
            source: format!(
                "a container that is not this installation's has it. Hint: `docker rm -f {name}` if nothing needs it"
            )
            .into(),
        }),
    }
}

/// All seats of this installation, or of one workshop, ordered.
pub(super) async fn seats(
    engine: &Engine,
    inspections: &Inspections,
    instance: &InstanceId,
    workshop: Option<&WorkshopId>,
) -> Result<Vec<Instance>, ProviderError> {
    let mut labels = vec![names::filter(names::INSTANCE, instance)];
    labels.extend(workshop.map(|id| names::filter(names::WORKSHOP, id)));
    let inspected = inspections.of(engine, labels).await?;
    let sidecars = inspected.iter();
    let mut sidecars: HashMap<SeatKey, Sidecar> = sidecars
        .filter_map(|inspected| inspected.sidecar.clone())
        .map(|sidecar| (sidecar.seat, sidecar))
        .collect();
    // One whose labels are damaged is no seat.
    let seats = inspected.iter();
    let mut seats: Vec<Instance> = seats
        .filter_map(|inspected| inspected.seat.clone())
        .map(|found| {
            let sidecar = sidecars.remove(&found.instance.key());
            found.with(sidecar).instance
        })
        .collect();
    seats.sort_by_key(Instance::key);
    Ok(seats)
}

/// Ids of all containers with these labels: browsers, which go first, and all others.
pub(super) async fn apart(
    engine: &Engine,
    labels: Vec<String>,
) -> Result<(Vec<String>, Vec<String>), ProviderError> {
    let is_browser = |found: &ContainerSummary| {
        let labels = found.labels.as_ref();
        labels
            .and_then(|labels| labels.get(names::TYPE))
            .is_some_and(|it| it == names::TYPE_BROWSER)
    };
    let containers = container::list(engine, labels).await?;
    let (browsers, others): (Vec<_>, Vec<_>) = containers.into_iter().partition(is_browser);
    let ids = |found: Vec<ContainerSummary>| found.into_iter().filter_map(|it| it.id).collect();
    Ok((ids(browsers), ids(others)))
}

/// Workshops of this installation that have a container of any kind.
pub(super) async fn workshops(
    engine: &Engine,
    instance: &InstanceId,
) -> Result<Vec<WorkshopId>, ProviderError> {
    let labels = vec![names::filter(names::INSTANCE, instance)];
    let containers = container::list(engine, labels).await?;
    Ok(containers
        .iter()
        .filter_map(|found| names::workshop(found.labels.as_ref()?))
        .collect())
}

pub(super) async fn inspect(
    engine: &Engine,
    container: &str,
) -> Result<Option<ContainerInspectResponse>, ProviderError> {
    engine
        .find(
            "inspect the container",
            container,
            READ,
            engine
                .docker()
                .inspect_container(container, None::<InspectContainerOptions>),
        )
        .await
}

/// A container as a seat; `None` when it isn't one of ours.
pub(super) fn read(inspect: &ContainerInspectResponse, ours: &InstanceId) -> Option<Found> {
    let labels = inspect.config.as_ref()?.labels.as_ref()?;
    if *labels.get(names::INSTANCE)? != ours.to_string()
        || *labels.get(names::TYPE)? != names::TYPE_WORKSPACE
    {
        return None;
    }
    let SeatLabels {
        key,
        generation,
        spec_digest,
    } = SeatLabels::read(labels)?;
    let id = inspect.id.clone()?;
    let state = inspect.state.as_ref()?;
    let address = address(inspect, &key);
    // Nobody asks a seat that doesn't run.
    let ip = address.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    let doors = published::doors(inspect, ip);
    let phase = match phase(state) {
        Phase::Running | Phase::Paused | Phase::Exited if address.is_none() => Phase::Detached,
        Phase::Running | Phase::Paused if doors.is_none() => Phase::Detached,
        phase => phase,
    };
    let nowhere = SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), 0);
    let started = state.started_at.as_deref().unwrap_or_default();
    let instance = Instance {
        workshop: key.workshop,
        seat: key.seat,
        generation,
        incarnation: format!("{}@{started}", id.get(..12).unwrap_or(&id)),
        spec_digest,
        ip,
        status: status(&key, phase, state),
        endpoints: Endpoints {
            terminal: doors.map_or(nowhere, |doors| doors.terminal),
            files: doors.map_or(nowhere, |doors| doors.files),
            browser: None,
        },
        browser: BrowserStatus::Absent,
        files: BTreeSet::new(),
        id,
    };
    let pid = state.pid.and_then(|pid| u32::try_from(pid).ok());
    Some(Found {
        instance,
        phase,
        pid: pid.filter(|pid| *pid > 0),
        sidecar: None,
        reach: if published::is_published(inspect) {
            Reach::Published
        } else {
            Reach::Bridge
        },
        browser: doors.map(|doors| doors.browser),
    })
}

/// The fixed address, which a stopped container has too.
fn address(inspect: &ContainerInspectResponse, key: &SeatKey) -> Option<IpAddr> {
    let networks = inspect.network_settings.as_ref()?.networks.as_ref()?;
    let endpoint = networks.get(&names::network(&key.workshop))?;
    let fixed = endpoint.ipam_config.as_ref()?.ipv4_address.as_ref()?;
    fixed.parse().ok()
}

pub(super) fn phase(state: &ContainerState) -> Phase {
    match state.status {
        Some(State::RUNNING | State::RESTARTING | State::STOPPING) => Phase::Running,
        Some(State::PAUSED) => Phase::Paused,
        Some(State::EXITED) => Phase::Exited,
        Some(State::REMOVING | State::DEAD) => Phase::Removing,
        _ => Phase::Unusable,
    }
}

fn status(key: &SeatKey, phase: Phase, state: &ContainerState) -> InstanceStatus {
    let reason = match phase {
        Phase::Running => return InstanceStatus::Running,
        Phase::Paused => Reason::new("paused", "somebody paused the seat's container"),
        Phase::Unusable => Reason::new("half_made", "the seat was not made to its end"),
        Phase::Removing => Reason::new("seat_removed", "the seat was removed from outside"),
        Phase::Detached => Reason::new(
            "network_lost",
            "the seat's network was removed from outside",
        ),
        Phase::Exited => exit_reason(key, state),
    };
    InstanceStatus::Stopped {
        reason: Some(reason),
    }
}

fn exit_reason(key: &SeatKey, state: &ContainerState) -> Reason {
    let code = state.exit_code.unwrap_or_default();
    let said = state.error.as_deref().unwrap_or_default();
    if state.oom_killed == Some(true) {
        Reason::new(
            "out_of_memory",
            "the seat used more memory than its limit and was stopped",
        )
    } else if !said.is_empty() {
        Reason::new("start_failed", said)
    } else if code == KILLED {
        Reason::new("killed", "the seat was killed from outside")
    } else if STOPPED.contains(&code) {
        Reason::new("stopped", "the seat was stopped from outside")
    } else if code == FOUND_DEAD {
        Reason::new(
            "engine_restarted",
            "the engine or the machine was restarted",
        )
    } else {
        Reason::new(
            "exited",
            format!("the seat's server ended with code {code}. Hint: `docker logs {key}`"),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stopped(state: ContainerState) -> Reason {
        let key = SeatKey {
            workshop: "ws-abcd1234".parse().unwrap(),
            seat: "1".parse().unwrap(),
        };
        let state = ContainerState {
            status: Some(State::EXITED),
            ..state
        };
        match status(&key, phase(&state), &state) {
            InstanceStatus::Stopped {
                reason: Some(reason),
            } => reason,
            other => panic!("{other:?} is not stopped"),
        }
    }

    #[test]
    fn an_exit_says_why() {
        let oom = ContainerState {
            oom_killed: Some(true),
            exit_code: Some(KILLED),
            ..ContainerState::default()
        };
        assert_eq!(stopped(oom).code, "out_of_memory");
        let killed = ContainerState {
            exit_code: Some(KILLED),
            ..ContainerState::default()
        };
        assert_eq!(stopped(killed).code, "killed");
        let ended = |code| ContainerState {
            exit_code: Some(code),
            ..ContainerState::default()
        };
        assert_eq!(stopped(ended(0)).code, "stopped");
        assert_eq!(stopped(ended(255)).code, "engine_restarted");
        assert!(stopped(ended(3)).message.contains("code 3"));
    }
}
