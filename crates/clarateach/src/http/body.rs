//! What goes over the wire: bodies in and out, and how domain values become them.

use std::collections::BTreeMap;

use clarateach_protocol::terminal::Mode as TokenMode;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::ToSchema;

use crate::addresses::{Addresses, HostKind};
use crate::model;
use crate::orchestrator::ProgressPhase;
use crate::service::{Joined, SeatView, SignedIn, WorkshopView};

/// The body of every error, described; `clarateach_protocol::error::ErrorBody` is what is sent.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only its description is used")]
pub(super) struct ErrorBody {
    error: ErrorDetail,
}

/// What went wrong.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only its description is used")]
struct ErrorDetail {
    /// Stable, snake_case; what a client matches on.
    code: String,
    /// A sentence that names the thing and the remedy.
    message: String,
    /// Finds the cause in the server's log.
    request_id: Option<String>,
    /// The input field that was wrong.
    field: Option<String>,
}

/// First password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SetupRequest {
    /// The set-up link's fragment.
    pub(super) secret: String,
    /// At least 10 characters.
    pub(super) password: String,
    /// How to call the instructor.
    pub(super) name: Option<String>,
}

/// Signing in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SignInRequest {
    /// The password.
    pub(super) password: String,
    /// Whose, where there are several instructors.
    pub(super) name: Option<String>,
}

/// A session.
#[derive(Serialize, ToSchema)]
pub(super) struct Session {
    instructor: Instructor,
    #[serde(with = "time::serde::rfc3339")]
    expires_at: OffsetDateTime,
}

/// An instructor.
#[derive(Serialize, ToSchema)]
pub(super) struct Instructor {
    id: String,
    name: String,
}

impl From<SignedIn> for Session {
    fn from(session: SignedIn) -> Self {
        Self {
            instructor: Instructor {
                id: session.instructor.id,
                name: session.instructor.name,
            },
            expires_at: session.expires_at,
        }
    }
}

/// A workshop to make.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CreateWorkshop {
    /// 1 to 80 characters.
    pub(super) name: String,
    /// 1 to 200.
    #[schema(minimum = 1, maximum = 200)]
    pub(super) seats: u16,
    /// OCI image of the seats.
    pub(super) image: Option<String>,
    /// When browsers run.
    #[serde(default)]
    pub(super) browser: Browser,
    /// A key for an AI service; shells get it as `ANTHROPIC_API_KEY` or `api_key_name`.
    pub(super) api_key: Option<String>,
    /// The variable's name for the key.
    pub(super) api_key_name: Option<String>,
    /// More environment of every shell.
    #[serde(default)]
    pub(super) env: BTreeMap<String, String>,
    /// Limits of each seat.
    #[serde(default)]
    pub(super) resources: Resources,
    /// Where seats may send packets: `"open"`, `"none"` or `{"allow": ["10.1.0.0/16"]}`.
    #[serde(default)]
    pub(super) egress: Egress,
    /// When it should be there (RFC 3339).
    #[serde(default, with = "time::serde::rfc3339::option")]
    pub(super) starts_at: Option<OffsetDateTime>,
    /// When it ends by itself (RFC 3339).
    #[serde(default, with = "time::serde::rfc3339::option")]
    pub(super) ends_at: Option<OffsetDateTime>,
}

/// When a seat's browser runs.
#[derive(Clone, Copy, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Browser {
    /// From its first use.
    #[default]
    OnDemand,
    /// From the start.
    Always,
    /// Never.
    Off,
}

/// Limits of each seat.
#[derive(Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Resources {
    /// Memory without swap, MiB.
    memory_mb: u32,
    /// Thousandths of a CPU.
    cpu_millis: u32,
    /// Processes and threads.
    pids: u32,
    /// Size of `/workspace`, MiB.
    disk_mb: u32,
}

impl Default for Resources {
    fn default() -> Self {
        model::Resources::default().into()
    }
}

impl From<model::Resources> for Resources {
    fn from(resources: model::Resources) -> Self {
        Self {
            memory_mb: resources.memory_mib,
            cpu_millis: resources.cpu_millis,
            pids: resources.pids,
            disk_mb: resources.disk_mib,
        }
    }
}

