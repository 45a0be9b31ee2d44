//! Who may do what: one check for requests and upgrades, done before anything goes upstream.
//!
//! A credential is a bearer token or our cookie; the token must name exactly the seat of the route
//! and the tenancy that the directory knows. Start at [`Gatekeeper::authorise`].

use std::sync::Arc;

use clarateach_protocol::id::SeatKey;
use clarateach_protocol::token::{Mode, Role, SeatClaims, TokenError, VerifyingKeys};
use http::header::{AUTHORIZATION, COOKIE, ORIGIN};
use http::{HeaderMap, Method};

use super::error::{Gone, ProxyError};
use super::verified::Verified;
use crate::addresses::Origin;
use crate::directory::{SeatEntry, Tenancy};
use crate::model::SeatLock;

/// How the client showed its token; what a browser sends by itself needs more checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Credential {
    /// `Authorization: Bearer` (RFC 6750, section 2.1).
    Bearer,
    /// The cookie that `POST session` set.
    Cookie,
}

/// What a request is allowed to use.
#[derive(Clone)]
pub struct Grant {
    /// What the token says.
    pub claims: Arc<SeatClaims>,
    /// The seat as the directory knows it.
    pub entry: Arc<SeatEntry>,
}

/// What a request wants to do, as far as authorisation cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Intent {
    /// The gateway's own session route: any mode may.
    Session,
    /// Something of the seat.
    Use,
    /// A WebSocket; the seat enforces the mode inside it.
    Upgrade,
}

/// Checks credentials.
pub struct Gatekeeper {
    /// The platform's public keys.
    pub keys: VerifyingKeys,
    /// Name of the cookie that carries a seat token.
    pub cookie_name: String,
    verified: Verified<SeatClaims>,
}

/// One request, as authorisation sees it.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    /// Its method.
    pub method: &'a Method,
    /// Its header fields.
    pub headers: &'a HeaderMap,
    /// The seat that its route names.
    pub seat: SeatKey,
    /// What it wants to do.
    pub intent: Intent,
    /// The origin of our own pages.
    pub origin: &'a Origin,
}

impl Gatekeeper {
    /// One that believes tokens of these keys, as bearer or in a cookie of that name.
    #[must_use]
    pub fn new(keys: VerifyingKeys, cookie_name: String) -> Self {
        Self {
            keys,
            cookie_name,
            verified: Verified::default(),
        }
    }

    /// Lets a request through, or says why not, at `now` (seconds since 1970 UTC).
    ///
    /// # Errors
    /// `401` without a valid token, `403` for another seat, another site or a view token that
    /// writes, `410` for a tenancy that is over.
    pub fn authorise(
        &self,
        asked: Asked<'_>,
        lookup: impl FnOnce(&SeatKey) -> Option<Arc<SeatEntry>>,
        now: u64,
    ) -> Result<Grant, ProxyError> {
        let (token, credential) = self.credential(asked.headers)?;
        let claims = self
            .verified
            .check(token, &self.keys, now)
            .map_err(|error| match error {
                TokenError::Expired => ProxyError::TokenExpired,
                TokenError::Invalid => ProxyError::Unauthenticated,
            })?;
        if claims.seat != asked.seat {
            return Err(FOREIGN_SEAT);
        }
        if credential == Credential::Cookie {
            check_site(&asked)?;
        }
        let entry = lookup(&asked.seat).ok_or(ProxyError::Gone(Gone::Ended))?;
        check_tenancy(&claims, entry.tenancy(), now)?;
        if claims.role == Role::Learner {
            check_lock(&entry)?;
        }
        check_mode(&asked, claims.mode)?;
        Ok(Grant { claims, entry })
    }

