//! A seat for one test: the real server on ports of its own, a folder of its own, a platform's key.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use clarateach_client::{Attach, Endpoint, TerminalClient};
use clarateach_protocol::id::{Generation, SeatKey, SeatNumber};
use clarateach_protocol::token::{Mode, Scope, SigningKey, WorkspaceClaims};
use clarateach_workspace::{Config, Limits, Orphans, Server};
use http_body_util::{BodyExt, Full};
use hyper::header::AUTHORIZATION;
use hyper::{HeaderMap, Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Far above what anything takes; a test that waits so long has failed.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);
/// Between two looks at what a test waits for.
const LOOK_AGAIN: Duration = Duration::from_millis(2);

pub(crate) struct Seat {
    pub(crate) folder: TempDir,
    pub(crate) terminal_port: u16,
    pub(crate) files_port: u16,
    key: SigningKey,
    stop: CancellationToken,
    tasks: JoinSet<()>,
}

/// A server on a seat's folder.
pub(crate) struct Running {
    terminal_port: u16,
    files_port: u16,
    stop: CancellationToken,
    tasks: JoinSet<()>,
}

impl Running {
    async fn start(folder: &std::path::Path, limits: Limits) -> Self {
        let server = Server::bind(Config {
            seat: seat_key(3),
            generation: Generation(2),
            keys: signing_key().verifying_keys(),
            root: folder.join("root"),
            home: folder.join("home"),
            shell: None,
            listen: IpAddr::V4(Ipv4Addr::LOCALHOST),
            terminal_port: 0,
            files_port: 0,
            limits,
            orphans: Orphans::Leave,
        })
        .await
        .unwrap();
        let (terminal_port, files_port) = (server.terminal_port(), server.files_port());
        let stop = CancellationToken::new();
        let mut tasks = JoinSet::new();
        let stopped = stop.clone();
        tasks.spawn(async move { server.serve(stopped).await.unwrap() });
        Self {
            terminal_port,
            files_port,
            stop,
            tasks,
        }
    }
}

