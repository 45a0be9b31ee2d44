//! Which server is meant: a URL with one spelling, so that a token is tied to it.

use std::str::FromStr;

use http::Uri;

/// `http[s]://host[:port]`, lower case, without a default port, and nothing behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ServerUrl(String);

impl FromStr for ServerUrl {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const EXPECTED: &str = "expected a URL such as http://localhost:8080";
        let uri: Uri = text.trim().parse().map_err(|_| EXPECTED)?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(EXPECTED);
        };
        let default_port = match scheme {
            "http" => 80,
            "https" => 443,
            _ => return Err(EXPECTED),
        };
        if uri.path() != "/" || uri.query().is_some() || authority.as_str().contains('@') {
            return Err(EXPECTED);
        }
        let host = authority.host().to_ascii_lowercase();
        let port = authority
            .port_u16()
            .filter(|port| *port != default_port)
            .map(|port| format!(":{port}"))
            .unwrap_or_default();
        Ok(Self(format!("{scheme}://{host}{port}")))
    }
}

impl ServerUrl {
    /// Whether it is this machine: `localhost`, or an address of the loopback interface.
    pub(super) fn is_loopback(&self) -> bool {
        let uri: Option<Uri> = self.0.parse().ok();
        let host = uri.as_ref().and_then(Uri::host).unwrap_or_default();
        let address = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
        host == "localhost" || address.is_ok_and(|address| address.is_loopback())
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_has_one_spelling() {
        let parsed = |text: &str| text.parse::<ServerUrl>().map(|url| url.0);
        for (given, origin) in [
            ("http://localhost:8080/", "http://localhost:8080"),
            ("https://Class.Example.org:443", "https://class.example.org"),
            ("HTTP://[::1]:80", "http://[::1]"),
        ] {
            assert_eq!(parsed(given).unwrap(), origin);
        }
        for wrong in [
            "localhost:8080",
            "http://a/b",
            "http://u:p@a",
            "ftp://a",
            "",
            "https://a?b",
        ] {
            assert!(parsed(wrong).is_err(), "{wrong:?} was taken");
        }
    }

    #[test]
    fn this_machine_is_told_from_others() {
        let here = |text: &str| text.parse::<ServerUrl>().unwrap().is_loopback();
        for local in [
            "http://localhost",
            "http://127.0.0.1:8080",
            "http://[::1]:8080",
        ] {
            assert!(here(local), "{local}");
        }
        for other in ["http://192.168.1.5:8080", "https://localhost.example.org"] {
            assert!(!here(other), "{other}");
        }
    }
}
