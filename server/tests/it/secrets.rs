//! No secret is found where it does not belong: a whole installation is used, and then everything that it wrote and answered is searched.

use std::path::Path;

use model::{
    people::JoinSignUp,
    view::{Connect, Role, SignIn},
};
use reqwest::header::{LOCATION, SET_COOKIE};

use crate::{
    installation::{BEACON_KEY, Browser, HARBOR_KEY, Installation, PASSWORD, demo_share},
    provider::{CLIENT_ID, CLIENT_SECRET, Flaw, Person, Provider},
};

const EMAIL: &str = "quentin@marigold.example";
const JOINED_PASSWORD: &str = "a sentence that Vera remembers";
const NEW_PASSWORD: &str = "a sentence that Quentin thought of";

/// What was answered, with what was asked for.
#[derive(Default)]
struct Answers(Vec<(String, String)>);

impl Answers {
    async fn get(&mut self, browser: &Browser, path: &str) -> String {
        let answer = browser.request(path, &[("accept", "text/html")]).await;
        self.note(path, answer).await
    }

    async fn post(&mut self, browser: &Browser, path: &str, form: &[(&str, &str)]) -> String {
        let answer = browser.post(path, &[("accept", "text/html")], form).await;
        self.note(path, answer).await
    }

    async fn note(&mut self, path: &str, answer: reqwest::Response) -> String {
        let way = answer.headers().get(LOCATION).map(|way| way.to_str().unwrap().to_owned()).unwrap_or_default();
        let text = answer.text().await.unwrap();
        self.0.push((path.to_owned(), format!("{way}\n{text}")));
        text
    }
}

