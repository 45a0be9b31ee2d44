//! What passes between a browser and a program, and what doesn't, whatever stands beside it.

use super::*;
use crate::addresses::{Addresses, HostKind};
use http::header::{AUTHORIZATION, CONNECTION, COOKIE, SET_COOKIE};
use proptest::prelude::*;

fn named() -> OwnHost {
    let addresses = Addresses::new(None, None, "127.0.0.1:8080".parse().unwrap()).unwrap();
    match addresses.classify("5173--3--ws-abcdefgh.localhost:8080") {
        Ok(HostKind::Own(own)) => own,
        other => panic!("{other:?}"),
    }
}

fn numbered() -> OwnHost {
    let listen = "0.0.0.0:8080".parse().unwrap();
    let addresses = Addresses::new(Some("http://192.0.2.1:8080"), None, listen).unwrap();
    let own = named();
    addresses.own_by_number(own.seat, own.target, 20007)
}

fn map(fields: &[(&str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        headers.append(
            name.parse::<HeaderName>().unwrap(),
            HeaderValue::from_str(value).unwrap(),
        );
    }
    headers
}

fn siblings(port: SeatPort) -> Option<String> {
    matches!(port.get(), 5173 | 8000)
        .then(|| format!("http://{port}--3--ws-abcdefgh.localhost:8080"))
}

fn with<T>(own: &OwnHost, asker: &Asker, run: impl FnOnce(Program<'_>) -> T) -> T {
    run(Program {
        own,
        port: SeatPort::new(5173).unwrap(),
        asker,
        siblings: &siblings,
    })
}

fn asked(own: &OwnHost, asker: &Asker, mut headers: HeaderMap) -> HeaderMap {
    with(own, asker, |program| {
        program.clean_request(&mut headers, "192.0.2.9".parse().unwrap());
    });
    headers
}

fn answered(own: &OwnHost, asker: &Asker, fields: &[(&str, &str)]) -> HeaderMap {
    let mut headers = map(fields);
    with(own, asker, |program| program.clean_response(&mut headers));
    headers
}

fn sibling() -> Asker {
    Asker::Sibling {
        origin: HeaderValue::from_static("http://8000--3--ws-abcdefgh.localhost:8080"),
        port: SeatPort::new(8000).unwrap(),
    }
}

#[test]
fn a_program_thinks_that_it_is_at_localhost() {
    let headers = asked(
        &named(),
        &Asker::Own,
        map(&[
            ("host", "5173--3--ws-abcdefgh.localhost:8080"),
            ("origin", "http://5173--3--ws-abcdefgh.localhost:8080"),
            ("referer", "http://5173--3--ws-abcdefgh.localhost:8080/a?b"),
            ("authorization", "Basic dTpw"),
            ("cookie", "clarateach-origin-ab=secret; session=1"),
            ("x-forwarded-for", "10.0.0.1"),
            ("x-forwarded-host", "evil.test"),
            ("forwarded", "for=10.0.0.1"),
            ("x-real-ip", "10.0.0.1"),
            ("connection", "keep-alive, x-hop"),
            ("x-hop", "1"),
            ("accept", "*/*"),
        ]),
    );
    let expected = map(&[
        ("host", "localhost:5173"),
        ("origin", "http://localhost:5173"),
        ("referer", "http://localhost:5173/a?b"),
        ("authorization", "Basic dTpw"),
        ("cookie", "session=1"),
        ("x-forwarded-for", "192.0.2.9"),
        ("accept", "*/*"),
    ]);
    assert_eq!(headers, expected);
}

#[test]
fn the_platforms_pages_are_not_told_as_referer() {
    for referer in [
        "http://localhost:8080/seat/ws-abcdefgh/3",
        "http://localhost:8080",
    ] {
        let headers = asked(&named(), &Asker::Own, map(&[("referer", referer)]));
        assert!(!headers.contains_key(REFERER), "{referer}");
    }
    let elsewhere = asked(
        &named(),
        &Asker::Own,
        map(&[("referer", "https://example.org/")]),
    );
    assert_eq!(elsewhere[REFERER], "https://example.org/");
}

#[test]
fn a_page_on_another_port_of_the_seat_is_localhost_too() {
    let own = named();
    let headers = asked(
        &own,
        &sibling(),
        map(&[
            ("origin", "http://8000--3--ws-abcdefgh.localhost:8080"),
            ("referer", "http://8000--3--ws-abcdefgh.localhost:8080/"),
        ]),
    );
    assert_eq!(headers[ORIGIN], "http://localhost:8000");
    assert_eq!(headers[REFERER], "http://localhost:8000/");
    let allowed = answered(
        &own,
        &sibling(),
        &[("access-control-allow-origin", "http://localhost:8000")],
    );
    assert_eq!(
        allowed[ACCESS_CONTROL_ALLOW_ORIGIN],
        "http://8000--3--ws-abcdefgh.localhost:8080"
    );
    let other = answered(
        &own,
        &sibling(),
        &[("access-control-allow-origin", "http://localhost:9000")],
    );
    assert_eq!(other[ACCESS_CONTROL_ALLOW_ORIGIN], "http://localhost:9000");
}

#[test]
fn what_a_program_says_stays_with_its_origin() {
    let mut fields: Vec<_> = DROPPED.iter().map(|name| (name.as_str(), "x")).collect();
    fields.extend([
        ("set-cookie", "session=1; Domain=localhost"),
        ("set-cookie", "clarateach-origin-ab=x"),
        ("content-security-policy", "default-src 'self'"),
        ("x-frame-options", "DENY"),
        ("transfer-encoding", "chunked"),
        ("content-type", "text/html"),
    ]);
    let headers = answered(&named(), &Asker::Own, &fields);
    let expected = map(&[
        (
            "set-cookie",
            "session=1; SameSite=None; Secure; Partitioned",
        ),
        ("content-security-policy", "default-src 'self'"),
        ("x-frame-options", "DENY"),
        ("content-type", "text/html"),
        ("origin-agent-cluster", "?1"),
        ("referrer-policy", "same-origin"),
    ]);
    assert_eq!(headers, expected);
}

#[test]
fn a_number_is_fenced_in_by_what_it_answers() {
    let own = numbered();
    let headers = answered(&own, &Asker::Unknown, &[("referrer-policy", "no-referrer")]);
    assert_eq!(headers[RESOURCE_POLICY], "same-origin");
    assert_eq!(headers[REFERRER_POLICY], "same-origin");
    assert_eq!(
        headers[CONTENT_SECURITY_POLICY],
        "frame-ancestors 'self' http://192.0.2.1:8080"
    );
    let known = answered(&own, &Asker::Own, &[("referrer-policy", "origin")]);
    assert!(!known.contains_key(RESOURCE_POLICY));
    assert_eq!(known[REFERRER_POLICY], "origin");
}

#[test]
fn redirects_to_localhost_lead_to_the_own_origin() {
    let origin = "http://5173--3--ws-abcdefgh.localhost:8080";
    for (location, expected) in [
        ("http://localhost:5173/a?b#c", format!("{origin}/a?b#c")),
        ("https://127.0.0.1:5173", format!("{origin}/")),
        ("//0.0.0.0:5173?x", format!("{origin}/?x")),
        ("http://[::1]:5173/", format!("{origin}/")),
        (
            "http://localhost:8000/api",
            "http://8000--3--ws-abcdefgh.localhost:8080/api".to_owned(),
        ),
        ("/relative", "/relative".to_owned()),
        (
            "http://localhost:9999/",
            "http://localhost:9999/".to_owned(),
        ),
        ("http://localhost/", "http://localhost/".to_owned()),
        (
            "http://localhost.evil:5173/",
            "http://localhost.evil:5173/".to_owned(),
        ),
        (
            "http://localhost:5173@evil/",
            "http://localhost:5173@evil/".to_owned(),
        ),
        ("https://example.org/", "https://example.org/".to_owned()),
    ] {
        let headers = answered(&named(), &Asker::Own, &[("location", location)]);
        assert_eq!(headers[LOCATION], expected.as_str(), "{location}");
    }
}

proptest! {
    #[test]
    fn nothing_of_ours_reaches_a_program_whatever_stands_beside_it(
        names in proptest::collection::vec("[a-z-]{1,16}", 0..8),
        values in proptest::collection::vec("[ -~]{0,20}", 8),
    ) {
        for own in [named(), numbered()] {
            let mut headers = map(&[
                ("cookie", "clarateach-origin-ab=secret"),
                ("cookie", "clarateach-origin-ab-20007=secret; __Host-clarateach-session-ab=secret"),
                ("x-forwarded-for", "secret"),
                ("host", "secret"),
            ]);
            for (name, value) in names.iter().zip(&values) {
                let name: HeaderName = name.parse().unwrap();
                headers.append(name.clone(), HeaderValue::from_str(value).unwrap());
                headers.append(CONNECTION, HeaderValue::from_str(value).unwrap());
                headers.append(CONNECTION, HeaderValue::from(name));
                headers.append(COOKIE, HeaderValue::from_str(value).unwrap());
            }
            let headers = asked(&own, &Asker::Own, headers);
            prop_assert!(!headers.contains_key(CONNECTION));
            prop_assert_eq!(headers.get_all(HOST).iter().count(), 1);
            prop_assert_eq!(&headers[HOST], "localhost:5173");
            for (name, value) in &headers {
                prop_assert!(!value.to_str().unwrap().contains("secret"), "{} has it", name);
            }
        }
    }

    #[test]
    fn nothing_a_program_says_reaches_beyond_its_origin(
        names in proptest::collection::vec("[a-z-]{1,16}", 0..8),
        values in proptest::collection::vec("[ -~]{0,20}", 8),
    ) {
        let mut fields: Vec<(&str, &str)> = DROPPED.iter().map(|name| (name.as_str(), "*")).collect();
        for (name, value) in names.iter().zip(&values) {
            fields.push((name, value));
            fields.push(("set-cookie", value));
            fields.push(("connection", name));
        }
        let headers = answered(&named(), &Asker::Own, &fields);
        for name in &DROPPED {
            prop_assert!(!headers.contains_key(name));
        }
        for line in headers.get_all(SET_COOKIE) {
            prop_assert!(line.to_str().unwrap().ends_with("; SameSite=None; Secure; Partitioned"));
        }
        prop_assert!(!headers.contains_key(AUTHORIZATION) || names.iter().any(|name| name == "authorization"));
    }
}
