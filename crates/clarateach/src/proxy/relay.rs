//! Bytes both ways on a live connection. Nothing is held for one on which nothing moves: each worker
//! has one buffer for all of its connections, and what a side doesn't take at once is kept aside.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Bytes that are read at a time, and kept at the most for a side that takes none.
const PIECE_BYTES: usize = 32 * 1024;

thread_local! {
    static PIECE: RefCell<Box<[u8]>> = RefCell::new(vec![0; PIECE_BYTES].into());
}

/// Copies both ways until both sides are done; when one is, the other may go on as long as something
/// moves within that time.
/// `saw` is shown what the first side sends.
pub(super) async fn relay<A, B>(
    (mut first, mut second): (A, B),
    mut saw: impl FnMut(&[u8]),
    half_open: Duration,
) -> io::Result<()>
where
    A: AsyncRead + AsyncWrite + Unpin,
    B: AsyncRead + AsyncWrite + Unpin,
{
    let (mut there, mut back) = (Copying::default(), Copying::default());
    let mut one_is_done = poll_fn(|context| {
        let there = there.poll(context, (&mut first, &mut second), &mut saw)?;
        let back = back.poll(context, (&mut second, &mut first), &mut |_| {})?;
        if there.is_pending() && back.is_pending() {
            return Poll::Pending;
        }
        Poll::Ready(Ok::<_, io::Error>(()))
    });
    (&mut one_is_done).await?;
    loop {
        let moved = there.moved + back.moved;
        let more = poll_fn(|context| {
            let to = there.poll(context, (&mut first, &mut second), &mut saw)?;
            let fro = back.poll(context, (&mut second, &mut first), &mut |_| {})?;
            if to.is_ready() && fro.is_ready() {
                return Poll::Ready(Ok::<_, io::Error>(true));
            }
            if there.moved + back.moved > moved {
                return Poll::Ready(Ok(false));
            }
            Poll::Pending
        });
        if tokio::time::timeout(half_open, more).await?? {
            return Ok(());
        }
    }
}

/// One direction.
#[derive(Default)]
struct Copying {
    /// What was read and not taken yet: its bytes from `taken` on.
    kept: Vec<u8>,
    taken: usize,
    unflushed: bool,
    stage: Stage,
    /// Bytes that the other side took.
    moved: u64,
}

#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum Stage {
    #[default]
    Moving,
    /// Nothing more comes, and the other side is to hear of it.
    Closing,
    Done,
}

impl Copying {
    fn poll<R, W>(
        &mut self,
        context: &mut Context<'_>,
        (from, to): (&mut R, &mut W),
        saw: &mut impl FnMut(&[u8]),
    ) -> Poll<io::Result<()>>
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        loop {
            match self.stage {
                Stage::Done => return Poll::Ready(Ok(())),
                Stage::Closing => {
                    ready!(Pin::new(&mut *to).poll_shutdown(context))?;
                    self.stage = Stage::Done;
                }
                Stage::Moving => {
                    ready!(self.give_kept(context, to))?;
                    let piece = |piece: &RefCell<Box<[u8]>>| {
                        let mut piece = piece.borrow_mut();
                        self.move_piece(context, (&mut *from, &mut *to), saw, &mut piece)
                    };
                    match PIECE.with(piece)? {
                        Poll::Ready(()) => {}
                        Poll::Pending => {
                            // Idle: what was kept aside takes no memory either.
                            self.kept = Vec::new();
                            if self.unflushed {
                                ready!(Pin::new(&mut *to).poll_flush(context))?;
                                self.unflushed = false;
                            }
                            return Poll::Pending;
                        }
                    }
                }
            }
        }
    }

    fn give_kept<W: AsyncWrite + Unpin>(
        &mut self,
        context: &mut Context<'_>,
        to: &mut W,
    ) -> Poll<io::Result<()>> {
        while self.taken < self.kept.len() {
            let rest = &self.kept[self.taken..];
            let taken = some(ready!(Pin::new(&mut *to).poll_write(context, rest))?)?;
            self.taken += taken;
            self.moved += taken as u64;
        }
        self.kept.clear();
        self.taken = 0;
        Poll::Ready(Ok(()))
    }

    /// Reads once and writes what the other side takes. Nothing is kept when it begins.
    fn move_piece<R, W>(
        &mut self,
        context: &mut Context<'_>,
        (from, to): (&mut R, &mut W),
        saw: &mut impl FnMut(&[u8]),
        piece: &mut [u8],
    ) -> io::Result<Poll<()>>
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        let mut read = ReadBuf::new(piece);
        match Pin::new(from).poll_read(context, &mut read) {
            Poll::Pending => return Ok(Poll::Pending),
            Poll::Ready(outcome) => outcome?,
        }
        let mut rest = read.filled();
        if rest.is_empty() {
            self.stage = Stage::Closing;
            return Ok(Poll::Ready(()));
        }
        saw(rest);
        self.unflushed = true;
        while !rest.is_empty() {
            match Pin::new(&mut *to).poll_write(context, rest) {
                Poll::Ready(count) => {
                    let taken = some(count?)?;
                    self.moved += taken as u64;
                    rest = &rest[taken..];
                }
                Poll::Pending => {
                    self.kept.extend_from_slice(rest);
                    break;
                }
            }
        }
        Ok(Poll::Ready(()))
    }
}

