//! What commands print: a table for people, or one JSON document for scripts.

use serde_json::Value;

use super::print_out;

/// How to print.
#[derive(clap::Args)]
pub(super) struct Output {
    /// Print one JSON document
    #[arg(long, global = true)]
    pub(super) json: bool,
}

impl Output {
    /// Prints the server's answer, or what people want to see of it.
    pub(super) fn print(&self, answer: &Value, for_people: impl FnOnce() -> String) {
        if self.json {
            print_out(&format!("{answer:#}"));
        } else {
            print_out(for_people().trim_end());
        }
    }
}

/// Columns under their heads, as wide as what is in them.
pub(super) fn table<const N: usize>(heads: [&str; N], rows: &[[String; N]]) -> String {
    let rows: Vec<[String; N]> = std::iter::once(heads.map(ToOwned::to_owned))
        .chain(
            rows.iter()
                .map(|row| row.each_ref().map(|cell| plain(cell))),
        )
        .collect();
    let width = |column: usize| {
        rows.iter()
            .map(|row| row[column].chars().count())
            .max()
            .unwrap_or(0)
    };
    let widths: [usize; N] = std::array::from_fn(width);
    rows.iter()
        .map(|row| {
            let cells: Vec<String> = row
                .iter()
                .zip(widths)
                .map(|(cell, width)| format!("{cell:<width$}"))
                .collect();
            format!("{}\n", cells.join("  ").trim_end())
        })
        .collect()
}

/// Text without what a terminal would obey.
pub(super) fn plain(text: &str) -> String {
    text.chars()
        .map(|character| {
            if character.is_control() {
                '\u{fffd}'
            } else {
                character
            }
        })
        .collect()
}

/// A field as people read it; `-` where there is none.
pub(super) fn text(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_content_and_obey_nothing() {
        let rows = [
            ["1".to_owned(), "Ada".to_owned()],
            ["20".to_owned(), "\u{1b}[2J".to_owned()],
        ];
        assert_eq!(
            table(["SEAT", "WHO"], &rows),
            "SEAT  WHO\n1     Ada\n20    \u{fffd}[2J\n"
        );
    }
}
