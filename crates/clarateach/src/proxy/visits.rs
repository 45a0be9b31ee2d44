//! Who looks into whose seat, and changes what: an instructor's live connections, from the first to the
//! last, a token's first request, and every request that may change something, in the log under `audit`.
//! That a token was handed out is told where it is (`service`); this is what came of it.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use clarateach_protocol::id::SeatKey;
use clarateach_protocol::origin::SeatPort;
use clarateach_protocol::token::Mode;
use http::Method;

use super::authorise::is_reading;

/// Tokens that were seen, at the most: one that is forgotten is told once more.
const TOKENS_AT_MOST: usize = 4096;
/// Of a path in the log.
const PATH_AT_MOST: usize = 256;

/// Visits that go on, and tokens that were used.
#[derive(Default)]
pub(super) struct Visits {
    stays: Mutex<HashMap<Visitor, Stay>>,
    used: Mutex<HashSet<Used>>,
}

/// One token of a visitor's, as far as its times tell it from the next.
#[derive(PartialEq, Eq, Hash)]
struct Used {
    visitor: Visitor,
    issued_at: u64,
    expires_at: u64,
}

/// What an instructor asks of a seat.
#[derive(Clone, Copy)]
pub(super) struct Asking<'a> {
    pub(super) method: &'a Method,
    /// Without the query.
    pub(super) path: &'a str,
    /// The program's port; `None`: the in-seat server.
    pub(super) port: Option<SeatPort>,
    /// The token's times, seconds since 1970 UTC.
    pub(super) lifetime: (u64, u64),
}

/// Who is where, and what for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Visitor {
    instructor: String,
    seat: SeatKey,
    mode: Mode,
}

struct Stay {
    connections: usize,
    since: Instant,
}

impl Visits {
    /// One live connection more of an instructor; the first begins the visit, the last ends it.
    pub(super) fn begin(self: &Arc<Self>, instructor: &str, seat: SeatKey, mode: Mode) -> Visiting {
        let visitor = Visitor {
            instructor: instructor.to_owned(),
            seat,
            mode,
        };
        let mut visits = self.stays.lock().unwrap_or_else(PoisonError::into_inner);
        let stay = visits.entry(visitor.clone()).or_insert_with(|| {
            tracing::info!(target: "audit", workshop = %visitor.seat.workshop, seat = %visitor.seat.seat,
                instructor = visitor.instructor, mode = ?visitor.mode, "instructor is in a seat");
            Stay {
                connections: 0,
                since: Instant::now(),
            }
        });
        stay.connections += 1;
        drop(visits);
        Visiting {
            visits: Arc::clone(self),
            visitor,
        }
    }
}

impl Visits {
    /// One request of an instructor's: told when it is the first with its token, or may change something.
    pub(super) fn note(&self, instructor: &str, seat: SeatKey, mode: Mode, asking: Asking<'_>) {
        let (issued_at, expires_at) = asking.lifetime;
        let used = Used {
            visitor: Visitor {
                instructor: instructor.to_owned(),
                seat,
                mode,
            },
            issued_at,
            expires_at,
        };
        let path: String = asking.path.chars().take(PATH_AT_MOST).collect();
        let Asking { method, port, .. } = asking;
        let port = port.map(tracing::field::display);
        if !is_reading(method) {
            tracing::info!(target: "audit", workshop = %seat.workshop, seat = %seat.seat, instructor, ?mode,
                %method, path, port, "instructor changes something in a seat");
        } else if !self.is_known(&used) {
            tracing::info!(target: "audit", workshop = %seat.workshop, seat = %seat.seat, instructor, ?mode,
                %method, path, port, "instructor looks into a seat");
        }
        self.remember(used);
    }

    fn is_known(&self, token: &Used) -> bool {
        let used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        used.contains(token)
    }

    fn remember(&self, token: Used) {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        if used.len() >= TOKENS_AT_MOST {
            used.clear();
        }
        used.insert(token);
    }
}

/// A live connection of a visit.
pub(super) struct Visiting {
    visits: Arc<Visits>,
    visitor: Visitor,
}

impl Drop for Visiting {
    fn drop(&mut self) {
        let visits = &self.visits.stays;
        let mut visits = visits.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(stay) = visits.get_mut(&self.visitor) else {
            return;
        };
        stay.connections -= 1;
        if stay.connections > 0 {
            return;
        }
        let seconds = stay.since.elapsed().as_secs();
        visits.remove(&self.visitor);
        drop(visits);
        let visitor = &self.visitor;
        tracing::info!(target: "audit", workshop = %visitor.seat.workshop, seat = %visitor.seat.seat,
            instructor = visitor.instructor, mode = ?visitor.mode, seconds, "instructor left a seat");
    }
}
