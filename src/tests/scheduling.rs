//! Schedules by a clock that is moved: each slot once, however many processes look; what was missed, what is in the way, and what people change.

use std::time::Duration;

use model::{
    calendar::{CalendarQuery, CalendarSpan, EntryKind, ScheduleState, ScheduleView},
    error::HubError,
    id::{EndpointId, RunId, ShareId},
    mapping::{Link, Mapping, Source},
    recurrence::{BlackoutForm, ScheduleForm},
    run::{Mode, RunState, ShrinkLimit},
    view::{Actor, AudienceQuery, ChooseDestination, DestinationSegment, Handling, Role},
};

use super::{
    NOON, Stage, admin,
    application::{Application, segment},
    connected, stages,
};
use crate::{hub::Hub, sharing::Timing};

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// Shares of one audience that are ready to be shared.
struct Ready {
    stage: Stage,
    actor: Actor,
    _application: Application,
    endpoint: String,
}

impl Ready {
    async fn on(stage: Stage) -> Self {
        let actor = admin(&stage.hub, "ann@example.org").await;
        let application = Application::start(vec![segment("1", "North")]).await;
        let endpoint = connected(&stage.hub, &actor, "CRM", &application.url).await.to_string();
        Self { stage, actor, _application: application, endpoint }
    }

    async fn share(&self, name: &str) -> ShareId {
        let (hub, actor) = (&self.stage.hub, &self.actor);
        let query = AudienceQuery { page: 1, ..AudienceQuery::default() };
        let audience = hub.audiences(actor, &query).await.expect("searches").items.remove(0);
        let share = hub.start_share(actor, &audience.id).await.expect("starts");
        let choice = ChooseDestination {
            endpoint_id: self.endpoint.clone(),
            segment: DestinationSegment::New { name: name.to_owned() },
            mode: Mode::Add,
        };
        hub.choose_destination(actor, &share, choice).await.expect("fits");
        let source = Source::Field { name: "email".to_owned() };
        let link = Link { target: "email".to_owned(), source, transforms: Vec::new() };
        hub.save_mapping(actor, &share, Mapping { links: vec![link] }).await.expect("saves");
        share
    }

    async fn scheduled(&self, name: &str, form: ScheduleForm) -> ShareId {
        let share = self.share(name).await;
        self.stage.hub.save_schedule(&self.actor, &share, &form).await.expect("keeps");
        self.stage.hub.start_schedule(&self.actor, &share).await.expect("starts");
        share
    }

    async fn runs(&self, share: &ShareId) -> Vec<(RunId, RunState)> {
        let view = self.stage.hub.share(&self.actor, share).await.expect("reads");
        let mut runs: Vec<_> = view.runs.into_iter().map(|run| (run.id, run.state)).collect();
        runs.reverse();
        runs
    }

    async fn schedule(&self, share: &ShareId) -> ScheduleView {
        self.stage.hub.schedule(&self.actor, share, "UTC").await.expect("reads").expect("has one")
    }

    /// What the timeline of a run begins with.
    async fn begun(&self, run: &RunId) -> String {
        let view = self.stage.hub.run(&self.actor, run).await.expect("reads");
        view.timeline.first().or(view.timeline.last()).expect("has an entry").message.clone()
    }

    /// Nobody works here: a run ends by being called off.
    async fn end_runs(&self, share: &ShareId) {
        for (run, state) in self.runs(share).await {
            if !state.is_final() {
                self.stage.hub.cancel_run(&self.actor, &run).await.expect("is called off");
            }
        }
    }

    /// Nobody works here: the run of a share that is under way ends so, and whoever waits for it is told.
    async fn run_ends(&self, share: &ShareId, state: RunState) {
        let (hub, now) = (&self.stage.hub, self.stage.hub.now_ms());
        let mut transaction = hub.database().begin().await.expect("begins");
        sqlx::query("update run set state = $1, finished_at = $2 where share_id = $3 and finished_at is null")
            .bind(state.as_str())
            .bind(now)
            .bind(share.as_str())
            .execute(&mut *transaction)
            .await
            .expect("writes");
        let account_id = &self.actor.account_id;
        crate::sharing::run_ended(&mut transaction, now, account_id, share, state).await.expect("is told");
        transaction.commit().await.expect("commits");
        hub.run_due().await.expect("looks");
    }

    async fn at(&self, ms: i64) -> u32 {
        self.stage.clock.set(ms);
        self.stage.hub.run_due().await.expect("looks")
    }
}

fn minutes(every: u32) -> ScheduleForm {
    ScheduleForm {
        kind: "repeats".to_owned(),
        every: every.to_string(),
        unit: "minutes".to_owned(),
        ..ScheduleForm::fresh("Europe/Berlin")
    }
}

/// At 13:30 in Berlin, which is half an hour after noon in Greenwich.
fn once() -> ScheduleForm {
    ScheduleForm {
        kind: "once".to_owned(),
        once_day: "2026-11-23".to_owned(),
        once_time: "13:30".to_owned(),
        ..ScheduleForm::fresh("Europe/Berlin")
    }
}

async fn ready() -> Vec<Ready> {
    let mut ready = Vec::new();
    for stage in stages().await {
        ready.push(Ready::on(stage).await);
    }
    ready
}

#[tokio::test]
async fn a_share_runs_once_at_its_moment_and_says_why() {
    for ready in ready().await {
        let share = ready.scheduled("New", once()).await;
        assert_eq!(ready.schedule(&share).await.state, ScheduleState::Active);
        assert_eq!(ready.at(NOON + 30 * MINUTE - 1).await, 0);
        assert_eq!(ready.at(NOON + 30 * MINUTE).await, 1);
        assert_eq!(ready.at(NOON + 31 * MINUTE).await, 0);
        let runs = ready.runs(&share).await;
        assert_eq!(runs.len(), 1);
        assert_eq!(
            ready.begun(&runs[0].0).await,
            "Started by the schedule for Monday 23 November 2026 at 13:30 (Europe/Berlin)."
        );
        let view = ready.schedule(&share).await;
        assert_eq!((view.state, view.passed.len()), (ScheduleState::Ended, 1));
        assert_eq!(view.passed[0].run_id.as_ref(), Some(&runs[0].0));
    }
}

