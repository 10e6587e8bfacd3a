//! The indexes of the accounts that were searched lately: each made from the database when it is first needed, and brought up to date before
//! every search, so that what any process has written is found.
//!
//! An index holds one account's audiences only, and is found by the account of who asks: a search can't reach across. The catalogue's version,
//! which counts up with every change, says in one small query whether there is anything new; then only what is new is read.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicUsize, Ordering},
    },
};

use futures::TryStreamExt;
use model::{
    contract::SegmentLabel,
    id::{AccountId, EndpointId},
};
use sqlx::{Row, any::AnyRow};

use super::index::{Entry, Index};
use crate::{
    hub::{Hub, Result, internal},
    registry::{parsed_id, undecodable},
    store::StoreError,
};

/// Bytes that all indexes together may take; the one in use may alone take more.
const MOST_BYTES: usize = 64 * 1024 * 1024;
/// Audiences that are taken in at a time.
const AT_ONCE: usize = 1_000;

/// One account's index.
#[derive(Default)]
pub(super) struct AccountIndex {
    /// Held by who brings it up to date.
    updating: tokio::sync::Mutex<()>,
    index: RwLock<Index>,
    bytes: AtomicUsize,
}

impl AccountIndex {
    /// Looks into it, on a thread of its own: a search of a large catalogue takes a core for some milliseconds.
    pub(super) async fn read<T: Send + 'static>(
        self: &Arc<Self>,
        look: impl FnOnce(&Index) -> T + Send + 'static,
    ) -> Result<T> {
        let index = self.clone();
        let looking = move || look(&index.index.read().unwrap_or_else(PoisonError::into_inner));
        tokio::task::spawn_blocking(looking).await.map_err(internal)
    }

    async fn change(self: &Arc<Self>, change: impl FnOnce(&mut Index) + Send + 'static) -> Result<()> {
        let index = self.clone();
        let changing = move || {
            let mut index_in_use = index.index.write().unwrap_or_else(PoisonError::into_inner);
            change(&mut index_in_use);
            index.bytes.store(index_in_use.bytes(), Ordering::Relaxed);
        };
        tokio::task::spawn_blocking(changing).await.map_err(internal)
    }

    fn version(&self) -> Option<i64> {
        self.index.read().unwrap_or_else(PoisonError::into_inner).version
    }

    fn shares_stamp(&self) -> Option<(i64, i64)> {
        self.index.read().unwrap_or_else(PoisonError::into_inner).shares_stamp
    }
}

/// All of them, the one that was used last at the end.
#[derive(Default)]
pub(crate) struct Indexes(Mutex<Vec<(AccountId, Arc<AccountIndex>)>>);

impl Indexes {
    fn of(&self, account_id: &AccountId) -> Arc<AccountIndex> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = all.iter().position(|(id, _)| id == account_id);
        let entry = match known {
            Some(place) => all.remove(place),
            None => (account_id.clone(), Arc::default()),
        };
        all.push(entry.clone());
        entry.1
    }

    /// Lets go of those that were not used for longest, as long as all together are too large.
    fn bound(&self) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes = |all: &[(AccountId, Arc<AccountIndex>)]| {
            all.iter().map(|(_, index)| index.bytes.load(Ordering::Relaxed)).sum::<usize>()
        };
        while all.len() > 1 && bytes(&all) > MOST_BYTES {
            all.remove(0);
        }
    }
}

impl Hub {
    /// The account's index, as the database is now.
    pub(super) async fn account_index(&self, account_id: &AccountId) -> Result<Arc<AccountIndex>> {
        let account = self.indexes().of(account_id);
        let version = self.catalogue_version(account_id).await.map_err(internal)?;
        let stamp = self.shares_stamp(account_id).await?;
        if account.version().is_none_or(|known| known < version) || account.shares_stamp() != Some(stamp) {
            // One at a time: who comes meanwhile finds it done.
            let _updating = account.updating.lock().await;
            if account.version().is_none_or(|known| known < version) {
                self.take_in(account_id, &account, version).await?;
            }
            if account.shares_stamp() != Some(stamp) {
                let shares = self.destinations_by_audience(account_id).await?;
                account.change(move |index| index.set_shares(shares, stamp)).await?;
            }
            self.indexes().bound();
        }
        Ok(account)
    }

