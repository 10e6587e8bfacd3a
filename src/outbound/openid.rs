//! The OpenID provider of an installation (OpenID Connect Core and Discovery 1.0): where people sign in, and who they are there. The words and the
//! checks are the `openidconnect` crate's; the connections pass this room's guard like all others.
//!
//! What a provider says of itself, with its keys, is asked for when somebody first wants to sign in, and kept for an hour. Keys are asked for again
//! when those that are known do not fit.

use std::sync::{Arc, PoisonError, RwLock};

use chrono::{DateTime, Utc};
use openidconnect::{
    AccessTokenHash, AuthType, AuthorizationCode, ClaimsVerificationError, ClientId, ClientSecret, CsrfToken,
    DiscoveryError, EndpointMaybeSet, EndpointNotSet, EndpointSet, IssuerUrl, JsonWebKeySet, Nonce,
    OAuth2TokenResponse, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, Scope, SignatureVerificationError,
    TokenResponse, UserInfoError,
    core::{
        CoreAuthenticationFlow, CoreClient, CoreClientAuthMethod, CoreIdTokenClaims, CoreJwsSigningAlgorithm,
        CoreProviderMetadata, CoreTokenResponse, CoreUserInfoClaims,
    },
};
use serde::{Deserialize, Serialize};
use url::Url;

use super::{CallError, Outbound, tokens::no_token};

/// How long what a provider says of itself is kept.
const KEPT_MS: i64 = 60 * 60_000;
/// Besides `openid`, which is always asked for.
const SCOPES: [&str; 2] = ["email", "profile"];
/// How an ID token may be signed: with a key of the provider's, of which we know the public half. A signature with our own secret proves less.
const ALGORITHMS: [CoreJwsSigningAlgorithm; 9] = [
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha384,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha512,
    CoreJwsSigningAlgorithm::RsaSsaPssSha256,
    CoreJwsSigningAlgorithm::RsaSsaPssSha384,
    CoreJwsSigningAlgorithm::RsaSsaPssSha512,
    CoreJwsSigningAlgorithm::EcdsaP256Sha256,
    CoreJwsSigningAlgorithm::EcdsaP384Sha384,
    CoreJwsSigningAlgorithm::EdDsa,
];

/// The installation's OpenID provider, and as whom Usher comes to it.
#[derive(Debug, Clone)]
pub struct OpenIdSettings {
    issuer: IssuerUrl,
    client_id: ClientId,
    client_secret: ClientSecret,
    name: String,
}

/// Why a provider can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WrongOpenIdSettings {
    /// The issuer's address.
    #[error("“{0}” is no issuer; it must look like https://login.example.com/realms/people, without a query")]
    Issuer(String),
    /// The client's id.
    #[error("the client's id is empty")]
    NoClient,
    /// The client's secret.
    #[error("the client's secret is empty")]
    NoSecret,
}

impl OpenIdSettings {
    /// Checks them. `name` is what people call the provider; without one it is called by its host.
    pub fn new(
        issuer: &str,
        client_id: &str,
        client_secret: &str,
        name: Option<&str>,
    ) -> Result<Self, WrongOpenIdSettings> {
        let wrong = || WrongOpenIdSettings::Issuer(issuer.to_owned());
        let url = Url::parse(issuer).map_err(|_| wrong())?;
        let is_bare = url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
        let host = url.host_str().filter(|_| is_bare && matches!(url.scheme(), "http" | "https")).ok_or_else(wrong)?;
        let (client_id, name) = (client_id.trim(), name.map(str::trim).filter(|name| !name.is_empty()));
        if client_id.is_empty() {
            return Err(WrongOpenIdSettings::NoClient);
        }
        if client_secret.is_empty() {
            return Err(WrongOpenIdSettings::NoSecret);
        }
        Ok(Self {
            // As it is written: a provider and its tokens have to call themselves by the same letters.
            issuer: IssuerUrl::new(issuer.to_owned()).map_err(|_| wrong())?,
            client_id: ClientId::new(client_id.to_owned()),
            client_secret: ClientSecret::new(client_secret.to_owned()),
            name: name.unwrap_or(host).to_owned(),
        })
    }
}

