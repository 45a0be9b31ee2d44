//! What an image brings and lacks for seats, found before any seat is made of it: its configuration,
//! and files in a container that is never started.

use bollard::models::ImageInspect;
use futures_util::StreamExt;
use futures_util::stream;

use super::connect::Engine;
use super::container::ca_bundle;
use super::disk::SEAT_UID;
use super::image::has_file;
use crate::provider::{Finding, Level, ProviderError};

/// Where a shell looks for programs, where the image doesn't say.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// What `uname -m` calls these architectures, by the names of the OCI image specification.
const ARCHITECTURES: [(&str, &str); 2] = [("amd64", "x86_64"), ("arm64", "aarch64")];
/// Questions about files under way at once.
const QUESTIONS: usize = 4;

/// A tool that classes use, and what its lack means.
struct Tool {
    code: &'static str,
    name: &'static str,
    programs: &'static [&'static str],
    without: &'static str,
}

const TOOLS: [Tool; 5] = [
    Tool {
        code: "git",
        name: "git",
        programs: &["git"],
        without: "learners can't clone or commit",
    },
    Tool {
        code: "python",
        name: "Python",
        programs: &["python3", "python"],
        without: "Python programs don't run",
    },
    Tool {
        code: "pip",
        name: "pip",
        programs: &["pip3", "pip"],
        without: "learners can't install Python packages",
    },
    Tool {
        code: "node",
        name: "Node.js",
        programs: &["node", "nodejs"],
        without: "JavaScript runs in the browser only",
    },
    Tool {
        code: "download",
        name: "curl or wget",
        programs: &["curl", "wget"],
        without: "learners can't fetch files by command",
    },
];

/// The shells that the in-seat server finds by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shell {
    Bash,
    Sh,
    None,
}

/// Why no seat can be made of an image on this engine's machine, where that is so.
pub(super) fn unusable(inspect: &ImageInspect, machine: &str, shell: Shell) -> Option<Finding> {
    let os = inspect
        .os
        .as_deref()
        .filter(|os| !os.is_empty() && *os != "linux");
    if let Some(os) = os {
        return Some(error(
            "wrong_system",
            format!("it is made for {os}; seats are Linux"),
            "name an image for Linux",
        ));
    }
    let architecture = inspect.architecture.as_deref().unwrap_or_default();
    if !runs_on(architecture, machine) {
        return Some(error(
            "wrong_architecture",
            format!("it is made for {architecture}; this machine is {machine}"),
            "pull or build it for this machine's architecture",
        ));
    }
    (shell == Shell::None).then(|| {
        error(
            "no_shell",
            "it has no shell: neither /bin/bash nor /bin/sh is there, so a terminal could run nothing"
                .to_owned(),
            "take a variant of it with a shell (not “distroless” or “scratch”)",
        )
    })
}

fn runs_on(architecture: &str, machine: &str) -> bool {
    let known = ARCHITECTURES.iter().find(|(oci, _)| *oci == architecture);
    // What nobody knows is left to a seat to try.
    known.is_none_or(|(oci, uname)| machine.is_empty() || [*oci, *uname].contains(&machine))
}

/// Everything else worth knowing, from the image's own words.
pub(super) fn of_configuration(inspect: &ImageInspect, shell: Shell) -> Vec<Finding> {
    let mut findings = Vec::new();
    match shell {
        Shell::Bash => findings.push(good("shell", "terminals run its bash".to_owned())),
        Shell::Sh => findings.push(warning(
            "no_bash",
            "it has no bash: terminals run its /bin/sh, which may know neither history nor completion".to_owned(),
            "add bash to it, if learners are to type much",
        )),
        Shell::None => {}
    }
    let config = inspect.config.clone().unwrap_or_default();
    let user = config.user.unwrap_or_default();
    let name = user.split(':').next().unwrap_or_default();
    if matches!(name, "" | "root" | "0") {
        findings.push(warning(
            "user",
            format!(
                "it is made to run as root; seats run as user {SEAT_UID} and never become root, so `apt install` and the like don't work in them"
            ),
            "put what the class needs into the image",
        ));
    } else {
        findings.push(good(
            "user",
            format!("its own user is {user}; seats run as user {SEAT_UID}"),
        ));
    }
    let started = config.entrypoint.filter(|words| !words.is_empty());
    if let Some(words) = started {
        findings.push(warning(
            "entrypoint",
            format!("its entrypoint is not run: {}", words.join(" ")),
            "learners start what they need from a terminal",
        ));
    }
    let volumes = config.volumes.unwrap_or_default();
    if !volumes.is_empty() {
        findings.push(warning(
            "volumes",
            format!(
                "its volumes are memory and empty at each start of a seat: {}",
                volumes.join(", ")
            ),
            "keep what should last in /workspace",
        ));
    }
    findings
}

