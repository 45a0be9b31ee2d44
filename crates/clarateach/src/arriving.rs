//! A request's body as it arrives, and what is left of it when nobody wants it any more.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use http::header::EXPECT;
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How long, and how much of, a body that nobody reads is still taken.
const LINGER: Duration = Duration::from_secs(5);
const LINGER_BYTES: usize = 64 * 1024 * 1024;

/// A request's body. What is left of one that was refused is taken and thrown away for a while:
/// closing on bytes that nobody read resets the connection, and the client may lose the answer
/// (RFC 9112, section 9.6).
pub struct Arriving(Option<Coming>);

struct Coming {
    incoming: Incoming,
    connection: Lingering,
    /// The client sends nothing before it is told to (`Expect`, RFC 9110, section 10.1.1).
    waits: bool,
}

/// What takes rests of bodies, and for how long at the most.
#[derive(Clone, Default)]
pub(crate) struct Lingering {
    pub(crate) tasks: TaskTracker,
    pub(crate) kill: CancellationToken,
}

impl Arriving {
    pub(crate) fn new(incoming: Incoming, headers: &HeaderMap, connection: &Lingering) -> Self {
        Self((!incoming.is_end_stream()).then(|| Coming {
            incoming,
            connection: connection.clone(),
            waits: headers.contains_key(EXPECT),
        }))
    }
}

impl Drop for Arriving {
    fn drop(&mut self) {
        let Some(Coming {
            incoming,
            connection,
            waits: false,
        }) = self.0.take().filter(|it| !it.incoming.is_end_stream())
        else {
            return;
        };
        let rest = tokio::time::timeout(LINGER, throw_away(incoming));
        connection
            .tasks
            .spawn(async move { connection.kill.run_until_cancelled(rest).await });
    }
}

async fn throw_away(mut incoming: Incoming) {
    let mut taken = 0;
    while let Some(Ok(frame)) = incoming.frame().await
        && taken < LINGER_BYTES
    {
        taken += frame.data_ref().map_or(0, Bytes::len);
    }
}

impl Body for Arriving {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let Some(coming) = &mut self.0 else {
            return Poll::Ready(None);
        };
        coming.waits = false;
        let frame = ready!(Pin::new(&mut coming.incoming).poll_frame(context));
        if !matches!(frame, Some(Ok(_))) {
            self.0 = None;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.0
            .as_ref()
            .is_none_or(|coming| coming.incoming.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        self.0.as_ref().map_or(SizeHint::with_exact(0), |coming| {
            coming.incoming.size_hint()
        })
    }
}
