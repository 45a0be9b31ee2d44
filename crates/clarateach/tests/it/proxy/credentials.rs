//! Which credential counts where several are shown, and whose page may use a cookie.

use super::seat::Seat;
use super::world::World;

#[tokio::test]
async fn ambiguous_credentials_are_refused() {
    let upstream = Seat::echo().await;
    let world = World::serving(&upstream).await;
    let token = world.token();
    let ask = || world.ask("GET", "files");
    for (name, ask, status) in [
        ("two bearers", ask().bearer(&token).bearer(&token), 401),
        ("two cookies", ask().cookie(&token).cookie(&token), 401),
        (
            "two cookies on a line",
            ask().field(
                "Cookie",
                format!("clarateach_seat_t={token}; clarateach_seat_t=x"),
            ),
            401,
        ),
        (
            "a bad bearer beside a good cookie",
            ask().bearer("x").cookie(&token),
            401,
        ),
        (
            "basic beside a good cookie",
            ask().field("Authorization", "Basic eDp5").cookie(&token),
            401,
        ),
        (
            "a good bearer beside a bad cookie",
            ask().bearer(&token).cookie("x"),
            200,
        ),
        (
            "a cookie among others",
            ask().field(
                "Cookie",
                format!("a=b; clarateach_seat_t={token}; clarateach_seat_tx=1"),
            ),
            200,
        ),
        (
            "a token in the query",
            world.ask("GET", &format!("files?token={token}")),
            401,
        ),
    ] {
        assert_eq!(ask.send().await.status, status, "{name}");
    }
}

#[tokio::test]
async fn a_cookie_counts_only_from_our_own_pages() {
    let upstream = Seat::echo().await;
    let world = World::serving(&upstream).await;
    let token = world.token();
    let evil = "http://evil.example";
    let port = format!("http://{}:1", world.address.ip());
    let ours = world.origin();
    for (method, fields, status) in [
        ("GET", vec![], 200),
        ("GET", vec![("Origin", ours.as_str())], 200),
        ("GET", vec![("Origin", evil)], 403),
        ("GET", vec![("Origin", "null")], 403),
        ("GET", vec![("Sec-Fetch-Site", "same-origin")], 200),
        ("GET", vec![("Sec-Fetch-Site", "cross-site")], 403),
        ("PUT", vec![], 403),
        ("PUT", vec![("Origin", evil)], 403),
        ("PUT", vec![("Origin", port.as_str())], 403),
        (
            "PUT",
            vec![("Origin", ours.as_str()), ("Origin", evil)],
            403,
        ),
        ("PUT", vec![("Origin", ours.as_str())], 200),
        ("POST", vec![("Sec-Fetch-Site", "same-origin")], 403),
    ] {
        let mut ask = world.ask(method, "files/x").cookie(&token);
        for (name, value) in &fields {
            ask = ask.field(name, value);
        }
        assert_eq!(ask.send().await.status, status, "{method} {fields:?}");
    }
    let reply = world
        .ask("PUT", "files/x")
        .bearer(&token)
        .field("Origin", evil)
        .send()
        .await;
    assert_eq!(reply.status, 200, "a bearer needs no origin");
}
