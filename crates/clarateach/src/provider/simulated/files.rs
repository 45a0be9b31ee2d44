//! A simulated seat's files: a tree in memory behind the file API.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use clarateach_protocol::files::{Entry, EntryKind, Listing};
use http::header::{ETAG, HeaderMap, IF_MATCH, IF_NONE_MATCH};
use http::{HeaderValue, Method, Request, StatusCode};
use hyper::body::Incoming;
use percent_encoding::percent_decode_str;
use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::http::{
    Answer, Refusal, empty, invalid_input, json, not_allowed, not_found, read_body, refuse,
};

/// Bytes that all files of a seat may have together.
const QUOTA_BYTES: usize = 64 * 1024 * 1024;

/// Every file and folder by its path; the root is always there and has no entry.
#[derive(Default)]
pub(super) struct FileTree(BTreeMap<String, Node>);

#[derive(Clone)]
struct Node {
    content: Content,
    modified: OffsetDateTime,
}

#[derive(Clone, PartialEq, Eq)]
enum Content {
    Folder,
    File(Bytes),
}

impl Node {
    fn new(content: Content) -> Self {
        Self {
            content,
            modified: OffsetDateTime::now_utc(),
        }
    }

    fn size(&self) -> usize {
        match &self.content {
            Content::Folder => 0,
            Content::File(bytes) => bytes.len(),
        }
    }
}

/// Query of `/files…`.
#[derive(Default)]
struct Query {
    path: Option<String>,
    op: Option<String>,
    to: Option<String>,
    recursive: bool,
    overwrite: bool,
}

pub(super) async fn answer(
    tree: &Mutex<FileTree>,
    below: &str,
    request: Request<Incoming>,
) -> Result<Answer, Refusal> {
    let path = parse_path(below)?;
    let query = parse_query(request.uri().query().unwrap_or_default())?;
    let headers = request.headers().clone();
    let method = request.method().clone();
    let body = match method {
        Method::PUT => read_body(request).await?,
        _ => Bytes::new(),
    };
    let mut tree = tree.lock().unwrap_or_else(PoisonError::into_inner);
    match method {
        Method::GET if path.is_empty() => {
            let folder = parse_path(query.path.as_deref().unwrap_or_default())?;
            Ok(json(StatusCode::OK, &tree.list(&folder)?))
        }
        Method::GET => tree.read(&path),
        Method::PUT => tree.write(&path, body, &headers),
        Method::DELETE => tree.remove(&path, query.recursive),
        Method::POST => match query.op.as_deref() {
            Some("mkdir") => tree.make_folder(&path),
            Some(op @ ("move" | "copy")) => {
                let to = parse_path(query.to.as_deref().unwrap_or_default())?;
                tree.transfer(&path, &to, op == "move", query.overwrite)
            }
            _ => Err(invalid_input()),
        },
        _ => Err(not_allowed()),
    }
}

/// Segments joined by `/`, each decoded once; the root is empty.
fn parse_path(text: &str) -> Result<String, Refusal> {
    let text = text.trim_end_matches('/');
    if text.is_empty() {
        return Ok(String::new());
    }
    let mut segments = Vec::new();
    for segment in text.split('/') {
        let decoded = percent_decode_str(segment)
            .decode_utf8()
            .map_err(|_| invalid_path())?;
        let wrong = decoded.contains(['/', '\0']) || matches!(&*decoded, "" | "." | "..");
        if wrong {
            return Err(invalid_path());
        }
        segments.push(decoded.into_owned());
    }
    Ok(segments.join("/"))
}

fn parse_query(text: &str) -> Result<Query, Refusal> {
    let mut query = Query::default();
    for pair in text.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        match name {
            // Paths in queries are encoded once more than their segments; slashes may be plain.
            "path" => query.path = Some(slashes(value)),
            "to" => query.to = Some(slashes(value)),
            "op" => query.op = Some(value.to_owned()),
            "recursive" => query.recursive = value == "true",
            "overwrite" => query.overwrite = value == "true",
            _ => return Err(invalid_input()),
        }
    }
    Ok(query)
}

fn slashes(value: &str) -> String {
    value.replace("%2F", "/").replace("%2f", "/")
}

impl FileTree {
    /// Every file and folder; the content of files.
    pub(super) fn entries(&self) -> impl Iterator<Item = (&str, EntryKind, Option<&Bytes>)> {
        self.0.iter().map(|(path, node)| match &node.content {
            Content::Folder => (path.as_str(), EntryKind::Directory, None),
            Content::File(bytes) => (path.as_str(), EntryKind::File, Some(bytes)),
        })
    }

    fn list(&self, folder: &str) -> Result<Listing, Refusal> {
        if !self.is_folder(folder) {
            return Err(not_found());
        }
        let children = self.0.iter().filter(|(path, _)| parent(path) == folder);
        let mut entries: Vec<_> = children.map(|(path, node)| entry(path, node)).collect();
        entries.sort_by_key(|entry| (entry.kind != EntryKind::Directory, entry.name.clone()));
        Ok(Listing {
            entries,
            truncated: false,
        })
    }

    fn read(&self, path: &str) -> Result<Answer, Refusal> {
        let bytes = self.file(path)?;
        let mut answer = empty(StatusCode::OK);
        set_etag(&mut answer, &etag(bytes));
        *answer.body_mut() = http_body_util::Full::new(bytes.clone());
        Ok(answer)
    }

    fn file(&self, path: &str) -> Result<&Bytes, Refusal> {
        match self.0.get(path).map(|node| &node.content) {
            Some(Content::File(bytes)) => Ok(bytes),
            Some(Content::Folder) => Err(refuse(
                StatusCode::CONFLICT,
                "not_a_file",
                "this is a folder",
            )),
            None => Err(not_found()),
        }
    }

