//! A workshop of real seats: a learner with a saved file and a live terminal, their neighbour, and what
//! has to be true of them after an accident.

use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt;
use http::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::super::app::Client;
use super::super::docker::host;
use super::learner::{Learner, Terminal};
use super::served::Served;
use super::wait::{PATIENCE, until};

const API_KEY: &str = "sk-of-the-class";
const FILE: &str = "poem.txt";

pub(super) struct Classroom {
    pub(super) served: Served,
    pub(super) instructor: Client,
    pub(super) workshop: Value,
    pub(super) learner: Learner,
    pub(super) terminal: Terminal,
    neighbour: Learner,
    neighbours_terminal: Terminal,
    /// `docker` as this class's engine takes it.
    pub(super) engine: Engine,
    /// The workshop's firewall table.
    pub(super) table: String,
}

/// Where the engine answers.
#[derive(Clone, Default)]
pub(super) struct Engine(pub(super) Option<String>);

impl Engine {
    /// Runs a `docker` command.
    #[track_caller]
    pub(super) fn docker(&self, arguments: &[&str]) -> String {
        let mut all = Vec::new();
        if let Some(host) = &self.0 {
            all.extend(["--host", host]);
        }
        all.extend(arguments);
        host("docker", &all)
    }
}

/// Plays a scene on the machine's own engine.
pub(super) async fn scene(play: impl AsyncFnOnce(&mut Classroom)) {
    let served = Served::docker().await;
    scene_of(
        served,
        Engine::default(),
        "clarateach/workspace:latest",
        play,
    )
    .await;
}

/// Plays a scene; afterwards, also after a panic, the workshop is removed and nothing of it is left.
pub(super) async fn scene_of(
    served: Served,
    engine: Engine,
    image: &str,
    play: impl AsyncFnOnce(&mut Classroom),
) {
    let mut class = Classroom::open(served, engine, image).await;
    let result = AssertUnwindSafe(play(&mut class)).catch_unwind().await;
    let path = class.path();
    let removal = class.instructor.delete(&path);
    let removed = tokio::time::timeout(PATIENCE, removal).await;
    if let Err(panic) = result {
        std::panic::resume_unwind(panic);
    }
    let removed = removed.expect("the workshop is removed");
    assert_eq!(removed.status, StatusCode::NO_CONTENT, "{removed:?}");
    assert_nothing_left(&class.served, &class.engine, class.id()).await;
}

/// Nothing of a workshop is in the engine, the kernel or the data directory.
pub(super) async fn assert_nothing_left(served: &Served, engine: &Engine, id: &str) {
    let label = format!("label=clarateach.workshop={id}");
    let data = served.data().to_string_lossy().into_owned();
    let mut left: Vec<String> = [
        engine.docker(&["ps", "-aq", "--filter", &label]),
        engine.docker(&["network", "ls", "-q", "--filter", &label]),
    ]
    .iter()
    .flat_map(|output| output.lines())
    .map(ToOwned::to_owned)
    .collect();
    let mut check = |output: String, needle: &str| {
        let lines = output.lines().filter(|line| line.contains(needle));
        left.extend(lines.map(ToOwned::to_owned));
    };
    let short = id.strip_prefix("ws-").unwrap();
    check(host("nft", &["list", "tables"]), short);
    check(host("ip", &["link"]), short);
    check(std::fs::read_to_string("/proc/mounts").unwrap(), &data);
    let folders = std::fs::read_dir(served.data().join("seats"));
    let folders = folders.into_iter().flatten().flatten();
    left.extend(folders.map(|folder| folder.path().display().to_string()));
    assert_eq!(left, Vec::<String>::new());
    // The kernel lets go of them a moment after the last to use them.
    until("the end of loop devices", async || {
        let devices = host("losetup", &["--all", "--list"]);
        (!devices.contains(&data)).then_some(())
    })
    .await;
}

