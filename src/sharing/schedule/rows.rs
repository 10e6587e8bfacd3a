//! The rows of schedules and of their occurrences.

use model::{
    id::{AccountId, EndpointId, RunId, ShareId},
    recurrence::{Schedule, When, slots::Slots},
};
use sqlx::{Any, AssertSqlSafe, Row, Transaction, any::AnyRow};

use super::{due::moment_words, due_at};
use crate::{
    registry::{parsed_id, undecodable},
    store::{Database, StoreError},
};

/// A schedule as it is kept.
#[derive(Debug, Clone)]
pub(super) struct ScheduleRow {
    pub(super) share_id: ShareId,
    pub(super) account_id: AccountId,
    pub(super) rule: Schedule,
    /// The next slot that nothing was decided about.
    pub(super) next_slot: Option<i64>,
    pub(super) paused_by: Option<String>,
    pub(super) paused_at: Option<i64>,
}

impl ScheduleRow {
    fn of(row: &AnyRow) -> Result<Self, StoreError> {
        Ok(Self {
            share_id: parsed_id(row, "share_id")?,
            account_id: parsed_id(row, "account_id")?,
            rule: serde_json::from_str(&row.try_get::<String, _>("rule")?).map_err(undecodable)?,
            next_slot: row.try_get("next_slot")?,
            paused_by: row.try_get("paused_by")?,
            paused_at: row.try_get("paused_at")?,
        })
    }
}

/// What became of a slot, or is to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SlotState {
    /// A person gave it another moment.
    Moved,
    /// The run of another share called it forth.
    Called,
    /// It waits for the end of another run, or of a blackout.
    Waiting,
    /// It has its run.
    Started,
    /// It has none.
    Skipped,
}

impl SlotState {
    const ALL: [Self; 5] = [Self::Moved, Self::Called, Self::Waiting, Self::Started, Self::Skipped];

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Moved => "moved",
            Self::Called => "called",
            Self::Waiting => "waiting",
            Self::Started => "started",
            Self::Skipped => "skipped",
        }
    }

    /// A moment is still to come at which it is decided about.
    pub(super) fn is_pending(self) -> bool {
        matches!(self, Self::Moved | Self::Called | Self::Waiting)
    }
}

/// A slot that something became of.
#[derive(Debug, Clone)]
pub(super) struct OccurrenceRow {
    pub(super) share_id: ShareId,
    pub(super) slot: i64,
    pub(super) state: SlotState,
    pub(super) due_at: Option<i64>,
    pub(super) run_id: Option<RunId>,
    pub(super) reason: Option<String>,
    pub(super) changed_by: Option<String>,
}

impl OccurrenceRow {
    fn of(row: &AnyRow) -> Result<Self, StoreError> {
        let word: String = row.try_get("state")?;
        let run_id: Option<String> = row.try_get("run_id")?;
        Ok(Self {
            share_id: parsed_id(row, "share_id")?,
            slot: row.try_get("slot")?,
            state: SlotState::ALL
                .into_iter()
                .find(|state| state.as_str() == word)
                .ok_or_else(|| StoreError::Sqlx(sqlx::Error::Decode("an occurrence's state can't be read".into())))?,
            due_at: row.try_get("due_at")?,
            run_id: run_id.map(|id| id.parse().map_err(undecodable)).transpose()?,
            reason: row.try_get("reason")?,
            changed_by: row.try_get("changed_by")?,
        })
    }
}

/// The schedule of a share, if it has one.
pub(super) async fn of_share(
    database: &Database,
    account_id: &AccountId,
    share_id: &ShareId,
) -> Result<Option<ScheduleRow>, StoreError> {
    let row = sqlx::query("select * from schedule where account_id = $1 and share_id = $2")
        .bind(account_id.as_str())
        .bind(share_id.as_str())
        .fetch_optional(database.reader())
        .await?;
    row.as_ref().map(ScheduleRow::of).transpose()
}

/// Every schedule of an account.
pub(super) async fn of_account(database: &Database, account_id: &AccountId) -> Result<Vec<ScheduleRow>, StoreError> {
    sqlx::query("select * from schedule where account_id = $1 order by share_id")
        .bind(account_id.as_str())
        .fetch_all(database.reader())
        .await?
        .iter()
        .map(ScheduleRow::of)
        .collect()
}

