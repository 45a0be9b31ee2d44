//! Brings what exists to what should exist, and keeps it so.
//!
//! The store says what should be, the provider what is; [`reconcile::plan`] decides what to do, and a
//! loop a workshop does it: in parallel, with deadlines, tries and pauses. Everything is
//! level-triggered: a lost hint, a crash or a failed call costs time, never correctness. Knows no
//! concrete provider, no HTTP route of the platform and no SQL. Start at [`Orchestrator::start`].

mod boot;
mod calls;
pub mod direct;
mod hands;
mod mailbox;
pub mod probe;
mod progress;
pub mod reconcile;
mod seat;
mod seat_browser;
pub mod seat_client;
mod settings;
mod sight;
mod stage;
mod supervisor;
mod workshop;

use std::sync::{Arc, Mutex, PoisonError};

use clarateach_protocol::id::{Generation, SeatKey, WorkshopId};
use clarateach_protocol::seat::Stats;
use clarateach_protocol::token::SigningKey;
use tokio::sync::{Semaphore, broadcast};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::browsers::Browsers;
use crate::directory::Directory;
use crate::model::{Capacity, WorkshopSpec};
use crate::provider::{Endpoints, ImageReport, Provider, ProviderError, ProviderReport};
use crate::store::Store;
use calls::Calls;
use hands::Hands;
use mailbox::Mailbox;
use progress::Board;
pub use progress::{ProgressPhase, ProgressView};
use seat_client::{CallError, SeatClient};
pub use settings::{Backoff, Deadlines, HealthSettings, Settings};
use supervisor::{Message, Supervisor};

/// What the orchestrator works with.
pub struct Parts {
    /// What should be, and what was observed.
    pub store: Store,
    /// What makes seats.
    pub provider: Arc<dyn Provider>,
    /// What the proxy looks up. Its tenancies are set before the orchestrator starts, and before it
    /// is woken for a new seat or generation.
    pub directory: Arc<Directory>,
    /// Who wants a browser, and what there is of each.
    pub browsers: Arc<Browsers>,
    /// Signs what seats are asked with.
    pub key: Arc<SigningKey>,
}

/// A running orchestrator; dropping it stops it.
pub struct Orchestrator {
    hands: Hands,
    board: Arc<Board>,
    mail: Arc<Mailbox<Message>>,
    cancel: CancellationToken,
    tasks: Mutex<JoinSet<()>>,
}

impl Orchestrator {
    /// Begins with everything that should exist, adopts what does, and removes what is left behind.
    /// Needs a runtime.
    #[must_use]
    pub fn start(parts: Parts, settings: Settings) -> Self {
        let board = Arc::new(Board::new());
        let mail = Arc::new(Mailbox::new());
        let cancel = CancellationToken::new();
        let hands = Hands {
            patient_permits: Arc::new(Semaphore::new(settings.parallel_ahead)),
            browsers: parts.browsers,
            calls: Calls::new(parts.provider, parts.key, settings),
            store: parts.store,
        };
        let supervisor = Supervisor::new(
            hands.clone(),
            parts.directory,
            Arc::clone(&board),
            Arc::clone(&mail),
            cancel.clone(),
        );
        let mut tasks = JoinSet::new();
        tasks.spawn(supervisor.run());
        Self {
            hands,
            board,
            mail,
            cancel,
            tasks: Mutex::new(tasks),
        }
    }

    /// Whether a workshop could be made at all; makes nothing.
    ///
    /// # Errors
    /// Why it could not.
    pub async fn preflight(&self, workshop: &WorkshopSpec) -> Result<(), ProviderError> {
        self.hands.calls.preflight(workshop).await
    }

    /// What of the provider works, what doesn't, and what to do.
    ///
    /// # Errors
    /// When it can't even be asked.
    pub async fn check(&self) -> Result<ProviderReport, ProviderError> {
        self.hands.calls.check().await
    }

    /// What an image brings and lacks for seats; it is pulled where it is missing.
    ///
    /// # Errors
    /// Why it can't be had or looked into.
    pub async fn check_image(&self, image: &str) -> Result<ImageReport, ProviderError> {
        self.hands.calls.check_image(image).await
    }

    /// What the machine has for seats; `None` where nothing limits them.
    ///
    /// # Errors
    /// When the provider can't tell.
    pub async fn capacity(&self) -> Result<Option<Capacity>, ProviderError> {
        self.hands.calls.capacity().await
    }

    /// What a seat uses, and what was done in it.
    ///
    /// # Errors
    /// When it doesn't answer in time, or not as the contract says.
    pub async fn stats(
        &self,
        seat: SeatKey,
        generation: Generation,
        endpoints: Endpoints,
    ) -> Result<Stats, CallError> {
        let calls = &self.hands.calls;
        let after = calls.settings.health.deadline;
        let client = SeatClient::at(Arc::clone(&calls.key), (seat, generation), endpoints, after);
        client.stats().await
    }

    /// Says that what is wanted of a workshop may have changed; call it after the commit. Whoever
    /// subscribed hears of it too.
    pub fn wake(&self, workshop: WorkshopId) {
        self.board.announce(workshop);
        self.mail.put(Message::Wake(workshop));
    }

    /// Tries a failed seat again.
    pub fn retry(&self, seat: SeatKey) {
        self.mail.put(Message::Retry(seat));
    }

    /// How far a workshop is, while it is being made or removed.
    #[must_use]
    pub fn progress(&self, workshop: WorkshopId) -> Option<ProgressView> {
        self.board.view(&workshop)
    }

    /// Whether each of the first `seats` seats is live and has this binding.
    #[must_use]
    pub fn is_bound(&self, workshop: WorkshopId, seats: u16, digest: &str) -> bool {
        self.board.is_bound(&workshop, seats, digest)
    }

    /// Workshops of which something changed that can be observed or is wanted, from now on. Who lags reads again.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<WorkshopId> {
        self.board.subscribe()
    }

    /// Stops; seats go on running. What was under way is cut off and found by the next start.
    pub async fn shutdown(&self) {
        self.cancel.cancel();
        let mut tasks =
            std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        while tasks.join_next().await.is_some() {}
    }
}

#[cfg(test)]
mod tests;
