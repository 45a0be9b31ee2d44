//! Workspace tokens: what the platform shows a seat, minted late and kept for half their life.

use std::sync::{Mutex, PoisonError};

use clarateach_protocol::id::{Generation, SeatKey};
use clarateach_protocol::token::{
    Mode, Scope, SigningKey, WORKSPACE_TOKEN_SECONDS, WorkspaceClaims,
};
use http::HeaderValue;

/// The tokens of one incarnation of a seat: one a scope and mode.
#[derive(Default)]
pub(crate) struct MintedTokens(Mutex<Vec<Minted>>);

struct Minted {
    scope: Scope,
    mode: Mode,
    issued_at: u64,
    bearer: HeaderValue,
}

impl MintedTokens {
    /// An `Authorization` value for a scope and mode, good for at least half a token's life from
    /// `now` (seconds since 1970 UTC).
    pub(crate) fn bearer(
        &self,
        key: &SigningKey,
        (seat, generation): (SeatKey, Generation),
        (scope, mode): (Scope, Mode),
        now: u64,
    ) -> HeaderValue {
        let mut tokens = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tokens.retain(|token| {
            now >= token.issued_at && now < token.issued_at + WORKSPACE_TOKEN_SECONDS / 2
        });
        if let Some(token) = tokens
            .iter()
            .find(|token| token.scope == scope && token.mode == mode)
        {
            return token.bearer.clone();
        }
        let claims = WorkspaceClaims {
            seat,
            generation,
            scope: vec![scope],
            mode,
            issued_at: now,
            expires_at: now + WORKSPACE_TOKEN_SECONDS,
        };
        let mut bearer = HeaderValue::try_from(format!("Bearer {}", claims.sign(key)))
            .expect("a token is base64url and dots");
        bearer.set_sensitive(true);
        tokens.push(Minted {
            scope,
            mode,
            issued_at: now,
            bearer: bearer.clone(),
        });
        bearer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_kept_for_half_its_life() {
        let tokens = MintedTokens::default();
        let key = SigningKey::from_seed(&[1; 32]);
        let seat = SeatKey {
            workshop: "ws-abcdefgh".parse().unwrap(),
            seat: "1".parse().unwrap(),
        };
        let at =
            |scope, mode, now| tokens.bearer(&key, (seat, Generation::FIRST), (scope, mode), now);
        let first = at(Scope::Files, Mode::View, 1000);
        assert_eq!(at(Scope::Files, Mode::View, 1029), first);
        assert_ne!(at(Scope::Files, Mode::Control, 1029), first);
        assert_ne!(at(Scope::Terminal, Mode::View, 1029), first);
        assert_ne!(at(Scope::Files, Mode::View, 1030), first);
        let text = first.to_str().unwrap().strip_prefix("Bearer ").unwrap();
        let claims = WorkspaceClaims::verify(text, &key.verifying_keys(), 1001).unwrap();
        assert_eq!((claims.seat, claims.scope), (seat, vec![Scope::Files]));
    }
}
