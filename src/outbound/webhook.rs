//! One signed message to an endpoint's webhook (Standard Webhooks 1.0). What it says, and when it is sent again, is its caller's matter.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use rand::RngExt;
use reqwest::{StatusCode, header::CONTENT_TYPE};
use sha2::Sha256;
use url::Url;

use super::{CallError, Outbound, client::retry_after};

/// What every secret begins with.
const PREFIX: &str = "whsec_";
const SECRET_BYTES: usize = 32;
/// How long a receiver may take: it should note the message and answer.
const PATIENCE: Duration = Duration::from_secs(15);

/// What webhooks are signed with. Its bytes never print.
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookSecret(Vec<u8>);

impl WebhookSecret {
    /// A new one.
    pub fn generate() -> Self {
        let bytes: [u8; SECRET_BYTES] = rand::rng().random();
        Self(bytes.to_vec())
    }

    /// From the bytes of [`Self::as_bytes`].
    pub fn from_bytes(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// To be sealed.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// As it is handed over: `whsec_` and Base64.
    pub fn reveal(&self) -> String {
        format!("{PREFIX}{}", STANDARD.encode(&self.0))
    }

    /// `webhook-signature` of a message.
    fn sign(&self, id: &str, timestamp: i64, body: &[u8]) -> Option<String> {
        // Any length is a key; the type allows for ciphers where it is not.
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).ok()?;
        mac.update(format!("{id}.{timestamp}.").as_bytes());
        mac.update(body);
        Some(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
    }
}

impl std::fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("WebhookSecret")
    }
}

impl CallError {
    /// 410 is how a receiver says that it wants no more messages (Standard Webhooks, "Delivery failure").
    pub(crate) fn wants_no_more(&self) -> bool {
        self.status() == Some(410)
    }
}

impl Outbound {
    /// Whether a webhook may be there, as far as its address tells before a name is resolved.
    pub fn may_call(&self, url: &Url) -> Result<(), CallError> {
        Ok(self.guard.check_literal(url)?)
    }

    /// Sends a message, signed now with each of the secrets; a success says that it was taken. `id` is the same for every repeat.
    pub async fn send_webhook(
        &self,
        url: &Url,
        secrets: &[WebhookSecret],
        id: &str,
        now_ms: i64,
        body: Bytes,
    ) -> Result<(), CallError> {
        let timestamp = now_ms.div_euclid(1000);
        let signatures: Option<Vec<String>> = secrets.iter().map(|secret| secret.sign(id, timestamp, &body)).collect();
        let signatures =
            signatures.ok_or_else(|| CallError::Nonsense { what: "the secret can't be signed with".to_owned() })?;
        let request = self
            .http_for(url)?
            .post(url.clone())
            .timeout(PATIENCE.min(self.timeouts.call))
            .header(CONTENT_TYPE, "application/json")
            .header("webhook-id", id)
            .header("webhook-timestamp", timestamp)
            .header("webhook-signature", signatures.join(" "))
            .body(body);
        let response = request.send().await?;
        let status = response.status();
        if status.is_success() {
            return Ok(());
        }
        let retry_after = retry_after(response.headers(), chrono::Utc::now());
        // What it says is not read: it could be anything, and nobody asked it.
        Err(match status {
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
                CallError::Busy { status: status.as_u16(), retry_after }
            }
            status => CallError::Refused { status: status.as_u16(), problem: None, retry_after },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_that_of_the_specification() {
        let bytes = STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").expect("Base64");
        let secret = WebhookSecret::from_bytes(bytes);
        assert_eq!(secret.reveal(), "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let signature = secret.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#);
        assert_eq!(signature.as_deref(), Some("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="));
        assert_eq!(format!("{secret:?}"), "WebhookSecret");
        assert_ne!(WebhookSecret::generate(), WebhookSecret::generate());
    }
}
