//! When workshops begin and end: seats before the start, warnings, extensions, defaults.

use std::time::Duration;

use clarateach::config::{Config, Length};
use clarateach::model::ScheduleTimes;
use http::{Method, StatusCode};
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::task::LocalSet;

use super::app::{Client, TestApp, config, scene, scene_with, scene_with_seats};
use super::watcher::Watcher;

fn in_seconds(seconds: i64) -> String {
    let at = OffsetDateTime::now_utc() + time::Duration::seconds(seconds);
    at.format(&Rfc3339).unwrap()
}

fn time(value: &Value) -> OffsetDateTime {
    OffsetDateTime::parse(value.as_str().unwrap(), &Rfc3339).unwrap()
}

fn path(workshop: &Value) -> String {
    format!("/api/workshops/{}", workshop["id"].as_str().unwrap())
}

async fn create(instructor: &Client, times: Value) -> Value {
    let mut body = json!({"name": "Class", "seats": 1});
    body.as_object_mut()
        .unwrap()
        .extend(times.as_object().unwrap().clone());
    let answer = instructor.post("/api/workshops", body).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
    answer.json()
}

/// How long a clock may jump here, and how soon a workshop ends after that.
fn hasty(config: Config) -> Config {
    let schedule = ScheduleTimes {
        lead: Duration::from_secs(3600),
        grace: Duration::from_secs(2),
        ..ScheduleTimes::default()
    };
    Config { schedule, ..config }
}

#[tokio::test]
async fn a_workshop_for_tomorrow_holds_nothing_until_shortly_before() {
    scene_with_seats(|app, instructor, seats| async move {
        use clarateach::provider::Provider;
        let (starts_at, ends_at) = (in_seconds(11 * 3600), in_seconds(19 * 3600));
        let workshop = create(
            &instructor,
            json!({"starts_at": starts_at, "ends_at": ends_at}),
        )
        .await;
        assert_eq!(workshop["status"], "scheduled");
        let early = app.client().join(&workshop, "Ada").await;
        assert_eq!(
            (early.status, early.code().as_str()),
            (StatusCode::TOO_EARLY, "not_ready")
        );
        assert_eq!(seats.list_workshops().await.unwrap(), []);
    })
    .await;
}

#[tokio::test]
async fn a_workshop_for_tomorrow_that_is_deleted_at_once_is_gone_at_once() {
    scene(|app, instructor| async move {
        // Whether it holds anything is still being looked after when its end is asked for; nothing is due for 30 s then.
        for round in 0..20 {
            let workshop = create(&instructor, json!({"starts_at": in_seconds(86_400)})).await;
            let path = path(&workshop);
            let deleted = tokio::time::timeout(Duration::from_secs(10), instructor.delete(&path));
            let deleted = deleted.await.map(|answer| answer.status);
            assert_eq!(deleted, Ok(StatusCode::NO_CONTENT), "round {round}");
            assert_eq!(instructor.get(&path).await.status, StatusCode::NOT_FOUND);
        }
        drop(app);
    })
    .await;
}

#[tokio::test]
async fn seats_are_there_before_the_start() {
    LocalSet::new()
        .run_until(async {
            let dir = tempfile::tempdir().unwrap();
            let app = TestApp::start(dir.path()).await;
            let instructor = app.instructor().await;
            let workshop = create(&instructor, json!({"starts_at": in_seconds(1800)})).await;
            assert_eq!(workshop["status"], "scheduled");
            let cookie = instructor.cookie.clone();
            app.stop().await;

            // Half an hour later, as far as it can tell.
            let app = TestApp::start_with(hasty(config(dir.path()))).await;
            let mut instructor = app.client();
            instructor.cookie = cookie;
            let ready = |shown: &Value| shown["status"] == "ready";
            instructor.until(&path(&workshop), ready).await;
            let joined = app.client().join(&workshop, "Ada").await;
            assert_eq!(joined.status, StatusCode::OK, "{joined:?}");
        })
        .await;
}