impl Classroom {
    async fn open(served: Served, engine: Engine, image: &str) -> Self {
        let instructor = served.instructor().await;
        let body = json!({
            "name": "Class", "seats": 2, "image": image, "api_key": API_KEY,
            "resources": {"memory_mb": 128, "disk_mb": 64},
        });
        let workshop = instructor.post("/api/workshops", body).await;
        assert_eq!(workshop.status, StatusCode::CREATED, "{workshop:?}");
        let workshop = workshop.json();
        assert_eq!(workshop["status"], "ready", "{workshop}");
        let learner = Learner::join(served.listen, &workshop, "Ada").await;
        let neighbour = Learner::join(served.listen, &workshop, "Bea").await;
        learner.save(FILE, "roses are red").await;
        neighbour.save(FILE, "violets are blue").await;
        let mut terminal = learner.terminal().await;
        terminal.answers("echo $((40 + 2))", "42").await;
        let mut neighbours_terminal = neighbour.terminal().await;
        neighbours_terminal
            .answers("mark=$((6 * 7)); echo is $mark", "is 42")
            .await;
        let tables = host("nft", &["list", "tables"]);
        let short = workshop["id"]
            .as_str()
            .and_then(|id| id.strip_prefix("ws-"))
            .unwrap();
        let table = tables.split_whitespace().find(|word| word.ends_with(short));
        let table = table.expect("a firewall table").to_owned();
        Self {
            table,
            served,
            instructor,
            workshop,
            learner,
            terminal,
            neighbour,
            neighbours_terminal,
            engine,
        }
    }

    pub(super) fn id(&self) -> &str {
        self.workshop["id"].as_str().unwrap()
    }

    fn path(&self) -> String {
        format!("/api/workshops/{}", self.id())
    }

    /// The name of a seat's container.
    pub(super) fn container(&self, number: u16) -> String {
        format!("{}-seat-{number:02}", self.id())
    }

    /// A seat as the instructor sees it.
    pub(super) async fn seat(&self, number: usize) -> Value {
        let shown = self.instructor.get(&self.path()).await.json();
        shown["seats"][number - 1].clone()
    }

    /// Before something happens to seat 1.
    pub(super) async fn watch(&self) -> Watch {
        let before = self.seat(1).await;
        assert_eq!(before["status"], "occupied");
        Watch::begin(&self.instructor, &self.path(), before)
    }

    /// The seat's terminal is cut, the instructor sees it recover for one of these reasons, and it comes
    /// back by itself as it was.
    pub(super) async fn heals(&mut self, watch: Watch, reasons: &[&str]) {
        self.terminal.is_cut().await;
        let what = format!("a seat that recovers: {reasons:?}");
        until(&what, async || watch.find("recovering", reasons)).await;
        let after = until("a seat that is occupied again", async || {
            Some(self.seat(1).await).filter(|seat| seat["status"] == "occupied")
        })
        .await;
        for what in ["generation", "number"] {
            assert_eq!(after[what], watch.before[what], "another {what}");
        }
        for what in ["name", "joined_at"] {
            let of = |seat: &Value| seat["learner"][what].clone();
            assert_eq!(of(&after), of(&watch.before), "another learner's {what}");
        }
        self.is_whole().await;
    }

    /// The learner's old token opens their seat with its files; a new shell has the class's key; the
    /// seat is isolated.
    pub(super) async fn is_whole(&mut self) {
        self.learner.has(FILE, "roses are red").await;
        let mut terminal = self.learner.terminal().await;
        assert_ne!(terminal.epoch, self.terminal.epoch, "it is the old shell");
        terminal
            .answers("echo \"[$ANTHROPIC_API_KEY]\"", &format!("[{API_KEY}]"))
            .await;
        self.terminal = terminal;
        self.is_isolated().await;
    }

