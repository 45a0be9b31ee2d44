//! Operating system commands: the title, links, and colours, which programs set and ask for.

use std::sync::Arc;

use super::colours::{BACKGROUND, CURSOR, FOREGROUND, default_colour, parse_colour};
use super::screen::Screen;
use super::tables::{Extra, Link};

/// A longer address is no link.
const MAX_LINK_BYTES: usize = 2048;
const MAX_TITLE_CHARACTERS: usize = 256;

impl Screen {
    pub(super) fn system_command(&mut self, payload: &str) {
        let (number, data) = payload.split_once(';').unwrap_or((payload, ""));
        match number {
            "0" | "2" => {
                let shown = data.chars().filter(|character| !character.is_control());
                self.title = shown.take(MAX_TITLE_CHARACTERS).collect();
            }
            "4" => self.palette_colours(data),
            "8" => self.set_link(data),
            "10" => self.special_colours(FOREGROUND, data),
            "11" => self.special_colours(BACKGROUND, data),
            "12" => self.special_colours(CURSOR, data),
            "104" if data.is_empty() => self.palette.retain(|slot, _| *slot >= FOREGROUND),
            "104" => {
                for index in data.split(';').filter_map(|index| index.parse().ok()) {
                    if index < FOREGROUND {
                        self.palette.remove(&index);
                    }
                }
            }
            "110" => self.reset_colour(FOREGROUND),
            "111" => self.reset_colour(BACKGROUND),
            "112" => self.reset_colour(CURSOR),
            _ => {}
        }
    }

    /// Pairs of an index and a colour, or a question for it.
    fn palette_colours(&mut self, data: &str) {
        let mut parts = data.split(';');
        while let (Some(index), Some(colour)) = (parts.next(), parts.next()) {
            if let Ok(slot @ 0..FOREGROUND) = index.parse::<u16>() {
                self.colour(slot, &format!("4;{slot}"), colour);
            }
        }
    }

    /// One after the other, from the first that is named: foreground, background, cursor.
    fn special_colours(&mut self, first: u16, data: &str) {
        for (slot, colour) in (first..=CURSOR).zip(data.split(';')) {
            self.colour(slot, &(slot - FOREGROUND + 10).to_string(), colour);
        }
    }

    fn colour(&mut self, slot: u16, name: &str, wanted: &str) {
        if wanted == "?" {
            let known = self.palette.get(&slot).copied();
            let [red, green, blue] = known.unwrap_or_else(|| default_colour(slot));
            self.answer(&format!(
                "\x1b]{name};rgb:{red:02x}{red:02x}/{green:02x}{green:02x}/{blue:02x}{blue:02x}\x1b\\"
            ));
        } else if let Some(colour) = parse_colour(wanted) {
            self.palette.insert(slot, colour);
        }
    }

    fn reset_colour(&mut self, slot: u16) {
        self.palette.remove(&slot);
    }

    fn set_link(&mut self, data: &str) {
        let Some((parameters, uri)) = data.split_once(';') else {
            return;
        };
        let link = (!uri.is_empty() && uri.len() <= MAX_LINK_BYTES).then(|| {
            let id = parameters
                .split(':')
                .find_map(|part| part.strip_prefix("id="));
            Arc::new(Link {
                id: id.unwrap_or_default().to_owned(),
                uri: uri.to_owned(),
            })
        });
        let underline = self.tables.extra(self.pen.extra).underline;
        self.set_extra(Extra { underline, link });
    }
}
