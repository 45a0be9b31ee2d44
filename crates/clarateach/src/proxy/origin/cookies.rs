//! Cookies at own origins: ours stay with us, a program's reach that program alone.
//!
//! Where an origin has a name, cookies are its own already. At a plain address all ports share them
//! (RFC 6265, section 8.5), so each number gives its program's a prefix there and takes it off again.

use http::header::{COOKIE, SET_COOKIE};
use http::{HeaderMap, HeaderValue};

use crate::addresses::{Naming, OwnHost, Scheme};

/// What names of ours begin with, behind a prefix that browsers give a meaning to.
const OURS: &str = "clarateach-";
/// Prefixes that bind a cookie to `Secure` (RFC 6265bis, section 4.1.3).
const BROWSERS: [&str; 2] = ["__Host-", "__Secure-"];

/// The value of the one cookie of that name; two of it are refused, for another page of the same
/// address may have set the second.
pub(super) fn only<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut values = pairs(headers).filter(|(found, _)| *found == name);
    let (_, value) = values.next()?;
    values.next().is_none().then_some(value)
}

/// Every cookie of a request. What isn't text is no cookie of anybody here.
fn pairs(headers: &HeaderMap) -> impl Iterator<Item = (&str, &str)> {
    headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .map(|(name, value)| (name.trim(), value.trim()))
}

fn is_ours(name: &str) -> bool {
    let mut rest = name;
    while let Some(behind) = BROWSERS
        .iter()
        .find_map(|prefix| strip_caseless(rest, prefix))
    {
        rest = behind;
    }
    strip_caseless(rest, OURS).is_some()
}

fn strip_caseless<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let (head, rest) = text.split_at_checked(prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then_some(rest)
}

/// Prefix of a program's cookies where ports share them.
fn prefix(own: &OwnHost) -> Option<String> {
    (own.naming == Naming::Numbers).then(|| format!("p{}-", own.origin.port()))
}

/// Leaves what is the program's in a request's cookies.
pub(super) fn to_program(headers: &mut HeaderMap, own: &OwnHost) {
    let prefix = prefix(own);
    let theirs: Vec<String> = pairs(headers)
        .filter_map(|(name, value)| {
            let name = match &prefix {
                // With a space behind the prefix it is none that we made, and not the name that it seems.
                Some(prefix) => name
                    .strip_prefix(prefix.as_str())
                    .filter(|name| *name == name.trim())?,
                None => name,
            };
            (!is_ours(name)).then(|| format!("{name}={value}"))
        })
        .collect();
    headers.remove(COOKIE);
    if let Ok(line) = HeaderValue::try_from(theirs.join("; "))
        && !theirs.is_empty()
    {
        headers.insert(COOKIE, line);
    }
}

/// Makes a program's `Set-Cookie` lines those that this origin may set.
pub(super) fn from_program(headers: &mut HeaderMap, own: &OwnHost) {
    let lines: Vec<HeaderValue> = headers
        .get_all(SET_COOKIE)
        .iter()
        .filter_map(|line| HeaderValue::try_from(set_cookie(line.to_str().ok()?, own)?).ok())
        .collect();
    headers.remove(SET_COOKIE);
    for line in lines {
        headers.append(SET_COOKIE, line);
    }
}

/// One line. `Domain` goes, for it would reach other origins. In a workspace's frame only
/// `SameSite=None; Secure; Partitioned` is kept by browsers; requests from other sites are refused
/// before they reach a program, which is what `SameSite` is for. A plain address can't be `Secure`.
fn set_cookie(line: &str, own: &OwnHost) -> Option<String> {
    let mut parts = line.split(';').map(str::trim);
    let (name, value) = parts.next()?.split_once('=')?;
    let name = name.trim();
    if name.is_empty() || is_ours(name) {
        return None;
    }
    let mut cookie = format!("{}{name}={}", prefix(own).unwrap_or_default(), value.trim());
    for attribute in parts {
        let word = attribute.split('=').next().unwrap_or_default().trim();
        let is_set_here = ["domain", "samesite", "secure", "partitioned"]
            .iter()
            .any(|ours| word.eq_ignore_ascii_case(ours));
        if !is_set_here && !attribute.is_empty() {
            cookie += "; ";
            cookie += attribute;
        }
    }
    cookie += "; ";
    cookie += attributes(own);
    Some(cookie)
}