#[tokio::test]
async fn a_draft_does_not_run_before_it_is_started() {
    for ready in ready().await {
        let share = ready.share("New").await;
        ready.stage.hub.save_schedule(&ready.actor, &share, &once()).await.expect("keeps");
        assert_eq!(ready.schedule(&share).await.state, ScheduleState::Draft);
        assert_eq!(ready.at(NOON + HOUR).await, 0);
        let error = ready.stage.hub.start_schedule(&ready.actor, &share).await.expect_err("it is over");
        assert!(matches!(error, HubError::Conflict { .. }), "{error:?}");
        let unmapped = ready.share("Other").await;
        ready.stage.hub.save_mapping(&ready.actor, &unmapped, Mapping::default()).await.expect("saves");
        ready.stage.hub.save_schedule(&ready.actor, &unmapped, &minutes(30)).await.expect("keeps");
        let error = ready.stage.hub.start_schedule(&ready.actor, &unmapped).await.expect_err("nothing is mapped");
        assert!(error.problem_of("email").is_some(), "{error:?}");
    }
}

#[tokio::test]
async fn three_processes_that_look_at_once_make_one_run_of_each_slot() {
    for ready in ready().await {
        let others = [ready.stage.another().await, ready.stage.another().await];
        let hubs: Vec<&Hub> = others.iter().chain([&ready.stage.hub]).collect();
        let mut shares = Vec::new();
        for number in 0..6 {
            shares.push(ready.scheduled(&format!("Segment {number}"), minutes(45)).await);
        }
        for slot in 0..4 {
            ready.stage.clock.set(NOON + slot * 45 * MINUTE);
            let looks = hubs.iter().map(|hub| hub.run_due());
            for looked in futures::future::join_all(looks).await {
                looked.expect("looks");
            }
            for share in &shares {
                assert_eq!(ready.runs(share).await.len(), usize::try_from(slot).expect("small") + 1, "slot {slot}");
                ready.end_runs(share).await;
            }
        }
    }
}

#[tokio::test]
async fn many_that_are_due_at_one_moment_all_run() {
    for ready in ready().await {
        let share = ready.share("First").await;
        let hub = &ready.stage.hub;
        hub.save_schedule(&ready.actor, &share, &once()).await.expect("keeps");
        hub.start_schedule(&ready.actor, &share).await.expect("starts");
        // Copies of one row: to make 250 by hand would take the test's time.
        for number in 0..250 {
            let id = format!("shr_copy{number}");
            let copy = "insert into share (id, account_id, audience_id, state, destination_endpoint_id, segment_name, mode, mapping,
                    mapping_version, created_by, created_at, updated_at)
                select $1, account_id, audience_id, state, destination_endpoint_id, segment_name, mode, mapping, mapping_version,
                    created_by, created_at, updated_at from share where id = $2";
            sqlx::query(copy).bind(&id).bind(share.as_str()).execute(hub.database().writer()).await.expect("copies");
            let copy = "insert into schedule (share_id, account_id, rule, next_slot, next_due, created_by, created_at, updated_at)
                select $1, account_id, rule, next_slot, next_due, created_by, created_at, updated_at from schedule where share_id = $2";
            sqlx::query(copy).bind(&id).bind(share.as_str()).execute(hub.database().writer()).await.expect("copies");
        }
        assert_eq!(ready.at(NOON + 30 * MINUTE).await, 251);
        let row = sqlx::query("select count(distinct share_id) as many, count(*) as all_of_them from run")
            .fetch_one(hub.database().reader())
            .await
            .expect("counts");
        use sqlx::Row;
        assert_eq!((row.get::<i64, _>("many"), row.get::<i64, _>("all_of_them")), (251, 251));
    }
}

#[tokio::test]
async fn after_a_day_without_usher_one_run_makes_up_for_what_was_missed_and_says_so() {
    for ready in ready().await {
        let share = ready.scheduled("New", minutes(60)).await;
        assert_eq!(ready.at(NOON).await, 1);
        ready.end_runs(&share).await;
        // The process is started again a day later, at a quarter past.
        let hub = ready.stage.another().await;
        ready.stage.clock.set(NOON + DAY + 15 * MINUTE);
        assert_eq!(hub.run_due().await.expect("looks"), 1);
        assert_eq!(hub.run_due().await.expect("looks"), 0);
        let runs = ready.runs(&share).await;
        assert_eq!(runs.len(), 2);
        assert_eq!(
            ready.begun(&runs[1].0).await,
            "Usher was not running at 24 times of the schedule, from Monday 23 November 2026 at 14:00 (Europe/Berlin) to \
             Tuesday 24 November 2026 at 13:00 (Europe/Berlin). This run makes up for them."
        );
        ready.end_runs(&share).await;
        assert_eq!(ready.at(NOON + DAY + HOUR).await, 1, "and the next one comes as planned");
        assert_eq!(ready.runs(&share).await.len(), 3);
    }
}

#[tokio::test]
async fn what_was_missed_is_left_out_where_that_was_chosen() {
    for ready in ready().await {
        let form = ScheduleForm { missed: "skip".to_owned(), ..minutes(60) };
        let share = ready.scheduled("New", form).await;
        ready.at(NOON + DAY + 15 * MINUTE).await;
        assert!(ready.runs(&share).await.is_empty());
        let passed = ready.schedule(&share).await.passed.remove(0);
        let reason = passed.reason.expect("a reason");
        assert!(reason.starts_with("Usher was not running at 25 times of the schedule"), "{reason}");
        assert!(reason.ends_with("They were left out."), "{reason}");
        ready.at(NOON + DAY + HOUR).await;
        assert_eq!(ready.runs(&share).await.len(), 1);
    }
}

