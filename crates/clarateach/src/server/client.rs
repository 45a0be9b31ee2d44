//! Who a request comes from, where proxies stand between.

use std::net::IpAddr;

use http::HeaderMap;

use crate::model::Cidr;

/// The peer's address, or behind a trusted proxy the last one that it added to `X-Forwarded-For`.
pub(super) fn client_address(peer: IpAddr, headers: &HeaderMap, trusted: &[Cidr]) -> IpAddr {
    let peer = peer.to_canonical();
    if !is_trusted(peer, trusted) {
        return peer;
    }
    headers
        .get_all("x-forwarded-for")
        .iter()
        .next_back()
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.rsplit(',').next())
        .and_then(|address| address.trim().parse::<IpAddr>().ok())
        .map_or(peer, |address| address.to_canonical())
}

/// Whether the last proxy got the request without TLS, as it says.
pub(super) fn came_plainly(headers: &HeaderMap) -> bool {
    let proto = headers.get_all("x-forwarded-proto").iter().next_back();
    proto
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.rsplit(',').next())
        .is_some_and(|proto| proto.trim().eq_ignore_ascii_case("http"))
}

/// Whether `X-Forwarded-For` of that peer is believed.
pub(super) fn is_trusted(peer: IpAddr, trusted: &[Cidr]) -> bool {
    match peer {
        IpAddr::V4(ip) => trusted.iter().any(|network| network.contains(ip)),
        IpAddr::V6(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn only_trusted_proxies_are_believed() {
        let mut headers = HeaderMap::new();
        headers.append("x-forwarded-for", HeaderValue::from_static("10.9.9.9"));
        headers.append(
            "x-forwarded-for",
            HeaderValue::from_static("1.1.1.1, 192.0.2.7"),
        );
        let caddy: IpAddr = "127.0.0.1".parse().unwrap();
        let trusted = ["127.0.0.0/8".parse().unwrap()];
        assert_eq!(client_address(caddy, &headers, &[]), caddy);
        let client: IpAddr = "192.0.2.7".parse().unwrap();
        assert_eq!(client_address(caddy, &headers, &trusted), client);
        let mapped = "::ffff:127.0.0.1".parse().unwrap();
        assert_eq!(client_address(mapped, &headers, &trusted), client);
        let other: IpAddr = "192.0.2.99".parse().unwrap();
        assert_eq!(client_address(other, &headers, &trusted), other);
    }
}
