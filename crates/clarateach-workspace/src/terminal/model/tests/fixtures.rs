//! What the page's tests read (`web/src/modules/terminal/replay.test.ts`): output and the replay that the model makes
//! of it, drawn there by xterm.js itself.
//!
//! `CLARATEACH_UPDATE_FIXTURES=1 cargo test -p clarateach-workspace fixtures` writes them anew.

use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use serde_json::json;

use super::odd::STREAMS;
use super::streams::stream;
use super::{model, size};

const GENERATED: usize = 60;
const RECORDINGS: [&str; 8] = [
    "vim", "less", "top", "tmux", "colours", "mc", "nano", "htop",
];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../web/src/modules/terminal/replays")
}

/// Output, and how it is redrawn at some places.
fn case(name: &str, output: &[u8], cuts: &[usize], cols: u16, rows: u16) -> serde_json::Value {
    let redrawn = |cut: &usize| {
        let replay = model(size(cols, rows), &output[..*cut]).replay();
        json!({"at": cut, "replay": STANDARD.encode(replay)})
    };
    let cuts: Vec<_> = cuts.iter().map(redrawn).collect();
    json!({"name": name, "cols": cols, "rows": rows, "output": STANDARD.encode(output), "cuts": cuts})
}

/// Thrown together, the same every time.
fn generated(count: usize) -> Vec<serde_json::Value> {
    let mut runner = TestRunner::deterministic();
    let one = |number: usize| {
        let output = stream().new_tree(&mut runner).unwrap().current();
        let (cols, rows) = (10 + (number % 5) as u16 * 7, 4 + (number % 3) as u16 * 4);
        let cuts = [output.len() * (number % 10 + 1) / 10];
        case(&format!("generated {number}"), &output, &cuts, cols, rows)
    };
    (0..count).map(one).collect()
}

/// Recorded in a terminal of 80 columns and 24 rows (`record.sh` beside them made the last three).
fn recorded() -> Vec<serde_json::Value> {
    let one = |name: &str| {
        let path = folder().join(format!("{name}.out"));
        let output = std::fs::read(&path);
        let output = output.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let cuts: Vec<_> = (1..=5)
            .map(|fifth| output.len() * fifth / 5 - 3 * (5 - fifth))
            .collect();
        case(name, &output, &cuts, 80, 24)
    };
    RECORDINGS.map(one).to_vec()
}

/// Redrawn wherever they can be cut.
fn odd() -> Vec<serde_json::Value> {
    let one = |(name, output, cols, rows): (&str, &str, u16, u16)| {
        let cuts: Vec<_> = (1..=output.len()).collect();
        case(name, output.as_bytes(), &cuts, cols, rows)
    };
    STREAMS.map(one).to_vec()
}

#[test]
fn the_pages_fixtures_are_what_the_model_makes() {
    let cases = [recorded(), odd(), generated(GENERATED)].concat();
    let lines: String = cases.iter().map(|case| format!("{case}\n")).collect();
    let path = folder().join("cases.jsonl");
    if std::env::var_os("CLARATEACH_UPDATE_FIXTURES").is_some() {
        std::fs::write(&path, &lines).unwrap();
    }
    let known = std::fs::read_to_string(&path).unwrap();
    assert!(
        known == lines,
        "the model's replays changed: see this file's head for how to write them anew"
    );
}
