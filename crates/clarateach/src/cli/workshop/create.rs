//! `clarateach workshop create`: what was said becomes a request, and is waited for.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, ensure};
use http::Method;
use serde_json::{Map, Value, json};

use super::super::client::Client;
use super::super::seat::seats_of;
use super::super::table::{Output, plain_text, text};
use super::super::waiting::{self, Line, Unfinished};

pub(super) const EXAMPLES: &str = "\
Examples:
  clarateach workshop create \"Rust 101\" --seats 30
  clarateach workshop create Python --seats 12 --image python:3.13 --egress none
  clarateach workshop create AI --seats 20 --api-key-file key.txt --ends-at 2030-05-04T17:00:00Z
  clarateach workshop create \"Rust 101\" --seats 30 --json --idempotency-key spring | jq -r .join_url

Ctrl-C ends the waiting only: the workshop goes on being made.";

#[derive(clap::Args)]
pub(super) struct CreateArgs {
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

pub(super) async fn create_workshop(
    client: &Client,
    output: &Output,
    args: CreateArgs,
) -> anyhow::Result<()> {
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
