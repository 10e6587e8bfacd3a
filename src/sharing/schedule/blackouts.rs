//! Blackouts: times of the account at which nothing runs by itself, typed in or read from a calendar file.

use icalendar::{CalendarComponent, CalendarDateTime, Component, DatePerhapsTime};
use model::{
    calendar::BlackoutView,
    error::{FieldProblem, HubError},
    id::{AccountId, BlackoutId},
    recurrence::{Blackout, BlackoutDays, BlackoutForm, slots},
    view::{Actor, Role},
};
use sqlx::Row;

use crate::{
    hub::{Hub, Result, internal},
    registry::{parsed_id, require, undecodable},
    store::{Database, StoreError, new_id},
};

/// Blackouts of one account at most.
const MOST: usize = 500;
/// Bytes of a calendar file at most.
pub const LARGEST_CALENDAR: usize = 1024 * 1024;

/// What was read from a calendar file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadCalendar {
    /// Blackouts that were added.
    pub added: u32,
    /// Events that were there already.
    pub known: u32,
    /// Events that repeat, or have no readable day: left out.
    pub left_out: u32,
}

impl Hub {
    /// The account's blackouts, in the order in which they were added.
    pub async fn blackouts(&self, actor: &Actor) -> Result<Vec<BlackoutView>> {
        let rows = of_account(self.database(), &actor.account_id).await.map_err(internal)?;
        Ok(rows.into_iter().map(|(id, rule)| BlackoutView { id, words: rule.words(), name: rule.name }).collect())
    }

    /// Adds one.
    pub async fn add_blackout(&self, actor: &Actor, form: &BlackoutForm) -> Result<()> {
        require(actor, Role::Member)?;
        let blackout = form.parse().map_err(|problems| HubError::Invalid { problems })?;
        known_zone(&blackout.zone)?;
        self.keep_blackouts(actor, vec![blackout]).await.map(|_| ())
    }

    /// Adds the events of a calendar file (iCalendar), each as a blackout.
    pub async fn add_blackouts_of_calendar(&self, actor: &Actor, text: &str, zone: &str) -> Result<ReadCalendar> {
        require(actor, Role::Member)?;
        known_zone(zone)?;
        let wrong = |message: &str| HubError::invalid("file", message);
        if text.len() > LARGEST_CALENDAR {
            return Err(wrong("The file is larger than 1 MiB. Choose one with fewer events."));
        }
        let calendar: icalendar::Calendar =
            text.parse().map_err(|_| wrong("This is no calendar file (iCalendar, .ics). Choose another one."))?;
        let (mut found, mut left_out) = (Vec::new(), 0);
        for component in &calendar.components {
            let CalendarComponent::Event(event) = component else { continue };
            match blackout_of(event, zone) {
                Some(blackout) if event.property_value("RRULE").is_none() => found.push(blackout),
                _ => left_out += 1,
            }
        }
        if found.is_empty() && left_out == 0 {
            return Err(wrong("There is no event in this file. Choose another one."));
        }
        let many = found.len();
        let added = self.keep_blackouts(actor, found).await?;
        let known = u32::try_from(many).unwrap_or(u32::MAX).saturating_sub(added);
        Ok(ReadCalendar { added, known, left_out })
    }

    /// Takes one away. What waited for its end looks again at once.
    pub async fn remove_blackout(&self, actor: &Actor, id: &BlackoutId) -> Result<()> {
        require(actor, Role::Member)?;
        let now = self.schedule_now().await.map_err(internal)?;
        let mut transaction = self.database().begin().await.map_err(internal)?;
        let done = sqlx::query("delete from blackout where id = $1 and account_id = $2")
            .bind(id.as_str())
            .bind(actor.account_id.as_str())
            .execute(&mut *transaction)
            .await
            .map_err(internal)?;
        if done.rows_affected() == 0 {
            return Err(HubError::not_found("blackout"));
        }
        // What waits for something else is none the wiser, and goes on waiting.
        sqlx::query("update occurrence set due_at = $1 where account_id = $2 and state = 'waiting' and due_at > $1")
            .bind(now)
            .bind(actor.account_id.as_str())
            .execute(&mut *transaction)
            .await
            .map_err(internal)?;
        transaction.commit().await.map_err(internal)
    }

