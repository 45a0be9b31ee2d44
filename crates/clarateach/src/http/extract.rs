//! Reading requests: JSON with our errors, ids, who is signed in, and where the request came from.

mod places;

use std::net::IpAddr;
use std::time::Duration;

use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap, HeaderValue, Method, StatusCode, header};
use http_body_util::BodyExt;
use serde::de::DeserializeOwned;

use super::error::ApiError;
use super::{ApiState, websocket};
use crate::addresses::{HostKind, Scheme};
use crate::auth::secret;
use crate::model::Instructor;
use crate::server::ClientAddress;
use crate::service::Credential;
pub(super) use places::{SeatPath, TokenPath, WorkshopPath};

/// Bytes of a body at the most.
const MAX_BODY_BYTES: usize = 256 * 1024;
/// Bytes of one that is too large that are read all the same.
const MAX_DISCARDED_BYTES: usize = 64 * 1024 * 1024;
/// For a whole body.
const BODY_DEADLINE: Duration = Duration::from_secs(30);

/// Where a request came from, and by which of our names.
pub(super) struct From {
    pub(super) client: IpAddr,
    pub(super) host: HostKind,
}

impl<S: Send + Sync> FromRequestParts<S> for From {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        match (
            parts.extensions.get::<ClientAddress>(),
            parts.extensions.get::<HostKind>(),
        ) {
            (Some(client), Some(host)) => Ok(Self {
                client: client.0,
                host: host.clone(),
            }),
            _ => Err(ApiError::internal(
                &"the server gave the request no address",
            )),
        }
    }
}

/// A JSON body: its own type, no unknown field, sent as JSON by a page of ours or by a program.
pub(crate) struct Body<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        read_json(request).await.map(|(body, _)| Self(body))
    }
}

/// A JSON body, and SHA-256 of its bytes as they came.
pub(super) struct HashedBody<T>(pub(super) T, pub(super) [u8; 32]);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for HashedBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        let (body, bytes) = read_json(request).await?;
        Ok(Self(body, secret::hash(bytes)))
    }
}

async fn read_json<T: DeserializeOwned>(request: Request) -> Result<(T, Vec<u8>), ApiError> {
    if bearer(request.headers())?.is_none() {
        check_origin(request.method(), request.headers(), request.extensions())?;
    }
    let is_json = request
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(is_json);
    let bytes = read_body(request.into_body()).await?;
    if !is_json {
        return Err(ApiError::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported_media_type",
            "send the body as application/json",
        ));
    }
    let parsed = axum::Json::from_bytes(&bytes)
        .map(|axum::Json(body)| body)
        .map_err(|rejection| {
            let text = rejection.body_text();
            let detail = text
                .strip_prefix("Failed to deserialize the JSON body into the target type: ")
                .unwrap_or(&text);
            let field = field_of(&text);
            if TIMES.contains(&field) {
                return ApiError::invalid(
                    field,
                    "write the time with its date and zone: 2026-11-22T17:00:00Z, or 2026-11-22T18:00:00+01:00",
                );
            }
            ApiError::invalid(
                field,
                format!(
                    "the body is not what this call takes: {}",
                    in_words(detail)
                ),
            )
        })?;
    Ok((parsed, bytes))
}

/// What serde says, without the names that only this program knows.
fn in_words(detail: &str) -> String {
    let numbers = [
        ("expected u8", u64::from(u8::MAX)),
        ("expected u16", u64::from(u16::MAX)),
        ("expected u32", u64::from(u32::MAX)),
    ];
    let found = numbers.iter().find_map(|(name, most)| {
        let (before, after) = detail.split_once(&format!("{name} "))?;
        Some(format!(
            "{before}expected a whole number from 0 to {most} {after}"
        ))
    });
    found.unwrap_or_else(|| detail.to_owned())
}

fn is_json(content_type: &HeaderValue) -> bool {
    let essence = content_type
        .as_bytes()
        .split(|byte| *byte == b';')
        .next()
        .unwrap_or_default();
    essence
        .trim_ascii()
        .eq_ignore_ascii_case(b"application/json")
}

