//! What people ask of schedules: to look at one before it is kept, to start it, stop it, and to change a single occurrence. Choosing one is `timing`.

use model::{
    calendar::{NextRun, PassedSlot, ScheduleChoices, SchedulePreview, ScheduleState, ScheduleView},
    error::{FieldProblem, HubError},
    id::{AccountId, EndpointId, ShareId},
    recurrence::{
        Schedule, ScheduleForm, When, day_words,
        slots::{self, Slots, civil},
        time_words,
    },
    view::{Actor, By, Reviewed, Role, ShareState},
};
use sqlx::{Any, Row, Transaction};

use super::{
    due_at,
    rows::{self, OccurrenceRow, ScheduleRow, SlotState},
};
use crate::{
    hub::{Hub, Result, internal},
    registry::require,
    sharing::{shares::ShareRow, standing},
    store::{StoreError, clock::rfc3339},
};

/// Runs that are foretold.
const NEXT_RUNS: usize = 10;
/// Slots that have passed on a share's page.
const PASSED_SHOWN: usize = 10;
/// How far from now an occurrence may be moved.
const FARTHEST_MOVE_MS: i64 = 366 * 86_400_000;
/// Ends the pause of an endpoint that is no more.
pub(crate) async fn forget_pause(
    transaction: &mut Transaction<'_, Any>,
    account_id: &AccountId,
    id: &EndpointId,
) -> std::result::Result<(), StoreError> {
    sqlx::query("delete from schedule_pause where account_id = $1 and endpoint_id = $2")
        .bind(account_id.as_str())
        .bind(id.as_str())
        .execute(&mut **transaction)
        .await?;
    Ok(())
}

impl Hub {
    /// What the form of a share's schedule needs.
    pub async fn schedule_choices(&self, actor: &Actor, id: &ShareId, viewer_zone: &str) -> Result<ScheduleChoices> {
        let schedule = self.schedule(actor, id, viewer_zone).await?;
        // What was chosen stays among the choices, whatever became of it since.
        let is_chosen = |id: &ShareId| {
            schedule.as_ref().is_some_and(|kept| [&kept.form.after, &kept.form.depends_on].contains(&&id.to_string()))
        };
        let others = self
            .shares(actor)
            .await?
            .into_iter()
            .filter(|share| share.id != *id && (share.state == ShareState::Active || is_chosen(&share.id)));
        let others: Vec<_> = others
            .map(|share| (share.id.clone(), standing::name_of(share.audience_name, share.destination_name)))
            .collect();
        Ok(ScheduleChoices {
            schedule,
            fresh: ScheduleForm::fresh(known_zone(viewer_zone)),
            zones: slots::zone_names().into_iter().map(str::to_owned).collect(),
            others,
        })
    }

    /// A share's schedule; none when it has none.
    pub async fn schedule(&self, actor: &Actor, id: &ShareId, viewer_zone: &str) -> Result<Option<ScheduleView>> {
        let share = self.share_row(actor, id).await?;
        let row = rows::of_share(self.database(), &actor.account_id, id).await.map_err(internal)?;
        let Some(row) = row else { return Ok(None) };
        let now = self.schedule_now().await.map_err(internal)?;
        let slots = Slots::new(&row.rule).map_err(|problem| HubError::Invalid { problems: vec![problem] })?;
        let changed = self.changes_ahead(actor, id, now).await?;
        let called_only = matches!(row.rule.when, When::After { .. });
        let state = match (share.state, &row.paused_by) {
            (ShareState::Draft, _) => ScheduleState::Draft,
            (_, Some(_)) => ScheduleState::Paused,
            _ if row.next_slot.is_none() && !called_only && !changed.iter().any(|change| change.state.is_pending()) => {
                ScheduleState::Ended
            }
            _ => ScheduleState::Active,
        };
        let held_back = self.held_back(actor, &share).await?;
        let waiting = changed.iter().find(|change| change.state == SlotState::Waiting).and_then(|change| {
            let slot = words(slots.zone(), change.slot);
            change.reason.as_ref().map(|reason| format!("The run of {slot}: {reason}"))
        });
        let passed = rows::occurrences(self.database(), &actor.account_id, Some(id), i64::MIN, now + 1, 100).await;
        let passed =
            passed.map_err(internal)?.into_iter().filter(|passed| !passed.state.is_pending()).take(PASSED_SHOWN);
        Ok(Some(ScheduleView {
            form: ScheduleForm::of(&row.rule),
            preview: self.foretell(actor, &row.rule, &slots, now, viewer_zone, &changed).await?,
            state,
            held_back,
            waiting,
            passed: passed
                .map(|passed| PassedSlot {
                    in_zone: words(slots.zone(), passed.slot),
                    run_id: passed.run_id,
                    reason: passed.reason,
                })
                .collect(),
            paused_by: row.paused_by,
        }))
    }

