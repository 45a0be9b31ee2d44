//! Locked seats: who is shut out, who isn't, and until when.

use http::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::task::LocalSet;

use super::app::{Answer, Client, TestApp, config, scene};
use super::watcher::Watcher;

fn id(workshop: &Value) -> &str {
    workshop["id"].as_str().unwrap()
}

async fn set(instructor: &Client, workshop: &Value, seat: u16, verb: &str) -> Answer {
    let path = format!("/api/workshops/{}/seats/{seat}/{verb}", id(workshop));
    instructor.post(&path, json!({})).await
}

/// What the seat's page is told when it asks how things stand.
async fn session(client: &Client, workshop: &Value, token: &Value) -> Answer {
    let path = format!("/debug/proxy/{}/vm/1/session", id(workshop));
    let bearer = format!("Bearer {}", token.as_str().unwrap());
    let auth = [("authorization", bearer.as_str())];
    client.send(Method::GET, &path, &auth, "").await
}

#[tokio::test]
async fn a_locked_seat_is_given_to_nobody() {
    scene(|app, instructor| async move {
        let workshop = instructor.workshop(2).await;
        let locked = set(&instructor, &workshop, 1, "lock").await.json();
        assert!(locked["locked_at"].is_string(), "{locked}");
        assert_eq!(locked["status"], "ready");
        let first = app.client().join(&workshop, "Ada").await.json();
        assert_eq!(first["seat"], 2);
        assert_eq!(
            app.client().join(&workshop, "Bob").await.code(),
            "no_seats",
            "no seat is coming, however long they wait"
        );
        let again = set(&instructor, &workshop, 1, "lock").await.json();
        assert_eq!(again["locked_at"], locked["locked_at"]);
        for _ in 0..2 {
            let open = set(&instructor, &workshop, 1, "unlock").await.json();
            assert!(open["locked_at"].is_null(), "{open}");
        }
        assert_eq!(app.client().join(&workshop, "Bob").await.json()["seat"], 1);
        let nowhere = set(&instructor, &workshop, 3, "lock").await;
        assert_eq!(nowhere.status, StatusCode::NOT_FOUND);
        let stranger = set(&app.client(), &workshop, 1, "lock").await;
        assert_eq!(stranger.status, StatusCode::UNAUTHORIZED);
    })
    .await;
}

#[tokio::test]
async fn a_lock_shuts_its_learner_out_at_once_and_nobody_else() {
    scene(|app, instructor| async move {
        let workshop = instructor.workshop(1).await;
        let stream = format!("/api/workshops/{}/events", id(&workshop));
        let mut page = Watcher::open(&instructor, &stream).await;
        let learner = app.client();
        let joined = learner.join(&workshop, "Ada").await.json();
        let tokens = format!("/api/workshops/{}/seats/1/token", id(&workshop));
        let visit = instructor.post(&tokens, json!({"mode": "view"})).await.json();
        let terminal = format!("/debug/proxy/{}/vm/1/terminal?cols=80&rows=24", id(&workshop));
        let attach = async |token: &Value| {
            let bearer = format!("Bearer {}", token.as_str().unwrap());
            Watcher::try_open(&learner, &terminal, &[("authorization", &bearer)]).await
        };
        let mut theirs = attach(&joined["token"]).await.unwrap();
        let mut visitors = attach(&visit["token"]).await.unwrap();
        for watcher in [&mut theirs, &mut visitors] {
            assert_eq!(watcher.event().await["type"], "attached");
        }

        set(&instructor, &workshop, 1, "lock").await;
        assert_eq!(theirs.closed().await, 1006);
        page.until(|event| event["seat"]["locked_at"].is_string()).await;
        let (status, body) = attach(&joined["token"]).await.err().unwrap();
        assert_eq!(status, StatusCode::LOCKED, "{body}");
        let told = session(&learner, &workshop, &joined["token"]).await;
        assert_eq!((told.status, told.code().as_str()), (StatusCode::LOCKED, "seat_locked"));
        assert!(told.headers.contains_key("retry-after"));
        let back = json!({"code": workshop["code"], "name": "Ada", "reconnect_code": joined["reconnect_code"]});
        let back_in = learner.post("/api/join", back.clone()).await;
        assert_eq!((back_in.status, back_in.code().as_str()), (StatusCode::LOCKED, "seat_locked"));
        let visiting = session(&learner, &workshop, &visit["token"]).await;
        assert_eq!(visiting.status, StatusCode::OK, "{visiting:?}");
        visitors.say(tokio_tungstenite::tungstenite::Message::Ping("x".into())).await;
        let open = tokio::time::timeout(std::time::Duration::from_millis(200), visitors.closed()).await;
        assert!(open.is_err(), "the instructor's view was cut");

        set(&instructor, &workshop, 1, "unlock").await;
        page.until(|event| event["type"] == "seat" && event["seat"]["locked_at"].is_null()).await;
        assert_eq!(learner.post("/api/join", back).await.status, StatusCode::OK);
        assert!(attach(&joined["token"]).await.is_ok());
    })
    .await;
}

#[tokio::test]
async fn a_lock_outlives_release_and_restart() {
    LocalSet::new()
        .run_until(async {
            let dir = tempfile::tempdir().unwrap();
            let app = TestApp::start(dir.path()).await;
            let instructor = app.instructor().await;
            let workshop = instructor.workshop(1).await;
            let joined = app.client().join(&workshop, "Ada").await.json();
            set(&instructor, &workshop, 1, "lock").await;
            let cookie = instructor.cookie.clone();
            app.stop().await;

            let app = TestApp::start_with(config(dir.path())).await;
            let mut instructor = app.client();
            instructor.cookie = cookie;
            let told = session(&app.client(), &workshop, &joined["token"]).await;
            assert_eq!(told.code(), "seat_locked");
            let released = set(&instructor, &workshop, 1, "release").await.json();
            assert!(released["locked_at"].is_string(), "{released}");
            let path = format!("/api/workshops/{}", id(&workshop));
            instructor
                .until(&path, |shown| shown["seats"][0]["status"] == "ready")
                .await;
            assert_eq!(app.client().join(&workshop, "Bob").await.code(), "no_seats");
        })
        .await;
}
