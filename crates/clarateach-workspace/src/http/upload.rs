//! `PUT /files/{path}`: streams a body into a file with bounded memory.

use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use http_body_util::BodyExt;
use hyper::body::{Body as _, Incoming};
use hyper::header::{ETAG, HeaderValue};
use hyper::{Response, StatusCode};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::Call;
use super::body::{self, BODY_TIMEOUT, Body};
use super::bound::blocking;
use super::error::HttpError;
use super::files::preconditions;
use crate::app::App;
use crate::files::path::FilePath;
use crate::files::write::{Upload, Written, check_length};

/// Collected before it is written in one go.
const PIECE_BYTES: usize = 256 * 1024;
/// How long, and how much of, a body that was refused is still taken.
const LINGER: Duration = Duration::from_secs(5);
const LINGER_BYTES: usize = 64 * 1024 * 1024;

pub(super) async fn put(call: Call, path: FilePath) -> Result<Response<Body>, HttpError> {
    let preconditions = preconditions(&call);
    let limit = call.app.limits.upload_bytes;
    let root = Arc::clone(&call.app.root);
    let mut body = UploadBody::new(call.request.into_body(), &call.app);
    let preconditions = preconditions?;
    check_length(&path, body.announced(), limit)?;
    let first = preconditions.clone();
    let mut upload = blocking(move || Upload::begin(&root, path, &first, limit)).await??;
    while let Some(piece) = body.next().await? {
        upload = blocking(move || upload.write(&piece).map(|()| upload)).await??;
    }
    let written = blocking(move || upload.commit(&preconditions)).await??;
    let (status, etag) = match written {
        Written::Created(etag) => (StatusCode::CREATED, etag),
        Written::Replaced(etag) => (StatusCode::NO_CONTENT, etag),
    };
    let mut response = body::status(status);
    let etag = HeaderValue::try_from(etag.as_str()).map_err(|_| HttpError::Internal)?;
    response.headers_mut().insert(ETAG, etag);
    Ok(response)
}

/// An upload's body. What is left of a refused one is taken and thrown away for a while: closing on
/// bytes that nobody read resets the connection, and the client may lose the answer (RFC 9112,
/// section 9.6).
pub(super) struct UploadBody {
    incoming: Option<Incoming>,
    received: u64,
    /// More than this is refused, so there is no waiting for a whole piece beyond it.
    limit: u64,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl UploadBody {
    pub(super) fn new(incoming: Incoming, app: &App) -> Self {
        Self {
            incoming: Some(incoming),
            received: 0,
            limit: app.limits.upload_bytes,
            tasks: app.tasks.clone(),
            stop: app.stop.clone(),
        }
    }

    /// Bytes that are still to come at the least.
    pub(super) fn announced(&self) -> u64 {
        self.incoming
            .as_ref()
            .map_or(0, |incoming| incoming.size_hint().lower())
    }

    /// The next so many bytes of the body; `None` at its end.
    pub(super) async fn next(&mut self) -> Result<Option<BytesMut>, HttpError> {
        let mut piece = BytesMut::new();
        while let Some(incoming) = &mut self.incoming
            && piece.len() < PIECE_BYTES
            && self.received <= self.limit
        {
            let frame = tokio::time::timeout(BODY_TIMEOUT, incoming.frame())
                .await
                .map_err(|_| HttpError::BodyTimeout)?;
            match frame {
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        self.received += data.len() as u64;
                        piece.extend_from_slice(&data);
                    }
                }
                Some(Err(_)) => {
                    self.incoming = None;
                    return Err(HttpError::BodyBroken);
                }
                None => self.incoming = None,
            }
        }
        Ok((!piece.is_empty()).then_some(piece))
    }
}

impl Drop for UploadBody {
    fn drop(&mut self) {
        if let Some(incoming) = self.incoming.take() {
            let rest = tokio::time::timeout(LINGER, throw_away(incoming));
            let stop = self.stop.clone();
            self.tasks
                .spawn(async move { stop.run_until_cancelled(rest).await });
        }
    }
}

async fn throw_away(mut incoming: Incoming) {
    let mut taken = 0;
    while let Some(Ok(frame)) = incoming.frame().await
        && taken < LINGER_BYTES
    {
        taken += frame.data_ref().map_or(0, bytes::Bytes::len);
    }
}
