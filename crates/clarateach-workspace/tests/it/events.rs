//! What changes is told: soon, seldom, and never less than the truth.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use clarateach_client::{Endpoint, Socket};
use clarateach_protocol::files::{FileEvent, FileEventKind};
use clarateach_protocol::token::Mode;
use clarateach_workspace::Limits;
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;

use crate::seat::{DEADLINE, Seat};

/// A page that listens.
struct Listener(Socket);

impl Listener {
    /// Listens, and has seen the first rescan.
    async fn ready(seat: &Seat) -> Self {
        let mut listener = Self::open(seat).await;
        assert_eq!(listener.next().await, event(FileEventKind::Rescan, ""));
        listener
    }

    async fn open(seat: &Seat) -> Self {
        let token = seat.token(Mode::View);
        let (socket, _) = Endpoint::seat(seat.files_port, token)
            .open("/files-events", None)
            .await
            .unwrap();
        Self(socket)
    }

    async fn next(&mut self) -> FileEvent {
        loop {
            let message = timeout(DEADLINE, self.0.next()).await.expect("an event");
            let message = message.unwrap().unwrap();
            if let Ok(text) = message.to_text()
                && message.is_text()
            {
                return serde_json::from_str(text).unwrap();
            }
        }
    }

    /// Everything up to the first event of that path.
    async fn until(&mut self, kind: FileEventKind, path: &str) -> Vec<FileEvent> {
        let mut seen = Vec::new();
        let wait = async {
            while seen.last() != Some(&event(kind, path)) {
                seen.push(self.next().await);
            }
        };
        let come = timeout(DEADLINE, wait).await.is_ok();
        assert!(come, "never told {kind:?} {path}: {seen:?}");
        seen
    }
}

fn event(kind: FileEventKind, path: &str) -> FileEvent {
    FileEvent {
        kind,
        path: path.to_owned(),
    }
}

use FileEventKind::{Changed, Created, Removed, Rescan};