/// Where a person signs in, and what is needed to go on afterwards.
pub struct ProviderVisit {
    /// Where the browser goes.
    pub url: Url,
    /// What comes back with it.
    pub state: String,
    /// What has to stand in the ID token.
    pub nonce: String,
    /// What proves that it was this Usher who asked.
    pub verifier: String,
}

impl std::fmt::Debug for ProviderVisit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ProviderVisit")
    }
}

/// Who somebody is at a provider, as its ID token says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProviderPerson {
    /// Which provider.
    pub issuer: String,
    /// Whom of all its people. Only the two together say who it is.
    pub subject: String,
    /// Their address, when it is told.
    pub email: Option<String>,
    /// The provider says that the address is theirs.
    pub email_is_verified: bool,
    /// What they are called.
    pub name: Option<String>,
}

/// The installation's OpenID provider.
pub struct OpenIdProvider {
    settings: OpenIdSettings,
    outbound: Outbound,
    known: RwLock<Option<Known>>,
}

/// What a provider says of itself, with its keys.
#[derive(Clone)]
struct Known {
    metadata: Arc<CoreProviderMetadata>,
    until_ms: i64,
}

type Client =
    CoreClient<EndpointSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointMaybeSet, EndpointMaybeSet>;

impl OpenIdProvider {
    /// Asks nothing yet.
    pub fn new(settings: OpenIdSettings, outbound: Outbound) -> Self {
        Self { settings, outbound, known: RwLock::new(None) }
    }

    /// What people call it.
    pub fn name(&self) -> &str {
        &self.settings.name
    }

    /// What its tokens call it.
    pub fn issuer(&self) -> &str {
        self.settings.issuer.as_str()
    }

    /// Where a person signs in, so that the code comes to `redirect` (authorization code with PKCE, state and nonce).
    pub async fn visit(&self, redirect: &Url, now_ms: i64) -> Result<ProviderVisit, CallError> {
        let metadata = self.metadata(now_ms).await?;
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let client = self.client(&metadata, redirect);
        let flow = CoreAuthenticationFlow::AuthorizationCode;
        let request = client.authorize_url(flow, CsrfToken::new_random, Nonce::new_random);
        let request = request.add_scopes(SCOPES.map(|scope| Scope::new(scope.to_owned())));
        let (url, state, nonce) = request.set_pkce_challenge(challenge).url();
        Ok(ProviderVisit {
            url,
            state: state.secret().clone(),
            nonce: nonce.secret().clone(),
            verifier: verifier.secret().clone(),
        })
    }

    /// Who it is that has come back with this code.
    pub async fn person(
        &self,
        code: &str,
        nonce: &str,
        verifier: &str,
        redirect: &Url,
        now_ms: i64,
    ) -> Result<ProviderPerson, CallError> {
        let metadata = self.metadata(now_ms).await?;
        let client = self.client(&metadata, redirect);
        let request = client
            .exchange_code(AuthorizationCode::new(code.to_owned()))
            .map_err(|_| nonsense("it does not say where it gives out tokens"))?
            .set_pkce_verifier(PkceCodeVerifier::new(verifier.to_owned()));
        let secrets = [code, verifier, self.settings.client_secret.secret()];
        let answer = request.request_async(&self.outbound.asking()).await;
        let answer = answer.map_err(|refused| no_token(refused, &secrets))?;
        let nonce = Nonce::new(nonce.to_owned());
        let now = DateTime::from_timestamp_millis(now_ms).unwrap_or_default();
        let claims = match trusted(&client, &answer, &nonce, now) {
            // It has other keys by now, or the ones that are known are old.
            Err(Distrust::Claims(ClaimsVerificationError::SignatureVerification(_))) => {
                let metadata = self.with_keys_of_now(&metadata, now_ms).await?;
                trusted(&self.client(&metadata, redirect), &answer, &nonce, now)
            }
            first => first,
        };
        let claims = claims.map_err(Distrust::told)?;
        let mut person = ProviderPerson {
            issuer: self.issuer().to_owned(),
            subject: claims.subject().as_str().to_owned(),
            email: claims.email().map(|email| email.as_str().to_owned()),
            email_is_verified: claims.email_verified() == Some(true),
            name: claims.name().and_then(|name| name.get(None)).map(|name| name.as_str().to_owned()),
        };
        // What is asked for with a scope need not stand in the ID token (Core, 5.4).
        if (person.email.is_none() || claims.email_verified().is_none()) && client.user_info_url().is_some() {
            let told = self.user_info(&client, &answer, &claims).await?;
            if let Some(email) = told.email() {
                person.email = Some(email.as_str().to_owned());
                person.email_is_verified = told.email_verified() == Some(true);
            }
            let name = told.name().and_then(|name| name.get(None)).map(|name| name.as_str().to_owned());
            person.name = person.name.or(name);
        }
        Ok(person)
    }

