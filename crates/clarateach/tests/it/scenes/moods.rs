//! An engine that hangs, or answers nothing but errors, under a class at work.

use std::time::{Duration, Instant};

use http::StatusCode;
use serde_json::json;

use super::super::docker::host;
use super::classroom::{self, Classroom, scene_of};
use super::front::{Engine, Front};
use super::learner::Learner;
use super::lost::offline;
use super::served::Served;
use super::wait::until;

/// The deadline of questions that somebody waits for is 15 s (`orchestrator/settings.rs`); a loaded machine adds.
const ANSWERED_WITHIN: Duration = Duration::from_secs(30);

async fn scene(play: impl AsyncFnOnce(&mut Classroom, &Front)) {
    let front = Front::open();
    let served = Served::docker_at(Some(front.host())).await;
    let engine = classroom::Engine::default();
    scene_of(
        served,
        engine,
        "clarateach/workspace:latest",
        async |class| play(class, &front).await,
    )
    .await;
}

/// What needs no engine goes on, what needs one is refused in time, and once it works everything does.
async fn goes_on_while(mode: Engine, codes: &[&str]) {
    scene(async |class, front| {
        let more = format!("/api/workshops/{}/seats", class.id());
        let added = class.instructor.post(&more, json!({"count": 1})).await;
        assert_eq!(added.status, StatusCode::OK, "{added:?}");
        until("the third seat", async || {
            (class.seat(3).await["status"] == "ready").then_some(())
        })
        .await;
        let shell = class.terminal.epoch.clone();
        let watch = class.watch().await;
        front.now(mode);
        class.terminal.answers("echo $((40 + 2))", "42").await;
        class.learner.save("during.txt", "no engine").await;
        let late = Learner::join(class.served.listen, &class.workshop, "Cleo").await;
        let mut lates = late.terminal().await;
        lates.answers("echo $((40 + 3))", "43").await;
        let began = Instant::now();
        let body = json!({"name": "Another", "seats": 1});
        let refused = class.instructor.post("/api/workshops", body).await;
        let took = began.elapsed();
        class.terminal.answers("echo $((50 + 1))", "51").await;
        assert!(took < ANSWERED_WITHIN, "refused after {took:?}");
        assert_eq!(
            refused.status,
            StatusCode::SERVICE_UNAVAILABLE,
            "{refused:?}"
        );
        assert!(codes.contains(&refused.code().as_str()), "{refused:?}");
        assert!(refused.headers.contains_key("retry-after"), "{refused:?}");
        let ready = class.instructor.get("/api/ready").await;
        assert_eq!(ready.status, StatusCode::SERVICE_UNAVAILABLE, "{ready:?}");
        class.terminal.answers("echo $((50 + 2))", "52").await;
        assert_eq!(
            class.instructor.get("/api/health").await.status,
            StatusCode::OK
        );
        // A seat that dies meanwhile is mended afterwards; nobody else notices anything.
        class.engine.docker(&["kill", &class.container(2)]);
        class.terminal.answers("echo $((40 + 4))", "44").await;
        front.now(Engine::Works);
        class.neighbour_is_back().await;
        class.terminal.answers("echo $((40 + 5))", "45").await;
        assert_eq!(class.terminal.epoch, shell);
        assert_eq!(
            watch.others_than("occupied"),
            Vec::<serde_json::Value>::new()
        );
        class.is_isolated().await;
        until("readiness", async || {
            let ready = class.instructor.get("/api/ready").await;
            (ready.status == StatusCode::OK).then_some(())
        })
        .await;
        let body =
            json!({"name": "Another", "seats": 1, "resources": {"memory_mb": 128, "disk_mb": 64}});
        let made = class.instructor.post("/api/workshops", body).await;
        assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
        let made = made.json();
        let path = format!("/api/workshops/{}", made["id"].as_str().unwrap());
        let removed = class.instructor.delete(&path).await;
        assert_eq!(removed.status, StatusCode::NO_CONTENT, "{removed:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_class_works_while_its_engine_hangs() {
    goes_on_while(Engine::Hangs, &["deadline", "engine_unreachable"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_class_works_while_its_engine_answers_nothing_but_errors() {
    goes_on_while(Engine::Fails, &["engine_error"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_workshop_that_is_made_while_the_engine_fails_is_made_once_it_works() {
    scene(async |class, front| {
        let headers = [
            ("prefer", "respond-async"),
            ("content-type", "application/json"),
        ];
        let body =
            json!({"name": "Another", "seats": 2, "resources": {"memory_mb": 128, "disk_mb": 64}});
        let made = class
            .instructor
            .send(
                http::Method::POST,
                "/api/workshops",
                &headers,
                body.to_string(),
            )
            .await;
        assert_eq!(made.status, StatusCode::ACCEPTED, "{made:?}");
        front.now(Engine::Fails);
        let made = made.json();
        let path = format!("/api/workshops/{}", made["id"].as_str().unwrap());
        // Tried, and tried again; nobody calls it failed for good before that.
        let view = class.instructor.get(&path).await.json();
        assert_ne!(view["status"], "ready", "{view}");
        front.now(Engine::Works);
        let began = Instant::now();
        until("a workshop that is whole", async || {
            class.terminal.answers("echo $((40 + 2))", "42").await;
            let view = class.instructor.get(&path).await.json();
            let all = view["seats"].as_array().unwrap().iter();
            let ready = all.filter(|seat| seat["status"] == "ready").count();
            (view["status"] == "ready" && ready == 2).then_some(())
        })
        .await;
        eprintln!("made {:?} after the engine worked again", began.elapsed());
        let removed = class.instructor.delete(&path).await;
        assert_eq!(removed.status, StatusCode::NO_CONTENT, "{removed:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_workshop_ends_though_its_engine_keeps_the_network() {
    scene(async |class, front| {
        let body =
            json!({"name": "Another", "seats": 4, "resources": {"memory_mb": 128, "disk_mb": 64}});
        let made = class.instructor.post("/api/workshops", body).await;
        assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
        let id = made.json()["id"].as_str().unwrap().to_owned();
        let path = format!("/api/workshops/{id}");
        front.now(Engine::KeepsNetworks);
        let began = Instant::now();
        let removed = class.instructor.delete(&path).await;
        assert_eq!(removed.status, StatusCode::NO_CONTENT, "{removed:?}");
        assert!(began.elapsed() < ANSWERED_WITHIN, "{:?}", began.elapsed());
        let view = class.instructor.get(&path).await;
        assert_eq!(view.status, StatusCode::NOT_FOUND, "{view:?}");
        // An engine loses count of those that leave together.
        assert_eq!(front.most_leaving_at_once(), 1);
        // The network is there, and who operates this is told what to do.
        let label = format!("label=clarateach.workshop={id}");
        let left = |what: &[&str]| {
            class
                .engine
                .docker(&[what, &["-q", "--filter", &label]].concat())
        };
        assert_eq!(left(&["ps", "--all"]), "");
        assert_ne!(left(&["network", "ls"]), "");
        assert!(class.served.log().contains("restart the engine"));
        let doctor = offline(&class.served.data(), &["doctor"]).await;
        let found = String::from_utf8_lossy(&doctor.stdout).into_owned();
        let kept = found
            .lines()
            .find(|line| line.contains("over, though nobody is in them"));
        let own = class.workshop["id"].as_str().unwrap();
        assert!(
            kept.is_some_and(|line| line.contains(&id) && !line.contains(own)),
            "{found}"
        );
        class.terminal.answers("echo $((40 + 2))", "42").await;
        front.now(Engine::Works);
        until("a network that goes once it can", async || {
            left(&["network", "ls"]).is_empty().then_some(())
        })
        .await;
        let short = id.strip_prefix("ws-").unwrap();
        for (program, arguments) in [("nft", ["list", "tables"]), ("ip", ["link", "show"])] {
            assert!(!host(program, &arguments).contains(short), "{program}");
        }
    })
    .await;
}
