//! Bytes to actions: the state machine of DEC's terminals (after Paul Williams, vt100.net), with UTF-8 and the
//! sub-parameters of ISO 8613-6, and with xterm.js's answers where those leave something open.
//!
//! It keeps the bytes of what is incomplete, so that a replay can end in the same state.

use super::csi::Csi;
use super::utf8::{Decoded, decode};

/// Longer strings (OSC) are read to their end, and mean nothing.
const MAX_STRING_BYTES: usize = 8 * 1024;
/// Kept of an incomplete sequence: a whole string and its beginning.
const MAX_PENDING_BYTES: usize = MAX_STRING_BYTES + 64;

const ESC: u8 = 0x1b;

/// What bytes ask for.
pub(super) trait Actions {
    /// Printable ASCII.
    fn print_ascii(&mut self, run: &[u8]);
    fn print(&mut self, character: char);
    /// A control character, C0 or C1.
    fn execute(&mut self, control: u8);
    fn escape(&mut self, intermediates: &[u8], last: u8);
    fn csi(&mut self, sequence: &Csi);
    /// An operating system command, whole.
    fn osc(&mut self, payload: &[u8]);
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Ground,
    Escape,
    EscapeIntermediate,
    CsiEntry,
    CsiParameter,
    CsiIntermediate,
    CsiIgnore,
    /// A device control string before and after its last head byte.
    DcsHead,
    DcsBody,
    Osc,
    /// Strings that mean nothing to us (SOS, PM, APC).
    Ignored,
}

#[derive(Debug)]
pub(super) struct Parser {
    state: State,
    csi: Csi,
    string: Vec<u8>,
    string_is_too_long: bool,
    /// The bytes of the incomplete sequence.
    sequence: Vec<u8>,
    /// The bytes of an incomplete character.
    partial: Vec<u8>,
}

impl Parser {
    pub(super) fn new() -> Self {
        Self {
            state: State::Ground,
            csi: Csi::default(),
            string: Vec::new(),
            string_is_too_long: false,
            sequence: Vec::new(),
            partial: Vec::new(),
        }
    }

    /// Nothing is incomplete.
    pub(super) fn is_at_rest(&self) -> bool {
        self.state == State::Ground && self.partial.is_empty()
    }

    /// Bytes that bring a fresh parser into this one's state.
    pub(super) fn pending(&self) -> Vec<u8> {
        let mut pending = match self.state {
            // Long strings mean nothing; these openings are for others that mean nothing.
            State::Osc if self.string_is_too_long => b"\x1b]777;".to_vec(),
            State::DcsBody | State::Ignored if self.sequence.len() >= MAX_PENDING_BYTES => {
                b"\x1b_".to_vec()
            }
            _ => self.sequence.clone(),
        };
        pending.extend_from_slice(&self.partial);
        pending
    }

    pub(super) fn advance(&mut self, mut bytes: &[u8], actions: &mut impl Actions) {
        while !self.partial.is_empty() && !bytes.is_empty() {
            self.partial.push(bytes[0]);
            bytes = &bytes[1..];
            let partial = std::mem::take(&mut self.partial);
            let taken = self.character(&partial, actions);
            let rest = &partial[taken..];
            // What broke the character off stands for itself.
            self.several(rest, actions);
        }
        self.several(bytes, actions);
    }

    fn several(&mut self, mut bytes: &[u8], actions: &mut impl Actions) {
        while let Some(&first) = bytes.first() {
            let taken = if first >= 0x80 {
                self.character(bytes, actions)
            } else if let Some(taken) = self.common(first, bytes, actions) {
                taken
            } else {
                self.step(Class::Byte(first), &bytes[..1], actions);
                1
            };
            bytes = &bytes[taken..];
        }
    }

    /// What most output is made of, not a state at a time: runs of text, ends of lines, and whole control sequences.
    /// How many bytes that took.
    fn common(&mut self, first: u8, bytes: &[u8], actions: &mut impl Actions) -> Option<usize> {
        if self.state != State::Ground {
            return None;
        }
        match first {
            0x20..0x7f => {
                let end = bytes.iter().position(|byte| !is_printable(*byte));
                let run = &bytes[..end.unwrap_or(bytes.len())];
                actions.print_ascii(run);
                Some(run.len())
            }
            b'\n' | b'\r' | b'\t' => {
                actions.execute(first);
                Some(1)
            }
            ESC => {
                let length = self.csi.read(bytes)?;
                actions.csi(&self.csi);
                Some(length)
            }
            _ => None,
        }
    }

    /// A character of several bytes, or what is wrong with it; how many bytes that took.
    fn character(&mut self, bytes: &[u8], actions: &mut impl Actions) -> usize {
        match decode(bytes) {
            Decoded::Character(character, length) => {
                let class = match u32::from(character) {
                    control @ 0x80..=0x9f => Class::Byte(control as u8),
                    _ => Class::Character(character),
                };
                self.step(class, &bytes[..length], actions);
                length
            }
            Decoded::Wrong(length) => length,
            Decoded::Incomplete => {
                self.partial = bytes.to_vec();
                bytes.len()
            }
        }
    }

