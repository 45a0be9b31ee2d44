//! `clarateach seat …`.

use clap::Subcommand;
use clarateach_protocol::id::{SeatNumber, WorkshopId};
use serde_json::{Value, json};

use super::client::{Client, Remote};
use super::failure::{Exit, Failure};
use super::table::{Kind, Output, Paper, plain_text, table, text};
use super::waiting::{self, Line};
use super::{ask, find};

#[derive(clap::Args)]
pub(super) struct SeatArgs {
    #[command(flatten)]
    output: Output,
    #[command(subcommand)]
    command: Command,
}

impl SeatArgs {
    pub(super) fn is_json(&self) -> bool {
        self.output.json
    }
}

const RENEW_EXAMPLES: &str = "\
Examples:
  clarateach seat reset \"Rust 101\" 7
  clarateach seat release 7K3Q-9XWD 7 --yes

On a terminal it asks first while a learner sits there; scripts are not asked.";

#[derive(Subcommand)]
enum Command {
    /// List a workshop's seats and who sits there
    #[command(
        after_help = "Examples:\n  clarateach seat list \"Rust 101\"\n  clarateach seat list ws-… --json | jq '.seats[] | select(.status == \"failed\")'"
    )]
    List {
        /// The workshop's id (ws-…), join code or name
        workshop: String,
    },
    /// Add seats to a workshop, and wait until they are there
    #[command(after_help = "Example:\n  clarateach seat add \"Rust 101\" 5")]
    Add(Add),
    /// Make a seat anew; its learner stays, their files and processes go
    #[command(after_help = RENEW_EXAMPLES)]
    Reset(Renew),
    /// Give a seat the files back that it had before its last reset, for 30 minutes
    #[command(after_help = "Example:\n  clarateach seat undo-reset \"Rust 101\" 7")]
    UndoReset(Renew),
    /// End a learner's assignment and make the seat anew
    #[command(after_help = RENEW_EXAMPLES)]
    Release(Renew),
    /// Shut a seat's learner out, and seat nobody there; files and processes stay
    #[command(after_help = "Example:\n  clarateach seat lock \"Rust 101\" 7")]
    Lock(Seat),
    /// Let a locked seat's learner in again
    #[command(after_help = "Example:\n  clarateach seat unlock \"Rust 101\" 7")]
    Unlock(Seat),
    /// Try a failed seat again, or all that failed
    #[command(
        after_help = "Examples:\n  clarateach seat retry \"Rust 101\" 7\n  clarateach seat retry \"Rust 101\""
    )]
    Retry(Retry),
}

#[derive(clap::Args)]
struct Add {
    /// The workshop's id (ws-…), join code or name
    workshop: String,
    /// How many seats more; a workshop has 200 at the most
    #[arg(value_parser = clap::value_parser!(u16).range(1..=200))]
    count: u16,
    /// Don't wait for them
    #[arg(long)]
    no_wait: bool,
}

#[derive(clap::Args)]
struct Renew {
    #[command(flatten)]
    seat: Seat,
    /// Don't ask, not even on a terminal
    #[arg(long, short)]
    yes: bool,
}

#[derive(clap::Args)]
struct Retry {
    /// The workshop's id (ws-…), join code or name
    workshop: String,
    /// The seat's number, from 1 [default: every seat that failed]
    seat: Option<SeatNumber>,
}

#[derive(clap::Args)]
struct Seat {
    /// The workshop's id (ws-…), join code or name
    workshop: String,
    /// The seat's number, from 1
    seat: SeatNumber,
}

pub(super) async fn run(args: SeatArgs, remote: &Remote) -> anyhow::Result<()> {
    let (client, output) = (remote.client()?, args.output);
    match args.command {
        Command::List { workshop } => {
            let id = find::workshop(&client, &workshop).await?;
            let shown = client.get(&format!("/api/workshops/{id}")).await?;
            let seats = json!({"seats": shown["seats"]});
            output.print(&seats, || seats_table(Paper::of_stdout(), &seats["seats"]));
            Ok(())
        }
        Command::Add(add) => add_seats(&client, &output, add).await,
        Command::Reset(renew) => {
            let goes = "Their files and processes go, they keep the seat.";
            change(
                &client,
                &output,
                renew.seat,
                "reset",
                (!renew.yes).then_some(goes),
            )
            .await
        }
        Command::UndoReset(renew) => {
            let goes = "What was made since the reset goes.";
            change(
                &client,
                &output,
                renew.seat,
                "undo-reset",
                (!renew.yes).then_some(goes),
            )
            .await
        }
        Command::Release(renew) => {
            let goes = "They leave it, and everything they made is removed.";
            change(
                &client,
                &output,
                renew.seat,
                "release",
                (!renew.yes).then_some(goes),
            )
            .await
        }
        Command::Lock(seat) => change(&client, &output, seat, "lock", None).await,
        Command::Unlock(seat) => change(&client, &output, seat, "unlock", None).await,
        Command::Retry(Retry {
            workshop,
            seat: Some(seat),
        }) => change(&client, &output, Seat { workshop, seat }, "retry", None).await,
        Command::Retry(Retry {
            workshop,
            seat: None,
        }) => retry_failed(&client, &output, &workshop).await,
    }
}

