//! Printing: where a character goes, what it covers, and when a line wraps.

use super::cell::{Cell, Kind, width};
use super::screen::Screen;

impl Screen {
    pub(super) fn print_run(&mut self, mut run: &[u8]) {
        if self.modes.insert || self.charsets.active != 0 {
            for byte in run {
                self.print_one(char::from(*byte));
            }
            return;
        }
        let (columns, pen, wraps) = (self.columns, self.pen, self.modes.wraparound);
        self.mend_left();
        while !run.is_empty() {
            if self.active().x >= columns {
                if wraps {
                    self.wrap(0);
                } else {
                    // Everything lands on the last column.
                    run = &run[run.len() - 1..];
                    self.buffer().x = columns - 1;
                    self.mend_left();
                }
            }
            let buffer = self.buffer();
            let x = buffer.x;
            let count = run.len().min(columns - x);
            let cells = buffer.row().span(x, x + count);
            for (cell, byte) in cells.iter_mut().zip(run) {
                *cell = Cell::new(char::from(*byte), Kind::Single, pen);
            }
            buffer.x = x + count;
            run = &run[count..];
        }
        self.preceding = Some(1);
        self.mend_right();
    }

    pub(super) fn print_one(&mut self, character: char) {
        let character = translate(self.charsets.active, character);
        let mut needs = width(character);
        let joined = match self.preceding {
            Some(before) if needs == 0 => {
                needs = before;
                true
            }
            _ => false,
        };
        let before = if joined { needs } else { 0 };
        self.mend_left();
        self.preceding = (needs > 0).then_some(needs);
        if self.active().x + needs - before > self.columns {
            if self.modes.wraparound {
                self.wrap(before);
            } else {
                self.buffer().x = self.columns - 1;
                if needs == 2 {
                    self.preceding = None;
                    return;
                }
                self.mend_left();
            }
        }
        if joined && self.active().x > 0 {
            self.join(character);
            return;
        }
        self.put(character, needs);
        self.mend_right();
    }

    /// A mark joins the character before the cursor.
    fn join(&mut self, mark: char) {
        let at = self.active().x - 1;
        let y = self.active().y;
        let back = usize::from(self.active().rows[y].cell(at).kind() == Kind::Tail);
        let at = at.saturating_sub(back);
        let mut cell = self.active().rows[y].cell(at);
        let mut text = String::new();
        self.push_text(cell, &mut text);
        if text.is_empty() {
            return;
        }
        text.push(mark);
        if self.tables.are_full() {
            self.collect();
            cell = self.active().rows[y].cell(at);
        }
        let Some(index) = self.tables.add_cluster(&text) else {
            return;
        };
        cell.set_cluster(index);
        let columns = self.columns;
        self.buffer().row().set(at, cell, columns);
    }

    fn put(&mut self, character: char, needs: usize) {
        let (columns, pen, insert) = (self.columns, self.pen, self.modes.insert);
        let buffer = self.buffer();
        let x = buffer.x;
        let row = &mut buffer.rows[buffer.y];
        if insert && x < columns && needs > 0 {
            row.insert(x, needs, Cell::erased(pen), columns);
        }
        let kind = match needs {
            0 => Kind::Alone,
            1 => Kind::Single,
            _ => Kind::Wide,
        };
        row.set(x, Cell::new(character, kind, pen), columns);
        if needs == 2 {
            row.set(x + 1, Cell::tail(pen), columns);
        }
        buffer.x = (x + needs.max(1)).min(columns + 1);
    }

    /// Goes on in the next row, which becomes part of this line.
    fn wrap(&mut self, moved: usize) {
        let (columns, pen, fill) = (self.columns, self.pen, self.fill());
        let buffer = self.buffer();
        let (from, y) = (buffer.x - moved, buffer.y);
        let last: Vec<Cell> = (from..from + moved)
            .map(|at| buffer.rows[y].cell(at))
            .collect();
        if from < columns {
            let rest = buffer.rows[y].span(from, columns);
            rest.fill(Cell::erased(pen));
        }
        buffer.x = moved;
        if y == buffer.bottom {
            buffer.scroll(fill, true);
        } else {
            buffer.y = (y + 1).min(buffer.height() - 1);
            buffer.row().wrapped = true;
        }
        for (at, cell) in last.into_iter().enumerate() {
            buffer.row().set(at, cell, columns);
        }
    }

    /// The left half of a character whose right half is written over goes, and the right one in case nothing is written.
    fn mend_left(&mut self) {
        let (columns, pen) = (self.columns, self.pen);
        let buffer = self.buffer();
        let x = buffer.x;
        if x > 0 && buffer.rows[buffer.y].cell(x - 1).kind() == Kind::Wide {
            buffer.row().set(x - 1, Cell::erased(pen), columns);
            buffer.row().blank_half(x, columns);
        }
    }

    /// The right half of a character whose left half was written over goes.
    fn mend_right(&mut self) {
        let (columns, pen) = (self.columns, self.pen);
        let buffer = self.buffer();
        let x = buffer.x;
        if x < columns && buffer.rows[buffer.y].cell(x).kind() == Kind::Tail {
            buffer.row().set(x, Cell::erased(pen), columns);
        }
    }

    pub(super) fn repeat(&mut self, count: usize) {
        let Some(before) = self.preceding else { return };
        let buffer = self.active();
        let Some(x) = buffer.x.checked_sub(before) else {
            return;
        };
        let mut text = String::new();
        self.push_text(buffer.rows[buffer.y].cell(x), &mut text);
        // More than fills the screen changes nothing but the history.
        for _ in 0..count.min(self.columns * self.height) {
            text.chars().for_each(|character| self.print_one(character));
        }
    }

    /// A cell's text: nothing, a character, or one with its marks.
    pub(super) fn push_text(&self, cell: Cell, text: &mut String) {
        if let Some(index) = cell.cluster() {
            text.push_str(self.tables.cluster(index));
        } else if let Some(character) = cell.character() {
            text.push(character);
        }
    }
}

/// DEC's graphics (`0`) and the British set (`A`); all others are shown as ASCII.
fn translate(charset: u8, character: char) -> char {
    const GRAPHICS: [char; 31] = [
        '\u{25c6}', '\u{2592}', '\u{2409}', '\u{240c}', '\u{240d}', '\u{240a}', '\u{b0}', '\u{b1}',
        '\u{2424}', '\u{240b}', '\u{2518}', '\u{2510}', '\u{250c}', '\u{2514}', '\u{253c}',
        '\u{23ba}', '\u{23bb}', '\u{2500}', '\u{23bc}', '\u{23bd}', '\u{251c}', '\u{2524}',
        '\u{2534}', '\u{252c}', '\u{2502}', '\u{2264}', '\u{2265}', '\u{3c0}', '\u{2260}',
        '\u{a3}', '\u{b7}',
    ];
    match (charset, character) {
        (b'0', '`'..='~') => GRAPHICS[character as usize - '`' as usize],
        (b'A', '#') => '\u{a3}',
        _ => character,
    }
}
