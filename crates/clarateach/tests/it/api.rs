//! A workshop's life over the API, as its clients meet it, with simulated seats.

use std::collections::HashSet;

use http::{Method, StatusCode};
use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::task::{JoinSet, LocalSet};

use super::app::{PASSWORD, TestApp, config, scene};

#[tokio::test]
async fn a_workshop_is_made_joined_and_removed() {
    scene(|app, instructor| async move {
        let workshop = instructor.workshop(3).await;
        assert_eq!(workshop["status"], "ready");
        assert_eq!(workshop["seats"].as_array().unwrap().len(), 3);
        assert!(workshop["join_url"].as_str().unwrap().contains("/join#"));
        let learner = app.client();
        let joined = learner.join(&workshop, "Ada").await;
        assert_eq!(joined.status, StatusCode::OK, "{joined:?}");
        let joined = joined.json();
        assert_eq!(joined["workshop"]["id"], workshop["id"]);
        let path = format!("/api/workshops/{}", workshop["id"].as_str().unwrap());
        let shown = instructor.get(&path).await.json();
        assert_eq!(shown["seats"][0]["learner"]["name"], "Ada");
        assert_eq!(shown["seats"][0]["status"], "occupied");
        assert_eq!(shown["seats"][1]["status"], "ready");
        for _ in 0..2 {
            assert_eq!(
                instructor.delete(&path).await.status,
                StatusCode::NO_CONTENT
            );
        }
        assert_eq!(instructor.get(&path).await.status, StatusCode::NOT_FOUND);
        assert_eq!(
            instructor.get("/api/workshops").await.json()["workshops"],
            json!([])
        );
        let late = learner.join(&workshop, "Bob").await;
        assert_eq!(
            (late.status, late.code().as_str()),
            (StatusCode::GONE, "ended")
        );
    })
    .await;
}

#[tokio::test]
async fn a_learner_opens_their_seat_and_no_other() {
    scene(|app, instructor| async move {
        let workshop = instructor.workshop(2).await;
        let learner = app.client();
        let joined = learner.join(&workshop, "Ada").await.json();
        let bearer = format!("Bearer {}", joined["token"].as_str().unwrap());
        let endpoint = joined["endpoint"]
            .as_str()
            .unwrap()
            .strip_prefix(&learner.base)
            .unwrap();
        let (own, other) = (
            format!("{endpoint}/vm/1/files?path="),
            format!("{endpoint}/vm/2/files?path="),
        );
        let auth = [("authorization", bearer.as_str())];
        assert_eq!(
            learner.send(Method::GET, &own, &auth, "").await.status,
            StatusCode::OK
        );
        assert_eq!(
            learner.send(Method::GET, &other, &auth, "").await.status,
            StatusCode::FORBIDDEN
        );
        let nowhere = format!("{endpoint}/vm/77/files?path=");
        assert_eq!(
            learner.send(Method::GET, &nowhere, &auth, "").await.status,
            StatusCode::FORBIDDEN
        );
        assert_eq!(learner.get(&own).await.status, StatusCode::UNAUTHORIZED);
    })
    .await;
}

#[tokio::test]
async fn reset_keeps_the_learner_release_does_not_and_old_tokens_open_nothing() {
    scene(|app, instructor| async move {
        let workshop = instructor.workshop(1).await;
        let id = workshop["id"].as_str().unwrap();
        let learner = app.client();
        let joined = learner.join(&workshop, "Ada").await.json();
        let bearer = format!("Bearer {}", joined["token"].as_str().unwrap());
        let session = format!("/debug/proxy/{id}/vm/1/session");
        let auth = [("authorization", bearer.as_str())];
        assert_eq!(learner.send(Method::GET, &session, &auth, "").await.status, StatusCode::OK);

        let reset = instructor.post(&format!("/api/workshops/{id}/seats/1/reset"), json!({})).await;
        assert_eq!(reset.json()["learner"]["name"], "Ada");
        let gone = learner.send(Method::GET, &session, &auth, "").await;
        assert_eq!((gone.status, gone.code().as_str()), (StatusCode::GONE, "reset"));
        let again = json!({"code": workshop["code"], "name": "Ada", "reconnect_code": joined["reconnect_code"]});
        let back = learner.post("/api/join", again.clone()).await;
        assert_eq!(back.status, StatusCode::OK, "{back:?}");

        let released = instructor.post(&format!("/api/workshops/{id}/seats/1/release"), json!({})).await;
        assert!(released.json()["learner"].is_null());
        let gone = learner.send(Method::GET, &session, &auth, "").await;
        assert_eq!((gone.status, gone.code().as_str()), (StatusCode::GONE, "released"));
        assert_eq!(learner.post("/api/join", again).await.code(), "unknown_reconnect_code");
    })
    .await;
}

#[tokio::test]
async fn two_joins_for_the_last_seat_have_one_winner() {
    scene(|app, instructor| async move {
        let workshop = instructor.workshop(5).await;
        let mut joins = JoinSet::new();
        for n in 0..12 {
            let (client, workshop) = (app.client(), workshop.clone());
            joins.spawn_local(async move { client.join(&workshop, &format!("Learner {n}")).await });
        }
        let (mut seats, mut full) = (HashSet::new(), 0);
        for answer in joins.join_all().await {
            match answer.status {
                StatusCode::OK => assert!(seats.insert(answer.json()["seat"].as_u64().unwrap())),
                StatusCode::CONFLICT => {
                    assert_eq!(answer.code(), "no_seats");
                    full += 1;
                }
                _ => panic!("{answer:?}"),
            }
        }
        assert_eq!((seats.len(), full), (5, 7));
    })
    .await;
}

