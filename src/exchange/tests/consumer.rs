//! A PUSH consumer on a real socket that keeps people by e-mail address, remembers part keys as the contract asks, and misbehaves when
//! it is told to.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::{
    Json, Router,
    body::{Body, to_bytes},
    extract::{Path, Request, State},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post, put},
};
use bytes::Bytes;
use futures::stream;
use model::contract::{Job, JobCounts, JobMode, JobRequest, JobStatus, PartResult, Problem, Refusal, StatusReport};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::{plans::fields, served::Served};

/// What goes wrong.
#[derive(Debug, Clone, Default)]
pub(super) struct Temper {
    /// The next so many parts are answered 429 with this `Retry-After`.
    pub(super) too_many: Option<(u32, u64)>,
    /// The next so many requests of any kind are answered 503.
    pub(super) unavailable: u32,
    /// The next so many parts are taken, but the answer breaks off.
    pub(super) takes_and_breaks: u32,
    /// The next so many parts are taken, but are never answered.
    pub(super) takes_and_hangs: u32,
    /// Rows with this word in the e-mail address are refused.
    pub(super) refuses: Option<String>,
    /// What is added to the number of accepted rows in its answers.
    pub(super) boasts: u64,
    /// Parts are answered with this status and sentence.
    pub(super) rejects_parts: Option<(u16, String)>,
    /// Is busy for so many questions after the last part.
    pub(super) finishing_polls: u32,
    /// Says at the end that it took one row more.
    pub(super) final_count_wrong: bool,
    /// The import fails at the end, for this reason, and nothing is changed.
    pub(super) fails_at_the_end: Option<String>,
    /// Answers the announcement with this instead of JSON.
    pub(super) nonsense: Option<String>,
}

/// A part that was taken: its digest, the people in it, and what was answered.
type Taken = (String, Vec<(String, String)>, PartResult);

struct Import {
    /// As it was announced: a repeat has to be the same.
    announced: JobRequest,
    request: JobRequest,
    status: JobStatus,
    parts: BTreeMap<u32, Taken>,
    polls_left: u32,
}

#[derive(Default)]
struct Inner {
    temper: Temper,
    segments: BTreeMap<String, BTreeMap<String, String>>,
    imports: HashMap<String, Import>,
    announced: Vec<String>,
    puts: u32,
    taken: u32,
    reports: Vec<JobStatus>,
}

#[derive(Clone, Default)]
pub(super) struct Consumer {
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

async fn list(State(consumer): State<Consumer>) -> Json<serde_json::Value> {
    let inner = consumer.lock();
    let segment =
        |(id, people): (&String, &BTreeMap<String, String>)| json!({"id": id, "name": id, "size": people.len()});
    let items: Vec<_> = inner.segments.iter().map(segment).collect();
    Json(json!({"items": items, "next": null}))
}

impl Consumer {
    pub(super) fn new(temper: Temper) -> Self {
        let consumer = Self::default();
        consumer.lock().temper = temper;
        consumer
    }

    pub(super) fn router(&self) -> Router {
        Router::new()
            .route("/v1/endpoint", get(describe))
            .route("/v1/health", get(|| async { Json(json!({"status": "ok"})) }))
            .route("/v1/segments", get(list))
            .route("/v1/jobs", post(announce))
            .route("/v1/jobs/{job}", get(job))
            .route("/v1/jobs/{job}/data/{part}", put(part))
            .route("/v1/jobs/{job}/status", put(report))
            .with_state(self.clone())
    }

