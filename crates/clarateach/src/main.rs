//! The `clarateach` binary: the command line.

use std::process::ExitCode;

/// A proxy allocates and frees all the time, on every worker; the C library's allocator takes twice as long.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    clarateach::cli::run()
}
