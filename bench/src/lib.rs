//! The seat that everything here measures, and its credentials: known to the benchmarks and to the gateway that
//! they start.

use std::time::{SystemTime, UNIX_EPOCH};

use clarateach_protocol::id::{Generation, SeatKey, SeatNumber};
use clarateach_protocol::token::{Mode, Role, Scope, SeatClaims, SigningKey, WorkspaceClaims};

/// The seat's generation.
pub const GENERATION: Generation = Generation(1);
/// Whose the seat is.
pub const ASSIGNMENT: &str = "as-bench";
/// The seat's workshop.
pub const WORKSHOP: &str = "ws-abcdefgh";
/// Nobody else trusts it.
const SEED: [u8; 32] = [7; 32];
/// Workspace tokens live 60 s; they are checked when a connection begins.
const WORKSPACE_TOKEN_SECONDS: u64 = 60;
/// The gateway ends a connection with its seat token.
const SEAT_TOKEN_SECONDS: u64 = 12 * 3600;

/// A seat's key that everything here uses.
#[must_use]
pub fn seat_key() -> SeatKey {
    SeatKey {
        workshop: WORKSHOP.parse().expect("a workshop id"),
        seat: seat_number(),
    }
}

/// That many seats, the first of which is [`seat_key`]'s.
///
/// # Panics
/// With more than 1,000.
#[must_use]
pub fn seat_keys(count: usize) -> Vec<SeatKey> {
    assert!(count <= 1000, "workshops are named for 1,000 seats");
    let workshops = b'h'..=b'q';
    let keys = workshops.flat_map(|last| {
        let workshop = format!("ws-abcdefg{}", char::from(last));
        (1..=100).map(move |seat| SeatKey {
            workshop: workshop.parse().expect("a workshop id"),
            seat: SeatNumber::new(seat).expect("a seat number"),
        })
    });
    keys.take(count).collect()
}

/// The seat's number.
#[must_use]
pub fn seat_number() -> SeatNumber {
    SeatNumber::new(1).expect("a seat number")
}

/// The platform's key, here and nowhere else.
#[must_use]
pub fn signing_key() -> SigningKey {
    SigningKey::from_seed(&SEED)
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}

/// A credential of the platform for the seat, good for a minute.
#[must_use]
pub fn workspace_token() -> String {
    let claims = WorkspaceClaims {
        seat: seat_key(),
        generation: GENERATION,
        scope: vec![Scope::Terminal],
        mode: Mode::Control,
        issued_at: now(),
        expires_at: now() + WORKSPACE_TOKEN_SECONDS,
    };
    claims.sign(&signing_key())
}

/// The credential of the seat's learner, good for the longest run.
#[must_use]
pub fn seat_token() -> String {
    seat_token_of(&seat_key())
}

/// The credential of a seat's learner, good for the longest run.
#[must_use]
pub fn seat_token_of(seat: &SeatKey) -> String {
    let claims = SeatClaims {
        sub: ASSIGNMENT.to_owned(),
        role: Role::Learner,
        mode: Mode::Control,
        seat: *seat,
        generation: GENERATION,
        issued_at: now(),
        expires_at: now() + SEAT_TOKEN_SECONDS,
    };
    claims.sign(&signing_key())
}
