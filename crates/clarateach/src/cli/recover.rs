//! `clarateach recover`: offline, after the database was lost and while the seats are still there.

use serde_json::json;

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
            "\nNot known any more: names and ends of workshops, instructors (the next start prints a set-up link), \
             API tokens, and the keys in shells that start from now on.",
        );
    }
    Ok(())
}

fn workshop(adopted: &Adopted) -> serde_json::Value {
    let seats: Vec<_> = adopted.seats.iter().map(seat).collect();
    json!({"id": adopted.id.to_string(), "code": adopted.code.to_string(), "seats": seats})
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
    let mut lines = vec![format!("{}  new join code {}", adopted.id, adopted.code)];
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