#[tokio::test]
async fn a_clock_that_jumps_makes_no_slot_run_twice() {
    for ready in ready().await {
        let share = ready.scheduled("New", minutes(30)).await;
        ready.at(NOON).await;
        ready.end_runs(&share).await;
        ready.at(NOON + 30 * MINUTE).await;
        ready.end_runs(&share).await;
        for back in [NOON - DAY, NOON - MINUTE, NOON, NOON + 29 * MINUTE, NOON + 31 * MINUTE] {
            assert_eq!(ready.at(back).await, 0);
        }
        assert_eq!(ready.runs(&share).await.len(), 2);
        assert_eq!(ready.at(NOON + 60 * MINUTE).await, 1);
    }
}

#[tokio::test]
async fn a_run_in_the_way_is_waited_for_or_the_slot_is_skipped_or_the_run_is_called_off() {
    for ready in ready().await {
        let overlap = |word: &str| ScheduleForm { overlap: word.to_owned(), ..minutes(30) };
        let skips = ready.scheduled("Skips", overlap("skip")).await;
        let waits = ready.scheduled("Waits", overlap("wait")).await;
        let cancels = ready.scheduled("Cancels", overlap("cancel_older")).await;
        ready.at(NOON).await;
        ready.at(NOON + 30 * MINUTE).await;
        assert_eq!(ready.runs(&skips).await.len(), 1);
        let reason = ready.schedule(&skips).await.passed[0].reason.clone();
        assert_eq!(reason.as_deref(), Some("The run before was still under way."));
        assert_eq!(ready.runs(&waits).await.len(), 1);
        assert_eq!(ready.at(NOON + 60 * MINUTE).await, 5, "three new ones, and two look again");
        let reason = ready.schedule(&waits).await.passed[0].reason.clone();
        assert_eq!(
            reason.as_deref(),
            Some("The run before was still under way, and another one was waiting already."),
            "one waits at most"
        );
        // The end of the run is told at once.
        ready.end_runs(&waits).await;
        assert!(ready.at(NOON + 60 * MINUTE).await >= 1);
        assert_eq!(ready.runs(&waits).await.len(), 2);
        let runs = ready.runs(&cancels).await;
        assert_eq!(runs[0].1, RunState::Canceled);
        assert!(runs.len() >= 2, "{runs:?}");
    }
}

#[tokio::test]
async fn one_occurrence_is_skipped_moved_and_restored() {
    for ready in ready().await {
        ready.stage.clock.set(NOON - MINUTE);
        let form = ScheduleForm { starts_day: "2026-11-23".to_owned(), starts_time: "13:00".to_owned(), ..minutes(60) };
        let share = ready.scheduled("New", form).await;
        let (hub, actor) = (&ready.stage.hub, &ready.actor);
        let next = ready.schedule(&share).await.preview.next;
        hub.skip_next(actor, &share).await.expect("is skipped");
        assert_eq!(ready.schedule(&share).await.preview.next[0].note.as_deref(), Some("Skipped by Ann."));
        // 15:00 in Berlin goes to 15:20, behind nothing; 16:00 goes to the next morning, behind many.
        hub.move_slot(actor, &share, next[1].slot, ("2026-11-23", "15:20"), None).await.expect("is moved");
        hub.move_slot(actor, &share, next[2].slot, ("2026-11-24", "08:10"), None).await.expect("is moved");
        let ends = async |at| {
            ready.at(at).await;
            ready.end_runs(&share).await;
            ready.runs(&share).await.len()
        };
        assert_eq!(ends(next[0].slot).await, 0, "skipped");
        assert_eq!(ends(next[1].slot).await, 0, "moved");
        assert_eq!(ends(NOON + 140 * MINUTE).await, 1, "to twenty past three in Berlin");
        assert_eq!(ends(next[2].slot).await, 1, "moved");
        assert_eq!(ends(next[3].slot).await, 2);
        let error = hub.restore_slot(actor, &share, next[2].slot).await.expect_err("its time has passed");
        assert!(matches!(error, HubError::Conflict { .. }), "{error:?}");
        let error = hub.skip_slot(actor, &share, next[3].slot).await.expect_err("has run");
        assert!(matches!(error, HubError::Conflict { .. }), "{error:?}");
        let error = hub.skip_slot(actor, &share, next[4].slot + 1).await.expect_err("is no slot");
        assert!(matches!(error, HubError::NotFound { .. }), "{error:?}");
        let error =
            hub.move_slot(actor, &share, next[4].slot, ("2026-11-22", "08:10"), None).await.expect_err("is over");
        assert!(error.problem_of("day").is_some(), "{error:?}");
        let error =
            hub.move_slot(actor, &share, next[4].slot, ("someday", "8 o'clock"), None).await.expect_err("is nothing");
        assert!(error.problem_of("day").is_some() && error.problem_of("time").is_some(), "{error:?}");
        hub.skip_slot(actor, &share, next[5].slot).await.expect("is skipped");
        hub.restore_slot(actor, &share, next[5].slot).await.expect("is restored");
        ends(next[4].slot).await;
        assert_eq!(ends(next[5].slot).await, 4);
    }
}

