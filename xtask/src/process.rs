//! External programs: run with their output shown, or kept in a log that is shown when they fail.

use std::fs::{self, File};
use std::io::{IsTerminal, stderr};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use anyhow::{Context, Result, bail};

/// How much of a failed program's log is shown.
const TAIL_LINES: usize = 60;

pub(crate) fn command<const N: usize>(program: &str, arguments: [&str; N]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null());
    command
}

/// cargo, quiet where nobody watches: then it says only what is wrong.
pub(crate) fn cargo<const N: usize>(subcommand: &str, arguments: [&str; N]) -> Command {
    let mut command = command(
        &std::env::var("CARGO").unwrap_or_else(|_| "cargo".into()),
        [subcommand],
    );
    if !stderr().is_terminal() {
        command.arg("--quiet");
    }
    command.args(arguments);
    command
}

/// The Docker client; by sudo for those who may not use the engine's socket.
pub(crate) fn docker<const N: usize>(arguments: [&str; N]) -> Command {
    if command("docker", ["version"]).answer().is_some() {
        return command("docker", arguments);
    }
    let mut docker = command("sudo", ["docker"]);
    docker.args(arguments);
    docker
}

/// Where cargo puts what it builds.
pub(crate) fn target_directory() -> Result<PathBuf> {
    let directory =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| PathBuf::from("target"), PathBuf::from);
    std::path::absolute(&directory).with_context(|| format!("finding {}", directory.display()))
}

pub(crate) trait Run {
    /// Its output goes where ours goes.
    fn shown(&mut self) -> Result<()>;
    /// Its output goes to `target/x/<log>.log`; the end of it is shown when the program fails.
    fn logged(&mut self, log: &str) -> Result<()>;
    /// What it printed, trimmed.
    fn read(&mut self) -> Result<String>;
    /// What it printed, if it succeeded: for asking whether something is there.
    fn answer(&mut self) -> Option<String>;
}

impl Run for Command {
    fn shown(&mut self) -> Result<()> {
        let status = self
            .status()
            .with_context(|| format!("starting {}", line(self)))?;
        check(self, status)
    }

    fn logged(&mut self, log: &str) -> Result<()> {
        let path = Path::new("target/x").join(format!("{log}.log"));
        fs::create_dir_all("target/x")?;
        let file = File::create(&path).with_context(|| format!("creating {}", path.display()))?;
        self.stdout(file.try_clone()?).stderr(file);
        let status = self
            .status()
            .with_context(|| format!("starting {}", line(self)))?;
        if !status.success() {
            show_tail(&path);
            eprintln!("    all of its output: {}", path.display());
        }
        check(self, status)
    }

    fn read(&mut self) -> Result<String> {
        let output = self
            .stderr(Stdio::inherit())
            .output()
            .with_context(|| format!("starting {}", line(self)))?;
        check(self, output.status)?;
        Ok(String::from_utf8(output.stdout)?.trim().to_owned())
    }

    fn answer(&mut self) -> Option<String> {
        let output = self
            .stderr(Stdio::null())
            .output()
            .ok()
            .filter(|output| output.status.success())?;
        Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }
}

/// Prints the end of a log, as far as it can be read.
pub(crate) fn show_tail(log: &Path) {
    let text = String::from_utf8_lossy(&fs::read(log).unwrap_or_default()).into_owned();
    let lines: Vec<&str> = text.lines().collect();
    for line in &lines[lines.len().saturating_sub(TAIL_LINES)..] {
        eprintln!("    {line}");
    }
}

fn check(command: &Command, status: ExitStatus) -> Result<()> {
    if !status.success() {
        bail!("{status}: {}", line(command));
    }
    Ok(())
}

fn line(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words
        .map(|word| word.to_string_lossy())
        .collect::<Vec<_>>()
        .join(" ")
}
