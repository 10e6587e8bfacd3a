//! The ways to give credentials: user name and password, an OAuth client, a consent; tokens that end, and authorisation servers that err.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Form, Json, Router,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::post,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use model::{
    alert::Condition,
    application::{Credentials, Definition},
    contract::Movement,
    error::HubError,
    id::EndpointId,
    view::{Actor, Connect, CredentialEndView, EndpointHealth},
};
use sha2::{Digest, Sha256};
use url::Url;

use super::{
    Stage, admin,
    application::{Application, segment},
    stages,
};
use crate::{
    hub::Hub,
    registry::{ConsentFor, ConsentKept, Consented, NoConsent},
};

pub(super) const SESSION: &str = "what only this session knows";

/// What the authorisation server does.
#[derive(Default)]
pub(super) struct Server {
    /// Bodies of the requests for tokens.
    asked: Vec<HashMap<String, String>>,
    /// Instead of a token.
    pub(super) answer: Option<(StatusCode, String)>,
    /// The challenge of the consent that was given.
    challenge: String,
    /// Seconds that a token lasts.
    lasts: Option<u64>,
    /// Seconds that a refresh token lasts, when it says so.
    refresh_lasts: Option<u64>,
    /// No refresh token is given.
    gives_no_refresh: bool,
    tokens: u32,
}

/// An authorisation server on a socket, and an application that accepts its newest token.
pub(super) struct Authority {
    pub(super) url: String,
    server: Arc<Mutex<Server>>,
    pub(super) application: Arc<Application>,
    serving: tokio::task::JoinHandle<()>,
}

impl Authority {
    pub(super) async fn start() -> Self {
        let application = Arc::new(Application::start(vec![segment("1", "North")]).await);
        let server = Arc::new(Mutex::new(Server { lasts: Some(3600), ..Server::default() }));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let router = Router::new().route("/token", post(token)).with_state((server.clone(), application.clone()));
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.expect("serves") });
        Self { url, server, application, serving }
    }

    pub(super) fn change(&self, change: impl FnOnce(&mut Server)) {
        change(&mut self.server.lock().expect("locks"));
    }

    pub(super) fn grants(&self) -> Vec<String> {
        self.server.lock().expect("locks").asked.iter().map(|asked| asked["grant_type"].clone()).collect()
    }

    pub(super) fn consent(&self) -> Credentials {
        Credentials::AuthorizationCode {
            authorization_url: format!("{}/authorize", self.url),
            token_url: format!("{}/token", self.url),
            client_id: "usher".to_owned(),
            scopes: vec!["audiences".to_owned()],
        }
    }

    pub(super) fn client(&self) -> Credentials {
        Credentials::ClientCredentials { token_url: format!("{}/token", self.url), scopes: Vec::new() }
    }

    /// The person consents: what they come back with.
    pub(super) fn consented(&self, url: &Url) -> String {
        let query: HashMap<String, String> = url.query_pairs().into_owned().collect();
        assert_eq!((query["client_id"].as_str(), query["response_type"].as_str()), ("usher", "code"));
        assert_eq!((query["scope"].as_str(), query["code_challenge_method"].as_str()), ("audiences", "S256"));
        assert_eq!(query["redirect_uri"], redirect().as_str());
        self.change(|server| server.challenge = query["code_challenge"].clone());
        query["state"].clone()
    }
}

