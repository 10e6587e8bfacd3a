//! Calls to Usher: the contract's requests, tried again while that may help.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};
use model::contract::{
    CSV_MEDIA_TYPE, EndpointRegistration, HostedJob, JobPart, Page, Problem, RegisteredEndpoint, Segment, StatusReport,
};
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE, ETAG, IF_RANGE, RANGE, RETRY_AFTER};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use url::Url;

use crate::config::UsherConfig;

/// Longer than a long poll.
const TIMEOUT: Duration = Duration::from_secs(90);
/// How often a call is tried before Usher counts as gone: more than a minute in all, and quickly at first, because most of what breaks is whole again at once.
const TRIES: u32 = 11;
const FIRST_DELAY: Duration = Duration::from_millis(100);
const LONGEST_DELAY: Duration = Duration::from_secs(30);
/// Sent with what a repeat would not be answered as the first by itself: when an answer is lost, the next try is given the same.
const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// Why Usher did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// 401 or 403.
    #[error(
        "Usher refused the endpoint key. Make a new one on the endpoint's page, and put it into `usher.endpoint_key` or its file."
    )]
    KeyRefused,
    /// No answer, or none that can be used, however often it was tried.
    #[error("Usher at {url} could not be reached: {what}")]
    Unreachable {
        /// Where.
        url: String,
        /// What was seen last.
        what: String,
    },
    /// An answer that says no.
    #[error("Usher answered {status}: {detail}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// The problem's code.
        code: String,
        /// What it says.
        detail: String,
    },
}

impl CallError {
    /// Usher was reached, and said no to this one thing.
    pub fn is_refusal(&self) -> bool {
        matches!(self, Self::Refused { .. })
    }

    /// The job has ended, or is not there any more.
    pub fn job_is_over(&self) -> bool {
        matches!(self, Self::Refused { status: 404, .. })
            || matches!(self, Self::Refused { code, .. } if code == "job_ended")
    }
}

/// One Usher, and the endpoint key that it is shown.
pub struct Usher {
    http: Client,
    url: Url,
    key: String,
}

impl Usher {
    /// For this configuration.
    ///
    /// # Errors
    /// When the machine's TLS can't be used.
    pub fn new(config: &UsherConfig) -> Result<Self, reqwest::Error> {
        let http = Client::builder()
            .user_agent(concat!("usher-toolkit/", env!("CARGO_PKG_VERSION")))
            .timeout(TIMEOUT)
            .no_gzip()
            .no_zstd()
            .build()?;
        Ok(Self { http, url: config.url.clone(), key: config.key.0.clone() })
    }

    /// `GET /v1/endpoint`.
    pub async fn endpoint(&self) -> Result<RegisteredEndpoint, CallError> {
        self.json(|| self.request(Method::GET, &["endpoint"])).await
    }

    /// `PUT /v1/endpoint`.
    pub async fn register(&self, registration: &EndpointRegistration) -> Result<RegisteredEndpoint, CallError> {
        self.json(|| self.request(Method::PUT, &["endpoint"]).json(registration)).await
    }

    /// Every audience that Usher knows of this endpoint.
    pub async fn segments(&self, endpoint: &str) -> Result<Vec<Segment>, CallError> {
        self.pages(&["endpoint", endpoint, "segments"], 500).await
    }

    /// Declares an audience, or changes it.
    pub async fn declare(&self, endpoint: &str, segment: &Segment) -> Result<Segment, CallError> {
        let path = ["endpoint", endpoint, "segments", &segment.id];
        self.json(|| self.request(Method::PUT, &path).json(segment)).await
    }

    /// Withdraws an audience.
    pub async fn withdraw(&self, endpoint: &str, segment_id: &str) -> Result<(), CallError> {
        let path = ["endpoint", endpoint, "segments", segment_id];
        let key = new_key();
        match self.send(|| self.request(Method::DELETE, &path).header(IDEMPOTENCY_KEY, &key)).await {
            // Somebody was faster.
            Err(CallError::Refused { status: 404, .. }) => Ok(()),
            other => other.map(drop),
        }
    }

