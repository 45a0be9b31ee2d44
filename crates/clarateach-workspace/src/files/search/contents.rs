//! By content, with ripgrep's searcher: a line at a time, positions as editors count them.

use std::io;
use std::ops::ControlFlow;

use clarateach_protocol::files::{EntryKind, FoundLine, FoundLines};
use grep_matcher::Matcher;
use grep_regex::RegexMatcher;
use grep_searcher::{BinaryDetection, Searcher, SearcherBuilder, Sink, SinkFinish, SinkMatch};

use super::walk::{Found, Walk, open_file};
use super::{Patience, Search, SearchError, end_of};

/// A larger file is not searched.
const MAX_FILE_BYTES: u64 = 10 * 1024 * 1024;
/// Lines are read as a whole.
const HEAP_BYTES: usize = 16 * 1024 * 1024;
/// Of a long line so much is shown, and so much of it before the match; UTF-16 units.
const MAX_TEXT: usize = 250;
const TEXT_BEFORE: usize = 60;
const BOM: &[u8] = "\u{feff}".as_bytes();

pub(super) fn find(
    search: &Search,
    walk: Walk<'_>,
    patience: &Patience,
) -> Result<FoundLines, SearchError> {
    let matcher = search.matcher()?;
    let mut searcher = SearcherBuilder::new()
        .binary_detection(BinaryDetection::quit(0))
        .heap_limit(Some(HEAP_BYTES))
        .build();
    let mut lines = Lines {
        matcher: &matcher,
        patience,
        path: String::new(),
        found: Vec::new(),
        // One more tells that there are more.
        limit: search.limit + 1,
        binary: false,
    };
    let (mut searched, mut skipped) = (0, 0);
    walk.each(&mut |entry| {
        if patience.is_over() || lines.is_full() {
            return ControlFlow::Break(());
        }
        // A path that isn't UTF-8 could not be opened from an answer.
        if entry.kind == EntryKind::File && entry.path.utf8_ancestor().is_none() {
            match search_file(&mut searcher, &mut lines, entry) {
                Outcome::Searched => searched += 1,
                Outcome::Skipped => skipped += 1,
            }
        }
        ControlFlow::Continue(())
    })?;
    let mut matches = lines.found;
    let reason = end_of(patience, matches.len(), search.limit);
    matches.truncate(search.limit);
    Ok(FoundLines {
        matches,
        truncated: reason.is_some(),
        reason,
        files_searched: searched,
        files_skipped: skipped,
    })
}

enum Outcome {
    Searched,
    Skipped,
}

fn search_file(searcher: &mut Searcher, lines: &mut Lines<'_>, entry: &Found<'_>) -> Outcome {
    let Some(file) = open_file(entry.folder, entry.name) else {
        return Outcome::Skipped;
    };
    let small = file
        .metadata()
        .is_ok_and(|meta| meta.len() <= MAX_FILE_BYTES);
    if !small {
        return Outcome::Skipped;
    }
    lines.path = entry.path.to_string();
    lines.binary = false;
    let before = lines.found.len();
    // It may grow meanwhile.
    let file = io::Read::take(file, MAX_FILE_BYTES);
    let matcher = lines.matcher;
    let done = searcher.search_reader(matcher, file, &mut *lines);
    if done.is_err() || lines.binary {
        lines.found.truncate(before);
        return Outcome::Skipped;
    }
    Outcome::Searched
}

/// Takes lines that match.
struct Lines<'search> {
    matcher: &'search RegexMatcher,
    patience: &'search Patience,
    path: String,
    found: Vec<FoundLine>,
    limit: usize,
    binary: bool,
}

impl Lines<'_> {
    fn is_full(&self) -> bool {
        self.found.len() >= self.limit
    }

    fn take(&mut self, number: u64, line: &[u8]) {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let line = match number {
            1 => line.strip_prefix(BOM).unwrap_or(line),
            _ => line,
        };
        // Counted on from the match before: a long line with many is read once.
        let (mut at, mut column) = (0, 1);
        let matcher = self.matcher;
        let _ = matcher.find_iter(line, |found| {
            column += units(&line[at..found.start()]);
            at = found.start();
            let end_column = column + units(&line[at..found.end()]);
            let (text, text_column) = excerpt(line, at, column);
            self.found.push(FoundLine {
                path: self.path.clone(),
                line: number,
                column,
                end_column,
                text,
                text_column,
            });
            !self.is_full()
        });
    }
}

impl Sink for &mut Lines<'_> {
    type Error = io::Error;

    fn matched(&mut self, _: &Searcher, found: &SinkMatch<'_>) -> io::Result<bool> {
        self.take(found.line_number().unwrap_or(0), found.bytes());
        Ok(!self.is_full() && !self.patience.is_over())
    }

    fn binary_data(&mut self, _: &Searcher, _: u64) -> io::Result<bool> {
        self.binary = true;
        Ok(false)
    }

    fn finish(&mut self, _: &Searcher, end: &SinkFinish) -> io::Result<()> {
        self.binary |= end.binary_byte_offset().is_some();
        Ok(())
    }
}

/// UTF-16 units of text as editors read it: U+FFFD where it isn't UTF-8.
fn units(bytes: &[u8]) -> u64 {
    let text = String::from_utf8_lossy(bytes);
    text.chars().map(|char| char.len_utf16() as u64).sum()
}

/// The line, or what of it is around the match, and the column of its first unit.
fn excerpt(line: &[u8], at: usize, column: u64) -> (String, u64) {
    if line.len() <= MAX_TEXT {
        return (String::from_utf8_lossy(line).into_owned(), 1);
    }
    // A unit is at most three bytes; the first character may be cut and is dropped then.
    let from = at.saturating_sub(TEXT_BEFORE * 3);
    let before = String::from_utf8_lossy(&line[from..at]);
    let mut text: Vec<char> = Vec::new();
    let mut before_units = 0;
    for char in before.chars().rev() {
        if before_units + char.len_utf16() > TEXT_BEFORE {
            break;
        }
        before_units += char.len_utf16();
        text.push(char);
    }
    text.reverse();
    let to = line.len().min(at + MAX_TEXT * 3);
    let mut left = MAX_TEXT - before_units;
    for char in String::from_utf8_lossy(&line[at..to]).chars() {
        if char.len_utf16() > left {
            break;
        }
        left -= char.len_utf16();
        text.push(char);
    }
    (text.into_iter().collect(), column - before_units as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_line_is_cut_around_the_match() {
        let line = format!("{}needle{}", "🐍".repeat(500), "x".repeat(500));
        let at = line.find("needle").unwrap();
        let column = units(&line.as_bytes()[..at]) + 1;
        assert_eq!(column, 1001);
        let (text, text_column) = excerpt(line.as_bytes(), at, column);
        let inside = usize::try_from(column - text_column).unwrap();
        let utf16: Vec<u16> = text.encode_utf16().collect();
        assert!(utf16.len() <= MAX_TEXT);
        assert_eq!(
            String::from_utf16(&utf16[inside..inside + 6]).unwrap(),
            "needle"
        );
    }
}
