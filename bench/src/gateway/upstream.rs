//! What stands behind every proxy: answers of a given size, WebSockets that echo or flood, and the answer that peers'
//! authentication asks for. Written to cost little: what is measured is in front of it.
//!
//! Which answer is in the last segment of the path: `100`, `10000`, `1000000` bytes; `auth`; `echo` and `flood` after an
//! upgrade. Bytes of WebSockets are given back as they came: no proxy here looks at masks.

use std::io::Write;
use std::net::SocketAddr;
use std::process::Command;

use anyhow::{Context, Result};
use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::process::{Server, Speaks};

/// Payload of a frame of the flood.
const FRAME: usize = 16 * 1024;
const LARGEST_HEAD: usize = 16 * 1024;

/// The upstream's process.
pub(super) struct Upstream {
    pub(super) address: SocketAddr,
    _server: Server,
}

impl Upstream {
    /// This binary again, in a process of its own.
    pub(super) fn start() -> Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("upstream");
        let (server, line) = Server::start("the upstream", &mut command, Speaks::Out)?;
        Ok(Self {
            address: line.parse().context("the upstream's address")?,
            _server: server,
        })
    }
}

/// Says its address, then serves until it is ended.
pub(crate) fn run() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        writeln!(std::io::stdout(), "{}", listener.local_addr()?)?;
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                accepted = listener.accept() => {
                    let (stream, _) = accepted?;
                    connections.spawn(async move {
                        // Whoever hangs up shows it at the client.
                        let _ = serve(stream).await;
                    });
                }
                Some(_) = connections.join_next() => {}
            }
        }
    })
}

async fn serve(mut stream: TcpStream) -> Result<()> {
    stream.set_nodelay(true)?;
    let answers = [100, 10_000, 1_000_000].map(|size| (size.to_string(), answer(size)));
    let mut buffer = Vec::with_capacity(4096);
    loop {
        let end = loop {
            if let Some(end) = find(&buffer, b"\r\n\r\n") {
                break end + 4;
            }
            anyhow::ensure!(buffer.len() < LARGEST_HEAD, "a head without end");
            if stream.read_buf(&mut buffer).await? == 0 {
                return Ok(());
            }
        };
        let head = String::from_utf8_lossy(&buffer[..end]).into_owned();
        buffer.drain(..end);
        let path = head.split(' ').nth(1).unwrap_or_default();
        let what = path.split('?').next().unwrap_or_default();
        let what = what.rsplit('/').next().unwrap_or_default();
        // What asks for permission may show the same fields.
        if what != "auth"
            && let Some(key) = field(&head, "sec-websocket-key")
        {
            let what = path.rsplit('=').next().unwrap_or_default().to_owned();
            return upgraded(stream, &key, &what).await;
        }
        let bytes = match answers.iter().find(|(name, _)| name == what) {
            Some((_, bytes)) => bytes,
            None if what == "auth" => {
                &Bytes::from_static(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            }
            None => &Bytes::from_static(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"),
        };
        stream.write_all(bytes).await?;
        if field(&head, "connection").is_some_and(|value| value.eq_ignore_ascii_case("close")) {
            return Ok(());
        }
    }
}

async fn upgraded(mut stream: TcpStream, key: &str, what: &str) -> Result<()> {
    let accept = derive_accept_key(key.as_bytes());
    let head = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await?;
    // Small until something comes: thousands of these stay idle.
    let mut buffer = Vec::new();
    if what == "flood" {
        stream.readable().await?;
        let frame = frame();
        loop {
            stream.write_all(&frame).await?;
        }
    }
    loop {
        stream.readable().await?;
        buffer.clear();
        if stream.read_buf(&mut buffer).await? == 0 {
            return Ok(());
        }
        stream.write_all(&buffer).await?;
    }
}

fn answer(size: usize) -> Bytes {
    let mut bytes = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: {size}\r\n\r\n"
    )
    .into_bytes();
    bytes.resize(bytes.len() + size, b'x');
    bytes.into()
}

/// A binary frame of a server's (RFC 6455, section 5.2).
fn frame() -> Vec<u8> {
    let mut frame = vec![0x82, 126];
    frame.extend(u16::try_from(FRAME).unwrap_or(u16::MAX).to_be_bytes());
    frame.resize(frame.len() + FRAME, b'x');
    frame
}

pub(super) fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

/// The value of a field of a head.
pub(super) fn field(head: &str, name: &str) -> Option<String> {
    let mut lines = head.lines().filter_map(|line| line.split_once(':'));
    let (_, value) = lines.find(|(found, _)| found.eq_ignore_ascii_case(name))?;
    Some(value.trim().to_owned())
}
