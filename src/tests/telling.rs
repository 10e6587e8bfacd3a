//! Telling people: each condition once when it comes and once when it is well again, by a clock that is moved; and deliveries that get there, once
//! each, whatever dies or is away.

use std::time::Duration;

use axum::http::StatusCode;
use model::{
    alert::{Alert, AlertEvent, AlertEventKind, AlertForm, AlertRules, Channel, Condition, DeliveryState},
    error::HubError,
    id::{RunId, ShareId},
    mapping::{Link, Mapping, Source},
    recurrence::ScheduleForm,
    run::{Failure, FailureCode, Hold, Mode, RunState, ShrinkLimit},
    view::{Actor, AudienceQuery, ChooseDestination, CredentialEndView, DestinationSegment, Role},
};

use super::{
    NOON, Stage, admin,
    application::{Application, segment},
    connected, stages,
    webhooks::Receiver,
};
use crate::{hub::Hub, store::Clock};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);
const DAY_MS: i64 = 86_400_000;
const ADDRESS: &str = "https://usher.example";

/// A share, and nobody who works: what becomes of its runs is written into their rows.
struct Watched {
    stage: Stage,
    actor: Actor,
    share: ShareId,
    endpoint: model::id::EndpointId,
    _application: Application,
}

impl Watched {
    async fn on(stage: Stage) -> Self {
        let actor = admin(&stage.hub, "ann@example.org").await;
        let application = Application::start(vec![segment("1", "North")]).await;
        let endpoint = connected(&stage.hub, &actor, "CRM", &application.url).await;
        let query = AudienceQuery { page: 1, ..AudienceQuery::default() };
        let audience = stage.hub.audiences(&actor, &query).await.expect("searches").items.remove(0);
        let share = stage.hub.start_share(&actor, &audience.id).await.expect("starts");
        let choice = ChooseDestination {
            endpoint_id: endpoint.to_string(),
            segment: DestinationSegment::New { name: "News".to_owned() },
            mode: Mode::Add,
        };
        stage.hub.choose_destination(&actor, &share, choice).await.expect("fits");
        let source = Source::Field { name: "email".to_owned() };
        let link = Link { target: "email".to_owned(), source, transforms: Vec::new() };
        stage.hub.save_mapping(&actor, &share, Mapping { links: vec![link] }).await.expect("saves");
        Self { stage, actor, share, endpoint, _application: application }
    }

    fn hub(&self) -> &Hub {
        &self.stage.hub
    }

    async fn run(&self) -> RunId {
        self.hub().share_now(&self.actor, &self.share).await.expect("is asked for")
    }

    /// Writes down what became of a run.
    async fn becomes(&self, run: &RunId, state: RunState, (read, rejected): (u64, u64)) {
        self.stage.clock.advance(Duration::from_millis(1));
        let now = self.stage.clock.now_ms();
        let failure = Failure {
            code: FailureCode::EndpointTimeout,
            message: "CRM did not answer in time.".to_owned(),
            retryable: true,
        };
        let hold = Hold { before: 1_000, after: 100, limit: ShrinkLimit::default() };
        let mut transaction = self.hub().database().begin().await.expect("begins");
        sqlx::query(
            "update run set state = $1, finished_at = $2, failure = $3, hold = $4, rows_read = $5, rows_rejected = $6, rows_valid = $5 - $6
             where id = $7",
        )
        .bind(state.as_str())
        .bind(state.is_final().then_some(now))
        .bind((state == RunState::Failed).then(|| serde_json::to_string(&failure).expect("JSON")))
        .bind((state == RunState::Held).then(|| serde_json::to_string(&hold).expect("JSON")))
        .bind(i64::try_from(read).expect("fits"))
        .bind(i64::try_from(rejected).expect("fits"))
        .bind(run.as_str())
        .execute(&mut *transaction)
        .await
        .expect("is written");
        crate::telling::look(&mut transaction, now, &self.actor.account_id, &self.share).await.expect("is noted");
        transaction.commit().await.expect("commits");
    }

    /// A run that ended so, looked at.
    async fn ended(&self, state: RunState, rows: (u64, u64)) -> RunId {
        let run = self.run().await;
        self.becomes(&run, state, rows).await;
        self.look().await;
        run
    }

    async fn look(&self) {
        self.hub().look_at_due().await.expect("looks");
    }

