//! `clarateach serve` in a process and a data directory of its own, an instructor signed in to it, and learners in its
//! seats.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use clap::Args;
use clarateach_client::{Attach, Endpoint, TerminalClient};
use clarateach_protocol::id::SeatNumber;
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::client::conn::http1::handshake;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, COOKIE, HOST, SET_COOKIE};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::JoinSet;

use crate::process::Server;

const PASSWORD: &str = "correct horse battery";
/// What is typed: no prompt has it.
const TYPED: &str = "Q";
/// Removing a class takes seconds, on a busy machine more.
const REMOVAL_LIMIT: Duration = Duration::from_secs(240);
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Lines of its log that are shown when it doesn't start.
const SHOWN_LINES: usize = 20;

/// What is measured.
#[derive(Args)]
pub(crate) struct Programs {
    /// The server.
    #[arg(long)]
    server: PathBuf,
    /// The static in-seat server; the one inside the server where none is named.
    #[arg(long)]
    in_seat_server: Option<PathBuf>,
}

impl Programs {
    pub(crate) fn version(&self) -> Value {
        crate::contender::first_line(Command::new(&self.server).arg("--version"))
    }
}

/// A server that runs; what it made goes with it.
pub(crate) struct Served {
    pub(crate) process: Option<Server>,
    pub(crate) api: Api,
    command: Vec<String>,
    server: PathBuf,
    folder: TempDir,
}

impl Served {
    /// Starts it, with more arguments of `clarateach serve`, and signs in.
    pub(crate) async fn start(programs: &Programs, arguments: &[&str]) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let password = folder.path().join("password");
        std::fs::write(&password, PASSWORD)?;
        let mut command = vec!["serve".to_owned(), "--data-dir".to_owned()];
        command.push(folder.path().join("data").display().to_string());
        command.push("--instructor-password-file".to_owned());
        command.push(password.display().to_string());
        // Other seats of this machine count as well, and nothing here uses its limits.
        command.push("--allow-overcommit".to_owned());
        if let Some(binary) = &programs.in_seat_server {
            command.extend([
                "--workspace-binary".to_owned(),
                binary.display().to_string(),
            ]);
        }
        command.extend(arguments.iter().map(ToString::to_string));
        let mut served = Self {
            process: None,
            api: Api {
                listen: ([127, 0, 0, 1], 0).into(),
                cookie: None,
            },
            command,
            server: programs.server.clone(),
            folder,
        };
        served.start_again().await?;
        served.api.sign_in().await?;
        Ok(served)
    }

    /// Starts it on the data and the port that it had.
    pub(crate) async fn start_again(&mut self) -> Result<()> {
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.log_file())?;
        let mut command = Command::new(&self.server);
        command
            .args(&self.command)
            .args(["--listen", &self.api.listen.to_string()])
            .env("CLARATEACH_LOG", "info");
        let started = tokio::task::block_in_place(|| Server::start_with_log(&mut command, log));
        let (process, greeting) = started.with_context(|| self.said())?;
        let port = greeting.trim_end_matches('/').rsplit(':').next();
        let port = port.and_then(|port| port.parse().ok());
        let port: u16 = port.with_context(|| format!("no port in {greeting:?}"))?;
        self.api.listen.set_port(port);
        self.process = Some(process);
        Ok(())
    }

    /// What the server alone has used since it started.
    pub(crate) fn cpu(&self) -> Result<Duration> {
        self.process.as_ref().context("it runs")?.cpu()
    }

    /// SIGKILL.
    pub(crate) fn kill(&mut self) -> Result<()> {
        let process = self.process.as_mut().context("it runs")?;
        process.kill()?;
        self.process = None;
        Ok(())
    }

    fn log_file(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    fn said(&self) -> String {
        let log = std::fs::read_to_string(self.log_file()).unwrap_or_default();
        let lines: Vec<_> = log.lines().collect();
        let last = lines[lines.len().saturating_sub(SHOWN_LINES)..].join("\n");
        format!("the server didn't start; its log: {last}")
    }
}

