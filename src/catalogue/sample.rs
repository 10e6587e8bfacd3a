//! Samples: a few rows of an audience, so that people see what they map. Personal data: kept sealed, for an hour, and never logged.

use std::time::{Duration, Instant};

use futures::StreamExt;
use model::{
    contract::{Job, JobCategory, JobRequest, JobSegment, JobStatus, Movement, StatusReport},
    id::{AudienceId, JobId},
    rows::{RowError, RowReader},
    view::{Actor, Role, Sample},
};
use sqlx::Row;
use tokio::time::{sleep, timeout};

use super::AudienceRow;
use crate::{
    hub::{Hub, Result, internal},
    outbound::{CallError, EndpointClient},
    registry::require,
    store::{StoreError, new_id},
};

const ROWS: usize = 20;
const PATIENCE: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(100);
const KEPT_MS: i64 = 60 * 60 * 1000;
/// Bytes of a sample at most; rows beyond are left out.
const MAX_BYTES: usize = 256 * 1024;

/// Why there is no sample.
#[derive(Debug, thiserror::Error)]
enum SampleError {
    #[error(transparent)]
    Call(#[from] CallError),
    #[error("its data can't be read: {0}")]
    Row(#[from] RowError),
    #[error("it did not prepare a sample")]
    NotPrepared,
    /// Not an error: enough rows were read.
    #[error("enough")]
    Enough,
}

impl Hub {
    /// A few rows of the audience, at most an hour old.
    pub async fn sample(&self, actor: &Actor, id: &AudienceId) -> Result<Sample> {
        require(actor, Role::Member)?;
        let audience = self.audience_row(&actor.account_id, id).await?;
        if let Some(sample) = self.kept_sample(id).await? {
            return Ok(sample);
        }
        let endpoint_id = &audience.summary.endpoint_id;
        let endpoint = self.connected_endpoint(&actor.account_id, endpoint_id).await?;
        if endpoint.description.producer.as_ref().is_some_and(|producer| producer.movement == Movement::Push) {
            let problem = format!("{} sends data only when a run asks for it, so there is no sample.", endpoint.name);
            return Ok(Sample { problem: Some(problem), ..Sample::default() });
        }
        let client = self.endpoint_client(&actor.account_id, endpoint_id).await?;
        let job_id: JobId = new_id(JobId::PREFIX);
        let begun = Instant::now();
        let taken = match timeout(PATIENCE, take(&client, &audience, &job_id)).await {
            Ok(taken) => taken,
            Err(_) => Err(SampleError::Call(CallError::Timeout)),
        };
        // In the background: the person need not wait for it, and it is to be done even if they go away.
        tokio::spawn(call_off(client, job_id));
        match taken {
            Ok(sample) => {
                self.note_call(&audience.summary.endpoint_id, Ok(begun.elapsed())).await;
                self.keep_sample(id, &sample).await?;
                Ok(sample)
            }
            Err(error) => {
                if let SampleError::Call(error) = &error {
                    self.note_call(&audience.summary.endpoint_id, Err(error.clone())).await;
                }
                let problem = format!("{} gave no sample: {error}.", audience.summary.endpoint_name);
                Ok(Sample { problem: Some(problem), ..Sample::default() })
            }
        }
    }

    async fn kept_sample(&self, id: &AudienceId) -> Result<Option<Sample>> {
        let sql = "select sample from audience_sample where audience_id = $1 and taken_at > $2";
        let row = sqlx::query(sql)
            .bind(id.as_str())
            .bind(self.now_ms() - KEPT_MS)
            .fetch_optional(self.database().reader())
            .await;
        let Some(row) = row.map_err(internal)? else { return Ok(None) };
        let sealed: Vec<u8> = row.try_get("sample").map_err(internal)?;
        let opened = self.sealing().open(&sealed, &context(id)).map_err(internal)?;
        Ok(Some(serde_json::from_slice(&opened).map_err(internal)?))
    }

    async fn keep_sample(&self, id: &AudienceId, sample: &Sample) -> Result<()> {
        let sealed = self.sealing().seal(&serde_json::to_vec(sample).map_err(internal)?, &context(id));
        let sql = "insert into audience_sample (audience_id, sample, taken_at) values ($1, $2, $3)
            on conflict (audience_id) do update set sample = excluded.sample, taken_at = excluded.taken_at";
        sqlx::query(sql)
            .bind(id.as_str())
            .bind(sealed)
            .bind(self.now_ms())
            .execute(self.database().writer())
            .await
            .map_err(internal)?;
        // What is too old is not kept lying about until its audience is looked at again.
        sqlx::query("delete from audience_sample where taken_at <= $1")
            .bind(self.now_ms() - KEPT_MS)
            .execute(self.database().writer())
            .await
            .map_err(|error| internal(StoreError::from(error)))?;
        Ok(())
    }
}

fn context(id: &AudienceId) -> String {
    format!("audience sample {id}")
}

async fn take(
    client: &EndpointClient,
    audience: &AudienceRow,
    job_id: &JobId,
) -> std::result::Result<Sample, SampleError> {
    let request = JobRequest {
        id: job_id.to_string(),
        category: JobCategory::SegmentExport,
        segment: JobSegment { id: Some(audience.segment_id.clone()), name: audience.summary.name.clone() },
        mode: None,
        fields: audience.fields.clone(),
        limit: Some(ROWS as u64),
    };
    let mut job = client.announce(&request).await?;
    loop {
        match job.status {
            JobStatus::Complete => return read(client, job_id, &job).await,
            JobStatus::Pending | JobStatus::Running => {
                sleep(POLL).await;
                job = client.job(job_id).await?;
            }
            _ => return Err(SampleError::NotPrepared),
        }
    }
}

/// The rest of the export is not wanted; an endpoint that does not hear this lets the job expire.
async fn call_off(client: EndpointClient, job_id: JobId) {
    let report = StatusReport::ended(JobStatus::Canceled, "Only a sample was wanted.");
    if let Err(error) = client.report(&job_id, &report).await {
        tracing::debug!(job.id = %job_id, %error, "a sample's job could not be called off");
    }
}

async fn read(client: &EndpointClient, job_id: &JobId, job: &Job) -> std::result::Result<Sample, SampleError> {
    let mut data = client.data(job_id, job.parts.first().map(|part| part.number)).await?;
    let mut reader = RowReader::new();
    let mut rows = Vec::new();
    let mut read = 0;
    let mut keep = |row: model::rows::RawRow<'_>| {
        rows.push(row.values.values().map(|value| String::from_utf8_lossy(value).into_owned()).collect());
        if rows.len() < ROWS { Ok(()) } else { Err(SampleError::Enough) }
    };
    let ended = loop {
        match data.next().await {
            None => break reader.finish(&mut keep),
            Some(chunk) => {
                let chunk = chunk?;
                read += chunk.len();
                if let Err(error) = reader.feed(&chunk, &mut keep) {
                    break Err(error);
                }
                if read > MAX_BYTES {
                    break Ok(());
                }
            }
        }
    };
    match ended {
        Ok(()) | Err(SampleError::Enough) => {
            Ok(Sample { columns: reader.header().unwrap_or_default().to_vec(), rows, problem: None, profile: None })
        }
        Err(error) => Err(error),
    }
}
