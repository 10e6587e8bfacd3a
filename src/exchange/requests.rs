//! What people ask of runs: to call one off, to try a failed one again. It only writes down what was asked; a worker does it.

use model::{
    id::{AccountId, RunId, ShareId},
    run::{RunEvent, RunState},
};
use sqlx::{Any, AssertSqlSafe, Row, Transaction};

use super::runs::{id_of, note, state_of};
use crate::store::{Database, StoreError};

/// Whether a run of a share is under way, within a transaction that may enqueue another.
pub async fn is_under_way(
    transaction: &mut Transaction<'_, Any>,
    account_id: &AccountId,
    share_id: &ShareId,
) -> Result<bool, StoreError> {
    let text = format!(
        "select count(*) as many from run where account_id = $1 and share_id = $2 and state in ({})",
        super::states_sql(|state| !state.is_final())
    );
    let row = sqlx::query(AssertSqlSafe(text))
        .bind(account_id.as_str())
        .bind(share_id.as_str())
        .fetch_one(&mut **transaction)
        .await?;
    Ok(row.try_get::<i64, _>("many")? > 0)
}

/// The run of a share that is under way, and where it is, within a transaction that may enqueue another.
pub(crate) async fn under_way(
    transaction: &mut Transaction<'_, Any>,
    account_id: &AccountId,
    share_id: &ShareId,
) -> Result<Option<(RunId, RunState)>, StoreError> {
    let text = format!(
        "select id, state from run where account_id = $1 and share_id = $2 and state in ({})",
        super::states_sql(|state| !state.is_final())
    );
    let row = sqlx::query(AssertSqlSafe(text))
        .bind(account_id.as_str())
        .bind(share_id.as_str())
        .fetch_optional(&mut **transaction)
        .await?;
    row.map(|row| Ok((id_of(&row, "id")?, state_of(&row)?))).transpose()
}

/// Whether a run of a share has ended well after a moment; within a transaction that decides by it.
pub(crate) async fn has_ended_well_after(
    transaction: &mut Transaction<'_, Any>,
    account_id: &AccountId,
    share_id: &ShareId,
    after: i64,
) -> Result<bool, StoreError> {
    let text = format!(
        "select count(*) as many from run where account_id = $1 and share_id = $2 and finished_at > $3 and state in ({})",
        super::states_sql(|state| matches!(state, RunState::Complete | RunState::CompleteWithRejects))
    );
    let row = sqlx::query(AssertSqlSafe(text))
        .bind(account_id.as_str())
        .bind(share_id.as_str())
        .bind(after)
        .fetch_one(&mut **transaction)
        .await?;
    Ok(row.try_get::<i64, _>("many")? > 0)
}

/// What became of what was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    /// Done, or a worker will do it at once.
    Taken,
    /// The run's state forbids it.
    Forbidden(RunState),
    /// The account has no such run.
    NoSuchRun,
}

/// Asks that a run be called off. One that no worker has taken up yet ends here and now.
pub(crate) async fn ask_to_cancel(
    database: &Database,
    account_id: &AccountId,
    run_id: &RunId,
    note_text: &str,
    now: i64,
) -> Result<Asked, StoreError> {
    let mut transaction = database.begin().await?;
    let row = sqlx::query(
        "update run set version = version + 1, cancel_requested = 1 where account_id = $1 and id = $2
         returning state, lease_expires_at",
    )
    .bind(account_id.as_str())
    .bind(run_id.as_str())
    .fetch_optional(&mut *transaction)
    .await?;
    let Some(row) = row else { return Ok(Asked::NoSuchRun) };
    let state = state_of(&row)?;
    // The destination is finishing: to call it off would only leave in doubt what it did.
    if state.is_final() || state == RunState::Completing {
        return Ok(Asked::Forbidden(state));
    }
    note(&mut transaction, run_id, now, note_text).await?;
    // A run that is put aside has no worker that would hear of it.
    super::jobs::wake_run(&mut transaction, run_id).await?;
    if state == RunState::Held || state == RunState::Queued && row.try_get::<i64, _>("lease_expires_at")? == 0 {
        let Ok(next) = state.step(RunEvent::Cancel) else { return Ok(Asked::Forbidden(state)) };
        let row = sqlx::query(
            "update run set state = $2, finished_at = $3, cancel_requested = 0 where id = $1 returning share_id",
        )
        .bind(run_id.as_str())
        .bind(next.as_str())
        .bind(now)
        .fetch_one(&mut *transaction)
        .await?;
        let share_id = id_of(&row, "share_id")?;
        crate::sharing::run_ended(&mut transaction, now, account_id, &share_id, next).await?;
        crate::telling::look(&mut transaction, now, account_id, &share_id).await?;
    }
    transaction.commit().await?;
    Ok(Asked::Taken)
}

