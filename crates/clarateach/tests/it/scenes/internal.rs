//! The internal orchestrator API as a process of its own, beside a server on the same engine.

use std::path::Path;
use std::process::Stdio;

use clarateach_client::{Attach, Endpoint, Pace, TerminalClient};
use http::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use super::super::app::{Answer, Client};
use super::super::docker::host;
use super::super::in_seat;
use super::classroom::{self, Classroom};
use super::wait::within;

const SECRET: &str = "the portal's and mine";

/// The process, and a client that knows its secret.
struct Orchestrator {
    client: Client,
    child: Child,
    _output: Lines<BufReader<ChildStdout>>,
}

fn command(data: &Path, listen: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_clarateach"));
    command
        .arg("orchestrator")
        .args(["--listen", listen, "--data-dir"])
        .arg(data)
        .args(arguments)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("CLARATEACH_SEAT_SERVER", in_seat::server())
        .stdin(Stdio::null())
        .kill_on_drop(true);
    command
}

impl Orchestrator {
    async fn start(data: &Path, arguments: &[&str]) -> Self {
        let log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(data.with_extension("log"));
        let mut child = command(data, "localhost:0", arguments)
            .env("CLARATEACH_ORCHESTRATOR_SECRET", SECRET)
            .stdout(Stdio::piped())
            .stderr(log.unwrap())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap()).lines();
        let greeting = within("the orchestrator's greeting", output.next_line()).await;
        let greeting = greeting.unwrap().expect("it says where it is");
        let (_, url) = greeting.split_once(" is at http://").unwrap();
        Self {
            client: Client::at(url.trim_end_matches('/').parse().unwrap()),
            child,
            _output: output,
        }
    }

    async fn ask(&self, method: Method, path: &str, body: &str) -> Answer {
        let bearer = format!("Bearer {SECRET}");
        let headers = [
            ("authorization", bearer.as_str()),
            ("content-type", "application/json"),
        ];
        let asking = self.client.send(method, path, &headers, body.to_owned());
        within(path, asking).await
    }

    async fn post(&self, path: &str, body: Value) -> Answer {
        self.ask(Method::POST, path, &body.to_string()).await
    }

    /// A terminal of a seat, by the seat's own address.
    async fn terminal(&self, seats: &str, seat: &Value) -> TerminalClient {
        let path = format!("{seats}/{}/token", seat["seat"]);
        let token = self.post(&path, json!({})).await.json();
        let endpoint = Endpoint {
            address: seat["endpoints"]["terminal"].as_str().unwrap().to_owned(),
            host: None,
            prefix: String::new(),
            token: Some(token["token"].as_str().unwrap().to_owned()),
            pace: Pace::Full,
        };
        TerminalClient::attach(&endpoint, Attach::default()).await
    }
}

async fn shows_key(terminal: &mut TerminalClient, key: &str) {
    terminal.type_text("echo \"<$ANTHROPIC_API_KEY>\"\r").await;
    terminal.wait_for(&format!("<{key}>")).await;
}

#[tokio::test]
async fn seats_for_a_portal_beside_a_class() {
    classroom::scene(async |class: &mut Classroom| Box::pin(beside(class)).await).await;
}

