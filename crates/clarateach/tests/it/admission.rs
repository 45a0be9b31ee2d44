//! Admission: more than the machine holds needs an explicit yes.

use clarateach::model::{Amounts, Capacity};
use http::StatusCode;
use serde_json::json;

use super::app::{scene, scene_with_seats};

/// Room for three seats of the default size, each counted with 256 MiB.
fn three_seats() -> Capacity {
    let for_seats = Amounts {
        memory_mib: 3 * 256 + 128,
        disk_mib: 100 * 1024,
        pids: 32_768,
    };
    Capacity { for_seats }
}

#[tokio::test]
async fn more_than_fits_needs_a_yes_and_says_the_arithmetic() {
    scene_with_seats(|app, instructor, seats| async move {
        seats.limit(three_seats());
        let first = instructor.workshop(2).await;
        let capacity = instructor.get("/api/capacity").await.json();
        assert_eq!(capacity["seats_left"], 1);
        assert_eq!(
            capacity["taken"],
            json!({"memory_mb": 512, "disk_mb": 512, "pids": 256})
        );
        assert_eq!(capacity["for_seats"]["memory_mb"], 896);

        let mut asked = json!({"name": "Class", "seats": 2});
        let refused = instructor.post("/api/workshops", asked.clone()).await;
        assert_eq!(
            (refused.status, refused.code().as_str()),
            (StatusCode::CONFLICT, "overcommit")
        );
        let message = refused.json()["error"]["message"]
            .as_str()
            .unwrap()
            .to_owned();
        for figure in [
            "2 more seats need 0.5 GiB memory",
            "0.9 GiB memory",
            "1 more fit",
        ] {
            assert!(message.contains(figure), "{figure}: {message}");
        }
        let more = format!("/api/workshops/{}/seats", first["id"].as_str().unwrap());
        let refused = instructor.post(&more, json!({"count": 2})).await;
        assert_eq!(refused.code(), "overcommit");
        assert_eq!(
            instructor.post(&more, json!({"count": 1})).await.status,
            StatusCode::OK
        );

        // Smaller seats fit where large ones don't, and one for tomorrow takes nothing today.
        let small = json!({"name": "Small", "seats": 2, "resources": {"memory_mb": 256}});
        assert_eq!(
            instructor.post("/api/workshops", small).await.status,
            StatusCode::CREATED
        );
        let later = json!({"name": "Later", "seats": 9, "starts_at": "2099-01-01T00:00:00Z"});
        assert_eq!(
            instructor.post("/api/workshops", later).await.status,
            StatusCode::CREATED
        );
        asked["allow_overcommit"] = json!(true);
        let made = instructor.post("/api/workshops", asked).await;
        assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
        assert_eq!(
            instructor.get("/api/capacity").await.json()["seats_left"],
            0
        );
        instructor.delete("/api/workshops?all=true").await;
        assert_eq!(
            instructor.get("/api/capacity").await.json()["seats_left"],
            3
        );
        drop(app);
    })
    .await;
}

#[tokio::test]
async fn where_nothing_is_known_nothing_is_refused() {
    scene(|app, instructor| async move {
        let capacity = instructor.get("/api/capacity").await.json();
        assert!(capacity["seats_left"].is_null() && capacity["for_seats"].is_null());
        instructor.workshop(40).await;
        let stranger = app.client().get("/api/capacity").await;
        assert_eq!(stranger.status, StatusCode::UNAUTHORIZED);
    })
    .await;
}
