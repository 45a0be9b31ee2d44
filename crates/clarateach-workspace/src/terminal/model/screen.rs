//! The state of a terminal, and what moves it. It mirrors xterm.js 6, which draws it on the page: where terminals
//! differ, it does what that one does. `controls` maps sequences to these methods.

use std::collections::BTreeMap;
use std::mem;

use super::buffer::Buffer;
use super::cell::{Cell, Kind, Style, width};
use super::row::Row;
use super::tables::Tables;

/// Lines that can be scrolled back to.
pub(super) const HISTORY_LINES: usize = 1000;
/// Cells in the history; wider terminals have fewer lines.
const HISTORY_CELLS: usize = 128 * 1024;

/// Switches that programs set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Modes {
    pub(super) insert: bool,
    /// A line feed also returns (LNM).
    pub(super) newline: bool,
    pub(super) application_cursor: bool,
    pub(super) application_keypad: bool,
    pub(super) origin: bool,
    pub(super) wraparound: bool,
    pub(super) reverse_wraparound: bool,
    pub(super) cursor_hidden: bool,
    pub(super) cursor_blinks: bool,
    /// DECSCUSR; 0 is the emulator's own.
    pub(super) cursor_style: u8,
    /// 0, 9, 1000, 1002 or 1003.
    pub(super) mouse: u16,
    /// 0, 1006 or 1016.
    pub(super) mouse_encoding: u16,
    pub(super) focus_reports: bool,
    pub(super) bracketed_paste: bool,
    pub(super) synchronised: bool,
}

impl Default for Modes {
    fn default() -> Self {
        Self {
            insert: false,
            newline: false,
            application_cursor: false,
            application_keypad: false,
            origin: false,
            wraparound: true,
            reverse_wraparound: false,
            cursor_hidden: false,
            cursor_blinks: false,
            cursor_style: 0,
            mouse: 0,
            mouse_encoding: 0,
            focus_reports: false,
            bracketed_paste: false,
            synchronised: false,
        }
    }
}

/// Character sets by their designators; 0 is ASCII.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Charsets {
    pub(super) designated: [u8; 4],
    pub(super) level: usize,
    /// The one in use: what "restore cursor" brought back, or the level's.
    pub(super) active: u8,
}

#[derive(Debug)]
pub(super) struct Screen {
    pub(super) columns: usize,
    pub(super) height: usize,
    pub(super) primary: Buffer,
    pub(super) alternate: Buffer,
    pub(super) on_alternate: bool,
    pub(super) pen: Style,
    pub(super) tables: Tables,
    pub(super) modes: Modes,
    pub(super) charsets: Charsets,
    pub(super) title: String,
    /// Colours that the program changed: 0–255, then foreground, background, cursor.
    pub(super) palette: BTreeMap<u16, [u8; 3]>,
    /// Columns of the character before, if the last thing was a character: what combines needs one.
    pub(super) preceding: Option<usize>,
    /// What a terminal says when it is asked; only while somebody wants to know.
    pub(super) answers: Vec<u8>,
    pub(super) answering: bool,
}

pub(super) fn history_limit(columns: usize) -> usize {
    HISTORY_LINES.min(HISTORY_CELLS / columns)
}

impl Screen {
    pub(super) fn new(columns: usize, height: usize) -> Self {
        Self {
            columns,
            height,
            primary: Buffer::new(columns, height, history_limit(columns)),
            alternate: Buffer::new(columns, height, 0),
            on_alternate: false,
            pen: Style::default(),
            tables: Tables::new(),
            modes: Modes::default(),
            charsets: Charsets::default(),
            title: String::new(),
            palette: BTreeMap::new(),
            preceding: None,
            answers: Vec::new(),
            answering: false,
        }
    }

    pub(super) fn active(&self) -> &Buffer {
        if self.on_alternate {
            &self.alternate
        } else {
            &self.primary
        }
    }

    pub(super) fn buffer(&mut self) -> &mut Buffer {
        if self.on_alternate {
            &mut self.alternate
        } else {
            &mut self.primary
        }
    }

    /// What erased cells look like.
    pub(super) fn fill(&self) -> Cell {
        Cell::erased(self.pen.erased())
    }

