//! A process that is killed in the middle of a call to the engine leaves nothing that the same call,
//! made again by the next process, doesn't put right.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clarateach::provider::docker::DockerProvider;
use clarateach::provider::{
    BrowserState, BrowserStatus, InstanceStatus, Progress, Provider, ProviderError, SeatSpec,
};
use clarateach_protocol::id::{Generation, SeatNumber, WorkshopId};
use clarateach_protocol::token::SigningKey;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

use super::super::docker::host;
use super::bench::{IMAGE, docker_config, random_id, runtime, workshop};

/// What the process that is killed is told.
const CALL: &str = "CLARATEACH_TEST_KILLED_CALL";
const NAME: &str = "conformance::killed::a_call_that_was_killed_can_be_made_again";
const BEGINS: &str = "the call begins";
const CALLS: [&str; 8] = [
    "prepare",
    "create",
    "start_browser",
    "pause_browser",
    "remove_browser",
    "stop",
    "destroy",
    "destroy_workshop",
];

/// One installation with one workshop of one seat.
struct Installation {
    provider: DockerProvider,
    seat: SeatSpec,
}

impl Installation {
    fn new(data: &Path, runtime: &Path, instance: &str, id: WorkshopId) -> Self {
        Self {
            provider: DockerProvider::new(docker_config(data, runtime, instance)),
            seat: SeatSpec {
                workshop: workshop(id, IMAGE),
                number: SeatNumber::new(1).unwrap(),
                generation: Generation::FIRST,
                disk: Generation::FIRST,
            },
        }
    }

    async fn call(&self, call: &str) {
        let Self { provider, seat } = self;
        let key = seat.key();
        match call {
            "prepare" => provider.prepare(&seat.workshop, &Progress::silent()).await,
            "create" => provider.create(seat).await.map(drop),
            "start_browser" => self.set_browser(BrowserState::Running).await,
            "pause_browser" => self.set_browser(BrowserState::Paused).await,
            "remove_browser" => self.set_browser(BrowserState::Absent).await,
            "stop" => provider.stop(&key).await,
            "destroy" => provider.destroy(&key).await,
            "destroy_workshop" => provider.destroy_workshop(&key.workshop).await.map(drop),
            other => panic!("no such call: {other}"),
        }
        .unwrap();
    }

    async fn set_browser(&self, want: BrowserState) -> Result<(), ProviderError> {
        let key = self.seat.key();
        self.provider.set_browser(&key, want).await.map(drop)
    }

    /// Nothing at all, or what has to be there before a call.
    async fn set_up_for(&self, call: &str) {
        self.call("destroy_workshop").await;
        if call != "prepare" {
            self.call("prepare").await;
        }
        if !matches!(call, "prepare" | "create") {
            self.call("create").await;
        }
        // With a browser, which goes with the seat.
        if !matches!(call, "prepare" | "create" | "start_browser") {
            self.call("start_browser").await;
        }
    }

    /// What has to be true after a call.
    async fn assert_done(&self, call: &str) {
        let id = self.seat.workshop.id;
        let there = self.provider.list(Some(&id)).await.unwrap();
        let known = self.provider.list_workshops().await.unwrap().contains(&id);
        let status = there.first().map(|instance| &instance.status);
        assert!(there.len() < 2, "{there:?}");
        let browser = there.first().map(|instance| &instance.browser);
        let wanted = match call {
            "start_browser" => BrowserStatus::Running,
            "pause_browser" => BrowserStatus::Paused,
            _ => BrowserStatus::Absent,
        };
        assert!(browser.is_none_or(|it| *it == wanted), "{there:?}");
        match call {
            "create" | "start_browser" | "pause_browser" | "remove_browser" => {
                assert_eq!(status, Some(&InstanceStatus::Running));
            }
            "stop" => assert!(
                matches!(status, Some(InstanceStatus::Stopped { .. })),
                "{there:?}"
            ),
            _ => assert_eq!(status, None),
        }
        assert_eq!(known, call != "destroy_workshop");
    }
}

