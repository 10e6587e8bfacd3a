//! Refresh: asking a producer which audiences it has, and noting what came, what changed and what is gone.

use std::time::{Duration, Instant};

use futures::{StreamExt, stream};
use model::{
    contract::{MAX_COLUMNS, Movement, Segment},
    error::HubError,
    id::{AccountId, AudienceId, EndpointId},
    view::{Actor, Role},
};
use sqlx::{Any, Row, Transaction};
use tokio_util::sync::CancellationToken;

use super::folded;
use crate::{
    hub::{Hub, Result, internal},
    outbound::Side,
    registry::require,
    store::{StoreError, new_id},
};

const REFRESH_AFTER: Duration = Duration::from_secs(15 * 60);
const LOOK_EVERY: Duration = Duration::from_secs(60);
/// Producers that are asked side by side, so that a slow one does not hold up the others.
const AT_ONCE: usize = 8;
const LONGEST_TEXT: usize = 2000;
const LONGEST_SEGMENT_ID: usize = 200;

impl Hub {
    /// Asks the producer for its audiences again; how many there are now.
    pub async fn refresh_audiences(&self, actor: &Actor, id: &EndpointId) -> Result<u64> {
        require(actor, Role::Member)?;
        self.note_refresh(id).await.map_err(internal)?;
        self.refresh_endpoint(&actor.account_id, id).await
    }

