//! Runs one program to its end, for the platform: with a deadline, little output and no leftovers.
//!
//! Everything that it starts carries a mark in its environment. At the deadline, or when the caller
//! is gone, its process group is killed and then whatever else has the mark, so that a program that
//! made a session of its own ends as well.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use clarateach_protocol::seat::{ExecRequest, ExecResult};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe::Receiver;
use tokio::runtime::Handle;
use tokio::time::{sleep_until, timeout};

use crate::bind::{Bound, is_variable_name};
use crate::children::{Children, Started};
use crate::oom;
use crate::server::random_u64;
use crate::shell::{NoShell, Shell};

const DEFAULT_TIMEOUT: u64 = 10;
const MAX_TIMEOUT: u64 = 60;
const DEFAULT_OUTPUT: usize = 64 * 1024;
const MAX_OUTPUT: usize = 1024 * 1024;
/// After the program's end: what it left running may keep its output open.
const DRAIN_LIMIT: Duration = Duration::from_millis(200);
/// How often what has the mark is looked for: it may fork meanwhile.
const KILL_ROUNDS: usize = 50;
const QUIET_ROUNDS: usize = 4;
/// A killed process that still doesn't end waits for a device.
const KILL_LIMIT: Duration = Duration::from_secs(2);
const MARK: &str = "CLARATEACH_EXEC";

/// Why a program is not run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ExecError {
    #[error("{reason}")]
    Input { reason: String },
    #[error("there is no program {program:?}")]
    NotFound { program: String },
    #[error(transparent)]
    NoShell(#[from] NoShell),
    #[error("cannot start the program: {0}")]
    Start(io::Error),
}

/// What programs are run with.
pub(crate) struct Bench {
    pub(crate) children: Arc<Children>,
    pub(crate) home: PathBuf,
    pub(crate) root: PathBuf,
    /// As terminals have it.
    pub(crate) shell: Option<PathBuf>,
}

/// A program that is to be run: every input is checked.
pub(crate) struct Program {
    command: Command,
    name: String,
    mark: String,
    stdin: String,
    timeout: Duration,
    max_output: usize,
}

impl Program {
    /// `folder` is the working directory, relative to the root, and exists.
    pub(crate) fn new(
        request: ExecRequest,
        folder: Option<&Path>,
        bench: &Bench,
        bound: &Bound,
    ) -> Result<Self, ExecError> {
        let wrong = |reason: &str| ExecError::Input {
            reason: reason.to_owned(),
        };
        let timeout = request.timeout_seconds.unwrap_or(DEFAULT_TIMEOUT);
        if !(1..=MAX_TIMEOUT).contains(&timeout) {
            return Err(wrong("timeout_seconds is from 1 to 60"));
        }
        let max_output = request.max_output_bytes.unwrap_or(DEFAULT_OUTPUT);
        if max_output > MAX_OUTPUT {
            return Err(wrong("max_output_bytes is at most 1048576"));
        }
        check_environment(&request.env)?;
        let mut shell =
            Shell::find(bench.shell.as_deref(), &bench.home, &bench.root)?.command(folder, bound);
        let mut command = match (request.argv, request.command) {
            (None, Some(line)) if !line.contains('\0') => {
                shell.arg("-c").arg(line);
                shell
            }
            (Some(argv), None) if argv.iter().all(|argument| !argument.contains('\0')) => {
                let (program, arguments) = argv.split_first().ok_or(wrong("argv is empty"))?;
                let mut command = Command::new(program);
                command.args(arguments);
                for (name, value) in shell.get_envs() {
                    if let Some(value) = value {
                        command.env(name, value);
                    }
                }
                if let Some(folder) = shell.get_current_dir() {
                    command.current_dir(folder);
                }
                command
            }
            (None, None) | (Some(_), Some(_)) => {
                return Err(wrong("give either argv or command"));
            }
            _ => return Err(wrong("an argument holds a NUL")),
        };
        let mark = format!("{:016x}", random_u64());
        command.envs(&request.env).env(MARK, &mark).process_group(0);
        Ok(Self {
            name: command.get_program().to_string_lossy().into_owned(),
            command,
            mark,
            stdin: request.stdin.unwrap_or_default(),
            timeout: Duration::from_secs(timeout),
            max_output,
        })
    }

    /// Runs it. Dropping the future kills it.
    pub(crate) async fn run(self, children: Arc<Children>) -> Result<ExecResult, ExecError> {
        let begun = Instant::now();
        let deadline = tokio::time::Instant::now() + self.timeout;
        let max_output = self.max_output;
        let (stdout, stdout_end) = pipe()?;
        let (stderr, stderr_end) = pipe()?;
        let start = move || self.start(&children, stdout_end, stderr_end);
        let started = tokio::task::spawn_blocking(start).await;
        let Running {
            mut exit,
            leftovers,
        } = started.map_err(|error| ExecError::Start(io::Error::other(error)))??;
        let mut out = Output::new(stdout, max_output);
        let mut err = Output::new(stderr, max_output);
        let ended = tokio::select! {
            code = &mut exit => Some(code.unwrap_or(-1)),
            // Read for as long as it runs; never done before that.
            () = out.read_forever() => None,
            () = err.read_forever() => None,
            () = sleep_until(deadline) => None,
        };
        let (exit_code, timed_out) = match ended {
            Some(code) => {
                // What it left running goes on, as after any command.
                leftovers.let_be();
                (code, false)
            }
            None => {
                // The mark is looked for in /proc, which may take a moment.
                let _ = tokio::task::spawn_blocking(move || leftovers.kill()).await;
                let killed = timeout(KILL_LIMIT, exit).await;
                (killed.map_or(-1, |code| code.unwrap_or(-1)), true)
            }
        };
        let drained = async {
            tokio::join!(out.read_to_end(), err.read_to_end());
        };
        let _ = timeout(DRAIN_LIMIT, drained).await;
        Ok(ExecResult {
            exit_code,
            truncated: out.is_cut || err.is_cut,
            stdout: out.text(),
            stderr: err.text(),
            timed_out,
            duration_ms: u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
        })
    }

