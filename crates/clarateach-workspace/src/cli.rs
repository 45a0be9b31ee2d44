//! The command line.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use clarateach_protocol::id::{SeatNumber, WorkshopId};

/// The ClaraTeach in-seat server: terminals and files of one seat.
#[derive(Debug, Parser)]
#[command(version, about, after_help = EXIT_CODES)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 stopped by a signal, 2 wrong usage, 3 unusable keys, \
                          4 unusable root or home, 5 port in use, 1 anything else.";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve one seat until SIGTERM or SIGINT; made to be pid 1 of a container, as any user.
    Serve(Serve),
}

/// Everything here is public: tokens come with requests, secrets with the binding.
#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// Workshop that the seat belongs to, like ws-7h2k9q4x.
    #[arg(long)]
    pub(crate) workshop: WorkshopId,
    /// The seat's number there, from 1.
    #[arg(long)]
    pub(crate) seat: SeatNumber,
    /// The seat's generation: tokens of another one are refused.
    #[arg(long)]
    pub(crate) generation: u32,
    /// JWK set with the platform's public Ed25519 keys.
    #[arg(long, value_name = "FILE")]
    pub(crate) keys: PathBuf,
    /// Folder of the file API, and where shells start.
    #[arg(long, value_name = "FOLDER", default_value = "/workspace")]
    pub(crate) root: PathBuf,
    /// HOME of the shells; made from /etc/skel when it is absent.
    #[arg(long, value_name = "FOLDER", default_value = "/workspace/.home")]
    pub(crate) home: PathBuf,
    /// Shell of the terminals, if it can be run; otherwise the passwd entry's, then bash, then sh.
    #[arg(long, value_name = "PROGRAM", env = "CLARATEACH_SHELL")]
    pub(crate) shell: Option<PathBuf>,
    /// Address to listen on.
    #[arg(long, value_name = "IP", default_value_t = IpAddr::V4(Ipv4Addr::UNSPECIFIED))]
    pub(crate) listen: IpAddr,
    /// Port of the terminals.
    #[arg(long, value_name = "PORT", default_value_t = 3001)]
    pub(crate) terminal_port: u16,
    /// Port of files, health, binding and resources.
    #[arg(long, value_name = "PORT", default_value_t = 3002)]
    pub(crate) files_port: u16,
}
