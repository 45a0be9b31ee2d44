//! The binary killed at the worst moment.

use std::path::{Path, PathBuf};
use std::process::Child;

use flate2::Compression;
use flate2::write::GzEncoder;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::process::{command, signal, start};
use crate::seat::{right_token, until};

/// A server as a process of its own.
pub(crate) struct Server {
    pub(crate) child: Child,
    _log: std::io::BufReader<std::process::ChildStderr>,
    pub(crate) terminal_port: u16,
    files_port: u16,
}

impl Server {
    pub(crate) fn start(folder: &Path) -> Self {
        let (child, log, line) = start(&mut command(folder));
        let port = |name: &str| line["fields"][name].as_u64().unwrap().try_into().unwrap();
        Self {
            terminal_port: port("terminal_port"),
            files_port: port("files_port"),
            child,
            _log: log,
        }
    }

    pub(crate) fn end(&mut self, how: &str) {
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
    pub(crate) async fn ask(&self, target: &str) -> String {
        let mut stream = Self::begin(self.terminal_port, &format!("GET {target}"), "").await;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    /// Makes a terminal; the whole answer.
    pub(crate) async fn make(&self, name: &str) -> String {
        let body = format!("{{\"name\":\"{name}\"}}");
        let more = format!(
            "Content-Type: application/json\r\nContent-Length: {}\r\n",
            body.len()
        );
        let mut stream = Self::begin(self.terminal_port, "POST /terminals", &more).await;
        stream.write_all(body.as_bytes()).await.unwrap();
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
