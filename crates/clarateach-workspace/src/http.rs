//! From a request to an answer: the route, the check, the method. One place for all of them.

mod archive;
mod body;
mod bound;
mod error;
mod events;
mod exec;
mod files;
mod search;
mod terminals;
mod tunnel;
mod upgrade;
mod upload;

use std::sync::Arc;

use clarateach_protocol::route::{Coverage, SEAT_ROUTES, SeatRoute, Service};
use hyper::body::Incoming;
use hyper::{Method, Request, Response};

use crate::app::App;
use crate::auth::Access;
use body::Body;
use error::HttpError;

/// The gateway's id of a request, which errors repeat.
const REQUEST_ID: &str = "x-request-id";

/// Answers one request on one of the two listeners.
pub(crate) async fn answer(
    app: Arc<App>,
    service: Service,
    request: Request<Incoming>,
) -> Response<Body> {
    let request_id = request
        .headers()
        .get(REQUEST_ID)
        .and_then(|id| id.to_str().ok());
    let request_id = request_id.map(str::to_owned);
    match try_answer(app, service, request).await {
        Ok(response) => response,
        Err(error) => error.into_response(request_id),
    }
}

async fn try_answer(
    app: Arc<App>,
    service: Service,
    request: Request<Incoming>,
) -> Result<Response<Body>, HttpError> {
    let path = request.uri().path().to_owned();
    let (route, below) = find_route(service, &path).ok_or(HttpError::NoRoute)?;
    let access = app.gate.admit(request.headers(), route.scope)?;
    let call = Call {
        app,
        access,
        below: below.map(str::to_owned),
        request,
    };
    match route.segment {
        "terminal" => upgrade::attach(call).await,
        "terminals" => terminals::answer(call).await,
        "files" => Box::pin(files::answer(call)).await,
        "files-archive" => Box::pin(archive::answer(call)).await,
        "search" => Box::pin(search::answer(call)).await,
        "files-events" => events::listen(call).await,
        "stats" => bound::get_stats(call).await,
        "ports" => bound::get_ports(call).await,
        "exec" => Box::pin(exec::post(call)).await,
        "bind" => bound::post_bind(call).await,
        "tunnel" => tunnel::open(call).await,
        "health" => bound::get_health(&call),
        _ => Err(HttpError::NoRoute),
    }
}

/// An admitted request.
struct Call {
    app: Arc<App>,
    access: Access,
    /// The path below the route's own, not decoded; `None` on the route itself.
    below: Option<String>,
    request: Request<Incoming>,
}

impl Call {
    fn require_method(&self, allowed: &'static [Method]) -> Result<(), HttpError> {
        if allowed.contains(self.request.method()) {
            Ok(())
        } else {
            Err(HttpError::Method { allowed })
        }
    }

    fn query(&self) -> &str {
        self.request.uri().query().unwrap_or_default()
    }

    fn header(&self, name: hyper::header::HeaderName) -> Option<&str> {
        self.request.headers().get(name)?.to_str().ok()
    }
}

/// The row of the table that covers a path, and what is below it.
fn find_route(service: Service, path: &str) -> Option<(&'static SeatRoute, Option<&str>)> {
    let path = path.strip_prefix('/')?;
    let (segment, below) = match path.split_once('/') {
        Some((segment, below)) => (segment, Some(below)),
        None => (path, None),
    };
    let route = SEAT_ROUTES
        .iter()
        .find(|route| route.service == service && route.segment == segment)?;
    let covered = below.is_none() || route.coverage == Coverage::Subtree;
    covered.then_some((route, below))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_listener_serves_its_own_routes() {
        assert!(find_route(Service::Terminal, "/terminals/main").is_some());
        assert!(find_route(Service::Files, "/terminals").is_none());
        assert!(find_route(Service::Terminal, "/files").is_none());
        for wrong in [
            "",
            "/",
            "//files",
            "/health/x",
            "/Files",
            "/%66iles",
            "files",
        ] {
            assert!(find_route(Service::Files, wrong).is_none(), "{wrong}");
        }
        let (route, below) = find_route(Service::Files, "/files/a/b").unwrap();
        assert_eq!((route.segment, below), ("files", Some("a/b")));
    }
}
