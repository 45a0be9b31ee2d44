//! One side has said its last, and the other hasn't; and what is said behind a body.

use std::sync::Arc;
use std::time::Duration;

use clarateach::proxy::Limits;
use clarateach::server::ServerLimits;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::client::Client;
use super::seat::{SOON, Seat, Seen, read_request, switching};
use super::world::{Setup, World, eventually, within};

/// How long a side that is left alone may be silent, where a test waits for the end of it.
const SHORT: Duration = Duration::from_millis(300);

async fn until_said(seen: &Seen, word: &str) {
    eventually(word, || seen.text().contains(word)).await;
}

/// A seat that answers once it is told "now": a head and half of a body, and at "more" the rest.
async fn hesitant() -> Seat {
    Seat::scripted(|mut stream, seen| async move {
        while read_request(&mut stream, &seen).await.is_some() {
            until_said(&seen, "now").await;
            let half = b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhello";
            if stream.write_all(half).await.is_err() {
                return;
            }
            until_said(&seen, "more").await;
            if stream.write_all(b"world").await.is_err() {
                return;
            }
        }
    })
    .await
}

async fn world_of(upstream: &Seat, half_open: Duration) -> World {
    let world = World::with(Setup {
        gateway: Limits {
            half_open,
            ..Setup::default().gateway
        },
        server: ServerLimits {
            half_open,
            ..ServerLimits::default()
        },
        ..Setup::default()
    })
    .await;
    world.live(upstream, "one");
    world
}

#[tokio::test]
async fn who_has_said_their_last_still_gets_the_answer() {
    for (method, fields, body) in [
        ("GET", "", ""),
        ("PUT", "Content-Length: 3\r\n", "abc"),
        (
            "PUT",
            "Transfer-Encoding: chunked\r\n",
            "3\r\nabc\r\n0\r\n\r\n",
        ),
        (
            "PUT",
            "Transfer-Encoding: chunked\r\n",
            "3\r\nabc\r\n0\r\nx-sum: 1\r\n\r\n",
        ),
    ] {
        let upstream = if fields.contains("chunked") {
            hesitant_of_chunks().await
        } else {
            hesitant().await
        };
        let world = world_of(&upstream, SOON).await;
        let ask = world.ask(method, "files/x").bearer(&world.token()).text;
        let mut client = world.connect().await;
        client
            .write(format!("{ask}{fields}\r\n{body}").as_bytes())
            .await;
        client.stream.shutdown().await.unwrap();
        eventually("the request", || upstream.seen().contains("\r\n\r\n")).await;
        // The gateway has time to see the end before anything is answered.
        assert_eq!(
            world.ask_path("GET", "/api/health").send().await.status,
            200
        );
        upstream.say("now");
        let first = client.bytes(15).await;
        assert_eq!(first, b"HTTP/1.1 200 OK", "{method} {fields}");
        upstream.say("more");
        let mut rest = String::new();
        let reading = client.stream.read_to_string(&mut rest);
        within("the rest, and the end", reading).await.unwrap();
        assert!(rest.ends_with("helloworld"), "{method} {fields}: {rest}");
    }
}

/// The same for requests with chunks and trailers.
async fn hesitant_of_chunks() -> Seat {
    Seat::scripted(|mut stream, seen| async move {
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") || !contains(&request, b"\r\n0\r\n") {
            match stream.read_buf(&mut request).await {
                Ok(1..) => {}
                _ => return,
            }
        }
        seen.note(&request);
        until_said(&seen, "now").await;
        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhelloworld";
        let _ = stream.write_all(answer).await;
    })
    .await
}

fn contains(bytes: &[u8], what: &[u8]) -> bool {
    bytes.windows(what.len()).any(|window| window == what)
}

#[tokio::test]
async fn who_leaves_is_not_waited_for_longer_than_that() {
    let upstream = Seat::scripted(|mut stream, seen| async move {
        // Never answers.
        while read_request(&mut stream, &seen).await.is_some() {}
    })
    .await;
    let world = world_of(&upstream, SHORT).await;
    let ask = world.ask("GET", "files").bearer(&world.token());
    let mut client = ask.open(b"").await;
    client.stream.shutdown().await.unwrap();
    // Nothing is answered: the seat's side ends by itself, and then the client's.
    upstream.wait_closed(1).await;
    client.closed().await;
}

#[tokio::test]
async fn an_end_within_a_body_or_between_requests_is_an_end() {
    let upstream = hesitant().await;
    // Nobody waits so long.
    let world = world_of(&upstream, Duration::from_secs(3600)).await;
    let ask = world.ask("PUT", "files/x").bearer(&world.token());
    let mut cut = ask.field("Content-Length", 100).open(b"").await;
    cut.write(b"half").await;
    eventually("the beginning", || upstream.seen().contains("half")).await;
    cut.stream.shutdown().await.unwrap();
    upstream.wait_closed(1).await;
    cut.closed().await;

    let mut idle = world.ask_path("GET", "/api/health").open(b"").await;
    assert_eq!(idle.reply().await.status, 200);
    idle.stream.shutdown().await.unwrap();
    idle.closed().await;
}