impl Drop for Authority {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn token(
    State((server, application)): State<(Arc<Mutex<Server>>, Arc<Application>)>,
    headers: HeaderMap,
    Form(asked): Form<HashMap<String, String>>,
) -> Response {
    let mut server = server.lock().expect("locks");
    server.asked.push(asked.clone());
    if let Some((status, body)) = server.answer.clone() {
        return (status, [("content-type", "application/json")], body).into_response();
    }
    let refused = |code: &str| (StatusCode::BAD_REQUEST, Json(serde_json::json!({ "error": code }))).into_response();
    match asked["grant_type"].as_str() {
        "authorization_code" => {
            let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(asked["code_verifier"].as_bytes()));
            if asked["code"] != "the-code"
                || challenge != server.challenge
                || asked["redirect_uri"] != redirect().as_str()
            {
                return refused("invalid_grant");
            }
        }
        "client_credentials" => {
            // Its id and secret: "acme:the client's secret".
            if headers.get("authorization").is_none() {
                return refused("invalid_client");
            }
        }
        "refresh_token" if asked["refresh_token"] == format!("refresh-{}", server.tokens) => {}
        _ => return refused("invalid_grant"),
    }
    server.tokens += 1;
    let access = format!("access-{}", server.tokens);
    application.change(|says| says.accepts = format!("Bearer {access}"));
    let mut answer = serde_json::json!({ "access_token": access, "token_type": "Bearer" });
    if let Some(lasts) = server.lasts {
        answer["expires_in"] = lasts.into();
    }
    if asked["grant_type"] != "client_credentials" && !server.gives_no_refresh {
        if let Some(lasts) = server.refresh_lasts {
            answer["refresh_expires_in"] = lasts.into();
        }
        answer["refresh_token"] = format!("refresh-{}", server.tokens).into();
    }
    Json(answer).into_response()
}

pub(super) fn redirect() -> Url {
    "http://127.0.0.1:3000/connect/consented".parse().expect("a URL")
}

/// An application of these credentials, approved.
pub(super) async fn installed(hub: &Hub, credentials: Credentials) {
    let definition = Definition {
        name: "Beacon".to_owned(),
        producer: Some(Movement::Pull),
        consumer: Some(Movement::Push),
        credentials,
        ..Definition::default()
    };
    let definition = serde_json::to_string(&definition).expect("is JSON");
    let writer = hub.database().writer();
    sqlx::query("insert into application (id, updated_at, approved_version) values ('app_beacon', 0, 1)")
        .execute(writer)
        .await
        .expect("is written");
    let sql = "insert into application_version (application_id, version, definition, state, updated_at) values ('app_beacon', 1, $1, 'approved', 0)";
    sqlx::query(sql).bind(definition).execute(writer).await.expect("is written");
}

pub(super) fn form(authority: &Authority) -> Connect {
    Connect {
        application_id: "app_beacon".to_owned(),
        name: "Beacon".to_owned(),
        base_url: authority.application.url.clone(),
        ..Connect::default()
    }
}

pub(super) async fn consents(stage: &Stage, actor: &Actor, authority: &Authority) -> String {
    let url = stage.hub.begin_consent(actor, &form(authority), SESSION, &redirect()).await.expect("begins");
    authority.consented(&url)
}

pub(super) async fn finish(hub: &Hub, actor: &Actor, session: &str, state: &str) -> Result<EndpointId, NoConsent> {
    let code = Consented::Code("the-code".to_owned());
    match hub.finish_consent(actor, session, state, code).await? {
        ConsentKept::Endpoint { id, .. } => Ok(id),
        ConsentKept::TestDrive(id) => panic!("{id} is tried instead"),
    }
}

#[tokio::test]
async fn a_user_name_and_a_password_open_an_application() {
    for stage in stages().await {
        let actor = admin(&stage.hub, "ann@example.org").await;
        let authority = Authority::start().await;
        installed(&stage.hub, Credentials::Basic).await;
        authority.application.change(|says| says.accepts = "Basic YW5uOnMzY3JldA==".to_owned());
        let error = stage.hub.test_connection(&actor, &form(&authority)).await.expect_err("is incomplete");
        assert!(error.problem_of("user_name").is_some() && error.problem_of("password").is_some(), "{error:?}");
        let wrong = Connect { user_name: "ann".to_owned(), password: "guess".to_owned(), ..form(&authority) };
        assert!(!format!("{wrong:?}").contains("guess"));
        let report = stage.hub.test_connection(&actor, &wrong).await.expect("tests");
        let failed = report.steps.iter().find(|step| step.passed == Some(false)).expect("one fails");
        assert_eq!(failed.name, "Accept the credentials");
        let right = Connect { password: "s3cret".to_owned(), ..wrong };
        let id = stage.hub.connect_endpoint(&actor, right).await.expect("connects");
        let view = stage.hub.check_endpoint(&actor, &id).await.expect("is checked");
        assert_eq!(view.summary.health, EndpointHealth::Healthy);
    }
}