    pub(super) fn reset(&mut self) {
        let kept = Self {
            // The emulator keeps these over a reset, too.
            palette: mem::take(&mut self.palette),
            answers: mem::take(&mut self.answers),
            answering: self.answering,
            title: mem::take(&mut self.title),
            modes: Modes {
                newline: self.modes.newline,
                cursor_blinks: self.modes.cursor_blinks,
                ..Modes::default()
            },
            ..Self::new(self.columns, self.height)
        };
        *self = kept;
    }

    // ---- printing ---------------------------------------------------------------------------

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

    /// The left half of a character whose right half is written over goes.
    fn mend_left(&mut self) {
        let (columns, pen) = (self.columns, self.pen);
        let buffer = self.buffer();
        let x = buffer.x;
        if x > 0 && buffer.rows[buffer.y].cell(x - 1).kind() == Kind::Wide {
            buffer.row().set(x - 1, Cell::erased(pen), columns);
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

    // ---- the cursor -------------------------------------------------------------------------

    /// Back into the screen, or into the region while the origin is there.
    pub(super) fn restrict(&mut self, last_column: usize) {
        let (origin, last_row) = (self.modes.origin, self.height - 1);
        let buffer = self.buffer();
        buffer.x = buffer.x.min(last_column);
        buffer.y = if origin {
            buffer.y.clamp(buffer.top, buffer.bottom)
        } else {
            buffer.y.min(last_row)
        };
    }

    pub(super) fn restrict_to_screen(&mut self) {
        self.restrict(self.columns - 1);
    }

    /// Relative to the region while the origin is there.
    pub(super) fn go_to(&mut self, x: usize, y: usize) {
        let origin = self.modes.origin;
        let buffer = self.buffer();
        buffer.x = x;
        buffer.y = if origin { buffer.top + y } else { y };
        self.restrict_to_screen();
    }

    pub(super) fn go_to_column(&mut self, x: usize) {
        // The row counts from the origin again: so does the emulator.
        let y = self.active().y;
        self.go_to(x, y);
    }

    pub(super) fn go_to_row(&mut self, y: usize) {
        let x = self.active().x;
        self.go_to(x, y);
    }

    /// In origin mode the row counts from the region once more: so does the emulator.
    fn move_by(&mut self, x: isize, y: isize) {
        self.restrict_to_screen();
        let x = self.active().x.saturating_add_signed(x);
        let y = self.active().y.saturating_add_signed(y);
        self.go_to(x, y);
    }

    pub(super) fn up(&mut self, count: usize) {
        let buffer = self.active();
        let room = match buffer.y.checked_sub(buffer.top) {
            Some(room) => room.min(count),
            None => count,
        };
        self.move_by(0, -small(room));
    }

    pub(super) fn down(&mut self, count: usize) {
        let buffer = self.active();
        let room = match buffer.bottom.checked_sub(buffer.y) {
            Some(room) => room.min(count),
            None => count,
        };
        self.move_by(0, small(room));
    }

    /// Regardless of the region.
    pub(super) fn down_freely(&mut self, count: usize) {
        self.move_by(0, small(count));
    }

    pub(super) fn forward(&mut self, count: usize) {
        self.move_by(small(count), 0);
    }

    pub(super) fn back(&mut self, count: usize) {
        self.move_by(-small(count), 0);
    }

    pub(super) fn line_feed(&mut self) {
        let (columns, fill) = (self.columns, self.fill());
        let returns = self.modes.newline;
        let buffer = self.buffer();
        if returns {
            buffer.x = 0;
        }
        if buffer.y == buffer.bottom {
            buffer.scroll(fill, false);
        } else if buffer.y + 1 < buffer.height() {
            buffer.y += 1;
            buffer.row().wrapped = false;
        }
        if buffer.x >= columns {
            buffer.x = columns - 1;
        }
    }

    pub(super) fn index(&mut self) {
        self.restrict_to_screen();
        let fill = self.fill();
        let buffer = self.buffer();
        if buffer.y == buffer.bottom {
            buffer.scroll(fill, false);
        } else if buffer.y + 1 < buffer.height() {
            buffer.y += 1;
        }
        self.restrict_to_screen();
    }

    pub(super) fn reverse_index(&mut self) {
        self.restrict_to_screen();
        let fill = self.fill();
        let buffer = self.buffer();
        if buffer.y == buffer.top {
            buffer.insert_rows(buffer.top, 1, fill);
        } else {
            buffer.y = buffer.y.saturating_sub(1);
            self.restrict_to_screen();
        }
    }

    pub(super) fn backspace(&mut self) {
        if !self.modes.reverse_wraparound {
            self.restrict_to_screen();
            let buffer = self.buffer();
            buffer.x = buffer.x.saturating_sub(1);
            return;
        }
        self.restrict(self.columns);
        let columns = self.columns;
        let buffer = self.buffer();
        if buffer.x > 0 {
            buffer.x -= 1;
        } else if buffer.y > buffer.top && buffer.y <= buffer.bottom && buffer.row().wrapped {
            buffer.row().wrapped = false;
            buffer.y -= 1;
            buffer.x = columns - 1;
            // The gap that a wide character left when it wrapped.
            if buffer.row().cell(columns - 1).is_null() {
                buffer.x -= 1;
            }
        }
        self.restrict_to_screen();
    }

    pub(super) fn save_cursor(&mut self) {
        let (style, charset) = (self.pen, self.charsets.active);
        let buffer = self.buffer();
        buffer.saved.x = buffer.x;
        buffer.saved.y = i64::try_from(buffer.y).unwrap_or(0);
        (buffer.saved.style, buffer.saved.charset) = (style, charset);
    }

    pub(super) fn restore_cursor(&mut self) {
        let buffer = self.buffer();
        let saved = buffer.saved;
        buffer.x = saved.x;
        buffer.y = usize::try_from(saved.y).unwrap_or(0);
        self.pen = Style {
            // Links and underline colours are not saved.
            extra: self.pen.extra,
            ..saved.style
        };
        self.charsets.active = saved.charset;
        self.restrict_to_screen();
    }

    // ---- erasing ----------------------------------------------------------------------------

    pub(super) fn erase_in_line(&mut self, what: u32) {
        self.restrict(self.columns);
        let (columns, fill) = (self.columns, self.fill());
        let buffer = self.buffer();
        let x = buffer.x;
        let row = buffer.row();
        match what {
            0 => {
                row.erase(x, columns, fill, columns);
                row.wrapped &= x > 0;
            }
            1 => row.erase(0, x + 1, fill, columns),
            2 => {
                row.erase(0, columns, fill, columns);
                row.wrapped = false;
            }
            _ => {}
        }
    }

    pub(super) fn erase_in_display(&mut self, what: u32) {
        self.restrict(self.columns);
        let (columns, fill) = (self.columns, self.fill());
        let buffer = self.buffer();
        let (x, y) = (buffer.x, buffer.y);
        let whole = match what {
            0 => {
                self.erase_in_line(0);
                y + 1..self.height
            }
            1 => {
                let row = buffer.row();
                row.erase(0, x + 1, fill, columns);
                row.wrapped = false;
                if x + 1 >= columns
                    && let Some(next) = buffer.rows.get_mut(y + 1)
                {
                    next.wrapped = false;
                }
                0..y
            }
            2 => 0..self.height,
            3 => {
                // Its memory goes, too.
                buffer.history = std::collections::VecDeque::new();
                0..0
            }
            _ => 0..0,
        };
        for row in self.buffer().rows.range_mut(whole) {
            row.fill(fill, columns);
        }
    }

    pub(super) fn erase_characters(&mut self, count: usize) {
        self.restrict_to_screen();
        let (columns, fill) = (self.columns, self.fill());
        let buffer = self.buffer();
        let x = buffer.x;
        let end = x.saturating_add(count);
        buffer.row().erase(x, end, fill, columns);
    }

    pub(super) fn insert_characters(&mut self, count: usize) {
        self.restrict_to_screen();
        let (columns, fill) = (self.columns, self.fill());
        let buffer = self.buffer();
        let x = buffer.x;
        buffer.row().insert(x, count, fill, columns);
    }

    pub(super) fn delete_characters(&mut self, count: usize) {
        self.restrict_to_screen();
        let (columns, fill) = (self.columns, self.fill());
        let buffer = self.buffer();
        let x = buffer.x;
        buffer.row().delete(x, count, fill, columns);
    }

    /// The region that the cursor is in, from its row on: for whole lines.
    pub(super) fn edit_lines(&mut self, edit: impl FnOnce(&mut Buffer, Cell)) {
        self.restrict_to_screen();
        let fill = self.fill();
        let buffer = self.buffer();
        if (buffer.top..=buffer.bottom).contains(&buffer.y) {
            edit(buffer, fill);
            buffer.x = 0;
        }
    }

    /// Every row of the region, while the cursor is in it: for whole columns.
    pub(super) fn edit_columns(&mut self, edit: impl Fn(&mut Row, Cell, usize)) {
        let (columns, fill) = (self.columns, self.fill());
        let buffer = self.buffer();
        let (top, bottom) = (buffer.top, buffer.bottom);
        if (top..=bottom).contains(&buffer.y) {
            for row in buffer.rows.range_mut(top..=bottom) {
                edit(row, fill, columns);
                row.wrapped = false;
            }
        }
    }

    /// DEC's test picture.
    pub(super) fn align(&mut self) {
        self.go_to(0, 0);
        let (columns, pen) = (self.columns, self.pen);
        let from = self.active().y;
        for row in self.buffer().rows.range_mut(from..) {
            row.fill(Cell::new('E', Kind::Single, pen), columns);
        }
        self.go_to(0, 0);
    }

    pub(super) fn set_region(&mut self, top: usize, bottom: usize) {
        let bottom = if bottom == 0 || bottom > self.height {
            self.height
        } else {
            bottom
        };
        let top = top.max(1);
        if bottom > top {
            let buffer = self.buffer();
            (buffer.top, buffer.bottom) = (top - 1, bottom - 1);
            self.go_to(0, 0);
        }
    }

    // ---- two screens ------------------------------------------------------------------------

    pub(super) fn enter_alternate(&mut self) {
        if self.on_alternate {
            return;
        }
        let (columns, fill) = (self.columns, self.fill());
        for row in &mut self.alternate.rows {
            row.fill(fill, columns);
        }
        (self.alternate.x, self.alternate.y) = (self.primary.x, self.primary.y);
        self.on_alternate = true;
    }

    pub(super) fn leave_alternate(&mut self) {
        if !self.on_alternate {
            return;
        }
        (self.primary.x, self.primary.y) = (self.alternate.x, self.alternate.y);
        let saved = self.alternate.saved;
        // Its memory goes, too.
        self.alternate.reset();
        self.alternate.saved = saved;
        self.on_alternate = false;
    }

    // ---- tables -----------------------------------------------------------------------------

    /// Forgets clusters, links and underline colours that nothing shows any more.
    pub(super) fn collect(&mut self) {
        let mut used = self.tables.nothing_used();
        used.extras[usize::from(self.pen.extra)] = true;
        let buffers = [&self.primary, &self.alternate];
        for buffer in buffers {
            used.extras[usize::from(buffer.saved.style.extra)] = true;
            for row in buffer.history.iter().chain(&buffer.rows) {
                for cell in row.cells() {
                    used.extras[usize::from(cell.style.extra)] = true;
                    if let Some(index) = cell.cluster() {
                        used.clusters[index as usize] = true;
                    }
                }
            }
        }
        let (extras, clusters) = self.tables.collect(&used);
        let moved = |index: u16| u16::try_from(extras[usize::from(index)]).unwrap_or(0);
        self.pen.extra = moved(self.pen.extra);
        for buffer in [&mut self.primary, &mut self.alternate] {
            buffer.saved.style.extra = moved(buffer.saved.style.extra);
            for row in buffer.history.iter_mut().chain(&mut buffer.rows) {
                for cell in row.cells_mut() {
                    cell.style.extra = moved(cell.style.extra);
                    if let Some(index) = cell.cluster() {
                        cell.set_cluster(clusters[index as usize]);
                    }
                }
            }
        }
    }
}

/// A count that a cursor can move: anything larger than a screen is the same.
fn small(count: usize) -> isize {
    isize::try_from(count.min(1 << 20)).unwrap_or(0)
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
