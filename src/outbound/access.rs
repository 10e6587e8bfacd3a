//! What is shown to an endpoint with each call. What is secret in it never prints, and is taken out of what an application says.

use std::sync::Arc;

use base64::{Engine, engine::general_purpose::STANDARD};
use futures::future::BoxFuture;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};

use super::CallError;

/// Gives access tokens, and others when they are refused.
pub trait TokenSource: Send + Sync {
    /// A token that is valid. `refused` is one that the endpoint did not accept, though it should have.
    fn token(&self, refused: Option<&str>) -> BoxFuture<'_, Result<String, CallError>>;
}

#[derive(Clone)]
enum Authorization {
    Bearer(String),
    Basic { user_name: String, password: String },
    Token(Arc<dyn TokenSource>),
}

/// What is shown with each call.
#[derive(Clone)]
pub struct Access {
    authorization: Authorization,
    headers: Vec<(HeaderName, HeaderValue)>,
    /// Of the headers.
    secrets: Vec<String>,
}

/// What was shown with one call.
pub(super) struct Shown {
    header: HeaderValue,
    /// What must not be told again.
    secrets: Vec<String>,
    token: Option<String>,
}

impl Access {
    /// An authentication key, as `Authorization: Bearer`.
    pub fn key(key: impl Into<String>) -> Self {
        Self::of(Authorization::Bearer(key.into()))
    }

    /// A user name and a password (RFC 7617).
    pub fn basic(user_name: impl Into<String>, password: impl Into<String>) -> Self {
        Self::of(Authorization::Basic { user_name: user_name.into(), password: password.into() })
    }

    /// Access tokens.
    pub fn tokens(source: Arc<dyn TokenSource>) -> Self {
        Self::of(Authorization::Token(source))
    }

    fn of(authorization: Authorization) -> Self {
        Self { authorization, headers: Vec::new(), secrets: Vec::new() }
    }

    /// With another header, whose value is secret.
    pub fn with_header(mut self, name: &str, value: &str) -> Result<Self, CallError> {
        let unfit = || CallError::Nonsense { what: format!("the header {name} can't be sent with this value") };
        let (name, mut sent) =
            (name.parse::<HeaderName>().map_err(|_| unfit())?, value.parse::<HeaderValue>().map_err(|_| unfit())?);
        sent.set_sensitive(true);
        self.headers.push((name, sent));
        self.secrets.push(value.to_owned());
        Ok(self)
    }

    /// What is shown now. `refused` was shown before, and not accepted.
    pub(super) async fn shown(&self, refused: Option<&Shown>) -> Result<Shown, CallError> {
        let (text, secrets, token) = match &self.authorization {
            Authorization::Bearer(key) => (format!("Bearer {key}"), vec![key.clone()], None),
            Authorization::Basic { user_name, password } => {
                let both = STANDARD.encode(format!("{user_name}:{password}"));
                (format!("Basic {both}"), vec![both, password.clone()], None)
            }
            Authorization::Token(source) => {
                let token = source.token(refused.and_then(|shown| shown.token.as_deref())).await?;
                (format!("Bearer {token}"), vec![token.clone()], Some(token))
            }
        };
        let mut header = HeaderValue::from_str(&text).map_err(|_| CallError::Nonsense {
            what: "the authentication key has characters that can't be sent".to_owned(),
        })?;
        header.set_sensitive(true);
        Ok(Shown { header, secrets: secrets.into_iter().chain(self.secrets.iter().cloned()).collect(), token })
    }

    /// Whether there may be something else to show when this is refused.
    pub(super) fn renews(&self) -> bool {
        matches!(self.authorization, Authorization::Token(_))
    }

    pub(super) fn put(&self, shown: &Shown, headers: &mut HeaderMap) {
        for (name, value) in &self.headers {
            headers.insert(name.clone(), value.clone());
        }
        headers.insert(AUTHORIZATION, shown.header.clone());
    }
}

impl Shown {
    /// A text without what must not be told again.
    pub(super) fn hidden(&self, text: &str) -> String {
        let secrets = self.secrets.iter().filter(|secret| !secret.is_empty());
        secrets.fold(text.to_owned(), |text, secret| text.replace(secret.as_str(), "[key]"))
    }
}

impl From<&str> for Access {
    fn from(key: &str) -> Self {
        Self::key(key)
    }
}

impl From<&String> for Access {
    fn from(key: &String) -> Self {
        Self::key(key.as_str())
    }
}

impl std::fmt::Debug for Access {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Access")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn each_way_shows_what_it_should_and_nothing_of_it_is_told() {
        let shown = Access::basic("ann", "s3cret").shown(None).await.expect("shows");
        assert_eq!(shown.header, "Basic YW5uOnMzY3JldA==");
        assert_eq!(shown.hidden("s3cret and YW5uOnMzY3JldA=="), "[key] and [key]");
        let access = Access::key("a-key").with_header("x-tenant", "acme-7").expect("is fit");
        let shown = access.shown(None).await.expect("shows");
        assert_eq!(shown.hidden("a-key of acme-7"), "[key] of [key]");
        let mut headers = HeaderMap::new();
        access.put(&shown, &mut headers);
        assert_eq!(
            (&headers["authorization"], &headers["x-tenant"]),
            (&"Bearer a-key".parse().unwrap_or(HeaderValue::from_static("")), &HeaderValue::from_static("acme-7"))
        );
        assert!(headers.values().all(HeaderValue::is_sensitive));
        assert!(!format!("{access:?}").contains("a-key"));
        assert!(Access::key("k").with_header("x y", "v").is_err());
        assert!(Access::key("k").with_header("x", "v\n").is_err());
    }
}
