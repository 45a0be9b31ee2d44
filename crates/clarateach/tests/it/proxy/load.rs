//! More clients than the server takes, clients that read nothing, and a server that stops.

use std::time::Duration;

use clarateach::model::Cidr;
use clarateach::server::ServerLimits;

use super::client::{Client, Reply};
use super::seat::{SOON, Seat, read_request};
use super::world::{LEARNER, Setup, World, eventually, until, within};

fn loopback() -> Vec<Cidr> {
    vec!["127.0.0.0/8".parse().unwrap()]
}

fn limited(limits: ServerLimits) -> Setup {
    Setup {
        server: limits,
        ..Setup::default()
    }
}

/// A connection that has a place, and keeps it.
async fn held(world: &World) -> Client {
    let mut client = world.ask_path("GET", "/api/health").open(b"").await;
    assert_eq!(client.reply().await.status, 200);
    client
}

fn assert_turned_away(reply: &Reply, code: &str) {
    assert_eq!(reply.error(), (503, code.to_owned()), "{reply:?}");
    let seconds: u32 = reply.field("retry-after").unwrap().parse().unwrap();
    assert!((1..10).contains(&seconds));
}

/// Asks until somebody's place is free again.
async fn until_served(world: &World) {
    let is_served = async || world.ask_path("GET", "/api/refuse").send().await.status == 401;
    until("a free place", is_served).await;
}

#[tokio::test]
async fn who_finds_no_place_is_told_to_come_back_and_watchers_are_answered() {
    let world = World::with(limited(ServerLimits {
        connections: 1,
        ..ServerLimits::default()
    }))
    .await;
    let ready = || world.ask_path("GET", "/api/ready").send();
    let first = held(&world).await;
    let reply = world.ask_path("GET", "/api/refuse").send().await;
    assert_turned_away(&reply, "overloaded");
    assert_eq!(reply.field("connection"), Some("close"));
    assert_eq!(ready().await.text(), "Shedding");
    let health = world.ask_path("GET", "/api/health").send().await;
    assert_eq!(health.status, 200);
    // Of seats nothing is told either.
    let seat = world.get().await;
    assert_turned_away(&seat, "overloaded");
    drop(first);
    until_served(&world).await;
}

#[tokio::test]
async fn a_flood_of_connections_is_closed_and_the_server_answers_after_it() {
    let world = World::with(limited(ServerLimits {
        connections: 2,
        header: SOON,
        ..ServerLimits::default()
    }))
    .await;
    let mut first = held(&world).await;
    let mut flood = Vec::new();
    for _ in 0..300 {
        flood.push(world.connect().await);
    }
    // Who has a place is served beside it.
    first
        .write(format!("{}\r\n", world.ask_path("GET", "/api/refuse").text).as_bytes())
        .await;
    assert_eq!(first.reply().await.status, 401);
    // One has the other place, 64 are waited for, the rest is closed.
    let mut closed = 0;
    for client in &flood {
        let mut byte = [0];
        let peeked = tokio::time::timeout(Duration::from_millis(1), client.stream.peek(&mut byte));
        closed += usize::from(matches!(peeked.await, Ok(Ok(0) | Err(_))));
    }
    assert!(closed >= 300 - 66, "{closed} of 300 were closed");
    drop(flood);
    until_served(&world).await;
}

#[tokio::test]
async fn one_address_has_its_share_and_no_more() {
    let limits = ServerLimits {
        connections: 100,
        connections_per_address: 2,
        ..ServerLimits::default()
    };
    let world = World::with(limited(limits)).await;
    let first = held(&world).await;
    let _second = held(&world).await;
    let reply = world.ask_path("GET", "/api/refuse").send().await;
    assert_turned_away(&reply, "overloaded");
    assert!(reply.text().contains("your network"), "{reply:?}");
    // Claims count for nothing where nobody trusts who makes them.
    let ask = world.ask_path("GET", "/api/refuse");
    let reply = ask.field("X-Forwarded-For", "192.0.2.9").send().await;
    assert_turned_away(&reply, "overloaded");
    drop(first);
    until_served(&world).await;
}

