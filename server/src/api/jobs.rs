//! The jobs of an endpoint: finding them, waiting for them, reporting.

use std::{future::Future, time::Duration};

use axum::{
    Json,
    extract::{Path, State},
};
use http::HeaderMap;
use hub::{Hub, exchange::hosted::JobQuery};
use model::contract::{HostedJob, JobCategory, JobStatus, Page, StatusReport};
use serde::Deserialize;

use super::{
    problem::ApiError,
    request::{Asked, Body, Caller, wait},
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

/// `GET /v1/jobs`; with `Prefer: wait=30` as soon as there is one.
pub(crate) async fn list(
    Caller(caller): Caller,
    State(hub): State<Hub>,
    State(stopping): State<Stopping>,
    Asked(query): Asked<Query>,
    headers: HeaderMap,
) -> Result<Json<Page<HostedJob>>, ApiError> {
    let Query { category, status, limit, cursor } = query;
    let query = JobQuery { category, status, cursor, limit: limit.unwrap_or(50) };
    let answer = async |wait| hub.hosted_jobs(&caller, &query, wait).await;
    Ok(Json(unless_stopping(&stopping, wait(&headers), answer).await?))
}

/// `GET /v1/jobs/{jobId}`; with `Prefer: wait=30` as soon as its status changes.
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

/// `PUT /v1/jobs/{jobId}/status`.
pub(crate) async fn report(
    Caller(caller): Caller,
    State(hub): State<Hub>,
    Path(job): Path<String>,
    Body(report): Body<StatusReport>,
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
