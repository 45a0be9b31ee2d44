//! Who may come in: a workspace token for exactly this seat and generation, with the route's scope.
//!
//! The one check, for HTTP and WebSockets alike; which scope a route needs is said in
//! `clarateach_protocol::route::SEAT_ROUTES` and nowhere else.

use std::time::{SystemTime, UNIX_EPOCH};

use clarateach_protocol::id::{Generation, SeatKey};
use clarateach_protocol::token::{Mode, Scope, TokenError, VerifyingKeys, WorkspaceClaims};
use hyper::HeaderMap;
use hyper::header::AUTHORIZATION;

/// Why a request may not come in. The messages help the platform's operator, not an attacker.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AuthError {
    #[error("a workspace token is needed: Authorization: Bearer …")]
    Missing,
    #[error(transparent)]
    Token(#[from] TokenError),
    #[error("the token is for another seat or generation")]
    OtherSeat,
    #[error("the token does not cover this route")]
    Scope,
    #[error("the token is for looking only: its mode is view")]
    ViewOnly,
}

/// Checks tokens for one seat.
pub(crate) struct Gate {
    keys: VerifyingKeys,
    seat: SeatKey,
    generation: Generation,
}

/// What an admitted request may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Access {
    mode: Mode,
}

impl Gate {
    pub(crate) fn new(keys: VerifyingKeys, seat: SeatKey, generation: Generation) -> Self {
        Self {
            keys,
            seat,
            generation,
        }
    }

    pub(crate) fn generation(&self) -> Generation {
        self.generation
    }

    /// Admits a request to a route that needs `scope`; `None` admits anybody, to look.
    pub(crate) fn admit(
        &self,
        headers: &HeaderMap,
        scope: Option<Scope>,
    ) -> Result<Access, AuthError> {
        let Some(scope) = scope else {
            return Ok(Access { mode: Mode::View });
        };
        let token = bearer(headers).ok_or(AuthError::Missing)?;
        let claims = WorkspaceClaims::verify(token, &self.keys, now())?;
        if claims.seat != self.seat || claims.generation != self.generation {
            return Err(AuthError::OtherSeat);
        }
        if !claims.scope.contains(&scope) {
            return Err(AuthError::Scope);
        }
        Ok(Access { mode: claims.mode })
    }
}

impl Access {
    /// Refuses whoever may only look.
    pub(crate) fn require_control(self) -> Result<(), AuthError> {
        match self.mode {
            Mode::Control => Ok(()),
            Mode::View => Err(AuthError::ViewOnly),
        }
    }

    /// The mode asked for, but never more than the token's.
    pub(crate) fn narrowed(self, asked: Option<Mode>) -> Mode {
        match (self.mode, asked) {
            (Mode::Control, None | Some(Mode::Control)) => Mode::Control,
            _ => Mode::View,
        }
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let value = values.next()?.to_str().ok()?;
    // Two credentials are one too many: which one counts must not depend on who reads.
    if values.next().is_some() {
        return None;
    }
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token)
}

fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |elapsed| elapsed.as_secs())
}
