//! Errors as endpoints see them: RFC 9457 problems with a stable `code`.

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use http::{
    HeaderValue, StatusCode,
    header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE},
};
use hub::exchange::hosted::HostedError;
use model::{
    contract::{PROBLEM_MEDIA_TYPE, Problem},
    error::{FieldProblem, HubError},
};
use serde::Serialize;
use utoipa::IntoResponses;

/// A request that did not succeed.
#[derive(Debug)]
pub(crate) struct ApiError {
    status: StatusCode,
    code: &'static str,
    detail: String,
    fields: Vec<FieldProblem>,
    retry_after_seconds: Option<u64>,
}

#[derive(Serialize)]
struct Body {
    #[serde(flatten)]
    problem: Problem,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldProblem>,
}

impl ApiError {
    /// With a code of its own.
    pub(crate) fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self { status, code, detail: detail.into(), fields: Vec::new(), retry_after_seconds: None }
    }

    /// Our own fault: told in the log, with nothing of it in the answer.
    pub(crate) fn internal(error: &dyn std::error::Error) -> Self {
        tracing::error!(%error, "a request of an endpoint failed");
        let detail = "Something went wrong on Usher's side. Send the request again later.";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", detail)
    }

    /// No endpoint key, or nobody's.
    pub(crate) fn unauthorized() -> Self {
        let detail = "Send the endpoint key as Authorization: Bearer KEY. The endpoint's page in Usher makes one.";
        Self::new(StatusCode::UNAUTHORIZED, "key_refused", detail)
    }

    /// Too many requests.
    pub(crate) fn slow_down(status: StatusCode, detail: String, retry_after_seconds: u64) -> Self {
        Self { retry_after_seconds: Some(retry_after_seconds), ..Self::new(status, "slow_down", detail) }
    }

    /// Later, please.
    pub(crate) fn later(detail: &str, retry_after_seconds: u64) -> Self {
        let error = Self::new(StatusCode::SERVICE_UNAVAILABLE, "later", detail);
        Self { retry_after_seconds: Some(retry_after_seconds), ..error }
    }
}

impl From<HubError> for ApiError {
    fn from(error: HubError) -> Self {
        let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let code = match &error {
            HubError::SignedOut => "key_refused",
            HubError::Forbidden { .. } => "forbidden",
            HubError::NotFound { .. } => "not_found",
            HubError::Invalid { .. } => "invalid",
            HubError::Conflict { .. } | HubError::Outdated { .. } => "conflict",
            HubError::SlowDown { .. } => "slow_down",
            HubError::Endpoint { .. } => "endpoint",
            HubError::Internal { .. } => "internal",
        };
        let mut problem = Self::new(status, code, error.to_string());
        match error {
            HubError::Invalid { problems } => problem.fields = problems,
            HubError::SlowDown { retry_after_seconds } => problem.retry_after_seconds = Some(retry_after_seconds),
            _ => {}
        }
        problem
    }
}

impl From<HostedError> for ApiError {
    fn from(error: HostedError) -> Self {
        match error {
            HostedError::Hub(error) => error.into(),
            HostedError::NoRoom => Self::later(&error.to_string(), 60),
            HostedError::Refused { code, message } => {
                let status = StatusCode::from_u16(code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                Self::new(status, code.as_str(), message)
            }
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let problem = Problem {
            problem_type: "about:blank".to_owned(),
            title: self.status.canonical_reason().unwrap_or("Error").to_owned(),
            status: self.status.as_u16(),
            detail: Some(self.detail),
            code: Some(self.code.to_owned()),
        };
        let mut response = (self.status, Json(Body { problem, errors: self.fields })).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(PROBLEM_MEDIA_TYPE));
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(seconds) = self.retry_after_seconds {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// The problems that any request may be answered with, for the OpenAPI document.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "only its shape is used")]
pub(crate) enum Problems {
    /// The request can't be read: `invalid`, `body_unreadable`, `digest_unreadable`, `idempotency_key_unreadable`.
    #[response(status = 400, content_type = "application/problem+json")]
    BadRequest(Problem),
    /// The endpoint key is missing or wrong: `key_refused`.
    #[response(status = 401, content_type = "application/problem+json")]
    Unauthorized(Problem),
    /// There is no such thing for this caller: `not_found`.
    #[response(status = 404, content_type = "application/problem+json")]
    NotFound(Problem),
    /// More requests than may be: `slow_down`; `Retry-After` says when to come again.
    #[response(status = 429, content_type = "application/problem+json")]
    SlowDown(Problem),
    /// Usher's own fault: `internal`. Nothing was changed; the request may be sent again.
    #[response(status = 500, content_type = "application/problem+json")]
    Internal(Problem),
}

/// The further problems of requests that change something.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "only its shape is used")]
pub(crate) enum ChangeProblems {
    /// The body took too long to come: `too_slow`.
    #[response(status = 408, content_type = "application/problem+json")]
    TooSlow(Problem),
    /// What is there forbids it: `job_ended`, `wrong_category`, `part_differs`, `wrong_step`, `conflict`. Or the first request with this
    /// `Idempotency-Key` is still under way: `request_under_way`, with `Retry-After`.
    #[response(status = 409, content_type = "application/problem+json")]
    Conflict(Problem),
    /// Over a limit: `body_too_large`, `part_too_large`.
    #[response(status = 413, content_type = "application/problem+json")]
    TooLarge(Problem),
    /// Another media type or content coding: `not_json`, `not_csv`, `undecodable`.
    #[response(status = 415, content_type = "application/problem+json")]
    Unsupported(Problem),
    /// Well-formed, but wrong: `invalid`, `digest_mismatch`, `unreadable_csv`, `missing_column`, `totals_disagree`, `results_disagree`,
    /// `idempotency_key_reused`.
    #[response(status = 422, content_type = "application/problem+json")]
    Unprocessable(Problem),
}

/// What is not in the contract.
pub(crate) async fn no_such_path() -> ApiError {
    ApiError::new(StatusCode::NOT_FOUND, "not_found", "The contract has no such path.")
}

/// What a path of the contract can't be asked. The answer's `Allow` says what it can.
pub(crate) async fn no_such_method() -> ApiError {
    let detail = "This path does not take this method; the answer's Allow header names those that it takes.";
    ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", detail)
}