#[tokio::test]
async fn no_secret_stands_in_logs_pages_addresses_files_or_errors() {
    let provider = Provider::start().await;
    let installation = Installation::new()
        .with("USHER_OPENID_ISSUER", &provider.url)
        .with("USHER_OPENID_CLIENT_ID", CLIENT_ID)
        .with("USHER_OPENID_CLIENT_SECRET", CLIENT_SECRET);
    let filter = "usher=trace,hub=trace,app=trace,tower_http=trace,reqwest=trace,hyper=debug,sqlx=debug,info";
    let usher = installation.serve_logging_to("usher.log", filter).await;
    let endpoints = installation.endpoints(60).await;
    let (owner, mut answers) = (usher.browser(), Answers::default());
    let form = [("account_name", "Marigold"), ("user_name", "Quentin"), ("email", EMAIL), ("password", PASSWORD)];
    let signed_up = owner.post("/api/sign_up", &[], &form).await;
    let session = session_id(&signed_up);
    let hub = installation.hub().await;
    let actor = hub.sign_in(SignIn { email: EMAIL.to_owned(), password: PASSWORD.to_owned() }, None).await.unwrap();

    // Connecting: with wrong keys, which fail, and with the right ones; without the page's program, so that what was typed is kept.
    for (application, name, url, key) in [
        ("app_harbor_crm", "Harbor", endpoints.harbor.url.as_str(), "a-wrong-key-of-harbor"),
        ("app_harbor_crm", "Harbor", "http://127.0.0.1:9", HARBOR_KEY),
        ("app_harbor_crm", "Harbor", &endpoints.harbor.url, HARBOR_KEY),
        ("app_beacon_mail", "Beacon Mail", &endpoints.beacon.url, BEACON_KEY),
    ] {
        let page = format!("/connect/{application}");
        let form = [
            ("application_id", application),
            ("name", name),
            ("base_url", url),
            ("authentication_key", key),
            ("intent", "connect"),
        ];
        answers.post(&owner, "/api/connect", &form).await;
        answers.get(&owner, &page).await;
    }
    let agent = Connect {
        application_id: "app_toolkit_agent".to_owned(),
        name: "Shop".to_owned(),
        base_url: String::new(),
        authentication_key: String::new(),
        ..Connect::default()
    };
    let agent = hub.connect_endpoint(&actor, agent).await.unwrap();
    // The files are the one place where these are shown.
    let secret_file = |path: String| {
        let owner = &owner;
        async move { owner.post(&path, &[], &[]).await.text().await.unwrap().trim().to_owned() }
    };
    let endpoint_key = secret_file(format!("/endpoints/{agent}/key")).await;
    let webhook_secret = secret_file(format!("/endpoints/{agent}/webhook-secret")).await;
    let calendar = secret_file("/schedule/address".to_owned()).await;
    let calendar = calendar.rsplit('/').next().unwrap().trim_end_matches(".ics").to_owned();
    assert!(endpoint_key.starts_with("usher_key_") && webhook_secret.len() > 20 && calendar.len() == 64);
    assert!(usher.browser().get(&format!("/calendar/{calendar}.ics")).await.status().is_success());

    // A run that ends well, and one that fails.
    let share = demo_share(&hub, &actor).await;
    let run = hub.share_now(&actor, &share).await.unwrap();
    assert!(owner.get(&format!("/events/runs/{run}")).await.text().await.unwrap().contains("event: run"));
    let mut harbor = endpoints.harbor;
    harbor.crash().await;
    let failed = hub.share_now(&actor, &share).await.unwrap();
    hub.cancel_run(&actor, &failed).await.unwrap();

    // People: somebody joins by a link, the password changes, somebody guesses.
    let invitation = hub.invite(&actor, "vera@marigold.example", Some(Role::Viewer)).await.unwrap();
    let token = hub.invitation_link(&actor, &invitation).await.unwrap().token.unwrap();
    let vera = usher.browser();
    answers.get(&vera, &format!("/invitation/{}", token.0)).await;
    let join = [
        ("token", token.0.as_str()),
        ("user_name", ""),
        ("email", "vera@marigold.example"),
        ("password", JOINED_PASSWORD),
    ];
    answers.post(&vera, "/api/join_signing_up", &join).await;
    let page = answers.get(&vera, &format!("/invitation/{}", token.0)).await;
    assert!(page.contains("Enter your name."), "the form says what is wrong: {page}");
    // What was asked for with the link in the address may hold it; nothing that comes after.
    answers.0.retain(|(path, _)| !path.starts_with("/invitation/") && path != "/api/join_signing_up");
    let form = JoinSignUp {
        user_name: "Vera".to_owned(),
        email: "vera@marigold.example".to_owned(),
        password: JOINED_PASSWORD.to_owned(),
    };
    hub.join_signing_up(form, &token).await.unwrap();
    answers.post(&usher.browser(), "/api/sign_in", &[("email", EMAIL), ("password", JOINED_PASSWORD)]).await;
    for current in ["not the password of anybody", PASSWORD] {
        let form = [("current_password", current), ("new_password", NEW_PASSWORD)];
        answers.post(&owner, "/api/change_password", &form).await;
        answers.get(&owner, "/profile").await;
    }

    // The provider: somebody signs up there, and signs in with an error.
    provider.signs_in(&Person::new("person-7", "Zoë Quill", "zoe@marigold.example"));
    let (zoe, mut of_provider) = (usher.browser(), Vec::new());
    for flaw in [None, Some(Flaw::Expired), Some(Flaw::SecretInBody)] {
        provider.change(|says| says.flaw = flaw);
        let left = zoe.request("/sign-in/provider", &[("accept", "text/html")]).await;
        let back = provider.visited(&left.headers()[LOCATION].to_str().unwrap().parse().unwrap()).await;
        let values = back.query_pairs().filter(|(name, _)| ["state", "code"].contains(&name.as_ref()));
        of_provider.extend(values.map(|(name, value)| (name.into_owned(), value.into_owned())));
        answers.get(&zoe, &format!("{}?{}", back.path(), back.query().unwrap())).await;
        answers.get(&zoe, "/sign-in").await;
        answers.get(&zoe, "/sign-in/identity").await;
    }
    answers.post(&zoe, "/api/sign_up_with_identity", &[("account_name", "Umber"), ("user_name", "Zoë Quill")]).await;
    answers.get(&zoe, "/profile").await;
    assert_eq!(of_provider.len(), 6, "{of_provider:?}");
    of_provider.extend(provider.tokens().into_iter().map(|token| ("token".to_owned(), token)));
    assert!(of_provider.len() >= 8, "{of_provider:?}");

    let pages = [
        "/".to_owned(),
        "/audiences".to_owned(),
        "/shares".to_owned(),
        "/runs".to_owned(),
        "/endpoints".to_owned(),
        "/people".to_owned(),
        "/account".to_owned(),
        "/schedule".to_owned(),
        "/docs".to_owned(),
        "/openapi.json".to_owned(),
        "/metrics".to_owned(),
        "/nowhere".to_owned(),
        format!("/endpoints/{agent}"),
        format!("/shares/{share}"),
        format!("/runs/{run}"),
        format!("/runs/{failed}"),
    ];
    for path in pages {
        answers.get(&owner, &path).await;
    }
    for id in hub.endpoints(&actor).await.unwrap() {
        answers.get(&owner, &format!("/endpoints/{}", id.id)).await;
    }
    hub.close().await;
    assert!(usher.end().await.success());

    let master_key = std::fs::read_to_string(installation.path("master.key")).unwrap().trim().to_owned();
    let raw_master_key = hex::decode(&master_key).unwrap();
    let secrets = [
        ("the password", PASSWORD),
        ("the new password", NEW_PASSWORD),
        ("the password of who joined", JOINED_PASSWORD),
        ("Harbor's key", HARBOR_KEY),
        ("Beacon's key", BEACON_KEY),
        ("a wrong key", "a-wrong-key-of-harbor"),
        ("the endpoint key", &endpoint_key),
        ("the webhook's secret", &webhook_secret),
        ("the calendar's token", &calendar),
        ("the invitation's token", &token.0),
        ("the session's id", &session),
        ("the master key", &master_key),
        ("the secret of the OpenID client", CLIENT_SECRET),
    ];
    let of_provider = of_provider.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let secrets: Vec<_> = secrets.into_iter().chain(of_provider).collect();
    let log = std::fs::read(installation.path("usher.log")).unwrap();
    assert!(log.len() > 1000, "it was logged");
    let mut found = Vec::new();
    let mut search = |place: &str, bytes: &[u8]| {
        let named = secrets.iter().map(|(name, secret)| (*name, secret.as_bytes()));
        for (name, secret) in named.chain([("the master key, raw", raw_master_key.as_slice())]) {
            assert!(secret.len() > 10, "{name}");
            if bytes.windows(secret.len()).any(|window| window == secret) {
                found.push(format!("{name} in {place}"));
            }
        }
    };
    for line in log.split(|byte| *byte == b'\n') {
        search(&format!("the log: {}", String::from_utf8_lossy(line)), line);
    }
    for (path, text) in &answers.0 {
        search(&format!("the answer to {path}"), text.as_bytes());
    }
    for name in ["usher.db", "usher.db-wal", "usher.db-shm"] {
        let file = installation.path(name);
        if file.exists() {
            search(name, &std::fs::read(file).unwrap());
        }
    }
    for file in installation.files_below("payloads") {
        search(&file, &std::fs::read(Path::new(&file)).unwrap());
    }
    assert_eq!(found, Vec::<String>::new());
}

/// The id in the cookie.
fn session_id(answer: &reqwest::Response) -> String {
    let cookie = answer.headers()[SET_COOKIE].to_str().unwrap();
    cookie.split([';', '=']).nth(1).unwrap().to_owned()
}
