//! What clients type, on its way to the program.

use std::collections::VecDeque;
use std::time::SystemTime;

use clarateach_protocol::terminal::Mode;

use super::client::Client;
use super::{ClientId, Session, report};

/// Input that waits for the program; beyond it the typing client waits. Large enough for pastes: an
/// interrupt behind one is seen, see [`Session::type_input`].
pub(super) const INPUT_BYTES: usize = 1024 * 1024;

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

/// Input that the program did not take yet.
#[derive(Default)]
pub(super) struct Waiting {
    bytes: VecDeque<u8>,
}

impl Waiting {
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend(bytes);
    }

    pub(super) fn is_full(&self) -> bool {
        self.bytes.len() >= INPUT_BYTES
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
    }

    fn taken(&mut self, count: usize) {
        self.bytes.drain(..count);
        if self.bytes.is_empty() && self.bytes.capacity() > INPUT_BYTES {
            self.bytes = VecDeque::new();
        }
    }
}

impl Session {
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
            self.waiting.push(bytes);
        }
        self.last_input = Some(SystemTime::now());
        if let (false, Some(client)) = (is_report, self.clients.get_mut(&id)) {
            client.typed(turn);
            self.inputs += 1;
            self.turn = turn;
            self.choose_size();
            // What is typed goes to a program that knows the size.
            self.sizes.hurry();
        }
        match bytes {
            [byte] if is_unusual_control(*byte) => Input::Control(*byte),
            _ => Input::Taken,
        }
    }

    /// All but the last character that waits for the program goes: it was an interrupt.
    pub(crate) fn overtake(&mut self) {
        let before = self.waiting.bytes.len().saturating_sub(1);
        self.input_written(before);
    }

    pub(crate) fn is_input_full(&self) -> bool {
        self.waiting.is_full()
    }

    /// The input that the program gets next, in one piece.
    pub(crate) fn waiting_input(&self) -> &[u8] {
        self.waiting.bytes.as_slices().0
    }

    /// The program took so many bytes of [`Self::waiting_input`].
    pub(crate) fn input_written(&mut self, count: usize) {
        self.waiting.taken(count);
    }

    /// What the model answered the program, since nobody else does.
    pub(super) fn pass_answers_on(&mut self) {
        let answers = self.output.model().take_answers();
        if self.exit_code.is_none() && !self.is_input_full() {
            self.waiting.push(&answers);
        }
    }
}

/// A control character other than those of everyday typing.
fn is_unusual_control(byte: u8) -> bool {
    byte.is_ascii_control() && !matches!(byte, b'\r' | b'\n' | b'\t' | 0x08 | 0x1b)
}
