//! Which page asks, as the browser tells it: a cookie comes along whoever made the request.
//!
//! `Origin` (RFC 6454, section 7) says it for sockets, writes and CORS; `Sec-Fetch-*` (W3C Fetch
//! Metadata) for the rest, where the origin is one that browsers trust: `https` and `*.localhost`. By
//! plain address reads may come from anywhere, so their answers are kept from other origins
//! (`Cross-Origin-Resource-Policy`, Fetch standard) instead.

use axum::body::Body;
use clarateach_protocol::origin::SeatPort;
use http::header::{
    ACCEPT, ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS,
    ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, REFERER, VARY,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode};

use super::super::error::ProxyError;
use super::super::upgrade;
use super::Asked;

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Asker {
    /// The origin's own page, or whoever follows a link to it.
    Own,
    /// A page on another port of the same seat.
    Sibling {
        /// Its origin.
        origin: HeaderValue,
        /// Its port.
        port: SeatPort,
    },
    /// Nobody can tell; other origins mustn't read the answer.
    Unknown,
}

const FOREIGN: ProxyError = ProxyError::Forbidden {
    why: "only this seat's own pages may ask for this",
};

impl Asker {
    /// Who asks, or the refusal. `sibling` knows the ports of the same seat by their origins.
    pub(super) fn of(
        asked: &Asked<'_>,
        sibling: impl Fn(&str) -> Option<SeatPort>,
    ) -> Result<Self, ProxyError> {
        let headers = &asked.request.headers;
        let own = asked.own.origin.as_str();
        let site = only(headers, &SEC_FETCH_SITE)?;
        if let Some(origin) = only(headers, &ORIGIN)? {
            return match origin.to_str() {
                Ok(text) if text == own => Ok(Self::Own),
                // A page with the policy `no-referrer` says `null` of itself, too.
                Ok("null") if site.is_some_and(|site| site == "same-origin") => Ok(Self::Own),
                Ok(text) => sibling(text)
                    .map(|port| Self::Sibling {
                        origin: origin.clone(),
                        port,
                    })
                    .ok_or(FOREIGN),
                Err(_) => Err(FOREIGN),
            };
        }
        let writes = !is_reading(&asked.request.method) || upgrade::is_websocket(headers);
        let refers = || {
            let referer = headers.get(REFERER)?.to_str().ok()?;
            let end = referer.match_indices('/').nth(2).map(|(at, _)| at);
            let origin = &referer[..end.unwrap_or(referer.len())];
            (origin == own || sibling(origin).is_some()).then_some(())
        };
        match site.map(HeaderValue::as_bytes) {
            Some(b"same-origin" | b"none") => Ok(Self::Own),
            Some(_) if writes => Err(FOREIGN),
            Some(_) if is_navigation(&asked.request.method, headers) => Ok(Self::Own),
            Some(_) => refers().map(|()| Self::Own).ok_or(FOREIGN),
            None if writes => Err(FOREIGN),
            None => Ok(refers().map_or(Self::Unknown, |()| Self::Own)),
        }
    }

    /// The answer to a preflight. No credential comes with one, so none reaches a program: pages of
    /// the same seat may ask, and whether they may read is the program's to say.
    pub(super) fn preflight_response(&self, asked: &HeaderMap) -> Response<Body> {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NO_CONTENT;
        let headers = response.headers_mut();
        headers.insert(VARY, HeaderValue::from(ORIGIN));
        if let (Self::Sibling { .. } | Self::Own, Some(origin)) = (self, asked.get(ORIGIN)) {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
            headers.insert(
                ACCESS_CONTROL_ALLOW_CREDENTIALS,
                HeaderValue::from_static("true"),
            );
            for (wanted, allowed) in [
                (ACCESS_CONTROL_REQUEST_METHOD, ACCESS_CONTROL_ALLOW_METHODS),
                (ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_ALLOW_HEADERS),
            ] {
                if let Some(value) = asked.get(wanted) {
                    headers.insert(allowed, value.clone());
                }
            }
        }
        response
    }
}

static SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const SEC_FETCH_MODE: &str = "sec-fetch-mode";

/// Whether somebody goes there, in a tab or in a frame, and reads what comes.
pub(super) fn is_navigation(method: &Method, headers: &HeaderMap) -> bool {
    let mode = headers.get(SEC_FETCH_MODE).map(HeaderValue::as_bytes);
    let wants_page = || {
        headers
            .get(ACCEPT)
            .and_then(|accept| accept.to_str().ok())
            .is_some_and(|accept| accept.contains("text/html"))
    };
    is_reading(method) && mode.map_or_else(wants_page, |mode| mode == b"navigate")
}

/// Whether it only reads (RFC 9110, section 9.2.1).
pub(super) fn is_reading(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

/// The field's value; two are one too many.
fn only<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
) -> Result<Option<&'a HeaderValue>, ProxyError> {
    let mut values = headers.get_all(name).iter();
    let first = values.next();
    match values.next() {
        None => Ok(first),
        Some(_) => Err(FOREIGN),
    }
}
