//! One-use tickets: what a page of ours hands to an own origin, in the one URL that may carry it.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clarateach_protocol::token::OriginClaims;
use sha2::{Digest, Sha256};

/// How long a ticket waits to be used: a redirect, on a bad network.
const LIFE: Duration = Duration::from_secs(30);
/// Tickets at a time; the oldest goes when another comes.
const MAX_TICKETS: usize = 4096;

/// Tickets that were not used yet, by the hash of their text.
#[derive(Default)]
pub(super) struct Tickets(Mutex<HashMap<[u8; 32], Ticket>>);

struct Ticket {
    claims: OriginClaims,
    issued: Instant,
}

impl Tickets {
    /// A ticket for what the claims say: 192 random bits as text.
    pub(super) fn issue(&self, claims: OriginClaims, now: Instant) -> String {
        let mut bytes = [0; 24];
        getrandom::fill(&mut bytes).expect("the kernel has randomness");
        let text = URL_SAFE_NO_PAD.encode(bytes);
        let mut tickets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if tickets.len() >= MAX_TICKETS {
            tickets.retain(|_, ticket| now.duration_since(ticket.issued) < LIFE);
        }
        if tickets.len() >= MAX_TICKETS {
            let oldest = tickets.iter().min_by_key(|(_, ticket)| ticket.issued);
            if let Some(oldest) = oldest.map(|(hash, _)| *hash) {
                tickets.remove(&oldest);
            }
        }
        let ticket = Ticket {
            claims,
            issued: now,
        };
        tickets.insert(hash(&text), ticket);
        text
    }

    /// What a ticket says, the first time that it is shown.
    pub(super) fn redeem(&self, text: &str, now: Instant) -> Option<OriginClaims> {
        let mut tickets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let ticket = tickets.remove(&hash(text))?;
        (now.duration_since(ticket.issued) < LIFE).then_some(ticket.claims)
    }
}

fn hash(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use clarateach_protocol::id::{Generation, SeatKey};
    use clarateach_protocol::token::{Mode, Visitor};

    fn claims(issued_at: u64) -> OriginClaims {
        OriginClaims {
            sub: "as-ada".to_owned(),
            visitor: Visitor::Learner,
            mode: Mode::Control,
            seat: SeatKey {
                workshop: "ws-abcdefgh".parse().unwrap(),
                seat: "3".parse().unwrap(),
            },
            target: "5173".parse().unwrap(),
            generation: Generation(1),
            issued_at,
            expires_at: issued_at + 1,
        }
    }

    #[test]
    fn a_ticket_is_good_once_and_for_half_a_minute() {
        let tickets = Tickets::default();
        let now = Instant::now();
        let ticket = tickets.issue(claims(1), now);
        assert_eq!(ticket.len(), 32);
        assert_eq!(tickets.redeem("another", now), None);
        assert_eq!(tickets.redeem(&ticket, now + LIFE / 2), Some(claims(1)));
        assert_eq!(tickets.redeem(&ticket, now), None);
        let late = tickets.issue(claims(2), now);
        assert_eq!(tickets.redeem(&late, now + LIFE), None);
    }

    #[test]
    fn there_are_only_so_many() {
        let tickets = Tickets::default();
        let began = Instant::now();
        let first = tickets.issue(claims(0), began);
        for count in 1..=MAX_TICKETS as u64 {
            tickets.issue(claims(count), began + Duration::from_millis(count));
        }
        assert_eq!(tickets.0.lock().unwrap().len(), MAX_TICKETS);
        assert_eq!(tickets.redeem(&first, began), None);
    }
}
