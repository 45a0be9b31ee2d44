//! Rows that scrolled out of the screen, packed: runs of cells of one style, and a byte a column where it is ASCII. A
//! full line takes about a tenth of its cells' memory.

use super::cell::{Cell, Colour, Flags, Style};
use super::row::Row;

/// What a run's first byte says: which parts of its style are not the default ones, and what its cells hold.
const HAS_FOREGROUND: u8 = 1;
const HAS_BACKGROUND: u8 = 1 << 1;
const HAS_FLAGS: u8 = 1 << 2;
const HAS_EXTRA: u8 = 1 << 3;
const TEXT_SHIFT: u8 = 4;

/// How the cells of a run are written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Text {
    /// Nothing is in them.
    Null = 0,
    /// A byte each.
    Ascii = 1,
    /// Four bytes each.
    Any = 2,
}

impl Text {
    fn of(cell: Cell) -> Self {
        match cell.content() {
            0 => Self::Null,
            0x20..0x7f => Self::Ascii,
            _ => Self::Any,
        }
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct PackedRow {
    runs: Box<[u8]>,
    wrapped: bool,
    /// It has entries in the screen's tables.
    refers: bool,
}

impl PackedRow {
    /// Packs a row, into the memory of one that is done with if that is of the same size. `scratch` spares
    /// allocations.
    pub(super) fn pack(row: &Row, done: Self, scratch: &mut Vec<u8>) -> Self {
        let cells = row.cells();
        let kept = cells.iter().rposition(|cell| *cell != Cell::BLANK);
        let mut rest = &cells[..kept.map_or(0, |last| last + 1)];
        let mut refers = false;
        scratch.clear();
        while let Some(first) = rest.first() {
            let (style, text) = (first.style, Text::of(*first));
            let same = |cell: &&Cell| cell.style == style && Text::of(**cell) == text;
            let (run, after) = rest.split_at(rest.iter().take_while(same).count());
            write_head(scratch, style, text, run.len());
            match text {
                Text::Null => {}
                Text::Ascii => scratch.extend(run.iter().map(|cell| cell.content() as u8)),
                Text::Any => {
                    refers |= run.iter().any(|cell| cell.cluster().is_some());
                    scratch.extend(run.iter().flat_map(|cell| cell.content().to_le_bytes()));
                }
            }
            refers |= style.extra != 0;
            rest = after;
        }
        let mut runs = done.runs;
        if runs.len() == scratch.len() {
            runs.copy_from_slice(scratch);
        } else {
            runs = scratch.as_slice().into();
        }
        let wrapped = row.wrapped;
        Self {
            runs,
            wrapped,
            refers,
        }
    }

    /// Whether any cell refers to the screen's tables.
    pub(super) fn refers(&self) -> bool {
        self.refers
    }

    pub(super) fn unpack(&self) -> Row {
        let mut cells = Vec::new();
        let mut reader = Reader(&self.runs);
        while !reader.0.is_empty() {
            let (style, text, count) = reader.head();
            let mut cell = |content| cells.push(Cell::of(content, style));
            match text {
                0 => (0..count).for_each(|_| cell(0)),
                1 => reader
                    .take(count)
                    .iter()
                    .for_each(|byte| cell(u32::from(*byte))),
                _ => (0..count).for_each(|_| cell(reader.long())),
            }
        }
        Row::of(cells, self.wrapped)
    }
}

fn write_head(out: &mut Vec<u8>, style: Style, text: Text, count: usize) {
    let has = |bit, there: bool| if there { bit } else { 0 };
    let head = has(HAS_FOREGROUND, style.foreground != Colour::DEFAULT)
        | has(HAS_BACKGROUND, style.background != Colour::DEFAULT)
        | has(HAS_FLAGS, style.flags != Flags::default())
        | has(HAS_EXTRA, style.extra != 0)
        | (text as u8) << TEXT_SHIFT;
    // A terminal has at most 65,535 columns.
    let [low, high, ..] = count.to_le_bytes();
    out.extend_from_slice(&[head, low, high]);
    if head & HAS_FOREGROUND != 0 {
        out.extend_from_slice(&style.foreground.bits().to_le_bytes());
    }
    if head & HAS_BACKGROUND != 0 {
        out.extend_from_slice(&style.background.bits().to_le_bytes());
    }
    if head & HAS_FLAGS != 0 {
        out.extend_from_slice(&style.flags.bits().to_le_bytes());
    }
    if head & HAS_EXTRA != 0 {
        out.extend_from_slice(&style.extra.to_le_bytes());
    }
}

/// Takes apart what `pack` wrote.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(count);
        self.0 = rest;
        taken
    }

