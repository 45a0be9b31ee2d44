//! `clarateach doctor --browser`: one seat with a browser, made for this and removed afterwards, whose
//! picture is looked at and whose keys are pressed.
//!
//! Nobody else in the platform speaks an engine's protocol: this does, to prove that it works. The seat
//! has no learner, so that its browser's password can go nowhere else.

use std::fs;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use bytes::Bytes;
use clarateach_protocol::id::{Generation, SeatNumber, WorkshopId};
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{Method, Request};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::{neko, selkies};
use crate::app;
use crate::auth::keys::{PlatformKeys, lock_data_dir};
use crate::auth::secret::random_bytes;
use crate::browser::{BrowserDoor, BrowserEngine, Media, NEKO, SELKIES};
use crate::config::Config;
use crate::model::{BrowserPolicy, EgressPolicy, Resources, WorkshopSpec};
use crate::provider::{BrowserState, Finding, Level, Progress, Provider, SeatSpec};

/// Of the data directory; its own keys make its seats nobody else's.
const FOLDER: &str = "doctor";
/// For Firefox to be there on a machine that does much else.
const PATIENCE: Duration = Duration::from_secs(90);
/// For one answer.
const STEP: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(250);
/// Bytes of an answer at the most.
const MAX_BYTES: usize = 8 << 20;
/// Bytes of a picture that shows something: one of an empty screen of this size has fewer.
pub(super) const NOT_BLANK: usize = 8_000;

/// What came of it, step by step; the last one says what could not be done, where that is so.
pub(super) async fn prove(config: Config, engine: &'static BrowserEngine) -> Vec<Finding> {
    let image = if config.browser_engine == engine {
        config.browser_image.clone()
    } else {
        engine.image.to_owned()
    };
    let config = Config {
        data_dir: config.data_dir.join(FOLDER),
        browser_engine: engine,
        browser_image: image,
        ..config
    };
    let mut steps = Steps {
        engine,
        findings: Vec::new(),
    };
    // Two checks at once would take each other's seats for leftovers.
    let lock = match lock_data_dir(&config.data_dir) {
        Ok(lock) => lock,
        Err(error) => {
            steps.failed(&error.into());
            return steps.findings;
        }
    };
    if let Err(error) = try_one(&config, &mut steps).await {
        steps.failed(&error);
    }
    drop(lock);
    if let Err(error) = fs::remove_dir_all(&config.data_dir) {
        tracing::warn!(%error, path = %config.data_dir.display(), "cannot remove what the check made");
    }
    steps.findings
}

/// What was found out.
struct Steps {
    engine: &'static BrowserEngine,
    findings: Vec<Finding>,
}

impl Steps {
    fn good(&mut self, what: String) {
        self.add(Level::Good, "browser", what, None);
    }

    fn failed(&mut self, error: &anyhow::Error) {
        let name = self.engine.name;
        let done = match self.findings.len() {
            0 => "nothing of it was tried, neither its picture nor its keys",
            _ => "what comes after that was not tried",
        };
        let message =
            format!("the browser engine {name} stays unproven on this machine: {error:#}; {done}");
        let remedy = "run this again where that works: it pulls the image, starts one seat with it, looks at the picture and presses keys";
        self.add(Level::Error, "browser_unproven", message, Some(remedy));
    }

    fn add(&mut self, level: Level, code: &'static str, message: String, remedy: Option<&str>) {
        self.findings.push(Finding {
            level,
            code,
            message,
            remedy: remedy.map(ToOwned::to_owned),
        });
    }
}

async fn try_one(config: &Config, steps: &mut Steps) -> anyhow::Result<()> {
    let keys = PlatformKeys::load_or_create(&config.data_dir)?;
    let provider = app::provider(config, &keys)?;
    let image = &config.browser_image;
    // Before anything is made: most machines that can't prove it have no registry.
    provider
        .check_image(image, &Progress::silent())
        .await
        .with_context(|| format!("its image {image} can't be had"))?;
    steps.good(format!("the browser's image {image} is here"));
    let workshop = WorkshopSpec {
        id: WorkshopId::from_random(random_bytes()),
        image: config.image.clone(),
        resources: Resources::default(),
        egress: EgressPolicy::default(),
        browser: BrowserPolicy::OnDemand,
    };
    // Of a check that was interrupted.
    for id in provider.list_workshops().await? {
        provider.destroy_workshop(&id).await?;
    }
    let proven = with_seat(&*provider, &workshop, steps).await;
    let removed = provider.destroy_workshop(&workshop.id).await;
    proven?;
    removed.context("the seat that was made for it could not be removed")?;
    Ok(())
}

