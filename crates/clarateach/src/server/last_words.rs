//! A client that closed its side after a whole request still gets its answer (RFC 9112, section 9.6).
//!
//! hyper takes such an end for a client that left, and it may be one: nobody can tell before something is
//! written. So the end is held back from hyper while an answer is under way, for as long as it moves.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep};

/// Whether a connection's client has said its last.
pub(super) struct LastWords {
    patience: Duration,
    /// Made when the end was seen.
    held: Option<Pin<Box<Sleep>>>,
}

impl LastWords {
    /// Of a client that waits so long for an answer, or for more of one.
    pub(super) fn new(patience: Duration) -> Self {
        Self {
            patience,
            held: None,
        }
    }

    /// Whether the end was seen.
    pub(super) fn were_said(&self) -> bool {
        self.held.is_some()
    }

    /// The end is there; ready once it may be told.
    pub(super) fn hold(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let patience = self.patience;
        let held = self.held.get_or_insert_with(|| Box::pin(sleep(patience)));
        held.as_mut().poll(context)
    }

    /// Something of the answer was taken.
    pub(super) fn moved(&mut self) {
        if let Some(held) = &mut self.held {
            held.as_mut().reset(Instant::now() + self.patience);
        }
    }
}
