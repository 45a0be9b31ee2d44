//! A browser's life: frozen and woken, and there again after whatever happened to its seat.

use std::time::{Duration, Instant};

use clarateach::provider::simulated::Failure;
use serde_json::{Value, json};

use super::world::{PATIENCE, Person, class, learner, path, pausing_after, until_it_is};
use crate::app::{TestApp, config, scene, scene_with, scene_with_seats};

#[tokio::test]
async fn an_unwatched_browser_is_frozen_and_woken_by_the_next_visit() {
    let set_up = pausing_after(Duration::from_millis(300));
    scene_with(set_up, |app, instructor| async move {
        let workshop = class(&instructor, 1, "on_demand").await;
        let ada = learner(&app, &workshop, "Ada").await;
        let visitor = ada.enter().await;
        drop(visitor.watch().await);
        until_it_is(&instructor, &workshop, "paused").await;
        // Reloading the frame is enough: it shows a page of ours until the browser is there.
        let page = visitor.visit("/").await;
        assert_eq!(page.status, 503, "{page:?}");
        assert!(page.text.contains("http-equiv=\"refresh\""), "{page:?}");
        assert!(page.text.contains("The browser is starting"), "{page:?}");
        until_it_is(&instructor, &workshop, "running").await;
        let page = visitor.visit("/").await;
        assert!(page.text.contains("rgb(30,120,200)"), "{page:?}");
    })
    .await;
}

#[tokio::test]
async fn browsers_of_every_seat_are_there_when_the_workshop_is() {
    scene(|app, instructor| async move {
        let workshop = class(&instructor, 3, "always").await;
        assert_eq!(workshop["status"], "ready");
        for seat in workshop["seats"].as_array().unwrap() {
            assert_eq!(seat["browser"], json!({"status": "running"}), "{seat}");
            assert_eq!(seat["status"], "ready");
        }
        let ada = learner(&app, &workshop, "Ada").await;
        assert_eq!(ada.ask().await.status, 200);
    })
    .await;
}

#[tokio::test]
async fn a_seat_without_its_browser_is_a_seat() {
    scene_with_seats(|app, instructor, seats| async move {
        seats.fail_browsers(1, Failure::Engine);
        let workshop = class(&instructor, 1, "always").await;
        assert_eq!(workshop["status"], "ready");
        assert_eq!(workshop["seats"][0]["status"], "ready");
        assert_eq!(workshop["seats"][0]["browser"]["status"], "failed");
        let reason = &workshop["seats"][0]["browser"]["reason"];
        assert_eq!(reason["code"], "engine_error");
        let ada = learner(&app, &workshop, "Ada").await;
        let told = ada.ask().await;
        if told.status != 200 {
            assert_eq!(
                (told.status.as_u16(), told.code().as_str()),
                (503, "browser_failed")
            );
            assert!(told.text.contains("scripted failure"), "{told:?}");
        }
        // It is tried again by itself.
        until_it_is(&instructor, &workshop, "running").await;
        assert_eq!(ada.ask().await.status, 200);
    })
    .await;
}

#[tokio::test]
async fn who_asks_again_after_a_failure_does_not_wait_for_the_pause_that_it_made() {
    scene_with_seats(|app, instructor, seats| async move {
        let workshop = class(&instructor, 1, "on_demand").await;
        let ada = learner(&app, &workshop, "Ada").await;
        seats.fail_browsers(4, Failure::Engine);
        let begun = Instant::now();
        let mut failures = 0;
        // A page asks each second until it is told of the failure, and then only when somebody says so.
        loop {
            let answer = ada.ask().await;
            match answer.status.as_u16() {
                200 => break,
                202 => tokio::time::sleep(Duration::from_millis(10)).await,
                _ => {
                    assert_eq!(answer.code(), "browser_failed", "{answer:?}");
                    failures += 1;
                }
            }
        }
        // Each try is told of once, and the next one begins with the next question. By itself the fifth
        // comes after 7.5 s at the soonest.
        let took = begun.elapsed();
        assert!(
            failures <= 4 && took < Duration::from_secs(5),
            "{failures} in {took:?}"
        );
    })
    .await;
}

/// Opens the browser again and again until it shows something.
async fn until_it_shows(person: &Person) {
    let opening = async { while person.enter().await.get("/").await.status != 200 {} };
    tokio::time::timeout(PATIENCE, opening)
        .await
        .expect("the browser doesn't come back");
}

#[tokio::test]
async fn a_watched_browser_comes_back_with_its_seat_and_for_nobody_else() {
    scene_with_seats(|app, instructor, seats| async move {
        let workshop = class(&instructor, 1, "on_demand").await;
        let ada = learner(&app, &workshop, "Ada").await;
        let mut socket = ada.enter().await.watch().await;
        socket.next().await.unwrap();
        // The seat dies and is started again.
        let key = clarateach_protocol::id::SeatKey {
            workshop: workshop["id"].as_str().unwrap().parse().unwrap(),
            seat: "1".parse().unwrap(),
        };
        seats.kill(&key);
        assert_eq!(socket.next().await, None);
        until_it_shows(&ada).await;
        // A reset is of the same learner.
        instructor
            .post(&format!("{}/seats/1/reset", path(&workshop)), json!({}))
            .await;
        let anew = |shown: &Value| {
            let seat = &shown["seats"][0];
            seat["generation"] == 2 && seat["browser"]["status"] == "running"
        };
        instructor.until(&path(&workshop), anew).await;
        // After a release nobody wants it.
        instructor
            .post(&format!("{}/seats/1/release", path(&workshop)), json!({}))
            .await;
        let ready = |shown: &Value| {
            let seat = &shown["seats"][0];
            seat["status"] == "ready" && seat["generation"] == 3
        };
        let shown = instructor.until(&path(&workshop), ready).await;
        assert_eq!(shown["seats"][0]["browser"], json!({"status": "absent"}));
    })
    .await;
}

#[tokio::test]
async fn a_browser_outlives_the_server() {
    tokio::task::LocalSet::new()
        .run_until(async {
            let dir = tempfile::tempdir().unwrap();
            let mut seats = None;
            let app = TestApp::start_on(config(dir.path()), &mut seats).await;
            let instructor = app.instructor().await;
            let workshop = class(&instructor, 1, "on_demand").await;
            let ada = learner(&app, &workshop, "Ada").await;
            ada.until_it_is_there().await;
            let token = ada.clone();
            app.stop().await;
            let app = TestApp::start_on(config(dir.path()), &mut seats).await;
            // Nobody asked this server, and it is there.
            let mut instructor = instructor;
            instructor.base = app.client().base;
            until_it_is(&instructor, &workshop, "running").await;
            let _ = token;
        })
        .await;
}
