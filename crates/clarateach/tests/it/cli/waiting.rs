//! `workshop create` and `seat add` while seats are made: what is shown, what an interruption means,
//! and how it ends where some seats failed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};

use super::Shell;
use super::scene;
use super::scripted::{Scripted, workshop};

/// A server that is making a workshop, and has made it at the `looks`-th look.
async fn making(looks: u32, made: Value) -> Scripted {
    let seen = Arc::new(AtomicU32::new(0));
    Scripted::start(move |line| {
        let mut making = workshop("Rust", "provisioning", &["ready", "provisioning", "ready"]);
        making["progress"] =
            json!({"phase": "start", "done": 2, "total": 3, "percent": 61, "seconds_left": 4});
        match line {
            "POST /api/workshops" => (202, making),
            _ if seen.fetch_add(1, Ordering::SeqCst) + 1 < looks => (200, making),
            _ => (200, made.clone()),
        }
    })
    .await
}

const CREATE: [&str; 5] = ["workshop", "create", "Rust", "--seats", "3"];

#[tokio::test]
async fn a_terminal_sees_how_far_it_is_and_the_way_in() {
    let server = making(3, workshop("Rust", "ready", &["ready"; 3])).await;
    let shell = Shell::at_url(&server.url());
    let mut terminal = shell.in_terminal(&CREATE);
    terminal
        .until("\rRust: 61 %, starting seats, 2 of 3 ready, about 4 s left  0 s\u{1b}[K")
        .await;
    assert_eq!(terminal.ends().await.code(), Some(0));
    terminal.until("“Rust” is ready").await;
    terminal.until("http://class/join#7K3Q-9XWD").await;

    let server = making(3, workshop("Rust", "ready", &["ready"; 3])).await;
    let shell = Shell::at_url(&server.url());
    let piped = shell.run(&CREATE).await;
    assert_eq!((piped.code, piped.err.as_str()), (0, ""));
    assert!(piped.out.contains("code  7K3Q-9XWD"), "{piped:?}");
    assert!(
        server.heads()[0]
            .to_lowercase()
            .contains("prefer: respond-async")
    );
}

#[tokio::test]
async fn an_interrupted_wait_says_that_the_workshop_goes_on() {
    let server = making(u32::MAX, Value::Null).await;
    let shell = Shell::at_url(&server.url());
    let mut terminal = shell.in_terminal(&CREATE);
    terminal.until("starting seats").await;
    terminal.types("\x03");
    assert_eq!(terminal.ends().await.code(), Some(130));
    terminal.until("\r\u{1b}[K“Rust” goes on being made").await;
    terminal
        .until("clarateach workshop delete ws-aaaaaaaa")
        .await;
}

#[tokio::test]
async fn failed_seats_are_named_with_a_remedy_and_have_an_exit_code() {
    let made = workshop("Rust", "ready", &["ready", "failed", "ready"]);
    let server = making(1, made.clone()).await;
    let shell = Shell::at_url(&server.url());
    let people = shell.run(&CREATE).await;
    assert_eq!(people.code, 5);
    for part in [
        "cannot attach the disk\u{fffd}[2J",
        "clarateach seat retry ws-aaaaaaaa 2",
        "join  http://class/join#",
    ] {
        assert!(people.out.contains(part), "{part:?} in {people:?}");
    }
    assert!(people.err.contains("1 of 3 seats failed"), "{people:?}");

    let scripts = shell.run(&[&CREATE[..], &["--json"]].concat()).await;
    assert_eq!(scripts.code, 5);
    assert_eq!(serde_json::from_str::<Value>(&scripts.out).unwrap(), made);
    let error: Value = serde_json::from_str(&scripts.err).unwrap();
    assert_eq!(error["error"]["code"], "seats_failed");
}

#[tokio::test]
async fn every_failed_seat_is_retried_by_one_command() {
    let server = Scripted::start(|line| match line {
        "GET /api/workshops/ws-aaaaaaaa" => (
            200,
            workshop("Rust", "ready", &["failed", "ready", "failed"]),
        ),
        _ => (
            200,
            json!({"number": 1, "status": "provisioning", "generation": 1}),
        ),
    })
    .await;
    let shell = Shell::at_url(&server.url());
    let retried = shell.run(&["seat", "retry", "ws-aaaaaaaa", "--json"]).await;
    assert_eq!(retried.json()["seats"].as_array().unwrap().len(), 2);
    let asked: Vec<String> = server.heads()[1..]
        .iter()
        .map(|head| head.lines().next().unwrap().to_owned())
        .collect();
    assert_eq!(
        asked,
        [1, 3].map(|seat| format!("POST /api/workshops/ws-aaaaaaaa/seats/{seat}/retry HTTP/1.1"))
    );
}

#[tokio::test]
async fn errors_are_json_for_scripts_with_the_exit_code_of_their_kind() {
    let server = Scripted::start(|line| match line {
        "GET /api/tokens" => (
            401,
            json!({"error": {"code": "bad_token", "message": "no", "request_id": "r1"}}),
        ),
        _ => (
            409,
            json!({"error": {"code": "conflict", "message": "odd\u{1b}[2J"}}),
        ),
    })
    .await;
    let shell = Shell::at_url(&server.url());
    let nowhere = [
        "--server",
        "http://127.0.0.1:9",
        "workshop",
        "list",
        "--json",
    ];
    let cases = [
        (&["token", "list", "--json"][..], 4, "bad_token"),
        (&["workshop", "list", "--json"], 1, "conflict"),
        (&nowhere, 3, "unreachable"),
        (&["workshop", "list", "--json", "--nonsense"], 2, "usage"),
    ];
    for (args, code, name) in cases {
        let ran = shell.run(args).await;
        assert_eq!(
            (ran.code, ran.out.as_str()),
            (code, ""),
            "{args:?}: {ran:?}"
        );
        let error: Value = serde_json::from_str(&ran.err).unwrap();
        assert_eq!(error["error"]["code"], name, "{ran:?}");
        assert!(error["error"]["message"].is_string());
    }
    let people = shell.run(&["workshop", "list"]).await;
    assert!(people.err.contains("odd\u{fffd}[2J"), "{people:?}");
}

#[tokio::test]
async fn seats_are_added_to_a_workshop_and_waited_for() {
    scene(|app, instructor| async move {
        let shell = Shell::signed_in(&app, &instructor).await;
        let made = instructor.workshop(2).await;
        let code = made["code"].as_str().unwrap();
        let added = shell
            .run(&["seat", "add", code, "3", "--json"])
            .await
            .json();
        let seats = added["seats"].as_array().unwrap();
        assert_eq!(seats.len(), 5);
        assert!(
            seats.iter().all(|seat| seat["status"] == "ready"),
            "{added}"
        );
        let people = shell.run(&["seat", "add", "Rust for poets", "1"]).await;
        assert_eq!(people.out.lines().count(), 2, "{people:?}");
        assert!(people.out.contains("6  ready"), "{people:?}");
        let many = shell.run(&["seat", "add", code, "195"]).await;
        assert_eq!(many.code, 1);
        assert!(many.err.contains("this one has 6"), "{many:?}");
    })
    .await;
}
