//! Scenes on a real database file.

mod commits;
mod origins;

use std::collections::{BTreeMap, HashSet};

use clarateach_protocol::code::JoinCode;
use clarateach_protocol::id::{SeatKey, SeatNumber, WorkshopId};
use time::OffsetDateTime;

use super::*;
use crate::model::*;

fn a_workshop(id: [u8; 8], seats: u16) -> NewWorkshop {
    NewWorkshop {
        workshop: Workshop {
            spec: WorkshopSpec {
                id: WorkshopId::from_random(id),
                image: "clarateach/workspace:latest".to_owned(),
                resources: Resources::default(),
                egress: EgressPolicy::Allow(vec!["198.18.0.0/15".parse().unwrap()]),
                browser: BrowserPolicy::OnDemand,
            },
            name: "Rust for poets".to_owned(),
            kind: crate::model::WorkshopKind::Class,
            code: JoinCode::from_random(id),
            owner: "in-1".to_owned(),
            status: WorkshopStatus::Ready,
            reason: None,
            env: Secrets(BTreeMap::from([("KEY".to_owned(), "s3cret".to_owned())])),
            created_at: OffsetDateTime::UNIX_EPOCH,
            starts_at: None,
            ends_at: None,
            idle_after: None,
            kept_until: None,
        },
        seats,
    }
}

fn learner(workshop: WorkshopId, n: u16) -> NewAssignment {
    let mut reconnect_hash = [0; 32];
    reconnect_hash[..2].copy_from_slice(&n.to_be_bytes());
    NewAssignment {
        id: format!("as-{n}"),
        workshop,
        name: format!("Learner {n}"),
        reconnect_hash,
        request_id: Some(format!("request-{n}")),
        joined_at: OffsetDateTime::UNIX_EPOCH,
    }
}

async fn ready_seats(store: &Store, workshop: WorkshopId) {
    for seat in store.seats(workshop).await.unwrap() {
        let observed = ObservedSeat {
            condition: SeatCondition::Ready,
            reason: None,
        };
        store
            .observe_seat(seat.key, seat.generation, observed)
            .await
            .unwrap();
    }
}

async fn open_with(dir: &tempfile::TempDir, new: &NewWorkshop) -> Store {
    let store = Store::open(dir.path()).unwrap();
    assert!(store.insert_workshop(new.clone()).await.unwrap());
    ready_seats(&store, new.workshop.spec.id).await;
    store
}

#[tokio::test]
async fn what_was_written_is_there_after_reopening() {
    let dir = tempfile::tempdir().unwrap();
    let new = a_workshop([1; 8], 3);
    drop(open_with(&dir, &new).await);
    let store = Store::open(dir.path()).unwrap();
    let workshops = store.workshops().await.unwrap();
    assert_eq!(workshops.len(), 1);
    assert_eq!(workshops[0].spec, new.workshop.spec);
    assert_eq!(workshops[0].env, new.workshop.env);
    assert_eq!(store.seats(new.workshop.spec.id).await.unwrap().len(), 3);
    assert!(
        !store.insert_workshop(new).await.unwrap(),
        "the id is taken"
    );
}