#[tokio::test]
async fn a_call_that_was_killed_can_be_made_again() {
    if let Ok(told) = std::env::var(CALL) {
        return make_call(&told).await;
    }
    let data = tempfile::tempdir().unwrap();
    let runtime = runtime(&SigningKey::from_seed(&[5; 32]));
    let (instance, id) = (random_id(), random_id());
    let instance = instance.short();
    let rounds = if std::env::var_os("CLARATEACH_TEST_ALL").is_some() {
        12
    } else {
        3
    };
    let (mut cut, mut done) = (0, 0);
    for call in CALLS {
        let undisturbed = Installation::new(data.path(), runtime.path(), instance, id);
        undisturbed.set_up_for(call).await;
        let began = Instant::now();
        undisturbed.call(call).await;
        let takes = began.elapsed();
        undisturbed.assert_done(call).await;
        for round in 0..rounds {
            undisturbed.set_up_for(call).await;
            // Spread over the call, and a little by chance.
            let share = (f64::from(round)
                + f64::from(getrandom::u32().unwrap()) / f64::from(u32::MAX))
                / f64::from(rounds);
            let told = json!({"data": data.path(), "runtime": runtime.path(), "instance": instance, "id": id.to_string(), "call": call});
            match kill_in(&told, takes.mul_f64(share)).await {
                Killed::InTheMiddle => cut += 1,
                Killed::Afterwards => done += 1,
            }
            // The next process.
            let next = Installation::new(data.path(), runtime.path(), instance, id);
            next.call(call).await;
            next.assert_done(call).await;
        }
    }
    Installation::new(data.path(), runtime.path(), instance, id)
        .call("destroy_workshop")
        .await;
    assert_eq!(residue(instance, data.path()), Vec::<String>::new());
    eprintln!("{cut} calls killed in the middle, {done} had ended");
    assert!(
        cut > done,
        "{done} of {} calls had ended when they were killed",
        cut + done
    );
}

/// What the child does.
async fn make_call(told: &str) {
    let told: Value = serde_json::from_str(told).unwrap();
    let text = |field: &str| told[field].as_str().unwrap().to_owned();
    let (data, runtime) = (PathBuf::from(text("data")), PathBuf::from(text("runtime")));
    let id = text("id").parse().unwrap();
    let installation = Installation::new(&data, &runtime, &text("instance"), id);
    // Known before, as by a server that runs.
    installation.provider.list(None).await.unwrap();
    println!("{BEGINS}");
    installation.call(&text("call")).await;
}

enum Killed {
    InTheMiddle,
    Afterwards,
}

/// Lets a process of this test's binary make a call, and kills it so long after it began.
async fn kill_in(told: &Value, after: Duration) -> Killed {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([NAME, "--exact", "--nocapture"])
        .env(CALL, told.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap()).lines();
    while let Some(line) = output.next_line().await.unwrap() {
        if line.contains(BEGINS) {
            break;
        }
    }
    let ended = tokio::time::timeout(after, child.wait()).await;
    if let Ok(ended) = ended {
        assert!(
            ended.unwrap().success(),
            "the call failed by itself: {told}"
        );
        return Killed::Afterwards;
    }
    child.kill().await.unwrap();
    Killed::InTheMiddle
}

fn residue(instance: &str, data: &Path) -> Vec<String> {
    let label = format!("label=clarateach.instance={instance}");
    let mut left = Vec::new();
    let mut check = |output: String, needle: &str| {
        let lines = output.lines().filter(|line| line.contains(needle));
        left.extend(lines.map(ToOwned::to_owned));
    };
    let data = Arc::<str>::from(data.to_string_lossy());
    check(host("docker", &["ps", "-aq", "--filter", &label]), "");
    check(
        host("docker", &["network", "ls", "-q", "--filter", &label]),
        "",
    );
    check(host("nft", &["list", "tables"]), instance);
    check(host("losetup", &["--all", "--list"]), &data);
    check(std::fs::read_to_string("/proc/mounts").unwrap(), &data);
    left
}
