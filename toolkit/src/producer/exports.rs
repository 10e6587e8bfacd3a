//! Export jobs: making them one after the other in the background, making them again after a crash, and removing their files.
//!
//! A job is `RUNNING` in the state until its file is whole, so whatever is `RUNNING` at start is made again.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use model::contract::{Job, JobRequest, JobStatus, StatusReport};
use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{ExportEnd, Producer};
use crate::api::problem;
use crate::fault::{Code, Fault, PAUSES};
use crate::state::{Export, ExportedFile, State, lock, now_ms};

/// Exports that are made at the same time.
const AT_ONCE: usize = 2;
/// How long a file is kept when nobody says that it was fetched.
const FILE_LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);
/// How long an ended job is remembered.
const RECORD_LIFETIME: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// How often to look whether to stop, while waiting.
const LOOK: Duration = Duration::from_millis(100);

/// The export jobs of a producer. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Exports {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    producer: Arc<Producer>,
    state: State,
    at_once: Arc<Semaphore>,
    running: Mutex<HashMap<String, CancellationToken>>,
    changed: Notify,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Exports {
    /// Takes over the state and goes on with the exports that were being made.
    ///
    /// # Errors
    /// When the state cannot be read.
    pub fn start(producer: Arc<Producer>, state: State, stop: CancellationToken) -> Result<Self, Fault> {
        let unfinished = state.unfinished_exports()?;
        let exports = Self {
            inner: Arc::new(Inner {
                producer,
                state,
                at_once: Arc::new(Semaphore::new(AT_ONCE)),
                running: Mutex::default(),
                changed: Notify::new(),
                tasks: TaskTracker::new(),
                stop,
            }),
        };
        for export in unfinished {
            tracing::info!(job.id = export.request.id, "an interrupted export is made again");
            exports.spawn(export.request);
        }
        Ok(exports)
    }

    /// The export of this id, as it is remembered.
    ///
    /// # Errors
    /// When the state cannot be read.
    pub async fn get(&self, job_id: &str) -> Result<Option<Export>, Fault> {
        let (exports, id) = (self.clone(), job_id.to_owned());
        tokio::task::spawn_blocking(move || exports.inner.state.export(&id)).await?
    }

    /// The export of this id, once it is no longer `RUNNING`, or as it is after `wait`.
    ///
    /// # Errors
    /// When the state cannot be read.
    pub async fn wait(&self, job_id: &str, wait: Duration) -> Result<Option<Export>, Fault> {
        let deadline = tokio::time::Instant::now() + wait;
        loop {
            // Registered before the look, so that no change between the two is missed.
            let changed = self.inner.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            let export = self.get(job_id).await?;
            let is_running = matches!(&export, Some(export) if export.status == JobStatus::Running);
            if !is_running || tokio::time::timeout_at(deadline, changed).await.is_err() {
                return Ok(export);
            }
        }
    }

    /// Takes a new export job, or answers a repeat as it is now.
    ///
    /// # Errors
    /// When the job asks for what is not there, or its id is that of a different job.
    pub async fn announce(&self, request: JobRequest) -> Result<Job, Fault> {
        let exports = self.clone();
        // In a task of its own: who asks may hang up at any moment, and a job that was written down has to be begun.
        tokio::spawn(async move { exports.take(request).await }).await?
    }

    async fn take(&self, request: JobRequest) -> Result<Job, Fault> {
        let (exports, asked) = (self.clone(), request.clone());
        let is_new = tokio::task::spawn_blocking(move || {
            let Inner { producer, state, .. } = &*exports.inner;
            producer.check_request(&asked)?;
            // Better said now, when the asker can ask again, than by an export that fails.
            producer.ping()?;
            state.add_export(&asked)
        })
        .await??;
        if is_new {
            self.spawn(request.clone());
        }
        let export = self.get(&request.id).await?.ok_or_else(|| no_such_job(&request.id))?;
        if export.request != request {
            return Err(job_differs(&request.id));
        }
        Ok(export.to_job())
    }

    /// Usher has fetched everything, or calls the job off.
    ///
    /// # Errors
    /// When there is no such job, or its status does not allow it.
    pub async fn report(&self, job_id: &str, report: StatusReport) -> Result<Job, Fault> {
        let export = self.get(job_id).await?.ok_or_else(|| no_such_job(job_id))?;
        let to = match (report.status, export.status) {
            (JobStatus::Complete, JobStatus::Complete) => JobStatus::Complete,
            (JobStatus::Canceled | JobStatus::Failed, JobStatus::Running | JobStatus::Complete) => JobStatus::Canceled,
            (JobStatus::Canceled | JobStatus::Failed, status) if status.is_final() => return Ok(export.to_job()),
            (JobStatus::Complete, status) => {
                let word = crate::state::status_word(status)?;
                return Err(Fault::new(
                    Code::WRONG_STATUS,
                    format!("The export is {word}; COMPLETE can follow only its own COMPLETE."),
                ));
            }
            _ => return Err(Fault::new(Code::WRONG_STATUS, "An export can be reported COMPLETE, CANCELED or FAILED.")),
        };
        let (exports, id) = (self.clone(), job_id.to_owned());
        tokio::task::spawn_blocking(move || exports.inner.state.close_export(&id, to)).await??;
        if let Some(stop) = lock(&self.inner.running).get(job_id) {
            stop.cancel();
        }
        self.inner.changed.notify_waiters();
        let export = self.get(job_id).await?.ok_or_else(|| no_such_job(job_id))?;
        Ok(export.to_job())
    }

    /// The file of an export that is ready, and where it lies.
    ///
    /// # Errors
    /// When there is no such job, it is not ready yet, it failed, or its file was removed.
    pub async fn file(&self, job_id: &str) -> Result<(ExportedFile, PathBuf), Fault> {
        let export = self.get(job_id).await?.ok_or_else(|| no_such_job(job_id))?;
        match (export.status, export.file, export.removed) {
            (JobStatus::Running | JobStatus::Pending, ..) => Err(Fault::new(
                Code::NOT_READY,
                "The export is still being made; ask for the job until it is COMPLETE.",
            )),
            (JobStatus::Complete, Some(file), false) => Ok((file, self.inner.state.file_of(job_id))),
            (JobStatus::Failed, ..) => {
                Err(Fault::new(Code::WRONG_STATUS, "The export failed; the job's `problem` says why."))
            }
            _ => Err(Fault::new(
                Code::DATA_REMOVED,
                "The file was fetched, called off or expired, and removed. Announce a new job.",
            )),
        }
    }

    /// Removes the files that nobody has fetched in time, and forgets old jobs.
    ///
    /// # Errors
    /// When the state cannot be changed or a file cannot be removed.
    pub fn sweep(&self) -> Result<(), Fault> {
        let state = &self.inner.state;
        for export in state.exports_finished_before(now_ms() - FILE_LIFETIME.as_millis() as i64)? {
            tracing::info!(job.id = export.request.id, "an export was not fetched in time; its file is removed");
            state.close_export(&export.request.id, JobStatus::Expired)?;
        }
        state.forget_exports_before(now_ms() - RECORD_LIFETIME.as_millis() as i64)
    }

    /// Stops what is being made and waits until it has stopped; it is made again at the next start.
    pub async fn stop(&self) {
        self.inner.stop.cancel();
        self.inner.tasks.close();
        self.inner.tasks.wait().await;
    }

    fn spawn(&self, request: JobRequest) {
        let exports = self.clone();
        self.inner.tasks.spawn(async move {
            let id = request.id.clone();
            if let Err(fault) = exports.make(request).await {
                tracing::error!(job.id = id, error = %fault, source = ?fault.source, "an export could not be recorded");
            }
            exports.inner.changed.notify_waiters();
        });
    }

    async fn make(&self, request: JobRequest) -> Result<(), Fault> {
        let stop = self.inner.stop.child_token();
        lock(&self.inner.running).insert(request.id.clone(), stop.clone());
        let permit = tokio::select! {
            () = stop.cancelled() => None,
            permit = self.inner.at_once.clone().acquire_owned() => permit.ok(),
        };
        let id = request.id.clone();
        let outcome = match permit {
            None => Ok(()),
            Some(permit) => {
                let exports = self.clone();
                tokio::task::spawn_blocking(move || {
                    let _permit = permit;
                    exports.make_now(&request, &stop)
                })
                .await?
            }
        };
        lock(&self.inner.running).remove(&id);
        outcome
    }

    fn make_now(&self, request: &JobRequest, stop: &CancellationToken) -> Result<(), Fault> {
        let state = &self.inner.state;
        // It may have been called off while it waited for its turn.
        if !matches!(state.export(&request.id)?, Some(export) if export.status == JobStatus::Running) {
            return Ok(());
        }
        let started = std::time::Instant::now();
        match self.write_patiently(request, stop) {
            Ok(file) => {
                let duration_ms = started.elapsed().as_millis();
                tracing::info!(
                    job.id = request.id,
                    rows = file.rows,
                    bytes = file.bytes,
                    duration_ms,
                    "an export is ready"
                );
                if !state.finish_export(&request.id, &file)? {
                    state.remove_file(&request.id)?;
                }
                Ok(())
            }
            Err(ExportEnd::Stopped) => Ok(()),
            Err(ExportEnd::Failed(fault)) => {
                tracing::warn!(job.id = request.id, error = %fault, source = ?fault.source, "an export failed");
                state.fail_export(&request.id, &problem::of(&fault))
            }
        }
    }
}

