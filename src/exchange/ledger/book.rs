//! The rows of ledgers: which there is for a share and a segment, under which key, and where its members lie.

use model::id::{AccountId, EndpointId, LedgerId, ShareId};
use sqlx::{Any, Row, Transaction, any::AnyRow};

use super::blocks::Series;
use crate::{
    exchange::runs::{corrupt, from_integer, id_of, to_integer},
    store::{Database, PayloadKey, StoreError, identity::new_id, sealing::Sealing},
};

/// A ledger as it is now.
#[derive(Debug, Clone)]
pub(in crate::exchange) struct Ledger {
    pub(in crate::exchange) id: LedgerId,
    /// Everything of it is sealed with this, and hashed with what is derived from it.
    pub(in crate::exchange) key: PayloadKey,
    /// The destination's fields by which members are kept.
    pub(in crate::exchange) columns: Vec<String>,
    pub(in crate::exchange) members: u64,
    pub(in crate::exchange) series: Series,
}

/// For whom a ledger is.
pub(in crate::exchange) struct Owner<'a> {
    pub(in crate::exchange) account_id: &'a AccountId,
    pub(in crate::exchange) share_id: &'a ShareId,
    pub(in crate::exchange) endpoint_id: &'a EndpointId,
    /// The consumer's id of the segment; none while it is to be made.
    pub(in crate::exchange) segment_id: Option<&'a str>,
}

impl Ledger {
    fn of(row: &AnyRow, sealing: &Sealing) -> Result<Self, StoreError> {
        let id: LedgerId = id_of(row, "id")?;
        let wrapped: Vec<u8> = row.try_get("key")?;
        let key = sealing.open(&wrapped, &key_context(&id)).ok().and_then(|bytes| PayloadKey::from_bytes(&bytes));
        let columns: String = row.try_get("columns")?;
        Ok(Self {
            key: key.ok_or_else(|| corrupt("ledger's key"))?,
            columns: serde_json::from_str(&columns).map_err(|_| corrupt("ledger"))?,
            members: from_integer(row.try_get("members")?),
            series: Series {
                folder: row.try_get::<Option<String>, _>("folder")?.unwrap_or_default(),
                blocks: u32::try_from(row.try_get::<i64, _>("blocks")?).map_err(|_| corrupt("ledger"))?,
            },
            id,
        })
    }

    /// Where a new generation of its members goes.
    pub(in crate::exchange) fn new_folder(&self) -> String {
        format!("{}/{}", self.all_folders(), uuid::Uuid::now_v7().simple())
    }

    /// Where all of its generations are.
    fn all_folders(&self) -> String {
        format!("ledgers/{}", self.id)
    }
}

/// What a ledger's wrapped key is bound to.
pub(in crate::exchange) fn key_context(id: impl std::fmt::Display) -> String {
    format!("ledger {id}")
}

/// The ledger of that id.
pub(in crate::exchange) async fn load(
    database: &Database,
    sealing: &Sealing,
    id: &LedgerId,
) -> Result<Ledger, StoreError> {
    let row = sqlx::query("select * from ledger where id = $1").bind(id.as_str()).fetch_one(database.reader()).await?;
    Ledger::of(&row, sealing)
}

/// The ledger of a share and a segment; a new one, with nobody in it, when there is none.
pub(in crate::exchange) async fn open(
    database: &Database,
    sealing: &Sealing,
    owner: Owner<'_>,
    now: i64,
) -> Result<Ledger, StoreError> {
    if let Some(segment_id) = owner.segment_id {
        let row = sqlx::query(
            "select * from ledger where account_id = $1 and share_id = $2 and endpoint_id = $3 and segment_id = $4",
        )
        .bind(owner.account_id.as_str())
        .bind(owner.share_id.as_str())
        .bind(owner.endpoint_id.as_str())
        .bind(segment_id)
        .fetch_optional(database.reader())
        .await?;
        if let Some(row) = row {
            return Ledger::of(&row, sealing);
        }
    }
    let id: LedgerId = new_id(LedgerId::PREFIX);
    let key = PayloadKey::generate();
    sqlx::query(
        "insert into ledger (id, account_id, share_id, endpoint_id, segment_id, key, columns, updated_at)
         values ($1, $2, $3, $4, $5, $6, '[]', $7)",
    )
    .bind(id.as_str())
    .bind(owner.account_id.as_str())
    .bind(owner.share_id.as_str())
    .bind(owner.endpoint_id.as_str())
    .bind(owner.segment_id)
    .bind(sealing.seal(key.as_bytes(), &key_context(&id)))
    .bind(now)
    .execute(database.writer())
    .await?;
    let series = Series { folder: String::new(), blocks: 0 };
    Ok(Ledger { id, key, columns: Vec::new(), members: 0, series })
}

/// Forgets whom a share has sent: without their keys nothing of the ledgers can be opened any more. Gives the folders that are left, to be removed once
/// that is committed.
pub(crate) async fn forget_ledgers(
    transaction: &mut Transaction<'_, Any>,
    account_id: &AccountId,
    share_id: &ShareId,
) -> Result<Vec<String>, StoreError> {
    let rows = sqlx::query("delete from ledger where account_id = $1 and share_id = $2 returning id")
        .bind(account_id.as_str())
        .bind(share_id.as_str())
        .fetch_all(&mut **transaction)
        .await?;
    // What became of its runs need not be told any more; without that their rows would be kept for ever.
    sqlx::query(
        "update run set ledger_open = 0, read_whole_at = null, version = version + 1
         where account_id = $1 and share_id = $2 and ledger_open = 1",
    )
    .bind(account_id.as_str())
    .bind(share_id.as_str())
    .execute(&mut **transaction)
    .await?;
    rows.iter().map(|row| Ok(format!("ledgers/{}", id_of::<LedgerId>(row, "id")?))).collect()
}

/// What a ledger is after a run.
#[derive(Debug, Clone)]
pub(in crate::exchange) struct Settled {
    pub(in crate::exchange) id: LedgerId,
    pub(in crate::exchange) columns: Vec<String>,
    pub(in crate::exchange) members: u64,
    pub(in crate::exchange) series: Series,
    /// The consumer's id of the segment, once it is known.
    pub(in crate::exchange) segment_id: Option<String>,
    /// Where the members were before.
    pub(in crate::exchange) replaced: String,
}

/// Makes the new members valid.
pub(in crate::exchange) async fn replace(
    transaction: &mut Transaction<'_, Any>,
    settled: &Settled,
    now: i64,
) -> Result<(), StoreError> {
    sqlx::query(
        "update ledger set columns = $2, members = $3, folder = $4, blocks = $5, segment_id = coalesce(segment_id, $6),
            updated_at = $7 where id = $1",
    )
    .bind(settled.id.as_str())
    .bind(serde_json::to_string(&settled.columns).map_err(|_| corrupt("ledger"))?)
    .bind(to_integer(settled.members))
    .bind(settled.series.folder.as_str())
    .bind(i64::from(settled.series.blocks))
    .bind(settled.segment_id.as_deref())
    .bind(now)
    .execute(&mut **transaction)
    .await?;
    Ok(())
}
