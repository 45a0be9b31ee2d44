//! `clarateach status`: what is left, and whether the machine can be powered off.
//!
//! Two witnesses: the server tells its workshops, and on the server's own machine this command looks
//! itself at what the installation has there, also while no server runs. What neither could look at
//! counts as left.

use std::path::{Path, PathBuf};

use anyhow::Context;
use serde_json::{Value, json};

use super::client::Remote;
use super::failure::{EXIT_CODES, Exit, Failure};
use super::table::{Output, Paper, plain, plain_text};
use super::workshop::workshops_table;
use crate::app;
use crate::auth::keys;
use crate::config::Settings;
use crate::provider::residue::Residue;

/// Things of a kind that people are shown by name; `--json` has all.
const NAMED: usize = 3;

const EXAMPLES: &str = "\
Examples:
  clarateach status
  clarateach status --data-dir /var/lib/clarateach
  clarateach status --exit-code && sudo poweroff

On the server's machine it looks at containers, networks, firewall, mounts and disks itself, also while
the server is down; run it as root there. Elsewhere it goes by the server's word.";

#[derive(clap::Args)]
#[command(after_help = EXAMPLES, after_long_help = format!("{EXAMPLES}\n\n{EXIT_CODES}"))]
pub(super) struct StatusArgs {
    #[command(flatten)]
    output: Output,
    /// On the server's machine: its data directory [default for a server on this machine: ./data, or what
    /// clarateach.toml says, where that is one]
    #[arg(long, env = "CLARATEACH_DATA_DIR", value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// End with exit code 6 unless it is safe to power off
    #[arg(long)]
    exit_code: bool,
}

impl StatusArgs {
    pub(super) fn is_json(&self) -> bool {
        self.output.json
    }
}

/// What both witnesses said.
struct Status {
    /// The server's list, or why there is none.
    workshops: Result<Value, anyhow::Error>,
    /// Workshops that the server made ahead.
    standby: Vec<Value>,
    /// What is on this machine, where it is the server's.
    residue: Option<Residue>,
}

pub(super) async fn run(args: StatusArgs, remote: &Remote) -> anyhow::Result<()> {
    let workshops = workshops(remote).await;
    let standby = match &workshops {
        Ok(_) => standby(remote).await,
        Err(_) => Vec::new(),
    };
    let data_dir = data_dir(args.data_dir, remote, workshops.is_ok())?;
    let residue = match &data_dir {
        Some(data_dir) => Some(app::residue(data_dir).await?),
        None => None,
    };
    let status = Status {
        workshops,
        standby,
        residue,
    };
    if let Err(error) = &status.workshops {
        // A server that is there and refuses, or that is elsewhere: only it could tell.
        let failure = error.downcast_ref::<Failure>();
        let is_down = failure.is_some_and(|failure| failure.exit == Exit::Unreachable);
        let here = data_dir.as_deref();
        let may_judge =
            is_down && here.is_some_and(|here| keys::is_in_use(here).is_ok_and(|used| !used));
        if !may_judge {
            return status.workshops.map(drop);
        }
    }
    let is_safe = status.is_safe();
    args.output.print(&status.for_scripts(is_safe), || {
        status.for_people(is_safe, data_dir.as_deref())
    });
    if args.exit_code && !is_safe {
        let problem = "not safe to power off: something is left, or could not be looked at";
        return Err(Failure::new(Exit::NotSafe, "not_safe", problem).into());
    }
    Ok(())
}

/// The one that was named; else, for a server on this machine, the one that it would take from here. One
/// that a running server doesn't use is another installation's.
fn data_dir(
    named: Option<PathBuf>,
    remote: &Remote,
    server_is_up: bool,
) -> anyhow::Result<Option<PathBuf>> {
    if let Some(path) = named {
        std::fs::metadata(&path).with_context(|| format!("cannot look into {}", path.display()))?;
        return Ok(Some(path));
    }
    if !remote.server()?.is_loopback() {
        return Ok(None);
    }
    let usual = Settings::default().with_file(None)?.data_dir;
    let usual = usual.unwrap_or_else(|| PathBuf::from("data"));
    let is_it = usual.join("keys/instance").exists()
        && keys::is_in_use(&usual).is_ok_and(|used| used == server_is_up);
    Ok(is_it.then_some(usual))
}

async fn workshops(remote: &Remote) -> anyhow::Result<Value> {
    let mut answer = remote.client()?.get("/api/workshops").await?;
    let workshops = answer["workshops"].take();
    workshops
        .is_array()
        .then_some(workshops)
        .context("the server's list of workshops is none. Hint: is that a ClaraTeach server?")
}

