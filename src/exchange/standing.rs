//! How a share's runs stand, as far as people may have to be told: read within the transaction that tells them.
//!
//! Runs that only looked, or that sent repaired rows, say nothing about how the share is; whoever asked for them watches them.

use model::{
    id::{AccountId, RunId, ShareId},
    run::{Failure, Hold, RunCounts, RunState},
};
use sqlx::{Any, AssertSqlSafe, Row, Transaction};

use super::runs::{corrupt, counts_of, id_of};
use crate::store::StoreError;

/// What is known of a share's runs.
#[derive(Debug, Clone, Default)]
pub(crate) struct Standing {
    /// The last runs that ended well, the newest first.
    pub(crate) good: Vec<EndedWell>,
    /// The last run that failed, and has not been tried again since.
    pub(crate) failed: Option<(RunId, i64, Option<Failure>)>,
    /// The run that waits for approval, and the segment that it would change.
    pub(crate) held: Option<(RunId, Hold, String)>,
    /// The run that is worked on, or is to be.
    pub(crate) under_way: Option<UnderWay>,
}

/// A run that ended well.
#[derive(Debug, Clone)]
pub(crate) struct EndedWell {
    pub(crate) run_id: RunId,
    pub(crate) counts: RunCounts,
    pub(crate) finished_at: i64,
}

/// A run that has not ended.
#[derive(Debug, Clone)]
pub(crate) struct UnderWay {
    pub(crate) run_id: RunId,
    /// When it was asked for, or a person last put it to work.
    pub(crate) since: i64,
}

/// How the runs of a share stand; of those that ended well at most so many.
pub(crate) async fn standing(
    transaction: &mut Transaction<'_, Any>,
    account_id: &AccountId,
    share_id: &ShareId,
    most_good: u32,
) -> Result<Standing, StoreError> {
    let good = sqlx::query(
        "select declared, rows_read, rows_valid, rows_rejected, rows_sent, rows_acknowledged, rows_refused, bytes_read, bytes_sent, changes,
            finished_at, id
         from run where account_id = $1 and share_id = $2 and is_partial = 0 and state in ('complete', 'complete_with_rejects')
         order by created_at desc, id desc limit $3",
    )
    .bind(account_id.as_str())
    .bind(share_id.as_str())
    .bind(i64::from(most_good.max(1)))
    .fetch_all(&mut **transaction)
    .await?
    .iter()
    .map(|row| {
        let finished_at = row.try_get::<Option<i64>, _>("finished_at")?.ok_or_else(|| corrupt("end"))?;
        Ok(EndedWell { run_id: id_of(row, "id")?, counts: counts_of(row)?, finished_at })
    })
    .collect::<Result<Vec<_>, StoreError>>()?;
    let failed = sqlx::query(
        "select id, finished_at, failure from run where account_id = $1 and share_id = $2 and is_partial = 0 and state = 'failed'
         order by finished_at desc, id desc limit 1",
    )
    .bind(account_id.as_str())
    .bind(share_id.as_str())
    .fetch_optional(&mut **transaction)
    .await?;
    let failed = failed
        .map(|row| {
            let failure: Option<String> = row.try_get("failure")?;
            let failure =
                failure.map(|text| serde_json::from_str(&text).map_err(|_| corrupt("failure"))).transpose()?;
            let finished_at = row.try_get::<Option<i64>, _>("finished_at")?.ok_or_else(|| corrupt("end"))?;
            Ok::<_, StoreError>((id_of(&row, "id")?, finished_at, failure))
        })
        .transpose()?;
    let text = format!(
        "select id, state, hold, destination_segment, paused, coalesce(asked_at, created_at) as since from run
         where account_id = $1 and share_id = $2 and is_partial = 0 and state in ({}) order by created_at, id limit 1",
        super::states_sql(|state| !state.is_final())
    );
    let open = sqlx::query(AssertSqlSafe(text))
        .bind(account_id.as_str())
        .bind(share_id.as_str())
        .fetch_optional(&mut **transaction)
        .await?;
    let (mut held, mut under_way) = (None, None);
    if let Some(row) = open {
        let run_id: RunId = id_of(&row, "id")?;
        if super::runs::state_of(&row)? == RunState::Held {
            let hold: String = row.try_get::<Option<String>, _>("hold")?.ok_or_else(|| corrupt("hold"))?;
            let hold = serde_json::from_str(&hold).map_err(|_| corrupt("hold"))?;
            held = Some((run_id, hold, row.try_get("destination_segment")?));
        } else if row.try_get::<i64, _>("paused")? == 0 {
            // Who let it rest knows that it is late.
            under_way = Some(UnderWay { run_id, since: row.try_get("since")? });
        }
    }
    Ok(Standing { good, failed, held, under_way })
}
