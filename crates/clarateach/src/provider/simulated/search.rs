//! A simulated seat's `/search`: plain text, in names and in lines.

use std::sync::{Mutex, PoisonError};

use clarateach_protocol::files::{FoundLine, FoundLines, FoundName, FoundNames, SearchEnd};
use http::{Method, Request, StatusCode};
use hyper::body::Incoming;

use super::files::FileTree;
use super::http::{Answer, Refusal, invalid_input, json, not_allowed};

const LIMIT: usize = 200;

pub(super) fn answer(
    tree: &Mutex<FileTree>,
    request: &Request<Incoming>,
) -> Result<Answer, Refusal> {
    if request.method() != Method::GET {
        return Err(not_allowed());
    }
    let query = request.uri().query().unwrap_or_default();
    let pairs: Vec<(String, String)> =
        serde_urlencoded::from_str(query).map_err(|_| invalid_input())?;
    let value = |name: &str| {
        let found = pairs.iter().find(|(each, _)| each == name);
        found.map_or("", |(_, value)| value.as_str())
    };
    let words = value("q").to_lowercase();
    let tree = tree.lock().unwrap_or_else(PoisonError::into_inner);
    if value("in") == "contents" {
        return Ok(json(StatusCode::OK, &lines(&tree, &words)));
    }
    let mut matches: Vec<FoundName> = tree
        .entries()
        .filter(|(path, _, _)| path.to_lowercase().contains(&words))
        .map(|(path, kind, _)| FoundName {
            path: path.to_owned(),
            name: path.rsplit('/').next().unwrap_or_default().to_owned(),
            kind,
        })
        .collect();
    matches.sort_by_key(|found| found.path.len());
    let truncated = matches.len() > LIMIT;
    matches.truncate(LIMIT);
    let found = FoundNames {
        matches,
        truncated,
        reason: truncated.then_some(SearchEnd::Limit),
    };
    Ok(json(StatusCode::OK, &found))
}

fn lines(tree: &FileTree, words: &str) -> FoundLines {
    let mut matches = Vec::new();
    let mut searched = 0;
    for (path, _, content) in tree.entries() {
        let Some(text) = content.and_then(|bytes| std::str::from_utf8(bytes).ok()) else {
            continue;
        };
        searched += 1;
        for (number, line) in (1..).zip(text.lines()) {
            // Of a line whose lower case has other lengths the column would be wrong.
            let lower = line.to_lowercase();
            let Some(at) = lower.find(words).filter(|_| lower.len() == line.len()) else {
                continue;
            };
            let units = |text: &str| text.encode_utf16().count() as u64;
            let column = 1 + lower.get(..at).map_or(0, units);
            matches.push(FoundLine {
                path: path.to_owned(),
                line: number,
                column,
                end_column: column + units(words),
                text: line.chars().take(250).collect(),
                text_column: 1,
            });
        }
    }
    let truncated = matches.len() > LIMIT;
    matches.truncate(LIMIT);
    FoundLines {
        matches,
        truncated,
        reason: truncated.then_some(SearchEnd::Limit),
        files_searched: searched,
        files_skipped: 0,
    }
}
