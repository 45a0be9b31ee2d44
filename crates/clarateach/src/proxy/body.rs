//! Bodies on their way through: streamed frame by frame, never collected.
//!
//! [`Upload`] goes to the seat and tells whether the client keeps sending; [`Download`] comes from
//! it, ends when its tenancy does and then gives the connection back. Trailers are dropped, which
//! a proxy may (RFC 9110, section 6.5.1).

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::time::Instant;

use super::connections::Lease;
use crate::directory::ExchangePlace;
use crate::server::Arriving;

/// A request's body.
pub(crate) struct Upload {
    incoming: Option<Arriving>,
    progress: Progress,
}

impl Upload {
    /// The client's body, and what tells of its progress.
    pub(crate) fn new(incoming: Arriving) -> (Self, Progress) {
        let incoming = Some(incoming).filter(|incoming| !incoming.is_end_stream());
        let progress = Progress::new(incoming.is_some());
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
            progress: Progress::new(false),
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
            Some(Ok(frame)) if frame.is_trailers() => Poll::Ready(None),
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

/// How far an upload is; the deadline for the answer counts from its last movement.
#[derive(Clone)]
pub(crate) struct Progress(Arc<ProgressState>);

struct ProgressState {
    began: Instant,
    /// Milliseconds after `began` of the last movement.
    moved: AtomicU64,
    /// Whether the next frame is the client's to send.
    awaits_client: AtomicBool,
}

impl Progress {
    fn new(awaits_client: bool) -> Self {
        Self(Arc::new(ProgressState {
            began: Instant::now(),
            moved: AtomicU64::new(0),
            awaits_client: AtomicBool::new(awaits_client),
        }))
    }

    fn note<T>(&self, polled: &Poll<T>) {
        self.0
            .awaits_client
            .store(polled.is_pending(), Ordering::Relaxed);
        if polled.is_ready() {
            let moved = u64::try_from(self.0.began.elapsed().as_millis()).unwrap_or(u64::MAX);
            self.0.moved.store(moved, Ordering::Relaxed);
        }
    }

    /// Waits until nothing has moved for `patience`; says whether the client was the one to move.
    pub(crate) async fn stalled(&self, patience: Duration) -> Stalled {
        loop {
            let moved = Duration::from_millis(self.0.moved.load(Ordering::Relaxed));
            let deadline = self.0.began + moved + patience;
            if Instant::now() < deadline {
                tokio::time::sleep_until(deadline).await;
            } else if self.0.awaits_client.load(Ordering::Relaxed) {
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
    ended: Pin<Box<dyn Future<Output = ()> + Send>>,
    lease: Option<Lease>,
    _place: ExchangePlace,
}

impl Download {
    /// The seat's body, broken off when `ended` is; the lease is given back at its end.
    pub(crate) fn new(
        incoming: Incoming,
        (lease, place): (Lease, ExchangePlace),
        ended: impl Future<Output = ()> + Send + 'static,
    ) -> Self {
        let mut download = Self {
            incoming,
            ended: Box::pin(ended),
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
        if self.ended.as_mut().poll(context).is_ready() {
            return Poll::Ready(Some(Err(DownloadError::Ended)));
        }
        let frame = ready!(Pin::new(&mut self.incoming).poll_frame(context));
        match frame {
            Some(Ok(frame)) if frame.is_data() => {
                self.give_back_at_end();
                Poll::Ready(Some(Ok(frame)))
            }
            Some(Err(error)) => Poll::Ready(Some(Err(DownloadError::Broken(error)))),
            Some(Ok(_)) | None => {
                if let Some(lease) = self.lease.take() {
                    lease.give_back();
                }
                Poll::Ready(None)
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
