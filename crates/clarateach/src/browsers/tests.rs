use std::sync::Arc;
use std::time::Duration;

use clarateach_protocol::id::{SeatKey, SeatNumber, WorkshopId};
use tokio::time::advance;

use super::*;
use crate::provider::{BrowserState, BrowserStatus};

const PAUSE_AFTER: Duration = Duration::from_secs(300);
const RUNNING: Option<&BrowserStatus> = Some(&BrowserStatus::Running);
const PAUSED: Option<&BrowserStatus> = Some(&BrowserStatus::Paused);
const ABSENT: Option<&BrowserStatus> = Some(&BrowserStatus::Absent);

fn seat(number: u16) -> SeatKey {
    SeatKey {
        workshop: WorkshopId::from_random([7; 8]),
        seat: SeatNumber::new(number).unwrap(),
    }
}

fn known(seats: u16) -> Arc<Browsers> {
    let browsers = Arc::new(Browsers::new(Some(PAUSE_AFTER)));
    for number in 1..=seats {
        browsers.wanted(seat(number), BrowserPolicy::OnDemand, ABSENT);
    }
    browsers
}

fn on_demand(browsers: &Browsers, number: u16, status: Option<&BrowserStatus>) -> BrowserState {
    browsers.wanted(seat(number), BrowserPolicy::OnDemand, status)
}

/// The browser came to be, as the orchestrator would say.
fn is_paused(browsers: &Browsers, number: u16) {
    assert_eq!(on_demand(browsers, number, RUNNING), BrowserState::Paused);
    browsers.tell(seat(number), BrowserProgress::Paused);
}

#[tokio::test(start_paused = true)]
async fn nobody_knows_a_seat_before_the_orchestrator_does() {
    let browsers = known(0);
    assert_eq!(browsers.ask(seat(1)), None);
    on_demand(&browsers, 1, None);
    assert_eq!(browsers.standing(seat(1)), Some(Standing::Absent));
    browsers.wanted(seat(2), BrowserPolicy::Off, None);
    assert_eq!(browsers.ask(seat(2)), Some(Standing::Off));
    browsers.admit(|_| true);
    assert_eq!(
        browsers.wanted(seat(2), BrowserPolicy::Off, RUNNING),
        BrowserState::Absent
    );
    assert_eq!(
        browsers.wanted(seat(3), BrowserPolicy::Always, None),
        BrowserState::Running
    );
}

#[tokio::test(start_paused = true)]
async fn who_asks_first_is_served_first_and_everybody_knows_their_place() {
    let browsers = known(4);
    for number in [3, 1, 4, 2] {
        browsers.ask(seat(number));
    }
    // Asking again keeps the place.
    browsers.ask(seat(4));
    let position = |number| match browsers.standing(seat(number)) {
        Some(Standing::Queued { position }) => Some(position),
        _ => None,
    };
    assert_eq!([3, 1, 4, 2].map(position), [1, 2, 3, 4].map(Some));
    assert_eq!(on_demand(&browsers, 3, ABSENT), BrowserState::Absent);
    browsers.admit(|count| count <= 2);
    assert_eq!([3, 1, 4, 2].map(position), [None, None, Some(1), Some(2)]);
    assert_eq!(on_demand(&browsers, 3, ABSENT), BrowserState::Running);
    assert_eq!(on_demand(&browsers, 4, ABSENT), BrowserState::Absent);
    // A seat that goes makes room.
    browsers.forget(seat(3));
    browsers.admit(|count| count <= 2);
    assert_eq!([4, 2].map(position), [None, Some(1)]);
}

#[tokio::test(start_paused = true)]
async fn an_unwatched_browser_is_frozen_and_the_next_visitor_wakes_it() {
    let browsers = known(1);
    browsers.ask(seat(1));
    browsers.admit(|_| true);
    let watching = browsers.watch(seat(1));
    advance(PAUSE_AFTER * 3).await;
    assert_eq!(on_demand(&browsers, 1, RUNNING), BrowserState::Running);
    assert_eq!(browsers.due(seat(1)), None);
    drop(watching);
    assert_eq!(on_demand(&browsers, 1, RUNNING), BrowserState::Running);
    assert_eq!(browsers.due(seat(1)), Some(Instant::now() + PAUSE_AFTER));
    advance(PAUSE_AFTER).await;
    is_paused(&browsers, 1);
    assert_eq!(browsers.standing(seat(1)), Some(Standing::Paused));
    let resuming = Standing::Starting(BrowserPhase::Resuming);
    assert_eq!(browsers.ask(seat(1)), Some(resuming));
    assert_eq!(on_demand(&browsers, 1, PAUSED), BrowserState::Running);
}

