//! Getting a run's parts to the consumer: a PUSH consumer is announced a job and sent the parts; a PULL consumer fetches them and reports.
//!
//! Everything here can be repeated after a crash: the job's id is stored before it is announced, a part is always the same stored
//! bytes, and the consumer answers a repeat as it answered the first. What the rows mean is not known here.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicBool, Ordering},
};

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use model::{
    contract::{Job, JobCategory, JobMode, JobRequest, JobSegment, JobStatus, Movement, PartResult, StatusReport},
    field::Field,
    id::JobId,
    reject::RejectCode,
    run::{FailureCode, Mode, RejectGroup, RunEvent, RunState},
    view::DestinationSegment,
};

use tokio::time::Instant;

use super::{
    carrier::{Carrier, Side, Step, counted},
    jobs, payload_folder,
    records::{JobTotals, PartRow, RejectStage, job_totals, part_attempted, parts},
    rejects::refused_file,
    runs::{Column, bounded_text, source_header},
    stop::Stop,
};
use crate::{
    outbound::EndpointClient,
    store::{SealedObject, identity::new_id},
};

impl Carrier {
    /// Sends what is not acknowledged yet, and takes the run to `Completing`.
    pub(super) async fn deliver(&mut self) -> Result<(), Stop> {
        let totals = self.totals().await?;
        if self.has_job(&totals) {
            match self.movement(Side::Destination).await? {
                Movement::Push => {
                    let consumer = self.client(Side::Destination).await?;
                    let job_id = self.open_import(&consumer).await?;
                    self.send_parts(&consumer, &job_id).await?;
                }
                Movement::Pull => self.have_parts_fetched().await?,
            }
        }
        let mut change = self.held.begin().await?;
        let state = change.step(RunEvent::Delivered).await?;
        self.moved_to(state);
        self.run.counts = change.counts().await?;
        if totals.parts > 0 {
            let what = format!("{} in {}", counted(totals.rows, "row"), counted(u64::from(totals.parts), "part"));
            let why = match (self.run.plan.mode, self.job_mode()) {
                (Mode::Mirror, JobMode::Remove) => ", to be removed",
                _ => "",
            };
            change.note(&format!("Sent to {}{why}: {what}.", self.destination_name())).await?;
        }
        change.commit().await?;
        Ok(())
    }

    /// Says that all was sent, waits until the consumer has finished, compares its account with ours and writes the receipt.
    pub(super) async fn complete(&mut self) -> Result<(), Stop> {
        self.complete_job().await?;
        if self.run.plan.mode.jobs().len() <= self.jobs_done() + 1 {
            return self.finish().await;
        }
        let mut change = self.held.begin().await?;
        change.job_done().await?;
        let state = change.step(RunEvent::NextJob).await?;
        self.moved_to(state);
        change.commit().await?;
        self.run.jobs_done += 1;
        self.run.import_job_id = None;
        Ok(())
    }

    async fn complete_job(&mut self) -> Result<(), Stop> {
        let totals = self.totals().await?;
        if self.has_job(&totals) {
            let Some(job_id) = self.run.import_job_id.clone() else {
                return Err(self.internal("the job with the destination is not known"));
            };
            if let Some(job) = self.hosted_job(&job_id).await? {
                // Its totals were compared when it reported them.
                return self.remember_segment(&job.told(Vec::new())).await;
            }
            let consumer = self.client(Side::Destination).await?;
            let report = StatusReport::complete(totals.parts, totals.rows);
            // A consumer that finished after the first report may refuse the second, sent after a crash: its job tells.
            let reported = self.call(Side::Destination, Step::Report, || consumer.report(&job_id, &report)).await;
            let refusal = match reported {
                Ok(_) => None,
                Err(Stop::Failed(failure)) if failure.code == FailureCode::EndpointFailed => Some(failure),
                Err(other) => return Err(other),
            };
            let job = match refusal {
                None => self.wait_for_job(Side::Destination, &consumer, &job_id, JobStatus::is_final).await?,
                Some(failure) => {
                    let job = self.call(Side::Destination, Step::Ask, || consumer.job(&job_id)).await?;
                    if !job.status.is_final() {
                        return Err(Stop::Failed(failure));
                    }
                    job
                }
            };
            self.check_final(&job, &totals)?;
            self.remember_segment(&job).await?;
        }
        Ok(())
    }

    fn jobs_done(&self) -> usize {
        usize::try_from(self.run.jobs_done).unwrap_or(usize::MAX)
    }

