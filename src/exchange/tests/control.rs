//! Who is worked for when: runs that wait for an endpoint that is down or slow, that let others go on, and that a person lets rest.

use std::{sync::Arc, time::Duration};

use model::{
    error::HubError,
    run::{FailureCode, Mode, RunState},
};
use sqlx::Row;

use super::{
    consumer::Temper,
    producer::Manner,
    scene::{Scene, people_csv, settings},
};
use crate::{
    exchange::{ExchangeSettings, circuit},
    store::{Clock, ManualClock, SystemClock},
};

const SOON: Duration = Duration::from_secs(10);

/// One place to work in; who waits leaves it at once.
fn one_place() -> ExchangeSettings {
    let mut settings = settings(Duration::from_secs(3600));
    settings.worker_slots = 1;
    settings.small_run_slots = 0;
    settings.put_aside = Duration::from_millis(1);
    settings.retry.max_retries = u32::MAX;
    settings
}

fn people(rows: usize) -> Manner {
    Manner { data: vec![people_csv(rows)], ..Manner::default() }
}

#[tokio::test]
async fn a_run_to_an_endpoint_that_is_down_does_not_keep_others_from_theirs() {
    let mut scene = Scene::with_settings(people(6), Temper::default(), one_place()).await;
    scene.stop_consumer();
    let waits = scene.enqueue(scene.plan(Mode::Replace)).await;
    // So often that the circuit is open by now.
    scene.wait_until(SOON, async || scene.view(&waits).await.retries >= 8).await;
    let (consumer, _served, plan) = scene.another_consumer("Lighthouse Ads", Mode::Replace).await;
    let other = scene.enqueue(plan).await;
    assert_eq!(scene.settle(&other).await.summary.state, RunState::Complete);
    assert_eq!(consumer.segment("seg-1").len(), 6);
    let view = scene.view(&waits).await;
    assert_eq!(view.summary.state, RunState::Delivering);
    assert!(view.waiting.is_some_and(|waiting| waiting.starts_with("Waiting for Beacon Mail: ")));

    scene.start_consumer().await;
    let view = scene.settle(&waits).await;
    assert_eq!(view.summary.state, RunState::Complete, "{view:?}");
    assert_eq!(scene.consumer.segment("seg-1").len(), 6);
    assert_eq!(scene.producer.downloads(), 2, "what was read whole is not read again");
    assert!(view.timeline.iter().any(|entry| entry.message == "Beacon Mail answers again."), "{:?}", view.timeline);
}

#[tokio::test]
async fn a_run_that_was_put_aside_is_given_up_when_its_patience_ends() {
    let mut settings = one_place();
    settings.retry.max_elapsed = Duration::from_millis(400);
    let mut scene = Scene::with_settings(people(6), Temper::default(), settings).await;
    scene.stop_consumer();
    let view = scene.share_and_settle(Mode::Replace).await;
    assert_eq!(view.summary.state, RunState::Failed);
    assert!(view.retries >= 3, "{view:?}");
    scene.start_consumer().await;
    let view = scene.retry_and_settle(&view.summary.id).await;
    assert_eq!(view.summary.state, RunState::Complete, "patience begins anew: {view:?}");
}

#[tokio::test]
async fn a_source_that_takes_its_time_is_asked_now_and_then_and_holds_no_place() {
    let mut scene =
        Scene::with_settings(Manner { pending_polls: 12, ..people(6) }, Temper::default(), one_place()).await;
    let run_id = scene.enqueue(scene.plan(Mode::Add)).await;
    scene.wait_until(SOON, async || scene.view(&run_id).await.waiting.is_some()).await;
    let view = scene.view(&run_id).await;
    assert_eq!(view.waiting.as_deref(), Some("Waiting for Harbor CRM, which is at work on its job."));
    // A worker that comes later goes on with the same job.
    scene.stop_worker().await;
    scene.start_worker_with(one_place()).await;
    assert_eq!(scene.settle(&run_id).await.summary.state, RunState::Complete);
    assert_eq!(scene.producer.downloads(), 1);
}