#[tokio::test(start_paused = true)]
async fn the_browser_that_was_frozen_first_makes_room_and_no_other_does() {
    let browsers = known(4);
    for number in 1..=3 {
        browsers.ask(seat(number));
        browsers.admit(|_| true);
        advance(Duration::from_secs(1)).await;
    }
    let _watching = browsers.watch(seat(1));
    advance(PAUSE_AFTER).await;
    is_paused(&browsers, 2);
    is_paused(&browsers, 3);
    browsers.ask(seat(4));
    browsers.admit(|count| count <= 3);
    assert_eq!(on_demand(&browsers, 2, PAUSED), BrowserState::Absent);
    assert_eq!(on_demand(&browsers, 1, RUNNING), BrowserState::Running);
    assert_eq!(on_demand(&browsers, 3, PAUSED), BrowserState::Paused);
    // Only when it is gone the place is free, and one is enough.
    browsers.admit(|count| count <= 3);
    let queued = Some(Standing::Queued { position: 1 });
    assert_eq!(browsers.standing(seat(4)), queued);
    browsers.tell(seat(2), BrowserProgress::Absent);
    browsers.admit(|count| count <= 3);
    assert_eq!(on_demand(&browsers, 4, ABSENT), BrowserState::Running);
    assert_eq!(on_demand(&browsers, 3, PAUSED), BrowserState::Paused);
}

#[tokio::test(start_paused = true)]
async fn what_runs_when_the_server_starts_was_wanted() {
    let browsers = known(0);
    let stale = BrowserStatus::Stale {
        reason: Reason::new("seat_restarted", "another start"),
    };
    assert_eq!(on_demand(&browsers, 1, RUNNING), BrowserState::Running);
    assert_eq!(on_demand(&browsers, 2, PAUSED), BrowserState::Paused);
    assert_eq!(on_demand(&browsers, 3, Some(&stale)), BrowserState::Running);
    assert_eq!(on_demand(&browsers, 4, ABSENT), BrowserState::Absent);
    advance(PAUSE_AFTER).await;
    assert_eq!(on_demand(&browsers, 1, RUNNING), BrowserState::Paused);
    // Nobody is there to see the next one.
    assert_eq!(on_demand(&browsers, 3, Some(&stale)), BrowserState::Absent);
}

#[tokio::test(start_paused = true)]
async fn a_reset_keeps_what_its_learner_wants_and_a_release_does_not() {
    let browsers = known(2);
    for number in [1, 2] {
        browsers.ask(seat(number));
    }
    browsers.admit(|_| true);
    browsers.forget(seat(2));
    for number in [1, 2] {
        browsers.tell(seat(number), BrowserProgress::Absent);
    }
    assert_eq!(on_demand(&browsers, 1, None), BrowserState::Running);
    assert_eq!(on_demand(&browsers, 2, None), BrowserState::Absent);
}

#[tokio::test(start_paused = true)]
async fn whoever_does_the_work_hears_of_every_reason_to() {
    let browsers = known(1);
    browsers.ask(seat(1));
    assert!(browsers.stirred().await.contains(&seat(1).workshop));
    browsers.admit(|_| true);
    assert!(!browsers.stirred().await.is_empty());
    let watching = browsers.watch(seat(1));
    assert!(!browsers.stirred().await.is_empty());
    drop(watching);
    assert!(!browsers.stirred().await.is_empty());
    let nothing = tokio::time::timeout(Duration::from_secs(1), browsers.stirred());
    assert!(nothing.await.is_err());
}

#[tokio::test(start_paused = true)]
async fn who_was_told_of_a_failure_and_asks_again_has_it_tried_now() {
    let failed = || BrowserProgress::Failed(crate::model::Reason::new("engine_error", "no"));
    let browsers = known(1);
    browsers.ask_by_hand(seat(1));
    browsers.admit(|_| true);
    browsers.tell(seat(1), failed());
    // Nobody was told yet: the first who asks is.
    assert!(matches!(
        browsers.ask_by_hand(seat(1)),
        Some(Standing::Failed(_))
    ));
    assert!(!browsers.take_try(seat(1)));
    browsers.failure_was_told(seat(1));
    // A frame that loads itself again is nobody who asks.
    assert!(matches!(browsers.ask(seat(1)), Some(Standing::Failed(_))));
    assert!(!browsers.take_try(seat(1)));
    let starting = Standing::Starting(BrowserPhase::Container);
    assert_eq!(browsers.ask_by_hand(seat(1)), Some(starting.clone()));
    // The failure of before is no answer.
    browsers.tell(seat(1), failed());
    assert_eq!(browsers.ask_by_hand(seat(1)), Some(starting));
    assert!(browsers.take_try(seat(1)));
    assert!(!browsers.take_try(seat(1)));
    // That of this try is.
    browsers.tell(seat(1), failed());
    assert!(matches!(
        browsers.ask_by_hand(seat(1)),
        Some(Standing::Failed(_))
    ));
}
