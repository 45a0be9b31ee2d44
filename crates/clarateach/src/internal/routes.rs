//! The route table, and its handlers.

use std::collections::BTreeMap;

use axum::extract::{FromRequestParts, Path, State as FromState};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::get;
use axum::{Json, Router};
use clarateach_protocol::id::{Generation, SeatKey, SeatNumber, WorkshopId};
use clarateach_protocol::seat::Binding;
use clarateach_protocol::token::WORKSPACE_TOKEN_SECONDS;
use tracing::Instrument;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::body::{Health, Seat, SeatRequest, Token, TokenRequest};
use super::{State, door, workshop_id};
use crate::http::body::ErrorBody;
use crate::http::error::{self, ApiError};
use crate::http::extract::{Body, no_such};
use crate::model::{MAX_SEATS, Secrets};
use crate::orchestrator::direct::{DirectError, Made};
use crate::provider::{Instance, InstanceStatus, ProviderError, SeatSpec};
use crate::service::input;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "ClaraTeach orchestrator",
        description = "Seats for a program that keeps its own workshops. Internal: never on a public listener. Where the orchestrator has a secret, send it as `Authorization: Bearer …`.",
        license(name = "Apache-2.0")
    ),
    tags((name = "seats", description = "The provider's labels are the only records; every call may be repeated"))
)]
struct Document;

fn api() -> OpenApiRouter<State> {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(list_seats, create_seat))
        .routes(routes!(get_seat, delete_seat))
        .routes(routes!(create_token))
        .routes(routes!(delete_workshop))
        .routes(routes!(get_health))
}

/// The API's description, OpenAPI 3.1, as pretty JSON.
#[must_use]
pub fn openapi_json() -> String {
    let document = api().into_openapi();
    let mut json = document
        .to_pretty_json()
        .expect("the document is plain data");
    json.push('\n');
    json
}

/// Everything that the internal listener serves.
pub(super) fn router(state: State) -> Router {
    let (api, document) = api().split_for_parts();
    let document = std::sync::Arc::new(document);
    api.route(
        "/openapi.json",
        get(move || {
            let document = std::sync::Arc::clone(&document);
            async move { Json(document.as_ref().clone()) }
        }),
    )
    .fallback(unknown_route)
    .method_not_allowed_fallback(wrong_method)
    .layer(tower_http::catch_panic::CatchPanicLayer::custom(
        error::panicked,
    ))
    .layer(from_fn_with_state(state.clone(), door::admit))
    .layer(from_fn(error::render))
    .layer(from_fn(door::watch))
    .with_state(state)
}

/// Makes a seat, or finds it: 201 when it was made now, 200 when it was there. It is proven to work
/// (terminal, files) before the answer. Another `api_key` reaches shells that start from now on; without
/// one a seat keeps what it has.
#[utoipa::path(post, path = "/workshops/{id}/seats", tag = "seats", request_body = SeatRequest, params(("id" = String, Path)), responses(
    (status = 201, body = Seat), (status = 200, body = Seat, description = "It was there"), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
    (status = 409, body = ErrorBody), (status = 502, body = ErrorBody), (status = 503, body = ErrorBody), (status = 507, body = ErrorBody),
))]
async fn create_seat(
    FromState(state): FromState<State>,
    workshop: Workshop,
    Body(request): Body<SeatRequest>,
) -> Result<(StatusCode, Json<Seat>), ApiError> {
    let number = SeatNumber::new(request.seat)
        .ok()
        .filter(|number| number.get() <= MAX_SEATS)
        .ok_or_else(|| {
            ApiError::invalid("seat", format!("a seat's number is from 1 to {MAX_SEATS}"))
        })?;
    let binding = match request.api_key {
        Some(key) => {
            let Secrets(env) = input::environment(BTreeMap::new(), Some(key), None)?;
            Some(Binding {
                learner: None,
                env,
                files: Vec::new(),
            })
        }
        None => None,
    };
    let spec = SeatSpec {
        workshop: state.specs.of(workshop.id),
        number,
        generation: Generation::FIRST,
        disk: Generation::FIRST,
    };
    let seats = std::sync::Arc::clone(&state.seats);
    let (instance, made) =
        to_the_end(&state, async move { seats.ensure(&spec, binding).await }).await?;
    let status = match made {
        Made::Now => StatusCode::CREATED,
        Made::Before => StatusCode::OK,
    };
    Ok((status, Json(Seat::new(&workshop.name, &instance))))
}

