//! A PUSH consumer: imports with every declared mode, a part twice, a broken part, a bad row. Only segments that are made for it are touched.

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use model::{
    application::Definition,
    contract::{
        CSV_MEDIA_TYPE, EndpointDescription, Job, JobCategory, JobMode, JobRequest, JobSegment, JobStatus, PartResult,
        StatusReport,
    },
    field::Field,
};
use reqwest::Method;
use sha2::{Digest, Sha256};

use super::{
    drive::{Drive, Found, get, json},
    people,
};
use crate::outbound::{Ask, Reply};

const LIST: &str = "List its segments";
const TAKE: &str = "Take an import job";
const AGAIN: &str = "Take the same import job again";
const PART: &str = "Take a part";
const REPEAT: &str = "Take the same part again";
const BROKEN: &str = "Refuse a broken part";
const BAD_ROW: &str = "Refuse a bad row";
const FINISH: &str = "Finish the import";
const REPLACE: &str = "Replace the members";
const REMOVE: &str = "Remove members";

/// What segments for a Test Drive begin with.
const SEGMENT: &str = "Usher Test Drive";

pub(super) fn steps(definition: &Definition) -> Vec<&'static str> {
    let delivery = definition.delivery.as_ref();
    let has = |mode: JobMode| delivery.is_some_and(|delivery| delivery.modes.contains(&mode));
    let mut names = Vec::new();
    if delivery.is_some_and(|delivery| delivery.existing_segment) {
        names.push(LIST);
    }
    names.extend([TAKE, AGAIN, PART, REPEAT, BROKEN, BAD_ROW, FINISH]);
    if has(JobMode::Replace) && has(JobMode::Add) {
        names.push(REPLACE);
    }
    if has(JobMode::Remove) {
        names.push(REMOVE);
    }
    names
}

/// An import under way.
struct Import {
    job: Job,
    fields: Vec<Field>,
    parts: u32,
    received: u64,
    accepted: u64,
}

impl Drive {
    pub(super) async fn try_consumer(&mut self, description: &EndpointDescription) {
        let Some(consumer) = &description.consumer else { return };
        let Some(delivery) = self.application.definition.delivery.clone() else { return };
        let fields = consumer.fields.clone();
        let mut segment = JobSegment { id: None, name: format!("{SEGMENT} {}", self.label()) };
        if delivery.existing_segment {
            self.begin(LIST).await;
            let found = self.existing(delivery.new_segment).await;
            match self.end(found).await {
                Some(Some(existing)) => segment = existing,
                Some(None) => {}
                None => return,
            }
        }
        let first = if delivery.modes.contains(&JobMode::Add) { JobMode::Add } else { JobMode::Replace };
        let Some(mut import) = self.try_import(first, segment, &fields).await else { return };
        // The segment that was made is from now on an existing one.
        segment = import.job.segment.clone();
        if delivery.modes.contains(&JobMode::Replace) && first != JobMode::Replace {
            self.begin(REPLACE).await;
            let found = self.whole(JobMode::Replace, segment.clone(), &fields, &[1, 2]).await;
            if let Some(done) = self.end(found).await {
                import = done;
            }
        }
        if delivery.modes.contains(&JobMode::Remove) {
            self.begin(REMOVE).await;
            let found = self.whole(JobMode::Remove, import.job.segment.clone(), &fields, &[1]).await;
            self.end(found).await;
        }
    }

    /// The segment to work on, when there are only existing ones.
    async fn existing(&mut self, makes_new: bool) -> Found<Option<JobSegment>> {
        let (segments, said) = self.list("consumer").await?;
        if makes_new {
            return Ok((None, said));
        }
        let own = segments.into_iter().find(|segment| segment.name.starts_with(SEGMENT));
        match own {
            Some(own) => Ok((Some(JobSegment { id: Some(own.id), name: own.name }), said)),
            None => Err(format!(
                "{said} None of them is called “{SEGMENT}”. Make one of that name; the Test Drive touches no other."
            )),
        }
    }

    async fn try_import(&mut self, mode: JobMode, segment: JobSegment, fields: &[Field]) -> Option<Import> {
        let request = self.import_request("import", mode, segment, fields);
        self.begin(TAKE).await;
        let found = self.announce(&request, "The job is taken.").await;
        let job = self.end(found).await?;
        let mut import = Import { job, fields: fields.to_vec(), parts: 0, received: 0, accepted: 0 };
        self.begin(AGAIN).await;
        let found = self.announce(&request, "The repeat was answered as the first.").await;
        self.end(found).await;
        self.begin(PART).await;
        let found = self.ready(&mut import).await;
        let found = match found {
            Ok(()) => self.good_part(&mut import, &[1, 2, 3]).await,
            Err(message) => Err(message),
        };
        let Some(first) = self.end(found).await else {
            self.cancel(&import.job.id).await;
            return None;
        };
        self.begin(REPEAT).await;
        let found = self.same_part(&import, &first, &[1, 2, 3]).await;
        self.end(found).await;
        self.begin(BROKEN).await;
        let found = self.broken_part(&import).await;
        self.end(found).await;
        self.bad_row(&mut import).await;
        self.begin(FINISH).await;
        let found = self.finish(&mut import).await;
        let finished = self.end(found).await;
        if finished.is_none() {
            self.cancel(&import.job.id).await;
        }
        finished.map(|()| import)
    }

