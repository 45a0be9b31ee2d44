//! Flow control: windows, acks, floods, silence.

use std::time::Duration;

use clarateach_protocol::terminal::{ClientFrame, Mode, WINDOW_BYTES, close};
use clarateach_workspace::Limits;
use tokio::time::{Instant, timeout};

use crate::seat::{Seat, until};
use clarateach_client::{Acks, Attach, Event, Pace, Recorded, TerminalClient};

/// RFC 6455 "protocol error".
const PROTOCOL_ERROR: u16 = 1002;

fn impatient() -> Limits {
    Limits {
        ack_deadline: Duration::from_millis(400),
        ..Limits::default()
    }
}

#[tokio::test]
async fn no_more_than_the_window_is_sent_without_an_ack() {
    let seat = Seat::start().await;
    let mut page = seat.page().await;
    page.run("true").await;
    page.acks = Acks::Never;
    let acked = page.position();
    page.type_text("seq 1 1000000\r").await;
    while page.position() < acked + WINDOW_BYTES {
        assert!(matches!(page.receive().await, Event::Output));
    }
    assert_eq!(page.position(), acked + WINDOW_BYTES);
    // Nothing more comes until the ack, and then it does.
    assert!(
        timeout(Duration::from_millis(200), page.receive())
            .await
            .is_err()
    );
    page.ack(page.position()).await;
    page.acks = Acks::AsAPage;
    page.wait_for("1000000\r\n").await;
}

#[tokio::test]
async fn bulk_output_arrives_whole() {
    let seat = Seat::start().await;
    let mut page = seat.page().await;
    let printed = page.run("seq 1 400000").await;
    let expected: Vec<String> = (1..=400_000).map(|n| n.to_string()).collect();
    assert!(printed == expected.join("\r\n"), "{} bytes", printed.len());
}

#[tokio::test]
async fn ctrl_c_stops_a_flood() {
    let seat = Seat::start().await;
    let mut page = seat.page().await;
    page.run("true").await;
    page.type_text("yes\r").await;
    let begun = page.position();
    while page.position() < begun + 3_000_000 {
        page.receive().await;
    }
    let pressed = Instant::now();
    page.type_text("\x03").await;
    page.wait_for("^C").await;
    println!("Ctrl-C was echoed after {:?}", pressed.elapsed());
    assert_eq!(page.run("echo ${PIPESTATUS[0]}").await, "130");
}

#[tokio::test]
async fn with_nobody_attached_programs_go_on() {
    let seat = Seat::start().await;
    let mut page = seat.page().await;
    page.run("true").await;
    page.type_text("seq 1 600000; touch done\r").await;
    page.wait_for("100\r\n").await;
    drop(page);
    let mut later = seat.attach("", Mode::Control).await;
    later.run("true").await;
    assert!(seat.root().join("done").exists());
}

#[tokio::test]
async fn a_learner_who_stops_is_closed_and_resumes() {
    let seat = Seat::with_limits(impatient()).await;
    let mut page = seat.page().await;
    page.run("true").await;
    page.acks = Acks::Never;
    page.type_text("seq 1 100000; touch done\r").await;
    assert_eq!(page.wait_for_close().await, Some(close::TOO_SLOW));
    let mut back = page.resume().await;
    assert!(back.attached.resumed);
    back.wait_for("100000\r\n").await;
    back.run("true").await;
    assert!(seat.root().join("done").exists());
}

#[tokio::test]
async fn impossible_acks_and_frames_end_the_connection() {
    let seat = Seat::start().await;
    for frame in [
        r#"{"type":"ack","offset":99999999}"#,
        r#"{"type":"resize","cols":-1,"rows":5}"#,
        r#"{"type":"exec"}"#,
        "not json",
    ] {
        let mut page = seat.page().await;
        page.send_text(frame).await;
        assert_eq!(page.wait_for_close().await, Some(PROTOCOL_ERROR), "{frame}");
    }
    let mut page = seat.page().await;
    page.run("true").await;
    page.ack(0).await;
    assert_eq!(
        page.wait_for_close().await,
        Some(PROTOCOL_ERROR),
        "an ack that goes back"
    );
}

#[tokio::test]
async fn repeated_acks_are_fine() {
    let seat = Seat::start().await;
    let mut page = seat.page().await;
    page.run("true").await;
    let offset = page.position();
    for _ in 0..3 {
        page.send_frame(&ClientFrame::Ack { offset }).await;
    }
    assert_eq!(page.run("echo fine").await, "fine");
}

