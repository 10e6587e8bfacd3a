//! How a share stands, as far as people may have to be told: read within the transaction that tells them.

use model::id::{AccountId, ShareId};
use sqlx::{Any, Executor, Row, Transaction, any::AnyRow};

use super::schedule::{ScheduleEnd, end_of, planned};
use crate::{
    registry::parsed_id,
    store::{Database, StoreError},
};

/// What is known of a share beside its runs.
#[derive(Debug, Clone)]
pub(crate) struct ShareStanding {
    /// "Customers to Beacon Mail".
    pub(crate) name: String,
    /// It has been used; a draft says nothing yet.
    pub(crate) is_active: bool,
    /// Why no run of it can start since its fields changed.
    pub(crate) held_because: Option<String>,
    /// When its next run is due by itself.
    pub(crate) planned: Option<i64>,
    /// When its schedule is over, where it ends by itself.
    pub(crate) ends: Option<ScheduleEnd>,
}

/// How a share stands; none when it is gone.
pub(crate) async fn standing(
    transaction: &mut Transaction<'_, Any>,
    account_id: &AccountId,
    share_id: &ShareId,
) -> Result<Option<ShareStanding>, StoreError> {
    let Some(row) = named(&mut **transaction, account_id, share_id).await? else { return Ok(None) };
    Ok(Some(ShareStanding {
        name: name_in(&row)?,
        is_active: row.try_get::<String, _>("state")? == "active",
        held_because: row.try_get("held_because")?,
        planned: planned(transaction, account_id, share_id).await?,
        ends: end_of(transaction, account_id, share_id).await?,
    }))
}

/// What people call a share: "Customers to Beacon Mail"; none when it is gone.
pub(super) async fn name<'c>(
    executor: impl Executor<'c, Database = Any>,
    account_id: &AccountId,
    share_id: &ShareId,
) -> Result<Option<String>, StoreError> {
    named(executor, account_id, share_id).await?.as_ref().map(name_in).transpose()
}

async fn named<'c>(
    executor: impl Executor<'c, Database = Any>,
    account_id: &AccountId,
    share_id: &ShareId,
) -> Result<Option<AnyRow>, StoreError> {
    let row = sqlx::query(
        "select s.state, s.held_because, a.name as audience_name, destination.name as destination_name
         from share s join audience a on a.id = s.audience_id left join endpoint destination on destination.id = s.destination_endpoint_id
         where s.account_id = $1 and s.id = $2",
    )
    .bind(account_id.as_str())
    .bind(share_id.as_str())
    .fetch_optional(executor)
    .await?;
    Ok(row)
}

fn name_in(row: &AnyRow) -> Result<String, StoreError> {
    Ok(name_of(row.try_get("audience_name")?, row.try_get("destination_name")?))
}

/// "Customers to Beacon Mail"; the audience alone while no destination is chosen.
pub(super) fn name_of(audience: String, destination: Option<String>) -> String {
    match destination {
        Some(destination) => format!("{audience} to {destination}"),
        None => audience,
    }
}

/// The shares of an account that have been used.
pub(crate) async fn active_shares(database: &Database, account_id: &AccountId) -> Result<Vec<ShareId>, StoreError> {
    let rows = sqlx::query("select id from share where account_id = $1 and state = 'active'")
        .bind(account_id.as_str())
        .fetch_all(database.reader())
        .await?;
    rows.iter().map(|row| parsed_id(row, "id")).collect()
}
