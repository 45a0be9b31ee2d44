//! `clarateach workshop …`.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, anyhow, ensure};
use clap::Subcommand;
use clarateach_protocol::id::WorkshopId;
use http::Method;
use serde_json::{Map, Value, json};

use super::client::{Client, Remote};
use super::failure::{EXIT_CODES, Exit, Failure};
use super::seat::{seats_of, seats_table};
use super::table::{Kind, Output, Paper, plain_text, table, text};
use super::waiting::{self, Line, Unfinished};
use super::{ask, find, print_out};

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

const CREATE_EXAMPLES: &str = "\
Examples:
  clarateach workshop create \"Rust 101\" --seats 30
  clarateach workshop create Python --seats 12 --image python:3.13 --egress none
  clarateach workshop create AI --seats 20 --api-key-file key.txt --ends-at 2030-05-04T17:00:00Z
  clarateach workshop create \"Rust 101\" --seats 30 --json --idempotency-key spring | jq -r .join_url

Ctrl-C ends the waiting only: the workshop goes on being made.";

const DELETE_EXAMPLES: &str = "\
Examples:
  clarateach workshop delete \"Rust 101\"
  clarateach workshop delete 7K3Q-9XWD --yes
  clarateach workshop list --json | jq -r '.workshops[].id' | xargs clarateach workshop delete

On a terminal it asks first; where there is none (scripts, pipes) it does as it is told.";

