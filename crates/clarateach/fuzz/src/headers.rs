//! Input: lines of `name: value`.

use std::collections::HashSet;

use clarateach_protocol::origin::SeatPort;
use http::header::{AUTHORIZATION, CONNECTION, HOST, TE, TRAILER, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::addresses::{Naming, OwnHost};
use crate::installations::{self, CLIENT};
use crate::proxy::headers::{Onward, clean_request, clean_response};
use crate::proxy::origin;

/// About one connection (RFC 9110, section 7.6.1, and what came before it).
const HOP_BY_HOP: [&str; 10] = [
    "connection",
    "keep-alive",
    "proxy-connection",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "expect",
];
/// What a client may not say of itself.
const CLAIMS: [&str; 5] = [
    "forwarded",
    "x-real-ip",
    "x-request-id",
    "x-forwarded-",
    "host",
];
const CREDENTIALS: [&str; 3] = ["cookie", "authorization", "referer"];
/// What a seat may say to a browser on the platform's origin; the rest is ours.
const FROM_SEAT: [&str; 13] = [
    "accept-ranges",
    "allow",
    "cache-control",
    "content-encoding",
    "content-language",
    "content-length",
    "content-range",
    "content-type",
    "date",
    "etag",
    "last-modified",
    "retry-after",
    "vary",
];

/// No credential, claim or hop-by-hop field passes in either direction; everything else does, unchanged.
///
/// # Panics
/// When one passes.
pub fn check_headers(data: &[u8]) {
    let fields = read(data);
    to_seat(&fields);
    from_seat(&fields);
    for (own, port) in installations::own_origins() {
        to_program(&fields, &own, port);
        from_program(&fields, &own, port);
    }
}

fn to_seat(fields: &HeaderMap) {
    let [.., addresses] = installations::all();
    let request_id = HeaderValue::from_static("r-1");
    let mut cleaned = fields.clone();
    let onward = Onward {
        client: CLIENT,
        origin: addresses.public(),
        upstream: HeaderValue::from_static("198.18.0.10:3002"),
        bearer: HeaderValue::from_static("Bearer minted"),
        request_id: &request_id,
    };
    clean_request(&mut cleaned, onward);
    let set = [
        ("host", "198.18.0.10:3002"),
        ("authorization", "Bearer minted"),
        ("x-forwarded-for", "192.0.2.7"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "class.test"),
        ("x-request-id", "r-1"),
    ];
    for (name, value) in set {
        let values: Vec<_> = cleaned.get_all(name).iter().collect();
        assert_eq!(values, [value], "{name} is ours to say");
        cleaned.remove(name);
    }
    take_trailing(fields, &mut cleaned, true);
    no_hop_by_hop(fields, &cleaned);
    for name in cleaned.keys() {
        let is_ours = CREDENTIALS.contains(&name.as_str()) || is_claim(name);
        assert!(!is_ours, "{name} went to the seat");
    }
    let never = |name: &HeaderName| CREDENTIALS.contains(&name.as_str()) || is_claim(name);
    others_are_unchanged(fields, &cleaned, never);
}

fn from_seat(fields: &HeaderMap) {
    let mut cleaned = fields.clone();
    clean_response(&mut cleaned);
    take_trailing(fields, &mut cleaned, false);
    no_hop_by_hop(fields, &cleaned);
    let fence = [
        ("content-security-policy", "sandbox; default-src 'none'"),
        ("x-content-type-options", "nosniff"),
        ("cross-origin-resource-policy", "same-origin"),
        ("referrer-policy", "no-referrer"),
    ];
    for (name, value) in fence {
        let values: Vec<_> = cleaned.get_all(name).iter().collect();
        assert_eq!(values, [value]);
        cleaned.remove(name);
    }
    let names: Vec<_> = cleaned.get_all("content-disposition").iter().collect();
    let [disposition] = names.as_slice() else {
        panic!("{names:?}");
    };
    let text = disposition.to_str().expect("ASCII");
    let name = text
        .strip_prefix("attachment")
        .expect("downloaded, never shown");
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~%".contains(&byte);
    let rest = name.strip_prefix("; filename*=UTF-8''").unwrap_or(name);
    assert!(rest.bytes().all(is_plain), "{text}");
    cleaned.remove("content-disposition");
    for name in cleaned.keys() {
        assert!(
            FROM_SEAT.contains(&name.as_str()),
            "{name} came from the seat"
        );
    }
}

fn to_program(fields: &HeaderMap, own: &OwnHost, port: SeatPort) {
    let mut cleaned = fields.clone();
    origin::clean_request(&mut cleaned, own, port);
    let here = format!("localhost:{port}");
    for (name, value) in [("host", here.as_str()), ("x-forwarded-for", "192.0.2.7")] {
        let values: Vec<_> = cleaned.get_all(name).iter().collect();
        assert_eq!(values, [value], "{name} is ours to say");
        cleaned.remove(name);
    }
    take_trailing(fields, &mut cleaned, true);
    no_hop_by_hop(fields, &cleaned);
    for name in cleaned.keys() {
        assert!(!is_claim(name), "{name} went to the program");
    }
    if let Some(origin) = cleaned.get("origin") {
        assert_eq!(origin, &format!("http://{here}"));
    }
    for referer in cleaned.get_all("referer") {
        let platform = own.platform.as_str();
        let is_ours = referer == platform
            || referer
                .as_bytes()
                .starts_with(format!("{platform}/").as_bytes());
        assert!(!is_ours, "{referer:?} is a page of ours");
    }
    let never = |name: &HeaderName| {
        is_claim(name) || matches!(name.as_str(), "cookie" | "origin" | "referer")
    };
    others_are_unchanged(fields, &cleaned, never);
}

fn from_program(fields: &HeaderMap, own: &OwnHost, port: SeatPort) {
    let mut cleaned = fields.clone();
    origin::clean_response(&mut cleaned, own, port);
    take_trailing(fields, &mut cleaned, false);
    no_hop_by_hop(fields, &cleaned);
    for name in [
        "clear-site-data",
        "alt-svc",
        "nel",
        "report-to",
        "reporting-endpoints",
        "strict-transport-security",
        "service-worker-allowed",
    ] {
        assert!(
            !cleaned.contains_key(name),
            "{name} reaches beyond the origin"
        );
    }
    assert!(cleaned.contains_key("origin-agent-cluster"));
    if own.naming == Naming::Numbers {
        let framed = format!("frame-ancestors 'self' {}", own.platform);
        let policies = cleaned.get_all("content-security-policy");
        assert!(policies.iter().any(|policy| policy == &framed));
        assert_eq!(cleaned["cross-origin-resource-policy"], "same-origin");
    }
}

fn read(data: &[u8]) -> HeaderMap {
    let mut fields = HeaderMap::new();
    for line in data.split(|byte| *byte == b'\n') {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else {
            continue;
        };
        let (name, value) = line.split_at(colon);
        let value = value[1..].trim_ascii();
        if let (Ok(name), Ok(value)) =
            (HeaderName::from_bytes(name), HeaderValue::from_bytes(value))
        {
            fields.append(name, value);
        }
    }
    fields
}

fn is_claim(name: &HeaderName) -> bool {
    let text = name.as_str();
    CLAIMS.contains(&text) || text.starts_with("x-forwarded-")
}

/// What the sender's `Connection` names, beside the length.
fn named(fields: &HeaderMap) -> HashSet<String> {
    let mut names = listed(fields, &CONNECTION);
    names.remove("content-length");
    names
}

/// Takes away what we say of trailers (RFC 9110, section 6.5), after a look at it: that they are taken, in
/// requests alone, and which follow, of those that the sender announced behind chunks.
fn take_trailing(fields: &HeaderMap, cleaned: &mut HeaderMap, is_request: bool) {
    if is_request && cleaned.contains_key(TE) {
        assert!(fields.contains_key(TE), "nobody asked for trailers");
        for (name, value) in [(TE, "trailers"), (CONNECTION, "te")] {
            let values: Vec<_> = cleaned.get_all(&name).iter().collect();
            assert_eq!(values, [value], "{name} is ours to say");
            cleaned.remove(name);
        }
    }
    let Some(announced) = cleaned.get(TRAILER) else {
        return;
    };
    assert_eq!(cleaned.get_all(TRAILER).iter().count(), 1);
    assert!(fields.contains_key(TRANSFER_ENCODING), "only chunks have them");
    let theirs = listed(fields, &TRAILER);
    for name in announced.to_str().expect("ASCII").split(", ") {
        assert!(theirs.contains(name), "{name} was not announced");
        assert!(
            !HOP_BY_HOP.contains(&name) && !CLAIMS.contains(&name) && !CREDENTIALS.contains(&name),
            "{name} belongs in the head"
        );
    }
    cleaned.remove(TRAILER);
}

/// The elements of a comma-separated field, in lower case.
fn listed(fields: &HeaderMap, name: &HeaderName) -> HashSet<String> {
    let values = fields.get_all(name).iter();
    let lists = values.filter_map(|value| value.to_str().ok());
    lists
        .flat_map(|list| list.split(','))
        .map(|name| name.trim().to_ascii_lowercase())
        .collect()
}

/// What stands in `cleaned` beside what we set ourselves.
fn no_hop_by_hop(fields: &HeaderMap, cleaned: &HeaderMap) {
    for name in HOP_BY_HOP {
        assert!(
            !cleaned.contains_key(name),
            "{name} is about one connection"
        );
    }
    // A fence of ours is set again whatever a seat names; what it said of the rest is gone.
    let ours = [
        "cache-control",
        "content-security-policy",
        "content-disposition",
    ];
    let fence = [
        "x-content-type-options",
        "cross-origin-resource-policy",
        "referrer-policy",
        "origin-agent-cluster",
    ];
    for name in named(fields) {
        if !ours.contains(&name.as_str()) && !fence.contains(&name.as_str()) {
            assert!(
                !cleaned.contains_key(name.as_str()),
                "Connection names {name}"
            );
        }
    }
}

fn others_are_unchanged(
    fields: &HeaderMap,
    cleaned: &HeaderMap,
    never: impl Fn(&HeaderName) -> bool,
) {
    let named = named(fields);
    for name in fields.keys() {
        if never(name) || HOP_BY_HOP.contains(&name.as_str()) || named.contains(name.as_str()) {
            continue;
        }
        let before: Vec<_> = fields.get_all(name).iter().collect();
        let after: Vec<_> = cleaned.get_all(name).iter().collect();
        assert_eq!(after, before, "{name} is nobody's but theirs");
    }
    for name in cleaned.keys().filter(|name| !never(name)) {
        assert!(fields.contains_key(name), "{name} came out of nowhere");
    }
}
