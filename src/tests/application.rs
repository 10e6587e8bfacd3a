//! An application that offers audiences and takes them, on a real socket; what it says of itself can be changed under way.

use std::sync::{Arc, Mutex, PoisonError};

use axum::{
    Json, Router,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::get,
};
use model::{
    contract::{ConsumerSide, DeliveryOptions, EndpointDescription, JobMode, Movement, Page, ProducerSide, Segment},
    field::{Field, FieldKind, FieldType},
};

/// The key that it accepts.
pub(super) const KEY: &str = "the-right-key";

/// What it says.
#[derive(Clone)]
pub(super) struct Says {
    pub(super) description: EndpointDescription,
    pub(super) segments: Vec<Segment>,
    /// Instead of everything else.
    pub(super) nonsense: bool,
}

/// A running application.
pub(super) struct Application {
    pub(super) url: String,
    says: Arc<Mutex<Says>>,
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
                },
                fields: taken,
            }),
        };
        let says = Arc::new(Mutex::new(Says { description, segments, nonsense: false }));
        let router = Router::new()
            .route("/v1/health", get(|| async { Json(serde_json::json!({ "status": "ok" })) }))
            .route("/v1/endpoint", get(describe))
            .route("/v1/segments", get(list))
            .with_state(says.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/", listener.local_addr().expect("an address"));
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.expect("serves") });
        Self { url, says, serving }
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

async fn list(says: Shared, headers: HeaderMap) -> Response {
    answer(&says, &headers, |says| Json(Page { items: says.segments, next: None }).into_response())
}

fn answer(says: &Shared, headers: &HeaderMap, with: impl FnOnce(Says) -> Response) -> Response {
    let says = says.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let key = headers.get("authorization").and_then(|value| value.to_str().ok());
    match key {
        _ if says.nonsense => "<html>It works!</html>".into_response(),
        Some(key) if key == format!("Bearer {KEY}") => with(says),
        _ => StatusCode::UNAUTHORIZED.into_response(),
    }
}
