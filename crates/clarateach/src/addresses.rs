//! Which hosts we answer to, and the URLs that we hand out.
//!
//! A request's `Host` is parsed once into a [`HostKind`]; routing, CORS and links use that value and
//! never the text. Whoever came by a loopback name gets loopback endpoints, so that a server behind
//! `CLARATEACH_PUBLIC_URL` still works on its own machine.

// Named, so that the fuzz targets find it too: they compile this file into a crate of theirs.
#[path = "addresses/own.rs"]
mod own;

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use clarateach_protocol::code::JoinCode;
use clarateach_protocol::id::WorkshopId;
use http::Uri;
use http::uri::Authority;

pub use own::{Naming, OwnHost};

/// Every name of this installation.
#[derive(Debug, Clone)]
pub struct Addresses {
    public: Origin,
    domain: Option<String>,
    loopback_port: u16,
}

/// An origin as browsers write it (RFC 6454, section 6.2): lower case, default port left out.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Origin {
    text: String,
    scheme: Scheme,
    host: String,
    port: u16,
}

/// How an origin is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// Plain.
    Http,
    /// Through TLS, which something before us ends.
    Https,
}

/// What a request's `Host` names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HostKind {
    /// The front end and the API, at this origin.
    Platform(Origin),
    /// One workshop's seats, `{workshop}.<domain>`.
    Workshop(WorkshopId),
    /// One thing of one seat, `{port|browser}--{seat}--{workshop}.…` or a number of its own.
    Own(OwnHost),
}

/// The host is none of ours; the answer is `421`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "this server does not answer to that host. Hint: set CLARATEACH_PUBLIC_URL to the address that people use"
)]
pub struct WrongHost;

/// Why the configured names can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// The public URL is not an origin.
    #[error("public URL {url:?} is not http://host[:port] or https://host[:port] without a path")]
    PublicUrl {
        /// What was given.
        url: String,
    },
    /// The domain is not a DNS name.
    #[error(
        "domain {domain:?} is not a DNS name. Hint: write it as in class.example.org, without scheme or port"
    )]
    Domain {
        /// What was given.
        domain: String,
    },
}

impl Addresses {
    /// The names of a server that listens on `listen`. Without a public URL it is `https://<domain>`,
    /// or where there is no domain either, the listening address (localhost for any address).
    ///
    /// # Errors
    /// When the URL is more than an origin, or the domain isn't a DNS name.
    pub fn new(
        public_url: Option<&str>,
        domain: Option<&str>,
        listen: SocketAddr,
    ) -> Result<Self, AddressError> {
        let domain = domain.map(parse_domain).transpose()?;
        let public = match (public_url, &domain) {
            (Some(url), _) => Origin::parse(url).ok_or_else(|| AddressError::PublicUrl {
                url: url.to_owned(),
            })?,
            (None, Some(domain)) => Origin::new(Scheme::Https, domain, 443),
            (None, None) => default_origin(listen),
        };
        Ok(Self {
            public,
            domain,
            loopback_port: listen.port(),
        })
    }

    /// Reads a `Host` header or an authority: `host[:port]`.
    ///
    /// # Errors
    /// When it is none of ours.
    pub fn classify(&self, host: &str) -> Result<HostKind, WrongHost> {
        let (name, port) = split_host(host).ok_or(WrongHost)?;
        if name == self.public.host && port.unwrap_or(self.public.scheme.port()) == self.public.port
        {
            return Ok(HostKind::Platform(self.public.clone()));
        }
        if is_loopback(&name) && port.unwrap_or(Scheme::Http.port()) == self.loopback_port {
            return Ok(HostKind::Platform(Origin::new(
                Scheme::Http,
                &name,
                self.loopback_port,
            )));
        }
        if let Some(own) = self.own_host(&name, port) {
            return Ok(HostKind::Own(own));
        }
        self.workshop_host(&name, port)
    }

    fn workshop_host(&self, name: &str, port: Option<u16>) -> Result<HostKind, WrongHost> {
        let domain = self.domain.as_deref().ok_or(WrongHost)?;
        let label = name
            .strip_suffix(domain)
            .and_then(|rest| rest.strip_suffix('.'))
            .ok_or(WrongHost)?;
        if port.unwrap_or(self.public.scheme.port()) != self.public.port {
            return Err(WrongHost);
        }
        label.parse().map(HostKind::Workshop).map_err(|_| WrongHost)
    }

