//! Programs that do what they like, and browsers that send what they like: what passes between them.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::world::{OWN_COOKIE, ROOM, World, echo, program};
use crate::proxy::seat::{read_request, switching};
use crate::proxy::world::eventually;

#[tokio::test]
async fn a_program_hears_localhost_and_nothing_of_the_platform() {
    let upstream = echo().await;
    let world = World::serving(&upstream).await;
    for name in ["localhost", ROOM] {
        let ada = world.ada_in(name).await;
        let number = ada.host.rsplit(':').next().unwrap().to_owned();
        let prefix = if name == ROOM {
            format!("p{number}-")
        } else {
            String::new()
        };
        let reply = ada
            .fetch("POST", "/api?x=%2f..;a")
            .field(
                "Cookie",
                format!("{prefix}session=1; clarateach-seat-t=seatsecret"),
            )
            .field("Cookie", "__Host-clarateach-session-t=seatsecret")
            .field("X-Forwarded-For", "6.6.6.6")
            .field("X-Forwarded-Host", "evil.test")
            .field("Forwarded", "for=6.6.6.6")
            .field("Connection", "x-hop, cookie")
            .field("X-Hop", "1")
            .field("Authorization", "Basic dTpw")
            .send_with(b"a body")
            .await;
        assert_eq!(reply.status, 200, "{reply:?}");
        let heard = reply.text();
        assert!(
            heard.starts_with("POST /api?x=%2f..;a HTTP/1.1\r\n"),
            "{heard}"
        );
        assert!(heard.ends_with("\r\n\r\na body"), "{heard}");
        let lower = heard.to_lowercase();
        assert!(lower.contains("\r\nhost: localhost:5173\r\n"), "{heard}");
        assert!(
            lower.contains("\r\norigin: http://localhost:5173\r\n"),
            "{heard}"
        );
        assert!(
            lower.contains("\r\nauthorization: basic dtpw\r\n"),
            "{heard}"
        );
        assert!(
            lower.contains("\r\nx-forwarded-for: 127.0.0.1\r\n"),
            "{heard}"
        );
        for secret in [
            "seatsecret",
            "clarateach",
            "6.6.6.6",
            "evil",
            "x-hop",
            &ada.cookie,
            "bearer",
        ] {
            assert!(!lower.contains(secret), "{secret} in {heard}");
        }
    }
    assert!(
        !upstream.seen().contains("clarateach"),
        "{}",
        upstream.seen()
    );
}

#[tokio::test]
async fn a_platforms_token_is_not_passed_to_a_program() {
    let upstream = echo().await;
    let world = World::serving(&upstream).await;
    let ada = world.ada_in("localhost").await;
    let own = ada
        .cookie
        .strip_prefix(&format!("{OWN_COOKIE}="))
        .unwrap()
        .to_owned();
    for token in [world.ada(), world.instructor(4), own, "ct_abc".to_owned()] {
        let reply = ada.fetch("GET", "/").bearer(&token).send().await;
        assert_eq!(reply.status, 403);
    }
    let theirs = ada.fetch("GET", "/").bearer("their-own").send().await;
    assert!(
        theirs.text().contains("authorization: Bearer their-own"),
        "{theirs:?}"
    );
}

#[tokio::test]
async fn a_program_sets_nothing_beyond_its_origin() {
    let upstream = program(|mut stream, seen, _| async move {
        while read_request(&mut stream, &seen).await.is_some() {
            let answer = "HTTP/1.1 302 Found\r\nset-cookie: a=b; Domain=localhost\r\nset-cookie: clarateach-origin-t=x\r\n\
                set-cookie: __Host-clarateach-session-t=x; Secure; Path=/\r\nclear-site-data: \"*\"\r\nstrict-transport-security: max-age=9\r\n\
                alt-svc: h3=\":443\"\r\nnel: {}\r\nservice-worker-allowed: /\r\nlocation: http://127.0.0.1:5173/next\r\n\
                content-security-policy: default-src 'self'\r\ncontent-length: 0\r\n\r\n";
            if stream.write_all(answer.as_bytes()).await.is_err() {
                return;
            }
        }
    })
    .await;
    let world = World::serving(&upstream).await;
    for name in ["localhost", ROOM] {
        let ada = world.ada_in(name).await;
        let reply = ada.visit("/").send().await;
        assert_eq!(
            reply.field("location"),
            Some(format!("{}/next", ada.origin()).as_str())
        );
        let head = reply.head.to_lowercase();
        for gone in [
            "clarateach-",
            "clear-site-data",
            "strict-transport",
            "alt-svc",
            "nel:",
            "service-worker",
            "domain=",
        ] {
            assert!(!head.contains(gone), "{gone} in {head}");
        }
        assert!(
            head.contains("content-security-policy: default-src 'self'"),
            "{head}"
        );
        assert_eq!(
            head.contains("frame-ancestors 'self' http://203.0.113.7"),
            name == ROOM,
            "{head}"
        );
        // Nobody tells who asked: other pages of the address mustn't read it.
        let image = ada.bare("GET", "/").send().await;
        let fenced = image.field("cross-origin-resource-policy");
        assert_eq!(fenced, (name == ROOM).then_some("same-origin"));
    }
}

#[tokio::test]
async fn service_workers_are_served_to_nobody() {
    let upstream = echo().await;
    let world = World::serving(&upstream).await;
    let ada = world.ada_in("localhost").await;
    let worker = ada.fetch("GET", "/sw.js").field("Service-Worker", "script");
    assert_eq!(worker.send().await.status, 403);
    let worker = ada
        .fetch("GET", "/sw.js")
        .field("Sec-Fetch-Dest", "serviceworker");
    assert_eq!(worker.send().await.status, 403);
    assert_eq!(ada.fetch("GET", "/sw.js").send().await.status, 200);
}

