//! The state of a terminal, and what moves it. It mirrors xterm.js 6, which draws it on the page: where terminals
//! differ, it does what that one does. `controls` maps sequences to these methods.

use std::collections::BTreeMap;
use std::mem;

use super::buffer::Buffer;
use super::cell::{Cell, Style};
use super::packed::PackedRow;
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
            let history = buffer.history.iter().filter(|row| row.refers());
            for row in history.map(PackedRow::unpack) {
                used.add(row.cells());
            }
            for row in &buffer.rows {
                used.add(row.cells());
            }
        }
        let (extras, clusters) = self.tables.collect(&used);
        let moved = |index: u16| u16::try_from(extras[usize::from(index)]).unwrap_or(0);
        self.pen.extra = moved(self.pen.extra);
        let renumber = |row: &mut Row| {
            for cell in row.cells_mut() {
                cell.style.extra = moved(cell.style.extra);
                if let Some(index) = cell.cluster() {
                    cell.set_cluster(clusters[index as usize]);
                }
            }
        };
        for buffer in [&mut self.primary, &mut self.alternate] {
            buffer.saved.style.extra = moved(buffer.saved.style.extra);
            buffer.rows.iter_mut().for_each(renumber);
            buffer.change_history(|packed| {
                let mut row = packed.refers().then(|| packed.unpack())?;
                renumber(&mut row);
                Some(row)
            });
        }
    }
}

/// A count that a cursor can move: anything larger than a screen is the same.
fn small(count: usize) -> isize {
    isize::try_from(count.min(1 << 20)).unwrap_or(0)
}
