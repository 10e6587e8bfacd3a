//! What holds for a folder of CSV files alone: any file can be an audience, and files that people made are respected.

use std::collections::BTreeMap;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use model::contract::{JobMode, JobRequest, JobStatus, Page, Segment};
use reqwest::Response;

use crate::consumer::Kept;
use crate::program::{Folder, Program, export, import, refused};

async fn segments(program: &Program, query: &str) -> Vec<Segment> {
    program.get(&format!("/v1/segments?{query}")).await.json::<Page<Segment>>().await.unwrap().items
}

async fn names(program: &Program, query: &str) -> Vec<(String, String, Option<u64>)> {
    segments(program, query).await.into_iter().map(|segment| (segment.id, segment.name, segment.size)).collect()
}

async fn exported(program: &Program, job: &str, segment: &str, fields: &[&str]) -> String {
    program.announced(&export(job, segment, fields)).await;
    let ended = program.ended(job).await;
    assert_eq!(ended.status, JobStatus::Complete, "{:?}", ended.problem);
    program.get(&format!("/v1/jobs/{job}/data")).await.text().await.unwrap()
}

/// Sends one part and ends the job.
async fn imported(program: &Program, request: JobRequest, csv: &str) -> Response {
    program.announced(&request).await;
    let result = program.sent_part(&request.id, 1, csv).await;
    program.report(&request.id, JobStatus::Complete, 1, result.received).await
}

#[tokio::test]
async fn every_csv_file_of_a_folder_is_an_audience() {
    let folder = Folder::of_files("[producer]\n");
    folder.put("newsletter.csv", "email,first name\na@x.org,Ana\nb@x.org,Bo\n");
    folder.put("Spring 2026.CSV", "email\n");
    folder.put("notes.txt", "email\n");
    folder.put(".hidden.csv", "email\n");
    folder.put("empty.csv", "");
    folder.put("twice.csv", "email,email\n");
    std::fs::create_dir(folder.path("files/folder.csv")).unwrap();
    std::fs::write(folder.path("outside.csv"), "email\n").unwrap();
    std::os::unix::fs::symlink("../outside.csv", folder.path("files/link.csv")).unwrap();
    let program = folder.start();
    let found = names(&program, "").await;
    assert_eq!(found[0], ("newsletter".to_owned(), "newsletter".to_owned(), Some(2)));
    assert!(found[1].0.starts_with("spring-2026-") && found[1].1 == "Spring 2026" && found[1].2 == Some(0));
    assert_eq!(found.len(), 2, "{found:?}");

    // Files come, change and go.
    folder.put("another.csv", "id\n1\n");
    folder.put("newsletter.csv", "email\na@x.org\n");
    let sizes: Vec<_> = names(&program, "limit=3").await.into_iter().map(|(id, _, size)| (id, size)).collect();
    assert_eq!(sizes, [("another".to_owned(), Some(1)), ("newsletter".to_owned(), Some(1))]);
    std::fs::remove_file(folder.path("files/another.csv")).unwrap();
    assert_eq!(names(&program, "").await[0].0, "newsletter");
    refused(program.get("/v1/segments/another").await, 404, "no_such_segment").await;
    refused(program.announce(&export("job_1", "link", &["email"])).await, 404, "no_such_segment").await;
    assert_eq!(exported(&program, "job_1", &found[1].0, &["email"]).await, "email\n");
}

#[tokio::test]
async fn shared_fields_say_which_columns_are_offered() {
    let folder = Folder::of_files("[producer]\n[[producer.fields]]\nname = \"email\"\nlabel = \"Address\"\n");
    folder.put("one.csv", "secret,email\ns,a@x.org\n");
    folder.put("other.csv", "secret\ns\n");
    let program = folder.start();
    let found = segments(&program, "").await;
    assert_eq!(found.len(), 1, "a file with none of the fields is not offered");
    assert_eq!((found[0].fields.len(), found[0].fields[0].label.as_deref()), (1, Some("Address")));
    refused(program.announce(&export("job_1", "one", &["secret"])).await, 422, "unknown_field").await;
    assert_eq!(exported(&program, "job_1", "one", &["email"]).await, "email\r\na@x.org\r\n");
}

