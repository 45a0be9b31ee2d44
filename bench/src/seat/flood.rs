//! A neighbour that floods: a terminal of the same server whose program prints for ever, and whose client
//! takes everything. It stands still until it is told to go.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep};

use crate::contender::{Contender, Ports};
use crate::terminal::Terminal;

/// Output that nobody has counted for so long has ended.
const QUIET: Duration = Duration::from_millis(60);
/// A peer without flow control has much in its memory.
const QUIET_LIMIT: Duration = Duration::from_secs(20);
/// So long it floods before samples are taken.
const WARM_UP: Duration = Duration::from_millis(30);

pub(crate) struct Flood {
    program: Pid,
    received: Arc<AtomicU64>,
    client: Option<JoinHandle<Result<()>>>,
}

impl Flood {
    pub(crate) async fn start(ports: Ports, contender: Contender) -> Result<Self> {
        let received = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&received);
        let (say, said) = oneshot::channel();
        let client = std::thread::spawn(move || take_everything(&ports, contender, say, &counter));
        let program = said
            .await
            .with_context(|| format!("no flood at {contender}"))?;
        let mut flood = Self {
            program,
            received,
            client: Some(client),
        };
        flood.stop().await?;
        Ok(flood)
    }

    pub(crate) async fn go(&mut self) -> Result<()> {
        kill_process(self.program, Signal::CONT)?;
        sleep(WARM_UP).await;
        Ok(())
    }

    pub(crate) async fn stop(&mut self) -> Result<()> {
        kill_process(self.program, Signal::STOP)?;
        let until = Instant::now() + QUIET_LIMIT;
        let mut before = u64::MAX;
        while before != self.received() {
            anyhow::ensure!(Instant::now() < until, "a flood never ends");
            before = self.received();
            sleep(QUIET).await;
        }
        Ok(())
    }

    /// Bytes so far.
    pub(crate) fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }
}

impl Drop for Flood {
    fn drop(&mut self) {
        // Its terminal ends with it, and so does the client.
        let _ = kill_process(self.program, Signal::KILL);
        if let Some(client) = self.client.take() {
            let _ = client.join();
        }
    }
}

/// In a thread of its own: the measuring client must not wait for this one.
fn take_everything(
    ports: &Ports,
    contender: Contender,
    say: oneshot::Sender<Pid>,
    counter: &AtomicU64,
) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let mut terminal = Terminal::open(ports, contender, &vec!["flood".to_owned()]).await?;
        terminal.send(b"g").await?;
        let id = i32::try_from(terminal.program).ok().and_then(Pid::from_raw);
        let _ = say.send(id.context("a process id")?);
        loop {
            terminal
                .receive(|bytes| {
                    counter.fetch_add(bytes.len() as u64, Ordering::Relaxed);
                })
                .await?;
        }
    })
}
