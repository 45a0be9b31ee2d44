//! `clarateach doctor`: offline, so that it also helps where the server doesn't start.

mod browser;
mod neko;
mod selkies;

use serde_json::json;

use super::{ConfigArgs, print_out};
use crate::app;
use crate::auth::keys::{self, KeysError, PlatformKeys};
use crate::browser::{BrowserEngine, ENGINES};
use crate::provider::{Finding, Level};

#[derive(clap::Args)]
pub(super) struct DoctorArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Also start one seat with this browser engine, selkies or neko, and prove its picture and its
    /// keys; its image is pulled where it is missing, and the seat is removed afterwards
    #[arg(long, value_name = "ENGINE", value_parser = engine)]
    browser: Option<&'static BrowserEngine>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl DoctorArgs {
    pub(super) fn is_json(&self) -> bool {
        self.json
    }
}

pub(super) fn run(args: DoctorArgs) -> anyhow::Result<()> {
    let config = args.config.settings()?.resolve()?;
    let mut findings = vec![data_dir(&config.data_dir)];
    let checked = PlatformKeys::load_or_create(&config.data_dir)
        .map_err(anyhow::Error::from)
        .and_then(|keys| app::provider(&config, &keys))
        .and_then(|provider| Ok(super::runtime()?.block_on(provider.check())?));
    match checked {
        Ok(report) => {
            findings.extend(report.findings);
            if let Some(engine) = args.browser {
                findings.extend(super::runtime()?.block_on(browser::prove(config, engine)));
            }
        }
        Err(error) => findings.push(Finding {
            level: Level::Error,
            code: "provider",
            message: format!("{error:#}"),
            remedy: None,
        }),
    }
    if args.json {
        print_json(&findings);
    } else {
        print_lines(&findings);
    }
    let is_error = |finding: &&Finding| finding.level == Level::Error;
    let errors = findings.iter().filter(is_error).count();
    let of_browser = |finding: &Finding| finding.code == "browser_unproven";
    if errors == 1 && findings.iter().any(of_browser) {
        anyhow::bail!("workshops can be made like this, but the browser engine was not proven");
    }
    anyhow::ensure!(
        errors == 0,
        "{errors} of {} checks failed: workshops can't be made like this",
        findings.len()
    );
    Ok(())
}

fn engine(name: &str) -> Result<&'static BrowserEngine, String> {
    BrowserEngine::named(name).ok_or_else(|| {
        let names = ENGINES.map(|engine| engine.name).join(" or ");
        format!("there is no browser engine of that name; it is {names}")
    })
}

fn data_dir(path: &std::path::Path) -> Finding {
    let found = |level, message: String, remedy: Option<&str>| Finding {
        level,
        code: "data_dir",
        message,
        remedy: remedy.map(ToOwned::to_owned),
    };
    match keys::lock_data_dir(path) {
        Ok(_) => found(
            Level::Good,
            format!("data directory {} can be written", path.display()),
            None,
        ),
        Err(KeysError::InUse { .. }) => found(
            Level::Good,
            format!("a server is running on {}", path.display()),
            None,
        ),
        Err(error) => found(
            Level::Error,
            error.to_string(),
            Some("make it writable for this user, or choose another --data-dir"),
        ),
    }
}

fn word(level: Level) -> &'static str {
    match level {
        Level::Good => "good",
        Level::Warning => "warning",
        Level::Error => "error",
    }
}

fn print_lines(findings: &[Finding]) {
    for finding in findings {
        print_out(&format!("{:<8} {}", word(finding.level), finding.message));
        // A message with a hint names its remedy already.
        if let Some(remedy) = finding
            .remedy
            .as_ref()
            .filter(|remedy| !finding.message.contains(*remedy))
        {
            print_out(&format!("{:<8} -> {remedy}", ""));
        }
    }
}

fn print_json(findings: &[Finding]) {
    let findings: Vec<_> = findings
        .iter()
        .map(|finding| {
            json!({"level": word(finding.level), "code": finding.code, "message": finding.message, "remedy": finding.remedy})
        })
        .collect();
    print_out(&format!("{:#}", json!({"findings": findings})));
}
