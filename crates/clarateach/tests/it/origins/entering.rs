//! Tickets and cookies: in once, by the right origin, and never in a circle.

use serde_json::json;

use super::world::{OWN_COOKIE, ROOM, World, echo};
use crate::proxy::client::{Ask, Reply};

async fn get(world: &World, host: &str, path: &str) -> Reply {
    let (address, host, path) = world.place(&format!("http://{host}{path}"));
    Ask {
        address,
        text: format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nAccept: text/html\r\n"),
    }
    .send()
    .await
}

fn lines<'a>(reply: &'a Reply, name: &str) -> Vec<&'a str> {
    let lines = reply.head.lines().filter_map(|line| line.split_once(": "));
    lines
        .filter(|(field, _)| field.eq_ignore_ascii_case(name))
        .map(|(_, value)| value)
        .collect()
}

#[tokio::test]
async fn a_ticket_becomes_the_origins_own_cookie_once() {
    let upstream = echo().await;
    let world = World::serving(&upstream).await;
    for (name, cookie_name, attributes) in [
        (
            "localhost",
            OWN_COOKIE.to_owned(),
            "; HttpOnly; SameSite=None; Secure; Partitioned",
        ),
        (ROOM, String::new(), "; HttpOnly; SameSite=Lax"),
    ] {
        let body = json!({"kind": "port", "port": 5173, "path": "/a/b?c=d&e#f"});
        let answer = world.ask_for(name, &world.ada(), 3, body).await;
        let url = answer.json()["url"].as_str().unwrap().to_owned();
        let origin = answer.json()["origin"].as_str().unwrap().to_owned();
        assert!(
            url.starts_with(&format!("{origin}/.clarateach/enter?ticket=")),
            "{url}"
        );
        assert!(url.len() < 200 && !url.contains(&world.ada()), "{url}");
        let (_, host, path) = world.place(&url);
        let entered = get(&world, &host, &path).await;
        assert_eq!(entered.status, 303, "{entered:?}");
        assert_eq!(entered.field("cache-control"), Some("no-store"));
        assert_eq!(entered.field("referrer-policy"), Some("no-referrer"));
        let location = entered.field("location").unwrap();
        assert!(
            location.starts_with("/.clarateach/check?to=") && !location.contains("ticket"),
            "{location}"
        );
        let cookies = lines(&entered, "set-cookie");
        let number = host.rsplit(':').next().unwrap();
        let expected = if name == ROOM {
            format!("{OWN_COOKIE}-{number}")
        } else {
            cookie_name
        };
        assert!(
            cookies[0].starts_with(&format!("{expected}=")),
            "{cookies:?}"
        );
        assert!(cookies[0].contains("; Path=/; Max-Age="), "{cookies:?}");
        assert!(
            cookies.iter().all(|cookie| cookie.ends_with(attributes)),
            "{cookies:?}"
        );
        assert!(
            cookies.iter().all(|cookie| !cookie.contains("Domain")),
            "{cookies:?}"
        );
        let again = get(&world, &host, &path).await;
        assert_eq!(again.status, 401, "the ticket was good twice");
        assert_eq!(again.field("set-cookie"), None);
        let cookie = cookies[0].split(';').next().unwrap();
        let (address, host, location) = world.place(&format!("http://{host}{location}"));
        let check = Ask {
            address,
            text: format!("GET {location} HTTP/1.1\r\nHost: {host}\r\nCookie: {cookie}\r\n"),
        };
        let checked = check.clone().send().await;
        assert_eq!(
            (checked.status, checked.field("location")),
            (303, Some("/a/b?c=d&e#f"))
        );
        // The way back in a browser's history.
        let back = Ask {
            text: check.text.replace(&location, &path),
            ..check
        };
        let back = back.send().await;
        assert_eq!(
            (back.status, back.field("location")),
            (303, Some("/a/b?c=d&e#f"))
        );
    }
}

#[tokio::test]
async fn a_cookie_that_did_not_stick_is_said_and_not_tried_again() {
    let upstream = echo().await;
    let world = World::serving(&upstream).await;
    let ada = world.ada_in("localhost").await;
    let reply = get(&world, &ada.host, "/.clarateach/check?to=%2Fa").await;
    assert_eq!(reply.status, 403);
    assert!(reply.text().contains("keeps no cookie"), "{}", reply.text());
    assert_eq!(reply.field("location"), None);
    assert!(!reply.text().contains("refresh"), "{}", reply.text());
    assert!(
        reply.text().contains("?open=5173&amp;path=/a\""),
        "{}",
        reply.text()
    );
}