#[tokio::test]
async fn an_end_is_warned_of_and_comes() {
    scene_with(hasty, |app, instructor| async move {
        let workshop = create(&instructor, json!({"ends_at": in_seconds(8)})).await;
        let mut page = Watcher::open(&instructor, &format!("{}/events", path(&workshop))).await;
        let joined = app.client().join(&workshop, "Ada").await.json();
        assert_eq!(joined["workshop"]["ends_at"], workshop["ends_at"]);
        let is_warned = |event: &Value| {
            event["type"] == "warning" || event["workshop"]["warning"]["minutes"] == 1
        };
        let warning = page.until(is_warned).await.pop().unwrap();
        if warning["type"] == "warning" {
            assert_eq!(
                (&warning["minutes"], &warning["ends_at"]),
                (&json!(1), &workshop["ends_at"])
            );
        }
        let shown = instructor.get(&path(&workshop)).await.json();
        assert_eq!(shown["warning"]["minutes"], 1);
        page.until(|event| event["type"] == "ended").await;
        assert!(OffsetDateTime::now_utc() >= time(&workshop["ends_at"]));
        assert_eq!(app.client().join(&workshop, "Bob").await.code(), "ended");
    })
    .await;
}

#[tokio::test]
async fn a_database_that_is_held_while_a_workshop_should_end_costs_no_other_its_warning() {
    LocalSet::new()
        .run_until(async {
            let dir = tempfile::tempdir().unwrap();
            let app = TestApp::start_with(hasty(config(dir.path()))).await;
            let instructor = app.instructor().await;
            let first = create(&instructor, json!({"ends_at": in_seconds(10)})).await;
            let ends_at = time(&first["ends_at"]);
            // They are warned a minute before, which is when that one ends.
            let later = ends_at + time::Duration::minutes(1);
            let later = json!({"ends_at": later.format(&Rfc3339).unwrap()});
            let mut others = Vec::new();
            for _ in 0..6 {
                others.push(create(&instructor, later.clone()).await);
            }
            let database = rusqlite::Connection::open(dir.path().join("clarateach.db")).unwrap();
            database.execute_batch("BEGIN IMMEDIATE").unwrap();
            let left = ends_at - OffsetDateTime::now_utc();
            let past = left.max(time::Duration::ZERO) + time::Duration::seconds(2);
            tokio::time::sleep(past.try_into().unwrap()).await;
            // Refused after the end was.
            let refused = app.client().join(&others[0], "Ada").await;
            assert_eq!(refused.code(), "database_busy", "{refused:?}");
            database.execute_batch("ROLLBACK").unwrap();
            let is_warned = |shown: &Value| shown["warning"]["minutes"] == 1;
            for other in &others {
                let path = path(other);
                let warned = instructor.until(&path, is_warned);
                let warned = tokio::time::timeout(Duration::from_secs(20), warned).await;
                warned.expect("its warning was lost");
            }
            let is_over = async {
                while instructor.get(&path(&first)).await.status != StatusCode::NOT_FOUND {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            };
            let is_over = tokio::time::timeout(Duration::from_secs(20), is_over).await;
            is_over.expect("it never ended");
            app.stop().await;
        })
        .await;
}

#[tokio::test]
async fn an_extended_workshop_goes_on_and_tells_its_pages() {
    scene_with(hasty, |app, instructor| async move {
        let workshop = create(&instructor, json!({"ends_at": in_seconds(600)})).await;
        let extend = format!("{}/extend", path(&workshop));
        let mut page = Watcher::open(&instructor, &format!("{}/events", path(&workshop))).await;
        let learner = app.client();
        let joined = learner.join(&workshop, "Ada").await.json();
        let warned =
            |event: &Value| event["type"] == "warning" || event["workshop"]["warning"].is_object();
        page.until(warned).await;

        let later = instructor
            .post(&extend, json!({"minutes": 60}))
            .await
            .json();
        let by = time(&later["ends_at"]) - time(&workshop["ends_at"]);
        assert_eq!(by.whole_minutes(), 60, "{later}");
        let untold =
            |event: &Value| event["type"] == "workshop" && event["workshop"]["warning"].is_null();
        page.until(untold).await;
        // The learner's page learns of it by the token that it has, and renews that.
        let session = format!(
            "/debug/proxy/{}/vm/1/session",
            workshop["id"].as_str().unwrap()
        );
        let bearer = format!("Bearer {}", joined["token"].as_str().unwrap());
        let auth = [("authorization", bearer.as_str())];
        let told = learner.send(Method::GET, &session, &auth, "").await.json();
        assert_eq!(time(&told["ends_at"]), time(&later["ends_at"]));
        assert_eq!(told["ends_cause"], "time", "{told}");
        let renewed = learner.send(Method::POST, &session, &auth, "").await.json();
        assert!(
            time(&renewed["expires_at"]) > time(&joined["expires_at"]),
            "{renewed}"
        );
        // Who joins now knows nothing older.
        instructor
            .post(&format!("{}/seats", path(&workshop)), json!({"count": 1}))
            .await;
        let ready = |shown: &Value| shown["seats"][1]["status"] == "ready";
        instructor.until(&path(&workshop), ready).await;
        let second = learner.join(&workshop, "Bob").await.json();
        assert_eq!(second["workshop"]["ends_at"], later["ends_at"]);

        let sooner = json!({"ends_at": in_seconds(900)});
        assert_eq!(
            instructor.post(&extend, sooner).await.status,
            StatusCode::OK
        );
        for wrong in [
            json!({"ends_at": in_seconds(-5)}),
            json!({"minutes": 0}),
            json!({"minutes": 20_000}),
            json!({"minutes": 5, "ends_at": in_seconds(900)}),
            json!({}),
        ] {
            let answer = instructor.post(&extend, wrong.clone()).await;
            assert_eq!(answer.code(), "invalid_input", "{wrong}");
        }
        instructor.delete(&path(&workshop)).await;
        let late = instructor.post(&extend, json!({"minutes": 5})).await;
        assert_eq!(late.status, StatusCode::NOT_FOUND);
    })
    .await;
}

#[tokio::test]
async fn a_server_that_was_away_at_the_end_leaves_time_to_extend() {
    LocalSet::new()
        .run_until(async {
            let dir = tempfile::tempdir().unwrap();
            let mut seats = None;
            let app = TestApp::start_on(config(dir.path()), &mut seats).await;
            let instructor = app.instructor().await;
            let first = create(&instructor, json!({"ends_at": in_seconds(2)})).await;
            let second = create(&instructor, json!({"ends_at": in_seconds(2)})).await;
            let cookie = instructor.cookie.clone();
            app.stop().await;
            let over = time(&second["ends_at"]);
            while OffsetDateTime::now_utc() < over {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }

            let app = TestApp::start_on(hasty(config(dir.path())), &mut seats).await;
            let mut instructor = app.client();
            instructor.cookie = cookie;
            let postponed = |shown: &Value| {
                time(&shown["ends_at"]) > over && shown["seats"][0]["status"] == "ready"
            };
            instructor.until(&path(&first), postponed).await;
            let joined = app.client().join(&first, "Ada").await.json();
            let session = format!(
                "/debug/proxy/{}/vm/1/session",
                first["id"].as_str().unwrap()
            );
            let bearer = format!("Bearer {}", joined["token"].as_str().unwrap());
            let auth = [("authorization", bearer.as_str())];
            let works = app.client().send(Method::POST, &session, &auth, "").await;
            assert_eq!(works.status, StatusCode::OK, "{works:?}");
            let extended = instructor
                .post(&format!("{}/extend", path(&first)), json!({"minutes": 30}))
                .await;
            assert_eq!(extended.status, StatusCode::OK, "{extended:?}");
            instructor
                .until("/api/workshops", |list| {
                    list["workshops"].as_array().unwrap().len() == 1
                })
                .await;
            let left = instructor.get("/api/workshops").await.json();
            assert_eq!(left["workshops"][0]["id"], first["id"]);
        })
        .await;
}

#[tokio::test]
async fn a_workshop_that_names_no_end_has_one() {
    scene(|_app, instructor| async move {
        let workshop = create(&instructor, json!({})).await;
        let lasts = time(&workshop["ends_at"]) - time(&workshop["created_at"]);
        assert_eq!(lasts.whole_days(), 7);
    })
    .await;
    let endless = |config| Config {
        default_length: Length::UntilDeleted,
        ..config
    };
    scene_with(endless, |_app, instructor| async move {
        let workshop = create(&instructor, json!({})).await;
        assert!(workshop["ends_at"].is_null());
        let extend = format!("{}/extend", path(&workshop));
        let ends = instructor
            .post(&extend, json!({"minutes": 30}))
            .await
            .json();
        assert!(ends["ends_at"].is_string(), "{ends}");
    })
    .await;
}

#[tokio::test]
async fn everything_ends_when_all_is_said() {
    scene(|_app, instructor| async move {
        for _ in 0..3 {
            instructor.workshop(1).await;
        }
        for slip in [
            "/api/workshops",
            "/api/workshops?all=false",
            "/api/workshops/",
        ] {
            let answer = instructor.delete(slip).await;
            assert!(answer.status.is_client_error(), "{slip}: {answer:?}");
        }
        let list = instructor.get("/api/workshops").await.json();
        assert_eq!(list["workshops"].as_array().unwrap().len(), 3);
        let ended = instructor.delete("/api/workshops?all=true").await;
        assert_eq!(ended.status, StatusCode::NO_CONTENT, "{ended:?}");
        let list = instructor.get("/api/workshops").await.json();
        assert_eq!(list["workshops"], json!([]));
    })
    .await;
}
