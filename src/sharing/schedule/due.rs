//! What is due: the loop that looks, and deciding about slots.
//!
//! Reading what a run would be is done before the transaction; deciding, noting and queuing are one. The time is the database's, so that processes whose
//! clocks differ agree; a test's clock counts instead of it.

use std::collections::HashMap;

use futures::{StreamExt, stream};
use model::{
    error::HubError,
    id::{AccountId, RunId, ShareId},
    recurrence::{
        Blackout, InBlackout, Missed, Overlap, Schedule, day_words,
        slots::{Slots, civil, in_blackout},
        time_words,
    },
    run::RunState,
};
use sqlx::{Any, Row, Transaction};
use tokio_util::sync::CancellationToken;

use super::{
    due_at,
    rows::{self, PauseRow, ScheduleRow, SlotState},
};
use crate::{
    exchange::{self, NewRun},
    hub::Hub,
    sharing::standing,
    store::{StoreError, new_id},
};

/// Slots that are decided about in one transaction.
const BATCH: u32 = 100;
/// Shares that are read at once before it.
const READ_AT_ONCE: usize = 8;
/// A slot that is decided about later than this was missed: nobody was there to do it.
const ON_TIME_MS: i64 = 5 * 60_000;
/// How soon a slot that waits for a run of its own share looks again by itself; the end of the run tells it anyway.
const LOOK_AGAIN_MS: i64 = 5_000;
/// The same for one that waits for another share, which may take days.
const LOOK_AGAIN_AT_OTHER_MS: i64 = 60_000;

/// A slot that is due.
struct Due {
    schedule: ScheduleRow,
    /// The slot that is decided about.
    slot: i64,
    due_at: i64,
    /// Slots before it that passed without anybody there.
    missed: u32,
    /// The first of these.
    missed_from: i64,
    source: DueSource,
    /// The run, or why there is none.
    run: Result<NewRun, String>,
    paused: Option<String>,
    /// The blackout in which it lies now: what is said of it, and its end.
    blackout: Option<(String, i64)>,
}

/// Where it stands that the slot is due.
enum DueSource {
    /// In the schedule's row, which goes on with this slot.
    Schedule { next: Option<i64>, next_due: Option<i64>, from: i64 },
    /// In an occurrence of its own.
    Occurrence { state: SlotState, seen_due: i64 },
}

/// What is done about a slot.
enum Outcome {
    Run {
        reason: String,
    },
    Skip {
        reason: String,
    },
    Wait {
        until: i64,
        reason: String,
    },
    /// The run that is in the way is called off.
    WaitAndCancel {
        until: i64,
        reason: String,
    },
}

/// Where the share is that a schedule depends on.
enum Dependence {
    /// Done since the schedule's run before; or there is no such share to wait for.
    Met { name: Option<String> },
    /// A run of it is under way.
    UnderWay { name: String },
    /// None of its runs has ended well since then.
    Open { name: String },
    /// It was deleted.
    Gone,
}

/// What stands in the way of a run when it is decided about.
struct InTheWay {
    /// A run of the share that is under way.
    run: Option<RunState>,
    dependence: Dependence,
    /// A slot of the share waits already.
    has_waiting: bool,
}

