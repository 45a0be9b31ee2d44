//! The OpenAPI document and the pages' types. Code is the source: server → document → TypeScript.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use crate::build::{embed, install_node_modules};
use crate::process::{Run, cargo, command};

const DOCUMENT: &str = "crates/clarateach/openapi.json";
const TYPES: &str = "web/src/api/schema.gen.ts";

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Mode {
    Write,
    Check,
}

pub(crate) fn run(mode: Mode, in_seat_server: &Path) -> Result<()> {
    let mut server = cargo("run", ["--package", "clarateach", "--", "openapi"]);
    let document = embed(&mut server, in_seat_server).read()? + "\n";
    settle(DOCUMENT, &document, mode)?;

    install_node_modules("web")?;
    let generated = "target/x/schema.gen.ts";
    let mut client = command("npx", ["--no-install", "openapi-typescript"]);
    client
        .args([
            &format!("../{DOCUMENT}"),
            "--output",
            &format!("../{generated}"),
        ])
        .current_dir("web");
    client.logged("openapi-typescript")?;
    settle(TYPES, &fs::read_to_string(generated)?, mode)
}

fn settle(path: &str, wanted: &str, mode: Mode) -> Result<()> {
    let found = fs::read_to_string(path).unwrap_or_default();
    if mode == Mode::Check {
        ensure!(
            found == wanted,
            "{path} is not what the code gives: run `cargo xtask openapi` and commit it"
        );
    } else if found != wanted {
        fs::write(path, wanted).with_context(|| format!("writing {path}"))?;
        eprintln!("  wrote {path}");
    }
    Ok(())
}
