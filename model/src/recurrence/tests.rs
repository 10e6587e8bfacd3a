//! The slots against a naive reference, which looks at every quarter of an hour for itself, and against the `rrule` library; over fifty years, in zones
//! whose clocks change in odd ways.

use std::str::FromStr;

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Timelike, Utc, Weekday};
use chrono_tz::Tz;
use proptest::prelude::*;
use rrule::{Frequency, NWeekday, RRule};

use super::{
    Ends, InBlackout, Missed, MonthDay, Overlap, Schedule, ScheduleForm, Unit, WEEKDAY_WORDS, When,
    slots::{Fit, Slots, civil, moment},
};

/// North and south, half-hour steps (Lord Howe), changes at midnight (Havana, Beirut, Asuncion), a skipped day (Apia), no change (Kolkata, UTC), odd offsets.
const ZONES: [&str; 16] = [
    "UTC",
    "Europe/Berlin",
    "Europe/London",
    "America/New_York",
    "America/Los_Angeles",
    "America/St_Johns",
    "America/Havana",
    "America/Asuncion",
    "Asia/Beirut",
    "Asia/Kolkata",
    "Asia/Kathmandu",
    "Australia/Sydney",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Pacific/Chatham",
    "Africa/Casablanca",
];
const QUARTER: i64 = 15 * 60 * 1000;

fn at(text: &str) -> NaiveDateTime {
    NaiveDateTime::from_str(text).expect("a civil time")
}

fn clock(text: &str) -> NaiveTime {
    NaiveTime::from_str(text).expect("a time of day")
}

fn schedule(when: When, zone: &str, starts: &str) -> Schedule {
    Schedule {
        when,
        zone: zone.to_owned(),
        starts: at(starts),
        ends: Ends::Never,
        jitter_minutes: 0,
        overlap: Overlap::default(),
        missed: Missed::default(),
        in_blackout: InBlackout::default(),
        depends_on: None,
    }
}

fn daily(zone: &str, starts: &str, times: &[&str]) -> Schedule {
    schedule(When::Days { every: 1, times: times.iter().map(|time| clock(time)).collect() }, zone, starts)
}

fn first(schedule: &Schedule, many: usize) -> Vec<String> {
    let slots = Slots::new(schedule).expect("a good schedule");
    slots.from(0).take(many).map(|ms| DateTime::from_timestamp_millis(ms).expect("in range").to_rfc3339()).collect()
}

#[test]
fn a_time_that_does_not_exist_runs_when_the_clocks_have_jumped_and_one_that_comes_twice_runs_once() {
    let spring = daily("Europe/Berlin", "2026-03-28T00:00:00", &["02:30:00"]);
    assert_eq!(
        first(&spring, 3),
        ["2026-03-28T01:30:00+00:00", "2026-03-29T01:00:00+00:00", "2026-03-30T00:30:00+00:00"],
        "03:00 summer time is 01:00 UTC"
    );
    let autumn = daily("Europe/Berlin", "2026-10-24T00:00:00", &["02:30:00"]);
    assert_eq!(
        first(&autumn, 3),
        ["2026-10-24T00:30:00+00:00", "2026-10-25T00:30:00+00:00", "2026-10-26T01:30:00+00:00"]
    );
    let both = daily("Europe/Berlin", "2026-03-29T00:00:00", &["02:15:00", "02:30:00", "03:00:00"]);
    assert_eq!(first(&both, 2), ["2026-03-29T01:00:00+00:00", "2026-03-30T00:15:00+00:00"], "one moment is one slot");
    let slots = Slots::new(&spring).expect("good");
    let told = slots.clock_changes(1_772_000_000_000);
    assert_eq!(told[0], "02:30 does not exist on Sunday 29 March 2026, when the clocks go forward: it runs at 03:00.");
    assert_eq!(
        told[1],
        "02:30 comes twice on Sunday 25 October 2026, when the clocks go back: it runs the first time only."
    );
    assert!(Slots::new(&daily("UTC", "2026-01-01T00:00:00", &["02:30:00"])).expect("good").clock_changes(0).is_empty());
}

