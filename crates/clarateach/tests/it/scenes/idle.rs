//! Real seats that nobody uses end their workshop; a shell that computes, one in which somebody types and one
//! that writes files each keep theirs.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use clarateach::config::{Config, IdleAfter, ProviderKind, Settings};
use clarateach::model::{PresenceTimes, ScheduleTimes};
use futures_util::FutureExt;
use http::StatusCode;
use serde_json::{Value, json};
use tokio::task::LocalSet;

use super::super::app::{Client, TestApp};
use super::super::in_seat;
use super::learner::{Learner, Terminal};
use super::wait::until;

const AFTER: Duration = Duration::from_secs(10);
const COMPUTES: &str = "while :; do :; done & job=$!; echo be''gun";
/// Less than a hundredth of a core.
const WRITES: &str = "while sleep 3; do date > note; done & job=$!; echo be''gun";

fn config(data_dir: &std::path::Path) -> Config {
    let settings = Settings {
        listen: Some(([127, 0, 0, 1], 0).into()),
        data_dir: Some(data_dir.to_owned()),
        provider: Some(ProviderKind::Docker),
        workspace_binary: Some(in_seat::server()),
        ..Settings::default()
    };
    Config {
        idle_after: IdleAfter::For(AFTER),
        schedule: ScheduleTimes {
            idle_look: Duration::from_secs(1),
            ..ScheduleTimes::default()
        },
        presence: PresenceTimes {
            idle_after: Duration::from_secs(1),
            ..PresenceTimes::default()
        },
        ..settings.resolve().unwrap()
    }
}

/// A workshop of one seat, and its learner's terminal.
struct Class {
    workshop: Value,
    terminal: Terminal,
}

impl Class {
    async fn open(app: &TestApp, instructor: &Client) -> Self {
        let body =
            json!({"name": "Class", "seats": 1, "resources": {"memory_mb": 128, "disk_mb": 64}});
        let workshop = instructor.post("/api/workshops", body).await;
        assert_eq!(workshop.status, StatusCode::CREATED, "{workshop:?}");
        let workshop = workshop.json();
        let learner = Learner::join(app.listen, &workshop, "Ada").await;
        let terminal = learner.terminal().await;
        Self { workshop, terminal }
    }

    async fn shown(&self, instructor: &Client) -> Option<Value> {
        let id = self.workshop["id"].as_str().unwrap();
        let answer = instructor.get(&format!("/api/workshops/{id}")).await;
        (answer.status == StatusCode::OK).then(|| answer.json())
    }

    async fn ends(&self, what: &str, instructor: &Client) {
        until(what, async || {
            let shown = self.shown(instructor).await;
            let is_over = shown.is_none_or(|shown| shown["status"] == "ending");
            is_over.then_some(())
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shells_that_work_keep_their_workshop_and_a_quiet_one_lets_it_end() {
    let local = LocalSet::new();
    local
        .run_until(async {
            let folder = tempfile::tempdir().unwrap();
            let app = Box::pin(TestApp::start_with(config(folder.path()))).await;
            let instructor = app.instructor().await;
            let played = AssertUnwindSafe(Box::pin(play(&app, &instructor)));
            let played = played.catch_unwind().await;
            let deleted = instructor.delete("/api/workshops?all=true").await;
            app.stop().await;
            if let Err(panic) = played {
                std::panic::resume_unwind(panic);
            }
            assert_eq!(deleted.status, StatusCode::NO_CONTENT, "{deleted:?}");
        })
        .await;
}

async fn play(app: &TestApp, instructor: &Client) {
    let mut computes = Class::open(app, instructor).await;
    let mut writes = Class::open(app, instructor).await;
    let mut types = Class::open(app, instructor).await;
    computes.terminal.answers(COMPUTES, "begun").await;
    writes.terminal.answers(WRITES, "begun").await;
    // The control comes last: when it ends, the others have been there for longer.
    let quiet = Class::open(app, instructor).await;
    until("the end of a quiet workshop", async || {
        types.terminal.answers("echo $((40 + 2))", "42").await;
        let shown = quiet.shown(instructor).await;
        shown
            .is_none_or(|shown| shown["status"] == "ending")
            .then_some(())
    })
    .await;
    for (what, class) in [
        ("computes", &computes),
        ("writes", &writes),
        ("types", &types),
    ] {
        let shown = class.shown(instructor).await;
        let shown = shown.unwrap_or_else(|| panic!("the one that {what} ended"));
        assert_eq!(shown["status"], "ready", "{what}: {shown}");
        assert!(shown["idle"]["ends_at"].is_null(), "{what}: {shown}");
    }
    for class in [&mut computes, &mut writes] {
        let stopped = "kill $job; wait $job; echo sto''pped";
        class.terminal.answers(stopped, "stopped").await;
    }
    for (what, class) in [
        ("computed", &computes),
        ("wrote", &writes),
        ("typed", &types),
    ] {
        let what = format!("the end of the workshop that {what}");
        class.ends(&what, instructor).await;
    }
}
