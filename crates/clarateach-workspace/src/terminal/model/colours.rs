//! Colours by their place in the palette: how they are written, and what they are before a program changes them.

/// Behind the 256 of the palette.
pub(super) const FOREGROUND: u16 = 256;
pub(super) const BACKGROUND: u16 = 257;
pub(super) const CURSOR: u16 = 258;

/// The page's theme (`web/src/modules/terminal/emulator.ts`): the sixteen basic colours, foreground, background, cursor.
const THEME: [u32; 19] = [
    0x2a323a, 0xf2777a, 0x8fd19e, 0xf0c674, 0x82b1ff, 0xd3a4f9, 0x63d3d0, 0xdde4ea, 0x8594a1,
    0xff9a9c, 0xb1e8bc, 0xffdd94, 0xa9c9ff, 0xe5c5ff, 0x8fece8, 0xffffff, 0xdde4ea, 0x11161b,
    0x4fd1bf,
];

/// What the page draws: its theme's colours, then xterm's cube of 216 and 24 greys.
pub(super) fn default_colour(slot: u16) -> [u8; 3] {
    let step = |at: u16| if at == 0 { 0 } else { 55 + 40 * at as u8 };
    let of_theme = |at: u16| {
        let [_, red, green, blue] = THEME[usize::from(at)].to_be_bytes();
        [red, green, blue]
    };
    match slot {
        0..16 => of_theme(slot),
        16..232 => {
            let at = slot - 16;
            [step(at / 36), step(at / 6 % 6), step(at % 6)]
        }
        232..FOREGROUND => [8 + 10 * (slot - 232) as u8; 3],
        _ => of_theme((slot - FOREGROUND).min(2) + 16),
    }
}

/// `rgb:r/g/b` with one to four hexadecimal digits each, or `#` with three, six, nine or twelve (XParseColor).
pub(super) fn parse_colour(text: &str) -> Option<[u8; 3]> {
    let mut single = 17;
    let channels: Vec<&str> = if let Some(channels) = text.strip_prefix("rgb:") {
        channels.split('/').collect()
    } else {
        let digits = text.strip_prefix('#').filter(|digits| digits.is_ascii())?;
        if digits.is_empty() || digits.len() > 12 || digits.len() % 3 != 0 {
            return None;
        }
        single = 16;
        let third = digits.len() / 3;
        let channel = |at: usize| digits.get(at * third..(at + 1) * third);
        (0..3).filter_map(channel).collect()
    };
    let [red, green, blue] = channels[..] else {
        return None;
    };
    let channel = |digits: &str| {
        let value = u32::from_str_radix(digits, 16).ok()?;
        let scaled = match digits.len() {
            1 => value * single,
            2 => value,
            3 => value >> 4,
            4 => value >> 8,
            _ => return None,
        };
        u8::try_from(scaled).ok()
    };
    Some([channel(red)?, channel(green)?, channel(blue)?])
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn the_theme_is_the_pages() {
        let page = Path::new(env!("CARGO_MANIFEST_DIR"));
        let page = page.join("../../web/src/modules/terminal/emulator.ts");
        let page = std::fs::read_to_string(page).unwrap();
        let names = [
            "black",
            "red",
            "green",
            "yellow",
            "blue",
            "magenta",
            "cyan",
            "white",
            "brightBlack",
            "brightRed",
            "brightGreen",
            "brightYellow",
            "brightBlue",
            "brightMagenta",
            "brightCyan",
            "brightWhite",
            "foreground",
            "background",
            "cursor",
        ];
        for (name, colour) in names.into_iter().zip(THEME) {
            let line = format!("  {name}: '#{colour:06x}',");
            assert!(page.contains(&line), "{line}");
        }
    }

    #[test]
    fn the_rest_is_xterms() {
        assert_eq!(default_colour(16), [0, 0, 0]);
        assert_eq!(default_colour(17), [0, 0, 0x5f]);
        assert_eq!(default_colour(231), [0xff, 0xff, 0xff]);
        assert_eq!(
            (default_colour(232), default_colour(255)),
            ([8; 3], [0xee; 3])
        );
    }
}
