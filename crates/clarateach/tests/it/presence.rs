//! Presence: from what a learner does, to what an instructor's page is told, without anybody asking.

use std::time::Duration;

use clarateach::config::Config;
use clarateach::model::PresenceTimes;
use http::{Method, StatusCode, header};
use serde_json::Value;
use tokio_tungstenite::tungstenite::Message;

use super::app::{Client, TestApp, scene_with};
use super::watcher::Watcher;

const IDLE_AFTER: Duration = Duration::from_millis(1500);

fn impatient(config: Config) -> Config {
    Config {
        presence: PresenceTimes {
            idle_after: IDLE_AFTER,
            left_after: Duration::from_millis(500),
        },
        ..config
    }
}

/// A learner on seat 1, and the instructor's page.
struct Class {
    learner: Client,
    bearer: String,
    page: Watcher,
}

impl Class {
    async fn begin(app: &TestApp, instructor: &Client) -> Self {
        let workshop = instructor.workshop(1).await;
        let joined = instructor.join(&workshop, "Ada").await.json();
        let mut learner = app.client();
        let endpoint = joined["endpoint"].as_str().unwrap();
        learner.base = endpoint.split("/debug").next().unwrap().to_owned();
        let stream = format!("/api/workshops/{}/events", workshop["id"].as_str().unwrap());
        let mut page = Watcher::open(instructor, &stream).await;
        let shown = page.event().await["workshop"]["seats"][0].clone();
        assert_eq!(shown["learner"]["presence"], "never");
        assert!(shown["learner"]["presence_since"].is_null(), "{shown}");
        Self {
            learner,
            bearer: format!("Bearer {}", joined["token"].as_str().unwrap()),
            page,
        }
    }

    fn path(&self, workshop: &str, rest: &str) -> String {
        format!("/debug/proxy/{workshop}/vm/1/{rest}")
    }

    async fn attaches(&self, workshop: &str) -> Watcher {
        let headers = [("authorization", self.bearer.as_str())];
        let path = self.path(workshop, "terminal?name=main&cols=80&rows=24");
        Watcher::try_open(&self.learner, &path, &headers)
            .await
            .unwrap()
    }

    /// Waits until the page is told this presence; answers with its seat.
    async fn is_told(&mut self, presence: &str) -> Value {
        let events = self
            .page
            .until(|event| event["seat"]["learner"]["presence"] == presence)
            .await;
        let seat = events.last().unwrap()["seat"].clone();
        assert!(seat["learner"]["presence_since"].is_string(), "{seat}");
        seat
    }
}

#[tokio::test]
async fn presence_follows_what_a_learner_does_by_itself() {
    scene_with(impatient, |app, instructor| async move {
        let mut class = Class::begin(&app, &instructor).await;
        let id = instructor.get("/api/workshops").await.json()["workshops"][0]["id"].clone();
        let id = id.as_str().unwrap();
        let mut terminal = class.attaches(id).await;
        class.is_told("active").await;
        class.is_told("idle").await;
        // What a page sends by itself is no person's doing.
        terminal
            .say(Message::text(r#"{"type":"resize","cols":90,"rows":30}"#))
            .await;
        terminal.say(Message::Ping("x".into())).await;
        let heard = tokio::time::timeout(Duration::from_millis(400), class.page.next()).await;
        assert!(heard.is_err(), "{heard:?}");
        terminal.say(Message::binary("ls\n")).await;
        class.is_told("active").await;
        class.is_told("idle").await;
        let file = class.path(id, "files/notes.txt");
        let auth = [("authorization", class.bearer.as_str())];
        class.learner.send(Method::GET, &file, &auth, "").await;
        let heard = tokio::time::timeout(Duration::from_millis(400), class.page.next()).await;
        assert!(heard.is_err(), "{heard:?}");
        let saved = class.learner.send(Method::PUT, &file, &auth, "hello").await;
        assert!(saved.status.is_success(), "{saved:?}");
        class.is_told("active").await;
        drop(terminal);
        class.is_told("away").await;
        class.is_told("left").await;
        let _back = class.attaches(id).await;
        let seat = class.is_told("active").await;
        // What the stream says is what GET says.
        let shown = instructor.get(&format!("/api/workshops/{id}")).await.json();
        assert_eq!(shown["seats"][0], seat);
    })
    .await;
}

#[tokio::test]
async fn who_leaves_is_gone_at_once_and_comes_back_with_the_same_token() {
    scene_with(
        |config| config,
        |app, instructor| async move {
            let mut class = Class::begin(&app, &instructor).await;
            let id = instructor.get("/api/workshops").await.json()["workshops"][0]["id"].clone();
            let id = id.as_str().unwrap();
            let terminal = class.attaches(id).await;
            class.is_told("active").await;
            let session = class.path(id, "session");
            let auth = [("authorization", class.bearer.as_str())];
            for _ in 0..2 {
                let left = class
                    .learner
                    .send(Method::DELETE, &session, &auth, "")
                    .await;
                assert_eq!(left.status, StatusCode::NO_CONTENT, "{left:?}");
                let cookie = left.headers[header::SET_COOKIE].to_str().unwrap();
                assert!(
                    cookie.contains("=; ") && cookie.contains("Max-Age=0"),
                    "{cookie}"
                );
            }
            class.is_told("left").await;
            drop(terminal);
            let stranger = app.client().send(Method::DELETE, &session, &[], "").await;
            assert_eq!(stranger.status, StatusCode::UNAUTHORIZED);
            let _back = class.attaches(id).await;
            class.is_told("active").await;
        },
    )
    .await;
}
