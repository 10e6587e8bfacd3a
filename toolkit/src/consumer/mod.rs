//! The database that takes audiences: its segments, its import jobs, and when what becomes visible.
//!
//! Everything that belongs together is one transaction in the target database: a part's rows with the part's record, a replacement
//! with the end of its job. So a crash at any moment leaves either all or nothing of it, and a repeat is recognised. Reading a part's
//! bytes is in [`parts`], the tables are in [`tables`]. Every function here blocks; callers use blocking threads.

pub mod parts;
mod tables;

use std::sync::Mutex;
use std::time::Duration;

use chrono::Utc;
use model::contract::{
    Job, JobCategory, JobCounts, JobMode, JobRequest, JobSegment, JobStatus, PartResult, Segment, StatusReport,
};
use model::field::{Field, FieldKind};
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};

use crate::config::{Config, ConfigError, ConsumerConfig};
use crate::database::{open_reader, open_writer};
use crate::fault::{Code, Fault};
use crate::producer::exports::{job_differs, no_such_job};
use crate::state::{lock, now_ms, parse_status, rfc3339, status_word};

/// How long a job may rest before it is given up.
const JOB_LIFETIME: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// How long an ended job and its part records are kept.
const RECORD_LIFETIME: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// The database that takes audiences.
#[derive(Debug)]
pub struct Consumer {
    config: ConsumerConfig,
    tables: tables::Tables,
    writer: Mutex<Connection>,
    reader: Mutex<Connection>,
}

/// An import job as it is remembered.
struct Import {
    request: JobRequest,
    status: JobStatus,
    segment_id: String,
    /// Whether this job made the segment.
    made_segment: bool,
    parts: u32,
    counts: JobCounts,
}

impl Import {
    fn mode(&self) -> Result<JobMode, Fault> {
        self.request.mode.ok_or_else(|| Fault::new(Code::JOB_NOT_TAKEN, "An import needs a `mode`."))
    }

    fn to_job(&self) -> Job {
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

impl Consumer {
    /// Opens the database, makes it and its tables when they are not there, and checks those that are.
    ///
    /// # Errors
    /// When the file cannot be made or opened, or a table cannot be used as it is.
    pub fn open(config: &Config, consumer: ConsumerConfig) -> Result<Self, ConfigError> {
        let unusable = |source| ConfigError::Database {
            path: config.database.clone(),
            source,
            remedy: "A consumer needs an SQLite file that can be read and written, or a folder where it can be made.",
        };
        let mut writer = open_writer(&config.database).map_err(unusable)?;
        let tables = tables::Tables::prepare(&mut writer, &consumer)?;
        let reader = open_reader(&config.database).map_err(unusable)?;
        Ok(Self { config: consumer, tables, writer: Mutex::new(writer), reader: Mutex::new(reader) })
    }

    /// What is configured.
    pub fn config(&self) -> &ConsumerConfig {
        &self.config
    }

    /// Whether the database can be read.
    ///
    /// # Errors
    /// When it cannot.
    pub fn ping(&self) -> Result<(), Fault> {
        Ok(lock(&self.reader).query_row("select count(*) from usher_jobs where false", [], |_| Ok(()))?)
    }

    /// At most `limit` segments whose id comes after `after`, by id.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn segments(&self, after: &str, limit: usize) -> Result<Vec<Segment>, Fault> {
        let connection = lock(&self.reader);
        let mut statement = connection.prepare_cached(&format!(
            "select s.id, s.name, s.updated_at, (select count(*) from {} as m where m.segment_id = s.id)
             from {} as s where s.id > ?1 order by s.id limit ?2",
            self.tables.members, self.tables.segments
        ))?;
        let rows = statement.query_map(params![after, limit as i64], |row| self.read_segment(row))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// The segment of this id.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn segment(&self, id: &str) -> Result<Option<Segment>, Fault> {
        let connection = lock(&self.reader);
        let mut statement = connection.prepare_cached(&format!(
            "select s.id, s.name, s.updated_at, (select count(*) from {} as m where m.segment_id = s.id)
             from {} as s where s.id = ?1",
            self.tables.members, self.tables.segments
        ))?;
        Ok(statement.query_row([id], |row| self.read_segment(row)).optional()?)
    }

    fn read_segment(&self, row: &rusqlite::Row<'_>) -> rusqlite::Result<Segment> {
        Ok(Segment {
            id: row.get(0)?,
            name: row.get(1)?,
            description: None,
            size: Some(row.get(3)?),
            size_is_estimate: false,
            updated_at: row.get(2)?,
            fields: self.config.fields.clone(),
            tags: Vec::new(),
        })
    }

    /// The import of this id.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn job(&self, job_id: &str) -> Result<Option<Job>, Fault> {
        Ok(find_import(&lock(&self.reader), job_id)?.map(|import| import.to_job()))
    }

