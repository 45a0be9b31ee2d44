//! Lengths, sizes, and what betrays the machine that a file was written on.

use super::Finding::{Error, Warning};
use super::{Finding, SourceFile};

const SOFT_LINES: usize = 400;
const HARD_LINES: usize = 600;
const LARGEST_BYTES: u64 = 1_500_000;

/// In a lock file: npm writes them there unless `omit-lockfile-registry-resolved` is set.
const REGISTRY: &str = concat!("registry.", "npmjs.org");

pub(super) fn check(sources: &[SourceFile], machine_paths: &[String]) -> Vec<Finding> {
    sources
        .iter()
        .flat_map(|source| check_file(source, machine_paths))
        .collect()
}

fn check_file(source: &SourceFile, machine_paths: &[String]) -> Vec<Finding> {
    let path = &source.path;
    let mut findings = Vec::new();
    if source.size > LARGEST_BYTES {
        findings.push(Error(format!(
            "{path}: {} bytes; keep files of more than {LARGEST_BYTES} out of git",
            source.size
        )));
    }
    let Some(text) = &source.text else {
        return findings;
    };
    let lines = text.lines().count();
    if has_length_limit(path) && lines > HARD_LINES {
        findings.push(Error(format!(
            "{path}: {lines} lines, the limit is {HARD_LINES}; split it by what it is about"
        )));
    } else if has_length_limit(path) && lines > SOFT_LINES {
        findings.push(Warning(format!(
            "{path}: {lines} lines, aim below {SOFT_LINES}"
        )));
    }
    for (index, line) in text.lines().enumerate() {
        if let Some(found) = machine_paths
            .iter()
            .find(|machine_path| line.contains(machine_path.as_str()))
        {
            findings.push(Error(format!(
                "{path}:{}: {found} is a path of this machine only",
                index + 1
            )));
        }
        if path.ends_with("package-lock.json") && line.contains(REGISTRY) {
            let remedy = "npm install with omit-lockfile-registry-resolved=true";
            findings.push(Error(format!(
                "{path}:{}: names a registry; write it anew by {remedy}",
                index + 1
            )));
            break;
        }
    }
    findings
}

/// Code that people write; what tools generate may be as long as it likes.
fn has_length_limit(path: &str) -> bool {
    let written = [".rs", ".ts", ".tsx", ".js", ".mjs", ".css"]
        .iter()
        .any(|extension| path.ends_with(extension))
        || path == "x";
    written && !path.contains(".gen.")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str) -> SourceFile {
        SourceFile {
            path: path.to_owned(),
            size: text.len() as u64,
            text: Some(text.to_owned()),
        }
    }

    #[test]
    fn long_files_are_warned_about_and_very_long_ones_refused() {
        let findings = |path: &str, lines: usize| check(&[file(path, &"x\n".repeat(lines))], &[]);
        assert_eq!(findings("a.rs", SOFT_LINES), []);
        assert!(matches!(findings("a.rs", SOFT_LINES + 1)[..], [Warning(_)]));
        assert!(matches!(
            findings("web/a.tsx", HARD_LINES + 1)[..],
            [Error(_)]
        ));
        assert_eq!(findings("web/schema.gen.ts", HARD_LINES + 1), []);
        assert_eq!(findings("Cargo.lock", HARD_LINES + 1), []);
    }

    #[test]
    fn paths_of_this_machine_are_named_with_their_line() {
        let findings = check(
            &[file("README.md", "one\nsee /home/ada/clarateach/x\n")],
            &["/home/ada/clarateach".to_owned()],
        );
        assert_eq!(
            findings,
            [Error(
                "README.md:2: /home/ada/clarateach is a path of this machine only".to_owned()
            )]
        );
    }
}
