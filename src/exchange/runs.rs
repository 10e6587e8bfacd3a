//! The rows of runs: claiming one by lease, and changing one while the lease is held.
//!
//! Every change goes through [`Held::begin`], whose first statement proves that the lease is still this worker's (owner and fencing
//! token) and locks the row: a worker that lost its lease can't change anything any more. What the steps mean is not known here.

use std::{sync::Arc, time::Duration};

use model::{
    id::{AccountId, JobId, LedgerId, RunId, ShareId},
    run::{Changes, Failure, Hold, IllegalStep, RunCounts, RunEvent, RunState},
};
use sqlx::{Any, AssertSqlSafe, Row, Transaction, any::AnyRow};

use super::plan::RunPlan;
use crate::store::{Clock, Database, StoreError};

/// Why a change of a run did not happen.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HeldError {
    /// The lease ran out and another worker has the run, or it ended otherwise.
    #[error("the lease of the run is lost")]
    Lost,
    /// A person called the run off.
    #[error("the run was called off")]
    Canceled,
    /// A step that the state does not allow: a fault of ours.
    #[error(transparent)]
    Illegal(#[from] IllegalStep),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for HeldError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// A run as its worker sees it.
#[derive(Debug, Clone)]
pub(crate) struct RunRow {
    pub(crate) id: RunId,
    pub(crate) account_id: AccountId,
    pub(crate) share_id: ShareId,
    pub(crate) mapping_version: u32,
    pub(crate) plan: RunPlan,
    pub(crate) state: RunState,
    /// A person called it off.
    pub(crate) canceled: bool,
    /// How often an endpoint did something to one of its jobs.
    pub(crate) woken: i64,
    /// The key of its payload, wrapped; none before the first reading and after the payload was removed.
    pub(crate) payload_key: Option<Vec<u8>>,
    pub(crate) export_job_id: Option<JobId>,
    pub(crate) import_job_id: Option<JobId>,
    /// The consumer's id of the segment that this run made.
    pub(crate) segment_id: Option<String>,
    pub(crate) counts: RunCounts,
    pub(crate) parts: u32,
    /// Jobs with the consumer that it has finished.
    pub(crate) jobs_done: u32,
    /// The ledger that a mirror compares with.
    pub(crate) ledger_id: Option<LedgerId>,
    /// The ledger does not know yet what this run did.
    pub(crate) ledger_open: bool,
    /// The call that was tried again when the run was put aside, and how often.
    pub(crate) retry_step: Option<String>,
    pub(crate) retry_count: u32,
    /// Since when an endpoint is at work on a job, when the run was put aside for it.
    pub(crate) job_since: Option<i64>,
    /// How often the source was read again from the start, as long as it was not read whole.
    pub(crate) reads_again: u32,
    pub(crate) created_at: i64,
    pub(crate) started_at: Option<i64>,
}

/// A number of rows, bytes or parts as the database keeps it.
pub(crate) fn to_integer(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// The other way; the database never holds a negative one.
pub(crate) fn from_integer(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

/// Text of an application, fit to be stored and shown: bounded, and without control characters (PostgreSQL takes no NUL).
pub(crate) fn bounded_text(text: &str, most: usize) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(most).collect()
}

pub(crate) fn corrupt(what: &str) -> StoreError {
    StoreError::Sqlx(sqlx::Error::Decode(format!("a run's {what} can't be read").into()))
}

pub(crate) fn counts_of(row: &AnyRow) -> Result<RunCounts, StoreError> {
    let number = |column: &str| row.try_get::<i64, _>(column).map(from_integer);
    let changes: Option<String> = row.try_get("changes")?;
    Ok(RunCounts {
        declared: row.try_get::<Option<i64>, _>("declared")?.map(from_integer),
        read: number("rows_read")?,
        valid: number("rows_valid")?,
        rejected: number("rows_rejected")?,
        sent: number("rows_sent")?,
        acknowledged: number("rows_acknowledged")?,
        refused: number("rows_refused")?,
        bytes_read: number("bytes_read")?,
        bytes_sent: number("bytes_sent")?,
        changes: changes.map(|text| serde_json::from_str(&text).map_err(|_| corrupt("changes"))).transpose()?,
    })
}

pub(crate) fn state_of(row: &AnyRow) -> Result<RunState, StoreError> {
    RunState::parse(&row.try_get::<String, _>("state")?).ok_or_else(|| corrupt("state"))
}

/// The id in a column.
pub(crate) fn id_of<T: std::str::FromStr>(row: &AnyRow, column: &str) -> Result<T, StoreError> {
    row.try_get::<String, _>(column)?.parse().map_err(|_| corrupt(column))
}

impl RunRow {
    fn of(row: &AnyRow) -> Result<Self, StoreError> {
        let job = |column: &str| -> Result<Option<JobId>, StoreError> {
            row.try_get::<Option<String>, _>(column)?.map(|id| id.parse().map_err(|_| corrupt(column))).transpose()
        };
        let small = |column: &str| -> Result<u32, StoreError> {
            u32::try_from(row.try_get::<i64, _>(column)?).map_err(|_| corrupt(column))
        };
        Ok(Self {
            id: id_of(row, "id")?,
            account_id: id_of(row, "account_id")?,
            share_id: id_of(row, "share_id")?,
            mapping_version: small("mapping_version")?,
            plan: serde_json::from_str(&row.try_get::<String, _>("plan")?).map_err(|_| corrupt("plan"))?,
            state: state_of(row)?,
            canceled: row.try_get::<i64, _>("cancel_requested")? != 0,
            woken: row.try_get("woken")?,
            payload_key: row.try_get("payload_key")?,
            export_job_id: job("export_job_id")?,
            import_job_id: job("import_job_id")?,
            segment_id: row.try_get("segment_id")?,
            counts: counts_of(row)?,
            parts: small("parts")?,
            jobs_done: small("jobs_done")?,
            ledger_id: row
                .try_get::<Option<String>, _>("ledger_id")?
                .map(|id| id.parse().map_err(|_| corrupt("ledger")))
                .transpose()?,
            ledger_open: row.try_get::<i64, _>("ledger_open")? != 0,
            retry_step: row.try_get("retry_step")?,
            retry_count: small("retry_count")?,
            job_since: row.try_get("job_since")?,
            reads_again: small("reads_again")?,
            created_at: row.try_get("created_at")?,
            started_at: row.try_get("started_at")?,
        })
    }
}

/// A claimed run.
pub(crate) struct Claim {
    pub(crate) run: RunRow,
    pub(crate) held: Held,
}

/// Which runs a claim may pick.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pick {
    /// Only those that expect at most so many rows; any when none.
    pub(crate) most_rows: Option<u64>,
    /// None of an endpoint from or to which so many runs move data already. Two processes that claim at the same moment may go one beyond.
    pub(crate) runs_per_endpoint: u32,
    /// No run is claimed or put aside for longer than this. One that seems to be was when the clock was ahead: it may be picked.
    pub(crate) longest_aside: Duration,
}

/// Claims a run that nobody works on, or whose worker has let its lease run out. The account for which the fewest runs are under way comes first, and
/// among its runs the one whose turn was longest ago. None when there is none.
pub(crate) async fn claim(
    database: &Database,
    clock: &Arc<dyn Clock>,
    owner: &str,
    lease: Duration,
    pick: Pick,
) -> Result<Option<Claim>, StoreError> {
    let now = clock.now_ms();
    let text = format!(
        "with busy as (
            select account_id, source_endpoint_id, destination_endpoint_id from run
            where state in ({states}) and lease_expires_at > $3 and lease_expires_at <= $6 and lease_owner is not null)
         update run set lease_owner = $1, lease_expires_at = $2, fencing = fencing + 1, version = version + 1,
            started_at = coalesce(started_at, $3)
         where (lease_expires_at <= $3 or lease_expires_at > $6) and id = (
            select candidate.id from run candidate
            where candidate.state in ({states})
                and (candidate.lease_expires_at <= $3 or candidate.lease_expires_at > $6)
                and (candidate.paused = 0 or candidate.cancel_requested = 1)
                and ($4 < 0 or candidate.expected_rows <= $4)
                and (select count(*) from busy where candidate.source_endpoint_id
                    in (busy.source_endpoint_id, busy.destination_endpoint_id)) < $5
                and (select count(*) from busy where candidate.destination_endpoint_id
                    in (busy.source_endpoint_id, busy.destination_endpoint_id)) < $5
            order by (select count(*) from busy where busy.account_id = candidate.account_id),
                candidate.turn_at, candidate.created_at, candidate.id limit 1 {skip_locked})
         returning *",
        states = super::states_sql(RunState::is_workable),
        skip_locked = database.dialect().skip_locked(),
    );
    let row = sqlx::query(AssertSqlSafe(text))
        .bind(owner)
        .bind(now.saturating_add(milliseconds(lease)))
        .bind(now)
        .bind(pick.most_rows.map_or(-1, to_integer))
        .bind(i64::from(pick.runs_per_endpoint))
        .bind(now.saturating_add(milliseconds(pick.longest_aside)))
        .fetch_optional(database.writer())
        .await?;
    let Some(row) = row else { return Ok(None) };
    let run = RunRow::of(&row)?;
    let held = Held {
        database: database.clone(),
        clock: clock.clone(),
        run_id: run.id.clone(),
        owner: owner.to_owned(),
        fencing: row.try_get("fencing")?,
    };
    Ok(Some(Claim { run, held }))
}