    /// Takes a new import job, makes its segment if it names a new one, or answers a repeat as it is now.
    ///
    /// # Errors
    /// When the endpoint does not take such a job, its segment is not there (or is there already), or its id is another job's.
    pub fn announce(&self, request: JobRequest) -> Result<Job, Fault> {
        let mut writer = lock(&self.writer);
        let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
        if let Some(import) = find_import(&transaction, &request.id)? {
            return if import.request == request { Ok(import.to_job()) } else { Err(job_differs(&request.id)) };
        }
        let mode = self.check_request(&request)?;
        let (segment_id, made_segment) = match &request.segment.id {
            Some(id) => {
                let exists: bool = transaction.query_row(
                    &format!("select exists (select 1 from {} where id = ?1)", self.tables.segments),
                    [id],
                    |row| row.get(0),
                )?;
                if !exists {
                    return Err(Fault::new(
                        Code::NO_SUCH_SEGMENT,
                        "This endpoint has no segment of this id; GET v1/segments lists them.",
                    ));
                }
                (id.clone(), false)
            }
            None => (self.make_segment(&transaction, &request.segment.name)?, true),
        };
        if mode == JobMode::Remove && !names(&request.fields, self.config.key.as_str()) {
            self.tables.index_identifiers(&transaction, &request.fields)?;
        }
        let now = now_ms();
        transaction.execute(
            "insert into usher_jobs (id, request, status, segment_id, made_segment, created_at, changed_at)
             values (?1, ?2, 'WAITING_TO_RECEIVE_DATA', ?3, ?4, ?5, ?5)",
            params![request.id, serde_json::to_string(&request)?, segment_id, made_segment, now],
        )?;
        transaction.commit()?;
        tracing::info!(job.id = request.id, segment.id = segment_id, ?mode, made_segment, "an import was announced");
        let import = Import {
            request,
            status: JobStatus::WaitingToReceiveData,
            segment_id,
            made_segment,
            parts: 0,
            counts: JobCounts::default(),
        };
        Ok(import.to_job())
    }

    fn make_segment(&self, transaction: &Transaction<'_>, name: &str) -> Result<String, Fault> {
        let exists: bool = transaction.query_row(
            &format!("select exists (select 1 from {} where name = ?1)", self.tables.segments),
            [name],
            |row| row.get(0),
        )?;
        if exists {
            return Err(Fault::new(
                Code::SEGMENT_EXISTS,
                "A segment of this name is there already. Choose it, or another name.",
            ));
        }
        // Short, because every member's row has it; sorted by time, because lists are sorted by it.
        let id = format!("seg_{:011x}{:08x}", now_ms(), rand::random::<u32>());
        transaction.execute(
            &format!("insert into {} (id, name, created_at, updated_at) values (?1, ?2, ?3, ?3)", self.tables.segments),
            params![id, name, rfc3339(Utc::now())],
        )?;
        Ok(id)
    }

    /// Whether this endpoint takes such a job at all.
    fn check_request(&self, request: &JobRequest) -> Result<JobMode, Fault> {
        let delivery = &self.config.delivery;
        let not_taken = |detail: &str| Err(Fault::new(Code::JOB_NOT_TAKEN, detail));
        let Some(mode) = request.mode else { return not_taken("An import needs a `mode`: ADD, REPLACE or REMOVE.") };
        if !delivery.modes.contains(&mode) {
            return not_taken("This endpoint does not take this mode; GET v1/endpoint lists those that it takes.");
        }
        match &request.segment.id {
            Some(_) if !delivery.existing_segment => {
                return not_taken("This endpoint takes new segments only; leave `segment.id` out.");
            }
            None if mode == JobMode::Remove => {
                return not_taken("REMOVE needs `segment.id`: there is nobody in a new segment.");
            }
            None if !delivery.new_segment => {
                return not_taken("This endpoint takes existing segments only; give `segment.id`.");
            }
            None if request.segment.name.trim().is_empty() || request.segment.name.chars().count() > 255 => {
                return not_taken("A new segment needs a `segment.name` of 1 to 255 characters.");
            }
            _ => {}
        }
        for (index, field) in request.fields.iter().enumerate() {
            let Some(known) = self.config.field(&field.name) else {
                return Err(Fault::new(
                    Code::UNKNOWN_FIELD,
                    format!(
                        "This endpoint takes no field \"{}\"; GET v1/endpoint lists those that it takes.",
                        field.name
                    ),
                ));
            };
            if known.form != field.form {
                return Err(Fault::new(
                    Code::UNKNOWN_FIELD,
                    format!("The field \"{}\" is announced in another form than GET v1/endpoint declares.", field.name),
                ));
            }
            if names(&request.fields[..index], &field.name) {
                return Err(Fault::new(Code::UNKNOWN_FIELD, format!("The field \"{}\" is listed twice.", field.name)));
            }
        }
        match mode {
            JobMode::Remove => {
                let says_who = |field: &Field| {
                    self.config.field(&field.name).is_some_and(|known| known.kind == FieldKind::Identifier)
                };
                if !request.fields.iter().any(says_who) {
                    return Err(Fault::new(
                        Code::FIELD_MISSING,
                        "REMOVE needs the key or another identifier among its fields.",
                    ));
                }
            }
            JobMode::Add | JobMode::Replace => {
                if let Some(missing) =
                    self.config.fields.iter().find(|field| field.required && !names(&request.fields, &field.name))
                {
                    return Err(Fault::new(
                        Code::FIELD_MISSING,
                        format!("The field \"{}\" is required and not announced.", missing.name),
                    ));
                }
            }
        }
        Ok(mode)
    }