#[tokio::test]
async fn sockets_are_raw_after_the_programs_own_101() {
    let upstream = program(|mut stream, seen, _| async move {
        let Some(request) = read_request(&mut stream, &seen).await else {
            return;
        };
        let _ = stream.write_all(switching(&request).as_bytes()).await;
        let mut buffer = [0; 1024];
        while let Ok(count @ 1..) = stream.read(&mut buffer).await {
            let _ = stream.write_all(&buffer[..count]).await;
        }
    })
    .await;
    let world = World::serving(&upstream).await;
    for name in ["localhost", ROOM] {
        let ada = world.ada_in(name).await;
        let ask = ada
            .fetch("GET", "/hmr")
            .field("Sec-WebSocket-Protocol", "vite-hmr");
        let mut socket = ask.websocket().open(b"").await;
        let reply = socket.reply().await;
        assert_eq!(reply.status, 101, "{reply:?}");
        socket.write(b"\x00no frame\xff").await;
        assert_eq!(socket.bytes(10).await, b"\x00no frame\xff");
        assert!(
            upstream.seen().contains("sec-websocket-protocol: vite-hmr"),
            "{}",
            upstream.seen()
        );
    }
}

#[tokio::test]
async fn a_false_101_opens_nothing() {
    let upstream = program(|mut stream, seen, _| async move {
        read_request(&mut stream, &seen).await;
        let answer = "HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: wrong\r\n\r\nbytes";
        let _ = stream.write_all(answer.as_bytes()).await;
        read_request(&mut stream, &seen).await;
    })
    .await;
    let world = World::serving(&upstream).await;
    let ada = world.ada_in("localhost").await;
    let mut socket = ada.fetch("GET", "/ws").websocket().open(b"premature").await;
    let reply = socket.reply().await;
    assert_eq!(reply.error(), (400, "bad_handshake".to_owned()));
    let reply = ada.fetch("GET", "/ws").websocket().send().await;
    assert_eq!(reply.error(), (502, "seat_protocol_error".to_owned()));
    assert!(
        !upstream.seen().contains("premature"),
        "{}",
        upstream.seen()
    );
}

#[tokio::test]
async fn events_come_as_they_are_sent() {
    let upstream = program(|mut stream, seen, _| async move {
        read_request(&mut stream, &seen).await;
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
        let _ = stream.write_all(head.as_bytes()).await;
        let _ = stream.write_all(b"a\r\ndata: one\n\r\n").await;
        // The next comes when the browser has the first and goes away.
        let mut end = [0];
        let _ = stream.read(&mut end).await;
    })
    .await;
    let world = World::serving(&upstream).await;
    let ada = world.ada_in("localhost").await;
    let mut events = ada.fetch("GET", "/events").open(b"").await;
    let text = String::from_utf8(events.bytes(1).await).unwrap();
    assert_eq!(text, "H");
    let mut seen = String::new();
    while !seen.contains("data: one") {
        seen.push(char::from(events.bytes(1).await[0]));
    }
    drop(events);
    upstream.wait_closed(1).await;
}

#[tokio::test]
async fn smuggled_requests_reach_no_program() {
    let upstream = echo().await;
    let world = World::serving(&upstream).await;
    let ada = world.ada_in("localhost").await;
    for fields in [
        "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: xchunked\r\n",
        "Content-Length: 4\r\nContent-Length: 5\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
    ] {
        let mut ask = ada.fetch("POST", "/");
        ask.text += fields;
        let mut client = ask.open(b"").await;
        client
            .write(b"0\r\n\r\nGET /smuggled HTTP/1.1\r\n\r\n")
            .await;
        let reply = client.reply().await;
        assert_eq!(reply.status, 400, "{fields:?}");
    }
    assert!(!upstream.seen().contains("smuggled"), "{}", upstream.seen());
    assert_eq!(ada.fetch("POST", "/").send_with(b"fine").await.status, 200);
}

#[tokio::test]
async fn a_connection_is_kept_for_a_moment_and_for_the_same_port_only() {
    let upstream = echo().await;
    let world = World::serving(&upstream).await;
    let ada = world.ada_in("localhost").await;
    let body = serde_json::json!({"kind": "port", "port": 8000});
    let other = world.enter("localhost", &world.ada(), 3, body).await;
    for _ in 0..3 {
        assert_eq!(ada.visit("/").send().await.status, 200);
    }
    assert_eq!(upstream.connections(), 1);
    assert_eq!(other.visit("/").send().await.status, 200);
    assert_eq!(
        upstream.connections(),
        2,
        "another port's connection was used"
    );
    // A program that serves one at a time must not wait for us.
    let began = tokio::time::Instant::now();
    upstream.wait_closed(2).await;
    assert!(
        began.elapsed() < Duration::from_secs(4),
        "{:?}",
        began.elapsed()
    );
}

#[tokio::test]
async fn a_program_that_answers_and_closes_is_served_again() {
    let upstream = program(|mut stream, seen, _| async move {
        if read_request(&mut stream, &seen).await.is_some() {
            let _ = stream.write_all(b"HTTP/1.0 200 OK\r\n\r\nold").await;
        }
    })
    .await;
    let world = World::serving(&upstream).await;
    let ada = world.ada_in("localhost").await;
    for _ in 0..3 {
        let reply = ada.visit("/").send().await;
        assert_eq!(
            (reply.status, reply.text().contains("old")),
            (200, true),
            "{reply:?}"
        );
    }
    eventually("all to be seen", || upstream.connections() == 3).await;
}
