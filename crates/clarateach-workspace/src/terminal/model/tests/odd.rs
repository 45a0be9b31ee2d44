//! Streams that were redrawn wrongly once, each with its cause.

use super::{check, model, size};

/// What the page's xterm.js is asked about, too: its output and the size.
pub(super) const STREAMS: [(&str, &str, u16, u16); 6] = [
    ("marks behind the edge", "ab\x1b[?0l\u{301}\u{301}c", 2, 4),
    (
        "a set restored before the alternate screen",
        "\x1b(0\x1b[?1048h\x0e\x1b[?1048l\x1b[?1049h qqx",
        10,
        4,
    ),
    (
        "a set restored on the alternate screen",
        "\x1b(0\x1b[?1049h\x1b[u\x1b[?47lqq",
        10,
        4,
    ),
    (
        "a set saved on the alternate screen",
        "\x1b(0\x1b[?47h\x1b7\x1b(B\x1b[u\x1b[?47lqq",
        10,
        4,
    ),
    ("a set chosen at the edge", "wxyz\x1b(0abc", 4, 4),
    (
        "a set restored and chosen at the edge",
        "wxyz\x1b(0\x1b7\x1b(B\x1b8\x1b(0abc",
        4,
        4,
    ),
];

/// Wherever it is cut.
fn check_every_cut(cols: u16, rows: u16, output: &str) {
    for cut in 0..=output.len() {
        check(size(cols, rows), output.as_bytes(), cut);
    }
}

#[test]
fn half_a_wide_character_that_is_pushed_away_from_the_other_is_gone() {
    let output = "日本語\x08\x1b[@\r";
    check_every_cut(7, 2, output);
    let screen = model(size(7, 2), output.as_bytes()).text();
    assert_eq!(screen.lines().next(), Some("日本"));
    check_every_cut(6, 2, "日本語\x1b[6G\x1b[?7l語\r");
    let screen = model(size(6, 2), "日本語\x1b[6G\x1b[?7l語".as_bytes()).text();
    assert_eq!(screen.lines().next(), Some("日本"), "no room for it");
    // Between two whole ones both stay.
    let screen = model(size(7, 2), "日本語\x08\x08\x1b[@".as_bytes()).text();
    assert_eq!(screen.lines().next(), Some("日本 語"));
}

#[test]
fn what_was_wrong_once_is_right_wherever_it_is_cut() {
    for (_, output, cols, rows) in STREAMS {
        check_every_cut(cols, rows, output);
        check_every_cut(2, 2, output);
    }
    // The second one does bring a character set along.
    let (_, output, cols, rows) = STREAMS[1];
    let screen = model(size(cols, rows), output.as_bytes()).text();
    assert!(screen.starts_with(" ──│"), "{screen}");
}
