//! What a run does when its destination is not as it should be: it tries again without doubling anybody, accounts for what was refused,
//! and believes no account that does not add up.

use std::time::Duration;

use model::{
    contract::JobStatus,
    reject::RejectCode,
    run::{FailureCode, Mode, RunState},
    view::{DestinationSegment, RunView},
};

use super::{
    consumer::Temper,
    producer::Manner,
    scene::{Scene, people_csv},
};

fn giving(rows: usize) -> Manner {
    Manner { data: vec![people_csv(rows)], ..Manner::default() }
}

fn code(view: &RunView) -> FailureCode {
    view.failure.as_ref().expect("a failure").code
}

fn message(view: &RunView) -> &str {
    &view.failure.as_ref().expect("a failure").message
}

#[tokio::test]
async fn add_replace_and_remove_do_what_they_say() {
    let scene = Scene::new(giving(3), Temper::default()).await;
    scene.consumer.keep("seg-1", &[("old@example.org", "Old")]);
    let view = scene.share_and_settle(Mode::Add).await;
    assert_eq!(view.summary.state, RunState::Complete, "{view:?}");
    assert_eq!(scene.consumer.segment("seg-1").len(), 4);
    scene.share_and_settle(Mode::Replace).await;
    assert_eq!(scene.consumer.segment("seg-1").len(), 3);
    scene.consumer.keep("seg-1", &[("old@example.org", "Old"), ("person1@example.org", "Person 1")]);
    scene.share_and_settle(Mode::Remove).await;
    assert_eq!(scene.consumer.segment("seg-1"), [("old@example.org".to_owned(), "Old".to_owned())]);
}

#[tokio::test]
async fn a_new_segment_is_made_once() {
    let scene = Scene::new(giving(3), Temper::default()).await;
    let mut plan = scene.plan(Mode::Add);
    plan.destination.segment = DestinationSegment::New { name: "Fresh".to_owned() };
    let view = scene.settle(&scene.enqueue(plan).await).await;
    assert_eq!(view.summary.state, RunState::Complete, "{view:?}");
    assert_eq!(scene.consumer.segments(), ["made-fresh"]);
    assert!(view.timeline.iter().any(|entry| entry.message.contains("made the segment")));
}

#[tokio::test]
async fn parts_are_cut_to_what_the_destination_takes_and_all_arrive() {
    let scene = Scene::new(giving(23), Temper::default()).await;
    let mut plan = scene.plan(Mode::Replace);
    plan.destination.delivery.rows_per_part = Some(4);
    let view = scene.settle(&scene.enqueue(plan).await).await;
    assert_eq!(view.summary.state, RunState::Complete, "{view:?}");
    assert_eq!((view.parts, view.parts_acknowledged), (6, 6));
    assert_eq!(scene.consumer.segment("seg-1").len(), 23);
    let receipt = scene.receipt(&view.summary.id).await;
    receipt.check().expect("adds up");
    assert_eq!(Some(receipt.sha256), view.receipt_sha256);
}

#[tokio::test]
async fn too_many_requests_are_waited_out_as_asked() {
    let scene = Scene::new(giving(3), Temper { too_many: Some((2, 20)), ..Temper::default() }).await;
    let view = scene.share_and_settle(Mode::Add).await;
    assert_eq!((view.summary.state, view.retries), (RunState::Complete, 2), "{view:?}");
    let waited = view.timeline.iter().find(|entry| entry.message.starts_with("Waiting for Beacon Mail"));
    let waited = &waited.expect("an entry").message;
    assert!(waited.contains("429") && waited.contains("asked for 20 s"), "{waited}");
    assert_eq!(scene.consumer.puts(), (3, 1));
}

