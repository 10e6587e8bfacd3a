//! The pipeline: bytes of the source in, parts and rejects out, which another thread seals ([`super::sealing`]). It runs on a thread for
//! blocking work, between two bounded channels, so that memory depends on the size of a part and never on the audience; others may help it
//! to map ([`super::crew`]). It knows no endpoint, no run's state, no database.

use std::{
    cell::Cell,
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread::Scope,
};

use bytes::Bytes;
use model::{
    field::Field,
    id::RunId,
    mapping::{Finding, Mapping, Plan},
    reject::RejectCode,
    rows::{RawRow, RowError, RowReader},
    run::LeftEmpty,
};
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;

use super::{
    crew::{Batch, Crew, Hands, Mapped, Work},
    cutting::{Cut, Cutter, Limits},
    ledger::{
        identity::IdentityKey,
        sort::{Collector, Identification, Sorted},
    },
    payload_folder,
    runs::ReadingCounts,
    spare::Spare,
};
use crate::store::{PayloadError, PayloadKey, SealedObject};

/// What the async side feeds in.
#[derive(Debug)]
pub(super) enum Feed {
    /// A file of the source begins; what the producer said of it.
    Begin(Expectation),
    /// More of it.
    Bytes(Bytes),
    /// It ended as it should.
    End,
    /// All files came.
    Whole,
}

/// What the producer said of a file before it came.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Expectation {
    /// The number of the part; none when there is only the whole.
    pub(super) number: Option<u32>,
    pub(super) rows: Option<u64>,
    pub(super) bytes: Option<u64>,
    /// Hexadecimal; each must be right.
    pub(super) sha256: Vec<String>,
}

impl Expectation {
    /// "part 2", or "the data".
    fn name(&self) -> String {
        self.number.map_or_else(|| "the data".to_owned(), |number| format!("part {number}"))
    }

    /// " for part 2", or nothing.
    fn of_part(&self) -> String {
        self.number.map(|number| format!(" for part {number}")).unwrap_or_default()
    }
}

/// Counts that move while rows do; read by the async side.
#[derive(Debug, Default)]
pub(super) struct Progress {
    read: AtomicU64,
    valid: AtomicU64,
    bytes: AtomicU64,
}

impl Progress {
    /// Adds rows; those read before those valid, see [`Self::counts`].
    fn add_rows(&self, read: &Cell<u64>, valid: &Cell<u64>) {
        self.read.fetch_add(read.take(), Ordering::AcqRel);
        self.valid.fetch_add(valid.take(), Ordering::AcqRel);
    }

    /// What was counted so far.
    pub(super) fn counts(&self) -> ReadingCounts {
        // `valid` first: it never runs ahead of `read`.
        let valid = self.valid.load(Ordering::Acquire);
        let rejected_or_valid = self.read.load(Ordering::Acquire);
        ReadingCounts {
            read: rejected_or_valid,
            valid,
            rejected: rejected_or_valid.saturating_sub(valid),
            bytes: self.bytes.load(Ordering::Acquire),
        }
    }
}

/// What the pipeline hands over. Hashing and sealing it is for another thread, while the next rows are read.
pub(super) enum Made {
    /// Rows that belong together.
    Cut {
        cut: Box<Cut>,
        /// Values left empty since the last cut.
        left_empty: Vec<LeftEmpty>,
        /// The source's header, with the first cut.
        header: Option<Vec<String>>,
    },
    /// What only has to be put.
    Object(SealedObject),
    /// Nothing. It takes the place behind a cut, so that the next one waits until this one is stored: two parts are in memory, and not three.
    Pause,
}

/// Why the pipeline stopped before the end.
#[derive(Debug)]
pub(super) enum PipelineError {
    /// The feed ended without an end, or nobody takes the parts any more: the other side knows why.
    FeedEnded,
    /// The data can't be read.
    Unreadable(RowError, Option<u32>),
    /// A later file of the source has another header than the first.
    AnotherHeader(u32),
    /// The mapping and the header do not fit.
    Mapping(Vec<Finding>),
    /// The data is not what the producer said; the sentence says in what.
    Mismatch(String),
    /// Sealing failed.
    Payload(PayloadError),
}