    /// What a schedule that is being filled in would do.
    pub async fn preview_schedule(
        &self,
        actor: &Actor,
        id: &ShareId,
        form: &ScheduleForm,
        viewer_zone: &str,
    ) -> Result<SchedulePreview> {
        self.share_row(actor, id).await?;
        let now = self.schedule_now().await.map_err(internal)?;
        let (rule, slots) = self.checked(actor, id, form, now).await?;
        self.foretell(actor, &rule, &slots, now, viewer_zone, &[]).await
    }

    /// Starts the schedule of a share that was prepared: from now on its runs come by themselves.
    pub async fn start_schedule(&self, actor: &Actor, id: &ShareId) -> Result<()> {
        self.start_confirmed(actor, id, None, None).await
    }

    /// The same, once everything that the review warns of is confirmed ([`Hub::share_confirmed`]), and only what the person has reviewed.
    pub async fn start_reviewed(
        &self,
        actor: &Actor,
        id: &ShareId,
        confirmed: &[String],
        seen: Option<&Reviewed>,
    ) -> Result<()> {
        self.start_confirmed(actor, id, Some(confirmed), seen).await
    }

    async fn start_confirmed(
        &self,
        actor: &Actor,
        id: &ShareId,
        confirmed: Option<&[String]>,
        seen: Option<&Reviewed>,
    ) -> Result<()> {
        require(actor, Role::Member)?;
        let share = self.share_row(actor, id).await?;
        share.as_reviewed(actor, seen)?;
        if let Some(confirmed) = confirmed {
            self.confirm(actor, id, confirmed).await?;
        }
        // Whatever forbids a run now would forbid each of them.
        let run = self.new_run(&actor.account_id, share, false).await?;
        let row = self.schedule_row(actor, id).await?;
        let now = self.schedule_now().await.map_err(internal)?;
        let next = rows::next(&row.rule, id, now - 1);
        if next.0.is_none() && !matches!(row.rule.when, When::After { .. }) {
            return Err(HubError::Conflict {
                message: "The schedule is over: none of its times is still to come. Choose later ones.".to_owned(),
            });
        }
        let mut transaction = self.database().begin().await.map_err(internal)?;
        sqlx::query("update share set state = 'active', updated_at = $1, held_at = null, held_because = null where id = $2 and account_id = $3")
            .bind(now)
            .bind(id.as_str())
            .bind(actor.account_id.as_str())
            .execute(&mut *transaction)
            .await
            .map_err(internal)?;
        crate::sharing::review::know_fields(&mut transaction, &run).await.map_err(internal)?;
        rows::set_next(&mut transaction, &actor.account_id, id, next).await.map_err(internal)?;
        crate::telling::look(&mut transaction, now, &actor.account_id, id).await.map_err(internal)?;
        transaction.commit().await.map_err(internal)
    }

    /// Stops a schedule until it is resumed. A run that is under way goes on.
    pub async fn pause_schedule(&self, actor: &Actor, id: &ShareId) -> Result<()> {
        require(actor, Role::Member)?;
        self.schedule_row(actor, id).await?;
        let sql = "update schedule set paused_at = $1, paused_by = $2 where share_id = $3 and account_id = $4 and paused_at is null";
        sqlx::query(sql)
            .bind(self.now_ms())
            .bind(actor.user_name.as_str())
            .bind(id.as_str())
            .bind(actor.account_id.as_str())
            .execute(self.database().writer())
            .await
            .map_err(internal)?;
        Ok(())
    }

    /// Lets a paused schedule go on from now: what lay in the pause is not made up for. A run whose time came before the pause, and which is spread beyond
    /// it, still comes.
    pub async fn resume_schedule(&self, actor: &Actor, id: &ShareId) -> Result<()> {
        require(actor, Role::Member)?;
        let row = self.schedule_row(actor, id).await?;
        let share = self.share_row(actor, id).await?;
        let now = self.schedule_now().await.map_err(internal)?;
        let paused_at = row.paused_at.unwrap_or(now);
        let next = match share.state {
            ShareState::Active => rows::still_due(&row.rule, id, now, paused_at),
            ShareState::Draft => (None, None),
        };
        let sql = "update schedule set paused_at = null, paused_by = null, next_slot = $1, next_due = $2
            where share_id = $3 and account_id = $4 and paused_at is not null";
        let mut transaction = self.database().begin().await.map_err(internal)?;
        sqlx::query(sql)
            .bind(next.0)
            .bind(next.1)
            .bind(id.as_str())
            .bind(actor.account_id.as_str())
            .execute(&mut *transaction)
            .await
            .map_err(internal)?;
        crate::telling::look(&mut transaction, now, &actor.account_id, id).await.map_err(internal)?;
        transaction.commit().await.map_err(internal)
    }

