//! A learner with a seat: their token, their files, and a terminal whose every byte they keep.

use std::net::SocketAddr;

use bytes::Bytes;
use clarateach_protocol::terminal::{SUBPROTOCOL, ServerFrame};
use futures_util::{SinkExt, StreamExt};
use http::header::{AUTHORIZATION, HeaderValue, SEC_WEBSOCKET_PROTOCOL};
use http::{Method, StatusCode};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{WebSocketStream, client_async};

use super::super::app::{Answer, Client, NoAnswer};
use super::wait::{until, within};

pub(super) struct Learner {
    listen: SocketAddr,
    client: Client,
    /// The whole answer to the join.
    pub(super) joined: Value,
}

impl Learner {
    pub(super) async fn join(listen: SocketAddr, workshop: &Value, name: &str) -> Self {
        let answer = Client::at(listen).join(workshop, name).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        Self::of(listen, answer.json())
    }

    /// Somebody with this answer to a join.
    pub(super) fn of(listen: SocketAddr, joined: Value) -> Self {
        Self {
            listen,
            client: Client::at(listen),
            joined,
        }
    }

    /// The same learner at another device, with nothing but their reconnect code.
    pub(super) async fn other_device(&self, workshop: &Value) -> Self {
        let body = json!({"code": workshop["code"], "name": "?", "reconnect_code": self.joined["reconnect_code"]});
        let answer = self.client.post("/api/join", body).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        Self::of(self.listen, answer.json())
    }

    pub(super) fn token(&self) -> &str {
        self.joined["token"].as_str().unwrap()
    }

    pub(super) fn path(&self, below: &str) -> String {
        let endpoint = self.joined["endpoint"].as_str().unwrap();
        let path = endpoint
            .strip_prefix(&self.client.base)
            .unwrap_or_else(|| panic!("{endpoint}"));
        format!("{path}/vm/{}{below}", self.joined["seat"])
    }

    pub(super) async fn try_ask(
        &self,
        method: Method,
        below: &str,
        body: &str,
    ) -> Result<Answer, NoAnswer> {
        let bearer = format!("Bearer {}", self.token());
        let headers = [("authorization", bearer.as_str())];
        let path = self.path(below);
        let sending = self
            .client
            .try_send(method, &path, &headers, body.to_owned());
        within(below, sending).await
    }

    pub(super) async fn ask(&self, method: Method, below: &str, body: &str) -> Answer {
        self.try_ask(method, below, body).await.unwrap()
    }

    pub(super) async fn ask_json(&self, method: Method, below: &str, body: Value) -> Answer {
        let bearer = format!("Bearer {}", self.token());
        let headers = [
            ("authorization", bearer.as_str()),
            ("content-type", "application/json"),
        ];
        let path = self.path(below);
        let sending = self
            .client
            .try_send(method, &path, &headers, body.to_string());
        within(below, sending).await.unwrap()
    }

    /// What is no text: an archive, sent or received.
    pub(super) async fn ask_bytes(
        &self,
        method: Method,
        below: &str,
        body: Bytes,
    ) -> (StatusCode, Bytes) {
        let bearer = format!("Bearer {}", self.token());
        let headers = [("authorization", bearer.as_str())];
        let path = self.path(below);
        within(below, async {
            let answer = self.client.open(method, &path, &headers, body).await;
            let status = answer.status();
            (
                status,
                answer.into_body().collect().await.unwrap().to_bytes(),
            )
        })
        .await
    }

    /// What a page asks after a closed socket.
    pub(super) async fn session(&self) -> Answer {
        self.ask(Method::GET, "/session", "").await
    }

    /// Waits, as a page does, until the seat is there again.
    pub(super) async fn is_served(&self) {
        until("the learner's seat", async || self.served("/session").await).await;
    }

    /// Waits until the seat is there with that file.
    pub(super) async fn has(&self, name: &str, text: &str) {
        let path = format!("/files/{name}");
        let file = until("the learner's file", async || self.served(&path).await).await;
        assert_eq!(file.text, text);
    }

    /// What a good token gets of a seat that is there; nothing of one that isn't yet.
    async fn served(&self, below: &str) -> Option<Answer> {
        let answer = self.try_ask(Method::GET, below, "").await.ok()?;
        match answer.status {
            StatusCode::OK => Some(answer),
            StatusCode::BAD_GATEWAY | StatusCode::GATEWAY_TIMEOUT => None,
            StatusCode::SERVICE_UNAVAILABLE => {
                assert!(answer.headers.contains_key("retry-after"), "{answer:?}");
                None
            }
            _ => panic!("the learner's token opens nothing: {answer:?}"),
        }
    }

    pub(super) async fn save(&self, name: &str, text: &str) {
        let saved = self.ask(Method::PUT, &format!("/files/{name}"), text).await;
        assert!(saved.status.is_success(), "{saved:?}");
    }

    /// Attaches to the terminal `main`.
    pub(super) async fn terminal(&self) -> Terminal {
        until("a terminal", async || self.try_terminal().await.ok()).await
    }

