//! Seats one at a time, as another program asks for them: made, found and removed by the provider's
//! records alone.
//!
//! Nothing is wanted here and nothing remembered, so nothing is healed either: who wants a seat asks for
//! it, once more where it stopped. Start at [`Direct::ensure`].

use std::sync::Arc;

use clarateach_protocol::id::{SeatKey, WorkshopId};
use clarateach_protocol::seat::Binding;
use clarateach_protocol::token::{Scope, SigningKey};
use tokio::sync::{Mutex, RwLock};
use tokio_util::sync::CancellationToken;

use super::calls::Calls;
use super::hands::RemovalError;
use super::probe::ProbeError;
use super::seat_client::SeatClient;
use super::settings::Settings;
use crate::model::WorkshopSpec;
use crate::provider::{Instance, InstanceStatus, Progress, Provider, ProviderError, SeatSpec};

/// Locks for workshops, and for seats; two may share one, which costs time only.
const LOCKS: usize = 64;

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub enum DirectError {
    /// The provider could not.
    #[error(transparent)]
    Provider(#[from] ProviderError),
    /// The seat runs and is not what a learner needs.
    #[error("the seat does not work: {0}")]
    Probe(#[from] ProbeError),
    /// A stopped seat is there that was made from something else.
    #[error("the seat {0} was made with other settings and is stopped. Hint: remove it first")]
    Differs(SeatKey),
    /// Something is left after a removal.
    #[error("something of the workshop is left after its removal. Hint: remove it again")]
    Leftover,
}

/// Whether a seat was there before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Made {
    /// No.
    Now,
    /// Yes.
    Before,
}

/// What is done for one caller at a time, and for nobody else.
pub struct Direct {
    calls: Calls,
    /// Held for reading while a workshop gets something, for writing while it is removed.
    workshops: [RwLock<()>; LOCKS],
    /// One caller at a time for each seat: what one made, another does not remove.
    seats: [Mutex<()>; LOCKS],
}

impl Direct {
    /// On a provider whose seats trust `key`.
    #[must_use]
    pub fn new(provider: Arc<dyn Provider>, key: Arc<SigningKey>, settings: Settings) -> Self {
        Self {
            calls: Calls::new(provider, key, settings),
            workshops: std::array::from_fn(|_| RwLock::default()),
            seats: std::array::from_fn(|_| Mutex::default()),
        }
    }

    /// Makes a seat that isn't there, starts one that stopped, and answers when it works. With a binding
    /// it has that one then; without, one that is bound keeps what it has.
    ///
    /// # Errors
    /// Why it could not be made, or doesn't work. One that was made now is removed again.
    pub async fn ensure(
        &self,
        spec: &SeatSpec,
        binding: Option<Binding>,
    ) -> Result<(Instance, Made), DirectError> {
        let key = spec.key();
        let _there = self.lock(&key.workshop).read().await;
        let _alone = self.lock_seat(&key).lock().await;
        let made = match self.find(&key).await? {
            Some(_) => Made::Before,
            None => Made::Now,
        };
        let brought = self.bring(spec).await;
        let result = match brought {
            Ok(instance) => self
                .prove(&instance, binding)
                .await
                .map(|()| (instance, made)),
            Err(error) => Err(error),
        };
        if result.is_err() && made == Made::Now {
            // What is left of it then, the next call for it finds.
            if let Err(error) = self.calls.destroy(&key).await {
                tracing::warn!(seat = %key, %error, "a seat that could not be made cannot be removed");
            }
        }
        result
    }

    /// Brings a seat up, with a few tries where the engine may do better the next time.
    async fn bring(&self, spec: &SeatSpec) -> Result<Instance, DirectError> {
        let settings = &self.calls.settings;
        let mut failures = 0;
        loop {
            let error = match self.bring_once(spec).await {
                Err(DirectError::Provider(error)) => error,
                done => return done,
            };
            failures += 1;
            if failures >= settings.attempts || !error.is_retryable() {
                return Err(error.into());
            }
            tracing::info!(seat = %spec.key(), %error, failures, "making the seat is tried again");
            tokio::time::sleep(settings.backoff.pause(failures)).await;
        }
    }

    async fn bring_once(&self, spec: &SeatSpec) -> Result<Instance, DirectError> {
        self.calls
            .prepare(&spec.workshop, &Progress::silent())
            .await?;
        match self.calls.create(spec, &Progress::silent()).await {
            // Made before this program was given other settings.
            Err(ProviderError::Conflict(other)) if other.status == InstanceStatus::Running => {
                Ok(*other)
            }
            Err(ProviderError::Conflict(other)) => Err(DirectError::Differs(other.key())),
            done => Ok(done?),
        }
    }

    /// Whether a learner could work there; bound as wanted afterwards.
    async fn prove(
        &self,
        instance: &Instance,
        binding: Option<Binding>,
    ) -> Result<(), DirectError> {
        let binding = match binding {
            Some(binding) => binding,
            None => match self.calls.ask(instance).await {
                Ok(Some(_)) => return Ok(()),
                // It may be starting: the probe waits for it.
                Ok(None) | Err(_) => Binding {
                    learner: None,
                    env: std::collections::BTreeMap::new(),
                    files: Vec::new(),
                },
            },
        };
        let probed = self.calls.probe(instance.clone(), binding, |_| ());
        Ok(probed.await.result?)
    }

    /// Every seat of a workshop, ordered.
    ///
    /// # Errors
    /// When the provider can't tell.
    pub async fn list(&self, workshop: &WorkshopId) -> Result<Vec<Instance>, DirectError> {
        Ok(self.calls.list(workshop).await?)
    }

    /// One seat; `None` where there is none.
    ///
    /// # Errors
    /// When the provider can't tell.
    pub async fn find(&self, seat: &SeatKey) -> Result<Option<Instance>, DirectError> {
        let all = self.calls.list(&seat.workshop).await?;
        Ok(all.into_iter().find(|it| it.seat == seat.seat))
    }

    /// Removes a seat with its files; an absent one is fine.
    ///
    /// # Errors
    /// When something of it may be left.
    pub async fn remove(&self, seat: &SeatKey) -> Result<(), DirectError> {
        let _there = self.lock(&seat.workshop).read().await;
        let _alone = self.lock_seat(seat).lock().await;
        Ok(self.calls.destroy(seat).await?)
    }

    /// Removes a workshop's seats and its network; an absent one is fine.
    ///
    /// # Errors
    /// When something of it may be left.
    pub async fn remove_workshop(&self, workshop: WorkshopId) -> Result<(), DirectError> {
        let _alone = self.lock(&workshop).write().await;
        self.calls
            .destroy_workshop(workshop)
            .await
            .map_err(|error| match error {
                RemovalError::Provider(error) => error.into(),
                RemovalError::Leftover | RemovalError::Store(_) => DirectError::Leftover,
            })
    }

    /// A token with which a seat's own server lets its bearer in, for a minute.
    #[must_use]
    pub fn token(&self, seat: &Instance, scopes: Vec<Scope>) -> String {
        let deadline = self.calls.settings.deadlines.probe_step;
        SeatClient::new(Arc::clone(&self.calls.key), seat, deadline).token_for(scopes)
    }

    /// Whether the provider answers.
    ///
    /// # Errors
    /// Why it doesn't.
    pub async fn check(&self, workshop: &WorkshopSpec) -> Result<(), ProviderError> {
        self.calls.preflight(workshop).await
    }

    /// Asserts network, firewall and isolated ports of every workshop that has seats, now and again,
    /// until it is stopped: rules may be flushed, and a reboot takes them.
    pub async fn keep(&self, spec: impl Fn(WorkshopId) -> WorkshopSpec, stop: CancellationToken) {
        let every = self.calls.settings.reconcile_every;
        loop {
            let asserting = stop.run_until_cancelled(self.assert_all(&spec)).await;
            if asserting.is_none() {
                return;
            }
            let pause = stop.run_until_cancelled(tokio::time::sleep(every)).await;
            if pause.is_none() {
                return;
            }
        }
    }

    async fn assert_all(&self, spec: &impl Fn(WorkshopId) -> WorkshopSpec) {
        let workshops = match self.calls.list_workshops().await {
            Ok(workshops) => workshops,
            Err(error) => {
                tracing::warn!(%error, "cannot look which workshops are there");
                return;
            }
        };
        for workshop in workshops {
            let _there = self.lock(&workshop).read().await;
            let seats = self.calls.list(&workshop).await;
            let runs = |seat: &Instance| seat.status == InstanceStatus::Running;
            let asserted = match seats {
                Ok(seats) if seats.iter().any(runs) => {
                    let spec = spec(workshop);
                    self.calls.prepare(&spec, &Progress::silent()).await
                }
                // Nobody is there to be isolated; the next call for a seat asserts it.
                Ok(_) => Ok(()),
                Err(error) => Err(error),
            };
            if let Err(error) = asserted {
                tracing::warn!(%workshop, %error, "cannot assert the workshop's network");
            }
        }
    }

    fn lock_seat(&self, seat: &SeatKey) -> &Mutex<()> {
        &self.seats[(sum_of(&seat.workshop) + usize::from(seat.seat.get())) % LOCKS]
    }

    fn lock(&self, workshop: &WorkshopId) -> &RwLock<()> {
        &self.workshops[sum_of(workshop) % LOCKS]
    }
}

fn sum_of(workshop: &WorkshopId) -> usize {
    workshop.short().bytes().map(usize::from).sum()
}
