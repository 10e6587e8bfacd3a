//! Taking in the source's rows: ask the PULL producer for an export, wait until it is ready, and move its bytes through the pipeline
//! into the payload store.
//!
//! Intake is whole before delivery begins. As long as it is not, what was taken in is worth nothing: when it breaks, all of it is
//! dropped and the source is read again, so that a source that ends early or lies never changes a destination.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use futures::StreamExt;
use model::{
    contract::{Job, JobCategory, JobMode, JobPart, JobRequest, JobSegment, JobStatus, Movement},
    field::Field,
    id::JobId,
    rows::{RowError, append_row},
    run::{FailureCode, Hold, Mode, RunEvent, RunState},
};
use tokio::sync::mpsc;

use super::{
    carrier::{Carrier, Side, Step, counted},
    crew::Hands,
    cutting::Limits,
    holding::{compared, mirror_hold, why_held},
    hosted::upload_path,
    jobs,
    mirror::Sifted,
    payload_folder,
    pipeline::{Expectation, Feed, Made, Pipeline, PipelineError, Progress, Whole},
    plan::RunPlan,
    records::RejectStage,
    repair::{Repairs, repaired_path},
    runs::{Column, ReadingCounts},
    sealing::SealedCut,
    stop::Stop,
};
use crate::{
    outbound::{CallError, EndpointClient},
    store::{Underway, identity::new_id},
};

/// Chunks of bytes between the socket and the pipeline.
const CHUNKS_IN_FLIGHT: usize = 8;
/// How often data that breaks off is resumed without a byte of it coming.
const MOST_STUCK: u32 = 3;
/// Finished parts between the pipeline and the payload store.
const CUTS_IN_FLIGHT: usize = 1;

impl Carrier {
    /// Reads the source until it was read whole, and takes the run to `Delivering`.
    pub(super) async fn take_in(&mut self) -> Result<(), Stop> {
        let policy = self.hub.exchange().settings.retry;
        loop {
            let failure = match self.take_in_once().await {
                Err(Stop::ReadAgain(failure)) => failure,
                outcome => return outcome,
            };
            // The row counts them, because the run may be put aside, or its worker vanish, in between.
            let reads_again = self.run.reads_again + 1;
            let delay =
                policy.delay(reads_again, Duration::ZERO, None).filter(|_| reads_again <= policy.max_reads_again);
            let Some(delay) = delay else { return Err(Stop::Failed(failure)) };
            metrics::counter!("usher_exchange_reads_again_total").increment(1);
            tracing::warn!(run.id = %self.run.id, code = ?failure.code, "the source is read again");
            let mut change = self.held.begin().await?;
            change.waiting_to_retry(&format!("Waiting to read {} again.", self.source_name())).await?;
            change.set_reads_again(reads_again).await?;
            change.note(&format!("{} It is read again from the start.", failure.message)).await?;
            change.commit().await?;
            self.run.reads_again = reads_again;
            tokio::time::sleep(delay).await;
        }
    }

    async fn take_in_once(&mut self) -> Result<(), Stop> {
        self.open_ledger().await?;
        if let Some(repairs) = self.run.plan.repairs.clone() {
            return self.take_in_repaired(&repairs).await;
        }
        match self.movement(Side::Source).await? {
            Movement::Pull => self.take_in_fetched().await,
            Movement::Push => self.take_in_sent().await,
        }
    }