#[tokio::test]
async fn pauses_hold_back_one_share_an_endpoint_or_all() {
    for ready in ready().await {
        let share = ready.scheduled("New", minutes(60)).await;
        let (hub, actor) = (&ready.stage.hub, &ready.actor);
        hub.pause_schedule(actor, &share).await.expect("rests");
        assert_eq!(ready.schedule(&share).await.state, ScheduleState::Paused);
        assert_eq!(ready.at(NOON + 5 * HOUR).await, 0);
        hub.resume_schedule(actor, &share).await.expect("goes on");
        assert_eq!(ready.at(NOON + 5 * HOUR + MINUTE).await, 0, "what lay in the pause is not made up for");
        let endpoint = ready.endpoint.parse().expect("an id");
        for (endpoint, reason) in
            [(None, "All schedules of the account were paused by Ann."), (Some(&endpoint), "CRM was paused by Ann.")]
        {
            hub.pause_schedules(actor, endpoint).await.expect("rests");
            let view = ready.schedule(&share).await;
            assert!(view.held_back.is_some_and(|text| text.contains("paused by Ann")));
            let next = view.preview.next[0].slot;
            assert_eq!(ready.at(next).await, 1);
            assert!(ready.runs(&share).await.is_empty());
            assert_eq!(ready.schedule(&share).await.passed[0].reason.as_deref(), Some(reason));
            hub.resume_schedules(actor, endpoint).await.expect("goes on");
        }
        let next = ready.schedule(&share).await.preview.next[0].slot;
        ready.at(next).await;
        assert_eq!(ready.runs(&share).await.len(), 1);
    }
}

#[tokio::test]
async fn a_share_that_can_not_be_shared_any_more_says_so_at_its_slot() {
    for ready in ready().await {
        let share = ready.scheduled("New", minutes(60)).await;
        ready.stage.hub.save_mapping(&ready.actor, &share, Mapping::default()).await.expect("saves");
        ready.at(NOON).await;
        assert!(ready.runs(&share).await.is_empty());
        let reason = ready.schedule(&share).await.passed[0].reason.clone();
        let expected = "The share is held until somebody has looked at it: Its mapping is incomplete: email";
        assert_eq!(reason.as_deref(), Some(expected));
    }
}

#[tokio::test]
async fn a_share_runs_after_another_and_never_in_a_circle() {
    for ready in ready().await {
        let (hub, actor) = (&ready.stage.hub, &ready.actor);
        let first = ready.scheduled("First", once()).await;
        let after = |other: &ShareId| ScheduleForm {
            kind: "after".to_owned(),
            after: other.to_string(),
            ..ScheduleForm::fresh("UTC")
        };
        let second = ready.scheduled("Second", after(&first)).await;
        let third = ready.scheduled("Third", after(&second)).await;
        for (share, other) in [(&first, &third), (&first, &first), (&second, &third)] {
            let error = hub.save_schedule(actor, share, &after(other)).await.expect_err("is a circle");
            assert!(error.problem_of("after").is_some(), "{error:?}");
        }
        ready.run_ends(&first, RunState::Failed).await;
        assert!(ready.runs(&second).await.is_empty(), "a run that failed is followed by none");
        ready.run_ends(&first, RunState::CompleteWithRejects).await;
        let runs = ready.runs(&second).await;
        assert_eq!((runs.len(), ready.runs(&third).await.len()), (1, 0));
        assert!(ready.begun(&runs[0].0).await.contains("a run of the share before it has ended well"));
        hub.delete_share(actor, &first).await.expect("goes");
        let sentence = ready.schedule(&second).await.preview.sentence;
        assert_eq!(sentence, "Each time that a run of a share that was deleted has ended well.");
    }
}

#[tokio::test]
async fn a_run_waits_for_its_time_and_then_for_the_share_that_the_schedule_depends_on() {
    for ready in ready().await {
        let (hub, actor) = (&ready.stage.hub, &ready.actor);
        let first = ready.scheduled("First", minutes(60)).await;
        let depends_on = |other: &ShareId| ScheduleForm { depends_on: other.to_string(), ..minutes(60) };
        let second = ready.scheduled("Second", depends_on(&first)).await;
        let sentence = ready.schedule(&second).await.preview.sentence;
        assert!(
            sentence.ends_with("Each run waits until one of “North to CRM” has ended well since the run before."),
            "{sentence}"
        );
        let circle = hub.save_schedule(actor, &first, &depends_on(&second)).await.expect_err("is a circle");
        assert!(circle.problem_of("depends_on").is_some(), "{circle:?}");
        let after = ScheduleForm { kind: "after".to_owned(), after: second.to_string(), ..ScheduleForm::fresh("UTC") };
        let circle = hub.save_schedule(actor, &first, &after).await.expect_err("is a circle too");
        assert!(circle.problem_of("after").is_some(), "{circle:?}");

        let waiting = async || ready.schedule(&second).await.waiting.unwrap_or_default();
        ready.at(NOON).await;
        assert_eq!((ready.runs(&first).await.len(), ready.runs(&second).await.len()), (1, 0));
        ready.at(NOON + 10 * MINUTE).await;
        assert!(ready.runs(&second).await.is_empty(), "a run of the other share is under way");
        assert!(waiting().await.ends_with("Waits until the run of “North to CRM” that is under way has ended."));
        ready.run_ends(&first, RunState::Failed).await;
        assert!(ready.runs(&second).await.is_empty(), "it failed");
        assert!(waiting().await.ends_with("Waits until a run of “North to CRM” has ended well."));

        ready.at(NOON + HOUR).await;
        assert_eq!(ready.runs(&first).await.len(), 2);
        let passed = ready.schedule(&second).await.passed;
        let reason = passed.first().and_then(|passed| passed.reason.clone());
        assert_eq!(reason.as_deref(), Some("The time before was still waiting for the share that it depends on."));
        ready.stage.clock.set(NOON + HOUR + 5 * MINUTE);
        ready.run_ends(&first, RunState::CompleteWithRejects).await;
        let runs = ready.runs(&second).await;
        assert_eq!(runs.len(), 1, "no sooner and no more than once");
        let begun = ready.begun(&runs[0].0).await;
        assert!(begun.contains(", after a run of “North to CRM” had ended well."), "{begun}");
        ready.end_runs(&second).await;

        // What has ended before the schedule's own last run is no news; and what waits is late since its time.
        hub.pause_schedule(actor, &first).await.expect("pauses");
        ready.at(NOON + 2 * HOUR).await;
        ready.at(NOON + 2 * HOUR + 30 * MINUTE).await;
        assert_eq!(ready.runs(&second).await.len(), 1);
        let mut transaction = hub.database().begin().await.expect("begins");
        let standing = crate::sharing::standing(&mut transaction, &actor.account_id, &second).await.expect("reads");
        drop(transaction);
        assert_eq!(standing.expect("is there").planned, Some(NOON + 2 * HOUR));
        hub.share_now(actor, &first).await.expect("by hand");
        ready.run_ends(&first, RunState::Complete).await;
        assert_eq!(ready.runs(&second).await.len(), 2, "whoever started the other share's run");
        ready.end_runs(&second).await;

        hub.delete_share(actor, &first).await.expect("goes");
        ready.at(NOON + 3 * HOUR).await;
        let schedule = ready.schedule(&second).await;
        assert!(schedule.preview.sentence.contains("one of a share that was deleted"));
        let reason = schedule.passed.first().and_then(|passed| passed.reason.clone());
        assert_eq!(reason.as_deref(), Some("The share that it depends on was deleted. Change the schedule."));
    }
}

