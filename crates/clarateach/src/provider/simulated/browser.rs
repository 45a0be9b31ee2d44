//! A simulated seat's browser: a listener that says it is one, for one start of the seat.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::super::{BrowserState, BrowserStatus};
use super::seat::listen;

/// A browser that runs or is frozen; gone when this is.
pub(super) struct Browser {
    ends: CancellationToken,
    frozen: watch::Sender<bool>,
}

impl Browser {
    /// One that answers at an address, at the longest until its seat ends.
    pub(super) fn start(
        address: SocketAddr,
        seat: &CancellationToken,
        tasks: &TaskTracker,
    ) -> io::Result<Self> {
        let listener = listen(address)?;
        let browser = Self {
            ends: seat.child_token(),
            frozen: watch::Sender::new(false),
        };
        tasks.spawn(serve(
            listener,
            browser.ends.clone(),
            browser.frozen.subscribe(),
        ));
        Ok(browser)
    }

    pub(super) fn status(&self) -> BrowserStatus {
        if *self.frozen.borrow() {
            BrowserStatus::Paused
        } else {
            BrowserStatus::Running
        }
    }

    pub(super) fn bring(&self, want: BrowserState) {
        self.frozen.send_replace(want == BrowserState::Paused);
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        self.ends.cancel();
    }
}

async fn serve(listener: TcpListener, ends: CancellationToken, frozen: watch::Receiver<bool>) {
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            () = ends.cancelled() => return,
            accepted = listener.accept() => accepted,
            Some(_ended) = connections.join_next() => continue,
        };
        let Ok((stream, _)) = accepted else {
            tokio::task::yield_now().await;
            continue;
        };
        let frozen = frozen.clone();
        connections.spawn(async move {
            let answer = service_fn(move |_: Request<Incoming>| {
                let mut frozen = frozen.clone();
                async move {
                    // An error says that the browser ends, and this connection with it.
                    let _ = frozen.wait_for(|frozen| !frozen).await;
                    let body = Full::new(Bytes::from_static(b"a simulated browser"));
                    Ok::<_, Infallible>(Response::new(body))
                }
            });
            // A connection that broke is the client's affair.
            let _ = http1::Builder::new()
                .serve_connection(TokioIo::new(stream), answer)
                .await;
        });
    }
}
