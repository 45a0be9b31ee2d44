//! Clients that write bytes, and answers as they came.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::world::{COOKIE, within};

/// A request under construction.
#[derive(Clone)]
pub(crate) struct Ask {
    pub(crate) address: SocketAddr,
    pub(crate) text: String,
}

impl Ask {
    pub(crate) fn field(mut self, name: &str, value: impl std::fmt::Display) -> Self {
        self.text += &format!("{name}: {value}\r\n");
        self
    }

    pub(crate) fn bearer(self, token: &str) -> Self {
        self.field("Authorization", format!("Bearer {token}"))
    }

    pub(crate) fn cookie(self, token: &str) -> Self {
        self.field("Cookie", format!("{COOKIE}={token}"))
    }

    pub(crate) fn websocket(self) -> Self {
        self.field("Connection", "keep-alive, Upgrade")
            .field("Upgrade", "websocket")
            .field("Sec-WebSocket-Version", "13")
            .field("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
    }

    /// Sends it and reads the whole answer.
    pub(crate) async fn send(self) -> Reply {
        self.send_with(b"").await
    }

    pub(crate) async fn send_with(self, body: &[u8]) -> Reply {
        let mut client = self.open(body).await;
        client.reply().await
    }

    /// Sends it and leaves the answer to be read.
    pub(crate) async fn open(self, body: &[u8]) -> Client {
        let mut client = Client::new(TcpStream::connect(self.address).await.unwrap());
        let mut text = self.text;
        if !body.is_empty() {
            text += &format!("Content-Length: {}\r\n", body.len());
        }
        client.write(format!("{text}\r\n").as_bytes()).await;
        client.write(body).await;
        client
    }
}

/// A raw connection to the server.
pub(crate) struct Client {
    pub(crate) stream: TcpStream,
    /// What came behind the last answer.
    ahead: Vec<u8>,
}

impl Client {
    pub(super) fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            ahead: Vec::new(),
        }
    }

    pub(crate) async fn write(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    /// One answer: its head, and its body by length, chunks or the end of the connection.
    pub(crate) async fn reply(&mut self) -> Reply {
        within("an answer", self.read_reply()).await
    }

    async fn read_reply(&mut self) -> Reply {
        loop {
            if let Some((reply, end)) = Reply::parse(&self.ahead) {
                self.ahead.drain(..end);
                return reply;
            }
            let count = self.stream.read_buf(&mut self.ahead).await.unwrap_or(0);
            if count == 0 {
                return Reply::cut(&std::mem::take(&mut self.ahead));
            }
        }
    }

    /// Reads exactly so many bytes.
    pub(crate) async fn bytes(&mut self, count: usize) -> Vec<u8> {
        within("bytes", async {
            while self.ahead.len() < count {
                let read = self.stream.read_buf(&mut self.ahead).await.unwrap();
                assert!(read > 0, "the connection ended after {:?}", self.ahead);
            }
        })
        .await;
        self.ahead.drain(..count).collect()
    }

    /// Waits for the server to close, and returns how long it took.
    pub(crate) async fn closed(&mut self) -> Duration {
        let began = tokio::time::Instant::now();
        let mut rest = Vec::new();
        let _ = within(
            "the end of the connection",
            self.stream.read_to_end(&mut rest),
        )
        .await;
        began.elapsed()
    }
}

/// An answer as it came.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
    /// The connection ended before the body did.
    pub(crate) is_cut: bool,
}

impl Reply {
    /// The first answer in `bytes` and where it ends.
    fn parse(bytes: &[u8]) -> Option<(Self, usize)> {
        let head = bytes.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
        let mut reply = Self::cut(&bytes[..head]);
        let rest = &bytes[head..];
        let mut length = 0;
        if matches!(reply.status, 101 | 204 | 304) {
            // No body.
        } else if let Some(text) = reply.field("content-length") {
            length = text.parse().unwrap();
            reply.body = rest.get(..length)?.to_vec();
        } else if reply.field("transfer-encoding").is_some() {
            (reply.body, length) = unchunk(rest)?;
        } else {
            return None;
        }
        reply.is_cut = false;
        Some((reply, head + length))
    }

    fn cut(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes).into_owned();
        let status = text
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok());
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        Self {
            status: status.unwrap_or(0),
            head: head.to_owned(),
            body: body.as_bytes().to_vec(),
            is_cut: true,
        }
    }

    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (field, value) = line.split_once(':')?;
            field.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// Status and error code.
    pub(crate) fn error(&self) -> (u16, String) {
        let code = self.json()["error"]["code"]
            .as_str()
            .unwrap_or("")
            .to_owned();
        (self.status, code)
    }
}

/// A chunked body without trailers, and where it ends.
fn unchunk(bytes: &[u8]) -> Option<(Vec<u8>, usize)> {
    let mut body = Vec::new();
    let mut at = 0;
    loop {
        let line = bytes[at..].windows(2).position(|two| two == b"\r\n")?;
        let size = std::str::from_utf8(&bytes[at..at + line]).ok()?;
        let size = usize::from_str_radix(size, 16).ok()?;
        at += line + 2;
        body.extend_from_slice(bytes.get(at..at + size)?);
        at += size + 2;
        if size == 0 {
            return (bytes.len() >= at).then_some((body, at));
        }
    }
}
