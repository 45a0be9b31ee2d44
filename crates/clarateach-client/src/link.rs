//! A TCP connection that may read slowly, or not at all.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpSocket, TcpStream, lookup_host};
use tokio::time::{Instant, Sleep, sleep_until};

/// A slow link takes its bytes in steps of this length.
const STEP: Duration = Duration::from_millis(50);
/// Receive buffer of a slow link: what is not read soon stays at the sender.
const SLOW_RECEIVE_BUFFER: u32 = 4096;

/// How fast a connection reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// As fast as it comes.
    Full,
    /// So many bytes a second, pings and frame heads included.
    BytesPerSecond(u32),
    /// Not at all: the socket stays open and fills up.
    Stopped,
}

/// A TCP connection with a [`Pace`].
pub struct Link {
    stream: TcpStream,
    pace: Pace,
    next_read: Pin<Box<Sleep>>,
}

impl Link {
    pub(crate) async fn connect(address: &str, pace: Pace) -> Self {
        let found = lookup_host(address).await.ok();
        let found = found
            .and_then(|mut all| all.find(std::net::SocketAddr::is_ipv4))
            .unwrap_or_else(|| panic!("{address} has no IPv4 address"));
        let socket = TcpSocket::new_v4().expect("a socket");
        if pace != Pace::Full {
            socket
                .set_recv_buffer_size(SLOW_RECEIVE_BUFFER)
                .expect("a small receive buffer");
        }
        let stream = socket
            .connect(found)
            .await
            .unwrap_or_else(|error| panic!("nothing listens at {address}: {error}"));
        stream.set_nodelay(true).expect("no delay");
        Self {
            stream,
            pace,
            next_read: Box::pin(sleep_until(Instant::now())),
        }
    }

    /// Reads at this pace from now on.
    pub fn set_pace(&mut self, pace: Pace) {
        self.pace = pace;
    }
}

impl AsyncRead for Link {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let rate = match this.pace {
            Pace::Full => return Pin::new(&mut this.stream).poll_read(context, buffer),
            // Whoever changes the pace polls again.
            Pace::Stopped => return Poll::Pending,
            Pace::BytesPerSecond(rate) => rate,
        };
        ready!(this.next_read.as_mut().poll(context));
        let step =
            usize::try_from(u128::from(rate) * STEP.as_millis() / 1000).unwrap_or(usize::MAX);
        let room = buffer.remaining().min(step.max(1));
        let mut piece = ReadBuf::new(buffer.initialize_unfilled_to(room));
        ready!(Pin::new(&mut this.stream).poll_read(context, &mut piece))?;
        let count = piece.filled().len();
        buffer.advance(count);
        let took = u32::try_from(count).unwrap_or(u32::MAX);
        let pause = Duration::from_secs(1) * took / rate.max(1);
        this.next_read.as_mut().reset(Instant::now() + pause);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Link {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}
