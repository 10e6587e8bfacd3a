//! What holds for a PostgreSQL database alone: types and constraints of its tables, its rights, what others see, and a server that goes away.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use model::contract::{JobMode, JobStatus, PartResult, Segment};
use model::field::FieldType;

use crate::consumer::Kept;
use crate::program::{Folder, Program, command, export, import, problem, refused};

const TYPED: &str = r#"
[consumer]
table = "crm.people"
segments_table = "crm.lists"
members_table = "crm.list_members"
key = "email"
[[consumer.fields]]
name = "email"
[[consumer.fields]]
name = "name"
[[consumer.fields]]
name = "age"
[[consumer.fields]]
name = "born"
[[consumer.fields]]
name = "country"
[[consumer.fields]]
name = "code"
[[consumer.fields]]
name = "team"
"#;
const TYPED_TABLES: &str = "create schema crm;
    create table crm.teams (id integer primary key);
    insert into crm.teams values (1), (2);
    create table crm.people (
        number bigint generated always as identity primary key,
        email varchar(20) not null unique,
        name text not null,
        age smallint check (age >= 18),
        born date,
        country char(2),
        code uuid unique,
        team integer references crm.teams,
        note text not null default 'kept');";
const COLUMNS: [&str; 7] = ["email", "name", "age", "born", "country", "code", "team"];
const CODE: &str = "11111111-1111-1111-1111-111111111111";

