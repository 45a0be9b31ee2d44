//! What a run says: tables on standard output, JSON in a file.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Map, Value};

pub(crate) struct Report {
    name: &'static str,
    tables: Vec<Table>,
    notes: Vec<String>,
    values: Map<String, Value>,
}

impl Report {
    pub(crate) fn new(name: &'static str) -> Self {
        let mut values = Map::new();
        values.insert("bench".to_owned(), Value::from(name));
        Self {
            name,
            tables: Vec::new(),
            notes: Vec::new(),
            values,
        }
    }

    pub(crate) fn add(&mut self, table: Table) {
        self.tables.push(table);
    }

    pub(crate) fn note(&mut self, text: &str) {
        self.notes.push(text.to_owned());
    }

    pub(crate) fn set(&mut self, key: &str, value: Value) {
        self.values.insert(key.to_owned(), value);
    }

    /// Prints it; writes `<name>.json` into the folder if there is one.
    pub(crate) fn finish(self, folder: Option<&Path>) -> Result<()> {
        for table in &self.tables {
            println!("{}", table.text());
        }
        for note in &self.notes {
            println!("{note}");
        }
        for key in ["machine", "versions"] {
            println!("{key}: {}", self.values[key]);
        }
        let Some(folder) = folder else {
            return Ok(());
        };
        let path = folder.join(format!("{}.json", self.name));
        let text = serde_json::to_string_pretty(&self.values)? + "\n";
        fs::create_dir_all(folder)?;
        fs::write(&path, text).with_context(|| format!("writing {}", path.display()))
    }
}

/// A table in Markdown, to be read and to be pasted.
pub(crate) struct Table {
    title: String,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new(title: &str, heads: &[&str]) -> Self {
        Self {
            title: title.to_owned(),
            rows: vec![heads.iter().map(|head| (*head).to_owned()).collect()],
        }
    }

    pub(crate) fn row(&mut self, cells: &[String]) {
        debug_assert_eq!(
            Some(cells.len()),
            self.rows.first().map(Vec::len),
            "a cell a head"
        );
        self.rows.push(cells.to_vec());
    }

    fn text(&self) -> String {
        let columns = self.rows.first().map_or(0, Vec::len);
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let mut text = format!("\n{}\n\n", self.title);
        for (index, row) in self.rows.iter().enumerate() {
            let cells = row.iter().zip(&widths).map(|(cell, width)| {
                let space = " ".repeat(width - cell.chars().count());
                format!("| {cell}{space} ")
            });
            text.extend(cells);
            text.push_str("|\n");
            if index == 0 {
                text.extend(
                    widths
                        .iter()
                        .map(|width| format!("|{}", "-".repeat(width + 2))),
                );
                text.push_str("|\n");
            }
        }
        text
    }
}

/// Ends the process after this time: what hangs must not hang for ever.
pub(crate) fn end_after(limit: Duration) {
    std::thread::spawn(move || {
        let until = std::time::Instant::now() + limit;
        while let Some(rest) = until.checked_duration_since(std::time::Instant::now()) {
            std::thread::park_timeout(rest);
        }
        eprintln!("not done after {} s: something hangs", limit.as_secs());
        std::process::exit(1);
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_markdown_with_even_columns() {
        let mut table = Table::new("title", &["", "µs"]);
        table.row(&["raw".to_owned(), "6".to_owned()]);
        assert_eq!(
            table.text(),
            "\ntitle\n\n|     | µs |\n|-----|----|\n| raw | 6  |\n"
        );
    }
}
