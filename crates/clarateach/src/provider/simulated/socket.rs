//! A simulated terminal's WebSocket: attach, resume, window and acks as the protocol has them.

use std::mem;
use std::sync::Arc;
use std::time::Duration;

use clarateach_protocol::id::TerminalName;
use clarateach_protocol::terminal::{
    ACK_DEADLINE_SECONDS, ClientFrame, SUBPROTOCOL, ServerFrame, WINDOW_BYTES, close,
};
use clarateach_protocol::token::Mode;
use futures_util::{SinkExt, StreamExt};
use http::header::{
    CONNECTION, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL,
    UPGRADE,
};
use http::{Method, Request, StatusCode};
use hyper::body::Incoming;
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio::time::{Instant, sleep_until};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{self, Message};

use super::http::{Answer, Refusal, empty, invalid_input, not_allowed, not_found};
use super::seat::Start;
use super::terminal::{Terminal, query};

/// Bytes of one message from a client at the most.
const MAX_MESSAGE_BYTES: usize = 64 * 1024;
/// Bytes of one message to a client at the most.
const CHUNK_BYTES: u64 = 16 * 1024;
/// Bytes that redraw a screen at the most.
const REPLAY_BYTES: u64 = 32 * 1024;

type Socket = WebSocketStream<TokioIo<Upgraded>>;

/// What a client asked for.
struct Wish {
    mode: Mode,
    cols: u16,
    rows: u16,
    resume: Option<(String, u64)>,
}

/// Answers `GET /terminal`, and serves the socket once the connection was upgraded.
pub(super) fn attach(
    start: &Arc<Start>,
    token_mode: Mode,
    mut request: Request<Incoming>,
) -> Result<Answer, Refusal> {
    if request.method() != Method::GET {
        return Err(not_allowed());
    }
    let headers = request.headers();
    let upgrades = headers
        .get(UPGRADE)
        .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"));
    let key = headers.get(SEC_WEBSOCKET_KEY).filter(|_| upgrades);
    let accept = derive_accept_key(key.ok_or_else(invalid_input)?.as_bytes());
    let protocol = headers.contains_key(SEC_WEBSOCKET_PROTOCOL);

    let query = query(request.uri().query().unwrap_or_default());
    let number = |name: &str| query.get(name).and_then(|value| value.parse::<u16>().ok());
    let name = match query.get("name") {
        Some(name) => name.parse().map_err(|_| not_found())?,
        None => TerminalName::main(),
    };
    let looks = token_mode == Mode::View || query.get("mode").is_some_and(|mode| mode == "view");
    let offset = query.get("offset").and_then(|value| value.parse().ok());
    let wish = Wish {
        mode: if looks { Mode::View } else { Mode::Control },
        cols: number("cols").unwrap_or(80),
        rows: number("rows").unwrap_or(24),
        resume: query.get("epoch").cloned().zip(offset),
    };
    let terminal = start
        .terminals
        .attach(&name, (wish.cols, wish.rows))
        .ok_or_else(not_found)?;

    let upgrade = hyper::upgrade::on(&mut request);
    let owner = Arc::clone(start);
    start.tasks.spawn(async move {
        let cancelled = owner.cancel.clone();
        tokio::select! {
            () = cancelled.cancelled() => {}
            () = serve(upgrade, terminal, wish) => {}
        }
    });

    let mut answer = empty(StatusCode::SWITCHING_PROTOCOLS);
    let headers = answer.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    if let Ok(accept) = HeaderValue::from_str(&accept) {
        headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    }
    if protocol {
        headers.insert(
            SEC_WEBSOCKET_PROTOCOL,
            HeaderValue::from_static(SUBPROTOCOL),
        );
    }
    Ok(answer)
}

async fn serve(upgrade: OnUpgrade, terminal: Arc<Terminal>, wish: Wish) {
    let Ok(upgraded) = upgrade.await else {
        return;
    };
    let config = WebSocketConfig::default()
        .max_message_size(Some(MAX_MESSAGE_BYTES))
        .max_frame_size(Some(MAX_MESSAGE_BYTES));
    let io = TokioIo::new(upgraded);
    let socket = WebSocketStream::from_raw_socket(io, Role::Server, Some(config)).await;
    let _client = terminal.join();
    if wish.mode == Mode::Control {
        terminal.resize(wish.cols, wish.rows);
    }
    let connection = Connection {
        socket,
        size: (wish.cols, wish.rows),
        mode: wish.mode,
        sent: 0,
        acked: 0,
        owes_since: None,
        asked: false,
        terminal,
    };
    // A socket that broke is the client's affair: it resumes when it can.
    let _ = connection.run(wish.resume).await;
}

/// One client's side of a terminal.
struct Connection {
    socket: Socket,
    terminal: Arc<Terminal>,
    mode: Mode,
    size: (u16, u16),
    sent: u64,
    acked: u64,
    /// Since when the whole window is unacknowledged.
    owes_since: Option<Instant>,
    /// Whether the client asks if anybody is there.
    asked: bool,
}

