//! Taking connections at each door, and telling a bad connection from a bad listener.

use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::Duration;

use rustix::net::sockopt;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use super::client::is_trusted;
use super::places::{Admission, Full, Place, Places};
use super::{Door, Server};
use crate::arriving::Lingering;
use crate::proxy::origin::NumberedListener;

/// Pause after an `accept` that failed for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// A silent client is asked whether it is still there after this long, and given up after as long
/// again: a lid that was closed tells nobody, and an upgraded connection may be silent for hours.
const SILENCE: Duration = Duration::from_secs(60);
const ASK_EVERY: Duration = Duration::from_secs(15);
const ASK_TIMES: u32 = 4;

/// What the loops of all listeners share.
#[derive(Clone)]
pub(super) struct Loops {
    pub(super) places: Arc<Places>,
    /// Connections that are served.
    pub(super) served: Lingering,
    /// Connections that are told to come back; nobody waits for them.
    pub(super) shed: Lingering,
    pub(super) stop: CancellationToken,
}

impl Loops {
    /// Ends every connection and waits until none is left.
    pub(super) async fn end(&self) {
        for connections in [&self.served, &self.shed] {
            connections.kill.cancel();
            connections.tasks.close();
            connections.tasks.wait().await;
        }
    }
}

/// A connection that found a place.
pub(super) struct Accepted {
    pub(super) stream: TcpStream,
    pub(super) peer: SocketAddr,
    pub(super) place: Place,
    pub(super) shed: Option<Full>,
    pub(super) door: Door,
}

impl Server {
    /// Takes connections at one door, until it closes.
    pub(super) async fn accept_all(
        self: Arc<Self>,
        door: Door,
        listener: TcpListener,
        loops: Loops,
        closes: CancellationToken,
    ) -> io::Result<()> {
        loop {
            let accepted = tokio::select! {
                () = closes.cancelled() => return Ok(()),
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => self.admit(stream, peer, door, &loops),
                Err(error) if is_of_one_connection(&error) => {}
                Err(error) if is_shortage(&error) => {
                    tracing::warn!(%error, "cannot accept connections. Hint: raise the limit of open files");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// The same at the door of one own origin, which may close before the server stops.
    pub(super) async fn accept_numbered(self: Arc<Self>, opened: NumberedListener, loops: Loops) {
        let NumberedListener {
            number,
            listener,
            closed,
        } = opened;
        let (door, stop) = (Door::Numbered(number), loops.stop.clone());
        tokio::select! {
            () = closed.cancelled() => {}
            outcome = self.accept_all(door, listener, loops, stop) => {
                if let Err(error) = outcome {
                    tracing::error!(number, %error, "cannot accept connections of a preview");
                }
            }
        }
    }

    fn admit(self: &Arc<Self>, stream: TcpStream, peer: SocketAddr, door: Door, loops: &Loops) {
        let is_proxy = is_trusted(peer.ip().to_canonical(), &self.trusted_proxies);
        let (place, shed, by) = match loops.places.admit((!is_proxy).then(|| peer.ip())) {
            Admission::Served(place) => (place, None, &loops.served),
            Admission::Shed(place, why) => (place, Some(why), &loops.shed),
            Admission::Closed => return,
        };
        if let Err(error) = prepare(&stream) {
            tracing::debug!(%error, "connection was closed before it began");
            return;
        }
        let accepted = Accepted {
            stream,
            peer,
            place,
            shed,
            door,
        };
        let serving = Arc::clone(self).serve(accepted, loops.clone());
        let kill = by.kill.clone();
        by.tasks
            .spawn(async move { kill.run_until_cancelled(serving).await });
    }
}

/// Small answers don't wait for the client's delayed acknowledgement, and who is gone is noticed
/// (RFC 9293, section 3.8.4).
fn prepare(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let socket = stream.as_fd();
    sockopt::set_socket_keepalive(socket, true)?;
    sockopt::set_tcp_keepidle(socket, SILENCE)?;
    sockopt::set_tcp_keepintvl(socket, ASK_EVERY)?;
    sockopt::set_tcp_keepcnt(socket, ASK_TIMES)?;
    Ok(())
}

/// The client hung up before it was accepted (accept(2)).
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
    )
}

/// The process or the machine is out of descriptors or memory for the moment (accept(2)).
fn is_shortage(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let shortages = [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM];
    Errno::from_io_error(error).is_some_and(|errno| shortages.contains(&errno))
}
