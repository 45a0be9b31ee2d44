//! Bodies: answers, and JSON requests with a limit and a deadline.

use std::convert::Infallible;
use std::io;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Empty, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use hyper::{Request, Response, StatusCode};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::error::HttpError;

/// For a whole JSON body, and for each piece of an upload.
pub(super) const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// Beside letters and digits, what a file name may hold as it is (RFC 8187, section 3.2.1).
const NAME: &AsciiSet = &NON_ALPHANUMERIC.remove(b'.').remove(b'-').remove(b'_');

pub(crate) type Body = UnsyncBoxBody<Bytes, io::Error>;

pub(super) fn empty() -> Body {
    Empty::new().map_err(never).boxed_unsync()
}

fn never(impossible: Infallible) -> io::Error {
    match impossible {}
}

/// An answer without a body.
pub(super) fn status(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(empty());
    *response.status_mut() = status;
    response
}

/// What a download is called, in the one form that the gateway lets through (RFC 6266, with the
/// encoding of RFC 8187).
pub(super) fn attachment(name: &str) -> Result<HeaderValue, HttpError> {
    let text = format!(
        "attachment; filename*=UTF-8''{}",
        utf8_percent_encode(name, NAME)
    );
    HeaderValue::try_from(text).map_err(|_| HttpError::Internal)
}

pub(super) fn json(status: StatusCode, value: &impl Serialize) -> Response<Body> {
    let text = serde_json::to_vec(value).expect("answers are plain data");
    let body = Full::new(Bytes::from(text)).map_err(never).boxed_unsync();
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// Plain text, never anything else.
pub(super) fn text(text: String) -> Response<Body> {
    let body = Full::new(Bytes::from(text)).map_err(never).boxed_unsync();
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    let kind = HeaderValue::from_static("text/plain; charset=utf-8");
    headers.insert(CONTENT_TYPE, kind);
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// Reads a JSON body of at most `limit` bytes.
pub(super) async fn read_json<T: DeserializeOwned>(
    request: Request<Incoming>,
    limit: usize,
) -> Result<T, HttpError> {
    let body = Limited::new(request.into_body(), limit).collect();
    let collected = tokio::time::timeout(BODY_TIMEOUT, body)
        .await
        .map_err(|_| HttpError::BodyTimeout)?
        .map_err(|error| match error.downcast_ref::<LengthLimitError>() {
            Some(_) => HttpError::BodyTooLarge { limit },
            None => HttpError::BodyBroken,
        })?;
    let text = collected.to_bytes();
    // serde would take an array of the fields in order for the object.
    if text.trim_ascii_start().first() != Some(&b'{') {
        return Err(HttpError::Input {
            field: None,
            message: "the body is not a JSON object".to_owned(),
        });
    }
    // Only where it went wrong: what was in it may be secret.
    serde_json::from_slice(&text).map_err(|error| HttpError::Input {
        field: None,
        message: format!(
            "the body is not the JSON that is expected here, see line {}, column {}",
            error.line(),
            error.column()
        ),
    })
}
