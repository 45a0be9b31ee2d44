//! Output that need not be drawn: lines that what comes behind them pushes out of screen and history.
//!
//! Only text, colours and "erase in line" are looked at, as compilers, `ls` and `grep` write them: of those, nothing
//! but the colours chosen last outlives its line.

use memchr::{memchr, memrchr};

use super::Model;

/// From so much output on it is worth looking.
const WORTH_SKIPPING: usize = 8 * 1024;
const ESC: u8 = 0x1b;
/// Longer sequences are left to the parser.
const MAX_SEQUENCE_BYTES: usize = 48;

impl Model {
    /// Takes the part of the output's start that leaves no trace behind; how many bytes that is. The output is `front`
    /// and then `back`.
    pub(crate) fn skip(&mut self, front: &[u8], back: &[u8]) -> usize {
        let buffer = self.screen.active();
        let whole = buffer.top == 0 && buffer.bottom == buffer.height() - 1;
        if front.len() + back.len() < WORTH_SKIPPING || !whole || !self.parser.is_at_rest() {
            return 0;
        }
        // One screen more than is kept: the first lines are drawn over what was there.
        let mut needed = buffer.history_limit + 2 * buffer.height() + 1;
        let plain = plain_length(front);
        if plain == front.len() {
            let back = &back[..plain_length(back)];
            if let Some(cut) = cut_above(back, &mut needed) {
                self.choose_style(front);
                self.choose_style(&back[..cut]);
                self.parser.advance(b"\r", &mut self.screen);
                return front.len() + cut;
            }
        }
        let Some(cut) = cut_above(&front[..plain], &mut needed) else {
            return 0;
        };
        self.choose_style(&front[..cut]);
        self.parser.advance(b"\r", &mut self.screen);
        cut
    }

    /// Applies the styles that were chosen in plain output, from the last reset on.
    fn choose_style(&mut self, output: &[u8]) {
        let mut from = 0;
        let mut before = output;
        while let Some(at) = memrchr(ESC, before) {
            if output[at..].starts_with(b"\x1b[m") || output[at..].starts_with(b"\x1b[0m") {
                from = at;
                break;
            }
            before = &output[..at];
        }
        let mut rest = &output[from..];
        while let Some(at) = memchr(ESC, rest) {
            let Some(length) = sequence_length(&rest[at..]) else {
                return;
            };
            let sequence = &rest[at..at + length];
            if sequence.ends_with(b"m") {
                self.parser.advance(sequence, &mut self.screen);
            }
            rest = &rest[at + length..];
        }
    }
}

/// Behind the last line that has `needed` more below it; else `needed` is what is still missing.
fn cut_above(output: &[u8], needed: &mut usize) -> Option<usize> {
    let mut end = output.len();
    while let Some(line_feed) = memrchr(b'\n', &output[..end]) {
        end = line_feed;
        // The cursor has to be at the beginning of the next row.
        if *needed == 0 && output[..line_feed].last() == Some(&b'\r') {
            return Some(line_feed + 1);
        }
        *needed = needed.saturating_sub(1);
    }
    None
}

/// How much of it, from the start, is only text and the sequences of [`sequence_length`].
fn plain_length(output: &[u8]) -> usize {
    let mut at = 0;
    loop {
        at += text_length(&output[at..]);
        match sequence_length(&output[at..]) {
            Some(length) => at += length,
            None => return at,
        }
    }
}

fn text_length(output: &[u8]) -> usize {
    let blocks = output.chunks_exact(16);
    let whole =
        blocks.take_while(|block| block.iter().fold(true, |all, byte| all & is_text(*byte)));
    let at = 16 * whole.count();
    let rest = output[at..].iter().position(|byte| !is_text(*byte));
    rest.map_or(output.len(), |rest| at + rest)
}

/// The length of the sequence at the start that chooses a style or erases in its line.
fn sequence_length(output: &[u8]) -> Option<usize> {
    let parameters = output.strip_prefix(b"\x1b[")?;
    let parameters = &parameters[..parameters.len().min(MAX_SEQUENCE_BYTES)];
    let last = parameters
        .iter()
        .position(|byte| !matches!(byte, b'0'..=b';'))?;
    matches!(parameters[last], b'm' | b'K').then_some(last + 3)
}

/// What only fills lines: no sequence, and no character that could be a control (C1 begins with 0xc2).
fn is_text(byte: u8) -> bool {
    let control = (byte < 0x20) & (byte != b'\r') & (byte != b'\n') & (byte != b'\t');
    !control & (byte != 0x7f) & (byte != 0xc2)
}
