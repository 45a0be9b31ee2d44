//! WebSockets: refused before `101`, raw after it, and ended with their tenancy.

use std::time::Duration;

use tokio::io::AsyncWriteExt;

use super::client::Client;
use super::seat::{Seat, read_request, switching};
use super::world::{LEARNER, Setup, World, eventually, now, seat};

/// A live connection to the seat's terminal, checked with an echo.
async fn attached(world: &World) -> Client {
    let ask = world
        .ask("GET", "terminal?name=main")
        .bearer(&world.token());
    let mut client = ask.websocket().open(b"").await;
    let reply = client.reply().await;
    assert_eq!(reply.status, 101, "{reply:?}");
    echo(&mut client, b"\x82\x05hello").await;
    client
}

async fn echo(client: &mut Client, bytes: &[u8]) {
    client.write(bytes).await;
    assert_eq!(client.bytes(bytes.len()).await, bytes);
}

#[tokio::test]
async fn bytes_pass_raw_after_the_seats_own_101() {
    let upstream = Seat::socket().await;
    let world = World::serving(&upstream).await;
    let ask = world
        .ask("GET", "terminal?name=main")
        .cookie(&world.token());
    let mut client = ask
        .field("Origin", world.origin())
        .websocket()
        .open(b"")
        .await;
    let reply = client.reply().await;
    assert_eq!(reply.status, 101);
    assert_eq!(
        reply.field("sec-websocket-accept"),
        Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
    );
    assert_eq!(reply.field("upgrade"), Some("websocket"));
    echo(&mut client, b"no frame at all, \x00\xff and not masked").await;
    let head = upstream.seen();
    assert!(
        head.starts_with("GET /terminal?name=main HTTP/1.1\r\n"),
        "{head}"
    );
    assert!(!head.contains("cookie"), "{head}");
    assert!(!head.contains(&world.token()), "{head}");
}

#[tokio::test]
async fn the_subprotocol_is_the_seats_choice_of_the_clients_offer() {
    for (chosen, status) in [("clarateach.terminal.v1", 101), ("other", 502)] {
        let upstream = Seat::scripted(move |mut stream, seen| async move {
            let request = read_request(&mut stream, &seen).await.unwrap();
            let field = format!("\r\nsec-websocket-protocol: {chosen}\r\n\r\n");
            let answer = switching(&request).replace("\r\n\r\n", &field);
            stream.write_all(answer.as_bytes()).await.unwrap();
            read_request(&mut stream, &seen).await;
        })
        .await;
        let world = World::serving(&upstream).await;
        let ask = world
            .ask("GET", "terminal")
            .bearer(&world.token())
            .websocket();
        let reply = ask
            .field("Sec-WebSocket-Protocol", "x, clarateach.terminal.v1")
            .open(b"")
            .await
            .reply()
            .await;
        assert_eq!(reply.status, status);
        if status == 101 {
            assert_eq!(reply.field("sec-websocket-protocol"), Some(chosen));
        }
    }
}

#[tokio::test]
async fn bad_handshakes_are_refused_before_the_seat_hears_of_them() {
    let upstream = Seat::socket().await;
    let world = World::serving(&upstream).await;
    let right = world
        .ask("GET", "terminal")
        .bearer(&world.token())
        .websocket()
        .text;
    let without = |line: &str, instead: &str| right.replace(line, instead);
    for (name, text, status) in [
        (
            "no version",
            without("Sec-WebSocket-Version: 13\r\n", ""),
            400,
        ),
        ("version 8", without("Version: 13", "Version: 8"), 426),
        (
            "short key",
            without("dGhlIHNhbXBsZSBub25jZQ==", "c2hvcnQ="),
            400,
        ),
        (
            "no key",
            without("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", ""),
            400,
        ),
        (
            "no Connection: upgrade",
            without("keep-alive, Upgrade", "keep-alive"),
            400,
        ),
        ("no Upgrade", without("Upgrade: websocket\r\n", ""), 400),
        ("a POST", without("GET ", "POST "), 400),
        ("HTTP/1.0", without("HTTP/1.1", "HTTP/1.0"), 400),
        ("a body", format!("{right}Content-Length: 3\r\n"), 400),
        (
            "a chunked body",
            format!("{right}Transfer-Encoding: chunked\r\n"),
            400,
        ),
        (
            "two keys",
            format!("{right}Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"),
            400,
        ),
    ] {
        let mut client = world.connect().await;
        client.write(format!("{text}\r\n").as_bytes()).await;
        let reply = client.reply().await;
        assert_eq!(reply.status, status, "{name}: {reply:?}");
    }
    assert_eq!(upstream.seen(), "");
}

