//! A provider under test, and a workshop of it that goes whatever happens.

use std::any::Any;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use clarateach::model::{BrowserPolicy, EgressPolicy, Resources, WorkshopSpec};
use clarateach::orchestrator::probe;
use clarateach::orchestrator::seat_client::{Call, CallError, SeatClient};
use clarateach::provider::docker::{DockerConfig, DockerProvider, ReachChoice, WeakIsolation};
use clarateach::provider::simulated::SimulatedProvider;
use clarateach::provider::{Instance, Progress, Provider, SeatSpec};
use clarateach_protocol::id::{Generation, SeatNumber, WorkshopId};
use clarateach_protocol::route::Service;
use clarateach_protocol::seat::{BindRequest, Binding};
use clarateach_protocol::token::{Scope, SigningKey};
use http::Method;

use super::super::{in_seat, stand_in};

/// How long a seat may take for anything.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);
pub(super) const IMAGE: &str = "clarateach/workspace:latest";
const FILE: &str = "/files/kept.txt";

/// A provider under test.
pub(super) struct Bench {
    pub(super) provider: Arc<dyn Provider>,
    /// Signs what its seats take.
    pub(super) key: Arc<SigningKey>,
    /// An image that it has.
    pub(super) image: String,
    /// What becomes of its seats' addresses.
    pub(super) addresses: Addresses,
    /// Whatever has to live as long.
    pub(super) _keeps: Box<dyn Any + Send + Sync>,
}

/// What becomes of a seat's addresses when it is started again.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Addresses {
    Stay,
    MayChange,
}

/// A prepared workshop, removed at the end of [`with_workshop`] whatever happened.
pub(super) struct Room<'a> {
    pub(super) bench: &'a Bench,
    pub(super) spec: WorkshopSpec,
}

impl Room<'_> {
    pub(super) fn seat(&self, number: u16) -> SeatSpec {
        SeatSpec {
            workshop: self.spec.clone(),
            number: SeatNumber::new(number).unwrap(),
            generation: Generation::FIRST,
            disk: Generation::FIRST,
        }
    }

    pub(super) async fn create(&self, number: u16) -> Instance {
        let created = self.bench.provider.create(&self.seat(number)).await;
        created.unwrap()
    }

    pub(super) async fn list(&self) -> Vec<Instance> {
        let listed = self.bench.provider.list(Some(&self.spec.id)).await;
        listed.unwrap()
    }

    /// A client of a seat that answers and is bound.
    pub(super) async fn working(&self, instance: &Instance) -> SeatClient {
        let client = SeatClient::new(Arc::clone(&self.bench.key), instance, PATIENCE);
        let binding = Binding {
            learner: None,
            env: [("KEY".to_owned(), "value".to_owned())].into(),
            files: Vec::new(),
        };
        let digest = binding.digest();
        let request = BindRequest { digest, binding };
        probe::probe(&client, &request, PATIENCE, || ())
            .await
            .unwrap();
        probe::try_out(&client).await.unwrap();
        client
    }
}

/// A small workshop.
pub(super) fn workshop(id: WorkshopId, image: &str) -> WorkshopSpec {
    WorkshopSpec {
        id,
        image: image.to_owned(),
        resources: Resources {
            memory_mib: 256,
            disk_mib: 64,
            ..Resources::default()
        },
        egress: EgressPolicy::None,
        browser: BrowserPolicy::Off,
    }
}

pub(super) async fn with_workshop(bench: Bench, test: impl AsyncFnOnce(&Room<'_>)) {
    let spec = workshop(random_id(), &bench.image);
    let provider = Arc::clone(&bench.provider);
    let silent = Progress::silent();
    provider.prepare(&spec, &silent).await.unwrap();
    let id = spec.id;
    let room = Room {
        bench: &bench,
        spec,
    };
    let outcome = futures_util::FutureExt::catch_unwind(std::panic::AssertUnwindSafe(test(&room)));
    let outcome = outcome.await;
    provider.destroy_workshop(&id).await.unwrap();
    assert_eq!(provider.list(Some(&id)).await.unwrap(), []);
    assert!(!provider.list_workshops().await.unwrap().contains(&id));
    if let Err(panic) = outcome {
        std::panic::resume_unwind(panic);
    }
}

pub(super) async fn put(client: &SeatClient, text: &'static str) {
    let body = Some((Bytes::from(text), "text/plain"));
    client.call(file_call(Method::PUT, body)).await.unwrap();
}

pub(super) async fn get(client: &SeatClient) -> Result<Bytes, CallError> {
    client.call(file_call(Method::GET, None)).await
}

fn file_call(method: Method, body: Option<(Bytes, &'static str)>) -> Call<'static> {
    Call {
        service: Service::Files,
        method,
        path: FILE,
        scope: Some(Scope::Files),
        body,
    }
}

pub(super) async fn simulated_bench() -> Bench {
    let key = Arc::new(SigningKey::from_seed(&[5; 32]));
    Bench {
        provider: Arc::new(SimulatedProvider::new(key.verifying_keys())),
        key,
        image: "any".to_owned(),
        addresses: Addresses::Stay,
        _keeps: Box::new(()),
    }
}

/// An installation of its own on the machine's engine, as `./x test` prepares it.
pub(super) async fn docker_bench() -> Bench {
    bench_of(ReachChoice::Auto)
}

/// The same, told to reach seats by published ports, although their addresses would do.
pub(super) async fn published_bench() -> Bench {
    Bench {
        addresses: Addresses::MayChange,
        ..bench_of(ReachChoice::Published)
    }
}

fn bench_of(reach: ReachChoice) -> Bench {
    let key = Arc::new(SigningKey::from_seed(&[5; 32]));
    let data = tempfile::tempdir().unwrap();
    let runtime = runtime(&key);
    let mut config = docker_config(data.path(), runtime.path(), random_id().short());
    config.reach = reach;
    Bench {
        provider: Arc::new(DockerProvider::new(config)),
        key,
        image: IMAGE.to_owned(),
        addresses: Addresses::Stay,
        _keeps: Box::new((data, runtime)),
    }
}

/// What the docker provider of an installation is configured with.
pub(super) fn docker_config(data: &Path, runtime: &Path, instance: &str) -> DockerConfig {
    DockerConfig {
        data_dir: data.to_owned(),
        instance: instance.parse().unwrap(),
        seat_networks: "198.18.0.0/15".parse().unwrap(),
        runtime_dir: runtime.to_owned(),
        weak_isolation: WeakIsolation::Refuse,
        reach: ReachChoice::Auto,
        browser: stand_in::browser(),
        resolvers: Vec::new(),
    }
}

/// What real seats are run with, readable for them.
pub(super) fn runtime(key: &SigningKey) -> tempfile::TempDir {
    let runtime = tempfile::tempdir().unwrap();
    let readable = |path: &Path| {
        std::fs::set_permissions(path, Permissions::from_mode(0o755)).unwrap();
    };
    let server = runtime.path().join("clarateach-workspace");
    std::fs::copy(in_seat::server(), &server).unwrap();
    let keys = runtime.path().join("keys.json");
    std::fs::write(&keys, key.verifying_keys().to_jwks()).unwrap();
    for path in [runtime.path(), &server, &keys] {
        readable(path);
    }
    runtime
}

pub(super) fn random_id() -> WorkshopId {
    let mut random = [0; 8];
    getrandom::fill(&mut random).unwrap();
    WorkshopId::from_random(random)
}