#[tokio::test]
async fn a_schedule_has_to_be_possible() {
    for ready in ready().await {
        let share = ready.share("New").await;
        let refused = async |form: ScheduleForm| {
            let error = ready.stage.hub.save_schedule(&ready.actor, &share, &form).await.expect_err("is refused");
            let HubError::Invalid { problems } = error else { panic!("{error:?}") };
            problems.into_iter().map(|problem| problem.field).collect::<Vec<_>>()
        };
        assert_eq!(refused(minutes(4)).await, ["every"], "at least five minutes apart");
        let cron =
            |text: &str| ScheduleForm { kind: "cron".to_owned(), cron: text.to_owned(), ..ScheduleForm::fresh("UTC") };
        assert_eq!(refused(cron("* * * * *")).await, ["cron"]);
        assert_eq!(refused(cron("0 0 30 2 *")).await, ["cron"], "never comes");
        assert_eq!(refused(cron("sometimes")).await, ["cron"]);
        let close = ScheduleForm {
            unit: "days".to_owned(),
            every: "1".to_owned(),
            times: "9:00 9:01".to_owned(),
            ..minutes(1)
        };
        assert_eq!(refused(close).await, ["times"]);
        let past = ScheduleForm { once_day: "2026-11-22".to_owned(), ..once() };
        assert_eq!(refused(past).await, ["once_day"]);
        let nowhere = ScheduleForm { zone: "Europe/Nowhere".to_owned(), ..once() };
        assert_eq!(refused(nowhere).await, ["zone"]);
        let ended = ScheduleForm {
            starts_day: "2026-11-01".to_owned(),
            ends: "on".to_owned(),
            ends_on: "2026-11-02".to_owned(),
            ..minutes(60)
        };
        assert_eq!(refused(ended).await, ["ends_on"]);
        let preview = ready
            .stage
            .hub
            .preview_schedule(&ready.actor, &share, &minutes(45), "Asia/Kolkata")
            .await
            .expect("is good");
        assert_eq!(preview.next.len(), 10);
        assert_eq!(preview.viewer_zone.as_deref(), Some("Asia/Kolkata"));
        assert_eq!(preview.next[0].in_zone, "Monday 23 November 2026 at 13:45 CET");
        assert_eq!(preview.next[0].in_viewer_zone, "Monday 23 November 2026 at 18:15 IST");
    }
}

#[tokio::test]
async fn runs_are_spread_within_the_time_that_was_chosen() {
    for ready in ready().await {
        let form = ScheduleForm { jitter: "20".to_owned(), ..once() };
        let share = ready.scheduled("New", form).await;
        let first = (0..=20).map(|minute| NOON + (30 + minute) * MINUTE);
        let mut found = None;
        for at in first {
            if ready.at(at).await > 0 {
                found = Some(at);
                break;
            }
        }
        assert!(found.is_some(), "within twenty minutes");
        assert_eq!(ready.runs(&share).await.len(), 1);
    }
}

/// At nine each day, each share up to four hours later.
fn spread() -> ScheduleForm {
    ScheduleForm {
        kind: "repeats".to_owned(),
        every: "1".to_owned(),
        unit: "days".to_owned(),
        times: "09:00".to_owned(),
        jitter: "240".to_owned(),
        ..ScheduleForm::fresh("UTC")
    }
}

/// When the run of a share that is spread is due next.
async fn next_due(ready: &Ready, share: &ShareId) -> Option<i64> {
    let row = sqlx::query("select next_due from schedule where share_id = $1").bind(share.as_str());
    let row = row.fetch_one(ready.stage.hub.database().reader()).await.expect("is there");
    sqlx::Row::get(&row, "next_due")
}

#[tokio::test]
async fn a_run_that_is_spread_beyond_a_pause_still_comes() {
    for ready in ready().await {
        let share = ready.scheduled("Spread", spread()).await;
        let nine = NOON + 21 * HOUR;
        let due = next_due(&ready, &share).await.expect("is planned");
        assert!((nine + 1..nine + 4 * HOUR).contains(&due), "spread from its slot on");
        ready.stage.clock.set(nine + 1);
        ready.stage.hub.pause_schedule(&ready.actor, &share).await.expect("pauses");
        ready.stage.hub.resume_schedule(&ready.actor, &share).await.expect("resumes");
        assert_eq!(next_due(&ready, &share).await, Some(due), "its time had come before the pause");
        ready.stage.clock.set(nine - 1);
        ready.stage.hub.pause_schedule(&ready.actor, &share).await.expect("pauses");
        ready.stage.clock.set(nine + 1);
        ready.stage.hub.resume_schedule(&ready.actor, &share).await.expect("resumes");
        let after = next_due(&ready, &share).await.expect("is planned");
        assert!(after > nine + 24 * HOUR, "what lay in the pause is not made up for");
    }
}