    async fn open(&self) -> Vec<(Condition, String)> {
        let page = self.hub().alerts(&self.actor).await.expect("lists");
        let open = page.items.into_iter().filter(|alert| alert.closed_at.is_none());
        open.map(|alert| (alert.condition, alert.cause)).collect()
    }

    async fn only(&self) -> Alert {
        let mut page = self.hub().alerts(&self.actor).await.expect("lists");
        assert_eq!(page.items.len(), 1, "{:?}", page.items);
        page.items.remove(0)
    }

    /// A program that is told, with the secret it knows.
    async fn told(&self, receiver: &Receiver) -> (model::id::AlertWebhookId, String) {
        let id = self.hub().add_alert_webhook(&self.actor, &receiver.url).await.expect("may be told");
        let secret = self.hub().renew_alert_secret(&self.actor, &id).await.expect("is made").0;
        (id, secret)
    }

    async fn deliver(&self) -> usize {
        self.hub().deliver_due_alerts(ADDRESS).await
    }
}

async fn watched() -> Vec<Watched> {
    let mut watched = Vec::new();
    for stage in stages().await {
        watched.push(Watched::on(stage).await);
    }
    watched
}

fn event(message: &super::webhooks::Message) -> AlertEvent {
    serde_json::from_slice(&message.body).expect("is an event")
}

#[tokio::test]
async fn a_failure_is_told_once_and_so_is_its_end() {
    for watched in watched().await {
        let receiver = Receiver::start().await;
        let (_, secret) = watched.told(&receiver).await;
        let first = watched.ended(RunState::Failed, (0, 0)).await;
        assert_eq!(watched.deliver().await, 1);
        let opened = receiver.messages().remove(0);
        assert!(opened.is_signed_with(&secret));
        let told = event(&opened);
        assert_eq!((told.kind, told.data.condition), (AlertEventKind::Opened, Some(Condition::Failed)));
        assert_eq!(told.data.cause, "CRM did not answer in time.");
        assert_eq!(told.data.link, format!("{ADDRESS}/runs/{first}"));
        assert_eq!(told.data.subject.as_ref().map(model::alert::Subject::name), Some("North to CRM"));

        let second = watched.ended(RunState::Failed, (0, 0)).await;
        assert_eq!(watched.deliver().await, 0, "it fails as before: nobody is told again");
        assert_eq!(watched.only().await.run_id, Some(second.clone()), "the page leads to the run of now");

        // Trying again mends nothing before it ended well.
        watched.hub().retry_run(&watched.actor, &second).await.expect("is tried again");
        watched.look().await;
        assert_eq!(watched.open().await.len(), 1);
        watched.becomes(&second, RunState::Canceled, (0, 0)).await;
        watched.look().await;
        assert_eq!((watched.open().await.len(), watched.deliver().await), (1, 0));

        watched.ended(RunState::Complete, (10, 0)).await;
        assert_eq!(watched.deliver().await, 1);
        let closed = receiver.messages().remove(0);
        assert_ne!(closed.id, opened.id);
        let recovered = event(&closed);
        assert_eq!((recovered.kind, recovered.data.alert_id), (AlertEventKind::Recovered, told.data.alert_id));
        assert!(watched.open().await.is_empty());
        watched.ended(RunState::Complete, (10, 0)).await;
        assert_eq!(watched.deliver().await, 0);

        watched.ended(RunState::Failed, (0, 0)).await;
        assert_eq!(watched.deliver().await, 1, "and again when it fails anew");
    }
}

#[tokio::test]
async fn two_processes_that_look_at_once_tell_once() {
    for watched in watched().await {
        let receiver = Receiver::start().await;
        watched.told(&receiver).await;
        let other = watched.stage.another().await;
        let run = watched.run().await;
        watched.becomes(&run, RunState::Failed, (0, 0)).await;
        let (one, two) = tokio::join!(watched.hub().look_at_due(), other.look_at_due());
        one.expect("looks");
        two.expect("looks");
        assert_eq!(watched.open().await.len(), 1);
        let (one, two) = tokio::join!(watched.deliver(), other.deliver_due_alerts(ADDRESS));
        assert_eq!((one + two, receiver.messages().len()), (1, 1));
    }
}

