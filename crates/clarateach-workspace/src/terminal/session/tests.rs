//! Scenes of the protocol without PTY, WebSocket or clock.

mod frames;
mod sharing;

use std::time::Duration;

use proptest::prelude::*;

use clarateach_protocol::terminal::RING_BYTES;

use super::input::INPUT_BYTES;
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
