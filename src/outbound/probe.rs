//! Single calls for the Test Drive: it looks at status, headers and bytes as they are, also at those of a refusal. The same guard, limits and
//! secrecy as for every call.

use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use reqwest::{
    Method,
    header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue},
};

use super::{CallError, ContractUrls, Outbound};

/// Calls an application whose answers are not trusted to be right.
#[derive(Clone)]
pub struct Probe {
    outbound: Outbound,
    urls: ContractUrls,
    headers: HeaderMap,
    secrets: Vec<String>,
    patience: Duration,
}

/// One call.
#[derive(Debug, Clone)]
pub struct Ask<'a> {
    /// GET, POST, PUT.
    pub method: Method,
    /// Below the application's address.
    pub path: Vec<&'a str>,
    /// In the address.
    pub query: Vec<(&'a str, String)>,
    /// Besides the credentials.
    pub headers: Vec<(&'static str, String)>,
    /// What is sent.
    pub body: Option<Bytes>,
    /// Instead of the right one.
    pub authorization: Option<&'static str>,
    /// Bytes of the answer at most.
    pub most: usize,
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// All of the body.
    pub body: Bytes,
}

impl std::fmt::Debug for Probe {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Probe").field("urls", &self.urls).finish_non_exhaustive()
    }
}

impl Outbound {
    /// A probe with these credentials. `secrets` are taken out of all that is told of answers.
    pub fn probe(
        &self,
        urls: ContractUrls,
        authorization: &str,
        more: &[(String, String)],
        secrets: Vec<String>,
        patience: Duration,
    ) -> Result<Probe, CallError> {
        urls.check(&self.guard)?;
        let unfit = || CallError::Nonsense { what: "a credential has characters that can't be sent".to_owned() };
        let mut headers = HeaderMap::new();
        let mut value = HeaderValue::from_str(authorization).map_err(|_| unfit())?;
        value.set_sensitive(true);
        headers.insert(AUTHORIZATION, value);
        for (name, value) in more {
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| unfit())?;
            let mut value = HeaderValue::from_str(value).map_err(|_| unfit())?;
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        let secrets = secrets.into_iter().filter(|secret| !secret.is_empty()).collect();
        Ok(Probe { outbound: self.clone(), urls, headers, secrets, patience: patience.min(self.timeouts.call) })
    }
}

impl Probe {
    /// How long an answer is waited for.
    pub fn patience(&self) -> Duration {
        self.patience
    }

    /// Calls, and says how long it took until all of the answer was there, or until it was given up.
    pub async fn call(&self, ask: &Ask<'_>) -> (Result<Reply, CallError>, Duration) {
        let begun = Instant::now();
        let reply = self.reply(ask).await;
        (reply, begun.elapsed())
    }

    async fn reply(&self, ask: &Ask<'_>) -> Result<Reply, CallError> {
        let mut headers = self.headers.clone();
        if let Some(other) = ask.authorization {
            headers.insert(AUTHORIZATION, HeaderValue::from_static(other));
        }
        let url = self.urls.of(&ask.path);
        let mut request = self
            .outbound
            .http_for(&url)?
            .request(ask.method.clone(), url)
            .headers(headers)
            .query(&ask.query)
            .timeout(self.patience);
        for (name, value) in &ask.headers {
            request = request.header(*name, value);
        }
        if let Some(body) = &ask.body {
            request = request.body(body.clone());
        }
        let response = request.send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let mut stream = response.bytes_stream();
        let mut body = BytesMut::new();
        while let Some(chunk) = stream.next().await {
            body.extend_from_slice(&chunk?);
            if body.len() > ask.most {
                return Err(CallError::Nonsense { what: format!("it is longer than {} bytes", ask.most) });
            }
        }
        Ok(Reply { status, headers, body: body.freeze() })
    }

    /// What an application said, without the credentials, as one line of a bounded length.
    pub fn told(&self, text: &str, most: usize) -> String {
        let mut text = text.to_owned();
        for secret in &self.secrets {
            text = text.replace(secret, "[key]");
        }
        let mut told: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(most).collect();
        if text.chars().count() > most {
            told.push('…');
        }
        told
    }
}
