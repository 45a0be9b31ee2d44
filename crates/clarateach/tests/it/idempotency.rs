//! `Idempotency-Key`: a repeated request makes one workshop, also over a restart.

use http::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::task::LocalSet;

use super::app::{Answer, Client, PASSWORD, TestApp, config, scene};

async fn create(client: &Client, key: &str, body: &Value) -> Answer {
    let headers = [
        ("idempotency-key", key),
        ("content-type", "application/json"),
    ];
    client
        .send(Method::POST, "/api/workshops", &headers, body.to_string())
        .await
}

#[tokio::test]
async fn repeats_at_once_and_later_get_the_same_workshop() {
    scene(|_app, instructor| async move {
        let body = json!({"name": "Class", "seats": 2});
        let (first, second) = tokio::join!(
            create(&instructor, "k-1", &body),
            create(&instructor, "k-1", &body)
        );
        let third = create(&instructor, "k-1", &body).await;
        for answer in [&first, &second, &third] {
            assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
            assert_eq!(answer.json()["status"], "ready");
            assert_eq!(answer.json()["id"], first.json()["id"]);
        }
        let other = create(&instructor, "k-2", &body).await.json();
        assert_ne!(other["id"], first.json()["id"]);
        let list = instructor.get("/api/workshops").await.json();
        assert_eq!(list["workshops"].as_array().unwrap().len(), 2);
    })
    .await;
}

#[tokio::test]
async fn a_key_with_another_body_or_of_an_ended_workshop_makes_nothing() {
    scene(|_app, instructor| async move {
        let body = json!({"name": "Class", "seats": 1});
        let first = create(&instructor, "k", &body).await.json();
        let other = create(&instructor, "k", &json!({"name": "Class", "seats": 2})).await;
        assert_eq!(
            (other.status, other.code().as_str()),
            (StatusCode::CONFLICT, "idempotency_conflict")
        );
        let path = format!("/api/workshops/{}", first["id"].as_str().unwrap());
        instructor.delete(&path).await;
        let late = create(&instructor, "k", &body).await;
        assert_eq!(
            (late.status, late.code().as_str()),
            (StatusCode::GONE, "ended")
        );
        for wrong in ["", "two words", &"x".repeat(256)] {
            let refused = create(&instructor, wrong, &body).await;
            assert_eq!(refused.code(), "invalid_input", "{wrong:?}");
        }
        let list = instructor.get("/api/workshops").await.json();
        assert_eq!(list["workshops"], json!([]));
    })
    .await;
}

#[tokio::test]
async fn a_repeat_after_a_restart_gets_the_same_workshop() {
    LocalSet::new()
        .run_until(async {
            let dir = tempfile::tempdir().unwrap();
            let app = TestApp::start(dir.path()).await;
            let instructor = app.instructor().await;
            let body = json!({"name": "Class", "seats": 1});
            let first = create(&instructor, "k", &body).await.json();
            app.stop().await;

            let app = TestApp::start_with(config(dir.path())).await;
            let mut instructor = app.client();
            let signed_in = instructor
                .post("/api/session", json!({"password": PASSWORD}))
                .await;
            instructor.cookie = signed_in.cookie();
            let again = create(&instructor, "k", &body).await;
            assert_eq!(again.status, StatusCode::CREATED, "{again:?}");
            assert_eq!(again.json()["id"], first["id"]);
        })
        .await;
}
