//! A seat's browser behind its origin, with whoever a learner may have put at its port instead.

use std::collections::HashMap;
use std::sync::Arc;

use clarateach::browser::{BrowserDoor, BrowserStart, SELKIES, Screen};
use clarateach::browsers::{BrowserPhase, BrowserProgress};
use clarateach::model::{BrowserPolicy, Reason};
use clarateach::provider::BrowserStatus;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;

use super::world::{Entered, World};
use crate::proxy::client::Reply;
use crate::proxy::seat::{Seat, read_request};
use crate::proxy::world::seat;

/// What a start of the browser is opened with.
fn door(at: &Seat, incarnation: &str) -> BrowserDoor {
    let start = BrowserStart::new(Screen::default());
    let variables = SELKIES.environment(&start);
    let variables: HashMap<&str, &str> = variables
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    BrowserDoor {
        engine: &SELKIES,
        address: at.address,
        incarnation: incarnation.to_owned(),
        access: SELKIES.access(&variables).unwrap(),
    }
}

/// The right answer to a challenge, as somebody knows it who was asked one.
fn answer_of(door: &BrowserDoor, request: &str) -> Option<String> {
    let challenge = request.split_once("challenge=")?.1.split(' ').next()?;
    door.access.answer(challenge)
}

/// Something at the browser's port: proves itself if it can, and answers everything else with a page.
async fn engine(
    proves: Option<fn(&str) -> String>,
    door: Arc<std::sync::OnceLock<BrowserDoor>>,
) -> Seat {
    Seat::scripted(move |mut stream, seen| {
        let door = Arc::clone(&door);
        async move {
            while let Some(request) = read_request(&mut stream, &seen).await {
                let request = String::from_utf8_lossy(&request).into_owned();
                let body = if request.starts_with("GET /api/health") {
                    let right = door.get().and_then(|door| answer_of(door, &request));
                    proves.map_or_else(|| right.unwrap_or_default(), |wrong| wrong(&request))
                } else {
                    "THE PAGE".to_owned()
                };
                let answer = format!(
                    "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\nset-cookie: a=b\r\nwww-authenticate: Basic\r\ncontent-length: {}\r\n\r\n{body}",
                    body.len()
                );
                if stream.write_all(answer.as_bytes()).await.is_err() {
                    return;
                }
            }
        }
    })
    .await
}

/// A world whose seat 3 has a browser that counts as proven, at whatever answers there.
async fn with_browser(proves: Option<fn(&str) -> String>) -> (World, Seat, BrowserDoor) {
    let known = Arc::new(std::sync::OnceLock::new());
    let at = engine(proves, Arc::clone(&known)).await;
    let world = World::serving(&at).await;
    let door = door(&at, "one");
    known.set(door.clone()).unwrap();
    world.is(BrowserProgress::Running(Arc::new(door.clone())));
    (world, at, door)
}

impl World {
    /// Says what there is of seat 3's browser, which somebody wants.
    fn is(&self, progress: BrowserProgress) {
        let running = Some(&BrowserStatus::Running);
        self.browsers
            .wanted(seat(3), BrowserPolicy::OnDemand, running);
        self.browsers.tell(seat(3), progress);
    }

    async fn asks_for_browser(&self) -> Reply {
        self.call("localhost", "POST", (3, "origins"))
            .bearer(&self.ada())
            .field("Prefer", "respond-async")
            .send_with(json!({"kind": "browser"}).to_string().as_bytes())
            .await
    }

    async fn enters_browser(&self) -> Entered {
        let body = json!({"kind": "browser"});
        self.enter("localhost", &self.ada(), 3, body).await
    }
}

fn json_of(reply: &Reply) -> Value {
    reply.json()
}

/// What would open the browser: its password, and the header that carries it.
fn credentials(door: &BrowserDoor) -> Vec<String> {
    let login = SELKIES.login(&door.access, clarateach::browser::Visit::Control, "/");
    let header = match login {
        Some(clarateach::browser::Login::Authorization(value)) => value.reveal().to_owned(),
        other => panic!("{other:?}"),
    };
    vec![door.access.control.reveal().to_owned(), header]
}

#[tokio::test]
async fn who_is_first_at_the_port_gets_no_credential_and_shows_nothing() {
    // A program that doesn't know the nonce, whatever it answers; and, as the control, one that does.
    let impostors: [fn(&str) -> String; 3] = [
        |_| "THE PAGE".to_owned(),
        |request| request.to_owned(),
        |_| "0".repeat(64),
    ];
    for wrong in impostors {
        let (world, at, door) = with_browser(Some(wrong)).await;
        let visitor = world.enters_browser().await;
        let page = visitor.visit("/").send().await;
        assert_eq!(page.status, 503, "{page:?}");
        assert!(!page.text().contains("THE PAGE"), "{page:?}");
        assert!(page.text().contains("The browser is starting"), "{page:?}");
        let seen = at.seen();
        assert!(seen.contains("challenge="), "{seen}");
        for secret in credentials(&door) {
            assert!(!seen.contains(&secret), "{seen}");
        }
        assert!(!seen.to_lowercase().contains("authorization"), "{seen}");
    }
    let (world, at, door) = with_browser(None).await;
    let visitor = world.enters_browser().await;
    let page = visitor.visit("/").send().await;
    assert_eq!((page.status, page.text().as_str()), (200, "THE PAGE"));
    assert!(at.seen().contains(&credentials(&door)[1]));
}

