//! One attached terminal.

use std::time::Duration;

use clarateach_protocol::terminal::{ClientFrame, Mode, SUBPROTOCOL, ServerFrame, WINDOW_BYTES};
use futures_util::{SinkExt, StreamExt};
use http::header::SEC_WEBSOCKET_PROTOCOL;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_tungstenite::tungstenite::Message;

use crate::endpoint::{Attach, Endpoint, Socket};
use crate::link::Pace;
use crate::record::{Recorded, Recorder};

/// As the page: acknowledged at once after so many bytes,
const ACK_BYTES: u64 = 64 * 1024;
/// and otherwise so long after the first of them.
const ACK_INTERVAL: Duration = Duration::from_millis(100);
/// Far above what anything takes; what waits so long has failed.
const DEADLINE: Duration = Duration::from_secs(20);

/// Whether the client tells what it has drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Acks {
    /// Every 64 KiB, 100 ms after the first byte, and whenever a wait is over.
    AsAPage,
    /// Only by [`TerminalClient::ack`].
    Never,
}

/// What came from the seat.
#[derive(Debug)]
pub enum Event {
    /// Terminal bytes; they are in [`TerminalClient::replay`] or [`TerminalClient::output`].
    Output,
    /// A text frame.
    Frame(ServerFrame),
    /// The end, with its close code if the seat said one.
    Closed(Option<u16>),
}

/// The first frame.
#[derive(Debug, Clone)]
pub struct Attached {
    /// Random id of the PTY process.
    pub epoch: String,
    /// Where counting began.
    pub offset: u64,
    /// So many bytes redraw the screen.
    pub replay_bytes: u64,
    /// Whether the client's screen is still right.
    pub resumed: bool,
    /// Columns of the terminal.
    pub cols: u16,
    /// Rows of the terminal.
    pub rows: u16,
    /// What this connection may do.
    pub mode: Mode,
}

/// An attached terminal: draws into byte vectors, acknowledges, resumes.
pub struct TerminalClient {
    socket: Socket,
    endpoint: Endpoint,
    attach: Attach,
    /// The first frame.
    pub attached: Attached,
    /// Whether it acknowledges; may be changed at any time.
    pub acks: Acks,
    /// How long every wait may last without anything coming.
    pub patience: Duration,
    /// Replayed bytes, which are not counted.
    pub replay: Vec<u8>,
    /// Counted bytes since attaching, or since [`Self::forget`].
    pub output: Vec<u8>,
    /// Every title that was told.
    pub titles: Vec<String>,
    /// Every size that was told after attaching.
    pub sizes: Vec<(u16, u16)>,
    /// The ended process's, once told.
    pub exit_code: Option<i32>,
    /// Position behind the last byte of `output`.
    position: u64,
    acked: u64,
    ack_due: Option<Instant>,
    /// Where the next `wait_for` looks.
    seen: usize,
    recorder: Option<Recorder>,
}

