//! The rules: who may join what, what a workshop may be, what follows from what.
//!
//! Knows no HTTP, no SQL and no provider. Every change is committed to the store first, then told to
//! the directory (what the proxy lets through) and to the orchestrator (what should exist). Start at
//! [`Service`]; `join`, `workshops`, `seats` and `instructors` hold a resource each.

mod admission;
mod browsers;
mod budget;
mod idle;
mod images;
pub(crate) mod input;
mod instructors;
mod join;
mod origins;
mod schedule;
mod seats;
mod standby;
mod standing;
mod tokens;
mod workshops;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clarateach_protocol::id::{SeatKey, WorkshopId};
use clarateach_protocol::token::{Mode, Role, SEAT_TOKEN_MAX_SECONDS, SeatClaims};
use time::OffsetDateTime;
use tokio::sync::watch;
use tokio_util::task::TaskTracker;
use tracing::Instrument;

use crate::auth::keys::PlatformKeys;
use crate::browsers::Browsers;
use crate::directory::{Directory, Tenancy};
use crate::model::{Reason, ScheduleTimes, Seat, SeatLock, Standby, Workshop, WorkshopKind};
use crate::orchestrator::Orchestrator;
use crate::provider::Level;
use crate::store::{Store, StoreError};

pub use crate::provider::{Finding, Level as FindingLevel};
pub use crate::store::Occupancy;
pub use admission::{CapacityView, Overcommit};
pub use idle::IdleView;
pub use images::{ImageView, TriedSeat, Try};
pub use instructors::SignedIn;
pub use join::{JoinRequest, Joined};
pub use schedule::NewEnd;
pub use standby::StandbyView;
pub use standing::{Credential, Standing};
pub use workshops::{CreateWorkshop, Idempotency, IdleWish, SeatView, WorkshopView};

/// Why something was not done; `http::error` says it in HTTP's words.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An input field is wrong.
    #[error("{message}")]
    Invalid {
        /// Which field.
        field: &'static str,
        /// What is wrong with it, and what would be right.
        message: String,
    },
    /// Nobody is signed in.
    #[error("sign in first")]
    Unauthenticated,
    /// The API token is nobody's.
    #[error("this API token is not valid: it was revoked, or it is another server's")]
    BadToken,
    /// Nobody can sign in yet.
    #[error("no instructor yet: open the set-up link that the server printed when it started")]
    SetupRequired,
    /// Name or password is wrong.
    #[error("that password is not right")]
    BadCredentials,
    /// The set-up link is used or wrong.
    #[error("this set-up link is no longer valid: sign in, or restart the server for a new link")]
    BadSetupSecret,
    /// No such thing.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// The join code is nobody's.
    #[error("no workshop has that code: check it with your instructor")]
    UnknownCode,
    /// The reconnect code is nobody's in that workshop.
    #[error("no seat has that reconnect code: check it, or join without it")]
    UnknownReconnectCode,
    /// Every seat is taken.
    #[error("every seat of this workshop is taken: ask your instructor to add one")]
    NoSeats,
    /// The workshop is over.
    #[error("this workshop has ended")]
    Ended,
    /// The instructor has locked the learner's seat.
    #[error("your instructor has locked your seat: your files are kept, try again later")]
    SeatLocked,
    /// The workshop can't be joined yet.
    #[error("{message}")]
    NotReady {
        /// Why, and when to try again.
        message: &'static str,
    },
    /// Too many failures from one address, or in all.
    #[error("too many attempts: wait {} s and try again", .retry_after.as_secs().max(1))]
    TooManyAttempts {
        /// How long until the next one is looked at.
        retry_after: Duration,
    },
    /// What was asked doesn't fit what is.
    #[error("{message}")]
    Conflict {
        /// Stable, snake_case.
        code: &'static str,
        /// Why, and what to do.
        message: String,
    },
    /// Seats can't be made now; nothing was begun.
    #[error("{}", .0.message)]
    Unavailable(Reason),
    /// The server stops.
    #[error("the server is stopping: try again in a moment")]
    Stopping,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Error {
    fn invalid(field: &'static str, message: impl Into<String>) -> Self {
        Self::Invalid {
            field,
            message: message.into(),
        }
    }
}

