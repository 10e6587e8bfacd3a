//! `kill -9` at many moments: what was acknowledged is there, what was not is wholly absent, and going on ends right.

use std::time::Duration;

use model::contract::{JobMode, JobStatus};

use crate::consumer::{Kept, file_of, wherever_people_are_kept};
use crate::program::{Folder, export, import};

const PARTS: u32 = 4;
const ROWS: u32 = 4_000;

fn part(number: u32) -> String {
    let rows = (0..ROWS).map(|row| format!("p{number}-{row}@x.org,Name {row}\n"));
    std::iter::once("email,first_name\n".to_owned()).chain(rows).collect()
}

/// How many rows of a job are kept, applied or staged, as the disk has it after a kill.
fn kept_rows(kept: Kept, folder: &Folder, mode: JobMode) -> i64 {
    match (kept, mode) {
        (Kept::Database, JobMode::Replace) => folder.number("select count(*) from usher_staged_rows"),
        (Kept::Server, JobMode::Replace) => {
            folder.server().staged().map_or(0, |table| folder.number(&format!("select count(*) from {table}")))
        }
        (Kept::Database | Kept::Server, _) => folder.number("select count(*) from list_members") - 1,
        (Kept::Files, _) => {
            // A staged file without its record is as if it were not there.
            let recorded = "select part, sha256 from usher_parts where job_id = 'job_1'";
            let mut jobs = std::fs::read_dir(folder.path("state/imports")).unwrap();
            let Some(staged) = jobs.next().map(|job| job.unwrap().path()) else { return 0 };
            let records = rusqlite::Connection::open(folder.path("state/imports.db")).unwrap();
            let mut statement = records.prepare(recorded).unwrap();
            let parts = statement
                .query_map([], |row| Ok(format!("part-{}-{}", row.get::<_, u32>(0)?, row.get::<_, String>(1)?)))
                .unwrap();
            parts.map(|name| staged_rows(&std::fs::read(staged.join(name.unwrap())).unwrap())).sum()
        }
    }
}

/// How many rows a staged file has: before each stand the lengths of its key and of its line.
fn staged_rows(mut file: &[u8]) -> i64 {
    let mut rows = 0;
    while let Some((lengths, rest)) = file.split_first_chunk::<8>() {
        let length = |bytes: &[u8]| u32::from_le_bytes(bytes.try_into().unwrap()) as usize;
        file = &rest[length(&lengths[..4]) + length(&lengths[4..])..];
        rows += 1;
    }
    assert!(file.is_empty(), "a staged file ends within a row");
    rows
}

fn recorded_rows(kept: Kept, folder: &Folder) -> i64 {
    let sql = "select coalesce(sum(accepted), 0) from usher_parts where job_id = 'job_1'";
    let path = folder.path(match kept {
        Kept::Server => return folder.number(&sql.replace("from ", "from usher.")),
        Kept::Database => "test.db",
        Kept::Files => "state/imports.db",
    });
    rusqlite::Connection::open(path).unwrap().query_row(sql, [], |row| row.get(0)).unwrap()
}

/// Sends everything, with the program killed while part after part is under way and again and again while the job ends, and checks what
/// each crash left.
async fn survive(kept: Kept, mode: JobMode) -> Folder {
    let folder = kept.contacts();
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
            let recorded = recorded_rows(kept, &folder);
            let there = kept_rows(kept, &folder, mode);
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
    for attempt in 0.. {
        let report = program.report("job_1", JobStatus::Complete, PARTS, u64::from(PARTS * ROWS));
        let done = tokio::time::timeout(Duration::from_millis(2 + 7 * attempt), report).await;
        program.kill();
        if let (Kept::Files, Some(file)) = (kept, file_of(&folder, "S")) {
            let rows = csv::Reader::from_path(file).unwrap().records().map(Result::unwrap).count() as u32;
            let whole = if mode == JobMode::Replace { PARTS * ROWS } else { PARTS * ROWS + 1 };
            assert!(rows == 1 || rows == whole, "it is the one file or the other: {rows} rows");
        }
        program = folder.start();
        if done.is_ok() {
            break;
        }
    }
    let job = program.reported("job_1", JobStatus::Complete, PARTS, u64::from(PARTS * ROWS)).await;
    assert_eq!((job.status, job.counts.accepted), (JobStatus::Complete, u64::from(PARTS * ROWS)));
    folder
}

wherever_people_are_kept! {
async fn an_addition_survives_kills(kept: Kept) {
    let folder = survive(kept, JobMode::Add).await;
    let expected = (1..=PARTS).flat_map(|number| (0..ROWS).map(move |row| format!("p{number}-{row}@x.org")));
    let mut expected: Vec<String> = expected.chain(["old@x.org".to_owned()]).collect();
    expected.sort();
    assert_eq!(kept.members(&folder, "S"), expected);
    if kept.in_tables() {
        assert_eq!(folder.number("select count(*) from contacts") as u32, PARTS * ROWS + 1);
    }
    kept.assert_nothing_staged(&folder);
}

async fn a_replacement_survives_kills(kept: Kept) {
    let folder = survive(kept, JobMode::Replace).await;
    let expected = (1..=PARTS).flat_map(|number| (0..ROWS).map(move |row| format!("p{number}-{row}@x.org")));
    let mut expected: Vec<String> = expected.collect();
    expected.sort();
    assert_eq!(kept.members(&folder, "S"), expected);
    kept.assert_nothing_staged(&folder);
}
}

const MANY: &str = r#"
[producer]
[[producer.segments]]
id = "many"
name = "Many"
key = "id"
query = """with recursive n(i) as (select 1 union all select i + 1 from n where i < 300000)
    select i as id, i || '@x.org' as email from n"""
"#;

#[tokio::test]
async fn an_export_of_a_database_that_was_being_made_is_made_again_and_a_whole_one_is_kept() {
    let folder = Folder::new(MANY);
    folder.change("create table any_table (x)");
    is_made_again_or_kept(folder).await;
}

#[tokio::test]
async fn an_export_of_a_server_that_was_being_made_is_made_again_and_a_whole_one_is_kept() {
    is_made_again_or_kept(Folder::of_server(MANY)).await;
}

async fn is_made_again_or_kept(folder: Folder) {
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
