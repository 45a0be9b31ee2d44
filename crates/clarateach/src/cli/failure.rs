//! How commands end: exit codes, and what is said on standard error.

use std::process::ExitCode;

use clarateach_protocol::error::{ErrorBody, ErrorDetail};

use super::table::plain;

/// Exit codes, as `--help` and `docs/operations.md` list them; 0 is success, 130 an interruption.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exit {
    /// It was tried, and did not work.
    Failed = 1,
    /// The command line is wrong; nothing was tried.
    Usage = 2,
    /// The server doesn't answer.
    Unreachable = 3,
    /// The server doesn't know who asks.
    NotSignedIn = 4,
    /// It is done, and some seats failed.
    SeatsFailed = 5,
    /// `status --exit-code`: something is left.
    NotSafe = 6,
}

/// What every `--help` that matters says at its end.
pub(super) const EXIT_CODES: &str = "\
Exit codes: 0 done; 1 failed; 2 wrong usage; 3 the server can't be reached; 4 not signed in;
5 some seats failed; 6 not safe to power off (status --exit-code); 130 interrupted (128 + signal).
With --json standard output is one JSON document, and an error one on standard error:
{\"error\": {\"code\", \"message\", …}}, as the API has it.";

/// A failure with an exit code of its own.
#[derive(Debug, thiserror::Error)]
#[error("{for_people}")]
pub(super) struct Failure {
    pub(super) exit: Exit,
    /// As scripts read it.
    pub(super) detail: ErrorDetail,
    for_people: String,
}

impl Failure {
    pub(super) fn new(exit: Exit, code: &str, message: impl Into<String>) -> Self {
        let detail = ErrorBody::new(code, message).error;
        Self {
            exit,
            for_people: plain(&detail.message),
            detail,
        }
    }

    pub(super) fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, "usage", message)
    }

    /// The server's own words, and what to do where it is about who asks.
    pub(super) fn of_server(detail: ErrorDetail, hint: &str) -> Self {
        let exit = match detail.code.as_str() {
            "unauthenticated" | "bad_token" | "setup_required" | "bad_credentials" => {
                Exit::NotSignedIn
            }
            _ => Exit::Failed,
        };
        let request = detail
            .request_id
            .as_deref()
            .map(|id| format!(", request {id}"))
            .unwrap_or_default();
        let hint = if hint.is_empty() {
            String::new()
        } else {
            format!(". Hint: {hint}")
        };
        let said = format!("{} ({}{request})", detail.message, detail.code);
        Self {
            exit,
            for_people: format!("{}{}", plain(&said), plain(&hint)),
            detail,
        }
    }
}

/// Says what went wrong, for people or for scripts, and which code the process ends with.
pub(super) fn tell(error: &anyhow::Error, json: bool) -> ExitCode {
    let failure = error.downcast_ref::<Failure>();
    if json {
        let detail = failure.map_or_else(
            || ErrorBody::new("failed", one_line(error)).error,
            |failure| failure.detail.clone(),
        );
        say_json(ErrorBody { error: detail });
    } else {
        eprintln!("clarateach: {}", one_line(error));
    }
    code(failure.map_or(Exit::Failed, |failure| failure.exit))
}

/// What the parser found; `--help` and `--version` are no failures.
pub(super) fn tell_usage(error: &clap::Error, json: bool) -> ExitCode {
    if !error.use_stderr() {
        let _ = error.print();
        return ExitCode::SUCCESS;
    }
    if json {
        let text = error.render().to_string();
        let said = text.split("\n\n").next().unwrap_or_default();
        let said = said.trim_start_matches("error: ").trim();
        say_json(ErrorBody::new("usage", said));
    } else {
        let _ = error.print();
    }
    code(Exit::Usage)
}

fn code(exit: Exit) -> ExitCode {
    ExitCode::from(exit as u8)
}

fn say_json(body: ErrorBody) {
    let text = serde_json::to_string(&body).expect("an error is plain data");
    eprintln!("{text}");
}

/// An error with its causes, each said once: most messages name their cause already.
fn one_line(error: &anyhow::Error) -> String {
    error.chain().fold(String::new(), |line, cause| {
        let cause = cause.to_string();
        if line.contains(&cause) {
            line
        } else if line.is_empty() {
            cause
        } else {
            format!("{line}: {cause}")
        }
    })
}
