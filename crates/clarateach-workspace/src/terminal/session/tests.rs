//! Scenes of the protocol without PTY, WebSocket or clock.

use std::time::Duration;

use proptest::prelude::*;

use super::*;

fn session() -> Session {
    Session::new(
        TerminalName::main(),
        "e1".to_owned(),
        "2026-01-01T00:00:00Z".to_owned(),
        Size { cols: 80, rows: 24 },
        Patience::default(),
    )
}

fn query() -> AttachQuery {
    AttachQuery {
        name: TerminalName::main(),
        cols: 80,
        rows: 24,
        epoch: None,
        offset: None,
        mode: None,
    }
}

/// Attached, and everything drawn.
fn attach(session: &mut Session, mode: Mode) -> ClientId {
    let now = Instant::now();
    let (id, _) = session.attach(&query(), mode, now);
    let Next::Frame(ServerFrame::Attached {
        mut replay_bytes, ..
    }) = session.next(id, now)
    else {
        panic!("attached comes first");
    };
    while replay_bytes > 0 {
        let Next::Output(bytes) = session.next(id, now) else {
            panic!("the replay is cut short");
        };
        replay_bytes -= bytes.len() as u64;
    }
    id
}

/// Everything that the client is sent before it has to wait.
fn receive(session: &mut Session, id: ClientId, now: Instant) -> Vec<u8> {
    let mut received = Vec::new();
    while let Next::Output(bytes) = session.next(id, now) {
        received.extend_from_slice(&bytes);
    }
    received
}

#[test]
fn output_waits_at_the_window_until_it_is_acknowledged() {
    let (mut session, now) = (session(), Instant::now());
    let id = attach(&mut session, Mode::Control);
    session.output(&vec![b'x'; 300 * 1024]);
    assert_eq!(receive(&mut session, id, now).len() as u64, WINDOW_BYTES);
    session.ack(id, 1000, now).unwrap();
    assert_eq!(receive(&mut session, id, now).len(), 1000);
}

#[test]
fn only_the_one_who_typed_last_holds_the_terminal_back() {
    let (mut session, now) = (session(), Instant::now());
    let first = attach(&mut session, Mode::Control);
    let second = attach(&mut session, Mode::Control);
    attach(&mut session, Mode::View);
    assert_eq!(
        session.holder(),
        Some(second),
        "the newest, as long as nobody typed"
    );
    session.type_input(first, b"x");
    attach(&mut session, Mode::Control);
    assert_eq!(
        session.holder(),
        Some(first),
        "attaching doesn't outrank typing"
    );
    session.output(&vec![b'x'; 300 * 1024]);
    assert!(matches!(session.reading(now), Reading::HeldUntil(_)));
    session.type_input(second, b"x");
    receive(&mut session, second, now);
    session.ack(second, WINDOW_BYTES, now).unwrap();
    assert_eq!(session.reading(now), Reading::Open);
}

#[test]
fn nobody_and_viewers_hold_nothing_back() {
    let (mut session, now) = (session(), Instant::now());
    session.output(&vec![b'x'; 2_000_000]);
    assert_eq!(session.reading(now), Reading::Open);
    attach(&mut session, Mode::View);
    session.output(&vec![b'x'; 2_000_000]);
    assert_eq!(session.reading(now), Reading::Open);
}

#[test]
fn holding_back_ends_after_the_deadline_unless_there_is_progress() {
    let (mut session, now) = (session(), Instant::now());
    let second = Duration::from_secs(1);
    let id = attach(&mut session, Mode::Control);
    session.output(&vec![b'x'; 300 * 1024]);
    receive(&mut session, id, now);
    assert_eq!(session.reading(now), Reading::HeldUntil(now + 5 * second));
    assert!(matches!(
        session.reading(now + 4 * second),
        Reading::HeldUntil(_)
    ));
    session.ack(id, 1, now + 4 * second).unwrap();
    let later = now + 6 * second;
    assert_eq!(
        session.reading(later),
        Reading::HeldUntil(later + 5 * second)
    );
    assert_eq!(session.reading(later + 5 * second), Reading::Open);
}