#[tokio::test]
async fn a_run_is_restored_to_a_time_that_is_still_to_come_and_to_no_other() {
    for ready in ready().await {
        let (hub, actor) = (&ready.stage.hub, &ready.actor);
        let share = ready.scheduled("Restored", spread()).await;
        let nine = NOON + 21 * HOUR;
        let due = next_due(&ready, &share).await.expect("is planned");
        hub.move_slot(actor, &share, nine, ("2026-11-24", "20:00"), None).await.expect("moves");
        assert!(ready.at(due - 1).await <= 1);
        hub.restore_slot(actor, &share, nine).await.expect("is restored");
        ready.at(due).await;
        assert_eq!(ready.runs(&share).await.len(), 1, "it comes when it was planned");
        ready.end_runs(&share).await;
        let (next, due) = (nine + DAY, next_due(&ready, &share).await.expect("is planned"));
        hub.move_slot(actor, &share, next, ("2026-11-25", "20:00"), None).await.expect("moves");
        ready.at(due + 1).await;
        let error = hub.restore_slot(actor, &share, next).await.expect_err("its time has passed");
        assert!(matches!(error, HubError::Conflict { .. }), "{error:?}");
        ready.at(NOON + 2 * DAY + 8 * HOUR).await;
        assert_eq!(ready.runs(&share).await.len(), 2, "it was left where it had been moved to");
    }
}

#[tokio::test]
async fn keeping_a_schedule_that_says_the_same_changes_nothing_about_it() {
    for ready in ready().await {
        let (hub, actor) = (&ready.stage.hub, &ready.actor);
        let share = ready.scheduled("Kept", minutes(60)).await;
        hub.skip_next(actor, &share).await.expect("skips");
        hub.pause_schedule(actor, &share).await.expect("pauses");
        let before = ready.schedule(&share).await;
        let seen = hub.share(actor, &share).await.expect("reads");
        let handling = Handling {
            mode: Mode::Add,
            duplicates: seen.duplicates,
            shrink_limit: ShrinkLimit::new(7).expect("is one"),
        };
        hub.choose_when(actor, &share, handling, Timing::Schedule(&before.form), Some(seen.handling_version))
            .await
            .expect("chooses");
        assert_eq!(
            ready.schedule(&share).await,
            before,
            "paused as it was, with the run left out that a person left out"
        );
        // A schedule that says something else takes its place, and is paused as the one before.
        hub.save_schedule(actor, &share, &minutes(30)).await.expect("keeps");
        let after = ready.schedule(&share).await;
        assert_eq!((after.state, after.preview.next[0].note.as_deref()), (ScheduleState::Paused, None));
        // Of two tabs the second is told, also when they differ in the schedule only.
        let seen = hub.share(actor, &share).await.expect("reads").handling_version;
        hub.choose_when(actor, &share, handling, Timing::Schedule(&minutes(20)), Some(seen)).await.expect("chooses");
        let stale = hub.choose_when(actor, &share, handling, Timing::Schedule(&minutes(15)), Some(seen)).await;
        let error = stale.expect_err("is stale");
        assert!(matches!(&error, HubError::Outdated { message } if message.contains("20 minutes")), "{error:?}");
        assert_eq!(ready.schedule(&share).await.form.every, "20");
        hub.choose_when(actor, &share, handling, Timing::Schedule(&minutes(20)), Some(seen))
            .await
            .expect("is the same");
        // What ran once and is over stays when something else is changed.
        let over = ready.scheduled("Over", once()).await;
        ready.at(NOON + HOUR).await;
        let form = ready.schedule(&over).await.form;
        hub.choose_when(actor, &over, handling, Timing::Schedule(&form), None).await.expect("chooses");
        assert_eq!(hub.share(actor, &over).await.expect("reads").shrink_limit.percent(), 7);
    }
}

#[tokio::test]
async fn a_fault_of_our_own_leaves_a_run_due() {
    for ready in ready().await {
        let share = ready.scheduled("Unread", once()).await;
        let database = ready.stage.hub.database();
        let set = async |id: &ShareId, mapping: &str| {
            let set = sqlx::query("update share set mapping = $1 where id = $2").bind(mapping).bind(id.as_str());
            set.execute(database.writer()).await.expect("writes");
        };
        let kept = sqlx::query("select mapping from share where id = $1").bind(share.as_str());
        let kept: String = sqlx::Row::get(&kept.fetch_one(database.reader()).await.expect("reads"), "mapping");
        set(&share, "not to be read").await;
        assert_eq!(ready.at(NOON + HOUR / 2).await, 0, "nothing is decided");
        set(&share, &kept).await;
        assert_eq!(ready.at(NOON + HOUR / 2 + MINUTE).await, 1);
        assert_eq!(ready.runs(&share).await.len(), 1);
        // What can't be read for good is not looked at for good.
        let other = ready.scheduled("Unreadable", minutes(60)).await;
        set(&other, "not to be read").await;
        assert_eq!(ready.at(NOON + 2 * HOUR).await, 1, "it is noted as left out");
    }
}

#[tokio::test]
async fn nobody_touches_a_schedule_of_another_account_or_without_the_role() {
    for ready in ready().await {
        let share = ready.scheduled("New", minutes(60)).await;
        let hub = &ready.stage.hub;
        let bob = admin(hub, "bob@example.org").await;
        let viewer = Actor { role: Role::Viewer, ..ready.actor.clone() };
        let slot = ready.schedule(&share).await.preview.next[0].slot;
        let endpoint = ready.endpoint.parse().expect("an id");
        for (actor, wanted) in [(&bob, 404), (&viewer, 403)] {
            let answers = [
                hub.save_schedule(actor, &share, &minutes(60)).await,
                hub.remove_schedule(actor, &share).await,
                hub.start_schedule(actor, &share).await,
                hub.pause_schedule(actor, &share).await,
                hub.resume_schedule(actor, &share).await,
                hub.skip_next(actor, &share).await,
                hub.skip_slot(actor, &share, slot).await,
                hub.move_slot(actor, &share, slot, ("2026-11-24", "09:00"), None).await,
                hub.restore_slot(actor, &share, slot).await,
                hub.pause_schedules(actor, Some(&endpoint)).await,
            ];
            for (number, answer) in answers.into_iter().enumerate() {
                assert_eq!(answer.expect_err("is refused").status(), wanted, "{number}");
            }
        }
        assert!(hub.schedule(&bob, &share, "UTC").await.is_err());
        assert!(hub.schedule(&viewer, &share, "UTC").await.expect("may look").is_some());
        ready.stage.clock.advance(Duration::from_secs(3600));
        assert_eq!(hub.run_due().await.expect("looks"), 1, "nothing was changed");
    }
}

