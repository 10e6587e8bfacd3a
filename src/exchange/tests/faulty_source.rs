//! What a run does when its source is not as it should be: it ends in a clear state that names the cause, and the destination is as it
//! was; or what can be mended by trying again is.

use std::{io::Write, time::Duration};

use model::{
    contract::JobStatus,
    reject::RejectCode,
    run::{FailureCode, Mode, RunState},
    view::RunView,
};

use super::{
    consumer::Temper,
    producer::Manner,
    scene::{Scene, people_csv},
};

const BEFORE: [(&str, &str); 1] = [("old@example.org", "Old")];

fn giving(data: impl Into<Vec<u8>>) -> Manner {
    Manner { data: vec![data.into()], ..Manner::default() }
}

/// Runs a replacement that must fail and leave the destination alone.
async fn fails(manner: Manner) -> RunView {
    let scene = Scene::new(manner, Temper::default()).await;
    scene.consumer.keep("seg-1", &BEFORE);
    let view = scene.share_and_settle(Mode::Replace).await;
    assert_eq!(view.summary.state, RunState::Failed, "{view:?}");
    assert_eq!(scene.consumer.segment("seg-1"), [("old@example.org".to_owned(), "Old".to_owned())]);
    assert_eq!(scene.consumer.puts(), (0, 0), "nothing was sent");
    assert!(message(&view).contains("The segment \u{201c}Readers\u{201d} is as it was."), "{}", message(&view));
    view
}

fn code(view: &RunView) -> FailureCode {
    view.failure.as_ref().expect("a failure").code
}

fn message(view: &RunView) -> &str {
    &view.failure.as_ref().expect("a failure").message
}

#[tokio::test]
async fn one_that_is_down_is_tried_again_and_then_named() {
    let mut scene = Scene::new(giving(people_csv(3)), Temper::default()).await;
    scene.stop_producer();
    let view = scene.share_and_settle(Mode::Add).await;
    assert_eq!((view.summary.state, code(&view)), (RunState::Failed, FailureCode::EndpointUnreachable));
    assert!(view.retries > 0);
    assert!(message(&view).starts_with("Harbor CRM"), "{}", message(&view));
}

#[tokio::test]
async fn one_that_refuses_the_key_is_not_asked_again() {
    let view = fails(Manner { refuses_key: true, ..giving(people_csv(3)) }).await;
    assert_eq!((code(&view), view.retries), (FailureCode::KeyRefused, 0));
}

#[tokio::test]
async fn one_that_answers_nonsense_is_named() {
    let view = fails(Manner { nonsense: Some("<html>Welcome!</html>".to_owned()), ..giving(people_csv(3)) }).await;
    assert_eq!(code(&view), FailureCode::NonsenseAnswer);
}

#[tokio::test]
async fn one_whose_export_fails_is_quoted() {
    let view =
        fails(Manner { job_fails: Some("The table is locked".to_owned()), pending_polls: 3, ..giving(people_csv(3)) })
            .await;
    assert_eq!(code(&view), FailureCode::EndpointFailed);
    assert!(message(&view).contains("The table is locked."), "{}", message(&view));
}

#[tokio::test]
async fn one_that_stops_sending_without_ending_runs_into_the_time_limit() {
    let view = fails(Manner { stalls_after: Some(30), ..giving(people_csv(3)) }).await;
    assert_eq!(code(&view), FailureCode::EndpointTimeout);
    assert!(message(&view).contains("byte 30"), "{}", message(&view));
}

#[tokio::test]
async fn data_that_breaks_off_names_the_byte() {
    let view = fails(Manner { breaks_off: Some((99, 40)), piece: 7, ..giving(people_csv(30)) }).await;
    assert_eq!(code(&view), FailureCode::SourceTruncated);
    assert!(message(&view).contains("byte 40"), "{}", message(&view));
}