/// The schedules whose next slot is due, the longest waiting first.
pub(super) async fn due(database: &Database, now: i64, most: u32) -> Result<Vec<ScheduleRow>, StoreError> {
    sqlx::query(
        "select * from schedule where next_due <= $1 and paused_at is null order by next_due, share_id limit $2",
    )
    .bind(now)
    .bind(i64::from(most))
    .fetch_all(database.reader())
    .await?
    .iter()
    .map(ScheduleRow::of)
    .collect()
}

/// The occurrences that are due, each with its schedule.
pub(super) async fn due_occurrences(
    database: &Database,
    now: i64,
    most: u32,
) -> Result<Vec<(OccurrenceRow, ScheduleRow)>, StoreError> {
    sqlx::query(
        "select o.*, s.rule, s.next_slot, s.paused_by, s.paused_at from occurrence o join schedule s on s.share_id = o.share_id
         where o.due_at <= $1 order by o.due_at, o.share_id, o.slot limit $2",
    )
    .bind(now)
    .bind(i64::from(most))
    .fetch_all(database.reader())
    .await?
    .iter()
    .map(|row| Ok((OccurrenceRow::of(row)?, ScheduleRow::of(row)?)))
    .collect()
}

/// What became of the slots of an account, or of one of its shares, from a moment until before another: those whose slot or whose new moment lies there.
pub(super) async fn occurrences(
    database: &Database,
    account_id: &AccountId,
    share_id: Option<&ShareId>,
    from: i64,
    until: i64,
    most: u32,
) -> Result<Vec<OccurrenceRow>, StoreError> {
    let share = if share_id.is_some() { "and share_id = $5" } else { "" };
    let text = format!(
        "select * from occurrence where account_id = $1 and (slot >= $2 and slot < $3 or due_at >= $2 and due_at < $3) {share}
         order by slot desc, share_id limit $4"
    );
    let query = sqlx::query(AssertSqlSafe(text)).bind(account_id.as_str()).bind(from).bind(until).bind(i64::from(most));
    let query = match share_id {
        Some(id) => query.bind(id.as_str()),
        None => query,
    };
    query.fetch_all(database.reader()).await?.iter().map(OccurrenceRow::of).collect()
}

/// One slot, if something became of it.
pub(super) async fn occurrence(
    database: &Database,
    account_id: &AccountId,
    share_id: &ShareId,
    slot: i64,
) -> Result<Option<OccurrenceRow>, StoreError> {
    let row = sqlx::query("select * from occurrence where account_id = $1 and share_id = $2 and slot = $3")
        .bind(account_id.as_str())
        .bind(share_id.as_str())
        .bind(slot)
        .fetch_optional(database.reader())
        .await?;
    row.as_ref().map(OccurrenceRow::of).transpose()
}

/// Something that holds back more than one schedule.
#[derive(Debug, Clone)]
pub(super) struct PauseRow {
    pub(super) account_id: AccountId,
    /// None is the whole account.
    pub(super) endpoint_id: Option<EndpointId>,
    pub(super) paused_by: String,
}

impl PauseRow {
    fn of(row: &AnyRow) -> Result<Self, StoreError> {
        let endpoint: String = row.try_get("endpoint_id")?;
        let endpoint_id = if endpoint.is_empty() { None } else { Some(endpoint.parse().map_err(undecodable)?) };
        Ok(Self { account_id: parsed_id(row, "account_id")?, endpoint_id, paused_by: row.try_get("paused_by")? })
    }
}

/// What is paused in an account.
pub(super) async fn pauses(database: &Database, account_id: &AccountId) -> Result<Vec<PauseRow>, StoreError> {
    sqlx::query("select * from schedule_pause where account_id = $1 order by endpoint_id")
        .bind(account_id.as_str())
        .fetch_all(database.reader())
        .await?
        .iter()
        .map(PauseRow::of)
        .collect()
}