/// One reading of the source.
pub(super) struct Pipeline {
    pub(super) mapping: Mapping,
    pub(super) destination_fields: Vec<Field>,
    pub(super) limits: Limits,
    pub(super) key: PayloadKey,
    pub(super) run_id: RunId,
    pub(super) progress: Arc<Progress>,
    /// How people are told apart, when they have to be.
    pub(super) telling: Option<Telling>,
    /// Who maps the rows.
    pub(super) hands: Hands,
    /// Where parts are filled.
    pub(super) spare: Spare,
}

/// How a run tells people apart.
#[derive(Clone)]
pub(super) struct Telling {
    pub(super) key: IdentityKey,
    /// The fields whose values are kept to find somebody by; empty when nobody will want them.
    pub(super) columns: Vec<String>,
    /// Whether what is sent of somebody is compared with what was sent before.
    pub(super) with_fingerprints: bool,
}

impl Telling {
    fn of(&self, plan: &Plan) -> Identification {
        let place = |name: &String| plan.targets().iter().position(|field| field.name == *name);
        Identification {
            key: self.key.clone(),
            identity: plan.identity(),
            identifiers: self.columns.iter().map(place).collect(),
            with_fingerprints: self.with_fingerprints,
        }
    }
}

impl From<PayloadError> for PipelineError {
    fn from(error: PayloadError) -> Self {
        Self::Payload(error)
    }
}

impl From<RowError> for PipelineError {
    fn from(error: RowError) -> Self {
        Self::Unreadable(error, None)
    }
}

/// What is known once the first header was read.
struct Shape<'scope, 'env> {
    header: Vec<String>,
    crew: Crew<'scope, 'env>,
    output: Output,
}

/// What becomes of mapped rows.
struct Output {
    cutter: Cutter,
    collector: Option<Collector>,
    left_empty: LeftEmptyCounts,
    /// The source's header, until it was handed over.
    header: Option<Vec<String>>,
    /// Cuts that were handed over.
    cuts: u32,
}

/// What a reading made, beside its parts.
pub(super) struct Whole {
    /// The rows that are fit to be sent, sorted by whom they are about; empty when nobody has to be told apart.
    pub(super) sorted: Sorted,
    /// The number of the last cut.
    pub(super) cuts: u32,
    /// The source's header.
    pub(super) header: Vec<String>,
}

/// Values left empty, by field and what was wrong: the reason, and how many.
type LeftEmptyCounts = BTreeMap<(String, RejectCode), (String, u64)>;

impl Pipeline {
    /// Reads all that is fed, until `Feed::Whole`. Blocks.
    pub(super) fn run(self, mut feed: mpsc::Receiver<Feed>, cuts: mpsc::Sender<Made>) -> Result<Whole, PipelineError> {
        std::thread::scope(|scope| {
            let mut reading = Reading { pipeline: &self, cuts, scope, shape: None };
            let read = reading.files(&mut feed);
            // What came before it broke off was read all the same.
            let settled = reading.settle();
            read.and(settled)?;
            reading.finish()
        })
    }
}

/// A reading under way.
struct Reading<'p, 'scope, 'env> {
    pipeline: &'p Pipeline,
    cuts: mpsc::Sender<Made>,
    scope: &'scope Scope<'scope, 'env>,
    shape: Option<Shape<'scope, 'env>>,
}