#[test]
fn every_45_minutes_is_45_minutes_apart_over_midnight_and_changes_of_the_clocks() {
    for zone in ZONES {
        let every = schedule(When::Every { count: 45, unit: Unit::Minutes }, zone, "2026-03-28T22:10:00");
        let slots: Vec<i64> = Slots::new(&every).expect("good").from(0).take(400).collect();
        assert_eq!(slots[0], moment(zone.parse().expect("a zone"), at("2026-03-28T22:10:00")).0);
        assert!(slots.windows(2).all(|pair| pair[1] - pair[0] == 45 * 60_000), "{zone}");
    }
}

#[test]
fn a_last_day_is_inclusive_and_a_number_of_runs_is_kept() {
    let mut until = daily("America/New_York", "2026-11-26T00:00:00", &["09:00:00", "23:59:00"]);
    until.ends = Ends::On { day: NaiveDate::from_ymd_opt(2026, 11, 27).expect("a day") };
    assert_eq!(first(&until, 9).len(), 4);
    until.ends = Ends::After { slots: 3 };
    assert_eq!(first(&until, 9).len(), 3);
    let mut apart = schedule(When::Every { count: 2, unit: Unit::Hours }, "UTC", "2026-11-26T09:00:00");
    apart.ends = Ends::After { slots: 3 };
    assert_eq!(first(&apart, 9).last().expect("one"), "2026-11-26T13:00:00+00:00");
    let once = schedule(When::Once { at: at("2026-11-26T09:00:00") }, "Asia/Kolkata", "2026-12-01T00:00:00");
    assert_eq!(first(&once, 9), ["2026-11-26T03:30:00+00:00"]);
}

#[test]
fn days_of_the_month_are_those_of_the_calendar() {
    let on = |on, starts| schedule(When::Months { every: 1, on, times: vec![clock("06:00:00")] }, "UTC", starts);
    let days = |schedule: &Schedule, many| -> Vec<String> {
        first(schedule, many).iter().map(|text| text[..10].to_owned()).collect()
    };
    let starts = "2027-12-31T00:00:00";
    assert_eq!(days(&on(MonthDay::Last, starts), 3), ["2027-12-31", "2028-01-31", "2028-02-29"]);
    assert_eq!(days(&on(MonthDay::Day { day: 31 }, starts), 3), ["2027-12-31", "2028-01-31", "2028-03-31"]);
    let second = MonthDay::Nth { nth: 2, weekday: Weekday::Tue };
    assert_eq!(days(&on(second, "2026-11-11T00:00:00"), 2), ["2026-12-08", "2027-01-12"]);
    let last = MonthDay::Nth { nth: -1, weekday: Weekday::Fri };
    assert_eq!(days(&on(last, "2026-11-01T00:00:00"), 2), ["2026-11-27", "2026-12-25"]);
    let fifth = MonthDay::Nth { nth: 5, weekday: Weekday::Mon };
    assert_eq!(days(&on(fifth, "2026-11-01T00:00:00"), 2), ["2026-11-30", "2027-03-29"]);
    let leap = schedule(
        When::Months { every: 12, on: MonthDay::Day { day: 29 }, times: vec![clock("06:00:00")] },
        "UTC",
        "2027-02-01T00:00:00",
    );
    assert_eq!(days(&leap, 2), ["2028-02-29", "2032-02-29"]);
    let never = schedule(
        When::Months { every: 12, on: MonthDay::Day { day: 30 }, times: vec![clock("06:00:00")] },
        "UTC",
        "2027-02-01T00:00:00",
    );
    assert!(days(&never, 1).is_empty());
}

#[test]
fn cron_has_five_fields_and_keeps_to_the_zone() {
    let cron = |expression: &str| {
        schedule(When::Cron { expression: expression.to_owned() }, "Europe/Berlin", "2027-03-26T12:00:00")
    };
    assert_eq!(
        first(&cron("30 2 * * *"), 3),
        ["2027-03-27T01:30:00+00:00", "2027-03-28T01:00:00+00:00", "2027-03-29T00:30:00+00:00"]
    );
    assert_eq!(first(&cron("0 9 * * MON-FRI"), 1), ["2027-03-29T07:00:00+00:00"]);
    // On 4 April the clocks go back from 03:45 to 02:45: 03:00 comes twice and counts once; an interval goes on.
    let back = |expression: &str| {
        schedule(When::Cron { expression: expression.to_owned() }, "Pacific/Chatham", "2027-04-04T02:50:00")
    };
    assert_eq!(
        first(&back("0 3,4 * * *"), 3),
        ["2027-04-03T13:15:00+00:00", "2027-04-03T15:15:00+00:00", "2027-04-04T14:15:00+00:00"]
    );
    assert_eq!(
        first(&back("0 * * * *"), 3),
        ["2027-04-03T13:15:00+00:00", "2027-04-03T14:15:00+00:00", "2027-04-03T15:15:00+00:00"]
    );
    for wrong in ["* * * *", "0 30 2 * * *", "61 * * * *", "often", "0 0 1 1 * 2027 2028"] {
        assert_eq!(Slots::new(&cron(wrong)).expect_err("is refused").field, "cron", "{wrong}");
    }
    let mut nowhere = cron("0 0 * * *");
    nowhere.zone = "Europe/Nowhere".to_owned();
    assert_eq!(Slots::new(&nowhere).expect_err("is refused").field, "zone");
}

