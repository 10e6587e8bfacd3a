//! The API against its own document: Schemathesis sends what `/openapi.json` allows and what it forbids, with a real endpoint key, and
//! compares every answer with the document. `./setup.sh test` installs it.

use std::{path::PathBuf, process::Stdio, time::Duration};

use model::{
    contract::{HostedJob, Page},
    run::{Mode, RunState},
    view::DestinationSegment,
};

use crate::{
    endpoints_that_call::{Stage, said},
    installation::Installation,
};

/// nextest ends a test after three minutes.
const LIMIT: Duration = Duration::from_secs(170);
/// The same cases each time.
const SEED: &str = "20261123";

/// Where `setup.sh` puts it.
fn program() -> PathBuf {
    let program = match std::env::var_os("USHER_TEST_SCHEMATHESIS") {
        Some(path) => PathBuf::from(path),
        None => PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../end2end/schemathesis/.venv/bin/schemathesis"),
    };
    assert!(
        program.exists(),
        "{} is not there. Run ./setup.sh test, or set USHER_TEST_SCHEMATHESIS to the path of a schemathesis",
        program.display()
    );
    program
}

/// Open jobs of both kinds, all of one endpoint: it sends to itself.
async fn jobs(stage: &Stage) -> Vec<String> {
    for number in 0..8 {
        let segment = DestinationSegment::New { name: format!("Segment {number}") };
        let share = stage.share_with(&stage.producer, segment, Mode::Add).await;
        let run = stage.hub.share_now(&stage.actor, &share).await.unwrap();
        stage.until(&run, |view| view.summary.state == RunState::Exporting && view.waiting.is_some()).await;
        if number % 2 == 0 {
            let exports: Page<HostedJob> = said(stage.producer.get("/v1/jobs?category=SEGMENT_EXPORT").await).await;
            let export = exports.items.last().expect("the run's job").job.id.clone();
            stage.sent_for(&export, &["email\r\nann@example.org\r\n", "email\r\nbob@example.org\r\n"]).await;
            stage.until(&run, |view| view.summary.state == RunState::Delivering && view.waiting.is_some()).await;
        }
    }
    let all: Page<HostedJob> = said(stage.producer.get("/v1/jobs").await).await;
    all.items.into_iter().map(|job| job.job.id).collect()
}

#[tokio::test]
async fn every_answer_is_as_the_document_says_on_sqlite() {
    compare(Installation::new()).await;
}

#[tokio::test]
async fn every_answer_is_as_the_document_says_on_postgres() {
    compare(Installation::new().on_postgres().await).await;
}

async fn compare(installation: Installation) {
    let program = program();
    let stage = Stage::within(installation.with("USHER_REQUESTS_PER_MINUTE", "1000000")).await;
    let jobs = jobs(&stage).await;
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("schemathesis.toml");
    let template = include_str!("../../../end2end/schemathesis/schemathesis.toml");
    let listed: Vec<String> = jobs.iter().map(|job| format!("\"{job}\"")).collect();
    std::fs::write(&config, template.replace("\"JOBS\"", &listed.join(", ")).replace("ENDPOINT", &stage.producer.id))
        .unwrap();
    let hooks = concat!(env!("CARGO_MANIFEST_DIR"), "/../end2end/schemathesis/hooks.py");
    let mut command = tokio::process::Command::new(program);
    command.arg("--config-file").arg(&config).args(["run", &format!("{}/openapi.json", stage.producer.url)]);
    command.args(["--url", &stage.producer.url, "--seed", SEED]).current_dir(folder.path());
    command.env("USHER_TEST_KEY", &stage.producer.key).env("SCHEMATHESIS_HOOKS", hooks);
    command.stdin(Stdio::null()).kill_on_drop(true);
    let output = tokio::time::timeout(LIMIT, command.output()).await.expect("it ends in time").unwrap();
    let told = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{told}");
}