    fn array<const N: usize>(&mut self) -> [u8; N] {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N));
        array
    }

    fn short(&mut self) -> u16 {
        u16::from_le_bytes(self.array())
    }

    fn long(&mut self) -> u32 {
        u32::from_le_bytes(self.array())
    }

    /// Style, kind of text, and how many cells.
    fn head(&mut self) -> (Style, u8, usize) {
        let [head] = self.array();
        let count = usize::from(self.short());
        let mut style = Style::default();
        if head & HAS_FOREGROUND != 0 {
            style.foreground = Colour::from_bits(self.long());
        }
        if head & HAS_BACKGROUND != 0 {
            style.background = Colour::from_bits(self.long());
        }
        if head & HAS_FLAGS != 0 {
            style.flags = Flags::from_bits(self.short());
        }
        if head & HAS_EXTRA != 0 {
            style.extra = self.short();
        }
        (style, head >> TEXT_SHIFT, count)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::cell::Kind;
    use super::*;

    fn style() -> impl Strategy<Value = Style> {
        let colour = prop_oneof![
            3 => Just(Colour::DEFAULT),
            1 => (0u8..16).prop_map(Colour::basic),
            1 => any::<(u8, u8, u8)>().prop_map(|(r, g, b)| Colour::rgb(r, g, b)),
        ];
        let flags = prop_oneof![Just(0), any::<u16>()];
        let extra = prop_oneof![3 => Just(0), 1 => any::<u16>()];
        (colour.clone(), colour, flags, extra).prop_map(|(foreground, background, flags, extra)| {
            let flags = Flags::from_bits(flags);
            Style {
                foreground,
                background,
                flags,
                extra,
            }
        })
    }

    fn run() -> impl Strategy<Value = Vec<Cell>> {
        let character = prop_oneof![(b' '..=b'~').prop_map(char::from), Just('é'), Just('界')];
        let cells = move |(style, character, count, what): (Style, char, usize, u8)| match what {
            0 => vec![Cell::erased(style); count],
            1 => vec![Cell::new(character, Kind::Wide, style), Cell::tail(style)],
            2 => {
                let mut cell = Cell::new(character, Kind::Single, style);
                cell.set_cluster(count as u32);
                vec![cell]
            }
            _ => vec![Cell::new(character, Kind::Single, style); count],
        };
        (style(), character, 1usize..30, 0u8..6).prop_map(cells)
    }

    proptest! {
        #[test]
        fn a_row_comes_out_as_it_went_in(
            rows in prop::collection::vec((prop::collection::vec(run(), 0..8), any::<bool>()), 1..6),
        ) {
            let mut scratch = Vec::new();
            let mut done = PackedRow::default();
            for (runs, wrapped) in rows {
                let mut row = Row::of(runs.concat(), wrapped);
                let packed = PackedRow::pack(&row, done, &mut scratch);
                let refers = |cell: &Cell| cell.style.extra != 0 || cell.cluster().is_some();
                prop_assert_eq!(packed.refers(), row.cells().iter().any(refers));
                row.trim();
                prop_assert_eq!(&packed.unpack(), &row);
                done = packed;
            }
        }
    }

    #[test]
    fn a_full_line_takes_little() {
        let red = Style {
            foreground: Colour::basic(1),
            ..Style::default()
        };
        let cell =
            |style, at: usize| Cell::new(char::from(b'a' + (at % 26) as u8), Kind::Single, style);
        let plain = Row::of(
            (0..120).map(|at| cell(Style::default(), at)).collect(),
            false,
        );
        let coloured = |at: usize| cell(if at % 40 < 20 { red } else { Style::default() }, at);
        let coloured = Row::of((0..120).map(coloured).collect(), false);
        let size = |row| {
            PackedRow::pack(row, PackedRow::default(), &mut Vec::new())
                .runs
                .len()
        };
        assert_eq!((size(&plain), size(&coloured)), (123, 150));
    }
}
