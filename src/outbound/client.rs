//! One client for all endpoints, and the contract's calls for one endpoint.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use async_compression::{
    tokio::bufread::{GzipDecoder, ZstdDecoder},
    zstd::DParameter,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::{Bytes, BytesMut};
use futures::{Stream, StreamExt, TryStreamExt};
use model::{
    contract::{
        CSV_MEDIA_TYPE, EndpointDescription, Health, Job, JobRequest, MAX_COLUMNS, Page, PartResult, Problem, Segment,
        StatusReport,
    },
    id::JobId,
};
use reqwest::{
    Method, Request, RequestBuilder, Response, StatusCode,
    header::{
        ACCEPT_ENCODING, ACCEPT_RANGES, CONTENT_ENCODING, CONTENT_RANGE, CONTENT_TYPE, ETAG, HeaderMap, HeaderValue,
        IF_RANGE, RANGE, RETRY_AFTER,
    },
    redirect::Policy,
};
use serde::de::DeserializeOwned;
use tokio::io::AsyncRead;
use tokio_util::io::{ReaderStream, StreamReader};
use url::Url;

use super::{Access, AddressGuard, CallError, ContractUrls, access::Shown};

/// Bytes of a JSON answer at most.
const MAX_ANSWER_BYTES: usize = 8 * 1024 * 1024;
/// Bytes of the answer to a part at most: each of its rows may be refused, with a reason each.
const MAX_PART_ANSWER_BYTES: usize = 16 * 1024 * 1024;
/// Bytes of an error answer that are read.
const MAX_PROBLEM_BYTES: usize = 16 * 1024;
/// Segments of one endpoint at most.
const MAX_SEGMENTS: usize = 10_000;
/// Bytes of all pages of segments together at most.
const MAX_SEGMENTS_BYTES: usize = 64 * 1024 * 1024;
/// Characters of what an application says of a problem that are kept.
const LONGEST_TOLD: usize = 1000;
/// The largest window that data packed by zstd may ask for is 8 MiB (RFC 9659): so much memory it costs before a byte of it is there.
const ZSTD_WINDOW_LOG: u32 = 23;
/// How answers may be packed.
const ACCEPTED: &str = "gzip, zstd";
/// Bytes of unpacked data that are handed on together.
const UNPACKED_BYTES: usize = 64 * 1024;

/// How long to wait for endpoints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// For a connection.
    pub connect: Duration,
    /// For the whole of a call that answers with JSON, part uploads included.
    pub call: Duration,
    /// Between two chunks of data.
    pub idle: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self { connect: Duration::from_secs(10), call: Duration::from_secs(120), idle: Duration::from_secs(120) }
    }
}

/// Opens connections to endpoints; cheap to clone.
#[derive(Debug, Clone)]
pub struct Outbound {
    /// For addresses over TLS.
    https: reqwest::Client,
    /// For the others.
    http: reqwest::Client,
    pub(super) guard: AddressGuard,
    pub(super) timeouts: Timeouts,
}

impl Outbound {
    /// With a guard that every connection passes. Fails only when the TLS set-up of the machine is unusable.
    pub fn new(guard: AddressGuard, timeouts: Timeouts) -> Result<Self, reqwest::Error> {
        let client = |guard: AddressGuard| {
            reqwest::Client::builder()
                .user_agent(concat!("usher/", env!("CARGO_PKG_VERSION")))
                .redirect(Policy::none())
                // It would end at the first of several members; see `unpacked`.
                .no_gzip()
                .no_proxy()
                .connect_timeout(timeouts.connect)
                .read_timeout(timeouts.idle)
                .dns_resolver(guard)
                .build()
        };
        Ok(Self { https: client(guard.clone())?, http: client(guard.for_plain())?, guard, timeouts })
    }

    /// What opens connections to this address, when it is one that may be called.
    pub(super) fn http_for(&self, url: &Url) -> Result<&reqwest::Client, CallError> {
        self.guard.check_literal(url)?;
        Ok(if url.scheme() == "https" { &self.https } else { &self.http })
    }

    /// A client for the endpoint whose contract paths stand below `base_url`, called with this authentication key.
    pub fn endpoint(&self, base_url: Url, key: &str) -> Result<EndpointClient, CallError> {
        self.endpoint_at(ContractUrls::below(base_url), key)
    }

    /// The same for an endpoint that answers at several addresses, or is called with something else.
    pub fn endpoint_at(&self, urls: ContractUrls, access: impl Into<Access>) -> Result<EndpointClient, CallError> {
        urls.check(&self.guard)?;
        Ok(EndpointClient { outbound: self.clone(), urls, access: access.into(), observer: Observer(None) })
    }
}