    /// Has a PUSH producer send its data, and puts the run aside until all has arrived; then reads it.
    async fn take_in_sent(&mut self) -> Result<(), Stop> {
        let name = self.source_name().to_owned();
        let folder = payload_folder(&self.run.id);
        let asked = self.run.export_job_id.clone().filter(|_| self.run.state != RunState::Queued);
        let Some(job_id) = asked else {
            let job_id: JobId = new_id(JobId::PREFIX);
            let request = self.export_request(&job_id);
            let left = self.hub.payloads().remove_below(&folder).await;
            left.map_err(|error| self.payload_failed(error))?;
            let mut change = self.held.begin().await?;
            change.forget_reading().await?;
            change.set_text(Column::ExportJob, Some(job_id.as_str())).await?;
            let expires_at = self.job_expiry(change.now);
            change.open_job(&self.run.account_id, &self.run.plan.source_endpoint_id, &request, expires_at).await?;
            let state = change.step(RunEvent::ExportAsked).await?;
            self.moved_to(state);
            change.note(&format!("{name} is asked for the audience, and sends it by itself.")).await?;
            change.set_text(Column::Waiting, Some(&format!("Waiting for {name} to send its data."))).await?;
            change.commit().await?;
            self.run.export_job_id = Some(job_id);
            self.hub.exchange().jobs_changed.notify_waiters();
            return Err(Stop::Parked);
        };
        let job = self.hosted_job(&job_id).await?;
        let job = job.ok_or_else(|| self.internal("the job with the source is not known"))?;
        let arrived = jobs::arrived(self.hub.database(), &job_id).await;
        let arrived = arrived.map_err(|error| self.store_failed(error))?;
        match job.status {
            JobStatus::Complete | JobStatus::CompleteWithRejects => {}
            JobStatus::Failed | JobStatus::Canceled | JobStatus::Expired => {
                return Err(self.job_failed(Side::Source, &job.told(Vec::new())));
            }
            JobStatus::Pending | JobStatus::WaitingToReceiveData | JobStatus::Running => {
                let so_far = match arrived.len() {
                    0 => String::new(),
                    1 => " One part has arrived.".to_owned(),
                    many => format!(" {many} parts have arrived."),
                };
                let waiting = format!("Waiting for {name} to send its data.{so_far}");
                self.held.set_text(Column::Waiting, Some(&waiting)).await?;
                return Err(Stop::Parked);
            }
        }
        self.read_sent(&job_id, Expected { rows: job.declared_rows, parts: arrived }).await
    }

    /// Reads what an endpoint has sent by itself, all of which has arrived.
    async fn read_sent(&mut self, job_id: &JobId, expected: Expected) -> Result<(), Stop> {
        let name = self.source_name().to_owned();
        let folder = payload_folder(&self.run.id);
        // All that was read before it broke off is of no use; what arrived is.
        for kind in ["parts", "source", "rejects"] {
            let removed = self.hub.payloads().remove_below(&format!("{folder}/{kind}")).await;
            removed.map_err(|error| self.payload_failed(error))?;
        }
        let mut change = self.held.begin().await?;
        change.forget_reading().await?;
        if self.run.state == RunState::Reading {
            change.step(RunEvent::ReadAgain).await?;
        }
        change.set_declared(expected.rows).await?;
        let state = change.step(RunEvent::ExportReady).await?;
        self.moved_to(state);
        let rows = counted(expected.rows.unwrap_or(0), "row");
        let parts = counted(u64::try_from(expected.parts.len()).unwrap_or(u64::MAX), "part");
        change.note(&format!("{name} has sent all: {rows} in {parts}.")).await?;
        change.commit().await?;
        self.run.parts = 0;

        let (progress, whole) = self.read(&Supply::Sent { job_id }, &expected).await?;
        self.read_whole(&expected, &progress, whole).await?;
        if let Err(error) = self.hub.payloads().remove_below(&format!("{folder}/uploads")).await {
            tracing::warn!(run.id = %self.run.id, %error, "what was sent could not be removed; it goes with the run");
        }
        Ok(())
    }

    /// Reads what a person has uploaded: the rejects of another run, repaired.
    async fn take_in_repaired(&mut self, repairs: &Repairs) -> Result<(), Stop> {
        let folder = payload_folder(&self.run.id);
        for kind in ["parts", "source", "rejects"] {
            let removed = self.hub.payloads().remove_below(&format!("{folder}/{kind}")).await;
            removed.map_err(|error| self.payload_failed(error))?;
        }
        let mut change = self.held.begin().await?;
        change.forget_reading().await?;
        match self.run.state {
            RunState::Queued => change.step(RunEvent::ExportAsked).await?,
            _ => change.step(RunEvent::ReadAgain).await?,
        };
        let state = change.step(RunEvent::ExportReady).await?;
        self.moved_to(state);
        change.commit().await?;
        self.run.parts = 0;
        let expected = Expected { rows: None, parts: Vec::new() };
        let (progress, whole) = self.read(&Supply::Repaired { pieces: repairs.pieces }, &expected).await?;
        let read = progress.counts().read;
        if read > repairs.most_rows {
            let message = format!(
                "The file has {}, but only {} left out. Upload the repaired rows, and no others.",
                counted(read, "row"),
                if repairs.most_rows == 1 { "1 was".to_owned() } else { format!("{} were", repairs.most_rows) }
            );
            return Err(self.failed(FailureCode::SourceMismatch, &message, false));
        }
        self.read_whole(&expected, &progress, whole).await
    }

