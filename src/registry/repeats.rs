//! Writes of endpoints that come twice under one `Idempotency-Key` (contract, "Conventions"): the first answer is kept for a day, bound to
//! the endpoint, and given again. What a write does, and how an answer travels, is not known here.
//!
//! A write that was cut off (its process died) leaves a claim without an answer, which nobody renews any more. It runs out within seconds, and the
//! next repeat is carried out anew.

use std::{convert::Infallible, time::Duration};

use sha2::{Digest, Sha256};
use sqlx::Row;
use tokio_util::sync::CancellationToken;

use super::EndpointActor;
use crate::{
    hub::{Hub, Result, internal},
    store::StoreError,
};

/// How long an answer is given again.
const KEPT_MS: i64 = 24 * 60 * 60 * 1000;
/// An attempt that was not renewed for this long counts as cut off. Callers have less patience than a long write takes, so it is short and renewed.
const ATTEMPT_MS: i64 = 10_000;
/// How often an attempt is renewed while it is carried out.
const RENEW_EVERY: Duration = Duration::from_secs(2);
/// How often answers whose time is over are removed.
const SWEEP_EVERY: Duration = Duration::from_secs(300);

/// What a caller chose to tell one write from another. Kept only as a hash: it may say anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey(String);

/// Not a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an idempotency key has 1 to {} printable ASCII characters", IdempotencyKey::LONGEST)]
pub struct UnfitKey;

impl IdempotencyKey {
    /// Characters of the header's value at most.
    pub const LONGEST: usize = 255;

    /// What a header's value may be, for the API's document.
    pub const PATTERN: &str = r#"^("([ !#-\[\]-~]|\\["\\])+"|[!#-~]([ -~]*[!-~])?)$"#;

    /// The value of the header: a string of RFC 9651 (`"..."`), as the draft has it, or the bare characters, as most programs send it.
    pub fn parse(header: &str) -> std::result::Result<Self, UnfitKey> {
        let text = header.trim();
        let key = match text.strip_prefix('"') {
            None => text.to_owned(),
            Some(quoted) => unquoted(quoted).ok_or(UnfitKey)?,
        };
        let fits =
            !key.is_empty() && text.len() <= Self::LONGEST && key.bytes().all(|byte| (b' '..=b'~').contains(&byte));
        if fits { Ok(Self(key)) } else { Err(UnfitKey) }
    }

    fn hash(&self) -> String {
        hex::encode(Sha256::digest(self.0.as_bytes()))
    }
}

/// The rest of a quoted string, when it ends where the text ends.
fn unquoted(text: &str) -> Option<String> {
    let mut key = String::new();
    let mut characters = text.chars();
    loop {
        match characters.next()? {
            '"' => return characters.next().is_none().then_some(key),
            '\\' => key.push(characters.next().filter(|escaped| matches!(escaped, '"' | '\\'))?),
            character => key.push(character),
        }
    }
}

/// An answer as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// `Content-Type`, when there is a body.
    pub media_type: Option<String>,
    /// The body.
    pub body: Vec<u8>,
}

/// The right to carry a write out, until it is answered or given up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    endpoint: EndpointActor,
    key_hash: String,
    id: String,
}

/// What a write with a key is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Repeat {
    /// The first: carry it out.
    First(Attempt),
    /// A repeat of one that was answered.
    Answered(Answer),
    /// A repeat of one that is still under way.
    UnderWay,
    /// Another write under the same key.
    Differs,
}

impl Hub {
    /// Begins a write under a key. `request_hash` tells one request from another.
    pub async fn begin_write(
        &self,
        endpoint: &EndpointActor,
        key: &IdempotencyKey,
        request_hash: &str,
    ) -> Result<Repeat> {
        let attempt =
            Attempt { endpoint: endpoint.clone(), key_hash: key.hash(), id: uuid::Uuid::now_v7().simple().to_string() };
        self.claim_write(attempt, request_hash).await.map_err(internal)
    }

    async fn claim_write(&self, attempt: Attempt, request_hash: &str) -> std::result::Result<Repeat, StoreError> {
        // Twice: between the two statements the row may have run out, or been given up.
        for _ in 0..2 {
            let now = self.now_ms();
            let claimed = sqlx::query(
                "insert into endpoint_answer (account_id, endpoint_id, key_hash, request_hash, attempt_id, attempt_until, expires_at)
                 values ($1, $2, $3, $4, $5, $6, $7)
                 on conflict (endpoint_id, key_hash) do update set request_hash = excluded.request_hash,
                    attempt_id = excluded.attempt_id, attempt_until = excluded.attempt_until, status = null, media_type = null,
                    body = null, expires_at = excluded.expires_at
                 where endpoint_answer.account_id = excluded.account_id and (endpoint_answer.expires_at <= $8
                    or endpoint_answer.status is null and endpoint_answer.attempt_until <= $8
                        and endpoint_answer.request_hash = excluded.request_hash)",
            )
            .bind(attempt.endpoint.account_id.as_str())
            .bind(attempt.endpoint.endpoint_id.as_str())
            .bind(attempt.key_hash.as_str())
            .bind(request_hash)
            .bind(attempt.id.as_str())
            .bind(now.saturating_add(ATTEMPT_MS))
            .bind(now.saturating_add(KEPT_MS))
            .bind(now)
            .execute(self.database().writer())
            .await?;
            if claimed.rows_affected() == 1 {
                return Ok(Repeat::First(attempt));
            }
            let row = sqlx::query(
                "select request_hash, status, media_type, body from endpoint_answer
                 where account_id = $1 and endpoint_id = $2 and key_hash = $3 and expires_at > $4",
            )
            .bind(attempt.endpoint.account_id.as_str())
            .bind(attempt.endpoint.endpoint_id.as_str())
            .bind(attempt.key_hash.as_str())
            .bind(now)
            .fetch_optional(self.database().reader())
            .await?;
            let Some(row) = row else { continue };
            if row.try_get::<String, _>("request_hash")? != request_hash {
                return Ok(Repeat::Differs);
            }
            let status = row.try_get::<Option<i64>, _>("status")?.and_then(|status| u16::try_from(status).ok());
            return Ok(match status {
                None => Repeat::UnderWay,
                Some(status) => Repeat::Answered(Answer {
                    status,
                    media_type: row.try_get("media_type")?,
                    body: row.try_get::<Option<Vec<u8>>, _>("body")?.unwrap_or_default(),
                }),
            });
        }
        Ok(Repeat::UnderWay)
    }