/// Pages see nothing of WebSocket's own pings.
#[tokio::test]
async fn a_page_that_asks_whether_anybody_is_there_is_answered() {
    let seat = Seat::start().await;
    let mut page = Listener::ready(&seat).await;
    for said in ["", "{}", r#"{"type":"ping"}"#] {
        page.0.send(Message::text(said)).await.unwrap();
    }
    let answer = loop {
        let message = timeout(DEADLINE, page.0.next()).await.expect("an answer");
        if let Message::Text(text) = message.unwrap().unwrap() {
            break text;
        }
    };
    assert_eq!(answer.as_str(), r#"{"type":"pong"}"#);
    seat.write("after", "1");
    page.until(Created, "after").await;
}

#[tokio::test]
async fn files_that_come_change_and_go_are_told_soon() {
    let seat = Seat::start().await;
    seat.write("old", "1");
    let mut page = Listener::ready(&seat).await;
    let begun = Instant::now();
    seat.write("new", "1");
    page.until(Created, "new").await;
    println!("told after {:?}", begun.elapsed());
    seat.write("old", "2");
    page.until(Changed, "old").await;
    std::fs::remove_file(seat.root().join("old")).unwrap();
    page.until(Removed, "old").await;
    // Through the file API: the temporary file is nobody's business.
    seat.put("/files/put", "1").await;
    page.until(Created, "put").await;
    seat.put("/files/put", "2").await;
    page.until(Changed, "put").await;
    seat.put("/files/last", vec![b'x'; 3_000_000]).await;
    let seen = page.until(Created, "last").await;
    assert_eq!(seen, [event(Created, "last")]);
    // A learner's own file may be called as the kernel calls files without a name.
    seat.write("#42", "1");
    page.until(Created, "#42").await;
    seat.write("#42", "2");
    page.until(Changed, "#42").await;
}

#[tokio::test]
async fn a_file_written_again_and_again_is_told_a_few_times() {
    let seat = Seat::start().await;
    let mut page = Listener::ready(&seat).await;
    let begun = Instant::now();
    let mut count = 0;
    while begun.elapsed() < Duration::from_secs(1) {
        seat.write("busy", count.to_string());
        count += 1;
        tokio::task::yield_now().await;
    }
    seat.write("end", "");
    let mut seen = page.until(Created, "end").await;
    seen.push(event(Changed, "busy"));
    let told = seen.iter().filter(|event| event.path == "busy").count();
    assert!(count > 100 && told <= 6, "{count} writes, {told} told");
}

#[tokio::test]
async fn what_is_put_into_new_and_moved_folders_is_never_missed() {
    let seat = Seat::start().await;
    let mut page = Listener::ready(&seat).await;
    for round in 0..10 {
        // No moment to put a watch in between.
        let folder = format!("new{round}/a/b");
        std::fs::create_dir_all(seat.root().join(&folder)).unwrap();
        seat.write(&format!("{folder}/file"), "x");
        page.until(Created, &format!("{folder}/file")).await;
        let (from, to) = (format!("new{round}"), format!("moved{round}"));
        std::fs::rename(seat.root().join(&from), seat.root().join(&to)).unwrap();
        seat.write(&format!("{to}/a/b/late"), "x");
        let seen = page.until(Created, &format!("{to}/a/b/late")).await;
        let paths: BTreeSet<_> = seen
            .iter()
            .map(|event| (event.kind as u8, event.path.clone()))
            .collect();
        assert!(paths.contains(&(Removed as u8, from)), "{seen:?}");
        // It is watched under its new name.
        seat.write(&format!("{to}/a/b/file"), "changed");
        page.until(Changed, &format!("{to}/a/b/file")).await;
    }
}

#[tokio::test]
async fn busy_folders_are_one_rescan_and_odd_names_are_told_by_their_folder() {
    let seat = Seat::start().await;
    std::fs::create_dir_all(seat.root().join("app/node_modules/deep/er")).unwrap();
    let mut page = Listener::ready(&seat).await;
    seat.write("app/node_modules/package", "x");
    page.until(Rescan, "app/node_modules").await;
    seat.write("app/node_modules/deep/er/x", "x");
    seat.write("app/after", "x");
    let seen = page.until(Created, "app/after").await;
    assert_eq!(seen, [event(Created, "app/after")]);
    use std::os::unix::ffi::OsStrExt;
    let odd = std::ffi::OsStr::from_bytes(b"app/\xff\xfe");
    std::fs::write(seat.root().join(odd), "x").unwrap();
    page.until(Rescan, "app").await;
    seat.write("app/new\nline", "x");
    page.until(Created, "app/new\nline").await;
}

#[tokio::test]
async fn without_inotify_changes_are_told_by_looking() {
    let seat = Seat::with_limits(Limits {
        watched_folders: 0,
        ..Limits::default()
    })
    .await;
    std::fs::create_dir_all(seat.root().join("a/b")).unwrap();
    let mut page = Listener::ready(&seat).await;
    seat.write("a/b/f", "1");
    page.until(Rescan, "a/b").await;
    seat.write("a/b/f", "2");
    page.until(Rescan, "a/b").await;
    std::fs::create_dir(seat.root().join("c")).unwrap();
    page.until(Rescan, "").await;
}

#[tokio::test]
async fn beyond_the_limit_of_watches_folders_are_looked_at() {
    let seat = Seat::with_limits(Limits {
        watched_folders: 3,
        ..Limits::default()
    })
    .await;
    std::fs::create_dir_all(seat.root().join("a/b/c")).unwrap();
    let mut page = Listener::ready(&seat).await;
    // The nearest are watched: the root, a, a/b.
    seat.write("a/b/f", "1");
    page.until(Created, "a/b/f").await;
    seat.write("a/b/c/deep", "1");
    page.until(Rescan, "a/b/c").await;
    // One that comes when there is no room is told as what it is.
    std::fs::create_dir(seat.root().join("late")).unwrap();
    page.until(Created, "late").await;
    seat.write("late/f", "1");
    page.until(Rescan, "late").await;
    // When there is room again, it is used.
    std::fs::remove_dir_all(seat.root().join("a")).unwrap();
    let used = async {
        for round in 0.. {
            seat.write(&format!("late/g{round}"), "1");
            let mut told = page.next().await;
            while !told.path.starts_with("late") {
                told = page.next().await;
            }
            if told.kind == Created {
                return;
            }
        }
    };
    timeout(DEADLINE, used).await.expect("late is watched");
}

#[tokio::test]
async fn a_listener_that_comes_back_hears_everything_again() {
    let seat = Seat::start().await;
    for round in 0..5 {
        let mut first = Listener::ready(&seat).await;
        let mut second = Listener::ready(&seat).await;
        seat.write("f", round.to_string());
        for page in [&mut first, &mut second] {
            let seen = page.next().await;
            assert_eq!(seen.path, "f");
        }
    }
}

#[tokio::test]
async fn scripts_get_server_sent_events() {
    let seat = Seat::start().await;
    let token = seat.token(Mode::View);
    let mut stream = TcpStream::connect(("127.0.0.1", seat.files_port))
        .await
        .unwrap();
    let head = format!(
        "GET /files-events HTTP/1.1\r\nHost: seat\r\nAuthorization: Bearer {token}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut text = String::new();
    read_until(
        &mut stream,
        &mut text,
        "data: {\"kind\":\"rescan\",\"path\":\"\"}\n\n",
    )
    .await;
    assert!(text.contains("text/event-stream"), "{text}");
    seat.write("f", "1");
    read_until(
        &mut stream,
        &mut text,
        "data: {\"kind\":\"created\",\"path\":\"f\"}\n\n",
    )
    .await;
    // A stopping seat ends them.
    seat.stop().await;
    assert!(
        timeout(DEADLINE, stream.read_to_string(&mut text))
            .await
            .is_ok()
    );
}

async fn read_until(stream: &mut TcpStream, text: &mut String, wanted: &str) {
    let mut buffer = [0; 4096];
    while !text.contains(wanted) {
        let count = timeout(DEADLINE, stream.read(&mut buffer))
            .await
            .unwrap()
            .unwrap();
        assert!(count > 0, "ended before {wanted:?}: {text}");
        text.push_str(&String::from_utf8_lossy(&buffer[..count]));
    }
}
