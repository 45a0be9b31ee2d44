//! A server in a process of its own: started, asked for its CPU time and memory, ended.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};
use rustix::time::{ClockId, clock_gettime};

/// Programs start slowly on a busy machine.
const START_LIMIT: Duration = Duration::from_secs(120);

/// Ended when it is dropped.
pub(crate) struct Server {
    name: &'static str,
    child: Child,
    /// Held open: a server whose log can't be written may end.
    _said: Box<dyn Read>,
}

/// Which of its outputs a server speaks on.
#[derive(Clone, Copy)]
pub(crate) enum Speaks {
    Out,
    Err,
}

impl Server {
    /// Starts it and reads the first line that it says.
    pub(crate) fn start(
        name: &'static str,
        command: &mut Command,
        speaks: Speaks,
    ) -> Result<(Self, String)> {
        command.stdin(Stdio::null());
        match speaks {
            Speaks::Out => command.stdout(Stdio::piped()).stderr(Stdio::inherit()),
            Speaks::Err => command.stdout(Stdio::null()).stderr(Stdio::piped()),
        };
        let mut child = command
            .spawn()
            .with_context(|| format!("starting {name}"))?;
        let mut said: Box<dyn Read> = match speaks {
            Speaks::Out => Box::new(child.stdout.take().context("a pipe")?),
            Speaks::Err => Box::new(child.stderr.take().context("a pipe")?),
        };
        let mut line = String::new();
        BufReader::with_capacity(1, &mut said)
            .read_line(&mut line)
            .with_context(|| format!("waiting for {name}"))?;
        let server = Self {
            name,
            child,
            _said: said,
        };
        anyhow::ensure!(!line.is_empty(), "{name} ended at its start");
        Ok((server, line.trim().to_owned()))
    }

    /// Starts our server, whose log goes into a file; reads the first line that it says beside that.
    pub(crate) fn start_with_log(command: &mut Command, log: fs::File) -> Result<(Self, String)> {
        let name = "clarateach";
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .with_context(|| format!("starting {name}"))?;
        let mut said = child.stdout.take().context("a pipe")?;
        let mut line = String::new();
        BufReader::with_capacity(1, &mut said).read_line(&mut line)?;
        let server = Self {
            name,
            child,
            _said: Box::new(said),
        };
        anyhow::ensure!(!line.is_empty(), "{name} ended at its start");
        Ok((server, line.trim().to_owned()))
    }

    /// SIGKILL: nothing is finished, nothing tidied up.
    pub(crate) fn kill(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Starts one that doesn't say where it listens, and waits until it takes connections there.
    pub(crate) fn start_listening(
        name: &'static str,
        command: &mut Command,
        address: SocketAddr,
    ) -> Result<Self> {
        let child = command
            .stdin(Stdio::null())
            .spawn()
            .with_context(|| format!("starting {name}"))?;
        let mut server = Self {
            name,
            child,
            _said: Box::new(std::io::empty()),
        };
        let until = Instant::now() + START_LIMIT;
        while TcpStream::connect(address).is_err() {
            let ended = server.child.try_wait()?;
            anyhow::ensure!(ended.is_none(), "{name} ended at its start");
            anyhow::ensure!(Instant::now() < until, "{name} doesn't listen");
            std::thread::park_timeout(Duration::from_millis(20));
        }
        Ok(server)
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// What all its threads have used; its children apart.
    pub(crate) fn cpu(&self) -> Result<Duration> {
        cpu_of(&format!("/proc/{}/task", self.id()))
            .with_context(|| format!("{} has ended", self.name))
    }

    /// What it and the processes that it started have used.
    pub(crate) fn family_cpu(&self) -> Result<Duration> {
        let mut sum = self.cpu()?;
        for process in children(self.id()) {
            sum += cpu_of(&format!("/proc/{process}/task")).unwrap_or_default();
        }
        Ok(sum)
    }

    /// Resident bytes of it and the processes that it started.
    pub(crate) fn family_resident(&self) -> Result<u64> {
        let mut sum = self.memory()?.rss;
        for process in children(self.id()) {
            sum += memory_of(process).map_or(0, |memory| memory.rss);
        }
        Ok(sum)
    }

    pub(crate) fn memory(&self) -> Result<Memory> {
        memory_of(self.id()).with_context(|| format!("{} has ended", self.name))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // SIGTERM first: it takes its shells along.
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        let mut patience = 100;
        while patience > 0 && matches!(self.child.try_wait(), Ok(None)) {
            std::thread::park_timeout(Duration::from_millis(20));
            patience -= 1;
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn cpu_of(tasks: &str) -> Result<Duration> {
    let mut sum = Duration::ZERO;
    for task in fs::read_dir(tasks)? {
        sum += scheduled(&task?.path().join("schedstat")).unwrap_or_default();
    }
    Ok(sum)
}

/// Processes that one has started, and theirs (proc(5), `children`).
fn children(process: u32) -> Vec<u32> {
    let tasks = fs::read_dir(format!("/proc/{process}/task"));
    let lists = tasks.into_iter().flatten().flatten();
    let lists = lists.filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
    let mut found: Vec<u32> = lists
        .flat_map(|list| {
            list.split(' ')
                .filter_map(|id| id.parse().ok())
                .collect::<Vec<_>>()
        })
        .collect();
    let theirs: Vec<u32> = found.iter().flat_map(|child| children(*child)).collect();
    found.extend(theirs);
    found
}

/// What the calling thread has used.
pub(crate) fn own_thread_cpu() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

/// proc(5), schedstat: time on a CPU in ns, time waiting, slices.
fn scheduled(path: &Path) -> Result<Duration> {
    let text = fs::read_to_string(path)?;
    let first = text.split(' ').next().unwrap_or_default();
    Ok(Duration::from_nanos(
        first.parse().context("no time in schedstat")?,
    ))
}

/// Bytes in memory.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Memory {
    /// Shared pages counted by their share.
    pub(crate) pss: u64,
    pub(crate) rss: u64,
}

fn memory_of(process: u32) -> Result<Memory> {
    let text = fs::read_to_string(format!("/proc/{process}/smaps_rollup"))?;
    let field = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        let kibibytes: u64 = line.trim().trim_end_matches(" kB").parse().ok()?;
        Some(kibibytes * 1024)
    };
    Ok(Memory {
        pss: field("Pss:").context("no Pss")?,
        rss: field("Rss:").context("no Rss")?,
    })
}
