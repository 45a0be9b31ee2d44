//! `/api/workshops/{id}/seats`: single seats.

use axum::Json;
use axum::extract::State;

use super::ApiState;
use super::body::{AddSeats, CreateSeatToken, ErrorBody, Seat, SeatToken, Workshop};
use super::error::ApiError;
use super::extract::{Body, From, SeatPath, SignedIn, WorkshopPath};
use crate::addresses::HostKind;
use crate::model::SeatLock;
use crate::service::Occupancy;

/// Adds seats; they are made in the background.
#[utoipa::path(post, path = "/api/workshops/{id}/seats", tag = "workshops", params(("id" = String, Path)), request_body = AddSeats, responses(
    (status = 200, body = Workshop), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
    (status = 404, body = ErrorBody), (status = 410, body = ErrorBody),
))]
pub(super) async fn add_seats(
    State(state): State<ApiState>,
    from: From,
    _: SignedIn,
    WorkshopPath(id): WorkshopPath,
    Body(request): Body<AddSeats>,
) -> Result<Json<Workshop>, ApiError> {
    let view = state.service.add_seats(id, request.count).await?;
    Ok(Json(Workshop::new(view, &state.addresses, &from.host)))
}

/// Makes a seat anew; its learner stays. Its files are kept for 30 minutes, so that it can be undone.
#[utoipa::path(post, path = "/api/workshops/{id}/seats/{number}/reset", tag = "workshops",
    params(("id" = String, Path), ("number" = u16, Path)),
    responses((status = 200, body = Seat), (status = 401, body = ErrorBody), (status = 404, body = ErrorBody), (status = 410, body = ErrorBody)))]
pub(super) async fn reset_seat(
    State(state): State<ApiState>,
    _: SignedIn,
    SeatPath(key): SeatPath,
) -> Result<Json<Seat>, ApiError> {
    Ok(Json(
        state.service.renew_seat(key, Occupancy::Keep).await?.into(),
    ))
}

/// Gives a seat the files back that it had before its last reset, as long as `undo_reset_until` of the
/// seat says; what was made since goes. The learner stays.
#[utoipa::path(post, path = "/api/workshops/{id}/seats/{number}/undo-reset", tag = "workshops",
    params(("id" = String, Path), ("number" = u16, Path)),
    responses((status = 200, body = Seat), (status = 401, body = ErrorBody), (status = 404, body = ErrorBody),
        (status = 409, body = ErrorBody, description = "`nothing_to_undo`"), (status = 410, body = ErrorBody)))]
pub(super) async fn undo_reset_seat(
    State(state): State<ApiState>,
    _: SignedIn,
    SeatPath(key): SeatPath,
) -> Result<Json<Seat>, ApiError> {
    Ok(Json(state.service.undo_reset(key).await?.into()))
}

/// Ends a learner's assignment and makes the seat anew. It can't be undone: nobody gets what was another's.
#[utoipa::path(post, path = "/api/workshops/{id}/seats/{number}/release", tag = "workshops",
    params(("id" = String, Path), ("number" = u16, Path)),
    responses((status = 200, body = Seat), (status = 401, body = ErrorBody), (status = 404, body = ErrorBody), (status = 410, body = ErrorBody)))]
pub(super) async fn release_seat(
    State(state): State<ApiState>,
    _: SignedIn,
    SeatPath(key): SeatPath,
) -> Result<Json<Seat>, ApiError> {
    Ok(Json(
        state.service.renew_seat(key, Occupancy::End).await?.into(),
    ))
}

/// Locks a seat: nobody is seated there, and its learner is shut out until it is unlocked. Files and
/// processes stay, and instructors still get in. Twice is fine.
#[utoipa::path(post, path = "/api/workshops/{id}/seats/{number}/lock", tag = "workshops",
    params(("id" = String, Path), ("number" = u16, Path)),
    responses((status = 200, body = Seat), (status = 401, body = ErrorBody), (status = 404, body = ErrorBody)))]
pub(super) async fn lock_seat(
    State(state): State<ApiState>,
    _: SignedIn,
    SeatPath(key): SeatPath,
) -> Result<Json<Seat>, ApiError> {
    let locked = state.service.lock_seat(key, SeatLock::Locked).await?;
    Ok(Json(locked.into()))
}

/// Lets a locked seat's learner in again. Twice is fine.
#[utoipa::path(post, path = "/api/workshops/{id}/seats/{number}/unlock", tag = "workshops",
    params(("id" = String, Path), ("number" = u16, Path)),
    responses((status = 200, body = Seat), (status = 401, body = ErrorBody), (status = 404, body = ErrorBody)))]
pub(super) async fn unlock_seat(
    State(state): State<ApiState>,
    _: SignedIn,
    SeatPath(key): SeatPath,
) -> Result<Json<Seat>, ApiError> {
    let unlocked = state.service.lock_seat(key, SeatLock::Open).await?;
    Ok(Json(unlocked.into()))
}

/// Tries a failed seat again.
#[utoipa::path(post, path = "/api/workshops/{id}/seats/{number}/retry", tag = "workshops",
    params(("id" = String, Path), ("number" = u16, Path)),
    responses((status = 200, body = Seat), (status = 401, body = ErrorBody), (status = 404, body = ErrorBody)))]
pub(super) async fn retry_seat(
    State(state): State<ApiState>,
    _: SignedIn,
    SeatPath(key): SeatPath,
) -> Result<Json<Seat>, ApiError> {
    Ok(Json(state.service.retry_seat(key).await?.into()))
}

/// A token with which the instructor opens a seat.
#[utoipa::path(post, path = "/api/workshops/{id}/seats/{number}/token", tag = "workshops",
    params(("id" = String, Path), ("number" = u16, Path)), request_body = CreateSeatToken,
    responses((status = 200, body = SeatToken), (status = 401, body = ErrorBody), (status = 404, body = ErrorBody)))]
pub(super) async fn create_seat_token(
    State(state): State<ApiState>,
    from: From,
    SignedIn { instructor, .. }: SignedIn,
    SeatPath(key): SeatPath,
    Body(request): Body<CreateSeatToken>,
) -> Result<Json<SeatToken>, ApiError> {
    let host: &HostKind = &from.host;
    let (token, expires_at) = state
        .service
        .instructor_token(&instructor, key, request.mode.into())
        .await?;
    Ok(Json(SeatToken {
        token,
        endpoint: state.addresses.endpoint(&key.workshop, host),
        seat: key.seat.get(),
        expires_at,
    }))
}
