//! Seats that outlived their database: adopted again from what the provider and the seats say.
//!
//! The provider tells what was made (workshop, seat, generation, settings), the running seats who sits
//! there. What nobody tells is said plainly: names of workshops, owners, ends, keys. A seat whose learner
//! can't be known is locked: nobody inherits its files unless the instructor says so.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use clarateach_protocol::code::{JoinCode, ReconnectCode};
use clarateach_protocol::id::{SeatNumber, WorkshopId};
use clarateach_protocol::route::Service;
use clarateach_protocol::seat::{ExecResult, Health};
use clarateach_protocol::token::Scope;
use http::Method;
use serde_json::json;
use time::OffsetDateTime;

use crate::auth::keys::PlatformKeys;
use crate::auth::secret;
use crate::model::{Secrets, Workshop, WorkshopKind, WorkshopStatus};
use crate::orchestrator::seat_client::{Call, CallError, SeatClient};
use crate::provider::{Instance, InstanceStatus, Provider, ProviderError, SeatSpec};
use crate::service::input;
use crate::store::{self, AdoptedLearner, AdoptedSeat, AdoptedWorkshop, Store, StoreError};

/// For each question to a seat.
const DEADLINE: Duration = Duration::from_secs(5);
/// Tries at a code that no other workshop has.
const CODES: usize = 8;

