//! `…/vm/{seat}/session`: a token becomes a cookie, a page asks how things stand, and a learner leaves.

use axum::body::Body;
use clarateach_protocol::token::{Mode, Role, SEAT_TOKEN_MAX_SECONDS, SeatClaims};
use http::header::{CACHE_CONTROL, SET_COOKIE};
use http::{HeaderValue, Method, Response, StatusCode};
use serde::Serialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::authorise::Grant;
use super::error::{ProxyError, json_response};
use super::{Exchange, Gateway};
use crate::addresses::Scheme;
use crate::directory::Tenancy;

/// `GET` → how things stand; `POST` → the same with a new token and its cookie; `DELETE` → nothing.
#[derive(Serialize)]
struct SessionView {
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
    mode: Mode,
    generation: u32,
    expires_at: String,
    /// When the workshop ends by itself: a page that learns of a later end than its token's renews it.
    #[serde(skip_serializing_if = "Option::is_none")]
    ends_at: Option<String>,
    /// Why it does then.
    #[serde(skip_serializing_if = "Option::is_none")]
    ends_cause: Option<EndCause>,
}

/// In the words of a workshop's `warning`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
enum EndCause {
    /// Its time is over.
    Time,
    /// Nobody uses it.
    Idle,
}

impl Gateway {
    /// Answers the session route for a credential that holds.
    pub(super) fn session(
        &self,
        method: &Method,
        exchange: &Exchange<'_>,
        grant: &Grant,
    ) -> Result<Response<Body>, ProxyError> {
        match *method {
            Method::GET | Method::HEAD => {
                grant.entry.upstream().ok_or(ProxyError::SeatUnavailable)?;
                Ok(json_response(&view(
                    &grant.claims,
                    None,
                    grant.entry.tenancy(),
                )))
            }
            Method::POST => Ok(self.renew(exchange, grant)),
            Method::DELETE => Ok(self.leave(exchange, grant)),
            _ => Err(ProxyError::MethodNotAllowed {
                allow: "GET, HEAD, POST, DELETE",
            }),
        }
    }

    /// A new token that says the same for longer, as body and as cookie.
    fn renew(&self, exchange: &Exchange<'_>, grant: &Grant) -> Response<Body> {
        let claims = SeatClaims {
            issued_at: exchange.now,
            expires_at: expiry(grant.entry.tenancy(), exchange.now),
            ..SeatClaims::clone(&grant.claims)
        };
        let token = claims.sign(&self.signing);
        let lifetime = claims.expires_at.saturating_sub(exchange.now);
        let cookie = self.cookie(exchange, &token, lifetime);
        let mut response = json_response(&view(&claims, Some(token), grant.entry.tenancy()));
        response.headers_mut().insert(SET_COOKIE, cookie);
        response
    }

    /// Notes that a learner left, and takes the cookie back. The seat stays theirs: the reconnect
    /// code, or joining again by it, brings them back. An instructor's visit merely ends.
    fn leave(&self, exchange: &Exchange<'_>, grant: &Grant) -> Response<Body> {
        if grant.claims.role == Role::Learner {
            grant.entry.attendance().leave();
        }
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NO_CONTENT;
        let headers = response.headers_mut();
        headers.insert(SET_COOKIE, self.cookie(exchange, "", 0));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }

    fn cookie(&self, exchange: &Exchange<'_>, token: &str, lifetime: u64) -> HeaderValue {
        let secure = match exchange.received_by.scheme() {
            Scheme::Https => "; Secure",
            Scheme::Http => "",
        };
        let cookie = format!(
            "{}={token}; Path={}; Max-Age={lifetime}; HttpOnly; SameSite=Lax{secure}",
            self.gatekeeper.cookie_name, exchange.base,
        );
        let mut cookie = HeaderValue::try_from(cookie).expect("tokens and paths are ASCII");
        cookie.set_sensitive(true);
        cookie
    }
}

/// The end of the workshop, or of a token's longest life.
fn expiry(tenancy: &Tenancy, now: u64) -> u64 {
    let longest = now + SEAT_TOKEN_MAX_SECONDS;
    tenancy
        .ends_at
        .and_then(|end| u64::try_from(end.unix_timestamp()).ok())
        .map_or(longest, |end| end.min(longest))
}

fn view(claims: &SeatClaims, token: Option<String>, tenancy: &Tenancy) -> SessionView {
    let seconds = i64::try_from(claims.expires_at).unwrap_or(i64::MAX);
    let text = |time: OffsetDateTime| time.format(&Rfc3339).ok();
    let expires_at = OffsetDateTime::from_unix_timestamp(seconds).ok();
    let ends = [
        tenancy.ends_at.zip(Some(EndCause::Time)),
        tenancy.idle_ends_at.zip(Some(EndCause::Idle)),
    ];
    let (ends_at, ends_cause) = ends.into_iter().flatten().min().unzip();
    let expires_at = expires_at.and_then(text).unwrap_or_default();
    SessionView {
        token,
        mode: claims.mode,
        generation: claims.generation.0,
        expires_at,
        ends_at: ends_at.and_then(text),
        ends_cause,
    }
}
