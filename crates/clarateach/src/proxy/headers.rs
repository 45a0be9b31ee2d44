//! Which header fields pass, in which direction.
//!
//! To the seat: everything but hop-by-hop fields, credentials and claims about the client. From the
//! seat: only what is listed, for whatever a learner's program answers would be read by the
//! browser of whoever looks at it, on the origin that serves the API.

use std::cell::RefCell;
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};

use http::header::{
    ACCEPT_RANGES, ALLOW, AUTHORIZATION, CACHE_CONTROL, CONNECTION, CONTENT_DISPOSITION,
    CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_SECURITY_POLICY,
    CONTENT_TYPE, COOKIE, DATE, ETAG, EXPECT, FORWARDED, HOST, LAST_MODIFIED, PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION, REFERRER_POLICY, RETRY_AFTER, TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
    VARY, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::trailers::Trailing;
use crate::addresses::{Origin, Scheme};

/// Fields about one connection (RFC 9110, section 7.6.1), beside those that `Connection` names.
/// `Expect` is among them: our own server has answered it when the body is read.
static HOP_BY_HOP: [HeaderName; 10] = [
    CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
    EXPECT,
];

/// Fields that a client has no say in: the platform's credentials (`Authorization`, RFC 9110, section
/// 11.6.2; `Cookie`, RFC 6265, section 4.2), for whom the request is (`Host`, RFC 9110, section 7.2), and
/// who it claims to be (`Forwarded`, RFC 7239, section 4, and the older `X-Forwarded-*`).
fn is_ours_to_set(name: &HeaderName) -> bool {
    static NAMES: [HeaderName; 4] = [COOKIE, AUTHORIZATION, FORWARDED, HOST];
    NAMES.contains(name)
        || name.as_str().starts_with("x-forwarded-")
        || matches!(name.as_str(), "x-real-ip" | "x-request-id" | "referer")
}

/// What passes from a seat. Not among them, each for its reason: `Set-Cookie`, `Clear-Site-Data`
/// (our cookies), `Location`, `Refresh`, `Link` (a redirect would make a page of ours repeat a
/// request, with its cookie, against the API), `WWW-Authenticate` (a sign-in box on our origin),
/// `Service-Worker-Allowed`, the seat's own CORS and security policies, and whatever browsers
/// learn next.
static FROM_SEAT: [HeaderName; 13] = [
    ACCEPT_RANGES,
    ALLOW,
    CACHE_CONTROL,
    CONTENT_ENCODING,
    CONTENT_LANGUAGE,
    CONTENT_LENGTH,
    CONTENT_RANGE,
    CONTENT_TYPE,
    DATE,
    ETAG,
    LAST_MODIFIED,
    RETRY_AFTER,
    VARY,
];

/// Fields that we add at the most, in either direction.
const OURS: usize = 9;

/// What the gateway says about a request that it passes on.
pub(crate) struct Onward<'a> {
    /// The client's address.
    pub(crate) client: IpAddr,
    /// The origin that the request came to.
    pub(crate) origin: &'a Origin,
    /// `host:port` of the seat.
    pub(crate) upstream: HeaderValue,
    /// The workspace token.
    pub(crate) bearer: HeaderValue,
    /// Finds the request in the log.
    pub(crate) request_id: &'a HeaderValue,
}

thread_local! {
    /// Values of addresses that were written lately: a worker sees the same few again and again.
    static WRITTEN: RefCell<HashMap<SocketAddr, HeaderValue>> = RefCell::default();
}

/// So many are kept by a worker.
const WRITTEN_AT_MOST: usize = 1024;

/// An address as a field's value.
pub(crate) fn host_value(address: SocketAddr) -> HeaderValue {
    WRITTEN.with_borrow_mut(|written| {
        if let Some(value) = written.get(&address) {
            return value.clone();
        }
        if written.len() >= WRITTEN_AT_MOST {
            written.clear();
        }
        let value = HeaderValue::try_from(address.to_string()).expect("an address is ASCII");
        written.insert(address, value.clone());
        value
    })
}

/// Makes a client's header fields those that a seat gets.
pub(crate) fn clean_request(headers: &mut HeaderMap, onward: Onward<'_>) {
    let trailing = Trailing::of(headers);
    keep(headers, |name| {
        !HOP_BY_HOP.contains(name) && !is_ours_to_set(name)
    });
    let text = |text: &str| HeaderValue::from_str(text).expect("addresses and origins are ASCII");
    headers.insert(HOST, onward.upstream);
    headers.insert(AUTHORIZATION, onward.bearer);
    headers.insert("x-forwarded-for", text(&onward.client.to_string()));
    let scheme = match onward.origin.scheme() {
        Scheme::Http => HeaderValue::from_static("http"),
        Scheme::Https => HeaderValue::from_static("https"),
    };
    headers.insert("x-forwarded-proto", scheme);
    headers.insert("x-forwarded-host", text(onward.origin.authority()));
    headers.insert("x-request-id", onward.request_id.clone());
    trailing.put_in_request(headers);
}

