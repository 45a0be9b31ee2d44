//! What goes over the wire: bodies in and out, and how domain values become them.

mod create;
mod event;
mod workshop;

use std::time::Duration;

use clarateach_protocol::terminal::Mode as TokenMode;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::serde::rfc3339;
use utoipa::ToSchema;

use super::error::ApiError;
use crate::addresses::{Addresses, HostKind};
use crate::model;
use crate::service::{CapacityView, Joined, NewEnd, Overcommit, SignedIn};

/// Minutes in a week.
const MAX_MINUTES: u16 = 7 * 24 * 60;

pub(super) use create::CreateWorkshop;
pub(super) use event::{Event, Pen, Reach};
pub(super) use workshop::{Reason, Seat, Workshop, WorkshopList};

/// The body of every error, described; `clarateach_protocol::error::ErrorBody` is what is sent.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only its description is used")]
pub(crate) struct ErrorBody {
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

/// A new end: one of the two.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ExtendWorkshop {
    /// When it ends.
    #[serde(default, with = "rfc3339::option")]
    ends_at: Option<OffsetDateTime>,
    /// So much later than it would; from now on where it has no end. At most a week.
    minutes: Option<u16>,
}

impl ExtendWorkshop {
    pub(super) fn end(self) -> Result<NewEnd, ApiError> {
        match (self.ends_at, self.minutes) {
            (Some(at), None) => Ok(NewEnd::At(at)),
            (None, Some(minutes @ 1..=MAX_MINUTES)) => {
                Ok(NewEnd::Later(Duration::from_secs(u64::from(minutes) * 60)))
            }
            (None, Some(_)) => Err(ApiError::invalid(
                "minutes",
                format!("a workshop is extended by 1 to {MAX_MINUTES} minutes"),
            )),
            _ => Err(ApiError::invalid(
                "ends_at",
                "give either a time, ends_at, or minutes",
            )),
        }
    }
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
    #[serde(with = "rfc3339")]
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

/// More seats.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AddSeats {
    /// How many.
    #[schema(minimum = 1, maximum = 200)]
    pub(super) count: u16,
    /// Make them although the machine can't give every seat all that its limits allow.
    #[serde(default)]
    pub(super) allow_overcommit: bool,
}

pub(super) fn overcommit(is_allowed: bool) -> Overcommit {
    if is_allowed {
        Overcommit::Allow
    } else {
        Overcommit::Refuse
    }
}

/// Memory and processes of seats at their limits, and the quarter of their disks that is counted.
#[derive(Serialize, ToSchema)]
pub(super) struct Amounts {
    memory_mb: u64,
    disk_mb: u64,
    pids: u64,
}

impl From<model::Amounts> for Amounts {
    fn from(amounts: model::Amounts) -> Self {
        Self {
            memory_mb: amounts.memory_mib,
            disk_mb: amounts.disk_mib,
            pids: amounts.pids,
        }
    }
}

/// What this machine can hold.
#[derive(Serialize, ToSchema)]
pub(super) struct Capacity {
    /// What it has for seats; absent where nothing limits them.
    #[serde(skip_serializing_if = "Option::is_none")]
    for_seats: Option<Amounts>,
    /// What the seats of all workshops may use.
    taken: Amounts,
    /// Seats of the default size that fit beside those; absent where nothing limits them.
    #[serde(skip_serializing_if = "Option::is_none")]
    seats_left: Option<u64>,
    /// How many more of them work, with `allow_overcommit`, as long as no class uses more than a quarter of
    /// its limits.
    #[serde(skip_serializing_if = "Option::is_none")]
    seats_left_sharing: Option<u64>,
    /// What the seats of all workshops may use, in percent of what the machine has, of whatever is
    /// scarcest; above 100 seats share.
    #[serde(skip_serializing_if = "Option::is_none")]
    promised_percent: Option<u64>,
    /// Workshops made ahead; they are in nobody's way.
    standby: Vec<StandbyWorkshop>,
}

/// A workshop made ahead, that nobody asked for yet.
#[derive(Serialize, ToSchema)]
struct StandbyWorkshop {
    id: String,
    seats: u16,
    status: workshop::WorkshopStatus,
}

impl From<CapacityView> for Capacity {
    fn from(view: CapacityView) -> Self {
        let standby = view.standby.into_iter().map(|it| StandbyWorkshop {
            id: it.id.to_string(),
            seats: it.seats,
            status: it.status.into(),
        });
        Self {
            for_seats: view.machine.map(|machine| machine.for_seats.into()),
            taken: view.taken.into(),
            seats_left: view.seats_left,
            seats_left_sharing: view.seats_left_sharing,
            promised_percent: view.promised_percent,
            standby: standby.collect(),
        }
    }
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
    #[serde(with = "rfc3339")]
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
    #[serde(with = "rfc3339")]
    expires_at: OffsetDateTime,
}

/// The workshop that was joined.
#[derive(Serialize, ToSchema)]
struct JoinedWorkshop {
    id: String,
    name: String,
    /// When it ends by itself; the seat's session route tells when that changes.
    #[serde(with = "rfc3339::option", skip_serializing_if = "Option::is_none")]
    ends_at: Option<OffsetDateTime>,
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
                ends_at: joined.workshop.ends_at,
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