impl Hub {
    /// Starts the runs that are due until `stop` is cancelled. Any number of processes may do so.
    pub async fn keep_schedules(&self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            // A pass that has begun is brought to its end: what is not committed did not happen, but it would be done again.
            if let Err(error) = self.run_due().await {
                tracing::error!(%error, "what is due could not be started");
            }
            tokio::select! {
                () = stop.cancelled() => break,
                () = tokio::time::sleep(self.scheduling().poll) => {}
            }
        }
    }

    /// Decides about every slot that is due; says how many there were.
    pub async fn run_due(&self) -> Result<u32, StoreError> {
        let (mut decided, mut failed) = (0, false);
        loop {
            let now = self.schedule_now().await?;
            let due = self.look(now).await?;
            let many = u32::try_from(due.len()).unwrap_or(u32::MAX);
            if many == 0 {
                return Ok(decided);
            }
            let older = match self.decide_together(now, &due).await {
                Ok(older) => older,
                // One that can't be decided about must not keep the others from it.
                Err(error) if many > 1 => {
                    tracing::error!(%error, "slots could not be decided about together; each is tried by itself");
                    let mut older = Vec::new();
                    for one in &due {
                        match self.decide_together(now, std::slice::from_ref(one)).await {
                            Ok(more) => older.extend(more),
                            Err(error) => {
                                tracing::error!(share.id = %one.schedule.share_id, %error, "a slot could not be decided about");
                                failed = true;
                            }
                        }
                    }
                    older
                }
                Err(error) => return Err(error),
            };
            self.wake_workers();
            for (account_id, run_id) in older {
                if let Err(error) = self.give_way(&account_id, &run_id).await {
                    tracing::error!(run.id = %run_id, %error, "a run that is in the way could not be called off");
                }
            }
            decided += many;
            if many < BATCH || failed {
                return Ok(decided);
            }
        }
    }

    /// Decides about slots in one transaction. Gives the runs that are to be called off for them.
    async fn decide_together(&self, now: i64, due: &[Due]) -> Result<Vec<(AccountId, RunId)>, StoreError> {
        let mut older = Vec::new();
        let mut transaction = self.database().begin().await?;
        for due in due {
            older.extend(decide(&mut transaction, now, due).await?);
        }
        transaction.commit().await?;
        Ok(older)
    }

    /// The time by which slots are due.
    pub(in crate::sharing) async fn schedule_now(&self) -> Result<i64, StoreError> {
        if !self.clock().is_the_machines() {
            return Ok(self.now_ms());
        }
        let row = sqlx::query(self.database().dialect().now_ms()).fetch_one(self.database().reader()).await?;
        Ok(row.try_get("now_ms")?)
    }

    /// What is due by now, with everything that deciding takes.
    async fn look(&self, now: i64) -> Result<Vec<Due>, StoreError> {
        let schedules = rows::due(self.database(), now, BATCH).await?;
        let occurrences = rows::due_occurrences(self.database(), now, BATCH).await?;
        let mut due: Vec<Due> = schedules.into_iter().filter_map(|schedule| by_schedule(schedule, now)).collect();
        due.extend(occurrences.into_iter().filter_map(|(occurrence, schedule)| {
            let due_at = occurrence.due_at?;
            Some(Due {
                slot: occurrence.slot,
                due_at,
                missed: 0,
                missed_from: occurrence.slot,
                source: DueSource::Occurrence { state: occurrence.state, seen_due: due_at },
                run: Err(String::new()),
                blackout: None,
                paused: schedule.paused_by.clone().map(|who| format!("The schedule was paused by {who}.")),
                schedule,
            })
        }));
        // Few accounts are paused, and then seldom: they are read anew each time.
        let mut pauses: Vec<PauseRow> = Vec::new();
        let mut blackouts: HashMap<AccountId, Vec<Blackout>> = HashMap::new();
        let mut accounts: Vec<&AccountId> = due.iter().map(|due| &due.schedule.account_id).collect();
        accounts.sort_unstable();
        accounts.dedup();
        for account_id in accounts {
            pauses.extend(rows::pauses(self.database(), account_id).await?);
            blackouts.insert(account_id.clone(), self.blackout_rules(account_id).await?);
        }
        for due in &mut due {
            if due.schedule.rule.in_blackout != InBlackout::Ignore
                && let Some(rules) = blackouts.get(&due.schedule.account_id)
            {
                due.blackout = in_blackout(rules, now).map(|(blackout, end)| (blackout.name.clone(), end));
            }
        }
        let prepared = stream::iter(due).map(|mut due| async {
            due.run = match self.scheduled_run(&due.schedule.account_id, &due.schedule.share_id).await {
                Ok(run) => Ok(run),
                // Says nothing about the share: it stays due, and is looked at again with the next pass. Not for good, should the share be unreadable.
                Err(error @ HubError::Internal { .. }) if now - due.due_at <= ON_TIME_MS => {
                    tracing::error!(share.id = %due.schedule.share_id, %error, "a run that is due could not be prepared; it is tried again");
                    return None;
                }
                Err(HubError::Invalid { .. }) => {
                    Err("The mapping does not fit the fields any more. Mend it, and share again.".to_owned())
                }
                Err(error) => Err(error.to_string()),
            };
            if let (Ok(run), None) = (&due.run, &due.paused) {
                due.paused = held_back(&pauses, run);
            }
            Some(due)
        });
        Ok(prepared.buffered(READ_AT_ONCE).filter_map(std::future::ready).collect().await)
    }
}

/// Why a pause of the account or of one of its endpoints keeps a run from starting.
fn held_back(pauses: &[PauseRow], run: &NewRun) -> Option<String> {
    let pause =
        pauses.iter().filter(|pause| pause.account_id == run.account_id).find(|pause| match &pause.endpoint_id {
            None => true,
            Some(id) => *id == run.plan.source_endpoint_id || *id == run.plan.destination.endpoint_id,
        })?;
    let what = match &pause.endpoint_id {
        None => "All schedules of the account were",
        Some(id) if *id == run.plan.source_endpoint_id => &format!("{} was", run.plan.source_name),
        Some(_) => &format!("{} was", run.plan.destination.endpoint_name),
    };
    Some(format!("{what} paused by {}.", pause.paused_by))
}

