//! Every call of the contract, twice, out of order and after accidents.

use std::time::Duration;

use clarateach::provider::{Change, InstanceStatus, Level, Progress, Provider, ProviderError};
use clarateach_protocol::id::SeatKey;
use futures_util::StreamExt;
use futures_util::future::join_all;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::fixture::{PATIENCE, World, eventually, host, scene, seat, workshop};

#[tokio::test]
async fn every_call_can_be_repeated() {
    scene(|world| async move {
        let spec = workshop();
        world.prepared(&spec).await;
        world.prepared(&spec).await;
        let first = world.seat(&spec, 1).await;
        assert_eq!(first.status, InstanceStatus::Running);
        assert_eq!(world.seat(&spec, 1).await, first);

        let again = world.restarted();
        assert_eq!(again.create(&seat(&spec, 1, 1)).await.unwrap(), first);
        assert_eq!(
            again.list(None).await.unwrap(),
            std::slice::from_ref(&first)
        );
        let of_workshop = again.list(Some(&spec.id)).await.unwrap();
        assert_eq!(of_workshop, std::slice::from_ref(&first));
        assert_eq!(again.list(Some(&workshop().id)).await.unwrap(), []);
        assert_eq!(again.list_workshops().await.unwrap(), [spec.id]);

        for _ in 0..2 {
            world.provider.destroy(&first.key()).await.unwrap();
        }
        assert_eq!(world.provider.list(None).await.unwrap(), []);
        for _ in 0..2 {
            world.provider.destroy_workshop(&spec.id).await.unwrap();
        }
        assert_eq!(world.provider.list_workshops().await.unwrap(), []);
        world.assert_no_residue().await;
    })
    .await;
}

#[tokio::test]
async fn seats_made_in_parallel_have_their_own_addresses() {
    scene(|world| async move {
        let spec = workshop();
        world.prepared(&spec).await;
        let seats = join_all((1..=3).map(|number| world.seat(&spec, number))).await;
        let last: Vec<u8> = seats
            .iter()
            .map(|seat| match seat.ip {
                std::net::IpAddr::V4(ip) => ip.octets()[3],
                std::net::IpAddr::V6(ip) => panic!("{ip} is no IPv4 address"),
            })
            .collect();
        assert_eq!(last, [10, 11, 12]);
        assert_eq!(world.provider.list(None).await.unwrap(), seats);
    })
    .await;
}

#[tokio::test]
async fn a_stopped_seat_comes_back_with_its_files_and_address() {
    scene(|world| async move {
        let spec = workshop();
        world.prepared(&spec).await;
        let before = world.seat(&spec, 1).await;
        world.sh(&before, "echo kept > /workspace/file").await.ok();
        for _ in 0..2 {
            world.provider.stop(&before.key()).await.unwrap();
        }
        let stopped = world.provider.list(None).await.unwrap().remove(0);
        assert!(matches!(stopped.status, InstanceStatus::Stopped { .. }));

        // As after a reboot: the disk isn't mounted either.
        let point = world.seat_folder(&before.key()).join("g1");
        host("umount", &[&point.to_string_lossy()]);
        let after = world.restarted().create(&seat(&spec, 1, 1)).await.unwrap();
        assert_eq!(after.status, InstanceStatus::Running);
        assert_eq!((after.ip, &after.id), (before.ip, &before.id));
        assert_ne!(after.incarnation, before.incarnation);
        assert_eq!(world.sh(&after, "cat /workspace/file").await.ok(), "kept");
    })
    .await;
}

#[tokio::test]
async fn another_generation_or_spec_is_a_conflict() {
    scene(|world| async move {
        let spec = workshop();
        world.prepared(&spec).await;
        let first = world.seat(&spec, 1).await;
        world.sh(&first, "echo old > /workspace/file").await.ok();
        let mut larger = spec.clone();
        larger.resources.memory_mib *= 2;
        for other in [seat(&spec, 1, 2), seat(&larger, 1, 1)] {
            match world.provider.create(&other).await {
                Err(ProviderError::Conflict(existing)) => assert_eq!(*existing, first),
                other => panic!("{other:?} is no conflict"),
            }
        }
        world.provider.destroy(&first.key()).await.unwrap();
        let second = world.provider.create(&seat(&spec, 1, 2)).await.unwrap();
        assert_eq!(second.ip, first.ip);
        world.sh(&second, "test ! -e /workspace/file").await.ok();
    })
    .await;
}

