//! The suite: what holds of every provider.

use std::sync::Arc;
use std::time::Duration;

use clarateach::orchestrator::seat_client::{CallError, SeatClient};
use clarateach::provider::{Change, InstanceStatus, Level, Progress, ProviderError, SeatSpec};
use clarateach_protocol::id::{Generation, WorkshopId};
use futures_util::StreamExt;
use http::StatusCode;
use tokio::time::timeout;

use super::bench::{Addresses, PATIENCE, Room, get, put};
use clarateach::provider::Instance;

pub(super) async fn it_works_at_all(room: &Room<'_>) {
    let report = room.bench.provider.check().await.unwrap();
    let broken = |level| level == Level::Error;
    assert!(
        !report.findings.iter().any(|it| broken(it.level)),
        "{report:?}"
    );
    let instance = room.create(1).await;
    assert_eq!(instance.status, InstanceStatus::Running);
    assert_eq!(instance.spec_digest, room.seat(1).digest());
    let client = room.working(&instance).await;
    put(&client, "content").await;
    assert_eq!(get(&client).await.unwrap(), "content");
}

pub(super) async fn preparing_again_changes_nothing(room: &Room<'_>) {
    let before = room.create(1).await;
    let silent = Progress::silent();
    let again = room.bench.provider.prepare(&room.spec, &silent);
    again.await.unwrap();
    assert_eq!(room.list().await, [before]);
}

pub(super) async fn creating_again_returns_the_same(room: &Room<'_>) {
    let first = room.create(1).await;
    assert_eq!(room.create(1).await, first);
    assert_eq!(room.list().await, [first]);
}

pub(super) async fn creating_twice_at_once_makes_one(room: &Room<'_>) {
    let spec = room.seat(1);
    let provider = &room.bench.provider;
    let (one, two) = tokio::join!(provider.create(&spec), provider.create(&spec));
    assert!(one.is_ok() || two.is_ok(), "{one:?}, {two:?}");
    assert_eq!(room.list().await.len(), 1);
    room.working(&room.create(1).await).await;
}

/// Every call, dropped at some await, and then made again, does what it does undisturbed.
pub(super) async fn calls_that_were_cut_off_can_be_made_again(room: &Room<'_>) {
    let provider = &room.bench.provider;
    let silent = Progress::silent();
    let key = room.seat(1).key();
    for millis in [0, 1, 3, 10, 30, 80, 150] {
        let cut = Duration::from_millis(millis);
        let _ = timeout(cut, provider.prepare(&room.spec, &silent)).await;
        provider.prepare(&room.spec, &silent).await.unwrap();
        let _ = timeout(cut, provider.create(&room.seat(1))).await;
        let made = room.create(1).await;
        assert_eq!(made.status, InstanceStatus::Running, "cut after {cut:?}");
        assert_eq!(room.list().await, [made], "cut after {cut:?}");
        let _ = timeout(cut, provider.stop(&key)).await;
        provider.stop(&key).await.unwrap();
        let stopped = room.list().await.remove(0).status;
        assert!(
            matches!(stopped, InstanceStatus::Stopped { .. }),
            "{stopped:?}"
        );
        let _ = timeout(cut, provider.destroy(&key)).await;
        provider.destroy(&key).await.unwrap();
        assert_eq!(room.list().await, []);
        room.create(2).await;
        let _ = timeout(cut, provider.destroy_workshop(&room.spec.id)).await;
        provider.destroy_workshop(&room.spec.id).await.unwrap();
        let left = provider.list_workshops().await.unwrap();
        assert!(!left.contains(&room.spec.id), "cut after {cut:?}");
    }
    provider.prepare(&room.spec, &silent).await.unwrap();
    room.working(&room.create(1).await).await;
}

pub(super) async fn creating_after_a_cut_makes_one(room: &Room<'_>) {
    let spec = room.seat(1);
    for millis in [0, 1, 5, 20, 60, 150] {
        let cut = Duration::from_millis(millis);
        let _ = tokio::time::timeout(cut, room.bench.provider.create(&spec)).await;
    }
    // A seat that was cut off half-made is told as one, and is destroyed then.
    let damaged = |it: &Instance| matches!(it.status, InstanceStatus::Error { .. });
    if room.list().await.iter().any(damaged) {
        room.bench.provider.destroy(&spec.key()).await.unwrap();
    }
    let instance = room.create(1).await;
    room.working(&instance).await;
    assert_eq!(room.list().await.len(), 1);
}

pub(super) async fn another_generation_conflicts(room: &Room<'_>) {
    let first = room.create(1).await;
    let next = SeatSpec {
        generation: Generation::FIRST.next(),
        ..room.seat(1)
    };
    match room.bench.provider.create(&next).await {
        Err(ProviderError::Conflict(existing)) => assert_eq!(*existing, first),
        other => panic!("no conflict: {other:?}"),
    }
    room.bench.provider.destroy(&next.key()).await.unwrap();
    let second = room.bench.provider.create(&next).await.unwrap();
    assert_eq!(second.generation, next.generation);
    assert_ne!(second.incarnation, first.incarnation);
}

pub(super) async fn another_spec_conflicts(room: &Room<'_>) {
    let first = room.create(1).await;
    let mut other = room.seat(1);
    other.workshop.resources.memory_mib += 1;
    match room.bench.provider.create(&other).await {
        Err(ProviderError::Conflict(existing)) => assert_eq!(*existing, first),
        other => panic!("no conflict: {other:?}"),
    }
    assert_eq!(room.list().await, [first]);
}

