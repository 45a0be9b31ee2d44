//! Every status and code that an error of this server has: the list that OpenAPI shows.
//!
//! `http/error.rs` and `proxy/error.rs` decide which error gets which; what they answer is checked
//! against this list in every test run. Seats answer with codes of their own behind the gateway.

/// An error as answers have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listed {
    /// HTTP status.
    pub status: u16,
    /// Stable, snake_case; what a client matches on.
    pub code: &'static str,
    /// When it is answered.
    pub when: &'static str,
}

const fn listed(status: u16, code: &'static str, when: &'static str) -> Listed {
    Listed { status, code, when }
}

/// All of them, by status.
#[rustfmt::skip]
pub const LISTED: &[Listed] = &[
    listed(400, "ambiguous_request", "lines, lengths or chunks that two servers could read differently"),
    listed(400, "bad_body", "the body broke off on its way to a seat"),
    listed(400, "bad_handshake", "no WebSocket handshake where one is needed"),
    listed(400, "bad_host", "no `Host`, several, or another than in the target"),
    listed(400, "bad_path", "dot segments, or characters that have no place in a seat's path"),
    listed(400, "bad_target", "the request's target is no path, or its method tunnels"),
    listed(400, "image_missing", "the image isn't there and can't be had; `field` is `image`"),
    listed(400, "image_unusable", "no seat can be made of the image; `field` is `image`"),
    listed(400, "invalid_input", "an input is wrong; `field` says which"),
    listed(401, "bad_credentials", "name or password is wrong"),
    listed(401, "bad_token", "the API token is nobody's, or was revoked"),
    listed(401, "not_entered", "an own origin without its cookie: open it from the workspace"),
    listed(401, "setup_required", "nobody can sign in yet"),
    listed(401, "token_expired", "the seat token's time is over"),
    listed(401, "unauthenticated", "nobody is signed in, or the seat token is none of ours"),
    listed(403, "bad_setup_secret", "the set-up link was used, or is another server's"),
    listed(403, "forbidden", "a valid seat token for another seat, another site's page, or a view token that writes"),
    listed(403, "port_not_open", "a neighbour's port that is not open to the class"),
    listed(403, "wrong_origin", "a page of another site made the call"),
    listed(404, "no_pages", "this binary was built without the pages"),
    listed(404, "not_found", "no such call, workshop, seat or token"),
    listed(404, "origins_off", "seats' ports have no origins for whoever comes by that name; the message has the remedy"),
    listed(404, "unknown_code", "no workshop has that join code, well-formed or not"),
    listed(404, "unknown_reconnect_code", "no seat of the workshop has that reconnect code"),
    listed(405, "method_not_allowed", "the call takes another method"),
    listed(408, "body_stalled", "the body did not arrive in time"),
    listed(408, "upload_stalled", "the body stopped coming on its way to a seat"),
    listed(409, "browser_off", "the workshop was made without browsers"),
    listed(409, "browser_port_taken", "a program in the seat has the port that its browser needs; `Retry-After` says when to ask again"),
    listed(409, "idempotency_conflict", "the `Idempotency-Key` came with another body before"),
    listed(409, "no_seats", "every seat that works is taken"),
    listed(409, "nothing_to_undo", "no reset of this learner's seat can be undone any more"),
    listed(409, "overcommit", "so many seats don't fit on the machine; the message has the arithmetic, `allow_overcommit` makes them all the same"),
    listed(409, "seat_differs", "orchestrator API: the seat was made with other settings and is stopped"),
    listed(409, "seat_stopped", "orchestrator API: the seat does not run; POST it again"),
    listed(409, "too_many_ports", "the seat has as many open ports, or numbers, as one may"),
    listed(410, "ended", "the workshop is over"),
    listed(410, "released", "the seat was released"),
    listed(410, "reset", "the seat was made anew: join again with the reconnect code"),
    listed(413, "too_large", "the body is too large"),
    listed(415, "unsupported_media_type", "the body is not JSON"),
    listed(421, "wrong_host", "the server has no such name"),
    listed(423, "seat_locked", "the instructor has locked the seat; `Retry-After` says when to ask again"),
    listed(425, "not_ready", "the workshop can't be joined yet; `Retry-After` says when to ask again"),
    listed(426, "websocket_version", "only version 13 of the WebSocket protocol is spoken"),
    listed(429, "too_many_attempts", "too many failures; `Retry-After` says when to ask again"),
    listed(500, "internal", "a fault of the server's; the log has the cause under the request id"),
    listed(502, "seat_not_working", "orchestrator API: the seat runs, and its terminal, files or binding failed the probe"),
    listed(502, "seat_protocol_error", "the seat broke off, or did not speak HTTP"),
    listed(502, "seat_unreachable", "the seat could not be reached"),
    listed(502, "seat_not_working", "orchestrator API: the seat runs, and its terminal, files or binding failed the probe"),
    listed(503, "browser_failed", "the seat's browser could not be started, the message says why; it is tried again while somebody asks"),
    listed(503, "browser_queued", "the machine has no room for another browser yet; `Retry-After` says when to ask again"),
    listed(503, "browser_starting", "the seat's browser is starting; `Retry-After` says when to ask again"),
    listed(503, "database_busy", "another program holds the server's database; nothing was changed; `Retry-After` says when to ask again"),
    listed(503, "deadline", "the engine did not answer in time; nothing was begun"),
    listed(503, "disk", "a seat's disk can't be made or removed"),
    listed(503, "engine_error", "the engine refused; nothing was begun"),
    listed(503, "engine_unreachable", "the engine doesn't answer; nothing was begun"),
    listed(503, "image_missing", "orchestrator API: the seats' image isn't there and can't be had"),
    listed(503, "isolation_unavailable", "seats can't be isolated on this machine; nothing was begun"),
    listed(503, "no_preview_ports", "every port for previews is in use; `Retry-After` says when to ask again"),
    listed(503, "no_subnet", "the seats' networks are used up"),
    listed(503, "nothing_listens", "no program listens on that port of the seat; `Retry-After` says when to ask again"),
    listed(503, "overloaded", "as many connections or requests as the server, or one network, may have; `Retry-After` says when to ask again"),
    listed(503, "seat_busy", "as many requests and connections as one seat may have; `Retry-After` says when to ask again"),
    listed(503, "seat_unavailable", "the seat is being made or brought back; `Retry-After` says when to ask again"),
    listed(503, "seats_unreachable", "the engine's seats can't be reached from this machine; nothing was begun"),
    listed(503, "stopping", "the server stops; `Retry-After` says when to ask again"),
    listed(504, "seat_timeout", "the seat did not answer in time"),
    listed(507, "disk_full", "the server's disk is full"),
];

/// Whether an answer may have this code with this status.
#[must_use]
pub fn is_listed(status: u16, code: &str) -> bool {
    let mut all = LISTED.iter();
    all.any(|it| it.status == status && it.code == code)
}

/// The list as a Markdown table.
#[must_use]
pub(crate) fn table() -> String {
    let rows = LISTED
        .iter()
        .map(|Listed { status, code, when }| format!("\n| {status} | `{code}` | {when} |"));
    format!(
        "| status | code | when |\n|---|---|---|{}",
        rows.collect::<String>()
    )
}
