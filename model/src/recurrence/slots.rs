//! The moments at which a schedule's runs are due: its slots.
//!
//! A civil time becomes the first moment at which the clocks of the zone show it or a later time. So a time that the clocks jump over (02:30 on the
//! night when 02:00 becomes 03:00) comes when they have jumped, and a time that comes twice counts the first time. Two times of day that fall on one
//! moment are one slot.

use chrono::{
    DateTime, Datelike, Days, MappedLocalTime, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone, Utc, Weekday,
};
use chrono_tz::Tz;
use croner::{
    Cron,
    parser::{CronParser, Seconds, Year},
};

use super::{Blackout, Ends, MonthDay, Schedule, When, day_words, time_words};
use crate::error::FieldProblem;

/// Beyond this year the database of time zones knows no changes of the clocks, and nothing is looked for.
const LAST_YEAR: i32 = 2099;
/// How far ahead changes of the clocks are told of.
const CHANGES_TOLD_DAYS: u64 = 400;

/// The IANA time zone of that name.
pub fn zone(name: &str) -> Option<Tz> {
    name.parse().ok()
}

/// The names of all time zones, in order.
pub fn zone_names() -> Vec<&'static str> {
    chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name()).collect()
}

/// What the clocks of a zone show at a moment.
pub fn civil(zone: Tz, ms: i64) -> NaiveDateTime {
    utc(ms).with_timezone(&zone).naive_local()
}

/// How a civil time came to its moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fit {
    /// It comes once.
    Plain,
    /// The clocks jump over it.
    Skipped,
    /// It comes twice; this is the first.
    Twice,
}

/// The first moment at which the clocks of a zone show that time or a later one.
pub fn moment(zone: Tz, civil: NaiveDateTime) -> (i64, Fit) {
    match zone.from_local_datetime(&civil) {
        MappedLocalTime::Single(at) => (at.timestamp_millis(), Fit::Plain),
        MappedLocalTime::Ambiguous(one, other) => (one.min(other).timestamp_millis(), Fit::Twice),
        MappedLocalTime::None => {
            // Clocks jump forward here, by a day at most, and do nothing else within the day around.
            let shown = |seconds: i64| self::civil(zone, seconds * 1000);
            let (mut before, mut after) =
                (civil.and_utc().timestamp() - 26 * 3600, civil.and_utc().timestamp() + 26 * 3600);
            while after - before > 1 {
                let middle = before + (after - before) / 2;
                if shown(middle) >= civil { after = middle } else { before = middle }
            }
            (after * 1000, Fit::Skipped)
        }
    }
}

/// The blackout in which a moment lies, and when it can run at the earliest: when no blackout is left.
pub fn in_blackout(blackouts: &[Blackout], ms: i64) -> Option<(&Blackout, i64)> {
    let ends = |ms: i64| blackouts.iter().find_map(|blackout| Some((blackout, end_of(blackout, ms)?)));
    let (first, mut end) = ends(ms)?;
    // Blackouts may follow each other without a gap; one that never ends is given up on after two years.
    for _ in 0..800 {
        match ends(end) {
            Some((_, later)) => end = later,
            None => break,
        }
    }
    Some((first, end))
}

/// When a blackout ends that covers the moment.
fn end_of(blackout: &Blackout, ms: i64) -> Option<i64> {
    let zone = zone(&blackout.zone)?;
    let today = civil(zone, ms).date();
    [today.pred_opt()?, today].into_iter().filter(|day| blackout.is_on(*day)).find_map(|day| {
        let from = blackout.from.unwrap_or(NaiveTime::MIN);
        let (last_day, until) = match blackout.until {
            Some(until) if until > from => (day, until),
            Some(until) => (day.succ_opt()?, until),
            None => (day.succ_opt()?, NaiveTime::MIN),
        };
        let (begin, end) = (moment(zone, day.and_time(from)).0, moment(zone, last_day.and_time(until)).0);
        (begin <= ms && ms < end).then_some(end)
    })
}

/// A schedule's slots.
#[derive(Debug, Clone)]
pub struct Slots {
    zone: Tz,
    first: i64,
    /// No slot comes after.
    last: i64,
    rule: Rule,
}

