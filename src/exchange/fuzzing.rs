//! What has to hold whatever bytes come, for the fuzz targets in `fuzz/` and the tests that replay their corpus. Each function panics when it does
//! not hold. Nothing in the product calls them; they are only compiled for tests and with the feature `fuzzing`.
#![allow(
    clippy::panic,
    clippy::expect_used,
    clippy::unwrap_used,
    missing_docs,
    reason = "to panic is how these report"
)]

use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock},
};

use bytes::Bytes;
use model::{
    contract::JobMode,
    field::{Field, FieldKind, FieldType},
    mapping::{Link, Mapping, Source},
    rows::{RawRow, RowError, RowReader},
    transform::Transform,
};
use sha2::{Digest, Sha256};
use tokio::sync::{Semaphore, mpsc};

use super::{
    crew::Hands,
    cutting::Limits,
    hosted::{Coding, HostedError, unpack},
    pipeline::{Expectation, Feed, Made, Pipeline, PipelineError, Progress},
    spare::Spare,
};
use crate::store::{PayloadKey, identity::new_id};

/// What one reading of some bytes came to. Everything that must not depend on how they were sliced.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    /// Rows read, valid, rejected; as far as it came.
    counts: (u64, u64, u64),
    /// Each part: its number, rows, bytes and digest.
    parts: Vec<(u32, u64, u64, String)>,
    /// Rejected rows by code and field.
    rejected: BTreeMap<(String, Option<String>), u64>,
    end: Result<Vec<String>, String>,
}

fn mapping() -> &'static (Mapping, Vec<Field>) {
    static MAPPING: OnceLock<(Mapping, Vec<Field>)> = OnceLock::new();
    MAPPING.get_or_init(|| {
        let link = |target: &str, transforms| Link {
            target: target.to_owned(),
            source: Source::Field { name: target.to_owned() },
            transforms,
        };
        let links = vec![link("email", vec![Transform::NormaliseEmail]), link("name", Vec::new())];
        let mut email = Field::new("email", FieldKind::Identifier, FieldType::Email);
        email.required = true;
        (Mapping { links }, vec![email, Field::new("name", FieldKind::Attribute, FieldType::String)])
    })
}

/// Puts the bytes through the pipeline in slices of `slice` bytes, mapped in batches of so many bytes by so many threads.
fn read(data: &[u8], slice: usize, limits: Limits, (threads, batch_bytes): (usize, usize)) -> Outcome {
    let progress = Arc::new(Progress::default());
    let (mapping, destination_fields) = mapping().clone();
    let pipeline = Pipeline {
        mapping,
        destination_fields,
        limits,
        key: PayloadKey::from_bytes(&[7; 32]).expect("32 bytes"),
        run_id: new_id("run_"),
        progress: progress.clone(),
        telling: None,
        hands: Hands { threads: Arc::new(Semaphore::new(threads)), batch_bytes },
        spare: Spare::default(),
    };
    let chunks = data.chunks(slice.max(1)).map(|chunk| Feed::Bytes(Bytes::copy_from_slice(chunk)));
    let steps: Vec<Feed> =
        std::iter::once(Feed::Begin(Expectation::default())).chain(chunks).chain([Feed::End, Feed::Whole]).collect();
    let (feed, fed) = mpsc::channel(steps.len());
    for step in steps {
        feed.try_send(step).expect("there is room for all");
    }
    // A row has at least a byte and a line break, and makes one cut with its pause at most.
    let (made_in, mut made) = mpsc::channel::<Made>(data.len() + 4);
    let (run_id, key) = (pipeline.run_id.clone(), pipeline.key.clone());
    let end = pipeline.run(fed, made_in);
    let (mut parts, mut rejected) = (Vec::new(), BTreeMap::new());
    while let Ok(made) = made.try_recv() {
        let cut = made.seal(&run_id, &key, JobMode::Add).expect("seals");
        if let Some(part) = cut.part {
            assert!(part.rows > 0 && part.rows <= limits.rows, "a part of {} rows", part.rows);
            parts.push((part.number, part.rows, part.bytes, part.sha256));
        }
        for group in cut.groups {
            *rejected.entry((group.code.as_str().to_owned(), group.field)).or_default() += group.rows;
        }
    }
    let counts = progress.counts();
    let end = match end {
        Ok(whole) => Ok(whole.header),
        Err(PipelineError::Mapping(findings)) => Err(format!("{findings:?}")),
        Err(PipelineError::Unreadable(error, None)) => Err(error.to_string()),
        Err(other) => panic!("nothing else can go wrong here: {other:?}"),
    };
    if end.is_ok() {
        let listed: u64 = rejected.values().sum();
        assert_eq!((counts.rejected, counts.read), (listed, counts.valid + listed), "every row is accounted for");
        assert_eq!(parts.iter().map(|part| part.1).sum::<u64>(), counts.valid, "each fit row is in a part");
        assert!(parts.iter().zip(1..).all(|(part, number)| part.0 == number), "parts are numbered without a gap");
    }
    Outcome { counts: (counts.read, counts.valid, counts.rejected), parts, rejected, end }
}

