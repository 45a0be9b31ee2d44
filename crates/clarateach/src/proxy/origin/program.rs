//! A request to a learner's program and its answer back, through the in-seat tunnel.
//!
//! The tunnel is opened with a token of the platform's; what flows in it is the program's alone.
//! Connections are kept for a moment, for the same incarnation and port, never for another's.

use std::time::Duration;

use axum::body::Body;
use clarateach_protocol::origin::TUNNEL_PROTOCOL;
use clarateach_protocol::route::Service;
use clarateach_protocol::token::{Mode, Scope, Visitor};
use http::header::{AUTHORIZATION, CONNECTION, HOST, UPGRADE};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use hyper::body::{Body as _, Incoming};
use hyper::client::conn::http1::SendRequest;
use tracing::Instrument;

use super::super::body::{Download, Upload};
use super::super::connections::{Lease, Line, connect, speak};
use super::super::ending::Ending;
use super::super::error::ProxyError;
use super::super::forward::{Upstream, broken, cut_short};
use super::super::headers::host_value;
use super::super::upgrade::pump;
use super::super::{Gateway, Handshake, seconds_since_1970};
use super::{Asked, Program, Visit};
use crate::arriving::Arriving;
use crate::directory::ExchangePlace;

/// A program that is being debugged may take its time: so many times what a seat's server may.
const PATIENCE: u32 = 10;

impl Gateway {
    /// Passes a cleaned request on to the program, and its answer back.
    pub(super) async fn ask_program(
        &self,
        program: &Program<'_>,
        visit: &Visit,
        mut onward: Request<()>,
        (asked, body, is_upgrade): (&Asked<'_>, Arriving, bool),
    ) -> Result<Response<Body>, ProxyError> {
        let upstream = self.files_of(visit)?;
        if is_upgrade {
            let handshake = Handshake::parse(asked.request)?;
            handshake.offer(onward.headers_mut());
            let downstream = hyper::upgrade::on(Request::from_parts(asked.request.clone(), body));
            return self
                .socket(program, visit, onward, (handshake, downstream), upstream)
                .await;
        }
        let (upload, progress) = Upload::new(body);
        let ending = visit.ending(&upstream.incarnation);
        let patience = self.program_patience();
        let answered = self.send(program, onward, upload, &upstream);
        let (lease, response) = tokio::select! {
            answered = answered => answered.map_err(|error| ending.or(error))?,
            error = cut_short(&progress, patience, &ending) => return Err(error),
        };
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            return Err(ProxyError::BadAnswer {
                why: "it switched protocols unasked",
            });
        }
        Ok(answer(program, response, (lease, upstream.place), ending))
    }