#[derive(Debug, Clone)]
enum Rule {
    Once(i64),
    Apart(i64),
    Civil {
        days: CandidateDays,
        times: Vec<NaiveTime>,
    },
    Cron {
        cron: Box<Cron>,
        /// Its hours are named (`2`, `9,17`, `8-18`): these are times of day, as those of the other rules. Else (`*`, `*/2`) they are an interval, which goes on
        /// through an hour that comes twice.
        names_hours: bool,
    },
    Never,
}

/// The days of a civil rule.
#[derive(Debug, Clone, Copy)]
enum CandidateDays {
    Every { from: NaiveDate, every: u64 },
    Weeks { from: NaiveDate, every: i64, days: [bool; 7] },
    Months { from: NaiveDate, every: i64, on: MonthDay },
}

impl Slots {
    /// The slots of a schedule; or what is wrong with it, by input.
    pub fn new(schedule: &Schedule) -> Result<Self, FieldProblem> {
        let zone = zone(&schedule.zone).ok_or_else(|| {
            FieldProblem::new("zone", "There is no such time zone. Choose one from the list, like Europe/Berlin.")
        })?;
        let first = moment(zone, schedule.starts).0;
        let from = schedule.starts.date();
        let rule = match &schedule.when {
            When::Once { at } => Rule::Once(moment(zone, *at).0),
            When::Every { count, unit } => Rule::Apart(i64::from((*count).max(1)) * unit.milliseconds()),
            When::Days { every, times } => Rule::Civil {
                days: CandidateDays::Every { from, every: u64::from((*every).max(1)) },
                times: times.clone(),
            },
            When::Weeks { every, days, times } => {
                let mut wanted = [false; 7];
                for day in days {
                    wanted[index(*day)] = true;
                }
                Rule::Civil {
                    days: CandidateDays::Weeks { from, every: i64::from((*every).max(1)), days: wanted },
                    times: times.clone(),
                }
            }
            When::Months { every, on, times } => Rule::Civil {
                days: CandidateDays::Months { from, every: i64::from((*every).max(1)), on: *on },
                times: times.clone(),
            },
            When::Cron { expression } => {
                let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
                let cron = parser.parse(expression).map_err(|error| {
                    let message =
                        format!("This is no cron expression of five fields ({error}). An example: 30 2 * * 1-5");
                    FieldProblem::new("cron", message)
                })?;
                let names_hours = expression.split_whitespace().nth(1).is_some_and(|hours| !hours.contains('*'));
                Rule::Cron { cron: Box::new(cron), names_hours }
            }
            When::After { .. } => Rule::Never,
        };
        let first = if matches!(rule, Rule::Once(_)) { i64::MIN } else { first };
        let mut slots = Self { zone, first, last: i64::MAX, rule };
        match schedule.ends {
            Ends::Never => {}
            Ends::On { day } => {
                if let Some(next) = day.checked_add_days(Days::new(1)) {
                    slots.last = moment(zone, next.and_time(NaiveTime::MIN)).0 - 1;
                }
            }
            Ends::After { slots: 0 } => slots.last = i64::MIN,
            Ends::After { slots: many } => slots.last = slots.nth(many).unwrap_or(i64::MAX),
        }
        Ok(slots)
    }

    /// The zone of the schedule.
    pub fn zone(&self) -> Tz {
        self.zone
    }

    /// The first slot after a moment.
    pub fn after(&self, ms: i64) -> Option<i64> {
        self.unbounded_after(ms.max(self.first.saturating_sub(1))).filter(|slot| *slot <= self.last)
    }

    /// The slots from a moment on, in order.
    pub fn from(&self, ms: i64) -> impl Iterator<Item = i64> {
        std::iter::successors(self.after(ms.saturating_sub(1)), |slot| self.after(*slot))
    }

    /// The last slot, when there is one.
    pub fn last(&self) -> Option<i64> {
        match self.rule {
            Rule::Never => None,
            Rule::Once(at) => (at <= self.last).then_some(at),
            Rule::Apart(apart) if self.last < i64::MAX => {
                let passed = self.last.saturating_sub(self.first);
                (passed >= 0).then(|| self.first + passed.div_euclid(apart) * apart)
            }
            _ if self.last == i64::MAX => None,
            // Backwards, through ever longer times: most rules come every few days, some every few years.
            _ => (0..).map(|doubled| 86_400_000_i64 << doubled).find_map(|before| {
                let from = self.last.saturating_sub(before);
                match self.from(from).last() {
                    None if from > self.first => None,
                    last => Some(last),
                }
            })?,
        }
    }

