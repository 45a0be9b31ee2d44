//! A Docker engine of the test's own beside the machine's, to be stopped and started while a class works.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU8, Ordering};

use serde_json::json;
use tempfile::TempDir;

use super::super::docker::host;
use super::classroom::Engine;
use super::elsewhere::Namespace;
use super::wait::until;

/// The workspace image's base, where the machine's engine has it: it is loaded faster.
const SMALL_IMAGE: &str = "debian:bookworm-slim";
const IMAGE: &str = "clarateach/workspace:latest";

/// The engine; it goes with everything that it made.
pub(super) struct SecondEngine {
    daemon: Option<Child>,
    folder: TempDir,
    /// Its default one; no seat of these tests is on it.
    _bridge: Bridge,
    pub(super) image: &'static str,
    /// Where it runs, unless it is this machine's own network.
    namespace: Option<Namespace>,
}

struct Bridge(String);

impl Bridge {
    /// Of a name and a subnet that no test beside this one has.
    fn make(namespace: Option<&Namespace>) -> Self {
        static MADE: AtomicU8 = AtomicU8::new(0);
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let bridge = Self(format!("ctt{}-{number}", std::process::id()));
        let ip = |arguments: &[&str]| match namespace {
            Some(namespace) => namespace.run("ip", arguments),
            None => host("ip", arguments),
        };
        ip(&["link", "add", &bridge.0, "type", "bridge"]);
        let address = format!("198.19.254.{}/30", number % 64 * 4 + 1);
        ip(&["address", "add", &address, "dev", &bridge.0]);
        ip(&["link", "set", &bridge.0, "up"]);
        bridge
    }
}

impl Drop for Bridge {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["link", "del", &self.0]).output();
    }
}

/// What becomes of containers when the engine stops.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Containers {
    LiveOn,
    Stop,
}

impl SecondEngine {
    /// One that runs and has an image for seats.
    pub(super) async fn start(containers: Containers) -> Self {
        Self::start_at(containers, None).await
    }

    /// The same, in a network of its own.
    pub(super) async fn start_in(namespace: Namespace) -> Self {
        Self::start_at(Containers::Stop, Some(namespace)).await
    }

    async fn start_at(containers: Containers, namespace: Option<Namespace>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let name = folder.path().file_name().unwrap().to_string_lossy();
        let name = format!("test-{}", name.trim_start_matches('.'));
        let bridge = Bridge::make(namespace.as_ref());
        let config = json!({
            "data-root": folder.path().join("root"),
            "exec-root": folder.path().join("exec"),
            "pidfile": folder.path().join("pid"),
            "hosts": [format!("unix://{}/engine.sock", folder.path().display())],
            // The machine's engine keeps its firewall, and a shared containerd its containers. An engine
            // told to have no bridge would remove the machine's docker0.
            "bridge": bridge.0,
            "iptables": false,
            "ip6tables": false,
            "containerd-namespace": name,
            "containerd-plugins-namespace": format!("{name}-plugins"),
            "live-restore": containers == Containers::LiveOn,
        });
        std::fs::write(folder.path().join("daemon.json"), config.to_string()).unwrap();
        let mut engine = Self {
            folder,
            _bridge: bridge,
            daemon: None,
            image: IMAGE,
            namespace,
        };
        engine.start_again().await;
        let there = host("docker", &["images", "-q", SMALL_IMAGE]);
        if !there.trim().is_empty() {
            engine.image = SMALL_IMAGE;
        }
        engine.load_image(engine.image);
        engine
    }

