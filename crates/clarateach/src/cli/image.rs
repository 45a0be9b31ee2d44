//! `clarateach image`: whether seats can be made of an image.

use std::fmt::Write as _;

use clap::Subcommand;
use serde_json::{Value, json};

use super::client::Remote;
use super::failure::{EXIT_CODES, Exit, Failure};
use super::table::{Output, plain_text};
use super::waiting::{Line, during};

const EXAMPLES: &str = "\
Examples:
  clarateach image check python:3.13
  clarateach image check registry.example.org/class/rust:1 --try
  clarateach image check node:22 --json";

#[derive(clap::Args)]
#[command(after_help = EXAMPLES, after_long_help = format!("{EXAMPLES}\n\n{EXIT_CODES}"))]
pub(super) struct ImageArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Say what an image brings and lacks for seats; it is pulled where it is missing
    #[command(after_help = EXAMPLES)]
    Check {
        /// OCI image, as `workshop create --image` takes it
        image: String,
        /// Make one seat of it, try its terminal and files, and remove it again
        #[arg(long = "try")]
        try_one: bool,
        #[command(flatten)]
        output: Output,
    },
}

impl ImageArgs {
    pub(super) fn is_json(&self) -> bool {
        let Command::Check { output, .. } = &self.command;
        output.json
    }
}

pub(super) async fn run(args: ImageArgs, remote: &Remote) -> anyhow::Result<()> {
    let Command::Check {
        image,
        try_one,
        output,
    } = args.command;
    let client = remote.client()?;
    let line = Line::new(&output);
    let doing = if try_one {
        format!("looking into {image} and making one seat of it")
    } else {
        format!("looking into {image}")
    };
    let body = json!({"image": image, "try": try_one});
    let call = client.post("/api/images/check", Some(body));
    let report = during(&line, &doing, call).await?;
    output.print(&report, || in_words(&report));
    if report["usable"] == true {
        return Ok(());
    }
    let message = format!("no seat can be made of {image}");
    Err(Failure::new(Exit::Failed, "image_unusable", message).into())
}

fn in_words(report: &Value) -> String {
    let mut text = plain_text(&report["image"]);
    if let (Some(architecture), Some(size)) =
        (report["architecture"].as_str(), report["size_mb"].as_u64())
    {
        let _ = write!(text, "  {architecture}, {size} MiB");
    }
    text.push('\n');
    let findings = report["findings"].as_array();
    for finding in findings.map_or(&[][..], Vec::as_slice) {
        let (level, message) = (
            plain_text(&finding["level"]),
            plain_text(&finding["message"]),
        );
        let _ = writeln!(text, "{level:<8} {message}");
        if finding["remedy"].is_string() {
            let _ = writeln!(text, "{:<8} -> {}", "", plain_text(&finding["remedy"]));
        }
    }
    let tried = &report["tried"];
    if tried["works"] == true {
        let _ = writeln!(
            text,
            "good     a seat of it works; it took {} s and is removed again",
            tried["seconds"]
        );
    } else if tried.is_object() {
        let reason = plain_text(&tried["reason"]["message"]);
        let _ = writeln!(text, "error    a seat of it does not work: {reason}");
    }
    text.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_image_lacks_comes_with_a_remedy() {
        let report = json!({"image": "x:1", "usable": false, "architecture": "amd64", "size_mb": 12,
            "findings": [{"level": "error", "code": "no_shell", "message": "it has no shell", "remedy": "take one"}]});
        assert_eq!(
            in_words(&report),
            "x:1  amd64, 12 MiB\nerror    it has no shell\n         -> take one"
        );
        let tried = json!({"image": "x:1", "usable": true, "findings": [], "tried": {"works": true, "seconds": 1.5}});
        assert!(
            in_words(&tried).ends_with("a seat of it works; it took 1.5 s and is removed again")
        );
    }
}
