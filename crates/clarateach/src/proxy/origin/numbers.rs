//! Own origins by number: ports of this machine, each for one target of one seat.
//!
//! In a room nobody makes up host names, so what keeps origins apart is the port. Which number stands
//! for what is remembered ([`OriginBook`]) and the same after a restart; listeners are opened on
//! demand here and served by the server's own loop.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use clarateach_protocol::id::SeatKey;
use clarateach_protocol::origin::Target;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::super::error::ProxyError;
use crate::origins::{BookError, Numbered, OriginBook, PreviewPorts};

/// Listeners that wait to be taken over: all that a book can hold, for they are opened before anybody
/// serves.
const WAITING: usize = u16::MAX as usize;
/// Numbers of other programs' that are stepped over before giving up.
const MAX_TRIES: usize = 20;

/// A listener for a number, for whoever serves.
pub(crate) struct NumberedListener {
    /// The number.
    pub(crate) number: u16,
    /// Where to accept.
    pub(crate) listener: TcpListener,
    /// Cancelled when the number stands for nothing any more.
    pub(crate) closed: CancellationToken,
}

/// The numbers that stand for something.
pub struct Numbers {
    ip: IpAddr,
    ports: PreviewPorts,
    known: ArcSwap<Vec<Numbered>>,
    /// Held by whoever opens: what is listened on.
    listening: tokio::sync::Mutex<HashMap<u16, CancellationToken>>,
    opened: mpsc::Sender<NumberedListener>,
    to_take: Mutex<Option<mpsc::Receiver<NumberedListener>>>,
}

impl Numbers {
    /// Numbers out of `ports`, listened on at `ip`.
    #[must_use]
    pub fn new(ip: IpAddr, ports: PreviewPorts) -> Self {
        let (opened, to_take) = mpsc::channel(WAITING);
        Self {
            ip,
            ports,
            known: ArcSwap::default(),
            listening: tokio::sync::Mutex::default(),
            opened,
            to_take: Mutex::new(Some(to_take)),
        }
    }

    /// Listens again on every number that the book remembers; for the start of a server, before its
    /// loop. One that another program has by now gets another when it is asked for.
    ///
    /// # Errors
    /// When the book can't be read.
    pub async fn reopen(&self, book: &dyn OriginBook) -> Result<(), BookError> {
        let Some(range) = self.ports.range() else {
            return Ok(());
        };
        let mut listening = self.listening.lock().await;
        self.learn(book, &mut listening).await?;
        for row in self
            .known()
            .iter()
            .filter(|row| range.contains(&row.number))
        {
            if let Err(error) = self.listen(row.number, &mut listening).await {
                tracing::warn!(number = row.number, %error, "cannot listen on a preview's port");
            }
        }
        Ok(())
    }

    /// The number of a seat's target, listened on.
    pub(super) async fn open(
        &self,
        book: &dyn OriginBook,
        seat: SeatKey,
        target: Target,
    ) -> Result<u16, ProxyError> {
        let range = self.ports.range().ok_or(ProxyError::OriginsOff {
            why: "previews by address are switched off. Hint: set CLARATEACH_PREVIEW_PORTS, as in 20000-20999",
        })?;
        let mut listening = self.listening.lock().await;
        if let Some(number) = self.of(seat, target)
            && listening.contains_key(&number)
            && range.contains(&number)
        {
            return Ok(number);
        }
        let mut refused = Vec::new();
        while refused.len() < MAX_TRIES {
            let number = book
                .number(seat, target, range.clone(), refused.clone())
                .await?;
            self.learn(book, &mut listening).await?;
            match self.listen(number, &mut listening).await {
                Ok(()) => return Ok(number),
                Err(error) => {
                    tracing::warn!(number, %error, "cannot listen on a preview's port; trying another");
                    refused.push(number);
                }
            }
        }
        Err(BookError::NoneFree.into())
    }

    /// Reads the book, and closes what stands for nothing any more.
    async fn learn(
        &self,
        book: &dyn OriginBook,
        listening: &mut HashMap<u16, CancellationToken>,
    ) -> Result<(), BookError> {
        let numbers = book.numbers().await?;
        listening.retain(|number, closed| {
            let is_used = numbers.iter().any(|row| row.number == *number);
            if !is_used {
                closed.cancel();
            }
            is_used
        });
        self.known.store(Arc::new(numbers));
        Ok(())
    }

    async fn listen(
        &self,
        number: u16,
        listening: &mut HashMap<u16, CancellationToken>,
    ) -> io::Result<()> {
        if listening.contains_key(&number) {
            return Ok(());
        }
        let listener = TcpListener::bind(SocketAddr::new(self.ip, number)).await?;
        let closed = CancellationToken::new();
        let opened = NumberedListener {
            number,
            listener,
            closed: closed.clone(),
        };
        let sent = self.opened.send(opened).await;
        sent.map_err(|_| io::Error::other("the server stops"))?;
        listening.insert(number, closed);
        Ok(())
    }

    /// Every number that stands for something.
    pub(super) fn known(&self) -> Arc<Vec<Numbered>> {
        self.known.load_full()
    }

    /// The number of a seat's target, if it has one.
    pub(super) fn of(&self, seat: SeatKey, target: Target) -> Option<u16> {
        let known = self.known.load();
        let row = known
            .iter()
            .find(|row| (row.seat, row.target) == (seat, target))?;
        Some(row.number)
    }

    /// What a number stands for.
    pub(super) fn behind(&self, number: u16) -> Option<(SeatKey, Target)> {
        let known = self.known.load();
        let row = known.iter().find(|row| row.number == number)?;
        Some((row.seat, row.target))
    }

    /// The listeners as they are opened; there is one taker.
    pub(super) fn listeners(&self) -> Option<mpsc::Receiver<NumberedListener>> {
        let mut to_take = self.to_take.lock().unwrap_or_else(PoisonError::into_inner);
        to_take.take()
    }
}