    /// What the job with the consumer that is due does.
    fn job_mode(&self) -> JobMode {
        let jobs = self.run.plan.mode.jobs();
        jobs.get(self.jobs_done()).or(jobs.last()).copied().unwrap_or(JobMode::Add)
    }

    /// Whether the consumer is told of the job that is due. One without a row is not worth it, but for a replacement by nobody, which a person has
    /// approved.
    fn has_job(&self, totals: &JobTotals) -> bool {
        totals.parts > 0 || self.job_mode() == JobMode::Replace
    }

    /// What the job that is due consists of.
    async fn totals(&self) -> Result<JobTotals, Stop> {
        let totals = job_totals(self.hub.database(), &self.run.id, self.job_mode()).await;
        totals.map_err(|error| self.store_failed(error))
    }

    /// The job to send under: the one that is open with the consumer, or a new one when that was ended there.
    async fn open_import(&mut self, consumer: &EndpointClient) -> Result<JobId, Stop> {
        let mut open = None;
        if let Some(job_id) = self.run.import_job_id.clone() {
            let known = self.call_or_none(Side::Destination, Step::Ask, || consumer.job(&job_id)).await?;
            match known {
                // Never announced, because the process ended before; or forgotten since. The same id is announced again below: when
                // parts had been acknowledged under it, they are not there any more, so that all are sent again.
                None => self.start_over(None).await?,
                Some(job) if matches!(job.status, JobStatus::Failed | JobStatus::Canceled | JobStatus::Expired) => {
                    let fresh: JobId = new_id(JobId::PREFIX);
                    self.start_over(Some(&fresh)).await?;
                }
                Some(job) => open = Some(job),
            }
        }
        let job_id = match &self.run.import_job_id {
            Some(job_id) => job_id.clone(),
            None => {
                let fresh: JobId = new_id(JobId::PREFIX);
                self.held.set_text(Column::ImportJob, Some(fresh.as_str())).await?;
                self.run.import_job_id = Some(fresh.clone());
                fresh
            }
        };
        let request = self.import_request(&job_id).await?;
        let job = match open {
            // It knows the job, and is not asked a second time: by now we may know the segment that it made, and the body would differ.
            Some(job) => job,
            None => self.call(Side::Destination, Step::Announce, || consumer.announce(&request)).await?,
        };
        if job.id != request.id {
            return Err(
                self.nonsense(Side::Destination, "it answered for another job than the one that it was asked about")
            );
        }
        self.remember_segment(&job).await?;
        let may_send = |status: JobStatus| {
            status.is_final() || matches!(status, JobStatus::WaitingToReceiveData | JobStatus::Running)
        };
        let job = if may_send(job.status) {
            job
        } else {
            self.wait_for_job(Side::Destination, consumer, &job_id, may_send).await?
        };
        if matches!(job.status, JobStatus::Failed | JobStatus::Canceled | JobStatus::Expired) {
            return Err(self.job_failed(Side::Destination, &job));
        }
        Ok(job_id)
    }

    async fn import_request(&self, job_id: &JobId) -> Result<JobRequest, Stop> {
        let destination = &self.run.plan.destination;
        let segment = JobSegment {
            id: self.run.segment_id.clone().or_else(|| match &destination.segment {
                DestinationSegment::New { .. } => None,
                DestinationSegment::Existing { id, .. } => Some(id.clone()),
            }),
            name: destination.segment.name().to_owned(),
        };
        let fields = match (self.run.plan.mode, self.job_mode()) {
            (Mode::Mirror, JobMode::Remove) => self.removal_fields().await?,
            _ => self.sent_fields(),
        };
        Ok(JobRequest {
            id: job_id.as_str().to_owned(),
            category: JobCategory::SegmentImport,
            segment,
            mode: Some(self.job_mode()),
            fields,
            limit: None,
        })
    }

