//! The real browser beside a real seat: it proves itself, shows the seat's own server and takes keys.
//! It needs `clarateach/browser:latest` and half a minute, so without `--all` only what it is told is looked at.

use std::collections::HashMap;
use std::time::Duration;

use bollard::query_parameters::InspectContainerOptions;
use clarateach::browser::{BrowserAccess, Login, SELKIES, Visit};
use clarateach::provider::docker::BrowserConfig;
use clarateach::provider::{BrowserState, Instance};
use futures_util::{SinkExt, StreamExt};
use http::HeaderValue;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{WebSocketStream, client_async};

use super::fixture::{World, scene, scene_with, workshop};

/// A cold start of Firefox on a machine that does much else.
const PATIENCE: Duration = Duration::from_secs(90);
/// A key frame of an empty screen of this size takes a quarter of this.
const NOT_BLANK: usize = 8_000;
const SETTINGS: &str = r#"SETTINGS,{"displayId":"primary","framerate":25,"initialClientWidth":1280,"initialClientHeight":720}"#;
/// Answers every path with a field that has the focus, and writes the path down.
const SERVER: &str = r#"
import http.server
class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        print(self.path, flush=True)
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<body style='background:rgb(200,30,60)'><form action=/sent><input name=q autofocus></form>")
    def log_message(self, *_): pass
http.server.HTTPServer(("127.0.0.1", 8000), Page).serve_forever()
"#;
/// How long Firefox may take to move the focus; once more is tried after it.
const ADDRESS_BAR: Duration = Duration::from_secs(2);
const CONTROL: u32 = 65_507;
const ENTER: u32 = 65_293;

impl World {
    /// What opens a seat's browser, as the platform reads it back.
    async fn access(&self, seat: &Instance) -> BrowserAccess {
        let name = format!("{}-browser", seat.key());
        let inspect = self
            .docker
            .inspect_container(&name, None::<InspectContainerOptions>);
        let environment = inspect.await.unwrap().config.unwrap().env.unwrap();
        let variables: HashMap<&str, &str> = environment
            .iter()
            .filter_map(|line| line.split_once('='))
            .collect();
        SELKIES.access(&variables).unwrap()
    }
}

/// A visitor's WebSocket.
struct Screen(WebSocketStream<TcpStream>);

impl Screen {
    async fn open(seat: &Instance, access: &BrowserAccess, visit: Visit) -> Self {
        let stream = TcpStream::connect((seat.ip, 3003)).await.unwrap();
        let url = format!("ws://{}:3003/api/websockets", seat.ip);
        let mut request = url.into_client_request().unwrap();
        let value = HeaderValue::from_str(&authorization(access, visit)).unwrap();
        request.headers_mut().insert("authorization", value);
        let (mut socket, _) = client_async(request, stream).await.unwrap();
        socket.send(Message::text(SETTINGS)).await.unwrap();
        Self(socket)
    }

    /// The first picture of that many bytes.
    async fn picture(&mut self, bytes: usize) {
        let coming = async {
            while let Some(message) = self.0.next().await {
                if matches!(message.unwrap(), Message::Binary(frame) if frame.len() >= bytes) {
                    return;
                }
            }
            panic!("the stream ended");
        };
        timeout(PATIENCE, coming)
            .await
            .expect("the picture stays blank");
    }

    /// Takes what comes for that long.
    async fn watch(&mut self, time: Duration) {
        let _ = timeout(time, async { while self.0.next().await.is_some() {} }).await;
    }

    async fn press(&mut self, keys: &[u32]) {
        let down = keys.iter().map(|key| format!("kd,{key}"));
        let up = keys.iter().rev().map(|key| format!("ku,{key}"));
        for text in down.chain(up) {
            self.0.send(Message::text(text)).await.unwrap();
        }
    }

    async fn enter(&mut self, text: &str) {
        for letter in text.chars() {
            self.press(&[u32::from(letter)]).await;
        }
        self.press(&[ENTER]).await;
    }
}

fn authorization(access: &BrowserAccess, visit: Visit) -> String {
    match SELKIES.login(access, visit, "/api/websockets") {
        Some(Login::Authorization(value)) => value.reveal().to_owned(),
        other => panic!("{other:?}"),
    }
}

/// Status and body of a `GET`, as soon as anything answers.
async fn get(seat: &Instance, path: &str, fields: &str) -> (u16, String) {
    let begin = Instant::now();
    let mut pause = tokio::time::interval(Duration::from_millis(100));
    loop {
        pause.tick().await;
        let asked = async {
            let mut stream = TcpStream::connect((seat.ip, 3003)).await.ok()?;
            let request = format!(
                "GET {path} HTTP/1.1\r\nHost: localhost:3003\r\nConnection: close\r\n{fields}\r\n"
            );
            stream.write_all(request.as_bytes()).await.ok()?;
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).await.ok()?;
            let answer = String::from_utf8_lossy(&answer).into_owned();
            let (head, body) = answer.split_once("\r\n\r\n")?;
            Some((head.get(9..12)?.parse().ok()?, body.to_owned()))
        };
        if let Some(answer) = asked.await {
            return answer;
        }
        assert!(begin.elapsed() < PATIENCE, "no browser answers");
    }
}