    pub(super) async fn start_again(&mut self) {
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(self.log());
        let mut daemon = match &self.namespace {
            Some(namespace) => namespace.command("dockerd"),
            None => Command::new("dockerd"),
        };
        let daemon = daemon
            .arg("--config-file")
            .arg(self.folder.path().join("daemon.json"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log.unwrap())
            .spawn()
            .expect("these tests need dockerd: ./x engine");
        self.daemon = Some(daemon);
        until("the second engine", async || {
            let ended = self.daemon.as_mut().and_then(|it| it.try_wait().unwrap());
            assert!(ended.is_none(), "it ended: {}", self.said());
            let mut ask = Command::new("docker");
            let ask = ask.args(["--host", &self.host(), "info"]).output().unwrap();
            ask.status.success().then_some(())
        })
        .await;
    }

    /// SIGTERM, and its end.
    pub(super) async fn stop(&mut self) {
        self.signal(rustix::process::Signal::TERM);
        let mut daemon = self.daemon.take().expect("it runs");
        until("the second engine's end", async || {
            daemon.try_wait().unwrap()
        })
        .await;
    }

    /// SIGKILL, as when it crashes.
    pub(super) async fn kill(&mut self) {
        self.signal(rustix::process::Signal::KILL);
        let mut daemon = self.daemon.take().expect("it runs");
        until("the second engine's end", async || {
            daemon.try_wait().unwrap()
        })
        .await;
        // Its containerd dies with it, a moment later; an engine that finds it dying waits for it in vain.
        let containerd = self.folder.path().join("exec/containerd/containerd.pid");
        let containerd = std::fs::read_to_string(containerd).unwrap();
        let process = PathBuf::from("/proc").join(containerd.trim());
        until("its containerd's end", async || {
            (!process.exists()).then_some(())
        })
        .await;
    }

    fn signal(&self, signal: rustix::process::Signal) {
        let pid = self
            .daemon
            .as_ref()
            .and_then(|daemon| i32::try_from(daemon.id()).ok());
        let pid = pid
            .and_then(rustix::process::Pid::from_raw)
            .expect("it runs");
        rustix::process::kill_process(pid, signal).unwrap();
    }

    /// As `DOCKER_HOST` takes it.
    pub(super) fn host(&self) -> String {
        format!("unix://{}/engine.sock", self.folder.path().display())
    }

    pub(super) fn client(&self) -> Engine {
        Engine(Some(self.host()))
    }

    /// Where it runs, unless it is this machine's own network.
    pub(super) fn namespace(&self) -> &Namespace {
        self.namespace
            .as_ref()
            .expect("it has a network of its own")
    }

    /// An image of the machine's engine.
    pub(super) fn load_image(&self, image: &str) {
        let file = self.folder.path().join("image.tar");
        let file = file.to_string_lossy();
        host("docker", &["save", "-o", &file, image]);
        self.client().docker(&["load", "-i", &file]);
        std::fs::remove_file(&*file).unwrap();
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    fn said(&self) -> String {
        std::fs::read_to_string(self.log()).unwrap_or_default()
    }
}

impl Drop for SecondEngine {
    fn drop(&mut self) {
        // The workshop went before, when all went well; otherwise this may fail for the same reason.
        let host = self.host();
        let docker = |arguments: &[&str]| {
            let run = Command::new("docker")
                .args(["--host", &host])
                .args(arguments)
                .output();
            run.map(|it| String::from_utf8_lossy(&it.stdout).into_owned())
                .unwrap_or_default()
        };
        if let Some(mut daemon) = self.daemon.take() {
            let left = docker(&["ps", "-aq"]);
            for container in left.split_whitespace() {
                docker(&["rm", "-f", container]);
            }
            let pid = i32::try_from(daemon.id())
                .ok()
                .and_then(rustix::process::Pid::from_raw);
            let told =
                pid.map(|pid| rustix::process::kill_process(pid, rustix::process::Signal::TERM));
            drop((told, daemon.wait()));
        }
        // It mounts its folder on itself, and leaves that and the network that its helper shared.
        for left in ["root", "exec/netns/default"] {
            let left = self.folder.path().join(left);
            drop(Command::new("umount").arg("--lazy").arg(left).output());
        }
    }
}
