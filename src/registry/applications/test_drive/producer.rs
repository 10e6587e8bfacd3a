//! A PULL producer: its list, page by page and one by one, and an export from the job to the last byte.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};
use model::{
    contract::{Job, JobCategory, JobRequest, JobSegment, JobStatus, Page, Segment},
    rows::{RawRow, RowError, RowReader},
};
use reqwest::Method;
use sha2::{Digest, Sha256};

use super::drive::{Drive, Found, get, json};
use crate::outbound::{Ask, Reply};

const LIST: &str = "List its audiences";
const PAGES: &str = "Page through the list";
const DETAIL: &str = "Show one audience";
const NOT_THERE: &str = "Say that something is not there";
const TAKE: &str = "Take an export job";
const AGAIN: &str = "Take the same export job again";
const FINISH: &str = "Finish the export";
const HAND_OUT: &str = "Hand out the data";

pub(super) const STEPS: [&str; 8] = [LIST, PAGES, DETAIL, NOT_THERE, TAKE, AGAIN, FINISH, HAND_OUT];

/// Rows that are asked for.
const ROWS: u64 = 20;
/// Bytes of an export at most; who ignores the limit of rows may send more than was asked for.
const MOST_DATA: usize = 32 * 1024 * 1024;
/// How long a job is waited for.
pub(super) const JOB_PATIENCE: Duration = Duration::from_secs(60);
const ASK_EVERY: Duration = Duration::from_millis(500);
/// Pages that are walked through.
const MOST_PAGES: usize = 5;

impl Drive {
    pub(super) async fn try_producer(&mut self) {
        self.begin(LIST).await;
        let found = self.list("producer").await;
        let listed = self.end(found).await.unwrap_or_default();
        let Some(segment) = listed.first().cloned() else { return };
        self.begin(PAGES).await;
        let found = self.pages(listed.len()).await;
        self.end(found).await;
        self.begin(DETAIL).await;
        let found = self.detail(&segment).await;
        self.end(found).await;
        self.begin(NOT_THERE).await;
        let found = self.not_there().await;
        self.end(found).await;
        let request = JobRequest {
            id: format!("job_drive{}export", self.label()),
            category: JobCategory::SegmentExport,
            segment: JobSegment { id: Some(segment.id.clone()), name: segment.name.clone() },
            mode: None,
            fields: segment.fields.clone(),
            limit: Some(ROWS),
        };
        self.begin(TAKE).await;
        let found = self.announce(&request, "The job is taken.").await;
        let Some(job) = self.end(found).await else { return };
        self.begin(AGAIN).await;
        let found = self.announce(&request, "The repeat was answered as the first.").await;
        self.end(found).await;
        self.begin(FINISH).await;
        let found = self.finished(job).await;
        let Some(job) = self.end(found).await else { return };
        self.begin(HAND_OUT).await;
        let found = self.hand_out(&request, &job).await;
        self.end(found).await;
    }

    /// `GET v1/segments` of one side.
    pub(super) async fn list(&mut self, side: &str) -> Found<Vec<Segment>> {
        let ask =
            Ask { query: vec![("limit", "500".to_owned()), ("side", side.to_owned())], ..get(&["v1", "segments"]) };
        let reply = self.ok(ask, &[200]).await?;
        let page: Page<Segment> = self.parsed(&reply)?;
        if side == "producer" {
            if page.items.is_empty() {
                return Err(
                    "It lists no audience. Make one with a few made-up people, so that an export can be tried."
                        .to_owned(),
                );
            }
            if let Some(segment) = page.items.iter().find(|segment| segment.fields.is_empty()) {
                let name = self.told(&segment.name);
                return Err(format!("The audience “{name}” has no fields. Say for each which columns it has."));
            }
        }
        if let Some(segment) = page.items.iter().find(|segment| {
            segment.id.is_empty()
                || segment.id.len() > 200
                || segment.id.chars().any(char::is_control)
                || segment.name.is_empty()
        }) {
            let name = self.told(&segment.name);
            return Err(format!(
                "The segment “{name}” has no fit id or name. An id has 1 to 200 bytes and no control characters."
            ));
        }
        let what = if side == "producer" { "audience" } else { "segment" };
        let count = page.items.len();
        let more = if page.next.is_some() { " on the first page" } else { "" };
        Ok((page.items, format!("It lists {count} {what}{}{more}.", if count == 1 { "" } else { "s" })))
    }