/// A row's number, the code, the field, and a piece of the reason.
type Refused = (u64, &'static str, Option<&'static str>, &'static str);

fn rows_that_are_refused() -> (String, Vec<Refused>) {
    let rows = [
        format!("a@x.org,Ana,30,1990-01-31,PT,{CODE},1"),
        "b-long-address@example.org,Bo,30,,PT,,1".to_owned(),
        "c@x.org,Carla,thirty,,PT,,1".to_owned(),
        "d@x.org,Dora,17,,PT,,1".to_owned(),
        "e@x.org,,,,,,".to_owned(),
        "f@x.org,Fred,30,31.12.1990,PT,,1".to_owned(),
        format!("g@x.org,Gina,30,,PT,{CODE},1"),
        "h@x.org,Hana,30,,PT,,3".to_owned(),
        "i@x.org,\"Ivo\u{0}\",30,,PT,,1".to_owned(),
        "j@x.org,\"tab\t, back\\slash \\N\r\nline\",40,,ES,,2".to_owned(),
        "k@x.org,Kim,99999,,PT,,1".to_owned(),
        "l@x.org,Lea,30,,PRT,,1".to_owned(),
        "m@x.org,Max,,,,,".to_owned(),
    ];
    let refused = vec![
        (2, "invalid_value", Some("email"), "longer than the 20 characters"),
        (3, "invalid_value", Some("age"), "smallint"),
        (4, "refused", None, "people_age_check"),
        (5, "required_empty", Some("name"), "must not be empty"),
        (6, "invalid_value", Some("born"), "date"),
        (7, "refused", None, "people_code_key"),
        (8, "refused", None, "people_team_fkey"),
        (9, "invalid_value", Some("name"), "NUL"),
        (11, "invalid_value", Some("age"), "smallint"),
        (12, "invalid_value", Some("country"), "longer than the 2 characters"),
    ];
    (format!("{}\n{}\n", COLUMNS.join(","), rows.join("\n")), refused)
}

fn assert_refused(result: &PartResult, expected: &[Refused]) {
    let found: Vec<_> =
        result.refusals.iter().map(|refusal| (refusal.row, refusal.code.as_str(), refusal.field.as_deref())).collect();
    let wanted: Vec<_> = expected.iter().map(|(row, code, field, _)| (*row, *code, *field)).collect();
    assert_eq!(found, wanted);
    for (refusal, (_, _, _, reason)) in result.refusals.iter().zip(expected) {
        assert!(refusal.reason.contains(reason), "expected {reason:?} in {refusal:?}");
        assert!(!refusal.reason.contains("x.org") && !refusal.reason.contains(CODE), "{refusal:?}");
    }
    assert_eq!(result.accepted, result.received - expected.len() as u64);
}

#[tokio::test]
async fn rows_that_the_tables_refuse_are_refused_one_by_one_and_all_others_are_kept() {
    for mode in [JobMode::Add, JobMode::Replace] {
        let folder = Folder::of_server(TYPED);
        folder.change(TYPED_TABLES);
        let program = folder.start();
        let description: serde_json::Value = program.get("/v1/endpoint").await.json().await.unwrap();
        assert_eq!(description["consumer"]["fields"][1]["required"], true, "the table insists on a name");
        program.announced(&import("job_1", mode, Err("S"), &COLUMNS)).await;
        let (csv, expected) = rows_that_are_refused();
        let first = program.sent_part("job_1", 1, &csv).await;
        assert_refused(&first, &expected);
        assert_eq!(program.sent_part("job_1", 1, &csv).await, first);
        let job = program.reported("job_1", JobStatus::Complete, 1, 13).await;
        assert_eq!((job.status, job.counts.accepted), (JobStatus::CompleteWithRejects, 3));
        let people = folder.rows(
            "select p.email, p.name, p.age, p.country, p.team, p.note from crm.people as p
             join crm.list_members as m on m.person_key = p.email order by 1",
        );
        let text = |value: &str| (!value.is_empty()).then(|| value.to_owned());
        let expected = [
            ["a@x.org", "Ana", "30", "PT", "1", "kept"],
            ["j@x.org", "tab\t, back\\slash \\N\r\nline", "40", "ES", "2", "kept"],
            ["m@x.org", "Max", "", "  ", "", "kept"],
        ];
        assert_eq!(people, expected.map(|row| row.map(text).to_vec()), "{mode:?}");
        assert_eq!(folder.server().staged(), None);
    }
}

#[tokio::test]
async fn of_two_rows_of_one_person_the_later_wins_unless_it_is_refused() {
    let folder = Folder::of_server(TYPED);
    folder.change(TYPED_TABLES);
    let program = folder.start();
    program.announced(&import("job_1", JobMode::Add, Err("S"), &["email", "name", "age"])).await;
    let csv = "email,name,age\na@x.org,One,20\nb@x.org,One,20\na@x.org,Two,7\nb@x.org,Two,21\nb@x.org,Three,22\n";
    let result = program.sent_part("job_1", 1, csv).await;
    assert_eq!(result.refusals.iter().map(|refusal| refusal.row).collect::<Vec<_>>(), [3]);
    let people = folder.rows("select name from crm.people order by email");
    assert_eq!(people, [[Some("One".to_owned())], [Some("Three".to_owned())]]);
}

#[tokio::test]
async fn what_only_shows_at_the_end_of_a_replacement_changes_nothing() {
    let folder = Folder::of_server(TYPED);
    folder.change(TYPED_TABLES);
    let program = folder.start();
    let id = program.announced(&import("job_1", JobMode::Add, Err("S"), &["email", "name"])).await.segment.id.unwrap();
    program.sent_part("job_1", 1, "email,name\na@x.org,Ana\n").await;
    program.reported("job_1", JobStatus::Complete, 1, 1).await;
    program.announced(&import("job_2", JobMode::Replace, Ok(&id), &["email", "name", "code"])).await;
    // Each of the two parts is good by itself.
    program.sent_part("job_2", 1, &format!("email,name,code\nb@x.org,Bo,{CODE}\n")).await;
    program.sent_part("job_2", 2, &format!("email,name,code\nc@x.org,Carla,{CODE}\n")).await;
    let detail = refused(program.report("job_2", JobStatus::Complete, 2, 2).await, 422, "invalid_data").await;
    assert!(detail.contains("people_code_key") && !detail.contains(CODE), "{detail}");
    assert_eq!(folder.rows("select email from crm.people"), [[Some("a@x.org".to_owned())]]);
    assert_eq!(program.reported("job_2", JobStatus::Canceled, 0, 0).await.status, JobStatus::Canceled);
    assert_eq!(folder.server().staged(), None);
}

#[tokio::test]
async fn people_who_are_as_the_job_brings_them_are_left_alone() {
    let folder = Kept::Server.contacts();
    let program = folder.start();
    let versions = || folder.rows("select xmin from contacts order by email");
    let csv = "email,first_name\na@x.org,Ana\nb@x.org,Bo\n";
    program.announced(&import("job_1", JobMode::Add, Err("S"), &["email", "first_name"])).await;
    program.sent_part("job_1", 1, csv).await;
    let before = versions();
    program.announced(&import("job_2", JobMode::Add, Err("T"), &["email", "first_name"])).await;
    program.sent_part("job_2", 1, &csv.replace("Bo", "Bob")).await;
    let after = versions();
    assert_eq!(before[0], after[0]);
    assert_ne!(before[1], after[1]);
    assert_eq!(Kept::Server.values(&folder, "T", "first_name"), ["Ana", "Bob"]);
}

#[tokio::test]
async fn values_are_exported_in_the_forms_of_the_contract() {
    let folder = Folder::of_server(
        "[producer]\n[[producer.segments]]\nid = \"all\"\nname = \"All\"\ntable = \"crm.people\"\nkey = \"id\"\n",
    );
    folder.change(
        "create schema crm;
         create type mood as enum ('glad', 'sad');
         create table crm.people (id bigint, yes boolean, at timestamptz, local timestamp, day date, bytes bytea, amount numeric(12,2),
            code uuid, about jsonb, tags text[], mood mood, name text);
         insert into crm.people values
            (2, true, '2026-01-31 08:30:00.25+02', '2026-01-31 08:30:00', '2026-01-31', '\\x00ff', 12.5,
             '11111111-1111-1111-1111-111111111111', '{\"a\": 1}', '{x,\"y z\"}', 'sad', E'a,\"b\"\\tc\\\\d\\nline\\\\N'),
            (1, false, null, null, null, null, null, null, null, null, null, '');
         do $$ begin
            execute format('alter database %I set timezone = ''America/New_York''', current_database());
            execute format('alter database %I set datestyle = ''German''', current_database());
         end $$;",
    );
    let program = folder.start();
    let segment: Segment = program.get("/v1/segments/all").await.json().await.unwrap();
    let types: Vec<FieldType> = segment.fields.iter().map(|field| field.field_type).collect();
    use FieldType::{Boolean, CustomerId, Date, Decimal, String, Timestamp};
    assert_eq!(
        types,
        [CustomerId, Boolean, Timestamp, String, Date, String, Decimal, String, String, String, String, String]
    );
    let names: Vec<&str> = segment.fields.iter().map(|field| field.name.as_str()).collect();
    program.announced(&export("job_1", "all", &names)).await;
    assert_eq!(program.ended("job_1").await.status, JobStatus::Complete);
    let text = program.get("/v1/jobs/job_1/data").await.text().await.unwrap();
    let expected = "id,yes,at,local,day,bytes,amount,code,about,tags,mood,name\r\n\
        1,false,,,,,,,,,,\r\n\
        2,true,2026-01-31T06:30:00.25+00:00,2026-01-31T08:30:00,2026-01-31,00ff,12.50,11111111-1111-1111-1111-111111111111,\
        \"{\"\"a\"\": 1}\",\"{x,\"\"y z\"\"}\",sad,\"a,\"\"b\"\"\tc\\d\nline\\N\"\r\n";
    assert_eq!(text, expected);

    program.announced(&export("job_2", "all", &["name"])).await;
    program.ended("job_2").await;
    let text = program.get("/v1/jobs/job_2/data").await.text().await.unwrap();
    assert!(text.starts_with("name\r\n\"\"\r\n\"a,"), "an empty value of one column is no empty line: {text:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_is_one_state_of_the_database() {
    let folder = Folder::of_server(
        "[producer]\n[[producer.segments]]\nid = \"all\"\nname = \"All\"\nquery = \"\"\"select a.id, a.round as one, b.round as other
            from people as a join people as b on b.id = 40001 - a.id\"\"\"\nkey = \"id\"\n",
    );
    folder.change(
        "create table people (id integer primary key, round integer);
        insert into people select i, 0 from generate_series(1, 40000) as i",
    );
    let program = folder.start();
    let is_over = AtomicBool::new(false);
    let rounds: Vec<String> = std::thread::scope(|scope| {
        scope.spawn(|| {
            folder.server().connected(|client| {
                while !is_over.load(Ordering::Relaxed) {
                    client.execute("update people set round = round + 1", &[]).unwrap();
                }
            });
        });
        let exporting = async {
            let mut rounds = Vec::new();
            for number in 0..5 {
                let id = format!("job_{number}");
                program.announced(&export(&id, "all", &["one", "other"])).await;
                assert_eq!(program.ended(&id).await.counts.rows, 40_000);
                let text = program.get(&format!("/v1/jobs/{id}/data")).await.text().await.unwrap();
                let mut lines: Vec<&str> = text.lines().skip(1).collect();
                lines.dedup();
                assert_eq!(lines.len(), 1, "{lines:?}");
                rounds.push(lines[0].to_owned());
            }
            rounds
        };
        let rounds = tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(exporting));
        is_over.store(true, Ordering::Relaxed);
        rounds
    });
    assert_ne!(rounds[0], rounds[4], "it changed all the time");
}

/// What another connection sees of a segment while it is replaced: the old members with the old names, or the new ones with the new.
#[tokio::test(flavor = "multi_thread")]
async fn others_see_the_old_segment_or_the_new_one() {
    const PEOPLE: usize = 20_000;
    let folder = Kept::Server.contacts();
    let program = folder.start();
    let part = |name: &str, from: usize| {
        let rows = (from..from + PEOPLE).map(|number| format!("p{number}@x.org,{name}\n"));
        std::iter::once("email,first_name\n".to_owned()).chain(rows).collect::<String>()
    };
    let fields = ["email", "first_name"];
    let id = program.announced(&import("job_1", JobMode::Add, Err("S"), &fields)).await.segment.id.unwrap();
    program.sent_part("job_1", 1, &part("old", 0)).await;
    program.reported("job_1", JobStatus::Complete, 1, PEOPLE as u64).await;
    program.announced(&import("job_2", JobMode::Replace, Ok(&id), &fields)).await;
    program.sent_part("job_2", 1, &part("new", PEOPLE / 2)).await;
    let is_over = AtomicBool::new(false);
    let mut seen = std::thread::scope(|scope| {
        let looking = scope.spawn(|| {
            folder.server().connected(|client| {
                let mut seen = Vec::new();
                // Once more when it is over, so that the end is seen for sure.
                loop {
                    let is_last = is_over.load(Ordering::Relaxed);
                    let row = client.query_one(
                        "select count(*), min(person_key), max(first_name) from list_members join contacts on email = person_key", &[],
                    );
                    let row = row.unwrap();
                    seen.push((row.get::<_, i64>(0) as usize, row.get::<_, String>(1), row.get::<_, String>(2)));
                    if is_last {
                        return seen;
                    }
                }
            })
        });
        let replacing = program.reported("job_2", JobStatus::Complete, 1, PEOPLE as u64);
        tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(replacing));
        is_over.store(true, Ordering::Relaxed);
        looking.join().unwrap()
    });
    seen.dedup();
    let old = (PEOPLE, "p0@x.org".to_owned(), "old".to_owned());
    let new = (PEOPLE, "p10000@x.org".to_owned(), "new".to_owned());
    assert_eq!(seen, [old, new]);
}

