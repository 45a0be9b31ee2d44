//! Workshops made ahead: who asks for one that is alike gets it at once, and nobody else sees it.

use std::sync::Arc;

use clarateach::config::Config;
use clarateach::model::{AtStop, Standby, StandbyPlan};
use clarateach::provider::Provider;
use clarateach::provider::simulated::SimulatedProvider;
use http::StatusCode;
use serde_json::{Value, json};
use tokio::task::LocalSet;

use super::app::{Client, TestApp, config, scene_with};

fn standby(seats: u16, workshops: u16) -> impl Fn(Config) -> Config {
    move |config| Config {
        standby: Standby {
            plans: vec![StandbyPlan { seats, workshops }],
            at_stop: AtStop::Keep,
        },
        ..config
    }
}

/// The standby workshops, once there are so many ready ones.
async fn ready(instructor: &Client, workshops: usize) -> Vec<Value> {
    let is_ready = |capacity: &Value| {
        let all = capacity["standby"].as_array().unwrap().iter();
        all.filter(|it| it["status"] == "ready").count() == workshops
    };
    let capacity = instructor.until("/api/capacity", is_ready).await;
    capacity["standby"].as_array().unwrap().clone()
}

fn path(workshop: &Value) -> String {
    format!("/api/workshops/{}", workshop["id"].as_str().unwrap())
}

#[tokio::test]
async fn one_that_is_alike_is_given_out_with_all_that_was_asked_for() {
    scene_with(standby(3, 1), |app, instructor| async move {
        let ahead = ready(&instructor, 1).await.remove(0);
        let list = instructor.get("/api/workshops").await.json();
        assert_eq!(list["workshops"], json!([]), "it is nobody's");
        let hidden = instructor.get(&path(&ahead)).await;
        assert_eq!(hidden.status, StatusCode::NOT_FOUND);
        assert_eq!(
            instructor.delete(&path(&ahead)).await.status,
            StatusCode::NOT_FOUND
        );
        let lock = format!("{}/seats/1/lock", path(&ahead));
        assert_eq!(
            instructor.post(&lock, json!({})).await.status,
            StatusCode::NOT_FOUND
        );

        let asked = json!({"name": "Rust for poets", "seats": 2, "env": {"KEY": "s3cret"}});
        let answer = instructor.post("/api/workshops", asked).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
        let workshop = answer.json();
        assert_eq!(workshop["id"], ahead["id"]);
        assert_eq!(
            (&workshop["name"], &workshop["status"]),
            (&json!("Rust for poets"), &json!("ready"))
        );
        let seats = workshop["seats"].as_array().unwrap();
        assert_eq!(seats.len(), 2);
        assert!(
            seats.iter().all(|seat| seat["status"] == "ready"),
            "{workshop}"
        );
        assert!(
            workshop["ends_at"].is_string(),
            "the default end counts from now"
        );
        let learner = app.client();
        for name in ["Ada", "Bob"] {
            let joined = learner.join(&workshop, name).await.json();
            let bearer = format!("Bearer {}", joined["token"].as_str().unwrap());
            let endpoint = joined["endpoint"]
                .as_str()
                .unwrap()
                .strip_prefix(&learner.base)
                .unwrap();
            let session = format!("{endpoint}/vm/{}/session", joined["seat"]);
            let auth = [("authorization", bearer.as_str())];
            let works = learner.send(http::Method::GET, &session, &auth, "").await;
            assert_eq!(works.status, StatusCode::OK, "{works:?}");
        }
        assert_eq!(learner.join(&workshop, "Eve").await.code(), "no_seats");
        let next = ready(&instructor, 1).await.remove(0);
        assert_ne!(
            next["id"], workshop["id"],
            "another is made for whoever comes next"
        );
        assert_eq!(next["seats"], 3);
    })
    .await;
}

#[tokio::test]
async fn what_is_not_alike_is_made_for_itself() {
    scene_with(standby(2, 1), |_app, instructor| async move {
        let ahead = ready(&instructor, 1).await.remove(0);
        for other in [
            json!({"name": "Class", "seats": 3}),
            json!({"name": "Class", "seats": 1, "image": "other:1"}),
            json!({"name": "Class", "seats": 1, "egress": "none"}),
            json!({"name": "Class", "seats": 1, "resources": {"memory_mb": 768}}),
            json!({"name": "Class", "seats": 1, "browser": "off"}),
            json!({"name": "Class", "seats": 1, "starts_at": "2099-01-01T00:00:00Z"}),
        ] {
            let made = instructor
                .post("/api/workshops", other.clone())
                .await
                .json();
            assert_ne!(made["id"], ahead["id"], "{other}");
        }
        assert_eq!(ready(&instructor, 1).await[0]["id"], ahead["id"]);
    })
    .await;
}

#[tokio::test]
async fn many_who_ask_at_once_never_share_one() {
    scene_with(standby(1, 2), |_app, instructor| async move {
        ready(&instructor, 2).await;
        let ask = || instructor.workshop(1);
        let (a, b, c) = tokio::join!(ask(), ask(), ask());
        assert!(a["id"] != b["id"] && b["id"] != c["id"] && a["id"] != c["id"]);
        let twice = json!({"name": "Class", "seats": 1});
        let key = [
            ("content-type", "application/json"),
            ("idempotency-key", "once"),
        ];
        ready(&instructor, 2).await;
        let again = || {
            instructor.send(
                http::Method::POST,
                "/api/workshops",
                &key,
                twice.to_string(),
            )
        };
        let (one, two) = tokio::join!(again(), again());
        assert_eq!(one.json()["id"], two.json()["id"]);
    })
    .await;
}

/// A server with these standby workshops, on seats that outlive it.
async fn start(
    dir: &tempfile::TempDir,
    seats: &mut Option<Arc<SimulatedProvider>>,
    standby: Standby,
) -> TestApp {
    let config = Config {
        standby,
        ..config(dir.path())
    };
    TestApp::start_on(config, seats).await
}

#[tokio::test]
async fn a_restart_adopts_them_and_removes_what_is_wanted_no_longer() {
    LocalSet::new()
        .run_until(async {
            let dir = tempfile::tempdir().unwrap();
            let mut seats = None;
            let keep = |workshops| Standby {
                plans: vec![StandbyPlan {
                    seats: 1,
                    workshops,
                }],
                at_stop: AtStop::Keep,
            };
            let app = start(&dir, &mut seats, keep(2)).await;
            let mut instructor = app.instructor().await;
            let before = ready(&instructor, 2).await;
            app.stop().await;

            let app = start(&dir, &mut seats, keep(1)).await;
            instructor.base = format!("http://{}", app.listen);
            let after = ready(&instructor, 1).await;
            assert!(
                before.iter().any(|it| it["id"] == after[0]["id"]),
                "{before:?}: {after:?}"
            );
            let there = seats.as_ref().unwrap();
            while there.list_workshops().await.unwrap().len() > 1 {
                tokio::task::yield_now().await;
            }
            app.stop().await;
            assert_eq!(there.list_workshops().await.unwrap().len(), 1, "they stay");

            let drain = Standby {
                at_stop: AtStop::Drain,
                ..keep(1)
            };
            let app = start(&dir, &mut seats, drain).await;
            instructor.base = format!("http://{}", app.listen);
            ready(&instructor, 1).await;
            app.stop().await;
            assert_eq!(seats.unwrap().list_workshops().await.unwrap(), []);
        })
        .await;
}
