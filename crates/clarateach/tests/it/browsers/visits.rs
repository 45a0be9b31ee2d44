//! Opening a seat's browser: who gets in, to what, and what nobody ever sees.

use http::{Method, header};
use serde_json::json;

use super::world::{class, instructor_in, learner};
use crate::app::scene;

#[tokio::test]
async fn a_learner_opens_the_browser_and_controls_it() {
    scene(|app, instructor| async move {
        let workshop = class(&instructor, 1, "on_demand").await;
        assert_eq!(workshop["seats"][0]["browser"], json!({"status": "absent"}));
        let ada = learner(&app, &workshop, "Ada").await;
        let visitor = ada.enter().await;
        let page = visitor.visit("/").await;
        assert_eq!(page.status, 200, "{page:?}");
        assert!(page.text.contains("rgb(30,120,200)"), "{page:?}");
        let policy = page.headers[header::CONTENT_SECURITY_POLICY]
            .to_str()
            .unwrap();
        assert!(
            policy.starts_with("frame-ancestors 'self' http://"),
            "{policy}"
        );
        let mut socket = visitor.watch().await;
        assert_eq!(socket.next().await.unwrap(), "control");
        socket.say("kd,97").await;
        assert_eq!(socket.next().await.unwrap(), "kd,97");
        let seen = instructor.get(&super::world::path(&workshop)).await.json();
        assert_eq!(seen["seats"][0]["browser"], json!({"status": "running"}));
        // Whoever waits instead of polling gets the same.
        assert_eq!(ada.wait_for_it().await.status, 200);
        // The address that is always right leads there, too.
        let led = ada.follow().await;
        assert_eq!(led.status, 303, "{led:?}");
        let url = led.headers[header::LOCATION].to_str().unwrap().to_owned();
        assert_eq!(ada.enter_by(&url).await.visit("/").await.status, 200);
    })
    .await;
}

#[tokio::test]
async fn what_the_engine_does_not_list_is_shut() {
    scene(|app, instructor| async move {
        let workshop = class(&instructor, 1, "on_demand").await;
        let ada = learner(&app, &workshop, "Ada").await;
        let visitor = ada.enter().await;
        for shut in [
            "/api/health",
            "/api/health?challenge=a1",
            "/api/upload",
            "/api/switch",
            "/api/tokens",
            "/metrics",
            "/assets/../api/health",
            "/assets/%2e%2e/api/health",
            "/assets//x",
            "/files/x",
        ] {
            let answer = visitor.get(shut).await;
            assert!(
                matches!(answer.status.as_u16(), 400 | 404),
                "{shut}: {answer:?}"
            );
            assert!(!answer.text.contains("<"), "{shut}: {answer:?}");
        }
        let posted = visitor
            .send(
                Method::POST,
                "/",
                &[("origin", &format!("http://{}", visitor.host))],
            )
            .await;
        assert_eq!(posted.status, 404);
        let own = format!("http://{}", visitor.host);
        assert_eq!(visitor.socket("/api/other", &own).await.err(), Some(404));
        // Another site's page has no socket either, whatever cookie comes along.
        let theirs = visitor.socket("/api/websockets", "http://evil.test").await;
        assert_eq!(theirs.err(), Some(403));
        visitor.socket("/api/websockets", &own).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn an_instructor_watches_with_a_view_token_and_takes_over_with_another() {
    scene(|app, instructor| async move {
        let workshop = class(&instructor, 1, "on_demand").await;
        let watches = instructor_in(&app, &instructor, &workshop, "view").await;
        let mut watching = watches.enter().await.watch().await;
        assert_eq!(watching.next().await.unwrap(), "view");
        watching.say("kd,97").await;
        let takes_over = instructor_in(&app, &instructor, &workshop, "control").await;
        let mut controlling = takes_over.enter().await.watch().await;
        assert_eq!(controlling.next().await.unwrap(), "control");
        controlling.say("kd,98").await;
        assert_eq!(controlling.next().await.unwrap(), "kd,98");
        // What the watcher said was not heard: the next they hear is the end.
        drop(controlling);
        let seat = format!("{}/seats/1/reset", super::world::path(&workshop));
        instructor.post(&seat, json!({})).await;
        assert_eq!(watching.next().await, None);
    })
    .await;
}

#[tokio::test]
async fn a_way_into_one_seats_browser_is_none_into_anothers() {
    scene(|app, instructor| async move {
        let workshop = class(&instructor, 2, "on_demand").await;
        let ada = learner(&app, &workshop, "Ada").await;
        let bob = learner(&app, &workshop, "Bob").await;
        let at_adas = ada.enter().await;
        let made = bob.until_it_is_there().await;
        let (_, ticket) = made["url"]
            .as_str()
            .unwrap()
            .split_once("/.clarateach")
            .unwrap();
        // Bob's ticket at Ada's browser, without and with a cookie of his own.
        let stranger = super::world::Visitor {
            cookie: "a=b".to_owned(),
            ..at_adas.clone()
        };
        let at_bobs = bob.enter().await;
        for cookie in ["a=b", at_bobs.cookie.as_str()] {
            let visitor = super::world::Visitor {
                cookie: cookie.to_owned(),
                ..at_adas.clone()
            };
            let entered = visitor.get(&format!("/.clarateach{ticket}")).await;
            assert_eq!(
                (entered.status.as_u16(), entered.code().as_str()),
                (401, "not_entered")
            );
            assert_eq!(entered.cookie(), None);
            assert_eq!(visitor.get("/").await.status, 401);
            let own = format!("http://{}", visitor.host);
            assert_eq!(
                visitor.socket("/api/websockets", &own).await.err(),
                Some(401)
            );
        }
        // Control: each opens their own.
        assert_eq!(at_adas.get("/").await.status, 200);
        assert_eq!(at_bobs.get("/").await.status, 200);
        let page = stranger.visit("/").await;
        assert_eq!(page.status, 401);
        assert!(
            page.text.contains("Open this page from your workspace"),
            "{page:?}"
        );
    })
    .await;
}

#[tokio::test]
async fn a_workshop_without_browsers_says_so() {
    scene(|app, instructor| async move {
        let workshop = class(&instructor, 1, "off").await;
        assert!(workshop["seats"][0].get("browser").is_none(), "{workshop}");
        let ada = learner(&app, &workshop, "Ada").await;
        for answer in [ada.ask().await, ada.wait_for_it().await, ada.follow().await] {
            assert_eq!(
                (answer.status.as_u16(), answer.code().as_str()),
                (409, "browser_off")
            );
        }
    })
    .await;
}
