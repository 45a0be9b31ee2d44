//! `/api/setup` and `/api/session`: becoming and being the instructor.

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{Extensions, HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use time::OffsetDateTime;

use super::ApiState;
use super::body::{ErrorBody, Session, SetupRequest, SignInRequest};
use super::error::ApiError;
use super::extract::{Body, From, cookie_name, is_https, session_token};
use crate::service::SignedIn;

/// Sets the first password, with the secret of the set-up link.
#[utoipa::path(post, path = "/api/setup", tag = "session", request_body = SetupRequest, responses(
    (status = 201, body = Session), (status = 400, body = ErrorBody), (status = 403, body = ErrorBody), (status = 429, body = ErrorBody),
))]
pub(super) async fn set_up(
    State(state): State<ApiState>,
    from: From,
    extensions: Extensions,
    Body(request): Body<SetupRequest>,
) -> Result<Response, ApiError> {
    let name = request.name.as_deref();
    let (token, session) = state
        .service
        .set_up(from.client, &request.secret, name, request.password)
        .await?;
    Ok(with_cookie(
        &state,
        &extensions,
        StatusCode::CREATED,
        &token,
        session,
    ))
}

/// Who is signed in.
#[utoipa::path(get, path = "/api/session", tag = "session", responses(
    (status = 200, body = Session), (status = 401, body = ErrorBody, description = "`unauthenticated`, or `setup_required` while nobody can sign in"),
))]
pub(super) async fn get_session(
    State(state): State<ApiState>,
    headers: HeaderMap,
    extensions: Extensions,
) -> Result<Json<Session>, ApiError> {
    let token = session_token(&headers, &cookie_name(&state, &extensions))?;
    Ok(Json(state.service.session(token.as_deref()).await?.into()))
}

/// Signs in.
#[utoipa::path(post, path = "/api/session", tag = "session", request_body = SignInRequest, responses(
    (status = 200, body = Session), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody), (status = 429, body = ErrorBody),
))]
pub(super) async fn create_session(
    State(state): State<ApiState>,
    from: From,
    extensions: Extensions,
    Body(request): Body<SignInRequest>,
) -> Result<Response, ApiError> {
    let (token, session) = state
        .service
        .sign_in(from.client, request.name.as_deref(), request.password)
        .await?;
    Ok(with_cookie(
        &state,
        &extensions,
        StatusCode::OK,
        &token,
        session,
    ))
}

/// Signs out.
#[utoipa::path(delete, path = "/api/session", tag = "session", responses((status = 204)))]
pub(super) async fn delete_session(
    State(state): State<ApiState>,
    request: Request,
) -> Result<Response, ApiError> {
    super::extract::check_origin(request.method(), request.headers(), request.extensions())?;
    let name = cookie_name(&state, request.extensions());
    if let Some(token) = session_token(request.headers(), &name)? {
        state.service.sign_out(&token).await?;
    }
    let cookie = cookie(&name, "", 0, is_https(request.extensions()));
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, cookie)]).into_response())
}

fn with_cookie(
    state: &ApiState,
    extensions: &Extensions,
    status: StatusCode,
    token: &str,
    session: SignedIn,
) -> Response {
    let seconds = (session.expires_at - OffsetDateTime::now_utc()).whole_seconds();
    let cookie = cookie(
        &cookie_name(state, extensions),
        token,
        seconds,
        is_https(extensions),
    );
    (
        status,
        [(header::SET_COOKIE, cookie)],
        Json(Session::from(session)),
    )
        .into_response()
}

fn cookie(name: &str, value: &str, max_age: i64, https: bool) -> HeaderValue {
    let secure = if https { "; Secure" } else { "" };
    HeaderValue::from_str(&format!(
        "{name}={value}; HttpOnly; SameSite=Lax; Path=/; Max-Age={max_age}{secure}"
    ))
    .expect("names and tokens are ASCII of ours")
}
