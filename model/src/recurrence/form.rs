//! A schedule as a form has it: one text per input, so that it can be posted without the page's program, kept as it was typed, and filled in again.

use chrono::{NaiveDate, NaiveDateTime, NaiveTime, Timelike, Weekday};
use serde::{Deserialize, Serialize};

use super::{
    Ends, InBlackout, LARGEST_EVERY, MOST_JITTER, MOST_RUNS, MOST_TIMES, Missed, MonthDay, Overlap, Schedule, Unit,
    When,
};
use crate::error::FieldProblem;

/// The days of the week as the form names them, from Monday.
pub const WEEKDAY_WORDS: [(Weekday, &str, &str); 7] = [
    (Weekday::Mon, "mon", "Monday"),
    (Weekday::Tue, "tue", "Tuesday"),
    (Weekday::Wed, "wed", "Wednesday"),
    (Weekday::Thu, "thu", "Thursday"),
    (Weekday::Fri, "fri", "Friday"),
    (Weekday::Sat, "sat", "Saturday"),
    (Weekday::Sun, "sun", "Sunday"),
];

/// What was filled in.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ScheduleForm {
    /// `now`, `once`, `repeats`, `cron` or `after`.
    pub kind: String,
    /// The IANA time zone.
    pub zone: String,
    /// Once: the day.
    pub once_day: String,
    /// Once: the time of day.
    pub once_time: String,
    /// Repeats: every how many.
    pub every: String,
    /// Repeats: `minutes`, `hours`, `days`, `weeks` or `months`.
    pub unit: String,
    /// Repeats: times of day, with commas between them.
    pub times: String,
    /// Every N weeks: on Mondays, when it is not empty. The others alike.
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
    /// Every N months: `day`, `last` or `weekday`.
    pub month_on: String,
    /// The day of the month.
    pub month_day: String,
    /// Which of the weekdays: 1 to 5, or -1 for the last.
    pub month_nth: String,
    /// The weekday's word.
    pub month_weekday: String,
    /// The cron expression.
    pub cron: String,
    /// The id of the share after which it runs.
    pub after: String,
    /// The first day.
    pub starts_day: String,
    /// From when on that day.
    pub starts_time: String,
    /// `never`, `on` or `after`.
    pub ends: String,
    /// The last day.
    pub ends_on: String,
    /// The number of slots.
    pub ends_after: String,
    /// Minutes.
    pub jitter: String,
    /// See [`Overlap`].
    pub overlap: String,
    /// See [`Missed`].
    pub missed: String,
    /// See [`InBlackout`].
    pub in_blackout: String,
    /// The id of the share that has to be done first; empty for none.
    pub depends_on: String,
}

impl ScheduleForm {
    /// What to begin with: every day at nine, in this zone.
    pub fn fresh(zone: &str) -> Self {
        let word = |word: &str| word.to_owned();
        Self {
            kind: word("now"),
            zone: zone.to_owned(),
            every: word("1"),
            unit: word("days"),
            times: word("09:00"),
            once_time: word("09:00"),
            mon: word("on"),
            month_on: word("day"),
            month_day: word("1"),
            month_nth: word("1"),
            month_weekday: word("mon"),
            ends: word("never"),
            overlap: word(Overlap::default().as_str()),
            missed: word(Missed::default().as_str()),
            in_blackout: word(InBlackout::default().as_str()),
            ..Self::default()
        }
    }

    /// Whether a day of the week is ticked.
    pub fn has_day(&self, word: &str) -> bool {
        let ticked = match word {
            "mon" => &self.mon,
            "tue" => &self.tue,
            "wed" => &self.wed,
            "thu" => &self.thu,
            "fri" => &self.fri,
            "sat" => &self.sat,
            _ => &self.sun,
        };
        !ticked.is_empty()
    }

    fn tick(&mut self, word: &str) {
        let ticked = match word {
            "mon" => &mut self.mon,
            "tue" => &mut self.tue,
            "wed" => &mut self.wed,
            "thu" => &mut self.thu,
            "fri" => &mut self.fri,
            "sat" => &mut self.sat,
            _ => &mut self.sun,
        };
        "on".clone_into(ticked);
    }

