//! Every error as an answer: the only place that knows status codes of failures.

use clarateach_protocol::error::ErrorBody;
use hyper::header::{
    ALLOW, CONTENT_RANGE, ETAG, HeaderName, HeaderValue, RETRY_AFTER, UPGRADE, WWW_AUTHENTICATE,
};
use hyper::{Method, Response, StatusCode};

use super::body::{Body, json};
use crate::auth::AuthError;
use crate::bind::BindError;
use crate::exec::ExecError;
use crate::files::FilesError;
use crate::files::archive::ArchiveError;
use crate::files::search::SearchError;
use crate::terminal::registry::TerminalError;

/// Why a request is not answered with what it asks for.
#[derive(Debug, thiserror::Error)]
pub(super) enum HttpError {
    #[error("there is no such route")]
    NoRoute,
    #[error("this route doesn't take that method")]
    Method { allowed: &'static [Method] },
    #[error("{message}")]
    Input {
        field: Option<&'static str>,
        message: String,
    },
    #[error("the body is longer than {limit} bytes")]
    BodyTooLarge { limit: usize },
    #[error("the body didn't come in time")]
    BodyTimeout,
    #[error("the body ended early")]
    BodyBroken,
    #[error("this route is for WebSockets: send Upgrade: websocket, version 13")]
    UpgradeRequired,
    #[error("the range is outside of the file's {size} bytes")]
    Range { size: u64 },
    #[error("the terminal has too many viewers")]
    TooManyClients,
    #[error("nothing listens on port {port} of the seat")]
    NothingListens { port: u16 },
    #[error("the seat has too many open connections to its ports")]
    TooManyTunnels,
    #[error("{what}: try again in a moment")]
    Busy { what: String },
    #[error(transparent)]
    Auth(#[from] AuthError),
    #[error(transparent)]
    Files(#[from] FilesError),
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    #[error(transparent)]
    Search(#[from] SearchError),
    #[error(transparent)]
    Exec(#[from] ExecError),
    #[error(transparent)]
    Terminal(#[from] TerminalError),
    #[error(transparent)]
    Bind(#[from] BindError),
    #[error("the request failed inside of the seat's server")]
    Internal,
}

impl HttpError {
    pub(super) fn input(field: &'static str, message: impl Into<String>) -> Self {
        Self::Input {
            field: Some(field),
            message: message.into(),
        }
    }

    pub(super) fn into_response(self, request_id: Option<String>) -> Response<Body> {
        let (status, code) = self.status();
        if status == StatusCode::INTERNAL_SERVER_ERROR {
            tracing::error!(error = %self, "a request failed");
        }
        let mut body = ErrorBody::new(code, self.to_string());
        body.error.request_id = request_id;
        if let Self::Input { field, .. } = &self {
            body.error.field = field.map(str::to_owned);
        }
        match &self {
            Self::Search(SearchError::Query { .. }) => body.error.field = Some("q".to_owned()),
            Self::Search(SearchError::Glob { .. }) => body.error.field = Some("glob".to_owned()),
            _ => {}
        }
        if let Self::Archive(ArchiveError::InTheWay { paths, .. }) = &self {
            body.error.paths = paths.clone();
        }
        let mut response = json(status, &body);
        if let Some((name, value)) = self.header() {
            response.headers_mut().insert(name, value);
        }
        response
    }

    fn status(&self) -> (StatusCode, &'static str) {
        match self {
            Self::NoRoute => (StatusCode::NOT_FOUND, "not_found"),
            Self::Method { .. } => (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed"),
            Self::Input { .. } => (StatusCode::BAD_REQUEST, "invalid_input"),
            Self::BodyTooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "too_large"),
            Self::BodyTimeout => (StatusCode::REQUEST_TIMEOUT, "timeout"),
            Self::BodyBroken => (StatusCode::BAD_REQUEST, "incomplete_body"),
            Self::UpgradeRequired => (StatusCode::UPGRADE_REQUIRED, "upgrade_required"),
            Self::Range { .. } => (StatusCode::RANGE_NOT_SATISFIABLE, "bad_range"),
            Self::Busy { .. } => (StatusCode::SERVICE_UNAVAILABLE, "busy"),
            Self::TooManyClients => (StatusCode::SERVICE_UNAVAILABLE, "too_many_clients"),
            Self::NothingListens { .. } => (StatusCode::BAD_GATEWAY, "nothing_listens"),
            Self::TooManyTunnels => (StatusCode::SERVICE_UNAVAILABLE, "too_many_tunnels"),
            Self::Auth(error) => auth_status(error),
            Self::Files(error) => files_status(error),
            Self::Exec(ExecError::NotFound { .. }) => (StatusCode::BAD_REQUEST, "no_program"),
            Self::Exec(ExecError::NoShell(_)) => (StatusCode::SERVICE_UNAVAILABLE, "no_shell"),
            Self::Exec(ExecError::Input { .. }) => (StatusCode::BAD_REQUEST, "invalid_input"),
            Self::Exec(ExecError::Start(_)) => (StatusCode::SERVICE_UNAVAILABLE, "exec_failed"),
            Self::Archive(error) => archive_status(error),
            Self::Search(SearchError::Files(error)) => files_status(error),
            Self::Search(_) => (StatusCode::BAD_REQUEST, "invalid_input"),
            Self::Terminal(error) => terminal_status(error),
            Self::Bind(BindError::File(error)) => files_status(error),
            Self::Bind(_) => (StatusCode::BAD_REQUEST, "invalid_input"),
            Self::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "internal"),
        }
    }

    fn header(&self) -> Option<(HeaderName, HeaderValue)> {
        let text = |text: String| HeaderValue::try_from(text).ok();
        match self {
            Self::Method { allowed } => {
                let names: Vec<_> = allowed.iter().map(Method::as_str).collect();
                Some((ALLOW, text(names.join(", "))?))
            }
            Self::Range { size } => Some((CONTENT_RANGE, text(format!("bytes */{size}"))?)),
            Self::Busy { .. } => Some((RETRY_AFTER, HeaderValue::from_static("2"))),
            Self::UpgradeRequired => Some((UPGRADE, HeaderValue::from_static("websocket"))),
            Self::Auth(AuthError::Missing | AuthError::Token(_)) => {
                Some((WWW_AUTHENTICATE, HeaderValue::from_static("Bearer")))
            }
            Self::Files(FilesError::Changed {
                current: Some(etag),
                ..
            }) => Some((ETAG, text(etag.to_string())?)),
            _ => None,
        }
    }
}

fn auth_status(error: &AuthError) -> (StatusCode, &'static str) {
    match error {
        AuthError::Missing | AuthError::Token(_) => (StatusCode::UNAUTHORIZED, "unauthenticated"),
        AuthError::OtherSeat | AuthError::Scope => (StatusCode::FORBIDDEN, "forbidden"),
        AuthError::ViewOnly => (StatusCode::FORBIDDEN, "view_only"),
    }
}

fn files_status(error: &FilesError) -> (StatusCode, &'static str) {
    match error {
        FilesError::BadPath { .. } => (StatusCode::BAD_REQUEST, "bad_path"),
        FilesError::NotFound { .. } => (StatusCode::NOT_FOUND, "not_found"),
        FilesError::NoParent { .. } => (StatusCode::NOT_FOUND, "no_parent"),
        FilesError::Outside { .. } => (StatusCode::FORBIDDEN, "outside"),
        FilesError::Denied { .. } => (StatusCode::FORBIDDEN, "denied"),
        FilesError::IsDirectory { .. } => (StatusCode::CONFLICT, "is_directory"),
        FilesError::NotADirectory { .. } => (StatusCode::CONFLICT, "not_a_directory"),
        FilesError::NotAFile { .. } => (StatusCode::CONFLICT, "not_a_file"),
        FilesError::Exists { .. } => (StatusCode::CONFLICT, "exists"),
        FilesError::NotEmpty { .. } => (StatusCode::CONFLICT, "not_empty"),
        FilesError::IntoItself { .. } => (StatusCode::CONFLICT, "into_itself"),
        FilesError::Changed { .. } => (StatusCode::PRECONDITION_FAILED, "changed"),
        FilesError::TooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "too_large"),
        FilesError::TooManyEntries { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "too_many_entries"),
        FilesError::TooDeep { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "too_deep"),
        FilesError::DiskFull => (StatusCode::INSUFFICIENT_STORAGE, "disk_full"),
        FilesError::Io { .. } => (StatusCode::INTERNAL_SERVER_ERROR, "io_error"),
    }
}

fn archive_status(error: &ArchiveError) -> (StatusCode, &'static str) {
    match error {
        ArchiveError::Unknown | ArchiveError::Broken { .. } => {
            (StatusCode::BAD_REQUEST, "bad_archive")
        }
        ArchiveError::InTheWay { .. } => (StatusCode::CONFLICT, "exists"),
        ArchiveError::TooLarge { .. } | ArchiveError::Bomb { .. } => {
            (StatusCode::PAYLOAD_TOO_LARGE, "too_large")
        }
        ArchiveError::TooMany { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "too_many_entries"),
        ArchiveError::Files(error) => files_status(error),
        ArchiveError::Partial { source, .. } => archive_status(source),
    }
}

fn terminal_status(error: &TerminalError) -> (StatusCode, &'static str) {
    match error {
        TerminalError::NotFound { .. } => (StatusCode::NOT_FOUND, "no_terminal"),
        TerminalError::Exists { .. } => (StatusCode::CONFLICT, "exists"),
        TerminalError::TooMany => (StatusCode::CONFLICT, "too_many_terminals"),
        TerminalError::NoShell(_) => (StatusCode::SERVICE_UNAVAILABLE, "no_shell"),
        TerminalError::Start(_) => (StatusCode::SERVICE_UNAVAILABLE, "terminal_failed"),
        TerminalError::Stopping => (StatusCode::SERVICE_UNAVAILABLE, "stopping"),
    }
}
