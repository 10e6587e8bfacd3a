//! Writing down what is to be told: the message, and one delivery for each who is told. And the words of it.

use model::{
    alert::{AlertEventKind, Channel, Condition, DeliveryState},
    id::{AccountId, AlertId, MessageId},
};
use sqlx::{Any, Row, Transaction};

use crate::{
    registry,
    store::{StoreError, new_id},
};

/// Writes a message down, and a delivery of it for everybody in the account who is told.
pub(super) async fn tell(
    transaction: &mut Transaction<'_, Any>,
    now: i64,
    account_id: &AccountId,
    alert_id: &AlertId,
    kind: AlertEventKind,
) -> Result<(), StoreError> {
    let id = write(transaction, now, account_id, Some(alert_id), kind).await?;
    let told = sqlx::query("select user_id from alert_email where account_id = $1")
        .bind(account_id.as_str())
        .fetch_all(&mut **transaction)
        .await?;
    let told: Vec<String> = told.iter().map(|row| row.try_get("user_id")).collect::<Result<_, _>>()?;
    if !told.is_empty() {
        for member in registry::members(transaction, account_id).await? {
            if told.iter().any(|id| id == member.id.as_str()) {
                deliver(transaction, now, account_id, &id, Channel::Email, member.id.as_str(), &member.email).await?;
            }
        }
    }
    let webhooks = sqlx::query(
        "select id, url from alert_webhook where account_id = $1 and secret is not null and disabled_at is null",
    )
    .bind(account_id.as_str())
    .fetch_all(&mut **transaction)
    .await?;
    for row in &webhooks {
        let (receiver, url): (String, String) = (row.try_get("id")?, row.try_get("url")?);
        deliver(transaction, now, account_id, &id, Channel::Webhook, &receiver, without_query(&url)).await?;
    }
    Ok(())
}

/// Writes a message down that nobody is told of yet.
pub(super) async fn write(
    transaction: &mut Transaction<'_, Any>,
    now: i64,
    account_id: &AccountId,
    alert_id: Option<&AlertId>,
    kind: AlertEventKind,
) -> Result<MessageId, StoreError> {
    let id: MessageId = new_id(MessageId::PREFIX);
    sqlx::query("insert into alert_message (id, account_id, alert_id, kind, created_at) values ($1, $2, $3, $4, $5)")
        .bind(id.as_str())
        .bind(account_id.as_str())
        .bind(alert_id.map(AlertId::as_str))
        .bind(kind.as_str())
        .bind(now)
        .execute(&mut **transaction)
        .await?;
    Ok(id)
}

/// Writes down that one receiver is to be told.
pub(super) async fn deliver(
    transaction: &mut Transaction<'_, Any>,
    now: i64,
    account_id: &AccountId,
    message_id: &MessageId,
    channel: Channel,
    receiver: &str,
    receiver_name: &str,
) -> Result<(), StoreError> {
    sqlx::query(
        "insert into alert_delivery (id, account_id, message_id, channel, receiver, receiver_name, state, due_at, created_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $8)",
    )
    .bind(uuid::Uuid::now_v7().simple().to_string())
    .bind(account_id.as_str())
    .bind(message_id.as_str())
    .bind(channel.as_str())
    .bind(receiver)
    .bind(receiver_name)
    .bind(DeliveryState::Waiting.as_str())
    .bind(now)
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

/// What follows may be a secret of the receiver's.
pub(super) fn without_query(url: &str) -> &str {
    url.split('?').next().unwrap_or_default()
}

/// A message in a few words: the subject of a mail, a line of the log.
pub(super) fn about(kind: AlertEventKind, condition: Option<Condition>, subject: &str) -> String {
    let condition = condition.map_or("Alert", Condition::label);
    match kind {
        AlertEventKind::Opened => format!("{condition}: {subject}"),
        AlertEventKind::Recovered => format!("Well again ({}): {subject}", condition.to_lowercase()),
        AlertEventKind::Test => "Test message from Usher".to_owned(),
    }
}
