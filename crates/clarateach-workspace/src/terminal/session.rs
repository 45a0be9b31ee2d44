//! One terminal's state and the whole of its protocol, independent of PTY and WebSocket.
//!
//! Output goes into one ring; every client has a cursor into it, so clients never wait for each
//! other and a stopped one costs nothing. Time is passed in. Invariant for each client:
//! `acked <= cursor <= head`, and `cursor - acked <= WINDOW_BYTES`.
//!
//! The model reads the ring, too, a little later: output is sent before it is parsed. Who looks at
//! the model has it catch up first.

mod client;
mod report;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use clarateach_protocol::id::TerminalName;
use clarateach_protocol::terminal::{
    AttachQuery, Mode, RING_BYTES, ServerFrame, TerminalInfo, WINDOW_BYTES,
};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::model::Model;
use super::registry::timestamp;
use super::ring::Ring;
use super::title::TitleReader;
use super::{Patience, Size};
use client::Client;

/// Output that one binary frame carries at most.
const FRAME_BYTES: u64 = 32 * 1024;
/// Input that waits for the program; beyond it the typing client waits. Large enough for pastes: an
/// interrupt behind one is seen, see [`Session::type_input`].
const INPUT_BYTES: usize = 1024 * 1024;
/// The model is behind by no more: the more text comes at once, the more of it need not be parsed. Well below what
/// the ring keeps.
const MODEL_LAG_BYTES: u64 = 512 * 1024;
/// The model takes so much at once; other terminals wait meanwhile, well below a millisecond.
const MODEL_BYTES: usize = 32 * 1024;
/// Sizes that come faster are taken together.
const RESIZE_INTERVAL: Duration = Duration::from_millis(30);

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
    /// So does this control character; if it interrupts, what came before it goes.
    Control(u8),
    /// The client may only look, or an answer was given already.
    Ignored,
}

