//! Several clients on one terminal.

use std::time::Duration;

use clarateach_protocol::terminal::{ClientFrame, Mode, ServerFrame, close};
use clarateach_workspace::Limits;

use crate::seat::{Seat, until};
use clarateach_client::Acks;

#[tokio::test]
async fn two_clients_see_the_same() {
    let seat = Seat::start().await;
    let mut first = seat.page().await;
    first.run("true").await;
    let mut second = seat.page().await;
    assert_eq!(first.attached.epoch, second.attached.epoch);
    first.type_text("echo from-''first\r").await;
    first.wait_for("from-first").await;
    second.wait_for("from-first").await;
    second.type_text("echo from-''second\r").await;
    first.wait_for("from-second").await;
}

#[tokio::test]
async fn whoever_may_only_look_changes_nothing() {
    let seat = Seat::start().await;
    let mut learner = seat.page().await;
    learner.run("true").await;
    let mut by_token = seat.attach("", Mode::View).await;
    let mut by_choice = seat.attach("&mode=view", Mode::Control).await;
    let mut greedy = seat.attach("&mode=control", Mode::View).await;
    for viewer in [&mut by_token, &mut by_choice, &mut greedy] {
        assert_eq!(viewer.attached.mode, Mode::View);
        viewer.type_text("touch typed\r").await;
        let resize = ClientFrame::Resize { cols: 33, rows: 11 };
        viewer.send_frame(&resize).await;
        // An ack answers for everything before it having been read.
        viewer.ack(viewer.attached.offset).await;
    }
    learner.type_text("echo seen-by-''all; stty size\r").await;
    for viewer in [&mut by_token, &mut by_choice, &mut greedy] {
        viewer.wait_for("seen-by-all").await;
    }
    learner.wait_for("24 80").await;
    // Input that was let through would have run before these.
    by_token.run_by(&mut learner, "true").await;
    assert!(!seat.root().join("typed").exists());
}

#[tokio::test]
async fn a_stalled_viewer_is_closed_and_stalls_nobody() {
    let seat = Seat::with_limits(Limits {
        ack_deadline: Duration::from_millis(500),
        ..Limits::default()
    })
    .await;
    let mut learner = seat.page().await;
    learner.run("true").await;
    let mut stalled = seat.attach("", Mode::View).await;
    stalled.acks = Acks::Never;
    let mut watching = seat.attach("", Mode::View).await;
    let (printed, (), code) = tokio::join!(
        learner.run("seq 1 200000"),
        async {
            watching.wait_for("200000\r\n").await;
        },
        stalled.wait_for_close()
    );
    assert!(printed.ends_with("200000"));
    assert_eq!(code, Some(close::TOO_SLOW));
    assert_eq!(learner.run("echo alive").await, "alive");
}

#[tokio::test]
async fn a_viewer_who_reads_nothing_is_let_go_and_stalls_nobody() {
    let seat = Seat::with_limits(Limits {
        ack_deadline: Duration::from_millis(500),
        ..Limits::default()
    })
    .await;
    let mut learner = seat.page().await;
    learner.run("true").await;
    let deaf = seat.attach("", Mode::View).await;
    assert!(learner.run("seq 1 800000").await.ends_with("800000"));
    until("the deaf one is gone", async || seat.clients().await == 1).await;
    assert_eq!(learner.run("echo alive").await, "alive");
    drop(deaf);
}

#[tokio::test]
async fn one_who_falls_behind_the_ring_is_told_so() {
    let seat = Seat::start().await;
    let mut learner = seat.page().await;
    learner.run("true").await;
    let mut behind = seat.attach("", Mode::View).await;
    behind.acks = Acks::Never;
    // 2 MB: its window is sent, the rest leaves the ring long before the ack deadline.
    learner.run("seq 1 300000").await;
    behind.ack(behind.attached.offset).await;
    let position = behind.position();
    assert_eq!(behind.wait_for_close().await, Some(close::TOO_SLOW));
    assert!(behind.position() - position <= 256 * 1024);
}

#[tokio::test]
async fn sizes_reach_the_program_and_everybody() {
    let seat = Seat::start().await;
    let mut learner = seat.page().await;
    assert_eq!((learner.attached.cols, learner.attached.rows), (80, 24));
    learner.run("true").await;
    let mut viewer = seat.attach("", Mode::View).await;
    let resize = ClientFrame::Resize {
        cols: 101,
        rows: 41,
    };
    learner.send_frame(&resize).await;
    viewer
        .wait_for_frame(|frame| {
            matches!(
                frame,
                ServerFrame::Resized {
                    cols: 101,
                    rows: 41
                }
            )
        })
        .await;
    assert_eq!(learner.run("stty size").await, "41 101");
    let absurd = ClientFrame::Resize {
        cols: 0,
        rows: 65535,
    };
    learner.send_frame(&absurd).await;
    assert_eq!(learner.run("stty size").await, "1000 2");
    assert_eq!(learner.sizes, [(101, 41), (2, 1000)]);
}

#[tokio::test]
async fn titles_are_told_and_listed() {
    let seat = Seat::start().await;
    let mut learner = seat.page().await;
    learner
        .run(r"PROMPT_COMMAND= PS1='$ '; printf '\033]0;my \033title\007'")
        .await;
    learner.run(r"printf '\033]2;my <b>title\007'").await;
    // Titles come behind the output that they were found in.
    learner.run("true").await;
    assert_eq!(learner.titles.last().unwrap(), "my <b>title");
    let listed = seat.get("/terminals").await.json();
    assert_eq!(listed["terminals"][0]["title"], "my <b>title");
    let mut later = seat.page().await;
    later
        .wait_for_frame(|frame| matches!(frame, ServerFrame::Title { .. }))
        .await;
    assert_eq!(later.titles, ["my <b>title"]);
}