    /// Offers the parts to a PULL consumer and takes in what it reports. Puts the run aside until it has fetched and reported them all.
    async fn have_parts_fetched(&mut self) -> Result<(), Stop> {
        let known = match self.run.import_job_id.clone() {
            Some(job_id) => self.hosted_job(&job_id).await?,
            None => None,
        };
        let Some(job) = known else {
            let job_id: JobId = new_id(JobId::PREFIX);
            let request = self.import_request(&job_id).await?;
            let mut change = self.held.begin().await?;
            // Of an earlier try nothing is known any more: the consumer gets all parts under the new job.
            change.forget_acknowledgements(self.job_mode()).await?;
            change.set_text(Column::ImportJob, Some(job_id.as_str())).await?;
            let expires_at = self.job_expiry(change.now);
            let endpoint_id = &self.run.plan.destination.endpoint_id;
            change.open_job(&self.run.account_id, endpoint_id, &request, expires_at).await?;
            let name = self.destination_name();
            change.note(&format!("Ready for {name}, which fetches its data itself.")).await?;
            change.set_text(Column::Waiting, Some(&format!("Waiting for {name} to fetch its data."))).await?;
            change.commit().await?;
            self.run.import_job_id = Some(job_id);
            self.hub.exchange().jobs_changed.notify_waiters();
            return Err(Stop::Parked);
        };
        if matches!(job.status, JobStatus::Failed | JobStatus::Canceled | JobStatus::Expired) {
            return Err(self.job_failed(Side::Destination, &job.told(Vec::new())));
        }
        let folder = payload_folder(&self.run.id);
        let (all, open) = self.open_parts().await?;
        let results = jobs::results(self.hub.database(), &job.id).await.map_err(|error| self.store_failed(error))?;
        let mut left = open.len();
        for part in &open {
            if let Some(result) = results.iter().find(|result| result.part == part.job_number) {
                self.take_result(&folder, part, result).await?;
                left -= 1;
            }
        }
        self.remember_segment(&job.told(Vec::new())).await?;
        if left == 0 && job.status == JobStatus::Complete {
            return Ok(());
        }
        let name = self.destination_name();
        let waiting = match left {
            0 => format!("Waiting for {name} to finish."),
            left => format!("Waiting for {name} to fetch {left} of {}.", counted(all, "part")),
        };
        self.held.set_text(Column::Waiting, Some(&waiting)).await?;
        Err(Stop::Parked)
    }

    async fn start_over(&mut self, job_id: Option<&JobId>) -> Result<(), Stop> {
        let mut change = self.held.begin().await?;
        change.forget_acknowledgements(self.job_mode()).await?;
        if let Some(job_id) = job_id {
            change.set_text(Column::ImportJob, Some(job_id.as_str())).await?;
            change
                .note(&format!(
                    "{} had ended the job; all parts are sent again under a new one.",
                    self.destination_name()
                ))
                .await?;
            self.run.import_job_id = Some(job_id.clone());
        }
        change.commit().await?;
        Ok(())
    }

    /// The destination's fields that the mapping feeds, in the destination's order: the columns of every part.
    pub(super) fn sent_fields(&self) -> Vec<Field> {
        let plan = &self.run.plan;
        plan.destination.fields.iter().filter(|field| plan.mapping.link(&field.name).is_some()).cloned().collect()
    }

    async fn remember_segment(&mut self, job: &Job) -> Result<(), Stop> {
        let made = matches!(self.run.plan.destination.segment, DestinationSegment::New { .. });
        let Some(segment_id) = job.segment.id.as_deref().filter(|_| made && self.run.segment_id.is_none()) else {
            return Ok(());
        };
        let segment_id = bounded_text(segment_id, 500);
        let mut change = self.held.begin().await?;
        change.set_text(Column::Segment, Some(&segment_id)).await?;
        let name = self.run.plan.destination.segment.name();
        crate::sharing::segment_made(
            &mut change.transaction,
            change.now,
            &self.run.share_id,
            &self.run.plan.destination.endpoint_id,
            &segment_id,
            name,
        )
        .await
        .map_err(super::runs::HeldError::Store)?;
        change.note(&format!("{} made the segment \u{201c}{name}\u{201d}.", self.destination_name())).await?;
        change.commit().await?;
        self.run.segment_id = Some(segment_id);
        Ok(())
    }

    /// Sends all parts that are not acknowledged, several at once. Between two parts it lets others go on that wait.
    async fn send_parts(&mut self, consumer: &EndpointClient, job_id: &JobId) -> Result<(), Stop> {
        let (_, open) = self.open_parts().await?;
        let carrier = &*self;
        // At least one part goes in each turn, so that two long runs do not only make way for each other.
        let (has_sent, gives_way) = (AtomicBool::new(false), AtomicBool::new(false));
        stream::iter(open)
            .map(|part| async {
                if gives_way.load(Ordering::Acquire)
                    || has_sent.load(Ordering::Acquire) && carrier.has_had_its_turn().await?
                {
                    // What is on its way arrives; no other part begins.
                    gives_way.store(true, Ordering::Release);
                    return Ok(());
                }
                carrier.send_part(consumer, job_id, part).await?;
                has_sent.store(true, Ordering::Release);
                Ok::<(), Stop>(())
            })
            .buffer_unordered(self.hub.exchange().settings.parts_in_flight)
            .try_collect::<()>()
            .await?;
        if gives_way.into_inner() { Err(Stop::GiveWay) } else { Ok(()) }
    }

