//! A whole class joins at once, and the server is killed in the midst of it: what was acknowledged is there.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use http::StatusCode;
use rustix::process::{Signal, kill_process};
use serde_json::{Value, json};
use tokio::sync::{Barrier, Notify};
use tokio::task::JoinSet;

use super::super::app::{Answer, Client, NoAnswer};
use super::learner::Learner;
use super::served::Served;
use super::wait::{runs_all, until, within};

const LEARNERS: usize = 120;
const SEATS: u16 = 100;

/// What one learner's client knows of its join.
struct Record {
    name: String,
    /// What it sends, each time.
    request: Value,
    took: Duration,
    answer: Result<Answer, NoAnswer>,
}

impl Record {
    /// The seat that it was told to have.
    fn joined(&self) -> Option<Value> {
        let answer = self.answer.as_ref().ok()?;
        (answer.status == StatusCode::OK).then(|| answer.json())
    }

    fn assert_well_formed(&self) {
        let Ok(answer) = &self.answer else { return };
        assert_eq!(answer.headers["content-type"], "application/json");
        if let Some(joined) = self.joined() {
            for field in ["token", "endpoint", "reconnect_code", "expires_at"] {
                assert!(joined[field].is_string(), "{answer:?}");
            }
            return;
        }
        assert_eq!(answer.status, StatusCode::CONFLICT, "{answer:?}");
        assert_eq!(answer.code(), "no_seats");
        assert!(
            answer.json()["error"]["request_id"].is_string(),
            "{answer:?}"
        );
    }
}

/// All at once, each on a connection of its own; the first `enough` answers are told of.
async fn burst(served: &Served, workshop: &Value, enough: usize, told: Arc<Notify>) -> Vec<Record> {
    let start = Arc::new(Barrier::new(LEARNERS));
    let answered = Arc::new(AtomicUsize::new(0));
    let mut learners = JoinSet::new();
    for n in 0..LEARNERS {
        let (client, start, told) = (served.client(), Arc::clone(&start), Arc::clone(&told));
        let answered = Arc::clone(&answered);
        let name = format!("Learner {n}");
        let request =
            json!({"code": workshop["code"], "name": name, "request_id": format!("r-{n}")});
        learners.spawn(async move {
            start.wait().await;
            let began = Instant::now();
            let answer = within("an answer to a join", post(&client, &request)).await;
            let took = began.elapsed();
            if answered.fetch_add(1, Ordering::Relaxed) + 1 == enough {
                told.notify_one();
            }
            Record {
                name,
                request,
                took,
                answer,
            }
        });
    }
    learners.join_all().await
}

async fn post(client: &Client, request: &Value) -> Result<Answer, NoAnswer> {
    let headers = [("content-type", "application/json")];
    let body = request.to_string();
    client
        .try_send(http::Method::POST, "/api/join", &headers, body)
        .await
}

/// Every seat once, and as many refused as there were too many.
fn assert_each_seat_once(joined: &[Value]) {
    let seats: BTreeSet<u64> = joined
        .iter()
        .map(|it| it["seat"].as_u64().unwrap())
        .collect();
    assert_eq!(seats, (1..=u64::from(SEATS)).collect());
    assert_eq!(joined.len(), seats.len(), "a seat was given twice");
}

