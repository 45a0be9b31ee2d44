//! Admission: more than the machine holds needs an explicit yes.

use clarateach::model::{Amounts, Capacity};
use http::StatusCode;
use serde_json::json;

use super::app::{scene, scene_with_seats};

/// Room for three seats of the default size, each counted with all of its 512 MiB.
fn three_seats() -> Capacity {
    let for_seats = Amounts {
        memory_mib: 3 * 512 + 128,
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
            json!({"memory_mb": 1024, "disk_mb": 512, "pids": 1024})
        );
        assert_eq!(capacity["for_seats"]["memory_mb"], 1664);

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
            "2 more seats need 1.0 GiB memory",
            "1.6 GiB memory",
            "1 more fit for certain",
            "a quarter of their limits 11 more fit",
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
        let small = json!({"name": "Small", "seats": 2, "resources": {"memory_mb": 64}});
        assert_eq!(
            instructor.post("/api/workshops", small).await.status,
            StatusCode::CREATED
        );
        let later = |seats: u16| json!({"name": "Later", "seats": seats, "starts_at": "2099-01-01T00:00:00Z"});
        assert_eq!(
            instructor.post("/api/workshops", later(3)).await.status,
            StatusCode::CREATED
        );
        let never = instructor.post("/api/workshops", later(9)).await;
        assert_eq!(never.code(), "overcommit", "it would not even fit alone");
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

/// Two seconds before its time nothing is free, and then its neighbour ends.
#[tokio::test]
async fn a_scheduled_workshop_waits_for_room_says_so_and_is_made_when_there_is_some() {
    scene_with_seats(|app, instructor, seats| async move {
        seats.limit(three_seats());
        let first = instructor.workshop(2).await;
        let at = |seconds| {
            let at = time::OffsetDateTime::now_utc() + time::Duration::seconds(seconds);
            let format = &time::format_description::well_known::Rfc3339;
            at.format(format).unwrap()
        };
        // A minute after what is made ahead of its time at once.
        let lead = clarateach::model::ScheduleTimes::default().lead.as_secs();
        let starts = i64::try_from(lead).unwrap() + 2;
        let body = |seats: u16, yes: bool| json!({"name": "Next", "seats": seats, "starts_at": at(starts), "allow_overcommit": yes});
        let waiting = instructor.post("/api/workshops", body(2, false)).await.json();
        let sure = instructor.post("/api/workshops", body(9, true)).await.json();
        assert_eq!(waiting["status"], "scheduled", "{waiting}");
        let shown = |workshop: &serde_json::Value| {
            let path = format!("/api/workshops/{}", workshop["id"].as_str().unwrap());
            let instructor = instructor.clone();
            async move { instructor.get(&path).await.json() }
        };
        let until = async |workshop: &serde_json::Value, status: &str, reason: bool| loop {
            let now = shown(workshop).await;
            if now["status"] == status && now["reason"].is_object() == reason {
                return now;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        };
        let patience = std::time::Duration::from_secs(30);
        tokio::time::timeout(patience, async {
            let told = until(&waiting, "scheduled", true).await;
            assert_eq!(told["reason"]["code"], "overcommit", "{told}");
            // Who said yes when it was asked for is not asked again.
            until(&sure, "ready", false).await;
            // Who says it later doesn't wait any more.
            let late = instructor.post("/api/workshops", body(2, false)).await.json();
            let refused = until(&late, "scheduled", true).await;
            assert_eq!(refused["reason"]["code"], "overcommit", "{refused}");
            let allow = format!("/api/workshops/{}/allow-overcommit", late["id"].as_str().unwrap());
            let allowed = instructor.post(&allow, json!({})).await;
            assert_eq!(allowed.status, http::StatusCode::OK, "{allowed:?}");
            until(&late, "ready", false).await;
            let capacity = instructor.get("/api/capacity").await.json();
            let promised = capacity["promised_percent"].as_u64().unwrap();
            assert!(promised > 100 && capacity["seats_left"] == 0, "{capacity}");
            assert!(capacity["seats_left_sharing"].is_u64(), "{capacity}");
            assert_eq!(shown(&waiting).await["status"], "scheduled");
            assert_eq!(instructor.post(&allow, json!({})).await.status, http::StatusCode::OK);
            for gone in [&first, &sure, &late] {
                let path = format!("/api/workshops/{}", gone["id"].as_str().unwrap());
                instructor.delete(&path).await;
            }
            until(&waiting, "ready", false).await;
        })
        .await
        .expect("the scheduled workshop is never made");
        drop(app);
    })
    .await;
}

#[tokio::test]
async fn wrong_times_and_counts_are_told_how_to_write_them() {
    scene(|app, instructor| async move {
        let body = json!({"name": "Class", "seats": 1, "ends_at": "tomorrow"});
        let refused = instructor.post("/api/workshops", body).await;
        let error = refused.json()["error"].clone();
        assert_eq!(error["field"], "ends_at", "{error}");
        let message = error["message"].as_str().unwrap();
        assert!(message.contains("2026-11-22T17:00:00Z"), "{message}");
        let workshop = instructor.workshop(1).await;
        let more = format!("/api/workshops/{}/seats", workshop["id"].as_str().unwrap());
        let refused = instructor.post(&more, json!({"count": 0})).await;
        let message = refused.json()["error"]["message"].to_string();
        assert!(message.contains("how many seats to add"), "{message}");
        drop(app);
    })
    .await;
}
