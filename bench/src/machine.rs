//! The machine that a run was on, as far as figures depend on it; nothing that names it.

use std::fs;

use serde_json::{Value, json};

pub(crate) struct Machine {
    load_before: String,
}

impl Machine {
    pub(crate) fn look() -> Self {
        Self {
            load_before: load(),
        }
    }

    /// What to write beside the figures.
    pub(crate) fn finish(self) -> Value {
        let cpus = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = cpus
            .lines()
            .find_map(|line| line.strip_prefix("model name"))
            .map(|rest| rest.trim_start_matches([' ', '\t', ':']));
        json!({
            "cores": std::thread::available_parallelism().map_or(0, usize::from),
            "cpu": model,
            "kernel": first_line("/proc/sys/kernel/osrelease"),
            "load_before": self.load_before,
            "load_after": load(),
        })
    }
}

/// Of the last minute: what else the machine did, the run itself included afterwards.
fn load() -> String {
    let text = first_line("/proc/loadavg");
    text.split(' ').next().unwrap_or_default().to_owned()
}

fn first_line(path: &str) -> String {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.lines().next().unwrap_or_default().to_owned()
}
