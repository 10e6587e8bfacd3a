//! Runs that would shrink the segment beyond the share's limit: held before anything is sent, until a person approves or declines.

use model::{
    error::HubError,
    run::{Mode, RunState, ShrinkLimit},
    view::RunView,
};

use super::{
    consumer::Temper,
    producer::Manner,
    scene::{Scene, people_csv},
};

/// A scene with a segment of so many, whose source has so many, and a run that is to end or be held.
async fn shrinking(from: usize, to: usize, mode: Mode, percent: u8) -> (Scene, RunView) {
    let scene = Scene::new(Manner { data: vec![people_csv(to)], ..Manner::default() }, Temper::default()).await;
    let people: Vec<(String, String)> =
        (1..=from).map(|number| (format!("person{number}@example.org"), "Old".to_owned())).collect();
    let people: Vec<(&str, &str)> = people.iter().map(|(email, name)| (email.as_str(), name.as_str())).collect();
    scene.consumer.keep("seg-1", &people);
    let mut plan = scene.plan(mode);
    plan.shrink_limit = ShrinkLimit::new(percent).expect("a percentage");
    let run_id = scene.enqueue(plan).await;
    scene
        .wait_until(std::time::Duration::from_secs(30), async || {
            let state = scene.view(&run_id).await.summary.state;
            state.is_final() || state == RunState::Held
        })
        .await;
    let view = scene.view(&run_id).await;
    (scene, view)
}

#[tokio::test]
async fn what_shrinks_a_segment_beyond_the_limit_is_held_with_the_numbers_until_it_is_approved() {
    let (scene, view) = shrinking(10, 4, Mode::Replace, 50).await;
    let run_id = &view.summary.id;
    assert_eq!(view.summary.state, RunState::Held, "{view:?}");
    let hold = view.hold.expect("says why");
    assert_eq!((hold.before, hold.after, hold.lost()), (10, 4, 6));
    assert!(view.timeline.iter().any(|entry| entry.message.contains("10 members, and 6 of them would go")));
    assert_eq!((scene.consumer.announced().len(), scene.consumer.segment("seg-1").len()), (0, 10), "nothing was sent");
    // Another run of the share has to wait for the decision.
    assert!(matches!(scene.hub.retry_run(&scene.actor, run_id).await, Err(HubError::Conflict { .. })));

    let error = scene.hub.approve_run(&scene.actor, run_id, "  ").await.expect_err("wants a reason");
    assert!(error.problem_of("reason").is_some());
    scene.hub.approve_run(&scene.actor, run_id, "The list was cleaned up.").await.expect("is held");
    let view = scene.settle(run_id).await;
    assert_eq!((view.summary.state, view.hold), (RunState::Complete, None), "{:?}", view.failure);
    assert!(view.timeline.iter().any(|entry| entry.message == "Approved by Ann: The list was cleaned up."));
    assert_eq!((scene.consumer.segment("seg-1").len(), scene.producer.downloads()), (4, 1), "it is not read again");
    let again = scene.hub.approve_run(&scene.actor, run_id, "Again.").await;
    assert!(matches!(again, Err(HubError::Conflict { .. })));
}

#[tokio::test]
async fn what_is_declined_sends_nothing_and_keeps_nothing() {
    let (scene, view) = shrinking(10, 9, Mode::Remove, 50).await;
    let run_id = &view.summary.id;
    assert_eq!((view.summary.state, view.hold.expect("says why").after), (RunState::Held, 1));
    scene.hub.decline_run(&scene.actor, run_id, "Far too many.").await.expect("is held");
    let view = scene.view(run_id).await;
    assert_eq!(view.summary.state, RunState::Canceled);
    assert!(view.timeline.iter().any(|entry| entry.message == "Declined by Ann: Far too many."));
    assert_eq!((scene.consumer.announced().len(), scene.consumer.segment("seg-1").len()), (0, 10));
    let again = scene.hub.decline_run(&scene.actor, run_id, "Again.").await;
    assert!(matches!(again, Err(HubError::Conflict { .. })));
}

#[tokio::test]
async fn what_stays_within_the_limit_or_only_adds_is_not_held() {
    for (from, to, mode, percent) in [
        (10, 5, Mode::Replace, 50),
        (10, 1, Mode::Replace, 100),
        (10, 5, Mode::Remove, 50),
        (10, 1, Mode::Add, 0),
        (0, 1, Mode::Replace, 0),
    ] {
        let (_scene, view) = shrinking(from, to, mode, percent).await;
        assert_eq!(
            view.summary.state,
            RunState::Complete,
            "from {from} to {to}, {mode:?}, {percent} %: {:?}",
            view.failure
        );
    }
}
