//! Reads the command line, prepares the process, serves until a signal.

mod cli;

use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use clarateach_protocol::id::{Generation, SeatKey};
use clarateach_protocol::token::VerifyingKeys;
use clarateach_workspace::{Config, Limits, Orphans, Server, StartError, prepare_home};
use rustix::fs::Mode;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use cli::{Cli, Command, Serve};

/// File operations run on these; more wait their turn.
const BLOCKING_THREADS: usize = 8;
/// Trees are walked by recursion, `MAX_DEPTH` deep.
const THREAD_STACK_BYTES: usize = 1024 * 1024;

/// What the exit code says; see `--help`.
enum Failure {
    Keys(anyhow::Error),
    Folder(anyhow::Error),
    Port(anyhow::Error),
    Other(anyhow::Error),
}

fn main() -> ExitCode {
    let Command::Serve(arguments) = Cli::parse().command;
    tracing_subscriber::fmt()
        .json()
        .with_writer(std::io::stderr)
        .init();
    let failure = match run(arguments) {
        Ok(()) => return ExitCode::SUCCESS,
        Err(failure) => failure,
    };
    let (code, error) = match failure {
        Failure::Other(error) => (1, error),
        Failure::Keys(error) => (3, error),
        Failure::Folder(error) => (4, error),
        Failure::Port(error) => (5, error),
    };
    tracing::error!("{error:#}");
    ExitCode::from(code)
}

fn run(arguments: Serve) -> Result<(), Failure> {
    let keys = read_keys(&arguments).map_err(Failure::Keys)?;
    rustix::process::umask(Mode::from_raw_mode(0o022));
    // As pid 1 every orphan is ours anyway; elsewhere this makes it so.
    rustix::process::set_child_subreaper(Some(rustix::process::getpid()))
        .context("cannot become the reaper of this seat's processes")
        .map_err(Failure::Other)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(BLOCKING_THREADS)
        .thread_stack_size(THREAD_STACK_BYTES)
        .build()
        .context("cannot start the runtime")
        .map_err(Failure::Other)?;
    let served = runtime.block_on(serve(arguments, keys));
    // Work that blocks must not hold up the exit.
    runtime.shutdown_background();
    served
}

fn read_keys(arguments: &Serve) -> anyhow::Result<VerifyingKeys> {
    let path = arguments.keys.display();
    let text = std::fs::read_to_string(&arguments.keys)
        .with_context(|| format!("cannot read the keys in {path}"))?;
    VerifyingKeys::from_jwks(&text).with_context(|| format!("cannot use the keys in {path}"))
}

async fn serve(arguments: Serve, keys: VerifyingKeys) -> Result<(), Failure> {
    // First of all: pid 1 has no default handlers, a signal before this is lost.
    let mut signals = Signals::listen().map_err(Failure::Other)?;
    let home = arguments.home.clone();
    let seat = SeatKey {
        workshop: arguments.workshop,
        seat: arguments.seat,
    };
    let server = Server::bind(Config {
        seat,
        generation: Generation(arguments.generation),
        keys,
        root: arguments.root,
        home: arguments.home,
        shell: arguments.shell,
        listen: arguments.listen,
        terminal_port: arguments.terminal_port,
        files_port: arguments.files_port,
        limits: Limits::default(),
        orphans: Orphans::Reap,
    })
    .await
    .map_err(|error| match error {
        StartError::Root { .. } => Failure::Folder(error.into()),
        StartError::Listen { .. } => Failure::Port(error.into()),
    })?;
    prepare_home(&home)
        .with_context(|| format!("cannot make the home {}", home.display()))
        .map_err(Failure::Folder)?;
    tracing::info!(
        seat = %seat,
        generation = arguments.generation,
        terminal_port = server.terminal_port(),
        files_port = server.files_port(),
        "serving"
    );
    let stop = CancellationToken::new();
    let mut serving = std::pin::pin!(server.serve(stop.clone()));
    let served = tokio::select! {
        served = &mut serving => served,
        () = signals.next() => {
            stop.cancel();
            serving.await
        }
    };
    served
        .context("cannot wait for processes")
        .map_err(Failure::Other)
}

/// SIGTERM and SIGINT, listened to from the moment that this is made.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn listen() -> anyhow::Result<Self> {
        let listen = |kind| signal(kind).context("cannot listen for signals");
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