/// Whether a run could be worked on that nobody works on, beside this one.
pub(crate) async fn another_waits(database: &Database, now: i64, run_id: &RunId) -> Result<bool, StoreError> {
    let text = format!(
        "select count(*) as many from run
         where state in ({}) and lease_expires_at <= $1 and paused = 0 and lease_owner is null and id <> $2",
        super::states_sql(RunState::is_workable)
    );
    let row = sqlx::query(AssertSqlSafe(text)).bind(now).bind(run_id.as_str()).fetch_one(database.reader()).await?;
    Ok(row.try_get::<i64, _>("many")? > 0)
}

fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// The right to change a run, as long as the lease lasts.
#[derive(Clone)]
pub(crate) struct Held {
    database: Database,
    clock: Arc<dyn Clock>,
    run_id: RunId,
    owner: String,
    fencing: i64,
}

impl Held {
    /// Begins a change. Fails with [`HeldError::Lost`] when the lease is no longer this worker's.
    pub(crate) async fn begin(&self) -> Result<Change, HeldError> {
        let mut transaction = self.database.begin().await?;
        let row = sqlx::query(
            "update run set version = version + 1 where id = $1 and lease_owner = $2 and fencing = $3
             returning state, cancel_requested",
        )
        .bind(self.run_id.as_str())
        .bind(self.owner.as_str())
        .bind(self.fencing)
        .fetch_optional(&mut *transaction)
        .await?
        .ok_or(HeldError::Lost)?;
        Ok(Change {
            state: state_of(&row)?,
            canceled: row.try_get::<i64, _>("cancel_requested")? != 0,
            transaction,
            run_id: self.run_id.clone(),
            now: self.clock.now_ms(),
        })
    }

