//! Telling: each delivery is tried, tried again ever more rarely (`outbound::outbox`), and kept as the log of what became of it. Here is what messages
//! say on each way, who may still be told, and what is noted.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use model::{
    alert::{AlertEvent, AlertEventData, AlertEventKind, Channel, Condition, DeliveryState, Subject, page_of},
    id::{AccountId, AlertId, AlertWebhookId, MessageId, UserId},
};
use sqlx::{Row, any::AnyRow};
use tokio_util::sync::CancellationToken;
use url::Url;

use super::messages::about;
use crate::{
    hub::Hub,
    outbound::{
        Mail, MailError, WebhookSecret,
        outbox::{self, Outbox},
    },
    registry::{parsed_id, undecodable},
    store::{StoreError, clock::rfc3339, outbox::Lease},
};

/// A delivery that this process is to make.
struct Claimed {
    lease: Lease,
    account_id: AccountId,
    message_id: MessageId,
    channel: Channel,
    receiver: String,
}

/// What people and programs are still to be told.
#[derive(Clone)]
struct Deliveries {
    hub: Hub,
    /// Where people reach this Usher.
    address: Arc<str>,
}

impl Deliveries {
    fn of(hub: &Hub, address: &str) -> Self {
        Self { hub: hub.clone(), address: address.trim_end_matches('/').into() }
    }
}

impl Outbox for Deliveries {
    type Message = Claimed;
    type Error = StoreError;

    async fn claim(&self) -> Result<Option<Claimed>, StoreError> {
        let claimed = self.hub.database().claim_message("alert_delivery", self.hub.now_ms()).await?;
        let Some((lease, row)) = claimed else { return Ok(None) };
        Ok(Some(Claimed {
            lease,
            account_id: parsed_id(&row, "account_id")?,
            message_id: parsed_id(&row, "message_id")?,
            channel: Channel::parse(&row.try_get::<String, _>("channel")?).ok_or_else(|| unreadable("channel"))?,
            receiver: row.try_get("receiver")?,
        }))
    }

    async fn send(&self, message: Claimed) {
        self.hub.make_delivery(message, &self.address).await;
    }
}

/// What a message says, however it is told.
struct Message {
    kind: AlertEventKind,
    at: i64,
    account: String,
    alert: Option<AboutAlert>,
}

struct AboutAlert {
    id: AlertId,
    condition: Condition,
    subject: Subject,
    cause: String,
    run_id: Option<model::id::RunId>,
}

/// What became of an attempt.
enum Outcome {
    Sent,
    Again {
        at: i64,
        detail: String,
    },
    GivenUp {
        detail: String,
    },
    /// The receiver wants no more, or has not taken anything for days: it is told nothing until somebody sees to it.
    TurnedOff {
        detail: String,
    },
}

impl Hub {
    /// Tells people and programs until `stop` is cancelled. `address` is where people reach this Usher, for the links.
    pub async fn deliver_alerts(&self, address: String, stop: CancellationToken) {
        outbox::send_all(Deliveries::of(self, &address), stop).await;
    }

    /// Makes every delivery that is due now, one after the other; how many there were. For tests that move the clock.
    #[cfg(test)]
    pub(crate) async fn deliver_due_alerts(&self, address: &str) -> usize {
        outbox::send_due(Deliveries::of(self, address)).await
    }

    /// Claims a delivery and does nothing more, as a process that dies.
    #[cfg(test)]
    pub(crate) async fn claim_and_die(&self) {
        assert!(Deliveries::of(self, "").claim().await.expect("claims").is_some(), "there was one");
    }

    async fn make_delivery(&self, claimed: Claimed, address: &str) {
        let made = async {
            let outcome = self.attempt_delivery(&claimed, address).await?;
            self.note_delivery(&claimed, outcome).await
        };
        if let Err(error) = made.await {
            tracing::error!(account.id = %claimed.account_id, %error, "a delivery could not be made; it is tried again soon");
        }
    }

    async fn attempt_delivery(&self, claimed: &Claimed, address: &str) -> Result<Outcome, DeliveryError> {
        let Some(message) = self.alert_message(claimed).await? else {
            return Ok(Outcome::GivenUp { detail: "What it is about is gone.".to_owned() });
        };
        let outcome = match claimed.channel {
            Channel::Email => self.mail(claimed, &message, address).await?,
            Channel::Webhook => self.call_webhook(claimed, &message, address).await?,
        };
        let word = match outcome {
            Outcome::Sent => "ok",
            _ => "failed",
        };
        metrics::counter!("usher_alert_deliveries_total", "channel" => claimed.channel.as_str(), "outcome" => word)
            .increment(1);
        Ok(outcome)
    }

