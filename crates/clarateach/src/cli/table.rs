//! What commands print: a table for people, or one JSON document for scripts.

use std::io::IsTerminal;

use serde_json::Value;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::print_out;

/// A column that must give way keeps this much.
const NARROWEST: usize = 8;

/// How to print.
#[derive(clap::Args)]
pub(super) struct Output {
    /// Print one JSON document, and errors as JSON on standard error
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

/// What a table is written on.
#[derive(Clone, Copy)]
pub(super) struct Paper {
    /// Columns of the terminal; `None` where nothing is cut off: a pipe, a file.
    width: Option<usize>,
    coloured: bool,
}

impl Paper {
    /// Standard output: cut to a terminal, coloured unless `NO_COLOR` (no-color.org) says otherwise.
    pub(super) fn of_stdout() -> Self {
        let stdout = std::io::stdout();
        if !stdout.is_terminal() {
            return Self {
                width: None,
                coloured: false,
            };
        }
        let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
            || std::env::var_os("TERM").is_none_or(|term| term == "dumb");
        Self {
            width: terminal_width(stdout),
            coloured: !plain,
        }
    }
}

/// Columns of a terminal that knows them.
pub(super) fn terminal_width(terminal: impl std::os::fd::AsFd) -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(terminal).ok()?;
    (size.ws_col > 0).then_some(usize::from(size.ws_col))
}

/// How a column is set.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// From the left; never cut.
    Fixed,
    /// A number, from the right; never cut.
    Number,
    /// From the left; cut where the terminal is too narrow.
    Text,
    /// A seat's or a workshop's status.
    Status,
}

/// Columns under their heads, as wide as what is in them and no wider than the paper.
pub(super) fn table<const N: usize>(
    paper: Paper,
    heads: [(&str, Kind); N],
    rows: &[[String; N]],
) -> String {
    let mut lines = vec![heads.map(|(head, _)| head.to_owned())];
    lines.extend(
        rows.iter()
            .map(|row| row.each_ref().map(|cell| plain(cell))),
    );
    let mut widths: [usize; N] = std::array::from_fn(|column| {
        let cells = lines.iter().map(|line| line[column].width());
        cells.max().unwrap_or(0)
    });
    if let Some(room) = paper.width {
        let can_shrink = heads.map(|(_, kind)| kind == Kind::Text);
        shrink(&mut widths, can_shrink, room.saturating_sub(2 * (N - 1)));
    }
    let mut text = String::new();
    for (number, line) in lines.iter().enumerate() {
        let mut written = String::new();
        for (column, cell) in line.iter().enumerate() {
            let cell = cut(cell, widths[column]);
            let padding = " ".repeat(widths[column] - cell.width());
            let kind = heads[column].1;
            let coloured = match number {
                0 => colour(paper, "1", &cell),
                _ if kind == Kind::Status => colour(paper, status_colour(&cell), &cell),
                _ => cell,
            };
            written += match kind {
                Kind::Number => format!("{padding}{coloured}"),
                _ => format!("{coloured}{padding}"),
            }
            .as_str();
            written += "  ";
        }
        text += written.trim_end();
        text.push('\n');
    }
    text
}

/// Takes from the widest column that may be cut, until all fit or none can give more.
fn shrink<const N: usize>(widths: &mut [usize; N], can_shrink: [bool; N], room: usize) {
    while widths.iter().sum::<usize>() > room {
        let widest = (0..N)
            .filter(|column| can_shrink[*column] && widths[*column] > NARROWEST)
            .max_by_key(|column| widths[*column]);
        match widest {
            Some(column) => widths[column] -= 1,
            None => return,
        }
    }
}

/// Text that is not wider than `width`, with an ellipsis where some was left out.
pub(super) fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut left = width.saturating_sub(1);
    let mut kept = String::new();
    for character in text.chars() {
        let wide = character.width().unwrap_or(0);
        if wide > left {
            break;
        }
        left -= wide;
        kept.push(character);
    }
    kept.push('…');
    kept
}

fn colour(paper: Paper, code: &str, text: &str) -> String {
    if paper.coloured && !code.is_empty() && !text.is_empty() {
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    } else {
        text.to_owned()
    }
}

/// Red for what needs somebody, yellow for what is on its way (ECMA-48, select graphic rendition).
fn status_colour(status: &str) -> &'static str {
    match status {
        "ready" | "occupied" => "32",
        "failed" => "31",
        "provisioning" | "recovering" | "terminating" | "ending" => "33",
        _ => "",
    }
}

/// Text without what a terminal would obey or that shows as something else: control characters, and
/// marks that turn the direction of reading or are not seen at all.
pub(super) fn plain(text: &str) -> String {
    let is_odd = |character: char| {
        character.is_control()
            || matches!(character,
                '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}'
                | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
    };
    text.chars()
        .map(|character| {
            if is_odd(character) {
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

/// A field as people read it, without what a terminal would obey.
pub(super) fn plain_text(value: &Value) -> String {
    plain(&text(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PIPE: Paper = Paper {
        width: None,
        coloured: false,
    };
    const HEADS: [(&str, Kind); 3] = [
        ("SEAT", Kind::Number),
        ("STATUS", Kind::Status),
        ("WHO", Kind::Text),
    ];

    fn rows() -> Vec<[String; 3]> {
        [
            ["1", "ready", "Ada Lovelace, Countess"],
            ["20", "failed", "\u{1b}[2J\u{202e}李"],
        ]
        .map(|row| row.map(ToOwned::to_owned))
        .to_vec()
    }

    #[test]
    fn numbers_stand_right_and_nothing_is_obeyed_or_cut_in_a_pipe() {
        assert_eq!(
            table(PIPE, HEADS, &rows()),
            "SEAT  STATUS  WHO\n   1  ready   Ada Lovelace, Countess\n  20  failed  \u{fffd}[2J\u{fffd}李\n"
        );
    }

    #[test]
    fn a_narrow_terminal_cuts_text_and_never_what_is_typed_again() {
        let narrow = Paper {
            width: Some(30),
            ..PIPE
        };
        let text = table(narrow, HEADS, &rows());
        assert!(text.contains("  20  failed"), "{text}");
        assert!(text.contains("Ada Lovelace, C…"), "{text}");
        for line in text.lines() {
            assert!(line.width() <= 30, "{line:?}");
        }
        // Too narrow for all: still every column.
        let hopeless = Paper {
            width: Some(5),
            ..PIPE
        };
        assert!(table(hopeless, HEADS, &rows()).contains("Ada Lov…"));
    }

    #[test]
    fn wide_characters_count_twice() {
        assert_eq!(cut("李李李", 5), "李李…");
        assert_eq!(cut("abc", 3), "abc");
    }

    #[test]
    fn colours_are_outside_of_the_widths() {
        let coloured = Paper {
            coloured: true,
            ..PIPE
        };
        let text = table(coloured, HEADS, &rows());
        assert!(text.contains("\u{1b}[32mready\u{1b}[0m   Ada"), "{text:?}");
    }
}
