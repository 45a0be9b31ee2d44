//! What is no cell: cursors, tabs, regions, character sets, modes.

use std::fmt::Write;

use super::super::buffer::{Buffer, Saved, default_tabs};
use super::super::cell::{Kind, Style};
use super::super::screen::{Charsets, Modes};
use super::{NOTHING, Source, Writer};

impl Writer<'_> {
    /// Tabs and scroll region; the cursor ends up anywhere.
    pub(super) fn frame(&mut self, buffer: &Buffer) {
        if buffer.tabs != default_tabs(buffer.columns) {
            self.text("\x1b[3g");
            for (at, _) in buffer.tabs.iter().enumerate().filter(|(_, tab)| **tab) {
                self.number("\x1b[", at + 1, "G\x1bH");
            }
        }
        if (buffer.top, buffer.bottom) != (0, buffer.height() - 1) {
            self.text(&format!("\x1b[{};{}r", buffer.top + 1, buffer.bottom + 1));
        }
    }

    pub(super) fn saved(&mut self, buffer: &Buffer) {
        let saved = buffer.saved;
        if saved == Saved::default() {
            return;
        }
        let y = usize::try_from(saved.y)
            .unwrap_or(0)
            .min(buffer.height() - 1);
        self.place(saved.x.min(buffer.columns - 1), y);
        self.style(saved.style);
        if saved.charset == 0 {
            self.text("\x1b7");
        } else {
            self.designate(0, saved.charset);
            self.text("\x1b7\x1b(B");
        }
    }

    fn place(&mut self, x: usize, y: usize) {
        self.text(&format!("\x1b[{};{}H", y + 1, x + 1));
    }

    fn designate(&mut self, slot: usize, set: u8) {
        let mark = [b'(', b')', b'*', b'+'][slot];
        let set = if set == 0 { b'B' } else { set };
        self.out.extend_from_slice(&[0x1b, mark, set]);
    }

    /// `has_charset`: the character set in use is there already.
    pub(super) fn cursor_and_modes(&mut self, has_charset: bool) {
        let screen = self.screen;
        let (modes, buffer) = (screen.modes, screen.active());
        let top = if modes.origin { buffer.top } else { 0 };
        if modes.origin {
            self.text("\x1b[?6h");
        }
        let (x, y) = (buffer.x.min(screen.columns), buffer.y);
        // The character before the cursor is printed once more: only so does the cursor wait at the edge, and
        // does a mark that comes next join it. With the pen as it is now, unless something happened since.
        let at_edge = x == screen.columns;
        let back = match screen.preceding {
            Some(width) => width,
            None if at_edge && buffer.rows[y].cell(x - 1).kind() == Kind::Tail => 2,
            None if at_edge => 1,
            None => 0,
        };
        let back = back.min(x);
        let again = buffer.rows[y].cell(x - back);
        let with_pen = screen.preceding.is_some() && back > 0 && again.has_content();
        let reprints = with_pen || at_edge;
        // A restored cursor moves, so it comes first; a set that is merely chosen comes behind what was printed before.
        let chooses_late = screen.charset_source() == Source::Level;
        if !has_charset && !chooses_late {
            self.charsets();
        }
        self.place(if reprints { x - back } else { x }, y - top.min(y));
        if reprints && !with_pen {
            self.cell(again);
            self.text(NOTHING);
            if buffer.x > screen.columns {
                // A mark behind the edge moved the cursor once more, and was lost.
                self.text("\u{301}");
            }
        }
        if chooses_late {
            self.charsets();
        }
        self.modes(modes);
        self.style(screen.pen);
        if with_pen {
            if modes.insert {
                // It comes in again.
                self.number("\x1b[", back, "P");
            }
            self.cell(again);
        }
    }

    fn modes(&mut self, modes: Modes) {
        let mut text = String::new();
        let mut set = |sequence: &str, on: bool| {
            if on {
                text.push_str(sequence);
            }
        };
        set("\x1b[4h", modes.insert);
        set("\x1b[20h", modes.newline);
        set("\x1b[?1h", modes.application_cursor);
        set("\x1b=", modes.application_keypad);
        set("\x1b[?7l", !modes.wraparound);
        set("\x1b[?12h", modes.cursor_blinks);
        set("\x1b[?25l", modes.cursor_hidden);
        set("\x1b[?45h", modes.reverse_wraparound);
        set("\x1b[?1004h", modes.focus_reports);
        set("\x1b[?2004h", modes.bracketed_paste);
        set("\x1b[?2026h", modes.synchronised);
        for number in [modes.mouse, modes.mouse_encoding] {
            if number != 0 {
                let _ = write!(text, "\x1b[?{number}h");
            }
        }
        if modes.cursor_style != 0 {
            let _ = write!(text, "\x1b[{} q", modes.cursor_style);
        }
        let title = &self.screen.title;
        if !title.is_empty() {
            let _ = write!(text, "\x1b]2;{title}\x1b\\");
        }
        self.text(&text);
    }

    /// Designated sets, the level, and the set in use; the cursor ends up anywhere.
    pub(super) fn charsets(&mut self) {
        let screen = self.screen;
        let Charsets {
            designated, level, ..
        } = screen.charsets;
        for (slot, set) in designated.into_iter().enumerate() {
            if set != 0 {
                self.designate(slot, set);
            }
        }
        self.text(["", "\x0e", "\x1bn", "\x1bo"][level]);
        // Only "restore cursor" makes the set in use another than the level's.
        let (restore, saved) = match (screen.charset_source(), screen.on_alternate) {
            (Source::Level, _) => return,
            (Source::Save, _) => ("\x1b8", screen.active().saved),
            (Source::OtherSave, true) => ("\x1b8", screen.primary.saved),
            (Source::OtherSave, false) => ("\x1b[?1047h\x1b8\x1b[?1047l", screen.alternate.saved),
        };
        self.text(restore);
        self.style = Style {
            extra: self.style.extra,
            ..saved.style
        };
    }
}
