//! Real browsers beside real seats, through the real server. What needs Firefox's picture, and ten workshops
//! of them, is left to `./x test --all`: each takes as long as Firefox does to start.

use std::time::{Duration, Instant};

use http::StatusCode;
use serde_json::{Value, json};

use super::super::browsers::world::{PATIENCE, Person, Visitor, until, until_it_is};
use super::super::docker::host;
use super::classroom::{Engine, assert_nothing_left};
use super::learner::Learner;
use super::served::Served;
use super::wait::{runs_all, until as eventually};

/// A key frame of an empty screen of this size takes a quarter of this.
const NOT_BLANK: usize = 8_000;
const SETTINGS: &str = r#"SETTINGS,{"displayId":"primary","framerate":25,"initialClientWidth":1280,"initialClientHeight":720}"#;
/// A learner's server that writes down what is asked of it, headers included.
const SERVER: &str = r#"
import http.server, sys
class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        print(self.requestline, dict(self.headers), flush=True)
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<body style='background:rgb(200,30,60)'><h1>THE LEARNERS OWN</h1>")
    def log_message(self, *_): pass
http.server.ThreadingHTTPServer(("0.0.0.0", int(sys.argv[1])), Page).serve_forever()
"#;

struct Class<'a> {
    served: &'a Served,
    instructor: super::super::app::Client,
    workshop: Value,
    ada: Person,
    learner: Learner,
}

impl<'a> Class<'a> {
    async fn open(served: &'a Served) -> Self {
        let instructor = served.instructor().await;
        let workshop = made(&instructor).await;
        let learner = Learner::join(served.listen, &workshop, "Ada").await;
        learner.save("server.py", SERVER).await;
        let ada = Person::at(served.listen, &learner.joined, &learner.joined["seat"]);
        Self {
            served,
            instructor,
            workshop,
            ada,
            learner,
        }
    }

    fn sidecar(&self) -> String {
        format!("{}-seat-01-browser", self.workshop["id"].as_str().unwrap())
    }

    /// Starts the learner's server on a port, with its log in a file of that name.
    async fn serves(&self, port: u16) {
        let mut terminal = self.learner.terminal().await;
        terminal
            .types(&format!(
                "python3 server.py {port} > {port}.log 2>&1 & echo $! > {port}.pid"
            ))
            .await;
        let asks = format!(
            "python3 -c \"import socket; socket.create_connection(('127.0.0.1', {port}))\" 2>/dev/null && echo listens || echo not yet"
        );
        eventually("the learner's server", async || {
            self.in_seat(&asks).contains("listens").then_some(())
        })
        .await;
    }

    fn seat(&self) -> String {
        format!("{}-seat-01", self.workshop["id"].as_str().unwrap())
    }

    fn in_seat(&self, command: &str) -> String {
        host("docker", &["exec", &self.seat(), "bash", "-c", command])
    }
}

