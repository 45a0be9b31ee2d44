//! Names below a domain, behind a proxy that ends TLS and says so.

use serde_json::json;

use super::world::{OWN_COOKIE, World, echo};
use crate::proxy::client::{Ask, Reply};

const DOMAIN: &str = "class.test";
const OWN: &str = "5173--3--ws-abcdefgh.class.test";

/// As Caddy passes a request on.
fn passed_on(world: &World, method: &str, (host, path): (&str, &str)) -> Ask {
    Ask {
        address: world.address,
        text: format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\n"),
    }
    .field("X-Forwarded-For", "192.0.2.7")
    .field("X-Forwarded-Proto", "https")
    .field("X-Forwarded-Host", host)
}

fn cookies(reply: &Reply) -> Vec<&str> {
    let lines = reply.head.lines();
    lines
        .filter_map(|line| line.strip_prefix("set-cookie: "))
        .collect()
}

/// Where a URL of an own origin leads.
fn place(url: &str) -> (&str, String) {
    let rest = url.strip_prefix("https://").expect("an https URL");
    let (host, path) = rest.split_once('/').unwrap();
    (host, format!("/{path}"))
}

/// Ada goes in, and brings the cookie out.
async fn entered(world: &World) -> String {
    let body = json!({"kind": "port", "port": 5173, "path": "/x"}).to_string();
    let ask = passed_on(world, "POST", ("ws-abcdefgh.class.test", "/vm/3/origins"));
    let ask = ask
        .bearer(&world.ada())
        .field("Content-Type", "application/json");
    let answer = ask.send_with(body.as_bytes()).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let url = answer.json()["url"].as_str().unwrap().to_owned();
    let (host, path) = place(&url);
    assert_eq!(host, OWN);
    let entering = passed_on(world, "GET", (host, &path)).send().await;
    assert_eq!(entering.status, 303, "{entering:?}");
    let cookie = cookies(&entering)[0];
    let (value, attributes) = cookie.split_once(';').unwrap();
    assert!(
        value.starts_with(&format!("__Host-{OWN_COOKIE}=")),
        "{cookie}"
    );
    assert!(attributes.starts_with(" Path=/; "), "{cookie}");
    assert!(
        attributes.ends_with("; HttpOnly; SameSite=None; Secure; Partitioned"),
        "{cookie}"
    );
    assert!(!attributes.contains("Domain"), "{cookie}");
    value.to_owned()
}

#[tokio::test]
async fn a_program_has_a_name_with_tls_and_a_cookie_that_only_it_can_set() {
    let upstream = echo().await;
    let world = World::behind_tls(DOMAIN).await;
    world.live(3, &upstream);
    let cookie = entered(&world).await;
    let seen = passed_on(&world, "GET", (OWN, "/x"))
        .field("Cookie", format!("{cookie}; theme=dark"))
        .send()
        .await;
    assert_eq!(seen.status, 200, "{seen:?}");
    let text = seen.text();
    assert!(
        text.contains("cookie: theme=dark\r\n") && !text.contains(OWN_COOKIE),
        "{text}"
    );
    assert!(text.contains("x-forwarded-for: 192.0.2.7\r\n"), "{text}");
    // A neighbour's page can set one for the whole domain; it is none of ours.
    let shadowed = cookie.replace("__Host-", "");
    let shadow = passed_on(&world, "GET", (OWN, "/x")).field("Cookie", &shadowed);
    assert_eq!(shadow.send().await.status, 401);
    let beside = passed_on(&world, "GET", (OWN, "/x"))
        .field("Cookie", format!("{shadowed}; {cookie}"))
        .send()
        .await;
    assert_eq!(beside.status, 200, "{beside:?}");
}

#[tokio::test]
async fn each_name_leads_to_its_own_and_no_other() {
    let upstream = echo().await;
    let world = World::behind_tls(DOMAIN).await;
    world.live(3, &upstream);
    let cookie = entered(&world).await;
    for (host, status) in [
        (OWN, 200),
        ("8000--3--ws-abcdefgh.class.test", 401),
        ("5173--4--ws-abcdefgh.class.test", 401),
        ("5173--3--ws-zzzzzzzz.class.test", 401),
        ("05173--3--ws-abcdefgh.class.test", 421),
        ("3002--3--ws-abcdefgh.class.test", 421),
        ("5173--3--ws-abcdefgh.class.test.evil.example", 421),
        ("5173--3--ws-abcdefgh.localhost", 421),
        ("ws-abcdefgh.class.test", 404),
    ] {
        let ask = passed_on(&world, "GET", (host, "/x")).field("Cookie", &cookie);
        assert_eq!(ask.send().await.status, status, "{host}");
    }
}

#[tokio::test]
async fn who_comes_without_tls_is_sent_to_it_before_anything_is_said() {
    let upstream = echo().await;
    let world = World::behind_tls(DOMAIN).await;
    world.live(3, &upstream);
    let cookie = entered(&world).await;
    for host in [DOMAIN, "ws-abcdefgh.class.test", OWN] {
        let ask = Ask {
            address: world.address,
            text: format!("GET /x?y=z HTTP/1.1\r\nHost: {host}\r\n"),
        };
        let ask = ask.field("Cookie", &cookie);
        // The last proxy's word counts.
        let plain = ask.field("X-Forwarded-Proto", "https, http").send().await;
        assert_eq!(plain.status, 308, "{host}");
        let expected = format!("https://{host}/x?y=z");
        assert_eq!(plain.field("location"), Some(expected.as_str()));
        assert_eq!(plain.field("set-cookie"), None);
    }
}

#[tokio::test]
async fn where_nothing_listens_the_page_looks_again() {
    let upstream = echo().await;
    let world = World::behind_tls(DOMAIN).await;
    world.live(3, &upstream);
    let body = json!({"kind": "port", "port": super::world::SILENT}).to_string();
    let ask = passed_on(&world, "POST", ("ws-abcdefgh.class.test", "/vm/3/origins"));
    let answer = ask.bearer(&world.ada()).send_with(body.as_bytes()).await;
    let url = answer.json()["url"].as_str().unwrap().to_owned();
    let (host, path) = place(&url);
    let entering = passed_on(&world, "GET", (host, &path)).send().await;
    let cookie = cookies(&entering)[0].split(';').next().unwrap().to_owned();
    let page = passed_on(&world, "GET", (host, "/"))
        .field("Cookie", cookie)
        .field("Sec-Fetch-Mode", "navigate")
        .field("Accept", "text/html")
        .send()
        .await;
    assert_eq!(page.status, 503, "{page:?}");
    assert_eq!(page.field("retry-after"), Some("2"));
    assert!(
        page.text()
            .contains("<meta http-equiv=\"refresh\" content=\"2\">")
    );
}
