//! The Test Drive against the real Toolkit: it passes as it is; behind a proxy that spoils one thing, the step whose thing it is fails, says how to mend
//! it, and no key is in the report.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes, to_bytes},
    extract::{Request, State},
    http::{HeaderMap, Method, StatusCode},
    response::{IntoResponse, Response},
};
use hub::Hub;
use model::{
    application::{
        DriveState, DriveView, Verdict,
        form::{AboutForm, Change, CredentialsForm, DeliveryForm, DriveForm, TypesForm},
    },
    id::ApplicationId,
    view::{Actor, SignUp},
};

use crate::installation::{BEACON_KEY, HARBOR_KEY, Installation, PASSWORD, PATIENCE};

async fn provider(hub: &Hub) -> Actor {
    let form = SignUp {
        account_name: "A provider".to_owned(),
        user_name: "Pia".to_owned(),
        email: "pia@example.org".to_owned(),
        password: PASSWORD.to_owned(),
    };
    hub.sign_up(form).await.unwrap()
}

/// An application like Harbor CRM or Beacon Mail.
async fn defined(hub: &Hub, actor: &Actor, producer: &str, consumer: &str) -> ApplicationId {
    let id = hub.begin_application(actor, "Tried").await.unwrap();
    let about = AboutForm {
        name: "Tried".to_owned(),
        description: "Is tried.".to_owned(),
        category: "crm".to_owned(),
        support: "pia@example.org".to_owned(),
    };
    let types = TypesForm { producer: producer.to_owned(), consumer: consumer.to_owned() };
    let mut changes = vec![Change::About(about), Change::Types(types)];
    if !consumer.is_empty() {
        let yes = || "yes".to_owned();
        changes.push(Change::Delivery(DeliveryForm {
            add: yes(),
            replace: yes(),
            remove: yes(),
            new_segment: yes(),
            existing_segment: yes(),
            ..DeliveryForm::default()
        }));
    }
    let help = "In its configuration".to_owned();
    changes.push(Change::Credentials(Box::new(CredentialsForm {
        mode: "key".to_owned(),
        help,
        ..CredentialsForm::default()
    })));
    for change in changes {
        hub.change_application(actor, &id, change, None).await.unwrap();
    }
    id
}

