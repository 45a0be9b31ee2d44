//! Neko behind a seat's browser origin: its client asks for a name and a password in its socket's query, and
//! the gateway writes its own there, of the one who controls or the one who watches.
//!
//! Neko can't prove that it is what listens, so the engine as it is gets nothing at all; these tests also
//! have one that could.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use clarateach::browser::{BrowserDoor, BrowserEngine, BrowserStart, NEKO, Screen, Value};
use clarateach::browsers::BrowserProgress;
use clarateach::model::BrowserPolicy;
use clarateach::provider::BrowserStatus;
use clarateach_protocol::token::{Mode, Role};
use serde_json::json;
use tokio::io::AsyncWriteExt;

use super::world::World;
use crate::proxy::seat::{Seat, read_request, switching};
use crate::proxy::world::seat;

static PROVING: BrowserEngine = BrowserEngine {
    challenge: Some("challenge"),
    environment: &[
        ("NEKO_MEMBER_MULTIUSER_ADMIN_PASSWORD", Value::Control),
        ("NEKO_MEMBER_MULTIUSER_USER_PASSWORD", Value::View),
        ("NONCE", Value::Nonce),
    ],
    ..NEKO
};
static AS_IT_IS: BrowserEngine = NEKO;

fn door(engine: &'static BrowserEngine, at: &Seat) -> BrowserDoor {
    let variables = engine.environment(&BrowserStart::new(Screen::default()));
    let variables: HashMap<&str, &str> = variables
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    BrowserDoor {
        engine,
        address: at.address,
        incarnation: "one".to_owned(),
        access: engine.access(&variables).unwrap(),
    }
}

/// What Neko 3 does with its legacy client's socket (`server/internal/http/legacy/handler.go`): it looks at
/// two parameters of the query, and takes whoever knows one of two passwords.
fn who_enters(door: &BrowserDoor, request: &str) -> &'static str {
    let query = request
        .split(' ')
        .nth(1)
        .and_then(|uri| uri.split_once('?'));
    let mut parameters = query.map_or("", |(_, query)| query).split('&');
    let shown = parameters.find_map(|pair| pair.strip_prefix("password="));
    let view = door.access.view.as_ref().map(|view| view.reveal());
    match shown {
        Some(shown) if shown == door.access.control.reveal() => "control",
        Some(shown) if Some(shown) == view => "watches",
        _ => "nobody!",
    }
}

/// A world whose seat 3 has a Neko that counts as proven.
async fn with_neko(engine: &'static BrowserEngine) -> (World, Seat, BrowserDoor) {
    let known: Arc<OnceLock<BrowserDoor>> = Arc::default();
    let of_neko = Arc::clone(&known);
    let at = Seat::scripted(move |mut stream, seen| {
        let known = Arc::clone(&of_neko);
        async move {
            while let Some(request) = read_request(&mut stream, &seen).await {
                let door = known.get().unwrap();
                let text = String::from_utf8_lossy(&request).into_owned();
                if text.starts_with("GET /ws") {
                    let answer = switching(&request) + who_enters(door, &text);
                    stream.write_all(answer.as_bytes()).await.unwrap();
                    continue;
                }
                let challenge = text
                    .split_once("challenge=")
                    .map(|(_, rest)| rest.split(' ').next().unwrap());
                let body = challenge.and_then(|challenge| door.access.answer(challenge));
                let body = body.unwrap_or_else(|| "NEKO'S PAGE".to_owned());
                let answer = format!(
                    "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: {}\r\n\r\n{body}",
                    body.len()
                );
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        }
    })
    .await;
    let world = World::serving(&at).await;
    let door = door(engine, &at);
    known.set(door.clone()).unwrap();
    let running = Some(&BrowserStatus::Running);
    world
        .browsers
        .wanted(seat(3), BrowserPolicy::OnDemand, running);
    let progress = BrowserProgress::Running(Arc::new(door.clone()));
    world.browsers.tell(seat(3), progress);
    (world, at, door)
}

impl World {
    /// As whom somebody with a token of seat 3 enters Neko, whatever they say of themselves.
    async fn enters_neko(&self, token: &str, query: &str) -> String {
        let body = json!({"kind": "browser"});
        let visitor = self.enter("localhost", token, 3, body).await;
        let ask = visitor.fetch("GET", &format!("/ws{query}")).websocket();
        let mut socket = ask.open(b"").await;
        let reply = socket.reply().await;
        assert_eq!(reply.status, 101, "{reply:?}");
        String::from_utf8(socket.bytes("watches".len()).await).unwrap()
    }
}

#[tokio::test]
async fn the_gateway_logs_in_at_nekos_socket_whatever_the_visitor_says() {
    let (world, _at, door) = with_neko(&PROVING).await;
    let watcher = clarateach_protocol::token::SeatClaims {
        mode: Mode::View,
        ..world.claims(3, "in-1", Role::Instructor)
    };
    let watcher = world.token(&watcher);
    for query in [
        "",
        "?password=guess&username=admin",
        "?password=&password=x",
    ] {
        assert_eq!(world.enters_neko(&world.ada(), query).await, "control");
        assert_eq!(world.enters_neko(&watcher, query).await, "watches");
    }
    // Who watches and knows the other password all the same gains nothing by it.
    let known = format!("?password={}", door.access.control.reveal());
    assert_eq!(world.enters_neko(&watcher, &known).await, "watches");
}

#[tokio::test]
async fn nekos_passwords_are_in_no_page_and_its_own_login_is_shut() {
    let (world, at, door) = with_neko(&PROVING).await;
    let visitor = world
        .enter("localhost", &world.ada(), 3, json!({"kind": "browser"}))
        .await;
    let page = visitor.visit("/").send().await;
    assert_eq!((page.status, page.text().as_str()), (200, "NEKO'S PAGE"));
    let whole = format!("{page:?} {}", at.seen());
    for secret in [Some(&door.access.control), door.access.view.as_ref()] {
        assert!(!whole.contains(secret.unwrap().reveal()), "{whole}");
    }
    let connections = at.connections();
    for (method, shut) in [
        ("POST", "/api/login"),
        ("GET", "/api/room/screen/cast.jpg"),
        ("GET", "/api/sessions"),
        ("GET", "/metrics"),
        ("GET", "/screenshot.jpg?usr=a&pwd=b"),
        ("GET", "/stats?usr=a&pwd=b"),
        ("GET", "/file?pwd=b&filename=x"),
        ("GET", "/ws?username=a&password=b"),
    ] {
        let answer = visitor.fetch(method, shut).send().await;
        assert_eq!(answer.status, 404, "{shut}: {answer:?}");
    }
    let socket = visitor.fetch("GET", "/api/ws").websocket().send().await;
    assert_eq!(socket.status, 404, "{socket:?}");
    assert_eq!(at.connections(), connections, "it was not even asked");
}

#[tokio::test]
async fn neko_as_it_is_gets_no_credential_because_it_cannot_prove_itself() {
    let (world, at, door) = with_neko(&AS_IT_IS).await;
    let visitor = world
        .enter("localhost", &world.ada(), 3, json!({"kind": "browser"}))
        .await;
    let page = visitor.visit("/").send().await;
    assert_eq!(page.status, 503, "{page:?}");
    let socket = visitor.fetch("GET", "/ws").websocket().send().await;
    assert_eq!(socket.status, 503, "{socket:?}");
    let seen = at.seen();
    assert!(!seen.contains(door.access.control.reveal()), "{seen}");
    assert!(!page.text().contains("NEKO'S PAGE"), "{page:?}");
}
