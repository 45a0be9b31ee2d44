//! `/api/events` and `/api/workshops/{id}/events`: what changes, as it changes.
//!
//! One event is one JSON object, as a server-sent event or as a WebSocket's text message. Here is what
//! is asked for; `stream` has the two ways to send it.

mod stream;

use axum::extract::{Query, Request, State};
use axum::http::{HeaderMap, header};
use axum::response::Response;
use serde::Deserialize;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::ApiState;
use super::body::{ErrorBody, Event};
use super::error::ApiError;
use super::extract::{From, SignedIn, WorkshopPath};
use super::websocket::{self, Handshake};
use crate::addresses::HostKind;
use crate::feed::{Scope, Subscription};
use crate::server::Hangup;
use crate::service::Credential;
use stream::Stream;

/// Every stream that is open, to be ended with the server; clones share them.
#[derive(Clone)]
pub struct Streams {
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Streams {
    /// None yet; those to come end when `stop` is cancelled.
    #[must_use]
    pub fn new(stop: CancellationToken) -> Self {
        Self {
            tasks: TaskTracker::new(),
            stop,
        }
    }

    /// Waits until all have ended, which they do after the stop.
    pub async fn finish(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }

    pub(super) fn spawn(&self, stream: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(stream);
    }

    pub(super) async fn stopped(&self) {
        self.stop.cancelled().await;
    }
}

/// Where to go on.
#[derive(Deserialize)]
pub(super) struct Resume {
    after: Option<String>,
}

/// What changes in every workshop. Begins with all of them, as `workshops`; with `after` or
/// `Last-Event-ID` it goes on behind that event where it can. As WebSocket when upgraded: the same
/// JSON, a text message an event.
#[utoipa::path(get, path = "/api/events", tag = "events",
    params(
        ("after" = Option<u64>, Query, description = "The `id` of the last event that was seen: the ones after it follow, or a snapshot when they are not all kept"),
        ("Last-Event-ID" = Option<u64>, Header, description = "The same, as browsers send it"),
    ),
    responses(
        (status = 200, body = Event, content_type = "text/event-stream", description = "Each event's `data` is this JSON"),
        (status = 101, body = Event, description = "Each text message is this JSON. Closed with 1001 when the server stops, 4401 when the sign-in is over, 4408 when messages are not taken in time"),
        (status = 400, body = ErrorBody), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
    ))]
pub(super) async fn all_events(
    State(state): State<ApiState>,
    from: From,
    SignedIn { credential, .. }: SignedIn,
    Query(resume): Query<Resume>,
    request: Request,
) -> Result<Response, ApiError> {
    let subscription = state.feed.all(resume.after(request.headers())?);
    open(
        state,
        from.host,
        credential,
        (Scope::All, subscription),
        request,
    )
}

/// What changes in one workshop. Begins with all of it, as `workshop`, and ends after `ended`;
/// otherwise as `/api/events`.
#[utoipa::path(get, path = "/api/workshops/{id}/events", tag = "events",
    params(
        ("id" = String, Path),
        ("after" = Option<u64>, Query, description = "The `id` of the last event that was seen: the ones after it follow, or a snapshot when they are not all kept"),
        ("Last-Event-ID" = Option<u64>, Header, description = "The same, as browsers send it"),
    ),
    responses(
        (status = 200, body = Event, content_type = "text/event-stream", description = "Each event's `data` is this JSON"),
        (status = 101, body = Event, description = "Each text message is this JSON. Closed with 1000 after `ended`, 1001 when the server stops, 4401 when the sign-in is over, 4408 when messages are not taken in time"),
        (status = 400, body = ErrorBody), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody),
    ))]
pub(super) async fn workshop_events(
    State(state): State<ApiState>,
    from: From,
    SignedIn { credential, .. }: SignedIn,
    WorkshopPath(id): WorkshopPath,
    Query(resume): Query<Resume>,
    request: Request,
) -> Result<Response, ApiError> {
    let after = resume.after(request.headers())?;
    let subscription = state.feed.one(state.service.workshop(id).await?, after);
    let scope = Scope::One(id);
    open(state, from.host, credential, (scope, subscription), request)
}

impl Resume {
    /// The last event that the client saw. One in the query counts before the header: it is what
    /// the program says, not what its library remembers.
    fn after(&self, headers: &HeaderMap) -> Result<Option<u64>, ApiError> {
        if let Some(after) = &self.after {
            let number = after.parse().map_err(|_| {
                ApiError::invalid(
                    "after",
                    "after is the id of an event: digits, and nothing else",
                )
            })?;
            return Ok(Some(number));
        }
        let last = headers.get("last-event-id");
        // One that is none of ours leads to a snapshot.
        Ok(last.and_then(|last| last.to_str().ok()?.trim().parse().ok()))
    }
}

fn open(
    state: ApiState,
    host: HostKind,
    credential: Credential,
    (scope, subscription): (Scope, Subscription),
    request: Request,
) -> Result<Response, ApiError> {
    let standing = state.service.standing(credential);
    let hangup = request.extensions().get::<Hangup>().cloned();
    let streams = state.streams.clone();
    let stream = Stream::new(state, host, standing, (scope, subscription));
    if websocket::is_asked_for(request.headers()) {
        let (response, socket) = Handshake::of(request)?.accept();
        streams.spawn(async move {
            if let Some(socket) = socket.await {
                stream.send_messages(socket).await;
            }
        });
        return Ok(response);
    }
    let is_read = request.method() != axum::http::Method::HEAD;
    let (mut response, sending) = stream.server_sent(hangup);
    if is_read {
        streams.spawn(sending);
    }
    response.headers_mut().insert(
        header::CACHE_CONTROL,
        axum::http::HeaderValue::from_static("no-store"),
    );
    Ok(response)
}