/// Attributes of our cookies at an own origin: in a frame of another site only the first work, and a
/// plain address has no other site and no `Secure`.
pub(super) fn attributes(own: &OwnHost) -> &'static str {
    match (own.naming, own.origin.scheme()) {
        (Naming::Names, Scheme::Http | Scheme::Https) => "SameSite=None; Secure; Partitioned",
        (Naming::Numbers, _) => "SameSite=Lax",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::addresses::{Addresses, HostKind};
    use proptest::prelude::*;

    fn named() -> OwnHost {
        let addresses = Addresses::new(None, None, "127.0.0.1:8080".parse().unwrap()).unwrap();
        match addresses.classify("5173--3--ws-abcdefgh.localhost:8080") {
            Ok(HostKind::Own(own)) => own,
            other => panic!("{other:?}"),
        }
    }

    fn numbered() -> OwnHost {
        let listen = "0.0.0.0:8080".parse().unwrap();
        let addresses = Addresses::new(Some("http://192.0.2.1:8080"), None, listen).unwrap();
        let own = named();
        addresses.own_by_number(own.seat, own.target, 20007)
    }

    fn cookies(lines: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(COOKIE, HeaderValue::from_str(line).unwrap());
        }
        headers
    }

    fn passed(lines: &[&str], own: &OwnHost) -> Option<String> {
        let mut headers = cookies(lines);
        to_program(&mut headers, own);
        headers
            .get(COOKIE)
            .map(|line| line.to_str().unwrap().to_owned())
    }

    #[test]
    fn cookies_of_ours_never_reach_a_program() {
        let lines = [
            "clarateach-origin-ab=x; session=1; clarateach-seat-ab=y",
            "__Host-clarateach-session-ab=z; __host-Clarateach-x=q;theme=dark=er; flag",
        ];
        assert_eq!(
            passed(&lines, &named()).as_deref(),
            Some("session=1; theme=dark=er")
        );
        assert_eq!(passed(&["clarateach-origin-ab=x"], &named()), None);
    }

    #[test]
    fn where_ports_share_cookies_each_program_gets_its_own() {
        let lines = [
            "p20007-a=1; p20008-a=2; a=3; clarateach-origin-ab-20007=x; p20007-clarateach-x=y; p20007- clarateach-y=z",
        ];
        assert_eq!(passed(&lines, &numbered()).as_deref(), Some("a=1"));
    }

    #[test]
    fn a_program_sets_cookies_for_its_own_origin_only() {
        for (line, by_name, by_number) in [
            (
                "a=b; Path=/x; HttpOnly; Max-Age=3",
                Some("a=b; Path=/x; HttpOnly; Max-Age=3; SameSite=None; Secure; Partitioned"),
                Some("p20007-a=b; Path=/x; HttpOnly; Max-Age=3; SameSite=Lax"),
            ),
            (
                "a=b; Domain=localhost; secure; SameSite=Strict",
                Some("a=b; SameSite=None; Secure; Partitioned"),
                Some("p20007-a=b; SameSite=Lax"),
            ),
            ("clarateach-origin-ab=x", None, None),
            ("__Host-clarateach-session-ab=x; Secure; Path=/", None, None),
            ("__Secure-__Host-clarateach-x=x", None, None),
            ("CLARATEACH-seat-ab=x", None, None),
            ("=x", None, None),
            ("flag", None, None),
        ] {
            assert_eq!(set_cookie(line, &named()).as_deref(), by_name, "{line}");
            assert_eq!(
                set_cookie(line, &numbered()).as_deref(),
                by_number,
                "{line}"
            );
        }
    }

    proptest! {
        #[test]
        fn whatever_is_set_reaches_neither_our_names_nor_another_host(line in "[ -~]{0,60}") {
            for own in [named(), numbered()] {
                if let Some(cookie) = set_cookie(&line, &own) {
                    let lower = cookie.to_lowercase();
                    let is_ours = lower.starts_with("clarateach-") || lower.starts_with("__host-clarateach-");
                    prop_assert!(!is_ours);
                    for attribute in lower.split(';').skip(1) {
                        prop_assert_ne!(attribute.trim().split('=').next().unwrap().trim(), "domain");
                    }
                }
            }
        }

        #[test]
        fn our_cookies_stay_whatever_stands_around_them(before in "[ -~]{0,30}", after in "[ -~]{0,30}") {
            let line = format!("{before}; clarateach-origin-ab=secret; {after}");
            for own in [named(), numbered()] {
                let passed = passed(&[&line], &own).unwrap_or_default();
                prop_assert!(!passed.contains("clarateach-origin-ab=secret"));
            }
        }
    }
}
