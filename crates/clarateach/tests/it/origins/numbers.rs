//! Own origins by number: a listener each, its own host, and no way around it.

use serde_json::json;
use tokio::net::TcpListener;

use super::world::{ROOM, World, echo, free_ports};
use crate::proxy::client::Ask;

#[tokio::test]
async fn each_target_has_a_number_of_its_own_that_stays() {
    let upstream = echo().await;
    let world = World::serving(&upstream).await;
    world.live(4, &upstream);
    let ada = world.ada_in(ROOM).await;
    let again = world.ada_in(ROOM).await;
    assert_eq!(ada.host, again.host);
    let other = world
        .enter(ROOM, &world.ada(), 3, json!({"kind": "port", "port": 8000}))
        .await;
    let bob = world
        .enter(ROOM, &world.bob(), 4, json!({"kind": "port", "port": 5173}))
        .await;
    assert!(ada.host != other.host && ada.host != bob.host && other.host != bob.host);
    let instructor = world
        .enter(
            ROOM,
            &world.instructor(3),
            3,
            json!({"kind": "port", "port": 5173}),
        )
        .await;
    assert_eq!(
        instructor.host, ada.host,
        "the origin is the seat's, not the visitor's"
    );
    // Cookies ignore ports: every cookie comes along everywhere, and opens its own alone.
    for (browser, expected) in [(&ada, 200), (&other, 200), (&bob, 200)] {
        assert_eq!(browser.visit("/").send().await.status, expected);
    }
    let mut crossed = bob.clone();
    crossed.cookie = ada.cookie.clone();
    assert_eq!(crossed.visit("/").send().await.status, 401);
    let token = ada.cookie.split_once('=').unwrap().1.to_owned();
    let name = bob.cookie.split_once('=').unwrap().0.to_owned();
    crossed.cookie = format!("{name}={token}");
    assert_eq!(
        crossed.visit("/").send().await.status,
        401,
        "a renamed cookie opened another number"
    );
}

#[tokio::test]
async fn a_number_answers_to_its_own_host_only_and_serves_nothing_else() {
    let upstream = echo().await;
    let world = World::serving(&upstream).await;
    let ada = world.ada_in(ROOM).await;
    let number = ada.host.rsplit(':').next().unwrap().to_owned();
    let main = world.address.port();
    for host in [
        format!("localhost:{number}"),
        format!("127.0.0.1:{number}"),
        format!("{ROOM}:{main}"),
        format!("evil.test:{number}"),
        format!("5173--3--ws-abcdefgh.localhost:{main}"),
    ] {
        let mut wrong = ada.clone();
        wrong.host = host;
        assert_eq!(wrong.visit("/").send().await.status, 421, "{}", wrong.host);
    }
    // The platform's paths are the program's here.
    for path in ["/api/session", "/debug/proxy/ws-abcdefgh/vm/3/files"] {
        let reply = ada.visit(path).send().await;
        assert!(
            reply.text().starts_with(&format!("GET {path} HTTP/1.1")),
            "{reply:?}"
        );
    }
    let at_main = Ask {
        address: world.address,
        text: format!("GET / HTTP/1.1\r\nHost: {}\r\n", ada.host),
    };
    assert_eq!(
        at_main.send().await.status,
        421,
        "the main listener took a number's host"
    );
}

#[tokio::test]
async fn another_programs_port_is_stepped_over() {
    let ports = free_ports().await;
    let first = *ports.range().unwrap().start();
    let _taken = TcpListener::bind(("127.0.0.1", first)).await;
    let world = World::with(ports).await;
    let upstream = echo().await;
    world.live(3, &upstream);
    let ada = world.ada_in(ROOM).await;
    assert!(!ada.host.ends_with(&format!(":{first}")), "{}", ada.host);
    assert_eq!(ada.visit("/").send().await.status, 200);
}

#[tokio::test]
async fn without_numbers_the_answer_says_what_to_do() {
    let world = World::with("none".parse().unwrap()).await;
    let body = json!({"kind": "port", "port": 5173});
    let refused = world.ask_for(ROOM, &world.ada(), 3, body.clone()).await;
    assert_eq!(refused.error(), (404, "origins_off".to_owned()));
    assert!(
        refused.text().contains("CLARATEACH_PREVIEW_PORTS"),
        "{refused:?}"
    );
    let by_name = world.ask_for("localhost", &world.ada(), 3, body).await;
    assert_eq!(by_name.status, 200);
}

#[tokio::test]
async fn when_all_numbers_are_taken_the_answer_says_what_to_do() {
    let first = *free_ports().await.range().unwrap().start();
    let world = World::with(format!("{first}-{first}").parse().unwrap()).await;
    world.ada_in(ROOM).await;
    let body = json!({"kind": "port", "port": 8000});
    let refused = world.ask_for(ROOM, &world.ada(), 3, body).await;
    assert_eq!(refused.error(), (503, "no_preview_ports".to_owned()));
    assert!(
        refused.text().contains("CLARATEACH_PREVIEW_PORTS"),
        "{refused:?}"
    );
}