#[test]
fn it_is_said_back() {
    let mut weekly = schedule(
        When::Weeks {
            every: 2,
            days: vec![Weekday::Mon, Weekday::Thu],
            times: vec![clock("09:00:00"), clock("17:30:00")],
        },
        "Europe/Berlin",
        "2026-11-26T00:00:00",
    );
    weekly.ends = Ends::On { day: NaiveDate::from_ymd_opt(2026, 12, 31).expect("a day") };
    assert_eq!(
        weekly.sentence(),
        "Every 2 weeks on Monday and Thursday at 09:00 and 17:30, from Thursday 26 November 2026, until Thursday 31 December 2026 inclusive; Europe/Berlin time."
    );
    let once = schedule(When::Once { at: at("2026-11-26T09:00:00") }, "UTC", "2026-11-26T00:00:00");
    assert_eq!(once.sentence(), "Once, on Thursday 26 November 2026 at 09:00, UTC time.");
    let every = schedule(When::Every { count: 45, unit: Unit::Minutes }, "UTC", "2026-11-26T09:10:00");
    assert_eq!(every.sentence(), "Every 45 minutes, from Thursday 26 November 2026 at 09:10; UTC time.");
    assert_eq!(
        every.remark().as_deref(),
        Some("Runs are 45 minutes apart, over midnight and over changes of the clocks too.")
    );
    let month = schedule(
        When::Months { every: 1, on: MonthDay::Day { day: 31 }, times: vec![clock("06:00:00")] },
        "UTC",
        "2026-11-26T00:00:00",
    );
    assert_eq!(month.sentence(), "Every month on the 31st at 06:00, from Thursday 26 November 2026; UTC time.");
    assert!(month.remark().is_some_and(|remark| remark.contains("passed over")));
}

#[test]
fn a_form_names_what_is_wrong_with_it() {
    let now = at("2026-11-26T08:15:30");
    let fresh = || ScheduleForm { kind: "repeats".to_owned(), ..ScheduleForm::fresh("UTC") };
    assert_eq!(fresh().parse(now).expect("is good").starts, at("2026-11-26T08:16:00"));
    let wrong = |change: fn(&mut ScheduleForm)| {
        let mut form = fresh();
        change(&mut form);
        form.parse(now).expect_err("is refused").into_iter().map(|problem| problem.field).collect::<Vec<_>>()
    };
    assert_eq!(wrong(|form| form.every = "0".to_owned()), ["every"]);
    assert_eq!(wrong(|form| form.every = "1.5".to_owned()), ["every"]);
    assert_eq!(wrong(|form| form.times = "25:00".to_owned()), ["times"]);
    assert_eq!(wrong(|form| form.times = " , ".to_owned()), ["times"]);
    assert_eq!(wrong(|form| form.unit = "years".to_owned()), ["unit"]);
    assert_eq!(
        wrong(|form| {
            form.unit = "weeks".to_owned();
            form.mon.clear();
        }),
        ["days"]
    );
    assert_eq!(
        wrong(|form| {
            form.unit = "months".to_owned();
            form.month_day = "32".to_owned();
        }),
        ["month_day"]
    );
    assert_eq!(wrong(|form| form.starts_day = "2026-02-30".to_owned()), ["starts_day"]);
    assert_eq!(
        wrong(|form| {
            form.ends = "on".to_owned();
            form.ends_on = "2026-11-25".to_owned();
        }),
        ["ends_on"]
    );
    assert_eq!(
        wrong(|form| {
            form.ends = "after".to_owned();
            form.ends_after = "-1".to_owned();
        }),
        ["ends_after"]
    );
    assert_eq!(wrong(|form| form.kind = "sometimes".to_owned()), ["kind"]);
    assert_eq!(wrong(|form| form.kind = "once".to_owned()), ["once_day"]);
    assert_eq!(wrong(|form| form.kind = "after".to_owned()), ["after"]);
    assert_eq!(wrong(|form| form.kind = "cron".to_owned()), ["cron"]);
    assert_eq!(
        wrong(|form| {
            form.unit = "minutes".to_owned();
            form.every = "30".to_owned();
            form.jitter = "30".to_owned();
        }),
        ["jitter"]
    );
    let times = ScheduleForm { times: "9; 13:30 09:00".to_owned(), ..fresh() }.parse(now).expect("is good").when;
    assert_eq!(times, When::Days { every: 1, times: vec![clock("09:00:00"), clock("13:30:00")] });
}

