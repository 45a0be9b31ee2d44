//! One cell of a screen: a character with its style, 16 bytes.

/// A colour as programs name it: which palette counts, since the emulator draws them differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub(super) struct Colour(u32);

const BASIC: u32 = 1 << 24;
const INDEXED: u32 = 2 << 24;
const RGB: u32 = 3 << 24;

/// What a [`Colour`] holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ColourKind {
    Default,
    /// One of the sixteen by SGR 30–37, 90–97 and their backgrounds.
    Basic(u8),
    /// One of 256.
    Indexed(u8),
    Rgb(u8, u8, u8),
}

impl Colour {
    pub(super) const DEFAULT: Self = Self(0);

    pub(super) fn basic(index: u8) -> Self {
        Self(BASIC | u32::from(index))
    }

    pub(super) fn indexed(index: u8) -> Self {
        Self(INDEXED | u32::from(index))
    }

    pub(super) fn rgb(red: u8, green: u8, blue: u8) -> Self {
        Self(RGB | u32::from_be_bytes([0, red, green, blue]))
    }

    /// As it is kept.
    pub(super) fn bits(self) -> u32 {
        self.0
    }

    /// From [`Self::bits`].
    pub(super) fn from_bits(bits: u32) -> Self {
        Self(bits)
    }

    pub(super) fn kind(self) -> ColourKind {
        let [tag, red, green, blue] = self.0.to_be_bytes();
        match tag {
            0 => ColourKind::Default,
            1 => ColourKind::Basic(blue),
            2 => ColourKind::Indexed(blue),
            _ => ColourKind::Rgb(red, green, blue),
        }
    }
}

/// How a character is drawn, the underline's style included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Flags(u16);

impl Flags {
    pub(super) const BOLD: u16 = 1;
    pub(super) const DIM: u16 = 1 << 1;
    pub(super) const ITALIC: u16 = 1 << 2;
    pub(super) const BLINK: u16 = 1 << 3;
    pub(super) const INVERSE: u16 = 1 << 4;
    pub(super) const INVISIBLE: u16 = 1 << 5;
    pub(super) const STRIKE: u16 = 1 << 6;
    pub(super) const OVERLINE: u16 = 1 << 7;
    /// Three bits: 0 none, 1 single, 2 double, 3 curly, 4 dotted, 5 dashed.
    const UNDERLINE_SHIFT: u16 = 8;

    /// As they are kept.
    pub(super) fn bits(self) -> u16 {
        self.0
    }

    /// From [`Self::bits`].
    pub(super) fn from_bits(bits: u16) -> Self {
        Self(bits)
    }

    pub(super) fn set(&mut self, flag: u16) {
        self.0 |= flag;
    }

    pub(super) fn clear(&mut self, flags: u16) {
        self.0 &= !flags;
    }

    pub(super) fn has(self, flag: u16) -> bool {
        self.0 & flag != 0
    }

    pub(super) fn underline(self) -> u16 {
        self.0 >> Self::UNDERLINE_SHIFT
    }

    pub(super) fn set_underline(&mut self, style: u16) {
        self.0 = (self.0 & ((1 << Self::UNDERLINE_SHIFT) - 1)) | (style << Self::UNDERLINE_SHIFT);
    }
}

/// Everything about a cell but its character.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Style {
    pub(super) foreground: Colour,
    pub(super) background: Colour,
    pub(super) flags: Flags,
    /// Index of an underline colour and a link in the screen's table; 0 has neither.
    pub(super) extra: u16,
}

impl Style {
    /// What erasing leaves behind: the background alone.
    pub(super) fn erased(self) -> Self {
        Self {
            background: self.background,
            ..Self::default()
        }
    }

    /// Where there is no character, only the background shows.
    pub(super) fn shows_only_background(self) -> bool {
        let shown = Flags::INVERSE | Flags::STRIKE | Flags::OVERLINE;
        !self.flags.has(shown) && self.flags.underline() == 0
    }
}

/// How many columns a cell stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Single,
    /// The left half of a character of two columns.
    Wide,
    /// The right half of one.
    Tail,
    /// A combining character that follows no other.
    Alone,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Cell {
    /// Code point, or the index of a cluster; 0 is nothing.
    content: u32,
    pub(super) style: Style,
}

const KIND_SHIFT: u32 = 29;
const CLUSTER: u32 = 1 << 28;
const VALUE_MASK: u32 = CLUSTER - 1;

impl Cell {
    /// What was never written, or erased with the default background.
    pub(super) const BLANK: Self = Self {
        content: 0,
        style: Style {
            foreground: Colour::DEFAULT,
            background: Colour::DEFAULT,
            flags: Flags(0),
            extra: 0,
        },
    };

    pub(super) fn new(character: char, kind: Kind, style: Style) -> Self {
        Self {
            content: u32::from(character) | (kind as u32) << KIND_SHIFT,
            style,
        }
    }

    pub(super) fn erased(style: Style) -> Self {
        Self { content: 0, style }
    }

    /// All but its style, as it is kept: below 0x7f it is that ASCII character, and 0 is nothing.
    pub(super) fn content(self) -> u32 {
        self.content
    }

    /// From [`Self::content`].
    pub(super) fn of(content: u32, style: Style) -> Self {
        Self { content, style }
    }

    pub(super) fn tail(style: Style) -> Self {
        Self {
            content: (Kind::Tail as u32) << KIND_SHIFT,
            style,
        }
    }

    pub(super) fn kind(self) -> Kind {
        match self.content >> KIND_SHIFT {
            0 => Kind::Single,
            1 => Kind::Wide,
            2 => Kind::Tail,
            _ => Kind::Alone,
        }
    }

    pub(super) fn has_content(self) -> bool {
        self.content & (VALUE_MASK | CLUSTER) != 0
    }

    /// Nothing is in it, though it may have a background.
    pub(super) fn is_null(self) -> bool {
        self.content == 0
    }

    pub(super) fn cluster(self) -> Option<u32> {
        (self.content & CLUSTER != 0).then_some(self.content & VALUE_MASK)
    }

    pub(super) fn set_cluster(&mut self, index: u32) {
        self.content = (self.content & !VALUE_MASK) | CLUSTER | index;
    }

    /// The character, unless it is a cluster or nothing.
    pub(super) fn character(self) -> Option<char> {
        if self.content & CLUSTER != 0 || self.content & VALUE_MASK == 0 {
            return None;
        }
        char::from_u32(self.content & VALUE_MASK)
    }
}

/// Columns of a character: 0 for what combines with the one before.
pub(super) fn width(character: char) -> usize {
    match character {
        ' '..='~' => 1,
        _ => unicode_width::UnicodeWidthChar::width(character).unwrap_or(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_sixteen_bytes_and_keeps_what_it_got() {
        assert_eq!(size_of::<Cell>(), 16);
        let mut cell = Cell::new('界', Kind::Wide, Style::default());
        assert_eq!((cell.character(), cell.kind()), (Some('界'), Kind::Wide));
        cell.set_cluster(77);
        assert_eq!((cell.cluster(), cell.kind()), (Some(77), Kind::Wide));
        assert!(Cell::tail(Style::default()) != Cell::BLANK);
        let colour = Colour::rgb(1, 2, 3);
        assert_eq!(colour.kind(), ColourKind::Rgb(1, 2, 3));
        let mut flags = Flags::default();
        flags.set(Flags::OVERLINE);
        flags.set_underline(5);
        assert!(flags.has(Flags::OVERLINE) && flags.underline() == 5);
    }
}
