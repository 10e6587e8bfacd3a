//! The agent over a folder of files: a small Usher of these tests keeps jobs for it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Json;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, put};
use model::contract::{
    EndpointDescription, HostedJob, Job, JobCategory, JobCounts, JobMode, JobPart, JobSegment, JobStatus, Movement,
    Page, RegisteredEndpoint, Segment, StatusReport,
};
use sha2::{Digest, Sha256};

use crate::program::{Folder, command, field};

/// What Usher knows.
#[derive(Default)]
struct Known {
    description: Option<EndpointDescription>,
    segments: BTreeMap<String, Segment>,
    jobs: Vec<HostedJob>,
    /// By job and number: what the agent sent, and what it can fetch.
    parts: BTreeMap<(String, u32), Vec<u8>>,
    reports: Vec<(String, StatusReport)>,
    /// The next so many reports are refused.
    refuses_reports: u32,
}

type Usher = State<Arc<Mutex<Known>>>;

fn part_of(number: u32, csv: &[u8]) -> JobPart {
    JobPart {
        number,
        rows: Some(csv::Reader::from_reader(csv).records().count() as u64),
        bytes: Some(csv.len() as u64),
        sha256: Some(hex::encode(Sha256::digest(csv))),
    }
}

async fn listen(known: Arc<Mutex<Known>>) -> String {
    let registered = |known: &Known| {
        let nothing = EndpointDescription { name: String::new(), description: None, producer: None, consumer: None };
        Json(RegisteredEndpoint {
            id: "ep_1".to_owned(),
            description: known.description.clone().unwrap_or(nothing),
            url: None,
        })
    };
    let router = Router::new()
        .route(
            "/v1/endpoint",
            get(move |State(known): Usher| async move { registered(&known.lock().unwrap()) }).put(
                move |State(known): Usher, Json(description): Json<EndpointDescription>| async move {
                    let mut known = known.lock().unwrap();
                    known.description = Some(description);
                    registered(&known)
                },
            ),
        )
        .route(
            "/v1/endpoint/ep_1/segments",
            get(|State(known): Usher| async move {
                Json(Page { items: known.lock().unwrap().segments.values().cloned().collect(), next: None })
            }),
        )
        .route(
            "/v1/endpoint/ep_1/segments/{id}",
            put(|State(known): Usher, Path(id): Path<String>, Json(segment): Json<Segment>| async move {
                known.lock().unwrap().segments.insert(id, segment.clone());
                Json(segment)
            })
            .delete(|State(known): Usher, Path(id): Path<String>| async move {
                known.lock().unwrap().segments.remove(&id);
            }),
        )
        .route(
            "/v1/jobs",
            get(|State(known): Usher| async move {
                let known = known.lock().unwrap();
                let open = known.jobs.iter().filter(|job| !job.job.status.is_final());
                Json(Page { items: open.cloned().collect(), next: None })
            }),
        )
        .route(
            "/v1/jobs/{id}/data",
            get(|State(known): Usher, Path(id): Path<String>| async move {
                let known = known.lock().unwrap();
                let parts = known.parts.iter().filter(|((job, _), _)| *job == id);
                Json(Page { items: parts.map(|((_, number), csv)| part_of(*number, csv)).collect(), next: None })
            }),
        )
        .route(
            "/v1/jobs/{id}/data/{part}",
            get(|State(known): Usher, Path(at): Path<(String, u32)>| async move {
                known.lock().unwrap().parts[&at].clone()
            })
            .put(
                |State(known): Usher, Path(at): Path<(String, u32)>, headers: HeaderMap, body: Bytes| async move {
                    let csv = match headers.get("content-encoding") {
                        Some(_) => zstd::decode_all(&*body).unwrap(),
                        None => body.to_vec(),
                    };
                    let part = part_of(at.1, &csv);
                    known.lock().unwrap().parts.insert(at, csv);
                    Json(part)
                },
            ),
        )
        .route(
            "/v1/jobs/{id}/status",
            put(|State(known): Usher, Path(id): Path<String>, Json(report): Json<StatusReport>| async move {
                let mut known = known.lock().unwrap();
                let status = report.status;
                known.reports.push((id.clone(), report));
                if known.refuses_reports > 0 {
                    known.refuses_reports -= 1;
                    return Err(StatusCode::CONFLICT);
                }
                let job = known.jobs.iter_mut().find(|job| job.job.id == id).unwrap();
                job.job.status = status;
                Ok(Json(job.clone()))
            }),
        )
        .with_state(known);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    format!("http://{address}")
}

