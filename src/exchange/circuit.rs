//! The circuit to each endpoint: calls that fail one after the other open it, for all runs of all processes, and then nobody calls for a while.
//! The first call that succeeds closes it. Here is only what the database knows of that; who waits how is the carrier's matter.

use std::time::Duration;

use model::id::EndpointId;
use sqlx::Row;

use super::runs::from_integer;
use crate::{
    outbound::RetryPolicy,
    store::{Database, StoreError},
};

/// So many calls have to fail one after the other.
const OPENS_AT: u64 = 5;

/// An endpoint whose last call failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Circuit {
    /// Calls that failed since the last one that did not.
    pub(super) failures: u64,
    /// Nobody calls before; 0 while the circuit is closed.
    pub(super) open_until: i64,
}

impl Circuit {
    /// Whether nobody is to call now. Nobody is ever kept away for longer than the longest rest: then the clock was set back meanwhile.
    pub(super) fn is_open(&self, now: i64, policy: &RetryPolicy) -> bool {
        let longest = i64::try_from(policy.longest_wait().as_millis()).unwrap_or(i64::MAX);
        (now.saturating_add(1)..=now.saturating_add(longest)).contains(&self.open_until)
    }
}

/// What is known of an endpoint; none when its last call succeeded.
pub(super) async fn look(database: &Database, endpoint_id: &EndpointId) -> Result<Option<Circuit>, StoreError> {
    let row = sqlx::query("select failures, open_until from circuit where endpoint_id = $1")
        .bind(endpoint_id.as_str())
        .fetch_optional(database.reader())
        .await?;
    row.map(|row| {
        Ok(Circuit { failures: from_integer(row.try_get("failures")?), open_until: row.try_get("open_until")? })
    })
    .transpose()
}

/// Notes that a call failed. Gives until when nobody is to call, when that is so now.
pub(super) async fn failed(
    database: &Database,
    endpoint_id: &EndpointId,
    now: i64,
    policy: &RetryPolicy,
) -> Result<Option<i64>, StoreError> {
    let row = sqlx::query(
        "insert into circuit (endpoint_id, failures) values ($1, 1)
         on conflict (endpoint_id) do update set failures = circuit.failures + 1 returning failures",
    )
    .bind(endpoint_id.as_str())
    .fetch_one(database.writer())
    .await?;
    let failures = from_integer(row.try_get("failures")?);
    if failures < OPENS_AT {
        return Ok(None);
    }
    if failures == OPENS_AT {
        tracing::warn!(endpoint.id = %endpoint_id, "the circuit to an endpoint is open: its calls keep failing");
        metrics::counter!("usher_exchange_circuits_opened_total").increment(1);
    }
    let rest = policy.rest(u32::try_from(failures).unwrap_or(u32::MAX));
    let open_until = now.saturating_add(i64::try_from(rest.as_millis()).unwrap_or(i64::MAX));
    sqlx::query("update circuit set open_until = $2 where endpoint_id = $1 and open_until < $2")
        .bind(endpoint_id.as_str())
        .bind(open_until)
        .execute(database.writer())
        .await?;
    Ok(Some(open_until))
}

/// Notes that a call succeeded after others had failed, and lets the runs that were put aside for the endpoint go on at once.
pub(super) async fn close(database: &Database, endpoint_id: &EndpointId) -> Result<(), StoreError> {
    let mut transaction = database.begin().await?;
    sqlx::query("delete from circuit where endpoint_id = $1")
        .bind(endpoint_id.as_str())
        .execute(&mut *transaction)
        .await?;
    sqlx::query(
        "update run set lease_expires_at = 0 where lease_owner is null and retry_since is not null
            and (source_endpoint_id = $1 or destination_endpoint_id = $1)",
    )
    .bind(endpoint_id.as_str())
    .execute(&mut *transaction)
    .await?;
    transaction.commit().await?;
    Ok(())
}

/// From now until a moment, in milliseconds since 1970.
pub(super) fn until(now: i64, moment: i64) -> Duration {
    Duration::from_millis(from_integer(moment.saturating_sub(now)))
}
