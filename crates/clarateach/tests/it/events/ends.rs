//! Who may watch, and how streams end: refused, ended, signed out, stopped, too slow.

use std::time::{Duration, Instant};

use futures_util::StreamExt;
use http::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::task::LocalSet;

use super::super::app::{Client, TestApp, scene, scene_with};
use super::super::watcher::{Script, Watcher};
use super::{hasty, path_of, stream_of};

#[tokio::test]
async fn whoever_may_not_watch_is_told_before_the_upgrade() {
    scene(|app, instructor| async move {
        let workshop = instructor.workshop(1).await;
        let ours = instructor.base.clone();
        let stranger = app.client();
        let there = stream_of(&workshop);
        let nowhere = "/api/workshops/ws-00000000/events".to_owned();
        let odd = format!("{there}?after=-1");
        let evil = "http://evil.example".to_owned();
        let attempts: [(&Client, &String, Option<&String>, u16, &str); 7] = [
            (&stranger, &there, Some(&ours), 401, "unauthenticated"),
            (
                &stranger,
                &"/api/events".to_owned(),
                Some(&ours),
                401,
                "unauthenticated",
            ),
            (&instructor, &nowhere, Some(&ours), 404, "not_found"),
            (&instructor, &odd, Some(&ours), 400, "invalid_input"),
            (&instructor, &there, Some(&evil), 403, "wrong_origin"),
            (&instructor, &there, None, 403, "wrong_origin"),
            (
                &instructor,
                &"/api/events".to_owned(),
                None,
                403,
                "wrong_origin",
            ),
        ];
        for (client, path, origin, status, code) in attempts {
            let headers: Vec<_> = origin
                .iter()
                .map(|origin| ("origin", origin.as_str()))
                .collect();
            let refused = Watcher::try_open(client, path, &headers).await.err();
            let (seen, body) =
                refused.unwrap_or_else(|| panic!("{path} was opened from {origin:?}"));
            let body: Value = serde_json::from_str(&body).unwrap();
            assert_eq!(
                (seen.as_u16(), &body["error"]["code"]),
                (status, &json!(code)),
                "{path}"
            );
        }
        // The positive control, and a program that brings a token and no Origin.
        Watcher::open(&instructor, &there).await.event().await;
        let token = instructor
            .post("/api/tokens", json!({"name": "ci"}))
            .await
            .json();
        let bearer = format!("Bearer {}", token["token"].as_str().unwrap());
        let headers = [("authorization", bearer.as_str())];
        let mut program = Watcher::try_open(&stranger, &there, &headers)
            .await
            .unwrap();
        assert_eq!(program.event().await["type"], "workshop");
    })
    .await;
}

#[tokio::test]
async fn a_workshop_that_ends_says_so_and_its_stream_closes() {
    scene(|_app, instructor| async move {
        let workshop = instructor.workshop(2).await;
        let mut page = Watcher::open(&instructor, &stream_of(&workshop)).await;
        let mut script = Script::open(&instructor, &stream_of(&workshop), &[]).await;
        page.event().await;
        instructor.delete(&path_of(&workshop)).await;
        let told = page.until(|event| event["type"] == "ended").await;
        assert_eq!(told.last().unwrap()["workshop"], workshop["id"]);
        assert_eq!(page.next().await, Err(1000));
        let mut last = Value::Null;
        while let Some(event) = script.next().await {
            last = event;
        }
        assert_eq!(
            (&last["type"], &last["workshop"]),
            (&json!("ended"), &workshop["id"])
        );
    })
    .await;
}

#[tokio::test]
async fn who_is_signed_in_no_longer_is_cut_within_a_second() {
    scene(|app, instructor| async move {
        let workshop = instructor.workshop(1).await;
        let token = instructor
            .post("/api/tokens", json!({"name": "ci"}))
            .await
            .json();
        let bearer = format!("Bearer {}", token["token"].as_str().unwrap());
        let auth = [("authorization", bearer.as_str())];
        let program = app.client();
        let mut socket = Watcher::try_open(&program, "/api/events", &auth)
            .await
            .unwrap();
        let mut script = Script::open(&program, &stream_of(&workshop), &auth).await;
        let mut page = Watcher::open(&instructor, "/api/events").await;
        socket.event().await;
        script.next().await.unwrap();
        page.event().await;
        let revoke = format!("/api/tokens/{}", token["id"].as_str().unwrap());
        let begun = Instant::now();
        assert_eq!(
            instructor.delete(&revoke).await.status,
            StatusCode::NO_CONTENT
        );
        assert_eq!(socket.closed().await, 4401);
        while script.next().await.is_some() {}
        assert!(
            begun.elapsed() < Duration::from_secs(1),
            "{:?}",
            begun.elapsed()
        );

        // The page's own sign-in still holds; it goes with the session.
        instructor.join(&workshop, "Ada").await;
        page.event().await;
        let origin = [("origin", instructor.base.as_str())];
        let begun = Instant::now();
        instructor
            .send(Method::DELETE, "/api/session", &origin, "")
            .await;
        assert_eq!(page.closed().await, 4401);
        assert!(
            begun.elapsed() < Duration::from_secs(1),
            "{:?}",
            begun.elapsed()
        );
    })
    .await;
}

#[tokio::test]
async fn a_stop_waits_for_no_watcher() {
    LocalSet::new()
        .run_until(async {
            let dir = tempfile::tempdir().unwrap();
            let app = TestApp::start(dir.path()).await;
            let instructor = app.instructor().await;
            let mut page = Watcher::open(&instructor, "/api/events").await;
            let mut script = Script::open(&instructor, "/api/events", &[]).await;
            page.event().await;
            script.next().await.unwrap();
            let begun = Instant::now();
            let reads = async { while script.next().await.is_some() {} };
            let (code, ()) = tokio::join!(page.closed_by(app.stop()), reads);
            assert_eq!(code, 1001);
            assert!(
                begun.elapsed() < Duration::from_secs(3),
                "{:?}",
                begun.elapsed()
            );
        })
        .await;
}

/// Learners have long names, so that few events fill a socket. The steady one is the control: it gets all.
#[tokio::test]
async fn who_does_not_read_is_cut_and_costs_nobody_else_anything() {
    scene_with(hasty, |_app, instructor| async move {
        let workshop = instructor.workshop(100).await;
        for _ in 0..100 {
            let joined = instructor.join(&workshop, &"𝄞".repeat(60)).await;
            assert_eq!(joined.status, StatusCode::OK, "{joined:?}");
        }
        let path = stream_of(&workshop);
        let cramped = instructor.with_little_room();
        let mut deaf = Watcher::open(&cramped, &path).await;
        let mut script = Script::open(&cramped, &path, &[]).await;
        let mut steady = Watcher::open(&instructor, &path).await;
        let mut sent = 0;
        for seats in 101..=200 {
            let add = format!("{}/seats", path_of(&workshop));
            instructor.post(&add, json!({"count": 1})).await;
            let is_told = |event: &Value| {
                let shown = event["workshop"]["seats"].as_array();
                shown.is_some_and(|shown| shown.len() == seats)
            };
            let events = steady.until(is_told).await;
            sent += Value::from(events).to_string().len();
        }
        let mut read = 0;
        let patience = Duration::from_secs(5);
        while let Ok(Some(Ok(message))) = tokio::time::timeout(patience, deaf.socket.next()).await {
            read += message.len();
        }
        assert!(read < sent, "read {read} of {sent}");
        assert!(script.bytes_to_the_end().await < sent);
    })
    .await;
}