    async fn pages(&mut self, listed: usize) -> Found<()> {
        let mut seen: Vec<String> = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let mut query = vec![("limit", "1".to_owned()), ("side", "producer".to_owned())];
            query.extend(cursor.clone().map(|cursor| ("cursor", cursor)));
            let reply = self.ok(Ask { query, ..get(&["v1", "segments"]) }, &[200]).await?;
            let page: Page<Segment> = self.parsed(&reply)?;
            if page.items.len() > 1 {
                return Err(format!(
                    "Asked for one segment a page (limit=1) it sent {}. Send at most as many as limit says.",
                    page.items.len()
                ));
            }
            for segment in page.items {
                if seen.contains(&segment.id) {
                    let name = self.told(&segment.name);
                    return Err(format!(
                        "“{name}” came on two pages. Begin each page after the last segment of the one before."
                    ));
                }
                seen.push(segment.id);
            }
            match page.next {
                None if seen.len() < listed.min(MOST_PAGES) => {
                    return Err(format!(
                        "It lists {listed} segments, but its pages ended after {}. Name the next page in “next” until all were sent.",
                        seen.len()
                    ));
                }
                None => return Ok(((), format!("All pages were sent: {} of one segment each.", seen.len()))),
                Some(_) if seen.len() >= MOST_PAGES => {
                    return Ok(((), format!("The first {MOST_PAGES} pages came in order, each once.")));
                }
                Some(next) if cursor.as_ref() == Some(&next) => {
                    return Err("A page names itself as the next one; nobody would come to the end.".to_owned());
                }
                Some(next) => cursor = Some(next),
            }
        }
    }

    async fn detail(&mut self, listed: &Segment) -> Found<()> {
        let reply = self.ok(get(&["v1", "segments", &listed.id]), &[200]).await?;
        let segment: Segment = self.parsed(&reply)?;
        if segment.id != listed.id {
            return Err("It answered with another segment than was asked for.".to_owned());
        }
        let names = |segment: &Segment| segment.fields.iter().map(|field| field.name.clone()).collect::<Vec<_>>();
        if names(&segment) != names(listed) {
            return Err("Its fields are others here than in the list. Make both say the same.".to_owned());
        }
        Ok((
            (),
            format!("It shows “{}” as in the list, with {} fields.", self.told(&segment.name), segment.fields.len()),
        ))
    }

    async fn not_there(&mut self) -> Found<()> {
        for path in [["v1", "segments", "usher-test-drive-no-such"], ["v1", "jobs", "job_drive-no-such"]] {
            let reply = self.call(get(&path)).await?;
            if reply.status != 404 {
                return Err(format!(
                    "{} does not exist, but the answer was {}. Answer 404.",
                    path.join("/"),
                    reply.status
                ));
            }
        }
        Ok(((), "It answers 404 for what is not there.".to_owned()))
    }

    /// `POST v1/jobs`.
    pub(super) async fn announce(&mut self, request: &JobRequest, said: &str) -> Found<Job> {
        let mut ask = json(Method::POST, &["v1", "jobs"], request);
        ask.headers.push(("idempotency-key", request.id.clone()));
        let reply = self.ok(ask, &[200, 201, 202]).await?;
        let job: Job = self.parsed(&reply)?;
        if job.id != request.id || job.category != request.category {
            return Err("It answered with another job than was announced. Keep the job’s id and category.".to_owned());
        }
        if matches!(job.status, JobStatus::Failed | JobStatus::Canceled | JobStatus::Expired) {
            return Err(failed(self, &job));
        }
        Ok((job, said.to_owned()))
    }

    /// Asks until a job has ended well.
    pub(super) async fn finished(&mut self, first: Job) -> Found<Job> {
        let begun = std::time::Instant::now();
        let mut job = first;
        loop {
            match job.status {
                JobStatus::Complete | JobStatus::CompleteWithRejects => {
                    return Ok((job, "The job is complete.".to_owned()));
                }
                JobStatus::Failed | JobStatus::Canceled | JobStatus::Expired => return Err(failed(self, &job)),
                JobStatus::Pending | JobStatus::WaitingToReceiveData | JobStatus::Running => {}
            }
            if begun.elapsed() > JOB_PATIENCE {
                return Err(format!(
                    "The job was not complete after {} s. Try it with a small audience.",
                    JOB_PATIENCE.as_secs()
                ));
            }
            if begun.elapsed() > Duration::ZERO && job.status != JobStatus::Complete {
                tokio::time::sleep(ASK_EVERY.min(begun.elapsed())).await;
            }
            let id = job.id.clone();
            let reply = self.ok(get(&["v1", "jobs", &id]), &[200]).await?;
            job = self.parsed(&reply)?;
            if job.id != id {
                return Err("It answered with another job than was asked for.".to_owned());
            }
        }
    }

    async fn hand_out(&mut self, request: &JobRequest, job: &Job) -> Found<()> {
        let mut rows = 0;
        if job.parts.is_empty() {
            let data = self.data(&["v1", "jobs", &job.id, "data"]).await?;
            rows += self.counted(request, &data)?;
        }
        for part in &job.parts {
            let number = part.number.to_string();
            let data = self.data(&["v1", "jobs", &job.id, "data", &number]).await?;
            let counted = self.counted(request, &data)?;
            if part.rows.is_some_and(|declared| declared != counted) {
                return Err(format!(
                    "Part {number} has {counted} rows; its job says {}.",
                    part.rows.unwrap_or_default()
                ));
            }
            let digest = hex::encode(Sha256::digest(&data.body));
            if part.sha256.as_ref().is_some_and(|declared| *declared != digest) {
                return Err(format!(
                    "The SHA-256 of part {number} is not what its job says. It is that of the CSV, in lower-case hexadecimal."
                ));
            }
            rows += counted;
        }
        if job.counts.rows != 0 && job.counts.rows != rows {
            return Err(format!("The job says {} rows, but {rows} came. A receipt would not add up.", job.counts.rows));
        }
        Ok(((), format!("{rows} rows came, with all {} fields that were asked for.", request.fields.len())))
    }

    async fn data(&mut self, path: &[&str]) -> Result<Reply, String> {
        let reply = self.ok(Ask { most: MOST_DATA, ..get(path) }, &[200]).await?;
        let media_type = reply.headers.get("content-type").and_then(|value| value.to_str().ok()).unwrap_or_default();
        if !media_type.to_ascii_lowercase().starts_with("text/csv") {
            return Err(format!("It sent {} instead of text/csv.", self.told(media_type)));
        }
        let announced = reply.headers.get("content-digest").and_then(|value| value.to_str().ok());
        let right = format!("sha-256=:{}:", STANDARD.encode(Sha256::digest(&reply.body)));
        // What was unpacked on its way has other bytes than those of the digest, and its length is not told any more.
        let is_as_sent = reply.headers.get("content-length").is_some();
        if is_as_sent && announced.is_some_and(|text| text.contains("sha-256=:") && !text.contains(&right)) {
            return Err("Content-Digest is not the SHA-256 of what was sent (RFC 9530).".to_owned());
        }
        Ok(reply)
    }

    /// Counts the rows of data whose header has every field that was asked for.
    fn counted(&self, request: &JobRequest, data: &Reply) -> Result<u64, String> {
        let mut reader = RowReader::new();
        let mut wrong: Option<String> = None;
        let mut on_row = |row: RawRow<'_>| {
            if wrong.is_none() {
                if row.values.columns() != row.header.len() {
                    let (came, expected) = (row.values.columns(), row.header.len());
                    wrong = Some(format!("The row at line {} has {came} values; the header has {expected}.", row.line));
                } else if !row.is_utf8() {
                    wrong = Some(format!("The row at line {} is not UTF-8.", row.line));
                }
            }
            Ok::<(), RowError>(())
        };
        let read = reader.feed(&data.body, &mut on_row).and_then(|()| reader.finish(&mut on_row));
        read.map_err(|error| format!("The CSV can’t be read: {error}."))?;
        if let Some(wrong) = wrong {
            return Err(wrong);
        }
        let header = reader.header().unwrap_or_default();
        match request.fields.iter().find(|field| !header.contains(&field.name)) {
            Some(field) => Err(format!(
                "The header has no column “{}”, which was asked for. Send a header with every field of the job.",
                self.told(&field.name)
            )),
            None => Ok(reader.rows()),
        }
    }
}

/// Why a job did not go on, as the application says.
fn failed(drive: &Drive, job: &Job) -> String {
    let why = job.problem.as_ref().map(|problem| problem.detail.clone().unwrap_or_else(|| problem.title.clone()));
    match why {
        Some(why) => format!("The job ended without success. It says: {}", drive.told(&why)),
        None => "The job ended without success, and it does not say why. Say it in “problem”.".to_owned(),
    }
}
