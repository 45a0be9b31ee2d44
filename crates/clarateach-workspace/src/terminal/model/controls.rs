//! Which sequence does what to the screen: the tables of XTerm Control Sequences, as far as xterm.js has them.

use super::cell::Style;
use super::csi::Csi;
use super::parser::Actions;
use super::screen::{Charsets, Modes, Screen};

impl Actions for Screen {
    fn print_ascii(&mut self, run: &[u8]) {
        self.print_run(run);
    }

    fn print(&mut self, character: char) {
        self.print_one(character);
    }

    fn execute(&mut self, control: u8) {
        match control {
            0x08 => self.backspace(),
            b'\t' if self.active().x < self.columns => {
                let next = self.active().next_tab();
                self.buffer().x = next;
            }
            b'\n' | 0x0b | 0x0c => self.line_feed(),
            b'\r' => self.buffer().x = 0,
            0x0e => self.charsets.shift(1),
            0x0f => self.charsets.shift(0),
            0x84 => self.index(),
            0x85 => self.next_line(),
            0x88 => self.set_tab(),
            _ => {}
        }
        self.preceding = None;
    }

    fn escape(&mut self, intermediates: &[u8], last: u8) {
        match (intermediates, last) {
            (b"", b'7') => self.save_cursor(),
            (b"", b'8') => self.restore_cursor(),
            (b"", b'D') => self.index(),
            (b"", b'E') => self.next_line(),
            (b"", b'H') => self.set_tab(),
            (b"", b'M') => self.reverse_index(),
            (b"", b'=') => self.modes.application_keypad = true,
            (b"", b'>') => self.modes.application_keypad = false,
            (b"", b'c') => self.reset(),
            (b"", b'n' | b'}') => self.charsets.shift(2),
            (b"", b'o' | b'|') => self.charsets.shift(3),
            (b"", b'~') => self.charsets.shift(1),
            (b"%", b'@' | b'G') => {
                self.charsets.shift(0);
                self.charsets.designate(0, 0);
            }
            (b"#", b'8') => self.align(),
            ([slot @ (b'(' | b')' | b'*' | b'+' | b'-' | b'.')], set) => {
                let slot = match slot {
                    b'(' => 0,
                    b')' | b'-' => 1,
                    b'*' | b'.' => 2,
                    _ => 3,
                };
                let known = b"0AB4C5RQKYE6ZH7=".contains(&set);
                if known {
                    self.charsets
                        .designate(slot, if set == b'B' { 0 } else { set });
                }
            }
            _ => {}
        }
        self.preceding = None;
    }

    fn csi(&mut self, csi: &Csi) {
        match csi.marks() {
            b"" => self.plain_csi(csi),
            b"?" => self.private_csi(csi),
            b">" if csi.last == b'c' && csi.parameter(0) == 0 => self.answer("\x1b[>0;276;0c"),
            b"!" if csi.last == b'p' => self.soft_reset(),
            b" " => match csi.last {
                b'q' => self.set_cursor_style(csi.parameter(0)),
                b'@' => {
                    let count = csi.count();
                    self.edit_columns(|row, fill, columns| row.delete(0, count, fill, columns));
                }
                b'A' => {
                    let count = csi.count();
                    self.edit_columns(|row, fill, columns| row.insert(0, count, fill, columns));
                }
                _ => {}
            },
            b"'" => {
                let (count, x) = (csi.count(), self.active().x);
                match csi.last {
                    b'}' => {
                        self.edit_columns(|row, fill, columns| row.insert(x, count, fill, columns));
                    }
                    b'~' => {
                        self.edit_columns(|row, fill, columns| row.delete(x, count, fill, columns));
                    }
                    _ => {}
                }
            }
            b"$" if csi.last == b'p' => self.report_mode(csi.parameter(0)),
            b"?$" if csi.last == b'p' => self.report_private_mode(csi.parameter(0)),
            _ => {}
        }
        self.preceding = None;
    }

    fn osc(&mut self, payload: &[u8]) {
        self.preceding = None;
        self.system_command(&String::from_utf8_lossy(payload));
    }
}

impl Screen {
    fn plain_csi(&mut self, csi: &Csi) {
        let count = csi.count();
        match csi.last {
            b'@' => self.insert_characters(count),
            b'A' => self.up(count),
            b'B' => self.down(count),
            b'C' | b'a' => self.forward(count),
            b'D' => self.back(count),
            b'E' => {
                self.down(count);
                self.buffer().x = 0;
            }
            b'F' => {
                self.up(count);
                self.buffer().x = 0;
            }
            b'G' | b'`' => self.go_to_column(count - 1),
            b'H' | b'f' => self.go_to(csi.parameter(1).max(1) as usize - 1, count - 1),
            b'I' => self.tabs(count, |buffer| buffer.next_tab()),
            b'Z' => self.tabs(count, |buffer| buffer.previous_tab()),
            b'J' => self.erase_in_display(csi.parameter(0)),
            b'K' => self.erase_in_line(csi.parameter(0)),
            b'L' => self.edit_lines(|buffer, fill| buffer.insert_rows(buffer.y, count, fill)),
            b'M' => self.edit_lines(|buffer, fill| buffer.delete_rows(buffer.y, count, fill)),
            b'P' => self.delete_characters(count),
            b'S' => {
                let fill = self.fill();
                let buffer = self.buffer();
                buffer.delete_rows(buffer.top, count, fill);
            }
            b'T' => {
                let buffer = self.buffer();
                buffer.insert_rows(buffer.top, count, super::cell::Cell::BLANK);
            }
            b'X' => self.erase_characters(count),
            b'b' => self.repeat(count),
            b'c' if csi.parameter(0) == 0 => self.answer("\x1b[?1;2c"),
            b'd' => self.go_to_row(count - 1),
            b'e' => self.down_freely(count),
            b'g' => self.clear_tabs(csi.parameter(0)),
            b'h' => self.set_modes(csi, true),
            b'l' => self.set_modes(csi, false),
            b'm' => self.select_rendition(csi),
            b'n' => self.report_status(csi.parameter(0), ""),
            b'r' => self.set_region(csi.parameter(0) as usize, csi.parameter(1) as usize),
            b's' => self.save_cursor(),
            b'u' => self.restore_cursor(),
            _ => {}
        }
    }

