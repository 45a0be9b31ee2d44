//! Seat × target × credential, and who may ask with a cookie: each refusal beside what passes.

use clarateach_protocol::id::Generation;
use clarateach_protocol::origin::Target;
use clarateach_protocol::token::{Mode, OriginClaims, Role, SigningKey, Visitor, WorkspaceClaims};
use serde_json::json;

use super::world::{Entered, OWN_COOKIE, ROOM, World, echo};
use crate::proxy::world::{now, seat};

fn claims() -> OriginClaims {
    OriginClaims {
        sub: "as-ada".to_owned(),
        visitor: Visitor::Learner,
        mode: Mode::Control,
        seat: seat(3),
        target: "5173".parse().unwrap(),
        generation: Generation(2),
        issued_at: now(),
        expires_at: now() + 600,
    }
}

pub(super) fn at(world: &World, target: &str, number: u16, cookie: String) -> Entered {
    let port = world.address.port();
    Entered {
        address: world.address,
        host: format!("{target}--{number}--ws-abcdefgh.localhost:{port}"),
        cookie,
    }
}

#[tokio::test]
async fn only_the_exact_seat_target_and_tenancy_pass() {
    let upstream = echo().await;
    let world = World::serving(&upstream).await;
    world.live(4, &upstream);
    let sign = |claims: &OriginClaims| claims.sign(&world.key);
    let with = |change: &dyn Fn(&mut OriginClaims)| {
        let mut changed = claims();
        change(&mut changed);
        sign(&changed)
    };
    let home = "4".parse().unwrap();
    let seat_token = world.ada();
    let workspace = WorkspaceClaims {
        seat: seat(3),
        generation: Generation(2),
        scope: vec![clarateach_protocol::token::Scope::Tunnel],
        mode: Mode::Control,
        issued_at: now(),
        expires_at: now() + 60,
    };
    let cases = [
        ("the right one", sign(&claims()), 200),
        (
            "an instructor's",
            with(&|claims| {
                claims.visitor = Visitor::Instructor;
                claims.sub = "in-1".to_owned();
            }),
            200,
        ),
        (
            "another port's",
            with(&|claims| claims.target = "8000".parse().unwrap()),
            401,
        ),
        (
            "the browser's",
            with(&|claims| claims.target = Target::Browser),
            401,
        ),
        ("another seat's", with(&|claims| claims.seat = seat(4)), 401),
        (
            "another workshop's",
            with(&|claims| claims.seat.workshop = "ws-zzzzzzzz".parse().unwrap()),
            401,
        ),
        (
            "an older generation's",
            with(&|claims| claims.generation = Generation(1)),
            410,
        ),
        (
            "a generation's to come",
            with(&|claims| claims.generation = Generation(3)),
            503,
        ),
        (
            "another learner's",
            with(&|claims| claims.sub = "as-bob".to_owned()),
            410,
        ),
        (
            "a guest's, not open",
            with(&|claims| {
                claims.visitor = Visitor::Guest { home };
                claims.sub = "as-bob".to_owned();
            }),
            403,
        ),
        (
            "an expired one",
            with(&|claims| {
                claims.issued_at -= 100;
                claims.expires_at = now() - 1;
            }),
            401,
        ),
        (
            "one that lives too long",
            with(&|claims| claims.expires_at = now() + 13 * 3600),
            401,
        ),
        (
            "another key's",
            claims().sign(&SigningKey::from_seed(&[8; 32])),
            401,
        ),
        ("a seat token", seat_token.clone(), 401),
        ("a workspace token", workspace.sign(&world.key), 401),
        ("rubbish", "x.y.z".to_owned(), 401),
        ("nothing", String::new(), 401),
    ];
    for (name, token, expected) in &cases {
        let browser = at(&world, "5173", 3, format!("{OWN_COOKIE}={token}"));
        let before = upstream.seen().len();
        for (kind, ask) in [
            ("visit", browser.visit("/")),
            ("fetch", browser.fetch("GET", "/api")),
            ("write", browser.fetch("POST", "/api")),
            ("upgrade", browser.fetch("GET", "/ws").websocket()),
        ] {
            let reply = ask.send().await;
            let expected = match (*expected, kind) {
                // The program echoes instead of shaking hands.
                (200, "upgrade") => 200,
                (other, _) => other,
            };
            assert_eq!(reply.status, expected, "{kind} with {name}: {reply:?}");
        }
        let reached = upstream.seen().len() > before;
        assert_eq!(reached, *expected == 200, "{name}");
    }
}

