//! A control sequence's parts, collected byte by byte or read at once.

/// Parameters beyond are ignored.
const MAX_PARAMETERS: usize = 32;

/// A control sequence: `ESC [`, a private prefix, parameters, intermediates, and the last byte.
#[derive(Debug, Clone, Default)]
pub(super) struct Csi {
    collected: Vec<u8>,
    parameters: Vec<u32>,
    /// Index of the parameter, and its sub-parameter; `None` is an empty one.
    subs: Vec<(usize, Option<u32>)>,
    in_sub: bool,
    pub(super) last: u8,
}

impl Csi {
    pub(super) fn begin(&mut self) {
        self.collected.clear();
        self.parameters.clear();
        self.parameters.push(0);
        self.subs.clear();
        self.in_sub = false;
    }

    /// Reads the sequence at the start, if it is whole and of the usual kind: parameters alone, perhaps with a prefix.
    /// How long it is.
    pub(super) fn read(&mut self, bytes: &[u8]) -> Option<usize> {
        let body = bytes.strip_prefix(b"\x1b[")?;
        self.begin();
        self.parameters.clear();
        let mut number = 0;
        for (at, &byte) in body.iter().enumerate() {
            match byte {
                b'0'..=b'9' => number = with_digit(number, byte),
                // As `add` has it: more are ignored.
                b';' if self.parameters.len() < MAX_PARAMETERS => {
                    self.parameters.push(number);
                    number = 0;
                }
                b'<'..=b'?' if at == 0 => self.collected.push(byte),
                0x40..=0x7e => {
                    if self.parameters.len() < MAX_PARAMETERS {
                        self.parameters.push(number);
                    }
                    self.last = byte;
                    return Some(at + 3);
                }
                _ => return None,
            }
        }
        None
    }

    /// Prefix and intermediates.
    pub(super) fn marks(&self) -> &[u8] {
        &self.collected
    }

    pub(super) fn parameters(&self) -> &[u32] {
        &self.parameters
    }

    pub(super) fn parameter(&self, index: usize) -> u32 {
        self.parameters.get(index).copied().unwrap_or(0)
    }

    /// The first parameter as a count: at least 1.
    pub(super) fn count(&self) -> usize {
        self.parameter(0).max(1) as usize
    }

    pub(super) fn subs_of(&self, index: usize) -> impl Iterator<Item = Option<u32>> {
        let of = move |(owner, sub): &(usize, Option<u32>)| (*owner == index).then_some(*sub);
        self.subs.iter().filter_map(of)
    }

    /// A prefix or an intermediate.
    pub(super) fn collect(&mut self, byte: u8) {
        // More than a prefix and two intermediates name nothing, whatever they are.
        if self.collected.len() < 4 {
            self.collected.push(byte);
        }
    }

    /// A digit or what separates parameters.
    pub(super) fn add(&mut self, byte: u8) {
        match byte {
            b';' => {
                self.in_sub = false;
                // One more than are kept takes the digits of all the rest.
                if self.parameters.len() <= MAX_PARAMETERS {
                    self.parameters.push(0);
                }
            }
            b':' => {
                self.in_sub = true;
                if self.subs.len() <= MAX_PARAMETERS {
                    self.subs.push((self.parameters.len() - 1, None));
                }
            }
            _ => {
                if !self.in_sub {
                    if let Some(last) = self.parameters.last_mut() {
                        *last = with_digit(*last, byte);
                    }
                } else if let Some((_, last)) = self.subs.last_mut() {
                    *last = Some(with_digit(last.unwrap_or(0), byte));
                }
            }
        }
    }

    pub(super) fn end(&mut self, last: u8) {
        self.last = last;
        self.parameters.truncate(MAX_PARAMETERS);
    }
}

fn with_digit(number: u32, digit: u8) -> u32 {
    let number = number.saturating_mul(10);
    number
        .saturating_add(u32::from(digit - b'0'))
        .min(i32::MAX as u32)
}