#[tokio::test]
async fn a_whole_file_is_handed_on_as_it_is_and_columns_of_it_are_picked() {
    let folder = Folder::of_files("[producer]\n");
    let text = "email,\"note\"\na@x.org,\"=SUM(A1)\"\r\n\n\"b@x.org\",\"two\r\nlines, \"\"quoted\"\"\"\nc@x.org,";
    folder.put("all.csv", format!("\u{feff}{text}"));
    let program = folder.start();
    assert_eq!(names(&program, "").await[0].2, Some(3));
    assert_eq!(exported(&program, "job_1", "all", &["email", "note"]).await, text);
    assert_eq!(program.job("job_1").await.counts.rows, 3);
    assert_eq!(
        exported(&program, "job_2", "all", &["note", "email"]).await,
        "note,email\r\n=SUM(A1),a@x.org\r\n\"two\r\nlines, \"\"quoted\"\"\",b@x.org\r\n,c@x.org\r\n"
    );
    let mut sample = export("job_3", "all", &["email", "note"]);
    sample.limit = Some(1);
    program.announced(&sample).await;
    assert_eq!(program.ended("job_3").await.counts.rows, 1);
}

#[tokio::test]
async fn a_file_that_is_broken_fails_its_export_and_says_where() {
    let folder = Folder::of_files("[producer]\n");
    folder.put("ragged.csv", "email,note\na@x.org,\nb@x.org\n");
    folder.put("bytes.csv", b"email,note\na@x.org,\nb@x.org,\xff\n");
    let program = folder.start();
    for (segment, fields, expected) in [
        ("ragged", ["email", "note"], "line 3 of the file has 1 values; the header has 2"),
        ("ragged", ["note", "email"], "line 3 of the file"),
        ("bytes", ["email", "note"], "Row 2 of the segment has bytes in \"note\""),
    ] {
        let job = format!("job_{segment}_{}", fields[0]);
        program.announced(&export(&job, segment, &fields)).await;
        let problem = program.ended(&job).await.problem.unwrap();
        assert_eq!(problem.code.as_deref(), Some("invalid_data"));
        assert!(problem.detail.as_ref().unwrap().contains(expected), "{problem:?}");
    }
    assert!(folder.exports().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_changes_while_it_is_exported_fails_and_can_be_tried_again() {
    let folder = Folder::of_files("[producer]\n");
    let row = "somebody@x.org,something\n";
    folder.put("growing.csv", format!("email,note\n{}", row.repeat(800_000)));
    let program = folder.start();
    let stop = AtomicBool::new(false);
    let path = folder.path("files/growing.csv");
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let mut file = std::fs::OpenOptions::new().append(true).open(&path).unwrap();
            while !stop.load(Ordering::Relaxed) {
                file.write_all(row.as_bytes()).unwrap();
            }
        });
        let exporting = async {
            let growing = segments(&program, "").await;
            assert!(growing[0].size >= Some(800_000), "the list does not fail for one that is being written");
            for attempt in 0.. {
                let job = format!("job_{attempt}");
                program.announced(&export(&job, "growing", &["email", "note"])).await;
                let ended = program.ended(&job).await;
                if ended.status == JobStatus::Failed {
                    return ended.problem.unwrap();
                }
                assert_eq!(ended.status, JobStatus::Complete);
            }
            unreachable!("there is always another attempt")
        };
        let problem = tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(exporting));
        stop.store(true, Ordering::Relaxed);
        assert_eq!((problem.code.as_deref(), problem.status), (Some("file_changed"), 503));
        writer.join().unwrap();
    });
    let text = exported(&program, "job_again", "growing", &["email", "note"]).await;
    assert!(text == folder.file("growing.csv"));
}

