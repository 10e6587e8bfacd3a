//! The contract's API that Usher hosts (`/v1/...`): what endpoints that call Usher by themselves ask for and send.
//!
//! Here is only HTTP: who asks, what is in the request, how an answer or a problem looks. What is allowed, and what it does, is the hub's
//! matter. No session, cookie or page is known here.

mod data;
mod document;
mod endpoint;
mod jobs;
mod problem;
pub(crate) mod rate;
mod request;

use std::num::NonZeroU32;

use axum::{
    Router,
    extract::DefaultBodyLimit,
    middleware::from_fn_with_state,
    routing::{get, put},
};

use crate::router::AppState;

/// Bytes of a JSON body at most: the results of a thousand parts, or an endpoint with many fields.
const LARGEST_JSON: usize = 4 * 1024 * 1024;

/// The routes below `/v1`.
pub(crate) fn routes(per_minute: NonZeroU32) -> Router<AppState> {
    Router::new()
        .route("/v1/endpoint", get(endpoint::read).put(endpoint::describe))
        .route("/v1/endpoint/{endpoint}/segments", get(endpoint::segments).post(endpoint::declare))
        .route(
            "/v1/endpoint/{endpoint}/segments/{segment}",
            get(endpoint::segment).put(endpoint::change).delete(endpoint::withdraw),
        )
        .route("/v1/jobs", get(jobs::list))
        .route("/v1/jobs/{job}", get(jobs::read))
        .route("/v1/jobs/{job}/status", put(jobs::report))
        .route("/v1/jobs/{job}/data", get(data::list))
        .route("/v1/jobs/{job}/data/{part}", get(data::fetch).put(data::send))
        .route("/v1/{*rest}", axum::routing::any(problem::no_such_path))
        .layer(DefaultBodyLimit::max(LARGEST_JSON))
        .layer(from_fn_with_state(rate::Rate::new(per_minute), rate::limit))
        .route("/openapi.json", get(document::json))
        .route("/docs", get(document::page))
}
