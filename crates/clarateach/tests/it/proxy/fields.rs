//! Header fields, as they arrive on either side.

use super::seat::Seat;
use super::world::{Setup, World};

#[tokio::test]
async fn seats_get_no_credential_and_no_claim_of_the_client() {
    let upstream = Seat::echo().await;
    let world = World::serving(&upstream).await;
    let token = world.token();
    let reply = world
        .ask("GET", "files")
        .bearer(&token)
        .field("Cookie", "clarateach_session=platform-secret")
        .field("Forwarded", "for=10.1.2.3")
        .field("X-Forwarded-For", "10.1.2.3")
        .field("X-Forwarded-Proto", "gopher")
        .field("X-Real-IP", "10.1.2.3")
        .field("Connection", "Authorization, X-Forwarded-For, Host, X-Hop")
        .field("X-Hop", "hop-secret")
        .field("Keep-Alive", "timeout=9")
        .field("TE", "trailers")
        .field("Upgrade", "h2c")
        .field("Proxy-Authorization", "Basic proxy-secret")
        .field("X-Kept", "kept")
        .send()
        .await;
    let text = reply.text();
    for secret in [
        token.as_str(),
        "platform-secret",
        "10.1.2.3",
        "gopher",
        "hop-secret",
        "proxy-secret",
        "keep-alive",
        "h2c",
    ] {
        assert!(!text.contains(secret), "{secret} reached the seat: {text}");
    }
    for line in [
        "x-kept: kept".to_owned(),
        "x-forwarded-for: 127.0.0.1".to_owned(),
        "x-forwarded-proto: http".to_owned(),
        format!("x-forwarded-host: {}", world.address),
        format!("host: {}", upstream.address),
        format!("x-request-id: {}", reply.field("x-request-id").unwrap()),
    ] {
        assert_eq!(
            text.matches(&format!("{line}\r\n")).count(),
            1,
            "{line} in {text}"
        );
    }
    assert_eq!(text.matches("authorization: Bearer ").count(), 1);
}

#[tokio::test]
async fn what_a_seat_says_cannot_act_on_our_origin() {
    let upstream = Seat::answering(
        "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nETag: \"7\"\r\nSet-Cookie: a=b; Path=/\r\n\
         Set-Cookie: c=d\r\nClear-Site-Data: \"*\"\r\nRefresh: 0; url=/\r\nLocation: /api/workshops\r\n\
         Service-Worker-Allowed: /\r\nAccess-Control-Allow-Origin: *\r\nWWW-Authenticate: Basic realm=x\r\n\
         Content-Security-Policy: default-src *\r\nContent-Disposition: inline\r\nX-Request-Id: theirs\r\n\
         Connection: close, ETag-Not\r\nContent-Length: 2\r\n\r\nhi",
    )
    .await;
    let world = World::serving(&upstream).await;
    let reply = world
        .ask("GET", "files/x.html")
        .bearer(&world.token())
        .send()
        .await;
    assert_eq!((reply.status, reply.text().as_str()), (200, "hi"));
    for gone in [
        "set-cookie",
        "clear-site-data",
        "refresh",
        "location",
        "service-worker-allowed",
        "access-control-allow-origin",
        "www-authenticate",
    ] {
        assert_eq!(reply.field(gone), None, "{gone} passed");
    }
    for (name, value) in [
        ("content-security-policy", "sandbox; default-src 'none'"),
        ("x-content-type-options", "nosniff"),
        ("content-disposition", "attachment"),
        ("cross-origin-resource-policy", "same-origin"),
        ("referrer-policy", "no-referrer"),
        ("cache-control", "no-store"),
        ("etag", "\"7\""),
        ("content-type", "text/html"),
    ] {
        assert_eq!(reply.field(name), Some(value));
    }
    assert_ne!(reply.field("x-request-id"), Some("theirs"));
}

#[tokio::test]
async fn a_redirect_of_a_seat_leads_nowhere() {
    let answer =
        "HTTP/1.1 307 Temporary Redirect\r\nLocation: /api/workshops\r\nContent-Length: 0\r\n\r\n";
    let upstream = Seat::answering(answer).await;
    let world = World::serving(&upstream).await;
    let reply = world
        .ask("POST", "terminals")
        .bearer(&world.token())
        .send()
        .await;
    assert_eq!((reply.status, reply.field("location")), (307, None));
}

#[tokio::test]
async fn nothing_of_a_seat_becomes_a_service_worker() {
    let upstream = Seat::echo().await;
    let world = World::serving(&upstream).await;
    for (name, value) in [
        ("Service-Worker", "script"),
        ("Sec-Fetch-Dest", "serviceworker"),
    ] {
        let ask = world.ask("GET", "files/sw.js").bearer(&world.token());
        assert_eq!(ask.field(name, value).send().await.status, 403);
    }
    assert_eq!(upstream.seen(), "");
}

#[tokio::test]
async fn seat_hosts_answer_to_the_platforms_pages_only() {
    let upstream = Seat::echo().await;
    let world = World::with(Setup {
        domain: Some("class.test"),
        ..Setup::default()
    })
    .await;
    world.live(&upstream, "one");
    let platform = world.origin();
    for (origin, is_allowed) in [
        (platform.as_str(), true),
        ("https://evil.example", false),
        ("http://class.test", false),
        ("https://ws-abcdefgh.class.test", false),
        ("null", false),
    ] {
        let preflight = world
            .ask("OPTIONS", "files/x")
            .field("Origin", origin)
            .field("Access-Control-Request-Method", "PUT")
            .send()
            .await;
        let unauthenticated = world
            .ask("GET", "files/x")
            .field("Origin", origin)
            .send()
            .await;
        let allowed = world
            .ask("GET", "files/x")
            .field("Origin", origin)
            .bearer(&world.token())
            .send()
            .await;
        assert_eq!(
            (preflight.status, unauthenticated.status, allowed.status),
            (204, 401, 200)
        );
        for reply in [&preflight, &unauthenticated, &allowed] {
            let permission = is_allowed.then_some(origin);
            assert_eq!(reply.field("access-control-allow-origin"), permission);
            assert_eq!(
                reply.field("access-control-allow-credentials"),
                is_allowed.then_some("true")
            );
            assert_eq!(reply.field("vary"), Some("origin"));
        }
        assert_eq!(
            preflight.field("access-control-allow-methods").is_some(),
            is_allowed
        );
        assert_eq!(
            allowed.field("access-control-expose-headers").is_some(),
            is_allowed
        );
    }
    let reply = World::serving(&upstream).await;
    let reply = reply
        .ask("GET", "files")
        .field("Origin", "null")
        .send()
        .await;
    assert_eq!(
        reply.field("vary"),
        None,
        "the platform's own origin needs no CORS"
    );
}
