//! Header fields between a browser and a learner's program.
//!
//! The program is to believe that its page is `http://localhost:<port>`, as it would be on a machine
//! of its own; the browser is to keep what the program says to its own origin. The fence around the
//! seat's files (`proxy/headers.rs`) is another: there everything that isn't listed stays out.

use std::net::IpAddr;

use clarateach_protocol::origin::SeatPort;
use http::header::{
    ACCESS_CONTROL_ALLOW_ORIGIN, CONTENT_SECURITY_POLICY, FORWARDED, HOST, LOCATION, ORIGIN,
    REFERER, REFERRER_POLICY,
};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::super::headers::strip_hop_by_hop;
use super::super::trailers::Trailing;
use super::asker::Asker;
use super::cookies;
use crate::addresses::{Naming, OwnHost};

/// What would reach beyond the origin that a program has, or outlive it (`Service-Worker-Allowed` has
/// nothing to allow, for no worker is served).
static DROPPED: [HeaderName; 9] = [
    HeaderName::from_static("clear-site-data"),
    HeaderName::from_static("alt-svc"),
    HeaderName::from_static("nel"),
    HeaderName::from_static("report-to"),
    HeaderName::from_static("reporting-endpoints"),
    HeaderName::from_static("public-key-pins"),
    HeaderName::from_static("strict-transport-security"),
    HeaderName::from_static("service-worker-allowed"),
    HeaderName::from_static("x-request-id"),
];
const ORIGIN_AGENT_CLUSTER: HeaderName = HeaderName::from_static("origin-agent-cluster");
const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// Names by which a program calls its own machine.
const LOCALHOST: [&str; 4] = ["localhost", "127.0.0.1", "[::1]", "0.0.0.0"];

/// A program behind an own origin, and who asks it.
pub(super) struct Program<'a> {
    pub(super) own: &'a OwnHost,
    pub(super) port: SeatPort,
    pub(super) asker: &'a Asker,
    /// The origin of another port of the seat, where it has one.
    pub(super) siblings: &'a (dyn Fn(SeatPort) -> Option<String> + Sync),
}

impl Program<'_> {
    /// Makes a browser's header fields those that the program gets.
    pub(super) fn clean_request(&self, headers: &mut HeaderMap, client: IpAddr) {
        let trailing = Trailing::of(headers);
        strip_hop_by_hop(headers);
        trailing.put_in_request(headers);
        let claims: Vec<HeaderName> = headers
            .keys()
            .filter(|name| is_claim(name))
            .cloned()
            .collect();
        for name in claims {
            headers.remove(name);
        }
        cookies::to_program(headers, self.own);
        headers.insert(HOST, ascii(&format!("localhost:{}", self.port)));
        headers.insert("x-forwarded-for", ascii(&client.to_string()));
        match self.asker {
            Asker::Sibling { port, .. } => {
                headers.insert(ORIGIN, ascii(&local(*port)));
            }
            Asker::Own | Asker::Unknown if headers.contains_key(ORIGIN) => {
                headers.insert(ORIGIN, ascii(&local(self.port)));
            }
            Asker::Own | Asker::Unknown => {}
        }
        if let Some(referer) = headers.remove(REFERER)
            && let Some(referer) = self.referer(&referer)
        {
            headers.insert(REFERER, referer);
        }
    }

    /// Pages of ours are nobody's business; the seat's are where the program thinks they are.
    fn referer(&self, referer: &HeaderValue) -> Option<HeaderValue> {
        let text = referer.to_str().ok()?;
        if rest_of(text, self.own.platform.as_str()).is_some() {
            return None;
        }
        if let Some(rest) = rest_of(text, self.own.origin.as_str()) {
            return HeaderValue::try_from(format!("{}{rest}", local(self.port))).ok();
        }
        if let Asker::Sibling { origin, port } = self.asker
            && let Some(rest) = rest_of(text, origin.to_str().ok()?)
        {
            return HeaderValue::try_from(format!("{}{rest}", local(*port))).ok();
        }
        Some(referer.clone())
    }

    /// Makes the program's header fields those that a browser gets.
    pub(super) fn clean_response(&self, headers: &mut HeaderMap) {
        let trailing = Trailing::of(headers);
        strip_hop_by_hop(headers);
        trailing.put_in_answer(headers);
        for name in &DROPPED {
            headers.remove(name);
        }
        cookies::from_program(headers, self.own);
        if let Some(location) = headers.get(LOCATION)
            && let Some(moved) = self.location(location)
        {
            headers.insert(LOCATION, moved);
        }
        if let Asker::Sibling { origin, port } = self.asker
            && headers
                .get(ACCESS_CONTROL_ALLOW_ORIGIN)
                .is_some_and(|allowed| *allowed == local(*port))
        {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        }
        headers
            .entry(ORIGIN_AGENT_CLUSTER)
            .or_insert(HeaderValue::from_static("?1"));
        headers
            .entry(REFERRER_POLICY)
            .or_insert(HeaderValue::from_static("same-origin"));
        if self.own.naming == Naming::Numbers {
            self.fence_number(headers);
        }
    }

    /// What names do by themselves (a browser keeps their sites apart) has to be said at a number:
    /// only this seat's pages and the workspace frame it, and nobody else reads what it answers. With
    /// `no-referrer` a page would not show whose it is; nothing but its own origin learns more.
    fn fence_number(&self, headers: &mut HeaderMap) {
        if *self.asker == Asker::Unknown {
            headers.insert(RESOURCE_POLICY, HeaderValue::from_static("same-origin"));
        }
        if headers[REFERRER_POLICY] == "no-referrer" {
            headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
        }
        let ancestors = format!("frame-ancestors 'self' {}", self.own.platform);
        headers.append(CONTENT_SECURITY_POLICY, ascii(&ancestors));
    }

    /// A redirect to the program's idea of its own address.
    fn location(&self, location: &HeaderValue) -> Option<HeaderValue> {
        let text = location.to_str().ok()?;
        let rest = ["http://", "https://", "//"]
            .iter()
            .find_map(|scheme| text.strip_prefix(scheme))?;
        let host = LOCALHOST.iter().find(|host| rest.starts_with(**host))?;
        let rest = rest[host.len()..].strip_prefix(':')?;
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (port, path) = rest.split_at(end);
        let port: SeatPort = port.parse().ok()?;
        let path = if path.starts_with('/') {
            path.to_owned()
        } else {
            format!("/{path}")
        };
        let origin = (self.siblings)(port)?;
        HeaderValue::try_from(format!("{origin}{path}")).ok()
    }
}

/// Fields that a client has no say in (RFC 7239, and the older ones), and a ticket's trace.
fn is_claim(name: &HeaderName) -> bool {
    *name == FORWARDED
        || name.as_str().starts_with("x-forwarded-")
        || matches!(name.as_str(), "x-real-ip" | "x-request-id")
}

fn local(port: SeatPort) -> String {
    format!("http://localhost:{port}")
}

/// What is behind an origin in a URL.
fn rest_of<'a>(url: &'a str, origin: &str) -> Option<&'a str> {
    let rest = url.strip_prefix(origin)?;
    (rest.is_empty() || rest.starts_with('/')).then_some(rest)
}

fn ascii(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).expect("addresses and origins are ASCII")
}

#[cfg(test)]
mod tests;
