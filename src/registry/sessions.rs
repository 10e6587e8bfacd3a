//! Rows of people's sessions. The server's session layer decides what is in one; here its id is only ever stored as a hash. Whose a session is, and in
//! which account, stands beside it, so that sessions can be ended: a row that was deleted is not written again by a request that was under way.

use std::sync::Arc;

use model::id::{AccountId, UserId};
use sha2::{Digest, Sha256};
use sqlx::{Any, Row, Transaction};

use crate::store::{Clock, Database, StoreError};

/// The table of sessions.
#[derive(Clone)]
pub struct SessionRows {
    database: Database,
    clock: Arc<dyn Clock>,
}

/// What is written of a session.
#[derive(Clone)]
pub struct SessionRow<'a> {
    /// What is in it.
    pub data: &'a [u8],
    /// When it ends, unless it is used.
    pub expires_at_ms: i64,
    /// Who is signed in with it.
    pub user_id: Option<UserId>,
    /// In which account.
    pub account_id: Option<AccountId>,
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
    pub async fn create(&self, id: &str, session: &SessionRow<'_>) -> Result<bool, StoreError> {
        sqlx::query("delete from user_session where expires_at <= $1")
            .bind(self.clock.now_ms())
            .execute(self.database.writer())
            .await?;
        let sql =
            "insert into user_session (data, expires_at, user_id, account_id, id_hash) values ($1, $2, $3, $4, $5)
            on conflict (id_hash) do nothing";
        self.write(sql, id, session).await
    }

    /// Changes a row; false when it is not there (any more).
    pub async fn save(&self, id: &str, session: &SessionRow<'_>) -> Result<bool, StoreError> {
        let sql =
            "update user_session set data = $1, expires_at = $2, user_id = $3, account_id = $4 where id_hash = $5";
        self.write(sql, id, session).await
    }

    async fn write(&self, sql: &'static str, id: &str, session: &SessionRow<'_>) -> Result<bool, StoreError> {
        let done = sqlx::query(sql)
            .bind(session.data.to_vec())
            .bind(session.expires_at_ms)
            .bind(session.user_id.as_ref().map(UserId::as_str))
            .bind(session.account_id.as_ref().map(AccountId::as_str))
            .bind(hash(id))
            .execute(self.database.writer())
            .await?;
        Ok(done.rows_affected() == 1)
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

/// Ends what somebody has open, but for the session of the id `kept`, which has to be given the person's new epoch. A request under way that writes its
/// session under another id only afterwards signs nobody in with it: it knows the epoch before.
pub(super) async fn end_others(
    transaction: &mut Transaction<'static, Any>,
    user_id: &UserId,
    kept: Option<&str>,
) -> Result<(), StoreError> {
    sqlx::query("delete from user_session where user_id = $1 and id_hash <> $2")
        .bind(user_id.as_str())
        .bind(kept.map_or_else(String::new, hash))
        .execute(&mut **transaction)
        .await?;
    sqlx::query("update app_user set session_epoch = session_epoch + 1 where id = $1")
        .bind(user_id.as_str())
        .execute(&mut **transaction)
        .await?;
    Ok(())
}

pub(super) fn hash(id: &str) -> String {
    hex::encode(Sha256::digest(id.as_bytes()))
}
