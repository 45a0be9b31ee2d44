//! The `clarateach` binary: the command line, and how errors end it.

use std::process::ExitCode;

fn main() -> ExitCode {
    match clarateach::cli::run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("clarateach: {error:#}");
            ExitCode::FAILURE
        }
    }
}
