//! Parts that are broken, repeated, packed or changed on the way.

use std::io::Write;

use model::contract::{JobMode, JobStatus, PartResult};
use reqwest::{Method, StatusCode};

use crate::consumer::{Kept, wherever_people_are_kept};
use crate::program::{Folder, Program, content_digest, import, refused};

async fn waiting(kept: Kept) -> (Folder, Program) {
    let folder = kept.contacts();
    let program = folder.start();
    program.announced(&import("job_1", JobMode::Add, Err("S"), &["email", "first_name"])).await;
    (folder, program)
}

wherever_people_are_kept! {
async fn a_repeated_part_gets_the_recorded_answer_and_is_not_applied_again(kept: Kept) {
    let (folder, program) = waiting(kept).await;
    let csv = "email,first_name\na@x.org,Ana\nbad,\n";
    let first = program.sent_part("job_1", 1, csv).await;
    if kept.in_tables() {
        folder.change("update contacts set first_name = 'Changed since'");
    }
    assert_eq!(program.sent_part("job_1", 1, csv).await, first);
    if kept.in_tables() {
        assert_eq!(kept.values(&folder, "S", "first_name"), ["Changed since"]);
    }

    refused(program.send_part("job_1", 1, "email,first_name\nb@x.org,Bo\n").await, 409, "part_differs").await;
    let done = program.reported("job_1", JobStatus::Complete, 1, 2).await;
    assert_eq!(done.counts.rows, 2, "the repeat does not count twice");
    assert_eq!(program.sent_part("job_1", 1, csv).await, first, "even after the end");
    refused(program.send_part("job_1", 2, csv).await, 409, "wrong_status").await;
    assert_eq!(kept.members(&folder, "S"), ["a@x.org"]);
    kept.assert_nothing_staged(&folder);
}

async fn a_part_that_changed_on_the_way_is_not_taken(kept: Kept) {
    let (folder, program) = waiting(kept).await;
    let csv = b"email,first_name\na@x.org,Ana\n";
    let send = |digest: String| {
        program.request(Method::PUT, "/v1/jobs/job_1/data/1").header("Content-Digest", digest).body(csv.to_vec()).send()
    };
    refused(send(content_digest(b"other")).await.unwrap(), 400, "digest_mismatch").await;
    refused(send("sha-256=nonsense".to_owned()).await.unwrap(), 400, "invalid_request").await;
    assert!(kept.members(&folder, "S").is_empty());
    let good = format!("sha-512=:AAAA:, {}", content_digest(csv));
    assert_eq!(send(good).await.unwrap().status(), StatusCode::OK);
    program.reported("job_1", JobStatus::Complete, 1, 1).await;
    assert_eq!(kept.members(&folder, "S"), ["a@x.org"]);
}

async fn parts_that_cannot_be_read_are_refused_whole_and_name_the_line(kept: Kept) {
    let (folder, program) = waiting(kept).await;
    let cases: [(&[u8], &str, &str); 9] = [
        (b"email,first_name\na@x.org,Ana\nb@x.org\n", "invalid_data", "line 3 has 1 values; the header has 2"),
        (b"email,first_name\na@x.org,\"two\nlines\"\nb@x.org,x,y\n", "invalid_data", "line 4 has 3 values"),
        (b"email,first_name\na@x.org,Ana\nb@x.org,\xff\n", "invalid_data", "Line 3 has bytes that are not UTF-8"),
        (b"email\na@x.org\n", "header_differs", "no column \"first_name\""),
        (b"email,first_name,note\na@x.org,,\n", "header_differs", "has 3 columns; the job announced 2"),
        (b"email,first_name,email\na@x.org,,\n", "header_differs", "has 3 columns; the job announced 2"),
        (b"", "header_differs", "no header"),
        (b"a@x.org,Ana\n", "header_differs", "no column \"email\""),
        (b"E-mail;first_name\na@x.org;Ana\n", "header_differs", "no column \"email\""),
    ];
    for (csv, code, expected) in cases {
        let detail = refused(program.part("job_1", 1, csv).send().await.unwrap(), 422, code).await;
        assert!(detail.contains(expected), "expected {expected:?} in {detail:?}");
    }
    let long = format!("email,first_name\na@x.org,{}\n", "x".repeat(1024 * 1024));
    let detail = refused(program.send_part("job_1", 1, &long).await, 422, "invalid_data").await;
    assert!(detail.contains("line 2"), "{detail}");
    assert!(kept.members(&folder, "S").is_empty());
    kept.assert_nothing_staged(&folder);

    // The number is still free for the part as it should be, with or without a byte order mark.
    program.sent_part("job_1", 1, "\u{feff}email,first_name\r\na@x.org,Ana\r\n").await;
    program.reported("job_1", JobStatus::Complete, 1, 1).await;
    assert_eq!(kept.members(&folder, "S"), ["a@x.org"]);
}

async fn parts_come_plain_or_packed(kept: Kept) {
    let (folder, program) = waiting(kept).await;
    let csv = |name: &str| format!("email,first_name\n{name}@x.org,{name}\n");
    let gzip = |bytes: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    };
    let send = async |part: u32, encoding: &str, body: Vec<u8>| {
        program.part("job_1", part, &body).header("Content-Encoding", encoding).send().await.unwrap()
    };
    assert_eq!(send(1, "gzip", gzip(csv("a").as_bytes())).await.status(), StatusCode::OK);
    assert_eq!(send(2, "zstd", zstd::encode_all(csv("b").as_bytes(), 3).unwrap()).await.status(), StatusCode::OK);
    assert_eq!(send(3, "identity", csv("c").into_bytes()).await.status(), StatusCode::OK);
    // The same rows packed in another way are the same part.
    assert_eq!(send(1, "identity", csv("a").into_bytes()).await.status(), StatusCode::OK);

    refused(send(4, "br", csv("d").into_bytes()).await, 415, "unsupported_encoding").await;
    refused(send(4, "gzip", csv("d").into_bytes()).await, 422, "invalid_data").await;
    let mut broken = gzip(csv("d").as_bytes());
    broken.truncate(broken.len() - 6);
    refused(send(4, "gzip", broken).await, 422, "invalid_data").await;
    let bomb = gzip(&vec![b' '; 65 * 1024 * 1024]);
    assert!(bomb.len() < 100_000);
    refused(send(4, "gzip", bomb).await, 413, "too_large").await;
    // Small, but to unpack it would take 128 MiB at once.
    let mut wide = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
    wide.window_log(27).unwrap();
    wide.write_all(csv("d").as_bytes()).unwrap();
    refused(send(4, "zstd", wide.finish().unwrap()).await, 422, "invalid_data").await;
    let html = program.request(Method::PUT, "/v1/jobs/job_1/data/4").header("Content-Type", "text/html").body("x");
    refused(html.send().await.unwrap(), 415, "unsupported_encoding").await;
    program.reported("job_1", JobStatus::Complete, 3, 3).await;
    assert_eq!(kept.members(&folder, "S"), ["a@x.org", "b@x.org", "c@x.org"]);
}

async fn parts_that_are_too_large_or_belong_nowhere_are_refused(kept: Kept) {
    let (folder, program) = waiting(kept).await;
    let many = format!("email,first_name\n{}", "a@x.org,Ana\n".repeat(30_001));
    refused(program.send_part("job_1", 1, &many).await, 413, "too_large").await;
    let huge = program.request(Method::PUT, "/v1/jobs/job_1/data/1").body(vec![b'x'; 33 * 1024 * 1024]).send().await;
    // The answer may overtake the body: then the connection is closed while we still write.
    if let Ok(response) = huge {
        refused(response, 413, "too_large").await;
    }
    for part in ["0", "-1", "x", "4294967296"] {
        let request = program.request(Method::PUT, &format!("/v1/jobs/job_1/data/{part}"));
        refused(request.body("email,first_name\n").send().await.unwrap(), 404, "no_such_part").await;
    }
    refused(program.send_part("job_unknown", 1, "email,first_name\n").await, 404, "no_such_job").await;
    assert!(kept.members(&folder, "S").is_empty());
    kept.assert_nothing_staged(&folder);

    let empty: PartResult = program.sent_part("job_1", 1, "email,first_name\n").await;
    assert_eq!((empty.received, empty.accepted), (0, 0));
}
}