#[tokio::test]
async fn a_locked_table_is_not_waited_for_for_ever() {
    let folder = Kept::Server.contacts();
    let program = folder.start();
    program.announced(&import("job_1", JobMode::Add, Err("S"), &["email"])).await;
    let (locked, is_locked) = std::sync::mpsc::channel();
    let (answered, is_answered) = std::sync::mpsc::channel::<()>();
    let address = folder.server().address.clone();
    let other = std::thread::spawn(move || {
        let mut client = postgres::Client::connect(&address, postgres::NoTls).unwrap();
        client.batch_execute("begin; lock table contacts").unwrap();
        locked.send(()).unwrap();
        let _until = is_answered.recv_timeout(Duration::from_secs(60));
    });
    is_locked.recv().unwrap();
    let response = program.send_part("job_1", 1, "email\na@x.org\n").await;
    assert_eq!(response.headers()["retry-after"], "1");
    let detail = refused(response, 503, "database_unavailable").await;
    assert!(detail.contains("lock"), "{detail}");
    answered.send(()).unwrap();
    other.join().unwrap();
    let result = program.sent_part("job_1", 1, "email\na@x.org\n").await;
    assert_eq!(result.accepted, 1);
}

/// The server of these tests, by a way that can be closed.
struct Gate {
    address: SocketAddr,
    server: String,
    open: Arc<AtomicBool>,
    passing: Arc<Mutex<Vec<TcpStream>>>,
}