/// Why nothing was adopted.
#[derive(Debug, thiserror::Error)]
pub enum RecoveryError {
    /// The provider doesn't tell.
    #[error(transparent)]
    Provider(#[from] ProviderError),
    /// The database can't be written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Every code that was drawn was taken.
    #[error("no join code could be drawn for {0}. Hint: try again")]
    NoCode(WorkshopId),
}

/// A workshop that was adopted.
#[derive(Debug, Clone)]
pub struct Adopted {
    /// Which.
    pub id: WorkshopId,
    /// Its new name.
    pub name: String,
    /// Its new join code.
    pub code: JoinCode,
    /// Its new end; `None`: it has none.
    pub ends_at: Option<OffsetDateTime>,
    /// Its seats.
    pub seats: Vec<Found>,
}

/// A seat that was adopted.
#[derive(Debug, Clone)]
pub struct Found {
    /// Its number.
    pub number: SeatNumber,
    /// Who sits there.
    pub occupant: Occupant,
}

/// Who sits on an adopted seat.
#[derive(Debug, Clone)]
pub enum Occupant {
    /// Nobody: the seat says so. It is made anew for whoever comes.
    Nobody,
    /// The seat names them; their new reconnect code lets them in from any device.
    Learner(String, ReconnectCode),
    /// It can't be known: the seat doesn't run, or doesn't answer. It is locked.
    Unknown,
}

/// Whether a data directory has seats and no database: starting on it would remove them.
#[must_use]
pub fn lost_its_database(data_dir: &Path) -> bool {
    !store::is_there(data_dir) && has_seats(data_dir)
}

fn has_seats(data_dir: &Path) -> bool {
    let Ok(entries) = std::fs::read_dir(data_dir.join("seats")) else {
        return false;
    };
    let is_workshop = |name: &str| name.parse::<WorkshopId>().is_ok();
    entries
        .flatten()
        .any(|entry| entry.file_name().to_str().is_some_and(is_workshop))
}

/// Writes every workshop that exists and that the store doesn't know. All are read before the first is
/// written. The caller holds the data directory.
///
/// # Errors
/// When the provider or the store can't be used, or what a seat was made from can't be told.
pub async fn adopt(
    store: &Store,
    provider: &dyn Provider,
    keys: &PlatformKeys,
    length: Option<Duration>,
) -> Result<Vec<Adopted>, RecoveryError> {
    let instances = provider.list(None).await?;
    let mut found = Vec::new();
    for id in provider.list_workshops().await? {
        if store.workshop(id).await?.is_some() {
            continue;
        }
        let specs = provider.recall(&id).await?;
        let Some(first) = specs.first() else {
            // A network without seats: nobody's, and the server removes it.
            continue;
        };
        let mut seats = Vec::new();
        for spec in &specs {
            let instance = instances.iter().find(|it| it.key() == spec.key());
            seats.push(look(spec, instance, keys).await);
        }
        found.push((workshop(first, length), seats));
    }
    let mut adopted = Vec::new();
    for (workshop, seats) in found {
        adopted.push(write(store, workshop, seats).await?);
    }
    Ok(adopted)
}

fn workshop(seat: &SeatSpec, length: Option<Duration>) -> Workshop {
    let now = OffsetDateTime::now_utc();
    Workshop {
        spec: seat.workshop.clone(),
        name: format!("Recovered {}", seat.workshop.id),
        kind: WorkshopKind::Class,
        code: JoinCode::from_random(secret::random_bytes()),
        owner: String::new(),
        status: WorkshopStatus::Ready,
        reason: None,
        env: Secrets(BTreeMap::new()),
        created_at: now,
        starts_at: None,
        ends_at: length.map(|length| now + length),
        idle_after: None,
        kept_until: None,
    }
}

async fn write(
    store: &Store,
    mut workshop: Workshop,
    seats: Vec<(AdoptedSeat, Occupant)>,
) -> Result<Adopted, RecoveryError> {
    for _ in 0..CODES {
        let rows = AdoptedWorkshop {
            workshop: workshop.clone(),
            seats: seats.iter().map(|(seat, _)| seat.clone()).collect(),
        };
        if store.adopt(rows).await? {
            return Ok(Adopted {
                id: workshop.spec.id,
                name: workshop.name,
                code: workshop.code,
                ends_at: workshop.ends_at,
                seats: seats
                    .into_iter()
                    .map(|(seat, occupant)| Found {
                        number: seat.number,
                        occupant,
                    })
                    .collect(),
            });
        }
        workshop.code = JoinCode::from_random(secret::random_bytes());
    }
    Err(RecoveryError::NoCode(workshop.spec.id))
}

async fn look(
    spec: &SeatSpec,
    instance: Option<&Instance>,
    keys: &PlatformKeys,
) -> (AdoptedSeat, Occupant) {
    let running = instance.filter(|it| it.status == InstanceStatus::Running);
    let asked = match running {
        Some(instance) => ask(instance, keys).await,
        None => None,
    };
    let mut seat = AdoptedSeat {
        number: spec.number,
        generation: spec.generation,
        disk: spec.disk,
        locked_at: None,
        learner: None,
    };
    let occupant = match asked {
        Some(None) => {
            // It is the learner's word, if there is one: whoever comes next gets a seat made anew.
            seat.generation = spec.generation.next();
            seat.disk = seat.generation;
            Occupant::Nobody
        }
        Some(Some(name)) => {
            let assignment = secret::random_id("as");
            let code = keys.reconnect_code(&assignment);
            seat.learner = Some(AdoptedLearner {
                assignment,
                name: name.clone(),
                reconnect_hash: secret::hash(code.to_string()),
            });
            Occupant::Learner(name, code)
        }
        None => {
            seat.locked_at = Some(OffsetDateTime::now_utc());
            Occupant::Unknown
        }
    };
    (seat, occupant)
}

/// Whose a running seat is, as it says itself: it is the learner's, so the name is checked like any
/// other, and believed for no more than a name. `None`: it says nothing.
async fn ask(instance: &Instance, keys: &PlatformKeys) -> Option<Option<String>> {
    let client = SeatClient::new(Arc::clone(&keys.signing), instance, DEADLINE);
    match asked(&client).await {
        Ok((Health { bound: None, .. }, _)) => None,
        Ok((_, said)) if said.exit_code == 0 => {
            input::name("name", said.stdout.trim()).ok().map(Some)
        }
        // `printenv` of a variable that isn't set.
        Ok((_, said)) if said.exit_code == 1 => Some(None),
        Ok(_) => None,
        Err(error) => {
            tracing::warn!(seat = %instance.key(), %error, "the seat does not say whose it is");
            None
        }
    }
}

async fn asked(client: &SeatClient) -> Result<(Health, ExecResult), CallError> {
    let health = client.health().await?;
    let question = json!({"argv": ["printenv", "CLARATEACH_LEARNER"], "timeout_seconds": 3});
    let answer = client
        .call(Call {
            service: Service::Files,
            method: Method::POST,
            path: "/exec",
            scope: Some(Scope::Exec),
            body: Some((Bytes::from(question.to_string()), "application/json")),
        })
        .await?;
    let said = serde_json::from_slice(&answer).map_err(|_| CallError::Malformed)?;
    Ok((health, said))
}
