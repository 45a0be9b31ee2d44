//! The server is killed at every boundary of making a workshop, and under twenty terminals: what was asked for comes
//! about all the same, and nothing that a terminal said is lost or said twice.

use std::path::Path;
use std::time::Duration;

use clarateach_client::{Attach, Endpoint, Event, TerminalClient};
use clarateach_protocol::id::SeatNumber;
use futures_util::future::join_all;
use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::super::app::Client;
use super::super::docker::host;
use super::classroom::{Engine, assert_nothing_left};
use super::learner::Learner;
use super::served::Served;
use super::wait::{runs_all, until};

const SEATS: usize = 3;

/// How far the making has come when the server is killed.
#[derive(Debug, Clone, Copy)]
enum Boundary {
    Acknowledged,
    Bridge,
    Firewall,
    FirstDisk,
    FirstContainer,
    FirstRuns,
    AllRun,
    FirstReady,
    AllButOneReady,
    AllReady,
}

impl Boundary {
    const ALL: [Self; 10] = [
        Self::Acknowledged,
        Self::Bridge,
        Self::Firewall,
        Self::FirstDisk,
        Self::FirstContainer,
        Self::FirstRuns,
        Self::AllRun,
        Self::FirstReady,
        Self::AllButOneReady,
        Self::AllReady,
    ];

    /// Whether that is done; what is read is the kernel's and the engine's, and the server's own word at the end.
    async fn is_reached(self, making: &Making<'_>) -> bool {
        match self {
            Self::Acknowledged => true,
            Self::Bridge => making.bridge().exists(),
            Self::Firewall => host("nft", &["list", "tables"]).contains(making.short()),
            Self::FirstDisk => making.mounts() >= 1,
            Self::FirstContainer => making.containers() >= 1,
            Self::FirstRuns => making.ports() >= 1,
            Self::AllRun => making.ports() == SEATS,
            Self::FirstReady => making.ready().await >= 1,
            Self::AllButOneReady => making.ready().await >= SEATS - 1,
            Self::AllReady => making.ready().await == SEATS,
        }
    }
}

/// A workshop that is being made.
struct Making<'a> {
    served: &'a Served,
    instructor: &'a Client,
    id: String,
}

