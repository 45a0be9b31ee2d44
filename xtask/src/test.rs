//! Everything that must hold before a change lands, cheapest first; the first failure ends the run.
//! Runners print as they go, so their own closing lines are in the output.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result};

use crate::process::{Run, cargo, command, show_tail, target_directory};
use crate::step::step;
use crate::{bench, build, fuzz, images, openapi, tidy};

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Extent {
    Usual,
    All,
}

pub(crate) fn run(extent: Extent) -> Result<()> {
    let start = Instant::now();
    steps(extent)?;
    eprintln!("everything passed in {} s", start.elapsed().as_secs());
    Ok(())
}

fn steps(extent: Extent) -> Result<()> {
    step("format", || {
        command("cargo", ["fmt", "--all", "--check"]).shown()
    })?;
    tidy::run()?;
    dependencies()?;

    build::pages()?;
    step("pages: lint", || npm("web", "lint").shown())?;
    step("pages: types", || npm("web", "typecheck").shown())?;
    step("pages: tests", || npm("web", "test").shown())?;

    images::workspace(&images::Options::default())?;
    images::firewall(false)?;
    images::browser(false)?;
    let in_seat_server = build::in_seat_server()?;
    step("clippy", || {
        let mut clippy = cargo("clippy", ["--locked", "--workspace", "--all-targets"]);
        build::embed(&mut clippy, &in_seat_server)
            .args(["--", "--deny", "warnings"])
            .shown()
    })?;
    step("rust tests", || {
        let mut tests = cargo("test", ["--locked", "--workspace"]);
        if extent == Extent::All {
            tests.env("CLARATEACH_TEST_ALL", "1");
        }
        build::embed(as_root(&mut tests), &in_seat_server).shown()
    })?;
    fuzz::run(extent)?;
    build::server(build::Profile::Dev, &in_seat_server)?;
    step("openapi", || {
        openapi::run(openapi::Mode::Check, &in_seat_server)
    })?;
    bench::smoke(&in_seat_server)?;
    journeys(extent)
}

/// Advisories and licences, where the tool is installed: it is a large one to build for every machine.
fn dependencies() -> Result<()> {
    if command("cargo", ["deny", "--version"]).answer().is_none() {
        eprintln!(
            "▸ dependencies: not checked, cargo-deny is not installed (cargo install cargo-deny)"
        );
        return Ok(());
    }
    step("dependencies", || {
        command("cargo", ["deny", "--all-features", "check"]).logged("cargo-deny")
    })
}

/// Seats' networks and disks are root's; cargo itself stays the user's.
fn as_root(tests: &mut Command) -> &mut Command {
    if !is_root() {
        let host = format!(
            "CARGO_TARGET_{}_UNKNOWN_LINUX_GNU_RUNNER",
            std::env::consts::ARCH.to_uppercase()
        );
        tests.env(host, "sudo --preserve-env");
    }
    tests
}

fn is_root() -> bool {
    command("id", ["--user"]).answer().as_deref() == Some("0")
}

fn npm(folder: &str, script: &str) -> Command {
    let mut npm = command("npm", ["run", "--silent", script]);
    npm.current_dir(folder);
    npm
}

/// A real browser on the real binaries and real seats.
fn journeys(extent: Extent) -> Result<()> {
    build::install_node_modules("e2e")?;
    let binary = target_directory()?.join("debug/clarateach");
    let chromium = chromium()?;
    step("journeys", || {
        let mut journeys = if is_root() {
            command("npm", ["test"])
        } else {
            command("sudo", ["--preserve-env", "npm", "test"])
        };
        if extent == Extent::All {
            journeys.env("CLARATEACH_TEST_ALL", "1");
        }
        journeys
            .current_dir("e2e")
            .env("CLARATEACH_BINARY", &binary);
        let result = journeys.env("CLARATEACH_CHROMIUM", &chromium).shown();
        if result.is_err() {
            show_logs(Path::new("e2e/results"));
        }
        result
    })
}

/// Where a machine is gone after the run, what the servers said must be in the run's own output.
fn show_logs(folder: &Path) {
    let find = command("find", [".", "-name", "*.log", "-size", "+0"])
        .current_dir(folder)
        .answer();
    for log in find.iter().flat_map(|list| list.lines()) {
        eprintln!("---- the end of {log}");
        show_tail(&folder.join(log));
    }
}

fn chromium() -> Result<String> {
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let found = names
        .iter()
        .find_map(|name| command("which", [name]).answer());
    found
        .filter(|path| Path::new(path).exists())
        .context("no Chromium: ./x test installs it")
}
