//! `/files`: the file API's methods, headers and streams around `crate::files`.

use std::sync::Arc;

use futures_util::stream;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use hyper::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE,
    ETAG, HeaderValue, IF_MATCH, IF_NONE_MATCH, IF_RANGE, RANGE, X_CONTENT_TYPE_OPTIONS,
};
use hyper::{Method, Response, StatusCode};
use serde::Deserialize;

use super::Call;
use super::body::{self, Body};
use super::bound::blocking;
use super::error::HttpError;
use super::upload;
use crate::files::etag::{ETag, OnlyIfAbsent, Preconditions, Wanted};
use crate::files::path::FilePath;
use crate::files::read::{self, OpenFile, Selection};
use crate::files::relocate::Destination;
use crate::files::remove::Extent;
use crate::files::{copy, list, relocate, remove, write};

/// The query of every file route; each method reads what concerns it.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct FilesQuery {
    path: Option<String>,
    op: Option<Operation>,
    to: Option<String>,
    raw: Option<String>,
    #[serde(default)]
    overwrite: Choice,
    #[serde(default)]
    recursive: Choice,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Operation {
    Mkdir,
    Move,
    Copy,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Choice {
    True,
    #[default]
    False,
}

const METHODS: &[Method] = &[
    Method::GET,
    Method::HEAD,
    Method::PUT,
    Method::POST,
    Method::DELETE,
];

pub(super) async fn answer(call: Call) -> Result<Response<Body>, HttpError> {
    let query: FilesQuery = serde_urlencoded::from_str(call.query())
        .map_err(|error| HttpError::input("query", error.to_string()))?;
    call.require_method(METHODS)?;
    let method = call.request.method().clone();
    if method != Method::GET && method != Method::HEAD {
        call.access.require_control()?;
    }
    let path = target(&call, &query)?;
    match method {
        Method::PUT => upload::put(call, path).await,
        Method::DELETE => delete(call, path, &query).await,
        Method::POST => post(call, path, query).await,
        _ if call.below.is_none() => get_listing(call, query).await,
        _ => get_file(call, path).await,
    }
}

/// The path in the URL, and below it the name that `raw` gives in bytes.
fn target(call: &Call, query: &FilesQuery) -> Result<FilePath, HttpError> {
    let path = match call.below.as_deref() {
        None => FilePath::root(),
        Some(below) => FilePath::from_url(below)?,
    };
    Ok(match &query.raw {
        Some(raw) => path.join_raw(raw)?,
        None => path,
    })
}

async fn get_listing(call: Call, query: FilesQuery) -> Result<Response<Body>, HttpError> {
    let path = FilePath::from_text(query.path.as_deref().unwrap_or_default())?;
    let path = match &query.raw {
        Some(raw) => path.join_raw(raw)?,
        None => path,
    };
    let root = Arc::clone(&call.app.root);
    let listing = blocking(move || list::list(&root, &path)).await??;
    Ok(body::json(StatusCode::OK, &listing))
}

async fn get_file(call: Call, path: FilePath) -> Result<Response<Body>, HttpError> {
    let root = Arc::clone(&call.app.root);
    let name = body::attachment(&String::from_utf8_lossy(path.name().unwrap_or_default()))?;
    let file = blocking(move || read::open(&root, &path)).await??;
    let etag = HeaderValue::try_from(file.etag.as_str()).map_err(|_| HttpError::Internal)?;
    if matches_any(call.header(IF_NONE_MATCH), &file.etag) {
        let mut response = body::status(StatusCode::NOT_MODIFIED);
        response.headers_mut().insert(ETAG, etag);
        return Ok(response);
    }
    // A range of something else than the client has a part of would be a splice.
    let range_applies = call
        .header(IF_RANGE)
        .is_none_or(|tag| tag == file.etag.as_str());
    // RFC 9110, section 14.2: a range of anything but a GET is none.
    let range_applies = range_applies && *call.request.method() == Method::GET;
    let range = call.header(RANGE).filter(|_| range_applies);
    let size = file.size;
    let (status, first, end) = match read::select(range, size) {
        Selection::Whole => (StatusCode::OK, 0, size),
        Selection::Part { first, end } => (StatusCode::PARTIAL_CONTENT, first, end),
        Selection::Unsatisfiable => return Err(HttpError::Range { size }),
    };
    let content = match *call.request.method() {
        Method::HEAD => body::empty(),
        _ => stream_file(file, first, end),
    };
    let mut response = Response::new(content);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(ETAG, etag);
    headers.insert(CONTENT_LENGTH, HeaderValue::from(end - first));
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    let binary = HeaderValue::from_static("application/octet-stream");
    headers.insert(CONTENT_TYPE, binary);
    headers.insert(CONTENT_DISPOSITION, name);
    if status == StatusCode::PARTIAL_CONTENT {
        let range = format!("bytes {first}-{}/{size}", end - 1);
        let range = HeaderValue::try_from(range).map_err(|_| HttpError::Internal)?;
        headers.insert(CONTENT_RANGE, range);
    }
    Ok(response)
}

/// One piece at a time, read when the client has room for it.
fn stream_file(file: OpenFile, first: u64, end: u64) -> Body {
    let pieces = stream::try_unfold((Arc::new(file), first), move |(file, at)| async move {
        if at >= end {
            return Ok(None);
        }
        let reader = Arc::clone(&file);
        let piece = tokio::task::spawn_blocking(move || reader.piece(at, end))
            .await
            .map_err(std::io::Error::other)??;
        if piece.is_empty() {
            // The announced length can't be met any more; the client must see that.
            return Err(std::io::Error::other("the file became shorter"));
        }
        let at = at + piece.len() as u64;
        Ok(Some((Frame::data(piece), (file, at))))
    });
    StreamBody::new(pieces).boxed_unsync()
}

async fn delete(
    call: Call,
    path: FilePath,
    query: &FilesQuery,
) -> Result<Response<Body>, HttpError> {
    let extent = match query.recursive {
        Choice::True => Extent::Tree,
        Choice::False => Extent::One,
    };
    let preconditions = preconditions(&call)?;
    let root = Arc::clone(&call.app.root);
    blocking(move || remove::remove(&root, &path, extent, &preconditions)).await??;
    Ok(body::status(StatusCode::NO_CONTENT))
}

async fn post(call: Call, path: FilePath, query: FilesQuery) -> Result<Response<Body>, HttpError> {
    let root = Arc::clone(&call.app.root);
    let operation = query
        .op
        .ok_or_else(|| HttpError::input("op", "say ?op=mkdir, ?op=move or ?op=copy"))?;
    if let Operation::Mkdir = operation {
        blocking(move || write::make_folder(&root, &path)).await??;
        return Ok(body::status(StatusCode::CREATED));
    }
    let to = query
        .to
        .as_deref()
        .ok_or_else(|| HttpError::input("to", "say where to: &to=<path below /workspace>"))?;
    let to = FilePath::from_text(to)?;
    let destination = match query.overwrite {
        Choice::True => Destination::Replaced,
        Choice::False => Destination::Free,
    };
    match operation {
        Operation::Copy => blocking(move || copy::copy(&root, &path, &to, destination)).await??,
        _ => blocking(move || relocate::relocate(&root, &path, &to, destination)).await??,
    }
    Ok(body::status(StatusCode::CREATED))
}

/// `If-Match` and `If-None-Match: *`; another `If-None-Match` has no meaning for a change.
pub(super) fn preconditions(call: &Call) -> Result<Preconditions, HttpError> {
    let wanted = call.header(IF_MATCH).map(|value| match value.trim() {
        "*" => Wanted::Any,
        tags => Wanted::OneOf(tags.split(',').map(|tag| tag.trim().to_owned()).collect()),
    });
    let only_if_absent = match call.header(IF_NONE_MATCH).map(str::trim) {
        None => None,
        Some("*") => Some(OnlyIfAbsent),
        Some(_) => {
            return Err(HttpError::input(
                "If-None-Match",
                "only * has a meaning here",
            ));
        }
    };
    Ok(Preconditions {
        wanted,
        only_if_absent,
    })
}

fn matches_any(header: Option<&str>, etag: &ETag) -> bool {
    header.is_some_and(|value| {
        value.split(',').any(|tag| {
            let tag = tag.trim();
            tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag.as_str()
        })
    })
}