fn times() -> impl Strategy<Value = Vec<NaiveTime>> {
    prop::collection::btree_set(0_u32..96, 1..4).prop_map(|quarters| {
        quarters.into_iter().map(|q| NaiveTime::from_hms_opt(q / 4, q % 4 * 15, 0).expect("a time")).collect()
    })
}

fn weekday() -> impl Strategy<Value = Weekday> {
    (0_usize..7).prop_map(|index| WEEKDAY_WORDS[index].0)
}

fn civil_rules() -> impl Strategy<Value = When> {
    let month_day = prop_oneof![
        (1_u8..=31).prop_map(|day| MonthDay::Day { day }),
        Just(MonthDay::Last),
        (prop_oneof![Just(-1_i8), 1_i8..=5], weekday()).prop_map(|(nth, weekday)| MonthDay::Nth { nth, weekday }),
    ];
    prop_oneof![
        (1_u32..10, times()).prop_map(|(every, times)| When::Days { every, times }),
        (1_u32..6, prop::collection::btree_set(0_usize..7, 1..4), times()).prop_map(|(every, days, times)| {
            When::Weeks { every, days: days.into_iter().map(|index| WEEKDAY_WORDS[index].0).collect(), times }
        }),
        (1_u32..14, month_day, times()).prop_map(|(every, on, times)| When::Months { every, on, times }),
    ]
}

/// Fifty years, to the quarter of an hour.
fn begins() -> impl Strategy<Value = NaiveDateTime> {
    (0_i64..50 * 365 * 96).prop_map(|quarters| at("1985-01-01T00:00:00") + TimeDelta::minutes(quarters * 15))
}

/// Around the changes of the clocks of the north and the south.
fn begins_near_a_change() -> impl Strategy<Value = NaiveDateTime> {
    (
        1985_i32..2035,
        prop::sample::select(vec![(2_u32, 25_u32), (3, 6), (3, 24), (4, 1), (9, 24), (10, 1), (10, 22), (10, 30)]),
        0_i64..480,
    )
        .prop_map(|(year, (month, day), quarters)| {
            let day = NaiveDate::from_ymd_opt(year, month, day).expect("a day");
            day.and_time(NaiveTime::MIN) + TimeDelta::minutes(quarters * 15)
        })
}

/// The rule, asked of one day: written apart from what it tests.
fn is_day(when: &When, starts: NaiveDate, day: NaiveDate) -> bool {
    match when {
        When::Days { every, .. } => (day - starts).num_days() % i64::from(*every) == 0,
        When::Weeks { every, days, .. } => {
            let first_monday = starts.week(Weekday::Mon).first_day();
            let weeks = (day.week(Weekday::Mon).first_day() - first_monday).num_days() / 7;
            weeks % i64::from(*every) == 0 && days.contains(&day.weekday())
        }
        When::Months { every, on, .. } => {
            let months = (day.year() - starts.year()) * 12 + day.month() as i32 - starts.month() as i32;
            let is_last = (day + TimeDelta::days(1)).month() != day.month();
            let is_last_of_its_name = (day + TimeDelta::days(7)).month() != day.month();
            let of_its_name = day.day().div_ceil(7);
            months % *every as i32 == 0
                && match on {
                    MonthDay::Day { day: number } => day.day() == u32::from(*number),
                    MonthDay::Last => is_last,
                    MonthDay::Nth { nth: -1, weekday } => day.weekday() == *weekday && is_last_of_its_name,
                    MonthDay::Nth { nth, weekday } => day.weekday() == *weekday && of_its_name == *nth as u32,
                }
        }
        _ => false,
    }
}

