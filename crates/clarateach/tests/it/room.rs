//! A class in a room: who comes by the room's address is led by it, who sits at the machine by loopback.

use clarateach::config::Config;
use clarateach::room::{Candidates, Room};
use http::{Method, StatusCode, header};
use serde_json::{Value, json};
use tokio::task::LocalSet;

use super::app::{Answer, Client, TestApp, config};

/// An address that no machine has: what is shown to the class doesn't depend on this one's.
const ROOM: &str = "203.0.113.7";

/// Everybody connects by loopback, and says by `Host` how they came.
struct Class {
    instructor: Client,
    learner: Client,
    port: u16,
}

async fn class<F: Future<Output = ()>>(play: impl FnOnce(Class) -> F) {
    LocalSet::new()
        .run_until(async {
            let dir = tempfile::tempdir().unwrap();
            let room = Room {
                host: Some(ROOM.to_owned()),
                others: Candidates::default(),
            };
            let mut app = TestApp::start_with(Config {
                listen: room.listen(0),
                room: Some(room),
                ..config(dir.path())
            })
            .await;
            let port = app.listen.port();
            let shown = app.setup_link.clone().unwrap_or_default();
            assert!(
                shown.starts_with(&format!("http://{ROOM}:{port}/")),
                "{shown}"
            );
            app.listen = ([127, 0, 0, 1], port).into();
            let class = Class {
                instructor: app.instructor().await,
                learner: app.client(),
                port,
            };
            play(class).await;
        })
        .await;
}

impl Class {
    async fn join_by(&self, host: &str, workshop: &Value) -> Answer {
        let body = json!({"code": workshop["code"], "name": "Ada"}).to_string();
        let headers = [("host", host), ("content-type", "application/json")];
        self.learner
            .send(Method::POST, "/api/join", &headers, body)
            .await
    }
}

#[tokio::test]
async fn who_comes_by_the_rooms_address_never_hears_of_loopback() {
    class(|class| async move {
        let workshop = class.instructor.workshop(1).await;
        let host = format!("{ROOM}:{}", class.port);
        let path = format!("/api/workshops/{}", workshop["id"].as_str().unwrap());
        let headers = [("host", host.as_str())];
        let shown = class
            .instructor
            .send(Method::GET, &path, &headers, "")
            .await;
        let joined = class.join_by(&host, &workshop).await;
        for answer in [&shown, &joined] {
            assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
            assert!(answer.text.contains(&format!("http://{host}/")));
            assert!(!answer.text.contains("localhost"), "{answer:?}");
            assert!(!answer.text.contains("127.0.0.1"), "{answer:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn who_sits_at_the_machine_gets_loopback_endpoints_and_the_rooms_join_link() {
    class(|class| async move {
        let workshop = class.instructor.workshop(2).await;
        let link = workshop["join_url"].as_str().unwrap();
        assert!(
            link.starts_with(&format!("http://{ROOM}:{}/join#", class.port)),
            "{link}"
        );
        for name in ["127.0.0.1", "localhost"] {
            let host = format!("{name}:{}", class.port);
            let joined = class.join_by(&host, &workshop).await;
            let endpoint = joined.json()["endpoint"].as_str().unwrap().to_owned();
            assert!(
                endpoint.starts_with(&format!("http://{host}/")),
                "{endpoint}"
            );
        }
    })
    .await;
}

#[tokio::test]
async fn other_addresses_are_misdirected() {
    class(|class| async move {
        let workshop = class.instructor.workshop(1).await;
        for host in [
            ROOM.to_owned(),
            format!("{ROOM}:1"),
            format!("203.0.113.8:{}", class.port),
            format!("0.0.0.0:{}", class.port),
            format!("rebound.example:{}", class.port),
        ] {
            let refused = class.join_by(&host, &workshop).await;
            assert_eq!(refused.status, StatusCode::MISDIRECTED_REQUEST, "{host}");
            assert_eq!(refused.code(), "wrong_host");
        }
    })
    .await;
}

#[tokio::test]
async fn the_join_link_is_a_picture_for_instructors_only() {
    class(|class| async move {
        let workshop = class.instructor.workshop(1).await;
        let path = format!(
            "/api/workshops/{}/join-qr.svg",
            workshop["id"].as_str().unwrap()
        );
        let picture = class.instructor.get(&path).await;
        assert_eq!(picture.status, StatusCode::OK, "{picture:?}");
        assert_eq!(picture.headers[header::CONTENT_TYPE], "image/svg+xml");
        let link = workshop["join_url"].as_str().unwrap();
        assert_eq!(picture.text, clarateach::qr::as_picture(link).unwrap());
        let stranger = class.learner.get(&path).await;
        assert_eq!(stranger.status, StatusCode::UNAUTHORIZED);
        let none = class
            .instructor
            .get("/api/workshops/ws-00000000/join-qr.svg")
            .await;
        assert_eq!(none.status, StatusCode::NOT_FOUND);
    })
    .await;
}