    /// Keeps those that are not there yet; says how many these were.
    async fn keep_blackouts(&self, actor: &Actor, blackouts: Vec<Blackout>) -> Result<u32> {
        let known = of_account(self.database(), &actor.account_id).await.map_err(internal)?;
        let mut new: Vec<Blackout> = Vec::new();
        for blackout in blackouts {
            if !known.iter().any(|(_, other)| *other == blackout) && !new.contains(&blackout) {
                new.push(blackout);
            }
        }
        if known.len() + new.len() > MOST {
            let message = format!("An account has at most {MOST} blackouts. Remove some first.");
            return Err(HubError::invalid("file", message));
        }
        let mut transaction = self.database().begin().await.map_err(internal)?;
        for blackout in &new {
            let id: BlackoutId = new_id(BlackoutId::PREFIX);
            sqlx::query(
                "insert into blackout (id, account_id, rule, created_by, created_at) values ($1, $2, $3, $4, $5)",
            )
            .bind(id.as_str())
            .bind(actor.account_id.as_str())
            .bind(serde_json::to_string(blackout).map_err(internal)?)
            .bind(actor.user_id.as_str())
            .bind(self.now_ms())
            .execute(&mut *transaction)
            .await
            .map_err(internal)?;
        }
        transaction.commit().await.map_err(internal)?;
        Ok(u32::try_from(new.len()).unwrap_or(u32::MAX))
    }
}

fn known_zone(zone: &str) -> Result<()> {
    if slots::zone(zone).is_some() {
        return Ok(());
    }
    let message = "There is no such time zone. Choose one from the list, like Europe/Berlin.";
    Err(HubError::Invalid { problems: vec![FieldProblem::new("zone", message)] })
}

/// An event as a blackout: whole days as they are, hours as hours of its day.
fn blackout_of(event: &icalendar::Event, zone: &str) -> Option<Blackout> {
    let name = event.get_summary().map(str::trim).filter(|name| !name.is_empty()).unwrap_or("Holiday");
    let name: String = name.chars().filter(|letter| !letter.is_control()).take(100).collect();
    let blackout = |first, last, from, until, zone: &str| Blackout {
        name: name.clone(),
        zone: zone.to_owned(),
        days: BlackoutDays::Span { first, last },
        from,
        until,
    };
    match (event.get_start()?, event.get_end()) {
        (DatePerhapsTime::Date(first), end) => {
            let last = match end {
                // The end of an event is the first day that does not belong to it.
                Some(DatePerhapsTime::Date(end)) if end > first => end.pred_opt()?,
                None | Some(_) => first,
            };
            Some(blackout(first, last, None, None, zone))
        }
        (DatePerhapsTime::DateTime(start), Some(DatePerhapsTime::DateTime(end))) => {
            let (begin, begin_zone) = civil(&start, zone)?;
            let (end, end_zone) = civil(&end, zone)?;
            if begin_zone != end_zone || end <= begin {
                return None;
            }
            // Longer than a day, with hours: each of its days is out.
            if end - begin > chrono::TimeDelta::days(1) {
                return Some(blackout(begin.date(), end.date(), None, None, &begin_zone));
            }
            Some(blackout(begin.date(), begin.date(), Some(begin.time()), Some(end.time()), &begin_zone))
        }
        (DatePerhapsTime::DateTime(_), _) => None,
    }
}

fn civil(at: &CalendarDateTime, zone: &str) -> Option<(chrono::NaiveDateTime, String)> {
    match at {
        CalendarDateTime::Floating(at) => Some((*at, zone.to_owned())),
        CalendarDateTime::Utc(at) => Some((at.naive_utc(), "UTC".to_owned())),
        CalendarDateTime::WithTimezone { date_time, tzid } => {
            slots::zone(tzid).is_some().then(|| (*date_time, tzid.clone()))
        }
    }
}

/// The blackouts of an account.
pub(super) async fn of_account(
    database: &Database,
    account_id: &AccountId,
) -> std::result::Result<Vec<(BlackoutId, Blackout)>, StoreError> {
    sqlx::query("select id, rule from blackout where account_id = $1 order by created_at, id")
        .bind(account_id.as_str())
        .fetch_all(database.reader())
        .await?
        .iter()
        .map(|row| {
            let rule = serde_json::from_str(&row.try_get::<String, _>("rule")?).map_err(undecodable)?;
            Ok((parsed_id(row, "id")?, rule))
        })
        .collect()
}
