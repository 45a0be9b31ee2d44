//! Says what is being done and how long it took.

use std::time::Instant;

use anyhow::{Context, Result};

/// Runs one named piece of work. Its name is the context of its error, so a failure says which step failed.
pub(crate) fn step<T>(name: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    eprintln!("▸ {name}");
    let start = Instant::now();
    let result = work();
    let outcome = if result.is_ok() { "done" } else { "FAILED" };
    eprintln!(
        "  {name}: {outcome} in {:.1} s",
        start.elapsed().as_secs_f32()
    );
    result.with_context(|| format!("step failed: {name}"))
}
