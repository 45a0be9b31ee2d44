//! Taking connections: HTTP/1.1 with a deadline for header sections and a limit on how many there are.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

/// Connections at a time; the next wait in the kernel's queue. A portal has a handful.
const CONNECTIONS: usize = 256;
/// For a header section, also the next one's on a connection that stays open.
const HEADER_DEADLINE: Duration = Duration::from_secs(30);
/// For answers under way when it stops; a seat takes seconds.
const DRAIN: Duration = Duration::from_secs(90);
/// Pause after an `accept` that failed.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves until it is stopped, then lets requests in flight end, within a deadline.
pub(super) async fn serve(
    listener: TcpListener,
    router: Router,
    stop: CancellationToken,
) -> io::Result<()> {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let (connections, kill) = (TaskTracker::new(), CancellationToken::new());
    loop {
        let accepting = async {
            // It is never closed.
            let place = Arc::clone(&places).acquire_owned().await;
            (place, listener.accept().await)
        };
        let Some((place, accepted)) = stop.run_until_cancelled(accepting).await else {
            break;
        };
        let (Ok(place), Ok((stream, _))) = (place, accepted) else {
            // The client hung up first, or descriptors are short (accept(2)).
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let serving = connection(stream, place, router.clone(), stop.clone());
        let kill = kill.clone();
        connections.spawn(async move { kill.run_until_cancelled(serving).await });
    }
    connections.close();
    if tokio::time::timeout(DRAIN, connections.wait())
        .await
        .is_err()
    {
        tracing::warn!("closing connections whose answers did not end in time");
        kill.cancel();
        connections.wait().await;
    }
    Ok(())
}

async fn connection(
    stream: TcpStream,
    _place: OwnedSemaphorePermit,
    router: Router,
    stop: CancellationToken,
) {
    // Small answers don't wait for the client's delayed acknowledgement.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request: Request<Incoming>| {
        let router = router.clone();
        async move {
            match router.oneshot(request.map(Body::new)).await {
                Ok(response) => Ok::<_, Infallible>(response),
                Err(never) => match never {},
            }
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_DEADLINE)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "connection ended");
    }
}
