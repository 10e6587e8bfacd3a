//! Choosing when the runs of a share come: what is wrong with a choice, and how it is written down.

use std::collections::HashSet;

use model::{
    error::{FieldProblem, HubError},
    id::ShareId,
    recurrence::{
        Schedule, ScheduleForm, When,
        slots::{self, Slots, civil},
    },
    view::{Actor, Role, ShareState},
};
use sqlx::{Any, Transaction};

use super::rows;
use crate::{
    hub::{Hub, Result, internal},
    registry::{require, undecodable},
    sharing::shares::ShareRow,
    store::StoreError,
};

/// Slots in which the least time between two is looked for.
const SLOTS_COMPARED: usize = 1_000;
/// Shares that can follow each other at most.
const LONGEST_CHAIN: usize = 50;

/// When the runs of a share come, as a person chooses it.
#[derive(Debug, Clone, Copy)]
pub enum Timing<'a> {
    /// As it was chosen before.
    AsItIs,
    /// When somebody shares it.
    ByHand,
    /// By a schedule.
    Schedule(&'a ScheduleForm),
}

/// What is another than before about when a share runs.
pub(in crate::sharing) enum TimingChange {
    Remove,
    Set(Box<Schedule>),
}

/// Writes such a change down.
pub(in crate::sharing) async fn write_timing(
    transaction: &mut Transaction<'_, Any>,
    actor: &Actor,
    share: &ShareRow,
    change: &TimingChange,
    now: i64,
) -> std::result::Result<(), StoreError> {
    let id = &share.id;
    match change {
        TimingChange::Remove => {
            sqlx::query("delete from schedule where share_id = $1 and account_id = $2")
                .bind(id.as_str())
                .bind(actor.account_id.as_str())
                .execute(&mut **transaction)
                .await?;
        }
        TimingChange::Set(rule) => {
            let after = match &rule.when {
                When::After { share_id } => Some(share_id.to_string()),
                _ => None,
            };
            // A slot of this very moment still comes.
            let next = if share.state == ShareState::Active { rows::next(rule, id, now - 1) } else { (None, None) };
            let sql = "insert into schedule (share_id, account_id, rule, after_share_id, next_slot, next_due, created_by, created_at, updated_at, depends_on_share_id)
                values ($1, $2, $3, $4, $5, $6, $7, $8, $8, $9)
                on conflict (share_id) do update set rule = excluded.rule, after_share_id = excluded.after_share_id,
                    depends_on_share_id = excluded.depends_on_share_id, next_slot = excluded.next_slot, next_due = excluded.next_due,
                    updated_at = excluded.updated_at";
            sqlx::query(sql)
                .bind(id.as_str())
                .bind(actor.account_id.as_str())
                .bind(serde_json::to_string(rule).map_err(undecodable)?)
                .bind(after)
                .bind(next.0)
                .bind(next.1)
                .bind(actor.user_id.as_str())
                .bind(now)
                .bind(rule.depends_on.as_ref().map(ShareId::as_str))
                .execute(&mut **transaction)
                .await?;
        }
    }
    forget_changes(transaction, actor, id, now).await?;
    crate::telling::look(transaction, now, &actor.account_id, id).await
}

impl Hub {
    /// Keeps a share's schedule in place of the one it had. Of an active share it counts at once; a draft's is started by [`Hub::start_schedule`]. A schedule
    /// that is paused stays so. What was changed about single occurrences that are still to come is forgotten, unless the schedule says what it said.
    pub async fn save_schedule(&self, actor: &Actor, id: &ShareId, form: &ScheduleForm) -> Result<()> {
        self.set_timing(actor, id, Timing::Schedule(form)).await
    }

    /// Takes a share's schedule away. What it has run stays.
    pub async fn remove_schedule(&self, actor: &Actor, id: &ShareId) -> Result<()> {
        self.set_timing(actor, id, Timing::ByHand).await
    }

    async fn set_timing(&self, actor: &Actor, id: &ShareId, timing: Timing<'_>) -> Result<()> {
        require(actor, Role::Member)?;
        let share = self.share_row(actor, id).await?;
        let now = self.schedule_now().await.map_err(internal)?;
        let Some(change) = self.timing_change(actor, &share, timing, now).await? else { return Ok(()) };
        let mut transaction = self.database().begin().await.map_err(internal)?;
        write_timing(&mut transaction, actor, &share, &change, now).await.map_err(internal)?;
        transaction.commit().await.map_err(internal)
    }

    /// What a choice of when a share runs would change, once nothing is wrong with it; none when it says what there is.
    pub(in crate::sharing) async fn timing_change(
        &self,
        actor: &Actor,
        share: &ShareRow,
        timing: Timing<'_>,
        now: i64,
    ) -> Result<Option<TimingChange>> {
        let kept = rows::of_share(self.database(), &actor.account_id, &share.id).await.map_err(internal)?;
        let form = match timing {
            Timing::AsItIs => return Ok(None),
            Timing::ByHand => return Ok(kept.map(|_| TimingChange::Remove)),
            Timing::Schedule(form) => form,
        };
        let is_kept = |rule: &Schedule| kept.as_ref().is_some_and(|kept| kept.rule == *rule);
        // One that is over may stay; it may not be chosen, nor begun.
        if share.state == ShareState::Active {
            let zone = slots::zone(form.zone.trim());
            if zone.is_some_and(|zone| form.parse(civil(zone, now)).is_ok_and(|rule| is_kept(&rule))) {
                return Ok(None);
            }
        }
        let (rule, _) = self.checked(actor, &share.id, form, now).await?;
        Ok((!is_kept(&rule)).then(|| TimingChange::Set(Box::new(rule))))
    }