#[tokio::test]
async fn what_was_removed_by_hand_is_made_again() {
    scene(|world| async move {
        let spec = workshop();
        world.prepared(&spec).await;
        let first = world.seat(&spec, 1).await;
        world.sh(&first, "echo kept > /workspace/file").await.ok();
        host("docker", &["rm", "-f", &first.id]);
        assert_eq!(world.provider.list(None).await.unwrap(), []);
        let second = world.seat(&spec, 1).await;
        assert_eq!(world.sh(&second, "cat /workspace/file").await.ok(), "kept");

        // With the network goes what the stopped container is attached to.
        let network = format!("clarateach-{}", spec.id);
        host("docker", &["stop", "-t", "0", &second.id]);
        host("docker", &["network", "rm", &network]);
        let table = world.table(&spec);
        host("nft", &["delete", "table", "inet", &table]);
        world.prepared(&spec).await;
        let third = world.seat(&spec, 1).await;
        assert_eq!(third.status, InstanceStatus::Running);
        assert_eq!(world.sh(&third, "cat /workspace/file").await.ok(), "kept");
        let tables = host("nft", &["list", "tables"]);
        assert!(tables.contains(&table), "no {table} in {tables}");
    })
    .await;
}

#[tokio::test]
async fn a_half_made_seat_is_made_whole() {
    scene(|world| async move {
        let spec = workshop();
        world.prepared(&spec).await;
        let made = world.seat(&spec, 1).await;
        // A container of the same name and labels that never started, as a kill leaves it.
        let inspect = world
            .docker
            .inspect_container(&made.id, None)
            .await
            .unwrap();
        let labels = inspect.config.unwrap().labels.unwrap();
        host("docker", &["rm", "-f", &made.id]);
        let network = format!("clarateach-{}", spec.id);
        let (name, ip) = (made.key().to_string(), made.ip.to_string());
        let mut create = vec![
            "create",
            "--name",
            &name,
            "--network",
            &network,
            "--ip",
            &ip,
        ];
        let labels: Vec<String> = labels.iter().map(|(k, v)| format!("{k}={v}")).collect();
        create.extend(labels.iter().flat_map(|label| ["--label", label]));
        create.extend([spec.image.as_str(), "true"]);
        host("docker", &create);
        let half = world.provider.list(None).await.unwrap().remove(0);
        assert!(matches!(half.status, InstanceStatus::Stopped { .. }));
        let whole = world.seat(&spec, 1).await;
        assert_eq!(whole.status, InstanceStatus::Running);
        assert_ne!(whole.id, half.id);
    })
    .await;
}

#[tokio::test]
async fn a_workshop_is_found_by_whatever_is_left_of_it() {
    scene(|world| async move {
        let (network_only, table_only, disk_only) = (workshop(), workshop(), workshop());
        world.prepared(&network_only).await;
        world.prepared(&table_only).await;
        let network = format!("clarateach-{}", table_only.id);
        host("docker", &["network", "rm", &network]);
        let folder = |id: &clarateach_protocol::id::WorkshopId| {
            world.data().join("seats").join(id.to_string())
        };
        std::fs::remove_dir_all(folder(&network_only.id)).unwrap();
        std::fs::remove_dir_all(folder(&table_only.id)).unwrap();
        std::fs::create_dir_all(folder(&disk_only.id)).unwrap();
        let mut expected = [network_only.id, table_only.id, disk_only.id];
        expected.sort();
        assert_eq!(world.provider.list_workshops().await.unwrap(), expected);
    })
    .await;
}

/// Until a seat is hinted at because something happened to it, beside hints of others' networks; it is made to happen until
/// then, for the stream of hints is connected some time after it is asked for.
async fn until_hinted(world: &World, seat: SeatKey, happens: impl Fn()) {
    let mut changes = world.provider.changes();
    let mut again = tokio::time::interval(Duration::from_millis(500));
    again.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let hint = async {
        loop {
            tokio::select! {
                change = changes.next() => {
                    if change.unwrap() == Change::Seat(seat) {
                        return;
                    }
                }
                _ = again.tick() => happens(),
            }
        }
    };
    tokio::time::timeout(PATIENCE, hint).await.unwrap()
}

#[tokio::test]
async fn a_seat_that_loses_its_network_is_hinted_at() {
    scene(|world| async move {
        let spec = workshop();
        world.prepared(&spec).await;
        let made = world.seat(&spec, 1).await;
        let network = format!("clarateach-{}", spec.id);
        let disconnected = || {
            host(
                "docker",
                &["network", "disconnect", "-f", &network, &made.id],
            );
            host("docker", &["network", "connect", &network, &made.id]);
        };
        until_hinted(&world, made.key(), disconnected).await;
    })
    .await;
}

