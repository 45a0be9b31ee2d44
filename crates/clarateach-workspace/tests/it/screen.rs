//! The terminal model, seen from outside: screens as text, and what a fresh attach is drawn.

use std::time::Duration;

use clarateach_client::TerminalClient;
use clarateach_protocol::terminal::Mode;
use hyper::Method;

use crate::seat::{Answer, Seat, until};

/// The screen of `main` as text.
async fn screen(seat: &Seat) -> String {
    let answer = seat.get("/terminals/main/screen").await;
    assert_eq!(answer.status, 200);
    answer.text()
}

async fn until_screen(seat: &Seat, wanted: &str) {
    let shown = async || screen(seat).await.contains(wanted);
    until(wanted, shown).await;
}

/// A full-screen program: what is shown before and after everybody left and came back is the same, and a seat
/// that never saw the program, fed with the redraw, shows it, too.
async fn survives_a_reload(start: &str, shown: &str, keys: &str, then: &str) {
    let seat = Seat::start().await;
    let text: String = (1..=300)
        .map(|n| format!("line {n} of the täxt 世界\n"))
        .collect();
    seat.write("text", text);
    let mut page = seat.page().await;
    page.run("true").await;
    page.type_text(&format!("{start}\r")).await;
    until_screen(&seat, shown).await;
    page.type_text(keys).await;
    until_screen(&seat, then).await;
    page.settle(Duration::from_millis(300)).await;
    let before = screen(&seat).await;
    drop(page);
    let mut reloaded = seat.page().await;
    assert!(!reloaded.attached.resumed);
    let replay = reloaded.wait_for_replay().await;
    assert_eq!(screen(&seat).await, before);
    assert_eq!(drawn_elsewhere(&replay).await, before);
}

/// The screen of another seat's terminal to which these bytes are printed.
async fn drawn_elsewhere(bytes: &str) -> String {
    let other = Seat::start().await;
    other.write("replay", bytes);
    let mut page = other.page().await;
    page.run("stty -echo").await;
    // The title says when everything has been printed; nothing follows it.
    page.type_text("printf '\\033c'; cat replay; printf '\\033]2;done\\007'; exec sleep 1000\r")
        .await;
    while page.titles.last().is_none_or(|title| title != "done") {
        page.receive().await;
    }
    screen(&other).await
}

#[tokio::test]
async fn less_is_there_after_a_reload() {
    survives_a_reload("less text", "line 20 ", "\x06/150\r", "line 150 ").await;
}

#[tokio::test]
async fn vim_is_there_after_a_reload() {
    let start = "vim -u NONE -c 'set number hlsearch' text";
    survives_a_reload(
        start,
        "line 20 ",
        "/15\r\x06ione more wörd\x1b",
        "one more w",
    )
    .await;
}

#[tokio::test]
async fn top_is_there_after_a_reload() {
    survives_a_reload("top -d 1000 -p $$", "load average", "c", "-bash").await;
}

#[tokio::test]
async fn scrollback_is_redrawn_and_bounded() {
    let seat = Seat::start().await;
    let mut page = seat.page().await;
    page.run("PS1='$ '; seq 1 5000").await;
    let mut fresh = seat.page().await;
    let replay = fresh.wait_for_replay().await;
    assert!(replay.len() < 20_000, "{} bytes", replay.len());
    assert!(!replay.contains("\r\n3000\r\n"));
    let from = replay.find("\r\n4200\r\n").expect("a thousand lines back");
    let lines: Vec<_> = replay[from + 2..].split("\r\n").take(801).collect();
    let expected: Vec<_> = (4200..=5000).map(|n| n.to_string()).collect();
    assert_eq!(lines, expected);
}

#[tokio::test]
async fn a_sequence_that_is_cut_goes_on_after_a_reload() {
    let seat = Seat::start().await;
    let mut page = seat.page().await;
    page.run("PS1='$ '; stty -echo; clear").await;
    page.type_text(
        "printf 'begin\\033[3'; read; printf '1mred\\346\\227'; read; printf '\\245end\\n'\r",
    )
    .await;
    page.wait_for("begin\x1b[3").await;
    let mut cut = seat.page().await;
    assert!(cut.wait_for_replay().await.ends_with("\x1b[3"));
    page.type_text("\r").await;
    page.wait_for("1mred").await;
    until_screen(&seat, "beginred").await;
    let mut cut_again = seat.page().await;
    cut_again.wait_for_replay().await;
    assert!(cut_again.replay.ends_with(b"\xe6\x97"));
    page.type_text("\r").await;
    until_screen(&seat, "beginred日end").await;
}