#[tokio::test]
async fn a_listed_file_that_is_missing_is_not_taken_for_withdrawn() {
    let folder = Folder::of_files(
        "[producer]\n[[producer.segments]]\nid = \"all\"\nname = \"All\"\nfile = \"all.csv\"\nfields = [{ name = \"email\" }]\n",
    );
    assert!(folder.start_error().contains("`producer.segments[0].file` is \"all.csv\", which cannot be used"));
    folder.put("all.csv", "mail\n");
    assert!(folder.start_error().contains("`producer.segments[0].fields` has \"email\", which is no column"));
    folder.put("all.csv", "email\na@x.org\n");
    let program = folder.start();
    std::fs::remove_file(folder.path("files/all.csv")).unwrap();
    refused(program.get("/v1/segments").await, 503, "folder_unavailable").await;
    folder.put("all.csv", "mail\n");
    refused(program.get("/v1/segments/all").await, 422, "invalid_data").await;
    folder.put("all.csv", "email\nb@x.org\n");
    assert_eq!(exported(&program, "job_1", "all", &["email"]).await, "email\nb@x.org\n");
    std::fs::remove_dir_all(folder.path("files")).unwrap();
    refused(program.get("/v1/health").await, 503, "folder_unavailable").await;
    let missing = folder.start_error();
    assert!(missing.contains("cannot use the folder") && missing.contains("Check the path"), "{missing}");
}

#[tokio::test]
async fn a_segment_is_a_file_in_the_order_of_its_keys() {
    let folder = Kept::Files.contacts();
    let program = folder.start();
    let csv = "note,email,first_name\n=SUM(A1),b@x.org,\"a \"\"b\"\", c\"\n\"two\r\nlines\",a@x.org,\u{feff}José\n";
    let request = import("job_1", JobMode::Add, Err("Spring 2026/1"), &["email", "first_name", "note"]);
    imported(&program, request, csv).await;
    assert_eq!(
        folder.file("spring-2026-1.csv"),
        "email,phone,first_name,note,born\r\na@x.org,,\u{feff}José,\"two\r\nlines\",\r\nb@x.org,,\"a \"\"b\"\", c\",=SUM(A1),\r\n"
    );
    // Names that are no file names, and names whose file names are taken.
    for (job, name, file) in [
        ("job_2", "Spring 2026 1", "spring-2026-1-2.csv"),
        ("job_3", "客户", "segment.csv"),
        ("job_4", "../../../etc/passwd", "etc-passwd.csv"),
        ("job_5", ".usher-x", "usher-x.csv"),
    ] {
        imported(&program, import(job, JobMode::Replace, Err(name), &["email"]), "email\na@x.org\n").await;
        assert_eq!(folder.file(file), "email,phone,first_name,note,born\r\na@x.org,,,,\r\n", "{name}");
    }
    let mut all: Vec<String> = segments(&program, "").await.into_iter().map(|segment| segment.name).collect();
    all.sort();
    assert_eq!(all, ["../../../etc/passwd", ".usher-x", "Spring 2026 1", "Spring 2026/1", "客户"]);

    // Without the file there is no segment, and its name is free.
    std::fs::remove_file(folder.path("files/segment.csv")).unwrap();
    refused(program.get("/v1/segments/segment").await, 404, "no_such_segment").await;
    imported(&program, import("job_6", JobMode::Add, Err("客户"), &["email"]), "email\nnew@x.org\n").await;
    assert_eq!(Kept::Files.members(&folder, "客户"), ["new@x.org"]);
}

