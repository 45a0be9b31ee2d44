//! The clarateach binary: pages and the static in-seat server are built first and embedded in it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::process::{Run, cargo, command, target_directory};
use crate::stamp::{Inputs, step_when_changed};
use crate::step::step;

/// It is copied into every seat's view and every release, so its size is watched.
const IN_SEAT_SERVER_LIMIT: u64 = 10_000_000;

#[derive(Clone, Copy)]
pub(crate) enum Profile {
    Dev,
    Release,
}

pub(crate) fn all(profile: Profile) -> Result<()> {
    pages()?;
    server(profile, &in_seat_server()?)
}

/// `clarateach`, once pages and in-seat server are there.
pub(crate) fn server(profile: Profile, in_seat_server: &Path) -> Result<()> {
    step("build: clarateach", || {
        let mut cargo = cargo("build", ["--locked", "--package", "clarateach"]);
        if let Profile::Release = profile {
            cargo.arg("--release");
        }
        embed(&mut cargo, in_seat_server).shown()
    })
}

/// Every cargo command that compiles the server gets the same embedded binary, else each would build it anew.
pub(crate) fn embed<'a>(cargo: &'a mut Command, in_seat_server: &Path) -> &'a mut Command {
    cargo.env("CLARATEACH_WORKSPACE_BINARY", in_seat_server)
}

/// `web/dist`, and `web/node_modules` for whoever goes on in `web/`.
pub(crate) fn pages() -> Result<()> {
    install_node_modules("web")?;
    let inputs = Inputs::new().path("web")?;
    step_when_changed(
        "build: pages",
        inputs,
        Path::new("web/dist/index.html"),
        || {
            command("npm", ["run", "build"])
                .current_dir("web")
                .logged("build-pages")
        },
    )
}

/// `npm ci`, when the lock file or the folder's Node.js changed.
pub(crate) fn install_node_modules(folder: &str) -> Result<()> {
    let inputs = Inputs::new()
        .path(format!("{folder}/package.json"))?
        .path(format!("{folder}/package-lock.json"))?
        .text(&command("node", ["--version"]).read()?);
    let product = Path::new(folder).join("node_modules");
    step_when_changed(&format!("npm ci: {folder}"), inputs, &product, || {
        command("npm", ["ci", "--no-fund", "--no-audit"])
            .env("PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD", "1")
            .current_dir(folder)
            .logged(&format!("npm-ci-{folder}"))
    })
}

/// Linked statically against this system's libc, so that it runs in any image.
pub(crate) fn in_seat_server() -> Result<PathBuf> {
    let target = host_target()?;
    let binary = target_directory()?
        .join(&target)
        .join("release/clarateach-workspace");
    step("build: in-seat server", || {
        cargo(
            "build",
            [
                "--locked",
                "--release",
                "--package",
                "clarateach-workspace",
                "--target",
                &target,
            ],
        )
        .env("RUSTFLAGS", "-C target-feature=+crt-static")
        .shown()?;
        let size = fs::metadata(&binary)
            .with_context(|| format!("looking at {}", binary.display()))?
            .len();
        ensure!(
            size < IN_SEAT_SERVER_LIMIT,
            "{} has {size} bytes, the limit is {IN_SEAT_SERVER_LIMIT}: look for a heavy dependency",
            binary.display()
        );
        ensure_static(&binary)
    })?;
    Ok(binary)
}

/// A dynamically linked program names its loader in a program header of type PT_INTERP.
fn ensure_static(binary: &Path) -> Result<()> {
    let content = fs::read(binary)?;
    let loader = content
        .windows(8)
        .take(4096)
        .any(|bytes| bytes == b"/ld-linu" || bytes.starts_with(b"/lib64/"));
    ensure!(
        !loader,
        "{} is linked dynamically and would not start in other images",
        binary.display()
    );
    Ok(())
}

fn host_target() -> Result<String> {
    let version = command("rustc", ["--version", "--verbose"]).read()?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned)
        .context("rustc --version --verbose names no host")
}
