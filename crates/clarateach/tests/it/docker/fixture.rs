//! A provider of its own per test, and what it takes to look at its seats from outside and inside.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use bollard::Docker;
use bollard::container::LogOutput;
use bollard::exec::{StartExecOptions, StartExecResults};
use bollard::models::ExecConfig;
use clarateach::model::{EgressPolicy, Resources, WorkshopSpec};
use clarateach::provider::docker::{
    DockerConfig, DockerProvider, InstanceId, ReachChoice, WeakIsolation,
};
use clarateach::provider::{Instance, Progress, Provider, SeatSpec};
use clarateach_protocol::id::{Generation, SeatKey, SeatNumber, WorkshopId};
use clarateach_protocol::token::SigningKey;
use futures_util::{FutureExt, StreamExt};

use super::super::{in_seat, stand_in};

pub(super) const IMAGE: &str = "clarateach/workspace:latest";
/// The longest that any condition of these tests takes to come true.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

/// One installation of the provider, alone on the engine as far as it can tell.
pub(super) struct World {
    pub(super) provider: DockerProvider,
    pub(super) config: DockerConfig,
    pub(super) docker: Docker,
    data: tempfile::TempDir,
    _runtime: tempfile::TempDir,
}

/// Runs a test in a world of its own; afterwards, also after a panic, nothing of it may be left.
pub(super) async fn scene<F: Future<Output = ()>>(test: impl FnOnce(std::sync::Arc<World>) -> F) {
    scene_with(|_| (), test).await;
}

/// [`scene`] with a changed configuration.
pub(super) async fn scene_with<F: Future<Output = ()>>(
    change: impl FnOnce(&mut DockerConfig),
    test: impl FnOnce(std::sync::Arc<World>) -> F,
) {
    let world = std::sync::Arc::new(World::new(change).await);
    let played = AssertUnwindSafe(Box::pin(test(world.clone())));
    let result = played.catch_unwind().await;
    let left = world.provider.list_workshops().await.unwrap();
    for workshop in &left {
        world.provider.destroy_workshop(workshop).await.unwrap();
    }
    if let Err(panic) = result {
        std::panic::resume_unwind(panic);
    }
    world.assert_no_residue().await;
}

impl World {
    async fn new(change: impl FnOnce(&mut DockerConfig)) -> Self {
        let docker = Docker::connect_with_defaults()
            .expect("these tests need a Docker engine: ./x engine")
            .negotiate_version()
            .await
            .expect("these tests need a running Docker engine: ./x engine");
        docker
            .inspect_image(IMAGE)
            .await
            .expect("these tests need the workspace image: ./x images");
        let data = tempfile::tempdir().unwrap();
        let runtime = runtime();
        let mut config = DockerConfig {
            data_dir: data.path().to_owned(),
            instance: random_instance(),
            seat_networks: "198.18.0.0/15".parse().unwrap(),
            runtime_dir: runtime.path().to_owned(),
            weak_isolation: WeakIsolation::Refuse,
            reach: ReachChoice::Auto,
            browser: stand_in::browser(),
            resolvers: Vec::new(),
        };
        change(&mut config);
        Self {
            provider: DockerProvider::new(config.clone()),
            config,
            docker,
            data,
            _runtime: runtime,
        }
    }

    /// A second process on the same data, as after a crash.
    pub(super) fn restarted(&self) -> DockerProvider {
        DockerProvider::new(self.config.clone())
    }

    /// A workshop with network and firewall.
    pub(super) async fn prepared(&self, workshop: &WorkshopSpec) {
        let prepared = self.provider.prepare(workshop, &Progress::silent()).await;
        prepared.unwrap();
    }

    /// A prepared workshop's running seat.
    pub(super) async fn seat(&self, workshop: &WorkshopSpec, number: u16) -> Instance {
        let created = self.provider.create(&seat(workshop, number, 1)).await;
        created.unwrap()
    }

    /// Runs a shell line in a seat as its learner.
    pub(super) async fn sh(&self, seat: &Instance, line: &str) -> Ran {
        self.exec(&seat.id, &["sh", "-c", line]).await
    }

    /// Runs a Python program in a seat as its learner.
    pub(super) async fn python(&self, seat: &Instance, program: &str) -> Ran {
        self.exec(&seat.id, &["python3", "-c", program]).await
    }

    async fn exec(&self, container: &str, command: &[&str]) -> Ran {
        let config = ExecConfig {
            cmd: Some(command.iter().map(ToString::to_string).collect()),
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            user: Some("1000:1000".to_owned()),
            ..ExecConfig::default()
        };
        let exec = self.docker.create_exec(container, config).await.unwrap();
        let started = self
            .docker
            .start_exec(&exec.id, None::<StartExecOptions>)
            .await
            .unwrap();
        let StartExecResults::Attached { mut output, .. } = started else {
            panic!("the engine did not attach to {command:?}");
        };
        let mut ran = Ran::default();
        while let Some(chunk) = output.next().await {
            match chunk.unwrap() {
                LogOutput::StdErr { message } => ran.stderr += &String::from_utf8_lossy(&message),
                other => ran.stdout += &String::from_utf8_lossy(&other.into_bytes()),
            }
        }
        let done = self.docker.inspect_exec(&exec.id).await.unwrap();
        ran.code = done.exit_code.unwrap();
        ran
    }

