//! Webhooks: endpoints that call Usher are told of their jobs, so that they need not poll (contract, "Usher hosts").
//!
//! What is to be told is written in the transaction that opens or ends the job (an outbox), and told afterwards by whichever process claims
//! it: a restart loses nothing, and a repeat has the same id. What is told has no word about people: only which job. An endpoint that
//! is never told still finds everything by asking.

use std::future::Future;

use bytes::Bytes;
use model::{
    contract::{JobCategory, Webhook, WebhookAddress, WebhookData, WebhookEvent, WebhookEventKind, WebhookState},
    error::HubError,
    id::{AccountId, EndpointId, JobId, MessageId},
    view::{Actor, Role, WebhookSecretText},
};
use sqlx::{Any, AssertSqlSafe, Row, Transaction};
use tokio_util::sync::CancellationToken;
use url::Url;

use super::{
    jobs::{parse, word},
    runs::{corrupt, id_of},
};
use crate::{
    hub::{Hub, Result, internal},
    outbound::{
        CallError, WebhookSecret,
        outbox::{self, Outbox},
    },
    registry::{EndpointActor, require},
    store::{Database, StoreError, clock::rfc3339, new_id, outbox::Lease},
};

/// Characters of an address at most.
const LONGEST_URL: usize = 500;
/// Writes down that an endpoint is to be told of a job, when it wants to be told.
pub(super) async fn note(
    transaction: &mut Transaction<'_, Any>,
    now: i64,
    job_id: &JobId,
    kind: WebhookEventKind,
) -> std::result::Result<(), StoreError> {
    let id: MessageId = new_id(MessageId::PREFIX);
    sqlx::query(
        "insert into webhook_event (id, account_id, endpoint_id, job_id, event, created_at, due_at)
         select $1, job.account_id, job.endpoint_id, job.id, $2, $3, $3 from job
         join webhook on webhook.endpoint_id = job.endpoint_id and webhook.account_id = job.account_id
         where job.id = $4 and webhook.url is not null and webhook.secret is not null and webhook.disabled_at is null",
    )
    .bind(id.as_str())
    .bind(word(kind))
    .bind(now)
    .bind(job_id.as_str())
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

/// A message that this process is to send.
struct Claimed {
    lease: Lease,
    account_id: AccountId,
    endpoint_id: EndpointId,
    job_id: JobId,
    kind: WebhookEventKind,
}

/// What endpoints are still to be told of their jobs.
#[derive(Clone)]
struct JobMessages(Hub);

impl Outbox for JobMessages {
    type Message = Claimed;
    type Error = StoreError;

    async fn claim(&self) -> std::result::Result<Option<Claimed>, StoreError> {
        let claimed = self.0.database().claim_message("webhook_event", self.0.now_ms()).await?;
        let Some((lease, row)) = claimed else { return Ok(None) };
        Ok(Some(Claimed {
            lease,
            account_id: id_of(&row, "account_id")?,
            endpoint_id: id_of(&row, "endpoint_id")?,
            job_id: id_of(&row, "job_id")?,
            kind: parse(&row.try_get::<String, _>("event")?).ok_or_else(|| corrupt("webhook"))?,
        }))
    }

    async fn send(&self, message: Claimed) {
        self.0.send_message(message).await;
    }

    fn woken(&self) -> impl Future<Output = ()> + Send {
        self.0.exchange().jobs_changed.notified()
    }
}

/// What became of an attempt.
enum Outcome {
    /// It was taken, or there is nothing to tell any more.
    Done,
    /// Not now: again at that time.
    Again(i64),
    /// The endpoint is not told any more until somebody sees to it.
    GivenUp(String),
}

impl Hub {
    /// `PUT /v1/endpoint/webhook`: where the endpoint wants to be told of its jobs. Turns one on again that was turned off.
    pub async fn set_webhook(&self, endpoint: &EndpointActor, address: &WebhookAddress) -> Result<Webhook> {
        let url = self.webhook_url(&address.url).map_err(|message| HubError::invalid("url", message))?;
        sqlx::query(
            "insert into webhook (endpoint_id, account_id, url) values ($1, $2, $3)
             on conflict (endpoint_id) do update set url = excluded.url, failure = null, disabled_at = null
             where webhook.account_id = excluded.account_id",
        )
        .bind(endpoint.endpoint_id.as_str())
        .bind(endpoint.account_id.as_str())
        .bind(url.as_str())
        .execute(self.database().writer())
        .await
        .map_err(internal)?;
        self.webhook(endpoint).await
    }

    /// `GET /v1/endpoint/webhook`.
    pub async fn webhook(&self, endpoint: &EndpointActor) -> Result<Webhook> {
        let found = self.webhook_of(&endpoint.account_id, &endpoint.endpoint_id).await?;
        found.ok_or_else(|| HubError::not_found("webhook"))
    }

    /// `DELETE /v1/endpoint/webhook`: the endpoint is told nothing more. Its secret stays for the next address.
    pub async fn remove_webhook(&self, endpoint: &EndpointActor) -> Result<()> {
        let removed = async {
            let mut transaction = self.database().begin().await?;
            let sql = "update webhook set url = null, failure = null, disabled_at = null
                where endpoint_id = $1 and account_id = $2 and url is not null";
            let done = sqlx::query(sql)
                .bind(endpoint.endpoint_id.as_str())
                .bind(endpoint.account_id.as_str())
                .execute(&mut *transaction)
                .await?;
            sqlx::query("delete from webhook_event where endpoint_id = $1 and account_id = $2")
                .bind(endpoint.endpoint_id.as_str())
                .bind(endpoint.account_id.as_str())
                .execute(&mut *transaction)
                .await?;
            transaction.commit().await?;
            Ok::<_, StoreError>(done.rows_affected())
        };
        if removed.await.map_err(internal)? == 0 { Err(HubError::not_found("webhook")) } else { Ok(()) }
    }

    /// What is declared of an endpoint's webhook, and how it is.
    pub(crate) async fn webhook_of(&self, account_id: &AccountId, id: &EndpointId) -> Result<Option<Webhook>> {
        let sql = "select url, failure, disabled_at, case when secret is null then 0 else 1 end as has_secret
            from webhook where endpoint_id = $1 and account_id = $2 and url is not null";
        let row = sqlx::query(sql)
            .bind(id.as_str())
            .bind(account_id.as_str())
            .fetch_optional(self.database().reader())
            .await
            .map_err(internal)?;
        let told = |row: sqlx::any::AnyRow| -> std::result::Result<Webhook, sqlx::Error> {
            let state = match (row.try_get::<Option<i64>, _>("disabled_at")?, row.try_get::<i64, _>("has_secret")?) {
                (Some(_), _) => WebhookState::Disabled,
                (None, 0) => WebhookState::NoSecret,
                (None, _) => WebhookState::Active,
            };
            Ok(Webhook { url: row.try_get("url")?, state, failure: row.try_get("failure")? })
        };
        row.map(told).transpose().map_err(internal)
    }

    /// Makes the secret that an endpoint's webhooks are signed with, and ends the one before. It can't be shown again.
    pub async fn renew_webhook_secret(&self, actor: &Actor, id: &EndpointId) -> Result<WebhookSecretText> {
        require(actor, Role::Admin)?;
        if !self.endpoint(actor, id).await?.calls_usher {
            let message = "Usher calls this endpoint; it needs no webhook.".to_owned();
            return Err(HubError::Conflict { message });
        }
        let secret = WebhookSecret::generate();
        sqlx::query(
            "insert into webhook (endpoint_id, account_id, secret) values ($1, $2, $3)
             on conflict (endpoint_id) do update set secret = excluded.secret, failure = null, disabled_at = null
             where webhook.account_id = excluded.account_id",
        )
        .bind(id.as_str())
        .bind(actor.account_id.as_str())
        .bind(self.sealing().seal(secret.as_bytes(), &secret_context(id)))
        .execute(self.database().writer())
        .await
        .map_err(internal)?;
        tracing::info!(endpoint.id = %id, "webhook secret made");
        Ok(WebhookSecretText(secret.reveal()))
    }

    /// The address of a webhook that somebody typed or declared, when messages may be sent there.
    pub(crate) fn webhook_url(&self, text: &str) -> std::result::Result<Url, String> {
        let text = text.trim();
        if text.len() > LONGEST_URL {
            return Err(format!("An address has at most {LONGEST_URL} characters."));
        }
        let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "https" | "http") && url.host().is_some());
        let url = url.ok_or("The address of a webhook begins with https:// or http://.")?;
        if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
            return Err("Leave user name, password and “#” out of the address; messages are signed.".to_owned());
        }
        if url.as_str().len() > LONGEST_URL {
            return Err(format!("An address has at most {LONGEST_URL} characters."));
        }
        self.outbound().may_call(&url).map_err(|error| format!("Usher may not call it: {error}."))?;
        Ok(url)
    }

    /// Tells endpoints of their jobs until `stop` is cancelled.
    pub async fn send_webhooks(&self, stop: CancellationToken) {
        outbox::send_all(JobMessages(self.clone()), stop).await;
    }

    /// Sends what is due now, one after the other; how many there were. For tests that move the clock.
    #[cfg(test)]
    pub(crate) async fn send_due_webhooks(&self) -> usize {
        outbox::send_due(JobMessages(self.clone())).await
    }

    async fn send_message(&self, message: Claimed) {
        let sent = async {
            let outcome = self.attempt(&message).await?;
            self.note_outcome(&message, outcome).await
        };
        if let Err(error) = sent.await {
            tracing::error!(endpoint.id = %message.endpoint_id, %error, "a webhook could not be sent; it is tried again soon");
        }
    }

    async fn attempt(&self, message: &Claimed) -> std::result::Result<Outcome, WebhookError> {
        let row = sqlx::query(
            "select webhook.url, webhook.secret, job.category, job.ended_at from webhook
             join job on job.id = $3 and job.account_id = webhook.account_id and job.endpoint_id = webhook.endpoint_id
             where webhook.endpoint_id = $1 and webhook.account_id = $2 and webhook.url is not null and webhook.secret is not null
                and webhook.disabled_at is null",
        )
        .bind(message.endpoint_id.as_str())
        .bind(message.account_id.as_str())
        .bind(message.job_id.as_str())
        .fetch_optional(self.database().reader())
        .await
        .map_err(StoreError::from)?;
        let Some(row) = row else { return Ok(Outcome::Done) };
        let read = |row: &sqlx::any::AnyRow| -> std::result::Result<_, StoreError> {
            let category: Option<JobCategory> = parse(&row.try_get::<String, _>("category")?);
            let url = Url::parse(&row.try_get::<String, _>("url")?).map_err(|_| corrupt("webhook"))?;
            Ok((
                url,
                row.try_get::<Vec<u8>, _>("secret")?,
                category.ok_or_else(|| corrupt("job"))?,
                row.try_get::<Option<i64>, _>("ended_at")?,
            ))
        };
        let (url, sealed, category, ended_at) = read(&row)?;
        // The endpoint has found it by itself meanwhile.
        if message.kind == WebhookEventKind::JobReady && ended_at.is_some() {
            return Ok(Outcome::Done);
        }
        let secret = self.sealing().open(&sealed, &secret_context(&message.endpoint_id))?;
        let event = WebhookEvent {
            kind: message.kind,
            timestamp: rfc3339(message.lease.created_at),
            data: WebhookData { job_id: message.job_id.to_string(), category },
        };
        let body = Bytes::from(serde_json::to_vec(&event)?);
        let secret = WebhookSecret::from_bytes(secret);
        let sent = self.outbound().send_webhook(&url, &[secret], &message.lease.id, self.now_ms(), body).await;
        let outcome = if sent.is_ok() { "ok" } else { "failed" };
        metrics::counter!("usher_webhooks_total", "outcome" => outcome).increment(1);
        Ok(match sent {
            Ok(()) => Outcome::Done,
            Err(error) => self.after(message, &error),
        })
    }

    /// What a failed attempt leads to.
    fn after(&self, message: &Claimed, error: &CallError) -> Outcome {
        let (lease, now) = (&message.lease, self.now_ms());
        tracing::warn!(endpoint.id = %message.endpoint_id, attempt = lease.attempts, %error, "a webhook was not taken");
        let retry = &self.exchange().settings.retry;
        match outbox::again_at(retry, lease.attempts, lease.created_at, now, error.retry_after()) {
            Some(at) if !error.wants_no_more() => Outcome::Again(at),
            _ => Outcome::GivenUp(error.to_string()),
        }
    }

    async fn note_outcome(&self, message: &Claimed, outcome: Outcome) -> std::result::Result<(), WebhookError> {
        let database: &Database = self.database();
        let mut transaction = database.begin().await?;
        let is_ours = "id = $1 and attempt_id = $2";
        let (sql, due) = match outcome {
            Outcome::Again(at) => (format!("update webhook_event set due_at = $3 where {is_ours}"), Some(at)),
            Outcome::Done | Outcome::GivenUp(_) => (format!("delete from webhook_event where {is_ours}"), None),
        };
        let query = sqlx::query(AssertSqlSafe(sql)).bind(&message.lease.id).bind(&message.lease.attempt_id);
        let query = match due {
            Some(at) => query.bind(at),
            None => query,
        };
        let done = query.execute(&mut *transaction).await.map_err(StoreError::from)?;
        if let Outcome::GivenUp(failure) = outcome
            && done.rows_affected() == 1
        {
            tracing::warn!(endpoint.id = %message.endpoint_id, "a webhook is turned off: {failure}");
            sqlx::query("update webhook set disabled_at = $1, failure = $2 where endpoint_id = $3 and account_id = $4")
                .bind(self.now_ms())
                .bind(failure)
                .bind(message.endpoint_id.as_str())
                .bind(message.account_id.as_str())
                .execute(&mut *transaction)
                .await
                .map_err(StoreError::from)?;
            sqlx::query("delete from webhook_event where endpoint_id = $1 and account_id = $2")
                .bind(message.endpoint_id.as_str())
                .bind(message.account_id.as_str())
                .execute(&mut *transaction)
                .await
                .map_err(StoreError::from)?;
        }
        transaction.commit().await.map_err(StoreError::from)?;
        Ok(())
    }
}

#[derive(Debug, thiserror::Error)]
enum WebhookError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Unopenable(#[from] crate::store::sealing::Unopenable),
    #[error("a message could not be written: {0}")]
    Message(#[from] serde_json::Error),
}

pub(super) fn secret_context(id: impl std::fmt::Display) -> String {
    format!("webhook secret {id}")
}
