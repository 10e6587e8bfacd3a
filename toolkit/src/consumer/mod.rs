//! The side that takes audiences: its segments, its import jobs, and when what becomes visible.
//!
//! What goes for every consumer is here: which jobs are taken, how a repeat is recognised, when a job ends and with what totals. Where
//! the people are kept is for the [`Place`]: [`tables`] of a database, or [`folder`]s of files. The records of jobs and parts
//! ([`records`]) stand in the same database, or in an SQLite file beside the folder, so a crash at any moment leaves a part whole with
//! its record, or not at all.
//! Reading a part's bytes is in [`parts`]. Every function here blocks; callers use blocking threads.

mod folder;
pub mod parts;
mod records;
mod tables;

use std::path::Path;
use std::time::Duration;

use model::contract::{Job, JobCounts, JobMode, JobRequest, JobStatus, PartResult, Refusal, Segment, StatusReport};
use model::field::{Field, FieldKind};

use crate::config::{ConfigError, ConsumerConfig, DatabaseConfig, PlaceConfig};
use crate::database::{Database, Transaction};
use crate::fault::{Code, Fault};
use crate::producer::exports::{job_differs, no_such_job};
use crate::state::{now_ms, status_word};
use parts::{Read, Target};
use records::{Import, find_import, recorded};

/// How long a job may rest before it is given up.
const JOB_LIFETIME: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// How long an ended job and its part records are kept.
const RECORD_LIFETIME: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// The side that takes audiences.
#[derive(Debug)]
pub struct Consumer {
    config: ConsumerConfig,
    place: Box<dyn Place>,
    /// With the records.
    database: Database,
}

/// Where people are kept. What it does within a transaction holds when that is committed; what it cannot undo it does in such a way that
/// doing it again changes nothing more.
trait Place: std::fmt::Debug + Send + Sync {
    /// Whether it can be used.
    fn ping(&self) -> Result<(), Fault>;

