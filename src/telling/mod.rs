//! Telling people: what is the matter with shares and endpoints, said once when it comes and once when it is well again.
//!
//! A condition of a share is an alert as long as it holds; its rows are here. Whoever changes what counts (a run ends, a schedule is kept, fields
//! change) asks within the same transaction that the share be looked at; looking compares what is with what is open, by the rules of the share or the
//! account, and writes what is to be told. Telling itself is apart: deliveries are rows, claimed one by one, tried again, and kept as the log.
//!
//! Nothing here changes a run or a share. Messages carry names, counts and links, never a value of a row.

mod delivering;
mod desk;
mod endings;
mod judging;
mod messages;
mod rules;
mod watching;

use std::time::Duration;

use model::id::{AccountId, ShareId};
use sqlx::{Any, Transaction};

use crate::store::{StoreError, resealing::SealedColumn};

/// What of telling people is sealed.
pub(crate) const SEALED: [SealedColumn; 2] = [
    SealedColumn { table: "alert_webhook", id: "id", column: "secret", context: |id| delivering::secret_context(id) },
    SealedColumn {
        table: "alert_webhook",
        id: "id",
        column: "old_secret",
        context: |id| delivering::secret_context(id),
    },
];

/// How often it is looked for what is to be looked at, and for what is to be told.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// A run that ends sooner is not looked at before its end.
const SOON_MS: i64 = 60_000;

/// Asks that a share be looked at, within the transaction that changes what counts.
pub(crate) async fn look(
    transaction: &mut Transaction<'_, Any>,
    now: i64,
    account_id: &AccountId,
    share_id: &ShareId,
) -> Result<(), StoreError> {
    look_by(transaction, now, account_id, share_id).await
}

/// The same, after a while: something began that may take too long.
pub(crate) async fn look_soon(
    transaction: &mut Transaction<'_, Any>,
    now: i64,
    account_id: &AccountId,
    share_id: &ShareId,
) -> Result<(), StoreError> {
    look_by(transaction, now.saturating_add(SOON_MS), account_id, share_id).await
}

async fn look_by(
    transaction: &mut Transaction<'_, Any>,
    moment: i64,
    account_id: &AccountId,
    share_id: &ShareId,
) -> Result<(), StoreError> {
    sqlx::query(
        "insert into alert_watch (share_id, account_id, look_at) values ($1, $2, $3)
         on conflict (share_id) do update set look_at = excluded.look_at
         where alert_watch.look_at is null or alert_watch.look_at > excluded.look_at",
    )
    .bind(share_id.as_str())
    .bind(account_id.as_str())
    .bind(moment)
    .execute(&mut **transaction)
    .await?;
    Ok(())
}
