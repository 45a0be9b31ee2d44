//! Repository rules that no compiler checks. Every finding is printed with what to do; any error fails the run.

mod files;
mod imports;
mod markdown;

use std::fs;

use anyhow::{Context, Result, bail};

use crate::process::{Run, command};
use crate::step::step;

/// One thing that is not as it should be, as `path:line: what, and what to do`.
#[derive(Debug, PartialEq)]
pub(crate) enum Finding {
    Error(String),
    Warning(String),
}

/// A file that git tracks or would track.
pub(crate) struct SourceFile {
    pub(crate) path: String,
    pub(crate) size: u64,
    /// None when it is not UTF-8.
    pub(crate) text: Option<String>,
}

pub(crate) fn run() -> Result<()> {
    step("tidy", || {
        let sources = source_files()?;
        let mut findings = files::check(&sources, &machine_paths());
        findings.extend(imports::check(&sources));
        findings.extend(markdown::check(&sources));
        let mut errors = 0;
        for finding in &findings {
            match finding {
                Finding::Error(text) => {
                    errors += 1;
                    eprintln!("  error: {text}");
                }
                Finding::Warning(text) => eprintln!("  warning: {text}"),
            }
        }
        if errors > 0 {
            bail!("tidy: {errors} errors in {} files", sources.len());
        }
        Ok(())
    })
}

fn source_files() -> Result<Vec<SourceFile>> {
    let list = command(
        "git",
        [
            "ls-files",
            "--cached",
            "--others",
            "--exclude-standard",
            "--deduplicate",
        ],
    )
    .read()?;
    let mut sources = Vec::new();
    for path in list.lines() {
        let Ok(metadata) = fs::metadata(path) else {
            continue;
        }; // deleted, not yet committed
        let content = fs::read(path).with_context(|| format!("reading {path}"))?;
        sources.push(SourceFile {
            path: path.to_owned(),
            size: metadata.len(),
            text: String::from_utf8(content).ok(),
        });
    }
    Ok(sources)
}

/// What would give away, or depend on, where this checkout and this user live.
fn machine_paths() -> Vec<String> {
    let checkout = std::env::current_dir()
        .map(|path| path.display().to_string())
        .unwrap_or_default();
    let home = std::env::var("HOME").unwrap_or_default();
    let paths = [checkout, format!("{home}/.")];
    paths
        .into_iter()
        .filter(|path| path.matches('/').count() >= 2)
        .collect()
}
