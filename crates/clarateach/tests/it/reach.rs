//! Whether another device reaches this machine: noted once, from foreign addresses only.

use clarateach::config::Config;
use http::{Method, StatusCode};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use super::app::{Client, scene_with};
use super::watcher::Watcher;

/// No machine has these (RFC 5737); the test's own connection speaks for a trusted proxy.
const PHONE: &str = "203.0.113.9";
const TABLET: &str = "203.0.113.10";

fn behind_a_proxy(config: Config) -> Config {
    Config {
        trusted_proxies: vec!["127.0.0.0/8".parse().unwrap()],
        ..config
    }
}

async fn gets_page(client: &Client, from: &str) {
    let headers = [("x-forwarded-for", from)];
    // Whether this build has pages inside is no matter here.
    client.send(Method::GET, "/join", &headers, "").await;
}

async fn tries(client: &Client, from: &str) -> Watcher {
    let origin = client.base.clone();
    let headers = [("x-forwarded-for", from), ("origin", origin.as_str())];
    let mut socket = Watcher::try_open(client, "/api/reach", &headers)
        .await
        .unwrap();
    assert_eq!(socket.event().await, json!({"type": "hello"}));
    socket
}

async fn tries_and_answers(client: &Client, from: &str) {
    let mut socket = tries(client, from).await;
    socket.say(Message::text("hello")).await;
    socket.closed().await;
}

async fn reach(instructor: &Client) -> (bool, bool) {
    let shown = instructor.get("/api/reach").await.json();
    let is_there = |field: &str| shown[field].is_string();
    (is_there("page_at"), is_there("websocket_at"))
}

#[tokio::test]
async fn another_devices_page_and_live_connection_are_noted_and_told() {
    scene_with(behind_a_proxy, |app, instructor| async move {
        let workshop = instructor.workshop(1).await;
        let stream = format!("/api/workshops/{}/events", workshop["id"].as_str().unwrap());
        let mut pages = [
            Watcher::open(&instructor, "/api/events").await,
            Watcher::open(&instructor, &stream).await,
        ];
        for page in &mut pages {
            page.event().await;
        }
        let phone = app.client();
        gets_page(&phone, PHONE).await;
        tries_and_answers(&phone, TABLET).await;
        for page in &mut pages {
            let told = page
                .until(|event| event["reach"]["websocket_at"].is_string())
                .await;
            assert!(told.last().unwrap()["reach"]["page_at"].is_string());
        }
        assert_eq!(reach(&instructor).await, (true, true));
        let first = instructor.get("/api/reach").await.text;
        tries_and_answers(&phone, PHONE).await;
        assert_eq!(instructor.get("/api/reach").await.text, first);
    })
    .await;
}

#[tokio::test]
async fn this_machine_and_the_instructor_are_no_other_device() {
    scene_with(behind_a_proxy, |app, instructor| async move {
        let visitor = app.client();
        let own = clarateach::room::Machine::read().unwrap();
        let mut addresses: Vec<_> = own
            .interfaces
            .iter()
            .map(|it| it.address.to_string())
            .collect();
        addresses.push("127.0.0.9".to_owned());
        for address in &addresses {
            gets_page(&visitor, address).await;
            tries_and_answers(&visitor, address).await;
        }
        gets_page(&instructor, PHONE).await;
        tries_and_answers(&instructor, PHONE).await;
        assert_eq!(reach(&instructor).await, (false, false));
        // The positive control.
        gets_page(&visitor, PHONE).await;
        tries_and_answers(&visitor, PHONE).await;
        assert_eq!(reach(&instructor).await, (true, true));
    })
    .await;
}

/// A proxy that answers the upgrade itself, or swallows what comes after, is no live connection.
#[tokio::test]
async fn a_connection_counts_when_the_answer_came_back() {
    scene_with(behind_a_proxy, |app, instructor| async move {
        let phone = app.client();
        drop(tries(&phone, PHONE).await);
        let mut silent = tries(&phone, PHONE).await;
        assert_ne!(silent.closed().await, 4401, "it is cut after five seconds");
        assert_eq!(reach(&instructor).await, (false, false));
    })
    .await;
}

#[tokio::test]
async fn a_try_is_for_our_pages_and_what_was_seen_for_instructors() {
    scene_with(behind_a_proxy, |app, _instructor| async move {
        let stranger = app.client();
        let asked = stranger.get("/api/reach").await;
        assert_eq!(asked.status, StatusCode::UNAUTHORIZED);
        let elsewhere = [("origin", "http://elsewhere.example")];
        let refused = Watcher::try_open(&stranger, "/api/reach", &elsewhere).await;
        let (status, body) = refused.err().unwrap();
        let body: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(
            (status, &body["error"]["code"]),
            (StatusCode::FORBIDDEN, &json!("wrong_origin"))
        );
    })
    .await;
}

#[tokio::test]
async fn a_crowd_of_tries_is_turned_away() {
    scene_with(behind_a_proxy, |app, _instructor| async move {
        let crowd = app.client();
        let origin = crowd.base.clone();
        let headers = [("origin", origin.as_str())];
        let mut open = Vec::new();
        let status = loop {
            match Watcher::try_open(&crowd, "/api/reach", &headers).await {
                Ok(socket) => open.push(socket),
                Err((status, _)) => break status,
            }
        };
        assert_eq!((status, open.len()), (StatusCode::TOO_MANY_REQUESTS, 16));
    })
    .await;
}