    /// Passes a handshake on; upon the program's own `101` both sides are connected.
    async fn socket(
        &self,
        program: &Program<'_>,
        visit: &Visit,
        onward: Request<()>,
        (handshake, downstream): (Handshake, hyper::upgrade::OnUpgrade),
        upstream: Upstream,
    ) -> Result<Response<Body>, ProxyError> {
        let mut ending = visit.ending(&upstream.incarnation);
        let after = self.program_patience();
        let shaken = async {
            let mut sender = self.tunnel(program, &upstream).await?;
            let answer = sender.send_request(onward.map(|()| Upload::empty()));
            let answer = tokio::time::timeout(after, answer)
                .await
                .map_err(|_| ProxyError::AnswerDeadline { after })?
                .map_err(broken)?;
            Ok::<_, ProxyError>((sender, answer))
        };
        let (sender, mut response) = tokio::select! {
            shaken = shaken => shaken?,
            () = ending.clone().over() => return Err(ProxyError::SeatUnavailable),
        };
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            let line = Line::Program(program.port);
            let lease = Lease::new(sender, line, upstream.incarnation.clone());
            return Ok(answer(program, response, (lease, upstream.place), ending));
        }
        let accepted = handshake.accept(response.headers())?;
        let seat = hyper::upgrade::on(&mut response);
        ending.or_when(&self.draining);
        // A page's socket is the page's, and says nothing of whether its learner is there.
        let claims = &visit.claims;
        let visiting = (claims.visitor == Visitor::Instructor)
            .then(|| self.visits.begin(&claims.sub, claims.seat, claims.mode));
        let (place, half_open) = (upstream.place, self.limits.half_open);
        let pumping = async move {
            pump((downstream, seat), None, half_open, ending).await;
            drop((place, visiting));
        };
        self.tasks.spawn(pumping.in_current_span());
        Ok(accepted)
    }

    /// Sends on an idle connection if there is one and the request can be repeated, else on a new one.
    async fn send(
        &self,
        program: &Program<'_>,
        onward: Request<()>,
        upload: Upload,
        upstream: &Upstream,
    ) -> Result<(Lease, Response<Incoming>), ProxyError> {
        let line = Line::Program(program.port);
        let lease = |sender| Lease::new(sender, line, upstream.incarnation.clone());
        let is_repeatable =
            matches!(*onward.method(), Method::GET | Method::HEAD) && upload.is_end_stream();
        if is_repeatable && let Some(mut sender) = upstream.incarnation.connections.take(line) {
            let request = onward.clone().map(|()| Upload::empty());
            if let Ok(response) = sender.send_request(request).await {
                return Ok((lease(sender), response));
            }
        }
        let mut sender = self.tunnel(program, upstream).await?;
        let response = sender
            .send_request(onward.map(|()| upload))
            .await
            .map_err(broken)?;
        Ok((lease(sender), response))
    }

    /// A new connection to the program: HTTP/1.1 inside of the in-seat tunnel.
    async fn tunnel(
        &self,
        program: &Program<'_>,
        upstream: &Upstream,
    ) -> Result<SendRequest<Upload>, ProxyError> {
        let (incarnation, background) = (&upstream.incarnation, (&self.tasks, &self.closing));
        let limit = self.limits.connect;
        let mut seat = connect(upstream.address, limit, incarnation, background).await?;
        let key = (program.own.seat, incarnation.generation);
        let bearer = incarnation.tokens.bearer(
            &self.signing,
            key,
            (Scope::Tunnel, Mode::Control),
            seconds_since_1970(),
        );
        let mut request = Request::new(Upload::empty());
        *request.uri_mut() = format!("/tunnel?port={}", program.port)
            .parse()
            .expect("a port is digits");
        let headers = request.headers_mut();
        headers.insert(HOST, upstream.host.clone());
        headers.insert(AUTHORIZATION, bearer);
        headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(UPGRADE, HeaderValue::from_static(TUNNEL_PROTOCOL));
        // The in-seat server gives up on the program after a while of its own.
        let after = limit * 3;
        let response = tokio::time::timeout(after, seat.send_request(request))
            .await
            .map_err(|_| ProxyError::ConnectDeadline { after })?
            .map_err(ProxyError::Broken)?;
        match response.status() {
            StatusCode::SWITCHING_PROTOCOLS => {}
            StatusCode::BAD_GATEWAY => {
                return Err(ProxyError::NothingListens {
                    port: program.port.get(),
                });
            }
            StatusCode::SERVICE_UNAVAILABLE => return Err(ProxyError::SeatUnavailable),
            StatusCode::NOT_FOUND => {
                return Err(ProxyError::BadAnswer {
                    why: "its server is older than this one and shows no ports. Hint: reset the seat",
                });
            }
            _ => {
                return Err(ProxyError::BadAnswer {
                    why: "it opens no tunnel",
                });
            }
        }
        let upgraded = hyper::upgrade::on(response)
            .await
            .map_err(ProxyError::Broken)?;
        speak(upgraded, incarnation, background).await
    }

    /// Where the visited seat's tunnel is.
    fn files_of(&self, visit: &Visit) -> Result<Upstream, ProxyError> {
        let (incarnation, endpoints) = visit.entry.upstream().ok_or(ProxyError::SeatUnavailable)?;
        let address = endpoints.files;
        let place = visit.entry.begin_exchange(self.limits.exchanges);
        Ok(Upstream {
            place: place.ok_or(ProxyError::SeatBusy)?,
            incarnation,
            service: Service::Files,
            address,
            host: host_value(address),
        })
    }

    fn program_patience(&self) -> Duration {
        self.limits.first_byte * PATIENCE
    }
}

/// The program's answer as the browser gets it.
fn answer(
    program: &Program<'_>,
    response: Response<Incoming>,
    lease: (Lease, ExchangePlace),
    ending: Ending,
) -> Response<Body> {
    let (mut head, incoming) = response.into_parts();
    program.clean_response(&mut head.headers);
    // What hyper keeps of the program's head: reason phrase, spelling of names.
    head.extensions.clear();
    Response::from_parts(head, Body::new(Download::new(incoming, lease, ending)))
}
