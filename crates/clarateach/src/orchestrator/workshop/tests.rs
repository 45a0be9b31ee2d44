//! What becomes of an outcome that comes in one burst with another, or after what it was about.

use clarateach_protocol::id::Generation;
use clarateach_protocol::seat::Binding;
use clarateach_protocol::token::SigningKey;
use tokio::sync::Semaphore;

use super::super::calls::Calls;
use super::super::hands::{Acted, Answer, Begun, Look, Told};
use super::super::probe::ProbeError;
use super::super::reconcile::{Hold, Liveness, SeatObservation};
use super::super::settings::Settings;
use super::super::tests::workshop;
use super::*;
use crate::browsers::Browsers;
use crate::model::{DesiredSeat, DesiredWorkshop, WorkshopKind};
use crate::provider::simulated::SimulatedProvider;
use crate::provider::{BrowserStatus, Endpoints, Instance, InstanceStatus, ProviderError};
use crate::store::{NewWorkshop, Store};

/// A loop that does only what it is told to; what it begins is under way for ever.
struct Scene {
    _data: tempfile::TempDir,
    store: Store,
    it: WorkshopLoop,
    seat: SeatNumber,
}

impl Scene {
    fn new() -> Self {
        let data = tempfile::tempdir().unwrap();
        let store = Store::open(data.path()).unwrap();
        let key = Arc::new(SigningKey::from_seed(&[7; 32]));
        let provider = Arc::new(SimulatedProvider::new(key.verifying_keys()));
        let hands = Hands {
            calls: Calls::new(provider, key, Settings::default()),
            store: store.clone(),
            browsers: Arc::new(Browsers::new(None)),
            patient_permits: Arc::new(Semaphore::new(1)),
        };
        let it = WorkshopLoop::new(
            WorkshopId::from_random([4; 8]),
            hands,
            Arc::new(Directory::new()),
            Arc::new(Board::new()),
            Arc::new(Mailbox::new()),
        );
        Self {
            _data: data,
            store,
            it,
            seat: SeatNumber::new(1).unwrap(),
        }
    }

    fn desired(&self, wanted: Wanted) -> DesiredWorkshop {
        let seat = DesiredSeat {
            number: self.seat,
            generation: Generation::FIRST,
            disk: Generation::FIRST,
            kept: BTreeSet::new(),
            binding: Binding {
                learner: None,
                env: BTreeMap::new(),
                files: Vec::new(),
            },
        };
        DesiredWorkshop {
            spec: workshop(self.it.id).spec,
            kind: WorkshopKind::Class,
            wanted,
            seats: match wanted {
                Wanted::Present => vec![seat],
                Wanted::Absent => Vec::new(),
            },
        }
    }

    fn instance(&self, status: InstanceStatus) -> Instance {
        let address = "127.0.0.1:1".parse().unwrap();
        let desired = self.desired(Wanted::Present);
        Instance {
            workshop: self.it.id,
            seat: self.seat,
            generation: Generation::FIRST,
            incarnation: "one".to_owned(),
            spec_digest: reconcile::seat_spec(&desired, &desired.seats[0]).digest(),
            id: "c1".to_owned(),
            ip: "127.0.0.1".parse().unwrap(),
            status,
            endpoints: Endpoints {
                terminal: address,
                files: address,
                browser: None,
            },
            browser: BrowserStatus::Absent,
            files: BTreeSet::from([Generation::FIRST]),
        }
    }

    /// A look finds this.
    fn look(&mut self, wanted: Option<Wanted>, status: Option<InstanceStatus>) {
        self.it.look_wanted = false;
        self.it.look_began = self.it.tick();
        let look = Look {
            desired: wanted.map(|wanted| self.desired(wanted)),
            instances: status
                .map(|status| self.instance(status))
                .into_iter()
                .collect(),
            told: Told::default(),
        };
        self.it.looked(Ok(look));
    }

    fn plan(&mut self) {
        self.it.begin_plan(Instant::now());
    }

    /// What is under way ends like this.
    async fn ends(&mut self, work: Work, outcome: Outcome) {
        let mut works = self.it.works.iter();
        let (id, _) = works.find(|(_, (it, _))| *it == work).expect("not begun");
        self.it.done(*id, Ok(Box::new(outcome))).await;
    }