    /// Renews the lease; says what a person asked for meanwhile.
    pub(crate) async fn renew(&self, lease: Duration) -> Result<Renewed, HeldError> {
        let row = sqlx::query(
            "update run set lease_expires_at = $1 where id = $2 and lease_owner = $3 and fencing = $4
             returning cancel_requested, paused",
        )
        .bind(self.clock.now_ms().saturating_add(milliseconds(lease)))
        .bind(self.run_id.as_str())
        .bind(self.owner.as_str())
        .bind(self.fencing)
        .fetch_optional(self.database.writer())
        .await?
        .ok_or(HeldError::Lost)?;
        Ok(Renewed {
            called_off: row.try_get::<i64, _>("cancel_requested")? != 0,
            paused: row.try_get::<i64, _>("paused")? != 0,
        })
    }

    /// Gives the run back, so that any worker can take it up at once; behind the others that wait when it had its `turn`. No error when it was lost
    /// already.
    pub(crate) async fn release(&self, had_its_turn: bool) -> Result<(), StoreError> {
        sqlx::query(
            "update run set lease_owner = null, lease_expires_at = 0, version = version + 1,
                turn_at = case when $4 = 1 then $5 else turn_at end
             where id = $1 and lease_owner = $2 and fencing = $3",
        )
        .bind(self.run_id.as_str())
        .bind(self.owner.as_str())
        .bind(self.fencing)
        .bind(i64::from(had_its_turn))
        .bind(self.clock.now_ms())
        .execute(self.database.writer())
        .await?;
        Ok(())
    }

