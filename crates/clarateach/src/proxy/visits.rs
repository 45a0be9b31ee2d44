//! Who looks into whose seat: an instructor's live connections, from the first to the last, in the log
//! under `audit`. That a token was handed out is told where it is (`service`); this is what came of it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use clarateach_protocol::id::SeatKey;
use clarateach_protocol::token::Mode;

/// Visits that go on.
#[derive(Default)]
pub(super) struct Visits(Mutex<HashMap<Visitor, Stay>>);

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
        let mut visits = self.0.lock().unwrap_or_else(PoisonError::into_inner);
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

/// A live connection of a visit.
pub(super) struct Visiting {
    visits: Arc<Visits>,
    visitor: Visitor,
}

impl Drop for Visiting {
    fn drop(&mut self) {
        let mut visits = self.visits.0.lock().unwrap_or_else(PoisonError::into_inner);
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