    /// How many parts the job that is due has, and those that are not acknowledged.
    async fn open_parts(&self) -> Result<(u64, Vec<PartRow>), Stop> {
        let parts = parts(self.hub.database(), &self.run.id, Some(self.job_mode())).await;
        let parts = parts.map_err(|error| self.store_failed(error))?;
        let all = u64::try_from(parts.len()).unwrap_or(u64::MAX);
        Ok((all, parts.into_iter().filter(|part| !part.acknowledged).collect()))
    }

    async fn send_part(&self, consumer: &EndpointClient, job_id: &JobId, part: PartRow) -> Result<(), Stop> {
        let folder = payload_folder(&self.run.id);
        let path = super::part_path(&folder, part.number);
        let stored = self.hub.payloads().get_into(&self.key, &path, self.spare.take()).await;
        let bytes = Bytes::from(stored.map_err(|error| self.payload_failed(error))?);
        let destination = &self.run.plan.destination;
        if let Some(rate) = destination.delivery.rows_per_second {
            // Other runs to the same endpoint wait in the same line.
            let at = self.hub.exchange().reserve(&destination.endpoint_id, part.rows, rate, Instant::now());
            tokio::time::sleep_until(at).await;
        }
        let noted = part_attempted(self.hub.database(), &self.run.id, part.number, self.hub.now_ms()).await;
        noted.map_err(|error| self.store_failed(error))?;
        let answer = self
            .call(Side::Destination, Step::Send, || {
                consumer.put_part(job_id, part.job_number, bytes.clone(), &part.sha256)
            })
            .await?;
        self.spare.give_bytes(bytes);
        self.take_result(&folder, &part, &answer).await
    }

    /// Writes down what became of a part: which rows the consumer took, and which not and why.
    async fn take_result(&self, folder: &str, part: &PartRow, answer: &PartResult) -> Result<(), Stop> {
        disagreement(part, answer).map_err(|what| {
            let (name, number) = (self.destination_name(), part.job_number);
            let message = format!("{name}'s account of part {number} does not add up: {what}.");
            self.failed(FailureCode::AcknowledgementMismatch, &message, true)
        })?;
        let refused = part.rows - answer.accepted;
        if refused > 0 {
            self.keep_refused(folder, part.number, answer).await?;
        }
        let mut change = self.held.begin().await?;
        if refused > 0 {
            change.add_reject_file(RejectStage::Refused, part.number, refused).await?;
            change.add_left_out(&refusal_groups(answer), Some(part.job_mode)).await?;
        }
        // Only a ledger asks later which rows these were.
        let refused_rows = (self.run.plan.mode == Mode::Mirror && refused > 0).then(|| {
            let mut rows: Vec<u64> = answer.refusals.iter().map(|refusal| refusal.row).collect();
            rows.sort_unstable();
            rows
        });
        change.acknowledge_part(part, answer.accepted, refused, refused_rows.as_deref()).await?;
        change.commit().await?;
        metrics::counter!("usher_exchange_rows_sent_total").increment(part.rows);
        metrics::counter!("usher_exchange_bytes_sent_total").increment(part.bytes);
        metrics::counter!("usher_exchange_parts_sent_total").increment(1);
        Ok(())
    }

    /// Puts the rows that the consumer refused into a reject file, in the source's shape.
    async fn keep_refused(&self, folder: &str, number: u32, answer: &PartResult) -> Result<(), Stop> {
        let header =
            source_header(self.hub.database(), &self.run.id).await.map_err(|error| self.store_failed(error))?;
        let columns = header.unwrap_or_default().len();
        let source = self.hub.payloads().get(&self.key, &super::source_path(folder, number)).await;
        let source = source.map_err(|error| self.payload_failed(error))?;
        let path = super::reject_path(folder, RejectStage::Refused.ordinal(), number);
        let (key, refusals) = (self.key.clone(), answer.refusals.clone());
        let sealing = tokio::task::spawn_blocking(move || {
            refused_file(&source, columns, &refusals).map(|file| SealedObject::seal(&key, path, file))
        });
        let sealed = sealing.await.map_err(|error| self.internal(&error.to_string()))?;
        let sealed = sealed.ok_or_else(|| self.internal("a part's rows as they came are not whole"))?;
        let object = sealed.map_err(|error| self.payload_failed(error))?;
        self.hub.payloads().put(object).await.map_err(|error| self.payload_failed(error))
    }

