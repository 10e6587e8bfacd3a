//! What endpoints that call Usher by themselves can do with their jobs (contract, "Usher hosts"): find them, send the parts of an export,
//! fetch the parts of an import, and report. Every question carries whose it is; another endpoint's job is not there.
//!
//! Nothing here moves a run: it writes down what the endpoint did, and the run's worker goes on from there.

use std::{collections::BTreeSet, io::Read, time::Duration};

use bytes::Bytes;
use model::{
    contract::{
        HostedJob, JobCategory, JobPart, JobStatus, MAX_ROW_BYTES, PART_BYTES, PART_ROWS, Page, PartResult,
        StatusReport,
    },
    error::HubError,
    id::{AccountId, EndpointId, JobId, RunId},
    rows::{RawRow, RowError, RowReader},
};
use sha2::{Digest, Sha256};
use sqlx::{Any, AssertSqlSafe, Row, Transaction};
use tokio::time::Instant;

use super::{
    delivery::disagreement,
    jobs::{self, JobRow, part_of, word},
    payload_folder,
    records::{PartRow, part_attempted, parts},
    runs::{bounded_text, to_integer},
};
use crate::{
    hub::{Hub, internal},
    registry::EndpointActor,
    store::{PayloadKey, SealedObject, StoreError, clock::rfc3339},
};

/// The largest window that a zstd body may ask for is 8 MiB (RFC 9659): so much memory it costs before a byte of it is there.
const ZSTD_WINDOW_LOG: u32 = 23;
/// How often a long poll looks by itself; within this process it is woken.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// The longest that an endpoint can wait for an answer (contract, "Long poll").
pub const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// Why an endpoint's request was refused: a stable code for programs, a sentence for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RefusalCode {
    /// The job has ended; nothing more can be done with it.
    JobEnded,
    /// The job is of the other category.
    WrongCategory,
    /// A part of that number arrived before, with other bytes.
    PartDiffers,
    /// A part is beyond the limits.
    PartTooLarge,
    /// The bytes are not those of `Content-Digest`.
    DigestMismatch,
    /// The content coding is not gzip, zstd or identity, or the body is not of it.
    Undecodable,
    /// The part is not CSV as the contract says.
    UnreadableCsv,
    /// The header lacks a column that was asked for.
    MissingColumn,
    /// The totals of a report are not those of the parts that arrived or were fetched.
    TotalsDisagree,
    /// What a report says of a part does not add up, or is not what an earlier one said.
    ResultsDisagree,
    /// The step is not one that this side takes.
    WrongStep,
}

impl RefusalCode {
    /// Every code.
    pub const ALL: [Self; 11] = [
        Self::JobEnded,
        Self::WrongCategory,
        Self::PartDiffers,
        Self::PartTooLarge,
        Self::DigestMismatch,
        Self::Undecodable,
        Self::UnreadableCsv,
        Self::MissingColumn,
        Self::TotalsDisagree,
        Self::ResultsDisagree,
        Self::WrongStep,
    ];

    /// The `code` of the problem.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::JobEnded => "job_ended",
            Self::WrongCategory => "wrong_category",
            Self::PartDiffers => "part_differs",
            Self::PartTooLarge => "part_too_large",
            Self::DigestMismatch => "digest_mismatch",
            Self::Undecodable => "undecodable",
            Self::UnreadableCsv => "unreadable_csv",
            Self::MissingColumn => "missing_column",
            Self::TotalsDisagree => "totals_disagree",
            Self::ResultsDisagree => "results_disagree",
            Self::WrongStep => "wrong_step",
        }
    }

    /// The HTTP status that goes with it.
    pub fn status(self) -> u16 {
        match self {
            Self::JobEnded | Self::WrongCategory | Self::PartDiffers | Self::WrongStep => 409,
            Self::PartTooLarge => 413,
            Self::Undecodable => 415,
            Self::DigestMismatch
            | Self::UnreadableCsv
            | Self::MissingColumn
            | Self::TotalsDisagree
            | Self::ResultsDisagree => 422,
        }
    }
}

