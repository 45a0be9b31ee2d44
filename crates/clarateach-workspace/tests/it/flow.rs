//! Flow control: windows, acks, floods, silence.

use std::time::Duration;

use clarateach_protocol::terminal::{ClientFrame, Mode, WINDOW_BYTES, close};
use clarateach_workspace::Limits;
use tokio::time::{Instant, timeout};

use crate::seat::{Seat, until};
use clarateach_client::{Acks, Event};

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