impl Gate {
    /// A gate before the server of an address.
    fn before(address: &str) -> Self {
        let (_, rest) = address.split_once('@').unwrap();
        let (server, _) = rest.split_once('/').unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let gate = Self {
            address: listener.local_addr().unwrap(),
            server: server.to_owned(),
            open: Arc::new(AtomicBool::new(true)),
            passing: Arc::default(),
        };
        let (server, open, passing) = (gate.server.clone(), gate.open.clone(), gate.passing.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let stream = stream.unwrap();
                if !open.load(Ordering::SeqCst) {
                    continue;
                }
                let other = TcpStream::connect(&server).unwrap();
                passing.lock().unwrap().extend([stream.try_clone().unwrap(), other.try_clone().unwrap()]);
                for (mut from, mut to) in [(stream.try_clone().unwrap(), other.try_clone().unwrap()), (other, stream)] {
                    std::thread::spawn(move || {
                        let mut buffer = [0; 16 * 1024];
                        while let Ok(read) = from.read(&mut buffer) {
                            if read == 0 || to.write_all(&buffer[..read]).is_err() {
                                break;
                            }
                        }
                        let _ = to.shutdown(Shutdown::Both);
                    });
                }
            }
        });
        gate
    }

    /// An address through the gate.
    fn through(&self, address: &str) -> String {
        address.replace(&self.server, &self.address.to_string())
    }

    fn close(&self) {
        self.open.store(false, Ordering::SeqCst);
        for stream in self.passing.lock().unwrap().drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    fn open(&self) {
        self.open.store(true, Ordering::SeqCst);
    }
}