/// What a call was, for a log: never what was sent or answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The method.
    pub method: String,
    /// The contract's path, without a query.
    pub path: String,
    /// The HTTP status, when there was an answer.
    pub status: Option<u16>,
    /// Why there was none, in words of Usher's own.
    pub failure: Option<&'static str>,
    /// Until the answer began.
    pub duration: Duration,
}

/// Is told of each call.
#[derive(Clone)]
struct Observer(Option<Arc<dyn Fn(Call) + Send + Sync>>);

impl std::fmt::Debug for Observer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Observer")
    }
}

/// Which side of an endpoint is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The one that offers audiences.
    Producer,
    /// The one that takes them.
    Consumer,
}

impl Side {
    fn as_str(self) -> &'static str {
        match self {
            Self::Producer => "producer",
            Self::Consumer => "consumer",
        }
    }
}

/// The contract's calls, for one endpoint.
#[derive(Debug, Clone)]
pub struct EndpointClient {
    outbound: Outbound,
    urls: ContractUrls,
    access: Access,
    observer: Observer,
}

impl EndpointClient {
    /// The same client, which tells of each call that it makes.
    pub fn observed(self, observer: impl Fn(Call) + Send + Sync + 'static) -> Self {
        Self { observer: Observer(Some(Arc::new(observer))), ..self }
    }

    /// `GET v1/health`. None when the endpoint does not offer it.
    pub async fn health(&self) -> Result<Option<Health>, CallError> {
        self.optional(self.get(&["v1", "health"])).await
    }

    /// `GET v1/endpoint`: what the endpoint says of itself.
    pub async fn describe(&self) -> Result<EndpointDescription, CallError> {
        let description: EndpointDescription = self.json(self.get(&["v1", "endpoint"])).await?;
        let columns = description.consumer.as_ref().map_or(0, |consumer| consumer.fields.len());
        if columns > MAX_COLUMNS {
            return Err(CallError::Nonsense { what: format!("it takes {columns} fields; {MAX_COLUMNS} are possible") });
        }
        Ok(description)
    }

    /// `GET v1/segments`, every page; at most 10,000 segments. An endpoint with two sides is asked for those of one; others ignore it.
    pub async fn segments(&self, side: Side) -> Result<Vec<Segment>, CallError> {
        let mut all = Vec::new();
        let mut bytes = 0;
        let mut cursor: Option<String> = None;
        loop {
            let mut request = self.get(&["v1", "segments"]).query(&[("limit", "500"), ("side", side.as_str())]);
            if let Some(cursor) = &cursor {
                request = request.query(&[("cursor", cursor)]);
            }
            let body = self.answer(request).await?;
            bytes += body.len();
            if bytes > MAX_SEGMENTS_BYTES {
                let most = MAX_SEGMENTS_BYTES / (1024 * 1024);
                return Err(CallError::Nonsense { what: format!("its list of segments has more than {most} MiB") });
            }
            let page: Page<Segment> = parsed(&body)?;
            if page.items.is_empty() && page.next.is_some() {
                return Err(CallError::Nonsense {
                    what: "a page of segments is empty, but names a next one".to_owned(),
                });
            }
            all.extend(page.items);
            if all.len() > MAX_SEGMENTS {
                return Err(CallError::Nonsense { what: format!("it lists more than {MAX_SEGMENTS} segments") });
            }
            match page.next {
                Some(next) if cursor.as_ref() == Some(&next) => {
                    return Err(CallError::Nonsense {
                        what: "a page of segments names itself as the next one".to_owned(),
                    });
                }
                Some(next) => cursor = Some(next),
                None => return Ok(all),
            }
        }
    }

    /// `POST v1/jobs`. A repeat with the same id is the same job.
    pub async fn announce(&self, request: &JobRequest) -> Result<Job, CallError> {
        let post = self.request(Method::POST, &["v1", "jobs"]).header("idempotency-key", &request.id).json(request);
        self.json(post).await
    }

    /// `GET v1/jobs/{jobId}`.
    pub async fn job(&self, job_id: &JobId) -> Result<Job, CallError> {
        self.json(self.get(&["v1", "jobs", job_id.as_str()])).await
    }

