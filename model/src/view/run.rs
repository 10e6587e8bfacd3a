//! Runs: the list and what narrows it, and one on its page with its parts, its samples of rejects and its timeline.

use serde::{Deserialize, Serialize};

use crate::{
    id::{EndpointId, RunId, ShareId},
    run::{Failure, Hold, LeftEmpty, Mode, RejectGroup, RunCounts, RunState},
};

/// What to list of the runs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunQuery {
    /// Words in the audience's, endpoints' or segment's name.
    pub text: String,
    /// Only in this state.
    pub state: Option<RunState>,
    /// Only those that have not ended.
    pub under_way: bool,
    /// Only those of this share.
    pub share: Option<ShareId>,
    /// Only those from or to this endpoint.
    pub endpoint: Option<EndpointId>,
    /// Only those that were asked for within so many hours.
    pub within_hours: Option<u32>,
    /// Only those before this place in the list, as the page before it named it.
    pub before: Option<String>,
}

/// What runs can be narrowed by.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunChoices {
    /// Shares that have been used: "Customers to Beacon Mail".
    pub shares: Vec<(ShareId, String)>,
    /// Endpoints.
    pub endpoints: Vec<(EndpointId, String)>,
}

/// A run in a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunSummary {
    /// Its id.
    pub id: RunId,
    /// The share.
    pub share_id: ShareId,
    /// Where it is.
    pub state: RunState,
    /// The audience's name.
    pub audience_name: String,
    /// The endpoint that it comes from.
    pub source_name: String,
    /// The endpoint that it goes to.
    pub destination_name: String,
    /// The segment there.
    pub destination_segment: String,
    /// How it changes that segment.
    pub mode: Mode,
    /// What was counted so far.
    pub counts: RunCounts,
    /// When it was asked for.
    pub created_at: String,
    /// When a worker first took it up.
    pub started_at: Option<String>,
    /// When it ended.
    pub finished_at: Option<String>,
}

/// One page of runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunPage {
    /// At most 50, newest first.
    pub items: Vec<RunSummary>,
    /// All that match, on every page.
    pub total: u64,
    /// Where the next page begins, when there is one.
    pub older: Option<String>,
}

/// What a run's page shows beside the run itself.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct BesideRun {
    /// The run of the same share before it that ended well.
    pub previous: Option<RunSummary>,
    /// Its parts in order, at most 200.
    pub parts: Vec<PartView>,
    /// A few of the values for which rows were left out, hidden but for their form; none for those who only look.
    pub samples: Vec<RejectSample>,
}

/// What some of the rows had in the field for which they were left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RejectSample {
    /// What was wrong, as the file of rejects says it.
    pub code: String,
    /// The destination's field.
    pub field: String,
    /// At most three values, each masked.
    pub values: Vec<String>,
}

/// A part of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartView {
    /// Its number.
    pub number: u32,
    /// Rows in it.
    pub rows: u64,
    /// Bytes in it.
    pub bytes: u64,
    /// How often it was on its way.
    pub attempts: u32,
    /// When the destination took it.
    pub acknowledged_at: Option<String>,
    /// Rows that the destination took of it.
    pub accepted: u64,
    /// Rows that it refused.
    pub refused: u64,
}

/// A run's page; also what its events carry.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunView {
    /// What the list shows.
    pub summary: RunSummary,
    /// Counts up with each change.
    pub version: u64,
    /// A person let it rest.
    pub paused: bool,
    /// What it waits for, as a sentence ("Waiting for Beacon Mail: it asked for 20 s").
    pub waiting: Option<String>,
    /// Why it failed, when it did.
    pub failure: Option<Failure>,
    /// Why it is held for approval, when it is.
    pub hold: Option<Hold>,
    /// Rows left out, by reason, the most first.
    pub left_out: Vec<RejectGroup>,
    /// Values sent empty because they did not fit, by field and reason, the most first.
    pub left_empty: Vec<LeftEmpty>,
    /// Parts written so far.
    pub parts: u32,
    /// Of these, acknowledged.
    pub parts_acknowledged: u32,
    /// How often calls were tried again.
    pub retries: u32,
    /// What happened when, oldest first, at most 100.
    pub timeline: Vec<TimelineEntry>,
    /// There are rejects to download.
    pub has_rejects: bool,
    /// When what is kept of the run's rows is removed; none while it is under way, and when nothing is kept.
    pub kept_until: Option<String>,
    /// The receipt's digest, once there is a receipt.
    pub receipt_sha256: Option<String>,
    /// Which version of the mapping it uses.
    pub mapping_version: u32,
}

/// One thing that happened in a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimelineEntry {
    /// When.
    pub at: String,
    /// What, as a sentence.
    pub message: String,
}
