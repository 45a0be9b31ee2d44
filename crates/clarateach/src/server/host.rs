//! For which of our hosts a request is, and whether it came the way that host wants.

use std::sync::{Arc, PoisonError};

use http::header::HOST;
use http::{HeaderValue, Request};

use super::refusal::Refusal;
use super::{Came, Door, Server, client};
use crate::addresses::{HostKind, Scheme, WrongHost};
use crate::arriving::Arriving;

impl Server {
    /// Where a request should have come, if a trusted proxy says that it came without TLS to a host that
    /// is reached through TLS: what we set there is for TLS alone.
    pub(super) fn https_url(
        &self,
        request: &Request<Arriving>,
        host: &HostKind,
        came: &Came,
    ) -> Option<HeaderValue> {
        let is_https = self.addresses.origin(host).scheme() == Scheme::Https;
        let peer = came.peer.ip().to_canonical();
        if !is_https
            || !client::is_trusted(peer, &self.trusted_proxies)
            || !client::came_plainly(request.headers())
        {
            return None;
        }
        let host = request.headers().get(HOST)?.to_str().ok()?;
        let path = request.uri().path_and_query()?;
        HeaderValue::try_from(format!("https://{host}{path}")).ok()
    }

    /// The host that a request is for: one `Host`, and the same in a target that has one itself
    /// (RFC 9112, sections 3.2 and 3.2.2).
    pub(super) fn host(
        &self,
        request: &Request<Arriving>,
        came: &Came,
    ) -> Result<Arc<HostKind>, Refusal> {
        if !matches!(request.uri().path().as_bytes(), [b'/', ..] | b"*")
            || crate::proxy::is_refused_method(request.method())
        {
            return Err(Refusal::BadTarget);
        }
        let mut hosts = request.headers().get_all(HOST).iter();
        let (Some(host), None) = (hosts.next(), hosts.next()) else {
            return Err(Refusal::BadHost);
        };
        let text = host.to_str().map_err(|_| Refusal::BadHost)?;
        if let Some(authority) = request.uri().authority()
            && !authority.as_str().eq_ignore_ascii_case(text)
        {
            return Err(Refusal::BadHost);
        }
        let kind = match came.door {
            Door::Main => self.main_host((host, text), came),
            Door::Numbered(number) => self.numbered_host(text, number).map(Arc::new),
        };
        kind.map_err(|_| Refusal::WrongHost)
    }

    /// What a host names never changes, and a connection's requests mostly name one.
    fn main_host(
        &self,
        (host, text): (&HeaderValue, &str),
        came: &Came,
    ) -> Result<Arc<HostKind>, WrongHost> {
        let mut last = came
            .last_host
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some((_, kind)) = last.as_ref().filter(|(known, _)| known == host) {
            return Ok(Arc::clone(kind));
        }
        let kind = Arc::new(self.addresses.classify(text)?);
        *last = Some((host.clone(), Arc::clone(&kind)));
        Ok(kind)
    }

    /// A number stands for one own origin, and for no other host.
    fn numbered_host(&self, host: &str, number: u16) -> Result<HostKind, WrongHost> {
        let (seat, target) = self.gateway.numbered(number).ok_or(WrongHost)?;
        let own = self.addresses.own_by_number(seat, target, number);
        self.addresses.check_numbered(host, &own)?;
        Ok(HostKind::Own(own))
    }
}
