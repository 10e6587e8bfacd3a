//! A database, a server, or a folder of files, that takes audiences.

use model::contract::{EndpointDescription, JobCounts, JobMode, JobStatus, Movement, Page, Segment};
use model::field::FieldForm;
use reqwest::StatusCode;

use crate::program::{Folder, Program, Server, export, import, refused};

const TABLES: &str = r#"
[consumer]
table = "contacts"
segments_table = "lists"
members_table = "list_members"
"#;
const FIELDS: &str = r#"
key = "email"
rows_per_part = 30000
[[consumer.fields]]
name = "email"
[[consumer.fields]]
name = "phone"
[[consumer.fields]]
name = "first_name"
[[consumer.fields]]
name = "note"
[[consumer.fields]]
name = "born"
type = "date"
"#;

/// Where the people are kept: the contract is the same.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    Database,
    Server,
    Files,
}

impl Kept {
    pub fn contacts(self) -> Folder {
        self.contacts_and("")
    }

    pub fn contacts_and(self, sections: &str) -> Folder {
        match self {
            Self::Database => Folder::new(&format!("{TABLES}{FIELDS}{sections}")),
            Self::Server => Folder::of_server(&format!("{TABLES}{FIELDS}{sections}")),
            Self::Files => Folder::of_files(&format!("[consumer]\n{FIELDS}{sections}")),
        }
    }

    /// Whether people are rows of tables.
    pub fn in_tables(self) -> bool {
        self != Self::Files
    }

    /// Who is in the segment of this name, by key.
    pub fn members(self, folder: &Folder, segment: &str) -> Vec<String> {
        self.values(folder, segment, "email")
    }

    /// What those in the segment have in one column, by key.
    pub fn values(self, folder: &Folder, segment: &str, column: &str) -> Vec<String> {
        match self {
            Self::Database | Self::Server => {
                let rows = folder.rows(&format!(
                    "select coalesce(c.{column}, '') from list_members as m join lists as l on l.id = m.segment_id
                     join contacts as c on c.email = m.person_key where l.name = '{segment}' order by c.email"
                ));
                rows.into_iter().map(|row| row[0].clone().unwrap()).collect()
            }
            Self::Files => {
                let Some(path) = file_of(folder, segment) else { return Vec::new() };
                let mut reader = csv::Reader::from_path(path).unwrap();
                let header = reader.headers().unwrap().clone();
                let place = |name: &str| header.iter().position(|column| column == name).unwrap();
                let (key, place) = (place("email"), place(column));
                let mut rows: Vec<(String, String)> = reader
                    .records()
                    .map(Result::unwrap)
                    .map(|row| (row[key].to_owned(), row[place].to_owned()))
                    .collect();
                rows.sort();
                rows.into_iter().map(|(_, value)| value).collect()
            }
        }
    }

    /// Asserts that nothing is staged, and nothing half written lies about.
    pub fn assert_nothing_staged(self, folder: &Folder) {
        match self {
            Self::Database => assert_eq!(folder.number("select count(*) from usher_staged_rows"), 0),
            Self::Server => assert_eq!(folder.server().staged(), None),
            Self::Files => {
                assert_eq!(std::fs::read_dir(folder.path("state/imports")).unwrap().count(), 0);
                let mut files = std::fs::read_dir(folder.path("files")).unwrap();
                assert!(files.all(|file| file.unwrap().file_name().to_str().unwrap().ends_with(".csv")));
            }
        }
    }
}

/// The file of the segment that was made with this name.
pub fn file_of(folder: &Folder, segment: &str) -> Option<std::path::PathBuf> {
    let records = rusqlite::Connection::open(folder.path("state/imports.db")).unwrap();
    let id: String =
        records.query_row("select id from usher_segments where name = ?1", [segment], |row| row.get(0)).ok()?;
    Some(folder.path("files").join(format!("{id}.csv"))).filter(|path| path.exists())
}

