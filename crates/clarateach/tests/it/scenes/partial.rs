//! Some seats can't be made: the rest of the class works.

use std::collections::BTreeSet;
use std::time::Duration;

use clarateach::provider::simulated::{Failure, Fault};
use clarateach_protocol::id::SeatNumber;
use http::StatusCode;
use serde_json::{Value, json};

use super::super::app::{Client, scene_with_seats};
use super::learner::Learner;
use super::wait::until;

const BROKEN: Fault = Fault::CreateFails {
    times: u32::MAX,
    failure: Failure::Engine,
};

fn number(seat: u16) -> SeatNumber {
    SeatNumber::new(seat).unwrap()
}

fn seats(workshop: &Value) -> &Vec<Value> {
    workshop["seats"].as_array().unwrap()
}

fn path(workshop: &Value) -> String {
    format!("/api/workshops/{}", workshop["id"].as_str().unwrap())
}

async fn until_seat(instructor: &Client, workshop: &Value, seat: usize, status: &str) -> Value {
    let what = format!("seat {seat} to be {status}");
    until(&what, async || {
        let shown = instructor.get(&path(workshop)).await.json();
        (seats(&shown)[seat - 1]["status"] == status).then_some(shown)
    })
    .await
}

#[tokio::test]
async fn a_class_of_forty_works_without_its_broken_seats() {
    for broken in [1_u16, 3, 20] {
        scene_with_seats(|app, instructor, simulated| async move {
            // Spread over the class: every other one from seat 2.
            let numbers: BTreeSet<u64> = (1..=broken).map(|n| u64::from(2 * n)).collect();
            (1..=broken).for_each(|n| simulated.inject(number(2 * n), BROKEN));
            let workshop = instructor.workshop(40).await;
            assert_eq!(workshop["status"], "ready");
            for seat in seats(&workshop) {
                let is_broken = numbers.contains(&seat["number"].as_u64().unwrap());
                assert_eq!(seat["status"], if is_broken { "failed" } else { "ready" });
                assert_eq!(is_broken, seat["reason"]["message"].is_string(), "{seat}");
            }
            let mut taken = BTreeSet::new();
            for n in 0..40 - broken {
                let learner = Learner::join(app.listen, &workshop, &format!("Learner {n}")).await;
                assert_eq!(learner.session().await.status, StatusCode::OK);
                taken.insert(learner.joined["seat"].as_u64().unwrap());
            }
            assert!(
                taken.is_disjoint(&numbers),
                "a learner sits on a broken seat"
            );
            assert_eq!(taken.len(), usize::from(40 - broken));
            let late = app.client().join(&workshop, "Late").await;
            assert_eq!(
                (late.status, late.code().as_str()),
                (StatusCode::CONFLICT, "no_seats")
            );

            // Retry of what is still broken changes nothing; once it is mended, it heals.
            let retry = format!("{}/seats/2/retry", path(&workshop));
            simulated.heal();
            let again = instructor.post(&retry, json!({})).await;
            assert_eq!(again.status, StatusCode::OK, "{again:?}");
            until_seat(&instructor, &workshop, 2, "ready").await;
            let healed = Learner::join(app.listen, &workshop, "Late").await;
            assert_eq!(healed.joined["seat"], 2);
            assert_eq!(healed.session().await.status, StatusCode::OK);
        })
        .await;
    }
}

#[tokio::test]
async fn who_comes_early_gets_a_seat_that_is_ready() {
    scene_with_seats(|app, instructor, simulated| async move {
        simulated.inject(number(2), Fault::CreateHangs);
        let headers = [
            ("prefer", "respond-async"),
            ("content-type", "application/json"),
        ];
        let body = json!({"name": "Class", "seats": 3}).to_string();
        let workshop = instructor
            .send(http::Method::POST, "/api/workshops", &headers, body)
            .await;
        assert_eq!(workshop.status, StatusCode::ACCEPTED);
        let workshop = workshop.json();
        until_seat(&instructor, &workshop, 1, "ready").await;
        let shown = until_seat(&instructor, &workshop, 3, "ready").await;
        assert_eq!(shown["status"], "provisioning", "the second one hangs");
        for seat in [1, 3] {
            let learner = Learner::join(app.listen, &workshop, "Early").await;
            assert_eq!(learner.joined["seat"], seat);
            assert_eq!(learner.session().await.status, StatusCode::OK);
        }
        let third = app.client().join(&workshop, "Third").await;
        assert_eq!(
            (third.status, third.code().as_str()),
            (StatusCode::TOO_EARLY, "not_ready")
        );
        assert!(third.headers.contains_key("retry-after"));
    })
    .await;
}

#[tokio::test]
async fn a_class_without_any_seat_says_why_and_retry_heals_it() {
    scene_with_seats(|app, instructor, simulated| async move {
        (1..=5).for_each(|n| simulated.inject(number(n), BROKEN));
        let workshop = instructor.workshop(5).await;
        assert_eq!(workshop["status"], "failed");
        assert_eq!(workshop["reason"]["code"], "engine_error");
        let refused = app.client().join(&workshop, "Ada").await;
        assert_eq!(
            (refused.status, refused.code().as_str()),
            (StatusCode::TOO_EARLY, "not_ready")
        );
        simulated.heal();
        instructor
            .post(&format!("{}/seats/4/retry", path(&workshop)), json!({}))
            .await;
        let shown = until_seat(&instructor, &workshop, 4, "ready").await;
        let _ = shown;
        until("the workshop to be ready", async || {
            let shown = instructor.get(&path(&workshop)).await.json();
            (shown["status"] == "ready" && shown["reason"].is_null()).then_some(())
        })
        .await;
        let learner = Learner::join(app.listen, &workshop, "Ada").await;
        assert_eq!(learner.joined["seat"], 4);
    })
    .await;
}

#[tokio::test]
async fn seats_are_added_while_a_class_types_up_to_two_hundred() {
    scene_with_seats(|app, instructor, simulated| async move {
        let workshop = instructor.workshop(2).await;
        let learners = [
            Learner::join(app.listen, &workshop, "Ada").await,
            Learner::join(app.listen, &workshop, "Bea").await,
        ];
        let mut terminals = [learners[0].terminal().await, learners[1].terminal().await];
        (3..=50).for_each(|n| {
            simulated.inject(number(n), Fault::CreateTakes(Duration::from_millis(5)))
        });
        let more = format!("{}/seats", path(&workshop));
        let added = instructor.post(&more, json!({"count": 48})).await;
        assert_eq!(added.status, StatusCode::OK, "{added:?}");
        let mut lines = 0;
        loop {
            for terminal in &mut terminals {
                lines += 1;
                terminal.types(&format!("echo line {lines}")).await;
                terminal.shows(&format!("\r\nline {lines}\r\n")).await;
            }
            let shown = instructor.get(&path(&workshop)).await.json();
            let coming = seats(&shown)
                .iter()
                .filter(|seat| seat["status"] == "provisioning");
            if coming.count() == 0 {
                assert_eq!(seats(&shown).len(), 50);
                break;
            }
        }
        let third = Learner::join(app.listen, &workshop, "Cleo").await;
        assert_eq!(third.joined["seat"], 3);
        for count in [151, 0, 201] {
            let refused = instructor.post(&more, json!({"count": count})).await;
            assert_eq!(
                (refused.status, refused.code().as_str()),
                (StatusCode::BAD_REQUEST, "invalid_input")
            );
            assert_eq!(refused.json()["error"]["field"], "count");
        }
        let shown = instructor.get(&path(&workshop)).await.json();
        assert_eq!(seats(&shown).len(), 50);
    })
    .await;
}