#[tokio::test]
async fn data_that_breaks_off_once_is_read_again_from_the_start() {
    let scene = Scene::new(Manner { breaks_off: Some((1, 400)), ..giving(people_csv(50)) }, Temper::default()).await;
    let view = scene.share_and_settle(Mode::Replace).await;
    assert_eq!(view.summary.state, RunState::Complete, "{view:?}");
    assert_eq!(scene.producer.downloads(), 2);
    assert_eq!(view.summary.counts.read, 50, "what was read before does not count twice");
    assert_eq!(scene.consumer.segment("seg-1").len(), 50);
}

#[tokio::test]
async fn data_that_breaks_off_is_resumed_where_the_endpoint_gives_ranges() {
    let csv = people_csv(500);
    for (breaks_off, downloads) in [((3, 1_000), 4), ((1, 17), 2)] {
        let manner = Manner { breaks_off: Some(breaks_off), gives_ranges: true, piece: 7, ..giving(csv.clone()) };
        let scene = Scene::new(manner, Temper::default()).await;
        let view = scene.share_and_settle(Mode::Replace).await;
        assert_eq!(view.summary.state, RunState::Complete, "{view:?}");
        assert_eq!(scene.producer.downloads(), downloads);
        let expected: Vec<usize> = (1..downloads as usize).map(|times| times * breaks_off.1).collect();
        assert_eq!(scene.producer.resumed_from(), expected, "each from where the one before broke off");
        assert_eq!((view.summary.counts.read, scene.consumer.segment("seg-1").len()), (500, 500), "nothing twice");
        assert_eq!(view.summary.counts.bytes_read, csv.len() as u64);
    }
    // Without a byte of progress it is given up.
    let manner = Manner { breaks_off: Some((99, 0)), gives_ranges: true, ..giving(csv) };
    assert_eq!(code(&fails(manner).await), FailureCode::SourceTruncated);
}

/// Packed by zstd with a window of 2 to the power of `window_log` bytes.
fn zstd_packed(csv: &[u8], window_log: u32) -> Vec<u8> {
    let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).expect("zstd");
    // Of data whose length is known it would take no larger window than that.
    encoder.include_contentsize(false).expect("zstd");
    encoder.window_log(window_log).expect("zstd");
    encoder.write_all(csv).expect("zstd");
    encoder.finish().expect("zstd")
}

fn gzip_packed(csv: &[u8]) -> Vec<u8> {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(csv).expect("gzip");
    gzip.finish().expect("gzip")
}

#[tokio::test]
async fn packed_data_is_unpacked() {
    let csv = people_csv(500);
    let (first, second) = csv.split_at(csv.len() / 3);
    for (coding, packed, piece) in [
        ("gzip", gzip_packed(&csv), 7),
        ("zstd", zstd_packed(&csv, 23), 7),
        // Packed in two goes, one behind the other, as programs do that append (RFC 1952, 2.2; RFC 8878, 3).
        ("gzip", [gzip_packed(first), gzip_packed(second)].concat(), 0),
        ("x-gzip", [gzip_packed(first), gzip_packed(second)].concat(), 7),
        ("zstd", [zstd_packed(first, 20), zstd_packed(second, 20)].concat(), 0),
    ] {
        // An entity tag and a length are those of the packed bytes, and are not gone by.
        let manner = Manner { coding: Some(coding), gives_ranges: true, piece, ..giving(packed) };
        let scene = Scene::new(manner, Temper::default()).await;
        let view = scene.share_and_settle(Mode::Replace).await;
        assert_eq!(view.summary.state, RunState::Complete, "{coding}: {view:?}");
        assert_eq!((view.summary.counts.read, scene.consumer.segment("seg-1").len()), (500, 500));
        assert_eq!(view.summary.counts.bytes_read, csv.len() as u64);
    }
}

