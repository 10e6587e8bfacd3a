//! A PULL producer that sends its data by itself, instead of having it fetched.

use std::time::Duration;

use model::{
    contract::{JobStatus, StatusReport},
    id::RunId,
    run::{FailureCode, Mode, RunState},
};

use super::{consumer::Temper, producer::Manner, scene::Scene};
use crate::{
    exchange::hosted::{Coding, HostedError, RefusalCode},
    registry::EndpointActor,
};

const FIRST: &[u8] = b"email,name\r\nann@example.org,Ann\r\nbob@example.org,Bob\r\n";
const SECOND: &[u8] = b"email,name\r\ncid@example.org,Cid\r\nnobody,No\r\n";
const PATIENCE: Duration = Duration::from_secs(10);

/// A run whose producer says that it is at work, and goes on saying so.
async fn asked(lease: Duration) -> (Scene, RunId, EndpointActor, String) {
    let manner = Manner { pending_polls: u32::MAX, ..Manner::default() };
    let scene = Scene::with_lease(manner, Temper::default(), lease).await;
    let run = scene.enqueue(scene.plan(Mode::Add)).await;
    scene.wait_until(PATIENCE, async || scene.producer.last_job().is_some()).await;
    let job = scene.producer.last_job().expect("was announced");
    let endpoint = scene.producer_actor().await;
    (scene, run, endpoint, job)
}

async fn send(scene: &Scene, endpoint: &EndpointActor, job: &str, number: u32, csv: &'static [u8]) {
    let sent = scene.hub.receive_part(endpoint, job, number, Coding::default(), csv.into()).await.expect("is taken");
    assert_eq!(sent.rows, Some(2));
}

async fn all_arrived(scene: &Scene, run: &RunId) {
    let view = scene.settle(run).await;
    assert_eq!(view.summary.state, RunState::CompleteWithRejects, "{view:?}");
    let receipt = scene.receipt(run).await;
    receipt.check().expect("adds up");
    assert_eq!((receipt.counts.declared, receipt.counts.read, receipt.counts.acknowledged), (Some(4), 4, 3));
    assert_eq!(scene.consumer.segment("seg-1").len(), 3);
    assert_eq!(scene.producer.downloads(), 0, "nothing was fetched");
}

#[tokio::test]
async fn it_sends_parts_in_any_order_and_says_here_that_these_are_all() {
    let (scene, run, endpoint, job) = asked(PATIENCE).await;
    send(&scene, &endpoint, &job, 2, SECOND).await;
    send(&scene, &endpoint, &job, 1, FIRST).await;
    send(&scene, &endpoint, &job, 1, FIRST).await;
    let wrong = scene.hub.report_job(&endpoint, &job, StatusReport::complete(2, 5)).await;
    assert!(matches!(wrong, Err(HostedError::Refused { code: RefusalCode::TotalsDisagree, .. })), "{wrong:?}");
    scene.hub.report_job(&endpoint, &job, StatusReport::complete(2, 4)).await.expect("is so");
    all_arrived(&scene, &run).await;
    assert_eq!(scene.producer.reports(), [JobStatus::Complete], "it is told that all was read");
}

#[tokio::test]
async fn its_own_job_can_say_so_just_as_well() {
    let (scene, run, endpoint, job) = asked(PATIENCE).await;
    send(&scene, &endpoint, &job, 1, FIRST).await;
    send(&scene, &endpoint, &job, 2, SECOND).await;
    scene.producer.change(|manner| (manner.pending_polls, manner.declares) = (0, Some(4)));
    all_arrived(&scene, &run).await;
}

#[tokio::test]
async fn what_it_has_sent_must_be_what_its_job_says() {
    let (scene, run, endpoint, job) = asked(PATIENCE).await;
    send(&scene, &endpoint, &job, 1, FIRST).await;
    scene.producer.change(|manner| (manner.pending_polls, manner.declares) = (0, Some(4)));
    // It is asked once more, and has nothing then that could be fetched.
    let view = scene.settle(&run).await;
    assert_eq!(view.summary.state, RunState::Failed, "{view:?}");
    let timeline: Vec<_> = view.timeline.iter().map(|entry| entry.message.as_str()).collect();
    assert!(timeline.iter().any(|entry| entry.contains("not all of it: 2 rows in 1 part arrived")), "{timeline:?}");
    assert_eq!(scene.consumer.announced().len(), 0, "nothing was sent");
}

#[tokio::test]
async fn one_that_gives_up_here_is_quoted() {
    let (scene, run, endpoint, job) = asked(PATIENCE).await;
    let gone = StatusReport::ended(JobStatus::Failed, "The database is away.");
    scene.hub.report_job(&endpoint, &job, gone).await.expect("is taken");
    let failure = scene.settle(&run).await.failure.expect("failed");
    assert_eq!(failure.code, FailureCode::EndpointFailed);
    assert!(failure.message.contains("The database is away."), "{}", failure.message);
}

#[tokio::test]
async fn what_has_arrived_stays_when_usher_is_killed() {
    let (mut scene, run, endpoint, job) = asked(Duration::from_millis(200)).await;
    send(&scene, &endpoint, &job, 1, FIRST).await;
    scene.kill_worker().await;
    send(&scene, &endpoint, &job, 2, SECOND).await;
    scene.start_worker(Duration::from_millis(200)).await;
    scene.hub.report_job(&endpoint, &job, StatusReport::complete(2, 4)).await.expect("is so");
    all_arrived(&scene, &run).await;
    let late = scene.hub.receive_part(&endpoint, &job, 3, Coding::default(), FIRST.into()).await;
    assert!(matches!(late, Err(HostedError::Refused { code: RefusalCode::JobEnded, .. })), "{late:?}");
}