    pub(super) async fn serve(&self) -> Served {
        Served::new(self.router()).await
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn change(&self, change: impl FnOnce(&mut Temper)) {
        change(&mut self.lock().temper);
    }

    /// Fills a segment before the test.
    pub(super) fn keep(&self, segment: &str, people: &[(&str, &str)]) {
        let people = people.iter().map(|(email, name)| ((*email).to_owned(), (*name).to_owned())).collect();
        self.lock().segments.insert(segment.to_owned(), people);
    }

    pub(super) fn segment(&self, segment: &str) -> Vec<(String, String)> {
        self.lock().segments.get(segment).map(|people| people.clone().into_iter().collect()).unwrap_or_default()
    }

    pub(super) fn segments(&self) -> Vec<String> {
        self.lock().segments.keys().cloned().collect()
    }

    /// Requests with a part, and parts among them that were new to it.
    pub(super) fn puts(&self) -> (u32, u32) {
        let inner = self.lock();
        (inner.puts, inner.taken)
    }

    /// What was announced, in order; repeats are left out.
    pub(super) fn modes(&self) -> Vec<JobMode> {
        let inner = self.lock();
        let mut seen = std::collections::HashSet::new();
        let fresh = inner.announced.iter().filter(|id| seen.insert(id.as_str()));
        fresh.filter_map(|id| inner.imports.get(id)?.announced.mode).collect()
    }

    pub(super) fn announced(&self) -> Vec<String> {
        self.lock().announced.clone()
    }

    pub(super) fn reports(&self) -> Vec<JobStatus> {
        self.lock().reports.clone()
    }

    /// Ends every wait for it to finish.
    pub(super) fn finish_now(&self) {
        for import in self.lock().imports.values_mut() {
            import.polls_left = 0;
        }
    }

    fn unavailable(&self) -> Option<Response> {
        let mut inner = self.lock();
        let temper = &mut inner.temper;
        if temper.unavailable == 0 {
            return None;
        }
        temper.unavailable -= 1;
        Some(problem(StatusCode::SERVICE_UNAVAILABLE, "restarting"))
    }
}

fn tell(import: &Import, wrong: bool) -> Job {
    let results = import.parts.values().map(|(_, _, result)| result);
    let mut counts = JobCounts::default();
    for result in results {
        counts.rows += result.received;
        counts.accepted += result.accepted;
        counts.refused += u64::try_from(result.refusals.len()).unwrap_or(0);
    }
    counts.accepted += u64::from(wrong);
    Job {
        id: import.request.id.clone(),
        category: import.request.category,
        status: import.status,
        segment: import.request.segment.clone(),
        mode: import.request.mode,
        parts: Vec::new(),
        counts,
        problem: None,
    }
}

async fn describe() -> Response {
    Json(json!({
        "name": "Beacon Mail",
        "consumer": {
            "movement": "PUSH",
            "delivery": {"modes": ["ADD", "REPLACE", "REMOVE"], "new_segment": true, "existing_segment": true},
            "fields": fields(),
        },
    }))
    .into_response()
}

async fn announce(State(consumer): State<Consumer>, Json(request): Json<JobRequest>) -> Response {
    if let Some(response) = consumer.unavailable() {
        return response;
    }
    let mut inner = consumer.lock();
    if let Some(nonsense) = &inner.temper.nonsense {
        return nonsense.clone().into_response();
    }
    inner.announced.push(request.id.clone());
    let polls_left = inner.temper.finishing_polls;
    let import = inner.imports.entry(request.id.clone()).or_insert_with(|| {
        let (announced, mut request) = (request.clone(), request.clone());
        request.segment.id.get_or_insert_with(|| format!("made-{}", request.segment.name.to_lowercase()));
        Import { announced, request, status: JobStatus::WaitingToReceiveData, parts: BTreeMap::new(), polls_left }
    });
    if import.announced != request {
        return problem(StatusCode::CONFLICT, "this id was announced before with another body");
    }
    Json(tell(import, false)).into_response()
}

async fn job(State(consumer): State<Consumer>, Path(id): Path<String>) -> Response {
    if let Some(response) = consumer.unavailable() {
        return response;
    }
    let mut inner = consumer.lock();
    let wrong = inner.temper.final_count_wrong;
    let failing = inner.temper.fails_at_the_end.clone();
    let Inner { segments, imports, .. } = &mut *inner;
    let Some(import) = imports.get_mut(&id) else { return problem(StatusCode::NOT_FOUND, "no such job") };
    if import.status == JobStatus::Running {
        if import.polls_left > 0 {
            import.polls_left -= 1;
        } else if let Some(reason) = failing {
            import.status = JobStatus::Failed;
            let mut job = tell(import, false);
            job.problem = Some(Problem {
                problem_type: "about:blank".to_owned(),
                title: "Failed".to_owned(),
                status: 500,
                detail: Some(reason),
                code: None,
            });
            return Json(job).into_response();
        } else {
            finish(segments, import);
        }
    }
    Json(tell(import, wrong)).into_response()
}

/// Applies what was staged.
fn finish(segments: &mut BTreeMap<String, BTreeMap<String, String>>, import: &mut Import) {
    let segment = segments.entry(import.request.segment.id.clone().unwrap_or_default()).or_default();
    if import.request.mode == Some(JobMode::Replace) {
        segment.clear();
    }
    for (_, people, _) in import.parts.values() {
        for (email, name) in people {
            match import.request.mode {
                Some(JobMode::Remove) => drop(segment.remove(email)),
                _ => drop(segment.insert(email.clone(), name.clone())),
            }
        }
    }
    let refused = import.parts.values().any(|(_, _, result)| !result.refusals.is_empty());
    import.status = if refused { JobStatus::CompleteWithRejects } else { JobStatus::Complete };
}

async fn report(
    State(consumer): State<Consumer>,
    Path(id): Path<String>,
    Json(report): Json<StatusReport>,
) -> Response {
    if let Some(response) = consumer.unavailable() {
        return response;
    }
    let mut inner = consumer.lock();
    inner.reports.push(report.status);
    let wrong = inner.temper.final_count_wrong;
    let fails = inner.temper.fails_at_the_end.is_some();
    let Inner { segments, imports, .. } = &mut *inner;
    let Some(import) = imports.get_mut(&id) else { return problem(StatusCode::NOT_FOUND, "no such job") };
    if import.status.is_final() && report.status != JobStatus::Complete {
        return problem(StatusCode::CONFLICT, "the job has ended");
    }
    match report.status {
        JobStatus::Complete if !import.status.is_final() => {
            let rows: u64 = import.parts.values().map(|(_, _, result)| result.received).sum();
            if import.parts.len() != report.parts as usize || rows != report.rows {
                return problem(StatusCode::CONFLICT, "parts are missing");
            }
            import.status = JobStatus::Running;
            if import.polls_left == 0 && !fails {
                finish(segments, import);
            }
        }
        JobStatus::Complete => {}
        other => import.status = other,
    }
    Json(tell(import, wrong)).into_response()
}

async fn part(State(consumer): State<Consumer>, Path((id, number)): Path<(String, u32)>, request: Request) -> Response {
    if let Some(response) = consumer.unavailable() {
        return response;
    }
    let body = to_bytes(request.into_body(), usize::MAX).await.expect("the part's bytes");
    let (answer, breaks, hangs) = {
        let mut inner = consumer.lock();
        inner.puts += 1;
        if let Some((times, seconds)) = &mut inner.temper.too_many
            && *times > 0
        {
            *times -= 1;
            let seconds = HeaderValue::from_str(&seconds.to_string()).expect("digits");
            let mut response = problem(StatusCode::TOO_MANY_REQUESTS, "slowly, please");
            response.headers_mut().insert(header::RETRY_AFTER, seconds);
            return response;
        }
        if let Some((status, sentence)) = &inner.temper.rejects_parts {
            return problem(StatusCode::from_u16(*status).expect("a status"), sentence);
        }
        let answer = match take(&mut inner, &id, number, &body) {
            Ok(answer) => answer,
            Err(response) => return *response,
        };
        let breaks = inner.temper.takes_and_breaks > 0;
        let hangs = !breaks && inner.temper.takes_and_hangs > 0;
        inner.temper.takes_and_breaks -= u32::from(breaks);
        inner.temper.takes_and_hangs -= u32::from(hangs);
        (answer, breaks, hangs)
    };
    if hangs {
        std::future::pending::<()>().await;
    }
    if breaks {
        let items = [Ok(Bytes::from_static(b"{\"part\":")), Err(std::io::Error::other("told to break off"))];
        return Body::from_stream(stream::iter(items)).into_response();
    }
    Json(answer).into_response()
}

fn take(inner: &mut Inner, id: &str, number: u32, body: &[u8]) -> Result<PartResult, Box<Response>> {
    let refuses = inner.temper.refuses.clone();
    let boasts = inner.temper.boasts;
    let Some(import) = inner.imports.get_mut(id) else {
        return Err(Box::new(problem(StatusCode::NOT_FOUND, "no such job")));
    };
    let digest = hex::encode(Sha256::digest(body));
    if let Some((known, _, result)) = import.parts.get(&number) {
        if *known == digest {
            return Ok(result.clone());
        }
        return Err(Box::new(problem(StatusCode::CONFLICT, "the part came with other bytes before")));
    }
    if import.status.is_final() {
        return Err(Box::new(problem(StatusCode::CONFLICT, "the job has ended")));
    }
    let mut reader = csv::Reader::from_reader(body);
    let headers = reader.headers().expect("a header").clone();
    let column = |name: &str| headers.iter().position(|header| header == name);
    let (email, name) = (column("email").expect("an e-mail column"), column("name"));
    let (mut people, mut refusals) = (Vec::new(), Vec::new());
    for (row, record) in (1_u64..).zip(reader.records()) {
        let record = record.expect("well-formed CSV");
        if refuses.as_ref().is_some_and(|word| record[email].contains(word.as_str())) {
            refusals.push(Refusal {
                row,
                code: "blocked".to_owned(),
                field: Some("email".to_owned()),
                reason: "The address is on the block list.".to_owned(),
            });
        } else {
            people.push((record[email].to_owned(), name.map(|name| record[name].to_owned()).unwrap_or_default()));
        }
    }
    let accepted = u64::try_from(people.len()).unwrap_or(0);
    let received = accepted + u64::try_from(refusals.len()).unwrap_or(0);
    let result = PartResult { part: number, received, accepted: accepted + boasts, refusals };
    import.parts.insert(number, (digest, people, result.clone()));
    inner.taken += 1;
    Ok(result)
}
