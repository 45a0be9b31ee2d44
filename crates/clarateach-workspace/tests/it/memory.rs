//! What terminals cost the server, and what a client that stops does.

use std::time::Duration;

use clarateach_client::{Acks, Attach, Endpoint, Pace, TerminalClient};
use clarateach_protocol::terminal::close;
use tokio::time::Instant;

use crate::crashes::Server;
use crate::seat::{right_token, until};

/// Kilobytes that no file backs (proc(5), `smaps_rollup`): another server's end changes the share of
/// the program's own pages.
fn memory(server: &Server) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{}/smaps_rollup", server.child.id()));
    let text = text.unwrap();
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("Anonymous:"));
    let number = line.and_then(|line| line.split_ascii_whitespace().next());
    number.unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_terminal_of_a_thousand_full_lines_costs_little() {
    const TERMINALS: u64 = 8;
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::start(folder.path());
    let endpoint = Endpoint::seat(server.terminal_port, right_token());
    let mut pages = Vec::new();
    let mut seen = Vec::new();
    for _ in 0..TERMINALS {
        let mut page = new_terminal(&server, &endpoint, pages.len()).await;
        page.run("true").await;
        let empty = memory(&server);
        // Colours of `ls`, over the whole width.
        let line = r"\e[01;34m%059d\e[0m \e[32m%059d\e[0m\n";
        page.run(&format!(
            "for n in {{1..1100}}; do printf '{line}' $n $n; done"
        ))
        .await;
        // The model has caught up when it is asked.
        server
            .ask(&format!("/terminals/{}/screen", name(pages.len())))
            .await;
        seen.push(memory(&server) - empty);
        pages.push(page);
    }
    let all = memory(&server);
    println!("{seen:?} KiB for each terminal's 1,000 lines, {all} KiB in all");
    // The ring has 150 KB of it; cells as they are on the screen would be 2 MB.
    seen.sort_unstable();
    assert!(seen[4] < 1024, "{seen:?}");
    server.end("TERM");
}

fn name(number: usize) -> String {
    match number {
        0 => "main".to_owned(),
        _ => format!("t{number}"),
    }
}

/// 120 columns wide.
async fn new_terminal(server: &Server, endpoint: &Endpoint, number: usize) -> TerminalClient {
    let name = name(number);
    if number > 0 {
        let answer = server.make(&name).await;
        assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    }
    TerminalClient::attach(endpoint, Attach::to(&name).sized(120, 30)).await
}

#[tokio::test]
async fn a_client_that_reads_no_more_costs_no_memory() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::start(folder.path());
    let endpoint = Endpoint::seat(server.terminal_port, right_token());
    let mut page = TerminalClient::attach(&endpoint, Attach::default()).await;
    page.run("true").await;
    let empty = memory(&server);
    // A full ring and history are a terminal's price, whoever reads.
    let printed = page.run("seq 1 400000").await;
    assert!(printed.ends_with("400000"));
    page.run("true").await;
    let before = memory(&server);
    assert!(
        before > empty + 512,
        "a ring of 1 MiB is not seen: {empty} KiB, then {before} KiB"
    );
    let mut most = before;
    page.acks = Acks::Never;
    page.type_text("yes\r").await;
    page.set_pace(Pace::Stopped);
    until("the client is let go", async || {
        most = most.max(memory(&server));
        server.ask("/terminals").await.contains("\"clients\":0")
    })
    .await;
    // And while the program runs on without anybody.
    let begun = Instant::now();
    until("a second of it", async || {
        most = most.max(memory(&server));
        begun.elapsed() > Duration::from_secs(1)
    })
    .await;
    println!(
        "{empty} KiB empty, {before} KiB full, {most} KiB at the most while a client read nothing"
    );
    assert!(
        most < before + 1024,
        "{before} KiB before, {most} KiB at the most"
    );
    assert!(
        most < empty + 6 * 1024,
        "{empty} KiB empty, {most} KiB at the most"
    );
    page.set_pace(Pace::Full);
    assert_eq!(page.wait_for_close().await, Some(close::TOO_SLOW));
    let mut back = page.resume().await;
    assert!(!back.attached.resumed, "`yes` was held back all along");
    back.type_text("\x03").await;
    back.wait_for("^C").await;
    assert!(back.run("echo alive").await.ends_with("alive"));
    server.end("TERM");
}