    /// Has a PULL producer prepare its data, and fetches it; or waits until it has sent the data by itself, which it may do just as well.
    async fn take_in_fetched(&mut self) -> Result<(), Stop> {
        if let (RunState::Reading, Some(job_id)) = (self.run.state, self.run.export_job_id.clone())
            && let Some(sent) = self.sent_by_itself(&job_id, None).await?
        {
            // Reading it broke off; what has arrived is whole.
            self.read_sent(&job_id, sent).await?;
            return self.tell_of_reading(&job_id).await;
        }
        let job_id = match self.run.export_job_id.clone().filter(|_| self.run.state == RunState::Exporting) {
            // It was asked for before the run was put aside, or its worker vanished.
            Some(job_id) => job_id,
            None => self.ask_for_export().await?,
        };
        let producer = self.client(Side::Source).await?;
        let job = self.export(&producer, &job_id).await?;
        if let Some(sent) = self.sent_by_itself(&job_id, Some(&job)).await? {
            self.read_sent(&job_id, sent).await?;
            return self.tell_of_reading(&job_id).await;
        }
        let expected = self.expected(&job)?;
        let mut change = self.held.begin().await?;
        change.set_declared(expected.rows).await?;
        let state = change.step(RunEvent::ExportReady).await?;
        let many = expected.rows.map(|rows| format!(": {}", counted(rows, "row"))).unwrap_or_default();
        change.note(&format!("{} has the audience ready{many}.", self.source_name())).await?;
        change.commit().await?;
        self.moved_to(state);

        let supply = Supply::Fetched { producer: &producer, job_id: &job_id };
        let (progress, whole) = self.read(&supply, &expected).await?;
        self.read_whole(&expected, &progress, whole).await?;
        self.tell_of_reading(&job_id).await
    }

    async fn tell_of_reading(&self, job_id: &JobId) -> Result<(), Stop> {
        self.tell(Side::Source, job_id, JobStatus::Complete, "").await;
        Ok(())
    }

    /// What an endpoint that is called has sent by itself, when it has: all of it, as it said here, or as its own job says.
    async fn sent_by_itself(&self, job_id: &JobId, job: Option<&Job>) -> Result<Option<Expected>, Stop> {
        let Some(hosted) = self.hosted_job(job_id).await? else { return Ok(None) };
        let arrived = jobs::arrived(self.hub.database(), job_id).await;
        let arrived = arrived.map_err(|error| self.store_failed(error))?;
        if hosted.declared_rows.is_some() {
            return Ok(Some(Expected { rows: hosted.declared_rows, parts: arrived }));
        }
        let Some(job) = job.filter(|_| !arrived.is_empty()) else { return Ok(None) };
        let said = self.expected(job)?;
        let rows: u64 = arrived.iter().filter_map(|part| part.rows).sum();
        let is_whole = arrived.iter().zip(1..).all(|(part, number)| part.number == number);
        // What it says of a part has to be so, as when it is fetched.
        let is_same = |(said, part): (&JobPart, &JobPart)| {
            let (Some(said), Some(came)) = (&said.sha256, &part.sha256) else { return true };
            said.eq_ignore_ascii_case(came)
        };
        let are_same = said.parts.len() == arrived.len() && said.parts.iter().zip(&arrived).all(is_same);
        let is_said = said.rows == Some(rows) && (said.parts.is_empty() || are_same);
        if !is_whole || !is_said {
            let message = format!(
                "{} says that its export is ready, but what it has sent is not all of it: {} in {} arrived. Its job has to say how many rows there are.",
                self.source_name(),
                counted(rows, "row"),
                counted(u64::try_from(arrived.len()).unwrap_or(u64::MAX), "part")
            );
            return Err(self.read_again(FailureCode::SourceMismatch, &message));
        }
        Ok(Some(Expected { rows: Some(rows), parts: arrived }))
    }