impl Making<'_> {
    fn short(&self) -> &str {
        self.id.strip_prefix("ws-").unwrap()
    }

    fn path(&self) -> String {
        format!("/api/workshops/{}", self.id)
    }

    fn bridge(&self) -> std::path::PathBuf {
        Path::new("/sys/class/net").join(format!("ct-{}", self.short()))
    }

    fn ports(&self) -> usize {
        std::fs::read_dir(self.bridge().join("brif")).map_or(0, Iterator::count)
    }

    fn mounts(&self) -> usize {
        let folder = self.served.data().join("seats").join(&self.id);
        let folder = folder.display().to_string();
        let mounts = std::fs::read_to_string("/proc/mounts").unwrap();
        mounts.lines().filter(|line| line.contains(&folder)).count()
    }

    fn containers(&self) -> usize {
        let label = format!("label=clarateach.workshop={}", self.id);
        let found = host("docker", &["ps", "--all", "--quiet", "--filter", &label]);
        found.lines().count()
    }

    async fn view(&self) -> Option<Value> {
        let path = self.path();
        let asked = self.instructor.try_send(Method::GET, &path, &[], "");
        let answer = asked.await.ok()?;
        (answer.status == StatusCode::OK).then(|| answer.json())
    }

    async fn ready(&self) -> usize {
        let view = self.view().await.unwrap_or_default();
        let seats = view["seats"].as_array().cloned().unwrap_or_default();
        seats
            .iter()
            .filter(|seat| seat["status"] == "ready")
            .count()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_killed_at_any_boundary_of_making_a_workshop_makes_it_in_the_end() {
    Served::docker().await.play(kill_at_each).await;
}

async fn kill_at_each(served: &mut Served) {
    let rounds = if runs_all() { 5 } else { 1 };
    for round in 0..rounds {
        for boundary in Boundary::ALL {
            kill_at(served, boundary, round).await;
        }
    }
}

async fn kill_at(served: &mut Served, boundary: Boundary, round: u32) {
    let instructor = served.instructor().await;
    let body =
        json!({"name": "Class", "seats": SEATS, "resources": {"memory_mb": 128, "disk_mb": 64}});
    let headers = [
        ("prefer", "respond-async"),
        ("content-type", "application/json"),
    ];
    let made = instructor
        .send(Method::POST, "/api/workshops", &headers, body.to_string())
        .await;
    assert_eq!(made.status, StatusCode::ACCEPTED, "{made:?}");
    let made = made.json();
    let id = made["id"].as_str().unwrap().to_owned();
    let making = Making {
        served,
        instructor: &instructor,
        id: id.clone(),
    };
    until(&format!("{boundary:?}"), async || {
        boundary.is_reached(&making).await.then_some(())
    })
    .await;
    // At the boundary itself first, later somewhere behind it.
    let behind =
        Duration::from_millis(u64::from(getrandom::u32().unwrap() % 200) * u64::from(round.min(1)));
    tokio::time::sleep(behind).await;
    served.kill().await;

    served.start_again().await;
    let instructor = served.instructor().await;
    let making = Making {
        served,
        instructor: &instructor,
        id: id.clone(),
    };
    let what = format!("all seats after a kill at {boundary:?} and {behind:?}");
    until(&what, async || {
        let view = making.view().await?;
        assert_ne!(view["status"], "failed", "{what}: {view}");
        (view["status"] == "ready" && making.ready().await == SEATS).then_some(())
    })
    .await;
    // Neither an orphan nor a duplicate, and every seat for itself.
    assert_eq!(
        (making.containers(), making.ports(), making.mounts()),
        (SEATS, SEATS, SEATS),
        "containers, ports and disks after a kill at {boundary:?}"
    );
    for port in std::fs::read_dir(making.bridge().join("brif")).unwrap() {
        let isolated = std::fs::read_to_string(port.unwrap().path().join("isolated"));
        assert_eq!(isolated.unwrap().trim(), "1", "{boundary:?}");
    }
    assert!(Boundary::Firewall.is_reached(&making).await);
    let learner = Learner::join(served.listen, &made, "Ada").await;
    let mut terminal = learner.terminal().await;
    terminal.answers("echo $((40 + 2))", "42").await;
    let deleted = instructor.delete(&making.path()).await;
    assert_eq!(deleted.status, StatusCode::NO_CONTENT, "{deleted:?}");
    assert_nothing_left(served, &Engine::default(), &id).await;
}

/// Terminals, four in each of five seats.
const LEARNERS: usize = 5;
const TERMINALS: [&str; 4] = ["main", "two", "three", "four"];
const LINES: usize = 400;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_terminals_outlive_a_killed_server_byte_for_byte() {
    Served::docker().await.play(kill_under_terminals).await;
}

async fn kill_under_terminals(served: &mut Served) {
    let instructor = served.instructor().await;
    let body =
        json!({"name": "Class", "seats": LEARNERS, "resources": {"memory_mb": 128, "disk_mb": 64}});
    let workshop = instructor.post("/api/workshops", body).await.json();
    let mut learners = Vec::new();
    for number in 0..LEARNERS {
        learners.push(Learner::join(served.listen, &workshop, &format!("Learner {number}")).await);
    }
    let mut terminals = Vec::new();
    for learner in &learners {
        for name in TERMINALS {
            terminals.push(Counting::begin(learner, name).await);
        }
    }
    // Each has said something, and none all.
    let begun = terminals.iter_mut();
    join_all(begun.map(|it| it.client.wait_for("line 20\r\n"))).await;
    let kills = if runs_all() { 4 } else { 1 };
    for _kill in 0..kills {
        served.kill().await;
        join_all(terminals.iter_mut().map(Counting::until_cut)).await;
        served.start_again().await;
        for learner in &learners {
            learner.is_served().await;
        }
        terminals = join_all(terminals.into_iter().map(Counting::resumed)).await;
    }
    join_all(terminals.into_iter().map(Counting::has_counted)).await;
    let instructor = served.instructor().await;
    let id = workshop["id"].as_str().unwrap();
    let deleted = instructor.delete(&format!("/api/workshops/{id}")).await;
    assert_eq!(deleted.status, StatusCode::NO_CONTENT, "{deleted:?}");
    assert_nothing_left(served, &Engine::default(), id).await;
}

/// A terminal that counts, and everything that it said.
struct Counting {
    client: TerminalClient,
    said: Vec<u8>,
}

impl Counting {
    async fn begin(learner: &Learner, name: &str) -> Self {
        if name != "main" {
            let made = learner
                .ask_json(Method::POST, "/terminals", json!({"name": name}))
                .await;
            assert!(made.status.is_success(), "{made:?}");
        }
        let endpoint = learner.joined["endpoint"].as_str().unwrap();
        let number = learner.joined["seat"].as_u64().unwrap();
        let seat = SeatNumber::new(number.try_into().unwrap()).unwrap();
        let endpoint = Endpoint::gateway(endpoint, seat, learner.token());
        let mut client = TerminalClient::attach(&endpoint, Attach::to(name)).await;
        client.wait_for_replay().await;
        client.run("true").await;
        client.forget();
        let count = format!(
            "for n in $(seq {LINES}); do echo li''ne $n; sleep 0.02; done; echo co''unted\r"
        );
        client.type_text(&count).await;
        Self {
            client,
            said: Vec::new(),
        }
    }

    /// Takes what still comes of a connection that ends.
    async fn until_cut(&mut self) {
        while !matches!(self.client.receive().await, Event::Closed(_)) {}
    }

    /// As a page does: from where it was.
    async fn resumed(mut self) -> Self {
        self.said.append(&mut self.client.output);
        let (epoch, position) = (self.client.attached.epoch.clone(), self.client.position());
        let client = self.client.resume().await;
        assert_eq!(client.attached.epoch, epoch, "it is another shell");
        assert!(client.attached.resumed, "{:?}", client.attached);
        assert_eq!(client.attached.offset, position);
        Self {
            client,
            said: self.said,
        }
    }

    /// Every line once, in order, and nothing else.
    async fn has_counted(mut self) {
        let mut said = self.said;
        let already = String::from_utf8_lossy(&said).contains("\ncounted");
        if !already {
            self.client.wait_for("\ncounted").await;
        }
        said.append(&mut self.client.output);
        let said = String::from_utf8_lossy(&said).into_owned();
        let lines = said.split(['\r', '\n']);
        let lines: Vec<_> = lines.filter(|line| line.starts_with("line ")).collect();
        let wanted: Vec<_> = (1..=LINES).map(|n| format!("line {n}")).collect();
        let differs = lines
            .iter()
            .zip(&wanted)
            .find(|(line, wanted)| line != wanted);
        assert_eq!(differs, None, "not as counted");
        assert_eq!(lines.len(), wanted.len());
    }
}
