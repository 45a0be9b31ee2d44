//! Documents name files that exist: link targets, and paths between backticks.

use super::Finding::Error;
use super::{Finding, SourceFile};

/// Made by commands, so a document may name them and a checkout may lack them.
const PRODUCTS: [&str; 4] = ["target/", "data/", "web/dist", "web/node_modules"];

/// A name between backticks with one of these endings is a file of ours, wherever it is.
const ENDINGS: [&str; 10] = [
    ".md", ".rs", ".ts", ".tsx", ".toml", ".json", ".yml", ".yaml", ".sh", ".lock",
];

pub(super) fn check(sources: &[SourceFile]) -> Vec<Finding> {
    let tree = Tree(sources.iter().map(|source| source.path.as_str()).collect());
    let documents = sources.iter().filter(|source| source.path.ends_with(".md"));
    documents
        .flat_map(|document| check_document(document, &tree))
        .collect()
}

/// Paths of all files, from the root.
struct Tree<'a>(Vec<&'a str>);

impl Tree<'_> {
    /// A file, or a folder with files in it.
    fn has(&self, path: &str) -> bool {
        let below = |file: &str| {
            file.strip_prefix(path)
                .is_some_and(|rest| rest.starts_with('/'))
        };
        self.0.iter().any(|file| *file == path || below(file))
    }

    /// `http/error.rs` for a text that is about the module it is in.
    fn has_inside(&self, path: &str) -> bool {
        let (end, middle) = (format!("/{path}"), format!("/{path}/"));
        self.0
            .iter()
            .any(|file| file.ends_with(&end) || file.contains(&middle))
    }
}

fn check_document(document: &SourceFile, tree: &Tree) -> Vec<Finding> {
    let Some(text) = &document.text else {
        return Vec::new();
    };
    let folder = document
        .path
        .rsplit_once('/')
        .map_or("", |(folder, _)| folder);
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
        let missing_links = link_targets(line).filter(|target| !tree.has(&joined(folder, target)));
        let missing_names = quoted(line)
            .filter(|name| is_path(name, tree))
            .map(|name| name.trim_start_matches("./").trim_end_matches('/'))
            .filter(|name| !tree.has(name) && !tree.has_inside(name));
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

/// Where a relative link from a document in this folder leads.
fn joined(folder: &str, target: &str) -> String {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in target.split('/').filter(|part| !matches!(*part, "" | ".")) {
        if part == ".." {
            parts.pop();
        } else {
            parts.push(part);
        }
    }
    parts.join("/")
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
fn is_path(name: &str, tree: &Tree) -> bool {
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
        is_file || tree.has(first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILES: [&str; 4] = [
        "README.md",
        "docs/operations.md",
        "docs/life.md",
        "crates/clarateach/src/http/error.rs",
    ];

    fn missing(text: &str) -> Vec<String> {
        let document = SourceFile {
            path: "docs/life.md".to_owned(),
            size: 0,
            text: Some(text.to_owned()),
        };
        let findings = check_document(&document, &Tree(FILES.to_vec()));
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
        assert_eq!(
            missing("[a](security.md) [b](../README.md)"),
            ["security.md"]
        );
        assert_eq!(
            missing("`docs/operations.md`, `crates/clarateach/`, `crates/gone`"),
            ["crates/gone"]
        );
    }

    #[test]
    fn a_module_s_files_may_be_named_from_the_module() {
        assert_eq!(
            missing("`http/error.rs`, `proxy/error.rs`"),
            ["proxy/error.rs"]
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
