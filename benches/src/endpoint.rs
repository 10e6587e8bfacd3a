//! An endpoint for the benches that need none of the exchange: it answers what the hub asks when it connects and reads the catalogue, on a real socket.
//! It offers the audiences that it is given, and takes an e-mail address.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{Query, State},
    routing::get,
};
use model::{
    contract::{ConsumerSide, DeliveryOptions, EndpointDescription, JobMode, Movement, Page, ProducerSide, Segment},
    field::{Field, FieldKind, FieldType},
};

/// What it would be called with.
pub(crate) const KEY: &str = "a-key-for-the-bench-only";

#[derive(serde::Deserialize)]
struct Listing {
    limit: usize,
    #[serde(default)]
    cursor: usize,
}

async fn list(State(all): State<Arc<Vec<Segment>>>, Query(listing): Query<Listing>) -> Json<Page<Segment>> {
    let end = (listing.cursor + listing.limit).min(all.len());
    let items = all.get(listing.cursor..end).unwrap_or_default().to_vec();
    Json(Page { items, next: (end < all.len()).then(|| end.to_string()) })
}

async fn describe() -> Json<EndpointDescription> {
    let mut email = Field::new("email", FieldKind::Identifier, FieldType::Email);
    email.required = true;
    Json(EndpointDescription {
        name: "An application".to_owned(),
        description: None,
        producer: Some(ProducerSide { movement: Movement::Pull }),
        consumer: Some(ConsumerSide {
            movement: Movement::Push,
            delivery: DeliveryOptions {
                modes: vec![JobMode::Add],
                new_segment: true,
                existing_segment: false,
                rows_per_part: None,
                rows_per_second: None,
                member_lifetime_days: None,
            },
            fields: vec![email],
        }),
    })
}

/// Begins to serve audiences; the base URL.
pub(crate) async fn serve(segments: Vec<Segment>) -> anyhow::Result<String> {
    let router = Router::new()
        .route("/v1/health", get(async || Json(serde_json::json!({ "status": "ok" }))))
        .route("/v1/endpoint", get(describe))
        .route("/v1/segments", get(list))
        .with_state(Arc::new(segments));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/", listener.local_addr()?);
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(url)
}
