//! The agent: the side of the Toolkit that calls Usher, so that it works behind a firewall. It says what the endpoint is, keeps Usher's list
//! of audiences equal to the configuration, and does the jobs that Usher keeps for it.
//!
//! Here is only the order of things. HTTP is in [`usher`]; sending an export is in [`export`], fetching an import in [`import`], and how far they
//! are in [`progress`]; what is in
//! the database is known by [`crate::producer`] and [`crate::consumer`], as when Usher calls.

mod export;
mod import;
mod progress;
pub mod usher;

use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use model::contract::{
    ConsumerSide, EndpointDescription, HostedJob, JobCategory, JobStatus, Movement, ProducerSide, Segment, StatusReport,
};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::config::{self, Config, Meeting};
use crate::consumer::Consumer;
use crate::fault::Fault;
use crate::serve::{Offering, Sides, keep_swept, sweep};
pub use progress::Log;
use usher::{CallError, Usher};

/// How often the list of audiences is compared, because their sizes change.
const DECLARE_EVERY: Duration = Duration::from_secs(5 * 60);
/// How long an answer may be waited for when there is nothing to do (contract, "Long poll").
const LONG_POLL: Duration = Duration::from_secs(30);
/// How long to leave Usher alone after it could not be reached.
const PAUSE: Duration = Duration::from_secs(10);

/// How the program ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Done = 0,
    Configuration = 2,
    KeyRefused = 3,
    Unreachable = 4,
    JobFailed = 5,
}

impl From<End> for ExitCode {
    fn from(end: End) -> Self {
        ExitCode::from(end as u8)
    }
}

/// Why a job was not done.
#[derive(Debug, thiserror::Error)]
enum JobError {
    /// Usher could not be asked, or refused.
    #[error(transparent)]
    Call(#[from] CallError),
    /// This side can't do it; Usher is told.
    #[error("{}", .0.detail)]
    Fault(#[from] Fault),
}

impl From<tokio::task::JoinError> for JobError {
    fn from(error: tokio::task::JoinError) -> Self {
        Self::Fault(error.into())
    }
}

/// The endpoint, as it is open in this process.
struct Agent {
    usher: Usher,
    endpoint_id: String,
    offering: Option<Offering>,
    consumer: Option<Arc<Consumer>>,
}

/// Calls Usher until it is told to stop, or, with `once`, until there is nothing left to do. The exit codes are in docs/TOOLKIT.md.
pub fn run(path: &Path, once: bool) -> ExitCode {
    let mut config = match config::load(path) {
        Ok(config) => config,
        Err(error) => return failed(End::Configuration, &error.to_string()),
    };
    if let Meeting::Served { .. } = &config.meeting {
        let message = "The configuration has `listen`: start `usher-toolkit serve` with it.";
        return failed(End::Configuration, message);
    }
    let sides = match Sides::open(&mut config) {
        Ok(sides) => sides,
        Err(error) => return failed(End::Configuration, &format!("{error:#}")),
    };
    match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(work(config, &sides, once)),
        Err(error) => failed(End::Configuration, &error.to_string()),
    }
}

fn failed(end: End, message: &str) -> ExitCode {
    tracing::error!("{message}");
    end.into()
}

async fn work(config: Config, sides: &Sides, once: bool) -> ExitCode {
    let Meeting::Calling(usher) = &config.meeting else { return End::Configuration.into() };
    let usher = match Usher::new(usher) {
        Ok(usher) => usher,
        Err(error) => return failed(End::Configuration, &error.to_string()),
    };
    let (mut terminate, mut interrupt) = match (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) {
        (Ok(terminate), Ok(interrupt)) => (terminate, interrupt),
        (Err(error), _) | (_, Err(error)) => return failed(End::Configuration, &error.to_string()),
    };
    let stop = CancellationToken::new();
    let offering = match sides.offering(&config.state, &stop) {
        Ok(offering) => offering,
        Err(error) => return failed(End::Configuration, &format!("{error:#}")),
    };
    let exports = offering.as_ref().map(|(_, exports)| exports.clone());
    let mut agent = Agent { usher, endpoint_id: String::new(), offering, consumer: sides.consumer.clone() };
    let description = agent.description(&config);
    let sweeper = (!once).then(|| tokio::spawn(keep_swept(exports.clone(), sides.consumer.clone(), stop.clone())));
    // Whatever it is in the middle of can be gone on with, or is repeated without doubling anything.
    let end = tokio::select! {
        end = agent.keep_working(&description, once) => end,
        _ = terminate.recv() => End::Done,
        _ = interrupt.recv() => End::Done,
    };
    if once {
        // Only now: what was old, but could still be gone on with, was.
        sweep(exports.clone(), sides.consumer.clone()).await;
    }
    stop.cancel();
    if let Some(exports) = exports {
        exports.stop().await;
    }
    if let Some(sweeper) = sweeper
        && let Err(error) = sweeper.await
    {
        tracing::error!(%error, "the removal of old files and records broke off");
    }
    end.into()
}

impl Agent {
    fn description(&self, config: &Config) -> EndpointDescription {
        EndpointDescription {
            name: config.name.clone(),
            description: config.description.clone(),
            producer: self.offering.as_ref().map(|_| ProducerSide { movement: Movement::Push }),
            consumer: self.consumer.as_ref().map(|consumer| ConsumerSide {
                movement: Movement::Pull,
                delivery: consumer.config().delivery.clone(),
                fields: consumer.config().fields.clone(),
            }),
        }
    }

