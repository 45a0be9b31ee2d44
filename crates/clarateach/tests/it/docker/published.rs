//! Seats that are reached by published ports, on this machine by force: the same isolation, set by a helper container,
//! and ports that nobody reaches but this machine.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clarateach::model::{EgressPolicy, WorkshopSpec};
use clarateach::provider::docker::{DockerConfig, DockerProvider, ReachChoice};
use clarateach::provider::{Instance, InstanceStatus, Provider};

use super::fixture::{World, eventually, host, scene_with, seat, workshop};

const PATIENCE: Duration = Duration::from_millis(1500);

/// Connects to everything in `TARGETS` at once and prints which ones answered.
const ATTACK: &str = r#"
import json, socket
from concurrent.futures import ThreadPoolExecutor
def reach(target):
    try:
        socket.create_connection(tuple(target), 1.5).close()
        return True
    except OSError:
        return False
targets = json.loads(TARGETS)
print(json.dumps(dict(zip(targets, ThreadPoolExecutor(32).map(reach, targets.values())))))
"#;

fn published(config: &mut DockerConfig) {
    config.reach = ReachChoice::Published;
}

fn helper(world: &World) -> String {
    format!("clarateach-firewall-{}", world.config.instance)
}

fn is_running(container: &str) -> bool {
    let name = format!("name=^{container}$");
    !host("docker", &["ps", "-q", "--filter", &name])
        .trim()
        .is_empty()
}

fn switches(spec: &WorkshopSpec) -> Vec<PathBuf> {
    let folder = format!("/sys/class/net/ct-{}/brif", spec.id.short());
    let ports = std::fs::read_dir(folder).unwrap();
    ports
        .map(|port| port.unwrap().path().join("isolated"))
        .collect()
}

fn are_isolated(spec: &WorkshopSpec) -> bool {
    let on = |switch: &PathBuf| std::fs::read_to_string(switch).unwrap().trim() == "1";
    let all = switches(spec);
    !all.is_empty() && all.iter().all(on)
}

fn answers(address: SocketAddr) -> bool {
    TcpStream::connect_timeout(&address, PATIENCE).is_ok()
}

/// The address that this machine's packets have on their way out.
fn own_address() -> IpAddr {
    let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
    socket.connect("192.88.99.1:9").unwrap();
    socket.local_addr().unwrap().ip()
}

fn gateway(seat: &Instance) -> IpAddr {
    let IpAddr::V4(ip) = seat.ip else {
        panic!("{}", seat.ip)
    };
    Ipv4Addr::from_bits(ip.to_bits() & !0xff | 1).into()
}

type Targets = BTreeMap<String, (String, u16)>;

async fn attack(world: &World, from: &Instance, targets: &Targets) -> BTreeMap<String, bool> {
    let json = serde_json::to_string(targets).unwrap();
    let program = ATTACK.replace("TARGETS", &serde_json::to_string(&json).unwrap());
    serde_json::from_str(&world.python(from, &program).await.ok()).unwrap()
}

#[tokio::test]
async fn published_ports_are_this_machines_alone() {
    scene_with(published, |world| async move {
        let (mine, theirs) = (workshop(), workshop());
        world.prepared(&mine).await;
        world.prepared(&theirs).await;
        let attacker = world.seat(&mine, 1).await;
        let neighbour = world.seat(&mine, 2).await;
        let stranger = world.seat(&theirs, 1).await;
        for spec in [&mine, &theirs] {
            assert!(are_isolated(spec));
            host("nft", &["list", "table", "inet", &world.table(spec)]);
        }

        let canary = TcpListener::bind("0.0.0.0:0").unwrap();
        let canary = canary.local_addr().unwrap().port();
        let mut targets = Targets::new();
        let mut target = |name: String, ip: IpAddr, port: u16| {
            targets.insert(name, (ip.to_string(), port));
        };
        for (who, of) in [("neighbour", &neighbour), ("stranger", &stranger)] {
            let ends = of.endpoints;
            for (what, end, port) in [
                ("terminal", ends.terminal, 3001),
                ("files", ends.files, 3002),
            ] {
                assert_eq!(end.ip(), Ipv4Addr::LOCALHOST, "{end}");
                assert!(answers(end), "{who}'s {what} at {end}");
                for (where_, ip) in [
                    ("by my gateway", gateway(&attacker)),
                    ("by their gateway", gateway(of)),
                    ("by this machine's address", own_address()),
                    ("by localhost", IpAddr::from(Ipv4Addr::LOCALHOST)),
                ] {
                    target(format!("{who}'s {what} {where_}"), ip, end.port());
                }
                target(format!("{who}'s {what} itself"), of.ip, port);
            }
        }
        for (where_, ip) in [
            ("my gateway", gateway(&attacker)),
            ("this machine", own_address()),
        ] {
            target(format!("canary at {where_}"), ip, canary);
        }
        let reached = attack(&world, &attacker, &targets).await;
        assert!(reached.values().all(|open| !open), "{reached:?}");
        // Nor does anybody in the room: only this machine's own 127.0.0.1 listens.
        for (name, (ip, port)) in &targets {
            let is_own = ip.as_str() == "127.0.0.1" || name.ends_with("itself");
            if !is_own && !name.starts_with("canary") {
                let address = SocketAddr::new(ip.parse().unwrap(), *port);
                assert!(!answers(address), "{name} is open to the room: {address}");
            }
        }

        // The tool works: without the rules it reaches what listens everywhere.
        host("nft", &["delete", "table", "inet", &world.table(&mine)]);
        let without = attack(&world, &attacker, &targets).await;
        for canary in ["canary at my gateway", "canary at this machine"] {
            assert!(without[canary], "{canary}: {without:?}");
        }
        world.prepared(&mine).await;
        let again = attack(&world, &attacker, &targets).await;
        assert!(again.values().all(|open| !open), "{again:?}");
    })
    .await;
}

