//! What the log keeps of an instructor's visit.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use clarateach_protocol::token::{Mode, Role};
use serde_json::Value;

use super::seat::Seat;
use super::world::{World, eventually};

/// A log that a test reads.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    fn audited(&self) -> Vec<Value> {
        let text = self.text();
        let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
        lines
            .filter(|line: &Value| line["target"] == "audit")
            .collect()
    }
}

/// A log that takes what this thread tells, as long as the guard is held.
fn listen() -> (Log, tracing::subscriber::DefaultGuard) {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .json()
        .with_writer(move || writer.clone())
        .finish();
    (log, tracing::subscriber::set_default(subscriber))
}

#[tokio::test]
async fn what_an_instructor_reads_and_changes_is_written_down() {
    let (log, _logging) = listen();
    let upstream = Seat::echo().await;
    let world = World::serving(&upstream).await;
    let mut claims = world.claims();
    claims.role = Role::Instructor;
    claims.sub = "in-1".to_owned();
    let token = claims.sign(&world.key);
    let send = async |method: &str, below: &str, token: &str| {
        let reply = world.ask(method, below).bearer(token).send().await;
        assert_eq!(reply.status, 200);
    };
    // A learner in their own seat is no visitor.
    send("GET", "files/a.py", &world.token()).await;
    send("PUT", "files/a.py", &world.token()).await;
    assert!(log.audited().is_empty());

    for below in ["files?path=secret", "files/b.py", "stats"] {
        send("GET", below, &token).await;
    }
    send("PUT", "files/b.py", &token).await;
    send("DELETE", "files/b.py?recursive=true", &token).await;
    claims.issued_at -= 1;
    send("GET", "stats", &claims.sign(&world.key)).await;
    let told: Vec<_> = log
        .audited()
        .iter()
        .map(|line| {
            let fields = &line["fields"];
            assert_eq!(
                (&fields["instructor"], &fields["workshop"], &fields["seat"]),
                (&"in-1".into(), &"ws-abcdefgh".into(), &"3".into())
            );
            let text = |name: &str| fields[name].as_str().unwrap().to_owned();
            [text("message"), text("method"), text("path")].join(" ")
        })
        .collect();
    let expected = [
        "instructor looks into a seat GET /files",
        "instructor changes something in a seat PUT /files/b.py",
        "instructor changes something in a seat DELETE /files/b.py",
        // Another token.
        "instructor looks into a seat GET /stats",
    ];
    assert_eq!(told, expected);
    let text = log.text();
    assert!(!text.contains(&token) && !text.contains("secret"), "{text}");
}

#[tokio::test]
async fn an_instructors_visit_is_written_down_from_its_beginning_to_its_end() {
    let (log, _logging) = listen();
    let upstream = Seat::socket().await;
    let world = World::serving(&upstream).await;
    let mut claims = world.claims();
    claims.role = Role::Instructor;
    claims.sub = "in-1".to_owned();
    claims.mode = Mode::View;
    let token = claims.sign(&world.key);
    let attach = async |token: &str| {
        let mut client = world
            .ask("GET", "terminal")
            .bearer(token)
            .websocket()
            .open(b"")
            .await;
        assert_eq!(client.reply().await.status, 101);
        client
    };
    // A learner in their own seat is no visitor.
    let learner = attach(&world.token()).await;
    assert!(log.audited().is_empty());
    let (terminal, second) = (attach(&token).await, attach(&token).await);
    let begun = log.audited();
    assert_eq!(begun.len(), 1, "{begun:?}");
    let fields = &begun[0]["fields"];
    assert_eq!(fields["message"], "instructor is in a seat");
    assert_eq!(fields["instructor"], "in-1");
    assert_eq!(
        (&fields["workshop"], &fields["seat"]),
        (&"ws-abcdefgh".into(), &"3".into())
    );
    assert_eq!(fields["mode"], "View");
    drop((terminal, learner));
    upstream.wait_closed(2).await;
    assert_eq!(log.audited().len(), 1, "one of two tabs was closed");
    drop(second);
    eventually("the end of the visit", || log.audited().len() == 2).await;
    let ended = &log.audited()[1]["fields"];
    assert_eq!(ended["message"], "instructor left a seat");
    assert_eq!(
        (&ended["instructor"], &ended["mode"]),
        (&fields["instructor"], &fields["mode"])
    );
    assert!(ended["seconds"].is_u64(), "{ended:?}");
    assert!(!log.text().contains(&token), "the token is in the log");
}