#[tokio::test]
async fn a_part_that_was_taken_but_not_answered_is_not_doubled() {
    let temper = Temper { takes_and_breaks: 2, takes_and_hangs: 1, ..Temper::default() };
    let scene = Scene::new(giving(20), temper).await;
    let mut plan = scene.plan(Mode::Replace);
    plan.destination.delivery.rows_per_part = Some(5);
    let view = scene.settle(&scene.enqueue(plan).await).await;
    assert_eq!(view.summary.state, RunState::Complete, "{view:?}");
    let (puts, taken) = scene.consumer.puts();
    assert_eq!((puts, taken), (7, 4), "sent again, taken once");
    assert_eq!(scene.consumer.segment("seg-1").len(), 20);
    assert_eq!(view.summary.counts.acknowledged, 20);
}

#[tokio::test]
async fn one_that_restarts_is_waited_for() {
    let temper = Temper { unavailable: 3, finishing_polls: 3, ..Temper::default() };
    let scene = Scene::new(giving(3), temper).await;
    let view = scene.share_and_settle(Mode::Replace).await;
    assert_eq!((view.summary.state, view.retries), (RunState::Complete, 3), "{view:?}");
}

#[tokio::test]
async fn one_that_stays_down_fails_the_run_which_goes_on_where_it_stopped() {
    let mut scene = Scene::new(giving(10), Temper::default()).await;
    scene.consumer.keep("seg-1", &[("old@example.org", "Old")]);
    scene.stop_consumer();
    let view = scene.share_and_settle(Mode::Replace).await;
    assert_eq!((view.summary.state, code(&view)), (RunState::Failed, FailureCode::EndpointUnreachable));
    assert!(view.retries > 0);
    assert_eq!(scene.consumer.segment("seg-1").len(), 1);
    scene.start_consumer().await;
    let view = scene.retry_and_settle(&view.summary.id).await;
    assert_eq!(view.summary.state, RunState::Complete, "{view:?}");
    assert_eq!(scene.producer.downloads(), 1, "the source was not read again");
    assert_eq!(scene.consumer.segment("seg-1").len(), 10);
}

#[tokio::test]
async fn refused_rows_are_in_the_rejects_with_the_destinations_reason() {
    let mut data = people_csv(9);
    data.extend_from_slice(b"\"blocked@example.org\",\"B \"\"quoted\"\", \xc3\xa9\"\r\n,Nobody\r\n");
    let manner = Manner { data: vec![data], ..Manner::default() };
    let scene = Scene::new(manner, Temper { refuses: Some("blocked".to_owned()), ..Temper::default() }).await;
    let view = scene.share_and_settle(Mode::Replace).await;
    assert_eq!(view.summary.state, RunState::CompleteWithRejects, "{view:?}");
    let counts = view.summary.counts;
    assert_eq!((counts.read, counts.valid, counts.rejected), (11, 10, 1));
    assert_eq!((counts.sent, counts.acknowledged, counts.refused), (10, 9, 1));
    let refused = view.left_out.iter().find(|group| group.code == RejectCode::Refused).expect("a group");
    assert_eq!(refused.destination_code.as_deref(), Some("blocked"));
    assert_eq!((refused.field.as_deref(), refused.rows), (Some("email"), 1));
    let rejects = scene.rejects(&view.summary.id).await;
    let rows: Vec<csv::StringRecord> =
        csv::Reader::from_reader(rejects.as_slice()).records().map(|row| row.expect("well-formed")).collect();
    assert_eq!(rows.len(), 2);
    assert_eq!(rows[0], vec!["", "Nobody", "required_empty", "email", &rows[0][4], "12"]);
    let expected = ["blocked@example.org", "B \"quoted\", é", "refused", "email", &rows[1][4], "11"];
    assert_eq!(rows[1], expected.to_vec());
    assert_eq!(&rows[1][4], "The address is on the block list. (blocked)");
    scene.receipt(&view.summary.id).await.check().expect("adds up");
}

