//! `clarateach serve` as a process of its own, to be killed and started again on the same data and port.

use std::fs::OpenOptions;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::process::Stdio;

use futures_util::FutureExt;
use http::StatusCode;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use super::super::app::{Client, PASSWORD};
use super::super::in_seat;
use super::wait::within;

/// Lines of the server's log that a failed test shows.
const SHOWN_LINES: usize = 60;

/// A server and its data directory.
pub(super) struct Served {
    pub(super) listen: SocketAddr,
    folder: TempDir,
    arguments: Vec<String>,
    environment: Vec<(&'static str, String)>,
    running: Option<Running>,
    /// A socket that is handed over to it at each start, as systemd does.
    socket: Option<std::net::TcpListener>,
}

struct Running {
    child: Child,
    /// Kept, so that the server has somewhere to print to.
    _output: Lines<BufReader<ChildStdout>>,
}

impl Served {
    pub(super) async fn simulated() -> Self {
        let arguments = ["--provider", "simulated", "--insecure-dev"];
        Self::start(&arguments, Vec::new()).await
    }

    /// The same, telling how many tasks it has ([`Served::tasks`]).
    pub(super) async fn simulated_and_counted() -> Self {
        let arguments = ["--provider", "simulated", "--insecure-dev"];
        let log = ("CLARATEACH_LOG", "info,runtime=debug".to_owned());
        Self::start(&arguments, vec![log]).await
    }

    /// Tasks of its runtime, as it told last.
    pub(super) fn tasks(&self) -> Option<u64> {
        let log = self.log();
        let told = log
            .lines()
            .rev()
            .find(|line| line.contains("\"target\":\"runtime\""))?;
        let told: serde_json::Value = serde_json::from_str(told).ok()?;
        told["tasks"].as_u64()
    }

    /// Seats of the machine's own engine.
    pub(super) async fn docker() -> Self {
        Self::docker_at(None).await
    }

    /// Seats of the engine at a `DOCKER_HOST`.
    pub(super) async fn docker_at(host: Option<String>) -> Self {
        let environment = host.map(|host| ("DOCKER_HOST", host));
        Self::start(&[], environment.into_iter().collect()).await
    }

    /// Seats of the engine at a `DOCKER_HOST`, and more arguments of `clarateach serve`.
    pub(super) async fn docker_at_with(host: String, arguments: &[&str]) -> Self {
        Self::start(arguments, vec![("DOCKER_HOST", host)]).await
    }