#[tokio::test]
async fn a_source_whose_counts_stay_wrong_is_read_again_only_so_often_however_slow_it_is() {
    let manner = Manner { declares: Some(5), pending_polls: 12, ..people(3) };
    let scene = Scene::with_settings(manner, Temper::default(), one_place()).await;
    let view = scene.share_and_settle(Mode::Add).await;
    assert_eq!(view.summary.state, RunState::Failed);
    let failure = view.failure.expect("says why");
    assert_eq!(failure.code, FailureCode::SourceMismatch, "{failure:?}");
    assert_eq!(scene.producer.downloads(), 2, "it is read again once");
    // A person's retry begins anew.
    scene.producer.change(|manner| manner.pending_polls = 0);
    let view = scene.retry_and_settle(&view.summary.id).await;
    assert_eq!(view.failure.expect("says why").code, FailureCode::SourceMismatch);
    assert_eq!(scene.producer.downloads(), 4);
}

#[tokio::test]
async fn a_destination_has_all_its_patience_however_long_the_export_and_the_sending_took() {
    let clock = Arc::new(ManualClock::at(SystemClock.now_ms()));
    let mut settings = settings(Duration::from_secs(7 * 24 * 3600));
    // Whoever is asked about a job and is not done has the run put aside at once; a call that fails is made again in place.
    settings.put_aside = Duration::from_millis(30);
    settings.job_poll = settings.put_aside;
    let temper = Temper { finishing_polls: 2, takes_and_hangs: 1, ..Temper::default() };
    let mut scene = Scene::new(Manner { pending_polls: 2, ..people(6) }, temper).await;
    scene.stop_worker().await;
    scene.start_worker_at(settings, clock.clone()).await;
    let run_id = scene.enqueue(scene.plan(Mode::Add)).await;
    let waits_for = async |name: &str| {
        let waiting = scene.view(&run_id).await.waiting;
        waiting.is_some_and(|waiting| waiting.starts_with(&format!("Waiting for {name}, which is at work")))
    };
    scene.wait_until(SOON, async || waits_for("Harbor CRM").await).await;
    clock.advance(Duration::from_secs(60));
    scene.wait_until(SOON, async || scene.consumer.puts().0 > 0).await;
    // Longer than a destination may take; but it was not asked to finish yet.
    clock.advance(Duration::from_secs(2 * 3600));
    scene
        .wait_until(SOON, async || waits_for("Beacon Mail").await || scene.view(&run_id).await.failure.is_some())
        .await;
    let failure = scene.view(&run_id).await.failure;
    assert!(failure.is_none(), "{failure:?}");
    scene.consumer.finish_now();
    clock.advance(Duration::from_secs(60));
    assert_eq!(scene.settle(&run_id).await.summary.state, RunState::Complete);
}

#[tokio::test]
async fn a_run_that_waited_for_a_circuit_has_all_its_retries_afterwards() {
    let mut settings = one_place();
    settings.retry.max_elapsed = Duration::from_secs(2);
    // So long may a circuit be open.
    settings.retry.max_delay = Duration::from_secs(3600);
    let scene =
        Scene::with_settings(Manner { pending_polls: u32::MAX, ..people(6) }, Temper::default(), settings).await;
    let database = scene.hub.database();
    sqlx::query("insert into circuit (endpoint_id, failures, open_until) values ($1, 5, $2)")
        .bind(scene.producer_id.as_str())
        .bind(scene.hub.now_ms() + 3_000_000)
        .execute(database.writer())
        .await
        .expect("opens");
    let run_id = scene.enqueue(scene.plan(Mode::Add)).await;
    let says = async |what: &str| scene.view(&run_id).await.waiting.is_some_and(|waiting| waiting.contains(what));
    scene.wait_until(SOON, async || says("its last 5 calls failed").await).await;
    let is_aside = async || {
        let sql = "select count(*) as many from run where lease_owner is null";
        let row = sqlx::query(sql).fetch_one(database.reader()).await.expect("is counted");
        row.get::<i64, _>("many") == 1
    };
    scene.wait_until(SOON, is_aside).await;
    let begun = scene.hub.now_ms();
    // As a call of another run does that succeeds.
    circuit::close(database, &scene.producer_id).await.expect("closes");
    scene.hub.wake_workers();
    scene.wait_until(SOON, async || says("at work on its job").await).await;
    scene.wait_until(SOON, async || scene.hub.now_ms() > begun + 2_100).await;
    scene.producer.change(|manner| manner.unavailable = 1);
    scene
        .wait_until(SOON, async || {
            scene.view(&run_id).await.retries >= 2 || scene.view(&run_id).await.failure.is_some()
        })
        .await;
    scene.producer.change(|manner| manner.pending_polls = 0);
    let view = scene.settle(&run_id).await;
    assert_eq!(view.summary.state, RunState::Complete, "{:?}", view.failure);
}

