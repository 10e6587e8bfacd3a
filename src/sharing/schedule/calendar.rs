//! The calendar: what ran and what will run on some days, all shares of an account together.

use std::collections::{BTreeMap, HashMap};

use chrono::{Datelike, Days, NaiveDate, NaiveTime, Timelike};
use chrono_tz::Tz;
use model::{
    calendar::{
        CalendarDay, CalendarEntry, CalendarQuery, CalendarSpan, CalendarView, EntryKind, OccurrenceView, PauseView,
    },
    error::HubError,
    id::{AccountId, ShareId},
    recurrence::{
        Blackout, InBlackout, day_words,
        slots::{self, Slots, civil, in_blackout, moment},
        time_words,
    },
    run::RunState,
    view::{Actor, RunSummary, ShareState, ShareSummary},
};

use super::{
    blackouts,
    desk::known_zone,
    due_at,
    rows::{self, OccurrenceRow, ScheduleEnd, ScheduleRow, SlotState},
};
use crate::{
    exchange::{self, Usual},
    hub::{Hub, Result, internal},
    store::{StoreError, clock::rfc3339},
};

/// Days of an agenda.
const AGENDA_DAYS: u64 = 30;
/// Entries that are shown at most.
const MOST_ENTRIES: usize = 2_000;
/// Entries of one share that is planned at most.
const MOST_OF_SHARE: usize = 500;
/// Runs that begin within one hour and are worth a word.
const CROWD: usize = 5;
/// How long before its end a schedule is said to end.
const ENDS_SOON_MS: i64 = 7 * 86_400_000;

/// Everything that runs or ran between two moments.
pub(super) struct Timetable {
    pub(super) entries: Vec<(i64, CalendarEntry)>,
    pub(super) is_cut: bool,
}

impl Hub {
    /// Some days of the account's calendar.
    pub async fn calendar(&self, actor: &Actor, query: &CalendarQuery) -> Result<CalendarView> {
        let zone = slots::zone(known_zone(&query.zone)).unwrap_or_default();
        let now = self.schedule_now().await.map_err(internal)?;
        let today = civil(zone, now).date();
        let day = query.day.unwrap_or(today);
        let (first, last) =
            days_of(query.span, day).ok_or_else(|| HubError::invalid("day", "There is no such day."))?;
        let after_last = last.succ_opt().ok_or_else(|| HubError::invalid("day", "There is no such day."))?;
        let (from, until) =
            (moment(zone, first.and_time(NaiveTime::MIN)).0, moment(zone, after_last.and_time(NaiveTime::MIN)).0);
        let endpoints = self.connected_endpoints(&actor.account_id).await?;
        let mut timetable = self.timetable(actor, zone, from, until, now).await?;
        timetable.entries.retain(|(_, entry)| {
            query.share.as_ref().is_none_or(|share| entry.share_id == *share)
                && has_outcome(&entry.what, &query.outcome)
        });
        if let Some(endpoint) = &query.endpoint {
            let shares = self.share_ids_of_endpoint(actor, endpoint).await?;
            timetable.entries.retain(|(_, entry)| shares.contains(&entry.share_id));
        }
        let is_cut = timetable.is_cut || timetable.entries.len() > MOST_ENTRIES;
        timetable.entries.truncate(MOST_ENTRIES);
        let all_blackouts = blackouts::of_account(self.database(), &actor.account_id).await.map_err(internal)?;
        let mut by_day: BTreeMap<NaiveDate, Vec<(i64, CalendarEntry)>> = BTreeMap::new();
        for (at, entry) in timetable.entries {
            by_day.entry(civil(zone, at).date()).or_default().push((at, entry));
        }
        let days = first.iter_days().take_while(|day| *day <= last).map(|day| {
            let entries = by_day.remove(&day).unwrap_or_default();
            let blackouts = all_blackouts.iter().filter(|(_, blackout)| blackout.is_on(day));
            CalendarDay {
                is_within: query.span != CalendarSpan::Month || day.month() == query.day.unwrap_or(today).month(),
                crowded: crowded(zone, &entries),
                blackouts: blackouts.map(|(_, blackout)| hours(blackout)).collect(),
                entries: entries.into_iter().map(|(_, entry)| entry).collect(),
                day,
            }
        });
        let days = days.collect();
        let schedules = rows::of_account(self.database(), &actor.account_id).await.map_err(internal)?;
        let pauses = rows::pauses(self.database(), &actor.account_id).await.map_err(internal)?;
        let pauses = pauses.into_iter().map(|pause| PauseView {
            name: match &pause.endpoint_id {
                None => actor.account_name.clone(),
                Some(id) => endpoints
                    .iter()
                    .find(|endpoint| endpoint.id == *id)
                    .map_or_else(|| id.to_string(), |endpoint| endpoint.name.clone()),
            },
            endpoint_id: pause.endpoint_id,
            paused_by: pause.paused_by,
        });
        Ok(CalendarView {
            title: title(query.span, day, first, last),
            zone: zone.name().to_owned(),
            today,
            earlier: neighbour(query.span, day, first, false),
            later: neighbour(query.span, day, first, true),
            days,
            is_cut,
            pauses: pauses.collect(),
            ending: self.ending(actor, &schedules, now).await?,
            has_schedules: !schedules.is_empty(),
            endpoints: endpoints.into_iter().map(|endpoint| (endpoint.id, endpoint.name)).collect(),
        })
    }