    /// Every seat that was announced. One that is only being started has a port, and nothing of its learner's runs.
    pub(super) async fn is_isolated(&self) {
        until("seats that are not being started", async || {
            let view = self.instructor.get(&self.path()).await.json();
            let seats = view["seats"].as_array()?;
            let settled = |seat: &Value| seat["status"] == "ready" || seat["status"] == "occupied";
            seats.iter().all(settled).then_some(())
        })
        .await;
        let bridge = format!("ct-{}", self.id().strip_prefix("ws-").unwrap());
        let ports = Path::new("/sys/class/net").join(bridge).join("brif");
        let ports: Vec<_> = std::fs::read_dir(&ports).unwrap().flatten().collect();
        assert!(!ports.is_empty(), "no seat is on the bridge");
        for port in ports {
            let isolated = std::fs::read_to_string(port.path().join("isolated")).unwrap();
            assert_eq!(
                isolated.trim(),
                "1",
                "{:?} sees its neighbours",
                port.path()
            );
        }
        let tables = host("nft", &["list", "tables"]);
        assert!(
            tables.contains(&self.table),
            "no {} in {tables}",
            self.table
        );
    }

    /// The neighbour's shell went on.
    pub(super) async fn neighbour_noticed_nothing(&mut self) {
        self.neighbours_terminal
            .answers("echo $((mark + 1))", "43")
            .await;
    }

    /// The neighbour's seat is there again, with its files.
    pub(super) async fn neighbour_is_back(&mut self) {
        self.neighbours_terminal.is_cut().await;
        self.neighbour.has(FILE, "violets are blue").await;
        self.neighbours_terminal = self.neighbour.terminal().await;
        self.neighbours_terminal
            .answers("echo $((40 + 3))", "43")
            .await;
    }

    /// As a reboot leaves them: files that nothing has mounted.
    pub(super) fn unmount_disks(&self) {
        let data = self.served.data().join("seats");
        let mounts = std::fs::read_to_string("/proc/mounts").unwrap();
        let points = mounts.lines().filter_map(|line| line.split(' ').nth(1));
        let ours: Vec<_> = points
            .filter(|point| Path::new(point).starts_with(&data))
            .collect();
        assert_eq!(ours.len(), 2, "{ours:?}");
        for point in ours {
            host("umount", &[point]);
        }
    }
}

/// Every state of seat 1 that the instructor could see, in order.
pub(super) struct Watch {
    before: Value,
    seen: Arc<Mutex<Vec<Value>>>,
    _looking: JoinSet<()>,
}

impl Watch {
    fn begin(instructor: &Client, path: &str, before: Value) -> Self {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let mut looking = JoinSet::new();
        let (instructor, path, list) = (instructor.clone(), path.to_owned(), Arc::clone(&seen));
        looking.spawn(async move {
            let mut pause = tokio::time::interval(Duration::from_millis(10));
            loop {
                pause.tick().await;
                let asked = instructor.try_send(Method::GET, &path, &[], "").await;
                let Ok(answer) = asked else { continue };
                let seat = answer.json()["seats"][0].clone();
                let mut list = list.lock().unwrap();
                if list.last() != Some(&seat) {
                    eprintln!("seat 1: {} {}", seat["status"], seat["reason"]);
                    list.push(seat);
                }
            }
        });
        Self {
            before,
            seen,
            _looking: looking,
        }
    }

    /// All states of other names.
    pub(super) fn others_than(&self, status: &str) -> Vec<Value> {
        let seen = self.seen.lock().unwrap();
        let others = seen.iter().filter(|seat| seat["status"] != status);
        others.cloned().collect()
    }

    /// A state of that name and for one of these reasons.
    pub(super) fn find(&self, status: &str, reasons: &[&str]) -> Option<Value> {
        let seen = self.seen.lock().unwrap();
        let mut of = seen.iter().filter(|seat| seat["status"] == status);
        let among = |seat: &Value| reasons.iter().any(|it| seat["reason"]["code"] == *it);
        of.find(|seat| among(seat)).cloned()
    }
}