    /// The jobs that have not ended, as soon as there is one, or none after `wait`.
    pub async fn jobs(&self, wait: Duration) -> Result<Vec<HostedJob>, CallError> {
        let prefer = format!("wait={}", wait.as_secs());
        let page: Page<HostedJob> =
            self.json(|| self.request(Method::GET, &["jobs"]).header("prefer", &prefer)).await?;
        Ok(page.items)
    }

    /// The parts of an export that have arrived.
    pub async fn arrived(&self, job: &str) -> Result<Vec<JobPart>, CallError> {
        self.pages(&["jobs", job, "data"], 64).await
    }

    /// Sends a part of an export.
    pub async fn send_part(&self, job: &str, number: u32, csv: &[u8]) -> Result<JobPart, CallError> {
        let packed = zstd::bulk::compress(csv, 0).unwrap_or_else(|_| csv.to_vec());
        // What does not get smaller travels as it is.
        let is_packed = packed.len() < csv.len();
        let body = bytes::Bytes::from(if is_packed { packed } else { csv.to_vec() });
        let digest = format!("sha-256=:{}:", STANDARD.encode(Sha256::digest(&body)));
        let number = number.to_string();
        let path = ["jobs", job, "data", &number];
        self.json(|| {
            let request = self.request(Method::PUT, &path).header(CONTENT_TYPE, CSV_MEDIA_TYPE);
            let request = if is_packed { request.header(CONTENT_ENCODING, "zstd") } else { request };
            request.header("content-digest", &digest).body(body.clone())
        })
        .await
    }

    /// Fetches a part of an import: goes on where the connection broke, and compares it with what the job says of it.
    pub async fn fetch_part(&self, job: &str, part: &JobPart) -> Result<Vec<u8>, CallError> {
        let number = part.number.to_string();
        let path = ["jobs", job, "data", &number];
        let mut csv: Vec<u8> = Vec::new();
        let mut tag: Option<String> = None;
        let mut last = String::new();
        for attempt in 0..TRIES {
            if attempt > 0 {
                tokio::time::sleep(delay(attempt, None)).await;
            }
            let (offset, known) = (csv.len(), tag.clone());
            let response = self
                .send(|| {
                    let request = self.request(Method::GET, &path);
                    match &known {
                        Some(tag) if offset > 0 => {
                            request.header(RANGE, format!("bytes={offset}-")).header(IF_RANGE, tag)
                        }
                        _ => request,
                    }
                })
                .await?;
            if response.status() != StatusCode::PARTIAL_CONTENT {
                csv.clear();
            }
            tag = response.headers().get(ETAG).and_then(|tag| tag.to_str().ok()).map(str::to_owned);
            match gather(response, &mut csv).await {
                Err(error) => last = error.to_string(),
                Ok(()) => {
                    let sha256 = hex::encode(Sha256::digest(&csv));
                    if part.sha256.as_ref().is_none_or(|expected| *expected == sha256) {
                        return Ok(csv);
                    }
                    last = "the part that came is not the one that was announced".to_owned();
                    csv.clear();
                }
            }
            tracing::warn!(job.id = job, part = part.number, bytes = csv.len(), "a part did not come whole: {last}");
        }
        Err(self.unreachable(last))
    }

    /// `PUT /v1/jobs/{jobId}/status`.
    pub async fn report(&self, job: &str, report: &StatusReport) -> Result<HostedJob, CallError> {
        let (path, key) = (["jobs", job, "status"], new_key());
        self.json(|| self.request(Method::PUT, &path).header(IDEMPOTENCY_KEY, &key).json(report)).await
    }

