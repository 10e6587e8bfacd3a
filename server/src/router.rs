//! Every route and what lies around it. Pages and server functions come from the app; here they get the hub, sessions and protection.

use std::sync::Arc;

use app::address::PublicUrl;
use axum::{
    Router,
    extract::{DefaultBodyLimit, FromRef},
    middleware::{from_fn, from_fn_with_state},
    response::Redirect,
    routing::{get, post},
};
use http::{
    HeaderName, HeaderValue,
    header::{CACHE_CONTROL, STRICT_TRANSPORT_SECURITY},
};
use hub::Hub;
use leptos::prelude::*;
use leptos_axum::LeptosRoutes;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio_util::sync::CancellationToken;
use tower::ServiceBuilder;
use tower_http::{
    compression::{
        CompressionLayer, Predicate,
        predicate::{DefaultPredicate, NotForContentType},
    },
    csrf::CsrfLayer,
    limit::RequestBodyLimitLayer,
    request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer},
    services::{ServeDir, ServeFile},
    set_header::SetResponseHeaderLayer,
    trace::TraceLayer,
};
use tower_sessions::Session;

use crate::{
    api, applications, calendar, consent, endpoint_key, events, health, provider, proxies, receipts, repair, requests,
    run_files, security, sessions, settings::ServeOptions,
};

/// Bytes of a request at most. The largest is a mapping of a few hundred columns.
const LARGEST_REQUEST: usize = 2 * 1024 * 1024;

/// What the routes share.
#[derive(Clone, FromRef)]
pub(crate) struct AppState {
    pub(crate) hub: Hub,
    pub(crate) options: LeptosOptions,
    pub(crate) stopping: Stopping,
    pub(crate) recorder: PrometheusHandle,
    pub(crate) public_url: PublicUrl,
}

/// Cancelled when the process is told to stop.
#[derive(Debug, Clone)]
pub(crate) struct Stopping(pub(crate) CancellationToken);

/// Everything that the server answers.
pub(crate) fn router(state: AppState, options: &ServeOptions) -> anyhow::Result<Router> {
    let (site, secure) = (&options.site, options.secure());
    let mut own_posts = CsrfLayer::new();
    if let Some(origin) = &options.public_url {
        // A proxy may ask for another host than the browser did.
        own_posts = own_posts.add_trusted_origin(origin.as_str())?;
    }
    let people = people(&state)
        .layer(RequestBodyLimitLayer::new(LARGEST_REQUEST))
        .merge(uploads())
        .layer(from_fn(sessions::keep_alive))
        .layer(sessions::layer(state.hub.sessions().clone(), secure))
        .layer(own_posts)
        .layer(from_fn_with_state(Arc::from(options.trusted_proxies.as_slice()), proxies::note_client))
        // What an account sees is not to be seen again after signing out.
        .layer(SetResponseHeaderLayer::if_not_present(CACHE_CONTROL, HeaderValue::from_static("no-store")))
        .with_state(state.clone());
    // Asked for again each time, answered with "unchanged" mostly: after an update no page runs with the old program.
    let revalidate = SetResponseHeaderLayer::if_not_present(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    let files = Router::new()
        .nest_service("/pkg", ServeDir::new(site.join("pkg")).precompressed_br().precompressed_gzip())
        .route_service("/favicon.svg", ServeFile::new(site.join("favicon.svg")))
        .layer(revalidate);
    let machines = Router::new()
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .route("/metrics", get(health::metrics))
        .route("/receipt-key", get(run_files::receipt_key))
        .route("/calendar/{file}", get(calendar::feed))
        .with_state(state.clone());
    let endpoints = api::routes(&state, options.requests_per_minute).with_state(state);
    let request_id = HeaderName::from_static("x-request-id");
    let https_only = SetResponseHeaderLayer::overriding(STRICT_TRANSPORT_SECURITY, security::HTTPS_ONLY);
    // Parts travel as they are: their digests are of the bytes that travel.
    let compressed =
        people.merge(files).merge(machines).layer(CompressionLayer::new().compress_when(is_worth_compressing()));
    Ok(compressed.merge(endpoints).layer(
        ServiceBuilder::new()
            .layer(SetRequestIdLayer::new(request_id.clone(), MakeRequestUuid))
            .layer(TraceLayer::new_for_http().make_span_with(requests::span))
            .layer(PropagateRequestIdLayer::new(request_id))
            .layer(from_fn(requests::count))
            .layer(from_fn(security::headers))
            .option_layer(secure.then_some(https_only)),
    ))
}

/// Leaves events, images and small answers as they are; and the pages' program, which the builder has compressed.
fn is_worth_compressing() -> impl Predicate {
    DefaultPredicate::new().and(NotForContentType::const_new("application/wasm"))
}

/// What people send that is larger than a form; each route has a limit of its own.
fn uploads() -> Router<AppState> {
    Router::new()
        .route("/runs/{id}/repair", post(repair::repair))
        .route("/schedule/blackouts/file", post(calendar::read_holidays))
        .route("/applications/{id}/logo", post(applications::set_logo))
        .route("/applications/{id}/fields-file", post(applications::read_fields))
        .layer(DefaultBodyLimit::disable())
}

/// What people and their browsers ask for.
fn people(state: &AppState) -> Router<AppState> {
    let context = {
        let (hub, public_url) = (state.hub.clone(), state.public_url.clone());
        move || {
            provide_context(hub.clone());
            provide_context(public_url.clone());
        }
    };
    let page = |options: LeptosOptions| {
        security::allow_page();
        app::shell(options)
    };
    let shell = {
        let options = state.options.clone();
        move || page(options.clone())
    };
    Router::new()
        .route("/events/runs", get(events::of_runs))
        .route("/events/runs/{id}", get(events::of_run))
        .route("/runs/{id}/rejects.csv", get(run_files::rejects))
        .route("/runs/{id}/receipt.json", get(run_files::receipt))
        .route("/receipts/check", post(receipts::check))
        .route("/schedule/address", post(calendar::make_address))
        .route("/connect/consented", get(consent::consented))
        .route("/sign-in/provider", get(provider::leave))
        .route("/sign-in/provider/return", get(provider::come_back))
        .route("/invitation/{token}/provider", get(provider::leave_invited))
        .route("/endpoints/{id}/key", post(endpoint_key::make))
        .route("/endpoints/{id}/webhook-secret", post(endpoint_key::make_webhook_secret))
        .route("/account/alerts/webhooks/{id}/secret", post(endpoint_key::make_alert_secret))
        .route("/logos/{file}", get(applications::logo))
        .route("/sign-out", post(sign_out))
        .leptos_routes_with_context(state, app::routes(), context.clone(), shell)
        .fallback(leptos_axum::file_and_error_handler_with_context::<AppState, _>(context, page))
}

/// `POST /sign-out`: forgets the session, here and in the browser.
async fn sign_out(session: Session) -> Redirect {
    if let Err(error) = session.flush().await {
        tracing::error!(%error, "a session could not be ended");
    }
    Redirect::to("/sign-in")
}
