//! Puts the in-seat server's binary into this one.
//!
//! `CLARATEACH_WORKSPACE_BINARY` names it (`./x build` sets it). Without it the server is built all the
//! same, and says at start that it needs `--workspace-binary`.

use std::path::PathBuf;
use std::{env, fs};

fn main() {
    println!("cargo::rerun-if-env-changed=CLARATEACH_WORKSPACE_BINARY");
    println!("cargo::rerun-if-changed=../../web/dist");
    let target = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"))
        .join("clarateach-workspace");
    match env::var_os("CLARATEACH_WORKSPACE_BINARY").filter(|path| !path.is_empty()) {
        Some(path) => {
            println!("cargo::rerun-if-changed={}", PathBuf::from(&path).display());
            fs::copy(&path, &target).unwrap_or_else(|error| {
                panic!("cannot copy {}: {error}", PathBuf::from(&path).display())
            });
        }
        None => fs::write(&target, b"").expect("OUT_DIR can be written"),
    }
}
