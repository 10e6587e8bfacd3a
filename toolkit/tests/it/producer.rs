//! A database, a server, or a folder of files, that offers audiences.

use model::contract::{EndpointDescription, JobStatus, Movement, Page, Segment};
use model::field::{FieldKind, FieldType};
use reqwest::{Method, StatusCode};
use sha2::{Digest, Sha256};

use crate::program::{Folder, Program, content_digest, export, nonsense, problem, refused};

const FILES: &str = r#"
[producer]
[[producer.segments]]
id = "all"
name = "All people"
file = "people.csv"
[[producer.segments]]
id = "with-mail"
name = "With mail"
file = "below/with mail.csv"
tags = ["mail"]
[[producer.segments]]
id = "nobody"
name = "Nobody"
file = "nobody.csv"
[[producer.segments]]
id = "broken"
name = "Broken"
file = "broken.csv"
"#;

const SECTIONS: &str = r#"
[producer]
[[producer.segments]]
id = "all"
name = "All people"
table = "people"
key = "id"
[[producer.segments]]
id = "with-mail"
name = "With mail"
query = "select id, email, length(email) as \"length of it\" from people where email <> '';"
key = "id"
tags = ["mail"]
[[producer.segments]]
id = "nobody"
name = "Nobody"
query = "select * from people where false"
[[producer.segments]]
id = "many"
name = "Many"
query = "with recursive n(i) as (select 1 union all select i + 1 from n limit 50000000) select i as id, 'x' as email from n"
[[producer.segments]]
id = "broken"
name = "Broken"
query = "select id, cast(x'61ff62' as text) as email from people"
"#;

/// Values that go wrong wherever CSV or SQL is done by hand.
const NASTY: [&str; 20] = [
    "plain",
    "",
    " leading and trailing ",
    "comma, and \"quotes\"",
    "\"",
    "line\nbreak",
    "line\r\nbreak",
    "\r",
    "O'Brien",
    "=SUM(A1:A9)",
    "0012",
    "José",
    "Jose\u{301}",
    "Αλέξανδρος",
    "محمد",
    "𠮷明 \u{1f469}\u{200d}\u{1f467}",
    "\u{feff}mark",
    "tab\there",
    "; drop table people; --",
    "\\N",
];

fn people() -> Folder {
    let folder = Folder::new(SECTIONS);
    let mut connection = folder.database();
    connection
        .execute_batch("create table people (id text primary key, email text, note text, amount, born text)")
        .unwrap();
    let transaction = connection.transaction().unwrap();
    for (index, value) in NASTY.iter().enumerate() {
        transaction
            .execute(
                "insert into people values (?1, ?2, ?3, ?4, null)",
                rusqlite::params![format!("{index:04}"), value, value.repeat(3), index as f64 / 4.0],
            )
            .unwrap();
    }
    transaction
        .execute("insert into people values ('9999', 'long@example.org', ?1, -12, x'00ff')", ["é".repeat(70_000)])
        .unwrap();
    transaction.commit().unwrap();
    folder
}

/// Where the audiences come from: the contract is the same.
#[derive(Clone, Copy, PartialEq, Eq)]
enum From {
    Database,
    Server,
    Files,
}

impl From {
    fn people(self) -> Folder {
        match self {
            Self::Database => people(),
            Self::Server => server(),
            Self::Files => files(),
        }
    }
}

/// What is said otherwise to a server.
fn sections_of_server() -> String {
    SECTIONS
        .replace("length(email) as", "length(email)::text as")
        .replace(
            "with recursive n(i) as (select 1 union all select i + 1 from n limit 50000000) select i as id, 'x' as email from n",
            "select i as id, 'x' as email from generate_series(1, 50000000) as n(i)",
        )
        .replace("select id, cast(x'61ff62' as text) as email from people", "select id, email from people")
}

/// The same people in a server.
fn server() -> Folder {
    let folder = Folder::of_server(&sections_of_server());
    let rows = people().rows("select id, email, note, cast(amount as text), lower(hex(born)) from people");
    folder.server().connected(|client| {
        client
            .batch_execute(
                "create table people (id text primary key, email text, note text, amount float8, born bytea)",
            )
            .unwrap();
        for row in rows {
            let row: Vec<&(dyn postgres::types::ToSql + Sync)> = row.iter().map(|value| value as _).collect();
            let sql = "insert into people values ($1, $2, $3, $4::text::float8, decode(nullif($5::text, ''), 'hex'))";
            client.execute(sql, &row).unwrap();
        }
    });
    folder
}

