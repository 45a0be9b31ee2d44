//! Running one program: what it says, where it ends, and that nothing of it is left.

use std::time::{Duration, Instant};

use bytes::Bytes;
use clarateach_protocol::token::{Mode, Scope};
use hyper::Method;
use serde_json::{Value, json};

use crate::seat::{Answer, Seat, until};

fn outcome(answer: &Answer) -> (u16, String) {
    (answer.status.as_u16(), answer.code())
}

async fn exec(seat: &Seat, body: Value) -> Value {
    let answer = seat.post_json("/exec", &body).await;
    assert_eq!(answer.status, 200, "{body}: {}", answer.text());
    answer.json()
}

/// Whether any process has these words in its command line.
fn runs(words: &str) -> bool {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let mut lines =
        processes.filter_map(|process| std::fs::read(process.path().join("cmdline")).ok());
    lines.any(|line| {
        String::from_utf8_lossy(&line)
            .replace('\0', " ")
            .contains(words)
    })
}

#[tokio::test]
async fn a_program_is_run_with_its_input_and_environment() {
    let seat = Seat::start().await;
    std::fs::create_dir(seat.root().join("sub")).unwrap();
    seat.bind("d1", &[("BOUND", "b")], &[]).await;
    let body = json!({"command": "cat; echo $BOUND $EXTRA $(basename $PWD); echo oops >&2; exit 3",
        "stdin": "typed\n", "env": {"EXTRA": "e"}, "cwd": "sub"});
    let result = exec(&seat, body).await;
    assert_eq!(
        (&result["stdout"], &result["stderr"], &result["exit_code"]),
        (&json!("typed\nb e sub\n"), &json!("oops\n"), &json!(3))
    );
    assert_eq!(
        (&result["truncated"], &result["timed_out"]),
        (&json!(false), &json!(false))
    );
    // No shell in between: a dollar is a dollar.
    let result = exec(&seat, json!({"argv": ["echo", "$HOME", "a b"]})).await;
    assert_eq!(result["stdout"], "$HOME a b\n");
    let result = exec(&seat, json!({"command": "kill -9 $$"})).await;
    assert_eq!(result["exit_code"], 137);
    let result = exec(&seat, json!({"argv": ["printf", "\\377x"]})).await;
    assert_eq!(result["stdout"], "\u{fffd}x");
    let result = exec(&seat, json!({"command": "cat /proc/self/oom_score_adj"})).await;
    assert_eq!(result["stdout"], "500\n");
}

#[tokio::test]
async fn what_cannot_be_run_is_refused() {
    let seat = Seat::start().await;
    for (body, status, code) in [
        (json!({}), 400, "invalid_input"),
        (
            json!({"argv": ["true"], "command": "true"}),
            400,
            "invalid_input",
        ),
        (json!({"argv": []}), 400, "invalid_input"),
        (json!({"argv": ["a\0b"]}), 400, "invalid_input"),
        (
            json!({"command": "true", "timeout_seconds": 61}),
            400,
            "invalid_input",
        ),
        (
            json!({"command": "true", "max_output_bytes": 1048577}),
            400,
            "invalid_input",
        ),
        (
            json!({"command": "true", "env": {"A=B": "x"}}),
            400,
            "invalid_input",
        ),
        (json!({"command": "true", "cwd": "../x"}), 400, "bad_path"),
        (
            json!({"command": "true", "cwd": "missing"}),
            404,
            "not_found",
        ),
        (json!({"argv": ["no-such-program"]}), 400, "no_program"),
    ] {
        let answer = seat.post_json("/exec", &body).await;
        assert_eq!(outcome(&answer), (status, code.to_owned()), "{body}");
    }
    let claims = clarateach_protocol::token::WorkspaceClaims {
        scope: vec![Scope::Files, Scope::Terminal],
        ..seat.claims()
    };
    for token in [seat.sign(&claims), seat.token(Mode::View)] {
        let body = Bytes::from(json!({"command": "true"}).to_string());
        let answer = seat
            .send_as(Some(&token), Method::POST, "/exec", &[], body)
            .await;
        assert_eq!(answer.status, 403);
    }
}

#[tokio::test]
async fn at_the_deadline_nothing_of_it_is_left() {
    let seat = Seat::start().await;
    // A child, one in a session of its own, and one whose parent is gone.
    let command = "sleep 1041 & setsid sleep 1042 & (setsid sh -c 'sleep 1043' &) ; sleep 1044";
    let begun = Instant::now();
    let body = json!({"command": format!("echo begun; {command}"), "timeout_seconds": 1});
    let result = exec(&seat, body).await;
    assert!(begun.elapsed() < Duration::from_secs(5));
    assert_eq!(
        (
            &result["timed_out"],
            &result["stdout"],
            &result["exit_code"]
        ),
        (&json!(true), &json!("begun\n"), &json!(137))
    );
    for number in 1041..=1044 {
        assert!(!runs(&format!("sleep {number}")), "{number} still runs");
    }
}

#[tokio::test]
async fn when_the_caller_leaves_the_program_ends() {
    let seat = Seat::start().await;
    let body = json!({"command": "setsid sleep 2041 & sleep 2042", "timeout_seconds": 60});
    {
        let mut call = std::pin::pin!(seat.post_json("/exec", &body));
        let begun = until("its start", async || {
            runs("sleep 2041") && runs("sleep 2042")
        });
        tokio::select! {
            _ = &mut call => panic!("it ended"),
            () = begun => {}
        }
    }
    until("its end", async || {
        !runs("sleep 2041") && !runs("sleep 2042")
    })
    .await;
}

#[tokio::test]
async fn output_is_cut_and_a_background_process_holds_nothing_up() {
    let seat = Seat::start().await;
    let body = json!({"command": "yes | head -c 3000000; echo end >&2", "max_output_bytes": 1000});
    let result = exec(&seat, body).await;
    assert_eq!(result["stdout"].as_str().unwrap().len(), 1000);
    assert_eq!(
        (&result["truncated"], &result["stderr"]),
        (&json!(true), &json!("end\n"))
    );
    let begun = Instant::now();
    let result = exec(&seat, json!({"command": "sleep 3041 & echo started"})).await;
    assert!(begun.elapsed() < Duration::from_secs(4), "{result}");
    assert_eq!(result["stdout"], "started\n");
    assert!(runs("sleep 3041"), "what goes on in the background goes on");
    exec(&seat, json!({"command": "pkill -f 'sleep 304[1]'"})).await;
}

#[tokio::test]
async fn a_few_at_once_and_no_more() {
    let seat = Seat::start().await;
    let body = json!({"command": "sleep 1"});
    let calls = (0..6).map(|_| seat.post_json("/exec", &body));
    let answers = futures_util::future::join_all(calls).await;
    let refused = answers.iter().filter(|answer| answer.status == 503).count();
    assert_eq!(refused, 2);
}
