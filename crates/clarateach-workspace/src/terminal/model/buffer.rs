//! One of a terminal's two screens: its rows, what scrolled out of it, its cursor, region and tabs.

use std::borrow::Cow;
use std::collections::VecDeque;

use super::cell::{Cell, Style};
use super::packed::PackedRow;
use super::row::Row;

const TAB_WIDTH: usize = 8;

/// What "save cursor" saves, apart from the character set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Saved {
    pub(super) x: usize,
    /// Moves up with its row, out of the screen too.
    pub(super) y: i64,
    pub(super) style: Style,
    /// Designator of the character set; 0 is ASCII.
    pub(super) charset: u8,
}

#[derive(Debug, Clone)]
pub(super) struct Buffer {
    pub(super) columns: usize,
    /// Rows that scrolled out, oldest first.
    pub(super) history: VecDeque<PackedRow>,
    pub(super) history_limit: usize,
    /// The visible rows.
    pub(super) rows: VecDeque<Row>,
    /// `columns` when the next character wraps.
    pub(super) x: usize,
    pub(super) y: usize,
    pub(super) saved: Saved,
    /// First and last row of the scroll region.
    pub(super) top: usize,
    pub(super) bottom: usize,
    /// By column.
    pub(super) tabs: Vec<bool>,
    /// Where rows are packed.
    scratch: Vec<u8>,
}

impl Buffer {
    pub(super) fn new(columns: usize, rows: usize, history_limit: usize) -> Self {
        Self {
            columns,
            history: VecDeque::new(),
            history_limit,
            rows: (0..rows).map(|_| Row::default()).collect(),
            x: 0,
            y: 0,
            saved: Saved::default(),
            top: 0,
            bottom: rows - 1,
            tabs: default_tabs(columns),
            scratch: Vec::new(),
        }
    }

    /// History and screen, oldest first.
    pub(super) fn all_rows(&self) -> impl Iterator<Item = Cow<'_, Row>> {
        let history = self.history.iter().map(|row| Cow::Owned(row.unpack()));
        history.chain(self.rows.iter().map(Cow::Borrowed))
    }

    /// The rows of the history, to be changed; `None` leaves one as it is.
    pub(super) fn change_history(&mut self, change: impl Fn(&PackedRow) -> Option<Row>) {
        for packed in &mut self.history {
            if let Some(row) = change(packed) {
                *packed = PackedRow::pack(&row, PackedRow::default(), &mut self.scratch);
            }
        }
    }

    /// All of them, history first; none is left.
    pub(super) fn take_rows(&mut self) -> Vec<Row> {
        let history = self.history.drain(..).map(|packed| packed.unpack());
        history.chain(self.rows.drain(..)).collect()
    }

    /// The rows from `base` on become the screen, those above it the history.
    pub(super) fn set_rows(&mut self, mut rows: Vec<Row>, base: usize) {
        self.rows = rows.split_off(base).into();
        let excess = rows.len().saturating_sub(self.history_limit);
        let scratch = &mut self.scratch;
        let pack = |row: Row| PackedRow::pack(&row, PackedRow::default(), scratch);
        self.history = rows.into_iter().skip(excess).map(pack).collect();
    }

    pub(super) fn height(&self) -> usize {
        self.rows.len()
    }

    pub(super) fn row(&mut self) -> &mut Row {
        &mut self.rows[self.y]
    }

    /// The region moves up by one row; from the top of the screen it goes into the history.
    pub(super) fn scroll(&mut self, fill: Cell, wrapped: bool) {
        let mut recycled = if self.top == 0 && self.history_limit > 0 {
            self.saved.y -= 1;
            let oldest = if self.history.len() >= self.history_limit {
                self.history.pop_front()
            } else {
                None
            };
            let first = self.rows.pop_front().unwrap_or_default();
            let done = oldest.unwrap_or_default();
            let packed = PackedRow::pack(&first, done, &mut self.scratch);
            self.history.push_back(packed);
            first
        } else {
            self.rows.remove(self.top).unwrap_or_default()
        };
        recycled.fill(fill, self.columns);
        recycled.wrapped = wrapped;
        self.rows.insert(self.bottom, recycled);
    }

    /// Rows from `at` to the region's end move down, blank ones come in.
    pub(super) fn insert_rows(&mut self, at: usize, count: usize, fill: Cell) {
        for _ in 0..count.min(self.bottom + 1 - at) {
            self.rows.remove(self.bottom);
            self.rows.insert(at, Row::filled(fill, self.columns));
        }
    }

    /// Rows from `at` go; those below in the region move up. Nothing enters the history.
    pub(super) fn delete_rows(&mut self, at: usize, count: usize, fill: Cell) {
        for _ in 0..count.min(self.bottom + 1 - at) {
            self.rows.remove(at);
            self.rows
                .insert(self.bottom, Row::filled(fill, self.columns));
        }
    }

    pub(super) fn next_tab(&self) -> usize {
        let last = self.columns - 1;
        (self.x + 1..last).find(|at| self.tabs[*at]).unwrap_or(last)
    }

    pub(super) fn previous_tab(&self) -> usize {
        let from = self.x.min(self.columns);
        (0..from).rev().find(|at| self.tabs[*at]).unwrap_or(0)
    }

    /// Tabs of new columns continue the last ones.
    pub(super) fn resize_tabs(&mut self, columns: usize) {
        let before = self.tabs.len().min(columns);
        let mut next = (0..before).rev().find(|at| self.tabs[*at]).unwrap_or(0);
        self.tabs.resize(columns, false);
        while next < columns {
            self.tabs[next] = true;
            next += TAB_WIDTH;
        }
    }

    /// As it was made, but for its size.
    pub(super) fn reset(&mut self) {
        *self = Self::new(self.columns, self.height(), self.history_limit);
    }
}

pub(super) fn default_tabs(columns: usize) -> Vec<bool> {
    (0..columns).map(|at| at % TAB_WIDTH == 0).collect()
}