/// The same people as files.
fn files() -> Folder {
    let folder = Folder::of_files(FILES);
    std::fs::create_dir(folder.path("files/below")).unwrap();
    let database = people();
    for (name, sql) in [
        (
            "people.csv",
            "select id, email, note, cast(amount as text) as amount, lower(hex(born)) as born from people order by id",
        ),
        (
            "below/with mail.csv",
            "select id, email, cast(length(email) as text) as \"length of it\" from people where email <> '' order by id",
        ),
        ("nobody.csv", "select id, email from people where false"),
    ] {
        let connection = database.database();
        let statement = connection.prepare(sql).unwrap();
        let file = std::fs::File::create(folder.path("files").join(name)).unwrap();
        let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(file);
        writer.write_record(statement.column_names()).unwrap();
        for row in database.rows(sql) {
            writer.write_record(row.iter().map(|value| value.as_deref().unwrap_or(""))).unwrap();
        }
        writer.flush().unwrap();
    }
    folder.put("broken.csv", b"id,email\n0000,a\xffb\n");
    folder
}

/// Runs a test over a database, a server and files.
macro_rules! wherever_people_come_from {
    ($(async fn $name:ident($from:ident: From) $body:block)*) => {
        $(mod $name {
            use super::*;

            async fn test($from: From) $body

            #[tokio::test]
            async fn a_database() {
                test(From::Database).await;
            }

            #[tokio::test]
            async fn a_server() {
                test(From::Server).await;
            }

            #[tokio::test]
            async fn files() {
                test(From::Files).await;
            }
        })*
    };
}

/// Runs a test over a database and a server.
macro_rules! wherever_queries_are_run {
    ($(async fn $name:ident($from:ident: From) $body:block)*) => {
        $(mod $name {
            use super::*;

            async fn test($from: From) $body

            #[tokio::test]
            async fn a_database() {
                test(From::Database).await;
            }

            #[tokio::test]
            async fn a_server() {
                test(From::Server).await;
            }
        })*
    };
}

async fn ready(program: &Program, id: &str, segment: &str, fields: &[&str]) -> Vec<u8> {
    program.announced(&export(id, segment, fields)).await;
    let job = program.ended(id).await;
    assert_eq!(job.status, JobStatus::Complete, "{:?}", job.problem);
    let response = program.get(&format!("/v1/jobs/{id}/data")).await;
    assert_eq!(response.status(), StatusCode::OK);
    let part = &job.parts[0];
    let headers = response.headers().clone();
    let bytes = response.bytes().await.unwrap().to_vec();
    assert_eq!(headers["content-type"], "text/csv; charset=utf-8; header=present");
    assert_eq!(headers["content-length"], bytes.len().to_string().as_str());
    assert_eq!(headers["content-digest"], content_digest(&bytes).as_str());
    assert_eq!(part.bytes, Some(bytes.len() as u64));
    assert_eq!(part.sha256.as_deref(), Some(hex::encode(Sha256::digest(&bytes)).as_str()));
    assert_eq!(headers["etag"], format!("\"{}\"", hex::encode(Sha256::digest(&bytes))).as_str());
    bytes
}

