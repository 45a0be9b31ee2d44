//! What every provider must do: one suite, run over each of them.
//!
//! A provider joins by a line at the end of this file: its name, and what makes its [`Bench`].

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
use clarateach::provider::docker::{DockerConfig, DockerProvider, WeakIsolation};
use clarateach::provider::simulated::SimulatedProvider;
use clarateach::provider::{
    Instance, InstanceStatus, Level, Progress, Provider, ProviderError, SeatSpec,
};
use clarateach_protocol::id::{Generation, SeatNumber, WorkshopId};
use clarateach_protocol::route::Service;
use clarateach_protocol::seat::{BindRequest, Binding};
use clarateach_protocol::token::{Scope, SigningKey};
use futures_util::StreamExt;
use http::{Method, StatusCode};

/// How long a seat may take for anything.
const PATIENCE: Duration = Duration::from_secs(30);
const FILE: &str = "/files/kept.txt";

/// A provider under test.
pub(crate) struct Bench {
    pub(crate) provider: Arc<dyn Provider>,
    /// Signs what its seats take.
    pub(crate) key: Arc<SigningKey>,
    /// An image that it has.
    pub(crate) image: String,
    /// Whatever has to live as long.
    pub(crate) _keeps: Box<dyn Any + Send + Sync>,
}

/// A prepared workshop, removed at the end of [`with_workshop`] whatever happened.
struct Room<'a> {
    bench: &'a Bench,
    spec: WorkshopSpec,
}

impl Room<'_> {
    fn seat(&self, number: u16) -> SeatSpec {
        SeatSpec {
            workshop: self.spec.clone(),
            number: SeatNumber::new(number).unwrap(),
            generation: Generation::FIRST,
        }
    }

    async fn create(&self, number: u16) -> Instance {
        let created = self.bench.provider.create(&self.seat(number)).await;
        created.unwrap()
    }

    async fn list(&self) -> Vec<Instance> {
        let listed = self.bench.provider.list(Some(&self.spec.id)).await;
        listed.unwrap()
    }

    /// A client of a seat that answers and is bound.
    async fn working(&self, instance: &Instance) -> SeatClient {
        let client = SeatClient::new(Arc::clone(&self.bench.key), instance, PATIENCE);
        let binding = Binding {
            learner: None,
            env: [("KEY".to_owned(), "value".to_owned())].into(),
            files: Vec::new(),
        };
        let digest = binding.digest();
        let request = BindRequest { digest, binding };
        probe::probe(&client, &request, PATIENCE).await.unwrap();
        client
    }
}