/// Plays a scene; afterwards, also after a panic, the workshop is removed; nothing of one that went well is left.
async fn scene(arguments: &[&str], play: impl AsyncFnOnce(&Class<'_>)) {
    let served = Served::docker_with(arguments).await;
    served
        .play(async |served| {
            let class = Class::open(served).await;
            play(&class).await;
            remove(served, &class.instructor, &class.workshop).await;
        })
        .await;
}

/// Removes a workshop, and looks whether anything of it is left.
async fn remove(served: &Served, instructor: &super::super::app::Client, workshop: &Value) {
    let id = workshop["id"].as_str().unwrap();
    let deleted = instructor.delete(&format!("/api/workshops/{id}")).await;
    assert_eq!(deleted.status, StatusCode::NO_CONTENT, "{deleted:?}");
    assert_nothing_left(served, &Engine::default(), id).await;
}

async fn made(instructor: &super::super::app::Client) -> Value {
    let body = json!({"name": "Class", "seats": 1, "browser": "on_demand"});
    let workshop = instructor.post("/api/workshops", body).await;
    assert_eq!(workshop.status, StatusCode::CREATED, "{workshop:?}");
    workshop.json()
}

/// The passwords of a browser that is there.
fn secrets(sidecar: &str) -> Vec<String> {
    let format = "{{range .Config.Env}}{{println .}}{{end}}";
    let variables = host("docker", &["inspect", "--format", format, sidecar]);
    let secret = |name: &str| {
        let line = variables.lines().find_map(|line| line.strip_prefix(name));
        line.expect("the browser has it").to_owned()
    };
    [
        "SELKIES_BASIC_AUTH_PASSWORD=",
        "SELKIES_BASIC_AUTH_VIEWONLY_PASSWORD=",
        "CLARATEACH_BROWSER_NONCE=",
    ]
    .map(secret)
    .to_vec()
}

/// A socket with its picture.
async fn watched(visitor: &Visitor) -> super::super::browsers::world::Socket {
    let mut socket = visitor.watch().await;
    socket.say(SETTINGS).await;
    assert!(socket.picture(1).await, "the browser sent its visitor away");
    socket
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_learner_who_has_the_port_first_gets_no_credential_and_no_frame() {
    scene(&[], first_at_the_port).await;
}

async fn first_at_the_port(class: &Class<'_>) {
    class.serves(3003).await;
    let told = tokio::time::timeout(PATIENCE, async {
        loop {
            let told = class.ada.ask().await;
            if told.status != 202 {
                return told;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    let told = told.await.expect("nobody says what is wrong");
    assert_eq!(
        (told.status.as_u16(), told.code().as_str()),
        (409, "browser_port_taken"),
        "{told:?}"
    );
    let seen = until(&class.instructor, &class.workshop, 1, |it| {
        it["status"] == "failed"
    })
    .await;
    assert_eq!(seen["reason"]["code"], "port_taken", "{seen}");
    // Somebody who is led to the origin all the same sees our page.
    let led = class.ada.follow().await;
    let url = led.headers["location"].to_str().unwrap().to_owned();
    let visitor = class.ada.enter_by(&url).await;
    let page = visitor.visit("/").await;
    assert!(!page.text.contains("THE LEARNERS OWN"), "{page:?}");
    assert_ne!(page.status, 200);
    let log = class.in_seat("cat /workspace/3003.log");
    assert!(
        log.contains("/api/health?challenge="),
        "it was asked: {log}"
    );
    let log = log.to_lowercase();
    assert!(
        !log.contains("authorization") && !log.contains("cookie"),
        "{log}"
    );
    if runs_all() {
        // The control: without that program the same visitor gets in.
        class.in_seat("kill $(cat /workspace/3003.pid)");
        until_it_is(&class.instructor, &class.workshop, "running").await;
        let page = visitor.visit("/").await;
        assert_eq!(page.status, 200, "{page:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_browser_is_opened_frozen_woken_and_comes_back_after_a_crash() {
    if !runs_all() {
        eprintln!("the real browser's life is left to `./x test --all`");
        return;
    }
    scene(&["--browser-pause-after", "4s"], life).await;
}

async fn life(class: &Class<'_>) {
    class.serves(8000).await;
    let began = Instant::now();
    let visitor = class.ada.enter().await;
    eprintln!("cold start: {:.1} s", began.elapsed().as_secs_f64());
    let index = visitor.visit("/").await;
    assert_eq!(index.status, 200, "{index:?}");
    let mut socket = watched(&visitor).await;
    assert!(socket.picture(NOT_BLANK).await);
    // The page's own server, in the seat's browser: it has it as localhost.
    socket.say("clarateach_open,8000").await;
    eventually("Firefox at the learner's server", async || {
        let log = class.in_seat("cat /workspace/8000.log");
        log.contains("Firefox").then_some(())
    })
    .await;

    let mut secret = secrets(&class.sidecar());
    // Frozen while nobody looks, and woken by the next visit.
    drop(socket);
    until_it_is(&class.instructor, &class.workshop, "paused").await;
    let began = Instant::now();
    class.ada.until_it_is_there().await;
    eprintln!("resumed: {:.2} s", began.elapsed().as_secs_f64());
    let socket = watched(&visitor).await;
    assert_eq!(secrets(&class.sidecar()), secret, "it is the same one");

    // Firefox dies: its image starts it again. The whole browser dies: another is made.
    host(
        "docker",
        &[
            "exec",
            &class.sidecar(),
            "python3",
            "-c",
            "import os,signal\nfor p in os.listdir('/proc'):\n  if p.isdigit() and b'firefox-esr' in open(f'/proc/{p}/cmdline','rb').read().split(b'\\0')[0]: os.kill(int(p), signal.SIGKILL)",
        ],
    );
    eventually("another Firefox", async || {
        let command = "import os\nprint(sum(b'firefox-esr' in open(f'/proc/{p}/cmdline','rb').read().split(b'\\0')[0] for p in os.listdir('/proc') if p.isdigit()))";
        let seen = host("docker", &["exec", &class.sidecar(), "python3", "-c", command]);
        (seen.trim() != "0").then_some(())
    })
    .await;
    drop(socket);
    let socket = watched(&visitor).await;
    host("docker", &["kill", &class.sidecar()]);
    drop(socket);
    tokio::time::timeout(PATIENCE, async {
        loop {
            let page = visitor.visit("/").await;
            if page.status == 200 && secrets(&class.sidecar()) != secret {
                return;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    })
    .await
    .expect("the browser does not come back");
    secret.extend(secrets(&class.sidecar()));
    let log = class.served.log();
    for secret in &secret {
        assert!(!log.contains(secret), "a secret is in the log");
        assert!(!index.text.contains(secret) && !format!("{:?}", index.headers).contains(secret));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn workshops_with_browsers_leave_nothing() {
    if !runs_all() {
        eprintln!("ten workshops with browsers are left to `./x test --all`");
        return;
    }
    Served::docker().await.play(ten_workshops).await;
}

async fn ten_workshops(served: &mut Served) {
    let instructor = served.instructor().await;
    for cycle in 0..10 {
        let workshop = made(&instructor).await;
        let learner = Learner::join(served.listen, &workshop, "Ada").await;
        let ada = Person::at(served.listen, &learner.joined, &learner.joined["seat"]);
        // Every other one goes while its browser is only being started.
        if cycle % 2 == 0 {
            ada.until_it_is_there().await;
        } else {
            assert_eq!(ada.ask().await.status, 202);
        }
        remove(served, &instructor, &workshop).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_only_one_browser_fits_learners_wait_for_it_in_the_order_of_asking() {
    if !runs_all() {
        // The short sample is the same on simulated seats, in `browsers/turns.rs`.
        eprintln!("three Firefoxes one after another are left to `./x test --all`");
        return;
    }
    let served = Served::docker_with(&["--browsers-max", "1", "--browser-pause-after", "2s"]).await;
    served
        .play(async |served| {
            let instructor = served.instructor().await;
            let body = json!({"name": "Class", "seats": 3, "browser": "on_demand"});
            let workshop = instructor.post("/api/workshops", body).await.json();
            one_after_another(served, &instructor, &workshop).await;
            remove(served, &instructor, &workshop).await;
        })
        .await;
}

async fn one_after_another(
    served: &Served,
    instructor: &super::super::app::Client,
    workshop: &Value,
) {
    let mut people = Vec::new();
    for name in ["Ada", "Bob", "Eve"] {
        let learner = Learner::join(served.listen, workshop, name).await;
        assert_eq!(learner.joined["seat"], people.len() + 1);
        people.push(Person::at(
            served.listen,
            &learner.joined,
            &learner.joined["seat"],
        ));
    }
    let [ada, bob, eve] = &people[..] else {
        unreachable!()
    };
    let id = workshop["id"].as_str().unwrap();
    // One at the most, at any time that is looked at.
    let browsers = || {
        let filter = format!("name={id}-seat-.*-browser");
        let names = host(
            "docker",
            &["ps", "--all", "--filter", &filter, "--format", "{{.Names}}"],
        );
        let names: Vec<_> = names.lines().map(str::to_owned).collect();
        assert!(names.len() <= 1, "{names:?}");
        names
    };
    let of = |seat: u16| vec![format!("{id}-seat-0{seat}-browser")];
    let told = async |person: &Person, position: usize| {
        let answer = person.ask().await;
        let queued = json!({"status": "queued", "position": position});
        assert_eq!((answer.status.as_u16(), answer.json()), (202, queued));
    };

    let visitor = ada.enter().await;
    let watching = watched(&visitor).await;
    assert_eq!(browsers(), of(1));
    told(bob, 1).await;
    told(eve, 2).await;
    // Longer than one that nobody watches would have been kept.
    tokio::time::sleep(Duration::from_secs(3)).await;
    told(eve, 2).await;
    told(bob, 1).await;
    assert_eq!(browsers(), of(1));

    // Nobody looks at Ada's any more: Bob's takes its place, and Eve is next.
    drop(watching);
    let visitor = bob.enter().await;
    let watching = watched(&visitor).await;
    assert_eq!(browsers(), of(2));
    told(eve, 1).await;
    told(ada, 2).await;

    // Bob leaves.
    let release = format!("/api/workshops/{id}/seats/2/release");
    let released = instructor.post(&release, json!({})).await;
    assert!(released.status.is_success(), "{released:?}");
    let visitor = eve.enter().await;
    drop((watching, watched(&visitor).await));
    assert_eq!(browsers(), of(3));
}
