//! A program on a terminal, the same for every contender.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use clarateach_bench::workspace_token;
use clarateach_client::{Attach, Event, TerminalClient};
use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::contender::{Contender, Door, Ports};
use crate::http::Http;
use crate::programs::{READY, READY_END};
use crate::raw::RawTerminal;

/// Shells start slowly on a busy machine.
const START_LIMIT: Duration = Duration::from_secs(30);

const PATIENCE: Duration = Duration::from_secs(3600);

/// What runs, as arguments of this binary.
pub(crate) type Program = Vec<String>;

pub(crate) struct Terminal {
    way: Way,
    /// Id of the program's process.
    pub(crate) program: u32,
}

enum Way {
    Raw(RawTerminal),
    Ours(Box<Ours>),
    Peer(Box<Peer>),
}

struct Ours {
    door: Door,
    name: String,
    /// Screen that the page has.
    size: (u16, u16),
    client: Option<TerminalClient>,
    /// Epoch and position where the last connection stopped.
    stopped: Option<(String, u64)>,
}

struct Peer {
    socket: WebSocketStream<TcpStream>,
    dialect: Dialect,
}

#[derive(Clone, Copy)]
enum Dialect {
    /// terminado: `["stdin", text]` and `["stdout", text]`.
    Json,
    /// Terminal bytes in binary frames, as ours.
    Binary,
}

/// Numbers terminals, so that every one has a name of its own.
static OPENED: AtomicU64 = AtomicU64::new(0);

impl Terminal {
    /// Opens a terminal and waits until the program runs in it, in place of its shell.
    pub(crate) async fn open(
        ports: &Ports,
        contender: Contender,
        program: &Program,
    ) -> Result<Self> {
        Self::sized(ports, contender, program, (80, 24)).await
    }

    pub(crate) async fn sized(
        ports: &Ports,
        contender: Contender,
        program: &Program,
        size: (u16, u16),
    ) -> Result<Self> {
        let opening = Self::open_way(ports, contender, program, size);
        let way = opening
            .await
            .with_context(|| format!("opening {contender}"))?;
        let mut terminal = Self { way, program: 0 };
        if contender != Contender::Raw {
            let own = std::env::current_exe()?;
            let line = format!(" exec {} {}\r", own.display(), program.join(" "));
            terminal.send(line.as_bytes()).await?;
        }
        terminal.program = tokio::time::timeout(START_LIMIT, terminal.ready())
            .await
            .with_context(|| format!("{contender} didn't start {program:?}"))??;
        Ok(terminal)
    }

    async fn open_way(
        ports: &Ports,
        contender: Contender,
        program: &Program,
        size: (u16, u16),
    ) -> Result<Way> {
        let door = match contender {
            Contender::Raw => return Ok(Way::Raw(RawTerminal::start(program)?)),
            Contender::Terminado => {
                let peer = Peer::connect(port_of(ports.terminado)?, Dialect::Json, size).await?;
                return Ok(Way::Peer(Box::new(peer)));
            }
            Contender::NodePty => {
                let peer = Peer::connect(port_of(ports.node_pty)?, Dialect::Binary, size).await?;
                return Ok(Way::Peer(Box::new(peer)));
            }
            Contender::Seat => Door::Seat(port_of(ports.seat)?),
            Contender::Gateway => Door::Gateway(port_of(ports.gateway)?),
        };
        let name = format!("t{}", OPENED.fetch_add(1, Ordering::Relaxed));
        let mut http = Http::connect(port_of(ports.seat)?).await?;
        let body = serde_json::json!({ "name": name }).to_string();
        let (status, answer) = http
            .call("POST", "/terminals", &workspace_token(), body)
            .await?;
        ensure!(
            status == 201,
            "the seat makes no terminal: {status} {answer}"
        );
        let mut ours = Ours {
            door,
            name,
            size,
            client: None,
            stopped: None,
        };
        ours.attach().await;
        Ok(Way::Ours(Box::new(ours)))
    }

    async fn ready(&mut self) -> Result<u32> {
        let mut seen = Vec::new();
        loop {
            self.receive(|bytes| seen.extend_from_slice(bytes)).await?;
            let text = String::from_utf8_lossy(&seen);
            if let Some((_, after)) = text.split_once(READY)
                && let Some((id, _)) = after.split_once(char::from(READY_END))
            {
                return id.parse().context("the program's id");
            }
        }
    }