/// What an endpoint's request can end in instead of its answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HostedError {
    /// As for anybody.
    #[error(transparent)]
    Hub(#[from] HubError),
    /// There is no room left for what was sent. Nothing was changed; it can be sent again when there is.
    #[error("There is no room left where Usher keeps parts. Send this one again later.")]
    NoRoom,
    /// The contract does not allow it. Nothing was changed.
    #[error("{message}")]
    Refused {
        /// For programs.
        code: RefusalCode,
        /// For people: what is wrong and how to mend it.
        message: String,
    },
}

type Result<T> = std::result::Result<T, HostedError>;

fn refused<T>(code: RefusalCode, message: impl Into<String>) -> Result<T> {
    Err(HostedError::Refused { code, message: message.into() })
}

fn failed(error: impl std::error::Error) -> HostedError {
    HostedError::Hub(internal(error))
}

/// Which jobs are asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JobQuery {
    /// Only of this category.
    pub category: Option<JobCategory>,
    /// Only in this status; those that have not ended when absent.
    pub status: Option<JobStatus>,
    /// From after this one on.
    pub cursor: Option<String>,
    /// How many at most.
    pub limit: u32,
}

/// How the body of a part is coded, and what it should be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Coding {
    /// `Content-Encoding`, lower case; empty for none.
    pub encoding: String,
    /// The SHA-256 of `Content-Digest` (RFC 9530), of the bytes as they travel.
    pub sha256: Option<Vec<u8>>,
}

/// A part to be fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartData {
    /// CSV with a header.
    pub csv: Bytes,
    /// Of the CSV, lower-case hexadecimal.
    pub sha256: String,
    /// Data rows.
    pub rows: u64,
}

impl Hub {
    /// `GET /v1/jobs`: the endpoint's jobs, the oldest first. Waits up to `wait` for one to come.
    pub async fn hosted_jobs(
        &self,
        endpoint: &EndpointActor,
        query: &JobQuery,
        wait: Duration,
    ) -> Result<Page<HostedJob>> {
        let until = Instant::now() + wait.min(LONGEST_WAIT);
        loop {
            // Listening begins before looking, so that nothing is missed in between.
            let changed = self.exchange().jobs_changed.notified();
            let page = self.find_jobs(endpoint, query).await?;
            let left = until.saturating_duration_since(Instant::now());
            if !page.items.is_empty() || left.is_zero() {
                return Ok(page);
            }
            let _either = tokio::time::timeout(left.min(LOOK_EVERY), changed).await;
        }
    }

    /// How many jobs an endpoint that sends (`export`) or fetches by itself has brought to a good end.
    pub(crate) async fn jobs_done(
        &self,
        account_id: &AccountId,
        endpoint_id: &EndpointId,
        export: bool,
    ) -> Result<u64> {
        let category = if export { JobCategory::SegmentExport } else { JobCategory::SegmentImport };
        let sql = "select count(*) as jobs from job where account_id = $1 and endpoint_id = $2 and category = $3
            and status in ('COMPLETE', 'COMPLETE_WITH_REJECTS')";
        let row = sqlx::query(sql)
            .bind(account_id.as_str())
            .bind(endpoint_id.as_str())
            .bind(jobs::word(category))
            .fetch_one(self.database().reader())
            .await
            .map_err(internal)?;
        Ok(row.try_get::<i64, _>("jobs").map_err(internal)?.try_into().unwrap_or_default())
    }

    /// `GET /v1/jobs/{jobId}`. Waits up to `wait` for its status to change.
    pub async fn hosted_job(&self, endpoint: &EndpointActor, job_id: &str, wait: Duration) -> Result<HostedJob> {
        let until = Instant::now() + wait.min(LONGEST_WAIT);
        let first = self.job_of(endpoint, job_id).await?;
        let mut row = first.clone();
        loop {
            let changed = self.exchange().jobs_changed.notified();
            let left = until.saturating_duration_since(Instant::now());
            if row.status != first.status || row.status.is_final() || left.is_zero() {
                return self.told(&row).await;
            }
            let _either = tokio::time::timeout(left.min(LOOK_EVERY), changed).await;
            row = self.job_of(endpoint, job_id).await?;
        }
    }

