//! Versions of a mapping: each change is kept with who made it, when and why; told apart in sentences; and can be put in place again.

use model::{
    error::HubError,
    id::{AccountId, ShareId},
    mapping::{BothFields, Mapping, differences},
    view::{Actor, MappingCause, MappingVersion, Role, ShareView},
};
use sqlx::{Any, Row, Transaction, any::AnyRow};

use crate::{
    hub::{Hub, Result, internal},
    registry::{require, undecodable},
    store::{StoreError, clock::rfc3339},
};

/// Versions on the page.
const MOST_LISTED: i64 = 200;
/// Edits of one person that follow each other this fast are one version: the mapping is saved with each stroke.
const ONE_SITTING_MS: i64 = 10 * 60 * 1000;

/// Why a mapping changes.
#[derive(Clone, Copy)]
pub(super) struct Change<'a> {
    pub(super) cause: MappingCause,
    /// What it was taken from: a template's name, a version.
    pub(super) note: Option<&'a str>,
    /// The version that the person had before them; none when whatever is there is to be replaced.
    pub(super) seen: Option<u32>,
}

impl Change<'_> {
    pub(super) fn of(cause: MappingCause) -> Self {
        Self { cause, note: None, seen: None }
    }
}

impl Hub {
    /// Puts a mapping in place as the share's next version. Nothing is done when it is the same. `fields` are those that the person saw.
    pub(super) async fn put_mapping(
        &self,
        actor: &Actor,
        id: &ShareId,
        mapping: &Mapping,
        fields: &BothFields,
        change: Change<'_>,
    ) -> Result<()> {
        let put = self.try_put_mapping(actor, id, mapping, fields, change).await.map_err(internal)?;
        if put {
            return self.follow_share(&actor.account_id, id).await;
        }
        let share = self.share_row(actor, id).await?;
        if share.mapping == *mapping {
            return Ok(());
        }
        Err(share.outdated(actor, "Mapping", &format!("It is version {} now.", share.mapping_version)))
    }