#[test]
fn held_output_and_stuck_input_are_no_deadlock() {
    let (mut session, now) = (session(), Instant::now());
    let id = attach(&mut session, Mode::Control);
    session.output(&vec![b'x'; 300 * 1024]);
    receive(&mut session, id, now);
    session.type_input(id, &vec![b'x'; INPUT_BYTES]);
    assert!(session.is_input_full());
    assert_eq!(session.reading(now), Reading::Open);
    assert_eq!(session.ack_due(id), None);
}

#[test]
fn acks_move_forward_and_never_beyond_what_was_sent() {
    let (mut session, now) = (session(), Instant::now());
    let id = attach(&mut session, Mode::View);
    session.output(b"hello");
    assert_eq!(session.ack(id, 1, now), Err(AckError::BeyondSent));
    receive(&mut session, id, now);
    session.ack(id, 3, now).unwrap();
    session.ack(id, 3, now).unwrap();
    assert_eq!(session.ack(id, 2, now), Err(AckError::Backward));
    assert_eq!(session.ack(id, 6, now), Err(AckError::BeyondSent));
}

#[test]
fn an_ack_is_due_only_while_one_is_owed() {
    let (mut session, now) = (session(), Instant::now());
    let second = Duration::from_secs(1);
    let id = attach(&mut session, Mode::View);
    assert_eq!(session.ack_due(id), None);
    session.output(b"hello");
    assert_eq!(session.ack_due(id), None, "nothing was sent yet");
    receive(&mut session, id, now);
    assert_eq!(session.ack_due(id), Some(now + 5 * second));
    session.ack(id, 2, now + second).unwrap();
    assert_eq!(session.ack_due(id), Some(now + 6 * second));
    session.ack(id, 2, now + 3 * second).unwrap();
    assert_eq!(
        session.ack_due(id),
        Some(now + 6 * second),
        "it said nothing new"
    );
    session.ack(id, 5, now + 4 * second).unwrap();
    assert_eq!(session.ack_due(id), None);
}

#[test]
fn frames_keep_their_place_in_the_output() {
    let (mut session, now) = (session(), Instant::now());
    let id = attach(&mut session, Mode::Control);
    session.output(b"before");
    session.resize(
        id,
        Size {
            cols: 100,
            rows: 30,
        },
    );
    session.set_size(now);
    session.output(b"after");
    assert_eq!(
        session.next(id, now),
        Next::Output(Bytes::from_static(b"before"))
    );
    let resized = ServerFrame::Resized {
        cols: 100,
        rows: 30,
    };
    assert_eq!(session.next(id, now), Next::Frame(resized));
    assert_eq!(
        session.next(id, now),
        Next::Output(Bytes::from_static(b"after"))
    );
    assert_eq!(session.next(id, now), Next::Wait);
}

#[test]
fn waiting_frames_are_bounded() {
    let mut session = session();
    let id = attach(&mut session, Mode::View);
    for number in 0..1000 {
        session.output(format!("\x1b]0;title {number}\x07").as_bytes());
    }
    let mut titles = 0;
    let mut last = None;
    loop {
        match session.next(id, Instant::now()) {
            Next::Frame(ServerFrame::Title { title }) => {
                titles += 1;
                last = Some(title);
            }
            Next::Output(_) => {}
            _ => break,
        }
    }
    assert_eq!((titles, last.as_deref()), (64, Some("title 999")));
}

#[test]
fn a_farewell_comes_after_everything_else() {
    let (mut session, now) = (session(), Instant::now());
    let id = attach(&mut session, Mode::View);
    session.output(b"last words");
    session.exited(3);
    assert_eq!(
        session.next(id, now),
        Next::Output(Bytes::from_static(b"last words"))
    );
    assert_eq!(
        session.next(id, now),
        Next::Frame(ServerFrame::Exited { code: 3 })
    );
    assert_eq!(session.next(id, now), Next::Ended);
}

