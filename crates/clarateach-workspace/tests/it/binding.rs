//! Health, binding, resources.

use std::net::TcpListener;

use serde_json::json;

use crate::seat::{Seat, until};

#[tokio::test]
async fn a_binding_reaches_health_shells_and_files() {
    let seat = Seat::start().await;
    let health = seat.get("/health").await.json();
    assert_eq!(
        health,
        json!({"version": env!("CARGO_PKG_VERSION"), "generation": 2, "bound": null})
    );
    seat.write("mine.txt", "mine");
    let files = [("mine.txt", "theirs"), ("course/one/README.md", "hello")];
    let bound = seat
        .bind(
            "d1",
            &[("ANTHROPIC_API_KEY", "secret $x 'y'"), ("LANG", "C")],
            &files,
        )
        .await;
    assert_eq!(bound.status, 204, "{}", bound.text());
    assert_eq!(seat.get("/health").await.json()["bound"], "d1");
    assert_eq!(
        (seat.read("mine.txt"), seat.read("course/one/README.md")),
        ("mine".to_owned(), "hello".to_owned())
    );
    let mut page = seat.page().await;
    let seen = page
        .run("echo $CLARATEACH_LEARNER $ANTHROPIC_API_KEY $LANG")
        .await;
    assert_eq!(seen, "Ada secret $x 'y' C");
}

#[tokio::test]
async fn binding_again_changes_nothing_and_another_digest_does() {
    let seat = Seat::start().await;
    seat.bind("d1", &[("A", "1")], &[("start", "1")]).await;
    std::fs::remove_file(seat.root().join("start")).unwrap();
    assert_eq!(
        seat.bind("d1", &[("A", "2")], &[("start", "2")])
            .await
            .status,
        204
    );
    assert!(
        !seat.root().join("start").exists(),
        "what a learner deleted stays deleted"
    );
    let mut first = seat.page().await;
    assert_eq!(first.run("echo $A").await, "1");
    assert_eq!(
        seat.bind("d2", &[("A", "3")], &[("start", "3")])
            .await
            .status,
        204
    );
    assert_eq!(
        first.run("echo $A").await,
        "1",
        "a running shell keeps its environment"
    );
    seat.post_json("/terminals", &json!({"name": "two"})).await;
    let mut second = seat.page_of("two").await;
    assert_eq!(second.run("echo $A").await, "3");
    assert_eq!(seat.read("start"), "3");
}

#[tokio::test]
async fn a_bad_binding_leaves_nothing_half_made() {
    let seat = Seat::start().await;
    let binding = |value: serde_json::Value| json!({"digest": "d1", "binding": value});
    for body in [
        json!({}),
        json!({"digest": "", "binding": {"learner": null}}),
        binding(json!({"learner": null, "secrets": {}})),
        binding(json!({"learner": null, "env": {"A=B": "x"}})),
        binding(json!({"learner": null, "env": {"A": "x\0"}})),
        binding(
            json!({"learner": null, "files": [{"path": "ok", "content_base64": "eA=="}, {"path": "../up", "content_base64": "eA=="}]}),
        ),
        binding(
            json!({"learner": null, "files": [{"path": "ok", "content_base64": "eA=="}, {"path": "bad", "content_base64": "*"}]}),
        ),
    ] {
        let answer = seat.post_json("/bind", &body).await;
        assert_eq!(answer.status, 400, "{body}: {}", answer.text());
    }
    assert_eq!(seat.get("/health").await.json()["bound"], json!(null));
    assert!(!seat.root().join("ok").exists());
}

#[tokio::test]
async fn a_refused_binding_is_not_repeated_in_the_answer() {
    let seat = Seat::start().await;
    let body = json!({"digest": "d1", "binding": {"learner": null, "env": {"KEY": ["s3cret"]}}});
    let answer = seat.post_json("/bind", &body).await;
    assert!(answer.status == 400 && !answer.text().contains("s3cret"));
}

#[tokio::test]
async fn starter_files_stay_below_the_root() {
    let seat = Seat::start().await;
    let outside = seat.folder.path().join("outside");
    std::fs::create_dir(&outside).unwrap();
    std::os::unix::fs::symlink(&outside, seat.root().join("link")).unwrap();
    let answer = seat.bind("d1", &[], &[("link/evil", "x")]).await;
    assert_eq!(
        (answer.status.as_u16(), answer.code().as_str()),
        (403, "outside")
    );
    assert_eq!(std::fs::read_dir(outside).unwrap().count(), 0);
}

#[tokio::test]
async fn resources_are_real() {
    let seat = Seat::start().await;
    let stats = seat.get("/stats").await.json();
    assert!(stats["memory"]["used"].as_u64().unwrap() > 0, "{stats}");
    assert!(
        stats["cpu"]["used_microseconds"].as_u64().unwrap() > 0,
        "{stats}"
    );
    assert_eq!(stats["out_of_memory"], json!({"kills": 0, "last_at": null}));
    assert!(stats["memory"]["reclaimable"].as_u64() <= stats["memory"]["used"].as_u64());
    let disk = &stats["disk"];
    assert!(disk["used"].as_u64() <= disk["limit"].as_u64() && disk["limit"].as_u64() > Some(0));
}

#[tokio::test]
async fn what_is_typed_and_what_changes_is_counted_for_who_asks() {
    let seat = Seat::start().await;
    assert!(seat.get("/stats").await.json()["activity"].is_null());
    let look = async || {
        let stats = seat.get("/stats?activity=true").await.json();
        let of = |what: &str| stats["activity"][what].as_u64().unwrap();
        (of("inputs"), of("file_changes"))
    };
    assert_eq!(look().await, (0, 0));
    // Who merely looks does nothing.
    let mut terminal = seat.page().await;
    terminal.wait_for_replay().await;
    assert_eq!(look().await.0, 0);
    terminal.type_text("x").await;
    until("a message that is counted", async || look().await.0 == 1).await;
    // Before the watches are in place nothing is seen: it is written until it is.
    until("a change that is counted", async || {
        std::fs::write(seat.root().join("poem.txt"), "roses").unwrap();
        look().await.1 > 0
    })
    .await;
}

#[tokio::test]
async fn listening_ports_are_found_but_not_our_own() {
    let seat = Seat::start().await;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let listed = seat.get("/ports").await.json();
    let ports = listed["ports"].as_array().unwrap();
    let own = std::fs::read_to_string("/proc/self/comm").unwrap();
    let row = json!({"port": port, "address": "127.0.0.1", "process": own.trim()});
    assert!(ports.contains(&row), "{ports:?}");
    for own in [seat.terminal_port, seat.files_port] {
        assert!(ports.iter().all(|each| each["port"] != own));
    }
}