fn print_distribution(what: &str, records: &[Record]) {
    let mut took: Vec<_> = records.iter().map(|record| record.took).collect();
    took.sort();
    let at = |percent: usize| took[(took.len() - 1) * percent / 100];
    eprintln!(
        "{what}: {} joins, p50 {:?}, p90 {:?}, p99 {:?}, longest {:?}",
        took.len(),
        at(50),
        at(90),
        at(99),
        at(100)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_and_twenty_learners_take_a_hundred_seats() {
    let served = Served::simulated().await;
    let workshop = served.instructor().await.workshop(SEATS).await;
    let records = burst(&served, &workshop, 0, Arc::default()).await;
    print_distribution("all at once", &records);
    records.iter().for_each(Record::assert_well_formed);
    let lost = records
        .iter()
        .filter(|record| record.answer.is_err())
        .count();
    assert_eq!(lost, 0, "joins without an answer");
    let joined: Vec<_> = records.iter().filter_map(Record::joined).collect();
    assert_each_seat_once(&joined);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_acknowledged_join_outlives_a_kill() {
    let mut served = Served::simulated().await;
    let kills = if runs_all() { 10 } else { 2 };
    let mut interrupted = 0;
    for _kill in 0..kills {
        interrupted += kill_in_a_burst(&mut served).await;
    }
    assert!(interrupted > 0, "no kill came in the midst of anything");
}

/// Kills the server after a random number of answers; how many joins that cut off.
async fn kill_in_a_burst(served: &mut Served) -> usize {
    let workshop = served.instructor().await.workshop(SEATS).await;
    let enough = 1 + usize::try_from(getrandom::u32().unwrap()).unwrap() % (LEARNERS / 2);
    let told = Arc::new(Notify::new());
    let (records, ()) = {
        let pid = served.pid();
        let bursting = burst(served, &workshop, enough, Arc::clone(&told));
        tokio::join!(bursting, async move {
            told.notified().await;
            kill_process(pid, Signal::KILL).unwrap();
        })
    };
    served.kill().await;
    records.iter().for_each(Record::assert_well_formed);
    let cut_off = records
        .iter()
        .filter(|record| record.answer.is_err())
        .count();
    let acknowledged: BTreeMap<&str, Value> = records
        .iter()
        .filter_map(|record| Some((record.name.as_str(), record.joined()?)))
        .collect();
    eprintln!(
        "killed after {enough} answers: {} acknowledged, {cut_off} cut off",
        acknowledged.len()
    );

    served.start_again().await;
    // Clients try again, as pages do, until they are told how it stands.
    let client = served.client();
    let again = records
        .iter()
        .map(async |record| (record.name.clone(), settled(&client, &record.request).await));
    let again: BTreeMap<String, Answer> = join_all(again).await.into_iter().collect();
    let seated = again
        .values()
        .filter(|answer| answer.status == StatusCode::OK);
    let seated: Vec<_> = seated.map(Answer::json).collect();
    assert_each_seat_once(&seated);
    let refused = again
        .values()
        .filter(|answer| answer.status == StatusCode::CONFLICT);
    assert_eq!(refused.count(), LEARNERS - usize::from(SEATS));

    let path = format!("/api/workshops/{}", workshop["id"].as_str().unwrap());
    let instructor = served.instructor().await;
    let shown = instructor.get(&path).await.json();
    for (name, before) in acknowledged {
        let after = again[name].json();
        for field in ["seat", "reconnect_code", "workshop"] {
            assert_eq!(after[field], before[field], "{name}'s {field}");
        }
        let number = usize::try_from(before["seat"].as_u64().unwrap()).unwrap();
        assert_eq!(shown["seats"][number - 1]["learner"]["name"], name);
        let learner = Learner::of(served.listen, before.clone());
        learner.is_served().await;
        let device = learner.other_device(&workshop).await;
        assert_eq!(device.joined["seat"], before["seat"]);
    }
    assert_eq!(
        instructor.delete(&path).await.status,
        StatusCode::NO_CONTENT
    );
    cut_off
}

/// The answer that stays, once nothing asks to come again.
async fn settled(client: &Client, request: &Value) -> Answer {
    until("a seat or none", async || {
        let answer = post(client, request).await.ok()?;
        let later = matches!(
            answer.status,
            StatusCode::TOO_EARLY | StatusCode::SERVICE_UNAVAILABLE
        );
        assert!(
            !later || answer.headers.contains_key("retry-after"),
            "{answer:?}"
        );
        (!later).then_some(answer)
    })
    .await
}
