//! What pages of other sites, of neighbours and of the platform may ask of a program: who asks is told by
//! the browser, by request, upgrade and preflight.

use super::matrix::at;
use super::world::{World, echo};

/// Name, method, fields, and the status that must come of them.
type Case<'a> = (&'a str, &'a str, Vec<(&'a str, &'a str)>, u16);

/// What a browser says of who asks, and what comes of it by name and by number.
#[tokio::test]
async fn other_sites_pages_ask_in_vain() {
    let upstream = echo().await;
    let world = World::serving(&upstream).await;
    let port = world.address.port();
    let sibling = format!("http://8000--3--ws-abcdefgh.localhost:{port}");
    let stranger = format!("http://5173--4--ws-abcdefgh.localhost:{port}");
    let platform = format!("http://localhost:{port}");
    let ada = world.ada_in("localhost").await;
    let cross = ("Sec-Fetch-Site", "cross-site");
    let cases: Vec<Case<'_>> = vec![
        (
            "a link from anywhere",
            "GET",
            vec![cross, ("Sec-Fetch-Mode", "navigate")],
            200,
        ),
        (
            "a form from anywhere",
            "POST",
            vec![cross, ("Sec-Fetch-Mode", "navigate")],
            403,
        ),
        (
            "an image from anywhere",
            "GET",
            vec![cross, ("Sec-Fetch-Mode", "no-cors")],
            403,
        ),
        (
            "an image of the seat's other page",
            "GET",
            vec![cross, ("Sec-Fetch-Mode", "no-cors"), ("Referer", &sibling)],
            200,
        ),
        (
            "an image of a neighbour's page",
            "GET",
            vec![cross, ("Sec-Fetch-Mode", "no-cors"), ("Referer", &stranger)],
            403,
        ),
        (
            "a fetch of its own",
            "GET",
            vec![("Sec-Fetch-Site", "same-origin")],
            200,
        ),
        (
            "a write of its own",
            "POST",
            vec![("Sec-Fetch-Site", "same-origin")],
            200,
        ),
        ("a write without a word", "POST", vec![], 403),
        (
            "a write of its own page",
            "POST",
            vec![("Origin", "own")],
            200,
        ),
        (
            "a write that hides who asks",
            "POST",
            vec![("Origin", "null")],
            403,
        ),
        (
            "a write of a page without referrers",
            "POST",
            vec![("Origin", "null"), ("Sec-Fetch-Site", "same-origin")],
            200,
        ),
        (
            "a fetch of the seat's other page",
            "GET",
            vec![cross, ("Origin", &sibling)],
            200,
        ),
        (
            "a write of the seat's other page",
            "PUT",
            vec![cross, ("Origin", &sibling)],
            200,
        ),
        (
            "a fetch of a neighbour's page",
            "GET",
            vec![cross, ("Origin", &stranger)],
            403,
        ),
        (
            "a write of a neighbour's page",
            "POST",
            vec![cross, ("Origin", &stranger)],
            403,
        ),
        (
            "a fetch of the platform's page",
            "GET",
            vec![cross, ("Origin", &platform)],
            403,
        ),
        (
            "a fetch of another site",
            "GET",
            vec![cross, ("Origin", "https://evil.test")],
            403,
        ),
        (
            "two origins",
            "GET",
            vec![("Origin", "own"), ("Origin", "https://evil.test")],
            403,
        ),
    ];
    for (name, method, fields, expected) in cases {
        let own = ada.origin();
        let mut ask = ada.bare(method, "/api");
        for (field, value) in fields {
            ask = ask.field(field, if value == "own" { &own } else { value });
        }
        let reply = ask.send().await;
        assert_eq!(reply.status, expected, "{name}: {reply:?}");
    }
    for (origin, expected) in [
        (ada.origin(), 200),
        (sibling.clone(), 200),
        (stranger.clone(), 403),
        (platform.clone(), 403),
        ("https://evil.test".to_owned(), 403),
        ("null".to_owned(), 403),
    ] {
        let reply = ada
            .bare("GET", "/ws")
            .field("Origin", &origin)
            .websocket()
            .send()
            .await;
        assert_eq!(reply.status, expected, "socket of {origin}");
    }
    let silent = ada.bare("GET", "/ws").websocket().send().await;
    assert_eq!(silent.status, 403, "a socket without an Origin");
}

#[tokio::test]
async fn preflights_are_answered_here_and_reach_no_program() {
    let upstream = echo().await;
    let world = World::serving(&upstream).await;
    let port = world.address.port();
    for (origin, expected) in [
        (format!("http://8000--3--ws-abcdefgh.localhost:{port}"), 204),
        (format!("http://8000--4--ws-abcdefgh.localhost:{port}"), 403),
        (format!("http://localhost:{port}"), 403),
    ] {
        let reply = at(&world, "5173", 3, String::new())
            .bare("OPTIONS", "/api")
            .field("Origin", &origin)
            .field("Access-Control-Request-Method", "PUT")
            .field("Access-Control-Request-Headers", "x-a, x-b")
            .send()
            .await;
        assert_eq!(reply.status, expected, "{origin}");
        let allowed = (expected == 204).then_some(origin.as_str());
        assert_eq!(reply.field("access-control-allow-origin"), allowed);
        assert_eq!(
            reply.field("access-control-allow-headers"),
            allowed.map(|_| "x-a, x-b")
        );
    }
    assert_eq!(upstream.seen(), "", "a preflight reached the program");
}
