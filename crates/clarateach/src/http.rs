//! The public HTTP API and the pages: the route table, and nothing else.
//!
//! Handlers are in a file a resource (`session`, `tokens`, `workshops`, `seats`, `events`, `join`,
//! `reach`, `system`), named `<verb>_<resource>`. `extract` reads requests, `error` turns errors into statuses, `body` holds
//! what goes over the wire, `pages` serves the embedded front end. Rules live in `service`.

pub(crate) mod body;
pub(crate) mod error;
mod events;
pub(crate) mod extract;
mod images;
mod join;
mod pages;
mod reach;
mod seats;
mod session;
mod system;
mod tokens;
mod websocket;
mod workshops;

use std::sync::Arc;

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::get;
use utoipa::OpenApi;
use utoipa::openapi::{RefOr, Schema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::addresses::Addresses;
use crate::auth::keys::PlatformKeys;
use crate::error_codes::{self, LISTED};
use crate::feed::Feed;
use crate::reach::Reach;
use crate::service::Service;
pub use events::Streams;

/// What handlers need; clones share it.
#[derive(Clone)]
pub struct ApiState {
    /// The rules.
    pub service: Service,
    /// URLs that answers hold.
    pub addresses: Arc<Addresses>,
    /// The public keys, and the session cookie's name.
    pub keys: Arc<PlatformKeys>,
    /// What changes.
    pub feed: Feed,
    /// What was seen of other devices.
    pub reach: Reach,
    /// Connections that stay open.
    pub streams: Streams,
    tries: reach::Tries,
}

impl ApiState {
    /// What handlers need, from its parts.
    #[must_use]
    pub fn new(
        service: Service,
        (addresses, keys): (Arc<Addresses>, Arc<PlatformKeys>),
        (feed, reach, streams): (Feed, Reach, Streams),
    ) -> Self {
        Self {
            service,
            addresses,
            keys,
            feed,
            reach,
            streams,
            tries: reach::Tries::default(),
        }
    }
}

#[derive(OpenApi)]
#[openapi(
    info(title = "ClaraTeach", description = "Live, hands-on coding workshops.", license(name = "Apache-2.0")),
    components(schemas(body::ErrorBody)),
    tags(
        (name = "session", description = "Signing in as an instructor"),
        (name = "tokens", description = "API tokens: programs send one as `Authorization: Bearer ct_…`"),
        (name = "workshops", description = "Classes and their seats"),
        (name = "events", description = "What changes, as it changes"),
        (name = "join", description = "Learners"),
        (name = "system", description = "Health and readiness"),
    )
)]
struct Document;

/// Describes every error code, from the one list.
fn list_errors(document: &mut utoipa::openapi::OpenApi) {
    let text = document.info.description.take().unwrap_or_default();
    let table = error_codes::table();
    document.info.description = Some(format!("{text}\n\nErrors:\n\n{table}"));
    let schemas = document.components.as_mut().map(|it| &mut it.schemas);
    let detail = schemas.and_then(|schemas| schemas.get_mut("ErrorDetail"));
    if let Some(RefOr::T(Schema::Object(detail))) = detail
        && let Some(RefOr::T(Schema::Object(code))) = detail.properties.get_mut("code")
    {
        let mut codes: Vec<&str> = LISTED.iter().map(|it| it.code).collect();
        codes.sort_unstable();
        codes.dedup();
        code.enum_values = Some(codes.into_iter().map(Into::into).collect());
    }
}

fn api() -> OpenApiRouter<ApiState> {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(session::set_up))
        .routes(routes!(
            session::get_session,
            session::create_session,
            session::delete_session
        ))
        .routes(routes!(tokens::list_tokens, tokens::create_token))
        .routes(routes!(tokens::delete_token))
        .routes(routes!(
            workshops::list_workshops,
            workshops::create_workshop,
            workshops::delete_workshops
        ))
        .routes(routes!(workshops::get_workshop, workshops::delete_workshop))
        .routes(routes!(workshops::extend_workshop))
        .routes(routes!(workshops::allow_overcommit))
        .routes(routes!(workshops::get_join_qr))
        .routes(routes!(seats::add_seats))
        .routes(routes!(seats::reset_seat))
        .routes(routes!(seats::undo_reset_seat))
        .routes(routes!(seats::release_seat))
        .routes(routes!(seats::retry_seat))
        .routes(routes!(seats::lock_seat))
        .routes(routes!(seats::unlock_seat))
        .routes(routes!(seats::create_seat_token))
        .routes(routes!(events::all_events))
        .routes(routes!(events::workshop_events))
        .routes(routes!(join::join))
        .routes(routes!(reach::get_reach))
        .routes(routes!(system::get_health))
        .routes(routes!(system::get_ready))
        .routes(routes!(system::get_capacity))
        .routes(routes!(images::check_image))
}

/// The API's description, OpenAPI 3.1, as pretty JSON.
#[must_use]
pub fn openapi_json() -> String {
    let mut document = api().into_openapi();
    list_errors(&mut document);
    let mut json = document
        .to_pretty_json()
        .expect("the document is plain data");
    json.push('\n');
    json
}

/// Everything that the platform's origin serves, seats apart.
pub fn router(state: ApiState) -> Router {
    let (api, mut document) = api().split_for_parts();
    list_errors(&mut document);
    let document = Arc::new(document);
    let policy = pages::Policy::new(&state.addresses);
    api.route(
        "/api/openapi.json",
        get(move || {
            let document = Arc::clone(&document);
            async move { axum::Json(document.as_ref().clone()) }
        }),
    )
    .route("/.well-known/jwks.json", get(system::get_jwks))
    .route("/api/{*rest}", axum::routing::any(error::unknown_route))
    .fallback(pages::get_page)
    .method_not_allowed_fallback(error::wrong_method)
    .layer(tower_http::catch_panic::CatchPanicLayer::custom(
        error::panicked,
    ))
    .layer(from_fn_with_state(policy, pages::add_security_headers))
    .layer(from_fn(error::render))
    .with_state(state)
}