    /// Keeps the catalogue fresh until `stop` is cancelled: each producer is asked again every quarter of an hour.
    pub async fn keep_audiences_fresh(&self, stop: CancellationToken) {
        let keep_on = async {
            loop {
                self.refresh_due(REFRESH_AFTER).await;
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        // An answer that is still awaited is given up: what was known is kept, and nothing is half noted.
        stop.run_until_cancelled(keep_on).await;
    }

    /// Refreshes the producers that were not asked for longer than `age`, at most one process each.
    pub async fn refresh_due(&self, age: Duration) {
        let before = self.now_ms() - i64::try_from(age.as_millis()).unwrap_or(i64::MAX);
        let claimed = match self.claim_refresh(before).await {
            Ok(claimed) => claimed,
            Err(error) => return tracing::error!(%error, "endpoints due for a refresh could not be claimed"),
        };
        stream::iter(claimed)
            .for_each_concurrent(AT_ONCE, |(account_id, endpoint_id)| async move {
                if let Err(error) = self.look_again(&account_id, &endpoint_id).await {
                    tracing::warn!(endpoint.id = %endpoint_id, %error, "an endpoint could not be asked what it is");
                }
                if let Err(error) = self.refresh_endpoint(&account_id, &endpoint_id).await {
                    tracing::warn!(endpoint.id = %endpoint_id, %error, "an endpoint could not be refreshed");
                }
            })
            .await;
    }

    async fn refresh_endpoint(&self, account_id: &AccountId, id: &EndpointId) -> Result<u64> {
        let endpoint = self.connected_endpoint(account_id, id).await?;
        match endpoint.description.producer.as_ref().map(|side| side.movement) {
            None => return Ok(0),
            // It declares its audiences by itself, and can't be asked.
            Some(Movement::Push) => {
                return Ok(self.audience_counts(account_id).await?.get(id).copied().unwrap_or(0));
            }
            Some(Movement::Pull) => {}
        }
        let client = self.endpoint_client(account_id, id).await?;
        let begun = Instant::now();
        let answer = client.segments(Side::Producer).await;
        self.note_call(id, answer.as_ref().map(|_| begun.elapsed()).map_err(Clone::clone)).await;
        let segments = answer.map_err(|error| HubError::Endpoint {
            message: format!(
                "{} could not be asked for its audiences: {error}. What was known before is kept.",
                endpoint.name
            ),
        })?;
        let count = self.note_segments(account_id, id, &endpoint.name, &segments).await.map_err(internal)?;
        self.follow_fields(account_id, id).await;
        Ok(count)
    }

    async fn note_segments(
        &self,
        account_id: &AccountId,
        id: &EndpointId,
        endpoint_name: &str,
        segments: &[Segment],
    ) -> std::result::Result<u64, StoreError> {
        let now = self.now_ms();
        let mut count = 0;
        let mut transaction = self.database().begin().await?;
        for segment in segments {
            // An audience that can't be kept to the limits is left out, and said so in the log; the others go on.
            if usable(segment).is_err() {
                tracing::warn!(endpoint.id = %id, "an audience is beyond the limits and was left out");
                continue;
            }
            count += 1;
            note_segment(&mut transaction, now, account_id, id, endpoint_name, segment).await?;
        }
        sqlx::query("update audience set withdrawn_at = $1 where account_id = $2 and endpoint_id = $3 and seen_at < $1 and withdrawn_at is null")
            .bind(now)
            .bind(account_id.as_str())
            .bind(id.as_str())
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(count)
    }
}

/// What of an audience is beyond the limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unusable {
    Id,
    Name,
    Fields,
}

/// Whether an audience can be kept.
pub(super) fn usable(segment: &Segment) -> std::result::Result<(), Unusable> {
    let id = &segment.id;
    if id.is_empty() || id.len() > LONGEST_SEGMENT_ID || id.chars().any(char::is_control) {
        Err(Unusable::Id)
    } else if bounded(&segment.name).is_empty() {
        Err(Unusable::Name)
    } else if segment.fields.is_empty() || segment.fields.len() > MAX_COLUMNS {
        Err(Unusable::Fields)
    } else {
        Ok(())
    }
}

/// Writes a usable audience down, as its producer tells it. Says whether it is new.
pub(super) async fn note_segment(
    transaction: &mut Transaction<'_, Any>,
    now: i64,
    account_id: &AccountId,
    id: &EndpointId,
    endpoint_name: &str,
    segment: &Segment,
) -> std::result::Result<bool, StoreError> {
    let audience_id: AudienceId = new_id(AudienceId::PREFIX);
    let description = segment.description.as_deref().map(bounded);
    // What is no time (contract: RFC 3339) can't be shown as one.
    let updated_at = segment.updated_at.as_deref().filter(|text| chrono::DateTime::parse_from_rfc3339(text).is_ok());
    let tags: Vec<String> = segment.tags.iter().map(|tag| bounded(tag)).collect();
    let row = sqlx::query(
        "insert into audience (id, account_id, endpoint_id, segment_id, name, description, size, size_is_estimate, fields, tags,
            search, updated_at, seen_at, withdrawn_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, null)
         on conflict (endpoint_id, segment_id) do update set name = excluded.name, description = excluded.description,
            size = excluded.size, size_is_estimate = excluded.size_is_estimate, fields = excluded.fields, tags = excluded.tags,
            search = excluded.search, updated_at = excluded.updated_at, seen_at = excluded.seen_at, withdrawn_at = null
         returning id",
    )
    .bind(audience_id.as_str())
    .bind(account_id.as_str())
    .bind(id.as_str())
    .bind(segment.id.as_str())
    .bind(bounded(&segment.name))
    .bind(description)
    .bind(segment.size.and_then(|size| i64::try_from(size).ok()))
    .bind(i64::from(segment.size_is_estimate))
    .bind(serde_json::to_string(&segment.fields).map_err(encode)?)
    .bind(serde_json::to_string(&tags).map_err(encode)?)
    .bind(search_text(segment, endpoint_name))
    .bind(updated_at)
    .bind(now)
    .fetch_one(&mut **transaction)
    .await?;
    Ok(row.try_get::<String, _>("id")? == audience_id.as_str())
}

/// Everything that an audience is found by, folded.
fn search_text(segment: &Segment, endpoint_name: &str) -> String {
    let mut text = vec![segment.name.as_str(), endpoint_name];
    text.extend(segment.description.as_deref());
    text.extend(segment.tags.iter().map(String::as_str));
    for field in &segment.fields {
        text.push(&field.name);
        text.extend(field.label.as_deref());
    }
    folded(&text.join("\n"))
}

/// Without what PostgreSQL does not take as text (U+0000), and of a bounded length.
fn bounded(text: &str) -> String {
    text.trim().chars().filter(|letter| *letter != '\0').take(LONGEST_TEXT).collect()
}

fn encode(error: serde_json::Error) -> StoreError {
    StoreError::Sqlx(sqlx::Error::Encode(Box::new(error)))
}
