//! What a terminal looks like: output in, the screen as text or as the bytes that redraw it out.
//!
//! `parser` reads bytes, `controls` says what each sequence does, `screen` does it to two `buffer`s of `row`s of
//! `cell`s; `resize` reflows, `replay` writes everything down. It answers no query by itself: see
//! [`Model::set_answering`].
//!
//! Not a library, because it has to draw what the page's xterm.js draws, on the byte, at any cut: differences
//! (wrapping, erasing, saved cursors, what is unknown) would show up as a torn screen after every reload. The tests
//! compare it with xterm.js itself.

mod buffer;
mod cell;
mod controls;
mod parser;
mod replay;
mod resize;
mod row;
mod screen;
mod sgr;
mod tables;

use memchr::memrchr;

use super::Size;
use parser::Parser;
use screen::Screen;

/// From so much plain text on it is worth looking whether all of it stays visible.
const WORTH_SKIPPING: usize = 8 * 1024;

/// A terminal's screen, history and state.
#[derive(Debug)]
pub(crate) struct Model {
    parser: Parser,
    screen: Screen,
}

impl Model {
    pub(crate) fn new(size: Size) -> Self {
        Self {
            parser: Parser::new(),
            screen: Screen::new(usize::from(size.cols), usize::from(size.rows)),
        }
    }

    /// Takes output, cut anywhere; how much of it: `most` bytes, and more only of text that leaves
    /// no trace.
    pub(crate) fn feed_some(&mut self, bytes: &[u8], most: usize) -> usize {
        let skipped = self.skippable(bytes);
        if skipped > 0 {
            self.parser.advance(b"\r", &mut self.screen);
        }
        let until = bytes.len().min(skipped + most);
        self.parser
            .advance(&bytes[skipped..until], &mut self.screen);
        until
    }

    pub(crate) fn resize(&mut self, size: Size) {
        let (columns, height) = (usize::from(size.cols), usize::from(size.rows));
        self.screen.resize(columns, height);
    }

    /// Brings an emulator that was reset into this state, down to the sequence or character that is cut.
    pub(crate) fn replay(&self) -> Vec<u8> {
        let mut bytes = self.screen.replay();
        bytes.extend_from_slice(&self.parser.pending());
        bytes
    }

    /// The visible rows, blanks at their ends left out.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        for (at, row) in self.screen.active().rows.iter().enumerate() {
            if at > 0 {
                text.push('\n');
            }
            let start = text.len();
            for cell in row.cells() {
                if cell.is_null() {
                    text.push(' ');
                } else {
                    self.screen.push_text(*cell, &mut text);
                }
            }
            let kept = text[start..].trim_end_matches(' ').len();
            text.truncate(start + kept);
        }
        text
    }

    /// Whether queries of programs are to be answered: only while no emulator is there to do it.
    pub(crate) fn set_answering(&mut self, answering: bool) {
        self.screen.answering = answering;
    }

    /// What programs were answered since the last call.
    pub(crate) fn take_answers(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.screen.answers)
    }

    /// How many bytes of plain text at the start leave no trace: what comes behind them pushes all of them out of
    /// screen and history.
    fn skippable(&self, bytes: &[u8]) -> usize {
        let buffer = self.screen.active();
        let whole = buffer.top == 0 && buffer.bottom == buffer.height() - 1;
        if bytes.len() < WORTH_SKIPPING || !whole || !self.parser.is_at_rest() {
            return 0;
        }
        let plain = bytes.iter().position(|byte| !is_plain(*byte));
        let mut end = plain.unwrap_or(bytes.len());
        // One screen more than is kept: the first lines are drawn over what was there.
        let mut needed = buffer.history_limit + 2 * buffer.height() + 1;
        while let Some(line_feed) = memrchr(b'\n', &bytes[..end]) {
            end = line_feed;
            // The cursor has to be at the beginning of the next row.
            if needed == 0 && bytes[..line_feed].last() == Some(&b'\r') {
                return line_feed + 1;
            }
            needed = needed.saturating_sub(1);
        }
        0
    }
}

/// Text that only fills lines: no sequence, and no character that could be a control (C1 begins with 0xc2).
fn is_plain(byte: u8) -> bool {
    matches!(byte, 0x20..=0x7e | b'\r' | b'\n' | b'\t' | 0x80..=0xc1 | 0xc3..)
}

#[cfg(test)]
mod tests;
