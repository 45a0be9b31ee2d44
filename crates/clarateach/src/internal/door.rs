//! Who may ask: whoever knows the secret; without one, programs on this machine, and no page.

use std::fmt;
use std::time::Instant;

use super::State as Parts;
use crate::auth::secret;
use crate::http::error::ApiError;
use crate::http::extract::bearer;
use crate::server::RequestId;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// Answered to anybody.
const OPEN_PATHS: [&str; 2] = ["/health", "/openapi.json"];

/// What programs show; never in a log.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// A secret from a file's or a variable's text, line ends left out; `None` when nothing is left.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let text = text.trim();
        (!text.is_empty()).then(|| Self(text.to_owned()))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

pub(super) struct Door {
    secret: Option<Secret>,
}

impl Door {
    pub(super) fn new(secret: Option<Secret>) -> Self {
        Self { secret }
    }

    fn admit(&self, path: &str, headers: &HeaderMap) -> Result<(), ApiError> {
        // Pages have no business here, whatever name brought them (DNS rebinding, a form of another site).
        if headers.contains_key(header::ORIGIN) || headers.contains_key("sec-fetch-site") {
            return Err(ApiError::new(
                StatusCode::FORBIDDEN,
                "wrong_origin",
                "this API is for programs, not for pages",
            ));
        }
        if OPEN_PATHS.contains(&path) {
            return Ok(());
        }
        match &self.secret {
            Some(Secret(right)) => match bearer(headers)? {
                Some(shown) if secret::equal(shown, right) => Ok(()),
                _ => Err(ApiError::new(
                    StatusCode::UNAUTHORIZED,
                    "unauthenticated",
                    "send the orchestrator's secret as `Authorization: Bearer …`",
                )),
            },
            None if names_this_machine(headers) => Ok(()),
            None => Err(ApiError::new(
                StatusCode::MISDIRECTED_REQUEST,
                "wrong_host",
                "without a secret this API answers to localhost only",
            )),
        }
    }
}

/// Whether `Host` is a loopback name: a page whose name was made to lead here has another.
fn names_this_machine(headers: &HeaderMap) -> bool {
    let mut hosts = headers.get_all(header::HOST).iter();
    let (Some(host), None) = (hosts.next().and_then(|it| it.to_str().ok()), hosts.next()) else {
        return false;
    };
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let address = name.trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost")
        || address
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

/// Lets in whom [`Door`] admits.
pub(super) async fn admit(State(parts): State<Parts>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    match parts.door.admit(path, request.headers()) {
        Ok(()) => next.run(request).await,
        Err(error) => error.into_response(),
    }
}

/// Gives each request its id, and logs one line of it; bodies and secrets are in neither.
pub(super) async fn watch(mut request: Request, next: Next) -> Response {
    let id = RequestId::random();
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    request.extensions_mut().insert(id.clone());
    let since = Instant::now();
    let mut response = next.run(request).await;
    let milliseconds = u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX);
    tracing::info!(
        request_id = id.as_str(),
        %method,
        path,
        status = response.status().as_u16(),
        milliseconds,
        "answered"
    );
    if let Ok(value) = HeaderValue::from_str(id.as_str()) {
        response.headers_mut().insert("x-request-id", value);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admit(secret: Option<&str>, fields: &[(&'static str, &'static str)]) -> bool {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, HeaderValue::from_static(value));
        }
        let door = Door::new(secret.and_then(Secret::new));
        door.admit("/workshops/ws-1/seats", &headers).is_ok()
    }

    #[test]
    fn without_a_secret_only_this_machines_names_lead_in() {
        for right in [
            "localhost",
            "localhost:8080",
            "127.0.0.1:1",
            "[::1]:8080",
            "LOCALHOST:9",
        ] {
            assert!(admit(None, &[("host", right)]), "{right}");
        }
        for wrong in [
            "evil.example:8080",
            "localhost.evil.example",
            "10.0.0.1:8080",
            "",
        ] {
            assert!(!admit(None, &[("host", wrong)]), "{wrong}");
        }
        assert!(!admit(None, &[]));
        assert!(!admit(
            None,
            &[("host", "localhost"), ("host", "localhost")]
        ));
    }

    #[test]
    fn with_a_secret_it_is_needed_whatever_the_host() {
        let host = ("host", "orchestrator:8080");
        assert!(admit(
            Some("s3cret\n"),
            &[host, ("authorization", "Bearer s3cret")]
        ));
        assert!(!admit(Some("s3cret"), &[host]));
        assert!(!admit(Some("s3cret"), &[("host", "localhost")]));
        assert!(!admit(
            Some("s3cret"),
            &[host, ("authorization", "Bearer s3cre")]
        ));
        assert!(!admit(
            Some("s3cret"),
            &[host, ("authorization", "Basic s3cret")]
        ));
    }

    #[test]
    fn pages_are_refused_with_and_without() {
        let page = ("origin", "http://localhost:3000");
        assert!(!admit(None, &[("host", "localhost"), page]));
        assert!(!admit(Some("s"), &[page, ("authorization", "Bearer s")]));
    }
}