/// Whatever comes from a producer ends in rows that are all accounted for, or in an error that says where; and how it is sliced on its way, and
/// who maps it, changes nothing. The first two bytes choose the slices and the limits of parts.
pub fn csv_intake(data: &[u8]) {
    let [slices, limit, data @ ..] = data else { return };
    let limits = Limits { rows: u64::from(*limit % 16) + 1, bytes: 64 + usize::from(*limit) * 8 };
    let whole = read(data, data.len(), limits, (0, usize::MAX));
    let sliced = read(data, usize::from(*slices % 64) + 1, limits, (usize::from(*slices % 3), usize::from(*slices)));
    match (&whole.end, &sliced.end) {
        // Of what ends in an error nothing is used; where it stopped must be the same.
        (Err(whole), Err(sliced)) => assert_eq!(whole, sliced),
        _ => assert_eq!(whole, sliced),
    }
    if whole.end.is_ok() {
        // A second reading of the same makes the same parts, as after a crash.
        assert_eq!(whole, read(data, 7, limits, (2, 1)));
    }
}

/// Whatever a PUSH producer sends as a part is taken as it is, or refused for a reason; and what was taken can be read. The first byte chooses the
/// coding, and whether a digest comes along.
pub fn part_upload(data: &[u8]) {
    const MOST_BYTES: usize = 64 * 1024;
    const MOST_ROWS: u64 = 1000;
    let [how, body @ ..] = data else { return };
    let encoding = ["", "identity", "gzip", "zstd", "br"][usize::from(*how % 5)].to_owned();
    let sha256 = match how / 5 % 3 {
        0 => None,
        1 => Some(Sha256::digest(body).to_vec()),
        _ => Some(vec![0; 32]),
    };
    let is_right = sha256.as_deref().is_none_or(|digest| digest == Sha256::digest(body).as_slice());
    let coding = Coding { encoding: encoding.clone(), sha256 };
    let wanted = vec!["email".to_owned()];
    let (part, csv) = match unpack(3, &coding, body, (MOST_BYTES, MOST_ROWS), &wanted) {
        Ok(taken) => taken,
        Err(HostedError::Refused { message, .. }) => {
            assert!(message.ends_with('.') && message.len() < 600, "a sentence: {message}");
            return;
        }
        Err(other) => panic!("nothing of ours can fail here: {other}"),
    };
    assert!(is_right, "what was changed on its way is not taken");
    assert_ne!(encoding, "br");
    if matches!(encoding.as_str(), "" | "identity") {
        assert_eq!(csv, body, "taken byte for byte");
    }
    assert!(csv.len() <= MOST_BYTES && part.rows.is_some_and(|rows| rows <= MOST_ROWS));
    assert_eq!(part.bytes, Some(csv.len() as u64));
    assert_eq!(part.sha256, Some(hex::encode(Sha256::digest(&csv))));
    let mut rows = 0;
    let mut reader = RowReader::new();
    let mut count = |_: RawRow<'_>| {
        rows += 1;
        Ok::<(), RowError>(())
    };
    for chunk in csv.chunks(5) {
        reader.feed(chunk, &mut count).expect("what was taken can be read");
    }
    reader.finish(&mut count).expect("what was taken can be read to its end");
    assert_eq!(part.rows, Some(rows));
    assert!(reader.header().is_some_and(|header| header.contains(&wanted[0])));
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    /// What the fuzzers found worth keeping, and what they began with.
    fn replay(target: &str, check: fn(&[u8])) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
        let mut files = 0;
        for entry in std::fs::read_dir(&folder).expect("the corpus is there") {
            let path = entry.expect("a file").path();
            let data = std::fs::read(&path).expect("can be read");
            let outcome = std::panic::catch_unwind(|| check(&data));
            assert!(outcome.is_ok(), "{}", path.display());
            files += 1;
        }
        assert!(files >= 10, "{} has only {files} files", folder.display());
    }

    #[test]
    fn csv_intake_stands_its_corpus() {
        replay("csv_intake", super::csv_intake);
    }

    #[test]
    fn part_upload_stands_its_corpus() {
        replay("part_upload", super::part_upload);
    }
}
