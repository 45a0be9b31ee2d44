//! Workshops that end when nobody uses them: warned of, kept by whoever works, never inside a class.

use std::time::Duration;

use clarateach::config::{Config, IdleAfter};
use clarateach::model::{PresenceTimes, ScheduleTimes};
use http::{Method, StatusCode};
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio_tungstenite::tungstenite::Message;

use super::app::{Client, TestApp, scene, scene_with};
use super::watcher::Watcher;

const AFTER: Duration = Duration::from_millis(1500);

fn hasty(config: Config) -> Config {
    Config {
        idle_after: IdleAfter::For(AFTER),
        schedule: ScheduleTimes {
            idle_look: Duration::from_millis(50),
            ..ScheduleTimes::default()
        },
        presence: PresenceTimes {
            idle_after: Duration::from_millis(50),
            left_after: Duration::from_millis(50),
        },
        ..config
    }
}

fn path(workshop: &Value) -> String {
    format!("/api/workshops/{}", workshop["id"].as_str().unwrap())
}

fn time(value: &Value) -> OffsetDateTime {
    OffsetDateTime::parse(value.as_str().unwrap(), &Rfc3339).unwrap()
}

fn in_an_hour() -> String {
    let at = OffsetDateTime::now_utc() + time::Duration::hours(1);
    at.format(&Rfc3339).unwrap()
}

async fn create(instructor: &Client, more: Value) -> Value {
    let mut body = json!({"name": "Class", "seats": 1});
    let more = more.as_object().unwrap().clone();
    body.as_object_mut().unwrap().extend(more);
    let answer = instructor.post("/api/workshops", body).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
    answer.json()
}

/// A learner of a workshop's only seat, as their page asks.
struct Learner {
    client: Client,
    workshop: Value,
    bearer: String,
}

impl Learner {
    async fn join(app: &TestApp, workshop: &Value) -> Self {
        let client = app.client();
        let joined = client.join(workshop, "Ada").await.json();
        Self {
            client,
            workshop: workshop.clone(),
            bearer: format!("Bearer {}", joined["token"].as_str().unwrap()),
        }
    }

    fn path(&self, below: &str) -> String {
        let id = self.workshop["id"].as_str().unwrap();
        format!("/debug/proxy/{id}/vm/1{below}")
    }

    async fn session(&self) -> Value {
        let auth = [("authorization", self.bearer.as_str())];
        let path = self.path("/session");
        self.client.send(Method::GET, &path, &auth, "").await.json()
    }

    async fn saves(&self) {
        let auth = [("authorization", self.bearer.as_str())];
        let path = self.path("/files/poem.txt");
        let saved = self.client.send(Method::PUT, &path, &auth, "roses").await;
        assert!(saved.status.is_success(), "{saved:?}");
    }

    async fn terminal(&self) -> Watcher {
        let auth = [("authorization", self.bearer.as_str())];
        let path = self.path("/terminal?name=main&cols=80&rows=24");
        Watcher::try_open(&self.client, &path, &auth).await.unwrap()
    }
}

async fn is_gone(instructor: &Client, workshop: &Value) -> bool {
    instructor.get(&path(workshop)).await.status == StatusCode::NOT_FOUND
}