    /// One slot that is still to come, or was skipped, on a page of its own.
    pub async fn occurrence(&self, actor: &Actor, id: &ShareId, slot: i64, zone: &str) -> Result<OccurrenceView> {
        let row = self.schedule_row(actor, id).await?;
        let viewer = slots::zone(known_zone(zone)).unwrap_or_default();
        let now = self.schedule_now().await.map_err(internal)?;
        let known = rows::occurrence(self.database(), &actor.account_id, id, slot).await.map_err(internal)?;
        let at = known.as_ref().and_then(|known| known.due_at).unwrap_or(slot);
        let timetable = self.timetable(actor, viewer, at.min(slot), at.max(slot) + 1, now).await?;
        let entry = timetable.entries.into_iter().map(|(_, entry)| entry).find(|entry| {
            entry.share_id == *id
                && matches!(&entry.what, EntryKind::Planned { slot: other, .. } | EntryKind::Skipped { slot: other, .. } if *other == slot)
        });
        let entry = entry.ok_or_else(|| HubError::not_found("planned run"))?;
        let schedule_zone = slots::zone(&row.rule.zone).unwrap_or_default();
        let shown = civil(schedule_zone, at);
        Ok(OccurrenceView {
            entry,
            in_zone: format!("{} at {}", day_words(shown.date()), time_words(shown.time())),
            zone: schedule_zone.name().to_owned(),
            day: shown.date().to_string(),
            time: time_words(shown.time()),
            sentence: row.rule.sentence(),
        })
    }

    /// What runs or ran from a moment until before another, in order of time; times of day in the zone.
    pub(super) async fn timetable(
        &self,
        actor: &Actor,
        zone: Tz,
        from: i64,
        until: i64,
        now: i64,
    ) -> Result<Timetable> {
        let account_id = &actor.account_id;
        let runs = exchange::runs_between(self.database(), account_id, from, until, MOST_ENTRIES + 1);
        let runs = runs.await.map_err(internal)?;
        let mut is_cut = runs.len() > MOST_ENTRIES;
        let shares: HashMap<ShareId, ShareSummary> =
            self.scheduled_shares(actor).await?.into_iter().map(|share| (share.id.clone(), share)).collect();
        let ids: Vec<ShareId> = shares.keys().cloned().collect();
        let usual = exchange::usual(self.database(), account_id, &ids).await.map_err(internal)?;
        let changed = rows::occurrences(
            self.database(),
            account_id,
            None,
            from,
            until,
            u32::try_from(MOST_ENTRIES).unwrap_or(u32::MAX),
        );
        let changed = changed.await.map_err(internal)?;
        let blackouts: Vec<Blackout> = self.blackout_rules(account_id).await.map_err(internal)?;
        let mut entries: Vec<(i64, CalendarEntry)> =
            runs.into_iter().map(|(at, run)| (at, of_run(zone, at, run))).collect();
        let of = |share: &ShareSummary, at: i64, what: EntryKind, clash: Option<String>| {
            let usual: Option<&Usual> = usual.get(&share.id);
            let entry = CalendarEntry {
                share_id: share.id.clone(),
                audience_name: share.audience_name.clone(),
                destination_name: share.destination_name.clone().unwrap_or_default(),
                at: rfc3339(at),
                time: time_words(civil(zone, at).time().with_nanosecond(0).unwrap_or_default()),
                what,
                rows: usual.map(|usual| usual.rows),
                seconds: usual.map(|usual| usual.seconds),
                clash,
            };
            (at, entry)
        };
        let schedules = rows::of_account(self.database(), account_id).await.map_err(internal)?;
        for schedule in &schedules {
            // Made in between.
            let Some(share) = shares.get(&schedule.share_id) else { continue };
            let changes: Vec<&OccurrenceRow> =
                changed.iter().filter(|change| change.share_id == schedule.share_id).collect();
            for change in &changes {
                if let Some((at, what)) = of_change(schedule, change, now)
                    && (from..until).contains(&at)
                {
                    let clash = what_clashes(schedule, &what, &blackouts, zone, at);
                    entries.push(of(share, at, what, clash));
                }
            }
            if schedule.paused_by.is_some() || share.state != ShareState::Active {
                continue;
            }
            let Some(next) = schedule.next_slot else { continue };
            let Ok(slots) = Slots::new(&schedule.rule) else { continue };
            // A slot whose spread run is still to come may lie a little before.
            let planned = slots
                .from(next.max(from - i64::from(schedule.rule.jitter_minutes) * 60_000))
                .take_while(|slot| *slot < until)
                .take(MOST_OF_SHARE + 1);
            for (number, slot) in planned.enumerate() {
                if number == MOST_OF_SHARE {
                    is_cut = true;
                    break;
                }
                let at = due_at(&schedule.share_id, slot, schedule.rule.jitter_minutes);
                if at < from || changes.iter().any(|change| change.slot == slot) {
                    continue;
                }
                let what = EntryKind::Planned { slot, moved_from: None, waiting: None };
                let clash = what_clashes(schedule, &what, &blackouts, zone, at);
                entries.push(of(share, at, what, clash));
            }
        }
        entries.sort_by(|(a, first), (b, second)| (a, &first.share_id).cmp(&(b, &second.share_id)));
        Ok(Timetable { entries, is_cut })
    }

