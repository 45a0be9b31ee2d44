//! Documents name files that exist: link targets, and paths between backticks.

use std::path::Path;

use super::Finding::Error;
use super::{Finding, SourceFile};

/// Made by commands, so a document may name them and a checkout may lack them.
const PRODUCTS: [&str; 4] = ["target/", "data/", "web/dist", "web/node_modules"];

/// A name between backticks with one of these endings is a file of ours, wherever it is.
const ENDINGS: [&str; 10] = [
    ".md", ".rs", ".ts", ".tsx", ".toml", ".json", ".yml", ".yaml", ".sh", ".lock",
];

pub(super) fn check(sources: &[SourceFile]) -> Vec<Finding> {
    let documents = sources.iter().filter(|source| source.path.ends_with(".md"));
    documents
        .flat_map(|document| check_document(document, &|path| Path::new(path).exists()))
        .collect()
}

fn check_document(document: &SourceFile, exists: &dyn Fn(&str) -> bool) -> Vec<Finding> {
    let Some(text) = &document.text else {
        return Vec::new();
    };
    let folder = document
        .path
        .rsplit_once('/')
        .map_or("", |(folder, _)| folder);
    let beside = |path: &str| {
        if folder.is_empty() {
            path.to_owned()
        } else {
            format!("{folder}/{path}")
        }
    };
    let mut findings = Vec::new();
    let mut in_code_block = false;
    for (index, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            in_code_block = !in_code_block;
            continue;
        }
        if in_code_block {
            continue;
        }
        let missing_links = link_targets(line).filter(|target| !exists(&beside(target)));
        let missing_names = quoted(line)
            .filter(|name| is_path(name, exists))
            .map(|name| name.trim_start_matches("./").trim_end_matches('/'))
            .filter(|name| !exists(name) && !exists(&beside(name)));
        for missing in missing_links.chain(missing_names) {
            findings.push(Error(format!(
                "{}:{}: there is no {missing}",
                document.path,
                index + 1
            )));
        }
    }
    findings
}

/// `[text](target#part)` → `target`, for files of ours.
fn link_targets(line: &str) -> impl Iterator<Item = &str> {
    line.split("](").skip(1).filter_map(|rest| {
        let target = rest.split([')', ' ', '#']).next()?;
        (!target.is_empty() && !target.contains(':')).then_some(target)
    })
}

fn quoted(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

/// Whether this is meant as a path in the repository: it ends like a file, or starts with a folder that is there.
fn is_path(name: &str, exists: &dyn Fn(&str) -> bool) -> bool {
    let plain = !name.is_empty()
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "._-/".contains(c));
    if !plain
        || name.starts_with(['/', '-'])
        || PRODUCTS.iter().any(|product| name.starts_with(product))
    {
        return false;
    }
    let is_file = ENDINGS
        .iter()
        .any(|ending| name.ends_with(ending) && name.len() > ending.len());
    let (first, rest) = name
        .trim_start_matches("./")
        .split_once('/')
        .unwrap_or((name, ""));
    // A bare `server.rs` names a file of the module that the text is about.
    if rest.is_empty() {
        is_file && name.ends_with(".md")
    } else {
        is_file || exists(first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const THERE: [&str; 5] = [
        "docs",
        "docs/operations.md",
        "docs/life.md",
        "crates",
        "crates/clarateach",
    ];

    fn missing(text: &str) -> Vec<String> {
        let document = SourceFile {
            path: "docs/life.md".to_owned(),
            size: 0,
            text: Some(text.to_owned()),
        };
        let findings = check_document(&document, &|path| THERE.contains(&path));
        findings
            .into_iter()
            .map(|finding| match finding {
                Error(text) | Finding::Warning(text) => {
                    text.rsplit(' ').next().unwrap_or_default().to_owned()
                }
            })
            .collect()
    }

    #[test]
    fn links_are_followed_from_the_document_and_names_from_the_root() {
        assert_eq!(
            missing("[a](operations.md#part) [b](https://example.org/x) [c](#d)"),
            [""; 0]
        );
        assert_eq!(missing("[a](security.md)"), ["security.md"]);
        assert_eq!(
            missing("`docs/operations.md`, `crates/clarateach/`, `crates/gone`"),
            ["crates/gone"]
        );
    }

    #[test]
    fn what_only_looks_like_a_path_is_left_alone() {
        assert_eq!(
            missing(
                "`/api/join`, `{path}`, `clarateach/workspace:latest`, `target/release/clarateach`"
            ),
            [""; 0]
        );
        assert_eq!(
            missing("`application/json`, `text/plain`, `server.rs`"),
            [""; 0]
        );
        assert_eq!(missing("```\nsee `gone.md`\n```"), [""; 0]);
        assert_eq!(missing("`GONE.md`"), ["GONE.md"]);
    }
}