#[tokio::test]
async fn the_helper_asserts_ports_and_firewall_again_whatever_became_of_it() {
    scene_with(published, |world| async move {
        let mut spec = workshop();
        spec.egress = EgressPolicy::None;
        world.prepared(&spec).await;
        world.seat(&spec, 1).await;
        world.seat(&spec, 2).await;
        let table = world.table(&spec);
        let rules = || host("nft", &["list", "table", "inet", &table]);
        let before = rules();
        let name = helper(&world);
        for accident in ["rm --force", "pause", "stop --time 0"] {
            let mut words: Vec<_> = accident.split(' ').collect();
            words.push(&name);
            host("docker", &words);
            for switch in switches(&spec) {
                std::fs::write(switch, "0").unwrap();
            }
            host("nft", &["flush", "chain", "inet", &table, "from_seats"]);
            assert_ne!(rules(), before);
            world.prepared(&spec).await;
            assert!(are_isolated(&spec), "after {accident}");
            assert_eq!(rules(), before, "after {accident}");
            assert!(is_running(&name));
        }
        // It holds one capability, and no seat's network.
        let inspected = host(
            "docker",
            &[
                "inspect",
                "-f",
                "{{.HostConfig.CapAdd}} {{.HostConfig.CapDrop}} {{.HostConfig.Privileged}}",
                &name,
            ],
        );
        assert_eq!(
            inspected.trim().replace("CAP_", ""),
            "[NET_ADMIN] [ALL] false"
        );

        // It stays for a workshop that goes on, and goes with the last.
        let other = workshop();
        world.prepared(&other).await;
        world.provider.destroy_workshop(&other.id).await.unwrap();
        assert!(is_running(&name));
        world.provider.destroy_workshop(&spec.id).await.unwrap();
        assert!(!is_running(&name));
    })
    .await;
}

#[tokio::test]
async fn a_seat_is_found_where_it_is_after_every_start() {
    scene_with(published, |world| async move {
        let spec = workshop();
        world.prepared(&spec).await;
        let first = world.seat(&spec, 1).await;
        world.sh(&first, "echo kept > /workspace/kept").await.ok();
        // Its old port is taken by somebody else, as soon as it is free.
        host("docker", &["stop", "--time", "1", &first.id]);
        let _taken = TcpListener::bind(first.endpoints.files).unwrap();
        host("docker", &["start", &first.id]);
        let listed = world.provider.list(Some(&spec.id)).await.unwrap();
        let [second] = &listed[..] else {
            panic!("{listed:?}")
        };
        assert_eq!(second.status, InstanceStatus::Running);
        assert_ne!(second.endpoints.files, first.endpoints.files);
        eventually("its new port answers", || async {
            answers(second.endpoints.files)
                .then_some(())
                .ok_or_else(|| format!("{second:?}"))
        })
        .await;
        // A process that was told otherwise reaches it as it was made, and makes it anew once it stopped.
        let told_otherwise = DockerConfig {
            reach: ReachChoice::Bridge,
            ..world.config.clone()
        };
        let other = DockerProvider::new(told_otherwise);
        assert_eq!(other.list(Some(&spec.id)).await.unwrap(), listed);
        other.stop(&first.key()).await.unwrap();
        let third = other.create(&seat(&spec, 1, 1)).await.unwrap();
        assert_eq!(third.endpoints.files, SocketAddr::new(third.ip, 3002));
        assert_ne!(third.id, first.id);
        assert_eq!(world.sh(&third, "cat /workspace/kept").await.ok(), "kept");
        let mine: Arc<World> = world;
        assert_eq!(mine.provider.list(Some(&spec.id)).await.unwrap(), [third]);
    })
    .await;
}
