//! One learner, two devices, one seat.

use std::time::{Duration, Instant};

use http::{Method, StatusCode};
use serde_json::json;

use super::super::app::scene;
use super::learner::Learner;
use super::wait::until;

/// How soon a connection that is over has ended.
const SOON: Duration = Duration::from_secs(1);

#[tokio::test]
async fn two_devices_share_a_seat_through_renewal_reset_and_release() {
    scene(|app, instructor| async move {
        let workshop = instructor.workshop(2).await;
        let laptop = Learner::join(app.listen, &workshop, "Ada").await;
        let phone = laptop.other_device(&workshop).await;
        assert_eq!(phone.joined["seat"], laptop.joined["seat"]);
        assert_eq!(phone.joined["reconnect_code"], laptop.joined["reconnect_code"]);
        let (mut first, mut second) = (laptop.terminal().await, phone.terminal().await);
        assert_eq!(first.epoch, second.epoch, "two shells");
        first.types("echo both").await;
        first.shows("\r\nboth\r\n").await;
        second.shows("\r\nboth\r\n").await;

        // One device's new token is its own business.
        let renewed = laptop.ask(Method::POST, "/session", "").await;
        assert_eq!(renewed.status, StatusCode::OK, "{renewed:?}");
        second.types("echo renewed").await;
        second.shows("\r\nrenewed\r\n").await;
        first.shows("\r\nrenewed\r\n").await;
        assert_eq!(phone.session().await.status, StatusCode::OK);

        // A reset: both are cut, told why, and come back by their code to the next generation.
        let id = workshop["id"].as_str().unwrap();
        instructor.post(&format!("/api/workshops/{id}/seats/1/reset"), json!({})).await;
        let mut back = Vec::new();
        for (device, terminal) in [(&laptop, &mut first), (&phone, &mut second)] {
            let began = Instant::now();
            terminal.is_cut().await;
            assert!(began.elapsed() < SOON);
            let session = device.session().await;
            assert_eq!((session.status, session.code().as_str()), (StatusCode::GONE, "reset"));
            let again = device.other_device(&workshop).await;
            assert_eq!(again.joined["seat"], device.joined["seat"]);
            again.is_served().await;
            back.push(again);
        }
        let (mut first, mut second) = (back[0].terminal().await, back[1].terminal().await);
        assert_eq!(first.epoch, second.epoch);
        first.types("echo anew").await;
        second.shows("\r\nanew\r\n").await;

        // A release: both are out for good.
        let released = instructor.post(&format!("/api/workshops/{id}/seats/1/release"), json!({})).await;
        assert_eq!(released.status, StatusCode::OK);
        let began = Instant::now();
        first.is_cut().await;
        second.is_cut().await;
        assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
        for device in &back {
            let session = device.session().await;
            assert_eq!((session.status, session.code().as_str()), (StatusCode::GONE, "released"));
        }
        let again = json!({"code": workshop["code"], "name": "Ada", "reconnect_code": laptop.joined["reconnect_code"]});
        let again = app.client().post("/api/join", again).await;
        assert_eq!(again.code(), "unknown_reconnect_code");
        until("the seat to be free", async || {
            let shown = instructor.get(&format!("/api/workshops/{id}")).await.json();
            (shown["seats"][0]["status"] == "ready").then_some(())
        })
        .await;
        let next = Learner::join(app.listen, &workshop, "Bea").await;
        assert_eq!(next.joined["seat"], 1);
        assert_eq!(laptop.session().await.code(), "released", "the next learner's seat is not theirs");
    })
    .await;
}