    /// Holds back every schedule of the account, or all runs from and to one endpoint. Slots that come meanwhile are skipped.
    pub async fn pause_schedules(&self, actor: &Actor, endpoint: Option<&EndpointId>) -> Result<()> {
        require(actor, Role::Member)?;
        if let Some(id) = endpoint
            && self.connected_endpoint(&actor.account_id, id).await?.is_disconnected
        {
            return Err(HubError::not_found("endpoint"));
        }
        let sql = "insert into schedule_pause (account_id, endpoint_id, paused_by, paused_at) values ($1, $2, $3, $4)
            on conflict (account_id, endpoint_id) do nothing";
        sqlx::query(sql)
            .bind(actor.account_id.as_str())
            .bind(endpoint.map_or("", EndpointId::as_str))
            .bind(actor.user_name.as_str())
            .bind(self.now_ms())
            .execute(self.database().writer())
            .await
            .map_err(internal)?;
        Ok(())
    }

    /// Who paused an endpoint, and when.
    pub(crate) async fn pause_of_endpoint(
        &self,
        account_id: &AccountId,
        id: &EndpointId,
    ) -> std::result::Result<Option<By>, StoreError> {
        let sql = "select paused_by, paused_at from schedule_pause where account_id = $1 and endpoint_id = $2";
        let row = sqlx::query(sql)
            .bind(account_id.as_str())
            .bind(id.as_str())
            .fetch_optional(self.database().reader())
            .await?;
        let Some(row) = row else { return Ok(None) };
        Ok(Some(By { name: row.try_get("paused_by")?, at: rfc3339(row.try_get("paused_at")?) }))
    }

    /// Ends such a pause.
    pub async fn resume_schedules(&self, actor: &Actor, endpoint: Option<&EndpointId>) -> Result<()> {
        require(actor, Role::Member)?;
        sqlx::query("delete from schedule_pause where account_id = $1 and endpoint_id = $2")
            .bind(actor.account_id.as_str())
            .bind(endpoint.map_or("", EndpointId::as_str))
            .execute(self.database().writer())
            .await
            .map_err(internal)?;
        Ok(())
    }

    /// Leaves one slot out that is still to come.
    pub async fn skip_slot(&self, actor: &Actor, id: &ShareId, slot: i64) -> Result<()> {
        let now = self.changeable(actor, id, slot).await?;
        let reason = format!("Skipped by {}.", actor.user_name);
        self.change_slot(actor, id, slot, SlotState::Skipped, None, Some(&reason), now).await
    }

    /// Leaves the next slot out.
    pub async fn skip_next(&self, actor: &Actor, id: &ShareId) -> Result<()> {
        require(actor, Role::Member)?;
        let row = self.schedule_row(actor, id).await?;
        let now = self.schedule_now().await.map_err(internal)?;
        let changed = self.changes_ahead(actor, id, now).await?;
        let slots = Slots::new(&row.rule).map_err(|problem| HubError::Invalid { problems: vec![problem] })?;
        let next = slots
            .from(row.next_slot.unwrap_or(i64::MAX))
            .find(|slot| !changed.iter().any(|change| change.slot == *slot && change.state == SlotState::Skipped));
        let next = next.ok_or_else(|| HubError::Conflict { message: "No further run is planned.".to_owned() })?;
        self.skip_slot(actor, id, next).await
    }