#[derive(Subcommand)]
enum Command {
    /// Make a workshop, and wait until its seats are there
    #[command(after_help = CREATE_EXAMPLES, after_long_help = format!("{CREATE_EXAMPLES}\n\n{EXIT_CODES}"))]
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
    /// End workshops: their seats and everything in them go, and this waits until they are gone
    #[command(after_help = DELETE_EXAMPLES)]
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

#[derive(clap::Args)]
struct DeleteArgs {
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

#[derive(clap::Args)]
struct CreateArgs {
    /// Its title, 1 to 80 characters
    name: String,
    /// How many seats, 1 to 200
    #[arg(long)]
    seats: u16,
    /// OCI image of the seats [default: the server's]
    #[arg(long)]
    image: Option<String>,
    /// Environment of every shell; can be given several times
    #[arg(long, value_name = "NAME=VALUE", value_parser = variable)]
    env: Vec<(String, String)>,
    /// File with a key for an AI service; shells get it as ANTHROPIC_API_KEY
    #[arg(long, value_name = "FILE")]
    api_key_file: Option<PathBuf>,
    /// Another name for that variable
    #[arg(long, value_name = "NAME", requires = "api_key_file")]
    api_key_name: Option<String>,
    /// Where seats may send packets: open, none, or IPv4 networks, comma-separated [default: open]
    #[arg(long, value_name = "open|none|CIDR,…")]
    egress: Option<String>,
    /// Memory of a seat, MiB
    #[arg(long, value_name = "MIB")]
    memory_mb: Option<u32>,
    /// Size of a seat's /workspace, MiB
    #[arg(long, value_name = "MIB")]
    disk_mb: Option<u32>,
    /// Thousandths of a CPU that a seat may use
    #[arg(long, value_name = "N")]
    cpu_millis: Option<u32>,
    /// When it should be there (RFC 3339) [default: now]
    #[arg(long, value_name = "TIME")]
    starts_at: Option<String>,
    /// When it ends by itself (RFC 3339)
    #[arg(long, value_name = "TIME")]
    ends_at: Option<String>,
    /// It ends when nobody used it for so many minutes, 30 to 43200; 0: never for that
    /// [default: the server's]
    #[arg(long, value_name = "MINUTES")]
    idle_after_minutes: Option<u32>,
    /// Make it although the machine can't give every seat all that its limits allow
    #[arg(long)]
    allow_overcommit: bool,
    /// Don't wait for the seats
    #[arg(long)]
    no_wait: bool,
    /// A word of your own: the same command with it, again within 24 hours, makes no second workshop
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
}

fn variable(text: &str) -> Result<(String, String), String> {
    text.split_once('=')
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .ok_or_else(|| "expected NAME=VALUE".to_owned())
}

pub(super) async fn run(args: WorkshopArgs, remote: &Remote) -> anyhow::Result<()> {
    let (client, output) = (remote.client()?, args.output);
    match args.command {
        Command::Create(create) => create_workshop(&client, &output, *create).await,
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
            output.print(&shown, || description(&shown));
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
            output.print(&shown, || extended(id, &shown));
            Ok(())
        }
        Command::Delete(delete) if delete.all => delete_all(&client, &output, delete.yes).await,
        Command::Delete(delete) => delete_workshops(&client, &output, delete).await,
    }
}

/// When it ends now; where nobody uses it, until when it is kept all the same.
fn extended(id: impl std::fmt::Display, shown: &Value) -> String {
    match (&shown["ends_at"], &shown["idle"]["kept_until"]) {
        (Value::Null, kept) => format!("{id} is kept until {}", plain_text(kept)),
        (ends, Value::Null) => format!("{id} ends at {}", plain_text(ends)),
        (ends, kept) if kept == ends => format!("{id} ends at {}", plain_text(ends)),
        (ends, kept) => format!(
            "{id} is kept until {}, and ends at {}",
            plain_text(kept),
            plain_text(ends)
        ),
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

async fn create_workshop(client: &Client, output: &Output, args: CreateArgs) -> anyhow::Result<()> {
    let (key, waits) = (args.idempotency_key.clone(), !args.no_wait);
    let mut headers = vec![("prefer", "respond-async")];
    if let Some(key) = &key {
        headers.push(("idempotency-key", key.as_str()));
    }
    let body = body(args)?;
    let line = Line::new(output);
    let call = client.call(Method::POST, "/api/workshops", &headers, Some(body));
    let asked = "the server was asked already. `clarateach workshop list` shows whether it makes a workshop";
    let unfinished = Unfinished::new(&line, output, asked.to_owned());
    let answer = waiting::during(&line, "asking the server", call).await;
    unfinished.finish();
    let mut made = answer?.body;
    if waits {
        let id = text(&made["id"]).parse()?;
        let is_made = |workshop: &Value| workshop["status"] != "provisioning";
        made = waiting::until_settled(client, output, &line, made, id, is_made).await?;
    }
    output.print(&made, || summary(&made, line.elapsed()));
    ensure!(
        made["status"] != "failed",
        "no seat could be made: {}",
        plain_text(&made["reason"]["message"])
    );
    waiting::check_seats(&made)
}

/// What a teacher needs next: the way in, and what went wrong.
fn summary(workshop: &Value, took: Duration) -> String {
    let field = |name: &str| plain_text(&workshop[name]);
    let seats = seats_of(workshop).len();
    let state = match workshop["status"].as_str() {
        Some("ready") => format!("is ready, in {:.1} s", took.as_secs_f64()),
        Some("scheduled") => format!("will be there at {}", field("starts_at")),
        Some("provisioning") => "is being made".to_owned(),
        _ => format!("is {}", field("status")),
    };
    let failed = waiting::failed_seats(workshop);
    let failed = if failed.is_empty() {
        failed
    } else {
        format!("\nThese seats failed:\n{failed}")
    };
    let plural = if seats == 1 { "" } else { "s" };
    format!(
        "“{}” {state}: {seats} seat{plural}\n\n  join  {}\n  code  {}\n  id    {}\n{failed}",
        field("name"),
        field("join_url"),
        field("code"),
        field("id"),
    )
}

/// Only what was said: the server knows the defaults.
fn body(args: CreateArgs) -> anyhow::Result<Value> {
    let mut body = Map::new();
    let mut resources = Map::new();
    body.insert("name".to_owned(), args.name.into());
    body.insert("seats".to_owned(), args.seats.into());
    if args.allow_overcommit {
        body.insert("allow_overcommit".to_owned(), true.into());
    }
    if let Some(minutes) = args.idle_after_minutes {
        body.insert("idle_after_minutes".to_owned(), minutes.into());
    }
    let texts = [
        ("image", args.image),
        ("api_key_name", args.api_key_name),
        ("starts_at", args.starts_at),
        ("ends_at", args.ends_at),
    ];
    for (field, value) in texts {
        body.extend(value.map(|value| (field.to_owned(), value.into())));
    }
    if let Some(path) = args.api_key_file {
        let key = std::fs::read_to_string(&path)
            .with_context(|| format!("cannot read the API key in {}", path.display()))?;
        body.insert("api_key".to_owned(), key.trim().into());
    }
    if !args.env.is_empty() {
        let env: Map<String, Value> = args
            .env
            .into_iter()
            .map(|(name, value)| (name, value.into()))
            .collect();
        body.insert("env".to_owned(), env.into());
    }
    if let Some(egress) = args.egress {
        let policy = match egress.as_str() {
            "open" | "none" => json!(egress),
            networks => json!({"allow": networks.split(',').map(str::trim).collect::<Vec<_>>()}),
        };
        body.insert("egress".to_owned(), policy);
    }
    let limits = [
        ("memory_mb", args.memory_mb),
        ("disk_mb", args.disk_mb),
        ("cpu_millis", args.cpu_millis),
    ];
    for (field, value) in limits {
        resources.extend(value.map(|value| (field.to_owned(), value.into())));
    }
    if !resources.is_empty() {
        body.insert("resources".to_owned(), resources.into());
    }
    Ok(body.into())
}

/// Every workshop with how many of its seats can be used, and how many are taken.
pub(super) fn workshops_table(paper: Paper, workshops: &Value) -> String {
    let workshops = workshops.as_array().map_or(&[][..], Vec::as_slice);
    if workshops.is_empty() {
        return "no workshops".to_owned();
    }
    let rows: Vec<_> = workshops
        .iter()
        .map(|workshop| {
            let seats = seats_of(workshop);
            let usable = seats
                .iter()
                .filter(|seat| seat["status"] == "ready" || seat["status"] == "occupied");
            let taken = seats.iter().filter(|seat| !seat["learner"].is_null());
            [
                text(&workshop["id"]),
                text(&workshop["status"]),
                text(&workshop["code"]),
                format!("{}/{}", usable.count(), seats.len()),
                taken.count().to_string(),
                text(&workshop["name"]),
            ]
        })
        .collect();
    let heads = [
        ("ID", Kind::Fixed),
        ("STATUS", Kind::Status),
        ("CODE", Kind::Fixed),
        ("READY", Kind::Number),
        ("TAKEN", Kind::Number),
        ("NAME", Kind::Text),
    ];
    table(paper, heads, &rows)
}

fn description(workshop: &Value) -> String {
    let mut lines = String::new();
    for (label, field) in [
        ("id", "id"),
        ("name", "name"),
        ("status", "status"),
        ("code", "code"),
        ("join", "join_url"),
        ("image", "image"),
        ("created", "created_at"),
        ("starts", "starts_at"),
        ("ends", "ends_at"),
    ] {
        if !workshop[field].is_null() {
            lines.push_str(&format!("{label:<8} {}\n", plain_text(&workshop[field])));
        }
    }
    let idle = &workshop["idle"];
    if !idle.is_null() {
        let rule = format!(
            "ends when nobody used it for {} minutes",
            idle["after_minutes"]
        );
        let state = [("kept_until", "; not before"), ("ends_at", ": at")];
        let state = state.iter().find(|(field, _)| !idle[field].is_null());
        let state = state.map(|(field, word)| format!("{word} {}", plain_text(&idle[field])));
        lines.push_str(&format!(
            "{:<8} {rule}{}\n",
            "idle",
            state.unwrap_or_default()
        ));
    }
    if !workshop["reason"].is_null() {
        let reason = plain_text(&workshop["reason"]["message"]);
        lines.push_str(&format!("{:<8} {reason}\n", "reason"));
    }
    format!(
        "{lines}\n{}",
        seats_table(Paper::of_stdout(), &workshop["seats"])
    )
}