/// The next slot of a rule after a moment, and when its run is due.
pub(super) fn next(rule: &Schedule, share_id: &ShareId, after: i64) -> (Option<i64>, Option<i64>) {
    // A rule that was taken is good; should its zone be gone after an update, nothing is due, and its page says why.
    let slot = Slots::new(rule).ok().and_then(|slots| slots.after(after));
    (slot, slot.map(|slot| due_at(share_id, slot, rule.jitter_minutes)))
}

/// Where a schedule goes on after a moment for which nothing of it counts but what is still due: runs are spread, so the slot of one may have passed. What
/// began after `since` until then is not made up for.
pub(super) fn still_due(rule: &Schedule, share_id: &ShareId, now: i64, since: i64) -> (Option<i64>, Option<i64>) {
    let jitter = i64::from(rule.jitter_minutes) * 60_000;
    let slot = Slots::new(rule).ok().and_then(|slots| {
        slots
            .from(now.saturating_sub(jitter))
            .find(|slot| (*slot <= since || *slot > now) && due_at(share_id, *slot, rule.jitter_minutes) > now)
    });
    (slot, slot.map(|slot| due_at(share_id, slot, rule.jitter_minutes)))
}

/// Sets where a schedule goes on.
pub(super) async fn set_next(
    transaction: &mut Transaction<'_, Any>,
    account_id: &AccountId,
    share_id: &ShareId,
    next: (Option<i64>, Option<i64>),
) -> Result<(), StoreError> {
    sqlx::query("update schedule set next_slot = $1, next_due = $2 where account_id = $3 and share_id = $4")
        .bind(next.0)
        .bind(next.1)
        .bind(account_id.as_str())
        .bind(share_id.as_str())
        .execute(&mut **transaction)
        .await?;
    Ok(())
}

/// The first moment at which a run of a share is due by itself; none when none is planned, or its schedule is paused. What waits for another share is due
/// since its slot: it is late when that one is.
pub(crate) async fn planned(
    transaction: &mut Transaction<'_, Any>,
    account_id: &AccountId,
    share_id: &ShareId,
) -> Result<Option<i64>, StoreError> {
    let row = sqlx::query(
        "select min(due) as due from (
            select next_due as due from schedule where account_id = $1 and share_id = $2 and paused_at is null
            union all
            select case when o.state = 'waiting' and s.depends_on_share_id is not null then o.slot else o.due_at end as due
                from occurrence o join schedule s on s.share_id = o.share_id where o.account_id = $1 and o.share_id = $2
                and o.state in ('moved', 'called', 'waiting')) as planned",
    )
    .bind(account_id.as_str())
    .bind(share_id.as_str())
    .fetch_one(&mut **transaction)
    .await?;
    Ok(row.try_get("due")?)
}

/// When a schedule that ends by itself is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ScheduleEnd {
    /// When its last run is due.
    pub(crate) last: i64,
    /// The same for people, in the schedule's zone.
    pub(crate) words: String,
    /// It is paused: until it goes on, its end says nothing.
    pub(crate) is_paused: bool,
}

impl ScheduleEnd {
    /// None of what goes on without end, and of what was meant to run once: that ends with its run.
    pub(super) fn of(schedule: &ScheduleRow) -> Option<Self> {
        if matches!(schedule.rule.when, When::Once { .. }) {
            return None;
        }
        let last = Slots::new(&schedule.rule).ok()?.last()?;
        Some(Self {
            last: due_at(&schedule.share_id, last, schedule.rule.jitter_minutes),
            words: moment_words(&schedule.rule, last),
            is_paused: schedule.paused_by.is_some(),
        })
    }
}

/// When the schedule of a share is over; none when it has none, or one that goes on.
pub(crate) async fn end_of(
    transaction: &mut Transaction<'_, Any>,
    account_id: &AccountId,
    share_id: &ShareId,
) -> Result<Option<ScheduleEnd>, StoreError> {
    let row = sqlx::query("select * from schedule where account_id = $1 and share_id = $2")
        .bind(account_id.as_str())
        .bind(share_id.as_str())
        .fetch_optional(&mut **transaction)
        .await?;
    Ok(row.as_ref().map(ScheduleRow::of).transpose()?.as_ref().and_then(ScheduleEnd::of))
}
