//! The binary killed at the worst moment, and what a client that stops costs it.

use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::Duration;

use clarateach_client::{Acks, Attach, Endpoint, Pace, TerminalClient};
use clarateach_protocol::terminal::close;
use flate2::Compression;
use flate2::write::GzEncoder;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::process::{command, signal, start};
use crate::seat::{right_token, until};

/// A server as a process of its own.
struct Server {
    child: Child,
    _log: std::io::BufReader<std::process::ChildStderr>,
    terminal_port: u16,
    files_port: u16,
}

impl Server {
    fn start(folder: &Path) -> Self {
        let (child, log, line) = start(&mut command(folder));
        let port = |name: &str| line["fields"][name].as_u64().unwrap().try_into().unwrap();
        Self {
            terminal_port: port("terminal_port"),
            files_port: port("files_port"),
            child,
            _log: log,
        }
    }

    fn end(&mut self, how: &str) {
        signal(&self.child, how);
        self.child.wait().unwrap();
    }

    /// A request's head, sent to the listener at `port`; what follows is the test's.
    async fn begin(port: u16, request: &str, more: &str) -> TcpStream {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        let token = right_token();
        let head = format!(
            "{request} HTTP/1.1\r\nHost: seat\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n{more}\r\n"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        stream
    }

    /// A whole answer from the terminals' listener.
    async fn ask(&self, target: &str) -> String {
        let mut stream = Self::begin(self.terminal_port, &format!("GET {target}"), "").await;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    /// Bytes that the server has written to files which it has open.
    fn open_bytes(&self) -> u64 {
        let files = std::fs::read_dir(format!("/proc/{}/fd", self.child.id())).unwrap();
        let sizes = files.flatten().filter_map(|file| {
            let found = std::fs::metadata(file.path()).ok()?;
            found.is_file().then_some(found.len())
        });
        sizes.sum()
    }

    /// Kilobytes that no file backs (proc(5), `smaps_rollup`): another server's end changes the share of
    /// the program's own pages.
    fn memory(&self) -> u64 {
        let text = std::fs::read_to_string(format!("/proc/{}/smaps_rollup", self.child.id()));
        let text = text.unwrap();
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix("Anonymous:"));
        let number = line.and_then(|line| line.split_ascii_whitespace().next());
        number.unwrap().parse().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Temporary names below a folder.
fn leftovers(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().flatten();
    let is_ours = |path: &PathBuf| path.to_string_lossy().contains("/.clarateach-");
    entries.map(|entry| entry.path()).filter(is_ours).collect()
}

#[tokio::test]
async fn a_server_killed_in_an_upload_leaves_no_half_file() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("old"), "old").unwrap();
    let mut server = Server::start(folder.path());
    let quiet = server.open_bytes();
    let mut uploads = Vec::new();
    for name in ["old", "new"] {
        let request = format!("PUT /files/{name}");
        let length = "Content-Length: 8000000\r\n";
        let mut upload = Server::begin(server.files_port, &request, length).await;
        upload.write_all(&vec![b'x'; 4_000_000]).await.unwrap();
        uploads.push(upload);
    }
    // Both are on the disk, all but what a buffer may keep.
    until("two halves", async || {
        server.open_bytes() >= quiet + 7_000_000
    })
    .await;
    server.end("KILL");
    let old = std::fs::metadata(folder.path().join("old")).unwrap().len();
    assert_eq!(old, 3, "bytes of the file that was there");
    assert!(!folder.path().join("new").exists());
    drop(uploads);

    let mut server = Server::start(folder.path());
    until("no leftovers", async || {
        server.ask("/terminals").await;
        leftovers(folder.path()).is_empty()
    })
    .await;
    // The same upload, not killed: it could have arrived.
    let mut whole =
        Server::begin(server.files_port, "PUT /files/new", "Content-Length: 5\r\n").await;
    whole.write_all(b"whole").await.unwrap();
    let mut answer = String::new();
    whole.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    assert_eq!(
        std::fs::read_to_string(folder.path().join("new")).unwrap(),
        "whole"
    );
    server.end("TERM");
}

#[tokio::test]
async fn what_a_killed_unpacking_leaves_goes_at_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::start(folder.path());
    let mut archive = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    let mut header = tar::Header::new_gnu();
    header.set_size(90_000_000);
    header.set_mode(0o644);
    let content = std::io::Read::take(std::io::repeat(b'x'), 90_000_000);
    archive.append_data(&mut header, "large", content).unwrap();
    let archive = archive.into_inner().unwrap().finish().unwrap();
    let length = format!("Content-Length: {}\r\n", archive.len());
    let request = "POST /files-archive?path=&format=tar.gz";
    let mut sending = Server::begin(server.files_port, request, &length).await;
    sending.write_all(&archive).await.unwrap();
    until("a file half unpacked", async || {
        !leftovers(folder.path()).is_empty()
    })
    .await;
    server.end("KILL");
    assert!(!folder.path().join("large").exists(), "it was done already");
    assert_eq!(leftovers(folder.path()).len(), 1, "nothing to remove");
    // At once: within the same second, more often than not.
    let mut server = Server::start(folder.path());
    until("no leftovers", async || {
        server.ask("/terminals").await;
        leftovers(folder.path()).is_empty()
    })
    .await;
    server.end("TERM");
}

#[tokio::test]
async fn a_client_that_reads_no_more_costs_no_memory() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::start(folder.path());
    let endpoint = Endpoint::seat(server.terminal_port, right_token());
    let mut page = TerminalClient::attach(&endpoint, Attach::default()).await;
    page.run("true").await;
    let empty = server.memory();
    // A full ring and history are a terminal's price, whoever reads.
    let printed = page.run("seq 1 400000").await;
    assert!(printed.ends_with("400000"));
    page.run("true").await;
    let before = server.memory();
    assert!(
        before > empty + 512,
        "a ring of 1 MiB is not seen: {empty} KiB, then {before} KiB"
    );
    let mut most = before;
    page.acks = Acks::Never;
    page.type_text("yes\r").await;
    page.set_pace(Pace::Stopped);
    until("the client is let go", async || {
        most = most.max(server.memory());
        server.ask("/terminals").await.contains("\"clients\":0")
    })
    .await;
    // And while the program runs on without anybody.
    let begun = Instant::now();
    until("a second of it", async || {
        most = most.max(server.memory());
        begun.elapsed() > Duration::from_secs(1)
    })
    .await;
    println!(
        "{empty} KiB empty, {before} KiB full, {most} KiB at the most while a client read nothing"
    );
    assert!(
        most < before + 1024,
        "{before} KiB before, {most} KiB at the most"
    );
    assert!(
        most < empty + 6 * 1024,
        "{empty} KiB empty, {most} KiB at the most"
    );
    page.set_pace(Pace::Full);
    assert_eq!(page.wait_for_close().await, Some(close::TOO_SLOW));
    let mut back = page.resume().await;
    assert!(!back.attached.resumed, "`yes` was held back all along");
    back.type_text("\x03").await;
    back.wait_for("^C").await;
    assert!(back.run("echo alive").await.ends_with("alive"));
    server.end("TERM");
}