    fn step(&mut self, class: Class, raw: &[u8], actions: &mut impl Actions) {
        let before = self.state;
        let executed = match class {
            Class::Byte(byte) => self.byte(byte, actions),
            Class::Character(character) => {
                self.wide(character, raw, actions);
                false
            }
        };
        if self.state == State::Ground {
            self.sequence.clear();
            return;
        }
        let begins = matches!(class, Class::Byte(0x1b | 0x80..=0x9f)) || before == State::Ground;
        if begins {
            self.sequence.clear();
        }
        // A control inside a sequence has done its work.
        if !executed && self.sequence.len() + raw.len() <= MAX_PENDING_BYTES {
            self.sequence.extend_from_slice(raw);
        }
    }

    /// Whether it was a control that took effect.
    fn byte(&mut self, byte: u8, actions: &mut impl Actions) -> bool {
        match (self.state, byte) {
            (State::Osc, 0x07 | 0x9c) => self.end_osc(actions, State::Ground),
            (State::Osc, ESC) => {
                self.end_osc(actions, State::Escape);
                self.csi.begin();
            }
            (_, 0x18 | 0x1a | 0x80..=0x8f | 0x91..=0x97 | 0x99 | 0x9a) => {
                self.state = State::Ground;
                actions.execute(byte);
                return true;
            }
            (_, 0x9c) => self.state = State::Ground,
            (_, ESC) => {
                self.csi.begin();
                self.state = State::Escape;
            }
            (_, 0x9d) => self.begin_osc(),
            (_, 0x98 | 0x9e | 0x9f) => self.state = State::Ignored,
            (_, 0x9b) => {
                self.csi.begin();
                self.state = State::CsiEntry;
            }
            (_, 0x90) => self.state = State::DcsHead,
            (State::Osc, 0x20..) => {
                if self.string.len() < MAX_STRING_BYTES {
                    self.string.push(byte);
                } else {
                    self.string_is_too_long = true;
                }
            }
            (State::DcsHead, 0x40..=0x7e) => self.state = State::DcsBody,
            (State::Osc | State::DcsHead | State::DcsBody | State::Ignored, _) => {}
            (_, 0x00..=0x1f) => {
                actions.execute(byte);
                return true;
            }
            (_, 0x7f) => {}
            (State::Escape, _) => self.escape(byte, actions),
            (State::EscapeIntermediate, 0x20..=0x2f) => self.csi.collect(byte),
            (State::EscapeIntermediate, _) => {
                self.state = State::Ground;
                actions.escape(self.csi.marks(), byte);
            }
            (State::Ground, _) => actions.print_ascii(&[byte]),
            _ => self.csi_byte(byte, actions),
        }
        false
    }

    fn escape(&mut self, byte: u8, actions: &mut impl Actions) {
        match byte {
            b'[' => {
                self.csi.begin();
                self.state = State::CsiEntry;
            }
            b']' => self.begin_osc(),
            b'P' => self.state = State::DcsHead,
            b'X' | b'^' | b'_' => self.state = State::Ignored,
            0x20..=0x2f => {
                self.csi.collect(byte);
                self.state = State::EscapeIntermediate;
            }
            _ => {
                self.state = State::Ground;
                actions.escape(&[], byte);
            }
        }
    }

    fn csi_byte(&mut self, byte: u8, actions: &mut impl Actions) {
        match (self.state, byte) {
            (State::CsiIgnore, 0x40..=0x7e) => self.state = State::Ground,
            (State::CsiIgnore, _) => {}
            (_, 0x40..=0x7e) => {
                self.state = State::Ground;
                self.csi.end(byte);
                actions.csi(&self.csi);
            }
            (_, 0x20..=0x2f) => {
                self.csi.collect(byte);
                self.state = State::CsiIntermediate;
            }
            (State::CsiEntry | State::CsiParameter, b'0'..=b';') => {
                self.csi.add(byte);
                self.state = State::CsiParameter;
            }
            (State::CsiEntry, _) => {
                self.csi.collect(byte);
                self.state = State::CsiParameter;
            }
            _ => self.state = State::CsiIgnore,
        }
    }

    /// A character outside ASCII.
    fn wide(&mut self, character: char, raw: &[u8], actions: &mut impl Actions) {
        match self.state {
            State::Ground => actions.print(character),
            State::Osc => {
                if self.string.len() + raw.len() <= MAX_STRING_BYTES {
                    self.string.extend_from_slice(raw);
                } else {
                    self.string_is_too_long = true;
                }
            }
            State::CsiIgnore | State::DcsBody => {}
            // It belongs into no sequence: that is over.
            _ => self.state = State::Ground,
        }
    }

    fn begin_osc(&mut self) {
        self.string.clear();
        self.string_is_too_long = false;
        self.state = State::Osc;
    }

    fn end_osc(&mut self, actions: &mut impl Actions, next: State) {
        self.state = next;
        let payload = std::mem::take(&mut self.string);
        actions.osc(if self.string_is_too_long {
            b""
        } else {
            &payload
        });
        self.string_is_too_long = false;
    }
}

#[derive(Clone, Copy)]
enum Class {
    Byte(u8),
    Character(char),
}

fn is_printable(byte: u8) -> bool {
    (0x20..0x7f).contains(&byte)
}