#[tokio::test]
async fn an_oauth_client_gets_a_token_and_another_when_it_ends() {
    for stage in stages().await {
        let actor = admin(&stage.hub, "ann@example.org").await;
        let authority = Authority::start().await;
        installed(&stage.hub, authority.client()).await;
        let form = Connect {
            client_id: "acme".to_owned(),
            client_secret: "the client's secret".to_owned(),
            ..form(&authority)
        };
        authority.change(|server| {
            server.answer = Some((
                StatusCode::UNAUTHORIZED,
                r#"{"error": "invalid_client", "error_description": "the client's secret is wrong"}"#.to_owned(),
            ))
        });
        let report = stage.hub.test_connection(&actor, &form).await.expect("tests");
        assert_eq!((report.steps[0].name.as_str(), report.steps[0].passed), ("Get an access token", Some(false)));
        assert!(
            report.steps[0].detail.contains("does not know the client")
                && !report.steps[0].detail.contains("the client's secret")
        );
        authority.change(|server| server.answer = None);
        let id = stage.hub.connect_endpoint(&actor, form).await.expect("connects");
        let before = authority.grants().len();
        stage.hub.check_endpoint(&actor, &id).await.expect("is checked");
        assert_eq!(authority.grants().len(), before, "the token lasts");
        stage.clock.advance(Duration::from_secs(3600 - 50));
        let view = stage.hub.check_endpoint(&actor, &id).await.expect("is checked");
        assert_eq!(view.summary.health, EndpointHealth::Healthy);
        assert_eq!(authority.grants().len(), before + 1, "it was renewed before its end");
    }
}

#[tokio::test]
async fn a_consent_connects_and_its_token_is_renewed_once_however_many_want_it() {
    for stage in stages().await {
        let actor = admin(&stage.hub, "ann@example.org").await;
        let authority = Authority::start().await;
        installed(&stage.hub, authority.consent()).await;
        let state = consents(&stage, &actor, &authority).await;
        let id = finish(&stage.hub, &actor, SESSION, &state).await.expect("connects");
        assert_eq!(authority.grants(), ["authorization_code"]);
        stage.clock.advance(Duration::from_secs(3600));
        let other = stage.another().await;
        let hubs = [&stage.hub, &other, &stage.hub, &other, &stage.hub];
        let checks = hubs.map(|hub| hub.check_endpoint(&actor, &id));
        for view in futures::future::join_all(checks).await {
            assert_eq!(view.expect("is checked").summary.health, EndpointHealth::Healthy);
        }
        assert_eq!(authority.grants(), ["authorization_code", "refresh_token"]);
        // A token that is refused before its time is exchanged, too, and the call is made again.
        authority.application.change(|says| says.accepts = "Bearer nothing".to_owned());
        let view = stage.hub.check_endpoint(&actor, &id).await.expect("is checked");
        assert_eq!(view.summary.health, EndpointHealth::Healthy, "{:?}", view.summary.health_reason);
        assert_eq!(authority.grants().len(), 3);
    }
}

