//! On a machine that is full: who waits, where in the queue, and what makes room.

use std::time::Duration;

use clarateach::model::{Amounts, Capacity};
use serde_json::json;

use super::world::{class, learner, pausing_after, until};
use crate::app::{TestApp, config};

/// Room for seats and one browser.
fn one_browser(seats: u64) -> Capacity {
    let each = Amounts::of(seats, clarateach::model::Resources::default());
    let for_seats = [each, Amounts::of_browsers(1)].into_iter().sum();
    Capacity { for_seats }
}

#[tokio::test]
async fn who_comes_later_waits_with_a_place_until_a_browser_nobody_watches_makes_room() {
    tokio::task::LocalSet::new()
        .run_until(async {
            let dir = tempfile::tempdir().unwrap();
            let set_up = pausing_after(Duration::from_millis(600));
            let mut seats = None;
            let app = TestApp::start_on(set_up(config(dir.path())), &mut seats).await;
            let instructor = app.instructor().await;
            let workshop = class(&instructor, 3, "on_demand").await;
            seats.unwrap().limit(one_browser(3));
            let ada = learner(&app, &workshop, "Ada").await;
            let bob = learner(&app, &workshop, "Bob").await;
            let eve = learner(&app, &workshop, "Eve").await;
            let watching = ada.enter().await.watch().await;
            for (person, place) in [(&bob, 1), (&eve, 2), (&bob, 1)] {
                let answer = person.ask().await;
                assert_eq!(answer.status, 202, "{answer:?}");
                assert_eq!(
                    answer.json(),
                    json!({"status": "queued", "position": place})
                );
            }
            let shown = until(&instructor, &workshop, 3, |it| it["status"] == "queued").await;
            assert_eq!(shown["position"], 2);
            // As long as she watches she keeps it; then it is frozen, and goes for who waits.
            drop(watching);
            let visitor = bob.enter().await;
            assert_eq!(visitor.get("/").await.status, 200);
            let shown = until(&instructor, &workshop, 1, |it| it["status"] == "absent").await;
            assert_eq!(shown, json!({"status": "absent"}));
            assert_eq!(eve.ask().await.json()["position"], 1);
        })
        .await;
}
