//! Endpoints that are told of their jobs by the program as it is run: an admin makes the secret, and a receiver verifies what it is sent
//! with a library that Usher does not use itself.

use axum::{
    Router,
    body::Bytes,
    http::{HeaderMap, StatusCode},
    routing::post,
};
use hub::store::{Clock, SystemClock};
use model::contract::{HostedJob, Webhook, WebhookAddress, WebhookEvent, WebhookEventKind, WebhookState};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::{
    endpoints_that_call::{Stage, said},
    installation::{Installation, PASSWORD, PATIENCE},
};

/// A receiver at that address that does not take the first message, as though its program were just being started.
async fn receive(listener: tokio::net::TcpListener) -> UnboundedReceiver<(HeaderMap, Bytes)> {
    let (sender, receiver) = unbounded_channel();
    let first = std::sync::atomic::AtomicBool::new(true);
    let first = std::sync::Arc::new(first);
    let take = async move |headers: HeaderMap, body: Bytes| {
        sender.send((headers, body)).unwrap();
        let is_first = first.swap(false, std::sync::atomic::Ordering::SeqCst);
        if is_first { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::NO_CONTENT }
    };
    tokio::spawn(async move { axum::serve(listener, Router::new().route("/jobs", post(take))).await.unwrap() });
    receiver
}

async fn next(messages: &mut UnboundedReceiver<(HeaderMap, Bytes)>) -> (HeaderMap, Bytes) {
    tokio::time::timeout(PATIENCE, messages.recv()).await.expect("a message comes in time").unwrap()
}

#[tokio::test]
async fn a_receiver_can_verify_what_it_is_told_and_finds_the_job() {
    let stage = Stage::within(Installation::new().with("USHER_RETRY_BASE_MS", "10")).await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = WebhookAddress { url: format!("http://{}/jobs", listener.local_addr().unwrap()) };
    let mut messages = receive(listener).await;
    let webhook: Webhook = said(stage.producer.put("/v1/endpoint/webhook", &address).await).await;
    assert_eq!(webhook, Webhook { url: address.url, state: WebhookState::NoSecret, failure: None });

    // An admin makes the secret in the browser, without any program in the page.
    let browser = stage.usher.browser();
    let path = format!("/endpoints/{}/webhook-secret", stage.producer.id);
    let origin = [("origin", stage.usher.url.as_str())];
    assert_eq!(browser.post(&path, &origin, &[]).await.status(), 401);
    browser.sign_in("tess@example.org", PASSWORD).await;
    let answer = browser.post(&path, &origin, &[]).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-disposition"], "attachment; filename=\"usher-webhook.secret\"");
    assert_eq!(answer.headers()["cache-control"], "no-store");
    let secret = answer.text().await.unwrap();
    let page = browser.get(&format!("/endpoints/{}", stage.producer.id)).await.text().await.unwrap();
    assert!(page.contains("Usher tells it of each job"), "{page}");
    assert!(!page.contains(secret.trim()), "it is shown once");
    let webhook: Webhook = said(stage.producer.get("/v1/endpoint/webhook").await).await;
    assert_eq!(webhook.state, WebhookState::Active);

    stage.run().await;
    let verifier = standardwebhooks::Webhook::new(secret.trim()).unwrap();
    let mut ids = Vec::new();
    for _attempt in 0..2 {
        let (headers, body) = next(&mut messages).await;
        verifier.verify(&body, &headers).unwrap();
        assert!(verifier.verify(b"{}", &headers).is_err());
        let event: WebhookEvent = serde_json::from_slice(&body).unwrap();
        assert_eq!(event.kind, WebhookEventKind::JobReady);
        let job: HostedJob = said(stage.producer.get(&format!("/v1/jobs/{}", event.data.job_id)).await).await;
        assert_eq!(job.job.category, event.data.category);
        let now = SystemClock.now_ms() / 1000;
        let at: i64 = headers["webhook-timestamp"].to_str().unwrap().parse().unwrap();
        assert!((now - at).abs() < 60);
        ids.push(headers["webhook-id"].clone());
    }
    assert_eq!(ids[0], ids[1], "it is known as the same message when it comes again");
}