    /// Puts the run aside until a moment, or until it is woken: nobody works on it meanwhile. When it was woken since it was `seen`, it is
    /// looked at again at once.
    pub(crate) async fn park(&self, until: i64, seen: i64) -> Result<(), StoreError> {
        sqlx::query(
            "update run set lease_owner = null, lease_expires_at = case when woken = $5 and cancel_requested = 0 then $4 else 0 end,
                version = version + 1 where id = $1 and lease_owner = $2 and fencing = $3",
        )
        .bind(self.run_id.as_str())
        .bind(self.owner.as_str())
        .bind(self.fencing)
        .bind(until)
        .bind(seen)
        .execute(self.database.writer())
        .await?;
        Ok(())
    }

    /// A single change of columns, `set` being the assignments with `$2` for `value`.
    pub(crate) async fn set_text(&self, column: Column, value: Option<&str>) -> Result<(), HeldError> {
        let mut change = self.begin().await?;
        change.set_text(column, value).await?;
        change.commit().await
    }

    /// Writes what was counted while reading.
    pub(crate) async fn set_reading_counts(&self, counts: &ReadingCounts) -> Result<(), HeldError> {
        let mut change = self.begin().await?;
        change.set_reading_counts(counts).await?;
        change.commit().await
    }
}

/// What a person asked of a run since its lease was renewed last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Renewed {
    pub(crate) called_off: bool,
    pub(crate) paused: bool,
}

/// Columns of text that change one at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Column {
    /// The id of the job with the producer.
    ExportJob,
    /// The id of the job with the consumer.
    ImportJob,
    /// The consumer's id of the segment that this run made.
    Segment,
    /// What it waits for.
    Waiting,
}

impl Column {
    fn name(self) -> &'static str {
        match self {
            Self::ExportJob => "export_job_id",
            Self::ImportJob => "import_job_id",
            Self::Segment => "segment_id",
            Self::Waiting => "waiting",
        }
    }
}

/// What is counted while the source is read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct ReadingCounts {
    pub(crate) read: u64,
    pub(crate) valid: u64,
    pub(crate) rejected: u64,
    pub(crate) bytes: u64,
}

/// A change of a run under way. Dropped without [`Change::commit`], it never happened.
pub(crate) struct Change {
    pub(crate) transaction: Transaction<'static, Any>,
    pub(crate) now: i64,
    pub(super) run_id: RunId,
    state: RunState,
    canceled: bool,
}

impl Change {
    /// Moves the run. A run that was called off takes no other step than to end.
    pub(crate) async fn step(&mut self, event: RunEvent) -> Result<RunState, HeldError> {
        let next = self.state.step(event)?;
        if self.canceled && !next.is_final() {
            return Err(HeldError::Canceled);
        }
        let ended = next.is_final().then_some(self.now);
        let row = sqlx::query(
            "update run set state = $2, waiting = null, finished_at = $3, job_since = null,
                retry_step = null, retry_count = 0, retry_since = null where id = $1 returning account_id, share_id",
        )
        .bind(self.run_id.as_str())
        .bind(next.as_str())
        .bind(ended)
        .fetch_one(&mut *self.transaction)
        .await?;
        if !next.is_workable() {
            sqlx::query(
                "update run set lease_owner = null, lease_expires_at = 0, cancel_requested = 0, paused = 0 where id = $1",
            )
                .bind(self.run_id.as_str())
                .execute(&mut *self.transaction)
                .await?;
        }
        if !next.is_workable() {
            let (account_id, share_id) = (id_of(&row, "account_id")?, id_of(&row, "share_id")?);
            if next.is_final() {
                crate::sharing::run_ended(&mut self.transaction, self.now, &account_id, &share_id, next).await?;
            }
            crate::telling::look(&mut self.transaction, self.now, &account_id, &share_id).await?;
        }
        self.state = next;
        Ok(next)
    }

    pub(crate) async fn commit(self) -> Result<(), HeldError> {
        Ok(self.transaction.commit().await?)
    }

    pub(crate) async fn note(&mut self, message: &str) -> Result<(), HeldError> {
        Ok(note(&mut self.transaction, &self.run_id, self.now, message).await?)
    }

    pub(crate) async fn set_text(&mut self, column: Column, value: Option<&str>) -> Result<(), HeldError> {
        sqlx::query(AssertSqlSafe(format!("update run set {} = $2 where id = $1", column.name())))
            .bind(self.run_id.as_str())
            .bind(value)
            .execute(&mut *self.transaction)
            .await?;
        Ok(())
    }