    /// A schedule, as it is filled in.
    pub fn of(schedule: &Schedule) -> Self {
        let mut form = Self::fresh(&schedule.zone);
        form.mon.clear();
        form.kind = "repeats".to_owned();
        form.starts_day = schedule.starts.date().to_string();
        form.starts_time = super::time_words(schedule.starts.time());
        let set_times = |form: &mut Self, times: &[NaiveTime]| {
            let words: Vec<String> = times.iter().map(|time| super::time_words(*time)).collect();
            form.times = words.join(", ");
        };
        let set_every = |form: &mut Self, every: u32, unit: &str| {
            form.every = every.to_string();
            form.unit = unit.to_owned();
        };
        match &schedule.when {
            When::Once { at } => {
                form.kind = "once".to_owned();
                form.once_day = at.date().to_string();
                form.once_time = super::time_words(at.time());
            }
            When::Every { count, unit } => {
                set_every(&mut form, *count, if *unit == Unit::Minutes { "minutes" } else { "hours" });
            }
            When::Days { every, times } => {
                set_every(&mut form, *every, "days");
                set_times(&mut form, times);
            }
            When::Weeks { every, days, times } => {
                set_every(&mut form, *every, "weeks");
                set_times(&mut form, times);
                for (_, word, _) in WEEKDAY_WORDS.iter().filter(|(day, ..)| days.contains(day)) {
                    form.tick(word);
                }
            }
            When::Months { every, on, times } => {
                set_every(&mut form, *every, "months");
                set_times(&mut form, times);
                match on {
                    MonthDay::Day { day } => form.month_day = day.to_string(),
                    MonthDay::Last => form.month_on = "last".to_owned(),
                    MonthDay::Nth { nth, weekday } => {
                        form.month_on = "weekday".to_owned();
                        form.month_nth = nth.to_string();
                        form.month_weekday = weekday_word(*weekday).to_owned();
                    }
                }
            }
            When::Cron { expression } => {
                form.kind = "cron".to_owned();
                form.cron.clone_from(expression);
            }
            When::After { share_id } => {
                form.kind = "after".to_owned();
                form.after = share_id.to_string();
            }
        }
        match schedule.ends {
            Ends::Never => {}
            Ends::On { day } => {
                form.ends = "on".to_owned();
                form.ends_on = day.to_string();
            }
            Ends::After { slots } => {
                form.ends = "after".to_owned();
                form.ends_after = slots.to_string();
            }
        }
        if schedule.jitter_minutes > 0 {
            form.jitter = schedule.jitter_minutes.to_string();
        }
        form.overlap = schedule.overlap.as_str().to_owned();
        form.missed = schedule.missed.as_str().to_owned();
        form.in_blackout = schedule.in_blackout.as_str().to_owned();
        form.depends_on = schedule.depends_on.as_ref().map(ToString::to_string).unwrap_or_default();
        form
    }

