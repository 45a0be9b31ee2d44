//! A workshop's life as it should go, and what is found again.

use std::time::Duration;

use clarateach::model::{SeatCondition, WorkshopStatus};
use clarateach::orchestrator::{ProgressPhase, Settings};
use clarateach::provider::simulated::Fault;
use clarateach::provider::{Progress, Provider};
use clarateach_protocol::id::{Generation, WorkshopId};

use super::world::{World, key, number, quick, spec};

#[tokio::test]
async fn seats_become_ready_together() {
    let world = World::new();
    let id = world.create_ready(3).await;
    assert_eq!(world.conditions(id).await, [SeatCondition::Ready; 3]);
    world.until_no_progress(id).await;
    for seat in 1..=3 {
        assert_eq!(world.seats.creations(&key(id, seat)), 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_seats_are_made_ten_at_a_time() {
    let mut settings = quick();
    // A hundred probes on two cores shared with other tests.
    settings.deadlines.first_answer = Duration::from_secs(20);
    settings.health.deadline = Duration::from_secs(5);
    let world = World::with(settings);
    for seat in 1..=100 {
        let takes = Fault::CreateTakes(Duration::from_millis(20));
        world.seats.inject(number(seat), takes);
    }
    let id = world.create_ready(100).await;
    assert_eq!(world.conditions(id).await, [SeatCondition::Ready; 100]);
    assert_eq!(world.seats.most_at_once(), Settings::default().parallel);
}

#[tokio::test]
async fn progress_counts_seats() {
    let world = World::new();
    world.seats.inject(number(2), Fault::CreateHangs);
    let id = world.create(2).await;
    world
        .until("one of two", async || {
            let view = world.orchestrator.progress(id);
            view.is_some_and(|view| {
                (view.phase, view.done, view.total) == (ProgressPhase::Create, 1, 2)
            })
        })
        .await;
    world.delete(id).await;
    world.until_status(id, WorkshopStatus::Ended).await;
    world.until_no_progress(id).await;
}

#[tokio::test]
async fn a_deleted_workshop_leaves_nothing() {
    let world = World::new();
    let (gone, stays) = (world.create_ready(2).await, world.create_ready(1).await);
    world.delete(gone).await;
    world.until_status(gone, WorkshopStatus::Ended).await;
    assert_eq!(world.seats.list_workshops().await.unwrap(), [stays]);
}

#[tokio::test]
async fn deleting_while_seats_are_made_leaves_nothing() {
    let world = World::new();
    for seat in 2..=5 {
        world.seats.inject(number(seat), Fault::CreateHangs);
    }
    let id = world.create(5).await;
    world
        .until_condition(key(id, 1), SeatCondition::Ready)
        .await;
    world.delete(id).await;
    world.until_status(id, WorkshopStatus::Ended).await;
    assert_eq!(world.seats.list_workshops().await.unwrap(), []);
}

#[tokio::test]
async fn a_restart_adopts_what_runs() {
    let mut world = World::new();
    let id = world.create_ready(3).await;
    let before = world.incarnation(key(id, 2)).await;
    world.restart().await;
    world.until_told_of(id).await;
    for seat in 1..=3 {
        assert_eq!(world.seats.creations(&key(id, seat)), 1);
        assert_eq!(
            world.seat(key(id, seat)).await.observed.condition,
            SeatCondition::Ready
        );
    }
    assert_eq!(world.incarnation(key(id, 2)).await, before);
}

#[tokio::test]
async fn a_restart_finishes_what_was_begun() {
    let mut world = World::new();
    world.seats.inject(number(2), Fault::CreateHangs);
    let id = world.create(3).await;
    world
        .until_condition(key(id, 3), SeatCondition::Ready)
        .await;
    world.stop().await;
    world.seats.heal();
    world.start_again();
    world.until_status(id, WorkshopStatus::Ready).await;
    assert_eq!(world.conditions(id).await, [SeatCondition::Ready; 3]);
    assert_eq!(world.seats.creations(&key(id, 3)), 1);
}

#[tokio::test]
async fn a_workshop_that_ended_while_nobody_ran_is_removed() {
    let mut world = World::new();
    let id = world.create_ready(2).await;
    world.stop().await;
    world.store.end_workshop(id).await.unwrap();
    world.start_again();
    world.until_status(id, WorkshopStatus::Ended).await;
    assert_eq!(world.seats.list_workshops().await.unwrap(), []);
}

#[tokio::test]
async fn what_the_store_does_not_know_is_removed() {
    let mut world = World::new();
    let known = world.create_ready(1).await;
    world.stop().await;
    let orphan = WorkshopId::from_random([9; 8]);
    let silent = Progress::silent();
    world.seats.prepare(&spec(orphan), &silent).await.unwrap();
    world.start_again();
    let mut polls = tokio::time::interval(Duration::from_millis(20));
    let removed = async {
        while world.seats.list_workshops().await.unwrap() != [known] {
            polls.tick().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), removed)
        .await
        .expect("the orphan stayed");
}

#[tokio::test]
async fn a_reset_replaces_only_that_seat() {
    let world = World::new();
    let id = world.create_ready(3).await;
    let others = [
        world.incarnation(key(id, 1)).await,
        world.incarnation(key(id, 3)).await,
    ];
    world.reset(key(id, 2)).await;
    world
        .until("the second generation", async || {
            let seat = world.seat(key(id, 2)).await;
            seat.generation == Generation(2) && seat.observed.condition == SeatCondition::Ready
        })
        .await;
    let (generation, _) = world.incarnation(key(id, 2)).await.unwrap();
    assert_eq!(generation, Generation(2));
    assert_eq!(world.incarnation(key(id, 1)).await, others[0]);
    assert_eq!(world.incarnation(key(id, 3)).await, others[1]);
    assert_eq!(world.status(id).await.0, WorkshopStatus::Ready);
}

#[tokio::test]
async fn added_seats_are_made_while_the_class_goes_on() {
    let world = World::new();
    let id = world.create_ready(1).await;
    world.store.add_seats(id, 2, 200).await.unwrap();
    world.orchestrator.wake(id);
    world
        .until_condition(key(id, 3), SeatCondition::Ready)
        .await;
    world
        .until_condition(key(id, 2), SeatCondition::Ready)
        .await;
    assert_eq!(world.status(id).await.0, WorkshopStatus::Ready);
    assert_eq!(world.seats.creations(&key(id, 1)), 1);
}

#[tokio::test]
async fn a_learner_is_bound_while_the_seat_stays_ready() {
    let world = World::new();
    let id = world.create_ready(2).await;
    world.join(id, "Ada").await;
    let wanted = world.store.desired(&id).await.unwrap().unwrap();
    let wanted = wanted.seats[0].binding.digest();
    let mut polls = tokio::time::interval(Duration::from_millis(5));
    let bound = async {
        while world.bound(key(id, 1)).await.as_ref() != Some(&wanted) {
            assert_eq!(world.conditions(id).await, [SeatCondition::Ready; 2]);
            polls.tick().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), bound)
        .await
        .expect("the learner was not bound");
    assert_eq!(world.seats.creations(&key(id, 1)), 1);
}

#[tokio::test]
async fn a_restarted_seat_gets_its_learner_back() {
    let world = World::new();
    let id = world.create_ready(1).await;
    world.join(id, "Ada").await;
    let wanted = world.store.desired(&id).await.unwrap().unwrap();
    let wanted = wanted.seats[0].binding.digest();
    world.seats.kill(&key(id, 1));
    world
        .until("another start", async || {
            world.seats.creations(&key(id, 1)) == 2
        })
        .await;
    world
        .until_condition(key(id, 1), SeatCondition::Ready)
        .await;
    assert_eq!(world.bound(key(id, 1)).await, Some(wanted));
}
