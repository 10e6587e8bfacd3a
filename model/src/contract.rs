//! The messages between Usher and endpoints, v1 (`contract.md`; the OpenAPI document is the letter).
//!
//! Unknown fields are ignored everywhere, because new ones may come at any time. Times are RFC 3339 in UTC, kept as text here, since
//! this crate has no clock. Nothing here is Usher's own view of a thing: those are in [`crate::view`].

use serde::{Deserialize, Serialize};

use crate::field::Field;

/// Rows a part holds at most, by default.
pub const PART_ROWS: u64 = 50_000;
/// Bytes of CSV a part holds at most, by default.
pub const PART_BYTES: u64 = 8 * 1024 * 1024;
/// Columns an audience has at most.
pub const MAX_COLUMNS: usize = 512;
/// Bytes one row has at most.
pub const MAX_ROW_BYTES: usize = 1024 * 1024;
/// The media type of audience data.
pub const CSV_MEDIA_TYPE: &str = "text/csv; charset=utf-8; header=present";
/// The media type of an error (RFC 9457).
pub const PROBLEM_MEDIA_TYPE: &str = "application/problem+json";

/// An audience as its producer tells it, or a destination's existing segment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Segment {
    /// The endpoint's own id, opaque: 1 to 200 bytes, no control characters.
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 200))]
    pub id: String,
    /// The name for people.
    #[cfg_attr(feature = "openapi", schema(min_length = 1))]
    pub name: String,
    /// What it holds, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// How many members it has.
    #[serde(default)]
    pub size: Option<u64>,
    /// Whether `size` is only near the truth.
    #[serde(default)]
    pub size_is_estimate: bool,
    /// When its content last changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<String>,
    /// Its columns, 1 to 512.
    #[cfg_attr(feature = "openapi", schema(max_items = 512))]
    #[serde(default)]
    pub fields: Vec<Field>,
    /// Words to find it by.
    #[serde(default)]
    pub tags: Vec<String>,
    /// Where it comes from and what it may be used for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<SegmentLabel>,
    /// What its values are like, counted over all rows. Counts only, never a value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub statistics: Option<SegmentStatistics>,
}

/// What a producer declares about an audience's origin and use, for those who decide whether to share it. Each text has at most 500 characters.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SegmentLabel {
    /// Where the people come from: "Own shop, account sign-up".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provenance: Option<String>,
    /// How often it is made anew: "Daily".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh_cadence: Option<String>,
    /// What allows its use: "Consent to marketing (opt-in)".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consent_basis: Option<String>,
    /// Whom to ask about it: "CRM team".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
}

/// What a producer counted over an audience.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SegmentStatistics {
    /// Rows that were counted.
    pub rows: u64,
    /// Field by field.
    #[cfg_attr(feature = "openapi", schema(max_items = 512))]
    #[serde(default)]
    pub fields: Vec<FieldStatistics>,
}

/// What a producer counted over one field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FieldStatistics {
    /// The field's name.
    pub name: String,
    /// Rows with a value in it.
    pub filled: u64,
    /// Different values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub distinct: Option<u64>,
}

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Page<T> {
    /// At most `limit` of them.
    pub items: Vec<T>,
    /// The cursor of the next page.
    pub next: Option<String>,
}

/// How data moves on one side of an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "UPPERCASE")]
pub enum Movement {
    /// Usher (producer side) or the endpoint (consumer side) fetches.
    Pull,
    /// The endpoint (producer side) or Usher (consumer side) sends.
    Push,
}

/// What a consumer can do with a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "UPPERCASE")]
pub enum JobMode {
    /// Add the listed people.
    Add,
    /// The listed people, and nobody else.
    Replace,
    /// Remove the listed people.
    Remove,
}

/// What a consumer supports.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DeliveryOptions {
    /// The modes it takes.
    pub modes: Vec<JobMode>,
    /// A new segment can be named.
    #[serde(default)]
    pub new_segment: bool,
    /// Its existing segments can be chosen; it then answers `GET v1/segments`.
    #[serde(default)]
    pub existing_segment: bool,
    /// Rows it takes in one part; Usher's limit when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows_per_part: Option<u64>,
    /// Rows that it takes in a second, over all that is sent to it; as many as come when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows_per_second: Option<u64>,
    /// Days after which it forgets a member that was not sent again; it keeps them when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub member_lifetime_days: Option<u32>,
}

/// The side of an endpoint that offers audiences.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ProducerSide {
    /// PULL or PUSH.
    pub movement: Movement,
}