    async fn alert_message(&self, claimed: &Claimed) -> Result<Option<Message>, StoreError> {
        let row = sqlx::query(
            "select m.kind, m.created_at, m.alert_id, a.share_id, a.endpoint_id, a.subject_name, a.condition, a.cause, a.closed_cause, a.run_id,
                account.name as account_name
             from alert_message m join account on account.id = m.account_id left join alert a on a.id = m.alert_id
             where m.id = $1 and m.account_id = $2",
        )
        .bind(claimed.message_id.as_str())
        .bind(claimed.account_id.as_str())
        .fetch_optional(self.database().reader())
        .await?;
        let Some(row) = row else { return Ok(None) };
        let kind: String = row.try_get("kind")?;
        let kind = AlertEventKind::parse(&kind).ok_or_else(|| unreadable("kind"))?;
        let alert = match row.try_get::<Option<String>, _>("alert_id")? {
            None => None,
            Some(id) => Some(AboutAlert {
                id: id.parse().map_err(undecodable)?,
                condition: Condition::parse(&row.try_get::<String, _>("condition")?)
                    .ok_or_else(|| unreadable("condition"))?,
                subject: subject(&row)?,
                cause: match kind {
                    AlertEventKind::Recovered => row.try_get::<Option<String>, _>("closed_cause")?.unwrap_or_default(),
                    _ => row.try_get("cause")?,
                },
                run_id: row
                    .try_get::<Option<String>, _>("run_id")?
                    .map(|id| id.parse().map_err(undecodable))
                    .transpose()?,
            }),
        };
        Ok(Some(Message { kind, at: row.try_get("created_at")?, account: row.try_get("account_name")?, alert }))
    }

    async fn mail(&self, claimed: &Claimed, message: &Message, address: &str) -> Result<Outcome, DeliveryError> {
        let user_id: UserId = claimed.receiver.parse().map_err(undecodable)?;
        // Whoever left the account since is told nothing more of it.
        let person = self.actor(&user_id, &claimed.account_id).await.map_err(DeliveryError::Hub)?;
        let Some(person) = person else {
            return Ok(Outcome::GivenUp { detail: "They are not in the account any more.".to_owned() });
        };
        let Some(mailer) = self.mailer() else {
            return Ok(Outcome::GivenUp { detail: format!("Not sent: {}.", MailError::NoServer) });
        };
        let mail = Mail {
            to: person.email,
            subject: message.about(),
            text: message.text(address),
            id: claimed.message_id.to_string(),
        };
        Ok(match mailer.send(mail).await {
            Ok(()) => Outcome::Sent,
            Err(error @ (MailError::Refused(_) | MailError::Address | MailError::NoServer)) => {
                Outcome::GivenUp { detail: format!("Not sent: {error}.") }
            }
            Err(error @ MailError::Later(_)) => match self.next_attempt(claimed, None) {
                Some(at) => Outcome::Again { at, detail: format!("Not sent yet: {error}.") },
                None => Outcome::GivenUp { detail: format!("Not sent: {error}.") },
            },
        })
    }

    async fn call_webhook(
        &self,
        claimed: &Claimed,
        message: &Message,
        address: &str,
    ) -> Result<Outcome, DeliveryError> {
        let id: AlertWebhookId = claimed.receiver.parse().map_err(undecodable)?;
        let row = sqlx::query(
            "select url, secret, old_secret, old_secret_until from alert_webhook
             where id = $1 and account_id = $2 and secret is not null and disabled_at is null",
        )
        .bind(id.as_str())
        .bind(claimed.account_id.as_str())
        .fetch_optional(self.database().reader())
        .await
        .map_err(StoreError::from)?;
        let Some(row) = row else {
            return Ok(Outcome::GivenUp { detail: "The webhook was removed or turned off.".to_owned() });
        };
        let url: String = row.try_get("url").map_err(StoreError::from)?;
        let url = Url::parse(&url).map_err(undecodable)?;
        let current: Vec<u8> = row.try_get("secret").map_err(StoreError::from)?;
        let old: Option<Vec<u8>> = row.try_get("old_secret").map_err(StoreError::from)?;
        let until: Option<i64> = row.try_get("old_secret_until").map_err(StoreError::from)?;
        let old = old.filter(|_| until.is_some_and(|until| until > self.now_ms()));
        let mut secrets = Vec::new();
        for sealed in [Some(current), old].into_iter().flatten() {
            secrets.push(WebhookSecret::from_bytes(self.sealing().open(&sealed, &secret_context(&id))?));
        }
        let body = Bytes::from(serde_json::to_vec(&message.event(address))?);
        let sent = self.outbound().send_webhook(&url, &secrets, claimed.message_id.as_str(), self.now_ms(), body).await;
        let Err(error) = sent else { return Ok(Outcome::Sent) };
        tracing::warn!(account.id = %claimed.account_id, attempt = claimed.lease.attempts, %error, "an alert's webhook did not take a message");
        let detail = format!("Not taken: {error}.");
        if error.wants_no_more() {
            return Ok(Outcome::TurnedOff { detail });
        }
        // A test says at once what it met; it is not made again and again.
        if message.kind == AlertEventKind::Test {
            return Ok(Outcome::GivenUp { detail });
        }
        Ok(match self.next_attempt(claimed, error.retry_after()) {
            Some(at) => Outcome::Again { at, detail: format!("Not taken yet: {error}.") },
            None => Outcome::TurnedOff { detail },
        })
    }

