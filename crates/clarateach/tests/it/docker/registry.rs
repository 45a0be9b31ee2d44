//! A registry of one image, as far as an engine needs it to pull (OCI distribution specification): the
//! manifest by tag and digest, and two blobs. It hands out the layer slowly, so that a pull can be watched.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use futures_util::stream;
use serde_json::json;
use sha2::{Digest, Sha256};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
/// Handed out at once, and the pause after it.
const PIECE: usize = 256 * 1024;
const PAUSE: Duration = Duration::from_millis(25);

struct Content {
    manifest: Bytes,
    config: Bytes,
    layer: Bytes,
}

/// A registry at 127.0.0.1, which engines take without TLS; it ends with this.
pub(super) struct Registry {
    pub(super) address: SocketAddr,
    _serving: JoinSet<()>,
}

impl Registry {
    /// Serves an image of one layer, a tar archive, under every name and tag.
    pub(super) async fn serve(layer: Vec<u8>) -> Self {
        let config = json!({
            "architecture": if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" },
            "os": "linux",
            "config": {"Cmd": ["/bin/sh"]},
            "rootfs": {"type": "layers", "diff_ids": [digest(&layer)]},
        })
        .to_string();
        let described = |kind: &str, content: &[u8]| json!({"mediaType": kind, "digest": digest(content), "size": content.len()});
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": described(CONFIG, config.as_bytes()),
            "layers": [described(LAYER, &layer)],
        })
        .to_string();
        let content = Arc::new(Content {
            manifest: manifest.into(),
            config: config.into(),
            layer: layer.into(),
        });
        let router = Router::new()
            .route("/v2/", get(|| async { "{}" }))
            .route("/v2/{name}/manifests/{reference}", get(manifest_of))
            .route("/v2/{name}/blobs/{digest}", get(blob_of))
            .with_state(content);
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut serving = JoinSet::new();
        serving.spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self {
            address,
            _serving: serving,
        }
    }
}

async fn manifest_of(State(content): State<Arc<Content>>) -> Response {
    let headers = [
        (header::CONTENT_TYPE, MANIFEST.to_owned()),
        (
            header::HeaderName::from_static("docker-content-digest"),
            digest(&content.manifest),
        ),
        (header::CONTENT_LENGTH, content.manifest.len().to_string()),
    ];
    (headers, content.manifest.clone()).into_response()
}

async fn blob_of(
    State(content): State<Arc<Content>>,
    Path((_, wanted)): Path<(String, String)>,
) -> Response {
    let blobs = [&content.config, &content.layer];
    let Some(blob) = blobs.into_iter().find(|blob| digest(blob) == wanted) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let length = blob.len();
    let pieces = stream::unfold(blob.clone(), |mut rest| async move {
        if rest.is_empty() {
            return None;
        }
        tokio::time::sleep(PAUSE).await;
        let piece = rest.split_to(rest.len().min(PIECE));
        Some((Ok::<_, std::io::Error>(piece), rest))
    });
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream".to_owned()),
        (header::CONTENT_LENGTH, length.to_string()),
    ];
    (headers, Body::from_stream(pieces)).into_response()
}

fn digest(content: &[u8]) -> String {
    let hex: String = Sha256::digest(content)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("sha256:{hex}")
}