fn signing_key() -> SigningKey {
    SigningKey::from_seed(&[7; 32])
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).expect("a JSON body")
    }

    /// The stable code of an error.
    pub(crate) fn code(&self) -> String {
        self.json()["error"]["code"]
            .as_str()
            .expect("an error body")
            .to_owned()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    pub(crate) fn etag(&self) -> String {
        self.header("etag").expect("an ETag").to_owned()
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

impl Seat {
    pub(crate) async fn start() -> Self {
        Self::with_limits(Limits::default()).await
    }

    pub(crate) async fn with_limits(limits: Limits) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("root")).unwrap();
        std::fs::create_dir(folder.path().join("home")).unwrap();
        // Output that tests can read.
        let readline = "set enable-bracketed-paste off\n";
        std::fs::write(folder.path().join("home/.inputrc"), readline).unwrap();
        let running = Running::start(folder.path(), limits).await;
        Self {
            folder,
            terminal_port: running.terminal_port,
            files_port: running.files_port,
            key: signing_key(),
            stop: running.stop,
            tasks: running.tasks,
        }
    }

    /// Another server on the same folder.
    pub(crate) async fn again(&self) -> Running {
        Running::start(self.folder.path(), Limits::default()).await
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.folder.path().join("root")
    }

    pub(crate) fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        std::fs::write(self.root().join(path), content).unwrap();
    }

    pub(crate) fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.root().join(path)).unwrap()
    }

    pub(crate) async fn stop(mut self) {
        self.stop.cancel();
        tokio::time::timeout(DEADLINE, self.tasks.join_next())
            .await
            .expect("the server stops");
    }

    pub(crate) fn begin_to_stop(&self) {
        self.stop.cancel();
    }

    /// The claims of a right token; tests change one thing in it.
    pub(crate) fn claims(&self) -> WorkspaceClaims {
        right_claims()
    }

    pub(crate) fn token(&self, mode: Mode) -> String {
        let claims = WorkspaceClaims {
            mode,
            ..self.claims()
        };
        claims.sign(&self.key)
    }

    pub(crate) fn sign(&self, claims: &WorkspaceClaims) -> String {
        claims.sign(&self.key)
    }

    /// A request with a right token to the listener that has the route.
    pub(crate) async fn call(&self, method: Method, target: &str) -> Answer {
        self.send(method, target, &[], Bytes::new()).await
    }

    pub(crate) async fn get(&self, target: &str) -> Answer {
        self.call(Method::GET, target).await
    }

    /// Where terminals are, with this token.
    pub(crate) fn endpoint(&self, token: Option<&str>) -> Endpoint {
        let mut endpoint = Endpoint::seat(self.terminal_port, "");
        endpoint.token = token.map(str::to_owned);
        endpoint
    }

    /// Where terminals are, with a right token.
    pub(crate) fn terminals(&self) -> Endpoint {
        Endpoint::seat(self.terminal_port, self.token(Mode::Control))
    }

    /// Attaches to `main` with control.
    pub(crate) async fn page(&self) -> TerminalClient {
        self.attach("", Mode::Control).await
    }

    /// Attaches to `main` with more in the query and a token for this mode.
    pub(crate) async fn attach(&self, query: &str, mode: Mode) -> TerminalClient {
        let endpoint = self.endpoint(Some(&self.token(mode)));
        TerminalClient::attach(&endpoint, Attach::default().with(query)).await
    }

    /// Attaches to a terminal by its name.
    pub(crate) async fn page_of(&self, name: &str) -> TerminalClient {
        TerminalClient::attach(&self.terminals(), Attach::to(name)).await
    }

    /// How many connections the first terminal has.
    pub(crate) async fn clients(&self) -> u64 {
        let listed = self.get("/terminals").await.json();
        listed["terminals"][0]["clients"].as_u64().unwrap()
    }

    pub(crate) async fn put(&self, target: &str, content: impl Into<Bytes>) -> Answer {
        self.send(Method::PUT, target, &[], content.into()).await
    }

    pub(crate) async fn post_json(&self, target: &str, body: &serde_json::Value) -> Answer {
        self.send(Method::POST, target, &[], body.to_string().into())
            .await
    }

    pub(crate) async fn send(
        &self,
        method: Method,
        target: &str,
        headers: &[(&str, &str)],
        content: Bytes,
    ) -> Answer {
        let token = self.token(Mode::Control);
        self.send_as(Some(&token), method, target, headers, content)
            .await
    }

    pub(crate) async fn send_as(
        &self,
        token: Option<&str>,
        method: Method,
        target: &str,
        headers: &[(&str, &str)],
        content: Bytes,
    ) -> Answer {
        let port = if target.starts_with("/terminal") {
            self.terminal_port
        } else {
            self.files_port
        };
        let mut request = Request::builder()
            .method(method)
            .uri(target)
            .header("host", "seat");
        if let Some(token) = token {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(content)).unwrap();
        tokio::time::timeout(DEADLINE, exchange(port, request))
            .await
            .unwrap_or_else(|_| panic!("no answer to {target}"))
    }

    pub(crate) async fn bind(
        &self,
        digest: &str,
        env: &[(&str, &str)],
        files: &[(&str, &str)],
    ) -> Answer {
        use base64::Engine;
        let env: BTreeMap<_, _> = env.iter().copied().collect();
        let files: Vec<_> = files
            .iter()
            .map(|(path, content)| {
                let content = base64::engine::general_purpose::STANDARD.encode(content);
                serde_json::json!({"path": path, "content_base64": content})
            })
            .collect();
        let binding = serde_json::json!({"learner": {"name": "Ada"}, "env": env, "files": files});
        self.post_json(
            "/bind",
            &serde_json::json!({"digest": digest, "binding": binding}),
        )
        .await
    }
}

/// Asks again, after a pause, until the answer is yes.
pub(crate) async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let asking = async {
        while !holds().await {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    };
    let asked = tokio::time::timeout(DEADLINE, asking).await;
    asked.unwrap_or_else(|_| panic!("never came: {what}"));
}

async fn exchange(port: u16, request: Request<Full<Bytes>>) -> Answer {
    let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .unwrap();
    let talk = async move {
        let response = sender.send_request(request).await.unwrap();
        drop(sender);
        let (head, body) = response.into_parts();
        Answer {
            status: head.status,
            headers: head.headers,
            body: body.collect().await.unwrap().to_bytes(),
        }
    };
    // The connection ends first when the seat answers and closes.
    let (answer, _) = tokio::join!(talk, connection);
    answer
}

pub(crate) fn seat_key(number: u16) -> SeatKey {
    SeatKey {
        workshop: "ws-abcdefgh".parse().unwrap(),
        seat: SeatNumber::new(number).unwrap(),
    }
}

fn right_claims() -> WorkspaceClaims {
    let now = now();
    WorkspaceClaims {
        seat: seat_key(3),
        generation: Generation(2),
        scope: vec![
            Scope::Terminal,
            Scope::Files,
            Scope::Stats,
            Scope::Bind,
            Scope::Exec,
            Scope::Tunnel,
        ],
        mode: Mode::Control,
        issued_at: now,
        expires_at: now + 60,
    }
}

/// A token for every seat that is started with the tests' key, number and generation.
pub(crate) fn right_token() -> String {
    right_claims().sign(&SigningKey::from_seed(&[7; 32]))
}

/// Attaches to `main` of a server in another process.
pub(crate) async fn page_at(port: u16) -> TerminalClient {
    let endpoint = Endpoint::seat(port, right_token());
    TerminalClient::attach(&endpoint, Attach::default()).await
}

pub(crate) fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs()
}