    /// Gives one slot that is still to come another moment: that civil time in a zone, or in the schedule's.
    pub async fn move_slot(
        &self,
        actor: &Actor,
        id: &ShareId,
        slot: i64,
        (day, time): (&str, &str),
        zone: Option<&str>,
    ) -> Result<()> {
        let now = self.changeable(actor, id, slot).await?;
        let row = self.schedule_row(actor, id).await?;
        let zone = slots::zone(zone.unwrap_or(&row.rule.zone)).ok_or_else(|| HubError::not_found("time zone"))?;
        let form = ScheduleForm {
            kind: "once".to_owned(),
            once_day: day.to_owned(),
            once_time: time.to_owned(),
            ..ScheduleForm::default()
        };
        let renamed =
            |problem: FieldProblem| FieldProblem::new(problem.field.trim_start_matches("once_"), problem.message);
        let moved = form
            .parse(civil(zone, now))
            .map_err(|problems| HubError::Invalid { problems: problems.into_iter().map(renamed).collect() })?;
        let When::Once { at } = moved.when else { return Err(HubError::invalid("day", "Enter a day and a time.")) };
        let to = slots::moment(zone, at).0;
        if to <= now {
            return Err(HubError::invalid("day", "That moment has passed. Choose a later one, or run it now."));
        }
        if to > now + FARTHEST_MOVE_MS {
            return Err(HubError::invalid("day", "Choose a moment within a year."));
        }
        self.change_slot(actor, id, slot, SlotState::Moved, Some(to), None, now).await
    }

    /// Takes back what a person changed about a slot: it runs when it was planned.
    pub async fn restore_slot(&self, actor: &Actor, id: &ShareId, slot: i64) -> Result<()> {
        let now = self.changeable(actor, id, slot).await?;
        let row = self.schedule_row(actor, id).await?;
        let due = due_at(id, slot, row.rule.jitter_minutes);
        if due <= now {
            let message = "The time at which it was planned has passed. Leave it where it is, or skip it.".to_owned();
            return Err(HubError::Conflict { message });
        }
        let sql = "delete from occurrence where share_id = $1 and slot = $2 and account_id = $3 and changed_by is not null and run_id is null";
        let mut transaction = self.database().begin().await.map_err(internal)?;
        sqlx::query(sql)
            .bind(id.as_str())
            .bind(slot)
            .bind(actor.account_id.as_str())
            .execute(&mut *transaction)
            .await
            .map_err(internal)?;
        // The schedule may have gone on behind it by now.
        if row.paused_by.is_none() && row.next_slot.is_none_or(|next| next > slot) {
            rows::set_next(&mut transaction, &actor.account_id, id, (Some(slot), Some(due))).await.map_err(internal)?;
        }
        transaction.commit().await.map_err(internal)
    }

    pub(super) async fn schedule_row(&self, actor: &Actor, id: &ShareId) -> Result<ScheduleRow> {
        let row = rows::of_share(self.database(), &actor.account_id, id).await.map_err(internal)?;
        row.ok_or_else(|| HubError::not_found("schedule"))
    }

    /// Lets pass who may change this slot while it can be changed: it is the schedule's and still to come. Gives the present time.
    async fn changeable(&self, actor: &Actor, id: &ShareId, slot: i64) -> Result<i64> {
        require(actor, Role::Member)?;
        let row = self.schedule_row(actor, id).await?;
        let now = self.schedule_now().await.map_err(internal)?;
        let known = rows::occurrence(self.database(), &actor.account_id, id, slot).await.map_err(internal)?;
        let is_ahead = |slot: i64| {
            row.next_slot.is_some_and(|next| next <= slot)
                && Slots::new(&row.rule).is_ok_and(|slots| slots.after(slot - 1) == Some(slot))
        };
        match known {
            Some(known) if known.state.is_pending() => Ok(now),
            Some(known) if known.state == SlotState::Skipped && known.changed_by.is_some() && slot > now => Ok(now),
            Some(_) => Err(HubError::Conflict {
                message: "This run's time has come; it can't be changed any more.".to_owned(),
            }),
            None if is_ahead(slot) => Ok(now),
            None => Err(HubError::not_found("planned run")),
        }
    }

    #[expect(clippy::too_many_arguments, reason = "one column each")]
    async fn change_slot(
        &self,
        actor: &Actor,
        id: &ShareId,
        slot: i64,
        state: SlotState,
        due_at: Option<i64>,
        reason: Option<&str>,
        now: i64,
    ) -> Result<()> {
        // A slot whose run began between the look and this keeps its run.
        let sql = "insert into occurrence (share_id, slot, account_id, state, due_at, reason, changed_by, decided_at)
            values ($1, $2, $3, $4, $5, $6, $7, $8)
            on conflict (share_id, slot) do update set state = excluded.state, due_at = excluded.due_at, reason = excluded.reason,
                changed_by = excluded.changed_by, decided_at = excluded.decided_at
            where occurrence.run_id is null and (occurrence.state in ('moved', 'called', 'waiting') or occurrence.changed_by is not null)";
        let done = sqlx::query(sql)
            .bind(id.as_str())
            .bind(slot)
            .bind(actor.account_id.as_str())
            .bind(state.as_str())
            .bind(due_at)
            .bind(reason)
            .bind(actor.user_name.as_str())
            .bind(now)
            .execute(self.database().writer())
            .await
            .map_err(internal)?;
        if done.rows_affected() == 1 {
            return Ok(());
        }
        Err(HubError::Conflict { message: "This run's time has just come; it can't be changed any more.".to_owned() })
    }

