//! The `clarateach` binary: the command line.

use std::process::ExitCode;

fn main() -> ExitCode {
    clarateach::cli::run()
}