    /// When a delivery is tried again; none when it was tried for long enough.
    fn next_attempt(&self, claimed: &Claimed, asked: Option<Duration>) -> Option<i64> {
        let (lease, retry) = (&claimed.lease, &self.exchange().settings.retry);
        outbox::again_at(retry, lease.attempts, lease.created_at, self.now_ms(), asked)
    }

    async fn note_delivery(&self, claimed: &Claimed, outcome: Outcome) -> Result<(), DeliveryError> {
        let (state, due_at, detail, turns_off) = match outcome {
            Outcome::Sent => (DeliveryState::Sent, None, None, false),
            Outcome::Again { at, detail } => (DeliveryState::Waiting, Some(at), Some(detail), false),
            Outcome::GivenUp { detail } => (DeliveryState::GivenUp, None, Some(detail), false),
            Outcome::TurnedOff { detail } => (DeliveryState::GivenUp, None, Some(detail), true),
        };
        let mut transaction = self.database().begin().await?;
        let noted = sqlx::query(
            "update alert_delivery set state = $1, due_at = $2, detail = $3, attempted_at = $4 where id = $5 and attempt_id = $6",
        )
        .bind(state.as_str())
        .bind(due_at)
        .bind(detail.as_deref())
        .bind(self.now_ms())
        .bind(claimed.lease.id.as_str())
        .bind(claimed.lease.attempt_id.as_str())
        .execute(&mut *transaction)
        .await
        .map_err(StoreError::from)?;
        if turns_off && noted.rows_affected() == 1 {
            sqlx::query("update alert_webhook set disabled_at = $1, failure = $2 where id = $3 and account_id = $4")
                .bind(self.now_ms())
                .bind(detail)
                .bind(claimed.receiver.as_str())
                .bind(claimed.account_id.as_str())
                .execute(&mut *transaction)
                .await
                .map_err(StoreError::from)?;
        }
        transaction.commit().await.map_err(StoreError::from)?;
        Ok(())
    }
}

/// What an alert's row is about.
pub(super) fn subject(row: &AnyRow) -> Result<Subject, StoreError> {
    let name: String = row.try_get("subject_name")?;
    match row.try_get::<Option<String>, _>("share_id")? {
        Some(id) => Ok(Subject::Share { id: id.parse().map_err(undecodable)?, name }),
        None => Ok(Subject::Endpoint { id: parsed_id(row, "endpoint_id")?, name }),
    }
}

pub(super) fn secret_context(id: impl std::fmt::Display) -> String {
    format!("alert webhook secret {id}")
}

pub(super) fn unreadable(what: &'static str) -> StoreError {
    StoreError::Sqlx(sqlx::Error::Decode(format!("an alert's {what} can't be read").into()))
}

impl Message {
    fn about(&self) -> String {
        let (condition, name) =
            self.alert.as_ref().map_or((None, ""), |alert| (Some(alert.condition), alert.subject.name()));
        about(self.kind, condition, name)
    }

    fn cause(&self) -> &str {
        self.alert.as_ref().map_or("Somebody tries whether messages of Usher arrive. They do.", |alert| &alert.cause)
    }

    fn link(&self, address: &str) -> String {
        let Some(alert) = &self.alert else { return format!("{address}/account/alerts") };
        let page = match self.kind {
            AlertEventKind::Opened => page_of(alert.condition, &alert.subject, alert.run_id.as_ref()),
            AlertEventKind::Recovered | AlertEventKind::Test => alert.subject.page(),
        };
        format!("{address}{page}")
    }

    /// The text of a mail.
    fn text(&self, address: &str) -> String {
        format!(
            "{}\n\n{}\n\n{}\n\n--\nAlerts of the account “{}” are mailed to you. Who gets them is set here:\n{address}/account/alerts\n",
            self.about(),
            self.cause(),
            self.link(address),
            self.account,
        )
    }

    fn event(&self, address: &str) -> AlertEvent {
        AlertEvent {
            kind: self.kind,
            timestamp: rfc3339(self.at),
            data: AlertEventData {
                alert_id: self.alert.as_ref().map(|alert| alert.id.clone()),
                condition: self.alert.as_ref().map(|alert| alert.condition),
                subject: self.alert.as_ref().map(|alert| alert.subject.clone()),
                run_id: self.alert.as_ref().and_then(|alert| alert.run_id.clone()),
                cause: self.cause().to_owned(),
                account: self.account.clone(),
                link: self.link(address),
            },
        }
    }
}

#[derive(Debug, thiserror::Error)]
enum DeliveryError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Hub(model::error::HubError),
    #[error(transparent)]
    Unopenable(#[from] crate::store::sealing::Unopenable),
    #[error("a message could not be written: {0}")]
    Message(#[from] serde_json::Error),
}