    async fn find_jobs(&self, endpoint: &EndpointActor, query: &JobQuery) -> Result<Page<HostedJob>> {
        jobs::expire(self.database(), self.now_ms()).await.map_err(failed)?;
        let limit = query.limit.clamp(1, 500);
        let mut sql = "select * from job where account_id = $1 and endpoint_id = $2 and id > $3".to_owned();
        match query.status {
            Some(status) => sql.push_str(&format!(" and status = '{}'", word(status))),
            None => sql.push_str(" and ended_at is null"),
        }
        if let Some(category) = query.category {
            sql.push_str(&format!(" and category = '{}'", word(category)));
        }
        sql.push_str(&format!(" order by id limit {}", limit + 1));
        // A cursor is an id; what is none matches nothing before it.
        let cursor = query.cursor.as_deref().and_then(|cursor| cursor.parse::<JobId>().ok());
        let rows = sqlx::query(AssertSqlSafe(sql))
            .bind(endpoint.account_id.as_str())
            .bind(endpoint.endpoint_id.as_str())
            .bind(cursor.as_ref().map_or("", JobId::as_str))
            .fetch_all(self.database().reader())
            .await
            .map_err(failed)?;
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let mut items = Vec::new();
        for row in rows.iter().take(limit) {
            items.push(self.told(&JobRow::of(row).map_err(failed)?).await?);
        }
        let next = items.last().filter(|_| rows.len() > limit).map(|job| job.job.id.clone());
        Ok(Page { items, next })
    }

    async fn job_of(&self, endpoint: &EndpointActor, job_id: &str) -> Result<JobRow> {
        let missing = || HostedError::Hub(HubError::not_found("job"));
        let job_id: JobId = job_id.parse().map_err(|_| missing())?;
        jobs::expire(self.database(), self.now_ms()).await.map_err(failed)?;
        let row = sqlx::query("select * from job where id = $1 and account_id = $2 and endpoint_id = $3")
            .bind(job_id.as_str())
            .bind(endpoint.account_id.as_str())
            .bind(endpoint.endpoint_id.as_str())
            .fetch_optional(self.database().reader())
            .await
            .map_err(failed)?;
        JobRow::of(&row.ok_or_else(missing)?).map_err(failed)
    }

    async fn told(&self, row: &JobRow) -> Result<HostedJob> {
        let listed = match row.request.category {
            JobCategory::SegmentExport => Vec::new(),
            JobCategory::SegmentImport => self.fetchable(row).await?,
        };
        Ok(HostedJob {
            job: row.told(listed),
            fields: row.request.fields.clone(),
            created_at: rfc3339(row.created_at),
            expires_at: rfc3339(row.expires_at),
        })
    }

    async fn fetchable(&self, job: &JobRow) -> Result<Vec<JobPart>> {
        let rows = parts(self.database(), &job.run_id, job.request.mode).await.map_err(failed)?;
        let told = |part: PartRow| JobPart {
            number: part.job_number,
            rows: Some(part.rows),
            bytes: Some(part.bytes),
            sha256: Some(part.sha256),
        };
        Ok(rows.into_iter().map(told).collect())
    }

