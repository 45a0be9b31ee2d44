//! Whether published ports can be reached from here: tried with the in-seat server in a container of its own, once.
//!
//! An engine in a virtual machine forwards them to this machine's 127.0.0.1 (Docker Desktop and Colima do); one on
//! another machine, or in a bare network namespace, publishes them on a 127.0.0.1 that is not this one.

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use bollard::models::{ContainerCreateBody, HealthConfig, HostConfig};
use clarateach_protocol::route::Service;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::connect::{Engine, READ};
use super::container::{self, Access, bind, log_config, no_restart, text_map};
use super::disk::SEAT_UID;
use super::helper::IMAGE;
use super::names::{self, InstanceId};
use super::{observe, published};
use crate::provider::ProviderError;

/// Forwarders of virtual machines look for new ports every few seconds.
const PATIENCE: Duration = Duration::from_secs(6);
const PAUSE: Duration = Duration::from_millis(150);
/// One connection and its answer.
const ANSWER: Duration = Duration::from_secs(2);
const MOST_BYTES: u64 = 16 << 10;
const MEMORY_MIB: i64 = 64;
const RUNTIME: &str = "/.clarateach";

/// Whether there is what they are tried with.
pub(super) async fn can_try(engine: &Engine) -> Result<bool, ProviderError> {
    let image = engine.docker().inspect_image(IMAGE);
    let found = engine.find("look for", IMAGE, READ, image).await?;
    Ok(found.is_some())
}

/// Tries it; why not, where it can't be done.
pub(super) async fn try_ports(
    engine: &Engine,
    instance: &InstanceId,
    runtime: &Path,
) -> Result<Result<(), String>, ProviderError> {
    let name = names::trial(instance);
    if !can_try(engine).await? {
        return Ok(Err(format!(
            "the image {IMAGE} is not there to try them (`./x images --only firewall`)"
        )));
    }
    // One that a killed process left.
    container::remove(engine, &name).await?;
    let mut nonce = [0; 4];
    // Without randomness any number does: nobody listens there on purpose.
    let _ = getrandom::fill(&mut nonce);
    let nonce = u32::from_le_bytes(nonce);
    let id = container::create_as(engine, &name, body(instance, runtime, nonce)).await?;
    let tried = match container::start(engine, &id).await? {
        Ok(()) => ask(engine, &id, nonce).await,
        Err(refusal) => Ok(Err(format!(
            "a container can't be started there: {refusal}"
        ))),
    };
    container::remove(engine, &id).await?;
    tried
}

/// Asks until the container answers at its published port.
async fn ask(engine: &Engine, id: &str, nonce: u32) -> Result<Result<(), String>, ProviderError> {
    let begin = Instant::now();
    let port = Service::Files.port();
    let inspect = observe::inspect(engine, id).await?;
    let Some(address) = inspect.and_then(|inspect| published::door(&inspect, port)) else {
        return Ok(Err("the engine published no port".to_owned()));
    };
    loop {
        let answered = tokio::time::timeout(ANSWER, health(address)).await;
        let said = match answered {
            Ok(Ok(said)) if said.contains(&format!("\"generation\":{nonce}")) => return Ok(Ok(())),
            Ok(Ok(_)) => "something else answers".to_owned(),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "nothing answers".to_owned(),
        };
        if begin.elapsed() > PATIENCE {
            return Ok(Err(format!(
                "at {address}, where the engine says it is: {said}"
            )));
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn health(address: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    let request = "GET /health HTTP/1.1\r\nHost: seat\r\nConnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).await?;
    let mut said = Vec::new();
    stream.take(MOST_BYTES).read_to_end(&mut said).await?;
    Ok(String::from_utf8_lossy(&said).into_owned())
}

/// A seat of no workshop, on the engine's own default network, with nobody's files.
fn body(instance: &InstanceId, runtime: &Path, nonce: u32) -> ContainerCreateBody {
    let ports = published::names();
    let generation = nonce.to_string();
    let arguments = [
        "serve",
        "--workshop",
        "ws-00000000",
        "--seat",
        "1",
        "--generation",
        &generation,
        "--keys",
        "/.clarateach/keys.json",
    ];
    ContainerCreateBody {
        image: Some(IMAGE.to_owned()),
        user: Some(format!("{SEAT_UID}:{SEAT_UID}")),
        entrypoint: Some(vec![format!("{RUNTIME}/clarateach-workspace")]),
        cmd: Some(arguments.map(ToOwned::to_owned).into()),
        healthcheck: Some(HealthConfig {
            test: Some(vec!["NONE".to_owned()]),
            ..HealthConfig::default()
        }),
        labels: Some(text_map([
            (names::INSTANCE, instance.to_string()),
            (names::TYPE, names::TYPE_TRIAL.to_owned()),
        ])),
        host_config: Some(HostConfig {
            port_bindings: Some(published::bindings(&ports)),
            mounts: Some(vec![bind(runtime, RUNTIME, Access::ReadOnly)]),
            tmpfs: Some(text_map([
                ("/workspace", format!("rw,size=1m,uid={SEAT_UID}")),
                ("/tmp", "rw,size=1m".to_owned()),
            ])),
            cap_drop: Some(vec!["ALL".to_owned()]),
            security_opt: Some(vec![container::NO_NEW_PRIVILEGES.to_owned()]),
            readonly_rootfs: Some(true),
            memory: Some(MEMORY_MIB << 20),
            memory_swap: Some(MEMORY_MIB << 20),
            restart_policy: Some(no_restart()),
            log_config: Some(log_config()),
            ..HostConfig::default()
        }),
        exposed_ports: Some(ports),
        ..ContainerCreateBody::default()
    }
}
