//! Health, readiness, public keys.

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::ApiState;
use super::body::{Health, Ready, ReadyReason};
use crate::provider::Level;

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
pub(super) async fn get_ready(State(state): State<ApiState>) -> (StatusCode, Json<Ready>) {
    let (ready, reasons) = match state.orchestrator.check().await {
        Ok(report) => {
            let ready = report
                .findings
                .iter()
                .all(|finding| finding.level < Level::Error);
            let reasons = report
                .findings
                .into_iter()
                .filter(|finding| finding.level > Level::Good);
            let told = reasons.map(|finding| ReadyReason {
                code: finding.code.to_owned(),
                message: finding.message,
            });
            (ready, told.collect())
        }
        Err(error) => (
            false,
            vec![ReadyReason {
                code: error.code().to_owned(),
                message: error.to_string(),
            }],
        ),
    };
    let status = if ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, Json(Ready { ready, reasons }))
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