#[tokio::test]
async fn what_comes_back_counts_once_for_who_began_it_and_for_ten_minutes() {
    for stage in stages().await {
        let (ann, bob) = (admin(&stage.hub, "ann@example.org").await, admin(&stage.hub, "bob@example.org").await);
        let authority = Authority::start().await;
        installed(&stage.hub, authority.consent()).await;
        let told = |failed: NoConsent| failed.error.to_string();

        let state = consents(&stage, &ann, &authority).await;
        for (actor, session, state) in
            [(&ann, "another session", state.as_str()), (&bob, SESSION, state.as_str()), (&ann, SESSION, "guessed")]
        {
            let message = told(finish(&stage.hub, actor, session, state).await.expect_err("is refused"));
            assert!(message.contains("used already, or was begun in another"), "{message}");
        }
        assert!(authority.grants().is_empty(), "no code was exchanged");
        finish(&stage.hub, &ann, SESSION, &state).await.expect("it still counts for who began it");
        let message = told(finish(&stage.hub, &ann, SESSION, &state).await.expect_err("is a replay"));
        assert!(message.contains("used already"), "{message}");

        let late = Connect { name: "Late".to_owned(), ..form(&authority) };
        let url = stage.hub.begin_consent(&ann, &late, SESSION, &redirect()).await.expect("begins");
        let state = authority.consented(&url);
        stage.clock.advance(Duration::from_secs(601));
        let failed = finish(&stage.hub, &ann, SESSION, &state).await.expect_err("is too late");
        let beacon = ConsentFor::Application { id: "app_beacon".parse().expect("an id") };
        assert_eq!(failed.begun_for, Some(beacon));
        assert!(told(failed).contains("longer than ten minutes"));
        let error = stage.hub.begin_consent(&ann, &form(&authority), SESSION, &redirect()).await.expect_err("is taken");
        assert!(error.problem_of("name").is_some(), "{error:?}");
        assert_eq!(stage.hub.endpoints(&ann).await.expect("lists").len(), 1);
    }
}

