//! Every route below a seat, by request and by upgrade, against every kind of token.
//!
//! The routes are those of the tables that the gateway itself routes by. Each has a rule here; one
//! without a rule doesn't compile.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clarateach::proxy::route::OWN_ROUTES;
use clarateach_protocol::id::Generation;
use clarateach_protocol::route::SEAT_ROUTES;
use clarateach_protocol::token::{Mode, Role, Scope, SigningKey, WorkspaceClaims};
use serde_json::json;

use super::client::Ask;
use super::seat::Seat;
use super::world::{World, now, seat};

/// What must come of a right token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rule {
    /// It reaches the seat, with a token of this scope.
    Seat(Scope),
    /// The gateway answers it itself: with this status where there is a seat and nothing else.
    Own(&'static str, u16),
    /// Nobody reaches it from outside.
    Hidden,
}

const RULES: &[(&str, Rule)] = &[
    ("terminal", Rule::Seat(Scope::Terminal)),
    ("terminals", Rule::Seat(Scope::Terminal)),
    ("files", Rule::Seat(Scope::Files)),
    ("files-archive", Rule::Seat(Scope::Files)),
    ("files-events", Rule::Seat(Scope::Files)),
    ("search", Rule::Seat(Scope::Files)),
    ("stats", Rule::Seat(Scope::Stats)),
    ("ports", Rule::Seat(Scope::Stats)),
    ("bind", Rule::Hidden),
    ("exec", Rule::Hidden),
    ("tunnel", Rule::Hidden),
    ("health", Rule::Hidden),
    ("session", Rule::Own("GET", 200)),
    // This world has no own origins; who gets to hear so was let in.
    ("origins", Rule::Own("POST", 404)),
    ("open-ports", Rule::Own("GET", 404)),
    ("browser", Rule::Own("GET", 404)),
];

/// A route without a rule stops the build here.
const _: () = {
    let mut at = 0;
    while at < SEAT_ROUTES.len() {
        assert!(
            has_rule(SEAT_ROUTES[at].segment),
            "a route of the seat has no rule"
        );
        at += 1;
    }
    at = 0;
    while at < OWN_ROUTES.len() {
        assert!(
            has_rule(OWN_ROUTES[at].0),
            "a route of the gateway has no rule"
        );
        at += 1;
    }
};

const fn has_rule(segment: &str) -> bool {
    let mut at = 0;
    while at < RULES.len() {
        if same(RULES[at].0.as_bytes(), segment.as_bytes()) {
            return true;
        }
        at += 1;
    }
    false
}

const fn same(one: &[u8], other: &[u8]) -> bool {
    if one.len() != other.len() {
        return false;
    }
    let mut at = 0;
    while at < one.len() {
        if one[at] != other[at] {
            return false;
        }
        at += 1;
    }
    true
}

/// Routes with their method, but for those that nobody reaches.
fn reachable() -> impl Iterator<Item = (&'static str, &'static str, Rule)> {
    RULES.iter().filter_map(|(segment, rule)| match rule {
        Rule::Seat(_) => Some(("GET", *segment, *rule)),
        Rule::Own(method, _) => Some((*method, *segment, *rule)),
        Rule::Hidden => None,
    })
}

