//! A workshop and its seats, as shown.

use serde::Serialize;
use time::OffsetDateTime;
use time::serde::rfc3339;
use utoipa::ToSchema;

use super::create::{Browser, Resources};
use crate::addresses::{Addresses, HostKind};
use crate::browsers::Standing;
use crate::model;
use crate::orchestrator::{ProgressPhase, ProgressView};
use crate::service::{SeatView, WorkshopView};

/// Every workshop that has not ended.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct WorkshopList {
    pub(in crate::http) workshops: Vec<Workshop>,
}

/// A workshop with its seats.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct Workshop {
    id: String,
    name: String,
    /// What learners type, `XXXX-XXXX`.
    code: String,
    status: WorkshopStatus,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<Reason>,
    seats: Vec<Seat>,
    /// Where its seats are reached; `/vm/{seat}/…` is below it.
    endpoint: String,
    /// What learners open; the code is in its fragment.
    pub(in crate::http) join_url: String,
    image: String,
    browser: Browser,
    resources: Resources,
    #[serde(with = "rfc3339")]
    created_at: OffsetDateTime,
    #[serde(with = "rfc3339::option", skip_serializing_if = "Option::is_none")]
    starts_at: Option<OffsetDateTime>,
    #[serde(with = "rfc3339::option", skip_serializing_if = "Option::is_none")]
    ends_at: Option<OffsetDateTime>,
    #[serde(skip_serializing_if = "Option::is_none")]
    progress: Option<Progress>,
    /// Its end is near.
    #[serde(skip_serializing_if = "Option::is_none")]
    warning: Option<Warning>,
    /// It ends when nobody uses it.
    #[serde(skip_serializing_if = "Option::is_none")]
    idle: Option<Idle>,
}

/// When a workshop ends because nobody uses it.
#[derive(Serialize, ToSchema)]
struct Idle {
    /// For how long nobody must have used it.
    after_minutes: u64,
    /// Until then a class is on (its start, or an end that was named), and it doesn't end for that.
    #[serde(with = "rfc3339::option", skip_serializing_if = "Option::is_none")]
    kept_until: Option<OffsetDateTime>,
    /// When it ends if nobody uses it until then; absent while somebody does.
    #[serde(with = "rfc3339::option", skip_serializing_if = "Option::is_none")]
    ends_at: Option<OffsetDateTime>,
}

/// Why a workshop ends by itself.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::http) enum EndCause {
    /// Its time is over.
    Time,
    /// Nobody used it.
    Idle,
}

impl From<model::EndCause> for EndCause {
    fn from(cause: model::EndCause) -> Self {
        match cause {
            model::EndCause::Time => Self::Time,
            model::EndCause::Idle => Self::Idle,
        }
    }
}

/// An end that is near.
#[derive(Serialize, ToSchema)]
struct Warning {
    /// No more than so many minutes are left: 15, 5 or 1.
    minutes: u16,
    /// Why it ends then.
    cause: EndCause,
}

/// Where a workshop is in its life.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::http) enum WorkshopStatus {
    Scheduled,
    Provisioning,
    Ready,
    Ending,
    Ended,
    Failed,
}

/// Why something is as it is.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct Reason {
    code: String,
    message: String,
}

/// How far a workshop is, while it is being made or removed.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct Progress {
    /// What is being done.
    phase: Phase,
    /// Seats that are done with it.
    done: u16,
    /// Seats in all.
    total: u16,
    /// How much of the work is done, 0 to 99. It never falls while a workshop is made; one that is ready
    /// has no progress any more. Absent while it ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    percent: Option<u8>,
    /// Absent where it can't be known.
    #[serde(skip_serializing_if = "Option::is_none")]
    seconds_left: Option<u32>,
    /// While the image is pulled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pulled: Option<Pulled>,
}

/// How much of an image was fetched.
#[derive(Serialize, ToSchema)]
struct Pulled {
    bytes: u64,
    /// Bytes in all; absent until the registry told them.
    #[serde(skip_serializing_if = "Option::is_none")]
    of: Option<u64>,
}

/// What is being done for a workshop.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Phase {
    /// Getting the image.
    Image,
    /// Making network and firewall.
    Network,
    /// Making seats' disks and containers. Of this and the next three, the one of the seat that is least far.
    Create,
    /// Starting them.
    Start,
    /// Waiting for their first answer.
    Probe,
    /// Giving them their environment, and trying their terminals and files.
    Bind,
    /// Removing everything.
    Ending,
}

/// A seat.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct Seat {
    number: u16,
    status: SeatStatus,
    /// How often it was made.
    generation: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<Reason>,
    /// Since when nobody is seated here and its learner is shut out; absent while it is open.
    #[serde(with = "rfc3339::option", skip_serializing_if = "Option::is_none")]
    locked_at: Option<OffsetDateTime>,
    /// Until when its last reset can be undone; absent when there is none.
    #[serde(with = "rfc3339::option", skip_serializing_if = "Option::is_none")]
    undo_reset_until: Option<OffsetDateTime>,
    #[serde(skip_serializing_if = "Option::is_none")]
    learner: Option<Learner>,
    /// Absent where the workshop has no browsers.
    #[serde(skip_serializing_if = "Option::is_none")]
    browser: Option<SeatBrowser>,
}

/// A seat's browser.
#[derive(Serialize, ToSchema)]
struct SeatBrowser {
    status: BrowserStatus,
    /// Its place in the queue, from 1, while it is queued.
    #[serde(skip_serializing_if = "Option::is_none")]
    position: Option<usize>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<Reason>,
}

/// What a seat has of a browser.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum BrowserStatus {
    /// Nobody opened it yet.
    Absent,
    /// The machine has no room for it now.
    Queued,
    /// It is being started.
    Starting,
    /// It is there.
    Running,
    /// It is frozen until somebody opens it.
    Paused,
    /// It could not be started; it is tried again.
    Failed,
}

