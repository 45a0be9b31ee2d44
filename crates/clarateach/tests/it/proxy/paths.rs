//! Spellings of paths and hosts, sent as bytes.

use super::seat::Seat;
use super::world::{Setup, World};

#[tokio::test]
async fn paths_reach_the_seat_as_they_came_or_not_at_all() {
    let upstream = Seat::echo().await;
    let world = World::serving(&upstream).await;
    let token = world.token();
    for (below, expected) in [
        ("files/a%20b%2fc?x=%00&y=../", 200),
        ("files//a;b=c/%C3%BC", 200),
        ("files/%252e%252e/%255c", 200),
        ("files/..%2f..%2fetc", 200),
        ("files/..", 400),
        ("files/%2e%2e/x", 400),
        ("files/x/%2E%2e", 400),
        ("files/./x", 400),
        ("files\\..\\x", 400),
        ("../4/files", 400),
        ("%66iles", 404),
        ("files%2fx", 404),
        ("bind", 404),
        ("exec", 404),
        ("health", 404),
        ("tunnel", 404),
        ("tunnel?port=8000", 404),
        ("origins/", 404),
        ("open-ports/3002", 404),
        ("", 404),
        ("browser/", 404),
    ] {
        let reply = world.ask("GET", below).bearer(&token).send().await;
        assert_eq!(reply.status, expected, "{below}");
        if expected == 200 {
            assert!(
                reply
                    .text()
                    .starts_with(&format!("GET /{below} HTTP/1.1\r\n")),
                "{below}: {}",
                reply.text()
            );
        }
    }
}

#[tokio::test]
async fn other_spellings_of_a_seat_are_no_seat() {
    let upstream = Seat::echo().await;
    let world = World::serving(&upstream).await;
    let token = world.token();
    for number in [
        "03", "+3", "3%20", "%33", "3;", "\u{663}", "3.0", "0x3", "3/", "/3", "0",
    ] {
        let path = format!("{}files", world.base(number));
        let reply = world.ask_path("GET", &path).bearer(&token).send().await;
        assert!(
            matches!(reply.status, 400 | 404),
            "{number}: {}",
            reply.status
        );
    }
    assert_eq!(upstream.seen(), "");
}

#[tokio::test]
async fn wrong_hosts_are_refused_before_anything_else() {
    let upstream = Seat::echo().await;
    let world = World::serving(&upstream).await;
    let port = world.address.port();
    for (host, status) in [
        (format!("127.0.0.1:{port}"), 200),
        (format!("localhost:{port}"), 200),
        (format!("[::1]:{port}"), 200),
        ("127.0.0.1".to_owned(), 421),
        (format!("evil.example:{port}"), 421),
        (format!("localhost.evil.example:{port}"), 421),
        (format!("{}.localhost:{port}", super::world::WORKSHOP), 421),
        (format!("3002--3--ws-abcdefgh.localhost:{port}"), 421),
        (format!("5173--03--ws-abcdefgh.localhost:{port}"), 421),
    ] {
        for path in ["/api/health".to_owned(), format!("{}files", world.base(3))] {
            let mut client = world.connect().await;
            let request = format!(
                "GET {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {}\r\n\r\n",
                world.token()
            );
            client.write(request.as_bytes()).await;
            let reply = client.reply().await;
            assert_eq!(reply.status, status, "{host}{path}");
            if status == 421 {
                assert_eq!(reply.error().1, "wrong_host");
            }
        }
    }
}

#[tokio::test]
async fn the_target_and_the_host_must_agree() {
    let world = World::start().await;
    let host = world.host();
    for (head, status) in [
        (
            format!("GET http://{host}/api/health HTTP/1.1\r\nHost: {host}"),
            200,
        ),
        (
            format!("GET http://evil.example/api/health HTTP/1.1\r\nHost: {host}"),
            400,
        ),
        (
            format!("GET http://{host}/api/health HTTP/1.1\r\nHost: evil.example"),
            400,
        ),
        (
            format!("GET /api/health HTTP/1.1\r\nHost: {host}\r\nHost: {host}"),
            400,
        ),
        ("GET /api/health HTTP/1.1".to_owned(), 400),
        (format!("CONNECT {host} HTTP/1.1\r\nHost: {host}"), 400),
        (format!("TRACE / HTTP/1.1\r\nHost: {host}"), 400),
    ] {
        let mut client = world.connect().await;
        client.write(format!("{head}\r\n\r\n").as_bytes()).await;
        assert_eq!(client.reply().await.status, status, "{head}");
    }
}

#[tokio::test]
async fn with_a_domain_seats_have_hosts_of_their_own_only() {
    let upstream = Seat::echo().await;
    let world = World::with(Setup {
        domain: Some("class.test"),
        ..Setup::default()
    })
    .await;
    world.live(&upstream, "one");
    let token = world.token();
    let reply = world.ask("GET", "files").bearer(&token).send().await;
    assert_eq!(reply.status, 200);
    for (host, path) in [
        ("class.test", "/debug/proxy/ws-abcdefgh/vm/3/files"),
        (
            "ws-abcdefgh.class.test",
            "/debug/proxy/ws-abcdefgh/vm/3/files",
        ),
        ("ws-abcdefgh.class.test", "/api/health"),
        ("class.test", "/vm/3/files"),
    ] {
        let mut client = world.connect().await;
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n\r\n");
        client.write(request.as_bytes()).await;
        let reply = client.reply().await;
        assert_eq!(reply.status, 404, "{host}{path}");
    }
    let mut client = world.connect().await;
    let request = format!(
        "GET /vm/3/files HTTP/1.1\r\nHost: ws-zzzzzzzz.class.test\r\nAuthorization: Bearer {token}\r\n\r\n"
    );
    client.write(request.as_bytes()).await;
    assert_eq!(client.reply().await.status, 403, "another workshop's host");
}
