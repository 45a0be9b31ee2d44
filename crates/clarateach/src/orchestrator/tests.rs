//! What the proxy can see of the orchestrator's work.

use std::time::Duration;

use clarateach_protocol::code::JoinCode;
use clarateach_protocol::id::Generation;
use time::OffsetDateTime;

use super::*;
use crate::directory::Tenancy;
use crate::model::{
    BrowserPolicy, EgressPolicy, Resources, Secrets, Workshop, WorkshopSpec, WorkshopStatus,
};
use crate::provider::simulated::SimulatedProvider;
use crate::store::NewWorkshop;

#[tokio::test]
async fn the_directory_knows_which_seats_can_be_reached() {
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
    };
    directory.set_tenancy(key, tenancy);
    let orchestrator = Orchestrator::start(
        Parts {
            store: store.clone(),
            provider: seats.clone(),
            directory: Arc::clone(&directory),
            key: signing,
        },
        Settings::default(),
    );

    until(&orchestrator, || upstream(&directory, key).is_some()).await;
    let there = seats.list(None).await.unwrap();
    assert_eq!(upstream(&directory, key), Some(there[0].endpoints));
    seats.kill(&key);
    until(&orchestrator, || seats.creations(&key) == 2).await;
    until(&orchestrator, || upstream(&directory, key).is_some()).await;
    store.end_workshop(key.workshop).await.unwrap();
    orchestrator.wake(key.workshop);
    until(&orchestrator, || directory.lookup(&key).is_none()).await;
    orchestrator.shutdown().await;
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

fn workshop(id: WorkshopId) -> Workshop {
    Workshop {
        spec: WorkshopSpec {
            id,
            image: "any".to_owned(),
            resources: Resources::default(),
            egress: EgressPolicy::Open,
            browser: BrowserPolicy::Off,
        },
        name: "A class".to_owned(),
        code: JoinCode::from_random([4; 8]),
        owner: "in-1".to_owned(),
        status: WorkshopStatus::Provisioning,
        reason: None,
        env: Secrets::default(),
        created_at: OffsetDateTime::UNIX_EPOCH,
        starts_at: None,
        ends_at: None,
    }
}
