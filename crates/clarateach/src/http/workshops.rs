//! `/api/workshops`: classes.

use std::time::Duration;

use axum::Json;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse;
use clarateach_protocol::id::WorkshopId;

use super::ApiState;
use super::body::{CreateWorkshop, ErrorBody, ExtendWorkshop, Workshop, WorkshopList, overcommit};
use super::error::ApiError;
use super::extract::{Body, From, HashedBody, SignedIn, WorkshopPath};
use crate::{qr, service};

fn idle_wish(minutes: Option<u32>) -> service::IdleWish {
    match minutes {
        None => service::IdleWish::Default,
        Some(0) => service::IdleWish::Keep,
        Some(minutes) => service::IdleWish::EndAfter(Duration::from_secs(u64::from(minutes) * 60)),
    }
}

/// Every workshop that has not ended, newest first.
#[utoipa::path(get, path = "/api/workshops", tag = "workshops", responses(
    (status = 200, body = WorkshopList), (status = 401, body = ErrorBody),
))]
pub(super) async fn list_workshops(
    State(state): State<ApiState>,
    from: From,
    _: SignedIn,
) -> Result<Json<WorkshopList>, ApiError> {
    let views = state.service.workshops().await?;
    let workshops = views
        .into_iter()
        .map(|view| Workshop::new(view, &state.addresses, &from.host))
        .collect();
    Ok(Json(WorkshopList { workshops }))
}

/// Makes a workshop. Waits until every seat is ready or failed; with `Prefer: respond-async` it
/// answers at once (RFC 7240, section 4.1).
#[utoipa::path(post, path = "/api/workshops", tag = "workshops", request_body = CreateWorkshop,
    params(
        ("Prefer" = Option<String>, Header, description = "`respond-async`: answer 202 at once"),
        ("Idempotency-Key" = Option<String>, Header, description = "Made by the client: a repeat with the same body within 24 hours gets the same workshop, one with another body 409 `idempotency_conflict`"),
    ),
    responses(
        (status = 201, body = Workshop), (status = 202, body = Workshop), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 409, body = ErrorBody), (status = 410, body = ErrorBody, description = "The workshop that this key made has ended"),
        (status = 413, body = ErrorBody), (status = 415, body = ErrorBody), (status = 503, body = ErrorBody, description = "Seats can't be made now; nothing was begun"),
    ))]
pub(super) async fn create_workshop(
    State(state): State<ApiState>,
    from: From,
    headers: HeaderMap,
    SignedIn { instructor, .. }: SignedIn,
    HashedBody(request, body_hash): HashedBody<CreateWorkshop>,
) -> Result<(StatusCode, Json<Workshop>), ApiError> {
    let idempotency = idempotency_key(&headers)?.map(|key| service::Idempotency { key, body_hash });
    let egress = request
        .egress
        .into_policy()
        .map_err(|error| ApiError::invalid("egress", error.to_string()))?;
    let request = service::CreateWorkshop {
        name: request.name,
        seats: request.seats,
        image: request.image,
        browser: request.browser.into(),
        api_key: request.api_key,
        api_key_name: request.api_key_name,
        env: request.env,
        resources: request.resources.into(),
        egress,
        starts_at: request.starts_at,
        ends_at: request.ends_at,
        idle: idle_wish(request.idle_after_minutes),
        overcommit: overcommit(request.allow_overcommit),
    };
    let created = state
        .service
        .create_workshop(instructor, request, idempotency)
        .await?;
    let (status, view) = if prefers_async(&headers) {
        (StatusCode::ACCEPTED, created)
    } else {
        (
            StatusCode::CREATED,
            state
                .service
                .wait_until_made(created.workshop.spec.id)
                .await?,
        )
    };
    Ok((
        status,
        Json(Workshop::new(view, &state.addresses, &from.host)),
    ))
}

/// One workshop.
#[utoipa::path(get, path = "/api/workshops/{id}", tag = "workshops", params(("id" = String, Path)), responses(
    (status = 200, body = Workshop), (status = 401, body = ErrorBody), (status = 404, body = ErrorBody),
))]
pub(super) async fn get_workshop(
    State(state): State<ApiState>,
    from: From,
    _: SignedIn,
    WorkshopPath(id): WorkshopPath,
) -> Result<Json<Workshop>, ApiError> {
    Ok(Json(show(&state, &from.host, id).await?))
}

