//! What a run's rows refer to: its parts, its reject files, the account of rows left out, and what of all that is forgotten when. As
//! everything of a run under way, it is only written within a [`Change`].

use model::{
    contract::JobMode,
    id::RunId,
    reject::RejectCode,
    run::{LeftEmpty, RejectGroup, RunState},
};
use sqlx::{AssertSqlSafe, Row, any::AnyRow};

use super::{
    jobs::{parse, word},
    ledger::settle::PartOutcome,
    retention,
    runs::{Change, HeldError, bounded_text, corrupt, from_integer, id_of, to_integer},
};
use crate::store::{Database, StoreError};

/// Groups of rows left out that are kept apart in one run; what comes after is counted together.
const MAX_GROUPS: i64 = 100;

/// A part that is recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PartRow {
    /// From 1, within the run.
    pub(crate) number: u32,
    /// In which of the jobs with the consumer it goes.
    pub(crate) job_mode: JobMode,
    /// From 1, within that job: what the consumer knows it by.
    pub(crate) job_number: u32,
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
    /// Lower-case hexadecimal.
    pub(crate) sha256: String,
    /// The consumer has answered for it.
    pub(crate) acknowledged: bool,
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

impl Change {
    /// Forgets all that was read and sent, before the source is read (again).
    pub(crate) async fn forget_reading(&mut self) -> Result<(), HeldError> {
        for text in [
            "update run set declared = null, rows_read = 0, rows_valid = 0, rows_rejected = 0, rows_sent = 0, rows_acknowledged = 0,
                rows_refused = 0, bytes_read = 0, bytes_sent = 0, parts = 0, parts_acknowledged = 0, read_whole_at = null,
                failure = null, jobs_done = 0, changes = null, ledger_open = 0 where id = $1",
            "delete from run_part where run_id = $1",
            "delete from run_reject_file where run_id = $1",
            "delete from run_left_out where run_id = $1",
            "delete from run_left_empty where run_id = $1",
        ] {
            sqlx::query(text).bind(self.run_id.as_str()).execute(&mut *self.transaction).await?;
        }
        Ok(())
    }

