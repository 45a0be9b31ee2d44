//! A terminal's client, scripted: draws into a text, acknowledges as a page does, resumes.

use clarateach_protocol::terminal::{ClientFrame, SUBPROTOCOL, ServerFrame};
use clarateach_protocol::token::Mode;
use futures_util::{SinkExt, StreamExt};
use hyper::header::{AUTHORIZATION, HeaderValue, SEC_WEBSOCKET_PROTOCOL};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::client::Response;
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::seat::{DEADLINE, Seat};

/// Whether the client tells what it drew.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Acks {
    AsAPage,
    Never,
}

/// What came from the seat.
#[derive(Debug)]
pub(crate) enum Event {
    Output,
    Frame(ServerFrame),
    Closed(Option<u16>),
}

pub(crate) struct Attached {
    pub(crate) epoch: String,
    pub(crate) offset: u64,
    pub(crate) replay_bytes: u64,
    pub(crate) resumed: bool,
    pub(crate) cols: u16,
    pub(crate) rows: u16,
    pub(crate) mode: Mode,
}

pub(crate) struct TerminalClient {
    socket: WebSocketStream<TcpStream>,
    pub(crate) attached: Attached,
    pub(crate) acks: Acks,
    /// Replayed bytes, which are not counted.
    pub(crate) replay: Vec<u8>,
    /// Counted bytes since attaching.
    pub(crate) output: Vec<u8>,
    pub(crate) titles: Vec<String>,
    pub(crate) sizes: Vec<(u16, u16)>,
    pub(crate) exit_code: Option<i32>,
    /// Where the next `wait_for` looks.
    seen: usize,
}

/// Tries to attach; the refusal otherwise.
pub(crate) async fn open(
    seat: &Seat,
    token: Option<&str>,
    target: &str,
    protocols: Option<&str>,
) -> Result<(WebSocketStream<TcpStream>, Response), Error> {
    open_at(seat.terminal_port, token, target, protocols).await
}

pub(crate) async fn open_at(
    port: u16,
    token: Option<&str>,
    target: &str,
    protocols: Option<&str>,
) -> Result<(WebSocketStream<TcpStream>, Response), Error> {
    let uri = format!("ws://127.0.0.1:{port}{target}");
    let mut request = uri.into_client_request().unwrap();
    let headers = request.headers_mut();
    if let Some(token) = token {
        let bearer = HeaderValue::try_from(format!("Bearer {token}")).unwrap();
        headers.insert(AUTHORIZATION, bearer);
    }
    if let Some(protocols) = protocols {
        headers.insert(
            SEC_WEBSOCKET_PROTOCOL,
            HeaderValue::try_from(protocols).unwrap(),
        );
    }
    let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    stream.set_nodelay(true).unwrap();
    timeout(DEADLINE, client_async(request, stream))
        .await
        .expect("an answer")
}

/// The status and error code with which an attach is refused.
pub(crate) async fn refusal(seat: &Seat, token: Option<&str>, target: &str) -> (u16, String) {
    match open(seat, token, target, Some(SUBPROTOCOL)).await {
        Err(Error::Http(response)) => {
            let status = response.status().as_u16();
            let body = response.into_body().unwrap_or_default();
            let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
            (status, body["error"]["code"].as_str().unwrap().to_owned())
        }
        Err(other) => panic!("neither attached nor refused: {other}"),
        Ok(_) => panic!("{target} was attached"),
    }
}

impl TerminalClient {
    /// Attaches to `main` with control.
    pub(crate) async fn main(seat: &Seat) -> Self {
        Self::attach(seat, "", Mode::Control).await
    }

    /// Attaches with a query behind the usual size.
    pub(crate) async fn attach(seat: &Seat, query: &str, mode: Mode) -> Self {
        Self::attach_at(seat.terminal_port, &seat.token(mode), query).await
    }

    /// Attaches to `main` of a server in another process.
    pub(crate) async fn main_at(port: u16, token: &str) -> Self {
        Self::attach_at(port, token, "").await
    }

    async fn attach_at(port: u16, token: &str, query: &str) -> Self {
        let target = format!("/terminal?cols=80&rows=24{query}");
        let (socket, response) = open_at(port, Some(token), &target, Some(SUBPROTOCOL))
            .await
            .unwrap();
        assert_eq!(response.headers()[SEC_WEBSOCKET_PROTOCOL], SUBPROTOCOL);
        let attached = Attached {
            epoch: String::new(),
            offset: 0,
            replay_bytes: 0,
            resumed: false,
            cols: 0,
            rows: 0,
            mode: Mode::View,
        };
        let mut client = Self {
            socket,
            attached,
            acks: Acks::AsAPage,
            replay: Vec::new(),
            output: Vec::new(),
            titles: Vec::new(),
            sizes: Vec::new(),
            exit_code: None,
            seen: 0,
        };
        match client.receive().await {
            Event::Frame(ServerFrame::Attached {
                epoch,
                offset,
                replay_bytes,
                resumed,
                cols,
                rows,
                mode,
                window,
                ..
            }) => {
                assert_eq!(window, 256 * 1024);
                client.attached = Attached {
                    epoch,
                    offset,
                    replay_bytes,
                    resumed,
                    cols,
                    rows,
                    mode,
                };
            }
            other => panic!("the first frame is {other:?}"),
        }
        client
    }