    /// Seats of the machine's own engine, and a variable of its environment.
    pub(super) async fn docker_told(variable: (&'static str, String)) -> Self {
        Self::start(&[], vec![variable]).await
    }

    /// Seats of the machine's own engine, and more arguments of `clarateach serve`.
    pub(super) async fn docker_with(arguments: &[&str]) -> Self {
        Self::start(arguments, Vec::new()).await
    }

    /// Plays a scene; afterwards, also after a panic, every workshop that it left is removed.
    pub(super) async fn play(mut self, play: impl AsyncFnOnce(&mut Self)) {
        let played = AssertUnwindSafe(Box::pin(play(&mut self)));
        let played = played.catch_unwind().await;
        let cleared = AssertUnwindSafe(Box::pin(self.clear()));
        let cleared = cleared.catch_unwind().await;
        for outcome in [played, cleared] {
            if let Err(panic) = outcome {
                std::panic::resume_unwind(panic);
            }
        }
    }

    /// Removes every workshop, whether the server runs or was killed.
    async fn clear(&mut self) {
        if self.running.is_none() {
            self.start_again().await;
        }
        let instructor = self.instructor().await;
        let removal = instructor.delete("/api/workshops?all=true");
        let removed = within("the removal of what a scene left", removal).await;
        assert_eq!(removed.status, StatusCode::NO_CONTENT, "{removed:?}");
    }

    /// Simulated seats, on a data directory that is made ready first.
    pub(super) async fn simulated_on(make_ready: impl FnOnce(PathBuf)) -> Self {
        let mut served = Self::of(&["--provider", "simulated", "--insecure-dev"], Vec::new());
        make_ready(served.data());
        served.start_again().await;
        served
    }

    async fn start(arguments: &[&str], environment: Vec<(&'static str, String)>) -> Self {
        let mut served = Self::of(arguments, environment);
        served.start_again().await;
        served
    }

    fn of(arguments: &[&str], environment: Vec<(&'static str, String)>) -> Self {
        let served = Self {
            listen: ([127, 0, 0, 1], 0).into(),
            folder: tempfile::tempdir().unwrap(),
            arguments: arguments.iter().map(ToString::to_string).collect(),
            environment,
            running: None,
            socket: None,
        };
        std::fs::write(served.password_file(), PASSWORD).unwrap();
        served
    }

    /// Starts it on the data and the port that it had.
    pub(super) async fn start_again(&mut self) {
        let (mut output, child) = self.spawn();
        let greeting = within("the server's greeting", output.next_line()).await;
        let Some(greeting) = greeting.unwrap() else {
            panic!("the server ended: {}", self.log());
        };
        let port = greeting.trim_end_matches('/').rsplit(':').next();
        let port: Option<u16> = port.and_then(|port| port.parse().ok());
        let port = port.unwrap_or_else(|| panic!("no port in {greeting:?}"));
        self.listen = ([127, 0, 0, 1], port).into();
        self.running = Some(Running {
            child,
            _output: output,
        });
    }

    fn spawn(&self) -> (Lines<BufReader<ChildStdout>>, Child) {
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.log_file());
        let mut child = self
            .command(self.listen)
            .stdout(Stdio::piped())
            .stderr(log.unwrap())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap()).lines();
        (output, child)
    }

    /// A server that is handed its socket, which outlives it.
    pub(super) async fn with_socket() -> Self {
        let mut served = Self::simulated().await;
        served.stop().await;
        let socket = std::net::TcpListener::bind(served.listen).unwrap();
        served.socket = Some(socket);
        served.start_again().await;
        served
    }

    fn command(&self, listen: SocketAddr) -> Command {
        let program = env!("CARGO_BIN_EXE_clarateach");
        let mut command = match &self.socket {
            None => Command::new(program),
            // systemd's way: descriptor 3, and whose it is (sd_listen_fds(3)).
            Some(_) => {
                let script = "LISTEN_PID=$$ LISTEN_FDS=1 exec \"$0\" \"$@\" 3<&0 0</dev/null";
                let mut command = Command::new("/bin/sh");
                command.args(["-c", script, program]);
                command
            }
        };
        let input = self.socket.as_ref().map_or_else(Stdio::null, |socket| {
            Stdio::from(std::os::fd::OwnedFd::from(socket.try_clone().unwrap()))
        });
        command
            .arg("serve")
            .args(["--listen", &listen.to_string(), "--data-dir"])
            .arg(self.data())
            .arg("--instructor-password-file")
            .arg(self.password_file())
            .args(&self.arguments)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("CLARATEACH_SEAT_SERVER", in_seat::server())
            .envs(self.environment.iter().cloned())
            .stdin(input)
            .kill_on_drop(true);
        command
    }

    /// What another server on the same data says, which must end by itself.
    pub(super) async fn second(&self) -> std::process::Output {
        // A port of its own: the data alone must keep it out.
        let mut command = self.command(([127, 0, 0, 1], 0).into());
        within("the second server's end", command.output())
            .await
            .unwrap()
    }

    pub(super) fn pid(&self) -> Pid {
        let child = &self.running.as_ref().expect("it runs").child;
        let pid = child.id().and_then(|pid| i32::try_from(pid).ok());
        pid.and_then(Pid::from_raw).expect("it runs")
    }

    /// Bytes of its memory that no file backs.
    pub(super) fn resident(&self) -> u64 {
        self.status("RssAnon:") * 1024
    }

    /// A number of proc_pid_status(5).
    pub(super) fn status(&self, field: &str) -> u64 {
        let path = format!("/proc/{}/status", self.pid().as_raw_nonzero());
        let status = std::fs::read_to_string(path).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(field));
        let number = line.and_then(|line| line.split_whitespace().next());
        number.unwrap().parse().unwrap()
    }

    /// SIGKILL: nothing is finished, nothing tidied up.
    pub(super) async fn kill(&mut self) {
        self.running
            .take()
            .expect("it runs")
            .child
            .kill()
            .await
            .unwrap();
    }

    /// SIGTERM, and its end.
    pub(super) async fn stop(&mut self) {
        kill_process(self.pid(), Signal::TERM).unwrap();
        let mut running = self.running.take().expect("it runs");
        within("the server's end", running.child.wait())
            .await
            .unwrap();
    }

    pub(super) fn client(&self) -> Client {
        Client::at(self.listen)
    }

    /// A client that is signed in.
    pub(super) async fn instructor(&self) -> Client {
        let mut client = self.client();
        let answer = client
            .post("/api/session", json!({"password": PASSWORD}))
            .await;
        client.cookie = answer.cookie();
        assert!(client.cookie.is_some(), "{answer:?}");
        client
    }

    pub(super) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub(super) fn log(&self) -> String {
        std::fs::read_to_string(self.log_file()).unwrap_or_default()
    }

    fn password_file(&self) -> PathBuf {
        self.folder.path().join("password")
    }

    fn log_file(&self) -> PathBuf {
        self.folder.path().join("log")
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = self.log();
            let lines: Vec<_> = log.lines().collect();
            let last = &lines[lines.len().saturating_sub(SHOWN_LINES)..];
            eprintln!("---- the end of the server's log\n{}", last.join("\n"));
        }
    }
}
