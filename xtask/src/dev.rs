//! The server in the dev profile and Vite's dev server, until one of them ends.

use std::process::Stdio;

use anyhow::{Context, Result, bail};

use crate::build::{embed, in_seat_server, install_node_modules};
use crate::images;
use crate::process::{cargo, command};

/// Where the pages are in development; the server must accept it as its own origin.
const PAGES: &str = "http://localhost:5173";

pub(crate) fn run(arguments: &[String]) -> Result<()> {
    install_node_modules("web")?;
    let in_seat_server = in_seat_server()?;
    images::workspace(&images::Options::default())?;

    let mut pages = command("npm", ["run", "dev"])
        .current_dir("web")
        .spawn()
        .context("starting npm run dev")?;
    let mut server = cargo("run", ["--package", "clarateach", "--", "serve"]);
    server.args(arguments).stdin(Stdio::inherit());
    if std::env::var_os("CLARATEACH_PUBLIC_URL").is_none() {
        server.env("CLARATEACH_PUBLIC_URL", PAGES);
    }
    eprintln!("▸ pages with hot reload: {PAGES}");
    // Ctrl-C reaches both; when only the server ends, the pages go with it.
    let status = embed(&mut server, &in_seat_server)
        .status()
        .context("starting the server");
    pages.kill().context("ending npm run dev")?;
    pages.wait()?;
    if !status?.success() {
        bail!("the server ended with an error");
    }
    Ok(())
}
