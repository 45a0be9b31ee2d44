//! Clients that no page is: too much, too often, at the wrong moment, and against every rule.

use clarateach_client::{Attach, Endpoint, TerminalClient};
use clarateach_protocol::terminal::{SUBPROTOCOL, close};
use futures_util::future::join_all;
use futures_util::{SinkExt, StreamExt};
use hyper::Method;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;

use crate::seat::{DEADLINE, Seat};

/// The seat's only terminal works as before.
async fn is_well(seat: &Seat) {
    let mut page = seat.page().await;
    assert_eq!(page.run("echo $((6*7))").await, "42");
}

/// The code with which the connection is closed; none if it just ends.
async fn closed(socket: &mut clarateach_client::Socket) -> Option<u16> {
    let end = async {
        loop {
            match socket.next().await {
                Some(Ok(Message::Close(frame))) => return frame.map(|frame| frame.code.into()),
                Some(Ok(_)) => {}
                None | Some(Err(_)) => return None,
            }
        }
    };
    timeout(DEADLINE, end).await.expect("the connection ends")
}

async fn open(endpoint: &Endpoint) -> clarateach_client::Socket {
    let opened = endpoint.open("/terminal", Some(SUBPROTOCOL)).await;
    opened.unwrap().0
}

#[tokio::test]
async fn whoever_breaks_the_rules_is_told_which() {
    let seat = Seat::start().await;
    let large = vec![b'x'; 1 << 20];
    let deep = "[".repeat(200_000);
    for (message, code) in [
        (Message::binary(large), 1009),
        (Message::text("x".repeat(1 << 20)), 1009),
        (Message::text(deep), 1002),
        (
            Message::text(r#"{"type":"ack","offset":18446744073709551616}"#),
            1002,
        ),
        (Message::text(r#"{"type":"ack","offset":-1}"#), 1002),
        (
            Message::text(r#"{"type":"resize","cols":65536,"rows":1}"#),
            1002,
        ),
        (Message::text(""), 1002),
    ] {
        let mut socket = open(&seat.terminals()).await;
        // It may be closed while it is sent.
        let _ = socket.send(message.clone()).await;
        let shown = format!("{message:.60}");
        assert_eq!(closed(&mut socket).await, Some(code), "{shown}");
    }
    is_well(&seat).await;
}

#[tokio::test]
async fn bytes_that_are_no_frames_end_the_connection() {
    let seat = Seat::start().await;
    for (bytes, code) in [
        // A reserved opcode, reserved bits, a frame without a mask, a control frame that is cut up, a continuation
        // of nothing, and text that is no UTF-8.
        (&[0x83, 0x80, 1, 2, 3, 4][..], 1002),
        (&[0xf2, 0x80, 1, 2, 3, 4], 1002),
        (&[0x82, 0x01, b'x'], 1002),
        (&[0x09, 0x80, 1, 2, 3, 4], 1002),
        (&[0x80, 0x80, 1, 2, 3, 4], 1002),
        (&[0x81, 0x81, 0, 0, 0, 0, 0xff], 1007),
        // The largest length that can be said.
        (
            &[
                0x82, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4,
            ],
            1009,
        ),
    ] {
        let mut socket = open(&seat.terminals()).await;
        let link = socket.get_mut();
        link.write_all(bytes).await.unwrap();
        link.flush().await.unwrap();
        assert_eq!(closed(&mut socket).await, Some(code), "{bytes:x?}");
    }
    is_well(&seat).await;
}

#[tokio::test]
async fn as_many_connections_as_are_allowed_and_no_more_at_once() {
    let seat = Seat::start().await;
    let page = seat.page().await;
    let endpoint = seat.terminals();
    let attach = || endpoint.open("/terminal", Some(SUBPROTOCOL));
    let opened = join_all((0..100).map(|_| attach())).await;
    let (attached, refused): (Vec<_>, Vec<_>) = opened.into_iter().partition(Result::is_ok);
    assert_eq!((attached.len(), refused.len()), (63, 37));
    assert_eq!(
        endpoint.refusal("/terminal").await,
        (503, "too_many_clients".to_owned())
    );
    drop((attached, page));
    crate::seat::until("room again", async || attach().await.is_ok()).await;
    is_well(&seat).await;
}

#[tokio::test]
async fn whoever_attaches_while_the_shell_ends_gets_an_old_end_or_a_new_beginning() {
    let seat = Seat::start().await;
    for round in 0..10 {
        let mut page = seat.page().await;
        page.run("true").await;
        page.type_text("exit 3\r").await;
        let endpoint = seat.terminals();
        let others =
            join_all((0..20).map(|_| TerminalClient::attach(&endpoint, Attach::default())));
        let (code, others) = tokio::join!(page.wait_for_close(), others);
        assert_eq!((code, page.exit_code), (Some(close::GONE), Some(3)));
        let of_old = |other: &TerminalClient| other.attached.epoch == page.attached.epoch;
        let (old, new): (Vec<_>, Vec<_>) = others.into_iter().partition(of_old);
        for mut other in old {
            assert_eq!(other.wait_for_close().await, Some(close::GONE));
            assert_eq!(other.exit_code, Some(3));
        }
        let epochs: std::collections::BTreeSet<_> = new
            .iter()
            .map(|other| other.attached.epoch.clone())
            .collect();
        assert!(epochs.len() <= 1, "round {round}: {epochs:?}");
        for mut other in new {
            assert_eq!(other.run("echo alive").await, "alive");
        }
    }
}

#[tokio::test]
async fn a_storm_of_terminals_makes_as_many_as_are_allowed() {
    let seat = Seat::start().await;
    let (wish, chosen) = (json!({}), json!({"name": "mine"}));
    let made = join_all((0..200).map(|_| seat.post_json("/terminals", &wish))).await;
    let created = made.iter().filter(|answer| answer.status == 201).count();
    let refused = made.iter().filter(|answer| answer.status == 409).count();
    assert_eq!((created, refused), (16, 184));
    let names: std::collections::BTreeSet<_> = made
        .iter()
        .filter(|answer| answer.status == 201)
        .map(|answer| answer.json()["name"].to_string())
        .collect();
    assert_eq!(names.len(), 16);
    // Main is not made beyond them, and says why.
    let (status, code) = seat.terminals().refusal("/terminal").await;
    assert_eq!((status, code.as_str()), (409, "too_many_terminals"));
    let seat_ref = &seat;
    let closing = names.iter().map(|name| async move {
        let target = format!("/terminals/{}", name.trim_matches('"'));
        // Twice each, at once.
        let once = || seat_ref.call(Method::DELETE, &target);
        let (first, second) = tokio::join!(once(), once());
        [first.status.as_u16(), second.status.as_u16()]
    });
    for statuses in join_all(closing).await {
        assert!(statuses.contains(&204), "{statuses:?}");
        assert!(statuses.iter().all(|status| [204, 404].contains(status)));
    }
    let same = join_all((0..10).map(|_| seat.post_json("/terminals", &chosen))).await;
    let created = same.iter().filter(|answer| answer.status == 201).count();
    assert_eq!(created, 1, "of one name");
    is_well(&seat).await;
}

#[tokio::test]
async fn odd_names_of_terminals_are_refused() {
    let seat = Seat::start().await;
    seat.page().await.run("true").await;
    let long = "x".repeat(255);
    for name in [
        "", " ", "a b", "..", "a/b", "a\0b", "a\nb", "-rf", "🐍", "é", "main ", &long,
    ] {
        let encoded = utf8_percent_encode(name, NON_ALPHANUMERIC);
        let (status, code) = seat
            .terminals()
            .refusal(&format!("/terminal?name={encoded}"))
            .await;
        assert_eq!((status, code.as_str()), (400, "invalid_input"), "{name:?}");
        let made = seat.post_json("/terminals", &json!({"name": name})).await;
        assert_eq!(made.status, 400, "{name:?}");
        if !name.is_empty() {
            for target in [
                format!("/terminals/{encoded}"),
                format!("/terminals/{encoded}/screen"),
            ] {
                let removed = seat.call(Method::DELETE, &target).await;
                assert!(removed.status.is_client_error(), "{name:?}");
                assert!(seat.get(&target).await.status.is_client_error(), "{name:?}");
            }
        }
    }
    let widest = "x".repeat(32);
    let made = seat.post_json("/terminals", &json!({"name": widest})).await;
    assert_eq!(made.status, 201);
    is_well(&seat).await;
}

#[tokio::test]
async fn a_flood_of_acks_and_sizes_costs_the_others_nothing() {
    let seat = Seat::start().await;
    let mut page = seat.page().await;
    page.run("true").await;
    let mut noisy = open(&seat.terminals()).await;
    let position = page.position();
    let flood = async {
        for step in 0..20_000u32 {
            let (cols, rows) = (step % 65_536, step * 7 % 65_536);
            let frame = json!({"type": "resize", "cols": cols, "rows": rows});
            noisy.feed(Message::text(frame.to_string())).await.unwrap();
            let frame = json!({"type": "ack", "offset": position});
            noisy.feed(Message::text(frame.to_string())).await.unwrap();
        }
        noisy.flush().await.unwrap();
    };
    let work = async {
        for _ in 0..20 {
            assert_eq!(page.run("echo alive").await, "alive");
        }
    };
    tokio::join!(flood, work);
    page.resize(80, 24).await;
    assert_eq!(page.run("stty size").await, "24 80");
    let absurd = Attach::default().sized(0, 65535).viewing();
    let viewer = TerminalClient::attach(&seat.terminals(), absurd).await;
    assert_eq!((viewer.attached.cols, viewer.attached.rows), (80, 24));
}