pub(super) async fn a_restart_keeps_files_and_address(room: &Room<'_>) {
    let first = room.create(1).await;
    let neighbour = room.create(2).await;
    put(&room.working(&first).await, "kept").await;
    room.bench.provider.stop(&first.key()).await.unwrap();
    let stopped = room.list().await;
    let stopped = stopped.iter().find(|it| it.seat == first.seat).unwrap();
    assert!(matches!(stopped.status, InstanceStatus::Stopped { .. }));

    let second = room.create(1).await;
    assert_eq!(second.status, InstanceStatus::Running);
    assert_ne!(second.incarnation, first.incarnation);
    assert_eq!((second.ip, second.id), (first.ip, first.id));
    if room.bench.addresses == Addresses::Stay {
        assert_eq!(second.endpoints, first.endpoints);
    }
    let client = room.working(&room.create(1).await).await;
    assert_eq!(get(&client).await.unwrap(), "kept");
    assert!(room.list().await.contains(&neighbour));
}

pub(super) async fn stopping_again_is_fine(room: &Room<'_>) {
    let provider = &room.bench.provider;
    let instance = room.create(1).await;
    provider.stop(&instance.key()).await.unwrap();
    provider.stop(&instance.key()).await.unwrap();
    provider.stop(&room.seat(2).key()).await.unwrap();
    assert_eq!(room.list().await.len(), 1);
}

pub(super) async fn reconnecting_again_keeps_what_runs(room: &Room<'_>) {
    let made = room.create(1).await;
    for _twice in 0..2 {
        let found = room.bench.provider.reconnect(&made.key()).await.unwrap();
        assert_eq!(found.incarnation, made.incarnation);
        assert_eq!(room.list().await, std::slice::from_ref(&found));
        room.working(&found).await;
    }
    let absent = room.bench.provider.reconnect(&room.seat(2).key()).await;
    assert!(
        matches!(absent, Err(ProviderError::NoSeat(_))),
        "{absent:?}"
    );
}

pub(super) async fn destroying_takes_the_files_too(room: &Room<'_>) {
    let provider = &room.bench.provider;
    let first = room.create(1).await;
    put(&room.working(&first).await, "gone").await;
    provider.destroy(&first.key()).await.unwrap();
    assert_eq!(room.list().await, []);
    provider.destroy(&first.key()).await.unwrap();
    provider.destroy(&room.seat(7).key()).await.unwrap();

    let second = room.create(1).await;
    assert_eq!(second.ip, first.ip);
    match get(&room.working(&second).await).await {
        Err(CallError::Refused { status, .. }) => assert_eq!(status, StatusCode::NOT_FOUND),
        other => panic!("the file is still there: {other:?}"),
    }
}

pub(super) async fn seats_have_addresses_of_their_own(room: &Room<'_>) {
    // Not by the order of their making.
    let (two, one) = (room.create(2).await, room.create(1).await);
    assert_ne!(one.ip, two.ip);
    for instance in [&one, &two] {
        room.bench.provider.destroy(&instance.key()).await.unwrap();
    }
    assert_eq!(room.create(1).await.ip, one.ip);
    assert_eq!(room.create(2).await.ip, two.ip);
}

pub(super) async fn lists_tell_what_is_there(room: &Room<'_>) {
    let provider = &room.bench.provider;
    let workshops = provider.list_workshops().await.unwrap();
    assert!(workshops.contains(&room.spec.id), "without seats too");
    let made = [room.create(1).await, room.create(3).await];
    let mut listed = room.list().await;
    listed.sort_by_key(|instance| instance.seat);
    assert_eq!(listed, made);
    let all = provider.list(None).await.unwrap();
    assert!(made.iter().all(|instance| all.contains(instance)));
    let unknown = WorkshopId::from_random([0; 8]);
    assert_eq!(provider.list(Some(&unknown)).await.unwrap(), []);
}

pub(super) async fn a_workshop_goes_with_all_its_seats(room: &Room<'_>) {
    let provider = &room.bench.provider;
    for number in 1..=3 {
        room.create(number).await;
    }
    let running = room.create(2).await;
    provider.stop(&room.seat(3).key()).await.unwrap();
    for _twice in 0..2 {
        provider.destroy_workshop(&room.spec.id).await.unwrap();
        assert_eq!(room.list().await, []);
        let left = provider.list_workshops().await.unwrap();
        assert!(!left.contains(&room.spec.id));
    }
    let client = SeatClient::new(
        Arc::clone(&room.bench.key),
        &running,
        Duration::from_secs(2),
    );
    assert!(client.health().await.is_err(), "it still answers");
}

pub(super) async fn changes_are_hinted(room: &Room<'_>) {
    let key = room.create(1).await.key();
    let mut hints = room.bench.provider.changes();
    let hinted = async {
        while let Some(hint) = hints.next().await {
            if hint == Change::Seat(key) {
                return;
            }
        }
        panic!("the hints ended");
    };
    // A stream may begin to listen only once it is polled.
    let changing = async {
        loop {
            room.bench.provider.stop(&key).await.unwrap();
            room.create(1).await;
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        () = hinted => {}
        _never = changing => {}
        () = tokio::time::sleep(PATIENCE) => panic!("no hint of the seat came"),
    }
}
