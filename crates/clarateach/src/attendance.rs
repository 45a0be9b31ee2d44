//! Whether a seat's learner is there: live connections of theirs, counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::model::Presence;

/// One assignment's live connections; clones count together.
#[derive(Debug, Clone, Default)]
pub struct Attendance {
    counts: Arc<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    was_there: AtomicBool,
    connections: AtomicUsize,
}

/// A live connection; it ends when this is dropped.
#[derive(Debug)]
pub struct Attending {
    counts: Arc<Counts>,
}

impl Attendance {
    /// A connection of the learner's begins.
    #[must_use]
    pub fn begin(&self) -> Attending {
        self.counts.was_there.store(true, Ordering::Relaxed);
        self.counts.connections.fetch_add(1, Ordering::Relaxed);
        Attending {
            counts: Arc::clone(&self.counts),
        }
    }

    /// Whether the learner is there now.
    #[must_use]
    pub fn presence(&self) -> Presence {
        if self.counts.connections.load(Ordering::Relaxed) > 0 {
            Presence::Active
        } else if self.counts.was_there.load(Ordering::Relaxed) {
            Presence::Away
        } else {
            Presence::Never
        }
    }
}

impl Drop for Attending {
    fn drop(&mut self) {
        self.counts.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_learner_is_there_while_a_connection_is() {
        let attendance = Attendance::default();
        assert_eq!(attendance.presence(), Presence::Never);
        let first = attendance.begin();
        let second = attendance.clone().begin();
        drop(first);
        assert_eq!(attendance.presence(), Presence::Active);
        drop(second);
        assert_eq!(attendance.presence(), Presence::Away);
    }
}