/// Makes a seat's header fields those that a client gets.
pub(crate) fn clean_response(headers: &mut HeaderMap) {
    let (named, trailing) = (only_name(headers), Trailing::of(headers));
    keep(headers, |name| FROM_SEAT.contains(name));
    sandbox(headers);
    if let Some(named) = named {
        headers.insert(CONTENT_DISPOSITION, named);
    }
    headers
        .entry(CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    trailing.put_in_answer(headers);
}

/// Seat bytes are downloaded and never rendered: the origin that they come from serves the API.
fn sandbox(headers: &mut HeaderMap) {
    static SANDBOX: [(HeaderName, &str); 5] = [
        (CONTENT_SECURITY_POLICY, "sandbox; default-src 'none'"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (CONTENT_DISPOSITION, "attachment"),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            "same-origin",
        ),
        (REFERRER_POLICY, "no-referrer"),
    ];
    for (name, value) in &SANDBOX {
        headers.insert(name.clone(), HeaderValue::from_static(value));
    }
}

/// The name that a seat gives a download, in the one form that means no more than that (RFC 6266,
/// section 4.1; RFC 8187, section 3.2): pages on another origin can't name it themselves.
fn only_name(headers: &HeaderMap) -> Option<HeaderValue> {
    const LONGEST: usize = 1024;
    let mut values = headers.get_all(CONTENT_DISPOSITION).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return None;
    };
    let name = value
        .to_str()
        .ok()?
        .strip_prefix("attachment; filename*=UTF-8''")?;
    let is_encoded = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~%".contains(&byte);
    let fits = (1..=LONGEST).contains(&name.len()) && name.bytes().all(is_encoded);
    fits.then(|| value.clone())
}

/// Keeps the fields that may pass and that `Connection` doesn't name, in their order. One pass: taking
/// fields out of a map one by one costs a search and a move for each.
fn keep(headers: &mut HeaderMap, may_pass: impl Fn(&HeaderName) -> bool) {
    let all = std::mem::replace(headers, HeaderMap::with_capacity(headers.len() + OURS));
    let names_some = all.contains_key(CONNECTION);
    let is_named = |name: &HeaderName| {
        *name != CONTENT_LENGTH
            && tokens(&all, &CONNECTION).any(|token| token.eq_ignore_ascii_case(name.as_str()))
    };
    for (name, value) in &all {
        if may_pass(name) && !(names_some && is_named(name)) {
            headers.append(name, value.clone());
        }
    }
}

/// Removes what is about one connection only. It comes first, so that `Connection` can't name what
/// we add (RFC 9110, section 7.6.1).
pub(crate) fn strip_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = tokens(headers, &CONNECTION)
        .filter_map(|name| name.parse().ok())
        // A client that names the length away would change where the message ends.
        .filter(|name| *name != CONTENT_LENGTH)
        .collect();
    for name in named.iter().chain(&HOP_BY_HOP) {
        headers.remove(name);
    }
}

