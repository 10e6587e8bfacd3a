//! The contract's API that Usher hosts (`/v1/...`): what endpoints that call Usher by themselves ask for and send.
//!
//! Here is only HTTP: who asks, what is in the request, how an answer or a problem looks. What is allowed, and what it does, is the hub's
//! matter. No session, cookie or page is known here.

mod data;
mod document;
mod endpoint;
mod jobs;
mod log;
mod problem;
pub(crate) mod rate;
mod repeat;
mod request;

use std::num::NonZeroU32;

use axum::{
    Router,
    extract::DefaultBodyLimit,
    middleware::from_fn_with_state,
    routing::{get, put},
};

use crate::router::AppState;

/// The routes below `/v1`.
pub(crate) fn routes(state: &AppState, per_minute: NonZeroU32) -> Router<AppState> {
    let messages = Router::new()
        .route("/v1/endpoint", get(endpoint::read).put(endpoint::describe))
        .route(
            "/v1/endpoint/webhook",
            get(endpoint::webhook).put(endpoint::set_webhook).delete(endpoint::remove_webhook),
        )
        .route("/v1/endpoint/{endpoint}/segments", get(endpoint::segments).post(endpoint::declare))
        .route(
            "/v1/endpoint/{endpoint}/segments/{segment}",
            get(endpoint::segment).put(endpoint::change).delete(endpoint::withdraw),
        )
        .route("/v1/jobs", get(jobs::list))
        .route("/v1/jobs/{job}", get(jobs::read))
        .route("/v1/jobs/{job}/status", put(jobs::report))
        .layer(from_fn_with_state(state.hub.clone(), repeat::once));
    // A part is told from others by its job, number and digest: it needs no key, and is too large to be held for one.
    let data = Router::new()
        .route("/v1/jobs/{job}/data", get(data::list))
        .route("/v1/jobs/{job}/data/{part}", get(data::fetch).put(data::send));
    messages
        .merge(data)
        .layer(from_fn_with_state(state.hub.clone(), log::calls))
        .route("/v1/{*rest}", axum::routing::any(problem::no_such_path))
        .method_not_allowed_fallback(problem::no_such_method)
        // Bodies are limited where they are read, so that a refusal reaches who is still sending.
        .layer(DefaultBodyLimit::disable())
        .layer(from_fn_with_state(rate::Rate::new(per_minute), rate::limit))
        .route("/openapi.json", get(document::json))
        .route("/docs", get(document::page))
}
