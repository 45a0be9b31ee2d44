//! JupyterHub with DockerSpawner: its servers run our image plus `jupyterhub-singleuser`, and each echoes a byte through
//! its proxy.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::client::conn::http1::handshake;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_tungstenite::client_async;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use crate::contender::first_line;
use crate::process::Server;
use crate::served::{milliseconds, text};

/// As xtask builds it.
const IMAGE: &str = "clarateach-bench/singleuser:latest";
const TOKEN: &str = "clarateach-bench-token";
const START_LIMIT: Duration = Duration::from_secs(300);
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// What is typed, in a prompt of one sign.
const TYPED: &str = "Q";

/// What xtask installed.
pub(super) struct Installed {
    hub: PathBuf,
    /// Folder with configurable-http-proxy.
    programs: PathBuf,
    configuration: PathBuf,
}

impl Installed {
    pub(super) fn in_folder(folder: &Path) -> Result<Self> {
        let folder = std::path::absolute(folder)?;
        let installed = Self {
            hub: folder.join("hub/bin/jupyterhub"),
            programs: folder.join("node-proxies/node_modules/.bin"),
            configuration: std::path::absolute("bench/peers/jupyterhub_config.py")?,
        };
        ensure!(
            installed.hub.exists(),
            "{} isn't there",
            text(&installed.hub)
        );
        let proxy = installed.programs.join("configurable-http-proxy");
        ensure!(proxy.exists(), "{} isn't there", text(&proxy));
        let image = first_line(Command::new("docker").args(["images", "--quiet", IMAGE]));
        ensure!(image.is_string(), "there is no image {IMAGE}");
        Ok(installed)
    }

    pub(super) fn add_versions(&self, versions: &mut Value) {
        let python = self.hub.with_file_name("python");
        for package in ["jupyterhub", "dockerspawner"] {
            let ask = format!("import importlib.metadata as m; print(m.version('{package}'))");
            versions[package] = first_line(Command::new(&python).args(["-c", &ask]));
        }
    }
}

/// A hub that runs.
pub(super) struct Hub {
    _process: Server,
    port: u16,
    /// So that no name comes twice.
    started: usize,
    _folder: TempDir,
}

impl Hub {
    pub(super) async fn start(installed: &Installed) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let ports = free_ports::<3>()?;
        let path = std::env::var_os("PATH").unwrap_or_default();
        let paths = std::iter::once(installed.programs.clone()).chain(std::env::split_paths(&path));
        let mut command = Command::new(&installed.hub);
        command
            .arg("--config")
            .arg(&installed.configuration)
            .current_dir(folder.path())
            .env("PATH", std::env::join_paths(paths)?)
            .env("BENCH_TOKEN", TOKEN)
            .env("BENCH_IMAGE", IMAGE)
            .env("BENCH_PORTS", ports.map(|port| port.to_string()).join(","));
        let log = std::fs::File::create(folder.path().join("log"))?;
        command.stdout(log.try_clone()?).stderr(log);
        let address = ([127, 0, 0, 1], ports[0]).into();
        let process = Server::start_listening("JupyterHub", &mut command, address)?;
        let hub = Self {
            _process: process,
            port: ports[0],
            started: 0,
            _folder: folder,
        };
        let until = Instant::now() + START_LIMIT;
        while !matches!(hub.asker().call("GET", "/hub/api/").await, Ok((200, _))) {
            ensure!(Instant::now() < until, "the hub doesn't answer");
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Ok(hub)
    }

    fn asker(&self) -> Asker {
        Asker { port: self.port }
    }

