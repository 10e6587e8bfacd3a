//! Authorisation servers (OAuth 2.0, RFC 6749 and 7636): where people consent, and the exchange of codes, clients and refresh tokens for access
//! tokens. The words are the `oauth2` crate's; the connections pass this room's guard like all others.

use std::time::Duration;

use bytes::BytesMut;
use futures::{FutureExt, StreamExt, future::BoxFuture};
use oauth2::{
    AuthUrl, AuthorizationCode, ClientId, ClientSecret, CsrfToken, EndpointNotSet, EndpointSet, ExtraTokenFields,
    HttpRequest, HttpResponse, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, RefreshToken, RequestTokenError,
    Scope, StandardErrorResponse, StandardRevocableToken, StandardTokenResponse, TokenResponse, TokenUrl,
    basic::{
        BasicErrorResponse, BasicErrorResponseType, BasicRevocationErrorResponse, BasicTokenIntrospectionResponse,
        BasicTokenType,
    },
};
use serde::{Deserialize, Serialize};
use url::Url;

use super::{CallError, Outbound};

/// Bytes of an answer at most.
const MAX_ANSWER_BYTES: usize = 256 * 1024;
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// Characters of what a server says of a refusal that are told.
const LONGEST_TOLD: usize = 300;

/// An authorisation server, and as whom Usher comes to it.
#[derive(Clone, PartialEq, Eq)]
pub struct AuthorizationServer {
    /// Where tokens are given out.
    pub token_url: Url,
    /// The client's id.
    pub client_id: String,
    /// The client's secret, when it has one.
    pub client_secret: Option<String>,
    /// What is asked for.
    pub scopes: Vec<String>,
}

/// An access token, and what another can be had for.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    /// What is shown.
    pub access_token: String,
    /// What another is had for, when it ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<String>,
    /// How long it lasts, when the server says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lasts_seconds: Option<u64>,
    /// How long what another is had for lasts, when the server says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh_lasts_seconds: Option<u64>,
}

/// Where a person consents, and what is needed to go on afterwards.
pub struct Consent {
    /// Where the browser goes.
    pub url: Url,
    /// What comes back with it.
    pub state: String,
    /// What proves that it was this Usher who asked.
    pub verifier: String,
}

impl std::fmt::Debug for AuthorizationServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AuthorizationServer").field("token_url", &self.token_url).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token")
    }
}

impl std::fmt::Debug for Consent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Consent")
    }
}

/// How long a refresh token lasts. No standard has a word for it; these two are what servers say.
#[derive(Debug, Serialize, Deserialize)]
struct RefreshLasts {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refresh_expires_in: Option<serde_json::Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refresh_token_expires_in: Option<serde_json::Value>,
}

impl ExtraTokenFields for RefreshLasts {}

impl RefreshLasts {
    /// Zero is how some say that it does not end. What can't be read is not worth a refusal of the whole.
    fn seconds(&self) -> Option<u64> {
        let said = self.refresh_expires_in.as_ref().or(self.refresh_token_expires_in.as_ref())?;
        let seconds = said.as_u64().or_else(|| said.as_str()?.parse().ok())?;
        (seconds > 0).then_some(seconds)
    }
}

type Answer = StandardTokenResponse<RefreshLasts, BasicTokenType>;
type Client = oauth2::Client<
    BasicErrorResponse,
    Answer,
    BasicTokenIntrospectionResponse,
    StandardRevocableToken,
    BasicRevocationErrorResponse,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointSet,
>;
/// Why there is no token, in the `oauth2` crate's words.
pub(super) type Refused = RequestTokenError<CallError, StandardErrorResponse<BasicErrorResponseType>>;

impl AuthorizationServer {
    fn client(&self) -> Client {
        let client = oauth2::Client::new(ClientId::new(self.client_id.clone()))
            .set_token_uri(TokenUrl::from_url(self.token_url.clone()));
        match &self.client_secret {
            Some(secret) => client.set_client_secret(ClientSecret::new(secret.clone())),
            None => client,
        }
    }

    fn scopes(&self) -> impl Iterator<Item = Scope> + '_ {
        self.scopes.iter().cloned().map(Scope::new)
    }

    /// Where a person consents, so that the code comes to `redirect` (PKCE with S256).
    pub fn consent(&self, authorization_url: &Url, redirect: &Url) -> Consent {
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let client = self
            .client()
            .set_auth_uri(AuthUrl::from_url(authorization_url.clone()))
            .set_redirect_uri(RedirectUrl::from_url(redirect.clone()));
        let request = client.authorize_url(CsrfToken::new_random).add_scopes(self.scopes());
        let (url, state) = request.set_pkce_challenge(challenge).url();
        Consent { url, state: state.secret().clone(), verifier: verifier.secret().clone() }
    }
}

impl Outbound {
    /// The token for a code that a person's consent has brought.
    pub async fn token_for_code(
        &self,
        server: &AuthorizationServer,
        code: &str,
        verifier: &str,
        redirect: &Url,
    ) -> Result<Token, CallError> {
        let client = server.client().set_redirect_uri(RedirectUrl::from_url(redirect.clone()));
        let request = client
            .exchange_code(AuthorizationCode::new(code.to_owned()))
            .set_pkce_verifier(PkceCodeVerifier::new(verifier.to_owned()));
        let answer = request.request_async(&self.asking()).await;
        token(answer, &[code, verifier, server.client_secret.as_deref().unwrap_or_default()])
    }