    fn nth(&self, many: u32) -> Option<i64> {
        match self.rule {
            Rule::Apart(apart) => Some(self.first + apart * i64::from(many - 1)),
            _ => self.from(self.first).nth(usize::try_from(many).ok()?.checked_sub(1)?),
        }
    }

    fn unbounded_after(&self, ms: i64) -> Option<i64> {
        match &self.rule {
            Rule::Never => None,
            Rule::Once(at) => (*at > ms).then_some(*at),
            Rule::Apart(apart) => {
                let passed = ms.saturating_sub(self.first);
                Some(if passed < 0 { self.first } else { self.first + (passed / apart + 1) * apart })
            }
            Rule::Civil { days, times } => self.civil_after(*days, times, ms).map(|(_, moment, _)| moment),
            Rule::Cron { cron, names_hours: false } => {
                let found = cron.find_next_occurrence(&utc(ms).with_timezone(&self.zone), false).ok()?;
                (found.year() <= LAST_YEAR).then(|| found.timestamp_millis())
            }
            Rule::Cron { cron, names_hours: true } => {
                // What the clocks show at `ms` has had its moment, unless they show it a second time.
                let mut shown = civil(self.zone, ms);
                loop {
                    shown = cron.find_next_occurrence(&shown.and_utc(), false).ok()?.naive_utc();
                    if shown.year() > LAST_YEAR {
                        return None;
                    }
                    let at = moment(self.zone, shown).0;
                    if at > ms {
                        return Some(at);
                    }
                }
            }
        }
    }

    /// The first civil time of the rule whose moment comes after `ms`. What the clocks show at `ms`, and what they showed before, has had its moment.
    fn civil_after(&self, days: CandidateDays, times: &[NaiveTime], ms: i64) -> Option<(NaiveDateTime, i64, Fit)> {
        let shown = civil(self.zone, ms);
        let mut day = days.from(shown.date())?;
        loop {
            for time in times {
                let candidate = day.and_time(*time);
                let (moment, fit) = moment(self.zone, candidate);
                if moment > ms {
                    return Some((candidate, moment, fit));
                }
            }
            day = days.from(day.succ_opt()?)?;
        }
    }

    /// What the changes of the clocks do to the slots of the next months, in sentences.
    pub fn clock_changes(&self, from: i64) -> Vec<String> {
        let until = from.saturating_add(i64::try_from(CHANGES_TOLD_DAYS).unwrap_or(i64::MAX) * 86_400_000);
        let mut told = Vec::new();
        match &self.rule {
            Rule::Civil { days, times } => {
                for change in self.changes(from, until) {
                    let day = civil(self.zone, change).date();
                    for day in [day.pred_opt(), Some(day), day.succ_opt()].into_iter().flatten() {
                        if days.from(day) != Some(day) {
                            continue;
                        }
                        for time in times {
                            let candidate = day.and_time(*time);
                            let (moment, fit) = moment(self.zone, candidate);
                            if moment < from.max(self.first) || moment > self.last {
                                continue;
                            }
                            match fit {
                                Fit::Plain => {}
                                Fit::Skipped => told.push(format!(
                                    "{} does not exist on {}, when the clocks go forward: it runs at {}.",
                                    time_words(*time),
                                    day_words(day),
                                    time_words(civil(self.zone, moment).time())
                                )),
                                Fit::Twice => told.push(format!(
                                    "{} comes twice on {}, when the clocks go back: it runs the first time only.",
                                    time_words(*time),
                                    day_words(day)
                                )),
                            }
                        }
                    }
                }
                told.dedup();
            }
            Rule::Apart(_) | Rule::Cron { .. } => {
                let what = if matches!(self.rule, Rule::Apart(_)) {
                    "runs stay as far apart as they are, so that their times of day change"
                } else {
                    "what it runs around then is in the list of the next runs when it is near"
                };
                for change in self.changes(from, until.min(self.last)).into_iter().take(1) {
                    let (before, after) = (civil(self.zone, change - 1000), civil(self.zone, change));
                    let way = if after - before > TimeDelta::seconds(1) { "forward" } else { "back" };
                    told.push(format!("On {} the clocks go {way}: {what}.", day_words(after.date())));
                }
            }
            Rule::Once(_) | Rule::Never => {}
        }
        told
    }