#[tokio::test]
async fn rejects_are_told_beyond_the_limit_of_the_share_or_the_account() {
    for watched in watched().await {
        watched.ended(RunState::CompleteWithRejects, (100, 10)).await;
        assert!(watched.open().await.is_empty(), "10 % is within the limit");
        let run = watched.ended(RunState::CompleteWithRejects, (100, 11)).await;
        let alert = watched.only().await;
        assert_eq!(
            (alert.condition, alert.cause.as_str()),
            (Condition::Rejects, "11 of 100 rows were left out (11 %).")
        );
        assert_eq!(alert.page(), format!("/runs/{run}"));
        let own = AlertForm { reject_rows: "20".to_owned(), ..AlertForm::default() };
        watched.hub().set_share_alert_rules(&watched.actor, &watched.share, Some(&own)).await.expect("is set");
        watched.look().await;
        assert!(watched.open().await.is_empty(), "by the share's own rule it is well");
        watched.ended(RunState::Failed, (0, 0)).await;
        assert!(watched.open().await.is_empty(), "its own rules stand in place of the account's, not beside them");
        let view = watched.hub().share_alerts(&watched.actor, &watched.share).await.expect("reads");
        assert_eq!((view.name.as_str(), view.changed.is_some()), ("North to CRM", true));
        watched.hub().set_share_alert_rules(&watched.actor, &watched.share, None).await.expect("is set");
        watched.look().await;
        let conditions: Vec<Condition> = watched.open().await.into_iter().map(|(condition, _)| condition).collect();
        assert_eq!(conditions.len(), 2, "{conditions:?}");
    }
}

#[tokio::test]
async fn no_open_alert_is_out_of_reach_however_many_there_are() {
    for watched in watched().await {
        watched.ended(RunState::Failed, (0, 0)).await;
        let first = watched.only().await;
        // A cause that befell many others after it.
        let columns = "account_id, share_id, subject_name, condition, cause";
        for number in 0..70 {
            sqlx::query(sqlx::AssertSqlSafe(format!(
                "insert into alert (id, subject, opened_at, {columns}) select $1, $2, opened_at + $3, account_id, null, subject_name, condition, cause
                 from alert where id = $4"
            )))
            .bind(crate::store::new_id::<model::id::AlertId>(model::id::AlertId::PREFIX).to_string())
            .bind(format!("other {number}"))
            .bind(number + 1_i64)
            .bind(first.id.as_str())
            .execute(watched.hub().database().writer())
            .await
            .expect("writes");
        }
        sqlx::query("update alert set endpoint_id = $1 where share_id is null")
            .bind(watched.endpoint.as_str())
            .execute(watched.hub().database().writer())
            .await
            .expect("writes");
        let of_share = watched.hub().share_alerts(&watched.actor, &watched.share).await.expect("reads").open;
        assert_eq!(of_share.iter().map(|alert| &alert.id).collect::<Vec<_>>(), [&first.id]);
        let page = watched.hub().alerts(&watched.actor).await.expect("lists");
        assert_eq!((page.items.len(), page.open, page.is_cut), (71, 71, false));
        assert!(page.items.iter().any(|alert| alert.id == first.id));
    }
}

#[tokio::test]
async fn what_is_held_is_told_until_somebody_decided() {
    for watched in watched().await {
        let run = watched.run().await;
        watched.becomes(&run, RunState::Held, (100, 0)).await;
        watched.look().await;
        let alert = watched.only().await;
        assert_eq!((alert.condition, alert.run_id.as_ref()), (Condition::Held, Some(&run)));
        assert!(alert.cause.contains("900 of 1\u{202f}000 members out of “News”"), "{}", alert.cause);
        watched.hub().approve_run(&watched.actor, &run, "It is right.").await.expect("is approved");
        watched.look().await;
        assert!(watched.open().await.is_empty());
        assert_eq!(watched.hub().unread_alerts(&watched.actor).await, Ok(2), "that it came, and that it went");
    }
}

#[tokio::test]
async fn a_run_that_takes_too_long_is_late_until_it_ends() {
    for watched in watched().await {
        let run = watched.run().await;
        watched.stage.clock.advance(MINUTE);
        watched.look().await;
        watched.stage.clock.advance(MINUTE * 59 - Duration::from_millis(1));
        watched.look().await;
        assert!(watched.open().await.is_empty());
        watched.stage.clock.advance(Duration::from_millis(1));
        watched.look().await;
        let alert = watched.only().await;
        assert_eq!((alert.condition, alert.run_id.as_ref()), (Condition::Late, Some(&run)));
        assert_eq!(alert.cause, "The run of Monday 23 November 2026 at 12:00 UTC has not ended within 60 minutes.");
        watched.becomes(&run, RunState::Complete, (10, 0)).await;
        watched.look().await;
        assert!(watched.open().await.is_empty());
    }
}

