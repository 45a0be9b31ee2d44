//! Seats that answer what they shouldn't, too much, too late or never to the end.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use clarateach_protocol::token::{Role, WorkspaceClaims};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::seat::{SOON, Seat, Seen, read_request};
use super::world::{LEARNER, Setup, World, eventually, now, seat, within};

/// The path of a request that a seat was sent.
fn path_of(request: &[u8]) -> String {
    let text = String::from_utf8_lossy(request);
    text.split(' ').nth(1).unwrap_or_default().to_owned()
}

/// A seat that answers each request with its path, and with `extra` behind the answer.
async fn overtalking(head: &'static str, extra: &'static str) -> Seat {
    Seat::scripted(move |mut stream, seen| async move {
        while let Some(request) = read_request(&mut stream, &seen).await {
            let path = path_of(&request);
            let answer = if path.ends_with("/plain") {
                format!(
                    "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{path}",
                    path.len()
                )
            } else {
                format!("HTTP/1.1 {head}\r\n\r\n{extra}")
            };
            if stream.write_all(answer.as_bytes()).await.is_err() {
                return;
            }
        }
    })
    .await
}

#[tokio::test]
async fn what_a_seat_adds_to_an_answer_is_no_answer_to_the_next_request() {
    let smuggled = "HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\nsmuggled";
    for (method, head) in [
        ("HEAD", "200 OK\r\ncontent-length: 8"),
        ("GET", "204 No Content"),
        ("GET", "204 No Content\r\ncontent-length: 8"),
        ("GET", "304 Not Modified\r\ncontent-length: 8"),
        ("GET", "200 OK\r\ncontent-length: 0"),
    ] {
        let upstream = overtalking(head, smuggled).await;
        let world = World::serving(&upstream).await;
        let token = world.token();
        for round in 0..3 {
            let odd = world.ask(method, "files/odd").bearer(&token);
            let mut client = odd.field("Connection", "close").open(b"").await;
            let mut answer = Vec::new();
            let _ = within("the answer", client.stream.read_to_end(&mut answer)).await;
            let answer = String::from_utf8_lossy(&answer);
            assert!(!answer.contains("smuggled"), "{method} {head}: {answer}");
            let path = format!("files/{round}/plain");
            let reply = world.ask("GET", &path).bearer(&token).send().await;
            assert_eq!(reply.text(), format!("/{path}"), "{method} {head}");
        }
    }
}

#[tokio::test]
async fn an_answer_that_comes_too_late_is_nobodys() {
    let upstream = Seat::scripted(|mut stream, seen| async move {
        while let Some(request) = read_request(&mut stream, &seen).await {
            let path = path_of(&request);
            if path.ends_with("/late") {
                eventually("the 504", || seen.text().contains("was 504")).await;
            }
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", path.len());
            let answer = format!("{head}{path}");
            if stream.write_all(answer.as_bytes()).await.is_err() {
                return;
            }
        }
    })
    .await;
    let mut setup = Setup::default();
    setup.gateway.first_byte = Duration::from_millis(200);
    let world = World::with(setup).await;
    world.live(&upstream, "one");
    let ask = |path| world.ask("GET", path).bearer(&world.token()).send();
    assert_eq!(ask("files/first").await.text(), "/files/first");
    assert_eq!(
        ask("files/late").await.error(),
        (504, "seat_timeout".to_owned())
    );
    upstream.say("was 504");
    for path in ["files/1", "files/2", "files/3"] {
        assert_eq!(ask(path).await.text(), format!("/{path}"));
    }
}

#[tokio::test]
async fn interim_answers_are_left_out_and_a_flood_of_them_ends() {
    let upstream = Seat::answering(
        "HTTP/1.1 103 Early Hints\r\nlink: </x>; rel=preload\r\nset-cookie: a=b\r\n\r\n\
         HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
    )
    .await;
    let world = World::serving(&upstream).await;
    let reply = world.get().await;
    assert_eq!((reply.status, reply.text().as_str()), (200, "ok"));
    assert!(!reply.head.contains("preload") && !reply.head.contains("a=b"));

    let interim = "HTTP/1.1 100 Continue\r\n\r\n".repeat(100);
    let endless = Seat::flooding("", &interim).await;
    let mut setup = Setup::default();
    setup.gateway.first_byte = Duration::from_millis(300);
    let world = World::with(setup).await;
    world.live(&endless, "one");
    let reply = world.get().await;
    assert!(matches!(reply.status, 502 | 504), "{reply:?}");
    endless.wait_closed(1).await;
}

