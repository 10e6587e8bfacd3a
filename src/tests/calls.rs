//! Calls to an application that misbehaves: what each fault is told as, and what is bounded.

use std::time::Duration;

use axum::{
    Router,
    body::{Body, Bytes},
    extract::Query,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use serde::Deserialize;

use crate::outbound::{AddressGuard, CallError, EndpointClient, Outbound, Side, Timeouts};

const KEY: &str = "s3cret-key";

/// An application that answers `GET v1/segments` so, until it is dropped.
struct Misbehaving {
    client: EndpointClient,
    serving: tokio::task::JoinHandle<()>,
}

impl Misbehaving {
    async fn new(segments: axum::routing::MethodRouter) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/", listener.local_addr().expect("an address"));
        let router = Router::new().route("/v1/segments", segments);
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.expect("serves") });
        let guard = AddressGuard::new(vec!["127.0.0.1/32".parse().expect("a network")]);
        let timeouts =
            Timeouts { connect: Duration::from_secs(2), call: Duration::from_secs(20), idle: Duration::from_secs(2) };
        let outbound = Outbound::new(guard, timeouts).expect("builds");
        Self { client: outbound.endpoint(url.parse().expect("a URL"), KEY).expect("is allowed"), serving }
    }

    async fn error(segments: axum::routing::MethodRouter) -> CallError {
        Self::new(segments).await.client.segments(Side::Producer).await.expect_err("fails")
    }
}

impl Drop for Misbehaving {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

fn answers(answer: impl IntoResponse + Clone + Send + Sync + 'static) -> axum::routing::MethodRouter {
    get(move || {
        let answer = answer.clone();
        async move { answer }
    })
}

#[tokio::test]
async fn each_fault_has_its_kind_and_only_what_may_pass_is_tried_again() {
    let busy = (StatusCode::TOO_MANY_REQUESTS, [(header::RETRY_AFTER, "7")]);
    let redirect = (StatusCode::FOUND, [(header::LOCATION, "http://169.254.169.254/")]);
    type Expected = (axum::routing::MethodRouter, fn(&CallError) -> bool, bool);
    let faults: Vec<Expected> = vec![
        (answers(StatusCode::UNAUTHORIZED), |error| *error == CallError::KeyRefused, false),
        (
            answers(busy),
            |error| matches!(error, CallError::Busy { retry_after: Some(after), .. } if after.as_secs() == 7),
            true,
        ),
        (answers(StatusCode::SERVICE_UNAVAILABLE), |error| matches!(error, CallError::Busy { .. }), true),
        (answers(StatusCode::NOT_FOUND), |error| error.status() == Some(404), false),
        (answers(StatusCode::BAD_GATEWAY), |error| error.status() == Some(502), true),
        (answers(redirect), |error| matches!(error, CallError::Nonsense { .. }), false),
        (answers("<html>"), |error| matches!(error, CallError::Nonsense { .. }), false),
        (answers("{\"items\": 7}"), |error| error.to_string().contains("shape"), false),
    ];
    for (route, is_expected, again) in faults {
        let error = Misbehaving::error(route).await;
        assert!(is_expected(&error), "{error:?}");
        assert_eq!(error.is_retryable(), again, "{error:?}");
    }
}

#[tokio::test]
async fn silence_and_a_broken_connection_are_told_apart() {
    let silent = get(|| async {
        std::future::pending::<()>().await;
    });
    assert_eq!(Misbehaving::error(silent).await, CallError::Timeout);
    let broken = get(|| async {
        let pieces = vec![Ok(Bytes::from_static(b"{\"items\": [")), Err(std::io::Error::other("gone"))];
        Response::new(Body::from_stream(futures::stream::iter(pieces)))
    });
    assert_eq!(Misbehaving::error(broken).await, CallError::Broken);
}

#[tokio::test]
async fn what_an_application_says_is_told_without_the_key_and_in_bounds() {
    let telling = get(|headers: HeaderMap| async move {
        let said = headers["authorization"].to_str().expect("text").to_owned();
        let problem = serde_json::json!({
            "title": "Forbidden", "status": 403, "detail": format!("{said} may not. {}", "x".repeat(5000)),
        });
        (StatusCode::FORBIDDEN, axum::Json(problem))
    });
    let error = Misbehaving::error(telling).await;
    let text = error.to_string();
    assert!(text.contains("may not"), "{text}");
    assert!(!text.contains(KEY) && !format!("{error:?}").contains(KEY), "{text}");
    assert!(text.chars().count() < 400, "{} characters", text.chars().count());
}

#[derive(Deserialize)]
struct Cursor {
    cursor: Option<u32>,
}

#[tokio::test]
async fn pages_that_never_end_and_answers_that_are_too_long_are_refused() {
    let endless = |bytes: usize| {
        get(move |Query(Cursor { cursor }): Query<Cursor>| async move {
            let number = cursor.unwrap_or(0) + 1;
            let name = "N".repeat(bytes);
            format!(r#"{{"items": [{{"id": "{number}", "name": "{name}"}}], "next": "{number}"}}"#)
        })
    };
    let error = Misbehaving::error(endless(7 * 1024 * 1024)).await;
    assert!(matches!(&error, CallError::Nonsense { what } if what.contains("MiB")), "{error:?}");
    let error = Misbehaving::error(endless(1)).await;
    assert!(matches!(&error, CallError::Nonsense { what } if what.contains("10000")), "{error:?}");
    let error = Misbehaving::error(endless(9 * 1024 * 1024)).await;
    assert!(matches!(&error, CallError::Nonsense { what } if what.contains("longer")), "{error:?}");
}