/// Drives to the end.
async fn drive(hub: &Hub, actor: &Actor, id: &ApplicationId, url: &str, key: &str) -> DriveView {
    let form = DriveForm { base_url: url.to_owned(), key: key.to_owned(), ..DriveForm::default() };
    hub.start_test_drive(actor, id, &form).await.unwrap();
    let ended = async {
        loop {
            let view = hub.test_drive(actor, id).await.unwrap().expect("one was started");
            if view.state != DriveState::Running {
                return view;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE * 2, ended).await.expect("it ends")
}

fn verdicts(view: &DriveView) -> Vec<(&str, Verdict, &str)> {
    view.report.steps.iter().map(|step| (step.name.as_str(), step.verdict, step.detail.as_str())).collect()
}

/// What a proxy does to one kind of request.
#[derive(Clone)]
enum Spoil {
    Nothing,
    /// Answers so by itself.
    Answer {
        method: Method,
        path: &'static str,
        status: u16,
        body: &'static str,
    },
    /// Changes the text of answers.
    Replace {
        path: &'static str,
        from: &'static str,
        to: &'static str,
    },
    /// Waits before it answers.
    Wait {
        path: &'static str,
        by: Duration,
    },
    /// Sends on without the key that came, with the right one.
    LetIn,
    /// Sends on without this header.
    Without {
        header: &'static str,
    },
}

#[derive(Clone)]
struct Proxy {
    target: String,
    key: &'static str,
    spoil: Arc<Mutex<Spoil>>,
    client: reqwest::Client,
}

impl Proxy {
    async fn start(target: &str, key: &'static str) -> (Self, String) {
        let proxy = Self {
            target: target.trim_end_matches('/').to_owned(),
            key,
            spoil: Arc::new(Mutex::new(Spoil::Nothing)),
            client: reqwest::Client::new(),
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let router = Router::new().fallback(pass).with_state(proxy.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        (proxy, url)
    }

    fn spoil(&self, spoil: Spoil) {
        *self.spoil.lock().unwrap() = spoil;
    }
}

async fn pass(State(proxy): State<Proxy>, request: Request) -> Response {
    let spoil = proxy.spoil.lock().unwrap().clone();
    let (parts, body) = request.into_parts();
    let path = parts.uri.path().to_owned();
    // A part of a path: the ids in it differ from drive to drive.
    let is_at = |wanted: &str| path.contains(wanted);
    let mut headers: HeaderMap = parts.headers.clone();
    headers.remove("host");
    headers.remove("accept-encoding");
    match &spoil {
        Spoil::Answer { method, path, status, body } if *method == parts.method && is_at(path) => {
            let json = [("content-type", "application/json")];
            return (StatusCode::from_u16(*status).unwrap(), json, *body).into_response();
        }
        Spoil::Wait { path, by } if is_at(path) => tokio::time::sleep(*by).await,
        Spoil::LetIn => drop(headers.insert("authorization", format!("Bearer {}", proxy.key).parse().unwrap())),
        Spoil::Without { header } => drop(headers.remove(*header)),
        _ => {}
    }
    let body: Bytes = to_bytes(body, usize::MAX).await.unwrap();
    let url = format!("{}{}", proxy.target, parts.uri.path_and_query().unwrap());
    let answer = proxy.client.request(parts.method, url).headers(headers).body(body).send().await.unwrap();
    let (status, mut headers) = (answer.status(), answer.headers().clone());
    let mut bytes = answer.bytes().await.unwrap();
    if let Spoil::Replace { path, from, to } = &spoil
        && is_at(path)
    {
        bytes = Bytes::from(String::from_utf8_lossy(&bytes).replace(from, to));
        headers.remove("content-length");
        headers.remove("content-digest");
    }
    (status, headers, Body::from(bytes)).into_response()
}

#[tokio::test]
async fn the_toolkit_passes_the_test_drive_on_both_sides() {
    let installation = Installation::new();
    let endpoints = installation.endpoints(300).await;
    let usher = installation.serve().await;
    let hub = installation.hub().await;
    let actor = provider(&hub).await;
    for (producer, consumer, url, key) in
        [("PULL", "", &endpoints.harbor.url, HARBOR_KEY), ("", "PUSH", &endpoints.beacon.url, BEACON_KEY)]
    {
        let id = defined(&hub, &actor, producer, consumer).await;
        let view = drive(&hub, &actor, &id, url, key).await;
        assert_eq!(view.state, DriveState::Passed, "{:#?}", verdicts(&view));
        let text = serde_json::to_string(&view).unwrap();
        assert!(!text.contains(key), "the key is in no report");
        let calls: usize = view.report.steps.iter().map(|step| step.calls.len()).sum();
        assert!(calls > 8, "it really calls");
        assert!(hub.application_draft(&actor, &id).await.unwrap().missing.is_empty());
    }
    drop(usher);
}

#[tokio::test]
async fn what_is_wrong_with_a_producer_fails_its_step_and_says_how_to_mend_it() {
    let installation = Installation::new();
    let endpoints = installation.endpoints(300).await;
    let _usher = installation.serve().await;
    let hub = installation.hub().await;
    let actor = provider(&hub).await;
    let id = defined(&hub, &actor, "PULL", "").await;
    let (proxy, url) = Proxy::start(&endpoints.harbor.url, HARBOR_KEY).await;
    let get = Method::GET;
    let cases = [
        (Spoil::LetIn, "Refuse a wrong key", "401"),
        (Spoil::Answer { method: get.clone(), path: "/v1/health", status: 500, body: "{}" }, "Reach it", "500"),
        (
            Spoil::Answer { method: get.clone(), path: "/v1/endpoint", status: 200, body: "<html>" },
            "Describe itself",
            "not JSON",
        ),
        (
            Spoil::Answer {
                method: get.clone(),
                path: "/v1/endpoint",
                status: 200,
                body: "{\"name\":\"x\",\"producer\":{\"movement\":\"PUSH\"}}",
            },
            "Describe itself",
            "offers audiences in a way",
        ),
        (
            Spoil::Answer {
                method: get.clone(),
                path: "/v1/segments",
                status: 200,
                body: "{\"items\":[],\"next\":null}",
            },
            "List its audiences",
            "no audience",
        ),
        (
            Spoil::Replace { path: "/v1/segments", from: "\"next\":\"", to: "\"other\":\"" },
            "Page through the list",
            "next",
        ),
        (
            Spoil::Answer {
                method: get.clone(),
                path: "/v1/segments/",
                status: 200,
                body: "{\"id\":\"x\",\"name\":\"X\"}",
            },
            "Show one audience",
            "another segment",
        ),
        (
            Spoil::Answer { method: get.clone(), path: "no-such", status: 200, body: "{}" },
            "Say that something is not there",
            "404",
        ),
        (
            Spoil::Answer { method: Method::POST, path: "/v1/jobs", status: 500, body: "oops" },
            "Take an export job",
            "500",
        ),
        (Spoil::Replace { path: "/data", from: "email", to: "mail" }, "Hand out the data", "email"),
        (Spoil::Wait { path: "/v1/health", by: Duration::from_millis(5500) }, "Answer in time", "People wait"),
    ];
    for (spoil, step, said) in cases {
        proxy.spoil(spoil);
        let view = drive(&hub, &actor, &id, &url, HARBOR_KEY).await;
        assert_eq!(view.state, DriveState::Failed, "{step}: {:#?}", verdicts(&view));
        // What answers the same to everybody takes a wrong key, too, and fails that step before.
        let failed = view.report.steps.iter().find(|tried| tried.verdict == Verdict::Failed && tried.name == step);
        let failed = failed.unwrap_or_else(|| panic!("{step}: {:#?}", verdicts(&view)));
        assert!(failed.detail.contains(said), "{step}: {}", failed.detail);
        assert!(!serde_json::to_string(&view).unwrap().contains(HARBOR_KEY));
        let error = hub.submit_application(&actor, &id, "").await.expect_err("did not pass");
        assert!(error.to_string().contains("Test Drive"), "{error}");
    }
    let view = drive(&hub, &actor, &id, &url, "another-key").await;
    let first = view.report.steps.iter().find(|step| step.verdict == Verdict::Failed).unwrap();
    assert!(["Reach it", "Describe itself"].contains(&first.name.as_str()), "{:#?}", verdicts(&view));
    proxy.spoil(Spoil::Nothing);
    let view = drive(&hub, &actor, &id, &url, HARBOR_KEY).await;
    assert_eq!(view.state, DriveState::Passed, "mended, it passes: {:#?}", verdicts(&view));
}

#[tokio::test]
async fn what_is_wrong_with_a_consumer_fails_its_step_and_says_how_to_mend_it() {
    let installation = Installation::new();
    let endpoints = installation.endpoints(300).await;
    let _usher = installation.serve().await;
    let hub = installation.hub().await;
    let actor = provider(&hub).await;
    let id = defined(&hub, &actor, "", "PUSH").await;
    let (proxy, url) = Proxy::start(&endpoints.beacon.url, BEACON_KEY).await;
    let put = Method::PUT;
    let cases = [
        (
            Spoil::Answer {
                method: put.clone(),
                path: "/data/",
                status: 200,
                body: "{\"part\":1,\"received\":2,\"accepted\":2,\"refusals\":[]}",
            },
            "Take a part",
            "3 rows were sent",
        ),
        (Spoil::Answer { method: put.clone(), path: "/data/", status: 422, body: "{}" }, "Take a part", "422"),
        (Spoil::Without { header: "content-digest" }, "Refuse a broken part", "SHA-256"),
        (
            Spoil::Replace { path: "/status", from: "\"accepted\":4", to: "\"accepted\":5" },
            "Finish the import",
            "add up",
        ),
        (Spoil::Replace { path: "/v1/endpoint", from: "\"REMOVE\"", to: "\"ADD\"" }, "Describe itself", "REMOVE"),
    ];
    for (spoil, step, said) in cases {
        proxy.spoil(spoil);
        let view = drive(&hub, &actor, &id, &url, BEACON_KEY).await;
        assert_eq!(view.state, DriveState::Failed, "{step}: {:#?}", verdicts(&view));
        let failed = view.report.steps.iter().find(|step| step.verdict == Verdict::Failed).unwrap();
        assert_eq!(failed.name, step, "{:#?}", verdicts(&view));
        assert!(failed.detail.contains(said), "{step}: {}", failed.detail);
    }
}
