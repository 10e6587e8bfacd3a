//! Slow-down after failed sign-ins: for an e-mail address and for a client address, the wait doubles with each failure beyond a few.

use std::net::IpAddr;

use sqlx::Row;

use crate::{hub::Hub, store::StoreError};

const WINDOW_MS: i64 = 15 * 60 * 1000;
const FREE_FAILURES_BY_EMAIL: i64 = 5;
const FREE_FAILURES_BY_CLIENT: i64 = 20;
const LONGEST_WAIT_MS: i64 = 15 * 60 * 1000;

/// Whose failures are counted.
pub(super) struct Subjects {
    email: String,
    client: Option<String>,
}

impl Subjects {
    pub(super) fn new(email: &str, client: Option<IpAddr>) -> Self {
        Self { email: format!("email {email}"), client: client.map(|address| format!("client {address}")) }
    }

    fn all(&self) -> impl Iterator<Item = (&str, i64)> {
        let client = self.client.as_deref().map(|client| (client, FREE_FAILURES_BY_CLIENT));
        std::iter::once((self.email.as_str(), FREE_FAILURES_BY_EMAIL)).chain(client)
    }
}

impl Hub {
    /// Seconds until the next attempt is taken; none when it is taken now.
    pub(super) async fn sign_in_wait(&self, subjects: &Subjects) -> Result<Option<u64>, StoreError> {
        let now = self.now_ms();
        let mut longest = 0;
        for (subject, free) in subjects.all() {
            let sql =
                "select count(*) as failures, max(at) as last from sign_in_failure where subject = $1 and at > $2";
            let row = sqlx::query(sql).bind(subject).bind(now - WINDOW_MS).fetch_one(self.database().reader()).await?;
            let (failures, last): (i64, Option<i64>) = (row.try_get("failures")?, row.try_get("last")?);
            if failures >= free {
                let doublings = u32::try_from((failures - free).min(10)).unwrap_or(10);
                let wait = (2_000_i64 << doublings).min(LONGEST_WAIT_MS);
                longest = longest.max(last.unwrap_or(now) + wait - now);
            }
        }
        Ok(u64::try_from(longest).ok().filter(|wait| *wait > 0).map(|wait| wait.div_ceil(1000)))
    }

    pub(super) async fn note_sign_in_failure(&self, subjects: &Subjects) -> Result<(), StoreError> {
        let now = self.now_ms();
        let mut transaction = self.database().begin().await?;
        for (subject, _) in subjects.all() {
            sqlx::query("insert into sign_in_failure (id, subject, at) values ($1, $2, $3)")
                .bind(uuid::Uuid::now_v7().simple().to_string())
                .bind(subject)
                .bind(now)
                .execute(&mut *transaction)
                .await?;
        }
        sqlx::query("delete from sign_in_failure where at <= $1")
            .bind(now - WINDOW_MS)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(())
    }

    /// A success forgets the failures of the e-mail address, not those of the client: one right guess does not excuse the others.
    pub(super) async fn forget_sign_in_failures(&self, subjects: &Subjects) -> Result<(), StoreError> {
        sqlx::query("delete from sign_in_failure where subject = $1")
            .bind(subjects.email.as_str())
            .execute(self.database().writer())
            .await?;
        Ok(())
    }
}