    /// The schedule that was filled in, once nothing is wrong with it.
    pub(super) async fn checked(
        &self,
        actor: &Actor,
        id: &ShareId,
        form: &ScheduleForm,
        now: i64,
    ) -> Result<(Schedule, Slots)> {
        let zone = slots::zone(form.zone.trim());
        let shown = civil(zone.unwrap_or_default(), now);
        let parsed = form.parse(shown);
        if zone.is_none() {
            let mut problems = parsed.err().unwrap_or_default();
            let message = "There is no such time zone. Choose one from the list, like Europe/Berlin.";
            problems.push(FieldProblem::new("zone", message));
            return Err(HubError::Invalid { problems });
        }
        let rule = parsed.map_err(|problems| HubError::Invalid { problems })?;
        let slots = Slots::new(&rule).map_err(|problem| HubError::Invalid { problems: vec![problem] })?;
        if let Some(other) = &rule.depends_on {
            self.waits_without_a_circle(actor, id, "depends_on", other).await?;
        }
        if let When::After { share_id } = &rule.when {
            self.waits_without_a_circle(actor, id, "after", share_id).await?;
            return Ok((rule, slots));
        }
        let ahead: Vec<i64> = slots.from(now).take(SLOTS_COMPARED).collect();
        if ahead.is_empty() {
            let (field, message) = match (&rule.when, rule.ends) {
                (When::Once { .. }, _) => ("once_day", "That moment has passed. Choose a later one."),
                (When::Cron { .. }, model::recurrence::Ends::Never) => {
                    ("cron", "This never comes. Choose other times.")
                }
                (_, model::recurrence::Ends::Never) => ("month_day", "This never comes. Choose another day."),
                (_, model::recurrence::Ends::On { .. }) => {
                    ("ends_on", "Nothing would run until then. Choose a later day.")
                }
                (_, model::recurrence::Ends::After { .. }) => {
                    ("ends_after", "All of these runs would have been in the past.")
                }
            };
            return Err(HubError::invalid(field, message));
        }
        let least = i64::try_from(self.scheduling().minimum_interval.as_millis()).unwrap_or(i64::MAX);
        if ahead.windows(2).any(|pair| pair[1] - pair[0] < least) {
            let field = match &rule.when {
                When::Cron { .. } => "cron",
                When::Every { .. } => "every",
                _ => "times",
            };
            let minutes = self.scheduling().minimum_interval.as_secs().div_ceil(60);
            let message =
                format!("Runs of a share are at least {minutes} minutes apart here. Choose times farther apart.");
            return Err(HubError::invalid(field, message));
        }
        Ok((rule, slots))
    }

    /// Lets pass a share that this one can wait for: one of the account that does not itself wait for this one. `field` is the input that names it.
    async fn waits_without_a_circle(&self, actor: &Actor, id: &ShareId, field: &str, other: &ShareId) -> Result<()> {
        let known = self.share_row(actor, other).await;
        known.map_err(|_| HubError::invalid(field, "There is no such share. Choose one from the list."))?;
        if other == id {
            return Err(HubError::invalid(field, "A share can't wait for itself. Choose another one."));
        }
        let (mut ahead, mut seen) = (vec![other.clone()], HashSet::new());
        while let Some(next) = ahead.pop() {
            if next == *id {
                let message = "That share waits for this one, by way of others or by itself. Choose another one.";
                return Err(HubError::invalid(field, message));
            }
            if seen.len() == LONGEST_CHAIN {
                let message = format!("At most {LONGEST_CHAIN} shares wait for each other.");
                return Err(HubError::invalid(field, message));
            }
            if !seen.insert(next.clone()) {
                continue;
            }
            let row = rows::of_share(self.database(), &actor.account_id, &next).await.map_err(internal)?;
            ahead.extend(row.iter().flat_map(|row| row.rule.waits_for().cloned()));
        }
        Ok(())
    }
}

/// What was changed about slots that are still to come, and what is pending, is forgotten.
async fn forget_changes(
    transaction: &mut Transaction<'_, Any>,
    actor: &Actor,
    id: &ShareId,
    now: i64,
) -> std::result::Result<(), StoreError> {
    sqlx::query(
        "delete from occurrence where share_id = $1 and account_id = $2 and run_id is null
            and (due_at is not null or slot > $3)",
    )
    .bind(id.as_str())
    .bind(actor.account_id.as_str())
    .bind(now)
    .execute(&mut **transaction)
    .await?;
    Ok(())
}
