//! A server that says what a test wants said, and keeps what it was asked.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

/// Answers a request line (`GET /api/workshops`) with a status and a body.
type Answers = Arc<dyn Fn(&str) -> (u16, Value) + Send + Sync>;

pub(super) struct Scripted {
    pub(super) address: SocketAddr,
    heads: Arc<Mutex<Vec<String>>>,
    /// Ends with this.
    _running: JoinSet<()>,
}

impl Scripted {
    pub(super) async fn start(
        answers: impl Fn(&str) -> (u16, Value) + Send + Sync + 'static,
    ) -> Self {
        Self::start_with(None, Arc::new(answers)).await
    }

    pub(super) async fn start_tls(
        tls: TlsAcceptor,
        answers: impl Fn(&str) -> (u16, Value) + Send + Sync + 'static,
    ) -> Self {
        Self::start_with(Some(tls), Arc::new(answers)).await
    }

    async fn start_with(tls: Option<TlsAcceptor>, answers: Answers) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let heads: Arc<Mutex<Vec<String>>> = Arc::default();
        let kept = Arc::clone(&heads);
        let mut running = JoinSet::new();
        running.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (answers, kept) = (Arc::clone(&answers), Arc::clone(&kept));
                let tls = tls.clone();
                connections.spawn(async move {
                    match tls {
                        None => serve(stream, answers, kept).await,
                        // A client that distrusts us hangs up.
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                serve(stream, answers, kept).await;
                            }
                        }
                    }
                });
            }
        });
        Self {
            address,
            heads,
            _running: running,
        }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Request lines and headers of everything that was asked so far.
    pub(super) fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }
}

/// One request a connection; the body is not looked at.
async fn serve(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    answers: Answers,
    kept: Arc<Mutex<Vec<String>>>,
) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    let head = String::from_utf8(head).unwrap();
    let line = head.lines().next().unwrap();
    let line = line.trim_end_matches(" HTTP/1.1").to_owned();
    kept.lock().unwrap().push(head);
    let (status, body) = answers(&line);
    let body = body.to_string();
    let answer = format!(
        "HTTP/1.1 {status} Scripted\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    // Who was interrupted reads no more.
    let _ = stream.write_all(answer.as_bytes()).await;
    let _ = stream.shutdown().await;
}

/// A workshop as the API shows it, with seats of these statuses.
pub(super) fn workshop(name: &str, status: &str, seats: &[&str]) -> Value {
    let seats: Vec<Value> = (1..)
        .zip(seats)
        .map(|(number, status)| match *status {
            "failed" => json!({"number": number, "status": status, "generation": 1,
                "reason": {"code": "disk", "message": "cannot attach the disk\u{1b}[2J"}}),
            "occupied" => json!({"number": number, "status": status, "generation": 1,
                "learner": {"name": "Ada", "joined_at": "2030-01-01T00:00:00Z", "presence": "active"}}),
            _ => json!({"number": number, "status": status, "generation": 1}),
        })
        .collect();
    json!({"id": "ws-aaaaaaaa", "name": name, "code": "7K3Q-9XWD", "status": status, "seats": seats,
        "join_url": "http://class/join#7K3Q-9XWD", "created_at": "2030-01-01T00:00:00Z"})
}
