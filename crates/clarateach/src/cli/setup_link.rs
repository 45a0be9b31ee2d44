//! `clarateach setup-link`: offline, for whoever may read the data directory. No call of the API hands
//! the link out.

use std::path::PathBuf;

use anyhow::Context;
use serde_json::json;

use super::failure::{Exit, Failure};
use super::table::Output;
use crate::auth::{keys, setup_link};
use crate::config::Settings;

#[derive(clap::Args)]
pub(super) struct SetupLinkArgs {
    #[command(flatten)]
    output: Output,
    /// The server's data directory [default: ./data, or what clarateach.toml says]
    #[arg(long, env = "CLARATEACH_DATA_DIR", value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

impl SetupLinkArgs {
    pub(super) fn is_json(&self) -> bool {
        self.output.json
    }
}

pub(super) fn run(args: SetupLinkArgs) -> anyhow::Result<()> {
    let data_dir = match args.data_dir {
        Some(data_dir) => data_dir,
        None => Settings::default().with_file(None)?.resolve()?.data_dir,
    };
    // A link works as long as its server runs, and not a moment longer.
    if !keys::is_in_use(&data_dir)? {
        let problem = format!(
            "no server runs on {}, and a link works only while one does. Hint: start `clarateach serve`, or name the server's --data-dir",
            data_dir.display()
        );
        return Err(Failure::new(Exit::Unreachable, "no_server", problem).into());
    }
    let link = setup_link::read(&data_dir)?.with_context(|| {
        format!(
            "there is no set-up link in {}: the password is set already. Hint: sign in; a forgotten one is \
             replaced with `clarateach serve --instructor-password-file`",
            data_dir.display()
        )
    })?;
    args.output
        .print(&json!({"setup_link": link}), || link.clone());
    Ok(())
}
