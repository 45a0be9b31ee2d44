//! The in-seat server that real seats run in these tests.

use std::path::PathBuf;

/// The one that `./x test` built, or the one beside this test.
pub(crate) fn server() -> PathBuf {
    if let Some(path) = std::env::var_os("CLARATEACH_WORKSPACE_BINARY") {
        return path.into();
    }
    let test = std::env::current_exe().unwrap();
    let target = test.ancestors().nth(2).unwrap();
    let path = target.join("clarateach-workspace");
    assert!(
        path.exists(),
        "these tests need the in-seat server: set CLARATEACH_WORKSPACE_BINARY, or `cargo build -p clarateach-workspace` for {}",
        path.display()
    );
    path
}