    /// Blocks until it has been executed.
    fn start(
        mut self,
        children: &Children,
        stdout: OwnedFd,
        stderr: OwnedFd,
    ) -> Result<Running, ExecError> {
        let stdin = nameless(&self.stdin).map_err(ExecError::Start)?;
        self.command.stdin(stdin).stdout(stdout).stderr(stderr);
        oom::goes_before_the_server(&mut self.command);
        let Started { pid, exit } =
            children
                .spawn(&mut self.command)
                .map_err(|error| match error.kind() {
                    io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied => {
                        ExecError::NotFound { program: self.name }
                    }
                    _ => ExecError::Start(error),
                })?;
        Ok(Running {
            exit,
            leftovers: Leftovers {
                group: Some(pid),
                mark: self.mark,
            },
        })
    }
}

fn check_environment(env: &BTreeMap<String, String>) -> Result<(), ExecError> {
    let right = |(name, value): (&String, &String)| is_variable_name(name) && !value.contains('\0');
    if env.iter().all(right) {
        return Ok(());
    }
    Err(ExecError::Input {
        reason: "a variable has no usable name or value".to_owned(),
    })
}

fn pipe() -> Result<(Receiver, OwnedFd), ExecError> {
    let (reader, writer) = io::pipe().map_err(ExecError::Start)?;
    let reader = Receiver::from_owned_fd(reader.into()).map_err(ExecError::Start)?;
    Ok((reader, writer.into()))
}

/// All of the input in memory that belongs to nobody else: no writer that could block.
fn nameless(text: &str) -> io::Result<Stdio> {
    if text.is_empty() {
        return Ok(Stdio::null());
    }
    let file = rustix::fs::memfd_create("stdin", rustix::fs::MemfdFlags::CLOEXEC)?;
    let mut file = fs::File::from(file);
    file.write_all(text.as_bytes())?;
    io::Seek::rewind(&mut file)?;
    Ok(file.into())
}

struct Running {
    exit: tokio::sync::oneshot::Receiver<i32>,
    leftovers: Leftovers,
}

/// Kills the program and whatever it started when dropped.
struct Leftovers {
    group: Option<Pid>,
    mark: String,
}

impl Leftovers {
    fn let_be(mut self) {
        self.group = None;
    }

    /// Blocks for some hundredths of a second.
    fn kill(mut self) {
        if let Some(group) = self.group.take() {
            let _ = kill_process_group(group, Signal::KILL);
            kill_marked(&self.mark);
        }
    }
}

impl Drop for Leftovers {
    fn drop(&mut self) {
        let Some(group) = self.group else {
            return;
        };
        let _ = kill_process_group(group, Signal::KILL);
        let mark = std::mem::take(&mut self.mark);
        match Handle::try_current() {
            // Not awaited: nobody is there any more who could.
            Ok(runtime) => drop(runtime.spawn_blocking(move || kill_marked(&mark))),
            Err(_) => kill_marked(&mark),
        }
    }
}

/// A process that is just being executed shows no environment: only several looks in a row that find
/// nothing mean that nothing is left.
fn kill_marked(mark: &str) {
    let mut quiet = 0;
    for _ in 0..KILL_ROUNDS {
        let marked = marked(mark);
        quiet = if marked.is_empty() { quiet + 1 } else { 0 };
        if quiet == QUIET_ROUNDS {
            return;
        }
        for pid in marked {
            let _ = kill_process(pid, Signal::KILL);
        }
        let pause = rustix::time::Timespec {
            tv_sec: 0,
            tv_nsec: 5_000_000,
        };
        // Cut short by a signal: then we merely look earlier.
        let _ = rustix::thread::nanosleep(&pause);
    }
}

/// Living processes that have the mark in their environment.
fn marked(mark: &str) -> Vec<Pid> {
    let wanted = format!("{MARK}={mark}");
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    processes
        .filter_map(|process| {
            let pid = process.file_name().to_str()?.parse().ok()?;
            // Of one that has ended it is empty.
            let environment = fs::read(process.path().join("environ")).ok()?;
            let mut variables = environment.split(|byte| *byte == 0);
            variables
                .any(|variable| variable == wanted.as_bytes())
                .then_some(())?;
            Pid::from_raw(pid)
        })
        .collect()
}

/// The beginning of what a program writes; the rest is read and thrown away.
struct Output {
    pipe: Receiver,
    kept: Vec<u8>,
    most: usize,
    is_cut: bool,
}

impl Output {
    fn new(pipe: Receiver, most: usize) -> Self {
        Self {
            pipe,
            kept: Vec::new(),
            most,
            is_cut: false,
        }
    }

    async fn read_to_end(&mut self) {
        let mut piece = vec![0; 16 * 1024];
        while let Ok(count @ 1..) = self.pipe.read(&mut piece).await {
            let room = (self.most - self.kept.len()).min(count);
            self.kept.extend_from_slice(&piece[..room]);
            self.is_cut |= room < count;
        }
    }

    async fn read_forever(&mut self) {
        self.read_to_end().await;
        std::future::pending::<()>().await;
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.kept).into_owned()
    }
}
