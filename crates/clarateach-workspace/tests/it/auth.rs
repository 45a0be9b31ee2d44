//! Who comes in: every wrong token beside a right one that differs in that one thing.

use bytes::Bytes;
use clarateach_protocol::id::Generation;
use clarateach_protocol::token::{Mode, Scope, SigningKey, WorkspaceClaims};
use hyper::Method;

use crate::seat::{Seat, now, seat_key};

/// One route of each scope, with the code that a right token gets.
const ROUTES: [(&str, Scope, u16); 6] = [
    ("/terminals", Scope::Terminal, 200),
    ("/files", Scope::Files, 200),
    ("/stats", Scope::Stats, 200),
    ("/ports", Scope::Stats, 200),
    ("/bind", Scope::Bind, 405),
    ("/tunnel", Scope::Tunnel, 400),
];

async fn status(seat: &Seat, token: Option<&str>, target: &str) -> u16 {
    let answer = seat
        .send_as(token, Method::GET, target, &[], Bytes::new())
        .await;
    answer.status.as_u16()
}

#[tokio::test]
async fn only_exactly_right_tokens_come_in() {
    let seat = Seat::start().await;
    for (target, _, right) in ROUTES {
        assert_eq!(
            status(&seat, Some(&seat.token(Mode::Control)), target).await,
            right,
            "{target}"
        );
        for (what, token, wrong) in wrong_tokens(&seat) {
            assert_eq!(
                status(&seat, token.as_deref(), target).await,
                wrong,
                "{target} with {what}"
            );
        }
    }
    for (what, token, wrong) in wrong_tokens(&seat) {
        assert_eq!(
            seat.endpoint(token.as_deref()).refusal("/terminal").await.0,
            wrong,
            "attach with {what}"
        );
    }
}

fn wrong_tokens(seat: &Seat) -> Vec<(&'static str, Option<String>, u16)> {
    let now = now();
    let changed = |change: fn(&mut WorkspaceClaims, u64)| {
        let mut claims = seat.claims();
        change(&mut claims, now);
        Some(seat.sign(&claims))
    };
    let foreign = SigningKey::from_seed(&[8; 32]);
    vec![
        ("none", None, 401),
        ("nonsense", Some("nonsense".to_owned()), 401),
        ("a foreign key", Some(seat.claims().sign(&foreign)), 401),
        (
            "an expired one",
            changed(|claims, now| {
                claims.issued_at = now - 61;
                claims.expires_at = now - 1;
            }),
            401,
        ),
        (
            "one from the future",
            changed(|claims, now| {
                claims.issued_at = now + 600;
                claims.expires_at = now + 660;
            }),
            401,
        ),
        (
            "too long a life",
            changed(|claims, now| claims.expires_at = now + 3600),
            401,
        ),
        (
            "another seat",
            changed(|claims, _| claims.seat = seat_key(4)),
            403,
        ),
        (
            "another workshop",
            changed(|claims, _| claims.seat.workshop = "ws-bbbbbbbb".parse().unwrap()),
            403,
        ),
        (
            "an older generation",
            changed(|claims, _| claims.generation = Generation(1)),
            403,
        ),
        (
            "a newer generation",
            changed(|claims, _| claims.generation = Generation(3)),
            403,
        ),
        ("no scope", changed(|claims, _| claims.scope.clear()), 403),
    ]
}

#[tokio::test]
async fn each_scope_opens_its_routes_only() {
    let seat = Seat::start().await;
    for scope in [
        Scope::Terminal,
        Scope::Files,
        Scope::Stats,
        Scope::Bind,
        Scope::Exec,
        Scope::Tunnel,
    ] {
        let claims = WorkspaceClaims {
            scope: vec![scope],
            ..seat.claims()
        };
        let token = seat.sign(&claims);
        for (target, needed, right) in ROUTES {
            let expected = if scope == needed { right } else { 403 };
            assert_eq!(
                status(&seat, Some(&token), target).await,
                expected,
                "{scope:?} on {target}"
            );
        }
    }
}

#[tokio::test]
async fn health_is_for_everybody_and_unknown_routes_for_nobody() {
    let seat = Seat::start().await;
    assert_eq!(status(&seat, None, "/health").await, 200);
    let token = seat.token(Mode::Control);
    for target in [
        "/",
        "/healthy",
        "/files-",
        "/tunnel/",
        "/tunnel/1",
        "/Search",
    ] {
        assert_eq!(status(&seat, Some(&token), target).await, 404, "{target}");
    }
}

#[tokio::test]
async fn odd_authorization_headers_are_refused() {
    let seat = Seat::start().await;
    let token = seat.token(Mode::Control);
    let with = async |headers: &[(&str, &str)]| {
        let answer = seat
            .send_as(None, Method::GET, "/files", headers, Bytes::new())
            .await;
        answer.status.as_u16()
    };
    let bearer = format!("Bearer {token}");
    assert_eq!(with(&[("authorization", &bearer)]).await, 200);
    assert_eq!(
        with(&[("authorization", &format!("bearer {token}"))]).await,
        200
    );
    for wrong in [
        token.clone(),
        format!("Basic {token}"),
        format!("Bearer  {token}"),
        format!("{bearer},x"),
    ] {
        assert_eq!(with(&[("authorization", &wrong)]).await, 401, "{wrong}");
    }
    assert_eq!(
        with(&[("authorization", &bearer), ("authorization", &bearer)]).await,
        401
    );
}

#[tokio::test]
async fn a_view_token_reads_and_changes_nothing() {
    let seat = Seat::start().await;
    seat.write("there", "x");
    let view = seat.token(Mode::View);
    let call = async |method: Method, target: &str| {
        let answer = seat
            .send_as(Some(&view), method, target, &[], Bytes::from_static(b"{}"))
            .await;
        (answer.status.as_u16(), answer.body)
    };
    for target in ["/files", "/files/there", "/terminals", "/stats", "/ports"] {
        assert_eq!(call(Method::GET, target).await.0, 200, "{target}");
    }
    for (method, target) in [
        (Method::PUT, "/files/new"),
        (Method::DELETE, "/files/there"),
        (Method::POST, "/files/new?op=mkdir"),
        (Method::POST, "/files/there?op=move&to=new"),
        (Method::POST, "/files/there?op=copy&to=new"),
        (Method::POST, "/terminals"),
        (Method::DELETE, "/terminals/main"),
        (Method::POST, "/bind"),
    ] {
        let (status, body) = call(method, target).await;
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(
            (status, &body["error"]["code"]),
            (403, &"view_only".into()),
            "{target}"
        );
    }
    assert!(!seat.root().join("new").exists() && seat.root().join("there").exists());
    assert!(
        seat.endpoint(Some(&view))
            .open("/terminal", None)
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn an_error_repeats_the_gateways_request_id() {
    let seat = Seat::start().await;
    let headers = [("x-request-id", "r-7")];
    let answer = seat
        .send(Method::GET, "/files/none", &headers, Bytes::new())
        .await;
    assert_eq!(answer.status, 404);
    assert_eq!(answer.json()["error"]["request_id"], "r-7");
}