/// The side of an endpoint that takes audiences.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ConsumerSide {
    /// PULL or PUSH.
    pub movement: Movement,
    /// What it can do.
    pub delivery: DeliveryOptions,
    /// The fields that it takes.
    pub fields: Vec<Field>,
}

/// What an endpoint says of itself: a part of the body of `PUT /v1/endpoint`, and the answer of an endpoint's own `GET v1/endpoint`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EndpointDescription {
    /// The name for people.
    pub name: String,
    /// What it is, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Present when it offers audiences.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub producer: Option<ProducerSide>,
    /// Present when it takes audiences.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consumer: Option<ConsumerSide>,
}

/// The body of `PUT /v1/endpoint`: what an endpoint says of itself, and, when Usher calls it, where and with what key.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EndpointRegistration {
    /// What it is.
    #[serde(flatten)]
    pub description: EndpointDescription,
    /// Where Usher calls it: the contract's paths stand below. As it was when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(max_length = 500))]
    pub url: Option<String>,
    /// What Usher shows it, as `Authorization: Bearer`. As it was when absent; another host wants another key. It is never told again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 1000, write_only))]
    pub authentication_key: Option<String>,
}

impl std::fmt::Debug for EndpointRegistration {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let key = self.authentication_key.as_ref().map(|_| "[key]");
        f.debug_struct("EndpointRegistration")
            .field("description", &self.description)
            .field("url", &self.url)
            .field("authentication_key", &key)
            .finish()
    }
}

impl From<EndpointDescription> for EndpointRegistration {
    fn from(description: EndpointDescription) -> Self {
        Self { description, url: None, authentication_key: None }
    }
}

/// The answer of `GET v1/health`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Health {
    /// `ok`, or a word for what is wrong.
    pub status: String,
}

/// What a job is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum JobCategory {
    /// Give the data of this segment, these fields.
    SegmentExport,
    /// Take this data into this segment.
    SegmentImport,
}

/// How far a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum JobStatus {
    /// Announced, not begun.
    Pending,
    /// The side that sends may send.
    WaitingToReceiveData,
    /// Under way.
    Running,
    /// Done. An export is ready to be fetched.
    Complete,
    /// Done; some rows were refused.
    CompleteWithRejects,
    /// It went wrong; `problem` says why.
    Failed,
    /// Called off.
    Canceled,
    /// Never fetched in time.
    Expired,
}

impl JobStatus {
    /// Nothing more will happen.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Complete | Self::CompleteWithRejects | Self::Failed | Self::Canceled | Self::Expired)
    }
}

/// The segment that a job reads or writes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct JobSegment {
    /// The endpoint's id of an existing segment; absent when a new one is to be made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The name of the segment.
    pub name: String,
}

/// The body of `POST v1/jobs`: Usher announces a job. A repeat with the same `id` is answered as the first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct JobRequest {
    /// Usher's id of the job; the endpoint uses it from now on.
    pub id: String,
    /// Export or import.
    pub category: JobCategory,
    /// What to read or write.
    pub segment: JobSegment,
    /// For an import.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<JobMode>,
    /// The columns, in the order in which they are sent; for an export at least these.
    pub fields: Vec<Field>,
    /// For an export: no more rows than this are wanted (samples). Endpoints may ignore it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
}

/// One part of an export, when it is ready.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct JobPart {
    /// From 1.
    pub number: u32,
    /// Data rows, without the header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<u64>,
    /// Bytes of CSV, before any content encoding.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// SHA-256 of the CSV, lower-case hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}

/// What a job counted so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct JobCounts {
    /// Data rows that the sending side says there are.
    #[serde(default)]
    pub rows: u64,
    /// Of these, taken.
    #[serde(default)]
    pub accepted: u64,
    /// Of these, refused.
    #[serde(default)]
    pub refused: u64,
}

/// A job, as either side tells it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Job {
    /// Usher's id.
    pub id: String,
    /// Export or import.
    pub category: JobCategory,
    /// How far it is.
    pub status: JobStatus,
    /// What it reads or writes; for a new segment `id` is there once it was made.
    pub segment: JobSegment,
    /// For an import.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<JobMode>,
    /// For an export that is ready. Absent or empty: fetch `data` as a whole.
    #[serde(default)]
    pub parts: Vec<JobPart>,
    /// What was counted.
    #[serde(default)]
    pub counts: JobCounts,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<Problem>,
}

/// A row that the consumer does not take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Refusal {
    /// The data row within the part, from 1.
    pub row: u64,
    /// The consumer's code.
    pub code: String,
    /// The field concerned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// A sentence for people.
    pub reason: String,
}