    /// `GET /v1/jobs/{jobId}/data`: the parts of an export that have arrived, or those of an import that can be fetched.
    pub async fn hosted_parts(
        &self,
        endpoint: &EndpointActor,
        job_id: &str,
        after: u32,
        limit: u32,
    ) -> Result<Page<JobPart>> {
        let row = self.job_of(endpoint, job_id).await?;
        let most = i64::from(limit) + 1;
        let query = match row.request.category {
            JobCategory::SegmentExport => sqlx::query(
                "select number, row_count, byte_count, sha256 from job_part
                 where job_id = $1 and number > $2 order by number limit $3",
            )
            .bind(row.id.as_str())
            .bind(i64::from(after))
            .bind(most),
            JobCategory::SegmentImport => sqlx::query(
                "select job_number as number, row_count, byte_count, sha256 from run_part
                 where run_id = $1 and job_number > $2 and job_mode = $4 order by job_number limit $3",
            )
            .bind(row.run_id.as_str())
            .bind(i64::from(after))
            .bind(most)
            .bind(row.request.mode.map(word).unwrap_or_default()),
        };
        let rows = query.fetch_all(self.database().reader()).await.map_err(failed)?;
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let items: std::result::Result<Vec<JobPart>, StoreError> = rows.iter().take(limit).map(part_of).collect();
        let items = items.map_err(failed)?;
        let next = items.last().filter(|_| rows.len() > limit).map(|part| part.number.to_string());
        Ok(Page { items, next })
    }

    /// Bytes of a part's body at most, as it travels.
    pub fn largest_upload(&self) -> usize {
        // Parts that are sent to us have the contract's limits, even where those that we make are smaller.
        let part = self.exchange().settings.part_bytes.max(PART_BYTES);
        usize::try_from(part).unwrap_or(usize::MAX).saturating_add(MAX_ROW_BYTES)
    }

