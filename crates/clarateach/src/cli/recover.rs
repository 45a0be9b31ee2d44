//! `clarateach recover`: offline, after the database was lost and while the seats are still there.

use serde_json::json;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::table::Output;
use super::{ConfigArgs, print_out};
use crate::app;
use crate::recovery::{Adopted, Found, Occupant};

const EXAMPLES: &str = "\
Examples:
  clarateach recover --data-dir /var/lib/clarateach && systemctl start clarateach

For a server that lost its database while its seats still run: it needs the keys in the data directory.
Files and running shells stay. Every workshop gets a new join code, learners whom their seats name a new
reconnect code: hand these out. What nobody can tell any more: the workshops' names and ends, instructors
and their passwords, API tokens, and keys that workshops had (new shells lack them).";

#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct RecoverArgs {
    #[command(flatten)]
    config: ConfigArgs,
    #[command(flatten)]
    output: Output,
}

impl RecoverArgs {
    pub(super) fn is_json(&self) -> bool {
        self.output.json
    }
}

pub(super) fn run(args: RecoverArgs) -> anyhow::Result<()> {
    let config = args.config.settings()?.resolve()?;
    let (adopted, damaged) = super::runtime()?.block_on(app::recover(&config))?;
    if let Some(path) = &damaged {
        eprintln!("the damaged database is kept as {}", path.display());
    }
    let workshops: Vec<_> = adopted.iter().map(workshop).collect();
    args.output.print(&json!({"workshops": workshops}), || {
        let lines = adopted.iter().flat_map(lines).collect::<Vec<_>>();
        if lines.is_empty() {
            return "every workshop that exists is in the database: nothing to adopt".to_owned();
        }
        lines.join("\n")
    });
    if !args.output.json && !adopted.is_empty() {
        print_out(
            "\nTo be set again, since nobody can tell it any more:\n\
             - ends: `clarateach workshop extend <workshop> --until <time>`, for each workshop above\n\
             - instructors and passwords: the next start prints a set-up link\n\
             - API tokens: `clarateach token create`\n\
             - keys and variables of workshops: shells that run keep theirs, new ones and new seats have none; \
             tell them to learners, or make a new workshop for the next class\n\
             Gone for good: names of workshops, and files kept for an undo.",
        );
    }
    Ok(())
}

fn workshop(adopted: &Adopted) -> serde_json::Value {
    let seats: Vec<_> = adopted.seats.iter().map(seat).collect();
    json!({
        "id": adopted.id.to_string(),
        "name": adopted.name,
        "code": adopted.code.to_string(),
        "ends_at": adopted.ends_at.map(in_text),
        "seats": seats,
    })
}

fn in_text(at: OffsetDateTime) -> String {
    at.format(&Rfc3339).unwrap_or_else(|_| at.to_string())
}

fn seat(found: &Found) -> serde_json::Value {
    let number = found.number.get();
    match &found.occupant {
        Occupant::Nobody => json!({"number": number, "state": "free"}),
        Occupant::Unknown => json!({"number": number, "state": "locked"}),
        Occupant::Learner(name, code) => {
            json!({"number": number, "state": "occupied", "learner": name, "reconnect_code": code.to_string()})
        }
    }
}

fn lines(adopted: &Adopted) -> Vec<String> {
    let ends = adopted.ends_at.map_or("no end".to_owned(), |at| {
        format!("now ends {}", in_text(at))
    });
    let mut lines = vec![format!(
        "{}  now called \"{}\", {ends}, new join code {}",
        adopted.id, adopted.name, adopted.code
    )];
    lines.extend(adopted.seats.iter().map(|found| {
        let number = found.number;
        match &found.occupant {
            Occupant::Nobody => format!("  seat {number}  free, made anew at the next start"),
            Occupant::Unknown => format!(
                "  seat {number}  locked: it doesn't say whose it is. Unlock it to give it away with its files, release it to empty it"
            ),
            Occupant::Learner(name, code) => {
                format!("  seat {number}  {name}: new reconnect code {code}")
            }
        }
    }));
    lines
}