    /// `GET v1/jobs/{jobId}/data[/{part}]`: the data as it comes. Only silence is timed, not the whole.
    pub async fn data(&self, job_id: &JobId, part: Option<u32>) -> Result<DataStream, CallError> {
        let number = part.map(|part| part.to_string());
        let request = self.data_request(job_id, number.as_deref()).header(ACCEPT_ENCODING, ACCEPTED);
        let response = self.sent(request).await?;
        let media_type =
            response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("text/csv");
        let essence = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        if !matches!(essence.as_str(), "text/csv" | "application/octet-stream" | "text/plain" | "application/csv") {
            return Err(CallError::Nonsense { what: format!("it sent {essence} instead of text/csv") });
        }
        // Both are of the bytes as they travel: of data that is unpacked on its way the digest says nothing, nor does the entity tag say where to go on.
        let as_is = Some(response.headers()).filter(|headers| Coding::of(headers).is_none());
        let (sha256, etag) = (as_is.and_then(content_digest), as_is.and_then(resumable));
        Ok(DataStream { sha256, etag, bytes: unpacked(response) })
    }

    /// The same data from a byte on (RFC 9110, 14); none when the endpoint has other data by now, or gives all of it again.
    pub async fn data_from(
        &self,
        job_id: &JobId,
        part: Option<u32>,
        etag: &HeaderValue,
        offset: u64,
    ) -> Result<Option<DataStream>, CallError> {
        let number = part.map(|part| part.to_string());
        let request = self
            .data_request(job_id, number.as_deref())
            .header(RANGE, format!("bytes={offset}-"))
            .header(IF_RANGE, etag.clone());
        let response = match self.sent(request).await {
            Err(error) if error.status() == Some(416) => return Ok(None),
            sent => sent?,
        };
        let headers = response.headers();
        let starts = headers.get(CONTENT_RANGE).and_then(|value| value.to_str().ok());
        let starts = starts.and_then(|text| text.trim().strip_prefix("bytes ")?.split('-').next()?.parse::<u64>().ok());
        let is_same = headers.get(ETAG).is_none_or(|now| now == etag);
        if response.status() != StatusCode::PARTIAL_CONTENT || starts != Some(offset) || !is_same {
            return Ok(None);
        }
        let etag = Some(etag.clone());
        Ok(Some(DataStream { sha256: None, etag, bytes: as_calls(response.bytes_stream()) }))
    }

    /// Without a limit on the whole: only silence is timed.
    fn data_request(&self, job_id: &JobId, part: Option<&str>) -> RequestBuilder {
        let mut path = vec!["v1", "jobs", job_id.as_str(), "data"];
        path.extend(part);
        self.untimed(Method::GET, &path)
    }

    /// `PUT v1/jobs/{jobId}/data/{part}`. A repeat of the same bytes is answered as the first.
    pub async fn put_part(
        &self,
        job_id: &JobId,
        part: u32,
        csv: Bytes,
        sha256_hex: &str,
    ) -> Result<PartResult, CallError> {
        let number = part.to_string();
        let mut put = self
            .request(Method::PUT, &["v1", "jobs", job_id.as_str(), "data", &number])
            .header(CONTENT_TYPE, CSV_MEDIA_TYPE)
            .header("idempotency-key", format!("{job_id}.{part}"));
        if let Ok(digest) = hex::decode(sha256_hex) {
            put = put.header("content-digest", format!("sha-256=:{}:", STANDARD.encode(digest)));
        }
        parsed(&bounded(self.sent(put.body(csv)).await?, MAX_PART_ANSWER_BYTES).await?)
    }

    /// `PUT v1/jobs/{jobId}/status`.
    pub async fn report(&self, job_id: &JobId, report: &StatusReport) -> Result<Job, CallError> {
        self.json(self.request(Method::PUT, &["v1", "jobs", job_id.as_str(), "status"]).json(report)).await
    }

    fn untimed(&self, method: Method, path: &[&str]) -> RequestBuilder {
        let url = self.urls.of(path);
        let http = if url.scheme() == "https" { &self.outbound.https } else { &self.outbound.http };
        http.request(method, url)
    }

    fn request(&self, method: Method, path: &[&str]) -> RequestBuilder {
        self.untimed(method, path).header(ACCEPT_ENCODING, ACCEPTED).timeout(self.outbound.timeouts.call)
    }

    fn get(&self, path: &[&str]) -> RequestBuilder {
        self.request(Method::GET, path)
    }

