//! What a person at a terminal meets: questions, answers, and a terminal that is theirs afterwards.

use rustix::process::{Signal, kill_process};
use serde_json::json;

use super::scripted::{Scripted, workshop};
use super::terminal::Terminal;
use super::{PASSWORD, Shell, scene};

const PROMPT: &str = "Instructor's password for ";

async fn at_the_prompt(shell: &Shell) -> Terminal {
    let terminal = shell.in_terminal(&["token", "create", "--save"]);
    terminal.until(PROMPT).await;
    assert!(!terminal.echoes());
    terminal
}

#[tokio::test]
async fn however_the_password_prompt_ends_the_terminal_shows_again_what_is_typed() {
    let shell = Shell::at_url("http://127.0.0.1:9");
    for (keys, code) in [("half\x03", 130), ("half\x1c", 131), ("\x04", 1), ("\n", 1)] {
        let mut terminal = at_the_prompt(&shell).await;
        terminal.types(keys);
        let ended = terminal.ends().await;
        assert_eq!(ended.code(), Some(code), "{keys:?}: {:?}", terminal.shown());
        assert!(terminal.echoes(), "{keys:?}");
        assert!(!terminal.shown().contains("half"));
    }
    let mut terminal = at_the_prompt(&shell).await;
    kill_process(terminal.pid(), Signal::TERM).unwrap();
    assert_eq!(terminal.ends().await.code(), Some(143));
    assert!(terminal.echoes());
}

#[tokio::test]
async fn a_suspended_prompt_gives_the_terminal_back_and_asks_again() {
    let shell = Shell::at_url("http://127.0.0.1:9");
    let mut terminal = at_the_prompt(&shell).await;
    let state = format!("/proc/{}/stat", terminal.pid());
    terminal.types("\x1a");
    let is_stopped = async || {
        while !std::fs::read_to_string(&state).unwrap().contains(") T ") {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(super::PATIENCE, is_stopped())
        .await
        .unwrap();
    assert!(terminal.echoes());
    kill_process(terminal.pid(), Signal::CONT).unwrap();
    terminal.until_times(PROMPT, 2).await;
    assert!(!terminal.echoes());
    terminal.types("\x03");
    assert_eq!(terminal.ends().await.code(), Some(130));
    assert!(terminal.echoes());
}

#[tokio::test]
async fn a_typed_password_signs_in_and_is_never_shown() {
    scene(|app, _instructor| async move {
        let shell = Shell::at(&app);
        let mut terminal = at_the_prompt(&shell).await;
        terminal.types(&format!("{PASSWORD}\n"));
        assert_eq!(terminal.ends().await.code(), Some(0));
        terminal.until("is saved in").await;
        assert!(!terminal.shown().contains(PASSWORD));
        assert_eq!(shell.saved_tokens().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_workshop_with_learners_is_deleted_after_a_yes_only() {
    scene(|app, instructor| async move {
        let shell = Shell::signed_in(&app, &instructor).await;
        let made = instructor.workshop(2).await;
        let id = made["id"].as_str().unwrap();
        app.client().join(&made, "Ada").await;
        for no in ["\n", "n\n", "\x04"] {
            let mut terminal = shell.in_terminal(&["workshop", "delete", "rust for poets"]);
            terminal
                .until("with 1 learner? Everything they made is removed. [y/N]")
                .await;
            terminal.types(no);
            assert_eq!(terminal.ends().await.code(), Some(1));
            terminal.until("was not deleted").await;
        }
        let mut terminal = shell.in_terminal(&["workshop", "delete", id]);
        terminal.until("Delete “Rust for poets”").await;
        terminal.types("\x03");
        assert_eq!(terminal.ends().await.code(), Some(130));
        assert_eq!(shell.run(&["workshop", "show", id]).await.code, 0);

        let mut terminal = shell.in_terminal(&["workshop", "delete", id]);
        terminal.until("[y/N]").await;
        terminal.types("y\n");
        assert_eq!(terminal.ends().await.code(), Some(0));
        assert_eq!(shell.run(&["workshop", "show", id]).await.code, 1);
        // Twice is fine, and there is nothing to ask about.
        let mut terminal = shell.in_terminal(&["workshop", "delete", id]);
        assert_eq!(terminal.ends().await.code(), Some(0));
    })
    .await;
}

#[tokio::test]
async fn a_seat_is_reset_or_released_unasked_only_while_nobody_sits_there() {
    scene(|app, instructor| async move {
        let shell = Shell::signed_in(&app, &instructor).await;
        let made = instructor.workshop(2).await;
        let id = made["id"].as_str().unwrap();
        app.client().join(&made, "Ada").await;
        for verb in ["reset", "release"] {
            let mut terminal = shell.in_terminal(&["seat", verb, id, "1"]);
            terminal.until("seat 1 of Ada?").await;
            terminal.types("n\n");
            assert_eq!(terminal.ends().await.code(), Some(1), "{verb}");
            let mut terminal = shell.in_terminal(&["seat", verb, id, "2"]);
            assert_eq!(terminal.ends().await.code(), Some(0), "{verb}");
            assert!(!terminal.shown().contains("[y/N]"));
        }
        let mut terminal = shell.in_terminal(&["seat", "release", id, "1", "--yes"]);
        assert_eq!(terminal.ends().await.code(), Some(0));
        let seats = shell.run(&["seat", "list", id, "--json"]).await.json();
        assert!(seats["seats"][0]["learner"].is_null(), "{seats}");
    })
    .await;
}

#[tokio::test]
async fn a_terminal_gets_colours_and_no_more_than_its_width_and_a_pipe_gets_all() {
    let name = "A very long name of a workshop that no terminal of eighty columns can show at once, \u{1b}[31mred\u{202e}";
    let server = Scripted::start(move |_| {
        (
            200,
            json!({"workshops": [workshop(name, "ready", &["ready"])]}),
        )
    })
    .await;
    let mut shell = Shell::at_url(&server.url());
    let piped = shell.run(&["workshop", "list"]).await;
    assert!(
        piped
            .out
            .contains("columns can show at once, \u{fffd}[31mred\u{fffd}"),
        "{piped:?}"
    );
    assert!(!piped.out.contains('\u{1b}'), "{piped:?}");

    let mut terminal = shell.in_terminal(&["workshop", "list"]);
    assert_eq!(terminal.ends().await.code(), Some(0));
    terminal.until("…").await;
    let shown = terminal.shown();
    assert!(
        shown.contains("\u{1b}[32mready\u{1b}[0m") && !shown.contains("[31m"),
        "{shown:?}"
    );

    shell.variables.push(("NO_COLOR", "1".to_owned()));
    let mut terminal = shell.in_terminal(&["workshop", "list"]);
    assert_eq!(terminal.ends().await.code(), Some(0));
    terminal.until("…").await;
    let shown = terminal.shown();
    assert!(!shown.contains('\u{1b}'), "{shown:?}");
    for line in shown.lines() {
        assert!(line.trim_end().chars().count() <= 80, "{line:?}");
    }
}