#[tokio::test]
async fn a_file_that_is_there_keeps_its_columns_and_what_no_job_touches() {
    let folder = Kept::Files.contacts();
    let there = "colour,email,note\nred,z@x.org,last\nblue,,nobody\ngreen,b@x.org,old\nblue,,nobody too\nblack,c@x.org,1\nwhite,c@x.org,2\n";
    folder.put("there.csv", there);
    folder.put("no-key.csv", "name\nx\n");
    let private = std::fs::Permissions::from_mode(0o640);
    std::fs::set_permissions(folder.path("files/there.csv"), private.clone()).unwrap();
    let program = folder.start();
    assert_eq!(names(&program, "").await, [("there".to_owned(), "there".to_owned(), Some(6))]);
    refused(program.announce(&import("job_x", JobMode::Add, Ok("no-key"), &["email"])).await, 404, "no_such_segment")
        .await;
    refused(program.announce(&import("job_x", JobMode::Add, Err("no-key"), &["email"])).await, 409, "segment_exists")
        .await;

    let request = import("job_1", JobMode::Add, Ok("there"), &["email", "note", "phone"]);
    imported(&program, request, "email,note,phone\nb@x.org,new,912345678\na@x.org,first,\n").await;
    assert_eq!(
        folder.file("there.csv"),
        "colour,email,note,phone\r\nblue,,nobody,\r\nblue,,nobody too,\r\n,a@x.org,first,\r\ngreen,b@x.org,new,912345678\r\n\
         black,c@x.org,1,\r\nwhite,c@x.org,2,\r\nred,z@x.org,last,\r\n"
    );
    let mode = std::fs::metadata(folder.path("files/there.csv")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, private.mode());

    imported(&program, import("job_2", JobMode::Remove, Ok("there"), &["email"]), "email\nc@x.org\nx@x.org\n").await;
    imported(&program, import("job_3", JobMode::Remove, Ok("there"), &["phone"]), "phone\n912345678\n").await;
    assert_eq!(
        folder.file("there.csv"),
        "colour,email,note,phone\r\nblue,,nobody,\r\nblue,,nobody too,\r\n,a@x.org,first,\r\nred,z@x.org,last,\r\n"
    );
    imported(&program, import("job_4", JobMode::Replace, Ok("there"), &["email", "note"]), "email,note\nn@x.org,n\n")
        .await;
    assert_eq!(folder.file("there.csv"), "colour,email,note,phone\r\n,n@x.org,n,\r\n");
    Kept::Files.assert_nothing_staged(&folder);
}

#[tokio::test]
async fn a_file_that_was_broken_meanwhile_is_left_alone_until_it_is_mended() {
    let folder = Kept::Files.contacts();
    folder.put("there.csv", "email,note\na@x.org,1\n");
    let program = folder.start();
    program.announced(&import("job_1", JobMode::Add, Ok("there"), &["email"])).await;
    program.sent_part("job_1", 1, "email\nb@x.org\n").await;
    for (broken, expected) in [
        ("email,note\na@x.org\n", "line 2 of the file of the segment \"there\" has 1 values; its header has 2"),
        ("name\nx\n", "lacks the key's column"),
        ("", "has no header"),
    ] {
        folder.put("there.csv", broken);
        let detail = refused(program.report("job_1", JobStatus::Complete, 1, 1).await, 422, "invalid_data").await;
        assert!(detail.contains(expected), "{detail}");
        assert_eq!(folder.file("there.csv"), broken);
    }
    folder.put("there.csv", "email,note\nc@x.org,3\n");
    program.reported("job_1", JobStatus::Complete, 1, 1).await;
    assert_eq!(folder.file("there.csv"), "email,note\r\nb@x.org,\r\nc@x.org,3\r\n");
    Kept::Files.assert_nothing_staged(&folder);
}

#[tokio::test]
async fn one_folder_can_have_both_sides_and_any_delimiter() {
    let folder = Folder::over(
        "folder = \"files\"\ndelimiter = \";\"",
        "[producer]\n[consumer]\nkey = \"email\"\n[[consumer.fields]]\nname = \"email\"\n[[consumer.fields]]\nname = \"note\"\n",
    );
    // The folder is made when it is not there.
    let program = folder.start();
    imported(
        &program,
        import("job_1", JobMode::Add, Err("New"), &["email", "note"]),
        "email,note\na@x.org,\"1;2\"\nb@x.org,\"3,4\"\n",
    )
    .await;
    assert_eq!(folder.file("new.csv"), "email;note\r\na@x.org;\"1;2\"\r\nb@x.org;3,4\r\n");
    let of = async |side: &str| names(&program, &format!("side={side}")).await;
    assert_eq!(of("consumer").await, [("new".to_owned(), "New".to_owned(), Some(2))]);
    assert_eq!(of("producer").await, [("new".to_owned(), "new".to_owned(), Some(2))]);
    let text = exported(&program, "job_2", "new", &["email", "note"]).await;
    assert_eq!(text, "email,note\r\na@x.org,1;2\r\nb@x.org,\"3,4\"\r\n");
}