    async fn keep_working(&mut self, description: &EndpointDescription, once: bool) -> End {
        let mut failed_jobs = HashSet::new();
        let mut declared: Option<Instant> = None;
        loop {
            let round = async {
                if declared.is_none_or(|at| at.elapsed() >= DECLARE_EVERY) {
                    self.introduce(description).await?;
                    declared = Some(Instant::now());
                }
                let wait = if once { Duration::ZERO } else { LONG_POLL };
                let jobs = self.usher.jobs(wait).await?;
                let mut done = 0;
                for job in jobs {
                    let id = job.job.id.clone();
                    // Once is once: what failed is not tried again by the same call.
                    if once && failed_jobs.contains(&id) {
                        continue;
                    }
                    done += 1;
                    if !self.settle(job).await? {
                        failed_jobs.insert(id);
                    }
                }
                Ok::<_, CallError>(done)
            };
            match round.await {
                Ok(0) if once => return if failed_jobs.is_empty() { End::Done } else { End::JobFailed },
                Ok(_) => {}
                Err(error @ CallError::KeyRefused) => {
                    tracing::error!("{error}");
                    return End::KeyRefused;
                }
                Err(error) if once => {
                    tracing::error!("{error}");
                    return if error.is_refusal() { End::JobFailed } else { End::Unreachable };
                }
                Err(error) => {
                    tracing::warn!("{error}");
                    // What Usher knows may be old by the time it is back.
                    declared = None;
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    /// Says what the endpoint is, and makes Usher's list of audiences equal to ours.
    async fn introduce(&mut self, description: &EndpointDescription) -> Result<(), CallError> {
        let mut known = self.usher.endpoint().await?;
        if known.description != *description {
            known = self.usher.register(&description.clone().into()).await?;
            tracing::info!(endpoint.id = known.id, "Usher was told what this endpoint is");
        }
        self.endpoint_id = known.id;
        let Some((producer, _)) = &self.offering else { return Ok(()) };
        let producer = producer.clone();
        let ours = tokio::task::spawn_blocking(move || {
            let ids = producer.ids()?;
            ids.iter().map(|id| producer.segment(id)).collect::<Result<Vec<Option<Segment>>, Fault>>()
        });
        let ours = match ours.await {
            Ok(Ok(ours)) => ours,
            Ok(Err(fault)) => {
                tracing::error!(error = %fault, source = ?fault.source, "the audiences could not be read; Usher's list stays");
                return Ok(());
            }
            Err(error) => {
                tracing::error!(%error, "reading the audiences broke off; Usher's list stays");
                return Ok(());
            }
        };
        let mut theirs: BTreeMap<String, Segment> = self
            .usher
            .segments(&self.endpoint_id)
            .await?
            .into_iter()
            .map(|segment| (segment.id.clone(), segment))
            .collect();
        for segment in ours.into_iter().flatten() {
            if theirs.remove(&segment.id).is_none_or(|known| known != segment) {
                self.usher.declare(&self.endpoint_id, &segment).await?;
                tracing::info!(segment.id = segment.id, "an audience was declared");
            }
        }
        for id in theirs.keys() {
            self.usher.withdraw(&self.endpoint_id, id).await?;
            tracing::info!(segment.id = id, "an audience was withdrawn");
        }
        Ok(())
    }

    /// Does a job, or tells Usher why not. False when it failed. An error is one that concerns more than the job.
    async fn settle(&self, job: HostedJob) -> Result<bool, CallError> {
        let id = job.job.id.clone();
        let outcome = match (job.job.category, &self.offering, &self.consumer) {
            (JobCategory::SegmentExport, Some((_, exports)), _) => export::send(&self.usher, exports, &job).await,
            (JobCategory::SegmentImport, _, Some(consumer)) => import::fetch(&self.usher, consumer, &job).await,
            _ => {
                let reason = "The agent's configuration has no side for such a job.";
                self.usher.report(&id, &StatusReport::ended(JobStatus::Failed, reason)).await?;
                tracing::error!(job.id = id, "{reason}");
                return Ok(false);
            }
        };
        match outcome {
            Ok(()) => Ok(true),
            Err(JobError::Call(error)) if error.job_is_over() => {
                tracing::info!(job.id = id, "the job was ended by Usher");
                Ok(true)
            }
            Err(JobError::Call(error)) if !error.is_refusal() => Err(error),
            Err(error) => {
                let source = match &error {
                    JobError::Fault(fault) => fault.source.as_ref().map(ToString::to_string),
                    JobError::Call(_) => None,
                };
                tracing::error!(job.id = id, %error, source, "a job failed");
                match self.usher.report(&id, &StatusReport::ended(JobStatus::Failed, error.to_string())).await {
                    Err(error) if !error.is_refusal() => Err(error),
                    _ => Ok(false),
                }
            }
        }
    }
}
