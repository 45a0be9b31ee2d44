//! The image of the helper container, for engines whose network is not this machine's: Debian's nftables and iproute2.

use anyhow::{Context, Result};

use super::{BASE, INPUTS_LABEL, base_image, image_field};
use crate::process::{Run, docker};
use crate::stamp::Inputs;
use crate::step::step;

const SOURCE: &str = "images/firewall";
const IMAGE: &str = "clarateach/firewall:latest";

/// Builds it unless it is there and nothing that it is made of changed.
pub(crate) fn firewall(fresh: bool) -> Result<()> {
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
        let mut build = docker(["build", "--tag", IMAGE]);
        build.args(["--build-arg", &format!("BASE={BASE}")]);
        build.args(["--label", &format!("{INPUTS_LABEL}={inputs}")]);
        if fresh {
            build.arg("--no-cache");
        }
        build.arg(SOURCE).logged("image-firewall")
    })?;
    if let Some(before) = before.filter(|id| image_field(IMAGE, "{{.Id}}").as_ref() != Some(id)) {
        // The engine refuses while a helper still runs it; then it goes at a later build.
        docker(["image", "rm", &before]).answer();
    }
    Ok(())
}

/// Whether seats need it: the server decides in the same way (`provider/docker/reach.rs`), and looks closer.
pub(crate) fn is_needed() -> bool {
    let said = docker([
        "info",
        "--format",
        "{{.KernelVersion}}|{{.OperatingSystem}}|{{.SecurityOptions}}",
    ])
    .answer();
    let Some(said) = said else { return false };
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let own = said.split('|').next() == Some(kernel.trim());
    !own || said.contains("Docker Desktop") || said.contains("name=rootless")
}
