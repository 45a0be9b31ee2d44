//! Whether seats can be made of an image, asked through the API: on simulated seats, which know no image.
//! What real images lack is in `docker/images.rs`.

use clarateach::provider::simulated::{Failure, Fault};
use clarateach::provider::{Finding, Level};
use clarateach_protocol::id::SeatNumber;
use http::StatusCode;
use serde_json::json;

use super::app::scene_with_seats;

const CHECK: &str = "/api/images/check";

#[tokio::test]
async fn one_seat_is_tried_and_nothing_of_it_is_left() {
    scene_with_seats(|app, instructor, seats| async move {
        let looked = instructor.post(CHECK, json!({"image": "x:1"})).await;
        assert_eq!(looked.status, StatusCode::OK, "{looked:?}");
        assert_eq!(looked.json()["usable"], true);
        assert!(looked.json()["tried"].is_null(), "no seat was asked for");

        let asked = json!({"image": "x:1", "try": true});
        let tried = instructor.post(CHECK, asked.clone()).await.json();
        assert_eq!(tried["tried"]["works"], true, "{tried}");
        let failure = Failure::Engine;
        let never = Fault::CreateFails {
            times: u32::MAX,
            failure,
        };
        seats.inject(SeatNumber::new(1).unwrap(), never);
        let tried = instructor.post(CHECK, asked.clone()).await.json();
        assert_eq!(
            (&tried["usable"], &tried["tried"]["works"]),
            (&json!(false), &json!(false))
        );
        assert_eq!(tried["tried"]["reason"]["code"], "engine_error", "{tried}");

        let list = instructor.get("/api/workshops").await.json();
        assert_eq!(list["workshops"], json!([]));
        let capacity = instructor.get("/api/capacity").await.json();
        assert_eq!(capacity["standby"], json!([]));
        let left = clarateach::provider::Provider::list_workshops(&*seats).await;
        assert_eq!(left.unwrap(), []);
        drop(app);
    })
    .await;
}

#[tokio::test]
async fn an_image_that_lacks_what_seats_need_is_not_tried() {
    scene_with_seats(|app, instructor, seats| async move {
        seats.image_lacks(Finding {
            level: Level::Error,
            code: "no_shell",
            message: "it has no shell".to_owned(),
            remedy: Some("take one with a shell".to_owned()),
        });
        let asked = json!({"image": "x:1", "try": true});
        let report = instructor.post(CHECK, asked).await.json();
        assert_eq!(report["usable"], false);
        assert!(report["tried"].is_null(), "{report}");
        let findings = report["findings"].as_array().unwrap();
        assert!(findings.iter().any(|it| it["code"] == "no_shell"));
        let nonsense = instructor.post(CHECK, json!({"image": "a b"})).await;
        assert_eq!(
            (nonsense.status, nonsense.code().as_str()),
            (StatusCode::BAD_REQUEST, "invalid_input")
        );
        let stranger = app.client().post(CHECK, json!({"image": "x:1"})).await;
        assert_eq!(stranger.status, StatusCode::UNAUTHORIZED);
    })
    .await;
}
