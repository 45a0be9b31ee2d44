//! What a terminal looks like: output in, the screen as text or as the bytes that redraw it out.
//!
//! `parser` reads bytes into characters (`utf8`), sequences (`csi`) and commands (`osc`), `controls` says what each
//! does, `screen`, `print` and `erase` do it to two `buffer`s of `row`s of `cell`s, whose histories are `packed`;
//! `resize` reflows, `replay` writes everything down, `skip` passes over what nobody will see. It gives `answers` only
//! when it is told to: see [`Model::set_answering`].
//!
//! Not a library, because it has to draw what the page's xterm.js draws, on the byte, at any cut: differences
//! (wrapping, erasing, saved cursors, what is unknown) would show up as a torn screen after every reload. The tests
//! compare it with xterm.js itself.

mod answers;
mod buffer;
mod cell;
mod colours;
mod controls;
mod csi;
mod erase;
mod osc;
mod packed;
mod parser;
mod print;
mod replay;
mod resize;
mod row;
mod screen;
mod sgr;
mod skip;
mod tables;
mod utf8;

use super::Size;
use parser::Parser;
use screen::Screen;

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

    /// Takes output, cut anywhere.
    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        self.parser.advance(bytes, &mut self.screen);
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
}

#[cfg(test)]
mod tests;