#[test]
fn replay_is_neither_counted_nor_acknowledged() {
    let (mut session, now) = (session(), Instant::now());
    session.output(&vec![b'x'; 400 * 1024]);
    let (id, _) = session.attach(&query(), Mode::View, now);
    let Next::Frame(ServerFrame::Attached {
        offset,
        replay_bytes,
        resumed,
        ..
    }) = session.next(id, now)
    else {
        panic!("attached comes first");
    };
    assert_eq!((offset, resumed), (400 * 1024, false));
    let replay = receive(&mut session, id, now);
    assert_eq!(replay.len() as u64, replay_bytes);
    let lines = (24 + 1000) * 80;
    assert!((lines..2 * lines).contains(&replay.len()), "{replay_bytes}");
    assert_eq!(session.ack_due(id), None);
    assert_eq!(session.ack(id, offset + 1, now), Err(AckError::BeyondSent));
    session.output(b"new");
    assert_eq!(receive(&mut session, id, now), b"new");
    session.ack(id, offset + 3, now).unwrap();
}

#[test]
fn a_plain_flood_leaves_the_same_screen_as_reading_it_slowly() {
    let (mut fast, mut slow) = (session(), session());
    let lines =
        |from: u32| -> String { (from..from + 30_000).map(|n| format!("{n}\r\n")).collect() };
    let flood = [
        "\x1b[31mred\r\n",
        &lines(1),
        "\tünd\r\n",
        &lines(40_000),
        "end",
    ]
    .concat();
    fast.output(flood.as_bytes());
    for piece in flood.as_bytes().chunks(100) {
        slow.output(piece);
        slow.catch_up();
    }
    assert_eq!(fast.screen(), slow.screen());
    assert!(fast.screen().ends_with("69998\n69999\nend"));
    assert_eq!(fast.model.replay(), slow.model.replay());
}

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
fn viewers_neither_type_nor_resize() {
    let mut session = session();
    let id = attach(&mut session, Mode::View);
    assert_eq!(session.type_input(id, b"x"), Input::Ignored);
    session.resize(id, Size { cols: 1, rows: 1 });
    assert!(session.waiting_input().is_empty());
    assert_eq!(session.size(), Size { cols: 80, rows: 24 });
}

/// What can happen to a terminal with one client, which may leave and come back.
#[derive(Debug, Clone)]
enum Step {
    Output(usize),
    Receive(usize),
    Ack,
    Resume,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (1usize..200_000).prop_map(Step::Output),
        (1usize..20).prop_map(Step::Receive),
        Just(Step::Ack),
        Just(Step::Resume),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// Whatever happens in whatever order: the client's bytes are the output's, from its offset on,
    /// and what can't be resumed says so.
    #[test]
    fn no_byte_is_lost_or_doubled(steps in prop::collection::vec(step(), 1..60)) {
        let (mut session, now) = (session(), Instant::now());
        let mut all: Vec<u8> = Vec::new();
        let mut id = attach(&mut session, Mode::Control);
        let mut position = 0;
        for step in steps {
            match step {
                Step::Output(length) => {
                    let from = all.len();
                    all.extend((from..from + length).map(|index| b'a' + (index % 23) as u8));
                    session.output(&all[from..]);
                }
                Step::Receive(pieces) => for _ in 0..pieces {
                    let Next::Output(bytes) = session.next(id, now) else { break };
                    prop_assert_eq!(&bytes[..], &all[position..position + bytes.len()]);
                    position += bytes.len();
                },
                Step::Ack => prop_assert!(session.ack(id, position as u64, now).is_ok()),
                Step::Resume => {
                    session.detach(id);
                    let kept = all.len() - position <= RING_BYTES;
                    let back = AttachQuery {
                        epoch: Some("e1".to_owned()),
                        offset: Some(position as u64),
                        ..query()
                    };
                    id = session.attach(&back, Mode::Control, now).0;
                    let first = session.next(id, now);
                    let Next::Frame(ServerFrame::Attached { offset, resumed, mut replay_bytes, .. }) = first else {
                        panic!("attached comes first");
                    };
                    prop_assert_eq!(resumed, kept);
                    prop_assert_eq!(offset, if kept { position } else { all.len() } as u64);
                    while replay_bytes > 0 {
                        let Next::Output(bytes) = session.next(id, now) else {
                            panic!("the replay is cut short");
                        };
                        replay_bytes -= bytes.len() as u64;
                    }
                    position = usize::try_from(offset).unwrap();
                }
            }
        }
    }
}