#[tokio::test]
async fn a_slot_that_does_not_begin_is_late_until_it_does() {
    for watched in watched().await {
        let form = ScheduleForm {
            kind: "once".to_owned(),
            once_day: "2026-11-23".to_owned(),
            once_time: "13:30".to_owned(),
            ..ScheduleForm::fresh("Europe/Berlin")
        };
        watched.hub().save_schedule(&watched.actor, &watched.share, &form).await.expect("keeps");
        watched.hub().start_schedule(&watched.actor, &watched.share).await.expect("starts");
        watched.look().await;
        // Nobody keeps schedules here until it is told to.
        watched.stage.clock.set(NOON + 90 * 60_000 - 1);
        watched.look().await;
        assert!(watched.open().await.is_empty());
        watched.stage.clock.set(NOON + 90 * 60_000);
        watched.look().await;
        let open = watched.open().await;
        assert_eq!(open.len(), 1);
        assert_eq!(open[0].1, "The run of Monday 23 November 2026 at 12:30 UTC has not begun within 60 minutes.");
        watched.hub().run_due().await.expect("begins");
        watched.stage.clock.advance(MINUTE * 2);
        watched.look().await;
        assert!(watched.open().await.is_empty(), "it makes up for it");
    }
}

/// At noon (UTC) of each day, from the first to the last.
fn at_noon_until(last: &str) -> ScheduleForm {
    ScheduleForm {
        kind: "repeats".to_owned(),
        times: "12:00".to_owned(),
        ends: "on".to_owned(),
        ends_on: last.to_owned(),
        ..ScheduleForm::fresh("UTC")
    }
}

#[tokio::test]
async fn the_end_of_a_schedule_is_told_a_week_before_and_so_is_that_it_goes_on() {
    for watched in watched().await {
        let receiver = Receiver::start().await;
        watched.told(&receiver).await;
        let keep = async |form: ScheduleForm| {
            watched.hub().save_schedule(&watched.actor, &watched.share, &form).await.expect("keeps");
        };
        keep(at_noon_until("2026-12-10")).await;
        watched.hub().start_schedule(&watched.actor, &watched.share).await.expect("starts");
        watched.look().await;
        watched.stage.clock.set(NOON + 10 * DAY_MS - 1);
        watched.hub().run_due().await.expect("runs");
        watched.look().await;
        let conditions = async || watched.open().await.into_iter().map(|(condition, _)| condition).collect::<Vec<_>>();
        assert!(!conditions().await.contains(&Condition::Ending), "eight days are more than a week");
        watched.deliver().await;
        receiver.messages();
        // Nobody does anything: it is looked at because the time has come.
        watched.stage.clock.set(NOON + 10 * DAY_MS);
        watched.look().await;
        let open = watched.open().await;
        let (_, cause) = open.iter().find(|(condition, _)| *condition == Condition::Ending).expect("is told");
        assert_eq!(
            cause,
            "The last time of its schedule is Thursday 10 December 2026 at 12:00 (UTC). After it nothing runs by itself any more."
        );
        watched.deliver().await;
        let told: Vec<AlertEvent> = receiver.messages().iter().map(event).collect();
        let told = told.iter().find(|told| told.data.condition == Some(Condition::Ending)).expect("is told of it");
        assert_eq!(told.data.link, format!("{ADDRESS}/shares/{}/when", watched.share));
        assert_eq!(serde_json::to_value(told.data.condition).expect("JSON"), "ending");
        watched.stage.clock.advance(DAY);
        watched.look().await;
        watched.deliver().await;
        let again =
            receiver.messages().iter().map(event).filter(|told| told.data.condition == Some(Condition::Ending)).count();
        assert_eq!(again, 0, "nobody is told twice");

        keep(at_noon_until("2027-12-10")).await;
        watched.look().await;
        assert!(!conditions().await.contains(&Condition::Ending));
        watched.deliver().await;
        let events: Vec<AlertEvent> = receiver.messages().iter().map(event).collect();
        let closed = events.iter().find(|told| told.data.condition == Some(Condition::Ending)).expect("is told of it");
        assert_eq!((closed.kind, &closed.data.alert_id), (AlertEventKind::Recovered, &told.data.alert_id));
        assert_eq!(closed.data.cause, "The last time of its schedule is now Friday 10 December 2027 at 12:00 (UTC).");
    }
}