    /// What people changed about slots that are still to come, and what waits.
    async fn changes_ahead(&self, actor: &Actor, id: &ShareId, now: i64) -> Result<Vec<OccurrenceRow>> {
        rows::occurrences(self.database(), &actor.account_id, Some(id), now, i64::MAX, 1_000).await.map_err(internal)
    }

    /// What pauses the whole account or one of the share's endpoints.
    async fn held_back(&self, actor: &Actor, share: &ShareRow) -> Result<Option<String>> {
        let pauses = rows::pauses(self.database(), &actor.account_id).await.map_err(internal)?;
        if pauses.is_empty() {
            return Ok(None);
        }
        let audience = self.audience_row(&actor.account_id, &share.audience_id).await?.summary;
        for pause in pauses {
            let name = match &pause.endpoint_id {
                None => "All schedules of the account are".to_owned(),
                Some(endpoint) if *endpoint == audience.endpoint_id => format!("{} is", audience.endpoint_name),
                Some(endpoint) if Some(endpoint) == share.destination_endpoint_id.as_ref() => {
                    format!("{} is", self.connected_endpoint(&actor.account_id, endpoint).await?.name)
                }
                Some(_) => continue,
            };
            return Ok(Some(format!("{name} paused by {}. Runs that are due meanwhile are skipped.", pause.paused_by)));
        }
        Ok(None)
    }

    async fn foretell(
        &self,
        actor: &Actor,
        rule: &Schedule,
        slots: &Slots,
        now: i64,
        viewer_zone: &str,
        changed: &[OccurrenceRow],
    ) -> Result<SchedulePreview> {
        let viewer = slots::zone(known_zone(viewer_zone)).unwrap_or_default();
        let note = |slot: i64| {
            let change = changed.iter().find(|change| change.slot == slot)?;
            match (change.state, change.due_at) {
                (SlotState::Moved, Some(due)) => Some(format!("Moved to {}.", words(slots.zone(), due))),
                _ => change.reason.clone(),
            }
        };
        let next = slots.from(now + 1).take(NEXT_RUNS).map(|slot| NextRun {
            slot,
            at: rfc3339(slot),
            in_zone: words(slots.zone(), slot),
            in_viewer_zone: words(viewer, slot),
            note: note(slot),
        });
        let mut sentence = match &rule.when {
            When::After { share_id } => {
                format!("Each time that a run of {} has ended well.", self.name_for(actor, share_id).await?)
            }
            _ => rule.sentence(),
        };
        if let Some(other) = &rule.depends_on {
            let other = self.name_for(actor, other).await?;
            sentence.push_str(&format!(" Each run waits until one of {other} has ended well since the run before."));
        }
        let is_elsewhere = viewer != slots.zone();
        Ok(SchedulePreview {
            sentence,
            remark: rule.remark(),
            clock_changes: slots.clock_changes(now),
            next: next.collect(),
            viewer_zone: is_elsewhere.then(|| viewer.name().to_owned()),
        })
    }

    /// Another share in a sentence. One that was deleted is said to be.
    async fn name_for(&self, actor: &Actor, id: &ShareId) -> Result<String> {
        let name = standing::name(self.database().reader(), &actor.account_id, id).await.map_err(internal)?;
        Ok(name.map_or_else(|| "a share that was deleted".to_owned(), |name| format!("“{name}”")))
    }
}

/// The zone, when there is such a one; else UTC.
pub(super) fn known_zone(name: &str) -> &str {
    if slots::zone(name).is_some() { name } else { "UTC" }
}

/// "Thu 26 November 2026, 09:00 CET"
fn words(zone: chrono_tz::Tz, ms: i64) -> String {
    let shown = civil(zone, ms);
    let abbreviation = chrono::DateTime::from_timestamp_millis(ms)
        .map(|at| at.with_timezone(&zone).format("%Z").to_string())
        .unwrap_or_default();
    format!("{} at {} {abbreviation}", day_words(shown.date()), time_words(shown.time()))
}
