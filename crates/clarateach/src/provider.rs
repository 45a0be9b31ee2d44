//! The contract between the orchestrator and whatever makes seats.
//!
//! Every call is idempotent: twice, or again after a kill in the middle, gives the same result. A
//! provider's own records (labels) are the source of truth for what exists; it never reads the store.
//! Providers: `docker`, `simulated`. Start at [`Provider`].

pub mod docker;
mod error;
mod progress;
mod report;
pub mod residue;
pub mod simulated;
mod spec_text;

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

use async_trait::async_trait;
use clarateach_protocol::id::{Generation, SeatKey, SeatNumber, WorkshopId};
use futures_util::stream::BoxStream;
use sha2::{Digest, Sha256};

use crate::browser::BrowserDoor;
use crate::model::{Capacity, Reason, WorkshopSpec};
pub use error::{ProviderError, Source};
pub use progress::{Phase, Progress, Pulled, Told};
pub use report::{Finding, ImageReport, Level, ProviderReport};

/// Makes, finds and removes seats.
#[async_trait]
pub trait Provider: Send + Sync {
    /// Whether a workshop could be made at all: the engine answers, the image is there or can be
    /// pulled, seats can be isolated. Makes nothing, answers within seconds.
    async fn preflight(&self, workshop: &WorkshopSpec) -> Result<(), ProviderError>;

    /// What an image brings and lacks for seats; it is pulled where it is missing. No seat is made.
    async fn check_image(
        &self,
        image: &str,
        progress: &Progress,
    ) -> Result<ImageReport, ProviderError>;

    /// Makes what all seats of a workshop need: image, network, firewall. Asserted again by every
    /// reconcile.
    async fn prepare(
        &self,
        workshop: &WorkshopSpec,
        progress: &Progress,
    ) -> Result<(), ProviderError>;

    /// Makes a seat and starts it; a stopped one of the same generation is started again (a new
    /// incarnation). One with the same generation and digest that runs is returned as it is; any
    /// other is [`ProviderError::Conflict`].
    async fn create_telling(
        &self,
        seat: &SeatSpec,
        progress: &Progress,
    ) -> Result<Instance, ProviderError>;

    /// [`Provider::create_telling`], for who doesn't want to hear how far it is.
    async fn create(&self, seat: &SeatSpec) -> Result<Instance, ProviderError> {
        self.create_telling(seat, &Progress::silent()).await
    }

    /// Brings a running seat's browser to a state; [`BrowserState::Absent`] a stopped one's too. A
    /// browser belongs to one incarnation of its seat: what is [`BrowserStatus::Stale`] is made anew.
    async fn set_browser(
        &self,
        seat: &SeatKey,
        want: BrowserState,
    ) -> Result<Instance, ProviderError>;

    /// The way to the browser that runs beside the present start of a seat; `None`: none runs there.
    async fn browser_door(&self, seat: &SeatKey) -> Result<Option<BrowserDoor>, ProviderError>;

    /// Stops a seat's processes, its browser's too, and keeps its files; [`Provider::create`] starts it
    /// again. A stopped or absent one is fine. For a seat that runs and doesn't answer.
    async fn stop(&self, seat: &SeatKey) -> Result<(), ProviderError>;

    /// Makes the way to a running seat anew where that leads through the engine (published ports), which may have lost it
    /// while it was away: its programs go on, its endpoints may be others. Elsewhere nothing is done.
    async fn reconnect(&self, seat: &SeatKey) -> Result<Instance, ProviderError>;

    /// Removes a seat with all that it holds; an absent one is fine.
    async fn destroy(&self, seat: &SeatKey) -> Result<(), ProviderError>;

    /// Removes a seat with all but the files of these generations; an absent one is fine.
    async fn retire(
        &self,
        seat: &SeatKey,
        keep: &BTreeSet<Generation>,
    ) -> Result<(), ProviderError>;

    /// Removes a seat's files of other generations than these; the seat stays as it is.
    async fn discard(
        &self,
        seat: &SeatKey,
        keep: &BTreeSet<Generation>,
    ) -> Result<(), ProviderError>;

    /// Removes a workshop's seats and what [`Provider::prepare`] made for it; absent is fine.
    async fn destroy_workshop(&self, workshop: &WorkshopId) -> Result<Removal, ProviderError>;

    /// Every seat of this installation, or of one workshop: the source of truth.
    async fn list(&self, workshop: Option<&WorkshopId>) -> Result<Vec<Instance>, ProviderError>;

    /// Asserts what keeps a running seat's neighbours from it; called before a seat is announced, whoever
    /// started it: a call that a dead process had begun, say.
    async fn seal(&self, seat: &SeatKey) -> Result<(), ProviderError>;

    /// Workshops of this installation that have anything at all left, seats or not.
    async fn list_workshops(&self) -> Result<Vec<WorkshopId>, ProviderError>;

