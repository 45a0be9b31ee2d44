//! The API as its clients meet it, over simulated seats.

use std::collections::HashSet;
use std::rc::Rc;

use http::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::task::{JoinSet, LocalSet};

use super::app::{Client, PASSWORD, TestApp, config};

/// Runs a scene on one thread, with a server and a signed-in instructor.
async fn scene<F: Future<Output = ()>>(play: impl FnOnce(Rc<TestApp>, Client) -> F) {
    LocalSet::new()
        .run_until(async {
            let dir = tempfile::tempdir().unwrap();
            let app = Rc::new(TestApp::start(dir.path()).await);
            let instructor = app.instructor().await;
            play(Rc::clone(&app), instructor).await;
        })
        .await;
}

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
async fn bad_input_is_refused_by_field_with_nothing_half_made() {
    scene(|_app, instructor| async move {
        let with = |field: &str, value: Value| {
            let mut body = json!({"name": "Class", "seats": 1});
            body[field] = value;
            body
        };
        for (field, value) in [
            ("seats", json!(0)),
            ("seats", json!(201)),
            ("seats", json!(10_000)),
            ("seats", json!(-1)),
            ("seats", json!("3")),
            ("name", json!("")),
            ("name", json!("   ")),
            ("name", json!("a\u{0}b")),
            ("name", json!("x".repeat(81))),
            ("image", json!("-v /:/host")),
            ("env", json!({"A-B": "1"})),
            ("api_key_name", json!("KEY")),
            ("resources", json!({"memory_mb": 1})),
            ("egress", json!({"allow": ["10.0.0.0/40"]})),
            ("ends_at", json!("2020-01-01T00:00:00Z")),
            ("browser", json!("always")),
            ("colour", json!("red")),
        ] {
            let answer = instructor
                .post("/api/workshops", with(field, value.clone()))
                .await;
            assert_eq!(
                answer.status,
                StatusCode::BAD_REQUEST,
                "{field} = {value}: {answer:?}"
            );
            assert_eq!(answer.code(), "invalid_input", "{field} = {value}");
            let named = answer.json()["error"]["field"].clone();
            assert_eq!(named, json!(field), "{field} = {value}: {}", answer.text);
            assert!(answer.json()["error"]["request_id"].is_string());
        }
        let huge = instructor
            .post("/api/workshops", with("name", json!("x".repeat(10 << 20))))
            .await;
        assert_eq!(
            (huge.status, huge.code().as_str()),
            (StatusCode::PAYLOAD_TOO_LARGE, "too_large")
        );
        let form = [("content-type", "application/x-www-form-urlencoded")];
        let form = instructor
            .send(Method::POST, "/api/workshops", &form, "name=a&seats=1")
            .await;
        assert_eq!(form.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
        let half = [("content-type", "application/json")];
        let half = instructor
            .send(Method::POST, "/api/workshops", &half, "{\"name\":")
            .await;
        assert_eq!(half.status, StatusCode::BAD_REQUEST);
        assert_eq!(
            instructor.get("/api/workshops").await.json()["workshops"],
            json!([])
        );
    })
    .await;
}

#[tokio::test]
async fn unknown_and_malformed_codes_get_one_answer() {
    scene(|app, instructor| async move {
        let workshop = instructor.workshop(1).await;
        let client = app.client();
        let mut answers = HashSet::new();
        for code in ["0000-0000", "", "nonsense", "💥", "0000-00000"] {
            let answer = client
                .post("/api/join", json!({"code": code, "name": "Ada"}))
                .await;
            let mut body = answer.json();
            body["error"].as_object_mut().unwrap().remove("request_id");
            answers.insert((answer.status, body.to_string()));
        }
        assert_eq!(answers.len(), 1, "{answers:?}");
        for name in ["", "a\u{202e}b", &"x".repeat(81)] {
            let answer = client
                .post("/api/join", json!({"code": workshop["code"], "name": name}))
                .await;
            assert_eq!(answer.json()["error"]["field"], "name");
        }
        let spaced = workshop["code"]
            .as_str()
            .unwrap()
            .to_lowercase()
            .replace('-', " ");
        let right = client
            .post("/api/join", json!({"code": spaced, "name": "Ada"}))
            .await;
        assert_eq!(right.status, StatusCode::OK, "{right:?}");
    })
    .await;
}

#[tokio::test]
async fn guessing_codes_is_stopped_and_a_class_is_not() {
    scene(|app, instructor| async move {
        let workshop = instructor.workshop(2).await;
        assert_eq!(
            app.client().join(&workshop, "Ada").await.status,
            StatusCode::OK
        );
        let mut last = None;
        for _ in 0..31 {
            last = Some(
                app.client()
                    .post("/api/join", json!({"code": "0000-0000", "name": "Eve"}))
                    .await,
            );
        }
        let last = last.unwrap();
        assert_eq!(last.status, StatusCode::TOO_MANY_REQUESTS);
        assert!(last.headers.contains_key("retry-after"));
    })
    .await;
}

#[tokio::test]
async fn only_instructors_manage_and_only_from_our_pages() {
    scene(|app, instructor| async move {
        let stranger = app.client();
        for path in [
            "/api/workshops",
            "/api/workshops/ws-aaaaaaaa",
            "/api/session",
        ] {
            assert_eq!(
                stranger.get(path).await.status,
                StatusCode::UNAUTHORIZED,
                "{path}"
            );
        }
        let body = json!({"name": "Class", "seats": 1}).to_string();
        let json_from =
            |origin: &'static str| [("content-type", "application/json"), ("origin", origin)];
        let evil = instructor
            .send(
                Method::POST,
                "/api/workshops",
                &json_from("http://evil.example"),
                body.clone(),
            )
            .await;
        assert_eq!(
            (evil.status, evil.code().as_str()),
            (StatusCode::FORBIDDEN, "wrong_origin")
        );
        let base = instructor.base.clone();
        let own = [
            ("content-type", "application/json"),
            ("origin", base.as_str()),
        ];
        assert_eq!(
            instructor
                .send(Method::POST, "/api/workshops", &own, body)
                .await
                .status,
            StatusCode::CREATED
        );
        let wrong_host = [("host", "evil.example")];
        let wrong_host = instructor
            .send(Method::GET, "/api/session", &wrong_host, "")
            .await;
        assert_eq!(wrong_host.status, StatusCode::MISDIRECTED_REQUEST);
        assert_eq!(
            instructor.delete("/api/session").await.status,
            StatusCode::NO_CONTENT
        );
        assert_eq!(
            instructor.get("/api/workshops").await.status,
            StatusCode::UNAUTHORIZED
        );
    })
    .await;
}

#[tokio::test]
async fn the_setup_link_works_once() {
    scene(|app, _instructor| async move {
        let secret = app.setup_link.clone().unwrap();
        let secret = secret.split_once('#').unwrap().1;
        let again = app
            .client()
            .post(
                "/api/setup",
                json!({"secret": secret, "password": PASSWORD}),
            )
            .await;
        assert_eq!(
            (again.status, again.code().as_str()),
            (StatusCode::FORBIDDEN, "bad_setup_secret")
        );
        let wrong = app
            .client()
            .post("/api/session", json!({"password": "not the password"}))
            .await;
        assert_eq!(
            (wrong.status, wrong.code().as_str()),
            (StatusCode::UNAUTHORIZED, "bad_credentials")
        );
        let right = app
            .client()
            .post("/api/session", json!({"password": PASSWORD}))
            .await;
        assert_eq!(right.status, StatusCode::OK);
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
async fn what_is_no_call_says_so_in_json() {
    scene(|app, instructor| async move {
        let unknown = instructor.get("/api/nothing").await;
        assert_eq!(
            (unknown.status, unknown.code().as_str()),
            (StatusCode::NOT_FOUND, "not_found")
        );
        let method = instructor
            .send(Method::PUT, "/api/workshops", &[], "")
            .await;
        assert_eq!(
            (method.status, method.code().as_str()),
            (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed")
        );
        assert_eq!(app.client().get("/api/health").await.json()["status"], "ok");
        assert_eq!(app.client().get("/api/ready").await.json()["ready"], true);
        assert_eq!(
            app.client().get("/.well-known/jwks.json").await.json()["keys"][0]["crv"],
            "Ed25519"
        );
        assert_eq!(
            app.client().get("/api/openapi.json").await.json()["openapi"],
            "3.1.0"
        );
    })
    .await;
}

#[test]
fn the_openapi_document_is_the_committed_one() {
    let committed = include_str!("../../openapi.json");
    assert!(
        committed == clarateach::http::openapi_json(),
        "run `cargo xtask openapi` and commit what it writes"
    );
}