    /// Takes one part: rows, part record and answer in one transaction. A repeat with the same digest gets the recorded answer.
    ///
    /// `data` is the CSV without content encoding, `sha256` its digest in hexadecimal.
    ///
    /// # Errors
    /// When there is no such job, it has ended, the number came with other content, or the data is not what was announced; nothing of
    /// the part is applied then.
    pub fn take_part(&self, job_id: &str, number: u32, data: &[u8], sha256: &str) -> Result<PartResult, Fault> {
        let import = {
            let connection = lock(&self.reader);
            let import = find_import(&connection, job_id)?.ok_or_else(|| no_such_job(job_id))?;
            if let Some(answer) = recorded(&connection, &import, number, sha256)? {
                return Ok(answer);
            }
            import
        };
        let mode = import.mode()?;
        let target = parts::Target {
            config: &self.config,
            tables: &self.tables,
            job_id,
            segment_id: &import.segment_id,
            mode,
            fields: &import.request.fields,
        };
        let mut read = parts::read(&target, number, data)?;

        let mut writer = lock(&self.writer);
        let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
        // Once more, because since then the same part may have come, or the job may have ended.
        let now_known = find_import(&transaction, job_id)?.ok_or_else(|| no_such_job(job_id))?;
        if let Some(answer) = recorded(&transaction, &now_known, number, sha256)? {
            return Ok(answer);
        }
        parts::write(&transaction, &target, &mut read)?;
        let result = read.result;
        let now = now_ms();
        transaction.execute(
            "insert into usher_parts (job_id, part, sha256, received, accepted, answer, taken_at) values (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            params![job_id, number, sha256, result.received, result.accepted, serde_json::to_string(&result)?, now],
        )?;
        transaction.execute("update usher_jobs set changed_at = ?2 where id = ?1", params![job_id, now])?;
        if mode != JobMode::Replace {
            self.touch_segment(&transaction, &import.segment_id)?;
        }
        transaction.commit()?;
        Ok(result)
    }

    fn touch_segment(&self, transaction: &Transaction<'_>, segment_id: &str) -> Result<(), Fault> {
        transaction.execute(
            &format!("update {} set updated_at = ?2 where id = ?1", self.tables.segments),
            params![segment_id, rfc3339(Utc::now())],
        )?;
        Ok(())
    }

    /// The sending side says that all was sent, or calls the job off. A repeat is answered as the first.
    ///
    /// # Errors
    /// When there is no such job, its status does not allow it, or the totals differ from what was taken; nothing is applied then.
    pub fn report(&self, job_id: &str, report: &StatusReport) -> Result<Job, Fault> {
        let mut writer = lock(&self.writer);
        let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut import = find_import(&transaction, job_id)?.ok_or_else(|| no_such_job(job_id))?;
        import.status = match (report.status, import.status) {
            (JobStatus::Complete, JobStatus::Complete | JobStatus::CompleteWithRejects)
            | (JobStatus::Canceled | JobStatus::Failed, JobStatus::Canceled | JobStatus::Failed | JobStatus::Expired) =>
            {
                return Ok(import.to_job());
            }
            (JobStatus::Complete | JobStatus::Canceled | JobStatus::Failed, status) if status.is_final() => {
                let word = status_word(status)?;
                return Err(Fault::new(Code::WRONG_STATUS, format!("The job is {word} already.")));
            }
            (JobStatus::Complete, _) => self.complete(&transaction, &import, report)?,
            (status @ (JobStatus::Canceled | JobStatus::Failed), _) => {
                self.call_off(&transaction, &import)?;
                status
            }
            _ => return Err(Fault::new(Code::WRONG_STATUS, "An import can be reported COMPLETE, CANCELED or FAILED.")),
        };
        transaction.execute(
            "update usher_jobs set status = ?2, reason = ?3, changed_at = ?4 where id = ?1",
            params![job_id, status_word(import.status)?, report.reason, now_ms()],
        )?;
        transaction.commit()?;
        let JobCounts { rows, accepted, refused } = import.counts;
        tracing::info!(job.id = job_id, status = ?import.status, parts = import.parts, rows, accepted, refused, "an import ended");
        Ok(import.to_job())
    }

