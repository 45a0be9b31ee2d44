//! Where a browser goes on an own origin: a path, and never another place.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Bytes of a path at the most.
const MAX_BYTES: usize = 2048;
/// What stays as it is in a query's value (RFC 3986, section 2.3).
const IN_QUERY: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'/');

/// A path on the same origin, query and fragment included, as it stands in a `Location`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LocalPath(String);

impl LocalPath {
    /// `/`.
    pub(super) fn root() -> Self {
        Self("/".to_owned())
    }

    /// Reads a path. URL parsers take `//host` and `/\host` for another host, and drop tabs and
    /// line ends before they look (WHATWG URL, section 4.4).
    pub(super) fn parse(text: &str) -> Option<Self> {
        let is_local = text.starts_with('/')
            && !text.starts_with("//")
            && !text.contains('\\')
            && text.bytes().all(|byte| byte.is_ascii_graphic())
            && !text.starts_with(super::enter::PREFIX)
            && text.len() <= MAX_BYTES;
        is_local.then(|| Self(text.to_owned()))
    }

    /// Path and query of a request.
    pub(super) fn of(uri: &http::Uri) -> Self {
        uri.path_and_query()
            .and_then(|path| Self::parse(path.as_str()))
            .unwrap_or_else(Self::root)
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// As the value of a query's field.
    pub(super) fn in_query(&self) -> String {
        utf8_percent_encode(&self.0, IN_QUERY).to_string()
    }
}

/// The decoded value of a query's field, where it is there once.
pub(super) fn query_value(uri: &http::Uri, name: &str) -> Option<String> {
    let mut values = uri.query()?.split('&').filter_map(|pair| {
        let value = pair.strip_prefix(name)?.strip_prefix('=')?;
        percent_encoding::percent_decode_str(value)
            .decode_utf8()
            .ok()
    });
    let first = values.next()?;
    values.next().is_none().then(|| first.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_paths_of_the_same_origin_are_taken() {
        for right in ["/", "/a/b?c=d&e#f", "/a//b", "/%2f%2fevil", "/?u=http://x/"] {
            assert_eq!(LocalPath::parse(right).unwrap().as_str(), right);
        }
        for wrong in [
            "",
            "a",
            "//evil.test",
            "/\\evil.test",
            "/a\\b",
            "http://evil.test/",
            "/a b",
            "/\t/evil",
            "/\r\nSet-Cookie: a=b",
            "/é",
            "/.clarateach/enter?ticket=x",
        ] {
            assert_eq!(LocalPath::parse(wrong), None, "{wrong:?} was taken");
        }
        assert_eq!(
            LocalPath::parse(&format!("/{}", "a".repeat(MAX_BYTES))),
            None
        );
    }

    proptest! {
        #[test]
        fn a_path_survives_a_query(path in "/[!-~]{0,40}") {
            if let Some(local) = LocalPath::parse(&path) {
                let uri: http::Uri = format!("/x?to={}", local.in_query()).parse().unwrap();
                prop_assert_eq!(query_value(&uri, "to"), Some(path));
            }
        }
    }
}