/// The slot of a schedule that is due: the last of those that have passed.
fn by_schedule(schedule: ScheduleRow, now: i64) -> Option<Due> {
    let from = schedule.next_slot?;
    let (rule, share_id) = (&schedule.rule, &schedule.share_id);
    let due = |slot: i64| due_at(share_id, slot, rule.jitter_minutes);
    let (mut slot, mut missed) = (from, 0_u32);
    let slots = Slots::new(rule);
    let next = match &slots {
        Err(_) => None,
        Ok(slots) => loop {
            match slots.after(slot) {
                Some(next) if due(next) <= now => (slot, missed) = (next, missed.saturating_add(1)),
                next => break next,
            }
        },
    };
    if let Err(problem) = slots {
        tracing::error!(share.id = %share_id, problem = problem.message, "a schedule can't be kept any more");
    }
    let (due_at, next_due) = (due(slot), next.map(due));
    Some(Due {
        slot,
        due_at,
        missed,
        missed_from: from,
        source: DueSource::Schedule { next, next_due, from },
        run: Err(String::new()),
        paused: None,
        blackout: None,
        schedule,
    })
}

/// Decides about one slot within the transaction. Gives the run that is to be called off for it.
async fn decide(
    transaction: &mut Transaction<'_, Any>,
    now: i64,
    due: &Due,
) -> Result<Option<(AccountId, RunId)>, StoreError> {
    let (account_id, share_id, slot) = (&due.schedule.account_id, &due.schedule.share_id, due.slot);
    // Proves that nobody decided meanwhile, and locks the row against those who would.
    let is_ours = match &due.source {
        DueSource::Schedule { next, next_due, from } => {
            sqlx::query(
                "update schedule set next_slot = $1, next_due = $2
                 where share_id = $3 and account_id = $4 and next_slot = $5 and paused_at is null",
            )
            .bind(*next)
            .bind(*next_due)
            .bind(share_id.as_str())
            .bind(account_id.as_str())
            .bind(*from)
            .execute(&mut **transaction)
            .await?
        }
        DueSource::Occurrence { seen_due, .. } => sqlx::query(
            "update occurrence set due_at = null where share_id = $1 and account_id = $2 and slot = $3 and due_at = $4",
        )
        .bind(share_id.as_str())
        .bind(account_id.as_str())
        .bind(slot)
        .bind(*seen_due)
        .execute(&mut **transaction)
        .await?,
    };
    if is_ours.rows_affected() == 0 {
        return Ok(None);
    }
    // As when a share is shared by hand: its row makes two who ask at once come one after the other.
    sqlx::query("update share set updated_at = updated_at where id = $1 and account_id = $2")
        .bind(share_id.as_str())
        .bind(account_id.as_str())
        .execute(&mut **transaction)
        .await?;
    let in_the_way = exchange::under_way(transaction, account_id, share_id).await?;
    let dependence = dependence(transaction, &due.schedule).await?;
    let waits = matches!(due.source, DueSource::Occurrence { state: SlotState::Waiting, .. });
    let may_wait = in_the_way.is_some() || due.blackout.is_some() || !matches!(dependence, Dependence::Met { .. });
    let has_waiting = !waits && may_wait && is_waiting(transaction, account_id, share_id).await?;
    let seen = InTheWay { run: in_the_way.as_ref().map(|(_, state)| *state), dependence, has_waiting };
    let outcome = outcome_of(due, now, &seen);
    let cancels = matches!(outcome, Outcome::WaitAndCancel { .. });
    let run = match (&outcome, &due.run) {
        (Outcome::Run { reason }, Ok(run)) => {
            Some((new_id(RunId::PREFIX), NewRun { reason: Some(reason.clone()), ..run.clone() }))
        }
        _ => None,
    };
    let (state, due_again, reason) = match outcome {
        Outcome::Run { .. } => (SlotState::Started, None, None),
        Outcome::Skip { reason } => (SlotState::Skipped, None, Some(reason)),
        Outcome::Wait { until, reason } | Outcome::WaitAndCancel { until, reason } => {
            (SlotState::Waiting, Some(until), Some(reason))
        }
    };
    let text = match &due.source {
        // A slot that a person has moved or skipped has its row already: it is passed over.
        DueSource::Schedule { .. } => {
            "insert into occurrence (share_id, slot, account_id, state, due_at, run_id, reason, missed, decided_at)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9) on conflict (share_id, slot) do nothing"
        }
        DueSource::Occurrence { .. } => {
            "update occurrence set state = $4, due_at = $5, run_id = $6, reason = $7, missed = $8, decided_at = $9
             where share_id = $1 and slot = $2 and account_id = $3"
        }
    };
    let noted = sqlx::query(text)
        .bind(share_id.as_str())
        .bind(slot)
        .bind(account_id.as_str())
        .bind(state.as_str())
        .bind(due_again)
        .bind(run.as_ref().map(|(id, _): &(RunId, NewRun)| id.to_string()))
        .bind(reason)
        .bind(i64::from(due.missed))
        .bind(now)
        .execute(&mut **transaction)
        .await?;
    if noted.rows_affected() == 0 {
        return Ok(None);
    }
    if let Some((run_id, run)) = run {
        crate::sharing::versions::note_used(transaction, now, account_id, share_id, run.mapping_version).await?;
        exchange::enqueue_as(transaction, &run_id, now, run).await?;
        metrics::histogram!("usher_schedule_lag_seconds").record(seconds(now - due.due_at));
    }
    Ok(in_the_way.filter(|_| cancels).map(|(run_id, _)| (account_id.clone(), run_id)))
}

