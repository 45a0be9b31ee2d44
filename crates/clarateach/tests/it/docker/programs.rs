//! `POST /exec` straight at a real seat, as the platform asks it: nobody else has such a token.

use std::net::SocketAddr;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use clarateach::provider::Instance;
use clarateach_protocol::token::{Mode, Scope, SigningKey, WorkspaceClaims};
use http::Method;
use serde_json::{Value, json};

use super::super::app::{Answer, Client};
use super::fixture::{scene, workshop};

/// A token as the fixture's platform signs them.
fn token(seat: &Instance, scope: Scope) -> String {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs();
    let claims = WorkspaceClaims {
        seat: seat.key(),
        generation: seat.generation,
        scope: vec![scope],
        mode: Mode::Control,
        issued_at: now,
        expires_at: now + 60,
    };
    claims.sign(&SigningKey::from_seed(&[7; 32]))
}

async fn ask(files: SocketAddr, token: &str, body: &Value) -> Answer {
    let bearer = format!("Bearer {token}");
    let headers = [
        ("authorization", bearer.as_str()),
        ("content-type", "application/json"),
    ];
    let sending = Client::at(files);
    let sending = sending.send(Method::POST, "/exec", &headers, body.to_string());
    let answer = tokio::time::timeout(Duration::from_secs(30), sending).await;
    answer.unwrap_or_else(|_| panic!("no answer to {body}"))
}

#[tokio::test]
async fn a_program_is_run_in_a_real_seat_within_its_limits() {
    scene(|world| async move {
        let spec = workshop();
        world.prepared(&spec).await;
        let seat = world.seat(&spec, 1).await;
        let files = seat.endpoints.files;
        let right = token(&seat, Scope::Exec);
        let run = async |body: Value| {
            let answer = ask(files, &right, &body).await;
            assert_eq!(answer.status, 200, "{body}: {answer:?}");
            answer.json()
        };
        let body = json!({"command": "cat; pwd; id -u; exit 3", "stdin": "typed\n"});
        let ran = run(body).await;
        assert_eq!(
            (&ran["stdout"], &ran["exit_code"]),
            (&json!("typed\n/workspace\n1000\n"), &json!(3)),
            "{ran}"
        );

        // Its time, and everything that it started.
        let begun = Instant::now();
        let late = "setsid sleep 1048 & sleep 1048 & sleep 1048";
        let ran = run(json!({"command": late, "timeout_seconds": 1})).await;
        assert_eq!(ran["timed_out"], true, "{ran}");
        assert!(begun.elapsed() < Duration::from_secs(15));
        let sleepers = async || world.sh(&seat, "pgrep -cx sleep").await.stdout;
        assert_eq!(sleepers().await.trim(), "0");
        // They would be seen: what an ended command left in the background goes on.
        run(json!({"command": "sleep 1049 >/dev/null 2>&1 &"})).await;
        assert_eq!(sleepers().await.trim(), "1");

        // Its output.
        let ran =
            run(json!({"command": "yes", "timeout_seconds": 1, "max_output_bytes": 1000})).await;
        assert_eq!(
            (ran["stdout"].as_str().unwrap().len(), &ran["truncated"]),
            (1000, &json!(true))
        );
        // Its memory is the seat's: it is killed, and the next one runs.
        let ran = run(json!({"argv": ["tail", "/dev/zero"], "timeout_seconds": 30})).await;
        assert_eq!(ran["exit_code"], 137, "{ran}");
        assert_eq!(ran["timed_out"], false, "{ran}");
        assert_eq!(
            run(json!({"command": "echo alive"})).await["stdout"],
            "alive\n"
        );

        // Four at once, and not with a learner's token.
        let slow = json!({"command": "sleep 2"});
        let answers = (0..6).map(|_| ask(files, &right, &slow));
        let answers = futures_util::future::join_all(answers).await;
        let busy = answers.iter().filter(|it| it.status == 503).count();
        assert_eq!(busy, 2, "{answers:?}");
        let learners = token(&seat, Scope::Files);
        let refused = ask(files, &learners, &json!({"command": "true"})).await;
        assert_eq!(refused.status, 403, "{refused:?}");
    })
    .await;
}