#[tokio::test]
async fn a_death_is_hinted_at_and_explained() {
    scene(|world| async move {
        let spec = workshop();
        world.prepared(&spec).await;
        let made = world.seat(&spec, 1).await;
        let restarted = || drop(host("docker", &["restart", "-t", "0", &made.id]));
        until_hinted(&world, made.key(), restarted).await;

        host("docker", &["kill", &made.id]);
        eventually("the seat is stopped", || async {
            let seats = world.provider.list(None).await.unwrap();
            match &seats[0].status {
                InstanceStatus::Stopped { reason: Some(why) } if why.code == "killed" => Ok(()),
                other => Err(format!("{other:?}")),
            }
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn an_image_that_is_nowhere_says_so() {
    scene(|world| async move {
        let mut spec = workshop();
        spec.image = "localhost:1/no/such:image".to_owned();
        let error = world
            .provider
            .prepare(&spec, &Progress::silent())
            .await
            .unwrap_err();
        assert_eq!(error.code(), "image_missing");
        assert!(error.to_string().contains("localhost:1"), "{error}");
        spec.image = "clarateach/never-built:latest".to_owned();
        let error = world
            .provider
            .prepare(&spec, &Progress::silent())
            .await
            .unwrap_err();
        assert!(error.to_string().contains("./x images"), "{error}");
    })
    .await;
}

/// An image that knows nothing of us, and wants things that seats don't give.
const FOREIGN_IMAGE: &str = r#"FROM clarateach/workspace:latest
USER root
RUN sed -i '/:1000:/d' /etc/passwd /etc/group
VOLUME /data
WORKDIR /nowhere
HEALTHCHECK CMD false
ENTRYPOINT ["/bin/false"]
"#;

#[tokio::test]
async fn an_image_that_knows_nothing_of_us_becomes_a_seat() {
    scene(|world| async move {
        let mut spec = workshop();
        spec.image = format!("test-{}:latest", world.config.instance);
        let context = tempfile::tempdir().unwrap();
        std::fs::write(context.path().join("Dockerfile"), FOREIGN_IMAGE).unwrap();
        let folder = context.path().to_string_lossy();
        host("docker", &["build", "-q", "-t", &spec.image, &folder]);
        world.prepared(&spec).await;
        let made = world.seat(&spec, 1).await;
        for (line, answer) in [
            ("whoami", "learner"),
            ("id -gn", "learner"),
            ("pwd", "/workspace"),
            (
                "touch /data/x && df --output=size -m /data | tail -1 | tr -d ' '",
                "64",
            ),
        ] {
            assert_eq!(world.sh(&made, line).await.ok(), answer, "{line}");
        }
        let volumes = "{{range .Mounts}}{{if eq .Type \"volume\"}}{{.Name}}{{end}}{{end}}";
        let volumes = host("docker", &["inspect", "--format", volumes, &made.id]);
        assert_eq!(volumes.trim(), "");
        world.provider.destroy_workshop(&spec.id).await.unwrap();
        host("docker", &["rmi", &spec.image]);
    })
    .await;
}

#[tokio::test]
async fn the_in_seat_server_answers_the_host() {
    scene(|world| async move {
        let spec = workshop();
        world.prepared(&spec).await;
        let made = world.seat(&spec, 1).await;
        eventually("the file server answers", || async {
            let ask = async {
                let mut stream = TcpStream::connect(made.endpoints.files).await?;
                let request = "GET /health HTTP/1.1\r\nHost: seat\r\nConnection: close\r\n\r\n";
                stream.write_all(request.as_bytes()).await?;
                let mut answer = String::new();
                stream.read_to_string(&mut answer).await?;
                Ok::<_, std::io::Error>(answer)
            };
            match ask.await {
                Ok(answer) if answer.starts_with("HTTP/1.1 200") => Ok(()),
                other => Err(format!("{other:?}")),
            }
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn a_check_names_what_was_looked_at_and_a_preflight_what_would_fail() {
    scene(|world| async move {
        let report = world.provider.check().await.unwrap();
        let errors: Vec<_> = report
            .findings
            .iter()
            .filter(|finding| finding.level == Level::Error)
            .collect();
        assert!(errors.is_empty(), "{errors:?}");
        for code in [
            "engine",
            "engine_network",
            "firewall",
            "seat_disks",
            "image",
            "browser_image",
            "limits",
            "seccomp",
        ] {
            let finding = report.findings.iter().find(|finding| finding.code == code);
            let finding = finding.unwrap_or_else(|| panic!("no finding {code}"));
            assert_eq!(finding.level, Level::Good, "{finding:?}");
        }
        let mut spec = workshop();
        world.provider.preflight(&spec).await.unwrap();
        assert_eq!(world.provider.list_workshops().await.unwrap(), []);
        spec.image = "localhost:1/no/such:image".to_owned();
        let error = world.provider.preflight(&spec).await.unwrap_err();
        assert_eq!(error.code(), "image_missing");
    })
    .await;
}