    /// A turn to send a part: only so many bodies are in memory at once. Take it before the body is read.
    pub async fn upload_turn(&self) -> tokio::sync::SemaphorePermit<'_> {
        match self.exchange().uploads.acquire().await {
            Ok(turn) => turn,
            // Nobody closes it.
            Err(_) => std::future::pending().await,
        }
    }

    /// `PUT /v1/jobs/{jobId}/data/{part}`: takes a part of an export. A repeat of the same bytes is answered as the first.
    pub async fn receive_part(
        &self,
        endpoint: &EndpointActor,
        job_id: &str,
        number: u32,
        coding: Coding,
        body: Bytes,
    ) -> Result<JobPart> {
        let job = self.job_of(endpoint, job_id).await?;
        if job.request.category != JobCategory::SegmentExport {
            return refused(RefusalCode::WrongCategory, "Parts are sent for an export; this job is an import.");
        }
        if number == 0 {
            return refused(RefusalCode::WrongStep, "Parts are numbered from 1.");
        }
        let limits = (self.largest_upload(), self.exchange().settings.part_rows.max(PART_ROWS));
        let wanted: Vec<String> = job.request.fields.iter().map(|field| field.name.clone()).collect();
        let unpacked = tokio::task::spawn_blocking(move || unpack(number, &coding, &body, limits, &wanted));
        let (part, csv) = unpacked.await.map_err(failed)??;
        let sha256 = part.sha256.clone().unwrap_or_default();
        if let Some(first) = self.arrived_part(&job.id, number).await? {
            return same_part(first, part);
        }
        if job.status.is_final() {
            return refused(RefusalCode::JobEnded, ended(&job));
        }
        let key = self.run_key(&job.run_id).await?;
        let path = upload_path(&payload_folder(&job.run_id), &job.id, number, &sha256);
        let sealed = tokio::task::spawn_blocking(move || SealedObject::seal(&key, path, csv));
        let sealed = sealed.await.map_err(failed)?.map_err(failed)?;
        self.payloads().put(sealed).await.map_err(|error| {
            if error.is_full() {
                tracing::error!(job.id = %job.id, %error, "there is no room left in the payload store");
                return HostedError::NoRoom;
            }
            failed(error)
        })?;
        let mut transaction = self.database().begin().await.map_err(failed)?;
        let open = step(&mut transaction, &job.id, JobStatus::Running).await.map_err(failed)?;
        if !open {
            return refused(RefusalCode::JobEnded, ended(&job));
        }
        let is_first = jobs::add_arrived(&mut transaction, &job.id, &part).await.map_err(failed)?;
        transaction.commit().await.map_err(failed)?;
        if is_first {
            return Ok(part);
        }
        match self.arrived_part(&job.id, number).await? {
            Some(first) => same_part(first, part),
            None => refused(RefusalCode::JobEnded, ended(&job)),
        }
    }

    async fn arrived_part(&self, job_id: &JobId, number: u32) -> Result<Option<JobPart>> {
        let sql = "select number, row_count, byte_count, sha256 from job_part where job_id = $1 and number = $2";
        let row = sqlx::query(sql)
            .bind(job_id.as_str())
            .bind(i64::from(number))
            .fetch_optional(self.database().reader())
            .await
            .map_err(failed)?;
        row.as_ref().map(part_of).transpose().map_err(failed)
    }

    /// `GET /v1/jobs/{jobId}/data/{part}`: a part of an import.
    pub async fn part_data(&self, endpoint: &EndpointActor, job_id: &str, number: u32) -> Result<PartData> {
        let job = self.job_of(endpoint, job_id).await?;
        if job.request.category != JobCategory::SegmentImport {
            return refused(RefusalCode::WrongCategory, "Parts are fetched of an import; this job is an export.");
        }
        if job.status.is_final() {
            return refused(RefusalCode::JobEnded, ended(&job));
        }
        let listed = parts(self.database(), &job.run_id, job.request.mode).await.map_err(failed)?;
        let part = listed.into_iter().find(|part| part.job_number == number);
        let part = part.ok_or_else(|| HostedError::Hub(HubError::not_found("part")))?;
        if job.status == JobStatus::Pending {
            let mut transaction = self.database().begin().await.map_err(failed)?;
            step(&mut transaction, &job.id, JobStatus::Running).await.map_err(failed)?;
            transaction.commit().await.map_err(failed)?;
        }
        let key = self.run_key(&job.run_id).await?;
        part_attempted(self.database(), &job.run_id, part.number, self.now_ms()).await.map_err(failed)?;
        let path = super::part_path(&payload_folder(&job.run_id), part.number);
        let csv = self.payloads().get(&key, &path).await.map_err(failed)?;
        Ok(PartData { csv: Bytes::from(csv), sha256: part.sha256, rows: part.rows })
    }

    async fn run_key(&self, run_id: &RunId) -> Result<PayloadKey> {
        let row = sqlx::query("select payload_key from run where id = $1")
            .bind(run_id.as_str())
            .fetch_one(self.database().reader())
            .await
            .map_err(failed)?;
        let wrapped: Option<Vec<u8>> = row.try_get("payload_key").map_err(failed)?;
        // A run that ended has no payload any more, and neither has its job.
        let wrapped = wrapped.ok_or_else(|| HostedError::Hub(HubError::not_found("job")))?;
        let opened = self.sealing().open(&wrapped, &super::key_context(run_id)).map_err(failed)?;
        PayloadKey::from_bytes(&opened).ok_or_else(|| failed(crate::store::sealing::Unopenable))
    }

    /// `PUT /v1/jobs/{jobId}/status`: what the endpoint says of its job.
    pub async fn report_job(&self, endpoint: &EndpointActor, job_id: &str, report: StatusReport) -> Result<HostedJob> {
        let job = self.job_of(endpoint, job_id).await?;
        if job.status.is_final() {
            // A report whose answer was lost comes again.
            if job.status == report.status && job.declared_rows.is_none_or(|rows| rows == report.rows) {
                return self.told(&job).await;
            }
            return refused(RefusalCode::JobEnded, ended(&job));
        }
        match (job.request.category, report.status) {
            (_, JobStatus::Failed | JobStatus::Canceled) => self.job_called_off(&job, &report).await?,
            (JobCategory::SegmentExport, JobStatus::Complete) => self.export_complete(&job, &report).await?,
            (JobCategory::SegmentImport, JobStatus::Running | JobStatus::Complete) => {
                self.import_reported(&job, report).await?;
            }
            (JobCategory::SegmentExport, _) => {
                return refused(RefusalCode::WrongStep, "For an export COMPLETE, FAILED and CANCELED can be reported.");
            }
            (JobCategory::SegmentImport, _) => {
                return refused(
                    RefusalCode::WrongStep,
                    "For an import RUNNING, COMPLETE, FAILED and CANCELED can be reported.",
                );
            }
        }
        self.wake_workers();
        self.told(&self.job_of(endpoint, job_id).await?).await
    }

    async fn job_called_off(&self, job: &JobRow, report: &StatusReport) -> Result<()> {
        let reason = report.reason.as_deref().map(|reason| bounded_text(reason, 300));
        let mut transaction = self.database().begin().await.map_err(failed)?;
        let done =
            sqlx::query("update job set status = $2, reason = $3, ended_at = $4 where id = $1 and ended_at is null")
                .bind(job.id.as_str())
                .bind(word(report.status))
                .bind(reason)
                .bind(self.now_ms())
                .execute(&mut *transaction)
                .await
                .map_err(failed)?;
        if done.rows_affected() == 0 {
            return refused(RefusalCode::JobEnded, ended(job));
        }
        jobs::wake_run(&mut transaction, &job.run_id).await.map_err(failed)?;
        transaction.commit().await.map_err(failed)
    }

    async fn export_complete(&self, job: &JobRow, report: &StatusReport) -> Result<()> {
        // Parts come only while the job is open: once it is locked, what has arrived is all.
        let mut transaction = self.database().begin().await.map_err(failed)?;
        if !step(&mut transaction, &job.id, JobStatus::Running).await.map_err(failed)? {
            return refused(RefusalCode::JobEnded, ended(job));
        }
        let sql = "select number, row_count, byte_count, sha256 from job_part where job_id = $1 order by number";
        let rows = sqlx::query(sql).bind(job.id.as_str()).fetch_all(&mut *transaction).await.map_err(failed)?;
        let arrived: std::result::Result<Vec<JobPart>, StoreError> = rows.iter().map(part_of).collect();
        let arrived = arrived.map_err(failed)?;
        let numbers: BTreeSet<u32> = arrived.iter().map(|part| part.number).collect();
        let missing: Vec<String> =
            (1..=report.parts).filter(|number| !numbers.contains(number)).take(10).map(|n| n.to_string()).collect();
        if !missing.is_empty() {
            let message = format!("Of {} parts these have not arrived: {}.", report.parts, missing.join(", "));
            return refused(RefusalCode::TotalsDisagree, message);
        }
        if let Some(beyond) = numbers.range(report.parts.saturating_add(1)..).next() {
            let message = format!("Part {beyond} has arrived, but there should be {} parts.", report.parts);
            return refused(RefusalCode::TotalsDisagree, message);
        }
        let rows: u64 = arrived.iter().filter_map(|part| part.rows).sum();
        if rows != report.rows {
            let message = format!("The parts that arrived have {rows} rows, not {}.", report.rows);
            return refused(RefusalCode::TotalsDisagree, message);
        }
        sqlx::query("update job set status = $2, declared_rows = $3, ended_at = $4 where id = $1")
            .bind(job.id.as_str())
            .bind(word(JobStatus::Complete))
            .bind(to_integer(rows))
            .bind(self.now_ms())
            .execute(&mut *transaction)
            .await
            .map_err(failed)?;
        jobs::wake_run(&mut transaction, &job.run_id).await.map_err(failed)?;
        transaction.commit().await.map_err(failed)
    }

    async fn import_reported(&self, job: &JobRow, report: StatusReport) -> Result<()> {
        let listed = parts(self.database(), &job.run_id, job.request.mode).await.map_err(failed)?;
        let known = jobs::results(self.database(), &job.id).await.map_err(failed)?;
        let mut fresh: Vec<PartResult> = Vec::new();
        for result in report.results {
            // As it is kept: a report whose answer was lost comes again, and has to be known again.
            let result = bounded(result);
            let number = result.part;
            let Some(part) = listed.iter().find(|part| part.job_number == number) else {
                return refused(RefusalCode::ResultsDisagree, format!("The job has no part {number}."));
            };
            if let Err(what) = disagreement(part, &result) {
                return refused(RefusalCode::ResultsDisagree, format!("Part {number} does not add up: {what}."));
            }
            match known.iter().chain(&fresh).find(|other| other.part == number) {
                Some(other) if *other == result => {}
                Some(_) => {
                    let message = format!("Of part {number} something else was reported before.");
                    return refused(RefusalCode::ResultsDisagree, message);
                }
                None => fresh.push(result),
            }
        }
        let is_complete = report.status == JobStatus::Complete;
        if is_complete {
            let rows: u64 = listed.iter().map(|part| part.rows).sum();
            if report.rows != rows || usize::try_from(report.parts) != Ok(listed.len()) {
                let message = format!(
                    "The job has {} parts with {rows} rows, but {} parts with {} rows were reported.",
                    listed.len(),
                    report.parts,
                    report.rows
                );
                return refused(RefusalCode::TotalsDisagree, message);
            }
            // Of what nothing else was said, every row was taken.
            for part in &listed {
                if !known.iter().chain(&fresh).any(|result| result.part == part.job_number) {
                    let (received, accepted) = (part.rows, part.rows);
                    fresh.push(PartResult { part: part.job_number, received, accepted, refusals: Vec::new() });
                }
            }
        }
        let segment_id = report.segment_id.as_deref().map(|id| bounded_text(id, 500)).filter(|id| !id.is_empty());
        let mut transaction = self.database().begin().await.map_err(failed)?;
        if !step(&mut transaction, &job.id, JobStatus::Running).await.map_err(failed)? {
            return refused(RefusalCode::JobEnded, ended(job));
        }
        for result in &fresh {
            sqlx::query(
                "insert into job_result (job_id, number, result) values ($1, $2, $3) on conflict (job_id, number) do nothing",
            )
            .bind(job.id.as_str())
            .bind(i64::from(result.part))
            .bind(serde_json::to_string(result).map_err(failed)?)
            .execute(&mut *transaction)
            .await
            .map_err(failed)?;
        }
        let status = if is_complete { JobStatus::Complete } else { JobStatus::Running };
        sqlx::query(
            "update job set status = $2, segment_id = coalesce(segment_id, $3), declared_rows = $4, ended_at = $5 where id = $1",
        )
        .bind(job.id.as_str())
        .bind(word(status))
        .bind(segment_id)
        .bind(is_complete.then(|| to_integer(report.rows)))
        .bind(is_complete.then(|| self.now_ms()))
        .execute(&mut *transaction)
        .await
        .map_err(failed)?;
        jobs::wake_run(&mut transaction, &job.run_id).await.map_err(failed)?;
        transaction.commit().await.map_err(failed)
    }
}

