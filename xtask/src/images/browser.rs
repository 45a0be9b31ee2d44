//! The image of seats' browsers: Debian's packages, and Selkies from PyPI by hash.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

use super::{BASE, INPUTS_LABEL, base_image, image_field};
use crate::process::{Run, command, docker};
use crate::stamp::Inputs;
use crate::step::step;

const SOURCE: &str = "images/browser";
const CONTEXT: &str = "target/x/images/browser";
const IMAGE: &str = "clarateach/browser:latest";
/// What wheels are built for that run on Debian 12 (glibc 2.36), as PEP 600 numbers it.
const PLATFORMS: [&str; 7] = [
    "manylinux_2_34",
    "manylinux_2_31",
    "manylinux_2_28",
    "manylinux_2_27",
    "manylinux_2_26",
    "manylinux_2_17",
    "manylinux2014",
];

/// Builds it unless it is there and nothing that it is made of changed.
pub(crate) fn browser(fresh: bool) -> Result<()> {
    let before = image_field(IMAGE, "{{.Id}}");
    if image_field(BASE, "{{.Id}}").is_none() {
        step(&format!("image: {BASE}"), || base_image(BASE))?;
    }
    let base = image_field(BASE, "{{.Id}}").with_context(|| format!("there is no image {BASE}"))?;
    let inputs = Inputs::new().path(SOURCE)?.text(&base).hash();
    let label = format!("{{{{index .Config.Labels \"{INPUTS_LABEL}\"}}}}");
    if !fresh && image_field(IMAGE, &label).as_deref() == Some(&inputs) {
        return Ok(());
    }
    step(&format!("image: {IMAGE}"), || {
        prepare_context()?;
        let mut build = docker(["build", "--tag", IMAGE]);
        build.args(["--build-arg", &format!("BASE={BASE}")]);
        build.args(["--label", &format!("{INPUTS_LABEL}={inputs}")]);
        if fresh {
            build.arg("--no-cache");
        }
        build.arg(CONTEXT).logged("image-browser")?;
        fs::remove_dir_all(CONTEXT).with_context(|| format!("removing {CONTEXT}"))
    })?;
    if let Some(before) = before.filter(|id| image_field(IMAGE, "{{.Id}}").as_ref() != Some(id)) {
        // The engine refuses while browsers still run it; then it goes at a later build.
        docker(["image", "rm", &before]).answer();
    }
    Ok(())
}

/// A copy of the image's folder with the wheels in it: fetched here, with this machine's settings, so that no
/// proxy or mirror of this machine gets into the image. A wheel of another hash fails.
fn prepare_context() -> Result<()> {
    if Path::new(CONTEXT).exists() {
        fs::remove_dir_all(CONTEXT).with_context(|| format!("removing {CONTEXT}"))?;
    }
    fs::create_dir_all("target/x/images")?;
    command("cp", ["--recursive", SOURCE, CONTEXT]).shown()?;
    let architecture = match std::env::consts::ARCH {
        known @ ("x86_64" | "aarch64") => known,
        other => bail!("there is no Selkies for {other}"),
    };
    let mut fetch = command("python3", ["-m", "pip", "download", "--quiet"]);
    fetch.args(["--no-deps", "--require-hashes", "--only-binary", ":all:"]);
    fetch.args(["--python-version", "3.11", "--implementation", "cp"]);
    fetch.args(["--abi", "cp311", "--abi", "abi3", "--abi", "none"]);
    for platform in PLATFORMS {
        fetch.args(["--platform", &format!("{platform}_{architecture}")]);
    }
    fetch
        .args(["--dest", &format!("{CONTEXT}/wheels")])
        .args([
            "--requirement",
            &format!("{SOURCE}/selkies/requirements.txt"),
        ])
        .logged("image-wheels")
}
