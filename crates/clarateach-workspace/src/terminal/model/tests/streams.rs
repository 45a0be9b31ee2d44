//! Output as programs write it, thrown together.

use proptest::prelude::*;

/// Many in a thorough run (`./x test --all`).
pub(super) fn cases() -> u32 {
    match std::env::var("CLARATEACH_TEST_ALL") {
        Ok(_) => 3_000,
        Err(_) => 300,
    }
}

pub(super) fn stream() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(piece(), 0..60).prop_map(|pieces| pieces.concat())
}

fn piece() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        8 => "[ -~]{1,30}".prop_map(String::into_bytes),
        4 => prop::sample::select(TEXTS).prop_map(|text| text.as_bytes().to_vec()),
        4 => prop::sample::select(&b"\r\n\n\r\x08\t\x0e\x0f\x0b\x07"[..]).prop_map(|byte| vec![byte]),
        3 => Just(b"\r\n".to_vec()),
        6 => csi(),
        4 => rendition(),
        3 => mode(),
        2 => prop::sample::select(SEQUENCES).prop_map(|text| text.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 1..4),
    ]
}

const TEXTS: &[&str] = &[
    "日本語",
    "한글",
    "e\u{301}",
    "\u{301}",
    "👍",
    "👩\u{200d}💻",
    "é",
    "─│┌",
    "ü",
    "\u{a0}",
    "word ",
    "  ",
    "a\u{fe0f}",
    "界",
];

const SEQUENCES: &[&str] = &[
    "\x1b7",
    "\x1b8",
    "\x1bD",
    "\x1bE",
    "\x1bM",
    "\x1bH",
    "\x1b=",
    "\x1b>",
    "\x1bc",
    "\x1b#8",
    "\x1b(0",
    "\x1b(B",
    "\x1b)0",
    "\x1b*0",
    "\x1bn",
    "\x1b~",
    "\x1b[!p",
    "\x1b[3g",
    "\x1b[g",
    "\x1b]0;a title\x07",
    "\x1b]2;ein Titel — ü\x1b\\",
    "\x1b]8;;http://a/b\x1b\\link\x1b]8;;\x1b\\",
    "\x1b]8;id=x;http://c\x07",
    "\x1b]8;;\x07",
    "\x1b]4;1;rgb:12/34/56\x07",
    "\x1b]104\x07",
    "\x1b]10;#aabbcc\x07",
    "\x1b]11;rgb:1/2/3\x1b\\",
    "\x1b]111\x07",
    "\x1bP1$qm\x1b\\",
    "\x1b_some\x1b\\",
    "\x1b]52;c;aGk=\x07",
    "\x1b[5 q",
    "\x1b[0 q",
    "\x1b[38;5",
    "\x1b[1;",
    "\x1b]2;cut",
    "\x1b",
    "\x1b[",
    "\x1bP",
    "\u{85}",
    "\u{9b}1m",
    "\u{84}",
];

fn csi() -> impl Strategy<Value = Vec<u8>> {
    let last = prop::sample::select(&b"@ABCDEFGHIJKLMPSTXZ`abdefrsu"[..]);
    (prop::collection::vec(0u16..14, 0..3), last).prop_map(|(parameters, last)| {
        let parameters: Vec<_> = parameters.iter().map(ToString::to_string).collect();
        format!("\x1b[{}{}", parameters.join(";"), char::from(last)).into_bytes()
    })
}

fn rendition() -> impl Strategy<Value = Vec<u8>> {
    let one = prop_oneof![
        4 => prop::sample::select(&[0, 1, 2, 3, 4, 5, 7, 8, 9, 21, 22, 23, 24, 25, 27, 28, 29, 31, 39, 42, 44, 49, 53, 55, 59, 92, 103][..]).prop_map(|number| number.to_string()),
        1 => any::<u8>().prop_map(|index| format!("38;5;{index}")),
        1 => any::<(u8, u8, u8)>().prop_map(|(r, g, b)| format!("48;2;{r};{g};{b}")),
        1 => (0..6).prop_map(|style| format!("4:{style}")),
        1 => any::<u8>().prop_map(|index| format!("58:5:{index}")),
        1 => any::<(u8, u8, u8)>().prop_map(|(r, g, b)| format!("38:2::{r}:{g}:{b}")),
    ];
    prop::collection::vec(one, 0..3).prop_map(|all| format!("\x1b[{}m", all.join(";")).into_bytes())
}

fn mode() -> impl Strategy<Value = Vec<u8>> {
    let private = &[
        1, 6, 7, 7, 12, 25, 45, 47, 1000, 1002, 1003, 1004, 1006, 1047, 1048, 1049, 1049, 2004,
        2026, 66,
    ][..];
    let number = prop_oneof![
        4 => prop::sample::select(private).prop_map(|number| format!("?{number}")),
        1 => prop::sample::select(&["4", "20"][..]).prop_map(str::to_owned),
    ];
    (number, prop::bool::ANY).prop_map(|(number, on)| {
        format!("\x1b[{number}{}", if on { 'h' } else { 'l' }).into_bytes()
    })
}

/// A line as compilers and `ls` write it: text, colours, erasing to its end. (U+00A0 could be a control, by its first
/// byte.)
pub(super) fn line() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        6 => "[ -~]{1,60}".prop_map(String::into_bytes),
        2 => prop::sample::select(TEXTS).prop_map(|text| text.replace('\u{a0}', " ").into_bytes()),
        3 => rendition(),
        1 => prop::sample::select(&["\x1b[K", "\x1b[1K", "\x1b[m", "\x1b[0m", "\t", "\r"][..])
            .prop_map(|text| text.as_bytes().to_vec()),
    ];
    let end = prop::sample::select(&["\r\n", "\r\n", "\r\n", "\n"][..]);
    (prop::collection::vec(piece, 0..6), end)
        .prop_map(|(pieces, end)| [&pieces.concat(), end.as_bytes()].concat())
}