/// The paths that the seat's server was asked for.
async fn lines(world: &World, seat: &Instance) -> Vec<String> {
    let log = world.sh(seat, "cat /workspace/log").await.ok();
    log.lines().map(str::to_owned).collect()
}

/// Waits until the seat's server was asked for a path; all that it was asked for.
async fn asked_for(world: &World, seat: &Instance, path: &str) -> Vec<String> {
    let begin = Instant::now();
    let mut pause = tokio::time::interval(Duration::from_millis(200));
    loop {
        pause.tick().await;
        let log = lines(world, seat).await;
        if log.iter().any(|line| line == path) {
            return log;
        }
        assert!(
            begin.elapsed() < PATIENCE,
            "nobody asked for {path}: {log:?}"
        );
    }
}

#[tokio::test]
async fn every_start_of_a_browser_has_secrets_of_its_own() {
    scene(|world| async move {
        let spec = workshop();
        world.prepared(&spec).await;
        let seat = world.seat(&spec, 1).await;
        let mut seen = Vec::new();
        for _ in 0..2 {
            world.browser(&seat, BrowserState::Running).await;
            let access = world.access(&seat).await;
            assert!(access.view.is_some() && access.nonce.is_some());
            seen.push(access);
            world.browser(&seat, BrowserState::Absent).await;
        }
        assert_ne!(seen[0].control, seen[1].control);
        assert_ne!(seen[0].nonce, seen[1].nonce);
    })
    .await;
}

#[tokio::test]
async fn a_real_browser_shows_the_seats_own_server_and_takes_keys() {
    // The short sample is `every_start_of_a_browser_has_secrets_of_its_own`.
    if std::env::var_os("CLARATEACH_TEST_ALL").is_none() {
        eprintln!("the real browser is left to `./x test --all`");
        return;
    }
    let real = |config: &mut clarateach::provider::docker::DockerConfig| {
        config.browser = BrowserConfig {
            engine: &SELKIES,
            image: SELKIES.image.to_owned(),
        };
    };
    scene_with(real, |world| async move {
        let spec = workshop();
        world.prepared(&spec).await;
        let seat = world.seat(&spec, 1).await;
        let start = format!(
            "cat > /workspace/server.py <<'END'\n{SERVER}\nEND\nsetsid python3 /workspace/server.py > /workspace/log 2>&1 &"
        );
        world.sh(&seat, &start).await.ok();
        let seat = world.browser(&seat, BrowserState::Running).await;
        let access = world.access(&seat).await;

        // It proves which start it is, and lets nobody in without its password.
        let health = get(&seat, "/api/health?challenge=a1b2", "").await;
        assert_eq!(health, (200, access.answer("a1b2").unwrap()));
        assert_eq!(get(&seat, "/", "").await.0, 401);
        let right = format!("Authorization: {}\r\n", authorization(&access, Visit::View));
        assert_eq!(get(&seat, "/", &right).await.0, 200);

        // A picture, and keys that go through it into a page of the learner's own server.
        let mut learner = Screen::open(&seat, &access, Visit::Control).await;
        learner.picture(NOT_BLANK).await;
        let begin = Instant::now();
        while !lines(&world, &seat).await.contains(&"/".to_owned()) {
            assert!(begin.elapsed() < PATIENCE, "the page is never opened");
            // Firefox takes letters for the page until its address bar has the focus.
            learner.press(&[CONTROL, u32::from('l')]).await;
            learner.watch(ADDRESS_BAR).await;
            learner.enter("localhost:8000/").await;
            learner.watch(ADDRESS_BAR).await;
        }
        learner.watch(ADDRESS_BAR).await;
        learner.enter("typed").await;
        asked_for(&world, &seat, "/sent?q=typed").await;
        learner.watch(ADDRESS_BAR).await;

        // A page that is loaded again at once, and again: nobody is sent away for coming soon.
        for _ in 0..2 {
            drop(learner);
            learner = Screen::open(&seat, &access, Visit::Control).await;
        }
        learner.picture(1).await;

        // Whoever watches sees it too, and touches nothing.
        let mut watcher = Screen::open(&seat, &access, Visit::View).await;
        watcher.picture(1).await;
        watcher.enter("watched").await;
        watcher.watch(ADDRESS_BAR).await;
        learner.enter("again").await;
        let log = asked_for(&world, &seat, "/sent?q=again").await;
        assert!(!log.iter().any(|line| line.contains("watched")), "{log:?}");

        // Frozen and let go on, it is the same one, where it was.
        for want in [BrowserState::Paused, BrowserState::Running] {
            world.browser(&seat, want).await;
        }
        let mut learner = Screen::open(&seat, &access, Visit::Control).await;
        learner.picture(1).await;
        learner.enter("after").await;
        asked_for(&world, &seat, "/sent?q=after").await;
    })
    .await;
}
