//! What is remembered of import jobs and their parts, wherever the people are kept.

use crate::database::{Transaction, quote};
use crate::fault::{Code, Fault};
use crate::state::{now_ms, parse_status, status_word};
use model::contract::{Job, JobCategory, JobCounts, JobMode, JobRequest, JobSegment, JobStatus, PartResult};

/// Makes the tables of jobs and of parts, each part's digest and answer, when they are not there. In a server they stand in `schema`.
///
/// # Errors
/// When they cannot be made.
pub fn prepare(transaction: &mut Transaction<'_>, schema: Option<&str>) -> Result<(), Fault> {
    let prefix = schema.map_or(String::new(), |schema| format!("{}.", quote(schema)));
    let (integer, strict) = match transaction {
        Transaction::Sqlite(_) => ("integer", " strict"),
        Transaction::Postgres(_) => ("bigint", ""),
    };
    // Asked first, because a server wants the right to make tables even where there is nothing to make.
    if let Transaction::Postgres(_) = transaction
        && transaction
            .exists("select 1 where to_regclass($1) is not null", &[(&format!("{prefix}usher_parts")).into()])?
    {
        return Ok(());
    }
    transaction.execute_all(&format!(
        "create table if not exists {prefix}usher_jobs (
            id text primary key not null,
            request text not null,
            status text not null,
            segment_id text not null,
            made_segment {integer} not null,
            reason text,
            created_at {integer} not null,
            changed_at {integer} not null
        ){strict};
        create index if not exists usher_jobs_by_status on {prefix}usher_jobs (status, changed_at);
        create table if not exists {prefix}usher_parts (
            job_id text not null,
            part {integer} not null,
            sha256 text not null,
            received {integer} not null,
            accepted {integer} not null,
            answer text not null,
            taken_at {integer} not null,
            primary key (job_id, part)
        ){strict};"
    ))
}

/// An import job as it is remembered.
pub struct Import {
    /// What was announced.
    pub request: JobRequest,
    /// How far it is.
    pub status: JobStatus,
    /// The segment that it changes.
    pub segment_id: String,
    /// Whether this job made the segment.
    pub made_segment: bool,
    /// How many parts were taken.
    pub parts: u32,
    /// What was counted in them.
    pub counts: JobCounts,
}

impl Import {
    /// What is done with its rows.
    ///
    /// # Errors
    /// Never for a job that was taken.
    pub fn mode(&self) -> Result<JobMode, Fault> {
        self.request.mode.ok_or_else(|| Fault::new(Code::JOB_NOT_TAKEN, "An import needs a `mode`."))
    }

    /// The job as the contract tells it.
    pub fn to_job(&self) -> Job {
        Job {
            id: self.request.id.clone(),
            category: JobCategory::SegmentImport,
            status: self.status,
            segment: JobSegment { id: Some(self.segment_id.clone()), name: self.request.segment.name.clone() },
            mode: self.request.mode,
            parts: Vec::new(),
            counts: self.counts,
            problem: None,
        }
    }
}

/// The answer that was given for this part, if it was taken.
///
/// # Errors
/// When the number came with other content, or was not taken and the job has ended.
pub fn recorded(
    transaction: &mut Transaction<'_>,
    import: &Import,
    number: u32,
    sha256: &str,
) -> Result<Option<PartResult>, Fault> {
    let recorded = transaction.first(
        "select sha256, answer from usher_parts where job_id = $1 and part = $2",
        &[(&import.request.id).into(), i64::from(number).into()],
        |row| Ok((row.text(0)?, row.text(1)?)),
    )?;
    match recorded {
        Some((digest, _)) if digest != sha256 => {
            Err(Fault::new(Code::PART_DIFFERS, format!("Part {number} was taken before with other content.")))
        }
        Some((_, answer)) => Ok(Some(serde_json::from_str(&answer)?)),
        None if import.status.is_final() => {
            let word = status_word(import.status)?;
            Err(Fault::new(Code::WRONG_STATUS, format!("The job is {word}; it takes no more parts.")))
        }
        None => Ok(None),
    }
}