/// A sender that is never told what arrived, and goes on until everything was acknowledged.
async fn insist<T>(folder: &Folder, program: &mut Option<Program>, ask: impl AsyncFn(&Program) -> Option<T>) -> T {
    for longest in (30_000..).step_by(10_000) {
        let running = program.get_or_insert_with(|| folder.start());
        // Any moment: a part takes a few milliseconds. Where it takes longer than the program ever lives, it lives longer each time.
        let life = Duration::from_micros(rand::random_range(200..longest));
        match tokio::time::timeout(life, ask(running)).await {
            Ok(Some(answer)) => return answer,
            _ => program.take().unwrap().kill(),
        }
    }
    unreachable!("it lives longer each time")
}

#[tokio::test]
async fn files_are_equal_to_the_truth_however_often_the_program_is_killed() {
    let folder = Kept::Files.contacts();
    let mut program = None;
    let mut truth: BTreeMap<String, String> = BTreeMap::new();
    let mut id: Option<String> = None;
    for (job, mode) in [
        JobMode::Add,
        JobMode::Replace,
        JobMode::Add,
        JobMode::Remove,
        JobMode::Add,
        JobMode::Replace,
        JobMode::Remove,
        JobMode::Add,
    ]
    .into_iter()
    .enumerate()
    {
        let job_id = format!("job_{job}");
        let segment = id.as_deref().ok_or("Truth");
        let request = import(&job_id, mode, segment, &["email", "note"]);
        let announced = insist(&folder, &mut program, async |program| {
            let response = program.request(reqwest::Method::POST, "/v1/jobs").json(&request).send().await.ok()?;
            assert!(response.status().is_success(), "{}", response.text().await.unwrap());
            response.json::<model::contract::Job>().await.ok()
        })
        .await;
        id = announced.segment.id;
        if mode == JobMode::Replace {
            truth.clear();
        }
        let mut rows_sent = 0;
        for number in 1..=4 {
            let mut csv = "email,note\n".to_owned();
            for _ in 0..2_000 {
                let email = format!("p{}@x.org", rand::random_range(0..12_000));
                let note = format!("{job}.{number}.{rows_sent}");
                csv.push_str(&format!("{email},{note}\n"));
                rows_sent += 1;
                match mode {
                    JobMode::Remove => truth.remove(&email),
                    JobMode::Add | JobMode::Replace => truth.insert(email, note),
                };
            }
            insist(&folder, &mut program, async |program| {
                let response = program.part(&job_id, number, csv.as_bytes()).send().await.ok()?;
                assert!(response.status().is_success(), "{}", response.text().await.unwrap());
                Some(())
            })
            .await;
        }
        insist(&folder, &mut program, async |program| {
            let report = model::contract::StatusReport::complete(4, rows_sent);
            let path = format!("/v1/jobs/{job_id}/status");
            let response = program.request(reqwest::Method::PUT, &path).json(&report).send().await.ok()?;
            assert!(response.status().is_success(), "{}", response.text().await.unwrap());
            Some(())
        })
        .await;
        assert_eq!(Kept::Files.members(&folder, "Truth"), truth.keys().cloned().collect::<Vec<_>>());
        assert_eq!(Kept::Files.values(&folder, "Truth", "note"), truth.values().cloned().collect::<Vec<_>>());
    }
    drop(program.take());
    drop(folder.start());
    Kept::Files.assert_nothing_staged(&folder);
}