#[tokio::test]
async fn two_framings_of_an_answer_never_reach_a_client() {
    for fields in [
        "content-length: 3\r\ntransfer-encoding: chunked",
        "transfer-encoding: chunked\r\ncontent-length: 3",
        "transfer-encoding: chunked\r\ntransfer-encoding: identity",
        "transfer-encoding: gzip, chunked\r\ncontent-length: 3",
        "content-length: 3\r\ncontent-length: 3",
        "content-length: 3, 3",
        "x-folded: a\r\n b",
    ] {
        let answer = format!("HTTP/1.1 200 OK\r\n{fields}\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
        let upstream = Seat::answering(answer).await;
        let world = World::serving(&upstream).await;
        let ask = world.ask("GET", "files").bearer(&world.token());
        let mut client = ask.field("Connection", "close").open(b"").await;
        let mut bytes = Vec::new();
        let _ = within("the answer", client.stream.read_to_end(&mut bytes)).await;
        let text = String::from_utf8_lossy(&bytes).to_lowercase();
        let (head, _) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let (lengths, codings) = (
            head.matches("content-length:").count(),
            head.matches("transfer-encoding:").count(),
        );
        assert!(lengths + codings <= 1, "{fields}: {head}");
        assert!(
            !head.contains("identity") && !head.contains("gzip"),
            "{fields}: {head}"
        );
    }
}

#[tokio::test]
async fn floods_inside_an_answers_chunks_are_cut() {
    for flood in [
        ";x=yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy",
        "x: yyyyyyyyyyyyyyyyy\r\n",
    ] {
        let begin = if flood.starts_with(';') {
            "1"
        } else {
            "1\r\na\r\n0\r\n"
        };
        let head = format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{begin}");
        let upstream = Seat::flooding(&head, &flood.repeat(100)).await;
        let world = World::serving(&upstream).await;
        let reply = world.get().await;
        assert!(
            reply.is_cut || reply.status == 502 || reply.text() == "a",
            "{flood}: {reply:?}"
        );
        upstream.wait_closed(1).await;
    }
}

#[tokio::test]
async fn floods_inside_a_requests_chunks_are_cut() {
    for flood in [
        ";x=yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy",
        "x: yyyyyyyyyyyyyyyyy\r\n",
    ] {
        let upstream = Seat::scripted(|mut stream, seen| async move {
            read_request(&mut stream, &seen).await;
        })
        .await;
        let world = World::serving(&upstream).await;
        let ask = world.ask("POST", "terminals").bearer(&world.token());
        let head = ask.field("Transfer-Encoding", "chunked").text;
        let begin = if flood.starts_with(';') {
            "1"
        } else {
            "1\r\na\r\n0\r\n"
        };
        let mut client = world.connect().await;
        client.write(format!("{head}\r\n{begin}").as_bytes()).await;
        let mut sent = 0;
        within("the cut", async {
            let piece = flood.repeat(100);
            while client.stream.write_all(piece.as_bytes()).await.is_ok() {
                sent += piece.len();
            }
        })
        .await;
        assert!(sent < 80 * 1024 * 1024, "{sent} bytes were taken");
        assert_eq!(
            world.ask_path("GET", "/api/health").send().await.status,
            200
        );
    }
}

#[tokio::test]
async fn ranges_pass_as_they_are() {
    let upstream = Seat::scripted(|mut stream, seen| async move {
        read_request(&mut stream, &seen).await;
        let answer = "HTTP/1.1 206 Partial Content\r\ncontent-range: bytes 2-3/7\r\ncontent-length: 2\r\n\r\ncd";
        let _ = stream.write_all(answer.as_bytes()).await;
    })
    .await;
    let world = World::serving(&upstream).await;
    let ask = world.ask("GET", "files/x").bearer(&world.token());
    let ask = ask.field("Range", "bytes=2-3").field("If-Range", "\"7\"");
    let reply = ask.send().await;
    assert_eq!((reply.status, reply.text().as_str()), (206, "cd"));
    assert_eq!(reply.field("content-range"), Some("bytes 2-3/7"));
    let seen = upstream.seen();
    assert!(
        seen.contains("range: bytes=2-3\r\n") && seen.contains("if-range: \"7\"\r\n"),
        "{seen}"
    );
}

#[tokio::test]
async fn a_seat_that_ends_with_the_connection_is_told_from_one_that_dies() {
    // Without a length the end of the connection is the body's (RFC 9112, section 6.3).
    let ended = Seat::answering("HTTP/1.1 200 OK\r\n\r\nwhole").await;
    let world = World::serving(&ended).await;
    let reply = world.get().await;
    assert_eq!((reply.is_cut, reply.text().as_str()), (false, "whole"));
    let died = Seat::scripted(|mut stream, seen| async move {
        read_request(&mut stream, &seen).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\nhalf").await;
        eventually("the client", || seen.text().contains("half is there")).await;
        // A reset instead of an end.
        stream.set_zero_linger().unwrap();
    })
    .await;
    world.live(&died, "two");
    let mut client = world.open().await;
    let mut text = String::new();
    while !text.contains("half") {
        text.push(char::from(client.bytes(1).await[0]));
    }
    died.say("half is there");
    let mut rest = Vec::new();
    let _ = within("the end", client.stream.read_to_end(&mut rest)).await;
    assert!(!rest.ends_with(b"0\r\n\r\n"), "{rest:?}");
}

/// Which seats, generations and starts each connection served, by the tokens that came on it.
type Served = Arc<Mutex<HashMap<usize, BTreeSet<String>>>>;

/// One address behind every seat, as a hostile engine could arrange it.
async fn everybody(served: Served, world: &World) -> Seat {
    let keys = world.key.verifying_keys();
    let count = Arc::new(Mutex::new(0));
    Seat::scripted(move |mut stream, seen: Arc<Seen>| {
        let (served, keys) = (Arc::clone(&served), keys.clone());
        let connection = {
            let mut count = count.lock().unwrap();
            *count += 1;
            *count
        };
        async move {
            while let Some(request) = read_request(&mut stream, &seen).await {
                let text = String::from_utf8_lossy(&request).into_owned();
                let token = text
                    .split("Bearer ")
                    .nth(1)
                    .unwrap()
                    .lines()
                    .next()
                    .unwrap();
                let claims = WorkspaceClaims::verify(token, &keys, now()).unwrap();
                let start = path_of(&request);
                let who = format!("{} {} {start}", claims.seat, claims.generation);
                served
                    .lock()
                    .unwrap()
                    .entry(connection)
                    .or_default()
                    .insert(who);
                let answer = format!(
                    "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{start}",
                    start.len()
                );
                if stream.write_all(answer.as_bytes()).await.is_err() {
                    return;
                }
            }
        }
    })
    .await
}

#[tokio::test]
async fn an_upstream_connection_serves_one_start_of_one_seat() {
    let world = World::start().await;
    let served = Served::default();
    let upstream = everybody(Arc::clone(&served), &world).await;
    world.tenancy(4, 2, Some("as-bob"));
    let ask = async |number: u16, generation: u32, start: &str| {
        let mut claims = world.claims();
        claims.role = Role::Instructor;
        claims.seat = seat(number);
        claims.generation = clarateach_protocol::id::Generation(generation);
        let path = format!("{}files/{start}", world.base(number));
        let ask = world
            .ask_path("GET", &path)
            .bearer(&claims.sign(&world.key));
        let reply = ask.send().await;
        assert_eq!(reply.text(), format!("/files/{start}"), "{reply:?}");
    };
    world.live(&upstream, "one");
    world.live_as(4, &upstream, "one");
    for _ in 0..4 {
        ask(3, 2, "one").await;
        ask(4, 2, "one").await;
    }
    world.live(&upstream, "two");
    for _ in 0..4 {
        ask(3, 2, "two").await;
        ask(4, 2, "one").await;
    }
    world.tenancy(3, 3, Some(LEARNER));
    world.live(&upstream, "two");
    for _ in 0..4 {
        ask(3, 3, "two").await;
    }
    let served = served.lock().unwrap();
    assert!(served.len() < 20, "connections are used again: {served:?}");
    for (connection, who) in served.iter() {
        assert_eq!(who.len(), 1, "connection {connection} served {who:?}");
    }
    let all: BTreeSet<_> = served.values().flatten().collect();
    assert_eq!(all.len(), 4, "{all:?}");
}

#[tokio::test]
async fn who_hangs_up_in_a_download_frees_the_seat() {
    let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    let upstream = Seat::flooding(head, "4\r\nmore\r\n").await;
    let world = World::serving(&upstream).await;
    let mut client = world.open().await;
    client.bytes(200).await;
    drop(client);
    tokio::time::timeout(SOON, upstream.wait_closed(1))
        .await
        .unwrap();
}