#[tokio::test]
async fn a_blackout_lets_a_run_wait_or_skips_it_and_the_calendar_says_so() {
    for ready in ready().await {
        let (hub, actor) = (&ready.stage.hub, &ready.actor);
        let lunch = BlackoutForm {
            name: "Lunch".to_owned(),
            zone: "Europe/Berlin".to_owned(),
            kind: "weekly".to_owned(),
            mon: "on".to_owned(),
            from: "13:15".to_owned(),
            until: "14:15".to_owned(),
            ..BlackoutForm::default()
        };
        hub.add_blackout(actor, &lunch).await.expect("is added");
        let form = |word: &str| ScheduleForm { in_blackout: word.to_owned(), ..once() };
        let waits = ready.scheduled("Waits", form("run_afterwards")).await;
        let skips = ready.scheduled("Skips", form("skip")).await;
        let ignores = ready.scheduled("Ignores", form("ignore")).await;
        let query = CalendarQuery { zone: "Europe/Berlin".to_owned(), ..CalendarQuery::default() };
        let entries = async || {
            let view = hub.calendar(actor, &query).await.expect("shows");
            let day = view.days.into_iter().find(|day| day.day == view.today).expect("today");
            assert_eq!(day.blackouts, ["Lunch, 13:15 to 14:15"]);
            day.entries
        };
        let planned = entries().await;
        assert_eq!(planned.len(), 3);
        assert!(planned.iter().all(|entry| entry.time == "13:30"), "{planned:?}");
        let clash = |share: &ShareId| {
            planned.iter().find(|entry| entry.share_id == *share).and_then(|entry| entry.clash.as_deref())
        };
        assert_eq!(clash(&waits), Some("Blackout “Lunch”: runs at 14:15."));
        assert_eq!(clash(&skips), Some("Blackout “Lunch”: will be skipped."));
        assert_eq!(clash(&ignores), Some("Blackout “Lunch”: runs all the same."));
        ready.at(NOON + 30 * MINUTE).await;
        let many = async |share| ready.runs(share).await.len();
        assert_eq!((many(&waits).await, many(&skips).await, many(&ignores).await), (0, 0, 1));
        let after = entries().await;
        let skipped = after.iter().find(|entry| entry.share_id == skips).expect("is there");
        assert!(matches!(&skipped.what, EntryKind::Skipped { reason, .. } if reason.contains("Lunch")), "{skipped:?}");
        let waiting = after.iter().find(|entry| entry.share_id == waits).expect("is there");
        assert_eq!(waiting.time, "14:15");
        assert!(matches!(&waiting.what, EntryKind::Planned { waiting: Some(_), .. }), "{waiting:?}");
        ready.at(NOON + 74 * MINUTE).await;
        assert!(ready.runs(&waits).await.is_empty());
        ready.at(NOON + 75 * MINUTE).await;
        assert_eq!(many(&waits).await, 1);
        let all = hub.blackouts(actor).await.expect("lists");
        hub.remove_blackout(actor, &all[0].id).await.expect("is removed");
        assert!(hub.blackouts(actor).await.expect("lists").is_empty());
    }
}

#[tokio::test]
async fn what_waits_for_the_end_of_a_blackout_runs_when_the_blackout_is_taken_away() {
    for ready in ready().await {
        let (hub, actor) = (&ready.stage.hub, &ready.actor);
        let blackout = |name: &str, until: &str| BlackoutForm {
            name: name.to_owned(),
            zone: "Europe/Berlin".to_owned(),
            kind: "weekly".to_owned(),
            mon: "on".to_owned(),
            from: "13:15".to_owned(),
            until: until.to_owned(),
            ..BlackoutForm::default()
        };
        hub.add_blackout(actor, &blackout("Lunch", "14:15")).await.expect("is added");
        hub.add_blackout(actor, &blackout("Inventory", "18:00")).await.expect("is added");
        let form = ScheduleForm { in_blackout: "run_afterwards".to_owned(), ..once() };
        let share = ready.scheduled("Waits", form).await;
        ready.at(NOON + 30 * MINUTE).await;
        let all = hub.blackouts(actor).await.expect("lists");
        let id = |name: &str| &all.iter().find(|view| view.name == name).expect("is there").id;
        hub.remove_blackout(actor, id("Inventory")).await.expect("is removed");
        ready.at(NOON + 31 * MINUTE).await;
        assert!(ready.runs(&share).await.is_empty(), "the other one is not over");
        hub.remove_blackout(actor, id("Lunch")).await.expect("is removed");
        ready.at(NOON + 32 * MINUTE).await;
        assert_eq!(ready.runs(&share).await.len(), 1);
    }
}

