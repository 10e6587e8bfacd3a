//! Secrets as files: made when they are asked for, and shown this once. Of an endpoint's key only a hash is kept; the secrets that messages to
//! webhooks are signed with, an endpoint's and those of alerts, are kept sealed.

use axum::{
    extract::{Path, State},
    response::{IntoResponse, Response},
};
use http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE};
use hub::Hub;
use model::{
    error::HubError,
    id::{AlertWebhookId, EndpointId},
};

use crate::signed_in::{Refusal, SignedIn};

/// `POST /endpoints/{id}/key`: makes a key; one that is valid already stays so.
pub(crate) async fn make(
    SignedIn(actor): SignedIn,
    State(hub): State<Hub>,
    Path(id): Path<String>,
) -> Result<Response, Refusal> {
    let id: EndpointId = id.parse().map_err(|_| HubError::not_found("endpoint"))?;
    let key = hub.make_endpoint_key(&actor, &id).await?;
    Ok(file("usher-endpoint.key", &key.0))
}

/// `POST /endpoints/{id}/webhook-secret`: makes the secret of its webhook, and ends the one before.
pub(crate) async fn make_webhook_secret(
    SignedIn(actor): SignedIn,
    State(hub): State<Hub>,
    Path(id): Path<String>,
) -> Result<Response, Refusal> {
    let id: EndpointId = id.parse().map_err(|_| HubError::not_found("endpoint"))?;
    let secret = hub.renew_webhook_secret(&actor, &id).await?;
    Ok(file("usher-webhook.secret", &secret.0))
}

/// `POST /account/alerts/webhooks/{id}/secret`: makes the secret of a webhook for alerts. The one before goes on for a day.
pub(crate) async fn make_alert_secret(
    SignedIn(actor): SignedIn,
    State(hub): State<Hub>,
    Path(id): Path<String>,
) -> Result<Response, Refusal> {
    let id: AlertWebhookId = id.parse().map_err(|_| HubError::not_found("webhook"))?;
    let secret = hub.renew_alert_secret(&actor, &id).await?;
    Ok(file("usher-alerts.secret", &secret.0))
}

fn file(name: &str, text: &str) -> Response {
    let headers = [
        (CONTENT_TYPE, "text/plain; charset=utf-8".to_owned()),
        (CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")),
        (CACHE_CONTROL, "no-store".to_owned()),
    ];
    (headers, format!("{text}\n")).into_response()
}
