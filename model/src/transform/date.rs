//! Dates and points in time: read in one named form, written in another. Nothing is guessed: a form says which number is the day.

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, NaiveTime};
use serde::{Deserialize, Serialize};

/// How a date is read. Between its numbers may stand a dash, a dot or a slash; years have four digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DateInput {
    /// `2027-03-28`
    YearMonthDay,
    /// `28.03.2027`
    DayMonthYear,
    /// `03/28/2027`
    MonthDayYear,
    /// `20270328`
    Compact,
    /// `2027-03-28T09:30:00Z`; without an offset it is UTC.
    Timestamp,
    /// Seconds since 1970.
    UnixSeconds,
    /// Milliseconds since 1970.
    UnixMilliseconds,
}

impl DateInput {
    /// All, in the order in which they are offered.
    pub const ALL: [Self; 7] = [
        Self::YearMonthDay,
        Self::DayMonthYear,
        Self::MonthDayYear,
        Self::Compact,
        Self::Timestamp,
        Self::UnixSeconds,
        Self::UnixMilliseconds,
    ];

    /// One written so.
    pub fn example(self) -> &'static str {
        match self {
            Self::YearMonthDay => "2027-03-28",
            Self::DayMonthYear => "28.03.2027",
            Self::MonthDayYear => "03/28/2027",
            Self::Compact => "20270328",
            Self::Timestamp => "2027-03-28T09:30:00Z",
            Self::UnixSeconds => "1806226200 (seconds since 1970)",
            Self::UnixMilliseconds => "1806226200000 (milliseconds since 1970)",
        }
    }
}

/// How a date is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DateOutput {
    /// `2027-03-28`
    Date,
    /// `20270328`
    Compact,
    /// `28.03.2027`
    DayMonthYear,
    /// `28/03/2027`
    DayMonthYearSlashed,
    /// `03/28/2027`
    MonthDayYear,
    /// `2027-03-28T09:30:00Z`; a date without a time is its first moment in UTC.
    Timestamp,
    /// Seconds since 1970.
    UnixSeconds,
    /// `2027`
    Year,
}

impl DateOutput {
    /// All, in the order in which they are offered.
    pub const ALL: [Self; 8] = [
        Self::Date,
        Self::Compact,
        Self::DayMonthYear,
        Self::DayMonthYearSlashed,
        Self::MonthDayYear,
        Self::Timestamp,
        Self::UnixSeconds,
        Self::Year,
    ];

    /// One written so.
    pub fn example(self) -> &'static str {
        match self {
            Self::Date => "2027-03-28",
            Self::Compact => "20270328",
            Self::DayMonthYear => "28.03.2027",
            Self::DayMonthYearSlashed => "28/03/2027",
            Self::MonthDayYear => "03/28/2027",
            Self::Timestamp => "2027-03-28T09:30:00Z",
            Self::UnixSeconds => "1806226200 (seconds since 1970)",
            Self::Year => "2027",
        }
    }
}

/// A date with the moment that it stands for. They differ where an offset was written: the date is the one that was written, the moment is UTC.
struct Read {
    date: NaiveDate,
    moment: NaiveDateTime,
}

/// The same date, written in the other form; none when it can't be read.
pub(super) fn convert(value: &str, from: DateInput, to: DateOutput) -> Option<String> {
    let Read { date, moment } = read(value, from)?;
    let (year, month, day) = (date.year(), date.month(), date.day());
    // What no four digits can say would be read as something else.
    if !(1..=9999).contains(&year) {
        return None;
    }
    Some(match to {
        DateOutput::Date => format!("{year:04}-{month:02}-{day:02}"),
        DateOutput::Compact => format!("{year:04}{month:02}{day:02}"),
        DateOutput::DayMonthYear => format!("{day:02}.{month:02}.{year:04}"),
        DateOutput::DayMonthYearSlashed => format!("{day:02}/{month:02}/{year:04}"),
        DateOutput::MonthDayYear => format!("{month:02}/{day:02}/{year:04}"),
        DateOutput::Timestamp => moment.format("%Y-%m-%dT%H:%M:%SZ").to_string(),
        DateOutput::UnixSeconds => moment.and_utc().timestamp().to_string(),
        DateOutput::Year => format!("{year:04}"),
    })
}

fn read(value: &str, from: DateInput) -> Option<Read> {
    match from {
        DateInput::YearMonthDay => {
            let [year, month, day] = numbers(value)?;
            at_midnight(four_digits(year)?, number(month)?, number(day)?)
        }
        DateInput::DayMonthYear => {
            let [day, month, year] = numbers(value)?;
            at_midnight(four_digits(year)?, number(month)?, number(day)?)
        }
        DateInput::MonthDayYear => {
            let [month, day, year] = numbers(value)?;
            at_midnight(four_digits(year)?, number(month)?, number(day)?)
        }
        DateInput::Compact => {
            let is_compact = value.len() == 8 && value.bytes().all(|byte| byte.is_ascii_digit());
            if !is_compact {
                return None;
            }
            at_midnight(value[..4].parse().ok()?, value[4..6].parse().ok()?, value[6..].parse().ok()?)
        }
        DateInput::Timestamp => timestamp(value),
        DateInput::UnixSeconds => since_1970(value.parse().ok()?, 1000),
        DateInput::UnixMilliseconds => since_1970(value.parse().ok()?, 1),
    }
}

/// Three numbers with the same mark between them.
fn numbers(value: &str) -> Option<[&str; 3]> {
    let mark = value.chars().find(|character| !character.is_ascii_digit())?;
    if !matches!(mark, '-' | '.' | '/') {
        return None;
    }
    let mut parts = value.split(mark);
    let all = [parts.next()?, parts.next()?, parts.next()?];
    let are_numbers = all.iter().all(|part| (1..=4).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit()));
    (parts.next().is_none() && are_numbers).then_some(all)
}

/// Years of two digits are not guessed.
fn four_digits(year: &str) -> Option<i32> {
    if year.len() == 4 { year.parse().ok() } else { None }
}

fn number(part: &str) -> Option<u32> {
    if part.len() <= 2 { part.parse().ok() } else { None }
}

fn at_midnight(year: i32, month: u32, day: u32) -> Option<Read> {
    let date = NaiveDate::from_ymd_opt(year, month, day)?;
    Some(Read { date, moment: date.and_time(NaiveTime::MIN) })
}

fn timestamp(value: &str) -> Option<Read> {
    if let Ok(time) = DateTime::parse_from_rfc3339(value) {
        return Some(Read { date: time.date_naive(), moment: time.naive_utc() });
    }
    // As databases write it, without an offset.
    let moment = ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M"]
        .iter()
        .find_map(|form| NaiveDateTime::parse_from_str(value, form).ok())?;
    Some(Read { date: moment.date(), moment })
}

fn since_1970(count: i64, milliseconds: i64) -> Option<Read> {
    let moment = DateTime::from_timestamp_millis(count.checked_mul(milliseconds)?)?.naive_utc();
    Some(Read { date: moment.date(), moment })
}
