//! The client: connections that ask again and again, on raw sockets, so that it costs little itself.

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::{JoinSet, LocalSet};
use tokio::time::timeout;

use super::upstream::{field, find};

const READ_BYTES: usize = 64 * 1024;
/// For one answer: a proxy that hangs fails the run.
const PATIENCE: Duration = Duration::from_secs(10);
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

/// What to ask, and where: `Host` and the token are the same for every contender.
#[derive(Clone)]
pub(super) struct Door {
    pub(super) address: SocketAddr,
    /// Bases below which seats are, each with its token.
    pub(super) seats: Rc<Vec<(String, String)>>,
}

impl Door {
    fn head(&self, seat: usize, below: &str, more: &str) -> Vec<u8> {
        let (base, token) = &self.seats[seat % self.seats.len()];
        let host = self.address;
        format!(
            "GET {base}{below} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n{more}\r\n"
        )
        .into_bytes()
    }
}

/// What a turn came to.
pub(super) struct Turn {
    pub(super) requests: u64,
    pub(super) elapsed: Duration,
}

/// Asks for `below` on so many connections for that long; the seats take turns.
pub(super) async fn ask(
    door: &Door,
    below: &str,
    connections: usize,
    duration: Duration,
) -> Result<Turn> {
    let begun = Instant::now();
    let count = Rc::new(Cell::new(0));
    let local = LocalSet::new();
    let mut clients = JoinSet::new();
    for number in 0..connections {
        let (door, count, below) = (door.clone(), Rc::clone(&count), below.to_owned());
        let client = async move {
            let mut stream = connect(door.address).await?;
            let mut buffer = vec![0; READ_BYTES];
            let mut seat = number;
            // The first always comes to its end: a slow proxy has at least one a connection.
            loop {
                let head = door.head(seat, &below, "");
                let asked = async {
                    stream.write_all(&head).await?;
                    read_answer(&mut stream, &mut buffer).await
                };
                timeout(PATIENCE, asked).await.context("no answer")??;
                count.set(count.get() + 1);
                seat += connections;
                if begun.elapsed() >= duration {
                    return anyhow::Ok(());
                }
            }
        };
        clients.spawn_local_on(client, &local);
    }
    local
        .run_until(async {
            while let Some(ended) = clients.join_next().await {
                ended??;
            }
            anyhow::Ok(())
        })
        .await?;
    Ok(Turn {
        requests: count.get(),
        elapsed: begun.elapsed(),
    })
}

async fn connect(address: SocketAddr) -> Result<TcpStream> {
    let stream = timeout(PATIENCE, TcpStream::connect(address)).await??;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Reads an answer to its end, and forgets it.
async fn read_answer(stream: &mut TcpStream, buffer: &mut [u8]) -> Result<()> {
    let (mut filled, mut expected) = (0, None);
    loop {
        // A body runs over its own begin: nobody looks at it.
        let at = if expected.is_some() { 0 } else { filled };
        let read = stream.read(&mut buffer[at..]).await?;
        ensure!(read > 0, "the connection ended within an answer");
        filled += read;
        if expected.is_none()
            && let Some(end) = find(&buffer[..filled], b"\r\n\r\n")
        {
            let head = str::from_utf8(&buffer[..end + 2]).context("a head that is text")?;
            ensure!(head.starts_with("HTTP/1.1 200 "), "not 200: {head}");
            let length = field(head, "content-length");
            let length: usize = length.context("no Content-Length")?.parse()?;
            expected = Some(end + 4 + length);
        }
        if let Some(expected) = expected {
            ensure!(filled <= expected, "more than the answer came");
            if filled == expected {
                return Ok(());
            }
        }
    }
}

/// A WebSocket after its handshake.
pub(super) struct Socket(TcpStream);

impl Socket {
    pub(super) async fn open(door: &Door, seat: usize, what: &str) -> Result<Self> {
        timeout(PATIENCE, Self::shake_hands(door, seat, what))
            .await
            .context("no 101")?
    }

    async fn shake_hands(door: &Door, seat: usize, what: &str) -> Result<Self> {
        let mut stream = connect(door.address).await?;
        let upgrade = format!(
            "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: {KEY}\r\n"
        );
        let below = format!("terminal?name={what}");
        stream.write_all(&door.head(seat, &below, &upgrade)).await?;
        let mut head = Vec::new();
        while find(&head, b"\r\n\r\n").is_none() {
            let mut byte = [0];
            stream.read_exact(&mut byte).await?;
            head.push(byte[0]);
        }
        if !head.starts_with(b"HTTP/1.1 101 ") {
            bail!("not 101: {}", String::from_utf8_lossy(&head));
        }
        Ok(Self(stream))
    }

    /// A typed byte in a masked frame, and the same frame back.
    pub(super) async fn echo(&mut self) -> Result<Duration> {
        const FRAME: [u8; 7] = [0x82, 0x81, 1, 2, 3, 4, b'x' ^ 1];
        let begun = Instant::now();
        let mut back = [0; 7];
        let echoed = async {
            self.0.write_all(&FRAME).await?;
            self.0.read_exact(&mut back).await
        };
        timeout(PATIENCE, echoed).await.context("no echo")??;
        ensure!(back == FRAME, "another frame came back");
        Ok(begun.elapsed())
    }

    /// Starts the flood and takes that much of it.
    pub(super) async fn take(&mut self, bytes: u64) -> Result<()> {
        self.0.write_all(&[0x82, 0x80, 0, 0, 0, 0]).await?;
        let mut buffer = vec![0; READ_BYTES];
        let mut left = bytes;
        while left > 0 {
            let read = timeout(PATIENCE, self.0.read(&mut buffer)).await??;
            ensure!(read > 0, "the flood ended");
            left = left.saturating_sub(read as u64);
        }
        Ok(())
    }
}
