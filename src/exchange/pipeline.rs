//! The pipeline: bytes of the source in, parts and rejects out, which another thread seals. It runs on a thread for blocking work, between two bounded
//! channels, so that memory depends on the size of a part and never on the audience. It knows no endpoint, no run's state, no database.

use std::{
    cell::Cell,
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use model::{
    contract::JobMode,
    field::Field,
    id::RunId,
    mapping::{Finding, Mapping, Plan, RowBuffer},
    reject::RejectCode,
    rows::{RawRow, RowError, RowReader},
    run::{LeftEmpty, RejectGroup},
};
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;

use super::{
    cutting::{Cut, Cutter, Limits},
    ledger::{
        identity::IdentityKey,
        sort::{Collector, Identification, Sorted},
    },
    payload_folder,
    records::{PartRow, RejectStage},
    runs::ReadingCounts,
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
}

impl Made {
    /// Hashes and seals it. Costs processor time in proportion to its size.
    pub(super) fn seal(self, run_id: &RunId, key: &PayloadKey, job_mode: JobMode) -> Result<SealedCut, PayloadError> {
        match self {
            Self::Cut { cut, left_empty, header } => {
                let sealed = seal_cut(*cut, run_id, key, job_mode)?;
                Ok(SealedCut { left_empty, header, ..sealed })
            }
            Self::Object(object) => Ok(SealedCut {
                number: 0,
                objects: vec![object],
                part: None,
                rejected: None,
                groups: Vec::new(),
                left_empty: Vec::new(),
                header: None,
            }),
        }
    }
}

/// A cut, sealed: its objects, and what the database records of it.
pub(super) struct SealedCut {
    pub(super) number: u32,
    pub(super) objects: Vec<SealedObject>,
    pub(super) part: Option<PartRow>,
    pub(super) rejected: Option<u64>,
    pub(super) groups: Vec<RejectGroup>,
    /// Values left empty since the last cut.
    pub(super) left_empty: Vec<LeftEmpty>,
    /// The source's header, with the first cut.
    pub(super) header: Option<Vec<String>>,
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
struct Shape {
    header: Vec<String>,
    plan: Plan,
    cutter: Cutter,
    collector: Option<Collector>,
    left_empty: LeftEmptyCounts,
    /// The header was handed over.
    told: bool,
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
        let mut shape: Option<Shape> = None;
        // Lines of the files before, as if all were one with one header.
        let mut earlier_lines = 0;
        loop {
            let expected = match feed.blocking_recv() {
                Some(Feed::Begin(expected)) => expected,
                Some(Feed::Whole) => break,
                Some(Feed::Bytes(_) | Feed::End) | None => return Err(PipelineError::FeedEnded),
            };
            let read = self.file(&mut feed, &cuts, &expected, &mut shape, earlier_lines);
            earlier_lines += read.map_err(|error| match error {
                PipelineError::Unreadable(error, _) => PipelineError::Unreadable(error, expected.number),
                other => other,
            })?;
        }
        let Some(mut shape) = shape else { return Err(PipelineError::FeedEnded) };
        let left = std::mem::replace(&mut shape.cutter, Cutter::new(self.limits, 0, &[])).finish();
        let last_cut = left.as_ref().map(|cut| cut.number);
        if let Some(cut) = left {
            self.hand_over(&cuts, cut, &mut shape)?;
        }
        let mut put = |object| cuts.blocking_send(Made::Object(object)).map_err(|_| PipelineError::FeedEnded);
        let sorted = shape.collector.map(|collector| collector.finish(&mut put)).transpose()?;
        Ok(Whole { sorted: sorted.unwrap_or_default(), cuts: last_cut.unwrap_or(shape.cuts), header: shape.header })
    }

    /// Reads one file of the source. Gives the number of its lines, without its header's.
    fn file(
        &self,
        feed: &mut mpsc::Receiver<Feed>,
        cuts: &mpsc::Sender<Made>,
        expected: &Expectation,
        shape: &mut Option<Shape>,
        earlier_lines: u64,
    ) -> Result<u64, PipelineError> {
        let mut reader = RowReader::new();
        // Only what the producer said a digest of has to be hashed.
        let mut hasher = (!expected.sha256.is_empty()).then(Sha256::new);
        let (mut bytes, mut last) = (0_u64, b'\n');
        let mut header_checked = false;
        // Since the progress was told last.
        let (read, valid) = (Cell::new(0), Cell::new(0));
        let (mut output, mut left_empty) = (RowBuffer::new(), Vec::new());
        let mut on_row = |row: RawRow<'_>| {
            let shape = self.shape_for(shape, row.header, expected, &mut header_checked)?;
            let line = earlier_lines + row.line;
            read.set(read.get() + 1);
            let cut = match shape.plan.apply(row.values, &mut output, &mut left_empty) {
                Ok(()) => {
                    for misfit in left_empty.drain(..) {
                        let key = (misfit.field.unwrap_or_default(), misfit.code);
                        shape.left_empty.entry(key).or_insert((misfit.reason, 0)).1 += 1;
                    }
                    valid.set(valid.get() + 1);
                    if let Some(collector) = &mut shape.collector {
                        let mut put =
                            |object| cuts.blocking_send(Made::Object(object)).map_err(|_| PipelineError::FeedEnded);
                        collector.add(output.row(), &mut put)?;
                    }
                    shape.cutter.send(line, row.values, output.row())
                }
                Err(reject) => shape.cutter.reject(line, row.values, &reject),
            };
            match cut {
                Some(cut) => self.hand_over(cuts, cut, shape),
                None => Ok(()),
            }
        };
        loop {
            match feed.blocking_recv() {
                Some(Feed::Bytes(chunk)) => {
                    if let Some(hasher) = &mut hasher {
                        hasher.update(&chunk);
                    }
                    let length = u64::try_from(chunk.len()).unwrap_or(u64::MAX);
                    bytes += length;
                    self.progress.bytes.fetch_add(length, Ordering::AcqRel);
                    last = chunk.last().copied().unwrap_or(last);
                    let fed = reader.feed(&chunk, &mut on_row);
                    self.progress.add_rows(&read, &valid);
                    fed?;
                    check_beyond(expected, bytes, reader.rows())?;
                }
                Some(Feed::End) => break,
                Some(Feed::Begin(_) | Feed::Whole) | None => return Err(PipelineError::FeedEnded),
            }
        }
        // What the producer said of the bytes is compared first: it tells more about data that was cut off.
        check_bytes(expected, bytes, hasher.map(|hasher| hex::encode(hasher.finalize())).as_deref())?;
        let finished = reader.finish(&mut on_row);
        self.progress.add_rows(&read, &valid);
        finished?;
        if let Some(header) = reader.header() {
            // A file without a row has a header all the same.
            self.shape_for(shape, header, expected, &mut header_checked)?;
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
    fn shape_for<'s>(
        &self,
        shape: &'s mut Option<Shape>,
        header: &[String],
        expected: &Expectation,
        checked: &mut bool,
    ) -> Result<&'s mut Shape, PipelineError> {
        let shape = match shape {
            Some(shape) => shape,
            None => {
                let plan =
                    Plan::new(&self.mapping, header, &self.destination_fields).map_err(PipelineError::Mapping)?;
                let targets: Vec<&str> = plan.targets().iter().map(|field| field.name.as_str()).collect();
                let cutter = Cutter::new(self.limits, header.len(), &targets);
                let left_empty = LeftEmptyCounts::new();
                let collector = self.telling.as_ref().map(|telling| {
                    let folder = super::sorted_folder(&payload_folder(&self.run_id));
                    Collector::new(telling.of(&plan), self.key.clone(), folder)
                });
                shape.insert(Shape {
                    header: header.to_vec(),
                    plan,
                    cutter,
                    collector,
                    left_empty,
                    told: false,
                    cuts: 0,
                })
            }
        };
        if !*checked && shape.header != header {
            return Err(PipelineError::AnotherHeader(expected.number.unwrap_or(1)));
        }
        *checked = true;
        Ok(shape)
    }

    /// Hands a cut over, and waits until there is room for it.
    fn hand_over(&self, cuts: &mpsc::Sender<Made>, cut: Cut, shape: &mut Shape) -> Result<(), PipelineError> {
        shape.cuts = cut.number;
        let header = (!std::mem::replace(&mut shape.told, true)).then(|| shape.header.clone());
        let left_empty = std::mem::take(&mut shape.left_empty).into_iter();
        let left_empty = left_empty.map(|((field, code), (reason, rows))| LeftEmpty { field, code, reason, rows });
        let made = Made::Cut { cut: Box::new(cut), left_empty: left_empty.collect(), header };
        cuts.blocking_send(made).map_err(|_| PipelineError::FeedEnded)
    }
}

