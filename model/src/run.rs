//! Runs: their states, what moves them from one to the next, what is counted, and the receipt.
//!
//! The state machine is here so that the server, the tests and the pages agree on it. Who claims a run, and when, is the hub's matter.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{contract::JobMode, reject::RejectCode};

/// How a share changes the destination's segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Add the people of the audience.
    Add,
    /// The people of the audience, and nobody else.
    Replace,
    /// Remove the people of the audience.
    Remove,
    /// Keep the segment in step with the audience: add who is new, send again who changed, remove who left; of the people whom this share
    /// has sent. Nobody else in the segment is touched.
    Mirror,
}

impl Mode {
    /// Every mode, in the order in which they are offered.
    pub const ALL: [Self; 4] = [Self::Add, Self::Replace, Self::Mirror, Self::Remove];

    /// The word in the database, in forms and on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Add => "add",
            Self::Replace => "replace",
            Self::Remove => "remove",
            Self::Mirror => "mirror",
        }
    }

    /// The words for people.
    pub fn label(self) -> &'static str {
        match self {
            Self::Add => "Add",
            Self::Replace => "Replace",
            Self::Remove => "Remove",
            Self::Mirror => "Mirror",
        }
    }

    /// The jobs with the consumer, in order. Who left goes first: should somebody's identifiers have changed, the new ones are added after
    /// the old ones are gone.
    pub fn jobs(self) -> &'static [JobMode] {
        match self {
            Self::Add => &[JobMode::Add],
            Self::Replace => &[JobMode::Replace],
            Self::Remove => &[JobMode::Remove],
            Self::Mirror => &[JobMode::Remove, JobMode::Add],
        }
    }

    /// Every mode that a consumer which takes these jobs makes possible.
    pub fn is_possible(self, taken: &[JobMode]) -> bool {
        self.jobs().iter().all(|job| taken.contains(job))
    }

    /// The mode to begin with at a destination: the one that was chosen before, else the first that it makes possible. A new segment has nobody to
    /// remove.
    pub fn first_fit(chosen: Option<Self>, taken: &[JobMode], is_new_segment: bool) -> Option<Self> {
        let fits = |mode: &Self| mode.is_possible(taken) && !(*mode == Self::Remove && is_new_segment);
        chosen.into_iter().chain(Self::ALL).find(fits)
    }

    /// Whether a run may take people out of a segment that is there already.
    pub fn takes_away(self) -> bool {
        matches!(self, Self::Replace | Self::Remove | Self::Mirror)
    }
}

/// What is done with rows of one audience that have the same identifiers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Duplicates {
    /// All are sent; the destination decides.
    #[default]
    Keep,
    /// The first is sent, the others are rejected.
    First,
    /// The last is sent, the others are rejected.
    Last,
}

impl Duplicates {
    /// Every choice, in the order in which they are offered.
    pub const ALL: [Self; 3] = [Self::Keep, Self::Last, Self::First];

    /// The word in the database, in forms and on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::First => "first",
            Self::Last => "last",
        }
    }

    /// The choice of that word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|choice| choice.as_str() == word)
    }

    /// What a mode does with them: a mirror knows each person once.
    pub fn within(self, mode: Mode) -> Self {
        match (self, mode) {
            (Self::Keep, Mode::Mirror) => Self::Last,
            (choice, _) => choice,
        }
    }
}

/// What a mirror found, compared with what this share had sent before. Rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changes {
    /// Not sent before.
    pub added: u64,
    /// Sent before, with other values.
    pub changed: u64,
    /// Sent before, and no longer in the audience.
    pub removed: u64,
    /// Sent before just as they are; not sent again.
    pub unchanged: u64,
}

/// Where a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// Waiting for a worker.
    Queued,
    /// The producer was asked for an export and prepares it.
    Exporting,
    /// Rows are read, checked, mapped and written into parts. Nothing was sent yet.
    Reading,
    /// All was read, and it would shrink the destination's segment beyond the share's limit. A person approves it or declines.
    Held,
    /// All was read and the counts agree; the parts are on their way to the destination.
    Delivering,
    /// All parts were acknowledged; the destination was told so and finishes.
    Completing,
    /// Done, every row.
    Complete,
    /// Done; some rows were rejected or refused, and are in the rejects.
    CompleteWithRejects,
    /// It could not go on. A person can retry it.
    Failed,
    /// A person called it off.
    Canceled,
    /// It was only to find out what would happen, and did; nothing was sent.
    Checked,
}

