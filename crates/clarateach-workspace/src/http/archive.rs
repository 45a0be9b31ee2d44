//! `/files-archive`: downloads stream while they are packed; uploads are kept in a file without a
//! name, so that they can be looked at before they are unpacked.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use hyper::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE, HeaderValue, X_CONTENT_TYPE_OPTIONS,
};
use hyper::{Method, Response, StatusCode};
use serde::Deserialize;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, mpsc};

use super::Call;
use super::body::{self, Body};
use super::bound::blocking;
use super::error::HttpError;
use super::files::Choice;
use super::upload::UploadBody;
use crate::files::FilesError;
use crate::files::archive::Format;
use crate::files::archive::pack::Source;
use crate::files::archive::unpack::{UnpackLimits, unpack};
use crate::files::path::FilePath;
use crate::files::relocate::Destination;
use crate::files::write::check_length;

/// Sent in one piece, and how many of them wait for the client.
const PIECE_BYTES: usize = 64 * 1024;
const PIECES: usize = 2;
/// For one piece; a client that takes none for so long is gone.
const STALL_LIMIT: Duration = Duration::from_secs(60);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ArchiveQuery {
    #[serde(default)]
    path: String,
    format: Option<ArchiveFormat>,
    #[serde(default)]
    overwrite: Choice,
}

#[derive(Clone, Copy, Deserialize)]
enum ArchiveFormat {
    #[serde(rename = "zip")]
    Zip,
    #[serde(rename = "tar.gz")]
    TarGz,
}

impl From<ArchiveFormat> for Format {
    fn from(format: ArchiveFormat) -> Self {
        match format {
            ArchiveFormat::Zip => Self::Zip,
            ArchiveFormat::TarGz => Self::TarGz,
        }
    }
}

pub(super) async fn answer(call: Call) -> Result<Response<Body>, HttpError> {
    call.require_method(&[Method::GET, Method::HEAD, Method::POST])?;
    let query: ArchiveQuery = serde_urlencoded::from_str(call.query())
        .map_err(|error| HttpError::input("query", error.to_string()))?;
    let path = FilePath::from_text(&query.path)?;
    if call.request.method() == Method::POST {
        return post(call, path, &query).await;
    }
    let format = query
        .format
        .ok_or_else(|| HttpError::input("format", "say &format=zip or &format=tar.gz"))?;
    get(call, path, format.into()).await
}

async fn get(call: Call, path: FilePath, format: Format) -> Result<Response<Body>, HttpError> {
    let place = place(&call)?;
    let root = Arc::clone(&call.app.root);
    let name = String::from_utf8_lossy(path.name().unwrap_or(b"workspace"));
    let name = body::attachment(&format!("{name}.{}", format.extension()))?;
    let source = blocking(move || Source::open(&root, &path)).await??;
    let body = match *call.request.method() {
        Method::HEAD => body::empty(),
        _ => stream_archive(source, format, place),
    };
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    let content_type = match format {
        Format::Zip => "application/zip",
        Format::TarGz => "application/gzip",
    };
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CONTENT_DISPOSITION, name);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    Ok(response)
}

/// Packing and unpacking keep a thread busy each: there are places for a few.
fn place(call: &Call) -> Result<OwnedSemaphorePermit, HttpError> {
    let places = Arc::clone(&call.app.archive_places);
    places.try_acquire_owned().map_err(|_| HttpError::Busy {
        what: "archives are being packed already".to_owned(),
    })
}

fn stream_archive(source: Source, format: Format, place: OwnedSemaphorePermit) -> Body {
    let (sender, receiver) = mpsc::channel(PIECES);
    let runtime = Handle::current();
    let failures = sender.clone();
    // Not awaited: it ends when it is done, and when the client is gone.
    tokio::task::spawn_blocking(move || {
        let _place = place;
        let pieces = Pieces {
            sender,
            runtime: runtime.clone(),
        };
        let packed = source.pack(format, BufWriter::with_capacity(PIECE_BYTES, pieces));
        if let Err(error) = packed {
            // Broken off rather than ended, the client sees that this is no whole archive.
            let _ = runtime.block_on(failures.send_timeout(Err(error), STALL_LIMIT));
        }
    });
    let pieces = stream::unfold(receiver, |mut receiver| async move {
        let piece: io::Result<Bytes> = receiver.recv().await?;
        Some((piece.map(Frame::data), receiver))
    });
    StreamBody::new(pieces).boxed_unsync()
}

/// Hands pieces to the connection, and waits while the client takes its time.
struct Pieces {
    sender: mpsc::Sender<io::Result<Bytes>>,
    runtime: Handle,
}

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let piece = Ok(Bytes::copy_from_slice(bytes));
        self.runtime
            .block_on(self.sender.send_timeout(piece, STALL_LIMIT))
            .map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

async fn post(
    call: Call,
    path: FilePath,
    query: &ArchiveQuery,
) -> Result<Response<Body>, HttpError> {
    call.access.require_control()?;
    let format = query.format.map(Format::from);
    let destination = match query.overwrite {
        Choice::True => Destination::Replaced,
        Choice::False => Destination::Free,
    };
    let limits = UnpackLimits {
        entries: call.app.limits.unpack_entries,
        bytes: call.app.limits.unpack_bytes,
    };
    let place = place(&call)?;
    let root = Arc::clone(&call.app.root);
    let mut archive = spool(call, &path).await?;
    let unpacked = blocking(move || {
        let _place = place;
        unpack(&root, &path, &mut archive, format, destination, limits)
    })
    .await??;
    Ok(body::json(StatusCode::OK, &unpacked))
}

/// The body in a file without a name, on the seat's own disk.
async fn spool(call: Call, path: &FilePath) -> Result<File, HttpError> {
    let limit = call.app.limits.upload_bytes;
    let (root, folder) = (Arc::clone(&call.app.root), path.clone());
    let mut body = UploadBody::new(call.request.into_body(), &call.app);
    check_length(path, body.announced(), limit)?;
    let failed =
        |path: &FilePath, errno| HttpError::from(FilesError::of("unpack into", path, errno));
    let opened = blocking(move || {
        // Whether the folder is there is told before all of the body is sent.
        root.open_folder(&folder)?;
        root.make_nameless_file()
    });
    let mut file = File::from(opened.await?.map_err(|errno| failed(path, errno))?);
    let mut length = 0;
    while let Some(piece) = body.next().await? {
        length += piece.len() as u64;
        check_length(path, length, limit)?;
        let written = blocking(move || file.write_all(&piece).map(|()| file)).await?;
        file = written.map_err(|error| {
            let errno = rustix::io::Errno::from_io_error(&error);
            failed(path, errno.unwrap_or(rustix::io::Errno::IO))
        })?;
    }
    Ok(file)
}