    /// What a workshop's seats were made from, as far as the records tell: for a store that lost it.
    async fn recall(&self, _workshop: &WorkshopId) -> Result<Vec<SeatSpec>, ProviderError> {
        Err(ProviderError::Unsupported {
            what: "adopting seats without a database",
        })
    }

    /// What it says by itself: hints only, reconcile decides.
    fn changes(&self) -> BoxStream<'static, Change>;

    /// What the machine has for seats; `None` where nothing limits them.
    async fn capacity(&self) -> Result<Option<Capacity>, ProviderError>;

    /// What works, what doesn't, and what to do.
    async fn check(&self) -> Result<ProviderReport, ProviderError>;
}

/// What a provider says by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Something happened to a seat.
    Seat(SeatKey),
    /// It can't be asked, or could not for a moment: what happened meanwhile it doesn't tell, and seats whose way goes
    /// through it may not have been reached.
    Away,
    /// It can be asked again.
    Back,
}

/// What is left of a workshop whose seats and files are gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removal {
    /// Nothing.
    Whole,
    /// A network that nobody is in and that the engine keeps until it is restarted. The workshop is over all the
    /// same; [`Provider::list_workshops`] names it until a later removal succeeds.
    EmptyNetwork,
}

/// What a seat is made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeatSpec {
    /// What it shares with the workshop's other seats.
    pub workshop: WorkshopSpec,
    /// Its number.
    pub number: SeatNumber,
    /// Which generation of it.
    pub generation: Generation,
    /// The generation whose files it has: its own, or an earlier one's where a reset was undone.
    pub disk: Generation,
}

impl SeatSpec {
    /// Which seat.
    #[must_use]
    pub fn key(&self) -> SeatKey {
        SeatKey {
            workshop: self.workshop.id,
            seat: self.number,
        }
    }

    /// Digest of all that a seat is made from, generation and disk apart; equal specs have equal digests.
    ///
    /// It is compared with a running seat's label: a change of this text makes every seat anew.
    #[must_use]
    pub fn digest(&self) -> String {
        let WorkshopSpec {
            id,
            image,
            resources,
            egress,
            browser,
        } = &self.workshop;
        let number = self.number;
        let resources = spec_text::resources(*resources);
        let egress = spec_text::egress(egress);
        let browser = spec_text::browser(*browser);
        let text = format!("{id}\n{number}\n{image}\n{resources}\n{egress}\n{browser}");
        Sha256::digest(text)
            .iter()
            .take(16)
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }
}

/// A seat as its provider sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instance {
    /// The workshop that it belongs to.
    pub workshop: WorkshopId,
    /// Its number.
    pub seat: SeatNumber,
    /// The generation that it was made for.
    pub generation: Generation,
    /// One start of it: differs after each restart.
    pub incarnation: String,
    /// [`SeatSpec::digest`] of what it was made from.
    pub spec_digest: String,
    /// The provider's own id of it.
    pub id: String,
    /// Its address in the seats' network.
    pub ip: IpAddr,
    /// Whether it runs.
    pub status: InstanceStatus,
    /// Where its services answer.
    pub endpoints: Endpoints,
    /// What it has of a browser.
    pub browser: BrowserStatus,
    /// Generations of the seat whose files are there, its own included.
    pub files: BTreeSet<Generation>,
}

impl Instance {
    /// Which seat.
    #[must_use]
    pub fn key(&self) -> SeatKey {
        SeatKey {
            workshop: self.workshop,
            seat: self.seat,
        }
    }
}

/// Whether an instance runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InstanceStatus {
    /// Its processes run.
    Running,
    /// Made, and not running: [`Provider::create`] starts it.
    Stopped {
        /// Why, as far as is known (out of memory, exit code).
        reason: Option<Reason>,
    },
    /// Half made or damaged: destroy it and create it anew.
    Error {
        /// What is wrong with it.
        reason: Reason,
    },
}

/// Where a seat's services answer; only the provider computes these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Endpoints {
    /// In-seat port 3001.
    pub terminal: SocketAddr,
    /// In-seat port 3002.
    pub files: SocketAddr,
    /// In-seat port 3003, while a browser of this incarnation runs.
    pub browser: Option<SocketAddr>,
}

/// What a seat has of a browser.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BrowserStatus {
    /// Nothing.
    Absent,
    /// It runs beside this incarnation of the seat.
    Running,
    /// It is frozen beside this incarnation of the seat.
    Paused,
    /// One is there that can't be used: it ended, or was made for another start of the seat.
    Stale {
        /// What is wrong with it.
        reason: Reason,
    },
}

impl BrowserStatus {
    /// Whether it is as wanted.
    #[must_use]
    pub fn is(&self, want: BrowserState) -> bool {
        match self {
            Self::Absent => want == BrowserState::Absent,
            Self::Running => want == BrowserState::Running,
            Self::Paused => want == BrowserState::Paused,
            Self::Stale { .. } => false,
        }
    }
}

/// What a seat's browser should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum BrowserState {
    /// Running and streamed.
    Running,
    /// Kept, using no CPU.
    Paused,
    /// Not there.
    Absent,
}