/// Every civil time of the rule, each at the first quarter of an hour at which the clocks show it or more; found by looking at every quarter.
fn reference(when: &When, zone: Tz, starts: NaiveDateTime, until: i64) -> Vec<i64> {
    let (When::Days { times, .. } | When::Weeks { times, .. } | When::Months { times, .. }) = when else {
        return Vec::new();
    };
    let begin = moment_of(zone, starts);
    let mut wanted: Vec<NaiveDateTime> = Vec::new();
    let mut day = starts.date();
    let last_day = civil(zone, until).date() + TimeDelta::days(2);
    while day <= last_day {
        if is_day(when, starts.date(), day) {
            wanted.extend(times.iter().map(|time| day.and_time(*time)));
        }
        day += TimeDelta::days(1);
    }
    let mut wanted = wanted.into_iter().peekable();
    let mut found = Vec::new();
    let mut now = begin - 30 * 96 * QUARTER / 10;
    while now <= until {
        let shown = civil(zone, now);
        while wanted.peek().is_some_and(|next| *next <= shown) {
            wanted.next();
            if now >= begin && found.last() != Some(&now) {
                found.push(now);
            }
        }
        now += QUARTER;
    }
    found
}

fn moment_of(zone: Tz, civil_time: NaiveDateTime) -> i64 {
    let mut now = (civil_time.and_utc().timestamp_millis() - 30 * 3_600_000).div_euclid(QUARTER) * QUARTER;
    while civil(zone, now) < civil_time {
        now += QUARTER;
    }
    now
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn slots_are_those_of_a_naive_reference(
        when in civil_rules(),
        zone in prop::sample::select(ZONES.to_vec()),
        starts in prop_oneof![begins(), begins_near_a_change()],
    ) {
        let tz: Tz = zone.parse().expect("a zone");
        let mut schedule = schedule(when, zone, "2026-01-01T00:00:00");
        schedule.starts = starts;
        let until = starts.and_utc().timestamp_millis() + 40 * 86_400_000;
        let slots = Slots::new(&schedule).expect("good");
        let begin = starts.and_utc().timestamp_millis() - 3 * 86_400_000;
        let found: Vec<i64> = slots.from(begin).take_while(|slot| *slot <= until).collect();
        prop_assert_eq!(found, reference(&schedule.when, tz, starts, until));
    }

    #[test]
    fn the_days_of_fifty_years_are_those_of_the_rrule_library(
        when in civil_rules(),
        zone in prop::sample::select(ZONES.to_vec()),
        starts in begins(),
    ) {
        // The library is asked in UTC for civil times; the zone is put on afterwards, where the clocks change nothing.
        let (When::Days { times, .. } | When::Weeks { times, .. } | When::Months { times, .. }) = &when else { unreachable!() };
        let begin = starts.date().and_time(NaiveTime::MIN).and_utc().with_timezone(&rrule::Tz::UTC);
        let plain = |frequency, every: u32| RRule::new(frequency).interval(u16::try_from(every).expect("small"));
        let name = |day: &Weekday| NWeekday::Every(*day);
        let rule = match &when {
            When::Days { every, .. } => plain(Frequency::Daily, *every),
            When::Weeks { every, days, .. } => plain(Frequency::Weekly, *every).by_weekday(days.iter().map(name).collect()),
            When::Months { every, on, .. } => {
                let rule = plain(Frequency::Monthly, *every);
                match on {
                    MonthDay::Day { day } => rule.by_month_day(vec![*day as i8]),
                    MonthDay::Last => rule.by_month_day(vec![-1]),
                    MonthDay::Nth { nth, weekday } => rule.by_weekday(vec![NWeekday::Nth(i16::from(*nth), *weekday)]),
                }
            }
            _ => unreachable!(),
        };
        let rule = rule.week_start(Weekday::Mon).validate(begin).expect("the library takes it");
        let days = rrule::RRuleSet::new(begin).rrule(rule);
        let tz: Tz = zone.parse().expect("a zone");
        let first_moment = moment(tz, starts).0;
        let expected: Vec<(NaiveDateTime, i64)> = days
            .into_iter()
            .take(120)
            .take_while(|day| day.year() < 2090)
            .flat_map(|day| times.iter().map(move |time| day.date_naive().and_time(*time)))
            .map(|civil_time| (civil_time, moment(tz, civil_time)))
            .filter(|(_, (ms, fit))| *ms >= first_moment && *fit == Fit::Plain)
            .map(|(civil_time, (ms, _))| (civil_time, ms))
            .collect();
        let mut schedule = schedule(when.clone(), zone, "2026-01-01T00:00:00");
        schedule.starts = starts;
        let slots = Slots::new(&schedule).expect("good");
        let Some((_, last)) = expected.last() else { return Ok(()) };
        let found: Vec<(NaiveDateTime, i64)> = slots
            .from(first_moment)
            .take_while(|slot| slot <= last)
            .map(|ms| (civil(tz, ms), ms))
            .filter(|(civil_time, ms)| times.contains(&civil_time.time()) && moment(tz, *civil_time) == (*ms, Fit::Plain))
            .collect();
        // Where a skipped time ends on another's moment, the two are one slot, here as there.
        let expected: Vec<_> = expected.into_iter().filter(|(civil_time, ms)| civil(tz, *ms) == *civil_time).collect();
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn a_slot_follows_only_what_lies_before_it(
        when in civil_rules(),
        zone in prop::sample::select(ZONES.to_vec()),
        starts in begins_near_a_change(),
        asked in 0_i64..60 * 96,
    ) {
        let mut schedule = schedule(when, zone, "2026-01-01T00:00:00");
        schedule.starts = starts;
        let slots = Slots::new(&schedule).expect("good");
        let ms = starts.and_utc().timestamp_millis() + asked * QUARTER;
        let (Some(next), all) = (slots.after(ms), slots.from(i64::MIN)) else { return Ok(()) };
        prop_assert!(next > ms);
        let reached = all.into_iter().find(|slot| *slot > ms);
        prop_assert_eq!(reached, Some(next), "asking from anywhere gives what walking there gives");
    }

    #[test]
    fn a_form_filled_in_from_a_schedule_means_that_schedule(
        when in prop_oneof![
            civil_rules(),
            (1_u32..500).prop_map(|count| When::Every { count, unit: Unit::Minutes }),
            (1_u32..500).prop_map(|count| When::Every { count, unit: Unit::Hours }),
            begins().prop_map(|at| When::Once { at }),
        ],
        starts in begins(),
        many in prop::option::of(1_u32..1000),
    ) {
        let mut schedule = schedule(when, "Europe/Berlin", "2026-01-01T00:00:00");
        schedule.starts = starts.with_second(0).expect("a minute");
        if let (Some(slots), false) = (many, matches!(schedule.when, When::Once { .. })) {
            schedule.ends = Ends::After { slots };
        }
        let form = ScheduleForm::of(&schedule);
        prop_assert_eq!(form.parse(at("2026-11-26T08:00:00")), Ok(schedule));
    }

    #[test]
    fn cron_agrees_with_the_rule_that_says_the_same(
        zone in prop::sample::select(ZONES.to_vec()),
        starts in prop_oneof![begins(), begins_near_a_change()],
        minute in prop::sample::select(vec![0_u32, 15, 30, 45]),
        hours in prop::collection::btree_set(0_u32..24, 1..4),
    ) {
        let times = hours.iter().map(|hour| NaiveTime::from_hms_opt(*hour, minute, 0).expect("a time")).collect();
        let hours = hours.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
        let mut by_rule = schedule(When::Days { every: 1, times }, zone, "2026-01-01T00:00:00");
        let mut by_cron = schedule(When::Cron { expression: format!("{minute} {hours} * * *") }, zone, "2026-01-01T00:00:00");
        by_rule.starts = starts;
        by_cron.starts = starts;
        let (by_rule, by_cron) = (Slots::new(&by_rule).expect("good"), Slots::new(&by_cron).expect("good"));
        let begin = moment(by_rule.zone(), starts).0;
        let take = |slots: &Slots| slots.from(begin).take(40).map(DateTime::<Utc>::from_timestamp_millis).collect::<Vec<_>>();
        prop_assert_eq!(take(&by_rule), take(&by_cron));
    }
}

#[test]
fn a_blackout_covers_its_hours_over_midnight_too_and_ends_where_nothing_follows() {
    use super::{BlackoutForm, slots::in_blackout};
    let nights = BlackoutForm {
        name: "Nights".to_owned(),
        zone: "Europe/Berlin".to_owned(),
        kind: "weekly".to_owned(),
        fri: "on".to_owned(),
        sat: "on".to_owned(),
        from: "22:00".to_owned(),
        until: "06:00".to_owned(),
        ..BlackoutForm::default()
    };
    let christmas = BlackoutForm {
        name: "Christmas".to_owned(),
        zone: "Europe/Berlin".to_owned(),
        kind: "span".to_owned(),
        first: "2026-12-24".to_owned(),
        last: "2026-12-26".to_owned(),
        ..BlackoutForm::default()
    };
    let all = [nights.parse().expect("is good"), christmas.parse().expect("is good")];
    let berlin: Tz = "Europe/Berlin".parse().expect("a zone");
    let covered = |text: &str| {
        let (blackout, end) = in_blackout(&all, moment(berlin, at(text)).0)?;
        Some((blackout.name.as_str(), civil(berlin, end).to_string()))
    };
    assert_eq!(covered("2026-11-27T21:59:00"), None, "a Friday");
    assert_eq!(covered("2026-11-27T22:00:00"), Some(("Nights", "2026-11-28 06:00:00".to_owned())));
    assert_eq!(covered("2026-11-29T05:59:00"), Some(("Nights", "2026-11-29 06:00:00".to_owned())), "a Sunday morning");
    assert_eq!(covered("2026-11-29T06:00:00"), None);
    assert_eq!(
        covered("2026-12-24T00:00:00"),
        Some(("Christmas", "2026-12-27 06:00:00".to_owned())),
        "the night after the last day follows without a gap"
    );
    let refused = |form: BlackoutForm| {
        form.parse().expect_err("is refused").into_iter().map(|problem| problem.field).collect::<Vec<_>>()
    };
    assert_eq!(refused(BlackoutForm { fri: String::new(), sat: String::new(), ..nights.clone() }), ["days"]);
    assert_eq!(refused(BlackoutForm { until: "22:00".to_owned(), ..nights.clone() }), ["until"]);
    assert_eq!(refused(BlackoutForm { name: " ".to_owned(), from: "late".to_owned(), ..nights }), ["name", "from"]);
    assert_eq!(refused(BlackoutForm { last: "2026-12-23".to_owned(), ..christmas }), ["last"]);
}

#[test]
fn the_last_slot_is_known_where_there_is_one() {
    let mut until = daily("UTC", "2026-11-26T00:00:00", &["09:00:00"]);
    assert_eq!(Slots::new(&until).expect("good").last(), None);
    until.ends = Ends::On { day: NaiveDate::from_ymd_opt(2030, 1, 2).expect("a day") };
    assert_eq!(Slots::new(&until).expect("good").last(), Some(moment(Tz::UTC, at("2030-01-02T09:00:00")).0));
    let mut apart = schedule(When::Every { count: 7, unit: Unit::Hours }, "UTC", "2026-11-26T09:00:00");
    apart.ends = Ends::On { day: NaiveDate::from_ymd_opt(2026, 11, 26).expect("a day") };
    assert_eq!(Slots::new(&apart).expect("good").last(), Some(moment(Tz::UTC, at("2026-11-26T23:00:00")).0));
    apart.ends = Ends::On { day: NaiveDate::from_ymd_opt(2026, 11, 20).expect("a day") };
    assert_eq!(Slots::new(&apart).expect("good").last(), None, "it ends before it begins");
    let seldom = MonthDay::Nth { nth: 5, weekday: Weekday::Sun };
    let times = vec![NaiveTime::from_hms_opt(9, 0, 0).expect("a time")];
    let mut seldom = schedule(When::Months { every: 12, on: seldom, times }, "UTC", "2026-11-01T00:00:00");
    seldom.ends = Ends::On { day: NaiveDate::from_ymd_opt(2030, 12, 31).expect("a day") };
    assert_eq!(
        Slots::new(&seldom).expect("good").last(),
        Some(moment(Tz::UTC, at("2026-11-29T09:00:00")).0),
        "years before its last day"
    );
    seldom.ends = Ends::On { day: NaiveDate::from_ymd_opt(2026, 11, 28).expect("a day") };
    assert_eq!(Slots::new(&seldom).expect("good").last(), None);
    let mut often =
        schedule(When::Cron { expression: "*/5 * * * *".to_owned() }, "Europe/Berlin", "2026-11-26T00:00:00");
    often.ends = Ends::After { slots: 1_000 };
    let slots = Slots::new(&often).expect("good");
    assert_eq!(slots.last(), slots.from(0).nth(999));
}
