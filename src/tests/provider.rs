//! An OpenID provider for tests, on a socket: discovery, keys, authorization code with PKCE, ID tokens that another library signs than the one that
//! checks them. It can err in every way. The server's tests use this file, too.

#![allow(dead_code, reason = "the hub and the server each try a part of what it can do")]

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};

use aws_lc_rs::{
    hmac,
    rand::SystemRandom,
    rsa::{self, KeySize},
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256},
};
use axum::{
    Form, Json, Router,
    extract::{Query, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use url::Url;

/// As whom Usher comes to it. The secret has letters that are changed on the way (RFC 6749, 2.3.1).
pub const CLIENT_ID: &str = "usher";
/// The same.
pub const CLIENT_SECRET: &str = "the secret: of+Usher/at the provider";

/// Somebody at the provider.
#[derive(Debug, Clone)]
pub struct Person {
    /// What they are called for ever.
    pub subject: String,
    /// Their address.
    pub email: Option<String>,
    /// Whether the provider has verified it; none when it does not say.
    pub email_verified: Option<bool>,
    /// Their name.
    pub name: Option<String>,
}

impl Person {
    /// With an address that was verified.
    pub fn new(subject: &str, name: &str, email: &str) -> Self {
        let (email, name) = (Some(email.to_owned()), Some(name.to_owned()));
        Self { subject: subject.to_owned(), email, email_verified: Some(true), name }
    }
}

/// What is wrong with what it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    /// The token answers another request.
    Nonce,
    /// It has no nonce.
    NoNonce,
    /// It was made for another client.
    Audience,
    /// And for another client, too.
    TwoAudiences,
    /// It comes from somebody else.
    Issuer,
    /// It has expired.
    Expired,
    /// It was signed with a key of the same name.
    Signature,
    /// With a key that is not published.
    UnknownKey,
    /// With the client's secret.
    Symmetric,
    /// Not at all.
    Unsigned,
    /// It belongs to another access token.
    AccessToken,
    /// There is none.
    Absent,
    /// What is told of the person stands elsewhere.
    UserInfo,
    /// What is told elsewhere is of somebody else.
    OtherUserInfo,
    /// It takes the client's secret in the body only.
    SecretInBody,
    /// It says that it is somebody else.
    OtherName,
    /// It comes back as if from another provider.
    OtherAnswer,
    /// It answers with an error.
    Away,
}

enum Key {
    Rsa(rsa::KeyPair),
    Ec(EcdsaKeyPair),
}

struct Grant {
    person: Person,
    redirect: String,
    challenge: String,
    nonce: String,
}

/// What it does.
pub struct Says {
    /// Who signs in there; nobody does when none.
    pub person: Option<Person>,
    /// What is wrong.
    pub flaw: Option<Flaw>,
    /// Seconds since 1970, unless it is the system's time.
    pub now: Option<i64>,
    /// Paths that were asked for.
    pub asked: Vec<String>,
    /// Every token that it gave.
    pub tokens: Vec<String>,
    key: Arc<Key>,
    key_id: String,
    grants: HashMap<String, Grant>,
    given: usize,
}

/// A provider that runs.
pub struct Provider {
    /// Its address, which is what it calls itself.
    pub url: String,
    says: Arc<Mutex<Says>>,
    serving: tokio::task::JoinHandle<()>,
}

#[derive(Clone)]
struct Shared {
    url: String,
    says: Arc<Mutex<Says>>,
}

impl Shared {
    fn says(&self) -> MutexGuard<'_, Says> {
        self.says.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Provider {
    /// Where nobody is signed in yet.
    pub async fn start() -> Self {
        static FIRST: OnceLock<Arc<Key>> = OnceLock::new();
        let key = FIRST.get_or_init(|| Arc::new(Key::Rsa(rsa::KeyPair::generate(KeySize::Rsa2048).expect("a key"))));
        let says = Arc::new(Mutex::new(Says {
            person: None,
            flaw: None,
            now: None,
            asked: Vec::new(),
            tokens: Vec::new(),
            key: key.clone(),
            key_id: "first".to_owned(),
            grants: HashMap::new(),
            given: 0,
        }));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/realms/people", listener.local_addr().expect("an address"));
        let shared = Shared { url: url.clone(), says: says.clone() };
        let below = Router::new()
            .route("/.well-known/openid-configuration", get(describe))
            .route("/keys", get(keys))
            .route("/authorize", get(authorize))
            .route("/token", post(token))
            .route("/userinfo", get(user_info))
            .with_state(shared);
        let router = Router::new().nest("/realms/people", below);
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.expect("serves") });
        Self { url, says, serving }
    }

    /// Changes what it does.
    pub fn change(&self, change: impl FnOnce(&mut Says)) {
        change(&mut self.says.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// This person signs in there from now on.
    pub fn signs_in(&self, person: &Person) {
        self.change(|says| says.person = Some(person.clone()));
    }

    /// How often a path was asked for.
    pub fn times_asked(&self, path: &str) -> usize {
        self.says.lock().unwrap_or_else(PoisonError::into_inner).asked.iter().filter(|asked| *asked == path).count()
    }

    /// Every token that it gave.
    pub fn tokens(&self) -> Vec<String> {
        self.says.lock().unwrap_or_else(PoisonError::into_inner).tokens.clone()
    }

    /// It signs with another key from now on, of another kind, and does not publish the one before.
    pub fn rotate_keys(&self) {
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key");
        self.change(|says| {
            says.key = Arc::new(Key::Ec(key));
            says.key_id = format!("{}, then another", says.key_id);
        });
    }

    /// Goes where Usher sends people; where the provider sends them.
    pub async fn visited(&self, url: &Url) -> Url {
        let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().expect("a client");
        let answer = client.get(url.clone()).send().await.expect("answers");
        let status = answer.status();
        let way = answer.headers().get("location").map(|way| way.to_str().expect("is text").to_owned());
        let way = way.unwrap_or_else(|| panic!("it leads nowhere ({status})"));
        Url::parse(&way).expect("a URL")
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn describe(State(shared): State<Shared>) -> Response {
    let mut says = shared.says();
    says.asked.push("description".to_owned());
    if says.flaw == Some(Flaw::Away) {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let url = &shared.url;
    let issuer = if says.flaw == Some(Flaw::OtherName) { format!("{url}/") } else { url.clone() };
    let ways = if says.flaw == Some(Flaw::SecretInBody) { ["client_secret_post"] } else { ["client_secret_basic"] };
    Json(json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{url}/authorize"),
        "token_endpoint": format!("{url}/token"),
        "userinfo_endpoint": format!("{url}/userinfo"),
        "jwks_uri": format!("{url}/keys"),
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256", "ES256", "HS256", "none"],
        "token_endpoint_auth_methods_supported": ways,
    }))
    .into_response()
}

async fn keys(State(shared): State<Shared>) -> Json<Value> {
    let mut says = shared.says();
    says.asked.push("keys".to_owned());
    let mut key = match &*says.key {
        Key::Rsa(pair) => {
            // The DER of both numbers: of 2048 bits, and 65537.
            let (n, e) = pair.public_key().as_ref().split_at(265);
            let (n, e) = (URL_SAFE_NO_PAD.encode(&n[9..]), URL_SAFE_NO_PAD.encode(&e[2..]));
            json!({ "kty": "RSA", "alg": "RS256", "n": n, "e": e })
        }
        Key::Ec(pair) => {
            // 4, x, y
            let point = pair.public_key().as_ref();
            let (x, y) = (URL_SAFE_NO_PAD.encode(&point[1..33]), URL_SAFE_NO_PAD.encode(&point[33..65]));
            json!({ "kty": "EC", "crv": "P-256", "alg": "ES256", "x": x, "y": y })
        }
    };
    key["use"] = "sig".into();
    key["kid"] = says.key_id.clone().into();
    // Others have nothing to do with it.
    let unknown = json!({ "kty": "EC", "crv": "secp256k1", "kid": "of another kind", "x": "AQ", "y": "AQ" });
    Json(json!({ "keys": [key, unknown] }))
}

async fn authorize(State(shared): State<Shared>, Query(asked): Query<HashMap<String, String>>) -> Response {
    let mut says = shared.says();
    let is = |name: &str, value: &str| asked.get(name).is_some_and(|asked| asked == value);
    let scopes: Vec<&str> = asked.get("scope").map(|scope| scope.split(' ').collect()).unwrap_or_default();
    let fits = is("client_id", CLIENT_ID)
        && is("response_type", "code")
        && is("code_challenge_method", "S256")
        && ["openid", "email", "profile"].iter().all(|scope| scopes.contains(scope));
    let (Some(redirect), Some(state), Some(challenge), Some(nonce), true) = (
        asked.get("redirect_uri").and_then(|redirect| Url::parse(redirect).ok()),
        asked.get("state"),
        asked.get("code_challenge"),
        asked.get("nonce"),
        fits,
    ) else {
        return (StatusCode::BAD_REQUEST, format!("{asked:?}")).into_response();
    };
    let mut back = redirect.clone();
    let issuer = if says.flaw == Some(Flaw::OtherAnswer) { "https://evil.example" } else { &shared.url };
    back.query_pairs_mut().append_pair("state", state).append_pair("iss", issuer);
    let Some(person) = says.person.clone() else {
        back.query_pairs_mut().append_pair("error", "access_denied");
        return Redirect::to(back.as_str()).into_response();
    };
    says.given += 1;
    let code = format!("a-code-of-the-provider-{}", says.given);
    let grant = Grant { person, redirect: redirect.into(), challenge: challenge.clone(), nonce: nonce.clone() };
    says.grants.insert(code.clone(), grant);
    back.query_pairs_mut().append_pair("code", &code);
    Redirect::to(back.as_str()).into_response()
}

async fn token(
    State(shared): State<Shared>,
    headers: HeaderMap,
    Form(asked): Form<HashMap<String, String>>,
) -> Response {
    let mut says = shared.says();
    let refused = |code: &str| (StatusCode::BAD_REQUEST, Json(json!({ "error": code }))).into_response();
    if !is_client(&says, &headers, &asked) {
        return refused("invalid_client");
    }
    let of = |name: &str| asked.get(name).cloned().unwrap_or_default();
    // A code is good for once.
    let Some(grant) = says.grants.remove(&of("code")) else { return refused("invalid_grant") };
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(of("code_verifier").as_bytes()));
    if of("grant_type") != "authorization_code" || grant.challenge != challenge || grant.redirect != of("redirect_uri")
    {
        return refused("invalid_grant");
    }
    let access = access_token(&grant.person);
    let mut answer = json!({ "access_token": access, "token_type": "Bearer", "expires_in": 300 });
    if says.flaw != Some(Flaw::Absent) {
        let token = id_token(&shared.url, &says, &grant, &access);
        says.tokens.push(token.clone());
        answer["id_token"] = token.into();
    }
    says.tokens.push(access);
    Json(answer).into_response()
}

fn access_token(person: &Person) -> String {
    format!("an-access-token-for-{}", person.subject)
}

fn is_client(says: &Says, headers: &HeaderMap, asked: &HashMap<String, String>) -> bool {
    let encoded = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    if says.flaw == Some(Flaw::SecretInBody) {
        return headers.get("authorization").is_none()
            && asked.get("client_id").is_some_and(|id| id == CLIENT_ID)
            && asked.get("client_secret").is_some_and(|secret| secret == CLIENT_SECRET);
    }
    let both = STANDARD.encode(format!("{}:{}", encoded(CLIENT_ID), encoded(CLIENT_SECRET)));
    headers.get("authorization").is_some_and(|shown| shown.to_str().is_ok_and(|shown| shown == format!("Basic {both}")))
}

async fn user_info(State(shared): State<Shared>, headers: HeaderMap) -> Response {
    let mut says = shared.says();
    says.asked.push("userinfo".to_owned());
    let Some(person) = says.person.clone() else { return StatusCode::UNAUTHORIZED.into_response() };
    let wanted = format!("Bearer {}", access_token(&person));
    if headers.get("authorization").is_none_or(|shown| shown.to_str().is_ok_and(|shown| shown != wanted)) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let subject = if says.flaw == Some(Flaw::OtherUserInfo) { "somebody else" } else { &person.subject };
    let told =
        json!({ "sub": subject, "name": person.name, "email": person.email, "email_verified": person.email_verified });
    Json(without_nothing(told)).into_response()
}

fn without_nothing(mut told: Value) -> Value {
    if let Some(told) = told.as_object_mut() {
        told.retain(|_, value| !value.is_null());
    }
    told
}

fn id_token(url: &str, says: &Says, grant: &Grant, access: &str) -> String {
    let system = || SystemTime::now().duration_since(UNIX_EPOCH).expect("a time").as_secs();
    let now = says.now.unwrap_or_else(|| i64::try_from(system()).expect("fits"));
    let is = |flaw: Flaw| says.flaw == Some(flaw);
    let hashed = if is(Flaw::AccessToken) { "another" } else { access };
    let audience = match says.flaw {
        Some(Flaw::Audience) => json!("another-client"),
        Some(Flaw::TwoAudiences) => json!([CLIENT_ID, "another-client"]),
        _ => json!(CLIENT_ID),
    };
    let mut claims = json!({
        "iss": if is(Flaw::Issuer) { "https://evil.example" } else { url },
        "sub": grant.person.subject,
        "aud": audience,
        "iat": now - 60,
        "exp": if is(Flaw::Expired) { now - 1 } else { now + 60 },
        "nonce": if is(Flaw::Nonce) { "another" } else { &grant.nonce },
        "at_hash": URL_SAFE_NO_PAD.encode(&Sha256::digest(hashed.as_bytes())[..16]),
    });
    if is(Flaw::NoNonce) {
        claims["nonce"] = Value::Null;
    }
    if !is(Flaw::UserInfo) && !is(Flaw::OtherUserInfo) {
        let Person { name, email, email_verified, .. } = &grant.person;
        (claims["name"], claims["email"], claims["email_verified"]) =
            (json!(name), json!(email), json!(email_verified));
    }
    let (algorithm, key_id) = match (&*says.key, says.flaw) {
        (_, Some(Flaw::Symmetric)) => ("HS256", None),
        (_, Some(Flaw::Unsigned)) => ("none", None),
        (Key::Ec(_), _) => ("ES256", Some(says.key_id.as_str())),
        (Key::Rsa(_), Some(Flaw::UnknownKey)) => ("RS256", Some("not published")),
        (Key::Rsa(_), _) => ("RS256", Some(says.key_id.as_str())),
    };
    let header = without_nothing(json!({ "alg": algorithm, "typ": "JWT", "kid": key_id }));
    let part = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
    let text = format!("{}.{}", part(&header), part(&without_nothing(claims)));
    let random = SystemRandom::new();
    let signature = match (&*says.key, algorithm) {
        (_, "none") => Vec::new(),
        (_, "HS256") => {
            hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, CLIENT_SECRET.as_bytes()), text.as_bytes()).as_ref().to_vec()
        }
        (Key::Rsa(key), _) => {
            let mut signature = vec![0; key.public_modulus_len()];
            key.sign(&RSA_PKCS1_SHA256, &random, text.as_bytes(), &mut signature).expect("signs");
            if is(Flaw::Signature) {
                signature[0] ^= 1;
            }
            signature
        }
        (Key::Ec(key), _) => key.sign(&random, text.as_bytes()).expect("signs").as_ref().to_vec(),
    };
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
}
