//! The rows of jobs that Usher keeps for endpoints which send (PUSH producers) or fetch (PULL consumers) by themselves.
//!
//! A run opens a job and waits; the endpoint moves it through [`super::hosted`]. Whatever an endpoint does to a job wakes its run within
//! the same transaction. What the data are is not known here.

use model::{
    contract::{Job, JobCategory, JobCounts, JobPart, JobRequest, JobStatus, PartResult, Problem, WebhookEventKind},
    id::{AccountId, EndpointId, JobId, RunId},
};
use sqlx::{Any, Row, Transaction, any::AnyRow};

use super::{
    runs::{Change, HeldError, corrupt, from_integer, id_of, to_integer},
    webhooks,
};
use crate::store::{Database, StoreError};

/// A job as it is kept.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct JobRow {
    pub(super) id: JobId,
    pub(super) run_id: RunId,
    pub(super) request: JobRequest,
    pub(super) status: JobStatus,
    /// The consumer's id of the segment that it made.
    pub(super) segment_id: Option<String>,
    /// Rows that a producer says it has sent in all.
    pub(super) declared_rows: Option<u64>,
    pub(super) reason: Option<String>,
    pub(super) created_at: i64,
    pub(super) expires_at: i64,
}

impl JobRow {
    pub(super) fn of(row: &AnyRow) -> Result<Self, StoreError> {
        Ok(Self {
            id: id_of(row, "id")?,
            run_id: id_of(row, "run_id")?,
            request: serde_json::from_str(&row.try_get::<String, _>("request")?).map_err(|_| corrupt("job"))?,
            status: parse(&row.try_get::<String, _>("status")?).ok_or_else(|| corrupt("job's status"))?,
            segment_id: row.try_get("segment_id")?,
            declared_rows: row.try_get::<Option<i64>, _>("declared_rows")?.map(from_integer),
            reason: row.try_get("reason")?,
            created_at: row.try_get("created_at")?,
            expires_at: row.try_get("expires_at")?,
        })
    }

    /// The job as the contract tells it.
    pub(super) fn told(&self, parts: Vec<JobPart>) -> Job {
        let mut segment = self.request.segment.clone();
        segment.id = segment.id.or_else(|| self.segment_id.clone());
        let rows = self.declared_rows.or_else(|| parts.iter().map(|part| part.rows).sum()).unwrap_or(0);
        Job {
            id: self.id.to_string(),
            category: self.request.category,
            status: self.status,
            segment,
            mode: self.request.mode,
            parts,
            counts: JobCounts { rows, ..JobCounts::default() },
            problem: self.reason.clone().map(|reason| Problem {
                problem_type: "about:blank".to_owned(),
                title: "The job ended early".to_owned(),
                status: 409,
                detail: Some(reason),
                code: None,
            }),
        }
    }
}

/// The word of a category or status in the database: the contract's own.
pub(super) fn word(value: impl serde::Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}

pub(super) fn parse<T: serde::de::DeserializeOwned>(word: &str) -> Option<T> {
    serde_json::from_value(serde_json::Value::String(word.to_owned())).ok()
}

/// How many jobs wait for an endpoint.
pub(crate) async fn jobs_of_endpoint(
    database: &Database,
    account_id: &AccountId,
    endpoint_id: &EndpointId,
) -> Result<u64, StoreError> {
    let sql = "select count(*) as many from job where account_id = $1 and endpoint_id = $2 and ended_at is null";
    let row =
        sqlx::query(sql).bind(account_id.as_str()).bind(endpoint_id.as_str()).fetch_one(database.reader()).await?;
    Ok(from_integer(row.try_get("many")?))
}

