//! Fuzz targets: the parsers that read what strangers wrote, for seconds in every run, for minutes in a long one.
//!
//! libFuzzer needs a nightly compiler; the tool that drives it is built once into `target/x/tools`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::process::{Run, command, target_directory};
use crate::step::step;
use crate::test::Extent;

const FOLDER: &str = "crates/clarateach-workspace/fuzz";
const TARGETS: [&str; 3] = ["paths", "archives", "frames"];
const VERSION: &str = "0.13.2";
/// Of one target, in seconds; the build comes on top.
const SHORT: u32 = 10;
const LONG: u32 = 600;
/// One input may take so many seconds, and so many megabytes.
const INPUT_SECONDS: u32 = 10;
const MEMORY_MB: u32 = 1024;

pub(crate) fn run(extent: Extent) -> Result<()> {
    let seconds = match extent {
        Extent::Usual => SHORT,
        Extent::All => LONG,
    };
    step("fuzz: nightly compiler", check_nightly)?;
    let tools = std::path::absolute("target/x/tools")?;
    let tool = tools.join("bin/cargo-fuzz");
    if !tool.exists() {
        step("fuzz: cargo-fuzz", || install(&tools))?;
    }
    step("fuzz: build", || fuzz(&tool, "build")?.logged("fuzz-build"))?;
    for target in TARGETS {
        step(&format!("fuzz: {target} ({seconds} s)"), || {
            fuzz_target(&tool, target, seconds)
        })?;
    }
    Ok(())
}

fn check_nightly() -> Result<()> {
    let list = command("rustup", ["toolchain", "list"]).answer();
    let has = |list: String| list.lines().any(|line| line.starts_with("nightly"));
    if !list.is_some_and(has) {
        bail!(
            "fuzzing needs a nightly compiler: rustup toolchain install nightly --profile minimal"
        );
    }
    Ok(())
}

fn install(tools: &Path) -> Result<()> {
    let mut install = command("cargo", ["install", "cargo-fuzz", "--locked", "--version"]);
    install.arg(VERSION).arg("--root").arg(tools);
    nightly(&mut install).logged("cargo-fuzz")
}

/// Nothing of the compiler that runs us may reach the one that it runs.
fn nightly(command: &mut Command) -> &mut Command {
    for name in ["CARGO", "RUSTC", "RUSTDOC", "RUSTFLAGS"] {
        command.env_remove(name);
    }
    command.env("RUSTUP_TOOLCHAIN", "nightly")
}

/// Without a sanitizer: this code is safe Rust, and they double the build.
fn fuzz(tool: &Path, subcommand: &str) -> Result<Command> {
    let mut fuzz = Command::new(tool);
    nightly(&mut fuzz)
        .args([
            "fuzz",
            subcommand,
            "--sanitizer",
            "none",
            "--fuzz-dir",
            FOLDER,
        ])
        .arg("--target-dir")
        .arg(target_directory()?.join("x/fuzz"));
    Ok(fuzz)
}

/// What a run finds by itself stays in `target`; the seeds in the repository stay as they are.
fn fuzz_target(tool: &Path, target: &str, seconds: u32) -> Result<()> {
    let found: PathBuf = target_directory()?.join("x/fuzz-corpus").join(target);
    fs::create_dir_all(&found).with_context(|| format!("making {}", found.display()))?;
    let seeds = std::path::absolute(Path::new(FOLDER).join("seeds").join(target))?;
    fuzz(tool, "run")?
        .arg(target)
        .args([found, seeds])
        .arg("--")
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-timeout={INPUT_SECONDS}"))
        .arg(format!("-rss_limit_mb={MEMORY_MB}"))
        .args(["-max_len=4096", "-print_final_stats=1"])
        .logged(&format!("fuzz-{target}"))
}
