//! Attaching, leaving and coming back.

use clarateach_protocol::terminal::{Mode, close};

use crate::client::TerminalClient;
use crate::seat::Seat;

#[tokio::test]
async fn reload_keeps_shell_running() {
    let seat = Seat::start().await;
    let mut page = TerminalClient::main(&seat).await;
    assert!(!page.attached.resumed);
    page.run("mark=still-here").await;
    drop(page);
    let mut reloaded = TerminalClient::main(&seat).await;
    assert!(reloaded.wait_for_replay().await.contains("mark=still-here"));
    assert_eq!(reloaded.run("echo $mark").await, "still-here");
}

#[tokio::test]
async fn a_new_epoch_begins_after_exit() {
    let seat = Seat::start().await;
    let mut page = TerminalClient::main(&seat).await;
    page.type_text("exit 7\r").await;
    assert_eq!(page.wait_for_close().await, Some(close::GONE));
    assert_eq!(page.exit_code, Some(7));
    let epoch = page.attached.epoch.clone();
    let mut next = page.resume(&seat).await;
    assert!(!next.attached.resumed);
    assert_ne!(next.attached.epoch, epoch);
    assert_eq!(next.attached.mode, Mode::Control);
    assert_eq!(next.run("echo $((6*7))").await, "42");
}
