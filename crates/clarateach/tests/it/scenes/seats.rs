//! What happens to a learner's seat of a real engine: it dies in every way that seats die in, and comes
//! back by itself with files, learner and key.

use std::process::Command;
use std::time::{Duration, Instant};

use http::{Method, StatusCode};
use rustix::process::{Signal, kill_process};
use serde_json::json;

use super::super::docker::host;
use super::classroom::{Engine, assert_nothing_left, scene};
use super::served::Served;
use super::wait::{runs_all, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_seat_comes_back() {
    scene(async |class| {
        let container = class.container(1);
        let watch = class.watch().await;
        host("docker", &["kill", &container]);
        class.heals(watch, &["killed"]).await;
        class.neighbour_noticed_nothing().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_seat_stopped_by_hand_comes_back() {
    scene(async |class| {
        let container = class.container(1);
        let watch = class.watch().await;
        host("docker", &["stop", &container]);
        class.heals(watch, &["stopped"]).await;
        class.neighbour_noticed_nothing().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_seat_restarted_by_hand_is_taken_over() {
    scene(async |class| {
        let container = class.container(1);
        let watch = class.watch().await;
        host("docker", &["restart", "-t", "0", &container]);
        class
            .heals(watch, &["seat_restarted", "killed", "stopped"])
            .await;
        class.neighbour_noticed_nothing().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_seat_removed_by_hand_is_made_again() {
    scene(async |class| {
        let container = class.container(1);
        let watch = class.watch().await;
        host("docker", &["rm", "-f", &container]);
        class.heals(watch, &["seat_removed", "killed"]).await;
        class.neighbour_noticed_nothing().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_that_takes_all_memory_dies_alone() {
    scene(async |class| {
        let shell = class.terminal.epoch.clone();
        class.terminal.answers("tail /dev/zero", "Killed").await;
        class.terminal.answers("echo $((40 + 2))", "42").await;
        assert_eq!(class.terminal.epoch, shell);
        assert_eq!(class.seat(1).await["status"], "occupied");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn full_memory_disks_leave_room_for_a_shell() {
    scene(async |class| {
        let fill = "head -c 1G /dev/zero > /tmp/x; head -c 1G /dev/zero > /dev/shm/x; echo full $?";
        class.terminal.answers(fill, "full 1").await;
        class
            .terminal
            .answers("exec bash -c 'echo $((40 + 2))'", "42")
            .await;
        class.terminal.is_cut().await;
        // The next shell.
        class.is_whole().await;
        class.terminal.answers("echo $((40 + 3))", "43").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_seat_that_ran_out_of_memory_comes_back() {
    scene(async |class| {
        let watch = class.watch().await;
        // The kernel kills the worst: the server, which is made so here, before any of many small ones.
        let inspect = ["inspect", "--format", "{{.State.Pid}}", &class.container(1)];
        let server = host("docker", &inspect);
        std::fs::write(format!("/proc/{}/oom_score_adj", server.trim()), "1000").unwrap();
        let small = "(x=$(head -c 8M /dev/zero | tr '\\0' x); sleep 60) &";
        class
            .terminal
            .types(&format!("for n in $(seq 20); do {small} done"))
            .await;
        class.heals(watch, &["out_of_memory"]).await;
        class.neighbour_noticed_nothing().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_network_removed_by_hand_is_made_again() {
    scene(async |class| {
        let network = format!("clarateach-{}", class.id());
        let containers = [class.container(1), class.container(2)];
        let watch = class.watch().await;
        // The hand is faster than the server, which would have seats on the network again.
        kill_process(class.served.pid(), Signal::STOP).unwrap();
        for container in &containers {
            let disconnect = ["network", "disconnect", "-f", &network, container];
            host("docker", &disconnect);
        }
        host("docker", &["network", "rm", &network]);
        kill_process(class.served.pid(), Signal::CONT).unwrap();
        class.heals(watch, &["network_lost"]).await;
        class.neighbour_is_back().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rebooted_machine_brings_the_class_back() {
    scene(async |class| {
        class.served.kill().await;
        for number in [1, 2] {
            host("docker", &["kill", &class.container(number)]);
        }
        host("nft", &["delete", "table", "inet", &class.table]);
        class.unmount_disks();
        class.served.start_again().await;
        class.learner.is_served().await;
        class.is_whole().await;
        class.neighbour_is_back().await;
    })
    .await;
}

/// Deaths of a seat that are mended before it is given up (`orchestrator/settings.rs`).
const DEATHS: usize = 5;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_seat_that_always_dies_is_given_up_and_retry_heals_it() {
    scene(async |class| {
        let watch = class.watch().await;
        let mut deaths = Vec::new();
        let failed = loop {
            let container = class.container(1);
            // An error says that it doesn't run just now.
            let killed = Command::new("docker").args(["kill", &container]).output();
            if killed.is_ok_and(|it| it.status.success()) {
                deaths.push(Instant::now());
                class.neighbour_noticed_nothing().await;
            }
            if let Some(failed) = watch.find("failed", &["killed"]) {
                break failed;
            }
            assert!(deaths.len() <= 2 * DEATHS, "it is started for ever");
            tokio::time::sleep(Duration::from_millis(50)).await;
        };
        let message = failed["reason"]["message"].as_str().unwrap();
        assert!(message.contains("Retry starts it again"), "{message}");
        assert!(
            deaths.len() > DEATHS,
            "given up after {} deaths",
            deaths.len()
        );
        let pauses: Vec<_> = deaths.windows(2).map(|two| two[1] - two[0]).collect();
        assert!(
            pauses[4] > 2 * pauses[1],
            "pauses that don't grow: {pauses:?}"
        );
        eprintln!("{pauses:?}: {message}");
        class.neighbour_noticed_nothing().await;

        let retry = format!("/api/workshops/{}/seats/1/retry", class.id());
        let retried = class.instructor.post(&retry, json!({})).await;
        assert_eq!(retried.status, StatusCode::OK, "{retried:?}");
        class.is_whole().await;
        assert_eq!(class.seat(1).await["status"], "occupied");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn seats_deleted_while_they_are_made_leave_nothing() {
    let served = Served::docker().await;
    let instructor = served.instructor().await;
    let rounds = if runs_all() { 10 } else { 4 };
    for round in 0..rounds {
        let body = json!({"name": "Class", "seats": 3, "resources": {"disk_mb": 64}});
        let headers = [
            ("prefer", "respond-async"),
            ("content-type", "application/json"),
        ];
        let made = instructor
            .send(Method::POST, "/api/workshops", &headers, body.to_string())
            .await;
        assert_eq!(made.status, StatusCode::ACCEPTED, "{made:?}");
        let made = made.json();
        let path = format!("/api/workshops/{}", made["id"].as_str().unwrap());
        // With none, one, two, all of its seats ready, the last being reset; and where it happens to be.
        let enough = round % 4;
        until("some of the seats", async || {
            let shown = instructor.get(&path).await.json();
            let seats = shown["seats"].as_array().unwrap().clone();
            let ready = seats
                .iter()
                .filter(|seat| seat["status"] == "ready")
                .count();
            (ready >= enough).then_some(())
        })
        .await;
        if enough == 3 {
            instructor
                .post(&format!("{path}/seats/2/reset"), json!({}))
                .await;
        }
        let (one, two) = tokio::join!(instructor.delete(&path), instructor.delete(&path));
        for answer in [one, two] {
            assert_eq!(answer.status, StatusCode::NO_CONTENT, "{answer:?}");
        }
        assert_nothing_left(&served, &Engine::default(), made["id"].as_str().unwrap()).await;
    }
}