/// Waits for the end of a workshop that nobody uses.
async fn ends(instructor: &Client, workshop: &Value) {
    while !is_gone(instructor, workshop).await {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_workshop_that_nobody_uses_is_warned_of_and_ends() {
    scene_with(hasty, |app, instructor| async move {
        let workshop = create(&instructor, json!({})).await;
        let own_end = time(&workshop["ends_at"]);
        let learner = Learner::join(&app, &workshop).await;
        let mut page = Watcher::open(&instructor, &format!("{}/events", path(&workshop))).await;
        let told = page.until(|event| event["type"] == "warning").await;
        let warning = told.last().unwrap();
        assert_eq!(
            (&warning["minutes"], &warning["cause"]),
            (&json!(1), &json!("idle"))
        );
        let ends_at = time(&warning["ends_at"]);
        assert!(ends_at < own_end - time::Duration::days(6), "{warning}");
        let shown = instructor.get(&path(&workshop)).await.json();
        for (what, shown) in [
            ("the end", &shown["ends_at"]),
            ("the idle end", &shown["idle"]["ends_at"]),
        ] {
            assert_eq!(time(shown), ends_at, "{what}");
        }
        assert_eq!(shown["warning"], json!({"minutes": 1, "cause": "idle"}));
        // The learner's page is told the same, and its token is not cut for that.
        let session = learner.session().await;
        assert_eq!(time(&session["ends_at"]), ends_at, "{session}");
        assert_eq!(session["ends_cause"], "idle", "{session}");
        assert!(time(&session["expires_at"]) > ends_at, "{session}");
        page.until(|event| event["type"] == "ended").await;
        assert!(OffsetDateTime::now_utc() >= ends_at);
        assert_eq!(app.client().join(&workshop, "Bob").await.code(), "ended");
    })
    .await;
}

#[tokio::test]
async fn whoever_works_keeps_it_and_takes_the_warning_back() {
    scene_with(hasty, |app, instructor| async move {
        let [typed, saved, quiet] = [
            create(&instructor, json!({})).await,
            create(&instructor, json!({})).await,
            create(&instructor, json!({})).await,
        ];
        let types = Learner::join(&app, &typed).await;
        let saves = Learner::join(&app, &saved).await;
        let mut terminal = types.terminal().await;
        let warned = |shown: &Value| shown["warning"]["cause"] == "idle";
        for workshop in [&typed, &saved] {
            instructor.until(&path(workshop), warned).await;
        }
        while !is_gone(&instructor, &quiet).await {
            terminal.say(Message::binary("x")).await;
            saves.saves().await;
        }
        for workshop in [&typed, &saved] {
            let used =
                |shown: &Value| shown["warning"].is_null() && shown["idle"]["ends_at"].is_null();
            let shown = instructor.until(&path(workshop), used).await;
            assert_eq!(shown["status"], "ready", "{shown}");
            assert_eq!(shown["ends_at"], workshop["ends_at"], "{shown}");
        }
        assert_eq!(types.session().await["ends_at"], typed["ends_at"]);
        ends(&instructor, &typed).await;
        ends(&instructor, &saved).await;
    })
    .await;
}

#[tokio::test]
async fn a_class_whose_end_was_named_is_kept_to_it() {
    scene_with(hasty, |_app, instructor| async move {
        let class = create(&instructor, json!({"ends_at": in_an_hour()})).await;
        assert_eq!(class["idle"]["kept_until"], class["ends_at"], "{class}");
        let never = create(&instructor, json!({"idle_after_minutes": 0})).await;
        assert!(never["idle"].is_null(), "{never}");
        let own = create(&instructor, json!({"idle_after_minutes": 90})).await;
        assert_eq!(own["idle"]["after_minutes"], 90, "{own}");
        for _ in 0..2 {
            let quiet = create(&instructor, json!({})).await;
            ends(&instructor, &quiet).await;
        }
        for kept in [&class, &never, &own] {
            let shown = instructor.get(&path(kept)).await.json();
            assert_eq!(shown["status"], "ready", "{shown}");
            assert!(shown["warning"].is_null(), "{shown}");
        }
    })
    .await;
}

#[tokio::test]
async fn one_that_is_extended_is_kept_for_so_long_and_its_own_end_stays() {
    scene_with(hasty, |_app, instructor| async move {
        let workshop = create(&instructor, json!({})).await;
        let warned = |shown: &Value| shown["warning"]["cause"] == "idle";
        let before = instructor.until(&path(&workshop), warned).await;
        let extend = format!("{}/extend", path(&workshop));
        let after = instructor
            .post(&extend, json!({"minutes": 60}))
            .await
            .json();
        let by = time(&after["idle"]["kept_until"]) - time(&before["idle"]["ends_at"]);
        let hour = time::Duration::minutes(60);
        assert!((by - hour).abs() < time::Duration::SECOND, "{after}");
        assert_eq!(after["ends_at"], workshop["ends_at"]);
        assert!(after["warning"].is_null(), "{after}");
        let quiet = create(&instructor, json!({})).await;
        ends(&instructor, &quiet).await;
        let shown = instructor.get(&path(&workshop)).await.json();
        assert_eq!(shown["status"], "ready", "{shown}");
    })
    .await;
}

#[tokio::test]
async fn nothing_ends_for_want_of_use_unless_somebody_says_so() {
    scene(|_app, instructor| async move {
        let workshop = create(&instructor, json!({})).await;
        assert!(workshop["idle"].is_null(), "{workshop}");
        for minutes in [29, 43_201] {
            let body = json!({"name": "Class", "seats": 1, "idle_after_minutes": minutes});
            let answer = instructor.post("/api/workshops", body).await;
            assert_eq!(answer.code(), "invalid_input", "{answer:?}");
            assert_eq!(answer.json()["error"]["field"], "idle_after_minutes");
        }
    })
    .await;
}
