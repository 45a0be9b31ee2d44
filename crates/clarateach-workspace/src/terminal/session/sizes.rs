//! The terminal's size: the wish of whoever typed last, set not too often.

use std::time::Duration;

use clarateach_protocol::terminal::ServerFrame;
use tokio::time::Instant;

use super::super::Size;
use super::{ClientId, Session};

/// Sizes that come faster are taken together.
const RESIZE_INTERVAL: Duration = Duration::from_millis(30);

pub(super) struct Sizes {
    pub(super) current: Size,
    /// The size that is to be, and when the last one was set.
    wanted: Size,
    set_at: Option<Instant>,
}

impl Sizes {
    pub(super) fn new(size: Size) -> Self {
        Self {
            current: size,
            wanted: size,
            set_at: None,
        }
    }

    /// A size that is still to be set is due at once.
    pub(super) fn hurry(&mut self) {
        if self.wanted != self.current {
            self.set_at = None;
        }
    }
}

impl Session {
    pub(crate) fn size(&self) -> Size {
        self.sizes.current
    }

    /// A client's screen has another size; it counts while the client is the holder.
    pub(crate) fn resize(&mut self, id: ClientId, size: Size) {
        if let Some(client) = self.clients.get_mut(&id) {
            client.wish = size;
            self.choose_size();
        }
    }

    /// The size that the holder wishes; without one it stays.
    pub(super) fn choose_size(&mut self) {
        if let Some(holder) = self.holder().and_then(|id| self.clients.get(&id)) {
            self.sizes.wanted = holder.wish;
        }
    }

    /// When a changed size is to be set; `None` while it is as it should be.
    pub(crate) fn resize_due(&self, now: Instant) -> Option<Instant> {
        let Sizes {
            current,
            wanted,
            set_at,
        } = self.sizes;
        (wanted != current).then(|| set_at.map_or(now, |at| at + RESIZE_INTERVAL))
    }

    /// Sets the size that is wanted now: in the model, and everybody is told. The task tells the PTY.
    pub(crate) fn set_size(&mut self, now: Instant) {
        let size = self.sizes.wanted;
        if size == self.sizes.current {
            return;
        }
        self.sizes.current = size;
        self.sizes.set_at = Some(now);
        self.catch_up();
        self.output.model().resize(size);
        let Size { cols, rows } = size;
        self.tell_all(&ServerFrame::Resized { cols, rows });
        self.wake_all();
    }
}