    /// The schedule that was filled in, or what is wrong with it, by input. `now` is the present time in the form's zone: what is not said begins then.
    pub fn parse(&self, now: NaiveDateTime) -> Result<Schedule, Vec<FieldProblem>> {
        let mut problems = Vec::new();
        let next_minute = || {
            let begun = now.with_second(0).and_then(|time| time.with_nanosecond(0)).unwrap_or(now);
            if begun == now { now } else { begun + chrono::TimeDelta::minutes(1) }
        };
        let when = self.when(&mut problems);
        let starts = match (self.starts_day.trim(), self.starts_time.trim()) {
            ("", "") => next_minute(),
            (day, time) => {
                let day = if day.is_empty() { Some(now.date()) } else { day_of(day) };
                let time = if time.is_empty() { Some(NaiveTime::MIN) } else { time_of(time) };
                if day.is_none() {
                    problems.push(FieldProblem::new("starts_day", "Enter the first day, like 2026-11-26."));
                }
                if time.is_none() {
                    problems.push(FieldProblem::new("starts_time", "Enter a time of day, like 09:00."));
                }
                day.zip(time).map_or_else(next_minute, |(day, time)| NaiveDateTime::new(day, time))
            }
        };
        let repeats = !matches!(when, Some(When::Once { .. } | When::After { .. }));
        let ends = match self.ends.as_str() {
            "on" if repeats => match day_of(self.ends_on.trim()) {
                Some(day) if day < starts.date() => {
                    problems
                        .push(FieldProblem::new("ends_on", "The last day lies before the first. Choose a later one."));
                    Ends::Never
                }
                Some(day) => Ends::On { day },
                None => {
                    problems.push(FieldProblem::new("ends_on", "Enter the last day, like 2026-12-31."));
                    Ends::Never
                }
            },
            "after" if repeats => match self.ends_after.trim().parse() {
                Ok(slots) if (1..=MOST_RUNS).contains(&slots) => Ends::After { slots },
                _ => {
                    let message = format!("Enter a number of runs from 1 to {MOST_RUNS}.");
                    problems.push(FieldProblem::new("ends_after", message));
                    Ends::Never
                }
            },
            _ => Ends::Never,
        };
        let jitter_minutes = match self.jitter.trim() {
            "" => 0,
            text => match text.parse() {
                Ok(minutes) if minutes <= MOST_JITTER => minutes,
                _ => {
                    let message = format!("Enter minutes from 0 to {MOST_JITTER}.");
                    problems.push(FieldProblem::new("jitter", message));
                    0
                }
            },
        };
        if let Some(When::Every { count, unit }) = &when
            && i64::from(jitter_minutes) * 60_000 >= i64::from(*count) * unit.milliseconds()
        {
            let message = "Runs can't be spread over a time as long as the one between them. Enter fewer minutes.";
            problems.push(FieldProblem::new("jitter", message));
        }
        let depends_on = match self.depends_on.trim() {
            "" => None,
            id => {
                let known = id.parse().ok();
                if known.is_none() {
                    problems.push(FieldProblem::new("depends_on", "Choose a share from the list, or none."));
                }
                known
            }
        };
        let zone = self.zone.trim().to_owned();
        match when {
            Some(when) if problems.is_empty() => Ok(Schedule {
                when,
                zone,
                starts,
                ends,
                jitter_minutes,
                overlap: Overlap::parse(&self.overlap).unwrap_or_default(),
                missed: Missed::parse(&self.missed).unwrap_or_default(),
                in_blackout: InBlackout::parse(&self.in_blackout).unwrap_or_default(),
                depends_on,
            }),
            _ => Err(problems),
        }
    }

    fn when(&self, problems: &mut Vec<FieldProblem>) -> Option<When> {
        let mut wrong = |field: &str, message: &str| problems.push(FieldProblem::new(field, message));
        match self.kind.as_str() {
            "once" => {
                let (day, time) = (day_of(self.once_day.trim()), time_of(self.once_time.trim()));
                if day.is_none() {
                    wrong("once_day", "Enter the day, like 2026-11-26.");
                }
                if time.is_none() {
                    wrong("once_time", "Enter a time of day, like 09:00.");
                }
                Some(When::Once { at: NaiveDateTime::new(day?, time?) })
            }
            "cron" => {
                let expression = self.cron.split_whitespace().collect::<Vec<_>>().join(" ");
                if expression.is_empty() || expression.len() > 200 {
                    wrong("cron", "Enter a cron expression of five fields, like 30 2 * * 1-5.");
                    return None;
                }
                Some(When::Cron { expression })
            }
            "after" => match self.after.parse() {
                Ok(share_id) => Some(When::After { share_id }),
                Err(_) => {
                    wrong("after", "Choose the share after which this one runs.");
                    None
                }
            },
            "repeats" => self.repeats(problems),
            _ => {
                wrong("kind", "Choose when it runs.");
                None
            }
        }
    }

