//! Bodies on their way through: streamed frame by frame, never collected.
//!
//! [`Upload`] goes to the seat and tells whether the client keeps sending; [`Download`] comes from
//! it, ends when its tenancy does and then gives the connection back. `trailers` says what passes behind
//! them.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::time::Instant;

use super::connections::Lease;
use super::ending::Ending;
use super::trailers::passing;
use crate::arriving::Arriving;
use crate::directory::ExchangePlace;

/// A request's body.
pub(crate) struct Upload {
    incoming: Option<Arriving>,
    progress: Progress,
}

impl Upload {
    /// The client's body, and what tells of its progress.
    pub(crate) fn new(incoming: Arriving) -> (Self, Progress) {
        let incoming = Some(incoming).filter(|incoming| !incoming.is_end_stream());
        let progress = match incoming {
            Some(_) => Progress::of_a_body(),
            None => Progress::of_nothing(),
        };
        let upload = Self {
            incoming,
            progress: progress.clone(),
        };
        (upload, progress)
    }

    /// No body.
    pub(crate) fn empty() -> Self {
        Self {
            incoming: None,
            progress: Progress::of_nothing(),
        }
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let Some(incoming) = &mut self.incoming else {
            return Poll::Ready(None);
        };
        let polled = Pin::new(incoming).poll_frame(context);
        self.progress.note(&polled);
        match ready!(polled) {
            Some(Ok(frame)) => Poll::Ready(without_others(frame).map(Ok)),
            other => Poll::Ready(other),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming
            .as_ref()
            .map_or(SizeHint::with_exact(0), Body::size_hint)
    }
}

/// A frame as it goes on: data as it is, trailers as far as they pass.
fn without_others(frame: Frame<Bytes>) -> Option<Frame<Bytes>> {
    match frame.into_trailers() {
        Ok(trailers) => passing(&trailers).map(Frame::trailers),
        Err(data) => Some(data),
    }
}

/// How far an upload is; the deadline for the answer counts from its last movement.
#[derive(Clone)]
pub(crate) struct Progress {
    began: Instant,
    /// `None`: there is no body that could move.
    body: Option<Arc<Movement>>,
}

struct Movement {
    /// Milliseconds after `began` of the last movement.
    moved: AtomicU64,
    /// Whether the next frame is the client's to send.
    awaits_client: AtomicBool,
}

impl Progress {
    fn of_nothing() -> Self {
        Self {
            began: Instant::now(),
            body: None,
        }
    }

    fn of_a_body() -> Self {
        let movement = Movement {
            moved: AtomicU64::new(0),
            awaits_client: AtomicBool::new(true),
        };
        Self {
            began: Instant::now(),
            body: Some(Arc::new(movement)),
        }
    }

    fn note<T>(&self, polled: &Poll<T>) {
        let Some(body) = &self.body else { return };
        body.awaits_client
            .store(polled.is_pending(), Ordering::Relaxed);
        if polled.is_ready() {
            let moved = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
            body.moved.store(moved, Ordering::Relaxed);
        }
    }

    /// Waits until nothing has moved for `patience`; says whether the client was the one to move.
    pub(crate) async fn stalled(&self, patience: Duration) -> Stalled {
        loop {
            let body = self.body.as_ref();
            let moved = body.map_or(0, |body| body.moved.load(Ordering::Relaxed));
            let deadline = self.began + Duration::from_millis(moved) + patience;
            if Instant::now() < deadline {
                tokio::time::sleep_until(deadline).await;
            } else if body.is_some_and(|body| body.awaits_client.load(Ordering::Relaxed)) {
                return Stalled::Downstream;
            } else {
                return Stalled::Upstream;
            }
        }
    }
}

/// Whose turn it was when nothing moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stalled {
    /// The client's: more of the body.
    Downstream,
    /// The seat's: reading it, or answering.
    Upstream,
}

/// Why a download was broken off.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DownloadError {
    /// The tenancy ended, the token expired or the seat was replaced.
    #[error("the seat's tenancy ended")]
    Ended,
    /// The seat broke off.
    #[error("the seat broke off")]
    Broken(#[source] hyper::Error),
}

/// A response's body.
pub(crate) struct Download {
    incoming: Incoming,
    ending: Ending,
    /// Waits for the ending, once the seat was waited for.
    ended: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    lease: Option<Lease>,
    _place: ExchangePlace,
}

impl Download {
    /// The seat's body, broken off when it is over; the lease is given back at its end.
    pub(crate) fn new(
        incoming: Incoming,
        (lease, place): (Lease, ExchangePlace),
        ending: Ending,
    ) -> Self {
        let mut download = Self {
            incoming,
            ending,
            ended: None,
            lease: Some(lease),
            _place: place,
        };
        download.give_back_at_end();
        download
    }

    fn give_back_at_end(&mut self) {
        if self.incoming.is_end_stream()
            && let Some(lease) = self.lease.take()
        {
            lease.give_back();
        }
    }
}

impl Body for Download {
    type Data = Bytes;
    type Error = DownloadError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, DownloadError>>> {
        if self.ending.is_over() {
            return Poll::Ready(Some(Err(DownloadError::Ended)));
        }
        let Poll::Ready(frame) = Pin::new(&mut self.incoming).poll_frame(context) else {
            let this = &mut *self;
            let ending = &this.ending;
            let ended = this
                .ended
                .get_or_insert_with(|| Box::pin(ending.clone().over()));
            ready!(ended.as_mut().poll(context));
            return Poll::Ready(Some(Err(DownloadError::Ended)));
        };
        match frame {
            Some(Ok(frame)) if frame.is_data() => {
                self.give_back_at_end();
                Poll::Ready(Some(Ok(frame)))
            }
            Some(Err(error)) => Poll::Ready(Some(Err(DownloadError::Broken(error)))),
            last => {
                if let Some(lease) = self.lease.take() {
                    lease.give_back();
                }
                Poll::Ready(last.and_then(Result::ok).and_then(without_others).map(Ok))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}