#[tokio::test]
async fn behind_a_trusted_proxy_each_of_its_clients_has_a_share() {
    let mut setup = limited(ServerLimits {
        connections: 100,
        connections_per_address: 2,
        ..ServerLimits::default()
    });
    setup.trusted_proxies = loopback();
    let world = World::with(setup).await;
    let ask = |client: &str| {
        world
            .ask_path("GET", "/api/refuse")
            .field("X-Forwarded-For", client)
    };
    let mut held = Vec::new();
    for _ in 0..2 {
        let mut client = ask("192.0.2.1").open(b"").await;
        assert_eq!(client.reply().await.status, 401);
        held.push(client);
    }
    assert_turned_away(&ask("192.0.2.1").send().await, "overloaded");
    // The last one is the proxy's own word; what a client says before it is not.
    assert_turned_away(&ask("192.0.2.7, 192.0.2.1").send().await, "overloaded");
    assert_eq!(ask("192.0.2.2").send().await.status, 401);
    // A connection that the proxy uses for another client is that one's.
    let text = format!("{}\r\n", ask("192.0.2.3").text);
    held[0].write(text.as_bytes()).await;
    assert_eq!(held[0].reply().await.status, 401);
    assert_eq!(ask("192.0.2.1").send().await.status, 401);
}

#[tokio::test]
async fn more_requests_than_there_may_be_are_told_to_come_back() {
    let world = World::with(limited(ServerLimits {
        requests: 1,
        ..ServerLimits::default()
    }))
    .await;
    let waiting = world.ask_path("GET", "/api/never").open(b"").await;
    within("the request", async {
        while world.ask_path("GET", "/api/refuse").send().await.status != 503 {
            tokio::time::sleep(Duration::from_millis(3)).await;
        }
    })
    .await;
    let reply = world.ask_path("GET", "/api/refuse").send().await;
    assert_turned_away(&reply, "overloaded");
    assert_eq!(
        world.ask_path("GET", "/api/ready").send().await.text(),
        "Shedding"
    );
    drop(waiting);
    until_served(&world).await;
}

#[tokio::test]
async fn one_seat_has_its_share_and_others_are_served() {
    let upstream = Seat::scripted(|mut stream, seen| async move {
        while read_request(&mut stream, &seen).await.is_some() {}
    })
    .await;
    let mut setup = Setup::default();
    setup.gateway.exchanges = 2;
    let world = World::with(setup).await;
    world.live(&upstream, "one");
    let token = world.token();
    let plain = || world.ask("GET", "files").bearer(&token);
    let socket = || world.ask("GET", "terminal").bearer(&token).websocket();
    let first = plain().open(b"").await;
    let _second = socket().open(b"").await;
    eventually("two requests", || upstream.connections() == 2).await;
    for ask in [plain(), socket()] {
        assert_turned_away(&ask.send().await, "seat_busy");
    }
    // How things stand is told all the same.
    let session = world.ask("GET", "session").bearer(&token).send().await;
    assert_eq!(session.status, 200);
    drop(first);
    upstream.wait_closed(1).await;
    let _third = plain().open(b"").await;
    eventually("a third request", || upstream.connections() == 3).await;
    // All of them end with the tenancy, and their places are free.
    world.tenancy(3, 3, Some(LEARNER));
    upstream.wait_closed(3).await;
}

#[tokio::test]
async fn a_client_that_reads_nothing_is_cut() {
    let world = World::with(limited(ServerLimits {
        unread: Duration::from_millis(200),
        connections: 1,
        ..ServerLimits::default()
    }))
    .await;
    let _slow = world.ask_path("GET", "/api/endless").open(b"").await;
    until_served(&world).await;
}

#[tokio::test]
async fn while_requests_end_newcomers_are_told_that_the_server_stops() {
    let upstream = Seat::scripted(|mut stream, seen| async move {
        read_request(&mut stream, &seen).await;
        eventually("the question", || seen.text().contains("asked")).await;
        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nlast";
        let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, answer).await;
    })
    .await;
    let mut world = World::serving(&upstream).await;
    let mut last = world.open().await;
    eventually("the request", || upstream.seen().contains("\r\n\r\n")).await;
    world.stop.cancel();
    within("the end of ordinary service", async {
        while world.ask_path("GET", "/api/refuse").send().await.status != 503 {}
    })
    .await;
    let reply = world.ask_path("GET", "/api/refuse").send().await;
    assert_turned_away(&reply, "stopping");
    assert_eq!(
        world.ask_path("GET", "/api/ready").send().await.text(),
        "Draining"
    );
    // And the one in flight is answered in full.
    upstream.say("asked");
    assert_eq!(last.reply().await.text(), "last");
    within("the server", world.server.join_next())
        .await
        .unwrap()
        .unwrap();
    assert!(tokio::net::TcpStream::connect(world.address).await.is_err());
}
