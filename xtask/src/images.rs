//! The images that seats run. An image carries the hash of what it was made from, so an unchanged one is left alone.
//!
//! The base comes from a registry, or, where none answers, from Debian's packages. What comes from npm is fetched
//! here, with this machine's settings, so that no proxy, certificate or mirror of this machine gets into an image.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use clap::Args;

use crate::process::{Run, command, docker};
use crate::stamp::Inputs;
use crate::step::step;

const SOURCE: &str = "images/workspace";
const CONTEXT: &str = "target/x/images/workspace";
const IMAGE: &str = "clarateach/workspace:latest";
const BASE: &str = "debian:bookworm-slim";
const SUITE: &str = "bookworm";
const INPUTS_LABEL: &str = "clarateach.inputs";

/// A registry that has not delivered 30 MB by then is as good as none: Debian's packages take half a minute.
const PULL_DEADLINE_SECONDS: &str = "120";

#[derive(Args)]
pub(crate) struct Options {
    /// npm package of an AI coding CLI to install, for example @anthropic-ai/claude-code.
    #[arg(long, env = "CLARATEACH_AI_CLI", default_value = "")]
    ai_cli: String,
    /// Image to build on: Debian or Ubuntu.
    #[arg(long, default_value = BASE)]
    base: String,
    /// Build even if nothing changed here, with Debian's packages of today.
    #[arg(long)]
    fresh: bool,
}

impl Options {
    pub(crate) fn usual() -> Self {
        Self {
            ai_cli: String::new(),
            base: BASE.to_owned(),
            fresh: false,
        }
    }
}

pub(crate) fn workspace(options: &Options) -> Result<()> {
    let mut base = image_field(&options.base, "{{.Id}}");
    if options.fresh || base.is_none() {
        step(&format!("image: {}", options.base), || {
            base_image(&options.base)
        })?;
        base = image_field(&options.base, "{{.Id}}");
    }
    let base = base.with_context(|| format!("there is no image {}", options.base))?;
    let inputs = Inputs::new()
        .path(SOURCE)?
        .text(&base)
        .text(&options.ai_cli)
        .hash();
    let made_from = image_field(
        IMAGE,
        &format!("{{{{index .Config.Labels \"{INPUTS_LABEL}\"}}}}"),
    );
    if !options.fresh && made_from.as_deref() == Some(&inputs) {
        return Ok(());
    }
    step(&format!("image: {IMAGE}"), || {
        prepare_context(&options.ai_cli)?;
        let label = format!("{INPUTS_LABEL}={inputs}");
        let base = format!("BASE={}", options.base);
        let ai_cli = format!("AI_CLI={}", options.ai_cli);
        let mut build = docker([
            "build",
            "--tag",
            IMAGE,
            "--label",
            &label,
            "--build-arg",
            &base,
        ]);
        build.args(["--build-arg", &ai_cli]);
        if options.fresh {
            build.arg("--no-cache");
        }
        build.arg(CONTEXT).logged("image-workspace")
    })
}

fn image_field(image: &str, format: &str) -> Option<String> {
    docker(["image", "inspect", "--format", format, image]).answer()
}

/// Our base by a registry or from packages; any other image only by its registry.
fn base_image(base: &str) -> Result<()> {
    let mut pull = command("timeout", [PULL_DEADLINE_SECONDS]);
    let client = docker(["pull", "--quiet", base]);
    pull.arg(client.get_program()).args(client.get_args());
    if base != BASE {
        return pull.logged("image-pull");
    }
    if pull.answer().is_some() {
        return Ok(());
    }
    eprintln!("  no registry delivers {base}: making it from Debian's packages");
    let archive = "target/x/images/base.tar";
    fs::create_dir_all("target/x/images")?;
    let mut bootstrap = command(
        "mmdebstrap",
        ["--variant=minbase", "--include=ca-certificates"],
    );
    // As in the image that registries have: no manuals, no translations.
    bootstrap.args(
        ["man", "locale", "doc", "info"]
            .map(|folder| format!("--dpkgopt=path-exclude=/usr/share/{folder}/*")),
    );
    bootstrap.arg("--dpkgopt=path-include=/usr/share/doc/*/copyright");
    let keyring = "/usr/share/keyrings/debian-archive-keyring.gpg";
    if Path::new(keyring).exists() {
        bootstrap.arg(format!("--keyring={keyring}"));
    }
    bootstrap
        .args([SUITE, archive])
        .args(debian_sources())
        .logged("image-base")?;
    docker(["import", "--change", "CMD [\"bash\"]", archive, base]).logged("image-import")?;
    fs::remove_file(archive).with_context(|| format!("removing {archive}"))
}

/// Where this machine itself gets these packages from, if it does; mmdebstrap knows Debian's own mirrors.
fn debian_sources() -> Vec<String> {
    let format = "$(ORIGIN)|$(CODENAME)|deb $(REPO_URI) $(CODENAME) $(COMPONENT)";
    let listed = command(
        "apt-get",
        ["indextargets", "Created-By: Packages", "--format", format],
    )
    .answer();
    let mut sources: Vec<String> = listed
        .unwrap_or_default()
        .lines()
        .filter_map(|line| line.strip_prefix("Debian|")?.split_once('|'))
        .filter(|(codename, _)| codename.split('-').next() == Some(SUITE))
        .map(|(_, source)| source.to_owned())
        .collect();
    sources.sort();
    sources.dedup();
    sources
}

/// A copy of the image's folder with Node.js, npm and perhaps an AI coding CLI in it.
fn prepare_context(ai_cli: &str) -> Result<()> {
    if Path::new(CONTEXT).exists() {
        fs::remove_dir_all(CONTEXT).with_context(|| format!("removing {CONTEXT}"))?;
    }
    fs::create_dir_all("target/x/images")?;
    command("cp", ["--recursive", SOURCE, CONTEXT]).shown()?;
    let npm = Path::new(CONTEXT).join("npm");
    // Scripts of packages run in the image only, never on this machine.
    let options = ["--ignore-scripts", "--no-fund", "--no-audit"];
    command("npm", ["ci"])
        .args(options)
        .current_dir(&npm)
        .logged("image-npm")?;
    if !ai_cli.is_empty() {
        command("npm", ["install", "--no-save"])
            .args(options)
            .arg(ai_cli)
            .current_dir(&npm)
            .logged("image-ai-cli")?;
    }
    for architecture in ["x64", "arm64"] {
        // Headers and manuals are half of the package, and no learner's work needs them.
        for unneeded in ["include", "share", "CHANGELOG.md"] {
            let path = npm.join(format!("node_modules/node-linux-{architecture}/{unneeded}"));
            if path.exists() {
                command("rm", ["-r"]).arg(&path).shown()?;
            }
        }
    }
    Ok(())
}
