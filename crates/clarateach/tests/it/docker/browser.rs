//! A seat's browser beside a real seat: what it shares, what it may not, and accidents.

use bollard::models::ContainerInspectResponse;
use bollard::query_parameters::InspectContainerOptions;
use clarateach::model::{BrowserPolicy, EgressPolicy, WorkshopSpec};
use clarateach::provider::{
    BrowserState, BrowserStatus, Change, Finding, Instance, Level, Progress, Provider,
    ProviderError,
};

use futures_util::StreamExt;

use super::fixture::{PATIENCE, World, eventually, host, scene, scene_with, workshop};

fn with_browser() -> WorkshopSpec {
    WorkshopSpec {
        browser: BrowserPolicy::OnDemand,
        ..workshop()
    }
}

impl World {
    pub(super) async fn browser(&self, seat: &Instance, want: BrowserState) -> Instance {
        self.provider.set_browser(&seat.key(), want).await.unwrap()
    }

    async fn sidecar(&self, seat: &Instance) -> ContainerInspectResponse {
        let name = format!("{}-browser", seat.key());
        let inspect = self
            .docker
            .inspect_container(&name, None::<InspectContainerOptions>);
        inspect.await.unwrap()
    }

    async fn browser_of(&self, seat: &Instance) -> BrowserStatus {
        let there = self.provider.list(Some(&seat.workshop)).await.unwrap();
        let there = there.into_iter().find(|it| it.seat == seat.seat);
        there.unwrap().browser
    }
}

fn stale(status: &BrowserStatus) -> Option<&str> {
    match status {
        BrowserStatus::Stale { reason } => Some(&reason.code),
        _ => None,
    }
}

#[tokio::test]
async fn a_browser_shares_its_seats_network_and_nothing_else() {
    scene(|world| async move {
        let spec = with_browser();
        world.prepared(&spec).await;
        let seat = world.seat(&spec, 1).await;
        let seat = world.browser(&seat, BrowserState::Running).await;
        let sidecar = world.sidecar(&seat).await;
        let labels = sidecar.config.unwrap().labels.unwrap();
        assert_eq!(labels["clarateach.type"], "browser");
        assert_eq!(labels["clarateach.parent"], seat.incarnation);
        assert_eq!(labels["clarateach.workshop"], seat.workshop.to_string());
        assert_eq!(labels["clarateach.generation"], "1");
        let browser = Instance {
            id: sidecar.id.unwrap(),
            ..seat.clone()
        };

        // The seat sees the browser on its loopback, and the browser the seat's server on its own.
        let fetch = "import urllib.request as u; print(u.urlopen('http://localhost:%s').status)";
        let fetch = |port: &str| fetch.replace("%s", port);
        eventually("the browser answers", || async {
            let ran = world.python(&seat, &fetch("3003")).await;
            (ran.code == 0).then_some(()).ok_or(ran.stderr)
        })
        .await;
        let health = world.python(&browser, &fetch("3002/health")).await;
        assert_eq!(health.ok(), "200");

        // Everything else is its own, and shut.
        world.sh(&seat, "echo secret > /workspace/file; echo secret > /tmp/file").await.ok();
        assert_eq!(world.sh(&browser, "cat /tmp/file").await.code, 1);
        assert_eq!(world.sh(&browser, "cat /workspace/file").await.code, 1);
        let status = world.sh(&browser, "id -u; grep -E 'CapBnd|NoNewPrivs|Seccomp:' /proc/self/status").await.ok();
        let words: Vec<&str> = status.split_whitespace().collect();
        assert_eq!(
            words,
            ["1000", "CapBnd:", "0000000000000000", "NoNewPrivs:", "1", "Seccomp:", "2"]
        );
        assert_ne!(world.sh(&browser, "echo x > /usr/file").await.code, 0);
        world.sh(&browser, "echo x > $HOME/file").await.ok();
        let limits = world.sh(&browser, "cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/pids.max /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/pids/pids.max 2>/dev/null; true").await.ok();
        assert_eq!(limits.split_whitespace().collect::<Vec<_>>(), ["2147483648", "512"]);
        // A seat's own processes are not the browser's.
        let seen = world.sh(&seat, "pgrep --full 'http[.]server' || echo none").await.ok();
        assert_eq!(seen, "none");
    })
    .await;
}