/// What moves a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunEvent {
    /// A worker took it up and asks the producer for an export.
    ExportAsked,
    /// The producer's data is ready.
    ExportReady,
    /// What was being read has to be read again from the start (the connection broke, the process ended); its parts were dropped.
    ReadAgain,
    /// All rows were read and the counts agree.
    ReadWhole,
    /// All rows were read, but what they would do to the segment wants a person's approval first.
    Hold,
    /// All rows were read, and what would happen was all that was asked.
    Check,
    /// A person approved it.
    Approve,
    /// Every part was acknowledged.
    Delivered,
    /// The destination finished one job, and there is another for it.
    NextJob,
    /// The destination finished and the receipt adds up; no row was left out.
    Finished,
    /// The same, but some rows were rejected or refused.
    FinishedWithRejects,
    /// It can't go on.
    Fail,
    /// A person called it off.
    Cancel,
    /// A person wants a failed run tried again from the start; nothing had been sent.
    RetryFromStart,
    /// A person wants a failed run tried again; all had been read.
    RetryDelivery,
}

/// A step that the state does not allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a run that is {state:?} can't take {event:?}")]
pub struct IllegalStep {
    /// Where the run is.
    pub state: RunState,
    /// What was tried.
    pub event: RunEvent,
}

impl RunState {
    /// Every state.
    pub const ALL: [Self; 11] = [
        Self::Queued,
        Self::Exporting,
        Self::Reading,
        Self::Held,
        Self::Delivering,
        Self::Completing,
        Self::Complete,
        Self::CompleteWithRejects,
        Self::Failed,
        Self::Canceled,
        Self::Checked,
    ];

    /// The state after `event`, or an error when the state does not allow it.
    pub fn step(self, event: RunEvent) -> Result<Self, IllegalStep> {
        use RunEvent as E;
        Ok(match (self, event) {
            (Self::Queued, E::ExportAsked) => Self::Exporting,
            (Self::Exporting, E::ExportReady) => Self::Reading,
            (Self::Exporting | Self::Reading, E::ReadAgain) => Self::Exporting,
            (Self::Reading, E::ReadWhole) => Self::Delivering,
            (Self::Reading, E::Hold) => Self::Held,
            (Self::Reading, E::Check) => Self::Checked,
            (Self::Held, E::Approve) => Self::Delivering,
            (Self::Delivering, E::Delivered) => Self::Completing,
            (Self::Completing, E::NextJob) => Self::Delivering,
            (Self::Completing, E::Finished) => Self::Complete,
            (Self::Completing, E::FinishedWithRejects) => Self::CompleteWithRejects,
            (state, E::Fail) if !state.is_final() => Self::Failed,
            (state, E::Cancel) if !state.is_final() => Self::Canceled,
            (Self::Failed, E::RetryFromStart) => Self::Queued,
            (Self::Failed, E::RetryDelivery) => Self::Delivering,
            (state, event) => return Err(IllegalStep { state, event }),
        })
    }

    /// No worker will touch it again unless a person asks.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Complete | Self::CompleteWithRejects | Self::Failed | Self::Canceled | Self::Checked)
    }

    /// A worker takes it up: it has not ended, and waits for nobody's decision.
    pub fn is_workable(self) -> bool {
        !self.is_final() && self != Self::Held
    }

    /// The word in the database and on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Exporting => "exporting",
            Self::Reading => "reading",
            Self::Held => "held",
            Self::Delivering => "delivering",
            Self::Completing => "completing",
            Self::Complete => "complete",
            Self::CompleteWithRejects => "complete_with_rejects",
            Self::Failed => "failed",
            Self::Canceled => "canceled",
            Self::Checked => "checked",
        }
    }

    /// The words for people.
    pub fn label(self) -> &'static str {
        match self {
            Self::Queued => "Queued",
            Self::Exporting => "Preparing",
            Self::Reading => "Reading",
            Self::Held => "Held for approval",
            Self::Delivering => "Sending",
            Self::Completing => "Finishing",
            Self::Complete => "Complete",
            Self::CompleteWithRejects => "Complete with rejects",
            Self::Failed => "Failed",
            Self::Canceled => "Canceled",
            Self::Checked => "Checked",
        }
    }

    /// The state of that word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }
}

