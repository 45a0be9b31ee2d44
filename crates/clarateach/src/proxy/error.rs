//! Everything that can go wrong between a client and a seat, and the one table to statuses.
//!
//! *Downstream* is the client, *upstream* the seat. Answers carry a stable code and what to do;
//! causes stay in the log.

use std::time::Duration;

use axum::body::Body;
use clarateach_protocol::error::ErrorBody;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, SEC_WEBSOCKET_VERSION};
use http::{HeaderValue, Response, StatusCode};

use crate::browsers::PORT_TAKEN;
use crate::error_codes::is_listed;
use crate::model::Reason;
use crate::origins::BookError;

/// Seconds after which a page may ask a seat that isn't live again.
const SEAT_RETRY_SECONDS: u64 = 2;

/// Why the gateway did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum ProxyError {
    /// Downstream: no seat and no route has that name.
    #[error("nothing is at this path")]
    NotFound,
    /// Downstream: dot segments or characters that have no place in a path.
    #[error("the path has dot segments or characters that have no place in it")]
    BadPath,
    /// Downstream: the route has other methods.
    #[error("this path takes {allow} only")]
    MethodNotAllowed {
        /// Those that it has.
        allow: &'static str,
    },
    /// Downstream: no credential, or none of ours.
    #[error("no valid seat token; join again")]
    Unauthenticated,
    /// Downstream: a credential whose time is over.
    #[error("the seat token has expired; join again")]
    TokenExpired,
    /// Downstream: a good credential for something else.
    #[error("{why}")]
    Forbidden {
        /// Which rule.
        why: &'static str,
    },
    /// Downstream: a good credential for what no longer is.
    #[error("{}", .0.message())]
    Gone(Gone),
    /// Downstream: a good credential for a seat that is shut for now.
    #[error("your instructor has locked this seat; your files are kept")]
    Locked,
    /// Downstream: not an opening handshake (RFC 6455, section 4.2.1).
    #[error("not a WebSocket handshake: {why}")]
    BadHandshake {
        /// What is wrong with it.
        why: &'static str,
    },
    /// Downstream: another version of the WebSocket protocol (RFC 6455, section 4.4).
    #[error("only version 13 of the WebSocket protocol is spoken")]
    WebSocketVersion,
    /// Downstream: the request's body stopped coming.
    #[error("the request's body stopped coming")]
    UploadStalled,
    /// Downstream: the request's body broke off, or its chunks are none.
    #[error("the request's body broke off")]
    UploadBroken,
    /// The workshop has no browsers.
    #[error("this workshop was made without browsers")]
    BrowserOff,
    /// Upstream: the browser is not there yet.
    #[error("the seat's browser is starting")]
    BrowserStarting,
    /// The machine has no room for one browser more.
    #[error(
        "the machine has no room for another browser now; this one is number {position} in the queue"
    )]
    BrowserQueued {
        /// 1 for whoever is next.
        position: usize,
    },
    /// Upstream: the browser could not be started, and is tried again.
    #[error("the seat's browser could not be started: {}", .0.message)]
    BrowserFailed(Reason),
    /// Downstream: a body that isn't what the route takes.
    #[error("{why}")]
    BadInput {
        /// Which field, where it is one.
        field: Option<&'static str>,
        /// What is wrong with it.
        why: String,
    },
    /// There are no origins of seats' own for whoever came by that name.
    #[error("{why}")]
    OriginsOff {
        /// Why, and the remedy.
        why: &'static str,
    },
    /// An own origin's ticket or cookie is missing, used up or another origin's.
    #[error("this page has to be opened from the workspace")]
    NotEntered,
    /// The port isn't open to the class, or isn't any more.
    #[error("port {port} of seat {seat} is not open to the class")]
    NotOpen {
        /// The port.
        port: u16,
        /// The seat's number.
        seat: u16,
    },
    /// What should be remembered is not.
    #[error(transparent)]
    Book(#[from] BookError),
    /// Upstream: no program listens there.
    #[error("nothing listens on port {port} of the seat")]
    NothingListens {
        /// The port.
        port: u16,
    },
    /// Upstream: the seat is being made or brought back.
    #[error("the seat is not ready; it is being made or brought back")]
    SeatUnavailable,
    /// Downstream: as many exchanges with the seat as there may be.
    #[error("the seat has as many requests and connections as one may; try again in a moment")]
    SeatBusy,
    /// Upstream: no connection.
    #[error("the seat could not be reached")]
    Connect(#[source] std::io::Error),
    /// Upstream: no connection in time.
    #[error("the seat could not be reached within {} s", .after.as_secs())]
    ConnectDeadline {
        /// How long was waited.
        after: Duration,
    },
    /// Upstream: connected, and no answer in time.
    #[error("the seat did not answer within {} s", .after.as_secs())]
    AnswerDeadline {
        /// How long was waited.
        after: Duration,
    },
    /// Upstream: the connection broke, or what came was no HTTP.
    #[error("the seat broke off or did not speak HTTP")]
    Broken(#[source] hyper::Error),
    /// Upstream: an answer that HTTP or RFC 6455 doesn't allow.
    #[error("the seat gave an answer that cannot be passed on: {why}")]
    BadAnswer {
        /// What is wrong with it.
        why: &'static str,
    },
}

/// Why a good token opens nothing any more; what a page does next depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gone {
    /// The seat was made anew for the same learner: join again with the reconnect code.
    Reset,
    /// The seat is somebody else's, or nobody's.
    Released,
    /// The workshop is over.
    Ended,
}

impl Gone {
    fn code(self) -> &'static str {
        match self {
            Self::Reset => "reset",
            Self::Released => "released",
            Self::Ended => "ended",
        }
    }

    fn message(self) -> &'static str {
        match self {
            Self::Reset => "the seat was made anew; join again with the reconnect code",
            Self::Released => "the seat was released",
            Self::Ended => "the workshop has ended",
        }
    }
}

