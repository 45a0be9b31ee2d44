//! The command line: `serve`, what an operator needs beside it, and commands over the public API.
//!
//! `client` speaks to the server, `table` prints, `failure` says how a command ends; `workshop`, `seat`,
//! `image`, `token` and `status` are what they are in the API. `doctor`, `setup-link`, `openapi` and `completions`
//! work without a server, and `status` also does.

mod ask;
mod backup;
mod client;
mod doctor;
mod failure;
mod find;
mod image;
mod interrupt;
mod orchestrator;
mod origin;
mod recover;
mod room;
mod seat;
mod serve;
mod setup_link;
mod status;
mod table;
mod tls;
mod token;
mod token_store;
mod waiting;
mod workshop;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use crate::config::Settings;

const EXAMPLES: &str = "\
Examples:
  clarateach serve --room                          a class in this room
  clarateach token create --save                   sign these commands in
  clarateach workshop create \"Rust 101\" --seats 30
  clarateach seat list \"Rust 101\"
  clarateach workshop delete \"Rust 101\"
  clarateach status                                may this machine be powered off?";

/// Live, hands-on coding workshops: every learner gets a terminal, an editor and a browser in a web page.
#[derive(Parser)]
#[command(
    name = "clarateach",
    version,
    propagate_version = true,
    after_help = EXAMPLES,
    after_long_help = format!("{EXAMPLES}\n\n{}", failure::EXIT_CODES),
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
    /// List a workshop's seats, add more; reset, release or retry one
    Seat(seat::SeatArgs),
    /// Say whether seats can be made of an image, before a class needs them
    Image(image::ImageArgs),
    /// API tokens, for these commands and for programs of your own
    Token(token::TokenArgs),
    /// Say what is left of workshops, and whether this machine can be powered off
    Status(status::StatusArgs),
    /// Show the link that sets the first password, on the server's machine
    SetupLink(setup_link::SetupLinkArgs),
    /// Print a shell's completions for these commands
    #[command(
        after_help = "Examples:\n  clarateach completions bash > /etc/bash_completion.d/clarateach\n  clarateach completions zsh > ~/.zfunc/_clarateach\n  clarateach completions fish > ~/.config/fish/completions/clarateach.fish"
    )]
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
    /// Write the database and the keys into one archive, also while the server runs
    Backup(backup::BackupArgs),
    /// Bring a backup back, while no server runs
    Restore(backup::RestoreArgs),
    /// Adopt seats that are there after the database was lost
    Recover(recover::RecoverArgs),
    /// Print the API's OpenAPI 3.1 document
    Openapi,
    /// Run the internal API that makes seats for another program, without workshops, pages or learners
    ///
    /// It has an installation's id and a data directory of its own: beside a running `serve` on the same
    /// engine, neither touches the other's seats.
    Orchestrator(orchestrator::OrchestratorArgs),
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

impl Command {
    /// Whether a script reads what this command says.
    fn is_json(&self) -> bool {
        match self {
            Self::Serve(_) | Self::Orchestrator(_) | Self::Completions { .. } | Self::Openapi => {
                false
            }
            Self::Doctor(args) => args.is_json(),
            Self::Workshop(args) => args.is_json(),
            Self::Seat(args) => args.is_json(),
            Self::Image(args) => args.is_json(),
            Self::Token(args) => args.is_json(),
            Self::Status(args) => args.is_json(),
            Self::SetupLink(args) => args.is_json(),
            Self::Backup(args) => args.is_json(),
            Self::Restore(args) => args.is_json(),
            Self::Recover(args) => args.is_json(),
        }
    }
}

/// Runs the command line, says on standard error what went wrong, and answers with the exit code.
pub fn run() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let json = std::env::args_os().any(|argument| argument == "--json");
            return failure::tell_usage(&error, json);
        }
    };
    let json = cli.command.is_json();
    match execute(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failure::tell(&error, json),
    }
}

fn execute(Cli { remote, command }: Cli) -> anyhow::Result<()> {
    match command {
        Command::Serve(args) => serve::run(args),
        Command::Doctor(args) => doctor::run(args),
        Command::Workshop(args) => over_the_api(workshop::run(args, &remote)),
        Command::Seat(args) => over_the_api(seat::run(args, &remote)),
        Command::Image(args) => over_the_api(image::run(args, &remote)),
        Command::Token(args) => over_the_api(token::run(args, &remote)),
        Command::Status(args) => over_the_api(status::run(args, &remote)),
        Command::SetupLink(args) => setup_link::run(args),
        Command::Backup(args) => backup::back_up(args),
        Command::Restore(args) => backup::restore(args),
        Command::Recover(args) => recover::run(args),
        Command::Orchestrator(args) => orchestrator::run(args),
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

fn over_the_api(command: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    runtime()?.block_on(interrupt::or_interrupted(command))
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
