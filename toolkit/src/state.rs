//! What the Toolkit itself remembers of exports: one SQLite file `state.db` in the state folder, and where their files lie.
//!
//! Imports are not here: their records stand in the target database, so that they are in the same transaction as the rows. This
//! module knows no SQL of the served database; making an export is in [`crate::producer`].

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, SecondsFormat, Utc};
use model::contract::{Job, JobCategory, JobCounts, JobPart, JobRequest, JobStatus, Problem};
use rusqlite::{Connection, OptionalExtension, Row, params};
use sha2::{Digest, Sha256};

use crate::database::sqlite;
use crate::fault::Fault;

/// Now, in milliseconds since 1970.
pub fn now_ms() -> i64 {
    Utc::now().timestamp_millis()
}

/// A time for people and for the wire, RFC 3339 in UTC.
pub fn rfc3339(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// Locks what no panic can leave half-changed: SQLite rolls back by itself.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A file that was exported whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportedFile {
    /// Data rows, without the header.
    pub rows: u64,
    /// Bytes of CSV.
    pub bytes: u64,
    /// SHA-256 of the CSV, lower-case hexadecimal.
    pub sha256: String,
}

/// An export job as it is remembered.
#[derive(Debug, Clone)]
pub struct Export {
    /// What was asked for.
    pub request: JobRequest,
    /// `RUNNING` until the file is whole.
    pub status: JobStatus,
    /// Once it is whole.
    pub file: Option<ExportedFile>,
    /// Whether the file was removed since.
    pub removed: bool,
    /// Why it failed.
    pub problem: Option<Problem>,
}

impl Export {
    /// The job as the contract tells it.
    pub fn to_job(&self) -> Job {
        let parts = match (&self.file, self.status, self.removed) {
            (Some(file), JobStatus::Complete, false) => vec![JobPart {
                number: 1,
                rows: Some(file.rows),
                bytes: Some(file.bytes),
                sha256: Some(file.sha256.clone()),
            }],
            _ => Vec::new(),
        };
        let rows = self.file.as_ref().map_or(0, |file| file.rows);
        Job {
            id: self.request.id.clone(),
            category: JobCategory::SegmentExport,
            status: self.status,
            segment: self.request.segment.clone(),
            mode: None,
            parts,
            counts: JobCounts { rows, accepted: rows, refused: 0 },
            problem: self.problem.clone(),
        }
    }
}

/// The records of exports.
#[derive(Debug)]
pub struct State {
    connection: Mutex<Connection>,
    exports: PathBuf,
}

const TABLES: &str = "
    create table if not exists exports (
        id text primary key not null,
        request text not null,
        status text not null,
        rows integer,
        bytes integer,
        sha256 text,
        removed integer not null default 0,
        problem text,
        created_at integer not null,
        changed_at integer not null
    ) strict;
    create index if not exists exports_by_status on exports (status, changed_at);
";

const COLUMNS: &str = "request, status, rows, bytes, sha256, removed, problem";

