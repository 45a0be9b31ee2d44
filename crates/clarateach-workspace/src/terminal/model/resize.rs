//! A screen of another size: rows come back from the history or go into it, and lines that wrapped are wrapped
//! anew. As xterm.js does it, the line with the cursor is left to its program.

use super::buffer::Buffer;
use super::cell::{Cell, Kind};
use super::row::Row;
use super::screen::{Screen, history_limit};

impl Screen {
    pub(super) fn resize(&mut self, columns: usize, height: usize) {
        if (columns, height) == (self.columns, self.height) {
            return;
        }
        self.primary.history_limit = history_limit(columns);
        for buffer in [&mut self.primary, &mut self.alternate] {
            buffer.resize(columns, height);
        }
        (self.columns, self.height) = (columns, height);
        // The character before may be anywhere now.
        self.preceding = None;
    }
}

/// All rows, where the screen begins among them, and the cursor's row in the screen.
struct Lines {
    rows: Vec<Row>,
    base: usize,
    y: usize,
}

impl Buffer {
    fn resize(&mut self, columns: usize, height: usize) {
        let reflows = self.history_limit > 0;
        let mut lines = Lines {
            base: self.history.len(),
            rows: self.take_rows(),
            y: self.y,
        };
        lines.change_height(height);
        self.x = self.x.min(columns - 1);
        self.saved.x = self.saved.x.min(columns - 1);
        if reflows && columns != self.columns {
            let change = if columns > self.columns {
                lines.widen(self.columns, columns, height)
            } else {
                lines.narrow(self.columns, columns, height)
            };
            self.saved.y = (self.saved.y + change).max(0);
        }
        for row in &mut lines.rows {
            row.truncate(columns);
            if row.cell(columns - 1).kind() == Kind::Wide {
                row.set(columns - 1, Cell::BLANK, columns);
            }
        }
        self.take_lines(lines, height);
        self.columns = columns;
        (self.top, self.bottom) = (0, height - 1);
        self.resize_tabs(columns);
    }

    fn take_lines(&mut self, lines: Lines, height: usize) {
        let Lines { rows, base, y } = lines;
        let base = base.clamp(rows.len().saturating_sub(height), rows.len());
        self.set_rows(rows, base);
        self.rows.resize_with(height, Row::default);
        self.y = y.min(height - 1);
    }
}

impl Lines {
    fn change_height(&mut self, height: usize) {
        let before = self.rows.len() - self.base;
        let mut came_back = 0;
        for _ in before..height {
            if self.base > 0 && self.rows.len() <= self.base + self.y + came_back + 1 {
                self.base -= 1;
                came_back += 1;
            } else {
                self.rows.push(Row::default());
            }
        }
        for _ in height..before {
            if self.rows.len() > self.base + self.y + 1 {
                self.rows.pop();
            } else {
                self.base += 1;
            }
        }
        self.y = self.y.min(height - 1) + came_back;
    }

    /// The first row behind the line that begins at `from`.
    fn end_of_line(&self, from: usize) -> usize {
        let rest = self.rows[from + 1..].iter();
        from + 1 + rest.take_while(|row| row.wrapped).count()
    }

    /// Joins what was wrapped at fewer columns; how far the rows below moved.
    fn widen(&mut self, old: usize, columns: usize, height: usize) -> i64 {
        let cursor = self.base + self.y;
        let mut joined = Vec::with_capacity(self.rows.len());
        let mut removed = 0;
        let mut from = 0;
        while from < self.rows.len() {
            let end = self.end_of_line(from);
            let group = &self.rows[from..end];
            if group.len() == 1 || (from..end).contains(&cursor) {
                joined.extend_from_slice(group);
            } else {
                let mut rows = wrap_at(line_of(group, old), columns);
                rows[0].wrapped = group[0].wrapped;
                removed += group.len().saturating_sub(rows.len());
                joined.extend(rows);
            }
            from = end;
        }
        self.rows = joined;
        for _ in 0..removed {
            if self.base > 0 {
                self.base -= 1;
            } else {
                self.y = self.y.saturating_sub(1);
                if self.rows.len() < height {
                    self.rows.push(Row::default());
                }
            }
        }
        -i64::try_from(removed).unwrap_or(0)
    }

    /// Wraps what is too long for fewer columns; how far the rows below moved.
    fn narrow(&mut self, old: usize, columns: usize, height: usize) -> i64 {
        let cursor = self.base + self.y;
        let mut groups = Vec::new();
        let mut from = 0;
        while from < self.rows.len() {
            let end = self.end_of_line(from);
            groups.push(from..end);
            from = end;
        }
        // From the bottom up: blank rows there make room.
        let mut reversed: Vec<Row> = Vec::with_capacity(self.rows.len());
        let mut added_in_all = 0;
        for group in groups.into_iter().rev() {
            let rows = &self.rows[group.clone()];
            let fits = rows.len() == 1 && rows[0].length() <= columns;
            if fits || group.contains(&cursor) {
                reversed.extend(rows.iter().rev().cloned());
                continue;
            }
            let mut wrapped = wrap_at(line_of(rows, old), columns);
            wrapped[0].wrapped = rows[0].wrapped;
            let added = wrapped.len().saturating_sub(rows.len());
            added_in_all += added;
            reversed.extend(wrapped.into_iter().rev());
            for _ in 0..added {
                if self.base == 0 && self.y + 1 < height {
                    self.y += 1;
                    reversed.remove(0);
                } else {
                    self.base += 1;
                }
            }
        }
        reversed.reverse();
        self.rows = reversed;
        i64::try_from(added_in_all).unwrap_or(0)
    }
}

/// The cells of a line that was wrapped at `columns`.
fn line_of(group: &[Row], columns: usize) -> Vec<Cell> {
    let mut line = Vec::new();
    for (at, row) in group.iter().enumerate() {
        let length = match group.get(at + 1) {
            None => row.length(),
            // The gap that a wide character left.
            Some(next) if row.cell(columns - 1).is_null() && next.cell(0).kind() == Kind::Wide => {
                columns - 1
            }
            Some(_) => columns,
        };
        line.extend((0..length).map(|column| row.cell(column)));
    }
    line
}

/// At least one row.
fn wrap_at(line: Vec<Cell>, columns: usize) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut rest = &line[..];
    loop {
        let mut length = rest.len().min(columns);
        if length == columns && rest[length - 1].kind() == Kind::Wide {
            length -= 1;
        }
        let (row, after) = rest.split_at(length);
        let mut row = Row::of(row.to_vec(), !rows.is_empty());
        row.trim();
        rows.push(row);
        rest = after;
        if rest.is_empty() || length == 0 {
            return rows;
        }
    }
}
