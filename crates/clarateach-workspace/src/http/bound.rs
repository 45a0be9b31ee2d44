//! Health, binding, resources.

use std::sync::Arc;

use clarateach_protocol::seat::{Activity, BindRequest, Health};
use hyper::{Method, Response, StatusCode};

use super::Call;
use super::body::{self, Body};
use super::error::HttpError;
use crate::app::App;
use crate::{ports, stats};

/// An environment, and starter files of a few megabytes in base64.
const MAX_BINDING_BYTES: usize = 16 * 1024 * 1024;

pub(super) fn get_health(call: &Call) -> Result<Response<Body>, HttpError> {
    call.require_method(&[Method::GET, Method::HEAD])?;
    let health = Health {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        generation: call.app.gate.generation(),
        bound: call.app.bound.digest(),
    };
    Ok(body::json(StatusCode::OK, &health))
}

pub(super) async fn post_bind(call: Call) -> Result<Response<Body>, HttpError> {
    call.require_method(&[Method::POST])?;
    call.access.require_control()?;
    let app = Arc::clone(&call.app);
    let request: BindRequest = body::read_json(call.request, MAX_BINDING_BYTES).await?;
    blocking(move || app.bound.apply(request, &app.root)).await??;
    Ok(body::status(StatusCode::NO_CONTENT))
}

pub(super) async fn get_stats(call: Call) -> Result<Response<Body>, HttpError> {
    call.require_method(&[Method::GET, Method::HEAD])?;
    let asks = call.query().split('&').any(|it| it == "activity=true");
    let stats = blocking(move || {
        let app = &call.app;
        let activity = asks.then(|| activity(app)).transpose()?;
        Ok::<_, HttpError>(stats::read_stats(&app.root, &app.kills, activity))
    })
    .await??;
    Ok(body::json(StatusCode::OK, &stats))
}

fn activity(app: &App) -> Result<Activity, HttpError> {
    Ok(Activity {
        inputs: app.terminals.inputs(),
        file_changes: app.events.count_changes()?,
    })
}

pub(super) async fn get_ports(call: Call) -> Result<Response<Body>, HttpError> {
    call.require_method(&[Method::GET, Method::HEAD])?;
    let ports = blocking(move || ports::listening_ports(call.app.own_ports)).await?;
    Ok(body::json(StatusCode::OK, &ports))
}

/// Runs what blocks where it may.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, HttpError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|_| HttpError::Internal)
}