    async fn user_info(
        &self,
        client: &Client,
        answer: &CoreTokenResponse,
        claims: &CoreIdTokenClaims,
    ) -> Result<CoreUserInfoClaims, CallError> {
        let request = client
            .user_info(answer.access_token().clone(), Some(claims.subject().clone()))
            .map_err(|_| nonsense("it does not say where it tells of people"))?;
        request.request_async(&self.outbound.asking()).await.map_err(|error| match error {
            UserInfoError::Request(error) => error,
            UserInfoError::Response(status, ..) if status.is_server_error() => {
                CallError::Refused { status: status.as_u16(), problem: None, retry_after: None }
            }
            UserInfoError::Response(status, ..) => {
                nonsense(&format!("it tells nothing of the person ({})", status.as_u16()))
            }
            UserInfoError::ClaimsVerification(_) => nonsense("it tells of somebody else than it has signed in"),
            _ => nonsense("what it tells of the person is not what OpenID Connect says"),
        })
    }

    fn client(&self, metadata: &CoreProviderMetadata, redirect: &Url) -> Client {
        let OpenIdSettings { client_id, client_secret, .. } = &self.settings;
        let client =
            CoreClient::from_provider_metadata(metadata.clone(), client_id.clone(), Some(client_secret.clone()))
                .set_redirect_uri(RedirectUrl::from_url(redirect.clone()));
        let ways = metadata.token_endpoint_auth_methods_supported();
        let takes = |way: &CoreClientAuthMethod| ways.is_some_and(|ways| ways.contains(way));
        // Basic is what holds where nothing is said (Discovery, 3).
        let in_the_body =
            takes(&CoreClientAuthMethod::ClientSecretPost) && !takes(&CoreClientAuthMethod::ClientSecretBasic);
        client.set_auth_type(if in_the_body { AuthType::RequestBody } else { AuthType::BasicAuth })
    }

    /// What the provider says of itself.
    async fn metadata(&self, now_ms: i64) -> Result<Arc<CoreProviderMetadata>, CallError> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(known) = known.filter(|known| (now_ms..=now_ms + KEPT_MS).contains(&known.until_ms)) {
            return Ok(known.metadata);
        }
        let asking = self.outbound.asking();
        let found = CoreProviderMetadata::discover_async(self.settings.issuer.clone(), &asking).await;
        Ok(self.keep(found.map_err(|error| self.not_discovered(error))?, now_ms))
    }

    /// The same with the keys that the provider has now.
    async fn with_keys_of_now(
        &self,
        metadata: &CoreProviderMetadata,
        now_ms: i64,
    ) -> Result<Arc<CoreProviderMetadata>, CallError> {
        let keys = JsonWebKeySet::fetch_async(metadata.jwks_uri(), &self.outbound.asking()).await;
        let keys = keys.map_err(|error| self.not_discovered(error))?;
        Ok(self.keep(metadata.clone().set_jwks(keys), now_ms))
    }

    fn keep(&self, metadata: CoreProviderMetadata, now_ms: i64) -> Arc<CoreProviderMetadata> {
        let metadata = Arc::new(metadata);
        let known = Known { metadata: metadata.clone(), until_ms: now_ms + KEPT_MS };
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = Some(known);
        metadata
    }

    fn not_discovered(&self, error: DiscoveryError<CallError>) -> CallError {
        match error {
            DiscoveryError::Request(error) => error,
            DiscoveryError::Response(status, ..) if status.is_server_error() => {
                CallError::Refused { status: status.as_u16(), problem: None, retry_after: None }
            }
            DiscoveryError::Response(status, ..) => {
                nonsense(&format!("what it says of itself, or its keys, can't be had there ({})", status.as_u16()))
            }
            DiscoveryError::Validation(_) => {
                nonsense(&format!("it does not call itself {}, as USHER_OPENID_ISSUER does", self.issuer()))
            }
            _ => nonsense("what it says of itself is not what OpenID Connect says"),
        }
    }
}