/// How much a run may shrink the destination's segment before it is held for approval, in percent of the members; 100 never holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct ShrinkLimit(u8);

impl ShrinkLimit {
    /// From 0 to 100.
    pub fn new(percent: u8) -> Option<Self> {
        (percent <= 100).then_some(Self(percent))
    }

    /// From 0 to 100.
    pub fn percent(self) -> u8 {
        self.0
    }

    /// Holds a change of a segment that has `before` members and would have `after`.
    pub fn hold(self, before: u64, after: u64) -> Option<Hold> {
        let lost = before.saturating_sub(after);
        let is_beyond = u128::from(lost) * 100 > u128::from(before) * u128::from(self.0);
        is_beyond.then_some(Hold { before, after, limit: self })
    }
}

impl Default for ShrinkLimit {
    /// Half of the members.
    fn default() -> Self {
        Self(50)
    }
}

impl TryFrom<u8> for ShrinkLimit {
    type Error = String;

    fn try_from(percent: u8) -> Result<Self, String> {
        Self::new(percent).ok_or_else(|| format!("{percent} is more than 100 percent"))
    }
}

impl From<ShrinkLimit> for u8 {
    fn from(limit: ShrinkLimit) -> u8 {
        limit.0
    }
}

/// Why a run is held: what it would do to the segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// Members that the segment has.
    pub before: u64,
    /// Members that it would have, at least.
    pub after: u64,
    /// The share's limit.
    pub limit: ShrinkLimit,
}

impl Hold {
    /// How many members would be lost, at most.
    pub fn lost(self) -> u64 {
        self.before.saturating_sub(self.after)
    }
}

/// What a run counted so far. Rows, but for the bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunCounts {
    /// Rows that the producer says there are; absent when it says nothing.
    pub declared: Option<u64>,
    /// Data rows read from the producer.
    pub read: u64,
    /// Of these, fit to be sent.
    pub valid: u64,
    /// Of these, rejected by Usher with a reason.
    pub rejected: u64,
    /// Rows in parts that were sent.
    pub sent: u64,
    /// Rows that the destination took.
    pub acknowledged: u64,
    /// Rows that the destination refused with a reason.
    pub refused: u64,
    /// Bytes of CSV read.
    pub bytes_read: u64,
    /// Bytes of CSV sent.
    pub bytes_sent: u64,
    /// What a mirror found; absent in other modes, and before all was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changes: Option<Changes>,
}

impl RunCounts {
    /// Rows that there are to send, once all was read.
    pub fn to_send(&self) -> u64 {
        self.changes.map_or(self.valid, |changes| changes.added + changes.changed + changes.removed)
    }
}

/// Why rows were left out: one line of the account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RejectGroup {
    /// What was wrong.
    pub code: RejectCode,
    /// The destination's own code, when it refused the rows.
    pub destination_code: Option<String>,
    /// The field concerned.
    pub field: Option<String>,
    /// A sentence for people.
    pub reason: String,
    /// How many rows.
    pub rows: u64,
}

/// Values that were sent empty because they did not fit and the mapping says to leave them empty: one line of the account. Their rows
/// were sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftEmpty {
    /// The destination's field.
    pub field: String,
    /// What was wrong.
    pub code: RejectCode,
    /// A sentence for people.
    pub reason: String,
    /// How many rows.
    pub rows: u64,
}

/// A count that does not add up. A run with one is failed, never complete.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{left_name} is {left}, but {right_name} is {right}")]
pub struct Gap {
    /// The name of the one count.
    pub left_name: String,
    /// The one count, rows.
    pub left: u64,
    /// The name of what it should equal.
    pub right_name: String,
    /// What it should equal, rows.
    pub right: u64,
}

