//! Several clients at one terminal: sizes, answers, viewers.

use super::*;

#[test]
fn the_size_is_the_wish_of_the_one_who_typed_last() {
    let (mut session, now) = (session(), Instant::now());
    let sized = |cols, rows| AttachQuery {
        cols,
        rows,
        ..query()
    };
    let size = |session: &Session| (session.size().cols, session.size().rows);
    let (first, _) = session.attach(&sized(100, 30), Mode::Control, now);
    let (second, _) = session.attach(&sized(60, 20), Mode::Control, now);
    let (_viewer, _) = session.attach(&sized(33, 11), Mode::View, now);
    assert_eq!(
        size(&session),
        (60, 20),
        "before anybody typed: who attached last"
    );
    session.type_input(first, b"x");
    session.set_size(now);
    assert_eq!(size(&session), (100, 30));
    session.resize(second, Size { cols: 70, rows: 22 });
    session.set_size(now);
    assert_eq!(
        size(&session),
        (100, 30),
        "another one's size is only remembered"
    );
    session.detach(first);
    session.set_size(now);
    assert_eq!(size(&session), (70, 22), "until it is its turn");
    session.detach(second);
    session.set_size(now);
    assert_eq!(size(&session), (70, 22), "viewers have no say");
}

#[test]
fn a_storm_of_sizes_is_taken_together() {
    let (mut session, now) = (session(), Instant::now());
    let id = attach(&mut session, Mode::Control);
    let mut set = 0;
    for step in 1..=1000u16 {
        let now = now + Duration::from_millis(u64::from(step));
        session.resize(
            id,
            Size {
                cols: 80 + step % 100,
                rows: 30,
            },
        );
        if session.resize_due(now).is_some_and(|due| due <= now) {
            session.set_size(now);
            set += 1;
        }
    }
    assert!((20..60).contains(&set), "{set} were set");
    let due = session.resize_due(now).unwrap();
    session.set_size(due);
    assert_eq!(session.size(), Size { cols: 80, rows: 30 });
    assert_eq!(session.resize_due(due), None);
}

#[test]
fn queries_are_answered_exactly_once() {
    let (mut session, now) = (session(), Instant::now());
    let answered = |session: &mut Session| {
        session.catch_up();
        let bytes = session.waiting_input().to_vec();
        session.input_written(bytes.len());
        bytes
    };
    session.output(b"ab\x1b[6n\x1b[c");
    assert_eq!(
        answered(&mut session),
        b"\x1b[1;3R\x1b[?1;2c",
        "nobody is there to do it"
    );
    let viewer = attach(&mut session, Mode::View);
    session.output(b"\x1b[5n");
    assert_eq!(
        answered(&mut session),
        b"\x1b[0n",
        "a viewer answers nothing"
    );
    let (first, second) = (
        attach(&mut session, Mode::Control),
        attach(&mut session, Mode::Control),
    );
    session.output(b"\x1b[5n");
    assert_eq!(answered(&mut session), b"");
    session.type_input(first, b"x");
    for id in [viewer, first, second] {
        session.type_input(id, b"\x1b[0n");
    }
    assert_eq!(
        answered(&mut session),
        b"x\x1b[0n",
        "the holder's answer alone"
    );
    assert_eq!(session.holder(), Some(first), "an answer makes no holder");
    session.type_input(second, b"\x1b[A");
    assert_eq!(session.holder(), Some(second));
    assert_eq!(session.reading(now), Reading::Open);
}

#[test]
fn colours_are_answered_as_the_page_would() {
    let mut session = session();
    let mut answers = |output: &str| {
        session.output(output.as_bytes());
        session.catch_up();
        let bytes = session.waiting_input().to_vec();
        session.input_written(bytes.len());
        String::from_utf8(bytes).unwrap()
    };
    let background = "\x1b]11;rgb:1111/1616/1b1b\x1b\\";
    assert_eq!(answers("\x1b]11;?\x07"), background);
    // Whoever doesn't know whether colours are answered asks something else behind them.
    let both = format!("\x1b]10;rgb:dddd/e4e4/eaea\x1b\\{background}\x1b[?1;2c");
    assert_eq!(answers("\x1b]10;?;?\x1b\\\x1b[c"), both);
    let changed = answers("\x1b]11;#204060\x07\x1b]11;?\x07\x1b]111\x07\x1b]11;?\x07");
    assert_eq!(
        changed,
        format!("\x1b]11;rgb:2020/4040/6060\x1b\\{background}")
    );
    let palette = "\x1b]4;1;rgb:f2f2/7777/7a7a\x1b\\\x1b]4;196;rgb:ffff/0000/0000\x1b\\";
    assert_eq!(answers("\x1b]4;1;?;196;?;300;?;x;?\x07"), palette);
}

#[test]
fn viewers_neither_type_nor_resize() {
    let mut session = session();
    let id = attach(&mut session, Mode::View);
    assert_eq!(session.type_input(id, b"x"), Input::Ignored);
    session.resize(id, Size { cols: 1, rows: 1 });
    assert!(session.waiting_input().is_empty());
    assert_eq!(session.size(), Size { cols: 80, rows: 24 });
}
