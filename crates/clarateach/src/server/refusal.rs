//! Why a request isn't looked at any further, and what its client is told.

use axum::body::Body;
use http::{Response, StatusCode};

use super::RequestId;
use crate::addresses::WrongHost;
use crate::proxy::error::error_response;

/// Why a request isn't looked at any further.
pub(super) enum Refusal {
    Ambiguous,
    BadTarget,
    BadHost,
    WrongHost,
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
        };
        error_response(status, code, &message, id.as_str())
    }
}