/// Elements of a comma-separated field, all its lines together (RFC 9110, section 5.6.1).
pub(crate) fn tokens<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
) -> impl Iterator<Item = &'a str> {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .filter(|token| !token.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn map(fields: &[(&str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(
                name.parse::<HeaderName>().unwrap(),
                HeaderValue::from_str(value).unwrap(),
            );
        }
        headers
    }

    fn onward(origin: &Origin) -> Onward<'_> {
        static REQUEST_ID: HeaderValue = HeaderValue::from_static("r-1");
        Onward {
            client: "192.0.2.7".parse().unwrap(),
            origin,
            upstream: HeaderValue::from_static("198.18.0.10:3002"),
            bearer: HeaderValue::from_static("Bearer minted"),
            request_id: &REQUEST_ID,
        }
    }

    fn cleaned(mut headers: HeaderMap) -> HeaderMap {
        let listen = "127.0.0.1:8080".parse().unwrap();
        let addresses =
            crate::addresses::Addresses::new(Some("https://class.test"), None, listen).unwrap();
        clean_request(&mut headers, onward(addresses.public()));
        headers
    }

    #[test]
    fn credentials_and_claims_of_clients_are_replaced() {
        let headers = cleaned(map(&[
            ("host", "class.test"),
            ("cookie", "clarateach_session=secret"),
            ("cookie", "more"),
            ("authorization", "Bearer seat"),
            ("forwarded", "for=10.0.0.1"),
            ("x-forwarded-for", "10.0.0.1"),
            ("x-forwarded-for", "10.0.0.2"),
            ("x-forwarded-port", "1"),
            ("x-real-ip", "10.0.0.1"),
            ("x-request-id", "theirs"),
            ("accept", "*/*"),
        ]));
        let expected = map(&[
            ("host", "198.18.0.10:3002"),
            ("authorization", "Bearer minted"),
            ("x-forwarded-for", "192.0.2.7"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-host", "class.test"),
            ("x-request-id", "r-1"),
            ("accept", "*/*"),
        ]);
        assert_eq!(headers, expected);
    }

    #[test]
    fn connection_cannot_name_our_fields_away() {
        let headers = cleaned(map(&[
            ("connection", "close, Authorization, X-Forwarded-For, x-hop"),
            ("connection", "host, content-length"),
            ("content-length", "3"),
            ("x-hop", "1"),
            ("te", "gzip"),
            ("keep-alive", "1"),
            ("upgrade", "h2c"),
            ("proxy-authorization", "Basic x"),
        ]));
        assert_eq!(headers["authorization"], "Bearer minted");
        assert_eq!(headers["x-forwarded-for"], "192.0.2.7");
        assert_eq!(headers["content-length"], "3");
        for gone in [
            "connection",
            "x-hop",
            "te",
            "keep-alive",
            "upgrade",
            "proxy-authorization",
        ] {
            assert!(!headers.contains_key(gone), "{gone} went to the seat");
        }
    }

    #[test]
    fn only_listed_fields_pass_from_a_seat() {
        let mut headers = map(&[
            ("set-cookie", "a=b"),
            ("clear-site-data", "*"),
            ("refresh", "0"),
            ("location", "/api/workshops"),
            ("link", "</x>; rel=preload"),
            ("www-authenticate", "Basic"),
            ("service-worker-allowed", "/"),
            ("access-control-allow-origin", "*"),
            ("content-security-policy", "default-src *"),
            ("content-disposition", "inline"),
            ("x-content-type-options", "no"),
            ("connection", "etag"),
            ("etag", "\"1\""),
            ("content-type", "text/html"),
            ("cache-control", "no-cache"),
        ]);
        clean_response(&mut headers);
        let expected = map(&[
            ("content-type", "text/html"),
            ("cache-control", "no-cache"),
            ("content-security-policy", "sandbox; default-src 'none'"),
            ("x-content-type-options", "nosniff"),
            ("content-disposition", "attachment"),
            ("cross-origin-resource-policy", "same-origin"),
            ("referrer-policy", "no-referrer"),
        ]);
        assert_eq!(headers, expected);
    }

    #[test]
    fn a_download_keeps_its_name_and_nothing_else() {
        let disposition = |text: &str| {
            let mut headers = map(&[("content-disposition", text)]);
            clean_response(&mut headers);
            headers[CONTENT_DISPOSITION].to_str().unwrap().to_owned()
        };
        let named = "attachment; filename*=UTF-8''h%C3%A4user.zip";
        assert_eq!(disposition(named), named);
        for other in [
            "inline; filename*=UTF-8''a.html",
            "attachment; filename=a.zip",
            "attachment; filename*=UTF-8''a.zip; filename=b",
            "attachment; filename*=UTF-8''a b",
            "attachment; filename*=UTF-8''",
        ] {
            assert_eq!(disposition(other), "attachment", "{other}");
        }
    }

    proptest! {
        #[test]
        fn no_credential_survives_whatever_stands_beside_it(
            names in proptest::collection::vec("[a-z-]{1,16}", 0..8),
            values in proptest::collection::vec("[ -~]{0,20}", 8),
        ) {
            let mut headers = map(&[("cookie", "secret"), ("authorization", "secret"), ("x-forwarded-for", "secret")]);
            for (name, value) in names.iter().zip(&values) {
                let name: HeaderName = name.parse().unwrap();
                headers.append(name.clone(), HeaderValue::from_str(value).unwrap());
                headers.append(CONNECTION, HeaderValue::from_str(value).unwrap());
                headers.append(CONNECTION, HeaderValue::from(name));
            }
            let headers = cleaned(headers);
            prop_assert!(headers.values().all(|value| value != "secret"));
            prop_assert!(!headers.contains_key(CONNECTION));
            prop_assert_eq!(headers.get_all(AUTHORIZATION).iter().count(), 1);
        }
    }
}
