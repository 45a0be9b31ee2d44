//! What the proxy can see of the orchestrator's work.

use std::time::Duration;

use clarateach_protocol::code::JoinCode;
use clarateach_protocol::id::Generation;
use time::OffsetDateTime;

use super::*;
use crate::browsers::Browsers;
use crate::directory::Tenancy;
use crate::model::{
    BrowserPolicy, EgressPolicy, Resources, Secrets, Workshop, WorkshopSpec, WorkshopStatus,
};
use crate::provider::simulated::{Failure, Fault, SimulatedProvider};
use crate::store::NewWorkshop;

/// An orchestrator over one simulated seat, and what the proxy sees of it.
struct Scene {
    _data: tempfile::TempDir,
    store: Store,
    seats: Arc<SimulatedProvider>,
    directory: Arc<Directory>,
    orchestrator: Orchestrator,
    key: SeatKey,
}

impl Scene {
    /// The seat is reachable.
    async fn start() -> Self {
        let data = tempfile::tempdir().unwrap();
        let store = Store::open(data.path()).unwrap();
        let signing = Arc::new(SigningKey::from_seed(&[7; 32]));
        let seats = Arc::new(SimulatedProvider::new(signing.verifying_keys()));
        let directory = Arc::new(Directory::new());
        let key = SeatKey {
            workshop: WorkshopId::from_random([4; 8]),
            seat: "1".parse().unwrap(),
        };
        let workshop = workshop(key.workshop);
        let new = NewWorkshop { workshop, seats: 1 };
        assert!(store.insert_workshop(new).await.unwrap());
        let tenancy = Tenancy {
            generation: Generation::FIRST,
            assignment: None,
            ends_at: None,
            idle_ends_at: None,
        };
        directory.set_tenancy(key, tenancy);
        let orchestrator = Orchestrator::start(
            Parts {
                store: store.clone(),
                provider: seats.clone(),
                directory: Arc::clone(&directory),
                browsers: Arc::new(Browsers::new(None)),
                key: signing,
            },
            Settings::default(),
        );
        until(&orchestrator, || upstream(&directory, key).is_some()).await;
        Self {
            _data: data,
            store,
            seats,
            directory,
            orchestrator,
            key,
        }
    }

    async fn until(&self, holds: impl Fn(&Self) -> bool) {
        until(&self.orchestrator, || holds(self)).await;
    }

    fn upstream(&self) -> Option<crate::provider::Endpoints> {
        upstream(&self.directory, self.key)
    }
}

#[tokio::test]
async fn the_directory_knows_which_seats_can_be_reached() {
    let scene = Scene::start().await;
    let there = scene.seats.list(None).await.unwrap();
    assert_eq!(scene.upstream(), Some(there[0].endpoints));
    scene.seats.kill(&scene.key);
    scene
        .until(|scene| scene.seats.creations(&scene.key) == 2)
        .await;
    scene.until(|scene| scene.upstream().is_some()).await;
    let workshop = scene.key.workshop;
    scene.store.end_workshop(workshop).await.unwrap();
    scene.orchestrator.wake(workshop);
    scene
        .until(|scene| scene.directory.lookup(&scene.key).is_none())
        .await;
    scene.orchestrator.shutdown().await;
}

#[tokio::test]
async fn connections_to_a_seat_that_is_gone_end_although_it_is_not_made_again() {
    let scene = Scene::start().await;
    let entry = scene.directory.lookup(&scene.key).unwrap();
    let (incarnation, _) = entry.upstream().unwrap();
    let never = Fault::CreateFails {
        times: u32::MAX,
        failure: Failure::Engine,
    };
    scene.seats.inject(scene.key.seat, never);
    scene.seats.remove_by_hand(&scene.key);
    scene.until(|_| incarnation.ended.is_cancelled()).await;
    assert!(scene.upstream().is_none());
    scene.orchestrator.shutdown().await;
}

fn upstream(directory: &Directory, key: SeatKey) -> Option<crate::provider::Endpoints> {
    let (_, endpoints) = directory.lookup(&key)?.upstream()?;
    Some(endpoints)
}

async fn until(orchestrator: &Orchestrator, holds: impl Fn() -> bool) {
    let mut changes = orchestrator.subscribe();
    let wait = async {
        while !holds() {
            let _ = changes.recv().await;
        }
    };
    let in_time = tokio::time::timeout(Duration::from_secs(20), wait).await;
    in_time.expect("waited in vain");
}

pub(super) fn workshop(id: WorkshopId) -> Workshop {
    Workshop {
        spec: WorkshopSpec {
            id,
            image: "any".to_owned(),
            resources: Resources::default(),
            egress: EgressPolicy::Open,
            browser: BrowserPolicy::Off,
        },
        name: "A class".to_owned(),
        kind: crate::model::WorkshopKind::Class,
        code: JoinCode::from_random([4; 8]),
        owner: "in-1".to_owned(),
        status: WorkshopStatus::Provisioning,
        reason: None,
        env: Secrets::default(),
        created_at: OffsetDateTime::UNIX_EPOCH,
        starts_at: None,
        ends_at: None,
        idle_after: None,
        kept_until: None,
    }
}
