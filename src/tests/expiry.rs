//! Jobs that nobody does: they end by themselves, and their runs say so and can be tried again.

use std::time::Duration;

use model::{
    contract::{JobStatus, StatusReport},
    error::HubError,
    run::{FailureCode, RunState},
};

use super::{stages, webhooks::Shop};
use crate::exchange::hosted::{Coding, HostedError, RefusalCode};

const DAY: Duration = Duration::from_secs(24 * 3600);
const CSV: &[u8] = b"email\r\nann@example.org\r\n";

#[tokio::test]
async fn a_job_that_is_never_done_expires_and_its_run_says_so_and_can_be_tried_again() {
    for stage in stages().await {
        let shop = Shop::open(&stage).await;
        let run = shop.run(&stage).await;
        let state = async || stage.hub.run(&shop.actor, &run).await.expect("is there").summary.state;
        let expires = async |job: &str| {
            stage.clock.advance(DAY * 7 - Duration::from_millis(1));
            let open = stage.hub.hosted_job(&shop.caller, job, Duration::ZERO).await.expect("is there");
            assert!(!open.job.status.is_final(), "{open:?}");
            stage.clock.advance(Duration::from_millis(1));
            let ended = stage.hub.hosted_job(&shop.caller, job, Duration::ZERO).await.expect("is there");
            assert_eq!(ended.job.status, JobStatus::Expired);
            let late = stage.hub.report_job(&shop.caller, job, StatusReport::complete(1, 1)).await;
            let is_over = matches!(&late, Err(HostedError::Refused { code: RefusalCode::JobEnded, message }) if message.contains("has expired"));
            assert!(is_over, "{late:?}");
            shop.worked_until(&stage, async || state().await == RunState::Failed).await;
            let failure = stage.hub.run(&shop.actor, &run).await.expect("is there").failure.expect("failed");
            assert_eq!((failure.code, failure.retryable), (FailureCode::EndpointFailed, true));
            assert!(failure.message.contains("Shop let its job expire"), "{}", failure.message);
            stage.hub.retry_run(&shop.actor, &run).await.expect("may be tried again");
        };
        let next_job = async |before: usize| {
            shop.worked_until(&stage, async || shop.jobs(&stage).await.len() > before).await;
            shop.jobs(&stage).await.remove(0)
        };

        // Nobody sends.
        let export = shop.jobs(&stage).await.remove(0);
        expires(&export).await;
        let again = next_job(0).await;
        assert_ne!(again, export, "another job");
        let late = stage.hub.receive_part(&shop.caller, &export, 1, Coding::default(), CSV.into()).await;
        assert!(matches!(late, Err(HostedError::Refused { code: RefusalCode::JobEnded, .. })), "{late:?}");
        stage.hub.receive_part(&shop.caller, &again, 1, Coding::default(), CSV.into()).await.expect("is taken");
        stage.hub.report_job(&shop.caller, &again, StatusReport::complete(1, 1)).await.expect("is so");

        // Nobody fetches.
        let import = next_job(0).await;
        stage.hub.part_data(&shop.caller, &import, 1).await.expect("can be fetched");
        expires(&import).await;
        let gone = stage.hub.part_data(&shop.caller, &import, 1).await;
        assert!(
            matches!(gone, Err(HostedError::Refused { .. } | HostedError::Hub(HubError::NotFound { .. }))),
            "{gone:?}"
        );
        let import = next_job(0).await;
        stage.hub.part_data(&shop.caller, &import, 1).await.expect("the same part is there for the next job");
        stage.hub.report_job(&shop.caller, &import, StatusReport::complete(1, 1)).await.expect("is so");
        shop.worked_until(&stage, async || state().await == RunState::Complete).await;
        stage.hub.receipt(&shop.actor, &run).await.expect("has one").check().expect("adds up");
    }
}