/// None where the server can't tell what fits: what it has is on its machine all the same.
async fn standby(remote: &Remote) -> Vec<Value> {
    let capacity = match remote.client() {
        Ok(client) => client.get("/api/capacity").await.ok(),
        Err(_) => None,
    };
    let standby = capacity.and_then(|capacity| capacity["standby"].as_array().cloned());
    standby.unwrap_or_default()
}

impl Status {
    fn is_safe(&self) -> bool {
        let no_workshops = match &self.workshops {
            Ok(workshops) => workshops.as_array().is_some_and(Vec::is_empty),
            Err(_) => true,
        };
        no_workshops
            && self.standby.is_empty()
            && self.residue.as_ref().is_none_or(Residue::is_nothing)
    }

    fn for_scripts(&self, is_safe: bool) -> Value {
        let mut status = json!({
            "safe_to_power_off": is_safe,
            "server": if self.workshops.is_ok() { "up" } else { "down" },
            "workshops": self.workshops.as_ref().ok(),
            "standby": self.standby,
        });
        if let Some(residue) = &self.residue {
            let Residue {
                containers,
                networks,
                firewall_tables,
                mounts,
                loop_devices,
                disks,
                unknown,
            } = residue;
            status["containers"] = json!(containers);
            status["networks"] = json!(networks);
            status["firewall_tables"] = json!(firewall_tables);
            status["mounts"] = json!(mounts);
            status["loop_devices"] = json!(loop_devices);
            status["disks"] = json!(disks);
            status["unknown"] = json!(unknown);
        }
        status
    }

    fn for_people(&self, is_safe: bool, data_dir: Option<&Path>) -> String {
        let mut text = String::new();
        match &self.workshops {
            Ok(workshops) if workshops.as_array().is_some_and(Vec::is_empty) => {}
            Ok(workshops) => {
                text += &workshops_table(Paper::of_stdout(), workshops);
                text += "\n`clarateach workshop delete` ends a workshop\n";
            }
            Err(_) => text += "no server runs; looked at this machine instead\n",
        }
        for ahead in &self.standby {
            let (id, seats) = (plain_text(&ahead["id"]), &ahead["seats"]);
            text += &format!("made ahead: {id} with {seats} seats, for whoever asks next\n");
        }
        let left = self.residue.as_ref().map(left).unwrap_or_default();
        // What a workshop that is listed has is no news.
        let has_workshops = self
            .workshops
            .as_ref()
            .is_ok_and(|workshops| workshops.as_array().is_some_and(|list| !list.is_empty()));
        if !has_workshops && self.standby.is_empty() && !left.is_empty() {
            text += &left;
            text += &match (&self.workshops, data_dir) {
                (Err(_), Some(data_dir)) => format!(
                    "`clarateach serve --data-dir {}` takes it up again: it keeps the seats of workshops, and removes what is nobody's\n",
                    data_dir.display()
                ),
                _ => "the server removes what is nobody's within a minute; if it stays, its log says why, and `clarateach doctor` what to do\n".to_owned(),
            };
        }
        for problem in self.residue.iter().flat_map(|residue| &residue.unknown) {
            text += &format!("unknown: {}\n", plain(problem));
        }
        if is_safe {
            text += "nothing of ours is left; safe to power off";
            if self.residue.is_none() {
                text += "\n(by the server's word: on its machine, --data-dir looks at disks, containers and networks too)";
            }
        } else {
            text += "not safe to power off";
        }
        text
    }
}

fn left(residue: &Residue) -> String {
    let paths = |paths: &[PathBuf]| {
        paths
            .iter()
            .map(|path| path.display().to_string())
            .collect()
    };
    let kinds: [(&str, Vec<String>); 6] = [
        ("container", residue.containers.clone()),
        ("network", residue.networks.clone()),
        ("firewall table", residue.firewall_tables.clone()),
        ("mount", paths(&residue.mounts)),
        ("loop device", paths(&residue.loop_devices)),
        ("disk", paths(&residue.disks)),
    ];
    let lines = kinds.into_iter().filter(|(_, names)| !names.is_empty());
    lines
        .map(|(kind, names)| {
            let more = match names.len().saturating_sub(NAMED) {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            let named = names[..names.len().min(NAMED)].join(", ");
            format!("left: {kind} {}{more}\n", plain(&named))
        })
        .collect()
}
