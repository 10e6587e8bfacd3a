//! The rows of the rules: the account's, and a share's own in their place.

use model::{
    alert::AlertRules,
    id::{AccountId, ShareId},
};
use sqlx::{Any, Row, Transaction, any::AnyRow};

use crate::{
    registry::undecodable,
    store::{Database, StoreError, clock::rfc3339},
};

/// Rules that somebody set: who, and when.
pub(super) type SetRules = (AlertRules, (String, String));

fn set_rules(row: &AnyRow) -> Result<SetRules, StoreError> {
    let rules = serde_json::from_str(&row.try_get::<String, _>("rules")?).map_err(undecodable)?;
    Ok((rules, (row.try_get("changed_by")?, rfc3339(row.try_get("changed_at")?))))
}

/// What holds for a share.
pub(super) async fn of_share(
    transaction: &mut Transaction<'_, Any>,
    account_id: &AccountId,
    share_id: &ShareId,
) -> Result<AlertRules, StoreError> {
    let own = sqlx::query(
        "select rules, changed_by, changed_at from share_alert_rule where account_id = $1 and share_id = $2",
    )
    .bind(account_id.as_str())
    .bind(share_id.as_str())
    .fetch_optional(&mut **transaction)
    .await?;
    match own {
        Some(row) => Ok(set_rules(&row)?.0),
        None => of_account(transaction, account_id).await,
    }
}

/// What holds for an account.
pub(super) async fn of_account(
    transaction: &mut Transaction<'_, Any>,
    account_id: &AccountId,
) -> Result<AlertRules, StoreError> {
    let row = sqlx::query("select rules, changed_by, changed_at from alert_rule where account_id = $1")
        .bind(account_id.as_str())
        .fetch_optional(&mut **transaction)
        .await?;
    Ok(row.map(|row| set_rules(&row)).transpose()?.map(|(rules, _)| rules).unwrap_or_default())
}

/// What an account has set.
pub(super) async fn set_by_account(
    database: &Database,
    account_id: &AccountId,
) -> Result<Option<SetRules>, StoreError> {
    let row = sqlx::query("select rules, changed_by, changed_at from alert_rule where account_id = $1")
        .bind(account_id.as_str())
        .fetch_optional(database.reader())
        .await?;
    row.map(|row| set_rules(&row)).transpose()
}

/// What was set for a share.
pub(super) async fn set_for_share(
    database: &Database,
    account_id: &AccountId,
    share_id: &ShareId,
) -> Result<Option<SetRules>, StoreError> {
    let row = sqlx::query(
        "select rules, changed_by, changed_at from share_alert_rule where account_id = $1 and share_id = $2",
    )
    .bind(account_id.as_str())
    .bind(share_id.as_str())
    .fetch_optional(database.reader())
    .await?;
    row.map(|row| set_rules(&row)).transpose()
}
