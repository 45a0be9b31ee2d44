//! Bodies: large ones, slow ones, and what a connection is used for afterwards.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::seat::{Seat, read_request};
use super::world::{LEARNER, World, eventually, within};

const LARGE: u64 = 100 * 1024 * 1024;
/// What may be under way at most between a seat that writes and a client that doesn't read: the
/// kernel's socket buffers of two connections, and ours.
const UNDER_WAY: u64 = 24 * 1024 * 1024;

async fn write_zeros(stream: &mut (impl AsyncWriteExt + Unpin), written: &AtomicU64) {
    let zeros = vec![0; 64 * 1024];
    while written.load(Ordering::Relaxed) < LARGE {
        if stream.write_all(&zeros).await.is_err() {
            return;
        }
        written.fetch_add(zeros.len() as u64, Ordering::Relaxed);
    }
}

async fn read_all(stream: &mut (impl AsyncReadExt + Unpin), count: u64) -> u64 {
    let mut buffer = vec![0; 64 * 1024];
    let mut read = 0;
    while read < count {
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => break,
            Ok(count) => read += count as u64,
        }
    }
    read
}

/// A seat that answers with 100 MB, and how much of it has left.
async fn large_seat() -> (Seat, Arc<AtomicU64>) {
    let written = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&written);
    let seat = Seat::scripted(move |mut stream, seen| {
        let written = Arc::clone(&counter);
        async move {
            read_request(&mut stream, &seen).await.unwrap();
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {LARGE}\r\n\r\n");
            stream.write_all(head.as_bytes()).await.unwrap();
            write_zeros(&mut stream, &written).await;
        }
    })
    .await;
    (seat, written)
}

/// A seat that reads an upload and answers with its size, once it may begin.
async fn counting_seat(begin: tokio::sync::watch::Receiver<bool>) -> Seat {
    Seat::scripted(move |mut stream, _| {
        let mut begin = begin.clone();
        async move {
            begin.wait_for(|begin| *begin).await.unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await.unwrap());
            }
            let read = read_all(&mut stream, LARGE).await.to_string();
            let answer = format!(
                "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{read}",
                read.len()
            );
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    })
    .await
}

/// Waits until a counter has stood still for a while, and returns it.
async fn settled(counter: &AtomicU64) -> u64 {
    within("a standstill", async {
        let mut looks = tokio::time::interval(std::time::Duration::from_millis(150));
        let mut last = u64::MAX;
        loop {
            looks.tick().await;
            let count = counter.load(Ordering::Relaxed);
            if count == last && count > 0 {
                return count;
            }
            last = count;
        }
    })
    .await
}

#[tokio::test]
async fn a_large_download_waits_for_its_reader() {
    let (upstream, written) = large_seat().await;
    let world = World::serving(&upstream).await;
    let ask = world.ask("GET", "files/large").bearer(&world.token());
    let mut client = ask.open(b"").await;
    let under_way = settled(&written).await;
    assert!(
        under_way < UNDER_WAY,
        "{under_way} bytes left the seat unread"
    );
    let read = within("100 MB", read_all(&mut client.stream, LARGE)).await;
    assert!(read >= LARGE, "{read}");
}

#[tokio::test]
async fn a_large_upload_waits_for_its_seat() {
    let (begin, wait) = tokio::sync::watch::channel(false);
    let upstream = counting_seat(wait).await;
    let world = World::serving(&upstream).await;
    let ask = world.ask("PUT", "files/large").bearer(&world.token());
    let client = ask.field("Content-Length", LARGE).open(b"").await;
    let (read_half, mut write_half) = client.stream.into_split();
    let written = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&written);
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(async move {
        write_zeros(&mut write_half, &counter).await;
        // Closing this side would say that nobody waits for the answer.
        write_half
    });
    let under_way = settled(&written).await;
    assert!(
        under_way < UNDER_WAY,
        "{under_way} bytes left the client unread"
    );
    begin.send(true).unwrap();
    let mut text = String::new();
    let mut read_half = tokio::io::BufReader::new(read_half);
    within("the answer", async {
        while !text.contains(&LARGE.to_string()) {
            let mut buffer = [0; 1024];
            let count = read_half.read(&mut buffer).await.unwrap();
            assert!(count > 0, "the connection ended after {text}");
            text += &String::from_utf8_lossy(&buffer[..count]);
        }
    })
    .await;
}