fn some(count: usize) -> io::Result<usize> {
    match count {
        0 => Err(io::ErrorKind::WriteZero.into()),
        count => Ok(count),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    const PATIENCE: Duration = Duration::from_secs(5);

    /// Through pipes of a few bytes, so that nothing is taken at once.
    #[tokio::test]
    async fn bytes_arrive_whole_and_in_order_however_little_is_taken() {
        let ((mut client, near), (far, mut seat)) = (duplex(7), duplex(5));
        let mut seen = Vec::new();
        let relaying = relay((near, far), |bytes| seen.extend_from_slice(bytes), PATIENCE);
        let bytes: Vec<u8> = (0..200_000_u32).map(|at| (at % 251) as u8).collect();
        let talking = async {
            let (mut up, mut down) = (Vec::new(), Vec::new());
            let (mut client_reads, mut client_writes) = tokio::io::split(&mut client);
            let (mut seat_reads, mut seat_writes) = tokio::io::split(&mut seat);
            tokio::try_join!(
                async {
                    client_writes.write_all(&bytes).await?;
                    client_writes.shutdown().await
                },
                async {
                    seat_writes.write_all(&bytes[..1000]).await?;
                    seat_writes.shutdown().await
                },
                seat_reads.read_to_end(&mut up),
                client_reads.read_to_end(&mut down),
            )
            .unwrap();
            (up, down)
        };
        let (relayed, (up, down)) = tokio::join!(relaying, talking);
        relayed.unwrap();
        assert_eq!(up, bytes);
        assert_eq!(seen, bytes);
        assert_eq!(down, bytes[..1000]);
    }

    #[tokio::test]
    async fn one_side_may_say_its_last_after_the_other_is_done() {
        let ((mut client, near), (far, mut seat)) = (duplex(64), duplex(64));
        let relaying = relay((near, far), |_| {}, PATIENCE);
        let talking = async {
            client.write_all(b"bye").await.unwrap();
            client.shutdown().await.unwrap();
            let mut heard = Vec::new();
            seat.read_to_end(&mut heard).await.unwrap();
            assert_eq!(heard, b"bye");
            seat.write_all(b"last words").await.unwrap();
            seat.shutdown().await.unwrap();
            let mut heard = Vec::new();
            client.read_to_end(&mut heard).await.unwrap();
            assert_eq!(heard, b"last words");
        };
        let (relayed, ()) = tokio::join!(relaying, talking);
        relayed.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_side_that_never_ends_is_not_waited_for() {
        let ((mut client, near), (far, _seat)) = (duplex(64), duplex(64));
        client.shutdown().await.unwrap();
        let error = relay((near, far), |_| {}, PATIENCE).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn a_side_that_takes_nothing_holds_the_other_back() {
        let ((mut client, near), (far, _seat)) = (duplex(PIECE_BYTES), duplex(1));
        let mut relaying = Box::pin(relay((near, far), |_| {}, PATIENCE));
        let mut written = 0;
        let flood = async {
            loop {
                written += client.write(&[0; 4096]).await.unwrap();
            }
        };
        tokio::select! {
            _ = &mut relaying => panic!("it ended"),
            () = flood => {}
            () = tokio::time::sleep(Duration::from_millis(200)) => {}
        }
        assert!(
            written <= 3 * PIECE_BYTES,
            "{written} bytes are on their way"
        );
    }
}
