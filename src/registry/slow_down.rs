//! Slow-down after failed sign-ins: for an e-mail address that is tried from a client address, for all that a client address tries, and for an e-mail
//! address from wherever it is tried, the wait doubles with each failure beyond some. The last takes many more: whoever knows somebody's address is not
//! to keep them out by guessing.
//!
//! An attempt is noted as failed before it is looked at, and that is taken back when it was right: a burst of guesses at once gets no
//! further than the same guesses one after the other.

use std::net::{IpAddr, Ipv6Addr};

use model::id::UserId;
use sqlx::Row;

use crate::{hub::Hub, store::StoreError};

const WINDOW_MS: i64 = 15 * 60 * 1000;
/// Of one person by one client.
const FREE_FAILURES: i64 = 5;
const FREE_FAILURES_BY_CLIENT: i64 = 20;
const FREE_FAILURES_BY_EMAIL: i64 = 100;
const LONGEST_WAIT_MS: i64 = 15 * 60 * 1000;

/// An attempt to sign in, or to say a password once more, and among what its failure counts.
pub(super) struct Attempt {
    id: String,
    /// What a success forgets the failures of.
    own: Vec<(String, i64)>,
    client: Option<String>,
}

impl Attempt {
    /// At the door: somebody says who they are. Where they come from may be unknown.
    pub(super) fn at_the_door(email: &str, client: Option<IpAddr>) -> Self {
        let client = client.map(|address| format!("client {}", network(address)));
        let from = client.as_deref().unwrap_or("client unknown");
        Self {
            id: fresh_id(),
            own: vec![
                (format!("email {email} {from}"), FREE_FAILURES),
                (format!("email {email}"), FREE_FAILURES_BY_EMAIL),
            ],
            client,
        }
    }

    /// Within a session: failures at the door keep nobody from it, who is signed in already.
    pub(super) fn within_a_session(user_id: &UserId) -> Self {
        Self { id: fresh_id(), own: vec![(format!("user {user_id}"), FREE_FAILURES)], client: None }
    }

    fn subjects(&self) -> impl Iterator<Item = (&str, i64)> {
        let client = self.client.as_deref().map(|client| (client, FREE_FAILURES_BY_CLIENT));
        self.own.iter().map(|(subject, free)| (subject.as_str(), *free)).chain(client)
    }
}

fn fresh_id() -> String {
    uuid::Uuid::now_v7().simple().to_string()
}

/// What one client has for itself: of IPv6, 64 bits are what a single connection is given (RFC 6177), with as many addresses as it likes.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64))),
        address => address,
    }
}

impl Hub {
    /// Notes the attempt as a failed one. Gives the seconds until it would be taken, and forgets it, when there were too many before.
    pub(super) async fn begin_sign_in(&self, attempt: &Attempt) -> Result<Option<u64>, StoreError> {
        let now = self.now_ms();
        let mut transaction = self.database().begin().await?;
        for (subject, _) in attempt.subjects() {
            sqlx::query("insert into sign_in_failure (id, attempt_id, subject, at) values ($1, $2, $3, $4)")
                .bind(fresh_id())
                .bind(attempt.id.as_str())
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
        // Counted after the commit, so that of several at once the last one sees all others.
        let wait = self.sign_in_wait(attempt, now).await?;
        if wait.is_some() {
            self.take_back(attempt).await?;
        }
        Ok(wait)
    }

    async fn sign_in_wait(&self, attempt: &Attempt, now: i64) -> Result<Option<u64>, StoreError> {
        let mut longest = 0;
        for (subject, free) in attempt.subjects() {
            let sql = "select count(*) as failures, max(at) as last from sign_in_failure
                where subject = $1 and at > $2 and attempt_id <> $3";
            let row = sqlx::query(sql)
                .bind(subject)
                .bind(now - WINDOW_MS)
                .bind(attempt.id.as_str())
                .fetch_one(self.database().reader())
                .await?;
            let (failures, last): (i64, Option<i64>) = (row.try_get("failures")?, row.try_get("last")?);
            if failures >= free {
                let doublings = u32::try_from((failures - free).min(10)).unwrap_or(10);
                let wait = (2_000_i64 << doublings).min(LONGEST_WAIT_MS);
                longest = longest.max(last.unwrap_or(now) + wait - now);
            }
        }
        Ok(u64::try_from(longest).ok().filter(|wait| *wait > 0).map(|wait| wait.div_ceil(1000)))
    }

    async fn take_back(&self, attempt: &Attempt) -> Result<(), StoreError> {
        sqlx::query("delete from sign_in_failure where attempt_id = $1")
            .bind(attempt.id.as_str())
            .execute(self.database().writer())
            .await?;
        Ok(())
    }

    /// A success forgets the failures of the person, not those of the client: one right guess does not excuse the others.
    pub(super) async fn sign_in_succeeded(&self, attempt: &Attempt) -> Result<(), StoreError> {
        let mut transaction = self.database().begin().await?;
        for (subject, _) in &attempt.own {
            sqlx::query("delete from sign_in_failure where attempt_id = $1 or subject = $2")
                .bind(attempt.id.as_str())
                .bind(subject.as_str())
                .execute(&mut *transaction)
                .await?;
        }
        Ok(transaction.commit().await?)
    }
}