/// Reads a body. One that is too large is read to its end, within reason, and thrown away: who is
/// still sending would find the connection closed, and not the answer that says why.
async fn read_body(mut body: axum::body::Body) -> Result<Vec<u8>, ApiError> {
    let (mut kept, mut seen) = (Vec::new(), 0);
    let reading = async {
        while let Some(frame) = body.frame().await {
            let data = frame
                .map_err(|_| ApiError::invalid("body", "the body was cut off"))?
                .into_data()
                .unwrap_or_default();
            seen += data.len();
            if seen <= MAX_BODY_BYTES {
                kept.extend_from_slice(&data);
            } else if seen > MAX_DISCARDED_BYTES {
                break;
            }
        }
        Ok(())
    };
    let in_time = tokio::time::timeout(BODY_DEADLINE, reading).await;
    if seen > MAX_BODY_BYTES {
        return Err(ApiError::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "too_large",
            format!("the body has more than {MAX_BODY_BYTES} bytes"),
        ));
    }
    match in_time {
        Ok(read) => read.map(|()| kept),
        Err(_) => Err(ApiError::new(
            StatusCode::REQUEST_TIMEOUT,
            "body_stalled",
            "the body did not arrive in time",
        )),
    }
}

/// Fields that are times.
const TIMES: [&str; 2] = ["starts_at", "ends_at"];

/// The field that serde names between backquotes, or the whole body.
fn field_of(text: &str) -> &str {
    let named = ["unknown field `", "missing field `"]
        .iter()
        .find_map(|words| text.split_once(words))
        .and_then(|(_, rest)| rest.split_once('`'));
    let before_colon = || {
        let (_, after) = text.split_once("into the target type: ")?;
        let (path, _) = after.split_once(':')?;
        path.bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_.[]".contains(&byte))
            .then_some(path)
    };
    named
        .map(|(field, _)| field)
        .or_else(before_colon)
        .unwrap_or("body")
}

/// Refuses changes that a page of another origin makes with our cookie. Programs send no `Origin`.
pub(super) fn check_origin(
    method: &Method,
    headers: &HeaderMap,
    extensions: &Extensions,
) -> Result<(), ApiError> {
    if method.is_safe() {
        return Ok(());
    }
    let refused = match headers.get(header::ORIGIN) {
        Some(origin) => !is_ours(origin, extensions),
        None => headers
            .get("sec-fetch-site")
            .is_some_and(|site| !matches!(site.as_bytes(), b"same-origin" | b"none")),
    };
    if refused {
        return Err(wrong_origin());
    }
    Ok(())
}

/// Refuses what doesn't say that a page of ours asked: an upgrade to WebSocket is a GET, is not held
/// to its own origin by browsers, and brings our cookie (RFC 6455, section 10.2).
fn check_page(headers: &HeaderMap, extensions: &Extensions) -> Result<(), ApiError> {
    let mut origins = headers.get_all(header::ORIGIN).iter();
    match (origins.next(), origins.next()) {
        (Some(origin), None) if is_ours(origin, extensions) => Ok(()),
        _ => Err(wrong_origin()),
    }
}

/// Whether an `Origin` is the one that the request came to.
pub(super) fn is_ours(origin: &HeaderValue, extensions: &Extensions) -> bool {
    matches!(extensions.get::<HostKind>(), Some(HostKind::Platform(ours)) if origin.as_bytes() == ours.as_str().as_bytes())
}

pub(super) fn wrong_origin() -> ApiError {
    ApiError::new(
        StatusCode::FORBIDDEN,
        "wrong_origin",
        "this call was made by a page of another site",
    )
}

/// The signed-in instructor: by an API token where one was sent, otherwise by the session cookie.
/// No page of another origin can send a token, so that one needs no check of the origin.
pub(super) struct SignedIn {
    pub(super) instructor: Instructor,
    /// What they signed in with: what lasts ends with it.
    pub(super) credential: Credential,
}

impl FromRequestParts<ApiState> for SignedIn {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, ApiError> {
        if let Some(token) = bearer(&parts.headers)? {
            let instructor = state.service.token_owner(token).await?;
            return Ok(Self {
                instructor,
                credential: Credential::api_token(token),
            });
        }
        check_origin(&parts.method, &parts.headers, &parts.extensions)?;
        if websocket::is_asked_for(&parts.headers) {
            check_page(&parts.headers, &parts.extensions)?;
        }
        let token = session_token(&parts.headers, &cookie_name(state, &parts.extensions))?;
        let session = state.service.session(token.as_deref()).await?;
        Ok(Self {
            instructor: session.instructor,
            credential: Credential::session(
                token.as_deref().unwrap_or_default(),
                session.expires_at,
            ),
        })
    }
}

