//! Erasing, inserting and deleting.

use super::buffer::Buffer;
use super::cell::{Cell, Kind};
use super::row::Row;
use super::screen::Screen;

impl Screen {
    pub(super) fn erase_in_line(&mut self, what: u32) {
        self.restrict(self.columns);
        let (columns, fill) = (self.columns, self.fill());
        let buffer = self.buffer();
        let x = buffer.x;
        let row = buffer.row();
        match what {
            0 => {
                row.erase(x, columns, fill, columns);
                row.wrapped &= x > 0;
            }
            1 => row.erase(0, x + 1, fill, columns),
            2 => {
                row.erase(0, columns, fill, columns);
                row.wrapped = false;
            }
            _ => {}
        }
    }

    pub(super) fn erase_in_display(&mut self, what: u32) {
        self.restrict(self.columns);
        let (columns, fill) = (self.columns, self.fill());
        let buffer = self.buffer();
        let (x, y) = (buffer.x, buffer.y);
        let whole = match what {
            0 => {
                self.erase_in_line(0);
                y + 1..self.height
            }
            1 => {
                let row = buffer.row();
                row.erase(0, x + 1, fill, columns);
                row.wrapped = false;
                if x + 1 >= columns
                    && let Some(next) = buffer.rows.get_mut(y + 1)
                {
                    next.wrapped = false;
                }
                0..y
            }
            2 => 0..self.height,
            3 => {
                // Its memory goes, too.
                buffer.history = std::collections::VecDeque::new();
                0..0
            }
            _ => 0..0,
        };
        for row in self.buffer().rows.range_mut(whole) {
            row.fill(fill, columns);
        }
    }

    pub(super) fn erase_characters(&mut self, count: usize) {
        self.restrict_to_screen();
        let (columns, fill) = (self.columns, self.fill());
        let buffer = self.buffer();
        let x = buffer.x;
        let end = x.saturating_add(count);
        buffer.row().erase(x, end, fill, columns);
    }

    pub(super) fn insert_characters(&mut self, count: usize) {
        self.restrict_to_screen();
        let (columns, fill) = (self.columns, self.fill());
        let buffer = self.buffer();
        let x = buffer.x;
        buffer.row().insert(x, count, fill, columns);
    }

    pub(super) fn delete_characters(&mut self, count: usize) {
        self.restrict_to_screen();
        let (columns, fill) = (self.columns, self.fill());
        let buffer = self.buffer();
        let x = buffer.x;
        buffer.row().delete(x, count, fill, columns);
    }

    /// The region that the cursor is in, from its row on: for whole lines.
    pub(super) fn edit_lines(&mut self, edit: impl FnOnce(&mut Buffer, Cell)) {
        self.restrict_to_screen();
        let fill = self.fill();
        let buffer = self.buffer();
        if (buffer.top..=buffer.bottom).contains(&buffer.y) {
            edit(buffer, fill);
            buffer.x = 0;
        }
    }

    /// Every row of the region, while the cursor is in it: for whole columns.
    pub(super) fn edit_columns(&mut self, edit: impl Fn(&mut Row, Cell, usize)) {
        let (columns, fill) = (self.columns, self.fill());
        let buffer = self.buffer();
        let (top, bottom) = (buffer.top, buffer.bottom);
        if (top..=bottom).contains(&buffer.y) {
            for row in buffer.rows.range_mut(top..=bottom) {
                edit(row, fill, columns);
                row.wrapped = false;
            }
        }
    }

    /// DEC's test picture.
    pub(super) fn align(&mut self) {
        self.go_to(0, 0);
        let (columns, pen) = (self.columns, self.pen);
        let from = self.active().y;
        for row in self.buffer().rows.range_mut(from..) {
            row.fill(Cell::new('E', Kind::Single, pen), columns);
        }
        self.go_to(0, 0);
    }

    pub(super) fn set_region(&mut self, top: usize, bottom: usize) {
        let bottom = if bottom == 0 || bottom > self.height {
            self.height
        } else {
            bottom
        };
        let top = top.max(1);
        if bottom > top {
            let buffer = self.buffer();
            (buffer.top, buffer.bottom) = (top - 1, bottom - 1);
            self.go_to(0, 0);
        }
    }
}