    async fn try_put_mapping(
        &self,
        actor: &Actor,
        id: &ShareId,
        mapping: &Mapping,
        fields: &BothFields,
        change: Change<'_>,
    ) -> std::result::Result<bool, StoreError> {
        let text = json(mapping)?;
        let now = self.now_ms();
        let mut transaction = self.database().begin().await?;
        let row = sqlx::query(
            "update share set mapping = $1, mapping_version = mapping_version + 1, known_fields = $2, changed_by = $3, updated_at = $4
             where id = $5 and account_id = $6 and mapping <> $1 and ($7 < 0 or mapping_version = $7) returning mapping_version",
        )
        .bind(text.as_str())
        .bind(json(fields)?)
        .bind(actor.user_name.as_str())
        .bind(now)
        .bind(id.as_str())
        .bind(actor.account_id.as_str())
        .bind(change.seen.map_or(-1, i64::from))
        .fetch_optional(&mut *transaction)
        .await?;
        let Some(row) = row else { return Ok(false) };
        note_version(&mut transaction, now, actor, id, row.try_get("mapping_version")?, &text, change).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// All versions of a share's mapping, the newest first, each with what it changed.
    pub async fn mapping_versions(&self, actor: &Actor, id: &ShareId) -> Result<Vec<MappingVersion>> {
        let share = self.share(actor, id).await?;
        let sql = "select version, mapping, cause, note, changed_by, changed_at, used_at from mapping_version
            where share_id = $1 and account_id = $2 order by version desc limit $3";
        let rows = sqlx::query(sql)
            .bind(id.as_str())
            .bind(actor.account_id.as_str())
            .bind(MOST_LISTED)
            .fetch_all(self.database().reader())
            .await
            .map_err(internal)?;
        let kept: std::result::Result<Vec<Kept>, StoreError> = rows.iter().map(Kept::of).collect();
        let kept = kept.map_err(internal)?;
        let destination =
            share.destination.as_ref().map(|destination| destination.fields.as_slice()).unwrap_or_default();
        let nothing = Mapping::default();
        let versions = kept.iter().enumerate().map(|(index, version)| {
            let before = kept.get(index + 1).map_or(&nothing, |before| &before.mapping);
            MappingVersion {
                version: version.version,
                cause: version.cause,
                note: version.note.clone(),
                changed_by: version.changed_by.clone(),
                changed_at: rfc3339(version.changed_at),
                is_used: version.is_used,
                changes: differences(before, &version.mapping, &share.fields, destination),
                restoring: differences(&share.mapping, &version.mapping, &share.fields, destination),
            }
        });
        Ok(versions.collect())
    }

    /// Puts an earlier version in place again, as a new one.
    pub async fn restore_mapping(&self, actor: &Actor, id: &ShareId, version: u32) -> Result<ShareView> {
        require(actor, Role::Member)?;
        let share = self.share(actor, id).await?;
        let sql = "select mapping from mapping_version where share_id = $1 and account_id = $2 and version = $3";
        let row = sqlx::query(sql)
            .bind(id.as_str())
            .bind(actor.account_id.as_str())
            .bind(i64::from(version))
            .fetch_optional(self.database().reader())
            .await
            .map_err(internal)?;
        let row = row.ok_or_else(|| HubError::not_found("version of the mapping"))?;
        let mapping = mapping_of(&row).map_err(internal)?;
        let note = version.to_string();
        let change = Change { note: Some(&note), ..Change::of(MappingCause::Restored) };
        self.put_mapping(actor, id, &mapping, &share.both_fields(), change).await?;
        self.share(actor, id).await
    }
}

/// Writes a version down, within the transaction that changes the share. An edit that follows an unused one of the same person within a sitting takes
/// its place.
pub(super) async fn note_version(
    transaction: &mut Transaction<'_, Any>,
    now: i64,
    actor: &Actor,
    id: &ShareId,
    version: i64,
    mapping: &str,
    change: Change<'_>,
) -> std::result::Result<(), StoreError> {
    if change.cause == MappingCause::Edited {
        sqlx::query(
            "delete from mapping_version where share_id = $1 and account_id = $2 and cause = $3 and changed_by_id = $4
                and changed_at > $5 and used_at is null
                and version = (select max(version) from mapping_version where share_id = $1)",
        )
        .bind(id.as_str())
        .bind(actor.account_id.as_str())
        .bind(MappingCause::Edited.as_str())
        .bind(actor.user_id.as_str())
        .bind(now - ONE_SITTING_MS)
        .execute(&mut **transaction)
        .await?;
    }
    sqlx::query(
        "insert into mapping_version (share_id, version, account_id, mapping, cause, note, changed_by_id, changed_by, changed_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(id.as_str())
    .bind(version)
    .bind(actor.account_id.as_str())
    .bind(mapping)
    .bind(change.cause.as_str())
    .bind(change.note)
    .bind(actor.user_id.as_str())
    .bind(actor.user_name.as_str())
    .bind(now)
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

/// Notes that a run uses a version, so that it is kept as it is.
pub(super) async fn note_used(
    transaction: &mut Transaction<'_, Any>,
    now: i64,
    account_id: &AccountId,
    id: &ShareId,
    version: u32,
) -> std::result::Result<(), StoreError> {
    let sql = "update mapping_version set used_at = $1 where share_id = $2 and account_id = $3 and version = $4 and used_at is null";
    sqlx::query(sql)
        .bind(now)
        .bind(id.as_str())
        .bind(account_id.as_str())
        .bind(i64::from(version))
        .execute(&mut **transaction)
        .await?;
    Ok(())
}

/// A version as it is kept.
struct Kept {
    version: u32,
    mapping: Mapping,
    cause: MappingCause,
    note: Option<String>,
    changed_by: String,
    changed_at: i64,
    is_used: bool,
}

impl Kept {
    fn of(row: &AnyRow) -> std::result::Result<Self, StoreError> {
        Ok(Self {
            version: u32::try_from(row.try_get::<i64, _>("version")?).map_err(undecodable)?,
            mapping: mapping_of(row)?,
            cause: MappingCause::parse(&row.try_get::<String, _>("cause")?).unwrap_or(MappingCause::Edited),
            note: row.try_get("note")?,
            changed_by: row.try_get("changed_by")?,
            changed_at: row.try_get("changed_at")?,
            is_used: row.try_get::<Option<i64>, _>("used_at")?.is_some(),
        })
    }
}

fn mapping_of(row: &AnyRow) -> std::result::Result<Mapping, StoreError> {
    serde_json::from_str(&row.try_get::<String, _>("mapping")?).map_err(undecodable)
}

pub(super) fn json(value: &impl serde::Serialize) -> std::result::Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::Sqlx(sqlx::Error::Encode(error.into())))
}