impl<'scope, 'env> Reading<'_, 'scope, 'env> {
    fn files(&mut self, feed: &mut mpsc::Receiver<Feed>) -> Result<(), PipelineError> {
        // Lines of the files before, as if all were one with one header.
        let mut earlier_lines = 0;
        loop {
            let expected = match feed.blocking_recv() {
                Some(Feed::Begin(expected)) => expected,
                Some(Feed::Whole) => return Ok(()),
                Some(Feed::Bytes(_) | Feed::End) | None => return Err(PipelineError::FeedEnded),
            };
            let read = self.file(feed, &expected, earlier_lines);
            earlier_lines += read.map_err(|error| match error {
                PipelineError::Unreadable(error, _) => PipelineError::Unreadable(error, expected.number),
                other => other,
            })?;
        }
    }

    /// Reads one file of the source. Gives the number of its lines, without its header's.
    fn file(
        &mut self,
        feed: &mut mpsc::Receiver<Feed>,
        expected: &Expectation,
        earlier_lines: u64,
    ) -> Result<u64, PipelineError> {
        let mut reader = RowReader::new();
        // Only what the producer said a digest of has to be hashed.
        let mut hasher = (!expected.sha256.is_empty()).then(Sha256::new);
        let (mut bytes, mut last) = (0_u64, b'\n');
        let mut header_checked = false;
        let mut on_row = |row: RawRow<'_>, reading: &mut Self| {
            let shape = reading.shape_for(row.header, expected, &mut header_checked)?;
            if shape.crew.add(earlier_lines + row.line, row.values) {
                shape.crew.send(false);
                reading.take_back(|crew| crew.is_busy())?;
            }
            Ok::<(), PipelineError>(())
        };
        loop {
            let next = match feed.try_recv() {
                Ok(next) => Some(next),
                Err(mpsc::error::TryRecvError::Empty) => {
                    // While the source keeps us waiting, what came is seen through.
                    self.catch_up(feed)?;
                    feed.blocking_recv()
                }
                Err(mpsc::error::TryRecvError::Disconnected) => None,
            };
            match next {
                Some(Feed::Bytes(chunk)) => {
                    if let Some(hasher) = &mut hasher {
                        hasher.update(&chunk);
                    }
                    let length = u64::try_from(chunk.len()).unwrap_or(u64::MAX);
                    bytes += length;
                    self.pipeline.progress.bytes.fetch_add(length, Ordering::AcqRel);
                    last = chunk.last().copied().unwrap_or(last);
                    reader.feed(&chunk, &mut |row| on_row(row, self))?;
                    check_beyond(expected, bytes, reader.rows())?;
                }
                Some(Feed::End) => break,
                Some(Feed::Begin(_) | Feed::Whole) | None => return Err(PipelineError::FeedEnded),
            }
        }
        // What the producer said of the bytes is compared first: it tells more about data that was cut off.
        check_bytes(expected, bytes, hasher.map(|hasher| hex::encode(hasher.finalize())).as_deref())?;
        reader.finish(&mut |row| on_row(row, self))?;
        if let Some(header) = reader.header() {
            // A file without a row has a header all the same.
            self.shape_for(header, expected, &mut header_checked)?;
        }
        if let Some(declared) = expected.rows
            && declared != reader.rows()
        {
            let (of, came) = (expected.of_part(), reader.rows());
            return Err(PipelineError::Mismatch(format!("declared {declared} rows{of}, but {came} came")));
        }
        let lines = reader.line_feeds() + u64::from(last != b'\n');
        Ok(lines.saturating_sub(1))
    }

    /// The shape of the first file; later ones must have the same header.
    fn shape_for(
        &mut self,
        header: &[String],
        expected: &Expectation,
        checked: &mut bool,
    ) -> Result<&mut Shape<'scope, 'env>, PipelineError> {
        let pipeline = self.pipeline;
        let shape = match &mut self.shape {
            Some(shape) => shape,
            none => {
                let plan = Plan::new(&pipeline.mapping, header, &pipeline.destination_fields)
                    .map_err(PipelineError::Mapping)?;
                let targets: Vec<&str> = plan.targets().iter().map(|field| field.name.as_str()).collect();
                let cutter = Cutter::new(pipeline.limits, header.len(), &targets, pipeline.spare.clone());
                let collector = pipeline.telling.as_ref().map(|_| {
                    let folder = super::sorted_folder(&payload_folder(&pipeline.run_id));
                    Collector::new(pipeline.key.clone(), folder)
                });
                let output = Output {
                    cutter,
                    collector,
                    left_empty: LeftEmptyCounts::new(),
                    header: Some(header.to_vec()),
                    cuts: 0,
                };
                let telling = pipeline.telling.as_ref().map(|telling| telling.of(&plan));
                let crew = Crew::new(self.scope, pipeline.hands.clone(), Work { plan, telling });
                none.insert(Shape { header: header.to_vec(), crew, output })
            }
        };
        if !*checked && shape.header != header {
            return Err(PipelineError::AnotherHeader(expected.number.unwrap_or(1)));
        }
        *checked = true;
        Ok(shape)
    }

    /// Takes batches back as long as some are out and it is so, and hands over what they fill.
    fn take_back(&mut self, is_so: impl Fn(&Crew<'_, '_>) -> bool) -> Result<(), PipelineError> {
        let Some(shape) = &mut self.shape else { return Ok(()) };
        while is_so(&shape.crew)
            && let Some(mut batch) = shape.crew.next()
        {
            shape.output.take(&mut batch, &self.cuts, &self.pipeline.progress)?;
            shape.crew.give_back(batch);
        }
        Ok(())
    }

    /// Sees through what came so far, as long as nothing else comes.
    fn catch_up(&mut self, feed: &mpsc::Receiver<Feed>) -> Result<(), PipelineError> {
        self.take_back(|_| feed.is_empty())?;
        if feed.is_empty() { self.settle() } else { Ok(()) }
    }

    /// Has all that came mapped, and takes it back.
    fn settle(&mut self) -> Result<(), PipelineError> {
        if let Some(shape) = &mut self.shape {
            shape.crew.send(true);
        }
        self.take_back(|_| true)
    }

    fn finish(self) -> Result<Whole, PipelineError> {
        let Some(Shape { header, output, .. }) = self.shape else { return Err(PipelineError::FeedEnded) };
        output.finish(header, &self.cuts)
    }
}

