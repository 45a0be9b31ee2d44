//! A simulated seat's HTTP: one dispatch over the route table, with the real seat's errors.

use std::sync::{Arc, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use clarateach_protocol::error::ErrorBody;
use clarateach_protocol::route::{Coverage, SEAT_ROUTES, SeatRoute, Service};
use clarateach_protocol::seat::{
    Activity, BindRequest, CpuUsage, Health, MemoryUsage, OutOfMemory, Stats, Usage,
};
use clarateach_protocol::token::Mode;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::seat::{Seat, Start};
use super::{events, files, search, socket, terminal, tunnel};

/// Bytes of a request's body at the most.
const MAX_BODY_BYTES: usize = 16 * 1024 * 1024;

pub(super) type Answer = Response<Full<Bytes>>;

/// A refusal: status, code and sentence.
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    pub(super) code: &'static str,
    pub(super) message: &'static str,
    /// The current ETag, where a condition failed.
    pub(super) etag: Option<String>,
}

pub(super) fn refuse(status: StatusCode, code: &'static str, message: &'static str) -> Refusal {
    Refusal {
        status,
        code,
        message,
        etag: None,
    }
}

pub(super) async fn answer(
    seat: Arc<Seat>,
    start: Arc<Start>,
    service: Service,
    request: Request<Incoming>,
) -> Answer {
    match dispatch(seat, start, service, request).await {
        Ok(answer) => answer,
        Err(refusal) => {
            let body = ErrorBody::new(refusal.code, refusal.message);
            let mut answer = json(refusal.status, &body);
            let etag = refusal.etag.and_then(|etag| etag.parse().ok());
            if let Some(etag) = etag {
                answer.headers_mut().insert(http::header::ETAG, etag);
            }
            answer
        }
    }
}

async fn dispatch(
    seat: Arc<Seat>,
    start: Arc<Start>,
    service: Service,
    request: Request<Incoming>,
) -> Result<Answer, Refusal> {
    let path = request.uri().path().trim_start_matches('/').to_owned();
    let (route, below) = find_route(service, &path).ok_or_else(not_found)?;
    let mode = authorise(&seat, route, request.headers())?;
    if mode == Mode::View && request.method() != Method::GET {
        return Err(refuse(
            StatusCode::FORBIDDEN,
            "view_only",
            "this token only looks",
        ));
    }
    match route.segment {
        "health" => Ok(json(StatusCode::OK, &health(&seat, &start))),
        "bind" => bind(&start, request).await,
        "terminal" => socket::attach(&start, mode, request),
        "terminals" => terminal::answer(&start.terminals, below, request).await,
        "files" => {
            let changes = request.method() != Method::GET;
            let answer = files::answer(&seat.files, below, request).await?;
            if changes {
                seat.changes.send_modify(|count| *count += 1);
            }
            Ok(answer)
        }
        "files-events" => events::listen(&seat, &start, request),
        "search" => search::answer(&seat.files, &request),
        "ports" => Ok(tunnel::ports()),
        "stats" => Ok(json(StatusCode::OK, &stats(&seat, &start))),
        "tunnel" => tunnel::open(&seat, &start, request),
        _ => Err(not_found()),
    }
}

/// The route of a path, and what of the path is below it.
fn find_route(service: Service, path: &str) -> Option<(&'static SeatRoute, &str)> {
    let (segment, below) = path.split_once('/').unwrap_or((path, ""));
    let route = SEAT_ROUTES
        .iter()
        .find(|route| route.segment == segment && route.service == service)?;
    (below.is_empty() || route.coverage == Coverage::Subtree).then_some((route, below))
}

fn authorise(seat: &Seat, route: &SeatRoute, headers: &HeaderMap) -> Result<Mode, Refusal> {
    let Some(scope) = route.scope else {
        return Ok(Mode::Control);
    };
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    let token = headers
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Bearer "));
    token
        .and_then(|token| seat.mode_of(token, scope, now))
        .ok_or_else(|| {
            refuse(
                StatusCode::UNAUTHORIZED,
                "unauthenticated",
                "a token of the platform for this seat is needed",
            )
        })
}

fn health(seat: &Seat, start: &Start) -> Health {
    let bound = start.bound.lock().unwrap_or_else(PoisonError::into_inner);
    Health {
        version: concat!(env!("CARGO_PKG_VERSION"), "-simulated").to_owned(),
        generation: seat.generation(),
        bound: bound.clone(),
    }
}

/// It uses nothing, and tells what was done in it.
fn stats(seat: &Seat, start: &Start) -> Stats {
    Stats {
        memory: MemoryUsage::default(),
        disk: Usage::default(),
        pids: Usage::default(),
        cpu: CpuUsage::default(),
        out_of_memory: OutOfMemory::default(),
        activity: Some(Activity {
            inputs: start.terminals.said(),
            file_changes: *seat.changes.borrow(),
        }),
    }
}

async fn bind(start: &Start, request: Request<Incoming>) -> Result<Answer, Refusal> {
    if request.method() != Method::POST {
        return Err(not_allowed());
    }
    let wanted: BindRequest = read_json(request).await?;
    *start.bound.lock().unwrap_or_else(PoisonError::into_inner) = Some(wanted.digest);
    Ok(empty(StatusCode::NO_CONTENT))
}

pub(super) async fn read_body(request: Request<Incoming>) -> Result<Bytes, Refusal> {
    Limited::new(request.into_body(), MAX_BODY_BYTES)
        .collect()
        .await
        .map(http_body_util::Collected::to_bytes)
        .map_err(|_| {
            refuse(
                StatusCode::PAYLOAD_TOO_LARGE,
                "too_large",
                "the body is too large",
            )
        })
}

pub(super) async fn read_json<T: DeserializeOwned>(
    request: Request<Incoming>,
) -> Result<T, Refusal> {
    let body = read_body(request).await?;
    serde_json::from_slice(&body).map_err(|_| invalid_input())
}

pub(super) fn json(status: StatusCode, body: &impl Serialize) -> Answer {
    let bytes = serde_json::to_vec(body).unwrap_or_default();
    let mut answer = Response::new(Full::new(Bytes::from(bytes)));
    *answer.status_mut() = status;
    answer.headers_mut().insert(
        CONTENT_TYPE,
        http::HeaderValue::from_static("application/json"),
    );
    answer
}

pub(super) fn empty(status: StatusCode) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::new()));
    *answer.status_mut() = status;
    answer
}

pub(super) fn not_found() -> Refusal {
    refuse(StatusCode::NOT_FOUND, "not_found", "there is no such thing")
}

pub(super) fn not_allowed() -> Refusal {
    refuse(
        StatusCode::METHOD_NOT_ALLOWED,
        "method_not_allowed",
        "this can't be done here",
    )
}

pub(super) fn invalid_input() -> Refusal {
    refuse(
        StatusCode::BAD_REQUEST,
        "invalid_input",
        "the request is not what the contract says",
    )
}
