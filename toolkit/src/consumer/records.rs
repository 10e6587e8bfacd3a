//! What is remembered of import jobs and their parts, wherever the people are kept.

use model::contract::{Job, JobCategory, JobCounts, JobMode, JobRequest, JobSegment, JobStatus, PartResult};
use rusqlite::{Connection, OptionalExtension, params};

use crate::fault::{Code, Fault};
use crate::state::{parse_status, status_word};

/// The tables of jobs and of parts: each part's digest and answer.
pub const TABLES: &str = "
    create table if not exists usher_jobs (
        id text primary key not null,
        request text not null,
        status text not null,
        segment_id text not null,
        made_segment integer not null,
        reason text,
        created_at integer not null,
        changed_at integer not null
    ) strict;
    create index if not exists usher_jobs_by_status on usher_jobs (status, changed_at);
    create table if not exists usher_parts (
        job_id text not null,
        part integer not null,
        sha256 text not null,
        received integer not null,
        accepted integer not null,
        answer text not null,
        taken_at integer not null,
        primary key (job_id, part)
    ) strict;
";

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
    connection: &Connection,
    import: &Import,
    number: u32,
    sha256: &str,
) -> Result<Option<PartResult>, Fault> {
    let mut statement =
        connection.prepare_cached("select sha256, answer from usher_parts where job_id = ?1 and part = ?2")?;
    let recorded: Option<(String, String)> =
        statement.query_row(params![import.request.id, number], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
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
pub fn find_import(connection: &Connection, job_id: &str) -> Result<Option<Import>, Fault> {
    let mut statement = connection.prepare_cached(
        "select j.request, j.status, j.segment_id, j.made_segment,
                count(p.part), coalesce(sum(p.received), 0), coalesce(sum(p.accepted), 0)
         from usher_jobs as j left join usher_parts as p on p.job_id = j.id where j.id = ?1 group by j.id",
    )?;
    let row = statement
        .query_row([job_id], |row| {
            let (rows, accepted): (u64, u64) = (row.get(5)?, row.get(6)?);
            let counts = JobCounts { rows, accepted, refused: rows - accepted };
            Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?, row.get(2)?, row.get(3)?, row.get(4)?, counts))
        })
        .optional()?;
    row.map(|(request, status, segment_id, made_segment, parts, counts)| {
        Ok(Import {
            request: serde_json::from_str(&request)?,
            status: parse_status(status)?,
            segment_id,
            made_segment,
            parts,
            counts,
        })
    })
    .transpose()
}