/// What a look into its files tells.
pub(super) async fn of_files(
    engine: &Engine,
    container: &str,
    inspect: &ImageInspect,
    runtime: &std::path::Path,
) -> Result<Vec<Finding>, ProviderError> {
    let path = search_path(inspect);
    let look = async |tool: &Tool| {
        for program in tool.programs {
            for folder in path.split(':').filter(|folder| folder.starts_with('/')) {
                let file = format!("{}/{program}", folder.trim_end_matches('/'));
                if has_file(engine, container, &file).await? {
                    return Ok(good(tool.code, format!("{} is there ({file})", tool.name)));
                }
            }
        }
        Ok(warning(
            tool.code,
            format!("{} is not there: {}", tool.name, tool.without),
            "add it to the image, if the class needs it",
        ))
    };
    let looks: Vec<Result<Finding, ProviderError>> = stream::iter(&TOOLS)
        .map(look)
        .buffered(QUESTIONS)
        .collect()
        .await;
    let mut findings = looks.into_iter().collect::<Result<Vec<_>, _>>()?;
    let own_bundle = has_file(engine, container, super::container::SYSTEM_CA_BUNDLE).await?;
    findings.push(if ca_bundle(runtime).is_some() {
        good(
            "certificates",
            "https works: this machine's trusted certificates are put into each seat".to_owned(),
        )
    } else if own_bundle {
        good("certificates", "it brings trusted certificates".to_owned())
    } else {
        warning(
            "certificates",
            "it has no trusted certificates, and neither has this machine: https fails in seats"
                .to_owned(),
            "install the package ca-certificates here or in the image",
        )
    });
    if has_file(engine, container, "/workspace").await? {
        findings.push(warning(
            "workspace",
            "what it has in /workspace can't be seen: each seat's own disk lies over it".to_owned(),
            "keep material for the class elsewhere in the image, or give it as starter files",
        ));
    }
    Ok(findings)
}

fn search_path(inspect: &ImageInspect) -> String {
    let config = inspect.config.as_ref();
    let env = config.and_then(|config| config.env.as_deref());
    let mut lines = env.unwrap_or_default().iter();
    let path = lines.find_map(|line| line.strip_prefix("PATH="));
    path.unwrap_or(PATH).to_owned()
}

fn good(code: &'static str, message: String) -> Finding {
    Finding {
        level: Level::Good,
        code,
        message,
        remedy: None,
    }
}

fn warning(code: &'static str, message: String, remedy: &str) -> Finding {
    Finding {
        level: Level::Warning,
        code,
        message,
        remedy: Some(remedy.to_owned()),
    }
}

fn error(code: &'static str, message: String, remedy: &str) -> Finding {
    Finding {
        level: Level::Error,
        ..warning(code, message, remedy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(architecture: &str) -> ImageInspect {
        ImageInspect {
            os: Some("linux".to_owned()),
            architecture: Some(architecture.to_owned()),
            ..ImageInspect::default()
        }
    }

    #[test]
    fn an_image_for_another_machine_is_told_before_its_files_are() {
        let code = |image: &ImageInspect, machine, shell| {
            unusable(image, machine, shell).map(|finding| finding.code)
        };
        assert_eq!(code(&image("amd64"), "x86_64", Shell::Sh), None);
        assert_eq!(code(&image("arm64"), "aarch64", Shell::Bash), None);
        assert_eq!(
            code(&image("arm64"), "x86_64", Shell::None),
            Some("wrong_architecture")
        );
        assert_eq!(
            code(&image("amd64"), "x86_64", Shell::None),
            Some("no_shell")
        );
        let windows = ImageInspect {
            os: Some("windows".to_owned()),
            ..image("amd64")
        };
        assert_eq!(code(&windows, "x86_64", Shell::Bash), Some("wrong_system"));
    }
}
