//! The host's own programs (`nft`, `mount`, `mkfs.ext4` …), each with a deadline.
//!
//! Knows nothing of seats: says what a program printed, and what to install where it is missing.

use std::io;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::process::Command;

/// None of these programs has more to do than some system calls.
const DEADLINE: Duration = Duration::from_secs(20);
/// Where these programs live; an ordinary user's PATH leaves the last two out.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin";

/// Why a program didn't do its work.
#[derive(Debug, thiserror::Error)]
pub(super) enum CommandError {
    #[error("{program} is not installed. Hint: install the package {package}")]
    Missing {
        program: &'static str,
        package: &'static str,
    },
    #[error("cannot run {program}: {source}")]
    Run {
        program: &'static str,
        source: io::Error,
    },
    #[error("{program} took longer than {} s", DEADLINE.as_secs())]
    Deadline { program: &'static str },
    #[error("{program}: {detail}")]
    Failed {
        program: &'static str,
        detail: String,
    },
}

/// Runs a program to its end; its standard output.
pub(super) async fn run(program: &'static str, arguments: &[&str]) -> Result<String, CommandError> {
    run_with_input(program, arguments, "").await
}

/// Runs a program with a text as its standard input.
pub(super) async fn run_with_input(
    program: &'static str,
    arguments: &[&str],
    input: &str,
) -> Result<String, CommandError> {
    let work = async {
        let mut child = Command::new(program)
            .args(arguments)
            .env_clear()
            .env("PATH", PATH)
            .env("LC_ALL", "C")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        if let Some(mut stdin) = child.stdin.take() {
            // A program that fails early closes its input; what it says about that counts.
            match stdin.write_all(input.as_bytes()).await {
                Err(error) if error.kind() != io::ErrorKind::BrokenPipe => return Err(error),
                _ => {}
            }
        }
        child.wait_with_output().await
    };
    let output = tokio::time::timeout(DEADLINE, work)
        .await
        .map_err(|_| CommandError::Deadline { program })?
        .map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => CommandError::Missing {
                program,
                package: package(program),
            },
            _ => CommandError::Run { program, source },
        })?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let detail = match said.trim() {
        "" => output.status.to_string(),
        said => said.to_owned(),
    };
    Err(CommandError::Failed { program, detail })
}

/// The Debian package that a program comes with.
fn package(program: &str) -> &'static str {
    match program {
        "nft" => "nftables",
        "mkfs.ext4" | "debugfs" => "e2fsprogs",
        _ => "mount",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_failing_program_is_quoted() {
        let error = run("ls", &["/nonexistent-for-sure"]).await.unwrap_err();
        assert!(
            error.to_string().contains("No such file"),
            "it says {error}"
        );
    }

    #[tokio::test]
    async fn input_is_passed_on() {
        assert_eq!(run_with_input("cat", &[], "hello").await.unwrap(), "hello");
    }

    #[tokio::test]
    async fn a_missing_program_names_its_package() {
        let error = run("mkfs.nothing", &[]).await.unwrap_err();
        assert!(matches!(error, CommandError::Missing { .. }));
    }
}
