//! Rejects that were repaired and are sent again.

use std::{sync::Arc, time::Duration};

use futures::{StreamExt, stream};
use model::{
    error::HubError,
    id::RunId,
    run::{FailureCode, Mode, RunState},
};

use super::{
    consumer::Temper,
    producer::Manner,
    scene::{Scene, people_csv, settings},
};
use crate::store::{Clock, ManualClock, SystemClock};

const ROWS: &[u8] =
    b"email,name\r\nann@example.org,Ann\r\nbob,Bob\r\nblocked@example.org,Cid\r\ndora@example.org,Dora\r\n";

async fn with_rejects(mode: Mode) -> (Scene, RunId) {
    let manner = Manner { data: vec![ROWS.to_vec()], ..Manner::default() };
    let temper = Temper { refuses: Some("blocked".to_owned()), ..Temper::default() };
    let scene = Scene::new(manner, temper).await;
    scene.consumer.keep("seg-1", &[("ann@example.org", "Old"), ("bob@example.org", "Old"), ("zoe@example.org", "Zoe")]);
    let view = scene.share_and_settle(mode).await;
    assert_eq!(view.summary.state, RunState::CompleteWithRejects, "{:?}", view.failure);
    (scene, view.summary.id)
}

async fn repair(scene: &Scene, run_id: &RunId, file: &[u8]) -> Result<RunId, HubError> {
    let pieces: Vec<Result<bytes::Bytes, String>> =
        file.chunks(7).map(|piece| Ok(bytes::Bytes::copy_from_slice(piece))).collect();
    scene.hub.repair_run(&scene.actor, run_id, stream::iter(pieces)).await
}

#[tokio::test]
async fn only_the_repaired_rows_move_and_the_others_stay_where_they_are() {
    for (mode, expected) in [
        (
            Mode::Add,
            vec!["ann@example.org", "bob@example.org", "cid@example.org", "dora@example.org", "zoe@example.org"],
        ),
        (Mode::Replace, vec!["ann@example.org", "bob@example.org", "cid@example.org", "dora@example.org"]),
        (Mode::Remove, vec!["zoe@example.org"]),
    ] {
        let (scene, run_id) = with_rejects(mode).await;
        let rejects = String::from_utf8(scene.rejects(&run_id).await).expect("text");
        // As a person would mend it, and leave the columns with the reasons as they are.
        let mended = rejects.replace("\r\nbob,", "\r\nbob@example.org,").replace("blocked@", "cid@");
        let child = repair(&scene, &run_id, mended.as_bytes()).await.expect("may be repaired");
        let view = scene.settle(&child).await;
        assert_eq!(view.summary.state, RunState::Complete, "{mode:?}: {:?}", view.failure);
        let counts = view.summary.counts;
        assert_eq!((counts.read, counts.valid, counts.acknowledged), (2, 2, 2));
        let members: Vec<String> = scene.consumer.segment("seg-1").into_iter().map(|(email, _)| email).collect();
        assert_eq!(members, expected, "{mode:?}");
        scene.receipt(&child).await.check().expect("adds up");
        assert_eq!(scene.producer.downloads(), 1, "the source is not asked again");
        // Nothing is left of the file.
        scene.wait_until(std::time::Duration::from_secs(10), async || !scene.has_payload(&child)).await;
        // What is still wrong can be repaired again, as often as it takes.
        let again = repair(&scene, &child, mended.as_bytes()).await;
        assert!(matches!(again, Err(HubError::Conflict { .. })), "there is nothing left to repair");
    }
}

#[tokio::test]
async fn a_file_that_is_not_the_repaired_rows_is_refused_and_nothing_of_it_is_kept() {
    let (scene, run_id) = with_rejects(Mode::Add).await;
    for (file, what) in [
        (&b""[..], "can't be read"),
        (b"mail,name\r\nx@example.org,X\r\n", "no column \u{201c}email\u{201d}"),
        (b"email,\r\nx@example.org,X\r\n", "has no name"),
    ] {
        let error = repair(&scene, &run_id, file).await.expect_err("is refused");
        let problem = error.problem_of("file").expect("names the field").to_owned();
        assert!(problem.contains(what), "{problem}");
    }
    // More rows than were left out: somebody took the wrong file.
    let child = repair(&scene, &run_id, &people_csv(3)).await.expect("its header is right");
    let view = scene.settle(&child).await;
    assert_eq!(view.failure.expect("fails").code, FailureCode::SourceMismatch);
    assert_eq!(scene.consumer.segment("seg-1").len(), 4, "nobody was added");
    let nobody = model::view::Actor { account_id: "acc_other".parse().expect("an id"), ..scene.actor.clone() };
    let pieces = stream::iter([Ok::<_, String>(bytes::Bytes::from_static(ROWS))]);
    assert!(matches!(scene.hub.repair_run(&nobody, &run_id, pieces).await, Err(HubError::NotFound { .. })));
}

#[tokio::test]
async fn what_was_uploaded_by_somebody_who_never_came_to_the_end_goes_after_a_day() {
    let (scene, run_id) = with_rejects(Mode::Add).await;
    let before = scene.runs_with_payload();
    let (hub, actor) = (scene.hub.clone(), scene.actor.clone());
    let pieces = stream::iter([Ok::<_, String>(bytes::Bytes::from(people_csv(150_000)))]).chain(stream::pending());
    let upload = tokio::spawn(async move { hub.repair_run(&actor, &run_id, pieces).await });
    scene.wait_until(Duration::from_secs(20), async || scene.runs_with_payload() != before).await;
    upload.abort();
    assert!(upload.await.expect_err("was killed").is_cancelled());
    for (hours, is_kept) in [(23, true), (25, false)] {
        let clock = Arc::new(ManualClock::at(SystemClock.now_ms() + hours * 3_600_000));
        let hub = scene.another_hub_at(settings(Duration::from_secs(10)), clock).await;
        hub.sweep_payload().await.expect("sweeps");
        assert_eq!(scene.runs_with_payload() != before, is_kept, "after {hours} hours");
    }
}