/// Hashes and seals what was cut.
pub(super) fn seal_cut(
    cut: Cut,
    run_id: &RunId,
    key: &PayloadKey,
    job_mode: JobMode,
) -> Result<SealedCut, PayloadError> {
    let folder = payload_folder(run_id);
    let mut objects = Vec::new();
    let mut seal = |path: String, bytes: Vec<u8>| {
        objects.push(SealedObject::seal(key, path, bytes)?);
        Ok::<(), PayloadError>(())
    };
    let part = match cut.part {
        None => None,
        Some(part) => {
            let row = PartRow {
                number: part.number,
                job_mode,
                job_number: part.number,
                acknowledged: false,
                rows: part.rows,
                bytes: u64::try_from(part.csv.len()).unwrap_or(u64::MAX),
                sha256: hex::encode(Sha256::digest(&part.csv)),
            };
            seal(super::part_path(&folder, part.number), part.csv)?;
            seal(super::source_path(&folder, part.number), part.source)?;
            Some(row)
        }
    };
    let rejected = match cut.rejects {
        None => None,
        Some((rows, bytes)) => {
            seal(super::reject_path(&folder, RejectStage::Read.ordinal(), cut.number), bytes)?;
            Some(rows)
        }
    };
    Ok(SealedCut {
        number: cut.number,
        objects,
        part,
        rejected,
        groups: cut.groups,
        left_empty: Vec::new(),
        header: None,
    })
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