fn job(id: &str, mode: Option<JobMode>, segment: JobSegment, fields: &[&str], parts: Vec<JobPart>) -> HostedJob {
    let category = if mode.is_some() { JobCategory::SegmentImport } else { JobCategory::SegmentExport };
    HostedJob {
        job: Job {
            id: id.to_owned(),
            category,
            status: JobStatus::WaitingToReceiveData,
            segment,
            mode,
            parts,
            counts: JobCounts::default(),
            problem: None,
        },
        fields: fields.iter().map(|name| field(name)).collect(),
        created_at: "2026-01-01T00:00:00Z".to_owned(),
        expires_at: "2036-01-01T00:00:00Z".to_owned(),
    }
}

/// Lets the agent do what there is to do. How it ended, and its log.
async fn ended(folder: &Folder) -> (Option<i32>, String) {
    let configuration = folder.path("test.toml");
    let ended = tokio::task::spawn_blocking(move || {
        let mut agent = command(&["agent", "--once", "--config"]);
        agent.arg(configuration).output().unwrap()
    });
    let ended = ended.await.unwrap();
    (ended.status.code(), String::from_utf8(ended.stderr).unwrap())
}

/// The same, which ends well. Its log.
async fn once(folder: &Folder) -> String {
    let (code, log) = ended(folder).await;
    assert_eq!(code, Some(0), "{log}");
    log
}

#[tokio::test]
async fn files_are_declared_sent_and_fetched() {
    let known = Arc::new(Mutex::new(Known::default()));
    let url = listen(known.clone()).await;
    let folder = Folder::calling(
        &url,
        "folder = \"files\"",
        "[producer]\n[consumer]\nkey = \"email\"\n[[consumer.fields]]\nname = \"email\"\n[[consumer.fields]]\nname = \"note\"\n",
    );
    std::fs::create_dir(folder.path("files")).unwrap();
    folder.put("people.csv", "email,note\na@x.org,1\nb@x.org,\"2,3\"\n");
    once(&folder).await;
    {
        let mut known = known.lock().unwrap();
        let description = known.description.clone().unwrap();
        assert_eq!(description.producer.unwrap().movement, Movement::Push);
        assert_eq!(description.consumer.unwrap().movement, Movement::Pull);
        assert_eq!(known.segments["people"].size, Some(2));

        let people = JobSegment { id: Some("people".to_owned()), name: "people".to_owned() };
        known.jobs.push(job("job_1", None, people, &["email", "note"], Vec::new()));
        let parts: [&[u8]; 2] = [b"email,note\r\nd@x.org,4\r\nbad,5\r\n", b"note,email\r\n6,c@x.org\r\n"];
        let taken = (1..).zip(parts).map(|(number, csv)| {
            known.parts.insert(("job_2".to_owned(), number), csv.to_vec());
            part_of(number, csv)
        });
        let taken = taken.collect();
        let new = JobSegment { id: None, name: "New".to_owned() };
        known.jobs.push(job("job_2", Some(JobMode::Replace), new, &["email", "note"], taken));
    }
    folder.put("more.csv", "email\n");
    let log = once(&folder).await;
    for line in ["sending job.id=\"job_1\" rows=2", "fetching job.id=\"job_2\" rows=3"] {
        assert!(log.contains(line), "{line}: {log}");
    }
    assert!(!log.contains(['\x1b', '\r']), "no bars where no terminal is: {log}");
    {
        let known = known.lock().unwrap();
        let sent = &known.parts[&("job_1".to_owned(), 1)];
        assert_eq!(sent, b"email,note\r\na@x.org,1\r\nb@x.org,\"2,3\"\r\n");
        assert!(known.segments.contains_key("more"));
        let results: Vec<_> = known.reports.iter().filter(|(id, _)| id == "job_2").map(|(_, report)| report).collect();
        assert_eq!(results.len(), 3, "one for each part, and the end");
        let counts: Vec<_> =
            results.iter().flat_map(|report| &report.results).map(|result| (result.part, result.accepted)).collect();
        assert_eq!(counts, [(1, 1), (2, 1)]);
        assert_eq!(results[2].segment_id.as_deref(), Some("new"));
        assert!(known.jobs.iter().all(|job| job.job.status == JobStatus::Complete));
    }
    assert_eq!(folder.file("new.csv"), "email,note\r\nc@x.org,6\r\nd@x.org,4\r\n");

    // What goes is withdrawn, what came is declared.
    std::fs::remove_file(folder.path("files/more.csv")).unwrap();
    once(&folder).await;
    let declared: Vec<String> = known.lock().unwrap().segments.keys().cloned().collect();
    assert_eq!(declared, ["new", "people"]);
}

