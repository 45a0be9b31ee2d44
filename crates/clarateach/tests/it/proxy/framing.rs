//! Requests that two parsers could read differently.

use tokio::io::AsyncWriteExt;

use super::seat::{Seat, read_request};
use super::world::World;

/// Sends bytes and a second request behind them; returns what the seat saw.
async fn sent(world: &World, upstream: &Seat, head: &str) -> (u16, String) {
    let mut client = world.connect().await;
    let smuggled = world.ask("DELETE", "files/smuggled").text;
    client
        .write(format!("{head}\r\n0\r\n\r\n{smuggled}\r\n").as_bytes())
        .await;
    let reply = client.reply().await;
    client.closed().await;
    (reply.status, upstream.seen())
}

#[tokio::test]
async fn ambiguous_lengths_are_refused() {
    for (name, fields) in [
        (
            "a length and chunks",
            "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        ),
        (
            "chunks and a length",
            "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        ),
        ("a bare LF", "X-A: b\nContent-Length: 5\r\n"),
        (
            "two equal lengths",
            "Content-Length: 0\r\nContent-Length: 0\r\n",
        ),
        ("two lengths", "Content-Length: 0\r\nContent-Length: 5\r\n"),
        ("a list", "Content-Length: 0, 5\r\n"),
        ("a sign", "Content-Length: +5\r\n"),
        ("another coding", "Transfer-Encoding: gzip\r\n"),
        (
            "chunked not last",
            "Transfer-Encoding: chunked, identity\r\n",
        ),
        ("a space before the colon", "Content-Length : 5\r\n"),
        ("a folded line", "X-A: b\r\n Content-Length: 5\r\n"),
        ("a NUL", "X-A: b\0c\r\n"),
        ("a bare CR", "X-A: b\rContent-Length: 5\r\n"),
    ] {
        let upstream = Seat::echo().await;
        let world = World::serving(&upstream).await;
        let head = world.ask("POST", "terminals").bearer(&world.token()).text + fields;
        let (status, seen) = sent(&world, &upstream, &head).await;
        assert!(matches!(status, 0 | 400), "{name}: {status}");
        assert_eq!(seen, "", "{name}");
    }
}

#[tokio::test]
async fn broken_chunks_end_the_request() {
    for body in [
        "5\nhello\n0\n\n",
        "-1\r\n",
        "5;a\nb\r\nhello\r\n0\r\n\r\n",
        "fffffffffffffffff\r\n",
    ] {
        let upstream = Seat::echo().await;
        let world = World::serving(&upstream).await;
        let ask = world.ask("POST", "terminals").bearer(&world.token());
        let head = ask.field("Transfer-Encoding", "chunked").text;
        let mut client = world.connect().await;
        client.write(format!("{head}\r\n{body}").as_bytes()).await;
        let reply = client.reply().await;
        assert!(matches!(reply.status, 0 | 400), "{body:?}: {reply:?}");
        client.closed().await;
    }
}

#[tokio::test]
async fn pipelined_requests_are_each_checked() {
    let upstream = Seat::echo().await;
    let world = World::serving(&upstream).await;
    let first = world.ask("GET", "files/one").bearer(&world.token()).text;
    let second = world.ask("GET", "files/two").text;
    let mut client = world.connect().await;
    client
        .write(format!("{first}\r\n{second}\r\n").as_bytes())
        .await;
    assert_eq!(client.reply().await.status, 200);
    assert_eq!(client.reply().await.status, 401);
    assert!(!upstream.seen().contains("two"));
}

#[tokio::test]
async fn nothing_follows_a_request_with_an_open_end() {
    let upstream = Seat::echo().await;
    let world = World::serving(&upstream).await;
    let second = world.ask("GET", "files/two").bearer(&world.token()).text;
    for fields in ["Transfer-Encoding: chunked\r\n", "Upgrade: h2c\r\n"] {
        let first = world.ask("POST", "terminals").bearer(&world.token()).text + fields;
        let mut client = world.connect().await;
        let body = if fields.starts_with('T') {
            "0\r\n\r\n"
        } else {
            ""
        };
        let requests = format!("{first}\r\n{body}{second}\r\n");
        client.write(requests.as_bytes()).await;
        let reply = client.reply().await;
        assert_eq!(
            (reply.status, reply.field("connection")),
            (200, Some("close"))
        );
        client.closed().await;
    }
    assert!(!upstream.seen().contains("two"));
}

#[tokio::test]
async fn a_seat_cannot_answer_before_it_is_asked() {
    let answer = |body| format!("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n{body}");
    let upstream = Seat::scripted(move |mut stream, seen| async move {
        while read_request(&mut stream, &seen).await.is_some() {
            let both = answer("asked") + &answer("extra");
            if stream.write_all(both.as_bytes()).await.is_err() {
                return;
            }
        }
    })
    .await;
    let world = World::serving(&upstream).await;
    for _ in 0..10 {
        let reply = world.get().await;
        assert_eq!(reply.text(), "asked");
    }
}