/// The import of this id, with what was counted so far.
///
/// # Errors
/// When the records cannot be read.
pub fn find_import(transaction: &mut Transaction<'_>, job_id: &str) -> Result<Option<Import>, Fault> {
    let import = transaction.first(
        "select j.request, j.status, j.segment_id, j.made_segment, count(p.part),
                cast(coalesce(sum(p.received), 0) as bigint), cast(coalesce(sum(p.accepted), 0) as bigint)
         from usher_jobs as j left join usher_parts as p on p.job_id = j.id where j.id = $1 group by j.id",
        &[job_id.into()],
        |row| {
            let (rows, accepted) = (row.count(5)?, row.count(6)?);
            Ok(Import {
                request: serde_json::from_str(&row.text(0)?)?,
                status: parse_status(row.text(1)?)?,
                segment_id: row.text(2)?,
                made_segment: row.integer(3)? != 0,
                parts: u32::try_from(row.count(4)?).unwrap_or(u32::MAX),
                counts: JobCounts { rows, accepted, refused: rows - accepted },
            })
        },
    )?;
    Ok(import)
}

/// Remembers a job that was just announced.
///
/// # Errors
/// When the records cannot be written.
pub fn add_import(transaction: &mut Transaction<'_>, import: &Import) -> Result<(), Fault> {
    transaction.execute(
        "insert into usher_jobs (id, request, status, segment_id, made_segment, created_at, changed_at)
         values ($1, $2, $3, $4, $5, $6, $6)",
        &[
            (&import.request.id).into(),
            (&serde_json::to_string(&import.request)?).into(),
            (&status_word(import.status)?).into(),
            (&import.segment_id).into(),
            i64::from(import.made_segment).into(),
            now_ms().into(),
        ],
    )?;
    Ok(())
}

/// Remembers a part that was taken, and what was answered.
///
/// # Errors
/// When the records cannot be written.
pub fn add_part(
    transaction: &mut Transaction<'_>,
    job_id: &str,
    sha256: &str,
    result: &PartResult,
) -> Result<(), Fault> {
    let now = now_ms();
    transaction.execute(
        "insert into usher_parts (job_id, part, sha256, received, accepted, answer, taken_at) values ($1, $2, $3, $4, $5, $6, $7)",
        &[
            job_id.into(),
            i64::from(result.part).into(),
            sha256.into(),
            (result.received as i64).into(),
            (result.accepted as i64).into(),
            (&serde_json::to_string(result)?).into(),
            now.into(),
        ],
    )?;
    transaction.execute("update usher_jobs set changed_at = $2 where id = $1", &[job_id.into(), now.into()])?;
    Ok(())
}

/// Remembers that a job ended, and why.
///
/// # Errors
/// When the records cannot be written.
pub fn end_import(
    transaction: &mut Transaction<'_>,
    job_id: &str,
    status: JobStatus,
    reason: Option<&str>,
) -> Result<(), Fault> {
    transaction.execute(
        "update usher_jobs set status = $2, reason = $3, changed_at = $4 where id = $1",
        &[job_id.into(), (&status_word(status)?).into(), reason.into(), now_ms().into()],
    )?;
    Ok(())
}

/// Whether another job than this one is under way for a segment.
///
/// # Errors
/// When the records cannot be read.
pub fn is_awaited(transaction: &mut Transaction<'_>, segment_id: &str, but_for: &str) -> Result<bool, Fault> {
    transaction.exists(
        "select 1 from usher_jobs where segment_id = $1 and id <> $2 and status = 'WAITING_TO_RECEIVE_DATA'",
        &[segment_id.into(), but_for.into()],
    )
}

/// The ids of jobs that are under way, and of which nothing was heard since this time.
///
/// # Errors
/// When the records cannot be read.
pub fn resting_since(transaction: &mut Transaction<'_>, ms: i64) -> Result<Vec<String>, Fault> {
    transaction.query(
        "select id from usher_jobs where status = 'WAITING_TO_RECEIVE_DATA' and changed_at < $1",
        &[ms.into()],
        |row| row.text(0),
    )
}

/// Forgets the jobs that ended before this time.
///
/// # Errors
/// When the records cannot be written.
pub fn forget_ended_before(transaction: &mut Transaction<'_>, ms: i64) -> Result<(), Fault> {
    let ended = "select id from usher_jobs where status <> 'WAITING_TO_RECEIVE_DATA' and changed_at < $1";
    transaction.execute(&format!("delete from usher_parts where job_id in ({ended})"), &[ms.into()])?;
    transaction.execute(&format!("delete from usher_jobs where id in ({ended})"), &[ms.into()])?;
    Ok(())
}
