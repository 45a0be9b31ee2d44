//! What the API refuses, and how it says so.

use std::collections::HashSet;

use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::app::{PASSWORD, scene};

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
            ("browser", json!("sometimes")),
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
            assert!(
                !answer.text.contains("u16"),
                "our own word: {}",
                answer.text
            );
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

#[tokio::test]
async fn an_id_in_a_path_has_one_spelling() {
    scene(|_app, instructor| async move {
        let workshop = instructor.workshop(4).await;
        let id = workshop["id"].as_str().unwrap();
        let lock = async |id: &str, seat: &str| {
            let path = format!("/api/workshops/{id}/seats/{seat}/lock");
            instructor.post(&path, json!({})).await
        };
        for seat in [
            "%34",
            "04",
            "+4",
            "-4",
            "4%20",
            "%204",
            "4.0",
            "0x4",
            "%D9%A4",
            "%EF%BC%94",
            "4%00",
            "4%2f",
            "%2534",
            "0",
            "5",
            "65537",
        ] {
            let answer = lock(id, seat).await;
            assert_eq!(answer.status, StatusCode::NOT_FOUND, "{seat}: {answer:?}");
        }
        let encoded = id.replace('-', "%2D");
        for other in [encoded.as_str(), &id.to_uppercase(), &format!("{id}%20")] {
            let answer = lock(other, "4").await;
            assert_eq!(answer.status, StatusCode::NOT_FOUND, "{other}: {answer:?}");
            let read = instructor.get(&format!("/api/workshops/{other}")).await;
            assert_eq!(read.status, StatusCode::NOT_FOUND, "{other}: {read:?}");
        }
        let seats = instructor.get(&format!("/api/workshops/{id}")).await.json();
        assert!(seats["seats"][3]["locked_at"].is_null(), "{seats}");
        // The positive control.
        let right = lock(id, "4").await;
        assert!(right.status.is_success(), "{right:?}");
        let seats = instructor.get(&format!("/api/workshops/{id}")).await.json();
        assert!(seats["seats"][3]["locked_at"].is_string(), "{seats}");

        let token = instructor.post("/api/tokens", json!({"name": "ci"})).await;
        let token = token.json()["id"].as_str().unwrap().to_owned();
        let first = token.as_bytes()[0];
        let spelled = format!("/api/tokens/%{first:02X}{}", &token[1..]);
        assert_eq!(
            instructor.delete(&spelled).await.status,
            StatusCode::NOT_FOUND
        );
        let plain = format!("/api/tokens/{token}");
        assert_eq!(
            instructor.delete(&plain).await.status,
            StatusCode::NO_CONTENT
        );
    })
    .await;
}
