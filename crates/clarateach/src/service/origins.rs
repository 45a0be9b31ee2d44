//! Own origins: which ports are open to the class, and which numbers stand for what.

use std::collections::HashMap;
use std::ops::RangeInclusive;

use async_trait::async_trait;
use clarateach_protocol::id::{Generation, SeatKey};
use clarateach_protocol::origin::{SeatPort, Target};

use super::{Error, Service};
use crate::directory::Directory;
use crate::origins::{Audience, BookError, MAX_NUMBERS, MAX_OPEN_PORTS, Numbered, OriginBook};
use crate::store::{Noted, NumberWish, Store, StoreError};

#[async_trait]
impl OriginBook for Service {
    async fn set_audience(
        &self,
        seat: SeatKey,
        generation: Generation,
        port: SeatPort,
        audience: Audience,
    ) -> Result<(), BookError> {
        let service = self.clone();
        let noted = self
            .to_the_end(async move {
                let inner = &service.inner;
                let _in_order = inner.opening_ports.lock().await;
                let noted = inner
                    .store
                    .set_audience(seat, generation, (port, audience), MAX_OPEN_PORTS)
                    .await?;
                if let Noted::As(open) = &noted {
                    inner.directory.set_open_ports(seat, generation, open);
                }
                Ok(noted)
            })
            .await
            .map_err(failed)?;
        match noted {
            Noted::As(_) => {
                tracing::info!(target: "audit", workshop = %seat.workshop, seat = %seat.seat, %port, ?audience, "port's audience set");
                Ok(())
            }
            Noted::Superseded => Err(BookError::Superseded),
            Noted::TooMany | Noted::Full => Err(BookError::TooMany {
                limit: MAX_OPEN_PORTS,
            }),
        }
    }

    async fn number(
        &self,
        seat: SeatKey,
        target: Target,
        range: RangeInclusive<u16>,
        refused: Vec<u16>,
    ) -> Result<u16, BookError> {
        let wish = NumberWish {
            seat,
            target,
            range,
            refused,
        };
        match self.inner.store.number(wish, MAX_NUMBERS).await {
            Ok(Noted::As(number)) => Ok(number),
            Ok(Noted::Superseded) => Err(BookError::Superseded),
            Ok(Noted::TooMany) => Err(BookError::TooMany { limit: MAX_NUMBERS }),
            Ok(Noted::Full) => Err(BookError::NoneFree),
            Err(error) => Err(failed(error.into())),
        }
    }

    async fn numbers(&self) -> Result<Vec<Numbered>, BookError> {
        let numbers = self.inner.store.numbers().await;
        numbers.map_err(|error| failed(error.into()))
    }
}

fn failed(error: Error) -> BookError {
    BookError::Failed(Box::new(error))
}

/// Tells the directory of every open port; the seats are there already.
pub(super) async fn announce_all(store: &Store, directory: &Directory) -> Result<(), StoreError> {
    let mut open: HashMap<SeatKey, Vec<SeatPort>> = HashMap::new();
    for (seat, port) in store.all_open_ports().await? {
        open.entry(seat).or_default().push(port);
    }
    for (seat, ports) in open {
        if let Some(entry) = directory.lookup(&seat) {
            directory.set_open_ports(seat, entry.tenancy().generation, &ports);
        }
    }
    Ok(())
}