    fn request(&self, method: Method, path: &[&str]) -> RequestBuilder {
        let mut url = self.url.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().push("v1").extend(path);
        }
        self.http.request(method, url).bearer_auth(&self.key)
    }

    async fn pages<T: DeserializeOwned>(&self, path: &[&str], limit: u32) -> Result<Vec<T>, CallError> {
        let mut all = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let page: Page<T> = self
                .json(|| {
                    let request = self.request(Method::GET, path).query(&[("limit", limit)]);
                    match &cursor {
                        Some(cursor) => request.query(&[("cursor", cursor)]),
                        None => request,
                    }
                })
                .await?;
            all.extend(page.items);
            match page.next {
                Some(next) if cursor.as_ref() != Some(&next) => cursor = Some(next),
                _ => return Ok(all),
            }
        }
    }

    async fn json<T: DeserializeOwned>(&self, request: impl Fn() -> RequestBuilder) -> Result<T, CallError> {
        let body = self.send_and_read(request, Response::bytes).await?;
        serde_json::from_slice(&body).map_err(|error| self.unreachable(format!("its answer can't be read ({error})")))
    }

    /// Sends a request until it is answered; the answer's body is still to be read.
    async fn send(&self, request: impl Fn() -> RequestBuilder) -> Result<Response, CallError> {
        self.send_and_read(request, async |response| Ok(response)).await
    }

    /// Sends a request until it is answered and the answer was read: each of the contract's can be repeated without harm.
    async fn send_and_read<T>(
        &self,
        request: impl Fn() -> RequestBuilder,
        read: impl AsyncFn(Response) -> Result<T, reqwest::Error>,
    ) -> Result<T, CallError> {
        let mut tried = 0;
        loop {
            tried += 1;
            let (what, after) = match request().send().await {
                Ok(response) if response.status().is_success() => match read(response).await {
                    Ok(answer) => return Ok(answer),
                    // It broke off on its way.
                    Err(error) => (plain(&error), None),
                },
                Ok(response) => match refusal(response).await {
                    Ok((what, after)) => (what, after),
                    Err(error) => return Err(error),
                },
                // Its text may hold the address, never the key.
                Err(error) => (plain(&error), None),
            };
            if tried >= TRIES {
                return Err(self.unreachable(what));
            }
            tracing::debug!(tried, "Usher is asked again: {what}");
            tokio::time::sleep(delay(tried, after)).await;
        }
    }

    fn unreachable(&self, what: impl Into<String>) -> CallError {
        CallError::Unreachable { url: self.url.to_string(), what: what.into() }
    }
}

async fn gather(mut response: Response, csv: &mut Vec<u8>) -> Result<(), reqwest::Error> {
    while let Some(chunk) = response.chunk().await? {
        csv.extend_from_slice(&chunk);
    }
    Ok(())
}

fn plain(error: &reqwest::Error) -> String {
    match () {
        () if error.is_timeout() => "it did not answer in time".to_owned(),
        () if error.is_connect() => "no connection could be made".to_owned(),
        () => "the connection broke".to_owned(),
    }
}

/// What an answer that is no success means: come again (and when), or no.
async fn refusal(response: Response) -> Result<(String, Option<Duration>), CallError> {
    let status = response.status();
    if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
        return Err(CallError::KeyRefused);
    }
    let after = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    let again =
        status.is_server_error() || matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT);
    let answered = (format!("it answered {}", status.as_u16()), after.map(Duration::from_secs));
    if again {
        return Ok(answered);
    }
    let problem: Option<Problem> = response.json().await.ok();
    // The try before, whose answer was lost, is not through yet.
    if problem.as_ref().is_some_and(|problem| problem.code.as_deref() == Some("request_under_way")) {
        return Ok(answered);
    }
    let (code, detail) = match problem {
        Some(problem) => (problem.code.unwrap_or_default(), problem.detail.unwrap_or(problem.title)),
        None => (String::new(), "It did not say why. Is the address right?".to_owned()),
    };
    Err(CallError::Refused { status: status.as_u16(), code, detail: detail.chars().take(500).collect() })
}

/// A key for one request and its repeats.
fn new_key() -> String {
    format!("\"{}\"", hex::encode(rand::random::<[u8; 16]>()))
}

/// How long to wait after so many tries: twice as long each time, with jitter, or as long as Usher asked for.
fn delay(tried: u32, asked: Option<Duration>) -> Duration {
    let doubled = FIRST_DELAY.saturating_mul(1 << tried.saturating_sub(1).min(10)).min(LONGEST_DELAY);
    let jittered = doubled.mul_f64(rand::random_range(0.5..1.0));
    asked.map_or(jittered, |asked| asked.max(jittered).min(Duration::from_secs(300)))
}