#[expect(clippy::cast_precision_loss, reason = "a lag is far below 2^52 milliseconds")]
fn seconds(ms: i64) -> f64 {
    ms as f64 / 1000.0
}

async fn is_waiting(
    transaction: &mut Transaction<'_, Any>,
    account_id: &AccountId,
    share_id: &ShareId,
) -> Result<bool, StoreError> {
    let row = sqlx::query(
        "select count(*) as many from occurrence where account_id = $1 and share_id = $2 and state = 'waiting'",
    )
    .bind(account_id.as_str())
    .bind(share_id.as_str())
    .fetch_one(&mut **transaction)
    .await?;
    Ok(row.try_get::<i64, _>("many")? > 0)
}

/// Where the share is that a schedule depends on, within the transaction that decides by it. "The run before" is one that this schedule has started: a run of
/// its share that a person started in between takes no run of the other share away from it.
async fn dependence(transaction: &mut Transaction<'_, Any>, schedule: &ScheduleRow) -> Result<Dependence, StoreError> {
    let Some(other) = &schedule.rule.depends_on else { return Ok(Dependence::Met { name: None }) };
    let account_id = &schedule.account_id;
    let Some(name) = standing::name(&mut **transaction, account_id, other).await? else {
        return Ok(Dependence::Gone);
    };
    if exchange::is_under_way(transaction, account_id, other).await? {
        return Ok(Dependence::UnderWay { name });
    }
    let row = sqlx::query(
        "select max(decided_at) as last_run from occurrence where account_id = $1 and share_id = $2 and state = 'started'",
    )
    .bind(account_id.as_str())
    .bind(schedule.share_id.as_str())
    .fetch_one(&mut **transaction)
    .await?;
    let last_run = row.try_get::<Option<i64>, _>("last_run")?.unwrap_or(i64::MIN);
    if exchange::has_ended_well_after(transaction, account_id, other, last_run).await? {
        return Ok(Dependence::Met { name: Some(name) });
    }
    Ok(Dependence::Open { name })
}