#[tokio::test]
async fn an_import_that_was_given_up_here_is_reported_as_failed_until_usher_hears_it() {
    let known = Arc::new(Mutex::new(Known { refuses_reports: 1, ..Known::default() }));
    let url = listen(known.clone()).await;
    let folder = Folder::calling(
        &url,
        "folder = \"files\"",
        "[consumer]\nkey = \"email\"\n[[consumer.fields]]\nname = \"email\"\n",
    );
    std::fs::create_dir(folder.path("files")).unwrap();
    // Another header than was announced: nothing of it can be taken.
    let csv = b"mail\r\na@x.org\r\n";
    {
        let mut known = known.lock().unwrap();
        known.parts.insert(("job_1".to_owned(), 1), csv.to_vec());
        let new = JobSegment { id: None, name: "New".to_owned() };
        known.jobs.push(job("job_1", Some(JobMode::Replace), new, &["email"], vec![part_of(1, csv)]));
    }
    for _ in 0..2 {
        let (code, log) = ended(&folder).await;
        assert_eq!(code, Some(5), "a job failed: {log}");
    }
    let known = known.lock().unwrap();
    let said: Vec<JobStatus> = known.reports.iter().map(|(_, report)| report.status).collect();
    assert_eq!(said, [JobStatus::Failed, JobStatus::Failed]);
    assert_eq!(known.jobs[0].job.status, JobStatus::Failed);
}

#[tokio::test]
async fn old_files_and_records_are_removed_by_the_agent_too() {
    let known = Arc::new(Mutex::new(Known::default()));
    let url = listen(known.clone()).await;
    let folder = Folder::calling(&url, "folder = \"files\"", "[producer]\n");
    std::fs::create_dir(folder.path("files")).unwrap();
    folder.put("people.csv", "email\na@x.org\n");
    once(&folder).await;
    // An export that Usher never took to its end.
    let request =
        serde_json::json!({"id": "job_1", "category": "SEGMENT_EXPORT", "segment": {"name": "people"}, "fields": []});
    let state = rusqlite::Connection::open(folder.path("state/state.db")).unwrap();
    let before = 1_000_000_000_000_i64;
    state
        .execute(
            "insert into exports (id, request, status, rows, bytes, sha256, created_at, changed_at)
             values ('job_1', ?1, 'COMPLETE', 1, 16, '', ?2, ?2)",
            rusqlite::params![request.to_string(), before],
        )
        .unwrap();
    drop(state);
    let name = format!("{}.csv", hex::encode(Sha256::digest(b"job_1")));
    std::fs::write(folder.path("state/exports").join(name), "email\r\na@x.org\r\n").unwrap();
    once(&folder).await;
    assert!(folder.exports().is_empty(), "{:?}", folder.exports());
}