    /// Drops the connection and attaches again where this client stopped.
    pub(crate) async fn resume(self, seat: &Seat) -> Self {
        let query = format!("&epoch={}&offset={}", self.attached.epoch, self.position());
        drop(self.socket);
        Self::attach(seat, &query, Mode::Control).await
    }

    /// Position in the terminal's output.
    pub(crate) fn position(&self) -> u64 {
        self.attached.offset + self.output.len() as u64
    }

    pub(crate) async fn type_text(&mut self, text: &str) {
        let message = Message::binary(text.as_bytes().to_vec());
        self.socket.send(message).await.unwrap();
    }

    pub(crate) async fn send_frame(&mut self, frame: &ClientFrame) {
        self.send_text(&serde_json::to_string(frame).unwrap()).await;
    }

    pub(crate) async fn send_text(&mut self, text: &str) {
        self.socket.send(Message::text(text)).await.unwrap();
    }

    pub(crate) async fn ack(&mut self, offset: u64) {
        self.send_frame(&ClientFrame::Ack { offset }).await;
    }

    /// The next thing from the seat, taken note of.
    pub(crate) async fn receive(&mut self) -> Event {
        loop {
            let message = timeout(DEADLINE, self.socket.next())
                .await
                .expect("a message in time");
            match message {
                Some(Ok(Message::Binary(bytes))) => {
                    self.draw(&bytes).await;
                    return Event::Output;
                }
                Some(Ok(Message::Text(text))) => {
                    let frame: ServerFrame = serde_json::from_str(text.as_str()).unwrap();
                    self.note(&frame);
                    return Event::Frame(frame);
                }
                Some(Ok(Message::Close(frame))) => {
                    return Event::Closed(frame.map(|frame| frame.code.into()));
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Event::Closed(None),
            }
        }
    }

    async fn draw(&mut self, bytes: &[u8]) {
        let replay_left = usize::try_from(self.attached.replay_bytes).unwrap() - self.replay.len();
        if replay_left > 0 {
            assert!(
                bytes.len() <= replay_left,
                "replay and output share a frame"
            );
            self.replay.extend_from_slice(bytes);
            return;
        }
        self.output.extend_from_slice(bytes);
        if self.acks == Acks::AsAPage {
            // The seat may have closed already; the next receive tells.
            let offset = self.position();
            let text = serde_json::to_string(&ClientFrame::Ack { offset }).unwrap();
            let _ = self.socket.send(Message::text(text)).await;
        }
    }

    fn note(&mut self, frame: &ServerFrame) {
        match frame {
            ServerFrame::Title { title } => self.titles.push(title.clone()),
            ServerFrame::Resized { cols, rows } => self.sizes.push((*cols, *rows)),
            ServerFrame::Exited { code } => self.exit_code = Some(*code),
            ServerFrame::Attached { .. } => {}
        }
    }

    /// Receives until the output since the last wait holds `text`; what came up to its end.
    pub(crate) async fn wait_for(&mut self, text: &str) -> String {
        let mut searched = self.seen;
        loop {
            if let Some(at) = memchr::memmem::find(&self.output[searched..], text.as_bytes()) {
                let until = searched + at + text.len();
                let found = String::from_utf8_lossy(&self.output[self.seen..until]).into_owned();
                self.seen = until;
                return found;
            }
            searched = self.output.len().saturating_sub(text.len()).max(self.seen);
            if let Event::Closed(code) = self.receive().await {
                let got = String::from_utf8_lossy(&self.output[self.seen..]).into_owned();
                panic!("closed with {code:?} before {text:?}; got {got:?}");
            }
        }
    }

    /// Lets go of everything up to now; later waits begin here.
    pub(crate) fn forget(&mut self) {
        self.attached.offset = self.position();
        self.output.clear();
        self.seen = 0;
    }

    /// Runs a command and returns what it printed.
    pub(crate) async fn run(&mut self, command: &str) -> String {
        // The quotes keep the command line's echo from matching; a shell that is still starting
        // echoes it twice.
        self.type_text(&format!("{command}; echo E''ND\r")).await;
        let all = self.wait_for("END").await;
        let printed = all.rsplit("E''ND\r\n").next().unwrap_or_default();
        printed.trim_end_matches("END").trim().to_owned()
    }

    /// How much of the output the waits have consumed.
    pub(crate) fn seen(&self) -> usize {
        self.seen
    }

    /// Has somebody else run a command, and waits until this client has seen its end.
    pub(crate) async fn run_by(&mut self, other: &mut Self, command: &str) {
        other.run(command).await;
        self.wait_for("END").await;
    }

    /// Receives until the replay is complete.
    pub(crate) async fn wait_for_replay(&mut self) -> String {
        while (self.replay.len() as u64) < self.attached.replay_bytes {
            self.receive().await;
        }
        String::from_utf8_lossy(&self.replay).into_owned()
    }

    pub(crate) async fn wait_for_close(&mut self) -> Option<u16> {
        loop {
            if let Event::Closed(code) = self.receive().await {
                return code;
            }
        }
    }

    pub(crate) async fn wait_for_frame(&mut self, wanted: impl Fn(&ServerFrame) -> bool) {
        loop {
            match self.receive().await {
                Event::Frame(frame) if wanted(&frame) => return,
                Event::Closed(code) => panic!("closed with {code:?} before the frame"),
                _ => {}
            }
        }
    }
}