#[tokio::test]
async fn nothing_of_a_visitor_reaches_the_engine_and_nothing_of_it_the_visitor() {
    let (world, at, door) = with_browser(None).await;
    let visitor = world.enters_browser().await;
    let page = visitor
        .visit("/?a=b")
        .field("X-Forwarded-For", "1.2.3.4")
        .field("X-Evil", "1")
        .field("Accept-Language", "de")
        .send()
        .await;
    assert_eq!(page.status, 200, "{page:?}");
    let seen = at.seen().to_lowercase();
    let (_, asked) = seen.split_once("get /?a=b ").unwrap();
    for hidden in [
        "cookie:",
        "x-evil",
        "x-forwarded",
        "origin:",
        "referer",
        "clarateach",
    ] {
        assert!(!asked.contains(hidden), "{asked}");
    }
    assert!(asked.contains("accept-language: de"), "{asked}");
    for hidden in ["set-cookie", "www-authenticate"] {
        assert_eq!(page.field(hidden), None, "{page:?}");
    }
    let whole = format!("{page:?}");
    for secret in credentials(&door) {
        assert!(!whole.contains(&secret));
    }
    // A token of ours is for nobody here.
    let bearer = visitor.visit("/").bearer(&world.ada()).send().await;
    assert_eq!(bearer.status, 403, "{bearer:?}");
}

#[tokio::test]
async fn a_browser_of_an_earlier_start_of_its_seat_is_none() {
    let (world, at, _) = with_browser(None).await;
    let visitor = world.enters_browser().await;
    world.is(BrowserProgress::Running(Arc::new(door(&at, "before"))));
    let connections = at.connections();
    let page = visitor.visit("/").send().await;
    assert_eq!(page.status, 503, "{page:?}");
    assert_eq!(at.connections(), connections, "it was not even asked");
}

#[tokio::test]
async fn a_page_is_told_how_far_the_browser_is_and_why_it_failed() {
    let (world, _at, _) = with_browser(None).await;
    let visitor = world.enters_browser().await;
    for (phase, word) in [
        (BrowserPhase::Container, "container"),
        (BrowserPhase::Firefox, "firefox"),
        (BrowserPhase::Resuming, "resuming"),
    ] {
        world.is(BrowserProgress::Starting(phase));
        let told = world.asks_for_browser().await;
        assert_eq!(told.status, 202, "{told:?}");
        assert_eq!(told.field("retry-after"), Some("1"));
        assert_eq!(json_of(&told), json!({"status": "starting", "phase": word}));
        let fetched = visitor.fetch("GET", "/").send().await;
        assert_eq!(fetched.error(), (503, "browser_starting".to_owned()));
    }
    for (code, status, answered) in [
        ("port_taken", 409, "browser_port_taken"),
        ("image_missing", 503, "browser_failed"),
    ] {
        // Another try: who asks is told what came of it.
        world.is(BrowserProgress::Starting(BrowserPhase::Container));
        world.is(BrowserProgress::Failed(Reason::new(
            code,
            "because <of> it",
        )));
        let told = world.asks_for_browser().await;
        assert_eq!(told.error(), (status, answered.to_owned()));
        assert!(told.text().contains("because <of> it"), "{told:?}");
        let page = visitor.visit("/").send().await;
        assert_eq!(page.status, status, "{page:?}");
        assert!(
            page.text()
                .contains("Because &lt;of&gt; it. It is tried again"),
            "{page:?}"
        );
    }
    world.browsers.forget(seat(3));
    world.browsers.tell(seat(3), BrowserProgress::Absent);
    let told = world.asks_for_browser().await;
    assert_eq!(json_of(&told), json!({"status": "queued", "position": 1}));
    let fetched = visitor.fetch("GET", "/").send().await;
    assert_eq!(fetched.error(), (503, "browser_queued".to_owned()));
    let page = visitor.visit("/").send().await;
    assert!(page.text().contains("number 1 in the queue"), "{page:?}");
    world.browsers.admit(|_| true);
    let told = world.asks_for_browser().await;
    assert_eq!(json_of(&told)["phase"], "container");
}

#[tokio::test]
async fn a_neighbour_and_another_port_of_the_seat_have_no_way_in() {
    let (world, _at, _) = with_browser(None).await;
    let visitor = world.enters_browser().await;
    let neighbour = world
        .ask_for(
            "localhost",
            &world.bob(),
            4,
            json!({"kind": "browser", "seat": 3}),
        )
        .await;
    assert_eq!(neighbour.status, 403, "{neighbour:?}");
    // The seat's own programs are its learner's; the browser's origin isn't theirs.
    let sibling = visitor.host.replace("browser--", "5173--");
    let asked = visitor
        .bare("GET", "/")
        .field("Origin", format!("http://{sibling}"))
        .field("Sec-Fetch-Site", "same-site")
        .send()
        .await;
    assert_eq!(asked.status, 403, "{asked:?}");
    let written = visitor.fetch("POST", "/").send_with(b"x").await;
    assert_eq!(written.status, 404, "{written:?}");
    let worker = visitor
        .fetch("GET", "/assets/x.js")
        .field("Service-Worker", "script")
        .send()
        .await;
    assert_eq!(worker.status, 403, "{worker:?}");
}
