//! Whether another device ever got a page and a live connection: what "open this on your phone" asks.
//!
//! Only the first of each is noted, and only from addresses that aren't this machine's. It tells an
//! instructor that Wi-Fi and firewall let a class in; nothing depends on it.

use std::net::IpAddr;
use std::sync::Arc;

use time::OffsetDateTime;
use tokio::sync::watch;

use crate::room::Machine;

/// What was seen of other devices.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ReachView {
    /// When one first got a page, in UTC.
    pub page_at: Option<OffsetDateTime>,
    /// When one first had a live connection, in UTC.
    pub websocket_at: Option<OffsetDateTime>,
}

impl ReachView {
    /// Whether another device got all that a learner needs.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.page_at.is_some() && self.websocket_at.is_some()
    }
}

/// The notes; clones share them.
#[derive(Clone, Default)]
pub struct Reach {
    seen: Arc<watch::Sender<ReachView>>,
}

impl Reach {
    /// What was seen so far.
    #[must_use]
    pub fn view(&self) -> ReachView {
        *self.seen.borrow()
    }

    /// Hears of each change.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<ReachView> {
        self.seen.subscribe()
    }

    /// Somebody at `client` who isn't the instructor got a page.
    pub fn got_page(&self, client: IpAddr) {
        self.note(client, |view| &mut view.page_at);
    }

    /// Somebody at `client` who isn't the instructor had a live connection, both ways.
    pub fn got_websocket(&self, client: IpAddr) {
        self.note(client, |view| &mut view.websocket_at);
    }

    fn note(&self, client: IpAddr, field: fn(&mut ReachView) -> &mut Option<OffsetDateTime>) {
        let is_noted = field(&mut self.view()).is_some();
        if is_noted || !is_foreign(client) {
            return;
        }
        self.seen.send_if_modified(|view| {
            let field = field(view);
            let is_first = field.is_none();
            field.get_or_insert_with(OffsetDateTime::now_utc);
            is_first
        });
    }
}

/// Whether an address is another machine's. Where the kernel doesn't tell ours, none is.
fn is_foreign(client: IpAddr) -> bool {
    let client = client.to_canonical();
    let is_ours =
        client.is_loopback() || Machine::read().map_or(true, |machine| machine.has(client));
    !is_ours
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn this_machines_own_addresses_are_no_other_device() {
        let reach = Reach::default();
        let own = Machine::read().unwrap().interfaces;
        assert!(!own.is_empty());
        for interface in own {
            reach.got_page(interface.address);
            reach.got_websocket(interface.address);
        }
        reach.got_page(ip("::ffff:127.0.0.1"));
        assert_eq!(reach.view(), ReachView::default());
        // The positive control: no machine has this one (RFC 5737).
        reach.got_page(ip("203.0.113.9"));
        assert!(reach.view().page_at.is_some());
        assert!(!reach.view().is_complete());
    }

    #[test]
    fn only_the_first_of_each_is_noted() {
        let reach = Reach::default();
        let mut changes = reach.subscribe();
        reach.got_websocket(ip("203.0.113.9"));
        let first = *changes.borrow_and_update();
        reach.got_websocket(ip("203.0.113.10"));
        assert!(!changes.has_changed().unwrap());
        assert_eq!(reach.view(), first);
        reach.got_page(ip("203.0.113.10"));
        assert!(reach.view().is_complete());
    }
}
