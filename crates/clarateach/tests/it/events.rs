//! Event streams: what they begin with, what follows and how they resume.

use std::time::Duration;

use clarateach::config::Config;
use clarateach::feed::FeedTimes;
use clarateach::provider::Pulled;
use clarateach::provider::simulated::{Failure, Fault};
use clarateach_protocol::id::SeatNumber;
use http::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::task::LocalSet;

use super::app::{PASSWORD, TestApp, scene, scene_with, scene_with_seats};
use super::watcher::{Script, Watcher};

#[cfg(test)]
mod ends;

fn path_of(workshop: &Value) -> String {
    format!("/api/workshops/{}", workshop["id"].as_str().unwrap())
}

fn stream_of(workshop: &Value) -> String {
    format!("{}/events", path_of(workshop))
}

fn id(event: &Value) -> u64 {
    event["id"]
        .as_u64()
        .unwrap_or_else(|| panic!("no id in {event}"))
}

/// What a client knows after an event.
fn apply(known: &mut Value, event: &Value) {
    match event["type"].as_str().unwrap() {
        "workshop" => *known = event["workshop"].clone(),
        "seat" => {
            let seats = known["seats"].as_array_mut().unwrap();
            let number = &event["seat"]["number"];
            let seat = seats.iter_mut().find(|seat| seat["number"] == *number);
            *seat.unwrap() = event["seat"].clone();
        }
        "progress" => {
            let known = known.as_object_mut().unwrap();
            for field in ["status", "reason", "progress"] {
                match event.get(field) {
                    Some(value) => known.insert(field.to_owned(), value.clone()),
                    None => known.remove(field),
                };
            }
        }
        other => panic!("{other}: {event}"),
    }
}

/// By itself, or with the rest of the workshop where it came to that so fast.
fn says_ready(event: &Value) -> bool {
    event["status"] == "ready" || event["workshop"]["status"] == "ready"
}

#[tokio::test]
async fn a_stream_begins_with_what_get_shows_and_follows_it() {
    scene(|_app, instructor| async move {
        let workshop = instructor.workshop(3).await;
        let shown = instructor.get(&path_of(&workshop)).await.json();
        let mut page = Watcher::open(&instructor, &stream_of(&workshop)).await;
        let mut script = Script::open(&instructor, &stream_of(&workshop), &[]).await;
        let first = page.event().await;
        assert_eq!(
            (&first["type"], &first["workshop"]),
            (&json!("workshop"), &shown)
        );
        assert_eq!(script.next().await.unwrap(), first);

        assert_eq!(
            instructor.join(&workshop, "Ada").await.status,
            StatusCode::OK
        );
        let joined = page
            .until(|event| event["seat"]["status"] == "occupied")
            .await;
        let seat = joined.last().unwrap();
        let shown = instructor.get(&path_of(&workshop)).await.json();
        assert_eq!(
            (&seat["seat"], &seat["workshop"]),
            (&shown["seats"][0], &workshop["id"])
        );
        assert!(
            joined.iter().all(|event| event["type"] == "seat"),
            "{joined:?}"
        );
        for event in joined {
            assert!(id(&event) > id(&first));
            assert_eq!(script.next().await.unwrap(), event);
        }
    })
    .await;
}

