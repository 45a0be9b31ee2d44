//! `PUT /files/{path}`: streams a body into a file with bounded memory.

use std::sync::Arc;

use bytes::BytesMut;
use http_body_util::BodyExt;
use hyper::body::{Body as _, Incoming};
use hyper::header::{ETAG, HeaderValue};
use hyper::{Response, StatusCode};

use super::Call;
use super::body::{self, BODY_TIMEOUT, Body};
use super::bound::blocking;
use super::error::HttpError;
use super::files::preconditions;
use crate::files::path::FilePath;
use crate::files::write::{Upload, Written, check_length};

/// Collected before it is written in one go.
const PIECE_BYTES: usize = 256 * 1024;

pub(super) async fn put(call: Call, path: FilePath) -> Result<Response<Body>, HttpError> {
    let preconditions = preconditions(&call)?;
    let limit = call.app.limits.upload_bytes;
    let mut incoming = call.request.into_body();
    check_length(&path, incoming.size_hint().lower(), limit)?;
    let (root, first) = (Arc::clone(&call.app.root), preconditions.clone());
    let mut upload = blocking(move || Upload::begin(&root, path, &first, limit)).await??;
    while let Some(piece) = next_piece(&mut incoming).await? {
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

/// The next so many bytes of the body; `None` at its end.
pub(super) async fn next_piece(incoming: &mut Incoming) -> Result<Option<BytesMut>, HttpError> {
    let mut piece = BytesMut::new();
    while piece.len() < PIECE_BYTES {
        let frame = tokio::time::timeout(BODY_TIMEOUT, incoming.frame())
            .await
            .map_err(|_| HttpError::BodyTimeout)?;
        match frame {
            Some(Ok(frame)) => {
                if let Ok(data) = frame.into_data() {
                    piece.extend_from_slice(&data);
                }
            }
            Some(Err(_)) => return Err(HttpError::BodyBroken),
            None => break,
        }
    }
    Ok((!piece.is_empty()).then_some(piece))
}
