//! The contract between the orchestrator and whatever makes seats.
//!
//! Every call is idempotent: twice, or again after a kill in the middle, gives the same result. A
//! provider's own records (labels) are the source of truth for what exists; it never reads the store.
//! Providers: `docker`, `simulated`. Start at [`Provider`].

pub mod docker;
pub mod residue;
pub mod simulated;

use std::collections::BTreeSet;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use clarateach_protocol::id::{Generation, SeatKey, SeatNumber, WorkshopId};
use futures_util::stream::BoxStream;
use sha2::{Digest, Sha256};

use crate::browser::BrowserDoor;
use crate::model::{BrowserPolicy, Capacity, EgressPolicy, Reason, Resources, WorkshopSpec};

/// Makes, finds and removes seats.
#[async_trait]
pub trait Provider: Send + Sync {
    /// Whether a workshop could be made at all: the engine answers, the image is there or can be
    /// pulled, seats can be isolated. Makes nothing, answers within seconds.
    async fn preflight(&self, workshop: &WorkshopSpec) -> Result<(), ProviderError>;

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
    async fn create(&self, seat: &SeatSpec) -> Result<Instance, ProviderError>;

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
    async fn destroy_workshop(&self, workshop: &WorkshopId) -> Result<(), ProviderError>;

    /// Every seat of this installation, or of one workshop: the source of truth.
    async fn list(&self, workshop: Option<&WorkshopId>) -> Result<Vec<Instance>, ProviderError>;

    /// Workshops of this installation that have anything at all left, seats or not.
    async fn list_workshops(&self) -> Result<Vec<WorkshopId>, ProviderError>;

    /// Seats that something happened to: hints only, reconcile decides.
    fn changes(&self) -> BoxStream<'static, SeatKey>;

    /// What the machine has for seats; `None` where nothing limits them.
    async fn capacity(&self) -> Result<Option<Capacity>, ProviderError>;

    /// What works, what doesn't, and what to do.
    async fn check(&self) -> Result<ProviderReport, ProviderError>;
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
        let Resources {
            memory_mib,
            cpu_millis,
            pids,
            disk_mib,
        } = resources;
        let egress = match egress {
            EgressPolicy::Open => "open".to_owned(),
            EgressPolicy::None => "none".to_owned(),
            EgressPolicy::Allow(networks) => {
                let networks: Vec<_> = networks.iter().map(ToString::to_string).collect();
                format!("allow {}", networks.join(" "))
            }
        };
        let browser = match browser {
            BrowserPolicy::OnDemand => "on_demand",
            BrowserPolicy::Always => "always",
            BrowserPolicy::Off => "off",
        };
        let number = self.number;
        let text = format!(
            "{id}\n{number}\n{image}\n{memory_mib} {cpu_millis} {pids} {disk_mib}\n{egress}\n{browser}"
        );
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

/// What a long call is doing, for whoever waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Getting the image.
    Image,
    /// Making network and firewall.
    Network,
}

/// Where a provider tells what it is doing.
#[derive(Clone)]
pub struct Progress(Arc<dyn Fn(Phase) + Send + Sync>);

impl Progress {
    /// A progress that calls `listener` at each step.
    pub fn new(listener: impl Fn(Phase) + Send + Sync + 'static) -> Self {
        Self(Arc::new(listener))
    }

    /// A progress that nobody listens to.
    #[must_use]
    pub fn silent() -> Self {
        Self::new(|_| ())
    }

    /// Says that `phase` begins.
    pub fn begin(&self, phase: Phase) {
        (self.0)(phase);
    }
}

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Progress")
    }
}

/// The cause of a provider's error; providers have libraries of their own, whose types stay inside.
pub type Source = Box<dyn std::error::Error + Send + Sync>;

