//! What a learner does in a real seat, with their own token and through the gateway.

use bytes::Bytes;
use futures_util::StreamExt;
use http::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

use super::super::docker::host;
use super::classroom::{Classroom, scene};
use super::wait::{INOTIFY, until, within};

impl Classroom {
    async fn told(&self, below: &str) -> Value {
        let answer = self.learner.ask(Method::GET, below, "").await;
        assert_eq!(answer.status, StatusCode::OK, "{below}: {answer:?}");
        answer.json()
    }

    /// Since when the seat's container runs, and how often it was started again.
    fn start_of_seat(&self) -> String {
        let format = "{{.State.Pid}} {{.State.StartedAt}} {{.RestartCount}}";
        host(
            "docker",
            &["inspect", "--format", format, &self.container(1)],
        )
    }
}

/// The next event of such a kind and path; those before it are passed over.
async fn told(events: &mut WebSocketStream<TcpStream>, kind: &str, path: &str) {
    let wanted = json!({"kind": kind, "path": path});
    within(&format!("the event {wanted}"), async {
        loop {
            let message = events.next().await.expect("events go on").unwrap();
            let Message::Text(text) = message else {
                continue;
            };
            if serde_json::from_str::<Value>(&text).unwrap() == wanted {
                return;
            }
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_terminal_changes_is_told_and_found() {
    let _inotify = INOTIFY.read().await;
    scene(async |class| {
        let find = "/search?q=needle-4711&in=contents";
        let nothing = class.told(find).await;
        assert_eq!(nothing["matches"], json!([]), "{nothing}");
        let mut events = class.learner.socket("/files-events", None).await.unwrap();
        told(&mut events, "rescan", "").await;

        class.terminal.types("mkdir deep").await;
        told(&mut events, "created", "deep").await;
        class
            .terminal
            .types("printf 'one\\nthe needle-%s\\n' 4711 > deep/hay.txt")
            .await;
        told(&mut events, "created", "deep/hay.txt").await;
        // Created is told before anything is written.
        let found = until("the needle", async || {
            let found = class.told(find).await["matches"].take();
            (found != json!([])).then_some(found)
        })
        .await;
        let wanted = ["deep/hay.txt", "the needle-4711"].map(Value::from);
        assert_eq!([&found[0]["path"], &found[0]["text"]], wanted.each_ref());
        assert_eq!(found[0]["line"], 2, "{found}");
        let named = class.told("/search?q=hay").await;
        assert_eq!(named["matches"][0]["path"], "deep/hay.txt", "{named}");

        class.terminal.types("rm -r deep").await;
        told(&mut events, "removed", "deep").await;
        assert_eq!(class.told(find).await["matches"], json!([]));
        // The neighbour's search is about the neighbour's files.
        class.neighbour_noticed_nothing().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_archive_of_a_folder_is_the_same_elsewhere() {
    scene(async |class| {
        let make = "mkdir -p from/sub to-zip to-tar && head -c 300000 /dev/urandom > from/noise \
            && printf '#!/bin/sh\\n' > from/sub/run && chmod 755 from/sub/run \
            && printf x > 'from/sub/ä b' && echo ma''de";
        class.terminal.answers(make, "made").await;
        for (format, to) in [("zip", "to-zip"), ("tar.gz", "to-tar")] {
            let compare =
                format!("diff -r from/ {to}/from/ && test -x {to}/from/sub/run; echo dif''fers $?");
            let down = format!("/files-archive?path=from&format={format}");
            let (status, archive) = class
                .learner
                .ask_bytes(Method::GET, &down, Bytes::new())
                .await;
            assert_eq!(status, StatusCode::OK, "{format}");
            assert!(
                archive.len() > 300_000,
                "noise is not packed: {}",
                archive.len()
            );
            let up = format!("/files-archive?path={to}");
            let (status, answer) = class
                .learner
                .ask_bytes(Method::POST, &up, archive.clone())
                .await;
            assert_eq!(status, StatusCode::OK, "{format}: {answer:?}");
            let unpacked: Value = serde_json::from_slice(&answer).unwrap();
            assert_eq!(unpacked["files"], 3, "{unpacked}");
            class.terminal.answers(&compare, "differs 0").await;
            // One byte more, and the comparison says so.
            let change = format!("printf y >> {to}/from/noise; {compare}");
            class.terminal.answers(&change, "differs 1").await;
            let (status, answer) = class.learner.ask_bytes(Method::POST, &up, archive).await;
            assert_eq!(status, StatusCode::CONFLICT, "{answer:?}");
            class.terminal.answers(&compare, "differs 1").await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_for_want_of_memory_is_counted_and_the_terminal_lives_on() {
    scene(async |class| {
        let shell = class.terminal.epoch.clone();
        let before = class.told("/stats").await["out_of_memory"].clone();
        assert_eq!(before, json!({"kills": 0, "last_at": null}));
        // The kernel chooses the learner's programs first.
        let scores = "echo scores $(cat /proc/1/oom_score_adj /proc/self/oom_score_adj)";
        class.terminal.answers(scores, "scores 300 800").await;
        class.terminal.answers("tail /dev/zero", "Killed").await;
        let counted = until("a counted kill", async || {
            let told = class.told("/stats").await["out_of_memory"].clone();
            (told["kills"] != 0).then_some(told)
        })
        .await;
        assert!(counted["last_at"].is_string(), "{counted}");
        class.terminal.answers("echo $((40 + 2))", "42").await;
        assert_eq!(class.terminal.epoch, shell);
        assert_eq!(class.seat(1).await["status"], "occupied");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_listens_is_named() {
    scene(async |class| {
        assert_eq!(class.told("/ports").await, json!({"ports": []}));
        let serve = "python3 -m http.server 8123 --bind 127.0.0.1 >/dev/null 2>&1 & server=$!";
        class.terminal.types(serve).await;
        let told = until("a port", async || {
            let told = class.told("/ports").await;
            (told["ports"] != json!([])).then_some(told)
        })
        .await;
        let wanted = json!({"port": 8123, "address": "127.0.0.1", "process": "python3"});
        assert_eq!(told, json!({"ports": [wanted]}));
        class.terminal.types("kill $server").await;
        until("no port", async || {
            (class.told("/ports").await["ports"] == json!([])).then_some(())
        })
        .await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kill_all_ends_the_shell_and_not_the_seat() {
    scene(async |class| {
        let shell = class.terminal.epoch.clone();
        let start = class.start_of_seat();
        let watch = class.watch().await;
        // Bash's own kill spares bash, as the kernel spares whoever asks (kill(2)); all else ends.
        class
            .terminal
            .answers("sleep 1047 & echo be''gun", "begun")
            .await;
        let count = "echo sleepers $(pgrep -cx sleep)";
        class.terminal.answers(count, "sleepers 1").await;
        class.terminal.types("kill -9 -1").await;
        // The killed one is counted until the shell has waited for it.
        let count = format!("wait; {count}");
        class.terminal.answers(&count, "sleepers 0").await;
        assert_eq!(class.terminal.exit_code, None);
        // Another program's ends the shell, too.
        class
            .terminal
            .types("python3 -c 'import os; os.kill(-1, 9)'")
            .await;
        class.terminal.is_cut().await;
        assert_eq!(
            class.terminal.exit_code,
            Some(128 + 9),
            "the shell's end is told"
        );

        class.is_whole().await;
        assert_ne!(class.terminal.epoch, shell, "another shell");
        assert_eq!(class.start_of_seat(), start, "the seat was started again");
        let others = watch.others_than("occupied");
        assert!(
            others.is_empty(),
            "the seat was not always there: {others:?}"
        );
        class.neighbour_noticed_nothing().await;
    })
    .await;
}