#[tokio::test]
async fn data_that_is_not_packed_as_it_says_or_costs_too_much_memory_is_refused() {
    let csv = people_csv(500);
    let mut cut_off = gzip_packed(&csv);
    cut_off.truncate(cut_off.len() / 2);
    for data in [csv.clone(), cut_off] {
        let view = fails(Manner { coding: Some("gzip"), ..giving(data) }).await;
        assert_eq!(code(&view), FailureCode::NonsenseAnswer);
        assert!(message(&view).contains("not gzip as it says"), "{}", message(&view));
    }
    let mut cut_off = zstd_packed(&csv, 20);
    cut_off.truncate(cut_off.len() / 2);
    for data in [csv.clone(), cut_off, zstd_packed(&csv, 27)] {
        let view = fails(Manner { coding: Some("zstd"), ..giving(data) }).await;
        assert_eq!(code(&view), FailureCode::NonsenseAnswer);
        assert!(message(&view).contains("not zstd as it says, or asks for a window above 8 MiB"), "{}", message(&view));
    }
}

#[tokio::test]
async fn data_that_ends_inside_quotes_names_the_line() {
    let view = fails(giving("email,name\r\na@example.org,Ann\r\nb@example.org,\"Ben")).await;
    assert_eq!(code(&view), FailureCode::SourceTruncated);
    assert!(message(&view).contains("line 3"), "{}", message(&view));
}

#[tokio::test]
async fn data_that_ends_before_the_last_value_names_the_line() {
    let view = fails(giving("email,name\r\na@example.org,Ann\r\nb@exam")).await;
    assert_eq!(code(&view), FailureCode::SourceTruncated);
    assert!(message(&view).contains("line 3"), "{}", message(&view));
}

#[tokio::test]
async fn a_last_row_without_a_line_end_is_a_row() {
    let scene = Scene::new(giving("email,name\na@example.org,Ann\nb@example.org,Ben"), Temper::default()).await;
    let view = scene.share_and_settle(Mode::Add).await;
    assert_eq!((view.summary.state, view.summary.counts.acknowledged), (RunState::Complete, 2));
}

#[tokio::test]
async fn wrong_counts_are_named() {
    let view = fails(Manner { declares: Some(5), ..giving(people_csv(3)) }).await;
    assert_eq!(code(&view), FailureCode::SourceMismatch);
    assert!(message(&view).contains("declared 5 rows, but 3 came"), "{}", message(&view));
}

#[tokio::test]
async fn what_is_more_than_was_declared_is_not_read_on_however_much_it_is() {
    // Without an end: it would never be known how many there are.
    for (lists_parts, what) in [(false, "declared 2 rows, but more came"), (true, "bytes for part 1, but more came")] {
        let manner = Manner { lists_parts, declares: Some(if lists_parts { 3 } else { 2 }), ..giving(people_csv(3)) };
        let view = fails(Manner { repeats_without_end: true, piece: 100, ..manner }).await;
        assert_eq!(code(&view), FailureCode::SourceMismatch);
        assert!(message(&view).contains(what), "{}", message(&view));
    }
}

#[tokio::test]
async fn a_wrong_digest_is_named() {
    let manner = Manner { lists_parts: true, digest: Some("ab".repeat(32)), ..giving(people_csv(3)) };
    let view = fails(manner).await;
    assert_eq!(code(&view), FailureCode::SourceMismatch);
    assert!(message(&view).contains("part 1"), "{}", message(&view));
}

#[tokio::test]
async fn a_wrong_digest_of_data_without_a_length_is_named() {
    let manner = Manner { content_digest: Some([7; 32]), ..giving(people_csv(3)) };
    let view = fails(manner).await;
    assert_eq!(code(&view), FailureCode::SourceMismatch);
    // Of packed data it says nothing: it is that of the bytes as they travel.
    let packed = gzip_packed(&people_csv(3));
    let manner = Manner { coding: Some("gzip"), content_digest: Some([7; 32]), ..giving(packed) };
    let scene = Scene::new(manner, Temper::default()).await;
    assert_eq!(scene.share_and_settle(Mode::Add).await.summary.state, RunState::Complete);
}

#[tokio::test]
async fn a_header_without_a_mapped_column_names_the_column() {
    let view = fails(giving("email,full name\r\na@example.org,Ann\r\n")).await;
    assert_eq!(code(&view), FailureCode::HeaderUnusable);
    assert!(message(&view).contains("\u{201c}name\u{201d}"), "{}", message(&view));
}

