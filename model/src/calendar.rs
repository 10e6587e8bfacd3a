//! What the pages show of schedules: a schedule said back with its next runs, and what ran and will run on the days of a calendar.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::{
    id::{BlackoutId, EndpointId, RunId, ShareId},
    recurrence::ScheduleForm,
    run::RunState,
};

/// What a schedule that is filled in would do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SchedulePreview {
    /// It in one sentence.
    pub sentence: String,
    /// How it counts, and what it passes over, where that may surprise.
    pub remark: Option<String>,
    /// What changes of the clocks do to it.
    pub clock_changes: Vec<String>,
    /// The next runs, at most ten.
    pub next: Vec<NextRun>,
    /// The viewer's time zone, when it is another than the schedule's.
    pub viewer_zone: Option<String>,
}

/// One of the next runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NextRun {
    /// Its slot, in milliseconds since 1970.
    pub slot: i64,
    /// The moment, in RFC 3339.
    pub at: String,
    /// The same for people, in the schedule's zone.
    pub in_zone: String,
    /// The same in the viewer's zone.
    pub in_viewer_zone: String,
    /// What a person or a blackout does to it.
    pub note: Option<String>,
}

/// Where a schedule is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScheduleState {
    /// Filled in, and not started: the share is still a draft.
    Draft,
    /// Runs come by themselves.
    Active,
    /// A person stopped it.
    Paused,
    /// No slot is left.
    Ended,
}

impl ScheduleState {
    /// The words for people.
    pub fn label(self) -> &'static str {
        match self {
            Self::Draft => "Not started",
            Self::Active => "On schedule",
            Self::Paused => "Paused",
            Self::Ended => "Ended",
        }
    }
}

/// The schedule of a share.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScheduleView {
    /// As it is filled in.
    pub form: ScheduleForm,
    /// What it does.
    pub preview: SchedulePreview,
    /// Where it is.
    pub state: ScheduleState,
    /// Who paused it.
    pub paused_by: Option<String>,
    /// The account, or one of the share's endpoints, is paused as a whole: which, and by whom.
    pub held_back: Option<String>,
    /// A slot whose time has come and whose run waits: which, and for what.
    pub waiting: Option<String>,
    /// What became of its last slots, the newest first; at most ten.
    pub passed: Vec<PassedSlot>,
}

/// What became of a slot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PassedSlot {
    /// The slot, for people, in the schedule's zone.
    pub in_zone: String,
    /// Its run, when there is one.
    pub run_id: Option<RunId>,
    /// Why there is none, or why it is another than was planned.
    pub reason: Option<String>,
}

/// What the form of a share's schedule needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScheduleChoices {
    /// The schedule, when the share has one.
    pub schedule: Option<ScheduleView>,
    /// What to begin with, when it has none.
    pub fresh: ScheduleForm,
    /// Every time zone.
    pub zones: Vec<String>,
    /// Shares that it could wait for: id and name.
    pub others: Vec<(ShareId, String)>,
}

/// How a calendar is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CalendarSpan {
    /// The weeks of a month.
    #[default]
    Month,
    /// One week.
    Week,
    /// Thirty days, as a list.
    Agenda,
}

impl CalendarSpan {
    /// Every span, in the order in which they are offered.
    pub const ALL: [Self; 3] = [Self::Month, Self::Week, Self::Agenda];

    /// The word in addresses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Month => "month",
            Self::Week => "week",
            Self::Agenda => "agenda",
        }
    }

    /// The words for people.
    pub fn label(self) -> &'static str {
        match self {
            Self::Month => "Month",
            Self::Week => "Week",
            Self::Agenda => "Agenda",
        }
    }

    /// The span of that word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|span| span.as_str() == word)
    }
}

