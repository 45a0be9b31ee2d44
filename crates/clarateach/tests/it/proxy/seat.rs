//! Seats on raw sockets that do what a test tells them, and remember what they were sent.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

/// One listener; dropped, it and its connections are gone.
pub(crate) struct Seat {
    pub(crate) address: SocketAddr,
    seen: Arc<Seen>,
    _tasks: JoinSet<()>,
}

/// What a seat was sent.
#[derive(Default)]
pub(crate) struct Seen {
    bytes: Mutex<Vec<u8>>,
    connections: Mutex<usize>,
    closed: Mutex<usize>,
}

impl Seen {
    pub(crate) fn note(&self, bytes: &[u8]) {
        self.bytes.lock().unwrap().extend_from_slice(bytes);
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes.lock().unwrap()).into_owned()
    }
}

impl Seat {
    /// A seat that runs `script` on each connection.
    pub(crate) async fn scripted<F>(
        script: impl Fn(TcpStream, Arc<Seen>) -> F + Send + 'static,
    ) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Seen::default());
        let mut tasks = JoinSet::new();
        let shared = Arc::clone(&seen);
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                *shared.connections.lock().unwrap() += 1;
                let connection = script(stream, Arc::clone(&shared));
                let shared = Arc::clone(&shared);
                connections.spawn(async move {
                    connection.await;
                    *shared.closed.lock().unwrap() += 1;
                });
            }
        });
        Self {
            address,
            seen,
            _tasks: tasks,
        }
    }

    /// A seat that answers every request with the request, as it came.
    pub(crate) async fn echo() -> Self {
        Self::scripted(|mut stream, seen| async move {
            while let Some(request) = read_request(&mut stream, &seen).await {
                let head = format!(
                    "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: {}\r\n\r\n",
                    request.len()
                );
                if stream.write_all(head.as_bytes()).await.is_err()
                    || stream.write_all(&request).await.is_err()
                {
                    return;
                }
            }
        })
        .await
    }

    /// A seat that answers every request with these bytes and closes.
    pub(crate) async fn answering(answer: impl Into<Vec<u8>>) -> Self {
        let answer: Arc<[u8]> = answer.into().into();
        Self::scripted(move |mut stream, seen| {
            let answer = Arc::clone(&answer);
            async move {
                if read_request(&mut stream, &seen).await.is_some() {
                    let _ = stream.write_all(&answer).await;
                }
            }
        })
        .await
    }

    /// A seat that answers a request with `head` and then `piece` again and again, until nobody takes it.
    pub(crate) async fn flooding(head: &str, piece: &str) -> Self {
        let (head, piece): (Arc<str>, Arc<str>) = (head.into(), piece.into());
        Self::scripted(move |mut stream, seen| {
            let (head, piece) = (Arc::clone(&head), Arc::clone(&piece));
            async move {
                read_request(&mut stream, &seen).await;
                let _ = stream.write_all(head.as_bytes()).await;
                while stream.write_all(piece.as_bytes()).await.is_ok() {}
            }
        })
        .await
    }

    /// A seat that takes WebSockets and sends every byte back that it gets after its `101`.
    pub(crate) async fn socket() -> Self {
        Self::scripted(|mut stream, seen| async move {
            let Some(request) = read_request(&mut stream, &seen).await else {
                return;
            };
            if stream
                .write_all(switching(&request).as_bytes())
                .await
                .is_err()
            {
                return;
            }
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = stream.read(&mut buffer).await {
                seen.note(&buffer[..count]);
                if stream.write_all(&buffer[..count]).await.is_err() {
                    return;
                }
            }
        })
        .await
    }

    /// Everything that it was sent, on all connections.
    pub(crate) fn seen(&self) -> String {
        self.seen.text()
    }

    /// Tells its script something, as if it had been sent that.
    pub(crate) fn say(&self, text: &str) {
        self.seen.note(text.as_bytes());
    }

    /// How many connections it has taken.
    pub(crate) fn connections(&self) -> usize {
        *self.seen.connections.lock().unwrap()
    }

    /// Waits until so many connections have ended on the other side.
    pub(crate) async fn wait_closed(&self, count: usize) {
        super::world::eventually("the seat's connections to end", || {
            *self.seen.closed.lock().unwrap() >= count
        })
        .await;
    }
}

/// A right `101` for a request.
pub(crate) fn switching(request: &[u8]) -> String {
    let text = String::from_utf8_lossy(request).to_lowercase();
    let original = String::from_utf8_lossy(request).into_owned();
    let at = text.find("sec-websocket-key: ").unwrap() + "sec-websocket-key: ".len();
    let key = original[at..].lines().next().unwrap().trim();
    let accept = derive_accept_key(key.as_bytes());
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: {accept}\r\n\r\n"
    )
}

/// Head and body of one request as they came, or `None` at the end of the connection.
pub(crate) async fn read_request(stream: &mut TcpStream, seen: &Seen) -> Option<Vec<u8>> {
    let mut request = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        if let Some(end) = complete(&request) {
            assert_eq!(end, request.len(), "the gateway pipelined");
            return Some(request);
        }
        let count = stream
            .read(&mut buffer)
            .await
            .ok()
            .filter(|count| *count > 0)?;
        seen.note(&buffer[..count]);
        request.extend_from_slice(&buffer[..count]);
    }
}

fn complete(request: &[u8]) -> Option<usize> {
    let head = request.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let text = String::from_utf8_lossy(&request[..head]).to_lowercase();
    if text.contains("transfer-encoding: chunked") {
        let end = request[head..]
            .windows(5)
            .position(|five| five == b"0\r\n\r\n")?;
        return Some(head + end + 5);
    }
    let length = text.lines().find_map(|line| {
        let value = line.strip_prefix("content-length: ")?;
        value.trim().parse::<usize>().ok()
    });
    let end = head + length.unwrap_or(0);
    (request.len() >= end).then_some(end)
}

/// How long anything may take that should happen at once.
pub(crate) const SOON: Duration = Duration::from_secs(5);
