//! Every error of the API that can be provoked from outside, in one table: its status, its code and the
//! one body; and a list of codes that nobody forgot.

use std::collections::BTreeSet;

use clarateach::error_codes::{LISTED, is_listed};
use clarateach::provider::simulated::Fault;
use clarateach_protocol::id::SeatNumber;
use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::app::{Answer, Client, TestApp, scene_with_seats};

/// Listed, and provoked elsewhere or not from outside, with where and why.
const ELSEWHERE: &[(&str, &str)] = &[
    ("ambiguous_request", "proxy/framing.rs: raw bytes"),
    ("bad_body", "proxy/faults.rs: raw bytes"),
    ("bad_handshake", "proxy/upgrades.rs"),
    ("bad_host", "proxy/framing.rs: raw bytes"),
    ("bad_path", "proxy/paths.rs"),
    ("bad_target", "proxy/paths.rs: raw bytes"),
    ("body_stalled", "a body that takes 30 s"),
    ("browser_failed", "browsers.rs"),
    ("browser_off", "browsers.rs"),
    ("browser_port_taken", "origins/browser.rs"),
    ("browser_queued", "origins/browser.rs"),
    ("browser_starting", "origins/browser.rs"),
    ("deadline", "an engine that hangs"),
    ("database_busy", "scenes/storage.rs"),
    ("disk", "a disk that can't be made"),
    ("disk_full", "a full disk"),
    ("engine_error", "an engine that answers 500 to a question"),
    ("image_missing", "docker/life.rs, by the provider"),
    ("image_unusable", "docker/images.rs, by the provider"),
    ("internal", "a bug"),
    ("isolation_unavailable", "a machine without nftables"),
    ("no_pages", "a binary without pages"),
    ("no_preview_ports", "origins/numbers.rs"),
    ("no_subnet", "docker/life.rs, by the provider"),
    ("not_entered", "origins/pages.rs"),
    ("nothing_listens", "origins/pages.rs"),
    ("nothing_to_undo", "undo.rs"),
    ("origins_off", "origins/numbers.rs"),
    ("overcommit", "admission.rs"),
    ("overloaded", "proxy/load.rs"),
    ("port_not_open", "origins/matrix.rs"),
    ("seat_busy", "proxy/load.rs"),
    ("seat_differs", "scenes/internal.rs"),
    ("seat_locked", "locks.rs"),
    ("seat_not_working", "orchestrator API"),
    ("seat_protocol_error", "proxy/faults.rs"),
    ("seat_stopped", "scenes/internal.rs"),
    ("seat_timeout", "proxy/faults.rs"),
    ("seat_unreachable", "proxy/faults.rs"),
    ("seats_unreachable", "scenes/published.rs"),
    ("stopping", "proxy/load.rs"),
    ("token_expired", "proxy/matrix.rs"),
    ("too_many_ports", "store/tests/origins.rs"),
    ("upload_stalled", "proxy/faults.rs"),
    ("websocket_version", "proxy/upgrades.rs"),
];

struct Provoked {
    codes: BTreeSet<String>,
}

impl Provoked {
    /// The answer is this error, in the one shape, and listed.
    fn is(&mut self, answer: &Answer, status: u16, code: &str) {
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (status, code),
            "{answer:?}"
        );
        assert_eq!(
            answer.headers["content-type"], "application/json",
            "{answer:?}"
        );
        assert_eq!(answer.headers["cache-control"], "no-store", "{answer:?}");
        let body = answer.json();
        assert_eq!(body.as_object().unwrap().len(), 1, "{body}");
        let error = body["error"].as_object().unwrap();
        let known = ["code", "message", "request_id", "field"];
        assert!(
            error.keys().all(|key| known.contains(&key.as_str())),
            "{body}"
        );
        assert!(!error["message"].as_str().unwrap().is_empty(), "{body}");
        assert_eq!(
            error["request_id"],
            answer.headers["x-request-id"].to_str().unwrap(),
            "{body}"
        );
        let waits = matches!(status, 425 | 429 | 503);
        assert_eq!(
            answer.headers.contains_key("retry-after"),
            waits,
            "{answer:?}"
        );
        assert!(
            is_listed(status, code),
            "{status} {code} is not in error_codes.rs"
        );
        self.codes.insert(code.to_owned());
    }
}

