//! What somebody changes by hand on seats that run, and the next reconcile brings back.

use std::path::PathBuf;

use clarateach::model::WorkshopSpec;
use serde_json::Value;

use super::fixture::{host, scene, workshop};

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