    fn import_request(&self, what: &str, mode: JobMode, segment: JobSegment, fields: &[Field]) -> JobRequest {
        JobRequest {
            id: format!("job_drive{}{what}", self.label()),
            category: JobCategory::SegmentImport,
            segment,
            mode: Some(mode),
            fields: fields.to_vec(),
            limit: None,
        }
    }

    /// Waits until the job takes data.
    async fn ready(&mut self, import: &mut Import) -> Result<(), String> {
        let begun = std::time::Instant::now();
        while import.job.status == JobStatus::Pending {
            if begun.elapsed() > super::producer::JOB_PATIENCE {
                return Err(
                    "The job still was PENDING after a minute. Say WAITING_TO_RECEIVE_DATA when parts can come."
                        .to_owned(),
                );
            }
            tokio::time::sleep(std::time::Duration::from_millis(500)).await;
            let id = import.job.id.clone();
            let reply = self.ok(get(&["v1", "jobs", &id]), &[200]).await?;
            import.job = self.parsed(&reply)?;
        }
        Ok(())
    }

    async fn put(&mut self, job_id: &str, number: u32, csv: &[u8], digest_of: &[u8]) -> Result<Reply, String> {
        let number_text = number.to_string();
        let path = ["v1", "jobs", job_id, "data", number_text.as_str()];
        let ask = Ask {
            method: Method::PUT,
            headers: vec![
                ("content-type", CSV_MEDIA_TYPE.to_owned()),
                ("content-digest", format!("sha-256=:{}:", STANDARD.encode(Sha256::digest(digest_of)))),
                ("idempotency-key", format!("{job_id}.{number}")),
            ],
            body: Some(Bytes::copy_from_slice(csv)),
            ..get(&path)
        };
        self.call(ask).await
    }

    /// The result of a part, whose numbers add up.
    fn result(&self, reply: &Reply, number: u32, sent: u64) -> Result<PartResult, String> {
        if !matches!(reply.status, 200 | 201) {
            return Err(format!("The part was answered {}. The contract asks for 200.", reply.status));
        }
        let result: PartResult = self.parsed(reply)?;
        let refused = u64::try_from(result.refusals.len()).unwrap_or(u64::MAX);
        if result.part != number {
            return Err(format!("It answered for part {}, but part {number} was sent.", result.part));
        }
        if result.received != sent || result.accepted.saturating_add(refused) != sent {
            return Err(format!(
                "{sent} rows were sent; it says {} received, {} accepted and {refused} refused. Received has to be what was sent, and accepted plus refused as many.",
                result.received, result.accepted
            ));
        }
        if let Some(refusal) = result.refusals.iter().find(|refusal| refusal.row == 0 || refusal.row > sent) {
            return Err(format!(
                "It refused row {}, which was not sent. Rows count from 1, without the header.",
                refusal.row
            ));
        }
        Ok(result)
    }

    async fn good_part(&mut self, import: &mut Import, people: &[u32]) -> Found<PartResult> {
        let csv = people::csv(&import.fields, people);
        let number = import.parts + 1;
        let reply = self.put(&import.job.id, number, &csv, &csv).await?;
        let sent = people.len() as u64;
        let result = self.result(&reply, number, sent)?;
        if let Some(refusal) = result.refusals.first() {
            return Err(format!(
                "It refused a row whose values are right for their types, because of {}: {} Give examples at the step Fields when only certain values are taken.",
                refusal
                    .field
                    .as_deref()
                    .map_or_else(|| "the row as a whole".to_owned(), |field| format!("“{}”", self.told(field))),
                self.told(&refusal.reason)
            ));
        }
        import.parts = number;
        import.received += sent;
        import.accepted += result.accepted;
        Ok((result, format!("It took {sent} made-up people.")))
    }

    async fn same_part(&mut self, import: &Import, first: &PartResult, people: &[u32]) -> Found<()> {
        let csv = people::csv(&import.fields, people);
        let reply = self.put(&import.job.id, first.part, &csv, &csv).await?;
        let again = self.result(&reply, first.part, first.received)?;
        if again != *first {
            return Err("The repeat was answered otherwise than the first. Answer the same bytes under the same number with the same result, and count them once.".to_owned());
        }
        let other = people::csv(&import.fields, &[7, 8, 9]);
        let reply = self.put(&import.job.id, first.part, &other, &other).await?;
        if reply.status < 400 {
            return Err(format!(
                "Other rows under the same number were answered {}. Refuse them with 409: the first ones count.",
                reply.status
            ));
        }
        Ok(((), "The repeat was answered as the first, and other rows under its number were refused.".to_owned()))
    }

