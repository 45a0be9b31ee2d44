//! Attaching, leaving and coming back.

use clarateach_protocol::terminal::{Mode, SUBPROTOCOL, close};
use hyper::Method;

use crate::seat::Seat;

#[tokio::test]
async fn reload_keeps_shell_running() {
    let seat = Seat::start().await;
    let mut page = seat.page().await;
    assert!(!page.attached.resumed);
    page.run("mark=still-here").await;
    drop(page);
    let mut reloaded = seat.page().await;
    assert!(reloaded.wait_for_replay().await.contains("mark=still-here"));
    assert_eq!(reloaded.run("echo $mark").await, "still-here");
}

#[tokio::test]
async fn a_new_epoch_begins_after_exit() {
    let seat = Seat::start().await;
    let mut page = seat.page().await;
    page.type_text("exit 7\r").await;
    assert_eq!(page.wait_for_close().await, Some(close::GONE));
    assert_eq!(page.exit_code, Some(7));
    let epoch = page.attached.epoch.clone();
    let mut next = page.resume().await;
    assert!(!next.attached.resumed);
    assert_ne!(next.attached.epoch, epoch);
    assert_eq!(next.run("echo $((6*7))").await, "42");
}

#[tokio::test]
async fn a_signal_shows_in_the_exit_code() {
    let seat = Seat::start().await;
    let mut page = seat.page().await;
    page.type_text("kill -9 $$\r").await;
    assert_eq!(page.wait_for_close().await, Some(close::GONE));
    assert_eq!(page.exit_code, Some(137));
}

#[tokio::test]
async fn resuming_loses_and_doubles_nothing() {
    let seat = Seat::start().await;
    let mut page = seat.page().await;
    page.run("stty -echo").await;
    page.type_text("echo BE''GIN; seq 1 100000; echo E''ND\r")
        .await;
    page.wait_for("BEGIN\r\n").await;
    let begin = page.position() - (page.output.len() - page.seen()) as u64;
    let mut all = page.output[page.seen()..].to_vec();
    for cut in 1..=8 {
        while all.len() < cut * 50_000 {
            let before = page.output.len();
            page.receive().await;
            all.extend_from_slice(&page.output[before..]);
        }
        page = page.resume().await;
        assert!(page.attached.resumed, "cut {cut}");
        assert_eq!(page.attached.replay_bytes, 0);
        assert_eq!(page.attached.offset, begin + all.len() as u64);
    }
    page.wait_for("END").await;
    all.extend_from_slice(&page.output);
    let expected: String = (1..=100_000).map(|n| format!("{n}\r\n")).collect();
    assert!(all.starts_with(expected.as_bytes()));
}

#[tokio::test]
async fn what_left_the_ring_is_redrawn_not_spliced() {
    let seat = Seat::start().await;
    let mut page = seat.page().await;
    page.run("true").await;
    let mut other = seat.page().await;
    drop_silently(&mut page);
    other.run("seq 1 300000").await;
    let head = other.position();
    let mut back = page.resume().await;
    assert!(!back.attached.resumed);
    assert!(back.attached.offset >= head);
    let replay = back.wait_for_replay().await;
    let first: u32 = replay.split("\r\n").nth(1).unwrap().parse().unwrap();
    assert!(replay.contains(&format!("\r\n{}\r\n", first + 1)));
    assert!(replay.contains("300000\r\n"));
}

/// A page in a background tab: nobody reads its socket.
fn drop_silently(page: &mut clarateach_client::TerminalClient) {
    page.acks = clarateach_client::Acks::Never;
}

#[tokio::test]
async fn odd_positions_are_not_resumed() {
    let seat = Seat::start().await;
    let mut page = seat.page().await;
    page.run("true").await;
    let (epoch, head) = (page.attached.epoch.clone(), page.position());
    for query in [
        format!("&epoch={epoch}&offset={}", head + 100_000),
        format!("&epoch={epoch}"),
        "&offset=0".to_owned(),
        "&epoch=0000000000000000&offset=0".to_owned(),
    ] {
        let client = seat.attach(&query, Mode::Control).await;
        assert!(!client.attached.resumed, "{query}");
    }
    let whole = format!("&epoch={epoch}&offset=0");
    let client = seat.attach(&whole, Mode::Control).await;
    assert!(client.attached.resumed);
}

#[tokio::test]
async fn what_cannot_be_attached_is_refused_before_the_upgrade() {
    let seat = Seat::start().await;
    let token = seat.token(Mode::Control);
    let refused = async |target: &str| seat.endpoint(Some(&token)).refusal(target).await;
    assert_eq!(
        refused("/terminal?name=other").await,
        (404, "no_terminal".to_owned())
    );
    for query in [
        "cols=x",
        "cols=70000",
        "rows=-1",
        "name=a/b",
        "mode=root",
        "offset=1.5",
        "cols=1&cols=2",
    ] {
        let (status, code) = refused(&format!("/terminal?{query}")).await;
        assert_eq!((status, code.as_str()), (400, "invalid_input"), "{query}");
    }
    assert_eq!(refused("/terminal/x").await.0, 404);
    let plain = seat.get("/terminal").await;
    assert_eq!(
        (plain.status.as_u16(), plain.code().as_str()),
        (426, "upgrade_required")
    );
    assert_eq!(seat.call(Method::POST, "/terminal").await.status, 405);
    let terminals = seat.get("/terminals").await.json();
    assert_eq!(
        terminals["terminals"].as_array().unwrap().len(),
        0,
        "none was made by a refusal"
    );
}

#[tokio::test]
async fn the_subprotocol_is_agreed_or_left_out() {
    let seat = Seat::start().await;
    let token = seat.token(Mode::Control);
    let several = format!("other.v1, {SUBPROTOCOL}");
    let (_socket, response) = seat
        .endpoint(Some(&token))
        .open("/terminal", Some(&several))
        .await
        .unwrap();
    assert_eq!(response.headers()["sec-websocket-protocol"], SUBPROTOCOL);
    let (_socket, response) = seat
        .endpoint(Some(&token))
        .open("/terminal", None)
        .await
        .unwrap();
    assert!(response.headers().get("sec-websocket-protocol").is_none());
    assert!(
        seat.endpoint(Some(&token))
            .open("/terminal", Some("other.v1"))
            .await
            .is_err()
    );
}

#[tokio::test]
async fn a_stopping_seat_says_so() {
    let seat = Seat::start().await;
    let mut page = seat.page().await;
    page.run("true").await;
    seat.begin_to_stop();
    assert_eq!(page.wait_for_close().await, Some(close::STOPPING));
    drop(page);
    seat.stop().await;
}
