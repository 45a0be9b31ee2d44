//! `clarateach status`: what is left, and whether the machine can be powered off.

use std::path::{Path, PathBuf};

use anyhow::Context;
use serde_json::json;

use super::client::Remote;
use super::table::Output;
use super::workshop::workshops_table;

#[derive(clap::Args)]
pub(super) struct StatusArgs {
    #[command(flatten)]
    output: Output,
    /// On the server's machine: look also for seats' disks in its data directory
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

pub(super) async fn run(args: StatusArgs, remote: &Remote) -> anyhow::Result<()> {
    let answer = remote.client()?.get("/api/workshops").await?;
    let disks = args.data_dir.as_deref().map(disks_left).transpose()?;
    let workshops = answer["workshops"]
        .as_array()
        .context("the server's list of workshops is none. Hint: is that a ClaraTeach server?")?;
    let nothing_left = workshops.is_empty() && disks.as_ref().is_none_or(Vec::is_empty);
    let mut status = json!({"safe_to_power_off": nothing_left, "workshops": workshops});
    if let Some(disks) = &disks {
        status["disks"] = json!(disks);
    }
    args.output.print(&status, || {
        if nothing_left {
            return "nothing of ours is left; safe to power off".to_owned();
        }
        let mut lines = String::new();
        if !workshops.is_empty() {
            lines = format!(
                "{}\nnot safe to power off: `clarateach workshop delete ID` ends a workshop\n",
                workshops_table(&answer["workshops"])
            );
        }
        for disk in disks.iter().flatten() {
            lines.push_str(&format!("left: {}\n", disk.display()));
        }
        lines
    });
    Ok(())
}

/// What lies in the folder of the seats' disks; without that folder, nothing.
fn disks_left(data_dir: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let cannot = || format!("cannot look into {}", data_dir.display());
    std::fs::metadata(data_dir).with_context(cannot)?;
    let entries = match std::fs::read_dir(data_dir.join("seats")) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error).with_context(cannot),
    };
    let mut paths = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<Vec<_>, _>>()
        .with_context(cannot)?;
    paths.sort();
    Ok(paths)
}
