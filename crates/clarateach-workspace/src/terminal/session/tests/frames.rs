//! What a client is sent, and in which order.

use super::*;

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
    assert_eq!(fast.output.model().replay(), slow.output.model().replay());
}
