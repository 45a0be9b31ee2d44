//! `clarateach workshop …`.

use std::path::PathBuf;

use anyhow::{Context, ensure};
use clap::Subcommand;
use clarateach_protocol::id::WorkshopId;
use http::Method;
use serde_json::{Map, Value, json};

use super::client::{Client, Remote};
use super::print_out;
use super::seat::seats_table;
use super::table::{Output, plain, table, text};

#[derive(clap::Args)]
pub(super) struct WorkshopArgs {
    #[command(flatten)]
    output: Output,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Make a workshop, and wait until its seats are there
    Create(Box<CreateArgs>),
    /// List the workshops that have not ended
    List,
    /// Show a workshop and its seats
    Show {
        /// Its id, ws-…
        workshop: WorkshopId,
    },
    /// End a workshop: its seats and everything in them go, and this waits until they are gone
    Delete {
        /// Its id, ws-…; several are ended one after the other
        #[arg(required = true)]
        workshops: Vec<WorkshopId>,
    },
}

#[derive(clap::Args)]
struct CreateArgs {
    /// Its title
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
            output.print(&list, || workshops_table(&list["workshops"]));
            Ok(())
        }
        Command::Show { workshop } => {
            let shown = client.get(&format!("/api/workshops/{workshop}")).await?;
            output.print(&shown, || description(&shown));
            Ok(())
        }
        Command::Delete { workshops } => {
            for workshop in &workshops {
                client.delete(&format!("/api/workshops/{workshop}")).await?;
                if !output.json {
                    print_out(&format!("{workshop} is gone"));
                }
            }
            if output.json {
                let ids: Vec<String> = workshops.iter().map(ToString::to_string).collect();
                print_out(&format!("{:#}", json!({"deleted": ids})));
            }
            Ok(())
        }
    }
}

async fn create_workshop(client: &Client, output: &Output, args: CreateArgs) -> anyhow::Result<()> {
    let key = args.idempotency_key.clone();
    let mut headers = Vec::new();
    if args.no_wait {
        headers.push(("prefer", "respond-async"));
    }
    if let Some(key) = &key {
        headers.push(("idempotency-key", key.as_str()));
    }
    let body = body(args)?;
    let made = client
        .call(Method::POST, "/api/workshops", &headers, Some(body))
        .await?
        .body;
    output.print(&made, || description(&made));
    ensure!(
        made["status"] != "failed",
        "no seat could be made: {}",
        plain(&text(&made["reason"]["message"]))
    );
    Ok(())
}

/// Only what was said: the server knows the defaults.
fn body(args: CreateArgs) -> anyhow::Result<Value> {
    let mut body = Map::new();
    let mut resources = Map::new();
    body.insert("name".to_owned(), args.name.into());
    body.insert("seats".to_owned(), args.seats.into());
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
pub(super) fn workshops_table(workshops: &Value) -> String {
    let workshops = workshops.as_array().map_or(&[][..], Vec::as_slice);
    if workshops.is_empty() {
        return "no workshops".to_owned();
    }
    let rows: Vec<_> = workshops
        .iter()
        .map(|workshop| {
            let seats = workshop["seats"].as_array().map_or(&[][..], Vec::as_slice);
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
    table(["ID", "STATUS", "CODE", "READY", "TAKEN", "NAME"], &rows)
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
            lines.push_str(&format!("{label:<8} {}\n", plain(&text(&workshop[field]))));
        }
    }
    if !workshop["reason"].is_null() {
        let reason = plain(&text(&workshop["reason"]["message"]));
        lines.push_str(&format!("{:<8} {reason}\n", "reason"));
    }
    format!("{lines}\n{}", seats_table(&workshop["seats"]))
}
