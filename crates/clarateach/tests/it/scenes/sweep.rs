//! A learner who looks at every address of their own and of another workshop's network, by their terminal, for anything
//! that answers. The positive control looks from the machine itself, where the same addresses do.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Mutex;
use std::time::Duration;

use http::StatusCode;
use serde_json::{Value, json};

use super::super::app::Client;
use super::super::docker::host;
use super::classroom::{Engine, assert_nothing_left};
use super::learner::Learner;
use super::served::Served;
use super::wait::runs_all;

/// In-seat servers, and what a careless learner starts.
const PORTS: [u16; 3] = [3001, 3002, 8000];
/// Where an engine listens when it is told to, and shells of the machine.
const HOST_PORTS: [u16; 3] = [22, 2375, 2376];
const PATIENCE: Duration = Duration::from_millis(700);

/// Prints what answered, then a mark.
const SWEEP: &str = r#"
import socket
from concurrent.futures import ThreadPoolExecutor
def reach(target):
    host, port = target.rsplit(":", 1)
    try:
        socket.create_connection((host, int(port)), PATIENCE).close()
        return target
    except OSError:
        return None
targets = open("/workspace/targets").read().split()
found = [it for it in ThreadPoolExecutor(100).map(reach, targets) if it]
open("/workspace/found", "w").write("\n".join(found))
print("swept", len(targets))
"#;
const SERVE: &str = "python3 -m http.server 8000 >/dev/null 2>&1 &";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sweep_from_a_terminal_finds_nothing_but_the_seat_itself() {
    Served::docker().await.play(sweep).await;
}

async fn sweep(served: &mut Served) {
    let instructor = served.instructor().await;
    let mine = workshop(&instructor).await;
    let theirs = workshop(&instructor).await;
    let attacker = Learner::join(served.listen, &mine, "Mallory").await;
    let neighbour = Learner::join(served.listen, &mine, "Ada").await;
    let stranger = Learner::join(served.listen, &theirs, "Bea").await;
    for learner in [&neighbour, &stranger] {
        let mut terminal = learner.terminal().await;
        terminal.types(SERVE).await;
        terminal
            .answers(
                "until : < /dev/tcp/127.0.0.1/8000; do :; done 2>/dev/null; echo ser''ves",
                "serves",
            )
            .await;
    }
    let canary = TcpListener::bind("0.0.0.0:0").unwrap();
    let canary = canary.local_addr().unwrap().port();
    let networks = [network(&mine), network(&theirs)];
    let own = Ipv4Addr::from_bits(networks[0].to_bits() + 10);
    let mut targets = BTreeSet::new();
    for network in networks {
        let last = if runs_all() { 254 } else { 24 };
        for number in 1..=last {
            let address = Ipv4Addr::from_bits(network.to_bits() + number);
            targets.extend(PORTS.map(|port| SocketAddr::from((address, port))));
        }
        let gateway = Ipv4Addr::from_bits(network.to_bits() + 1);
        targets.extend(HOST_PORTS.map(|port| SocketAddr::from((gateway, port))));
        targets.insert((gateway, canary).into());
        targets.insert((gateway, served.listen.port()).into());
    }
    let gateway = docker_gateway();
    targets.extend(HOST_PORTS.map(|port| SocketAddr::from((gateway, port))));
    targets.insert((gateway, canary).into());

    let list: Vec<_> = targets.iter().map(ToString::to_string).collect();
    attacker.save("targets", &list.join("\n")).await;
    let program = SWEEP.replace("PATIENCE", &PATIENCE.as_secs_f32().to_string());
    attacker.save("sweep.py", &program).await;
    let mut terminal = attacker.terminal().await;
    let swept = format!("swept {}", list.len());
    terminal.answers("python3 sweep.py", &swept).await;
    let found = attacker.ask(http::Method::GET, "/files/found", "").await;
    assert_eq!(found.status, StatusCode::OK, "{found:?}");
    let found: BTreeSet<SocketAddr> = found
        .text
        .split_whitespace()
        .map(|it| it.parse().unwrap())
        .collect();
    // Its own servers, at its own address: the sweep does find what is there.
    let itself = [3001, 3002].map(|port| SocketAddr::from((own, port)));
    assert_eq!(found, BTreeSet::from(itself));

    // The positive control, from outside: what the sweep missed listens.
    let open = open(&targets);
    let at = |network: Ipv4Addr, seat: u32| Ipv4Addr::from_bits(network.to_bits() + 9 + seat);
    for listens in [
        SocketAddr::from((at(networks[0], 2), 8000)),
        SocketAddr::from((at(networks[0], 2), 3001)),
        SocketAddr::from((at(networks[1], 1), 8000)),
        SocketAddr::from((at(networks[1], 1), 3002)),
        SocketAddr::from((gateway, canary)),
        SocketAddr::from((Ipv4Addr::from_bits(networks[1].to_bits() + 1), canary)),
    ] {
        assert!(open.contains(&listens), "{listens} is closed: {open:?}");
    }
    // No socket of the engine's is in a seat, nor any other of the machine's.
    let sockets = "find / -xdev -type s 2>/dev/null | wc -l; ls /var/run/docker.sock /run/containerd 2>&1 | grep -c 'No such'; echo lo''oked";
    terminal.types(sockets).await;
    terminal.shows("0\r\n2\r\nlooked").await;
    for workshop in [&mine, &theirs] {
        let id = workshop["id"].as_str().unwrap();
        let deleted = instructor.delete(&format!("/api/workshops/{id}")).await;
        assert_eq!(deleted.status, StatusCode::NO_CONTENT, "{deleted:?}");
    }
    assert_nothing_left(served, &Engine::default(), mine["id"].as_str().unwrap()).await;
}

async fn workshop(instructor: &Client) -> Value {
    let body = json!({"name": "Class", "seats": 2, "resources": {"memory_mb": 192, "disk_mb": 64}});
    let made = instructor.post("/api/workshops", body).await;
    assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
    made.json()
}

/// The base of a workshop's subnet.
fn network(workshop: &Value) -> Ipv4Addr {
    let name = format!("clarateach-{}", workshop["id"].as_str().unwrap());
    let format = "{{(index .IPAM.Config 0).Subnet}}";
    let subnet = host("docker", &["network", "inspect", "--format", format, &name]);
    subnet.split('/').next().unwrap().parse().unwrap()
}

fn docker_gateway() -> Ipv4Addr {
    let format = "{{(index .IPAM.Config 0).Gateway}}";
    let gateway = host(
        "docker",
        &["network", "inspect", "--format", format, "bridge"],
    );
    gateway.trim().parse().unwrap()
}

fn open(targets: &BTreeSet<SocketAddr>) -> BTreeSet<SocketAddr> {
    let waiting = Mutex::new(targets.iter());
    let open = Mutex::new(BTreeSet::new());
    std::thread::scope(|scope| {
        for _ in 0..64 {
            scope.spawn(|| {
                loop {
                    let Some(target) = waiting.lock().unwrap().next() else {
                        return;
                    };
                    if TcpStream::connect_timeout(target, PATIENCE).is_ok() {
                        open.lock().unwrap().insert(*target);
                    }
                }
            });
        }
    });
    open.into_inner().unwrap()
}
