//! Benchmarks: ours, peers and a raw baseline side by side in one run, interleaved.
//!
//! Start at `seat`, `gateway`, `boot`, `join` or `class`, which are `./x bench seat` and so on. Of the first: `programs` is what runs inside the measured terminals,
//! `contender` what is measured, `terminal` how each is spoken to.

mod arguments;
mod boot;
mod class;
mod contender;
mod gateway;
mod http;
mod join;
mod machine;
mod process;
mod programs;
mod raw;
mod report;
mod seat;
mod served;
mod statistics;
mod terminal;
mod work;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use arguments::{Common, Parts};
use work::Work;

/// Benchmarks with peers side by side.
#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Terminals of one seat: echo, bulk output, memory, screens.
    Seat(SeatArguments),
    /// The proxy: requests, WebSockets, memory, routes.
    Gateway(gateway::Arguments),
    /// Workshops: from asking for seats until each has echoed a typed byte.
    Boot(boot::Arguments),
    /// A hundred seats: a killed server, idling, memory.
    Class(class::Arguments),
    /// A class that joins in one burst.
    Join(join::Arguments),
    /// What stands behind the proxies.
    #[command(hide = true)]
    Upstream,
    /// Inside a terminal: gives every byte back.
    #[command(hide = true)]
    Echo,
    /// Inside a terminal: prints so many bytes for every byte that it gets.
    #[command(hide = true)]
    Print { work: Work, bytes: u64 },
    /// Inside a terminal: prints for ever, from the first byte that it gets.
    #[command(hide = true)]
    Flood,
}

#[derive(Args)]
struct SeatArguments {
    /// The static in-seat server.
    #[arg(long)]
    in_seat_server: PathBuf,
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    parts: Parts<seat::Part>,
}

fn main() -> anyhow::Result<()> {
    match Cli::parse().command {
        Command::Seat(arguments) => seat::run(&arguments),
        Command::Gateway(arguments) => gateway::run(&arguments),
        Command::Boot(arguments) => boot::run(&arguments),
        Command::Class(arguments) => class::run(&arguments),
        Command::Join(arguments) => join::run(&arguments),
        Command::Upstream => gateway::upstream::run(),
        Command::Echo => programs::echo(),
        Command::Print { work, bytes } => programs::print(work, bytes),
        Command::Flood => programs::flood(),
    }
}
