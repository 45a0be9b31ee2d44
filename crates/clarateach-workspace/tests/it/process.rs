//! The binary as a process: its exit codes, its signals, its orphans, its memory.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use clarateach_protocol::token::SigningKey;

const BINARY: &str = env!("CARGO_BIN_EXE_clarateach-workspace");

pub(crate) fn command(folder: &Path) -> Command {
    let keys = folder.join("keys.json");
    std::fs::write(
        &keys,
        SigningKey::from_seed(&[7; 32]).verifying_keys().to_jwks(),
    )
    .unwrap();
    let mut command = Command::new(BINARY);
    command
        .args([
            "serve",
            "--workshop",
            "ws-abcdefgh",
            "--seat",
            "3",
            "--generation",
            "2",
        ])
        .args([
            "--listen",
            "127.0.0.1",
            "--terminal-port",
            "0",
            "--files-port",
            "0",
        ])
        .arg("--keys")
        .arg(keys)
        .arg("--root")
        .arg(folder)
        .arg("--home")
        .arg(folder.join("home"))
        .stderr(Stdio::piped());
    command
}

/// Runs to the end, which must come soon; exit code and log.
fn run<'a>(arguments: impl IntoIterator<Item = &'a OsStr>) -> (i32, String) {
    let output = Command::new("timeout")
        .args(["20", BINARY])
        .args(arguments)
        .output()
        .unwrap();
    let log = String::from_utf8(output.stderr).unwrap();
    (output.status.code().unwrap(), log)
}

/// Starts it and reads its "serving" line.
pub(crate) fn start(
    command: &mut Command,
) -> (
    Child,
    BufReader<std::process::ChildStderr>,
    serde_json::Value,
) {
    let mut child = command.spawn().unwrap();
    let mut log = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    log.read_line(&mut line).unwrap();
    let line: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(line["fields"]["message"], "serving", "{line}");
    (child, log, line)
}

#[test]
fn what_is_wrong_is_named_and_has_an_exit_code() {
    let folder = tempfile::tempdir().unwrap();
    let right = command(folder.path());
    let with = |option: &str, value: &str| {
        let mut arguments: Vec<_> = right.get_args().collect();
        let at = arguments.iter().position(|argument| *argument == option);
        arguments[at.unwrap() + 1] = OsStr::new(value);
        run(arguments)
    };
    let bad_keys = folder.path().join("bad.json");
    std::fs::write(&bad_keys, "{}").unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    for (option, value, code, word) in [
        ("--keys", bad_keys.to_str().unwrap(), 3, "JWK"),
        ("--keys", "/no/such", 3, "/no/such"),
        ("--root", "/no/such", 4, "--root"),
        ("--root", "/proc", 4, "/proc"),
        ("--home", "/proc/home", 4, "/proc/home"),
        ("--files-port", port.as_str(), 5, port.as_str()),
        ("--terminal-port", port.as_str(), 5, port.as_str()),
        ("--workshop", "ws-ABC", 2, "workshop"),
        ("--seat", "0", 2, "seat"),
        ("--seat", "03", 2, "seat"),
        ("--generation", "-1", 2, "generation"),
    ] {
        let (actual, log) = with(option, value);
        assert!(
            actual == code && log.contains(word),
            "{option} {value}: {actual}: {log}"
        );
    }
}

#[test]
fn sigterm_ends_it_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let (mut child, _log, _) = start(&mut command(folder.path()));
    assert!(folder.path().join("home").is_dir());
    let begun = Instant::now();
    signal(&child, "TERM");
    assert!(child.wait().unwrap().success());
    println!("ended after {:?}", begun.elapsed());
}

pub(crate) fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill")
        .args([&format!("-{name}"), &child.id().to_string()])
        .status();
    assert!(sent.unwrap().success());
}

#[tokio::test]
async fn orphans_are_reaped_and_exit_codes_kept() {
    let folder = tempfile::tempdir().unwrap();
    let (mut child, _log, line) = start(&mut command(folder.path()));
    let port = u16::try_from(line["fields"]["terminal_port"].as_u64().unwrap()).unwrap();
    let mut page = crate::seat::page_at(port).await;
    // Each orphan loses its parent at once and ends a moment later; every fourth by a signal.
    page.run("for i in $(seq 40); do (sh -c '[ $((0 % 4)) = 0 ] && kill -9 $$' & ); done; true")
        .await;
    page.run("(sleep 0.05 &); (sleep 0.1 &); for i in 1 2 3; do (exit $i); echo code $?; done")
        .await;
    let pid = child.id();
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let children = children_of(pid);
        // The shell alone is left.
        if children.len() == 1 && !children[0].ends_with('Z') {
            break;
        }
        assert!(Instant::now() < deadline, "{children:?} are left");
        page.run("true").await;
    }
    page.type_text("exit 42\r").await;
    page.wait_for_close().await;
    assert_eq!(page.exit_code, Some(42));
    signal(&child, "TERM");
    child.wait().unwrap();
}

/// Pid and state of every child.
fn children_of(parent: u32) -> Vec<String> {
    let output = Command::new("ps")
        .args(["-o", "pid=,stat=", "--ppid", &parent.to_string()])
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines()
        .map(|line| line.trim().to_owned())
        .filter(|line| !line.is_empty())
        .collect()
}

#[tokio::test]
async fn a_flood_leaves_memory_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let (mut child, _log, line) = start(&mut command(folder.path()));
    let port = u16::try_from(line["fields"]["terminal_port"].as_u64().unwrap()).unwrap();
    let mut page = crate::seat::page_at(port).await;
    page.run("true").await;
    println!("with one terminal: {} KiB", resident(child.id()));
    flood(&mut page, 4_000_000).await;
    let warm = resident(child.id());
    flood(&mut page, 40_000_000).await;
    let after = resident(child.id());
    println!("after 4 MB: {warm} KiB, after 44 MB: {after} KiB");
    assert!(after < warm + 1024, "{warm} KiB before, {after} KiB after");
    signal(&child, "TERM");
    child.wait().unwrap();
}

async fn flood(page: &mut clarateach_client::TerminalClient, bytes: u64) {
    page.type_text("yes\r").await;
    let begun = page.position();
    while page.position() < begun + bytes {
        page.receive().await;
        page.forget();
    }
    page.type_text("\x03").await;
    page.wait_for("^C").await;
    page.run("true").await;
}

/// Kilobytes of memory that are this process's own or shared.
fn resident(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .unwrap();
    line.split_ascii_whitespace()
        .nth(1)
        .unwrap()
        .parse()
        .unwrap()
}
