//! A schedule said back as a sentence.

use chrono::{NaiveDate, NaiveDateTime, NaiveTime, Timelike, Weekday};

use super::{Ends, MonthDay, Schedule, Unit, When};

impl Schedule {
    /// What was chosen, in one sentence: "Every 2 weeks on Monday and Thursday at 09:00, from Thursday 26 November 2026, until 31 December 2026 inclusive;
    /// Europe/Berlin time."
    pub fn sentence(&self) -> String {
        let rule = match &self.when {
            When::Once { at } => {
                return format!(
                    "Once, on {} at {}, {} time.",
                    day_words(at.date()),
                    time_words(at.time()),
                    zone_words(&self.zone)
                );
            }
            When::After { .. } => return "Each time that a run of the other share has ended well.".to_owned(),
            When::Every { count, unit } => match unit {
                Unit::Minutes => every(*count, "minute", "minutes"),
                Unit::Hours => every(*count, "hour", "hours"),
            },
            When::Days { every: count, times } => format!("{} {}", every(*count, "day", "days"), at(times)),
            When::Weeks { every: count, days, times } => {
                let names: Vec<String> = days.iter().map(|day| weekday_name(*day).to_owned()).collect();
                let is_working_week =
                    days[..] == [Weekday::Mon, Weekday::Tue, Weekday::Wed, Weekday::Thu, Weekday::Fri];
                let on = if is_working_week { "Monday to Friday".to_owned() } else { listed(&names) };
                format!("{} on {on} {}", every(*count, "week", "weeks"), at(times))
            }
            When::Months { every: count, on, times } => {
                format!("{} on {} {}", every(*count, "month", "months"), month_day(*on), at(times))
            }
            When::Cron { expression } => format!("By the cron expression “{expression}”"),
        };
        let counts_from_its_start = matches!(self.when, When::Every { .. });
        let from = if counts_from_its_start {
            format!("from {} at {}", day_words(self.starts.date()), time_words(self.starts.time()))
        } else {
            format!("from {}", day_words(self.starts.date()))
        };
        let until = match self.ends {
            Ends::Never => String::new(),
            Ends::On { day } => format!(", until {} inclusive", day_words(day)),
            Ends::After { slots: 1 } => ", one time".to_owned(),
            Ends::After { slots } => format!(", {slots} times"),
        };
        format!("{rule}, {from}{until}; {} time.", zone_words(&self.zone))
    }

    /// What a person may not expect of the rule: how it counts, and what it passes over.
    pub fn remark(&self) -> Option<String> {
        match &self.when {
            When::Every { count, unit } => {
                let apart = match unit {
                    Unit::Minutes => counted(*count, "minute", "minutes"),
                    Unit::Hours => counted(*count, "hour", "hours"),
                };
                Some(format!("Runs are {apart} apart, over midnight and over changes of the clocks too."))
            }
            When::Months { on: MonthDay::Day { day }, .. } if *day > 28 => Some(format!(
                "Months without a {} are passed over. Choose the last day to run in every month.",
                ordinal(*day)
            )),
            When::Months { on: MonthDay::Nth { nth: 5, weekday }, .. } => Some(format!(
                "Months without a fifth {} are passed over. Choose the last one to run in every month.",
                weekday_name(*weekday)
            )),
            _ => None,
        }
    }
}

fn every(count: u32, one: &str, many: &str) -> String {
    if count == 1 { format!("Every {one}") } else { format!("Every {count} {many}") }
}

fn counted(count: u32, one: &str, many: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {many}") }
}

fn at(times: &[NaiveTime]) -> String {
    let words: Vec<String> = times.iter().map(|time| time_words(*time)).collect();
    format!("at {}", listed(&words))
}

fn month_day(on: MonthDay) -> String {
    match on {
        MonthDay::Day { day } => format!("the {}", ordinal(day)),
        MonthDay::Last => "the last day".to_owned(),
        MonthDay::Nth { nth, weekday } => {
            let which = match nth {
                1 => "first",
                2 => "second",
                3 => "third",
                4 => "fourth",
                5 => "fifth",
                _ => "last",
            };
            format!("the {which} {}", weekday_name(weekday))
        }
    }
}

fn ordinal(day: u8) -> String {
    let ending = match (day % 10, day) {
        (_, 11..=13) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    };
    format!("{day}{ending}")
}

fn weekday_name(day: Weekday) -> &'static str {
    match day {
        Weekday::Mon => "Monday",
        Weekday::Tue => "Tuesday",
        Weekday::Wed => "Wednesday",
        Weekday::Thu => "Thursday",
        Weekday::Fri => "Friday",
        Weekday::Sat => "Saturday",
        Weekday::Sun => "Sunday",
    }
}

fn listed(words: &[String]) -> String {
    match words {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

fn zone_words(zone: &str) -> &str {
    if zone.is_empty() { "UTC" } else { zone }
}

/// "Thursday 26 November 2026"
pub fn day_words(day: NaiveDate) -> String {
    day.format("%A %-d %B %Y").to_string()
}

/// "09:00", or with seconds where there are any.
pub fn time_words(time: NaiveTime) -> String {
    let form = if time.second() == 0 { "%H:%M" } else { "%H:%M:%S" };
    NaiveDateTime::new(NaiveDate::default(), time).format(form).to_string()
}