/// Locks an open job for the rest of the transaction and takes it on to `status`. False when it has ended.
async fn step(
    transaction: &mut Transaction<'_, Any>,
    job_id: &JobId,
    status: JobStatus,
) -> std::result::Result<bool, StoreError> {
    let done = sqlx::query("update job set status = $2 where id = $1 and ended_at is null")
        .bind(job_id.as_str())
        .bind(word(status))
        .execute(&mut **transaction)
        .await?;
    Ok(done.rows_affected() == 1)
}

/// What an application says of refused rows, fit to be kept.
fn bounded(mut result: PartResult) -> PartResult {
    for refusal in &mut result.refusals {
        refusal.code = bounded_text(&refusal.code, 100);
        refusal.reason = bounded_text(&refusal.reason, 300);
        refusal.field = refusal.field.as_deref().map(|field| bounded_text(field, 200));
    }
    result
}

fn ended(job: &JobRow) -> String {
    let word = match job.status {
        JobStatus::Expired => "has expired",
        JobStatus::Canceled => "was called off",
        JobStatus::Failed => "has failed",
        _ => "is complete",
    };
    let reason = job.reason.as_deref().map(|reason| format!(" {reason}")).unwrap_or_default();
    format!("The job {word}; nothing more can be done with it.{reason}")
}