wherever_people_come_from! {
async fn every_address_needs_the_key(from: From) {
    let folder = from.people();
    let program = folder.start();
    for (method, path) in [
        (Method::GET, "/v1/health"),
        (Method::GET, "/v1/endpoint"),
        (Method::GET, "/v1/segments"),
        (Method::GET, "/v1/segments/all"),
        (Method::POST, "/v1/jobs"),
        (Method::GET, "/v1/jobs/job_1"),
        (Method::GET, "/v1/jobs/job_1/data"),
        (Method::GET, "/v1/jobs/job_1/data/1"),
        (Method::PUT, "/v1/jobs/job_1/data/1"),
        (Method::PUT, "/v1/jobs/job_1/status"),
        (Method::GET, "/nothing/here"),
    ] {
        let open = || program.without_key(method.clone(), path);
        refused(open().send().await.unwrap(), 401, "wrong_key").await;
        refused(open().bearer_auth("the-key-of-these-test").send().await.unwrap(), 401, "wrong_key").await;
        refused(open().basic_auth(crate::program::KEY, None::<&str>).send().await.unwrap(), 401, "wrong_key").await;
    }
    assert_eq!(program.get("/v1/health").await.status(), StatusCode::OK);
    refused(program.get("/nothing/here").await, 404, "no_such_path").await;
    refused(program.request(Method::DELETE, "/v1/segments").send().await.unwrap(), 405, "wrong_method").await;
}

async fn it_says_what_it_is_and_lists_its_segments_page_by_page(from: From) {
    let folder = from.people();
    let program = folder.start();
    let description: EndpointDescription = program.get("/v1/endpoint").await.json().await.unwrap();
    assert_eq!(description.name, "Test");
    assert_eq!(description.producer.unwrap().movement, Movement::Pull);
    assert!(description.consumer.is_none());

    let first: Page<Segment> = program.get("/v1/segments?limit=2").await.json().await.unwrap();
    let ids = |page: &Page<Segment>| page.items.iter().map(|segment| segment.id.clone()).collect::<Vec<_>>();
    assert_eq!(ids(&first), ["all", "with-mail"]);
    let second: Page<Segment> =
        program.get(&format!("/v1/segments?limit=2&cursor={}", first.next.unwrap())).await.json().await.unwrap();
    assert_eq!(ids(&second)[0], "nobody");
    assert_eq!(first.items[0].size, Some(21));
    assert_eq!(second.items[0].size, Some(0));

    let with_mail: Segment = program.get("/v1/segments/with-mail").await.json().await.unwrap();
    let fields: Vec<_> = with_mail.fields.iter().map(|f| (f.name.as_str(), f.kind, f.field_type)).collect();
    assert_eq!(
        fields,
        [
            ("id", FieldKind::Identifier, FieldType::CustomerId),
            ("email", FieldKind::Identifier, FieldType::Email),
            ("length of it", FieldKind::Attribute, FieldType::String),
        ]
    );
    assert_eq!(with_mail.tags, ["mail"]);
    refused(program.get("/v1/segments/unknown").await, 404, "no_such_segment").await;
    for query in ["limit=0", "limit=501", "limit=x", "cursor=x", "side=both"] {
        refused(program.get(&format!("/v1/segments?{query}")).await, 400, "invalid_request").await;
    }
}

async fn a_size_follows_the_database(from: From) {
    let folder = from.people();
    let program = folder.start();
    let size = async || program.get("/v1/segments/all").await.json::<Segment>().await.unwrap().size;
    assert_eq!(size().await, Some(21));
    match from {
        From::Database | From::Server => folder.change("delete from people where id < '0005'"),
        From::Files => {
            let text = folder.file("people.csv");
            let mut reader = csv::Reader::from_reader(text.as_bytes());
            let mut writer = csv::Writer::from_writer(Vec::new());
            writer.write_record(reader.headers().unwrap()).unwrap();
            reader.records().skip(5).for_each(|row| writer.write_record(&row.unwrap()).unwrap());
            folder.put("people.csv", writer.into_inner().unwrap());
        }
    }
    assert_eq!(size().await, Some(16));
}

async fn exported_values_are_those_of_the_database(from: From) {
    let folder = from.people();
    let program = folder.start();
    let bytes = ready(&program, "job_1", "all", &["note", "id", "amount", "email", "born"]).await;
    assert!(bytes.starts_with(b"note,id,amount,email,born\r\n") && bytes.ends_with(b"\r\n"));

    let mut reader = csv::Reader::from_reader(bytes.as_slice());
    let exported: Vec<Vec<String>> =
        reader.records().map(|record| record.unwrap().iter().map(str::to_owned).collect()).collect();
    let stored: Vec<Vec<String>> = people()
        .rows("select note, id, cast(amount as text), email, lower(hex(born)) from people order by id")
        .into_iter()
        .map(|row| row.into_iter().map(Option::unwrap_or_default).collect())
        .collect();
    assert_eq!(exported.len(), stored.len());
    for (exported, stored) in exported.iter().zip(&stored) {
        assert_eq!(
            (&exported[0], &exported[1], &exported[3], &exported[4]),
            (&stored[0], &stored[1], &stored[3], &stored[4])
        );
        assert_eq!(exported[2].parse::<f64>().unwrap(), stored[2].parse::<f64>().unwrap());
    }
}

async fn only_the_wanted_rows_and_columns_are_exported(from: From) {
    let folder = from.people();
    let program = folder.start();
    let mut request = export("job_1", "with-mail", &["length of it"]);
    request.limit = Some(3);
    program.announced(&request).await;
    assert_eq!(program.ended("job_1").await.counts.rows, 3);
    let text = program.get("/v1/jobs/job_1/data/1").await.text().await.unwrap();
    assert_eq!(text, "length of it\r\n5\r\n22\r\n19\r\n");

    assert_eq!(ready(&program, "job_2", "nobody", &["id", "email"]).await, b"id,email\r\n");
}

async fn a_download_goes_on_where_it_broke_off(from: From) {
    let folder = from.people();
    let program = folder.start();
    let whole = ready(&program, "job_1", "all", &["id", "email", "note"]).await;
    let ranged = async |range: &str, if_range: Option<&str>| {
        let mut request = program.request(Method::GET, "/v1/jobs/job_1/data/1").header("Range", range);
        if let Some(tag) = if_range {
            request = request.header("If-Range", tag);
        }
        request.send().await.unwrap()
    };
    let start = ranged("bytes=0-99", None).await;
    assert_eq!(start.status(), StatusCode::PARTIAL_CONTENT);
    assert_eq!(start.headers()["content-range"], format!("bytes 0-99/{}", whole.len()).as_str());
    assert!(!start.headers().contains_key("content-digest"), "the digest would be that of the range, not of the whole");
    let tag = start.headers()["etag"].to_str().unwrap().to_owned();
    let mut joined = start.bytes().await.unwrap().to_vec();
    let rest = ranged("bytes=100-", Some(&tag)).await;
    assert_eq!(rest.status(), StatusCode::PARTIAL_CONTENT);
    joined.extend_from_slice(&rest.bytes().await.unwrap());
    assert_eq!(joined, whole);

    let changed = ranged("bytes=100-", Some("\"another\"")).await;
    assert_eq!(changed.status(), StatusCode::OK);
    assert_eq!(changed.bytes().await.unwrap(), whole);
    let outside = ranged(&format!("bytes={}-", whole.len()), None).await;
    assert_eq!(outside.headers()["content-range"], format!("bytes */{}", whole.len()).as_str());
    refused(outside, 416, "range_not_satisfiable").await;
    refused(program.get("/v1/jobs/job_1/data/2").await, 404, "no_such_part").await;
}

async fn a_repeated_job_is_answered_as_the_first(from: From) {
    let folder = from.people();
    let program = folder.start();
    let request = export("job_1", "all", &["id"]);
    program.announced(&request).await;
    let made = program.ended("job_1").await;
    assert_eq!(program.announced(&request).await, made);
    refused(program.announce(&export("job_1", "all", &["email"])).await, 409, "job_differs").await;
    assert_eq!(program.job("job_1").await, made);
}

async fn what_cannot_be_exported_is_said_at_once(from: From) {
    let folder = from.people();
    let program = folder.start();
    refused(program.announce(&export("job_1", "unknown", &["id"])).await, 404, "no_such_segment").await;
    let detail =
        refused(program.announce(&export("job_1", "with-mail", &["id", "note"])).await, 422, "unknown_field").await;
    assert!(detail.contains("\"note\""));
    refused(program.announce(&export("job_1", "all", &["id", "id"])).await, 422, "unknown_field").await;
    refused(program.announce(&export("job_1", "all", &[])).await, 422, "field_missing").await;
    refused(program.announce(&export("", "all", &["id"])).await, 400, "invalid_request").await;
    let import = crate::program::import("job_1", model::contract::JobMode::Add, Err("New"), &["id"]);
    refused(program.announce(&import).await, 422, "job_not_taken").await;
    let response = program.request(Method::POST, "/v1/jobs").json(&nonsense()).send().await.unwrap();
    refused(response, 400, "invalid_request").await;
    let response = program.request(Method::POST, "/v1/jobs").body(vec![b' '; 2 << 20]).send().await.unwrap();
    refused(response, 413, "too_large").await;
    refused(program.get("/v1/jobs/job_1").await, 404, "no_such_job").await;
    refused(program.report("job_1", JobStatus::Complete, 1, 0).await, 404, "no_such_job").await;
}

async fn bytes_that_are_not_utf8_fail_the_export_and_name_the_row(from: From) {
    // A server has none.
    if from == From::Server {
        return;
    }
    let folder = from.people();
    let program = folder.start();
    program.announced(&export("job_1", "broken", &["id", "email"])).await;
    let job = program.ended("job_1").await;
    assert_eq!(job.status, JobStatus::Failed);
    let detail = job.problem.unwrap().detail.unwrap();
    assert!(detail.contains("Row 1") && detail.contains("\"email\""), "{detail}");
    refused(program.get("/v1/jobs/job_1/data").await, 409, "wrong_status").await;
    assert!(folder.exports().is_empty());
}

async fn a_fetched_export_is_removed(from: From) {
    let folder = from.people();
    let program = folder.start();
    ready(&program, "job_1", "all", &["id"]).await;
    assert_eq!(folder.exports().len(), 1);
    let job = program.reported("job_1", JobStatus::Complete, 1, 21).await;
    assert_eq!((job.status, job.counts.rows), (JobStatus::Complete, 21));
    assert!(folder.exports().is_empty());
    assert_eq!(program.reported("job_1", JobStatus::Complete, 1, 21).await, job);
    refused(program.get("/v1/jobs/job_1/data").await, 410, "data_removed").await;
}
}