impl Drop for Served {
    /// A failed run leaves no seats either.
    fn drop(&mut self) {
        let removed = self.api.remove_all();
        if let Err(error) = removed {
            eprintln!("the run's workshops could not be removed: {error:#}");
        }
    }
}

/// The HTTP API, as an instructor's script uses it: each call on a connection of its own.
#[derive(Clone)]
pub(crate) struct Api {
    pub(crate) listen: SocketAddr,
    cookie: Option<String>,
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
}

impl Answer {
    /// Its body, if it has this status.
    pub(crate) fn expect(self, status: u16) -> Result<Value> {
        ensure!(self.status == status, "{}: {}", self.status, self.body);
        Ok(self.body)
    }
}

impl Api {
    async fn sign_in(&mut self) -> Result<()> {
        let (answer, cookie) = self
            .ask("POST", "/api/session", Some(json!({"password": PASSWORD})))
            .await?;
        ensure!(answer.status < 300, "{}", answer.body);
        self.cookie = cookie;
        Ok(())
    }

    pub(crate) async fn get(&self, path: &str) -> Result<Answer> {
        Ok(self.ask("GET", path, None).await?.0)
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Result<Answer> {
        Ok(self.ask("POST", path, Some(body)).await?.0)
    }

    /// Makes a workshop and waits until its seats are ready.
    pub(crate) async fn create(&self, body: Value) -> Result<Value> {
        let workshop = self.post("/api/workshops", body).await?.expect(201)?;
        ensure!(workshop["status"] == "ready", "{workshop}");
        Ok(workshop)
    }

    /// Removes a workshop and waits until nothing is left.
    pub(crate) async fn delete(&self, workshop: &Value) -> Result<()> {
        let id = workshop["id"].as_str().context("an id")?;
        let path = format!("/api/workshops/{id}");
        let (answer, _) = self.ask("DELETE", &path, None).await?;
        ensure!(answer.status == 204, "{}: {}", answer.status, answer.body);
        Ok(())
    }

    /// Asks until the answer is as wanted.
    pub(crate) async fn until(
        &self,
        path: &str,
        limit: Duration,
        wanted: impl Fn(&Value) -> bool,
    ) -> Result<Value> {
        let until = Instant::now() + limit;
        loop {
            let answer = self.get(path).await?;
            if answer.status == 200 && wanted(&answer.body) {
                return Ok(answer.body);
            }
            ensure!(
                Instant::now() < until,
                "{path} stays {}: {}",
                answer.status,
                answer.body
            );
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    async fn ask(
        &self,
        method: &str,
        path: &str,
        body: Option<Value>,
    ) -> Result<(Answer, Option<String>)> {
        let stream = tokio::net::TcpStream::connect(self.listen).await?;
        stream.set_nodelay(true)?;
        let (mut sender, connection) = handshake(TokioIo::new(stream)).await?;
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            // What broke shows in the request.
            let _ = connection.await;
        });
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, self.listen.to_string())
            .header(CONTENT_TYPE, "application/json");
        if let Some(cookie) = &self.cookie {
            request = request.header(COOKIE, cookie);
        }
        let body = body.map_or_else(Bytes::new, |body| Bytes::from(body.to_string()));
        let answer = sender.send_request(request.body(Full::new(body))?).await?;
        let status = answer.status().as_u16();
        let cookie = answer.headers().get(SET_COOKIE);
        let cookie = cookie.and_then(|cookie| cookie.to_str().ok()?.split(';').next());
        let cookie = cookie.map(ToOwned::to_owned);
        let body = answer.into_body().collect().await?.to_bytes();
        let body = serde_json::from_slice(&body).unwrap_or_default();
        Ok((Answer { status, body }, cookie))
    }