/// A seat that takes a WebSocket and runs `script` on it.
async fn socket<F>(script: impl Fn(TcpStream, Arc<Seen>) -> F + Send + Sync + 'static) -> Seat
where
    F: Future<Output = ()> + Send + 'static,
{
    let script = Arc::new(script);
    Seat::scripted(move |mut stream, seen| {
        let script = Arc::clone(&script);
        async move {
            let Some(request) = read_request(&mut stream, &seen).await else {
                return;
            };
            let accepted = switching(&request);
            stream.write_all(accepted.as_bytes()).await.unwrap();
            script(stream, seen).await;
        }
    })
    .await
}

async fn attached(world: &World) -> Client {
    let ask = world.ask("GET", "terminal").bearer(&world.token());
    let mut client = ask.websocket().open(b"").await;
    assert_eq!(client.reply().await.status, 101);
    client
}

#[tokio::test]
async fn a_seat_goes_on_talking_to_a_client_that_has_said_its_last() {
    const PIECES: usize = 20;
    let upstream = socket(|mut stream, seen| async move {
        let mut said = Vec::new();
        stream.read_to_end(&mut said).await.unwrap();
        seen.note(&said);
        for _ in 0..PIECES {
            stream.write_all(b"piece").await.unwrap();
            // Together longer than a silence may be.
            tokio::time::sleep(SHORT / 4).await;
        }
    })
    .await;
    let world = world_of(&upstream, SHORT).await;
    let mut client = attached(&world).await;
    client.write(b"my last").await;
    client.stream.shutdown().await.unwrap();
    let mut heard = Vec::new();
    within("the seat's last", client.stream.read_to_end(&mut heard))
        .await
        .unwrap();
    assert!(upstream.seen().ends_with("my last"));
    assert_eq!(heard, b"piece".repeat(PIECES));
}

#[tokio::test]
async fn a_client_goes_on_talking_to_a_seat_that_has_said_its_last() {
    const PIECES: usize = 20;
    let upstream = socket(|mut stream, seen| async move {
        stream.write_all(b"my last").await.unwrap();
        stream.shutdown().await.unwrap();
        let mut buffer = [0; 1024];
        while let Ok(count @ 1..) = stream.read(&mut buffer).await {
            seen.note(&buffer[..count]);
        }
    })
    .await;
    let world = world_of(&upstream, SHORT).await;
    let mut client = attached(&world).await;
    assert_eq!(client.bytes(7).await, b"my last");
    let end = client.stream.read_u8();
    assert!(within("the seat's end", end).await.is_err());
    for _ in 0..PIECES {
        client.write(b"piece").await;
        tokio::time::sleep(SHORT / 4).await;
    }
    drop(client);
    upstream.wait_closed(1).await;
    assert!(upstream.seen().ends_with(&"piece".repeat(PIECES)));
}

#[tokio::test]
async fn trailers_pass_both_ways_where_they_are_welcome() {
    let answer = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\
                  trailer: x-sum, set-cookie\r\n\r\n\
                  3\r\nabc\r\n0\r\nx-sum: 7\r\nset-cookie: a=b\r\nx-unannounced: 1\r\n\r\n";
    let upstream = Seat::scripted(move |mut stream, seen| async move {
        let mut request = Vec::new();
        while !contains(&request, b"\r\n0\r\n") || !request.ends_with(b"\r\n\r\n") {
            match stream.read_buf(&mut request).await {
                Ok(1..) => {}
                _ => return,
            }
        }
        seen.note(&request);
        let _ = stream.write_all(answer.as_bytes()).await;
    })
    .await;
    let world = World::serving(&upstream).await;
    let send = async |te: &str| {
        let ask = world.ask("PUT", "files/x").bearer(&world.token());
        let head = ask
            .field("Transfer-Encoding", "chunked")
            .field("Trailer", "X-Sum, Authorization, X-Forwarded-For")
            .text
            + te;
        let body = "3\r\nabc\r\n0\r\nX-Sum: 6\r\nAuthorization: Bearer stolen\r\n\
                    X-Forwarded-For: 10.1.2.3\r\n\r\n";
        let mut client = world.connect().await;
        client.write(format!("{head}\r\n{body}").as_bytes()).await;
        let mut text = String::new();
        // A request with an open end is the last of its connection.
        let reading = client.stream.read_to_string(&mut text);
        within("the answer", reading).await.unwrap();
        text
    };
    let text = send("TE: trailers\r\nConnection: TE\r\n").await;
    assert!(text.contains("\r\ntrailer: x-sum\r\n"), "{text}");
    assert!(
        text.ends_with("3\r\nabc\r\n0\r\nx-sum: 7\r\n\r\n"),
        "{text}"
    );
    let seen = upstream.seen();
    assert!(seen.contains("\r\nte: trailers\r\n"), "{seen}");
    assert!(seen.contains("\r\ntrailer: x-sum\r\n"), "{seen}");
    assert!(seen.ends_with("0\r\nx-sum: 6\r\n\r\n"), "{seen}");
    assert!(
        !seen.contains("stolen") && !seen.contains("10.1.2.3"),
        "{seen}"
    );
    // Nobody gets what they didn't ask for (RFC 9110, section 6.5.1).
    let text = send("").await;
    assert!(text.ends_with("3\r\nabc\r\n0\r\n\r\n"), "{text}");
}
