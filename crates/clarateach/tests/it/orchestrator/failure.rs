//! What goes wrong, and what becomes of it.

use std::time::Duration;

use clarateach::model::{SeatCondition, WorkshopStatus};
use clarateach::orchestrator::{ProgressPhase, Settings};
use clarateach::provider::Provider;
use clarateach::provider::simulated::{Failure, Fault};
use clarateach_protocol::id::SeatKey;

use super::world::{World, key, number, quick};

const FOREVER: Fault = Fault::CreateFails {
    times: u32::MAX,
    failure: Failure::Engine,
};

#[tokio::test]
async fn one_failing_seat_does_not_take_the_others_down() {
    let world = World::new();
    world.seats.inject(number(4), FOREVER);
    let id = world.create_ready(5).await;
    let failed = world.seat(key(id, 4)).await.observed;
    assert_eq!(failed.condition, SeatCondition::Failed);
    assert_eq!(failed.reason.unwrap().code, "engine_error");
    let conditions = world.conditions(id).await;
    let ready = conditions.iter().filter(|it| **it == SeatCondition::Ready);
    assert_eq!(ready.count(), 4);
}

#[tokio::test]
async fn a_workshop_without_any_seat_has_failed_and_says_why() {
    let world = World::new();
    for seat in 1..=3 {
        world.seats.inject(number(seat), FOREVER);
    }
    let id = world.create(3).await;
    world.until_status(id, WorkshopStatus::Failed).await;
    let (_, reason) = world.status(id).await;
    assert_eq!(reason.unwrap().code, "engine_error");
    assert_eq!(world.conditions(id).await, [SeatCondition::Failed; 3]);
}

#[tokio::test]
async fn a_missing_image_fails_at_once() {
    let world = World::new();
    world.seats.fail_prepare(u32::MAX, Failure::ImageMissing);
    let id = world.create(2).await;
    world.until_status(id, WorkshopStatus::Failed).await;
    let (_, reason) = world.status(id).await;
    assert_eq!(reason.unwrap().code, "image_missing");
}

#[tokio::test]
async fn passing_failures_are_tried_again() {
    let world = World::new();
    world.seats.fail_prepare(2, Failure::Engine);
    world.seats.fail_list(2);
    let twice = Fault::CreateFails {
        times: 2,
        failure: Failure::Engine,
    };
    world.seats.inject(number(1), twice);
    world
        .seats
        .inject(number(2), Fault::NeverAnswers { times: 1 });
    let id = world.create_ready(2).await;
    assert_eq!(world.conditions(id).await, [SeatCondition::Ready; 2]);
}

#[tokio::test]
async fn retry_heals_a_failed_seat() {
    let world = World::new();
    world.seats.inject(number(2), FOREVER);
    let id = world.create_ready(2).await;
    world
        .until_condition(key(id, 2), SeatCondition::Failed)
        .await;
    world.seats.heal();
    world.orchestrator.retry(key(id, 2));
    world
        .until_condition(key(id, 2), SeatCondition::Ready)
        .await;
    assert_eq!(world.seats.creations(&key(id, 1)), 1);
}

#[tokio::test]
async fn retry_heals_a_failed_workshop() {
    let world = World::new();
    world.seats.fail_prepare(u32::MAX, Failure::Engine);
    let id = world.create(1).await;
    world.until_status(id, WorkshopStatus::Failed).await;
    world.seats.fail_prepare(0, Failure::Engine);
    world.orchestrator.retry(key(id, 1));
    world.until_status(id, WorkshopStatus::Ready).await;
    assert_eq!(world.status(id).await.1, None);
}

#[tokio::test]
async fn a_seat_that_never_answers_fails_with_that_reason() {
    let world = World::new();
    let never = Fault::NeverAnswers { times: u32::MAX };
    world.seats.inject(number(1), never);
    let id = world.create_ready(2).await;
    let observed = world.seat(key(id, 1)).await.observed;
    assert_eq!(observed.condition, SeatCondition::Failed);
    assert_eq!(observed.reason.unwrap().code, "seat_silent");
}