#[tokio::test]
async fn a_silent_connection_is_closed_and_an_answering_one_is_not() {
    let seat = Seat::with_limits(Limits {
        ping_interval: Duration::from_millis(50),
        silence_limit: Duration::from_millis(400),
        ..Limits::default()
    })
    .await;
    let silent = seat.page().await;
    let mut answering = seat.attach("", Mode::View).await;
    let quiet = async {
        // Answers pings by receiving, and gets nothing else.
        while !matches!(answering.receive().await, Event::Closed(_)) {}
    };
    let noticed = until("one client is left", async || seat.clients().await == 1);
    tokio::select! {
        () = quiet => panic!("the answering connection was closed"),
        () = noticed => {}
    }
    drop(silent);
}

#[tokio::test]
async fn a_paste_larger_than_all_buffers_arrives() {
    let seat = Seat::start().await;
    let mut page = seat.page().await;
    page.run("stty -echo").await;
    page.type_text("head -c 3000000 | wc -c; echo DO''NE\r")
        .await;
    let line = "x".repeat(999) + "\n";
    for _ in 0..30 {
        page.type_text(&line.repeat(100)).await;
    }
    assert!(page.wait_for("DONE").await.contains("3000000"));
}

#[tokio::test]
async fn an_interrupt_overtakes_a_paste_that_nobody_reads() {
    let seat = Seat::start().await;
    let mut page = seat.page().await;
    page.run("PS1='$ '; stty -echo").await;
    page.type_text("echo RUN''NING; sleep 1000; echo interrupted $?\r")
        .await;
    page.wait_for("RUNNING").await;
    let line = "touch pasted; true\n".repeat(50);
    for _ in 0..500 {
        page.type_text(&line).await;
    }
    let pressed = Instant::now();
    page.type_text("\x03").await;
    page.wait_for("$ ").await;
    println!("the prompt came {:?} after Ctrl-C", pressed.elapsed());
    page.run("stty echo").await;
    assert_eq!(page.run("echo alive").await, "alive");
    assert!(
        !seat.root().join("pasted").exists(),
        "what was pasted before is gone"
    );
}

#[tokio::test]
async fn a_control_character_that_interrupts_nothing_takes_its_turn() {
    let seat = Seat::start().await;
    let mut page = seat.page().await;
    page.run("PS1='$ '; true").await;
    page.type_text(
        "stty raw -echo; echo RE''ADY; head -c 200003 | od -An -c | tail -1; stty sane\r",
    )
    .await;
    page.wait_for("READY").await;
    for _ in 0..20 {
        page.type_text(&"x".repeat(10_000)).await;
    }
    page.type_text("\x03").await;
    page.type_text("ab").await;
    page.wait_for("003   a   b").await;
}

#[tokio::test]
async fn a_storm_of_sizes_ends_in_the_last_one() {
    let seat = Seat::start().await;
    let mut page = seat.page().await;
    page.run("PS1='$ '; true").await;
    for step in 0..1000u16 {
        page.resize(40 + step % 100, 20 + step % 30).await;
    }
    assert_eq!(page.run("stty size").await, "29 139");
    let changes = page.sizes.len();
    assert!(
        changes <= 100 && page.sizes.last() == Some(&(139, 29)),
        "{changes} changes"
    );
}

#[tokio::test]
async fn a_client_at_a_kilobyte_a_second_is_let_go_and_redrawn_later() {
    let seat = Seat::with_limits(impatient()).await;
    let mut learner = seat.page().await;
    learner.run("true").await;
    let slow = seat.terminals().paced(Pace::BytesPerSecond(1000));
    let slow = TerminalClient::attach(&slow, Attach::default().viewing()).await;
    assert!(learner.run("seq 1 400000").await.ends_with("400000"));
    until("the slow one is let go", async || seat.clients().await == 1).await;
    let mut back = slow.resume().await;
    assert!(!back.attached.resumed, "it is behind by more than the ring");
    assert!(back.wait_for_replay().await.contains("400000"));
}

/// 200 MB with `./x test --all`.
#[tokio::test]
async fn bulk_arrives_as_it_was() {
    let megabytes = match std::env::var_os("CLARATEACH_TEST_ALL") {
        Some(_) => 200,
        None => 8,
    };
    let seat = Seat::start().await;
    let mut page = seat.page().await;
    let letters = b"0123456789abcdef \n";
    let pattern = |at: u64| letters[(at.wrapping_mul(at) / 7 % 18) as usize];
    let bulk: Vec<u8> = (0..megabytes << 20).map(pattern).collect();
    seat.write("bulk", &bulk);
    page.type_text("stty raw -echo; printf BE''GIN; cat bulk; exec sleep 1000\r")
        .await;
    page.wait_for("BEGIN").await;
    page.record();
    let received = page.recorded(bulk.len() as u64).await;
    assert_eq!(received, Recorded::of([&bulk[..]]));
}
