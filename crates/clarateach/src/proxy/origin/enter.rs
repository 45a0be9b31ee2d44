//! The routes that an own origin answers itself: a ticket becomes a cookie, and the browser shows
//! that it kept it.

use std::sync::Arc;
use std::time::Instant;

use axum::body::Body;
use http::header::{CACHE_CONTROL, LOCATION, REFERRER_POLICY, SET_COOKIE};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};

use super::super::Gateway;
use super::super::error::ProxyError;
use super::asker::is_reading;
use super::pages::Page;
use super::path::{LocalPath, query_value};
use super::{Asked, OwnOrigins, cookies};
use crate::addresses::OwnHost;

/// Paths below are ours; programs don't see them.
pub(super) const PREFIX: &str = "/.clarateach/";
/// Seconds for which a browser remembers whose pages it had here.
const SEEN_SECONDS: u32 = 30 * 24 * 3600;
const CLEAR_SITE_DATA: HeaderName = HeaderName::from_static("clear-site-data");

/// The URL that lets a browser in, once.
pub(super) fn url(own: &OwnHost, ticket: &str, to: &LocalPath) -> String {
    format!(
        "{}{PREFIX}enter?ticket={ticket}&to={}",
        own.origin,
        to.in_query()
    )
}

impl Gateway {
    /// Answers a path below [`PREFIX`].
    pub(super) fn own_route(
        &self,
        origins: &OwnOrigins,
        asked: &Asked<'_>,
        below: &str,
    ) -> Result<Response<Body>, ProxyError> {
        if !is_reading(&asked.request.method) {
            return Err(ProxyError::MethodNotAllowed { allow: "GET, HEAD" });
        }
        let to = query_value(&asked.request.uri, "to")
            .and_then(|to| LocalPath::parse(&to))
            .unwrap_or_else(LocalPath::root);
        match below {
            "enter" => self.enter(origins, asked, &to),
            "check" => self.check(origins, asked, &to),
            _ => Err(ProxyError::NotFound),
        }
    }

    /// Swaps a ticket for the cookie. A used one does no harm to who is in already: the way back in a
    /// browser's history leads here.
    fn enter(
        &self,
        origins: &OwnOrigins,
        asked: &Asked<'_>,
        to: &LocalPath,
    ) -> Result<Response<Body>, ProxyError> {
        let (own, headers) = (asked.own, &asked.request.headers);
        let ticket = query_value(&asked.request.uri, "ticket").unwrap_or_default();
        let claims = origins
            .tickets
            .redeem(&ticket, Instant::now())
            .filter(|claims| (claims.seat, claims.target) == (own.seat, own.target));
        let Some(claims) = claims else {
            self.visit(origins, own, headers, asked.now)?;
            return Ok(redirect(to.as_str()));
        };
        let left = claims.expires_at.saturating_sub(asked.now);
        let generation = claims.generation.0.to_string();
        let visit = self.admit(Arc::new(claims), asked.now)?;
        let name = origins.cookie_of(own);
        let seen = format!("{name}-seen");
        let mut response = redirect(&format!("{PREFIX}check?to={}", to.in_query()));
        let answer = response.headers_mut();
        // The one before on this seat is somebody else: nothing that their pages kept here may meet
        // the next one's cookie (W3C Clear Site Data; browsers heed it where they trust the origin).
        if cookies::only(headers, &seen) != Some(generation.as_str()) {
            let kept = HeaderValue::from_static("\"cache\", \"storage\"");
            answer.insert(CLEAR_SITE_DATA, kept);
        }
        let token = visit.claims.sign(&self.signing);
        set_cookie(answer, own, &name, &token, left);
        set_cookie(answer, own, &seen, &generation, SEEN_SECONDS.into());
        Ok(response)
    }

    /// Goes on where the cookie came along, and says so where it didn't.
    fn check(
        &self,
        origins: &OwnOrigins,
        asked: &Asked<'_>,
        to: &LocalPath,
    ) -> Result<Response<Body>, ProxyError> {
        match self.visit(origins, asked.own, &asked.request.headers, asked.now) {
            Ok(_) => Ok(redirect(to.as_str())),
            Err(ProxyError::NotEntered) => Ok(Page::no_cookie().respond(asked)),
            Err(other) => Err(other),
        }
    }
}

fn set_cookie(headers: &mut HeaderMap, own: &OwnHost, name: &str, value: &str, seconds: u64) {
    let cookie = format!(
        "{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; {}",
        cookies::attributes(own)
    );
    let mut cookie = HeaderValue::try_from(cookie).expect("tokens and numbers are ASCII");
    cookie.set_sensitive(true);
    headers.append(SET_COOKIE, cookie);
}

pub(super) fn redirect(to: &str) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SEE_OTHER;
    let headers = response.headers_mut();
    let location = HeaderValue::try_from(to).expect("paths are printable ASCII");
    headers.insert(LOCATION, location);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}