pub(crate) struct Session {
    name: TerminalName,
    epoch: String,
    created_at: String,
    size: Size,
    /// The size that is to be, and when the last one was set.
    wanted_size: Size,
    resized_at: Option<Instant>,
    title: String,
    titles: TitleReader,
    ring: Ring,
    model: Model,
    /// How much of the output the model has.
    modelled: u64,
    /// Before that, looking for output to skip was in vain.
    skip_from: u64,
    last_output: Option<SystemTime>,
    last_input: Option<SystemTime>,
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
        let mut session = Self {
            name,
            epoch,
            created_at,
            size,
            wanted_size: size,
            resized_at: None,
            title: String::new(),
            titles: TitleReader::default(),
            ring: Ring::new(RING_BYTES),
            model: Model::new(size),
            modelled: 0,
            skip_from: 0,
            last_output: None,
            last_input: None,
            clients: BTreeMap::new(),
            next_client: 0,
            turn: 0,
            input: VecDeque::new(),
            held_since: None,
            exit_code: None,
            patience,
        };
        session.choose_who_answers();
        session
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
            last_output_at: self.last_output.map(timestamp),
            last_input_at: self.last_input.map(timestamp),
            command: None,
            cwd: None,
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
        let head = self.ring.head();
        let resumed_at = query
            .offset
            .filter(|_| query.epoch.as_deref() == Some(&self.epoch))
            .filter(|offset| (self.ring.start()..=head).contains(offset));
        let replay = match resumed_at {
            Some(_) => Bytes::new(),
            None if head == 0 => Bytes::new(),
            None => Bytes::from(self.model.replay()),
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
    ///
    /// Every emulator answers a program's queries; only the holder's answer counts, and no answer
    /// makes a holder.
    pub(crate) fn type_input(&mut self, id: ClientId, bytes: &[u8]) -> Input {
        let turn = self.turn + 1;
        let is_report = report::is_report(bytes);
        let may = |client: &Client| client.mode == Mode::Control && !bytes.is_empty();
        if !self.clients.get(&id).is_some_and(may) || (is_report && self.holder() != Some(id)) {
            return Input::Ignored;
        }
        if self.exit_code.is_none() {
            self.input.extend(bytes);
        }
        self.last_input = Some(SystemTime::now());
        if let (false, Some(client)) = (is_report, self.clients.get_mut(&id)) {
            client.typed(turn);
            self.turn = turn;
            self.choose_size();
            if self.wanted_size != self.size {
                // What is typed goes to a program that knows the size.
                self.resized_at = None;
            }
        }
        match bytes {
            [byte] if is_unusual_control(*byte) => Input::Control(*byte),
            _ => Input::Taken,
        }
    }

    /// All but the last character that waits for the program goes: it was an interrupt.
    pub(crate) fn overtake(&mut self) {
        let before = self.input.len().saturating_sub(1);
        self.input_written(before);
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

    /// A client's screen has another size; it counts while the client is the holder.
    pub(crate) fn resize(&mut self, id: ClientId, size: Size) {
        if let Some(client) = self.clients.get_mut(&id) {
            client.wish = size;
            self.choose_size();
        }
    }

    /// The program wrote. Clients learn of it by [`Self::wake_all`].
    pub(crate) fn output(&mut self, bytes: &[u8]) {
        // Nothing may leave the ring before the model has it.
        for piece in bytes.chunks(MODEL_BYTES) {
            self.ring.push(piece);
            while self.ring.head() - self.modelled > MODEL_LAG_BYTES {
                // What is kept may be skipped next time.
                if self.skip() < MODEL_BYTES {
                    self.parse_some();
                }
            }
        }
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

    /// The size that the holder wishes; without one it stays.
    fn choose_size(&mut self) {
        if let Some(holder) = self.holder().and_then(|id| self.clients.get(&id)) {
            self.wanted_size = holder.wish;
        }
    }

    /// When a changed size is to be set; `None` while it is as it should be.
    pub(crate) fn resize_due(&self, now: Instant) -> Option<Instant> {
        let changed = self.wanted_size != self.size;
        changed.then(|| self.resized_at.map_or(now, |at| at + RESIZE_INTERVAL))
    }

    /// Sets the size that is wanted now: in the model, and everybody is told. The task tells the PTY.
    pub(crate) fn set_size(&mut self, now: Instant) {
        if self.size == self.wanted_size {
            return;
        }
        self.size = self.wanted_size;
        self.resized_at = Some(now);
        self.catch_up();
        self.model.resize(self.size);
        let Size { cols, rows } = self.size;
        self.tell_all(&ServerFrame::Resized { cols, rows });
        self.wake_all();
    }

    // ---- the model --------------------------------------------------------------------------

    /// Whether output waits to be parsed.
    pub(crate) fn is_behind(&self) -> bool {
        self.modelled < self.ring.head()
    }

    /// Whether programs wait for the model's answers, since nobody else gives any.
    pub(crate) fn is_answering(&self) -> bool {
        self.holder().is_none()
    }

    /// Takes a piece of what waits to be parsed.
    pub(crate) fn catch_up_some(&mut self) {
        self.skip();
        self.parse_some();
    }

    /// Passes over output that what waits behind it pushes out of sight; how much that was.
    fn skip(&mut self) -> usize {
        if self.modelled < self.skip_from {
            return 0;
        }
        let head = self.ring.head();
        let (front, back) = self.ring.slices(self.modelled..head);
        let skipped = self.model.skip(front, back);
        self.modelled += skipped as u64;
        if skipped < MODEL_BYTES {
            self.skip_from = self.modelled + (head - self.modelled) / 2;
        }
        skipped
    }

    fn parse_some(&mut self) {
        let (front, back) = self.ring.slices(self.modelled..self.ring.head());
        let next = if front.is_empty() { back } else { front };
        let next = &next[..next.len().min(MODEL_BYTES)];
        self.model.feed(next);
        self.modelled += next.len() as u64;
        let answers = self.model.take_answers();
        if self.exit_code.is_none() && !self.is_input_full() {
            self.input.extend(answers);
        }
    }

    fn catch_up(&mut self) {
        while self.is_behind() {
            self.catch_up_some();
        }
    }

    fn choose_who_answers(&mut self) {
        let answering = self.is_answering();
        self.model.set_answering(answering);
    }

    /// Changes whenever [`Self::screen`] may have.
    pub(crate) fn screen_version(&self) -> String {
        let Size { cols, rows } = self.size;
        format!("{}-{}-{cols}x{rows}", self.epoch, self.ring.head())
    }

    /// The visible rows as text.
    pub(crate) fn screen(&mut self) -> String {
        self.catch_up();
        self.model.text()
    }

    fn tell_all(&mut self, frame: &ServerFrame) {
        let head = self.ring.head();
        for client in self.clients.values_mut() {
            client.tell(head, frame);
        }
    }
}

/// A control character other than those of everyday typing.
fn is_unusual_control(byte: u8) -> bool {
    byte.is_ascii_control() && !matches!(byte, b'\r' | b'\n' | b'\t' | 0x08 | 0x1b)
}

fn title_frame(title: &str) -> ServerFrame {
    ServerFrame::Title {
        title: title.to_owned(),
    }
}

#[cfg(test)]
mod tests;