/// Asks first, with what goes, where a learner sits there and somebody can be asked.
async fn change(
    client: &Client,
    output: &Output,
    seat: Seat,
    verb: &str,
    goes: Option<&str>,
) -> anyhow::Result<()> {
    let (id, number) = (find::workshop(client, &seat.workshop).await?, seat.seat);
    if let Some(goes) = goes.filter(|_| ask::is_possible())
        && let Some(learner) = learner(client, id, number).await?
    {
        let words = capital(&verb.replace('-', " "));
        let question = format!("{words} seat {number} of {learner}? {goes}");
        if !ask::yes(&question).await? {
            let message = format!("seat {number} was left as it is");
            return Err(Failure::new(Exit::Failed, "not_confirmed", message).into());
        }
    }
    let path = format!("/api/workshops/{id}/seats/{number}/{verb}");
    let shown = client.post(&path, None).await?;
    output.print(&shown, || seats_table(Paper::of_stdout(), &json!([shown])));
    Ok(())
}

async fn retry_failed(client: &Client, output: &Output, workshop: &str) -> anyhow::Result<()> {
    let id = find::workshop(client, workshop).await?;
    let shown = client.get(&format!("/api/workshops/{id}")).await?;
    let mut retried = Vec::new();
    for seat in seats_of(&shown)
        .iter()
        .filter(|seat| seat["status"] == "failed")
    {
        let path = format!("/api/workshops/{id}/seats/{}/retry", seat["number"]);
        retried.push(client.post(&path, None).await?);
    }
    let retried = json!({"seats": retried});
    output.print(&retried, || match seats_of(&retried) {
        [] => "no seat failed".to_owned(),
        _ => seats_table(Paper::of_stdout(), &retried["seats"]),
    });
    Ok(())
}

fn capital(verb: &str) -> String {
    let (first, rest) = verb.split_at(1);
    first.to_uppercase() + rest
}

async fn learner(
    client: &Client,
    id: WorkshopId,
    number: SeatNumber,
) -> anyhow::Result<Option<String>> {
    let workshop = client.get(&format!("/api/workshops/{id}")).await?;
    let seat = seats_of(&workshop)
        .iter()
        .find(|seat| seat["number"] == number.get());
    let name = seat.map(|seat| &seat["learner"]["name"]);
    Ok(name.filter(|name| !name.is_null()).map(plain_text))
}

async fn add_seats(client: &Client, output: &Output, add: Add) -> anyhow::Result<()> {
    let id = find::workshop(client, &add.workshop).await?;
    let line = Line::new(output);
    let path = format!("/api/workshops/{id}/seats");
    let mut workshop = client
        .post(&path, Some(json!({"count": add.count})))
        .await?;
    // The new ones are last in the answer; more may be added while this waits.
    let all = seats_of(&workshop).len();
    let new = all.saturating_sub(add.count.into())..all;
    let of_this_call =
        |workshop: &Value| json!(seats_of(workshop).get(new.clone()).unwrap_or_default());
    if !add.no_wait {
        let is_made = |workshop: &Value| {
            let seats = of_this_call(workshop);
            workshop["status"] == "ending"
                || seats
                    .as_array()
                    .is_some_and(|seats| seats.iter().all(|seat| seat["status"] != "provisioning"))
        };
        workshop = waiting::until_settled(client, output, &line, workshop, id, is_made).await?;
    }
    let added = of_this_call(&workshop);
    output.print(&workshop, || seats_table(Paper::of_stdout(), &added));
    waiting::check_seats(&json!({"seats": added}))
}

/// A workshop's seats, as the server sent them.
pub(super) fn seats_of(workshop: &Value) -> &[Value] {
    workshop["seats"].as_array().map_or(&[], Vec::as_slice)
}

/// What is wrong with a seat, or that it is locked.
fn remark(seat: &Value) -> String {
    let locked = (!seat["locked_at"].is_null()).then(|| "locked".to_owned());
    let reason = &seat["reason"]["message"];
    let reason = (!reason.is_null()).then(|| text(reason));
    locked
        .into_iter()
        .chain(reason)
        .collect::<Vec<_>>()
        .join("; ")
}

/// Seats by number, with who sits there and what is wrong.
pub(super) fn seats_table(paper: Paper, seats: &Value) -> String {
    let rows: Vec<_> = seats
        .as_array()
        .map_or(&[][..], Vec::as_slice)
        .iter()
        .map(|seat| {
            [
                text(&seat["number"]),
                text(&seat["status"]),
                text(&seat["learner"]["name"]),
                text(&seat["learner"]["presence"]),
                remark(seat),
            ]
        })
        .collect();
    let heads = [
        ("SEAT", Kind::Number),
        ("STATUS", Kind::Status),
        ("LEARNER", Kind::Text),
        ("PRESENCE", Kind::Fixed),
        ("REASON", Kind::Text),
    ];
    table(paper, heads, &rows)
}