#[tokio::test]
async fn no_data_at_all_is_no_header() {
    let view = fails(giving("")).await;
    assert_eq!(code(&view), FailureCode::HeaderUnusable);
}

#[tokio::test]
async fn an_empty_audience_never_empties_a_destination_by_itself() {
    for rows in ["email,name\r\n", "email,name\r\n,Ann\r\n"] {
        let scene = Scene::new(giving(rows), Temper::default()).await;
        scene.consumer.keep("seg-1", &[("ann@example.org", "Ann"), ("bob@example.org", "Bob")]);
        // Even where the share's limit holds nothing.
        let run_id = scene.enqueue(scene.plan(Mode::Replace)).await;
        scene
            .wait_until(Duration::from_secs(30), async || scene.view(&run_id).await.summary.state == RunState::Held)
            .await;
        let hold = scene.view(&run_id).await.hold.expect("says why");
        assert_eq!((hold.before, hold.after), (2, 0));
        assert_eq!(scene.consumer.segment("seg-1").len(), 2);
        scene.hub.approve_run(&scene.actor, &run_id, "The list is closed.").await.expect("is held");
        let view = scene.settle(&run_id).await;
        assert!(matches!(view.summary.state, RunState::Complete | RunState::CompleteWithRejects), "{:?}", view.failure);
        assert_eq!(scene.consumer.segment("seg-1").len(), 0, "now it is meant");
    }
    let scene = Scene::new(giving("email,name\r\n"), Temper::default()).await;
    let view = scene.share_and_settle(Mode::Remove).await;
    assert_eq!(code(&view), FailureCode::NothingToSend);
    let view = scene.share_and_settle(Mode::Add).await;
    assert_eq!((view.summary.state, view.summary.counts.read), (RunState::Complete, 0));
    assert!(view.timeline.iter().any(|entry| entry.message.contains("The audience is empty")));
    assert!(scene.consumer.announced().is_empty());
}

#[tokio::test]
async fn a_segment_without_anybody_is_not_replaced_by_nobody() {
    let scene = Scene::new(giving("email,name\r\n,Ann\r\n,Ben\r\n"), Temper::default()).await;
    let view = scene.share_and_settle(Mode::Replace).await;
    assert_eq!(code(&view), FailureCode::NothingToSend);
    assert_eq!(view.summary.counts.rejected, 2);
    assert!(view.has_rejects, "the rows that were left out can be looked at");
    assert!(scene.consumer.announced().is_empty());
}

#[tokio::test]
async fn too_many_columns_and_too_long_rows_pass_a_limit() {
    let wide: Vec<String> = (0..600).map(|number| format!("column{number}")).collect();
    let view = fails(giving(format!("email,name,{}\r\n", wide.join(",")))).await;
    assert_eq!(code(&view), FailureCode::LimitPassed);
    let long = format!("email,name\r\na@example.org,Ann\r\nb@example.org,{}\r\n", "x".repeat(1_100_000));
    let view = fails(giving(long)).await;
    assert_eq!(code(&view), FailureCode::LimitPassed);
    assert!(message(&view).contains("line 3"), "{}", message(&view));
}

#[tokio::test]
async fn ten_thousand_columns_are_too_many_and_a_line_of_a_gigabyte_is_not_read_to_its_end() {
    let wide: Vec<String> = (0..10_000).map(|number| format!("column{number}")).collect();
    let view = fails(giving(format!("email,name,{}\r\n", wide.join(",")))).await;
    assert_eq!(code(&view), FailureCode::LimitPassed);
    assert!(message(&view).contains("10002 columns"), "{}", message(&view));
    // As many bytes as are asked for, without an end of the line; whoever stops asking has read little of it.
    let begun = "email,name\r\nann@example.org,Ann\r\n\"";
    let manner =
        Manner { repeats_without_end: true, piece: 64 * 1024, ..giving(begun.to_owned() + &"x".repeat(200_000)) };
    let scene = Scene::new(manner, Temper::default()).await;
    let view = scene.share_and_settle(Mode::Replace).await;
    assert_eq!(code(&view), FailureCode::LimitPassed);
    assert!(message(&view).contains("line 3"), "{}", message(&view));
    assert!(view.summary.counts.bytes_read < 4 << 20, "{} bytes were read", view.summary.counts.bytes_read);
    assert!(scene.consumer.announced().is_empty());
}

