//! One terminal's state and the whole of its protocol, independent of PTY and WebSocket.
//!
//! Output goes into one ring; every client has a cursor into it, so clients never wait for each
//! other and a stopped one costs nothing. Time is passed in. Invariant for each client:
//! `acked <= cursor <= head`, and `cursor - acked <= WINDOW_BYTES`.

mod client;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use clarateach_protocol::id::TerminalName;
use clarateach_protocol::terminal::{
    AttachQuery, Mode, RING_BYTES, ServerFrame, TerminalInfo, WINDOW_BYTES,
};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::ring::Ring;
use super::title::TitleReader;
use super::{Patience, Size};
use client::Client;

/// Output that redraws a screen when a client can't resume: some thousand lines.
const REPLAY_BYTES: usize = 256 * 1024;
/// Output that one binary frame carries at most.
const FRAME_BYTES: u64 = 32 * 1024;
/// Input that waits for the program; beyond it the typing client waits.
const INPUT_BYTES: usize = 64 * 1024;

/// A client's number in its terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ClientId(u64);

/// What a client's connection does next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Send a text frame.
    Frame(ServerFrame),
    /// Send terminal bytes.
    Output(Bytes),
    /// Wait until woken.
    Wait,
    /// Close: it fell behind by more than the ring.
    TooSlow,
    /// Close: everything of an ended terminal is delivered.
    Ended,
}

/// What the terminal's task does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reading {
    /// Take output from the PTY.
    Open,
    /// Leave it there until an ack, or until this time.
    HeldUntil(Instant),
}

/// The client said something that no correct client says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AckError {
    #[error("ack went back")]
    Backward,
    #[error("ack beyond what was sent")]
    BeyondSent,
}

/// What happened to a client's input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Input {
    /// It waits for the program.
    Taken,
    /// The client may only look.
    Ignored,
}

pub(crate) struct Session {
    name: TerminalName,
    epoch: String,
    created_at: String,
    size: Size,
    title: String,
    titles: TitleReader,
    ring: Ring,
    clients: BTreeMap<ClientId, Client>,
    next_client: u64,
    /// Counts what clients did, to tell who did it last.
    turn: u64,
    input: VecDeque<u8>,
    /// Since when the PTY is held back without progress.
    held_since: Option<Instant>,
    exit_code: Option<i32>,
    patience: Patience,
}

impl Session {
    pub(crate) fn new(
        name: TerminalName,
        epoch: String,
        created_at: String,
        size: Size,
        patience: Patience,
    ) -> Self {
        Self {
            name,
            epoch,
            created_at,
            size,
            title: String::new(),
            titles: TitleReader::default(),
            ring: Ring::new(RING_BYTES),
            clients: BTreeMap::new(),
            next_client: 0,
            turn: 0,
            input: VecDeque::new(),
            held_since: None,
            exit_code: None,
            patience,
        }
    }

    pub(crate) fn info(&self) -> TerminalInfo {
        TerminalInfo {
            name: self.name.clone(),
            epoch: self.epoch.clone(),
            cols: self.size.cols,
            rows: self.size.rows,
            title: self.title.clone(),
            clients: self.clients.len(),
            created_at: self.created_at.clone(),
        }
    }

    pub(crate) fn size(&self) -> Size {
        self.size
    }

    pub(crate) fn client_count(&self) -> usize {
        self.clients.len()
    }

    /// Adds a client; resumes where it stopped if those bytes are still kept. Its notify wakes its
    /// connection.
    pub(crate) fn attach(&mut self, query: &AttachQuery, mode: Mode) -> (ClientId, Arc<Notify>) {
        if mode == Mode::Control {
            self.set_size(Size::clamped(query.cols, query.rows));
        }
        let head = self.ring.head();
        let resumed_at = query
            .offset
            .filter(|_| query.epoch.as_deref() == Some(&self.epoch))
            .filter(|offset| (self.ring.start()..=head).contains(offset));
        let replay = match resumed_at {
            Some(_) => Bytes::new(),
            None => self.ring.copy(self.ring.safe_start(REPLAY_BYTES)..head),
        };
        let offset = resumed_at.unwrap_or(head);
        let attached = ServerFrame::Attached {
            name: self.name.clone(),
            epoch: self.epoch.clone(),
            offset,
            replay_bytes: replay.len() as u64,
            resumed: resumed_at.is_some(),
            cols: self.size.cols,
            rows: self.size.rows,
            mode,
            window: WINDOW_BYTES,
        };
        self.turn += 1;
        let mut client = Client::new(mode, offset, attached, replay, self.turn);
        if !self.title.is_empty() {
            client.tell(offset, &title_frame(&self.title));
        }
        let id = ClientId(self.next_client);
        self.next_client += 1;
        let wake = Arc::clone(&client.wake);
        self.clients.insert(id, client);
        (id, wake)
    }

    pub(crate) fn detach(&mut self, id: ClientId) {
        self.clients.remove(&id);
        self.held_since = None;
    }

