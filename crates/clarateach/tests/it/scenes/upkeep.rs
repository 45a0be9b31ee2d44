//! What the server keeps up by itself: the firewall that somebody flushed; and what is left after many workshops.

use std::collections::BTreeMap;

use http::StatusCode;
use serde_json::json;

use super::super::docker::host;
use super::classroom::{Engine, assert_nothing_left, scene};
use super::learner::Learner;
use super::served::Served;
use super::wait::{runs_all, until};

/// Connects to the host from inside a seat; bash does it alone.
const REACH_GATEWAY: &str =
    "timeout 2 bash -c \"exec 3<>/dev/tcp/GATEWAY/PORT\" 2>/dev/null; echo re''ached $?";

/// As `nft flush ruleset` does to our tables; the engine's own and other installations' are left alone here, for other
/// tests use this machine as well.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flushed_firewall_is_set_again_while_the_class_works() {
    scene(async |class| {
        let watch = class.watch().await;
        let listener = std::net::TcpListener::bind("0.0.0.0:0").unwrap();
        let port = listener.local_addr().unwrap().port().to_string();
        let network = format!("clarateach-{}", class.id());
        let format = "{{(index .IPAM.Config 0).Gateway}}";
        let gateway = class
            .engine
            .docker(&["network", "inspect", "--format", format, &network]);
        let reach = REACH_GATEWAY
            .replace("GATEWAY", gateway.trim())
            .replace("PORT", &port);
        class.terminal.answers(&reach, "reached 124").await;
        host("nft", &["delete", "table", "inet", &class.table]);
        // The control: it was the table that kept the seat from the host.
        class.terminal.answers(&reach, "reached 0").await;
        until("the firewall's return", async || {
            class.terminal.answers("echo $((40 + 2))", "42").await;
            let tables = host("nft", &["list", "tables"]);
            tables.contains(&class.table).then_some(())
        })
        .await;
        class.terminal.answers(&reach, "reached 124").await;
        assert_eq!(
            watch.others_than("occupied"),
            Vec::<serde_json::Value>::new()
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_workshops_leave_nothing_behind() {
    let served = Served::docker().await;
    let instructor = served.instructor().await;
    let cycles = if runs_all() { 100 } else { 3 };
    let mut before = BTreeMap::new();
    for cycle in 0..cycles {
        let body =
            json!({"name": "Class", "seats": 2, "resources": {"memory_mb": 128, "disk_mb": 64}});
        let workshop = instructor.post("/api/workshops", body).await;
        assert_eq!(workshop.status, StatusCode::CREATED, "{workshop:?}");
        let workshop = workshop.json();
        let learner = Learner::join(served.listen, &workshop, "Ada").await;
        let mut terminal = learner.terminal().await;
        terminal.answers("echo $((40 + 2))", "42").await;
        let id = workshop["id"].as_str().unwrap();
        let path = format!("/api/workshops/{id}");
        let deleted = instructor.delete(&path).await;
        assert_eq!(deleted.status, StatusCode::NO_CONTENT, "{deleted:?}");
        terminal.is_cut().await;
        assert_nothing_left(&served, &Engine::default(), id).await;
        drop((terminal, learner));
        // What it once made stays the same from then on: descriptors and threads of the server itself.
        let holds = until("a server that holds no more than before", async || {
            let holds = held_by(&served);
            let grown = holds
                .iter()
                .any(|(what, count)| before.get(what).is_some_and(|limit| count > limit));
            (!grown).then_some(holds)
        })
        .await;
        if cycle == 0 {
            // A little room: a pool that isn't full yet, a reader of the store.
            before = holds
                .into_iter()
                .map(|(what, count)| (what, count + 8))
                .collect();
        }
    }
    eprintln!("{cycles} cycles; the server holds at most {before:?}");
}

fn held_by(served: &Served) -> BTreeMap<&'static str, usize> {
    let process = format!("/proc/{}", served.pid().as_raw_nonzero());
    let count = |folder: &str| {
        std::fs::read_dir(format!("{process}/{folder}"))
            .unwrap()
            .count()
    };
    BTreeMap::from([("descriptors", count("fd")), ("threads", count("task"))])
}