/// Why a provider could not do something. Messages go to the instructor.
#[derive(Debug, thiserror::Error)]
pub enum ProviderError {
    /// Another seat of that number exists: of another generation, or made from something else.
    #[error("{} exists already as generation {}", .0.key(), .0.generation)]
    Conflict(Box<Instance>),
    /// The engine doesn't answer at all.
    #[error("cannot reach the engine at {endpoint}: {source}. Hint: {hint}")]
    Unreachable {
        /// Where it should answer.
        endpoint: String,
        /// What to do.
        hint: String,
        /// What the connection said.
        source: Source,
    },
    /// The image isn't there and can't be had.
    #[error(
        "image {image} is not available: {detail}. Hint: build it with `./x images`, `docker pull` it, or name another"
    )]
    ImageMissing {
        /// Which image.
        image: String,
        /// What the engine said.
        detail: String,
    },
    /// The seats' networks are used up.
    #[error("no free network in {pool}. Hint: end a workshop, or widen CLARATEACH_SEAT_NETWORKS")]
    NoSubnet {
        /// The pool that subnets are carved from.
        pool: String,
    },
    /// The firewall can't be set, and seats would not be isolated.
    #[error(
        "cannot isolate seats: {operation}: {detail}. Hint: run as root with nftables installed, or pass --allow-weak-isolation"
    )]
    Isolation {
        /// What was tried.
        operation: String,
        /// What it said.
        detail: String,
    },
    /// A seat's disk could not be made, attached or removed.
    #[error("cannot {operation} the disk of {seat}: {detail}")]
    Disk {
        /// What was tried: "create", "mount", …
        operation: &'static str,
        /// Which seat.
        seat: SeatKey,
        /// What it said.
        detail: String,
    },
    /// A call to the engine failed.
    #[error("cannot {operation} {subject}: {source}")]
    Engine {
        /// What was tried: "create the container", …
        operation: &'static str,
        /// On what.
        subject: String,
        /// What the engine said.
        source: Source,
    },
    /// There is no such seat.
    #[error("there is no seat {0}")]
    NoSeat(SeatKey),
    /// A browser was asked for beside a seat that doesn't run.
    #[error("the seat {0} does not run, so it can have no browser")]
    NotRunning(SeatKey),
    /// A call took too long.
    #[error("{operation} took longer than {} s", .after.as_secs())]
    Deadline {
        /// What was tried.
        operation: String,
        /// How long it was given.
        after: Duration,
    },
    /// This provider, or this version of it, doesn't do that.
    #[error("{what} is not available with this provider")]
    Unsupported {
        /// What was asked.
        what: &'static str,
    },
}

impl ProviderError {
    /// A stable code for the API.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Conflict(_) => "conflict",
            Self::Unreachable { .. } => "engine_unreachable",
            Self::ImageMissing { .. } => "image_missing",
            Self::NoSubnet { .. } => "no_subnet",
            Self::Isolation { .. } => "isolation_unavailable",
            Self::Disk { .. } => "disk",
            Self::Engine { .. } => "engine_error",
            Self::NoSeat(_) => "no_seat",
            Self::NotRunning(_) => "not_running",
            Self::Deadline { .. } => "deadline",
            Self::Unsupported { .. } => "unsupported",
        }
    }

    /// Whether the same call may go through a little later.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(
            self,
            Self::Unreachable { .. }
                | Self::Engine { .. }
                | Self::Deadline { .. }
                | Self::Disk { .. }
                | Self::Conflict(_)
                | Self::NoSeat(_)
                | Self::NotRunning(_)
        )
    }

    /// The error as an instructor reads it.
    #[must_use]
    pub fn reason(&self) -> Reason {
        Reason::new(self.code(), self.to_string())
    }
}

/// What [`Provider::check`] found.
#[derive(Debug, Clone)]
pub struct ProviderReport {
    /// Which provider.
    pub provider: &'static str,
    /// One line a thing looked at.
    pub findings: Vec<Finding>,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub level: Level,
    /// Stable, snake_case.
    pub code: &'static str,
    /// What was found.
    pub message: String,
    /// What to do about it.
    pub remedy: Option<String>,
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// As it should be.
    Good,
    /// Works, but weaker or slower than it could.
    Warning,
    /// Workshops can't be made like this.
    Error,
}