    /// The answer to a request with these headers on it, which is told to whoever observes.
    async fn exchanged(&self, mut request: Request, shown: &Shown) -> Result<Response, CallError> {
        self.access.put(shown, request.headers_mut());
        let (method, path) = (request.method().to_string(), self.urls.told(request.url()));
        let http = if request.url().scheme() == "https" { &self.outbound.https } else { &self.outbound.http };
        let begun = Instant::now();
        let answered = http.execute(request).await.map_err(CallError::from);
        if let Observer(Some(observer)) = &self.observer {
            let (status, failure) = match &answered {
                Ok(response) => (Some(response.status().as_u16()), None),
                Err(error) => (None, Some(error.kind())),
            };
            observer(Call { method, path, status, failure, duration: begun.elapsed() });
        }
        answered
    }

    /// The answer, when it is a good one.
    async fn sent(&self, request: RequestBuilder) -> Result<Response, CallError> {
        let request = request.build()?;
        let again = if self.access.renews() { request.try_clone() } else { None };
        let mut shown = self.access.shown(None).await?;
        let mut response = self.exchanged(request, &shown).await?;
        // A token may end before its time.
        if response.status() == StatusCode::UNAUTHORIZED
            && let Some(again) = again
        {
            shown = self.access.shown(Some(&shown)).await?;
            response = self.exchanged(again, &shown).await?;
        }
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let retry_after = retry_after(response.headers(), chrono::Utc::now());
        let code = status.as_u16();
        Err(match status {
            StatusCode::UNAUTHORIZED => CallError::KeyRefused,
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
                CallError::Busy { status: code, retry_after }
            }
            status if status.is_redirection() => {
                CallError::Nonsense { what: format!("it redirects elsewhere ({code}); give its final address") }
            }
            _ => {
                let body = bounded(response, MAX_PROBLEM_BYTES).await.unwrap_or_default();
                let problem =
                    serde_json::from_slice::<Problem>(&body).ok().map(|problem| Box::new(told(problem, &shown)));
                CallError::Refused { status: code, problem, retry_after }
            }
        })
    }

    async fn answer(&self, request: RequestBuilder) -> Result<Bytes, CallError> {
        bounded(self.sent(request).await?, MAX_ANSWER_BYTES).await
    }

    async fn json<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, CallError> {
        parsed(&self.answer(request).await?)
    }

    async fn optional<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<Option<T>, CallError> {
        match self.json(request).await {
            Ok(answer) => Ok(Some(answer)),
            Err(error) if error.status() == Some(404) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// What an application says of a problem, without what was shown to it, and of a bounded length.
fn told(problem: Problem, shown: &Shown) -> Problem {
    let text = |text: String| shown.hidden(&text).chars().take(LONGEST_TOLD).collect();
    Problem { title: text(problem.title), detail: problem.detail.map(text), code: problem.code.map(text), ..problem }
}

/// The bytes of an export, as they come.
pub struct DataStream {
    sha256: Option<String>,
    etag: Option<HeaderValue>,
    bytes: DataBytes,
}

type DataBytes = Pin<Box<dyn Stream<Item = Result<Bytes, CallError>> + Send>>;

fn as_calls(bytes: impl Stream<Item = reqwest::Result<Bytes>> + Send + 'static) -> DataBytes {
    Box::pin(bytes.map_err(CallError::from))
}

/// How an answer is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Coding {
    Gzip,
    Zstd,
}

impl Coding {
    /// None when it comes as it is.
    fn of(headers: &HeaderMap) -> Option<Self> {
        let coding = headers.get(CONTENT_ENCODING)?.to_str().ok()?.trim().to_ascii_lowercase();
        match coding.as_str() {
            // A recipient treats both the same (RFC 9110, 8.4.1.3).
            "gzip" | "x-gzip" => Some(Self::Gzip),
            "zstd" => Some(Self::Zstd),
            _ => None,
        }
    }

    fn wrong(self) -> &'static str {
        match self {
            Self::Gzip => "its data is not gzip as it says",
            Self::Zstd => "its data is not zstd as it says, or asks for a window above 8 MiB",
        }
    }
}

/// The bytes of an answer, unpacked as long as that asks for no more memory than it may. Packed data may consist of several members, one behind the
/// other.
fn unpacked(response: Response) -> DataBytes {
    let coding = Coding::of(response.headers());
    let bytes = response.bytes_stream();
    let Some(coding) = coding else { return as_calls(bytes) };
    let packed = StreamReader::new(Box::pin(bytes.map_err(std::io::Error::other)));
    let decoder: Pin<Box<dyn AsyncRead + Send>> = match coding {
        Coding::Gzip => {
            let mut decoder = GzipDecoder::new(packed);
            decoder.multiple_members(true);
            Box::pin(decoder)
        }
        Coding::Zstd => {
            let mut decoder = ZstdDecoder::with_params(packed, &[DParameter::window_log_max(ZSTD_WINDOW_LOG)]);
            decoder.multiple_members(true);
            Box::pin(decoder)
        }
    };
    let bytes = ReaderStream::with_capacity(decoder, UNPACKED_BYTES);
    Box::pin(bytes.map_err(move |error| match error.downcast::<reqwest::Error>() {
        Ok(error) => CallError::from(error),
        Err(_) => CallError::Nonsense { what: coding.wrong().to_owned() },
    }))
}