#[tokio::test]
async fn a_repeated_request_gets_the_same_seat_and_code() {
    scene(|app, instructor| async move {
        let workshop = instructor.workshop(2).await;
        let request = json!({"code": workshop["code"], "name": "Ada", "request_id": "r-1"});
        let first = app.client().post("/api/join", request.clone()).await.json();
        let second = app.client().post("/api/join", request).await.json();
        assert_eq!(first["seat"], second["seat"]);
        assert_eq!(first["reconnect_code"], second["reconnect_code"]);
        let other = app.client().join(&workshop, "Ada").await.json();
        assert_ne!(first["seat"], other["seat"], "names need not be unique");
    })
    .await;
}

#[tokio::test]
async fn everything_acknowledged_is_there_after_a_restart() {
    LocalSet::new()
        .run_until(async {
            let dir = tempfile::tempdir().unwrap();
            let app = TestApp::start(dir.path()).await;
            let instructor = app.instructor().await;
            let workshop = instructor.workshop(2).await;
            let joined = app.client().join(&workshop, "Ada").await.json();
            let cookie = instructor.cookie.clone();
            app.stop().await;

            let password = dir.path().join("password");
            std::fs::write(&password, format!("{PASSWORD}\n")).unwrap();
            let app = TestApp::start_with(clarateach::config::Config {
                instructor_password_file: Some(password),
                ..config(dir.path())
            })
            .await;
            assert!(app.setup_link.is_none());
            let mut instructor = app.client();
            instructor.cookie = cookie;
            let list = instructor.get("/api/workshops").await.json();
            assert_eq!(list["workshops"][0]["seats"][0]["learner"]["name"], "Ada");
            let again = json!({"code": workshop["code"], "name": "x", "reconnect_code": joined["reconnect_code"]});
            let back = app.client().post("/api/join", again).await;
            assert_eq!(back.status, StatusCode::OK, "{back:?}");
            assert_eq!(back.json()["seat"], joined["seat"]);
        })
        .await;
}

#[tokio::test]
async fn a_second_server_on_the_data_directory_is_refused() {
    LocalSet::new()
        .run_until(async {
            let dir = tempfile::tempdir().unwrap();
            let _first = TestApp::start(dir.path()).await;
            let refused = clarateach::app::App::start(config(dir.path()))
                .await
                .err()
                .unwrap();
            assert!(
                refused.to_string().contains("another ClaraTeach server"),
                "{refused}"
            );
        })
        .await;
}

#[tokio::test]
async fn who_hangs_up_gets_their_workshop_all_the_same() {
    scene(|app, instructor| async move {
        let body = json!({"name": "Class", "seats": 2}).to_string();
        let cookie = instructor.cookie.clone().unwrap();
        let mut connection = TcpStream::connect(app.listen).await.unwrap();
        let request = format!(
            "POST /api/workshops HTTP/1.1\r\nHost: {}\r\nCookie: {cookie}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            app.listen,
            body.len()
        );
        connection.write_all(request.as_bytes()).await.unwrap();
        let workshop = instructor
            .until("/api/workshops", |list| list["workshops"][0]["id"].is_string())
            .await["workshops"][0]
            .clone();
        drop(connection);
        let path = format!("/api/workshops/{}", workshop["id"].as_str().unwrap());
        instructor.until(&path, |shown| shown["status"] == "ready").await;
        let joined = app.client().join(&workshop, "Ada").await.json();
        let bearer = format!("Bearer {}", joined["token"].as_str().unwrap());
        let session = format!("{}/vm/1/session", joined["endpoint"].as_str().unwrap().strip_prefix(&instructor.base).unwrap());
        let auth = [("authorization", bearer.as_str())];
        let session = app.client().send(Method::GET, &session, &auth, "").await;
        assert_eq!(session.status, StatusCode::OK, "{session:?}");
    })
    .await;
}

#[tokio::test]
async fn seats_added_to_a_class_leave_its_learners_alone() {
    scene(|app, instructor| async move {
        let workshop = instructor.workshop(1).await;
        let id = workshop["id"].as_str().unwrap();
        let joined = app.client().join(&workshop, "Ada").await.json();
        assert_eq!(app.client().join(&workshop, "Bob").await.code(), "no_seats");
        let more = instructor
            .post(&format!("/api/workshops/{id}/seats"), json!({"count": 2}))
            .await;
        assert_eq!(more.json()["seats"].as_array().unwrap().len(), 3);
        let path = format!("/api/workshops/{id}");
        instructor
            .until(&path, |shown| {
                shown["seats"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .all(|seat| seat["status"] != "provisioning")
            })
            .await;
        assert_eq!(app.client().join(&workshop, "Bob").await.json()["seat"], 2);
        let bearer = format!("Bearer {}", joined["token"].as_str().unwrap());
        let auth = [("authorization", bearer.as_str())];
        let session = format!("/debug/proxy/{id}/vm/1/session");
        assert_eq!(
            app.client()
                .send(Method::GET, &session, &auth, "")
                .await
                .status,
            StatusCode::OK
        );
        let too_many = instructor
            .post(&format!("/api/workshops/{id}/seats"), json!({"count": 198}))
            .await;
        assert_eq!(too_many.json()["error"]["field"], "count");
    })
    .await;
}