async fn beside(class: &mut Classroom) {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("orchestrator");
    let mut portal = Orchestrator::start(&data, &[]).await;
    // A name that is no id of ours, and each run's own: what a failed one left has another.
    let name = format!("portal.{}", class.id());
    let workshop = &format!("/workshops/{name}");
    let seats = &format!("{workshop}/seats");
    let first = &format!("{seats}/1");
    let wish = json!({"seat": 1, "api_key": "sk-portal"});

    let made = portal.post(seats, wish.clone()).await;
    assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
    let seat = made.json();
    assert_eq!(seat["workshop"], name);
    assert_eq!(
        (&seat["seat"], &seat["status"]),
        (&json!(1), &json!("running"))
    );
    let ip = seat["ip"].as_str().unwrap();
    assert_eq!(seat["endpoint"], format!("http://{ip}:3002"));
    assert_eq!(seat["endpoints"]["terminal"], format!("{ip}:3001"));
    let again = portal.post(seats, wish).await;
    assert_eq!((again.status, again.json()), (StatusCode::OK, seat.clone()));
    let listed = portal.ask(Method::GET, seats, "").await;
    assert_eq!(listed.json(), json!([seat]));
    let one = portal.ask(Method::GET, first, "").await;
    assert_eq!(one.json(), seat);

    let mut terminal = portal.terminal(seats, &seat).await;
    shows_key(&mut terminal, "sk-portal").await;
    terminal.type_text("mark=$((6 * 7))\r").await;

    // Stateless: another process on the same data, and the seat is as it was.
    portal.child.kill().await.unwrap();
    let portal = Orchestrator::start(&data, &[]).await;
    let listed = portal.ask(Method::GET, seats, "").await;
    assert_eq!(listed.json(), json!([seat]));
    let again = portal.post(seats, json!({"seat": 1})).await;
    assert_eq!((again.status, again.json()), (StatusCode::OK, seat.clone()));
    terminal.type_text("echo still $mark\r").await;
    terminal.wait_for("still 42").await;

    // The class's workshop is not the portal's: nothing to see, nothing to remove.
    let theirs = format!("/workshops/{}", class.id());
    let their_seats = format!("{theirs}/seats");
    assert_eq!(
        portal.ask(Method::GET, &their_seats, "").await.json(),
        json!([])
    );
    let taken = portal.post(&their_seats, json!({"seat": 1})).await;
    assert_eq!(taken.status, StatusCode::SERVICE_UNAVAILABLE, "{taken:?}");
    let removed = portal.ask(Method::DELETE, &theirs, "").await;
    assert_eq!(removed.status, StatusCode::NO_CONTENT, "{removed:?}");
    // Nobody read the class's terminals meanwhile; the shell behind them is the same.
    let epoch = class.terminal.epoch.clone();
    class.terminal = class.learner.terminal().await;
    assert_eq!(class.terminal.epoch, epoch, "another shell");
    class.terminal.answers("echo $((40 + 4))", "44").await;
    class.is_isolated().await;

    // Nor is the portal's the class's: the server sweeps, restarts, and leaves it alone.
    class.served.kill().await;
    class.served.start_again().await;
    class.learner.is_served().await;
    // Nobody read it meanwhile; the shell behind it is the same.
    let mut terminal = portal.terminal(seats, &seat).await;
    terminal.type_text("echo and $mark\r").await;
    terminal.wait_for("and 42").await;

    // A seat that stopped is told, and started again where it is asked for.
    let id = seat["id"].as_str().unwrap();
    host("docker", &["kill", id]);
    let stopped = portal.ask(Method::GET, first, "").await.json();
    assert_eq!(
        (&stopped["status"], &stopped["reason"]["code"]),
        (&json!("stopped"), &json!("killed"))
    );
    let wish = json!({"seat": 1, "api_key": "sk-second"});
    let started = portal.post(seats, wish).await;
    assert_eq!(started.status, StatusCode::OK, "{started:?}");
    assert_ne!(started.json()["incarnation"], seat["incarnation"]);
    let mut terminal = portal.terminal(seats, &started.json()).await;
    shows_key(&mut terminal, "sk-second").await;

    for _ in 0..2 {
        let removed = portal.ask(Method::DELETE, first, "").await;
        assert_eq!(removed.status, StatusCode::NO_CONTENT, "{removed:?}");
        let gone = portal.ask(Method::GET, first, "").await;
        assert_eq!(gone.status, StatusCode::NOT_FOUND);
    }
    portal.post(seats, json!({"seat": 2})).await;
    for _ in 0..2 {
        let removed = portal.ask(Method::DELETE, workshop, "").await;
        assert_eq!(removed.status, StatusCode::NO_CONTENT, "{removed:?}");
    }
    assert_eq!(portal.ask(Method::GET, seats, "").await.json(), json!([]));
    let instance = std::fs::read_to_string(data.join("keys/instance")).unwrap();
    let label = format!("label=clarateach.instance={}", &instance[..8]);
    assert_eq!(host("docker", &["ps", "-aq", "--filter", &label]), "");
    assert_eq!(
        host("docker", &["network", "ls", "-q", "--filter", &label]),
        ""
    );

    let log = std::fs::read_to_string(data.with_extension("log")).unwrap();
    for secret in ["sk-portal", "sk-second", SECRET] {
        assert!(!log.contains(secret), "{secret:?} is in the log");
    }
    for line in log.lines() {
        serde_json::from_str::<Value>(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    }
}

const SIMULATED: [&str; 3] = ["--provider", "simulated", "--insecure-dev"];

#[tokio::test]
async fn who_does_not_know_the_secret_gets_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("orchestrator");
    let portal = Orchestrator::start(&data, &SIMULATED).await;
    let wish = json!({"seat": 1}).to_string();
    let json = ("content-type", "application/json");
    let path = "/workshops/ws-abcd1234/seats";
    for wrong in ["Bearer wrong", "Basic dGhl", "Bearer "] {
        let headers = [json, ("authorization", wrong)];
        let answer = portal
            .client
            .send(Method::POST, path, &headers, wish.clone())
            .await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (StatusCode::UNAUTHORIZED, "unauthenticated")
        );
    }
    let unauthenticated = portal.client.get("/workshops/ws-abcd1234").await;
    assert_eq!(unauthenticated.status, StatusCode::UNAUTHORIZED);
    assert_eq!(portal.client.get("/health").await.status, StatusCode::OK);
    // The control: with it the same call makes the seat.
    assert_eq!(
        portal.post(path, json!({"seat": 1})).await.status,
        StatusCode::CREATED
    );
}

