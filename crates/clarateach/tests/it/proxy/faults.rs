//! Seats that fail and clients that dawdle.

use std::time::Duration;

use clarateach::proxy::Limits;
use clarateach::server::ServerLimits;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

use super::seat::{SOON, Seat, read_request, switching};
use super::world::{Setup, World, eventually, until, within};

const SHORT: Duration = Duration::from_millis(200);

fn impatient() -> Setup {
    Setup {
        gateway: Limits {
            connect: SHORT,
            first_byte: SHORT,
            half_open: SHORT,
            ..Limits::default()
        },
        server: ServerLimits {
            header: SHORT,
            drain: SHORT,
            ..ServerLimits::default()
        },
        ..Setup::default()
    }
}

/// A seat that takes requests and never answers.
async fn silent() -> Seat {
    Seat::scripted(|mut stream, seen| async move {
        while read_request(&mut stream, &seen).await.is_some() {}
    })
    .await
}

#[tokio::test]
async fn a_seat_that_never_answers_is_a_504() {
    let upstream = silent().await;
    let world = World::with(impatient()).await;
    world.live(&upstream, "one");
    let token = world.token();
    let plain = world.ask("GET", "files").bearer(&token);
    let upgrade = world.ask("GET", "terminal").bearer(&token).websocket();
    for ask in [plain, upgrade] {
        assert_eq!(ask.send().await.error(), (504, "seat_timeout".to_owned()));
    }
    let reply = world
        .ask("PUT", "files/x")
        .bearer(&token)
        .send_with(b"hello")
        .await;
    assert_eq!(reply.error(), (504, "seat_timeout".to_owned()));
    upstream.wait_closed(3).await;
}

#[tokio::test]
async fn an_upload_that_stops_is_the_clients_fault() {
    let upstream = silent().await;
    let world = World::with(impatient()).await;
    world.live(&upstream, "one");
    let ask = world.ask("PUT", "files/x").bearer(&world.token());
    let mut client = ask.field("Content-Length", 10).open(b"").await;
    client.write(b"half").await;
    assert_eq!(
        client.reply().await.error(),
        (408, "upload_stalled".to_owned())
    );
}

#[tokio::test]
async fn a_seat_that_does_not_listen_is_a_502() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut gone = Seat::echo().await;
    gone.address = listener.local_addr().unwrap();
    drop(listener);
    let world = World::serving(&gone).await;
    for ask in [
        world.ask("GET", "files"),
        world.ask("GET", "terminal").websocket(),
    ] {
        let reply = ask.bearer(&world.token()).send().await;
        assert_eq!(reply.error(), (502, "seat_unreachable".to_owned()));
        assert_eq!(
            reply.json()["error"]["request_id"],
            reply.field("x-request-id").unwrap()
        );
    }
}

#[tokio::test]
async fn answers_that_are_no_http_are_a_502() {
    for answer in [
        "",
        "hello",
        "HTTP/1.1 200",
        "HTTP/1.1 abc OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx",
        "HTTP/1.1 200 OK\r\nA B: c\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
    ] {
        let upstream = Seat::answering(answer).await;
        let world = World::serving(&upstream).await;
        let reply = world
            .ask("POST", "terminals")
            .bearer(&world.token())
            .send()
            .await;
        assert_eq!(
            reply.error(),
            (502, "seat_protocol_error".to_owned()),
            "{answer:?}"
        );
    }
}

#[tokio::test]
async fn endless_headers_of_a_seat_are_a_502() {
    let field = "x: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n";
    let upstream = Seat::flooding("HTTP/1.1 200 OK\r\n", field).await;
    let world = World::serving(&upstream).await;
    let reply = world.get().await;
    assert_eq!(reply.status, 502);
    upstream.wait_closed(1).await;
}

