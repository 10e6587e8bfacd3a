//! Samples: a few rows of an audience, so that people see what they map, and how full its fields are over some more. Personal data: kept sealed,
//! for an hour, and never logged.

use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
    time::{Duration, Instant},
};

use futures::StreamExt;
use model::{
    catalogue::{AudienceProfile, CountedBy, FieldProfile, distinct_estimate},
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
    store::{StoreError, clock::rfc3339, new_id, resealing::SealedColumn},
};

/// Rows that are kept to be looked at.
const ROWS: usize = 20;
/// Rows that are read, to count what the fields are like.
const ROWS_READ: usize = 1_000;
const PATIENCE: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(100);
const KEPT_MS: i64 = 60 * 60 * 1000;
/// Bytes of a sample at most; rows beyond are left out.
const MAX_BYTES: usize = 1024 * 1024;

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
        let at = rfc3339(self.now_ms());
        let taken = match timeout(PATIENCE, take(&client, &audience, &job_id, at)).await {
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

/// What of the catalogue is sealed.
pub(crate) const SEALED: [SealedColumn; 1] =
    [SealedColumn { table: "audience_sample", id: "audience_id", column: "sample", context: |id| context(id) }];

fn context(id: impl std::fmt::Display) -> String {
    format!("audience sample {id}")
}

async fn take(
    client: &EndpointClient,
    audience: &AudienceRow,
    job_id: &JobId,
    at: String,
) -> std::result::Result<Sample, SampleError> {
    let request = JobRequest {
        id: job_id.to_string(),
        category: JobCategory::SegmentExport,
        segment: JobSegment { id: Some(audience.segment_id.clone()), name: audience.summary.name.clone() },
        mode: None,
        fields: audience.fields.clone(),
        limit: Some(ROWS_READ as u64),
    };
    let mut job = client.announce(&request).await?;
    loop {
        match job.status {
            JobStatus::Complete => return read(client, job_id, &job, audience.summary.size, at).await,
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

async fn read(
    client: &EndpointClient,
    job_id: &JobId,
    job: &Job,
    size: Option<u64>,
    at: String,
) -> std::result::Result<Sample, SampleError> {
    let mut data = client.data(job_id, job.parts.first().map(|part| part.number)).await?;
    let mut reader = RowReader::new();
    let mut rows: Vec<Vec<String>> = Vec::new();
    let mut profile = Profile::default();
    let mut read = 0;
    let mut keep = |row: model::rows::RawRow<'_>| {
        profile.count(row.values.values());
        if rows.len() < ROWS {
            rows.push(row.values.values().map(|value| String::from_utf8_lossy(value).into_owned()).collect());
        }
        if profile.rows < ROWS_READ as u64 { Ok(()) } else { Err(SampleError::Enough) }
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
            let columns = reader.header().unwrap_or_default().to_vec();
            let profile = (!rows.is_empty()).then(|| profile.of(&columns, size, at));
            Ok(Sample { columns, rows, problem: None, profile })
        }
        Err(error) => Err(error),
    }
}

/// Counts what the fields are like, without keeping a value.
#[derive(Default)]
struct Profile {
    rows: u64,
    columns: Vec<ColumnCount>,
    hasher: RandomState,
}

#[derive(Default)]
struct ColumnCount {
    filled: u64,
    /// How often each value was seen, by its hash.
    seen: HashMap<u64, u64>,
}

impl Profile {
    fn count<'v>(&mut self, values: impl Iterator<Item = &'v [u8]>) {
        self.rows += 1;
        for (place, value) in values.enumerate() {
            if self.columns.len() <= place {
                self.columns.push(ColumnCount::default());
            }
            let value = value.trim_ascii();
            if !value.is_empty() {
                let column = &mut self.columns[place];
                column.filled += 1;
                *column.seen.entry(self.hasher.hash_one(value)).or_default() += 1;
            }
        }
    }

    fn of(self, names: &[String], size: Option<u64>, at: String) -> AudienceProfile {
        let rows = self.rows;
        let fields = names.iter().zip(self.columns).map(|(name, column)| {
            let times = |number: u64| column.seen.values().filter(|seen| **seen == number).count() as u64;
            let distinct = column.seen.len() as u64;
            let distinct = distinct_estimate(distinct, column.filled, times(1), times(2), rows, size);
            FieldProfile { name: name.clone(), filled: column.filled, distinct: Some(distinct) }
        });
        AudienceProfile { counted_by: CountedBy::Usher, rows, at: Some(at), fields: fields.collect() }
    }
}