#[tokio::test]
async fn a_ticket_is_for_its_own_origin() {
    let upstream = echo().await;
    let world = World::serving(&upstream).await;
    world.live(4, &upstream);
    let ada = world.ada_in("localhost").await;
    let bob = world
        .enter(
            "localhost",
            &world.bob(),
            4,
            json!({"kind": "port", "port": 5173}),
        )
        .await;
    for host in [
        bob.host.clone(),
        ada.host.replace("5173--", "8000--"),
        ada.host.replace("ws-abcdefgh", "ws-zzzzzzzz"),
    ] {
        let body = json!({"kind": "port", "port": 5173});
        let answer = world.ask_for("localhost", &world.ada(), 3, body).await;
        let url = answer.json()["url"].as_str().unwrap().to_owned();
        let (_, _, path) = world.place(&url);
        let reply = get(&world, &host, &path).await;
        assert_eq!(reply.status, 401, "{host}");
        assert_eq!(reply.field("set-cookie"), None, "{host}");
        let late = get(&world, &ada.host, &path).await;
        assert_eq!(
            late.status, 401,
            "a ticket shown elsewhere was good afterwards"
        );
    }
}

#[tokio::test]
async fn no_way_in_leads_to_another_place() {
    let upstream = echo().await;
    let world = World::serving(&upstream).await;
    for path in [
        "//evil.test",
        "/\\evil.test",
        "https://evil.test",
        "evil",
        "/\t/evil.test",
        "/.clarateach/enter",
        "",
    ] {
        let body = json!({"kind": "port", "port": 5173, "path": path});
        let answer = world.ask_for("localhost", &world.ada(), 3, body).await;
        assert_eq!(
            answer.error(),
            (400, "invalid_input".to_owned()),
            "{path:?}"
        );
    }
    let ada = world.ada_in("localhost").await;
    for to in [
        "//evil.test",
        "%2f%2fevil.test",
        "%2F%5Cevil.test",
        "https:%2f%2fevil.test",
        "%2F%0d%0aX:%20y",
        "/&to=//evil.test",
    ] {
        let reply = ada
            .visit(&format!("/.clarateach/check?to={to}"))
            .send()
            .await;
        assert_eq!(
            (reply.status, reply.field("location")),
            (303, Some("/")),
            "{to}"
        );
    }
}

#[tokio::test]
async fn a_new_generation_meets_nothing_that_the_one_before_kept() {
    let upstream = echo().await;
    let world = World::serving(&upstream).await;
    let body = json!({"kind": "port", "port": 5173});
    let enter = async |seen: Option<&str>| {
        let answer = world
            .ask_for("localhost", &world.ada(), 3, body.clone())
            .await;
        let (address, host, path) = world.place(answer.json()["url"].as_str().unwrap());
        let mut ask = Ask {
            address,
            text: format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n"),
        };
        if let Some(seen) = seen {
            ask = ask.field("Cookie", format!("{OWN_COOKIE}-seen={seen}"));
        }
        ask.send().await.field("clear-site-data").map(str::to_owned)
    };
    assert_eq!(enter(Some("2")).await, None);
    let cleared = Some("\"cache\", \"storage\"".to_owned());
    assert_eq!(enter(Some("1")).await, cleared);
    assert_eq!(enter(None).await, cleared);
}

#[tokio::test]
async fn what_is_asked_for_is_checked() {
    let upstream = echo().await;
    let world = World::serving(&upstream).await;
    for body in [
        json!({}),
        json!({"kind": "port"}),
        json!({"kind": "port", "port": 80}),
        json!({"kind": "port", "port": 3001}),
        json!({"kind": "port", "port": 3002}),
        json!({"kind": "port", "port": 3003}),
        json!({"kind": "port", "port": 70000}),
        json!({"kind": "port", "port": "5173"}),
        json!({"kind": "browser", "port": 5173}),
        json!({"kind": "port", "port": 5173, "more": 1}),
        json!({"kind": "port", "port": 5173, "path": "a".repeat(9000)}),
    ] {
        let answer = world
            .ask_for("localhost", &world.ada(), 3, body.clone())
            .await;
        assert_eq!(answer.status, 400, "{body}");
    }
    let read = world
        .call("localhost", "GET", (3, "origins"))
        .bearer(&world.ada())
        .send()
        .await;
    assert_eq!(read.status, 405);
}