impl From<Resources> for model::Resources {
    fn from(resources: Resources) -> Self {
        Self {
            memory_mib: resources.memory_mb,
            cpu_millis: resources.cpu_millis,
            pids: resources.pids,
            disk_mib: resources.disk_mb,
        }
    }
}

/// Where seats may send packets.
#[derive(Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Egress {
    /// The public internet.
    #[default]
    Open,
    /// Nowhere.
    None,
    /// Name resolution and these IPv4 networks only.
    Allow(Vec<String>),
}

impl Egress {
    pub(super) fn into_policy(self) -> Result<model::EgressPolicy, model::CidrError> {
        Ok(match self {
            Self::Open => model::EgressPolicy::Open,
            Self::None => model::EgressPolicy::None,
            Self::Allow(networks) => model::EgressPolicy::Allow(
                networks
                    .iter()
                    .map(|network| network.parse())
                    .collect::<Result<_, _>>()?,
            ),
        })
    }
}

impl From<Browser> for model::BrowserPolicy {
    fn from(browser: Browser) -> Self {
        match browser {
            Browser::OnDemand => Self::OnDemand,
            Browser::Always => Self::Always,
            Browser::Off => Self::Off,
        }
    }
}

impl From<model::BrowserPolicy> for Browser {
    fn from(browser: model::BrowserPolicy) -> Self {
        match browser {
            model::BrowserPolicy::OnDemand => Self::OnDemand,
            model::BrowserPolicy::Always => Self::Always,
            model::BrowserPolicy::Off => Self::Off,
        }
    }
}

/// Every workshop that has not ended.
#[derive(Serialize, ToSchema)]
pub(super) struct WorkshopList {
    pub(super) workshops: Vec<Workshop>,
}

/// A workshop with its seats.
#[derive(Serialize, ToSchema)]
pub(super) struct Workshop {
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
    pub(super) join_url: String,
    image: String,
    browser: Browser,
    resources: Resources,
    #[serde(with = "time::serde::rfc3339")]
    created_at: OffsetDateTime,
    #[serde(
        with = "time::serde::rfc3339::option",
        skip_serializing_if = "Option::is_none"
    )]
    starts_at: Option<OffsetDateTime>,
    #[serde(
        with = "time::serde::rfc3339::option",
        skip_serializing_if = "Option::is_none"
    )]
    ends_at: Option<OffsetDateTime>,
    #[serde(skip_serializing_if = "Option::is_none")]
    progress: Option<Progress>,
}

/// Where a workshop is in its life.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum WorkshopStatus {
    Scheduled,
    Provisioning,
    Ready,
    Ending,
    Ended,
    Failed,
}

/// Why something is as it is.
#[derive(Serialize, ToSchema)]
struct Reason {
    code: String,
    message: String,
}

/// How far a workshop is, while it is being made or removed.
#[derive(Serialize, ToSchema)]
struct Progress {
    /// What is being done.
    phase: Phase,
    /// Seats that are done with it.
    done: u16,
    /// Seats in all.
    total: u16,
}

/// What is being done for a workshop.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Phase {
    /// Getting the image.
    Image,
    /// Making network and firewall.
    Network,
    /// Making seats.
    Seats,
    /// Removing everything.
    Ending,
}

/// A seat.
#[derive(Serialize, ToSchema)]
pub(super) struct Seat {
    number: u16,
    status: SeatStatus,
    /// How often it was made.
    generation: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<Reason>,
    #[serde(skip_serializing_if = "Option::is_none")]
    learner: Option<Learner>,
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
    #[serde(with = "time::serde::rfc3339")]
    joined_at: OffsetDateTime,
    presence: Presence,
}

/// Whether a learner is there now.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Presence {
    /// Joined, and never opened the seat.
    Never,
    /// Has the seat open.
    Active,
    /// Had it open before.
    Away,
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
    pub(super) fn new(view: WorkshopView, addresses: &Addresses, host: &HostKind) -> Self {
        let workshop = view.workshop;
        Self {
            id: workshop.spec.id.to_string(),
            name: workshop.name,
            code: workshop.code.to_string(),
            status: workshop_status(workshop.status),
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
            progress: view.progress.map(|progress| Progress {
                phase: match progress.phase {
                    ProgressPhase::Image => Phase::Image,
                    ProgressPhase::Network => Phase::Network,
                    ProgressPhase::Seats => Phase::Seats,
                    ProgressPhase::Ending => Phase::Ending,
                },
                done: progress.done,
                total: progress.total,
            }),
        }
    }
}

