//! The gateway's own route: a token becomes a cookie and is renewed.

use clarateach::directory::Tenancy;
use clarateach_protocol::id::Generation;
use clarateach_protocol::token::{Mode, Role, SeatClaims};
use time::OffsetDateTime;

use super::client::Reply;
use super::seat::Seat;
use super::world::{COOKIE, LEARNER, Setup, World, now, seat};

fn cookie_of(reply: &Reply) -> String {
    let field = reply.field("set-cookie").expect("a cookie");
    let value = field.strip_prefix(&format!("{COOKIE}=")).unwrap();
    value.split(';').next().unwrap().to_owned()
}

#[tokio::test]
async fn a_bearer_becomes_a_cookie_of_the_seats_path() {
    let upstream = Seat::echo().await;
    let world = World::serving(&upstream).await;
    let reply = world
        .ask("POST", "session")
        .bearer(&world.token())
        .send()
        .await;
    assert_eq!(reply.status, 200);
    let field = reply.field("set-cookie").unwrap();
    let attributes = field.split_once(';').unwrap().1;
    let expected = format!(
        " Path={}; Max-Age=43200; HttpOnly; SameSite=Lax",
        world.base(3)
    );
    assert_eq!(attributes, expected);
    assert_eq!(reply.json()["token"], cookie_of(&reply));
    assert_eq!(
        (&reply.json()["mode"], &reply.json()["generation"]),
        (&"control".into(), &2.into())
    );
    let reply = world
        .ask("GET", "files")
        .cookie(&cookie_of(&reply))
        .send()
        .await;
    assert_eq!(reply.status, 200);
}

#[tokio::test]
async fn https_cookies_are_secure() {
    let upstream = Seat::echo().await;
    let world = World::with(Setup {
        domain: Some("class.test"),
        ..Setup::default()
    })
    .await;
    world.live(&upstream, "one");
    let reply = world
        .ask("POST", "session")
        .bearer(&world.token())
        .send()
        .await;
    let field = reply.field("set-cookie").unwrap();
    assert!(
        field.ends_with("; Path=/vm/3/; Max-Age=43200; HttpOnly; SameSite=Lax; Secure"),
        "{field}"
    );
}

#[tokio::test]
async fn renewal_says_the_same_for_longer() {
    let world = World::start().await;
    let mut claims = world.claims();
    claims.role = Role::Instructor;
    claims.mode = Mode::View;
    claims.issued_at -= 3000;
    let ask = world
        .ask("POST", "session")
        .cookie(&claims.sign(&world.key));
    let reply = ask.field("Origin", world.origin()).send().await;
    let renewed =
        SeatClaims::verify(&cookie_of(&reply), &world.key.verifying_keys(), now()).unwrap();
    assert!(renewed.expires_at > now() + 12 * 3600 - 10);
    assert!(renewed.issued_at >= claims.issued_at + 3000);
    claims.issued_at = renewed.issued_at;
    claims.expires_at = renewed.expires_at;
    assert_eq!(renewed, claims);
}

#[tokio::test]
async fn no_token_outlives_its_workshop() {
    let world = World::start().await;
    let set = |ends_at: u64| {
        let tenancy = Tenancy {
            generation: Generation(2),
            assignment: Some(LEARNER.to_owned()),
            ends_at: OffsetDateTime::from_unix_timestamp(ends_at.try_into().unwrap()).ok(),
            idle_ends_at: None,
        };
        world.directory.set_tenancy(seat(3), tenancy);
    };
    let end = now() + 600;
    set(end);
    let reply = world
        .ask("POST", "session")
        .bearer(&world.token())
        .send()
        .await;
    let renewed =
        SeatClaims::verify(&cookie_of(&reply), &world.key.verifying_keys(), now()).unwrap();
    assert_eq!(renewed.expires_at, end);
    set(now() - 1);
    let reply = world
        .ask("POST", "session")
        .bearer(&world.token())
        .send()
        .await;
    assert_eq!(reply.error(), (410, "ended".to_owned()));
}

#[tokio::test]
async fn a_page_asks_how_things_stand() {
    let upstream = Seat::echo().await;
    let world = World::start().await;
    let token = world.token();
    let ask = || world.ask("GET", "session").cookie(&token);
    let reply = ask().send().await;
    assert_eq!(reply.error(), (503, "seat_unavailable".to_owned()));
    assert!(reply.field("retry-after").is_some());
    world.live(&upstream, "one");
    let reply = ask().send().await;
    assert_eq!(reply.status, 200);
    assert_eq!(
        (&reply.json()["mode"], &reply.json()["generation"]),
        (&"control".into(), &2.into())
    );
    let expires_at = reply.json()["expires_at"].as_str().unwrap().to_owned();
    assert!(expires_at.ends_with('Z'), "{expires_at}");
    assert!(reply.json().get("token").is_none());
    assert_eq!(reply.field("set-cookie"), None);
    world.tenancy(3, 3, Some(LEARNER));
    assert_eq!(ask().send().await.error(), (410, "reset".to_owned()));
    world.tenancy(3, 4, None);
    assert_eq!(ask().send().await.error(), (410, "released".to_owned()));
    world.directory.remove_seat(&seat(3));
    assert_eq!(ask().send().await.error(), (410, "ended".to_owned()));
    let reply = world.ask("GET", "session").send().await;
    assert_eq!(reply.error(), (401, "unauthenticated".to_owned()));
    assert_eq!(upstream.seen(), "");
}

#[tokio::test]
async fn other_pages_cannot_renew_with_a_cookie() {
    let world = World::start().await;
    let ask = || world.ask("POST", "session").cookie(&world.token());
    for reply in [
        ask().send().await,
        ask().field("Origin", "http://evil.example").send().await,
    ] {
        assert_eq!(reply.status, 403);
        assert_eq!(reply.field("set-cookie"), None);
    }
    let reply = world
        .ask("PUT", "session")
        .bearer(&world.token())
        .send()
        .await;
    assert_eq!(
        (reply.status, reply.field("allow")),
        (405, Some("GET, HEAD, POST, DELETE"))
    );
}