#[tokio::test]
async fn another_sites_page_gets_no_socket_with_a_cookie() {
    let upstream = Seat::socket().await;
    let world = World::serving(&upstream).await;
    let ask = || {
        world
            .ask("GET", "terminal")
            .cookie(&world.token())
            .websocket()
    };
    for ask in [
        ask(),
        ask().field("Origin", "http://evil.example"),
        ask().field("Origin", "null"),
        ask().field("Origin", format!("{}.evil.example", world.origin())),
        ask().field("Sec-Fetch-Site", "same-origin"),
    ] {
        assert_eq!(ask.send().await.status, 403);
    }
    assert_eq!(upstream.seen(), "");
}

#[tokio::test]
async fn bytes_sent_too_early_wait_for_the_101() {
    let (say, said) = tokio::sync::watch::channel(false);
    let upstream = Seat::scripted(move |mut stream, seen| {
        let mut said = said.clone();
        async move {
            let request = read_request(&mut stream, &seen).await.unwrap();
            said.wait_for(|said| *said).await.unwrap();
            stream
                .write_all(switching(&request).as_bytes())
                .await
                .unwrap();
            let mut buffer = [0; 64];
            while let Ok(count @ 1..) =
                tokio::io::AsyncReadExt::read(&mut stream, &mut buffer).await
            {
                seen.note(&buffer[..count]);
                stream.write_all(&buffer[..count]).await.unwrap();
            }
        }
    })
    .await;
    let world = World::serving(&upstream).await;
    let ask = world
        .ask("GET", "terminal")
        .bearer(&world.token())
        .websocket();
    let mut client = ask.open(b"").await;
    client.write(b"premature").await;
    eventually("the handshake", || upstream.seen().contains("\r\n\r\n")).await;
    // A second exchange through the gateway gives the early bytes time to arrive, if they could.
    assert_eq!(
        world.ask_path("GET", "/api/health").send().await.status,
        200
    );
    assert!(!upstream.seen().contains("premature"));
    say.send(true).unwrap();
    assert_eq!(client.reply().await.status, 101);
    assert_eq!(client.bytes(9).await, b"premature");
}

#[tokio::test]
async fn what_follows_a_refused_handshake_is_no_request() {
    let upstream = Seat::echo().await;
    let world = World::serving(&upstream).await;
    let ask = world
        .ask("GET", "terminal")
        .bearer(&world.token())
        .websocket();
    let smuggled = world
        .ask("PUT", "files/smuggled")
        .bearer(&world.token())
        .text;
    let mut client = world.connect().await;
    client
        .write(format!("{}\r\n{smuggled}\r\n", ask.text).as_bytes())
        .await;
    // The seat answers 200 instead of 101.
    assert_eq!(client.reply().await.status, 200);
    client.closed().await;
    assert!(!upstream.seen().contains("smuggled"));
}