    /// The token for a client of the account's own.
    pub async fn token_for_client(&self, server: &AuthorizationServer) -> Result<Token, CallError> {
        let client = server.client();
        let request = client.exchange_client_credentials().add_scopes(server.scopes());
        let answer = request.request_async(&self.asking()).await;
        token(answer, &[server.client_secret.as_deref().unwrap_or_default()])
    }

    /// Another token; with the refresh token that holds from now on.
    pub async fn token_refreshed(&self, server: &AuthorizationServer, refresh_token: &str) -> Result<Token, CallError> {
        let (client, old) = (server.client(), RefreshToken::new(refresh_token.to_owned()));
        let answer = client.exchange_refresh_token(&old).request_async(&self.asking()).await;
        let mut token = token(answer, &[refresh_token, server.client_secret.as_deref().unwrap_or_default()])?;
        // A server that gives no new one goes on taking the old (RFC 6749, 6).
        token.refresh_token.get_or_insert_with(|| refresh_token.to_owned());
        Ok(token)
    }

    /// What carries the `oauth2` crate's requests out, and those of `openidconnect`, which stands on it.
    pub(super) fn asking(&self) -> impl Fn(HttpRequest) -> BoxFuture<'static, Result<HttpResponse, CallError>> + use<> {
        let outbound = self.clone();
        move |request| {
            let outbound = outbound.clone();
            async move { outbound.asked(request).await }.boxed()
        }
    }

    async fn asked(&self, request: HttpRequest) -> Result<HttpResponse, CallError> {
        let request = reqwest::Request::try_from(request)?;
        let http = self.http_for(request.url())?;
        let asking = async {
            let response = http.execute(request).await?;
            let (status, headers) = (response.status(), response.headers().clone());
            if status.is_redirection() {
                return Err(CallError::Nonsense { what: format!("it redirects elsewhere ({})", status.as_u16()) });
            }
            if status.is_server_error() {
                // It is in trouble itself; what it says then is seldom OAuth's.
                return Err(CallError::Refused { status: status.as_u16(), problem: None, retry_after: None });
            }
            let (mut stream, mut body) = (response.bytes_stream(), BytesMut::new());
            while let Some(chunk) = stream.next().await {
                body.extend_from_slice(&chunk?);
                if body.len() > MAX_ANSWER_BYTES {
                    return Err(CallError::Nonsense { what: format!("it is longer than {MAX_ANSWER_BYTES} bytes") });
                }
            }
            let mut answer = HttpResponse::new(body.to_vec());
            *answer.status_mut() = status;
            *answer.headers_mut() = headers;
            Ok(answer)
        };
        tokio::time::timeout(PATIENCE.min(self.timeouts.call), asking).await.map_err(|_| CallError::Timeout)?
    }
}

/// What a server answered, without what it was sent.
fn token(answer: Result<Answer, Refused>, secrets: &[&str]) -> Result<Token, CallError> {
    let answer = answer.map_err(|refused| no_token(refused, secrets))?;
    Ok(Token {
        access_token: answer.access_token().secret().clone(),
        refresh_token: answer.refresh_token().map(|token| token.secret().clone()),
        lasts_seconds: answer.expires_in().map(|lasts| lasts.as_secs()),
        refresh_lasts_seconds: answer.extra_fields().seconds(),
    })
}

/// Why there is no token, without what was sent.
pub(super) fn no_token(refused: Refused, secrets: &[&str]) -> CallError {
    let hidden = |text: &str| -> String {
        let secrets = secrets.iter().filter(|secret| !secret.is_empty());
        let text = secrets.fold(text.to_owned(), |text, secret| text.replace(*secret, "[key]"));
        text.chars().filter(|letter| !letter.is_control()).take(LONGEST_TOLD).collect()
    };
    match refused {
        Refused::Request(error) => {
            let passes = error.is_retryable();
            CallError::NoToken { what: error.to_string(), passes }
        }
        Refused::ServerResponse(refusal) => {
            let said = refusal.error_description().map(|said| format!(" ({})", hidden(said))).unwrap_or_default();
            let code = hidden(refusal.error().as_ref());
            match refusal.error() {
                BasicErrorResponseType::InvalidGrant => CallError::TokenRefused {
                    what: format!("it says that the consent is not valid any more: {code}{said}"),
                },
                BasicErrorResponseType::InvalidClient | BasicErrorResponseType::UnauthorizedClient => {
                    let what = format!("it does not know the client, or its secret is wrong: {code}{said}");
                    CallError::TokenRefused { what }
                }
                _ => CallError::NoToken { what: format!("it refuses: {code}{said}"), passes: false },
            }
        }
        Refused::Parse(..) | Refused::Other(_) => {
            let what = "its answer is not what OAuth 2.0 says".to_owned();
            CallError::NoToken { what, passes: false }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_long_a_refresh_token_lasts_is_read_in_the_words_that_servers_use() {
        let said = |more: &str| {
            let text = format!(r#"{{"access_token": "a", "token_type": "Bearer", "refresh_token": "r"{more}}}"#);
            let answer: Answer = serde_json::from_str(&text).expect("is an answer");
            answer.extra_fields().seconds()
        };
        assert_eq!(said(r#", "refresh_expires_in": 1800"#), Some(1_800), "Keycloak");
        assert_eq!(said(r#", "refresh_token_expires_in": 15897600"#), Some(15_897_600), "GitHub");
        assert_eq!(said(r#", "refresh_token_expires_in": "86400""#), Some(86_400), "as a text");
        for nothing in
            ["", r#", "refresh_expires_in": 0"#, r#", "refresh_expires_in": null"#, r#", "refresh_expires_in": {}"#]
        {
            assert_eq!(said(nothing), None, "{nothing}");
        }
    }
}