#[tokio::test]
async fn an_account_of_a_part_that_does_not_add_up_is_not_believed() {
    let scene = Scene::new(giving(3), Temper { boasts: 1, ..Temper::default() }).await;
    let view = scene.share_and_settle(Mode::Replace).await;
    assert_eq!((view.summary.state, code(&view)), (RunState::Failed, FailureCode::AcknowledgementMismatch));
    assert!(message(&view).contains("part 1"), "{}", message(&view));
    assert_eq!(scene.consumer.reports(), [JobStatus::Failed], "the destination is told");
    assert!(scene.consumer.segment("seg-1").is_empty());
    // It ended the job, so that a retry sends all parts again under a new one.
    scene.consumer.change(|temper| temper.boasts = 0);
    let view = scene.retry_and_settle(&view.summary.id).await;
    assert_eq!(view.summary.state, RunState::Complete, "{view:?}");
    assert_eq!(scene.consumer.announced().len(), 2);
    assert_eq!(scene.consumer.segment("seg-1").len(), 3);
}

#[tokio::test]
async fn an_account_of_the_whole_that_does_not_add_up_is_not_believed() {
    let scene = Scene::new(giving(3), Temper { final_count_wrong: true, ..Temper::default() }).await;
    let view = scene.share_and_settle(Mode::Add).await;
    assert_eq!((view.summary.state, code(&view)), (RunState::Failed, FailureCode::AcknowledgementMismatch));
}

#[tokio::test]
async fn one_that_refuses_parts_for_good_is_quoted() {
    for status in [409, 422] {
        let temper = Temper { rejects_parts: Some((status, "the segment is frozen".to_owned())), ..Temper::default() };
        let scene = Scene::new(giving(3), temper).await;
        let view = scene.share_and_settle(Mode::Add).await;
        assert_eq!((view.summary.state, code(&view)), (RunState::Failed, FailureCode::EndpointFailed));
        assert!(message(&view).contains("the segment is frozen"), "{}", message(&view));
        assert_eq!(view.retries, 0);
        assert_eq!(scene.consumer.reports(), [JobStatus::Failed]);
    }
}

#[tokio::test]
async fn one_that_fails_at_the_end_is_quoted_and_can_be_tried_again() {
    let temper = Temper { fails_at_the_end: Some("disk full".to_owned()), ..Temper::default() };
    let scene = Scene::new(giving(3), temper).await;
    scene.consumer.keep("seg-1", &[("old@example.org", "Old")]);
    let view = scene.share_and_settle(Mode::Replace).await;
    assert_eq!((view.summary.state, code(&view)), (RunState::Failed, FailureCode::EndpointFailed));
    assert!(message(&view).contains("disk full"), "{}", message(&view));
    assert_eq!(scene.consumer.segment("seg-1").len(), 1);
    scene.consumer.change(|temper| temper.fails_at_the_end = None);
    let view = scene.retry_and_settle(&view.summary.id).await;
    assert_eq!(view.summary.state, RunState::Complete, "{view:?}");
    assert_eq!(scene.consumer.segment("seg-1").len(), 3);
    assert_eq!(scene.producer.downloads(), 1);
}

#[tokio::test]
async fn one_that_answers_nonsense_is_named() {
    let scene = Scene::new(giving(3), Temper { nonsense: Some("OK".to_owned()), ..Temper::default() }).await;
    let view = scene.share_and_settle(Mode::Add).await;
    assert_eq!((view.summary.state, code(&view)), (RunState::Failed, FailureCode::NonsenseAnswer));
}

#[tokio::test]
async fn a_run_that_waits_can_be_called_off() {
    let temper = Temper { too_many: Some((u32::MAX, 3600)), ..Temper::default() };
    let scene = Scene::patient(giving(3), temper).await;
    let run_id = scene.enqueue(scene.plan(Mode::Replace)).await;
    scene.wait_until(Duration::from_secs(10), async || scene.view(&run_id).await.waiting.is_some()).await;
    scene.hub.cancel_run(&scene.actor, &run_id).await.expect("cancels");
    let view = scene.settle(&run_id).await;
    assert_eq!(view.summary.state, RunState::Canceled);
    assert_eq!(scene.consumer.reports(), [JobStatus::Canceled], "the destination is told");
    scene.wait_until(Duration::from_secs(5), async || !scene.has_payload(&run_id)).await;
}
