//! How the service is: for whoever starts it, watches it or sends it traffic.

use axum::{extract::State, response::IntoResponse};
use http::{StatusCode, header};
use hub::Hub;
use metrics_exporter_prometheus::PrometheusHandle;

use crate::router::Stopping;

/// `GET /healthz`: the process answers.
pub(crate) async fn healthz() -> &'static str {
    "ok\n"
}

/// `GET /readyz`: the database answers too, and the process is not about to end.
pub(crate) async fn readyz(
    State(hub): State<Hub>,
    State(Stopping(stop)): State<Stopping>,
) -> (StatusCode, &'static str) {
    if stop.is_cancelled() {
        return (StatusCode::SERVICE_UNAVAILABLE, "stopping\n");
    }
    match hub.ready().await {
        Ok(()) => (StatusCode::OK, "ready\n"),
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "the database does not answer\n"),
    }
}

/// `GET /metrics`: counts for Prometheus. No names, no values of rows.
pub(crate) async fn metrics(State(recorder): State<PrometheusHandle>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], recorder.render())
}
