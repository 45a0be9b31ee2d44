//! The command line: `serve`, and what an operator needs beside it.

mod doctor;
mod room;
mod serve;

use std::io::Write;
use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::config::Settings;

/// Live, hands-on coding workshops: every learner gets a terminal, an editor and a browser in a web page.
#[derive(Parser)]
#[command(
    name = "clarateach",
    version,
    propagate_version = true,
    max_term_width = 100
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the server: API, pages, orchestrator and proxy in one process
    ///
    /// Settings come from flags, then CLARATEACH_* variables, then clarateach.toml.
    Serve(serve::ServeArgs),
    /// Look at what workshops need on this machine, and say what to do about what is missing
    Doctor(doctor::DoctorArgs),
    /// Print the API's OpenAPI 3.1 document
    Openapi,
}

/// The configuration, as commands that work on this machine take it.
#[derive(clap::Args)]
struct ConfigArgs {
    /// Configuration file [default: ./clarateach.toml where it exists]
    #[arg(long, env = "CLARATEACH_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(flatten)]
    settings: Settings,
}

impl ConfigArgs {
    fn settings(self) -> anyhow::Result<Settings> {
        Ok(self.settings.with_file(self.config.as_deref())?)
    }
}

/// Runs the command line.
///
/// # Errors
/// What the command failed with, for the last line on the terminal.
pub fn run() -> anyhow::Result<()> {
    match Cli::parse().command {
        Command::Serve(args) => serve::run(args),
        Command::Doctor(args) => doctor::run(args),
        Command::Openapi => {
            print_out(crate::http::openapi_json().trim_end());
            Ok(())
        }
    }
}

/// A line to standard output; who closed it (`| head`) has read enough.
fn print_out(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound() {
        super::Cli::command().debug_assert();
    }
}