    pub(super) async fn blackout_rules(
        &self,
        account_id: &AccountId,
    ) -> std::result::Result<Vec<Blackout>, StoreError> {
        Ok(blackouts::of_account(self.database(), account_id).await?.into_iter().map(|(_, rule)| rule).collect())
    }

    /// Schedules whose last slot comes soon.
    async fn ending(
        &self,
        actor: &Actor,
        schedules: &[ScheduleRow],
        now: i64,
    ) -> Result<Vec<(ShareId, String, String)>> {
        let mut ending = Vec::new();
        for schedule in schedules.iter().filter(|schedule| schedule.next_slot.is_some()) {
            let end = ScheduleEnd::of(schedule);
            if let Some(end) = end.filter(|end| !end.is_paused && (0..=ENDS_SOON_MS).contains(&(end.last - now))) {
                ending.push((schedule.share_id.clone(), end.words));
            }
        }
        if ending.is_empty() {
            return Ok(Vec::new());
        }
        let names: HashMap<ShareId, String> =
            self.scheduled_shares(actor).await?.into_iter().map(|share| (share.id, share.audience_name)).collect();
        Ok(ending.into_iter().filter_map(|(id, words)| names.get(&id).cloned().map(|name| (id, name, words))).collect())
    }
}

fn of_run(zone: Tz, at: i64, run: RunSummary) -> CalendarEntry {
    let took = run.started_at.as_deref().zip(run.finished_at.as_deref()).and_then(|(started, finished)| {
        let parse = |text: &str| chrono::DateTime::parse_from_rfc3339(text).ok();
        u64::try_from((parse(finished)? - parse(started)?).num_seconds()).ok()
    });
    CalendarEntry {
        share_id: run.share_id,
        audience_name: run.audience_name,
        destination_name: run.destination_name,
        time: time_words(
            civil(zone, at).time().with_second(0).and_then(|time| time.with_nanosecond(0)).unwrap_or_default(),
        ),
        at: rfc3339(at),
        what: EntryKind::Run { run_id: run.id, state: run.state },
        rows: Some(run.counts.read),
        seconds: took,
        clash: None,
    }
}

/// What a changed slot is, and when; none when its run says it all.
fn of_change(schedule: &ScheduleRow, change: &OccurrenceRow, now: i64) -> Option<(i64, EntryKind)> {
    let slot = change.slot;
    match (change.state, change.due_at) {
        (SlotState::Started, _) => None,
        (SlotState::Skipped, _) => {
            let what = EntryKind::Skipped {
                slot,
                reason: change.reason.clone().unwrap_or_default(),
                can_be_taken_back: change.changed_by.is_some() && slot > now,
            };
            Some((slot, what))
        }
        (state, due_at) => {
            let what = EntryKind::Planned {
                slot,
                moved_from: (state == SlotState::Moved).then(|| super::due::moment_words(&schedule.rule, slot)),
                waiting: (state == SlotState::Waiting).then(|| change.reason.clone()).flatten(),
            };
            Some((due_at.unwrap_or(slot), what))
        }
    }
}

