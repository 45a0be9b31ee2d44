//! `/api/images`: whether seats can be made of an image. The bodies are here too: nobody else uses them.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::ApiState;
use super::body::ErrorBody;
use super::error::ApiError;
use super::extract::{Body, SignedIn};
use crate::service::{self, ImageView, Try};

/// Which image, and how thoroughly.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CheckImage {
    /// As `POST /api/workshops` takes it.
    image: String,
    /// Whether one seat is made, probed and removed.
    #[serde(default, rename = "try")]
    try_one: bool,
}

/// What an image brings and lacks for seats.
#[derive(Serialize, ToSchema)]
pub(super) struct ImageCheck {
    image: String,
    /// Whether seats can be made of it, by all that was looked at.
    usable: bool,
    /// The engine's id of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    /// What it is made for: `amd64`, `arm64`, …
    #[serde(skip_serializing_if = "Option::is_none")]
    architecture: Option<String>,
    /// How much of the disk it takes, MiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    size_mb: Option<u64>,
    findings: Vec<ImageFinding>,
    /// Absent where no seat was asked for, or none can be made of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    tried: Option<TriedSeat>,
}

/// One thing that was looked at.
#[derive(Serialize, ToSchema)]
struct ImageFinding {
    level: FindingLevel,
    /// Stable, snake_case.
    code: &'static str,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    remedy: Option<String>,
}

/// How bad it is.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum FindingLevel {
    /// As it should be.
    Good,
    /// Seats do without.
    Warning,
    /// No seat can be made of it.
    Error,
}

/// A seat that was made, probed and removed.
#[derive(Serialize, ToSchema)]
struct TriedSeat {
    /// Its terminal echoed, and its files kept what was written.
    works: bool,
    /// How long it took until that was known, in seconds.
    seconds: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<super::body::Reason>,
}

/// Looks into an image before any workshop is made of it. One that is missing is pulled, so this may take
/// minutes; with `try`, one seat is made, probed and removed.
#[utoipa::path(post, path = "/api/images/check", tag = "system", request_body = CheckImage, responses(
    (status = 200, body = ImageCheck), (status = 400, body = ErrorBody, description = "`image_missing`, too"),
    (status = 401, body = ErrorBody), (status = 409, body = ErrorBody, description = "`overcommit`: not even one seat fits"),
    (status = 503, body = ErrorBody),
))]
pub(super) async fn check_image(
    State(state): State<ApiState>,
    _: SignedIn,
    Body(request): Body<CheckImage>,
) -> Result<Json<ImageCheck>, ApiError> {
    let wanted = if request.try_one {
        Try::OneSeat
    } else {
        Try::No
    };
    let view = state.service.check_image(&request.image, wanted).await?;
    Ok(Json(view.into()))
}

impl From<ImageView> for ImageCheck {
    fn from(ImageView { report, tried }: ImageView) -> Self {
        let works = tried.as_ref().is_none_or(|tried| tried.failed.is_none());
        Self {
            usable: report.is_usable() && works,
            image: report.image,
            id: report.id,
            architecture: report.architecture,
            size_mb: report.size_mib,
            findings: report.findings.into_iter().map(Into::into).collect(),
            tried: tried.map(|tried| TriedSeat {
                works: tried.failed.is_none(),
                seconds: (tried.took.as_secs_f64() * 10.0).round() / 10.0,
                reason: tried.failed.map(Into::into),
            }),
        }
    }
}

impl From<service::Finding> for ImageFinding {
    fn from(finding: service::Finding) -> Self {
        Self {
            level: match finding.level {
                service::FindingLevel::Good => FindingLevel::Good,
                service::FindingLevel::Warning => FindingLevel::Warning,
                service::FindingLevel::Error => FindingLevel::Error,
            },
            code: finding.code,
            message: finding.message,
            remedy: finding.remedy,
        }
    }
}