#[tokio::test]
async fn a_browser_is_under_its_seats_egress_policy() {
    scene(|world| async move {
        let spec = WorkshopSpec {
            egress: EgressPolicy::None,
            ..with_browser()
        };
        world.prepared(&spec).await;
        let (seat, neighbour) = (world.seat(&spec, 1).await, world.seat(&spec, 2).await);
        let seat = world.browser(&seat, BrowserState::Running).await;
        let browser = Instance {
            id: world.sidecar(&seat).await.id.unwrap(),
            ..seat.clone()
        };
        let reach = |address: String| {
            format!("import socket; socket.create_connection(('{address}', 3002), 1); print('in')")
        };
        let own = world.python(&browser, &reach("127.0.0.1".to_owned())).await;
        assert_eq!(own.ok(), "in");
        let gateway = neighbour.ip.to_string();
        let gateway = format!("{}.1", gateway.rsplit_once('.').unwrap().0);
        for shut in [neighbour.ip.to_string(), gateway] {
            let ran = world.python(&browser, &reach(shut.clone())).await;
            assert_eq!((ran.code, &*ran.stdout), (1, ""), "{shut} is open");
        }
    })
    .await;
}

#[tokio::test]
async fn a_browser_of_an_earlier_start_is_stale_and_made_again() {
    scene(|world| async move {
        let spec = with_browser();
        world.prepared(&spec).await;
        let seat = world.seat(&spec, 1).await;
        let first = world.browser(&seat, BrowserState::Running).await;
        let sidecar = world.sidecar(&seat).await.id.unwrap();
        // From outside: the sidecar goes on in a namespace that nobody reaches any more.
        host("docker", &["restart", "--time", "0", &seat.id]);
        let restarted = world.provider.list(Some(&spec.id)).await.unwrap().remove(0);
        assert_ne!(restarted.incarnation, first.incarnation);
        assert_eq!(stale(&restarted.browser), Some("seat_restarted"));
        assert_eq!(restarted.endpoints.browser, None);

        let again = world.browser(&seat, BrowserState::Running).await;
        assert_eq!(again.browser, BrowserStatus::Running);
        assert_eq!(again.incarnation, restarted.incarnation);
        assert_ne!(world.sidecar(&seat).await.id.unwrap(), sidecar);
    })
    .await;
}