/// A seat's state.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum SeatStatus {
    Provisioning,
    Ready,
    Occupied,
    Recovering,
    Failed,
    Terminating,
}

/// A learner on a seat.
#[derive(Serialize, ToSchema)]
struct Learner {
    name: String,
    #[serde(with = "rfc3339")]
    joined_at: OffsetDateTime,
    presence: Presence,
    /// Since when; not said before they ever opened the seat.
    #[serde(with = "rfc3339::option", skip_serializing_if = "Option::is_none")]
    presence_since: Option<OffsetDateTime>,
}

/// Whether a learner is there now.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Presence {
    /// Joined, and never opened the seat.
    Never,
    /// Has the seat open, and did something in the last two minutes.
    Active,
    /// Has the seat open, and did nothing for two minutes.
    Idle,
    /// Had it open until lately.
    Away,
    /// Said so, or stayed away for fifteen minutes.
    Left,
}

impl SeatBrowser {
    fn of(standing: Standing) -> Option<Self> {
        let (status, position, reason) = match standing {
            Standing::Off => return None,
            Standing::Absent => (BrowserStatus::Absent, None, None),
            Standing::Queued { position } => (BrowserStatus::Queued, Some(position), None),
            Standing::Starting(_) => (BrowserStatus::Starting, None, None),
            Standing::Running(_) => (BrowserStatus::Running, None, None),
            Standing::Paused => (BrowserStatus::Paused, None, None),
            Standing::Failed(reason) => (BrowserStatus::Failed, None, Some(reason.into())),
        };
        Some(Self {
            status,
            position,
            reason,
        })
    }
}

impl From<model::Reason> for Reason {
    fn from(reason: model::Reason) -> Self {
        Self {
            code: reason.code,
            message: reason.message,
        }
    }
}

impl Workshop {
    pub(in crate::http) fn new(view: WorkshopView, addresses: &Addresses, host: &HostKind) -> Self {
        let workshop = view.workshop;
        Self {
            id: workshop.spec.id.to_string(),
            name: workshop.name,
            code: workshop.code.to_string(),
            status: workshop.status.into(),
            reason: workshop.reason.map(Reason::from),
            seats: view.seats.into_iter().map(Seat::from).collect(),
            endpoint: addresses.endpoint(&workshop.spec.id, host),
            join_url: addresses.join_url(&workshop.code),
            image: workshop.spec.image,
            browser: workshop.spec.browser.into(),
            resources: workshop.spec.resources.into(),
            created_at: workshop.created_at,
            starts_at: workshop.starts_at,
            ends_at: workshop.ends_at,
            progress: view.progress.map(Progress::from),
            warning: view.warning.map(|warning| Warning {
                minutes: warning.minutes,
                cause: warning.cause.into(),
            }),
            idle: view.idle.map(|idle| Idle {
                after_minutes: idle.after.as_secs() / 60,
                kept_until: idle.kept_until,
                ends_at: idle.ends_at,
            }),
        }
    }
}

impl From<ProgressView> for Progress {
    fn from(progress: ProgressView) -> Self {
        Self {
            phase: match progress.phase {
                ProgressPhase::Image => Phase::Image,
                ProgressPhase::Network => Phase::Network,
                ProgressPhase::Create => Phase::Create,
                ProgressPhase::Start => Phase::Start,
                ProgressPhase::Probe => Phase::Probe,
                ProgressPhase::Bind => Phase::Bind,
                ProgressPhase::Ending => Phase::Ending,
            },
            done: progress.done,
            total: progress.total,
            percent: progress.percent,
            seconds_left: progress.seconds_left,
            pulled: progress.pulled.map(|it| Pulled {
                bytes: it.bytes,
                of: it.of,
            }),
        }
    }
}

impl From<model::WorkshopStatus> for WorkshopStatus {
    fn from(status: model::WorkshopStatus) -> Self {
        match status {
            model::WorkshopStatus::Scheduled => Self::Scheduled,
            model::WorkshopStatus::Provisioning => Self::Provisioning,
            model::WorkshopStatus::Ready => Self::Ready,
            model::WorkshopStatus::Ending => Self::Ending,
            model::WorkshopStatus::Ended => Self::Ended,
            model::WorkshopStatus::Failed => Self::Failed,
        }
    }
}

impl From<SeatView> for Seat {
    fn from(view: SeatView) -> Self {
        let seat = view.seat;
        let status = match seat.status() {
            model::SeatStatus::Provisioning => SeatStatus::Provisioning,
            model::SeatStatus::Ready => SeatStatus::Ready,
            model::SeatStatus::Occupied => SeatStatus::Occupied,
            model::SeatStatus::Recovering => SeatStatus::Recovering,
            model::SeatStatus::Failed => SeatStatus::Failed,
            model::SeatStatus::Terminating => SeatStatus::Terminating,
        };
        let presence = match view.presence {
            model::Presence::Never => Presence::Never,
            model::Presence::Active => Presence::Active,
            model::Presence::Idle => Presence::Idle,
            model::Presence::Away => Presence::Away,
            model::Presence::Left => Presence::Left,
        };
        Self {
            number: seat.key.seat.get(),
            status,
            generation: seat.generation.0,
            reason: seat.observed.reason.map(Reason::from),
            locked_at: seat.locked_at,
            undo_reset_until: seat.undo_until,
            learner: seat.assignment.map(|assignment| Learner {
                name: assignment.name,
                joined_at: assignment.joined_at,
                presence,
                presence_since: view.presence_since,
            }),
            browser: view.browser.and_then(SeatBrowser::of),
        }
    }
}
