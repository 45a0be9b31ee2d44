//! Input: lines, each as a `Cookie` and as a `Set-Cookie`.

use http::header::{COOKIE, SET_COOKIE};
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::addresses::{Naming, OwnHost};
use crate::installations;
use crate::proxy::origin::{from_program, only, to_program};

const OURS: &str = "clarateach-origin-ab";
const SECRET: &str = "a-secret-of-ours";

/// Ours reach no program, nor does one program's reach another; a program sets none of ours and none
/// for other hosts.
///
/// # Panics
/// When one does.
pub fn check_cookies(data: &[u8]) {
    let requested = read(data, &COOKIE);
    let answered = read(data, &SET_COOKIE);
    for (own, _) in installations::own_origins() {
        check_request(&requested, &own);
        check_answer(&answered, &own);
    }
    check_only(&requested);
}

fn check_request(requested: &HeaderMap, own: &OwnHost) {
    let mut headers = requested.clone();
    let ours = format!("x=1; {OURS}={SECRET}; p20008-x=2");
    headers.append(COOKIE, HeaderValue::try_from(ours).expect("ASCII"));
    to_program(&mut headers, own);
    assert!(headers.get_all(COOKIE).iter().count() <= 1);
    let line = headers
        .get(COOKIE)
        .map_or("", |line| line.to_str().expect("ASCII"));
    for (name, value) in pairs(line) {
        assert!(!is_ours(name), "{name} went to a program");
        let leaks = value == SECRET && !contains(requested, SECRET);
        assert!(!leaks, "our cookie went as {name}");
        let sent = match own.naming {
            Naming::Names => name.to_owned(),
            Naming::Numbers => format!("p{}-{name}", own.origin.port()),
        };
        let was_sent = sent == "x" || sent == "p20008-x" || {
            let lines = requested.get_all(COOKIE).iter();
            let mut lines = lines.filter_map(|line| line.to_str().ok());
            lines.any(|line| pairs(line).any(|pair| pair == (sent.as_str(), value)))
        };
        assert!(was_sent, "{name} came out of nowhere");
    }
}

fn check_answer(answered: &HeaderMap, own: &OwnHost) {
    let mut headers = answered.clone();
    from_program(&mut headers, own);
    for line in headers.get_all(SET_COOKIE) {
        let line = line.to_str().expect("ASCII");
        let mut parts = line.split(';').map(str::trim);
        let (name, _) = parts
            .next()
            .and_then(|pair| pair.split_once('='))
            .expect("a pair");
        assert!(!name.trim().is_empty() && !is_ours(name), "{line}");
        let words: Vec<String> = parts.map(str::to_ascii_lowercase).collect();
        let has = |word: &str| {
            let is = |part: &&String| part.split('=').next().unwrap_or_default().trim() == word;
            words.iter().filter(is).count()
        };
        assert_eq!((has("domain"), has("samesite")), (0, 1), "{line}");
        match own.naming {
            Naming::Names => {
                assert!(words.contains(&"samesite=none".to_owned()), "{line}");
                assert_eq!((has("secure"), has("partitioned")), (1, 1), "{line}");
            }
            Naming::Numbers => {
                let prefix = format!("p{}-", own.origin.port());
                let theirs = name.strip_prefix(&prefix).expect("a name of this number's");
                assert!(!is_ours(theirs), "{line}");
                assert!(words.contains(&"samesite=lax".to_owned()), "{line}");
                assert_eq!(has("secure"), 0, "{line}");
            }
        }
    }
}

/// A name that is there twice has no value: another page may have set the second.
fn check_only(requested: &HeaderMap) {
    let mut values = Vec::new();
    for line in requested.get_all(COOKIE) {
        if let Ok(line) = line.to_str() {
            values.extend(
                pairs(line)
                    .filter(|(name, _)| *name == "a")
                    .map(|(_, value)| value),
            );
        }
    }
    let expected = match values.as_slice() {
        [value] => Some(*value),
        _ => None,
    };
    assert_eq!(only(requested, "a"), expected);
}

fn read(data: &[u8], name: &HeaderName) -> HeaderMap {
    let lines = data.split(|byte| *byte == b'\n');
    let values = lines.filter_map(|line| HeaderValue::from_bytes(line.trim_ascii()).ok());
    values.map(|value| (name.clone(), value)).collect()
}

fn contains(headers: &HeaderMap, text: &str) -> bool {
    let is_in = |value: &HeaderValue| {
        let windows = value.as_bytes().windows(text.len());
        windows.into_iter().any(|window| window == text.as_bytes())
    };
    headers.values().any(is_in)
}

/// As a server reads them (RFC 6265, section 4.2.1).
fn pairs(line: &str) -> impl Iterator<Item = (&str, &str)> {
    let pairs = line.split(';').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (name.trim(), value.trim()))
}

/// A name of the platform's, behind whatever browsers put before it.
fn is_ours(name: &str) -> bool {
    let lower = name.trim().to_ascii_lowercase();
    let mut rest = lower.as_str();
    while let Some(behind) = rest
        .strip_prefix("__host-")
        .or_else(|| rest.strip_prefix("__secure-"))
    {
        rest = behind;
    }
    rest.starts_with("clarateach-")
}