impl Output {
    /// Takes in what became of the rows of a batch.
    fn take(&mut self, batch: &mut Batch, cuts: &mpsc::Sender<Made>, progress: &Progress) -> Result<(), PipelineError> {
        // Since the progress was told last.
        let (read, valid) = (Cell::new(0), Cell::new(0));
        let taken = batch.take(|mapped| {
            let cut = match mapped {
                Mapped::LeftEmpty(misfit) => {
                    let key = (misfit.field.unwrap_or_default(), misfit.code);
                    self.left_empty.entry(key).or_insert((misfit.reason, 0)).1 += 1;
                    return Ok(());
                }
                Mapped::Fit { values, source, told } => {
                    valid.set(valid.get() + 1);
                    if let (Some(collector), Some((told, identifiers))) = (&mut self.collector, told) {
                        let mut put =
                            |object| cuts.blocking_send(Made::Object(object)).map_err(|_| PipelineError::FeedEnded);
                        collector.add(told, identifiers, &mut put)?;
                    }
                    self.cutter.send_written(values, source)
                }
                Mapped::Unfit { line, row, reject } => self.cutter.reject(line, row, reject),
            };
            read.set(read.get() + 1);
            match cut {
                Some(cut) => self.hand_over(cuts, cut),
                None => Ok(()),
            }
        });
        progress.add_rows(&read, &valid);
        taken
    }

    /// Hands a cut over, and waits until there is room for it.
    fn hand_over(&mut self, cuts: &mpsc::Sender<Made>, cut: Cut) -> Result<(), PipelineError> {
        self.cuts = cut.number;
        let left_empty = std::mem::take(&mut self.left_empty).into_iter();
        let left_empty = left_empty.map(|((field, code), (reason, rows))| LeftEmpty { field, code, reason, rows });
        let made = Made::Cut { cut: Box::new(cut), left_empty: left_empty.collect(), header: self.header.take() };
        for made in [made, Made::Pause] {
            cuts.blocking_send(made).map_err(|_| PipelineError::FeedEnded)?;
        }
        Ok(())
    }

    /// Hands over what is left.
    fn finish(mut self, header: Vec<String>, cuts: &mpsc::Sender<Made>) -> Result<Whole, PipelineError> {
        if let Some(cut) = self.cutter.finish() {
            self.hand_over(cuts, cut)?;
        }
        let mut put = |object| cuts.blocking_send(Made::Object(object)).map_err(|_| PipelineError::FeedEnded);
        let sorted = self.collector.map(|collector| collector.finish(&mut put)).transpose()?;
        Ok(Whole { sorted: sorted.unwrap_or_default(), cuts: self.cuts, header })
    }
}

/// What is more than was declared ends here, however much more is to come.
fn check_beyond(expected: &Expectation, bytes: u64, rows: u64) -> Result<(), PipelineError> {
    for (declared, came, what) in [(expected.bytes, bytes, "bytes"), (expected.rows, rows, "rows")] {
        if let Some(declared) = declared
            && came > declared
        {
            let of = expected.of_part();
            return Err(PipelineError::Mismatch(format!("declared {declared} {what}{of}, but more came")));
        }
    }
    Ok(())
}

