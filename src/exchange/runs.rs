//! The rows of runs: claiming one by lease, and changing one while the lease is held.
//!
//! Every change goes through [`Held::begin`], whose first statement proves that the lease is still this worker's (owner and fencing
//! token) and locks the row: a worker that lost its lease can't change anything any more. What the steps mean is not known here.

use std::{sync::Arc, time::Duration};

use model::{
    id::{AccountId, JobId, RunId, ShareId},
    reject::RejectCode,
    run::{Failure, IllegalStep, RejectGroup, RunCounts, RunEvent, RunState},
};
use sqlx::{Any, AssertSqlSafe, Row, Transaction, any::AnyRow};

use super::plan::RunPlan;
use crate::store::{Clock, Database, StoreError};

/// Groups of rows left out that are kept apart in one run; what comes after is counted together.
const MAX_GROUPS: i64 = 100;

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
    /// The key of its payload, wrapped; none before the first reading and after the payload was removed.
    pub(crate) payload_key: Option<Vec<u8>>,
    pub(crate) export_job_id: Option<JobId>,
    pub(crate) import_job_id: Option<JobId>,
    /// The consumer's id of the segment that this run made.
    pub(crate) segment_id: Option<String>,
    pub(crate) counts: RunCounts,
    pub(crate) parts: u32,
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
            payload_key: row.try_get("payload_key")?,
            export_job_id: job("export_job_id")?,
            import_job_id: job("import_job_id")?,
            segment_id: row.try_get("segment_id")?,
            counts: counts_of(row)?,
            parts: small("parts")?,
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

/// Claims the oldest run that nobody works on, or whose worker has let its lease run out. None when there is none.
pub(crate) async fn claim(
    database: &Database,
    clock: &Arc<dyn Clock>,
    owner: &str,
    lease: Duration,
) -> Result<Option<Claim>, StoreError> {
    let now = clock.now_ms();
    let text = format!(
        "update run set lease_owner = $1, lease_expires_at = $2, fencing = fencing + 1, version = version + 1,
            started_at = coalesce(started_at, $3)
         where lease_expires_at <= $3 and id = (
            select id from run where state in ({}) and lease_expires_at <= $3 order by created_at, id limit 1 {})
         returning *",
        super::states_sql(|state| !state.is_final()),
        database.dialect().skip_locked(),
    );
    let row = sqlx::query(AssertSqlSafe(text))
        .bind(owner)
        .bind(now.saturating_add(milliseconds(lease)))
        .bind(now)
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

    /// Renews the lease; says whether a person called the run off.
    pub(crate) async fn renew(&self, lease: Duration) -> Result<bool, HeldError> {
        let row = sqlx::query(
            "update run set lease_expires_at = $1 where id = $2 and lease_owner = $3 and fencing = $4
             returning cancel_requested",
        )
        .bind(self.clock.now_ms().saturating_add(milliseconds(lease)))
        .bind(self.run_id.as_str())
        .bind(self.owner.as_str())
        .bind(self.fencing)
        .fetch_optional(self.database.writer())
        .await?
        .ok_or(HeldError::Lost)?;
        Ok(row.try_get::<i64, _>("cancel_requested")? != 0)
    }

    /// Gives the run back, so that any worker can take it up at once. No error when it was lost already.
    pub(crate) async fn release(&self) -> Result<(), StoreError> {
        sqlx::query(
            "update run set lease_owner = null, lease_expires_at = 0, version = version + 1
             where id = $1 and lease_owner = $2 and fencing = $3",
        )
        .bind(self.run_id.as_str())
        .bind(self.owner.as_str())
        .bind(self.fencing)
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

/// A part that is recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PartRow {
    /// From 1.
    pub(crate) number: u32,
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
    /// Lower-case hexadecimal.
    pub(crate) sha256: String,
}

/// Where the rows of a reject file were left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RejectStage {
    /// By Usher, while the source was read.
    Read,
    /// By the destination.
    Refused,
}

impl RejectStage {
    pub(crate) fn ordinal(self) -> i64 {
        match self {
            Self::Read => 0,
            Self::Refused => 1,
        }
    }
}

