//! Fuzz targets: the parsers that read what strangers wrote, for seconds in every run, for minutes in a long one.
//!
//! The compiler's coverage marks are stable flags, so neither a nightly compiler nor cargo-fuzz is needed
//! (`cargo fuzz` works in that folder as well). Sanitizers are left out: they would need one, and this is safe Rust.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::process::{Run, cargo, target_directory};
use crate::step::step;
use crate::test::Extent;

/// Crates of targets: the seat's own, and the gateway's.
const CRATES: [(&str, [&str; 3]); 2] = [
    (
        "crates/clarateach-workspace/fuzz",
        ["paths", "archives", "frames"],
    ),
    ("crates/clarateach/fuzz", ["routes", "headers", "cookies"]),
];
/// Of one target, in seconds; the build comes on top.
const SHORT: u32 = 10;
const LONG: u32 = 600;
/// One input may take so many seconds, and so many megabytes.
const INPUT_SECONDS: u32 = 10;
const MEMORY_MB: u32 = 1024;

/// What libFuzzer reads to see where an input leads; the same that cargo-fuzz passes.
const COVERAGE: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares --cfg fuzzing \
    -Cllvm-args=-simplifycfg-branch-fold-threshold=0 -Cllvm-args=-sanitizer-coverage-stack-depth \
    -Cdebug-assertions -Ccodegen-units=1";

pub(crate) fn run(extent: Extent) -> Result<()> {
    let seconds = match extent {
        Extent::Usual => SHORT,
        Extent::All => LONG,
    };
    let programs = step("fuzz: build", build)?;
    let targets: Vec<_> = CRATES
        .iter()
        .flat_map(|(folder, targets)| targets.map(|target| (*folder, target)))
        .collect();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    for some in targets.chunks(cores) {
        let names = some.iter().map(|(_, target)| *target).collect::<Vec<_>>();
        step(&format!("fuzz: {} ({seconds} s)", names.join(", ")), || {
            fuzz_all(&programs, some, seconds)
        })?;
    }
    Ok(())
}

/// The folder that the targets' programs are in.
fn build() -> Result<PathBuf> {
    let directory = target_directory()?.join("x/fuzz");
    // Named, so that the flags are for the targets and not for build scripts.
    let triple = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    for (folder, _) in CRATES {
        let manifest = format!("{folder}/Cargo.toml");
        cargo("build", ["--locked", "--release", "--bins"])
            .args(["--manifest-path", &manifest, "--target", &triple])
            .arg("--target-dir")
            .arg(&directory)
            .env("RUSTFLAGS", COVERAGE)
            .shown()?;
    }
    Ok(directory.join(triple).join("release"))
}

/// Targets side by side, one a core.
fn fuzz_all(programs: &Path, targets: &[(&str, &str)], seconds: u32) -> Result<()> {
    std::thread::scope(|scope| {
        let running: Vec<_> = targets
            .iter()
            .map(|(folder, target)| scope.spawn(move || fuzz(programs, folder, target, seconds)))
            .collect();
        let ended = running.into_iter().map(|thread| {
            let result = thread.join();
            result.unwrap_or_else(|_| Err(anyhow::anyhow!("a thread panicked")))
        });
        ended.collect::<Vec<_>>().into_iter().collect()
    })
}

/// What a run finds by itself stays in `target`; the seeds in the repository stay as they are.
fn fuzz(programs: &Path, folder: &str, target: &str, seconds: u32) -> Result<()> {
    let work = target_directory()?.join("x/fuzz-corpus").join(target);
    fs::create_dir_all(&work).with_context(|| format!("making {}", work.display()))?;
    let seeds = std::path::absolute(Path::new(folder).join("seeds").join(target))?;
    let mut fuzz = Command::new(programs.join(target));
    fuzz.args([&work, &seeds])
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-timeout={INPUT_SECONDS}"))
        .arg(format!("-rss_limit_mb={MEMORY_MB}"))
        .arg(format!("-artifact_prefix={}/failed-", work.display()))
        .args(["-max_len=4096", "-print_final_stats=1"])
        .logged(&format!("fuzz-{target}"))
        .with_context(|| format!("the input is in {}, see its log", work.display()))
}