impl Connection {
    async fn run(mut self, resume: Option<(String, u64)>) -> Result<(), tungstenite::Error> {
        let mut changes = self.terminal.changes();
        self.greet(resume).await?;
        loop {
            changes.mark_unchanged();
            if let Some(code) = self.flush().await? {
                return self.close(code).await;
            }
            let patience = Duration::from_secs(ACK_DEADLINE_SECONDS);
            let too_slow = self.owes_since.map(|since| since + patience);
            let never = Instant::now() + Duration::from_secs(3600);
            let message = tokio::select! {
                message = self.socket.next() => message,
                changed = changes.changed() => match changed {
                    Ok(()) => continue,
                    Err(_) => return self.close(close::GONE).await,
                },
                () = sleep_until(too_slow.unwrap_or(never)), if too_slow.is_some() => {
                    return self.close(close::TOO_SLOW).await;
                }
            };
            match message {
                None => return Ok(()),
                Some(message) => {
                    if !self.take(message?) {
                        // RFC 6455, section 7.4.1: policy violation.
                        return self.close(1008).await;
                    }
                    if mem::take(&mut self.asked) {
                        self.say(&ServerFrame::Pong).await?;
                    }
                }
            }
        }
    }

    /// The first frame, and what redraws the screen.
    async fn greet(&mut self, resume: Option<(String, u64)>) -> Result<(), tungstenite::Error> {
        let (frame, replay) = {
            let screen = self.terminal.screen();
            let resumed = resume
                .filter(|(epoch, offset)| {
                    *epoch == self.terminal.epoch && (screen.tail()..=screen.head).contains(offset)
                })
                .map(|(_, offset)| offset);
            let replay = match resumed {
                Some(_) => Vec::new(),
                None => screen.output(screen.head.saturating_sub(REPLAY_BYTES), REPLAY_BYTES),
            };
            let offset = resumed.unwrap_or(screen.head);
            (self.sent, self.acked) = (offset, offset);
            self.size = (screen.cols, screen.rows);
            let frame = ServerFrame::Attached {
                name: self.terminal.name.clone(),
                epoch: self.terminal.epoch.clone(),
                offset,
                replay_bytes: replay.len() as u64,
                resumed: resumed.is_some(),
                cols: screen.cols,
                rows: screen.rows,
                mode: self.mode,
                window: WINDOW_BYTES,
            };
            (frame, replay)
        };
        self.say(&frame).await?;
        if !replay.is_empty() {
            self.socket.send(Message::binary(replay)).await?;
        }
        Ok(())
    }

    /// Sends what may be sent; a close code when this connection is over.
    async fn flush(&mut self) -> Result<Option<u16>, tungstenite::Error> {
        loop {
            let room = (self.acked + WINDOW_BYTES).saturating_sub(self.sent);
            let (size, head, tail, exited, chunk) = {
                let screen = self.terminal.screen();
                let chunk = screen.output(self.sent, room.min(CHUNK_BYTES));
                let size = (screen.cols, screen.rows);
                (size, screen.head, screen.tail(), screen.exited, chunk)
            };
            if self.sent < tail {
                return Ok(Some(close::TOO_SLOW));
            }
            if size != self.size {
                self.size = size;
                let (cols, rows) = size;
                self.say(&ServerFrame::Resized { cols, rows }).await?;
            }
            if !chunk.is_empty() {
                self.sent += chunk.len() as u64;
                self.socket.send(Message::binary(chunk)).await?;
                continue;
            }
            if let Some(code) = exited.filter(|_| self.sent == head) {
                self.say(&ServerFrame::Exited { code }).await?;
                return Ok(Some(close::GONE));
            }
            let owes = room == 0 && self.sent < head;
            self.owes_since = owes.then(|| self.owes_since.unwrap_or_else(Instant::now));
            return Ok(None);
        }
    }

    /// Takes a client's message; `false` when it breaks the protocol.
    fn take(&mut self, message: Message) -> bool {
        match message {
            Message::Binary(typed) => {
                if self.mode == Mode::Control {
                    self.terminal.type_in(&typed);
                }
                true
            }
            Message::Text(text) => match serde_json::from_str(&text) {
                Ok(ClientFrame::Resize { cols, rows }) => {
                    if self.mode == Mode::Control {
                        self.terminal.resize(cols, rows);
                    }
                    true
                }
                Ok(ClientFrame::Ack { offset }) => {
                    let right = offset <= self.sent;
                    if right && offset > self.acked {
                        self.acked = offset;
                        self.owes_since = None;
                    }
                    right
                }
                Ok(ClientFrame::Ping {}) => {
                    self.asked = true;
                    true
                }
                Err(_) => false,
            },
            Message::Ping(_) | Message::Pong(_) | Message::Close(_) | Message::Frame(_) => true,
        }
    }

    async fn say(&mut self, frame: &ServerFrame) -> Result<(), tungstenite::Error> {
        let text = serde_json::to_string(frame).unwrap_or_default();
        self.socket.send(Message::text(text)).await
    }

    async fn close(&mut self, code: u16) -> Result<(), tungstenite::Error> {
        let frame = CloseFrame {
            code: code.into(),
            reason: tungstenite::Utf8Bytes::default(),
        };
        self.socket.close(Some(frame)).await
    }
}
