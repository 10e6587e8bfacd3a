//! Times at which nothing runs by itself: days, or hours of days of the week.

use chrono::{NaiveDate, NaiveTime, Weekday};
use serde::{Deserialize, Serialize};

use super::{
    WEEKDAY_WORDS,
    form::{day_of, time_of},
    time_words,
};
use crate::error::FieldProblem;

/// The longest name.
const LONGEST_NAME: usize = 100;

/// A blackout.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blackout {
    /// What it is for: "Christmas", "Weekend".
    pub name: String,
    /// The IANA time zone of its times.
    pub zone: String,
    /// On which days it begins.
    pub days: BlackoutDays,
    /// From when on each; from midnight when none.
    pub from: Option<NaiveTime>,
    /// Until when; until midnight when none. Before `from` it is meant of the next day.
    pub until: Option<NaiveTime>,
}

/// The days of a blackout.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "on", rename_all = "snake_case")]
pub enum BlackoutDays {
    /// Each day from one to another, both within.
    Span {
        /// The first.
        first: NaiveDate,
        /// The last.
        last: NaiveDate,
    },
    /// In every week.
    Weekly {
        /// Which days, from Monday.
        days: Vec<Weekday>,
    },
}

impl Blackout {
    /// Whether it begins on that day.
    pub fn is_on(&self, day: NaiveDate) -> bool {
        use chrono::Datelike;
        match &self.days {
            BlackoutDays::Span { first, last } => (*first..=*last).contains(&day),
            BlackoutDays::Weekly { days } => days.contains(&day.weekday()),
        }
    }

    /// When it is, for people.
    pub fn words(&self) -> String {
        let days = match &self.days {
            BlackoutDays::Span { first, last } if first == last => super::day_words(*first),
            BlackoutDays::Span { first, last } => {
                format!("{} to {}", super::day_words(*first), super::day_words(*last))
            }
            BlackoutDays::Weekly { days } => {
                let names: Vec<&str> =
                    WEEKDAY_WORDS.iter().filter(|(day, ..)| days.contains(day)).map(|(_, _, name)| *name).collect();
                format!("Every {}", names.join(", "))
            }
        };
        let times = match (self.from, self.until) {
            (None, None) => "all day".to_owned(),
            (from, until) => format!(
                "{} to {}",
                time_words(from.unwrap_or(NaiveTime::MIN)),
                until.map_or_else(|| "24:00".to_owned(), time_words)
            ),
        };
        format!("{days}, {times} ({})", self.zone)
    }
}

/// A blackout as a form has it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct BlackoutForm {
    /// What it is for.
    pub name: String,
    /// The zone.
    pub zone: String,
    /// `span` or `weekly`.
    pub kind: String,
    /// The first day.
    pub first: String,
    /// The last day; as the first when empty.
    pub last: String,
    /// On Mondays, when it is not empty. The others alike.
    pub mon: String,
    /// Tuesdays.
    pub tue: String,
    /// Wednesdays.
    pub wed: String,
    /// Thursdays.
    pub thu: String,
    /// Fridays.
    pub fri: String,
    /// Saturdays.
    pub sat: String,
    /// Sundays.
    pub sun: String,
    /// From when.
    pub from: String,
    /// Until when.
    pub until: String,
}

impl BlackoutForm {
    /// The blackout that was filled in, or what is wrong with it, by input.
    pub fn parse(&self) -> Result<Blackout, Vec<FieldProblem>> {
        let mut problems = Vec::new();
        let mut wrong = |field: &str, message: &str| problems.push(FieldProblem::new(field, message));
        let name = self.name.trim().to_owned();
        if name.is_empty() || name.chars().count() > LONGEST_NAME || name.chars().any(char::is_control) {
            wrong("name", "Enter a name of at most 100 characters, like Christmas.");
        }
        let mut time = |text: &str, field: &str| {
            let text = text.trim();
            let time = time_of(text);
            if !text.is_empty() && time.is_none() {
                wrong(field, "Enter a time of day, like 18:00, or nothing for midnight.");
            }
            time
        };
        let (from, until) = (time(&self.from, "from"), time(&self.until, "until"));
        if from.is_some() && from == until {
            wrong("until", "It ends when it begins. Enter a later time, or none for midnight.");
        }
        let days = if self.kind == "weekly" {
            let ticked = [&self.mon, &self.tue, &self.wed, &self.thu, &self.fri, &self.sat, &self.sun];
            let days: Vec<Weekday> = WEEKDAY_WORDS
                .iter()
                .zip(ticked)
                .filter(|(_, ticked)| !ticked.is_empty())
                .map(|((day, ..), _)| *day)
                .collect();
            if days.is_empty() {
                wrong("days", "Choose at least one day of the week.");
            }
            Some(BlackoutDays::Weekly { days })
        } else {
            let first = day_of(self.first.trim());
            let last = if self.last.trim().is_empty() { first } else { day_of(self.last.trim()) };
            if first.is_none() {
                wrong("first", "Enter the first day, like 2026-12-24.");
            }
            if last.is_none() && first.is_some() {
                wrong("last", "Enter the last day, like 2026-12-26.");
            }
            if first.zip(last).is_some_and(|(first, last)| last < first) {
                wrong("last", "The last day lies before the first. Choose a later one.");
            }
            first.zip(last).map(|(first, last)| BlackoutDays::Span { first, last })
        };
        match days {
            Some(days) if problems.is_empty() => {
                Ok(Blackout { name, zone: self.zone.trim().to_owned(), days, from, until })
            }
            _ => Err(problems),
        }
    }
}
