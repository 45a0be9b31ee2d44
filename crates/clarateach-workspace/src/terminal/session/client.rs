//! One client's place in a terminal's output.

use std::collections::VecDeque;
use std::mem::discriminant;
use std::sync::Arc;

use bytes::Bytes;
use clarateach_protocol::terminal::{Mode, ServerFrame, WINDOW_BYTES};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::super::Size;
use super::{AckError, Next};

/// Frames that wait for their place; beyond it the oldest of the same kind is superfluous.
const MAX_WAITING_FRAMES: usize = 64;

/// When a client did something: having typed outranks having attached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Turn {
    Attached(u64),
    Typed(u64),
}

pub(super) struct Client {
    pub(super) mode: Mode,
    /// The size of its screen.
    pub(super) wish: Size,
    /// Position of the next byte to send.
    pub(super) cursor: u64,
    /// Everything below is drawn.
    pub(super) acked: u64,
    /// Since when it owes an ack without having made progress.
    pub(super) owing_since: Option<Instant>,
    pub(super) last_turn: Turn,
    pub(super) wake: Arc<Notify>,
    greeting: Option<ServerFrame>,
    replay: Bytes,
    /// Frames and the positions before which they are sent.
    frames: VecDeque<(u64, ServerFrame)>,
    said_farewell: bool,
}

impl Client {
    pub(super) fn new(mode: Mode, wish: Size, turn: u64) -> Self {
        Self {
            mode,
            wish,
            cursor: 0,
            acked: 0,
            owing_since: None,
            last_turn: Turn::Attached(turn),
            wake: Arc::new(Notify::new()),
            greeting: None,
            replay: Bytes::new(),
            frames: VecDeque::new(),
            said_farewell: false,
        }
    }

    /// Where it begins, and what it gets before anything else.
    pub(super) fn begin(&mut self, offset: u64, greeting: ServerFrame, replay: Bytes) {
        (self.cursor, self.acked) = (offset, offset);
        (self.greeting, self.replay) = (Some(greeting), replay);
        // The greeting has all that was told until now.
        self.frames.clear();
    }

    pub(super) fn typed(&mut self, turn: u64) {
        self.last_turn = Turn::Typed(turn);
    }

    /// The greeting, then the replay, piece by piece.
    pub(super) fn next_opening(&mut self, longest: u64) -> Option<Next> {
        if let Some(greeting) = self.greeting.take() {
            return Some(Next::Frame(greeting));
        }
        if self.replay.is_empty() {
            return None;
        }
        let longest = usize::try_from(longest).unwrap_or(usize::MAX);
        let piece = self.replay.split_to(self.replay.len().min(longest));
        if self.replay.is_empty() {
            // Gives the whole replay back with its last piece.
            self.replay = Bytes::new();
        }
        Some(Next::Output(piece))
    }

    /// Queues a frame for a place in the output.
    pub(super) fn tell(&mut self, position: u64, frame: &ServerFrame) {
        if self.frames.len() >= MAX_WAITING_FRAMES {
            let same_kind =
                |(_, waiting): &(u64, ServerFrame)| discriminant(waiting) == discriminant(frame);
            let superfluous = self.frames.iter().position(same_kind).unwrap_or(0);
            self.frames.remove(superfluous);
        }
        self.frames.push_back((position, frame.clone()));
    }

    /// The next frame whose place has come.
    pub(super) fn due_frame(&mut self) -> Option<ServerFrame> {
        let (position, _) = self.frames.front()?;
        if *position > self.cursor {
            return None;
        }
        self.frames.pop_front().map(|(_, frame)| frame)
    }

    /// Where sending must stop: the window, the longest frame, or the place of a waiting frame.
    pub(super) fn send_limit(&self, longest: u64) -> u64 {
        let frame = self
            .frames
            .front()
            .map_or(u64::MAX, |(position, _)| *position);
        (self.acked + WINDOW_BYTES)
            .min(self.cursor + longest)
            .min(frame)
    }

    pub(super) fn sent_up_to(&mut self, position: u64, now: Instant) {
        self.cursor = position;
        self.owing_since.get_or_insert(now);
    }

    /// Takes an ack; whether it said anything new.
    pub(super) fn ack(&mut self, offset: u64, now: Instant) -> Result<bool, AckError> {
        if offset < self.acked {
            return Err(AckError::Backward);
        }
        if offset > self.cursor {
            return Err(AckError::BeyondSent);
        }
        let progress = offset > self.acked;
        if progress {
            self.acked = offset;
            self.owing_since = (offset < self.cursor).then_some(now);
        }
        Ok(progress)
    }

    pub(super) fn farewell(&mut self, code: i32) -> Next {
        if std::mem::replace(&mut self.said_farewell, true) {
            Next::Ended
        } else {
            Next::Frame(ServerFrame::Exited { code })
        }
    }
}