    /// Forgets the parts of a reading, because they are made anew from the same rows.
    pub(crate) async fn forget_read_parts(&mut self) -> Result<(), HeldError> {
        for text in ["delete from run_part where run_id = $1", "update run set parts = 0 where id = $1"] {
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

    /// Forgets what the consumer acknowledged of one job: its parts are sent again, under another.
    pub(crate) async fn forget_acknowledgements(&mut self, job_mode: JobMode) -> Result<(), HeldError> {
        let job_mode = word(job_mode);
        for text in [
            "update run_part set acknowledged_at = null, accepted = 0, refused = 0, refused_rows = null
             where run_id = $1 and job_mode = $2",
            "delete from run_reject_file where run_id = $1 and stage = 1
                and number in (select number from run_part where run_id = $1 and job_mode = $2)",
        ] {
            sqlx::query(text)
                .bind(self.run_id.as_str())
                .bind(job_mode.as_str())
                .execute(&mut *self.transaction)
                .await?;
        }
        sqlx::query(
            "update run set
                rows_sent = (select coalesce(sum(row_count), 0) from run_part where run_id = $1 and acknowledged_at is not null),
                bytes_sent = (select coalesce(sum(byte_count), 0) from run_part where run_id = $1 and acknowledged_at is not null),
                rows_acknowledged = (select coalesce(sum(accepted), 0) from run_part where run_id = $1),
                rows_refused = (select coalesce(sum(refused), 0) from run_part where run_id = $1),
                parts_acknowledged = (select count(*) from run_part where run_id = $1 and acknowledged_at is not null)
             where id = $1",
        )
        .bind(self.run_id.as_str())
        .execute(&mut *self.transaction)
        .await?;
        sqlx::query("delete from run_left_out where run_id = $1 and code = $2 and job_mode = $3")
            .bind(self.run_id.as_str())
            .bind(RejectCode::Refused.as_str())
            .bind(job_mode)
            .execute(&mut *self.transaction)
            .await?;
        Ok(())
    }

    /// Records a part whose objects are in the payload store.
    pub(crate) async fn add_part(&mut self, part: &PartRow) -> Result<(), HeldError> {
        sqlx::query(
            "insert into run_part (run_id, number, job_mode, job_number, row_count, byte_count, sha256)
             values ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(self.run_id.as_str())
        .bind(i64::from(part.number))
        .bind(word(part.job_mode))
        .bind(i64::from(part.job_number))
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

    /// Adds to the account of rows left out, by Usher or in a job by the destination. When a destination has very many codes, those that come late are counted together.
    pub(crate) async fn add_left_out(
        &mut self,
        groups: &[RejectGroup],
        job_mode: Option<JobMode>,
    ) -> Result<(), HeldError> {
        let job_mode = job_mode.map(word).unwrap_or_default();
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
                 where run_id = $1 and code = $2 and destination_code = $3 and field = $4 and job_mode = $6",
            )
            .bind(self.run_id.as_str())
            .bind(group.code.as_str())
            .bind(destination_code)
            .bind(field)
            .bind(to_integer(group.rows))
            .bind(job_mode.as_str())
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
                "insert into run_left_out (run_id, code, destination_code, field, reason, row_count, job_mode)
                 values ($1, $2, $3, $4, $5, $6, $7)
                 on conflict (run_id, code, destination_code, field, job_mode)
                 do update set row_count = run_left_out.row_count + excluded.row_count",
            )
            .bind(self.run_id.as_str())
            .bind(group.code.as_str())
            .bind(destination_code)
            .bind(field)
            .bind(reason)
            .bind(to_integer(group.rows))
            .bind(job_mode.as_str())
            .execute(&mut *self.transaction)
            .await?;
        }
        Ok(())
    }

    /// Adds to the account of values that were left empty.
    pub(crate) async fn add_left_empty(&mut self, groups: &[LeftEmpty]) -> Result<(), HeldError> {
        for group in groups {
            sqlx::query(
                "insert into run_left_empty (run_id, field, code, reason, row_count) values ($1, $2, $3, $4, $5)
                 on conflict (run_id, field, code) do update set row_count = run_left_empty.row_count + excluded.row_count",
            )
            .bind(self.run_id.as_str())
            .bind(bounded_text(&group.field, 200))
            .bind(group.code.as_str())
            .bind(bounded_text(&group.reason, 500))
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
        refused_rows: Option<&[u64]>,
    ) -> Result<(), HeldError> {
        let refused_rows = refused_rows.map(serde_json::to_string).transpose().map_err(|_| corrupt("refused rows"))?;
        sqlx::query(
            "update run_part set acknowledged_at = $3, accepted = $4, refused = $5, refused_rows = $6
             where run_id = $1 and number = $2",
        )
        .bind(self.run_id.as_str())
        .bind(i64::from(part.number))
        .bind(self.now)
        .bind(to_integer(accepted))
        .bind(to_integer(refused))
        .bind(refused_rows)
        .execute(&mut *self.transaction)
        .await?;
        sqlx::query(
            "update run set rows_sent = rows_sent + $2, rows_acknowledged = rows_acknowledged + $3,
                rows_refused = rows_refused + $4, bytes_sent = bytes_sent + $5, parts_acknowledged = parts_acknowledged + 1,
                waiting = null, retry_step = null, retry_count = 0, retry_since = null where id = $1",
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
}

/// The parts of a run, in order; only those of one job when it is given.
pub(crate) async fn parts(
    database: &Database,
    run_id: &RunId,
    job_mode: Option<JobMode>,
) -> Result<Vec<PartRow>, StoreError> {
    let text = "select number, job_mode, job_number, row_count, byte_count, sha256, acknowledged_at from run_part
        where run_id = $1 and (job_mode = $2 or $2 = '') order by number";
    sqlx::query(text)
        .bind(run_id.as_str())
        .bind(job_mode.map(word).unwrap_or_default())
        .fetch_all(database.reader())
        .await?
        .iter()
        .map(|row| {
            let small = |column: &str| -> Result<u32, StoreError> {
                u32::try_from(row.try_get::<i64, _>(column)?).map_err(|_| corrupt("part"))
            };
            Ok(PartRow {
                number: small("number")?,
                job_mode: parse(&row.try_get::<String, _>("job_mode")?).ok_or_else(|| corrupt("part"))?,
                job_number: small("job_number")?,
                rows: from_integer(row.try_get("row_count")?),
                bytes: from_integer(row.try_get("byte_count")?),
                sha256: row.try_get("sha256")?,
                acknowledged: row.try_get::<Option<i64>, _>("acknowledged_at")?.is_some(),
            })
        })
        .collect()
}

/// What became of the parts of one job.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct JobTotals {
    pub(crate) parts: u32,
    pub(crate) rows: u64,
    pub(crate) accepted: u64,
    pub(crate) refused: u64,
}

/// The totals of one of a run's jobs with the consumer.
pub(crate) async fn job_totals(
    database: &Database,
    run_id: &RunId,
    job_mode: JobMode,
) -> Result<JobTotals, StoreError> {
    let row = sqlx::query(
        "select count(*) as parts, cast(coalesce(sum(row_count), 0) as bigint) as many,
            cast(coalesce(sum(accepted), 0) as bigint) as accepted, cast(coalesce(sum(refused), 0) as bigint) as refused
         from run_part where run_id = $1 and job_mode = $2",
    )
    .bind(run_id.as_str())
    .bind(word(job_mode))
    .fetch_one(database.reader())
    .await?;
    Ok(JobTotals {
        parts: u32::try_from(row.try_get::<i64, _>("parts")?).map_err(|_| corrupt("parts"))?,
        rows: from_integer(row.try_get("many")?),
        accepted: from_integer(row.try_get("accepted")?),
        refused: from_integer(row.try_get("refused")?),
    })
}

/// Records that a part is on its way to the consumer: from now on it may have been taken, whatever comes back.
pub(crate) async fn part_attempted(
    database: &Database,
    run_id: &RunId,
    number: u32,
    now: i64,
) -> Result<(), StoreError> {
    sqlx::query("update run_part set attempted_at = coalesce(attempted_at, $3), attempts = attempts + 1 where run_id = $1 and number = $2")
        .bind(run_id.as_str())
        .bind(i64::from(number))
        .bind(now)
        .execute(database.writer())
        .await?;
    Ok(())
}

/// What became of the parts of one of a run's jobs, for the ledger.
pub(super) async fn part_outcomes(
    database: &Database,
    run_id: &RunId,
    job_mode: JobMode,
) -> Result<Vec<PartOutcome>, StoreError> {
    let text = "select row_count, attempted_at, acknowledged_at, refused_rows from run_part
        where run_id = $1 and job_mode = $2 order by number";
    let rows = sqlx::query(text).bind(run_id.as_str()).bind(word(job_mode)).fetch_all(database.reader()).await?;
    rows.iter()
        .map(|row| {
            let refused: Option<String> = row.try_get("refused_rows")?;
            let refused: Option<Vec<u64>> =
                refused.map(|text| serde_json::from_str(&text).map_err(|_| corrupt("refused rows"))).transpose()?;
            Ok(PartOutcome {
                rows: from_integer(row.try_get("row_count")?),
                attempted: row.try_get::<Option<i64>, _>("attempted_at")?.is_some(),
                acknowledged: row.try_get::<Option<i64>, _>("acknowledged_at")?.is_some(),
                refused: refused.unwrap_or_default(),
            })
        })
        .collect()
}

/// The rows left out of a run, by reason, the most first.
pub(crate) async fn left_out(database: &Database, run_id: &RunId) -> Result<Vec<RejectGroup>, StoreError> {
    let some = |text: String| Some(text).filter(|text| !text.is_empty());
    let rows = sqlx::query(
        "select code, destination_code, field, reason, row_count from run_left_out where run_id = $1
         order by row_count desc, code, field, destination_code",
    )
    .bind(run_id.as_str())
    .fetch_all(database.reader())
    .await?;
    let mut groups: Vec<RejectGroup> = Vec::new();
    for row in &rows {
        let group = RejectGroup {
            code: reject_code(row)?,
            destination_code: some(row.try_get("destination_code")?),
            field: some(row.try_get("field")?),
            reason: row.try_get("reason")?,
            rows: from_integer(row.try_get("row_count")?),
        };
        // A destination may refuse for the same reason in each of a run's jobs.
        let is_same = |known: &&mut RejectGroup| {
            (known.code, &known.destination_code, &known.field) == (group.code, &group.destination_code, &group.field)
        };
        match groups.iter_mut().find(is_same) {
            Some(known) => known.rows += group.rows,
            None => groups.push(group),
        }
    }
    Ok(groups)
}

/// The values left empty in a run, by field and reason, the most first.
pub(crate) async fn left_empty(database: &Database, run_id: &RunId) -> Result<Vec<LeftEmpty>, StoreError> {
    let sql = "select field, code, reason, row_count from run_left_empty where run_id = $1 order by row_count desc, field, code";
    sqlx::query(sql)
        .bind(run_id.as_str())
        .fetch_all(database.reader())
        .await?
        .iter()
        .map(|row| {
            Ok(LeftEmpty {
                field: row.try_get("field")?,
                code: reject_code(row)?,
                reason: row.try_get("reason")?,
                rows: from_integer(row.try_get("row_count")?),
            })
        })
        .collect()
}

fn reject_code(row: &AnyRow) -> Result<RejectCode, StoreError> {
    let word: String = row.try_get("code")?;
    RejectCode::ALL.into_iter().find(|code| code.as_str() == word).ok_or_else(|| corrupt("reject code"))
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
    let files = sqlx::query(
        "select count(*) as many from run_reject_file where run_id = $1
            and exists (select 1 from run where id = $1 and payload_key is not null)",
    )
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

/// Destroys the keys of runs whose account's retention is over: nothing of their rows can be read any more, wherever a copy of it may lie. The
/// sweeper then removes the objects. How many runs these were.
pub(crate) async fn shred(database: &Database, default_retention_ms: i64, now: i64) -> Result<u64, StoreError> {
    let text = format!(
        "update run set payload_key = null, read_whole_at = null, payload_removed_at = null, version = version + 1
         where payload_key is not null and ledger_open = 0 and finished_at < $2 - {} and state in ({})",
        retention::OF_RUN,
        super::states_sql(RunState::is_final)
    );
    let done = sqlx::query(AssertSqlSafe(text)).bind(default_retention_ms).bind(now).execute(database.writer()).await?;
    Ok(done.rows_affected())
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
/// failed and whose account's retention is over.
pub(crate) async fn ended_with_payload(
    database: &Database,
    default_retention_ms: i64,
    now: i64,
) -> Result<Vec<RunId>, StoreError> {
    let text = format!(
        "select id from run where payload_removed_at is null
            and (state in ({}) or (state = '{}' and finished_at < $2 - {})) order by finished_at limit 50",
        super::states_sql(|state| state.is_final() && state != RunState::Failed),
        RunState::Failed.as_str(),
        retention::OF_RUN,
    );
    sqlx::query(AssertSqlSafe(text))
        .bind(default_retention_ms)
        .bind(now)
        .fetch_all(database.reader())
        .await?
        .iter()
        .map(|row| id_of(row, "id"))
        .collect()
}