    /// The moments from which the clocks are set otherwise.
    fn changes(&self, from: i64, until: i64) -> Vec<i64> {
        let ahead = |ms: i64| civil(self.zone, ms).and_utc().timestamp_millis() - ms;
        let mut found = Vec::new();
        let mut at = from;
        while at < until {
            let next = at.saturating_add(86_400_000);
            if ahead(at) != ahead(next) {
                let (mut before, mut after) = (at, next);
                while after - before > 1000 {
                    let middle = before + (after - before) / 2;
                    if ahead(middle) == ahead(at) { before = middle } else { after = middle }
                }
                // Clocks are set at whole seconds.
                found.push(after - after.rem_euclid(1000));
            }
            at = next;
        }
        found
    }
}

impl CandidateDays {
    /// The first day of the rule that is not before `day`.
    fn from(self, day: NaiveDate) -> Option<NaiveDate> {
        let found = match self {
            Self::Every { from, every } => {
                let passed = u64::try_from((day - from).num_days()).unwrap_or(0);
                from.checked_add_days(Days::new(passed.div_ceil(every) * every))
            }
            Self::Weeks { from, every, days } => {
                let monday = |day: NaiveDate| day - TimeDelta::days(i64::from(day.weekday().num_days_from_monday()));
                let mut day = day.max(from);
                loop {
                    let weeks = (monday(day) - monday(from)).num_days() / 7;
                    let beyond = weeks.rem_euclid(every);
                    if beyond != 0 {
                        day = monday(day).checked_add_signed(TimeDelta::weeks(every - beyond))?;
                        continue;
                    }
                    if days[index(day.weekday())] {
                        break Some(day);
                    }
                    day = day.succ_opt()?;
                    if day.year() > LAST_YEAR {
                        break None;
                    }
                }
            }
            Self::Months { from, every, on } => {
                let number = |day: NaiveDate| i64::from(day.year()) * 12 + i64::from(day.month0());
                let day = day.max(from);
                let passed = number(day) - number(from);
                let mut month = number(from) + passed.div_euclid(every) * every;
                loop {
                    let year = i32::try_from(month.div_euclid(12)).ok()?;
                    if year > LAST_YEAR {
                        break None;
                    }
                    let found = day_in(year, u32::try_from(month.rem_euclid(12)).ok()? + 1, on);
                    if let Some(found) = found.filter(|found| *found >= day) {
                        break Some(found);
                    }
                    month += every;
                }
            }
        };
        found.filter(|found| found.year() <= LAST_YEAR)
    }
}

fn day_in(year: i32, month: u32, on: MonthDay) -> Option<NaiveDate> {
    let last = || {
        let next = if month == 12 {
            NaiveDate::from_ymd_opt(year + 1, 1, 1)
        } else {
            NaiveDate::from_ymd_opt(year, month + 1, 1)
        };
        next?.pred_opt()
    };
    match on {
        MonthDay::Day { day } => NaiveDate::from_ymd_opt(year, month, u32::from(day)),
        MonthDay::Last => last(),
        MonthDay::Nth { nth: -1, weekday } => {
            let last = last()?;
            let back = (7 + last.weekday().num_days_from_monday() - weekday.num_days_from_monday()) % 7;
            last.checked_sub_days(Days::new(u64::from(back)))
        }
        MonthDay::Nth { nth, weekday } => {
            NaiveDate::from_weekday_of_month_opt(year, month, weekday, u8::try_from(nth).ok()?)
        }
    }
}

fn index(day: Weekday) -> usize {
    usize::try_from(day.num_days_from_monday()).unwrap_or(0)
}

fn utc(ms: i64) -> DateTime<Utc> {
    // Far beyond what a schedule may name, on either side.
    DateTime::from_timestamp_millis(ms.clamp(-62_000_000_000_000, 8_000_000_000_000)).unwrap_or_default()
}
