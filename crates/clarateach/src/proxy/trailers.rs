//! Fields behind a body (RFC 9110, section 6.5): announced before it, and passed on where the client said
//! that it takes them.
//!
//! Only checksums, timings and what has no meaning to browsers or to us may stand there, in either
//! direction: a field that frames a message, routes it or acts on an origin has to be in its head.

use http::header::{CONNECTION, ETAG, LAST_MODIFIED, TE, TRAILER, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::headers::tokens;

/// What a message says of trailers; taken from its head before that is cleaned.
#[derive(Default)]
pub(crate) struct Trailing {
    announced: Option<HeaderValue>,
    is_wanted: bool,
}

impl Trailing {
    /// Of a request or an answer. Only chunks can have trailers behind them (RFC 9112, section 7.1.2).
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let is_wanted = tokens(headers, &TE).any(|token| token.eq_ignore_ascii_case("trailers"));
        let is_chunked = headers.contains_key(TRANSFER_ENCODING);
        if !is_chunked || !headers.contains_key(TRAILER) {
            return Self {
                announced: None,
                is_wanted,
            };
        }
        let names: Vec<HeaderName> = tokens(headers, &TRAILER)
            .filter_map(|name| name.parse().ok())
            .filter(may_trail)
            .collect();
        let names: Vec<&str> = names.iter().map(HeaderName::as_str).collect();
        Self {
            announced: HeaderValue::try_from(names.join(", "))
                .ok()
                .filter(|names| !names.is_empty()),
            is_wanted,
        }
    }

    /// Says the same in a request's cleaned head. `TE` is about one connection, so `Connection` names it
    /// (RFC 9110, section 10.1.4).
    pub(crate) fn put_in_request(self, headers: &mut HeaderMap) {
        if self.is_wanted {
            headers.insert(TE, HeaderValue::from_static("trailers"));
            headers.insert(CONNECTION, HeaderValue::from_static("te"));
        }
        self.put_in_answer(headers);
    }

    /// Says in an answer's cleaned head what is behind its body.
    pub(crate) fn put_in_answer(self, headers: &mut HeaderMap) {
        if let Some(announced) = self.announced {
            headers.insert(TRAILER, announced);
        }
    }
}

/// What of some trailers passes; `None`: nothing.
pub(crate) fn passing(trailers: &HeaderMap) -> Option<HeaderMap> {
    let passing: HeaderMap = trailers
        .iter()
        .filter(|(name, _)| may_trail(name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    (!passing.is_empty()).then_some(passing)
}

fn may_trail(name: &HeaderName) -> bool {
    static KNOWN: [&str; 6] = [
        "content-digest",
        "digest",
        "grpc-message",
        "grpc-status",
        "repr-digest",
        "server-timing",
    ];
    // With a meaning to browsers, to proxies or to us.
    static TAKEN: [&str; 8] = [
        "x-forwarded-",
        "x-real-ip",
        "x-request-id",
        "x-content-type-options",
        "x-frame-options",
        "x-xss-protection",
        "x-dns-prefetch-control",
        "x-permitted-cross-domain-policies",
    ];
    let text = name.as_str();
    let is_private = text.starts_with("x-") && !TAKEN.iter().any(|taken| text.starts_with(taken));
    [ETAG, LAST_MODIFIED].contains(name) || KNOWN.contains(&text) || is_private
}
