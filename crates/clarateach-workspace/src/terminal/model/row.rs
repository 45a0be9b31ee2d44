//! A row of cells. What is right of the last cell kept is blank, so empty rows cost nothing.

use super::cell::{Cell, Kind};

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Row {
    cells: Vec<Cell>,
    /// It goes on where the row above ended: one line for reflow and copying.
    pub(super) wrapped: bool,
}

impl Row {
    /// A row that scrolled in: blank, or of one background.
    pub(super) fn filled(fill: Cell, columns: usize) -> Self {
        let mut row = Self::default();
        row.fill(fill, columns);
        row
    }

    pub(super) fn of(cells: Vec<Cell>, wrapped: bool) -> Self {
        Self { cells, wrapped }
    }

    pub(super) fn cell(&self, column: usize) -> Cell {
        self.cells.get(column).copied().unwrap_or(Cell::BLANK)
    }

    /// Up to the last cell that is kept.
    pub(super) fn cells(&self) -> &[Cell] {
        &self.cells
    }

    pub(super) fn cells_mut(&mut self) -> &mut [Cell] {
        &mut self.cells
    }

    pub(super) fn set(&mut self, column: usize, cell: Cell, columns: usize) {
        if column >= columns {
            return;
        }
        if column >= self.cells.len() {
            self.cells.resize(column + 1, Cell::BLANK);
        }
        self.cells[column] = cell;
    }

    /// Room for a run of cells that are about to be written.
    pub(super) fn span(&mut self, from: usize, to: usize) -> &mut [Cell] {
        if to > self.cells.len() {
            self.cells.resize(to, Cell::BLANK);
        }
        &mut self.cells[from..to]
    }

    pub(super) fn fill(&mut self, fill: Cell, columns: usize) {
        self.cells.clear();
        if fill != Cell::BLANK {
            self.cells.resize(columns, fill);
        }
        self.wrapped = false;
    }

    /// Erases `from..to`; half of a wide character that is left goes as well.
    pub(super) fn erase(&mut self, from: usize, to: usize, fill: Cell, columns: usize) {
        let to = to.min(columns);
        if from > 0 && self.cell(from - 1).kind() == Kind::Wide {
            self.set(from - 1, fill, columns);
        }
        if to > 0 && to < columns && self.cell(to - 1).kind() == Kind::Wide {
            self.set(to, fill, columns);
        }
        if fill == Cell::BLANK && to >= self.cells.len() {
            self.cells.truncate(from);
        } else if from < to {
            self.span(from, to).fill(fill);
        }
    }

    /// The right half of a character whose left half went. xterm.js keeps it, invisible, and nothing could draw it.
    pub(super) fn blank_half(&mut self, column: usize, columns: usize) {
        self.set(column, Cell::erased(self.cell(column).style), columns);
    }

    /// Moves cells right to make room; what goes over the edge is lost.
    pub(super) fn insert(&mut self, at: usize, count: usize, fill: Cell, columns: usize) {
        let at = at % columns;
        let count = count.min(columns - at);
        if at > 0 && self.cell(at - 1).kind() == Kind::Wide {
            self.set(at - 1, fill, columns);
            self.blank_half(at, columns);
        }
        let cells = self.span(0, columns);
        cells.copy_within(at..columns - count, at + count);
        cells[at..at + count].fill(fill);
        if cells[columns - 1].kind() == Kind::Wide {
            cells[columns - 1] = fill;
        }
        self.trim();
    }

    /// Removes cells; those to the right follow.
    pub(super) fn delete(&mut self, at: usize, count: usize, fill: Cell, columns: usize) {
        let at = at % columns;
        let count = count.min(columns - at);
        let cells = self.span(0, columns);
        cells.copy_within(at + count..columns, at);
        cells[columns - count..].fill(fill);
        if at > 0 && cells[at - 1].kind() == Kind::Wide {
            cells[at - 1] = fill;
        }
        if cells[at].kind() == Kind::Tail {
            cells[at] = fill;
        }
        self.trim();
    }

    /// Columns up to the last one with a character.
    pub(super) fn length(&self) -> usize {
        let last = self.cells.iter().rposition(|cell| cell.has_content());
        last.map_or(0, |at| match self.cells[at].kind() {
            Kind::Wide => at + 2,
            _ => at + 1,
        })
    }

    pub(super) fn truncate(&mut self, columns: usize) {
        self.cells.truncate(columns);
    }

    /// Lets go of blank cells at the end.
    pub(super) fn trim(&mut self) {
        let kept = self.cells.iter().rposition(|cell| *cell != Cell::BLANK);
        self.cells.truncate(kept.map_or(0, |at| at + 1));
    }
}
