//! What goes over the wire.

use std::net::IpAddr;

use clarateach_protocol::token::Scope;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::model::Reason;
use crate::provider::{Endpoints, Instance, InstanceStatus};

/// A seat to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SeatRequest {
    /// Its number, 1 to 200.
    #[schema(minimum = 1, maximum = 200, example = 1)]
    pub(super) seat: u16,
    /// A key for an AI service; shells get it as `ANTHROPIC_API_KEY`. It is told to the seat and kept
    /// nowhere: after a seat has stopped, send it again.
    pub(super) api_key: Option<String>,
}

/// A seat as it is.
#[derive(Serialize, ToSchema)]
pub(super) struct Seat {
    /// The workshop, as the request wrote it.
    workshop: String,
    /// Its number.
    seat: u16,
    /// The provider's own id of it.
    id: String,
    /// Its address in the seats' network.
    #[schema(value_type = String)]
    ip: IpAddr,
    /// Whether it runs.
    status: Status,
    /// Why it doesn't run.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<SeatReason>,
    /// URL of its file service; `GET /health` there needs no token.
    endpoint: String,
    /// Where its services answer.
    endpoints: SeatEndpoints,
    /// How often it was made.
    generation: u32,
    /// One start of it: differs after each.
    incarnation: String,
    /// Digest of what it was made from.
    spec_digest: String,
}

/// Whether a seat runs.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Status {
    /// Its processes run.
    Running,
    /// It is there and doesn't run: `POST` starts it.
    Stopped,
    /// It is damaged: `DELETE` it and `POST` again.
    Error,
}

/// Why something is as it is.
#[derive(Serialize, ToSchema)]
struct SeatReason {
    /// Stable, snake_case.
    code: String,
    /// A sentence.
    message: String,
}

/// Socket addresses, `address:port`.
#[derive(Serialize, ToSchema)]
struct SeatEndpoints {
    /// Terminals.
    terminal: String,
    /// Files.
    files: String,
    /// The browser, while one runs.
    browser: Option<String>,
}

/// What a token is to open; all three where nothing is said.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TokenRequest {
    /// Any of `terminal`, `files`, `stats`.
    scope: Option<Vec<TokenScope>>,
}

/// What a token opens.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum TokenScope {
    /// Terminals.
    Terminal,
    /// Files, archives, search.
    Files,
    /// Resources in use and listening ports.
    Stats,
}

/// A token for a seat's own server.
#[derive(Serialize, ToSchema)]
pub(super) struct Token {
    /// Sent as `Authorization: Bearer` to the seat's endpoints; connections made with it live on.
    pub(super) token: String,
    /// Seconds until it opens nothing any more.
    pub(super) expires_in: u64,
}

/// That the API answers.
#[derive(Serialize, ToSchema)]
pub(super) struct Health {
    /// `ok`.
    pub(super) status: &'static str,
    /// The program's version.
    pub(super) version: &'static str,
}

impl Seat {
    pub(super) fn new(workshop: &str, instance: &Instance) -> Self {
        let Endpoints {
            terminal,
            files,
            browser,
        } = instance.endpoints;
        let (status, reason) = match &instance.status {
            InstanceStatus::Running => (Status::Running, None),
            InstanceStatus::Stopped { reason } => (Status::Stopped, reason.clone()),
            InstanceStatus::Error { reason } => (Status::Error, Some(reason.clone())),
        };
        Self {
            workshop: workshop.to_owned(),
            seat: instance.seat.get(),
            id: instance.id.clone(),
            ip: instance.ip,
            status,
            reason: reason.map(|Reason { code, message }| SeatReason { code, message }),
            endpoint: format!("http://{files}"),
            endpoints: SeatEndpoints {
                terminal: terminal.to_string(),
                files: files.to_string(),
                browser: browser.map(|address| address.to_string()),
            },
            generation: instance.generation.0,
            incarnation: instance.incarnation.clone(),
            spec_digest: instance.spec_digest.clone(),
        }
    }
}

impl TokenRequest {
    pub(super) fn scopes(self) -> Vec<Scope> {
        let all = || vec![TokenScope::Terminal, TokenScope::Files, TokenScope::Stats];
        let asked = self.scope.unwrap_or_else(all);
        asked
            .into_iter()
            .map(|scope| match scope {
                TokenScope::Terminal => Scope::Terminal,
                TokenScope::Files => Scope::Files,
                TokenScope::Stats => Scope::Stats,
            })
            .collect()
    }
}
