//! Cuts a client that doesn't take what is written to it.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep};

/// How long one write may wait.
pub(super) struct Unread {
    limit: Duration,
    /// Made by the first write that waits, and kept for the next.
    timer: Option<Pin<Box<Sleep>>>,
    is_waiting: bool,
}

impl Unread {
    pub(super) fn new(limit: Duration) -> Self {
        Self {
            limit,
            timer: None,
            is_waiting: false,
        }
    }

    /// A write's outcome, or an error once nothing could be written for too long.
    pub(super) fn watch(
        &mut self,
        context: &mut Context<'_>,
        polled: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if polled.is_ready() {
            self.is_waiting = false;
            return polled;
        }
        let limit = self.limit;
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep(limit)));
        if !self.is_waiting {
            self.is_waiting = true;
            timer.as_mut().reset(Instant::now() + limit);
        }
        match timer.as_mut().poll(context) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(()) => Poll::Ready(Err(io::Error::new(
                io::ErrorKind::TimedOut,
                "the client reads no more",
            ))),
        }
    }
}
