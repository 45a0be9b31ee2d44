//! A store, simulated seats and an orchestrator between them.

use std::sync::Arc;
use std::time::Duration;

use clarateach::browsers::Browsers;
use clarateach::directory::Directory;
use clarateach::model::{
    BrowserPolicy, EgressPolicy, Reason, Resources, Seat, SeatCondition, Secrets, Workshop,
    WorkshopKind, WorkshopSpec, WorkshopStatus,
};
use clarateach::orchestrator::seat_client::SeatClient;
use clarateach::orchestrator::{Backoff, Deadlines, HealthSettings, Orchestrator, Parts, Settings};
use clarateach::provider::Provider;
use clarateach::provider::simulated::SimulatedProvider;
use clarateach::store::{NewAssignment, NewWorkshop, Occupancy, Seated, Store};
use clarateach_protocol::code::JoinCode;
use clarateach_protocol::id::{Generation, SeatKey, SeatNumber, WorkshopId};
use clarateach_protocol::token::SigningKey;
use tempfile::TempDir;
use time::OffsetDateTime;

/// How long anything may take before a scene has failed.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct World {
    _data: TempDir,
    pub(crate) store: Store,
    pub(crate) seats: Arc<SimulatedProvider>,
    pub(crate) directory: Arc<Directory>,
    pub(crate) orchestrator: Orchestrator,
    key: Arc<SigningKey>,
    settings: Settings,
}