/// A run's final account. Downloadable; proves that every row read was sent and acknowledged, or left out with a reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The run.
    pub run_id: String,
    /// The share.
    pub share_id: String,
    /// The audience's name and the endpoint that it came from.
    pub source: String,
    /// The destination's name and segment.
    pub destination: String,
    /// How the segment was changed.
    pub mode: Mode,
    /// Which version of the share's mapping was used.
    pub mapping_version: u32,
    /// RFC 3339, UTC.
    pub started_at: String,
    /// RFC 3339, UTC.
    pub finished_at: String,
    /// The counts.
    pub counts: RunCounts,
    /// The rows left out, by reason.
    pub left_out: Vec<RejectGroup>,
    /// The values that were sent empty, by field and reason.
    #[serde(default)]
    pub left_empty: Vec<LeftEmpty>,
    /// Parts sent.
    pub parts: u32,
    /// SHA-256 over the parts' SHA-256 digests (each 32 bytes, in order of their number), lower-case hexadecimal.
    pub sha256: String,
    /// By which anybody can tell later whether it is as it was written; absent in receipts that were written before there were signatures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<ReceiptSignature>,
}

/// What the installation that wrote a receipt vouches for it with: Ed25519 (RFC 8032) over the receipt without this, in the canonical form of
/// RFC 8785.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiptSignature {
    /// `Ed25519`.
    pub algorithm: String,
    /// The installation's public key, 64 hexadecimal digits.
    pub key: String,
    /// The signature, Base64.
    pub value: String,
}

impl Receipt {
    /// Checks that the account adds up: declared = read = valid + rejected, valid = sent = acknowledged + refused, and that the
    /// rows left out by reason are exactly those rejected and refused. Of a mirror: valid = added + changed + unchanged, and
    /// sent = added + changed + removed.
    pub fn check(&self) -> Result<(), Gap> {
        let counts = &self.counts;
        if let Some(declared) = counts.declared {
            equal("declared", declared, "read", counts.read)?;
        }
        equal("read", counts.read, "valid plus rejected", counts.valid + counts.rejected)?;
        match counts.changes {
            None => equal("valid", counts.valid, "sent", counts.sent)?,
            Some(Changes { added, changed, removed, unchanged }) => {
                equal("valid", counts.valid, "added plus changed plus unchanged", added + changed + unchanged)?;
                equal("added plus changed plus removed", added + changed + removed, "sent", counts.sent)?;
            }
        }
        equal("sent", counts.sent, "acknowledged plus refused", counts.acknowledged + counts.refused)?;
        let mut by_side: BTreeMap<bool, u64> = BTreeMap::new();
        for group in &self.left_out {
            *by_side.entry(group.code == RejectCode::Refused).or_default() += group.rows;
        }
        equal("rejected", counts.rejected, "rejected by reason", by_side.get(&false).copied().unwrap_or(0))?;
        equal("refused", counts.refused, "refused by reason", by_side.get(&true).copied().unwrap_or(0))
    }
}

fn equal(left_name: &str, left: u64, right_name: &str, right: u64) -> Result<(), Gap> {
    if left == right {
        return Ok(());
    }
    Err(Gap { left_name: left_name.to_owned(), left, right_name: right_name.to_owned(), right })
}

/// Why a run failed: stable codes, each documented.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureCode {
    /// The application could not be reached.
    EndpointUnreachable,
    /// The application did not answer in time.
    EndpointTimeout,
    /// The application refused the authentication key.
    KeyRefused,
    /// The application's answer was not what the contract says.
    NonsenseAnswer,
    /// The application reported an error of its own.
    EndpointFailed,
    /// The data ended in the middle.
    SourceTruncated,
    /// The data has another number of rows, or another digest, than the producer said.
    SourceMismatch,
    /// The header lacks a mapped column, or there is none.
    HeaderUnusable,
    /// A limit was passed: row size, columns.
    LimitPassed,
    /// There was not one row to send, and the mode would empty the destination.
    NothingToSend,
    /// The destination's account of a part, or of the whole, does not add up.
    AcknowledgementMismatch,
    /// The mapping no longer fits the fields.
    MappingUnusable,
    /// Usher itself failed: its database or its payload store.
    Internal,
}