/// What to show of the calendar.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CalendarQuery {
    /// How it is looked at.
    pub span: CalendarSpan,
    /// A day in it; today when none.
    pub day: Option<NaiveDate>,
    /// The time zone of its days.
    pub zone: String,
    /// Only what comes from or goes to this endpoint.
    pub endpoint: Option<EndpointId>,
    /// Only this share.
    pub share: Option<ShareId>,
    /// Only these: `planned`, `well`, `badly`, or all when empty.
    pub outcome: String,
}

/// Some days of the calendar.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CalendarView {
    /// "November 2026", "23 to 29 November 2026".
    pub title: String,
    /// The time zone of its days.
    pub zone: String,
    /// Today there.
    pub today: NaiveDate,
    /// A day in the span before.
    pub earlier: NaiveDate,
    /// A day in the span after.
    pub later: NaiveDate,
    /// In order.
    pub days: Vec<CalendarDay>,
    /// There is more than is shown.
    pub is_cut: bool,
    /// Endpoints to filter by.
    pub endpoints: Vec<(EndpointId, String)>,
    /// Pauses that hold schedules back: an endpoint, or the whole account when none; its name, and who.
    pub pauses: Vec<PauseView>,
    /// The account has shares with a schedule.
    pub has_schedules: bool,
    /// Schedules that end within a week: the share, its name, and the last run for people.
    pub ending: Vec<(ShareId, String, String)>,
}

/// A pause of more than one schedule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PauseView {
    /// Which endpoint; none is the whole account.
    pub endpoint_id: Option<EndpointId>,
    /// The endpoint's or account's name.
    pub name: String,
    /// Who.
    pub paused_by: String,
}

/// A day of the calendar.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CalendarDay {
    /// Which.
    pub day: NaiveDate,
    /// It belongs to the month that is shown.
    pub is_within: bool,
    /// In order of time.
    pub entries: Vec<CalendarEntry>,
    /// Blackouts on it: name, and from when to when.
    pub blackouts: Vec<String>,
    /// Hours in which many runs begin: "6 runs between 02:00 and 03:00".
    pub crowded: Option<String>,
}

/// What ran, runs or will run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CalendarEntry {
    /// The share.
    pub share_id: ShareId,
    /// The audience.
    pub audience_name: String,
    /// Where it goes.
    pub destination_name: String,
    /// When, in RFC 3339.
    pub at: String,
    /// The time of day, in the calendar's zone.
    pub time: String,
    /// What it is.
    pub what: EntryKind,
    /// What usually is, or was, moved; rows.
    pub rows: Option<u64>,
    /// How long it usually takes, or took; seconds.
    pub seconds: Option<u64>,
    /// It falls into a blackout: which, and what follows.
    pub clash: Option<String>,
}

/// What a calendar's entry is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum EntryKind {
    /// A run.
    Run {
        /// Which.
        run_id: RunId,
        /// Where it is.
        state: RunState,
    },
    /// A slot that is still to come.
    Planned {
        /// In milliseconds since 1970.
        slot: i64,
        /// A person moved it: from when, for people.
        moved_from: Option<String>,
        /// It waits for something.
        waiting: Option<String>,
    },
    /// A slot without a run.
    Skipped {
        /// In milliseconds since 1970.
        slot: i64,
        /// Why.
        reason: String,
        /// It is still to come, so that it can be taken back.
        can_be_taken_back: bool,
    },
}

/// A blackout in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlackoutView {
    /// Its id.
    pub id: BlackoutId,
    /// What it is for.
    pub name: String,
    /// When it is, for people.
    pub words: String,
}

/// One occurrence of a schedule, on a page of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OccurrenceView {
    /// The entry, in the viewer's zone.
    pub entry: CalendarEntry,
    /// "Thursday 26 November 2026 at 09:00"
    pub in_zone: String,
    /// The schedule's zone.
    pub zone: String,
    /// The day in the schedule's zone, for the form that moves it.
    pub day: String,
    /// The time of day there.
    pub time: String,
    /// The schedule's sentence.
    pub sentence: String,
}