async fn post(client: &Client, path: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
    let mut all = vec![("content-type", "application/json")];
    all.extend(headers);
    client
        .send(Method::POST, path, &all, body.to_string())
        .await
}

#[tokio::test]
async fn every_error_is_listed_and_has_the_one_shape() {
    scene_with_seats(|app, instructor, seats| async move {
        let mut provoked = Provoked {
            codes: BTreeSet::new(),
        };
        let anyone = app.client();
        let workshop = instructor.workshop(2).await;
        let path = format!("/api/workshops/{}", workshop["id"].as_str().unwrap());
        let class = json!({"name": "Class", "seats": 1});

        // Calls, and who makes them.
        let folder = tempfile::tempdir().unwrap();
        let new = TestApp::start(folder.path()).await;
        provoked.is(&new.client().get("/api/session").await, 401, "setup_required");
        provoked.is(&anyone.get("/api/nothing").await, 404, "not_found");
        provoked.is(&anyone.delete("/api/join").await, 405, "method_not_allowed");
        provoked.is(&anyone.get("/api/workshops").await, 401, "unauthenticated");
        let token = [("authorization", "Bearer ct_nobodys")];
        let token = anyone.send(Method::GET, "/api/workshops", &token, "").await;
        provoked.is(&token, 401, "bad_token");
        let password = json!({"password": "not the password"});
        provoked.is(&anyone.post("/api/session", password).await, 401, "bad_credentials");
        let setup = json!({"secret": "used", "password": "long enough for a password"});
        provoked.is(&anyone.post("/api/setup", setup).await, 403, "bad_setup_secret");
        let evil = [("origin", "http://evil.example")];
        provoked.is(&post(&instructor, "/api/workshops", &evil, &class).await, 403, "wrong_origin");
        let host = [("host", "evil.example")];
        provoked.is(&anyone.send(Method::GET, "/api/health", &host, "").await, 421, "wrong_host");

        // Inputs.
        let wrong = json!({"name": "", "seats": 1});
        let wrong = instructor.post("/api/workshops", wrong).await;
        provoked.is(&wrong, 400, "invalid_input");
        assert_eq!(wrong.json()["error"]["field"], "name");
        let large = json!({"name": "x".repeat(1 << 20), "seats": 1});
        provoked.is(&instructor.post("/api/workshops", large).await, 413, "too_large");
        let form = instructor.send(Method::POST, "/api/workshops", &[], "name=Class").await;
        provoked.is(&form, 415, "unsupported_media_type");
        provoked.is(&instructor.get("/api/workshops/ws-00000000").await, 404, "not_found");
        provoked.is(&instructor.post(&format!("{path}/seats/9/reset"), json!({})).await, 404, "not_found");
        let key = [("idempotency-key", "k")];
        let first = post(&instructor, "/api/workshops", &key, &class).await;
        assert_eq!(first.status, StatusCode::CREATED, "{first:?}");
        let other = json!({"name": "Other", "seats": 1});
        let again = post(&instructor, "/api/workshops", &key, &other).await;
        provoked.is(&again, 409, "idempotency_conflict");

        // Joining.
        let code = json!({"code": "0000-0000", "name": "Ada"});
        provoked.is(&anyone.post("/api/join", code).await, 404, "unknown_code");
        let back = json!({"code": workshop["code"], "name": "Ada", "reconnect_code": "nobodys"});
        provoked.is(&anyone.post("/api/join", back).await, 404, "unknown_reconnect_code");
        let ada = anyone.join(&workshop, "Ada").await.json();
        let bea = anyone.join(&workshop, "Bea").await.json();
        provoked.is(&anyone.join(&workshop, "Cleo").await, 409, "no_seats");
        for seat in 1..=3 {
            seats.inject(SeatNumber::new(seat).unwrap(), Fault::CreateHangs);
        }
        let more = instructor.post(&format!("{path}/seats"), json!({"count": 1})).await;
        assert_eq!(more.status, StatusCode::OK, "{more:?}");
        provoked.is(&anyone.join(&workshop, "Cleo").await, 425, "not_ready");

        // Seats.
        let base = format!("/debug/proxy/{}/vm", workshop["id"].as_str().unwrap());
        let with = |joined: &Value| format!("Bearer {}", joined["token"].as_str().unwrap());
        let ask = async |joined: &Value, path: String| {
            let bearer = with(joined);
            anyone.send(Method::GET, &path, &[("authorization", &bearer)], "").await
        };
        provoked.is(&ask(&ada, format!("{base}/2/session")).await, 403, "forbidden");
        provoked.is(&anyone.get(&format!("{base}/1/session")).await, 401, "unauthenticated");
        provoked.is(&ask(&ada, format!("{base}/1/nothing")).await, 404, "not_found");
        instructor.post(&format!("{path}/seats/1/reset"), json!({})).await;
        provoked.is(&ask(&ada, format!("{base}/1/session")).await, 410, "reset");
        let back = json!({"code": workshop["code"], "name": "Ada", "reconnect_code": ada["reconnect_code"]});
        let ada = anyone.post("/api/join", back).await.json();
        provoked.is(&ask(&ada, format!("{base}/1/session")).await, 503, "seat_unavailable");
        instructor.post(&format!("{path}/seats/2/release"), json!({})).await;
        provoked.is(&ask(&bea, format!("{base}/2/session")).await, 410, "released");

        // The engine, and the end.
        seats.go_down();
        provoked.is(&instructor.post("/api/workshops", class.clone()).await, 503, "engine_unreachable");
        seats.come_back();
        assert_eq!(instructor.delete(&path).await.status, StatusCode::NO_CONTENT);
        provoked.is(&anyone.join(&workshop, "Cleo").await, 410, "ended");
        provoked.is(&ask(&ada, format!("{base}/1/session")).await, 410, "ended");
        let mut guess = anyone.post("/api/join", json!({"code": "x", "name": "Eve"})).await;
        for _guess in 0..40 {
            guess = anyone.post("/api/join", json!({"code": "x", "name": "Eve"})).await;
        }
        provoked.is(&guess, 429, "too_many_attempts");

        let elsewhere: BTreeSet<_> = ELSEWHERE.iter().map(|(code, _)| (*code).to_owned()).collect();
        let listed: BTreeSet<_> = LISTED.iter().map(|it| it.code.to_owned()).collect();
        let here_or_there = provoked.codes.union(&elsewhere).cloned().collect();
        assert_eq!(listed, here_or_there, "listed, and provoked here or named in ELSEWHERE");
    })
    .await;
}

#[test]
fn the_document_lists_every_code_and_every_status_that_a_call_has() {
    let document: Value = serde_json::from_str(&clarateach::http::openapi_json()).unwrap();
    let shown = &document["components"]["schemas"]["ErrorDetail"]["properties"]["code"]["enum"];
    let shown: BTreeSet<_> = shown
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it.as_str().unwrap())
        .collect();
    let listed: BTreeSet<_> = LISTED.iter().map(|it| it.code).collect();
    assert_eq!(shown, listed);
    let statuses: BTreeSet<_> = LISTED.iter().map(|it| it.status.to_string()).collect();
    for (path, calls) in document["paths"].as_object().unwrap() {
        for (method, call) in calls.as_object().unwrap() {
            let Some(answers) = call["responses"].as_object() else {
                continue;
            };
            let errors = answers.keys().filter(|status| status.as_str() >= "400");
            for status in errors {
                assert!(
                    statuses.contains(status),
                    "{method} {path}: {status} is not listed"
                );
            }
        }
    }
}