#[tokio::test]
async fn chunked_bodies_pass_both_ways() {
    let upstream = Seat::scripted(|mut stream, seen| async move {
        read_request(&mut stream, &seen).await.unwrap();
        let answer = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: set-cookie\r\n\r\n\
                      3\r\nabc\r\n2\r\nde\r\n0\r\nset-cookie: a=b\r\n\r\n";
        stream.write_all(answer.as_bytes()).await.unwrap();
    })
    .await;
    let world = World::serving(&upstream).await;
    let mut client = world.connect().await;
    let ask = world.ask("PUT", "files/x").bearer(&world.token());
    let head = ask
        .field("Transfer-Encoding", "chunked")
        .field("TE", "trailers")
        .text;
    client
        .write(format!("{head}\r\n5\r\nhello\r\n").as_bytes())
        .await;
    eventually("the first chunk", || upstream.seen().contains("hello")).await;
    client.write(b"0\r\n\r\n").await;
    let reply = client.reply().await;
    assert_eq!((reply.status, reply.text().as_str()), (200, "abcde"));
    assert!(!reply.head.contains("set-cookie"));
}

#[tokio::test]
async fn the_first_byte_of_a_stream_does_not_wait_for_its_last() {
    let upstream = Seat::scripted(|mut stream, seen| async move {
        read_request(&mut stream, &seen).await.unwrap();
        let answer = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\ndata: 1\n\n";
        stream.write_all(answer.as_bytes()).await.unwrap();
        read_request(&mut stream, &seen).await;
    })
    .await;
    let world = World::serving(&upstream).await;
    let ask = world.ask("GET", "files-events").bearer(&world.token());
    let mut client = ask.open(b"").await;
    let mut text = String::new();
    while !text.contains("data: 1") {
        text.push(char::from(client.bytes(1).await[0]));
    }
    // And it ends with the tenancy, cut and not as if it were complete.
    world.tenancy(3, 3, Some(LEARNER));
    let mut rest = Vec::new();
    let _ = within("the end", client.stream.read_to_end(&mut rest)).await;
    assert!(!rest.ends_with(b"0\r\n\r\n"), "{rest:?}");
    upstream.wait_closed(1).await;
}

#[tokio::test]
async fn head_and_not_modified_have_no_body() {
    // A 304 needn't repeat the length (RFC 9110, section 8.6), and hyper doesn't.
    for (method, line, field) in [
        ("HEAD", "200 OK", "content-length: 7"),
        ("GET", "304 Not Modified", "etag: \"1\""),
    ] {
        let answer = format!("HTTP/1.1 {line}\r\netag: \"1\"\r\ncontent-length: 7\r\n\r\n");
        let upstream = Seat::answering(answer).await;
        let world = World::serving(&upstream).await;
        let ask = world.ask(method, "files/x").bearer(&world.token());
        let mut client = ask.field("Connection", "close").open(b"").await;
        let mut bytes = Vec::new();
        within("the end", client.stream.read_to_end(&mut bytes))
            .await
            .unwrap();
        let text = String::from_utf8(bytes).unwrap();
        assert!(text.starts_with(&format!("HTTP/1.1 {line}\r\n")), "{text}");
        assert!(text.contains(&format!("{field}\r\n")), "{text}");
        assert!(text.ends_with("\r\n\r\n"), "{text}");
    }
}

#[tokio::test]
async fn connections_are_used_again_within_one_start_of_a_seat_only() {
    let upstream = Seat::echo().await;
    let world = World::serving(&upstream).await;
    let ask = || world.ask("GET", "files").bearer(&world.token());
    for _ in 0..5 {
        assert_eq!(ask().send().await.status, 200);
    }
    let reused = upstream.connections();
    assert!(reused < 5, "{reused} connections for 5 requests");
    world.live(&upstream, "two");
    upstream.wait_closed(reused).await;
    assert_eq!(ask().send().await.status, 200);
    assert_eq!(upstream.connections(), reused + 1);
}

#[tokio::test]
async fn a_connection_that_the_seat_closed_is_not_missed() {
    // Each connection serves one request and closes without saying so.
    let upstream = Seat::answering("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
    let world = World::serving(&upstream).await;
    for _ in 0..20 {
        let reply = world.get().await;
        assert_eq!((reply.status, reply.text().as_str()), (200, "ok"));
    }
}
