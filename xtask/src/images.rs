//! The images that seats run. An image carries the hash of what it was made from, so an unchanged one is left alone.
//!
//! The base comes from a registry, or, where none answers, from Debian's packages. What comes from npm is fetched
//! here, with this machine's settings, so that no proxy, certificate or mirror of this machine gets into an image.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};

mod browser;
mod firewall;

pub(crate) use browser::browser;
pub(crate) use firewall::firewall;

use crate::process::{Run, command, docker};
use crate::stamp::Inputs;
use crate::step::step;

const SOURCE: &str = "images/workspace";
const CONTEXT: &str = "target/x/images/workspace";
const IMAGE: &str = "clarateach/workspace:latest";
const BASE: &str = "debian:bookworm-slim";
const SUITE: &str = "bookworm";
const INPUTS_LABEL: &str = "clarateach.inputs";
const BASE_LABEL: &str = "clarateach.base";
const AI_CLI_LABEL: &str = "clarateach.ai-cli";

/// A registry that has not delivered 30 MB by then is as good as none: Debian's packages take half a minute.
const PULL_DEADLINE_SECONDS: &str = "120";

/// What is not said stays as it was in the image that is there.
#[derive(Args, Default)]
pub(crate) struct Options {
    /// npm package of an AI coding CLI to install, for example @anthropic-ai/claude-code; "" for none.
    #[arg(long)]
    ai_cli: Option<String>,
    /// Image to build on, Debian or Ubuntu [first: debian:bookworm-slim].
    #[arg(long)]
    base: Option<String>,
    /// Build even if nothing changed here, with Debian's packages of today.
    #[arg(long)]
    fresh: bool,
    /// Build this one alone.
    #[arg(long)]
    only: Option<Image>,
    /// Build what workshops need on this engine: the workspace's, the firewall's where its network is not this
    /// machine's, and the browser's, without which seats have no browser but all else.
    #[arg(long, conflicts_with = "only")]
    first: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Image {
    Workspace,
    Browser,
    Firewall,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let is_asked = |image| options.only.is_none_or(|only| only == image);
    if is_asked(Image::Workspace) {
        workspace(options)?;
    }
    if is_asked(Image::Firewall) && (!options.first || firewall::is_needed()) {
        firewall(options.fresh)?;
    }
    if is_asked(Image::Browser) {
        match browser(options.fresh) {
            Err(error) if options.first => eprintln!(
                "  {error:#}\n  seats have no browser until `./x images --only browser` has made its image; all else works"
            ),
            other => other?,
        }
    }
    Ok(())
}

pub(crate) fn workspace(options: &Options) -> Result<()> {
    let before = image_field(IMAGE, "{{.Id}}");
    let base = choice(options.base.as_deref(), BASE_LABEL).unwrap_or_else(|| BASE.to_owned());
    let ai_cli = choice(options.ai_cli.as_deref(), AI_CLI_LABEL).unwrap_or_default();
    if options.fresh || image_field(&base, "{{.Id}}").is_none() {
        step(&format!("image: {base}"), || base_image(&base))?;
    }
    let base_id =
        image_field(&base, "{{.Id}}").with_context(|| format!("there is no image {base}"))?;
    let inputs = Inputs::new()
        .path(SOURCE)?
        .text(&base_id)
        .text(&ai_cli)
        .hash();
    if !options.fresh && image_label(INPUTS_LABEL).as_deref() == Some(&inputs) {
        return Ok(());
    }
    step(&format!("image: {IMAGE}"), || {
        prepare_context(&ai_cli)?;
        let mut build = docker(["build", "--tag", IMAGE]);
        build.args(["--build-arg", &format!("BASE={base}")]);
        build.args(["--build-arg", &format!("AI_CLI={ai_cli}")]);
        for (label, value) in [
            (INPUTS_LABEL, &inputs),
            (BASE_LABEL, &base),
            (AI_CLI_LABEL, &ai_cli),
        ] {
            build.args(["--label", &format!("{label}={value}")]);
        }
        if options.fresh {
            build.arg("--no-cache");
        }
        build.arg(CONTEXT).logged("image-workspace")?;
        fs::remove_dir_all(CONTEXT).with_context(|| format!("removing {CONTEXT}"))
    })?;
    if let Some(before) = before.filter(|id| image_field(IMAGE, "{{.Id}}").as_ref() != Some(id)) {
        // The engine refuses while seats still run it; then it goes at a later build.
        docker(["image", "rm", &before]).answer();
    }
    Ok(())
}

fn choice(said: Option<&str>, label: &str) -> Option<String> {
    said.map(str::to_owned)
        .or_else(|| image_label(label))
        .filter(|value| !value.is_empty())
}

fn image_label(label: &str) -> Option<String> {
    image_field(IMAGE, &format!("{{{{index .Config.Labels \"{label}\"}}}}"))
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