    fn write(&mut self, path: &str, body: Bytes, headers: &HeaderMap) -> Result<Answer, Refusal> {
        self.check_parent(path)?;
        let current = match self.0.get(path).map(|node| &node.content) {
            Some(Content::File(bytes)) => Some(etag(bytes)),
            Some(Content::Folder) => return Err(exists()),
            None => None,
        };
        check_conditions(headers, current.as_deref())?;
        let others: usize = self
            .0
            .iter()
            .filter(|(other, _)| *other != path)
            .map(|(_, node)| node.size())
            .sum();
        if others + body.len() > QUOTA_BYTES {
            return Err(disk_full());
        }
        let mut answer = empty(match current {
            Some(_) => StatusCode::NO_CONTENT,
            None => StatusCode::CREATED,
        });
        set_etag(&mut answer, &etag(&body));
        self.0
            .insert(path.to_owned(), Node::new(Content::File(body)));
        Ok(answer)
    }

    fn remove(&mut self, path: &str, recursive: bool) -> Result<Answer, Refusal> {
        if !self.0.contains_key(path) {
            return Err(not_found());
        }
        let below = format!("{path}/");
        let inside = self.0.keys().any(|other| other.starts_with(&below));
        if inside && !recursive {
            return Err(refuse(
                StatusCode::CONFLICT,
                "not_empty",
                "the folder is not empty",
            ));
        }
        self.0
            .retain(|other, _| other != path && !other.starts_with(&below));
        Ok(empty(StatusCode::NO_CONTENT))
    }

    fn make_folder(&mut self, path: &str) -> Result<Answer, Refusal> {
        self.check_parent(path)?;
        if self.0.contains_key(path) {
            return Err(exists());
        }
        self.0.insert(path.to_owned(), Node::new(Content::Folder));
        Ok(empty(StatusCode::CREATED))
    }

    fn transfer(
        &mut self,
        from: &str,
        to: &str,
        removes: bool,
        overwrite: bool,
    ) -> Result<Answer, Refusal> {
        if !self.0.contains_key(from) {
            return Err(not_found());
        }
        self.check_parent(to)?;
        let below = format!("{from}/");
        if to.starts_with(&below) || to == from {
            return Err(invalid_path());
        }
        if self.0.contains_key(to) {
            if !overwrite {
                return Err(exists());
            }
            self.remove(to, true)?;
        }
        let of_it = |path: &str| path == from || path.starts_with(&below);
        let copies: Vec<_> = self
            .0
            .iter()
            .filter(|(path, _)| of_it(path))
            .map(|(path, node)| (format!("{to}{}", &path[from.len()..]), node.clone()))
            .collect();
        let used: usize = self.0.values().map(Node::size).sum();
        let added: usize = copies.iter().map(|(_, node)| node.size()).sum();
        if !removes && used + added > QUOTA_BYTES {
            return Err(disk_full());
        }
        if removes {
            self.0.retain(|path, _| !of_it(path));
        }
        self.0.extend(copies);
        Ok(empty(StatusCode::NO_CONTENT))
    }

    fn is_folder(&self, path: &str) -> bool {
        path.is_empty()
            || self
                .0
                .get(path)
                .is_some_and(|node| node.content == Content::Folder)
    }

    fn check_parent(&self, path: &str) -> Result<(), Refusal> {
        if path.is_empty() {
            return Err(invalid_path());
        }
        if self.is_folder(parent(path)) {
            return Ok(());
        }
        Err(refuse(
            StatusCode::NOT_FOUND,
            "no_parent",
            "the folder that it should be in does not exist",
        ))
    }
}

fn check_conditions(headers: &HeaderMap, current: Option<&str>) -> Result<(), Refusal> {
    let wanted = |name| headers.get(name).map(HeaderValue::as_bytes);
    let matches = wanted(IF_MATCH).is_none_or(|etag| Some(etag) == current.map(str::as_bytes));
    let absent = wanted(IF_NONE_MATCH).is_none_or(|etag| etag != b"*" || current.is_none());
    if matches && absent {
        return Ok(());
    }
    let mut refusal = refuse(
        StatusCode::PRECONDITION_FAILED,
        "changed",
        "the file was changed meanwhile",
    );
    refusal.etag = current.map(str::to_owned);
    Err(refusal)
}

fn entry(path: &str, node: &Node) -> Entry {
    let (kind, mode) = match node.content {
        Content::Folder => (EntryKind::Directory, "0755"),
        Content::File(_) => (EntryKind::File, "0644"),
    };
    Entry {
        name: path.rsplit('/').next().unwrap_or_default().to_owned(),
        path: path.to_owned(),
        kind,
        size: node.size() as u64,
        modified_at: node.modified.format(&Rfc3339).unwrap_or_default(),
        mode: mode.to_owned(),
        name_bytes: None,
        path_bytes: None,
    }
}

fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(parent, _)| parent)
}

fn etag(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    let hex: String = digest
        .iter()
        .take(16)
        .map(|it| format!("{it:02x}"))
        .collect();
    format!("\"{hex}\"")
}

fn set_etag(answer: &mut Answer, etag: &str) {
    if let Ok(value) = HeaderValue::from_str(etag) {
        answer.headers_mut().insert(ETAG, value);
    }
}

fn invalid_path() -> Refusal {
    refuse(
        StatusCode::BAD_REQUEST,
        "invalid_path",
        "the path is not one below /workspace",
    )
}

fn exists() -> Refusal {
    refuse(StatusCode::CONFLICT, "exists", "there is one of that name")
}

fn disk_full() -> Refusal {
    refuse(
        StatusCode::INSUFFICIENT_STORAGE,
        "disk_full",
        "the seat's disk is full",
    )
}
