//! What the command line finds out without a server, or after one was killed.

use std::path::Path;
use std::process::Stdio;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use super::super::app::TestApp;
use super::super::in_seat;
use super::{BINARY, Shell};

/// A server process of its own, and where it is.
async fn server(data_dir: &Path) -> (Child, String) {
    let mut server = Command::new(BINARY)
        .args(["serve", "--provider", "simulated", "--insecure-dev"])
        .args(["--listen", "127.0.0.1:0", "--data-dir"])
        .arg(data_dir)
        .env_clear()
        .current_dir(data_dir)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(server.stdout.take().unwrap()).lines();
    let line = lines.next_line().await.unwrap().unwrap();
    let url = line.split(" is at ").nth(1).unwrap().trim_end_matches('/');
    // Until the link is printed, it isn't written.
    while !lines
        .next_line()
        .await
        .unwrap()
        .unwrap()
        .contains("/setup#")
    {}
    (server, url.to_owned())
}

#[tokio::test]
async fn a_killed_servers_set_up_link_is_not_shown() {
    let dir = tempfile::tempdir().unwrap();
    let data_dir = dir.path().to_str().unwrap();
    let shell = Shell::at_url("http://localhost");
    let show = ["setup-link", "--data-dir", data_dir];
    let (mut first, url) = server(dir.path()).await;
    let shown = shell.run(&show).await;
    assert!(shown.out.starts_with(&format!("{url}/setup#")), "{shown:?}");

    first.kill().await.unwrap();
    assert!(dir.path().join("setup-link").exists());
    let stale = shell.run(&show).await;
    assert_eq!((stale.code, stale.out.as_str()), (3, ""));
    assert!(stale.err.contains("no server runs on"), "{stale:?}");

    let (_second, _) = server(dir.path()).await;
    let fresh = shell.run(&show).await;
    assert_eq!(fresh.code, 0);
    assert_ne!(fresh.out, shown.out);
}

#[tokio::test]
async fn the_machine_is_looked_at_while_the_server_is_down() {
    let dir = tempfile::tempdir().unwrap();
    let data_dir = dir.path().to_str().unwrap();
    let (mut server, url) = server(dir.path()).await;
    let shell = Shell::at_url(&url);
    let status = ["status", "--json", "--data-dir", data_dir];
    // It is up, and nobody is signed in: only it could tell.
    let asked = shell.run(&status).await;
    assert_eq!((asked.code, asked.out.as_str()), (4, ""), "{asked:?}");
    server.kill().await.unwrap();

    let clean = shell.run(&status).await.json();
    assert_eq!(clean["safe_to_power_off"], true, "{clean}");
    assert_eq!(
        (&clean["server"], &clean["workshops"]),
        (&json!("down"), &Value::Null)
    );
    let left = dir.path().join("seats/ws-00000000");
    std::fs::create_dir_all(&left).unwrap();
    let found = shell.run(&status).await.json();
    assert_eq!(
        (&found["safe_to_power_off"], &found["disks"]),
        (&json!(false), &json!([left]))
    );
    let people = shell
        .run(&["status", "--exit-code", "--data-dir", data_dir])
        .await;
    assert_eq!(people.code, 6);
    for part in [
        "no server runs",
        "left: disk",
        "not safe to power off",
        "clarateach serve",
    ] {
        assert!(people.out.contains(part), "{part:?} in {people:?}");
    }
    // Without the data directory nobody could tell.
    let nobody = shell.run(&["status"]).await;
    assert_eq!((nobody.code, nobody.out.as_str()), (3, ""), "{nobody:?}");
}

#[tokio::test]
async fn an_engine_that_does_not_answer_is_no_all_clear() {
    tokio::task::LocalSet::new()
        .run_until(async {
            let dir = tempfile::tempdir().unwrap();
            let app = TestApp::start(dir.path()).await;
            let instructor = app.instructor().await;
            let mut shell = Shell::signed_in(&app, &instructor).await;
            // As if seats of an engine had been made from here.
            std::fs::create_dir(dir.path().join("seat-runtime")).unwrap();
            shell
                .variables
                .push(("DOCKER_HOST", "unix:///nonexistent/docker.sock".to_owned()));
            let data_dir = dir.path().to_str().unwrap();
            let status = shell
                .run(&["status", "--json", "--data-dir", data_dir])
                .await
                .json();
            assert_eq!(
                (&status["server"], &status["workshops"]),
                (&json!("up"), &json!([]))
            );
            assert_eq!(status["safe_to_power_off"], false);
            let unknown = status["unknown"][0].as_str().unwrap();
            assert!(unknown.contains("cannot reach the engine"), "{status}");
            app.stop().await;
        })
        .await;
}

#[tokio::test]
async fn where_a_browsers_image_cannot_be_had_the_doctor_says_what_it_did_not_try() {
    let dir = tempfile::tempdir().unwrap();
    let shell = Shell::at_url("http://localhost");
    let server = in_seat::server();
    // Nothing listens at port 1, so it is no registry.
    let doctor = [
        "doctor",
        "--data-dir",
        dir.path().to_str().unwrap(),
        "--workspace-binary",
        server.to_str().unwrap(),
        "--browser-engine",
        "neko",
        "--browser-image",
        "127.0.0.1:1/neko/firefox:3.1",
        "--browser",
        "neko",
    ];
    let ran = shell.run(&doctor).await;
    assert_eq!(ran.code, 1, "{ran:?}");
    let line = ran
        .out
        .lines()
        .find(|line| line.starts_with("error"))
        .unwrap();
    for said in [
        "the browser engine neko stays unproven on this machine",
        "127.0.0.1:1/neko/firefox:3.1 can't be had",
        "neither its picture nor its keys",
    ] {
        assert!(line.contains(said), "{line}");
    }
    assert!(ran.err.contains("was not proven"), "{ran:?}");
    assert!(
        !dir.path().join("doctor").exists(),
        "what it made is removed"
    );
    let unknown = shell.run(&["doctor", "--browser", "lynx"]).await;
    assert_eq!(unknown.code, 2, "{unknown:?}");
    assert!(unknown.err.contains("selkies or neko"), "{unknown:?}");
}

#[tokio::test]
async fn the_doctor_proves_a_browser_by_its_picture_and_its_keys() {
    if std::env::var_os("CLARATEACH_TEST_ALL").is_none() {
        eprintln!("a real browser's proof is left to `./x test --all`");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let shell = Shell::at_url("http://localhost");
    let server = in_seat::server();
    let doctor = [
        "doctor",
        "--json",
        "--data-dir",
        dir.path().to_str().unwrap(),
        "--workspace-binary",
        server.to_str().unwrap(),
        "--browser",
        "selkies",
    ];
    let found = shell.run(&doctor).await.json();
    let found = found["findings"].as_array().unwrap();
    let of_browser: Vec<_> = found
        .iter()
        .filter(|finding| finding["code"] == "browser")
        .map(|finding| finding["message"].as_str().unwrap())
        .collect();
    assert_eq!(of_browser.len(), 4, "{found:?}");
    assert!(of_browser[2].contains("the picture shows something"));
    assert!(of_browser[3].contains("keys arrive"));
}