    /// Connects again where [`Self::rest`] stopped.
    pub(crate) async fn go_on(&mut self) {
        if let Way::Ours(ours) = &mut self.way
            && ours.client.is_none()
        {
            ours.attach().await;
        }
    }

    /// Leaves the program running and disconnects: an attached client would have to answer pings.
    pub(crate) async fn rest(&mut self) {
        if let Way::Ours(ours) = &mut self.way
            && let Some(mut client) = ours.client.take()
        {
            ours.stopped = Some((client.attached.epoch.clone(), client.position()));
            client.ack(client.position()).await;
            client.close().await;
        }
    }

    /// Acknowledges everything, so that nothing is owed while nobody listens.
    pub(crate) async fn ack(&mut self) -> Result<()> {
        if let Way::Ours(ours) = &mut self.way {
            let client = ours.client()?;
            client.ack(client.position()).await;
        }
        Ok(())
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) -> Result<()> {
        match &mut self.way {
            Way::Raw(raw) => raw.send(bytes),
            Way::Ours(ours) => {
                ours.client()?.type_bytes(bytes).await;
                Ok(())
            }
            Way::Peer(peer) => peer.send(bytes).await,
        }
    }

    /// Waits for output and hands it over.
    pub(crate) async fn receive(&mut self, mut take: impl FnMut(&[u8])) -> Result<()> {
        match &mut self.way {
            Way::Raw(raw) => take(raw.receive()?),
            Way::Ours(ours) => {
                let client = ours.client()?;
                loop {
                    match client.receive().await {
                        Event::Output => break,
                        Event::Frame(_) => {}
                        Event::Closed(code) => bail!("the terminal closed with {code:?}"),
                    }
                }
                take(&client.output);
                client.forget();
            }
            Way::Peer(peer) => peer.receive(take).await?,
        }
        Ok(())
    }
}

fn port_of<T>(port: Option<T>) -> Result<T> {
    port.context("its server wasn't started")
}

impl Ours {
    async fn attach(&mut self) {
        let (cols, rows) = self.size;
        let attach = Attach {
            resume: self.stopped.take(),
            ..Attach::to(&self.name).sized(cols, rows)
        };
        let mut client = TerminalClient::attach(&self.door.endpoint(), attach).await;
        // A silent program is no failure; the whole run has a limit.
        client.patience = PATIENCE;
        client.wait_for_replay().await;
        self.client = Some(client);
    }

    fn client(&mut self) -> Result<&mut TerminalClient> {
        self.client.as_mut().context("the terminal rests")
    }
}

impl Peer {
    async fn connect(port: u16, dialect: Dialect, size: (u16, u16)) -> Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.set_nodelay(true)?;
        let url = format!("ws://127.0.0.1:{port}/terminal");
        let (socket, _) = client_async(url, stream).await?;
        let mut peer = Self { socket, dialect };
        if let Dialect::Json = dialect {
            let (cols, rows) = size;
            let text = serde_json::json!(["set_size", rows, cols, 0, 0]).to_string();
            peer.socket.send(Message::text(text)).await?;
        }
        Ok(peer)
    }

    async fn send(&mut self, bytes: &[u8]) -> Result<()> {
        let message = match self.dialect {
            Dialect::Binary => Message::binary(bytes.to_vec()),
            Dialect::Json => {
                let text = std::str::from_utf8(bytes)?;
                Message::text(serde_json::json!(["stdin", text]).to_string())
            }
        };
        Ok(self.socket.send(message).await?)
    }

    async fn receive(&mut self, mut take: impl FnMut(&[u8])) -> Result<()> {
        loop {
            match self.socket.next().await.context("the peer hung up")?? {
                Message::Binary(bytes) => {
                    take(&bytes);
                    return Ok(());
                }
                Message::Text(text) => {
                    let said: (String, serde_json::Value) = serde_json::from_str(text.as_str())?;
                    if let ("stdout", Some(text)) = (said.0.as_str(), said.1.as_str()) {
                        take(text.as_bytes());
                        return Ok(());
                    }
                }
                Message::Close(_) => bail!("the peer closed"),
                _ => {}
            }
        }
    }
}