impl DataStream {
    /// What the producer says the SHA-256 of the data is (`Content-Digest`, RFC 9530), lower-case hexadecimal.
    pub fn sha256(&self) -> Option<&str> {
        self.sha256.as_deref()
    }

    /// By what the data can be asked for from a byte on, when it breaks off; none when it can't.
    pub fn etag(&self) -> Option<&HeaderValue> {
        self.etag.as_ref()
    }
}

/// The strong entity tag of data of which ranges can be asked for.
fn resumable(headers: &HeaderMap) -> Option<HeaderValue> {
    let takes_ranges = headers.get(ACCEPT_RANGES)?.to_str().ok()?.split(',').any(|unit| unit.trim() == "bytes");
    let etag = headers.get(ETAG)?;
    (takes_ranges && etag.as_bytes().starts_with(b"\"")).then(|| etag.clone())
}

impl Stream for DataStream {
    type Item = Result<Bytes, CallError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.bytes.poll_next_unpin(context)
    }
}

fn parsed<T: DeserializeOwned>(body: &[u8]) -> Result<T, CallError> {
    // serde's text can quote the answer: only where it is wrong is told.
    serde_json::from_slice(body).map_err(|error| CallError::Nonsense {
        what: match error.classify() {
            serde_json::error::Category::Data => {
                format!("its JSON is not of the contract's shape (line {}, column {})", error.line(), error.column())
            }
            _ => format!("it is not JSON (line {}, column {})", error.line(), error.column()),
        },
    })
}

async fn bounded(response: Response, most: usize) -> Result<Bytes, CallError> {
    let mut stream = unpacked(response);
    let mut body = BytesMut::new();
    while let Some(chunk) = stream.next().await {
        body.extend_from_slice(&chunk?);
        if body.len() > most {
            return Err(CallError::Nonsense { what: format!("it is longer than {most} bytes") });
        }
    }
    Ok(body.freeze())
}

/// `Retry-After` in seconds or as an HTTP date (RFC 9110, 10.2.3).
pub(super) fn retry_after(headers: &HeaderMap, now: chrono::DateTime<chrono::Utc>) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let at = chrono::DateTime::parse_from_rfc2822(text).ok()?;
    Some(at.signed_duration_since(now).to_std().unwrap_or(Duration::ZERO))
}

/// The SHA-256 of `Content-Digest`, as lower-case hexadecimal.
fn content_digest(headers: &HeaderMap) -> Option<String> {
    let text = headers.get("content-digest")?.to_str().ok()?;
    let value = text.split(',').map(str::trim).find_map(|item| item.strip_prefix("sha-256=:"))?.strip_suffix(':')?;
    let digest = STANDARD.decode(value).ok()?;
    (digest.len() == 32).then(|| hex::encode(digest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_read_in_seconds_and_as_a_date() {
        let now = chrono::DateTime::parse_from_rfc3339("2026-11-23T12:00:00Z").expect("a time").to_utc();
        let read = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, HeaderValue::from_str(text).expect("a header"));
            retry_after(&headers, now)
        };
        assert_eq!(read("20"), Some(Duration::from_secs(20)));
        assert_eq!(read("Mon, 23 Nov 2026 12:00:30 GMT"), Some(Duration::from_secs(30)));
        assert_eq!(read("Mon, 23 Nov 2026 11:00:00 GMT"), Some(Duration::ZERO));
        assert_eq!(read("soon"), None);
    }

    #[test]
    fn the_digest_is_found_among_others() {
        let mut headers = HeaderMap::new();
        let digest = STANDARD.encode([7_u8; 32]);
        headers.insert(
            "content-digest",
            HeaderValue::from_str(&format!("md5=:AA==:, sha-256=:{digest}:")).expect("a header"),
        );
        assert_eq!(content_digest(&headers), Some("07".repeat(32)));
        headers.insert("content-digest", HeaderValue::from_static("sha-256=:AA==:"));
        assert_eq!(content_digest(&headers), None);
    }
}
