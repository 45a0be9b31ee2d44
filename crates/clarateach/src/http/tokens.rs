//! `/api/tokens`: what programs sign in with. The bodies are here too: nobody else uses them.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::serde::rfc3339;
use utoipa::ToSchema;

use super::ApiState;
use super::body::ErrorBody;
use super::error::ApiError;
use super::extract::{Body, SignedIn, TokenPath};
use crate::model;

/// An API token to make.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CreateToken {
    /// What it is for, 1 to 80 characters.
    name: String,
}

/// An API token, with its text for the only time.
#[derive(Serialize, ToSchema)]
pub(super) struct CreatedToken {
    id: String,
    name: String,
    /// `ct_…`; nobody can read it again.
    token: String,
}

/// The instructor's API tokens.
#[derive(Serialize, ToSchema)]
pub(super) struct TokenList {
    tokens: Vec<ApiToken>,
}

/// An API token, without its text.
#[derive(Serialize, ToSchema)]
pub(super) struct ApiToken {
    id: String,
    name: String,
    #[serde(with = "rfc3339")]
    created_at: OffsetDateTime,
    /// To about a minute.
    #[serde(with = "rfc3339::option", skip_serializing_if = "Option::is_none")]
    last_used_at: Option<OffsetDateTime>,
}

impl From<model::ApiToken> for ApiToken {
    fn from(token: model::ApiToken) -> Self {
        Self {
            id: token.id,
            name: token.name,
            created_at: token.created_at,
            last_used_at: token.last_used_at,
        }
    }
}

/// One's own API tokens, oldest first.
#[utoipa::path(get, path = "/api/tokens", tag = "tokens", responses(
    (status = 200, body = TokenList), (status = 401, body = ErrorBody),
))]
pub(super) async fn list_tokens(
    State(state): State<ApiState>,
    SignedIn { instructor, .. }: SignedIn,
) -> Result<Json<TokenList>, ApiError> {
    let tokens = state.service.tokens(&instructor).await?;
    let tokens = tokens.into_iter().map(ApiToken::from).collect();
    Ok(Json(TokenList { tokens }))
}

/// Makes an API token; it does what its instructor may do, until it is revoked.
#[utoipa::path(post, path = "/api/tokens", tag = "tokens", request_body = CreateToken, responses(
    (status = 201, body = CreatedToken), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
))]
pub(super) async fn create_token(
    State(state): State<ApiState>,
    SignedIn { instructor, .. }: SignedIn,
    Body(request): Body<CreateToken>,
) -> Result<(StatusCode, Json<CreatedToken>), ApiError> {
    let (token, text) = state
        .service
        .create_token(&instructor, &request.name)
        .await?;
    let created = CreatedToken {
        id: token.id,
        name: token.name,
        token: text,
    };
    Ok((StatusCode::CREATED, Json(created)))
}

/// Revokes one of one's own API tokens.
#[utoipa::path(delete, path = "/api/tokens/{id}", tag = "tokens", params(("id" = String, Path)), responses(
    (status = 204), (status = 401, body = ErrorBody), (status = 404, body = ErrorBody),
))]
pub(super) async fn delete_token(
    State(state): State<ApiState>,
    SignedIn { instructor, .. }: SignedIn,
    TokenPath(id): TokenPath,
) -> Result<StatusCode, ApiError> {
    state.service.revoke_token(&instructor, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
