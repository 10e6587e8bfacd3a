//! Jobs: announced, asked after, reported.

use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use model::contract::{Job, JobCategory, JobRequest, StatusReport};

use super::{Endpoint, check_job_id, read_json};
use crate::fault::{Code, Fault};
use crate::producer::exports::{job_differs, no_such_job};

/// How long a long poll holds at most, in seconds.
const LONGEST_WAIT: u64 = 60;

pub async fn announce(State(endpoint): State<Endpoint>, headers: HeaderMap, body: Body) -> Result<Response, Fault> {
    let request: JobRequest = read_json(&headers, body).await?;
    check_job_id(&request.id)?;
    let not_taken = |side: &str| {
        Fault::new(Code::JOB_NOT_TAKEN, format!("This endpoint has no {side} side; GET v1/endpoint says what it has."))
    };
    let job = match request.category {
        JobCategory::SegmentExport => {
            let exports = endpoint.exports().ok_or_else(|| not_taken("producer"))?;
            let id = request.id.clone();
            if endpoint
                .blocking(move |inner| inner.consumer.as_ref().map_or(Ok(None), |consumer| consumer.job(&id)))
                .await?
                .is_some()
            {
                return Err(job_differs(&request.id));
            }
            exports.announce(request).await?
        }
        JobCategory::SegmentImport => {
            let consumer = endpoint.inner.consumer.clone().ok_or_else(|| not_taken("consumer"))?;
            if let Some(exports) = endpoint.exports()
                && exports.get(&request.id).await?.is_some()
            {
                return Err(job_differs(&request.id));
            }
            endpoint.blocking(move |_| consumer.announce(request)).await?
        }
    };
    // A repeat is answered as the first, so both are 201.
    let location = format!("/v1/jobs/{}", job.id);
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], Json(job)).into_response())
}

pub async fn detail(
    State(endpoint): State<Endpoint>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Job>, Fault> {
    if let Some(exports) = endpoint.exports()
        && let Some(export) = exports.wait(&id, preferred_wait(&headers)).await?
    {
        return Ok(Json(export.to_job()));
    }
    let asked = id.clone();
    let job = endpoint
        .blocking(move |inner| inner.consumer.as_ref().map_or(Ok(None), |consumer| consumer.job(&asked)))
        .await?;
    job.map(Json).ok_or_else(|| no_such_job(&id))
}

pub async fn report(
    State(endpoint): State<Endpoint>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Job>, Fault> {
    let report: StatusReport = read_json(&headers, body).await?;
    if let Some(exports) = endpoint.exports()
        && exports.get(&id).await?.is_some()
    {
        return exports.report(&id, report).await.map(Json);
    }
    let consumer = endpoint.inner.consumer.clone().ok_or_else(|| no_such_job(&id))?;
    endpoint.blocking(move |_| consumer.report(&id, &report)).await.map(Json)
}

/// `Prefer: wait=30` (RFC 7240): how long the caller likes to wait for a change.
fn preferred_wait(headers: &HeaderMap) -> Duration {
    let seconds = headers
        .get_all("prefer")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .find_map(|preference| preference.trim().strip_prefix("wait=")?.parse().ok());
    Duration::from_secs(seconds.unwrap_or(0).min(LONGEST_WAIT))
}