#[tokio::test]
async fn a_schedule_that_has_ended_stays_open_for_a_week_and_ends_without_a_word() {
    for watched in watched().await {
        let ending = async || {
            let open = watched.open().await;
            open.into_iter().find(|(condition, _)| *condition == Condition::Ending).map(|(_, cause)| cause)
        };
        let save = async |form: ScheduleForm| {
            watched.hub().save_schedule(&watched.actor, &watched.share, &form).await.expect("keeps");
        };
        save(at_noon_until("2026-11-25")).await;
        watched.hub().start_schedule(&watched.actor, &watched.share).await.expect("starts");
        watched.look().await;
        assert!(ending().await.is_some_and(|cause| cause.contains(" is Wednesday 25 November 2026 ")));
        watched.hub().pause_schedule(&watched.actor, &watched.share).await.expect("pauses");
        watched.stage.clock.set(NOON + 2 * DAY_MS + 1);
        watched.hub().resume_schedule(&watched.actor, &watched.share).await.expect("resumes");
        watched.look().await;
        assert!(ending().await.is_some_and(|cause| cause.contains(" was Wednesday 25 November 2026 ")));
        let unread = watched.hub().unread_alerts(&watched.actor).await;
        watched.stage.clock.set(NOON + 9 * DAY_MS);
        watched.look().await;
        assert_eq!(ending().await, None);
        assert_eq!(watched.hub().unread_alerts(&watched.actor).await, unread, "it went as somebody wanted it to");
        let over = watched.hub().alerts(&watched.actor).await.expect("lists").items;
        let over = over.iter().find(|alert| alert.condition == Condition::Ending).expect("is kept");
        assert!(
            over.closed_cause.as_deref().is_some_and(|cause| cause.starts_with("The schedule ended as it was set"))
        );

        // Taken away, it does not end any more.
        save(at_noon_until("2026-12-04")).await;
        watched.look().await;
        assert!(ending().await.is_some());
        watched.hub().remove_schedule(&watched.actor, &watched.share).await.expect("removes");
        watched.look().await;
        assert_eq!(ending().await, None);
        // And who does not want to know is not told; nor is anybody of what goes on, or runs once.
        let mut form = AlertForm::of(&AlertRules::default());
        form.ending_days.clear();
        watched.hub().set_alert_rules(&watched.actor, &form).await.expect("is set");
        save(at_noon_until("2026-12-04")).await;
        watched.look().await;
        assert_eq!(ending().await, None);
        watched.hub().set_alert_rules(&watched.actor, &AlertForm::of(&AlertRules::default())).await.expect("is set");
        watched.look().await;
        assert!(ending().await.is_some());
        for other in [
            ScheduleForm { ends: "never".to_owned(), ..at_noon_until("") },
            ScheduleForm {
                kind: "once".to_owned(),
                once_day: "2026-12-04".to_owned(),
                once_time: "12:00".to_owned(),
                ..ScheduleForm::fresh("UTC")
            },
        ] {
            save(other).await;
            watched.look().await;
            assert_eq!(ending().await, None);
        }
    }
}

#[tokio::test]
async fn an_unusual_size_is_told_and_what_only_looked_is_no_measure() {
    for watched in watched().await {
        for _ in 0..3 {
            watched.ended(RunState::Complete, (100, 0)).await;
        }
        let look = watched.hub().pre_flight(&watched.actor, &watched.share).await.expect("looks");
        watched.becomes(&look, RunState::Checked, (3, 0)).await;
        watched.look().await;
        assert!(watched.open().await.is_empty());
        watched.ended(RunState::Complete, (40, 0)).await;
        let open = watched.open().await;
        assert_eq!(open, [(Condition::Size, "40 rows were read; the 3 runs before read 100 on average.".to_owned())]);
        watched.ended(RunState::Complete, (90, 0)).await;
        assert!(watched.open().await.is_empty());
    }
}

