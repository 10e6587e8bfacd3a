//! The tables of messages that are to be sent. Each room has its own; what such a table has in any case is `id`, `attempts`, `attempt_id`, `due_at`
//! and `created_at`, and claiming from it is the same everywhere.
//!
//! A claim is a lease: a process that dies lets it run out, and another makes the attempt again. What became of an attempt is noted where
//! `attempt_id` is still that of the claim, so that one who comes too late changes nothing.

use sqlx::{AssertSqlSafe, Row, any::AnyRow};

use super::{Database, StoreError};

/// Longer than an attempt takes; after it another process makes it again.
const ATTEMPT_MS: i64 = 90_000;

/// A message that this process is to send now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Lease {
    /// The message's row.
    pub(crate) id: String,
    /// This attempt's.
    pub(crate) attempt_id: String,
    /// With this one.
    pub(crate) attempts: u32,
    /// When it was written down.
    pub(crate) created_at: i64,
}

impl Database {
    /// Claims the message of a table that has been due for longest.
    pub(crate) async fn claim_message(
        &self,
        table: &'static str,
        now: i64,
    ) -> Result<Option<(Lease, AnyRow)>, StoreError> {
        // Nearly always there is nothing, and then nobody needs to write.
        let due = format!("select id from {table} where due_at <= $1 limit 1");
        if sqlx::query(AssertSqlSafe(due)).bind(now).fetch_optional(self.reader()).await?.is_none() {
            return Ok(None);
        }
        let claim = format!(
            "update {table} set attempts = attempts + 1, attempt_id = $2, due_at = $3
             where id = (select id from {table} where due_at <= $1 order by due_at, id limit 1 {}) returning *",
            self.dialect().skip_locked()
        );
        let attempt_id = uuid::Uuid::now_v7().simple().to_string();
        let row = sqlx::query(AssertSqlSafe(claim))
            .bind(now)
            .bind(attempt_id.as_str())
            .bind(now.saturating_add(ATTEMPT_MS))
            .fetch_optional(self.writer())
            .await?;
        let Some(row) = row else { return Ok(None) };
        let lease = Lease {
            id: row.try_get("id")?,
            attempt_id,
            attempts: u32::try_from(row.try_get::<i64, _>("attempts")?).unwrap_or(u32::MAX),
            created_at: row.try_get("created_at")?,
        };
        Ok(Some((lease, row)))
    }
}