#[tokio::test]
async fn wrong_calls_are_refused_in_words() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("orchestrator");
    let portal = Orchestrator::start(&data, &SIMULATED).await;
    let seats = "/workshops/ws-1/seats";
    for (body, field) in [
        (json!({"seat": 0}), "seat"),
        (json!({"seat": 201}), "seat"),
        (json!({"seat": "1"}), "seat"),
        (json!({}), "seat"),
        (json!({"seat": 1, "image": "x"}), "image"),
        (json!({"seat": 1, "api_key": "a\u{0}b"}), "api_key"),
    ] {
        let answer = portal.post(seats, body.clone()).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{body}: {answer:?}");
        assert_eq!(answer.json()["error"]["field"], field, "{answer:?}");
    }
    for path in [
        "/workshops/-x/seats",
        "/workshops/ws-1/seats/01",
        "/workshops/ws-1/seats/x",
    ] {
        let answer = portal.ask(Method::GET, path, "").await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{path}: {answer:?}");
    }
    assert_eq!(
        portal.ask(Method::GET, "/api/workshops", "").await.status,
        StatusCode::NOT_FOUND
    );
    assert_eq!(
        portal.ask(Method::PATCH, seats, "").await.status,
        StatusCode::METHOD_NOT_ALLOWED
    );
    let described = portal.client.get("/openapi.json").await.json();
    assert!(described["openapi"].as_str().unwrap().starts_with("3.1"));
    let mut paths: Vec<_> = described["paths"].as_object().unwrap().keys().collect();
    paths.sort();
    assert_eq!(
        paths,
        [
            "/health",
            "/workshops/{id}",
            "/workshops/{id}/seats",
            "/workshops/{id}/seats/{seat}",
            "/workshops/{id}/seats/{seat}/token"
        ]
    );
}

/// What a start that must fail says.
async fn refusal(data: &Path, listen: &str) -> String {
    let mut command = command(data, listen, &SIMULATED);
    let output = within("its end", command.output()).await.unwrap();
    assert!(!output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[tokio::test]
async fn an_open_door_and_another_servers_data_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("orchestrator");
    let said = refusal(&data, "0.0.0.0:0").await;
    assert!(said.contains("--secret-file"), "{said}");
    std::fs::create_dir_all(&data).unwrap();
    std::fs::write(data.join("clarateach.db"), "").unwrap();
    let said = refusal(&data, "localhost:0").await;
    assert!(said.contains("clarateach serve"), "{said}");
}
