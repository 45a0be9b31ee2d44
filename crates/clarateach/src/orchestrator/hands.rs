//! The orchestrator's hands: calls to provider and seats (`calls`), and to the store. None has a decision.

use std::sync::Arc;
use std::time::Duration;

use clarateach_protocol::id::{Generation, SeatNumber, WorkshopId};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::calls::Calls;
use super::probe::ProbeError;
use super::probe::browser::BrowserError;
use super::sight::Since;
use crate::browser::BrowserDoor;
use crate::browsers::Browsers;
use crate::model::{DesiredWorkshop, Seat, Workshop, WorkshopKind};
use crate::provider::{Instance, ProviderError};
use crate::store::{Store, StoreError};

/// What outward calls need.
#[derive(Clone)]
pub(super) struct Hands {
    /// Calls to provider and seats.
    pub(super) calls: Calls,
    pub(super) store: Store,
    pub(super) browsers: Arc<Browsers>,
    /// Places for workshops that nobody waits for.
    pub(super) patient_permits: Arc<Semaphore>,
}

/// What came of an outward call.
pub(super) enum Outcome {
    Looked(Result<Look, LookError>),
    Prepared(Result<(), ProviderError>),
    Acted(SeatNumber, Begun, Acted),
    Asked(SeatNumber, Asked, Result<Option<String>, ProbeError>),
    BrowserProbed(SeatNumber, String, Result<Arc<BrowserDoor>, BrowserError>),
    WorkshopDestroyed(Result<(), RemovalError>),
}

/// How it was when an action on a seat began.
#[derive(Debug, Clone, Copy)]
pub(super) struct Begun {
    /// The generation that it was for.
    pub(super) generation: Generation,
    pub(super) since: Since,
}

/// Whom a question after a seat's health was put to.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    /// The start of the seat.
    pub(super) incarnation: String,
    pub(super) since: Since,
}

/// What came of an action on a seat.
pub(super) enum Acted {
    Created(Result<Instance, ProviderError>),
    Stopped(Result<(), ProviderError>),
    BrowserSet(Result<Instance, ProviderError>),
    Reconnected(Result<Instance, ProviderError>),
    Probed(Answer),
    Bound(Answer),
    Destroyed(Result<(), ProviderError>),
    Discarded(Result<(), ProviderError>),
}

impl Acted {
    /// Whether the provider was away when it was to be done.
    pub(super) fn found_nobody(&self) -> bool {
        let error = match self {
            Self::Created(Err(error)) | Self::BrowserSet(Err(error)) => error,
            Self::Stopped(Err(error)) | Self::Destroyed(Err(error)) => error,
            Self::Discarded(Err(error)) | Self::Reconnected(Err(error)) => error,
            Self::Probed(answer) => match &answer.result {
                Err(ProbeError::Open(error)) => error,
                _ => return false,
            },
            _ => return false,
        };
        error.is_absence()
    }
}

/// What a seat answered to a probe or a binding.
pub(super) struct Answer {
    pub(super) incarnation: String,
    pub(super) digest: String,
    pub(super) result: Result<(), ProbeError>,
}

/// What should be, what is, and what was said of it before, at one time.
pub(super) struct Look {
    pub(super) desired: Option<DesiredWorkshop>,
    pub(super) instances: Vec<Instance>,
    pub(super) told: Told,
}

/// What the store says of a workshop and its seats: this process or one before it told it so.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) workshop: Option<Workshop>,
    pub(super) seats: Vec<Seat>,
}

/// Whose word counts for what was before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Memory {
    /// The loop's own.
    Own,
    /// The store's: the loop has none yet.
    Stored,
}

/// Why nothing could be seen.
#[derive(Debug, thiserror::Error)]
pub(super) enum LookError {
    #[error(transparent)]
    Store(#[from] StoreError),
    /// With what the store says all the same.
    #[error("{0}")]
    Blind(ProviderError, Box<(Option<DesiredWorkshop>, Told)>),
    #[error("the store took longer than {} s", .0.as_secs())]
    StoreDeadline(Duration),
}

/// Why a workshop could not be removed.
#[derive(Debug, thiserror::Error)]
pub(super) enum RemovalError {
    #[error(transparent)]
    Provider(#[from] ProviderError),
    #[error("something of the workshop is left after its removal")]
    Leftover,
    #[error(transparent)]
    Store(#[from] LookError),
}

impl Hands {
    /// Hands that leave the others room, where nobody waits for the workshop.
    pub(super) fn of(&self, kind: WorkshopKind) -> Self {
        let mut hands = self.clone();
        if kind == WorkshopKind::Standby {
            hands.calls.permits = Arc::clone(&self.patient_permits);
        }
        hands
    }

    /// Everything that the store or the provider know of.
    ///
    /// The provider is asked first: what it has by then, the store knew before.
    pub(super) async fn sweep(&self) -> Result<Vec<WorkshopId>, LookError> {
        let there = self.calls.list_workshops().await;
        let mut found = self.wanted().await?;
        match there {
            Ok(there) => found.extend(there),
            // What should exist can still be worked on, once the engine answers.
            Err(error) => tracing::warn!(%error, "cannot look for workshops left behind"),
        }
        found.sort_unstable();
        found.dedup();
        Ok(found)
    }

    /// Workshops that the store wants something of.
    pub(super) async fn wanted(&self) -> Result<Vec<WorkshopId>, LookError> {
        self.read(self.store.desired_workshops()).await
    }

    /// What should be and what is of one workshop; what was told of it where that is asked for.
    pub(super) async fn look(
        &self,
        workshop: WorkshopId,
        memory: Memory,
    ) -> Result<Look, LookError> {
        let instances = self.calls.list(&workshop).await;
        let desired = self.read(self.store.desired(&workshop)).await?;
        let told = match memory {
            Memory::Own => Told::default(),
            Memory::Stored => Told {
                workshop: self.read(self.store.workshop(workshop)).await?,
                seats: self.read(self.store.seats(workshop)).await?,
            },
        };
        match instances {
            Ok(instances) => Ok(Look {
                desired,
                instances,
                told,
            }),
            Err(error) => Err(LookError::Blind(error, Box::new((desired, told)))),
        }
    }

    /// A call to the store, with a deadline.
    pub(super) async fn read<T>(
        &self,
        call: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, LookError> {
        let after = self.calls.settings.deadlines.look;
        let answer = timeout(after, call).await;
        Ok(answer.map_err(|_| LookError::StoreDeadline(after))??)
    }
}