    /// What the connection of a client does next.
    pub(crate) fn next(&mut self, id: ClientId, now: Instant) -> Next {
        let Some(client) = self.clients.get_mut(&id) else {
            return Next::Ended;
        };
        if let Some(opening) = client.next_opening(FRAME_BYTES) {
            return opening;
        }
        if let Some(frame) = client.due_frame() {
            return Next::Frame(frame);
        }
        if client.cursor < self.ring.start() {
            return Next::TooSlow;
        }
        let until = client.send_limit(FRAME_BYTES).min(self.ring.head());
        if until > client.cursor {
            let output = self.ring.copy(client.cursor..until);
            client.sent_up_to(until, now);
            return Next::Output(output);
        }
        match self.exit_code {
            Some(code) if client.cursor == self.ring.head() => client.farewell(code),
            _ => Next::Wait,
        }
    }

    /// Everything below `offset` is drawn.
    pub(crate) fn ack(&mut self, id: ClientId, offset: u64, now: Instant) -> Result<(), AckError> {
        let holder = self.holder();
        let Some(client) = self.clients.get_mut(&id) else {
            return Ok(());
        };
        let progress = client.ack(offset, now)?;
        if progress && holder == Some(id) {
            self.held_since = None;
        }
        if progress {
            client.wake.notify_one();
        }
        Ok(())
    }

    /// When this client is to be closed for owing an ack, unless one comes.
    pub(crate) fn ack_due(&self, id: ClientId) -> Option<Instant> {
        // A client whose input waits for the program can't get its acks through.
        if self.is_input_full() {
            return None;
        }
        let owing_since = self.clients.get(&id)?.owing_since?;
        Some(owing_since + self.patience.ack_deadline)
    }

    /// What a client typed. The caller waits first while [`Self::is_input_full`].
    pub(crate) fn type_input(&mut self, id: ClientId, bytes: &[u8]) -> Input {
        let turn = self.turn + 1;
        match self.clients.get_mut(&id) {
            Some(client) if client.mode == Mode::Control && !bytes.is_empty() => {
                if self.exit_code.is_none() {
                    self.input.extend(bytes);
                }
                client.typed(turn);
                self.turn = turn;
                Input::Taken
            }
            _ => Input::Ignored,
        }
    }

    pub(crate) fn is_input_full(&self) -> bool {
        self.input.len() >= INPUT_BYTES
    }

    /// The input that the program gets next, in one piece.
    pub(crate) fn waiting_input(&self) -> &[u8] {
        self.input.as_slices().0
    }

    /// The program took so many bytes of [`Self::waiting_input`].
    pub(crate) fn input_written(&mut self, count: usize) {
        self.input.drain(..count);
        if self.input.is_empty() && self.input.capacity() > INPUT_BYTES {
            self.input = VecDeque::new();
        }
    }

    /// A client's screen has another size.
    pub(crate) fn resize(&mut self, id: ClientId, size: Size) {
        let controls = |client: &Client| client.mode == Mode::Control;
        if self.clients.get(&id).is_some_and(controls) {
            self.set_size(size);
        }
    }

    /// The program wrote. Clients learn of it by [`Self::wake_all`].
    pub(crate) fn output(&mut self, bytes: &[u8]) {
        self.ring.push(bytes);
        if let Some(title) = self.titles.read(bytes)
            && title != self.title
        {
            self.tell_all(&title_frame(&title));
            self.title = title;
        }
    }

    pub(crate) fn wake_all(&self) {
        for client in self.clients.values() {
            client.wake.notify_one();
        }
    }

    /// Whether the task may take more output: only the controlling client that typed last holds it
    /// back, for as long as it makes progress and a few seconds more.
    pub(crate) fn reading(&mut self, now: Instant) -> Reading {
        let holds = self.holder().and_then(|id| self.clients.get(&id));
        let full = holds.is_some_and(|client| self.ring.head() - client.acked >= WINDOW_BYTES);
        // Held output and stuck input together would be a deadlock: acks come behind input.
        if !full || self.is_input_full() {
            self.held_since = None;
            return Reading::Open;
        }
        let until = *self.held_since.get_or_insert(now) + self.patience.ack_deadline;
        if now < until {
            Reading::HeldUntil(until)
        } else {
            Reading::Open
        }
    }

    /// The process ended; clients get the rest of its output, then its exit code.
    pub(crate) fn exited(&mut self, code: i32) {
        self.exit_code = Some(code);
        self.input.clear();
        self.wake_all();
    }

    /// The controlling client that typed last; before any did, the one that attached last.
    fn holder(&self) -> Option<ClientId> {
        self.clients
            .iter()
            .filter(|(_, client)| client.mode == Mode::Control)
            .max_by_key(|(_, client)| client.last_turn)
            .map(|(id, _)| *id)
    }

    fn set_size(&mut self, size: Size) {
        if size != self.size {
            self.size = size;
            let Size { cols, rows } = size;
            self.tell_all(&ServerFrame::Resized { cols, rows });
            self.wake_all();
        }
    }

    fn tell_all(&mut self, frame: &ServerFrame) {
        let head = self.ring.head();
        for client in self.clients.values_mut() {
            client.tell(head, frame);
        }
    }
}

fn title_frame(title: &str) -> ServerFrame {
    ServerFrame::Title {
        title: title.to_owned(),
    }
}

#[cfg(test)]
mod tests;
