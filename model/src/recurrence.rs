//! When a share runs by itself: once, again and again, or after another share; from when, until when, in which time zone; and what is done when a
//! moment can't be kept.
//!
//! Times of day are civil: "09:00" is what a clock on the wall of the schedule's zone shows. [`slots`] turns them into moments, which takes the
//! database of time zones and therefore the feature `zones`; the browser is given sentences and moments by the server. What is due, and what
//! became of it, is the hub's matter.

mod blackout;
mod form;
mod sentence;
#[cfg(feature = "zones")]
pub mod slots;
#[cfg(all(test, feature = "zones"))]
mod tests;

pub use blackout::{Blackout, BlackoutDays, BlackoutForm};
pub use form::{ScheduleForm, WEEKDAY_WORDS};
pub use sentence::{day_words, time_words};

use chrono::{NaiveDate, NaiveDateTime, NaiveTime, Weekday};
use serde::{Deserialize, Serialize};

use crate::id::ShareId;

/// Times of day in one schedule at most.
pub const MOST_TIMES: usize = 96;
/// The largest number of minutes, hours, days, weeks or months in "every N".
pub const LARGEST_EVERY: u32 = 1_000;
/// The largest number of runs after which a schedule can end.
pub const MOST_RUNS: u32 = 1_000;
/// The longest time by which runs are spread, in minutes.
pub const MOST_JITTER: u16 = 240;

/// When a share runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schedule {
    /// The rule.
    pub when: When,
    /// The IANA time zone of every civil time in here: `Europe/Berlin`.
    pub zone: String,
    /// Nothing runs before. What is counted ("every 2 weeks", "every 45 minutes") is counted from here.
    pub starts: NaiveDateTime,
    /// When it is over.
    pub ends: Ends,
    /// Each run begins up to so many minutes after its slot, so that many shares do not begin at once.
    #[serde(default)]
    pub jitter_minutes: u16,
    /// What is done when the run before is still under way.
    #[serde(default)]
    pub overlap: Overlap,
    /// What is done about slots that passed while Usher was not running.
    #[serde(default)]
    pub missed: Missed,
    /// What is done about slots within a blackout.
    #[serde(default)]
    pub in_blackout: InBlackout,
    /// The share that has to be done first: each run waits until one of that share has ended well since the schedule's own run before, and until none is
    /// under way.
    #[serde(default)]
    pub depends_on: Option<ShareId>,
}

impl Schedule {
    /// The shares whose runs this one waits for.
    pub fn waits_for(&self) -> impl Iterator<Item = &ShareId> {
        let called_by = match &self.when {
            When::After { share_id } => Some(share_id),
            _ => None,
        };
        called_by.into_iter().chain(&self.depends_on)
    }
}

/// The rule of a schedule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum When {
    /// One time.
    Once {
        /// When.
        at: NaiveDateTime,
    },
    /// So much time apart, whatever the clock on the wall does: over midnight, and over changes of the clocks.
    Every {
        /// How many.
        count: u32,
        /// Of what.
        unit: Unit,
    },
    /// At times of day, on every day or every Nth.
    Days {
        /// 1 for every day.
        every: u32,
        /// In order.
        times: Vec<NaiveTime>,
    },
    /// On days of the week, in every week or every Nth. Weeks begin on Monday.
    Weeks {
        /// 1 for every week.
        every: u32,
        /// In order, from Monday.
        days: Vec<Weekday>,
        /// In order.
        times: Vec<NaiveTime>,
    },
    /// On a day of the month, in every month or every Nth.
    Months {
        /// 1 for every month.
        every: u32,
        /// Which day.
        on: MonthDay,
        /// In order.
        times: Vec<NaiveTime>,
    },
    /// By a cron expression of five fields.
    Cron {
        /// `30 2 * * 1-5`
        expression: String,
    },
    /// Each time that a run of another share has ended well.
    After {
        /// The other share.
        share_id: ShareId,
    },
}

/// What is counted in [`When::Every`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Minutes.
    Minutes,
    /// Hours.
    Hours,
}

impl Unit {
    /// Milliseconds in one.
    pub fn milliseconds(self) -> i64 {
        match self {
            Self::Minutes => 60_000,
            Self::Hours => 3_600_000,
        }
    }
}

/// A day of the month.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "on", rename_all = "snake_case")]
pub enum MonthDay {
    /// That day; months that do not have it are passed over, as RFC 5545 has it.
    Day {
        /// From 1 to 31.
        day: u8,
    },
    /// The last day, whichever it is.
    Last,
    /// The nth such day of the week.
    Nth {
        /// From 1 to 5; a month without a fifth is passed over. -1 is the last.
        nth: i8,
        /// Which day.
        weekday: Weekday,
    },
}

/// When a schedule is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "ends", rename_all = "snake_case")]
pub enum Ends {
    /// Not by itself.
    Never,
    /// After that day, which still belongs to it.
    On {
        /// The last day.
        day: NaiveDate,
    },
    /// After so many slots.
    After {
        /// How many.
        slots: u32,
    },
}

/// What is done when a slot comes and the run before is still under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Overlap {
    /// The slot is skipped.
    Skip,
    /// It runs as soon as that one has ended; one waits at most, further ones are skipped.
    #[default]
    Wait,
    /// That one is cancelled, and this one runs when it has ended.
    CancelOlder,
}

impl Overlap {
    /// Every choice, in the order in which they are offered.
    pub const ALL: [Self; 3] = [Self::Wait, Self::Skip, Self::CancelOlder];

    /// The word in forms.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Skip => "skip",
            Self::Wait => "wait",
            Self::CancelOlder => "cancel_older",
        }
    }

    /// The choice of that word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|choice| choice.as_str() == word)
    }

    /// The words for people.
    pub fn label(self) -> &'static str {
        match self {
            Self::Skip => "Skip the new run",
            Self::Wait => "Wait, and run when the other has ended",
            Self::CancelOlder => "Cancel the other, then run",
        }
    }
}

/// What is done about slots that passed while Usher was not running.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Missed {
    /// One run makes up for all of them.
    #[default]
    RunOnce,
    /// They are left out; the next slot runs.
    Skip,
}

impl Missed {
    /// Every choice, in the order in which they are offered.
    pub const ALL: [Self; 2] = [Self::RunOnce, Self::Skip];

    /// The word in forms.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RunOnce => "run_once",
            Self::Skip => "skip",
        }
    }

    /// The choice of that word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|choice| choice.as_str() == word)
    }

    /// The words for people.
    pub fn label(self) -> &'static str {
        match self {
            Self::RunOnce => "Run once as soon as possible",
            Self::Skip => "Skip them, and run at the next time",
        }
    }
}

/// What is done about slots within a blackout of the account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InBlackout {
    /// They are skipped.
    Skip,
    /// One run when the blackout is over.
    #[default]
    RunAfterwards,
    /// They run all the same.
    Ignore,
}

impl InBlackout {
    /// Every choice, in the order in which they are offered.
    pub const ALL: [Self; 3] = [Self::RunAfterwards, Self::Skip, Self::Ignore];

    /// The word in forms.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Skip => "skip",
            Self::RunAfterwards => "run_afterwards",
            Self::Ignore => "ignore",
        }
    }

    /// The choice of that word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|choice| choice.as_str() == word)
    }

    /// The words for people.
    pub fn label(self) -> &'static str {
        match self {
            Self::Skip => "Skip the run",
            Self::RunAfterwards => "Run when the blackout is over",
            Self::Ignore => "Run all the same",
        }
    }
}