/// Why an ID token is not believed.
enum Distrust {
    /// There is none.
    Absent,
    /// It does not belong to the access token beside it.
    OtherToken,
    /// What it says does not pass.
    Claims(ClaimsVerificationError),
}

impl Distrust {
    fn told(self) -> CallError {
        nonsense(match self {
            Self::Absent => "it gave no ID token",
            Self::OtherToken => "its ID token belongs to another access token",
            Self::Claims(error) => match error {
                ClaimsVerificationError::Expired(_) => "its ID token has expired (one of the two clocks may be wrong)",
                ClaimsVerificationError::InvalidAudience(_) => "its ID token was made for another client",
                ClaimsVerificationError::InvalidIssuer(_) => "its ID token comes from another issuer",
                ClaimsVerificationError::InvalidNonce(_) => "its ID token answers another request than this one",
                ClaimsVerificationError::SignatureVerification(SignatureVerificationError::NoMatchingKey) => {
                    "its ID token is signed with a key that it does not publish"
                }
                ClaimsVerificationError::SignatureVerification(_) => "the signature of its ID token is not right",
                _ => "its ID token is not what OpenID Connect says",
            },
        })
    }
}

/// What the ID token says, once signature, issuer, audience, expiry and nonce are found to be right.
fn trusted(
    client: &Client,
    answer: &CoreTokenResponse,
    nonce: &Nonce,
    now: DateTime<Utc>,
) -> Result<CoreIdTokenClaims, Distrust> {
    let token = answer.id_token().ok_or(Distrust::Absent)?;
    let verifier = client.id_token_verifier().set_allowed_algs(ALGORITHMS).set_time_fn(move || now);
    let claims = token.claims(&verifier, nonce).map_err(Distrust::Claims)?;
    if let Some(wanted) = claims.access_token_hash() {
        let signature = |error| Distrust::Claims(ClaimsVerificationError::SignatureVerification(error));
        let algorithm = token.signing_alg().map_err(signature)?;
        let key = token.signing_key(&verifier).map_err(signature)?;
        let found = AccessTokenHash::from_token(answer.access_token(), algorithm, key);
        if found.ok().as_ref() != Some(wanted) {
            return Err(Distrust::OtherToken);
        }
    }
    Ok(claims.clone())
}

fn nonsense(what: &str) -> CallError {
    CallError::Nonsense { what: what.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_provider_is_called_by_its_host_unless_it_has_a_name_and_its_secret_never_prints() {
        let settings = |issuer: &str, name: Option<&str>| OpenIdSettings::new(issuer, "usher", "the-secret", name);
        let of_host = settings("https://login.example.com/realms/people", None).expect("are right");
        assert_eq!(of_host.name, "login.example.com");
        assert_eq!(settings("https://login.example.com/", Some(" Northwind ")).expect("are right").name, "Northwind");
        assert!(!format!("{of_host:?}").contains("the-secret"));
        for wrong in
            ["login.example.com", "ftp://login.example.com", "https://login.example.com/?a=b", "https://a@b.example"]
        {
            assert_eq!(
                settings(wrong, None).map(drop).expect_err("is no issuer"),
                WrongOpenIdSettings::Issuer(wrong.to_owned())
            );
        }
    }
}
