//! `clarateach seat …`.

use clap::Subcommand;
use clarateach_protocol::id::{SeatNumber, WorkshopId};
use serde_json::{Value, json};

use super::client::Remote;
use super::table::{Output, table, text};

#[derive(clap::Args)]
pub(super) struct SeatArgs {
    #[command(flatten)]
    output: Output,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// List a workshop's seats and who sits there
    List {
        /// The workshop's id, ws-…
        workshop: WorkshopId,
    },
    /// Make a seat anew; its learner stays, their files and processes go
    Reset(Seat),
    /// End a learner's assignment and make the seat anew
    Release(Seat),
    /// Try a failed seat again
    Retry(Seat),
}

#[derive(clap::Args)]
struct Seat {
    /// The workshop's id, ws-…
    workshop: WorkshopId,
    /// The seat's number, from 1
    seat: SeatNumber,
}

pub(super) async fn run(args: SeatArgs, remote: &Remote) -> anyhow::Result<()> {
    let (client, output) = (remote.client()?, args.output);
    let (seat, verb) = match args.command {
        Command::List { workshop } => {
            let shown = client.get(&format!("/api/workshops/{workshop}")).await?;
            let seats = json!({"seats": shown["seats"]});
            output.print(&seats, || seats_table(&seats["seats"]));
            return Ok(());
        }
        Command::Reset(seat) => (seat, "reset"),
        Command::Release(seat) => (seat, "release"),
        Command::Retry(seat) => (seat, "retry"),
    };
    let path = format!(
        "/api/workshops/{}/seats/{}/{verb}",
        seat.workshop, seat.seat
    );
    let shown = client.post(&path, None).await?;
    output.print(&shown, || seats_table(&json!([shown])));
    Ok(())
}

/// Seats by number, with who sits there and what is wrong.
pub(super) fn seats_table(seats: &Value) -> String {
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
                text(&seat["reason"]["message"]),
            ]
        })
        .collect();
    table(["SEAT", "STATUS", "LEARNER", "PRESENCE", "REASON"], &rows)
}