#[tokio::test]
async fn a_server_that_is_away_is_said_to_be_and_is_found_again() {
    let folder = Kept::Server.contacts_and(
        "[producer]\n[[producer.segments]]\nid = \"many\"\nname = \"Many\"\nquery = \"select i as id from generate_series(1, 3000000) as i\"\n\
         [[producer.segments]]\nid = \"everyone\"\nname = \"Everyone\"\ntable = \"contacts\"\nkey = \"email\"\n",
    );
    let gate = Gate::before(&folder.server().address);
    let through = gate.through(&folder.server().address).replace("postgres@", "postgres:hunter2@");
    std::fs::write(folder.path("address"), through).unwrap();
    let log = std::fs::File::create(folder.path("log")).unwrap();
    let program = Program::start_with(&folder.path("test.toml"), log.into());
    let id = program.announced(&import("job_1", JobMode::Add, Err("S"), &["email"])).await.segment.id.unwrap();
    program.sent_part("job_1", 1, "email\na@x.org\n").await;
    program.announced(&export("job_many", "many", &["id"])).await;
    while folder.exports().is_empty() {
        tokio::task::yield_now().await;
    }

    gate.close();
    let away = async |response: reqwest::Response| {
        assert_eq!(response.headers()["retry-after"], "1");
        let (status, code, detail) = problem(response).await;
        assert_eq!((status, code.as_str()), (503, "database_unavailable"), "{detail}");
        assert!(!detail.contains("hunter2"));
    };
    away(program.get("/v1/health").await).await;
    away(program.get("/v1/segments").await).await;
    away(program.announce(&export("job_2", "everyone", &["email"])).await).await;
    away(program.announce(&import("job_3", JobMode::Replace, Ok(&id), &["email"])).await).await;
    away(program.send_part("job_1", 2, "email\nb@x.org\n").await).await;
    away(program.report("job_1", JobStatus::Complete, 2, 2).await).await;

    gate.open();
    // What was under way goes on by itself, what was answered 503 is simply sent again.
    program.sent_part("job_1", 2, "email\nb@x.org\n").await;
    program.sent_part("job_1", 1, "email\na@x.org\n").await;
    assert_eq!(program.reported("job_1", JobStatus::Complete, 2, 2).await.status, JobStatus::Complete);
    program.announced(&export("job_2", "everyone", &["email"])).await;
    assert_eq!(program.ended("job_2").await.counts.rows, 2);
    let many = program.ended("job_many").await;
    assert_eq!((many.status, many.counts.rows), (JobStatus::Complete, 3_000_000), "{:?}", many.problem);
    assert_eq!(Kept::Server.members(&folder, "S"), ["a@x.org", "b@x.org"]);
    assert!(program.terminate().success());
    let log = std::fs::read_to_string(folder.path("log")).unwrap();
    assert!(log.contains("database_unavailable") && !log.contains("hunter2"), "{log}");
}

#[test]
fn what_cannot_be_used_is_said_without_the_password() {
    let with_address = |address: &str| {
        let folder = Kept::Server.contacts();
        std::fs::write(folder.path("address"), address).unwrap();
        folder.start_error()
    };
    let nobody = with_address("postgres://postgres:hunter2@127.0.0.1:1/crm");
    assert!(nobody.contains("cannot use the database 127.0.0.1:1/crm") && !nobody.contains("hunter2"), "{nobody}");
    let folder = Kept::Server.contacts();
    let missing =
        with_address(&format!("{}_missing", folder.server().address.replace("postgres@", "postgres:hunter2@")));
    assert!(missing.contains("does not exist") && !missing.contains("hunter2"), "{missing}");
    let plain = with_address(&format!("{}?sslmode=require", folder.server().address));
    assert!(plain.contains("TLS"), "{plain}");
}

