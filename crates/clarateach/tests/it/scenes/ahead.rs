//! Standby workshops and undone resets, with the seats of a real engine.

use std::time::Instant;

use http::StatusCode;
use serde_json::{Value, json};

use super::super::docker::host;
use super::classroom::{Engine, assert_nothing_left, scene};
use super::learner::Learner;
use super::served::Served;
use super::wait::until;

async fn standby(served: &Served) -> Value {
    let instructor = served.instructor().await;
    until("a standby workshop", async || {
        let capacity = instructor.get("/api/capacity").await.json();
        let all = capacity["standby"].as_array()?.clone();
        all.into_iter().find(|one| one["status"] == "ready")
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standby_workshop_is_given_out_whole_and_the_rest_goes() {
    let arguments = ["--standby", "3x1", "--standby-at-stop", "drain"];
    let mut served = Served::docker_with(&arguments).await;
    let ahead = standby(&served).await;
    let id = ahead["id"].as_str().unwrap().to_owned();
    // A restart adopts it as it is.
    let before = containers(&id);
    served.kill().await;
    served.start_again().await;
    assert_eq!(standby(&served).await["id"], *id);
    assert_eq!(containers(&id), before, "its seats were made again");

    let instructor = served.instructor().await;
    let began = Instant::now();
    let body = json!({"name": "Class", "seats": 2, "api_key": "sk-of-the-class"});
    let workshop = instructor.post("/api/workshops", body).await;
    eprintln!("two seats of a standby workshop: {:?}", began.elapsed());
    assert_eq!(workshop.status, StatusCode::CREATED, "{workshop:?}");
    let workshop = workshop.json();
    assert_eq!(workshop["id"], *id, "it is the one that was made ahead");
    assert_eq!(workshop["seats"].as_array().unwrap().len(), 2);
    let ada = Learner::join(served.listen, &workshop, "Ada").await;
    let mut terminal = ada.terminal().await;
    terminal
        .answers("echo \"[$ANTHROPIC_API_KEY]\"", "[sk-of-the-class]")
        .await;
    // The seat that nobody asked for goes, those that were made are the same.
    until("the surplus seat's end", async || {
        (containers(&id).len() == 2).then_some(())
    })
    .await;
    assert!(containers(&id).iter().all(|one| before.contains(one)));
    // The next is made in the background, and is another.
    let next = standby(&served).await["id"].as_str().unwrap().to_owned();
    assert_ne!(next, id);
    terminal.answers("echo $((40 + 2))", "42").await;
    let deleted = instructor.delete(&format!("/api/workshops/{id}")).await;
    assert_eq!(deleted.status, StatusCode::NO_CONTENT, "{deleted:?}");
    served.stop().await;
    for id in [&id, &next] {
        assert_nothing_left(&served, &Engine::default(), id).await;
    }
}

fn containers(workshop: &str) -> Vec<String> {
    let label = format!("label=clarateach.workshop={workshop}");
    let found = host(
        "docker",
        &["ps", "--quiet", "--no-trunc", "--filter", &label],
    );
    let mut found: Vec<_> = found.lines().map(ToOwned::to_owned).collect();
    found.sort();
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_undone_reset_brings_a_learners_files_back() {
    scene(async |class| {
        let seat = format!("/api/workshops/{}/seats/1", class.id());
        class.learner.save("work.txt", "an hour's").await;
        class
            .terminal
            .answers(
                "echo mark$((40 + 2)) >> work.txt; sync; echo do''ne",
                "done",
            )
            .await;
        let reset = class
            .instructor
            .post(&format!("{seat}/reset"), json!({}))
            .await;
        assert!(reset.status.is_success(), "{reset:?}");
        assert!(reset.json()["undo_reset_until"].is_string(), "{reset:?}");
        class.terminal.is_cut().await;
        until("a seat that is new", async || {
            let seat = class.seat(1).await;
            (seat["status"] == "occupied" && seat["generation"] == 2).then_some(())
        })
        .await;
        // The page's token is of the generation before; it comes back with what it remembers.
        class.learner = class.learner.other_device(&class.workshop).await;
        let gone = class
            .learner
            .ask(http::Method::GET, "/files/work.txt", "")
            .await;
        assert_eq!(gone.status, StatusCode::NOT_FOUND, "{gone:?}");
        class
            .learner
            .save("after.txt", "of the time after the reset")
            .await;

        let undone = class
            .instructor
            .post(&format!("{seat}/undo-reset"), json!({}))
            .await;
        assert!(undone.status.is_success(), "{undone:?}");
        until("the seat as it was", async || {
            let seat = class.seat(1).await;
            (seat["status"] == "occupied" && seat["generation"] == 3).then_some(())
        })
        .await;
        class.learner = class.learner.other_device(&class.workshop).await;
        class.learner.has("work.txt", "an hour'smark42\n").await;
        let gone = class
            .learner
            .ask(http::Method::GET, "/files/after.txt", "")
            .await;
        assert_eq!(gone.status, StatusCode::NOT_FOUND, "{gone:?}");
        class.is_whole().await;
        class.neighbour_noticed_nothing().await;
    })
    .await;
}
