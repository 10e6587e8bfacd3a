//! The whole way on SQLite and on PostgreSQL, with one worker and with several processes.

use std::time::Duration;

use model::{
    error::HubError,
    run::{Mode, RunState},
    view::{Actor, Role, RunQuery},
};
use sqlx::Row;
use tokio_util::sync::CancellationToken;

use super::{
    consumer::Temper,
    producer::Manner,
    scene::{Scene, people_csv, settings},
};
use crate::{exchange::RejectFilter, store::testing::scratch_databases};

#[tokio::test]
async fn rows_are_read_sent_refused_rejected_and_accounted_for() {
    for scratch in scratch_databases().await {
        let mut data = people_csv(9);
        data.extend_from_slice(b"blocked@example.org,Bo\r\n,Nobody\r\n");
        let manner = Manner { data: vec![data], declares: Some(11), unavailable: 1, ..Manner::default() };
        let temper = Temper { refuses: Some("blocked".to_owned()), too_many: Some((1, 1)), ..Temper::default() };
        let scene = Scene::on(scratch.url(), manner, temper).await;
        let view = scene.share_and_settle(Mode::Replace).await;
        assert_eq!(view.summary.state, RunState::CompleteWithRejects, "{view:?}");
        assert_eq!(view.retries, 2);
        assert!(view.receipt_sha256.is_some() && view.summary.finished_at.is_some());
        let receipt = scene.receipt(&view.summary.id).await;
        receipt.check().expect("adds up");
        assert_eq!(receipt.left_out, view.left_out);
        assert_eq!(scene.rejects(&view.summary.id).await.iter().filter(|byte| **byte == b'\n').count(), 3);

        scene.consumer.change(|temper| temper.boasts = 7);
        let failed = scene.share_and_settle(Mode::Add).await.summary.id;
        let home = scene.hub.home(&scene.actor).await.expect("is there");
        let failed_runs: Vec<_> = home.failed_runs.iter().map(|run| &run.id).collect();
        assert_eq!(failed_runs, [&failed]);
        assert_eq!((home.endpoints, home.recent_runs.len(), home.active_runs.len()), (2, 2, 0));
        let query = RunQuery { text: "beacon".to_owned(), state: Some(RunState::Failed), ..RunQuery::default() };
        let page = scene.hub.runs(&scene.actor, &query).await.expect("lists");
        assert_eq!(page.items.iter().map(|run| &run.id).collect::<Vec<_>>(), [&failed]);

        let viewer = Actor { role: Role::Viewer, ..scene.actor.clone() };
        // People's values are not for who only looks; who takes them is noted.
        let first = &view.summary.id;
        let taken = scene.hub.rejects(&viewer, first, RejectFilter::default()).await.map(drop);
        assert!(matches!(taken, Err(HubError::Forbidden { .. })), "{taken:?}");
        assert!(view.has_rejects && !scene.hub.run(&viewer, first).await.expect("shows").has_rejects);
        let noted = sqlx::query("select user_name from values_shown").fetch_all(scene.hub.database().reader()).await;
        let noted: Vec<String> = noted.expect("reads").iter().map(|row| row.get("user_name")).collect();
        assert_eq!(noted, [scene.actor.user_name.as_str()]);
        assert!(scene.hub.run(&viewer, &failed).await.is_ok());
        assert!(matches!(scene.hub.retry_run(&viewer, &failed).await, Err(HubError::Forbidden { .. })));
        assert!(matches!(scene.hub.cancel_run(&scene.actor, &failed).await, Err(HubError::Conflict { .. })));
        assert!(matches!(scene.hub.receipt(&scene.actor, &failed).await, Err(HubError::NotFound { .. })));
        scene.consumer.change(|temper| temper.boasts = 0);
        let view = scene.retry_and_settle(&failed).await;
        assert_eq!(view.summary.state, RunState::CompleteWithRejects, "{view:?}");
    }
}

#[tokio::test]
async fn several_processes_share_the_work_and_carry_out_each_run_once() {
    for scratch in scratch_databases().await {
        let manner = Manner { data: vec![people_csv(3)], ..Manner::default() };
        let scene = Scene::on(scratch.url(), manner, Temper::default()).await;
        let stop = CancellationToken::new();
        let mut others = Vec::new();
        for _ in 0..2 {
            let hub = scene.another_hub(settings(Duration::from_secs(10))).await;
            let stop = stop.clone();
            others.push(tokio::spawn(async move { hub.work(stop).await }));
        }
        let mut runs = Vec::new();
        for _ in 0..12 {
            runs.push(scene.enqueue(scene.plan(Mode::Add)).await);
        }
        for run_id in &runs {
            assert_eq!(scene.settle(run_id).await.summary.state, RunState::Complete);
        }
        let mut announced = scene.consumer.announced();
        announced.sort();
        announced.dedup();
        assert_eq!((announced.len(), scene.consumer.announced().len()), (12, 12));
        assert_eq!(scene.producer.downloads(), 12);
        stop.cancel();
        for other in others {
            other.await.expect("ends in order");
        }
    }
}
