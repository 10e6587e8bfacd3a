//! Processes end at any moment, with or without a word; the run is finished by whoever comes next, and nobody is doubled.

use std::time::Duration;

use model::{
    contract::JobStatus,
    run::{Mode, RunState},
    view::DestinationSegment,
};

use super::{
    consumer::Temper,
    producer::Manner,
    scene::{Scene, people_csv, settings},
};
use crate::exchange::ExchangeSettings;

#[tokio::test]
async fn a_worker_that_stops_hands_its_run_back_at_once() {
    let manner = Manner { data: vec![people_csv(3)], ..Manner::default() };
    let temper = Temper { too_many: Some((u32::MAX, 3600)), ..Temper::default() };
    let mut scene = Scene::patient(manner, temper).await;
    let run_id = scene.enqueue(scene.plan(Mode::Add)).await;
    scene.wait_until(Duration::from_secs(10), async || scene.view(&run_id).await.waiting.is_some()).await;
    tokio::time::timeout(Duration::from_secs(5), scene.stop_worker()).await.expect("it stops though the run waits");
    assert_eq!(scene.view(&run_id).await.summary.state, RunState::Delivering);
    scene.consumer.change(|temper| temper.too_many = None);
    // The lease is long: only a run that was given back can be taken up.
    scene.start_worker(Duration::from_secs(3600)).await;
    let view = scene.settle(&run_id).await;
    assert_eq!(view.summary.state, RunState::Complete, "{view:?}");
    assert_eq!(scene.consumer.announced().len(), 1, "a job that the destination knows is gone on with");
}

#[tokio::test]
async fn a_worker_that_vanishes_while_sending_is_replaced_and_nobody_is_doubled() {
    let manner = Manner { data: vec![people_csv(40)], ..Manner::default() };
    let mut scene = Scene::with_lease(manner, Temper::default(), Duration::from_millis(300)).await;
    scene.consumer.change(|temper| temper.takes_and_hangs = 3);
    let mut plan = scene.plan(Mode::Replace);
    plan.destination.delivery.rows_per_part = Some(4);
    let run_id = scene.enqueue(plan).await;
    scene.wait_until(Duration::from_secs(10), async || scene.consumer.puts().1 >= 3).await;
    scene.kill_worker().await;
    scene.consumer.change(|temper| temper.takes_and_hangs = 0);
    scene.start_worker(Duration::from_millis(300)).await;
    let view = scene.settle(&run_id).await;
    assert_eq!(view.summary.state, RunState::Complete, "{view:?}");
    assert_eq!(scene.consumer.segment("seg-1").len(), 40);
    assert_eq!(scene.consumer.puts().1, 10, "each part was taken once");
    assert_eq!(scene.producer.downloads(), 1, "what was read whole is not read again");
    scene.receipt(&run_id).await.check().expect("adds up");
}

#[tokio::test]
async fn a_worker_that_vanishes_while_reading_is_replaced_and_the_source_is_read_again() {
    let manner = Manner { data: vec![people_csv(400)], stalls_after: Some(3000), ..Manner::default() };
    let mut scene = Scene::with_lease(manner, Temper::default(), Duration::from_millis(300)).await;
    let mut plan = scene.plan(Mode::Replace);
    plan.destination.delivery.rows_per_part = Some(10);
    let run_id = scene.enqueue(plan).await;
    scene.wait_until(Duration::from_secs(10), async || scene.view(&run_id).await.parts >= 3).await;
    scene.kill_worker().await;
    scene.producer.change(|manner| manner.stalls_after = None);
    scene.start_worker(Duration::from_millis(300)).await;
    let view = scene.settle(&run_id).await;
    assert_eq!(view.summary.state, RunState::Complete, "{view:?}");
    let counts = view.summary.counts;
    assert_eq!((counts.read, counts.acknowledged, view.parts), (400, 400, 40));
    assert_eq!(scene.consumer.segment("seg-1").len(), 400);
    assert_eq!(scene.producer.reports(), [JobStatus::Canceled, JobStatus::Complete], "the first export is called off");
}

#[tokio::test]
async fn a_worker_that_vanishes_while_the_destination_finishes_is_replaced() {
    let manner = Manner { data: vec![people_csv(5)], ..Manner::default() };
    let temper = Temper { finishing_polls: 1_000_000, ..Temper::default() };
    let mut scene = Scene::with_lease(manner, temper, Duration::from_millis(300)).await;
    let run_id = scene.enqueue(scene.plan(Mode::Replace)).await;
    scene
        .wait_until(Duration::from_secs(10), async || scene.view(&run_id).await.summary.state == RunState::Completing)
        .await;
    assert!(scene.hub.cancel_run(&scene.actor, &run_id).await.is_err(), "it is too late to call it off");
    scene.kill_worker().await;
    scene.consumer.finish_now();
    scene.start_worker(Duration::from_millis(300)).await;
    let view = scene.settle(&run_id).await;
    assert_eq!(view.summary.state, RunState::Complete, "{view:?}");
    assert_eq!(scene.consumer.segment("seg-1").len(), 5);
}

