use bollard::models::EventActor;

use super::*;

const ID: &str = "c0ffee";

fn shape(endpoint: &str) -> Shape {
    let endpoint = EndpointSettings {
        endpoint_id: Some(endpoint.to_owned()),
        ..EndpointSettings::default()
    };
    let networks = HashMap::from([("seats".to_owned(), endpoint)]);
    Shape::new(Some("running".to_owned()), Some(&networks))
}

fn inspected() -> Arc<Inspected> {
    Arc::new(Inspected {
        id: ID.to_owned(),
        seat: None,
        sidecar: None,
        runs: true,
        limits: None,
        networks: vec!["seats".to_owned()],
    })
}

fn event(typ: EventMessageTypeEnum, id: &str, attributes: &[(&str, &str)]) -> EventMessage {
    let attributes = attributes.iter();
    let attributes = attributes.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    EventMessage {
        typ: Some(typ),
        actor: Some(EventActor {
            id: Some(id.to_owned()),
            attributes: Some(attributes.collect()),
        }),
        ..EventMessage::default()
    }
}

/// Listened to, with one container kept.
fn kept(now: Instant) -> (Arc<Inspections>, Listening) {
    let inspections = Arc::new(Inspections::new("abcd1234".parse().unwrap()));
    let listening = inspections.listen();
    inspections.ask(ID);
    inspections.keep(shape("one"), now, &inspected());
    assert!(inspections.find(ID, &shape("one"), now).is_some());
    (inspections, listening)
}

#[test]
fn what_is_listed_otherwise_is_inspected_again() {
    let now = Instant::now();
    let (inspections, _listening) = kept(now);
    assert!(inspections.find(ID, &shape("two"), now).is_none());
    let paused = Shape {
        state: "paused".to_owned(),
        ..shape("one")
    };
    assert!(inspections.find(ID, &paused, now).is_none());
    let mut elsewhere = shape("one");
    elsewhere
        .endpoints
        .insert("bridge".to_owned(), String::new());
    assert!(inspections.find(ID, &elsewhere, now).is_none());
    assert!(inspections.find(ID, &shape("one"), now + OLDEST).is_none());
    assert!(inspections.find(ID, &shape("one"), now).is_some());
}

#[test]
fn what_was_heard_of_is_inspected_again() {
    use EventMessageTypeEnum::{CONTAINER, NETWORK};
    let now = Instant::now();
    for (event, goes) in [
        (event(CONTAINER, ID, &[]), true),
        (event(CONTAINER, "another", &[]), false),
        (event(NETWORK, "bridge", &[("container", ID)]), true),
        (event(NETWORK, "bridge", &[("container", "another")]), false),
        (event(NETWORK, "bridge", &[]), true),
    ] {
        let (inspections, listening) = kept(now);
        listening.heard(&event);
        let found = inspections.find(ID, &shape("one"), now);
        assert_eq!(found.is_none(), goes, "{event:?}");
    }
}

#[test]
fn what_was_heard_of_while_it_was_inspected_is_not_kept() {
    let now = Instant::now();
    let (inspections, listening) = kept(now);
    inspections.ask(ID);
    listening.heard(&event(EventMessageTypeEnum::CONTAINER, ID, &[]));
    inspections.keep(shape("one"), now, &inspected());
    assert!(inspections.find(ID, &shape("one"), now).is_none());
}

#[test]
fn nothing_is_kept_while_nobody_listens() {
    let now = Instant::now();
    let (inspections, listening) = kept(now);
    drop(listening);
    assert!(inspections.find(ID, &shape("one"), now).is_none());
    inspections.ask(ID);
    inspections.keep(shape("one"), now, &inspected());
    assert!(inspections.find(ID, &shape("one"), now).is_none());
}
