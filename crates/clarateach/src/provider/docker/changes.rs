//! What the engine says by itself: hints of changes, and that it was away.

use std::collections::HashMap;
use std::future::ready;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bollard::models::{EventMessage, EventMessageTypeEnum};
use bollard::query_parameters::EventsOptionsBuilder;
use clarateach_protocol::id::{SeatKey, SeatNumber};
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};

use super::connect::{Connector, Engine};
use super::inspections::Inspections;
use super::names::{self, InstanceId};
use crate::provider::Change;

/// Pause before asking an engine again that closed its event stream.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// What may change a seat's state or limits; a network is connected, disconnected and destroyed, too.
const EVENTS: [&str; 9] = [
    "start",
    "die",
    "oom",
    "destroy",
    "pause",
    "unpause",
    "update",
    "connect",
    "disconnect",
];
/// What these happen to.
const SUBJECTS: [&str; 2] = ["container", "network"];

/// State of the stream: an engine, and how long to wait before asking it again.
struct Watch {
    connector: Arc<Connector>,
    inspections: Arc<Inspections>,
    instance: InstanceId,
    /// `None`: nobody asked yet.
    pause: Option<Duration>,
}

/// What happens, for as long as it is listened to: an engine that is away is asked again, a little less often.
pub(super) fn changes(
    connector: Arc<Connector>,
    inspections: Arc<Inspections>,
    instance: InstanceId,
) -> BoxStream<'static, Change> {
    let watch = Watch {
        connector,
        inspections,
        instance,
        pause: None,
    };
    stream::unfold(watch, |mut watch| async move {
        let told = watch.next().await;
        Some((told, watch))
    })
    .flatten()
    .boxed()
}

impl Watch {
    /// What the next connection tells, to its end; nothing while the engine doesn't answer.
    async fn next(&mut self) -> BoxStream<'static, Change> {
        let Some(pause) = self.pause else {
            self.pause = Some(FIRST_PAUSE);
            return match self.connector.engine().await {
                Ok(engine) => self.until_away(engine),
                // Whoever calls the provider is told why.
                Err(_) => stream::empty().boxed(),
            };
        };
        tokio::time::sleep(pause).await;
        self.pause = Some((pause * 2).min(LONGEST_PAUSE));
        let Ok(engine) = self.connector.engine().await else {
            return stream::empty().boxed();
        };
        let from_now = self.until_away(engine);
        match engine.ping().await {
            Ok(()) => stream::once(ready(Change::Back)).chain(from_now).boxed(),
            Err(_) => stream::empty().boxed(),
        }
    }

    /// One connection's worth, from now on. The engine keeps what happens until it is connected to.
    fn until_away(&self, engine: &Engine) -> BoxStream<'static, Change> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let listening = self.inspections.listen();
        // Not by label: events of networks have none.
        let filters = HashMap::from([
            ("type", SUBJECTS.map(str::to_owned).to_vec()),
            ("event", EVENTS.map(str::to_owned).to_vec()),
        ]);
        let ours = self.instance.to_string();
        let mut options = EventsOptionsBuilder::new().filters(&filters);
        if let Ok(now) = now {
            options = options.since(&now.as_secs().to_string());
        }
        engine
            .docker()
            .events(Some(options.build()))
            .take_while(|event| ready(event.is_ok()))
            .filter_map(move |event| {
                let seat = event.ok().and_then(|event| {
                    listening.heard(&event);
                    seat_of(event, &ours)
                });
                ready(seat.map(Change::Seat))
            })
            .chain(stream::once(ready(Change::Away)))
            .boxed()
    }
}

/// The seat that something happened to; of a network, which may be another installation's, its first
/// seat: a hint is about the whole workshop.
fn seat_of(event: EventMessage, ours: &str) -> Option<SeatKey> {
    let attributes = event.actor?.attributes?;
    if event.typ == Some(EventMessageTypeEnum::NETWORK) {
        let workshop = names::workshop_of_network(attributes.get("name")?)?;
        let seat = SeatNumber::new(1).ok()?;
        return Some(SeatKey { workshop, seat });
    }
    let is_ours = attributes.get(names::INSTANCE).is_some_and(|id| id == ours);
    names::seat(&attributes).filter(|_| is_ours)
}
