//! Endpoints that are told of their jobs: what is sent, how it is signed, when it is sent again, and who may ask for it.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    body::Bytes,
    http::{HeaderMap, HeaderValue, StatusCode, header::RETRY_AFTER},
    response::{IntoResponse, Response},
    routing::post,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use model::{
    contract::{
        ConsumerSide, DeliveryOptions, EndpointDescription, JobCategory, JobMode, Movement, ProducerSide, Segment,
        StatusReport, WebhookAddress, WebhookEvent, WebhookEventKind, WebhookState,
    },
    error::HubError,
    field::{Field, FieldKind, FieldType},
    id::{EndpointId, RunId},
    mapping::{Link, Mapping, Source},
    run::Mode,
    view::{Actor, AudienceQuery, ChooseDestination, Connect, DestinationSegment, Role},
};
use sha2::Sha256;
use tokio_util::sync::CancellationToken;

use super::{NOON, Stage, admin, stages};
use crate::{exchange::hosted::JobQuery, registry::EndpointActor, store::Clock};

const HOUR: Duration = Duration::from_secs(3600);

/// What a receiver was sent.
pub(super) struct Message {
    pub(super) id: String,
    timestamp: i64,
    signature: String,
    pub(super) body: Bytes,
}

impl Message {
    fn event(&self) -> WebhookEvent {
        serde_json::from_slice(&self.body).expect("is an event")
    }

    /// As a receiver verifies it (Standard Webhooks, "Verifying signatures").
    pub(super) fn is_signed_with(&self, secret: &str) -> bool {
        let bytes = STANDARD.decode(secret.strip_prefix("whsec_").expect("the prefix")).expect("Base64");
        let mut mac = Hmac::<Sha256>::new_from_slice(&bytes).expect("a key");
        mac.update(format!("{}.{}.", self.id, self.timestamp).as_bytes());
        mac.update(&self.body);
        self.signature.split(' ').any(|one| {
            let told = STANDARD.decode(one.strip_prefix("v1,").expect("the version")).expect("Base64");
            mac.clone().verify_slice(&told).is_ok()
        })
    }
}

/// What is still to be answered: a status, and the seconds of `Retry-After`.
type Answers = Arc<Mutex<VecDeque<(StatusCode, Option<u64>)>>>;

/// A program that is told, until it is dropped. It answers as it was told to, then with 204.
pub(super) struct Receiver {
    pub(super) url: String,
    answers: Answers,
    messages: Arc<Mutex<Vec<Message>>>,
    serving: tokio::task::JoinHandle<()>,
}

