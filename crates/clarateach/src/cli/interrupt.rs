//! Ctrl-C and its like: what a command holds is dropped first (a silenced terminal, a line of
//! progress), then the process ends with 128 + the signal's number, as shells have it.

use tokio::signal::unix::{Signal, SignalKind, signal};

/// SIGINT, SIGQUIT and SIGTERM, but those that whoever started us had ignored (`nohup`, `&` in scripts).
struct Ends(Vec<(i32, Signal)>);

impl Ends {
    fn listen() -> std::io::Result<Self> {
        let ignored = ignored();
        let kinds = [
            SignalKind::interrupt(),
            SignalKind::quit(),
            SignalKind::terminate(),
        ];
        kinds
            .into_iter()
            .map(|kind| (kind.as_raw_value(), kind))
            .filter(|(number, _)| ignored >> (number - 1) & 1 == 0)
            .map(|(number, kind)| Ok((number, signal(kind)?)))
            .collect::<Result<_, _>>()
            .map(Self)
    }

    async fn next(&mut self) -> i32 {
        std::future::poll_fn(|context| {
            let came = self.0.iter_mut().find_map(|(number, signal)| {
                signal.poll_recv(context).is_ready().then_some(*number)
            });
            came.map_or(std::task::Poll::Pending, std::task::Poll::Ready)
        })
        .await
    }
}

/// The mask of ignored signals (proc_pid_status(5)).
fn ignored() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .unwrap_or_default()
}

/// Does the work, unless a signal ends the process first.
pub(super) async fn or_interrupted<T>(
    work: impl Future<Output = anyhow::Result<T>>,
) -> anyhow::Result<T> {
    let mut ends = Ends::listen()?;
    let number = tokio::select! {
        done = work => return done,
        number = ends.next() => number,
    };
    // The work is dropped by now, with what it held. Not returned: a thread may wait for a key.
    std::process::exit(128 + number)
}