fn workshop_status(status: model::WorkshopStatus) -> WorkshopStatus {
    match status {
        model::WorkshopStatus::Scheduled => WorkshopStatus::Scheduled,
        model::WorkshopStatus::Provisioning => WorkshopStatus::Provisioning,
        model::WorkshopStatus::Ready => WorkshopStatus::Ready,
        model::WorkshopStatus::Ending => WorkshopStatus::Ending,
        model::WorkshopStatus::Ended => WorkshopStatus::Ended,
        model::WorkshopStatus::Failed => WorkshopStatus::Failed,
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
            model::Presence::Away => Presence::Away,
        };
        Self {
            number: seat.key.seat.get(),
            status,
            generation: seat.generation.0,
            reason: seat.observed.reason.map(Reason::from),
            learner: seat.assignment.map(|assignment| Learner {
                name: assignment.name,
                joined_at: assignment.joined_at,
                presence,
            }),
        }
    }
}

/// More seats.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AddSeats {
    /// How many.
    #[schema(minimum = 1, maximum = 200)]
    pub(super) count: u16,
}

/// An instructor opening a seat.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CreateSeatToken {
    /// To look, or to help.
    pub(super) mode: Mode,
}

/// What a token allows.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Mode {
    /// Look.
    View,
    /// Look and touch.
    Control,
}

impl From<Mode> for TokenMode {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::View => Self::View,
            Mode::Control => Self::Control,
        }
    }
}

/// Opens one seat.
#[derive(Serialize, ToSchema)]
pub(super) struct SeatToken {
    pub(super) token: String,
    pub(super) endpoint: String,
    pub(super) seat: u16,
    #[serde(with = "time::serde::rfc3339")]
    pub(super) expires_at: OffsetDateTime,
}

/// Joining.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct JoinRequest {
    /// The workshop's code; case, spaces and hyphens don't matter.
    pub(super) code: String,
    /// 1 to 80 characters; need not be unique.
    pub(super) name: String,
    /// One's own code, to come back to one's seat.
    pub(super) reconnect_code: Option<String>,
    /// Made by the client: a repeat gets the same seat.
    pub(super) request_id: Option<String>,
}

/// A seat of one's own.
#[derive(Serialize, ToSchema)]
pub(super) struct JoinAnswer {
    /// Opens the seat.
    token: String,
    /// `/vm/{seat}/…` is below it.
    endpoint: String,
    workshop: JoinedWorkshop,
    seat: u16,
    /// Brings the learner back from any device.
    reconnect_code: String,
    #[serde(with = "time::serde::rfc3339")]
    expires_at: OffsetDateTime,
}

/// The workshop that was joined.
#[derive(Serialize, ToSchema)]
struct JoinedWorkshop {
    id: String,
    name: String,
}

impl JoinAnswer {
    pub(super) fn new(joined: Joined, addresses: &Addresses, host: &HostKind) -> Self {
        let id = joined.workshop.spec.id;
        Self {
            token: joined.token,
            endpoint: addresses.endpoint(&id, host),
            workshop: JoinedWorkshop {
                id: id.to_string(),
                name: joined.workshop.name,
            },
            seat: joined.seat.key.seat.get(),
            reconnect_code: joined.reconnect_code.to_string(),
            expires_at: joined.expires_at,
        }
    }
}

/// The server runs.
#[derive(Serialize, ToSchema)]
pub(super) struct Health {
    pub(super) status: &'static str,
    pub(super) version: &'static str,
}

/// Whether workshops can be made.
#[derive(Serialize, ToSchema)]
pub(super) struct Ready {
    pub(super) ready: bool,
    pub(super) reasons: Vec<ReadyReason>,
}

/// What is in the way, or weaker than it could be.
#[derive(Serialize, ToSchema)]
pub(super) struct ReadyReason {
    pub(super) code: String,
    pub(super) message: String,
}
