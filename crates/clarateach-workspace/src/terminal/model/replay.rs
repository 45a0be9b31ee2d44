//! A screen as the bytes that draw it: an emulator that was reset and reads them is in the same state.
//!
//! Rows are printed one below the other, so that those of the history scroll out of the emulator's screen into its
//! own history; lines that wrapped are made to wrap again. Then cursor, modes and pen, and at last the beginning of
//! whatever sequence was cut.

mod state;

use std::borrow::Cow;

use super::buffer::{Buffer, Saved};
use super::cell::{Cell, Kind, Style};
use super::colours::FOREGROUND;
use super::row::Row;
use super::screen::Screen;
use super::sgr::write_style;

/// A sequence without effect, behind which marks join nothing.
const NOTHING: &str = "\x1b[?0l";

impl Screen {
    /// The bytes, but for what is pending in the parser.
    pub(super) fn replay(&self) -> Vec<u8> {
        let mut writer = Writer {
            screen: self,
            out: Vec::with_capacity(16 * 1024),
            style: Style::default(),
        };
        writer.colours();
        writer.rows(&self.primary);
        // Everything on the alternate screen was printed in the character set that the primary one's cursor brought
        // along: so it is drawn there, too.
        let enters_with_charset = self.on_alternate && self.charset_source() == Source::OtherSave;
        if (!self.on_alternate || enters_with_charset) && self.alternate.saved != Saved::default() {
            writer.text("\x1b[?1047h");
            writer.saved(&self.alternate);
            writer.text("\x1b[?1047l");
        }
        if self.on_alternate {
            writer.saved(&self.primary);
            writer.frame(&self.primary);
            if enters_with_charset {
                writer.charsets();
            }
            writer.style(Style::default());
            writer.text("\x1b[?1047h\x1b[H");
            writer.rows(&self.alternate);
        }
        if !enters_with_charset {
            writer.saved(self.active());
        }
        writer.frame(self.active());
        writer.cursor_and_modes(enters_with_charset);
        writer.out
    }

    /// Where the character set in use comes from.
    fn charset_source(&self) -> Source {
        let charsets = self.charsets;
        if charsets.active == charsets.designated[charsets.level] {
            Source::Level
        } else if self.active().saved.charset == charsets.active {
            Source::Save
        } else {
            Source::OtherSave
        }
    }
}

struct Writer<'a> {
    screen: &'a Screen,
    out: Vec<u8>,
    /// What the emulator's pen is.
    style: Style,
}

