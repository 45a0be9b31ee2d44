//! Signed tokens: the seat token (person → gateway) and the workspace token (platform → seat).
//!
//! JSON Web Tokens (RFC 7519) signed with Ed25519 (RFC 8037), and with nothing else: the process has
//! one cryptographic provider, which knows no other algorithm. [`keys`] holds the keys, this file the
//! claims. Every claim is required; the header may carry `alg`, `typ` and `kid` and nothing else, so
//! `jku`, `jwk` or `crit` never reach a decision.

mod ed25519;
pub mod keys;
mod origin;

use serde::{Deserialize, Serialize};

use crate::id::{Generation, SeatKey, SeatNumber, WorkshopId};
pub use crate::terminal::Mode;
pub use keys::{KeyError, SigningKey, VerifyingKeys};
pub use origin::{OriginClaims, Visitor};

/// The issuer of every token.
pub const ISSUER: &str = "clarateach";
/// Seconds that a workspace token lives.
pub const WORKSPACE_TOKEN_SECONDS: u64 = 60;
/// Seconds that a seat token lives at the longest.
pub const SEAT_TOKEN_MAX_SECONDS: u64 = 12 * 60 * 60;
/// Seconds that `iat` may lie ahead of the verifier's clock.
const CLOCK_SKEW_SECONDS: u64 = 60;
/// Bytes of a token at the longest; ours are near 400.
const MAX_TOKEN_BYTES: usize = 2048;

/// Who holds a seat token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The learner assigned to the seat.
    Learner,
    /// An instructor looking in or helping.
    Instructor,
}

/// What a workspace token opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Terminals.
    Terminal,
    /// Files, archives, search.
    Files,
    /// Resources in use and listening ports.
    Stats,
    /// Giving the seat its learner, environment and files.
    Bind,
    /// Running a command.
    Exec,
    /// Bytes to and from a port of the seat.
    Tunnel,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Issuer {
    #[serde(rename = "clarateach")]
    ClaraTeach,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum SeatAudience {
    #[serde(rename = "seat")]
    Seat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum WorkspaceAudience {
    #[serde(rename = "workspace")]
    Workspace,
}

/// What a seat token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeatClaims {
    /// The assignment's id, or the instructor's.
    pub sub: String,
    /// Who holds it.
    pub role: Role,
    /// What they may do.
    pub mode: Mode,
    /// The one seat that it opens.
    pub seat: SeatKey,
    /// The one generation of that seat.
    pub generation: Generation,
    /// When it was made, seconds since 1970 UTC.
    pub issued_at: u64,
    /// When it ends, seconds since 1970 UTC.
    pub expires_at: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SeatWire {
    iss: Issuer,
    aud: SeatAudience,
    sub: String,
    role: Role,
    mode: Mode,
    workshop: WorkshopId,
    seat: SeatNumber,
    generation: Generation,
    iat: u64,
    exp: u64,
}

/// What a workspace token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkspaceClaims {
    /// The seat that it is for.
    pub seat: SeatKey,
    /// The generation of that seat.
    pub generation: Generation,
    /// What it opens.
    pub scope: Vec<Scope>,
    /// Look, or also touch.
    pub mode: Mode,
    /// When it was made, seconds since 1970 UTC.
    pub issued_at: u64,
    /// When it ends, seconds since 1970 UTC.
    pub expires_at: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WorkspaceWire {
    iss: Issuer,
    aud: WorkspaceAudience,
    workshop: WorkshopId,
    seat: SeatNumber,
    generation: Generation,
    scope: Vec<Scope>,
    mode: Mode,
    iat: u64,
    exp: u64,
}

/// Why a token is not taken. Whoever presents it learns only that it isn't.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Not a token of this platform: form, algorithm, key, signature or claims.
    #[error("token is not valid")]
    Invalid,
    /// Rightly signed, but its time is over.
    #[error("token has expired")]
    Expired,
}

impl SeatClaims {
    /// The signed token.
    #[must_use]
    pub fn sign(&self, key: &SigningKey) -> String {
        key.sign(&SeatWire {
            iss: Issuer::ClaraTeach,
            aud: SeatAudience::Seat,
            sub: self.sub.clone(),
            role: self.role,
            mode: self.mode,
            workshop: self.seat.workshop,
            seat: self.seat.seat,
            generation: self.generation,
            iat: self.issued_at,
            exp: self.expires_at,
        })
    }

    /// Reads a seat token at `now` (seconds since 1970 UTC).
    ///
    /// # Errors
    /// [`TokenError::Expired`] when only its time is over, otherwise [`TokenError::Invalid`].
    pub fn verify(token: &str, keys: &VerifyingKeys, now: u64) -> Result<Self, TokenError> {
        let wire: SeatWire = keys.verify(token)?;
        check_times(wire.iat, wire.exp, SEAT_TOKEN_MAX_SECONDS, now)?;
        Ok(Self {
            sub: wire.sub,
            role: wire.role,
            mode: wire.mode,
            seat: SeatKey {
                workshop: wire.workshop,
                seat: wire.seat,
            },
            generation: wire.generation,
            issued_at: wire.iat,
            expires_at: wire.exp,
        })
    }
}

impl WorkspaceClaims {
    /// The signed token.
    #[must_use]
    pub fn sign(&self, key: &SigningKey) -> String {
        key.sign(&WorkspaceWire {
            iss: Issuer::ClaraTeach,
            aud: WorkspaceAudience::Workspace,
            workshop: self.seat.workshop,
            seat: self.seat.seat,
            generation: self.generation,
            scope: self.scope.clone(),
            mode: self.mode,
            iat: self.issued_at,
            exp: self.expires_at,
        })
    }

    /// Reads a workspace token at `now` (seconds since 1970 UTC).
    ///
    /// # Errors
    /// [`TokenError::Expired`] when only its time is over, otherwise [`TokenError::Invalid`].
    pub fn verify(token: &str, keys: &VerifyingKeys, now: u64) -> Result<Self, TokenError> {
        let wire: WorkspaceWire = keys.verify(token)?;
        check_times(wire.iat, wire.exp, WORKSPACE_TOKEN_SECONDS, now)?;
        Ok(Self {
            seat: SeatKey {
                workshop: wire.workshop,
                seat: wire.seat,
            },
            generation: wire.generation,
            scope: wire.scope,
            mode: wire.mode,
            issued_at: wire.iat,
            expires_at: wire.exp,
        })
    }
}

fn check_times(iat: u64, exp: u64, longest: u64, now: u64) -> Result<(), TokenError> {
    if iat > now.saturating_add(CLOCK_SKEW_SECONDS) || exp < iat || exp - iat > longest {
        return Err(TokenError::Invalid);
    }
    if now >= exp {
        return Err(TokenError::Expired);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