/// Why a run failed, for people and programs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Stable.
    pub code: FailureCode,
    /// What happened, with the line or byte where there is one; what was kept; what to do. No values.
    pub message: String,
    /// Trying again may help, without changing anything.
    pub retryable: bool,
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::{collection::vec, prelude::*, sample::select};

    use super::*;

    const EVENTS: [RunEvent; 15] = [
        RunEvent::ExportAsked,
        RunEvent::ExportReady,
        RunEvent::ReadAgain,
        RunEvent::ReadWhole,
        RunEvent::Hold,
        RunEvent::Check,
        RunEvent::Approve,
        RunEvent::Delivered,
        RunEvent::NextJob,
        RunEvent::Finished,
        RunEvent::FinishedWithRejects,
        RunEvent::Fail,
        RunEvent::Cancel,
        RunEvent::RetryFromStart,
        RunEvent::RetryDelivery,
    ];

    fn is_done(state: RunState) -> bool {
        matches!(state, RunState::Complete | RunState::CompleteWithRejects)
    }

    /// Sequences that get somewhere: most steps are among those that the state allows.
    fn events() -> impl Strategy<Value = Vec<RunEvent>> {
        vec((any::<prop::sample::Index>(), prop::bool::weighted(0.8), select(EVENTS.to_vec())), 0..40).prop_map(
            |choices| {
                let mut state = RunState::Queued;
                let mut events = Vec::new();
                for (index, follow, other) in choices {
                    let allowed: Vec<RunEvent> =
                        EVENTS.into_iter().filter(|event| state.step(*event).is_ok()).collect();
                    let event = if follow && !allowed.is_empty() { *index.get(&allowed) } else { other };
                    state = state.step(event).unwrap_or(state);
                    events.push(event);
                }
                events
            },
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn nothing_is_complete_that_was_not_read_whole_and_delivered(events in events()) {
            let mut state = RunState::Queued;
            let (mut read_whole, mut delivered) = (false, false);
            for event in events {
                let before = state;
                match state.step(event) {
                    Ok(after) => {
                        state = after;
                        match event {
                            // What is asked for again counts for nothing.
                            RunEvent::RetryFromStart | RunEvent::ReadAgain => (read_whole, delivered) = (false, false),
                            RunEvent::ReadWhole | RunEvent::Hold => read_whole = true,
                            // Who asks for it vouches that all had been read: a failed run does not remember by itself.
                            RunEvent::RetryDelivery => (read_whole, delivered) = (true, false),
                            RunEvent::Delivered => delivered = true,
                            RunEvent::NextJob => delivered = false,
                            _ => {}
                        }
                    }
                    Err(step) => prop_assert_eq!(step, IllegalStep { state: before, event }),
                }
                if before.is_final() && state != before {
                    prop_assert_eq!(before, RunState::Failed);
                    prop_assert!(matches!(event, RunEvent::RetryFromStart | RunEvent::RetryDelivery));
                }
                if is_done(state) {
                    prop_assert!(read_whole && delivered);
                }
            }
        }
    }

    #[test]
    fn a_destination_begins_with_a_mode_that_it_takes() {
        let all = [JobMode::Add, JobMode::Replace, JobMode::Remove];
        assert_eq!(Mode::first_fit(None, &all, true), Some(Mode::Add));
        assert_eq!(Mode::first_fit(Some(Mode::Mirror), &all, true), Some(Mode::Mirror), "what was chosen stays");
        assert_eq!(Mode::first_fit(Some(Mode::Mirror), &[JobMode::Replace], true), Some(Mode::Replace));
        assert_eq!(Mode::first_fit(Some(Mode::Remove), &all, true), Some(Mode::Add), "a new one has nobody to remove");
        assert_eq!(Mode::first_fit(Some(Mode::Remove), &all, false), Some(Mode::Remove));
        assert_eq!(Mode::first_fit(None, &[JobMode::Remove], true), None);
    }

    #[test]
    fn every_state_can_be_reached_and_left_as_it_should() {
        let mut reached = HashSet::from([RunState::Queued]);
        loop {
            let next: HashSet<RunState> = reached
                .iter()
                .flat_map(|state| EVENTS.into_iter().filter_map(|event| state.step(event).ok()))
                .collect();
            if next.is_subset(&reached) {
                break;
            }
            reached.extend(next);
        }
        assert_eq!(reached.len(), RunState::ALL.len());
        for state in RunState::ALL {
            assert_eq!(RunState::parse(state.as_str()), Some(state));
            for event in [RunEvent::Fail, RunEvent::Cancel] {
                assert_eq!(state.step(event).is_err(), state.is_final(), "{state:?} and {event:?}");
            }
            let leaves = EVENTS.into_iter().any(|event| state.step(event).is_ok());
            assert_eq!(leaves, !state.is_final() || state == RunState::Failed, "{state:?}");
        }
    }

    fn receipt(counts: RunCounts, left_out: Vec<(RejectCode, u64)>) -> Receipt {
        let group = |(code, rows)| RejectGroup {
            code,
            destination_code: None,
            field: None,
            reason: "a reason".to_owned(),
            rows,
        };
        Receipt {
            run_id: "run_1".to_owned(),
            share_id: "shr_1".to_owned(),
            source: "All people of Harbor CRM".to_owned(),
            destination: "News of Beacon Mail".to_owned(),
            mode: Mode::Add,
            mapping_version: 1,
            started_at: "2027-03-28T09:30:00Z".to_owned(),
            finished_at: "2027-03-28T09:31:00Z".to_owned(),
            counts,
            left_out: left_out.into_iter().map(group).collect(),
            left_empty: Vec::new(),
            parts: 1,
            sha256: String::new(),
            signature: None,
        }
    }

    #[test]
    fn a_segment_may_shrink_to_the_limit_and_no_further() {
        let limit = ShrinkLimit::new(30).expect("a percentage");
        assert_eq!(limit.hold(100, 70), None);
        assert_eq!(limit.hold(100, 200), None);
        assert_eq!(limit.hold(100, 69).map(Hold::lost), Some(31));
        assert_eq!(limit.hold(0, 0), None);
        assert!(ShrinkLimit::new(0).expect("a percentage").hold(u64::MAX, u64::MAX - 1).is_some());
        assert_eq!(ShrinkLimit::new(100).expect("a percentage").hold(10, 0), None, "100 never holds");
        assert_eq!(ShrinkLimit::new(101), None);
        assert!(serde_json::from_str::<ShrinkLimit>("101").is_err());
    }

    #[test]
    fn a_mirrors_receipt_counts_what_was_not_sent_again() {
        let changes = Changes { added: 2, changed: 1, removed: 3, unchanged: 4 };
        let counts = RunCounts {
            read: 8,
            valid: 7,
            rejected: 1,
            sent: 6,
            acknowledged: 6,
            changes: Some(changes),
            ..RunCounts::default()
        };
        let left_out = vec![(RejectCode::Duplicate, 1)];
        assert_eq!(receipt(counts, left_out.clone()).check(), Ok(()));
        for (wrong, name) in [
            (Changes { unchanged: 3, ..changes }, "valid"),
            (Changes { removed: 2, ..changes }, "added plus changed plus removed"),
        ] {
            let counts = RunCounts { changes: Some(wrong), ..counts };
            assert_eq!(receipt(counts, left_out.clone()).check().expect_err("a gap").left_name, name);
        }
    }

    #[test]
    fn a_receipt_adds_up_or_names_the_gap() {
        let counts = RunCounts {
            declared: Some(10),
            read: 10,
            valid: 7,
            rejected: 3,
            sent: 7,
            acknowledged: 6,
            refused: 1,
            ..RunCounts::default()
        };
        let left_out = vec![(RejectCode::InvalidEmail, 2), (RejectCode::InvalidPhone, 1), (RejectCode::Refused, 1)];
        assert_eq!(receipt(counts, left_out.clone()).check(), Ok(()));
        assert_eq!(receipt(RunCounts { declared: None, ..counts }, left_out.clone()).check(), Ok(()));
        for (wrong, names) in [
            (RunCounts { declared: Some(11), ..counts }, ("declared", "read")),
            (RunCounts { rejected: 2, ..counts }, ("read", "valid plus rejected")),
            (RunCounts { sent: 6, ..counts }, ("valid", "sent")),
            (RunCounts { acknowledged: 7, ..counts }, ("sent", "acknowledged plus refused")),
        ] {
            let gap = receipt(wrong, left_out.clone()).check().expect_err("a gap");
            assert_eq!((gap.left_name.as_str(), gap.right_name.as_str()), names);
        }
        let gap = receipt(counts, left_out[1..].to_vec()).check().expect_err("a gap");
        assert_eq!((gap.left_name.as_str(), gap.left, gap.right), ("rejected", 3, 1));
        let gap = receipt(counts, left_out[..2].to_vec()).check().expect_err("a gap");
        assert_eq!((gap.left_name.as_str(), gap.left, gap.right), ("refused", 1, 0));
    }
}
