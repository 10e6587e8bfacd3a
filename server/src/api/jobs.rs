//! The jobs of an endpoint: finding them, waiting for them, reporting.

use std::{future::Future, time::Duration};

use axum::{
    Json,
    extract::{Path, State},
};
use http::HeaderMap;
use hub::{Hub, exchange::hosted::JobQuery};
use model::contract::{HostedJob, JobCategory, JobStatus, Page, Problem, StatusReport};
use serde::Deserialize;

use super::{
    problem::{ApiError, ChangeProblems, Problems},
    request::{Asked, Body, Caller, LARGEST_PAGE, LARGEST_REPORT, page_of, wait},
};
use crate::router::Stopping;

/// The query of `GET /v1/jobs`.
#[derive(Debug, Deserialize)]
pub(crate) struct Query {
    category: Option<JobCategory>,
    status: Option<JobStatus>,
    limit: Option<u32>,
    cursor: Option<String>,
}

/// The endpoint's jobs, the oldest first; those that have not ended unless a status is asked for.
///
/// With `Prefer: wait=30` as soon as there is one.
#[utoipa::path(
    get,
    path = "/v1/jobs",
    operation_id = "list_jobs",
    tag = "Jobs",
    security(("endpoint_key" = [])),
    params(("category" = Option<JobCategory>, Query, description = "Only of this category"), ("status" = Option<JobStatus>, Query, description = "Only in this status"), ("limit" = Option<u32>, Query, minimum = 1, maximum = 500, description = "Items of a page, 50 when absent, at most 500"), ("cursor" = Option<String>, Query, description = "The `next` of the page before"), ("Prefer" = Option<String>, Header, description = "`wait=SECONDS` (RFC 7240), at most 30: the answer may be waited for")),
    responses((status = 200, body = Page<HostedJob>), (status = 422, description = "The page is none: `invalid`", body = Problem, content_type = "application/problem+json"), Problems),
)]
pub(crate) async fn list(
    Caller(caller): Caller,
    State(hub): State<Hub>,
    State(stopping): State<Stopping>,
    Asked(query): Asked<Query>,
    headers: HeaderMap,
) -> Result<Json<Page<HostedJob>>, ApiError> {
    let Query { category, status, limit, cursor } = query;
    let query = JobQuery { category, status, cursor, limit: page_of(limit, LARGEST_PAGE)? };
    let answer = async |wait| hub.hosted_jobs(&caller, &query, wait).await;
    Ok(Json(unless_stopping(&stopping, wait(&headers), answer).await?))
}

/// One job. With `Prefer: wait=30` as soon as its status changes.
#[utoipa::path(
    get,
    path = "/v1/jobs/{job}",
    operation_id = "read_job",
    tag = "Jobs",
    security(("endpoint_key" = [])),
    params(("job" = String, Path, description = "Usher's id of the job"), ("Prefer" = Option<String>, Header, description = "`wait=SECONDS` (RFC 7240), at most 30: the answer may be waited for")),
    responses((status = 200, body = HostedJob), Problems),
)]
pub(crate) async fn read(
    Caller(caller): Caller,
    State(hub): State<Hub>,
    State(stopping): State<Stopping>,
    Path(job): Path<String>,
    headers: HeaderMap,
) -> Result<Json<HostedJob>, ApiError> {
    let answer = async |wait| hub.hosted_job(&caller, &job, wait).await;
    Ok(Json(unless_stopping(&stopping, wait(&headers), answer).await?))
}

/// Reports how a job is: an export with its totals, an import with what became of its parts, or that it is called off.
///
/// Totals must be those of the parts that arrived, or that were to be fetched.
#[utoipa::path(
    put,
    path = "/v1/jobs/{job}/status",
    operation_id = "report_job",
    tag = "Jobs",
    security(("endpoint_key" = [])),
    params(("job" = String, Path, description = "Usher's id of the job")),
    request_body = StatusReport,
    responses((status = 200, body = HostedJob), Problems, ChangeProblems),
)]
pub(crate) async fn report(
    Caller(caller): Caller,
    State(hub): State<Hub>,
    Path(job): Path<String>,
    Body(report): Body<StatusReport, LARGEST_REPORT>,
) -> Result<Json<HostedJob>, ApiError> {
    Ok(Json(hub.report_job(&caller, &job, report).await?))
}

/// An answer that may be waited for, or at once what there is when the process is told to stop.
async fn unless_stopping<T, F, E>(stopping: &Stopping, wait: Duration, answer: impl Fn(Duration) -> F) -> Result<T, E>
where
    F: Future<Output = Result<T, E>>,
{
    tokio::select! {
        answered = answer(wait) => answered,
        () = stopping.0.cancelled() => answer(Duration::ZERO).await,
    }
}