#[tokio::test]
async fn whenever_a_worker_vanishes_each_person_is_there_once() {
    for version in (2..40).step_by(4) {
        // Two empty e-mail addresses among them are left out, whatever happens.
        let mut data = people_csv(30);
        data.extend_from_slice(b",Nobody\r\n,Nobody\r\n");
        let manner = Manner { data: vec![data], pending_polls: 2, piece: 100, ..Manner::default() };
        let temper = Temper { finishing_polls: 2, ..Temper::default() };
        let mut scene = Scene::with_lease(manner, temper, Duration::from_millis(150)).await;
        scene.consumer.keep("seg-1", &[("old@example.org", "Old")]);
        let mut plan = scene.plan(Mode::Replace);
        plan.destination.delivery.rows_per_part = Some(4);
        // Every other time into a segment that the destination makes.
        let mut segment = "seg-1";
        if version % 8 == 2 {
            plan.destination.segment = DestinationSegment::New { name: "Fresh".to_owned() };
            segment = "made-fresh";
        }
        let run_id = scene.enqueue(plan).await;
        let reached = async || {
            let view = scene.view(&run_id).await;
            view.version >= version || view.summary.state.is_final()
        };
        scene.wait_until(Duration::from_secs(10), reached).await;
        scene.kill_worker().await;
        scene.start_worker(Duration::from_secs(10)).await;
        let view = scene.settle(&run_id).await;
        assert_eq!(view.summary.state, RunState::CompleteWithRejects, "killed at version {version}: {view:?}");
        assert_eq!(scene.consumer.segment(segment).len(), 30, "killed at version {version}");
        assert_eq!(scene.consumer.puts().1, 8, "killed at version {version}: each part was taken once");
        scene.receipt(&run_id).await.check().expect("adds up");
        assert_eq!(scene.rejects(&run_id).await.iter().filter(|byte| **byte == b'\n').count(), 3);
    }
}

#[tokio::test]
async fn the_parts_of_a_failed_run_are_swept_away_after_a_while_and_a_retry_reads_again() {
    let manner = Manner { data: vec![people_csv(5)], ..Manner::default() };
    let mut scene = Scene::new(manner, Temper::default()).await;
    scene.stop_consumer();
    let run_id = scene.share_and_settle(Mode::Replace).await.summary.id;
    assert!(scene.has_payload(&run_id), "kept for a retry");
    scene.stop_worker().await;
    let forgetful = ExchangeSettings { retention: Duration::ZERO, ..settings(Duration::from_secs(10)) };
    scene.start_worker_with(forgetful).await;
    scene.wait_until(Duration::from_secs(5), async || !scene.has_payload(&run_id)).await;
    scene.start_consumer().await;
    let view = scene.retry_and_settle(&run_id).await;
    assert_eq!(view.summary.state, RunState::Complete, "{view:?}");
    assert_eq!(scene.producer.downloads(), 2);
    assert_eq!(scene.consumer.segment("seg-1").len(), 5);
}

#[tokio::test]
async fn rejects_are_kept_for_the_retention_and_the_receipt_for_ever() {
    let manner =
        Manner { data: vec![b"email,name\r\nann@example.org,Ann\r\nnobody,No\r\n".to_vec()], ..Manner::default() };
    let mut scene = Scene::new(manner, Temper::default()).await;
    let view = scene.share_and_settle(Mode::Add).await;
    let run_id = view.summary.id;
    assert_eq!((view.summary.state, view.has_rejects), (RunState::CompleteWithRejects, true), "{:?}", view.failure);
    let ended = chrono::DateTime::parse_from_rfc3339(&view.summary.finished_at.expect("has ended")).expect("a time");
    let kept = chrono::DateTime::parse_from_rfc3339(&view.kept_until.expect("is kept")).expect("a time");
    assert_eq!((kept - ended).num_days(), 7);
    scene.stop_worker().await;
    let forgetful = ExchangeSettings { retention: Duration::ZERO, ..settings(Duration::from_secs(10)) };
    scene.start_worker_with(forgetful).await;
    scene.wait_until(Duration::from_secs(5), async || !scene.has_payload(&run_id)).await;
    let view = scene.view(&run_id).await;
    assert_eq!((view.has_rejects, view.kept_until), (false, None));
    assert!(scene.hub.rejects(&scene.actor, &run_id, crate::exchange::RejectFilter::default()).await.is_err());
    scene.receipt(&run_id).await.check().expect("adds up");
}
