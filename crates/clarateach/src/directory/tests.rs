//! Tenancies, reach and ports as their writers tell them.

use super::*;
use crate::provider::Endpoints;
use clarateach_protocol::token::Role;

fn key() -> SeatKey {
    SeatKey {
        workshop: "ws-abcdefgh".parse().unwrap(),
        seat: "3".parse().unwrap(),
    }
}

fn tenancy(generation: u32, assignment: Option<&str>) -> Tenancy {
    Tenancy {
        generation: Generation(generation),
        assignment: assignment.map(str::to_owned),
        ends_at: None,
        idle_ends_at: None,
    }
}

fn live(incarnation: &str) -> Reach {
    let address = "127.0.0.1:1".parse().unwrap();
    Reach::Live(Live {
        incarnation: incarnation.to_owned(),
        endpoints: Endpoints {
            terminal: address,
            files: address,
            browser: None,
        },
    })
}

fn entry(directory: &Directory) -> Arc<SeatEntry> {
    directory.lookup(&key()).unwrap()
}

#[test]
fn another_assignment_or_generation_ends_the_tenancy() {
    let directory = Directory::new();
    directory.set_tenancy(key(), tenancy(1, None));
    let mut before = entry(&directory);
    for next in [
        tenancy(1, Some("a")),
        tenancy(2, Some("a")),
        tenancy(3, None),
    ] {
        directory.set_tenancy(key(), next);
        assert!(before.tenancy_ended().is_cancelled());
        before = entry(&directory);
        assert!(!before.tenancy_ended().is_cancelled());
    }
}

#[test]
fn another_end_of_the_workshop_ends_nothing() {
    let directory = Directory::new();
    directory.set_tenancy(key(), tenancy(1, Some("a")));
    let before = entry(&directory);
    let ends_at = Some(OffsetDateTime::UNIX_EPOCH);
    directory.set_tenancy(
        key(),
        Tenancy {
            ends_at,
            ..tenancy(1, Some("a"))
        },
    );
    assert!(!before.tenancy_ended().is_cancelled());
    assert_eq!(entry(&directory).tenancy().ends_at, ends_at);
}

#[test]
fn late_calls_of_older_generations_change_nothing() {
    let directory = Directory::new();
    directory.set_tenancy(key(), tenancy(2, Some("a")));
    directory.set_tenancy(key(), tenancy(1, Some("b")));
    assert_eq!(*entry(&directory).tenancy(), tenancy(2, Some("a")));
    directory.set_reach(key(), Generation(1), &live("old"));
    assert!(entry(&directory).upstream().is_none());
}

#[test]
fn a_pause_keeps_connections_and_another_incarnation_does_not() {
    let directory = Directory::new();
    directory.set_tenancy(key(), tenancy(1, None));
    directory.set_reach(key(), Generation(1), &live("one"));
    let (first, _) = entry(&directory).upstream().unwrap();
    directory.set_reach(key(), Generation(1), &Reach::Silent);
    assert!(entry(&directory).upstream().is_none());
    directory.set_reach(key(), Generation(1), &live("one"));
    assert!(Arc::ptr_eq(
        &first,
        &entry(&directory).upstream().unwrap().0
    ));
    assert!(!first.ended.is_cancelled());
    directory.set_reach(key(), Generation(1), &live("two"));
    assert!(first.ended.is_cancelled());
    assert!(!entry(&directory).tenancy_ended().is_cancelled());
}

#[test]
fn a_seat_that_is_gone_ends_its_connections_before_another_is_there() {
    let directory = Directory::new();
    directory.set_tenancy(key(), tenancy(1, Some("a")));
    directory.set_reach(key(), Generation(1), &live("one"));
    let (first, _) = entry(&directory).upstream().unwrap();
    directory.set_reach(key(), Generation(1), &Reach::Silent);
    assert!(!first.ended.is_cancelled());
    directory.set_reach(key(), Generation(1), &Reach::Gone);
    assert!(first.ended.is_cancelled());
    assert!(entry(&directory).upstream().is_none());
    assert!(!entry(&directory).tenancy_ended().is_cancelled());
    directory.set_reach(key(), Generation(1), &live("one"));
    let (again, _) = entry(&directory).upstream().unwrap();
    assert!(!again.ended.is_cancelled());
}

#[test]
fn a_lock_shuts_learners_out_until_it_is_opened_whatever_the_seat_becomes() {
    let directory = Directory::new();
    directory.set_tenancy(key(), tenancy(1, Some("a")));
    let before = entry(&directory);
    directory.set_lock(key(), SeatLock::Locked);
    assert!(before.shut_out(Role::Learner).is_cancelled());
    assert!(!before.shut_out(Role::Instructor).is_cancelled());
    directory.set_tenancy(key(), tenancy(2, None));
    assert_eq!(entry(&directory).lock(), SeatLock::Locked);
    directory.set_lock(key(), SeatLock::Open);
    let after = entry(&directory);
    assert!(!after.shut_out(Role::Learner).is_cancelled());
    directory.set_tenancy(key(), tenancy(3, None));
    assert!(after.shut_out(Role::Learner).is_cancelled());
}

#[test]
fn a_new_generation_is_not_live_until_it_says_so() {
    let directory = Directory::new();
    directory.set_tenancy(key(), tenancy(1, Some("a")));
    directory.set_reach(key(), Generation(1), &live("one"));
    let (first, _) = entry(&directory).upstream().unwrap();
    directory.set_tenancy(key(), tenancy(2, Some("a")));
    assert!(first.ended.is_cancelled());
    assert!(entry(&directory).upstream().is_none());
}

#[test]
fn a_port_is_open_until_it_is_closed_or_the_seat_is_made_anew() {
    let directory = Directory::new();
    directory.set_tenancy(key(), tenancy(1, Some("a")));
    let [first, second] = [5173, 8000].map(|port| SeatPort::new(port).unwrap());
    directory.set_open_ports(key(), Generation(1), &[first, second]);
    let closed = |port| entry(&directory).port_closed(port).cloned();
    let (ends_first, ends_second) = (closed(first).unwrap(), closed(second).unwrap());
    directory.set_open_ports(key(), Generation(1), &[second]);
    assert!(ends_first.is_cancelled() && !ends_second.is_cancelled());
    assert!(closed(first).is_none());
    directory.set_open_ports(key(), Generation(2), &[first]);
    assert!(closed(first).is_none(), "a late call opened a port");
    directory.set_tenancy(key(), tenancy(2, Some("a")));
    assert!(ends_second.is_cancelled());
    assert_eq!(entry(&directory).open_ports().count(), 0);
}

#[test]
fn a_removed_workshop_is_gone_and_its_connections_with_it() {
    let directory = Directory::new();
    directory.set_tenancy(key(), tenancy(1, None));
    directory.set_reach(key(), Generation(1), &live("one"));
    let before = entry(&directory);
    directory.remove_workshop(&key().workshop);
    assert!(directory.lookup(&key()).is_none());
    assert!(before.tenancy_ended().is_cancelled());
    assert!(before.upstream().unwrap().0.ended.is_cancelled());
    directory.set_reach(key(), Generation(1), &live("late"));
    assert!(directory.lookup(&key()).is_none());
}

#[test]
fn a_removed_workshop_is_not_brought_back() {
    let directory = Directory::new();
    directory.set_tenancy(key(), tenancy(1, Some("as-1")));
    directory.remove_workshop(&key().workshop);
    directory.set_tenancy(key(), tenancy(1, Some("as-2")));
    assert!(directory.lookup(&key()).is_none());
}