    /// Begins to read from the start, under a new job; nothing is known of it outside yet.
    async fn ask_for_export(&mut self) -> Result<JobId, Stop> {
        self.abandon_export(JobStatus::Canceled, "Read again under a new job.").await;
        // Of an earlier reading.
        let left = self.hub.payloads().remove_below(&payload_folder(&self.run.id)).await;
        left.map_err(|error| self.payload_failed(error))?;
        let job_id: JobId = new_id(JobId::PREFIX);
        let request = self.export_request(&job_id);
        let mut change = self.held.begin().await?;
        change.forget_reading().await?;
        change.set_text(Column::ExportJob, Some(job_id.as_str())).await?;
        let expires_at = self.job_expiry(change.now);
        change.open_job(&self.run.account_id, &self.run.plan.source_endpoint_id, &request, expires_at).await?;
        let event = if self.run.state == RunState::Queued { RunEvent::ExportAsked } else { RunEvent::ReadAgain };
        let state = change.step(event).await?;
        change.commit().await?;
        self.moved_to(state);
        self.run.export_job_id = Some(job_id.clone());
        self.run.parts = 0;
        Ok(job_id)
    }

    fn export_request(&self, job_id: &JobId) -> JobRequest {
        let plan = &self.run.plan;
        let mapped = |name: &str| plan.mapping.links.iter().any(|link| link.source.reads(name));
        // Only what is mapped leaves the source: the rest is nobody's business.
        let mut fields: Vec<Field> = plan.source_fields.iter().filter(|field| mapped(&field.name)).cloned().collect();
        if fields.is_empty() {
            // Everything sent is a constant, but the rows have to be counted.
            fields.clone_from(&plan.source_fields);
        }
        JobRequest {
            id: job_id.as_str().to_owned(),
            category: JobCategory::SegmentExport,
            segment: JobSegment { id: Some(plan.segment_id.clone()), name: plan.audience_name.clone() },
            mode: None,
            fields,
            limit: None,
        }
    }

    async fn export(&self, producer: &EndpointClient, job_id: &JobId) -> Result<Job, Stop> {
        let request = self.export_request(job_id);
        let job = self.call(Side::Source, Step::Announce, || producer.announce(&request)).await?;
        if job.id != request.id {
            return Err(self.nonsense(Side::Source, "it answered the announcement with another job's id"));
        }
        let job = if job.status.is_final() {
            job
        } else {
            self.wait_for_job(Side::Source, producer, job_id, JobStatus::is_final).await?
        };
        match job.status {
            JobStatus::Complete | JobStatus::CompleteWithRejects => Ok(job),
            _ => Err(self.job_failed(Side::Source, &job)),
        }
    }

    /// What the producer says of its data, as far as it says something.
    fn expected(&self, job: &Job) -> Result<Expected, Stop> {
        let mut parts = job.parts.clone();
        parts.sort_by_key(|part| part.number);
        if parts.iter().zip(1..).any(|(part, number)| part.number != number) {
            return Err(self.nonsense(Side::Source, "the parts of its export are not numbered from 1 without a gap"));
        }
        let by_part: Option<u64> = parts.iter().map(|part| part.rows).sum();
        let by_part = by_part.filter(|_| !parts.is_empty());
        let rows = if job.counts.rows > 0 { Some(job.counts.rows) } else { by_part };
        if let (Some(rows), Some(by_part)) = (rows, by_part)
            && rows != by_part
        {
            let message = format!(
                "{} contradicts itself: it counts {rows} rows, but its parts have {by_part}.",
                self.source_name()
            );
            return Err(self.failed(FailureCode::SourceMismatch, &message, true));
        }
        Ok(Expected { rows, parts })
    }