    fn repeats(&self, problems: &mut Vec<FieldProblem>) -> Option<When> {
        let every = self.every.trim().parse().ok().filter(|every| (1..=LARGEST_EVERY).contains(every));
        if every.is_none() {
            problems.push(FieldProblem::new("every", format!("Enter a whole number from 1 to {LARGEST_EVERY}.")));
        }
        match self.unit.as_str() {
            "minutes" => return Some(When::Every { count: every?, unit: Unit::Minutes }),
            "hours" => return Some(When::Every { count: every?, unit: Unit::Hours }),
            "days" | "weeks" | "months" => {}
            _ => {
                problems.push(FieldProblem::new("unit", "Choose minutes, hours, days, weeks or months."));
                return None;
            }
        }
        let times = times_of(&self.times);
        match &times {
            None => problems.push(FieldProblem::new("times", "Enter times of day, like 09:00 or 09:00, 13:30.")),
            Some(times) if times.len() > MOST_TIMES => {
                problems.push(FieldProblem::new("times", format!("Enter at most {MOST_TIMES} times of day.")));
            }
            Some(_) => {}
        }
        match self.unit.as_str() {
            "days" => Some(When::Days { every: every?, times: times? }),
            "weeks" => {
                let days: Vec<Weekday> =
                    WEEKDAY_WORDS.iter().filter(|(_, word, _)| self.has_day(word)).map(|(day, ..)| *day).collect();
                if days.is_empty() {
                    problems.push(FieldProblem::new("days", "Choose at least one day of the week."));
                    return None;
                }
                Some(When::Weeks { every: every?, days, times: times? })
            }
            _ => {
                let on = match self.month_on.as_str() {
                    "last" => Some(MonthDay::Last),
                    "weekday" => {
                        let nth = self.month_nth.parse().ok().filter(|nth| matches!(nth, -1 | 1..=5));
                        let weekday = WEEKDAY_WORDS.iter().find(|(_, word, _)| *word == self.month_weekday);
                        if nth.is_none() || weekday.is_none() {
                            problems.push(FieldProblem::new("month_nth", "Choose which day of the week in the month."));
                        }
                        nth.zip(weekday).map(|(nth, (weekday, ..))| MonthDay::Nth { nth, weekday: *weekday })
                    }
                    _ => {
                        let day = self.month_day.trim().parse().ok().filter(|day| (1..=31).contains(day));
                        if day.is_none() {
                            problems.push(FieldProblem::new("month_day", "Enter a day from 1 to 31."));
                        }
                        day.map(|day| MonthDay::Day { day })
                    }
                };
                Some(When::Months { every: every?, on: on?, times: times? })
            }
        }
    }
}

fn weekday_word(day: Weekday) -> &'static str {
    WEEKDAY_WORDS.iter().find(|(other, ..)| *other == day).map_or("mon", |(_, word, _)| *word)
}

pub(super) fn day_of(text: &str) -> Option<NaiveDate> {
    let day: NaiveDate = text.parse().ok()?;
    // Beyond this the database of time zones knows no changes of the clocks.
    let last = NaiveDate::from_ymd_opt(2099, 12, 31)?;
    (day.to_string() == text && day <= last).then_some(day)
}

/// `9`, `9:00`, `09:00`, or with seconds as some browsers send them.
pub(super) fn time_of(text: &str) -> Option<NaiveTime> {
    let mut numbers = text.split(':').map(|number| {
        (number.len() <= 2 && number.bytes().all(|byte| byte.is_ascii_digit())).then(|| number.parse::<u32>().ok())?
    });
    let (hour, minute) = (numbers.next()??, numbers.next().unwrap_or(Some(0))?);
    // A run does not begin at a second of its own.
    let seconds = numbers.next().unwrap_or(Some(0))?;
    if numbers.next().is_some() || seconds != 0 {
        return None;
    }
    NaiveTime::from_hms_opt(hour, minute, 0)
}

fn times_of(text: &str) -> Option<Vec<NaiveTime>> {
    let words = text.split([',', ';', ' ']).filter(|word| !word.is_empty());
    let mut times = words.map(time_of).collect::<Option<Vec<_>>>()?;
    times.sort();
    times.dedup();
    (!times.is_empty()).then_some(times)
}
