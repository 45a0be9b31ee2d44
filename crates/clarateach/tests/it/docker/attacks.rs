//! Learners who look around: what must be out of reach of a seat, tried from inside one.
//!
//! Every target is also tried from the host (so it listens), and again from the seat with the defences
//! taken away (so the test can tell).

use std::collections::BTreeMap;
use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::PathBuf;
use std::time::Duration;

use clarateach::model::{Cidr, EgressPolicy, WorkshopSpec};
use clarateach::provider::docker::DockerConfig;
use clarateach::provider::{Instance, Provider};

use super::decoys::{self, Decoys};
use super::fixture::{World, host, scene, scene_with, workshop};

/// How long a connection may take that is refused by silence.
const PATIENCE: Duration = Duration::from_millis(1500);
/// What the open policy opens.
const PUBLIC: &str = "public internet";
const RESOLVER: &str = "host's own name server";

/// Connects to everything in `TARGETS` at once and prints which ones answered.
const ATTACK: &str = r#"
import json, socket, sys
from concurrent.futures import ThreadPoolExecutor
def reach(target):
    try:
        socket.create_connection(tuple(target), PATIENCE).close()
        return True
    except OSError:
        return False
targets = json.loads(TARGETS)
print(json.dumps(dict(zip(targets, ThreadPoolExecutor(32).map(reach, targets.values())))))
"#;
/// Accepts on port 8000 in the background.
const SERVE: &str = r#"
import os, socket
server = socket.create_server(("0.0.0.0", 8000))
if os.fork() == 0:
    os.setsid()
    for descriptor in (0, 1, 2): os.close(descriptor)
    while True: server.accept()[0].close()
"#;
/// Sends a packet to `NEIGHBOUR` and prints the flags of its ARP entry.
const ASK_FOR_NEIGHBOUR: &str = r#"
import socket
link = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
link.sendto(b"x", (NEIGHBOUR, 9))
link.settimeout(1)
try: link.recv(1)
except OSError: pass
entries = [line.split() for line in open("/proc/net/arp")]
print([entry[2] for entry in entries if entry[0] == NEIGHBOUR])
"#;

/// Names of targets, and whether a connection to each came about.
type Reached = BTreeMap<String, bool>;

/// Two workshops, three seats, and something that listens everywhere that matters.
struct Lab {
    targets: Vec<(String, SocketAddr)>,
    attacker: Instance,
    _decoys: Decoys,
}

#[tokio::test]
async fn a_seat_reaches_the_internet_and_nothing_around_it() {
    scene_with(with_decoy_resolvers, |world| async move {
        let (mine, theirs) = (workshop(), workshop());
        let lab = lab(&world, &mine, &theirs).await;
        let from_host: Reached = lab.targets.iter().map(connect).collect();
        assert!(from_host.values().all(|open| *open), "{from_host:?}");
        assert_only_public(&world, &lab).await;

        // Somebody flushes the rules; the next reconcile has them back.
        for spec in [&mine, &theirs] {
            host("nft", &["delete", "table", "inet", &world.table(spec)]);
        }
        let without = attack(&world, &lab).await;
        for target in [
            "own gateway",
            "other gateway",
            "engine's gateway",
            "host",
            "host beside it",
            "metadata",
            "private",
            "carrier",
        ] {
            assert!(without[target], "no defence, but {target}: {without:?}");
        }
        // The engine's address translation goes with a flush, too.
        let (subnet, bridge) = (subnet(&lab.attacker), format!("ct-{}", mine.id.short()));
        let rule = format!("-t nat -D POSTROUTING -s {subnet} ! -o {bridge} -j MASQUERADE");
        host("iptables", &rule.split(' ').collect::<Vec<_>>());
        assert!(!attack(&world, &lab).await[PUBLIC], "translated by whom?");
        world.prepared(&mine).await;
        world.prepared(&theirs).await;
        assert_only_public(&world, &lab).await;
    })
    .await;
}

#[tokio::test]
async fn neighbours_do_not_even_hear_each_other() {
    scene(|world| async move {
        let spec = workshop();
        world.prepared(&spec).await;
        let (one, two) = (world.seat(&spec, 1).await, world.seat(&spec, 2).await);
        let ask = ASK_FOR_NEIGHBOUR.replace("NEIGHBOUR", &format!("'{}'", two.ip));
        assert_eq!(world.python(&one, &ask).await.ok(), "['0x0']");
        isolate(&spec, "0");
        let heard = world.python(&one, &ask).await.ok();
        assert_eq!(heard, "['0x2']", "the engine alone lets ARP through");
        world.seat(&spec, 1).await;
        for port in ports(&spec) {
            assert_eq!(std::fs::read_to_string(port).unwrap().trim(), "1");
        }

        let name = two.key().to_string();
        let resolved = world.sh(&one, &format!("getent hosts {name}")).await;
        assert_ne!(resolved.code, 0, "{name} resolves: {resolved:?}");
        let ipv6 = world.sh(&one, "cat /proc/net/if_inet6").await;
        assert_eq!(ipv6.stdout, "", "addresses of IPv6");
    })
    .await;
}

