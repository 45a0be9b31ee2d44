//! From errors to statuses and bodies: the one table for the API.
//!
//! Handlers answer [`ApiError`]; [`render`], outermost, writes the body with the request's id and logs
//! what is the server's own fault, once.

use std::any::Any;

use axum::Json;
use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use clarateach_protocol::error::{ErrorBody, ErrorDetail};

use crate::error_codes::is_listed;
use crate::server::RequestId;
use crate::service::Error;

/// An error on its way to the client.
#[derive(Debug, Clone)]
pub(crate) struct ApiError {
    status: StatusCode,
    code: String,
    message: String,
    field: Option<String>,
    retry_after_seconds: Option<u64>,
    cause: Option<String>,
}

impl ApiError {
    pub(crate) fn new(status: StatusCode, code: &str, message: impl Into<String>) -> Self {
        Self {
            status,
            code: code.to_owned(),
            message: message.into(),
            field: None,
            retry_after_seconds: None,
            cause: None,
        }
    }

    pub(crate) fn invalid(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            field: Some(field.into()),
            ..Self::new(StatusCode::BAD_REQUEST, "invalid_input", message)
        }
    }

    pub(crate) fn retry_after(self, seconds: u64) -> Self {
        Self {
            retry_after_seconds: Some(seconds),
            ..self
        }
    }
}

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        let message = error.to_string();
        let plain = |status, code| Self::new(status, code, message.clone());
        match error {
            Error::Invalid { field, .. } => Self::invalid(field, message),
            Error::Unauthenticated => plain(StatusCode::UNAUTHORIZED, "unauthenticated"),
            Error::BadToken => plain(StatusCode::UNAUTHORIZED, "bad_token"),
            Error::SetupRequired => plain(StatusCode::UNAUTHORIZED, "setup_required"),
            Error::BadCredentials => plain(StatusCode::UNAUTHORIZED, "bad_credentials"),
            Error::BadSetupSecret => plain(StatusCode::FORBIDDEN, "bad_setup_secret"),
            Error::NotFound(_) => plain(StatusCode::NOT_FOUND, "not_found"),
            Error::UnknownCode => plain(StatusCode::NOT_FOUND, "unknown_code"),
            Error::UnknownReconnectCode => plain(StatusCode::NOT_FOUND, "unknown_reconnect_code"),
            Error::NoSeats => plain(StatusCode::CONFLICT, "no_seats"),
            Error::Ended => plain(StatusCode::GONE, "ended"),
            Error::SeatLocked => plain(StatusCode::LOCKED, "seat_locked").retry_after(2),
            Error::NotReady { .. } => plain(StatusCode::TOO_EARLY, "not_ready").retry_after(2),
            Error::TooManyAttempts { retry_after } => {
                plain(StatusCode::TOO_MANY_REQUESTS, "too_many_attempts")
                    .retry_after(retry_after.as_secs().max(1))
            }
            Error::Conflict { code, .. } => plain(StatusCode::CONFLICT, code),
            Error::Unavailable(reason)
                if ["image_missing", "image_unusable"].contains(&reason.code.as_str()) =>
            {
                Self {
                    code: reason.code,
                    ..Self::invalid("image", message)
                }
            }
            Error::Unavailable(reason) => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, &reason.code, message).retry_after(10)
            }
            Error::Stopping => plain(StatusCode::SERVICE_UNAVAILABLE, "stopping").retry_after(2),
            Error::Store(error) if error.is_disk_full() => Self {
                cause: Some(error.to_string()),
                ..Self::new(
                    StatusCode::INSUFFICIENT_STORAGE,
                    "disk_full",
                    "the server's disk is full: free some space",
                )
            },
            Error::Store(error) if error.is_busy() => Self {
                cause: Some(error.to_string()),
                ..Self::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "database_busy",
                    "another program holds the server's database: nothing was changed, try again",
                )
                .retry_after(2)
            },
            Error::Store(error) => Self::internal(&error),
        }
    }
}

impl ApiError {
    /// The client learns a fixed text; the cause goes to the log under the request's id.
    pub(crate) fn internal(cause: &dyn std::fmt::Display) -> Self {
        Self {
            cause: Some(cause.to_string()),
            ..Self::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "internal",
                "something went wrong here: try again, and tell the operator the request id if it stays",
            )
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// Writes the body of an [`ApiError`], and logs its cause where the fault is ours.
pub(crate) async fn render(request: Request, next: Next) -> Response {
    let request_id = request
        .extensions()
        .get::<RequestId>()
        .map(|id| id.as_str().to_owned());
    let mut response = next.run(request).await;
    let Some(error) = response.extensions_mut().remove::<ApiError>() else {
        return response;
    };
    debug_assert!(
        is_listed(error.status.as_u16(), &error.code),
        "{} {} is not in error_codes.rs",
        error.status,
        error.code
    );
    if let Some(cause) = &error.cause {
        tracing::error!(request_id, code = error.code, cause, "request failed");
    }
    let body = ErrorBody {
        error: ErrorDetail {
            code: error.code,
            message: error.message,
            request_id,
            field: error.field,
            paths: Vec::new(),
        },
    };
    let (parts, _) = response.into_parts();
    let mut rendered = (error.status, Json(body)).into_response();
    for (name, value) in &parts.headers {
        if !matches!(*name, header::CONTENT_TYPE | header::CONTENT_LENGTH) {
            rendered.headers_mut().insert(name.clone(), value.clone());
        }
    }
    rendered
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(seconds) = error.retry_after_seconds {
        rendered
            .headers_mut()
            .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    rendered
}

/// `404` for what begins with `/api/` and is no route.
pub(crate) async fn unknown_route() -> ApiError {
    ApiError::new(
        StatusCode::NOT_FOUND,
        "not_found",
        "there is no such call: see /api/openapi.json",
    )
}

/// `405` for a route's wrong method.
pub(crate) async fn wrong_method() -> ApiError {
    ApiError::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method_not_allowed",
        "this call takes another method: see /api/openapi.json",
    )
}

/// A handler panicked: a bug of ours, told like any other failure of ours.
pub(crate) fn panicked(panic: Box<dyn Any + Send + 'static>) -> Response {
    let text = panic
        .downcast_ref::<&str>()
        .map(ToString::to_string)
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_default();
    ApiError::internal(&format!("panic: {text}")).into_response()
}