#[tokio::test]
async fn a_killed_seat_recovers() {
    let world = World::new();
    let id = world.create_ready(2).await;
    let before = world.incarnation(key(id, 1)).await;
    world.seats.kill(&key(id, 1));
    world
        .until("another start", async || {
            world.incarnation(key(id, 1)).await != before
        })
        .await;
    world
        .until_condition(key(id, 1), SeatCondition::Ready)
        .await;
    assert_eq!(world.seats.creations(&key(id, 1)), 2);
    assert_eq!(world.seats.creations(&key(id, 2)), 1);
    assert_eq!(world.status(id).await.0, WorkshopStatus::Ready);
}

#[tokio::test]
async fn a_hanging_seat_is_restarted() {
    let world = World::new();
    let id = world.create_ready(2).await;
    world.seats.hang(&key(id, 1));
    world
        .until("another start", async || {
            world.seats.creations(&key(id, 1)) == 2
        })
        .await;
    world
        .until_condition(key(id, 1), SeatCondition::Ready)
        .await;
    assert_eq!(world.seats.creations(&key(id, 2)), 1);
}

#[tokio::test]
async fn a_seat_removed_by_hand_is_made_again() {
    let world = World::new();
    let id = world.create_ready(1).await;
    world.seats.remove_by_hand(&key(id, 1));
    world
        .until("another seat", async || {
            world.seats.creations(&key(id, 1)) == 2
        })
        .await;
    world
        .until_condition(key(id, 1), SeatCondition::Ready)
        .await;
}

#[tokio::test]
async fn a_seat_that_dies_again_and_again_is_left_alone() {
    let world = World::new();
    let id = world.create_ready(1).await;
    let seat = key(id, 1);
    for _death in 0..10 {
        world
            .until("an end of it", async || {
                let condition = world.seat(seat).await.observed.condition;
                matches!(condition, SeatCondition::Ready | SeatCondition::Failed)
            })
            .await;
        if world.seat(seat).await.observed.condition == SeatCondition::Failed {
            break;
        }
        let before = world.seats.creations(&seat);
        world.seats.kill(&seat);
        world
            .until("the death to be seen", async || {
                world.seats.creations(&seat) > before
                    || world.seat(seat).await.observed.condition == SeatCondition::Failed
            })
            .await;
    }
    let observed = world.seat(seat).await.observed;
    assert_eq!(observed.condition, SeatCondition::Failed);
    assert_eq!(observed.reason.unwrap().code, "out_of_memory");
    world.orchestrator.retry(seat);
    world.until_condition(seat, SeatCondition::Ready).await;
}

#[tokio::test]
async fn nothing_is_removed_while_the_engine_is_silent() {
    let world = World::new();
    let id = world.create_ready(2).await;
    world.seats.fail_list(5);
    world.orchestrator.wake(id);
    let other = world.create_ready(1).await;
    assert_eq!(world.seats.list_workshops().await.unwrap().len(), 2);
    for seat in 1..=2 {
        assert_eq!(world.seats.creations(&key(id, seat)), 1);
    }
    assert_eq!(world.status(other).await.0, WorkshopStatus::Ready);
}

#[tokio::test]
async fn an_outage_of_the_engine_costs_no_seat() {
    let world = World::new();
    let id = world.create_ready(3).await;
    world.seats.go_down();
    world.seats.kill(&key(id, 1));
    world.seats.hang(&key(id, 2));
    world.orchestrator.wake(id);
    let mut polls = tokio::time::interval(Duration::from_millis(10));
    let refusals = async {
        while world.seats.refused() < 10 {
            polls.tick().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), refusals)
        .await
        .expect("nobody asked again");
    world.seats.come_back();
    for seat in 1..=2 {
        world
            .until("another start", async || {
                world.seats.creations(&key(id, seat)) == 2
            })
            .await;
        world
            .until_condition(key(id, seat), SeatCondition::Ready)
            .await;
    }
    assert_eq!(world.seats.creations(&key(id, 3)), 1);
    assert_eq!(world.status(id).await.0, WorkshopStatus::Ready);
}

/// What a seat that isn't there yet is told to wait for.
async fn until_reason(world: &World, seat: SeatKey, code: &str) {
    world
        .until(code, async || {
            let observed = world.seat(seat).await.observed;
            observed.condition == SeatCondition::Recovering
                && observed.reason.is_some_and(|reason| reason.code == code)
        })
        .await;
}