/// The answer to `PUT v1/jobs/{jobId}/data/{part}`. A repeat of a part with the same digest gets the same answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PartResult {
    /// The part, from 1.
    pub part: u32,
    /// Rows that came; `accepted` plus the refusals.
    pub received: u64,
    /// Rows that were taken.
    pub accepted: u64,
    /// Rows that were not.
    #[serde(default)]
    pub refusals: Vec<Refusal>,
}

/// The body of `PUT v1/jobs/{jobId}/status`: the sending side says that all was sent, the side that fetches says what became of it, or
/// either calls the job off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StatusReport {
    /// `COMPLETE` (all was sent, or all was fetched and dealt with), `CANCELED` or `FAILED`; `RUNNING` from a PULL consumer that reports
    /// what became of some parts while it goes on.
    pub status: JobStatus,
    /// How many parts there are in all.
    #[serde(default)]
    pub parts: u32,
    /// How many rows were sent or read in all.
    #[serde(default)]
    pub rows: u64,
    /// Why it was called off, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// From a PULL consumer: what became of each part's rows. Each part once; a repeat must say the same.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub results: Vec<PartResult>,
    /// From a PULL consumer that made a new segment: its id there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub segment_id: Option<String>,
}

impl StatusReport {
    /// That all is done: so many parts, so many rows.
    pub fn complete(parts: u32, rows: u64) -> Self {
        Self { status: JobStatus::Complete, parts, rows, reason: None, results: Vec::new(), segment_id: None }
    }

    /// That the job ends, or ended, otherwise, with the reason for people.
    pub fn ended(status: JobStatus, reason: impl Into<String>) -> Self {
        Self { status, parts: 0, rows: 0, reason: Some(reason.into()), results: Vec::new(), segment_id: None }
    }
}

/// A job that Usher keeps for an endpoint which fetches or sends by itself: the answers of Usher's `GET /v1/jobs` and `GET /v1/jobs/{jobId}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct HostedJob {
    /// The job. `parts` is what a PULL consumer can fetch; for an export `GET /v1/jobs/{jobId}/data` lists what has arrived.
    #[serde(flatten)]
    pub job: Job,
    /// The columns: those asked for (export), or those that every part has, in this order (import).
    pub fields: Vec<Field>,
    /// When it was made.
    pub created_at: String,
    /// When it expires unless it has ended before.
    pub expires_at: String,
}

/// The answers of Usher's `GET /v1/endpoint` and `PUT /v1/endpoint`: who an endpoint key belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RegisteredEndpoint {
    /// Usher's id of the endpoint.
    pub id: String,
    /// What it said of itself.
    #[serde(flatten)]
    pub description: EndpointDescription,
    /// Where Usher calls it, when it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

/// The body of `PUT /v1/endpoint/webhook`: where an endpoint that calls Usher wants to be told of its jobs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct WebhookAddress {
    /// Begins with https:// (or http://), without user name and password; at most 500 characters.
    #[cfg_attr(feature = "openapi", schema(format = "uri", max_length = 500))]
    pub url: String,
}

/// Whether an endpoint is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum WebhookState {
    /// It is told.
    Active,
    /// Not yet: an admin has to make a secret on the endpoint's page, with which messages are signed.
    NoSecret,
    /// Not any more: its messages were not taken for days. Declaring it again turns it on.
    Disabled,
}

/// The answers of `GET` and `PUT /v1/endpoint/webhook`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Webhook {
    /// Where it is told.
    pub url: String,
    /// Whether it is told.
    pub state: WebhookState,
    /// Why it was turned off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}

/// What a message to a webhook is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum WebhookEventKind {
    /// There is a new job.
    #[serde(rename = "job.ready")]
    JobReady,
    /// Usher ended a job: it was called off, or has expired.
    #[serde(rename = "job.changed")]
    JobChanged,
}

/// A message to a webhook (Standard Webhooks): signed, and with no word about people. Ask for the job to know more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct WebhookEvent {
    /// What happened.
    #[serde(rename = "type")]
    pub kind: WebhookEventKind,
    /// When it happened.
    pub timestamp: String,
    /// To what.
    pub data: WebhookData,
}

/// Which job a message is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct WebhookData {
    /// Usher's id of the job.
    pub job_id: String,
    /// Export or import.
    pub category: JobCategory,
}

/// An error answer (RFC 9457), with a documented `code`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Problem {
    /// A URI of the kind of problem; `about:blank` when absent.
    #[serde(rename = "type", default = "about_blank")]
    pub problem_type: String,
    /// The kind, for people.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What happened here, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// Stable, for programs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
}

fn about_blank() -> String {
    "about:blank".to_owned()
}