#[tokio::test]
async fn two_hundred_learners_get_a_hundred_seats_once_each() {
    let dir = tempfile::tempdir().unwrap();
    let new = a_workshop([2; 8], 100);
    let id = new.workshop.spec.id;
    let store = open_with(&dir, &new).await;
    let mut joins = tokio::task::JoinSet::new();
    for n in 0..200 {
        let store = store.clone();
        joins.spawn(async move { store.assign_seat(learner(id, n)).await.unwrap() });
    }
    let (mut seats, mut full) = (HashSet::new(), 0);
    for outcome in joins.join_all().await {
        match outcome {
            Seated::On(seat) => {
                assert!(seats.insert(seat.key.seat), "seat {} twice", seat.key.seat)
            }
            Seated::Full => full += 1,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((seats.len(), full), (100, 100));
}

#[tokio::test]
async fn a_repeated_request_gets_the_same_seat() {
    let dir = tempfile::tempdir().unwrap();
    let new = a_workshop([3; 8], 2);
    let id = new.workshop.spec.id;
    let store = open_with(&dir, &new).await;
    let mut seen = Vec::new();
    for attempt in 0..2 {
        let again = NewAssignment {
            id: format!("attempt-{attempt}"),
            ..learner(id, 7)
        };
        match store.assign_seat(again).await.unwrap() {
            Seated::On(seat) => seen.push(seat),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(seen[0].assignment, seen[1].assignment);
    assert_eq!(
        store
            .seat_of_reconnect(id, learner(id, 7).reconnect_hash)
            .await
            .unwrap()
            .unwrap()
            .key,
        seen[0].key
    );
}

#[tokio::test]
async fn reset_keeps_the_learner_and_release_does_not() {
    let dir = tempfile::tempdir().unwrap();
    let new = a_workshop([4; 8], 1);
    let id = new.workshop.spec.id;
    let store = open_with(&dir, &new).await;
    let key = SeatKey {
        workshop: id,
        seat: SeatNumber::new(1).unwrap(),
    };
    store.assign_seat(learner(id, 1)).await.unwrap();
    let reset = store
        .renew_seat(key, Occupancy::Keep, OffsetDateTime::now_utc())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(reset.generation.0, 2);
    assert!(reset.assignment.is_some());
    // What the old generation reports late changes nothing.
    let late = ObservedSeat {
        condition: SeatCondition::Ready,
        reason: None,
    };
    store
        .observe_seat(key, clarateach_protocol::id::Generation(1), late)
        .await
        .unwrap();
    assert_eq!(
        store.seat(key).await.unwrap().unwrap().observed.condition,
        SeatCondition::Provisioning
    );
    let released = store
        .renew_seat(key, Occupancy::End, OffsetDateTime::now_utc())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(released.generation.0, 3);
    assert!(released.assignment.is_none());
}

#[tokio::test]
async fn an_ended_workshop_leaves_its_code_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let new = a_workshop([5; 8], 2);
    let id = new.workshop.spec.id;
    let store = open_with(&dir, &new).await;
    store.assign_seat(learner(id, 1)).await.unwrap();
    assert_eq!(store.end_workshop(id).await.unwrap(), Some(true));
    assert!(matches!(
        store.assign_seat(learner(id, 2)).await.unwrap(),
        Seated::NotOpen
    ));
    assert_eq!(
        store.desired(&id).await.unwrap().unwrap().wanted,
        Wanted::Absent
    );
    store.workshop_gone(id).await.unwrap();
    let tombstone = store
        .workshop_of_code(new.workshop.code)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(tombstone.status, WorkshopStatus::Ended);
    assert!(tombstone.env.0.is_empty());
    assert!(store.seats(id).await.unwrap().is_empty());
    assert!(store.workshops().await.unwrap().is_empty());
    assert_eq!(store.end_workshop(id).await.unwrap(), Some(false));
    assert_eq!(
        store
            .end_workshop(WorkshopId::from_random([9; 8]))
            .await
            .unwrap(),
        None
    );
}

#[tokio::test]
async fn a_failed_write_leaves_nothing_and_takes_nobody_along() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let broken = store.write("try", |db| {
        db.execute(
            "INSERT INTO instructors VALUES ('in-1', 'Ada', 'hash', 0)",
            [],
        )?;
        db.execute("INSERT INTO nowhere VALUES (1)", [])
    });
    let right = store.insert_workshop(a_workshop([6; 8], 1));
    let (broken, right) = tokio::join!(broken, right);
    assert!(broken.is_err());
    assert!(right.unwrap());
    assert!(!store.has_instructor().await.unwrap());
}

#[tokio::test]
async fn a_damaged_or_newer_database_is_refused_with_words() {
    let dir = tempfile::tempdir().unwrap();
    drop(Store::open(dir.path()).unwrap());
    let path = dir.path().join("clarateach.db");
    Connection::open(&path)
        .unwrap()
        .pragma_update(None, "user_version", 4000)
        .unwrap();
    assert!(matches!(
        Store::open(dir.path()),
        Err(StoreError::NewerSchema { .. })
    ));
    std::fs::write(&path, vec![0x5a; 8192]).unwrap();
    let refused = Store::open(dir.path())
        .err()
        .map(|error| error.to_string())
        .unwrap();
    assert!(refused.contains("clarateach.db"), "{refused}");
}

#[tokio::test]
async fn an_idempotency_key_makes_one_workshop_a_day() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let key = |instructor: &str| {
        Some(RequestKey {
            instructor: instructor.to_owned(),
            key: "k".to_owned(),
            body_hash: [7; 32],
        })
    };
    let insert = |n: u8, hours: i64, instructor: &str| {
        let mut new = a_workshop([n; 8], 1);
        new.workshop.created_at += time::Duration::hours(hours);
        store.insert_workshop_once(new, key(instructor))
    };
    let repeat = |n: u8| Inserted::Repeat {
        workshop: WorkshopId::from_random([n; 8]),
        body_hash: [7; 32],
    };
    assert_eq!(insert(1, 0, "in-1").await.unwrap(), Inserted::Stored);
    assert_eq!(insert(2, 23, "in-1").await.unwrap(), repeat(1));
    assert_eq!(insert(2, 23, "in-2").await.unwrap(), Inserted::Stored);
    assert_eq!(insert(3, 24, "in-1").await.unwrap(), Inserted::Stored);
    assert_eq!(insert(4, 25, "in-1").await.unwrap(), repeat(3));
    let found = store.made_by(
        key("in-2").unwrap(),
        OffsetDateTime::UNIX_EPOCH + time::Duration::hours(48),
    );
    assert_eq!(found.await.unwrap(), None);
    assert_eq!(store.workshops().await.unwrap().len(), 3);
}

#[tokio::test]
async fn a_tokens_use_is_written_once_a_minute() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let owner = Instructor {
        id: "in-1".to_owned(),
        name: "Ada".to_owned(),
    };
    store
        .insert_first_instructor(owner.clone(), "phc".to_owned())
        .await
        .unwrap();
    let token = ApiToken {
        id: "tk-1".to_owned(),
        name: "ci".to_owned(),
        created_at: OffsetDateTime::UNIX_EPOCH,
        last_used_at: None,
    };
    store
        .insert_token(token, [1; 32], owner.id.clone())
        .await
        .unwrap();
    for (at, written) in [(5, 5), (64, 5), (65, 65)] {
        let now = OffsetDateTime::UNIX_EPOCH + time::Duration::seconds(at);
        let found = store.use_token([1; 32], now).await.unwrap();
        assert_eq!(found, Some(owner.clone()));
        let last = store.tokens(owner.id.clone()).await.unwrap()[0].last_used_at;
        assert_eq!(last.unwrap().unix_timestamp(), written, "at {at}");
    }
    assert!(
        !store
            .delete_token("in-2".to_owned(), "tk-1".to_owned())
            .await
            .unwrap()
    );
    assert!(
        store
            .delete_token(owner.id, "tk-1".to_owned())
            .await
            .unwrap()
    );
    let found = store.use_token([1; 32], OffsetDateTime::UNIX_EPOCH).await;
    assert_eq!(found.unwrap(), None);
}