#[tokio::test]
async fn egress_policies_hold() {
    scene_with(with_decoy_resolvers, |world| async move {
        let mut spec = workshop();
        spec.egress = EgressPolicy::None;
        let lab = lab(&world, &spec, &workshop()).await;
        let reached = attack(&world, &lab).await;
        assert!(reached.values().all(|open| !open), "{reached:?}");
        assert!(!resolves(&world, &lab.attacker).await, "names resolve");
        world.provider.destroy(&lab.attacker.key()).await.unwrap();

        let private = format!("{}/32", decoys::PRIVATE).parse().unwrap();
        let metadata = "169.254.0.0/16".parse().unwrap();
        let seats = "198.18.0.0/15".parse().unwrap();
        spec.egress = EgressPolicy::Allow(vec![private, metadata, seats]);
        world.prepared(&spec).await;
        let attacker = world.seat(&spec, 1).await;
        let lab = Lab { attacker, ..lab };
        let reached = attack(&world, &lab).await;
        let open: Vec<&str> = reached
            .iter()
            .filter_map(|(target, open)| open.then_some(target.as_str()))
            .collect();
        assert_eq!(open, [RESOLVER, "private"]);
        assert!(resolves(&world, &lab.attacker).await, "names don't resolve");
    })
    .await;
}

/// The internet and name servers; among them the host's own, and nothing else of it.
async fn assert_only_public(world: &World, lab: &Lab) {
    let reached = attack(world, lab).await;
    for (target, open) in &reached {
        let expected = target == PUBLIC || target == RESOLVER;
        assert_eq!(*open, expected, "{target}: {reached:?}");
    }
    assert!(resolves(world, &lab.attacker).await, "names don't resolve");
}

/// The worst that clouds do: the name server is at the metadata address.
fn with_decoy_resolvers(config: &mut DockerConfig) {
    config.resolvers = vec![decoys::METADATA, decoys::PRIVATE, decoys::OWN_RESOLVER];
}

async fn lab(world: &World, mine: &WorkshopSpec, theirs: &WorkshopSpec) -> Lab {
    let decoys = Decoys::start();
    let port = listen_on_host();
    world.prepared(mine).await;
    world.prepared(theirs).await;
    let attacker = world.seat(mine, 1).await;
    let neighbour = world.seat(mine, 2).await;
    let stranger = world.seat(theirs, 1).await;
    for seat in [&neighbour, &stranger] {
        world.python(seat, SERVE).await.ok();
    }
    let targets = [
        ("host", own_address(), port),
        ("own gateway", gateway(&attacker), port),
        ("other gateway", gateway(&stranger), port),
        ("engine's gateway", docker_gateway(), port),
        ("neighbour", neighbour.ip, 8000),
        ("stranger", stranger.ip, 8000),
        ("metadata", decoys::METADATA.into(), decoys::PORT),
        ("private", decoys::PRIVATE.into(), decoys::PORT),
        ("carrier", decoys::CARRIER.into(), decoys::PORT),
        (PUBLIC, decoys::PUBLIC.into(), decoys::PORT),
        (RESOLVER, decoys::OWN_RESOLVER.into(), 53),
        ("host beside it", decoys::OWN_RESOLVER.into(), port),
    ];
    Lab {
        targets: targets
            .map(|(name, ip, port)| (name.to_owned(), SocketAddr::new(ip, port)))
            .into(),
        attacker,
        _decoys: decoys,
    }
}

/// Tries all targets at once from inside the seat.
async fn attack(world: &World, lab: &Lab) -> Reached {
    let targets: BTreeMap<&str, (String, u16)> = lab
        .targets
        .iter()
        .map(|(name, address)| (name.as_str(), (address.ip().to_string(), address.port())))
        .collect();
    let json = serde_json::to_string(&targets).unwrap();
    let program = ATTACK
        .replace("TARGETS", &serde_json::to_string(&json).unwrap())
        .replace("PATIENCE", &PATIENCE.as_secs_f32().to_string());
    serde_json::from_str(&world.python(&lab.attacker, &program).await.ok()).unwrap()
}

async fn resolves(world: &World, seat: &Instance) -> bool {
    let line = format!("timeout 3 getent ahostsv4 {}", decoys::NAME);
    let answer = world.sh(seat, &line).await;
    answer.stdout.contains(&decoys::PUBLIC.to_string())
}

fn connect((name, address): &(String, SocketAddr)) -> (String, bool) {
    let connected = TcpStream::connect_timeout(address, PATIENCE);
    (name.clone(), connected.is_ok())
}

/// The switches that keep a workshop's seats from seeing each other.
fn ports(workshop: &WorkshopSpec) -> Vec<PathBuf> {
    let folder = format!("/sys/class/net/ct-{}/brif", workshop.id.short());
    let ports = std::fs::read_dir(folder).unwrap();
    ports
        .map(|port| port.unwrap().path().join("isolated"))
        .collect()
}

fn isolate(workshop: &WorkshopSpec, on: &str) {
    for port in ports(workshop) {
        std::fs::write(port, on).unwrap();
    }
}

fn subnet(seat: &Instance) -> Cidr {
    let IpAddr::V4(ip) = seat.ip else {
        panic!("{} is no IPv4 address", seat.ip)
    };
    Cidr::new(ip, 24).unwrap()
}

fn gateway(seat: &Instance) -> IpAddr {
    let base = subnet(seat).network().to_bits();
    Ipv4Addr::from_bits(base + 1).into()
}

fn docker_gateway() -> IpAddr {
    let line = host("ip", &["-4", "-o", "address", "show", "docker0"]);
    let network = line.split_whitespace().nth(3);
    let (address, _) = network.and_then(|text| text.split_once('/')).unwrap();
    address.parse().unwrap()
}

/// The address of the interface that the default route leaves by; no packet is sent.
fn own_address() -> IpAddr {
    let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
    socket.connect("192.88.99.1:9").unwrap();
    socket.local_addr().unwrap().ip()
}

/// A service of the host's on every address, as a careless instructor has it; its port.
fn listen_on_host() -> u16 {
    let socket = TcpListener::bind("0.0.0.0:0").unwrap();
    let port = socket.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in socket.incoming() {
            // Whoever hangs up early was only looking.
            let _ = stream.and_then(|mut stream| stream.write_all(b"secret"));
        }
    });
    port
}
