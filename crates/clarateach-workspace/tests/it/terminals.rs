//! Named terminals: made, listed, closed.

use clarateach_protocol::id::TerminalName;
use clarateach_protocol::terminal::close;
use hyper::Method;
use serde_json::json;

use crate::seat::Seat;

#[tokio::test]
async fn named_terminals_live_side_by_side() {
    let seat = Seat::start().await;
    std::fs::create_dir(seat.root().join("sub")).unwrap();
    let made = seat
        .post_json(
            "/terminals",
            &json!({"name": "tests", "cols": 100, "rows": 40, "cwd": "sub"}),
        )
        .await;
    assert_eq!(made.status, 201);
    let info = made.json();
    assert_eq!(
        (&info["name"], &info["cols"], &info["clients"]),
        (&json!("tests"), &json!(100), &json!(0))
    );
    let probe = json!({"name": TerminalName::PROBE});
    assert_eq!(seat.post_json("/terminals", &probe).await.status, 201);
    let unnamed = seat.post_json("/terminals", &json!({})).await.json();
    assert_eq!(
        (&unnamed["name"], &unnamed["cols"]),
        (&json!("term-1"), &json!(80))
    );
    let mut tests = seat.page_of("tests").await;
    assert!(tests.run("pwd").await.ends_with("/root/sub"));
    let mut main = seat.page().await;
    main.run("here=main").await;
    assert_eq!(tests.run("echo $here.").await, ".");
    let listed = seat.get("/terminals").await.json();
    let names: Vec<_> = listed["terminals"]
        .as_array()
        .unwrap()
        .iter()
        .map(|t| t["name"].clone())
        .collect();
    assert_eq!(names, ["tests", "term-1", "main"]);
    assert_eq!(listed["terminals"][0]["clients"], 1);
}

#[tokio::test]
async fn closing_a_terminal_ends_everything_in_it() {
    let seat = Seat::start().await;
    let mut page = seat.page().await;
    page.run("trap '' HUP; (trap '' HUP TERM; sleep 1000) & echo $! > stubborn; set -m; sleep 1001 & echo $! > job; echo $$ > shell").await;
    let pid = |name: &str| seat.read(name).trim().to_owned();
    let pids = [pid("stubborn"), pid("job"), pid("shell")];
    assert!(pids.iter().all(|pid| is_running(pid)));
    assert_eq!(
        seat.call(Method::DELETE, "/terminals/main").await.status,
        204
    );
    for pid in &pids {
        assert!(!is_running(pid), "{pid} is still there");
    }
    assert_eq!(page.wait_for_close().await, Some(close::GONE));
    let again = seat.call(Method::DELETE, "/terminals/main").await;
    assert_eq!(
        (again.status.as_u16(), again.code().as_str()),
        (404, "no_terminal")
    );
}

/// Zombies are dead: this process's other children are not the seat's to reap.
fn is_running(pid: &str) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| !stat.rsplit_once(')').unwrap().1.starts_with(" Z"))
}

#[tokio::test]
async fn bad_wishes_are_refused() {
    let seat = Seat::start().await;
    seat.post_json("/terminals", &json!({"name": "one"})).await;
    for (body, status, code) in [
        (json!({"name": "one"}), 409, "exists"),
        (json!({"name": "a b"}), 400, "invalid_input"),
        (json!({"nom": "x"}), 400, "invalid_input"),
        (json!({"cols": "wide"}), 400, "invalid_input"),
        (json!({"cwd": "../.."}), 400, "bad_path"),
        (json!({"cwd": "missing"}), 404, "not_found"),
        (json!([]), 400, "invalid_input"),
        (json!({"name": "x".repeat(20_000)}), 413, "too_large"),
    ] {
        let answer = seat.post_json("/terminals", &body).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (status, code),
            "{}",
            answer.text()
        );
    }
    assert_eq!(seat.call(Method::DELETE, "/terminals/..").await.status, 404);
    assert_eq!(
        seat.call(Method::PUT, "/terminals").await.header("allow"),
        Some("GET, HEAD, POST")
    );
}

#[tokio::test]
async fn the_number_of_terminals_is_limited() {
    let seat = Seat::start().await;
    for _ in 0..16 {
        assert_eq!(seat.post_json("/terminals", &json!({})).await.status, 201);
    }
    let refused = seat.post_json("/terminals", &json!({})).await;
    assert_eq!(
        (refused.status.as_u16(), refused.code().as_str()),
        (409, "too_many_terminals")
    );
    assert_eq!(
        seat.call(Method::DELETE, "/terminals/term-5").await.status,
        204
    );
    assert_eq!(
        seat.post_json("/terminals", &json!({})).await.json()["name"],
        "term-5"
    );
}

#[tokio::test]
async fn shells_get_a_proper_environment_and_no_descriptor_of_ours() {
    let seat = Seat::start().await;
    let mut page = seat.page().await;
    assert_eq!(
        page.run("echo $TERM $COLORTERM; [ -t 0 ] && shopt -q login_shell && echo login")
            .await,
        "xterm-256color truecolor\r\nlogin"
    );
    assert!(page.run("echo $HOME").await.ends_with("/home"));
    assert!(page.run("pwd; echo $PWD").await.ends_with("/root"));
    // 255 is bash's own; ls has the folder that it lists.
    let descriptors = page
        .run("ls -l /proc/$$/fd | grep -c socket; ls /proc/$$/fd | tr '\\n' ' '")
        .await;
    assert_eq!(descriptors, "0\r\n0 1 2 255");
    assert_eq!(page.run("ps -o stat= -p $$ | cut -c1-2").await, "Ss");
}