/// Every seat of a workshop, by number; none where there is no such workshop.
#[utoipa::path(get, path = "/workshops/{id}/seats", tag = "seats", params(("id" = String, Path)), responses(
    (status = 200, body = Vec<Seat>), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody), (status = 503, body = ErrorBody),
))]
async fn list_seats(
    FromState(state): FromState<State>,
    workshop: Workshop,
) -> Result<Json<Vec<Seat>>, ApiError> {
    let seats = state.seats.list(&workshop.id).await?;
    let seats = seats.iter().map(|seat| Seat::new(&workshop.name, seat));
    Ok(Json(seats.collect()))
}

/// One seat.
#[utoipa::path(get, path = "/workshops/{id}/seats/{seat}", tag = "seats", params(("id" = String, Path), ("seat" = u16, Path)), responses(
    (status = 200, body = Seat), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody), (status = 404, body = ErrorBody), (status = 503, body = ErrorBody),
))]
async fn get_seat(
    FromState(state): FromState<State>,
    path: SeatPath,
) -> Result<Json<Seat>, ApiError> {
    let seat = find(&state, &path).await?;
    Ok(Json(Seat::new(&path.workshop.name, &seat)))
}

/// Removes a seat with its files; 204 also where there is none.
#[utoipa::path(delete, path = "/workshops/{id}/seats/{seat}", tag = "seats", params(("id" = String, Path), ("seat" = u16, Path)), responses(
    (status = 204), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody), (status = 503, body = ErrorBody),
))]
async fn delete_seat(
    FromState(state): FromState<State>,
    path: SeatPath,
) -> Result<StatusCode, ApiError> {
    let (seats, key) = (std::sync::Arc::clone(&state.seats), path.key());
    to_the_end(&state, async move { seats.remove(&key).await }).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Removes a workshop: all its seats and its network; 204 also where there is none.
#[utoipa::path(delete, path = "/workshops/{id}", tag = "seats", params(("id" = String, Path)), responses(
    (status = 204), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody), (status = 503, body = ErrorBody),
))]
async fn delete_workshop(
    FromState(state): FromState<State>,
    workshop: Workshop,
) -> Result<StatusCode, ApiError> {
    let seats = std::sync::Arc::clone(&state.seats);
    to_the_end(
        &state,
        async move { seats.remove_workshop(workshop.id).await },
    )
    .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A token with which a seat's own server lets its bearer in, for a minute.
#[utoipa::path(post, path = "/workshops/{id}/seats/{seat}/token", tag = "seats", request_body = TokenRequest, params(("id" = String, Path), ("seat" = u16, Path)), responses(
    (status = 201, body = Token), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody), (status = 503, body = ErrorBody),
))]
async fn create_token(
    FromState(state): FromState<State>,
    path: SeatPath,
    Body(request): Body<TokenRequest>,
) -> Result<(StatusCode, Json<Token>), ApiError> {
    let seat = find(&state, &path).await?;
    if seat.status != InstanceStatus::Running {
        return Err(ApiError::new(
            StatusCode::CONFLICT,
            "seat_stopped",
            "the seat does not run: POST it again to start it",
        ));
    }
    let token = state.seats.token(&seat, request.scopes());
    let token = Token {
        token,
        expires_in: WORKSPACE_TOKEN_SECONDS,
    };
    Ok((StatusCode::CREATED, Json(token)))
}

/// That the API answers; no secret is needed, and the engine isn't asked.
#[utoipa::path(get, path = "/health", tag = "seats", responses((status = 200, body = Health)))]
async fn get_health() -> Json<Health> {
    Json(Health {
        status: "ok",
        version: env!("CARGO_PKG_VERSION"),
    })
}