    pub(super) async fn try_terminal(&self) -> Result<Terminal, NoAnswer> {
        let target = "/terminal?name=main&cols=120&rows=30";
        let mut socket = self.socket(target, Some(SUBPROTOCOL)).await?;
        let first = within("the first frame", socket.next()).await;
        let text = first.ok_or("closed before it attached")??.into_text()?;
        match serde_json::from_str(&text)? {
            ServerFrame::Attached {
                epoch,
                offset,
                replay_bytes,
                ..
            } => Ok(Terminal {
                wire: Wire::open(socket, offset, replay_bytes),
                epoch,
                text: String::new(),
                seen: 0,
                exit_code: None,
            }),
            other => Err(format!("{other:?} is no greeting").into()),
        }
    }
}

impl Learner {
    /// An upgraded connection to the seat.
    pub(super) async fn socket(
        &self,
        below: &str,
        protocol: Option<&'static str>,
    ) -> Result<WebSocketStream<TcpStream>, NoAnswer> {
        let target = self.path(below);
        let mut request = format!("ws://{}{target}", self.listen).into_client_request()?;
        let headers = request.headers_mut();
        let bearer = HeaderValue::try_from(format!("Bearer {}", self.token()))?;
        headers.insert(AUTHORIZATION, bearer);
        if let Some(protocol) = protocol {
            let protocol = HeaderValue::from_static(protocol);
            headers.insert(SEC_WEBSOCKET_PROTOCOL, protocol);
        }
        let stream = TcpStream::connect(self.listen).await?;
        let (socket, _) = within("an upgrade", client_async(request, stream)).await?;
        Ok(socket)
    }
}

/// A terminal, attached.
pub(super) struct Terminal {
    wire: Wire,
    /// Which shell it is.
    pub(super) epoch: String,
    /// All that was heard.
    text: String,
    /// What was asked about already.
    seen: usize,
    /// The ended shell's, once told.
    pub(super) exit_code: Option<i32>,
}

impl Terminal {
    /// Types a line.
    pub(super) async fn types(&mut self, line: &str) {
        let typed = Message::binary(format!("{line}\r").into_bytes());
        assert!(self.wire.typed.send(typed).is_ok(), "the terminal was cut");
    }

    /// Waits for a text in what came since the last wait.
    pub(super) async fn shows(&mut self, wanted: &str) {
        let what = format!("{wanted:?} in a terminal");
        let shown = within(&what, async {
            while !self.text[self.seen..].contains(wanted) {
                if !self.hear().await {
                    return false;
                }
            }
            true
        });
        let shown = shown.await;
        assert!(
            shown,
            "the terminal was cut before {wanted:?}: {:?}",
            self.text
        );
        self.seen = self.text.len();
    }

    /// Runs a command whose answer is not what was typed.
    pub(super) async fn answers(&mut self, line: &str, wanted: &str) {
        assert!(!line.contains(wanted), "the echo of {line:?} would do");
        self.types(line).await;
        self.shows(wanted).await;
    }

    /// Waits until the connection is cut.
    pub(super) async fn is_cut(&mut self) {
        within("the end of a terminal's connection", async {
            while self.hear().await {}
        })
        .await;
    }

    /// Whether the connection holds, as far as it was noticed.
    pub(super) fn is_open(&self) -> bool {
        !self.wire.typed.is_closed()
    }

    /// Takes what comes next; whether there was anything.
    pub(super) async fn hear(&mut self) -> bool {
        match self.wire.heard.recv().await {
            Some(Message::Binary(bytes)) => self.text += &String::from_utf8_lossy(&bytes),
            Some(Message::Text(text)) => {
                if let Ok(ServerFrame::Exited { code }) = serde_json::from_str(&text) {
                    self.exit_code = Some(code);
                }
            }
            Some(_) => {}
            None => return false,
        }
        true
    }
}

/// A terminal's connection. As a page does, it reads what comes and answers pings whatever else its user waits for:
/// who is silent for long is cut.
struct Wire {
    typed: UnboundedSender<Message>,
    heard: UnboundedReceiver<Message>,
    _reading: JoinSet<()>,
}

impl Wire {
    /// Ends with its user. Drawn up to `offset`, which `replay` bytes of redrawing don't count into.
    fn open(mut socket: WebSocketStream<TcpStream>, mut offset: u64, mut replay: u64) -> Self {
        let (typed, mut to_send) = unbounded_channel();
        let (told, heard) = unbounded_channel();
        let mut reading = JoinSet::new();
        reading.spawn(async move {
            loop {
                tokio::select! {
                    message = to_send.recv() => {
                        let Some(message) = message else { return };
                        if socket.send(message).await.is_err() { return }
                    }
                    message = socket.next() => {
                        let Some(Ok(message)) = message else { return };
                        if let Message::Binary(bytes) = &message {
                            let drawn = replay.min(bytes.len() as u64);
                            replay -= drawn;
                            offset += bytes.len() as u64 - drawn;
                            let ack = json!({"type": "ack", "offset": offset}).to_string();
                            if socket.send(Message::text(ack)).await.is_err() { return }
                        }
                        if message.is_close() || told.send(message).is_err() { return }
                    }
                }
            }
        });
        Self {
            typed,
            heard,
            _reading: reading,
        }
    }
}
