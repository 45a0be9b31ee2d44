//! Learners who exhaust what they have, each in a seat of their own and by its terminal, while a neighbour types: the
//! neighbour's echo stays usable, their own seat comes back by one click, and the machine keeps none of it.

use std::time::{Duration, Instant};

use clarateach_client::{Attach, Endpoint, TerminalClient};
use clarateach_protocol::id::SeatNumber;
use http::StatusCode;
use serde_json::{Value, json};

use super::super::app::Client;
use super::super::docker::host;
use super::classroom::{Engine, assert_nothing_left};
use super::learner::Learner;
use super::served::Served;
use super::wait::{INOTIFY, runs_all, until};

/// What an attacker types, after which it never comes to an end by itself; and what it says once it is under way.
struct Flood {
    name: &'static str,
    typed: &'static str,
    under_way: &'static str,
}

const FLOODS: [Flood; 8] = [
    Flood {
        name: "fork bomb",
        typed: "bomb() { bomb | bomb & }; bomb 2>&1",
        under_way: "fork",
    },
    Flood {
        name: "memory",
        typed: "while true; do tail /dev/zero; done",
        under_way: "Killed",
    },
    Flood {
        name: "disk",
        typed: "while true; do head -c 1G /dev/zero > /workspace/x; done",
        under_way: "No space left",
    },
    Flood {
        name: "a million files",
        typed: "mkdir many; n=0; while true; do : > many/$((n++)); done",
        under_way: "No space left",
    },
    Flood {
        name: "inotify instances",
        typed: "python3 -c 'import ctypes, time\nc = ctypes.CDLL(None)\nwhile c.inotify_init1(0) >= 0: pass\nprint(\"ex\" + \"hausted\", flush=True)\nwhile True: c.inotify_init1(0)'",
        under_way: "exhausted",
    },
    Flood {
        name: "descriptors",
        typed: "python3 -c 'import os\nkept = []\ntry:\n  while True: kept.append(os.open(\"/dev/null\", 0))\nexcept OSError: print(\"ex\" + \"hausted\", flush=True)\nwhile True:\n  try: os.open(\"/dev/null\", 0)\n  except OSError: pass'",
        under_way: "exhausted",
    },
    Flood {
        name: "terminal output",
        typed: "yes flo''od",
        under_way: "flood",
    },
    Flood {
        name: "the container's log",
        typed: "echo be''gun; yes > /proc/1/fd/1",
        under_way: "begun",
    },
];

/// One echo may take that long at the median, and one in a hundred that long. A flood never stops: whatever it spoils,
/// it spoils in each of so many measurements; other tests on the machine don't.
const MEASUREMENTS: usize = 3;
const MEDIAN: Duration = Duration::from_millis(100);
const WORST: Duration = Duration::from_millis(1000);
/// Two files of a megabyte each, and what the engine had buffered.
const LOG_BYTES: u64 = 3 << 20;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_neighbours_echo_stays_usable_whatever_a_learner_floods() {
    let _inotify = INOTIFY.write().await;
    Served::docker().await.play(flood).await;
}

async fn flood(served: &mut Served) {
    let instructor = served.instructor().await;
    let seats = FLOODS.len() + 1;
    let body = json!({"name": "Class", "seats": seats, "allow_overcommit": true,
        "resources": {"memory_mb": 192, "disk_mb": 64, "pids": 128}});
    let workshop = instructor.post("/api/workshops", body).await;
    assert_eq!(workshop.status, StatusCode::CREATED, "{workshop:?}");
    let workshop = workshop.json();
    let neighbour = Learner::join(served.listen, &workshop, "Ada").await;
    let mut echo = Echo::begin(&neighbour).await;
    echo.measure("nothing").await;
    for flood in &FLOODS {
        let attacker = Learner::join(served.listen, &workshop, flood.name).await;
        let mut terminal = attacker.terminal().await;
        terminal.types(flood.typed).await;
        terminal.shows(flood.under_way).await;
        echo.is_usable_beside(flood.name).await;
        assert!(
            terminal.is_open(),
            "{}: the attacker's own page was cut",
            flood.name
        );
        neighbour.save("during.txt", flood.name).await;
        neighbour.has("during.txt", flood.name).await;
        if flood.name == "inotify instances" {
            changes_are_still_told(&neighbour).await;
        }
        comes_back_by_one_click(&instructor, &workshop, &attacker, flood.name).await;
    }
    let logs = logged(workshop["id"].as_str().unwrap());
    assert!(logs < LOG_BYTES, "logs of {logs} bytes");
    let id = workshop["id"].as_str().unwrap();
    let deleted = instructor.delete(&format!("/api/workshops/{id}")).await;
    assert_eq!(deleted.status, StatusCode::NO_CONTENT, "{deleted:?}");
    assert_nothing_left(served, &Engine::default(), id).await;
}