#[tokio::test]
async fn a_screen_is_text_and_cheap_to_ask_for_again() {
    let seat = Seat::start().await;
    let missing = seat.get("/terminals/main/screen").await;
    assert_eq!(
        (missing.status.as_u16(), missing.code().as_str()),
        (404, "no_terminal")
    );
    let mut page = seat.page().await;
    page.run("PS1='$ '; clear; printf 'a  \\n\\n\\033[31m日本\\033[5C|\\n'")
        .await;
    drop(page);
    let shown = seat.get("/terminals/main/screen").await;
    assert_eq!(
        shown.header("content-type"),
        Some("text/plain; charset=utf-8")
    );
    let text = shown.text();
    let lines: Vec<_> = text.split('\n').collect();
    assert_eq!(lines.len(), 24);
    assert!(text.starts_with("a\n\n日本     |\n"), "{text:?}");
    let again = ask(&seat, Method::GET, &shown.etag()).await;
    assert_eq!((again.status.as_u16(), again.body.len()), (304, 0));
    let head = seat.call(Method::HEAD, "/terminals/main/screen").await;
    assert_eq!((head.status.as_u16(), head.etag()), (200, shown.etag()));
    let mut page = seat.page().await;
    page.run("echo new").await;
    assert_eq!(ask(&seat, Method::GET, &shown.etag()).await.status, 200);
    assert_eq!(
        seat.call(Method::PUT, "/terminals/main/screen")
            .await
            .status,
        405
    );
    assert_eq!(seat.get("/terminals/main/other").await.status, 405);
}

async fn is_there(seat: &Seat, file: &str) -> bool {
    seat.get(&format!("/files/{file}")).await.status == 200
}

async fn ask(seat: &Seat, method: Method, etag: &str) -> Answer {
    let known = [("if-none-match", etag)];
    seat.send(
        method,
        "/terminals/main/screen",
        &known,
        bytes::Bytes::new(),
    )
    .await
}

#[tokio::test]
async fn a_program_that_asks_is_answered_with_and_without_anybody_there() {
    let seat = Seat::start().await;
    let mut page = seat.page().await;
    page.run("stty -echo").await;
    let ask = "printf 'ab\\033[6n'; IFS= read -rs -d R answer; printf '%q' \"$answer\" > answer";
    page.type_text(&format!("sleep 0.3; printf '\\r'; {ask}; touch done\r"))
        .await;
    drop(page);
    until("an answer from the model", async || {
        is_there(&seat, "done").await
    })
    .await;
    assert!(
        seat.read("answer").ends_with(";3'"),
        "{}",
        seat.read("answer")
    );
    // With somebody there the emulator answers, and only one of two.
    let mut first = seat.page().await;
    let mut second = seat.page().await;
    first.run("true").await;
    first.type_text(&format!("{ask}; touch done-again\r")).await;
    first.wait_for("ab\x1b[6n").await;
    second.type_text("\x1b[1;99R").await;
    second.ack(second.position()).await;
    first.type_text("\x1b[1;77R").await;
    until("an answer from the page", async || {
        is_there(&seat, "done-again").await
    })
    .await;
    assert!(
        seat.read("answer").ends_with(";77'"),
        "{}",
        seat.read("answer")
    );
    let rest = first.run("echo nothing-is-left").await;
    assert!(
        rest.ends_with("# nothing-is-left") || rest.ends_with("$ nothing-is-left"),
        "{rest}"
    );
}

#[tokio::test]
async fn the_list_says_what_runs_and_where() {
    let seat = Seat::start().await;
    std::fs::create_dir_all(seat.root().join("a/b")).unwrap();
    let mut page: TerminalClient = seat.attach("", Mode::Control).await;
    page.run("true").await;
    let of_main = async || seat.get("/terminals").await.json()["terminals"][0].clone();
    let listed = of_main().await;
    assert_eq!(
        (listed["command"].as_str(), listed["cwd"].as_str()),
        (Some("bash"), Some(""))
    );
    assert!(listed["last_output_at"].is_string() && listed["last_input_at"].is_string());
    page.type_text("cd a/b; sleep 1000\r").await;
    until("sleep is in the foreground", async || {
        of_main().await["command"] == "sleep"
    })
    .await;
    assert_eq!(of_main().await["cwd"], "a/b");
    page.type_text("\x03").await;
    page.run("cd /usr").await;
    assert_eq!(of_main().await["cwd"], "/usr");
}
