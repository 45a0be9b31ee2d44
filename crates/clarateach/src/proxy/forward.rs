//! A request to a seat and its answer back, streamed both ways.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use clarateach_protocol::route::{SeatRoute, Service};
use http::uri::PathAndQuery;
use http::{HeaderValue, Method, Request, Response, StatusCode, Uri, request};
use hyper::body::Incoming;
use hyper::client::conn::http1::SendRequest;

use super::authorise::Grant;
use super::body::{Download, Progress, Stalled, Upload};
use super::connections::{Lease, connect};
use super::ending::Ending;
use super::error::ProxyError;
use super::headers::{Onward, clean_request, clean_response, host_value};
use super::{Exchange, Gateway};
use crate::arriving::Arriving;
use crate::directory::{ExchangePlace, Incarnation};

/// Before it nobody looks whether an exchange has to end: well within the second that a removed learner
/// may still see.
const FIRST_LOOK: Duration = Duration::from_millis(100);

/// Where one request goes.
pub(crate) struct Upstream {
    pub(crate) incarnation: Arc<Incarnation>,
    pub(crate) service: Service,
    pub(crate) address: SocketAddr,
    pub(crate) host: HeaderValue,
    /// One of the seat's, as long as the exchange goes on.
    pub(crate) place: ExchangePlace,
}

impl Gateway {
    /// Where a route of a granted seat is.
    pub(super) fn upstream(
        &self,
        grant: &Grant,
        route: &'static SeatRoute,
    ) -> Result<Upstream, ProxyError> {
        let (incarnation, endpoints) = grant.entry.upstream().ok_or(ProxyError::SeatUnavailable)?;
        let address = match route.service {
            Service::Terminal => endpoints.terminal,
            Service::Files => endpoints.files,
        };
        let limit = self.limits.exchanges;
        let place = grant.entry.begin_exchange(limit);
        Ok(Upstream {
            incarnation,
            service: route.service,
            address,
            host: host_value(address),
            place: place.ok_or(ProxyError::SeatBusy)?,
        })
    }

    /// The request as the seat gets it, without its body. Takes the header fields.
    pub(super) fn onward(
        &self,
        request: &mut request::Parts,
        exchange: &Exchange<'_>,
        grant: &Grant,
        (upstream, route): (&Upstream, &'static SeatRoute),
        path_and_query: &PathAndQuery,
    ) -> Result<Request<()>, ProxyError> {
        let scope = route.scope.ok_or(ProxyError::NotFound)?;
        let generation = upstream.incarnation.generation;
        let bearer = upstream.incarnation.tokens.bearer(
            &self.signing,
            (grant.claims.seat, generation),
            (scope, grant.claims.mode),
            exchange.now,
        );
        let mut onward = Request::new(());
        *onward.method_mut() = request.method.clone();
        *onward.uri_mut() = Uri::from(path_and_query.clone());
        *onward.headers_mut() = std::mem::take(&mut request.headers);
        clean_request(
            onward.headers_mut(),
            Onward {
                client: exchange.client,
                origin: exchange.received_by,
                upstream: upstream.host.clone(),
                bearer,
                request_id: exchange.request_id,
            },
        );
        Ok(onward)
    }

    /// Passes a request on and its answer back.
    pub(super) async fn forward(
        &self,
        onward: Request<()>,
        body: Arriving,
        grant: &Grant,
        upstream: Upstream,
    ) -> Result<Response<Body>, ProxyError> {
        let (upload, progress) = Upload::new(body);
        let ending = self.ending(grant, &upstream.incarnation);
        let answered = async {
            let (sender, response) = self.exchange(onward, upload, &upstream).await?;
            let lease = Lease::new(sender, upstream.service, upstream.incarnation.clone());
            Ok::<_, ProxyError>((lease, response))
        };
        let (lease, response) = tokio::select! {
            answered = answered => answered.map_err(|error| ending.or(error))?,
            error = cut_short(&progress, self.limits.first_byte, &ending) => return Err(error),
        };
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            return Err(ProxyError::BadAnswer {
                why: "it switched protocols unasked",
            });
        }
        let (mut head, incoming) = response.into_parts();
        clean_response(&mut head.headers);
        // What hyper keeps of the seat's head: reason phrase, spelling of names.
        head.extensions.clear();
        let download = Download::new(incoming, (lease, upstream.place), ending);
        Ok(Response::from_parts(head, Body::new(download)))
    }

    /// Sends on an idle connection if there is one, else on a new one. That the seat has closed an
    /// idle one is often noticed only when no answer comes, so what can't be asked twice (a body,
    /// an effect; RFC 9110, section 9.2.2) goes out on a new one at once.
    async fn exchange(
        &self,
        onward: Request<()>,
        upload: Upload,
        upstream: &Upstream,
    ) -> Result<(SendRequest<Upload>, Response<Incoming>), ProxyError> {
        if can_repeat(&onward, &upload)
            && let Some(mut sender) = upstream.incarnation.connections.take(upstream.service)
        {
            let request = onward.clone().map(|()| Upload::empty());
            if let Ok(response) = sender.send_request(request).await {
                return Ok((sender, response));
            }
        }
        let mut sender = self.connect(upstream).await?;
        let response = sender
            .send_request(onward.map(|()| upload))
            .await
            .map_err(broken)?;
        Ok((sender, response))
    }

    /// A new connection to where a request goes.
    pub(super) async fn connect(
        &self,
        upstream: &Upstream,
    ) -> Result<SendRequest<Upload>, ProxyError> {
        let deadline = self.limits.connect;
        connect(
            upstream.address,
            deadline,
            &upstream.incarnation,
            (&self.tasks, &self.closing),
        )
        .await
    }

    /// Waits for the answer to a request without a body.
    pub(super) async fn answer_in_time(
        &self,
        sender: &mut SendRequest<Upload>,
        onward: Request<()>,
    ) -> Result<Response<Incoming>, ProxyError> {
        let after = self.limits.first_byte;
        let answer = sender.send_request(onward.map(|()| Upload::empty()));
        tokio::time::timeout(after, answer)
            .await
            .map_err(|_| ProxyError::AnswerDeadline { after })?
            .map_err(broken)
    }
}

/// Waits for what cuts an exchange short before its answer begins; `patience` is the seat's, for its first
/// byte. Nearly every exchange is over before anything has to be set up to wait for its ending.
pub(super) async fn cut_short(
    progress: &Progress,
    patience: Duration,
    ending: &Ending,
) -> ProxyError {
    tokio::time::sleep(patience.min(FIRST_LOOK)).await;
    tokio::select! {
        stalled = progress.stalled(patience) => match stalled {
            Stalled::Downstream => ProxyError::UploadStalled,
            Stalled::Upstream => ProxyError::AnswerDeadline { after: patience },
        },
        () = ending.clone().over() => ProxyError::SeatUnavailable,
    }
}

fn can_repeat(onward: &Request<()>, upload: &Upload) -> bool {
    matches!(*onward.method(), Method::GET | Method::HEAD)
        && hyper::body::Body::is_end_stream(upload)
}

/// hyper says "user" for the body that we gave it: the client's.
pub(crate) fn broken(error: hyper::Error) -> ProxyError {
    if error.is_user() {
        ProxyError::UploadBroken
    } else {
        ProxyError::Broken(error)
    }
}
