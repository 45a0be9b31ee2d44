//! Refuses requests that two parsers could read differently (RFC 9112, sections 2.2, 6.1 and 6.3).
//!
//! hyper takes a bare LF for the end of a line, and chunks over a length that stands beside them,
//! which is allowed and silent. So the bytes of each header section are kept as they came until
//! their request has been judged. What follows a request whose end isn't known here (chunks, an
//! upgrade) isn't judged: such a request is the last of its connection.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use axum::body::Body;
use http_body_util::BodyExt;
use hyper::body::Body as _;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::ServerLimits;
use super::last_words::LastWords;
use super::places::{Full, Place};
use super::unread::Unread;

/// A connection whose header sections are kept. It occupies a place as long as its socket is
/// open, upgraded or not, and is cut when its client stops reading.
pub(super) struct Watched<S> {
    stream: S,
    heads: Heads,
    unread: Unread,
    last_words: LastWords,
    _place: Occupant,
}

/// The place of a connection, which may be lent to a trusted proxy's clients in turn.
#[derive(Clone)]
pub(super) struct Occupant(Arc<Mutex<Place>>);

impl Occupant {
    /// Counts the connection as that client's from now on.
    pub(super) fn lend(&self, client: std::net::IpAddr) -> Result<(), Full> {
        let mut place = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        place.lend(client)
    }
}

/// The header sections of one connection that are yet to be judged.
#[derive(Clone, Default)]
pub(super) struct Heads(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    /// Begins with the header section of the next request to be judged.
    kept: Vec<u8>,
    /// Bytes of a body that are still to come.
    body_left: u64,
    /// No further request is served on this connection.
    is_last: bool,
    /// How the request ends that is being answered; `None` while there is none.
    answering: Option<End>,
    /// The last bytes that came of one that ends with a last chunk.
    tail: [u8; 4],
}

/// Where a request ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// After so many bytes of a body.
    Length(u64),
    /// With its last chunk.
    Chunks,
    /// Never: an upgrade, or a request that is refused.
    Open,
}

/// Two parsers could see different requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ambiguous;

/// Whether another request may follow on the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Following {
    /// It begins where this one's length ends.
    Another,
    /// The connection ends with this one.
    Nothing,
}

impl<S> Watched<S> {
    /// A connection in its place, within the times of `limits`; its header sections and its place.
    pub(super) fn new(stream: S, place: Place, limits: &ServerLimits) -> (Self, Heads, Occupant) {
        let heads = Heads::default();
        let occupant = Occupant(Arc::new(Mutex::new(place)));
        let watched = Self {
            stream,
            heads: heads.clone(),
            unread: Unread::new(limits.unread),
            last_words: LastWords::new(limits.half_open),
            _place: occupant.clone(),
        };
        (watched, heads, occupant)
    }
}

impl<S> Watched<S> {
    fn note_write(&mut self, polled: &Poll<io::Result<usize>>) {
        if polled.is_ready() {
            self.last_words.moved();
        }
    }
}

impl Heads {
    /// Judges the request that the server has just read: the oldest that is kept.
    pub(super) fn judge(&self) -> Result<Following, Ambiguous> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.is_last {
            return Err(Ambiguous);
        }
        let head = Head::parse(&state.kept);
        match head {
            Ok(Head {
                end,
                body: End::Length(length),
            }) => {
                state.answering = Some(End::Length(length));
                let here = (state.kept.len() - end) as u64;
                state.body_left = length.saturating_sub(here);
                let next = end + usize::try_from(length.min(here)).unwrap_or(usize::MAX - end);
                state.kept.drain(..next);
                Ok(Following::Another)
            }
            other => {
                state.is_last = true;
                state.note_tail_of_kept();
                state.answering = other.as_ref().ok().map(|head| head.body);
                state.kept = Vec::new();
                other.map(|_| Following::Nothing)
            }
        }
    }

    fn keep(&self, bytes: &[u8]) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.is_last {
            state.note_tail(bytes);
            return;
        }
        let of_body = state.body_left.min(bytes.len() as u64);
        state.body_left -= of_body;
        let of_body = usize::try_from(of_body).unwrap_or(bytes.len());
        state.kept.extend_from_slice(&bytes[of_body..]);
    }
}

impl Heads {
    /// The answer to the request that was judged last has ended, or nobody wants it any more.
    fn answered(&self) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.answering = None;
    }

    /// Whether a request that came as a whole is being answered.
    fn waits_for_an_answer(&self) -> bool {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match state.answering {
            Some(End::Length(_)) => state.body_left == 0,
            // Between chunks at the worst: then the end is told a little late.
            Some(End::Chunks) => state.tail == *b"\r\n\r\n",
            Some(End::Open) | None => false,
        }
    }

    /// The body of an answer, whose end is noted.
    pub(super) fn until_answered(&self, body: Body) -> Body {
        let answering = Answering(self.clone());
        if body.is_end_stream() {
            return body;
        }
        Body::new(body.map_frame(move |frame| {
            let _of_this = &answering;
            frame
        }))
    }
}

/// Dropped at an answer's end.
struct Answering(Heads);

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.answered();
    }
}

impl State {
    fn note_tail_of_kept(&mut self) {
        let kept = std::mem::take(&mut self.kept);
        self.note_tail(&kept);
    }

    fn note_tail(&mut self, bytes: &[u8]) {
        for byte in &bytes[bytes.len().saturating_sub(self.tail.len())..] {
            self.tail.rotate_left(1);
            self.tail[3] = *byte;
        }
    }
}

/// What matters of a header section.
struct Head {
    end: usize,
    /// Where its body ends.
    body: End,
}