/// In which blackout a planned run falls, and what follows; in few words, since it stands in a day of a month.
fn what_clashes(schedule: &ScheduleRow, what: &EntryKind, blackouts: &[Blackout], zone: Tz, at: i64) -> Option<String> {
    if !matches!(what, EntryKind::Planned { .. }) {
        return None;
    }
    let (blackout, end) = in_blackout(blackouts, at)?;
    let follows = match schedule.rule.in_blackout {
        InBlackout::Ignore => "runs all the same".to_owned(),
        InBlackout::Skip => "will be skipped".to_owned(),
        InBlackout::RunAfterwards => {
            let (planned, then) = (civil(zone, at), civil(zone, end));
            let day = (planned.date() != then.date()).then(|| format!("on {} ", day_words(then.date())));
            format!("runs {}at {}", day.unwrap_or_default(), time_words(then.time()))
        }
    };
    Some(format!("Blackout “{}”: {follows}.", blackout.name))
}

fn has_outcome(what: &EntryKind, wanted: &str) -> bool {
    match wanted {
        "planned" => matches!(what, EntryKind::Planned { .. }),
        "well" => matches!(
            what,
            EntryKind::Run { state: RunState::Complete | RunState::CompleteWithRejects | RunState::Checked, .. }
        ),
        "badly" => {
            matches!(
                what,
                EntryKind::Run { state: RunState::Failed | RunState::Held | RunState::Canceled, .. }
                    | EntryKind::Skipped { .. }
            )
        }
        _ => true,
    }
}

/// Hours in which many runs begin.
fn crowded(zone: Tz, entries: &[(i64, CalendarEntry)]) -> Option<String> {
    let mut hours: BTreeMap<u32, usize> = BTreeMap::new();
    for (at, _) in entries.iter().filter(|(_, entry)| !matches!(entry.what, EntryKind::Skipped { .. })) {
        *hours.entry(civil(zone, *at).hour()).or_default() += 1;
    }
    let words: Vec<String> = hours
        .into_iter()
        .filter(|(_, many)| *many >= CROWD)
        .map(|(hour, many)| format!("{many} runs from {hour:02}:00 to {:02}:00", hour + 1))
        .collect();
    (!words.is_empty()).then(|| words.join(", "))
}

fn hours(blackout: &Blackout) -> String {
    match (blackout.from, blackout.until) {
        (None, None) => blackout.name.clone(),
        (from, until) => format!(
            "{}, {} to {}",
            blackout.name,
            time_words(from.unwrap_or(NaiveTime::MIN)),
            until.map_or_else(|| "24:00".to_owned(), time_words)
        ),
    }
}

/// The first and the last day that are shown.
fn days_of(span: CalendarSpan, day: NaiveDate) -> Option<(NaiveDate, NaiveDate)> {
    let monday = |day: NaiveDate| day.checked_sub_days(Days::new(u64::from(day.weekday().num_days_from_monday())));
    Some(match span {
        CalendarSpan::Month => {
            let first = day.with_day(1)?;
            let last = first.checked_add_months(chrono::Months::new(1))?.pred_opt()?;
            (monday(first)?, monday(last)?.checked_add_days(Days::new(6))?)
        }
        CalendarSpan::Week => (monday(day)?, monday(day)?.checked_add_days(Days::new(6))?),
        CalendarSpan::Agenda => (day, day.checked_add_days(Days::new(AGENDA_DAYS - 1))?),
    })
}

fn neighbour(span: CalendarSpan, day: NaiveDate, first: NaiveDate, later: bool) -> NaiveDate {
    let by_days = |day: NaiveDate, days: u64| {
        if later { day.checked_add_days(Days::new(days)) } else { day.checked_sub_days(Days::new(days)) }
    };
    let found = match span {
        CalendarSpan::Month => {
            let month = chrono::Months::new(1);
            day.with_day(1)
                .and_then(|first| if later { first.checked_add_months(month) } else { first.checked_sub_months(month) })
        }
        CalendarSpan::Week => by_days(first, 7),
        CalendarSpan::Agenda => by_days(day, AGENDA_DAYS),
    };
    found.unwrap_or(day)
}

fn title(span: CalendarSpan, day: NaiveDate, first: NaiveDate, last: NaiveDate) -> String {
    match span {
        CalendarSpan::Month => day.format("%B %Y").to_string(),
        CalendarSpan::Week | CalendarSpan::Agenda => {
            let form = match (first.year() == last.year(), first.month() == last.month()) {
                (true, true) => "%-d",
                (true, false) => "%-d %B",
                (false, _) => "%-d %B %Y",
            };
            format!("{} to {}", first.format(form), last.format("%-d %B %Y"))
        }
    }
}