    /// At most `limit` segments whose id comes after `after`, by id.
    fn segments(&self, transaction: &mut Transaction<'_>, after: &str, limit: usize) -> Result<Vec<Kept>, Fault>;

    /// The segment of this id.
    fn segment(&self, transaction: &mut Transaction<'_>, id: &str) -> Result<Option<Kept>, Fault>;

    /// Whether there is a segment of this id.
    fn has_segment(&self, transaction: &mut Transaction<'_>, id: &str) -> Result<bool, Fault>;

    /// Whether there is a segment of this name.
    fn has_name(&self, transaction: &mut Transaction<'_>, name: &str) -> Result<bool, Fault>;

    /// Whether anybody is in a segment.
    fn has_members(&self, transaction: &mut Transaction<'_>, id: &str) -> Result<bool, Fault>;

    /// Makes a segment with nobody in it, for a job that is announced in the same transaction.
    fn add_segment(&self, transaction: &mut Transaction<'_>, name: &str) -> Result<String, Fault>;

    /// Takes away a segment with nobody in it.
    fn remove_segment(&self, transaction: &mut Transaction<'_>, id: &str) -> Result<(), Fault>;

    /// Makes ready for the parts of a job.
    fn expect(&self, transaction: &mut Transaction<'_>, target: &Target<'_>) -> Result<(), Fault>;

    /// Brings the rows of one part to where [`keep`](Self::keep) finds them, outside of any transaction. Whoever sends the same part twice at once
    /// does so twice at once.
    fn stage(&self, target: &Target<'_>, read: &Read<'_>, sha256: &str) -> Result<(), Fault>;

    /// Keeps the rows of one part. Those that cannot be kept are refused; nothing of them stays.
    fn keep(
        &self,
        transaction: &mut Transaction<'_>,
        target: &Target<'_>,
        read: &Read<'_>,
    ) -> Result<Vec<Refusal>, Fault>;

    /// All parts have come.
    fn complete(&self, transaction: &mut Transaction<'_>, target: &Target<'_>) -> Result<(), Fault>;

    /// No more parts will come. A replacement is dropped; people who were added or removed stay so.
    fn call_off(&self, transaction: &mut Transaction<'_>, target: &Target<'_>) -> Result<(), Fault>;

    /// The transaction in which a job ended was committed.
    fn ended(&self, job_id: &str);
}

/// A segment as it is kept.
struct Kept {
    id: String,
    name: String,
    updated_at: Option<String>,
    size: u64,
    size_is_estimate: bool,
}

impl Consumer {
    /// Opens where the people are kept, makes it when it is not there, and checks it otherwise. `state` is the Toolkit's own folder.
    ///
    /// # Errors
    /// When it cannot be made, opened or used as it is.
    pub fn open(mut config: ConsumerConfig, state: &Path) -> Result<Self, ConfigError> {
        let database = match &config.place {
            PlaceConfig::Database { database: DatabaseConfig::Sqlite(path), .. } => Database::sqlite(path)?,
            PlaceConfig::Database { database: DatabaseConfig::Postgres(server), .. } => Database::server(server)?,
            PlaceConfig::Folder(_) => Database::sqlite(&state.join("imports.db"))?,
        };
        let place: Box<dyn Place> = match &config.place {
            PlaceConfig::Database { .. } => Box::new(tables::Tables::prepare(&database, &mut config)?),
            PlaceConfig::Folder(folder) => Box::new(folder::Segments::open(folder.clone(), state, &config, &database)?),
        };
        Ok(Self { config, place, database })
    }

    /// Whether a server could be used: what would be made is made and taken back.
    ///
    /// # Errors
    /// When it could not.
    pub fn check(mut config: ConsumerConfig) -> Result<(), ConfigError> {
        if let PlaceConfig::Database { database: DatabaseConfig::Postgres(server), .. } = &config.place {
            let database = Database::server(server)?;
            tables::Tables::try_out(&database, &mut config)?;
        }
        Ok(())
    }

    /// What is configured.
    pub fn config(&self) -> &ConsumerConfig {
        &self.config
    }

    /// Whether people can be taken.
    ///
    /// # Errors
    /// When they cannot.
    pub fn ping(&self) -> Result<(), Fault> {
        self.database.read(|transaction| transaction.exists("select 1 from usher_jobs where false", &[]))?;
        self.place.ping()
    }

    /// At most `limit` segments whose id comes after `after`, by id.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn segments(&self, after: &str, limit: usize) -> Result<Vec<Segment>, Fault> {
        let kept = self.database.read(|transaction| self.place.segments(transaction, after, limit))?;
        Ok(kept.into_iter().map(|kept| self.describe(kept)).collect())
    }

    /// The segment of this id.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn segment(&self, id: &str) -> Result<Option<Segment>, Fault> {
        let kept = self.database.read(|transaction| self.place.segment(transaction, id))?;
        Ok(kept.map(|kept| self.describe(kept)))
    }

    fn describe(&self, kept: Kept) -> Segment {
        Segment {
            id: kept.id,
            name: kept.name,
            description: None,
            size: Some(kept.size),
            size_is_estimate: kept.size_is_estimate,
            updated_at: kept.updated_at,
            fields: self.config.fields.clone(),
            tags: Vec::new(),
            label: None,
            statistics: None,
        }
    }

    /// The import of this id.
    ///
    /// # Errors
    /// When the records cannot be read.
    pub fn job(&self, job_id: &str) -> Result<Option<Job>, Fault> {
        Ok(self.database.read(|transaction| find_import(transaction, job_id))?.map(|import| import.to_job()))
    }

    fn target<'a>(&'a self, request: &'a JobRequest, segment_id: &'a str, mode: JobMode) -> Target<'a> {
        Target { config: &self.config, job_id: &request.id, segment_id, mode, fields: &request.fields }
    }

    /// Takes a new import job, makes its segment if it names a new one, or answers a repeat as it is now.
    ///
    /// # Errors
    /// When the endpoint does not take such a job, its segment is not there (or is there already), or its id is another job's.
    pub fn announce(&self, request: JobRequest) -> Result<Job, Fault> {
        self.database.write(|transaction| {
            if let Some(import) = find_import(transaction, &request.id)? {
                return if import.request == request { Ok(import.to_job()) } else { Err(job_differs(&request.id)) };
            }
            let mode = self.check_request(&request)?;
            let (segment_id, made_segment) = match &request.segment.id {
                Some(id) if self.place.has_segment(transaction, id)? => (id.clone(), false),
                Some(_) => {
                    return Err(Fault::new(
                        Code::NO_SUCH_SEGMENT,
                        "This endpoint has no segment of this id; GET v1/segments lists them.",
                    ));
                }
                None if self.place.has_name(transaction, &request.segment.name)? => {
                    return Err(Fault::new(
                        Code::SEGMENT_EXISTS,
                        "A segment of this name is there already. Choose it, or another name.",
                    ));
                }
                None => (self.place.add_segment(transaction, &request.segment.name)?, true),
            };
            self.place.expect(transaction, &self.target(&request, &segment_id, mode))?;
            let import = Import {
                request: request.clone(),
                status: JobStatus::WaitingToReceiveData,
                segment_id,
                made_segment,
                parts: 0,
                counts: JobCounts::default(),
            };
            records::add_import(transaction, &import)?;
            tracing::info!(
                job.id = request.id,
                segment.id = import.segment_id,
                ?mode,
                made_segment,
                "an import was announced"
            );
            Ok(import.to_job())
        })
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

    /// Takes one part: its rows, its record and the answer in one transaction. A repeat with the same digest gets the recorded answer.
    ///
    /// `data` is the CSV without content encoding, `sha256` its digest in hexadecimal.
    ///
    /// # Errors
    /// When there is no such job, it has ended, the number came with other content, or the data is not what was announced; nothing of
    /// the part is kept then.
    pub fn take_part(&self, job_id: &str, number: u32, data: &[u8], sha256: &str) -> Result<PartResult, Fault> {
        let known = self.database.read(|transaction| {
            let import = find_import(transaction, job_id)?.ok_or_else(|| no_such_job(job_id))?;
            Ok(match recorded(transaction, &import, number, sha256)? {
                Some(answer) => Err(answer),
                None => Ok(import),
            })
        })?;
        let import = match known {
            Ok(import) => import,
            Err(answer) => return Ok(answer),
        };
        let target = self.target(&import.request, &import.segment_id, import.mode()?);
        let read = parts::read(&target, number, data)?;

        self.place.stage(&target, &read, sha256)?;
        let taken: Result<PartResult, Fault> = self.database.write(|transaction| {
            // Once more, because since then the same part may have come, or the job may have ended.
            let now_known = find_import(transaction, job_id)?.ok_or_else(|| no_such_job(job_id))?;
            if let Some(answer) = recorded(transaction, &now_known, number, sha256)? {
                return Ok(answer);
            }
            let refusals = self.place.keep(transaction, &target, &read)?;
            let result = read.refusing(refusals);
            records::add_part(transaction, job_id, sha256, &result)?;
            Ok(result)
        });
        if taken.as_ref().is_err_and(|fault| fault.code == Code::WRONG_STATUS) {
            // The job ended meanwhile; what was staged for it too late goes as well.
            self.place.ended(job_id);
        }
        taken
    }

    /// The sending side says that all was sent, or calls the job off. A repeat is answered as the first.
    ///
    /// # Errors
    /// When there is no such job, its status does not allow it, or the totals differ from what was taken; nothing is applied then.
    pub fn report(&self, job_id: &str, report: &StatusReport) -> Result<Job, Fault> {
        let (import, has_ended) = self.database.write(|transaction| {
            let mut import = find_import(transaction, job_id)?.ok_or_else(|| no_such_job(job_id))?;
            import.status = match (report.status, import.status) {
                (JobStatus::Complete, JobStatus::Complete | JobStatus::CompleteWithRejects)
                | (
                    JobStatus::Canceled | JobStatus::Failed,
                    JobStatus::Canceled | JobStatus::Failed | JobStatus::Expired,
                ) => return Ok((import, false)),
                (JobStatus::Complete | JobStatus::Canceled | JobStatus::Failed, status) if status.is_final() => {
                    let word = status_word(status)?;
                    return Err(Fault::new(Code::WRONG_STATUS, format!("The job is {word} already.")));
                }
                (JobStatus::Complete, _) => self.complete(transaction, &import, report)?,
                (status @ (JobStatus::Canceled | JobStatus::Failed), _) => {
                    self.call_off(transaction, &import)?;
                    status
                }
                _ => {
                    let detail = "An import can be reported COMPLETE, CANCELED or FAILED.";
                    return Err(Fault::new(Code::WRONG_STATUS, detail));
                }
            };
            records::end_import(transaction, job_id, import.status, report.reason.as_deref())?;
            Ok((import, true))
        })?;
        if has_ended {
            self.place.ended(job_id);
            let JobCounts { rows, accepted, refused } = import.counts;
            tracing::info!(job.id = job_id, status = ?import.status, parts = import.parts, rows, accepted, refused, "an import ended");
        }
        Ok(import.to_job())
    }

    fn complete(
        &self,
        transaction: &mut Transaction<'_>,
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
        let mode = import.mode()?;
        // Refusals do not empty the destination; that nobody was sent at all is meant (contract, COMPLETE with no part).
        if mode == JobMode::Replace
            && import.parts > 0
            && import.counts.accepted == 0
            && self.place.has_members(transaction, &import.segment_id)?
        {
            return Err(Fault::new(
                Code::WOULD_EMPTY,
                "No row was accepted, so replacing would empty the segment. Cancel the job; to empty it on purpose, use REMOVE.",
            ));
        }
        self.place.complete(transaction, &self.target(&import.request, &import.segment_id, mode))?;
        Ok(if import.counts.refused > 0 { JobStatus::CompleteWithRejects } else { JobStatus::Complete })
    }

    /// Drops what was staged, and the segment if this job made it and nobody is in it or comes into it.
    fn call_off(&self, transaction: &mut Transaction<'_>, import: &Import) -> Result<(), Fault> {
        let target = self.target(&import.request, &import.segment_id, import.mode()?);
        self.place.call_off(transaction, &target)?;
        if !import.made_segment || self.place.has_members(transaction, &import.segment_id)? {
            return Ok(());
        }
        if records::is_awaited(transaction, &import.segment_id, &import.request.id)? {
            return Ok(());
        }
        self.place.remove_segment(transaction, &import.segment_id)
    }

    /// Gives up jobs that have rested too long, and forgets old ones.
    ///
    /// # Errors
    /// When the records cannot be changed.
    pub fn sweep(&self) -> Result<(), Fault> {
        let now = now_ms();
        let rested_since = now - JOB_LIFETIME.as_millis() as i64;
        let resting = self.database.read(|transaction| records::resting_since(transaction, rested_since))?;
        for job_id in resting {
            // One that cannot be given up does not keep the others.
            if let Err(fault) = self.give_up(&job_id) {
                tracing::error!(job.id = job_id, error = %fault, source = ?fault.source, "an import could not be given up");
            }
        }
        let old = now - RECORD_LIFETIME.as_millis() as i64;
        self.database.write(|transaction| records::forget_ended_before(transaction, old))
    }

    fn give_up(&self, job_id: &str) -> Result<(), Fault> {
        let has_ended = self.database.write(|transaction| {
            let Some(import) = find_import(transaction, job_id)?.filter(|import| !import.status.is_final()) else {
                return Ok::<_, Fault>(false);
            };
            tracing::warn!(job.id = job_id, "an import has rested too long and is given up");
            self.call_off(transaction, &import)?;
            records::end_import(transaction, job_id, JobStatus::Expired, None)?;
            Ok(true)
        })?;
        if has_ended {
            self.place.ended(job_id);
        }
        Ok(())
    }
}

/// An id that no segment has. Short, because every member's row has it; sorted by time, because lists are sorted by it.
fn new_segment_id() -> String {
    format!("seg_{:011x}{:08x}", now_ms(), rand::random::<u32>())
}

fn names(fields: &[Field], name: &str) -> bool {
    fields.iter().any(|field| field.name == name)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use model::contract::{DeliveryOptions, JobCategory, JobSegment};
    use model::field::FieldType;

    use super::*;
    use crate::database::Identifier;
    use crate::folder::Folder;

    fn consumer(place: &Path) -> Consumer {
        let fields = ["email", "note"].map(|name| Field::new(name, FieldKind::Identifier, FieldType::String));
        let config = ConsumerConfig {
            place: PlaceConfig::Folder(Folder::new(place.join("files"), b',')),
            key: Identifier::parse("email").unwrap(),
            fields: fields.into(),
            delivery: DeliveryOptions {
                modes: vec![JobMode::Add, JobMode::Replace, JobMode::Remove],
                new_segment: true,
                existing_segment: true,
                rows_per_part: None,
                rows_per_second: None,
                member_lifetime_days: None,
            },
        };
        Consumer::open(config, place).unwrap()
    }

    fn announced(consumer: &Consumer, id: &str, mode: JobMode, csv: &str) {
        let request = JobRequest {
            id: id.to_owned(),
            category: JobCategory::SegmentImport,
            segment: JobSegment { id: Some("s".to_owned()), name: "s".to_owned() },
            mode: Some(mode),
            fields: consumer.config.fields.clone(),
            limit: None,
        };
        consumer.announce(request).unwrap();
        consumer.take_part(id, 1, csv.as_bytes(), id).unwrap();
    }

    /// The end of a job, with the power gone after the file was renamed and before the job's end was recorded.
    #[test]
    fn a_file_that_was_renamed_before_a_crash_is_the_same_after_it() {
        let place = tempfile::tempdir().unwrap();
        std::fs::create_dir(place.path().join("files")).unwrap();
        let file = place.path().join("files/s.csv");
        std::fs::write(&file, "email,note\nb,1\na,2\n,3\nc,4\n").unwrap();
        for (job, mode, csv, expected) in [
            ("job_1", JobMode::Add, "email,note\nd,5\nb,6\nd,7\n", "email,note\r\n,3\r\na,2\r\nb,6\r\nc,4\r\nd,7\r\n"),
            ("job_2", JobMode::Remove, "email,note\na,\nx,\n", "email,note\r\n,3\r\nb,6\r\nc,4\r\nd,7\r\n"),
            ("job_3", JobMode::Replace, "email,note\nz,8\ny,9\n", "email,note\r\ny,9\r\nz,8\r\n"),
        ] {
            let before = consumer(place.path());
            announced(&before, job, mode, csv);
            let report = StatusReport::complete(1, csv.lines().count() as u64 - 1);
            let crashed = before.database.write(|transaction| {
                let import = find_import(transaction, job)?.unwrap();
                before.complete(transaction, &import, &report)?;
                Err::<(), _>(Fault::new(Code::INTERNAL, "the power is gone"))
            });
            assert!(crashed.is_err());
            drop(before);
            assert_eq!(std::fs::read_to_string(&file).unwrap(), expected);

            let after = consumer(place.path());
            assert_eq!(after.job(job).unwrap().unwrap().status, JobStatus::WaitingToReceiveData);
            assert_eq!(after.report(job, &report).unwrap().status, JobStatus::Complete);
            assert_eq!(std::fs::read_to_string(&file).unwrap(), expected);
            assert_eq!(std::fs::read_dir(place.path().join("imports")).unwrap().count(), 0);
        }
    }
}