impl ProxyError {
    /// The one table: status and code of every error.
    #[must_use]
    pub fn status_and_code(&self) -> (StatusCode, &'static str) {
        match self {
            Self::NotFound => (StatusCode::NOT_FOUND, "not_found"),
            Self::BrowserOff => (StatusCode::CONFLICT, "browser_off"),
            Self::BrowserStarting => (StatusCode::SERVICE_UNAVAILABLE, "browser_starting"),
            Self::BrowserQueued { .. } => (StatusCode::SERVICE_UNAVAILABLE, "browser_queued"),
            Self::BrowserFailed(reason) if reason.code == PORT_TAKEN => {
                (StatusCode::CONFLICT, "browser_port_taken")
            }
            Self::BrowserFailed(_) => (StatusCode::SERVICE_UNAVAILABLE, "browser_failed"),
            Self::BadPath => (StatusCode::BAD_REQUEST, "bad_path"),
            Self::MethodNotAllowed { .. } => (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed"),
            Self::Unauthenticated => (StatusCode::UNAUTHORIZED, "unauthenticated"),
            Self::TokenExpired => (StatusCode::UNAUTHORIZED, "token_expired"),
            Self::Forbidden { .. } => (StatusCode::FORBIDDEN, "forbidden"),
            Self::Gone(why) => (StatusCode::GONE, why.code()),
            Self::Locked => (StatusCode::LOCKED, "seat_locked"),
            Self::BadHandshake { .. } => (StatusCode::BAD_REQUEST, "bad_handshake"),
            Self::WebSocketVersion => (StatusCode::UPGRADE_REQUIRED, "websocket_version"),
            Self::UploadBroken => (StatusCode::BAD_REQUEST, "bad_body"),
            Self::UploadStalled => (StatusCode::REQUEST_TIMEOUT, "upload_stalled"),
            Self::BadInput { .. } => (StatusCode::BAD_REQUEST, "invalid_input"),
            Self::OriginsOff { .. } => (StatusCode::NOT_FOUND, "origins_off"),
            Self::NotEntered => (StatusCode::UNAUTHORIZED, "not_entered"),
            Self::NotOpen { .. } => (StatusCode::FORBIDDEN, "port_not_open"),
            Self::NothingListens { .. } => (StatusCode::SERVICE_UNAVAILABLE, "nothing_listens"),
            Self::Book(error) => match error {
                BookError::Superseded => (StatusCode::GONE, "reset"),
                BookError::TooMany { .. } => (StatusCode::CONFLICT, "too_many_ports"),
                BookError::NoneFree => (StatusCode::SERVICE_UNAVAILABLE, "no_preview_ports"),
                BookError::Failed(_) => (StatusCode::INTERNAL_SERVER_ERROR, "internal"),
            },
            Self::SeatUnavailable => (StatusCode::SERVICE_UNAVAILABLE, "seat_unavailable"),
            Self::SeatBusy => (StatusCode::SERVICE_UNAVAILABLE, "seat_busy"),
            Self::Connect(_) | Self::ConnectDeadline { .. } => {
                (StatusCode::BAD_GATEWAY, "seat_unreachable")
            }
            Self::AnswerDeadline { .. } => (StatusCode::GATEWAY_TIMEOUT, "seat_timeout"),
            Self::Broken(_) | Self::BadAnswer { .. } => {
                (StatusCode::BAD_GATEWAY, "seat_protocol_error")
            }
        }
    }

    /// Whether the seat is to blame; those are logged.
    #[must_use]
    pub fn is_upstream(&self) -> bool {
        matches!(
            self,
            Self::Connect(_)
                | Self::ConnectDeadline { .. }
                | Self::AnswerDeadline { .. }
                | Self::Broken(_)
                | Self::BadAnswer { .. }
                | Self::Book(BookError::Failed(_))
        )
    }

    /// The error as a client reads it.
    #[must_use]
    pub fn respond(&self, request_id: &str) -> Response<Body> {
        let (status, code) = self.status_and_code();
        let mut response = error_response(status, code, &self.to_string(), request_id);
        if let Self::BadInput {
            field: Some(field),
            why,
        } = self
        {
            let mut body = ErrorBody::new(code, why.clone());
            body.error.request_id = Some(request_id.to_owned());
            body.error.field = Some((*field).to_owned());
            response = json_response(&body);
            *response.status_mut() = status;
        }
        let headers = response.headers_mut();
        match self {
            Self::Locked
            | Self::SeatUnavailable
            | Self::SeatBusy
            | Self::NothingListens { .. }
            | Self::BrowserStarting
            | Self::BrowserQueued { .. }
            | Self::BrowserFailed(_)
            | Self::Book(BookError::NoneFree) => {
                headers.insert(RETRY_AFTER, HeaderValue::from(SEAT_RETRY_SECONDS));
            }
            Self::MethodNotAllowed { allow } => {
                headers.insert(ALLOW, HeaderValue::from_static(allow));
            }
            Self::WebSocketVersion => {
                headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
            }
            _ => {}
        }
        response
    }
}

/// An answer with the one error body.
pub(crate) fn error_response(
    status: StatusCode,
    code: &str,
    message: &str,
    request_id: &str,
) -> Response<Body> {
    debug_assert!(
        is_listed(status.as_u16(), code),
        "{status} {code} is not in error_codes.rs"
    );
    let mut body = ErrorBody::new(code, message);
    body.error.request_id = Some(request_id.to_owned());
    let mut response = json_response(&body);
    *response.status_mut() = status;
    response
}

/// A `200` of JSON that no cache keeps.
pub(crate) fn json_response(body: &impl serde::Serialize) -> Response<Body> {
    let json = serde_json::to_vec(body).expect("strings and numbers serialise");
    let mut response = Response::new(Body::from(json));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