#[tokio::test]
async fn a_seat_that_died_has_no_browser_to_go_to() {
    scene(|world| async move {
        let spec = with_browser();
        world.prepared(&spec).await;
        let seat = world.seat(&spec, 1).await;
        world.browser(&seat, BrowserState::Running).await;
        host("docker", &["kill", &seat.id]);
        eventually("the browser counts no more", || async {
            let status = world.browser_of(&seat).await;
            (stale(&status) == Some("seat_stopped"))
                .then_some(())
                .ok_or(format!("{status:?}"))
        })
        .await;
        // Starting the seat again is what clears it away.
        let next = world.seat(&spec, 1).await;
        assert_eq!(next.browser, BrowserStatus::Absent);
        let label = format!("label=clarateach.workshop={}", spec.id);
        let there = host("docker", &["ps", "-aq", "--filter", &label]);
        assert_eq!(there.lines().count(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_browser_that_crashed_says_why_and_comes_back() {
    scene(|world| async move {
        let spec = with_browser();
        world.prepared(&spec).await;
        let seat = world.seat(&spec, 1).await;
        world.browser(&seat, BrowserState::Running).await;
        let of_seat = |change: &Change| std::future::ready(*change == Change::Seat(seat.key()));
        let mut hints = world.provider.changes().filter(of_seat);
        let name = format!("{}-browser", seat.key());
        // A stream may begin to listen only once it is polled.
        let crashing = async {
            loop {
                let name = name.clone();
                let crash = move || {
                    host("docker", &["restart", "--time", "0", &name]);
                    host("docker", &["kill", &name]);
                };
                tokio::task::spawn_blocking(crash).await.unwrap();
            }
        };
        let hint = tokio::time::timeout(PATIENCE, async {
            tokio::select! {
                hint = hints.next() => hint,
                () = crashing => None,
            }
        });
        assert_eq!(hint.await.unwrap(), Some(Change::Seat(seat.key())));
        // The last crash may still be under way.
        eventually("it can be killed no more", || async {
            let status = world.browser_of(&seat).await;
            let ended = stale(&status) == Some("exited");
            if !ended {
                let _ = std::process::Command::new("docker")
                    .args(["kill", &name])
                    .output();
            }
            ended.then_some(()).ok_or(format!("{status:?}"))
        })
        .await;
        let again = world.browser(&seat, BrowserState::Running).await;
        assert_eq!(again.browser, BrowserStatus::Running);
    })
    .await;
}

#[tokio::test]
async fn a_browser_whose_seat_was_removed_by_hand_goes() {
    scene(|world| async move {
        let spec = with_browser();
        world.prepared(&spec).await;
        let (lost, kept) = (world.seat(&spec, 1).await, world.seat(&spec, 2).await);
        world.browser(&lost, BrowserState::Running).await;
        world.browser(&kept, BrowserState::Running).await;
        host("docker", &["rm", "--force", &lost.id]);
        let there = world.provider.list(Some(&spec.id)).await.unwrap();
        assert_eq!(there.len(), 1, "{there:?}");
        let prepared = world.provider.prepare(&spec, &Progress::silent()).await;
        prepared.unwrap();
        let label = "label=clarateach.type=browser";
        let workshop = format!("label=clarateach.workshop={}", spec.id);
        let browsers = host(
            "docker",
            &[
                "ps",
                "-a",
                "--format",
                "{{.Names}}",
                "--filter",
                label,
                "--filter",
                &workshop,
            ],
        );
        assert_eq!(browsers.trim(), format!("{}-browser", kept.key()));
    })
    .await;
}

#[tokio::test]
async fn somebody_elses_container_of_that_name_is_left_alone() {
    scene(|world| async move {
        let spec = with_browser();
        world.prepared(&spec).await;
        let seat = world.seat(&spec, 1).await;
        let name = format!("{}-browser", seat.key());
        let image = &world.config.browser.image;
        let theirs = host("docker", &["create", "--name", &name, image]);
        assert_eq!(world.browser_of(&seat).await, BrowserStatus::Absent);
        let set = world
            .provider
            .set_browser(&seat.key(), BrowserState::Running)
            .await;
        world.browser(&seat, BrowserState::Absent).await;
        world.provider.destroy(&seat.key()).await.unwrap();
        let still = host("docker", &["inspect", "--format", "{{.Id}}", &name]);
        host("docker", &["rm", &name]);
        assert_eq!(still, theirs);
        let error = set.unwrap_err().to_string();
        assert!(error.contains(&name), "{error}");
    })
    .await;
}

#[tokio::test]
async fn a_missing_browser_image_is_named() {
    let missing = "clarateach/browser:never-built";
    scene_with(
        |config| config.browser.image = missing.to_owned(),
        |world| async move {
            let spec = with_browser();
            world.prepared(&spec).await;
            let seat = world.seat(&spec, 1).await;
            let key = seat.key();
            let set = world.provider.set_browser(&key, BrowserState::Running);
            match set.await {
                Err(ProviderError::ImageMissing { image, .. }) => assert_eq!(image, missing),
                other => panic!("{other:?}"),
            }
            assert_eq!(world.browser_of(&seat).await, BrowserStatus::Absent);

            // The operator can know before a learner does.
            let report = world.provider.check().await.unwrap();
            let of_image = |finding: &&Finding| finding.code == "browser_image";
            let finding = report.findings.iter().find(of_image).unwrap();
            assert_eq!(finding.level, Level::Warning, "{finding:?}");
            assert!(finding.message.contains(missing), "{finding:?}");
            let remedy = finding.remedy.as_deref().unwrap_or_default();
            assert!(remedy.contains("./x images --only browser"), "{remedy}");
        },
    )
    .await;
}
