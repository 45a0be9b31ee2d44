//! `/api/join`: a code and a name become a seat.

use axum::Json;
use axum::extract::State;

use super::ApiState;
use super::body::{ErrorBody, JoinAnswer, JoinRequest};
use super::error::ApiError;
use super::extract::{Body, From};
use crate::service;

/// Joins a workshop, or comes back to one's seat.
#[utoipa::path(post, path = "/api/join", tag = "join", request_body = JoinRequest, responses(
    (status = 200, body = JoinAnswer), (status = 400, body = ErrorBody),
    (status = 404, body = ErrorBody, description = "`unknown_code` (malformed ones too), `unknown_reconnect_code`"),
    (status = 409, body = ErrorBody, description = "`no_seats`"), (status = 410, body = ErrorBody, description = "`ended`"),
    (status = 423, body = ErrorBody, description = "`seat_locked`"), (status = 425, body = ErrorBody, description = "`not_ready`"), (status = 429, body = ErrorBody),
))]
pub(super) async fn join(
    State(state): State<ApiState>,
    from: From,
    Body(request): Body<JoinRequest>,
) -> Result<Json<JoinAnswer>, ApiError> {
    let request = service::JoinRequest {
        code: request.code,
        name: request.name,
        reconnect_code: request.reconnect_code,
        request_id: request.request_id,
    };
    let joined = state.service.join(from.client, request).await?;
    Ok(Json(JoinAnswer::new(joined, &state.addresses, &from.host)))
}