async fn with_seat(
    provider: &dyn Provider,
    workshop: &WorkshopSpec,
    steps: &mut Steps,
) -> anyhow::Result<()> {
    let spec = SeatSpec {
        workshop: workshop.clone(),
        number: SeatNumber::new(1).context("seats count from 1")?,
        generation: Generation(1),
        disk: Generation(1),
    };
    let key = spec.key();
    provider.prepare(workshop, &Progress::silent()).await?;
    provider.create(&spec).await?;
    let begin = Instant::now();
    provider.set_browser(&key, BrowserState::Running).await?;
    let door = answering(provider, &spec).await?;
    steps.good(format!(
        "the browser answers, {:.1} s after its start",
        begin.elapsed().as_secs_f64()
    ));
    let (picture, keys) = if *steps.engine == NEKO {
        neko::prove(&door).await?
    } else if *steps.engine == SELKIES {
        selkies::prove(&door).await?
    } else {
        bail!("nobody told this check how that engine speaks");
    };
    steps.good(picture);
    steps.good(keys);
    if let Media::Udp { port } = steps.engine.media {
        steps.add(
            Level::Warning,
            "browser_media",
            format!(
                "the picture was taken from the engine's own HTTP interface: its stream is WebRTC by UDP port {port}, which the gateway does not carry yet, so learners' pages don't show it"
            ),
            Some("use the engine selkies, whose picture comes through the gateway"),
        );
    }
    if steps.engine.challenge.is_none() {
        steps.add(
            Level::Warning,
            "browser_no_proof",
            "the engine can't prove to the gateway that it, and not a learner's program, has its port; so the gateway gives it no credentials and opens it to nobody".to_owned(),
            None,
        );
    }
    Ok(())
}

/// The way to the browser, as soon as its health path answers twice.
async fn answering(provider: &dyn Provider, spec: &SeatSpec) -> anyhow::Result<Arc<BrowserDoor>> {
    let waiting = async {
        let mut right = 0;
        loop {
            tokio::time::sleep(PAUSE).await;
            let Some(door) = provider.browser_door(&spec.key()).await? else {
                bail!("the browser's container ended");
            };
            let asked = send(
                door.address,
                Method::GET,
                door.engine.health,
                Sent::default(),
            );
            right = match asked.await {
                Ok((200, _)) => right + 1,
                _ => 0,
            };
            if right == 2 {
                return Ok(Arc::new(door));
            }
        }
    };
    timeout(PATIENCE, waiting).await.map_err(|_| {
        anyhow::anyhow!("the browser did not answer within {} s", PATIENCE.as_secs())
    })?
}

/// What a request brings.
#[derive(Default)]
pub(super) struct Sent {
    /// Value of `Authorization`.
    pub(super) authorization: Option<String>,
    /// JSON.
    pub(super) body: Option<String>,
}

/// One request on a connection of its own: status and body.
pub(super) async fn send(
    address: SocketAddr,
    method: Method,
    path: &str,
    sent: Sent,
) -> anyhow::Result<(u16, Bytes)> {
    let asking = async {
        let stream = TcpStream::connect(address).await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, address.to_string());
        if let Some(value) = sent.authorization {
            request = request.header(AUTHORIZATION, value);
        }
        if sent.body.is_some() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        let body = Full::new(Bytes::from(sent.body.unwrap_or_default()));
        let asked = async {
            let response = sender.send_request(request.body(body)?).await?;
            let status = response.status().as_u16();
            let body = Limited::new(response.into_body(), MAX_BYTES)
                .collect()
                .await;
            let body = body.map_err(|error| anyhow::anyhow!("{error}"))?;
            Ok((status, body.to_bytes()))
        };
        let mut asked = std::pin::pin!(asked);
        tokio::select! {
            answer = &mut asked => answer,
            // Whoever closes has said what there is to say.
            _ = connection => asked.await,
        }
    };
    timeout(STEP, asking)
        .await
        .map_err(|_| anyhow::anyhow!("{path} was not answered within {} s", STEP.as_secs()))?
}