async fn find(state: &State, path: &SeatPath) -> Result<Instance, ApiError> {
    let found = state.seats.find(&path.key()).await?;
    found.ok_or_else(|| no_such("seat"))
}

/// Does a change to its end, also when who asked hangs up.
async fn to_the_end<T: Send + 'static>(
    state: &State,
    change: impl Future<Output = Result<T, DirectError>> + Send + 'static,
) -> Result<T, ApiError> {
    match state.changes.spawn(change.in_current_span()).await {
        Ok(result) => Ok(result?),
        Err(stopped) => match stopped.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(cancelled) => Err(ApiError::internal(&cancelled)),
        },
    }
}

/// A workshop in the path: what it is called there, and its id here.
struct Workshop {
    name: String,
    id: WorkshopId,
}

impl Workshop {
    fn named(name: String) -> Result<Self, ApiError> {
        match workshop_id::parse(&name) {
            Some(id) => Ok(Self { name, id }),
            None => Err(ApiError::invalid(
                "id",
                "a workshop's id has 1 to 64 of A-Z, a-z, 0-9, '.', '_', '-', and begins with a letter or digit",
            )),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Workshop {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let Path(name) = Path::<String>::from_request_parts(parts, state)
            .await
            .map_err(|_| no_such("workshop"))?;
        Self::named(name)
    }
}

/// A workshop and a seat in the path.
struct SeatPath {
    workshop: Workshop,
    number: SeatNumber,
}

impl SeatPath {
    fn key(&self) -> SeatKey {
        SeatKey {
            workshop: self.workshop.id,
            seat: self.number,
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for SeatPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let Path((name, number)) = Path::<(String, String)>::from_request_parts(parts, state)
            .await
            .map_err(|_| no_such("seat"))?;
        let number = number.parse().map_err(|_| {
            ApiError::invalid(
                "seat",
                "a seat's number is from 1 to 999, without zeros in front",
            )
        })?;
        Ok(Self {
            workshop: Workshop::named(name)?,
            number,
        })
    }
}

impl From<DirectError> for ApiError {
    fn from(error: DirectError) -> Self {
        let message = error.to_string();
        let unavailable = |code| {
            Self::new(StatusCode::SERVICE_UNAVAILABLE, code, message.clone()).retry_after(10)
        };
        match error {
            DirectError::Differs(_) => Self::new(StatusCode::CONFLICT, "seat_differs", message),
            DirectError::Probe(_) => {
                Self::new(StatusCode::BAD_GATEWAY, "seat_not_working", message)
            }
            DirectError::Leftover => unavailable("engine_error"),
            DirectError::Provider(error) => match error {
                ProviderError::ImageMissing { .. } | ProviderError::ImageUnusable { .. } => {
                    Self::new(StatusCode::SERVICE_UNAVAILABLE, error.code(), message)
                }
                ProviderError::Disk { detail, .. } if detail.contains("No space left") => {
                    Self::new(StatusCode::INSUFFICIENT_STORAGE, "disk_full", message)
                }
                ProviderError::Unreachable { .. }
                | ProviderError::NoSubnet { .. }
                | ProviderError::Isolation { .. }
                | ProviderError::Unreached { .. }
                | ProviderError::Disk { .. }
                | ProviderError::Engine { .. }
                | ProviderError::Deadline { .. } => unavailable(error.code()),
                ProviderError::Conflict(_)
                | ProviderError::NoSeat(_)
                | ProviderError::NotRunning(_)
                | ProviderError::Unsupported { .. } => Self::internal(&error),
            },
        }
    }
}

async fn unknown_route() -> ApiError {
    ApiError::new(
        StatusCode::NOT_FOUND,
        "not_found",
        "there is no such call: see /openapi.json",
    )
}

async fn wrong_method() -> ApiError {
    ApiError::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method_not_allowed",
        "this call takes another method: see /openapi.json",
    )
}