impl Receiver {
    pub(super) async fn start() -> Self {
        let answers = Answers::default();
        let messages: Arc<Mutex<Vec<Message>>> = Arc::default();
        let (to_give, taken) = (answers.clone(), messages.clone());
        let receive = async move |headers: HeaderMap, body: Bytes| -> Response {
            let of = |name: &str| headers[name].to_str().expect("text").to_owned();
            taken.lock().expect("locks").push(Message {
                id: of("webhook-id"),
                timestamp: of("webhook-timestamp").parse().expect("seconds"),
                signature: of("webhook-signature"),
                body,
            });
            let (status, wait) = to_give.lock().expect("locks").pop_front().unwrap_or((StatusCode::NO_CONTENT, None));
            let mut answer = status.into_response();
            if let Some(seconds) = wait {
                answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
            }
            answer
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/told?for=us", listener.local_addr().expect("an address"));
        let router = Router::new().route("/told", post(receive));
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.expect("serves") });
        Self { url, answers, messages, serving }
    }

    pub(super) fn will_answer(&self, status: StatusCode, wait: Option<u64>) {
        self.answers.lock().expect("locks").push_back((status, wait));
    }

    /// What it was sent since this was asked last.
    pub(super) fn messages(&self) -> Vec<Message> {
        std::mem::take(&mut self.messages.lock().expect("locks"))
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

fn email() -> Field {
    Field::new("email", FieldKind::Identifier, FieldType::Email)
}

/// An account with an endpoint that sends to itself: enough for jobs of both categories.
pub(super) struct Shop {
    pub(super) actor: Actor,
    id: EndpointId,
    pub(super) caller: EndpointActor,
}

impl Shop {
    pub(super) async fn open(stage: &Stage) -> Self {
        let actor = admin(&stage.hub, "ann@example.org").await;
        let form = Connect {
            application_id: "app_toolkit_agent".to_owned(),
            name: "Shop".to_owned(),
            base_url: String::new(),
            authentication_key: String::new(),
            ..Connect::default()
        };
        let id = stage.hub.connect_endpoint(&actor, form).await.expect("connects");
        let key = stage.hub.make_endpoint_key(&actor, &id).await.expect("has a key");
        let caller = stage.hub.endpoint_of_key(&key.0).await.expect("looks").expect("is known");
        let description = EndpointDescription {
            name: "Shop".to_owned(),
            description: None,
            producer: Some(ProducerSide { movement: Movement::Push }),
            consumer: Some(ConsumerSide {
                movement: Movement::Pull,
                delivery: DeliveryOptions {
                    modes: vec![JobMode::Add],
                    new_segment: true,
                    existing_segment: true,
                    rows_per_part: None,
                    rows_per_second: None,
                    member_lifetime_days: None,
                },
                fields: vec![email()],
            }),
        };
        stage.hub.register_endpoint(&caller, description).await.expect("is taken");
        let segment = Segment {
            id: "everybody".to_owned(),
            name: "Everybody".to_owned(),
            description: None,
            size: None,
            size_is_estimate: false,
            updated_at: None,
            fields: vec![email()],
            tags: vec![],
            label: None,
            statistics: None,
        };
        stage.hub.declare_segment(&caller, &segment).await.expect("is taken");
        Self { actor, id, caller }
    }

    async fn told_at(&self, stage: &Stage, url: &str) -> crate::hub::Result<WebhookState> {
        let address = WebhookAddress { url: url.to_owned() };
        stage.hub.set_webhook(&self.caller, &address).await.map(|webhook| webhook.state)
    }

    async fn secret(&self, stage: &Stage) -> String {
        stage.hub.renew_webhook_secret(&self.actor, &self.id).await.expect("is made").0
    }

    async fn state(&self, stage: &Stage) -> WebhookState {
        stage.hub.webhook(&self.caller).await.expect("is declared").state
    }

    /// A run that waits for this endpoint: its export was announced.
    pub(super) async fn run(&self, stage: &Stage) -> RunId {
        let query = AudienceQuery { page: 1, ..AudienceQuery::default() };
        let audience = stage.hub.audiences(&self.actor, &query).await.expect("searches").items.remove(0).id;
        let share = stage.hub.start_share(&self.actor, &audience).await.expect("starts");
        let choice = ChooseDestination {
            endpoint_id: self.id.to_string(),
            segment: DestinationSegment::New { name: "New".to_owned() },
            mode: Mode::Add,
        };
        stage.hub.choose_destination(&self.actor, &share, choice).await.expect("fits");
        let link = Link {
            target: "email".to_owned(),
            source: Source::Field { name: "email".to_owned() },
            transforms: Vec::new(),
        };
        stage.hub.save_mapping(&self.actor, &share, Mapping { links: vec![link] }).await.expect("saves");
        let before = self.jobs(stage).await.len();
        let run = stage.hub.share_now(&self.actor, &share).await.expect("is asked for");
        self.worked_until(stage, async || self.jobs(stage).await.len() > before).await;
        run
    }

    pub(super) async fn jobs(&self, stage: &Stage) -> Vec<String> {
        let query = JobQuery { category: None, status: None, cursor: None, limit: 100 };
        let page = stage.hub.hosted_jobs(&self.caller, &query, Duration::ZERO).await.expect("lists");
        page.items.into_iter().map(|job| job.job.id).collect()
    }

    /// Lets a worker work until the condition holds, and ends it in order.
    pub(super) async fn worked_until(&self, stage: &Stage, condition: impl AsyncFn() -> bool) {
        let stop = CancellationToken::new();
        let (hub, token) = (stage.hub.clone(), stop.clone());
        let worker = tokio::spawn(async move { hub.work(token).await });
        let waiting = async {
            while !condition().await {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), waiting).await.expect("it comes about in time");
        stop.cancel();
        worker.await.expect("ends in order");
    }
}

#[tokio::test]
async fn an_endpoint_is_told_of_its_jobs_by_signed_messages() {
    for stage in stages().await {
        let (shop, receiver) = (Shop::open(&stage).await, Receiver::start().await);
        assert_eq!(shop.told_at(&stage, &receiver.url).await, Ok(WebhookState::NoSecret));
        shop.run(&stage).await;
        assert_eq!(stage.hub.send_due_webhooks().await, 0, "nothing is sent that could not be signed");

        let (old, secret) = (shop.secret(&stage).await, shop.secret(&stage).await);
        assert_eq!(shop.state(&stage).await, WebhookState::Active);
        let run = shop.run(&stage).await;
        assert_eq!(stage.hub.send_due_webhooks().await, 1);
        let ready = receiver.messages().remove(0);
        assert!(ready.is_signed_with(&secret) && !ready.is_signed_with(&old));
        assert_eq!(ready.timestamp, NOON / 1000);
        let event = ready.event();
        assert_eq!((event.kind, event.data.category), (WebhookEventKind::JobReady, JobCategory::SegmentExport));
        let job = event.data.job_id.clone();
        assert!(shop.jobs(&stage).await.contains(&job), "it is a job that the endpoint can ask for");
        assert_eq!(
            serde_json::from_slice::<serde_json::Value>(&ready.body).expect("JSON"),
            serde_json::json!({
                "type": "job.ready", "timestamp": "2026-11-23T12:00:00.000Z",
                "data": {"job_id": job, "category": "SEGMENT_EXPORT"},
            })
        );
        assert_eq!(stage.hub.send_due_webhooks().await, 0, "once it was taken it is not sent again");

        stage.hub.cancel_run(&shop.actor, &run).await.expect("is called off");
        shop.worked_until(&stage, async || !shop.jobs(&stage).await.contains(&job)).await;
        assert_eq!(stage.hub.send_due_webhooks().await, 1);
        let changed = receiver.messages().remove(0);
        assert_eq!((changed.event().kind, changed.event().data.job_id), (WebhookEventKind::JobChanged, job));
        assert_ne!(changed.id, ready.id);

        stage.hub.remove_webhook(&shop.caller).await.expect("is removed");
        shop.run(&stage).await;
        assert_eq!(stage.hub.send_due_webhooks().await, 0);
        assert!(matches!(stage.hub.webhook(&shop.caller).await, Err(HubError::NotFound { .. })));
        assert!(matches!(stage.hub.remove_webhook(&shop.caller).await, Err(HubError::NotFound { .. })));
    }
}

#[tokio::test]
async fn a_message_that_is_not_taken_comes_again_under_the_same_id_ever_more_rarely() {
    for stage in stages().await {
        let (shop, receiver) = (Shop::open(&stage).await, Receiver::start().await);
        shop.told_at(&stage, &receiver.url).await.expect("may be told");
        let secret = shop.secret(&stage).await;
        receiver.will_answer(StatusCode::INTERNAL_SERVER_ERROR, None);
        receiver.will_answer(StatusCode::FOUND, None);
        receiver.will_answer(StatusCode::TOO_MANY_REQUESTS, Some(1800));
        shop.run(&stage).await;
        assert_eq!(stage.hub.send_due_webhooks().await, 1);
        assert_eq!(stage.hub.send_due_webhooks().await, 0, "not at once");
        stage.clock.advance(Duration::from_secs(10));
        assert_eq!(stage.hub.send_due_webhooks().await, 1);
        stage.clock.advance(Duration::from_secs(10));
        assert_eq!(stage.hub.send_due_webhooks().await, 0, "the second delay is longer");
        stage.clock.advance(Duration::from_secs(60));
        assert_eq!(stage.hub.send_due_webhooks().await, 1);
        stage.clock.advance(Duration::from_secs(1799));
        assert_eq!(stage.hub.send_due_webhooks().await, 0, "as long as the receiver asked for");
        stage.clock.advance(Duration::from_secs(1));
        assert_eq!(stage.hub.send_due_webhooks().await, 1);
        let messages = receiver.messages();
        assert!(messages.iter().all(|message| message.id == messages[0].id && message.body == messages[0].body));
        assert!(messages.iter().all(|message| message.is_signed_with(&secret)));
        assert_eq!(messages[3].timestamp, stage.clock.now_ms() / 1000, "each attempt is signed at its own time");
        stage.clock.advance(HOUR * 100);
        assert_eq!((stage.hub.send_due_webhooks().await, shop.state(&stage).await), (0, WebhookState::Active));
    }
}

#[tokio::test]
async fn a_receiver_that_wants_no_more_or_is_away_for_days_is_left_alone_until_somebody_sees_to_it() {
    for stage in stages().await {
        let (shop, receiver) = (Shop::open(&stage).await, Receiver::start().await);
        shop.told_at(&stage, &receiver.url).await.expect("may be told");
        shop.secret(&stage).await;
        receiver.will_answer(StatusCode::GONE, None);
        shop.run(&stage).await;
        assert_eq!(stage.hub.send_due_webhooks().await, 1);
        let webhook = stage.hub.webhook(&shop.caller).await.expect("is declared");
        assert_eq!(webhook.state, WebhookState::Disabled);
        assert!(webhook.failure.is_some_and(|failure| failure.contains("410")));
        shop.run(&stage).await;
        assert_eq!(stage.hub.send_due_webhooks().await, 0);

        assert_eq!(shop.told_at(&stage, &receiver.url).await, Ok(WebhookState::Active));
        receiver.messages();
        for _ in 0..100 {
            receiver.will_answer(StatusCode::BAD_GATEWAY, None);
        }
        shop.run(&stage).await;
        let mut hours = 0;
        while shop.state(&stage).await == WebhookState::Active {
            stage.hub.send_due_webhooks().await;
            stage.clock.advance(HOUR);
            hours += 1;
            assert!(hours < 100, "it is given up at some time");
        }
        assert!((48..=76).contains(&hours), "after about three days: {hours} hours");
        assert!(receiver.messages().len() < 30);
        shop.secret(&stage).await;
        assert_eq!(shop.state(&stage).await, WebhookState::Active, "a new secret turns it on again, too");
    }
}

#[tokio::test]
async fn what_the_endpoint_has_found_by_itself_is_not_announced_any_more() {
    for stage in stages().await {
        let (shop, receiver) = (Shop::open(&stage).await, Receiver::start().await);
        shop.told_at(&stage, &receiver.url).await.expect("may be told");
        shop.secret(&stage).await;
        shop.run(&stage).await;
        let job = shop.jobs(&stage).await.remove(0);
        let failed = StatusReport {
            status: model::contract::JobStatus::Failed,
            reason: Some("Closed today.".to_owned()),
            ..StatusReport::complete(0, 0)
        };
        stage.hub.report_job(&shop.caller, &job, failed).await.expect("is taken");
        stage.hub.send_due_webhooks().await;
        assert!(receiver.messages().is_empty());
    }
}

#[tokio::test]
async fn an_address_that_usher_may_not_call_is_refused_with_the_reason() {
    for stage in stages().await {
        let shop = Shop::open(&stage).await;
        let long = format!("https://example.org/{}", "x".repeat(500));
        for (url, reason) in [
            ("ftp://example.org/", "begins with https://"),
            ("example.org", "begins with https://"),
            ("", "begins with https://"),
            ("https://ann:secret@example.org/", "Leave user name"),
            ("https://example.org/#here", "Leave user name"),
            ("http://169.254.169.254/latest", "Usher may not call it"),
            ("http://[::1]:8080/", "Usher may not call it"),
            ("https://10.0.0.7/", "Usher may not call it"),
            (long.as_str(), "at most 500 characters"),
        ] {
            let error = shop.told_at(&stage, url).await.expect_err("is refused");
            assert!(error.problem_of("url").is_some_and(|problem| problem.contains(reason)), "{url}: {error:?}");
        }
        assert!(matches!(stage.hub.webhook(&shop.caller).await, Err(HubError::NotFound { .. })), "nothing was kept");
    }
}

#[tokio::test]
async fn only_an_admin_of_the_account_makes_the_secret() {
    for stage in stages().await {
        let (shop, receiver) = (Shop::open(&stage).await, Receiver::start().await);
        shop.told_at(&stage, &receiver.url).await.expect("may be told");
        let viewer = Actor { role: Role::Viewer, ..shop.actor.clone() };
        let refused = stage.hub.renew_webhook_secret(&viewer, &shop.id).await;
        assert!(matches!(refused, Err(HubError::Forbidden { .. })), "{refused:?}");
        let stranger = admin(&stage.hub, "bob@example.org").await;
        let refused = stage.hub.renew_webhook_secret(&stranger, &shop.id).await;
        assert!(matches!(refused, Err(HubError::NotFound { .. })), "{refused:?}");
        assert_eq!(shop.state(&stage).await, WebhookState::NoSecret);
    }
}