    async fn read(&self, supply: &Supply<'_>, expected: &Expected) -> Result<(Arc<Progress>, Whole), Stop> {
        let progress = Arc::new(Progress::default());
        let telling = self.telling().await?;
        let plan = &self.run.plan;
        let pipeline = Pipeline {
            mapping: plan.mapping.clone(),
            destination_fields: plan.destination.fields.clone(),
            limits: self.part_limits(),
            key: self.key.clone(),
            run_id: self.run.id.clone(),
            progress: progress.clone(),
            telling,
            hands: Hands::new(self.hub.exchange().mapping.clone()),
            spare: self.spare.clone(),
        };
        let (feed, feed_out) = mpsc::channel(CHUNKS_IN_FLIGHT);
        let (cuts_in, cuts) = mpsc::channel(CUTS_IN_FLIGHT);
        let working = tokio::task::spawn_blocking(move || pipeline.run(feed_out, cuts_in));
        // Each of the three ends when its neighbour is gone, so that none is left behind, whichever fails.
        let feeding = async {
            match supply {
                Supply::Fetched { producer, job_id } => self.fetch(producer, job_id, expected, feed).await,
                Supply::Sent { job_id } => self.feed_sent(job_id, &expected.parts, feed).await,
                Supply::Repaired { pieces } => self.feed_repaired(*pieces, feed).await,
            }
        };
        let (fetched, stored, worked) = tokio::join!(feeding, self.store_cuts(cuts, &progress), working);
        stored?;
        match worked.map_err(|error| self.internal(&error.to_string()))? {
            // It was not fed to the end: whoever fed it knows why.
            Err(PipelineError::FeedEnded) => {
                fetched?;
                Err(self.internal("the pipeline ended before the source did"))
            }
            Err(error) => Err(self.pipeline_failed(error)),
            Ok(whole) => fetched.map(|()| (progress, whole)),
        }
    }

    fn part_limits(&self) -> Limits {
        let settings = &self.hub.exchange().settings;
        let wanted = self.run.plan.destination.delivery.rows_per_part;
        Limits {
            rows: wanted.unwrap_or(u64::MAX).min(settings.part_rows).max(1),
            bytes: usize::try_from(settings.part_bytes).unwrap_or(usize::MAX),
        }
    }

    fn broke_off(&self, error: &CallError, part: Option<u32>, bytes: u64) -> Stop {
        let code = match error {
            CallError::Timeout => FailureCode::EndpointTimeout,
            CallError::Nonsense { .. } => FailureCode::NonsenseAnswer,
            _ => FailureCode::SourceTruncated,
        };
        let part = part.map(|part| format!(" of part {part}")).unwrap_or_default();
        let message = format!("The data of {} broke off after byte {bytes}{part}: {error}.", self.source_name());
        self.read_again(code, &message)
    }

    fn pipeline_failed(&self, error: PipelineError) -> Stop {
        let source = self.source_name();
        match error {
            PipelineError::FeedEnded => self.internal("the pipeline ended before the source did"),
            PipelineError::Payload(error) => self.payload_failed(error),
            PipelineError::Mismatch(what) => self.read_again(FailureCode::SourceMismatch, &format!("{source} {what}.")),
            PipelineError::AnotherHeader(part) => {
                let message =
                    format!("The data of {source} can't be read: part {part} has another header than part 1.");
                self.failed(FailureCode::HeaderUnusable, &message, false)
            }
            PipelineError::Mapping(findings) => {
                let what: Vec<&str> = findings.iter().map(|finding| finding.message.as_str()).collect();
                let message = format!("The data of {source} does not fit the mapping. {}", what.join(" "));
                self.failed(FailureCode::HeaderUnusable, &message, false)
            }
            PipelineError::Unreadable(error, part) => {
                let part = part.map(|part| format!(" in part {part}")).unwrap_or_default();
                let message = format!("The data of {source} can't be read{part}: {error}.");
                match error {
                    RowError::Truncated { .. } => self.read_again(FailureCode::SourceTruncated, &message),
                    RowError::TooManyColumns { .. } | RowError::RowTooLong { .. } => {
                        self.failed(FailureCode::LimitPassed, &message, false)
                    }
                    RowError::NoHeader | RowError::HeaderNotUtf8 { .. } | RowError::UnnamedColumn { .. } => {
                        self.failed(FailureCode::HeaderUnusable, &message, false)
                    }
                }
            }
        }
    }