async fn with_workshop(bench: Bench, test: impl AsyncFnOnce(&Room<'_>)) {
    let mut random = [0; 8];
    getrandom::fill(&mut random).unwrap();
    let spec = WorkshopSpec {
        id: WorkshopId::from_random(random),
        image: bench.image.clone(),
        resources: Resources {
            memory_mib: 256,
            disk_mib: 64,
            ..Resources::default()
        },
        egress: EgressPolicy::None,
        browser: BrowserPolicy::Off,
    };
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

async fn put(client: &SeatClient, text: &'static str) {
    let body = Some((Bytes::from(text), "text/plain"));
    client.call(file_call(Method::PUT, body)).await.unwrap();
}

async fn get(client: &SeatClient) -> Result<Bytes, CallError> {
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

async fn it_works_at_all(room: &Room<'_>) {
    let report = room.bench.provider.check().await.unwrap();
    let broken = |level| level == Level::Error;
    assert!(
        !report.findings.iter().any(|it| broken(it.level)),
        "{report:?}"
    );
    let instance = room.create(1).await;
    assert_eq!(instance.status, InstanceStatus::Running);
    assert_eq!(instance.spec_digest, room.seat(1).digest());
    let client = room.working(&instance).await;
    put(&client, "content").await;
    assert_eq!(get(&client).await.unwrap(), "content");
}

async fn preparing_again_changes_nothing(room: &Room<'_>) {
    let before = room.create(1).await;
    let silent = Progress::silent();
    let again = room.bench.provider.prepare(&room.spec, &silent);
    again.await.unwrap();
    assert_eq!(room.list().await, [before]);
}

async fn creating_again_returns_the_same(room: &Room<'_>) {
    let first = room.create(1).await;
    assert_eq!(room.create(1).await, first);
    assert_eq!(room.list().await, [first]);
}

async fn creating_twice_at_once_makes_one(room: &Room<'_>) {
    let spec = room.seat(1);
    let provider = &room.bench.provider;
    let (one, two) = tokio::join!(provider.create(&spec), provider.create(&spec));
    assert!(one.is_ok() || two.is_ok(), "{one:?}, {two:?}");
    assert_eq!(room.list().await.len(), 1);
    room.working(&room.create(1).await).await;
}

async fn creating_after_a_cut_makes_one(room: &Room<'_>) {
    let spec = room.seat(1);
    for millis in [0, 1, 5, 20, 60, 150] {
        let cut = Duration::from_millis(millis);
        let _ = tokio::time::timeout(cut, room.bench.provider.create(&spec)).await;
    }
    // A seat that was cut off half-made is told as one, and is destroyed then.
    let damaged = |it: &Instance| matches!(it.status, InstanceStatus::Error { .. });
    if room.list().await.iter().any(damaged) {
        room.bench.provider.destroy(&spec.key()).await.unwrap();
    }
    let instance = room.create(1).await;
    room.working(&instance).await;
    assert_eq!(room.list().await.len(), 1);
}

async fn another_generation_conflicts(room: &Room<'_>) {
    let first = room.create(1).await;
    let next = SeatSpec {
        generation: Generation::FIRST.next(),
        ..room.seat(1)
    };
    match room.bench.provider.create(&next).await {
        Err(ProviderError::Conflict(existing)) => assert_eq!(*existing, first),
        other => panic!("no conflict: {other:?}"),
    }
    room.bench.provider.destroy(&next.key()).await.unwrap();
    let second = room.bench.provider.create(&next).await.unwrap();
    assert_eq!(second.generation, next.generation);
    assert_ne!(second.incarnation, first.incarnation);
}

async fn another_spec_conflicts(room: &Room<'_>) {
    let first = room.create(1).await;
    let mut other = room.seat(1);
    other.workshop.resources.memory_mib += 1;
    match room.bench.provider.create(&other).await {
        Err(ProviderError::Conflict(existing)) => assert_eq!(*existing, first),
        other => panic!("no conflict: {other:?}"),
    }
    assert_eq!(room.list().await, [first]);
}

async fn a_restart_keeps_files_and_address(room: &Room<'_>) {
    let first = room.create(1).await;
    let neighbour = room.create(2).await;
    put(&room.working(&first).await, "kept").await;
    room.bench.provider.stop(&first.key()).await.unwrap();
    let stopped = room.list().await;
    let stopped = stopped.iter().find(|it| it.seat == first.seat).unwrap();
    assert!(matches!(stopped.status, InstanceStatus::Stopped { .. }));

    let second = room.create(1).await;
    assert_eq!(second.status, InstanceStatus::Running);
    assert_ne!(second.incarnation, first.incarnation);
    assert_eq!((second.ip, second.id), (first.ip, first.id));
    assert_eq!(second.endpoints, first.endpoints);
    let client = room.working(&room.create(1).await).await;
    assert_eq!(get(&client).await.unwrap(), "kept");
    assert!(room.list().await.contains(&neighbour));
}

async fn stopping_again_is_fine(room: &Room<'_>) {
    let provider = &room.bench.provider;
    let instance = room.create(1).await;
    provider.stop(&instance.key()).await.unwrap();
    provider.stop(&instance.key()).await.unwrap();
    provider.stop(&room.seat(2).key()).await.unwrap();
    assert_eq!(room.list().await.len(), 1);
}

async fn destroying_takes_the_files_too(room: &Room<'_>) {
    let provider = &room.bench.provider;
    let first = room.create(1).await;
    put(&room.working(&first).await, "gone").await;
    provider.destroy(&first.key()).await.unwrap();
    assert_eq!(room.list().await, []);
    provider.destroy(&first.key()).await.unwrap();
    provider.destroy(&room.seat(7).key()).await.unwrap();

    let second = room.create(1).await;
    assert_eq!(second.ip, first.ip);
    match get(&room.working(&second).await).await {
        Err(CallError::Refused { status, .. }) => assert_eq!(status, StatusCode::NOT_FOUND),
        other => panic!("the file is still there: {other:?}"),
    }
}

async fn seats_have_addresses_of_their_own(room: &Room<'_>) {
    // Not by the order of their making.
    let (two, one) = (room.create(2).await, room.create(1).await);
    assert_ne!(one.ip, two.ip);
    for instance in [&one, &two] {
        room.bench.provider.destroy(&instance.key()).await.unwrap();
    }
    assert_eq!(room.create(1).await.ip, one.ip);
    assert_eq!(room.create(2).await.ip, two.ip);
}

async fn lists_tell_what_is_there(room: &Room<'_>) {
    let provider = &room.bench.provider;
    let workshops = provider.list_workshops().await.unwrap();
    assert!(workshops.contains(&room.spec.id), "without seats too");
    let made = [room.create(1).await, room.create(3).await];
    let mut listed = room.list().await;
    listed.sort_by_key(|instance| instance.seat);
    assert_eq!(listed, made);
    let all = provider.list(None).await.unwrap();
    assert!(made.iter().all(|instance| all.contains(instance)));
    let unknown = WorkshopId::from_random([0; 8]);
    assert_eq!(provider.list(Some(&unknown)).await.unwrap(), []);
}

async fn a_workshop_goes_with_all_its_seats(room: &Room<'_>) {
    let provider = &room.bench.provider;
    for number in 1..=3 {
        room.create(number).await;
    }
    let running = room.create(2).await;
    provider.stop(&room.seat(3).key()).await.unwrap();
    for _twice in 0..2 {
        provider.destroy_workshop(&room.spec.id).await.unwrap();
        assert_eq!(room.list().await, []);
        let left = provider.list_workshops().await.unwrap();
        assert!(!left.contains(&room.spec.id));
    }
    let client = SeatClient::new(
        Arc::clone(&room.bench.key),
        &running,
        Duration::from_secs(2),
    );
    assert!(client.health().await.is_err(), "it still answers");
}

async fn changes_are_hinted(room: &Room<'_>) {
    let key = room.create(1).await.key();
    let mut hints = room.bench.provider.changes();
    let hinted = async {
        while let Some(hint) = hints.next().await {
            if hint == key {
                return;
            }
        }
        panic!("the hints ended");
    };
    // A stream may begin to listen only once it is polled.
    let changing = async {
        loop {
            room.bench.provider.stop(&key).await.unwrap();
            room.create(1).await;
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        () = hinted => {}
        _never = changing => {}
        () = tokio::time::sleep(PATIENCE) => panic!("no hint of the seat came"),
    }
}

/// Runs every test of the suite over one provider.
macro_rules! conforms {
    ($provider:ident, $bench:expr, [$($test:ident),+ $(,)?]) => {
        mod $provider {
            $(
                #[tokio::test]
                async fn $test() {
                    let bench = $bench.await;
                    super::with_workshop(bench, async |room| super::$test(room).await).await;
                }
            )+
        }
    };
    ($provider:ident, $bench:expr) => {
        conforms!($provider, $bench, [
            it_works_at_all,
            preparing_again_changes_nothing,
            creating_again_returns_the_same,
            creating_twice_at_once_makes_one,
            creating_after_a_cut_makes_one,
            another_generation_conflicts,
            another_spec_conflicts,
            a_restart_keeps_files_and_address,
            stopping_again_is_fine,
            destroying_takes_the_files_too,
            seats_have_addresses_of_their_own,
            lists_tell_what_is_there,
            a_workshop_goes_with_all_its_seats,
            changes_are_hinted,
        ]);
    };
}

async fn simulated_bench() -> Bench {
    let key = Arc::new(SigningKey::from_seed(&[5; 32]));
    Bench {
        provider: Arc::new(SimulatedProvider::new(key.verifying_keys())),
        key,
        image: "any".to_owned(),
        _keeps: Box::new(()),
    }
}

/// An installation of its own on the machine's engine, as `./x test` prepares it.
async fn docker_bench() -> Bench {
    let key = Arc::new(SigningKey::from_seed(&[5; 32]));
    let data = tempfile::tempdir().unwrap();
    let runtime = tempfile::tempdir().unwrap();
    let readable = |path: &Path| {
        std::fs::set_permissions(path, Permissions::from_mode(0o755)).unwrap();
    };
    let server = runtime.path().join("clarateach-workspace");
    std::fs::copy(super::in_seat::server(), &server).unwrap();
    let keys = runtime.path().join("keys.json");
    std::fs::write(&keys, key.verifying_keys().to_jwks()).unwrap();
    for path in [runtime.path(), &server, &keys] {
        readable(path);
    }
    let mut random = [0; 8];
    getrandom::fill(&mut random).unwrap();
    let config = DockerConfig {
        data_dir: data.path().to_owned(),
        instance: WorkshopId::from_random(random).short().parse().unwrap(),
        seat_networks: "198.18.0.0/15".parse().unwrap(),
        runtime_dir: runtime.path().to_owned(),
        weak_isolation: WeakIsolation::Refuse,
        resolvers: Vec::new(),
    };
    Bench {
        provider: Arc::new(DockerProvider::new(config)),
        key,
        image: "clarateach/workspace:latest".to_owned(),
        _keeps: Box::new((data, runtime)),
    }
}

conforms!(simulated, super::simulated_bench());
conforms!(docker, super::docker_bench());
