//! Tokens whose signature was checked, so that the next request needs no second check.
//!
//! Kept is the hash of a token and what it says, never the token. Only what the token says is
//! remembered: whether its seat, generation and assignment still are is asked of the directory at every
//! request, so a token that opens nothing any more is refused at once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use clarateach_protocol::token::{OriginClaims, SeatClaims, TokenError, VerifyingKeys};
use sha2::{Digest, Sha256};

/// Parts, each with a lock of its own.
const SHARDS: usize = 16;
/// Tokens in each part. A class of 200 has two or three each.
const SHARD_TOKENS: usize = 1024;

type Hash = [u8; 32];

/// What a kind of token says.
pub(super) trait Claims: Sized {
    /// Checks the signature and reads the claims, at `now` (seconds since 1970 UTC).
    fn verify(token: &str, keys: &VerifyingKeys, now: u64) -> Result<Self, TokenError>;
    /// When it was made and when it ends, seconds since 1970 UTC.
    fn lifetime(&self) -> std::ops::Range<u64>;
}

impl Claims for SeatClaims {
    fn verify(token: &str, keys: &VerifyingKeys, now: u64) -> Result<Self, TokenError> {
        Self::verify(token, keys, now)
    }

    fn lifetime(&self) -> std::ops::Range<u64> {
        self.issued_at..self.expires_at
    }
}

impl Claims for OriginClaims {
    fn verify(token: &str, keys: &VerifyingKeys, now: u64) -> Result<Self, TokenError> {
        Self::verify(token, keys, now)
    }

    fn lifetime(&self) -> std::ops::Range<u64> {
        self.issued_at..self.expires_at
    }
}

/// Tokens of one kind that were right.
pub(super) struct Verified<C>([Mutex<HashMap<Hash, Arc<C>>>; SHARDS]);

impl<C> Default for Verified<C> {
    fn default() -> Self {
        Self(std::array::from_fn(|_| Mutex::default()))
    }
}

impl<C: Claims> Verified<C> {
    /// What a token says at `now`, if it is one of ours.
    ///
    /// # Errors
    /// As [`Claims::verify`].
    pub(super) fn check(
        &self,
        token: &str,
        keys: &VerifyingKeys,
        now: u64,
    ) -> Result<Arc<C>, TokenError> {
        let hash: Hash = Sha256::digest(token.as_bytes()).into();
        let shard = &self.0[usize::from(hash[0]) % SHARDS];
        let known = {
            let shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            shard.get(&hash).cloned()
        };
        if let Some(claims) = known.filter(|claims| claims.lifetime().contains(&now)) {
            return Ok(claims);
        }
        let claims = Arc::new(C::verify(token, keys, now)?);
        let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
        if shard.len() >= SHARD_TOKENS {
            shard.retain(|_, claims| now < claims.lifetime().end);
        }
        if shard.len() >= SHARD_TOKENS {
            // Every one of them was rightly signed: forgetting costs another check, nothing else.
            shard.clear();
        }
        shard.insert(hash, Arc::clone(&claims));
        Ok(claims)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clarateach_protocol::id::{Generation, SeatKey};
    use clarateach_protocol::token::{Mode, Role, SigningKey};

    fn claims(sub: usize) -> SeatClaims {
        SeatClaims {
            sub: format!("as-{sub}"),
            role: Role::Learner,
            mode: Mode::Control,
            seat: SeatKey {
                workshop: "ws-abcdefgh".parse().unwrap(),
                seat: "3".parse().unwrap(),
            },
            generation: Generation(1),
            issued_at: 1000,
            expires_at: 2000,
        }
    }

    #[test]
    fn a_right_token_is_checked_once_and_only_while_it_is_good() {
        let verified = Verified::<SeatClaims>::default();
        let ours = SigningKey::from_seed(&[1; 32]);
        // With these keys a token of ours passes only if it isn't checked again.
        let others = SigningKey::from_seed(&[2; 32]).verifying_keys();
        let token = claims(1).sign(&ours);
        let check = |keys, now| verified.check(&token, keys, now);
        assert_eq!(check(&others, 1500), Err(TokenError::Invalid));
        let right = ours.verifying_keys();
        assert_eq!(*check(&right, 1500).unwrap(), claims(1));
        assert_eq!(*check(&others, 1501).unwrap(), claims(1));
        assert_eq!(check(&right, 2000), Err(TokenError::Expired));
        let mut altered = token.clone();
        altered.replace_range(altered.len() - 2.., "AA");
        assert_eq!(
            verified.check(&altered, &right, 1500),
            Err(TokenError::Invalid)
        );
    }

    #[test]
    fn only_so_many_are_kept_and_no_token_among_them() {
        let verified = Verified::<SeatClaims>::default();
        let ours = SigningKey::from_seed(&[1; 32]);
        let keys = ours.verifying_keys();
        for sub in 0..SHARDS * 100 {
            verified
                .check(&claims(sub).sign(&ours), &keys, 1500)
                .unwrap();
        }
        let kept = || -> usize {
            verified
                .0
                .iter()
                .map(|shard| shard.lock().unwrap().len())
                .sum()
        };
        assert_eq!(kept(), SHARDS * 100);
        for shard in &verified.0 {
            let mut shard = shard.lock().unwrap();
            for number in shard.len() as u64..SHARD_TOKENS as u64 {
                let mut hash = [0; 32];
                hash[8..16].copy_from_slice(&number.to_be_bytes());
                shard.insert(hash, Arc::new(claims(0)));
            }
        }
        assert_eq!(kept(), SHARDS * SHARD_TOKENS);
        for sub in SHARDS * 100..SHARDS * 200 {
            verified
                .check(&claims(sub).sign(&ours), &keys, 1500)
                .unwrap();
        }
        assert!(kept() <= SHARDS * SHARD_TOKENS);
    }
}
