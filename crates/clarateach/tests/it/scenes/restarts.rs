//! The server ends and begins again under its clients, and who else must not run meanwhile.

use std::sync::atomic::{AtomicBool, Ordering};

use http::StatusCode;
use serde_json::json;

use super::served::Served;
use super::wait::until;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_server_on_the_data_is_refused_and_the_first_goes_on() {
    let served = Served::simulated().await;
    let workshop = served.instructor().await.workshop(1).await;
    let second = served.second().await;
    assert!(!second.status.success());
    let said = String::from_utf8_lossy(&second.stderr);
    assert!(said.contains("another ClaraTeach server"), "{said}");
    let joined = served.client().join(&workshop, "Ada").await;
    assert_eq!(joined.status, StatusCode::OK, "{joined:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn data_of_a_newer_version_is_refused_and_left_as_it_is() {
    let mut served = Served::simulated().await;
    served.stop().await;
    let path = served.data().join("clarateach.db");
    let database = rusqlite::Connection::open(&path).unwrap();
    let version: i64 = database
        .query_row("PRAGMA user_version", [], |row| row.get(0))
        .unwrap();
    database
        .pragma_update(None, "user_version", version + 1)
        .unwrap();
    let refused = served.second().await;
    assert!(!refused.status.success());
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(said.contains("written by a newer ClaraTeach"), "{said}");
    let found: i64 = database
        .query_row("PRAGMA user_version", [], |row| row.get(0))
        .unwrap();
    assert_eq!(found, version + 1);
    // The control: it was that alone.
    database
        .pragma_update(None, "user_version", version)
        .unwrap();
    drop(database);
    served.start_again().await;
}

/// With SIGTERM and with SIGKILL: a join gets no answer, or a clean one, and in the end a seat.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_learner_who_joins_while_the_server_restarts_gets_one_seat() {
    let mut served = Served::simulated().await;
    for politely in [true, false] {
        let workshop = served.instructor().await.workshop(5).await;
        let client = served.client();
        let request =
            json!({"code": workshop["code"], "name": "Ada", "request_id": "r"}).to_string();
        let is_back = AtomicBool::new(false);
        let joining = async {
            let headers = [("content-type", "application/json")];
            let mut seats = Vec::new();
            until("an answer after the restart", async || {
                let was_back = is_back.load(Ordering::Relaxed);
                let asking =
                    client.try_send(http::Method::POST, "/api/join", &headers, request.clone());
                let answer = asking.await.ok()?;
                match answer.status {
                    StatusCode::OK => seats.push(answer.json()["seat"].clone()),
                    StatusCode::TOO_EARLY | StatusCode::SERVICE_UNAVAILABLE => {
                        assert!(answer.headers.contains_key("retry-after"), "{answer:?}");
                    }
                    _ => panic!("{answer:?}"),
                }
                (was_back && answer.status == StatusCode::OK).then_some(())
            })
            .await;
            seats
        };
        let restarting = async {
            if politely {
                served.stop().await;
            } else {
                served.kill().await;
            }
            served.start_again().await;
            is_back.store(true, Ordering::Relaxed);
        };
        let (seats, ()) = tokio::join!(joining, restarting);
        assert!(seats.iter().all(|seat| *seat == seats[0]), "{seats:?}");
        let path = format!("/api/workshops/{}", workshop["id"].as_str().unwrap());
        let shown = served.instructor().await.get(&path).await.json();
        let learners = shown["seats"].as_array().unwrap().iter();
        assert_eq!(
            learners.filter(|seat| !seat["learner"].is_null()).count(),
            1
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_connects_during_a_restart_waits_where_the_socket_is_handed_over() {
    let mut served = Served::with_socket().await;
    let workshop = served.instructor().await.workshop(1).await;
    served.stop().await;
    // Nobody runs, and yet nobody is refused.
    let client = served.client();
    let joining = client.join(&workshop, "Ada");
    let (first, ()) = tokio::join!(joining, served.start_again());
    // The server may still be looking for its seats.
    let is_answer = matches!(first.status, StatusCode::OK | StatusCode::TOO_EARLY);
    assert!(is_answer, "{first:?}");
    until("a seat", async || {
        let joined = client.join(&workshop, "Ada").await;
        (joined.status == StatusCode::OK || first.status == StatusCode::OK).then_some(())
    })
    .await;
}