#[tokio::test]
async fn the_calendar_shows_the_runs_of_each_share_however_many_there_are() {
    for ready in ready().await {
        let (hub, actor) = (&ready.stage.hub, &ready.actor);
        let share = ready.scheduled("First", once()).await;
        let audience = hub.share(actor, &share).await.expect("reads").audience.id;
        // More than any list shows, all changed after it.
        ready.stage.clock.advance(Duration::from_secs(1));
        for _ in 0..501 {
            hub.start_share(actor, &audience).await.expect("starts");
        }
        let of = async |endpoint: Option<EndpointId>| {
            let query = CalendarQuery { zone: "Europe/Berlin".to_owned(), endpoint, ..CalendarQuery::default() };
            let view = hub.calendar(actor, &query).await.expect("shows");
            assert!(!view.is_cut);
            view.days.into_iter().flat_map(|day| day.entries).map(|entry| entry.share_id).collect::<Vec<_>>()
        };
        assert_eq!(of(None).await, std::slice::from_ref(&share));
        assert_eq!(of(Some(ready.endpoint.parse().expect("an id"))).await, std::slice::from_ref(&share));
        let slot = ready.schedule(&share).await.preview.next[0].slot;
        hub.occurrence(actor, &share, slot, "UTC").await.expect("has a page");
    }
}

#[tokio::test]
async fn holidays_are_read_from_a_calendar_file_once() {
    let event = |text: &str| format!("BEGIN:VEVENT\r\nDTSTAMP:20260101T000000Z\r\n{text}\r\nEND:VEVENT\r\n");
    let file = format!(
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Test//EN\r\n{}{}{}END:VCALENDAR\r\n",
        event("UID:1\r\nDTSTART;VALUE=DATE:20261225\r\nDTEND;VALUE=DATE:20261227\r\nSUMMARY:Christmas"),
        event("UID:2\r\nDTSTART:20261231T170000Z\r\nDTEND:20270101T050000Z\r\nSUMMARY:New Year's Eve"),
        event("UID:3\r\nDTSTART;VALUE=DATE:20261003\r\nRRULE:FREQ=YEARLY\r\nSUMMARY:Every year"),
    );
    for ready in ready().await {
        let (hub, actor) = (&ready.stage.hub, &ready.actor);
        let read = hub.add_blackouts_of_calendar(actor, &file, "Europe/Berlin").await.expect("reads");
        assert_eq!((read.added, read.known, read.left_out), (2, 0, 1));
        let again = hub.add_blackouts_of_calendar(actor, &file, "Europe/Berlin").await.expect("reads");
        assert_eq!((again.added, again.known), (0, 2));
        let all = hub.blackouts(actor).await.expect("lists");
        assert_eq!(
            all.iter().map(|view| view.words.as_str()).collect::<Vec<_>>(),
            [
                "Friday 25 December 2026 to Saturday 26 December 2026, all day (Europe/Berlin)",
                "Thursday 31 December 2026, 17:00 to 05:00 (UTC)"
            ]
        );
        for wrong in ["", "Dear all,", "BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n"] {
            let error = hub.add_blackouts_of_calendar(actor, wrong, "UTC").await.expect_err("is refused");
            assert!(error.problem_of("file").is_some(), "{error:?}");
        }
        let bob = admin(hub, "bob@example.org").await;
        assert!(hub.blackouts(&bob).await.expect("lists").is_empty());
        assert!(hub.remove_blackout(&bob, &all[0].id).await.is_err());
    }
}

#[tokio::test]
async fn the_calendar_shows_every_share_and_its_feed_can_be_taken_back() {
    for ready in ready().await {
        let (hub, actor) = (&ready.stage.hub, &ready.actor);
        let share = ready.scheduled("New", minutes(120)).await;
        ready.at(NOON).await;
        ready.end_runs(&share).await;
        let query = |span| CalendarQuery { span, zone: "Europe/Berlin".to_owned(), ..CalendarQuery::default() };
        let month = hub.calendar(actor, &query(CalendarSpan::Month)).await.expect("shows");
        assert_eq!((month.title.as_str(), month.days.len()), ("November 2026", 42));
        let today = month.days.iter().find(|day| day.day == month.today).expect("today");
        assert!(matches!(&today.entries[0].what, EntryKind::Run { state: RunState::Canceled, .. }), "{today:?}");
        assert_eq!(today.entries[1].time, "15:00");
        assert!(matches!(&today.entries[1].what, EntryKind::Planned { .. }));
        let week = hub.calendar(actor, &query(CalendarSpan::Week)).await.expect("shows");
        assert_eq!((week.title.as_str(), week.days.len()), ("23 to 29 November 2026", 7));
        let agenda = hub.calendar(actor, &query(CalendarSpan::Agenda)).await.expect("shows");
        assert_eq!(agenda.days.len(), 30);
        let planned = CalendarQuery { outcome: "planned".to_owned(), ..query(CalendarSpan::Week) };
        let view = hub.calendar(actor, &planned).await.expect("shows");
        let mut shown = view.days.iter().flat_map(|day| &day.entries);
        assert!(shown.all(|entry| matches!(entry.what, EntryKind::Planned { .. })));

        assert!(!hub.has_calendar_feed(actor).await.expect("answers"));
        let token = hub.renew_calendar_feed(actor).await.expect("makes one");
        let text = hub.calendar_feed(&token).await.expect("answers").expect("is somebody's");
        let read: icalendar::Calendar = text.parse().expect("is a calendar");
        assert!(read.components.len() > 100, "{}", read.components.len());
        assert!(text.contains("SUMMARY:Planned: North to CRM"));
        assert!(text.contains("SUMMARY:Canceled: North to CRM"));
        let newer = hub.renew_calendar_feed(actor).await.expect("makes one");
        assert!(hub.calendar_feed(&token).await.expect("answers").is_none(), "the old address has ended");
        assert!(hub.calendar_feed(&newer).await.expect("answers").is_some());
        hub.end_calendar_feed(actor).await.expect("ends");
        assert!(hub.calendar_feed(&newer).await.expect("answers").is_none());
        let bob = admin(hub, "bob@example.org").await;
        let view = hub.calendar(&bob, &query(CalendarSpan::Month)).await.expect("shows");
        assert!(view.days.iter().all(|day| day.entries.is_empty()));
        let slot = ready.schedule(&share).await.preview.next[0].slot;
        assert!(hub.occurrence(actor, &share, slot, "UTC").await.is_ok());
        assert!(hub.occurrence(&bob, &share, slot, "UTC").await.is_err());
    }
}
