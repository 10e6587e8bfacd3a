//! What is noted of every request: a span with its id in the log, and counts. Never a query, a header or a body: values could be in them.

use std::time::Instant;

use axum::{
    extract::{MatchedPath, Request},
    middleware::Next,
    response::Response,
};
use tracing::Span;

/// The span in which a request is answered.
pub(crate) fn span(request: &Request) -> Span {
    let id = request.headers().get("x-request-id").and_then(|value| value.to_str().ok()).unwrap_or_default();
    tracing::info_span!("request", request.id = id, method = %request.method(), route = route(request))
}

/// Counts the request, by route and status, and notes how long it took until its answer began.
pub(crate) async fn count(request: Request, next: Next) -> Response {
    let started = Instant::now();
    let (method, route) = (request.method().to_string(), route(&request).to_owned());
    let response = next.run(request).await;
    let status = response.status().as_u16().to_string();
    metrics::counter!("usher_http_requests_total", "method" => method.clone(), "route" => route.clone(), "status" => status)
        .increment(1);
    metrics::histogram!("usher_http_request_seconds", "method" => method, "route" => route).record(started.elapsed());
    response
}

/// The route as it was declared (`/runs/{id}`): the same for all runs. What matches none is one route, whatever it is called.
fn route(request: &Request) -> &str {
    request.extensions().get::<MatchedPath>().map_or("other", MatchedPath::as_str)
}