wherever_queries_are_run! {
async fn an_export_that_is_called_off_stops(from: From) {
    let folder = from.people();
    let program = folder.start();
    program.announced(&export("job_1", "many", &["id", "email"])).await;
    let (status, code, _) = problem(program.get("/v1/jobs/job_1/data").await).await;
    assert_eq!((status, code.as_str()), (409, "not_ready"));
    refused(program.report("job_1", JobStatus::Complete, 1, 1).await, 409, "wrong_status").await;
    assert_eq!(program.reported("job_1", JobStatus::Canceled, 0, 0).await.status, JobStatus::Canceled);
    while !folder.exports().is_empty() {
        tokio::task::yield_now().await;
    }
    assert_eq!(program.reported("job_1", JobStatus::Canceled, 0, 0).await.status, JobStatus::Canceled);
    assert_eq!(program.job("job_1").await.status, JobStatus::Canceled);
}

async fn a_job_whose_asker_hung_up_is_done_all_the_same(from: From) {
    let folder = from.people();
    let program = folder.start();
    for attempt in 0..40_u32 {
        let request = export(&format!("job_{attempt}"), "all", &["id"]);
        // At one moment or another of the answer.
        let asked = tokio::time::timeout(std::time::Duration::from_micros(250) * attempt, program.announce(&request));
        drop(asked.await);
        program.announced(&request).await;
        let ended = tokio::time::timeout(std::time::Duration::from_secs(20), program.ended(&request.id)).await;
        assert_eq!(ended.map(|job| job.status), Ok(JobStatus::Complete), "attempt {attempt}");
    }
}

async fn it_ends_when_it_is_told_to_even_while_it_exports(from: From) {
    let folder = from.people();
    let program = folder.start();
    program.announced(&export("job_1", "many", &["id", "email"])).await;
    while folder.exports().is_empty() {
        tokio::task::yield_now().await;
    }
    assert!(program.terminate().success());
    assert!(folder.exports().is_empty());
    let program = folder.start();
    assert_eq!(program.job("job_1").await.status, JobStatus::Running, "it is made again");
}

async fn a_configuration_that_does_not_fit_names_the_key_and_the_remedy(source: From) {
    let start_error = |from: &str, to: &str| {
        let folder = match source {
            From::Server => Folder::of_server(&sections_of_server().replace(from, to)),
            _ => Folder::new(&SECTIONS.replace(from, to)),
        };
        folder.change("create table people (id text primary key, email text)");
        folder.start_error()
    };
    let parameter = if source == From::Server { "select * from people where id = $1" } else { "select * from people where id = ?1" };
    for (from, to, expected) in [
        ("table = \"people\"", "table = \"peopel\"", "`producer.segments[0].query` cannot be run"),
        ("key = \"id\"", "key = \"number\"", "Its columns are: id, email."),
        ("select * from people where false", "delete from people", "`producer.segments[2].query` cannot be run"),
        ("select * from people where false", "select 1 as a, 2 as a", "`producer.segments[2].query` has two columns"),
        (
            "select * from people where false",
            parameter,
            "`producer.segments[2].query` has parameters",
        ),
        ("tags = [\"mail\"]", "fields = [{ name = \"phone\" }]", "`producer.segments[1].fields` has \"phone\""),
        ("[producer]", "colour = 1\n[producer]", "colour"),
    ] {
        let error = start_error(from, to);
        assert!(error.contains(expected), "expected {expected:?} in {error}");
    }
}
}

#[test]
fn a_database_that_is_not_there_is_named() {
    let missing = Folder::new(SECTIONS).start_error();
    assert!(missing.contains("cannot use the database") && missing.contains("check the path"), "{missing}");
}
