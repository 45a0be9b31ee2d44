//! `clarateach setup-link`: offline, for whoever may read the data directory. No call of the API hands
//! the link out.

use std::path::PathBuf;

use anyhow::Context;
use serde_json::json;

use super::table::Output;
use crate::auth::setup_link;
use crate::config::Settings;

#[derive(clap::Args)]
pub(super) struct SetupLinkArgs {
    #[command(flatten)]
    output: Output,
    /// The server's data directory [default: ./data, or what clarateach.toml says]
    #[arg(long, env = "CLARATEACH_DATA_DIR", value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

pub(super) fn run(args: SetupLinkArgs) -> anyhow::Result<()> {
    let data_dir = match args.data_dir {
        Some(data_dir) => data_dir,
        None => Settings::default().with_file(None)?.resolve()?.data_dir,
    };
    let link = setup_link::read(&data_dir)?.with_context(|| {
        format!(
            "there is no set-up link in {}: the password is set already, or no server runs on it. \
             Hint: sign in, or start `clarateach serve`",
            data_dir.display()
        )
    })?;
    args.output
        .print(&json!({"setup_link": link}), || link.clone());
    Ok(())
}
