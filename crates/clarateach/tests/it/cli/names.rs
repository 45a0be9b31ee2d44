//! Workshops by name, and tokens that go nowhere else.

use serde_json::json;

use super::scripted::{Scripted, workshop};
use super::{PASSWORD, Shell, scene};

#[tokio::test]
async fn a_workshop_is_named_by_its_id_its_code_or_its_name() {
    scene(|app, instructor| async move {
        let shell = Shell::signed_in(&app, &instructor).await;
        let made = instructor.workshop(1).await;
        let id = made["id"].as_str().unwrap();
        let code = made["code"]
            .as_str()
            .unwrap()
            .to_lowercase()
            .replace('-', "");
        for named in [id, &code, "Rust for poets", "rust FOR poets"] {
            let shown = shell.run(&["workshop", "show", named, "--json"]).await;
            assert_eq!(shown.json()["id"], id, "{named}");
        }
        let unknown = shell.run(&["seat", "list", "Go"]).await;
        assert_eq!((unknown.code, unknown.out.as_str()), (1, ""));
        assert!(unknown.err.contains("no workshop “Go”"), "{unknown:?}");

        let other = instructor.workshop(1).await;
        let both = shell.run(&["workshop", "delete", "Rust for poets"]).await;
        assert_eq!(both.code, 1);
        for part in [id, other["id"].as_str().unwrap(), "means 2 workshops"] {
            assert!(both.err.contains(part), "{part:?} in {both:?}");
        }
        assert_eq!(shell.run(&["workshop", "delete", id]).await.code, 0);
        assert_eq!(
            shell
                .run(&["workshop", "delete", "Rust for poets"])
                .await
                .code,
            0
        );
    })
    .await;
}

#[tokio::test]
async fn a_saved_token_is_sent_to_the_server_that_made_it_only() {
    scene(|app, _instructor| async move {
        let shell = Shell::at(&app);
        let password = shell.file("password", PASSWORD);
        let save = ["token", "create", "--save", "--password-file", &password];
        assert_eq!(shell.run(&save).await.code, 0);
        assert_eq!(shell.run(&["workshop", "list"]).await.code, 0);

        let other = Scripted::start(|_| {
            (
                401,
                json!({"error": {"code": "unauthenticated", "message": "sign in first"}}),
            )
        })
        .await;
        let elsewhere = shell
            .run(&["--server", &other.url(), "workshop", "list"])
            .await;
        assert_eq!(elsewhere.code, 4);
        assert!(
            elsewhere
                .err
                .contains(&format!("saved for http://{}", app.listen)),
            "{elsewhere:?}"
        );
        // The positive control: a token that was given is sent.
        shell
            .run(&[
                "--server",
                &other.url(),
                "--token",
                "ct_given",
                "workshop",
                "list",
            ])
            .await;
        let heads = other.heads();
        assert!(
            !heads[0].to_lowercase().contains("authorization"),
            "{heads:?}"
        );
        assert!(heads[1].contains("Bearer ct_given"), "{heads:?}");

        // Nor by renaming the file.
        let saved = shell.saved_tokens().remove(0);
        let name = saved.file_name().unwrap().to_str().unwrap();
        let renamed = name.replace(
            &app.listen.port().to_string(),
            &other.address.port().to_string(),
        );
        std::fs::rename(&saved, saved.with_file_name(renamed)).unwrap();
        let refused = shell
            .run(&["--server", &other.url(), "workshop", "list"])
            .await;
        assert_eq!(refused.code, 1);
        assert!(refused.err.contains("holds no token for"), "{refused:?}");
        assert_eq!(other.heads().len(), 2);
    })
    .await;
}

#[tokio::test]
async fn a_stale_saved_token_says_how_to_replace_it() {
    scene(|app, instructor| async move {
        let shell = Shell::at(&app);
        let password = shell.file("password", PASSWORD);
        let save = [
            "token",
            "create",
            "--save",
            "--json",
            "--password-file",
            &password,
        ];
        let saved = shell.run(&save).await.json();
        let path = format!("/api/tokens/{}", saved["id"].as_str().unwrap());
        assert_eq!(instructor.delete(&path).await.status, 204);
        let stale = shell.run(&["workshop", "list"]).await;
        assert_eq!(stale.code, 4);
        assert!(
            stale
                .err
                .contains("is stale: `clarateach token create --save`"),
            "{stale:?}"
        );
        assert_eq!(shell.run(&save).await.code, 0);
        assert_eq!(shell.run(&["workshop", "list"]).await.code, 0);
    })
    .await;
}

#[tokio::test]
async fn names_of_learners_never_reach_the_terminal_raw() {
    let mut shown = workshop("Rust", "ready", &["occupied"]);
    shown["seats"][0]["learner"]["name"] = json!("Ada\u{1b}]0;owned\u{7}\u{202e}");
    let server = Scripted::start(move |_| (200, shown.clone())).await;
    let list = Shell::at_url(&server.url())
        .run(&["seat", "list", "ws-aaaaaaaa"])
        .await;
    assert!(
        list.out.contains("Ada\u{fffd}]0;owned\u{fffd}\u{fffd}"),
        "{list:?}"
    );
    assert!(
        !list.out.contains(['\u{1b}', '\u{7}', '\u{202e}']),
        "{list:?}"
    );
}