    /// Moves the source's bytes into the pipeline. Ends quietly when the pipeline is gone: it knows better why.
    async fn fetch(
        &self,
        producer: &EndpointClient,
        job_id: &JobId,
        expected: &Expected,
        feed: mpsc::Sender<Feed>,
    ) -> Result<(), Stop> {
        let whole = [None];
        let listed: Vec<Option<JobPart>> = expected.parts.iter().cloned().map(Some).collect();
        for part in if listed.is_empty() { whole.as_slice() } else { listed.as_slice() } {
            let number = part.as_ref().map(|part| part.number);
            let mut data = self.call(Side::Source, Step::Fetch, || producer.data(job_id, number)).await?;
            let listed = part.as_ref().and_then(|part| part.sha256.as_deref());
            let expectation = Expectation {
                number,
                rows: part.as_ref().map_or(expected.rows, |part| part.rows),
                bytes: part.as_ref().and_then(|part| part.bytes),
                sha256: listed.into_iter().chain(data.sha256()).map(str::to_owned).collect(),
            };
            if feed.send(Feed::Begin(expectation)).await.is_err() {
                return Ok(());
            }
            let (mut bytes, mut resumed_at, mut stuck) = (0_u64, 0_u64, 0_u32);
            loop {
                let chunk = tokio::select! {
                    chunk = data.next() => chunk,
                    () = feed.closed() => return Ok(()),
                };
                let chunk = match chunk {
                    None => break,
                    Some(Ok(chunk)) => chunk,
                    Some(Err(error)) => {
                        // As long as each time some of it comes, it is gone on with where it broke off.
                        stuck = if bytes > resumed_at { 0 } else { stuck + 1 };
                        let policy = self.hub.exchange().settings.retry;
                        let delay = policy.delay(stuck + 1, Duration::ZERO, None).filter(|_| stuck < MOST_STUCK);
                        let (Some(etag), Some(delay)) = (data.etag().cloned(), delay) else {
                            return Err(self.broke_off(&error, number, bytes));
                        };
                        tracing::warn!(run.id = %self.run.id, %error, bytes, "the data broke off and is resumed");
                        tokio::time::sleep(delay).await;
                        let rest = self
                            .call(Side::Source, Step::Fetch, || producer.data_from(job_id, number, &etag, bytes))
                            .await?;
                        data = rest.ok_or_else(|| self.broke_off(&error, number, bytes))?;
                        metrics::counter!("usher_exchange_resumed_total").increment(1);
                        resumed_at = bytes;
                        continue;
                    }
                };
                bytes += u64::try_from(chunk.len()).unwrap_or(u64::MAX);
                if feed.send(Feed::Bytes(chunk)).await.is_err() {
                    return Ok(());
                }
            }
            if feed.send(Feed::End).await.is_err() {
                return Ok(());
            }
        }
        let _pipeline_gone = feed.send(Feed::Whole).await;
        Ok(())
    }