fn same_part(first: JobPart, repeat: JobPart) -> Result<JobPart> {
    if first.sha256 == repeat.sha256 {
        return Ok(first);
    }
    refused(
        RefusalCode::PartDiffers,
        format!(
            "Part {} arrived before with other bytes. Parts stay as they are once they have arrived.",
            first.number
        ),
    )
}

/// Where a part of an export lies before it is read. The digest is in the path, so that of two uploads at once neither spoils the other.
pub(super) fn upload_path(folder: &str, job_id: &JobId, number: u32, sha256: &str) -> String {
    format!("{folder}/uploads/{job_id}/{number}-{sha256}")
}

/// The CSV in a body, when it is what it should be.
pub(super) fn unpack(
    number: u32,
    coding: &Coding,
    body: &[u8],
    (most_bytes, most_rows): (usize, u64),
    wanted: &[String],
) -> Result<(JobPart, Vec<u8>)> {
    if let Some(expected) = &coding.sha256
        && expected.as_slice() != Sha256::digest(body).as_slice()
    {
        return refused(
            RefusalCode::DigestMismatch,
            format!("The {} bytes that came are not those of Content-Digest. Send the part again.", body.len()),
        );
    }
    let most = u64::try_from(most_bytes).unwrap_or(u64::MAX);
    let mut csv = Vec::new();
    let unpacked = match coding.encoding.as_str() {
        "" | "identity" => {
            csv.extend_from_slice(body);
            Ok(csv.len())
        }
        // One byte more than may be is enough to know.
        "gzip" => flate2::read::MultiGzDecoder::new(body).take(most + 1).read_to_end(&mut csv),
        "zstd" => zstd::stream::read::Decoder::new(body).and_then(|mut decoder| {
            decoder.window_log_max(ZSTD_WINDOW_LOG)?;
            decoder.take(most + 1).read_to_end(&mut csv)
        }),
        other => {
            let other: String = other.chars().take(40).collect();
            return refused(
                RefusalCode::Undecodable,
                format!("Content-Encoding {other} is not known. Use zstd, gzip, or none."),
            );
        }
    };
    if unpacked.is_err() {
        return refused(RefusalCode::Undecodable, format!("The body is not {} as it says.", coding.encoding));
    }
    if csv.len() > most_bytes {
        return refused(RefusalCode::PartTooLarge, format!("A part has at most {most_bytes} bytes of CSV."));
    }
    let mut reader = RowReader::new();
    let mut any = |_: RawRow<'_>| Ok::<(), RowError>(());
    if let Err(error) = reader.feed(&csv, &mut any).and_then(|()| reader.finish(&mut any)) {
        return refused(RefusalCode::UnreadableCsv, format!("Part {number} can't be read: {error}."));
    }
    if reader.rows() > most_rows {
        return refused(RefusalCode::PartTooLarge, format!("A part has at most {most_rows} rows."));
    }
    let header = reader.header().unwrap_or_default();
    let missing: Vec<&str> = wanted.iter().filter(|name| !header.contains(name)).map(String::as_str).take(10).collect();
    if !missing.is_empty() {
        let message = format!("The header of part {number} lacks what was asked for: {}.", missing.join(", "));
        return refused(RefusalCode::MissingColumn, message);
    }
    let part = JobPart {
        number,
        rows: Some(reader.rows()),
        bytes: Some(u64::try_from(csv.len()).unwrap_or(u64::MAX)),
        sha256: Some(hex::encode(Sha256::digest(&csv))),
    };
    Ok((part, csv))
}
