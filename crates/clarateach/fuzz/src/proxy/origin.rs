//! Own origins' modules that read what browsers and programs write, opened to the checks.

#[path = "../../../src/proxy/origin/cookies.rs"]
mod cookies;
#[path = "../../../src/proxy/origin/fields.rs"]
mod fields;

use clarateach_protocol::origin::SeatPort;
use http::HeaderMap;

use crate::addresses::OwnHost;
use fields::Program;

/// Who asks, as `fields` knows it. The server finds out in a module that answers requests as well.
mod asker {
    use clarateach_protocol::origin::SeatPort;
    use http::HeaderValue;

    #[derive(PartialEq)]
    pub(super) enum Asker {
        Own,
        Sibling { origin: HeaderValue, port: SeatPort },
        Unknown,
    }
}

/// A request's header fields as the program gets them.
pub(crate) fn clean_request(headers: &mut HeaderMap, own: &OwnHost, port: SeatPort) {
    with_program(own, port, |program| {
        program.clean_request(headers, crate::installations::CLIENT);
    });
}

/// A program's header fields as the browser gets them.
pub(crate) fn clean_response(headers: &mut HeaderMap, own: &OwnHost, port: SeatPort) {
    with_program(own, port, |program| program.clean_response(headers));
}

fn with_program(own: &OwnHost, port: SeatPort, work: impl FnOnce(&Program<'_>)) {
    let nothing = |_| None;
    work(&Program {
        own,
        port,
        asker: &asker::Asker::Unknown,
        siblings: &nothing,
    });
}

/// A request's cookies as the program gets them.
pub(crate) fn to_program(headers: &mut HeaderMap, own: &OwnHost) {
    cookies::to_program(headers, own);
}

/// A program's cookies as the browser gets them.
pub(crate) fn from_program(headers: &mut HeaderMap, own: &OwnHost) {
    cookies::from_program(headers, own);
}

/// The value of the one cookie of that name.
pub(crate) fn only<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    cookies::only(headers, name)
}
