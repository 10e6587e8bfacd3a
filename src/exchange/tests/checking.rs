//! Runs that only find out what would happen.

use model::{
    id::ShareId,
    run::{Changes, Duplicates, Mode, RunState, ShrinkLimit},
};

use super::{consumer::Temper, producer::Manner, scene::Scene};
use crate::store::new_id;

const ROWS: &[u8] =
    b"email,name\r\nann@example.org,Ann\r\nnobody,Nobody\r\nann@example.org,Anna\r\nbob@example.org,Bob\r\n";

#[tokio::test]
async fn a_check_counts_and_explains_everything_and_sends_nothing() {
    for mode in Mode::ALL {
        let manner = Manner { data: vec![ROWS.to_vec()], ..Manner::default() };
        let scene = Scene::new(manner, Temper::default()).await;
        scene
            .consumer
            .keep("seg-1", &[("zoe@example.org", "Zoe"), ("yan@example.org", "Yan"), ("xi@example.org", "Xi")]);
        let mut plan = scene.plan(mode);
        plan.is_pre_flight = true;
        plan.duplicates = Duplicates::Last;
        plan.shrink_limit = ShrinkLimit::new(10).expect("a percentage");
        plan.destination.delivery.rows_per_second = Some(1);
        let share_id: ShareId = new_id(ShareId::PREFIX);
        for _ in 0..2 {
            let view = scene.settle(&scene.enqueue_for(share_id.clone(), plan.clone()).await).await;
            assert_eq!(view.summary.state, RunState::Checked, "{mode:?}: {:?}", view.failure);
            let counts = view.summary.counts;
            assert_eq!((counts.read, counts.valid, counts.rejected, counts.sent), (4, 2, 2, 0));
            let changes = (mode == Mode::Mirror).then_some(Changes { added: 2, ..Changes::default() });
            assert_eq!(counts.changes, changes, "nothing was remembered as sent");
            let said = |what: &str| view.timeline.iter().any(|entry| entry.message.contains(what));
            assert!(said("it would take about 2 seconds"), "{:?}", view.timeline);
            assert_eq!(said("It would be held for approval"), matches!(mode, Mode::Replace | Mode::Remove), "{mode:?}");
            assert!(view.hold.is_none() && view.receipt_sha256.is_none());
            // Why rows would be left out can be looked at.
            let rejects = String::from_utf8(scene.rejects(&view.summary.id).await).expect("text");
            assert!(rejects.contains("invalid_email") && rejects.contains("duplicate"), "{rejects}");
        }
        assert_eq!((scene.consumer.announced().len(), scene.consumer.segment("seg-1").len()), (0, 3));
    }
}