impl Change {
    /// Opens a job for an endpoint that calls Usher.
    pub(super) async fn open_job(
        &mut self,
        account_id: &AccountId,
        endpoint_id: &EndpointId,
        request: &JobRequest,
        expires_at: i64,
    ) -> Result<(), HeldError> {
        let status = match request.category {
            JobCategory::SegmentExport => JobStatus::WaitingToReceiveData,
            JobCategory::SegmentImport => JobStatus::Pending,
        };
        sqlx::query(
            "insert into job (id, account_id, endpoint_id, run_id, category, request, status, created_at, expires_at)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        )
        .bind(request.id.as_str())
        .bind(account_id.as_str())
        .bind(endpoint_id.as_str())
        .bind(self.run_id.as_str())
        .bind(word(request.category))
        .bind(serde_json::to_string(request).map_err(|_| corrupt("job"))?)
        .bind(word(status))
        .bind(self.now)
        .bind(expires_at)
        .execute(&mut *self.transaction)
        .await?;
        let job_id: JobId = request.id.parse().map_err(|_| corrupt("job"))?;
        webhooks::note(&mut self.transaction, self.now, &job_id, WebhookEventKind::JobReady).await?;
        Ok(())
    }
}

/// One job, whoever it is for; an expired one is ended by this.
pub(super) async fn job(database: &Database, now: i64, job_id: &JobId) -> Result<Option<JobRow>, StoreError> {
    expire(database, now).await?;
    let row =
        sqlx::query("select * from job where id = $1").bind(job_id.as_str()).fetch_optional(database.reader()).await?;
    row.as_ref().map(JobRow::of).transpose()
}

/// Ends the jobs whose time is over, and wakes their runs.
pub(super) async fn expire(database: &Database, now: i64) -> Result<(), StoreError> {
    let due = sqlx::query("select id from job where ended_at is null and expires_at <= $1 limit 1")
        .bind(now)
        .fetch_optional(database.reader())
        .await?;
    if due.is_none() {
        return Ok(());
    }
    let mut transaction = database.begin().await?;
    let expired = sqlx::query(
        "update job set status = $1, ended_at = $2 where ended_at is null and expires_at <= $2 returning id, run_id",
    )
    .bind(word(JobStatus::Expired))
    .bind(now)
    .fetch_all(&mut *transaction)
    .await?;
    for row in &expired {
        wake_run(&mut transaction, &id_of(row, "run_id")?).await?;
        webhooks::note(&mut transaction, now, &id_of(row, "id")?, WebhookEventKind::JobChanged).await?;
    }
    transaction.commit().await?;
    Ok(())
}

/// Has the run looked at again at once: now when no worker has it, or as soon as the one that has it puts it aside.
pub(super) async fn wake_run(transaction: &mut Transaction<'_, Any>, run_id: &RunId) -> Result<(), StoreError> {
    sqlx::query(
        "update run set woken = woken + 1, lease_expires_at = case when lease_owner is null then 0 else lease_expires_at end
         where id = $1",
    )
    .bind(run_id.as_str())
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

/// Ends a job from our side. False when there is no such job here, because the endpoint is called for it.
pub(super) async fn end(
    database: &Database,
    now: i64,
    job_id: &JobId,
    status: JobStatus,
    reason: &str,
) -> Result<bool, StoreError> {
    let mut transaction = database.begin().await?;
    let done = sqlx::query("update job set status = $2, reason = $3, ended_at = $4 where id = $1 and ended_at is null")
        .bind(job_id.as_str())
        .bind(word(status))
        .bind(Some(reason).filter(|reason| !reason.is_empty()))
        .bind(now)
        .execute(&mut *transaction)
        .await?;
    if done.rows_affected() == 1 {
        webhooks::note(&mut transaction, now, job_id, WebhookEventKind::JobChanged).await?;
        transaction.commit().await?;
        return Ok(true);
    }
    // It has ended before, or is not here.
    let sql = "select id from job where id = $1";
    Ok(sqlx::query(sql).bind(job_id.as_str()).fetch_optional(&mut *transaction).await?.is_some())
}

/// What has arrived of an export, in order.
pub(super) async fn arrived(database: &Database, job_id: &JobId) -> Result<Vec<JobPart>, StoreError> {
    let sql = "select number, row_count, byte_count, sha256 from job_part where job_id = $1 order by number";
    let rows = sqlx::query(sql).bind(job_id.as_str()).fetch_all(database.reader()).await?;
    rows.iter().map(part_of).collect()
}

pub(super) fn part_of(row: &AnyRow) -> Result<JobPart, StoreError> {
    Ok(JobPart {
        number: u32::try_from(row.try_get::<i64, _>("number")?).map_err(|_| corrupt("part"))?,
        rows: Some(from_integer(row.try_get("row_count")?)),
        bytes: Some(from_integer(row.try_get("byte_count")?)),
        sha256: Some(row.try_get("sha256")?),
    })
}

/// What a PULL consumer said of the parts of an import.
pub(super) async fn results(database: &Database, job_id: &JobId) -> Result<Vec<PartResult>, StoreError> {
    let sql = "select result from job_result where job_id = $1 order by number";
    let rows = sqlx::query(sql).bind(job_id.as_str()).fetch_all(database.reader()).await?;
    rows.iter()
        .map(|row| serde_json::from_str(&row.try_get::<String, _>("result")?).map_err(|_| corrupt("result of a part")))
        .collect()
}

/// Records a part of an export whose bytes are in the payload store.
pub(super) async fn add_arrived(
    transaction: &mut Transaction<'_, Any>,
    job_id: &JobId,
    part: &JobPart,
) -> Result<bool, StoreError> {
    let sql = "insert into job_part (job_id, number, row_count, byte_count, sha256) values ($1, $2, $3, $4, $5)
        on conflict (job_id, number) do nothing";
    let done = sqlx::query(sql)
        .bind(job_id.as_str())
        .bind(i64::from(part.number))
        .bind(to_integer(part.rows.unwrap_or(0)))
        .bind(to_integer(part.bytes.unwrap_or(0)))
        .bind(part.sha256.as_deref().unwrap_or_default())
        .execute(&mut **transaction)
        .await?;
    Ok(done.rows_affected() == 1)
}