/// What holds where nothing else is said.
#[derive(Debug, Clone)]
pub struct Defaults {
    /// Image of the seats.
    pub image: String,
    /// How long a workshop lasts from its start; `None`: until it is deleted.
    pub length: Option<Duration>,
    /// For how long nobody must have used a workshop until it ends; `None`: that ends nothing.
    pub idle_after: Option<Duration>,
    /// How far the schedule looks ahead.
    pub schedule: ScheduleTimes,
    /// What is made ahead.
    pub standby: Standby,
    /// What becomes of seats that don't fit.
    pub overcommit: Overcommit,
    /// Browsers on demand at once, where that is limited.
    pub browsers: Option<u64>,
}

/// How long a look at readiness counts.
const READINESS_KEPT: Duration = Duration::from_secs(10);

/// Whether workshops can be made.
#[derive(Debug, Clone)]
pub struct Readiness {
    /// Nothing is in the way.
    pub ready: bool,
    /// What is in the way, or weaker than it could be.
    pub reasons: Vec<Reason>,
}

/// The rules, over everything that they need; clones share it.
#[derive(Clone)]
pub struct Service {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    orchestrator: Arc<Orchestrator>,
    directory: Arc<Directory>,
    browsers: Arc<Browsers>,
    keys: Arc<PlatformKeys>,
    default_image: String,
    setup: instructors::Setup,
    changes: TaskTracker,
    readiness: tokio::sync::Mutex<Option<(Instant, Readiness)>>,
    join_failures: budget::FailureBudget,
    sign_in_failures: budget::FailureBudget,
    /// Held while ports are opened or closed, so that the directory hears of it in the store's order.
    opening_ports: tokio::sync::Mutex<()>,
    /// The same for locks of seats and ends of workshops.
    locking: tokio::sync::Mutex<()>,
    schedule: ScheduleTimes,
    /// How long a workshop lasts that names no end; `None`: until it is deleted.
    default_length: Option<Duration>,
    scheduled: schedule::Table,
    /// How long nobody must have used a workshop that says nothing of it; `None`: that ends nothing.
    default_idle_after: Option<Duration>,
    idle: idle::Table,
    standby: Standby,
    overcommit: Overcommit,
    most_browsers: Option<u64>,
    trials: images::Trials,
    /// Held from finding that seats fit until they are stored.
    admitting: tokio::sync::Mutex<()>,
    /// Told after a session or a token ended before its time.
    revoked: watch::Sender<()>,
}

impl Service {
    /// A service over its parts; [`announce_all`] comes before the orchestrator starts.
    #[must_use]
    pub fn new(
        store: Store,
        orchestrator: Arc<Orchestrator>,
        (directory, browsers): (Arc<Directory>, Arc<Browsers>),
        keys: Arc<PlatformKeys>,
        defaults: Defaults,
    ) -> Self {
        Self {
            inner: Arc::new(Inner {
                store,
                orchestrator,
                directory,
                browsers,
                keys,
                default_image: defaults.image,
                schedule: defaults.schedule,
                default_length: defaults.length,
                scheduled: schedule::Table::default(),
                default_idle_after: defaults.idle_after,
                idle: idle::Table::new(defaults.schedule),
                standby: defaults.standby,
                overcommit: defaults.overcommit,
                most_browsers: defaults.browsers,
                trials: images::Trials::default(),
                admitting: tokio::sync::Mutex::default(),
                setup: instructors::Setup::default(),
                changes: TaskTracker::new(),
                readiness: tokio::sync::Mutex::default(),
                join_failures: budget::FailureBudget::new(30, 300),
                sign_in_failures: budget::FailureBudget::new(5, 60),
                opening_ports: tokio::sync::Mutex::default(),
                locking: tokio::sync::Mutex::default(),
                revoked: watch::Sender::new(()),
            }),
        }
    }

    /// Tells the directory whose a seat is now: connections of whoever it was before end.
    fn announce(&self, seat: &Seat, ends_at: Option<OffsetDateTime>) {
        self.inner
            .directory
            .set_tenant(seat.key, tenancy(seat, ends_at));
    }