#[tokio::test]
async fn a_long_run_lets_one_that_waits_go_on_and_comes_back_for_the_rest() {
    let mut settings = one_place();
    settings.turn = Duration::ZERO;
    let scene = Scene::with_settings(people(300), Temper::default(), settings).await;
    let mut plan = scene.plan(Mode::Add);
    plan.destination.delivery.rows_per_part = Some(1);
    let long = scene.enqueue(plan).await;
    scene.wait_until(SOON, async || scene.view(&long).await.parts_acknowledged > 0).await;
    let (consumer, _served, plan) = scene.another_consumer("Lighthouse Ads", Mode::Add).await;
    let short = scene.enqueue(plan).await;
    assert_eq!(scene.settle(&short).await.summary.state, RunState::Complete);
    let state = scene.view(&long).await.summary.state;
    assert_eq!(state, RunState::Delivering, "the short one did not wait for the end of the long one");
    assert_eq!(consumer.segment("seg-1").len(), 300);
    assert_eq!(scene.settle(&long).await.summary.state, RunState::Complete);
    assert_eq!(scene.consumer.puts(), (300, 300), "each part was sent once");
    scene.receipt(&long).await.check().expect("adds up");
}

#[tokio::test]
async fn a_paused_run_rests_until_it_is_resumed() {
    let temper = Temper { too_many: Some((u32::MAX, 0)), ..Temper::default() };
    let mut scene = Scene::with_settings(people(6), temper, one_place()).await;
    let run_id = scene.enqueue(scene.plan(Mode::Replace)).await;
    scene.wait_until(SOON, async || scene.view(&run_id).await.retries > 0).await;
    scene.hub.pause_run(&scene.actor, &run_id).await.expect("may rest");
    scene.consumer.change(|temper| temper.too_many = None);
    // Once the worker has ended in order, nothing of it is under way; the next one leaves it alone.
    scene.stop_worker().await;
    let before = scene.consumer.puts();
    scene.start_worker_with(one_place()).await;
    let (_, _served, plan) = scene.another_consumer("Lighthouse Ads", Mode::Add).await;
    let other = scene.enqueue(plan).await;
    assert_eq!(scene.settle(&other).await.summary.state, RunState::Complete, "others go on");
    let view = scene.view(&run_id).await;
    assert!(view.paused);
    assert_eq!(scene.consumer.puts(), before);
    assert!(scene.consumer.segment("seg-1").is_empty());

    scene.hub.resume_run(&scene.actor, &run_id).await.expect("may go on");
    let view = scene.settle(&run_id).await;
    assert_eq!((view.summary.state, view.paused), (RunState::Complete, false));
    assert_eq!(scene.consumer.segment("seg-1").len(), 6);
    let said: Vec<&str> = view.timeline.iter().map(|entry| entry.message.as_str()).collect();
    assert!(
        said.contains(&"Paused by Ann. What was acknowledged stays.") && said.contains(&"Resumed by Ann."),
        "{said:?}"
    );
    let refused = scene.hub.pause_run(&scene.actor, &run_id).await.expect_err("has ended");
    assert!(matches!(refused, HubError::Conflict { message } if message.contains("under way")));
}

#[tokio::test]
async fn a_paused_run_can_be_called_off() {
    let temper = Temper { too_many: Some((u32::MAX, 0)), ..Temper::default() };
    let scene = Scene::with_settings(people(6), temper, one_place()).await;
    let run_id = scene.enqueue(scene.plan(Mode::Replace)).await;
    scene.wait_until(SOON, async || scene.view(&run_id).await.retries > 0).await;
    scene.hub.pause_run(&scene.actor, &run_id).await.expect("may rest");
    scene.hub.cancel_run(&scene.actor, &run_id).await.expect("may be called off");
    let view = scene.settle(&run_id).await;
    assert_eq!((view.summary.state, view.paused), (RunState::Canceled, false));
    assert!(scene.consumer.segment("seg-1").is_empty());
}