#[tokio::test]
async fn an_authorisation_server_that_errs_is_told_of_and_nothing_is_saved() {
    for stage in stages().await {
        let actor = admin(&stage.hub, "ann@example.org").await;
        let authority = Authority::start().await;
        installed(&stage.hub, authority.consent()).await;
        let denied = |code: &str| Consented::Error { code: code.to_owned(), description: Some("Not today".to_owned()) };
        for (answer, expected) in
            [(denied("access_denied"), "You did not consent"), (denied("server_error"), "(server_error): Not today")]
        {
            let state = consents(&stage, &actor, &authority).await;
            let failed = stage.hub.finish_consent(&actor, SESSION, &state, answer).await.expect_err("is none");
            assert!(failed.error.to_string().contains(expected), "{:?}", failed.error);
        }
        for (status, body, expected) in [
            (
                400,
                r#"{"error": "invalid_grant", "error_description": "the-code is old"}"#,
                "not valid any more: invalid_grant ([key] is old)",
            ),
            (401, r#"{"error": "invalid_client"}"#, "does not know the client"),
            (500, "Oh no", "it answered 500"),
            (200, "<html>", "not what OAuth 2.0 says"),
            (302, "", "redirects elsewhere"),
        ] {
            let status = StatusCode::from_u16(status).expect("a status");
            authority.change(|server| server.answer = Some((status, body.to_owned())));
            let state = consents(&stage, &actor, &authority).await;
            let failed = finish(&stage.hub, &actor, SESSION, &state).await.expect_err("fails");
            let message = failed.error.to_string();
            assert!(message.contains(expected) && !message.contains("the-code"), "{message}");
        }
        assert!(stage.hub.endpoints(&actor).await.expect("lists").is_empty());

        // One that ends the consent later makes the endpoint fail, and says why.
        authority.change(|server| server.answer = None);
        let state = consents(&stage, &actor, &authority).await;
        let id = finish(&stage.hub, &actor, SESSION, &state).await.expect("connects");
        authority.change(|server| {
            server.answer = Some((StatusCode::BAD_REQUEST, r#"{"error": "invalid_grant"}"#.to_owned()))
        });
        stage.clock.advance(Duration::from_secs(3600));
        let view = stage.hub.check_endpoint(&actor, &id).await.expect("is checked");
        assert!(view.summary.health_reason.is_some_and(|reason| reason.contains("not valid any more")));
    }
}

#[tokio::test]
async fn credentials_and_consents_lie_sealed() {
    for stage in stages().await {
        let actor = admin(&stage.hub, "ann@example.org").await;
        let authority = Authority::start().await;
        installed(&stage.hub, authority.consent()).await;
        let state = consents(&stage, &actor, &authority).await;
        let everything = async |sql: &'static str, column: &str| -> Vec<u8> {
            let row = sqlx::query(sql).fetch_one(stage.hub.database().reader()).await.expect("reads");
            sqlx::Row::get::<Vec<u8>, _>(&row, column)
        };
        let has = |bytes: &[u8], text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
        let pending = everything("select sealed from consent", "sealed").await;
        assert!(!has(&pending, "Beacon"));
        let kept = sqlx::query("select state_hash from consent").fetch_one(stage.hub.database().reader()).await;
        assert_ne!(sqlx::Row::get::<String, _>(&kept.expect("reads"), "state_hash"), state);
        finish(&stage.hub, &actor, SESSION, &state).await.expect("connects");
        let credential = everything("select credential from endpoint", "credential").await;
        assert!(!has(&credential, "access-1") && !has(&credential, "refresh-1"));
    }
}

#[tokio::test]
async fn what_an_application_needs_besides_is_asked_for_and_sent() {
    for stage in stages().await {
        let actor = admin(&stage.hub, "ann@example.org").await;
        let authority = Authority::start().await;
        installed(&stage.hub, Credentials::Key).await;
        let field = model::application::CredentialField {
            name: "port".to_owned(),
            label: "Port".to_owned(),
            required: true,
            ..model::application::CredentialField::default()
        };
        let row = sqlx::query("select definition from application_version where application_id = 'app_beacon'")
            .fetch_one(stage.hub.database().reader())
            .await
            .expect("reads");
        let mut definition: Definition =
            serde_json::from_str(&sqlx::Row::get::<String, _>(&row, "definition")).expect("is JSON");
        definition.credential_fields = vec![field];
        sqlx::query("update application_version set definition = $1 where application_id = 'app_beacon'")
            .bind(serde_json::to_string(&definition).expect("is JSON"))
            .execute(stage.hub.database().writer())
            .await
            .expect("is written");
        let port = authority.application.url.trim_end_matches('/').rsplit(':').next().expect("a port").to_owned();
        let form = Connect {
            base_url: "http://127.0.0.1:{port}/".to_owned(),
            authentication_key: super::application::KEY.to_owned(),
            ..form(&authority)
        };
        let error = stage.hub.connect_endpoint(&actor, form.clone()).await.expect_err("lacks it");
        assert!(error.problem_of("fields[port]").is_some(), "{error:?}");
        let odd =
            Connect { fields: BTreeMap::from([("port".to_owned(), "80/@evil.example".to_owned())]), ..form.clone() };
        let error = stage.hub.connect_endpoint(&actor, odd).await.expect_err("leads elsewhere");
        assert!(error.problem_of("fields[port]").is_some(), "{error:?}");
        let form = Connect { fields: BTreeMap::from([("port".to_owned(), port)]), ..form };
        let id = stage.hub.connect_endpoint(&actor, form).await.expect("connects");
        let view = stage.hub.endpoint(&actor, &id).await.expect("is there");
        assert_eq!(view.base_url.as_deref(), Some(authority.application.url.as_str()));
        let error =
            stage.hub.begin_consent(&actor, &super::connect_form("X", "http://127.0.0.1/"), SESSION, &redirect()).await;
        assert!(matches!(error, Err(HubError::Conflict { .. })), "{error:?}");
    }
}

#[tokio::test]
async fn a_consent_tells_its_end_by_itself_and_another_is_known_once_it_was_renewed() {
    for stage in stages().await {
        let actor = admin(&stage.hub, "ann@example.org").await;
        let authority = Authority::start().await;
        installed(&stage.hub, authority.consent()).await;
        authority.change(|server| server.refresh_lasts = Some(20 * 86_400));
        let state = consents(&stage, &actor, &authority).await;
        let id = finish(&stage.hub, &actor, SESSION, &state).await.expect("connects");
        let known = async || stage.hub.credential_end(&actor, &id).await.expect("reads");
        let open = async || {
            stage.hub.look_at_endings().await.expect("looks");
            let page = stage.hub.alerts(&actor).await.expect("lists");
            let open = page.items.into_iter().filter(|alert| alert.closed_at.is_none());
            open.map(|alert| (alert.condition, alert.cause)).collect::<Vec<_>>()
        };
        let told = known().await;
        assert_eq!((told.told.as_deref(), told.noted, told.has_ended), (Some("2026-12-13T12:00:00.000Z"), None, false));
        assert!(open().await.is_empty(), "twenty days are more than fourteen");
        // The consent was given for twenty days, however often it is renewed.
        authority.change(|server| server.refresh_lasts = Some(14 * 86_400));
        stage.clock.advance(Duration::from_secs(6 * 86_400));
        let cause = "What Usher calls it with ends on Sunday 13 December 2026.".to_owned();
        assert_eq!(open().await, [(Condition::Expiring, cause)]);
        assert_eq!(
            (known().await.told.as_deref(), known().await.is_renewed),
            (Some("2026-12-13T12:00:00.000Z"), false)
        );
        authority.change(|server| server.refresh_lasts = Some(20 * 86_400));
        stage.clock.advance(Duration::from_secs(3600));
        stage.hub.check_endpoint(&actor, &id).await.expect("is checked");
        assert_eq!(known().await.told.as_deref(), Some("2026-12-19T13:00:00.000Z"), "the new one lasts anew");
        assert!(open().await.is_empty());

        // An earlier day that somebody noted counts as well.
        stage.hub.note_credential_end(&actor, &id, "2026-12-01").await.expect("is noted");
        assert_eq!(open().await.len(), 1);
        stage.hub.note_credential_end(&actor, &id, "").await.expect("is forgotten");
        assert!(open().await.is_empty());

        // The consent is taken back: nothing is given for it any more.
        stage.clock.advance(Duration::from_secs(3600));
        let gone = (StatusCode::BAD_REQUEST, r#"{"error": "invalid_grant"}"#.to_owned());
        authority.change(|server| server.answer = Some(gone.clone()));
        stage.hub.check_endpoint(&actor, &id).await.expect("is checked");
        let told = known().await;
        assert_eq!((told.told.as_deref(), told.has_ended), (Some("2026-11-29T14:00:00.000Z"), true));
        let cause = "What Usher calls it with ended on Sunday 29 November 2026.".to_owned();
        assert_eq!(open().await, [(Condition::Expiring, cause)]);
        stage.clock.advance(Duration::from_secs(86_400));
        stage.hub.check_endpoint(&actor, &id).await.expect("is checked");
        assert_eq!(known().await.told.as_deref(), Some("2026-11-29T14:00:00.000Z"), "it ended then, not now");

        // A server that errs says nothing of the end; one that gives a token again says that it goes on.
        authority.change(|server| {
            server.answer = None;
            server.refresh_lasts = None;
        });
        stage.hub.check_endpoint(&actor, &id).await.expect("is checked");
        assert_eq!(known().await, CredentialEndView::default());
        assert!(open().await.is_empty());
        stage.clock.advance(Duration::from_secs(3600));
        authority.change(|server| server.answer = Some((StatusCode::INTERNAL_SERVER_ERROR, "Oh no".to_owned())));
        stage.hub.check_endpoint(&actor, &id).await.expect("is checked");
        assert_eq!(known().await, CredentialEndView::default());
    }
}

#[tokio::test]
async fn a_consent_whose_end_moves_is_renewed_before_and_nobody_is_told_until_it_has_ended() {
    for stage in stages().await {
        let actor = admin(&stage.hub, "ann@example.org").await;
        let authority = Authority::start().await;
        installed(&stage.hub, authority.consent()).await;
        authority.change(|server| server.refresh_lasts = Some(7 * 86_400));
        let state = consents(&stage, &actor, &authority).await;
        let id = finish(&stage.hub, &actor, SESSION, &state).await.expect("connects");
        let known = async || stage.hub.credential_end(&actor, &id).await.expect("reads");
        let open = async || {
            stage.hub.look_at_endings().await.expect("looks");
            let page = stage.hub.alerts(&actor).await.expect("lists");
            page.items.into_iter().filter(|alert| alert.closed_at.is_none()).count()
        };
        let asked = || authority.grants().len();
        stage.clock.advance(Duration::from_secs(3600));
        assert_eq!(open().await, 0, "a week is less than fourteen days, but it moves");
        let told = known().await;
        assert_eq!((told.told.as_deref(), told.is_renewed), (Some("2026-11-30T13:00:00.000Z"), true));
        let before = asked();
        stage.clock.advance(Duration::from_secs(600));
        assert_eq!((open().await, asked()), (0, before), "once a day is enough");
        // Nobody shares for a month.
        for _ in 0..30 {
            stage.clock.advance(Duration::from_secs(86_400));
            assert_eq!(open().await, 0);
        }
        assert_eq!((asked(), known().await.has_ended), (before + 30, false));

        // The server does not answer for a while: it is tried again, and more often as the end draws near.
        authority.change(|server| server.answer = Some((StatusCode::INTERNAL_SERVER_ERROR, "Oh no".to_owned())));
        stage.clock.advance(Duration::from_secs(86_400));
        assert_eq!(open().await, 0);
        stage.clock.advance(Duration::from_secs(5 * 86_400 + 80_000));
        open().await;
        let before = asked();
        stage.clock.advance(Duration::from_secs(4_000));
        authority.change(|server| server.answer = None);
        assert_eq!((open().await, asked()), (0, before + 1), "two hours before the end an hour is long");
        assert!(!known().await.has_ended);

        let gone = (StatusCode::BAD_REQUEST, r#"{"error": "invalid_grant"}"#.to_owned());
        authority.change(|server| server.answer = Some(gone));
        stage.clock.advance(Duration::from_secs(86_400));
        assert_eq!(open().await, 1, "it was taken back, which is noticed before anybody shares");
        assert!(known().await.has_ended);
    }
}

#[tokio::test]
async fn a_consent_that_can_not_be_renewed_ends_with_its_token_and_a_client_when_it_is_refused() {
    for stage in stages().await {
        let actor = admin(&stage.hub, "ann@example.org").await;
        let authority = Authority::start().await;
        installed(&stage.hub, authority.consent()).await;
        authority.change(|server| server.gives_no_refresh = true);
        let state = consents(&stage, &actor, &authority).await;
        let id = finish(&stage.hub, &actor, SESSION, &state).await.expect("connects");
        let known = async |id: &EndpointId| stage.hub.credential_end(&actor, id).await.expect("reads");
        assert_eq!(known(&id).await.told.as_deref(), Some("2026-11-23T13:00:00.000Z"));
        stage.clock.advance(Duration::from_secs(3600));
        let view = stage.hub.check_endpoint(&actor, &id).await.expect("is checked");
        assert!(view.summary.health_reason.is_some_and(|reason| reason.contains("the consent has ended")));
        assert!(known(&id).await.has_ended);
    }
    for stage in stages().await {
        let actor = admin(&stage.hub, "ann@example.org").await;
        let authority = Authority::start().await;
        installed(&stage.hub, authority.client()).await;
        let (client_id, client_secret) = ("acme".to_owned(), "the client's secret".to_owned());
        let form = Connect { client_id, client_secret, ..form(&authority) };
        let id = stage.hub.connect_endpoint(&actor, form).await.expect("connects");
        let known = async || stage.hub.credential_end(&actor, &id).await.expect("reads");
        assert_eq!(known().await, CredentialEndView::default(), "its tokens end, the client does not");
        stage.clock.advance(Duration::from_secs(3600));
        let refused = (StatusCode::UNAUTHORIZED, r#"{"error": "invalid_client"}"#.to_owned());
        authority.change(|server| server.answer = Some(refused));
        stage.hub.check_endpoint(&actor, &id).await.expect("is checked");
        assert!(known().await.has_ended, "its secret was changed there");
        authority.change(|server| server.answer = None);
        stage.hub.check_endpoint(&actor, &id).await.expect("is checked");
        assert_eq!(known().await, CredentialEndView::default());
    }
}