impl Writer<'_> {
    fn text(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
    }

    fn number(&mut self, before: &str, number: usize, after: &str) {
        self.text(before);
        self.text(&number.to_string());
        self.text(after);
    }

    fn style(&mut self, style: Style) {
        if style == self.style {
            return;
        }
        let tables = &self.screen.tables;
        let (new, old) = (tables.extra(style.extra), tables.extra(self.style.extra));
        let same_look = Style { extra: 0, ..style }
            == Style {
                extra: 0,
                ..self.style
            };
        if !same_look || new.underline != old.underline {
            write_style(&mut self.out, style, new.underline);
        }
        if new.link != old.link {
            let (id, uri) = match &new.link {
                Some(link) => (link.id.as_str(), link.uri.as_str()),
                None => ("", ""),
            };
            let id = if id.is_empty() {
                String::new()
            } else {
                format!("id={id}")
            };
            self.text(&format!("\x1b]8;{id};{uri}\x1b\\"));
        }
        self.style = style;
    }

    /// Colours outlive the emulator's reset; so do two modes.
    fn colours(&mut self) {
        self.text("\x1b]104\x1b\\\x1b]110\x1b\\\x1b]111\x1b\\\x1b]112\x1b\\\x1b[20l\x1b[?12l");
        for (slot, [red, green, blue]) in &self.screen.palette {
            let name = match slot.checked_sub(FOREGROUND) {
                Some(special) => (10 + special).to_string(),
                None => format!("4;{slot}"),
            };
            self.text(&format!(
                "\x1b]{name};rgb:{red:02x}/{green:02x}/{blue:02x}\x1b\\"
            ));
        }
    }

    /// History and screen, from the top left on.
    fn rows(&mut self, buffer: &Buffer) {
        // Without a history, blank rows at the end need nothing.
        let count = if buffer.history.is_empty() {
            let used =
                |row: &Row| row.wrapped || row.cells().iter().any(|cell| *cell != Cell::BLANK);
            buffer
                .rows
                .iter()
                .rposition(used)
                .map_or(0, |last| last + 1)
        } else {
            buffer.history.len() + buffer.rows.len()
        };
        let mut above: Option<Cow<'_, Row>> = None;
        for row in buffer.all_rows().take(count) {
            let enters = match &above {
                None if row.wrapped && buffer.history.is_empty() && buffer.height() > 1 => {
                    // The beginning of its line was deleted.
                    self.number("\x1b[", buffer.columns, "G. \x1b[H\x1b[M");
                    Entry::Wrapped
                }
                None => Entry::Below,
                Some(above) if row.wrapped && buffer.height() > 1 => {
                    self.wrap(above, &row, buffer.columns)
                }
                Some(_) => {
                    // What scrolls in gets the pen's background.
                    self.style(Style::default());
                    self.text("\r\n");
                    Entry::Below
                }
            };
            self.row(&row, buffer.columns, enters);
            above = Some(row);
        }
        self.style(Style::default());
    }

    /// From the end of a row into the next, as one line.
    fn wrap(&mut self, above: &Row, row: &Row, columns: usize) -> Entry {
        let (last, first) = (above.cell(columns - 1), row.cell(0));
        let has_gap = last.is_null() && first.kind() == Kind::Wide && last.style == first.style;
        if has_gap && last.style.erased() == Style::default() {
            // It comes by itself when the wide character doesn't fit.
            self.number("\x1b[", columns, "G");
            return Entry::Below;
        }
        let is_full = !last.is_null() || !last.style.shows_only_background();
        self.style(Style::default());
        if !is_full {
            self.number("\x1b[", columns, "G.");
        }
        // Wrapping with the default pen keeps other backgrounds out of the new row.
        self.text(" \r");
        if !is_full {
            self.number("\x1b[A\x1b[", columns, "G");
            self.style(last.style.erased());
            self.text("\x1b[X\x1b[B\r");
        }
        Entry::Wrapped
    }

    fn row(&mut self, row: &Row, columns: usize, entry: Entry) {
        let cells = row.cells();
        let mut at = 0;
        if entry == Entry::Wrapped && row.cell(0).is_null() {
            self.style(row.cell(0).style.erased());
            self.text("\x1b[X");
        }
        while at < cells.len() {
            let cell = cells[at];
            if cell.is_null() && cell.style.shows_only_background() {
                let background = cell.style.erased();
                let same = |other: &&Cell| {
                    let style = other.style;
                    other.is_null() && style.shows_only_background() && style.erased() == background
                };
                let run = cells[at..].iter().take_while(same).count();
                if background != Style::default() {
                    self.style(background);
                    self.number("\x1b[", run, "X");
                }
                at += run;
                if at < cells.len() {
                    self.number("\x1b[", run, "C");
                }
                continue;
            }
            self.cell(cell);
            at += if cell.kind() == Kind::Wide { 2 } else { 1 };
            if at < columns && self.may_be_miscounted(cell) {
                // Emulators differ in how wide these are.
                self.number("\x1b[", at + 1, "G");
            }
        }
    }

    fn cell(&mut self, cell: Cell) {
        self.style(cell.style);
        if cell.kind() == Kind::Alone {
            // Behind a sequence it joins nothing.
            self.text(NOTHING);
        }
        let mut text = String::new();
        self.screen.push_text(cell, &mut text);
        // Erased with more than a background: a space looks the same.
        self.text(if text.is_empty() { " " } else { &text });
    }

    fn may_be_miscounted(&self, cell: Cell) -> bool {
        match cell.character() {
            Some(character) => !matches!(
                character,
                ' '..='~' | '\u{a1}'..='\u{ac}' | '\u{ae}'..='\u{2ff}' | '\u{370}'..='\u{482}'
                | '\u{2010}'..='\u{2027}' | '\u{2500}'..='\u{25fc}' | '\u{3041}'..='\u{3096}'
                | '\u{30a1}'..='\u{30fa}' | '\u{4e00}'..='\u{9fd5}' | '\u{ac00}'..='\u{d7a3}'
            ),
            None => cell.cluster().is_some(),
        }
    }
}

/// Where the character set in use comes from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Source {
    Level,
    /// What this screen's cursor was saved with.
    Save,
    /// What the other screen's cursor was saved with.
    OtherSave,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Entry {
    /// Into a row that has its own line.
    Below,
    /// Into a row that goes on with the line above, over a space.
    Wrapped,
}