impl Server {
    /// The table of the replacement that is staged, if there is one.
    pub fn staged(&self) -> Option<String> {
        let tables = self.rows("select oid::regclass::text from pg_class where relname like 'usher_staged_%'");
        tables.into_iter().next().and_then(|row| row[0].clone())
    }
}

/// Runs a test over a database, a server and files.
macro_rules! wherever_people_are_kept {
    ($(async fn $name:ident($kept:ident: Kept) $body:block)*) => {
        $(mod $name {
            use super::*;

            async fn test($kept: Kept) $body

            #[tokio::test]
            async fn in_a_database() {
                test(Kept::Database).await;
            }

            #[tokio::test]
            async fn in_a_server() {
                test(Kept::Server).await;
            }

            #[tokio::test]
            async fn in_files() {
                test(Kept::Files).await;
            }
        })*
    };
}
pub(crate) use wherever_people_are_kept;

/// Runs a test over a database and a server.
macro_rules! wherever_people_are_in_tables {
    ($(async fn $name:ident($kept:ident: Kept) $body:block)*) => {
        $(mod $name {
            use super::*;

            async fn test($kept: Kept) $body

            #[tokio::test]
            async fn in_a_database() {
                test(Kept::Database).await;
            }

            #[tokio::test]
            async fn in_a_server() {
                test(Kept::Server).await;
            }
        })*
    };
}

async fn listed(program: &Program) -> usize {
    let page: Page<Segment> = program.get("/v1/segments?limit=500").await.json().await.unwrap();
    page.items.len()
}

/// Makes a segment with these people by an ADD job, and gives its id.
async fn segment(program: &Program, name: &str, csv: &str) -> String {
    let fields: Vec<&str> = csv.lines().next().unwrap().split(',').collect();
    let job = program.announced(&import(&format!("job_{name}"), JobMode::Add, Err(name), &fields)).await;
    let result = program.sent_part(&job.id, 1, csv).await;
    program.reported(&job.id, JobStatus::Complete, 1, result.received).await;
    job.segment.id.unwrap()
}

