//! Refusals that come while the body is still being sent: they arrive, and no reset instead.

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::client::Ask;
use super::seat::{SOON, Seat, read_request};
use super::world::{Setup, World, within};

const UPLOAD: usize = 24 * 1024 * 1024;

/// Sends the whole body before it looks for an answer, as many clients do.
async fn stubborn(ask: Ask) -> String {
    let client = ask.field("Content-Length", UPLOAD).open(b"").await;
    let (mut read, mut write) = client.stream.into_split();
    within("the upload", async {
        let piece = vec![b'x'; 64 * 1024];
        for _ in 0..UPLOAD / piece.len() {
            write.write_all(&piece).await.expect("the server hung up");
        }
    })
    .await;
    let mut answer = vec![0; 4096];
    let count = within("the answer", read.read(&mut answer))
        .await
        .expect("the answer was lost");
    String::from_utf8_lossy(&answer[..count]).into_owned()
}

#[tokio::test]
async fn a_refused_upload_is_told_so() {
    let upstream = Seat::echo().await;
    let world = World::serving(&upstream).await;
    let token = world.token();
    let mut foreign = world.claims();
    foreign.seat = super::world::seat(4);
    let foreign = foreign.sign(&world.key);
    let put = || world.ask("PUT", "files/large");
    for (ask, status) in [
        (put(), "401"),
        (put().bearer(&foreign), "403"),
        (
            put().cookie(&token).field("Origin", "http://evil.example"),
            "403",
        ),
        (world.ask("PUT", "nothing").bearer(&token), "404"),
        (world.ask_path("POST", "/api/refuse"), "401"),
        (world.ask_path("POST", "/api/unknown"), "404"),
        (put().bearer(&token).websocket(), "400"),
    ] {
        let text = ask.text.clone();
        let answer = stubborn(ask).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{text}{answer}"
        );
    }
    world.tenancy(3, 3, None);
    let answer = stubborn(put().bearer(&token)).await;
    assert!(answer.starts_with("HTTP/1.1 410 "), "{answer}");
    assert_eq!(upstream.seen(), "");
}

#[tokio::test]
async fn an_upload_to_a_seat_that_is_away_or_refuses_is_told_so() {
    let world = World::start().await;
    let put = || world.ask("PUT", "files/large").bearer(&world.token());
    let answer = stubborn(put()).await;
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    // A seat that refuses at once and hangs up.
    let upstream = Seat::scripted(|mut stream, _| async move {
        let mut head = [0; 1024];
        let _ = stream.read(&mut head).await;
        let answer = b"HTTP/1.1 413 Payload Too Large\r\ncontent-length: 2\r\n\r\nno";
        let _ = stream.write_all(answer).await;
        // What it still gets it takes, as the in-seat server does.
        let mut rest = vec![0; 65536];
        while let Ok(1..) = stream.read(&mut rest).await {}
    })
    .await;
    world.live(&upstream, "one");
    let answer = stubborn(put()).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    assert!(answer.ends_with("no"), "{answer}");
}

#[tokio::test]
async fn a_server_without_a_place_tells_an_upload_so() {
    let mut setup = Setup::default();
    setup.server.connections = 1;
    let world = World::with(setup).await;
    let _first = world.ask_path("GET", "/api/never").open(b"").await;
    let answer = stubborn(world.ask_path("POST", "/api/refuse")).await;
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
}

#[tokio::test]
async fn nobody_is_told_to_send_a_body_that_was_refused() {
    let upstream = Seat::scripted(|mut stream, seen| async move {
        read_request(&mut stream, &seen).await;
    })
    .await;
    let world = World::serving(&upstream).await;
    let ask = world.ask("PUT", "files/x").field("Expect", "100-continue");
    let mut client = ask.field("Content-Length", 5).open(b"").await;
    let reply = client.reply().await;
    assert_eq!(reply.status, 401, "{reply:?}");
    assert!(client.closed().await < SOON);
    // The control: who may is told to.
    let ask = world.ask("PUT", "files/x").bearer(&world.token());
    let ask = ask
        .field("Expect", "100-continue")
        .field("Content-Length", 5);
    let mut client = ask.open(b"").await;
    assert_eq!(client.bytes(25).await, b"HTTP/1.1 100 Continue\r\n\r\n");
}