    pub(crate) async fn set_payload_key(&mut self, wrapped: Option<&[u8]>) -> Result<(), HeldError> {
        sqlx::query("update run set payload_key = $2 where id = $1")
            .bind(self.run_id.as_str())
            .bind(wrapped.map(<[u8]>::to_vec))
            .execute(&mut *self.transaction)
            .await?;
        Ok(())
    }

    /// Says what is waited for, and that something is tried again.
    pub(crate) async fn waiting_to_retry(&mut self, sentence: &str) -> Result<(), HeldError> {
        sqlx::query("update run set waiting = $2, retries = retries + 1 where id = $1")
            .bind(self.run_id.as_str())
            .bind(sentence)
            .execute(&mut *self.transaction)
            .await?;
        Ok(())
    }

    /// Notes how often the source is read again by now.
    pub(crate) async fn set_reads_again(&mut self, count: u32) -> Result<(), HeldError> {
        sqlx::query("update run set reads_again = $2 where id = $1")
            .bind(self.run_id.as_str())
            .bind(i64::from(count))
            .execute(&mut *self.transaction)
            .await?;
        Ok(())
    }

    /// Notes that a call failed for the `count`th time, so that this is known when the run was put aside. Gives since when calls fail.
    pub(crate) async fn note_retry(&mut self, step: &str, count: u32) -> Result<i64, HeldError> {
        let row = sqlx::query(
            "update run set retry_step = $2, retry_count = $3, retry_since = coalesce(retry_since, $4) where id = $1
             returning retry_since",
        )
        .bind(self.run_id.as_str())
        .bind(step)
        .bind(i64::from(count))
        .bind(self.now)
        .fetch_one(&mut *self.transaction)
        .await?;
        Ok(row.try_get("retry_since")?)
    }

    /// A call that failed has succeeded.
    pub(crate) async fn forget_retries(&mut self) -> Result<(), HeldError> {
        sqlx::query(
            "update run set waiting = null, retry_step = null, retry_count = 0, retry_since = null where id = $1",
        )
        .bind(self.run_id.as_str())
        .execute(&mut *self.transaction)
        .await?;
        Ok(())
    }

    /// Notes that an endpoint is at work on a job, and since when.
    pub(crate) async fn waiting_for_job(&mut self, sentence: &str, since: i64) -> Result<(), HeldError> {
        sqlx::query("update run set waiting = $2, job_since = coalesce(job_since, $3) where id = $1")
            .bind(self.run_id.as_str())
            .bind(sentence)
            .bind(since)
            .execute(&mut *self.transaction)
            .await?;
        Ok(())
    }

    pub(crate) async fn set_failure(&mut self, failure: &Failure) -> Result<(), HeldError> {
        let text = serde_json::to_string(failure).map_err(|_| corrupt("failure"))?;
        sqlx::query("update run set failure = $2 where id = $1")
            .bind(self.run_id.as_str())
            .bind(text)
            .execute(&mut *self.transaction)
            .await?;
        Ok(())
    }

    /// What a mirror found. When it is carried out, the ledger has to hear what becomes of it.
    pub(crate) async fn set_changes(&mut self, changes: &Changes, is_carried_out: bool) -> Result<(), HeldError> {
        let text = serde_json::to_string(changes).map_err(|_| corrupt("changes"))?;
        sqlx::query("update run set changes = $2, ledger_open = $3 where id = $1")
            .bind(self.run_id.as_str())
            .bind(text)
            .bind(i64::from(is_carried_out))
            .execute(&mut *self.transaction)
            .await?;
        Ok(())
    }

    /// The ledger knows what became of the run.
    pub(crate) async fn ledger_told(&mut self) -> Result<(), HeldError> {
        sqlx::query("update run set ledger_open = 0 where id = $1")
            .bind(self.run_id.as_str())
            .execute(&mut *self.transaction)
            .await?;
        Ok(())
    }

    pub(crate) async fn set_ledger(&mut self, ledger_id: &LedgerId) -> Result<(), HeldError> {
        sqlx::query("update run set ledger_id = $2 where id = $1")
            .bind(self.run_id.as_str())
            .bind(ledger_id.as_str())
            .execute(&mut *self.transaction)
            .await?;
        Ok(())
    }

