//! What somebody changes by hand on seats that run, and the next reconcile brings back.

use std::path::PathBuf;

use clarateach::model::WorkshopSpec;
use clarateach::provider::Provider;
use futures_util::StreamExt;
use serde_json::Value;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::fixture::{eventually, host, scene, workshop};

fn inspected(id: &str) -> Value {
    let shown: Value = serde_json::from_str(&host("docker", &["inspect", id])).unwrap();
    shown[0].clone()
}

fn limits(id: &str) -> [Value; 4] {
    let seat = inspected(id);
    ["Memory", "MemorySwap", "NanoCpus", "PidsLimit"].map(|name| seat["HostConfig"][name].clone())
}

fn ports(spec: &WorkshopSpec) -> Vec<PathBuf> {
    let bridge = format!("/sys/class/net/ct-{}/brif", spec.id.short());
    let ports = std::fs::read_dir(bridge).unwrap();
    ports
        .map(|port| port.unwrap().path().join("isolated"))
        .collect()
}

#[tokio::test]
async fn limits_that_were_raised_by_hand_are_set_again() {
    scene(|world| async move {
        let spec = workshop();
        world.prepared(&spec).await;
        let seat = world.seat(&spec, 1).await;
        let before = limits(&seat.id);
        let changes: [&[&str]; 3] = [
            &["--memory", "512m", "--memory-swap", "768m"],
            &["--pids-limit", "4000"],
            &["--cpus", "0.1"],
        ];
        for change in changes {
            let mut update = vec!["update"];
            update.extend(change);
            update.push(&seat.id);
            host("docker", &update);
            assert_ne!(limits(&seat.id), before, "{change:?} changed nothing");
            world.prepared(&spec).await;
            assert_eq!(limits(&seat.id), before, "{change:?} stayed");
        }
        assert_eq!(world.seat(&spec, 1).await, seat, "the seat was made anew");
    })
    .await;
}

/// With its hints listened to the provider keeps what was inspected.
#[tokio::test]
async fn what_was_inspected_before_hides_no_change() {
    scene(|world| async move {
        let spec = workshop();
        world.prepared(&spec).await;
        let seat = world.seat(&spec, 1).await;
        let before = limits(&seat.id);
        let (hints, heard) = watch::channel(0);
        let mut changes = world.provider.changes();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            while changes.next().await.is_some() {
                hints.send_modify(|count| *count += 1);
            }
        });
        eventually("the hints are heard", || async {
            host("docker", &["pause", &seat.id]);
            host("docker", &["unpause", &seat.id]);
            let is_heard = heard.has_changed().unwrap();
            is_heard.then_some(()).ok_or_else(String::new)
        })
        .await;
        let list = || async { world.provider.list(Some(&spec.id)).await.unwrap() };
        for _ in 0..2 {
            assert_eq!(list().await, std::slice::from_ref(&seat));
            world.prepared(&spec).await;
        }

        host("docker", &["update", "--pids-limit", "4000", &seat.id]);
        assert_ne!(limits(&seat.id), before);
        // The listing doesn't show it: it comes as an event.
        eventually("the limits are set again", || async {
            world.prepared(&spec).await;
            let is_mended = limits(&seat.id) == before;
            is_mended.then_some(()).ok_or_else(String::new)
        })
        .await;

        host("docker", &["network", "connect", "bridge", &seat.id]);
        world.prepared(&spec).await;
        let shown = inspected(&seat.id);
        let networks = shown["NetworkSettings"]["Networks"].as_object().unwrap();
        assert_eq!(networks.len(), 1, "{networks:?}");

        host("docker", &["restart", "--time", "0", &seat.id]);
        let restarted = list().await;
        assert_ne!(restarted[0].incarnation, seat.incarnation);
        assert_eq!(restarted[0].endpoints, seat.endpoints);
        host("docker", &["pause", &seat.id]);
        assert_ne!(list().await[0].status, seat.status);
        host("docker", &["unpause", &seat.id]);
        host("docker", &["kill", &seat.id]);
        assert_ne!(list().await[0].status, seat.status);
        host("docker", &["rm", &seat.id]);
        assert_eq!(list().await, []);
    })
    .await;
}

#[tokio::test]
async fn a_seat_that_was_put_into_another_network_is_taken_out() {
    scene(|world| async move {
        let spec = workshop();
        world.prepared(&spec).await;
        let seat = world.seat(&spec, 1).await;
        let networks = || {
            let seat = inspected(&seat.id);
            let networks = seat["NetworkSettings"]["Networks"].as_object().unwrap();
            networks.keys().cloned().collect::<Vec<_>>()
        };
        host("docker", &["network", "connect", "bridge", &seat.id]);
        assert_eq!(networks().len(), 2);
        world.prepared(&spec).await;
        assert_eq!(networks(), [format!("clarateach-{}", spec.id)]);
        assert_eq!(world.seat(&spec, 1).await, seat);
    })
    .await;
}

#[tokio::test]
async fn ports_firewall_and_name_servers_are_asserted_whole() {
    scene(|world| async move {
        let spec = workshop();
        world.prepared(&spec).await;
        world.seat(&spec, 1).await;
        world.seat(&spec, 2).await;
        let seen = ports(&spec);
        assert_eq!(seen.len(), 2);
        for port in &seen {
            std::fs::write(port, "0").unwrap();
        }
        let table = world.table(&spec);
        let rules = || host("nft", &["list", "table", "inet", &table]);
        let before = rules();
        host("nft", &["flush", "chain", "inet", &table, "from_seats"]);
        assert_ne!(rules(), before);
        let names = world
            .data()
            .join("seats")
            .join(spec.id.to_string())
            .join("resolv.conf");
        let servers = std::fs::read_to_string(&names).unwrap();
        std::fs::write(&names, "nameserver 192.0.2.1\n").unwrap();

        world.prepared(&spec).await;
        for port in &seen {
            assert_eq!(
                std::fs::read_to_string(port).unwrap().trim(),
                "1",
                "{port:?}"
            );
        }
        assert_eq!(rules(), before);
        assert_eq!(std::fs::read_to_string(&names).unwrap(), servers);

        host("nft", &["delete", "table", "inet", &table]);
        world.prepared(&spec).await;
        assert_eq!(rules(), before);
    })
    .await;
}
