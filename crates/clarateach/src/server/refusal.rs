//! Why a request isn't looked at any further, and what its client is told.

use std::ops::RangeInclusive;

use axum::body::Body;
use http::header::{CACHE_CONTROL, LOCATION, RETRY_AFTER};
use http::{HeaderValue, Response, StatusCode};

use super::RequestId;
use super::places::Full;
use crate::addresses::WrongHost;
use crate::proxy::error::error_response;

/// Who is turned away comes back after so many seconds, not all in the same.
const RETRY_SECONDS: RangeInclusive<u16> = 1..=4;

/// Why a request isn't looked at any further.
pub(super) enum Refusal {
    Ambiguous,
    BadTarget,
    BadHost,
    WrongHost,
    /// There is no place for it now.
    Full(Full),
    /// The server was told to stop.
    Stopping,
}

impl Refusal {
    pub(super) fn respond(&self, id: &RequestId) -> Response<Body> {
        let (status, code, message) = match self {
            Self::Ambiguous => (
                StatusCode::BAD_REQUEST,
                "ambiguous_request",
                "lines end with CRLF, and a body has one length or is chunked".to_owned(),
            ),
            Self::BadTarget => (
                StatusCode::BAD_REQUEST,
                "bad_target",
                "the request's target is no path, or its method tunnels".to_owned(),
            ),
            Self::BadHost => (
                StatusCode::BAD_REQUEST,
                "bad_host",
                "a request has exactly one Host, the same as in its target".to_owned(),
            ),
            Self::WrongHost => (
                StatusCode::MISDIRECTED_REQUEST,
                "wrong_host",
                WrongHost.to_string(),
            ),
            Self::Full(Full::Server) => (
                StatusCode::SERVICE_UNAVAILABLE,
                "overloaded",
                "the server has as much to do as it can; try again in a moment".to_owned(),
            ),
            Self::Full(Full::Address) => (
                StatusCode::SERVICE_UNAVAILABLE,
                "overloaded",
                "your network has as many connections as one may; try again in a moment".to_owned(),
            ),
            Self::Stopping => (
                StatusCode::SERVICE_UNAVAILABLE,
                "stopping",
                "the server stops, or starts again; try again in a moment".to_owned(),
            ),
        };
        let mut response = error_response(status, code, &message, id.as_str());
        if status == StatusCode::SERVICE_UNAVAILABLE {
            let seconds = id.spread(RETRY_SECONDS);
            response
                .headers_mut()
                .insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// An answer that sends a client to the same place by TLS, for good (RFC 9110, section 15.4.9).
pub(super) fn moved_to(secure: &HeaderValue) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::PERMANENT_REDIRECT;
    let headers = response.headers_mut();
    headers.insert(LOCATION, secure.clone());
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