/// Asks that a run rest, or that it go on. What was not acknowledged when it stops is done again afterwards.
pub(crate) async fn ask_to_pause(
    database: &Database,
    account_id: &AccountId,
    run_id: &RunId,
    paused: bool,
    note_text: &str,
    now: i64,
) -> Result<Asked, StoreError> {
    let mut transaction = database.begin().await?;
    let row = sqlx::query(
        "update run set version = version + 1 where account_id = $1 and id = $2 returning state, paused, cancel_requested",
    )
    .bind(account_id.as_str())
    .bind(run_id.as_str())
    .fetch_optional(&mut *transaction)
    .await?;
    let Some(row) = row else { return Ok(Asked::NoSuchRun) };
    let state = state_of(&row)?;
    if !state.is_workable() || row.try_get::<i64, _>("cancel_requested")? != 0 {
        return Ok(Asked::Forbidden(state));
    }
    if (row.try_get::<i64, _>("paused")? != 0) == paused {
        return Ok(Asked::Taken);
    }
    sqlx::query("update run set paused = $2 where id = $1")
        .bind(run_id.as_str())
        .bind(i64::from(paused))
        .execute(&mut *transaction)
        .await?;
    note(&mut transaction, run_id, now, note_text).await?;
    super::jobs::wake_run(&mut transaction, run_id).await?;
    transaction.commit().await?;
    Ok(Asked::Taken)
}

/// Lets a held run go on to its destination.
pub(crate) async fn ask_to_approve(
    database: &Database,
    account_id: &AccountId,
    run_id: &RunId,
    note_text: &str,
    now: i64,
) -> Result<Asked, StoreError> {
    let mut transaction = database.begin().await?;
    let row =
        sqlx::query("update run set version = version + 1 where account_id = $1 and id = $2 returning state, share_id")
            .bind(account_id.as_str())
            .bind(run_id.as_str())
            .fetch_optional(&mut *transaction)
            .await?;
    let Some(row) = row else { return Ok(Asked::NoSuchRun) };
    let state = state_of(&row)?;
    let Ok(next) = state.step(RunEvent::Approve) else { return Ok(Asked::Forbidden(state)) };
    sqlx::query("update run set state = $2, hold = null, asked_at = $3 where id = $1")
        .bind(run_id.as_str())
        .bind(next.as_str())
        .bind(now)
        .execute(&mut *transaction)
        .await?;
    note(&mut transaction, run_id, now, note_text).await?;
    crate::telling::look(&mut transaction, now, account_id, &id_of(&row, "share_id")?).await?;
    transaction.commit().await?;
    Ok(Asked::Taken)
}

/// Puts a failed run back to work: where it stopped when all had been read and the parts are kept, else from the start.
pub(crate) async fn ask_to_retry(
    database: &Database,
    account_id: &AccountId,
    run_id: &RunId,
    who: &str,
    now: i64,
) -> Result<Asked, StoreError> {
    let mut transaction = database.begin().await?;
    let row = sqlx::query(
        "update run set version = version + 1 where account_id = $1 and id = $2
         returning state, share_id, read_whole_at, payload_key",
    )
    .bind(account_id.as_str())
    .bind(run_id.as_str())
    .fetch_optional(&mut *transaction)
    .await?;
    let Some(row) = row else { return Ok(Asked::NoSuchRun) };
    let state = state_of(&row)?;
    let whole = row.try_get::<Option<i64>, _>("read_whole_at")?.is_some()
        && row.try_get::<Option<Vec<u8>>, _>("payload_key")?.is_some();
    let event = if whole { RunEvent::RetryDelivery } else { RunEvent::RetryFromStart };
    let Ok(next) = state.step(event) else { return Ok(Asked::Forbidden(state)) };
    // Two runs of one share at once would write the same segment.
    let share_id: ShareId = id_of(&row, "share_id")?;
    if is_under_way(&mut transaction, account_id, &share_id).await? {
        return Ok(Asked::Forbidden(RunState::Queued));
    }
    sqlx::query(
        "update run set state = $2, failure = null, finished_at = null, waiting = null, cancel_requested = 0, reads_again = 0,
            payload_removed_at = null, lease_owner = null, lease_expires_at = 0, asked_at = $3 where id = $1",
    )
    .bind(run_id.as_str())
    .bind(next.as_str())
    .bind(now)
    .execute(&mut *transaction)
    .await?;
    let from = if whole { "where it stopped" } else { "the start" };
    note(&mut transaction, run_id, now, &format!("Tried again by {who}, from {from}.")).await?;
    crate::telling::look(&mut transaction, now, account_id, &share_id).await?;
    transaction.commit().await?;
    Ok(Asked::Taken)
}
