//! Requests that two parsers could read differently.

use super::seat::Seat;
use super::world::World;

/// Sends bytes and a second request behind them; returns what the seat saw.
async fn sent(world: &World, upstream: &Seat, head: &str, rest: &str) -> (u16, String) {
    let mut client = world.connect().await;
    let smuggled = world.ask("DELETE", "files/smuggled").text;
    client
        .write(format!("{head}\r\n{rest}{smuggled}\r\n").as_bytes())
        .await;
    let reply = client.reply().await;
    client.closed().await;
    (reply.status, upstream.seen())
}

#[tokio::test]
async fn ambiguous_lengths_are_refused() {
    for (name, fields) in [
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
        let (status, seen) = sent(&world, &upstream, &head, "").await;
        assert!(matches!(status, 0 | 400), "{name}: {status}");
        assert_eq!(seen, "", "{name}");
    }
}

#[tokio::test]
async fn a_length_beside_chunks_is_never_passed_on() {
    for fields in [
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
    ] {
        let upstream = Seat::echo().await;
        let world = World::serving(&upstream).await;
        let head = world.ask("POST", "terminals").bearer(&world.token()).text + fields;
        let (_, seen) = sent(&world, &upstream, &head, "0\r\n\r\n").await;
        assert!(!seen.contains("smuggled"), "{seen}");
        assert!(!seen.contains("content-length: 5"), "{seen}");
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
        assert!(
            reply.status == 0 || reply.status >= 400,
            "{body:?}: {reply:?}"
        );
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
