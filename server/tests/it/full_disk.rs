//! No room left: the system refuses to write any further, as a full disk does. What cannot be kept is said so, nothing is half done, and it goes on
//! as soon as there is room. A limit on the size of files stands for the disk: it is the kernel that refuses, and no privilege is needed.

use model::{
    contract::{HostedJob, JobPart, JobStatus, StatusReport},
    run::{FailureCode, RunState},
};
use tokio::process::Command;

use crate::{
    endpoints_that_call::{Stage, said},
    installation::{DEMO_EMAIL, DEMO_PASSWORD, Installation, demo_actor, demo_run},
};

/// Smaller than a large part, and larger than the database gets here.
const LIMIT_KIB: u64 = 6 * 1024;

/// Rows of a part that is larger than the limit.
fn large_part() -> Vec<u8> {
    let mut csv = b"email\r\n".to_vec();
    for number in 0..7 * 1024 {
        csv.extend(format!("person{number}@example.org{}\r\n", "x".repeat(1000)).into_bytes());
    }
    assert!(csv.len() as u64 > LIMIT_KIB * 1024);
    csv
}

async fn make_room(process: u32) {
    limit(process, "unlimited").await;
}

async fn limit(process: u32, bytes: &str) {
    let (id, limit) = (process.to_string(), format!("--fsize={bytes}:unlimited"));
    let limited = Command::new("prlimit").args(["--pid", &id, &limit]).status().await.unwrap();
    assert!(limited.success(), "prlimit is part of util-linux");
}

#[tokio::test]
async fn a_part_for_which_there_is_no_room_can_be_sent_again_later() {
    let stage = Stage::within(Installation::new().with_largest_file(LIMIT_KIB)).await;
    let run = stage.run().await;
    let job = stage.producer.next_job().await.job.id;
    let refused = stage.producer.send(&job, 1, large_part(), &[]).await;
    assert_eq!(refused.status(), 503);
    assert_eq!(refused.headers()["retry-after"], "60");
    let problem: serde_json::Value = refused.json().await.unwrap();
    assert!(problem["detail"].as_str().unwrap().contains("no room left"), "{problem}");
    let arrived = stage.producer.get(&format!("/v1/jobs/{job}/data")).await;
    assert!(said::<model::contract::Page<JobPart>>(arrived).await.items.is_empty(), "nothing of it is there");
    assert_eq!(stage.installation.files_below("payloads"), Vec::<String>::new(), "not even a piece of it");
    // What is small enough is taken all the while.
    said::<JobPart>(stage.producer.send(&job, 2, b"email\r\nann@example.org\r\n".to_vec(), &[]).await).await;

    make_room(stage.usher.id()).await;
    said::<JobPart>(stage.producer.send(&job, 1, large_part(), &[]).await).await;
    let rows = 7 * 1024 + 1;
    said::<HostedJob>(stage.producer.report(&job, &StatusReport::complete(2, rows)).await).await;
    let import = stage.consumer.next_job().await.job;
    let parts = u32::try_from(import.parts.len()).unwrap();
    let taken = import.parts.iter().filter_map(|part| part.rows).sum();
    said::<HostedJob>(stage.consumer.report(&import.id, &StatusReport::complete(parts, taken)).await).await;
    let view = stage.end(&run).await;
    assert!(matches!(view.summary.state, RunState::Complete | RunState::CompleteWithRejects), "{view:?}");
    assert_eq!(view.summary.counts.read, rows);
    assert_eq!(import.status, JobStatus::Pending);
}

#[tokio::test]
async fn a_run_for_which_there_is_no_room_says_so_and_can_be_tried_again() {
    // Not even a small part fits; the database is elsewhere.
    let installation = Installation::new().on_postgres().await.with_largest_file(4);
    let usher = installation.serve().await;
    let endpoints = installation.endpoints(2_000).await;
    installation.make_demo(&endpoints).await;
    let hub = installation.hub().await;
    let actor = demo_actor(&hub).await;
    let run = demo_run(&hub, &actor).await;
    let end = async || {
        loop {
            let view = hub.run(&actor, &run).await.unwrap();
            if view.summary.state.is_final() {
                return view;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    let view = tokio::time::timeout(crate::installation::PATIENCE, end()).await.expect("it ends");
    let failure = view.failure.expect("it can't go on");
    assert_eq!((view.summary.state, failure.code, failure.retryable), (RunState::Failed, FailureCode::Internal, true));
    assert!(failure.message.contains("There is no room left where Usher keeps rows"), "{}", failure.message);
    assert_eq!(view.summary.counts.sent, 0, "nothing was sent");

    make_room(usher.id()).await;
    hub.retry_run(&actor, &run).await.unwrap();
    let view = tokio::time::timeout(crate::installation::PATIENCE, end()).await.expect("it ends");
    assert_eq!(view.summary.state, RunState::CompleteWithRejects, "{view:?}");
    hub.receipt(&actor, &run).await.unwrap().check().unwrap();
}

#[tokio::test]
async fn repaired_rows_for_which_there_is_no_room_can_be_sent_again_later() {
    // The database is elsewhere: only the rows have no room, and that only later.
    let installation = Installation::new().on_postgres().await.with_largest_file(1024 * 1024);
    let usher = installation.serve().await;
    let endpoints = installation.endpoints(400).await;
    installation.make_demo(&endpoints).await;
    let hub = installation.hub().await;
    let actor = demo_actor(&hub).await;
    let run = demo_run(&hub, &actor).await;
    let ended = async || {
        while !hub.run(&actor, &run).await.unwrap().summary.state.is_final() {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(crate::installation::PATIENCE, ended()).await.expect("it ends");
    let browser = usher.browser();
    browser.sign_in(DEMO_EMAIL, DEMO_PASSWORD).await;
    let rejects = browser.get(&format!("/runs/{run}/rejects.csv")).await.text().await.unwrap();
    assert!(rejects.len() > 1_000, "{rejects}");

    limit(usher.id(), "500").await;
    let page = format!("/runs/{run}");
    let refused = browser.send_file(&format!("{page}/repair"), "file", "repaired.csv", &rejects).await;
    assert_eq!((refused.status().as_u16(), refused.headers()["location"].to_str().unwrap()), (303, page.as_str()));
    let shown = browser.request(&page, &[("accept", "text/html")]).await.text().await.unwrap();
    assert!(shown.contains("There is no room left where Usher keeps rows"), "{shown}");

    make_room(usher.id()).await;
    let taken = browser.send_file(&format!("{page}/repair"), "file", "repaired.csv", &rejects).await;
    let child = taken.headers()["location"].to_str().unwrap();
    assert!(taken.status().as_u16() == 303 && child.starts_with("/runs/run_") && child != page, "{taken:?}");
}