/// The token of `Authorization: Bearer …` (RFC 6750, section 2.1). Other schemes are somebody else's,
/// such as a proxy's in front; two tokens are nobody's.
pub(crate) fn bearer(headers: &HeaderMap) -> Result<Option<&str>, ApiError> {
    let mut tokens = headers
        .get_all(header::AUTHORIZATION)
        .iter()
        .map(HeaderValue::as_bytes)
        .filter_map(|value| {
            let (scheme, token) = value.split_at_checked(6)?;
            let ours = scheme.eq_ignore_ascii_case(b"bearer")
                && token.first().is_none_or(|byte| *byte == b' ');
            ours.then(|| token.trim_ascii())
        });
    let first = tokens.next();
    if tokens.next().is_some() {
        return Err(crate::service::Error::BadToken.into());
    }
    // What is no text is no token of ours either: the look-up refuses the empty one.
    Ok(first.map(|token| std::str::from_utf8(token).unwrap_or_default()))
}

/// The session cookie's name here: with a random part, so that a page on another port of this address
/// can't set it blindly; under https bound to the host (RFC 6265bis, section 4.1.3.2).
pub(super) fn cookie_name(state: &ApiState, extensions: &Extensions) -> String {
    let suffix = &state.keys.cookie_suffix;
    if is_https(extensions) {
        format!("__Host-clarateach-{suffix}")
    } else {
        format!("clarateach-{suffix}")
    }
}

/// Whether the request's origin is https.
pub(super) fn is_https(extensions: &Extensions) -> bool {
    matches!(extensions.get::<HostKind>(), Some(HostKind::Platform(origin)) if origin.scheme() == Scheme::Https)
}

/// The session cookie's value. Two of that name: somebody else set one, and neither is believed.
pub(super) fn session_token(headers: &HeaderMap, name: &str) -> Result<Option<String>, ApiError> {
    let mut values = headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|header| header.to_str().ok())
        .flat_map(|header| header.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(key, _)| *key == name)
        .map(|(_, value)| value.to_owned());
    let first = values.next();
    if values.next().is_some() {
        return Err(ApiError::new(
            StatusCode::UNAUTHORIZED,
            "unauthenticated",
            "two session cookies arrived: clear this site's cookies and sign in again",
        ));
    }
    Ok(first)
}

pub(crate) fn no_such(what: &str) -> ApiError {
    ApiError::new(
        StatusCode::NOT_FOUND,
        "not_found",
        format!("there is no such {what}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_field_is_named() {
        assert_eq!(
            field_of("… unknown field `seet`, expected one of …"),
            "seet"
        );
        assert_eq!(
            field_of(
                "Failed to deserialize the JSON body into the target type: seats: invalid type: string \"x\", expected u16 at line 1"
            ),
            "seats"
        );
        assert_eq!(
            field_of("Failed to parse the request body as JSON: EOF while parsing"),
            "body"
        );
    }

    #[test]
    fn only_a_bearer_is_a_token() {
        let of = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(header::AUTHORIZATION, value.parse().unwrap());
            }
            bearer(&headers).map(|token| token.map(ToOwned::to_owned))
        };
        assert_eq!(of(&["Bearer ct_1"]).unwrap().as_deref(), Some("ct_1"));
        assert_eq!(of(&["bearer  ct_1 "]).unwrap().as_deref(), Some("ct_1"));
        assert_eq!(of(&["Bearer"]).unwrap().as_deref(), Some(""));
        for other in ["Basic Y3Q6MQ==", "Bearerct_1", "B"] {
            assert_eq!(of(&[other]).unwrap(), None, "{other}");
        }
        assert!(of(&["Bearer ct_1", "Bearer ct_2"]).is_err());
    }

    #[test]
    fn two_cookies_of_our_name_are_refused() {
        let mut headers = HeaderMap::new();
        headers.append(header::COOKIE, "a=1; clarateach-x=one".parse().unwrap());
        assert_eq!(
            session_token(&headers, "clarateach-x").unwrap().as_deref(),
            Some("one")
        );
        headers.append(header::COOKIE, "clarateach-x=two".parse().unwrap());
        assert!(session_token(&headers, "clarateach-x").is_err());
    }
}
