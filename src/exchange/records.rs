//! What a run's rows refer to: its parts, its reject files, the account of rows left out, and what of all that is forgotten when. As
//! everything of a run under way, it is only written within a [`Change`].

use model::{
    id::RunId,
    reject::RejectCode,
    run::{LeftEmpty, RejectGroup, RunState},
};
use sqlx::{AssertSqlSafe, Row, any::AnyRow};

use super::runs::{Change, HeldError, bounded_text, corrupt, from_integer, id_of, to_integer};
use crate::store::{Database, StoreError};

/// Groups of rows left out that are kept apart in one run; what comes after is counted together.
const MAX_GROUPS: i64 = 100;

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

impl Change {
    /// Forgets all that was read and sent, before the source is read (again).
    pub(crate) async fn forget_reading(&mut self) -> Result<(), HeldError> {
        for text in [
            "update run set declared = null, rows_read = 0, rows_valid = 0, rows_rejected = 0, rows_sent = 0, rows_acknowledged = 0,
                rows_refused = 0, bytes_read = 0, bytes_sent = 0, parts = 0, parts_acknowledged = 0, read_whole_at = null,
                failure = null where id = $1",
            "delete from run_part where run_id = $1",
            "delete from run_reject_file where run_id = $1",
            "delete from run_left_out where run_id = $1",
            "delete from run_left_empty where run_id = $1",
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
        Ok(RejectGroup {
            code: reject_code(row)?,
            destination_code: some(row.try_get("destination_code")?),
            field: some(row.try_get("field")?),
            reason: row.try_get("reason")?,
            rows: from_integer(row.try_get("row_count")?),
        })
    })
    .collect()
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

/// Destroys the keys of runs that ended before a moment: nothing of their rows can be read any more, wherever a copy of it may lie. The
/// sweeper then removes the objects. How many runs these were.
pub(crate) async fn shred(database: &Database, ended_before: i64) -> Result<u64, StoreError> {
    let text = format!(
        "update run set payload_key = null, read_whole_at = null, payload_removed_at = null, version = version + 1
         where payload_key is not null and finished_at < $1 and state in ({})",
        super::states_sql(RunState::is_final)
    );
    let done = sqlx::query(AssertSqlSafe(text)).bind(ended_before).execute(database.writer()).await?;
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
