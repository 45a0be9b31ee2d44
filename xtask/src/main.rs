//! What `./x` calls once cargo is there: building, images, repository rules, the test run.
//!
//! Every command is a list of steps (`step`) over a few external programs (`process`), and a step whose inputs
//! did not change since it last succeeded is skipped (`stamp`). Start with `test`, which uses all of them.

mod bench;
mod build;
mod dev;
mod fuzz;
mod images;
mod openapi;
mod process;
mod stamp;
mod step;
mod test;
mod tidy;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Parser;

/// What ./x calls once cargo is there.
#[derive(Parser)]
#[command(name = "cargo xtask")]
enum Command {
    /// Pages, in-seat server and the clarateach binary with both inside.
    Build {
        /// The clarateach binary in the dev profile, at target/debug/clarateach.
        #[arg(long)]
        dev: bool,
    },
    /// The images that seats run.
    Images(images::Options),
    /// The OpenAPI document and the pages' client, generated from the server's code.
    Openapi {
        /// Only compare, and fail when they differ.
        #[arg(long)]
        check: bool,
    },
    /// Repository rules: imports, file lengths, paths named in documents.
    Tidy,
    /// Everything that must hold before a change lands.
    Test {
        /// The long ones as well.
        #[arg(long)]
        all: bool,
    },
    /// The fuzz targets, ten seconds each.
    Fuzz {
        /// Ten minutes each.
        #[arg(long)]
        all: bool,
    },
    /// Ours and peers side by side: all benchmarks, or one by its name.
    Bench(bench::Options),
    /// The server in the dev profile and the pages with hot reload.
    Dev {
        /// Passed to `clarateach serve`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
}

fn main() -> ExitCode {
    match run(Command::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<()> {
    std::env::set_current_dir(repository()?)?;
    match command {
        Command::Build { dev } => build::all(if dev {
            build::Profile::Dev
        } else {
            build::Profile::Release
        }),
        Command::Images(options) => images::run(&options),
        Command::Openapi { check } => {
            let mode = if check {
                openapi::Mode::Check
            } else {
                openapi::Mode::Write
            };
            openapi::run(mode, &build::in_seat_server()?)
        }
        Command::Tidy => tidy::run(),
        Command::Test { all } => test::run(extent(all)),
        Command::Fuzz { all } => fuzz::run(extent(all)),
        Command::Bench(options) => bench::run(&options),
        Command::Dev { arguments } => dev::run(&arguments),
    }
}

fn extent(all: bool) -> test::Extent {
    if all {
        test::Extent::All
    } else {
        test::Extent::Usual
    }
}

/// The checkout that `cargo xtask` was called in, read at run time: a target directory may be shared by several.
fn repository() -> Result<PathBuf> {
    let manifest =
        std::env::var_os("CARGO_MANIFEST_DIR").context("call this as `cargo xtask` or by ./x")?;
    let parent = PathBuf::from(manifest).parent().map(PathBuf::from);
    parent.context("xtask has no folder above it")
}
