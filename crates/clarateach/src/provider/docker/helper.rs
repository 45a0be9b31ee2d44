//! The helper container: runs `nft` and `bridge` in the engine's network, where that isn't this machine's.
//!
//! One an installation, made when it is first needed, removed with the last firewall table. It holds CAP_NET_ADMIN and
//! nothing else, runs nothing by itself, and no seat can reach it: it has no address of its own and listens nowhere.

use std::sync::Arc;
use std::time::Duration;

use bollard::container::LogOutput;
use bollard::exec::{StartExecOptions, StartExecResults};
use bollard::models::{ContainerCreateBody, ExecConfig, HealthConfig, HostConfig};
use futures_util::StreamExt;
use tokio::sync::RwLock;

use super::connect::{Connector, Engine, READ, Refusal, refused};
use super::container::{self, log_config, no_restart, text_map};
use super::names::{self, InstanceId};
use super::observe::{self, Phase};
use crate::provider::ProviderError;

/// Made here (`./x images`), as all images of that name.
pub(super) const IMAGE: &str = "clarateach/firewall:latest";
const MEMORY_MIB: i64 = 64;
const PIDS: i64 = 64;
/// None of its programs has more to do than some system calls.
const DEADLINE: Duration = Duration::from_secs(20);
/// Output that is kept: more is nobody's table list, and no error message.
const MOST_BYTES: usize = 256 << 10;
/// Times that a helper is made anew for one call: somebody may remove it in between.
const ATTEMPTS: usize = 3;
/// Exit code of a program that was killed with its container (128 + SIGKILL).
const KILLED: i64 = 137;

/// Runs programs in the helper container of an installation.
#[derive(Debug)]
pub(super) struct Helper {
    connector: Arc<Connector>,
    instance: InstanceId,
    /// Read while it is used, written while it is made or removed.
    life: RwLock<()>,
}

/// Why a program did not do its work there.
#[derive(Debug, thiserror::Error)]
pub(super) enum HelperError {
    #[error("the image {IMAGE} of the helper container is not there")]
    NoImage,
    #[error("the helper container cannot be had: {0}")]
    Refused(Refusal),
    #[error(transparent)]
    Engine(#[from] ProviderError),
    #[error("{program} in the helper container: {detail}")]
    Failed { program: String, detail: String },
}

/// What became of a call.
enum Ran {
    Done { code: i64, said: String },
    NotThere,
}

impl Helper {
    pub(super) fn new(connector: Arc<Connector>, instance: InstanceId) -> Self {
        Self {
            connector,
            instance,
            life: RwLock::default(),
        }
    }

    /// Runs a program to its end, with a text as its variable `INPUT`; its standard output.
    pub(super) async fn run(&self, program: &[&str], input: &str) -> Result<String, HelperError> {
        let engine = self.connector.engine().await?;
        for _ in 0..ATTEMPTS {
            match self.attempt(engine, program, input).await? {
                Ran::Done { code: 0, said } => return Ok(said),
                Ran::Done { code, said } if code != KILLED => {
                    return Err(failed(program, code, &said));
                }
                Ran::Done { .. } | Ran::NotThere => self.make(engine).await?,
            }
        }
        Err(HelperError::Failed {
            program: program[0].to_owned(),
            detail: "something else removes it again and again".to_owned(),
        })
    }

    /// The same, without input; `None` where there is no helper.
    pub(super) async fn run_if_there(
        &self,
        program: &[&str],
    ) -> Result<Option<String>, HelperError> {
        let engine = self.connector.engine().await?;
        match self.attempt(engine, program, "").await? {
            Ran::Done { code: 0, said } => Ok(Some(said)),
            Ran::Done { code, said } => Err(failed(program, code, &said)),
            Ran::NotThere => Ok(None),
        }
    }

    /// Removes it, unless it is still needed, by the list of tables; nobody uses it meanwhile.
    pub(super) async fn rest(&self, needed: impl FnOnce(&str) -> bool) -> Result<(), HelperError> {
        let engine = self.connector.engine().await?;
        let _alone = self.life.write().await;
        let list = ["nft", "list", "tables", "inet"];
        match self.exec(engine, &list, "").await? {
            Ran::Done { code: 0, said } if !needed(&said) => {
                container::remove(engine, &names::helper(&self.instance)).await?;
            }
            _ => {}
        }
        Ok(())
    }

    async fn attempt(
        &self,
        engine: &Engine,
        program: &[&str],
        input: &str,
    ) -> Result<Ran, HelperError> {
        let _used = self.life.read().await;
        self.exec(engine, program, input).await
    }