impl State {
    /// Opens the state folder, makes it when it is not there, and removes what an interrupted export left.
    ///
    /// # Errors
    /// When the folder or `state.db` cannot be made or opened.
    pub fn open(folder: &Path) -> Result<Self, Fault> {
        let exports = folder.join("exports");
        std::fs::create_dir_all(&exports)?;
        for entry in std::fs::read_dir(&exports)? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "partial") {
                std::fs::remove_file(path)?;
            }
        }
        let connection = sqlite::open_writer(&folder.join("state.db"))?;
        connection.execute_batch(TABLES)?;
        Ok(Self { connection: Mutex::new(connection), exports })
    }

    /// Where the file of a job lies when it is whole. Job ids are opaque, so the name is their digest.
    pub fn file_of(&self, job_id: &str) -> PathBuf {
        self.exports.join(format!("{}.csv", hex::encode(Sha256::digest(job_id.as_bytes()))))
    }

    /// The export of this id.
    ///
    /// # Errors
    /// When the state cannot be read.
    pub fn export(&self, job_id: &str) -> Result<Option<Export>, Fault> {
        let connection = lock(&self.connection);
        let mut statement = connection.prepare_cached(&format!("select {COLUMNS} from exports where id = ?1"))?;
        statement.query_row([job_id], read_export).optional()?.transpose()
    }

    /// Remembers a new export as `RUNNING`; `false` when the id is known already.
    ///
    /// # Errors
    /// When the state cannot be written.
    pub fn add_export(&self, request: &JobRequest) -> Result<bool, Fault> {
        let added = lock(&self.connection).execute(
            "insert into exports (id, request, status, created_at, changed_at) values (?1, ?2, 'RUNNING', ?3, ?3)
             on conflict (id) do nothing",
            params![request.id, serde_json::to_string(request)?, now_ms()],
        )?;
        Ok(added == 1)
    }

    /// The exports that are still to be made.
    ///
    /// # Errors
    /// When the state cannot be read.
    pub fn unfinished_exports(&self) -> Result<Vec<Export>, Fault> {
        self.exports_where("status = 'RUNNING' and changed_at <= ?1", i64::MAX)
    }

    /// The exports that were finished before a time, and whose files are still there.
    ///
    /// # Errors
    /// When the state cannot be read.
    pub fn exports_finished_before(&self, ms: i64) -> Result<Vec<Export>, Fault> {
        self.exports_where("status <> 'RUNNING' and removed = 0 and changed_at < ?1", ms)
    }

    fn exports_where(&self, condition: &str, ms: i64) -> Result<Vec<Export>, Fault> {
        let connection = lock(&self.connection);
        let mut statement =
            connection.prepare(&format!("select {COLUMNS} from exports where {condition} order by created_at"))?;
        let rows = statement.query_map([ms], read_export)?;
        rows.map(|row| row.map_err(Fault::from).and_then(|export| export)).collect()
    }

    /// The file is whole; `false` when the job was called off meanwhile.
    ///
    /// # Errors
    /// When the state cannot be written.
    pub fn finish_export(&self, job_id: &str, file: &ExportedFile) -> Result<bool, Fault> {
        let changed = lock(&self.connection).execute(
            "update exports set status = 'COMPLETE', rows = ?2, bytes = ?3, sha256 = ?4, changed_at = ?5
             where id = ?1 and status = 'RUNNING'",
            params![job_id, file.rows, file.bytes, file.sha256, now_ms()],
        )?;
        Ok(changed == 1)
    }

    /// The file could not be made.
    ///
    /// # Errors
    /// When the state cannot be written.
    pub fn fail_export(&self, job_id: &str, problem: &Problem) -> Result<(), Fault> {
        lock(&self.connection).execute(
            "update exports set status = 'FAILED', problem = ?2, removed = 1, changed_at = ?3 where id = ?1 and status = 'RUNNING'",
            params![job_id, serde_json::to_string(problem)?, now_ms()],
        )?;
        Ok(())
    }

    /// Ends an export with this status and removes its file.
    ///
    /// # Errors
    /// When the state cannot be written or the file cannot be removed.
    pub fn close_export(&self, job_id: &str, status: JobStatus) -> Result<(), Fault> {
        lock(&self.connection).execute(
            "update exports set status = ?2, removed = 1, changed_at = ?3 where id = ?1",
            params![job_id, status_word(status)?, now_ms()],
        )?;
        self.remove_file(job_id)
    }

    /// Removes the file of an export, if it is there.
    ///
    /// # Errors
    /// When the file is there and cannot be removed.
    pub fn remove_file(&self, job_id: &str) -> Result<(), Fault> {
        match std::fs::remove_file(self.file_of(job_id)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// Forgets exports that ended before a time and whose files are gone.
    ///
    /// # Errors
    /// When the state cannot be written.
    pub fn forget_exports_before(&self, ms: i64) -> Result<(), Fault> {
        lock(&self.connection)
            .execute("delete from exports where status <> 'RUNNING' and removed = 1 and changed_at < ?1", [ms])?;
        Ok(())
    }
}

/// A status as the contract writes it.
///
/// # Errors
/// Never for a status of the contract.
pub fn status_word(status: JobStatus) -> Result<String, Fault> {
    match serde_json::to_value(status)? {
        serde_json::Value::String(word) => Ok(word),
        other => Ok(other.to_string()),
    }
}

/// The status that a word of the contract means.
///
/// # Errors
/// When it is not one of the contract's words.
pub fn parse_status(word: String) -> Result<JobStatus, Fault> {
    Ok(serde_json::from_value(serde_json::Value::String(word))?)
}

fn read_export(row: &Row<'_>) -> rusqlite::Result<Result<Export, Fault>> {
    let request: String = row.get(0)?;
    let status: String = row.get(1)?;
    let file = match (row.get(2)?, row.get(3)?, row.get(4)?) {
        (Some(rows), Some(bytes), Some(sha256)) => Some(ExportedFile { rows, bytes, sha256 }),
        _ => None,
    };
    let removed = row.get(5)?;
    let problem: Option<String> = row.get(6)?;
    let export = || {
        Ok(Export {
            request: serde_json::from_str(&request)?,
            status: parse_status(status)?,
            file,
            removed,
            problem: problem.as_deref().map(serde_json::from_str).transpose()?,
        })
    };
    Ok(export())
}
