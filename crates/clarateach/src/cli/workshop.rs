//! `clarateach workshop …`.

mod create;
mod delete;
mod show;

use clap::Subcommand;
use serde_json::json;

use super::client::Remote;
use super::failure::EXIT_CODES;
use super::find;
use super::table::{Output, Paper, plain_text};
use create::CreateArgs;
use delete::DeleteArgs;
pub(super) use show::workshops_table;

#[derive(clap::Args)]
pub(super) struct WorkshopArgs {
    #[command(flatten)]
    output: Output,
    #[command(subcommand)]
    command: Command,
}

impl WorkshopArgs {
    pub(super) fn is_json(&self) -> bool {
        self.output.json
    }
}

#[derive(Subcommand)]
enum Command {
    /// Make a workshop, and wait until its seats are there
    #[command(after_help = create::EXAMPLES, after_long_help = format!("{}\n\n{EXIT_CODES}", create::EXAMPLES))]
    Create(Box<CreateArgs>),
    /// List the workshops that have not ended
    List,
    /// Show a workshop, how to join it, and its seats
    Show {
        /// Its id (ws-…), join code or name
        workshop: String,
    },
    /// Set when a workshop ends, later or sooner
    #[command(
        after_help = "Examples:\n  clarateach workshop extend \"Rust 101\" --minutes 30\n  clarateach workshop extend ws-… --until 2030-01-31T17:00:00+01:00"
    )]
    Extend(ExtendArgs),
    /// Have a scheduled workshop made although the machine can't give every seat all that its limits allow
    AllowOvercommit {
        /// The workshop's id (ws-…), join code or name
        workshop: String,
    },
    /// End workshops: their seats and everything in them go, and this waits until they are gone
    #[command(after_help = delete::EXAMPLES)]
    Delete(DeleteArgs),
}

#[derive(clap::Args)]
struct ExtendArgs {
    /// The workshop's id (ws-…), join code or name
    workshop: String,
    /// So many minutes later than it would end
    #[arg(
        long,
        value_name = "N",
        conflicts_with = "until",
        required_unless_present = "until"
    )]
    minutes: Option<u16>,
    /// When it ends (RFC 3339)
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
}

pub(super) async fn run(args: WorkshopArgs, remote: &Remote) -> anyhow::Result<()> {
    let (client, output) = (remote.client()?, args.output);
    match args.command {
        Command::Create(create) => create::create_workshop(&client, &output, *create).await,
        Command::List => {
            let list = client.get("/api/workshops").await?;
            output.print(&list, || {
                workshops_table(Paper::of_stdout(), &list["workshops"])
            });
            Ok(())
        }
        Command::Show { workshop } => {
            let id = find::workshop(&client, &workshop).await?;
            let shown = client.get(&format!("/api/workshops/{id}")).await?;
            output.print(&shown, || show::description(&shown));
            Ok(())
        }
        Command::Extend(extend) => {
            let id = find::workshop(&client, &extend.workshop).await?;
            let end = match (extend.minutes, extend.until) {
                (Some(minutes), _) => json!({"minutes": minutes}),
                (None, until) => json!({"ends_at": until}),
            };
            let path = format!("/api/workshops/{id}/extend");
            let shown = client.post(&path, Some(end)).await?;
            output.print(&shown, || show::extended(id, &shown));
            Ok(())
        }
        Command::AllowOvercommit { workshop } => {
            let id = find::workshop(&client, &workshop).await?;
            let path = format!("/api/workshops/{id}/allow-overcommit");
            let shown = client.post(&path, None).await?;
            output.print(&shown, || {
                format!(
                    "{id} may be overcommitted; it is {}",
                    plain_text(&shown["status"])
                )
            });
            Ok(())
        }
        Command::Delete(args) => delete::delete(&client, &output, args).await,
    }
}
