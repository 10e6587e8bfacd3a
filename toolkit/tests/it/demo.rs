//! The demo's two applications: made once, the same for the same seed, and able to talk to each other's contract.

use std::path::Path;

use model::contract::{JobMode, JobStatus, Page, Segment};
use reqwest::Method;
use rusqlite::Connection;

use crate::program::{Program, command, export, import};

fn make(folder: &Path, people: &str) -> String {
    let output =
        command(&["demo", "--harbor-listen", "127.0.0.1:0", "--beacon-listen", "127.0.0.1:0", "--people", people])
            .args(["--harbor-key", crate::program::KEY, "--beacon-key", crate::program::KEY, "--folder"])
            .arg(folder)
            .output()
            .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn it_is_made_once_and_the_same_for_the_same_seed() {
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    assert!(make(first.path(), "500").contains("with 500 people"));
    make(second.path(), "500");
    let read = |folder: &Path, file: &str| std::fs::read(folder.join(file)).unwrap();
    for file in ["harbor.db", "beacon.db", "harbor.toml", "beacon.toml"] {
        assert!(read(first.path(), file) == read(second.path(), file), "{file} differs");
    }
    let before = read(first.path(), "harbor.db");
    let again = make(first.path(), "9");
    assert_eq!(again.matches("Kept ").count(), 4, "{again}");
    assert!(read(first.path(), "harbor.db") == before);
}

#[tokio::test]
async fn harbor_s_people_arrive_at_beacon_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    make(folder.path(), "3000");
    let harbor = Program::start(&folder.path().join("harbor.toml"));
    let beacon = Program::start(&folder.path().join("beacon.toml"));
    let segments: Page<Segment> = harbor.get("/v1/segments").await.json().await.unwrap();
    assert_eq!(segments.items.len(), 7);
    assert_eq!(segments.items[0].size, Some(3_000));
    assert!(segments.items.iter().any(|segment| segment.size == Some(0)));

    harbor.announced(&export("job_1", "all-customers", &["email", "last_name", "address"])).await;
    assert_eq!(harbor.ended("job_1").await.counts.rows, 3_000);
    let csv = harbor.get("/v1/jobs/job_1/data").await.text().await.unwrap();
    let (_, rows) = csv.split_once("\r\n").unwrap();
    beacon
        .announced(&import("job_1", JobMode::Add, Err("From Harbor"), &["email", "family_name", "postal_address"]))
        .await;
    let sent = format!("email,family_name,postal_address\r\n{rows}");
    let result = beacon.sent_part("job_1", 1, &sent).await;
    assert_eq!(result.received, 3_000);
    assert_eq!(result.accepted + result.refusals.len() as u64, 3_000);
    assert!(result.accepted > 2_700 && !result.refusals.is_empty());
    let job = beacon.reported("job_1", JobStatus::Complete, 1, 3_000).await;
    assert_eq!(job.status, JobStatus::CompleteWithRejects);

    // Every accepted row's values stand in Beacon's table byte for byte; of rows with one e-mail the last.
    let mut reader = csv::Reader::from_reader(sent.as_bytes());
    let refused: std::collections::HashSet<u64> = result.refusals.iter().map(|refusal| refusal.row).collect();
    let mut expected = std::collections::BTreeMap::new();
    for (row, record) in (1..).zip(reader.records()) {
        let record = record.unwrap();
        if !refused.contains(&row) {
            expected.insert(record[0].to_owned(), (record[1].to_owned(), record[2].to_owned()));
        }
    }
    let connection = Connection::open(folder.path().join("beacon.db")).unwrap();
    let mut find = connection
        .prepare(
            "select family_name, postal_address from contacts join list_members on person_key = email
             where email = ?1 and segment_id = (select id from lists where name = 'From Harbor')",
        )
        .unwrap();
    for (email, values) in &expected {
        let stored: (String, String) = find.query_row([email], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        assert_eq!(stored, *values, "{email}");
    }
    let id = job.segment.id.unwrap();
    let list: Segment =
        beacon.request(Method::GET, &format!("/v1/segments/{id}")).send().await.unwrap().json().await.unwrap();
    assert_eq!(list.size, Some(expected.len() as u64));
}
