//! The front end, embedded in the binary, and the headers that fence it in.

use std::collections::HashMap;
use std::io::Write;
use std::sync::{LazyLock, Mutex, PoisonError};

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use rust_embed::{EmbeddedFile, RustEmbed};

use super::error::{self, ApiError};
use super::extract::From;
use super::{ApiState, reach};
use crate::addresses::Addresses;

#[derive(RustEmbed)]
#[folder = "../../web/dist"]
#[allow_missing = true]
struct Pages;

/// What pages of ours may do.
#[derive(Clone)]
pub(super) struct Policy(HeaderValue);

impl Policy {
    /// No script that isn't ours, no frame around us, and in our frames nothing but seats' own origins.
    /// Styles may be inline: Monaco and xterm need it.
    pub(super) fn new(addresses: &Addresses) -> Self {
        let policy = format!(
            "default-src 'self'; script-src 'self'; worker-src 'self' blob:; \
            style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; \
            connect-src 'self' http: https: ws: wss:; frame-src {}; frame-ancestors 'none'; \
            base-uri 'none'; form-action 'self'; object-src 'none'",
            addresses.frame_sources()
        );
        Self(HeaderValue::try_from(policy).expect("origins are ASCII"))
    }
}

/// A file of the front end; any other path is a page of it, which its own router knows.
pub(super) async fn get_page(
    State(state): State<ApiState>,
    from: From,
    request: Request,
) -> Response {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return error::wrong_method().await.into_response();
    }
    let path = request.uri().path().trim_start_matches('/');
    if let Some(file) = Pages::get(path).filter(|_| !path.is_empty()) {
        return serve(path, file, accepts_gzip(request.headers()));
    }
    if path.starts_with("assets/") || path.starts_with("debug/") {
        return error::unknown_route().await.into_response();
    }
    if path == "join" {
        let (parts, _) = request.into_parts();
        reach::note_page(&state, from.client, parts).await;
    }
    match Pages::get("index.html") {
        Some(file) => serve("index.html", file, false),
        None => ApiError::new(
            StatusCode::NOT_FOUND,
            "no_pages",
            "this build has no pages: build it with `./x build`",
        )
        .into_response(),
    }
}

fn serve(path: &str, file: EmbeddedFile, accepts_gzip: bool) -> Response {
    // Vite names assets by their content: a name never changes its bytes.
    let is_asset = path.starts_with("assets/");
    let caching = if is_asset {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    };
    let kind = mime_guess::from_path(path).first_or_octet_stream();
    let headers = [
        (header::CONTENT_TYPE, kind.as_ref()),
        (header::CACHE_CONTROL, caching),
        (header::VARY, "Accept-Encoding"),
    ];
    let is_text = kind.type_() == mime_guess::mime::TEXT || kind.subtype() == "javascript";
    if is_asset && is_text && accepts_gzip {
        let encoding = [(header::CONTENT_ENCODING, "gzip")];
        return (headers, encoding, gzipped(path, &file.data)).into_response();
    }
    (headers, file.data).into_response()
}

/// An asset as gzip, compressed at its first use: the editor is megabytes, and thirty learners share
/// one Wi-Fi.
fn gzipped(path: &str, data: &[u8]) -> Bytes {
    static COMPRESSED: LazyLock<Mutex<HashMap<String, Bytes>>> = LazyLock::new(Mutex::default);
    let known = COMPRESSED
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .get(path)
        .cloned();
    if let Some(bytes) = known {
        return bytes;
    }
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    let bytes = encoder
        .write_all(data)
        .and_then(|()| encoder.finish())
        .map(Bytes::from)
        .expect("writing to memory does not fail");
    COMPRESSED
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .insert(path.to_owned(), bytes.clone());
    bytes
}

fn accepts_gzip(headers: &HeaderMap) -> bool {
    headers
        .get_all(header::ACCEPT_ENCODING)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|coding| {
            coding
                .split(';')
                .next()
                .is_some_and(|name| name.trim() == "gzip")
                && !coding.replace(' ', "").ends_with(";q=0")
        })
}

/// What every answer of this origin carries.
pub(super) async fn add_security_headers(
    State(Policy(policy)): State<Policy>,
    request: Request,
    next: Next,
) -> Response {
    let is_api = request.uri().path().starts_with("/api/");
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers
        .entry(header::CONTENT_SECURITY_POLICY)
        .or_insert(policy);
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            "same-origin",
        ),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            "same-origin",
        ),
    ] {
        headers
            .entry(name)
            .or_insert(HeaderValue::from_static(value));
    }
    if is_api {
        headers
            .entry(header::CACHE_CONTROL)
            .or_insert(HeaderValue::from_static("no-store"));
    }
    response
}