/// A role that may do nothing but what it is granted.
fn role(folder: &Folder, grants: &str) -> String {
    let name = format!("toolkit_role_{:x}", rand::random::<u64>());
    folder.change(&format!("create role {name} login; {}", grants.replace("ROLE", &name)));
    let address = folder.server().address.replace("postgres@", &format!("{name}@"));
    std::fs::write(folder.path("address"), address).unwrap();
    name
}

#[tokio::test]
async fn missing_rights_are_named_at_the_start_and_the_least_will_do() {
    let tables = "create table contacts (email text primary key, phone text, first_name text, note text, born date);
         create table lists (id text primary key, name text, created_at timestamptz, updated_at timestamptz);
         create table list_members (segment_id text, person_key text, added_at timestamptz, primary key (segment_id, person_key));
         revoke all on schema public from public; grant usage on schema public to public;";
    let cases = [
        ("", "`schema` is \"usher\", which is not there and cannot be made"),
        ("create schema usher; grant usage on schema usher to ROLE;", "permission denied for schema usher"),
        ("create schema usher authorization ROLE;", "permission denied for table contacts"),
        (
            "create schema usher authorization ROLE; grant all on contacts, lists to ROLE; grant select, insert on list_members to ROLE;",
            "permission denied for table list_members",
        ),
    ];
    let granted = "create schema usher authorization ROLE; grant select, insert, update on contacts to ROLE;
         grant select, insert, update, delete on lists, list_members to ROLE;";
    for (grants, expected) in cases {
        let folder = Kept::Server.contacts();
        folder.change(tables);
        let role = role(&folder, grants);
        let error = folder.start_error();
        folder.change(&format!("drop owned by {role} cascade; drop role {role}"));
        assert!(error.contains(expected), "expected {expected:?} in {error}");
    }
    let folder = Kept::Server.contacts();
    folder.change(tables);
    let role = role(&folder, granted);
    let checked = command(&["check", "--config"]).arg(folder.path("test.toml")).stdin(Stdio::null()).output().unwrap();
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    assert!(String::from_utf8_lossy(&checked.stdout).contains("Takes 5 fields into the table \"contacts\""));
    assert_eq!(folder.number("select count(*) from pg_tables where schemaname = 'usher'"), 0, "a check leaves nothing");
    let program = folder.start();
    for (job, mode) in [("job_1", JobMode::Add), ("job_2", JobMode::Replace)] {
        program.announced(&import(job, mode, Err(job), &["email", "born"])).await;
        program.sent_part(job, 1, "email,born\na@x.org,1990-01-31\nb@x.org,\n").await;
        program.reported(job, JobStatus::Complete, 1, 2).await;
    }
    let id = folder.rows("select id from lists where name = 'job_2'")[0][0].clone().unwrap();
    program.announced(&import("job_3", JobMode::Remove, Ok(&id), &["email"])).await;
    program.sent_part("job_3", 1, "email\nb@x.org\n").await;
    program.reported("job_3", JobStatus::Complete, 1, 1).await;
    assert_eq!(Kept::Server.members(&folder, "job_2"), ["a@x.org"]);
    program.kill();
    folder.change(&format!("drop owned by {role} cascade; drop role {role}"));
}

#[tokio::test]
async fn two_programs_over_one_database_take_parts_of_one_job() {
    let folder = Kept::Server.contacts();
    let programs = [folder.start(), folder.start()];
    programs[0].announced(&import("job_1", JobMode::Add, Err("S"), &["email"])).await;
    let part = |number: usize| {
        format!("email\n{}", (0..500).map(|row| format!("p{number}-{row}@x.org\n")).collect::<String>())
    };
    let started = Instant::now();
    // Each part to both at once: it is taken once.
    for number in 1..=10 {
        let csv = part(number);
        let (one, other) = tokio::join!(
            programs[0].sent_part("job_1", number as u32, &csv),
            programs[1].sent_part("job_1", number as u32, &csv)
        );
        assert_eq!(one, other);
    }
    let job = programs[1].reported("job_1", JobStatus::Complete, 10, 5_000).await;
    assert_eq!(job.counts.accepted, 5_000);
    assert_eq!(Kept::Server.members(&folder, "S").len(), 5_000);
    assert!(started.elapsed() < Duration::from_secs(30));
}