/// A workshop whose image is pulled, and one of whose seats fails at first: both kinds of stream tell it.
#[tokio::test]
async fn making_a_workshop_is_told_in_percent_that_never_fall() {
    scene_with_seats(|app, instructor, seats| async move {
        let pulled = |permille| Pulled {
            bytes: u64::from(permille) * 1000,
            of: Some(1_000_000),
            permille,
        };
        let pause = Duration::from_millis(150);
        seats.pull([0, 250, 1000].map(|it| (pulled(it), pause)).into());
        for seat in 1..=3 {
            let seat = SeatNumber::new(seat).unwrap();
            seats.inject(seat, Fault::CreateTakes(pause * u32::from(seat.get())));
        }
        let failure = Failure::Engine;
        let fails = Fault::CreateFails { times: 1, failure };
        seats.inject(SeatNumber::new(2).unwrap(), fails);
        let mut list = Watcher::open(&instructor, "/api/events").await;
        list.event().await;
        let body = json!({"name": "Told", "seats": 3});
        let answer = instructor
            .send(
                Method::POST,
                "/api/workshops",
                &[
                    ("prefer", "respond-async"),
                    ("content-type", "application/json"),
                ],
                body.to_string(),
            )
            .await;
        assert_eq!(answer.status, StatusCode::ACCEPTED);
        let shown = answer.json();
        let mut script = Script::open(&instructor, &stream_of(&shown), &[]).await;

        let events = list.until(says_ready).await;
        let of = |event: &Value| match event["type"].as_str() {
            Some("workshop") => event["workshop"]["progress"].clone(),
            _ => event["progress"].clone(),
        };
        let told: Vec<Value> = events.iter().map(of).filter(|it| !it.is_null()).collect();
        let percents: Vec<u64> = told
            .iter()
            .filter_map(|it| it["percent"].as_u64())
            .collect();
        assert!(percents.is_sorted() && percents.len() > 3, "{percents:?}");
        assert!(percents.iter().all(|it| *it < 100), "{percents:?}");
        let phases: Vec<&str> = told.iter().filter_map(|it| it["phase"].as_str()).collect();
        for phase in ["image", "create"] {
            assert!(phases.contains(&phase), "{phase}: {phases:?}");
        }
        let fetching = told.iter().find(|it| it["pulled"]["bytes"] == 250_000);
        assert_eq!(fetching.unwrap()["pulled"]["of"], 1_000_000, "{told:?}");
        let last = events.last().unwrap();
        assert!(
            of(last).is_null(),
            "a ready workshop has no progress: {last}"
        );
        loop {
            let event = script.next().await.unwrap();
            if says_ready(&event) {
                break;
            }
        }
        drop(app);
    })
    .await;
}

#[tokio::test]
async fn the_list_begins_with_all_and_hears_of_new_and_ended_ones() {
    scene(|_app, instructor| async move {
        let old = instructor.workshop(1).await;
        let mut list = Watcher::open(&instructor, "/api/events").await;
        let first = list.event().await;
        let shown = instructor.get("/api/workshops").await.json();
        assert_eq!(
            (&first["type"], &first["workshops"]),
            (&json!("workshops"), &shown["workshops"])
        );

        let new = instructor.workshop(1).await;
        let made = list.until(says_ready).await;
        assert_eq!(
            (&made[0]["type"], &made[0]["workshop"]["id"]),
            (&json!("workshop"), &new["id"])
        );
        assert_eq!(
            instructor.delete(&path_of(&old)).await.status,
            StatusCode::NO_CONTENT
        );
        let ended = list.until(|event| event["type"] == "ended").await;
        assert_eq!(ended.last().unwrap()["workshop"], old["id"]);
    })
    .await;
}

/// Dozens of changes, a client that hangs up after every few events, and one that never does.
#[tokio::test]
async fn resuming_loses_nothing_and_doubles_nothing_while_seats_change() {
    scene_with(hasty, |_app, instructor| async move {
        let workshop = instructor.workshop(20).await;
        let path = stream_of(&workshop);
        let mut steady = Watcher::open(&instructor, &path).await;
        let begin = steady.event().await;
        let changing = {
            let (instructor, workshop) = (instructor.clone(), workshop.clone());
            tokio::task::spawn_local(async move {
                for number in 1..=20 {
                    instructor
                        .join(&workshop, &format!("Learner {number}"))
                        .await;
                    let reset = format!("{}/seats/{number}/reset", path_of(&workshop));
                    instructor.send(Method::POST, &reset, &[], "").await;
                }
            })
        };
        let mut restless = Vec::new();
        let mut last = id(&begin);
        let mut patience = 0;
        while !changing.is_finished() || patience < 3 {
            patience = if changing.is_finished() {
                patience + 1
            } else {
                0
            };
            let mut page = Watcher::open(&instructor, &format!("{path}?after={last}")).await;
            for _ in 0..=restless.len() % 4 {
                let wait = Duration::from_millis(200);
                let Ok(Ok(event)) = tokio::time::timeout(wait, page.next()).await else {
                    break;
                };
                last = id(&event);
                restless.push(event);
            }
        }
        let ready = instructor
            .until(&path_of(&workshop), |shown| {
                let seats = shown["seats"].as_array().unwrap();
                seats
                    .iter()
                    .all(|seat| seat["status"] == "occupied" && seat["generation"] == 2)
            })
            .await;
        // What was left goes to both.
        let mut rest = Watcher::open(&instructor, &format!("{path}?after={last}")).await;
        let (mut one, mut other) = (begin["workshop"].clone(), begin["workshop"].clone());
        for event in &restless {
            apply(&mut one, event);
        }
        while one != ready {
            let event = rest.event().await;
            apply(&mut one, &event);
            restless.push(event);
        }
        let mut uninterrupted = Vec::new();
        while other != ready {
            let event = steady.event().await;
            apply(&mut other, &event);
            uninterrupted.push(event);
        }
        assert!(restless.len() >= 40, "{}", restless.len());
        assert_eq!(restless, uninterrupted);
        assert!(restless.is_sorted_by(|one, other| id(one) < id(other)));
        assert!(restless.iter().all(|event| event["type"] == "seat"));
    })
    .await;
}

