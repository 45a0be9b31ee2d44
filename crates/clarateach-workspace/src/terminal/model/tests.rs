//! The model against itself: cut anywhere, redrawn, and continued, it must be as if nothing had happened.

mod fixtures;
mod odd;
mod skipping;
mod streams;

use std::fmt::Write;

use proptest::prelude::*;

use super::buffer::Buffer;
use super::cell::Kind;
use super::row::Row;
use super::*;
use streams::stream;

fn size(cols: u16, rows: u16) -> Size {
    Size { cols, rows }
}

fn model(size: Size, output: &[u8]) -> Model {
    let mut model = Model::new(size);
    model.feed(output);
    model
}

/// Everything that can be seen, or makes a difference later, in lines.
fn state(model: &Model) -> String {
    let screen = &model.screen;
    let mut out = String::new();
    let _ = writeln!(
        out,
        "cursor {},{} alternate {} preceding {:?}",
        screen.active().x,
        screen.active().y,
        screen.on_alternate,
        screen.preceding
    );
    let _ = writeln!(
        out,
        "modes {:?} charsets {:?}",
        screen.modes, screen.charsets
    );
    let pen = screen.pen;
    let _ = writeln!(
        out,
        "pen {:?} {:?} {:?} {:?} title {:?} palette {:?}",
        pen.foreground,
        pen.background,
        pen.flags,
        screen.tables.extra(pen.extra),
        screen.title,
        screen.palette
    );
    let _ = writeln!(out, "pending {:?}", model.parser.pending());
    buffer_state(model, &screen.primary, "primary", &mut out);
    if screen.on_alternate {
        buffer_state(model, &screen.alternate, "alternate", &mut out);
    }
    out
}

fn buffer_state(model: &Model, buffer: &Buffer, name: &str, out: &mut String) {
    let saved = buffer.saved;
    let _ = writeln!(
        out,
        "{name} region {}..{} tabs {:?} saved {},{} {:?} {}",
        buffer.top,
        buffer.bottom,
        buffer.tabs.iter().rposition(|tab| *tab),
        saved.x.min(buffer.columns - 1),
        saved.y.clamp(0, buffer.height() as i64 - 1),
        Style {
            extra: 0,
            ..saved.style
        },
        saved.charset,
    );
    for (at, row) in buffer.all_rows().enumerate() {
        let _ = writeln!(
            out,
            "{at:4} {}",
            row_state(model, &row, at > 0 || buffer.history.is_empty())
        );
    }
}

/// Cells with their styles; a run of blank ones at the end is left out.
fn row_state(model: &Model, row: &Row, may_be_wrapped: bool) -> String {
    let screen = &model.screen;
    let mut out = String::new();
    out.push(if row.wrapped && may_be_wrapped {
        '+'
    } else {
        '|'
    });
    let mut kept = out.len();
    let mut style = Style::default();
    for cell in row.cells() {
        let mut cell = *cell;
        if cell.is_null() && cell.style.shows_only_background() {
            cell.style = cell.style.erased();
        }
        if cell.style != style {
            style = cell.style;
            let extra = screen.tables.extra(style.extra);
            let link = extra
                .link
                .as_ref()
                .map(|link| format!("{}={}", link.id, link.uri));
            let _ = write!(
                out,
                "<{:?} {:?} {:?} {:?} {link:?}>",
                style.foreground.kind(),
                style.background.kind(),
                style.flags,
                extra.underline.kind()
            );
        }
        let mut text = String::new();
        screen.push_text(cell, &mut text);
        match (cell.kind(), text.as_str()) {
            (Kind::Tail, _) => out.push('>'),
            (Kind::Alone, text) => {
                let _ = write!(out, "!{text}");
            }
            // A space that is drawn like nothing.
            (_, "") if !cell.style.shows_only_background() => out.push(' '),
            (_, "") => out.push('·'),
            (_, text) => out.push_str(text),
        }
        if cell != super::cell::Cell::BLANK {
            kept = out.len();
        }
    }
    out.truncate(kept);
    out
}

use super::cell::Style;

/// The one state that no bytes bring about without leaving a space: the cursor waits to wrap behind a column that
/// was erased meanwhile.
fn waits_behind_nothing(model: &Model) -> bool {
    let buffer = model.screen.active();
    buffer.x >= buffer.columns && buffer.rows[buffer.y].cell(buffer.columns - 1).is_null()
}

/// Cuts, redraws, goes on.
fn check(size: Size, output: &[u8], cut: usize) {
    let (before, rest) = output.split_at(cut.min(output.len()));
    let mut original = model(size, before);
    if waits_behind_nothing(&original) {
        return;
    }
    let replay = original.replay();
    let mut redrawn = model(size, &replay);
    assert_same(&original, &redrawn, &replay, "redrawn");
    original.feed(rest);
    redrawn.feed(rest);
    assert_same(&original, &redrawn, rest, "continued");
}

fn assert_same(expected: &Model, actual: &Model, bytes: &[u8], when: &str) {
    let (expected, actual) = (state(expected), state(actual));
    if expected == actual {
        return;
    }
    let mut shown = String::new();
    for (left, right) in expected.lines().zip(actual.lines()) {
        if left != right {
            let _ = writeln!(shown, "- {left}\n+ {right}");
        }
    }
    let bytes = String::from_utf8_lossy(bytes).escape_debug().to_string();
    panic!("{when}, it differs:\n{shown}\n{bytes}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(streams::cases()))]

    #[test]
    fn a_redrawn_screen_goes_on_as_if_nothing_had_happened(
        output in stream(),
        cut in 0.0..1.0f64,
        cols in 2u16..40,
        rows in 2u16..12,
    ) {
        let cut = (output.len() as f64 * cut) as usize;
        check(size(cols, rows), &output, cut);
    }

    #[test]
    fn cuts_in_the_output_change_nothing(output in stream(), cut in 1usize..20) {
        let whole = model(size(20, 6), &output);
        let mut cut_up = Model::new(size(20, 6));
        for piece in output.chunks(cut) {
            cut_up.feed(piece);
        }
        assert_same(&whole, &cut_up, &output, "cut");
    }

    #[test]
    fn any_bytes_and_sizes_are_taken_without_a_panic(
        output: Vec<u8>,
        sizes in prop::collection::vec((2u16..50, 1u16..20), 1..6),
        more in stream(),
    ) {
        let mut model = model(size(10, 3), &output);
        for (cols, rows) in sizes {
            model.resize(size(cols, rows));
            model.feed(&more);
            let _ = (model.replay(), model.text());
        }
    }

    #[test]
    fn a_redrawn_screen_survives_other_sizes(output in stream(), cols in 2u16..40, rows in 2u16..12) {
        let mut original = model(size(20, 6), &output);
        original.resize(size(cols, rows));
        if waits_behind_nothing(&original) {
            return Ok(());
        }
        let redrawn = model(size(cols, rows), &original.replay());
        assert_same(&original, &redrawn, &original.replay(), "resized");
    }
}