impl TerminalClient {
    /// Attaches.
    ///
    /// # Panics
    /// When it is refused, or the first frame isn't `attached`.
    pub async fn attach(endpoint: &Endpoint, attach: Attach) -> Self {
        let (socket, response) = endpoint
            .open(&attach.target(), Some(SUBPROTOCOL))
            .await
            .unwrap_or_else(|error| panic!("cannot attach to {}: {error}", attach.target()));
        assert_eq!(
            response
                .headers()
                .get(SEC_WEBSOCKET_PROTOCOL)
                .map(AsRef::as_ref),
            Some(SUBPROTOCOL.as_bytes())
        );
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
            endpoint: endpoint.clone(),
            attach,
            attached,
            acks: Acks::AsAPage,
            patience: DEADLINE,
            replay: Vec::new(),
            output: Vec::new(),
            titles: Vec::new(),
            sizes: Vec::new(),
            exit_code: None,
            position: 0,
            acked: 0,
            ack_due: None,
            seen: 0,
            recorder: None,
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
                assert_eq!(window, WINDOW_BYTES);
                client.attached = Attached {
                    epoch,
                    offset,
                    replay_bytes,
                    resumed,
                    cols,
                    rows,
                    mode,
                };
                (client.position, client.acked) = (offset, offset);
            }
            other => panic!("the first frame is {other:?}"),
        }
        client
    }

    /// Drops the connection and attaches again where this client stopped.
    pub async fn resume(self) -> Self {
        let mut attach = self.attach.clone();
        attach.resume = Some((self.attached.epoch.clone(), self.position));
        let endpoint = self.endpoint.clone().paced(Pace::Full);
        drop(self.socket);
        Self::attach(&endpoint, attach).await
    }

    /// Position in the terminal's output: what came before attaching, and everything since.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Reads the socket at another pace from now on.
    pub fn set_pace(&mut self, pace: Pace) {
        self.socket.get_mut().set_pace(pace);
    }

    /// Types into the terminal.
    ///
    /// # Panics
    /// When the connection has ended.
    pub async fn type_text(&mut self, text: &str) {
        self.type_bytes(text.as_bytes()).await;
    }

    /// Types bytes into the terminal.
    ///
    /// # Panics
    /// When the connection has ended.
    pub async fn type_bytes(&mut self, bytes: &[u8]) {
        let message = Message::binary(bytes.to_vec());
        self.socket.send(message).await.expect("an open connection");
    }

    /// Sends a frame of the protocol.
    pub async fn send_frame(&mut self, frame: &ClientFrame) {
        let text = serde_json::to_string(frame).expect("frames serialise");
        self.send_text(&text).await;
    }

    /// Sends any text frame.
    ///
    /// # Panics
    /// When the connection has ended.
    pub async fn send_text(&mut self, text: &str) {
        let message = Message::text(text);
        self.socket.send(message).await.expect("an open connection");
    }

    /// Tells another size of this client's screen.
    pub async fn resize(&mut self, cols: u16, rows: u16) {
        self.send_frame(&ClientFrame::Resize { cols, rows }).await;
    }

    /// Acknowledges up to `offset`, sensible or not.
    pub async fn ack(&mut self, offset: u64) {
        (self.acked, self.ack_due) = (offset, None);
        self.send_frame(&ClientFrame::Ack { offset }).await;
    }

    /// The next thing from the seat, taken note of.
    ///
    /// # Panics
    /// When nothing comes for [`Self::patience`].
    pub async fn receive(&mut self) -> Event {
        let deadline = Instant::now() + self.patience;
        loop {
            let due = self.ack_due.unwrap_or(deadline);
            let message = tokio::select! {
                biased;
                message = self.socket.next() => message,
                () = sleep_until(due), if self.ack_due.is_some() => {
                    self.send_owed_ack().await;
                    continue;
                }
                () = sleep_until(deadline) => panic!("nothing came for {:?}", self.patience),
            };
            match message {
                Some(Ok(Message::Binary(bytes))) => {
                    self.draw(&bytes).await;
                    return Event::Output;
                }
                Some(Ok(Message::Text(text))) => {
                    let frame: ServerFrame = serde_json::from_str(text.as_str())
                        .unwrap_or_else(|error| panic!("no frame: {text}: {error}"));
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
        let replayed = self.replay.len() as u64;
        if replayed < self.attached.replay_bytes {
            assert!(
                replayed + bytes.len() as u64 <= self.attached.replay_bytes,
                "replay and output share a frame"
            );
            self.replay.extend_from_slice(bytes);
            return;
        }
        self.output.extend_from_slice(bytes);
        self.position += bytes.len() as u64;
        if let Some(recorder) = &mut self.recorder {
            recorder.take(bytes);
        }
        if self.acks == Acks::AsAPage {
            self.ack_due
                .get_or_insert_with(|| Instant::now() + ACK_INTERVAL);
            if self.position - self.acked >= ACK_BYTES {
                self.send_owed_ack().await;
            }
        }
    }

    async fn send_owed_ack(&mut self) {
        self.ack_due = None;
        if self.acks == Acks::AsAPage && self.position > self.acked {
            self.acked = self.position;
            let offset = self.position;
            let text = serde_json::to_string(&ClientFrame::Ack { offset }).expect("it serialises");
            // The seat may have closed already; the next receive tells.
            let _ = self.socket.send(Message::text(text)).await;
        }
    }

    fn note(&mut self, frame: &ServerFrame) {
        match frame {
            ServerFrame::Title { title } => self.titles.push(title.clone()),
            ServerFrame::Resized { cols, rows } => self.sizes.push((*cols, *rows)),
            ServerFrame::Exited { code } => self.exit_code = Some(*code),
            ServerFrame::Attached { .. } | ServerFrame::Pong => {}
        }
    }

    /// Receives until the output since the last wait holds `text`; what came up to its end.
    ///
    /// # Panics
    /// When the connection ends before.
    pub async fn wait_for(&mut self, text: &str) -> String {
        let mut searched = self.seen;
        loop {
            if let Some(at) = memchr::memmem::find(&self.output[searched..], text.as_bytes()) {
                let until = searched + at + text.len();
                let found = String::from_utf8_lossy(&self.output[self.seen..until]).into_owned();
                self.seen = until;
                self.send_owed_ack().await;
                return found;
            }
            searched = self.output.len().saturating_sub(text.len()).max(self.seen);
            if let Event::Closed(code) = self.receive().await {
                let got = String::from_utf8_lossy(&self.output[self.seen..]);
                panic!("closed with {code:?} before {text:?}; got {got:?}");
            }
        }
    }

    /// Lets go of everything up to now; later waits begin here.
    pub fn forget(&mut self) {
        self.output.clear();
        self.seen = 0;
    }

    /// Counts and hashes all output from here on; what was not yet waited for is included.
    pub fn record(&mut self) {
        let mut recorder = Recorder::default();
        recorder.take(&self.output[self.seen..]);
        self.recorder = Some(recorder);
    }

    /// Receives until so many bytes are recorded, keeping none of them.
    ///
    /// # Panics
    /// When the connection ends before.
    pub async fn recorded(&mut self, bytes: u64) -> Recorded {
        let end = self.position - self.recording().bytes() + bytes;
        while self.position < end {
            if let Event::Closed(code) = self.receive().await {
                panic!("closed with {code:?} at {} of {end}", self.position);
            }
            self.forget();
        }
        self.send_owed_ack().await;
        self.recorder
            .take()
            .map(Recorder::finish)
            .expect("recording")
    }

    fn recording(&self) -> &Recorder {
        self.recorder.as_ref().expect("`record` comes first")
    }

    /// Runs a command in a shell and returns what it printed.
    pub async fn run(&mut self, command: &str) -> String {
        // The quotes keep the command line's echo from matching; a shell that is still starting
        // echoes it twice.
        self.type_text(&format!("{command}; echo E''ND\r")).await;
        let all = self.wait_for("END").await;
        let printed = all.rsplit("E''ND\r\n").next().unwrap_or_default();
        printed.trim_end_matches("END").trim().to_owned()
    }

    /// How much of the output the waits have consumed.
    #[must_use]
    pub fn seen(&self) -> usize {
        self.seen
    }

    /// Has somebody else run a command, and waits until this client has seen its end.
    pub async fn run_by(&mut self, other: &mut Self, command: &str) {
        other.run(command).await;
        self.wait_for("END").await;
    }

    /// Receives until the replay is complete.
    pub async fn wait_for_replay(&mut self) -> String {
        while (self.replay.len() as u64) < self.attached.replay_bytes {
            if let Event::Closed(code) = self.receive().await {
                panic!("closed with {code:?} in the replay");
            }
        }
        String::from_utf8_lossy(&self.replay).into_owned()
    }

    /// Receives until the connection ends; its close code.
    pub async fn wait_for_close(&mut self) -> Option<u16> {
        loop {
            if let Event::Closed(code) = self.receive().await {
                return code;
            }
        }
    }

    /// Receives until such a frame comes.
    ///
    /// # Panics
    /// When the connection ends before.
    pub async fn wait_for_frame(&mut self, wanted: impl Fn(&ServerFrame) -> bool) {
        loop {
            match self.receive().await {
                Event::Frame(frame) if wanted(&frame) => return,
                Event::Closed(code) => panic!("closed with {code:?} before the frame"),
                _ => {}
            }
        }
    }

    /// Receives until nothing has come for so long; how many bytes came.
    pub async fn settle(&mut self, quiet: Duration) -> u64 {
        let before = self.position;
        while timeout(quiet, self.receive())
            .await
            .is_ok_and(|event| !matches!(event, Event::Closed(_)))
        {}
        self.send_owed_ack().await;
        self.position - before
    }

    /// Says goodbye and waits until the seat has.
    pub async fn close(mut self) {
        if self.socket.close(None).await.is_ok() {
            while let Ok(Some(Ok(_))) = timeout(self.patience, self.socket.next()).await {}
        }
    }
}