    async fn probed(&mut self, result: Result<(), ProbeError>) {
        let answer = Answer {
            incarnation: "one".to_owned(),
            digest: String::new(),
            result,
        };
        let begun = Begun {
            generation: Generation::FIRST,
            since: self.it.sight.now(),
        };
        let outcome = Outcome::Acted(self.seat, begun, Acted::Probed(answer));
        self.ends(Work::Seat(self.seat), outcome).await;
    }

    fn observed(&self) -> SeatObservation {
        let track = &self.it.seats[&self.seat].track;
        track.observation(Instant::now())
    }
}

fn stopped() -> Option<InstanceStatus> {
    Some(InstanceStatus::Stopped { reason: None })
}

const RUNNING: Option<InstanceStatus> = Some(InstanceStatus::Running);
const PRESENT: Option<Wanted> = Some(Wanted::Present);

fn failure() -> ProviderError {
    ProviderError::NoSubnet {
        pool: "none".to_owned(),
    }
}

#[tokio::test]
async fn what_ended_in_its_probe_ended_once_whatever_the_probe_says() {
    let mut scene = Scene::new();
    scene.look(PRESENT, RUNNING);
    scene.plan();
    scene.look(PRESENT, stopped());
    scene.probed(Err(ProbeError::NotBound)).await;
    assert_eq!(scene.observed().liveness, Liveness::Unproven);
    assert_eq!(scene.observed().hold, Hold::Waiting);

    let mut scene = Scene::new();
    scene.look(PRESENT, RUNNING);
    scene.plan();
    scene.look(PRESENT, stopped());
    scene.probed(Ok(())).await;
    assert_eq!(scene.observed().liveness, Liveness::Unproven);
}

#[tokio::test]
async fn an_end_does_not_wait_for_a_preparation_that_failed_just_then() {
    let mut scene = Scene::new();
    scene.look(PRESENT, None);
    scene.plan();
    scene.look(Some(Wanted::Absent), None);
    scene
        .ends(Work::Prepare, Outcome::Prepared(Err(failure())))
        .await;
    scene.plan();
    assert!(scene.it.is_under_way(Work::DestroyWorkshop));
}

#[tokio::test]
async fn what_is_being_asserted_while_a_seat_dies_is_asserted_again() {
    let mut scene = Scene::new();
    scene.look(PRESENT, RUNNING);
    scene.plan();
    scene.probed(Ok(())).await;
    scene.look(PRESENT, stopped());
    scene.ends(Work::Prepare, Outcome::Prepared(Ok(()))).await;
    scene.plan();
    assert!(scene.it.is_under_way(Work::Prepare));
    assert!(!scene.it.is_under_way(Work::Seat(scene.seat)));
    // Once.
    scene.ends(Work::Prepare, Outcome::Prepared(Ok(()))).await;
    scene.plan();
    assert!(scene.it.is_under_way(Work::Seat(scene.seat)));
}

#[tokio::test]
async fn nothing_is_done_to_seats_while_their_workshop_is_removed() {
    let mut scene = Scene::new();
    scene.look(None, RUNNING);
    scene.plan();
    assert!(scene.it.is_under_way(Work::DestroyWorkshop));
    scene.look(PRESENT, RUNNING);
    scene.plan();
    assert!(!scene.it.is_under_way(Work::Seat(scene.seat)));
    scene
        .ends(Work::DestroyWorkshop, Outcome::WorkshopDestroyed(Ok(())))
        .await;
    assert!(!scene.it.finished && scene.it.look_wanted);
}

#[tokio::test]
async fn a_look_that_telling_calls_for_does_not_wait_for_anything_else() {
    let mut scene = Scene::new();
    let id = scene.it.id;
    let new = NewWorkshop {
        workshop: workshop(id),
        seats: 1,
    };
    scene.store.insert_workshop(new).await.unwrap();
    scene.it.stage = Stage::Provisioning;
    scene.look(PRESENT, RUNNING);
    scene.plan();
    scene.probed(Ok(())).await;
    scene.it.look_wanted = false;
    // It ends, and nobody says so.
    scene.store.end_workshop(id).await.unwrap();
    scene.it.tell().await;
    assert!(scene.it.look_wanted);
    assert!(scene.it.next_due() <= Instant::now());
}
