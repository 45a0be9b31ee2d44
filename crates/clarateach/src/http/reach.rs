//! `/api/reach`: whether another device gets pages and live connections from here.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{FromRequestParts, Request, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures_util::{SinkExt, StreamExt};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;

use super::ApiState;
use super::body::{ErrorBody, Reach};
use super::error::ApiError;
use super::extract::{From, SignedIn, is_ours, wrong_origin};
use super::websocket::{self, Handshake, Socket};

/// Tries under way at a time, from everybody: anyone may, so it must cost next to nothing.
const TRIES_AT_ONCE: usize = 16;
/// For the client to answer.
const DEADLINE: Duration = Duration::from_secs(5);
/// What the server says; the client may answer anything.
const HELLO: &str = r#"{"type":"hello"}"#;

/// Places for tries; clones share them.
#[derive(Clone)]
pub(super) struct Tries(Arc<Semaphore>);

impl Default for Tries {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(TRIES_AT_ONCE)))
    }
}

/// What was seen of other devices. Upgraded to WebSocket, by anyone: a try whether one gets through,
/// that says `{"type":"hello"}`, waits for any answer and closes.
#[utoipa::path(get, path = "/api/reach", tag = "system", responses(
    (status = 200, body = Reach), (status = 101, description = "A try, which needs no sign-in"),
    (status = 401, body = ErrorBody), (status = 403, body = ErrorBody), (status = 429, body = ErrorBody),
))]
pub(super) async fn get_reach(
    State(state): State<ApiState>,
    from: From,
    request: Request,
) -> Result<Response, ApiError> {
    if !websocket::is_asked_for(request.headers()) {
        let (mut parts, _) = request.into_parts();
        SignedIn::from_request_parts(&mut parts, &state).await?;
        return Ok(Json(Reach::from(state.reach.view())).into_response());
    }
    let origin = request.headers().get(header::ORIGIN);
    if origin.is_some_and(|origin| !is_ours(origin, request.extensions())) {
        return Err(wrong_origin());
    }
    let tries = Arc::clone(&state.tries.0);
    let place = tries.try_acquire_owned().map_err(|_| too_many())?;
    let (parts, body) = request.into_parts();
    let is_learner = !is_instructor(&state, parts.clone()).await;
    let (response, socket) = Handshake::of(Request::from_parts(parts, body))?.accept();
    let trying = state.clone();
    state.streams.spawn(async move {
        let answered = timeout(DEADLINE, answers(socket, place)).await;
        if answered == Ok(true) && is_learner {
            trying.reach.got_websocket(from.client);
        }
    });
    Ok(response)
}

/// Whether what was sent came to the client, and its answer back.
async fn answers(
    socket: impl Future<Output = Option<Socket>>,
    _place: OwnedSemaphorePermit,
) -> bool {
    let Some(mut socket) = socket.await else {
        return false;
    };
    if socket.send(Message::text(HELLO)).await.is_err() {
        return false;
    }
    let answered = matches!(
        socket.next().await,
        Some(Ok(Message::Text(_) | Message::Binary(_)))
    );
    // It knows what it wanted to know; who doesn't hear it notices that the connection is gone.
    let _ = socket.close(None).await;
    answered
}

/// Notes that somebody got the page with which learners join.
pub(super) async fn note_page(state: &ApiState, client: IpAddr, parts: axum::http::request::Parts) {
    if state.reach.view().page_at.is_none() && !is_instructor(state, parts).await {
        state.reach.got_page(client);
    }
}

/// Whether the instructor's own session comes along. Their phone may well be another device, but what
/// it gets proves nothing about a learner's.
async fn is_instructor(state: &ApiState, mut parts: axum::http::request::Parts) -> bool {
    SignedIn::from_request_parts(&mut parts, state)
        .await
        .is_ok()
}

fn too_many() -> ApiError {
    ApiError::new(
        axum::http::StatusCode::TOO_MANY_REQUESTS,
        "too_many_attempts",
        "too many devices try at once: try again in a moment",
    )
}