#[tokio::test]
async fn a_credential_that_ends_is_told_in_time_and_until_another_end_is_known() {
    for watched in watched().await {
        let note = async |day: &str| watched.hub().note_credential_end(&watched.actor, &watched.endpoint, day).await;
        for wrong in ["soon", "2026-11-22", "2500-01-01"] {
            assert!(note(wrong).await.is_err_and(|error| error.problem_of("credential_end").is_some()), "{wrong}");
        }
        note("2026-12-31").await.expect("is noted");
        assert!(watched.open().await.is_empty());
        watched.stage.clock.advance(DAY * 25);
        watched.hub().look_at_endings().await.expect("looks");
        let alert = watched.only().await;
        assert_eq!((alert.condition, alert.subject.name()), (Condition::Expiring, "CRM"));
        assert_eq!(alert.cause, "What Usher calls it with ends on Thursday 31 December 2026.");
        watched.stage.clock.advance(DAY * 30);
        watched.hub().look_at_endings().await.expect("looks");
        assert!(watched.only().await.cause.contains("ended on"));
        assert_eq!(watched.hub().unread_alerts(&watched.actor).await, Ok(1), "told once");
        note("2027-12-31").await.expect("is noted");
        assert!(watched.open().await.is_empty());
        let known = async || watched.hub().credential_end(&watched.actor, &watched.endpoint).await.expect("reads");
        assert_eq!(known().await.noted.as_deref(), Some("2027-12-31"));
        note("").await.expect("is forgotten");
        assert_eq!(known().await, CredentialEndView::default());
    }
}

#[tokio::test]
async fn what_nobody_wants_to_know_is_not_told_and_ends_without_a_word() {
    for watched in watched().await {
        watched.ended(RunState::Failed, (0, 0)).await;
        assert_eq!(watched.open().await.len(), 1);
        watched.hub().set_alert_rules(&watched.actor, &AlertForm::default()).await.expect("is set");
        watched.look().await;
        assert!(watched.open().await.is_empty());
        assert_eq!(watched.hub().unread_alerts(&watched.actor).await, Ok(1), "only that it came");
        let settings = watched.hub().alert_settings(&watched.actor).await.expect("reads");
        assert_eq!((settings.rules.phrases().len(), settings.changed.is_some()), (0, true));
        let wrong = AlertForm { late_minutes: "0".to_owned(), ..AlertForm::of(&AlertRules::default()) };
        let refused = watched.hub().set_alert_rules(&watched.actor, &wrong).await;
        assert!(refused.is_err_and(|error| error.problem_of("late_minutes").is_some()));
        watched.hub().set_alert_rules(&watched.actor, &AlertForm::of(&AlertRules::default())).await.expect("is set");
        watched.look().await;
        assert_eq!(watched.open().await.len(), 1, "what is the matter already is told when it is asked for");
    }
}

#[tokio::test]
async fn what_was_read_is_read_by_that_person_only() {
    for watched in watched().await {
        watched.ended(RunState::Failed, (0, 0)).await;
        let page = watched.hub().alerts(&watched.actor).await.expect("lists");
        assert_eq!((page.open, page.unread, page.items[0].is_unread), (1, 1, true));
        watched.hub().read_alerts(&watched.actor, page.until_ms).await.expect("is noted");
        watched.hub().read_alerts(&watched.actor, page.until_ms).await.expect("twice is once");
        assert_eq!(watched.hub().unread_alerts(&watched.actor).await, Ok(0));
        assert!(!watched.only().await.is_unread);
        watched.ended(RunState::Complete, (1, 0)).await;
        assert_eq!(watched.hub().unread_alerts(&watched.actor).await, Ok(1));

        let stranger = admin(watched.hub(), "bob@example.org").await;
        assert_eq!(watched.hub().unread_alerts(&stranger).await, Ok(0));
        assert!(watched.hub().alerts(&stranger).await.expect("lists").items.is_empty());
        let (share, hub) = (&watched.share, watched.hub());
        assert!(matches!(hub.share_alerts(&stranger, share).await, Err(HubError::NotFound { .. })));
        let form = AlertForm::default();
        let set = hub.set_share_alert_rules(&stranger, share, Some(&form)).await;
        assert!(matches!(set, Err(HubError::NotFound { .. })), "{set:?}");
        let noted = hub.note_credential_end(&stranger, &watched.endpoint, "2027-12-31").await;
        assert!(matches!(noted, Err(HubError::NotFound { .. })), "{noted:?}");
    }
}