/// Pauses that a test can wait for.
pub(crate) fn quick() -> Settings {
    let ms = Duration::from_millis;
    Settings {
        reconcile_every: ms(500),
        backoff: Backoff {
            first: ms(20),
            longest: ms(200),
        },
        health: HealthSettings {
            every: ms(200),
            again: ms(50),
            deadline: ms(300),
            misses: 3,
        },
        deadlines: Deadlines {
            create: ms(1500),
            first_answer: ms(800),
            probe_step: ms(5000),
            ..Settings::default().deadlines
        },
        ..Settings::default()
    }
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(quick())
    }

    pub(crate) fn with(settings: Settings) -> Self {
        let data = tempfile::tempdir().unwrap();
        let store = Store::open(data.path()).unwrap();
        let key = Arc::new(SigningKey::from_seed(&[7; 32]));
        let seats = Arc::new(SimulatedProvider::new(key.verifying_keys()));
        let directory = Arc::new(Directory::new());
        let orchestrator = start(&store, &seats, &directory, &key, &settings);
        Self {
            _data: data,
            store,
            seats,
            directory,
            orchestrator,
            key,
            settings,
        }
    }

    /// Ends the orchestrator and starts another on the same store and seats.
    pub(crate) async fn restart(&mut self) {
        self.stop().await;
        self.start_again();
    }

    pub(crate) async fn stop(&self) {
        self.orchestrator.shutdown().await;
    }

    pub(crate) fn start_again(&mut self) {
        self.orchestrator = start(
            &self.store,
            &self.seats,
            &self.directory,
            &self.key,
            &self.settings,
        );
    }

    /// Stores a new workshop and wakes the orchestrator.
    pub(crate) async fn create(&self, seats: u16) -> WorkshopId {
        let mut random = [0; 8];
        getrandom::fill(&mut random).unwrap();
        let id = WorkshopId::from_random(random);
        let workshop = Workshop {
            spec: spec(id),
            name: "A class".to_owned(),
            kind: WorkshopKind::Class,
            code: JoinCode::from_random(random),
            owner: "in-1".to_owned(),
            status: WorkshopStatus::Provisioning,
            reason: None,
            env: Secrets::default(),
            created_at: time::OffsetDateTime::now_utc(),
            starts_at: None,
            ends_at: None,
            idle_after: None,
            kept_until: None,
        };
        let new = NewWorkshop { workshop, seats };
        assert!(self.store.insert_workshop(new).await.unwrap());
        self.orchestrator.wake(id);
        id
    }

    /// A workshop of so many seats, ready.
    pub(crate) async fn create_ready(&self, seats: u16) -> WorkshopId {
        let id = self.create(seats).await;
        self.until_status(id, WorkshopStatus::Ready).await;
        id
    }

    pub(crate) async fn delete(&self, id: WorkshopId) {
        self.store.end_workshop(id).await.unwrap();
        self.orchestrator.wake(id);
    }

    /// Puts a learner on the first free seat.
    pub(crate) async fn join(&self, workshop: WorkshopId, name: &str) {
        let new = NewAssignment {
            id: format!("as-{name}"),
            workshop,
            name: name.to_owned(),
            reconnect_hash: [1; 32],
            request_id: None,
            joined_at: OffsetDateTime::now_utc(),
        };
        let seated = self.store.assign_seat(new).await.unwrap();
        assert!(matches!(seated, Seated::On(_)));
        self.orchestrator.wake(workshop);
    }

    /// The binding that a seat itself tells.
    pub(crate) async fn bound(&self, key: SeatKey) -> Option<String> {
        let there = self.seats.list(Some(&key.workshop)).await.unwrap();
        let instance = there.iter().find(|it| it.seat == key.seat)?;
        let client = SeatClient::new(Arc::clone(&self.key), instance, PATIENCE);
        client.health().await.ok()?.bound
    }

    pub(crate) async fn reset(&self, key: SeatKey) {
        self.store
            .renew_seat(key, Occupancy::Keep, OffsetDateTime::now_utc())
            .await
            .unwrap();
        self.orchestrator.wake(key.workshop);
    }

    pub(crate) async fn status(&self, id: WorkshopId) -> (WorkshopStatus, Option<Reason>) {
        let workshop = self.store.workshop(id).await.unwrap().unwrap();
        (workshop.status, workshop.reason)
    }

    pub(crate) async fn seat(&self, key: SeatKey) -> Seat {
        self.store.seat(key).await.unwrap().unwrap()
    }

    pub(crate) async fn conditions(&self, id: WorkshopId) -> Vec<SeatCondition> {
        let seats = self.store.seats(id).await.unwrap();
        seats.iter().map(|seat| seat.observed.condition).collect()
    }

    pub(crate) async fn until_status(&self, id: WorkshopId, wanted: WorkshopStatus) {
        let what = format!("{id} to be {wanted:?}");
        self.until(&what, async || self.status(id).await.0 == wanted)
            .await;
    }

    pub(crate) async fn until_no_progress(&self, id: WorkshopId) {
        let what = format!("{id} to have no progress");
        self.until(&what, async || self.orchestrator.progress(id).is_none())
            .await;
    }

    pub(crate) async fn until_condition(&self, key: SeatKey, wanted: SeatCondition) {
        let what = format!("{key} to be {wanted:?}");
        self.until(&what, async || {
            self.seat(key).await.observed.condition == wanted
        })
        .await;
    }

    /// Waits for a condition, looking whenever something changed.
    pub(crate) async fn until(&self, what: &str, holds: impl AsyncFn() -> bool) {
        let mut changes = self.orchestrator.subscribe();
        let wait = async {
            while !holds().await {
                let _ = changes.recv().await;
            }
        };
        if tokio::time::timeout(PATIENCE, wait).await.is_err() {
            let there = self.seats.list(None).await;
            let stored = self.store.all_seats().await;
            panic!("waited in vain for {what}; there is {there:#?}, stored {stored:#?}");
        }
    }

    /// Waits until the orchestrator says that something of a workshop changed.
    pub(crate) async fn until_told_of(&self, id: WorkshopId) {
        let mut changes = self.orchestrator.subscribe();
        let told = async { while changes.recv().await != Ok(id) {} };
        let in_time = tokio::time::timeout(PATIENCE, told).await;
        in_time.expect("nothing was told of the workshop");
    }

    /// What the provider has of a seat.
    pub(crate) async fn incarnation(&self, key: SeatKey) -> Option<(Generation, String)> {
        let there = self.seats.list(Some(&key.workshop)).await.unwrap();
        there
            .into_iter()
            .find(|instance| instance.seat == key.seat)
            .map(|instance| (instance.generation, instance.incarnation))
    }
}

fn start(
    store: &Store,
    seats: &Arc<SimulatedProvider>,
    directory: &Arc<Directory>,
    key: &Arc<SigningKey>,
    settings: &Settings,
) -> Orchestrator {
    let provider: Arc<dyn Provider> = seats.clone();
    let parts = Parts {
        store: store.clone(),
        provider,
        directory: Arc::clone(directory),
        browsers: Arc::new(Browsers::new(None)),
        key: Arc::clone(key),
    };
    Orchestrator::start(parts, settings.clone())
}

pub(crate) fn spec(id: WorkshopId) -> WorkshopSpec {
    WorkshopSpec {
        id,
        image: "clarateach/workspace:latest".to_owned(),
        resources: Resources::default(),
        egress: EgressPolicy::Open,
        browser: BrowserPolicy::Off,
    }
}

pub(crate) fn number(seat: u16) -> SeatNumber {
    SeatNumber::new(seat).unwrap()
}

pub(crate) fn key(workshop: WorkshopId, seat: u16) -> SeatKey {
    SeatKey {
        workshop,
        seat: number(seat),
    }
}