    /// The consumer has finished a job; the next one is still to be opened.
    pub(crate) async fn job_done(&mut self) -> Result<(), HeldError> {
        sqlx::query("update run set jobs_done = jobs_done + 1, import_job_id = null where id = $1")
            .bind(self.run_id.as_str())
            .execute(&mut *self.transaction)
            .await?;
        Ok(())
    }

    pub(crate) async fn set_hold(&mut self, hold: &Hold) -> Result<(), HeldError> {
        let text = serde_json::to_string(hold).map_err(|_| corrupt("hold"))?;
        sqlx::query("update run set hold = $2 where id = $1")
            .bind(self.run_id.as_str())
            .bind(text)
            .execute(&mut *self.transaction)
            .await?;
        Ok(())
    }

    pub(crate) async fn set_source_header(&mut self, header: &[String]) -> Result<(), HeldError> {
        let text = serde_json::to_string(header).map_err(|_| corrupt("header"))?;
        sqlx::query("update run set source_header = $2 where id = $1")
            .bind(self.run_id.as_str())
            .bind(text)
            .execute(&mut *self.transaction)
            .await?;
        Ok(())
    }

    pub(crate) async fn set_declared(&mut self, declared: Option<u64>) -> Result<(), HeldError> {
        sqlx::query("update run set declared = $2 where id = $1")
            .bind(self.run_id.as_str())
            .bind(declared.map(to_integer))
            .execute(&mut *self.transaction)
            .await?;
        Ok(())
    }

    pub(crate) async fn set_reading_counts(&mut self, counts: &ReadingCounts) -> Result<(), HeldError> {
        sqlx::query(
            "update run set rows_read = $2, rows_valid = $3, rows_rejected = $4, bytes_read = $5 where id = $1",
        )
        .bind(self.run_id.as_str())
        .bind(to_integer(counts.read))
        .bind(to_integer(counts.valid))
        .bind(to_integer(counts.rejected))
        .bind(to_integer(counts.bytes))
        .execute(&mut *self.transaction)
        .await?;
        Ok(())
    }

    /// All was read: the parts are final from now on.
    pub(crate) async fn set_read_whole(&mut self) -> Result<(), HeldError> {
        sqlx::query("update run set read_whole_at = $2, reads_again = 0 where id = $1")
            .bind(self.run_id.as_str())
            .bind(self.now)
            .execute(&mut *self.transaction)
            .await?;
        Ok(())
    }

    pub(crate) async fn set_receipt(&mut self, receipt: &str, sha256: &str) -> Result<(), HeldError> {
        sqlx::query("update run set receipt = $2, receipt_sha256 = $3, failure = null where id = $1")
            .bind(self.run_id.as_str())
            .bind(receipt)
            .bind(sha256)
            .execute(&mut *self.transaction)
            .await?;
        Ok(())
    }

    /// What was counted, as the database has it now.
    pub(crate) async fn counts(&mut self) -> Result<RunCounts, HeldError> {
        let row = sqlx::query("select * from run where id = $1")
            .bind(self.run_id.as_str())
            .fetch_one(&mut *self.transaction)
            .await?;
        Ok(counts_of(&row)?)
    }
}

/// Writes an entry of the timeline of a run whose row the transaction has locked by an update.
pub(crate) async fn note(
    transaction: &mut Transaction<'_, Any>,
    run_id: &RunId,
    now: i64,
    message: &str,
) -> Result<(), StoreError> {
    sqlx::query(
        "insert into run_event (run_id, ordinal, at, message)
         select $1, coalesce(max(ordinal), 0) + 1, $2, $3 from run_event where run_id = $1",
    )
    .bind(run_id.as_str())
    .bind(now)
    .bind(bounded_text(message, 1000))
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

/// A run as it is now, whoever holds it.
pub(crate) async fn load(database: &Database, run_id: &RunId) -> Result<RunRow, StoreError> {
    let row = sqlx::query("select * from run where id = $1").bind(run_id.as_str()).fetch_one(database.reader()).await?;
    RunRow::of(&row)
}

/// The columns of the source, as its header named them; none before it was read.
pub(crate) async fn source_header(database: &Database, run_id: &RunId) -> Result<Option<Vec<String>>, StoreError> {
    let row = sqlx::query("select source_header from run where id = $1")
        .bind(run_id.as_str())
        .fetch_one(database.reader())
        .await?;
    let header: Option<String> = row.try_get("source_header")?;
    header.map(|text| serde_json::from_str(&text).map_err(|_| corrupt("header"))).transpose()
}