/// What is done about a slot, given what is in the way.
fn outcome_of(due: &Due, now: i64, seen: &InTheWay) -> Outcome {
    let rule = &due.schedule.rule;
    let skip = |reason: &str| Outcome::Skip { reason: reason.to_owned() };
    if let Some(reason) = &due.paused {
        return skip(reason);
    }
    if let Err(reason) = &due.run {
        return skip(reason);
    }
    let waits = matches!(due.source, DueSource::Occurrence { state: SlotState::Waiting, .. });
    let is_late = !waits && now - due.due_at > ON_TIME_MS;
    if is_late && rule.missed == Missed::Skip {
        return skip(&missed_sentence(rule, due, "They were left out", "It was left out"));
    }
    if let Some((name, end)) = &due.blackout {
        return match rule.in_blackout {
            InBlackout::Skip | InBlackout::Ignore => skip(&format!("It fell into the blackout “{name}”.")),
            InBlackout::RunAfterwards if seen.has_waiting => {
                skip(&format!("It fell into the blackout “{name}”, after which one run comes for all."))
            }
            InBlackout::RunAfterwards => Outcome::Wait {
                until: *end,
                reason: format!("Waits until the blackout “{name}” is over, on {}.", moment_words(rule, *end)),
            },
        };
    }
    let awaited = match &seen.dependence {
        Dependence::Met { .. } => None,
        Dependence::Gone => {
            return skip("The share that it depends on was deleted. Change the schedule.");
        }
        Dependence::UnderWay { name } => Some(format!("Waits until the run of “{name}” that is under way has ended.")),
        Dependence::Open { name } => Some(format!("Waits until a run of “{name}” has ended well.")),
    };
    if let Some(reason) = awaited {
        if seen.has_waiting {
            return skip("The time before was still waiting for the share that it depends on.");
        }
        return Outcome::Wait { until: now + LOOK_AGAIN_AT_OTHER_MS, reason };
    }
    match (seen.run, rule.overlap) {
        (None, _) => {}
        (Some(RunState::Held), _) => return skip("The run before is held for approval."),
        (Some(_), Overlap::Skip) => return skip("The run before was still under way."),
        (Some(_), Overlap::Wait | Overlap::CancelOlder) if seen.has_waiting => {
            return skip("The run before was still under way, and another one was waiting already.");
        }
        (Some(_), Overlap::Wait) => {
            let reason = "Waits until the run before has ended.".to_owned();
            return Outcome::Wait { until: now + LOOK_AGAIN_MS, reason };
        }
        (Some(_), Overlap::CancelOlder) => {
            let reason = "Waits until the run before, which was called off, has ended.".to_owned();
            return Outcome::WaitAndCancel { until: now + LOOK_AGAIN_MS, reason };
        }
    }
    let reason = if is_late {
        missed_sentence(rule, due, "This run makes up for them", "This run makes up for it")
    } else if let DueSource::Occurrence { state: SlotState::Called, .. } = due.source {
        "Started by the schedule: a run of the share before it has ended well.".to_owned()
    } else {
        let made_up = match (due.missed, rule.missed) {
            (0, _) => String::new(),
            (1, Missed::RunOnce) => " It makes up for one time that passed while Usher was not running.".to_owned(),
            (many, Missed::RunOnce) => {
                format!(" It makes up for {many} times that passed while Usher was not running.")
            }
            (1, Missed::Skip) => " One time that passed while Usher was not running was left out.".to_owned(),
            (many, Missed::Skip) => format!(" {many} times that passed while Usher was not running were left out."),
        };
        let done = match &seen.dependence {
            Dependence::Met { name: Some(name) } => format!(", after a run of “{name}” had ended well"),
            _ => String::new(),
        };
        format!("Started by the schedule for {}{done}.{made_up}", moment_words(rule, due.slot))
    };
    Outcome::Run { reason }
}

fn missed_sentence(rule: &Schedule, due: &Due, many_end: &str, one_end: &str) -> String {
    if due.missed == 0 {
        return format!("Usher was not running at {}. {one_end}.", moment_words(rule, due.slot));
    }
    format!(
        "Usher was not running at {} times of the schedule, from {} to {}. {many_end}.",
        due.missed + 1,
        moment_words(rule, due.missed_from),
        moment_words(rule, due.slot)
    )
}

/// A moment for people, in the schedule's zone.
pub(super) fn moment_words(rule: &Schedule, ms: i64) -> String {
    match model::recurrence::slots::zone(&rule.zone) {
        Some(zone) => {
            let shown = civil(zone, ms);
            format!("{} at {} ({})", day_words(shown.date()), time_words(shown.time()), rule.zone)
        }
        None => crate::store::clock::rfc3339(ms),
    }
}

/// A run has ended, within the transaction that says so: what waited for it looks again, of its own share and of those that depend on it; and shares that run
/// after this one are called forth.
pub(crate) async fn run_ended(
    transaction: &mut Transaction<'_, Any>,
    now: i64,
    account_id: &AccountId,
    share_id: &ShareId,
    state: RunState,
) -> Result<(), StoreError> {
    sqlx::query(
        "update occurrence set due_at = $1 where account_id = $3 and state = 'waiting' and (share_id = $2
            or share_id in (select share_id from schedule where depends_on_share_id = $2 and account_id = $3))",
    )
    .bind(now)
    .bind(share_id.as_str())
    .bind(account_id.as_str())
    .execute(&mut **transaction)
    .await?;
    if !matches!(state, RunState::Complete | RunState::CompleteWithRejects) {
        return Ok(());
    }
    sqlx::query(
        "insert into occurrence (share_id, slot, account_id, state, due_at)
         select share_id, $1, account_id, 'called', $1 from schedule
         where after_share_id = $2 and account_id = $3 and paused_at is null
            and exists (select 1 from share where share.id = schedule.share_id and share.state = 'active')
         on conflict (share_id, slot) do nothing",
    )
    .bind(now)
    .bind(share_id.as_str())
    .bind(account_id.as_str())
    .execute(&mut **transaction)
    .await?;
    Ok(())
}
