//! The import rules of the server's modules (ARCHITECTURE.md has the table with the reasons).
//! Paths are read from the text: `crate::…`, `super::…` and the names of other crates, in code, not in comments.

use super::Finding::Error;
use super::{Finding, SourceFile};

const ROOT: &str = "crates/clarateach/src/";

/// A module, and what it must not name: modules of this crate (`store`, `provider::docker`)
/// and, with two colons at the end, other crates (`axum::`). Modules inside it obey as well.
type Rule = (&'static str, &'static str);

#[rustfmt::skip]
const RULES: [Rule; 17] = [
    ("model", "store provider orchestrator service proxy auth http cli config app server
               axum:: hyper:: rusqlite:: bollard:: serde::"),
    ("store", "provider orchestrator service proxy http cli app server axum:: bollard::"),
    ("provider", "store orchestrator service proxy http cli app server axum:: rusqlite::"),
    ("provider::docker", "provider::simulated"),
    ("provider::simulated", "provider::docker bollard::"),
    ("orchestrator", "provider::docker provider::simulated service proxy http cli app server
                      axum:: rusqlite:: bollard::"),
    ("service", "provider::docker provider::simulated proxy http cli app server axum:: rusqlite:: bollard::"),
    ("feed", "store provider proxy http cli app server axum:: hyper:: rusqlite:: bollard::"),
    ("reach", "store provider orchestrator service proxy http cli app server axum:: hyper::"),
    ("proxy", "provider::docker provider::simulated cli app server rusqlite:: bollard::"),
    ("auth", "provider orchestrator service proxy http cli app server axum:: bollard::"),
    ("http", "store provider cli app rusqlite:: bollard::"),
    ("internal", "store feed proxy cli app provider::docker provider::simulated rusqlite:: bollard::"),
    ("backup", "provider orchestrator service proxy http cli app feed axum:: rusqlite:: bollard::"),
    ("recovery", "provider::docker provider::simulated proxy http cli app feed axum:: rusqlite:: bollard::"),
    ("cli", "store orchestrator service proxy axum:: rusqlite:: bollard::"),
    ("config", "store orchestrator service proxy http cli app server rusqlite:: bollard::"),
];

/// Crates that are never shipped: what is below `crates/` may have them as dev-dependencies only.
const DEV_ONLY: [&str; 2] = ["clarateach-client", "clarateach-bench"];

/// Test files may name what they try: a rule is about what is shipped.
pub(super) fn check(sources: &[SourceFile]) -> Vec<Finding> {
    let mut findings = check_modules(sources);
    findings.extend(sources.iter().flat_map(check_manifest));
    findings
}

/// A manifest of ours that ships a crate made for tests.
fn check_manifest(source: &SourceFile) -> Vec<Finding> {
    let (true, Some(text)) = (is_shipped_manifest(&source.path), &source.text) else {
        return Vec::new();
    };
    let mut section = "";
    let mut findings = Vec::new();
    for (index, line) in text.lines().enumerate() {
        if line.starts_with('[') {
            section = line.trim();
        }
        let named = DEV_ONLY.iter().find(|name| {
            line.strip_prefix(**name)
                .is_some_and(|rest| rest.starts_with(['.', ' ', '=']))
        });
        if let Some(name) = named.filter(|_| section != "[dev-dependencies]") {
            findings.push(Error(format!(
                "{}:{}: {name} is for tests: move it to [dev-dependencies]",
                source.path,
                index + 1
            )));
        }
    }
    findings
}

fn is_shipped_manifest(path: &str) -> bool {
    path.starts_with("crates/") && path.ends_with("/Cargo.toml")
}

fn check_modules(sources: &[SourceFile]) -> Vec<Finding> {
    let shipped = sources
        .iter()
        .filter(|source| !source.path.ends_with("tests.rs"));
    shipped.flat_map(check_file).collect()
}

fn check_file(source: &SourceFile) -> Vec<Finding> {
    let (Some(module), Some(text)) = (module_of(&source.path), &source.text) else {
        return Vec::new();
    };
    let rules = RULES
        .iter()
        .filter(|(name, _)| is_within(&module, name))
        .collect::<Vec<_>>();
    let mut findings = Vec::new();
    for (line, named) in named_paths(text, &module) {
        for (name, never) in &rules {
            if let Some(forbidden) = never
                .split_whitespace()
                .find(|forbidden| is_named(&named, forbidden))
            {
                let forbidden = forbidden.trim_end_matches("::");
                findings.push(Error(format!(
                    "{}:{line}: `{name}` must not know `{forbidden}` (the module table of ARCHITECTURE.md); it names {}",
                    source.path,
                    named.text()
                )));
            }
        }
    }
    findings
}

/// `…/src/provider/docker/network.rs` → `provider::docker::network`.
fn module_of(path: &str) -> Option<String> {
    let inside = path.strip_prefix(ROOT)?.strip_suffix(".rs")?;
    Some(inside.trim_end_matches("/mod").replace('/', "::"))
}

fn is_within(path: &str, module: &str) -> bool {
    path.strip_prefix(module)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

#[derive(Debug, PartialEq)]
enum Named {
    /// `store::Workshops` for `crate::store::Workshops`.
    OurModule(String),
    /// `axum` for `axum::Router`.
    Crate(String),
}

impl Named {
    fn text(&self) -> String {
        match self {
            Self::OurModule(path) => format!("crate::{path}"),
            Self::Crate(name) => format!("{name}::"),
        }
    }
}

fn is_named(named: &Named, forbidden: &str) -> bool {
    match named {
        Named::OurModule(path) => is_within(path, forbidden),
        Named::Crate(name) => forbidden.strip_suffix("::") == Some(name),
    }
}

/// Every path in the code that starts a name, with its line; groups in braces are spread out.
fn named_paths(text: &str, module: &str) -> Vec<(usize, Named)> {
    let code: String = text
        .lines()
        .map(|line| line.split("//").next().unwrap_or_default().to_owned() + "\n")
        .collect();
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(length) = code[from..].find("::") {
        let colons = from + length;
        from = colons + 2;
        let first = word_before(&code, colons);
        let start = colons - first.len();
        if first.is_empty() || code[..start].ends_with("::") {
            continue; // `<T as Trait>::…`, or the middle of a path that was read from its start
        }
        let line = code[..start].matches('\n').count() + 1;
        let (mut base, mut rest) = match first {
            "crate" => (Some(Vec::new()), &code[from..]),
            "super" | "self" => (Some(module.split("::").collect::<Vec<_>>()), &code[start..]),
            _ => (None, ""),
        };
        while let (Some(base), Some(after)) = (base.as_mut(), rest.strip_prefix("super::")) {
            base.pop();
            rest = after;
        }
        match base {
            Some(base) => {
                let rest = rest.trim_start_matches("self::");
                found.extend(
                    spread(&base.join("::"), rest)
                        .into_iter()
                        .map(|path| (line, Named::OurModule(path))),
                );
            }
            None => found.push((line, Named::Crate(first.to_owned()))),
        }
    }
    found
}

fn word_before(code: &str, end: usize) -> &str {
    let start = code[..end]
        .rfind(|c: char| !c.is_alphanumeric() && c != '_')
        .map_or(0, |at| at + 1);
    &code[start..end]
}

/// The paths that `a::{b, c::{d, e}}` names, each below `base`.
fn spread(base: &str, rest: &str) -> Vec<String> {
    let rest = rest.trim_start();
    if let Some(group) = rest.strip_prefix('{') {
        return members(group)
            .into_iter()
            .flat_map(|member| spread(base, member))
            .collect();
    }
    let end = rest
        .find(|c: char| !c.is_alphanumeric() && c != '_')
        .unwrap_or(rest.len());
    let path = [base, &rest[..end]]
        .into_iter()
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join("::");
    match rest[end..].strip_prefix("::") {
        Some(deeper) => spread(&path, deeper),
        None => vec![path],
    }
}

/// The text between an opened brace and its end, cut at the commas of this level.
fn members(group: &str) -> Vec<&str> {
    let (mut members, mut depth, mut start) = (Vec::new(), 0, 0);
    for (at, character) in group.char_indices() {
        match character {
            '{' => depth += 1,
            '}' if depth == 0 => {
                members.push(group[start..at].trim());
                break;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                members.push(group[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    members.retain(|member| !member.is_empty());
    members
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(path: &str, text: &str) -> usize {
        check(&[SourceFile {
            path: format!("{ROOT}{path}"),
            size: 0,
            text: Some(text.to_owned()),
        }])
        .len()
    }

    #[test]
    fn the_test_client_is_a_dev_dependency_only() {
        let findings = |section: &str| {
            check(&[SourceFile {
                path: "crates/clarateach/Cargo.toml".to_owned(),
                size: 0,
                text: Some(format!("[{section}]\nclarateach-client.workspace = true\n")),
            }])
            .len()
        };
        assert_eq!(findings("dependencies"), 1);
        assert_eq!(findings("dev-dependencies"), 0);
    }

    #[test]
    fn benchmarks_are_not_shipped_and_may_have_it() {
        let manifest = "[dependencies]\nclarateach-client.workspace = true\n";
        let findings = check(&[SourceFile {
            path: "bench/Cargo.toml".to_owned(),
            size: 0,
            text: Some(manifest.to_owned()),
        }]);
        assert_eq!(findings, []);
    }

    #[test]
    fn a_handler_may_use_services_and_not_the_store() {
        assert_eq!(
            findings("http/workshops.rs", "use crate::service::Workshops;"),
            0
        );
        assert_eq!(findings("http/workshops.rs", "use crate::store::Store;"), 1);
        assert_eq!(
            findings("http/workshops.rs", "fn f() { crate::store::open() }"),
            1
        );
        assert_eq!(
            findings("http.rs", "use crate::{model::Seat, store::{Store, Row}};"),
            2
        );
    }

    #[test]
    fn a_provider_does_not_know_the_other_one_by_any_path() {
        assert_eq!(
            findings(
                "provider/docker.rs",
                "use super::{SeatSpec, ProviderError};"
            ),
            0
        );
        assert_eq!(
            findings("provider/docker.rs", "use super::simulated::Seat;"),
            1
        );
        assert_eq!(
            findings(
                "provider/docker/seat.rs",
                "use super::super::simulated::Seat;"
            ),
            1
        );
        assert_eq!(
            findings("provider/docker/seat.rs", "use super::network::Subnet;"),
            0
        );
    }

    #[test]
    fn other_crates_count_and_comments_do_not() {
        assert_eq!(findings("service/join.rs", "use axum::Json;"), 1);
        assert_eq!(
            findings(
                "service/join.rs",
                "// as axum::Json does\n/// like [`crate::http::Error`]\n"
            ),
            0
        );
        assert_eq!(
            findings("service/join.rs", "use tower::service::axum_like;"),
            0
        );
        assert_eq!(
            findings(
                "model/seat.rs",
                "use std::net::IpAddr;\nuse crate::model::id::SeatKey;"
            ),
            0
        );
    }
}
