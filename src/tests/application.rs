//! An application that offers audiences and takes them, on a real socket; what it says of itself can be changed under way.

use std::sync::{Arc, Mutex, PoisonError};

use axum::{
    Json, Router,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::{get, post, put},
};
use model::{
    contract::{
        ConsumerSide, DeliveryOptions, EndpointDescription, Job, JobCategory, JobCounts, JobMode, JobRequest,
        JobSegment, JobStatus, Movement, Page, ProducerSide, Segment, StatusReport,
    },
    field::{Field, FieldKind, FieldType},
};
use tokio::sync::{Notify, watch};

/// The key that it accepts.
pub(super) const KEY: &str = "the-right-key";

/// What it says.
#[derive(Clone)]
pub(super) struct Says {
    pub(super) description: EndpointDescription,
    pub(super) segments: Vec<Segment>,
    /// Instead of everything else.
    pub(super) nonsense: bool,
    /// The word of `GET v1/health`.
    pub(super) health: String,
    /// Its segments are answered only when this gate is opened.
    pub(super) gate: Option<Arc<Gate>>,
    /// The `Authorization` that it accepts.
    pub(super) accepts: String,
    /// What an export holds; none when it breaks down over each job that it took.
    pub(super) export: Option<String>,
}

/// Holds an answer back.
#[derive(Default)]
pub(super) struct Gate {
    /// Somebody waits for the answer.
    pub(super) reached: Notify,
    /// The answer may go.
    pub(super) opened: Notify,
}

/// A running application.
pub(super) struct Application {
    pub(super) url: String,
    says: Arc<Mutex<Says>>,
    /// Says when more was reported.
    pub(super) reports: watch::Receiver<Vec<JobStatus>>,
    serving: tokio::task::JoinHandle<()>,
}

pub(super) fn fields() -> Vec<Field> {
    vec![
        Field::new("email", FieldKind::Identifier, FieldType::Email),
        Field::new("first_name", FieldKind::Attribute, FieldType::String),
    ]
}

pub(super) fn segment(id: &str, name: &str) -> Segment {
    Segment {
        id: id.to_owned(),
        name: name.to_owned(),
        description: Some("People of the north".to_owned()),
        size: Some(3),
        size_is_estimate: false,
        updated_at: None,
        fields: fields(),
        tags: vec!["crm".to_owned()],
        label: None,
        statistics: None,
    }
}

impl Application {
    pub(super) async fn start(segments: Vec<Segment>) -> Self {
        let mut taken = fields();
        taken[0].required = true;
        let description = EndpointDescription {
            name: "Both ways".to_owned(),
            description: None,
            producer: Some(ProducerSide { movement: Movement::Pull }),
            consumer: Some(ConsumerSide {
                movement: Movement::Push,
                delivery: DeliveryOptions {
                    modes: vec![JobMode::Add, JobMode::Replace],
                    new_segment: true,
                    existing_segment: true,
                    rows_per_part: None,
                    rows_per_second: None,
                    member_lifetime_days: None,
                },
                fields: taken,
            }),
        };
        let says = Arc::new(Mutex::new(Says {
            description,
            segments,
            nonsense: false,
            health: "ok".to_owned(),
            gate: None,
            accepts: format!("Bearer {KEY}"),
            export: Some("email\r\nann@example.org\r\nbob@example.org\r\n".to_owned()),
        }));
        let (reporting, reports) = watch::channel(Vec::new());
        let report = async move |id: Path<String>, Json(report): Json<StatusReport>| {
            reporting.send_modify(|all| all.push(report.status));
            Json(job(&id.0, report.status))
        };
        let router = Router::new()
            .route("/v1/health", get(health))
            .route("/v1/endpoint", get(describe))
            .route("/v1/segments", get(list))
            .route("/v1/jobs", post(announced))
            .route("/v1/jobs/{id}", get(asked))
            .route("/v1/jobs/{id}/data", get(export))
            .route("/v1/jobs/{id}/status", put(report))
            .with_state(says.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/", listener.local_addr().expect("an address"));
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.expect("serves") });
        Self { url, says, reports, serving }
    }

    pub(super) fn change(&self, change: impl FnOnce(&mut Says)) {
        change(&mut self.says.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl Drop for Application {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

type Shared = State<Arc<Mutex<Says>>>;

async fn describe(says: Shared, headers: HeaderMap) -> Response {
    answer(&says, &headers, |says| Json(says.description).into_response())
}

async fn health(says: Shared) -> Json<serde_json::Value> {
    let word = says.lock().unwrap_or_else(PoisonError::into_inner).health.clone();
    Json(serde_json::json!({ "status": word }))
}

fn job(id: &str, status: JobStatus) -> Job {
    Job {
        id: id.to_owned(),
        category: JobCategory::SegmentExport,
        status,
        segment: JobSegment { id: Some("1".to_owned()), name: "North".to_owned() },
        mode: None,
        parts: Vec::new(),
        counts: JobCounts::default(),
        problem: None,
    }
}

async fn announced(says: Shared, headers: HeaderMap, Json(request): Json<JobRequest>) -> Response {
    answer(&says, &headers, |says| {
        let status = if says.export.is_some() { JobStatus::Complete } else { JobStatus::Pending };
        Json(job(&request.id, status)).into_response()
    })
}

async fn asked(says: Shared, headers: HeaderMap, id: Path<String>) -> Response {
    answer(&says, &headers, |says| match says.export {
        Some(_) => Json(job(&id, JobStatus::Complete)).into_response(),
        None => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    })
}

async fn export(says: Shared, headers: HeaderMap) -> Response {
    answer(&says, &headers, |says| ([("content-type", "text/csv")], says.export.unwrap_or_default()).into_response())
}

async fn list(says: Shared, headers: HeaderMap) -> Response {
    let gate = says.lock().unwrap_or_else(PoisonError::into_inner).gate.clone();
    if let Some(gate) = gate {
        gate.reached.notify_one();
        gate.opened.notified().await;
    }
    answer(&says, &headers, |says| Json(Page { items: says.segments, next: None }).into_response())
}

fn answer(says: &Shared, headers: &HeaderMap, with: impl FnOnce(Says) -> Response) -> Response {
    let says = says.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let key = headers.get("authorization").and_then(|value| value.to_str().ok());
    match key {
        _ if says.nonsense => "<html>It works!</html>".into_response(),
        Some(key) if key == says.accepts => with(says),
        _ => StatusCode::UNAUTHORIZED.into_response(),
    }
}
