//! Seat hosts answer to pages of the platform's origin and to nobody else (W3C Fetch, CORS).
//!
//! On the platform's own origin there is nothing to allow; only `{workshop}.<domain>` is another.

use axum::body::Body;
use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode};

use crate::addresses::Origin;

const METHODS: &str = "GET, HEAD, POST, PUT, DELETE";
const REQUEST_FIELDS: &str = "authorization, content-type, if-match, if-none-match, range, prefer";
const RESPONSE_FIELDS: &str =
    "accept-ranges, content-range, etag, last-modified, retry-after, x-request-id";
/// Seconds for which a browser needn't ask again.
const PREFLIGHT_SECONDS: u32 = 600;

/// Whether a request is a preflight: a question about a request, without credentials.
pub(crate) fn is_preflight(method: &Method, headers: &HeaderMap) -> bool {
    method == Method::OPTIONS
        && headers.contains_key(ORIGIN)
        && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

/// The answer to a preflight; [`allow`] adds the permission, for our own pages alone.
pub(crate) fn preflight_response() -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

/// Adds what a browser needs to let a page of `platform` read an answer.
pub(crate) fn allow(
    asked_by: Option<&HeaderValue>,
    platform: &Origin,
    response: &mut Response<Body>,
    is_preflight: bool,
) {
    let headers = response.headers_mut();
    headers.append(VARY, HeaderValue::from(ORIGIN));
    let Some(origin) = asked_by.filter(|origin| *origin == platform.as_str()) else {
        return;
    };
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
    let mut say = |name: HeaderName, value: &'static str| {
        headers.insert(name, HeaderValue::from_static(value));
    };
    say(ACCESS_CONTROL_ALLOW_CREDENTIALS, "true");
    if is_preflight {
        say(ACCESS_CONTROL_ALLOW_METHODS, METHODS);
        say(ACCESS_CONTROL_ALLOW_HEADERS, REQUEST_FIELDS);
        headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from(PREFLIGHT_SECONDS));
    } else {
        say(ACCESS_CONTROL_EXPOSE_HEADERS, RESPONSE_FIELDS);
    }
}