    /// The consumer's account of the whole, when it gives one.
    fn check_final(&self, job: &Job, totals: &JobTotals) -> Result<(), Stop> {
        if matches!(job.status, JobStatus::Failed | JobStatus::Canceled | JobStatus::Expired) {
            return Err(self.job_failed(Side::Destination, job));
        }
        let given = job.counts;
        // A count that is not given reads as zero.
        let gives_outcome = given.accepted > 0 || given.refused > 0;
        for (what, theirs, ours, is_given) in [
            ("rows", given.rows, totals.rows, given.rows > 0),
            ("accepted rows", given.accepted, totals.accepted, gives_outcome),
            ("refused rows", given.refused, totals.refused, gives_outcome),
        ] {
            if is_given && theirs != ours {
                let message = format!(
                    "{}'s account of the whole does not add up: it counts {theirs} {what}, but its answers to the parts add up to {ours}.",
                    self.destination_name()
                );
                return Err(self.failed(FailureCode::AcknowledgementMismatch, &message, false));
            }
        }
        Ok(())
    }

    /// Tells the consumer that nothing more will come. Best effort: a consumer that can't be told lets the job expire.
    pub(super) async fn abandon_import(&self, status: JobStatus, reason: &str) {
        if !matches!(self.run.state, RunState::Delivering | RunState::Completing) {
            return;
        }
        if let Some(job_id) = &self.run.import_job_id {
            self.tell(Side::Destination, job_id, status, reason).await;
        }
    }

    /// What a person should know of the destination after a failure.
    pub(super) fn what_was_kept(&self) -> String {
        let name = self.run.plan.destination.segment.name();
        match (self.run.state, self.run.plan.mode) {
            (RunState::Completing, _) => {
                format!("Look at the segment \u{201c}{name}\u{201d}: the destination may have finished it.")
            }
            (RunState::Delivering, Mode::Add) => {
                "Rows that were taken stay added; a retry adds nobody twice.".to_owned()
            }
            (RunState::Delivering, Mode::Mirror) => {
                "Rows that were taken stay; a retry goes on with the others, and so does the next run.".to_owned()
            }
            (RunState::Delivering, Mode::Remove) => {
                "Rows that were taken stay removed; a retry goes on with the others.".to_owned()
            }
            _ => format!("The segment \u{201c}{name}\u{201d} is as it was."),
        }
    }
}

/// What of a consumer's account of one part does not add up, before it is believed.
pub(super) fn disagreement(part: &PartRow, answer: &PartResult) -> Result<(), String> {
    let refusals = u64::try_from(answer.refusals.len()).unwrap_or(u64::MAX);
    if answer.part != part.job_number {
        return Err(format!("it answered for part {}", answer.part));
    }
    if answer.received != part.rows {
        return Err(format!("{} rows were sent, but it received {}", part.rows, answer.received));
    }
    if answer.accepted.checked_add(refusals) != Some(answer.received) {
        return Err(format!(
            "it received {} rows, but accepted {} and refused {refusals}",
            answer.received, answer.accepted
        ));
    }
    let mut rows: Vec<u64> = answer.refusals.iter().map(|refusal| refusal.row).collect();
    rows.sort_unstable();
    if let Some(row) = rows.iter().find(|row| **row == 0 || **row > part.rows) {
        return Err(format!("it refused row {row}, but the part has the rows 1 to {}", part.rows));
    }
    if let Some(pair) = rows.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(format!("it refused row {} twice", pair[0]));
    }
    Ok(())
}

/// The refusals of a part as lines of the account.
fn refusal_groups(answer: &PartResult) -> Vec<RejectGroup> {
    let mut groups: BTreeMap<(String, String), (String, u64)> = BTreeMap::new();
    for refusal in &answer.refusals {
        let key = (bounded_text(&refusal.code, 100), bounded_text(refusal.field.as_deref().unwrap_or(""), 200));
        groups.entry(key).or_insert_with(|| (bounded_text(&refusal.reason, 300), 0)).1 += 1;
    }
    let groups = groups.into_iter();
    groups
        .map(|((code, field), (reason, rows))| RejectGroup {
            code: RejectCode::Refused,
            destination_code: Some(code),
            field: Some(field).filter(|field| !field.is_empty()),
            reason,
            rows,
        })
        .collect()
}
