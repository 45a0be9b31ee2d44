//! A reset can be undone, for the same learner and for a while.

use http::{Method, StatusCode};
use serde_json::{Value, json};
use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};

use super::app::{Answer, Client, TestApp, scene};

/// One seat and whoever sits there.
struct Class {
    instructor: Client,
    learner: Client,
    workshop: Value,
    joined: Value,
}

impl Class {
    async fn begin(app: &TestApp, instructor: Client) -> Self {
        let workshop = instructor.workshop(1).await;
        let learner = app.client();
        let joined = learner.join(&workshop, "Ada").await.json();
        Self {
            instructor,
            learner,
            workshop,
            joined,
        }
    }

    fn path(&self) -> String {
        format!("/api/workshops/{}", self.workshop["id"].as_str().unwrap())
    }

    async fn does(&self, verb: &str) -> Answer {
        let path = format!("{}/seats/1/{verb}", self.path());
        self.instructor.post(&path, json!({})).await
    }

    /// The seat, once it is there.
    async fn seat(&self) -> Value {
        let there = |shown: &Value| {
            let status = &shown["seats"][0]["status"];
            status == "ready" || status == "occupied"
        };
        self.instructor.until(&self.path(), there).await["seats"][0].clone()
    }

    /// The learner's file, with the token of the seat as it is now.
    async fn file(&self, method: Method, content: &'static str) -> Answer {
        self.seat().await;
        let back = json!({"code": self.workshop["code"], "name": "Ada", "reconnect_code": self.joined["reconnect_code"]});
        let joined = self.learner.post("/api/join", back).await.json();
        let bearer = format!("Bearer {}", joined["token"].as_str().unwrap());
        let endpoint = joined["endpoint"].as_str().unwrap();
        let endpoint = endpoint.strip_prefix(&self.learner.base).unwrap();
        let path = format!("{endpoint}/vm/1/files/notes.txt");
        let auth = [("authorization", bearer.as_str())];
        self.learner.send(method, &path, &auth, content).await
    }
}

#[tokio::test]
async fn undone_resets_give_the_files_back_one_after_the_other() {
    scene(|app, instructor| async move {
        let class = Class::begin(&app, instructor).await;
        let nothing = class.does("undo-reset").await;
        assert_eq!(
            (nothing.status, nothing.code().as_str()),
            (StatusCode::CONFLICT, "nothing_to_undo")
        );
        class.file(Method::PUT, "first").await;
        let reset = class.does("reset").await.json();
        let until = OffsetDateTime::parse(reset["undo_reset_until"].as_str().unwrap(), &Rfc3339);
        let left = until.unwrap() - OffsetDateTime::now_utc();
        assert!(
            left > Duration::minutes(29) && left <= Duration::minutes(30),
            "{left}"
        );
        assert_eq!(
            class.file(Method::GET, "").await.status,
            StatusCode::NOT_FOUND
        );
        class.file(Method::PUT, "second").await;
        class.does("reset").await;
        assert_eq!(
            class.file(Method::GET, "").await.status,
            StatusCode::NOT_FOUND
        );

        let undone = class.does("undo-reset").await.json();
        assert_eq!(undone["generation"], 4);
        assert_eq!(undone["learner"]["name"], "Ada");
        assert_eq!(class.file(Method::GET, "").await.text, "second");
        class.does("undo-reset").await;
        assert_eq!(class.file(Method::GET, "").await.text, "first");
        assert!(class.seat().await["undo_reset_until"].is_null());
        assert_eq!(class.does("undo-reset").await.code(), "nothing_to_undo");
        // What was given back is the seat's own again.
        class.does("reset").await;
        class.seat().await;
        class.does("undo-reset").await;
        assert_eq!(class.file(Method::GET, "").await.text, "first");
    })
    .await;
}

#[tokio::test]
async fn a_reset_asked_for_twice_at_once_can_be_undone() {
    scene(|app, instructor| async move {
        let class = Class::begin(&app, instructor).await;
        class.file(Method::PUT, "work").await;
        let path = format!("{}/seats/1/reset", class.path());
        let again = || class.instructor.post(&path, json!({}));
        let (one, two) = tokio::join!(again(), again());
        assert!(one.status.is_success() && two.status.is_success());
        class.does("undo-reset").await;
        assert_eq!(class.file(Method::GET, "").await.text, "work");
    })
    .await;
}

#[tokio::test]
async fn nobody_gets_what_was_anothers() {
    scene(|app, instructor| async move {
        let class = Class::begin(&app, instructor).await;
        class.file(Method::PUT, "secret").await;
        class.does("reset").await;
        class.seat().await;
        let released = class.does("release").await.json();
        assert!(released["undo_reset_until"].is_null(), "{released}");
        class.seat().await;
        assert_eq!(class.does("undo-reset").await.code(), "nothing_to_undo");
        app.client().join(&class.workshop, "Bob").await;
        assert_eq!(class.does("undo-reset").await.code(), "nothing_to_undo");
    })
    .await;
}