    /// Without a runtime: also while a panic unwinds.
    fn remove_all(&self) -> Result<()> {
        let mut stream = TcpStream::connect(self.listen)?;
        stream.set_read_timeout(Some(REMOVAL_LIMIT))?;
        let cookie = self.cookie.as_deref().unwrap_or_default();
        write!(
            stream,
            "DELETE /api/workshops?all=true HTTP/1.1\r\nHost: {}\r\nCookie: {cookie}\r\nConnection: close\r\n\r\n",
            self.listen
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        ensure!(answer.starts_with("HTTP/1.1 2"), "{answer}");
        Ok(())
    }
}

/// Somebody on a seat.
pub(crate) struct Learner {
    pub(crate) endpoint: Endpoint,
}

impl Learner {
    pub(crate) async fn join(api: &Api, workshop: &Value, name: &str) -> Result<Self> {
        let body = json!({"code": workshop["code"], "name": name});
        let joined = api.post("/api/join", body).await?.expect(200)?;
        let text = |field: &str| joined[field].as_str().context("a join answer");
        let number = joined["seat"].as_u64().and_then(|it| it.try_into().ok());
        let seat = SeatNumber::new(number.context("a seat")?)?;
        let endpoint = Endpoint::gateway(text("endpoint")?, seat, text("token")?);
        Ok(Self { endpoint })
    }

    /// Attaches, types a byte and waits for it.
    pub(crate) async fn echo(&self) -> TerminalClient {
        let mut terminal = TerminalClient::attach(&self.endpoint, Attach::default()).await;
        terminal.type_text(TYPED).await;
        terminal.wait_for(TYPED).await;
        terminal
    }
}

/// So many learners join, each types a byte, all at once; until the last has seen theirs.
pub(crate) async fn all_echo(api: &Api, workshop: &Value, seats: usize) -> Result<()> {
    let mut learners = JoinSet::new();
    for number in 1..=seats {
        let (api, workshop) = (api.clone(), workshop.clone());
        learners.spawn(async move {
            let learner = Learner::join(&api, &workshop, &format!("Learner {number}")).await?;
            drop(learner.echo().await);
            anyhow::Ok(())
        });
    }
    while let Some(echoed) = learners.join_next().await {
        echoed??;
    }
    Ok(())
}

/// A request to a seat, as its learner.
pub(crate) async fn seat_call(
    endpoint: &Endpoint,
    method: &str,
    below: &str,
    body: &Value,
) -> Result<Value> {
    let stream = tokio::net::TcpStream::connect(&endpoint.address).await?;
    let (mut sender, connection) = handshake(TokioIo::new(stream)).await?;
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        // What broke shows in the request.
        let _ = connection.await;
    });
    let host = endpoint.host.as_ref().unwrap_or(&endpoint.address);
    let token = endpoint.token.as_deref().unwrap_or_default();
    let request = Request::builder()
        .method(method)
        .uri(format!("{}{below}", endpoint.prefix))
        .header(HOST, host)
        .header(AUTHORIZATION, format!("Bearer {token}"))
        .header(CONTENT_TYPE, "application/json")
        .body(Full::new(Bytes::from(body.to_string())))?;
    let answer = sender.send_request(request).await?;
    let status = answer.status();
    let said = answer.into_body().collect().await?.to_bytes();
    ensure!(
        status.is_success(),
        "{status}: {}",
        String::from_utf8_lossy(&said)
    );
    Ok(serde_json::from_slice(&said).unwrap_or_default())
}

/// Milliseconds.
pub(crate) fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// What exists at a path of the machine's engine, for reports.
pub(crate) fn engine_version() -> Value {
    let mut ask = Command::new("docker");
    ask.args(["version", "--format", "{{.Server.Version}}"]);
    crate::contender::first_line(&mut ask)
}

/// A file's path as an argument.
pub(crate) fn text(path: &Path) -> String {
    path.display().to_string()
}