/// The join link as a QR code, for the wall.
#[utoipa::path(get, path = "/api/workshops/{id}/join-qr.svg", tag = "workshops", params(("id" = String, Path)), responses(
    (status = 200, body = String, content_type = "image/svg+xml"), (status = 401, body = ErrorBody), (status = 404, body = ErrorBody),
))]
pub(super) async fn get_join_qr(
    State(state): State<ApiState>,
    from: From,
    _: SignedIn,
    WorkshopPath(id): WorkshopPath,
) -> Result<impl IntoResponse, ApiError> {
    let workshop = show(&state, &from.host, id).await?;
    let picture = qr::as_picture(&workshop.join_url).map_err(|error| ApiError::internal(&error))?;
    Ok(([(header::CONTENT_TYPE, "image/svg+xml")], picture))
}

/// Ends a workshop. Answers when nothing of it is left; twice is fine. With `Prefer: respond-async`
/// it answers at once.
#[utoipa::path(delete, path = "/api/workshops/{id}", tag = "workshops", params(("id" = String, Path)), responses(
    (status = 204), (status = 202), (status = 401, body = ErrorBody), (status = 404, body = ErrorBody),
))]
pub(super) async fn delete_workshop(
    State(state): State<ApiState>,
    headers: HeaderMap,
    _: SignedIn,
    WorkshopPath(id): WorkshopPath,
) -> Result<StatusCode, ApiError> {
    if prefers_async(&headers) {
        state.service.end_workshop(id).await?;
        return Ok(StatusCode::ACCEPTED);
    }
    state.service.delete_workshop(id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Ends every workshop, whoever made it. Answers when nothing of them is left; with
/// `Prefer: respond-async` it answers at once.
#[utoipa::path(delete, path = "/api/workshops", tag = "workshops",
    params(("all" = bool, Query, description = "`true`: that all are meant is said, not slipped into")),
    responses((status = 204), (status = 202), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody)))]
pub(super) async fn delete_workshops(
    State(state): State<ApiState>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    _: SignedIn,
) -> Result<StatusCode, ApiError> {
    if query.as_deref() != Some("all=true") {
        return Err(ApiError::invalid(
            "all",
            "this ends every workshop: say ?all=true, or name one",
        ));
    }
    if prefers_async(&headers) {
        state.service.end_all().await?;
        return Ok(StatusCode::ACCEPTED);
    }
    state.service.delete_all().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Sets when a workshop ends: a time, or so many minutes later than it would.
#[utoipa::path(post, path = "/api/workshops/{id}/extend", tag = "workshops", params(("id" = String, Path)),
    request_body = ExtendWorkshop, responses((status = 200, body = Workshop), (status = 400, body = ErrorBody),
        (status = 401, body = ErrorBody), (status = 404, body = ErrorBody), (status = 410, body = ErrorBody)))]
pub(super) async fn extend_workshop(
    State(state): State<ApiState>,
    from: From,
    _: SignedIn,
    WorkshopPath(id): WorkshopPath,
    Body(request): Body<ExtendWorkshop>,
) -> Result<Json<Workshop>, ApiError> {
    let view = state.service.set_end(id, request.end()?).await?;
    Ok(Json(Workshop::new(view, &state.addresses, &from.host)))
}

pub(super) async fn show(
    state: &ApiState,
    host: &crate::addresses::HostKind,
    id: WorkshopId,
) -> Result<Workshop, ApiError> {
    Ok(Workshop::new(
        state.service.workshop(id).await?,
        &state.addresses,
        host,
    ))
}

/// What the client made up to tell a repeat from a second request: 1 to 255 visible ASCII characters.
fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, ApiError> {
    let mut values = headers.get_all("idempotency-key").iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    match value.to_str() {
        Ok(key)
            if values.next().is_none()
                && (1..=255).contains(&key.len())
                && key.bytes().all(|byte| byte.is_ascii_graphic()) =>
        {
            Ok(Some(key.to_owned()))
        }
        _ => Err(ApiError::invalid(
            "Idempotency-Key",
            "an Idempotency-Key has 1 to 255 visible ASCII characters, and there is one at the most",
        )),
    }
}

/// `Prefer: respond-async`, among whatever other preferences.
fn prefers_async(headers: &HeaderMap) -> bool {
    headers
        .get_all("prefer")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|preference| preference.trim().eq_ignore_ascii_case("respond-async"))
}