    /// The installation's data directory.
    pub(super) fn data(&self) -> &Path {
        self.data.path()
    }

    /// Host folder of a seat's disk.
    pub(super) fn seat_folder(&self, key: &SeatKey) -> PathBuf {
        self.data()
            .join("seats")
            .join(key.workshop.to_string())
            .join(format!("seat-{:02}", key.seat.get()))
    }

    /// The firewall table of a workshop.
    pub(super) fn table(&self, workshop: &WorkshopSpec) -> String {
        format!(
            "clarateach_{}_{}",
            self.config.instance,
            workshop.id.short()
        )
    }

    /// Nothing of this installation is in the engine, the kernel or the data directory.
    pub(super) async fn assert_no_residue(&self) {
        eventually("nothing is left", || async {
            let left = self.residue();
            if left.is_empty() {
                Ok(())
            } else {
                Err(left.join("\n"))
            }
        })
        .await;
    }

    fn residue(&self) -> Vec<String> {
        let instance = &self.config.instance;
        let label = format!("label=clarateach.instance={instance}");
        let data = self.data().to_string_lossy().into_owned();
        let mut left = Vec::new();
        let mut check = |what: &str, output: String, needle: &str| {
            let lines = output.lines().filter(|line| line.contains(needle));
            left.extend(lines.map(|line| format!("{what}: {line}")));
        };
        check(
            "container",
            host("docker", &["ps", "-aq", "--filter", &label]),
            "",
        );
        check(
            "network",
            host("docker", &["network", "ls", "-q", "--filter", &label]),
            "",
        );
        check(
            "table",
            host("nft", &["list", "tables"]),
            &instance.to_string(),
        );
        check("loop device", host("losetup", &["--all", "--list"]), &data);
        check(
            "mount",
            std::fs::read_to_string("/proc/mounts").unwrap(),
            &data,
        );
        let folders = std::fs::read_dir(self.data().join("seats"));
        let folders = folders.into_iter().flatten().flatten();
        left.extend(folders.map(|entry| format!("folder: {}", entry.path().display())));
        left
    }
}

/// What a command in a seat did.
#[derive(Debug, Default)]
pub(super) struct Ran {
    pub(super) code: i64,
    pub(super) stdout: String,
    pub(super) stderr: String,
}

impl Ran {
    /// Its output, when it succeeded.
    #[track_caller]
    pub(super) fn ok(self) -> String {
        assert_eq!(self.code, 0, "{self:?}");
        self.stdout.trim_end().to_owned()
    }
}

/// A workshop of the default image that nobody else has.
pub(super) fn workshop() -> WorkshopSpec {
    WorkshopSpec {
        id: WorkshopId::from_random(random()),
        image: IMAGE.to_owned(),
        resources: Resources {
            memory_mib: 256,
            disk_mib: 64,
            ..Resources::default()
        },
        egress: EgressPolicy::Open,
        browser: clarateach::model::BrowserPolicy::Off,
    }
}

pub(super) fn seat(workshop: &WorkshopSpec, number: u16, generation: u32) -> SeatSpec {
    SeatSpec {
        workshop: workshop.clone(),
        number: SeatNumber::new(number).unwrap(),
        generation: Generation(generation),
        disk: Generation(generation),
    }
}

/// Runs a program on the host; its output.
#[track_caller]
pub(crate) fn host(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program)
        .args(arguments)
        .output()
        .unwrap_or_else(|error| panic!("these tests need {program} on the host: {error}"));
    assert!(
        output.status.success(),
        "{program} {arguments:?}: {output:?}"
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Tries until it holds; what it last said otherwise.
pub(super) async fn eventually<F>(what: &str, mut condition: impl FnMut() -> F)
where
    F: Future<Output = Result<(), String>>,
{
    let begin = Instant::now();
    let mut pause = tokio::time::interval(Duration::from_millis(50));
    loop {
        pause.tick().await;
        match condition().await {
            Ok(()) => return,
            Err(said) => assert!(begin.elapsed() < PATIENCE, "never: {what}\n{said}"),
        }
    }
}

/// A folder with the in-seat server and a key file, as the server sets it up.
fn runtime() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let server = folder.path().join("clarateach-workspace");
    std::fs::copy(in_seat::server(), &server).unwrap();
    let keys = SigningKey::from_seed(&[7; 32]).verifying_keys();
    std::fs::write(folder.path().join("keys.json"), keys.to_jwks()).unwrap();
    use std::os::unix::fs::PermissionsExt;
    let readable = |path: &Path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    readable(folder.path(), 0o755);
    readable(&server, 0o755);
    folder
}

fn random_instance() -> InstanceId {
    let id = WorkshopId::from_random(random());
    id.short().parse().unwrap()
}

fn random() -> [u8; 8] {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).unwrap();
    bytes
}
