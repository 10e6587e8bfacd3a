//! Fetching an import: parts come one after the other and are applied as when Usher sends them; what became of each is reported.

use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt, stream};
use model::contract::{HostedJob, JobRequest, JobStatus, StatusReport};
use sha2::{Digest, Sha256};

use super::JobError;
use super::progress::Progress;
use super::usher::Usher;
use crate::consumer::Consumer;
use crate::fault::{Code, Fault, PAUSES};

/// Parts that are fetched ahead of the one that is applied.
const AHEAD: usize = 2;

/// Does an import job, from wherever it is.
pub async fn fetch(usher: &Usher, consumer: &Arc<Consumer>, job: &HostedJob) -> Result<(), JobError> {
    let id = job.job.id.clone();
    let outcome = take(usher, consumer, job).await;
    // A job that Usher ended, or that can't be done, must not stay open here: what was staged for it is dropped.
    let over = match &outcome {
        Ok(()) => false,
        Err(JobError::Call(error)) => error.is_refusal(),
        Err(JobError::Fault(_)) => true,
    };
    if over {
        let canceled = StatusReport::ended(JobStatus::Canceled, "");
        let known = id.clone();
        let dropped = blocking(consumer, move |consumer| consumer.report(&known, &canceled)).await;
        if let Err(error) = dropped {
            tracing::debug!(job.id = id, %error, "the import was not open");
        }
    }
    outcome
}

async fn take(usher: &Usher, consumer: &Arc<Consumer>, job: &HostedJob) -> Result<(), JobError> {
    let id = &job.job.id;
    let request = JobRequest {
        id: id.clone(),
        category: job.job.category,
        segment: job.job.segment.clone(),
        mode: job.job.mode,
        fields: job.fields.clone(),
        limit: None,
    };
    let open = blocking(consumer, move |consumer| match consumer.job(&request.id)? {
        // Announced before; by now Usher may know the segment that was made, and would tell the job otherwise.
        Some(known) => Ok(known),
        None => consumer.announce(request.clone()),
    })
    .await?;
    let is_taken = matches!(open.status, JobStatus::Complete | JobStatus::CompleteWithRejects);
    if open.status.is_final() && !is_taken {
        // Usher did not hear of it then: it still waits.
        let detail = "The import was given up here before; the agent's log says why. Share the audience again.";
        return Err(Fault::new(Code::WRONG_STATUS, detail).into());
    }
    let segment_id = open.segment.id.clone();
    let rows: u64 = job.job.parts.iter().filter_map(|part| part.rows).sum();
    if !is_taken {
        let mut fetched = stream::iter(&job.job.parts)
            .map(|part| async move { (part.number, usher.fetch_part(id, part).await) })
            .buffered(AHEAD);
        let progress = Progress::begin("fetching", id, rows);
        while let Some((number, csv)) = fetched.next().await {
            let (csv, known) = (csv?, id.clone());
            let result = blocking(consumer, move |consumer| {
                let sha256 = hex::encode(Sha256::digest(&csv));
                consumer.take_part(&known, number, &csv, &sha256)
            })
            .await?;
            progress.add(result.received);
            let report = StatusReport {
                status: JobStatus::Running,
                results: vec![result],
                segment_id: segment_id.clone(),
                ..StatusReport::complete(0, 0)
            };
            usher.report(id, &report).await?;
        }
    }
    let parts = u32::try_from(job.job.parts.len()).unwrap_or(u32::MAX);
    let complete = StatusReport { segment_id, ..StatusReport::complete(parts, rows) };
    if !is_taken {
        let (known, report) = (id.clone(), complete.clone());
        blocking(consumer, move |consumer| consumer.report(&known, &report)).await?;
    }
    usher.report(id, &complete).await?;
    tracing::info!(job.id = id, parts, rows, "an import was fetched");
    Ok(())
}

/// Does what blocks, on a thread for that, and again while only time is missing.
async fn blocking<T: Send + 'static>(
    consumer: &Arc<Consumer>,
    work: impl Fn(&Consumer) -> Result<T, Fault> + Send + Sync + 'static,
) -> Result<T, JobError> {
    let work = Arc::new(work);
    let mut pauses = PAUSES.iter();
    loop {
        let (consumer, work) = (consumer.clone(), work.clone());
        match (tokio::task::spawn_blocking(move || work(&consumer)).await?, pauses.next()) {
            (Err(fault), Some(pause)) if fault.code.status == 503 => {
                tracing::warn!(error = %fault, source = ?fault.source, "tried again in a moment");
                tokio::time::sleep(Duration::from_secs(*pause)).await;
            }
            (outcome, _) => return Ok(outcome?),
        }
    }
}
