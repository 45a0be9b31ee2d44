//! The engine goes away under a class and comes back.

use http::StatusCode;
use serde_json::json;

use super::classroom::{Classroom, scene_of};
use super::engine::{Containers, SecondEngine};
use super::learner::Learner;
use super::served::Served;
use super::wait::{runs_all, until};

async fn scene(containers: Containers, play: impl AsyncFnOnce(&mut Classroom, &mut SecondEngine)) {
    let mut engine = SecondEngine::start(containers).await;
    let served = Served::docker_at(Some(engine.host())).await;
    let (client, image) = (engine.client(), engine.image);
    scene_of(served, client, image, async |class| {
        play(class, &mut engine).await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn seats_that_stopped_with_their_engine_come_back_with_it() {
    scene(Containers::Stop, async |class, engine| {
        let outages = if runs_all() { 4 } else { 1 };
        for outage in 1..=outages {
            let watch = class.watch().await;
            if outage % 2 == 1 {
                engine.stop().await;
            } else {
                engine.kill().await;
                // Its containers go on without it; the engine's next start stops them, or kills them.
                engine.start_again().await;
                let reasons = [
                    "stopped",
                    "killed",
                    "engine_restarted",
                    "engine_unreachable",
                ];
                class.heals(watch, &reasons).await;
                class.neighbour_is_back().await;
                continue;
            }
            class.terminal.is_cut().await;
            until("the instructor to be told", async || {
                watch.find("recovering", &["engine_unreachable"])
            })
            .await;
            let body = json!({"name": "Another", "seats": 1});
            let refused = class.instructor.post("/api/workshops", body).await;
            assert_eq!(
                refused.status,
                StatusCode::SERVICE_UNAVAILABLE,
                "{refused:?}"
            );
            assert_eq!(refused.code(), "engine_unreachable");
            engine.start_again().await;
            class.heals(watch, &["engine_unreachable"]).await;
            class.neighbour_is_back().await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn seats_that_outlive_their_engine_go_on() {
    scene(Containers::LiveOn, async |class, engine| {
        let more = format!("/api/workshops/{}/seats", class.id());
        let added = class.instructor.post(&more, json!({"count": 1})).await;
        assert_eq!(added.status, StatusCode::OK, "{added:?}");
        until("the third seat", async || {
            (class.seat(3).await["status"] == "ready").then_some(())
        })
        .await;
        let watch = class.watch().await;
        let shell = class.terminal.epoch.clone();
        class
            .terminal
            .answers("mark=$((40 + 2)); echo is $mark", "is 42")
            .await;
        engine.stop().await;
        class.terminal.answers("echo $((mark + 1))", "43").await;
        class.learner.save("during.txt", "no engine").await;
        let late = Learner::join(class.served.listen, &class.workshop, "Cleo").await;
        late.terminal()
            .await
            .answers("echo $((40 + 2))", "42")
            .await;
        engine.start_again().await;
        class.terminal.answers("echo $((mark + 2))", "44").await;
        // Once it is told apart from a seat that died, a death is seen again.
        class.engine.docker(&["kill", &class.container(2)]);
        class.neighbour_is_back().await;
        class.terminal.answers("echo $((mark + 3))", "45").await;
        assert_eq!(class.terminal.epoch, shell);
        assert_eq!(
            watch.others_than("occupied"),
            Vec::<serde_json::Value>::new()
        );
        class.is_isolated().await;
    })
    .await;
}
