//! A running server, its directory and keys, and clients that write bytes.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::routing::get;
use clarateach::addresses::Addresses;
use clarateach::directory::{Directory, Live, Tenancy};
use clarateach::provider::Endpoints;
use clarateach::proxy::{Gateway, GatewayConfig, Limits};
use clarateach::server::{Server, ServerLimits};
use clarateach_protocol::id::{Generation, SeatKey};
use clarateach_protocol::token::{Mode, Role, SeatClaims, SigningKey};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::seat::{SOON, Seat};

pub(crate) const WORKSHOP: &str = "ws-abcdefgh";
pub(crate) const COOKIE: &str = "clarateach_seat_t";
pub(crate) const LEARNER: &str = "as-ada";

/// The server, with seat 3 of `WORKSHOP` in generation 2, which is Ada's.
pub(crate) struct World {
    pub(crate) address: SocketAddr,
    pub(crate) directory: Arc<Directory>,
    pub(crate) key: Arc<SigningKey>,
    pub(crate) stop: CancellationToken,
    domain: Option<&'static str>,
    pub(crate) server: JoinSet<()>,
}

/// What may be different.
pub(crate) struct Setup {
    pub(crate) domain: Option<&'static str>,
    pub(crate) gateway: Limits,
    pub(crate) server: ServerLimits,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            domain: None,
            gateway: Limits {
                connect: Duration::from_secs(2),
                first_byte: SOON,
            },
            server: ServerLimits::default(),
        }
    }
}

pub(crate) fn seat(number: u16) -> SeatKey {
    SeatKey {
        workshop: WORKSHOP.parse().unwrap(),
        seat: number.try_into().unwrap(),
    }
}

pub(crate) fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs()
}

impl World {
    pub(crate) async fn start() -> Self {
        Self::with(Setup::default()).await
    }

    pub(crate) async fn with(setup: Setup) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let addresses = Arc::new(Addresses::new(None, setup.domain, address).unwrap());
        let directory = Arc::new(Directory::new());
        let key = Arc::new(SigningKey::from_seed(&[7; 32]));
        let gateway = Gateway::new(GatewayConfig {
            directory: Arc::clone(&directory),
            addresses: Arc::clone(&addresses),
            signing: Arc::clone(&key),
            verifying: key.verifying_keys(),
            cookie_name: COOKIE.to_owned(),
            limits: setup.gateway,
        });
        let server = Server {
            addresses,
            gateway,
            platform: Router::new().route("/api/health", get(|| async { "the platform" })),
            trusted_proxies: Vec::new(),
            limits: setup.server,
        };
        let stop = CancellationToken::new();
        let mut tasks = JoinSet::new();
        let stopped = stop.clone();
        tasks.spawn(async move { server.listen(listener, stopped).await.unwrap() });
        let world = Self {
            address,
            directory,
            key,
            stop,
            domain: setup.domain,
            server: tasks,
        };
        world.tenancy(3, 2, Some(LEARNER));
        world
    }

    /// The world with that seat live as seat 3.
    pub(crate) async fn serving(upstream: &Seat) -> Self {
        let world = Self::start().await;
        world.live(upstream, "one");
        world
    }

    pub(crate) fn tenancy(&self, number: u16, generation: u32, assignment: Option<&str>) {
        let tenancy = Tenancy {
            generation: Generation(generation),
            assignment: assignment.map(str::to_owned),
            ends_at: None,
        };
        self.directory.set_tenancy(seat(number), tenancy);
    }

    pub(crate) fn live(&self, upstream: &Seat, incarnation: &str) {
        let live = Live {
            incarnation: incarnation.to_owned(),
            endpoints: Endpoints {
                terminal: upstream.address,
                files: upstream.address,
                browser: None,
            },
        };
        let generation = self
            .directory
            .lookup(&seat(3))
            .unwrap()
            .tenancy()
            .generation;
        self.directory.set_live(seat(3), generation, Some(live));
    }

    pub(crate) fn claims(&self) -> SeatClaims {
        SeatClaims {
            sub: LEARNER.to_owned(),
            role: Role::Learner,
            mode: Mode::Control,
            seat: seat(3),
            generation: Generation(2),
            issued_at: now(),
            expires_at: now() + 3600,
        }
    }

    /// Ada's token.
    pub(crate) fn token(&self) -> String {
        self.claims().sign(&self.key)
    }

    pub(crate) fn host(&self) -> String {
        match self.domain {
            None => self.address.to_string(),
            Some(domain) => format!("{WORKSHOP}.{domain}"),
        }
    }

    /// The origin of the platform's pages.
    pub(crate) fn origin(&self) -> String {
        match self.domain {
            None => format!("http://{}", self.address),
            Some(domain) => format!("https://{domain}"),
        }
    }

    /// What everything of a seat is below.
    pub(crate) fn base(&self, seat: impl std::fmt::Display) -> String {
        match self.domain {
            None => format!("/debug/proxy/{WORKSHOP}/vm/{seat}/"),
            Some(_) => format!("/vm/{seat}/"),
        }
    }

    /// A request for something of seat 3.
    pub(crate) fn ask(&self, method: &str, below: &str) -> Ask {
        self.ask_path(method, &format!("{}{below}", self.base(3)))
    }

    pub(crate) fn ask_path(&self, method: &str, path: &str) -> Ask {
        Ask {
            address: self.address,
            text: format!("{method} {path} HTTP/1.1\r\nHost: {}\r\n", self.host()),
        }
    }

    pub(crate) async fn connect(&self) -> Client {
        Client::new(TcpStream::connect(self.address).await.unwrap())
    }
}

/// A request under construction.
#[derive(Clone)]
pub(crate) struct Ask {
    address: SocketAddr,
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
    fn new(stream: TcpStream) -> Self {
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

/// Fails the test when `future` takes long.
pub(crate) async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(SOON * 4, future)
        .await
        .unwrap_or_else(|_| panic!("waited in vain for {what}"))
}

/// How often a condition is looked at.
const POLL: Duration = Duration::from_millis(3);

/// Waits for a condition.
pub(crate) async fn eventually(what: &str, condition: impl Fn() -> bool) {
    within(what, async {
        while !condition() {
            tokio::time::sleep(POLL).await;
        }
    })
    .await;
}
