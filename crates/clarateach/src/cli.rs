//! The command line: `serve`, what an operator needs beside it, and commands over the public API.
//!
//! `client` speaks to the server, `table` prints; `workshop`, `seat`, `token` and `status` are what they
//! are in the API. `doctor`, `setup-link`, `openapi` and `completions` work without a server.

mod client;
mod doctor;
mod room;
mod seat;
mod serve;
mod setup_link;
mod status;
mod table;
mod token;
mod workshop;

use std::io::Write;
use std::path::PathBuf;

use clap::{CommandFactory, Parser, Subcommand};

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
    #[command(flatten)]
    remote: client::Remote,
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
    /// Make, list, show and end workshops
    Workshop(workshop::WorkshopArgs),
    /// List a workshop's seats; reset, release or retry one
    Seat(seat::SeatArgs),
    /// API tokens, for these commands and for programs of your own
    Token(token::TokenArgs),
    /// Say what is left of workshops, and whether this machine can be powered off
    Status(status::StatusArgs),
    /// Show the link that sets the first password, on the server's machine
    SetupLink(setup_link::SetupLinkArgs),
    /// Print a shell's completions for these commands
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
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
    let Cli { remote, command } = Cli::parse();
    match command {
        Command::Serve(args) => serve::run(args),
        Command::Doctor(args) => doctor::run(args),
        Command::Workshop(args) => runtime()?.block_on(workshop::run(args, &remote)),
        Command::Seat(args) => runtime()?.block_on(seat::run(args, &remote)),
        Command::Token(args) => runtime()?.block_on(token::run(args, &remote)),
        Command::Status(args) => runtime()?.block_on(status::run(args, &remote)),
        Command::SetupLink(args) => setup_link::run(args),
        Command::Completions { shell } => {
            // Written at once: the generator panics where nobody reads.
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "clarateach", &mut script);
            print_out(String::from_utf8_lossy(&script).trim_end());
            Ok(())
        }
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
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }
}