    /// Moves what a person has uploaded into the pipeline: pieces of one file.
    async fn feed_repaired(&self, pieces: u32, feed: mpsc::Sender<Feed>) -> Result<(), Stop> {
        let folder = payload_folder(&self.run.id);
        if feed.send(Feed::Begin(Expectation::default())).await.is_err() {
            return Ok(());
        }
        for piece in 1..=pieces {
            let bytes = self.hub.payloads().get(&self.key, &repaired_path(&folder, piece)).await;
            let bytes = bytes.map_err(|error| self.payload_failed(error))?;
            if feed.send(Feed::Bytes(Bytes::from(bytes))).await.is_err() {
                return Ok(());
            }
        }
        for step in [Feed::End, Feed::Whole] {
            if feed.send(step).await.is_err() {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Moves what a producer has sent into the pipeline. Ends quietly when the pipeline is gone: it knows better why.
    async fn feed_sent(&self, job_id: &JobId, parts: &[JobPart], feed: mpsc::Sender<Feed>) -> Result<(), Stop> {
        let folder = payload_folder(&self.run.id);
        if parts.is_empty() {
            // An audience without a part has a header all the same: the columns that were asked for.
            let mut header = Vec::new();
            append_row(&mut header, self.export_request(job_id).fields.iter().map(|field| field.name.as_str()));
            let file = [Feed::Begin(Expectation::default()), Feed::Bytes(Bytes::from(header)), Feed::End];
            for step in file {
                if feed.send(step).await.is_err() {
                    return Ok(());
                }
            }
        }
        for part in parts {
            let sha256 = part.sha256.clone().unwrap_or_default();
            let path = upload_path(&folder, job_id, part.number, &sha256);
            let csv = self.hub.payloads().get(&self.key, &path).await;
            let csv = csv.map_err(|error| self.payload_failed(error))?;
            let expectation =
                Expectation { number: Some(part.number), rows: part.rows, bytes: part.bytes, sha256: vec![sha256] };
            for step in [Feed::Begin(expectation), Feed::Bytes(Bytes::from(csv)), Feed::End] {
                if feed.send(step).await.is_err() {
                    return Ok(());
                }
            }
        }
        let _pipeline_gone = feed.send(Feed::Whole).await;
        Ok(())
    }

    /// Puts finished parts into the payload store and records each in one transaction; writes counts in between.
    async fn store_cuts(&self, mut cuts: mpsc::Receiver<Made>, progress: &Progress) -> Result<(), Stop> {
        let mut interval = tokio::time::interval(self.hub.exchange().settings.progress);
        interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut written = progress.counts();
        let mut underway = Underway::default();
        // Whatever goes before, the audience itself goes in the last job.
        let job_mode = self.run.plan.mode.jobs().last().copied().unwrap_or(JobMode::Add);
        loop {
            tokio::select! {
                made = cuts.recv() => {
                    let Some(made) = made else {
                        return underway.settle().await.map_err(|error| self.payload_failed(error));
                    };
                    let (run_id, key) = (self.run.id.clone(), self.key.clone());
                    let sealing = tokio::task::spawn_blocking(move || made.seal(&run_id, &key, job_mode));
                    let sealed = sealing.await.map_err(|error| self.internal(&error.to_string()))?;
                    let sealed = sealed.map_err(|error| self.payload_failed(error))?;
                    self.store_cut(sealed, &progress.counts(), &mut underway).await?;
                    written = progress.counts();
                }
                _ = interval.tick() => {
                    let counts = progress.counts();
                    if counts != written {
                        self.held.set_reading_counts(&counts).await?;
                        written = counts;
                    }
                }
            }
        }
    }

    /// Puts what was cut into the payload store and records it in one transaction. Until the source was read whole the record is worth nothing, so
    /// that what was put has to be on the disk only then.
    pub(super) async fn store_cut(
        &self,
        cut: SealedCut,
        counts: &ReadingCounts,
        underway: &mut Underway,
    ) -> Result<(), Stop> {
        for object in cut.objects {
            let put = self.hub.payloads().put_soon(object, underway).await;
            self.spare.give(put.map_err(|error| self.payload_failed(error))?);
        }
        if cut.part.is_none() && cut.rejected.is_none() && cut.header.is_none() {
            return Ok(());
        }
        let mut change = self.held.begin().await?;
        if let Some(header) = &cut.header {
            change.set_source_header(header).await?;
        }
        if let Some(part) = &cut.part {
            change.add_part(part).await?;
        }
        if let Some(rows) = cut.rejected {
            change.add_reject_file(RejectStage::Read, cut.number, rows).await?;
        }
        change.add_left_out(&cut.groups, None).await?;
        change.add_left_empty(&cut.left_empty).await?;
        change.set_reading_counts(counts).await?;
        change.commit().await?;
        Ok(())
    }

    /// All bytes came and all digests agree: compares the counts, and lets delivery begin.
    async fn read_whole(&mut self, expected: &Expected, progress: &Progress, whole: Whole) -> Result<(), Stop> {
        let counts = progress.counts();
        if let Some(declared) = expected.rows
            && declared != counts.read
        {
            let message = format!("{} declared {declared} rows, but {} came.", self.source_name(), counts.read);
            return Err(self.read_again(FailureCode::SourceMismatch, &message));
        }
        // What would empty a segment is never believed: a person says whether it is meant.
        let emptied = match (self.run.plan.mode, counts.valid) {
            (Mode::Replace, 0) => self.members_before().await?.filter(|before| *before > 0),
            _ => None,
        };
        let nothing = match (self.run.plan.mode, counts.read, counts.valid) {
            (Mode::Replace, 0, _) if emptied.is_none() => Some("no row came to replace the segment with"),
            (Mode::Replace, _, 0) if emptied.is_none() => Some("not one row was fit to replace the segment with"),
            (Mode::Remove, 0, _) => Some("no row came, so that there is nobody to remove"),
            _ => None,
        };
        metrics::counter!("usher_exchange_rows_read_total").increment(counts.read);
        metrics::counter!("usher_exchange_bytes_read_total").increment(counts.bytes);
        metrics::counter!("usher_exchange_rows_rejected_total").increment(counts.rejected);
        let sifted = match nothing {
            None => self.sift(whole, self.part_limits(), counts).await?,
            Some(_) => Sifted { counts, mirror: None },
        };
        let counts = sifted.counts;
        let hold = match (&sifted.mirror, nothing) {
            (_, Some(_)) => None,
            (Some((changes, members)), None) => mirror_hold(&self.run.plan, changes, *members),
            (None, None) => match emptied {
                Some(before) => Some(Hold { before, after: 0, limit: self.run.plan.shrink_limit }),
                None => self.hold(counts.valid).await?,
            },
        };
        let mut change = self.held.begin().await?;
        change.set_reading_counts(&counts).await?;
        if let Some(nothing) = nothing {
            change.commit().await?;
            let message = format!("There is nothing to send: {nothing}.");
            return Err(self.failed(FailureCode::NothingToSend, &message, true));
        }
        change.set_read_whole().await?;
        if let Some((changes, _)) = &sifted.mirror {
            change.set_changes(changes, !self.run.plan.is_pre_flight).await?;
        }
        let read = format!("The source was read to its end: {}", counted(counts.read, "row"));
        let sentence = match (counts.valid, counts.rejected) {
            (0, 0) => "The audience is empty; there is nothing to send.".to_owned(),
            (0, _) => format!("{read}, none of them fit to be sent."),
            (_, 0) => format!("{read}."),
            (_, rejected) => format!("{read}, {rejected} of them rejected."),
        };
        change.note(&sentence).await?;
        if let Some((changes, members)) = &sifted.mirror {
            change.note(&compared(changes, *members)).await?;
        }
        let event = match &hold {
            _ if self.run.plan.is_pre_flight => {
                if let Some(hold) = &hold {
                    let why = why_held(hold, &self.run.plan);
                    change.note(&format!("It would be held for approval: {why}.")).await?;
                }
                if let Some(time) = time_left(&self.run.plan, &sifted) {
                    change.note(&time).await?;
                }
                change.note("Checked; nothing was sent.").await?;
                RunEvent::Check
            }
            None => RunEvent::ReadWhole,
            Some(hold) => {
                change.set_hold(hold).await?;
                let why = why_held(hold, &self.run.plan);
                change.note(&format!("Held for approval: {why}. Nothing was sent.")).await?;
                RunEvent::Hold
            }
        };
        let state = change.step(event).await?;
        change.commit().await?;
        self.moved_to(state);
        let run =
            super::runs::load(self.hub.database(), &self.run.id).await.map_err(|error| self.store_failed(error))?;
        self.run.parts = run.parts;
        self.run.counts = run.counts;
        self.run.ledger_open = run.ledger_open;
        Ok(())
    }

    /// Tells the producer that its export is not wanted any more, when there is one that was not read whole.
    pub(super) async fn abandon_export(&self, status: JobStatus, reason: &str) {
        if let (RunState::Exporting | RunState::Reading, Some(job_id)) = (self.run.state, &self.run.export_job_id) {
            self.tell(Side::Source, job_id, status, reason).await;
        }
    }
}

/// How long the destination would take at the pace that it declares, when it declares one.
fn time_left(plan: &RunPlan, sifted: &Sifted) -> Option<String> {
    let rate = plan.destination.delivery.rows_per_second.filter(|rate| *rate > 0)?;
    let rows = match &sifted.mirror {
        Some((changes, _)) => changes.added + changes.changed + changes.removed,
        None => sifted.counts.valid,
    };
    let seconds = rows.div_ceil(rate);
    let name = &plan.destination.endpoint_name;
    let time = match seconds {
        0..=90 => counted(seconds, "second"),
        91..=5_400 => counted(seconds.div_ceil(60), "minute"),
        _ => counted(seconds.div_ceil(3_600), "hour"),
    };
    Some(format!("At the pace that {name} declares ({}) it would take about {time}.", counted(rate, "row a second")))
}

/// Where the source's bytes come from.
enum Supply<'a> {
    /// A PULL producer's export, fetched as it is read.
    Fetched { producer: &'a EndpointClient, job_id: &'a JobId },
    /// What a PUSH producer has sent, out of the payload store.
    Sent { job_id: &'a JobId },
    /// What a person has uploaded, out of the payload store.
    Repaired { pieces: u32 },
}

/// What the producer says of its data.
struct Expected {
    rows: Option<u64>,
    parts: Vec<JobPart>,
}
