//! Pages of ours at an own origin: they lead back, or wait. No script, and nothing unescaped.

use axum::body::Body;
use clarateach_protocol::origin::Target;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, RETRY_AFTER,
    X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderName, HeaderValue, Method, Response, StatusCode};

use super::super::error::{Gone, ProxyError};
use super::Asked;
use super::path::LocalPath;
use crate::addresses::{Naming, OwnHost};

/// Seconds after which a page that waits looks again.
const RELOAD_SECONDS: u32 = 2;

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;margin:0;min-height:100vh;display:grid;place-items:center;background:#f6f7f9;color:#1d2433}\
main{max-width:34rem;padding:2rem}h1{font-size:1.35rem;margin:0 0 .5rem}p{margin:.5rem 0}a{color:#0b57d0}\
code{background:#e7eaf0;border-radius:4px;padding:.1em .35em}\
@media(prefers-color-scheme:dark){body{background:#14171d;color:#e6e9ef}a{color:#8ab4f8}code{background:#2a303b}}";

/// A page, before it knows where it is shown.
pub(super) struct Page {
    status: StatusCode,
    title: String,
    text: String,
    /// What to type, where that helps.
    example: Option<String>,
    then: Then,
}

/// What the page offers.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Then {
    /// The way back to the workspace, which lets one in again.
    Enter,
    /// It looks again by itself.
    Wait,
    /// Nothing.
    Stay,
}

impl Page {
    /// What a person reads of an error.
    pub(super) fn of(error: &ProxyError) -> Self {
        let (status, _) = error.status_and_code();
        let page = |title: &str, text: &str, then| Self {
            status,
            title: title.to_owned(),
            text: text.to_owned(),
            example: None,
            then,
        };
        match error {
            ProxyError::NotEntered | ProxyError::Gone(Gone::Reset | Gone::Released) => page(
                "Open this page from your workspace",
                "This is {what}. Who may see it is known there; it brings you right back here.",
                Then::Enter,
            ),
            ProxyError::Gone(Gone::Ended) => page(
                "This workshop has ended",
                "Its seats are gone, and this page with them.",
                Then::Stay,
            ),
            ProxyError::NotOpen { .. } => page(
                "Not open to the class",
                "This is {what}. Its learner can open it to the class, in the Ports view of the workspace.",
                Then::Enter,
            ),
            ProxyError::NothingListens { port } => Self {
                example: Some(format!("python3 -m http.server {port}")),
                ..page(
                    &format!("Nothing runs on port {port} yet"),
                    "Start your server in the terminal. This page looks again every two seconds.",
                    Then::Wait,
                )
            },
            ProxyError::BrowserStarting => page(
                "The browser is starting",
                "It takes a few seconds. This page looks again every two seconds.",
                Then::Wait,
            ),
            ProxyError::BrowserQueued { position } => page(
                "Waiting for room",
                &format!(
                    "The machine has no room for another browser now. This one is number {position} in the queue; it starts by itself when it is its turn."
                ),
                Then::Wait,
            ),
            ProxyError::BrowserFailed(reason) => page(
                "The browser did not start",
                &format!(
                    "{}. It is tried again by itself.",
                    sentence(&reason.message).trim_end_matches('.')
                ),
                Then::Wait,
            ),
            ProxyError::Locked => page(
                "Locked",
                "The instructor has locked this seat; files and programs stay. This page looks again every two seconds.",
                Then::Wait,
            ),
            ProxyError::SeatUnavailable
            | ProxyError::Connect(_)
            | ProxyError::ConnectDeadline { .. } => page(
                "The seat is coming back",
                "It is being made or brought back. This page looks again every two seconds.",
                Then::Wait,
            ),
            ProxyError::SeatBusy => page(
                "Too many are looking at this",
                "The seat has as many visitors as one may. This page looks again every two seconds.",
                Then::Wait,
            ),
            ProxyError::AnswerDeadline { .. } => page(
                "The program does not answer",
                "It took the connection and said nothing for a long time. Is it stopped in a debugger, or busy?",
                Then::Stay,
            ),
            ProxyError::Broken(_) | ProxyError::BadAnswer { .. } => page(
                "What came was no web page",
                "The program on this port broke off or does not speak HTTP. Its output in the terminal may say why.",
                Then::Stay,
            ),
            other => page(
                "This did not work",
                &sentence(&other.to_string()),
                Then::Stay,
            ),
        }
    }

    /// The cookie was set and did not come back.
    pub(super) fn no_cookie() -> Self {
        Self {
            status: StatusCode::FORBIDDEN,
            title: "Your browser keeps no cookie here".to_owned(),
            text: "This is {what}. It needs one cookie to know you. Open it in a tab of its own, or allow cookies for this address.".to_owned(),
            example: None,
            then: Then::Enter,
        }
    }

    pub(super) fn respond(&self, asked: &Asked<'_>) -> Response<Body> {
        let is_head = asked.request.method == Method::HEAD;
        let body = if is_head {
            Body::empty()
        } else {
            Body::from(self.html(asked))
        };
        let mut response = Response::new(body);
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        for (name, value) in [
            (CONTENT_TYPE, "text/html; charset=utf-8"),
            (CACHE_CONTROL, "no-store"),
            (REFERRER_POLICY, "no-referrer"),
            (X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (
                HeaderName::from_static("cross-origin-opener-policy"),
                "same-origin",
            ),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        if self.then == Then::Wait {
            headers.insert(RETRY_AFTER, HeaderValue::from(RELOAD_SECONDS));
        }
        headers.insert(CONTENT_SECURITY_POLICY, policy(asked.own));
        headers.insert("x-request-id", asked.request_id.clone());
        response
    }

    fn html(&self, asked: &Asked<'_>) -> String {
        let title = escape(&self.title);
        let text = escape(&self.text.replace("{what}", &what(asked.own)));
        let reload = match self.then {
            Then::Wait => format!("<meta http-equiv=\"refresh\" content=\"{RELOAD_SECONDS}\">"),
            Then::Enter | Then::Stay => String::new(),
        };
        let example = self.example.as_ref().map_or_else(String::new, |example| {
            format!("<p>For example: <code>{}</code></p>", escape(example))
        });
        let link = match self.then {
            Then::Enter => format!(
                "<p><a href=\"{}\"{}>Open it from the workspace</a></p>",
                escape(&workspace(asked)),
                window(asked)
            ),
            Then::Wait | Then::Stay => String::new(),
        };
        format!(
            "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">{reload}\
             <title>{title}</title><style>{STYLE}</style></head><body><main><h1>{title}</h1><p>{text}</p>{example}{link}</main></body></html>"
        )
    }
}

/// Who may show this origin in a frame: itself, and the platform's pages.
pub(super) fn ancestors(own: &OwnHost) -> String {
    let platform = own.platform.as_str();
    // Who came by 127.0.0.1 has the workspace there.
    let loopback = match platform.split_once("://localhost") {
        Some((scheme, port)) => format!(" {scheme}://127.0.0.1{port}"),
        None => String::new(),
    };
    format!("frame-ancestors 'self' {platform}{loopback}")
}

fn policy(own: &OwnHost) -> HeaderValue {
    let policy = format!(
        "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; {}",
        ancestors(own)
    );
    HeaderValue::try_from(policy).expect("origins are ASCII")
}

fn what(own: &OwnHost) -> String {
    let seat = own.seat.seat.get();
    match own.target {
        Target::Port(port) => format!("port {port} of seat {seat}"),
        Target::Browser => format!("the browser of seat {seat}"),
    }
}

/// The workspace's page, with what it is to open.
fn workspace(asked: &Asked<'_>) -> String {
    let own = asked.own;
    let uri = &asked.request.uri;
    let path = if uri.path().starts_with(super::enter::PREFIX) {
        super::path::query_value(uri, "to")
            .and_then(|to| LocalPath::parse(&to))
            .unwrap_or_else(LocalPath::root)
    } else {
        LocalPath::of(uri)
    };
    format!(
        "{}/seat/{}/{}?open={}&path={}",
        own.platform,
        own.seat.workshop,
        own.seat.seat.get(),
        own.target,
        path.in_query()
    )
}

/// A frame can't show the workspace, so it opens a tab. A plain address doesn't tell where it is.
fn window(asked: &Asked<'_>) -> &'static str {
    let dest = asked.request.headers.get("sec-fetch-dest");
    let is_tab = match asked.own.naming {
        Naming::Names => dest.is_none_or(|dest| dest == "document"),
        Naming::Numbers => false,
    };
    if is_tab {
        ""
    } else {
        " target=\"_blank\" rel=\"noopener\""
    }
}

/// What our errors say begins small and ends without a full stop.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string());
    format!("{}{}.", first.unwrap_or_default(), letters.as_str())
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_is_locked_out_is_let_in_again_without_a_click() {
        let page = Page::of(&ProxyError::Locked);
        assert_eq!(page.status, StatusCode::LOCKED);
        assert_eq!(page.title, "Locked");
        assert!(page.then == Then::Wait, "it would stay after the unlock");
    }
}
