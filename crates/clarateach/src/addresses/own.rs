//! Names of the origins that show one thing of one seat.
//!
//! By name where names can be made up (`*.localhost`, below a domain), by number in a room: there the
//! server listens on a port for each. A name is parsed once, here, into what it shows.

use clarateach_protocol::id::SeatKey;
use clarateach_protocol::origin::Target;

use super::{Addresses, HostKind, Origin, Scheme, WrongHost, is_loopback, split_host};

/// An origin of a seat's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnHost {
    /// The seat; credentials are compared with this value.
    pub seat: SeatKey,
    /// What it shows of the seat.
    pub target: Target,
    /// The origin itself.
    pub origin: Origin,
    /// Where the workspace is for whoever came here.
    pub platform: Origin,
    /// How it is told from others.
    pub naming: Naming,
}

/// How own origins are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Naming {
    /// Each has a host name: browsers keep their cookies apart, and take `Secure` ones.
    Names,
    /// Each has a port of the same plain address: they share cookies.
    Numbers,
}

impl Addresses {
    /// How own origins are told apart for whoever came by `host`; `None`: there are none, since a
    /// proxy that ends TLS for one name passes neither other names nor other ports on.
    #[must_use]
    pub fn own_naming(&self, host: &HostKind) -> Option<Naming> {
        match (&self.domain, self.origin(host)) {
            (Some(_), _) => Some(Naming::Names),
            (None, origin) if is_loopback(&origin.host) => Some(Naming::Names),
            (None, origin) if origin.scheme == Scheme::Http => Some(Naming::Numbers),
            (None, _) => None,
        }
    }

    /// The named origin of a seat's target, for whoever came by `host`.
    #[must_use]
    pub fn own_by_name(&self, seat: SeatKey, target: Target, host: &HostKind) -> OwnHost {
        let label = format!("{target}--{}--{}", seat.seat.get(), seat.workshop);
        let platform = self.origin(host);
        let (origin, platform) = match &self.domain {
            Some(domain) => (
                Origin::new(
                    self.public.scheme,
                    &format!("{label}.{domain}"),
                    self.public.port,
                ),
                self.public.clone(),
            ),
            None => {
                let (scheme, port) = (platform.scheme, platform.port);
                (
                    Origin::new(scheme, &format!("{label}.localhost"), port),
                    Origin::new(scheme, "localhost", port),
                )
            }
        };
        OwnHost {
            seat,
            target,
            origin,
            platform,
            naming: Naming::Names,
        }
    }

    /// The origin of a seat's target at a number of its own.
    #[must_use]
    pub fn own_by_number(&self, seat: SeatKey, target: Target, number: u16) -> OwnHost {
        OwnHost {
            seat,
            target,
            origin: Origin::new(Scheme::Http, &self.public.host, number),
            platform: self.public.clone(),
            naming: Naming::Numbers,
        }
    }

    /// Whether a `Host` header is right at that own origin's listener.
    ///
    /// # Errors
    /// When it names another host or port.
    pub fn check_numbered(&self, host: &str, own: &OwnHost) -> Result<(), WrongHost> {
        let (name, port) = split_host(host).ok_or(WrongHost)?;
        let right =
            name == own.origin.host && port.unwrap_or(Scheme::Http.port()) == own.origin.port;
        right.then_some(()).ok_or(WrongHost)
    }

    /// The named own origin that an `Origin` header or the start of a URL names.
    #[must_use]
    pub fn named_origin(&self, text: &str) -> Option<OwnHost> {
        let (_, authority) = text.split_once("://")?;
        match self.classify(authority).ok()? {
            HostKind::Own(own) if own.origin.as_str() == text => Some(own),
            _ => None,
        }
    }

    /// What pages of ours may show in frames, as sources of a Content-Security-Policy (CSP level 3).
    #[must_use]
    pub fn frame_sources(&self) -> String {
        let names = |scheme: Scheme, domain: &str, port: u16| {
            Origin::new(scheme, &format!("*.{domain}"), port).text
        };
        if let Some(domain) = &self.domain {
            return names(self.public.scheme, domain, self.public.port);
        }
        let mut sources = names(Scheme::Http, "localhost", self.loopback_port);
        if is_loopback(&self.public.host) {
            if self.public.port != self.loopback_port {
                sources += " ";
                sources += &names(self.public.scheme, "localhost", self.public.port);
            }
        } else if self.public.scheme == Scheme::Http {
            sources += &format!(" http://{}:*", self.public.host);
        }
        sources
    }

    /// Reads a host name and port as that of an own origin.
    pub(super) fn own_host(&self, name: &str, port: Option<u16>) -> Option<OwnHost> {
        let via = self.platform_of(name, port)?;
        let suffix = self.domain.as_deref().unwrap_or("localhost");
        let label = name.strip_suffix(suffix)?.strip_suffix('.')?;
        let (target, rest) = label.split_once("--")?;
        let (seat, workshop) = rest.split_once("--")?;
        let seat = SeatKey {
            workshop: workshop.parse().ok()?,
            seat: seat.parse().ok()?,
        };
        let own = self.own_by_name(seat, target.parse().ok()?, &HostKind::Platform(via));
        // Whatever other spelling may be parsed: only the one that we hand out is an own origin.
        (own.origin.host == name).then_some(own)
    }

    /// The platform's origin beside own origins at that port.
    fn platform_of(&self, name: &str, port: Option<u16>) -> Option<Origin> {
        let is_public = port.unwrap_or(self.public.scheme.port()) == self.public.port;
        if self.domain.is_some() {
            return is_public.then(|| self.public.clone());
        }
        if !name.ends_with(".localhost") {
            return None;
        }
        if is_public && is_loopback(&self.public.host) {
            return Some(self.public.clone());
        }
        (port.unwrap_or(Scheme::Http.port()) == self.loopback_port)
            .then(|| Origin::new(Scheme::Http, "localhost", self.loopback_port))
    }
}