/// A way to show a credential, and what must come of it.
struct Case {
    name: &'static str,
    token: Option<String>,
    expected: (u16, &'static str),
}

fn unsigned(world: &World, algorithm: &str) -> String {
    let header = json!({"alg": algorithm, "typ": "JWT"});
    let claims = json!({"iss": "clarateach", "aud": "seat", "sub": "as-ada", "role": "learner",
        "mode": "control", "workshop": "ws-abcdefgh", "seat": 3, "generation": 2, "iat": now(), "exp": now() + 60});
    let signature = world.token().rsplit('.').next().unwrap().to_owned();
    format!(
        "{}.{}.{}",
        URL_SAFE_NO_PAD.encode(header.to_string()),
        URL_SAFE_NO_PAD.encode(claims.to_string()),
        if algorithm == "none" { "" } else { &signature },
    )
}

fn cases(world: &World) -> Vec<Case> {
    let right = world.claims();
    let mut cases = Vec::new();
    let mut case = |name, token: Option<String>, status, code| {
        cases.push(Case {
            name,
            token,
            expected: (status, code),
        });
    };
    let sign = |claims: clarateach_protocol::token::SeatClaims| Some(claims.sign(&world.key));
    let mut other = right.clone();
    other.seat = seat(4);
    case("another seat", sign(other), 403, "forbidden");
    let mut other = right.clone();
    other.seat = seat(999);
    case("a seat that does not exist", sign(other), 403, "forbidden");
    let mut other = right.clone();
    other.seat.workshop = "ws-zzzzzzzz".parse().unwrap();
    case("another workshop", sign(other), 403, "forbidden");
    let mut other = right.clone();
    other.generation = Generation(1);
    case("an older generation", sign(other), 410, "reset");
    let mut other = right.clone();
    other.generation = Generation(3);
    case("a generation to come", sign(other), 503, "seat_unavailable");
    let mut other = right.clone();
    other.sub = "as-bob".to_owned();
    case("another assignment", sign(other.clone()), 410, "released");
    other.generation = Generation(1);
    case("an older assignment", sign(other), 410, "released");
    let mut other = right.clone();
    other.role = Role::Instructor;
    other.sub = "in-1".to_owned();
    other.generation = Generation(1);
    case("an instructor's of before", sign(other), 410, "reset");
    let mut other = right.clone();
    other.issued_at = now() - 100;
    other.expires_at = now() - 1;
    case("an expired one", sign(other), 401, "token_expired");
    let mut other = right.clone();
    other.expires_at = now() + 13 * 3600;
    case(
        "one that lives too long",
        sign(other),
        401,
        "unauthenticated",
    );
    let forged = right.sign(&SigningKey::from_seed(&[8; 32]));
    case("another key's", Some(forged), 401, "unauthenticated");
    case(
        "alg none",
        Some(unsigned(world, "none")),
        401,
        "unauthenticated",
    );
    case(
        "alg HS256",
        Some(unsigned(world, "HS256")),
        401,
        "unauthenticated",
    );
    let workspace = WorkspaceClaims {
        seat: seat(3),
        generation: Generation(2),
        scope: vec![Scope::Files, Scope::Terminal],
        mode: Mode::Control,
        issued_at: now(),
        expires_at: now() + 60,
    };
    let workspace = workspace.sign(&world.key);
    case("a workspace token", Some(workspace), 401, "unauthenticated");
    case("rubbish", Some("x.y.z".to_owned()), 401, "unauthenticated");
    case("none", None, 401, "unauthenticated");
    cases
}

fn shows(ask: Ask, token: Option<&String>) -> Ask {
    match token {
        Some(token) => ask.bearer(token),
        None => ask,
    }
}

#[tokio::test]
async fn only_the_exact_seat_and_tenancy_pass() {
    let upstream = Seat::echo().await;
    let world = World::serving(&upstream).await;
    let cases = cases(&world);
    for (method, below, _) in reachable() {
        for case in &cases {
            let plain = shows(world.ask(method, below), case.token.as_ref());
            let socket = shows(world.ask("GET", below), case.token.as_ref()).websocket();
            for (kind, ask) in [("request", plain), ("upgrade", socket)] {
                let reply = ask.send().await;
                let (status, code) = reply.error();
                assert_eq!(
                    (status, code.as_str()),
                    case.expected,
                    "{kind} of {below} with {}",
                    case.name
                );
            }
        }
    }
    assert_eq!(upstream.seen(), "", "something reached the seat");
}

#[tokio::test]
async fn the_right_tokens_pass() {
    let upstream = Seat::echo().await;
    let world = World::serving(&upstream).await;
    let mut instructor = world.claims();
    instructor.role = Role::Instructor;
    instructor.sub = "in-1".to_owned();
    let mut viewer = instructor.clone();
    viewer.mode = Mode::View;
    for (method, below, rule) in reachable() {
        for claims in [&world.claims(), &instructor, &viewer] {
            let ask = world.ask(method, below).bearer(&claims.sign(&world.key));
            let reply = ask.send().await;
            match rule {
                Rule::Own(_, status) => assert_eq!(reply.status, status, "{below}: {reply:?}"),
                Rule::Seat(_) | Rule::Hidden => {
                    assert_eq!(reply.status, 200, "{below}: {reply:?}");
                    let line = format!("GET /{below} HTTP/1.1\r\n");
                    assert!(reply.text().starts_with(&line));
                }
            }
        }
    }
}

#[tokio::test]
async fn what_is_not_public_is_not_there_for_anybody() {
    let upstream = Seat::echo().await;
    let world = World::serving(&upstream).await;
    let hidden = RULES.iter().filter(|(_, rule)| *rule == Rule::Hidden);
    for (below, _) in hidden {
        for method in ["GET", "POST"] {
            let reply = world.ask(method, below).bearer(&world.token()).send().await;
            assert_eq!(reply.error(), (404, "not_found".to_owned()), "{below}");
        }
    }
    assert_eq!(upstream.seen(), "");
}

#[tokio::test]
async fn a_token_that_was_good_a_moment_ago_is_refused_at_once() {
    let upstream = Seat::echo().await;
    let world = World::serving(&upstream).await;
    let token = world.token();
    let ask = || world.ask("GET", "files").bearer(&token).send();
    for _ in 0..3 {
        assert_eq!(ask().await.status, 200);
    }
    world.tenancy(3, 3, Some(super::world::LEARNER));
    assert_eq!(ask().await.error(), (410, "reset".to_owned()));
    let mut short = world.claims();
    short.generation = Generation(3);
    short.expires_at = now() + 1;
    let short = short.sign(&world.key);
    world.live(&upstream, "two");
    let ask = || world.ask("GET", "files").bearer(&short).send();
    assert_eq!(ask().await.status, 200);
    super::world::within("its end", async {
        while ask().await.error() != (401, "token_expired".to_owned()) {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn each_route_gets_its_own_scope_and_mode() {
    let upstream = Seat::echo().await;
    let world = World::serving(&upstream).await;
    for (method, below, rule) in reachable() {
        let Rule::Seat(scope) = rule else { continue };
        for mode in [Mode::View, Mode::Control] {
            let mut claims = world.claims();
            claims.mode = mode;
            let ask = world.ask(method, below);
            let reply = ask.bearer(&claims.sign(&world.key)).send().await;
            let text = reply.text();
            let line = text
                .lines()
                .find(|line| line.starts_with("authorization: Bearer "))
                .unwrap();
            let token = &line["authorization: Bearer ".len()..];
            let minted =
                WorkspaceClaims::verify(token, &world.key.verifying_keys(), now()).unwrap();
            assert_eq!(minted.scope, vec![scope]);
            assert_eq!(minted.mode, mode);
            assert_eq!((minted.seat, minted.generation), (seat(3), Generation(2)));
            assert!(minted.expires_at <= now() + 60);
        }
    }
}

#[tokio::test]
async fn a_view_token_only_looks() {
    let upstream = Seat::echo().await;
    let world = World::serving(&upstream).await;
    let mut claims = world.claims();
    claims.mode = Mode::View;
    let token = claims.sign(&world.key);
    for method in ["PUT", "POST", "DELETE", "PATCH", "OPTIONS"] {
        let reply = world.ask(method, "files/x").bearer(&token).send().await;
        assert_eq!(reply.error(), (403, "forbidden".to_owned()), "{method}");
    }
    assert_eq!(upstream.seen(), "");
    let reply = world
        .ask("PUT", "files/x")
        .bearer(&world.token())
        .send()
        .await;
    assert_eq!(reply.status, 200);
}

#[tokio::test]
async fn a_deleted_workshop_and_a_seat_that_is_not_live_say_so() {
    let upstream = Seat::echo().await;
    let world = World::start().await;
    let reply = world.get().await;
    assert_eq!(reply.error(), (503, "seat_unavailable".to_owned()));
    assert!(reply.field("retry-after").is_some());
    world.live(&upstream, "one");
    let reply = world.get().await;
    assert_eq!(reply.status, 200);
    world.directory.remove_workshop(&seat(3).workshop);
    let reply = world.get().await;
    assert_eq!(reply.error(), (410, "ended".to_owned()));
}