    fn private_csi(&mut self, csi: &Csi) {
        match csi.last {
            // Nothing is protected here, so "selective" erasing erases.
            b'J' => self.erase_in_display(csi.parameter(0)),
            b'K' => self.erase_in_line(csi.parameter(0)),
            b'h' => {
                for mode in csi.parameters() {
                    self.set_private_mode(*mode, true);
                }
            }
            b'l' => {
                for mode in csi.parameters() {
                    self.set_private_mode(*mode, false);
                }
            }
            b'n' if csi.parameter(0) == 6 => self.report_status(6, "?"),
            _ => {}
        }
    }

    fn tabs(&mut self, count: usize, next: impl Fn(&super::buffer::Buffer) -> usize) {
        let buffer = self.buffer();
        if buffer.x < buffer.columns {
            for _ in 0..count.min(buffer.columns) {
                buffer.x = next(buffer);
            }
        }
    }

    fn set_tab(&mut self) {
        let buffer = self.buffer();
        if let Some(tab) = buffer.tabs.get_mut(buffer.x) {
            *tab = true;
        }
    }

    fn clear_tabs(&mut self, what: u32) {
        let buffer = self.buffer();
        match what {
            0 => {
                if let Some(tab) = buffer.tabs.get_mut(buffer.x) {
                    *tab = false;
                }
            }
            3 => buffer.tabs.fill(false),
            _ => {}
        }
    }

    fn next_line(&mut self) {
        self.buffer().x = 0;
        self.index();
    }

    fn set_modes(&mut self, csi: &Csi, on: bool) {
        for mode in csi.parameters() {
            match mode {
                4 => self.modes.insert = on,
                20 => self.modes.newline = on,
                _ => {}
            }
        }
    }

    fn set_private_mode(&mut self, mode: u32, on: bool) {
        let number = u16::try_from(mode).unwrap_or(0);
        match mode {
            1 => self.modes.application_cursor = on,
            2 if on => {
                for slot in 0..4 {
                    self.charsets.designate(slot, 0);
                }
            }
            6 => {
                self.modes.origin = on;
                self.go_to(0, 0);
            }
            7 => self.modes.wraparound = on,
            12 => self.modes.cursor_blinks = on,
            25 => self.modes.cursor_hidden = !on,
            45 => self.modes.reverse_wraparound = on,
            66 => self.modes.application_keypad = on,
            9 | 1000 | 1002 | 1003 => self.modes.mouse = if on { number } else { 0 },
            1004 => self.modes.focus_reports = on,
            1006 | 1016 => self.modes.mouse_encoding = if on { number } else { 0 },
            1048 if on => self.save_cursor(),
            1048 => self.restore_cursor(),
            47 | 1047 | 1049 if on => {
                if mode == 1049 {
                    self.save_cursor();
                }
                self.enter_alternate();
            }
            47 | 1047 | 1049 => {
                self.leave_alternate();
                if mode == 1049 {
                    self.restore_cursor();
                }
            }
            2004 => self.modes.bracketed_paste = on,
            2026 => self.modes.synchronised = on,
            _ => {}
        }
    }

    fn set_cursor_style(&mut self, style: u32) {
        if let Ok(style @ 0..=6) = u8::try_from(style) {
            self.modes.cursor_style = style;
        }
    }

    fn soft_reset(&mut self) {
        let kept = self.modes;
        self.modes = Modes {
            newline: kept.newline,
            cursor_blinks: kept.cursor_blinks,
            mouse: kept.mouse,
            mouse_encoding: kept.mouse_encoding,
            ..Modes::default()
        };
        self.pen = Style::default();
        self.charsets = Charsets::default();
        let bottom = self.height - 1;
        let buffer = self.buffer();
        (buffer.top, buffer.bottom) = (0, bottom);
        buffer.saved = super::buffer::Saved::default();
    }
}

impl Charsets {
    pub(super) fn designate(&mut self, slot: usize, set: u8) {
        self.designated[slot] = set;
        if self.level == slot {
            self.active = set;
        }
    }

    pub(super) fn shift(&mut self, level: usize) {
        self.level = level;
        self.active = self.designated[level];
    }
}