wherever_people_are_kept! {
async fn it_says_what_it_takes(kept: Kept) {
    let folder = kept.contacts();
    let program = folder.start();
    let description: EndpointDescription = program.get("/v1/endpoint").await.json().await.unwrap();
    assert!(description.producer.is_none());
    let consumer = description.consumer.unwrap();
    assert_eq!(consumer.movement, Movement::Push);
    assert_eq!(consumer.delivery.modes, [JobMode::Add, JobMode::Replace, JobMode::Remove]);
    assert_eq!(consumer.delivery.rows_per_part, Some(30_000));
    assert!(consumer.fields[0].required, "the key is required, whatever the configuration says");
}

async fn people_are_added_to_a_new_segment_and_to_an_existing_one(kept: Kept) {
    let folder = kept.contacts();
    let program = folder.start();
    let job = program.announced(&import("job_1", JobMode::Add, Err("New ones"), &["email", "first_name"])).await;
    assert_eq!(job.status, JobStatus::WaitingToReceiveData);
    let id = job.segment.id.clone().unwrap();
    let result =
        program.sent_part("job_1", 1, "email,first_name\r\na@x.org,Ana\r\nb@x.org,\"O'Brien, \"\"Bo\"\"\"\r\n").await;
    assert_eq!((result.received, result.accepted, result.refusals.len()), (2, 2, 0));
    program.sent_part("job_1", 2, "first_name,email\r\n\"two\r\nlines\",c@x.org\r\n").await;
    let done = program.reported("job_1", JobStatus::Complete, 2, 3).await;
    assert_eq!(done.status, JobStatus::Complete);
    assert_eq!(done.counts, JobCounts { rows: 3, accepted: 3, refused: 0 });
    assert_eq!(program.reported("job_1", JobStatus::Complete, 2, 3).await, done);
    assert_eq!(kept.members(&folder, "New ones"), ["a@x.org", "b@x.org", "c@x.org"]);

    program.announced(&import("job_2", JobMode::Add, Ok(&id), &["email", "first_name"])).await;
    program.sent_part("job_2", 1, "email,first_name\nc@x.org,Carla\nd@x.org,=SUM(A1)\nd@x.org,Später\n").await;
    program.reported("job_2", JobStatus::Complete, 1, 3).await;
    assert_eq!(kept.members(&folder, "New ones"), ["a@x.org", "b@x.org", "c@x.org", "d@x.org"]);
    let names = kept.values(&folder, "New ones", "first_name");
    assert_eq!(names, ["Ana", "O'Brien, \"Bo\"", "Carla", "Später"], "of two rows of one person the later wins");

    let page: Page<Segment> = program.get("/v1/segments").await.json().await.unwrap();
    assert_eq!((page.items[0].id.as_str(), page.items[0].size, page.next), (id.as_str(), Some(4), None));
}

async fn a_column_that_did_not_come_keeps_its_value(kept: Kept) {
    let folder = kept.contacts();
    let program = folder.start();
    let id = segment(&program, "S", "email,phone,first_name,born\na@x.org,912345678,Ana,1990-01-31\n").await;
    program.announced(&import("job_2", JobMode::Add, Ok(&id), &["email", "first_name", "born"])).await;
    program.sent_part("job_2", 1, "email,first_name,born\na@x.org,,\n").await;
    program.reported("job_2", JobStatus::Complete, 1, 1).await;
    let row = ["phone", "first_name", "born"].map(|column| kept.values(&folder, "S", column).remove(0));
    assert_eq!(row, ["912345678", "", ""]);
    if kept.in_tables() {
        assert_eq!(folder.number("select count(*) from contacts where first_name = '' and born is null"), 1);
    }
}

async fn rows_are_refused_one_by_one_with_a_reason(kept: Kept) {
    let folder = kept.contacts();
    let program = folder.start();
    program.announced(&import("job_1", JobMode::Add, Err("S"), &["email", "phone", "born"])).await;
    let csv = "email,phone,born\na@x.org,,\nsecret-value,,\n,912345678,\nb@x.org,call me,\nc@x.org,,31.01.1990\n\"d@x.org\",+351 912 345 678,2024-02-29\n";
    let result = program.sent_part("job_1", 1, csv).await;
    assert_eq!((result.received, result.accepted), (6, 2));
    let refusals: Vec<_> =
        result.refusals.iter().map(|r| (r.row, r.code.as_str(), r.field.as_deref().unwrap())).collect();
    assert_eq!(
        refusals,
        [
            (2, "invalid_email", "email"),
            (3, "required_empty", "email"),
            (4, "invalid_phone", "phone"),
            (5, "invalid_value", "born")
        ]
    );
    assert!(result.refusals.iter().all(|refusal| !refusal.reason.contains("secret-value")));
    let job = program.reported("job_1", JobStatus::Complete, 1, 6).await;
    assert_eq!(job.status, JobStatus::CompleteWithRejects);
    assert_eq!(job.counts, JobCounts { rows: 6, accepted: 2, refused: 4 });
    assert_eq!(kept.members(&folder, "S"), ["a@x.org", "d@x.org"]);
}

async fn jobs_that_cannot_be_done_are_refused_before_anything_is_made(kept: Kept) {
    let folder = kept.contacts();
    let program = folder.start();
    let id = segment(&program, "S", "email\na@x.org\n").await;
    let lists = listed(&program).await;
    let cases = [
        (import("job_x", JobMode::Add, Err("S"), &["email"]), 409, "segment_exists"),
        (import("job_x", JobMode::Add, Ok("unknown"), &["email"]), 404, "no_such_segment"),
        (import("job_x", JobMode::Add, Err("T"), &["email", "shoe_size"]), 422, "unknown_field"),
        (import("job_x", JobMode::Add, Err("T"), &["email", "email"]), 422, "unknown_field"),
        (import("job_x", JobMode::Add, Err("T"), &["first_name"]), 422, "field_missing"),
        (import("job_x", JobMode::Replace, Ok(&id), &["phone"]), 422, "field_missing"),
        (import("job_x", JobMode::Remove, Ok(&id), &["first_name"]), 422, "field_missing"),
        (import("job_x", JobMode::Remove, Err("T"), &["email"]), 422, "job_not_taken"),
        (import("job_x", JobMode::Add, Err("  "), &["email"]), 422, "job_not_taken"),
        (import("job_S", JobMode::Replace, Ok(&id), &["email"]), 409, "job_differs"),
        (export("job_x", "S", &["email"]), 422, "job_not_taken"),
    ];
    for (request, status, code) in cases {
        refused(program.announce(&request).await, status, code).await;
    }
    let mut hashed = import("job_x", JobMode::Add, Err("T"), &["email"]);
    hashed.fields[0].form = FieldForm::Sha256Hex;
    refused(program.announce(&hashed).await, 422, "unknown_field").await;
    assert_eq!(listed(&program).await, lists);

    let first = import("job_y", JobMode::Add, Err("T"), &["email"]);
    let job = program.announced(&first).await;
    assert_eq!(program.announced(&first).await, job, "the job that made the segment may be announced again");
    assert_eq!(listed(&program).await, lists + 1);
}

async fn people_are_removed_by_key_and_no_person_is_changed(kept: Kept) {
    let folder = kept.contacts();
    let program = folder.start();
    let id = segment(&program, "S", "email\na@x.org\nb@x.org\nc@x.org\n").await;
    segment(&program, "Other", "email\na@x.org\n").await;
    program.announced(&import("job_2", JobMode::Remove, Ok(&id), &["email", "first_name"])).await;
    let result = program.sent_part("job_2", 1, "email,first_name\na@x.org,Changed\nnobody@x.org,\nc@x.org,\n").await;
    assert_eq!((result.received, result.accepted), (3, 3), "who is not there needs no removing");
    program.reported("job_2", JobStatus::Complete, 1, 3).await;
    assert_eq!(kept.members(&folder, "S"), ["b@x.org"]);
    assert_eq!(kept.members(&folder, "Other"), ["a@x.org"]);
    assert_eq!(kept.values(&folder, "S", "first_name"), [""]);
    if kept.in_tables() {
        let unchanged = folder.number("select count(*) from contacts where first_name is null");
        assert_eq!(unchanged, 3, "they stay in the database as they were");
    }
}

async fn people_are_removed_by_the_identifiers_that_there_are(kept: Kept) {
    let folder = kept.contacts_and("[[consumer.fields]]\nname = \"id\"\n");
    let program = folder.start();
    let people = "email,phone,id\na@x.org,9111111,1\nb@x.org,9111111,2\nc@x.org,9333333,3\nd@x.org,9444444,\n";
    let id = segment(&program, "S", people).await;
    program.announced(&import("job_2", JobMode::Remove, Ok(&id), &["phone", "id"])).await;
    // Both must fit; what a row leaves empty says nothing; a row that says nothing is refused.
    let result = program.sent_part("job_2", 1, "phone,id\n9111111,2\n,3\n9444444,4\n,\n").await;
    assert_eq!((result.received, result.accepted), (4, 3));
    assert_eq!((result.refusals[0].row, result.refusals[0].code.as_str()), (4, "required_empty"));
    program.reported("job_2", JobStatus::Complete, 1, 4).await;
    assert_eq!(kept.members(&folder, "S"), ["a@x.org", "d@x.org"]);
    kept.assert_nothing_staged(&folder);
}

async fn a_replaced_segment_is_as_it_was_until_the_new_one_is_whole(kept: Kept) {
    let folder = kept.contacts();
    let program = folder.start();
    let id = segment(&program, "S", "email\na@x.org\nb@x.org\n").await;
    let since = || match kept {
        Kept::Database | Kept::Server => folder.rows("select added_at from list_members where person_key = 'b@x.org'"),
        Kept::Files => Vec::new(),
    };
    let stayed_since = since();
    program.announced(&import("job_2", JobMode::Replace, Ok(&id), &["email", "first_name"])).await;
    program.sent_part("job_2", 2, "email,first_name\nc@x.org,Later\nd@x.org,Dora\n").await;
    program.sent_part("job_2", 1, "email,first_name\nb@x.org,Bo\nc@x.org,Earlier\nbad,\n").await;
    assert_eq!(kept.members(&folder, "S"), ["a@x.org", "b@x.org"]);
    if kept.in_tables() {
        assert_eq!(folder.number("select count(*) from contacts"), 2, "not even the people are there yet");
    }

    for (parts, rows) in [(1, 5), (2, 4), (3, 5)] {
        refused(program.report("job_2", JobStatus::Complete, parts, rows).await, 409, "totals_differ").await;
        assert_eq!(kept.members(&folder, "S"), ["a@x.org", "b@x.org"]);
    }
    let job = program.reported("job_2", JobStatus::Complete, 2, 5).await;
    assert_eq!(job.status, JobStatus::CompleteWithRejects);
    assert_eq!(job.counts, JobCounts { rows: 5, accepted: 4, refused: 1 });
    assert_eq!(kept.members(&folder, "S"), ["b@x.org", "c@x.org", "d@x.org"]);
    assert_eq!(kept.values(&folder, "S", "first_name"), ["Bo", "Later", "Dora"]);
    assert_eq!(since(), stayed_since);
    kept.assert_nothing_staged(&folder);
    if kept.in_tables() {
        assert_eq!(folder.number("select count(*) from contacts"), 4);
    }
}

async fn a_replacement_that_is_called_off_or_refused_changes_nothing_and_one_by_nobody_empties(kept: Kept) {
    let folder = kept.contacts();
    let program = folder.start();
    let id = segment(&program, "S", "email\na@x.org\n").await;
    program.announced(&import("job_2", JobMode::Replace, Ok(&id), &["email"])).await;
    program.sent_part("job_2", 1, "email\nb@x.org\n").await;
    assert_eq!(program.reported("job_2", JobStatus::Failed, 1, 1).await.status, JobStatus::Failed);
    kept.assert_nothing_staged(&folder);
    refused(program.report("job_2", JobStatus::Complete, 1, 1).await, 409, "wrong_status").await;

    program.announced(&import("job_3", JobMode::Replace, Ok(&id), &["email"])).await;
    program.sent_part("job_3", 1, "email\nbad\n").await;
    refused(program.report("job_3", JobStatus::Complete, 1, 1).await, 409, "would_empty").await;
    program.announced(&import("job_4", JobMode::Replace, Ok(&id), &["email"])).await;
    assert_eq!(kept.members(&folder, "S"), ["a@x.org"]);
    // That nobody is sent at all is meant.
    assert_eq!(program.reported("job_4", JobStatus::Complete, 0, 0).await.status, JobStatus::Complete);
    assert!(kept.members(&folder, "S").is_empty());
}

async fn an_added_segment_that_is_called_off_stays_only_when_somebody_is_in_it(kept: Kept) {
    let folder = kept.contacts();
    let program = folder.start();
    for (mode, job) in [(JobMode::Add, "job_1"), (JobMode::Replace, "job_2")] {
        let id = program.announced(&import(job, mode, Err("Empty"), &["email"])).await.segment.id.unwrap();
        if mode == JobMode::Replace {
            program.sent_part(job, 1, "email\na@x.org\n").await;
        }
        program.reported(job, JobStatus::Canceled, 0, 0).await;
        refused(program.get(&format!("/v1/segments/{id}")).await, 404, "no_such_segment").await;
    }
    let id = program.announced(&import("job_3", JobMode::Add, Err("Some"), &["email"])).await.segment.id.unwrap();
    program.sent_part("job_3", 1, "email\na@x.org\n").await;
    program.reported("job_3", JobStatus::Canceled, 0, 0).await;
    assert_eq!(program.get(&format!("/v1/segments/{id}")).await.status(), StatusCode::OK);
    refused(program.send_part("job_3", 2, "email\nb@x.org\n").await, 409, "wrong_status").await;
    assert_eq!(kept.members(&folder, "Some"), ["a@x.org"]);
}

async fn segments_are_listed_page_by_page(kept: Kept) {
    let folder = kept.contacts();
    let program = folder.start();
    for index in 0..5 {
        program.announced(&import(&format!("job_{index}"), JobMode::Add, Err(&format!("S{index}")), &["email"])).await;
    }
    let mut names = Vec::new();
    let mut cursor = String::new();
    loop {
        let page: Page<Segment> = program.get(&format!("/v1/segments?limit=2{cursor}")).await.json().await.unwrap();
        assert!(page.items.len() <= 2);
        names.extend(page.items.into_iter().map(|segment| segment.name));
        match page.next {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    names.sort();
    assert_eq!(names, ["S0", "S1", "S2", "S3", "S4"]);
}
}

wherever_people_are_in_tables! {
async fn an_application_s_own_tables_are_used_as_they_are(kept: Kept) {
    let folder = kept.contacts();
    let number = if kept == Kept::Server { "serial primary key" } else { "integer primary key" };
    folder.change(&format!(
            "create table contacts (number {number}, email varchar(200) unique, phone text, first_name text,
                note text default 'kept', born text);
             insert into contacts (email) values ('old@x.org');
             create table lists (id text primary key, name text, created_at text, updated_at text, colour text default 'red');",
        ));
    let program = folder.start();
    segment(&program, "S", "email,first_name\nold@x.org,Olga\nnew@x.org,Nina\n").await;
    let rows = folder.rows("select email, first_name, note from contacts order by number");
    let text = |value: &str| Some(value.to_owned());
    assert_eq!(
        rows,
        [[text("old@x.org"), text("Olga"), text("kept")], [text("new@x.org"), text("Nina"), text("kept")]]
    );
    assert_eq!(kept.members(&folder, "S"), ["new@x.org", "old@x.org"]);
}

async fn tables_that_cannot_be_used_are_named_with_the_remedy(kept: Kept) {
    for (tables, expected) in [
        (
            "create table contacts (email text, phone text, first_name text, note text, born text)",
            "needs a unique index",
        ),
        (
            "create table contacts (email text primary key)",
            "`consumer.table` is \"contacts\", which has no column \"phone\"",
        ),
        ("create table lists (id text, name text)", "which has no column \"created_at\""),
        (
            "create table list_members (segment_id text, person_key text, added_at text)",
            "primary key on (segment_id, person_key)",
        ),
    ] {
        let folder = kept.contacts();
        folder.change(tables);
        let error = folder.start_error();
        assert!(error.contains(expected), "expected {expected:?} in {error}");
    }
}

async fn one_database_can_have_both_sides(kept: Kept) {
    let folder = kept.contacts_and(
        "[producer]\n[[producer.segments]]\nid = \"everyone\"\nname = \"Everyone\"\ntable = \"contacts\"\nkey = \"email\"\n",
    );
    // The producer's table must be there when the program starts; the consumer makes it first.
    let program = folder.start();
    segment(&program, "S", "email,first_name\na@x.org,Ana\n").await;
    let ids = async |query: &str| {
        let page: Page<Segment> = program.get(&format!("/v1/segments{query}")).await.json().await.unwrap();
        page.items.into_iter().map(|segment| segment.name).collect::<Vec<_>>()
    };
    assert_eq!(ids("").await, ["Everyone", "S"]);
    assert_eq!(ids("?side=producer").await, ["Everyone"]);
    assert_eq!(ids("?side=consumer").await, ["S"]);
    program.announced(&export("job_1", "everyone", &["first_name", "email"])).await;
    program.ended("job_1").await;
    assert_eq!(program.get("/v1/jobs/job_1/data").await.text().await.unwrap(), "first_name,email\r\nAna,a@x.org\r\n");
    refused(program.announce(&export("job_S", "everyone", &["email"])).await, 409, "job_differs").await;
    refused(program.announce(&import("job_1", JobMode::Add, Err("T"), &["email"])).await, 409, "job_differs").await;
}
}