impl Head {
    fn parse(bytes: &[u8]) -> Result<Self, Ambiguous> {
        let mut lines = Lines { bytes, end: 0 };
        let mut request = lines.next()?;
        while request.is_empty() {
            // Empty lines before a request are ignored (RFC 9112, section 2.2).
            request = lines.next()?;
        }
        let mut lengths = Vec::new();
        let mut is_chunked = false;
        let mut is_upgrade = request.starts_with(b"CONNECT ");
        loop {
            let line = lines.next()?;
            if line.is_empty() {
                break;
            }
            let colon = line
                .iter()
                .position(|byte| *byte == b':')
                .ok_or(Ambiguous)?;
            let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
            if name.eq_ignore_ascii_case(b"content-length") {
                lengths.push(value);
            } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
                is_chunked = true;
            } else if name.eq_ignore_ascii_case(b"upgrade") {
                is_upgrade = true;
            }
        }
        let length = match lengths.as_slice() {
            [] => 0,
            [one] if !is_chunked => parse_length(one).ok_or(Ambiguous)?,
            _ => return Err(Ambiguous),
        };
        Ok(Self {
            end: lines.end,
            body: match (is_upgrade, is_chunked) {
                (true, _) => End::Open,
                (false, true) => End::Chunks,
                (false, false) => End::Length(length),
            },
        })
    }
}

struct Lines<'a> {
    bytes: &'a [u8],
    end: usize,
}

impl<'a> Lines<'a> {
    /// The next line without its CRLF; any other end of a line is ambiguous.
    fn next(&mut self) -> Result<&'a [u8], Ambiguous> {
        let rest = &self.bytes[self.end..];
        let end = rest
            .iter()
            .position(|byte| *byte == b'\n')
            .ok_or(Ambiguous)?;
        self.end += end + 1;
        rest[..end].strip_suffix(b"\r").ok_or(Ambiguous)
    }
}

fn parse_length(value: &[u8]) -> Option<u64> {
    let digits = value.iter().all(u8::is_ascii_digit);
    digits
        .then(|| str::from_utf8(value).ok()?.parse().ok())
        .flatten()
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        if !self.last_words.were_said() {
            ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
            self.heads.keep(&buffer.filled()[before..]);
        }
        let is_end = buffer.filled().len() == before && buffer.remaining() > 0;
        if is_end && self.heads.waits_for_an_answer() {
            ready!(self.last_words.hold(context));
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.note_write(&polled);
        self.unread.watch(context, polled)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.note_write(&polled);
        self.unread.watch(context, polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn judged(bytes: &str) -> Result<Following, Ambiguous> {
        let heads = Heads::default();
        heads.keep(bytes.as_bytes());
        heads.judge()
    }

    #[test]
    fn ambiguous_header_sections_are_told() {
        for (fields, expected) in [
            ("", Ok(Following::Another)),
            ("Content-Length: 5\r\n", Ok(Following::Another)),
            ("Transfer-Encoding: chunked\r\n", Ok(Following::Nothing)),
            ("Upgrade: websocket\r\n", Ok(Following::Nothing)),
            ("content-length: 5\r\nContent-Length: 5\r\n", Err(Ambiguous)),
            (
                "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
                Err(Ambiguous),
            ),
            (
                "TRANSFER-ENCODING: chunked\r\ncontent-length: 5\r\n",
                Err(Ambiguous),
            ),
            ("Content-Length: +5\r\n", Err(Ambiguous)),
            ("X: y\n", Err(Ambiguous)),
            ("X: y\n\r\n", Err(Ambiguous)),
        ] {
            let bytes = format!("\r\nGET / HTTP/1.1\r\n{fields}\r\n");
            assert_eq!(judged(&bytes), expected, "{fields:?}");
        }
        assert_eq!(judged("GET / HTTP/1.1\n\r\n"), Err(Ambiguous));
        assert_eq!(judged("GET / HTTP/1.1\r\nX: y"), Err(Ambiguous));
    }

    #[test]
    fn nothing_is_judged_behind_an_open_end() {
        let heads = Heads::default();
        heads.keep(b"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n");
        assert_eq!(heads.judge(), Ok(Following::Nothing));
        heads.keep(b"GET / HTTP/1.1\r\n\r\n");
        assert_eq!(heads.judge(), Err(Ambiguous));
    }

    proptest! {
        /// Bodies that look like requests don't throw the count off, however the bytes come.
        #[test]
        fn each_request_is_found_behind_the_body_before_it(
            bodies in proptest::collection::vec("(GET / HTTP/1.1\r\nContent-Length: 9\r\n\r\n|[a-z\r\n]){0,6}", 1..6),
            step in 1_usize..40,
        ) {
            let heads = Heads::default();
            let mut bytes = String::new();
            for body in &bodies {
                bytes += &format!("PUT / HTTP/1.1\r\nContent-Length: {}\r\n\r\n{body}", body.len());
            }
            let all_at_once = Heads::default();
            all_at_once.keep(bytes.as_bytes());
            let mut rest = bytes.as_str();
            for body in &bodies {
                prop_assert_eq!(all_at_once.judge(), Ok(Following::Another));
                // As a server reads: until the header section is there, then the body.
                let head = rest.find("\r\n\r\n").unwrap() + 4;
                for piece in rest.as_bytes()[..head].chunks(step) { heads.keep(piece); }
                prop_assert_eq!(heads.judge(), Ok(Following::Another));
                let end = head + body.len();
                for piece in rest.as_bytes()[head..end].chunks(step) { heads.keep(piece); }
                rest = &rest[end..];
            }
            for heads in [heads, all_at_once] {
                let state = heads.0.lock().unwrap();
                prop_assert!(state.kept.is_empty());
                prop_assert_eq!(state.body_left, 0);
            }
        }
    }
}
