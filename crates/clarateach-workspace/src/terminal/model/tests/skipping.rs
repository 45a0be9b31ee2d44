//! What is skipped must not be missed.

use proptest::prelude::*;

use super::super::*;
use super::streams::{self, line, stream};
use super::{assert_same, size};

/// Feeds it as a terminal does that is far behind; how much of it was skipped.
fn feed_skipping(model: &mut Model, output: &[u8], split: usize) -> usize {
    let (front, back) = output.split_at(split);
    let skipped = model.skip(front, back);
    model.feed(&output[skipped..]);
    skipped
}

#[test]
fn coloured_lines_are_skipped_but_for_those_that_stay() {
    let mut lines = String::new();
    for number in 0..20_000 {
        lines += &format!("\x1b[01;34m\x1b[Kdrwx\x1b[0m {number} \x1b[38;5;9;44mtheme\r\n");
    }
    let (stays, kept) = (1000 + 24, lines.len() / 20_000 * 1100);
    for split in [0, 100_000, lines.len() - 3, lines.len()] {
        let (mut skipping, mut drawing) = (Model::new(size(80, 24)), Model::new(size(80, 24)));
        let skipped = feed_skipping(&mut skipping, lines.as_bytes(), split);
        assert!(lines.len() - skipped < kept, "{skipped} at {split}");
        assert!(lines[skipped..].lines().count() > stays);
        drawing.feed(lines.as_bytes());
        assert_same(&drawing, &skipping, lines.as_bytes(), "skipped");
    }
}

#[test]
fn a_style_outlives_the_lines_that_chose_it() {
    let lines = ["\x1b[1;31;44mred\r\n", &"line\r\n".repeat(20_000)].concat();
    let mut drawing = Model::new(size(80, 24));
    drawing.feed(lines.as_bytes());
    for split in [0, 50_000, lines.len() - 10, lines.len()] {
        let mut skipping = Model::new(size(80, 24));
        assert!(feed_skipping(&mut skipping, lines.as_bytes(), split) > 90_000);
        assert_same(&drawing, &skipping, lines.as_bytes(), "skipped");
    }
}

#[test]
fn nothing_else_is_skipped() {
    let lines = "line\r\n".repeat(10_000);
    for other in [
        "\x1b[H",
        "\x1b]2;title\x07",
        "\x1b[?25l",
        "\x1b7",
        "\x07",
        "\u{84}",
        "\x1b[1\r\nm",
    ] {
        let output = [other, &lines].concat();
        let mut model = Model::new(size(80, 24));
        assert_eq!(model.skip(output.as_bytes(), b""), 0, "{other:?}");
    }
    let mut model = Model::new(size(80, 24));
    model.feed(b"\x1b[2;5r");
    assert_eq!(
        model.skip(lines.as_bytes(), b""),
        0,
        "a region that scrolls"
    );
    model.feed(b"\x1b[r\x1b[3");
    assert_eq!(model.skip(lines.as_bytes(), b""), 0, "inside a sequence");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(streams::cases() / 3))]

    #[test]
    fn what_is_skipped_would_have_left_no_trace(
        before in stream(),
        alternate: bool,
        lines in prop::collection::vec(line(), 100..300),
        split in 0.0..1.0f64,
        more in stream(),
    ) {
        let (mut skipping, mut drawing) = (Model::new(size(30, 5)), Model::new(size(30, 5)));
        for model in [&mut skipping, &mut drawing] {
            model.feed(&before);
            // No sequence is cut, and all rows scroll.
            model.feed(b"\x18\x1b[r");
            model.feed(if alternate { b"\x1b[?1049h" } else { b"\x1b[?1049l" });
            // A short history, so that few lines push out everything.
            model.screen.primary.history.clear();
            model.screen.primary.history_limit = 20;
        }
        let lines = lines.concat();
        feed_skipping(&mut skipping, &lines, (lines.len() as f64 * split) as usize);
        drawing.feed(&lines);
        assert_same(&drawing, &skipping, &lines, "skipped");
        skipping.feed(&more);
        drawing.feed(&more);
        assert_same(&drawing, &skipping, &more, "continued");
    }
}
