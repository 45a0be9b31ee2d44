//! Where the engine is, found as `docker` finds it: `DOCKER_HOST`, the context in use, the standard
//! socket, and then the sockets of Docker Desktop, Colima and others that have none there.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use sha2::{Digest, Sha256};

const STANDARD: &str = "/var/run/docker.sock";
/// Below a home directory, the likeliest first: Docker Desktop, Colima, Rancher Desktop, OrbStack.
const AT_HOME: [&str; 7] = [
    ".docker/run/docker.sock",
    ".docker/desktop/docker.sock",
    ".colima/default/docker.sock",
    ".config/colima/default/docker.sock",
    ".colima/docker.sock",
    ".rd/docker.sock",
    ".orbstack/run/docker.sock",
];

/// An address that can't be used, and what to do instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub(super) struct Unusable {
    pub(super) endpoint: String,
    pub(super) problem: String,
    pub(super) hint: String,
}

/// What a search looks at.
pub(super) struct Surroundings {
    docker_host: Option<String>,
    docker_context: Option<String>,
    tls_verify: Option<String>,
    /// Docker's own configuration: `DOCKER_CONFIG`, or `~/.docker`.
    config: Option<PathBuf>,
    home: Option<PathBuf>,
    runtime_dir: Option<PathBuf>,
    standard: PathBuf,
}

impl Surroundings {
    pub(super) fn of_process() -> Self {
        let text = |name| std::env::var(name).ok().filter(|it| !it.is_empty());
        let home = text("HOME").map(PathBuf::from);
        Self {
            docker_host: text("DOCKER_HOST"),
            docker_context: text("DOCKER_CONTEXT"),
            tls_verify: text("DOCKER_TLS_VERIFY"),
            config: text("DOCKER_CONFIG")
                .map(PathBuf::from)
                .or_else(|| home.as_ref().map(|home| home.join(".docker"))),
            home,
            runtime_dir: text("XDG_RUNTIME_DIR").map(PathBuf::from),
            standard: PathBuf::from(STANDARD),
        }
    }

    /// The engine's address: `unix://…`, `tcp://…` or `http://…`.
    pub(super) fn find(&self) -> Result<String, Unusable> {
        if let Some(host) = &self.docker_host {
            return self.usable(host, "DOCKER_HOST");
        }
        if let Some(context) = self.context()? {
            return Ok(context);
        }
        let beside = self.runtime_dir.iter().map(|dir| dir.join("docker.sock"));
        let home = self.home.iter();
        let at_home = home.flat_map(|home| AT_HOME.iter().map(|below| home.join(below)));
        let mut sockets = [self.standard.clone()]
            .into_iter()
            .chain(at_home)
            .chain(beside);
        let socket = sockets.find(|path| path.exists());
        let socket = socket.unwrap_or_else(|| self.standard.clone());
        Ok(format!("unix://{}", socket.display()))
    }

    fn usable(&self, endpoint: &str, from: &str) -> Result<String, Unusable> {
        let unusable = |problem: String, hint: &str| Unusable {
            endpoint: endpoint.to_owned(),
            problem,
            hint: hint.to_owned(),
        };
        match endpoint.split_once("://") {
            Some(("unix", path)) if path.starts_with('/') => Ok(endpoint.to_owned()),
            Some(("tcp" | "http", _)) if self.tls_verify.is_some() => Err(unusable(
                format!("{from} is reached over TLS (DOCKER_TLS_VERIFY), which is not spoken here"),
                "run ClaraTeach on the engine's machine, with its socket",
            )),
            Some(("tcp" | "http", _)) => Ok(endpoint.to_owned()),
            Some(("ssh", _)) => Err(unusable(
                format!("{from} names an engine behind ssh, which is not spoken here"),
                "run ClaraTeach on that machine: seats need its network and its disks",
            )),
            _ => Err(unusable(
                format!("{from} is no address of an engine"),
                "set DOCKER_HOST to unix:///… or tcp://…, or unset it",
            )),
        }
    }

    /// The address of the context in use; `None` for the default one.
    fn context(&self) -> Result<Option<String>, Unusable> {
        #[derive(Deserialize)]
        struct Config {
            #[serde(rename = "currentContext", default)]
            current_context: String,
        }
        let Some(folder) = &self.config else {
            return Ok(None);
        };
        let configured = || {
            let text = std::fs::read_to_string(folder.join("config.json")).ok()?;
            let config: Config = serde_json::from_str(&text).ok()?;
            Some(config.current_context)
        };
        let name = self.docker_context.clone().or_else(configured);
        let Some(name) = name.filter(|name| !name.is_empty() && name != "default") else {
            return Ok(None);
        };
        let from = format!("the docker context {name:?}");
        match host_of(folder, &name) {
            Some(host) => self.usable(&host, &from).map(Some),
            None => Err(Unusable {
                endpoint: name.clone(),
                problem: format!("{from} is not among {}", folder.join("contexts").display()),
                hint: "choose one that is there with `docker context use`, or set DOCKER_HOST"
                    .to_owned(),
            }),
        }
    }
}

/// Contexts lie in folders named by the digest of their names.
fn host_of(config: &Path, name: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Meta {
        #[serde(rename = "Endpoints")]
        endpoints: Endpoints,
    }
    #[derive(Deserialize)]
    struct Endpoints {
        docker: Host,
    }
    #[derive(Deserialize)]
    struct Host {
        #[serde(rename = "Host")]
        host: String,
    }
    let digest = Sha256::digest(name);
    let folder: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    let file = config.join("contexts/meta").join(folder).join("meta.json");
    let meta: Meta = serde_json::from_str(&std::fs::read_to_string(file).ok()?).ok()?;
    Some(meta.endpoints.docker.host)
}

#[cfg(test)]
mod tests;