/// All seats share one user, and so one allowance of inotify instances.
async fn changes_are_still_told(neighbour: &Learner) {
    use futures_util::StreamExt;
    let mut events = neighbour.socket("/files-events", None).await.unwrap();
    // Pings are no text.
    until("the first event", async || {
        let text = events.next().await?.ok()?.into_text().ok()?;
        text.contains("rescan").then_some(())
    })
    .await;
    neighbour.save("told.txt", "of").await;
    until("a change that is told", async || {
        let text = events.next().await?.ok()?.into_text().ok()?;
        text.contains("told.txt").then_some(())
    })
    .await;
}

/// A reset, whatever runs there.
async fn comes_back_by_one_click(
    instructor: &Client,
    workshop: &Value,
    attacker: &Learner,
    name: &str,
) {
    let path = format!("/api/workshops/{}", workshop["id"].as_str().unwrap());
    let number = usize::try_from(attacker.joined["seat"].as_u64().unwrap()).unwrap();
    let reset = instructor
        .post(&format!("{path}/seats/{number}/reset"), json!({}))
        .await;
    assert!(reset.status.is_success(), "{name}: {reset:?}");
    let what = format!("a seat that is whole after {name}");
    until(&what, async || {
        let view = instructor.get(&path).await.json();
        let seat = &view["seats"][number - 1];
        (seat["status"] == "occupied" && seat["generation"] == 2).then_some(())
    })
    .await;
    let again = attacker.other_device(workshop).await;
    let mut terminal = again.terminal().await;
    terminal.answers("echo $((40 + 2))", "42").await;
}

/// Bytes that the engine keeps of what the workshop's containers wrote.
fn logged(workshop: &str) -> u64 {
    let label = format!("label=clarateach.workshop={workshop}");
    let containers = host("docker", &["ps", "--quiet", "--filter", &label]);
    let sizes = containers.lines().map(|container| {
        let path = host(
            "docker",
            &["inspect", "--format", "{{.LogPath}}", container],
        );
        let folder = std::path::Path::new(path.trim()).parent().unwrap();
        let files = std::fs::read_dir(folder).unwrap().flatten();
        let logs = files.filter(|file| file.file_name().to_string_lossy().contains(".log"));
        logs.map(|file| file.metadata().map_or(0, |meta| meta.len()))
            .sum::<u64>()
    });
    sizes.max().unwrap_or(0)
}

/// Somebody who types, a byte at a time.
struct Echo(TerminalClient);

#[derive(Debug)]
struct Seen {
    median: Duration,
    p99: Duration,
}

impl Echo {
    async fn begin(learner: &Learner) -> Self {
        let endpoint = learner.joined["endpoint"].as_str().unwrap();
        let number = learner.joined["seat"].as_u64().unwrap();
        let seat = SeatNumber::new(number.try_into().unwrap()).unwrap();
        let endpoint = Endpoint::gateway(endpoint, seat, learner.token());
        let mut client = TerminalClient::attach(&endpoint, Attach::default()).await;
        client
            .type_text("stty raw -echo; echo re''ady; cat\r")
            .await;
        client.wait_for("ready").await;
        Self(client)
    }

    async fn is_usable_beside(&mut self, flood: &str) {
        let mut seen = Vec::new();
        for _ in 0..MEASUREMENTS {
            let echo = self.measure(flood).await;
            if echo.median < MEDIAN && echo.p99 < WORST {
                return;
            }
            seen.push(echo);
        }
        panic!("{flood}: {seen:?}");
    }

    async fn measure(&mut self, beside: &str) -> Seen {
        let samples = if runs_all() { 1000 } else { 200 };
        let mut took = Vec::new();
        for number in 0..samples {
            let typed = char::from(b'a' + u8::try_from(number % 26).unwrap()).to_string();
            let began = Instant::now();
            self.0.type_text(&typed).await;
            self.0.wait_for(&typed).await;
            took.push(began.elapsed());
        }
        self.0.forget();
        took.sort();
        let seen = Seen {
            median: took[samples / 2],
            p99: took[samples * 99 / 100],
        };
        eprintln!("echo beside {beside}: {seen:?}");
        seen
    }
}