    async fn broken_part(&mut self, import: &Import) -> Found<()> {
        let csv = people::csv(&import.fields, &[4]);
        let reply = self.put(&import.job.id, import.parts + 1, &csv, b"other bytes").await?;
        match reply.status {
            400..=499 => Ok(((), format!("It refused a part that arrived broken with {}.", reply.status))),
            status => Err(format!(
                "The bytes were not those of Content-Digest, but the answer was {status}. Compare the SHA-256, and refuse with 400 or 422."
            )),
        }
    }

    async fn bad_row(&mut self, import: &mut Import) {
        let Some((csv, field)) = people::with_a_bad_row(&import.fields, &[4, 5]) else {
            let because = "None of its fields is required, so that no row has to be refused.";
            self.pass_over(BAD_ROW, because).await;
            return;
        };
        self.begin(BAD_ROW).await;
        let found = self.refusal(import, &csv, &field).await;
        self.end(found).await;
    }

    async fn refusal(&mut self, import: &mut Import, csv: &[u8], field: &str) -> Found<()> {
        let number = import.parts + 1;
        let reply = self.put(&import.job.id, number, csv, csv).await?;
        if (400..500).contains(&reply.status) {
            return Err(format!(
                "One of two rows has no “{field}”, which is required; the whole part was refused ({}). Take the good row, and list the other under “refusals”.",
                reply.status
            ));
        }
        let result = self.result(&reply, number, 2)?;
        import.parts = number;
        import.received += 2;
        import.accepted += result.accepted;
        match result.refusals.as_slice() {
            [refusal] if refusal.row == 2 && !refusal.reason.trim().is_empty() && !refusal.code.is_empty() => {
                Ok(((), format!("It refused the row without “{field}”, and said why.")))
            }
            [refusal] if refusal.row == 2 => {
                Err("It refused the bad row, but does not say why. Give each refusal a code and a reason.".to_owned())
            }
            _ => Err(format!(
                "The second of two rows has no “{field}”, which is required. Refuse that row, and no other."
            )),
        }
    }

    async fn finish(&mut self, import: &mut Import) -> Found<()> {
        let id = import.job.id.clone();
        let report = StatusReport::complete(import.parts, import.received);
        let path = ["v1", "jobs", id.as_str(), "status"];
        let reply = self.ok(json(Method::PUT, &path, &report), &[200, 202]).await?;
        let job: Job = self.parsed(&reply)?;
        let (job, _) = self.finished(job).await?;
        let refused = import.received - import.accepted;
        if job.counts.accepted != import.accepted || job.counts.refused != refused {
            return Err(format!(
                "Of {} rows {} were accepted and {refused} refused, part by part; the job counts {} and {}. A receipt would not add up.",
                import.received, import.accepted, job.counts.accepted, job.counts.refused
            ));
        }
        let right = if refused == 0 { JobStatus::Complete } else { JobStatus::CompleteWithRejects };
        if job.status != right {
            return Err("With refused rows a job ends as COMPLETE_WITH_REJECTS, without as COMPLETE.".to_owned());
        }
        // A repeat after an answer that got lost.
        let reply = self.ok(json(Method::PUT, &path, &report), &[200, 202]).await?;
        let again: Job = self.parsed(&reply)?;
        if again.status != job.status || again.counts != job.counts {
            return Err("Told again that all was sent, it answered otherwise. Answer a repeat as the first.".to_owned());
        }
        let segment = job.segment.clone();
        if segment.id.is_none() {
            return Err("It does not say which id the new segment has. Put it into “segment” of the job.".to_owned());
        }
        import.job = job;
        Ok((
            (),
            format!("All adds up: {} rows sent, {} accepted, {refused} refused.", import.received, import.accepted),
        ))
    }

    /// One import from its job to its end.
    async fn whole(&mut self, mode: JobMode, segment: JobSegment, fields: &[Field], people: &[u32]) -> Found<Import> {
        let what = if mode == JobMode::Remove { "remove" } else { "replace" };
        let request = self.import_request(what, mode, segment, fields);
        let (job, _) = self.announce(&request, "").await?;
        let mut import = Import { job, fields: fields.to_vec(), parts: 0, received: 0, accepted: 0 };
        let done = self.whole_of(&mut import, people).await;
        match done {
            Ok(()) => {
                let said = match mode {
                    JobMode::Remove => "It removed one of the made-up people.",
                    JobMode::Add | JobMode::Replace => "It replaced the members by two made-up people.",
                };
                Ok((import, said.to_owned()))
            }
            Err(message) => {
                self.cancel(&import.job.id).await;
                Err(message)
            }
        }
    }

    async fn whole_of(&mut self, import: &mut Import, people: &[u32]) -> Result<(), String> {
        self.ready(import).await?;
        self.good_part(import, people).await?;
        self.finish(import).await.map(|_| ())
    }

    /// Calls off a job that came to nothing, so that it does not stay open there. Whether it worked changes no verdict.
    async fn cancel(&mut self, job_id: &str) {
        let report = StatusReport::ended(JobStatus::Canceled, "The Test Drive ended before this job did.");
        let _ = self.call(json(Method::PUT, &["v1", "jobs", job_id, "status"], &report)).await;
    }
}