    fn complete(
        &self,
        transaction: &Transaction<'_>,
        import: &Import,
        report: &StatusReport,
    ) -> Result<JobStatus, Fault> {
        if (report.parts, report.rows) != (import.parts, import.counts.rows) {
            return Err(Fault::new(
                Code::TOTALS_DIFFER,
                format!(
                    "{} parts with {} rows were reported, {} parts with {} rows were taken. Send what is missing, or cancel the job.",
                    report.parts, report.rows, import.parts, import.counts.rows
                ),
            ));
        }
        if import.mode()? == JobMode::Replace {
            // Whatever emptied the source, it does not empty the destination.
            if import.counts.accepted == 0 && self.has_members(transaction, &import.segment_id)? {
                return Err(Fault::new(
                    Code::WOULD_EMPTY,
                    "No row was accepted, so replacing would empty the segment. Cancel the job; to empty it on purpose, use REMOVE.",
                ));
            }
            self.tables.replace_members(transaction, &self.config, import)?;
            self.touch_segment(transaction, &import.segment_id)?;
        }
        Ok(if import.counts.refused > 0 { JobStatus::CompleteWithRejects } else { JobStatus::Complete })
    }

    /// Drops what was staged, and the segment if this job made it and nobody is in it.
    fn call_off(&self, transaction: &Transaction<'_>, import: &Import) -> Result<(), Fault> {
        self.tables.drop_staged(transaction, &import.request.id)?;
        if import.made_segment && !self.has_members(transaction, &import.segment_id)? {
            transaction.execute(
                &format!(
                    "delete from {} where id = ?1 and not exists (
                        select 1 from usher_jobs where segment_id = ?1 and id <> ?2 and status = 'WAITING_TO_RECEIVE_DATA')",
                    self.tables.segments
                ),
                params![import.segment_id, import.request.id],
            )?;
        }
        Ok(())
    }

    fn has_members(&self, transaction: &Transaction<'_>, segment_id: &str) -> Result<bool, Fault> {
        Ok(transaction.query_row(
            &format!("select exists (select 1 from {} where segment_id = ?1)", self.tables.members),
            [segment_id],
            |row| row.get(0),
        )?)
    }

    /// Gives up jobs that have rested too long, and forgets old ones.
    ///
    /// # Errors
    /// When the database cannot be changed.
    pub fn sweep(&self) -> Result<(), Fault> {
        let now = now_ms();
        let mut writer = lock(&self.writer);
        let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let resting: Vec<String> = transaction
            .prepare("select id from usher_jobs where status = 'WAITING_TO_RECEIVE_DATA' and changed_at < ?1")?
            .query_map([now - JOB_LIFETIME.as_millis() as i64], |row| row.get(0))?
            .collect::<rusqlite::Result<_>>()?;
        for job_id in resting {
            if let Some(import) = find_import(&transaction, &job_id)? {
                tracing::warn!(job.id = job_id, "an import has rested too long and is given up");
                self.call_off(&transaction, &import)?;
                transaction.execute(
                    "update usher_jobs set status = 'EXPIRED', changed_at = ?2 where id = ?1",
                    params![job_id, now],
                )?;
            }
        }
        let old = now - RECORD_LIFETIME.as_millis() as i64;
        let ended = "select id from usher_jobs where status <> 'WAITING_TO_RECEIVE_DATA' and changed_at < ?1";
        transaction.execute(&format!("delete from usher_parts where job_id in ({ended})"), [old])?;
        transaction.execute(&format!("delete from usher_jobs where id in ({ended})"), [old])?;
        transaction.commit()?;
        Ok(())
    }
}

fn names(fields: &[Field], name: &str) -> bool {
    fields.iter().any(|field| field.name == name)
}

/// The answer that was given for this part, if it was taken.
///
/// # Errors
/// When the number came with other content, or was not taken and the job has ended.
fn recorded(connection: &Connection, import: &Import, number: u32, sha256: &str) -> Result<Option<PartResult>, Fault> {
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

fn find_import(connection: &Connection, job_id: &str) -> Result<Option<Import>, Fault> {
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
