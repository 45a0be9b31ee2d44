//! An engine whose network is not this machine's: in a namespace of its own, with or without what virtual machines bring,
//! a forwarder from this machine's 127.0.0.1 to theirs.

use std::collections::HashSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::AsFd;
use std::process::Command;
use std::sync::mpsc;
use std::time::Duration;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::super::docker::host;
use super::classroom::Engine;

/// Numbers of published ports there: this machine gives them to nobody else.
const PORTS: &str = "26000 26999";
const PAUSE: Duration = Duration::from_millis(100);

/// A network with nothing but itself; it goes with everything in it.
pub(super) struct Namespace(String);

impl Namespace {
    pub(super) fn make(name: &str) -> Self {
        host("ip", &["netns", "add", name]);
        let namespace = Self(name.to_owned());
        namespace.run("ip", &["link", "set", "lo", "up"]);
        namespace.run("sysctl", &["-qw", "net.ipv4.ip_forward=1"]);
        let ports = format!("net.ipv4.ip_local_port_range={PORTS}");
        namespace.run("sysctl", &["-qw", &ports]);
        namespace
    }

    /// Runs a program in there; its output.
    #[track_caller]
    pub(super) fn run(&self, program: &str, arguments: &[&str]) -> String {
        let mut words = vec!["netns", "exec", &self.0, program];
        words.extend(arguments);
        host("ip", &words)
    }

    /// A program to be started in there.
    pub(super) fn command(&self, program: &str) -> Command {
        // `ip netns exec` would give it mounts of its own.
        let mut command = Command::new("nsenter");
        command
            .arg(format!("--net=/run/netns/{}", self.0))
            .arg(program);
        command
    }

    /// What connects in there on this thread's behalf.
    fn connector(&self) -> mpsc::Sender<Ask> {
        let file = std::fs::File::open(format!("/run/netns/{}", self.0)).unwrap();
        let (asks, asked) = mpsc::channel::<Ask>();
        std::thread::spawn(move || {
            move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
            for (port, answer) in asked {
                let there = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
                // Whoever asked may be gone.
                let _ = answer.send(std::net::TcpStream::connect(there));
            }
        });
        asks
    }
}

type Ask = (u16, oneshot::Sender<std::io::Result<std::net::TcpStream>>);

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["netns", "del", &self.0]).output();
    }
}

/// Ports of an engine in a namespace, on this machine's 127.0.0.1 as well: what Docker Desktop and Colima do.
pub(super) struct Forwarder(#[expect(dead_code, reason = "its tasks end with it")] JoinSet<()>);

impl Forwarder {
    pub(super) fn start(namespace: &Namespace, engine: Engine) -> Self {
        let connector = namespace.connector();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut known = HashSet::new();
            let mut ports = JoinSet::new();
            let mut pause = tokio::time::interval(PAUSE);
            loop {
                pause.tick().await;
                for port in published(&engine).await {
                    if known.insert(port) {
                        ports.spawn(forward(port, connector.clone()));
                    }
                }
            }
        });
        Self(tasks)
    }
}

/// Ports that the engine says it publishes.
async fn published(engine: &Engine) -> Vec<u16> {
    let mut ask = tokio::process::Command::new("docker");
    if let Some(host) = &engine.0 {
        ask.args(["--host", host]);
    }
    let answer = ask.args(["ps", "--format", "{{.Ports}}"]).output().await;
    let text = answer.map(|it| String::from_utf8_lossy(&it.stdout).into_owned());
    let text = text.unwrap_or_default();
    // 127.0.0.1:26000->3001/tcp, 127.0.0.1:26001->3002/tcp
    let ports = text.split([',', '\n']).filter_map(|it| {
        let (from, _) = it.trim().split_once("->")?;
        from.strip_prefix("127.0.0.1:")?.parse().ok()
    });
    ports.collect()
}

async fn forward(port: u16, connector: mpsc::Sender<Ask>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .await
        .unwrap();
    let mut streams = JoinSet::new();
    while let Ok((mut here, _)) = listener.accept().await {
        let (answer, answered) = oneshot::channel();
        connector.send((port, answer)).unwrap();
        streams.spawn(async move {
            let Ok(Ok(there)) = answered.await else {
                return;
            };
            there.set_nonblocking(true).unwrap();
            let mut there = TcpStream::from_std(there).unwrap();
            // Whichever side ends, ends it.
            let _ = tokio::io::copy_bidirectional(&mut here, &mut there).await;
        });
    }
}
