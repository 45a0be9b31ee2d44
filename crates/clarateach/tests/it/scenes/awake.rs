//! A systemd-logind of the test's own, on a bus of its own: what keeps the machine from sleeping while a class runs.

use std::process::Stdio;

use http::StatusCode;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::{Child, Command};

use super::super::app::Client;
use super::served::Served;
use super::wait::until;

/// The two daemons; they go when this is dropped.
struct Logind {
    folder: TempDir,
    _daemons: [Child; 2],
}

impl Logind {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let address = address(&folder);
        let bus = daemon(Command::new("dbus-daemon").args([
            "--system",
            "--nofork",
            "--nopidfile",
            "--address",
            &address,
        ]));
        until("the bus", async || {
            folder.path().join("bus").exists().then_some(())
        })
        .await;
        // It takes a machine without this folder for one that systemd didn't boot; only this daemon sees it.
        let script = "mkdir -p /run/systemd && mount -t tmpfs none /run/systemd && mkdir /run/systemd/system \
                      && exec /lib/systemd/systemd-logind";
        let logind = daemon(
            Command::new("unshare")
                .args(["--mount", "sh", "-c", script])
                .env("DBUS_SYSTEM_BUS_ADDRESS", &address),
        );
        let logind = Self {
            folder,
            _daemons: [bus, logind],
        };
        until("systemd-logind", async || logind.locks().await).await;
        logind
    }

    fn address(&self) -> String {
        address(&self.folder)
    }

    /// Who holds what; `None` while it doesn't answer.
    async fn locks(&self) -> Option<String> {
        let mut list = Command::new("systemd-inhibit");
        list.args(["--list", "--no-pager", "--no-legend"])
            .env("DBUS_SYSTEM_BUS_ADDRESS", self.address());
        let listed = list.output().await.unwrap();
        let text = String::from_utf8_lossy(&listed.stdout).into_owned();
        listed.status.success().then_some(text)
    }

    async fn has_our_lock(&self) -> bool {
        let locks = self.locks().await.expect("logind answers");
        let ours = locks.lines().find(|line| line.contains("ClaraTeach"));
        ours.is_some_and(|line| {
            [
                "sleep:idle:handle-lid-switch",
                "A class is running",
                "block",
            ]
            .iter()
            .all(|said| line.contains(said))
        })
    }

    async fn until_locked(&self, locked: bool) {
        let what = if locked { "the lock" } else { "the lock's end" };
        until(what, async || {
            (self.has_our_lock().await == locked).then_some(())
        })
        .await;
    }
}

fn address(folder: &TempDir) -> String {
    format!("unix:path={}", folder.path().join("bus").display())
}

fn daemon(command: &mut Command) -> Child {
    let command = command.stdin(Stdio::null()).stdout(Stdio::null());
    let spawned = command.stderr(Stdio::null()).kill_on_drop(true).spawn();
    spawned.expect("these tests need dbus and systemd: ./x test installs them")
}

async fn workshop(instructor: &Client) -> Value {
    let body = json!({"name": "Class", "seats": 1, "resources": {"memory_mb": 128, "disk_mb": 64}});
    let made = instructor.post("/api/workshops", body).await;
    assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
    made.json()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_machine_is_kept_awake_while_a_class_runs_and_not_longer() {
    let logind = Logind::start().await;
    let served = Served::docker_told(("DBUS_SYSTEM_BUS_ADDRESS", logind.address())).await;
    served
        .play(async |served| {
            let instructor = served.instructor().await;
            assert!(!logind.has_our_lock().await);
            let made = workshop(&instructor).await;
            logind.until_locked(true).await;
            let path = format!("/api/workshops/{}", made["id"].as_str().unwrap());
            let removed = instructor.delete(&path).await;
            assert_eq!(removed.status, StatusCode::NO_CONTENT, "{removed:?}");
            logind.until_locked(false).await;
            // However the server ends, its lock ends with it; and the next one takes it again.
            workshop(&instructor).await;
            logind.until_locked(true).await;
            served.kill().await;
            logind.until_locked(false).await;
            served.start_again().await;
            logind.until_locked(true).await;
        })
        .await;
}