    /// Carries a write out, however long it takes: until `write` is through, its attempt does not count as cut off.
    pub async fn carry_out_write<T>(&self, attempt: &Attempt, write: impl Future<Output = T>) -> T {
        tokio::select! {
            done = write => done,
            never = self.keep_renewing(attempt) => match never {},
        }
    }

    async fn keep_renewing(&self, attempt: &Attempt) -> Infallible {
        loop {
            tokio::time::sleep(RENEW_EVERY).await;
            if let Err(error) = self.renew_write(attempt).await {
                tracing::warn!(%error, "an attempt at a write could not be renewed; a repeat may be carried out beside it");
            }
        }
    }

    async fn renew_write(&self, attempt: &Attempt) -> std::result::Result<(), StoreError> {
        sqlx::query(
            "update endpoint_answer set attempt_until = $1
             where account_id = $2 and endpoint_id = $3 and key_hash = $4 and attempt_id = $5 and status is null",
        )
        .bind(self.now_ms().saturating_add(ATTEMPT_MS))
        .bind(attempt.endpoint.account_id.as_str())
        .bind(attempt.endpoint.endpoint_id.as_str())
        .bind(attempt.key_hash.as_str())
        .bind(attempt.id.as_str())
        .execute(self.database().writer())
        .await?;
        Ok(())
    }

    /// Keeps the answer of a write for its repeats.
    pub async fn keep_answer(&self, attempt: &Attempt, answer: &Answer) -> Result<()> {
        sqlx::query(
            "update endpoint_answer set status = $1, media_type = $2, body = $3
             where account_id = $4 and endpoint_id = $5 and key_hash = $6 and attempt_id = $7",
        )
        .bind(i64::from(answer.status))
        .bind(answer.media_type.as_deref())
        .bind(answer.body.clone())
        .bind(attempt.endpoint.account_id.as_str())
        .bind(attempt.endpoint.endpoint_id.as_str())
        .bind(attempt.key_hash.as_str())
        .bind(attempt.id.as_str())
        .execute(self.database().writer())
        .await
        .map_err(internal)?;
        Ok(())
    }

    /// Gives a write up that had no answer worth keeping: the next repeat is carried out.
    pub async fn give_up_write(&self, attempt: &Attempt) -> Result<()> {
        sqlx::query(
            "delete from endpoint_answer
             where account_id = $1 and endpoint_id = $2 and key_hash = $3 and attempt_id = $4 and status is null",
        )
        .bind(attempt.endpoint.account_id.as_str())
        .bind(attempt.endpoint.endpoint_id.as_str())
        .bind(attempt.key_hash.as_str())
        .bind(attempt.id.as_str())
        .execute(self.database().writer())
        .await
        .map_err(internal)?;
        Ok(())
    }

    /// Removes answers whose time is over, now and then, until `stop` is cancelled.
    pub async fn forget_old_answers(&self, stop: CancellationToken) {
        loop {
            if let Err(error) = self.sweep_answers().await {
                tracing::error!(%error, "kept answers whose time is over could not be removed");
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(SWEEP_EVERY) => {}
            }
        }
    }

    /// How many were removed.
    pub(crate) async fn sweep_answers(&self) -> std::result::Result<u64, StoreError> {
        let done = sqlx::query("delete from endpoint_answer where expires_at <= $1")
            .bind(self.now_ms())
            .execute(self.database().writer())
            .await?;
        Ok(done.rows_affected())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_a_quoted_string_or_bare() {
        let key = |text: &str| IdempotencyKey::parse(text).map(|key| key.0);
        assert_eq!(key("\"8e03-97\""), Ok("8e03-97".to_owned()));
        assert_eq!(key(" 8e03-97 "), Ok("8e03-97".to_owned()));
        assert_eq!(key(r#""a \"b\" \\""#), Ok(r#"a "b" \"#.to_owned()));
        assert_eq!(key(&"k".repeat(255)), Ok("k".repeat(255)));
        assert_eq!(key(&format!("\"{}\"", "k".repeat(253))), Ok("k".repeat(253)));
        for unfit in ["", "\"\"", "\"open", "\"a\";b=1", r#""\n""#, "a\u{7f}", "é", &"k".repeat(256)] {
            assert_eq!(key(unfit), Err(UnfitKey), "{unfit}");
        }
    }
}