fn check_bytes(expected: &Expectation, bytes: u64, sha256: Option<&str>) -> Result<(), PipelineError> {
    let name = expected.name();
    if let Some(declared) = expected.bytes
        && declared != bytes
    {
        return Err(PipelineError::Mismatch(format!("declared {declared} bytes for {name}, but {bytes} came")));
    }
    if expected.sha256.iter().any(|declared| !sha256.is_some_and(|came| declared.eq_ignore_ascii_case(came))) {
        return Err(PipelineError::Mismatch(format!(
            "declared another SHA-256 for {name} than its {bytes} bytes have"
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use model::{
        field::{FieldKind, FieldType},
        mapping::{Link, Source},
        transform::Transform,
    };
    use proptest::prelude::*;
    use tokio::sync::Semaphore;

    use super::*;
    use crate::{exchange::ledger::identity::IdentityKey, store::identity::new_id};

    fn mapping() -> (Mapping, Vec<Field>) {
        let link = |target: &str, transforms: &[Transform]| Link {
            target: target.to_owned(),
            source: Source::Field { name: target.to_owned() },
            transforms: transforms.to_vec(),
        };
        let links = vec![link("email", &[Transform::NormaliseEmail]), link("age", &[Transform::EmptyWhenInvalid])];
        let email = Field::new("email", FieldKind::Identifier, FieldType::Email).required();
        (Mapping { links }, vec![email, Field::new("age", FieldKind::Attribute, FieldType::Integer)])
    }

    /// Everything that a reading hands over, in order.
    #[derive(Debug, PartialEq)]
    enum Handed {
        Cut(Box<Cut>, Vec<LeftEmpty>, Option<Vec<String>>),
        /// How long it is: what is sealed looks different each time.
        Object(u64),
    }

    /// What it handed over, what it counted, and how it ended: how many rows were told apart, how many cuts there were, the header; or why not.
    type Came = (Vec<Handed>, ReadingCounts, Result<(u64, u32, Vec<String>), String>);

    /// What a reading of some files came to.
    fn read(files: &[Vec<u8>], piece: usize, limits: Limits, (threads, batch_bytes): (usize, usize)) -> Came {
        let (mapping, destination_fields) = mapping();
        let progress = Arc::new(Progress::default());
        let key = IdentityKey::derive(b"a secret");
        let columns = vec!["email".to_owned()];
        let pipeline = Pipeline {
            mapping,
            destination_fields,
            limits,
            key: PayloadKey::generate(),
            run_id: new_id("run_"),
            progress: progress.clone(),
            telling: Some(Telling { key, columns, with_fingerprints: true }),
            hands: Hands { threads: Arc::new(Semaphore::new(threads)), batch_bytes },
            spare: Spare::default(),
        };
        let (feed, fed) = mpsc::channel(1);
        let (cuts, mut made) = mpsc::channel(1);
        let (whole, handed) = std::thread::scope(|scope| {
            scope.spawn(move || {
                for file in files {
                    let pieces = file.chunks(piece).map(|piece| Feed::Bytes(Bytes::copy_from_slice(piece)));
                    let begin = std::iter::once(Feed::Begin(Expectation::default()));
                    for step in begin.chain(pieces).chain([Feed::End]) {
                        if feed.blocking_send(step).is_err() {
                            return;
                        }
                    }
                }
                let _the_pipeline_may_have_ended = feed.blocking_send(Feed::Whole);
            });
            let handed = scope.spawn(move || {
                let mut handed = Vec::new();
                while let Some(made) = made.blocking_recv() {
                    handed.extend(match made {
                        Made::Cut { cut, left_empty, header } => Some(Handed::Cut(cut, left_empty, header)),
                        Made::Object(object) => Some(Handed::Object(object.length())),
                        Made::Pause => None,
                    });
                }
                handed
            });
            (pipeline.run(fed, cuts), handed.join().expect("takes all"))
        });
        let whole = whole.map(|whole| (whole.sorted.rows, whole.cuts, whole.header));
        (handed, progress.counts(), whole.map_err(|error| format!("{error:?}")))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]

        #[test]
        fn what_a_reading_makes_does_not_depend_on_who_maps_or_on_the_pieces(
            rows in prop::collection::vec(
                prop_oneof![
                    6 => "[a-c]{1,6}@example\\.org,[0-9]{1,3}",
                    1 => "[a-c]{1,6}@example\\.org,x",
                    1 => "[a-c@]{0,6},[0-9]{1,3}",
                    1 => "[a-c]{1,6}@example\\.org",
                    1 => "\"[a-c]{1,6}@example\\.org\",\"[0-9]{1,3}\"",
                ],
                0..80,
            ),
            second in 0_usize..80,
            is_cut_off in any::<bool>(),
            piece in 1_usize..200,
            batch_bytes in 0_usize..300,
            most_rows in 1_u64..30,
            most_bytes in 60_usize..600,
        ) {
            let (first, second) = rows.split_at(second.min(rows.len()));
            let mut files: Vec<Vec<u8>> =
                [first, second].map(|rows| format!("email,age\r\n{}\r\n", rows.join("\r\n")).into_bytes()).into();
            if is_cut_off {
                files[1].extend_from_slice(b"\"somebody@exam");
            }
            let limits = Limits { rows: most_rows, bytes: most_bytes };
            let alone = read(&files, usize::MAX, limits, (0, usize::MAX));
            prop_assert_eq!(alone.2.is_err(), is_cut_off);
            prop_assert_eq!(alone.1.read, rows.len() as u64);
            for threads in 0..4 {
                prop_assert_eq!(&read(&files, piece, limits, (threads, batch_bytes)), &alone, "{} threads", threads);
            }
        }
    }

    #[test]
    fn threads_are_shared_by_all_readings_and_given_back() {
        let threads = Arc::new(Semaphore::new(2));
        let rows: String = (0..1000).map(|row| format!("a{row}@example.org,{row}\r\n")).collect();
        let file = Bytes::from(format!("email,age\r\n{rows}"));
        std::thread::scope(|scope| {
            for _ in 0..6 {
                scope.spawn(|| {
                    let (mapping, destination_fields) = mapping();
                    let progress = Arc::new(Progress::default());
                    let pipeline = Pipeline {
                        mapping,
                        destination_fields,
                        limits: Limits { rows: 100, bytes: 1 << 20 },
                        key: PayloadKey::generate(),
                        run_id: new_id("run_"),
                        progress: progress.clone(),
                        telling: None,
                        hands: Hands { threads: threads.clone(), batch_bytes: 500 },
                        spare: Spare::default(),
                    };
                    let (feed, fed) = mpsc::channel(4);
                    for step in [Feed::Begin(Expectation::default()), Feed::Bytes(file.clone()), Feed::End, Feed::Whole]
                    {
                        feed.try_send(step).expect("there is room for all");
                    }
                    let (cuts, made) = mpsc::channel(20);
                    pipeline.run(fed, cuts).expect("good data");
                    assert_eq!((progress.counts().valid, made.len()), (1000, 20), "ten parts, each with a pause");
                });
            }
        });
        assert_eq!(threads.available_permits(), 2);
    }

    #[test]
    fn when_nobody_takes_the_cuts_any_more_all_threads_end() {
        let (mapping, destination_fields) = mapping();
        let threads = Arc::new(Semaphore::new(3));
        let pipeline = Pipeline {
            mapping,
            destination_fields,
            limits: Limits { rows: 1, bytes: 1 << 20 },
            key: PayloadKey::generate(),
            run_id: new_id("run_"),
            progress: Arc::default(),
            telling: None,
            hands: Hands { threads: threads.clone(), batch_bytes: 1 },
            spare: Spare::default(),
        };
        let (feed, fed) = mpsc::channel(4);
        let rows: String = (0..100).map(|row| format!("a{row}@example.org,{row}\r\n")).collect();
        for step in [Feed::Begin(Expectation::default()), Feed::Bytes(Bytes::from(format!("email,age\r\n{rows}")))] {
            feed.try_send(step).expect("there is room");
        }
        let (cuts, made) = mpsc::channel(1);
        drop(made);
        assert!(matches!(pipeline.run(fed, cuts), Err(PipelineError::FeedEnded)));
        assert_eq!(threads.available_permits(), 3);
    }
}
