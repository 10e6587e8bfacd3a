//! `kill -9` at many moments: what was acknowledged is there, what was not is wholly absent, and going on ends right.

use std::time::Duration;

use model::contract::{JobMode, JobStatus};

use crate::consumer::{contacts, members};
use crate::program::{Folder, export, import};

const PARTS: u32 = 4;
const ROWS: u32 = 4_000;

fn part(number: u32) -> String {
    let rows = (0..ROWS).map(|row| format!("p{number}-{row}@x.org,Name {row}\n"));
    std::iter::once("email,first_name\n".to_owned()).chain(rows).collect()
}

/// Sends everything, with the program killed while part after part is under way, and checks what each crash left.
async fn survive(mode: JobMode) -> Folder {
    let folder = contacts();
    let mut program = folder.start();
    let id = program.announced(&import("job_0", JobMode::Add, Err("S"), &["email"])).await.segment.id.unwrap();
    program.sent_part("job_0", 1, "email\nold@x.org\n").await;
    program.reported("job_0", JobStatus::Complete, 1, 1).await;
    let request = import("job_1", mode, Ok(&id), &["email", "first_name"]);
    program.announced(&request).await;
    let mut interrupted = 0;
    for number in 1..=PARTS {
        // Each attempt lives a little longer, so the kills fall before, into and after the transaction.
        for attempt in 0.. {
            let sending = program
                .part("job_1", number, part(number).as_bytes())
                .timeout(Duration::from_millis(3 + 11 * attempt))
                .send();
            let answered = matches!(sending.await, Ok(response) if response.status().is_success());
            program.kill();
            interrupted += u32::from(!answered);
            let recorded = folder.number("select coalesce(sum(accepted), 0) from usher_parts where job_id = 'job_1'");
            let there = match mode {
                JobMode::Replace => folder.number("select count(*) from usher_staged_rows"),
                _ => folder.number("select count(*) from list_members") - 1,
            };
            assert_eq!(there, recorded, "a part and its record are there together or not at all");
            assert_eq!(recorded % i64::from(ROWS), 0);
            assert!(!answered || recorded == i64::from(number * ROWS), "what was acknowledged is there");
            program = folder.start();
            assert_eq!(program.announced(&request).await.status, JobStatus::WaitingToReceiveData);
            if answered {
                break;
            }
        }
    }
    assert!(interrupted > 0, "no kill fell into a part");
    // The sender does not know what arrived and sends all of it again.
    for number in 1..=PARTS {
        let result = program.sent_part("job_1", number, &part(number)).await;
        assert_eq!((result.received, result.accepted), (u64::from(ROWS), u64::from(ROWS)));
    }
    let report = program.report("job_1", JobStatus::Complete, PARTS, u64::from(PARTS * ROWS));
    let done = tokio::time::timeout(Duration::from_millis(15), report).await;
    program.kill();
    drop(done);
    let program = folder.start();
    let job = program.reported("job_1", JobStatus::Complete, PARTS, u64::from(PARTS * ROWS)).await;
    assert_eq!((job.status, job.counts.accepted), (JobStatus::Complete, u64::from(PARTS * ROWS)));
    folder
}

#[tokio::test]
async fn an_addition_survives_kills() {
    let folder = survive(JobMode::Add).await;
    assert_eq!(members(&folder, "S").len() as u32, PARTS * ROWS + 1);
    assert_eq!(folder.number("select count(*) from contacts") as u32, PARTS * ROWS + 1);
}

#[tokio::test]
async fn a_replacement_survives_kills() {
    let folder = survive(JobMode::Replace).await;
    assert_eq!(members(&folder, "S").len() as u32, PARTS * ROWS);
    assert!(!members(&folder, "S").contains(&"old@x.org".to_owned()));
    assert_eq!(folder.number("select count(*) from usher_staged_rows"), 0);
}

#[tokio::test]
async fn an_export_that_was_being_made_is_made_again_and_a_whole_one_is_kept() {
    let folder = Folder::new(
        "[producer]\n[[producer.segments]]\nid = \"many\"\nname = \"Many\"\nkey = \"id\"\nquery = \"\"\"with recursive n(i) as
         (select 1 union all select i + 1 from n limit 300000) select i as id, i || '@x.org' as email from n\"\"\"\n",
    );
    folder.database().execute_batch("create table any_table (x)").unwrap();
    let program = folder.start();
    program.announced(&export("job_1", "many", &["email", "id"])).await;
    while folder.exports().is_empty() {
        tokio::task::yield_now().await;
    }
    program.kill();
    assert!(folder.exports()[0].ends_with(".partial"), "it was killed in the middle");

    let program = folder.start();
    let job = program.ended("job_1").await;
    assert_eq!((job.status, job.counts.rows), (JobStatus::Complete, 300_000));
    assert!(folder.exports().iter().all(|name| name.ends_with(".csv")));
    program.kill();

    let program = folder.start();
    assert_eq!(program.job("job_1").await, job, "the same file, not a new one");
    let text = program.get("/v1/jobs/job_1/data").await.text().await.unwrap();
    assert_eq!(text.lines().count(), 300_001);
    assert_eq!(text.len() as u64, job.parts[0].bytes.unwrap());
}