#[tokio::test]
async fn a_nul_is_a_character_like_any_other() {
    let manner = giving("email,name\r\nann@example.org,A\0n\r\n\0,No\r\nb\0b@example.org,Bob\r\n");
    let scene = Scene::new(manner, Temper::default()).await;
    let view = scene.share_and_settle(Mode::Replace).await;
    assert_eq!(view.summary.state, RunState::CompleteWithRejects, "{view:?}");
    scene.receipt(&view.summary.id).await.check().expect("adds up");
    assert_eq!((view.summary.counts.read, view.summary.counts.acknowledged), (3, 1));
    let people = scene.consumer.segment("seg-1");
    assert!(people.iter().any(|(email, row)| email == "ann@example.org" && row.contains("A\0n")), "{people:?}");
    let rejects = scene.rejects(&view.summary.id).await;
    assert!(rejects.windows(4).any(|bytes| bytes == b"b\0b@"), "given back byte for byte");
}

#[tokio::test]
async fn bom_and_line_ends_do_not_matter_whatever_the_pieces() {
    for text in [
        "\u{feff}email,name\r\na@example.org,\"Ann, \"\"A\"\"\"\r\nb@example.org,Zoë\r\n",
        "email,name\na@example.org,\"Ann, \"\"A\"\"\"\nb@example.org,Zoë\n",
        "\u{feff}\"email\",\"name\"\n\"a@example.org\",\"Ann, \"\"A\"\"\"\n\"b@example.org\",\"Zoë\"",
    ] {
        for piece in [1, 2, 3, 0] {
            let scene = Scene::new(Manner { piece, ..giving(text) }, Temper::default()).await;
            let view = scene.share_and_settle(Mode::Replace).await;
            assert_eq!(view.summary.state, RunState::Complete, "{view:?}");
            assert_eq!(
                scene.consumer.segment("seg-1"),
                [("a@example.org".to_owned(), "Ann, \"A\"".to_owned()), ("b@example.org".to_owned(), "Zoë".to_owned())]
            );
        }
    }
}

#[tokio::test]
async fn ragged_rows_and_broken_characters_are_rejected_with_their_line_and_their_bytes() {
    let mut data = b"email,name\r\na@example.org,Ann\r\nb@example.org\r\nc@example.org,Cy,extra\r\n".to_vec();
    data.extend_from_slice(b"d@example.org,D\xff\xfe\r\n\"e@example.org\",\"two\r\nlines\"\r\n,nobody\r\n");
    let scene = Scene::new(giving(data), Temper::default()).await;
    let view = scene.share_and_settle(Mode::Replace).await;
    assert_eq!(view.summary.state, RunState::CompleteWithRejects, "{view:?}");
    let counts = view.summary.counts;
    assert_eq!((counts.read, counts.valid, counts.rejected, counts.acknowledged), (6, 2, 4, 2));
    let names: Vec<String> = scene.consumer.segment("seg-1").into_iter().map(|(_, name)| name).collect();
    assert_eq!(names, ["Ann", "two\r\nlines"]);

    let rejects = scene.rejects(&view.summary.id).await;
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(rejects.as_slice());
    assert_eq!(
        reader.headers().expect("a header"),
        vec!["email", "name", "_error_code", "_error_field", "_error_reason", "_error_line"]
    );
    let rows: Vec<Vec<Vec<u8>>> =
        reader.byte_records().map(|row| row.expect("well-formed").iter().map(<[u8]>::to_vec).collect()).collect();
    let told: Vec<[&[u8]; 4]> = rows.iter().map(|row| [&*row[0], &*row[1], &*row[2], &*row[5]]).collect();
    let expected: [[&[u8]; 4]; 4] = [
        [b"b@example.org", b"", b"wrong_column_count", b"3"],
        [b"c@example.org", b"Cy", b"wrong_column_count", b"4"],
        [b"d@example.org", b"D\xff\xfe", b"invalid_utf8", b"5"],
        [b"", b"nobody", b"required_empty", b"8"],
    ];
    assert_eq!(told, expected);
    assert_eq!(rows[1][6], b"extra", "no value is lost");
    let codes: Vec<(RejectCode, u64)> = view.left_out.iter().map(|group| (group.code, group.rows)).collect();
    assert!(codes.contains(&(RejectCode::InvalidUtf8, 1)), "{codes:?}");
    assert_eq!(view.left_out.iter().map(|group| group.rows).sum::<u64>(), 4);
    scene.receipt(&view.summary.id).await.check().expect("adds up");
}

