//! Health, readiness, public keys.

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};

use super::ApiState;
use super::body::{Health, Ready, ReadyReason};
use crate::server::Condition;

/// The process answers.
#[utoipa::path(get, path = "/api/health", tag = "system", responses((status = 200, body = Health)))]
pub(super) async fn get_health() -> Json<Health> {
    Json(Health {
        status: "ok",
        version: env!("CARGO_PKG_VERSION"),
    })
}

/// Whether workshops can be made, and what is in the way or weaker than it could be.
#[utoipa::path(get, path = "/api/ready", tag = "system", responses((status = 200, body = Ready), (status = 503, body = Ready)))]
pub(super) async fn get_ready(
    State(state): State<ApiState>,
    condition: Option<Extension<Condition>>,
) -> (StatusCode, Json<Ready>) {
    let readiness = state.service.readiness().await;
    let turned_away = condition.and_then(|Extension(condition)| turned_away(condition));
    let ready = readiness.ready && turned_away.is_none();
    let reasons = readiness.reasons.into_iter().map(|reason| ReadyReason {
        code: reason.code,
        message: reason.message,
    });
    let reasons = turned_away.into_iter().chain(reasons).collect();
    let status = if ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, Json(Ready { ready, reasons }))
}

/// Why the server turns clients away, if it does.
fn turned_away(condition: Condition) -> Option<ReadyReason> {
    let (code, message) = match condition {
        Condition::Serving => return None,
        Condition::Shedding => (
            "overloaded",
            "the server has as much to do as it can, and turns clients away. Hint: raise CLARATEACH_MAX_CONNECTIONS, CLARATEACH_MAX_CONNECTIONS_PER_ADDRESS or CLARATEACH_MAX_REQUESTS, or find out who floods it",
        ),
        Condition::Draining => (
            "stopping",
            "the server was told to stop; requests in flight end",
        ),
    };
    Some(ReadyReason {
        code: code.into(),
        message: message.into(),
    })
}

/// The public keys that seat tokens are checked against (RFC 7517).
pub(super) async fn get_jwks(State(state): State<ApiState>) -> Response {
    let jwks = state.keys.signing.verifying_keys().to_jwks();
    (
        [
            (header::CONTENT_TYPE, "application/jwk-set+json"),
            (header::CACHE_CONTROL, "max-age=300"),
        ],
        jwks,
    )
        .into_response()
}
