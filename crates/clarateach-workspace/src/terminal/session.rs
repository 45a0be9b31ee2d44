//! One terminal's state and the whole of its protocol, independent of PTY and WebSocket.
//!
//! Output goes into one ring; every client has a cursor into it, so clients never wait for each
//! other and a stopped one costs nothing. Time is passed in. Invariant for each client:
//! `acked <= cursor <= head`, and `cursor - acked <= WINDOW_BYTES`.
//!
//! `output` is what the program wrote, `input` goes to it, `sizes` are the clients' wishes; `client` is one
//! connection's place in all that, and `report` tells answers from typing.

mod client;
mod input;
mod output;
mod report;
mod sizes;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use clarateach_protocol::id::TerminalName;
use clarateach_protocol::terminal::{AttachQuery, Mode, ServerFrame, TerminalInfo, WINDOW_BYTES};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::registry::timestamp;
use super::title::TitleReader;
use super::{Patience, Size};
use client::Client;
pub(crate) use input::Input;
use input::Waiting;
use output::Output;
use sizes::Sizes;

/// Output that one binary frame carries at most.
const FRAME_BYTES: u64 = 32 * 1024;
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

pub(crate) struct Session {
    name: TerminalName,
    epoch: String,
    created_at: String,
    sizes: Sizes,
    title: String,
    titles: TitleReader,
    output: Output,
    last_output: Option<SystemTime>,
    last_input: Option<SystemTime>,
    /// Messages that somebody typed; emulators' own answers are none.
    inputs: u64,
    clients: BTreeMap<ClientId, Client>,
    next_client: u64,
    /// Counts what clients did, to tell who did it last.
    turn: u64,
    waiting: Waiting,
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
        let mut session = Self {
            name,
            epoch,
            created_at,
            sizes: Sizes::new(size),
            title: String::new(),
            titles: TitleReader::default(),
            output: Output::new(size),
            last_output: None,
            last_input: None,
            inputs: 0,
            clients: BTreeMap::new(),
            next_client: 0,
            turn: 0,
            waiting: Waiting::default(),
            held_since: None,
            exit_code: None,
            patience,
        };
        session.choose_who_answers();
        session
    }

    pub(crate) fn inputs(&self) -> u64 {
        self.inputs
    }

    pub(crate) fn info(&self) -> TerminalInfo {
        let Size { cols, rows } = self.size();
        TerminalInfo {
            name: self.name.clone(),
            epoch: self.epoch.clone(),
            cols,
            rows,
            title: self.title.clone(),
            clients: self.clients.len(),
            created_at: self.created_at.clone(),
            last_output_at: self.last_output.map(timestamp),
            last_input_at: self.last_input.map(timestamp),
            command: None,
            cwd: None,
        }
    }

    /// Adds a client; resumes where it stopped if those bytes are still kept. Its notify wakes its
    /// connection.
    pub(crate) fn attach(
        &mut self,
        query: &AttachQuery,
        mode: Mode,
        now: Instant,
    ) -> (ClientId, Arc<Notify>) {
        let id = ClientId(self.next_client);
        self.next_client += 1;
        self.turn += 1;
        // Who answered queries until now answers those that came until now.
        self.catch_up();
        let wish = Size::clamped(query.cols, query.rows);
        let client = Client::new(mode, wish, self.turn);
        let wake = Arc::clone(&client.wake);
        self.clients.insert(id, client);
        self.choose_who_answers();
        self.choose_size();
        self.set_size(now);
        let head = self.output.head();
        let resumed_at = query
            .offset
            .filter(|_| query.epoch.as_deref() == Some(&self.epoch))
            .filter(|offset| (self.output.start()..=head).contains(offset));
        let replay = match resumed_at {
            Some(_) => Bytes::new(),
            None if head == 0 => Bytes::new(),
            None => Bytes::from(self.output.model().replay()),
        };
        let offset = resumed_at.unwrap_or(head);
        let attached = ServerFrame::Attached {
            name: self.name.clone(),
            epoch: self.epoch.clone(),
            offset,
            replay_bytes: replay.len() as u64,
            resumed: resumed_at.is_some(),
            cols: self.size().cols,
            rows: self.size().rows,
            mode,
            window: WINDOW_BYTES,
        };
        let title = (!self.title.is_empty()).then(|| title_frame(&self.title));
        if let Some(client) = self.clients.get_mut(&id) {
            client.begin(offset, attached, replay);
            if let Some(title) = title {
                client.tell(offset, &title);
            }
        }
        (id, wake)
    }

    pub(crate) fn detach(&mut self, id: ClientId) {
        self.catch_up();
        self.clients.remove(&id);
        self.held_since = None;
        self.choose_who_answers();
        self.choose_size();
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
        if client.cursor < self.output.start() {
            return Next::TooSlow;
        }
        let until = client.send_limit(FRAME_BYTES).min(self.output.head());
        if until > client.cursor {
            let output = self.output.copy(client.cursor..until);
            client.sent_up_to(until, now);
            return Next::Output(output);
        }
        match self.exit_code {
            Some(code) if client.cursor == self.output.head() => client.farewell(code),
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

    /// The program wrote. Clients learn of it by [`Self::wake_all`].
    pub(crate) fn output(&mut self, bytes: &[u8]) {
        self.output.push(bytes);
        self.pass_answers_on();
        self.last_output = Some(SystemTime::now());
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
        let full = holds.is_some_and(|client| self.output.head() - client.acked >= WINDOW_BYTES);
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
        self.waiting.clear();
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

    // ---- the model --------------------------------------------------------------------------

    /// Whether output waits to be parsed.
    pub(crate) fn is_behind(&self) -> bool {
        self.output.is_behind()
    }

    /// Whether programs wait for the model's answers, since nobody else gives any.
    pub(crate) fn is_answering(&self) -> bool {
        self.holder().is_none()
    }

    /// Takes a piece of what waits to be parsed.
    pub(crate) fn catch_up_some(&mut self) {
        self.output.catch_up_some();
        self.pass_answers_on();
    }

    fn catch_up(&mut self) {
        while self.is_behind() {
            self.catch_up_some();
        }
    }

    fn choose_who_answers(&mut self) {
        let answering = self.is_answering();
        self.output.model().set_answering(answering);
    }

    /// Changes whenever [`Self::screen`] may have.
    pub(crate) fn screen_version(&self) -> String {
        let Size { cols, rows } = self.size();
        format!("{}-{}-{cols}x{rows}", self.epoch, self.output.head())
    }

    /// The visible rows as text.
    pub(crate) fn screen(&mut self) -> String {
        self.catch_up();
        self.output.model().text()
    }

    fn tell_all(&mut self, frame: &ServerFrame) {
        let head = self.output.head();
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