#[tokio::test]
async fn a_message_that_is_not_taken_comes_again_under_its_id_and_a_dead_process_loses_none() {
    for watched in watched().await {
        let receiver = Receiver::start().await;
        let (id, secret) = watched.told(&receiver).await;
        receiver.will_answer(StatusCode::BAD_GATEWAY, None);
        watched.ended(RunState::Failed, (0, 0)).await;
        assert_eq!(watched.deliver().await, 1);
        assert_eq!(watched.deliver().await, 0, "not at once");
        let log = watched.hub().alert_settings(&watched.actor).await.expect("reads").deliveries;
        assert_eq!((log[0].state, log[0].attempts), (DeliveryState::Waiting, 1));
        assert!(log[0].detail.as_ref().is_some_and(|detail| detail.contains("502")) && log[0].due_at.is_some());
        assert!(!log[0].receiver.contains('?'), "what follows may be a secret: {}", log[0].receiver);

        // A process claims it and dies.
        watched.stage.clock.advance(MINUTE);
        watched.hub().claim_and_die().await;
        assert_eq!(watched.deliver().await, 0, "somebody is at it");
        watched.stage.clock.advance(MINUTE * 2);
        assert_eq!(watched.deliver().await, 1);
        let messages = receiver.messages();
        assert_eq!(messages.len(), 2);
        assert!(messages.iter().all(|message| message.id == messages[0].id && message.is_signed_with(&secret)));
        let log = watched.hub().alert_settings(&watched.actor).await.expect("reads").deliveries;
        assert_eq!(
            (log[0].state, log[0].attempts, log[0].about.as_str()),
            (DeliveryState::Sent, 3, "Failing: North to CRM")
        );

        receiver.will_answer(StatusCode::GONE, None);
        watched.ended(RunState::Complete, (1, 0)).await;
        assert_eq!(watched.deliver().await, 1);
        let settings = watched.hub().alert_settings(&watched.actor).await.expect("reads");
        assert!(settings.webhooks[0].failure.as_ref().is_some_and(|failure| failure.contains("410")));
        watched.ended(RunState::Failed, (0, 0)).await;
        assert_eq!(watched.deliver().await, 0, "it wants no more");
        watched.hub().turn_alert_webhook_on(&watched.actor, &id).await.expect("is turned on");
        watched.ended(RunState::Complete, (1, 0)).await;
        assert_eq!(watched.deliver().await, 1);
    }
}

#[tokio::test]
async fn a_receiver_that_is_away_for_days_is_turned_off() {
    for watched in watched().await {
        let receiver = Receiver::start().await;
        watched.told(&receiver).await;
        for _ in 0..100 {
            receiver.will_answer(StatusCode::INTERNAL_SERVER_ERROR, None);
        }
        watched.ended(RunState::Failed, (0, 0)).await;
        let mut hours = 0;
        let is_on =
            async || watched.hub().alert_settings(&watched.actor).await.expect("reads").webhooks[0].failure.is_none();
        while is_on().await {
            watched.deliver().await;
            watched.stage.clock.advance(HOUR);
            hours += 1;
            assert!(hours < 100, "it is given up at some time");
        }
        assert!((48..=76).contains(&hours), "after about three days: {hours} hours");
        assert!(receiver.messages().len() < 30);
    }
}

#[tokio::test]
async fn for_a_day_messages_are_signed_with_the_secret_before_too() {
    for watched in watched().await {
        let receiver = Receiver::start().await;
        let (id, old) = watched.told(&receiver).await;
        let new = watched.hub().renew_alert_secret(&watched.actor, &id).await.expect("is made").0;
        let test = async || {
            watched.hub().test_alerts(&watched.actor, Channel::Webhook, id.as_str()).await.expect("is written");
            assert_eq!(watched.deliver().await, 1);
            receiver.messages().remove(0)
        };
        let both = test().await;
        assert!(both.is_signed_with(&old) && both.is_signed_with(&new));
        assert_eq!(event(&both).kind, AlertEventKind::Test);
        watched.stage.clock.advance(DAY);
        let one = test().await;
        assert!(!one.is_signed_with(&old) && one.is_signed_with(&new));
        assert_eq!(watched.hub().unread_alerts(&watched.actor).await, Ok(0), "a test is nobody's alert");

        receiver.will_answer(StatusCode::INTERNAL_SERVER_ERROR, None);
        watched.hub().test_alerts(&watched.actor, Channel::Webhook, id.as_str()).await.expect("is written");
        assert_eq!(watched.deliver().await, 1);
        let log = watched.hub().alert_settings(&watched.actor).await.expect("reads").deliveries;
        assert_eq!(log[0].state, DeliveryState::GivenUp, "a test says at once what it met");
    }
}