#[tokio::test]
async fn one_that_is_busy_is_waited_for() {
    let scene =
        Scene::new(Manner { unavailable: 3, pending_polls: 2, ..giving(people_csv(3)) }, Temper::default()).await;
    let view = scene.share_and_settle(Mode::Add).await;
    assert_eq!((view.summary.state, view.retries), (RunState::Complete, 3));
    let waited = view.timeline.iter().find(|entry| entry.message.starts_with("Waiting for Harbor CRM"));
    assert!(waited.expect("an entry").message.contains("503"), "{view:?}");
    assert!(view.waiting.is_none());
}

#[tokio::test]
async fn an_export_in_parts_is_read_in_order_and_told_complete() {
    let parts: Vec<Vec<u8>> = vec![
        b"email,name\r\na@example.org,Ann\r\n".to_vec(),
        b"email,name\r\n,Nobody\r\nb@example.org,Ben\r\n".to_vec(),
        b"email,name\r\nc@example.org,Cy\r\n,Nobody\r\n".to_vec(),
    ];
    let scene = Scene::new(
        Manner { data: parts, lists_parts: true, declares: Some(5), ..Manner::default() },
        Temper::default(),
    )
    .await;
    let view = scene.share_and_settle(Mode::Add).await;
    assert_eq!(view.summary.state, RunState::CompleteWithRejects, "{view:?}");
    assert_eq!(view.summary.counts.declared, Some(5));
    assert_eq!(scene.producer.reports(), [JobStatus::Complete]);
    let asked = &scene.producer.requests()[0];
    assert_eq!(asked.segment.id.as_deref(), Some("customers"));
    let names: Vec<&str> = asked.fields.iter().map(|field| field.name.as_str()).collect();
    assert_eq!(names, ["email", "name"]);
    // Lines are counted as if the parts were one file with one header.
    let rejects = scene.rejects(&view.summary.id).await;
    let lines: Vec<String> = csv::Reader::from_reader(rejects.as_slice())
        .records()
        .map(|row| row.expect("well-formed")[5].to_owned())
        .collect();
    assert_eq!(lines, ["3", "6"]);
}

#[tokio::test]
async fn parts_with_another_header_are_not_guessed_at() {
    let parts = vec![b"email,name\r\na@example.org,Ann\r\n".to_vec(), b"name,email\r\nBen,b@example.org\r\n".to_vec()];
    let view = fails(Manner { data: parts, lists_parts: true, ..Manner::default() }).await;
    assert_eq!(code(&view), FailureCode::HeaderUnusable);
    assert!(message(&view).contains("part 2"), "{}", message(&view));
}

#[tokio::test]
async fn a_failed_reading_starts_anew_when_it_is_tried_again() {
    let scene = Scene::new(Manner { declares: Some(5), ..giving(people_csv(3)) }, Temper::default()).await;
    let view = scene.share_and_settle(Mode::Add).await;
    assert_eq!(code(&view), FailureCode::SourceMismatch);
    scene.producer.change(|manner| manner.declares = Some(3));
    let view = scene.retry_and_settle(&view.summary.id).await;
    assert_eq!((view.summary.state, view.summary.counts.acknowledged), (RunState::Complete, 3));
    assert!(view.failure.is_none());
    scene.receipt(&view.summary.id).await.check().expect("adds up");
    scene.wait_until(Duration::from_secs(5), async || !scene.has_payload(&view.summary.id)).await;
}