impl Exports {
    /// Writes an export, and begins again for some time when only time is missing: nobody could ask for it once more.
    fn write_patiently(&self, request: &JobRequest, stop: &CancellationToken) -> Result<ExportedFile, ExportEnd> {
        let Inner { producer, state, .. } = &*self.inner;
        let mut pauses = PAUSES.iter();
        loop {
            match (producer.write(request, &state.file_of(&request.id), stop), pauses.next()) {
                (Err(ExportEnd::Failed(fault)), Some(pause)) if fault.code == Code::DATABASE_UNAVAILABLE => {
                    tracing::warn!(job.id = request.id, error = %fault, source = ?fault.source, "an export is begun again in a moment");
                    let until = std::time::Instant::now() + Duration::from_secs(*pause);
                    while std::time::Instant::now() < until && !stop.is_cancelled() {
                        std::thread::sleep(LOOK);
                    }
                }
                (outcome, _) => return outcome,
            }
        }
    }
}

/// The answer for an id that nobody announced.
pub fn no_such_job(job_id: &str) -> Fault {
    Fault::new(
        Code::NO_SUCH_JOB,
        format!("No job \"{job_id}\" was announced to this endpoint, or it was forgotten since."),
    )
}

/// The answer for an id that is taken.
pub fn job_differs(job_id: &str) -> Fault {
    Fault::new(Code::JOB_DIFFERS, format!("The id \"{job_id}\" was announced before with another body. Use a new id."))
}