    /// Does a change to its end, even when whoever asked for it hangs up: between a commit and the
    /// calls that follow from it nothing may be left out.
    async fn to_the_end<T: Send + 'static>(
        &self,
        change: impl Future<Output = Result<T, Error>> + Send + 'static,
    ) -> Result<T, Error> {
        match self.inner.changes.spawn(change.in_current_span()).await {
            Ok(result) => result,
            Err(stopped) => match stopped.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_) => Err(Error::Stopping),
            },
        }
    }

    /// Waits for changes that are under way.
    pub async fn finish(&self) {
        self.inner.changes.close();
        self.inner.changes.wait().await;
    }

    /// Whether workshops can be made, and what is in the way or weaker than it could be. Looked at
    /// once for everybody who asks within [`READINESS_KEPT`]: a look makes a disk and a firewall table.
    pub async fn readiness(&self) -> Readiness {
        let mut kept = self.inner.readiness.lock().await;
        if let Some((at, readiness)) = kept.as_ref()
            && at.elapsed() < READINESS_KEPT
        {
            return readiness.clone();
        }
        let readiness = self.look_whether_ready().await;
        *kept = Some((Instant::now(), readiness.clone()));
        readiness
    }

    async fn look_whether_ready(&self) -> Readiness {
        match self.inner.orchestrator.check().await {
            Err(error) => Readiness {
                ready: false,
                reasons: vec![error.reason()],
            },
            Ok(report) => {
                let findings = report.findings;
                let ready = findings.iter().all(|finding| finding.level < Level::Error);
                let reasons = findings
                    .into_iter()
                    .filter(|finding| finding.level > Level::Good)
                    .map(|finding| Reason::new(finding.code, finding.message))
                    .collect();
                Readiness { ready, reasons }
            }
        }
    }

    /// A token for one seat and when it ends: with the workshop, or after twelve hours.
    fn mint(
        &self,
        workshop: &Workshop,
        seat: &Seat,
        sub: String,
        role: Role,
        mode: Mode,
    ) -> (String, OffsetDateTime) {
        let now = OffsetDateTime::now_utc();
        let longest = now + Duration::from_secs(SEAT_TOKEN_MAX_SECONDS);
        let end = self.ends_at(workshop);
        let expires_at = end.map_or(longest, |ends_at| ends_at.min(longest));
        let claims = SeatClaims {
            sub,
            role,
            mode,
            seat: seat.key,
            generation: seat.generation,
            issued_at: unix_seconds(now),
            expires_at: unix_seconds(expires_at),
        };
        (claims.sign(&self.inner.keys.signing), expires_at)
    }

    async fn workshop_of(&self, key: SeatKey) -> Result<Workshop, Error> {
        self.class(key.workshop)
            .await?
            .ok_or(Error::NotFound("workshop"))
    }

    /// A workshop of somebody's, ended ones included.
    async fn class(&self, id: WorkshopId) -> Result<Option<Workshop>, StoreError> {
        let workshop = self.inner.store.workshop(id).await?;
        Ok(workshop.filter(|it| it.kind == WorkshopKind::Class))
    }
}

/// Tells the directory whose each stored seat is, before anything else is started.
///
/// # Errors
/// When the store can't be read.
pub async fn announce_all(store: &Store, directory: &Directory) -> Result<(), StoreError> {
    let ends: HashMap<WorkshopId, Option<OffsetDateTime>> = store
        .workshops()
        .await?
        .into_iter()
        .map(|workshop| (workshop.spec.id, workshop.ends_at))
        .collect();
    for seat in store.all_seats().await? {
        let ends_at = ends.get(&seat.key.workshop).copied().flatten();
        directory.set_tenancy(seat.key, tenancy(&seat, ends_at));
        if seat.locked_at.is_some() {
            directory.set_lock(seat.key, SeatLock::Locked);
        }
    }
    origins::announce_all(store, directory).await
}

fn tenancy(seat: &Seat, ends_at: Option<OffsetDateTime>) -> Tenancy {
    Tenancy {
        generation: seat.generation,
        assignment: seat
            .assignment
            .as_ref()
            .map(|assignment| assignment.id.clone()),
        ends_at,
        idle_ends_at: None,
    }
}

fn unix_seconds(at: OffsetDateTime) -> u64 {
    u64::try_from(at.unix_timestamp()).unwrap_or(0)
}