#[tokio::test]
async fn a_false_101_is_not_passed_on() {
    for (name, from, to) in [
        (
            "wrong accept",
            "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
            "s3pPLMBiTxaQ9kYGzzhZRbK+xOo",
        ),
        ("another protocol", "upgrade: websocket", "upgrade: h2c"),
        ("no Connection", "connection: Upgrade\r\n", ""),
        (
            "an extension",
            "upgrade: websocket",
            "upgrade: websocket\r\nsec-websocket-extensions: permessage-deflate",
        ),
    ] {
        let upstream = Seat::scripted(move |mut stream, seen| async move {
            let request = read_request(&mut stream, &seen).await.unwrap();
            let answer = switching(&request).replace(from, to);
            stream.write_all(answer.as_bytes()).await.unwrap();
            read_request(&mut stream, &seen).await;
        })
        .await;
        let world = World::serving(&upstream).await;
        let ask = world
            .ask("GET", "terminal")
            .bearer(&world.token())
            .websocket();
        let reply = ask.send().await;
        assert_eq!(reply.status, 502, "{name}: {reply:?}");
        upstream.wait_closed(1).await;
    }
}

#[tokio::test]
async fn the_seats_refusal_is_an_ordinary_answer() {
    let answer = "HTTP/1.1 404 Not Found\r\nSet-Cookie: a=b\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";
    let upstream = Seat::answering(answer).await;
    let world = World::serving(&upstream).await;
    let ask = world.ask("GET", "terminal?name=x").bearer(&world.token());
    let reply = ask.websocket().send().await;
    assert_eq!((reply.status, reply.text().as_str()), (404, "{}"));
    assert_eq!(reply.field("set-cookie"), None);
    assert_eq!(reply.field("content-disposition"), Some("attachment"));
}

#[tokio::test]
async fn live_connections_end_with_their_tenancy() {
    type Change = fn(&World, &Seat);
    let changes: [(&str, Change); 5] = [
        ("reset", |world, _| world.tenancy(3, 3, Some(LEARNER))),
        ("release", |world, _| world.tenancy(3, 3, None)),
        ("another learner", |world, _| {
            world.tenancy(3, 2, Some("as-bob"))
        }),
        ("delete", |world, _| {
            world.directory.remove_workshop(&seat(3).workshop)
        }),
        ("a new start of the seat", |world, seat| {
            world.live(seat, "two")
        }),
    ];
    for (name, change) in changes {
        let upstream = Seat::socket().await;
        let world = World::serving(&upstream).await;
        let mut client = attached(&world).await;
        // The control: the same tenancy said again changes nothing.
        world.tenancy(3, 2, Some(LEARNER));
        world.live(&upstream, "one");
        echo(&mut client, b"still here").await;
        change(&world, &upstream);
        let took = client.closed().await;
        assert!(took < Duration::from_secs(1), "{name} took {took:?}");
        upstream.wait_closed(1).await;
    }
}

#[tokio::test]
async fn a_live_connection_ends_with_its_token() {
    let upstream = Seat::socket().await;
    let world = World::serving(&upstream).await;
    let mut claims = world.claims();
    claims.expires_at = now() + 2;
    let ask = world
        .ask("GET", "terminal")
        .bearer(&claims.sign(&world.key));
    let mut client = ask.websocket().open(b"").await;
    assert_eq!(client.reply().await.status, 101);
    echo(&mut client, b"hello").await;
    let took = client.closed().await;
    assert!(took < Duration::from_secs(3), "took {took:?}");
    assert!(now() >= claims.expires_at);
}

#[tokio::test]
async fn either_side_may_hang_up() {
    let upstream = Seat::socket().await;
    let world = World::serving(&upstream).await;
    drop(attached(&world).await);
    upstream.wait_closed(1).await;
    let mut client = attached(&world).await;
    drop(upstream);
    client.closed().await;
}

#[tokio::test]
async fn a_stopping_server_ends_live_connections_at_once() {
    let upstream = Seat::socket().await;
    let mut world = World::with(Setup::default()).await;
    world.live(&upstream, "one");
    let mut client = attached(&world).await;
    world.stop.cancel();
    assert!(client.closed().await < Duration::from_secs(1));
    world.server.join_next().await.unwrap().unwrap();
    upstream.wait_closed(1).await;
}
