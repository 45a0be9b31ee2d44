//! The token in an own origin's cookie: who looks at one seat's browser or port.

use serde::{Deserialize, Serialize};

use super::{
    Issuer, Mode, SEAT_TOKEN_MAX_SECONDS, SigningKey, TokenError, VerifyingKeys, check_times,
};
use crate::id::{Generation, SeatKey, SeatNumber, WorkshopId};
use crate::origin::Target;

/// Who looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Visitor {
    /// The seat's own learner.
    Learner,
    /// An instructor.
    Instructor,
    /// The learner of another seat of the workshop, while the port is open to the class.
    Guest {
        /// Their own seat.
        home: SeatNumber,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum OriginAudience {
    #[serde(rename = "origin")]
    Origin,
}

/// What an own origin's cookie says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OriginClaims {
    /// The assignment's id, or the instructor's.
    pub sub: String,
    /// Who holds it.
    pub visitor: Visitor,
    /// What they may do.
    pub mode: Mode,
    /// The one seat that it opens.
    pub seat: SeatKey,
    /// The one thing of the seat that it opens.
    pub target: Target,
    /// The one generation of that seat.
    pub generation: Generation,
    /// When it was made, seconds since 1970 UTC.
    pub issued_at: u64,
    /// When it ends, seconds since 1970 UTC.
    pub expires_at: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct OriginWire {
    iss: Issuer,
    aud: OriginAudience,
    sub: String,
    role: Visitor,
    mode: Mode,
    workshop: WorkshopId,
    seat: SeatNumber,
    target: Target,
    generation: Generation,
    iat: u64,
    exp: u64,
}

impl OriginClaims {
    /// The signed token.
    #[must_use]
    pub fn sign(&self, key: &SigningKey) -> String {
        key.sign(&OriginWire {
            iss: Issuer::ClaraTeach,
            aud: OriginAudience::Origin,
            sub: self.sub.clone(),
            role: self.visitor,
            mode: self.mode,
            workshop: self.seat.workshop,
            seat: self.seat.seat,
            target: self.target,
            generation: self.generation,
            iat: self.issued_at,
            exp: self.expires_at,
        })
    }

    /// Reads an own origin's token at `now` (seconds since 1970 UTC).
    ///
    /// # Errors
    /// [`TokenError::Expired`] when only its time is over, otherwise [`TokenError::Invalid`].
    pub fn verify(token: &str, keys: &VerifyingKeys, now: u64) -> Result<Self, TokenError> {
        let wire: OriginWire = keys.verify(token)?;
        check_times(wire.iat, wire.exp, SEAT_TOKEN_MAX_SECONDS, now)?;
        Ok(Self {
            sub: wire.sub,
            visitor: wire.role,
            mode: wire.mode,
            seat: SeatKey {
                workshop: wire.workshop,
                seat: wire.seat,
            },
            target: wire.target,
            generation: wire.generation,
            issued_at: wire.iat,
            expires_at: wire.exp,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Role, SeatClaims};
    use super::*;

    fn claims(visitor: Visitor) -> OriginClaims {
        OriginClaims {
            sub: "as-ada".to_owned(),
            visitor,
            mode: Mode::Control,
            seat: SeatKey {
                workshop: "ws-abcdefgh".parse().unwrap(),
                seat: "3".parse().unwrap(),
            },
            target: "5173".parse().unwrap(),
            generation: Generation(2),
            issued_at: 1000,
            expires_at: 2000,
        }
    }

    #[test]
    fn it_says_what_was_signed_and_is_no_seat_token() {
        let key = SigningKey::from_seed(&[1; 32]);
        let keys = key.verifying_keys();
        let home = "7".parse().unwrap();
        for visitor in [
            Visitor::Learner,
            Visitor::Instructor,
            Visitor::Guest { home },
        ] {
            let token = claims(visitor).sign(&key);
            assert_eq!(
                OriginClaims::verify(&token, &keys, 1500),
                Ok(claims(visitor))
            );
            assert_eq!(
                OriginClaims::verify(&token, &keys, 2000),
                Err(TokenError::Expired)
            );
            assert_eq!(
                SeatClaims::verify(&token, &keys, 1500),
                Err(TokenError::Invalid)
            );
        }
        let seat = SeatClaims {
            sub: "as-ada".to_owned(),
            role: Role::Learner,
            mode: Mode::Control,
            seat: claims(Visitor::Learner).seat,
            generation: Generation(2),
            issued_at: 1000,
            expires_at: 2000,
        };
        assert_eq!(
            OriginClaims::verify(&seat.sign(&key), &keys, 1500),
            Err(TokenError::Invalid)
        );
    }
}
