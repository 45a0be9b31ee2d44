//! A workshop is deleted at every wrong moment: nobody is left inside, and nothing is left of it.

use clarateach::provider::Provider;
use clarateach::provider::simulated::Fault;
use clarateach_protocol::id::SeatNumber;
use futures_util::future::join_all;
use http::StatusCode;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::super::app::{Client, scene_with_seats};
use super::learner::Learner;
use super::wait::until;

fn path(workshop: &Value) -> String {
    format!("/api/workshops/{}", workshop["id"].as_str().unwrap())
}

/// Deletes it, twice at once and a third time.
async fn delete(instructor: &Client, workshop: &Value) {
    let path = path(workshop);
    let (one, two) = tokio::join!(instructor.delete(&path), instructor.delete(&path));
    let three = instructor.delete(&path).await;
    for answer in [one, two, three] {
        assert_eq!(answer.status, StatusCode::NO_CONTENT, "{answer:?}");
    }
    assert_eq!(instructor.get(&path).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_learners_connection_ends_with_the_workshop() {
    scene_with_seats(|app, instructor, seats| async move {
        let workshop = instructor.workshop(2).await;
        let learner = Learner::join(app.listen, &workshop, "Ada").await;
        let mut terminal = learner.terminal().await;
        delete(&instructor, &workshop).await;
        terminal.is_cut().await;
        let session = learner.session().await;
        assert_eq!(
            (session.status, session.code().as_str()),
            (StatusCode::GONE, "ended")
        );
        assert_eq!(seats.list_workshops().await.unwrap(), []);
    })
    .await;
}

#[tokio::test]
async fn deleting_during_provisioning_ends_the_wait_for_it() {
    scene_with_seats(|app, instructor, seats| async move {
        seats.inject(SeatNumber::new(2).unwrap(), Fault::CreateHangs);
        let making = instructor.post("/api/workshops", json!({"name": "Class", "seats": 2}));
        let deleting = async {
            let workshop = until("the workshop", async || {
                let list = instructor.get("/api/workshops").await.json();
                Some(list["workshops"][0].clone()).filter(|it| it["seats"][0]["status"] == "ready")
            })
            .await;
            delete(&instructor, &workshop).await;
            workshop
        };
        let (made, workshop) = tokio::join!(making, deleting);
        assert_eq!(
            (made.status, made.code().as_str()),
            (StatusCode::GONE, "ended")
        );
        let late = app.client().join(&workshop, "Ada").await;
        assert_eq!(
            (late.status, late.code().as_str()),
            (StatusCode::GONE, "ended")
        );
        assert_eq!(seats.list_workshops().await.unwrap(), []);
    })
    .await;
}

#[tokio::test]
async fn a_join_in_flight_is_refused_or_ends_with_the_workshop() {
    scene_with_seats(|app, instructor, seats| async move {
        let (mut joined, mut refused) = (0, 0);
        for round in 0..10 {
            let workshop = instructor.workshop(20).await;
            let answered = watch::Sender::new(0);
            let joins = (0..20).map(|n| {
                let (client, workshop, answered) = (app.client(), &workshop, &answered);
                async move {
                    // A few at a time, so that some come after the delete however fast they are.
                    let mut others = answered.subscribe();
                    others.wait_for(|count| count + 5 >= n).await.unwrap();
                    let answer = client.join(workshop, &format!("Learner {n}")).await;
                    answered.send_modify(|count| *count += 1);
                    answer
                }
            });
            // Later in each round: before the first answer, up to behind the tenth.
            let deleting = async {
                answered
                    .subscribe()
                    .wait_for(|count| *count >= round)
                    .await
                    .unwrap();
                delete(&instructor, &workshop).await;
            };
            let (answers, ()) = tokio::join!(join_all(joins), deleting);
            for answer in answers {
                match answer.status {
                    StatusCode::OK => {
                        joined += 1;
                        let session = Learner::of(app.listen, answer.json()).session().await;
                        assert_eq!(
                            (session.status, session.code().as_str()),
                            (StatusCode::GONE, "ended")
                        );
                    }
                    StatusCode::GONE => {
                        refused += 1;
                        assert_eq!(answer.code(), "ended");
                    }
                    _ => panic!("{answer:?}"),
                }
            }
        }
        eprintln!("{joined} joined and ended, {refused} refused");
        assert!(joined > 0 && refused > 0, "no delete came among the joins");
        assert_eq!(seats.list_workshops().await.unwrap(), []);
    })
    .await;
}

#[tokio::test]
async fn deleting_during_a_reset_leaves_nothing() {
    scene_with_seats(|app, instructor, seats| async move {
        let workshop = instructor.workshop(3).await;
        let learner = Learner::join(app.listen, &workshop, "Ada").await;
        seats.inject(SeatNumber::new(1).unwrap(), Fault::CreateHangs);
        let reset = format!("{}/seats/1/reset", path(&workshop));
        assert_eq!(
            instructor.post(&reset, json!({})).await.status,
            StatusCode::OK
        );
        until("the reset to be under way", async || {
            let shown = instructor.get(&path(&workshop)).await.json();
            (shown["seats"][0]["status"] == "provisioning").then_some(())
        })
        .await;
        delete(&instructor, &workshop).await;
        assert_eq!(learner.session().await.code(), "ended");
        assert_eq!(seats.list_workshops().await.unwrap(), []);
        for change in ["reset", "release", "retry"] {
            let late = format!("{}/seats/1/{change}", path(&workshop));
            let late = instructor.post(&late, json!({})).await;
            assert!(
                matches!(late.status, StatusCode::GONE | StatusCode::NOT_FOUND),
                "{change}: {late:?}"
            );
        }
        let late = instructor
            .post(&format!("{}/seats", path(&workshop)), json!({"count": 1}))
            .await;
        assert!(
            matches!(late.status, StatusCode::GONE | StatusCode::NOT_FOUND),
            "{late:?}"
        );
    })
    .await;
}

#[tokio::test]
async fn what_comes_while_a_workshop_ends_is_told_that_it_ends() {
    scene_with_seats(|app, instructor, seats| async move {
        let workshop = instructor.workshop(2).await;
        let learner = Learner::join(app.listen, &workshop, "Ada").await;
        seats.go_down();
        let headers = [("prefer", "respond-async")];
        let ending = instructor
            .send(http::Method::DELETE, &path(&workshop), &headers, "")
            .await;
        assert_eq!(ending.status, StatusCode::ACCEPTED);
        let shown = instructor.get(&path(&workshop)).await.json();
        assert_eq!(shown["status"], "ending");
        for (call, body) in [
            ("/seats", json!({"count": 1})),
            ("/seats/1/reset", json!({})),
            ("/seats/1/release", json!({})),
        ] {
            let late = instructor
                .post(&format!("{}{call}", path(&workshop)), body)
                .await;
            assert_eq!(
                (late.status, late.code().as_str()),
                (StatusCode::GONE, "ended"),
                "{call}"
            );
        }
        assert_eq!(app.client().join(&workshop, "Bea").await.code(), "ended");
        assert_eq!(learner.session().await.code(), "ended");
        seats.come_back();
        delete(&instructor, &workshop).await;
        assert_eq!(seats.list_workshops().await.unwrap(), []);
    })
    .await;
}