    async fn exec(
        &self,
        engine: &Engine,
        program: &[&str],
        input: &str,
    ) -> Result<Ran, HelperError> {
        let name = names::helper(&self.instance);
        let config = ExecConfig {
            cmd: Some(program.iter().map(ToString::to_string).collect()),
            env: Some(vec!["LC_ALL=C".to_owned(), format!("INPUT={input}")]),
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            ..ExecConfig::default()
        };
        let call = engine.docker().create_exec(&name, config);
        let made = engine.attempt("use", &name, READ, call).await?;
        let exec = match made {
            Ok(exec) => exec.id,
            // Absent; stopped, paused or being removed.
            Err(Refusal {
                status: 404 | 409, ..
            }) => return Ok(Ran::NotThere),
            Err(refusal) => return Err(refused("use", &name, refusal).into()),
        };
        let run = async {
            let options = None::<StartExecOptions>;
            let mut said = String::new();
            let started = engine.docker().start_exec(&exec, options).await?;
            if let StartExecResults::Attached { mut output, .. } = started {
                while let Some(part) = output.next().await {
                    let (LogOutput::StdErr { message }
                    | LogOutput::StdOut { message }
                    | LogOutput::Console { message }
                    | LogOutput::StdIn { message }) = part?;
                    let room = MOST_BYTES.saturating_sub(said.len());
                    said += &String::from_utf8_lossy(&message[..message.len().min(room)]);
                }
            }
            let ended = engine.docker().inspect_exec(&exec).await?;
            Ok((ended.exit_code, said))
        };
        match engine.attempt("use", &name, DEADLINE, run).await? {
            Ok((code, said)) => Ok(Ran::Done {
                code: code.unwrap_or(KILLED),
                said,
            }),
            // It was removed meanwhile.
            Err(Refusal {
                status: 404 | 409, ..
            }) => Ok(Ran::NotThere),
            Err(refusal) => Err(refused("use", &name, refusal).into()),
        }
    }

    /// A helper that runs, from whatever is there.
    async fn make(&self, engine: &Engine) -> Result<(), HelperError> {
        let _alone = self.life.write().await;
        let name = names::helper(&self.instance);
        if let Some(there) = observe::inspect(engine, &name).await? {
            let state = there.state.as_ref();
            if state.is_some_and(|state| observe::phase(state) == Phase::Running) {
                return Ok(());
            }
            container::remove(engine, &name).await?;
        }
        let image = engine.docker().inspect_image(IMAGE);
        if engine.find("look for", IMAGE, READ, image).await?.is_none() {
            return Err(HelperError::NoImage);
        }
        let id = match container::create_as(engine, &name, self.body()).await {
            Ok(id) => id,
            // Made just now by a call that was cut off.
            Err(error) if super::connect::is_taken(&error) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        if let Err(refusal) = container::start(engine, &id).await? {
            container::remove(engine, &id).await?;
            return Err(HelperError::Refused(refusal));
        }
        tracing::info!(
            name,
            "a helper container sets the firewall in the engine's network"
        );
        Ok(())
    }

    /// The container as the engine takes it.
    fn body(&self) -> ContainerCreateBody {
        ContainerCreateBody {
            image: Some(IMAGE.to_owned()),
            user: Some("0:0".to_owned()),
            entrypoint: Some(vec!["sleep".to_owned()]),
            cmd: Some(vec!["infinity".to_owned()]),
            healthcheck: Some(HealthConfig {
                test: Some(vec!["NONE".to_owned()]),
                ..HealthConfig::default()
            }),
            labels: Some(text_map([
                (names::INSTANCE, self.instance.to_string()),
                (names::TYPE, names::TYPE_HELPER.to_owned()),
            ])),
            host_config: Some(HostConfig {
                network_mode: Some("host".to_owned()),
                // A mapped root would rule over a network of its own only.
                userns_mode: Some("host".to_owned()),
                cap_drop: Some(vec!["ALL".to_owned()]),
                cap_add: Some(vec!["NET_ADMIN".to_owned()]),
                security_opt: Some(vec![container::NO_NEW_PRIVILEGES.to_owned()]),
                readonly_rootfs: Some(true),
                memory: Some(MEMORY_MIB << 20),
                memory_swap: Some(MEMORY_MIB << 20),
                pids_limit: Some(PIDS),
                restart_policy: Some(no_restart()),
                log_config: Some(log_config()),
                ..HostConfig::default()
            }),
            ..ContainerCreateBody::default()
        }
    }
}

fn failed(program: &[&str], code: i64, said: &str) -> HelperError {
    // Shells' first words say nothing of what they run.
    let program = if program.contains(&"-c") {
        "a script"
    } else {
        program[0]
    };
    let detail = match said.trim() {
        "" => format!("ended with code {code}"),
        said => said.to_owned(),
    };
    HelperError::Failed {
        program: program.to_owned(),
        detail,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_helper_may_set_the_network_and_nothing_else() {
        let instance: InstanceId = "aaaa1111".parse().unwrap();
        let helper = Helper::new(Arc::default(), instance);
        insta::with_settings!({sort_maps => true}, {
            insta::assert_json_snapshot!(helper.body());
        });
    }
}
