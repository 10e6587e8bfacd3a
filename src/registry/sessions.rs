//! Rows of people's sessions. The server's session layer decides what is in one; here its id is only ever stored as a hash.

use std::sync::Arc;

use sha2::{Digest, Sha256};
use sqlx::Row;

use crate::store::{Clock, Database, StoreError};

/// The table of sessions.
#[derive(Clone)]
pub struct SessionRows {
    database: Database,
    clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for SessionRows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SessionRows")
    }
}

impl SessionRows {
    pub(crate) fn new(database: Database, clock: Arc<dyn Clock>) -> Self {
        Self { database, clock }
    }

    /// Makes a row; false when the id is taken. Forgets the rows that have expired.
    pub async fn create(&self, id: &str, data: &[u8], expires_at_ms: i64) -> Result<bool, StoreError> {
        sqlx::query("delete from user_session where expires_at <= $1")
            .bind(self.clock.now_ms())
            .execute(self.database.writer())
            .await?;
        let sql =
            "insert into user_session (id_hash, data, expires_at) values ($1, $2, $3) on conflict (id_hash) do nothing";
        let done = sqlx::query(sql)
            .bind(hash(id))
            .bind(data.to_vec())
            .bind(expires_at_ms)
            .execute(self.database.writer())
            .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Makes or changes a row.
    pub async fn save(&self, id: &str, data: &[u8], expires_at_ms: i64) -> Result<(), StoreError> {
        let sql = "insert into user_session (id_hash, data, expires_at) values ($1, $2, $3)
            on conflict (id_hash) do update set data = excluded.data, expires_at = excluded.expires_at";
        sqlx::query(sql).bind(hash(id)).bind(data.to_vec()).bind(expires_at_ms).execute(self.database.writer()).await?;
        Ok(())
    }

    /// What was saved, unless it has expired.
    pub async fn load(&self, id: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let sql = "select data from user_session where id_hash = $1 and expires_at > $2";
        let row =
            sqlx::query(sql).bind(hash(id)).bind(self.clock.now_ms()).fetch_optional(self.database.reader()).await?;
        Ok(row.map(|row| row.try_get("data")).transpose()?)
    }

    /// Removes a row.
    pub async fn delete(&self, id: &str) -> Result<(), StoreError> {
        sqlx::query("delete from user_session where id_hash = $1")
            .bind(hash(id))
            .execute(self.database.writer())
            .await?;
        Ok(())
    }
}

fn hash(id: &str) -> String {
    hex::encode(Sha256::digest(id.as_bytes()))
}
