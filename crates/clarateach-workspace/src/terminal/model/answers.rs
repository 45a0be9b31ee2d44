//! What a terminal says when a program asks it: device attributes, status, the cursor's place, modes. Colours are in
//! `osc`.

use super::screen::Screen;

/// What a program that asks everything gets at once, at most.
const MAX_ANSWER_BYTES: usize = 4096;

impl Screen {
    /// Only while nobody else does.
    pub(super) fn answer(&mut self, text: &str) {
        if self.answering && self.answers.len() + text.len() <= MAX_ANSWER_BYTES {
            self.answers.extend_from_slice(text.as_bytes());
        }
    }

    pub(super) fn report_status(&mut self, what: u32, prefix: &str) {
        let (x, y) = (self.active().x + 1, self.active().y + 1);
        match what {
            5 => self.answer("\x1b[0n"),
            6 => self.answer(&format!("\x1b[{prefix}{y};{x}R")),
            _ => {}
        }
    }

    pub(super) fn report_mode(&mut self, mode: u32) {
        let state = match mode {
            2 => 4,
            4 => on_or_off(self.modes.insert),
            12 => 3,
            20 => on_or_off(self.modes.newline),
            _ => 0,
        };
        self.answer(&format!("\x1b[{mode};{state}$y"));
    }

    pub(super) fn report_private_mode(&mut self, mode: u32) {
        let modes = self.modes;
        let state = match mode {
            1 => on_or_off(modes.application_cursor),
            6 => on_or_off(modes.origin),
            7 => on_or_off(modes.wraparound),
            8 | 1048 => {
                if mode == 8 {
                    3
                } else {
                    1
                }
            }
            12 => on_or_off(modes.cursor_blinks),
            25 => on_or_off(!modes.cursor_hidden),
            45 => on_or_off(modes.reverse_wraparound),
            66 => on_or_off(modes.application_keypad),
            67 | 1005 | 1015 => 4,
            9 | 1000 | 1002 | 1003 => on_or_off(u32::from(modes.mouse) == mode),
            1004 => on_or_off(modes.focus_reports),
            1006 | 1016 => on_or_off(u32::from(modes.mouse_encoding) == mode),
            47 | 1047 | 1049 => on_or_off(self.on_alternate),
            2004 => on_or_off(modes.bracketed_paste),
            2026 => on_or_off(modes.synchronised),
            _ => 0,
        };
        self.answer(&format!("\x1b[?{mode};{state}$y"));
    }
}

fn on_or_off(on: bool) -> u8 {
    if on { 1 } else { 2 }
}