    /// Starts servers of new users at once; milliseconds until each has echoed. They are removed afterwards.
    pub(super) async fn boot(&mut self, servers: u16) -> Result<f64> {
        let names: Vec<_> = (0..servers)
            .map(|number| format!("u{}", self.started + usize::from(number)))
            .collect();
        self.started += names.len();
        for name in &names {
            let (status, said) = self
                .asker()
                .call("POST", &format!("/hub/api/users/{name}"))
                .await?;
            ensure!(status == 201, "{status}: {said}");
        }
        let began = Instant::now();
        let mut starting = JoinSet::new();
        for name in names.clone() {
            let asker = self.asker();
            starting.spawn(async move { asker.start_and_echo(&name).await });
        }
        let mut result = Ok(());
        while let Some(started) = starting.join_next().await {
            result = result.and(started?);
        }
        let took = milliseconds(began.elapsed());
        result?;
        for name in &names {
            let path = format!("/hub/api/users/{name}");
            let until = Instant::now() + START_LIMIT;
            // A user with a server is not removed, and a server takes its time to stop.
            while self.asker().call("DELETE", &path).await?.0 != 404 {
                self.asker()
                    .call("DELETE", &format!("{path}/server"))
                    .await?;
                ensure!(Instant::now() < until, "{name} isn't removed");
                tokio::time::sleep(LOOK_EVERY).await;
            }
        }
        Ok(took)
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        let filter = format!("ancestor={IMAGE}");
        let mut ask = Command::new("docker");
        ask.args(["ps", "--all", "--quiet", "--filter", &filter]);
        let left = ask.output().map(|output| output.stdout).unwrap_or_default();
        let left = String::from_utf8_lossy(&left).into_owned();
        for container in left.lines() {
            // Gone already is as well.
            drop(
                Command::new("docker")
                    .args(["rm", "--force", container])
                    .output(),
            );
        }
    }
}

#[derive(Clone, Copy)]
struct Asker {
    port: u16,
}

impl Asker {
    async fn start_and_echo(self, name: &str) -> Result<()> {
        let (status, said) = self
            .call("POST", &format!("/hub/api/users/{name}/server"))
            .await?;
        ensure!(matches!(status, 201 | 202), "{status}: {said}");
        let until = Instant::now() + START_LIMIT;
        let terminal = loop {
            let made = self
                .call("POST", &format!("/user/{name}/api/terminals"))
                .await;
            if let Ok((200 | 201, made)) = made {
                break made["name"]
                    .as_str()
                    .context("a terminal's name")?
                    .to_owned();
            }
            ensure!(Instant::now() < until, "{name}'s server makes no terminal");
            tokio::time::sleep(LOOK_EVERY).await;
        };
        let url = format!(
            "ws://127.0.0.1:{}/user/{name}/terminals/websocket/{terminal}",
            self.port
        );
        let mut request = url.into_client_request()?;
        let token = HeaderValue::try_from(format!("token {TOKEN}"))?;
        request.headers_mut().insert(AUTHORIZATION, token);
        let stream = TcpStream::connect(("127.0.0.1", self.port)).await?;
        let (mut socket, _) = client_async(request, stream).await?;
        let typed = json!(["stdin", TYPED]).to_string();
        socket.send(Message::text(typed)).await?;
        while let Some(message) = socket.next().await {
            let message: Value = serde_json::from_str(&message?.into_text()?)?;
            let shown =
                message[0] == "stdout" && message[1].as_str().is_some_and(|it| it.contains(TYPED));
            if shown {
                return Ok(());
            }
        }
        anyhow::bail!("{name}'s terminal closed")
    }

    async fn call(self, method: &str, path: &str) -> Result<(u16, Value)> {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).await?;
        let (mut sender, connection) = handshake(TokioIo::new(stream)).await?;
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            // What broke shows in the request.
            let _ = connection.await;
        });
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, format!("127.0.0.1:{}", self.port))
            .header(AUTHORIZATION, format!("token {TOKEN}"))
            .header(CONTENT_TYPE, "application/json")
            .body(Full::<Bytes>::default())?;
        let answer = sender.send_request(request).await?;
        let status = answer.status().as_u16();
        let body = answer.into_body().collect().await?.to_bytes();
        Ok((status, serde_json::from_slice(&body).unwrap_or_default()))
    }
}

fn free_ports<const COUNT: usize>() -> Result<[u16; COUNT]> {
    let mut listeners = Vec::new();
    let mut ports = [0; COUNT];
    for port in &mut ports {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        *port = listener.local_addr()?.port();
        listeners.push(listener);
    }
    Ok(ports)
}
