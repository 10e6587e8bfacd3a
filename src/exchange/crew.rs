//! Mapping rows on several threads. Rows are gathered into batches; each batch is mapped by whichever thread has nothing to do, and the batches are handed
//! out in the order in which their rows came, so that nothing that is made of them depends on how many threads there are.
//!
//! All runs of a process share its threads for mapping: a run that finds none left, or that has few rows, maps them where it reads them. What becomes
//! of mapped rows is not known here.

use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{self, Receiver, Sender},
    },
    thread::Scope,
};

use model::{
    mapping::{Plan, Row, RowBuffer, Rows},
    reject::Reject,
    rows::append_values,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{
    ledger::sort::{Identification, Told},
    rejects::append_source_row,
};

/// Batches that wait for a thread or are with it, for each thread.
const BATCHES_PER_THREAD: u64 = 2;

/// Who maps the rows of a run.
#[derive(Debug, Clone)]
pub(super) struct Hands {
    /// The process' threads for mapping; one is taken by each that is started.
    pub(super) threads: Arc<Semaphore>,
    /// Bytes of rows that are mapped together.
    pub(super) batch_bytes: usize,
}

impl Hands {
    /// With batches that are large beside what it costs to hand one over, and small beside a part.
    pub(super) fn new(threads: Arc<Semaphore>) -> Self {
        Self { threads, batch_bytes: 128 * 1024 }
    }
}

/// What is done with each row.
pub(super) struct Work {
    pub(super) plan: Plan,
    /// How people are told apart, when they have to be.
    pub(super) telling: Option<Identification>,
}

/// Rows as they came, with the line of each.
#[derive(Default)]
struct Came {
    rows: Rows,
    lines: Vec<u64>,
}

impl Came {
    fn push(&mut self, line: u64, row: Row<'_>) {
        self.rows.push(row);
        self.lines.push(line);
    }

    fn get(&self, index: usize) -> Option<(u64, Row<'_>)> {
        Some((*self.lines.get(index)?, self.rows.get(index)?))
    }

    fn clear(&mut self) {
        self.rows.clear();
        self.lines.clear();
    }
}

/// Rows that are mapped together, and what became of them. Used again and again, so that it allocates only while it grows.
#[derive(Default)]
pub(super) struct Batch {
    rows: Came,
    outcomes: Vec<Outcome>,
    /// Fit rows as a part has them.
    values: Vec<u8>,
    /// The same rows as they came.
    source: Vec<u8>,
    /// Whom each fit row is about, and where its identifiers end.
    told: Vec<(Told, usize)>,
    identifiers: Vec<u8>,
    /// Which row's value was left empty, and why.
    left_empty: Vec<(usize, Reject)>,
}

enum Outcome {
    /// Where it ends in `values` and `source`.
    Fit(usize, usize),
    Unfit(Box<Reject>),
}

/// What became of a row.
pub(super) enum Mapped<'b> {
    /// It is fit to be sent.
    Fit {
        /// As a part has it.
        values: &'b [u8],
        /// As it came.
        source: &'b [u8],
        /// Whom it is about, and its identifiers; when people are told apart.
        told: Option<(Told, &'b [u8])>,
    },
    /// A value of the row that comes next was left empty, for this reason.
    LeftEmpty(Reject),
    /// It is not.
    Unfit {
        /// Where it stands.
        line: u64,
        /// As it came.
        row: Row<'b>,
        /// Why.
        reject: &'b Reject,
    },
}

impl Batch {
    /// Takes what became of each row out of it, in order. Ends at the first error.
    pub(super) fn take<E>(&mut self, mut with: impl FnMut(Mapped<'_>) -> Result<(), E>) -> Result<(), E> {
        let mut left_empty = self.left_empty.drain(..).peekable();
        let mut told = self.told.iter();
        let (mut values_start, mut source_start, mut identifiers_start) = (0, 0, 0);
        for (index, outcome) in self.outcomes.iter().enumerate() {
            match outcome {
                Outcome::Fit(values_end, source_end) => {
                    while let Some((_, misfit)) = left_empty.next_if(|(of, _)| *of == index) {
                        with(Mapped::LeftEmpty(misfit))?;
                    }
                    let told = told.next().map(|(told, end)| {
                        let identifiers = &self.identifiers[identifiers_start..*end];
                        identifiers_start = *end;
                        (*told, identifiers)
                    });
                    let values = &self.values[values_start..*values_end];
                    let source = &self.source[source_start..*source_end];
                    (values_start, source_start) = (*values_end, *source_end);
                    with(Mapped::Fit { values, source, told })?;
                }
                Outcome::Unfit(reject) => {
                    let Some((line, row)) = self.rows.get(index) else { continue };
                    with(Mapped::Unfit { line, row, reject })?;
                }
            }
        }
        Ok(())
    }

    fn clear(&mut self) {
        self.rows.clear();
        self.outcomes.clear();
        self.values.clear();
        self.source.clear();
        self.told.clear();
        self.identifiers.clear();
        self.left_empty.clear();
    }
}

/// Maps batches, on one thread.
struct Mapper {
    work: Arc<Work>,
    output: RowBuffer,
    left_empty: Vec<Reject>,
}

impl Mapper {
    fn new(work: Arc<Work>) -> Self {
        Self { work, output: RowBuffer::new(), left_empty: Vec::new() }
    }

    fn map(&mut self, batch: &mut Batch) {
        for index in 0.. {
            let Some((line, row)) = batch.rows.get(index) else { break };
            let outcome = match self.work.plan.apply(row, &mut self.output, &mut self.left_empty) {
                Err(reject) => Outcome::Unfit(Box::new(reject)),
                Ok(()) => {
                    append_source_row(&mut batch.source, line, row);
                    append_values(&mut batch.values, self.output.row());
                    batch.left_empty.extend(self.left_empty.drain(..).map(|misfit| (index, misfit)));
                    if let Some(telling) = &self.work.telling {
                        let told = telling.tell(self.output.row(), &mut batch.identifiers);
                        batch.told.push((told, batch.identifiers.len()));
                    }
                    Outcome::Fit(batch.values.len(), batch.source.len())
                }
            };
            batch.outcomes.push(outcome);
        }
    }
}

/// A batch with its number.
type Numbered<B> = (u64, B);

/// The threads of one run, and the one that reads.
pub(super) struct Crew<'scope, 'env> {
    scope: &'scope Scope<'scope, 'env>,
    hands: Hands,
    /// For batches that are mapped here.
    mapper: Mapper,
    /// What is being filled.
    filling: Batch,
    /// Batches that were handed out again.
    spare: Vec<Batch>,
    to_map: Sender<Numbered<Batch>>,
    waiting: Arc<Mutex<Receiver<Numbered<Batch>>>>,
    mapped_in: Sender<Numbered<std::thread::Result<Batch>>>,
    mapped: Receiver<Numbered<std::thread::Result<Batch>>>,
    /// Mapped, but one before it is not.
    early: BTreeMap<u64, Batch>,
    threads: u64,
    /// The number of the next batch that goes out, and of the next that is handed out.
    next_out: u64,
    next_back: u64,
}

impl<'scope, 'env> Crew<'scope, 'env> {
    /// Nobody yet: threads are started in `scope` when there is something for them to do.
    pub(super) fn new(scope: &'scope Scope<'scope, 'env>, hands: Hands, work: Work) -> Self {
        let (to_map, waiting) = mpsc::channel();
        let (mapped_in, mapped) = mpsc::channel();
        Self {
            scope,
            hands,
            mapper: Mapper::new(Arc::new(work)),
            filling: Batch::default(),
            spare: Vec::new(),
            to_map,
            waiting: Arc::new(Mutex::new(waiting)),
            mapped_in,
            mapped,
            early: BTreeMap::new(),
            threads: 0,
            next_out: 0,
            next_back: 0,
        }
    }

    /// Adds a row. Whether there are enough of them to be [sent](Self::send).
    pub(super) fn add(&mut self, line: u64, row: Row<'_>) -> bool {
        self.filling.rows.push(line, row);
        self.filling.rows.rows.bytes() >= self.hands.batch_bytes
    }

    /// Has what was added mapped: by a thread, or here when there is none, or none is needed because nothing else will come for now.
    pub(super) fn send(&mut self, is_last: bool) {
        if self.filling.rows.lines.is_empty() {
            return;
        }
        let mut batch = std::mem::replace(&mut self.filling, self.spare.pop().unwrap_or_default());
        let number = self.next_out;
        self.next_out += 1;
        let is_alone = is_last && self.next_back == number;
        if !is_alone && self.has_threads() {
            // Nobody takes the other end away: it is with this one.
            let _sent = self.to_map.send((number, batch));
        } else {
            self.mapper.map(&mut batch);
            self.early.insert(number, batch);
        }
    }

    /// Whether as many batches are out as should be.
    pub(super) fn is_busy(&self) -> bool {
        self.next_out - self.next_back >= (self.threads * BATCHES_PER_THREAD).max(1)
    }

    /// Waits for the batch that went out first; none when none is out.
    pub(super) fn next(&mut self) -> Option<Batch> {
        if self.next_back == self.next_out {
            return None;
        }
        while !self.early.contains_key(&self.next_back) {
            // It can't fail: one sender is here.
            let (number, mapped) = self.mapped.recv().ok()?;
            match mapped {
                Ok(batch) => self.early.insert(number, batch),
                Err(panic) => resume_unwind(panic),
            };
        }
        let batch = self.early.remove(&self.next_back);
        self.next_back += 1;
        batch
    }

    /// Gives a batch back, of which nothing is needed any more.
    pub(super) fn give_back(&mut self, mut batch: Batch) {
        batch.clear();
        self.spare.push(batch);
    }

    /// Whether there are threads to map; starts one more when it may.
    fn has_threads(&mut self) -> bool {
        if let Ok(permit) = self.hands.threads.clone().try_acquire_owned() {
            let (work, waiting, mapped) = (self.mapper.work.clone(), self.waiting.clone(), self.mapped_in.clone());
            self.scope.spawn(move || serve(work, &waiting, &mapped, permit));
            self.threads += 1;
        }
        self.threads > 0
    }
}

/// Maps what waits, until nothing will come any more.
fn serve(
    work: Arc<Work>,
    waiting: &Mutex<Receiver<Numbered<Batch>>>,
    mapped: &Sender<Numbered<std::thread::Result<Batch>>>,
    _permit: OwnedSemaphorePermit,
) {
    let mut mapper = Mapper::new(work);
    loop {
        let next = waiting.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok((number, mut batch)) = next else { return };
        // Whoever waits for the batch has to hear of it.
        let outcome = catch_unwind(AssertUnwindSafe(|| mapper.map(&mut batch))).map(|()| batch);
        if mapped.send((number, outcome)).is_err() {
            return;
        }
    }
}