/// A change of a run under way. Dropped without [`Change::commit`], it never happened.
pub(crate) struct Change {
    pub(crate) transaction: Transaction<'static, Any>,
    pub(crate) now: i64,
    run_id: RunId,
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
        sqlx::query("update run set state = $2, waiting = null, finished_at = $3 where id = $1")
            .bind(self.run_id.as_str())
            .bind(next.as_str())
            .bind(ended)
            .execute(&mut *self.transaction)
            .await?;
        if next.is_final() {
            sqlx::query("update run set lease_owner = null, lease_expires_at = 0, cancel_requested = 0 where id = $1")
                .bind(self.run_id.as_str())
                .execute(&mut *self.transaction)
                .await?;
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

    /// Says what is waited for, and that a call is tried again.
    pub(crate) async fn waiting_to_retry(&mut self, sentence: &str) -> Result<(), HeldError> {
        sqlx::query("update run set waiting = $2, retries = retries + 1 where id = $1")
            .bind(self.run_id.as_str())
            .bind(sentence)
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

    /// Forgets all that was read and sent, before the source is read (again).
    pub(crate) async fn forget_reading(&mut self) -> Result<(), HeldError> {
        for text in [
            "update run set declared = null, rows_read = 0, rows_valid = 0, rows_rejected = 0, rows_sent = 0, rows_acknowledged = 0,
                rows_refused = 0, bytes_read = 0, bytes_sent = 0, parts = 0, parts_acknowledged = 0, read_whole_at = null,
                failure = null where id = $1",
            "delete from run_part where run_id = $1",
            "delete from run_reject_file where run_id = $1",
            "delete from run_left_out where run_id = $1",
        ] {
            sqlx::query(text).bind(self.run_id.as_str()).execute(&mut *self.transaction).await?;
        }
        Ok(())
    }

    /// Forgets the parts, because they can't be used any more; what was counted and rejected stays to be seen.
    pub(crate) async fn forget_parts(&mut self) -> Result<(), HeldError> {
        for text in ["delete from run_part where run_id = $1", "update run set read_whole_at = null where id = $1"] {
            sqlx::query(text).bind(self.run_id.as_str()).execute(&mut *self.transaction).await?;
        }
        Ok(())
    }

    /// Forgets what the consumer acknowledged: the parts are sent again, under another job.
    pub(crate) async fn forget_acknowledgements(&mut self) -> Result<(), HeldError> {
        for text in [
            "update run set rows_sent = 0, rows_acknowledged = 0, rows_refused = 0, bytes_sent = 0, parts_acknowledged = 0 where id = $1",
            "update run_part set acknowledged_at = null, accepted = 0, refused = 0 where run_id = $1",
        ] {
            sqlx::query(text).bind(self.run_id.as_str()).execute(&mut *self.transaction).await?;
        }
        sqlx::query("delete from run_reject_file where run_id = $1 and stage = $2")
            .bind(self.run_id.as_str())
            .bind(RejectStage::Refused.ordinal())
            .execute(&mut *self.transaction)
            .await?;
        sqlx::query("delete from run_left_out where run_id = $1 and code = $2")
            .bind(self.run_id.as_str())
            .bind(RejectCode::Refused.as_str())
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

    /// Records a part whose objects are in the payload store.
    pub(crate) async fn add_part(&mut self, part: &PartRow) -> Result<(), HeldError> {
        sqlx::query("insert into run_part (run_id, number, row_count, byte_count, sha256) values ($1, $2, $3, $4, $5)")
            .bind(self.run_id.as_str())
            .bind(i64::from(part.number))
            .bind(to_integer(part.rows))
            .bind(to_integer(part.bytes))
            .bind(part.sha256.as_str())
            .execute(&mut *self.transaction)
            .await?;
        sqlx::query("update run set parts = parts + 1 where id = $1")
            .bind(self.run_id.as_str())
            .execute(&mut *self.transaction)
            .await?;
        Ok(())
    }

    /// Records a reject file that is in the payload store.
    pub(crate) async fn add_reject_file(
        &mut self,
        stage: RejectStage,
        number: u32,
        rows: u64,
    ) -> Result<(), HeldError> {
        sqlx::query("insert into run_reject_file (run_id, stage, number, row_count) values ($1, $2, $3, $4)")
            .bind(self.run_id.as_str())
            .bind(stage.ordinal())
            .bind(i64::from(number))
            .bind(to_integer(rows))
            .execute(&mut *self.transaction)
            .await?;
        Ok(())
    }

    /// Adds to the account of rows left out. When a destination has very many codes, those that come late are counted together.
    pub(crate) async fn add_left_out(&mut self, groups: &[RejectGroup]) -> Result<(), HeldError> {
        if groups.is_empty() {
            return Ok(());
        }
        let count = sqlx::query("select count(*) as many from run_left_out where run_id = $1")
            .bind(self.run_id.as_str())
            .fetch_one(&mut *self.transaction)
            .await?;
        let mut many: i64 = count.try_get("many")?;
        for group in groups {
            let destination_code = group.destination_code.as_deref().unwrap_or("");
            let field = group.field.as_deref().unwrap_or("");
            let known = sqlx::query(
                "update run_left_out set row_count = row_count + $5
                 where run_id = $1 and code = $2 and destination_code = $3 and field = $4",
            )
            .bind(self.run_id.as_str())
            .bind(group.code.as_str())
            .bind(destination_code)
            .bind(field)
            .bind(to_integer(group.rows))
            .execute(&mut *self.transaction)
            .await?;
            if known.rows_affected() > 0 {
                continue;
            }
            let (destination_code, field, reason) = if many < MAX_GROUPS {
                (destination_code, field, group.reason.as_str())
            } else {
                ("", "", "Other reasons; each row's own is in the rejects.")
            };
            many += 1;
            sqlx::query(
                "insert into run_left_out (run_id, code, destination_code, field, reason, row_count)
                 values ($1, $2, $3, $4, $5, $6)
                 on conflict (run_id, code, destination_code, field)
                 do update set row_count = run_left_out.row_count + excluded.row_count",
            )
            .bind(self.run_id.as_str())
            .bind(group.code.as_str())
            .bind(destination_code)
            .bind(field)
            .bind(reason)
            .bind(to_integer(group.rows))
            .execute(&mut *self.transaction)
            .await?;
        }
        Ok(())
    }

    /// Records that the consumer took a part.
    pub(crate) async fn acknowledge_part(
        &mut self,
        part: &PartRow,
        accepted: u64,
        refused: u64,
    ) -> Result<(), HeldError> {
        sqlx::query(
            "update run_part set acknowledged_at = $3, accepted = $4, refused = $5 where run_id = $1 and number = $2",
        )
        .bind(self.run_id.as_str())
        .bind(i64::from(part.number))
        .bind(self.now)
        .bind(to_integer(accepted))
        .bind(to_integer(refused))
        .execute(&mut *self.transaction)
        .await?;
        sqlx::query(
            "update run set rows_sent = rows_sent + $2, rows_acknowledged = rows_acknowledged + $3,
                rows_refused = rows_refused + $4, bytes_sent = bytes_sent + $5, parts_acknowledged = parts_acknowledged + 1,
                waiting = null where id = $1",
        )
        .bind(self.run_id.as_str())
        .bind(to_integer(part.rows))
        .bind(to_integer(accepted))
        .bind(to_integer(refused))
        .bind(to_integer(part.bytes))
        .execute(&mut *self.transaction)
        .await?;
        Ok(())
    }

    /// All was read: the parts are final from now on.
    pub(crate) async fn set_read_whole(&mut self) -> Result<(), HeldError> {
        sqlx::query("update run set read_whole_at = $2 where id = $1")
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

/// The parts of a run, in order; only those not acknowledged yet when `open` is set.
pub(crate) async fn parts(database: &Database, run_id: &RunId, open: bool) -> Result<Vec<PartRow>, StoreError> {
    let text = if open {
        "select number, row_count, byte_count, sha256 from run_part where run_id = $1 and acknowledged_at is null order by number"
    } else {
        "select number, row_count, byte_count, sha256 from run_part where run_id = $1 order by number"
    };
    sqlx::query(text)
        .bind(run_id.as_str())
        .fetch_all(database.reader())
        .await?
        .iter()
        .map(|row| {
            Ok(PartRow {
                number: u32::try_from(row.try_get::<i64, _>("number")?).map_err(|_| corrupt("part"))?,
                rows: from_integer(row.try_get("row_count")?),
                bytes: from_integer(row.try_get("byte_count")?),
                sha256: row.try_get("sha256")?,
            })
        })
        .collect()
}

/// The rows left out of a run, by reason, the most first.
pub(crate) async fn left_out(database: &Database, run_id: &RunId) -> Result<Vec<RejectGroup>, StoreError> {
    let some = |text: String| Some(text).filter(|text| !text.is_empty());
    sqlx::query(
        "select code, destination_code, field, reason, row_count from run_left_out where run_id = $1
         order by row_count desc, code, field, destination_code",
    )
    .bind(run_id.as_str())
    .fetch_all(database.reader())
    .await?
    .iter()
    .map(|row| {
        let code: String = row.try_get("code")?;
        Ok(RejectGroup {
            code: RejectCode::ALL.into_iter().find(|c| c.as_str() == code).ok_or_else(|| corrupt("reject code"))?,
            destination_code: some(row.try_get("destination_code")?),
            field: some(row.try_get("field")?),
            reason: row.try_get("reason")?,
            rows: from_integer(row.try_get("row_count")?),
        })
    })
    .collect()
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

/// What stays of an ended run's payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kept {
    /// The reject files, and the key to open them.
    Rejects,
    /// Nothing; the key is gone.
    Nothing,
}

/// Gives the payload of an ended run up, before its objects are removed: it can't be gone on with, and when there are no rejects its
/// key is shredded. None when the run is under way (again).
pub(crate) async fn give_up_payload(database: &Database, run_id: &RunId) -> Result<Option<Kept>, StoreError> {
    let mut transaction = database.begin().await?;
    let text = format!(
        "update run set read_whole_at = null, version = version + 1 where id = $1 and state in ({}) returning id",
        super::states_sql(RunState::is_final)
    );
    let ended = sqlx::query(AssertSqlSafe(text)).bind(run_id.as_str()).fetch_optional(&mut *transaction).await?;
    if ended.is_none() {
        return Ok(None);
    }
    let files = sqlx::query("select count(*) as many from run_reject_file where run_id = $1")
        .bind(run_id.as_str())
        .fetch_one(&mut *transaction)
        .await?;
    let kept = if files.try_get::<i64, _>("many")? > 0 { Kept::Rejects } else { Kept::Nothing };
    if kept == Kept::Nothing {
        sqlx::query("update run set payload_key = null where id = $1")
            .bind(run_id.as_str())
            .execute(&mut *transaction)
            .await?;
    }
    transaction.commit().await?;
    Ok(Some(kept))
}

/// Records that the objects of an ended run are removed; until then the sweeper tries again.
pub(crate) async fn payload_removed(database: &Database, run_id: &RunId, now: i64) -> Result<(), StoreError> {
    let text = format!(
        "update run set payload_removed_at = $2 where id = $1 and state in ({})",
        super::states_sql(RunState::is_final)
    );
    sqlx::query(AssertSqlSafe(text)).bind(run_id.as_str()).bind(now).execute(database.writer()).await?;
    Ok(())
}

/// Ended runs whose parts are still kept and needed no more, at most 50: those that ended well or were called off, and those that
/// failed before a moment.
pub(crate) async fn ended_with_payload(database: &Database, failed_before: i64) -> Result<Vec<RunId>, StoreError> {
    let text = format!(
        "select id from run where payload_removed_at is null
            and (state in ({}) or (state = '{}' and finished_at < $1)) order by finished_at limit 50",
        super::states_sql(|state| state.is_final() && state != RunState::Failed),
        RunState::Failed.as_str(),
    );
    sqlx::query(AssertSqlSafe(text))
        .bind(failed_before)
        .fetch_all(database.reader())
        .await?
        .iter()
        .map(|row| id_of(row, "id"))
        .collect()
}