#[tokio::test]
async fn what_a_restart_forgot_is_made_good_by_a_snapshot() {
    LocalSet::new()
        .run_until(async {
            let dir = tempfile::tempdir().unwrap();
            let app = TestApp::start(dir.path()).await;
            let instructor = app.instructor().await;
            let workshop = instructor.workshop(2).await;
            let mut page = Watcher::open(&instructor, &stream_of(&workshop)).await;
            page.event().await;
            instructor.join(&workshop, "Ada").await;
            let last = id(&page.event().await);
            assert_eq!(page.closed_by(app.stop()).await, 1001);

            let app = TestApp::start(dir.path()).await;
            let mut again = app.client();
            again.cookie = instructor.cookie.clone();
            let header = [("last-event-id", last.to_string())];
            let headers = header
                .each_ref()
                .map(|(name, value)| (*name, value.as_str()));
            let mut script = Script::open(&again, &stream_of(&workshop), &headers).await;
            let first = script.next().await.unwrap();
            assert_eq!(first["type"], "workshop");
            assert!(id(&first) > last, "{} after {last}", id(&first));
            assert_eq!(first["workshop"]["seats"][0]["learner"]["name"], "Ada");
        })
        .await;
}

#[tokio::test]
async fn a_resumed_stream_brings_no_snapshot_and_an_unknown_place_does() {
    scene(|_app, instructor| async move {
        let workshop = instructor.workshop(2).await;
        let path = stream_of(&workshop);
        let mut page = Watcher::open(&instructor, &path).await;
        let first = id(&page.event().await);
        instructor.join(&workshop, "Ada").await;
        let last = page.event().await;
        let mut same = Watcher::open(&instructor, &format!("{path}?after={first}")).await;
        assert_eq!(same.event().await, last);
        for unknown in [0, first - 1, id(&last) + 1000, 1 << 60] {
            let mut other = Watcher::open(&instructor, &format!("{path}?after={unknown}")).await;
            assert_eq!(other.event().await["type"], "workshop", "{unknown}");
        }
    })
    .await;
}

/// Tells changes sooner than people need, and has little patience.
fn hasty(config: Config) -> Config {
    Config {
        feed: FeedTimes {
            gather: Duration::from_millis(1),
            patience: Duration::from_millis(300),
            ..FeedTimes::default()
        },
        ..config
    }
}

#[tokio::test]
async fn making_a_hundred_seats_does_not_tell_a_hundred_times_a_hundred() {
    scene(|_app, instructor| async move {
        let mut list = Watcher::open(&instructor, "/api/events").await;
        list.event().await;
        let workshop = instructor.workshop(100).await;
        let events = list.until(says_ready).await;
        let seats: usize = events
            .iter()
            .map(|event| match event["type"].as_str().unwrap() {
                "workshop" => event["workshop"]["seats"].as_array().unwrap().len(),
                "seat" => 1,
                _ => 0,
            })
            .sum();
        assert!(
            (100..=500).contains(&seats),
            "{seats} seats in {} events",
            events.len()
        );
        let mut known = events[0]["workshop"].clone();
        events.iter().for_each(|event| apply(&mut known, event));
        assert_eq!(known, instructor.get(&path_of(&workshop)).await.json());
    })
    .await;
}

#[tokio::test]
async fn no_event_holds_what_get_does_not_show() {
    scene(|_app, instructor| async move {
        let mut list = Watcher::open(&instructor, "/api/events").await;
        let body = json!({"name": "Keys", "seats": 1, "api_key": "sk-very-secret", "env": {"OTHER": "hush-hush"}});
        let workshop = instructor.post("/api/workshops", body).await.json();
        instructor.join(&workshop, "Ada").await;
        let events = list
            .until(|event| {
                let whole = &event["workshop"]["seats"][0]["status"];
                event["seat"]["status"] == "occupied" || whole == "occupied"
            })
            .await;
        let text = Value::from(events).to_string();
        assert!(text.contains("Keys"));
        for secret in ["sk-very-secret", "hush-hush", "env", "api_key", PASSWORD] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
    })
    .await;
}
