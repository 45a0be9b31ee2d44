//! API tokens: made, used beside the cookie, revoked.

use http::{Method, StatusCode};
use serde_json::json;

use super::app::{Client, scene};

async fn create(instructor: &Client, name: &str) -> serde_json::Value {
    let answer = instructor.post("/api/tokens", json!({"name": name})).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
    answer.json()
}

#[tokio::test]
async fn a_token_does_what_its_instructor_may_until_it_is_revoked() {
    scene(|app, instructor| async move {
        let token = create(&instructor, "ci").await;
        let text = token["token"].as_str().unwrap();
        assert!(text.starts_with("ct_") && text.len() == 3 + 32, "{text}");
        let bearer = format!("Bearer {text}");
        let program = app.client();
        let auth = [
            ("authorization", bearer.as_str()),
            ("content-type", "application/json"),
        ];
        let class = json!({"name": "Class", "seats": 1}).to_string();
        let made = program
            .send(Method::POST, "/api/workshops", &auth, class)
            .await;
        assert_eq!(made.status, StatusCode::CREATED, "{made:?}");

        let list = instructor.get("/api/tokens").await;
        assert!(!list.text.contains(text), "the list shows the token");
        let listed = &list.json()["tokens"][0];
        assert_eq!(
            (&listed["id"], &listed["name"]),
            (&token["id"], &json!("ci"))
        );
        assert!(listed["last_used_at"].is_string(), "{listed}");

        let path = format!("/api/tokens/{}", token["id"].as_str().unwrap());
        let revoked = instructor.delete(&path).await;
        assert_eq!(revoked.status, StatusCode::NO_CONTENT);
        assert_eq!(instructor.delete(&path).await.status, StatusCode::NOT_FOUND);
        let refused = program.send(Method::GET, "/api/workshops", &auth, "").await;
        assert_eq!(
            (refused.status, refused.code().as_str()),
            (StatusCode::UNAUTHORIZED, "bad_token")
        );
    })
    .await;
}

#[tokio::test]
async fn a_wrong_token_is_refused_even_beside_a_right_cookie() {
    scene(|app, instructor| async move {
        let right = create(&instructor, "ci").await;
        let right = format!("Bearer {}", right["token"].as_str().unwrap());
        let get = async |client: &Client, value: &str| {
            let auth = [("authorization", value)];
            client
                .send(Method::GET, "/api/workshops", &auth, "")
                .await
                .status
        };
        // The positive control.
        assert_eq!(get(&app.client(), &right).await, StatusCode::OK);
        let session = instructor.cookie.as_deref().unwrap();
        let session = format!("Bearer {}", session.split_once('=').unwrap().1);
        let (most, last) = right.split_at(right.len() - 1);
        let altered = format!("{most}{}", if last == "x" { "y" } else { "x" });
        for wrong in ["Bearer", "Bearer ct_", "Bearer \u{fc}", &session, &altered] {
            let refused = get(&instructor, wrong).await;
            assert_eq!(refused, StatusCode::UNAUTHORIZED, "{wrong}");
        }
        // A proxy's own scheme says nothing about our token.
        assert_eq!(get(&instructor, "Basic YTpi").await, StatusCode::OK);
    })
    .await;
}

#[tokio::test]
async fn another_sites_page_is_refused_with_a_cookie_and_no_matter_with_a_token() {
    scene(|app, instructor| async move {
        let token = create(&instructor, "ci").await;
        let bearer = format!("Bearer {}", token["token"].as_str().unwrap());
        let class = json!({"name": "Class", "seats": 1}).to_string();
        let from = [
            ("origin", "http://elsewhere.example"),
            ("content-type", "application/json"),
        ];
        let refused = instructor
            .send(Method::POST, "/api/workshops", &from, class.clone())
            .await;
        assert_eq!(refused.code(), "wrong_origin");
        let auth = [from[0], from[1], ("authorization", bearer.as_str())];
        let made = app
            .client()
            .send(Method::POST, "/api/workshops", &auth, class)
            .await;
        assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
    })
    .await;
}