/// Settings under which a seat has a while to answer a probe, and its health is asked after as often as elsewhere.
fn patient() -> Settings {
    let mut settings = quick();
    settings.deadlines.first_answer = Duration::from_secs(2);
    settings
}

#[tokio::test]
async fn a_seat_that_is_reached_only_a_while_after_its_engine_is_back_goes_on() {
    let world = World::with(patient());
    let id = world.create_ready(1).await;
    let seat = key(id, 1);
    world.seats.go_down();
    world.seats.hang(&seat);
    until_reason(&world, seat, "engine_unreachable").await;
    world.seats.come_back();
    // A whole probe in vain, while the engine is there.
    until_reason(&world, seat, "seat_silent").await;
    world.seats.heal();
    world.until_condition(seat, SeatCondition::Ready).await;
    assert_eq!(world.seats.creations(&seat), 1, "it was started again");
}

#[tokio::test]
async fn a_way_that_was_lost_with_the_engine_is_made_anew_and_the_seat_goes_on() {
    let world = World::with(patient());
    let id = world.create_ready(1).await;
    let seat = key(id, 1);
    world.seats.go_down();
    world.seats.lose_way(&seat);
    until_reason(&world, seat, "engine_unreachable").await;
    world.seats.come_back();
    world.until_condition(seat, SeatCondition::Ready).await;
    assert_eq!(world.seats.creations(&seat), 1, "it was started again");
}

#[tokio::test]
async fn an_absence_of_the_engine_between_two_looks_counts_too() {
    let world = World::with(patient());
    let id = world.create_ready(1).await;
    let seat = key(id, 1);
    world.seats.go_down();
    world.seats.hang(&seat);
    world.seats.come_back();
    until_reason(&world, seat, "seat_silent").await;
    world.seats.heal();
    world.until_condition(seat, SeatCondition::Ready).await;
    assert_eq!(world.seats.creations(&seat), 1, "it was started again");
}

#[tokio::test]
async fn a_probe_that_an_absence_of_the_engine_fell_into_does_not_count() {
    let world = World::with(patient());
    world
        .seats
        .inject(number(1), Fault::NeverAnswers { times: 1 });
    let id = world.create(1).await;
    let seat = key(id, 1);
    world
        .until("its probe", async || {
            let view = world.orchestrator.progress(id);
            view.is_some_and(|view| view.phase == ProgressPhase::Probe)
        })
        .await;
    world.seats.go_down();
    world.seats.come_back();
    world
        .until("a probe in vain", async || {
            let reason = world.seat(seat).await.observed.reason;
            reason.is_some_and(|reason| reason.code == "seat_silent")
        })
        .await;
    world.seats.heal();
    world.until_condition(seat, SeatCondition::Ready).await;
    assert_eq!(world.seats.creations(&seat), 1, "it was started again");
}

#[tokio::test]
async fn seats_of_a_server_that_starts_before_its_engine_wait_for_it() {
    let mut world = World::new();
    let id = world.create_ready(2).await;
    world.stop().await;
    world.seats.go_down();
    world.start_again();
    for seat in 1..=2 {
        world
            .until_condition(key(id, seat), SeatCondition::Recovering)
            .await;
        let observed = world.seat(key(id, seat)).await.observed;
        assert_eq!(observed.reason.unwrap().code, "engine_unreachable");
    }
    assert_eq!(world.status(id).await.0, WorkshopStatus::Ready);
    world.seats.come_back();
    for seat in 1..=2 {
        world
            .until_condition(key(id, seat), SeatCondition::Ready)
            .await;
        assert_eq!(world.seats.creations(&key(id, seat)), 1);
    }
}

#[tokio::test]
async fn a_workshop_is_removed_once_the_engine_is_back() {
    let world = World::new();
    let id = world.create_ready(2).await;
    world.seats.go_down();
    world.delete(id).await;
    let other = world.create(1).await;
    world.seats.come_back();
    world.until_status(id, WorkshopStatus::Ended).await;
    world.until_status(other, WorkshopStatus::Ready).await;
    assert_eq!(world.seats.list_workshops().await.unwrap(), [other]);
}