#[tokio::test]
async fn a_cookie_opens_one_origin_only() {
    let upstream = echo().await;
    let world = World::serving(&upstream).await;
    world.live(4, &upstream);
    let cookie = format!("{OWN_COOKIE}={}", claims().sign(&world.key));
    for (target, number, expected) in [
        ("5173", 3, 200),
        ("8000", 3, 401),
        ("5173", 4, 401),
        ("8000", 4, 401),
        ("browser", 3, 401),
    ] {
        let reply = at(&world, target, number, cookie.clone())
            .visit("/")
            .send()
            .await;
        assert_eq!(reply.status, expected, "{target} of seat {number}");
    }
    let twice = format!("{cookie}; {cookie}");
    let reply = at(&world, "5173", 3, twice).visit("/").send().await;
    assert_eq!(reply.status, 401, "two cookies of our name");
    let reply = at(&world, "5173", 3, String::new())
        .visit("/")
        .bearer(&world.ada())
        .send()
        .await;
    assert_eq!(reply.status, 403, "a seat token as bearer");
}

#[tokio::test]
async fn who_only_looks_reads_and_writes_nothing() {
    let upstream = echo().await;
    let world = World::serving(&upstream).await;
    let mut looks = world.claims(3, "in-1", Role::Instructor);
    looks.mode = Mode::View;
    let body = json!({"kind": "port", "port": 5173});
    let viewer = world
        .enter("localhost", &world.token(&looks), 3, body)
        .await;
    assert_eq!(viewer.visit("/").send().await.status, 200);
    assert_eq!(viewer.fetch("POST", "/").send().await.status, 403);
    assert_eq!(viewer.fetch("DELETE", "/").send().await.status, 403);
    let opening = world.call("localhost", "PUT", (3, "open-ports/5173"));
    let opened = opening.bearer(&world.token(&looks)).send().await;
    assert_eq!(opened.status, 403);
}

#[tokio::test]
async fn a_neighbour_comes_in_while_the_port_is_open_and_no_further() {
    let upstream = echo().await;
    let world = World::serving(&upstream).await;
    let body = json!({"kind": "port", "port": 5173, "seat": 3});
    for name in ["localhost", ROOM] {
        let shut = world.ask_for(name, &world.bob(), 4, body.clone()).await;
        assert_eq!(shut.error(), (403, "port_not_open".to_owned()));
        let absent = json!({"kind": "port", "port": 5173, "seat": 99});
        let absent = world.ask_for(name, &world.bob(), 4, absent).await;
        assert_eq!(
            absent.error(),
            (403, "port_not_open".to_owned()),
            "a seat that isn't there"
        );

        let opening = world
            .call(name, "PUT", (3, "open-ports/5173"))
            .bearer(&world.ada());
        let opened = opening.send().await;
        assert_eq!(
            (opened.status, opened.json()),
            (200, json!({"ports": [5173]}))
        );
        let bob = world.enter(name, &world.bob(), 4, body.clone()).await;
        assert_eq!(bob.visit("/").send().await.status, 200);
        let other = json!({"kind": "port", "port": 8000, "seat": 3});
        let other = world.ask_for(name, &world.bob(), 4, other).await;
        assert_eq!(
            other.error(),
            (403, "port_not_open".to_owned()),
            "another port"
        );
        let listed = world
            .call(name, "GET", (3, "open-ports"))
            .bearer(&world.ada())
            .send()
            .await;
        assert_eq!(listed.json(), json!({"ports": [5173]}));
        let foreign = world
            .call(name, "DELETE", (3, "open-ports/5173"))
            .bearer(&world.bob())
            .send()
            .await;
        assert_eq!(foreign.status, 403, "a neighbour closed it");

        let closing = world
            .call(name, "DELETE", (3, "open-ports/5173"))
            .bearer(&world.ada());
        assert_eq!(closing.send().await.json(), json!({"ports": []}));
        let late = bob.visit("/").send().await;
        assert_eq!(late.status, 403);
        assert!(
            late.text().contains("Not open to the class"),
            "{}",
            late.text()
        );
        let other_seat = json!({"kind": "port", "port": 5173, "seat": 4});
        let instructor = world
            .ask_for(name, &world.instructor(3), 3, other_seat)
            .await;
        assert_eq!(
            instructor.status, 403,
            "an instructor's token is for one seat"
        );
    }
}
