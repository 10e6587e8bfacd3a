//! The Test Drive against the real Toolkit: it passes as it is; behind a proxy that spoils one thing, the step whose thing it is fails, says how to mend
//! it, and no key is in the report. Behind an authorisation server it gets its token itself.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Form, Json, Router,
    body::{Body, Bytes, to_bytes},
    extract::{Request, State},
    http::{HeaderMap, Method, StatusCode},
    response::{IntoResponse, Response},
    routing::post,
};
use hub::{
    Hub,
    registry::{ConsentFor, ConsentKept, Consented},
};
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
    driven(hub, actor, id).await
}

/// The report of the drive that is under way, once it has ended.
async fn driven(hub: &Hub, actor: &Actor, id: &ApplicationId) -> DriveView {
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

/// An authorisation server whose tokens are the key that Beacon Mail accepts.
async fn authority() -> String {
    let token = async |headers: HeaderMap, Form(asked): Form<BTreeMap<String, String>>| {
        // "desk:desk-secret"
        let is_client = headers.get("authorization").is_some_and(|shown| shown == "Basic ZGVzazpkZXNrLXNlY3JldA==");
        let is_good = match asked["grant_type"].as_str() {
            "client_credentials" => is_client,
            "authorization_code" => asked["code"] == "the-code" && asked.contains_key("code_verifier"),
            _ => false,
        };
        match is_good {
            true => Json(serde_json::json!({ "access_token": BEACON_KEY, "token_type": "Bearer", "expires_in": 60 }))
                .into_response(),
            false => (StatusCode::BAD_REQUEST, Json(serde_json::json!({ "error": "invalid_client" }))).into_response(),
        }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().route("/token", post(token));
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    url
}

/// The draft takes tokens of this server.
async fn with_tokens(hub: &Hub, actor: &Actor, id: &ApplicationId, mode: &str, authority: &str) {
    let form = CredentialsForm {
        mode: mode.to_owned(),
        help: "In its configuration".to_owned(),
        authorization_url: format!("{authority}/authorize"),
        token_url: format!("{authority}/token"),
        client_id: if mode == "authorization_code" { "usher".to_owned() } else { String::new() },
        ..CredentialsForm::default()
    };
    hub.change_application(actor, id, Change::Credentials(Box::new(form)), None).await.unwrap();
}

#[tokio::test]
async fn a_test_drive_gets_its_own_token_for_a_client() {
    let installation = Installation::new();
    let endpoints = installation.endpoints(60).await;
    let _usher = installation.serve().await;
    let hub = installation.hub().await;
    let actor = provider(&hub).await;
    let id = defined(&hub, &actor, "", "PUSH").await;
    let authority = authority().await;
    with_tokens(&hub, &actor, &id, "client_credentials", &authority).await;
    let form = DriveForm { base_url: endpoints.beacon.url.clone(), ..DriveForm::default() };
    let error = hub.start_test_drive(&actor, &id, &form).await.expect_err("lacks a client");
    assert!(error.problem_of("client_id").is_some() && error.problem_of("client_secret").is_some(), "{error:?}");
    let form = DriveForm { client_id: "desk".to_owned(), client_secret: "guessed".to_owned(), ..form };
    hub.start_test_drive(&actor, &id, &form).await.unwrap();
    let view = driven(&hub, &actor, &id).await;
    let first = &view.report.steps[0];
    assert_eq!((first.name.as_str(), first.verdict), ("Get an access token", Verdict::Failed));
    assert!(first.detail.contains("does not know the client"), "{}", first.detail);
    assert!(view.report.steps[1..].iter().all(|step| step.verdict == Verdict::Skipped), "{:#?}", verdicts(&view));

    let form = DriveForm { client_secret: "desk-secret".to_owned(), ..form };
    hub.start_test_drive(&actor, &id, &form).await.unwrap();
    let view = driven(&hub, &actor, &id).await;
    assert_eq!(view.state, DriveState::Passed, "{:#?}", verdicts(&view));
    assert_eq!(view.report.steps[0].calls.len(), 1);
    let text = serde_json::to_string(&view).unwrap();
    assert!(!text.contains(BEACON_KEY) && !text.contains("desk-secret"), "neither token nor secret is in the report");
    // Another token endpoint is another thing to try.
    with_tokens(&hub, &actor, &id, "client_credentials", &format!("{authority}/elsewhere")).await;
    assert!(hub.test_drive(&actor, &id).await.unwrap().is_some_and(|view| view.is_outdated));
}

#[tokio::test]
async fn a_test_drive_begins_with_a_consent() {
    let installation = Installation::new();
    let endpoints = installation.endpoints(60).await;
    let _usher = installation.serve().await;
    let hub = installation.hub().await;
    let actor = provider(&hub).await;
    let id = defined(&hub, &actor, "", "PUSH").await;
    with_tokens(&hub, &actor, &id, "authorization_code", &authority().await).await;
    let redirect = "http://127.0.0.1:3000/connect/consented".parse().unwrap();
    let form = DriveForm { base_url: endpoints.beacon.url.clone(), ..DriveForm::default() };
    hub.start_test_drive(&actor, &id, &form).await.expect_err("a consent comes first");
    let ask = async || {
        let url = hub.begin_drive_consent(&actor, &id, &form, "session", &redirect).await.unwrap();
        let (_, state) = url.query_pairs().find(|(name, _)| name == "state").unwrap();
        state.into_owned()
    };
    let denied = Consented::Error { code: "access_denied".to_owned(), description: None };
    let failed = hub.finish_consent(&actor, "session", &ask().await, denied).await.expect_err("was denied");
    assert_eq!(failed.begun_for, Some(ConsentFor::TestDrive { id: id.clone() }));
    assert!(hub.test_drive(&actor, &id).await.unwrap().is_none(), "nothing was begun");
    let code = Consented::Code("the-code".to_owned());
    let done = hub.finish_consent(&actor, "session", &ask().await, code).await.unwrap();
    assert!(matches!(done, ConsentKept::TestDrive(driven) if driven == id));
    let view = driven(&hub, &actor, &id).await;
    assert_eq!(view.state, DriveState::Passed, "{:#?}", verdicts(&view));
    assert!(!serde_json::to_string(&view).unwrap().contains(BEACON_KEY));
}