    /// Whether seats are reached below `/debug/proxy` of the platform's origin: only while no domain
    /// gives them hosts of their own.
    #[must_use]
    pub fn has_debug_proxy(&self) -> bool {
        self.domain.is_none()
    }

    /// Where people find the platform, whatever host a request came by.
    #[must_use]
    pub fn public(&self) -> &Origin {
        &self.public
    }

    /// The origin of the pages that may use what `host` serves.
    #[must_use]
    pub fn origin<'a>(&'a self, host: &'a HostKind) -> &'a Origin {
        match host {
            HostKind::Platform(origin) => origin,
            HostKind::Workshop(_) => &self.public,
            HostKind::Own(own) => &own.platform,
        }
    }

    /// Where a workshop's seats are for whoever came by `host`; `/vm/{seat}/…` is below it.
    #[must_use]
    pub fn endpoint(&self, workshop: &WorkshopId, host: &HostKind) -> String {
        match &self.domain {
            Some(domain) => {
                let host = format!("{workshop}.{domain}");
                Origin::new(self.public.scheme, &host, self.public.port).text
            }
            None => format!("{}/debug/proxy/{workshop}", self.origin(host)),
        }
    }

    /// The link that learners get: always by the public name, for it is shown to others. The code
    /// is in the fragment, which no server sees.
    #[must_use]
    pub fn join_url(&self, code: &JoinCode) -> String {
        format!("{}/join#{code}", self.public)
    }
}

impl Origin {
    fn new(scheme: Scheme, host: &str, port: u16) -> Self {
        let text = if port == scheme.port() {
            format!("{scheme}://{host}")
        } else {
            format!("{scheme}://{host}:{port}")
        };
        Self {
            text,
            scheme,
            host: host.to_owned(),
            port,
        }
    }

    fn parse(url: &str) -> Option<Self> {
        let uri: Uri = url.parse().ok()?;
        let scheme = match uri.scheme_str()? {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            _ => return None,
        };
        let (host, port) = split_host(uri.authority()?.as_str())?;
        let bare = matches!(uri.path(), "" | "/") && uri.query().is_none() && !url.contains('#');
        bare.then(|| Self::new(scheme, &host, port.unwrap_or(scheme.port())))
    }

    /// `scheme://host[:port]`, as in an `Origin` header.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// How it is reached.
    #[must_use]
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// Its port, the scheme's where none is written.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// `host[:port]`, as in a `Host` header.
    #[must_use]
    pub fn authority(&self) -> &str {
        self.text
            .split_once("://")
            .map_or(self.text.as_str(), |(_, authority)| authority)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Origin({})", self.text)
    }
}

impl Scheme {
    fn port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Http => "http",
            Self::Https => "https",
        })
    }
}

fn default_origin(listen: SocketAddr) -> Origin {
    let host = match listen.ip() {
        ip if ip.is_unspecified() || ip.is_loopback() => "localhost".to_owned(),
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    };
    Origin::new(Scheme::Http, &host, listen.port())
}

fn parse_domain(text: &str) -> Result<String, AddressError> {
    let domain = text.to_ascii_lowercase();
    let is_label = |label: &str| {
        matches!(label.len(), 1..=63)
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    if domain.split('.').all(is_label) {
        Ok(domain)
    } else {
        Err(AddressError::Domain {
            domain: text.to_owned(),
        })
    }
}

/// Host in lower case and port of `host[:port]` (RFC 9110, section 7.2); user info is no part of it.
fn split_host(text: &str) -> Option<(String, Option<u16>)> {
    let authority: Authority = text.parse().ok()?;
    let (host, rest) = (authority.host(), text.strip_prefix(authority.host())?);
    let port = match rest {
        "" => None,
        _ => Some(strict_port(rest.strip_prefix(':')?)?),
    };
    (!host.is_empty()).then(|| (host.to_ascii_lowercase(), port))
}

fn strict_port(digits: &str) -> Option<u16> {
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit()) && !digits.starts_with('0');
    plain.then(|| digits.parse().ok()).flatten()
}

fn is_loopback(name: &str) -> bool {
    if name == "localhost" {
        return true;
    }
    if let Ok(ip) = name.parse::<Ipv4Addr>() {
        return ip.is_loopback();
    }
    name.strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .and_then(|ip| ip.parse::<Ipv6Addr>().ok())
        .is_some_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests;