#[tokio::test]
async fn mail_needs_a_server_and_a_person_of_the_account() {
    for watched in watched().await {
        let (hub, actor) = (watched.hub(), &watched.actor);
        hub.mail_alerts_to(actor, &actor.user_id, true).await.expect("is set");
        watched.ended(RunState::Failed, (0, 0)).await;
        assert_eq!(watched.deliver().await, 1);
        let settings = hub.alert_settings(actor).await.expect("reads");
        assert!(!settings.can_mail && settings.people[0].is_told);
        let log = &settings.deliveries[0];
        assert_eq!((log.state, log.receiver.as_str()), (DeliveryState::GivenUp, "ann@example.org"));
        assert!(log.detail.as_ref().is_some_and(|detail| detail.contains("USHER_SMTP_HOST")));
        let stranger = admin(hub, "bob@example.org").await;
        let told = hub.mail_alerts_to(actor, &stranger.user_id, true).await;
        assert!(matches!(told, Err(HubError::NotFound { .. })), "nobody else can be written to: {told:?}");
    }
}

#[tokio::test]
async fn only_admins_say_what_is_told_to_whom() {
    for watched in watched().await {
        let receiver = Receiver::start().await;
        let (id, _) = watched.told(&receiver).await;
        let hub = watched.hub();
        let member = Actor { role: Role::Member, ..watched.actor.clone() };
        let viewer = Actor { role: Role::Viewer, ..watched.actor.clone() };
        let form = AlertForm::default();
        for actor in [&member, &viewer] {
            let refused = [
                hub.set_alert_rules(actor, &form).await.err(),
                hub.add_alert_webhook(actor, &receiver.url).await.err(),
                hub.remove_alert_webhook(actor, &id).await.err(),
                hub.turn_alert_webhook_on(actor, &id).await.err(),
                hub.renew_alert_secret(actor, &id).await.err(),
                hub.test_alerts(actor, Channel::Webhook, id.as_str()).await.err(),
            ];
            for refused in refused {
                assert!(matches!(refused, Some(HubError::Forbidden { .. })), "{refused:?}");
            }
            let settings = hub.alert_settings(actor).await.expect("reads");
            assert!(settings.webhooks.is_empty() && settings.deliveries.is_empty());
        }
        let refused = hub.set_share_alert_rules(&viewer, &watched.share, Some(&form)).await;
        assert!(matches!(refused, Err(HubError::Forbidden { .. })), "{refused:?}");
        hub.set_share_alert_rules(&member, &watched.share, Some(&form)).await.expect("a member may");
        let stranger = admin(hub, "bob@example.org").await;
        for refused in [
            hub.remove_alert_webhook(&stranger, &id).await.err(),
            hub.renew_alert_secret(&stranger, &id).await.err(),
            hub.test_alerts(&stranger, Channel::Webhook, id.as_str()).await.err(),
        ] {
            assert!(matches!(refused, Some(HubError::NotFound { .. })), "{refused:?}");
        }
        for (url, reason) in [("http://169.254.169.254/", "may not call it"), ("", "begins with https://")] {
            let refused = hub.add_alert_webhook(&watched.actor, url).await.expect_err("is refused");
            assert!(refused.problem_of("url").is_some_and(|problem| problem.contains(reason)), "{refused:?}");
        }
        for _ in 0..4 {
            hub.add_alert_webhook(&watched.actor, &receiver.url).await.expect("may be told");
        }
        assert!(hub.add_alert_webhook(&watched.actor, &receiver.url).await.is_err(), "five are enough");
    }
}

#[tokio::test]
async fn what_is_long_over_is_forgotten_and_what_is_not_stays() {
    for watched in watched().await {
        watched.ended(RunState::Failed, (0, 0)).await;
        watched.ended(RunState::CompleteWithRejects, (10, 5)).await;
        assert_eq!(watched.hub().alerts(&watched.actor).await.expect("lists").items.len(), 2);
        watched.stage.clock.advance(DAY * 91);
        watched.hub().forget_old_alerts().await.expect("forgets");
        assert_eq!(watched.only().await.condition, Condition::Rejects);
        watched.hub().delete_share(&watched.actor, &watched.share).await.expect("is deleted");
        watched.look().await;
        assert!(watched.hub().alerts(&watched.actor).await.expect("lists").items.is_empty());
    }
}