    /// How many audiences each endpoint offers.
    pub(crate) async fn audience_counts(&self, account_id: &AccountId) -> Result<HashMap<EndpointId, u64>> {
        self.account_index(account_id).await?.read(Index::offered).await
    }

    async fn catalogue_version(&self, account_id: &AccountId) -> std::result::Result<i64, StoreError> {
        let row = sqlx::query("select version from catalogue where account_id = $1")
            .bind(account_id.as_str())
            .fetch_optional(self.database().reader())
            .await?;
        row.map_or(Ok(0), |row| Ok(row.try_get("version")?))
    }

    /// Reads what is newer than the index; all of it, when it is new or worn.
    async fn take_in(&self, account_id: &AccountId, account: &Arc<AccountIndex>, version: i64) -> Result<()> {
        let known = account.version();
        let is_worn = account.index.read().unwrap_or_else(PoisonError::into_inner).is_worn();
        let since = known.filter(|_| !is_worn);
        let mut fresh = match since {
            Some(_) => None,
            None => Some(Index::default()),
        };
        let sql = "select id, endpoint_id, name, description, size, fields, tags, label, updated_at, withdrawn_at
            from audience where account_id = $1 and version > $2";
        let rows = sqlx::query(sql).bind(account_id.as_str()).bind(since.unwrap_or(-1)).fetch(self.database().reader());
        let mut chunks = rows.try_chunks(AT_ONCE);
        let unreadable = |error: sqlx::Error| internal(StoreError::from(error));
        let mut newer = Vec::new();
        while let Some(rows) = chunks.try_next().await.map_err(|error| unreadable(error.1))? {
            let mut read: Vec<AudienceText> = Vec::with_capacity(rows.len());
            for row in &rows {
                read.push(audience_text(row).map_err(internal)?);
            }
            match fresh.take() {
                Some(mut index) => {
                    let taking = move || {
                        index.take_in(&read.iter().map(AudienceText::entry).collect::<Vec<_>>());
                        index
                    };
                    fresh = Some(tokio::task::spawn_blocking(taking).await.map_err(internal)?);
                }
                None => newer.extend(read),
            }
        }
        account
            .change(move |index| {
                if let Some(fresh) = fresh {
                    *index = fresh;
                }
                if !newer.is_empty() {
                    index.take_in(&newer.iter().map(AudienceText::entry).collect::<Vec<_>>());
                }
                index.version = Some(version);
                index.settle();
            })
            .await
    }
}

/// What an audience is found by, as it is kept.
struct AudienceText {
    id: String,
    endpoint_id: EndpointId,
    name: String,
    description: Option<String>,
    label: Option<SegmentLabel>,
    tags: Vec<String>,
    fields: String,
    size: Option<i64>,
    updated_at_ms: Option<i64>,
    is_vanished: bool,
}

impl AudienceText {
    fn entry(&self) -> Entry<'_> {
        Entry {
            id: &self.id,
            endpoint_id: &self.endpoint_id,
            name: &self.name,
            description: self.description.as_deref(),
            label: self.label.as_ref().map(super::label_texts).unwrap_or_default(),
            tags: self.tags.clone(),
            fields: &self.fields,
            size: self.size.and_then(|size| u64::try_from(size).ok()),
            updated_at_ms: self.updated_at_ms,
            is_vanished: self.is_vanished,
        }
    }
}

fn audience_text(row: &AnyRow) -> std::result::Result<AudienceText, StoreError> {
    let label: Option<String> = row.try_get("label")?;
    let updated_at: Option<String> = row.try_get("updated_at")?;
    Ok(AudienceText {
        id: row.try_get("id")?,
        endpoint_id: parsed_id(row, "endpoint_id")?,
        name: row.try_get("name")?,
        description: row.try_get("description")?,
        label: label.map(|label| serde_json::from_str(&label).map_err(undecodable)).transpose()?,
        tags: serde_json::from_str(&row.try_get::<String, _>("tags")?).map_err(undecodable)?,
        fields: row.try_get("fields")?,
        size: row.try_get("size")?,
        updated_at_ms: updated_at
            .and_then(|at| chrono::DateTime::parse_from_rfc3339(&at).ok())
            .map(|at| at.timestamp_millis()),
        is_vanished: row.try_get::<Option<i64>, _>("withdrawn_at")?.is_some(),
    })
}