#[tokio::test]
async fn a_body_that_breaks_off_is_cut_and_not_completed() {
    for head in ["content-length: 10", "transfer-encoding: chunked"] {
        let body = if head.starts_with('c') {
            "half"
        } else {
            "4\r\nhalf\r\n"
        };
        let upstream = Seat::answering(format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n{body}")).await;
        let world = World::serving(&upstream).await;
        let reply = world
            .ask("GET", "files/x")
            .bearer(&world.token())
            .send()
            .await;
        assert_eq!(reply.status, 200);
        assert!(reply.is_cut, "{head}");
    }
}

#[tokio::test]
async fn a_client_that_leaves_takes_its_request_along() {
    let upstream = silent().await;
    let world = World::serving(&upstream).await;
    let client = world.open().await;
    eventually("the request", || upstream.seen().contains("\r\n\r\n")).await;
    drop(client);
    upstream.wait_closed(1).await;
}

#[tokio::test]
async fn a_request_in_flight_ends_with_its_tenancy() {
    let upstream = silent().await;
    let world = World::serving(&upstream).await;
    let mut client = world.open().await;
    eventually("the request", || upstream.seen().contains("\r\n\r\n")).await;
    world.tenancy(3, 3, None);
    assert_eq!(client.reply().await.status, 503);
    upstream.wait_closed(1).await;
}

#[tokio::test]
async fn slow_header_sections_are_cut_and_others_are_served() {
    let world = World::with(impatient()).await;
    let mut slow = Vec::new();
    for _ in 0..50 {
        let mut client = world.connect().await;
        client.write(b"GET /api/health HTTP/1.1\r\nHost: x").await;
        slow.push(client);
    }
    assert_eq!(
        world.ask_path("GET", "/api/health").send().await.status,
        200
    );
    for mut client in slow {
        assert!(client.closed().await < SOON);
    }
}

#[tokio::test]
async fn oversized_header_sections_are_refused() {
    let world = World::start().await;
    let ask = world.ask_path("GET", "/api/health");
    let reply = ask.clone().field("X-Long", "y".repeat(20_000)).send().await;
    assert_eq!(reply.status, 200);
    let reply = ask.clone().field("X-Long", "y".repeat(40_000)).send().await;
    assert_eq!(reply.status, 431);
    let mut many = ask;
    for _ in 0..200 {
        many = many.field("X-Many", "y");
    }
    assert_eq!(many.send().await.status, 431);
}

#[tokio::test]
async fn a_stopping_server_lets_requests_end_and_no_longer() {
    let upstream = silent().await;
    let mut world = World::with(impatient()).await;
    world.live(&upstream, "one");
    let mut client = world.open().await;
    eventually("the request", || upstream.seen().contains("\r\n\r\n")).await;
    world.stop.cancel();
    let reply = client.reply().await;
    assert!(matches!(reply.status, 0 | 504), "{reply:?}");
    within("the server", world.server.join_next())
        .await
        .unwrap()
        .unwrap();
    upstream.wait_closed(1).await;
}

/// A seat that takes WebSockets and never lets go of one.
async fn clinging() -> Seat {
    Seat::scripted(|mut stream, seen| async move {
        let request = read_request(&mut stream, &seen).await.unwrap();
        stream
            .write_all(switching(&request).as_bytes())
            .await
            .unwrap();
        std::future::pending().await
    })
    .await
}

#[tokio::test]
async fn a_seat_that_does_not_hang_up_is_hung_up_on() {
    let upstream = clinging().await;
    let world = World::with(impatient()).await;
    world.live(&upstream, "one");
    let ask = world
        .ask("GET", "terminal")
        .bearer(&world.token())
        .websocket();
    let mut client = ask.open(b"").await;
    assert_eq!(client.reply().await.status, 101);
    client.stream.shutdown().await.unwrap();
    assert!(client.closed().await < SOON);
}

#[tokio::test]
async fn upgraded_connections_keep_their_place() {
    let upstream = clinging().await;
    let mut setup = Setup::default();
    setup.server.connections = 1;
    let world = World::with(setup).await;
    world.live(&upstream, "one");
    let ask = world
        .ask("GET", "terminal")
        .bearer(&world.token())
        .websocket();
    let mut first = ask.open(b"").await;
    assert_eq!(first.reply().await.status, 101);
    let ask = || world.ask_path("GET", "/api/x").send();
    assert_eq!(ask().await.error(), (503, "overloaded".to_owned()));
    world.tenancy(3, 3, None);
    until("a free place", async || ask().await.status == 404).await;
}

/// Bytes of a right request changed at random, the same at every run.
fn malformed(right: &str, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut draw = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % below as u64).unwrap()
    };
    let mut bytes = right.as_bytes().to_vec();
    for _ in 0..=draw(6) {
        let at = draw(bytes.len());
        match draw(4) {
            0 => bytes[at] = u8::try_from(draw(256)).unwrap(),
            1 => drop(bytes.remove(at)),
            2 => bytes.insert(at, b"\r\n:%/ \0\xff"[draw(8)]),
            _ => bytes.truncate(at.max(1)),
        }
    }
    bytes
}

#[tokio::test]
async fn a_thousand_malformed_requests_break_nothing() {
    let upstream = Seat::answering("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    let world = World::with(impatient()).await;
    world.live(&upstream, "one");
    let right = world
        .ask("PUT", "files/x")
        .bearer(&world.token())
        .field("Content-Length", 2);
    let right = format!("{}\r\nhi", right.text);
    let mut clients = tokio::task::JoinSet::new();
    for seed in 1..=1000 {
        let mut client = world.connect().await;
        let bytes = malformed(&right, seed);
        clients.spawn(async move {
            client.write(&bytes).await;
            client.reply().await.status
        });
        if seed % 50 == 0 {
            while let Some(status) = clients.join_next().await {
                let status = status.unwrap();
                assert!(matches!(status, 0 | 200 | 400..500), "{status}");
            }
        }
    }
    assert_eq!(
        world.ask_path("GET", "/api/health").send().await.status,
        200
    );
}
