//! `clarateach backup` and `clarateach restore`: offline, on the server's machine.

use std::path::PathBuf;

use serde_json::json;

use super::table::Output;
use crate::backup::{self, Other};
use crate::config::Settings;

const BACKUP_EXAMPLES: &str = "\
Examples:
  clarateach backup /var/backups/clarateach-$(date +%F).tar
  clarateach backup --data-dir /var/lib/clarateach before-upgrade.tar

The server may run. The archive has the database and the keys, secrets included: keep it as you keep
those. Seats' disks are not in it.";

const RESTORE_EXAMPLES: &str = "\
Examples:
  systemctl stop clarateach && clarateach restore before-upgrade.tar --data-dir /var/lib/clarateach
  clarateach recover        then: workshops that were made after the backup, while their seats are there

The server must not run. The database that was there is kept beside the restored one.";

/// The server's data directory.
#[derive(clap::Args)]
pub(super) struct DataDir {
    /// The server's data directory [default: ./data, or what clarateach.toml says]
    #[arg(long, env = "CLARATEACH_DATA_DIR", value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

impl DataDir {
    fn find(self) -> anyhow::Result<PathBuf> {
        match self.data_dir {
            Some(data_dir) => Ok(data_dir),
            None => Ok(Settings::default().with_file(None)?.resolve()?.data_dir),
        }
    }
}

#[derive(clap::Args)]
#[command(after_help = BACKUP_EXAMPLES)]
pub(super) struct BackupArgs {
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    data_dir: DataDir,
    /// File to write, for this user only; an existing one is replaced once the new one is whole
    file: PathBuf,
}

#[derive(clap::Args)]
#[command(after_help = RESTORE_EXAMPLES)]
pub(super) struct RestoreArgs {
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    data_dir: DataDir,
    /// Replace another installation's keys: its seats are nobody's then
    #[arg(long)]
    force: bool,
    /// An archive that `clarateach backup` wrote
    file: PathBuf,
}

impl BackupArgs {
    pub(super) fn is_json(&self) -> bool {
        self.output.json
    }
}

impl RestoreArgs {
    pub(super) fn is_json(&self) -> bool {
        self.output.json
    }
}

pub(super) fn back_up(args: BackupArgs) -> anyhow::Result<()> {
    let data_dir = args.data_dir.find()?;
    let bytes = backup::write(&data_dir, &args.file)?;
    let file = args.file.display().to_string();
    args.output
        .print(&json!({"file": file, "bytes": bytes}), || {
            format!("{file}: database and keys, {bytes} bytes")
        });
    Ok(())
}

pub(super) fn restore(args: RestoreArgs) -> anyhow::Result<()> {
    let data_dir = args.data_dir.find()?;
    let other = if args.force {
        Other::Replace
    } else {
        Other::Refuse
    };
    let restored = backup::restore(&args.file, &data_dir, other)?;
    let before = restored.before.map(|path| path.display().to_string());
    let shown = json!({"data_dir": data_dir, "instance": restored.instance, "before": before});
    args.output.print(&shown, || {
        let kept = before
            .as_ref()
            .map(|path| format!("\nthe database that was there is {path}"));
        format!(
            "restored into {}{}\nseats that were made after this backup are removed at the next start, unless `clarateach recover` adopts them first",
            data_dir.display(),
            kept.unwrap_or_default()
        )
    });
    Ok(())
}
