//! Release, reset, delete, a closed port and a new incarnation end what is live, within a second.

use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::world::{Entered, ROOM, World, program};
use crate::proxy::client::Client;
use crate::proxy::seat::{Seat, read_request, switching};
use crate::proxy::world::seat;

/// Sockets echo; anything else is answered with the beginning of an endless stream.
async fn endless() -> Seat {
    program(|mut stream, seen, _| async move {
        let Some(request) = read_request(&mut stream, &seen).await else {
            return;
        };
        if request.starts_with(b"GET /ws") {
            let _ = stream.write_all(switching(&request).as_bytes()).await;
        } else {
            let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n";
            let _ = stream.write_all(head.as_bytes()).await;
        }
        let mut buffer = [0; 64];
        while let Ok(1..) = stream.read(&mut buffer).await {}
    })
    .await
}

async fn live(browser: &Entered) -> [Client; 2] {
    let mut socket = browser.fetch("GET", "/ws").websocket().open(b"").await;
    assert_eq!(socket.reply().await.status, 101);
    let mut stream = browser.fetch("GET", "/stream").open(b"").await;
    let mut head = String::new();
    while !head.ends_with("1\r\nx\r\n") {
        head.push(char::from(stream.bytes(1).await[0]));
    }
    [socket, stream]
}

#[tokio::test]
async fn live_connections_end_with_what_let_them_in() {
    type End = fn(&World);
    let ends: [(&str, End, u16); 5] = [
        ("release", |world| world.tenancy(3, 3, None), 410),
        ("reset", |world| world.tenancy(3, 3, Some("as-ada")), 410),
        (
            "another learner",
            |world| world.tenancy(3, 2, Some("as-eve")),
            410,
        ),
        (
            "delete",
            |world| world.directory.remove_workshop(&seat(3).workshop),
            410,
        ),
        (
            "a removed seat",
            |world| world.directory.remove_seat(&seat(3)),
            410,
        ),
    ];
    for name in ["localhost", ROOM] {
        for (what, end, status) in ends {
            let upstream = endless().await;
            let world = World::serving(&upstream).await;
            let ada = world.ada_in(name).await;
            let connections = live(&ada).await;
            end(&world);
            for mut connection in connections {
                let took = connection.closed().await;
                assert!(took < Duration::from_secs(1), "{what}: {took:?}");
            }
            let after = ada.visit("/").send().await;
            assert_eq!(after.status, status, "{what}");
        }
    }
}

#[tokio::test]
async fn a_guest_leaves_with_the_port_or_with_their_own_seat() {
    type End = fn(&World);
    let close: End = |world| {
        world
            .directory
            .set_open_ports(seat(3), clarateach_protocol::id::Generation(2), &[]);
    };
    let ends: [(&str, End, u16); 3] = [
        ("a closed port", close, 403),
        ("their release", |world| world.tenancy(4, 3, None), 410),
        (
            "the host's reset",
            |world| world.tenancy(3, 3, Some("as-ada")),
            410,
        ),
    ];
    for (what, end, status) in ends {
        let upstream = endless().await;
        let world = World::serving(&upstream).await;
        let opening = world.call("localhost", "PUT", (3, "open-ports/5173"));
        assert_eq!(opening.bearer(&world.ada()).send().await.status, 200);
        let body = json!({"kind": "port", "port": 5173, "seat": 3});
        let bob = world.enter("localhost", &world.bob(), 4, body).await;
        let ada = world.ada_in("localhost").await;
        let guests = live(&bob).await;
        let [mut own, _stream] = live(&ada).await;
        end(&world);
        for mut connection in guests {
            let took = connection.closed().await;
            assert!(took < Duration::from_secs(1), "{what}: {took:?}");
        }
        assert_eq!(bob.visit("/").send().await.status, status, "{what}");
        if what != "the host's reset" {
            // The learner's own stay: they notice nothing.
            own.write(b"still here").await;
            assert_eq!(
                ada.fetch("GET", "/ws")
                    .websocket()
                    .open(b"")
                    .await
                    .reply()
                    .await
                    .status,
                101
            );
        }
    }
}

#[tokio::test]
async fn a_guests_reset_closes_and_lets_them_in_again() {
    let upstream = endless().await;
    let world = World::serving(&upstream).await;
    let opening = world.call("localhost", "PUT", (3, "open-ports/5173"));
    assert_eq!(opening.bearer(&world.ada()).send().await.status, 200);
    let body = json!({"kind": "port", "port": 5173, "seat": 3});
    let bob = world.enter("localhost", &world.bob(), 4, body).await;
    let [mut socket, _stream] = live(&bob).await;
    world.tenancy(4, 3, Some("as-bob"));
    socket.closed().await;
    let again = bob
        .fetch("GET", "/ws")
        .websocket()
        .open(b"")
        .await
        .reply()
        .await;
    assert_eq!(again.status, 101, "{again:?}");
}
