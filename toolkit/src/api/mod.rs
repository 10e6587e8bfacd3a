//! The contract's HTTP API ("Endpoints host"), over [`crate::producer`] and [`crate::consumer`].
//!
//! Here are the routes, who may call, and how bodies are read. Nothing here touches a database or decides about jobs.

mod data;
mod jobs;
pub mod problem;
mod segments;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, BodyDataStream, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, put};
use futures::StreamExt;
use model::contract::{ConsumerSide, EndpointDescription, Movement, ProducerSide};
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use tokio::sync::Semaphore;
use tower_http::trace::TraceLayer;

use crate::config::KeyDigest;
use crate::consumer::Consumer;
use crate::fault::{Code, Fault};
use crate::producer::Producer;
use crate::producer::exports::Exports;

/// How much of a refused body is still taken off the wire, and for how long.
const MOST_DISCARDED: usize = 128 * 1024 * 1024;
const DISCARD_PATIENCE: Duration = Duration::from_secs(10);
/// Bytes that a JSON body has at most.
const JSON_LIMIT: usize = 1024 * 1024;
/// How long the next piece of a body is waited for.
const BODY_PATIENCE: Duration = Duration::from_secs(30);
/// Parts that are held in memory at the same time: one is read while one is written; more wait.
const PARTS_AT_ONCE: usize = 2;

/// What the handlers share. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Endpoint {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    name: String,
    description: Option<String>,
    key: KeyDigest,
    offering: Option<(Arc<Producer>, Exports)>,
    consumer: Option<Arc<Consumer>>,
    parts_at_once: Semaphore,
}

impl Endpoint {
    /// An endpoint that offers, takes, or does both.
    pub fn new(
        name: String,
        description: Option<String>,
        key: KeyDigest,
        offering: Option<(Arc<Producer>, Exports)>,
        consumer: Option<Arc<Consumer>>,
    ) -> Self {
        Self {
            inner: Arc::new(Inner {
                name,
                description,
                key,
                offering,
                consumer,
                parts_at_once: Semaphore::new(PARTS_AT_ONCE),
            }),
        }
    }

    /// What it says of itself.
    pub fn description(&self) -> EndpointDescription {
        let Inner { name, description, offering, consumer, .. } = &*self.inner;
        EndpointDescription {
            name: name.clone(),
            description: description.clone(),
            producer: offering.as_ref().map(|_| ProducerSide { movement: Movement::Pull }),
            consumer: consumer.as_ref().map(|consumer| ConsumerSide {
                movement: Movement::Push,
                delivery: consumer.config().delivery.clone(),
                fields: consumer.config().fields.clone(),
            }),
        }
    }

    /// The whole service.
    pub fn router(self) -> Router {
        let contract = Router::new()
            .route("/v1/health", get(segments::health))
            .route("/v1/endpoint", get(segments::endpoint))
            .route("/v1/segments", get(segments::list))
            .route("/v1/segments/{id}", get(segments::detail))
            .route("/v1/jobs", axum::routing::post(jobs::announce))
            .route("/v1/jobs/{id}", get(jobs::detail))
            .route("/v1/jobs/{id}/status", put(jobs::report))
            .route("/v1/jobs/{id}/data", get(data::download))
            .route("/v1/jobs/{id}/data/{part}", get(data::download_part).put(data::upload_part));
        contract
            .fallback(async || {
                Fault::new(Code::NO_SUCH_PATH, "The paths of this endpoint start with /v1; docs/TOOLKIT.md lists them.")
            })
            .method_not_allowed_fallback(async || {
                Fault::new(Code::WRONG_METHOD, "docs/TOOLKIT.md lists what each path takes.")
            })
            .layer(middleware::from_fn_with_state(self.clone(), authenticate))
            .layer(TraceLayer::new_for_http().make_span_with(|request: &Request| {
                // The path only: never a header, a query or a body.
                tracing::info_span!("request", method = %request.method(), path = request.uri().path())
            }))
            .with_state(self)
    }

    fn exports(&self) -> Option<&Exports> {
        self.inner.offering.as_ref().map(|(_, exports)| exports)
    }

    /// Runs what blocks, on a thread for that.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        let inner = self.inner.clone();
        let span = tracing::Span::current();
        tokio::task::spawn_blocking(move || span.in_scope(|| work(&inner))).await?
    }
}

/// Lets only callers pass who show the key. Digests are compared, in constant time, so that neither length nor content leaks.
async fn authenticate(State(endpoint): State<Endpoint>, request: Request, next: Next) -> Response {
    let shown = request
        .headers()
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map_or("", |(_, key)| key.trim());
    let digest: [u8; 32] = Sha256::digest(shown.as_bytes()).into();
    if bool::from(digest.ct_eq(&endpoint.inner.key.0)) {
        return next.run(request).await;
    }
    let fault = Fault::new(Code::WRONG_KEY, "Send the endpoint's authentication key as `Authorization: Bearer KEY`.");
    let mut response = fault.into_response();
    response.headers_mut().insert(header::WWW_AUTHENTICATE, axum::http::HeaderValue::from_static("Bearer"));
    response
}

/// Reads a body of at most `limit` bytes, as long as it keeps coming.
async fn read_body(headers: &HeaderMap, body: Body, limit: usize) -> Result<Bytes, Fault> {
    let too_large = || Fault::new(Code::TOO_LARGE, format!("The body has more than {limit} bytes. Send less at once."));
    let announced =
        headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()).and_then(|text| text.parse().ok());
    let mut stream = body.into_data_stream();
    if announced.is_some_and(|bytes: usize| bytes > limit) {
        discard(&mut stream).await;
        return Err(too_large());
    }
    let mut bytes = Vec::with_capacity(announced.unwrap_or(0));
    loop {
        let chunk = tokio::time::timeout(BODY_PATIENCE, stream.next())
            .await
            .map_err(|_| Fault::new(Code::INVALID_REQUEST, "The body stopped coming. Send it again."))?;
        let Some(chunk) = chunk else { return Ok(bytes.into()) };
        let chunk = chunk.map_err(|_| Fault::new(Code::INVALID_REQUEST, "The body broke off. Send it again."))?;
        if bytes.len() + chunk.len() > limit {
            drop(bytes);
            discard(&mut stream).await;
            return Err(too_large());
        }
        bytes.extend_from_slice(&chunk);
    }
}

/// Lets the rest of a body that is refused come, as far as is reasonable: to a sender that is still sending, an answer would be a broken
/// connection.
async fn discard(stream: &mut BodyDataStream) {
    let discarding = async {
        let mut left = MOST_DISCARDED;
        while let Some(Ok(chunk)) = stream.next().await {
            let Some(rest) = left.checked_sub(chunk.len()) else { return };
            left = rest;
        }
    };
    let _ended_or_not = tokio::time::timeout(DISCARD_PATIENCE, discarding).await;
}

async fn read_json<T: DeserializeOwned>(headers: &HeaderMap, body: Body) -> Result<T, Fault> {
    let bytes = read_body(headers, body, JSON_LIMIT).await?;
    // Only what serde says of the shape, with the position; it may name an unexpected word, but never more of the body.
    serde_json::from_slice(&bytes).map_err(|error| {
        Fault::new(Code::INVALID_REQUEST, format!("The JSON body is not what the contract asks for: {error}."))
    })
}

/// Job ids are opaque, but they are logged and stored: short, and visible ASCII.
fn check_job_id(id: &str) -> Result<(), Fault> {
    if (1..=128).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(());
    }
    Err(Fault::new(Code::INVALID_REQUEST, "A job id has 1 to 128 visible ASCII characters."))
}