    /// The one token of a request. A bearer wins over a cookie; two of a kind are refused, for
    /// another page of the same address may have set the second.
    fn credential<'a>(&self, headers: &'a HeaderMap) -> Result<(&'a str, Credential), ProxyError> {
        let mut authorizations = headers.get_all(AUTHORIZATION).iter();
        if let Some(value) = authorizations.next() {
            let token = value.to_str().ok().and_then(bearer_token);
            return match (token, authorizations.next()) {
                (Some(token), None) => Ok((token, Credential::Bearer)),
                _ => Err(ProxyError::Unauthenticated),
            };
        }
        let mut cookies = headers
            .get_all(COOKIE)
            .iter()
            .flat_map(|value| value.as_bytes().split(|byte| *byte == b';'))
            .filter_map(|pair| {
                let value = pair
                    .trim_ascii()
                    .strip_prefix(self.cookie_name.as_bytes())?;
                value.strip_prefix(b"=")
            });
        let token = cookies.next().and_then(|token| str::from_utf8(token).ok());
        match (token, cookies.next()) {
            (Some(token), None) => Ok((token, Credential::Cookie)),
            _ => Err(ProxyError::Unauthenticated),
        }
    }
}

const FOREIGN_SEAT: ProxyError = ProxyError::Forbidden {
    why: "the token is for another seat",
};

/// The scheme is case-insensitive (RFC 9110, section 11.1).
fn bearer_token(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

/// A browser sends cookies whoever asks it to. Everything but reading must come from a page of
/// ours (`Origin`, RFC 6454 section 7); reading must not come from another site
/// (`Sec-Fetch-Site`, W3C Fetch Metadata), where the browser says so.
fn check_site(asked: &Asked<'_>) -> Result<(), ProxyError> {
    let mut origins = asked.headers.get_all(ORIGIN).iter();
    match (origins.next(), origins.next()) {
        (Some(origin), None) if origin.as_bytes() == asked.origin.as_str().as_bytes() => {
            return Ok(());
        }
        (Some(_), _) => return Err(FOREIGN_SITE),
        (None, _) => {}
    }
    let cross_site = asked
        .headers
        .get_all("sec-fetch-site")
        .iter()
        .any(|site| site.as_bytes() == b"cross-site");
    if cross_site || asked.intent == Intent::Upgrade || !is_reading(asked.method) {
        return Err(FOREIGN_SITE);
    }
    Ok(())
}

const FOREIGN_SITE: ProxyError = ProxyError::Forbidden {
    why: "a cookie counts only for requests from the platform's own pages",
};

fn check_tenancy(claims: &SeatClaims, tenancy: &Tenancy, now: u64) -> Result<(), ProxyError> {
    let over = tenancy
        .ends_at
        .is_some_and(|end| end.unix_timestamp() <= i64::try_from(now).unwrap_or(i64::MAX));
    if over {
        return Err(ProxyError::Gone(Gone::Ended));
    }
    if claims.generation > tenancy.generation {
        // Minted after a commit that the directory is about to hear of.
        return Err(ProxyError::SeatUnavailable);
    }
    let is_theirs = match claims.role {
        Role::Learner => tenancy.assignment.as_deref() == Some(claims.sub.as_str()),
        Role::Instructor => true,
    };
    match (is_theirs, claims.generation == tenancy.generation) {
        (true, true) => Ok(()),
        (true, false) => Err(ProxyError::Gone(Gone::Reset)),
        (false, _) => Err(ProxyError::Gone(Gone::Released)),
    }
}

/// Whether a seat's learner and their guests are let in.
pub(super) fn check_lock(entry: &SeatEntry) -> Result<(), ProxyError> {
    match entry.lock() {
        SeatLock::Open => Ok(()),
        SeatLock::Locked => Err(ProxyError::Locked),
    }
}

fn check_mode(asked: &Asked<'_>, mode: Mode) -> Result<(), ProxyError> {
    match (mode, asked.intent) {
        (Mode::Control, _) | (Mode::View, Intent::Session | Intent::Upgrade) => Ok(()),
        (Mode::View, Intent::Use) if is_reading(asked.method) => Ok(()),
        (Mode::View, Intent::Use) => Err(ProxyError::Forbidden {
            why: "this token only allows to look",
        }),
    }
}

/// Whether a method changes nothing (RFC 9110, section 9.2.1).
pub(super) fn is_reading(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}
