//! "Select graphic rendition": the parameters of `CSI … m` to the pen (ECMA-48, and ISO 8613-6 for colours), and
//! back.

use std::fmt::Write;

use super::cell::{Colour, ColourKind, Flags, Style};
use super::csi::Csi;
use super::screen::Screen;
use super::tables::Extra;

const SINGLE: u16 = 1;
const DOUBLE: u16 = 2;

impl Screen {
    pub(super) fn select_rendition(&mut self, csi: &Csi) {
        let parameters = csi.parameters();
        let mut at = 0;
        while at < parameters.len() {
            at += self.select(csi, at);
        }
    }

    /// Applies one parameter with what belongs to it; how many that were.
    fn select(&mut self, csi: &Csi, at: usize) -> usize {
        let parameter = csi.parameter(at);
        let pen = &mut self.pen;
        let digit = |from: u32| u8::try_from(parameter - from).unwrap_or(0);
        match parameter {
            0 => {
                *pen = Style {
                    extra: pen.extra,
                    ..Style::default()
                };
                self.set_underline_colour(Colour::DEFAULT);
            }
            1 => pen.flags.set(Flags::BOLD),
            2 => pen.flags.set(Flags::DIM),
            3 => pen.flags.set(Flags::ITALIC),
            4 => {
                let style = csi.subs_of(at).next().unwrap_or(Some(1)).unwrap_or(1);
                let style = u16::try_from(style).unwrap_or(SINGLE);
                pen.flags
                    .set_underline(if style > 5 { SINGLE } else { style });
            }
            5 => pen.flags.set(Flags::BLINK),
            7 => pen.flags.set(Flags::INVERSE),
            8 => pen.flags.set(Flags::INVISIBLE),
            9 => pen.flags.set(Flags::STRIKE),
            21 => pen.flags.set_underline(DOUBLE),
            22 => pen.flags.clear(Flags::BOLD | Flags::DIM),
            23 => pen.flags.clear(Flags::ITALIC),
            24 => pen.flags.set_underline(0),
            25 => pen.flags.clear(Flags::BLINK),
            27 => pen.flags.clear(Flags::INVERSE),
            28 => pen.flags.clear(Flags::INVISIBLE),
            29 => pen.flags.clear(Flags::STRIKE),
            30..=37 => pen.foreground = Colour::basic(digit(30)),
            39 => pen.foreground = Colour::DEFAULT,
            40..=47 => pen.background = Colour::basic(digit(40)),
            49 => pen.background = Colour::DEFAULT,
            53 => pen.flags.set(Flags::OVERLINE),
            55 => pen.flags.clear(Flags::OVERLINE),
            59 => self.set_underline_colour(Colour::DEFAULT),
            90..=97 => pen.foreground = Colour::basic(digit(90) + 8),
            100..=107 => pen.background = Colour::basic(digit(100) + 8),
            38 | 48 | 58 => {
                let (colour, taken) = extended_colour(csi, at);
                match (parameter, colour) {
                    (_, None) => {}
                    (38, Some(colour)) => pen.foreground = colour,
                    (48, Some(colour)) => pen.background = colour,
                    (_, Some(colour)) => self.set_underline_colour(colour),
                }
                return taken;
            }
            _ => {}
        }
        1
    }

    fn set_underline_colour(&mut self, underline: Colour) {
        let extra = self.tables.extra(self.pen.extra);
        if extra.underline != underline {
            let link = extra.link.clone();
            self.set_extra(Extra { underline, link });
        }
    }

    pub(super) fn set_extra(&mut self, extra: Extra) {
        if self.tables.are_full() {
            self.collect();
        }
        self.pen.extra = self.tables.add_extra(extra);
    }
}

/// The colour behind 38, 48 or 58, and how many parameters that took.
fn extended_colour(csi: &Csi, at: usize) -> (Option<Colour>, usize) {
    // Kind, colour space, and up to three values, as with colons; semicolons leave the space out.
    let mut parts = [0; 5];
    let mut subs = csi.subs_of(at).peekable();
    let taken = if subs.peek().is_some() {
        let mut place = 0;
        for sub in subs {
            if place == 1 && parts[0] == 5 {
                place = 2;
            }
            if let Some(part) = parts.get_mut(place) {
                *part = sub.unwrap_or(0);
            }
            place += 1;
        }
        1
    } else {
        let rest = csi.parameters().get(at + 1..).unwrap_or_default();
        let values = match rest.first() {
            Some(2) => 3,
            Some(5) => 1,
            _ => 4,
        };
        if let Some((kind, rest)) = rest.split_first() {
            parts[0] = *kind;
            for (part, value) in parts[2..].iter_mut().zip(rest.iter().take(values)) {
                *part = *value;
            }
        }
        2 + values.min(rest.len().saturating_sub(1))
    };
    let byte = |at: usize| (parts[at] & 0xff) as u8;
    let colour = match parts[0] {
        2 => Some(Colour::rgb(byte(2), byte(3), byte(4))),
        5 => Some(Colour::indexed(byte(2))),
        _ => None,
    };
    (colour, taken)
}

/// The sequence that selects a style, from whatever was selected before.
pub(super) fn write_style(out: &mut Vec<u8>, style: Style, underline: Colour) {
    let mut text = String::from("\x1b[0");
    let flags = [
        (Flags::BOLD, 1),
        (Flags::DIM, 2),
        (Flags::ITALIC, 3),
        (Flags::BLINK, 5),
        (Flags::INVERSE, 7),
        (Flags::INVISIBLE, 8),
        (Flags::STRIKE, 9),
        (Flags::OVERLINE, 53),
    ];
    for (flag, number) in flags {
        if style.flags.has(flag) {
            let _ = write!(text, ";{number}");
        }
    }
    match style.flags.underline() {
        0 => {}
        1 => text.push_str(";4"),
        other => {
            let _ = write!(text, ";4:{other}");
        }
    }
    write_colour(&mut text, style.foreground, 30, 38);
    write_colour(&mut text, style.background, 40, 48);
    write_colour(&mut text, underline, 0, 58);
    if text.len() == 3 {
        text.pop();
    }
    text.push('m');
    out.extend_from_slice(text.as_bytes());
}

fn write_colour(text: &mut String, colour: Colour, basic: u8, extended: u8) {
    let _ = match colour.kind() {
        ColourKind::Default => Ok(()),
        ColourKind::Basic(index @ 0..=7) => write!(text, ";{}", basic + index),
        ColourKind::Basic(index) => write!(text, ";{}", basic + 60 + (index & 7)),
        ColourKind::Indexed(index) => write!(text, ";{extended};5;{index}"),
        ColourKind::Rgb(red, green, blue) => write!(text, ";{extended};2;{red};{green};{blue}"),
    };
}
