//! A PULL producer on a real socket that gives what it is told to, well or badly.

use std::{
    collections::HashMap,
    convert::Infallible,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::{
    Json, Router,
    body::Body,
    extract::{Path, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post, put},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use futures::{StreamExt, stream};
use model::contract::{Job, JobCounts, JobPart, JobRequest, JobStatus, Problem, StatusReport};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::served::Served;

/// What goes wrong, or how the data is given.
#[derive(Debug, Clone, Default)]
pub(super) struct Manner {
    /// The CSV, one or more parts.
    pub(super) data: Vec<Vec<u8>>,
    /// Lists the parts, with rows, bytes and digests; otherwise the one body is fetched as a whole.
    pub(super) lists_parts: bool,
    /// Says that there are so many rows.
    pub(super) declares: Option<u64>,
    /// Says this digest of part 1 instead of the right one.
    pub(super) digest: Option<String>,
    /// The job is ready only when it was asked about so often.
    pub(super) pending_polls: u32,
    /// Refuses the key.
    pub(super) refuses_key: bool,
    /// Answers announcements with this instead of JSON.
    pub(super) nonsense: Option<String>,
    /// The job fails with this sentence.
    pub(super) job_fails: Option<String>,
    /// The next so many requests are answered 503 with `Retry-After: 1`.
    pub(super) unavailable: u32,
    /// The next so many downloads break off after so many bytes.
    pub(super) breaks_off: Option<(u32, usize)>,
    /// Gives ranges of the data, by its entity tag.
    pub(super) gives_ranges: bool,
    /// Downloads stop after so many bytes, without ending.
    pub(super) stalls_after: Option<usize>,
    /// Says that the data is packed so (`Content-Encoding`).
    pub(super) coding: Option<&'static str>,
    /// Says in a header that this is the SHA-256 of what it sends.
    pub(super) content_digest: Option<[u8; 32]>,
    /// After the data it sends the last piece of it again and again.
    pub(super) repeats_without_end: bool,
    /// Sends bytes in pieces of so many; all at once when 0.
    pub(super) piece: usize,
}

#[derive(Default)]
struct Inner {
    manner: Manner,
    polls: HashMap<String, u32>,
    requests: Vec<JobRequest>,
    reports: Vec<(String, StatusReport)>,
    downloads: u32,
    /// Bytes that were asked for by their range.
    resumed_from: Vec<usize>,
}

#[derive(Clone, Default)]
pub(super) struct Producer {
    inner: Arc<Mutex<Inner>>,
}

fn problem(status: StatusCode, detail: &str) -> Response {
    let body = Problem {
        problem_type: "about:blank".to_owned(),
        title: status.canonical_reason().unwrap_or("").to_owned(),
        status: status.as_u16(),
        detail: Some(detail.to_owned()),
        code: None,
    };
    (status, [(header::CONTENT_TYPE, "application/problem+json")], Json(body)).into_response()
}

impl Producer {
    pub(super) fn new(manner: Manner) -> Self {
        let producer = Self::default();
        producer.lock().manner = manner;
        producer
    }

    pub(super) async fn serve(&self) -> Served {
        let router = Router::new()
            .route(
                "/v1/endpoint",
                get(|| async { Json(json!({"name": "Harbor CRM", "producer": {"movement": "PULL"}})) }),
            )
            .route("/v1/health", get(|| async { Json(json!({"status": "ok"})) }))
            .route("/v1/segments", get(|| async { Json(json!({"items": [], "next": null})) }))
            .route("/v1/jobs", post(announce))
            .route("/v1/jobs/{job}", get(job))
            .route("/v1/jobs/{job}/data", get(whole))
            .route("/v1/jobs/{job}/data/{part}", get(part))
            .route("/v1/jobs/{job}/status", put(report))
            .with_state(self.clone());
        Served::new(router).await
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn change(&self, change: impl FnOnce(&mut Manner)) {
        change(&mut self.lock().manner);
    }

    pub(super) fn downloads(&self) -> u32 {
        self.lock().downloads
    }

    pub(super) fn requests(&self) -> Vec<JobRequest> {
        self.lock().requests.clone()
    }

    /// The id of the job that was announced last, once there is one.
    pub(super) fn last_job(&self) -> Option<String> {
        self.lock().requests.last().map(|request| request.id.clone())
    }

    pub(super) fn reports(&self) -> Vec<JobStatus> {
        self.lock().reports.iter().map(|(_, report)| report.status).collect()
    }

    /// The faults that any request may meet.
    fn obstacle(&self) -> Option<Response> {
        let mut inner = self.lock();
        if inner.manner.refuses_key {
            return Some(problem(StatusCode::UNAUTHORIZED, "the key is not known"));
        }
        if inner.manner.unavailable > 0 {
            inner.manner.unavailable -= 1;
            let mut response = problem(StatusCode::SERVICE_UNAVAILABLE, "back soon");
            response.headers_mut().insert(header::RETRY_AFTER, header::HeaderValue::from_static("1"));
            return Some(response);
        }
        None
    }

    fn answer(&self, request: &JobRequest, polled: bool) -> Response {
        let mut inner = self.lock();
        let polls = inner.polls.entry(request.id.clone()).or_default();
        *polls += u32::from(polled);
        let polls = *polls;
        let manner = &inner.manner;
        if let Some(nonsense) = &manner.nonsense {
            return nonsense.clone().into_response();
        }
        let mut job = Job {
            id: request.id.clone(),
            category: request.category,
            status: JobStatus::Complete,
            segment: request.segment.clone(),
            mode: None,
            parts: Vec::new(),
            counts: JobCounts { rows: manner.declares.unwrap_or(0), ..JobCounts::default() },
            problem: None,
        };
        if polls < manner.pending_polls {
            job.status = JobStatus::Pending;
            job.counts = JobCounts::default();
        } else if let Some(detail) = &manner.job_fails {
            job.status = JobStatus::Failed;
            job.problem = Some(Problem {
                problem_type: "about:blank".to_owned(),
                title: "Failed".to_owned(),
                status: 500,
                detail: Some(detail.clone()),
                code: None,
            });
        } else if manner.lists_parts {
            let parts = manner.data.iter().zip(1..);
            job.parts = parts
                .map(|(data, number)| JobPart {
                    number,
                    rows: Some(
                        u64::try_from(csv::Reader::from_reader(data.as_slice()).byte_records().count()).unwrap_or(0),
                    ),
                    bytes: Some(u64::try_from(data.len()).unwrap_or(0)),
                    sha256: Some(hex::encode(Sha256::digest(data))),
                })
                .collect();
            if let (Some(digest), Some(first)) = (&manner.digest, job.parts.first_mut()) {
                first.sha256 = Some(digest.clone());
            }
        }
        Json(job).into_response()
    }

    pub(super) fn resumed_from(&self) -> Vec<usize> {
        self.lock().resumed_from.clone()
    }

    fn data(&self, part: usize, headers: &HeaderMap) -> Response {
        let mut inner = self.lock();
        inner.downloads += 1;
        let Some(data) = inner.manner.data.get(part).cloned() else {
            return problem(StatusCode::NOT_FOUND, "no such part");
        };
        let etag = format!("\"{}\"", hex::encode(Sha256::digest(&data)));
        let range = headers.get(header::RANGE).and_then(|value| value.to_str().ok()).filter(|_| {
            inner.manner.gives_ranges && headers.get(header::IF_RANGE).is_some_and(|asked| *asked == *etag)
        });
        let from: Option<usize> = range.and_then(|text| text.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok());
        inner.resumed_from.extend(from);
        let total = data.len();
        let data = data[from.unwrap_or(0)..].to_vec();
        let piece = if inner.manner.piece == 0 { data.len().max(1) } else { inner.manner.piece };
        let broken = match &mut inner.manner.breaks_off {
            Some((times, bytes)) if *times > 0 => {
                *times -= 1;
                Some(*bytes)
            }
            _ => None,
        };
        let stalls = inner.manner.stalls_after;
        let end = broken.or(stalls).unwrap_or(data.len()).min(data.len());
        let items: Vec<Result<Bytes, std::io::Error>> =
            data[..end].chunks(piece).map(|chunk| Ok(Bytes::copy_from_slice(chunk))).collect();
        let head = [(header::CONTENT_TYPE, "text/csv; charset=utf-8; header=present")];
        let ranges = inner.manner.gives_ranges.then(|| {
            let length = data.len().to_string();
            [(header::ACCEPT_RANGES, "bytes".to_owned()), (header::ETAG, etag), (header::CONTENT_LENGTH, length)]
        });
        let part_of = from.map(|from| {
            let range = format!("bytes {from}-{}/{total}", total - 1);
            (StatusCode::PARTIAL_CONTENT, [(header::CONTENT_RANGE, range)])
        });
        let repeated = items.last().and_then(|last| last.as_ref().ok().cloned()).unwrap_or_default();
        let items = stream::iter(items);
        let body = if inner.manner.repeats_without_end {
            Body::from_stream(items.chain(stream::repeat_with(move || Ok(repeated.clone()))))
        } else if broken.is_some() {
            // What came before goes out when the stream makes the server wait for once.
            let breaking = stream::once(async {
                tokio::task::yield_now().await;
                Err(std::io::Error::other("told to break off"))
            });
            Body::from_stream(items.chain(breaking))
        } else if stalls.is_some() {
            Body::from_stream(items.chain(stream::pending()))
        } else {
            Body::from_stream(items)
        };
        let mut response = (head, body).into_response();
        if let Some(coding) = inner.manner.coding {
            response.headers_mut().insert(header::CONTENT_ENCODING, coding.parse().expect("a header's value"));
        }
        if let Some(digest) = inner.manner.content_digest {
            let said = format!("sha-256=:{}:", STANDARD.encode(digest));
            response.headers_mut().insert("content-digest", said.parse().expect("a header's value"));
        }
        for (name, value) in ranges.into_iter().flatten() {
            response.headers_mut().insert(name, value.parse().expect("a header's value"));
        }
        if let Some((status, [(name, value)])) = part_of {
            *response.status_mut() = status;
            response.headers_mut().insert(name, value.parse().expect("a header's value"));
        }
        response
    }
}

async fn announce(State(producer): State<Producer>, Json(request): Json<JobRequest>) -> Response {
    if let Some(obstacle) = producer.obstacle() {
        return obstacle;
    }
    producer.lock().requests.push(request.clone());
    producer.answer(&request, false)
}

async fn job(State(producer): State<Producer>, Path(id): Path<String>) -> Response {
    if let Some(obstacle) = producer.obstacle() {
        return obstacle;
    }
    let request = producer.lock().requests.iter().find(|request| request.id == id).cloned();
    match request {
        Some(request) => producer.answer(&request, true),
        None => problem(StatusCode::NOT_FOUND, "no such job"),
    }
}

async fn whole(State(producer): State<Producer>, headers: HeaderMap) -> Response {
    producer.obstacle().unwrap_or_else(|| producer.data(0, &headers))
}

async fn part(
    State(producer): State<Producer>,
    Path((_, part)): Path<(String, usize)>,
    headers: HeaderMap,
) -> Response {
    producer.obstacle().unwrap_or_else(|| producer.data(part - 1, &headers))
}

async fn report(
    State(producer): State<Producer>,
    Path(id): Path<String>,
    _headers: HeaderMap,
    Json(report): Json<StatusReport>,
) -> Result<Response, Infallible> {
    let request = {
        let mut inner = producer.lock();
        inner.reports.push((id.clone(), report));
        inner.requests.iter().find(|request| request.id == id).cloned()
    };
    Ok(match request {
        Some(request) => producer.answer(&request, false),
        None => problem(StatusCode::NOT_FOUND, "no such job"),
    })
}
