//! Databases that are lost or damaged while a class is at work: brought back, or their seats adopted.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use http::StatusCode;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::process::Command;

use super::super::app::Client;
use super::super::in_seat;
use super::classroom::{self, Classroom};
use super::learner::Learner;
use super::served::Served;
use super::wait::within;

/// Runs an offline command on a server's data.
pub(super) async fn offline(data: &Path, arguments: &[&str]) -> std::process::Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_clarateach"));
    command
        .args(arguments)
        .arg("--data-dir")
        .arg(data)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("CLARATEACH_SEAT_SERVER", in_seat::server());
    within(arguments[0], command.output()).await.unwrap()
}

async fn done(data: &Path, arguments: &[&str]) -> String {
    let output = offline(data, arguments).await;
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

async fn refused(data: &Path, arguments: &[&str]) -> String {
    let output = offline(data, arguments).await;
    assert!(!output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A start that must not come to pass, and what it says.
async fn refused_start(served: &Served) -> String {
    let output = served.second().await;
    assert!(!output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn database(served: &Served) -> PathBuf {
    served.data().join("clarateach.db")
}

fn lose(served: &Served) {
    for suffix in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{suffix}", database(served).display()));
    }
    assert!(!database(served).exists());
}

/// Overwrites everything behind the first page, as a failing disk does.
fn damage(served: &Served) {
    // Everything into the one file: the last to close it writes the log back.
    drop(
        rusqlite::Connection::open(database(served))
            .map(|it| it.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)")),
    );
    let mut bytes = std::fs::read(database(served)).unwrap();
    assert!(bytes.len() > 8192, "there is more than a page");
    bytes[4096..].fill(0x5a);
    std::fs::write(database(served), bytes).unwrap();
}

#[tokio::test]
async fn a_damaged_database_is_restored_and_shells_go_on() {
    classroom::scene(async |class: &mut Classroom| {
        let data = class.served.data();
        let file = data.with_file_name("backup.tar");
        let name = file.to_str().unwrap();
        done(&data, &["backup", name]).await;
        let mode = file.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        class.terminal.types("mark=$((6 * 7))").await;
        // Nobody takes the data away from under a server.
        let said = refused(&data, &["restore", name]).await;
        assert!(said.contains("another ClaraTeach server uses"), "{said}");

        class.served.stop().await;
        damage(&class.served);
        let said = refused_start(&class.served).await;
        assert!(said.contains("is damaged"), "{said}");
        assert!(
            said.contains("clarateach restore") && said.contains("clarateach recover"),
            "{said}"
        );
        let cut = data.with_file_name("cut.tar");
        let whole = std::fs::read(&file).unwrap();
        std::fs::write(&cut, &whole[..whole.len() / 2]).unwrap();
        let said = refused(&data, &["restore", cut.to_str().unwrap()]).await;
        assert!(said.contains("no whole backup"), "{said}");
        let said = done(&data, &["restore", name]).await;
        assert!(said.contains("clarateach.db.before-restore-"), "{said}");

        class.served.start_again().await;
        class.learner.has("poem.txt", "roses are red").await;
        let epoch = class.terminal.epoch.clone();
        class.terminal = class.learner.terminal().await;
        assert_eq!(class.terminal.epoch, epoch, "another shell");
        class.terminal.answers("echo still $mark", "still 42").await;
    })
    .await;
}

#[tokio::test]
async fn seats_of_a_lost_database_are_adopted_with_their_shells_and_learners() {
    classroom::scene(async |class: &mut Classroom| {
        let data = class.served.data();
        class.terminal.types("mark=$((6 * 7))").await;
        class.terminal.answers("echo $mark", "42").await;
        let before = containers(class);
        class.served.kill().await;
        lose(&class.served);
        // An empty database would have every seat removed.
        let said = refused_start(&class.served).await;
        assert!(said.contains("clarateach restore") && said.contains("clarateach recover"), "{said}");
        assert_eq!(containers(class), before, "seats were touched");

        let told: Value = serde_json::from_str(&done(&data, &["recover", "--json"]).await).unwrap();
        let workshop = &told["workshops"][0];
        assert_eq!(workshop["id"], class.id());
        let (name, ends_at) = (workshop["name"].clone(), workshop["ends_at"].clone());
        assert!(ends_at.is_string(), "{told}");
        let seats = workshop["seats"].as_array().unwrap();
        assert_eq!(seats.len(), 2, "{told}");
        assert_eq!((&seats[0]["learner"], &seats[1]["learner"]), (&json!("Ada"), &json!("Bea")));
        // Again is fine, and finds nothing.
        let again = done(&data, &["recover", "--json"]).await;
        assert_eq!(serde_json::from_str::<Value>(&again).unwrap(), json!({"workshops": []}));

        class.served.start_again().await;
        class.instructor = class.served.instructor().await;
        let shown = class.instructor.get(&format!("/api/workshops/{}", class.id())).await.json();
        assert_eq!(shown["code"], workshop["code"]);
        assert_eq!(shown["name"], name);
        let time = |text: &Value| OffsetDateTime::parse(text.as_str().unwrap(), &Rfc3339).unwrap();
        let apart = time(&shown["ends_at"]) - time(&ends_at);
        assert!(apart.abs() < time::Duration::SECOND, "{shown} {ends_at}");
        assert_eq!(shown["seats"][0]["learner"]["name"], "Ada", "{shown}");
        let client = Client::at(class.served.listen);
        let stranger = json!({"code": workshop["code"], "name": "Eve"});
        let full = client.post("/api/join", stranger).await;
        assert_ne!(full.status, StatusCode::OK, "a stranger got a seat: {full:?}");
        let back = json!({"code": workshop["code"], "name": "Ada", "reconnect_code": seats[0]["reconnect_code"]});
        let joined = client.post("/api/join", back).await;
        assert_eq!(joined.status, StatusCode::OK, "{joined:?}");
        assert_eq!(joined.json()["seat"], 1);
        class.learner = Learner::of(class.served.listen, joined.json());
        class.learner.has("poem.txt", "roses are red").await;
        let epoch = class.terminal.epoch.clone();
        class.terminal = class.learner.terminal().await;
        assert_eq!(class.terminal.epoch, epoch, "another shell");
        class.terminal.answers("echo still $mark", "still 42").await;
        class.is_isolated().await;
        assert_eq!(containers(class), before, "a seat was made anew");
    })
    .await;
}

/// The workshop's containers, with their starts.
fn containers(class: &Classroom) -> Vec<String> {
    let inspect = |number| {
        let name = class.container(number);
        class
            .engine
            .docker(&["inspect", "-f", "{{.Id}} {{.State.StartedAt}}", &name])
    };
    [1, 2].map(inspect).to_vec()
}

#[tokio::test]
async fn another_installations_backup_and_a_newer_database_are_refused() {
    let mut served = Served::simulated().await;
    let mut other = Served::simulated().await;
    let file = served.data().with_file_name("backup.tar");
    let name = file.to_str().unwrap();
    done(&served.data(), &["backup", name]).await;
    other.stop().await;
    let said = refused(&other.data(), &["restore", name]).await;
    assert!(said.contains("--force"), "{said}");
    done(&other.data(), &["restore", name, "--force"]).await;
    other.start_again().await;
    assert_eq!(
        other.instructor().await.get("/api/workshops").await.status,
        StatusCode::OK
    );

    served.stop().await;
    let newer = rusqlite::Connection::open(database(&served)).unwrap();
    newer.pragma_update(None, "user_version", 1000).unwrap();
    drop(newer);
    let said = refused_start(&served).await;
    assert!(said.contains("written by a newer ClaraTeach"), "{said}");
    let said = refused(&served.data(), &["recover"]).await;
    assert!(said.contains("written by a newer ClaraTeach"), "{said}");
    done(&served.data(), &["restore", name]).await;
    served.start_again().await;
}
