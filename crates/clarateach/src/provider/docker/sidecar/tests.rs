//! What a browser's container is made of, and what it is to its seat.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use bollard::models::{ContainerConfig, ContainerStateStatusEnum as State};
use clarateach_protocol::id::{Generation, SeatNumber};

use super::*;
use crate::browser::{SELKIES, Screen};
use crate::provider::{Endpoints, InstanceStatus};

fn ours() -> InstanceId {
    "aaaa1111".parse().unwrap()
}

fn seat() -> Instance {
    let ip = IpAddr::V4(Ipv4Addr::new(198, 18, 5, 12));
    Instance {
        workshop: "ws-abcd1234".parse().unwrap(),
        seat: SeatNumber::new(3).unwrap(),
        generation: Generation(2),
        incarnation: "0123456789ab@2026-01-02T03:04:05Z".to_owned(),
        spec_digest: "00".to_owned(),
        id: "0123456789abcdef".to_owned(),
        ip,
        status: InstanceStatus::Running,
        endpoints: Endpoints {
            terminal: SocketAddr::new(ip, 3001),
            files: SocketAddr::new(ip, 3002),
            browser: None,
        },
        browser: BrowserStatus::Absent,
        files: std::collections::BTreeSet::new(),
    }
}

fn body() -> ContainerCreateBody {
    let plan = Plan {
        instance: &ours(),
        seat: &seat(),
        engine: &SELKIES,
        image: "clarateach/browser:latest",
        start: &BrowserStart::new(Screen::default()),
        resolv_conf: Path::new("/data/seats/ws-abcd1234/resolv.conf"),
        ca_bundle: Some(Path::new("/data/runtime/ca.pem")),
        cpus: 4,
    };
    plan.body()
}

#[test]
fn a_browsers_container_is_locked_down() {
    insta::with_settings!({sort_maps => true}, {
        insta::assert_json_snapshot!(body(), {
            ".HostConfig.SecurityOpt[1]" => "seccomp=<seccomp.rs>",
            ".Env" => "<browser/tests.rs>",
        });
    });
}

/// What the engine would say of a container with these labels.
fn inspected(
    status: State,
    change: impl FnOnce(&mut HashMap<String, String>),
) -> ContainerInspectResponse {
    let mut labels = body().labels.unwrap();
    change(&mut labels);
    ContainerInspectResponse {
        id: Some("fedcba9876543210".to_owned()),
        config: Some(ContainerConfig {
            labels: Some(labels),
            ..ContainerConfig::default()
        }),
        state: Some(ContainerState {
            status: Some(status),
            oom_killed: Some(status == State::EXITED),
            ..ContainerState::default()
        }),
        ..ContainerInspectResponse::default()
    }
}

fn status(status: State, seat_is: Phase) -> BrowserStatus {
    let sidecar = Sidecar::read(&inspected(status, |_| ()), &ours()).unwrap();
    sidecar.status(&seat().incarnation, seat_is)
}

fn stale(status: &BrowserStatus) -> &str {
    match status {
        BrowserStatus::Stale { reason } => &reason.code,
        other => panic!("{other:?} is not stale"),
    }
}

#[test]
fn a_browser_counts_beside_the_start_of_the_seat_that_it_was_made_for_only() {
    assert_eq!(
        status(State::RUNNING, Phase::Running),
        BrowserStatus::Running
    );
    assert_eq!(status(State::PAUSED, Phase::Running), BrowserStatus::Paused);
    let sidecar = Sidecar::read(&inspected(State::RUNNING, |_| ()), &ours()).unwrap();
    let next = sidecar.status("0123456789ab@2026-01-02T03:09:00Z", Phase::Running);
    assert_eq!(stale(&next), "seat_restarted");
    assert_eq!(
        stale(&status(State::RUNNING, Phase::Exited)),
        "seat_stopped"
    );
}

#[test]
fn a_browser_that_ended_says_why() {
    assert_eq!(
        stale(&status(State::EXITED, Phase::Running)),
        "out_of_memory"
    );
    assert_eq!(stale(&status(State::CREATED, Phase::Running)), "half_made");
}

#[test]
fn a_container_of_another_installation_or_type_is_no_browser() {
    let other = inspected(State::RUNNING, |labels| {
        labels.insert(names::INSTANCE.to_owned(), "bbbb2222".to_owned());
    });
    assert!(Sidecar::read(&other, &ours()).is_none());
    let workspace = inspected(State::RUNNING, |labels| {
        labels.insert(names::TYPE.to_owned(), names::TYPE_WORKSPACE.to_owned());
    });
    assert!(Sidecar::read(&workspace, &ours()).is_none());
}
