//! `clarateach workshop delete`: asks, where somebody is there to ask, and waits until they are gone.

use anyhow::anyhow;
use clarateach_protocol::id::WorkshopId;
use serde_json::{Value, json};

use super::super::client::Client;
use super::super::failure::{Exit, Failure};
use super::super::seat::seats_of;
use super::super::table::{Output, plain_text};
use super::super::waiting::{self, Line, Unfinished};
use super::super::{ask, find, print_out};

pub(super) const EXAMPLES: &str = "\
Examples:
  clarateach workshop delete \"Rust 101\"
  clarateach workshop delete 7K3Q-9XWD --yes
  clarateach workshop list --json | jq -r '.workshops[].id' | xargs clarateach workshop delete

On a terminal it asks first; where there is none (scripts, pipes) it does as it is told.";

#[derive(clap::Args)]
pub(super) struct DeleteArgs {
    /// Ids (ws-…), join codes or names; several are ended one after the other
    #[arg(required_unless_present = "all")]
    workshops: Vec<String>,
    /// Every workshop; off a terminal only with --yes
    #[arg(long, conflicts_with = "workshops")]
    all: bool,
    /// Don't ask, not even on a terminal
    #[arg(long, short)]
    yes: bool,
}

pub(super) async fn delete(
    client: &Client,
    output: &Output,
    args: DeleteArgs,
) -> anyhow::Result<()> {
    if args.all {
        delete_all(client, output, args.yes).await
    } else {
        delete_workshops(client, output, args).await
    }
}

/// Asks once for all of them.
async fn delete_all(client: &Client, output: &Output, is_said: bool) -> anyhow::Result<()> {
    let list = client.get("/api/workshops").await?;
    let workshops = list["workshops"].as_array().map_or(&[][..], Vec::as_slice);
    let taken = |workshop: &Value| {
        let learners = seats_of(workshop).iter().map(|seat| &seat["learner"]);
        learners.filter(|learner| !learner.is_null()).count()
    };
    let (count, learners) = (workshops.len(), workshops.iter().map(taken).sum::<usize>());
    if count > 0 && !is_said {
        let question = format!(
            "Delete all {count} workshops with {learners} learners? Everything they made is removed."
        );
        let is_meant = ask::is_possible() && ask::yes(&question).await?;
        if !is_meant {
            let message = "nothing was deleted: say --yes to delete every workshop";
            return Err(Failure::new(Exit::Failed, "not_confirmed", message).into());
        }
    }
    let line = Line::new(output);
    let goes_on =
        "the workshops go on being removed on the server. `clarateach status` shows what is left";
    let unfinished = Unfinished::new(&line, output, goes_on.to_owned());
    let call = client.delete("/api/workshops?all=true");
    let ended = waiting::during(&line, &format!("ending {count} workshops"), call).await;
    unfinished.finish();
    ended?;
    let ids: Vec<_> = workshops.iter().map(|workshop| &workshop["id"]).collect();
    output.print(&json!({"deleted": ids}), || {
        format!("{count} workshops are gone")
    });
    Ok(())
}

async fn delete_workshops(
    client: &Client,
    output: &Output,
    args: DeleteArgs,
) -> anyhow::Result<()> {
    // All are found before the first one goes.
    let mut ids = Vec::new();
    for named in &args.workshops {
        ids.push(find::workshop(client, named).await?);
    }
    let asks = !args.yes && ask::is_possible();
    let mut deleted = Vec::new();
    let mut outcome = Ok(());
    for id in ids {
        if asks && !is_meant(client, id).await? {
            outcome = Err(anyhow!("{id} was not deleted"));
            continue;
        }
        let line = Line::new(output);
        let goes_on = format!(
            "{id} goes on being removed on the server. `clarateach status` shows what is left"
        );
        let unfinished = Unfinished::new(&line, output, goes_on);
        let path = format!("/api/workshops/{id}");
        let call = client.delete(&path);
        let ended = waiting::during(&line, &format!("ending {id}"), call).await;
        unfinished.finish();
        match ended {
            Ok(()) => {
                deleted.push(id.to_string());
                if !output.json {
                    print_out(&format!("{id} is gone"));
                }
            }
            // The others are still to go; the first error is what is told.
            Err(error) => outcome = outcome.and(Err(error.context(format!("cannot delete {id}")))),
        }
    }
    if output.json {
        print_out(&format!("{:#}", json!({"deleted": deleted})));
    }
    outcome
}

async fn is_meant(client: &Client, id: WorkshopId) -> anyhow::Result<bool> {
    let workshop = match client.get(&format!("/api/workshops/{id}")).await {
        Ok(workshop) => workshop,
        // One that has ended: deleting it again is fine, and takes nothing away.
        Err(error) if is_not_found(&error) => return Ok(true),
        Err(error) => return Err(error),
    };
    let learners = seats_of(&workshop)
        .iter()
        .filter(|seat| !seat["learner"].is_null())
        .count();
    let (whom, what) = match learners {
        0 => (String::new(), ""),
        1 => (
            " with 1 learner".to_owned(),
            " Everything they made is removed.",
        ),
        more => (
            format!(" with {more} learners"),
            " Everything they made is removed.",
        ),
    };
    let name = plain_text(&workshop["name"]);
    ask::yes(&format!("Delete “{name}” ({id}){whom}?{what}")).await
}

fn is_not_found(error: &anyhow::Error) -> bool {
    let failure = error.downcast_ref::<Failure>();
    failure.is_some_and(|failure| failure.detail.code == "not_found")
}
